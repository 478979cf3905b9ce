/* SPDX-License-Identifier: Apache-2.0
 * Reads MLflow's relational store through a driver (sql.h), schemas of 1.x, 2.x and 3.x: a column
 * that may be absent reads as nothing, a table that is not there as empty. The source is hostile:
 * every value is checked against the type it should have, and what is wrong is told with its table
 * and row. Runs in the child process. */
#include <math.h>
#include <stdio.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "track/metric.h"
#include "transfer/sql.h"

enum { RUN_POINTS_MAX = 4 << 20, GROUPS_MAX = 100000 };

/* ---- rows ---- */

static int count_params(const char *where)
{
    int n = 0;
    for (const char *p = where; p && *p; p++)
        n += *p == '$';
    return n;
}

/* A column that every schema we know has. */
static int lacks(struct sql_source *s, const struct sql_table *t, const char *column,
                 struct err *err)
{
    return ERR(err, ERR_INVALID,
               "'%.200s': table '%s' has no column '%s': its schema, version '%.60s', is not one "
               "that this release reads (MLflow 1.0 to 3.11); start a server of that MLflow on it "
               "and import from its http:// URL",
               s->shown, t->name, column, s->schema[0] ? s->schema : "unknown");
}

static int query_open(struct sql_query *q, struct sql_source *s, const struct sql_table *t,
                      struct err *err)
{
    struct buf b;
    int rc = 0;
    *q = (struct sql_query){ .s = s, .t = t, .n = (int)strlen(t->types) };
    if (!s->driver->has(s, t->name, NULL))
        return 0;
    buf_init(&b, KIB(4));
    buf_printf(&b, "SELECT %s", s->driver->row);
    for (int i = 0; i < q->n && !rc; i++)
        if (s->driver->has(s, t->name, t->columns[i]))
            buf_printf(&b, ", \"%s\"", t->columns[i]);
        else if (t->types[i] >= 'a')
            rc = lacks(s, t, t->columns[i], err);
        else
            buf_puts(&b, ", NULL");
    buf_printf(&b, " FROM \"%s\" %s", t->name, t->where ? t->where : "");
    if (t->order)
        buf_printf(&b, " ORDER BY %s", t->order[0] ? t->order : s->driver->row);
    buf_putc(&b, '\0');
    if (!rc)
        rc = s->driver->open(q, b.p, count_params(t->where), err);
    buf_fini(&b);
    return rc;
}

static void query_bind(struct sql_query *q, int i, str_t v)
{
    if (q->handle)
        q->s->driver->bind(q, i, v);
}

static void query_bind_number(struct sql_query *q, int i, int64_t v)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%lld", (long long)v);
    query_bind(q, i, str_of(text));
}

static void query_reset(struct sql_query *q)
{
    if (q->handle)
        q->s->driver->reset(q);
}

static void query_close(struct sql_query *q)
{
    if (q->handle)
        q->s->driver->close(q);
    q->handle = NULL;
}

static const char *type_name(char type)
{
    return type == 'n'   ? "NULL"
           : type == 'i' ? "an integer"
           : type == 'd' ? "a number"
           : type == 't' ? "a text"
                         : "a blob";
}

/* NULL when the value is as it should be; "" when it is of another type; else what is wrong. */
static const char *check_field(char shape, struct wire_field *f)
{
    char want = (char)(shape | 0x20);
    if (f->type == 'n')
        return shape != want ? NULL : "";
    if (want == 'd' && f->type == 'i')
        *f = (struct wire_field){ .type = 'd', .d = (double)f->i };
    if (f->type != want)
        return "";
    if (want != 't')
        return NULL;
    if (!f->t.p)
        return "cannot be read as text";
    if (f->t.n > READER_TEXT_MAX)
        return "is longer than 16 MiB";
    if (memchr(f->t.p, 0, f->t.n))
        return "has a NUL byte";
    return str_is_utf8(f->t) ? NULL : "is not UTF-8";
}

