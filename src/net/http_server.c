/* SPDX-License-Identifier: Apache-2.0
 * Start, stop and deadlines of the HTTP server. The reaper thread shuts down sockets whose request
 * line, headers or body come too slowly (a slow-loris peer costs one socket for seconds, never a
 * thread) and asks waiting streams again. */
#include "net/http_int.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"

enum { SERVER_MAGIC = 0x48545450, TICK_MS = 200, LOCK_RANK = 800, TICK_RANK = 790 };

/* ---- listening ---- */

static int listen_error(const char *listen, int port, struct err *err)
{
    int e = errno;
    if (e == EADDRINUSE)
        return ERR(
            err, ERR_CONFLICT,
            "port %d of '%s' is in use: stop the program that holds it, or choose another port",
            port, listen);
    if (e == EACCES)
        return ERR(err, ERR_DENIED, "port %d of '%s' needs privileges: choose a port above 1023",
                   port, listen);
    if (e == EADDRNOTAVAIL)
        return ERR(err, ERR_INVALID, "'%s' is not an address of this machine", listen);
    errno = e;
    return ERR_SYS(err, "cannot listen on '%s'", listen);
}

static int bind_one(const struct addrinfo *ai, int all)
{
    int one = 1, zero = 0,
        fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one,
                     sizeof one); /* inherited by accepted sockets */
    if (ai->ai_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, all ? &zero : &one, sizeof one);
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) || listen(fd, 511)) {
        int e = errno;
        (void)close(fd);
        errno = e;
        return -1;
    }
    return fd;
}

static int bound_port(int fd)
{
    struct sockaddr_storage a = { 0 };
    socklen_t n = sizeof a;
    if (getsockname(fd, (struct sockaddr *)&a, &n))
        return 0;
    return a.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&a)->sin6_port)
                                   : ntohs(((struct sockaddr_in *)&a)->sin_port);
}

/* Returns the listening socket, or a negative error code. */
int http__listen(const char *listen, int *out_port, struct err *err)
{
    char host[256], port_text[16];
    int port, rc = http_listen_parse(listen, host, &port, err);
    if (rc)
        return rc;
    (void)snprintf(port_text, sizeof port_text, "%d", port);
    struct addrinfo hints = { .ai_family = AF_UNSPEC,
                              .ai_socktype = SOCK_STREAM,
                              .ai_flags = AI_PASSIVE };
    struct addrinfo *list = NULL;
    int g = getaddrinfo(host[0] ? host : NULL, port_text, &hints, &list);
    if (g)
        return ERR(err, ERR_INVALID, "'%s' cannot be resolved: %s", listen, gai_strerror(g));
    int fd = -1;
    /* "localhost" gives ::1 first on many machines: IPv4 is tried first, it is what people type. */
    for (int pass = 0; pass < 2 && fd < 0; pass++)
        for (struct addrinfo *ai = list; ai && fd < 0; ai = ai->ai_next)
            if ((ai->ai_family == AF_INET) == (pass == 0))
                fd = bind_one(ai, !host[0]);
    rc = fd < 0 ? listen_error(listen, port, err) : 0;
    freeaddrinfo(list);
    if (rc)
        return rc;
    *out_port = bound_port(fd);
    return fd;
}

/* ---- deadlines ---- */

/* Why the connection must go now, or NULL. */
static const char *overdue(const struct http_server *s, const struct conn *c, int64_t now_ms)
{
    const struct http_server_options *o = &s->options;
    int64_t age = now_ms - gauge_get(&c->since_ms), bytes = gauge_get(&c->body_bytes);
    switch ((enum conn_state)gauge_get(&c->state)) {
    case CONN_IDLE:
        if (flag_is_up(&s->stopping))
            return "stopping";
        if (age > (gauge_get(&c->served) ? o->idle_ms : o->header_ms))
            return "idle";
        break;
    case CONN_HEADERS:
        if (age > o->header_ms)
            return "slow headers";
        break;
    case CONN_BODY:
        if (age > o->body_grace_ms && bytes < age / 1000 * o->body_min_rate)
            return "slow body";
        break;
    case CONN_BUSY:
    case CONN_SENDING: break; /* libmicrohttpd ends a peer that takes nothing for a minute */
    }
    return NULL;
}

/* Whether the peer closed in mid-body and all it sent was read. libmicrohttpd misses the end when
 * it comes together with the last bytes, and would hold the socket and the spool for minutes.
 * Looked at over a while, since the thread may be about to see that the body is whole. */
