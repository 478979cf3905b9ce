/* SPDX-License-Identifier: Apache-2.0
 * Route matching, permission check, dispatch and the native error form. No state but the access
 * function, which is set before the first request; any thread. */
#include "api/route.h"

#include <stdio.h>
#include <unistd.h>

#include "access/permission.h"
#include "api/app.h"
#include "base/limits.h"
#include "base/log.h"

enum { BASE_PATH_MAX = 200, HOST_MAX = 260 };

static route_access_fn access_fn;

void route_set_access(route_access_fn fn)
{
    access_fn = fn;
}

/* ---- matching ---- */

/* Where the value of a parameter ends: at the next '/', or, when ':' follows it in the pattern, at
 * the last ':' of the segment; a "*" parameter takes all. */
static const char *value_end(const char *path, const char *end, int rest, char follows)
{
    if (rest)
        return end;
    const char *slash = memchr(path, '/', (size_t)(end - path));
    const char *stop = slash ? slash : end;
    if (follows != ':')
        return stop;
    const char *colon = memrchr(path, ':', (size_t)(stop - path));
    return colon ? colon : NULL;
}

/* 1 when the path has the pattern's form; params may be NULL. */
static int matches(const char *pattern, str_t path, struct pair *params, size_t *out_n)
{
    const char *p = pattern, *at = path.p, *end = path.p + path.n;
    size_t n = 0;
    while (*p) {
        if (*p != '{') {
            if (at == end || *at != *p)
                return 0;
            p++, at++;
            continue;
        }
        const char *close = strchr(p, '}');
        int rest = close[-1] == '*';
        const char *stop = value_end(at, end, rest, close[1]);
        if (!stop || (stop == at && !rest))
            return 0;
        ASSERT(n < REQUEST_PARAMS_MAX);
        if (params)
            params[n] = (struct pair){ { p + 1, (size_t)(close - p) - 1 - (size_t)rest },
                                       { at, (size_t)(stop - at) } };
        n++;
        at = stop;
        p = close + 1;
    }
    if (at != end)
        return 0;
    *out_n = n;
    return 1;
}

/* 1 when the last segment names a verb, "name:verb". */
static int has_verb(str_t path)
{
    const char *slash = memrchr(path.p, '/', path.n);
    const char *from = slash ? slash : path.p;
    return memchr(from, ':', path.n - (size_t)(from - path.p)) != NULL;
}

/* ---- did you mean ---- */

static str_t segment(str_t *rest)
{
    str_t one, after;
    if (rest->n && rest->p[0] == '/')
        *rest = (str_t){ rest->p + 1, rest->n - 1 };
    if (!str_cut(*rest, '/', &one, &after)) {
        one = *rest;
        after = (str_t){ rest->p + rest->n, 0 };
    } else {
        after = (str_t){ one.p + one.n, after.n + 1 };
    }
    *rest = after;
    return one;
}

/* Adds up the distance of two segments and writes the corrected one; > 2 = too far. */
static int compare_segment(str_t want, str_t got, struct buf *out)
{
    str_t want_head = want, want_verb = { NULL, 0 }, got_head = got, got_verb = { NULL, 0 };
    int verb = str_starts(want, "{") && str_cut(want, ':', &want_head, &want_verb);
    if (str_starts(want, "{") && !verb) {
        buf_str(out, got);
        return 0;
    }
    if (!verb) {
        buf_str(out, want);
        return str_distance(want, got, 2);
    }
    if (!str_cut(got, ':', &got_head, &got_verb))
        return 3;
    buf_str(out, got_head);
    buf_putc(out, ':');
    buf_str(out, want_verb);
    return str_distance(want_verb, got_verb, 2);
}

static int distance(const char *pattern, str_t path, struct buf *out)
{
    str_t want = str_of(pattern), got = path;
    int sum = 0;
    while (want.n && got.n && sum <= 2) {
        buf_putc(out, '/');
        str_t w = segment(&want), g = segment(&got);
        sum += compare_segment(w, g, out);
    }
    return want.n || got.n ? 3 : sum;
}

/* The nearest path that some route answers, in the arena, or NULL. */
static const char *nearest_path(const struct route_table *const *tables, size_t n,
                                struct request *rq)
{
    const char *found = NULL;
    int best = 3;
    struct buf b;
    buf_init(&b, LIMIT_URL_BYTES * 2);
    for (size_t t = 0; t < n; t++) {
        for (size_t i = 0; i < tables[t]->n; i++) {
            const char *pattern = tables[t]->routes[i].pattern;
            buf_clear(&b);
            int d = strchr(pattern, '*') ? 3 : distance(pattern, rq->path, &b);
            if (d > 0 && d < best && !b.failed) {
                best = d;
                found = arena_strndup(&rq->arena, b.p, b.n);
            }
        }
    }
    buf_fini(&b);
    return found;
}

