/* SPDX-License-Identifier: Apache-2.0
 * What the native handlers share: a transaction of the app's store around a function, the cause of
 * a change, and paging with filter and order over rows that fit into memory. */
#pragma once
#include "codec/expr.h"
#include "codec/json.h"
#include "event/event.h"
#include "net/request.h"
#include "store/store.h"

typedef int (*handler_fn)(struct tx *tx, struct request *rq, void *arg, struct err *err);

/* Runs fn in one read snapshot, or as one write request. */
int handler_read(struct request *rq, handler_fn fn, void *arg, struct err *err) WARN_UNUSED;
int handler_write(struct request *rq, handler_fn fn, void *arg, struct err *err) WARN_UNUSED;

/* Who asks, for events; reason may be NULL. */
struct cause handler_cause(const struct request *rq, const char *reason);
const char *handler_project(const struct request *rq);
/* A path or query parameter as NUL-terminated text in the request's arena; query: NULL when absent.
 */
const char *handler_param(struct request *rq, const char *name);
const char *handler_query(struct request *rq, const char *name);
/* The text member of a JSON body that must be there. */
int handler_body_text(struct request *rq, const char *name, const char **out,
                      struct err *err) WARN_UNUSED;

/* The pieces between commas of a query parameter, trimmed, empty ones left out: at most max, else
 * ERR_LIMIT; none when it is absent. */
int handler_words(struct request *rq, const char *name, const char **out, size_t max, size_t *out_n,
                  struct err *err) WARN_UNUSED;

struct track_pair; /* track/experiment.h */
/* "key": {"k": "v", …}. */
void handler_write_pairs(struct json_out *o, const char *key, const struct track_pair *list,
                         size_t n);

/* ---- lists ---- */

enum { PAGE_LIMIT = 100, PAGE_LIMIT_MAX = 1000, PAGE_OFFSET_MAX = 1 << 30 };

/* ?limit= &page_token= &filter= &order_by= of a list. */
struct page {
    int64_t limit, offset;
    const char *filter;    /* NULL = all */
    const char **order_by; /* pieces of the comma-separated list */
    size_t order_n;
};
int page_read(struct request *rq, struct page *out, struct err *err) WARN_UNUSED;
/* Writes "next_page_token": the offset of the next page, or null. */
void page_write_token(struct json_out *o, const struct page *p, int more);

/* A field that a list can be filtered and ordered by. */
struct list_field {
    const char *name;
    enum expr_type type; /* EXPR_STRING or EXPR_NUMBER */
};

struct list {
    const char *what; /* "models", for messages */
    const struct list_field *fields;
    size_t field_n;
    size_t row_n;
    /* Value of a field of a row; a type of EXPR_NULL when it has none. */
    void (*get)(void *arg, size_t row, size_t field, struct expr_value *out);
    /* Value of tags.<key>, metrics.<key> and the like; NULL = no such entity. */
    int (*get_entity)(void *arg, size_t row, str_t entity, str_t key, struct expr_value *out,
                      struct err *err);
    const struct list_field *entities; /* "tags" → EXPR_STRING, … */
    size_t entity_n;
    void *arg;
};

/* Which rows to show, in order (arena array); *out_more = 1 when further ones match. Without
 * order_by the rows keep their order. */
int list_select(struct request *rq, const struct list *l, const struct page *p, size_t **out_rows,
                size_t *out_n, int *out_more, struct err *err) WARN_UNUSED;
