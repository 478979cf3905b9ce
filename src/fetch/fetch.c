/* SPDX-License-Identifier: Apache-2.0
 * libcurl's easy interface behind fetch(). The functions are looked up once under a lock; the
 * library stays loaded. */
#include "fetch/fetch.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/thread.h"

/* Calls go through these; the type checks of curl's own macros do not apply to pointers. */
#undef curl_easy_setopt
#undef curl_easy_getinfo

static struct {
    CURLcode (*global_init)(long flags);
    CURL *(*easy_init)(void);
    CURLcode (*easy_setopt)(CURL *h, CURLoption option, ...);
    CURLcode (*easy_perform)(CURL *h);
    CURLcode (*easy_getinfo)(CURL *h, CURLINFO info, ...);
    void (*easy_cleanup)(CURL *h);
    struct curl_slist *(*slist_append)(struct curl_slist *list, const char *text);
    void (*slist_free_all)(struct curl_slist *list);
    char *(*version)(void);
} lib;

static pthread_mutex_t load_lock = PTHREAD_MUTEX_INITIALIZER;
static int loaded; /* 0 not tried, 1 yes, -1 no */
static char why[200];

static int look_up(void *handle, const char *name, void *slot)
{
    void *f = dlsym(handle, name);
    memcpy(slot, &f, sizeof f);
    return f != NULL;
}

static void load(void)
{
    static const char *const names[] = { "libcurl-gnutls.so.4", "libcurl.so.4" };
    void *h = NULL;
    for (size_t i = 0; i < ARRAY_LEN(names) && !h; i++)
        h = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    loaded = -1;
    if (!h) {
        (void)snprintf(why, sizeof why,
                       "libcurl cannot be loaded: install the package libcurl3-gnutls");
        return;
    }
    int all = look_up(h, "curl_global_init", &lib.global_init) &
              look_up(h, "curl_easy_init", &lib.easy_init) &
              look_up(h, "curl_easy_setopt", &lib.easy_setopt) &
              look_up(h, "curl_easy_perform", &lib.easy_perform) &
              look_up(h, "curl_easy_getinfo", &lib.easy_getinfo) &
              look_up(h, "curl_easy_cleanup", &lib.easy_cleanup) &
              look_up(h, "curl_slist_append", &lib.slist_append) &
              look_up(h, "curl_slist_free_all", &lib.slist_free_all) &
              look_up(h, "curl_version", &lib.version);
    if (!all || lib.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        (void)snprintf(why, sizeof why, "the installed libcurl is too old or broken");
    else
        loaded = 1;
}

static int ensure_loaded(struct err *err)
{
    AZ(pthread_mutex_lock(&load_lock));
    if (!loaded)
        load();
    int ok = loaded == 1;
    AZ(pthread_mutex_unlock(&load_lock));
    return ok ? 0 : ERR(err, ERR_UNAVAILABLE, "%s", why);
}

const char *fetch_library(struct err *err)
{
    return ensure_loaded(err) ? NULL : lib.version();
}

struct exchange {
    struct arena *a;
    const struct fetch_request *request;
    struct fetch_response *out;
    struct buf body;
    size_t header_cap;
    int stopped, too_large, refused;
};

/* ---- addresses ---- */

struct net4 {
    uint32_t net;
    int bits;
};

/* RFC 6890 and what followed: everything that is not globally reachable, multicast too. */
static int is_public4(uint32_t ip)
{
    static const struct net4 others[] = {
        { 0x00000000, 8 },  { 0x0a000000, 8 },  { 0x64400000, 10 }, { 0x7f000000, 8 },
        { 0xa9fe0000, 16 }, { 0xac100000, 12 }, { 0xc0000000, 24 }, { 0xc0000200, 24 },
        { 0xc0586300, 24 }, { 0xc0a80000, 16 }, { 0xc6120000, 15 }, { 0xc6336400, 24 },
        { 0xcb007100, 24 }, { 0xe0000000, 3 },
    };
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if ((ip ^ others[i].net) >> (32 - others[i].bits) == 0)
            return 0;
    return 1;
}

static uint32_t quad(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Global unicast 2000::/3 without documentation, Teredo, 6to4 of what is not public; and IPv4 in
 * its translated forms. */
static int is_public6(const unsigned char *p)
{
    static const unsigned char mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
    static const unsigned char nat64[12] = { 0, 0x64, 0xff, 0x9b };
    if (memcmp(p, mapped, 12) == 0 || memcmp(p, nat64, 12) == 0)
        return is_public4(quad(p + 12));
    if ((p[0] & 0xe0) != 0x20)
        return 0;
    if (p[0] == 0x20 && p[1] == 0x02)
        return is_public4(quad(p + 2));
    uint32_t head = quad(p);
    return head != 0x20010db8 && (head & 0xfffffe00) != 0x20010000 && (head >> 12) != 0x3fff0;
}

int fetch_is_public(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        return is_public4(ntohl(in.sin_addr.s_addr));
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in;
        memcpy(&in, address, sizeof in);
        return is_public6(in.sin6_addr.s6_addr);
    }
    return 0;
}

/* The address is the resolved one, right before connect: a name cannot change in between. */
static curl_socket_t on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct exchange *x = arg;
    (void)purpose;
    if (!fetch_is_public(&to->addr)) {
        x->refused = 1;
        return CURL_SOCKET_BAD;
    }
    return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    struct exchange *x = arg;
    str_t piece = { p, size * n };
    if (x->request->sink) {
        x->stopped = x->request->sink(x->request->arg, piece) != 0;
        return x->stopped ? 0 : piece.n;
    }
    buf_str(&x->body, piece);
    x->too_large = x->body.failed;
    return x->too_large ? 0 : piece.n;
}

