/* SPDX-License-Identifier: Apache-2.0
 * /api/v1/endpoints: what is served, and moving it. All but :predict work on desired state in the
 * database; what really serves is added when this process has a serving table. */
#include <stdio.h>

#include "api/app.h"
#include "api/native/handler.h"
#include "api/native/rollouts.h"
#include "api/predict.h"
#include "api/tables.h"
#include "base/limits.h"
#include "registry/version.h"
#include "rollout/canary.h"
#include "rollout/follow.h"

#define NO_FORM                                                                                    \
    "the body must have one of 'instances', 'inputs', 'dataframe_split', 'dataframe_records'"

enum { HISTORY_MAX = 200 };

/* Everything about one endpoint that the database knows. */
struct record {
    struct endpoint_row row;
    struct endpoint_before *stack;
    size_t stack_n;
    struct endpoint_move *moves;
    size_t move_n;
    struct canary_row rollout; /* under way; id NULL = none */
    const char *signature, *example;
};

struct load {
    struct request *rq;
    const char *name; /* NULL = all */
    struct record *records;
    size_t n;
};

/* ---- reading ---- */

static int read_detail(struct tx *tx, struct arena *a, struct record *r, struct err *err)
{
    struct version v;
    struct err gone = ERR_INIT;
    int rc = endpoint_moves(tx, a, r->row.id, HISTORY_MAX, &r->moves, &r->move_n, err);
    if (rc)
        return rc;
    rc = version_get(tx, a, r->row.project, r->row.model, r->row.version, &v, &gone);
    if (rc == ERR_NOT_FOUND) /* deleted since: the endpoint still says what it is meant to be */
        return 0;
    if (rc)
        return ERR(err, rc, "%s", gone.msg);
    rc = version_section(tx, a, &v, "signature", &r->signature, err);
    return rc ? rc : version_section(tx, a, &v, "input_example", &r->example, err);
}

static int read_records(struct tx *tx, void *arg, struct err *err)
{
    struct load *l = arg;
    struct arena *a = &l->rq->arena;
    struct endpoint_row *rows = NULL;
    int rc;
    if (l->name) {
        rows = ARENA_NEW(a, struct endpoint_row);
        l->n = 1;
        rc = endpoint_get(tx, a, l->rq->project, l->name, rows, err);
    } else {
        rc = endpoint_list(tx, a, l->rq->project, &rows, &l->n, err);
    }
    if (rc)
        return rc;
    l->records = ARENA_TRY_ARRAY(a, l->n + 1, struct record);
    if (!l->records)
        return ERR(err, ERR_LIMIT, "the endpoints do not fit in the memory of a request");
    for (size_t i = 0; i < l->n && !rc; i++) {
        struct record *r = &l->records[i];
        r->row = rows[i];
        rc = endpoint_stack(tx, a, r->row.id, &r->stack, &r->stack_n, err);
        if (!rc)
            rc = canary_active(tx, a, r->row.id, &r->rollout, err);
        if (!rc && l->name)
            rc = read_detail(tx, a, r, err);
    }
    return rc;
}

/* ---- writing ---- */

static const char *version_text(struct arena *a, int64_t version)
{
    return version ? arena_printf(a, "%lld", (long long)version) : NULL;
}

static const char *state_of(const struct app *app, const struct serve_status *st,
                            const char *wanted, const char *model)
{
    if (app->options.mode != APP_SERVER || !app->serve)
        return "not_served";
    if (strcmp(st->version, wanted) == 0 && strcmp(st->model, model) == 0)
        return "ready";
    return st->problem[0] && strcmp(st->wanted, wanted) == 0 ? "failed" : "loading";
}

static void write_state(struct request *rq, struct json_out *o, const struct record *r)
{
    struct app *app = app_of(rq);
    struct serve_status st = { 0 };
    const char *wanted = version_text(&rq->arena, r->row.version);
    if (app->serve && (serve_status_get(app->serve, str_of(r->row.name), &st, NULL) ||
                       strcmp(st.endpoint, r->row.name) != 0))
        st = (struct serve_status){ 0 };
    const char *state = state_of(app, &st, wanted, r->row.model);
    int served = strcmp(state, "not_served") != 0;
    const struct http_server *http = app->data_http ? app->data_http : app->main_http;
    jo_kv_cstr(o, "version", wanted);
    jo_kv_cstr(o, "serving_version", served && st.version[0] ? st.version : NULL);
    jo_kv_cstr(o, "state", state);
    jo_kv_cstr(o, "state_reason",
               strcmp(state, "failed") == 0 ? st.problem
               : served                     ? NULL
                                            : "no server runs on this data folder");
    jo_kv_cstr(o, "url",
               served && http ? arena_printf(&rq->arena, "%s/v1/models/%s:predict",
                                             http_server_url(http), r->row.name)
                              : NULL);
}

