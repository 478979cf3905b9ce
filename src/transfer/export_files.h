/* SPDX-License-Identifier: Apache-2.0
 * Files of an export: noted while the rows are read in short snapshots, copied afterwards. */
#pragma once
#include "store/blobs.h"
#include "store/store.h"

struct export_file {
    const char *digest; /* NULL = `from` is a file or folder of the disk */
    const char *from;
    const char *to; /* absolute */
};

struct export_files {
    struct blobs *blobs;
    const char *destination; /* where plain files of mlflow-artifacts:/ lie; NULL = nowhere */
    struct arena a;
    struct export_file *list;
    size_t n, cap;
};

/* Notes everything below a path of the tree, to be copied into the folder `to`. */
int export_files_note(struct export_files *f, struct tx *tx, const char *path, const char *to,
                      struct err *err) WARN_UNUSED;
/* Copies what was noted; a name of the tree hides a plain file of that name. */
int export_files_copy(struct export_files *f, int64_t *out_files, struct err *err) WARN_UNUSED;
