/* SPDX-License-Identifier: Apache-2.0
 * Search of runs: rows by experiment from SQL, the filter and the order in C. Metrics, parameters
 * and tags are fetched by primary key, only for names that stand in the expression. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "base/limits.h"
#include "codec/expr.h"
#include "track/run_int.h"
#include "track/search.h"
#include "track/track_int.h"

enum { RUN_SEARCH_MEMORY = 256 << 20 };

SQL(search_experiment,
    "SELECT " RUN_COLUMNS " WHERE r.experiment_id = $1 AND (r.lifecycle_stage = $2 OR $2 = 'any')"
    " ORDER BY r.start_time_ms DESC, r.run_id");
/* For filters and orders that name only metrics, parameters and tags. */
SQL(search_experiment_ids,
    "SELECT run_id, start_time_ms FROM runs WHERE experiment_id = $1 AND (lifecycle_stage = $2 OR "
    "$2 = 'any') ORDER BY start_time_ms DESC, run_id");
SQL(search_project,
    "SELECT " RUN_COLUMNS " WHERE e.project = $1 AND (r.lifecycle_stage = $2 OR $2 = 'any')"
    " ORDER BY r.start_time_ms DESC, r.run_id");
SQL(search_experiment_page,
    "SELECT " RUN_COLUMNS " WHERE r.experiment_id = $1 AND r.lifecycle_stage = $2"
    " ORDER BY r.start_time_ms DESC, r.run_id LIMIT $3 OFFSET $4");
/* The subquery keeps the walk on the index by start, which ends after the page. */
SQL(search_project_page,
    "SELECT " RUN_COLUMNS " WHERE (SELECT x.project FROM experiments x WHERE x.experiment_id = "
    "r.experiment_id) = $1 AND r.lifecycle_stage = $2"
    " ORDER BY r.start_time_ms DESC, r.run_id LIMIT $3 OFFSET $4");
SQL(search_experiment_count,
    "SELECT COUNT(*) FROM runs WHERE experiment_id = $1 AND lifecycle_stage = $2");
SQL(search_project_count,
    "SELECT COUNT(*) FROM experiments e JOIN runs r ON r.experiment_id = e.experiment_id"
    " WHERE e.project = $1 AND r.lifecycle_stage = $2");
SQL(search_input_context, "SELECT context FROM run_inputs WHERE run_id = $1 AND context IS NOT "
                          "NULL ORDER BY context LIMIT 1");

/* ---- names ---- */

enum field_kind {
    FIELD_ATTRIBUTE,
    FIELD_METRIC,
    FIELD_METRIC_MIN,
    FIELD_METRIC_MAX,
    FIELD_PARAM,
    FIELD_TAG,
    FIELD_DATASET
};

enum attribute {
    AT_RUN_ID,
    AT_NAME,
    AT_STATUS,
    AT_REASON,
    AT_USER,
    AT_START,
    AT_END,
    AT_DURATION,
    AT_EXPERIMENT,
    AT_EXPERIMENT_ID,
    AT_URI,
    AT_MODEL,
    AT_STAGE,
};

static const struct {
    const char *name;
    enum attribute at;
    enum expr_type type;
} attributes[] = {
    { "run_id", AT_RUN_ID, EXPR_STRING },
    { "id", AT_RUN_ID, EXPR_STRING },
    { "run_name", AT_NAME, EXPR_STRING },
    { "name", AT_NAME, EXPR_STRING },
    { "status", AT_STATUS, EXPR_STRING },
    { "status_reason", AT_REASON, EXPR_STRING },
    { "user_id", AT_USER, EXPR_STRING },
    { "user", AT_USER, EXPR_STRING },
    { "start_time", AT_START, EXPR_NUMBER },
    { "start_time_ms", AT_START, EXPR_NUMBER },
    { "created", AT_START, EXPR_NUMBER },
    { "end_time", AT_END, EXPR_NUMBER },
    { "end_time_ms", AT_END, EXPR_NUMBER },
    { "duration", AT_DURATION, EXPR_NUMBER },
    { "duration_ms", AT_DURATION, EXPR_NUMBER },
    { "experiment", AT_EXPERIMENT, EXPR_STRING },
    { "experiment_id", AT_EXPERIMENT_ID, EXPR_STRING },
    { "artifact_uri", AT_URI, EXPR_STRING },
    { "model", AT_MODEL, EXPR_STRING },
    { "lifecycle_stage", AT_STAGE, EXPR_STRING },
};

