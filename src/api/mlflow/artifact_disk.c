/* SPDX-License-Identifier: Apache-2.0
 * What the tree of artifacts leaves on the disk beside its blobs: in a folder that the operator
 * named
 * (--artifacts-destination) each artifact has a symbolic link under its own path, so that scripts
 * and people find it there; and the page's small uploads into folders that clients write directly.
 * A link is a convenience: the names in the database decide, and one that fails costs nothing. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/mlflow/artifact_files.h"
#include "base/fs.h"
#include "base/rng.h"
#include "store/blobs.h"

/* The blob as seen from the folder of `path`: relative when it lies below the destination. */
static const char *target_of(struct mlf *m, const char *path, const char *blob)
{
    char *real;
    const char *up = "";
    if (fs_real(m->a, app_of(m->rq)->options.artifacts_destination, &real, NULL))
        return blob;
    size_t n = strlen(real);
    if (strncmp(blob, real, n) != 0 || blob[n] != '/')
        return blob;
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/'))
        up = arena_printf(m->a, "%s../", up);
    return arena_printf(m->a, "%s%s", up, blob + n + 1);
}

static const char *folder_of(struct mlf *m, const char *file)
{
    const char *slash = strrchr(file, '/');
    return slash ? arena_strndup(m->a, file, (size_t)(slash - file)) : "";
}

void mlf__show_on_disk(struct mlf *m, const char *path, const char *digest)
{
    const struct app *app = app_of(m->rq);
    char name[HEX32_TEXT], *blob;
    if (!app->elsewhere || blobs_path(app->blobs, m->a, digest, &blob, NULL))
        return;
    const char *file = fs_join(m->a, app->options.artifacts_destination, path);
    const char *folder = folder_of(m, file);
    hex32(name);
    const char *temporary = arena_printf(m->a, "%s/.slipway-%s", folder, name);
    if (fs_mkdirs(folder, NULL) || symlink(target_of(m, path, blob), temporary) != 0)
        return;
    if (fs_rename(temporary, file, NULL))
        IGNORE(fs_remove(temporary, NULL));
}

/* 0 when every part of the folder that exists lies below the root. */
static int check_beneath(struct mlf *m, const char *root, const char *folder)
{
    int rc = 0;
    for (size_t n = strcspn(folder, "/"); !rc; n += 1 + strcspn(folder + n + 1, "/")) {
        AUTO(fd_auto) int fd = -1;
        rc = fs_open_beneath(root, arena_strndup(m->a, folder, n), O_PATH | O_DIRECTORY, &fd, NULL);
        if (!folder[n])
            break;
    }
    return rc == ERR_NOT_FOUND ? 0 : rc;
}

int mlf__write_in_place(struct mlf *m, const struct mlf_place *p)
{
    const char *folder = folder_of(m, p->path), *file = fs_join(m->a, p->root, p->path);
    if (!*p->path || check_beneath(m, p->root, folder))
        return mlf_fail(m, MLF_INVALID, "Invalid path");
    int rc = fs_mkdirs(folder_of(m, file), m->err);
    return rc ? rc : fs_write_atomic(file, m->rq->body, m->err);
}
