/* SPDX-License-Identifier: Apache-2.0
 * What the files of the HTTP server share with each other and with nobody else. */
#pragma once
#include <microhttpd.h>

#include "base/atomic.h"
#include "base/thread.h"
#include "net/http_server.h"
#include "net/spool.h"

enum { CONN_MAGIC = 0x434f4e4e, STREAM_CHUNK = 32 * 1024 };

enum conn_state {               /* what the reaper's deadlines look at */
                  CONN_IDLE,    /* no request line yet */
                  CONN_HEADERS, /* request line seen */
                  CONN_BODY,    /* body is coming in */
                  CONN_BUSY,    /* handled */
                  CONN_SENDING, /* answer is going out */
};

enum conn_phase { PHASE_NEW, PHASE_BODY, PHASE_READY };

enum stream_phase {
    STREAM_NONE,
    STREAM_DATA,   /* chunk waits to be copied into the connection */
    STREAM_PULL,   /* suspended; a worker asks the handler for more */
    STREAM_WAIT,   /* suspended; the handler had nothing, due at `due_ms` */
    STREAM_END,    /* handler is done */
    STREAM_BROKEN, /* handler failed: the connection is cut */
};

/* One connection; its request is used again and again. Lives from accept to close. */
struct conn {
    uint32_t magic;
    struct http_server *server;
    struct conn *prev, *next; /* under server->lock */
    struct MHD_Connection *mhd;
    int fd;
    gauge_t state;      /* enum conn_state */
    gauge_t since_ms;   /* of that state, monotonic */
    gauge_t body_bytes; /* of the body coming in */
    gauge_t served;     /* requests before this one */
    int64_t seen_bytes; /* of the body at the reaper's last look, and since when there can be no */
    int64_t ended_ms;   /* more; 0 = there can. The reaper's */
    enum conn_phase phase;
    int in_request; /* between on_uri and the request's end: counted as busy */
    struct http_plan plan;
    int discard; /* refused: the body is read and dropped */
    int close_after;
    size_t body_seen; /* bytes of the body, dropped ones too */
    int has_body;
    struct buf body;
    struct spool spool; /* of a body that goes to disk */
    char remote[64];
    struct request rq;
    /* Streaming answer, under server->lock but for the chunk, which has one owner at a time. */
    enum stream_phase stream;
    int wake_pending;
    int64_t due_ms;
    char *chunk;
    size_t chunk_n, chunk_at;
};

struct http_server {
    uint32_t magic;
    struct http_server_options options;
    char *base_path;
    char **hosts; /* allowed_hosts and the listener's own name */
    struct MHD_Daemon *daemon;
    int quiet_fd; /* the listening socket once it was halted; else -1 */
    int port;
    char url[400];
    struct lock lock; /* connection list, streams */
    struct conn *conns;
    struct queue *jobs;
    pthread_t *workers;
    int worker_n;
    pthread_t reaper;
    int reaper_on;
    struct lock tick_lock;
    struct cond tick;
    flag_t draining, stopping, reaper_stop;
    gauge_t connections, busy;
    counter_t accepted, requests, reaped;
};

int64_t http__now_ms(void);
int http__listen(const char *listen, int *out_port, struct err *err) WARN_UNUSED;
/* Requests in, on connection threads. */
void *http__on_uri(void *cls, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result http__on_request(void *cls, struct MHD_Connection *mhd, const char *url,
                                 const char *method, const char *version, const char *data,
                                 size_t *data_n, void **state);
void http__on_connection(void *cls, struct MHD_Connection *mhd, void **context,
                         enum MHD_ConnectionNotificationCode code);
void http__on_done(void *cls, struct MHD_Connection *mhd, void **state,
                   enum MHD_RequestTerminationCode code);
/* Refuses a planned request, in its protocol's form when there is a hook for it. */
void http__refuse(struct conn *c, int status, const char *text);
/* Hands an answer to libmicrohttpd: its MHD_queue_response, which http_errors.c stands before. */
enum MHD_Result http__queue(struct MHD_Connection *mhd, int status, struct MHD_Response *r);
/* Answers out. */
enum MHD_Result http__reply(struct conn *c);
void http__stream_wake(struct request *rq);
void http__stream_end(struct conn *c);
/* Asks streams whose time has come, under server->lock. */
void http__streams_tick(struct http_server *s, int64_t now_ms);
int http__start_threads(struct http_server *s, struct err *err) WARN_UNUSED;
void http__stop_threads(struct http_server *s);
void http__set_state(struct conn *c, enum conn_state state);