static const struct {
    const char *entity;
    enum field_kind kind;
} entities[] = {
    { "metrics", FIELD_METRIC },
    { "metric", FIELD_METRIC },
    { "metrics_min", FIELD_METRIC_MIN },
    { "metrics_max", FIELD_METRIC_MAX },
    { "params", FIELD_PARAM },
    { "param", FIELD_PARAM },
    { "parameters", FIELD_PARAM },
    { "parameter", FIELD_PARAM },
    { "tags", FIELD_TAG },
    { "tag", FIELD_TAG },
    { "attributes", FIELD_ATTRIBUTE },
    { "attribute", FIELD_ATTRIBUTE },
    { "attr", FIELD_ATTRIBUTE },
    { "run", FIELD_ATTRIBUTE },
    { "dataset", FIELD_DATASET },
    { "datasets", FIELD_DATASET },
};

static int unknown_attribute(str_t name, struct err *err)
{
    const char *names[ARRAY_LEN(attributes)];
    for (size_t i = 0; i < ARRAY_LEN(attributes); i++)
        names[i] = attributes[i].name;
    const char *near = str_nearest(name, names, ARRAY_LEN(attributes));
    if (near)
        return ERR(err, ERR_INVALID, "runs have no attribute '%.*s'; did you mean '%s'?",
                   (int)MIN(name.n, (size_t)80), name.p, near);
    return ERR(err, ERR_INVALID,
               "runs have no attribute '%.*s'; metrics, params and tags are written metrics.%.*s "
               "and so on",
               (int)MIN(name.n, (size_t)80), name.p, (int)MIN(name.n, (size_t)80), name.p);
}

static int kind_of(const struct expr *e, enum field_kind *out, struct err *err)
{
    const char *names[ARRAY_LEN(entities)];
    *out = FIELD_ATTRIBUTE;
    if (!e->entity.n)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(entities); i++) {
        names[i] = entities[i].entity;
        if (str_is(e->entity, entities[i].entity)) {
            *out = entities[i].kind;
            return 0;
        }
    }
    const char *near = str_nearest(e->entity, names, ARRAY_LEN(entities));
    return ERR(err, ERR_INVALID,
               "'%.*s' is no part of a run; use metrics, params, tags, dataset or attributes%s%s%s",
               (int)MIN(e->entity.n, (size_t)80), e->entity.p, near ? " (did you mean '" : "",
               near ? near : "", near ? "'?)" : "");
}

static int attribute_of(str_t name, enum attribute *out, enum expr_type *type, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(attributes); i++)
        if (str_is(name, attributes[i].name)) {
            *out = attributes[i].at;
            *type = attributes[i].type;
            return 0;
        }
    return unknown_attribute(name, err);
}

static int type_of(void *arg, const struct expr *e, enum expr_type *out, struct err *err)
{
    enum field_kind kind;
    enum attribute at;
    (void)arg;
    int rc = kind_of(e, &kind, err);
    if (rc)
        return rc;
    switch (kind) {
    case FIELD_METRIC:
    case FIELD_METRIC_MIN:
    case FIELD_METRIC_MAX: *out = EXPR_NUMBER; return 0;
    case FIELD_PARAM:
    case FIELD_TAG: *out = EXPR_STRING; return 0;
    case FIELD_DATASET:
        *out = EXPR_STRING;
        if (str_is(e->name, "name") || str_is(e->name, "digest") || str_is(e->name, "context"))
            return 0;
        return ERR(err, ERR_INVALID, "a data set has name, digest and context, not '%.*s'",
                   (int)MIN(e->name.n, (size_t)80), e->name.p);
    case FIELD_ATTRIBUTE: break;
    }
    return attribute_of(e->name, &at, out, err);
}