static int on_progress(void *arg, curl_off_t down, curl_off_t down_now, curl_off_t up,
                       curl_off_t up_now)
{
    struct exchange *x = arg;
    (void)down, (void)down_now, (void)up, (void)up_now;
    x->stopped = x->request->waiting(x->request->arg) != 0;
    return x->stopped;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
    struct exchange *x = arg;
    str_t line = { p, size * n }, name, value;
    if (str_starts(line, "HTTP/")) { /* a 100 Continue or the like came before */
        x->out->header_n = 0;
        return line.n;
    }
    if (!str_cut(line, ':', &name, &value) || x->out->header_n == x->header_cap)
        return line.n;
    name = arena_str(x->a, str_trim(name));
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] >= 'A' && name.p[i] <= 'Z')
            ((char *)(uintptr_t)name.p)[i] = (char)(name.p[i] + 32);
    x->out->headers[x->out->header_n++] =
        (struct fetch_header){ name, arena_str(x->a, str_trim(value)) };
    return line.n;
}

static int explain(const struct exchange *x, CURLcode code, const char *detail, struct err *err)
{
    const char *url = x->request->url;
    if (x->too_large)
        return ERR(err, ERR_LIMIT, "the answer of '%.200s' is larger than %zu bytes", url,
                   x->body.max_bytes);
    if (x->stopped)
        return ERR(err, ERR_CANCELLED, "the exchange with '%.200s' was stopped", url);
    if (x->refused)
        return ERR(err, ERR_DENIED, "'%.200s' is not an address of the public internet", url);
    switch (code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return ERR(err, ERR_INVALID, "'%.200s' is not an http:// or https:// URL", url);
    case CURLE_COULDNT_RESOLVE_HOST:
        return ERR(err, ERR_UNAVAILABLE, "the host of '%.200s' is unknown", url);
    case CURLE_COULDNT_CONNECT:
        return ERR(
            err, ERR_UNAVAILABLE,
            "no server answers at '%.200s': start one with 'slipway server', or check the address",
            url);
    case CURLE_OPERATION_TIMEDOUT:
        return ERR(err, ERR_TIMEOUT, "'%.200s' did not answer in time", url);
    default:
        return ERR(err, ERR_UNAVAILABLE, "the exchange with '%.200s' broke off: %s", url, detail);
    }
}

static void set_body(CURL *h, const struct fetch_request *rq, const char *method)
{
    if (rq->body.p) {
        (void)lib.easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)rq->body.n);
        (void)lib.easy_setopt(h, CURLOPT_POSTFIELDS, rq->body.p);
    } else if (strcmp(method, "POST") == 0) {
        (void)lib.easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)0);
        (void)lib.easy_setopt(h, CURLOPT_POSTFIELDS, "");
    }
    if (strcmp(method, "HEAD") == 0)
        (void)lib.easy_setopt(h, CURLOPT_NOBODY, 1L);
    (void)lib.easy_setopt(h, CURLOPT_CUSTOMREQUEST, method);
}