static void write_moves(struct request *rq, struct json_out *o, const struct record *r)
{
    jo_key(o, "history");
    jo_array(o);
    for (size_t i = 0; i < r->move_n; i++) {
        const struct endpoint_move *m = &r->moves[i];
        jo_object(o);
        jo_kv_cstr(o, "model", m->model);
        jo_kv_cstr(o, "version", version_text(&rq->arena, m->version));
        jo_kv_int(o, "time_ms", m->time_ms);
        jo_kv_cstr(o, "actor", m->actor);
        jo_kv_cstr(o, "action", m->action);
        jo_kv_cstr(o, "reason", m->reason);
        jo_object_end(o);
    }
    jo_array_end(o);
}

static void write_number(struct json_out *o, const char *key, double v)
{
    jo_key(o, key);
    if (v == v)
        jo_double(o, v);
    else
        jo_null(o);
}

static void write_traffic(struct request *rq, struct json_out *o, const char *name)
{
    struct serve *serve = app_of(rq)->serve;
    struct serve_traffic_info *info = NULL;
    size_t n = serve ? serve_traffic_get(serve, &rq->arena, name, &info) : 0;
    jo_key(o, "traffic");
    jo_array(o);
    for (size_t i = 0; i < n; i++) {
        jo_object(o);
        jo_kv_cstr(o, "version", info[i].version);
        jo_kv_int(o, "requests", (int64_t)info[i].requests);
        jo_kv_int(o, "errors", (int64_t)info[i].errors);
        jo_kv_int(o, "rows", (int64_t)info[i].rows);
        jo_kv_double(o, "rate", info[i].rate);
        write_number(o, "p50_ms", info[i].p50_ms);
        write_number(o, "p90_ms", info[i].p90_ms);
        write_number(o, "p99_ms", info[i].p99_ms);
        write_number(o, "mean_prediction", info[i].mean_prediction);
        jo_object_end(o);
    }
    jo_array_end(o);
}

static void write_counts(struct json_out *o, const char *key, const uint64_t *v, int n)
{
    jo_key(o, key);
    jo_array(o);
    for (int i = 0; i < n; i++)
        jo_int(o, (int64_t)v[i]);
    jo_array_end(o);
}

/* Members "requests", "errors" and "p99_ms" of the last n seconds. */
static void write_lines(struct json_out *o, const struct serve_series *s, int n)
{
    write_counts(o, "requests", s->requests, n);
    write_counts(o, "errors", s->errors, n);
    jo_key(o, "p99_ms");
    jo_array(o);
    for (int i = 0; i < n; i++) {
        if (s->p99_ms[i] == s->p99_ms[i])
            jo_double(o, s->p99_ms[i]);
        else
            jo_null(o);
    }
    jo_array_end(o);
}

/* The same for each version that answered in that time. */
static void write_version_lines(struct request *rq, struct json_out *o, const char *name,
                                struct serve_series *s)
{
    struct serve *serve = app_of(rq)->serve;
    struct serve_traffic_info *info = NULL;
    size_t n = serve_traffic_get(serve, &rq->arena, name, &info);
    for (size_t i = 0; i < n; i++) {
        uint64_t sum = 0;
        if (serve_series_get(serve, name, info[i].version, s))
            continue;
        for (int k = 0; k < SERVE_RING; k++)
            sum += s->requests[k];
        if (!sum)
            continue;
        jo_object(o);
        jo_kv_cstr(o, "version", info[i].version);
        write_lines(o, s, SERVE_RING);
        jo_object_end(o);
    }
}