/* ---- values ---- */

struct look {
    struct tx *tx;
    struct arena *a; /* scratch of one row */
    const struct run *run;
    int metric_parts;
};

static struct expr_value text_value(const char *z)
{
    if (!z)
        return (struct expr_value){ .type = EXPR_NULL };
    return (struct expr_value){ .type = EXPR_STRING, .string = str_of(z) };
}

static struct expr_value number_value(double v)
{
    return (struct expr_value){ .type = EXPR_NUMBER, .number = v };
}

static struct expr_value attribute_value(const struct look *l, enum attribute at)
{
    const struct run *r = l->run;
    switch (at) {
    case AT_RUN_ID: return text_value(r->id);
    case AT_NAME: return text_value(r->name);
    case AT_STATUS: return text_value(r->status);
    case AT_REASON: return text_value(r->status_reason);
    case AT_USER: return text_value(r->user);
    case AT_START: return number_value((double)r->start_time_ms);
    case AT_END:
        return r->end_time_ms < 0 ? text_value(NULL) : number_value((double)r->end_time_ms);
    case AT_DURATION:
        return r->end_time_ms < 0 ? text_value(NULL)
                                  : number_value((double)(r->end_time_ms - r->start_time_ms));
    case AT_EXPERIMENT: return text_value(r->experiment);
    case AT_EXPERIMENT_ID:
        return text_value(arena_printf(l->a, "%lld", (long long)r->experiment_id));
    case AT_URI: return text_value(r->artifact_uri);
    case AT_MODEL: return text_value(r->model_name);
    case AT_STAGE: return text_value(r->lifecycle_stage);
    }
    return text_value(NULL);
}

static int context_of(struct look *l, const char **out, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(l->tx, &search_input_context, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, l->run->id);
    return rows_text(st, l->a, out, err);
}

static int get_metric(struct look *l, const char *name, struct expr_value *out, struct err *err)
{
    struct metric m;
    enum metric_part part = METRIC_LAST;
    str_t key;
    double v = 0;
    int rc = metric_get(l->tx, l->a, l->run->id, name, &m, NULL);
    if (rc == ERR_NOT_FOUND && l->metric_parts && metric_part_cut(str_of(name), &key, &part))
        rc = metric_get(l->tx, l->a, l->run->id, arena_strndup(l->a, key.p, key.n), &m, NULL);
    *out = text_value(NULL);
    if (rc == ERR_NOT_FOUND)
        return 0;
    if (rc)
        return metric_get(l->tx, l->a, l->run->id, name, &m, err);
    rc = metric_part_of(&m, part, &v, err);
    if (!rc)
        *out = number_value(v);
    return rc;
}

static int get_stored(struct look *l, enum field_kind kind, const char *name,
                      struct expr_value *out, struct err *err)
{
    const char *text = NULL;
    int rc = 0;
    if (kind == FIELD_METRIC)
        return get_metric(l, name, out, err);
    if (kind == FIELD_METRIC_MIN || kind == FIELD_METRIC_MAX) {
        struct metric m;
        rc = metric_get(l->tx, l->a, l->run->id, name, &m, err);
        *out = rc ? text_value(NULL) : number_value(kind == FIELD_METRIC_MIN ? m.min : m.max);
        return rc == ERR_NOT_FOUND ? 0 : rc;
    }
    if (kind == FIELD_PARAM)
        rc = run__param(l->tx, l->a, l->run->id, name, &text, err);
    else if (kind == FIELD_TAG)
        rc = run__tag(l->tx, l->a, l->run->id, name, &text, err);
    else if (strcmp(name, "context") == 0)
        rc = context_of(l, &text, err);
    else
        text = strcmp(name, "name") == 0 ? l->run->dataset_name : l->run->dataset_digest;
    *out = text_value(text);
    return rc;
}

