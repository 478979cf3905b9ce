/* SPDX-License-Identifier: Apache-2.0
 * Drawing of runs: small grids, few words. */
#include "cli/run_report.h"

#include "cli/output.h"
#include "cli/refs.h"
#include "cli/term.h"

const char *ref_model(struct cli *c, const struct json *name, const struct json *version)
{
    if (!name || name->type != JSON_STRING)
        return "-";
    return ref_model_text(c, name->string.p,
                          version && version->type == JSON_STRING ? version->string.p : NULL);
}

void report_title(struct cli *c, const char *title)
{
    term_out(c, "\n%s%s%s\n", term_on(c, 0, PAINT_BOLD), title, term_off(c, 0));
}

/* Rows: every metric that the test part (or the first part that exists) has. */
void report_metrics(struct cli *c, const struct json *result)
{
    static const char *const parts[] = { "test", "baseline", "champion", "train" };
    const struct json *metrics = json_get(result, "metrics");
    const struct json *test = json_get(metrics, "test");
    const char *shown[ARRAY_LEN(parts)];
    size_t k = 0;
    if (!test || test->type != JSON_OBJECT || test->n == 0)
        return;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        const struct json *p = json_get(metrics, parts[i]);
        if (p && p->type == JSON_OBJECT && p->n)
            shown[k++] = parts[i];
    }
    size_t columns = k + 1;
    const char **cells = ARENA_TRY_ARRAY(&c->arena, columns * (test->n + 1), const char *);
    if (!cells)
        return;
    cells[0] = "metric";
    for (size_t j = 0; j < k; j++)
        cells[j + 1] = shown[j];
    size_t rows = 1;
    for (size_t i = 0; i < test->n; i++) {
        const char *name = arena_strndup(&c->arena, test->members[i].key.p, test->members[i].key.n);
        cells[rows * columns] = name;
        for (size_t j = 0; j < k; j++)
            cells[rows * columns + j + 1] =
                out_interval(c, json_get(json_get(metrics, shown[j]), name));
        rows++;
    }
    struct out_grid g = { cells, rows, columns, NULL, "  " };
    report_title(c, "Metrics on the test part");
    out_grid(c, &g);
}

void report_gates(struct cli *c, const struct json *gates)
{
    if (!gates || gates->type != JSON_ARRAY || gates->n == 0)
        return;
    const char **cells = ARENA_TRY_ARRAY(&c->arena, 3 * (gates->n + 1), const char *);
    static const enum cell_kind kinds[] = { CELL_STATE, CELL_TEXT, CELL_TEXT };
    if (!cells)
        return;
    cells[0] = "";
    cells[1] = "gate";
    cells[2] = "values";
    for (size_t i = 0; i < gates->n; i++) {
        const struct json *g = &gates->items[i], *passed = json_get(g, "passed");
        int known = passed && passed->type == JSON_BOOL;
        cells[3 * i + 3] = !known ? "!" : passed->boolean ? "✓" : "✗";
        cells[3 * i + 4] = json_get_string(g, "expr", "");
        cells[3 * i + 5] = json_get_string(g, "message", "");
    }
    struct out_grid g = { cells, gates->n + 1, 3, kinds, "  " };
    report_title(c, "Gates");
    out_grid(c, &g);
}

