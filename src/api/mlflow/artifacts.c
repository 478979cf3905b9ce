/* SPDX-License-Identifier: Apache-2.0
 * The artifact proxy (/mlflow-artifacts), listings of runs, and the downloads of the page. */
#include <stdio.h>

#include "api/mlflow/artifact_files.h"
#include "api/mlflow/registry.h"
#include "base/fs.h"

enum { SMALL_UPLOAD = 10 * 1024 * 1024 };

/* ---- the proxy ---- */

MLF_HANDLER0(artifact_get, MLF_PLAIN)
{
    const char *path = mlf_path(m, "path"), *file;
    (void)tx;
    int rc = mlf__served_path(m, path, &file);
    return rc ? rc : mlf_send_file(m, file, path);
}

MLF_HANDLER0(artifact_put, MLF_PLAIN)
{
    const char *path = mlf_path(m, "path"), *file, *safe;
    (void)tx;
    int rc = mlf_safe_path(m, path, &safe);
    if (!rc && !*safe)
        rc = mlf_fail(m, MLF_INVALID, "Invalid path");
    if (!rc)
        rc = mlf__served_path(m, path, &file);
    return rc ? rc : mlf__store_file(m, file, path);
}

MLF_HANDLER0(artifact_delete, MLF_PLAIN)
{
    const char *path = mlf_path(m, "path"), *file, *safe;
    struct fs_info info;
    (void)tx;
    int rc = mlf_safe_path(m, path, &safe);
    if (!rc && !*safe)
        rc = mlf_fail(m, MLF_INVALID, "Invalid path");
    if (!rc)
        rc = mlf__served_path(m, path, &file);
    if (rc || fs_stat(file, &info, NULL))
        return rc;
    return info.is_dir ? fs_remove_tree(file, m->err) : fs_remove(file, m->err);
}

MLF_HANDLER(artifact_list, MLF_PLAIN, F_STR("path", ""))
{
    const char *dir;
    (void)tx;
    int rc = mlf__served_path(m, mlf_str(m, "path"), &dir);
    if (rc)
        return rc;
    (void)mlf_begin(m);
    return mlf__write_folder(m, dir, "");
}

/* The client asks and falls back to one PUT when it reads this text. */
MLF_HANDLER0(artifact_multipart, MLF_PLAIN)
{
    (void)tx;
    return mlf_fail(m, "NOT_IMPLEMENTED",
                    "Multipart upload is not supported for the current artifact repository");
}

MLF_HANDLER0(artifact_presigned, MLF_PLAIN)
{
    (void)tx;
    return mlf_fail(m, "NOT_IMPLEMENTED",
                    "Multipart download is not supported for the current artifact repository");
}

/* ---- of runs and versions ---- */

MLF_HANDLER(run_artifacts, MLF_READ, F_STR("run_id", "sr"), F_STR("run_uuid", ""),
            F_STR("path", "s"), F_STR("page_token", "s"))
{
    struct run r;
    const char *path = "";
    int rc = mlf_has(m, "path") ? mlf_safe_path(m, mlf_str(m, "path"), &path) : 0;
    if (!rc)
        rc = mlf_run(m, tx, mlf_run_id(m), 0, &r);
    return rc ? rc : mlf_write_files(m, r.artifact_uri, path);
}

static int need_path(struct mlf *m, const char **out)
{
    if (!mlf_has(m, "path"))
        return mlf_fail(m, "BAD_REQUEST", "Request must specify path.");
    return mlf_safe_path(m, mlf_str(m, "path"), out);
}

MLF_HANDLER(page_run_artifact, MLF_READ, F_STR("run_id", ""), F_STR("run_uuid", ""),
            F_STR("path", ""))
{
    struct run r;
    const char *path, *file;
    int rc = need_path(m, &path);
    if (!rc)
        rc = mlf_run(m, tx, mlf_run_id(m), 0, &r);
    if (!rc)
        rc = mlf_artifact_path(m, r.artifact_uri, path, &file);
    return rc ? rc : mlf_send_file(m, file, path);
}

MLF_HANDLER(page_version_artifact, MLF_READ, F_STR("name", ""), F_STR("version", ""),
            F_STR("path", ""))
{
    struct version v;
    const char *path, *file, *root;
    int rc = need_path(m, &path);
    if (!rc)
        rc = mlf__version(m, tx, mlf_str(m, "name"), mlf_str(m, "version"), &v);
    if (!rc)
        rc = mlf__storage(m, tx, &v, &root);
    if (!rc)
        rc = mlf_artifact_path(m, root, path, &file);
    return rc ? rc : mlf_send_file(m, file, path);
}

struct look {
    struct mlf *m;
    const char *run_id;
    const char *uri; /* found */
};

static int look_up(struct tx *tx, void *arg, struct err *err)
{
    struct look *l = arg;
    struct run r;
    l->m->err = err;
    int rc = mlf_run(l->m, tx, l->run_id, 0, &r);
    l->uri = rc ? NULL : r.artifact_uri;
    return rc;
}

MLF_HANDLER0(page_upload, MLF_PLAIN)
{
    str_t id = request_query(m->rq, "run_uuid"), given = request_query(m->rq, "path");
    struct look l = { .m = m, .run_id = arena_strndup(m->a, id.p ? id.p : "", id.n) };
    const char *path, *file;
    (void)tx;
    if (!id.n)
        return mlf_fail(m, MLF_INVALID, "Request must specify run_uuid.");
    if (!given.n)
        return mlf_fail(m, MLF_INVALID, "Request must specify path.");
    int rc = mlf_safe_path(m, arena_strndup(m->a, given.p, given.n), &path);
    if (!rc && m->rq->body.n > SMALL_UPLOAD)
        rc = mlf_fail(m, MLF_INVALID, "Artifact size is too large. Max size is 10MB.");
    if (!rc && !m->rq->body.n)
        rc = mlf_fail(m, MLF_INVALID, "Request must specify data.");
    if (!rc)
        rc = store_read(app_of(m->rq)->store, look_up, &l, m->err);
    if (!rc)
        rc = mlf_artifact_path(m, l.uri, path, &file);
    return rc ? rc : mlf__store_file(m, file, path);
}
