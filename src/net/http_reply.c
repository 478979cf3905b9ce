/* SPDX-License-Identifier: Apache-2.0
 * Answers out: bodies in memory (sent with the headers in one write), files, and streams. A
 * stream's handler is only ever called by a worker; meanwhile and while it has nothing to say, the
 * connection is suspended, so thousands of waiting event streams cost no thread. */
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "net/http_int.h"

enum { STREAM_ASK_AGAIN_MS = 1000 };

/* ---- streams ---- */

void http__stream_end(struct conn *c)
{
    struct request *rq = &c->rq;
    if (!rq->stream)
        return;
    if (rq->stream_end)
        rq->stream_end(rq); /* after this nobody wakes it any more */
    rq->stream_end = NULL;
    rq->stream = NULL;
    lock_take(&c->server->lock);
    c->stream = STREAM_NONE;
    c->wake_pending = 0;
    lock_drop(&c->server->lock);
}

/* Under server->lock: hands the connection to a worker, or tries again at the next tick. */
static void pull_later(struct conn *c)
{
    c->stream = STREAM_PULL;
    c->wake_pending = 0;
    if (queue_put(c->server->jobs, c)) {
        c->stream = STREAM_WAIT;
        c->due_ms = http__now_ms() + 100;
    }
}

void http__stream_wake(struct request *rq)
{
    struct conn *c = (struct conn *)(void *)((char *)rq - offsetof(struct conn, rq));
    ASSERT(c->magic == CONN_MAGIC);
    lock_take(&c->server->lock);
    if (c->stream == STREAM_WAIT)
        pull_later(c);
    else
        c->wake_pending = 1;
    lock_drop(&c->server->lock);
}

static int peer_is_gone(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLRDHUP };
    return fd >= 0 && poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

void http__streams_tick(struct http_server *s, int64_t now_ms)
{
    int stopping = flag_is_up(&s->stopping);
    for (struct conn *c = s->conns; c; c = c->next) {
        if (c->stream != STREAM_WAIT)
            continue;
        if (stopping || peer_is_gone(c->fd)) {
            c->stream = STREAM_END;
            MHD_resume_connection(c->mhd);
        } else if (now_ms >= c->due_ms) {
            pull_later(c);
        }
    }
}

/* On a worker: one call of the handler's stream function. */
static void stream_pull(struct conn *c)
{
    struct http_server *s = c->server;
    struct request *rq = &c->rq;
    for (;;) {
        int64_t n = rq->stream(rq, c->chunk, STREAM_CHUNK);
        lock_take(&s->lock);
        if (n == REQUEST_WAIT && c->wake_pending) {
            c->wake_pending = 0;
            lock_drop(&s->lock);
            continue;
        }
        if (n == REQUEST_WAIT && !flag_is_up(&s->stopping)) {
            c->stream = STREAM_WAIT;
            c->due_ms = http__now_ms() + STREAM_ASK_AGAIN_MS;
        } else {
            ASSERT(n <= STREAM_CHUNK);
            c->chunk_n = n > 0 ? (size_t)n : 0;
            c->chunk_at = 0;
            c->stream = n > 0 ? STREAM_DATA : n == -1 ? STREAM_BROKEN : STREAM_END;
            MHD_resume_connection(c->mhd);
        }
        lock_drop(&s->lock);
        return;
    }
}

/* libmicrohttpd asks for bytes. */
static ssize_t stream_read(void *cls, uint64_t at, char *to, size_t room)
{
    struct conn *c = cls;
    struct http_server *s = c->server;
    ssize_t n = 0;
    (void)at;
    lock_take(&s->lock);
    if (c->stream == STREAM_DATA && c->chunk_at < c->chunk_n) {
        n = (ssize_t)MIN(room, c->chunk_n - c->chunk_at);
        memcpy(to, c->chunk + c->chunk_at, (size_t)n);
        c->chunk_at += (size_t)n;
    } else if (c->stream == STREAM_END || flag_is_up(&s->stopping)) {
        n = MHD_CONTENT_READER_END_OF_STREAM;
    } else if (c->stream == STREAM_BROKEN) {
        n = MHD_CONTENT_READER_END_WITH_ERROR;
    } else if (c->stream == STREAM_DATA) {
        MHD_suspend_connection(c->mhd);
        pull_later(c);
    }
    lock_drop(&s->lock);
    return n;
}

/* ---- the answer ---- */

static void add(struct MHD_Response *r, const char *name, const char *value)
{
    IGNORE(MHD_add_response_header(r, name, value));
}

/* One "bytes=a-b" range of a file; 1 when it applies, -1 when it lies outside. RFC 9110 §14. */
static int file_range(const struct request *rq, int64_t size, int64_t *out_from, int64_t *out_n)
{
    str_t h = request_header(rq, "range"), first, last;
    uint64_t a = 0, b = 0;
    if (!str_starts(h, "bytes=") || rq->status != 200)
        return 0;
    h = (str_t){ h.p + 6, h.n - 6 };
    if (!str_cut(h, '-', &first, &last) || (first.n && parse_u64(first, &a)) ||
        (last.n && parse_u64(last, &b)) || (!first.n && !last.n))
        return 0;
    if (!first.n) {
        *out_n = (int64_t)MIN(b, (uint64_t)size);
        *out_from = size - *out_n;
    } else {
        if (a >= (uint64_t)size || (last.n && b < a))
            return -1;
        *out_from = (int64_t)a;
        *out_n = (last.n ? (int64_t)MIN(b, (uint64_t)size - 1) : size - 1) - *out_from + 1;
    }
    return *out_n > 0 ? 1 : -1;
}