static int is_gone(const struct http_server *s, struct conn *c, int64_t now_ms)
{
    int64_t bytes = gauge_get(&c->body_bytes), before = c->seen_bytes;
    char one;
    c->seen_bytes = bytes;
    if (gauge_get(&c->state) != CONN_BODY || bytes != before ||
        recv(c->fd, &one, 1, MSG_PEEK | MSG_DONTWAIT) != 0) {
        c->ended_ms = 0;
        return 0;
    }
    if (!c->ended_ms)
        c->ended_ms = now_ms;
    return now_ms - c->ended_ms >= s->options.gone_ms;
}

/* The same of a peer that closed between two requests; a second is time enough for the library to
 * see it by itself. Each is looked at once in five turns. */
static int has_left(const struct conn *c, int64_t now_ms)
{
    char one;
    return gauge_get(&c->state) == CONN_IDLE && gauge_get(&c->served) &&
           now_ms - gauge_get(&c->since_ms) > 1000 && now_ms / TICK_MS % 5 == 0 &&
           recv(c->fd, &one, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void *reaper_main(void *arg)
{
    struct http_server *s = arg;
    while (!flag_is_up(&s->reaper_stop)) {
        lock_take(&s->tick_lock);
        (void)cond_wait_ms(&s->tick, &s->tick_lock, TICK_MS);
        lock_drop(&s->tick_lock);
        int64_t now = http__now_ms();
        lock_take(&s->lock);
        for (struct conn *c = s->conns; c; c = c->next) {
            if (c->fd >= 0 && (overdue(s, c, now) || is_gone(s, c, now) || has_left(c, now))) {
                counter_add(&s->reaped, 1);
                (void)shutdown(c->fd, SHUT_RDWR); /* it is open until http__on_connection says so */
                gauge_set(&c->since_ms, now);
            }
        }
        http__streams_tick(s, now);
        lock_drop(&s->lock);
    }
    return NULL;
}

/* ---- start and stop ---- */

static void set_defaults(struct http_server *s)
{
    struct http_server_options *o = &s->options;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (o->threads <= 0)
        o->threads = (int)MIN(MAX(cores, 1), 8);
    o->connections = o->connections ? o->connections : LIMIT_CONNECTIONS;
    o->header_ms = o->header_ms ? o->header_ms : 10000;
    o->idle_ms = o->idle_ms ? o->idle_ms : 75000;
    o->body_grace_ms = o->body_grace_ms ? o->body_grace_ms : 10000;
    o->gone_ms = o->gone_ms ? o->gone_ms : 5000;
    o->body_min_rate = o->body_min_rate ? o->body_min_rate : 500;
}

static void copy_names(struct http_server *s)
{
    char host[256] = "";
    int port;
    size_t n = 0;
    const char *const *given = s->options.allowed_hosts;
    while (given && given[n])
        n++;
    s->hosts = mem_alloc((n + 2) * sizeof *s->hosts);
    for (size_t i = 0; i < n; i++)
        s->hosts[i] = mem_strdup(given[i]);
    /* A name or public address that the server was told to listen on is a name of the server. */
    if (http_listen_parse(s->options.listen, host, &port, NULL) == 0 && host[0])
        s->hosts[n] = mem_strdup(host);
    const char *base = s->options.base_path;
    size_t length = base ? strlen(base) : 0;
    while (length && base[length - 1] == '/')
        length--;
    s->base_path = length ? mem_strndup(base, length) : NULL;
}

static void set_url(struct http_server *s)
{
    char host[256] = "";
    int port;
    IGNORE(http_listen_parse(s->options.listen, host, &port, NULL));
    if (!host[0] || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0)
        (void)snprintf(host, sizeof host, "127.0.0.1");
    (void)snprintf(s->url, sizeof s->url, strchr(host, ':') ? "http://[%s]:%d%s" : "http://%s:%d%s",
                   host, s->port, s->base_path ? s->base_path : "");
}

static size_t no_unescape(void *cls, struct MHD_Connection *mhd, char *text)
{
    (void)cls, (void)mhd;
    return strlen(text);
}

static void server_free(struct http_server *s)
{
    queue_free(s->jobs);
    lock_fini(&s->lock);
    lock_fini(&s->tick_lock);
    cond_fini(&s->tick);
    for (size_t i = 0; s->hosts && s->hosts[i]; i++)
        mem_free(s->hosts[i]);
    mem_free(s->hosts);
    mem_free(s->workers);
    mem_free(s->base_path);
    s->magic = 0;
    mem_free(s);
}

static struct MHD_Daemon *start_daemon(struct http_server *s, int fd)
{
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_TURBO;
    unsigned threads = (unsigned)s->options.threads;
    return MHD_start_daemon(
        flags, 0, NULL, NULL, http__on_request, s, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_THREAD_POOL_SIZE, threads > 1 ? threads : 0u, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)MAX(s->options.connections, s->options.threads), MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)(s->options.idle_ms / 1000 + 30), MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)(LIMIT_HEADER_BYTES + LIMIT_URL_BYTES + KIB(4)), MHD_OPTION_URI_LOG_CALLBACK,
        http__on_uri, s, MHD_OPTION_UNESCAPE_CALLBACK, no_unescape, s, MHD_OPTION_NOTIFY_CONNECTION,
        http__on_connection, s, MHD_OPTION_NOTIFY_COMPLETED, http__on_done, s,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
}

