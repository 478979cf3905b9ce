/* SPDX-License-Identifier: Apache-2.0
 * Files behind artifact URIs. mlflow-artifacts:/ is the tree of names over the blobs
 * (track/artifact.h): an upload is whole and synced before its name is committed. What an earlier
 * version, an import or another server left as plain files in the folder of --artifacts-destination
 * is served there in place, under the tree: a new upload of the name replaces it, deletion removes
 * it. Folders that clients write directly (file:) are read in place, only below the roots that the
 * operator named. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/mlflow/artifact_files.h"
#include "base/fs.h"
#include "base/limits.h"
#include "store/blobs.h"

enum { READ_AHEAD_FROM = 1 << 20 };

#define PROXY_ANCHOR "/api/2.0/mlflow-artifacts/artifacts/"

/* ---- where ---- */

static const char *destination(struct mlf *m)
{
    return app_of(m->rq)->options.artifacts_destination;
}

/* Names at the top that are the server's own. */
static int is_reserved(const char *path)
{
    return strncmp(path, ".slipway-", 9) == 0;
}

int mlf__managed_path(struct mlf *m, const char *path, const char **out)
{
    int rc = mlf_safe_path(m, path, out);
    if (!rc && is_reserved(*out))
        rc = mlf_fail(m, MLF_INVALID, "Invalid path");
    return rc;
}

/* The path in the tree that a root means, or NULL. */
static const char *proxied(struct mlf *m, const char *uri)
{
    if (strncmp(uri, "mlflow-artifacts:", 17) == 0) {
        const char *path = uri + 17;
        if (strncmp(path, "//", 2) == 0) {
            path += 2;
            path += strcspn(path, "/");
        }
        return arena_strdup(m->a, path + strspn(path, "/"));
    }
    const char *anchor = strncmp(uri, "http://", 7) == 0 || strncmp(uri, "https://", 8) == 0
                             ? strstr(uri, PROXY_ANCHOR)
                             : NULL;
    return anchor ? arena_strdup(m->a, anchor + sizeof PROXY_ANCHOR - 1) : NULL;
}

static const char *joined(struct mlf *m, const char *root, const char *path)
{
    size_t n = strlen(root);
    if (!*path)
        return root;
    return arena_printf(m->a, "%s%s%s", root, n && root[n - 1] != '/' ? "/" : "", path);
}

/* "runs:/<id>/model" means a path below the run's root. */
static int resolve_run(struct mlf *m, struct tx *tx, const char **root_uri)
{
    struct run r;
    if (strncmp(*root_uri, "runs:/", 6) != 0 || !tx)
        return 0;
    const char *rest = *root_uri + 6 + strspn(*root_uri + 6, "/");
    size_t n = strcspn(rest, "/");
    int rc = mlf_run(m, tx, arena_strndup(m->a, rest, n), 0, &r);
    if (!rc)
        *root_uri = joined(m, r.artifact_uri, rest + n + strspn(rest + n, "/"));
    return rc;
}

/* A folder of this machine is read only below those that the operator named. */
static int local_place(struct mlf *m, const char *uri, const char *path, struct mlf_place *out)
{
    const struct app *app = app_of(m->rq);
    const char *folder = mlf_normpath(m->a, mlf_local_path(m->a, uri));
    for (size_t i = 0; i < app->file_root_n; i++) {
        const char *root = app->file_roots[i].path;
        size_t n = strlen(root);
        if (strncmp(folder, root, n) != 0 || (folder[n] != '/' && folder[n]))
            continue;
        const char *inside = folder + n + strspn(folder + n, "/");
        *out = (struct mlf_place){ .root = root,
                                   .path = *inside ? joined(m, inside, path) : path,
                                   .writable = app->file_roots[i].writable };
        return 0;
    }
    return mlf_fail(m, "PERMISSION_DENIED",
                    "Artifacts under '%s' are not served: start the server with --file-root DIR to "
                    "let it read a folder that they lie in",
                    uri);
}