static struct MHD_Response *file_response(struct request *rq)
{
    int64_t from = 0, n = rq->out_length;
    int ranged = file_range(rq, rq->out_length, &from, &n);
    char text[96];
    if (ranged < 0) {
        int64_t size = rq->out_length;
        request_answer_text(rq, 416, "the range lies outside the file");
        (void)snprintf(text, sizeof text, "bytes */%lld", (long long)size);
        request_add_header(rq, "Content-Range", text);
        return MHD_create_response_from_buffer(rq->out.n, rq->out.p, MHD_RESPMEM_PERSISTENT);
    }
    struct MHD_Response *r = MHD_create_response_from_fd_at_offset64(
        (uint64_t)n, rq->out_fd, (uint64_t)(rq->out_offset + from));
    if (!r)
        return NULL;
    rq->out_fd = -1; /* the response closes it */
    add(r, "Accept-Ranges", "bytes");
    if (ranged) {
        (void)snprintf(text, sizeof text, "bytes %lld-%lld/%lld", (long long)from,
                       (long long)(from + n - 1), (long long)rq->out_length);
        add(r, "Content-Range", text);
        rq->status = 206;
    }
    return r;
}

static struct MHD_Response *stream_response(struct conn *c)
{
    if (!c->chunk)
        c->chunk = mem_alloc(STREAM_CHUNK);
    c->chunk_n = c->chunk_at = 0;
    lock_take(&c->server->lock);
    c->stream = STREAM_DATA;
    lock_drop(&c->server->lock);
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_CHUNK, stream_read, c, NULL);
}

static struct MHD_Response *response_of(struct conn *c)
{
    struct request *rq = &c->rq;
    if (rq->out.failed || rq->arena.failed)
        http__refuse(c, 507, "the answer does not fit in the memory of a request");
    if (rq->out_fd >= 0)
        return file_response(rq);
    if (rq->stream && !rq->is_head)
        return stream_response(c);
    return MHD_create_response_from_buffer(rq->out.n, rq->out.n ? rq->out.p : NULL,
                                           MHD_RESPMEM_PERSISTENT);
}

static void add_headers(struct conn *c, struct MHD_Response *r)
{
    struct request *rq = &c->rq;
    struct http_server *s = c->server;
    if (rq->status != 204)
        add(r, "Content-Type", rq->content_type ? rq->content_type : "application/json");
    for (size_t i = 0; i < rq->out_headers_n; i++)
        add(r, rq->out_headers[i].key.p, rq->out_headers[i].value.p);
    if (rq->id[0] || c->plan.where != HTTP_INLINE || rq->status >= 400)
        add(r, "X-Request-Id", request_id(rq));
    if (!s->options.plain) {
        add(r, "X-Content-Type-Options", "nosniff");
        add(r, "X-Frame-Options", "SAMEORIGIN");
    }
    if (c->close_after || flag_is_up(&s->draining))
        add(r, "Connection", "close");
}

enum MHD_Result http__reply(struct conn *c)
{
    struct request *rq = &c->rq;
    if (rq->status == 0)
        rq->status = 200;
    struct MHD_Response *r = response_of(c);
    if (!r)
        return MHD_NO;
    add_headers(c, r);
    http__set_state(c, CONN_SENDING);
    enum MHD_Result rc = http__queue(c->mhd, rq->status, r);
    MHD_destroy_response(r);
    return rc;
}

/* ---- workers ---- */

static void *worker_main(void *arg)
{
    struct http_server *s = arg;
    void *item;
    while (queue_get(s->jobs, &item, -1) == 0) {
        struct conn *c = item;
        ASSERT(c->magic == CONN_MAGIC);
        if (c->rq.stream) {
            stream_pull(c);
            continue;
        }
        (void)request_id(&c->rq);
        s->options.handle(s->options.arg, &c->rq);
        MHD_resume_connection(c->mhd);
    }
    return NULL;
}

int http__start_threads(struct http_server *s, struct err *err)
{
    int n = s->options.workers < 0 ? 0 : s->options.workers ? s->options.workers : 8;
    s->workers = mem_alloc((size_t)MAX(n, 1) * sizeof *s->workers);
    for (; s->worker_n < n; s->worker_n++) {
        int rc = thread_start(&s->workers[s->worker_n], "http-worker", worker_main, s, err);
        if (rc)
            return rc;
    }
    return 0;
}

void http__stop_threads(struct http_server *s)
{
    queue_close(s->jobs);
    for (int i = 0; i < s->worker_n; i++)
        thread_join(s->workers[i]);
    s->worker_n = 0;
}
