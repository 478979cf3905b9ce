/* SPDX-License-Identifier: Apache-2.0
 * What the files of rollout/ share about rollouts; inside a transaction. */
#pragma once
#include "registry/version.h"
#include "rollout/canary.h"

/* The event of a change from r to `to`; the reason is the cause's, else that of `to`. */
int canary__tell(struct tx *tx, struct arena *a, const struct cause *by, const char *kind,
                 const struct canary_row *r, const struct canary_row *to,
                 struct err *err) WARN_UNUSED;
/* Ends a rollout: state promoted or rolled_back, with its event. */
int canary__end(struct tx *tx, struct arena *a, const struct cause *by, const struct canary_row *r,
                const char *state, const char *reason, struct err *err) WARN_UNUSED;
/* rollout.c: the version that c names of the endpoint's model, which may be brought in: it is not
 * the one that serves, has a model file, and its gates passed. */
int rollout__candidate(struct tx *tx, struct arena *a, const struct rollout_change *c,
                       const struct endpoint_row *row, struct version *out,
                       struct err *err) WARN_UNUSED;
