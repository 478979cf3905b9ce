/* SPDX-License-Identifier: Apache-2.0
 * What training code logs: metrics, parameters, tags, batches of them, inputs, outputs. The checks
 * come in MLflow's order; each request is one transaction, so a refused batch leaves nothing. What
 * needs no database is done before it. */
#include <math.h>
#include <stdlib.h>

#include "api/mlflow/mlflow.h"
#include "track/logged_model.h"
#include "track/metric.h"

enum {
    KEY_MAX = 250,
    PARAM_MAX = 6000,
    TAG_MAX = 8000,
    BATCH_METRICS = 1000,
    BATCH_PAIRS = 100,
    BATCH_ALL = 1000,
};

/* ---- metrics ---- */

static struct metric_point point_of(const struct json *v)
{
    const struct json *n = json_get(v, "value");
    double value = n ? n->number : 0;
    if (isinf(value)) /* the server keeps infinities as the greatest double */
        value = value > 0 ? 1.7976931348623157e308 : -1.7976931348623157e308;
    return (struct metric_point){ value, json_get_int(v, "timestamp", 0),
                                  json_get_int(v, "step", 0) };
}

static const char *text_or_null(const struct json *v, const char *name)
{
    const char *text = mlf_member(v, name);
    return *text ? text : NULL;
}

/* A metric that names a model is one of the model's as well. */
static int log_model_metric(struct mlf *m, struct tx *tx, const char *run_id, const struct json *v)
{
    const char *model_id = mlf_member(v, "model_id");
    if (!*model_id)
        return 0;
    struct logged_metric metric = { .key = mlf_member(v, "key"),
                                    .point = point_of(v),
                                    .run_id = run_id,
                                    .dataset_name = text_or_null(v, "dataset_name"),
                                    .dataset_digest = text_or_null(v, "dataset_digest") };
    return logged_model_metric_log(tx, model_id, &metric, m->err);
}

static int store_metric(struct mlf *m, struct tx *tx)
{
    const char *id = mlf_run_id(m);
    struct metric_point p = point_of(&m->message);
    int rc = mlf_run_active(m, tx, id);
    if (!rc)
        rc = metric_append(tx, id, mlf_str(m, "key"), &p, 1, m->err);
    return rc ? rc : log_model_metric(m, tx, id, &m->message);
}

MLF_HANDLER(run_log_metric, MLF_PLAIN, F_STR("run_id", "rs"), F_STR("run_uuid", ""),
            F_STR("key", "rs"), F_DOUBLE("value", "rf"), F_INT("timestamp", "ir"),
            F_INT("step", "i"), F_STR("model_id", "s"), F_STR("dataset_name", "s"),
            F_STR("dataset_digest", "s"))
{
    int rc = mlf_check_metric(m, &m->message, "");
    (void)tx;
    return rc ? rc : mlf_transact(m, store_metric, MLF_WRITE);
}

struct entry {
    const char *key;
    size_t at;
};

static int by_key(const void *x, const void *y)
{
    const struct entry *a = x, *b = y;
    int c = strcmp(a->key, b->key);
    return c ? c : (a->at > b->at) - (a->at < b->at);
}

/* One batch, checked and in the form in which it is stored. */
struct plan {
    const char *id;
    struct metric_series *series;
    size_t series_n;
    const struct json *metrics;
    size_t metric_n;
    struct track_pair *params, *tags;
    size_t param_n, tag_n;
};

/* One series a key, in the order in which the points came. */
static int plan_metrics(struct mlf *m, struct plan *b)
{
    const struct json *items = b->metrics;
    size_t n = b->metric_n;
    struct entry *sorted = ARENA_TRY_ARRAY(m->a, n + 1, struct entry);
    struct metric_point *points = ARENA_TRY_ARRAY(m->a, n + 1, struct metric_point);
    struct metric_series *series = ARENA_TRY_ARRAY(m->a, n + 1, struct metric_series);
    size_t k = 0;
    if (!sorted || !points || !series)
        return ERR(m->err, ERR_NOMEM, "the batch does not fit in memory");
    for (size_t i = 0; i < n; i++)
        sorted[i] = (struct entry){ mlf_member(&items[i], "key"), i };
    if (n)
        qsort(sorted, n, sizeof *sorted, by_key);
    for (size_t i = 0; i < n; i++) {
        if (!i || strcmp(sorted[i].key, sorted[i - 1].key) != 0)
            series[k++] = (struct metric_series){ sorted[i].key, points + i, 0 };
        points[i] = point_of(&items[sorted[i].at]);
        series[k - 1].n++;
    }
    b->series = series;
    b->series_n = k;
    return 0;
}

