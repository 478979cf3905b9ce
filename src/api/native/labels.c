/* SPDX-License-Identifier: Apache-2.0
 * POST /api/v1/endpoints/{name}/labels: true values of predictions, as JSON, one JSON object a
 * line, or CSV. A row of a wrong type refuses all of them by its number; ids that nobody knows are
 * kept and counted. Worker threads. */
#include <math.h>

#include "api/app.h"
#include "api/native/handler.h"
#include "api/tables.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/num.h"
#include "monitor/monitor.h"
#include "rollout/endpoint.h"
#include "rollout/follow.h"
#include "store/rows.h"

struct reading {
    struct arena *a;
    struct monitor_label *list;
    size_t n, cap;
};

static int add(struct reading *r, const struct monitor_label *l, struct err *err)
{
    r->list = rows_room(r->a, r->list, r->n, &r->cap, sizeof *r->list);
    if (!r->list)
        return ERR(err, ERR_LIMIT,
                   "the labels do not fit in the memory of one request: send fewer");
    r->list[r->n++] = *l;
    return 0;
}

static int bad_row(struct err *err, size_t row, const char *why)
{
    return ERR(err, ERR_INVALID, "labels[%zu]: %s", row, why);
}

static int read_time(str_t text, int64_t *out)
{
    return parse_i64(text, out) && clock_parse(text, out) ? -1 : *out < 0 ? -1 : 0;
}

/* ---- JSON ---- */

static int read_value(const struct json *v, double *out)
{
    if (v && v->type == JSON_BOOL)
        *out = v->boolean;
    else if (v && v->type == JSON_NUMBER && isfinite(v->number))
        *out = v->number;
    else
        return -1;
    return 0;
}

static int read_object(struct reading *r, const struct json *v, size_t row, struct err *err)
{
    struct monitor_label l = { 0 };
    const struct json *id = json_get(v, "prediction_id"), *time = json_get(v, "time");
    if (v->type != JSON_OBJECT)
        return bad_row(err, row, "expected an object with 'prediction_id' and 'label'");
    if (!id || id->type != JSON_STRING)
        return bad_row(err, row, "'prediction_id' must be the id of an answer, a string");
    int rc = monitor_label_id(id->string, &l, err);
    if (rc)
        return err_prefix(err, rc, "labels[%zu]", row);
    if (read_value(json_get(v, "label"), &l.value))
        return bad_row(err, row, "'label' must be a number, or true or false");
    if (time && time->type == JSON_NUMBER && time->is_integer && time->integer >= 0)
        l.time_ms = time->integer;
    else if (time && time->type != JSON_NULL &&
             (time->type != JSON_STRING || read_time(time->string, &l.time_ms)))
        return bad_row(err, row, "'time' must be milliseconds since 1970 or RFC 3339");
    return add(r, &l, err);
}

static int read_json(struct request *rq, struct reading *r, struct err *err)
{
    struct json body;
    int rc = route_body(rq, &body, err);
    const struct json *list = rc ? NULL : json_get(&body, "labels");
    if (!rc && (!list || list->type != JSON_ARRAY))
        rc = ERR(err, ERR_INVALID,
                 "the body must have 'labels', a list of {\"prediction_id\": …, \"label\": …}");
    for (size_t i = 0; !rc && i < list->n; i++)
        rc = read_object(r, &list->items[i], i, err);
    return rc;
}

static int read_lines(struct request *rq, struct reading *r, struct err *err)
{
    str_t rest = rq->body, line;
    int rc = 0;
    for (size_t row = 0; !rc && rest.n; row++) {
        struct json v;
        struct arena a;
        if (!str_cut(rest, '\n', &line, &rest)) {
            line = rest;
            rest = (str_t){ 0 };
        }
        if (str_trim(line).n == 0) {
            row--;
            continue;
        }
        arena_init(&a, MIB(1));
        rc = json_parse(&a, line, NULL, &v, err);
        rc = rc ? err_prefix(err, rc, "labels[%zu]", row) : read_object(r, &v, row, err);
        arena_fini(&a);
    }
    return rc;
}

/* ---- CSV: names in the first line; no field needs quotes, some writers set them ---- */

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

enum { AT_ID, AT_LABEL, AT_TIME, AT_N, CELLS_MAX = 64 };

