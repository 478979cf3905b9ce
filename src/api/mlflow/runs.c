/* SPDX-License-Identifier: Apache-2.0
 * /mlflow/runs: create, read, update, delete, restore. */
#include "api/mlflow/run_texts.h"
#include "track/logged_model.h"

/* ---- shared ---- */

int mlf_run(struct mlf *m, struct tx *tx, const char *id, int active, struct run *out)
{
    int rc = run_get(tx, m->a, id, out, m->err);
    if (rc == ERR_NOT_FOUND)
        return mlf_fail(m, MLF_MISSING, "Run with id=%s not found", id);
    if (!rc && active && strcmp(out->lifecycle_stage, "active") != 0)
        return mlf_fail(m, MLF_INVALID,
                        "The run %s must be in the 'active' state. Current state is %s.", id,
                        out->lifecycle_stage);
    return rc;
}

int mlf_run_active(struct mlf *m, struct tx *tx, const char *id)
{
    int rc = run_require_active(tx, id, m->err);
    return rc == ERR_NOT_FOUND ? mlf_fail(m, MLF_MISSING, "Run with id=%s not found", id) : rc;
}

void mlf_write_run_info(struct json_out *o, const char *key, const struct run *r)
{
    char id[24];
    size_t n = 0;
    int64_t v = r->experiment_id;
    char back[24];
    do
        back[n++] = (char)('0' + v % 10);
    while ((v /= 10) > 0);
    for (size_t i = 0; i < n; i++)
        id[i] = back[n - 1 - i];
    jo_key(o, key);
    jo_object(o);
    jo_kv_cstr(o, "run_uuid", r->id);
    jo_kv_str(o, "experiment_id", (str_t){ id, n });
    jo_kv_cstr(o, "run_name", r->name);
    jo_kv_cstr(o, "user_id", r->user);
    jo_kv_cstr(o, "status", r->status);
    jo_kv_int(o, "start_time", r->start_time_ms);
    if (r->end_time_ms > 0)
        jo_kv_int(o, "end_time", r->end_time_ms);
    jo_kv_cstr(o, "artifact_uri", r->artifact_uri);
    jo_kv_cstr(o, "lifecycle_stage", r->lifecycle_stage);
    jo_kv_cstr(o, "run_id", r->id);
    jo_object_end(o);
}

static int write_metrics(struct mlf *m, struct tx *tx, const char *run_id)
{
    struct json_out *o = &m->out;
    struct metric *list;
    size_t n;
    int rc = metric_list(tx, m->a, run_id, &list, &n, m->err);
    if (rc || !n)
        return rc;
    jo_key(o, "metrics");
    jo_array(o);
    for (size_t i = 0; i < n; i++) {
        jo_object(o);
        jo_kv_cstr(o, "key", list[i].key);
        jo_kv_double(o, "value", list[i].latest.value);
        jo_kv_int(o, "timestamp", list[i].latest.time_ms);
        jo_kv_int(o, "step", list[i].latest.step);
        jo_object_end(o);
    }
    jo_array_end(o);
    return 0;
}

static int write_data(struct mlf *m, struct tx *tx, const char *run_id)
{
    struct track_pair *params, *tags;
    size_t params_n, tags_n;
    jo_key(&m->out, "data");
    jo_object(&m->out);
    int rc = write_metrics(m, tx, run_id);
    if (!rc)
        rc = run_params(tx, m->a, run_id, &params, &params_n, m->err);
    if (!rc)
        rc = run_tags(tx, m->a, run_id, &tags, &tags_n, m->err);
    if (rc)
        return rc;
    mlf_write_tags(&m->out, "params", params, params_n);
    mlf_write_tags(&m->out, "tags", tags, tags_n);
    jo_object_end(&m->out);
    return 0;
}