/* Tells what is wrong with column i of the row just read. */
static void tell_bad(struct sql_query *q, int i, char type, const char *wrong)
{
    char row[32], want = (char)(q->t->types[i] | 0x20);
    q->s->driver->row_text(q, row, sizeof row);
    if (*wrong)
        reader_problem(q->s->r, "table '%s' row %s: column '%s' %s; the row is left out",
                       q->t->name, row, q->t->columns[i], wrong);
    else
        reader_problem(q->s->r,
                       "table '%s' row %s: column '%s' is %s instead of %s; the row is left out",
                       q->t->name, row, q->t->columns[i], type_name(type), type_name(want));
}

static int read_row(struct sql_query *q)
{
    for (int i = 0; i < q->n; i++) {
        struct wire_field *f = &q->field[i];
        *f = (struct wire_field){ 0 };
        q->s->driver->value(q, i + 1, f);
        char type = f->type;
        const char *wrong = check_field(q->t->types[i], f);
        if (!wrong)
            continue;
        tell_bad(q, i, type, wrong);
        return 0;
    }
    return 1;
}

/* 1 a row, 0 the end, negative an error; rows that are wrong are told and passed over. */
static int query_next(struct sql_query *q, struct err *err)
{
    int rc = 0;
    if (!q->handle)
        return 0;
    while ((rc = q->s->driver->step(q, err)) == 1)
        if (read_row(q))
            return 1;
    return rc;
}

static void send_field(struct reader *r, const struct wire_field *f)
{
    if (f->type == 't')
        wire_text(&r->out, f->t);
    else if (f->type == 'i')
        wire_int(&r->out, f->i);
    else if (f->type == 'd')
        wire_double(&r->out, f->d);
    else
        wire_none(&r->out);
}

/* The row's fields from `from` on as one frame. */
static void send_row(struct sql_query *q, enum wire_kind kind, int from, int to)
{
    wire_begin(&q->s->r->out, kind);
    for (int i = from; i < to; i++)
        send_field(q->s->r, &q->field[i]);
    wire_end(&q->s->r->out);
}

/* All rows of a query that is bound, each as a frame without its first `skip` fields. */
static int send_rows(struct sql_query *q, enum wire_kind kind, int skip, struct err *err)
{
    int rc;
    while ((rc = query_next(q, err)) == 1)
        send_row(q, kind, skip, q->n);
    query_reset(q);
    return rc;
}

static int count(struct sql_source *s, const char *kind, const char *table, const char *where,
                 struct err *err)
{
    char text[200];
    int64_t n = 0;
    int rc = 0;
    if (s->driver->has(s, table, NULL)) {
        (void)snprintf(text, sizeof text, "SELECT COUNT(*) FROM \"%s\" %s", table, where);
        rc = s->driver->number(s, text, &n, err);
    }
    if (!rc)
        reader_count(s->r, kind, n);
    return rc;
}

/* ---- experiments ---- */

static const struct sql_table experiments = { "experiments",
                                              "itTtIIT",
                                              { "experiment_id", "name", "artifact_location",
                                                "lifecycle_stage", "creation_time",
                                                "last_update_time", "workspace" },
                                              NULL,
                                              "experiment_id",
                                              0 };
static const struct sql_table tags_of_experiments = {
    "experiment_tags", "itT", { "experiment_id", "key", "value" }, NULL, "experiment_id, key", 0
};

/* The name, with its workspace in front when that is not the usual one. */
static str_t full_name(struct buf *b, const struct wire_field *name,
                       const struct wire_field *workspace)
{
    buf_clear(b);
    if (workspace->type == 't' && workspace->t.n && !str_is(workspace->t, "default")) {
        buf_str(b, workspace->t);
        buf_putc(b, '.');
    }
    buf_str(b, name->t);
    return buf_view(b);
}

static int read_experiments(struct sql_source *s, struct err *err)
{
    AUTO(query_close) struct sql_query q = { 0 };
    AUTO(query_close) struct sql_query tags = { 0 };
    struct buf name;
    int rc = query_open(&q, s, &experiments, err);
    if (!rc)
        rc = query_open(&tags, s, &tags_of_experiments, err);
    buf_init(&name, READER_TEXT_MAX * 2);
    while (!rc && (rc = query_next(&q, err)) == 1) {
        q.field[1].t = full_name(&name, &q.field[1], &q.field[6]);
        send_row(&q, WIRE_EXPERIMENT, 0, 6);
        rc = 0;
    }
    buf_fini(&name);
    return rc < 0 ? rc : send_rows(&tags, WIRE_EXPERIMENT_TAG, 0, err);
}