/* ---- parameters ---- */

static const char *known_value(const struct track_pair *known, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(known[i].key, key) == 0)
            return known[i].value;
    return NULL;
}

static int check_param(struct mlf *m, const char *key, const char *path)
{
    int rc = mlf_check_key(m, key, path);
    return rc ? rc : mlf_check_length(m, "Param key", KEY_MAX, key);
}

MLF_HANDLER(run_log_parameter, MLF_WRITE, F_STR("run_id", "rs"), F_STR("run_uuid", ""),
            F_STR("key", "rs"), F_STR("value", "s"))
{
    struct track_pair *known;
    size_t n;
    const char *id = mlf_run_id(m);
    struct track_pair p = { mlf_str(m, "key"), mlf_str(m, "value") };
    int rc = check_param(m, p.key, "key");
    if (!rc)
        rc = mlf_fit(m, "Param value", PARAM_MAX, &p.value);
    if (!rc)
        rc = mlf_run_active(m, tx, id);
    if (!rc)
        rc = run_params(tx, m->a, id, &known, &n, m->err);
    if (rc)
        return rc;
    const char *old = known_value(known, n, p.key);
    if (old && strcmp(old, p.value) != 0)
        return mlf_fail(m, MLF_INVALID,
                        "Changing param values is not allowed. Param with key='%s' was already "
                        "logged with value='%s' for run ID='%s'. Attempted logging new value '%s'.",
                        p.key, old, id, p.value);
    return old ? 0 : run_param_append(tx, id, &p, m->err);
}

static int params_conflict(struct mlf *m, const struct track_pair *known, size_t known_n,
                           const struct track_pair *params, size_t n, const char *id)
{
    const char *shown = "";
    for (size_t i = 0; i < n; i++) {
        const char *old = known_value(known, known_n, params[i].key);
        if (!old || strcmp(old, params[i].value) == 0)
            continue;
        shown = arena_printf(m->a, "%s%s{'key': %s, 'old_value': %s, 'new_value': %s}", shown,
                             *shown ? ", " : "", mlf_py_repr(m->a, str_of(params[i].key)),
                             mlf_py_repr(m->a, str_of(old)),
                             mlf_py_repr(m->a, str_of(params[i].value)));
    }
    if (!*shown)
        return 0;
    return mlf_fail(m, MLF_INVALID,
                    "Changing param values is not allowed. Params were already logged='[%s]' for "
                    "run ID='%s'.",
                    shown, id);
}

static int log_params(struct mlf *m, struct tx *tx, const char *id, const struct track_pair *params,
                      size_t n)
{
    struct track_pair *known = NULL;
    size_t known_n = 0;
    int rc = n ? run_params(tx, m->a, id, &known, &known_n, m->err) : 0;
    if (!rc)
        rc = params_conflict(m, known, known_n, params, n, id);
    for (size_t i = 0; !rc && i < n; i++)
        if (!known_value(known, known_n, params[i].key))
            rc = run_param_append(tx, id, &params[i], m->err);
    return rc;
}

/* ---- tags ---- */

static int check_tag(struct mlf *m, const char *key, const char *path)
{
    int rc = mlf_check_key(m, key, path);
    return rc ? rc : mlf_check_length(m, path, KEY_MAX, key);
}

MLF_HANDLER(run_set_tag, MLF_WRITE, F_STR("run_id", "rs"), F_STR("run_uuid", ""),
            F_STR("key", "rs"), F_STR("value", "s"))
{
    const char *id = mlf_run_id(m);
    struct track_pair t = { mlf_str(m, "key"), mlf_str(m, "value") };
    int rc = check_tag(m, t.key, "key");
    if (!rc)
        rc = mlf_fit(m, "value", TAG_MAX, &t.value);
    if (!rc)
        rc = mlf_run_active(m, tx, id);
    if (!rc && !t.value[0] && strcmp(t.key, "mlflow.runName") == 0)
        return 0; /* an empty name changes nothing */
    return rc ? rc : run_tag_append(tx, &m->by, id, &t, m->err);
}

