/* SPDX-License-Identifier: Apache-2.0
 * Versions of models. Numbers are max + 1 over all there ever were; deletion is soft and takes the
 * aliases along. What belongs to a version beyond its row stands in sections, one JSON value each
 * ("signature", "dataset", "metrics", "gates", …), written once: at creation, or (those of a model
 * file that is attached later) with it.
 * Inside a transaction; results live in the caller's arena; every change is an event. */
#pragma once
#include "registry/model.h"

#define VERSION_STORAGE                                                                            \
    "mlflow_storage"               /* section: where its files lie, when not at its source         \
                                    */
#define VERSION_COPIES "versions/" /* folder of the artifacts: copies that are a version's own */

struct version {
    const char *model_id, *model, *project;
    int64_t number;
    const char *status; /* "READY" */
    const char *stage;  /* "None", "Staging", "Production", "Archived", "Deleted_Internal" */
    const char *description, *source, *run_id, *run_link, *user;
    int64_t creation_time_ms, last_update_time_ms;
    const char *digest;       /* SHA-256 of the model file; subject of facts; NULL = unknown */
    const char *files_digest; /* tree of the model's folder in the blobs; NULL = external */
    int64_t bytes;            /* of that tree */
    const char *family;       /* "linear_regression"; NULL = unknown */
    const char *dataset_name, *dataset_digest;
    int64_t seed;
    int has_seed;
    int gates_passed; /* 1, 0, or -1 = there were none */
    int deleted;
};

/* One section: a JSON text under a name. */
struct version_section {
    const char *name;
    const char *json;
};

struct version_new {
    const char *model;       /* name; the model is made when absent */
    const char *adopted_run; /* idempotence: at most one version per value; NULL = none */
    struct version row;      /* description … gates_passed are taken from here */
    const struct version_section *sections;
    size_t section_n;
};

/* With adopted_run known already: that version's number, nothing changes. */
int version_create(struct tx *tx, const struct cause *by, const struct version_new *v,
                   int64_t *out_number, struct err *err) WARN_UNUSED;
/* Number of the version that adopted a run; 0 = none. */
int version_of_run(struct tx *tx, const char *run_id, int64_t *out_number,
                   struct err *err) WARN_UNUSED;
/* ERR_NOT_FOUND says what there is. Deleted ones are not found. */
int version_get(struct tx *tx, struct arena *a, const char *project, const char *model,
                int64_t number, struct version *out, struct err *err) WARN_UNUSED;
/* "3", "v3", "@champion", "latest". */
int version_resolve(struct tx *tx, struct arena *a, const char *project, const char *model,
                    const char *text, struct version *out, struct err *err) WARN_UNUSED;
/* Newest first, without deleted ones; at most 10000. */
int version_list(struct tx *tx, struct arena *a, const char *project, const char *model,
                 struct version **out, size_t *out_n, struct err *err) WARN_UNUSED;
/* Of every model, newest first; at most max. */
int version_list_all(struct tx *tx, struct arena *a, const char *project, int64_t max,
                     struct version **out, size_t *out_n, struct err *err) WARN_UNUSED;
/* Versions made by a run, or trained on a data version (by digest). */
int version_list_of_run(struct tx *tx, struct arena *a, const char *run_id, struct version **out,
                        size_t *out_n, struct err *err) WARN_UNUSED;
int version_list_of_dataset(struct tx *tx, struct arena *a, const char *project, const char *digest,
                            struct version **out, size_t *out_n, struct err *err) WARN_UNUSED;

/* A model file for a version that was logged without one. */
struct version_model {
    const char *digest, *files_digest; /* of the file, and of the tree around it, in the blobs */
    int64_t bytes;                     /* of that tree */
    const struct version_section *sections; /* with "conversion"; json NULL removes one */
    size_t section_n;
};
/* The version is served from that file from now on; one attached before is replaced. ERR_CONFLICT
 * when the version came with a file of its own. */
int version_attach(struct tx *tx, const struct cause *by, const struct version *v,
                   const struct version_model *m, struct err *err) WARN_UNUSED;

/* *out = NULL when there is no such section. */
int version_section(struct tx *tx, struct arena *a, const struct version *v, const char *name,
                    const char **out, struct err *err) WARN_UNUSED;
int version_sections(struct tx *tx, struct arena *a, const struct version *v,
                     struct version_section **out, size_t *out_n, struct err *err) WARN_UNUSED;

int version_describe(struct tx *tx, const struct cause *by, const struct version *v,
                     const char *description, struct err *err) WARN_UNUSED;
/* Case-insensitive; archive_others archives the rest of Staging or Production. */
int version_stage_set(struct tx *tx, const struct cause *by, const struct version *v,
                      const char *stage, int archive_others, struct err *err) WARN_UNUSED;
int version_delete(struct tx *tx, const struct cause *by, const struct version *v,
                   struct err *err) WARN_UNUSED;
/* Out of the trash, with the aliases that its deletion took if nobody else has them now.
 * ERR_NOT_FOUND when it is not there. */
int version_restore(struct tx *tx, const struct cause *by, const char *model, int64_t number,
                    struct err *err) WARN_UNUSED;
/* A deleted version for good: what it knew is erased, its number stays taken. */
int version_purge(struct tx *tx, const struct cause *by, const char *model, int64_t number,
                  struct err *err) WARN_UNUSED;
int version_tag_set(struct tx *tx, const struct cause *by, const struct version *v,
                    const struct track_pair *tag, struct err *err) WARN_UNUSED;
int version_tag_delete(struct tx *tx, const struct cause *by, const struct version *v,
                       const char *key, struct err *err) WARN_UNUSED;
int version_tags(struct tx *tx, struct arena *a, const struct version *v, struct track_pair **out,
                 size_t *out_n, struct err *err) WARN_UNUSED;
/* Aliases that point at it. */
int version_aliases(struct tx *tx, struct arena *a, const struct version *v, const char ***out,
                    size_t *out_n, struct err *err) WARN_UNUSED;
