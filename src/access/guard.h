/* SPDX-License-Identifier: Apache-2.0
 * Decisions at the door, as pure functions over header values: may this listener start, is the Host
 * header one of ours (DNS rebinding), may this Origin write (cross-site requests), who is asking
 * and may they. The caller (api/) fetches the headers and turns a refusal into its protocol's
 * answer. A struct guard is immutable after guard_init; any thread. */
#pragma once
#include "access/token.h"

enum { GUARD_HOSTS_MAX = 32 };

struct guard {
    const struct tokens *tokens;        /* NULL = no log-in; borrowed */
    int insecure;                       /* --insecure: an open listener without tokens is wanted */
    const char *hosts[GUARD_HOSTS_MAX]; /* more names under which we are reached; "*" = any */
    size_t host_n;
    const char *origins[GUARD_HOSTS_MAX]; /* more origins that may write; "*" = any */
    size_t origin_n;
};

/* Whose request it is. */
struct identity {
    enum access_role role;
    char actor[TOKEN_ACTOR_MAX]; /* "token:…" or "anonymous" */
    int must_log_in;             /* refused because no valid token came: answer 401, not 403 */
};

/* 1 for 127.0.0.0/8, ::1 and localhost. */
int guard_host_is_loopback(str_t host);

/* May a listener on that address start? ERR_DENIED says that --token-file or --insecure is needed.
 */
int guard_listen(const struct guard *g, str_t host, struct err *err) WARN_UNUSED;

/* Host header (with or without port). Allowed: loopback names, private addresses (10/8, 172.16/12,
 * 192.168/16, fc00::/7), and the guard's own list; /health and /version answer to any name. With
 * `insecure` any address is allowed but still no foreign name. */
int guard_host(const struct guard *g, str_t host, str_t path, struct err *err) WARN_UNUSED;

/* Origin header of a request that may change something (any method but GET, HEAD, OPTIONS): absent,
 * the same host as the Host header, loopback, or in the list. */
int guard_origin(const struct guard *g, str_t method, str_t origin, str_t host,
                 struct err *err) WARN_UNUSED;

/* Authorization header against a permission. Without a token file everybody is "anonymous" and may
 * all. `*out` is filled also on refusal. */
int guard_permit(const struct guard *g, const char *permission, str_t authorization,
                 struct identity *out, struct err *err) WARN_UNUSED;