/* ---- runs ---- */

static const struct sql_table runs = { "runs",
                                       "tiTtTIItIT",
                                       { "run_uuid", "experiment_id", "name", "status", "user_id",
                                         "start_time", "end_time", "lifecycle_stage",
                                         "deleted_time", "artifact_uri" },
                                       NULL,
                                       "",
                                       0 };
static const struct sql_table params = { "params", "tT", { "key", "value" }, "WHERE run_uuid = $1",
                                         NULL,     0 };
static const struct sql_table tags = { "tags", "tT", { "key", "value" }, "WHERE run_uuid = $1",
                                       NULL,   0 };
static const struct sql_table metrics = {
    "metrics", "tdiII", { "key", "value", "timestamp", "step", "is_nan" }, "WHERE run_uuid = $1",
    NULL,      1
};
static const struct sql_table inputs = {
    "inputs",
    "tt",
    { "input_uuid", "source_id" },
    "WHERE destination_type = 'RUN' AND destination_id = $1 AND source_type = 'DATASET'",
    NULL,
    0
};
static const struct sql_table outputs_of = { "inputs",
                                             "tI",
                                             { "destination_id", "step" },
                                             "WHERE source_type = 'RUN_OUTPUT' AND source_id = $1",
                                             NULL,
                                             0 };
static const struct sql_table models_read_by = {
    "inputs",
    "tI",
    { "destination_id", "step" },
    "WHERE source_type = 'RUN_INPUT' AND source_id = $1",
    NULL,
    0
};
static const struct sql_table datasets = { "datasets",
                                           "ttTTTT",
                                           { "name", "digest", "dataset_source_type",
                                             "dataset_source", "dataset_schema",
                                             "dataset_profile" },
                                           "WHERE dataset_uuid = $1",
                                           NULL,
                                           0 };
static const struct sql_table input_tags = {
    "input_tags", "tT", { "name", "value" }, "WHERE input_uuid = $1", NULL, 0
};

struct group {
    char *key;
    size_t key_n;
    struct metric_point *points;
    size_t n, cap;
};

struct run_queries {
    struct sql_query run, param, tag, metric, input, output, model, dataset, input_tag;
    struct map groups; /* key → struct group * of the run being read */
    size_t points;     /* held in them */
};

static void send_group(struct reader *r, struct group *g)
{
    if (!g->n)
        return;
    wire_begin(&r->out, WIRE_POINTS);
    wire_text(&r->out, (str_t){ g->key, g->key_n });
    wire_bytes(&r->out, (str_t){ (const char *)g->points, g->n * sizeof *g->points });
    wire_end(&r->out);
    g->n = 0;
}

static void send_groups(struct reader *r, struct run_queries *q, int forget)
{
    for (size_t i = 0; i < q->groups.n; i++) {
        struct group *g = q->groups.entries[i].value;
        send_group(r, g);
        if (!forget)
            continue;
        mem_free(g->points);
        mem_free(g->key);
        mem_free(g);
    }
    q->points = 0;
    if (forget) {
        map_fini(&q->groups);
        map_init(&q->groups);
    }
}

static int add_point(struct reader *r, struct run_queries *q, str_t key,
                     const struct metric_point *p, struct err *err)
{
    struct group *g = map_get(&q->groups, key);
    if (!g) {
        g = mem_alloc(sizeof *g);
        g->key = mem_strndup(key.p, key.n);
        g->key_n = key.n;
        (void)map_put(&q->groups, (str_t){ g->key, key.n }, g);
    }
    if (g->n == READER_POINTS_MAX)
        send_group(r, g);
    if (g->n == g->cap) {
        size_t more = g->cap ? 2 * g->cap : 64;
        struct metric_point *grown = mem_try_realloc(g->points, more, sizeof *grown);
        if (!grown)
            return ERR(err, ERR_NOMEM, "not enough memory for the points of one metric");
        g->points = grown;
        g->cap = more;
    }
    g->points[g->n++] = *p;
    if (++q->points >= RUN_POINTS_MAX || q->groups.n > 100000)
        send_groups(r, q, 1);
    return 0;
}

