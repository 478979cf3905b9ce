/* SPDX-License-Identifier: Apache-2.0
 * data ls, show: data sets, their columns and who uses them. */
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/lists.h"
#include "cli/output.h"
#include "cli/refs.h"
#include "cli/run_report.h"
#include "cli/term.h"

int cmd_data_ls(struct cli *c, struct err *err)
{
    return list_print(c, "/api/v1/datasets", NULL, NULL, 0, err);
}

/* A histogram as eight marks; empty without one. */
static const char *sketch(struct cli *c, const struct json *column)
{
    static const char *const marks[] = { " ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
    const struct json *counts = out_path(column, "histogram.counts");
    double top = 0;
    if (!c->utf8 || !counts || counts->type != JSON_ARRAY || counts->n == 0)
        return "";
    struct buf b;
    buf_init(&b, 4096);
    for (size_t i = 0; i < counts->n; i++)
        top = MAX(top, counts->items[i].number);
    size_t step = MAX((size_t)1, counts->n / 16);
    for (size_t i = 0; i < counts->n; i += step) {
        double v = 0;
        for (size_t j = i; j < MIN(i + step, counts->n); j++)
            v = MAX(v, counts->items[j].number);
        buf_puts(&b, marks[top > 0 ? (size_t)(v / top * 8 + 0.5) : 0]);
    }
    const char *text = arena_strndup(&c->arena, b.p, b.n);
    buf_fini(&b);
    return text ? text : "";
}

static void show_columns(struct cli *c, const struct json *columns)
{
    static const char *const keys[] = { "name", "type", "role", "missing", "distinct",
                                        "min",  "mean", "max",  "sd" };
    static const enum cell_kind kinds[] = { CELL_TEXT,   CELL_TEXT,   CELL_TEXT,   CELL_INT,
                                            CELL_INT,    CELL_NUMBER, CELL_NUMBER, CELL_NUMBER,
                                            CELL_NUMBER, CELL_TEXT };
    enum { K = ARRAY_LEN(kinds) };
    if (!columns || columns->type != JSON_ARRAY || columns->n == 0)
        return;
    const char **cells = ARENA_TRY_ARRAY(&c->arena, K * (columns->n + 1), const char *);
    if (!cells)
        return;
    for (size_t i = 0; i <= columns->n; i++) {
        for (size_t j = 0; j + 1 < K; j++)
            cells[i * K + j] =
                i ? out_cell(c, json_get(&columns->items[i - 1], keys[j]), kinds[j], 1) : keys[j];
        cells[i * K + K - 1] = i ? sketch(c, &columns->items[i - 1]) : "";
    }
    struct out_grid g = { cells, columns->n + 1, K, kinds, "  " };
    report_title(c, "Columns");
    out_grid(c, &g);
}

static void show_list(struct cli *c, const char *title, const struct json *list)
{
    if (!list || list->type != JSON_ARRAY || list->n == 0)
        return;
    term_out(c, "  %-10s %s\n", title, out_cell(c, list, CELL_LIST, 1));
}

static void show_dataset(struct cli *c, const struct json *d)
{
    const struct json *versions = json_get(d, "versions");
    term_out(c, "%sdata/%s%s@%.12s  %s\n", term_on(c, 0, PAINT_BOLD),
             json_get_string(d, "name", ""), term_off(c, 0), json_get_string(d, "digest", ""),
             out_time(c, json_get_int(d, "creation_time_ms", 0)));
    term_out(c, "  %s rows, %s columns\n", out_cell(c, json_get(d, "rows"), CELL_INT, 1),
             out_cell(c, json_get(d, "columns_n"), CELL_INT, 1));
    const struct json *files = json_get(d, "files");
    for (size_t i = 0; files && files->type == JSON_ARRAY && i < files->n; i++)
        term_out(c, "  %s  %s  sha256 %.12s\n", json_get_string(&files->items[i], "path", ""),
                 out_cell(c, json_get(&files->items[i], "bytes"), CELL_BYTES, 1),
                 json_get_string(&files->items[i], "sha256", ""));
    show_list(c, "models", out_path(d, "used_by.models"));
    show_list(c, "runs", out_path(d, "used_by.runs"));
    show_list(c, "warnings", json_get(d, "warnings"));
    show_columns(c, json_get(d, "columns"));
    for (size_t i = 0; versions && versions->type == JSON_ARRAY && i < versions->n; i++) {
        if (i == 0)
            report_title(c, "Versions");
        term_out(c, "  @%.12s  %s rows  %s\n", json_get_string(&versions->items[i], "digest", ""),
                 out_cell(c, json_get(&versions->items[i], "rows"), CELL_INT, 1),
                 out_time(c, json_get_int(&versions->items[i], "creation_time_ms", 0)));
    }
}

int cmd_data_show(struct cli *c, struct err *err)
{
    const struct json *answer;
    struct ref r;
    int rc = ref_parse(c, c->args[0], REF_DATA, &r, err);
    if (rc)
        return rc;
    const char *name = client_escape(c, r.name);
    const char *target = r.version ? arena_printf(&c->arena, "/api/v1/datasets/%s/versions/%s",
                                                  name, client_escape(c, r.version))
                                   : arena_printf(&c->arena, "/api/v1/datasets/%s", name);
    rc = client_get(c, target, &answer, err);
    return rc ? rc : out_object(c, answer, show_dataset, err);
}