static void write_series(struct request *rq, struct json_out *o, const char *name)
{
    struct serve *serve = app_of(rq)->serve;
    struct serve_series *s = arena_try_alloc(&rq->arena, 1, sizeof *s);
    int n = serve && s && serve_series_get(serve, name, NULL, s) == 0 ? SERVE_RING : 0;
    jo_key(o, "series");
    jo_object(o);
    jo_key(o, "t_ms");
    jo_array(o);
    for (int i = 0; i < n; i++)
        jo_int(o, s->t_ms[i]);
    jo_array_end(o);
    write_lines(o, s, n);
    jo_key(o, "versions");
    jo_array(o);
    if (n)
        write_version_lines(rq, o, name, s);
    jo_array_end(o);
    jo_object_end(o);
}

static void write_record(struct request *rq, struct json_out *o, const struct record *r, int detail)
{
    jo_object(o);
    jo_kv_cstr(o, "name", r->row.name);
    jo_kv_cstr(o, "model", r->row.model);
    write_state(rq, o, r);
    jo_kv_cstr(o, "previous_version",
               r->stack_n ? version_text(&rq->arena, r->stack[0].version) : NULL);
    jo_kv_int(o, "creation_time_ms", r->row.creation_time_ms);
    jo_kv_int(o, "last_update_time_ms", r->row.last_update_time_ms);
    if (detail) {
        write_moves(rq, o, r);
        jo_kv_raw(o, "signature", str_of(r->signature ? r->signature : "null"));
        jo_kv_raw(o, "input_example", str_of(r->example ? r->example : "null"));
        write_series(rq, o, r->row.name);
    }
    write_traffic(rq, o, r->row.name);
    jo_key(o, "rollout");
    if (r->rollout.id)
        rollout_write(&rq->arena, o, &r->rollout);
    else
        jo_null(o);
    jo_object_end(o);
}

static int answer_one(struct request *rq, const char *name, struct err *err)
{
    struct load l = { .rq = rq, .name = name };
    struct json_out o;
    int rc = store_read(app_of(rq)->store, read_records, &l, err);
    if (rc)
        return rc;
    route_json(rq, &o);
    write_record(rq, &o, &l.records[0], 1);
    return 0;
}

/* ---- GET ---- */

static const struct list_field fields[] = {
    { "name", EXPR_STRING },
    { "model", EXPR_STRING },
    { "version", EXPR_NUMBER },
    { "creation_time_ms", EXPR_NUMBER },
    { "last_update_time_ms", EXPR_NUMBER },
};

static void get_field(void *arg, size_t row, size_t field, struct expr_value *out)
{
    const struct endpoint_row *r = &((const struct load *)arg)->records[row].row;
    const double numbers[] = { 0, 0, (double)r->version, (double)r->creation_time_ms,
                               (double)r->last_update_time_ms };
    *out = (struct expr_value){ .type = fields[field].type, .number = numbers[field] };
    if (field < 2)
        out->string = str_of(field == 0 ? r->name : r->model);
}

static int get_list(struct request *rq, struct err *err)
{
    struct load l = { .rq = rq };
    struct page p;
    struct json_out o;
    size_t *shown, n;
    int more;
    int rc = page_read(rq, &p, err);
    if (!rc)
        rc = store_read(app_of(rq)->store, read_records, &l, err);
    struct list list = {
        "endpoints", fields, ARRAY_LEN(fields), l.n, get_field, NULL, NULL, 0, &l
    };
    if (!rc)
        rc = list_select(rq, &list, &p, &shown, &n, &more, err);
    if (rc)
        return rc;
    route_json(rq, &o);
    jo_object(&o);
    jo_key(&o, "items");
    jo_array(&o);
    for (size_t i = 0; i < n; i++)
        write_record(rq, &o, &l.records[shown[i]], 0);
    jo_array_end(&o);
    page_write_token(&o, &p, more);
    jo_object_end(&o);
    return 0;
}

static int get_one(struct request *rq, struct err *err)
{
    return answer_one(rq, handler_param(rq, "name"), err);
}

/* ---- moving ---- */

/* A string member, or a whole number as text ("version": 2). */
static int text_member(struct request *rq, const struct json *body, const char *key,
                       const char **out, struct err *err)
{
    const struct json *v = json_get(body, key);
    *out = NULL;
    if (!v || v->type == JSON_NULL)
        return 0;
    if (v->type == JSON_NUMBER && v->is_integer)
        *out = arena_printf(&rq->arena, "%lld", (long long)v->integer);
    else if (v->type == JSON_STRING && v->string.n > 0)
        *out = v->string.p;
    else
        return ERR(err, ERR_INVALID, "'%s' must be a string that is not empty", key);
    return 0;
}

