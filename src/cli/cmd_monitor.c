/* SPDX-License-Identifier: Apache-2.0
 * monitor status, windows, labels, rules: what the monitor of an endpoint knows, and true values
 * from a file. */
#include <math.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/num.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/lists.h"
#include "cli/output.h"
#include "cli/refs.h"
#include "cli/term.h"

enum { BATCH = 20000, CELLS_MAX = 64, FILE_MAX = 512 << 20 };

static int endpoint_target(struct cli *c, const char *rest, const char **out, struct err *err)
{
    struct ref r;
    int rc = ref_parse(c, c->args[0], REF_ENDPOINT, &r, err);
    if (!rc)
        *out = arena_printf(&c->arena, "/api/v1/endpoints/%s/%s", client_escape(c, r.name), rest);
    return rc;
}

/* ---- status ---- */

static enum paint paint_of(const char *state)
{
    return strcmp(state, "ok") == 0        ? PAINT_GREEN
           : strcmp(state, "drifted") == 0 ? PAINT_RED
           : strcmp(state, "warning") == 0 ? PAINT_YELLOW
                                           : PAINT_DIM;
}

static void show_newest(struct cli *c, const struct json *w)
{
    const struct json *r = json_get(w, "realised");
    term_out(c,
             "  newest     %lld rows of version %s, window ended %s: %lld drifted, %lld warned, "
             "%lld ok, %lld with too few values\n",
             (long long)json_get_int(w, "rows", 0), json_get_string(w, "version", ""),
             out_time(c, json_get_int(w, "end_ms", 0)), (long long)json_get_int(w, "drifted", 0),
             (long long)json_get_int(w, "warnings", 0), (long long)json_get_int(w, "ok", 0),
             (long long)json_get_int(w, "insufficient", 0));
    if (json_get_int(w, "gap_ms", 0))
        term_out(c, "  gap        %s of it were not counted\n",
                 out_duration(c, (double)json_get_int(w, "gap_ms", 0)));
    if (json_get_int(r, "labelled", 0))
        term_out(c, "  realised   rmse %s over %lld of %lld predictions\n",
                 out_number(c, json_get_number(r, "rmse", NAN)),
                 (long long)json_get_int(r, "labelled", 0), (long long)json_get_int(r, "n", 0));
}

static void show_status(struct cli *c, const struct json *v)
{
    const char *state = json_get_string(v, "state", ""), *problem;
    const struct json *log = json_get(v, "log"), *newest = json_get(v, "newest"),
                      *reference = json_get(v, "reference");
    term_out(c, "%sendpoint/%s%s  %s:%s  %s%s%s\n", term_on(c, 0, PAINT_BOLD),
             json_get_string(v, "endpoint", ""), term_off(c, 0), json_get_string(v, "model", ""),
             json_get_string(v, "version", ""), term_on(c, 0, paint_of(state)), state,
             term_off(c, 0));
    if (!reference || reference->type != JSON_OBJECT)
        term_out(c, "  reference  none: only traffic is counted; models trained by 'slipway run' "
                    "bring one\n");
    else
        term_out(c, "  reference  %lld rows, %lld features, rmse %s\n",
                 (long long)json_get_int(reference, "rows", 0),
                 (long long)json_get_int(reference, "features", 0),
                 out_number(c, json_get_number(reference, "rmse", NAN)));
    term_out(c, "  window     %s; %lld rows in the open one\n",
             out_duration(c, (double)json_get_int(v, "window_ms", 0)),
             (long long)json_get_int(json_get(v, "open"), "rows", 0));
    if (newest && newest->type == JSON_OBJECT)
        show_newest(c, newest);
    term_out(c, "  log        %lld predictions, %lld dropped, %lld labels, %lld of them unknown\n",
             (long long)json_get_int(log, "predictions", 0),
             (long long)json_get_int(log, "dropped", 0), (long long)json_get_int(log, "labels", 0),
             (long long)json_get_int(log, "labels_unknown", 0));
    problem = json_get_string(v, "problem", NULL);
    if (problem)
        term_out(c, "  %sproblem    %s%s\n", term_on(c, 0, PAINT_RED), problem, term_off(c, 0));
}

int cmd_monitor_status(struct cli *c, struct err *err)
{
    const struct json *answer;
    const char *target;
    int rc = endpoint_target(c, "monitor", &target, err);
    if (!rc)
        rc = client_get(c, target, &answer, err);
    return rc ? rc : out_object(c, answer, show_status, err);
}

int cmd_monitor_windows(struct cli *c, struct err *err)
{
    const struct json *answer;
    const char *target, *feature = cli_get(c, "feature"), *limit = cli_get(c, "limit");
    int rc = endpoint_target(c, "monitor/windows", &target, err);
    if (rc)
        return rc;
    target = arena_printf(&c->arena, "%s?limit=%s%s%s", target, limit ? limit : "20",
                          feature ? "&feature=" : "", feature ? client_escape(c, feature) : "");
    rc = client_get(c, target, &answer, err);
    return rc ? rc
              : out_list(c, json_get(answer, "windows"), c->command->columns, c->command->column_n,
                         0, err);
}

/* ---- rules ---- */

int cmd_monitor_rules(struct cli *c, struct err *err)
{
    struct reply r;
    int rc = client_call(c, "GET", "/api/v1/prometheus/rules", (str_t){ 0 }, &r, err);
    if (!rc)
        term_out(c, "%.*s", STR_ARG(r.body));
    return rc;
}

