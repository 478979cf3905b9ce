/* SPDX-License-Identifier: Apache-2.0
 * The one route table: dispatch, permissions, OpenAPI and the reference page come from it.
 *
 * Who owns a path when protocols collide on the main port: the first table in this order that has
 * it — native (/api/v1, /health, /version, …), mlflow (/api/2.0, /api/3.0, /ajax-api), tfserving
 * (/v1/models/…), scoring (/endpoints/…, /invocations, /ping), ui (everything else that is a GET). */
#pragma once
#include "net/request.h"

enum route_where {
    ROUTE_INLINE,  /* quick, never blocks: runs on the connection's thread */
    ROUTE_WORKER,  /* needs SQL or files: the request is suspended, the worker pool runs it */
    ROUTE_STREAM,  /* as WORKER, and the answer is a stream (SSE, files) */
};

/* One field of a request or answer, for OpenAPI and checks: "name! string: text" lines, see openapi.c. */
struct route {
    const char *method;
    const char *pattern;      /* "/api/v1/models/{name}/versions/{version}" ; {rest*} takes slashes */
    const char *permission;   /* "model.read"; never NULL: a route without one does not start; "public" is explicit */
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

/* Finds the route; fills rq->params. ERR_NOT_FOUND, or ERR_INVALID with 405 and Allow set. */
int route_find(const struct route_table *const *tables, size_t n, struct request *rq,
               const struct route **out, const struct route_table **out_table, struct err *err) WARN_UNUSED;
/* Finds, checks the permission, runs the handler, writes errors: never fails, rq->status is set. */
void route_dispatch(const struct route_table *const *tables, size_t n, struct request *rq);