MLF_HANDLER(run_delete_tag, MLF_WRITE, F_STR("run_id", "rs"), F_STR("key", "rs"))
{
    const char *id = mlf_str(m, "run_id"), *key = mlf_str(m, "key");
    int rc = mlf_run_active(m, tx, id);
    if (!rc)
        rc = run_tag_delete(tx, id, key, m->err);
    return rc == ERR_NOT_FOUND && !m->code
               ? mlf_fail(m, MLF_MISSING, "No tag with name: %s in run with id %s", key, id)
               : rc;
}

/* ---- the batch ---- */

static int check_pairs(struct mlf *m, struct track_pair *pairs, size_t n, const char *field)
{
    int params = strcmp(field, "params") == 0;
    int rc = 0;
    for (size_t i = 0; !rc && i < n; i++) {
        if (!mlf_key_is_plain(pairs[i].key)) {
            const char *path = arena_printf(m->a, "%s[%zu].key", field, i);
            rc = params ? check_param(m, pairs[i].key, path) : check_tag(m, pairs[i].key, path);
        }
        size_t max = params ? PARAM_MAX : TAG_MAX;
        if (!rc && strlen(pairs[i].value) > max)
            rc = mlf_fit(m, params ? "Param value" : arena_printf(m->a, "tags[%zu].value", i), max,
                         &pairs[i].value);
    }
    return rc;
}

static int check_limit(struct mlf *m, const char *what, size_t limit, size_t n)
{
    if (n <= limit)
        return 0;
    return mlf_fail(m, MLF_INVALID,
                    "A batch logging request can contain at most %zu %s. Got %zu %s. Please split "
                    "up %s across multiple requests and try again.",
                    limit, what, n, what, what);
}

static int check_limits(struct mlf *m, size_t metrics, size_t params, size_t tags)
{
    int rc = check_limit(m, "metrics", BATCH_METRICS, metrics);
    if (!rc)
        rc = check_limit(m, "params", BATCH_PAIRS, params);
    if (!rc)
        rc = check_limit(m, "tags", BATCH_PAIRS, tags);
    return rc ? rc
              : check_limit(m, "metrics, params, and tags", BATCH_ALL, metrics + params + tags);
}

static int check_unique(struct mlf *m, const struct track_pair *params, size_t n)
{
    const char *twice = "";
    for (size_t i = 0; i < n; i++)
        if (known_value(params, i, params[i].key))
            twice = arena_printf(m->a, "%s%s%s", twice, *twice ? ", " : "",
                                 mlf_py_repr(m->a, str_of(params[i].key)));
    if (!*twice)
        return 0;
    return mlf_fail(m, MLF_INVALID,
                    "Duplicate parameter keys have been submitted: [%s]. Please ensure the request "
                    "contains only one param value per param key.",
                    twice);
}

static int check_metrics(struct mlf *m, const struct json *list, size_t n)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < n; i++)
        if (!mlf_key_is_plain(mlf_member(&list[i], "key")) ||
            json_get_int(&list[i], "timestamp", 0) < 0)
            rc = mlf_check_metric(m, &list[i], arena_printf(m->a, "metrics[%zu]", i));
    return rc;
}

static int store_batch(struct mlf *m, struct tx *tx)
{
    const struct plan *b = m->plan;
    int rc = mlf_run_active(m, tx, b->id);
    if (!rc)
        rc = log_params(m, tx, b->id, b->params, b->param_n);
    if (!rc)
        rc = metric_append_batch(tx, b->id, b->series, b->series_n, m->err);
    for (size_t i = 0; !rc && i < b->metric_n; i++)
        rc = log_model_metric(m, tx, b->id, &b->metrics[i]);
    for (size_t i = 0; !rc && i < b->tag_n; i++)
        if (b->tags[i].value[0] || strcmp(b->tags[i].key, "mlflow.runName") != 0)
            rc = run_tag_append(tx, &m->by, b->id, &b->tags[i], m->err);
    return rc;
}