static int read_metrics(struct sql_source *s, struct run_queries *q, struct err *err)
{
    int rc;
    while ((rc = query_next(&q->metric, err)) == 1) {
        const struct wire_field *f = q->metric.field;
        struct metric_point p = { f[4].i ? (double)NAN : f[1].d, f[2].i, f[3].i };
        if (!f[0].t.n || f[0].t.n > 1000) {
            char row[32];
            s->driver->row_text(&q->metric, row, sizeof row);
            reader_problem(s->r,
                           "table 'metrics' row %s: the key has %zu bytes; the row is left out",
                           row, f[0].t.n);
            continue;
        }
        rc = add_point(s->r, q, f[0].t, &p, err);
        if (rc)
            break;
    }
    query_reset(&q->metric);
    send_groups(s->r, q, 1);
    return rc;
}

static void tell_input(struct run_queries *q)
{
    char row[32];
    q->input.s->driver->row_text(&q->input, row, sizeof row);
    reader_problem(q->input.s->r, "table 'inputs' row %s: its data set is not there", row);
}

static int read_inputs(struct run_queries *q, struct err *err)
{
    int rc;
    while ((rc = query_next(&q->input, err)) == 1) {
        query_bind(&q->dataset, 1, q->input.field[1].t);
        rc = query_next(&q->dataset, err);
        if (rc == 0)
            tell_input(q);
        if (rc == 1)
            send_row(&q->dataset, WIRE_INPUT, 0, q->dataset.n);
        query_reset(&q->dataset);
        if (rc < 0)
            break;
        if (rc == 1) {
            query_bind(&q->input_tag, 1, q->input.field[0].t);
            rc = send_rows(&q->input_tag, WIRE_INPUT_TAG, 0, err);
            if (rc)
                break;
        }
    }
    query_reset(&q->input);
    return MIN(rc, 0);
}

static int read_models_of(struct sql_source *s, struct sql_query *q, int output, str_t id,
                          struct err *err)
{
    int rc;
    query_bind(q, 1, id);
    while ((rc = query_next(q, err)) == 1) {
        wire_begin(&s->r->out, WIRE_RUN_MODEL);
        wire_int(&s->r->out, output);
        wire_text(&s->r->out, q->field[0].t);
        wire_int(&s->r->out, q->field[1].i);
        wire_end(&s->r->out);
    }
    query_reset(q);
    return rc;
}

static int read_run(struct sql_source *s, struct run_queries *q, struct err *err)
{
    str_t id = q->run.field[0].t;
    struct sql_query *const bound[] = { &q->param, &q->tag, &q->metric, &q->input };
    for (size_t i = 0; i < ARRAY_LEN(bound); i++)
        query_bind(bound[i], 1, id);
    send_row(&q->run, WIRE_RUN, 0, q->run.n);
    int rc = send_rows(&q->param, WIRE_PARAM, 0, err);
    if (!rc)
        rc = send_rows(&q->tag, WIRE_TAG, 0, err);
    if (!rc)
        rc = read_metrics(s, q, err);
    if (!rc)
        rc = read_inputs(q, err);
    if (!rc)
        rc = read_models_of(s, &q->output, 1, id, err);
    if (!rc)
        rc = read_models_of(s, &q->model, 0, id, err);
    if (rc)
        return err_prefix(err, rc, "run '%.64s'", id.p);
    wire_begin(&s->r->out, WIRE_RUN_END);
    wire_end(&s->r->out);
    return s->r->out.failed ? ERR(err, ERR_CANCELLED, "nobody reads what is sent") : 0;
}

static int read_runs(struct sql_source *s, struct err *err)
{
    struct run_queries q;
    const struct sql_table *const tables[] = { &runs,           &params,   &tags,
                                               &metrics,        &inputs,   &outputs_of,
                                               &models_read_by, &datasets, &input_tags };
    struct sql_query *const queries[] = { &q.run,    &q.param, &q.tag,     &q.metric,   &q.input,
                                          &q.output, &q.model, &q.dataset, &q.input_tag };
    int rc = 0;
    memset(&q, 0, sizeof q);
    map_init(&q.groups);
    for (size_t i = 0; i < ARRAY_LEN(tables) && !rc; i++)
        rc = query_open(queries[i], s, tables[i], err);
    while (!rc && (rc = query_next(&q.run, err)) == 1)
        rc = read_run(s, &q, err);
    for (size_t i = 0; i < ARRAY_LEN(tables); i++)
        query_close(queries[i]);
    map_fini(&q.groups);
    return rc;
}

