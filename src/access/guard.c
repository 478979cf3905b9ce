/* SPDX-License-Identifier: Apache-2.0
 * The decisions of guard.h. Pure functions. */
#include "access/guard.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <strings.h>

/* "name:port", "[v6]:port" or a bare name, without the port and the brackets. */
static str_t without_port(str_t host)
{
    if (host.n && host.p[0] == '[') {
        size_t end = str_find(host, "]");
        return end == SIZE_MAX ? host : (str_t){ host.p + 1, end - 1 };
    }
    str_t before, after;
    if (str_cut(host, ':', &before, &after) && str_find(after, ":") == SIZE_MAX)
        return before;
    return host;
}

static int same_text(str_t a, str_t b)
{
    return a.n == b.n && strncasecmp(a.p, b.p, a.n) == 0;
}

static int to_text(str_t s, char out[64])
{
    if (!s.n || s.n >= 64)
        return 0;
    memcpy(out, s.p, s.n);
    out[s.n] = '\0';
    return 1;
}

int guard_host_is_loopback(str_t host)
{
    char text[64];
    unsigned char v4[4], v6[16];
    str_t name = without_port(host);
    if (same_text(name, STR("localhost")))
        return 1;
    if (!to_text(name, text))
        return 0;
    if (inet_pton(AF_INET, text, v4) == 1)
        return v4[0] == 127;
    return inet_pton(AF_INET6, text, v6) == 1 && memcmp(v6, &in6addr_loopback, 16) == 0;
}

/* 1 private address, 2 another address, 0 a name. */
static int address_kind(str_t name)
{
    char text[64];
    unsigned char v4[4], v6[16];
    if (!to_text(name, text))
        return 0;
    if (inet_pton(AF_INET, text, v4) == 1) {
        int is_private = v4[0] == 10 || (v4[0] == 192 && v4[1] == 168) ||
                         (v4[0] == 172 && (v4[1] & 0xf0) == 16) ||
                         (v4[0] | v4[1] | v4[2] | v4[3]) == 0;
        return is_private ? 1 : 2;
    }
    if (inet_pton(AF_INET6, text, v6) == 1)
        return (v6[0] & 0xfe) == 0xfc ? 1 : 2;
    return 0;
}

int guard_listen(const struct guard *g, str_t host, struct err *err)
{
    if (g->tokens || g->insecure || guard_host_is_loopback(host))
        return 0;
    return ERR(err, ERR_DENIED,
               "listening on '%.*s' is open to the network: give --token-file FILE, or --insecure "
               "if that is wanted",
               STR_ARG(host));
}

static int listed(const char *const *list, size_t n, str_t item)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i], "*") == 0 || same_text(item, str_of(list[i])))
            return 1;
    return 0;
}

int guard_host(const struct guard *g, str_t host, str_t path, struct err *err)
{
    str_t name = without_port(host);
    if (str_is(path, "/health") || str_is(path, "/version"))
        return 0;
    if (guard_host_is_loopback(host) || listed(g->hosts, g->host_n, host) ||
        listed(g->hosts, g->host_n, name))
        return 0;
    int kind = address_kind(name);
    if (kind == 1 || (kind == 2 && (g->insecure || g->tokens)))
        return 0;
    return ERR(
        err, ERR_DENIED,
        "Host '%.*s' is not a name of this server (a guard against DNS rebinding); reach it by "
        "address or allow the name with --allowed-host",
        (int)MIN(host.n, (size_t)120), host.p);
}

int guard_origin(const struct guard *g, str_t method, str_t origin, str_t host, struct err *err)
{
    if (!origin.n || str_is(method, "GET") || str_is(method, "HEAD") || str_is(method, "OPTIONS"))
        return 0;
    size_t at = str_find(origin, "://");
    str_t from = at == SIZE_MAX ? origin : (str_t){ origin.p + at + 3, origin.n - at - 3 };
    if (at != SIZE_MAX && (same_text(from, host) || guard_host_is_loopback(from)))
        return 0;
    if (listed(g->origins, g->origin_n, origin))
        return 0;
    return ERR(err, ERR_DENIED,
               "a page from '%.*s' may not change anything here (cross-origin request)",
               (int)MIN(origin.n, (size_t)120), origin.p);
}

int guard_permit(const struct guard *g, const char *permission, str_t authorization,
                 struct identity *out, struct err *err)
{
    *out = (struct identity){ .role = ACCESS_NONE };
    (void)snprintf(out->actor, sizeof out->actor, "anonymous");
    if (!g->tokens) {
        out->role = ACCESS_ADMIN;
        return 0;
    }
    str_t word = { NULL, 0 }, secret = { NULL, 0 };
    if (str_cut(str_trim(authorization), ' ', &word, &secret) && same_text(word, STR("bearer")))
        out->role = tokens_check(g->tokens, str_trim(secret), out->actor);
    if (strcmp(permission, "public") == 0)
        return 0;
    if (out->role == ACCESS_NONE) {
        out->must_log_in = 1;
        return ERR(err, ERR_DENIED,
                   authorization.n ? "this token is not known here"
                                   : "a token is needed: send 'Authorization: Bearer …'");
    }
    const struct permission *p = permission_find(permission);
    if (!p || out->role < p->role)
        return ERR(err, ERR_DENIED, "role %s may not do this: '%s' needs role %s",
                   access_role_name(out->role), permission,
                   p ? access_role_name(p->role) : "admin");
    return 0;
}