MLF_HANDLER(run_log_batch, MLF_PLAIN, F_STR("run_id", "sr"),
            F_MSGS("metrics", "aM", mlf_metric_fields), F_MSGS("params", "aP", mlf_tag_fields),
            F_MSGS("tags", "aT", mlf_tag_fields))
{
    struct plan b = { .id = mlf_str(m, "run_id") };
    (void)tx;
    b.metrics = mlf_items(m, "metrics", &b.metric_n);
    int rc = mlf_pairs(m, "params", &b.params, &b.param_n);
    if (!rc)
        rc = mlf_pairs(m, "tags", &b.tags, &b.tag_n);
    if (!rc)
        rc = mlf_check_run_id(m, b.id);
    if (!rc)
        rc = check_metrics(m, b.metrics, b.metric_n);
    if (!rc)
        rc = check_pairs(m, b.params, b.param_n, "params");
    if (!rc)
        rc = check_pairs(m, b.tags, b.tag_n, "tags");
    if (!rc)
        rc = check_limits(m, b.metric_n, b.param_n, b.tag_n);
    if (!rc)
        rc = check_unique(m, b.params, b.param_n);
    if (!rc)
        rc = plan_metrics(m, &b);
    m->plan = &b;
    rc = rc ? rc : mlf_transact(m, store_batch, MLF_WRITE);
    m->plan = NULL;
    return rc;
}

/* ---- log-model of old clients ---- */

static int check_model_json(struct mlf *m, const char *text, struct json *v)
{
    static const char *const names[] = { "artifact_path", "flavors", "utc_time_created", "run_id" };
    const char *missing = "";
    if (json_parse(m->a, str_of(text), NULL, v, NULL) || v->type != JSON_OBJECT)
        return mlf_fail(m, MLF_INVALID, "Malformed model info. \n %s \n is not a valid JSON.",
                        text);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (!json_get(v, names[i]))
            missing = arena_printf(m->a, "%s%s'%s'", missing, *missing ? ", " : "", names[i]);
    if (!*missing)
        return 0;
    return mlf_fail(m, MLF_INVALID, "Model json is missing mandatory fields: {%s}", missing);
}

MLF_HANDLER(run_log_model, MLF_WRITE, F_STR("run_id", "sr"), F_STR("model_json", "sr"))
{
    struct json v, before = { 0 };
    struct track_pair *tags;
    size_t n;
    const char *id = mlf_str(m, "run_id");
    int rc = check_model_json(m, mlf_str(m, "model_json"), &v);
    if (!rc)
        rc = mlf_run_active(m, tx, id);
    if (!rc)
        rc = run_tags(tx, m->a, id, &tags, &n, m->err);
    if (rc)
        return rc;
    const char *old = known_value(tags, n, "mlflow.log-model.history");
    if (old && json_parse(m->a, str_of(old), NULL, &before, NULL))
        before = (struct json){ 0 };
    struct json *items = ARENA_TRY_ARRAY(m->a, before.n + 1, struct json);
    if (!items)
        return ERR(m->err, ERR_NOMEM, "the request does not fit in memory");
    if (before.type == JSON_ARRAY && before.n)
        memcpy(items, before.items, before.n * sizeof *items);
    items[before.type == JSON_ARRAY ? before.n : 0] = v;
    struct json list = { .type = JSON_ARRAY,
                         .n = (before.type == JSON_ARRAY ? before.n : 0) + 1,
                         .items = items };
    struct track_pair t = { "mlflow.log-model.history",
                            mlf_cut(m, mlf_py_json(m->a, &list), TAG_MAX) };
    return run_tag_set(tx, &m->by, id, &t, m->err);
}

/* ---- inputs and outputs ---- */

static const struct mlf_field dataset_fields[] = { F_STR("name", ""),
                                                   F_STR("digest", ""),
                                                   F_STR("source_type", ""),
                                                   F_STR("source", ""),
                                                   F_STR("schema", ""),
                                                   F_STR("profile", ""),
                                                   F_END };
static const struct mlf_field input_fields[] = { F_MSGS("tags", "", mlf_tag_fields),
                                                 F_MSG("dataset", "", dataset_fields), F_END };
