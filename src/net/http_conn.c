/* SPDX-License-Identifier: Apache-2.0
 * Requests in: libmicrohttpd's callbacks fill the connection's struct request, check framing and
 * sizes, ask the plan hook, collect the body and start the handler. Connection threads; none blocks
 * but for writes of a spooled body to a temporary file. */
#include <stdio.h>
#include <stdlib.h>
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/num.h"
#include "net/http_int.h"

enum { INLINE_BODY_MAX = 256 * 1024 }; /* larger bodies are a worker's, whatever the plan says */

int64_t http__now_ms(void)
{
    return clock_mono_ns() / 1000000;
}

void http__set_state(struct conn *c, enum conn_state state)
{
    gauge_set(&c->since_ms, http__now_ms());
    gauge_set(&c->state, state);
}

static const struct request_ops request_ops = { .wake = http__stream_wake };

static void remote_text(const struct sockaddr *a, char *out, size_t room)
{
    char host[INET6_ADDRSTRLEN] = "?";
    int port = 0;
    if (a && a->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)a;
        (void)inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
        port = ntohs(in->sin_port);
    } else if (a && a->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const void *)a;
        (void)inet_ntop(AF_INET6, &in->sin6_addr, host, sizeof host);
        port = ntohs(in->sin6_port);
    }
    (void)snprintf(out, room, strchr(host, ':') ? "[%s]:%d" : "%s:%d", host, port);
}

static struct conn *conn_new(struct http_server *s, struct MHD_Connection *mhd)
{
    struct conn *c = mem_alloc(sizeof *c);
    const union MHD_ConnectionInfo *fd =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    const union MHD_ConnectionInfo *addr =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    c->magic = CONN_MAGIC;
    c->server = s;
    c->mhd = mhd;
    c->fd = fd ? (int)fd->connect_fd : -1;
    remote_text(addr ? addr->client_addr : NULL, c->remote, sizeof c->remote);
    request_init(&c->rq);
    c->rq.remote = c->remote;
    c->rq.app = s->options.app;
    c->rq.ops = &request_ops;
    http__set_state(c, CONN_IDLE);
    lock_take(&s->lock);
    c->next = s->conns;
    if (s->conns)
        s->conns->prev = c;
    s->conns = c;
    lock_drop(&s->lock);
    counter_add(&s->accepted, 1);
    (void)gauge_add(&s->connections, 1);
    return c;
}

/* The request of on_uri is over. libmicrohttpd skips on_done for some of those that it refuses by
 * itself; then the end of the connection, or its next request, is the end. */
static void request_over(struct conn *c)
{
    struct http_server *s = c->server;
    if (!c->in_request)
        return;
    c->in_request = 0;
    http__stream_end(c);
    spool_drop(&c->spool);
    if (s->options.done)
        s->options.done(s->options.arg, &c->rq, clock_mono_ns() - c->rq.started_ns);
    request_reset(&c->rq);
    (void)gauge_add(&s->busy, -1);
}

static void conn_free(struct conn *c)
{
    struct http_server *s = c->server;
    request_over(c);
    lock_take(&s->lock);
    if (c->prev)
        c->prev->next = c->next;
    else
        s->conns = c->next;
    if (c->next)
        c->next->prev = c->prev;
    lock_drop(&s->lock);
    (void)gauge_add(&s->connections, -1);
    request_fini(&c->rq);
    buf_fini(&c->body);
    mem_free(c->chunk);
    c->magic = 0;
    mem_free(c);
}

void http__on_connection(void *cls, struct MHD_Connection *mhd, void **context,
                         enum MHD_ConnectionNotificationCode code)
{
    struct http_server *s = cls;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *context = conn_new(s, mhd);
    } else if (*context) {
        conn_free(*context);
        *context = NULL;
    }
}

/* libmicrohttpd would now put every pair of the query into the connection's memory, which a
 * thousand pairs fill; then it answers nothing. Ours are in rq already: it sees an empty query.
 * `uri` is its own read buffer. */
static void hide_query(const char *uri)
{
    char *query = (char *)(uintptr_t)strchr(uri, '?');
    if (query)
        query[1] = '\0';
}