int mlf__place(struct mlf *m, struct tx *tx, const char *root_uri, const char *path,
               struct mlf_place *out)
{
    int rc = resolve_run(m, tx, &root_uri);
    const char *inside = proxied(m, root_uri);
    if (rc)
        return rc;
    if (inside) {
        *out = (struct mlf_place){ .root = destination(m), .managed = 1 };
        return mlf__managed_path(m, joined(m, inside, path), &out->path);
    }
    if (mlf_is_local_uri(root_uri))
        return local_place(m, root_uri, path, out);
    return mlf_fail(m, "PERMISSION_DENIED",
                    "Artifacts under '%s' are not served: they do not lie with this server",
                    root_uri);
}

/* ---- listing ---- */

static void write_file(struct mlf *m, const char *shown, const struct artifact *x, int *any)
{
    struct json_out *o = &m->out;
    if (!(*any)++) {
        jo_key(o, "files");
        jo_array(o);
    }
    jo_object(o);
    jo_kv_cstr(o, "path", shown);
    jo_kv_bool(o, "is_dir", x->digest == NULL);
    if (x->digest && x->bytes)
        jo_kv_int(o, "file_size", x->bytes);
    jo_object_end(o);
}

/* Below the tree a link is one that we made to a blob (artifact_disk.c), never a file of before. */
static int links(const struct mlf_place *p)
{
    return p->managed ? O_NOFOLLOW : 0;
}

/* What lies in a folder of the disk; "in place" stands for the digest of its files. */
static int list_disk(struct mlf *m, const struct mlf_place *p, struct artifact **out, size_t *out_n)
{
    AUTO(fd_auto) int fd = -1;
    const char **names;
    char self[64];
    size_t n = 0, kept = 0;
    *out_n = 0;
    int rc = fs_exists(p->root)
                 ? fs_open_beneath(p->root, p->path, O_RDONLY | O_DIRECTORY | links(p), &fd, m->err)
                 : ERR_NOT_FOUND;
    if (rc)
        return rc == ERR_NOT_FOUND ? 0 : rc;
    (void)snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    rc = fs_list(m->a, self, &names, &n, m->err);
    *out = ARENA_TRY_ARRAY(m->a, n + 1, struct artifact);
    if (rc || !*out)
        return rc ? rc : ERR(m->err, ERR_NOMEM, "not enough memory for a listing");
    for (size_t i = 0; i < n; i++) {
        AUTO(fd_auto) int one = -1;
        struct stat st;
        if ((p->managed && !*p->path && is_reserved(names[i])) || !str_is_utf8(str_of(names[i])) ||
            fs_open_beneath(p->root, *p->path ? fs_join(m->a, p->path, names[i]) : names[i],
                            O_PATH | links(p), &one, NULL) ||
            fstat(one, &st) != 0 || (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode)))
            continue;
        (*out)[kept++] = (struct artifact){ .name = names[i],
                                            .digest = S_ISREG(st.st_mode) ? "in place" : NULL,
                                            .bytes = st.st_size };
    }
    *out_n = kept;
    return 0;
}

/* Both lists by name; what stands in both is the first's. */
static void write_merged(struct mlf *m, const struct artifact *x, size_t n,
                         const struct artifact *y, size_t k, const char *prefix)
{
    int any = 0;
    for (size_t i = 0, j = 0; i < n || j < k;) {
        int order = i == n ? 1 : j == k ? -1 : strcmp(x[i].name, y[j].name);
        const struct artifact *one = order <= 0 ? &x[i] : &y[j];
        i += order <= 0;
        j += order >= 0;
        write_file(m, *prefix ? joined(m, prefix, one->name) : one->name, one, &any);
    }
    if (any)
        jo_array_end(&m->out);
}

static int by_name(const void *a, const void *b)
{
    const struct artifact *x = a, *y = b;
    return strcmp(x->name, y->name);
}

int mlf__write_folder(struct mlf *m, struct tx *tx, const struct mlf_place *p, const char *prefix)
{
    struct artifact *named = NULL, *disk = NULL;
    size_t n = 0, k = 0;
    int rc = p->managed ? artifact_list(tx, m->a, p->path, &named, &n, m->err) : 0;
    if (!rc)
        rc = list_disk(m, p, &disk, &k);
    if (rc)
        return rc;
    if (n)
        qsort(named, n, sizeof *named, by_name); /* the database may sort otherwise */
    write_merged(m, named, n, disk, k, prefix);
    return 0;
}

