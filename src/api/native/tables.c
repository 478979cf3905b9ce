/* SPDX-License-Identifier: Apache-2.0
 * What the page draws in bulk: a window of the runs by columns, and series of metric points for
 * charts. Columns and series are plain arrays, so that 100 series of 1,000 points stay small. */
#include <math.h>

#include "api/app.h"
#include "api/native/handler.h"
#include "api/route.h"
#include "api/tables.h"
#include "registry/version.h"
#include "track/table.h"

enum {
    TABLE_KEYS_OF = 50, /* newest rows of the window whose keys are told */
    DEFAULT_METRICS = 4,
    DEFAULT_PARAMS = 4,
    SERIES_RUNS = 100,
    SERIES_POINTS = 1000,
    SERIES_POINTS_MAX = 10000,
};

/* A number, or null when JSON has no form for it. */
static void put_number(struct json_out *o, double v)
{
    if (isfinite(v))
        jo_double(o, v);
    else
        jo_null(o);
}

/* The pieces of a comma-separated list; at most max + 1. */
static size_t split_list(struct request *rq, str_t text, const char **out, size_t max)
{
    size_t n = 0;
    str_t word;
    for (int more = text.n > 0; more && n <= max;) {
        more = str_cut(text, ',', &word, &text);
        word = str_trim(more ? word : text);
        if (word.n)
            out[n++] = arena_strndup(&rq->arena, word.p, word.n);
    }
    return n;
}

/* ---- the table ---- */

struct table_args {
    struct run_query q;
    const char *experiment;
    const char *names[RUN_TABLE_COLUMNS + 1];
    size_t name_n;
    int versions; /* the column model_versions is wanted */
    int keys;
};

static const char *const standard[] = { "name", "status", "start_time", "duration", "experiment" };

/* Without a choice: what every run has, and the keys that most of the newest runs have. */
static void choose_columns(struct request *rq, struct table_args *t, const struct run_keys *k)
{
    size_t params = 0;
    for (size_t i = 0; i < ARRAY_LEN(standard); i++)
        t->names[t->name_n++] = standard[i];
    for (size_t i = 0; i < k->metric_n && i < DEFAULT_METRICS; i++)
        t->names[t->name_n++] = arena_printf(&rq->arena, "metrics.%s", k->metrics[i]);
    for (; params < k->param_n && params < DEFAULT_PARAMS; params++)
        t->names[t->name_n++] = arena_printf(&rq->arena, "params.%s", k->params[params]);
    t->names[t->name_n++] = "dataset.name";
    t->versions = 1;
}

static void write_column(struct json_out *o, const struct run_column *c, size_t rows)
{
    jo_object(o);
    jo_kv_cstr(o, "name", c->name);
    jo_kv_cstr(o, "type", c->type == RUN_COLUMN_NUMBER ? "number" : "text");
    jo_key(o, "values");
    jo_array(o);
    for (size_t i = 0; i < rows; i++) {
        if (c->type == RUN_COLUMN_TEXT)
            jo_cstr(o, c->texts[i]);
        else if (!c->known[i])
            jo_null(o);
        else
            jo_double(o, c->numbers[i]); /* "NaN", "inf" as texts */
    }
    jo_array_end(o);
    jo_object_end(o);
}

static int write_versions(struct tx *tx, struct request *rq, struct json_out *o,
                          const struct run_table *t, struct err *err)
{
    int rc = 0;
    jo_object(o);
    jo_kv_cstr(o, "name", "model_versions");
    jo_kv_cstr(o, "type", "versions");
    jo_key(o, "values");
    jo_array(o);
    for (size_t i = 0; !rc && i < t->n; i++) {
        struct version *list;
        size_t n = 0;
        rc = version_list_of_run(tx, &rq->arena, t->rows[i].id, &list, &n, err);
        jo_array(o);
        for (size_t k = 0; !rc && k < n; k++)
            jo_cstr(o,
                    arena_printf(&rq->arena, "%s:%lld", list[k].model, (long long)list[k].number));
        jo_array_end(o);
    }
    jo_array_end(o);
    jo_object_end(o);
    return rc;
}

static void write_names(struct json_out *o, const char *key, const char *const *list, size_t n)
{
    jo_key(o, key);
    jo_array(o);
    for (size_t i = 0; i < n; i++)
        jo_cstr(o, list[i]);
    jo_array_end(o);
}