void *http__on_uri(void *cls, const char *uri, struct MHD_Connection *mhd)
{
    struct http_server *s = cls;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct conn *c = info ? info->socket_context : NULL;
    if (!c)
        return NULL;
    ASSERT(c->magic == CONN_MAGIC);
    struct err err = ERR_INIT;
    request_over(c);
    c->in_request = 1;
    c->phase = PHASE_NEW;
    c->discard = c->close_after = c->has_body = 0;
    c->body_seen = 0;
    gauge_set(&c->body_bytes, 0);
    c->rq.started_ns = clock_mono_ns();
    gauge_set(&c->since_ms, c->rq.started_ns / 1000000);
    gauge_set(&c->state, CONN_HEADERS);
    (void)gauge_add(&s->busy, 1);
    counter_add(&s->requests, 1);
    int rc = request_set_target(&c->rq, str_of(uri), &err);
    if (rc) {
        http__refuse(c, rc == ERR_LIMIT ? 414 : 400, err.msg);
        c->rq.path = STR("/");
    }
    hide_query(uri);
    return c;
}

struct header_walk {
    struct request *rq;
    size_t cap, bytes, lengths, encodings, hosts;
};

static enum MHD_Result on_header(void *cls, enum MHD_ValueKind kind, const char *key,
                                 const char *value)
{
    struct header_walk *w = cls;
    (void)kind;
    struct request *rq = w->rq;
    if (rq->headers_n == w->cap)
        return MHD_NO;
    size_t n = strlen(key);
    char *name = arena_strndup(&rq->arena, key, n);
    if (!name)
        return MHD_NO;
    for (size_t i = 0; i < n; i++)
        if (name[i] >= 'A' && name[i] <= 'Z')
            name[i] = (char)(name[i] + 32);
    struct pair *p = &rq->headers[rq->headers_n++];
    *p = (struct pair){ { name, n }, str_of(value) };
    w->bytes += n + p->value.n + 4;
    w->lengths += str_is(p->key, "content-length");
    w->encodings += str_is(p->key, "transfer-encoding");
    w->hosts += str_is(p->key, "host");
    return MHD_YES;
}

void http__refuse(struct conn *c, int status, const char *text)
{
    const struct http_server_options *o = &c->server->options;
    request_clear_answer(&c->rq);
    if (!o->refuse) {
        request_answer_text(&c->rq, status, text);
        return;
    }
    c->rq.status = status;
    o->refuse(o->arg, &c->rq, text);
}

/* An answer before any handler ran. */
static void refuse(struct conn *c, int status, const char *text)
{
    if (c->rq.status == 0)
        http__refuse(c, status, text);
}

/* Reads the headers; RFC 9112 §6.1 and §6.3 on what makes a message's length ambiguous. */
static void read_headers(struct conn *c, const char *method, const char *version)
{
    struct request *rq = &c->rq;
    struct header_walk w = { .rq = rq };
    int n = MHD_get_connection_values(c->mhd, MHD_HEADER_KIND, NULL, NULL);
    w.cap = (size_t)MAX(n, 0);
    rq->is_head = strcmp(method, "HEAD") == 0;
    rq->method = rq->is_head ? STR("GET") : arena_str(&rq->arena, str_of(method));
    if (w.cap > LIMIT_HEADER_COUNT) {
        c->close_after = 1;
        refuse(c, 431, "more than 100 header fields");
        return;
    }
    rq->headers = arena_alloc(&rq->arena, (w.cap + 1) * sizeof *rq->headers);
    (void)MHD_get_connection_values(c->mhd, MHD_HEADER_KIND, on_header, &w);
    str_t te = request_header(rq, "transfer-encoding"),
          length = request_header(rq, "content-length");
    if (w.bytes > LIMIT_HEADER_BYTES) {
        c->close_after = 1;
        refuse(c, 431, "the header fields are larger than 32 KiB");
    } else if ((te.p && length.p) || w.lengths > 1 || w.encodings > 1) {
        c->close_after = 1;
        refuse(c, 400,
               "the length of the body is ambiguous: send one Content-Length or Transfer-Encoding: "
               "chunked");
    } else if (w.hosts > 1 || (w.hosts == 0 && strcmp(version, "HTTP/1.1") == 0)) {
        c->close_after = 1;
        refuse(c, 400, "a request has exactly one Host field");
    } else if (te.p && (te.n != 7 || strncasecmp(te.p, "chunked", 7) != 0)) {
        c->close_after = 1;
        refuse(c, 501, "the only Transfer-Encoding here is 'chunked'");
    }
    c->has_body = te.p != NULL || (length.p && !str_is(length, "0"));
    (void)request_id_accept(rq, request_header(rq, "x-request-id"));
}

