/* SPDX-License-Identifier: Apache-2.0
 * Between artifact_files.c, artifact_copy.c, artifact_disk.c,
 * artifacts.c, uploads.c and versions.c. */
#pragma once
#include "api/mlflow/mlflow.h"
#include "track/artifact.h"

/* What an artifact URI with a path means. */
struct mlf_place {
    int managed;      /* a path of the tree; plain files below root lie under it */
    const char *root; /* folder of the disk */
    const char *path; /* relative to it, safe; "" = itself */
    int writable;     /* not managed, but the operator lets the page upload into it */
};

/* A path of a client in the tree; refuses what leaves it. */
int mlf__managed_path(struct mlf *m, const char *path, const char **out) WARN_UNUSED;
/* root_uri is a run's or a model's; "runs:/…" needs tx. Refuses what is not served here. */
int mlf__place(struct mlf *m, struct tx *tx, const char *root_uri, const char *path,
               struct mlf_place *out) WARN_UNUSED;
/* files[] of a folder, each path with prefix in front; nothing for what is no folder. */
int mlf__write_folder(struct mlf *m, struct tx *tx, const struct mlf_place *p,
                      const char *prefix) WARN_UNUSED;
/* The file as the answer; `shown` is its name and what errors call it. */
int mlf__send(struct mlf *m, struct tx *tx, const struct mlf_place *p,
              const char *shown) WARN_UNUSED;

/* A blob that gets a name in the tree. */
struct mlf_named {
    const char *path, *digest;
    int64_t bytes;
};
/* The request's body as a blob: rq->body_digest, rq->body_bytes. Not inside a transaction. */
int mlf__keep_body(struct mlf *m) WARN_UNUSED;
/* Names it in a transaction of its own; fn(arg) instead of the plain artifact_put when not NULL. */
int mlf__name_blob(struct mlf *m, struct mlf_named *x, store_fn fn, void *arg) WARN_UNUSED;
/* Both. */
int mlf__store_body(struct mlf *m, const char *path) WARN_UNUSED;
/* A file, or a folder with everything below; not inside a transaction. */
int mlf__remove(struct mlf *m, const char *path) WARN_UNUSED;
/* A link under the artifact's own path, where the operator named the folder; elsewhere a file of
 * before (was_there), which the new name hides, is removed. */
void mlf__show_on_disk(struct mlf *m, const struct mlf_named *x, int was_there);
/* The request's small body as a file below a root that clients write directly and the operator made
 * writable; refused elsewhere. */
int mlf__write_in_place(struct mlf *m, const struct mlf_place *p) WARN_UNUSED;
/* Files of a folder of the disk as blobs, each with its path in the folder. */
struct mlf_copy {
    struct mlf_named *files;
    size_t n;
};
/* Whole files are copied by a few requests at a time; ERR_UNAVAILABLE asks the others to come
 * again. Each begin that returned 0 has one end. */
int mlf__copy_begin(struct mlf *m) WARN_UNUSED;
void mlf__copy_end(struct mlf *m);
/* Nothing when the folder is absent; links that lead out of the root are refused. Not inside a
 * transaction. */
int mlf__copy_folder(struct mlf *m, const struct mlf_place *p, struct mlf_copy *out) WARN_UNUSED;
/* "text/plain", … by the extension. */
const char *mlf__mime_of(const char *name);