static int read_head(str_t line, int at[AT_N], struct err *err)
{
    static const char *const names[AT_N] = { "prediction_id", "label", "time" };
    if (str_starts(line, "\xef\xbb\xbf"))
        line = (str_t){ line.p + 3, line.n - 3 };
    for (int k = 0; k < AT_N; k++)
        at[k] = -1;
    for (int i = 0; i < CELLS_MAX && line.n; i++) {
        str_t cell = next_cell(&line);
        for (int k = 0; k < AT_N; k++)
            if (str_is(cell, names[k]))
                at[k] = i;
    }
    return at[AT_ID] >= 0 && at[AT_LABEL] >= 0
               ? 0
               : ERR(err, ERR_INVALID,
                     "the first line must name the columns 'prediction_id' and 'label', and "
                     "'time' if there is one");
}

static int read_record(struct reading *r, str_t line, const int at[AT_N], size_t row,
                       struct err *err)
{
    struct monitor_label l = { 0 };
    str_t cells[CELLS_MAX] = { { 0 } };
    uint64_t flag = 0;
    for (int i = 0; i < CELLS_MAX && line.n; i++)
        cells[i] = next_cell(&line);
    int rc = monitor_label_id(cells[at[AT_ID]], &l, err);
    if (rc)
        return err_prefix(err, rc, "labels[%zu]", row);
    str_t value = cells[at[AT_LABEL]];
    flag = str_is(value, "true");
    if (flag || str_is(value, "false"))
        l.value = (double)flag;
    else if (parse_double(value, &l.value) || !isfinite(l.value))
        return ERR(err, ERR_INVALID, "labels[%zu]: 'label' must be a number, not '%.*s'", row,
                   (int)MIN(value.n, (size_t)60), value.p);
    if (at[AT_TIME] >= 0 && cells[at[AT_TIME]].n && read_time(cells[at[AT_TIME]], &l.time_ms))
        return bad_row(err, row, "'time' must be milliseconds since 1970 or RFC 3339");
    return add(r, &l, err);
}

static int read_csv(struct request *rq, struct reading *r, struct err *err)
{
    str_t rest = rq->body, line;
    int at[AT_N], has_head = 0, rc = 0;
    for (size_t row = 0; !rc && rest.n;) {
        if (!str_cut(rest, '\n', &line, &rest)) {
            line = rest;
            rest = (str_t){ 0 };
        }
        line = str_trim(line);
        if (line.n == 0)
            continue;
        rc = has_head ? read_record(r, line, at, row++, err) : read_head(line, at, err);
        has_head = 1;
    }
    return rc;
}

/* ---- the handler ---- */

static int find_endpoint(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    return endpoint_get(tx, &rq->arena, handler_project(rq), handler_param(rq, "name"), arg, err);
}

static int post_labels(struct request *rq, struct err *err)
{
    struct app *app = app_of(rq);
    struct endpoint_row row;
    struct reading r = { .a = &rq->arena };
    struct monitor_labels_done done = { 0 };
    str_t type = request_header(rq, "content-type");
    int rc = handler_read(rq, find_endpoint, &row, err);
    if (rc)
        return rc;
    if (str_starts(type, "text/csv"))
        rc = read_csv(rq, &r, err);
    else if (str_starts(type, "application/x-ndjson") || str_starts(type, "application/jsonl"))
        rc = read_lines(rq, &r, err);
    else
        rc = read_json(rq, &r, err);
    if (!rc)
        rc = app_monitor_open(app, err);
    if (!rc)
        rc = monitor_labels_add(app->monitor,
                                follow_served_name(&rq->arena, handler_project(rq), row.name),
                                r.list, r.n, clock_now_ms(), &done, err);
    if (rc)
        return rc;
    struct json_out o;
    route_json(rq, &o);
    jo_object(&o);
    jo_kv_int(&o, "accepted", (int64_t)done.accepted);
    jo_kv_int(&o, "unknown", (int64_t)done.unknown);
    jo_object_end(&o);
    return 0;
}

static const struct route routes[] = {
    { "POST", "/api/v1/endpoints/{name}/labels", "label.write", post_labels, ROUTE_WORKER,
      LIMIT_BODY_CONTROL,
      "Takes true values of predictions: late, in bulk and again as often as they change; the last "
      "one of an id holds. Also application/x-ndjson (one object a line) and text/csv "
      "(prediction_id,label,time). They are on disk when this answers.",
      "labels! [object]: True values.\n  prediction_id! string: Of the answer (prediction_id in "
      "the "
      "body, x-prediction-id in the header); row i > 0 of a request is <id>:i.\n  label! "
      "number|boolean: What it turned out to be.\n  time time_ms|string: When that was known; now "
      "unless given.",
      "accepted! integer: Labels that are kept now.\nunknown! integer: Of them, those whose "
      "prediction is not in the log.",
      "endpointLabels" },
};

const struct route_table label_routes = { "labels", routes, ARRAY_LEN(routes), route_error_native };
