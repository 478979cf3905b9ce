/* SPDX-License-Identifier: Apache-2.0
 * The life of a struct request, its look-ups, and the reading of URL targets (RFC 3986, and
 * application/x-www-form-urlencoded for the query, where '+' is a blank). */
#include "net/request.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/num.h"
#include "base/rng.h"

enum { KEEP_BUFFER = 64 * 1024 }; /* larger buffers are given back between requests */

void request_init(struct request *rq)
{
    memset(rq, 0, sizeof *rq);
    rq->magic = REQUEST_MAGIC;
    arena_init(&rq->arena, LIMIT_ARENA_REQUEST);
    buf_init(&rq->out, LIMIT_RESPONSE);
    rq->actor = "anonymous";
    rq->project = "default";
    rq->remote = "local";
    rq->body_fd = -1;
    rq->out_fd = -1;
    rq->started_ns = clock_mono_ns();
}

static void close_files(struct request *rq)
{
    if (rq->body_fd >= 0)
        (void)close(rq->body_fd);
    if (rq->out_fd >= 0)
        (void)close(rq->out_fd);
    rq->body_fd = rq->out_fd = -1;
}

void request_fini(struct request *rq)
{
    if (rq->magic != REQUEST_MAGIC)
        return;
    close_files(rq);
    arena_fini(&rq->arena);
    buf_fini(&rq->out);
    rq->magic = 0;
}

void request_reset(struct request *rq)
{
    ASSERT(rq->magic == REQUEST_MAGIC);
    close_files(rq);
    if (rq->arena.used_bytes > KEEP_BUFFER)
        arena_fini(&rq->arena);
    else
        arena_reset(&rq->arena);
    if (rq->out.cap > KEEP_BUFFER)
        buf_fini(&rq->out);
    buf_clear(&rq->out);
    struct arena arena = rq->arena;
    struct buf out = rq->out;
    const char *remote = rq->remote;
    void *app = rq->app;
    const struct request_ops *ops = rq->ops;
    *rq = (struct request){ .magic = REQUEST_MAGIC,
                            .arena = arena,
                            .out = out,
                            .remote = remote,
                            .app = app,
                            .ops = ops,
                            .actor = "anonymous",
                            .project = "default",
                            .body_fd = -1,
                            .out_fd = -1 };
}

const char *request_id(struct request *rq)
{
    if (!rq->id[0])
        uuid7_quick(rq->id);
    return rq->id;
}

int request_id_accept(struct request *rq, str_t id)
{
    if (id.n == 0 || id.n >= sizeof rq->id)
        return 0;
    for (size_t i = 0; i < id.n; i++) {
        char c = id.p[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              c == '-' || c == '_' || c == '.'))
            return 0;
    }
    memcpy(rq->id, id.p, id.n);
    rq->id[id.n] = '\0';
    return 1;
}

void request_wake(struct request *rq)
{
    if (rq->ops && rq->ops->wake)
        rq->ops->wake(rq);
}

static str_t pair_find(const struct pair *pairs, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (str_is(pairs[i].key, name))
            return pairs[i].value;
    return (str_t){ NULL, 0 };
}

str_t request_query(const struct request *rq, const char *name)
{
    return pair_find(rq->query, rq->query_n, name);
}

str_t request_header(const struct request *rq, const char *name)
{
    return pair_find(rq->headers, rq->headers_n, name);
}

str_t request_param(const struct request *rq, const char *name)
{
    str_t v = pair_find(rq->params, rq->params_n, name);
    ASSERT(v.p != NULL);
    return v;
}

int64_t request_query_int(const struct request *rq, const char *name, int64_t fallback, int64_t min,
                          int64_t max, struct err *err)
{
    str_t text = request_query(rq, name);
    int64_t v;
    if (!text.p || text.n == 0)
        return fallback;
    if (parse_i64(text, &v) || v < min || v > max) {
        (void)ERR(err, ERR_INVALID,
                  "query parameter '%s' must be a whole number from %lld to %lld, not '%.*s'", name,
                  (long long)min, (long long)max, (int)MIN(text.n, (size_t)80), text.p);
        return fallback;
    }
    return v;
}

