/* SPDX-License-Identifier: Apache-2.0
 * HTTP/1.1 over libmicrohttpd: turns connections into struct request and back. It knows no product
 * noun; what a path means is told by the two hooks.
 *
 * Threads: `threads` connection threads that never block (epoll), `workers` for requests that need
 * SQL or files (the connection is suspended meanwhile), one reaper with the deadlines. */
#pragma once
#include "net/request.h"

struct http_server;

/* What the plan hook decides about a request once its headers are known. */
struct http_plan {
    enum { HTTP_INLINE, HTTP_WORKER } where; /* HTTP_INLINE must not block */
    size_t body_limit;                       /* bytes, after decompression; 0 = no body */
    int spool;                               /* body goes to rq->body_fd instead of rq->body */
};

struct http_server_options {
    const char *listen;    /* "HOST:PORT", "[::1]:5000", ":5000" (all addresses); port 0 = any */
    const char *base_path; /* "/x" is cut off the path, others get 404; NULL = none */
    void *app;             /* becomes rq->app */
    void *arg;             /* of the hooks */
    /* Runs on the connection thread before the body is read: method, path, query and headers are
     * set. Fills *out, or refuses by setting rq->status and the answer. Must not block. */
    void (*plan)(void *arg, struct request *rq, struct http_plan *out);
    /* Makes the answer; runs where the plan says. Never fails: errors are answers. */
    void (*handle)(void *arg, struct request *rq);
    /* Writes a refusal of the carrier's own (413, 415, 503, 507 …) in the form of the request's
     * protocol; rq->status is set. NULL = plain text. Connection thread. */
    void (*refuse)(void *arg, struct request *rq, const char *text);
    /* After the answer went out or the peer left; ns since the request line. May be NULL. */
    void (*done)(void *arg, struct request *rq, int64_t ns);
    const char *const
        *allowed_hosts; /* more names for the Host guard; "*" = any; NULL-terminated or NULL */
    const char *const *allowed_origins; /* more origins that may change things; likewise */
    const char *spool_dir; /* of bodies that stream to disk, made when absent; NULL = TMPDIR or
                              /tmp; lives as long as the server */
    int plain;             /* 1: no browser headers (nosniff, X-Frame-Options): data plane */
    int threads;           /* 0 = number of processors, at most 8 */
    int workers;           /* 0 = 8; negative = none: everything runs inline */
    int connections;       /* 0 = LIMIT_CONNECTIONS */
    int64_t
        header_ms; /* from the request line, or from accept, to the end of the headers; 0 = 10 s */
    int64_t idle_ms;       /* between requests; 0 = 75 s */
    int64_t body_grace_ms; /* then at least body_min_rate is asked for; 0 = 10 s */
    int64_t body_min_rate; /* bytes a second on average; 0 = 500 */
    int64_t gone_ms;       /* a peer that closed in mid-body is let go after; 0 = 5 s */
};

struct http_stats {
    int64_t connections; /* open now */
    int64_t busy;        /* requests between request line and end of answer */
    int64_t queued;      /* waiting for a worker */
    uint64_t accepted;   /* connections ever */
    uint64_t requests;   /* ever */
    uint64_t reaped;     /* connections closed by a deadline */
};

/* Binds, listens and starts the threads. A taken port is ERR_CONFLICT with the way out. */
int http_server_start(struct http_server **out, const struct http_server_options *options,
                      struct err *err) WARN_UNUSED;
/* "http://127.0.0.1:5000", with base path. Lives as long as the server. */
const char *http_server_url(const struct http_server *s);
int http_server_port(const struct http_server *s);
void http_server_stats(const struct http_server *s, struct http_stats *out);
/* 1 once http_server_drain or http_server_stop has begun: /readyz says 503. */
int http_server_stopping(const struct http_server *s);
/* Says that the end is near: answers carry "Connection: close", readiness is gone; still serves. */
void http_server_drain(struct http_server *s);
/* Stops listening, lets requests in flight finish for up to grace_ms, ends streams, closes, joins
 * the threads. What the other functions tell stays readable: of two servers whose handlers look at
 * each other, halt both before either is freed. NULL allowed. */
void http_server_halt(struct http_server *s, int64_t grace_ms);
/* Halts when that is still to be done, and frees. NULL allowed. */
void http_server_stop(struct http_server *s, int64_t grace_ms);

/* ---- addresses and guards, also used on their own ---- */
/* Splits "HOST:PORT"; an empty host means all addresses. ERR_INVALID names the text. */
int http_listen_parse(const char *listen, char out_host[256], int *out_port,
                      struct err *err) WARN_UNUSED;
/* Refuses a listener that others can reach when there is neither token nor the wish to be insecure.
 */
int http_listen_check(const char *listen, int has_token, int insecure, struct err *err) WARN_UNUSED;
int http_listen_is_loopback(const char *listen);
/* 1 when a Host header names this machine, a private address or one of `allowed`. */
int http_host_allowed(str_t host, const char *const *allowed);
/* 1 when a page from this origin may change things here; host: the request's Host header. */
int http_origin_allowed(str_t origin, str_t host, const char *const *allowed);
/* Host and Origin guard and CORS preflight: 1 when the request is answered here (rq->status set).
 */
int http_guard(struct request *rq, const char *const *hosts, const char *const *origins);
/* Inflates a gzip body with a cap. ERR_LIMIT past the cap, ERR_INVALID when malformed. */
int http_gunzip(str_t in, size_t max_bytes, struct buf *out, struct err *err) WARN_UNUSED;
