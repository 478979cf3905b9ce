/* SPDX-License-Identifier: Apache-2.0
 * model ls, show, compare. */
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/lists.h"
#include "cli/output.h"
#include "cli/refs.h"
#include "cli/run_report.h"
#include "cli/term.h"

int cmd_model_ls(struct cli *c, struct err *err)
{
    return list_print(c, "/api/v1/models", NULL, NULL, 0, err);
}

/* ---- show ---- */

static void put_fields(struct cli *c, const struct json *v, const char *const *keys, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct json *x = out_path(v, keys[i]);
        if (x && x->type != JSON_NULL)
            term_out(c, "  %-12s %s\n", keys[i], out_cell(c, x, CELL_LIST, 1));
    }
}

static void show_model(struct cli *c, const struct json *m)
{
    static const char *const keys[] = { "description", "aliases", "endpoints", "tags" };
    static const struct cli_column columns[] = {
        { "VERSION", "version", CELL_TEXT, 0 },
        { "ALIASES", "aliases", CELL_LIST, 0 },
        { "ENDPOINTS", "endpoints", CELL_LIST, 0 },
        { "RMSE", "metrics.rmse", CELL_TEXT, 0 },
        { "FAMILY", "family", CELL_TEXT, 0 },
        { "RUN", "run_id", CELL_ID, 0 },
        { "CREATED", "creation_time_ms", CELL_TIME, 0 },
    };
    enum { K = ARRAY_LEN(columns) };
    const struct json *versions = json_get(m, "versions");
    const char *name = json_get_string(m, "name", "");
    term_out(c, "%s%s%s\n", term_on(c, 0, PAINT_BOLD), name, term_off(c, 0));
    put_fields(c, m, keys, ARRAY_LEN(keys));
    if (!versions || versions->n == 0)
        return;
    const char **cells = ARENA_TRY_ARRAY(&c->arena, (versions->n + 1) * K, const char *);
    if (!cells)
        return;
    for (size_t j = 0; j < K; j++)
        cells[j] = columns[j].title;
    for (size_t i = 0; i < versions->n; i++)
        for (size_t j = 0; j < K; j++) {
            const struct json *x = out_path(&versions->items[i], columns[j].path);
            cells[(i + 1) * K + j] =
                j == 3 ? out_interval(c, x) : out_cell(c, x, columns[j].kind, 1);
        }
    struct out_grid g = { cells, versions->n + 1, K, NULL, "  " };
    report_title(c, "Versions");
    out_grid(c, &g);
    term_note(c, "→ slipway model show %s:%s", name, json_get_string(m, "latest_version", "1"));
}

static void show_signature(struct cli *c, const struct json *signature)
{
    static const char *const sides[] = { "inputs", "outputs" };
    if (!signature || signature->type != JSON_OBJECT)
        return;
    report_title(c, "Signature");
    for (size_t s = 0; s < ARRAY_LEN(sides); s++) {
        const struct json *list = json_get(signature, sides[s]);
        term_out(c, "  %-8s", sides[s]);
        for (size_t i = 0; list && i < list->n; i++)
            term_out(c, "%s%s: %s%s", i ? ", " : " ", json_get_string(&list->items[i], "name", "?"),
                     json_get_string(&list->items[i], "type", "?"),
                     json_get_bool(&list->items[i], "required", 1) ? "" : " (optional)");
        term_out(c, "\n");
    }
}

static void show_metrics(struct cli *c, const struct json *metrics)
{
    if (!metrics || metrics->type != JSON_OBJECT || metrics->n == 0)
        return;
    const char **cells = ARENA_TRY_ARRAY(&c->arena, 2 * (metrics->n + 1), const char *);
    if (!cells)
        return;
    cells[0] = "metric";
    cells[1] = "test, with interval";
    for (size_t i = 0; i < metrics->n; i++) {
        cells[2 * i + 2] =
            arena_strndup(&c->arena, metrics->members[i].key.p, metrics->members[i].key.n);
        cells[2 * i + 3] = out_interval(c, &metrics->members[i].value);
    }
    struct out_grid g = { cells, metrics->n + 1, 2, NULL, "  " };
    report_title(c, "Metrics");
    out_grid(c, &g);
}

static void show_predictor(struct cli *c, const struct json *p)
{
    const struct json *nodes = json_get(p, "nodes");
    if (!p || p->type != JSON_OBJECT)
        return;
    report_pairs(c, "Compiled predictor", p);
    for (size_t i = 0; nodes && nodes->type == JSON_ARRAY && i < nodes->n; i++)
        term_out(c, "  %2zu  %s\n", i + 1, out_cell(c, &nodes->items[i], CELL_LIST, 1));
}

static void show_reference(struct cli *c, const struct json *v)
{
    term_out(c, "  %-12s %s\n", "reference",
             json_get_bool(v, "reference", 0)
                 ? "monitor.json, what drift is measured against"
                 : "none: not made by 'slipway run', or by an older one; no drift can be measured");
}