/* ---- finding ---- */

static size_t common_segments(const char *pattern, str_t path)
{
    str_t want = str_of(pattern), got = path;
    size_t n = 0;
    while (want.n && got.n && str_eq(segment(&want), segment(&got)))
        n++;
    return n;
}

/* The table whose error form fits a path that no route has: the one that shares most of it. */
static const struct route_table *nearest_table(const struct route_table *const *tables, size_t n,
                                               str_t path)
{
    const struct route_table *found = n ? tables[0] : NULL;
    size_t best = 0;
    for (size_t t = 0; t < n; t++) {
        for (size_t i = 0; i < tables[t]->n; i++) {
            size_t same = common_segments(tables[t]->routes[i].pattern, path);
            if (same > best) {
                best = same;
                found = tables[t];
            }
        }
    }
    return found;
}

static void add_method(struct buf *allow, const char *method)
{
    if (strstr(allow->p ? allow->p : "", method))
        return;
    buf_printf(allow, "%s%s", allow->n ? ", " : "", method);
    if (strcmp(method, "GET") == 0)
        buf_puts(allow, ", HEAD");
}

static int refuse(const struct route_table *const *tables, size_t n, struct request *rq,
                  struct buf *allow, struct err *err)
{
    int length = (int)MIN(rq->path.n, (size_t)200);
    if (allow->n) {
        request_add_header(rq, "Allow", allow->p);
        rq->status = 405;
        return ERR(err, ERR_INVALID, "'%.*s' does not take %.*s, only %s", length, rq->path.p,
                   STR_ARG(rq->method), allow->p);
    }
    const char *near = nearest_path(tables, n, rq);
    return ERR(err, ERR_NOT_FOUND,
               near ? "no route for %.*s '%.*s'; did you mean '%.200s'?"
                    : "no route for %.*s '%.*s'",
               STR_ARG(rq->method), length, rq->path.p, near);
}

/* 1 when a pattern with a verb has the path, so that "{name}" must not swallow "x:verb". */
static int owned_by_verb(const struct route_table *t, str_t path)
{
    size_t n;
    for (size_t i = 0; i < t->n; i++)
        if (strchr(t->routes[i].pattern, ':') && matches(t->routes[i].pattern, path, NULL, &n))
            return 1;
    return 0;
}

/* 1 when the path had empty segments, which are gone now. */
static int merge_slashes(struct request *rq)
{
    str_t p = rq->path;
    char *to = arena_try_alloc(&rq->arena, p.n + 1, 1);
    size_t k = 0;
    for (size_t i = 0; to && i < p.n; i++)
        if (p.p[i] != '/' || !k || to[k - 1] != '/')
            to[k++] = p.p[i];
    if (!to || k == p.n)
        return 0;
    rq->path = (str_t){ to, k };
    return 1;
}

int route_find(const struct route_table *const *tables, size_t n, struct request *rq,
               const struct route **out, const struct route_table **out_table, struct err *err)
{
    struct buf allow;
    buf_init(&allow, 256);
    for (size_t t = 0; t < n; t++) {
        for (size_t i = 0; i < tables[t]->n; i++) {
            const struct route *r = &tables[t]->routes[i];
            if (!matches(r->pattern, rq->path, rq->params, &rq->params_n))
                continue;
            int plain = !strchr(r->pattern, ':') && has_verb(rq->path);
            if (str_is(rq->method, r->method) && !(plain && owned_by_verb(tables[t], rq->path))) {
                *out = r;
                *out_table = tables[t];
                buf_fini(&allow);
                return 0;
            }
            if (!plain)
                add_method(&allow, r->method);
        }
        /* The first protocol that has the path owns it; its tables share one form of errors. */
        if (allow.n && t + 1 < n && tables[t + 1]->write_error != tables[t]->write_error)
            break;
    }
    rq->params_n = 0;
    if (!allow.n && merge_slashes(rq)) {
        buf_fini(&allow);
        return route_find(tables, n, rq, out, out_table, err);
    }
    *out_table = nearest_table(tables, n, rq->path);
    int rc = refuse(tables, n, rq, &allow, err);
    buf_fini(&allow);
    return rc;
}

/* ---- errors ---- */

void route_error_native(struct request *rq, const struct err *err)
{
    struct json_out o;
    json_out_init(&o, &rq->out);
    jo_object(&o);
    jo_kv_cstr(&o, "code", err_info(err->code)->name);
    jo_kv_cstr(&o, "message", err->msg);
    jo_kv_cstr(&o, "hint", NULL);
    jo_kv_cstr(&o, "request_id", request_id(rq));
    jo_object_end(&o);
}

