/* SPDX-License-Identifier: Apache-2.0
 * Outgoing HTTP through libcurl, which is loaded on first use, so that a process that calls nobody
 * does not pay for it. One request is one call; it blocks. Any thread. Redirects are not followed.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"

struct fetch_request {
    const char *method;         /* NULL = GET */
    const char *url;            /* http:// or https:// */
    const char *const *headers; /* "Name: value", NULL-terminated, or NULL */
    str_t body;                 /* sent when p is not NULL */
    int64_t connect_ms;         /* 0 = 5 s */
    int64_t timeout_ms;         /* whole exchange; 0 = none */
    size_t max_bytes;           /* of the answer's body; 0 = LIMIT_RESPONSE; ERR_LIMIT past it */
    /* Refuses, when it connects, every address that is not public: loopback, private, link-local,
     * reserved; proxies of the environment are not used then. ERR_DENIED. */
    int public_only;
    /* When set, gets the body piece by piece instead of response.body; non-zero ends the exchange
     * with ERR_CANCELLED. Called for answers of every status. */
    int (*sink)(void *arg, str_t piece);
    /* When set, is called about once a second while the exchange goes on; non-zero ends it with
     * ERR_CANCELLED. */
    int (*waiting)(void *arg);
    void *arg;
};

struct fetch_header {
    str_t name; /* lower case */
    str_t value;
};

struct fetch_response {
    int status;
    struct fetch_header *headers; /* in the arena */
    size_t header_n;
    str_t body; /* in the arena, NUL-terminated */
};

/* 0 whenever an HTTP answer came, whatever its status. ERR_UNAVAILABLE: nobody answers there, or
 * libcurl is not installed; ERR_TIMEOUT; ERR_LIMIT; ERR_INVALID for a malformed URL. */
int fetch(struct arena *a, const struct fetch_request *request, struct fetch_response *out,
          struct err *err) WARN_UNUSED;
/* Value of a header (lower-case name), p NULL when absent. */
str_t fetch_header(const struct fetch_response *r, const char *name);
/* Percent-encodes everything but letters, digits and "-._~"; '/' stays when keep_slashes. */
char *fetch_escape(struct arena *a, str_t text, int keep_slashes);
/* Is an address (AF_INET or AF_INET6 sockaddr) one of the public internet? For tests too. */
struct sockaddr;
int fetch_is_public(const struct sockaddr *address);
/* Version text of libcurl, or NULL with err when it cannot be loaded: for `slipway doctor`. */
const char *fetch_library(struct err *err);
