/* SPDX-License-Identifier: Apache-2.0
 * Names above the blobs: the tree of files behind mlflow-artifacts:/. An entry is one row (folder,
 * name) with a digest, or without one for a folder; every folder above an entry has its row. The
 * bytes lie in the blobs before their name is committed, so a name never points at half a file;
 * putting a name again changes what it means in one step. What no name means any more is collected
 * (store/gc.h).
 *
 * Paths are relative and safe (fs_is_safe_relative); "" is the root. Inside a transaction; results
 * live in the caller's arena. */
#pragma once
#include "store/store.h"

enum { ARTIFACT_FOLDER_MAX = 1000000 /* entries of one folder, and files of one walk */ };

struct artifact {
    const char *name;   /* last part of the path; of a walk: the path below the folder walked */
    const char *digest; /* NULL = a folder */
    int64_t bytes, mtime_ms;
};

/* ERR_NOT_FOUND when there is no such entry. */
int artifact_get(struct tx *tx, struct arena *a, const char *path, struct artifact *out,
                 struct err *err) WARN_UNUSED;
/* Entries of a folder by name; none when it is absent or a file. */
int artifact_list(struct tx *tx, struct arena *a, const char *folder, struct artifact **out,
                  size_t *out_n, struct err *err) WARN_UNUSED;
/* Every file below a folder, in no order that matters. */
int artifact_walk(struct tx *tx, struct arena *a, const char *folder, struct artifact **out,
                  size_t *out_n, struct err *err) WARN_UNUSED;
/* Names a blob; a file of that name is replaced. ERR_INVALID when the path is a folder or a part of
 * it is a file. */
int artifact_put(struct tx *tx, const char *path, const char *digest, int64_t bytes,
                 struct err *err) WARN_UNUSED;
/* Removes a file, or a folder with everything below; absent is fine. Folders above stay. */
int artifact_remove(struct tx *tx, const char *path, struct err *err) WARN_UNUSED;