static void write_keys(struct json_out *o, const struct run_keys *k)
{
    jo_key(o, "keys");
    jo_object(o);
    write_names(o, "metrics", k->metrics, k->metric_n);
    write_names(o, "params", k->params, k->param_n);
    write_names(o, "tags", k->tags, k->tag_n);
    jo_object_end(o);
}

static void write_row_ids(struct json_out *o, const struct run_table *t)
{
    jo_key(o, "run_ids");
    jo_array(o);
    for (size_t i = 0; i < t->n; i++)
        jo_cstr(o, t->rows[i].id);
    jo_array_end(o);
}

/* Keys of the newest runs that match; what they are decides the standard columns. */
static int learn_keys(struct tx *tx, struct request *rq, struct table_args *t, struct run_keys *out,
                      struct err *err)
{
    struct run_query first = t->q;
    struct run *rows;
    size_t n = 0;
    first.offset = 0;
    first.limit = TABLE_KEYS_OF;
    first.order_n = 0;
    int rc = run_search(tx, &rq->arena, &first, &rows, &n, NULL, err);
    return rc ? rc : run_table_keys(tx, &rq->arena, rows, n, out, err);
}

static int write_table(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    struct table_args *t = arg;
    struct experiment e;
    struct run_table table = { 0 };
    struct run_keys keys = { 0 };
    struct json_out o;
    int rc = 0;
    if (t->experiment) {
        rc = experiment_resolve(tx, &rq->arena, handler_project(rq), t->experiment, &e, err);
        t->q.experiment_ids = &e.id;
        t->q.experiment_n = 1;
    }
    t->q.fresh = 1;
    if (!rc && (t->keys || !t->name_n))
        rc = learn_keys(tx, rq, t, &keys, err);
    if (!rc && !t->name_n && !t->versions)
        choose_columns(rq, t, &keys);
    if (!rc)
        rc = run_table(tx, &rq->arena, &t->q, t->names, t->name_n, &table, err);
    if (rc)
        return rc;
    route_json(rq, &o);
    jo_object(&o);
    jo_kv_int(&o, "total", table.total);
    jo_kv_int(&o, "offset", t->q.offset);
    write_row_ids(&o, &table);
    jo_key(&o, "columns");
    jo_array(&o);
    for (size_t i = 0; i < table.column_n; i++)
        write_column(&o, &table.columns[i], table.n);
    if (t->versions)
        rc = write_versions(tx, rq, &o, &table, err);
    jo_array_end(&o);
    if (t->keys)
        write_keys(&o, &keys);
    jo_object_end(&o);
    return rc;
}

static int get_table(struct request *rq, struct err *err)
{
    struct table_args *t = arena_alloc(&rq->arena, sizeof *t);
    struct err local = ERR_INIT;
    struct page page;
    const char *named[RUN_TABLE_COLUMNS + 1];
    int64_t offset = request_query_int(rq, "offset", 0, 0, INT32_MAX, &local),
            keys = request_query_int(rq, "keys", 0, 0, 1, &local);
    if (local.code) {
        if (err)
            *err = local;
        return local.code;
    }
    int rc = page_read(rq, &page, err);
    if (rc)
        return rc;
    size_t n = split_list(rq, request_query(rq, "columns"), named, RUN_TABLE_COLUMNS);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(named[i], "model_versions") == 0)
            t->versions = 1;
        else
            t->names[t->name_n++] = named[i];
    }
    t->keys = (int)keys;
    t->experiment = handler_query(rq, "experiment");
    t->q = (struct run_query){ .project = handler_project(rq),
                               .filter = page.filter,
                               .order_by = page.order_by,
                               .order_n = page.order_n,
                               .offset = offset,
                               .limit = page.limit,
                               .metric_parts = 1 };
    return handler_read(rq, write_table, t, err);
}

/* ---- series ---- */

struct series_args {
    const char *runs[SERIES_RUNS + 1];
    size_t run_n;
    const char *key;
    size_t points;
};

static void write_points(struct json_out *o, const struct metric_point *p, size_t n)
{
    jo_key(o, "steps");
    jo_array(o);
    for (size_t i = 0; i < n; i++)
        jo_int(o, p[i].step);
    jo_array_end(o);
    jo_key(o, "times_ms");
    jo_array(o);
    for (size_t i = 0; i < n; i++)
        jo_int(o, p[i].time_ms);
    jo_array_end(o);
    jo_key(o, "values");
    jo_array(o);
    for (size_t i = 0; i < n; i++)
        put_number(o, p[i].value);
    jo_array_end(o);
}