static int get_value(void *arg, const struct expr *e, struct expr_value *out, struct err *err)
{
    struct look *l = arg;
    enum field_kind kind;
    enum attribute at;
    enum expr_type type;
    int rc = kind_of(e, &kind, err);
    if (rc)
        return rc;
    if (kind != FIELD_ATTRIBUTE)
        return get_stored(l, kind, arena_strndup(l->a, e->name.p, e->name.n), out, err);
    rc = attribute_of(e->name, &at, &type, err);
    if (!rc)
        *out = attribute_value(l, at);
    return rc;
}

int run__field(struct tx *tx, struct arena *a, const struct run *r, const struct expr *name,
               struct expr_value *out, struct err *err)
{
    struct look l = { tx, a, r, 1 };
    return get_value(&l, name, out, err);
}

int run__field_type(const struct expr *name, enum expr_type *out, struct err *err)
{
    return type_of(NULL, name, out, err);
}

/* ---- the search ---- */

/* What is kept of a run that matches: the rows of the page are read again by id. */
struct hit {
    char id[HEX32_TEXT];
    int64_t start_time_ms;
    struct expr_value *keys; /* order_n of them */
};

struct search {
    struct tx *tx;
    struct arena *a;
    const struct run_query *q;
    struct expr *filter; /* NULL = all */
    struct expr_order order[EXPR_ORDER_MAX];
    size_t order_n;
    struct hit *hits;
    size_t n, cap, scanned;
    struct arena kept; /* hits and their keys, until the page is made */
    struct err *err;
};

static int parse_filter(struct search *s)
{
    const char *text = s->q->filter;
    int rc = 0;
    s->filter = s->q->where;
    if (!s->filter && (!text || !str_trim(str_of(text)).n))
        return 0;
    if (!s->filter)
        rc = expr_parse(s->a, str_of(text), &s->filter, NULL, s->err);
    if (!rc)
        rc = expr_check(s->a, s->filter, type_of, NULL, EXPR_BOOL, NULL, s->err);
    return rc ? err_prefix(s->err, rc, "filter") : 0;
}

static int parse_order(struct search *s)
{
    if (s->q->order_n > EXPR_ORDER_MAX)
        return ERR(s->err, ERR_LIMIT, "order_by has %zu keys, at most %d are used", s->q->order_n,
                   EXPR_ORDER_MAX);
    for (size_t i = 0; i < s->q->order_n; i++) {
        int rc = expr_order_parse(s->a, s->q->order_by[i], type_of, NULL, &s->order[i], s->err);
        if (rc)
            return rc;
    }
    s->order_n = s->q->order_n;
    return 0;
}

/* Copies what an order key says out of the row's scratch arena. */
static int take_keys(struct search *s, struct look *l, struct hit *h)
{
    for (size_t i = 0; i < s->order_n; i++) {
        int rc = get_value(l, s->order[i].key, &h->keys[i], s->err);
        if (rc)
            return rc;
        if (h->keys[i].type == EXPR_STRING)
            h->keys[i].string = arena_str(&s->kept, h->keys[i].string);
    }
    return 0;
}

static int take_row(struct search *s, const struct run *r, struct arena *scratch)
{
    struct look l = { s->tx, scratch, r, s->q->metric_parts };
    struct expr_value yes = { .type = EXPR_BOOL, .number = 1 };
    int rc = s->filter ? expr_eval(scratch, s->filter, get_value, &l, &yes, s->err) : 0;
    if (rc || yes.type == EXPR_NULL || yes.number == 0)
        return rc;
    int wanted = 1;
    rc = s->q->accept ? s->q->accept(s->q->accept_arg, s->tx, r, &wanted, s->err) : 0;
    if (rc || !wanted)
        return rc;
    s->hits = rows_room(&s->kept, s->hits, s->n, &s->cap, sizeof *s->hits);
    if (!s->hits)
        return track__no_memory(s->err);
    struct hit *h = &s->hits[s->n];
    (void)snprintf(h->id, sizeof h->id, "%s", r->id);
    h->start_time_ms = r->start_time_ms;
    h->keys = s->order_n ? arena_alloc(&s->kept, s->order_n * sizeof *h->keys) : NULL;
    rc = take_keys(s, &l, h);
    s->n += !rc;
    return rc;
}

