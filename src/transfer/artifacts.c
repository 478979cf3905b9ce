/* SPDX-License-Identifier: Apache-2.0
 * Artifacts of imported runs: local folders are copied (or hard-linked) into our own destination
 * and compared by digest. Only what lies below the allowed root is touched; links are not followed.
 * A copy appears under its name when it is whole. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "codec/hash.h"
#include "transfer/import_int.h"

enum { DEPTH_MAX = 64, PIECE = 1 << 17 };

struct copy {
    struct import *im;
    const char *what; /* "run '4f2a…'" */
    struct arena a;
    int depth;
};

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static char *percent_decoded(struct arena *a, const char *z)
{
    char *out = arena_strdup(a, z), *q = out;
    for (const char *p = z; *p; p++)
        if (*p == '%' && p[1] && hex_digit(p[1]) >= 0 && hex_digit(p[2]) >= 0) {
            *q++ = (char)(hex_digit(p[1]) * 16 + hex_digit(p[2]));
            p += 2;
        } else {
            *q++ = *p;
        }
    *q = '\0';
    return out;
}

/* Folder that a URI means here; NULL when it is none of this machine's. */
static char *folder_of(struct copy *c, const char *uri)
{
    str_t u = str_of(uri);
    const char *root = c->im->o->artifact_root;
    if (str_starts(u, "file://"))
        return percent_decoded(&c->a, uri + strlen("file://"));
    if (str_starts(u, "file:/"))
        return percent_decoded(&c->a, uri + strlen("file:"));
    if (uri[0] == '/')
        return arena_strdup(&c->a, uri);
    if (root && str_starts(u, "mlflow-artifacts:/")) {
        const char *rest = uri + strlen("mlflow-artifacts:/");
        while (*rest == '/')
            rest++;
        return fs_is_safe_relative(str_of(rest)) ? fs_join(&c->a, root, rest) : NULL;
    }
    return NULL;
}

/* The root below which copying is allowed, resolved. */
static int allowed_root(struct copy *c, char **out, struct err *err)
{
    const struct import *im = c->im;
    if (!im->o->artifact_root && (str_starts(str_of(im->source), "server:") ||
                                  str_starts(str_of(im->source), "postgresql:")))
        return ERR(err, ERR_INVALID, "artifacts of a server are copied with --artifact-root only");
    if (im->o->artifact_root)
        return fs_real(&c->a, im->o->artifact_root, out, err);
    char *path = arena_strdup(&c->a, strchr(im->source, ':') + 1), *slash = strrchr(path, '/');
    if (slash && slash != path)
        *slash = '\0';
    *out = path;
    return 0;
}

static int is_below(const char *path, const char *root)
{
    size_t n = strlen(root);
    return strncmp(path, root, n) == 0 && (path[n] == '/' || path[n] == '\0' || root[n - 1] == '/');
}

static int copy_bytes(int from, const char *to, struct err *err)
{
    AUTO(fd_auto) int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    char *piece = mem_alloc(PIECE);
    int rc = out < 0 ? ERR_SYS(err, "cannot write '%s'", to) : 0;
    ssize_t n = 0;
    while (!rc && (n = read(from, piece, PIECE)) > 0)
        rc = fs_write_all(out, (str_t){ piece, (size_t)n }, to, err);
    if (!rc && n < 0)
        rc = ERR_SYS(err, "cannot read what '%s' is a copy of", to);
    if (!rc && fsync(out) != 0)
        rc = ERR_SYS(err, "cannot write '%s'", to);
    mem_free(piece);
    return rc;
}

