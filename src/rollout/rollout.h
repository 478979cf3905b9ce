/* SPDX-License-Identifier: Apache-2.0
 * Moving an endpoint from one version to another: deploy, promote, roll back. Each is one
 * transaction with its event, and moves the model's alias `champion`. What is recorded is desired
 * state; a server on the data folder serves it (follow.h). Any thread. */
#pragma once
#include "rollout/endpoint.h"

#define ROLLOUT_ALIAS "champion"

struct rollout_change {
    struct cause by;
    const char *endpoint; /* name */
    const char *model;    /* deploy only */
    const char *version; /* "3", "@alias", "latest"; NULL = newest (deploy, promote), the one before
                            (rollback) */
    const char *rollout; /* promote only: not unless this one runs on; NULL = whatever does */
};

struct rollout_done {
    int created;     /* the endpoint is new */
    int changed;     /* 0: it was like that already */
    int64_t version; /* that is to be served now */
    int64_t before;  /* 0 = none */
};

/* Creates the endpoint or sets model and version; the same again changes nothing. ERR_NOT_FOUND:
 * model or version; ERR_CONFLICT: the version has no model file that can be served. */
int rollout_deploy(struct store *s, const struct rollout_change *c, struct rollout_done *out,
                   struct err *err) WARN_UNUSED;
/* Without a version: the candidate of the rollout under way, else the newest. ERR_CONFLICT: that
 * version serves already, its gates did not pass (its record or a fact "gate.*" says so), or the
 * rollout that c names does not run any more. */
int rollout_promote(struct store *s, const struct rollout_change *c, struct rollout_done *out,
                    struct err *err) WARN_UNUSED;
/* To the version served before, or to any that was; ERR_CONFLICT when there is none. Without a
 * version while a rollout is under way: the candidate is sent back and what serves stays. */
int rollout_rollback(struct store *s, const struct rollout_change *c, struct rollout_done *out,
                     struct err *err) WARN_UNUSED;
int rollout_delete(struct store *s, const struct rollout_change *c, struct err *err) WARN_UNUSED;