void report_coefficients(struct cli *c, const struct json *rows)
{
    static const char *const keys[] = { "name", "estimate", "se", "t", "p", "low", "high", "vif" };
    static const enum cell_kind kinds[] = { CELL_TEXT,   CELL_NUMBER, CELL_NUMBER, CELL_NUMBER,
                                            CELL_NUMBER, CELL_NUMBER, CELL_NUMBER, CELL_NUMBER };
    size_t k = ARRAY_LEN(keys);
    if (!rows || rows->type != JSON_ARRAY || rows->n == 0)
        return;
    const char *shown[ARRAY_LEN(keys)]; /* ridge has no standard errors: no empty columns */
    size_t n = 0;
    for (size_t j = 0; j < k; j++) {
        int any = j < 2;
        for (size_t i = 0; i < rows->n && !any; i++) {
            const struct json *v = json_get(&rows->items[i], keys[j]);
            any = v && v->type == JSON_NUMBER;
        }
        if (any)
            shown[n++] = keys[j];
    }
    const char **cells = ARENA_TRY_ARRAY(&c->arena, n * (rows->n + 1), const char *);
    if (!cells)
        return;
    for (size_t i = 0; i <= rows->n; i++)
        for (size_t j = 0; j < n; j++)
            cells[i * n + j] =
                i ? out_cell(c, json_get(&rows->items[i - 1], shown[j]), CELL_NUMBER, 1) : shown[j];
    struct out_grid g = { cells, rows->n + 1, n, kinds, "  " };
    report_title(c, "Coefficients");
    out_grid(c, &g);
}

void report_pairs(struct cli *c, const char *title, const struct json *object)
{
    if (!object || object->type != JSON_OBJECT || object->n == 0)
        return;
    const char **cells = ARENA_TRY_ARRAY(&c->arena, 2 * (object->n + 1), const char *);
    if (!cells)
        return;
    size_t rows = 1;
    cells[0] = "name";
    cells[1] = "value";
    for (size_t i = 0; i < object->n; i++) {
        const struct json *v = &object->members[i].value;
        if (v->type == JSON_ARRAY || v->type == JSON_OBJECT || v->type == JSON_NULL)
            continue;
        cells[2 * rows] =
            arena_strndup(&c->arena, object->members[i].key.p, object->members[i].key.n);
        cells[2 * rows + 1] = out_cell(c, v, CELL_NUMBER, 1);
        rows++;
    }
    struct out_grid g = { cells, rows, 2, NULL, "  " };
    if (rows == 1)
        return;
    report_title(c, title);
    out_grid(c, &g);
}

static void report_comparison(struct cli *c, const struct json *k)
{
    const struct json *d = json_get(k, "difference");
    if (!d)
        return;
    term_out(c, "  %s against champion :%s  %s  p %s  %s\n", json_get_string(k, "metric", ""),
             json_get_string(k, "champion_version", "?"), out_interval(c, d),
             out_cell(c, json_get(d, "p"), CELL_NUMBER, 1),
             !json_get_bool(k, "significant", 1) ? "no clear difference"
             : json_get_bool(k, "better", 0)     ? "better"
                                                 : "not better");
}

static void report_registered(struct cli *c, const struct json *run)
{
    const struct json *versions = json_get(run, "model_versions");
    for (size_t i = 0; versions && i < versions->n; i++) {
        const struct json *v = &versions->items[i];
        const char *digest = out_cell(c, out_path(run, "result.model.digest"), CELL_TEXT, 1);
        term_out(c, "\nregistered %s%s%s  run/%.8s  sha256 %.12s\n", term_on(c, 0, PAINT_GREEN),
                 ref_model(c, json_get(v, "name"), json_get(v, "version")), term_off(c, 0),
                 json_get_string(run, "run_id", ""), digest);
    }
}

void report_lines(struct cli *c, const char *title, const struct json *lines)
{
    if (!lines || lines->type != JSON_ARRAY || lines->n == 0)
        return;
    report_title(c, title);
    for (size_t i = 0; i < lines->n; i++)
        term_out(c, "  %s\n", out_cell(c, &lines->items[i], CELL_TEXT, 1));
}