static int write_dataset(struct mlf *m, struct tx *tx, const char *run_id,
                         const struct run_input *in)
{
    struct json_out *o = &m->out;
    struct track_pair *tags;
    size_t n;
    int rc = run_input_tags(tx, m->a, run_id, in->dataset.id, &tags, &n, m->err);
    if (rc)
        return rc;
    struct track_pair context = { "mlflow.data.context", in->context };
    if (!n && in->context) /* of our own runs */
        tags = &context, n = 1;
    jo_object(o);
    mlf_write_tags(o, "tags", tags, n);
    jo_key(o, "dataset");
    jo_object(o);
    jo_kv_cstr(o, "name", in->dataset.name);
    jo_kv_cstr(o, "digest", in->dataset.digest);
    jo_kv_cstr(o, "source_type", in->dataset.source_type);
    jo_kv_cstr(o, "source", in->dataset.source);
    mlf_opt(o, "schema", in->dataset.schema);
    mlf_opt(o, "profile", in->dataset.profile);
    jo_object_end(o);
    jo_object_end(o);
    return 0;
}

static int write_models(struct mlf *m, struct tx *tx, const char *run_id, int output)
{
    struct json_out *o = &m->out;
    struct run_model *list;
    size_t n;
    int rc = run_models(tx, m->a, run_id, output, &list, &n, m->err);
    if (rc || !n)
        return rc;
    jo_key(o, output ? "model_outputs" : "model_inputs");
    jo_array(o);
    for (size_t i = 0; i < n; i++) {
        jo_object(o);
        jo_kv_cstr(o, "model_id", list[i].model_id);
        if (output)
            jo_kv_int(o, "step", list[i].step);
        jo_object_end(o);
    }
    jo_array_end(o);
    return 0;
}

static int write_inputs(struct mlf *m, struct tx *tx, const char *run_id, int links)
{
    struct run_input *list;
    size_t n = 0;
    int rc = 0;
    jo_key(&m->out, "inputs");
    jo_object(&m->out);
    if (links & RUN_HAS_INPUTS)
        rc = run_inputs(tx, m->a, run_id, &list, &n, m->err);
    if (!rc && n) {
        jo_key(&m->out, "dataset_inputs");
        jo_array(&m->out);
        for (size_t i = 0; !rc && i < n; i++)
            rc = write_dataset(m, tx, run_id, &list[i]);
        jo_array_end(&m->out);
    }
    if (!rc && (links & RUN_HAS_MODELS_IN))
        rc = write_models(m, tx, run_id, 0);
    jo_object_end(&m->out);
    return rc;
}

int mlf_write_run(struct mlf *m, struct tx *tx, const struct run *r, int links)
{
    jo_object(&m->out);
    mlf_write_run_info(&m->out, "info", r);
    int rc = write_data(m, tx, r->id);
    if (!rc)
        rc = write_inputs(m, tx, r->id, links);
    if (!rc) {
        jo_key(&m->out, "outputs");
        jo_object(&m->out);
        if (links & RUN_HAS_MODELS_OUT)
            rc = write_models(m, tx, r->id, 1);
        jo_object_end(&m->out);
    }
    jo_object_end(&m->out);
    return rc;
}

/* ---- create ---- */

static const char *name_tag(const struct track_pair *tags, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(tags[i].key, "mlflow.runName") == 0 && tags[i].value[0])
            return tags[i].value;
    return NULL;
}

static int check_name(struct mlf *m, const char *name, const char *tag)
{
    if (!*name || !tag || strcmp(name, tag) == 0)
        return 0;
    return mlf_fail(m, MLF_INVALID,
                    "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with "
                    "different values (run_name='%s', mlflow.runName='%s').",
                    name, tag);
}

static int set_tags(struct mlf *m, struct tx *tx, const char *id, const struct track_pair *tags,
                    size_t n)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < n; i++) {
        struct track_pair tag = tags[i];
        if (strcmp(tag.key, "mlflow.runName") == 0)
            continue;
        rc = mlf_check_key(m, tag.key, arena_printf(m->a, "tags[%zu].key", i));
        if (!rc)
            rc = mlf_fit(m, arena_printf(m->a, "tags[%zu].value", i), 8000, &tag.value);
        if (!rc)
            rc = run_tag_append(tx, &m->by, id, &tag, m->err);
    }
    return rc;
}

