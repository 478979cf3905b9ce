/* SPDX-License-Identifier: Apache-2.0
 * Between artifact_files.c and artifacts.c. */
#pragma once
#include "api/mlflow/mlflow.h"

/* The file under the proxy's folder that a path of a client means; refuses what leaves it. */
int mlf__served_path(struct mlf *m, const char *path, const char **out) WARN_UNUSED;
/* files[] of a folder, each path with prefix in front; nothing for what is no folder. */
int mlf__write_folder(struct mlf *m, const char *dir, const char *prefix) WARN_UNUSED;
/* The request's body as that file: written beside, synced, renamed. */
int mlf__store_file(struct mlf *m, const char *file, const char *shown) WARN_UNUSED;
int mlf__is_reserved(const char *path);
/* "text/plain", … by the extension. */
const char *mlf__mime_of(const char *name);
