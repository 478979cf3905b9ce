/* SPDX-License-Identifier: Apache-2.0
 * Copies artifacts out: blobs under their names, and the plain files that lie below the tree from
 * an earlier version or an import. Links and devices are left out. */
#include "transfer/export_files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "store/rows.h"
#include "track/artifact.h"

enum { PIECE = 1 << 18, DEPTH_MAX = 64 };

static int note(struct export_files *f, const char *digest, const char *from, const char *to,
                struct err *err)
{
    f->list = rows_room(&f->a, f->list, f->n, &f->cap, sizeof *f->list);
    if (!f->list)
        return ERR(err, ERR_NOMEM, "too many artifacts to export at once");
    f->list[f->n++] = (struct export_file){ arena_strdup(&f->a, digest), arena_strdup(&f->a, from),
                                            arena_strdup(&f->a, to) };
    return f->a.failed ? ERR(err, ERR_NOMEM, "too many artifacts to export at once") : 0;
}

int export_files_note(struct export_files *f, struct tx *tx, const char *path, const char *to,
                      struct err *err)
{
    struct arena a;
    struct artifact *list;
    size_t n;
    int rc;
    if (!fs_is_safe_relative(str_of(path)))
        return 0;
    arena_init(&a, MIB(256));
    rc = artifact_walk(tx, &a, path, &list, &n, err);
    for (size_t i = 0; !rc && i < n; i++)
        rc = note(f, list[i].digest, NULL, fs_join(&a, to, list[i].name), err);
    const char *plain = f->destination ? fs_join(&a, f->destination, path) : NULL;
    if (!rc && plain && fs_exists(plain))
        rc = note(f, NULL, plain, to, err);
    arena_fini(&a);
    return rc;
}

static int copy_bytes(int from, const char *to, struct err *err)
{
    AUTO(fd_auto) int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (out < 0)
        return ERR_SYS(err, "cannot write '%s'", to);
    if (ioctl(out, FICLONE, from) == 0)
        return 0;
    AUTO(mem_auto) char *piece = mem_alloc(PIECE);
    ssize_t n;
    int rc = 0;
    while (!rc && (n = read(from, piece, PIECE)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        rc = n < 0 ? ERR_SYS(err, "cannot read what '%s' is a copy of", to)
                   : fs_write_all(out, (str_t){ piece, (size_t)n }, to, err);
    }
    return rc;
}

static int make_parent(struct arena *a, const char *to, struct err *err)
{
    char *dir = arena_strdup(a, to);
    *strrchr(dir, '/') = '\0';
    return fs_mkdirs(dir, err);
}

static int copy_plain(struct arena *a, const char *from, const char *to, int depth, int64_t *files,
                      struct err *err)
{
    struct stat st;
    const char **names;
    size_t n = 0;
    AUTO(fd_auto) int fd = -1;
    if (depth > DEPTH_MAX || lstat(from, &st) != 0 || (!S_ISDIR(st.st_mode) && fs_exists(to)))
        return 0;
    if (S_ISREG(st.st_mode)) {
        int rc = make_parent(a, to, err);
        if (!rc)
            rc = fs_open_read(from, &fd, err);
        *files += 1;
        return rc ? rc : copy_bytes(fd, to, err);
    }
    int rc = S_ISDIR(st.st_mode) ? fs_list(a, from, &names, &n, err) : 0;
    for (size_t i = 0; !rc && i < n; i++)
        rc = copy_plain(a, fs_join(a, from, names[i]), fs_join(a, to, names[i]), depth + 1, files,
                        err);
    return rc;
}

static int copy_blob(struct export_files *f, struct arena *a, const struct export_file *x,
                     struct err *err)
{
    AUTO(fd_auto) int fd = -1;
    int64_t bytes;
    int rc = make_parent(a, x->to, err);
    if (!rc)
        rc = blobs_open_read(f->blobs, x->digest, &fd, &bytes, err);
    return rc ? rc : copy_bytes(fd, x->to, err);
}

int export_files_copy(struct export_files *f, int64_t *out_files, struct err *err)
{
    struct arena a;
    int rc = 0;
    arena_init(&a, MIB(256));
    for (int plain = 0; plain < 2; plain++) /* the names of the tree first */
        for (size_t i = 0; !rc && i < f->n; i++) {
            const struct export_file *x = &f->list[i];
            arena_reset(&a);
            if (!x->digest == !plain)
                continue;
            *out_files += !plain;
            rc = plain ? copy_plain(&a, x->from, x->to, 0, out_files, err)
                       : copy_blob(f, &a, x, err);
        }
    arena_fini(&a);
    return rc;
}
