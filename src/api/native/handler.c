/* SPDX-License-Identifier: Apache-2.0
 * Shared pieces of the native handlers; see handler.h. Worker threads. */
#include "api/native/handler.h"

#include <math.h>
#include <stdlib.h>

#include "api/app.h"
#include "api/route.h"
#include "base/num.h"
#include "track/experiment.h"

struct call {
    handler_fn fn;
    struct request *rq;
    void *arg;
};

static int run_call(struct tx *tx, void *arg, struct err *err)
{
    struct call *c = arg;
    return c->fn(tx, c->rq, c->arg, err);
}

int handler_read(struct request *rq, handler_fn fn, void *arg, struct err *err)
{
    struct call c = { fn, rq, arg };
    return store_read(app_of(rq)->store, run_call, &c, err);
}

int handler_write(struct request *rq, handler_fn fn, void *arg, struct err *err)
{
    struct call c = { fn, rq, arg };
    return store_write(app_of(rq)->store, run_call, &c, err);
}

const char *handler_project(const struct request *rq)
{
    return rq->project ? rq->project : "default";
}

struct cause handler_cause(const struct request *rq, const char *reason)
{
    return (struct cause){
        .project = handler_project(rq),
        .actor = rq->actor ? rq->actor : "anonymous",
        .reason = reason,
        .request_id = rq->id[0] ? rq->id : NULL,
    };
}

static const char *text_of(struct request *rq, str_t s)
{
    if (!s.p)
        return NULL;
    char *z = arena_strndup(&rq->arena, s.p, s.n);
    return z && strlen(z) == s.n ? z : ""; /* a NUL byte inside names nothing */
}

const char *handler_param(struct request *rq, const char *name)
{
    const char *z = text_of(rq, request_param(rq, name));
    return z ? z : "";
}

const char *handler_query(struct request *rq, const char *name)
{
    return text_of(rq, request_query(rq, name));
}

int handler_body_text(struct request *rq, const char *name, const char **out, struct err *err)
{
    struct json body;
    int rc = route_body(rq, &body, err);
    if (rc)
        return rc;
    const struct json *v = json_get(&body, name);
    if (!v || v->type != JSON_STRING)
        return ERR(err, ERR_INVALID, "the body needs '%s', a text", name);
    if (strlen(v->string.p) != v->string.n)
        return ERR(err, ERR_INVALID, "'%s' contains a NUL character", name);
    *out = v->string.p;
    return 0;
}

int handler_words(struct request *rq, const char *name, const char **out, size_t max, size_t *out_n,
                  struct err *err)
{
    str_t rest = request_query(rq, name), word = { NULL, 0 };
    size_t n = 0;
    for (int more = 1; more;) {
        more = str_cut(rest, ',', &word, &rest);
        word = str_trim(more ? word : rest);
        if (!word.n)
            continue;
        if (n == max)
            return ERR(err, ERR_LIMIT, "'%s' names more than %zu", name, max);
        out[n++] = arena_strndup(&rq->arena, word.p, word.n);
    }
    *out_n = n;
    return 0;
}

void handler_write_pairs(struct json_out *o, const char *key, const struct track_pair *list,
                         size_t n)
{
    jo_key(o, key);
    jo_object(o);
    for (size_t i = 0; i < n; i++)
        jo_kv_cstr(o, list[i].key, list[i].value);
    jo_object_end(o);
}

/* ---- paging ---- */

/* Pieces between commas that stand outside quotes. */
static int split_order(struct request *rq, const char *text, struct page *p, struct err *err)
{
    char quote = 0;
    const char *start = text;
    p->order_by = arena_alloc(&rq->arena, EXPR_ORDER_MAX * sizeof *p->order_by);
    for (const char *c = text;; c++) {
        if (quote && *c == quote)
            quote = 0;
        else if (!quote && (*c == '\'' || *c == '"' || *c == '`'))
            quote = *c;
        if (*c && (quote || *c != ','))
            continue;
        str_t piece = str_trim((str_t){ start, (size_t)(c - start) });
        if (piece.n) {
            if (p->order_n == EXPR_ORDER_MAX)
                return ERR(err, ERR_LIMIT, "order_by has more than %d keys", EXPR_ORDER_MAX);
            p->order_by[p->order_n++] = arena_strndup(&rq->arena, piece.p, piece.n);
        }
        if (!*c)
            return 0;
        start = c + 1;
    }
}

int page_read(struct request *rq, struct page *out, struct err *err)
{
    struct page p = { 0 };
    struct err bad = ERR_INIT;
    str_t token = request_query(rq, "page_token");
    const char *order = handler_query(rq, "order_by");
    p.limit = request_query_int(rq, "limit", PAGE_LIMIT, 1, PAGE_LIMIT_MAX, &bad);
    if (bad.code) {
        if (err)
            *err = bad;
        return bad.code;
    }
    if (token.n && (parse_i64(token, &p.offset) != 0 || p.offset < 0 || p.offset > PAGE_OFFSET_MAX))
        return ERR(err, ERR_INVALID, "page_token is not one that this server gave");
    p.filter = handler_query(rq, "filter");
    int rc = order ? split_order(rq, order, &p, err) : 0;
    if (!rc)
        *out = p;
    return rc;
}

void page_write_token(struct json_out *o, const struct page *p, int more)
{
    char text[FMT_DOUBLE_MAX];
    size_t n = fmt_i64(p->offset + p->limit, text);
    if (more)
        jo_kv_str(o, "next_page_token", (str_t){ text, n });
    else
        jo_kv_raw(o, "next_page_token", STR("null"));
}

/* ---- filter and order in memory ---- */

