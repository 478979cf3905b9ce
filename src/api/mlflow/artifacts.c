/* SPDX-License-Identifier: Apache-2.0
 * The artifact proxy (/mlflow-artifacts), listings of runs, and the downloads of the page. */
#include "api/mlflow/artifact_files.h"
#include "api/mlflow/registry.h"

enum { SMALL_UPLOAD = 10 * 1024 * 1024 };

/* ---- the proxy ---- */

MLF_HANDLER0(artifact_get, MLF_READ)
{
    struct mlf_place p = { .managed = 1, .root = app_of(m->rq)->options.artifacts_destination };
    const char *path = mlf_path(m, "path");
    int rc = mlf__managed_path(m, path, &p.path);
    return rc ? rc : mlf__send(m, tx, &p, path);
}

/* A path that names a file: the root is none. */
static int file_path(struct mlf *m, const char **out)
{
    int rc = mlf__managed_path(m, mlf_path(m, "path"), out);
    return !rc && !**out ? mlf_fail(m, MLF_INVALID, "Invalid path") : rc;
}

MLF_HANDLER0(artifact_put, MLF_PLAIN)
{
    const char *path;
    (void)tx;
    int rc = file_path(m, &path);
    return rc ? rc : mlf__store_body(m, path);
}

MLF_HANDLER0(artifact_delete, MLF_PLAIN)
{
    const char *path;
    (void)tx;
    int rc = file_path(m, &path);
    return rc ? rc : mlf__remove(m, path);
}

MLF_HANDLER(artifact_list, MLF_READ, F_STR("path", ""))
{
    struct mlf_place p = { .managed = 1, .root = app_of(m->rq)->options.artifacts_destination };
    int rc = mlf__managed_path(m, mlf_str(m, "path"), &p.path);
    if (rc)
        return rc;
    (void)mlf_begin(m);
    return mlf__write_folder(m, tx, &p, "");
}

/* The client asks and falls back to one GET when it reads this text. */
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
    return rc ? rc : mlf_write_files(m, tx, r.artifact_uri, path);
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
    const char *path;
    int rc = need_path(m, &path);
    if (!rc)
        rc = mlf_run(m, tx, mlf_run_id(m), 0, &r);
    return rc ? rc : mlf_send_artifact(m, tx, r.artifact_uri, path);
}

MLF_HANDLER(page_version_artifact, MLF_READ, F_STR("name", ""), F_STR("version", ""),
            F_STR("path", ""))
{
    struct version v;
    const char *path, *root;
    int rc = need_path(m, &path);
    if (!rc)
        rc = mlf__version(m, tx, mlf_str(m, "name"), mlf_str(m, "version"), &v);
    if (!rc)
        rc = mlf__storage(m, tx, &v, &root);
    return rc ? rc : mlf_send_artifact(m, tx, root, path);
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
    struct mlf_place p;
    const char *path;
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
        rc = mlf__place(m, NULL, l.uri, path, &p);
    if (!rc && !p.managed)
        return mlf__write_in_place(m, &p);
    if (!rc && !*p.path)
        rc = mlf_fail(m, MLF_INVALID, "Invalid path");
    return rc ? rc : mlf__store_body(m, p.path);
}