void route_fail(struct request *rq, const struct err *err)
{
    const struct route_table *table = rq->table;
    struct err plain = *err;
    if (plain.code == 0) {
        plain.code = ERR_INTERNAL;
        (void)snprintf(plain.msg, sizeof plain.msg, "the handler failed without a message");
    }
    if (rq->status < 400)
        rq->status = err_info(plain.code)->http_status;
    if (rq->stream_end)
        rq->stream_end(rq);
    rq->stream = NULL;
    rq->stream_end = NULL;
    rq->content_type = NULL;
    if (rq->out_fd >= 0)
        (void)close(rq->out_fd);
    rq->out_fd = -1;
    buf_clear(&rq->out);
    if (rq->status >= 500 && rq->status != 503)
        log_error("%s %.*s %.*s: %s (%s:%d)", request_id(rq), STR_ARG(rq->method),
                  STR_ARG(rq->path), plain.msg, plain.file ? plain.file : "?", plain.line);
    if (table && table->write_error)
        table->write_error(rq, &plain);
    else
        route_error_native(rq, &plain);
}

void route_refuse(void *arg, struct request *rq, const char *text)
{
    static const struct {
        int status, code;
    } codes[] = { { 404, ERR_NOT_FOUND }, { 413, ERR_LIMIT },       { 414, ERR_LIMIT },
                  { 431, ERR_LIMIT },     { 503, ERR_UNAVAILABLE }, { 507, ERR_NOMEM } };
    struct err err = ERR_INIT;
    int code = ERR_INVALID;
    (void)arg;
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        code = codes[i].status == rq->status ? codes[i].code : code;
    IGNORE(ERR(&err, code, "%s", text));
    route_fail(rq, &err);
}

/* ---- dispatch ---- */

void route_plan(const struct route_table *const *tables, size_t n, struct request *rq,
                struct http_plan *out)
{
    struct err err = ERR_INIT;
    const struct route *r = NULL;
    const struct route_table *table = NULL;
    int rc = route_find(tables, n, rq, &r, &table, &err);
    rq->route = r;
    rq->table = table;
    if (!rc && access_fn)
        rc = access_fn(rq, r->permission, &err);
    if (rc) {
        route_fail(rq, &err);
        return;
    }
    out->where = r->where == ROUTE_INLINE ? HTTP_INLINE : HTTP_WORKER;
    out->body_limit = r->body_limit;
    out->spool = r->where == ROUTE_STREAM && r->body_limit > 0;
}

void route_run(struct request *rq)
{
    struct err err = ERR_INIT;
    const struct route *r = rq->route;
    int rc = r->handler(rq, &err);
    if (rc) {
        err.code = err.code ? err.code : rc;
        route_fail(rq, &err);
    }
    if (rq->status == 0)
        rq->status = 200;
}

void route_dispatch(const struct route_table *const *tables, size_t n, struct request *rq)
{
    struct http_plan plan = { 0 };
    struct err err = ERR_INIT;
    route_plan(tables, n, rq, &plan);
    if (rq->status)
        return;
    if (rq->body.n > plan.body_limit) {
        IGNORE(ERR(&err, ERR_LIMIT, "the body is %zu bytes; at most %zu are taken here", rq->body.n,
                   plan.body_limit));
        route_fail(rq, &err);
        return;
    }
    route_run(rq);
}

/* ---- helpers of handlers ---- */

int route_sandbox(struct request *rq, const char *name)
{
    str_t path = str_of(name);
    if (!str_is(request_query(rq, "inline"), "1"))
        return 0;
    if (str_ends(path, ".pdf")) { /* by the browser's viewer, which no sandbox lets run */
        rq->content_type = "application/pdf";
        request_add_header(rq, "X-Content-Type-Options", "nosniff");
        request_add_header(rq, "Content-Security-Policy", "frame-ancestors 'self'");
        request_add_header(rq, "Cache-Control", "no-store");
        return 1;
    }
    if (!str_ends(path, ".html") && !str_ends(path, ".htm"))
        return 0;
    rq->content_type = "text/html; charset=utf-8";
    request_add_header(rq, "Content-Security-Policy",
                       "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; "
                       "style-src 'unsafe-inline'; img-src data: blob:; font-src data:; "
                       "form-action 'none'; base-uri 'none'; frame-ancestors 'self'");
    request_add_header(rq, "Referrer-Policy", "no-referrer");
    request_add_header(rq, "Cache-Control", "no-store");
    return 1;
}