MLF_HANDLER(run_create, MLF_WRITE, F_STR("experiment_id", "s"), F_STR("user_id", ""),
            F_STR("run_name", "s"), F_INT("start_time", "i"), F_MSGS("tags", "", mlf_tag_fields))
{
    struct experiment e;
    struct run r;
    struct track_pair *tags;
    size_t tag_n;
    char id[HEX32_TEXT];
    int rc = mlf_pairs(m, "tags", &tags, &tag_n);
    if (!rc)
        rc = mlf_experiment(m, tx, mlf_str(m, "experiment_id"), &e);
    if (!rc && strcmp(e.lifecycle_stage, "active") != 0)
        return mlf_fail(m, MLF_INVALID,
                        "The experiment %lld must be in the 'active' state. Current state is %s.",
                        (long long)e.id, e.lifecycle_stage);
    if (rc)
        return rc;
    const char *name = mlf_str(m, "run_name"), *tag = name_tag(tags, tag_n);
    rc = check_name(m, name, tag);
    if (rc)
        return rc;
    hex32(id);
    struct run_new n = { .experiment_id = e.id,
                         .id = id,
                         .name = mlf_cut(m,
                                         *name ? name
                                         : tag ? tag
                                               : "",
                                         8000),
                         .user = mlf_str(m, "user_id"),
                         .start_time_ms = MAX(mlf_int(m, "start_time", 0), 0),
                         .artifact_uri = mlf_join_uri(m->a, e.artifact_location,
                                                      arena_printf(m->a, "%s/artifacts", id)) };
    rc = run_create(tx, &m->by, &n, id, m->err);
    if (!rc)
        rc = set_tags(m, tx, id, tags, tag_n);
    if (!rc)
        rc = mlf_run(m, tx, id, 0, &r);
    if (!rc)
        rc = run_tags(tx, m->a, id, &tags, &tag_n, m->err);
    if (rc)
        return rc;
    struct json_out *o = mlf_begin(m);
    jo_key(o, "run");
    jo_object(o);
    mlf_write_run_info(o, "info", &r);
    jo_key(o, "data"); /* a new run has nothing but tags */
    jo_object(o);
    mlf_write_tags(o, "tags", tags, tag_n);
    jo_object_end(o);
    rc = write_inputs(m, tx, id, 0);
    jo_object_end(o);
    return rc;
}

/* ---- the rest ---- */

MLF_HANDLER(run_get, MLF_READ, F_STR("run_id", "rs"), F_STR("run_uuid", ""))
{
    const char *id = mlf_run_id(m);
    jo_key(mlf_begin(m), "run");
    return mlf__write_known_run(m, tx, id) ? 0 : mlf__write_new_run(m, tx, id, RUN_HAS_ALL);
}

static const char *status_name(int64_t number)
{
    for (const struct mlf_enum *e = mlf_run_statuses; e->name; e++)
        if (e->number == number)
            return e->name;
    return NULL;
}

MLF_HANDLER(run_update, MLF_WRITE, F_STR("run_id", "rs"), F_STR("run_uuid", ""),
            F_INT("end_time", "i"), F_ENUM("status", "s", mlf_run_statuses), F_STR("run_name", "s"))
{
    struct run r;
    struct run_change c = RUN_CHANGE_INIT;
    const char *id = mlf_run_id(m), *name = mlf_str(m, "run_name");
    int rc = mlf_run(m, tx, id, 1, &r);
    if (rc)
        return rc;
    c.status = mlf_has(m, "status") ? status_name(mlf_int(m, "status", 0)) : NULL;
    c.end_time_ms = mlf_int(m, "end_time", -1);
    c.name = *name ? mlf_cut(m, name, 8000) : NULL;
    rc = run_update(tx, &m->by, r.id, &c, m->err);
    if (!rc)
        rc = mlf_run(m, tx, id, 0, &r);
    if (!rc)
        mlf_write_run_info(mlf_begin(m), "run_info", &r);
    return rc;
}

MLF_HANDLER(run_delete, MLF_WRITE, F_STR("run_id", "rs"))
{
    struct run r;
    int rc = mlf_run(m, tx, mlf_str(m, "run_id"), 0, &r);
    return rc ? rc : run_delete(tx, &m->by, r.id, m->err);
}

MLF_HANDLER(run_restore, MLF_WRITE, F_STR("run_id", "rs"))
{
    struct run r;
    int rc = mlf_run(m, tx, mlf_str(m, "run_id"), 0, &r);
    return rc ? rc : run_restore(tx, &m->by, r.id, m->err);
}
