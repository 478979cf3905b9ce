/* SPDX-License-Identifier: Apache-2.0
 * Files behind artifact URIs: which folder an URI means, listing, sending with type, name and ETag,
 * storing an upload so that it is visible when whole and synced. Everything under the folder of
 * mlflow-artifacts:/ is served; local folders of users are listed only. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/mlflow/artifact_files.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/rng.h"

enum { COPY_BYTES = 1 << 20 };

#define UPLOADS ".slipway-uploads"
#define PROXY_ANCHOR "/api/2.0/mlflow-artifacts/artifacts/"

/* ---- where ---- */

static const char *destination(struct mlf *m)
{
    return app_of(m->rq)->options.artifacts_destination;
}

int mlf__is_reserved(const char *path)
{
    size_t n = sizeof UPLOADS - 1;
    return strncmp(path, UPLOADS, n) == 0 && (path[n] == '/' || !path[n]);
}

int mlf__served_path(struct mlf *m, const char *path, const char **out)
{
    const char *safe;
    int rc = mlf_safe_path(m, path, &safe);
    if (!rc && mlf__is_reserved(safe))
        rc = mlf_fail(m, MLF_INVALID, "Invalid path");
    if (!rc)
        *out = *safe ? fs_join(m->a, destination(m), safe) : arena_strdup(m->a, destination(m));
    return rc;
}

/* The path under the proxy's folder that a root means, or NULL. */
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

int mlf_artifact_path(struct mlf *m, const char *root_uri, const char *path, const char **out)
{
    const char *inside = proxied(m, root_uri);
    if (!inside)
        return mlf_fail(m, "PERMISSION_DENIED",
                        "Artifacts under '%s' are not served: they do not lie with this server",
                        root_uri);
    return mlf__served_path(m, joined(m, inside, path), out);
}

/* ---- listing ---- */

static void write_file(struct mlf *m, const char *shown, const struct fs_info *info, int *any)
{
    struct json_out *o = &m->out;
    if (!(*any)++) {
        jo_key(o, "files");
        jo_array(o);
    }
    jo_object(o);
    jo_kv_cstr(o, "path", shown);
    jo_kv_bool(o, "is_dir", info->is_dir);
    if (!info->is_dir && info->size)
        jo_kv_int(o, "file_size", info->size);
    jo_object_end(o);
}

int mlf__write_folder(struct mlf *m, const char *dir, const char *prefix)
{
    struct fs_info info;
    const char **names;
    size_t n;
    int any = 0, top = strcmp(dir, destination(m)) == 0;
    if (fs_stat(dir, &info, NULL) || !info.is_dir)
        return 0;
    int rc = fs_list(m->a, dir, &names, &n, m->err);
    for (size_t i = 0; !rc && i < n; i++) {
        if ((top && mlf__is_reserved(names[i])) ||
            fs_stat(fs_join(m->a, dir, names[i]), &info, NULL) || (!info.is_dir && !info.is_file))
            continue;
        const char *shown = *prefix ? joined(m, prefix, names[i]) : names[i];
        write_file(m, shown, &info, &any);
    }
    if (any)
        jo_array_end(&m->out);
    return rc;
}

int mlf_write_files(struct mlf *m, const char *root_uri, const char *path)
{
    const char *inside = proxied(m, root_uri), *dir;
    int rc = 0;
    if (inside)
        rc = mlf__served_path(m, joined(m, inside, path), &dir);
    else if (mlf_is_local_uri(root_uri))
        dir = joined(m, mlf_local_path(m->a, root_uri), path);
    else
        rc = mlf_fail(m, "NOT_IMPLEMENTED", "Artifacts under '%s' cannot be listed by this server",
                      root_uri);
    if (rc)
        return rc;
    struct json_out *o = mlf_begin(m);
    jo_kv_cstr(o, "root_uri", root_uri);
    return mlf__write_folder(m, dir, path);
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
    { "mov", "video/quicktime" }, { "h5", "application/x-hdf5" },
    { "c", "text/plain" },        { "h", "text/plain" },
    { "sh", "application/x-sh" },
};

