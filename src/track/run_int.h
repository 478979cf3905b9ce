/* SPDX-License-Identifier: Apache-2.0
 * Rows of runs, shared by the look-ups and the search. */
#pragma once
#include "codec/expr.h"
#include "track/run.h"

#define RUN_COLUMNS                                                                                \
    "r.run_id, r.experiment_id, e.name, e.project, r.name, r.status, r.status_reason, r.user_id,"  \
    " r.start_time_ms, r.end_time_ms, r.lifecycle_stage, r.artifact_uri, r.attempt, r.model_name," \
    " r.dataset_name, r.dataset_digest, r.result_digest, r.code_json, r.environment_json, r.seed"  \
    " FROM runs r JOIN experiments e ON e.experiment_id = r.experiment_id"

void run__read(const struct stmt *st, struct arena *a, struct run *r);
/* The value of one parameter or tag; *out = NULL when there is none. */
int run__param(struct tx *tx, struct arena *a, const char *run_id, const char *key,
               const char **out, struct err *err) WARN_UNUSED;
int run__tag(struct tx *tx, struct arena *a, const char *run_id, const char *key, const char **out,
             struct err *err) WARN_UNUSED;
/* The search language over one run. Types and values as expr.h asks for them; arg of
 * run__value_of is a struct run_look. Of the run only its id is looked at unless
 * run__is_of_row(name). */
struct run_look {
    struct tx *tx;
    struct arena *a; /* scratch of one row */
    const struct run *run;
    int metric_parts;
};
int run__type_of(void *arg, const struct expr *name, enum expr_type *out,
                 struct err *err) WARN_UNUSED;
int run__value_of(void *arg, const struct expr *name, struct expr_value *out,
                  struct err *err) WARN_UNUSED;
int run__is_of_row(const struct expr *name);
/* "quiet-harbor-17": what is called nothing else. */
void run__made_name(char out[64]);