int mlf_write_files(struct mlf *m, struct tx *tx, const char *root_uri, const char *path)
{
    struct mlf_place p;
    int rc = mlf__place(m, tx, root_uri, path, &p);
    if (rc)
        return rc;
    jo_kv_cstr(mlf_begin(m), "root_uri", root_uri);
    return mlf__write_folder(m, tx, &p, path);
}

/* ---- sending ---- */

static const struct {
    const char *extension, *type;
} types[] = {
    { "html", "text/html" },      { "htm", "text/html" },
    { "css", "text/css" },        { "png", "image/png" },
    { "jpg", "image/jpeg" },      { "jpeg", "image/jpeg" },
    { "gif", "image/gif" },       { "svg", "image/svg+xml" },
    { "bmp", "image/bmp" },       { "ico", "image/vnd.microsoft.icon" },
    { "tif", "image/tiff" },      { "tiff", "image/tiff" },
    { "webp", "image/webp" },     { "pdf", "application/pdf" },
    { "zip", "application/zip" }, { "tar", "application/x-tar" },
    { "mp3", "audio/mpeg" },      { "wav", "audio/x-wav" },
    { "mp4", "video/mp4" },       { "webm", "video/webm" },
    { "mov", "video/quicktime" }, { "m4v", "video/mp4" },
    { "ogv", "video/ogg" },       { "ogg", "audio/ogg" },
    { "oga", "audio/ogg" },       { "opus", "audio/opus" },
    { "flac", "audio/flac" },     { "m4a", "audio/mp4" },
    { "aac", "audio/aac" },       { "h5", "application/x-hdf5" },
    { "c", "text/plain" },        { "h", "text/plain" },
    { "sh", "application/x-sh" },
};

const char *mlf__mime_of(const char *name)
{
    static const char *const text[] = {
        "txt",  "log",   "err",  "cfg",  "conf", "cnf",     "cf",        "ini",      "properties",
        "prop", "hocon", "toml", "yaml", "yml",  "xml",     "json",      "js",       "py",
        "py3",  "csv",   "tsv",  "md",   "rst",  "MLmodel", "MLproject", "mlproject"
    };
    const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name;
    const char *dot = strrchr(base, '.'), *extension = dot && dot != base ? dot + 1 : base;
    for (size_t i = 0; i < ARRAY_LEN(text); i++)
        if (strcmp(extension, text[i]) == 0)
            return "text/plain";
    for (size_t i = 0; dot && i < ARRAY_LEN(types); i++)
        if (strcmp(extension, types[i].extension) == 0)
            return types[i].type;
    return "application/octet-stream";
}

