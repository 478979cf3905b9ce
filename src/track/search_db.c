/* SPDX-License-Identifier: Apache-2.0
 * Search of runs: rows by experiment from SQL, the filter and the order in C. Metrics, parameters
 * and tags are fetched by primary key, only for names that stand in the expression. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "base/limits.h"
#include "codec/expr.h"
#include "track/listing.h"
#include "track/search.h"
#include "track/track_int.h"

enum { RUN_SEARCH_MEMORY = 256 << 20, LISTING_TURNS = 4 };

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
    size_t matched;    /* n and those that were not kept: they go behind the page */
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
        rc = expr_check(s->a, s->filter, run__type_of, NULL, EXPR_BOOL, NULL, s->err);
    return rc ? err_prefix(s->err, rc, "filter") : 0;
}

static int parse_order(struct search *s)
{
    if (s->q->order_n > EXPR_ORDER_MAX)
        return ERR(s->err, ERR_LIMIT, "order_by has %zu keys, at most %d are used", s->q->order_n,
                   EXPR_ORDER_MAX);
    for (size_t i = 0; i < s->q->order_n; i++) {
        int rc =
            expr_order_parse(s->a, s->q->order_by[i], run__type_of, NULL, &s->order[i], s->err);
        if (rc)
            return rc;
    }
    s->order_n = s->q->order_n;
    return 0;
}

/* Copies what an order key says out of the row's scratch arena. */
static int take_keys(struct search *s, struct run_look *l, struct hit *h)
{
    for (size_t i = 0; i < s->order_n; i++) {
        int rc = run__value_of(l, s->order[i].key, &h->keys[i], s->err);
        if (rc)
            return rc;
        if (h->keys[i].type == EXPR_STRING)
            h->keys[i].string = arena_str(&s->kept, h->keys[i].string);
    }
    return 0;
}