static int run(CURL *h, struct exchange *x, struct err *err)
{
    const struct fetch_request *rq = x->request;
    char detail[CURL_ERROR_SIZE] = "";
    struct curl_slist *list = lib.slist_append(NULL, "Expect:");
    long status = 0;
    for (size_t i = 0; rq->headers && rq->headers[i]; i++)
        list = lib.slist_append(list, rq->headers[i]);
    (void)lib.easy_setopt(h, CURLOPT_URL, rq->url);
    (void)lib.easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)lib.easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    (void)lib.easy_setopt(h, CURLOPT_HTTPHEADER, list);
    (void)lib.easy_setopt(h, CURLOPT_USERAGENT, "slipway/" SLIPWAY_VERSION);
    (void)lib.easy_setopt(h, CURLOPT_ERRORBUFFER, detail);
    (void)lib.easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS,
                          (long)(rq->connect_ms ? rq->connect_ms : 5000));
    (void)lib.easy_setopt(h, CURLOPT_TIMEOUT_MS, (long)rq->timeout_ms);
    (void)lib.easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body);
    (void)lib.easy_setopt(h, CURLOPT_WRITEDATA, x);
    (void)lib.easy_setopt(h, CURLOPT_HEADERFUNCTION, on_header);
    (void)lib.easy_setopt(h, CURLOPT_HEADERDATA, x);
    if (rq->public_only) {
        (void)lib.easy_setopt(h, CURLOPT_OPENSOCKETFUNCTION, on_socket);
        (void)lib.easy_setopt(h, CURLOPT_OPENSOCKETDATA, x);
        (void)lib.easy_setopt(h, CURLOPT_PROXY, "");
    }
    if (rq->waiting) {
        (void)lib.easy_setopt(h, CURLOPT_XFERINFOFUNCTION, on_progress);
        (void)lib.easy_setopt(h, CURLOPT_XFERINFODATA, x);
        (void)lib.easy_setopt(h, CURLOPT_NOPROGRESS, 0L);
    }
    set_body(h, rq, rq->method ? rq->method : "GET");
    CURLcode code = lib.easy_perform(h);
    (void)lib.easy_getinfo(h, CURLINFO_RESPONSE_CODE, &status);
    lib.slist_free_all(list);
    x->out->status = (int)status;
    return code == CURLE_OK ? 0 : explain(x, code, detail, err);
}

int fetch(struct arena *a, const struct fetch_request *request, struct fetch_response *out,
          struct err *err)
{
    struct fetch_response answer = { 0 };
    struct exchange x = {
        .a = a, .request = request, .out = &answer, .header_cap = LIMIT_HEADER_COUNT
    };
    int rc = ensure_loaded(err);
    if (rc)
        return rc;
    CURL *h = lib.easy_init();
    if (!h)
        return ERR(err, ERR_NOMEM, "not enough memory for a connection");
    answer.headers = arena_alloc(a, x.header_cap * sizeof *answer.headers);
    buf_init(&x.body, request->max_bytes ? request->max_bytes : LIMIT_RESPONSE);
    rc = run(h, &x, err);
    lib.easy_cleanup(h);
    if (!rc) {
        char *copy = arena_strndup(a, x.body.p ? x.body.p : "", x.body.n);
        answer.body = (str_t){ copy, x.body.n };
        if (!copy)
            rc = ERR(err, ERR_LIMIT, "the answer of '%.200s' does not fit in memory", request->url);
        else
            *out = answer;
    }
    buf_fini(&x.body);
    return rc;
}

str_t fetch_header(const struct fetch_response *r, const char *name)
{
    for (size_t i = 0; i < r->header_n; i++)
        if (str_is(r->headers[i].name, name))
            return r->headers[i].value;
    return (str_t){ NULL, 0 };
}

char *fetch_escape(struct arena *a, str_t text, int keep_slashes)
{
    static const char hex[] = "0123456789ABCDEF";
    char *out = arena_try_alloc(a, text.n * 3 + 1, 1), *p = out;
    if (!out)
        return arena_strdup(a, "");
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if ((c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') ||
            strchr("-._~", c ? c : '!') || (c == '/' && keep_slashes)) {
            *p++ = (char)c;
        } else {
            *p++ = '%';
            *p++ = hex[c >> 4];
            *p++ = hex[c & 15];
        }
    }
    *p = '\0';
    return out;
}