static const struct mlf_field model_input_fields[] = { F_STR("model_id", ""), F_END };
static const struct mlf_field model_output_fields[] = { F_STR("model_id", ""), F_INT("step", ""),
                                                        F_END };

static int check_dataset(struct mlf *m, const struct json *d)
{
    static const struct {
        const char *name;
        size_t max;
    } limits[] = { { "name", 500 },
                   { "digest", 36 },
                   { "source", 65535 },
                   { "schema", 1048575 },
                   { "profile", 16777215 } };
    int rc = 0;
    for (size_t i = 0; !rc && i < ARRAY_LEN(limits); i++)
        rc = mlf_check_length(m, limits[i].name, limits[i].max, mlf_member(d, limits[i].name));
    return rc;
}

static int check_input(struct mlf *m, const struct json *in)
{
    const struct json *tags = json_get(in, "tags");
    int rc = check_dataset(m, json_get(in, "dataset"));
    for (size_t i = 0; !rc && tags && i < tags->n; i++) {
        rc = mlf_check_length(m, "key", 255, mlf_member(&tags->items[i], "key"));
        if (!rc)
            rc = mlf_check_length(m, "value", 500, mlf_member(&tags->items[i], "value"));
    }
    return rc;
}

static const char *context_of(const struct json *tags)
{
    for (size_t i = 0; tags && i < tags->n; i++)
        if (strcmp(mlf_member(&tags->items[i], "key"), "mlflow.data.context") == 0)
            return mlf_member(&tags->items[i], "value");
    return NULL;
}

static int add_input(struct mlf *m, struct tx *tx, const char *run_id, const struct json *in)
{
    const struct json *d = json_get(in, "dataset"), *tags = json_get(in, "tags");
    char id[UUID_TEXT];
    struct dataset row = { .name = mlf_member(d, "name"),
                           .digest = mlf_member(d, "digest"),
                           .source_type = mlf_member(d, "source_type"),
                           .source = mlf_member(d, "source"),
                           .schema = text_or_null(d, "schema"),
                           .profile = text_or_null(d, "profile"),
                           .rows = -1,
                           .columns_n = -1,
                           .files_n = -1,
                           .bytes = -1 };
    int rc = dataset_put(tx, &m->by, &row, id, m->err);
    if (!rc)
        rc = run_input_add(tx, run_id, id, context_of(tags), m->err);
    for (size_t i = 0; !rc && tags && i < tags->n; i++) {
        struct track_pair t = { mlf_member(&tags->items[i], "key"),
                                mlf_member(&tags->items[i], "value") };
        rc = run_input_tag_set(tx, run_id, id, &t, m->err);
    }
    return rc;
}

MLF_HANDLER(run_log_inputs, MLF_WRITE, F_STR("run_id", "rs"), F_MSGS("datasets", "a", input_fields),
            F_MSGS("models", "a", model_input_fields))
{
    size_t dataset_n, model_n;
    const struct json *datasets = mlf_items(m, "datasets", &dataset_n);
    const struct json *models = mlf_items(m, "models", &model_n);
    const char *id = mlf_str(m, "run_id");
    int rc = mlf_check_run_id(m, id);
    for (size_t i = 0; !rc && i < dataset_n; i++)
        rc = check_input(m, &datasets[i]);
    if (!rc)
        rc = mlf_run_active(m, tx, id);
    for (size_t i = 0; !rc && i < dataset_n; i++)
        rc = add_input(m, tx, id, &datasets[i]);
    for (size_t i = 0; !rc && i < model_n; i++)
        rc = run_model_add(tx, id, 0, &(struct run_model){ mlf_member(&models[i], "model_id"), 0 },
                           m->err);
    return rc;
}

MLF_HANDLER(run_log_outputs, MLF_WRITE, F_STR("run_id", "rs"),
            F_MSGS("models", "ra", model_output_fields))
{
    size_t n;
    const struct json *models = mlf_items(m, "models", &n);
    const char *id = mlf_str(m, "run_id");
    int rc = mlf_run_active(m, tx, id);
    for (size_t i = 0; !rc && i < n; i++) {
        struct run_model one = { mlf_member(&models[i], "model_id"),
                                 json_get_int(&models[i], "step", 0) };
        rc = run_model_add(tx, id, 1, &one, m->err);
    }
    return rc;
}