/* The worst ten: the rest is in -o json and on the page. */
void report_slices(struct cli *c, const struct json *slices)
{
    enum { COLUMNS = 5, SHOWN = 10 };
    static const char *const keys[COLUMNS] = { "column", "value", "n", "rmse", "bias" };
    static const enum cell_kind kinds[COLUMNS] = { CELL_TEXT, CELL_TEXT, CELL_INT, CELL_NUMBER,
                                                   CELL_NUMBER };
    if (!slices || slices->type != JSON_ARRAY || slices->n == 0)
        return;
    size_t n = MIN(slices->n, SHOWN);
    const char *cells[COLUMNS * (SHOWN + 1)];
    for (size_t i = 0; i <= n; i++)
        for (size_t j = 0; j < COLUMNS; j++)
            cells[i * COLUMNS + j] =
                i ? out_cell(c, json_get(&slices->items[i - 1], keys[j]), kinds[j], 1) : keys[j];
    struct out_grid g = { cells, n + 1, COLUMNS, kinds, "  " };
    report_title(c,
                 arena_printf(&c->arena, "Slices of the test part, %zu of %zu, largest rmse first",
                              n, slices->n));
    out_grid(c, &g);
}

void run_report(struct cli *c, const struct json *run)
{
    const struct json *result = json_get(run, "result");
    report_lines(c, "Warnings", out_path(result, "dataset.warnings"));
    report_metrics(c, result);
    report_comparison(c, json_get(result, "comparison"));
    report_gates(c, json_get(result, "gates"));
    report_registered(c, run);
}

void run_started(struct cli *c, const struct json *run)
{
    term_out(c, "started run/%s\n", json_get_string(run, "run_id", ""));
}

static void report_stages(struct cli *c, const struct json *stages)
{
    static const enum cell_kind kinds[] = { CELL_TEXT, CELL_STATE, CELL_DURATION, CELL_INT,
                                            CELL_TEXT };
    size_t k = ARRAY_LEN(kinds);
    if (!stages || stages->type != JSON_ARRAY || stages->n == 0)
        return;
    const char **cells = ARENA_TRY_ARRAY(&c->arena, k * (stages->n + 1), const char *);
    static const char *const titles[] = { "stage", "state", "took", "rows", "why" };
    if (!cells)
        return;
    for (size_t j = 0; j < k; j++)
        cells[j] = titles[j];
    for (size_t i = 0; i < stages->n; i++) {
        const struct json *s = &stages->items[i];
        const char **row = cells + (i + 1) * k;
        row[0] = json_get_string(s, "name", "");
        row[1] = json_get_string(s, "state", "");
        row[2] = out_cell(c, json_get(s, "ms"), CELL_DURATION, 1);
        row[3] = out_cell(c, json_get(s, "rows_out"), CELL_INT, 1);
        row[4] = json_get_string(s, "why", "");
    }
    struct out_grid g = { cells, stages->n + 1, k, kinds, "  " };
    report_title(c, "Stages");
    out_grid(c, &g);
}

void run_show(struct cli *c, const struct json *run)
{
    const char *reason = json_get_string(run, "status_reason", NULL);
    const struct json *stages = json_get(run, "stages");
    const struct json *data = json_get(run, "dataset");
    term_out(c, "%srun/%s%s  %s  %s\n", term_on(c, 0, PAINT_BOLD),
             json_get_string(run, "run_id", ""), term_off(c, 0), json_get_string(run, "status", ""),
             out_time(c, json_get_int(run, "start_time_ms", 0)));
    if (reason && *reason)
        term_out(c, "  %s\n", reason);
    term_out(c, "  experiment %s, user %s, took %s\n", json_get_string(run, "experiment", "-"),
             json_get_string(run, "user", "-"),
             out_cell(c, json_get(run, "duration_ms"), CELL_DURATION, 1));
    if (data && data->type == JSON_OBJECT)
        term_out(c, "  data/%s@%.12s\n", json_get_string(data, "name", "-"),
                 json_get_string(data, "digest", "-"));
    report_pairs(c, "Parameters", json_get(run, "params"));
    report_stages(c,
                  stages && stages->type == JSON_ARRAY ? stages : out_path(run, "result.stages"));
    if (json_get(json_get(run, "result"), "metrics"))
        run_report(c, run);
    else
        report_pairs(c, "Metrics", json_get(run, "metrics"));
    report_pairs(c, "Code", json_get(run, "code"));
    report_pairs(c, "Environment", json_get(run, "environment"));
}
