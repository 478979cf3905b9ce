/* SPDX-License-Identifier: Apache-2.0
 * Who may talk to the server from a browser: the Host guard against DNS rebinding, the Origin guard
 * against cross-site requests, CORS preflights; and which addresses may be listened on. The rules
 * and texts are those of MLflow's server, so that its clients and proxies behave alike. */
#include "net/http_server.h"

#include <arpa/inet.h>
#include <strings.h>
#include <zlib.h>

#include "base/num.h"

static int str_is_nocase(str_t s, const char *z)
{
    return s.n == strlen(z) && strncasecmp(s.p, z, s.n) == 0;
}

/* Cuts the port off "name:port", "[v6]:port"; the whole text when what follows is no port. */
static str_t host_name(str_t host)
{
    const char *end = host.n && host.p[0] == '[' ? memchr(host.p, ']', host.n) : NULL;
    size_t n = end ? (size_t)(end - host.p) + 1 : str_find(host, ":");
    if (n >= host.n)
        return host;
    for (size_t i = n; i < host.n; i++)
        if (i == n ? host.p[i] != ':' : host.p[i] < '0' || host.p[i] > '9')
            return host;
    return (str_t){ host.p, n };
}

/* 127/8, 10/8, 172.16/12, 192.168/16, 0.0.0.0, ::1, fc00::/7. */
static int is_private_address(str_t name)
{
    char text[INET6_ADDRSTRLEN] = "";
    unsigned char a[16];
    int v6 = name.n > 2 && name.p[0] == '[';
    str_t bare = v6 ? (str_t){ name.p + 1, name.n - 2 } : name;
    if (bare.n == 0 || bare.n >= sizeof text)
        return 0;
    memcpy(text, bare.p, bare.n);
    if (v6) {
        static const unsigned char loopback[16] = { [15] = 1 };
        return inet_pton(AF_INET6, text, a) == 1 &&
               (memcmp(a, loopback, 16) == 0 || (a[0] & 0xfe) == 0xfc);
    }
    if (inet_pton(AF_INET, text, a) != 1)
        return 0;
    return a[0] == 127 || a[0] == 10 || (a[0] == 172 && (a[1] & 0xf0) == 16) ||
           (a[0] == 192 && a[1] == 168) || (a[0] | a[1] | a[2] | a[3]) == 0;
}

int http_host_allowed(str_t host, const char *const *allowed)
{
    str_t name = host_name(host);
    for (; allowed && *allowed; allowed++)
        if (strcmp(*allowed, "*") == 0 || str_is_nocase(host, *allowed) ||
            str_is_nocase(name, *allowed))
            return 1;
    return str_is_nocase(name, "localhost") || is_private_address(name);
}

/* The "host:port" of an origin "scheme://host:port", or an empty view. */
static str_t origin_host(str_t origin)
{
    size_t at = str_find(origin, "://");
    return at == SIZE_MAX ? (str_t){ "", 0 } : (str_t){ origin.p + at + 3, origin.n - at - 3 };
}

int http_origin_allowed(str_t origin, str_t host, const char *const *allowed)
{
    str_t name = host_name(origin_host(origin));
    if (str_is_nocase(name, "localhost") || str_is(name, "127.0.0.1") || str_is(name, "[::1]"))
        return 1;
    if (host.n &&
        str_eq(origin_host(origin), host)) /* same origin; the Host guard saw it already */
        return 1;
    for (; allowed && *allowed; allowed++)
        if (strcmp(*allowed, "*") == 0 || str_is_nocase(origin, *allowed))
            return 1;
    return 0;
}

static int changes_state(str_t method)
{
    return str_is(method, "POST") || str_is(method, "PUT") || str_is(method, "PATCH") ||
           str_is(method, "DELETE");
}

/* An origin that is allowed, and whether a page of it may send cookies: not one that only "*" lets
 * in. */
static void allow_origin(struct request *rq, str_t origin, str_t host, const char *const *origins)
{
    char *text = arena_strndup(&rq->arena, origin.p, origin.n);
    int named = http_origin_allowed(origin, host, NULL);
    for (; origins && *origins; origins++)
        named |= strcmp(*origins, "*") != 0 && str_is_nocase(origin, *origins);
    request_add_header(rq, "Access-Control-Allow-Origin", text ? text : "null");
    if (named)
        request_add_header(rq, "Access-Control-Allow-Credentials", "true");
}

/* The browser's question before a request of a page of another origin; headers and failures as
 * MLflow's server answers, which scripts and proxies in front of it know. */