void request_add_header(struct request *rq, const char *name, const char *value)
{
    ASSERT(rq->out_headers_n < ARRAY_LEN(rq->out_headers));
    char *copy = arena_strndup(&rq->arena, value, strlen(value));
    if (!copy)
        return;
    for (char *p = copy; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = ' ';
    rq->out_headers[rq->out_headers_n++] = (struct pair){ str_of(name), str_of(copy) };
}

void request_clear_answer(struct request *rq)
{
    if (rq->out_fd >= 0)
        (void)close(rq->out_fd);
    rq->out_fd = -1;
    rq->out_headers_n = MIN(rq->out_kept_n, rq->out_headers_n);
    rq->content_type = NULL;
    rq->status = 0;
    buf_clear(&rq->out);
}

void request_answer_text(struct request *rq, int status, const char *text)
{
    request_clear_answer(rq);
    rq->status = status;
    rq->content_type = "text/plain; charset=utf-8";
    buf_puts(&rq->out, text);
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Decodes %XX (and '+' in a query) into the arena. */
static int decode(struct request *rq, str_t in, int plus, str_t *out, struct err *err)
{
    char *to = arena_try_alloc(&rq->arena, in.n + 1, 1);
    size_t n = 0;
    if (!to)
        return ERR(err, ERR_LIMIT, "the URL does not fit in the memory of a request");
    for (size_t i = 0; i < in.n; i++) {
        int c = (unsigned char)in.p[i];
        if (c == '%') {
            int high = i + 2 < in.n ? hex_value(in.p[i + 1]) : -1;
            int low = i + 2 < in.n ? hex_value(in.p[i + 2]) : -1;
            if (high < 0 || low < 0)
                return ERR(err, ERR_INVALID,
                           "malformed percent escape in the URL at byte %zu: write '%%25' for a "
                           "percent sign",
                           i);
            c = high << 4 | low;
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        if (c == 0 || (!plus && (c < 0x20 || c == 0x7f)))
            return ERR(err, ERR_INVALID, "the URL contains a control byte");
        to[n++] = (char)c;
    }
    *out = (str_t){ to, n };
    if (!str_is_utf8(*out))
        return ERR(err, ERR_INVALID, "the URL is not valid UTF-8 after decoding");
    return 0;
}

static int parse_query(struct request *rq, str_t text, struct err *err)
{
    size_t n = text.n ? 1 : 0;
    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == '&';
    if (n > LIMIT_QUERY_PAIRS)
        return ERR(err, ERR_LIMIT, "the URL has more than %d query parameters", LIMIT_QUERY_PAIRS);
    rq->query = n ? arena_alloc(&rq->arena, n * sizeof *rq->query) : NULL;
    rq->query_n = 0;
    while (text.n) {
        str_t one = text, rest = { NULL, 0 }, key, value = STR("");
        (void)str_cut(text, '&', &one, &rest);
        text = rest;
        if (one.n == 0)
            continue;
        key = one;
        (void)str_cut(one, '=', &key, &value);
        struct pair *pair = &rq->query[rq->query_n];
        int rc = decode(rq, key, 1, &pair->key, err);
        if (!rc)
            rc = decode(rq, value, 1, &pair->value, err);
        if (rc)
            return rc;
        rq->query_n++;
    }
    return 0;
}

/* The path and query of "http://host/path?query". */
static str_t without_authority(str_t target)
{
    for (int https = 0; https < 2; https++) {
        const char *scheme = https ? "https://" : "http://";
        if (!str_starts(target, scheme))
            continue;
        size_t n = strlen(scheme);
        while (n < target.n && target.p[n] != '/' && target.p[n] != '?')
            n++;
        return (str_t){ target.p + n, target.n - n };
    }
    return target;
}

int request_set_target(struct request *rq, str_t target, struct err *err)
{
    if (target.n > LIMIT_URL_BYTES)
        return ERR(err, ERR_LIMIT, "the URL is longer than %zu bytes", LIMIT_URL_BYTES);
    target = without_authority(target);
    str_t path = target, query = STR("");
    size_t hash = str_find(path, "#");
    if (hash != SIZE_MAX)
        path.n = target.n = hash;
    (void)str_cut(target, '?', &path, &query);
    if (path.n == 0)
        path = STR("/");
    int rc = decode(rq, path, 0, &rq->path, err);
    if (!rc && rq->path.p[0] != '/' && !str_is(rq->path, "*"))
        rc = ERR(err, ERR_INVALID, "the path of a URL starts with '/'");
    return rc ? rc : parse_query(rq, query, err);
}
