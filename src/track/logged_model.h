/* SPDX-License-Identifier: Apache-2.0
 * Logged models of MLflow 3: what a training script saved, before (or without) being registered:
 * name, status, parameters, tags, metrics with the data they were measured on. And which run read
 * or made which. Ids are "m-" and 32 hex digits. Functions run inside a transaction; results live
 * in the caller's arena. */
#pragma once
#include "track/metric.h"

enum { LOGGED_MODEL_TEXT = HEX32_TEXT + 2 };
enum logged_model_status {
    LOGGED_MODEL_UNSPECIFIED,
    LOGGED_MODEL_PENDING,
    LOGGED_MODEL_READY,
    LOGGED_MODEL_UPLOAD_FAILED
};

struct logged_model {
    const char *id;
    int64_t experiment_id;
    const char *name;
    const char *artifact_location;
    const char *model_type;
    const char *source_run_id;
    enum logged_model_status status;
    const char *lifecycle_stage;
    int64_t creation_time_ms, last_update_time_ms;
};

/* A metric of a model; strings may be NULL but for key and run_id. */
struct logged_metric {
    const char *key;
    struct metric_point point;
    const char *run_id, *dataset_name, *dataset_digest;
};

/* name NULL = made of two words and a number; id, location, times and status are assigned. */
int logged_model_create(struct tx *tx, const struct cause *by, const struct logged_model *m,
                        const char *experiment_location, char out_id[LOGGED_MODEL_TEXT],
                        struct err *err) WARN_UNUSED;
/* Deleted ones too; ERR_NOT_FOUND. */
int logged_model_get(struct tx *tx, struct arena *a, const char *id, struct logged_model *out,
                     struct err *err) WARN_UNUSED;
/* Those of one experiment that are not deleted, newest first. */
int logged_model_list(struct tx *tx, struct arena *a, int64_t experiment_id,
                      struct logged_model **out, size_t *out_n, struct err *err) WARN_UNUSED;
int logged_model_set_status(struct tx *tx, const struct cause *by, const char *id,
                            enum logged_model_status status, struct err *err) WARN_UNUSED;
int logged_model_delete(struct tx *tx, const struct cause *by, const char *id,
                        struct err *err) WARN_UNUSED;

/* ERR_EXISTS when the parameter is there. */
int logged_model_param_add(struct tx *tx, const char *id, const struct track_pair *p,
                           struct err *err) WARN_UNUSED;
int logged_model_params(struct tx *tx, struct arena *a, const char *id, struct track_pair **out,
                        size_t *out_n, struct err *err) WARN_UNUSED;
int logged_model_tag_set(struct tx *tx, const char *id, const struct track_pair *t,
                         struct err *err) WARN_UNUSED;
/* ERR_NOT_FOUND when there is none. */
int logged_model_tag_delete(struct tx *tx, const char *id, const char *key,
                            struct err *err) WARN_UNUSED;
int logged_model_tags(struct tx *tx, struct arena *a, const char *id, struct track_pair **out,
                      size_t *out_n, struct err *err) WARN_UNUSED;
/* The same point again changes nothing. */
int logged_model_metric_log(struct tx *tx, const char *id, const struct logged_metric *m,
                            struct err *err) WARN_UNUSED;
int logged_model_metrics(struct tx *tx, struct arena *a, const char *id, struct logged_metric **out,
                         size_t *out_n, struct err *err) WARN_UNUSED;

/* ---- models of runs ---- */

struct run_model {
    const char *model_id;
    int64_t step;
};
/* output: the run made the model at that step; else it read it. Twice is once. */
int run_model_add(struct tx *tx, const char *run_id, int output, const struct run_model *m,
                  struct err *err) WARN_UNUSED;
int run_models(struct tx *tx, struct arena *a, const char *run_id, int output,
               struct run_model **out, size_t *out_n, struct err *err) WARN_UNUSED;
/* Which runs of a list have inputs (RUN_HAS_INPUTS), models read and models made: a page of runs
 * asks once instead of three times a run. out has n entries. */
enum { RUN_HAS_INPUTS = 1, RUN_HAS_MODELS_IN = 2, RUN_HAS_MODELS_OUT = 4, RUN_HAS_ALL = 7 };
int run_links(struct tx *tx, const struct run *list, size_t n, unsigned char *out,
              struct err *err) WARN_UNUSED;

/* ---- tags of inputs ---- */

int run_input_tag_set(struct tx *tx, const char *run_id, const char *dataset_id,
                      const struct track_pair *t, struct err *err) WARN_UNUSED;
int run_input_tags(struct tx *tx, struct arena *a, const char *run_id, const char *dataset_id,
                   struct track_pair **out, size_t *out_n, struct err *err) WARN_UNUSED;