static int copy_file(struct copy *c, const char *from, const char *to)
{
    struct import *im = c->im;
    char there[SHA256_HEX], here[SHA256_HEX];
    int64_t bytes = 0, copied = 0;
    struct stat st;
    if (import_stopped(im))
        return ERR(im->err, ERR_CANCELLED, "stopped");
    if (im->o->artifacts == IMPORT_LINK && link(from, to) == 0) {
        im->r->files++;
        im->r->bytes += lstat(to, &st) == 0 ? (int64_t)st.st_size : 0;
        return 0;
    }
    AUTO(fd_auto) int fd = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return ERR_SYS(im->err, "cannot read '%s'", from);
    int rc = copy_bytes(fd, to, im->err);
    if (!rc)
        rc = sha256_file(from, there, &bytes, im->err);
    if (!rc)
        rc = sha256_file(to, here, &copied, im->err);
    if (!rc && (bytes != copied || strcmp(there, here) != 0))
        rc = ERR(im->err, ERR_CORRUPT, "'%s' changed while it was copied", from);
    im->r->files++;
    im->r->bytes += bytes;
    return rc;
}

static int copy_tree(struct copy *c, const char *from, const char *to)
{
    const char **names;
    size_t n = 0;
    struct import *im = c->im;
    if (c->depth >= DEPTH_MAX)
        return ERR(im->err, ERR_LIMIT, "'%s' is too deep", from);
    int rc = fs_mkdirs(to, im->err);
    if (!rc)
        rc = fs_list(&c->a, from, &names, &n, im->err);
    c->depth++;
    for (size_t i = 0; i < n && !rc; i++) {
        struct stat st;
        char *f = fs_join(&c->a, from, names[i]), *t = fs_join(&c->a, to, names[i]);
        if (lstat(f, &st) != 0)
            rc = ERR_SYS(im->err, "cannot read '%s'", f);
        else if (S_ISDIR(st.st_mode))
            rc = copy_tree(c, f, t);
        else if (S_ISREG(st.st_mode))
            rc = copy_file(c, f, t);
        else
            import_differs(im, "%s: artifact '%s' is no file or folder; it is left out", c->what,
                           names[i]);
        if (c->a.failed)
            rc = ERR(im->err, ERR_NOMEM, "'%s' has too many files", from);
    }
    c->depth--;
    return rc;
}

/* Copies under a temporary name, then gives it its own. */
static int copy_whole(struct copy *c, const char *from, const char *to)
{
    char *part = arena_printf(&c->a, "%s.part", to), *parent = arena_strdup(&c->a, to);
    *strrchr(parent, '/') = '\0';
    int rc = fs_mkdirs(parent, c->im->err);
    if (!rc)
        rc = fs_remove_tree(part, c->im->err);
    if (!rc)
        rc = copy_tree(c, from, part);
    if (!rc)
        rc = fs_rename(part, to, c->im->err);
    return rc ? rc : fs_sync_dir(parent, c->im->err);
}

static int copy_folder(struct copy *c, const char *place, const char **uri)
{
    struct import *im = c->im;
    char *folder = folder_of(c, *uri), *real = NULL, *root = NULL;
    if (!folder || !fs_is_safe_relative(str_of(place)))
        return 0;
    if (!fs_exists(folder)) /* a run without artifacts has no folder */
        return 0;
    int rc = fs_real(&c->a, folder, &real, im->err);
    if (!rc)
        rc = allowed_root(c, &root, im->err);
    if (rc)
        return rc;
    if (!is_below(real, root)) {
        import_differs(im,
                       "%s: artifacts in '%s' are left there: outside of '%s' "
                       "(--artifact-root allows another folder)",
                       c->what, real, root);
        return 0;
    }
    char *to = fs_join(&c->a, im->o->destination, place);
    rc = fs_exists(to) ? 0 : copy_whole(c, real, to);
    if (!rc)
        *uri = arena_printf(&im->batch, "mlflow-artifacts:/%s", place);
    return rc;
}

int import_copy_artifacts(struct import *im, const char *what, const char *place, const char **uri)
{
    struct copy c = { .im = im, .what = what };
    if (im->o->artifacts == IMPORT_LEAVE || !im->o->destination)
        return 0;
    arena_init(&c.a, MIB(256));
    int rc = copy_folder(&c, place, uri);
    arena_fini(&c.a);
    return rc;
}
