/* SPDX-License-Identifier: Apache-2.0
 * Markdown from the route tables, the permission table and the metrics' own HELP lines. */
#include "api/reference.h"

#include "access/permission.h"
#include "api/app.h"
#include "api/metrics.h"
#include "api/tables.h"
#include "serve/serve.h"

/* A cell of a table: '|' would end it. */
static void put_cell(struct buf *b, str_t text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '|')
            buf_putc(b, '\\');
        buf_putc(b, text.p[i]);
    }
}

/* Fields of a request or an answer as a list. */
static int put_fields(struct buf *b, const char *title, const char *doc, struct err *err)
{
    str_t left = str_of(doc);
    struct route_field f;
    int rc, first = 1;
    if (!doc)
        return 0;
    while ((rc = route_field_next(&left, &f, err)) == 1) {
        if (first)
            buf_printf(b, "%s\n\n", title);
        first = 0;
        if (f.name.n == 0) {
            buf_printf(b, "- `%.*s`%s%.*s\n", STR_ARG(f.type), f.text.n ? ": " : "",
                       STR_ARG(f.text));
            continue;
        }
        buf_printf(b, "%*s- `%.*s`%s (%.*s%s)%s%.*s\n", f.indent * 2, "", STR_ARG(f.name),
                   f.is_query ? " in the query" : "", STR_ARG(f.type), f.required ? ", always" : "",
                   f.text.n ? ": " : "", STR_ARG(f.text));
    }
    if (!first)
        buf_putc(b, '\n');
    return rc;
}

static int put_route(struct buf *b, const struct route *r, struct err *err)
{
    buf_printf(b, "### %s %s\n\n%s\n\n", r->method, r->pattern, r->summary);
    buf_printf(b, "Permission `%s`", r->permission);
    if (r->body_limit)
        buf_printf(b, "; body at most %zu KiB", r->body_limit >> 10);
    buf_printf(b, "; operation `%s`.\n\n", r->operation);
    int rc = put_fields(b, "Takes:", r->request_doc, err);
    if (!rc)
        rc = put_fields(b, "Gives:", r->response_doc, err);
    return rc < 0 ? err_prefix(err, rc, "%s %s", r->method, r->pattern) : 0;
}

int reference_rest(struct buf *out, struct err *err)
{
    size_t n;
    int rc = 0;
    const struct route_table *const *tables = app_routes(&n);
    buf_puts(out,
             "# REST\n\nMade from the route tables by `slipway _docs rest`; do not edit. A running "
             "server tells the same at `/openapi.json`.\n\n"
             "Errors of the native API are `{\"code\", \"message\", \"hint\", \"request_id\"}`; "
             "[errors.md](errors.md) lists the codes. Times are integer milliseconds since 1970. "
             "Where protocols collide on a path, the table listed first here owns it.\n\n");
    for (size_t t = 0; t < n && !rc; t++) {
        buf_printf(out, "## %s\n\n", tables[t]->name);
        for (size_t i = 0; i < tables[t]->n && !rc; i++)
            rc = put_route(out, &tables[t]->routes[i], err);
    }
    return rc;
}

void reference_permissions(struct buf *out)
{
    size_t n, table_n;
    const struct permission *all = permission_table(&n);
    const struct route_table *const *tables = app_routes(&table_n);
    buf_puts(out,
             "# Permissions\n\nMade from `src/access/permissions.def` and the route tables by "
             "`slipway _docs permissions`; do not edit. A role has what the roles before it have: "
             "reader, editor, admin. `public` needs no token.\n\n"
             "| permission | least role | meaning | routes |\n|---|---|---|---|\n");
    for (size_t p = 0; p < n; p++) {
        int first = 1;
        buf_printf(out, "| `%s` | %s | ", all[p].name, access_role_name(all[p].role));
        put_cell(out, str_of(all[p].prose));
        buf_puts(out, " | ");
        for (size_t t = 0; t < table_n; t++) {
            for (size_t i = 0; i < tables[t]->n; i++) {
                const struct route *r = &tables[t]->routes[i];
                if (strcmp(r->permission, all[p].name) != 0)
                    continue;
                buf_printf(out, "%s`%s %s`", first ? "" : "<br>", r->method, r->pattern);
                first = 0;
            }
        }
        buf_puts(out, first ? "none yet |\n" : " |\n");
    }
}

/* "# HELP name text" and "# TYPE name type" of each metric, in order. */
static void put_metrics(struct buf *out, str_t text)
{
    str_t line, help = { NULL, 0 };
    while (text.n) {
        str_t left = text;
        if (!str_cut(left, '\n', &line, &text))
            line = left, text = (str_t){ NULL, 0 };
        if (str_starts(line, "# HELP "))
            help = (str_t){ line.p + 7, line.n - 7 };
        if (!str_starts(line, "# TYPE ") || !help.n)
            continue;
        str_t name, about, type = { line.p + 7, line.n - 7 }, same;
        if (!str_cut(help, ' ', &name, &about) || !str_cut(type, ' ', &same, &type))
            continue;
        buf_printf(out, "| `%.*s` | %.*s | ", STR_ARG(name), STR_ARG(type));
        put_cell(out, about);
        buf_puts(out, " |\n");
    }
}

int reference_metrics(struct buf *out, struct err *err)
{
    static const struct http_stats none;
    struct serve *serve = NULL;
    struct buf text;
    size_t n;
    const struct route_table *const *tables = app_routes(&n);
    int rc = serve_open(&serve, err);
    if (rc)
        return rc;
    buf_init(&text, MIB(4));
    metrics_init(tables, n);
    metrics_write_process(&text, 0);
    metrics_write_listener(&text, "http", &none);
    metrics_write_listener(&text, "dataplane", &none);
    metrics_write_http(&text);
    metrics_write_endpoints(&text, serve);
    metrics_write_monitor(&text, NULL);
    serve_close(serve);
    buf_puts(
        out,
        "# Metrics\n\nMade from what `/metrics` writes by `slipway _docs metrics`; do not "
        "edit. The form is the Prometheus text format 0.0.4, or OpenMetrics 1.0 when the Accept "
        "header asks for it.\n\n"
        "| metric | type | meaning |\n|---|---|---|\n");
    put_metrics(out, buf_view(&text));
    rc = text.failed ? ERR(err, ERR_LIMIT, "the page is too large") : 0;
    buf_fini(&text);
    return rc;
}