static int is_token(const char *name)
{
    for (; *name; name++)
        if (!((*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') ||
              (*name >= '0' && *name <= '9') || strchr("!#$%&'*+-.^_`|~", *name)))
            return 0;
    return 1;
}

/* RFC 6266 and 8187: what is not ASCII goes into filename*, percent-encoded. */
static const char *disposition(struct mlf *m, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    struct buf quoted, encoded;
    int ascii = 1;
    if (is_token(name))
        return arena_printf(m->a, "attachment; filename=%s", name);
    buf_init(&quoted, 2 * LIMIT_URL_BYTES + 16);
    buf_init(&encoded, 3 * LIMIT_URL_BYTES + 16);
    for (const unsigned char *p = (const unsigned char *)name; *p; p++) {
        int plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                    (*p >= '0' && *p <= '9') || strchr("-._~", *p);
        ascii &= *p < 0x80;
        if (*p < 0x80)
            buf_printf(&quoted, "%s%c", *p == '"' || *p == '\\' ? "\\" : "", *p);
        buf_printf(&encoded, plain ? "%c" : "%%%02X", *p);
    }
    const char *text =
        ascii ? arena_printf(m->a, "attachment; filename=\"%.*s\"", (int)quoted.n, quoted.p)
              : arena_printf(m->a, "attachment; filename=\"%.*s\"; filename*=UTF-8''%.*s",
                             quoted.n ? (int)quoted.n : 8, quoted.n ? quoted.p : "download",
                             (int)encoded.n, encoded.p);
    buf_fini(&quoted);
    buf_fini(&encoded);
    return text;
}

/* A range of another state of the file would be wrong: If-Range decides. */
static void drop_range(struct request *rq)
{
    for (size_t i = 0; i < rq->headers_n; i++)
        if (str_is(rq->headers[i].key, "range"))
            rq->headers[i].key = STR("");
}

/* If-None-Match: "*" or a list of tags; weak ones count (RFC 9110 §13.1.2). */
static int is_known(str_t header, const char *etag)
{
    str_t one;
    if (str_is(str_trim(header), "*"))
        return 1;
    while (header.n) {
        if (!str_cut(header, ',', &one, &header)) {
            one = header;
            header = STR("");
        }
        one = str_trim(one);
        if (str_starts(one, "W/"))
            one = (str_t){ one.p + 2, one.n - 2 };
        if (str_is(one, etag))
            return 1;
    }
    return 0;
}

/* Takes fd over. */
static int send_fd(struct mlf *m, int fd, int64_t bytes, const char *etag, const char *shown)
{
    struct request *rq = m->rq;
    request_add_header(rq, "ETag", etag);
    rq->content_type = mlf__mime_of(shown);
    if (!route_sandbox(rq, shown))
        request_add_header(rq, "Content-Disposition", disposition(m, shown));
    str_t if_range = request_header(rq, "if-range");
    if (if_range.p && !str_is(if_range, etag))
        drop_range(rq);
    if (is_known(request_header(rq, "if-none-match"), etag)) {
        rq->status = 304;
        (void)close(fd);
        return 0;
    }
    if (bytes >= READ_AHEAD_FROM)
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    rq->out_length = bytes;
    rq->out_offset = 0;
    rq->out_fd = fd;
    return 0;
}

static int send_disk(struct mlf *m, const struct mlf_place *p, const char *shown)
{
    struct stat st;
    AUTO(fd_auto) int fd = -1;
    int rc = fs_exists(p->root)
                 ? fs_open_beneath(p->root, p->path, O_RDONLY | links(p), &fd, m->err)
                 : ERR_NOT_FOUND;
    if (rc == ERR_NOT_FOUND || rc == ERR_DENIED)
        return mlf_fail(m, MLF_MISSING, "No such artifact: '%s'", shown);
    if (rc)
        return rc;
    if (fstat(fd, &st) != 0)
        return ERR_SYS(m->err, "cannot read artifact '%s'", shown);
    if (!S_ISREG(st.st_mode))
        return mlf_fail(m, MLF_MISSING, "No such artifact: '%s' is a folder", shown);
    const char *etag = arena_printf(m->a, "\"%llx-%llx-%llx\"", (unsigned long long)st.st_ino,
                                    (unsigned long long)st.st_size,
                                    (unsigned long long)st.st_mtim.tv_sec * 1000000000ULL +
                                        (unsigned long long)st.st_mtim.tv_nsec);
    int given = fd;
    fd = -1;
    return send_fd(m, given, st.st_size, etag, shown);
}

int mlf__send(struct mlf *m, struct tx *tx, const struct mlf_place *p, const char *shown)
{
    struct artifact x;
    struct err why = ERR_INIT;
    int64_t bytes;
    int fd = -1;
    int rc = p->managed ? artifact_get(tx, m->a, p->path, &x, &why) : ERR_NOT_FOUND;
    if (rc == ERR_NOT_FOUND)
        return send_disk(m, p, shown);
    if (rc)
        return ERR(m->err, rc, "%s", why.msg);
    if (!x.digest)
        return mlf_fail(m, MLF_MISSING, "No such artifact: '%s' is a folder", shown);
    rc = blobs_open_read(app_of(m->rq)->blobs, x.digest, &fd, &bytes, m->err);
    return rc ? rc : send_fd(m, fd, bytes, arena_printf(m->a, "\"%s\"", x.digest), shown);
}

int mlf_send_artifact(struct mlf *m, struct tx *tx, const char *root_uri, const char *path)
{
    struct mlf_place p;
    int rc = mlf__place(m, tx, root_uri, path, &p);
    return rc ? rc : mlf__send(m, tx, &p, path);
}

/* ---- storing ---- */

/* The bytes that came in memory, spooled: small uploads of the page, and calls without a server. */
static int spool_body(struct mlf *m, int *out_fd)
{
    struct request *rq = m->rq;
    int rc = blobs_spool(app_of(rq)->blobs, out_fd, m->err);
    if (!rc)
        rc = fs_write_all(*out_fd, rq->body, "upload", m->err);
    sha256_of(rq->body, rq->body_digest);
    rq->body_bytes = (int64_t)rq->body.n;
    return rc;
}

int mlf__keep_body(struct mlf *m)
{
    struct request *rq = m->rq;
    AUTO(fd_auto) int fd = -1;
    int rc = rq->body_fd >= 0 ? 0 : spool_body(m, &fd);
    return rc ? rc
              : blobs_take(app_of(rq)->blobs, rq->body_fd >= 0 ? rq->body_fd : fd, rq->body_digest,
                           rq->body_bytes, m->err);
}

/* What kind of thing lies on the disk under that path: 'f', 'd', 'l' a link, or 0 for nothing. */
static int on_disk(const char *root, const char *path)
{
    AUTO(fd_auto) int fd = -1;
    struct stat st;
    if (fs_open_beneath(root, path, O_PATH | O_NOFOLLOW, &fd, NULL) || fstat(fd, &st) != 0)
        return 0;
    return S_ISDIR(st.st_mode) ? 'd' : S_ISLNK(st.st_mode) ? 'l' : 'f';
}

/* A file of before that lies where a folder is wanted, or the other way round. */
static int check_disk(struct mlf *m, const char *path, int *out_there)
{
    const char *root = destination(m);
    *out_there = 0;
    if (!fs_exists(root))
        return 0;
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        int kind = on_disk(root, arena_strndup(m->a, path, (size_t)(slash - path)));
        if (kind == 'f')
            return mlf_fail(m, MLF_INVALID, "Invalid path: a part of '%s' is a file", path);
        if (!kind)
            return 0;
    }
    int kind = on_disk(root, path);
    *out_there = kind == 'f';
    return kind == 'd' ? mlf_fail(m, MLF_INVALID, "Invalid path: '%s' is a folder", path) : 0;
}