/* Without an order the rows come as they shall go: stop after the page. */
static int is_enough(const struct search *s)
{
    int64_t limit = s->q->limit > 0 ? s->q->limit : 100;
    return !s->q->total && s->order_n == 0 && s->q->experiment_n <= 1 &&
           (int64_t)s->n - limit > s->q->offset;
}

static int names_row(const struct expr *e)
{
    enum field_kind kind;
    if (e->op == EXPR_NAME)
        return kind_of(e, &kind, NULL) != 0 || kind == FIELD_ATTRIBUTE || kind == FIELD_DATASET;
    for (size_t i = 0; i < e->n; i++)
        if (names_row(e->args[i]))
            return 1;
    return 0;
}

/* 1 when the filter, the order or the caller looks at the run's own columns. */
static int needs_row(const struct search *s)
{
    if (s->q->accept || (s->filter && names_row(s->filter)))
        return 1;
    for (size_t i = 0; i < s->order_n; i++)
        if (names_row(s->order[i].key))
            return 1;
    return 0;
}

static void read_row(const struct stmt *st, struct arena *a, int brief, struct run *r)
{
    if (!brief) {
        run__read(st, a, r);
        return;
    }
    *r = (struct run){ .id = stmt_get_text(st, 0, a), .start_time_ms = stmt_get_int(st, 1) };
}

static int scan(struct search *s, struct stmt *st, int brief)
{
    struct arena scratch;
    int rc = 0;
    arena_init(&scratch, MIB(16));
    while (!is_enough(s) && (rc = stmt_step(st, s->err)) == 1) {
        struct run r;
        if (++s->scanned > RUN_SEARCH_SCAN) {
            rc = ERR(s->err, ERR_LIMIT, "more than %d runs to look through; name an experiment",
                     RUN_SEARCH_SCAN);
            break;
        }
        arena_reset(&scratch);
        read_row(st, &scratch, brief, &r);
        rc = take_row(s, &r, &scratch);
        if (rc || s->kept.failed || scratch.failed)
            break;
    }
    int failed = s->kept.failed || scratch.failed;
    arena_fini(&scratch);
    if (rc < 0)
        return rc;
    return failed ? track__no_memory(s->err) : 0;
}

static int scan_all(struct search *s)
{
    if (!s->q->experiment_ids) {
        AUTO(stmt_auto) struct stmt *st = NULL;
        int rc = stmt_open(s->tx, &search_project, &st, s->err);
        if (rc)
            return rc;
        stmt_text(st, 1, s->q->project ? s->q->project : "default");
        stmt_text(st, 2, track__stage_of(s->q->view));
        return scan(s, st, 0);
    }
    int brief = !needs_row(s);
    for (size_t i = 0; i < s->q->experiment_n; i++) {
        AUTO(stmt_auto) struct stmt *st = NULL;
        int rc = stmt_open(s->tx, brief ? &search_experiment_ids : &search_experiment, &st, s->err);
        if (rc)
            return rc;
        stmt_int(st, 1, s->q->experiment_ids[i]);
        stmt_text(st, 2, track__stage_of(s->q->view));
        rc = scan(s, st, brief);
        if (rc)
            return rc;
    }
    return 0;
}

static int compare_hits(const void *x, const void *y, void *arg)
{
    const struct hit *a = x, *b = y;
    const struct search *s = arg;
    for (size_t i = 0; i < s->order_n; i++) {
        int c = expr_order_compare(&s->order[i], &a->keys[i], &b->keys[i]);
        if (c)
            return c;
    }
    if (a->start_time_ms != b->start_time_ms)
        return a->start_time_ms > b->start_time_ms ? -1 : 1;
    return strcmp(a->id, b->id);
}