const char *mlf__mime_of(const char *name)
{
    static const char *const text[] = { "txt",   "log",  "err",  "cfg",        "conf",
                                        "cnf",   "cf",   "ini",  "properties", "prop",
                                        "hocon", "toml", "yaml", "yml",        "xml",
                                        "json",  "js",   "py",   "py3",        "csv",
                                        "tsv",   "md",   "rst",  "MLmodel",    "MLproject" };
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

static const char *disposition(struct mlf *m, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const char *quoted = "", *encoded = "";
    int ascii = 1;
    if (is_token(name))
        return arena_printf(m->a, "attachment; filename=%s", name);
    for (const unsigned char *p = (const unsigned char *)name; *p; p++) {
        int plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                    (*p >= '0' && *p <= '9') || strchr("-._~", *p);
        ascii &= *p < 0x80;
        if (*p < 0x80)
            quoted = arena_printf(m->a, "%s%s%c", quoted, *p == '"' || *p == '\\' ? "\\" : "", *p);
        encoded = plain ? arena_printf(m->a, "%s%c", encoded, *p)
                        : arena_printf(m->a, "%s%%%02X", encoded, *p);
    }
    if (ascii)
        return arena_printf(m->a, "attachment; filename=\"%s\"", quoted);
    return arena_printf(m->a, "attachment; filename=\"%s\"; filename*=UTF-8''%s",
                        *quoted ? quoted : "download", encoded);
}

/* A range of another state of the file would be wrong: If-Range decides. */
static void drop_range(struct request *rq)
{
    for (size_t i = 0; i < rq->headers_n; i++)
        if (str_is(rq->headers[i].key, "range"))
            rq->headers[i].key = STR("");
}

int mlf_send_file(struct mlf *m, const char *file, const char *shown)
{
    struct request *rq = m->rq;
    struct stat st;
    AUTO(fd_auto) int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return mlf_fail(m, MLF_MISSING, "No such artifact: '%s'", shown);
    if (fd < 0)
        return ERR_SYS(m->err, "cannot open artifact '%s'", shown);
    if (fstat(fd, &st) != 0)
        return ERR_SYS(m->err, "cannot read artifact '%s'", shown);
    if (!S_ISREG(st.st_mode))
        return mlf_fail(m, MLF_MISSING, "No such artifact: '%s' is a folder", shown);
    const char *etag = arena_printf(m->a, "\"%llx-%llx-%llx\"", (unsigned long long)st.st_ino,
                                    (unsigned long long)st.st_size,
                                    (unsigned long long)st.st_mtim.tv_sec * 1000000000ULL +
                                        (unsigned long long)st.st_mtim.tv_nsec);
    request_add_header(rq, "ETag", etag);
    rq->content_type = mlf__mime_of(shown);
    if (!route_sandbox(rq, shown))
        request_add_header(rq, "Content-Disposition", disposition(m, shown));
    str_t if_range = request_header(rq, "if-range");
    if (if_range.p && !str_is(if_range, etag))
        drop_range(rq);
    if (str_is(request_header(rq, "if-none-match"), etag)) {
        rq->status = 304;
        return 0;
    }
    rq->out_length = st.st_size;
    rq->out_offset = 0;
    rq->out_fd = fd;
    fd = -1;
    return 0;
}

/* ---- storing ---- */

static int copy_spool(int from, int to, struct err *err)
{
    char *block = mem_try_alloc(COPY_BYTES, 1);
    int rc = block ? 0 : ERR(err, ERR_NOMEM, "not enough memory for an upload");
    while (!rc) {
        ssize_t n = read(from, block, COPY_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            rc = n < 0 ? ERR_SYS(err, "cannot read the upload") : 0;
            break;
        }
        rc = fs_write_all(to, (str_t){ block, (size_t)n }, "artifact", err);
    }
    mem_free(block);
    return rc;
}

/* The spooled upload lies in the same folder without a name: it only needs one. */
static int name_spool(int fd, const char *temporary)
{
    char self[64];
    (void)snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    return fchmod(fd, 0644) == 0 && fsync(fd) == 0 &&
           linkat(AT_FDCWD, self, AT_FDCWD, temporary, AT_SYMLINK_FOLLOW) == 0;
}

static int write_temporary(struct mlf *m, const char *temporary)
{
    struct request *rq = m->rq;
    if (rq->body_fd >= 0 && name_spool(rq->body_fd, temporary))
        return 0;
    AUTO(fd_auto) int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return ERR_SYS(m->err, "cannot create '%s'", temporary);
    int rc = rq->body_fd >= 0 ? copy_spool(rq->body_fd, fd, m->err)
                              : fs_write_all(fd, rq->body, "artifact", m->err);
    if (!rc && fsync(fd) != 0)
        rc = ERR_SYS(m->err, "cannot sync '%s'", temporary);
    return rc;
}

int mlf__store_file(struct mlf *m, const char *file, const char *shown)
{
    struct fs_info info;
    char name[HEX32_TEXT];
    const char *uploads = app_of(m->rq)->uploads_dir;
    char *dir = arena_strdup(m->a, file);
    char *slash = strrchr(dir, '/');
    *slash = '\0';
    if (!fs_stat(file, &info, NULL) && info.is_dir)
        return mlf_fail(m, MLF_INVALID, "Invalid path: '%s' is a folder", shown);
    int rc = fs_mkdirs(uploads, m->err);
    hex32(name);
    const char *temporary = fs_join(m->a, uploads, name);
    if (!rc)
        rc = write_temporary(m, temporary);
    if (!rc && fs_mkdirs(dir, m->err))
        rc = mlf_fail(m, MLF_INVALID, "Invalid path: a part of '%s' is a file", shown);
    if (!rc)
        rc = fs_rename(temporary, file, m->err);
    if (!rc)
        rc = fs_sync_dir(dir, m->err);
    else
        IGNORE(fs_remove(temporary, NULL));
    return rc;
}