/* ---- logged models ---- */

static const struct sql_table logged_models = {
    "logged_models",
    "titTiTTtII",
    { "model_id", "experiment_id", "name", "artifact_location", "status", "model_type",
      "source_run_id", "lifecycle_stage", "creation_timestamp_ms", "last_updated_timestamp_ms" },
    NULL,
    "",
    0
};
static const struct sql_table logged_params = {
    "logged_model_params", "tT", { "param_key", "param_value" }, "WHERE model_id = $1", NULL, 0
};
static const struct sql_table logged_tags = {
    "logged_model_tags", "tT", { "tag_key", "tag_value" }, "WHERE model_id = $1", NULL, 0
};
static const struct sql_table logged_metrics = { "logged_model_metrics",
                                                 "tDiitTT",
                                                 { "metric_name", "metric_value",
                                                   "metric_timestamp_ms", "metric_step", "run_id",
                                                   "dataset_name", "dataset_digest" },
                                                 "WHERE model_id = $1",
                                                 NULL,
                                                 0 };

static int read_logged(struct sql_source *s, struct err *err)
{
    const struct sql_table *const tables[] = { &logged_models, &logged_params, &logged_tags,
                                               &logged_metrics };
    static const enum wire_kind kinds[] = { WIRE_LOGGED, WIRE_LOGGED_PARAM, WIRE_LOGGED_TAG };
    struct sql_query q[4] = { 0 };
    int rc = 0;
    for (size_t i = 0; i < ARRAY_LEN(q) && !rc; i++)
        rc = query_open(&q[i], s, tables[i], err);
    while (!rc && (rc = query_next(&q[0], err)) == 1) {
        rc = 0;
        send_row(&q[0], WIRE_LOGGED, 0, q[0].n);
        for (int i = 1; i < 4; i++)
            query_bind(&q[i], 1, q[0].field[0].t);
        for (int i = 1; i < 3 && !rc; i++)
            rc = send_rows(&q[i], kinds[i], 0, err);
        while (!rc && (rc = query_next(&q[3], err)) == 1) {
            struct wire_field *value = &q[3].field[1];
            if (value->type == 'n')
                *value = (struct wire_field){ .type = 'd', .d = (double)NAN };
            send_row(&q[3], WIRE_LOGGED_METRIC, 0, q[3].n);
            rc = 0;
        }
        query_reset(&q[3]);
        wire_begin(&s->r->out, WIRE_LOGGED_END);
        wire_end(&s->r->out);
    }
    for (size_t i = 0; i < ARRAY_LEN(q); i++)
        query_close(&q[i]);
    return rc;
}

/* ---- the registry ---- */

static const struct sql_table registered = { "registered_models",
                                             "tTIIT",
                                             { "name", "description", "creation_time",
                                               "last_updated_time", "workspace" },
                                             NULL,
                                             "",
                                             0 };
#define OF_MODEL "WHERE name = $1"
#define OF_MODEL_IN OF_MODEL " AND workspace = $2"
#define REGISTRY_TABLES(ident, of_model)                                                           \
    static const struct sql_table ident[] = {                                                      \
        { "registered_model_tags", "tT", { "key", "value" }, of_model, NULL, 0 },                  \
        { "registered_model_aliases", "ti", { "alias", "version" }, of_model, NULL, 0 },           \
        { "model_versions",                                                                        \
          "iTTTTTTTIIT",                                                                           \
          { "version", "status", "current_stage", "description", "source", "run_id", "run_link",   \
            "user_id", "creation_time", "last_updated_time", "storage_location" },                 \
          of_model,                                                                                \
          "version",                                                                               \
          0 },                                                                                     \
    }
REGISTRY_TABLES(of_name, OF_MODEL);
REGISTRY_TABLES(of_workspace, OF_MODEL_IN);
static const struct sql_table version_tags = {
    "model_version_tags", "tT", { "key", "value" }, OF_MODEL " AND version = $2", NULL, 0
};
static const struct sql_table version_tags_in = {
    "model_version_tags", "tT", { "key", "value" }, OF_MODEL_IN " AND version = $3", NULL, 0
};

