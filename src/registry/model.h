/* SPDX-License-Identifier: Apache-2.0
 * Registered models with aliases and tags. Functions run inside a transaction of the store; results
 * live in the caller's arena; every change is an event in the same transaction. */
#pragma once
#include "track/run.h"

struct model {
    const char *id; /* UUIDv7; stays when the model is renamed */
    const char *project;
    const char *name;
    const char *description;
    int64_t creation_time_ms, last_update_time_ms;
    int64_t latest_version; /* the greatest not deleted; 0 = none */
    int64_t version_count;  /* not deleted */
};

/* 1 to 250 bytes of UTF-8 without '/', ':' and control characters, not "." or "..". */
int model_name_check(const char *name, struct err *err) WARN_UNUSED;
/* ERR_EXISTS "Registered Model (name=…) already exists." description may be NULL. */
int model_create(struct tx *tx, const struct cause *by, const char *name, const char *description,
                 char out_id[UUID_TEXT], struct err *err) WARN_UNUSED;
/* The model of that name, made when absent. */
int model_ensure(struct tx *tx, const struct cause *by, const char *name, char out_id[UUID_TEXT],
                 struct err *err) WARN_UNUSED;
/* ERR_NOT_FOUND says which name is near. */
int model_get(struct tx *tx, struct arena *a, const char *project, const char *name,
              struct model *out, struct err *err) WARN_UNUSED;
/* By name; at most 10000. */
int model_list(struct tx *tx, struct arena *a, const char *project, struct model **out,
               size_t *out_n, struct err *err) WARN_UNUSED;
int model_describe(struct tx *tx, const struct cause *by, const char *name, const char *description,
                   struct err *err) WARN_UNUSED;
/* The event "model.renamed" stands on the new name; whoever stores names of models keeps them in
 * step by a rule of it (event.h). */
int model_rename(struct tx *tx, const struct cause *by, const char *name, const char *new_name,
                 struct err *err) WARN_UNUSED;
/* Into the trash with all it has; the name is free at once. Rules of "model.deleted" may refuse (an
 * endpoint serves it). */
int model_delete(struct tx *tx, const struct cause *by, const char *name,
                 struct err *err) WARN_UNUSED;
/* The one deleted last under that name, as it was; ERR_EXISTS when another has the name now. */
int model_restore(struct tx *tx, const struct cause *by, const char *name,
                  struct err *err) WARN_UNUSED;
/* Everything of that name in the trash, for good; the blobs are left to the garbage collection. */
int model_purge(struct tx *tx, const struct cause *by, const char *name,
                struct err *err) WARN_UNUSED;

/* Aliases: letters, digits, '_' and '-'; not "latest", not "v3". Setting moves it. */
int model_alias_set(struct tx *tx, const struct cause *by, const char *name, const char *alias,
                    int64_t version, struct err *err) WARN_UNUSED;
int model_alias_delete(struct tx *tx, const struct cause *by, const char *name, const char *alias,
                       struct err *err) WARN_UNUSED; /* absent is fine */
struct model_alias {
    const char *alias;
    int64_t version;
};
int model_aliases(struct tx *tx, struct arena *a, const char *model_id, struct model_alias **out,
                  size_t *out_n, struct err *err) WARN_UNUSED;

/* One line of an alias's history: where it pointed from that time on. */
struct alias_move {
    int64_t version; /* 0 = nowhere: removed */
    int64_t time_ms;
    const char *actor, *reason; /* reason may be NULL */
};
/* Newest first, at most 1000. */
int model_alias_history(struct tx *tx, struct arena *a, const char *model_id, const char *alias,
                        struct alias_move **out, size_t *out_n, struct err *err) WARN_UNUSED;
/* The version it pointed at then; 0 = none. */
int model_alias_at(struct tx *tx, const char *model_id, const char *alias, int64_t time_ms,
                   int64_t *out_version, struct err *err) WARN_UNUSED;

/* What is in the trash: models, and versions of models that are not. */
struct trash_model {
    const char *name;
    int64_t version; /* 0 = the whole model */
    int64_t deleted_time_ms, version_count;
};
/* Last deleted first, at most `limit` of each kind. */
int trash_models(struct tx *tx, struct arena *a, const char *project, int64_t limit,
                 struct trash_model **out, size_t *out_n, struct err *err) WARN_UNUSED;

/* 1 when the record says that the run was purged and no run, version or logged model names its
 * folder any more. */
int trash_run_is_gone(struct tx *tx, struct arena *a, const char *run_id, int *out,
                      struct err *err) WARN_UNUSED;

int model_tag_set(struct tx *tx, const struct cause *by, const char *name,
                  const struct track_pair *tag, struct err *err) WARN_UNUSED;
int model_tag_delete(struct tx *tx, const struct cause *by, const char *name, const char *key,
                     struct err *err) WARN_UNUSED;
int model_tags(struct tx *tx, struct arena *a, const char *model_id, struct track_pair **out,
               size_t *out_n, struct err *err) WARN_UNUSED;
/* Names of the models that MLflow calls prompts: by their own tag, or by a tag of a version;
 * sorted.
 */
int model_prompts(struct tx *tx, struct arena *a, const char *project, int of_versions,
                  const char ***out, size_t *out_n, struct err *err) WARN_UNUSED;