static int read_change(struct request *rq, struct rollout_change *c, struct err *err)
{
    struct json body;
    const char *reason = NULL;
    int rc = route_body(rq, &body, err);
    if (!rc)
        rc = text_member(rq, &body, "model", &c->model, err);
    if (!rc)
        rc = text_member(rq, &body, "version", &c->version, err);
    if (!rc)
        rc = text_member(rq, &body, "reason", &reason, err);
    c->endpoint = handler_param(rq, "name");
    c->by = (struct cause){
        .project = rq->project, .actor = rq->actor, .reason = reason, .request_id = request_id(rq)
    };
    return rc;
}

typedef int (*rollout_fn)(struct store *s, const struct rollout_change *c, struct rollout_done *out,
                          struct err *err);

static int move(struct request *rq, rollout_fn fn, struct err *err)
{
    struct rollout_change c = { 0 };
    struct rollout_done done;
    int rc = read_change(rq, &c, err);
    if (!rc && fn == rollout_deploy && !c.model)
        rc = ERR(err, ERR_INVALID, "'model' is missing: name the model to deploy");
    if (!rc)
        rc = fn(app_of(rq)->store, &c, &done, err);
    if (rc)
        return rc;
    rq->status = done.created ? 201 : 200;
    return answer_one(rq, c.endpoint, err);
}

static int put_one(struct request *rq, struct err *err)
{
    return move(rq, rollout_deploy, err);
}

static int post_promote(struct request *rq, struct err *err)
{
    return move(rq, rollout_promote, err);
}

static int post_rollback(struct request *rq, struct err *err)
{
    return move(rq, rollout_rollback, err);
}

static int delete_one(struct request *rq, struct err *err)
{
    struct rollout_change c = { 0 };
    int rc = read_change(rq, &c, err);
    if (!rc)
        rc = rollout_delete(app_of(rq)->store, &c, err);
    if (!rc)
        buf_puts(&rq->out, "{}");
    return rc;
}

/* ---- predictions ---- */

/* Without a server the model is loaded here, for this one request. */
static int ensure_loaded(struct request *rq, const char *name, struct err *err)
{
    struct app *app = app_of(rq);
    struct load l = { .rq = rq, .name = name };
    if (app->options.mode == APP_SERVER && app->serve)
        return 0;
    int rc = store_read(app->store, read_records, &l, err); /* says what there is instead */
    return rc ? rc : app_serve_open(app, err);
}

static int post_predict(struct request *rq, struct err *err)
{
    struct predict_options o = {
        .name = request_param(rq, "name"), .dataframes = 1, .id_in_body = 1, .no_form = NO_FORM
    };
    int rc = ensure_loaded(rq, handler_param(rq, "name"), err);
    return rc ? rc : predict_answer(rq, &o, err);
}

/* Any version, served or not: it is loaded for this one request. */
static int post_version_predict(struct request *rq, struct err *err)
{
    struct app *app = app_of(rq);
    str_t model = request_param(rq, "name"), version = request_param(rq, "version");
    struct arena files; /* the model's file does not count as the request's memory */
    struct serve_version *v = NULL;
    struct version_source from = { app->store, app->blobs };
    struct version_ref ref = { rq->project, arena_strndup(&rq->arena, model.p, model.n),
                               arena_strndup(&rq->arena, version.p, version.n) };
    arena_init(&files, LIMIT_MODEL_FILE + MIB(64));
    int rc = follow_version_load(&from, &files, &ref, &v, NULL, err);
    struct serve_call c = { .body = rq->body, .arena = &rq->arena, .dataframes = 1 };
    if (!rc)
        rc = serve_call_version(v, &c, err);
    if (!rc && c.form == SERVE_NONE)
        rc = ERR(err, ERR_INVALID, "%s", NO_FORM);
    if (!rc) {
        buf_puts(&rq->out, "{\"predictions\":");
        serve_write_rows(&c, &rq->out);
        buf_putc(&rq->out, '}');
    }
    serve_version_free(v);
    arena_fini(&files);
    return rc;
}

