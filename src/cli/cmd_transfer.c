/* SPDX-License-Identifier: Apache-2.0
 * import mlflow, export mlflow: moving in and out, by the native routes. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/term.h"
#include "transfer/pg_url.h"

enum { SHOWN_DIFFERENCES = 20, LOOK_NS = 400000000 };

/* Relative paths are the caller's, not the server's. */
static const char *absolute(struct cli *c, const char *path, struct err *err)
{
    char here[4096];
    if (path[0] == '/')
        return path;
    if (!getcwd(here, sizeof here)) {
        IGNORE(ERR_SYS(err, "cannot tell the working folder"));
        return NULL;
    }
    return arena_printf(&c->arena, "%s/%s", here, path);
}

/* $PGPASSWORD stands in for a password in the URL, where 'ps' shows it to everybody. */
static const char *with_password(struct cli *c, const char *url, struct err *err)
{
    struct pg_url u;
    const char *secret = getenv("PGPASSWORD");
    if (pg_url_parse(&c->arena, url, &u, err))
        return NULL;
    if (u.password || !secret || !*secret)
        return url;
    return arena_printf(&c->arena, "%.*s%cpassword=%s", (int)strcspn(url, "#"), url,
                        strchr(url, '?') ? '&' : '?', client_escape(c, secret));
}

static const char *place_of(struct cli *c, const char *text, struct err *err)
{
    static const char sqlite[] = "sqlite:///";
    int is_sqlite = str_starts(str_of(text), sqlite);
    if (pg_url_is(text))
        return with_password(c, text, err);
    if (!is_sqlite && strstr(text, "://"))
        return text;
    const char *path = absolute(c, is_sqlite ? text + sizeof sqlite - 1 : text, err);
    return path && is_sqlite ? arena_printf(&c->arena, "%s%s", sqlite, path) : path;
}

static void show_import(struct cli *c, const struct json *v)
{
    const struct json *counts = json_get(v, "counts"), *diff = json_get(v, "differences");
    size_t n = counts ? counts->n : 0;
    static const enum cell_kind kinds[] = { CELL_TEXT, CELL_INT, CELL_INT };
    const char **cells = arena_alloc(&c->arena, (n + 1) * 3 * sizeof *cells);
    cells[0] = "KIND";
    cells[1] = "THERE";
    cells[2] = "HERE";
    for (size_t i = 0; i < n; i++) {
        const struct json *row = &counts->items[i];
        cells[3 * (i + 1)] = json_get_string(row, "name", "");
        cells[3 * (i + 1) + 1] =
            arena_printf(&c->arena, "%lld", (long long)json_get_int(row, "source", 0));
        cells[3 * (i + 1) + 2] =
            json_get(row, "here") && json_get(row, "here")->type == JSON_NUMBER
                ? arena_printf(&c->arena, "%lld", (long long)json_get_int(row, "here", 0))
                : "-";
    }
    out_grid(c, &(struct out_grid){ cells, n + 1, 3, kinds, "" });
    term_out(c, "\n%lld runs added, %lld here before, %lld of them verified by digest, in %s\n",
             (long long)json_get_int(v, "runs_added", 0),
             (long long)json_get_int(v, "runs_unchanged", 0),
             (long long)json_get_int(v, "runs_verified", 0),
             out_duration(c, json_get_number(v, "duration_ms", 0)));
    if (json_get_int(v, "files", 0))
        term_out(c, "%lld artifact files copied, %s\n", (long long)json_get_int(v, "files", 0),
                 out_bytes(c, json_get_int(v, "bytes", 0)));
    for (size_t i = 0; diff && i < diff->n && i < SHOWN_DIFFERENCES; i++)
        term_out(c, "! %s\n", diff->items[i].string.p);
    if (diff && diff->n > SHOWN_DIFFERENCES)
        term_out(c, "! and %lld more; --json lists them\n",
                 (long long)(json_get_int(v, "differences_n", 0) - SHOWN_DIFFERENCES));
}

/* One line of progress; Ctrl-C asks the import to stop, whose answer is then waited for. */
static int show_progress(struct cli *c)
{
    static int64_t looked_ns;
    static int asked;
    struct arena_mark mark = arena_snapshot(&c->arena);
    struct json v = { .type = JSON_NULL };
    int stop = term_interrupted() && !asked;
    int64_t now = clock_mono_ns();
    if (!stop && now - looked_ns < LOOK_NS)
        return 0;
    looked_ns = now;
    asked |= stop;
    if (client_peek(c, stop ? "DELETE" : "GET", "/api/v1/import", &v, NULL) == 0 && !stop &&
        json_get_bool(&v, "running", 0))
        term_progress(
            c, "importing: %lld runs read, %lld of them new, %lld points, %lld models",
            (long long)json_get_int(&v, "runs", 0), (long long)json_get_int(&v, "runs_added", 0),
            (long long)json_get_int(&v, "points", 0), (long long)json_get_int(&v, "models", 0));
    arena_restore(&c->arena, mark);
    return 0;
}

int cmd_import_mlflow(struct cli *c, struct err *err)
{
    struct buf b;
    struct json_out o;
    struct reply r;
    const char *root = cli_get(c, "artifact-root");
    const char *place = place_of(c, c->args[0], err);
    if (place && root)
        root = absolute(c, root, err);
    if (!place || (cli_get(c, "artifact-root") && !root))
        return err->code;
    buf_init(&b, MIB(1));
    json_out_init(&o, &b);
    jo_object(&o);
    jo_kv_cstr(&o, "source", place);
    jo_kv_cstr(&o, "artifacts", cli_get(c, "artifacts") ? cli_get(c, "artifacts") : "leave");
    if (root)
        jo_kv_cstr(&o, "artifact_root", root);
    jo_object_end(&o);
    term_catch_interrupt();
    c->tick = show_progress;
    int rc = client_call(c, "POST", "/api/v1/import", buf_view(&b), &r, err);
    c->tick = NULL;
    term_progress_end(c);
    buf_fini(&b);
    if (!rc)
        rc = out_object(c, &r.json, show_import, err);
    if (rc)
        return rc;
    int64_t n = json_get_int(&r.json, "differences_n", 0);
    if (n)
        return ERR(err, ERR_FAILED, "%lld differences between there and here", (long long)n);
    term_note(c, "→ slipway exp ls    → slipway server");
    return 0;
}

int cmd_export_mlflow(struct cli *c, struct err *err)
{
    struct buf b;
    struct json_out o;
    struct reply r;
    const char *dir = absolute(c, c->args[0], err);
    if (!dir)
        return err->code;
    buf_init(&b, MIB(1));
    json_out_init(&o, &b);
    jo_object(&o);
    jo_kv_cstr(&o, "dir", dir);
    jo_object_end(&o);
    int rc = client_call(c, "POST", "/api/v1/export", buf_view(&b), &r, err);
    buf_fini(&b);
    return rc ? rc : out_object(c, &r.json, NULL, err);
}