/* Cuts the base path off; 0 when the path lies outside. */
static int strip_base(struct conn *c)
{
    const char *base = c->server->base_path;
    str_t *path = &c->rq.path;
    if (!base || str_is(*path, "*"))
        return 1;
    size_t n = strlen(base);
    if (!str_starts(*path, base) || (path->n > n && path->p[n] != '/'))
        return 0;
    *path = path->n == n ? STR("/") : (str_t){ path->p + n, path->n - n };
    return 1;
}

static void check_encoding(struct conn *c)
{
    str_t enc = request_header(&c->rq, "content-encoding");
    int gzip = str_is(enc, "gzip") || str_is(enc, "x-gzip");
    if (enc.p && enc.n && !str_is(enc, "identity") && (!gzip || c->plan.spool))
        refuse(c, 415, "the only Content-Encoding of a request here is 'gzip', and none for files");
}

/* Decides about the body: read it, drop it, or answer at once and close. */
static int plan_body(struct conn *c, uint64_t length, int known)
{
    struct request *rq = &c->rq;
    if (!c->has_body)
        return 0;
    if (rq->status == 0 && known && length > c->plan.body_limit) {
        char text[128];
        (void)snprintf(text, sizeof text,
                       c->plan.body_limit ? "the body is %llu bytes; at most %zu are taken here"
                                          : "a body of %llu bytes is not taken here",
                       (unsigned long long)length, c->plan.body_limit);
        refuse(c, 413, text);
    }
    if (rq->status == 0)
        return 0;
    c->discard = 1;
    int expects = request_header(rq, "expect").p != NULL;
    if (expects || c->close_after || (known && length > LIMIT_BODY_DISCARD))
        return 1;
    return 0;
}

static void open_spool(struct conn *c, int64_t expected)
{
    const char *dir = c->server->options.spool_dir;
    const char *usual = getenv("TMPDIR");
    struct err err = ERR_INIT;
    if (!dir)
        dir = usual && *usual ? usual : "/tmp";
    if (spool_open(&c->spool, dir, expected, &err)) {
        refuse(c, 507, err.msg);
        c->discard = 1;
    }
}

/* A full disk is a refusal; the rest of the body is dropped. */
static void spool_body(struct conn *c, const char *data, size_t n)
{
    struct err err = ERR_INIT;
    if (spool_add(&c->spool, data, n, &err)) {
        http__refuse(c, 507, err.msg);
        spool_drop(&c->spool);
        c->discard = 1;
    }
}

static enum MHD_Result begin(struct conn *c, const char *method, const char *version)
{
    struct http_server *s = c->server;
    struct request *rq = &c->rq;
    uint64_t length = 0;
    read_headers(c, method, version);
    str_t text = request_header(rq, "content-length");
    int known = text.p != NULL;
    if (known && parse_u64(text, &length) && rq->status == 0) {
        c->close_after = 1;
        refuse(c, 400, "Content-Length is not a number");
    }
    c->plan = (struct http_plan){ 0 };
    if (rq->status == 0 && !strip_base(c))
        refuse(c, 404, "not found: this server answers under its base path");
    if (rq->status == 0 &&
        !http_guard(rq, (const char *const *)s->hosts, s->options.allowed_origins) &&
        !flag_is_up(&s->stopping))
        s->options.plan(s->options.arg, rq, &c->plan);
    else if (rq->status == 0)
        refuse(c, 503, "the server is stopping");
    if (rq->status == 0)
        check_encoding(c);
    int now = plan_body(c, length, known);
    if (rq->status == 0 && c->plan.spool && c->has_body)
        open_spool(c, known ? (int64_t)MIN(length, (uint64_t)INT64_MAX) : -1);
    if (now || (rq->status && !c->has_body && c->close_after)) {
        c->close_after = 1;
        c->phase = PHASE_READY;
        return http__reply(c);
    }
    c->phase = PHASE_BODY;
    if (c->has_body) {
        buf_clear(&c->body);
        c->body.max_bytes = MAX(c->plan.body_limit, (size_t)1);
        if (known && !c->discard && !c->plan.spool)
            (void)buf_reserve(&c->body, MIN((size_t)length, (size_t)MIB(1)));
        http__set_state(c, CONN_BODY);
    }
    return MHD_YES;
}

