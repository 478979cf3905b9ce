/* SPDX-License-Identifier: Apache-2.0
 * Serves the page. /assets/NAME: compressed bytes out of the binary, immutable, one strong ETag a
 * coding. Every address of the user interface: the shell, a small document that loads the files,
 * knows the base path and carries the first view's data, so that the first paint waits for nothing
 * else. Language and colours come from cookies, so that nothing flashes. Any thread. */
#include "api/ui/ui.h"

#define ZLIB_CONST
#include <stdio.h>
#include <zlib.h>

#include "api/app.h"
#include "api/native/compose.h"
#include "api/ui/assets.h"
#include "codec/hash.h"

enum { COMPRESS_FROM = 1400, INLINE_MAX = 1 << 20 };

static const char csp[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; "
    "connect-src 'self'; font-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'";

/* ---- negotiation (RFC 9110 §12.5.3) ---- */

/* 1 when an element of Accept-Encoding names the coding and its weight is not zero. */
static int takes(str_t accept, const char *coding)
{
    str_t rest = accept, one;
    while (rest.n) {
        if (!str_cut(rest, ',', &one, &rest)) {
            one = rest;
            rest.n = 0;
        }
        str_t name, weight = { NULL, 0 };
        if (!str_cut(one, ';', &name, &weight))
            name = one;
        if (!str_is(str_trim(name), coding))
            continue;
        weight = str_trim(weight);
        int zero = str_starts(weight, "q=0");
        for (size_t i = 3; zero && i < weight.n; i++)
            zero = weight.p[i] == '.' || weight.p[i] == '0';
        return !zero;
    }
    return 0;
}

/* 1 when If-None-Match lists the tag (weak comparison) or is "*". */
static int matches_tag(str_t header, const char *tag)
{
    str_t rest = header, one;
    while (rest.n) {
        if (!str_cut(rest, ',', &one, &rest)) {
            one = rest;
            rest.n = 0;
        }
        one = str_trim(one);
        if (str_starts(one, "W/"))
            one = (str_t){ one.p + 2, one.n - 2 };
        if (str_is(one, tag) || str_is(one, "*"))
            return 1;
    }
    return 0;
}

/* Sets ETag and answers 304 when the client has it; 1 when it was answered. */
static int answered_by_tag(struct request *rq, const char *hash, const char *suffix)
{
    char tag[64];
    (void)snprintf(tag, sizeof tag, "\"%.32s%s\"", hash, suffix);
    request_add_header(rq, "ETag", tag);
    if (!matches_tag(request_header(rq, "if-none-match"), tag))
        return 0;
    rq->status = 304;
    return 1;
}

/* ---- files ---- */

static const struct ui_asset *asset_by(const char *role, str_t name)
{
    size_t n;
    const struct ui_asset *all = ui_asset_table(&n);
    for (size_t i = 0; i < n; i++)
        if (role ? strcmp(all[i].role, role) == 0 : str_is(name, all[i].name))
            return &all[i];
    return NULL;
}

static int inflate_to(const struct ui_asset *a, struct buf *out, struct err *err)
{
    z_stream z = { 0 };
    char *to = buf_reserve(out, a->raw_n);
    if (!to || inflateInit2(&z, 15 + 16) != Z_OK)
        return ERR(err, ERR_NOMEM, "no memory to unpack '%s'", a->name);
    z.next_in = (const Bytef *)a->gz;
    z.avail_in = (uInt)a->gz_n;
    z.next_out = (Bytef *)to;
    z.avail_out = (uInt)a->raw_n;
    int rc = inflate(&z, Z_FINISH);
    (void)inflateEnd(&z);
    if (rc != Z_STREAM_END)
        return ERR(err, ERR_INTERNAL, "the file '%s' in this binary is damaged", a->name);
    out->n += a->raw_n;
    return 0;
}

static int asset_get(struct request *rq, struct err *err)
{
    str_t name = request_param(rq, "name");
    const struct ui_asset *a = asset_by(NULL, name);
    if (!a)
        return ERR(err, ERR_NOT_FOUND, "there is no file '%.*s'; load the page again",
                   (int)MIN(name.n, (size_t)80), name.p);
    str_t accept = request_header(rq, "accept-encoding");
    int br = takes(accept, "br"), gz = !br && takes(accept, "gzip");
    rq->content_type = a->type;
    request_add_header(rq, "Cache-Control", "public, max-age=31536000, immutable");
    request_add_header(rq, "Vary", "Accept-Encoding");
    if (answered_by_tag(rq, a->etag, br ? "-br" : gz ? "-gz" : ""))
        return 0;
    if (!br && !gz)
        return inflate_to(a, &rq->out, err);
    request_add_header(rq, "Content-Encoding", br ? "br" : "gzip");
    buf_put(&rq->out, br ? a->br : a->gz, br ? a->br_n : a->gz_n);
    return rq->out.failed ? ERR(err, ERR_NOMEM, "no memory for '%s'", a->name) : 0;
}

/* ---- the shell ---- */

/* The value of a cookie; empty when absent. */
static str_t cookie(const struct request *rq, const char *name)
{
    str_t rest = request_header(rq, "cookie"), one, key, value;
    while (rest.n) {
        if (!str_cut(rest, ';', &one, &rest)) {
            one = rest;
            rest.n = 0;
        }
        if (str_cut(str_trim(one), '=', &key, &value) && str_is(key, name))
            return value;
    }
    return (str_t){ NULL, 0 };
}

/* Which language to paint first: the cookie, else the first of Accept-Language. */
static int is_chinese(const struct request *rq)
{
    str_t chosen = cookie(rq, "slipway_lang");
    if (chosen.n)
        return str_is(chosen, "zh-CN");
    str_t wanted = request_header(rq, "accept-language");
    return wanted.n >= 2 && (wanted.p[0] | 32) == 'z' && (wanted.p[1] | 32) == 'h';
}

static void put_preload(struct buf *b, str_t base, const char *role)
{
    const struct ui_asset *a = asset_by(role, STR(""));
    if (!a)
        return;
    buf_printf(b, "<link rel=\"modulepreload\" href=\"%.*s/assets/%s\">\n", STR_ARG(base), a->name);
    str_t rest = str_of(a->imports), one;
    while (rest.n) {
        if (!str_cut(rest, ' ', &one, &rest)) {
            one = rest;
            rest.n = 0;
        }
        buf_printf(b, "<link rel=\"modulepreload\" href=\"%.*s/assets/%.*s\">\n", STR_ARG(base),
                   STR_ARG(one));
    }
}

/* JSON inside HTML: '<' is the only byte that could end the element. */
static void put_json(struct buf *b, str_t json)
{
    for (size_t i = 0; i < json.n; i++) {
        if (json.p[i] == '<')
            buf_puts(b, "\\u003c");
        else
            buf_putc(b, json.p[i]);
    }
}

/* An attribute's value: names come from outside. */
static void put_attribute(struct buf *b, str_t s)
{
    for (size_t i = 0; i < s.n; i++) {
        switch (s.p[i]) {
        case '"': buf_puts(b, "&quot;"); break;
        case '&': buf_puts(b, "&amp;"); break;
        case '<': buf_puts(b, "&lt;"); break;
        default: buf_putc(b, s.p[i]);
        }
    }
}

/* What a component of encodeURIComponent keeps, so that the page finds its own address. */
static void put_component(struct buf *b, str_t s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char ch = (unsigned char)s.p[i];
        int plain = ch && ((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
                           (ch >= '0' && ch <= '9') || strchr("-_.*", ch) != NULL);
        if (plain)
            buf_putc(b, (char)ch);
        else
            buf_printf(b, "%%%02X", ch);
    }
}

struct ui_page {
    const char *pattern; /* of the route */
    const char *view;
    const char *args[3]; /* query of the view, in the page's order; "a=b": a from b */
};

static const struct ui_page pages[] = {
    { "/", "home", { NULL } },
    { "/runs", "runs-table", { "filter", "order_by", "experiment" } },
    { "/runs/{id}", "run", { "id" } },
    { "/compare", "compare", { "model", "versions", "ids=runs" } },
    { "/models", "models", { NULL } },
    { "/models/{name}", "model", { "name" } },
    { "/models/{name}/{version}", "version", { "name", "version" } },
    { "/endpoints", "endpoints", { NULL } },
    { "/endpoints/{name}", "endpoint", { "name" } },
    { "/endpoints/{name}/monitor", "monitor", { "name", "limit" } },
    { "/endpoints/{name}/monitor/{feature}", "feature", { "name", "feature", "at" } },
    { "/endpoints/{name}/performance", "performance", { "name", "limit" } },
    { "/endpoints/{name}/story", "story", { "name" } },
    { "/alerts", "alerts", { NULL } },
    { "/datasets", "datasets", { NULL } },
    { "/datasets/{name}", "dataset", { "name", "digest" } },
    { "/experiments", "experiments", { NULL } },
    { "/trash", "trash", { NULL } },
    { "/audit", "audit", { "subject", "kind", "actor" } },
};

static const struct ui_page *page_of(const struct request *rq)
{
    const struct route *r = rq->route;
    for (size_t i = 0; i < ARRAY_LEN(pages); i++)
        if (strcmp(r->pattern, pages[i].pattern) == 0)
            return &pages[i];
    return &pages[0];
}

static str_t argument(const struct request *rq, const char *from)
{
    for (size_t i = 0; i < rq->params_n; i++)
        if (str_is(rq->params[i].key, from))
            return rq->params[i].value;
    return request_query(rq, from);
}

/* The view's address as the page will ask for it. */
static void view_address(struct request *rq, const struct ui_page *p, struct buf *url)
{
    char mark = '?';
    buf_printf(url, "/api/v1/view/%s", p->view);
    for (size_t i = 0; i < ARRAY_LEN(p->args) && p->args[i]; i++) {
        const char *equals = strchr(p->args[i], '=');
        str_t to = { p->args[i], equals ? (size_t)(equals - p->args[i]) : strlen(p->args[i]) };
        str_t value = argument(rq, equals ? equals + 1 : p->args[i]);
        if (!value.n)
            continue;
        buf_printf(url, "%c%.*s=", mark, STR_ARG(to));
        put_component(url, value);
        mark = '&';
    }
}

/* Puts the first view's data into the page; leaves it out when it cannot be had or is large: the
 * page then asks by itself and shows what is wrong. */
static void put_view(struct request *rq, struct buf *b)
{
    AUTO(buf_fini) struct buf url;
    struct err err = ERR_INIT;
    str_t data;
    buf_init(&url, LIMIT_URL_BYTES);
    view_address(rq, page_of(rq), &url);
    if (url.failed || compose_get(rq, url.p, &data, &err) || data.n > INLINE_MAX)
        return;
    buf_puts(b, "<script type=\"application/json\" id=\"slipway-view\" data-url=\"");
    put_attribute(b, buf_view(&url));
    buf_puts(b, "\">");
    put_json(b, data);
    buf_puts(b, "</script>\n");
}

static const char icon[] =
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 22 22'%3E%3Cpath "
    "fill='%230a6478' d='M3 10.5h16l-2.6 5.2a1.5 1.5 0 0 1-1.3.8H7.2a1.5 1.5 0 0 1-1.3"
    "-.8z'/%3E%3Cpath fill='%232f9db4' d='M10.3 2.5v6.5H5.5zM11.7 4.5 16 9h-4.3z'/%3E%3C/"
    "svg%3E";

static void put_head(struct request *rq, struct buf *b, str_t base)
{
    str_t theme = cookie(rq, "slipway_theme");
    int chosen = str_is(theme, "light") || str_is(theme, "dark");
    buf_printf(b, "<!doctype html>\n<html lang=\"%s\"", is_chinese(rq) ? "zh-CN" : "en");
    if (chosen)
        buf_printf(b, " data-theme=\"%.*s\"", STR_ARG(theme));
    buf_puts(b, ">\n<head>\n<meta charset=\"utf-8\">\n"
                "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                "<meta name=\"color-scheme\" content=\"light dark\">\n");
    buf_printf(b, "<meta name=\"slipway-base\" content=\"%.*s\">\n<title>Slipway</title>\n",
               STR_ARG(base));
    buf_printf(b, "<link rel=\"icon\" href=\"%s\">\n", icon);
}

/* What a build without the page's files says. */
static void put_placeholder(struct buf *b)
{
    buf_puts(b,
             "</head>\n<body>\n<main>\n<h1>Slipway is running</h1>\n"
             "<p>This build has no web page, because Node packages were missing when it was made. "
             "The API and the command line work.</p>\n<p>To get the page:</p>\n"
             "<pre>cd web &amp;&amp; npm ci &amp;&amp; cd .. &amp;&amp; make</pre>\n"
             "<p>Without it: <code>slipway status</code>, <code>slipway help</code>, "
             "<a href=\"/openapi.json\">openapi.json</a>.</p>\n</main>\n</body>\n</html>\n");
}

static void put_document(struct request *rq, struct buf *b)
{
    str_t base = route_base_path(rq);
    const struct ui_asset *style = asset_by("style", STR("")), *main_js = asset_by("main", STR(""));
    put_head(rq, b, base);
    if (!style || !main_js) {
        put_placeholder(b);
        return;
    }
    buf_printf(b, "<link rel=\"stylesheet\" href=\"%.*s/assets/%s\">\n", STR_ARG(base),
               style->name);
    const struct ui_asset *text = asset_by("text", STR(""));
    if (text)
        buf_printf(b, "<link rel=\"license\" href=\"%.*s/assets/%s\">\n", STR_ARG(base),
                   text->name);
    put_preload(b, base, "main");
    char role[40];
    (void)snprintf(role, sizeof role, "view:%s", page_of(rq)->view);
    put_preload(b, base, role);
    if (is_chinese(rq))
        put_preload(b, base, "lang:zh-CN");
    buf_printf(b, "<script type=\"module\" src=\"%.*s/assets/%s\"></script>\n", STR_ARG(base),
               main_js->name);
    buf_puts(b, "</head>\n<body>\n<div id=\"app\"></div>\n"
                "<noscript>This page needs JavaScript. The same is on the command line: slipway "
                "status, slipway help.</noscript>\n");
    put_view(rq, b);
    buf_puts(b, "</body>\n</html>\n");
}

/* The document as gzip; 0, or -1 when it should go as it is. */
static int compress_to(str_t raw, struct buf *out)
{
    z_stream z = { 0 };
    if (deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return -1;
    size_t most = deflateBound(&z, raw.n);
    char *to = buf_reserve(out, most);
    int rc = Z_MEM_ERROR;
    if (to) {
        z.next_in = (const Bytef *)raw.p;
        z.avail_in = (uInt)raw.n;
        z.next_out = (Bytef *)to;
        z.avail_out = (uInt)most;
        rc = deflate(&z, Z_FINISH);
        out->n += z.total_out;
    }
    (void)deflateEnd(&z);
    return rc == Z_STREAM_END ? 0 : -1;
}

static int page_get(struct request *rq, struct err *err)
{
    AUTO(buf_fini) struct buf doc;
    char hash[SHA256_HEX];
    buf_init(&doc, LIMIT_RESPONSE);
    put_document(rq, &doc);
    if (doc.failed)
        return ERR(err, ERR_NOMEM, "no memory for the page");
    sha256_of(buf_view(&doc), hash);
    rq->content_type = "text/html; charset=utf-8";
    request_add_header(rq, "Cache-Control", "no-cache");
    request_add_header(
        rq, "Vary", "Accept-Encoding, Accept-Language, Authorization, Cookie, X-Forwarded-Prefix");
    request_add_header(rq, "Referrer-Policy", "no-referrer");
    request_add_header(rq, "Content-Security-Policy", csp);
    int gz = doc.n >= COMPRESS_FROM && takes(request_header(rq, "accept-encoding"), "gzip");
    if (answered_by_tag(rq, hash, gz ? "-gz" : ""))
        return 0;
    if (gz && compress_to(buf_view(&doc), &rq->out) == 0) {
        request_add_header(rq, "Content-Encoding", "gzip");
        return 0;
    }
    buf_clear(&rq->out);
    buf_str(&rq->out, buf_view(&doc));
    return 0;
}

#define PAGE(pattern, name)                                                                        \
    {                                                                                              \
        "GET", pattern, "public", page_get, ROUTE_WORKER, 0, "The page of the user interface.",    \
            NULL, "text/html: the page.", name                                                     \
    }

static const struct route rows[] = {
    PAGE("/", "uiHome"),
    PAGE("/runs", "uiRuns"),
    PAGE("/runs/{id}", "uiRun"),
    PAGE("/compare", "uiCompare"),
    PAGE("/models", "uiModels"),
    PAGE("/models/{name}", "uiModel"),
    PAGE("/models/{name}/{version}", "uiVersion"),
    PAGE("/endpoints", "uiEndpoints"),
    PAGE("/endpoints/{name}", "uiEndpoint"),
    PAGE("/endpoints/{name}/monitor", "uiMonitor"),
    PAGE("/endpoints/{name}/monitor/{feature}", "uiFeature"),
    PAGE("/endpoints/{name}/performance", "uiPerformance"),
    PAGE("/endpoints/{name}/story", "uiStory"),
    PAGE("/alerts", "uiAlerts"),
    PAGE("/datasets", "uiDatasets"),
    PAGE("/datasets/{name}", "uiDataset"),
    PAGE("/experiments", "uiExperiments"),
    PAGE("/trash", "uiTrash"),
    PAGE("/audit", "uiAudit"),
    { "GET", "/assets/{name}", "public", asset_get, ROUTE_INLINE, 0,
      "A file of the user interface.", NULL, "application/octet-stream: the file.", "uiAsset" },
};

const struct route_table ui_routes = { "ui", rows, ARRAY_LEN(rows), route_error_native };