static int put_in_tx(struct tx *tx, void *arg, struct err *err)
{
    const struct mlf_named *x = arg;
    return artifact_put(tx, x->path, x->digest, x->bytes, err);
}

int mlf__name_blob(struct mlf *m, struct mlf_named *x, store_fn fn, void *arg)
{
    int there;
    int rc = check_disk(m, x->path, &there);
    if (!rc)
        rc = store_write(app_of(m->rq)->store, fn ? fn : put_in_tx, fn ? arg : x, m->err);
    if (!rc)
        mlf__show_on_disk(m, x, there);
    return rc;
}

int mlf__store_body(struct mlf *m, const char *path)
{
    struct mlf_named x = { .path = path, .bytes = 0 };
    int rc = mlf__keep_body(m);
    x.digest = m->rq->body_digest;
    x.bytes = m->rq->body_bytes;
    return rc ? rc : mlf__name_blob(m, &x, NULL, NULL);
}

static int remove_in_tx(struct tx *tx, void *arg, struct err *err)
{
    return artifact_remove(tx, arg, err);
}

int mlf__remove(struct mlf *m, const char *path)
{
    const char *root = destination(m);
    char *copy = arena_strdup(m->a, path);
    int rc = store_write(app_of(m->rq)->store, remove_in_tx, copy, m->err);
    int kind = rc || !fs_exists(root) ? 0 : on_disk(root, path);
    if (kind == 'd')
        rc = fs_remove_tree(fs_join(m->a, root, path), m->err);
    else if (kind)
        rc = fs_remove(fs_join(m->a, root, path), m->err);
    return rc;
}
