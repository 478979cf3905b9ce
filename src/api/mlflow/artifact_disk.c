/* SPDX-License-Identifier: Apache-2.0
 * What the tree of artifacts leaves on the disk beside its blobs: in a folder that the operator
 * named (--artifacts-destination) each artifact has a symbolic link under its own path, so that
 * scripts and people find it there; and the page's small uploads into folders that clients write
 * directly, where the operator allowed them (--file-root-writable). A link is a convenience: the
 * names in the database decide, and one that fails costs nothing. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
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

/* The folder of a file below a root, made where it is missing, one part after the other: no link
 * among them leads out, whoever else writes there meanwhile. *out_name: the last part. */
static int open_folder(struct mlf *m, const char *root, const char *path, int flags, int *out_fd,
                       const char **out_name)
{
    const char *slash = strrchr(path, '/');
    size_t end = slash ? (size_t)(slash - path) : 0;
    *out_name = slash ? slash + 1 : path;
    flags |= O_RDONLY | O_DIRECTORY;
    int rc = fs_open_beneath(root, "", flags, out_fd, m->err);
    for (size_t from = 0, n; !rc && from < end; from += n + 1) {
        AUTO(fd_auto) int above = *out_fd;
        n = strcspn(path + from, "/");
        const char *part = arena_strndup(m->a, path + from, n);
        *out_fd = -1;
        if (mkdirat(above, part, 0755) != 0 && errno != EEXIST)
            return ERR_SYS(m->err, "cannot create a folder for '%s'", path);
        rc = fs_open_beneath(root, arena_strndup(m->a, path, from + n), flags, out_fd, m->err);
    }
    return rc;
}

void mlf__show_on_disk(struct mlf *m, const struct mlf_named *x, int was_there)
{
    const struct app *app = app_of(m->rq);
    const char *root = app->options.artifacts_destination, *name, *temporary;
    AUTO(fd_auto) int folder = -1;
    char unique[HEX32_TEXT], *blob;
    struct err *kept = m->err, ignored = ERR_INIT;
    if (!app->elsewhere && !was_there)
        return;
    m->err = &ignored; /* the upload is whole, whatever becomes of its link */
    int rc = open_folder(m, root, x->path, O_NOFOLLOW, &folder, &name);
    if (!rc && !app->elsewhere)
        (void)unlinkat(folder, name, 0);
    if (!rc && app->elsewhere && blobs_path(app->blobs, m->a, x->digest, &blob, NULL) == 0) {
        hex32(unique);
        temporary = arena_printf(m->a, ".slipway-%s", unique);
        if (symlinkat(target_of(m, x->path, blob), folder, temporary) == 0 &&
            renameat(folder, temporary, folder, name) != 0)
            (void)unlinkat(folder, temporary, 0);
    }
    m->err = kept;
}

int mlf__write_in_place(struct mlf *m, const struct mlf_place *p)
{
    AUTO(fd_auto) int folder = -1;
    const char *name;
    if (!p->writable)
        return mlf_fail(m, "PERMISSION_DENIED",
                        "Artifacts of this run are written by its clients into '%s'; the server "
                        "only reads there, unless it is started with --file-root-writable DIR",
                        p->root);
    if (!*p->path)
        return mlf_fail(m, MLF_INVALID, "Invalid path");
    int rc = open_folder(m, p->root, p->path, 0, &folder, &name);
    if (rc == ERR_DENIED || rc == ERR_INVALID)
        return mlf_fail(m, MLF_INVALID, "Invalid path");
    if (rc)
        return rc;
    return fs_write_atomic(arena_printf(m->a, "/proc/self/fd/%d/%s", folder, name), m->rq->body,
                           m->err);
}
