/* SPDX-License-Identifier: Apache-2.0
 * /mlflow/logged-models: create, finalize, tags, parameters, search. */
#include "track/logged_model.h"

#include <stdlib.h>

#include "api/mlflow/logged.h"

static const struct mlf_enum statuses[] = { { "LOGGED_MODEL_STATUS_UNSPECIFIED", 0 },
                                            { "LOGGED_MODEL_PENDING", 1 },
                                            { "LOGGED_MODEL_READY", 2 },
                                            { "LOGGED_MODEL_UPLOAD_FAILED", 3 },
                                            { NULL, 0 } };

const char *mlf__logged_status(enum logged_model_status status)
{
    return statuses[status].name;
}

int mlf__logged_model(struct mlf *m, struct tx *tx, const char *id, int deleted_too,
                      struct logged_model *out)
{
    int rc = logged_model_get(tx, m->a, id, out, m->err);
    if (rc == ERR_NOT_FOUND ||
        (!rc && !deleted_too && strcmp(out->lifecycle_stage, "deleted") == 0))
        return mlf_fail(m, MLF_MISSING, "Logged model with ID '%s' not found.", id);
    return rc;
}

/* ---- writing ---- */

static void write_metric(struct json_out *o, const char *model_id, const struct logged_metric *x)
{
    jo_object(o);
    jo_kv_cstr(o, "key", x->key);
    jo_kv_double(o, "value", x->point.value);
    jo_kv_int(o, "timestamp", x->point.time_ms);
    jo_kv_int(o, "step", x->point.step);
    mlf_opt(o, "dataset_name", x->dataset_name);
    mlf_opt(o, "dataset_digest", x->dataset_digest);
    jo_kv_cstr(o, "model_id", model_id);
    jo_kv_cstr(o, "run_id", x->run_id);
    jo_object_end(o);
}

static int write_data(struct mlf *m, struct tx *tx, const char *id)
{
    struct json_out *o = &m->out;
    struct track_pair *params;
    struct logged_metric *metrics;
    size_t param_n, metric_n;
    int rc = logged_model_params(tx, m->a, id, &params, &param_n, m->err);
    if (!rc)
        rc = logged_model_metrics(tx, m->a, id, &metrics, &metric_n, m->err);
    if (rc)
        return rc;
    jo_key(o, "data");
    jo_object(o);
    mlf_write_tags(o, "params", params, param_n);
    if (metric_n) {
        jo_key(o, "metrics");
        jo_array(o);
        for (size_t i = 0; i < metric_n; i++)
            write_metric(o, id, &metrics[i]);
        jo_array_end(o);
    }
    jo_object_end(o);
    return 0;
}

int mlf__write_logged_model(struct mlf *m, struct tx *tx, const struct logged_model *x)
{
    struct json_out *o = &m->out;
    struct track_pair *tags;
    size_t n;
    int rc = logged_model_tags(tx, m->a, x->id, &tags, &n, m->err);
    if (rc)
        return rc;
    jo_object(o);
    jo_key(o, "info");
    jo_object(o);
    jo_kv_cstr(o, "model_id", x->id);
    jo_kv_cstr(o, "experiment_id", arena_printf(m->a, "%lld", (long long)x->experiment_id));
    jo_kv_cstr(o, "name", x->name);
    jo_kv_int(o, "creation_timestamp_ms", x->creation_time_ms);
    jo_kv_int(o, "last_updated_timestamp_ms", x->last_update_time_ms);
    jo_kv_cstr(o, "artifact_uri", x->artifact_location);
    jo_kv_cstr(o, "status", mlf__logged_status(x->status));
    jo_kv_cstr(o, "model_type", x->model_type);
    jo_kv_cstr(o, "source_run_id", x->source_run_id);
    mlf_write_tags(o, "tags", tags, n);
    jo_object_end(o);
    rc = write_data(m, tx, x->id);
    jo_object_end(o);
    return rc;
}

static int answer(struct mlf *m, struct tx *tx, const char *id)
{
    struct logged_model x;
    int rc = logged_model_get(tx, m->a, id, &x, m->err);
    if (rc)
        return rc;
    jo_key(mlf_begin(m), "model");
    return mlf__write_logged_model(m, tx, &x);
}

/* ---- create ---- */

static int check_name(struct mlf *m, const char *name)
{
    if (!strpbrk(name, "/:.%\"'"))
        return 0;
    return mlf_fail(m, MLF_INVALID,
                    "Invalid model name (%s) provided. Model name must be a non-empty string and "
                    "cannot contain the following characters: ('/', ':', '.', '%%', '\"', \"'\")",
                    mlf_py_repr(m->a, str_of(name)));
}

static int add_params(struct mlf *m, struct tx *tx, const char *id)
{
    struct track_pair *params;
    size_t n;
    int rc = mlf_pairs(m, "params", &params, &n);
    for (size_t i = 0; !rc && i < n; i++)
        rc = logged_model_param_add(tx, id, &params[i], m->err);
    return rc;
}

static int set_tags(struct mlf *m, struct tx *tx, const char *id)
{
    struct track_pair *tags;
    size_t n;
    int rc = mlf_pairs(m, "tags", &tags, &n);
    for (size_t i = 0; !rc && i < n; i++)
        rc = logged_model_tag_set(tx, id, &tags[i], m->err);
    return rc;
}

