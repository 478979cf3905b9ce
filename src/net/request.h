/* SPDX-License-Identifier: Apache-2.0
 * One request and its answer, independent of what carries it: libmicrohttpd, gRPC later, or the CLI
 * dispatching in its own process. Handlers see only this. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "codec/hash.h"

struct request;

/* What the carrier offers; NULL ops = in process, where a waiting stream is asked again at once. */
struct request_ops {
    void (*wake)(
        struct request *rq); /* asks a stream that returned REQUEST_WAIT again, any thread */
};

struct pair {
    str_t key;
    str_t value;
};

enum { REQUEST_MAGIC = 0x52455155, REQUEST_PARAMS_MAX = 8 };

struct request {
    uint32_t magic;
    struct arena arena; /* everything of this request, the answer included */
    str_t method;       /* "GET" */
    str_t path;         /* percent-decoded, starts with '/', without base path and query */
    struct pair *query; /* decoded, in order */
    size_t query_n;
    struct pair *headers; /* names in lower case */
    size_t headers_n;
    str_t body;  /* whole body (routes that stream take body_fd instead) */
    int body_fd; /* spooled body of a streaming route, else -1: rewound, no name, no other writer */
    int64_t body_bytes;                     /* of body_fd */
    char body_digest[SHA256_HEX];           /* of body_fd, computed while it came in */
    struct pair params[REQUEST_PARAMS_MAX]; /* {name} parts of the route's pattern */
    size_t params_n;
    const char *actor;   /* who: "user:root", "token:ab12…", "anonymous" */
    const char *project; /* "default" unless named */
    const char *remote;  /* peer address, "local" in process */
    char id[40];         /* request id, also the X-Request-Id header of the answer */
    void *app;           /* struct app * of api/, untyped here */
    const void *route;   /* the dispatcher's choice, kept between planning and running */
    const void *table;
    int64_t started_ns;
    int is_head; /* HEAD: method is "GET", the body will not be sent */

    /* The answer. */
    int status;               /* 0 until set; 200 when a handler returns 0 without setting it */
    const char *content_type; /* NULL = application/json */
    struct pair out_headers[16];
    size_t out_headers_n;
    size_t out_kept_n; /* the first so many stay when the answer is cleared: CORS */
    struct buf out;    /* body */
    int out_fd;        /* or a file, from out_offset for out_length bytes; -1 = none */
    int64_t out_offset, out_length;
    /* or a stream: called until it returns 0; fills at most n bytes; -1 ends the connection;
     * REQUEST_WAIT = nothing yet, the carrier asks again after request_wake or 1 s. */
    int64_t (*stream)(struct request *rq, char *to, size_t n);
    void (*stream_end)(struct request *rq);
    void *stream_state;
    const struct request_ops *ops;
};

#define REQUEST_WAIT INT64_C(-2)

void request_init(struct request *rq);
void request_fini(struct request *rq);
/* Forgets the request but keeps modest buffers for the next one on the same connection. */
void request_reset(struct request *rq);
/* Request id, made on first use. */
const char *request_id(struct request *rq);
/* Takes the id that a client sent when it is 1–39 letters, digits, '-', '_' or '.'; 1 when taken.
 */
int request_id_accept(struct request *rq, str_t id);
/* Asks a waiting stream again. The caller guarantees that stream_end has not run yet. */
void request_wake(struct request *rq);

str_t request_query(const struct request *rq,
                    const char *name); /* empty view (p NULL) when absent */
str_t request_header(const struct request *rq,
                     const char *name); /* lower-case name; p NULL when absent */
str_t request_param(const struct request *rq, const char *name); /* asserted: the route has it */
int64_t request_query_int(const struct request *rq, const char *name, int64_t fallback, int64_t min,
                          int64_t max, struct err *err); /* sets err when malformed or outside */
void request_add_header(struct request *rq, const char *name, const char *value); /* value copied */
/* Drops what a handler wrote so far (status, headers, body, file), before an error is written. The
 * headers of the guard (CORS) stay: without them a browser hides the error from its page. */
void request_clear_answer(struct request *rq);
/* Plain text answer with a status: guards and early refusals. */
void request_answer_text(struct request *rq, int status, const char *text);
/* Parses path and query text of a URL target into path and query; absolute form is accepted.
 * ERR_INVALID on bad escapes, NUL, control bytes or malformed UTF-8; ERR_LIMIT past LIMIT_URL_BYTES
 * or LIMIT_QUERY_PAIRS. */
int request_set_target(struct request *rq, str_t target, struct err *err) WARN_UNUSED;
