/* SPDX-License-Identifier: Apache-2.0
 * monitor drift: two files compared column by column, in a child process that loads the data
 * engine. Exit status 1 when a column drifted, 8 when no column could be judged. */
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/num.h"
#include "cli/child.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/run_report.h"
#include "cli/term.h"
#include "monitor/judge.h"

enum { TIME_MAX_S = 86400, DRIFTED = 1, NOT_JUDGED = 8, COLUMNS_N = 8 };

struct asked {
    struct cli *c;
    const char *reference, *current; /* absolute */
    const char *dir;                 /* ours, temporary */
    int method[MONITOR_METHODS];     /* in the order asked for; -1 ends */
    size_t method_n;                 /* 0: the deciding one of each column */
    double alpha, floor;
};

/* ---- what is asked ---- */
static int share_flag(struct cli *c, const char *flag, double fallback, double max, double *out,
                      struct err *err)
{
    const char *text = cli_get(c, flag);
    *out = fallback;
    if (!text)
        return 0;
    if (parse_double(str_of(text), out) != 0 || !(*out >= 0 && *out <= max))
        return ERR(err, ERR_INVALID, "--%s must be a number from 0 to %g, not '%s'", flag, max,
                   text);
    return 0;
}

static int methods_flag(struct asked *q, struct err *err)
{
    const char *text = cli_get(q->c, "methods");
    str_t rest = str_of(text ? text : ""), word;
    while (rest.n) {
        enum monitor_method m;
        str_t all = rest;
        if (!str_cut(all, ',', &word, &rest)) {
            word = all;
            rest = (str_t){ 0 };
        }
        int rc = monitor_method_of(str_trim(word), &m, err);
        if (rc)
            return rc;
        for (size_t i = 0; i < q->method_n; i++)
            if (q->method[i] == (int)m)
                return ERR(err, ERR_INVALID, "--methods names '%.*s' twice", STR_ARG(word));
        q->method[q->method_n++] = (int)m;
    }
    return 0;
}

static int full_path(struct cli *c, const char *path, const char **out, struct err *err)
{
    char here[4096];
    *out = path;
    if (path[0] != '/') {
        if (!getcwd(here, sizeof here))
            return ERR_SYS(err, "cannot tell the working folder");
        *out = fs_join(&c->arena, here, path);
    }
    return fs_exists(*out) ? 0 : ERR(err, ERR_NOT_FOUND, "there is no file '%s'", path);
}

static int write_spec(struct asked *q, const char *path, struct err *err)
{
    AUTO(buf_fini) struct buf b;
    struct json_out o;
    const char *name;
    size_t cursor = 0;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    buf_init(&b, MIB(1));
    json_out_init(&o, &b);
    jo_object(&o);
    jo_kv_cstr(&o, "reference", q->reference);
    jo_kv_cstr(&o, "current", q->current);
    jo_kv_cstr(&o, "result", fs_join(&q->c->arena, q->dir, "result.json"));
    jo_kv_cstr(&o, "temp_dir", fs_join(&q->c->arena, q->dir, "spill"));
    jo_kv_int(&o, "threads", cores > 0 ? cores : 1);
    jo_kv_double(&o, "alpha", q->alpha);
    jo_kv_double(&o, "floor", q->floor);
    jo_key(&o, "methods");
    jo_array(&o);
    for (size_t i = 0; i < q->method_n; i++)
        jo_cstr(&o, monitor_method_name((enum monitor_method)q->method[i]));
    jo_array_end(&o);
    jo_key(&o, "ignore");
    jo_array(&o);
    while ((name = cli_next(q->c, "ignore", &cursor)))
        jo_cstr(&o, name);
    jo_array_end(&o);
    jo_object_end(&o);
    int rc = fs_mkdirs(fs_join(&q->c->arena, q->dir, "spill"), err);
    return rc ? rc : fs_write_cache(path, buf_view(&b), err);
}

/* ---- what was found ---- */
/* Rows: drifted first, then warnings, then what could not be judged, then the rest. */
static int rank_of(const char *state)
{
    static const char *const order[] = { "drifted", "warning", "insufficient_data", "ok" };
    int i = 0;
    while (i < 3 && strcmp(order[i], state) != 0)
        i++;
    return i;
}

static const char *number_cell(struct cli *c, const struct json *v, const char *key)
{
    double x = v ? json_get_number(v, key, NAN) : NAN;
    return isnan(x) ? "-" : out_number(c, x);
}

static void put_row(struct cli *c, const char **cells, const struct json *feature,
                    const char *method, int deciding)
{
    const struct json *tests = json_get(feature, "tests"),
                      *t = tests ? json_get(tests, method) : NULL;
    const char *name = json_get_string(feature, "name", "");
    cells[0] = name;
    cells[1] = method;
    cells[2] = t ? json_get_string(t, "state", "") : "insufficient_data";
    if (deciding)
        cells[2] = json_get_string(feature, "state", "");
    cells[3] = number_cell(c, t, "statistic");
    cells[4] = number_cell(c, t, "threshold");
    cells[5] = number_cell(c, t, "p");
    cells[6] = number_cell(c, deciding ? feature : t, "p_adjusted");
    cells[7] = number_cell(c, t, "effect");
}

/* The methods of one column that the table shows; returns their number. */
static size_t shown_methods(const struct json *asked, const struct json *feature, const char **out)
{
    const struct json *tests = json_get(feature, "tests");
    const char *deciding = json_get_string(feature, "method", "");
    size_t n = 0;
    for (size_t i = 0; asked && i < asked->n; i++) {
        const char *m = asked->items[i].string.p;
        if (tests && json_get(tests, m))
            out[n++] = m;
    }
    if (n == 0)
        out[n++] = deciding;
    return n;
}

