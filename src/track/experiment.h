/* SPDX-License-Identifier: Apache-2.0
 * Experiments: integer ids as in MLflow, "Default" is 0 and always there, names unique over active
 * and deleted ones. Functions run inside a transaction; results live in the caller's arena. */
#pragma once
#include "event/event.h"

/* A key and a value of a tag or parameter. */
struct track_pair {
    const char *key;
    const char *value;
};

/* Reads the (key, value) rows of a statement whose parameters are bound. */
int track_pairs_read(struct stmt *st, struct arena *a, struct track_pair **out, size_t *out_n,
                     struct err *err) WARN_UNUSED;

enum track_view { TRACK_ACTIVE, TRACK_DELETED, TRACK_ALL };

struct experiment {
    int64_t id;
    const char *project;
    const char *name;
    const char *artifact_location;
    const char *lifecycle_stage; /* "active" or "deleted" */
    int64_t creation_time_ms;
    int64_t last_update_time_ms;
    int64_t run_count; /* active runs; of a deleted experiment all */
};

struct experiment_new {
    const char *name;              /* 1 to 500 bytes */
    const char *artifact_location; /* NULL = <artifact_root>/<id> */
    const char *artifact_root;     /* NULL = mlflow-artifacts:/ */
    const struct track_pair *tags;
    size_t tag_n;
};

/* ERR_EXISTS "Experiment(name=…) already exists." */
int experiment_create(struct tx *tx, const struct cause *by, const struct experiment_new *e,
                      int64_t *out_id, struct err *err) WARN_UNUSED;
/* The experiment Default, while nothing was logged to it, keeps its artifacts below root. */
int experiment_default_place(struct tx *tx, const char *root, struct err *err) WARN_UNUSED;
/* The active experiment of that name, made when absent; ERR_CONFLICT when it is deleted. */
int experiment_ensure(struct tx *tx, const struct cause *by, const struct experiment_new *e,
                      int64_t *out_id, struct err *err) WARN_UNUSED;
/* By id or by name, deleted ones too; ERR_NOT_FOUND. */
int experiment_get(struct tx *tx, struct arena *a, int64_t id, struct experiment *out,
                   struct err *err) WARN_UNUSED;
/* experiment_get without the count of runs (-1), which grows with the experiment. */
int experiment_brief(struct tx *tx, struct arena *a, int64_t id, struct experiment *out,
                     struct err *err) WARN_UNUSED;
int experiment_find(struct tx *tx, struct arena *a, const char *project, const char *name,
                    struct experiment *out, struct err *err) WARN_UNUSED;
/* Id text ("3") or name; not found errors say what was near. */
int experiment_resolve(struct tx *tx, struct arena *a, const char *project, const char *text,
                       struct experiment *out, struct err *err) WARN_UNUSED;
/* Newest first; at most 10000. */
int experiment_list(struct tx *tx, struct arena *a, const char *project, enum track_view view,
                    struct experiment **out, size_t *out_n, struct err *err) WARN_UNUSED;
int experiment_rename(struct tx *tx, const struct cause *by, int64_t id, const char *name,
                      struct err *err) WARN_UNUSED;
/* Deleting takes the runs along, restoring makes all of them active again. ERR_NOT_FOUND when the
 * experiment is not in the other state. */
int experiment_delete(struct tx *tx, const struct cause *by, int64_t id,
                      struct err *err) WARN_UNUSED;
int experiment_restore(struct tx *tx, const struct cause *by, int64_t id,
                       struct err *err) WARN_UNUSED;

int experiment_tag_set(struct tx *tx, const struct cause *by, int64_t id,
                       const struct track_pair *tag, struct err *err) WARN_UNUSED;
int experiment_tag_delete(struct tx *tx, const struct cause *by, int64_t id, const char *key,
                          struct err *err) WARN_UNUSED;
int experiment_tags(struct tx *tx, struct arena *a, int64_t id, struct track_pair **out,
                    size_t *out_n, struct err *err) WARN_UNUSED;