/* q: model, tags, aliases, versions, version tags. */
static int read_model(struct sql_source *s, struct sql_query q[5], struct buf *name,
                      struct err *err)
{
    str_t plain = q[0].field[0].t, workspace = q[0].field[4].t;
    for (int i = 1; i < 5; i++) {
        query_bind(&q[i], 1, plain);
        if (s->has_workspace)
            query_bind(&q[i], 2, workspace);
    }
    struct wire_field kept = q[0].field[0];
    q[0].field[0].t = full_name(name, &kept, &q[0].field[4]);
    send_row(&q[0], WIRE_MODEL, 0, 4);
    int rc = send_rows(&q[1], WIRE_MODEL_TAG, 0, err);
    while (!rc && (rc = query_next(&q[3], err)) == 1) {
        send_row(&q[3], WIRE_VERSION, 0, q[3].n);
        query_bind_number(&q[4], s->has_workspace ? 3 : 2, q[3].field[0].i);
        rc = send_rows(&q[4], WIRE_VERSION_TAG, 0, err);
    }
    query_reset(&q[3]);
    if (!rc)
        rc = send_rows(&q[2], WIRE_ALIAS, 0, err);
    wire_begin(&s->r->out, WIRE_MODEL_END);
    wire_end(&s->r->out);
    return rc;
}

static int read_registry(struct sql_source *s, struct err *err)
{
    const struct sql_table *of = s->has_workspace ? of_workspace : of_name;
    const struct sql_table *const tables[] = { &registered, &of[0], &of[1], &of[2],
                                               s->has_workspace ? &version_tags_in
                                                                : &version_tags };
    struct sql_query q[5] = { 0 };
    struct buf name;
    int rc = 0;
    buf_init(&name, READER_TEXT_MAX * 2);
    for (size_t i = 0; i < ARRAY_LEN(q) && !rc; i++)
        rc = query_open(&q[i], s, tables[i], err);
    while (!rc && (rc = query_next(&q[0], err)) == 1)
        rc = read_model(s, q, &name, err);
    for (size_t i = 0; i < ARRAY_LEN(q); i++)
        query_close(&q[i]);
    buf_fini(&name);
    return rc;
}

/* ---- all of it ---- */

static int check_source(struct sql_source *s, struct err *err)
{
    int rc = 0;
    if (!s->driver->has(s, "experiments", NULL) || !s->driver->has(s, "runs", "run_uuid"))
        return ERR(err, ERR_INVALID,
                   "'%.200s' is a database, but not one of MLflow: it has no table 'runs' with a "
                   "column 'run_uuid'",
                   s->shown);
    if (s->driver->has(s, "alembic_version", "version_num"))
        rc = s->driver->text(s, "SELECT version_num FROM alembic_version", s->schema,
                             sizeof s->schema, err);
    s->has_workspace = s->driver->has(s, "registered_models", "workspace");
    return rc;
}

static int read_counts(struct sql_source *s, struct err *err)
{
    static const struct {
        const char *kind, *table, *where;
    } kinds[] = {
        { "experiments", "experiments", "" },
        { "experiment tags", "experiment_tags", "" },
        { "runs", "runs", "" },
        { "params", "params", "" },
        { "tags", "tags", "" },
        { "metrics", "latest_metrics", "" },
        { "points", "metrics", "" },
        { "inputs", "inputs", "WHERE source_type = 'DATASET' AND destination_type = 'RUN'" },
        { "logged models", "logged_models", "" },
        { "models", "registered_models", "" },
        { "versions", "model_versions", "" },
        { "aliases", "registered_model_aliases", "" },
    };
    int rc = 0;
    for (size_t i = 0; i < ARRAY_LEN(kinds) && !rc; i++)
        rc = count(s, kinds[i].kind, kinds[i].table, kinds[i].where, err);
    return rc;
}

int sql_read(struct sql_source *s, struct err *err)
{
    int rc = check_source(s, err);
    if (!rc)
        rc = read_experiments(s, err);
    if (!rc)
        rc = read_runs(s, err);
    if (!rc)
        rc = read_logged(s, err);
    if (!rc)
        rc = read_registry(s, err);
    if (!rc)
        rc = read_counts(s, err);
    return rc;
}