static void show_files(struct cli *c, const struct json *files)
{
    for (size_t i = 0; files && files->type == JSON_ARRAY && i < files->n; i++) {
        if (i == 0)
            report_title(c, "Files");
        term_out(c, "  %-32s %10s  sha256 %.12s\n", json_get_string(&files->items[i], "path", ""),
                 out_cell(c, json_get(&files->items[i], "bytes"), CELL_BYTES, 1),
                 json_get_string(&files->items[i], "sha256", ""));
    }
}

static void show_version(struct cli *c, const struct json *v)
{
    static const char *const keys[] = { "aliases",     "endpoints",    "description",
                                        "tags",        "family",       "run_id",
                                        "digest",      "dataset.name", "dataset.digest",
                                        "code.commit", "seed" };
    term_out(c, "%s%s%s  %s\n", term_on(c, 0, PAINT_BOLD),
             ref_model(c, json_get(v, "name"), json_get(v, "version")), term_off(c, 0),
             out_time(c, json_get_int(v, "creation_time_ms", 0)));
    put_fields(c, v, keys, ARRAY_LEN(keys));
    show_reference(c, v);
    show_signature(c, json_get(v, "signature"));
    show_metrics(c, json_get(v, "metrics"));
    report_gates(c, json_get(v, "gates"));
    report_coefficients(c, json_get(v, "coefficients"));
    report_pairs(c, "Fit", json_get(v, "fit"));
    report_lines(c, "Collinear columns", out_path(v, "fit.collinear"));
    report_slices(c, json_get(v, "slices"));
    report_pairs(c, "Parameters", json_get(v, "params"));
    report_pairs(c, "Environment", json_get(v, "environment"));
    show_files(c, json_get(v, "files"));
    show_predictor(c, json_get(v, "predictor"));
}

int cmd_model_show(struct cli *c, struct err *err)
{
    const struct json *answer;
    struct ref r;
    int rc = ref_parse(c, c->args[0], REF_MODEL, &r, err);
    if (rc)
        return rc;
    const char *name = client_escape(c, r.name);
    if (!r.version) {
        rc = client_get(c, arena_printf(&c->arena, "/api/v1/models/%s", name), &answer, err);
        return rc ? rc : out_object(c, answer, show_model, err);
    }
    rc = client_get(
        c,
        arena_printf(&c->arena, "/api/v1/models/%s/versions/%s", name, client_escape(c, r.version)),
        &answer, err);
    return rc ? rc : out_object(c, answer, show_version, err);
}

/* ---- compare ---- */

/* "champion" and the newest, or the two newest when the champion is the newest. */
static int default_pair(struct cli *c, const char *name, const char **out, struct err *err)
{
    const struct json *m;
    int rc = client_get(c, arena_printf(&c->arena, "/api/v1/models/%s", client_escape(c, name)), &m,
                        err);
    if (rc)
        return rc;
    const struct json *champion = out_path(m, "aliases.champion"),
                      *versions = json_get(m, "versions");
    const char *latest = json_get_string(m, "latest_version", NULL);
    if (!latest)
        return ERR(err, ERR_NOT_FOUND, "model '%s' has no version yet", name);
    const char *first = champion && champion->type == JSON_STRING ? champion->string.p : NULL;
    for (size_t i = 0; (!first || strcmp(first, latest) == 0) && versions && i < versions->n; i++) {
        const char *v = json_get_string(&versions->items[i], "version", latest);
        if (strcmp(v, latest) != 0) {
            first = v;
            break;
        }
    }
    if (!first || strcmp(first, latest) == 0)
        return ERR(err, ERR_NOT_FOUND,
                   "model '%s' has only version %s; there is nothing to compare it with", name,
                   latest);
    *out = arena_printf(&c->arena, "%s,%s", client_escape(c, first), client_escape(c, latest));
    return 0;
}

int cmd_model_compare(struct cli *c, struct err *err)
{
    const struct json *answer;
    const char *name = NULL, *versions = NULL;
    for (size_t i = 0; i < c->arg_n; i++) {
        struct ref r;
        int bare = i > 0 && !strpbrk(c->args[i], ":@/");
        const char *text = bare ? arena_printf(&c->arena, "%s:%s", name, c->args[i]) : c->args[i];
        int rc = ref_parse(c, text, REF_MODEL, &r, err);
        if (rc)
            return rc;
        if (name && strcmp(name, r.name) != 0)
            return ERR(
                err, ERR_INVALID,
                "'%s' and '%s' are different models; compare their runs: slipway exp compare", name,
                r.name);
        name = r.name;
        if (r.version)
            versions = versions
                           ? arena_printf(&c->arena, "%s,%s", versions, client_escape(c, r.version))
                           : client_escape(c, r.version);
    }
    int rc = 0;
    if (!versions)
        rc = default_pair(c, name, &versions, err);
    else if (!strchr(versions, ','))
        return ERR(err, ERR_INVALID, "comparing needs two versions: slipway model compare %s 1 2",
                   name);
    if (!rc)
        rc = client_get(c,
                        arena_printf(&c->arena, "/api/v1/models/%s/compare?versions=%s",
                                     client_escape(c, name), versions),
                        &answer, err);
    return rc ? rc : compare_print(c, answer, err);
}
