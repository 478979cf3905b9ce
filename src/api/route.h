/* SPDX-License-Identifier: Apache-2.0
 * The one route table: dispatch, permissions, OpenAPI and the reference page come from it.
 *
 * Who owns a path when protocols collide on the main port: the first table in this order that has
 * it — native (/api/v1, /health, /version, …), mlflow (/api/2.0, /api/3.0, /ajax-api), tfserving
 * (/v1/models/…), scoring (/endpoints/…, /invocations, /ping), ui (everything else that is a GET).
 */
#pragma once
#include "codec/json.h"
#include "net/http_server.h"
#include "net/request.h"

enum route_where {
    ROUTE_INLINE, /* quick, never blocks: runs on the connection's thread */
    ROUTE_WORKER, /* needs SQL or files: the request is suspended, the worker pool runs it */
    ROUTE_STREAM, /* as WORKER, and the answer is a stream (SSE, files) */
};

/* request_doc and response_doc: one field a line, "name! type: text." ('!' = required). Types:
 * string, integer, number, boolean, time_ms, object, any, null, [type] for arrays, map(type), a|b
 * for choices. Lines indented by two more blanks describe the members of the object or [object]
 * above. A first line with a slash is a media type ("text/plain: text."). "?name type: text." is a
 * query parameter whatever the method; of a GET or DELETE every field is one. Path parameters are
 * read off the pattern. */
struct route {
    const char *method;
    const char *pattern;    /* "/api/v1/models/{name}/versions/{version}" ; {rest*} takes slashes */
    const char *permission; /* "model.read"; never NULL: a route without one does not start;
                               "public" is explicit */
    int (*handler)(struct request *rq, struct err *err);
    enum route_where where;
    size_t body_limit;        /* 0 = no body */
    const char *summary;      /* one sentence */
    const char *request_doc;  /* fields of the query or JSON body, NULL = none */
    const char *response_doc; /* fields of the answer */
    const char *operation;    /* operationId: "modelVersionGet" */
};

struct route_table {
    const char *name;
    const struct route *routes;
    size_t n;
    /* Writes an error in the protocol's own form. */
    void (*write_error)(struct request *rq, const struct err *err);
};

/* Finds the route; fills rq->params. A path that no route has is tried again with one slash for
 * many, and rq->path says so. ERR_NOT_FOUND, or ERR_INVALID with 405 and Allow set. */
int route_find(const struct route_table *const *tables, size_t n, struct request *rq,
               const struct route **out, const struct route_table **out_table,
               struct err *err) WARN_UNUSED;
/* Finds, checks the permission, runs the handler, writes errors: never fails, rq->status is set. */
void route_dispatch(const struct route_table *const *tables, size_t n, struct request *rq);

/* The same in two steps, for a carrier that must know where to run before it reads the body: plan
 * finds the route and checks the permission, and answers itself when it refuses (rq->status set);
 * run calls the handler of what plan found. */
void route_plan(const struct route_table *const *tables, size_t n, struct request *rq,
                struct http_plan *out);
void route_run(struct request *rq);
/* Writes err as the answer in the form of the route's protocol; a status ≥ 400 set before is kept.
 */
void route_fail(struct request *rq, const struct err *err);

/* The server's `refuse` hook: the carrier's own refusals (body too large, queue full) in the form
 * of the route's protocol, or in the native form before a route is known. */
void route_refuse(void *arg, struct request *rq, const char *text);

/* Decides whether rq may use a permission: 0, or ERR_DENIED; sets rq->actor. Inline: must not
 * block. Set once before the first request; without it everything is allowed. */
typedef int (*route_access_fn)(struct request *rq, const char *permission, struct err *err);
void route_set_access(route_access_fn fn);
/* Checks every row: permission, summary, documentation that parses, unique operation. Called at
 * start. */
int route_check_tables(const struct route_table *const *tables, size_t n,
                       struct err *err) WARN_UNUSED;

/* Native error form: {"code","message","hint","request_id"}. */
void route_error_native(struct request *rq, const struct err *err);
/* For a file that a user made: when the request says ?inline=1 and the name is that of a web page,
 * the answer may be shown in a frame of the page, in an origin of its own that may run its scripts
 * but reach nothing; a PDF may be shown as nothing but a PDF. 1 when it did, and then no
 * Content-Disposition must say attachment. */
int route_sandbox(struct request *rq, const char *name);
/* The path that browsers see before ours: what a proxy says, else --base-path, which stands in the
 * server's own address. Only letters that need no escaping are taken. "" when there is none. */
str_t route_base_path(struct request *rq);
/* "https://host:port/base" by which the client reached us, as a proxy tells it (X-Forwarded-Proto,
 * -Host, -Prefix); for URLs that are given back to that client only. */
int route_public_url(struct request *rq, const char **out, struct err *err) WARN_UNUSED;
/* Starts the JSON answer of a handler. */
void route_json(struct request *rq, struct json_out *o);
/* The request's JSON body as an object; an empty body is an empty object. ERR_INVALID otherwise. */
int route_body(struct request *rq, struct json *out, struct err *err) WARN_UNUSED;

/* ---- OpenAPI 3.1 ---- */
/* One documented field, parsed from a doc text. */
struct route_field {
    str_t name, type, text;
    int required, is_query, indent;
};
/* Next field of *doc: 1 found, 0 end, ERR_INVALID on a malformed line. */
int route_field_next(str_t *doc, struct route_field *out, struct err *err) WARN_UNUSED;
/* The whole document for a set of tables. */
int openapi_write(const struct route_table *const *tables, size_t n, const char *server_url,
                  struct buf *out, struct err *err) WARN_UNUSED;

/* ---- metrics of requests ---- */
/* Makes counters for every route; before the first request. */
void metrics_init(const struct route_table *const *tables, size_t n);
/* The server's `done` hook. Any thread, no lock. */
void metrics_request(void *arg, struct request *rq, int64_t ns);
