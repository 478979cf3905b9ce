/* SPDX-License-Identifier: Apache-2.0
 * Data versions, named by digest, and which run used which. A version is recorded once a project,
 * name and digest; it never changes. Inside a transaction; results live in the caller's arena. */
#pragma once
#include "track/run.h"

struct dataset {
    const char *id; /* UUIDv7 */
    const char *project;
    const char *name;
    const char *digest;
    const char *source_type; /* "local", "http", … */
    const char *source;      /* text */
    const char *schema;      /* MLflow's schema JSON; NULL = none */
    const char *profile;     /* MLflow's profile JSON; NULL = none */
    const char
        *detail; /* our record of it: files, dialect, columns with statistics; JSON, NULL = none */
    int64_t rows, columns_n, files_n, bytes; /* -1 = unknown */
    int64_t creation_time_ms;
    int64_t version_n; /* of this name; set by dataset_list */
};

/* Records it unless it is known; out_id gets the id either way. id and creation time are ignored.
 */
int dataset_put(struct tx *tx, const struct cause *by, const struct dataset *d,
                char out_id[UUID_TEXT], struct err *err) WARN_UNUSED;
/* The newest version of each name, without detail. */
int dataset_list(struct tx *tx, struct arena *a, const char *project, struct dataset **out,
                 size_t *out_n, struct err *err) WARN_UNUSED;
/* Versions of one name, newest first, without detail; ERR_NOT_FOUND says which name is near. */
int dataset_versions(struct tx *tx, struct arena *a, const char *project, const char *name,
                     struct dataset **out, size_t *out_n, struct err *err) WARN_UNUSED;
/* By prefix of its digest (4 digits or more) or "latest", with detail. */
int dataset_get(struct tx *tx, struct arena *a, const char *project, const char *name,
                const char *digest, struct dataset *out, struct err *err) WARN_UNUSED;

/* The run used that data, as "training", "evaluation", …; twice is once. */
int run_input_add(struct tx *tx, const char *run_id, const char *dataset_id, const char *context,
                  struct err *err) WARN_UNUSED;
struct run_input {
    struct dataset dataset; /* without detail */
    const char *context;    /* NULL = none */
};
int run_inputs(struct tx *tx, struct arena *a, const char *run_id, struct run_input **out,
               size_t *out_n, struct err *err) WARN_UNUSED;
/* Ids of the runs that used a version, newest first, at most 1000. */
int dataset_runs(struct tx *tx, struct arena *a, const char *dataset_id, const char ***out,
                 size_t *out_n, struct err *err) WARN_UNUSED;
/* What the active and deleted runs of an experiment used: distinct names, digests and contexts, by
 * name, at most 1000. */
struct dataset_summary {
    const char *name, *digest;
    const char *context; /* NULL = none */
};
int dataset_summaries(struct tx *tx, struct arena *a, int64_t experiment_id,
                      struct dataset_summary **out, size_t *out_n, struct err *err) WARN_UNUSED;