MLF_HANDLER(logged_model_create, MLF_WRITE, F_STR("experiment_id", "sr"), F_STR("name", "s"),
            F_STR("model_type", "s"), F_STR("source_run_id", "s"),
            F_MSGS("params", "a", mlf_tag_fields), F_MSGS("tags", "a", mlf_tag_fields))
{
    struct experiment e;
    struct logged_model x = { .name = mlf_str(m, "name"),
                              .model_type = mlf_str(m, "model_type"),
                              .source_run_id = mlf_str(m, "source_run_id") };
    char id[LOGGED_MODEL_TEXT];
    int rc = check_name(m, x.name);
    if (!rc)
        rc = mlf_experiment(m, tx, mlf_str(m, "experiment_id"), &e);
    if (!rc && strcmp(e.lifecycle_stage, "active") != 0)
        rc = mlf_fail(m, MLF_INVALID,
                      "The experiment %lld must be in the 'active' state. Current state is %s.",
                      (long long)e.id, e.lifecycle_stage);
    if (rc)
        return rc;
    x.experiment_id = e.id;
    rc = logged_model_create(tx, &m->by, &x, e.artifact_location, id, m->err);
    if (!rc)
        rc = add_params(m, tx, id);
    if (!rc)
        rc = set_tags(m, tx, id);
    return rc ? rc : answer(m, tx, id);
}

/* ---- read and change ---- */

MLF_HANDLER(logged_model_get, MLF_READ, F_STR("model_id", ""), F_STR("allow_deleted", ""))
{
    struct logged_model x;
    int deleted = strcmp(mlf_lower(m->a, mlf_str(m, "allow_deleted")), "true") == 0;
    int rc = mlf__logged_model(m, tx, mlf_path(m, "model_id"), deleted, &x);
    return rc ? rc : answer(m, tx, x.id);
}

MLF_HANDLER(logged_model_finalize, MLF_WRITE, F_STR("model_id", "sr"),
            F_ENUM("status", "ir", statuses))
{
    struct logged_model x;
    int rc = mlf__logged_model(m, tx, mlf_str(m, "model_id"), 1, &x);
    if (!rc)
        rc = logged_model_set_status(tx, &m->by, x.id,
                                     (enum logged_model_status)mlf_int(m, "status", 0), m->err);
    return rc ? rc : answer(m, tx, x.id);
}

MLF_HANDLER0(logged_model_delete, MLF_WRITE)
{
    struct logged_model x;
    int rc = mlf__logged_model(m, tx, mlf_path(m, "model_id"), 1, &x);
    return rc ? rc : logged_model_delete(tx, &m->by, x.id, m->err);
}

MLF_HANDLER(logged_model_set_tags, MLF_WRITE, F_MSGS("tags", "a", mlf_tag_fields))
{
    struct logged_model x;
    int rc = mlf__logged_model(m, tx, mlf_path(m, "model_id"), 1, &x);
    return rc ? rc : set_tags(m, tx, x.id);
}

MLF_HANDLER0(logged_model_delete_tag, MLF_WRITE)
{
    struct logged_model x;
    const char *key = mlf_path(m, "tag_key");
    int rc = mlf__logged_model(m, tx, mlf_path(m, "model_id"), 1, &x);
    if (!rc)
        rc = logged_model_tag_delete(tx, x.id, key, m->err);
    return rc == ERR_NOT_FOUND && !m->code
               ? mlf_fail(m, MLF_MISSING, "No tag with key %s found for model with ID %s.",
                          mlf_py_repr(m->a, str_of(key)), mlf_py_repr(m->a, str_of(x.id)))
               : rc;
}

MLF_HANDLER(logged_model_log_params, MLF_WRITE, F_STR("model_id", "sr"),
            F_MSGS("params", "a", mlf_tag_fields))
{
    struct logged_model x;
    int rc = mlf__logged_model(m, tx, mlf_path(m, "model_id"), 1, &x);
    return rc ? rc : add_params(m, tx, x.id);
}

/* ---- artifacts ---- */

MLF_HANDLER(logged_model_directories, MLF_READ, F_STR("artifact_directory_path", "s"))
{
    struct logged_model x;
    const char *path = "";
    int rc = mlf_has(m, "artifact_directory_path")
                 ? mlf_safe_path(m, mlf_str(m, "artifact_directory_path"), &path)
                 : 0;
    if (!rc)
        rc = mlf__logged_model(m, tx, mlf_path(m, "model_id"), 0, &x);
    return rc ? rc : mlf_write_files(m, tx, x.artifact_location, path);
}

MLF_HANDLER(logged_model_file, MLF_READ, F_STR("artifact_file_path", ""))
{
    struct logged_model x;
    const char *path;
    if (!*mlf_str(m, "artifact_file_path"))
        return mlf_fail(m, "BAD_REQUEST",
                        "Request must include the \"artifact_file_path\" query parameter.");
    int rc = mlf_safe_path(m, mlf_str(m, "artifact_file_path"), &path);
    if (!rc)
        rc = mlf__logged_model(m, tx, mlf_path(m, "model_id"), 0, &x);
    return rc ? rc : mlf_send_artifact(m, tx, x.artifact_location, path);
}
