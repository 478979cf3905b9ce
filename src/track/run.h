/* SPDX-License-Identifier: Apache-2.0
 * Runs: 32 hex digits, soft deletion, parameters written once, tags, metrics with latest, minimum
 * and maximum beside the run. Functions run inside a transaction; results live in the caller's
 * arena. Creation, status, name and life cycle are events; parameters, tags and points are data. */
#pragma once
#include "base/rng.h"
#include "track/experiment.h"

struct run {
    const char *id;
    int64_t experiment_id;
    const char *experiment; /* its name */
    const char *project;
    const char *name;
    const char *status;        /* "RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED" */
    const char *status_reason; /* NULL = none */
    const char *user;
    int64_t start_time_ms;
    int64_t end_time_ms; /* -1 = not ended */
    const char *lifecycle_stage;
    const char *artifact_uri;
    int64_t attempt;        /* number of the newest one; 0 = made by a client, without attempts */
    const char *model_name; /* registered under this when it ends well; NULL = none */
    const char *dataset_name, *dataset_digest; /* of the first input; NULL = none */
    const char *result_digest;                 /* blob of the result file; NULL = none */
    const char *code_json, *environment_json;  /* NULL = unknown */
    int64_t seed;
    int has_seed;
};

struct run_new {
    int64_t experiment_id;
    const char *id;           /* NULL = a fresh one */
    const char *name;         /* NULL = made of two words and a number */
    const char *user;         /* NULL = "" */
    const char *status;       /* NULL = "RUNNING" */
    int64_t start_time_ms;    /* negative = now */
    const char *artifact_uri; /* NULL = <experiment's location>/<id>/artifacts */
    const char *model_name;
    const char *code_json;
    int64_t seed;
    int has_seed;
};

int run_create(struct tx *tx, const struct cause *by, const struct run_new *r,
               char out_id[HEX32_TEXT], struct err *err) WARN_UNUSED;
int run_get(struct tx *tx, struct arena *a, const char *id, struct run *out,
            struct err *err) WARN_UNUSED;
/* A whole id, a unique prefix of at least 4 digits, or "latest". ERR_CONFLICT when several match.
 */
int run_resolve(struct tx *tx, struct arena *a, const char *project, const char *text,
                struct run *out, struct err *err) WARN_UNUSED;

/* What shall be different; NULL and negative leave things as they are. */
struct run_change {
    const char *status;
    const char *status_reason;
    const char *name;
    int64_t end_time_ms; /* -1 = unchanged */
    const char
        *only_from[3]; /* statuses that allow the change; all NULL = any. ERR_CONFLICT otherwise */
    int64_t attempt;   /* 0 = unchanged */
    const char *result_digest, *environment_json, *code_json;
};
#define RUN_CHANGE_INIT                                                                            \
    {                                                                                              \
        .end_time_ms = -1                                                                          \
    }
int run_update(struct tx *tx, const struct cause *by, const char *id, const struct run_change *c,
               struct err *err) WARN_UNUSED;
/* RUNNING or SCHEDULED → FINISHED, FAILED or KILLED, now. ERR_CONFLICT when it has ended already.
 */
int run_finish(struct tx *tx, const struct cause *by, const char *id, const char *status,
               const char *reason, struct err *err) WARN_UNUSED;
int run_delete(struct tx *tx, const struct cause *by, const char *id, struct err *err) WARN_UNUSED;
int run_restore(struct tx *tx, const struct cause *by, const char *id, struct err *err) WARN_UNUSED;
int run_status_is_valid(const char *status);
/* 1 for FINISHED, FAILED, KILLED. */
int run_status_is_ended(const char *status);

/* Written once: the same value again is fine, another one ERR_INVALID. Needs an active run. */
int run_param_log(struct tx *tx, const char *run_id, const struct track_pair *p,
                  struct err *err) WARN_UNUSED;
int run_params(struct tx *tx, struct arena *a, const char *run_id, struct track_pair **out,
               size_t *out_n, struct err *err) WARN_UNUSED;
/* The tag mlflow.runName and the run's name stay the same. */
int run_tag_set(struct tx *tx, const struct cause *by, const char *run_id,
                const struct track_pair *t, struct err *err) WARN_UNUSED;
/* The same two for a run that is known to be active in this transaction: batches ask once. */
int run_param_append(struct tx *tx, const char *run_id, const struct track_pair *p,
                     struct err *err) WARN_UNUSED;
int run_tag_append(struct tx *tx, const struct cause *by, const char *run_id,
                   const struct track_pair *t, struct err *err) WARN_UNUSED;
int run_tag_delete(struct tx *tx, const char *run_id, const char *key, struct err *err) WARN_UNUSED;
int run_tags(struct tx *tx, struct arena *a, const char *run_id, struct track_pair **out,
             size_t *out_n, struct err *err) WARN_UNUSED;
/* ERR_INVALID when deleted, ERR_NOT_FOUND when there is none: asked before every write of data. */
int run_require_active(struct tx *tx, const char *run_id, struct err *err) WARN_UNUSED;
