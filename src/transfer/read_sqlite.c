/* SPDX-License-Identifier: Apache-2.0
 * Reads MLflow's SQLite database, schemas of 1.x, 2.x and 3.x: a column that is not there yet reads
 * as nothing, a table that is not there as empty. The file is hostile: it is opened for reading
 * only, views and triggers are not trusted, every value is checked against the type it should have,
 * and what is wrong is told with its table and row. Runs in the child process. */
#include <math.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "track/metric.h"
#include "transfer/reader.h"

enum { COLUMNS_MAX = 13, RUN_POINTS_MAX = 4 << 20, BUSY_MS = 10000 };

/* What is read of a table: names and types of columns, upper case = may be NULL. */
struct table {
    const char *name;
    const char *types;
    const char *columns[COLUMNS_MAX];
    const char *where; /* after the names; NULL = all rows */
};

struct source {
    struct reader *r;
    sqlite3 *db;
    const char *path;
    int has_workspace; /* names of experiments and models are unique in a workspace only */
};

struct query {
    struct source *s;
    const struct table *t;
    sqlite3_stmt *st;
    struct wire_field field[COLUMNS_MAX];
    int n;
    int64_t row; /* rowid of the row just read */
};

/* ---- the schema ---- */

static int fail(struct source *s, int rc, const char *what, struct err *err)
{
    int code = (rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB ? ERR_CORRUPT
               : (rc & 0xff) == SQLITE_BUSY                                  ? ERR_UNAVAILABLE
               : (rc & 0xff) == SQLITE_NOMEM                                 ? ERR_NOMEM
               : (rc & 0xff) == SQLITE_TOOBIG                                ? ERR_LIMIT
                                                                             : ERR_INVALID;
    return ERR(err, code, "'%.200s': %s: %.200s%s", s->path, what, sqlite3_errmsg(s->db),
               code == ERR_CORRUPT ? "; 'sqlite3 FILE .recover' saves what is left" : "");
}

/* 1 when the schema has that table (column NULL) or that column of it. */
static int has(struct source *s, const char *table, const char *column)
{
    sqlite3_stmt *st = NULL;
    int found = 0;
    const char *text = column ? "SELECT 1 FROM sqlite_master m, pragma_table_xinfo(m.name) c WHERE "
                                "m.type = 'table' AND m.name = ?1 AND c.name = ?2"
                              : "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1";
    if (sqlite3_prepare_v2(s->db, text, -1, &st, NULL) == SQLITE_OK) {
        (void)sqlite3_bind_text(st, 1, table, -1, SQLITE_STATIC);
        if (column)
            (void)sqlite3_bind_text(st, 2, column, -1, SQLITE_STATIC);
        found = sqlite3_step(st) == SQLITE_ROW;
    }
    (void)sqlite3_finalize(st);
    return found;
}

/* ---- rows ---- */

static int query_open(struct query *q, struct source *s, const struct table *t, struct err *err)
{
    struct buf b;
    *q = (struct query){ .s = s, .t = t, .n = (int)strlen(t->types) };
    if (!has(s, t->name, NULL))
        return 0;
    buf_init(&b, KIB(4));
    buf_puts(&b, "SELECT rowid");
    for (int i = 0; i < q->n; i++)
        if (has(s, t->name, t->columns[i]))
            buf_printf(&b, ", \"%s\"", t->columns[i]);
        else
            buf_puts(&b, ", NULL");
    buf_printf(&b, " FROM \"%s\" %s", t->name, t->where ? t->where : "");
    int rc = sqlite3_prepare_v2(s->db, b.p, (int)b.n, &q->st, NULL);
    buf_fini(&b);
    return rc == SQLITE_OK ? 0 : fail(s, rc, t->name, err);
}

static void query_bind(struct query *q, int i, str_t v)
{
    if (q->st)
        (void)sqlite3_bind_text64(q->st, i, v.p, v.n, SQLITE_TRANSIENT, SQLITE_UTF8);
}

static void query_bind_int(struct query *q, int i, int64_t v)
{
    if (q->st)
        (void)sqlite3_bind_int64(q->st, i, v);
}

static void query_reset(struct query *q)
{
    if (q->st)
        (void)sqlite3_reset(q->st);
}

static void query_close(struct query *q)
{
    (void)sqlite3_finalize(q->st);
    q->st = NULL;
}

static const char *type_name(int type)
{
    return type == SQLITE_NULL      ? "NULL"
           : type == SQLITE_INTEGER ? "an integer"
           : type == SQLITE_FLOAT   ? "a number"
           : type == SQLITE_TEXT    ? "a text"
                                    : "a blob";
}

static const char *read_text(struct query *q, int i, struct wire_field *f)
{
    const char *p = (const char *)sqlite3_column_text(q->st, i + 1);
    size_t n = (size_t)sqlite3_column_bytes(q->st, i + 1);
    if (!p)
        return "cannot be read as text";
    f->t = (str_t){ p, n };
    if (n > READER_TEXT_MAX)
        return "is longer than 16 MiB";
    if (memchr(p, 0, n))
        return "has a NUL byte";
    return str_is_utf8(f->t) ? NULL : "is not UTF-8";
}

/* NULL when the value is as it should be, else what is wrong with it. */
static const char *read_field(struct query *q, int i, struct wire_field *f)
{
    char shape = q->t->types[i], want = (char)(shape | 0x20);
    int type = sqlite3_column_type(q->st, i + 1);
    *f = (struct wire_field){ .type = want };
    if (type == SQLITE_NULL) {
        f->type = 'n';
        return shape != want ? NULL : "";
    }
    if (want == 'i' && type == SQLITE_INTEGER) {
        f->i = sqlite3_column_int64(q->st, i + 1);
        return NULL;
    }
    if (want == 'd' && (type == SQLITE_FLOAT || type == SQLITE_INTEGER)) {
        f->d = sqlite3_column_double(q->st, i + 1);
        return NULL;
    }
    return want == 't' && type == SQLITE_TEXT ? read_text(q, i, f) : "";
}

static int read_row(struct query *q)
{
    q->row = sqlite3_column_int64(q->st, 0);
    for (int i = 0; i < q->n; i++) {
        const char *wrong = read_field(q, i, &q->field[i]);
        if (!wrong)
            continue;
        int type = sqlite3_column_type(q->st, i + 1);
        char want = (char)(q->t->types[i] | 0x20);
        if (*wrong)
            reader_problem(q->s->r, "table '%s' row %lld: column '%s' %s; the row is left out",
                           q->t->name, (long long)q->row, q->t->columns[i], wrong);
        else
            reader_problem(q->s->r,
                           "table '%s' row %lld: column '%s' is %s instead of %s; the row is left "
                           "out",
                           q->t->name, (long long)q->row, q->t->columns[i], type_name(type),
                           want == 't'   ? "a text"
                           : want == 'i' ? "an integer"
                                         : "a number");
        return 0;
    }
    return 1;
}

/* 1 a row, 0 the end, negative an error; rows that are wrong are told and passed over. */
static int query_next(struct query *q, struct err *err)
{
    char what[200];
    int rc;
    if (!q->st)
        return 0;
    while ((rc = sqlite3_step(q->st)) == SQLITE_ROW)
        if (read_row(q))
            return 1;
    if (rc == SQLITE_DONE)
        return 0;
    (void)snprintf(what, sizeof what, "table '%s' after row %lld", q->t->name, (long long)q->row);
    return fail(q->s, rc, what, err);
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
static void send_row(struct query *q, enum wire_kind kind, int from, int to)
{
    wire_begin(&q->s->r->out, kind);
    for (int i = from; i < to; i++)
        send_field(q->s->r, &q->field[i]);
    wire_end(&q->s->r->out);
}

/* All rows of a query that is bound, each as a frame without its first `skip` fields. */
static int send_rows(struct query *q, enum wire_kind kind, int skip, struct err *err)
{
    int rc;
    while ((rc = query_next(q, err)) == 1)
        send_row(q, kind, skip, q->n);
    query_reset(q);
    return rc;
}

static int count(struct source *s, const char *kind, const char *table, const char *where,
                 struct err *err)
{
    char text[200];
    sqlite3_stmt *st = NULL;
    int64_t n = 0;
    if (has(s, table, NULL)) {
        (void)snprintf(text, sizeof text, "SELECT COUNT(*) FROM \"%s\" %s", table, where);
        int rc = sqlite3_prepare_v2(s->db, text, -1, &st, NULL);
        if (rc == SQLITE_OK)
            rc = sqlite3_step(st);
        if (rc == SQLITE_ROW)
            n = sqlite3_column_int64(st, 0);
        (void)sqlite3_finalize(st);
        if (rc != SQLITE_ROW)
            return fail(s, rc, table, err);
    }
    reader_count(s->r, kind, n);
    return 0;
}

/* ---- experiments ---- */

static const struct table experiments = { "experiments",
                                          "itTtIIT",
                                          { "experiment_id", "name", "artifact_location",
                                            "lifecycle_stage", "creation_time", "last_update_time",
                                            "workspace" },
                                          "ORDER BY experiment_id" };
static const struct table tags_of_experiments = {
    "experiment_tags", "itT", { "experiment_id", "key", "value" }, "ORDER BY experiment_id, key"
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

static int read_experiments(struct source *s, struct err *err)
{
    AUTO(query_close) struct query q = { 0 };
    AUTO(query_close) struct query tags = { 0 };
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

static const struct table runs = { "runs",
                                   "tiTtTIItIT",
                                   { "run_uuid", "experiment_id", "name", "status", "user_id",
                                     "start_time", "end_time", "lifecycle_stage", "deleted_time",
                                     "artifact_uri" },
                                   "ORDER BY rowid" };
static const struct table params = { "params", "tT", { "key", "value" }, "WHERE run_uuid = ?1" };
static const struct table tags = { "tags", "tT", { "key", "value" }, "WHERE run_uuid = ?1" };
static const struct table metrics = {
    "metrics", "tdiII", { "key", "value", "timestamp", "step", "is_nan" }, "WHERE run_uuid = ?1"
};
static const struct table inputs = {
    "inputs",
    "tt",
    { "input_uuid", "source_id" },
    "WHERE destination_type = 'RUN' AND destination_id = ?1 AND source_type = 'DATASET'"
};
static const struct table outputs_of = { "inputs",
                                         "tI",
                                         { "destination_id", "step" },
                                         "WHERE source_type = 'RUN_OUTPUT' AND source_id = ?1" };
static const struct table models_read_by = { "inputs",
                                             "tI",
                                             { "destination_id", "step" },
                                             "WHERE source_type = 'RUN_INPUT' AND source_id = ?1" };
static const struct table datasets = { "datasets",
                                       "ttTTTT",
                                       { "name", "digest", "dataset_source_type", "dataset_source",
                                         "dataset_schema", "dataset_profile" },
                                       "WHERE dataset_uuid = ?1" };
static const struct table input_tags = {
    "input_tags", "tT", { "name", "value" }, "WHERE input_uuid = ?1"
};

struct group {
    char *key;
    size_t key_n;
    struct metric_point *points;
    size_t n, cap;
};

struct run_queries {
    struct query run, param, tag, metric, input, output, model, dataset, input_tag;
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

static int read_metrics(struct source *s, struct run_queries *q, struct err *err)
{
    int rc;
    while ((rc = query_next(&q->metric, err)) == 1) {
        const struct wire_field *f = q->metric.field;
        struct metric_point p = { f[4].i ? (double)NAN : f[1].d, f[2].i, f[3].i };
        if (!f[0].t.n || f[0].t.n > 1000) {
            reader_problem(s->r,
                           "table 'metrics' row %lld: the key has %zu bytes; the row is left "
                           "out",
                           (long long)q->metric.row, f[0].t.n);
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

static int read_inputs(struct source *s, struct run_queries *q, struct err *err)
{
    int rc;
    while ((rc = query_next(&q->input, err)) == 1) {
        query_bind(&q->dataset, 1, q->input.field[1].t);
        rc = query_next(&q->dataset, err);
        if (rc == 0)
            reader_problem(s->r, "table 'inputs' row %lld: its data set is not there",
                           (long long)q->input.row);
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

static int read_models_of(struct source *s, struct query *q, int output, str_t id, struct err *err)
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

static int read_run(struct source *s, struct run_queries *q, struct err *err)
{
    str_t id = q->run.field[0].t;
    struct query *const bound[] = { &q->param, &q->tag, &q->metric, &q->input };
    for (size_t i = 0; i < ARRAY_LEN(bound); i++)
        query_bind(bound[i], 1, id);
    send_row(&q->run, WIRE_RUN, 0, q->run.n);
    int rc = send_rows(&q->param, WIRE_PARAM, 0, err);
    if (!rc)
        rc = send_rows(&q->tag, WIRE_TAG, 0, err);
    if (!rc)
        rc = read_metrics(s, q, err);
    if (!rc)
        rc = read_inputs(s, q, err);
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

static int read_runs(struct source *s, struct err *err)
{
    struct run_queries q;
    const struct table *const tables[] = { &runs,           &params,   &tags,
                                           &metrics,        &inputs,   &outputs_of,
                                           &models_read_by, &datasets, &input_tags };
    struct query *const queries[] = { &q.run,    &q.param, &q.tag,     &q.metric,   &q.input,
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

static const struct table logged_models = {
    "logged_models",
    "titTiTTtII",
    { "model_id", "experiment_id", "name", "artifact_location", "status", "model_type",
      "source_run_id", "lifecycle_stage", "creation_timestamp_ms", "last_updated_timestamp_ms" },
    "ORDER BY rowid"
};
static const struct table logged_params = {
    "logged_model_params", "tT", { "param_key", "param_value" }, "WHERE model_id = ?1"
};
static const struct table logged_tags = {
    "logged_model_tags", "tT", { "tag_key", "tag_value" }, "WHERE model_id = ?1"
};
static const struct table logged_metrics = { "logged_model_metrics",
                                             "tDiitTT",
                                             { "metric_name", "metric_value", "metric_timestamp_ms",
                                               "metric_step", "run_id", "dataset_name",
                                               "dataset_digest" },
                                             "WHERE model_id = ?1" };

static int read_logged(struct source *s, struct err *err)
{
    const struct table *const tables[] = { &logged_models, &logged_params, &logged_tags,
                                           &logged_metrics };
    static const enum wire_kind kinds[] = { WIRE_LOGGED, WIRE_LOGGED_PARAM, WIRE_LOGGED_TAG };
    struct query q[4] = { 0 };
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

static const struct table registered = { "registered_models",
                                         "tTIIT",
                                         { "name", "description", "creation_time",
                                           "last_updated_time", "workspace" },
                                         "ORDER BY rowid" };
#define OF_MODEL "WHERE name = ?1"
#define OF_MODEL_IN OF_MODEL " AND workspace = ?2"
#define REGISTRY_TABLES(ident, of_model)                                                           \
    static const struct table ident[] = {                                                          \
        { "registered_model_tags", "tT", { "key", "value" }, of_model },                           \
        { "registered_model_aliases", "ti", { "alias", "version" }, of_model },                    \
        { "model_versions",                                                                        \
          "iTTTTTTTIIT",                                                                           \
          { "version", "status", "current_stage", "description", "source", "run_id", "run_link",   \
            "user_id", "creation_time", "last_updated_time", "storage_location" },                 \
          of_model " ORDER BY version" },                                                          \
    }
REGISTRY_TABLES(of_name, OF_MODEL);
REGISTRY_TABLES(of_workspace, OF_MODEL_IN);
static const struct table version_tags = {
    "model_version_tags", "tT", { "key", "value" }, OF_MODEL " AND version = ?2"
};
static const struct table version_tags_in = {
    "model_version_tags", "tT", { "key", "value" }, OF_MODEL_IN " AND version = ?3"
};

/* q: model, tags, aliases, versions, version tags. */
static int read_model(struct source *s, struct query q[5], struct buf *name, struct err *err)
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
        query_bind_int(&q[4], s->has_workspace ? 3 : 2, q[3].field[0].i);
        rc = send_rows(&q[4], WIRE_VERSION_TAG, 0, err);
    }
    query_reset(&q[3]);
    if (!rc)
        rc = send_rows(&q[2], WIRE_ALIAS, 0, err);
    wire_begin(&s->r->out, WIRE_MODEL_END);
    wire_end(&s->r->out);
    return rc;
}

static int read_registry(struct source *s, struct err *err)
{
    const struct table *of = s->has_workspace ? of_workspace : of_name;
    const struct table *const tables[] = { &registered, &of[0], &of[1], &of[2],
                                           s->has_workspace ? &version_tags_in : &version_tags };
    struct query q[5] = { 0 };
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

static int open_database(struct source *s, struct err *err)
{
    int rc = sqlite3_open_v2(
        s->path, &s->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (rc == SQLITE_OK) {
        (void)sqlite3_busy_timeout(s->db, BUSY_MS);
        (void)sqlite3_limit(s->db, SQLITE_LIMIT_LENGTH, READER_TEXT_MAX * 2);
        (void)sqlite3_limit(s->db, SQLITE_LIMIT_ATTACHED, 0);
        (void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        (void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        (void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
        (void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
        rc = sqlite3_exec(s->db,
                          "PRAGMA query_only=1; PRAGMA cell_size_check=1; PRAGMA mmap_size=0;"
                          "PRAGMA cache_size=-65536; PRAGMA temp_store=2; BEGIN;"
                          "SELECT count(*) FROM sqlite_master",
                          NULL, NULL, NULL);
    }
    if (rc != SQLITE_OK)
        return fail(s, rc, "cannot be read", err);
    if (!has(s, "experiments", NULL) || !has(s, "runs", "run_uuid"))
        return ERR(err, ERR_INVALID,
                   "'%.200s' is a database, but not one of MLflow: it has no table 'runs' with a "
                   "column 'run_uuid'",
                   s->path);
    s->has_workspace = has(s, "registered_models", "workspace");
    return 0;
}

static int read_counts(struct source *s, struct err *err)
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

int reader_sqlite(struct reader *r, const char *path, struct err *err)
{
    struct source s = { .r = r, .path = path };
    int rc = open_database(&s, err);
    if (!rc) {
        wire_begin(&r->out, WIRE_HELLO);
        wire_text(&r->out, STR("sqlite"));
        wire_text(&r->out, str_of(path));
        wire_end(&r->out);
        rc = read_experiments(&s, err);
    }
    if (!rc)
        rc = read_runs(&s, err);
    if (!rc)
        rc = read_logged(&s, err);
    if (!rc)
        rc = read_registry(&s, err);
    if (!rc)
        rc = read_counts(&s, err);
    (void)sqlite3_close_v2(s.db);
    return rc;
}