static int page(struct search *s, struct run **out, size_t *out_n, int *out_more)
{
    int64_t limit = s->q->limit > 0 ? MIN(s->q->limit, (int64_t)RUN_SEARCH_LIMIT) : 100;
    size_t from = MIN((size_t)MAX(s->q->offset, (int64_t)0), s->n),
           n = MIN((size_t)limit, s->n - from);
    struct run *list = ARENA_TRY_ARRAY(s->a, n + 1, struct run);
    if (!list)
        return track__no_memory(s->err);
    for (size_t i = 0; i < n; i++) {
        int rc = run_get(s->tx, s->a, s->hits[from + i].id, &list[i], s->err);
        if (rc)
            return rc;
    }
    *out = list;
    *out_n = n;
    if (out_more)
        *out_more = from + n < s->n;
    if (s->q->total)
        *s->q->total = (int64_t)s->n;
    return 0;
}

/* ---- a page without filter and order: SQL does it all ---- */

static int is_plain(const struct search *s)
{
    const struct run_query *q = s->q;
    return !s->filter && !s->order_n && !q->accept && q->view != TRACK_ALL &&
           (q->experiment_ids ? q->experiment_n == 1 : q->total != NULL);
}

static void bind_scope(const struct search *s, struct stmt *st)
{
    if (s->q->experiment_ids)
        stmt_int(st, 1, s->q->experiment_ids[0]);
    else
        stmt_text(st, 1, s->q->project ? s->q->project : "default");
    stmt_text(st, 2, track__stage_of(s->q->view));
}

static int count_all(struct search *s)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc =
        stmt_open(s->tx, s->q->experiment_ids ? &search_experiment_count : &search_project_count,
                  &st, s->err);
    if (rc)
        return rc;
    bind_scope(s, st);
    rc = stmt_step(st, s->err);
    if (rc == 1)
        *s->q->total = stmt_get_int(st, 0);
    return MIN(rc, 0);
}

/* Reads one row more than the page has, to know whether there is more. */
static int plain_page(struct search *s, struct run **out, size_t *out_n, int *out_more)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    const struct run_query *q = s->q;
    int64_t limit = q->limit > 0 ? MIN(q->limit, (int64_t)RUN_SEARCH_LIMIT) : 100;
    size_t n = 0, cap = 0;
    struct run *list = NULL;
    int rc = q->total ? count_all(s) : 0;
    if (!rc)
        rc = stmt_open(s->tx, q->experiment_ids ? &search_experiment_page : &search_project_page,
                       &st, s->err);
    if (rc)
        return rc;
    bind_scope(s, st);
    stmt_int(st, 3, limit + 1);
    stmt_int(st, 4, MAX(q->offset, (int64_t)0));
    while ((rc = stmt_step(st, s->err)) == 1) {
        list = rows_room(s->a, list, n, &cap, sizeof *list);
        if (!list)
            return track__no_memory(s->err);
        run__read(st, s->a, &list[n++]);
    }
    *out = list;
    *out_n = MIN(n, (size_t)limit);
    if (out_more)
        *out_more = n > (size_t)limit;
    return rc;
}

int run_search(struct tx *tx, struct arena *a, const struct run_query *q, struct run **out,
               size_t *out_n, int *out_more, struct err *err)
{
    struct err local = ERR_INIT;
    struct search s = { .tx = tx, .a = a, .q = q, .err = err ? err : &local };
    int rc = parse_filter(&s);
    if (!rc)
        rc = parse_order(&s);
    if (!rc && is_plain(&s))
        return plain_page(&s, out, out_n, out_more);
    arena_init(&s.kept, RUN_SEARCH_MEMORY);
    if (!rc)
        rc = scan_all(&s);
    if (!rc && s.n && (s.order_n || q->experiment_n > 1))
        qsort_r(s.hits, s.n, sizeof *s.hits, compare_hits, &s);
    if (!rc)
        rc = page(&s, out, out_n, out_more);
    arena_fini(&s.kept);
    return rc;
}