static void answer_preflight(struct request *rq, str_t origin, str_t host,
                             const char *const *origins)
{
    static const char methods[] = "GET, POST, PUT, DELETE, OPTIONS, PATCH";
    str_t method = request_header(rq, "access-control-request-method");
    str_t wanted = request_header(rq, "access-control-request-headers");
    if (!origin.n || !method.n) { /* no such question */
        request_answer_text(rq, 204, "");
        return;
    }
    int allowed = http_origin_allowed(origin, host, origins);
    int known = str_is(method, "GET") || str_is(method, "OPTIONS") || changes_state(method);
    if (allowed && known)
        request_answer_text(rq, 200, "OK");
    else
        request_answer_text(rq, 400,
                            allowed ? "Disallowed CORS method"
                            : known ? "Disallowed CORS origin"
                                    : "Disallowed CORS origin, method");
    request_add_header(rq, "Vary",
                       "Origin, Access-Control-Request-Method, Access-Control-Request-Headers, "
                       "Access-Control-Request-Private-Network");
    request_add_header(rq, "Access-Control-Allow-Methods", methods);
    request_add_header(rq, "Access-Control-Max-Age", "600");
    if (allowed)
        allow_origin(rq, origin, host, origins);
    if (wanted.n) {
        char *names = arena_strndup(&rq->arena, wanted.p, wanted.n);
        request_add_header(rq, "Access-Control-Allow-Headers", names ? names : "Content-Type");
    }
}

int http_guard(struct request *rq, const char *const *hosts, const char *const *origins)
{
    str_t host = request_header(rq, "host"), origin = request_header(rq, "origin");
    int exempt = str_is(rq->path, "/health") || str_is(rq->path, "/version");
    if (!exempt && !http_host_allowed(host, hosts)) {
        request_answer_text(rq, 403,
                            "Invalid Host header - possible DNS rebinding attack detected");
        return 1;
    }
    int trusted = !origin.n || http_origin_allowed(origin, host, origins);
    if (str_is(rq->method, "OPTIONS")) {
        answer_preflight(rq, origin, host, origins);
        return 1;
    }
    int guarded = str_starts(rq->path, "/api/") || str_starts(rq->path, "/ajax-api/");
    if (guarded && !trusted && changes_state(rq->method)) {
        request_answer_text(rq, 403, "Cross-origin request blocked");
        return 1;
    }
    if (origin.n && trusted) {
        allow_origin(rq, origin, host, origins);
        request_add_header(rq, "Access-Control-Expose-Headers", "*");
        request_add_header(rq, "Vary", "Origin");
        rq->out_kept_n = rq->out_headers_n;
    }
    return 0;
}

int http_listen_parse(const char *listen, char out_host[256], int *out_port, struct err *err)
{
    const char *colon = listen ? strrchr(listen, ':') : NULL;
    uint64_t port;
    if (!colon || parse_u64(str_of(colon + 1), &port) || port > 65535)
        return ERR(err, ERR_INVALID,
                   "'%s' is not an address: write HOST:PORT, for example 127.0.0.1:5000",
                   listen ? listen : "");
    str_t host = { listen, (size_t)(colon - listen) };
    if (host.n > 1 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        host = (str_t){ host.p + 1, host.n - 2 };
    if (host.n >= 256)
        return ERR(err, ERR_INVALID, "the host name in '%.60s…' is longer than 255 bytes", listen);
    memcpy(out_host, host.p, host.n);
    out_host[host.n] = '\0';
    *out_port = (int)port;
    return 0;
}

int http_listen_is_loopback(const char *listen)
{
    char host[256];
    unsigned char a[16];
    int port;
    if (http_listen_parse(listen, host, &port, NULL))
        return 0;
    if (inet_pton(AF_INET, host, a) == 1)
        return a[0] == 127;
    return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0;
}

int http_listen_check(const char *listen, int has_token, int insecure, struct err *err)
{
    char host[256];
    int port, rc = http_listen_parse(listen, host, &port, err);
    if (rc || has_token || insecure || http_listen_is_loopback(listen))
        return rc;
    return ERR(err, ERR_DENIED,
               "'%s' can be reached by other machines: add --token-file FILE, or --insecure to "
               "serve without a token, or listen on 127.0.0.1:%d",
               listen, port);
}

int http_gunzip(str_t in, size_t max_bytes, struct buf *out, struct err *err)
{
    z_stream z = { .next_in = (unsigned char *)(uintptr_t)in.p };
    if (in.n > UINT32_MAX || inflateInit2(&z, 15 + 16) != Z_OK)
        return ERR(err, ERR_NOMEM, "cannot start to inflate the body");
    z.avail_in = (unsigned)in.n;
    int rc = Z_OK;
    while (rc == Z_OK && out->n <= max_bytes) {
        char *to = buf_reserve(out, 32768);
        if (!to)
            break;
        z.next_out = (unsigned char *)to;
        z.avail_out = 32768;
        rc = inflate(&z, Z_NO_FLUSH);
        out->n += 32768 - z.avail_out;
        if (rc == Z_BUF_ERROR || (rc == Z_OK && z.avail_in == 0 && z.avail_out > 0))
            break;
    }
    (void)inflateEnd(&z);
    if (out->failed || out->n > max_bytes)
        return ERR(err, ERR_LIMIT, "the body is larger than %zu bytes after decompression",
                   max_bytes);
    if (rc != Z_STREAM_END)
        return ERR(err, ERR_INVALID, "the body is not a whole gzip stream");
    out->p[out->n] = '\0';
    return 0;
}