struct select {
    const struct list *l;
    struct arena *a;
    size_t row; /* being looked at */
    struct expr *filter;
    struct expr_order order[EXPR_ORDER_MAX];
    size_t order_n;
    struct expr_value *keys; /* order_n a selected row */
    size_t *rows;
    size_t n;
    struct err *err;
};

static const char *near_of(const struct list_field *fields, size_t n, str_t name)
{
    const char *names[64];
    n = MIN(n, ARRAY_LEN(names));
    for (size_t i = 0; i < n; i++)
        names[i] = fields[i].name;
    return str_nearest(name, names, n);
}

static size_t find_field(const struct list_field *fields, size_t n, str_t name)
{
    for (size_t i = 0; i < n; i++)
        if (str_is(name, fields[i].name))
            return i;
    return SIZE_MAX;
}

static int is_bare(str_t entity)
{
    return !entity.n || str_is(entity, "attributes") || str_is(entity, "attribute") ||
           str_is(entity, "attr");
}

static int type_of(void *arg, const struct expr *e, enum expr_type *out, struct err *err)
{
    const struct list *l = arg;
    int bare = is_bare(e->entity);
    const struct list_field *fields = bare ? l->fields : l->entities;
    size_t n = bare ? l->field_n : l->entity_n;
    str_t name = bare ? e->name : e->entity;
    size_t at = find_field(fields, n, name);
    if (at != SIZE_MAX) {
        *out = fields[at].type;
        return 0;
    }
    const char *near = near_of(fields, n, name);
    return ERR(err, ERR_INVALID, "%s have no '%.*s'%s%s%s", l->what, (int)MIN(name.n, (size_t)80),
               name.p, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static int get_value(void *arg, const struct expr *e, struct expr_value *out, struct err *err)
{
    struct select *s = arg;
    *out = (struct expr_value){ .type = EXPR_NULL };
    if (!is_bare(e->entity))
        return s->l->get_entity(s->l->arg, s->row, e->entity, e->name, out, err);
    size_t at = find_field(s->l->fields, s->l->field_n, e->name);
    if (at != SIZE_MAX)
        s->l->get(s->l->arg, s->row, at, out);
    return 0;
}

static int parse_all(struct select *s, const struct page *p)
{
    int rc = 0;
    if (p->filter && str_trim(str_of(p->filter)).n) {
        rc = expr_parse(s->a, str_of(p->filter), &s->filter, NULL, s->err);
        if (!rc)
            rc = expr_check(s->a, s->filter, type_of, (void *)(uintptr_t)s->l, EXPR_BOOL, NULL,
                            s->err);
        if (rc)
            return err_prefix(s->err, rc, "filter");
    }
    s->order_n = MIN(p->order_n, ARRAY_LEN(s->order));
    for (size_t i = 0; !rc && i < s->order_n; i++)
        rc = expr_order_parse(s->a, p->order_by[i], type_of, (void *)(uintptr_t)s->l, &s->order[i],
                              s->err);
    return rc;
}

static int take_row(struct select *s)
{
    struct expr_value yes = { .type = EXPR_BOOL, .number = 1 };
    int rc = s->filter ? expr_eval(s->a, s->filter, get_value, s, &yes, s->err) : 0;
    if (rc || yes.type == EXPR_NULL || yes.number == 0)
        return rc;
    for (size_t i = 0; !rc && i < s->order_n; i++)
        rc = get_value(s, s->order[i].key, &s->keys[s->n * s->order_n + i], s->err);
    s->rows[s->n++] = s->row;
    return rc;
}

static int compare_rows(const void *x, const void *y, void *arg)
{
    const struct select *s = arg;
    size_t a = *(const size_t *)x, b = *(const size_t *)y;
    for (size_t i = 0; i < s->order_n; i++) {
        int c = expr_order_compare(&s->order[i], &s->keys[a * s->order_n + i],
                                   &s->keys[b * s->order_n + i]);
        if (c)
            return c;
    }
    return (a > b) - (a < b);
}

/* Sorts positions, then turns them into rows. */
static int sort_rows(struct select *s)
{
    size_t *positions = ARENA_TRY_ARRAY(s->a, s->n + 1, size_t),
           *sorted = ARENA_TRY_ARRAY(s->a, s->n + 1, size_t);
    if (!positions || !sorted)
        return ERR(s->err, ERR_NOMEM, "too many rows to sort; use a filter");
    for (size_t i = 0; i < s->n; i++)
        positions[i] = i;
    if (s->n)
        qsort_r(positions, s->n, sizeof *positions, compare_rows, s);
    for (size_t i = 0; i < s->n; i++)
        sorted[i] = s->rows[positions[i]];
    s->rows = sorted;
    return 0;
}

int list_select(struct request *rq, const struct list *l, const struct page *p, size_t **out_rows,
                size_t *out_n, int *out_more, struct err *err)
{
    struct err local = ERR_INIT;
    struct select s = { .l = l, .a = &rq->arena, .err = err ? err : &local };
    int rc = parse_all(&s, p);
    if (rc)
        return rc;
    s.rows = ARENA_TRY_ARRAY(s.a, l->row_n + 1, size_t);
    s.keys = ARENA_TRY_ARRAY(s.a, l->row_n * s.order_n + 1, struct expr_value);
    if (!s.rows || !s.keys)
        return ERR(err, ERR_NOMEM, "too many rows; use a filter");
    for (s.row = 0; !rc && s.row < l->row_n; s.row++)
        rc = take_row(&s);
    if (!rc && s.order_n)
        rc = sort_rows(&s);
    if (rc)
        return rc;
    size_t from = MIN((size_t)p->offset, s.n), n = MIN((size_t)p->limit, s.n - from);
    *out_rows = s.rows + from;
    *out_n = n;
    *out_more = from + n < s.n;
    return 0;
}