static int write_one_series(struct tx *tx, struct request *rq, const struct series_args *s,
                            const char *id, struct json_out *o, struct err *err)
{
    struct run r;
    struct metric m = { 0 };
    struct metric_point *points = NULL;
    size_t n = 0;
    struct err missing = ERR_INIT;
    int rc = run_resolve(tx, &rq->arena, handler_project(rq), id, &r, err);
    if (rc)
        return rc;
    rc = metric_sample(tx, &rq->arena, r.id, s->key, s->points, &m, &points, &n, &missing);
    if (rc && rc != ERR_NOT_FOUND) {
        if (err)
            *err = missing;
        return rc;
    }
    jo_object(o);
    jo_kv_cstr(o, "run_id", r.id);
    jo_kv_cstr(o, "name", r.name);
    jo_kv_cstr(o, "status", r.status);
    jo_kv_int(o, "start_time_ms", r.start_time_ms);
    jo_kv_int(o, "count", m.count);
    write_points(o, points, rc ? 0 : n);
    jo_object_end(o);
    return 0;
}

static int write_series(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    struct series_args *s = arg;
    struct json_out o;
    int rc = 0;
    route_json(rq, &o);
    jo_object(&o);
    jo_kv_cstr(&o, "key", s->key);
    jo_key(&o, "series");
    jo_array(&o);
    for (size_t i = 0; !rc && i < s->run_n; i++)
        rc = write_one_series(tx, rq, s, s->runs[i], &o, err);
    jo_array_end(&o);
    jo_object_end(&o);
    return rc;
}

static int get_series(struct request *rq, struct err *err)
{
    struct series_args *s = arena_alloc(&rq->arena, sizeof *s);
    struct err local = ERR_INIT;
    s->points =
        (size_t)request_query_int(rq, "points", SERIES_POINTS, 4, SERIES_POINTS_MAX, &local);
    if (local.code) {
        if (err)
            *err = local;
        return local.code;
    }
    s->key = handler_query(rq, "key");
    s->run_n = split_list(rq, request_query(rq, "run"), s->runs, SERIES_RUNS);
    if (!s->key || !*s->key || !s->run_n)
        return ERR(err, ERR_INVALID, "name the runs and the metric: ?run=a,b&key=loss");
    if (s->run_n > SERIES_RUNS)
        return ERR(err, ERR_LIMIT, "at most %d runs are drawn at once", SERIES_RUNS);
    return handler_read(rq, write_series, s, err);
}

static const struct route routes[] = {
    { "GET", "/api/v1/runs/table", "run.read", get_table, ROUTE_WORKER, 0,
      "A window of the runs by columns, with the number of all that match.",
      "experiment string: Number or name of an experiment.\nfilter string: As of the list of "
      "runs.\norder_by string: Comma-separated names, each with ASC or DESC.\n"
      "columns string: Comma-separated names such as status, metrics.X, metrics_min.X, "
      "metrics_max.X, params.X, tags.X, model_versions; a useful choice when absent.\n"
      "offset integer: First row, from 0.\nlimit integer: Rows, 100 unless given, at most 1000.\n"
      "keys integer: 1 also tells the keys of the newest runs.",
      "total! integer: Runs that match.\noffset! integer: Of the first row.\n"
      "run_ids! [string]: One a row.\n"
      "columns! [object]: In the order asked for.\n  name! string: Of the column.\n"
      "  type! text|number|versions: Of its values.\n  values! [any]: One a row, null when the run "
      "has none.\n"
      "keys object: metrics, params and tags of the newest runs, the most frequent first.",
      "runTable" },
    { "GET", "/api/v1/metrics/series", "run.read", get_series, ROUTE_WORKER, 0,
      "Points of one metric of many runs for a chart; long histories are thinned so that every "
      "spike stays.",
      "run! string: Comma-separated ids or prefixes, at most 100.\nkey! string: Of the metric.\n"
      "points integer: At most so many a series, 1000 unless given.",
      "key! string: Of the metric.\nseries! [object]: In the order asked for.\n"
      "  run_id! string: Of the run.\n  name! string: Of the run.\n  status! string: Of the run.\n"
      "  start_time_ms! time_ms: Of the run.\n  count! integer: Of all points.\n"
      "  steps! [integer]: One a point, rising.\n  times_ms! [time_ms]: One a point.\n"
      "  values! [any]: One a point; null where it is not finite.",
      "metricSeries" },
};

const struct route_table bulk_routes = { "tables", routes, ARRAY_LEN(routes), route_error_native };
