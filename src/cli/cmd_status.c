/* SPDX-License-Identifier: Apache-2.0
 * status: what is served, what runs, what needs somebody; or one thing by its reference. */
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/refs.h"
#include "cli/run_report.h"
#include "cli/term.h"

static void put_needs(struct cli *c, const struct json *needs)
{
    for (size_t i = 0; needs && needs->type == JSON_ARRAY && i < needs->n; i++) {
        const char *command = json_get_string(&needs->items[i], "command", NULL);
        term_out(c, "%s!%s %s%s%s\n", term_on(c, 0, PAINT_YELLOW), term_off(c, 0),
                 json_get_string(&needs->items[i], "text", ""), command ? "  → " : "",
                 command ? command : "");
    }
}

static void put_table(struct cli *c, const char *title, const struct json *list,
                      const struct cli_column *columns, size_t k)
{
    if (!list || list->type != JSON_ARRAY || list->n == 0)
        return;
    const char **cells = ARENA_TRY_ARRAY(&c->arena, k * (list->n + 1), const char *);
    enum cell_kind *kinds = ARENA_TRY_ARRAY(&c->arena, k, enum cell_kind);
    if (!cells || !kinds)
        return;
    for (size_t j = 0; j < k; j++) {
        cells[j] = columns[j].title;
        kinds[j] = columns[j].kind;
    }
    for (size_t i = 0; i < list->n; i++)
        for (size_t j = 0; j < k; j++)
            cells[(i + 1) * k + j] =
                out_cell(c, out_path(&list->items[i], columns[j].path), columns[j].kind, 1);
    struct out_grid g = { cells, list->n + 1, k, kinds, "  " };
    report_title(c, title);
    out_grid(c, &g);
}

static void show_status(struct cli *c, const struct json *s)
{
    static const struct cli_column endpoints[] = {
        { "endpoint", "name", CELL_TEXT, 0 },   { "model", "model", CELL_TEXT, 0 },
        { "version", "version", CELL_TEXT, 0 }, { "serving", "serving_version", CELL_TEXT, 0 },
        { "state", "state", CELL_STATE, 0 },    { "updated", "last_update_time_ms", CELL_TIME, 0 },
    };
    static const struct cli_column runs[] = {
        { "run", "run_id", CELL_ID, 0 },
        { "status", "status", CELL_STATE, 0 },
        { "experiment", "experiment", CELL_TEXT, 0 },
        { "rmse", "metrics.rmse", CELL_NUMBER, 0 },
        { "model", "model_versions", CELL_LIST, 0 },
        { "took", "duration_ms", CELL_DURATION, 0 },
        { "started", "start_time_ms", CELL_TIME, 0 },
    };
    static const struct cli_column models[] = {
        { "model", "name", CELL_TEXT, 0 },
        { "latest", "latest_version", CELL_TEXT, 0 },
        { "aliases", "aliases", CELL_LIST, 0 },
        { "updated", "last_update_time_ms", CELL_TIME, 0 },
    };
    const struct json *server = json_get(s, "server");
    const char *url = json_get_string(server, "url", NULL);
    put_needs(c, json_get(s, "needs"));
    if (url)
        term_out(c, "server %s (pid %s), data %s\n", url,
                 out_cell(c, json_get(server, "pid"), CELL_INT, 1),
                 json_get_string(s, "data_dir", "-"));
    else
        term_out(c, "no server, data %s\n", json_get_string(s, "data_dir", "-"));
    put_table(c, "Endpoints", json_get(s, "endpoints"), endpoints, ARRAY_LEN(endpoints));
    put_table(c, "Running", json_get(s, "running"), runs, ARRAY_LEN(runs));
    put_table(c, "Recent runs", json_get(s, "recent"), runs, ARRAY_LEN(runs));
    put_table(c, "Models", json_get(s, "models"), models, ARRAY_LEN(models));
    const struct json *list = json_get(s, "models");
    if (!list || list->n == 0)
        term_note(c, "→ slipway run");
    else if (!json_get(s, "endpoints") || json_get(s, "endpoints")->n == 0)
        term_note(c, "→ slipway deploy %s", json_get_string(&list->items[0], "name", "MODEL"));
    else if (!url)
        term_note(c, "→ slipway server");
}

static void show_endpoint(struct cli *c, const struct json *e)
{
    static const struct cli_column traffic[] = {
        { "version", "version", CELL_TEXT, 0 },
        { "requests", "requests", CELL_INT, 0 },
        { "errors", "errors", CELL_INT, 0 },
        { "per s", "rate", CELL_NUMBER, 0 },
        { "p50 ms", "p50_ms", CELL_NUMBER, 0 },
        { "p90 ms", "p90_ms", CELL_NUMBER, 0 },
        { "p99 ms", "p99_ms", CELL_NUMBER, 0 },
        { "mean prediction", "mean_prediction", CELL_NUMBER, 0 },
    };
    static const struct cli_column history[] = {
        { "version", "version", CELL_TEXT, 0 }, { "action", "action", CELL_TEXT, 0 },
        { "when", "time_ms", CELL_TIME, 0 },    { "actor", "actor", CELL_TEXT, 0 },
        { "reason", "reason", CELL_TEXT, 0 },
    };
    term_out(c, "%sendpoint/%s%s  %s:%s  %s", term_on(c, 0, PAINT_BOLD),
             json_get_string(e, "name", ""), term_off(c, 0), json_get_string(e, "model", ""),
             json_get_string(e, "version", "-"), json_get_string(e, "state", ""));
    const char *serving = json_get_string(e, "serving_version", NULL),
               *why = json_get_string(e, "state_reason", NULL);
    if (serving)
        term_out(c, ", serving :%s", serving);
    term_out(c, "\n");
    if (why && *why)
        term_out(c, "  %s\n", why);
    if (json_get_string(e, "url", NULL))
        term_out(c, "  %s\n", json_get_string(e, "url", ""));
    put_table(c, "Traffic", json_get(e, "traffic"), traffic, ARRAY_LEN(traffic));
    put_table(c, "History", json_get(e, "history"), history, ARRAY_LEN(history));
}

static int status_of(struct cli *c, struct err *err)
{
    const struct json *e;
    struct ref r;
    int rc = ref_parse(c, c->args[0], REF_PLAIN, &r, err);
    if (rc)
        return rc;
    if (r.kind == REF_RUN)
        return cmd_exp_show(c, err);
    if (r.kind == REF_DATA)
        return cmd_data_show(c, err);
    if (r.kind == REF_MODEL || r.version)
        return cmd_model_show(c, err);
    rc = client_get(c, arena_printf(&c->arena, "/api/v1/endpoints/%s", client_escape(c, r.name)),
                    &e, err);
    return rc ? rc : out_object(c, e, show_endpoint, err);
}

int cmd_status(struct cli *c, struct err *err)
{
    const struct json *s;
    if (c->arg_n)
        return status_of(c, err);
    int rc = client_get(c, "/api/v1/status", &s, err);
    if (rc)
        return rc;
    const struct json *endpoints = json_get(s, "endpoints");
    if (c->format == FORMAT_TABLE || c->format == FORMAT_WIDE || c->format == FORMAT_JSON ||
        c->format == FORMAT_JSONL || c->field)
        return out_object(c, s, show_status, err);
    static const struct json none = { .type = JSON_ARRAY };
    return out_list(c, endpoints && endpoints->type == JSON_ARRAY ? endpoints : &none, NULL, 0, 0,
                    err);
}