int http_server_start(struct http_server **out, const struct http_server_options *options,
                      struct err *err)
{
    struct http_server *s = mem_alloc(sizeof *s);
    s->magic = SERVER_MAGIC;
    s->quiet_fd = -1;
    s->options = *options;
    set_defaults(s);
    lock_init(&s->lock, "http", LOCK_RANK);
    lock_init(&s->tick_lock, "http tick", TICK_RANK);
    cond_init(&s->tick);
    s->jobs = queue_new("http jobs", LIMIT_WORKER_QUEUE);
    copy_names(s);
    int fd = http__listen(options->listen, &s->port, err);
    int rc = fd < 0 ? fd : 0;
    if (!rc) {
        set_url(s);
        rc = http__start_threads(s, err);
    }
    if (!rc) {
        s->daemon = start_daemon(s, fd);
        if (!s->daemon)
            rc = ERR(err, ERR_INTERNAL,
                     "cannot start the HTTP threads on '%s': too few file descriptors or too "
                     "little memory",
                     options->listen);
    }
    if (!rc) {
        rc = thread_start(&s->reaper, "http-reaper", reaper_main, s, err);
        s->reaper_on = rc == 0;
    }
    if (rc) {
        if (!s->daemon && fd >= 0)
            (void)close(fd);
        http_server_stop(s, 0);
        return rc;
    }
    *out = s;
    return 0;
}

const char *http_server_url(const struct http_server *s)
{
    return s->url;
}

int http_server_port(const struct http_server *s)
{
    return s->port;
}

void http_server_stats(const struct http_server *s, struct http_stats *out)
{
    *out = (struct http_stats){ .connections = gauge_get(&s->connections),
                                .busy = gauge_get(&s->busy),
                                .queued = (int64_t)queue_length(s->jobs),
                                .accepted = counter_get(&s->accepted),
                                .requests = counter_get(&s->requests),
                                .reaped = counter_get(&s->reaped) };
}

int http_server_stopping(const struct http_server *s)
{
    return flag_is_up(&s->draining);
}

void http_server_drain(struct http_server *s)
{
    flag_raise(&s->draining);
}

static void end_reaper(struct http_server *s)
{
    if (!s->reaper_on)
        return;
    flag_raise(&s->reaper_stop);
    lock_take(&s->tick_lock);
    cond_signal(&s->tick);
    lock_drop(&s->tick_lock);
    thread_join(s->reaper);
    s->reaper_on = 0;
}

void http_server_halt(struct http_server *s, int64_t grace_ms)
{
    if (!s)
        return;
    ASSERT(s->magic == SERVER_MAGIC);
    flag_raise(&s->draining);
    if (s->daemon && !flag_is_up(&s->stopping)) {
        /* No longer listens, but stays open: libmicrohttpd still takes it out of its epoll sets and
         * ends the process when it cannot. */
        s->quiet_fd = MHD_quiesce_daemon(s->daemon);
        if (s->quiet_fd >= 0)
            (void)shutdown(s->quiet_fd, SHUT_RDWR);
        flag_raise(&s->stopping);
        int64_t until = http__now_ms() + grace_ms;
        while (gauge_get(&s->busy) > 0 && http__now_ms() < until)
            (void)usleep(5000);
    }
    end_reaper(s);
    http__stop_threads(s); /* after this no worker touches a connection */
    if (s->daemon) {
        lock_take(&s->lock);
        http__streams_tick(s, http__now_ms());
        lock_drop(&s->lock);
        MHD_stop_daemon(s->daemon);
        s->daemon = NULL;
    }
    fd_auto(&s->quiet_fd);
}

void http_server_stop(struct http_server *s, int64_t grace_ms)
{
    if (!s)
        return;
    http_server_halt(s, grace_ms);
    server_free(s);
}