/* ---- the table ---- */

#define BASIC                                                                                      \
    "name! string: Name of the endpoint.\nmodel! string: Model it serves.\n"                       \
    "version! string: Version it is meant to serve.\n"                                             \
    "serving_version string|null: Version that answers now.\n"                                     \
    "state! string: ready, loading, failed, or not_served (no server).\n"                          \
    "state_reason string|null: Why it is not ready.\nurl string|null: Where to post instances.\n"  \
    "previous_version string|null: What a rollback goes back to.\n"                                \
    "creation_time_ms! time_ms\nlast_update_time_ms! time_ms\n"                                    \
    "traffic! [object]: By version, newest first.\n"                                               \
    "rollout object|null: The rollout under way.\n"
#define DETAIL                                                                                     \
    BASIC "history! [object]: Moves, newest first: version, time_ms, actor, action, reason.\n"     \
          "signature object|null: Columns of the model.\ninput_example object|null: One row.\n"    \
          "series! object: The last 60 seconds: t_ms, requests, errors, p99_ms; the same by "      \
          "version in versions."
#define MOVE_DOC "version string: Number, @alias or latest.\nreason string: Kept in the record."

static const struct route routes[] = {
    { "GET", "/api/v1/endpoints", "endpoint.read", get_list, ROUTE_WORKER, 0, "Endpoints by name.",
      "filter string: Over name, model, version, creation_time_ms, last_update_time_ms.\n"
      "order_by string: Comma-separated names, each with ASC or DESC.\n"
      "limit integer: At most so many, 100 unless given, at most 1000.\npage_token string: Of the "
      "page before.",
      "items! [object]: Endpoints without history, signature and series.\nnext_page_token "
      "string|null",
      "endpointList" },
    { "GET", "/api/v1/endpoints/{name}", "endpoint.read", get_one, ROUTE_WORKER, 0,
      "One endpoint with its history and live traffic.", NULL, DETAIL, "endpointGet" },
    { "PUT", "/api/v1/endpoints/{name}", "endpoint.write", put_one, ROUTE_WORKER,
      LIMIT_BODY_CONTROL, "Deploys: creates the endpoint (201) or sets what it serves.",
      "model! string: Name.\nversion string: Number, @alias or latest; the newest when left "
      "out.\nreason string: Kept in the record.",
      DETAIL, "endpointDeploy" },
    { "DELETE", "/api/v1/endpoints/{name}", "endpoint.write", delete_one, ROUTE_WORKER, 0,
      "Removes the endpoint; the record of it stays.", NULL, "application/json: {}",
      "endpointDelete" },
    { "POST", "/api/v1/endpoints/{name}:promote", "endpoint.write", post_promote, ROUTE_WORKER,
      LIMIT_BODY_CONTROL, "Moves to a version whose gates passed; the newest when none is named.",
      MOVE_DOC, DETAIL, "endpointPromote" },
    { "POST", "/api/v1/endpoints/{name}:rollback", "endpoint.write", post_rollback, ROUTE_WORKER,
      LIMIT_BODY_CONTROL, "Moves back to the version served before, or to any that was.", MOVE_DOC,
      DETAIL, "endpointRollback" },
    { "POST", "/api/v1/endpoints/{name}:predict", "endpoint.predict", post_predict, ROUTE_WORKER,
      LIMIT_BODY_PREDICT, "Predictions, as the data plane gives them; works without a server too.",
      "instances [any]: Rows.\ninputs any: Columns.\ndataframe_split object\ndataframe_records "
      "[object]",
      "predictions! [any]: One a row.\nprediction_id string: Name of the first row for labels; row "
      "i "
      "goes by <prediction_id>:i. Also the header x-prediction-id.",
      "endpointPredict" },
    { "POST", "/api/v1/models/{name}/versions/{version}:predict", "endpoint.predict",
      post_version_predict, ROUTE_WORKER, LIMIT_BODY_PREDICT,
      "Predictions of any version, served or not: it is loaded for this request.",
      "instances [any]: Rows.\ninputs any: Columns.\ndataframe_split object\ndataframe_records "
      "[object]",
      "predictions! [any]: One a row.", "versionPredict" },
};

const struct route_table endpoint_routes = { "endpoints", routes, ARRAY_LEN(routes),
                                             route_error_native };