static void show_columns(struct cli *c, const struct json *v)
{
    static const char *const titles[] = { "column",    "method", "state",      "statistic",
                                          "threshold", "p",      "adjusted p", "effect" };
    static const enum cell_kind kinds[] = { CELL_TEXT,   CELL_TEXT,   CELL_STATE,  CELL_NUMBER,
                                            CELL_NUMBER, CELL_NUMBER, CELL_NUMBER, CELL_NUMBER };
    const struct json *features = json_get(v, "features"), *asked = json_get(v, "methods");
    size_t rows = 1;
    if (!features || features->type != JSON_ARRAY)
        return;
    const char **cells =
        ARENA_TRY_ARRAY(&c->arena, COLUMNS_N * (features->n * MONITOR_METHODS + 1), const char *);
    if (!cells)
        return;
    memcpy(cells, titles, sizeof titles);
    for (int rank = 0; rank < 4; rank++)
        for (size_t i = 0; i < features->n; i++) {
            const struct json *f = &features->items[i];
            const char *methods[MONITOR_METHODS];
            if (rank_of(json_get_string(f, "state", "")) != rank)
                continue;
            size_t n = shown_methods(asked, f, methods);
            for (size_t m = 0; m < n; m++)
                put_row(c, cells + COLUMNS_N * rows++, f, methods[m],
                        strcmp(methods[m], json_get_string(f, "method", "")) == 0);
        }
    struct out_grid g = { cells, rows, COLUMNS_N, kinds, "" };
    out_grid(c, &g);
}

static void show(struct cli *c, const struct json *v)
{
    const struct json *findings = json_get(v, "findings"), *features = json_get(v, "features");
    show_columns(c, v);
    for (size_t i = 0; findings && findings->type == JSON_ARRAY && i < findings->n; i++) {
        if (i == 0)
            report_title(c, "Findings");
        term_out(c, "  %s %s\n",
                 json_get_bool(&findings->items[i], "severe", 0) ? (c->utf8 ? "✗" : "x") : "!",
                 json_get_string(&findings->items[i], "message", ""));
    }
    term_out(c, "\n%lld of %zu columns drifted; %lld rows against %lld\n",
             (long long)json_get_int(v, "drifted", 0), features ? features->n : 0,
             (long long)json_get_int(v, "rows", 0),
             (long long)json_get_int(v, "reference_rows", 0));
}

/* ---- the child ---- */
static int read_result(struct asked *q, const struct child_end *end, struct json *out,
                       struct err *err)
{
    struct cli *c = q->c;
    const char *path = fs_join(&c->arena, q->dir, "result.json");
    str_t text;
    if (end->timed_out)
        return ERR(err, ERR_TIMEOUT, "comparing took longer than a day and was stopped");
    if (end->signal)
        return ERR(err, ERR_FAILED,
                   "the process that compared the files was killed (signal %d); was there enough "
                   "memory?",
                   end->signal);
    if (!fs_exists(path))
        return ERR(err, ERR_INTERNAL, "the comparison left no result: %s", end->text);
    int rc = fs_read(&c->arena, path, MIB(64), &text, err);
    if (rc == 0)
        rc = json_parse(&c->arena, text, NULL, out, err);
    const struct json *problem = rc ? NULL : json_get(out, "error");
    if (problem)
        return ERR(err, (int)json_get_int(problem, "code", ERR_INTERNAL), "%s",
                   json_get_string(problem, "message", ""));
    return rc;
}

static int compare(struct asked *q, struct json *out, struct err *err)
{
    struct cli *c = q->c;
    struct child_end end;
    const char *spec_path = fs_join(&c->arena, q->dir, "spec.json");
    int rc = write_spec(q, spec_path, err);
    if (rc)
        return rc;
    const char *argv[] = { proc_self(), "_drift", spec_path, NULL };
    struct child_spec spec = { .argv = argv,
                               .dir = q->dir,
                               .timeout_ms = (int64_t)TIME_MAX_S * 1000,
                               .waiting = "comparing" };
    rc = child_run(c, &spec, &end, err);
    return rc ? rc : read_result(q, &end, out, err);
}

int cmd_monitor_drift(struct cli *c, struct err *err)
{
    struct asked q = { .c = c };
    struct json answer;
    const char *tmp = getenv("TMPDIR");
    int rc = methods_flag(&q, err);
    if (!rc)
        rc = share_flag(c, "alpha", 0.05, 0.5, &q.alpha, err);
    if (!rc && q.alpha == 0)
        rc = ERR(err, ERR_INVALID, "--alpha must be above 0");
    if (!rc)
        rc = share_flag(c, "floor", 0.1, 1e9, &q.floor, err);
    if (!rc)
        rc = full_path(c, c->args[0], &q.reference, err);
    if (!rc)
        rc = full_path(c, c->args[1], &q.current, err);
    if (rc)
        return rc;
    char *dir =
        arena_printf(&c->arena, "%s/slipway-drift-XXXXXX", tmp && *tmp == '/' ? tmp : "/tmp");
    if (!mkdtemp(dir))
        return ERR_SYS(err, "cannot make a temporary folder '%s'", dir);
    q.dir = dir;
    term_catch_interrupt();
    rc = compare(&q, &answer, err);
    IGNORE(fs_remove_tree(dir, NULL));
    if (!rc)
        rc = out_object(c, &answer, show, err);
    if (rc)
        return rc;
    const char *state = json_get_string(&answer, "state", "");
    return strcmp(state, "drifted") == 0             ? DRIFTED
           : strcmp(state, "insufficient_data") == 0 ? NOT_JUDGED
                                                     : 0;
}