/* ---- labels ---- */

/* A file on its way to the route, in batches. */
struct sending {
    struct cli *c;
    const char *target;
    struct buf body;
    struct json_out out;
    size_t n, first_line, accepted, unknown;
};

static void begin_batch(struct sending *s, size_t line)
{
    buf_clear(&s->body);
    json_out_init(&s->out, &s->body);
    jo_object(&s->out);
    jo_key(&s->out, "labels");
    jo_array(&s->out);
    s->n = 0;
    s->first_line = line;
}

static int send_batch(struct sending *s, struct err *err)
{
    struct reply r;
    if (s->n == 0)
        return 0;
    jo_array_end(&s->out);
    jo_object_end(&s->out);
    if (s->body.failed)
        return ERR(err, ERR_LIMIT, "the labels of one batch are too large");
    int rc = client_call(s->c, "POST", s->target, buf_view(&s->body), &r, err);
    if (rc)
        return err_prefix(err, rc, "the rows from line %zu on", s->first_line);
    s->accepted += (size_t)json_get_int(&r.json, "accepted", 0);
    s->unknown += (size_t)json_get_int(&r.json, "unknown", 0);
    return 0;
}

static str_t next_cell(str_t *line)
{
    str_t cell, rest;
    if (!str_cut(*line, ',', &cell, &rest)) {
        cell = *line;
        rest = (str_t){ 0 };
    }
    *line = rest;
    cell = str_trim(cell);
    if (cell.n >= 2 && cell.p[0] == '"' && cell.p[cell.n - 1] == '"')
        cell = (str_t){ cell.p + 1, cell.n - 2 };
    return cell;
}

/* Columns of a CSV file by name; -1: absent. */
struct head {
    int id, label, time;
};

static struct head read_head(str_t line)
{
    struct head h = { -1, -1, -1 };
    if (str_starts(line, "\xef\xbb\xbf"))
        line = (str_t){ line.p + 3, line.n - 3 };
    for (int i = 0; i < CELLS_MAX && line.n; i++) {
        str_t cell = next_cell(&line);
        h.id = str_is(cell, "prediction_id") ? i : h.id;
        h.label = str_is(cell, "label") ? i : h.label;
        h.time = str_is(cell, "time") ? i : h.time;
    }
    return h;
}

static void put_record(struct sending *s, const struct head *h, str_t line)
{
    str_t cells[CELLS_MAX] = { { 0 } };
    double v;
    for (int i = 0; i < CELLS_MAX && line.n; i++)
        cells[i] = next_cell(&line);
    jo_object(&s->out);
    jo_kv_str(&s->out, "prediction_id", cells[h->id]);
    if (parse_double(cells[h->label], &v) == 0 && isfinite(v))
        jo_kv_double(&s->out, "label", v);
    else if (str_is(cells[h->label], "true") || str_is(cells[h->label], "false"))
        jo_kv_bool(&s->out, "label", str_is(cells[h->label], "true"));
    else
        jo_kv_str(&s->out, "label", cells[h->label]); /* the route says what is wrong with it */
    if (h->time >= 0 && cells[h->time].n)
        jo_kv_str(&s->out, "time", cells[h->time]);
    jo_object_end(&s->out);
    s->n++;
}

static int put_line(struct sending *s, struct head *h, int lines, str_t line, size_t number,
                    struct err *err)
{
    if (lines) {
        jo_raw(&s->out, line);
        s->n++;
        return 0;
    }
    if (h->id >= 0) {
        put_record(s, h, line);
        return 0;
    }
    *h = read_head(line);
    s->first_line = number + 1;
    return h->id >= 0 && h->label >= 0
               ? 0
               : ERR(err, ERR_INVALID,
                     "the first line must name the columns 'prediction_id' and 'label' (and "
                     "'time' if there is one), or every line be a JSON object");
}

static int send_lines(struct sending *s, str_t text, struct err *err)
{
    struct head h = { -1, -1, -1 };
    int lines = str_starts(str_trim(text), "{"), rc = 0;
    size_t number = 0;
    begin_batch(s, 1);
    while (!rc && text.n) {
        str_t line, rest;
        if (!str_cut(text, '\n', &line, &rest)) {
            line = text;
            rest = (str_t){ 0 };
        }
        text = rest;
        number++;
        line = str_trim(line);
        if (line.n == 0)
            continue;
        rc = put_line(s, &h, lines, line, number, err);
        if (!rc && s->n == BATCH) {
            rc = send_batch(s, err);
            begin_batch(s, number + 1);
        }
    }
    return rc ? rc : send_batch(s, err);
}

int cmd_monitor_labels(struct cli *c, struct err *err)
{
    struct sending s = { .c = c };
    struct arena a;
    str_t text;
    int rc = endpoint_target(c, "labels", &s.target, err);
    if (rc)
        return rc;
    arena_init(&a, (size_t)FILE_MAX + MIB(1));
    buf_init(&s.body, LIMIT_BODY_CONTROL);
    rc = fs_read(&a, c->args[1], FILE_MAX, &text, err);
    if (!rc)
        rc = send_lines(&s, text, err);
    buf_fini(&s.body);
    arena_fini(&a);
    if (s.accepted)
        term_out(c, "%zu labels kept, %zu of them without a prediction in the log\n", s.accepted,
                 s.unknown);
    return rc;
}