static enum MHD_Result take_body(struct conn *c, const char *data, size_t n)
{
    c->body_seen += n;
    gauge_set(&c->body_bytes, (int64_t)MIN(c->body_seen, (size_t)INT64_MAX));
    if (!c->discard && c->body_seen > c->plan.body_limit) {
        char text[96];
        (void)snprintf(text, sizeof text,
                       "the body is larger than the %zu bytes that are taken here",
                       c->plan.body_limit);
        http__refuse(c, 413, text);
        c->discard = 1;
        buf_fini(&c->body);
    }
    if (c->discard)
        return c->body_seen > c->plan.body_limit + LIMIT_BODY_DISCARD ? MHD_NO : MHD_YES;
    if (c->plan.spool) {
        spool_body(c, data, n);
        return MHD_YES;
    }
    buf_put(&c->body, data, n);
    if (c->body.failed) {
        http__refuse(c, 507, "not enough memory for the body");
        c->discard = 1;
    }
    return MHD_YES;
}

/* The whole body is here: inflate it when it is compressed. */
static void finish_body(struct conn *c)
{
    struct request *rq = &c->rq;
    if (!c->has_body || rq->status)
        return;
    if (c->plan.spool) {
        struct err err = ERR_INIT;
        if (spool_finish(&c->spool, &rq->body_fd, &rq->body_bytes, rq->body_digest, &err))
            http__refuse(c, 507, err.msg);
        return;
    }
    str_t enc = request_header(rq, "content-encoding");
    if (c->body.n && enc.p && enc.n && !str_is(enc, "identity")) {
        struct buf plain;
        struct err err = ERR_INIT;
        buf_init(&plain, c->plan.body_limit + 65536);
        int rc = http_gunzip(buf_view(&c->body), c->plan.body_limit, &plain, &err);
        if (rc)
            http__refuse(c, rc == ERR_LIMIT ? 413 : rc == ERR_NOMEM ? 507 : 400, err.msg);
        buf_fini(&c->body);
        c->body = plain;
    }
    rq->body = buf_view(&c->body);
}

static enum MHD_Result run(struct conn *c)
{
    struct http_server *s = c->server;
    finish_body(c);
    http__set_state(c, CONN_BUSY);
    c->phase = PHASE_READY;
    if (c->rq.status)
        return http__reply(c);
    int is_quick = c->plan.where == HTTP_INLINE && c->rq.body.n <= INLINE_BODY_MAX;
    if (is_quick || s->worker_n == 0) {
        s->options.handle(s->options.arg, &c->rq);
        return http__reply(c);
    }
    MHD_suspend_connection(c->mhd);
    if (queue_put(s->jobs, c)) {
        http__refuse(c, 503, "too many requests are waiting: try again in a second");
        request_add_header(&c->rq, "Retry-After", "1");
        MHD_resume_connection(c->mhd);
    }
    return MHD_YES;
}

enum MHD_Result http__on_request(void *cls, struct MHD_Connection *mhd, const char *url,
                                 const char *method, const char *version, const char *data,
                                 size_t *data_n, void **state)
{
    struct conn *c = *state;
    (void)cls, (void)mhd, (void)url;
    if (!c)
        return MHD_NO;
    ASSERT(c->magic == CONN_MAGIC);
    if (c->phase == PHASE_NEW)
        return begin(c, method, version);
    if (*data_n) {
        size_t n = *data_n;
        *data_n = 0;
        return c->phase == PHASE_BODY ? take_body(c, data, n) : MHD_YES;
    }
    return c->phase == PHASE_BODY ? run(c) : http__reply(c);
}

void http__on_done(void *cls, struct MHD_Connection *mhd, void **state,
                   enum MHD_RequestTerminationCode code)
{
    struct conn *c = *state;
    (void)cls, (void)mhd, (void)code;
    if (!c)
        return;
    request_over(c);
    if (c->body.cap > 64 * 1024)
        buf_fini(&c->body);
    (void)gauge_add(&c->served, 1);
    c->phase = PHASE_NEW;
    http__set_state(c, CONN_IDLE);
    *state = NULL;
}