static int take_row(struct search *s, const struct run *r, struct arena *scratch)
{
    struct run_look l = { s->tx, scratch, r, s->q->metric_parts };
    struct expr_value yes = { .type = EXPR_BOOL, .number = 1 };
    int rc = s->filter ? expr_eval(scratch, s->filter, run__value_of, &l, &yes, s->err) : 0;
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
    s->matched = s->n;
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
    if (e->op == EXPR_NAME)
        return run__is_of_row(e);
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

static int read_hit(struct search *s, const struct hit *h, struct run *out)
{
    if (!s->q->ids_only)
        return run_get(s->tx, s->a, h->id, out, s->err);
    *out = (struct run){ .id = arena_strdup(s->a, h->id), .start_time_ms = h->start_time_ms };
    return out->id ? 0 : track__no_memory(s->err);
}

static int64_t limit_of(const struct run_query *q)
{
    return q->limit > 0 ? MIN(q->limit, (int64_t)RUN_SEARCH_LIMIT) : 100;
}

static int page(struct search *s, struct run **out, size_t *out_n, int *out_more)
{
    size_t from = MIN((size_t)MAX(s->q->offset, (int64_t)0), s->n),
           n = MIN((size_t)limit_of(s->q), s->n - from);
    struct run *list = ARENA_TRY_ARRAY(s->a, n + 1, struct run);
    if (!list)
        return track__no_memory(s->err);
    for (size_t i = 0; i < n; i++) {
        int rc = read_hit(s, &s->hits[from + i], &list[i]);
        if (rc)
            return rc;
    }
    *out = list;
    *out_n = n;
    if (out_more)
        *out_more = from + n < s->matched;
    if (s->q->total)
        *s->q->total = (int64_t)s->matched;
    return 0;
}

/* ---- experiments in memory ---- */

/* One row of a listing; arg of cell_value. */
struct cell {
    const struct column **columns; /* by the names' slots */
    size_t row;
};

static int cell_value(void *arg, const struct expr *name, struct expr_value *out, struct err *err)
{
    const struct cell *c = arg;
    (void)err;
    *out = column__value(c->columns[name->slot], c->row);
    return 0;
}

/* Gives every name a column; 1, or 0 when one does not fit. */
static int bind_names(struct search *s, struct listing *l, struct expr *e,
                      const struct column **columns, size_t *n)
{
    int rc = 1;
    if (e->op != EXPR_NAME) {
        for (size_t i = 0; i < e->n && rc == 1; i++)
            rc = bind_names(s, l, e->args[i], columns, n);
        return rc;
    }
    if (*n == LISTING_COLUMNS_MAX)
        return 0;
    e->slot = *n;
    return listing__column(l, e, s->q->metric_parts, &columns[(*n)++]);
}

static int bind_all(struct search *s, struct listing *l, const struct column **columns)
{
    size_t n = 0;
    int rc = s->filter ? bind_names(s, l, s->filter, columns, &n) : 1;
    for (size_t i = 0; i < s->order_n && rc == 1; i++)
        rc = bind_names(s, l, s->order[i].key, columns, &n);
    return rc == 1 ? listing__refresh(l, s->err) : rc;
}

/* How many hits are of use: the heap of the best ones has its worst at the top. */
static size_t kept_hits(const struct search *s)
{
    int64_t offset = MIN(MAX(s->q->offset, (int64_t)0), (int64_t)RUN_SEARCH_SCAN);
    return (size_t)(offset + limit_of(s->q));
}

static void sift_down(struct search *s, size_t at)
{
    for (size_t child; (child = 2 * at + 1) < s->n; at = child) {
        if (child + 1 < s->n && compare_hits(&s->hits[child + 1], &s->hits[child], s) > 0)
            child++;
        if (compare_hits(&s->hits[at], &s->hits[child], s) >= 0)
            return;
        struct hit swap = s->hits[at];
        s->hits[at] = s->hits[child];
        s->hits[child] = swap;
    }
}

/* Makes the candidate's strings and keys the search's own. */
static int keep_hit(struct search *s, const struct hit *from, struct hit *to)
{
    struct expr_value *keys = to->keys;
    if (!keys && s->order_n)
        keys = arena_alloc(&s->kept, s->order_n * sizeof *keys);
    *to = *from;
    to->keys = keys;
    for (size_t i = 0; i < s->order_n; i++) {
        keys[i] = from->keys[i];
        if (keys[i].type == EXPR_STRING)
            keys[i].string = arena_str(&s->kept, keys[i].string);
    }
    return s->kept.failed ? track__no_memory(s->err) : 0;
}

static int offer(struct search *s, const struct hit *h, size_t max)
{
    if (s->n == max) {
        if (compare_hits(h, &s->hits[0], s) >= 0)
            return 0;
        int rc = keep_hit(s, h, &s->hits[0]);
        sift_down(s, 0);
        return rc;
    }
    s->hits = rows_room(&s->kept, s->hits, s->n, &s->cap, sizeof *s->hits);
    if (!s->hits)
        return track__no_memory(s->err);
    s->hits[s->n].keys = NULL;
    int rc = keep_hit(s, h, &s->hits[s->n++]);
    for (size_t i = s->n == max ? max / 2 : 0; i-- > 0;)
        sift_down(s, i);
    return rc;
}

static int matches(struct search *s, struct cell *c, struct arena *scratch, int *out)
{
    struct expr_value yes = { .type = EXPR_BOOL, .number = 1 };
    if (scratch->used_bytes)
        arena_reset(scratch);
    int rc = s->filter ? expr_eval(scratch, s->filter, cell_value, c, &yes, s->err) : 0;
    *out = !rc && yes.type != EXPR_NULL && yes.number != 0;
    return rc;
}

static int scan_rows(struct search *s, const struct listing *l, const struct column **columns,
                     struct arena *scratch)
{
    struct expr_value keys[EXPR_ORDER_MAX];
    struct hit h = { .keys = keys };
    size_t max = kept_hits(s), n = listing__count(l);
    int in_order = s->order_n == 0 && s->q->experiment_n <= 1, rc = 0;
    for (size_t i = 0; i < n && !rc; i++) {
        struct cell c = { columns, i };
        int yes;
        if (s->q->view != TRACK_ALL && listing__is_deleted(l, i) != (s->q->view == TRACK_DELETED))
            continue;
        rc = matches(s, &c, scratch, &yes);
        if (rc || !yes)
            continue;
        s->matched++;
        if (in_order && s->n == max) {
            if (!s->q->total)
                break;
            continue;
        }
        for (size_t k = 0; k < s->order_n; k++)
            (void)cell_value(&c, s->order[k].key, &keys[k], NULL);
        listing__run(l, i, h.id, &h.start_time_ms);
        rc = offer(s, &h, in_order ? SIZE_MAX : max);
    }
    return rc;
}

/* 1 when it was searched, 0 when it is not held in memory, LISTING_AHEAD as listing__open. */
static int scan_listing(struct search *s, size_t i)
{
    const struct column *columns[LISTING_COLUMNS_MAX];
    struct listing *l = NULL;
    struct arena scratch;
    int rc = listing__open(s->tx, s->q->experiment_ids[i], i == 0, &l, s->err);
    if (rc == 1)
        rc = bind_all(s, l, columns);
    if (rc == 1) {
        arena_init(&scratch, MIB(16));
        rc = scan_rows(s, l, columns, &scratch);
        arena_fini(&scratch);
        rc = rc ? rc : 1;
    }
    listing__close(l);
    return rc;
}

static int scan_each_listing(struct search *s)
{
    int rc = 1;
    for (size_t i = 0; rc == 1 && i < s->q->experiment_n; i++)
        rc = scan_listing(s, i);
    if (rc == 0 || rc == LISTING_AHEAD) {
        s->n = s->cap = s->matched = 0;
        s->hits = NULL;
    }
    return rc;
}

/* 0 when the database has to be asked; then nothing was kept. All experiments are searched as of
 * one snapshot: where another search went on with one of them meanwhile, all begin anew. */
static int scan_listings(struct search *s)
{
    int rc = 0;
    if (!s->q->fresh || !s->q->experiment_ids || !s->q->experiment_n || s->q->accept)
        return 0;
    for (int turn = 0; turn < LISTING_TURNS; turn++)
        if ((rc = scan_each_listing(s)) != LISTING_AHEAD)
            return rc;
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
    int64_t limit = limit_of(q);
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

static int scan_and_sort(struct search *s)
{
    int rc = scan_listings(s);
    if (rc == 0)
        rc = scan_all(s);
    rc = MIN(rc, 0);
    if (!rc && s->n && (s->order_n || s->q->experiment_n > 1))
        qsort_r(s->hits, s->n, sizeof *s->hits, compare_hits, s);
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
    if (!rc && is_plain(&s) && !(q->fresh && q->ids_only))
        return plain_page(&s, out, out_n, out_more);
    arena_init(&s.kept, RUN_SEARCH_MEMORY);
    if (!rc)
        rc = scan_and_sort(&s);
    if (!rc)
        rc = page(&s, out, out_n, out_more);
    arena_fini(&s.kept);
    return rc;
}