str_t route_base_path(struct request *rq)
{
    str_t said = request_header(rq, "x-forwarded-prefix");
    const char *url = app_of(rq)->url;
    const char *host = strstr(url, "://"), *slash = host ? strchr(host + 3, '/') : NULL;
    str_t base = said.n ? said : str_of(slash);
    while (base.n && base.p[base.n - 1] == '/')
        base.n--;
    if (!base.n || base.n > BASE_PATH_MAX || base.p[0] != '/' || (base.n > 1 && base.p[1] == '/'))
        return STR("");
    for (size_t i = 0; i < base.n; i++) {
        char ch = base.p[i];
        int fine = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
                   (ch >= '0' && ch <= '9') || ch == '/' || ch == '-' || ch == '_' || ch == '.';
        if (!fine)
            return STR("");
    }
    return base;
}

/* 1 when a header may stand in a URL as scheme or host. */
static int is_plain(str_t s)
{
    for (size_t i = 0; i < s.n; i++) {
        char ch = s.p[i];
        int fine = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
                   (ch >= '0' && ch <= '9') || ch == '.' || ch == '-' || ch == ':' || ch == '[' ||
                   ch == ']' || ch == '_';
        if (!fine)
            return 0;
    }
    return s.n > 0 && s.n <= HOST_MAX;
}

int route_public_url(struct request *rq, const char **out, struct err *err)
{
    str_t proto = request_header(rq, "x-forwarded-proto");
    str_t host = request_header(rq, "x-forwarded-host"), base = route_base_path(rq);
    host = host.n ? host : request_header(rq, "host");
    if (!is_plain(host))
        return ERR(err, ERR_INVALID,
                   "the Host header is no name and port that a URL can be made of");
    *out = arena_printf(&rq->arena, "%s://%.*s%.*s", str_is(proto, "https") ? "https" : "http",
                        STR_ARG(host), STR_ARG(base));
    return *out ? 0 : ERR(err, ERR_NOMEM, "not enough memory for a URL");
}

void route_json(struct request *rq, struct json_out *o)
{
    json_out_init(o, &rq->out);
}

int route_body(struct request *rq, struct json *out, struct err *err)
{
    str_t text = str_trim(rq->body);
    if (text.n == 0) {
        *out = (struct json){ .type = JSON_OBJECT };
        return 0;
    }
    int rc = json_parse(&rq->arena, rq->body, NULL, out, err);
    if (!rc && out->type != JSON_OBJECT)
        rc = ERR(err, ERR_INVALID, "the body must be a JSON object");
    return rc;
}

/* ---- the check at start ---- */

static int check_doc(const struct route *r, const char *what, const char *doc, struct err *err)
{
    str_t rest = str_of(doc);
    struct route_field f;
    int rc;
    while ((rc = route_field_next(&rest, &f, err)) > 0)
        continue;
    return rc ? err_prefix(err, rc, "%s of route %s %s", what, r->method, r->pattern) : 0;
}

static int check_route(const struct route *r, struct err *err)
{
    const char *missing = !r->permission || !*r->permission ? "permission"
                          : !r->summary || !*r->summary     ? "summary"
                          : !r->operation || !*r->operation ? "operation"
                          : !r->handler                     ? "handler"
                          : !r->response_doc                ? "response documentation"
                                                            : NULL;
    if (missing)
        return ERR(err, ERR_INTERNAL, "route %s %s has no %s", r->method, r->pattern, missing);
    if (!permission_is_known(r->permission))
        return ERR(err, ERR_INTERNAL, "route %s %s names the unknown permission '%s'", r->method,
                   r->pattern, r->permission);
    if (r->body_limit && !r->request_doc)
        return ERR(err, ERR_INTERNAL, "route %s %s takes a body without documentation", r->method,
                   r->pattern);
    int rc = r->request_doc ? check_doc(r, "request_doc", r->request_doc, err) : 0;
    return rc ? rc : check_doc(r, "response_doc", r->response_doc, err);
}

int route_check_tables(const struct route_table *const *tables, size_t n, struct err *err)
{
    for (size_t t = 0; t < n; t++) {
        for (size_t i = 0; i < tables[t]->n; i++) {
            const struct route *r = &tables[t]->routes[i];
            int rc = check_route(r, err);
            if (rc)
                return rc;
            for (size_t u = 0; u <= t; u++)
                for (size_t k = 0; k < (u == t ? i : tables[u]->n); k++)
                    if (strcmp(tables[u]->routes[k].operation, r->operation) == 0)
                        return ERR(err, ERR_INTERNAL, "operation '%s' is named twice",
                                   r->operation);
        }
    }
    return 0;
}
