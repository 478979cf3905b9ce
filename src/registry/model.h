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
int model_rename(struct tx *tx, const struct cause *by, const char *name, const char *new_name,
                 struct err *err) WARN_UNUSED;
/* For good, with its versions; the blobs stay. */
int model_delete(struct tx *tx, const struct cause *by, const char *name,
                 struct err *err) WARN_UNUSED;

/* Aliases: 1 to 250 of letters, digits, '_' and '-'; not "latest", not "v3". Setting moves it. */
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

int model_tag_set(struct tx *tx, const struct cause *by, const char *name,
                  const struct track_pair *tag, struct err *err) WARN_UNUSED;
int model_tag_delete(struct tx *tx, const struct cause *by, const char *name, const char *key,
                     struct err *err) WARN_UNUSED;
int model_tags(struct tx *tx, struct arena *a, const char *model_id, struct track_pair **out,
               size_t *out_n, struct err *err) WARN_UNUSED;
/* Names of the models that MLflow calls prompts: by their own tag, or by a tag of a version; sorted.
 */
int model_prompts(struct tx *tx, struct arena *a, const char *project, int of_versions,
                  const char ***out, size_t *out_n, struct err *err) WARN_UNUSED;
