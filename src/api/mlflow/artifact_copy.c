/* SPDX-License-Identifier: Apache-2.0
 * A folder that a client wrote itself, copied into the blobs when a version is registered from it:
 * each file is read once, hashed on the way and synced; names follow in the transaction that makes
 * the version. What the client does to the folder afterwards changes no version. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/mlflow/artifact_files.h"
#include "base/fs.h"
#include "base/mem.h"
#include "store/blobs.h"
#include "store/rows.h"

enum { FILES_MAX = 10000, DEPTH_MAX = 32, BLOCK = 1 << 18 };

int mlf__copy_begin(struct mlf *m)
{
    gauge_t *copies = &app_of(m->rq)->copies;
    if (gauge_add(copies, 1) <= APP_COPIES_MAX)
        return 0;
    (void)gauge_add(copies, -1);
    return ERR(m->err, ERR_UNAVAILABLE,
               "%d large copies are being made; ask again in a few seconds", APP_COPIES_MAX);
}

void mlf__copy_end(struct mlf *m)
{
    (void)gauge_add(&app_of(m->rq)->copies, -1);
}

struct copier {
    struct mlf *m;
    const struct mlf_place *place;
    struct mlf_copy *out;
    size_t cap;
    char *block;
};

static int copy_bytes(struct copier *c, int from, int to, struct mlf_named *x)
{
    struct sha256 h;
    char digest[SHA256_HEX];
    ssize_t n;
    int rc = 0;
    sha256_init(&h);
    while (!rc && (n = read(from, c->block, BLOCK)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            rc = ERR_SYS(c->m->err, "cannot read '%s'", x->path);
            break;
        }
        sha256_add(&h, c->block, (size_t)n);
        x->bytes += n;
        rc = fs_write_all(to, (str_t){ c->block, (size_t)n }, x->path, c->m->err);
    }
    sha256_hex(&h, digest);
    x->digest = arena_strdup(c->m->a, digest);
    return rc ? rc : blobs_take(app_of(c->m->rq)->blobs, to, digest, x->bytes, c->m->err);
}

static int copy_file(struct copier *c, int from, const char *path)
{
    struct mlf *m = c->m;
    AUTO(fd_auto) int to = -1;
    if (c->out->n == FILES_MAX)
        return ERR(m->err, ERR_LIMIT, "the model has more than %d files", FILES_MAX);
    c->out->files = rows_room(m->a, c->out->files, c->out->n, &c->cap, sizeof *c->out->files);
    if (!c->out->files)
        return ERR(m->err, ERR_NOMEM, "not enough memory to copy the model");
    struct mlf_named *x = &c->out->files[c->out->n++];
    *x = (struct mlf_named){ .path = path };
    int rc = blobs_spool(app_of(m->rq)->blobs, &to, m->err);
    return rc ? rc : copy_bytes(c, from, to, x);
}

static int copy_entry(struct copier *c, const char *path, int depth)
{
    AUTO(fd_auto) int fd = -1;
    struct mlf *m = c->m;
    const char *whole = !*path            ? c->place->path
                        : *c->place->path ? fs_join(m->a, c->place->path, path)
                                          : path;
    struct stat st;
    const char **names;
    char self[64];
    size_t n = 0;
    if (depth > DEPTH_MAX)
        return ERR(m->err, ERR_LIMIT, "the model's folders are nested deeper than %d", DEPTH_MAX);
    int rc = fs_open_beneath(c->place->root, whole, O_RDONLY, &fd, m->err);
    if (rc == ERR_NOT_FOUND && !*path)
        return 0;
    if (!rc && fstat(fd, &st) != 0)
        rc = ERR_SYS(m->err, "cannot look at '%s'", path);
    if (rc)
        return rc;
    if (S_ISREG(st.st_mode) && *path)
        return copy_file(c, fd, path);
    if (!S_ISDIR(st.st_mode))
        return ERR(m->err, ERR_INVALID, "'%s' is no file and no folder", path);
    (void)snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    rc = fs_list(m->a, self, &names, &n, m->err);
    for (size_t i = 0; !rc && i < n; i++) {
        if (!fs_is_safe_relative(str_of(names[i])) || !str_is_utf8(str_of(names[i])))
            return ERR(m->err, ERR_INVALID, "'%s' holds a name that cannot be stored", path);
        rc = copy_entry(c, *path ? fs_join(m->a, path, names[i]) : names[i], depth + 1);
    }
    return rc;
}

int mlf__copy_folder(struct mlf *m, const struct mlf_place *p, struct mlf_copy *out)
{
    struct copier c = { .m = m, .place = p, .out = out };
    AUTO(mem_auto) char *block = mem_alloc(BLOCK);
    c.block = block;
    *out = (struct mlf_copy){ 0 };
    int rc = mlf__copy_begin(m);
    if (rc)
        return rc;
    rc = copy_entry(&c, "", 0);
    mlf__copy_end(m);
    return rc;
}
