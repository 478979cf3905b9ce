/* SPDX-License-Identifier: Apache-2.0
 * The reading side of runs: list, one, comparison. Starting and following them is jobs.c. */
#include <math.h>

#include "api/app.h"
#include "api/native/handler.h"
#include "api/route.h"
#include "api/tables.h"
#include "base/limits.h"
#include "registry/compare.h"
#include "track/search.h"
#include "track/step.h"

/* ---- one run as JSON ---- */

static int write_params(struct tx *tx, struct arena *a, struct json_out *o, const struct run *r,
                        struct err *err)
{
    struct track_pair *list;
    size_t n;
    int rc = run_params(tx, a, r->id, &list, &n, err);
    handler_write_pairs(o, "params", list, rc ? 0 : n);
    return rc;
}

static int write_metrics(struct tx *tx, struct arena *a, struct json_out *o, const struct run *r,
                         struct err *err)
{
    struct metric *list;
    size_t n;
    int rc = metric_list(tx, a, r->id, &list, &n, err);
    jo_key(o, "metrics");
    jo_object(o);
    for (size_t i = 0; !rc && i < n; i++)
        jo_kv_double(o, list[i].key, list[i].latest.value);
    jo_object_end(o);
    return rc;
}

static int write_tags(struct tx *tx, struct arena *a, struct json_out *o, const struct run *r,
                      struct err *err)
{
    struct track_pair *list;
    size_t n;
    int rc = run_tags(tx, a, r->id, &list, &n, err);
    handler_write_pairs(o, "tags", list, rc ? 0 : n);
    return rc;
}

static int write_versions(struct tx *tx, struct arena *a, struct json_out *o, const struct run *r,
                          struct err *err)
{
    struct version *list;
    size_t n;
    int rc = version_list_of_run(tx, a, r->id, &list, &n, err);
    jo_key(o, "model_versions");
    jo_array(o);
    for (size_t i = 0; !rc && i < n; i++) {
        jo_object(o);
        jo_kv_cstr(o, "name", list[i].model);
        jo_kv_cstr(o, "version", arena_printf(a, "%lld", (long long)list[i].number));
        jo_object_end(o);
    }
    jo_array_end(o);
    return rc;
}

static void write_dataset(struct json_out *o, const struct run *r)
{
    jo_key(o, "dataset");
    if (!r->dataset_digest) {
        jo_null(o);
        return;
    }
    jo_object(o);
    jo_kv_cstr(o, "name", r->dataset_name);
    jo_kv_cstr(o, "digest", r->dataset_digest);
    jo_object_end(o);
}

static void kv_time(struct json_out *o, const char *key, int64_t v, int known)
{
    if (known)
        jo_kv_int(o, key, v);
    else
        jo_kv_raw(o, key, STR("null"));
}

/* The members that list and detail share; the object stays open. */
static int write_common(struct tx *tx, struct arena *a, struct json_out *o, const struct run *r,
                        struct err *err)
{
    int ended = r->end_time_ms >= 0;
    jo_object(o);
    jo_kv_cstr(o, "run_id", r->id);
    jo_kv_cstr(o, "experiment_id", arena_printf(a, "%lld", (long long)r->experiment_id));
    jo_kv_cstr(o, "experiment", r->experiment);
    jo_kv_cstr(o, "name", r->name);
    jo_kv_cstr(o, "status", r->status);
    jo_kv_cstr(o, "status_reason", r->status_reason);
    jo_kv_cstr(o, "user", r->user);
    jo_kv_int(o, "start_time_ms", r->start_time_ms);
    kv_time(o, "end_time_ms", r->end_time_ms, ended);
    kv_time(o, "duration_ms", r->end_time_ms - r->start_time_ms, ended);
    jo_kv_cstr(o, "lifecycle_stage", r->lifecycle_stage);
    int rc = write_params(tx, a, o, r, err);
    if (!rc)
        rc = write_metrics(tx, a, o, r, err);
    if (!rc)
        rc = write_tags(tx, a, o, r, err);
    if (!rc)
        rc = write_versions(tx, a, o, r, err);
    write_dataset(o, r);
    jo_kv_cstr(o, "model", r->model_name);
    jo_kv_int(o, "attempt", r->attempt);
    return rc;
}

/* ---- GET /runs ---- */

struct list_args {
    struct page page;
    const char *experiment; /* id or name, or NULL */
    struct run_query q;
};

static int write_list(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    struct list_args *l = arg;
    struct experiment e;
    struct run *list;
    struct json_out o;
    size_t n;
    int more, rc = 0;
    if (l->experiment) {
        rc = experiment_resolve(tx, &rq->arena, handler_project(rq), l->experiment, &e, err);
        l->q.experiment_ids = &e.id;
        l->q.experiment_n = 1;
    }
    l->q.fresh = 1;
    if (!rc)
        rc = run_search(tx, &rq->arena, &l->q, &list, &n, &more, err);
    if (rc)
        return rc;
    route_json(rq, &o);
    jo_object(&o);
    jo_key(&o, "items");
    jo_array(&o);
    for (size_t i = 0; !rc && i < n; i++) {
        rc = write_common(tx, &rq->arena, &o, &list[i], err);
        jo_object_end(&o);
    }
    jo_array_end(&o);
    page_write_token(&o, &l->page, more);
    jo_object_end(&o);
    return rc;
}

static int read_view(struct request *rq, enum track_view *out, struct err *err)
{
    str_t view = request_query(rq, "view");
    if (!view.n || str_is(view, "active"))
        *out = TRACK_ACTIVE;
    else if (str_is(view, "deleted"))
        *out = TRACK_DELETED;
    else if (str_is(view, "all"))
        *out = TRACK_ALL;
    else
        return ERR(err, ERR_INVALID, "'view' is active, deleted or all, not '%.*s'",
                   (int)MIN(view.n, (size_t)40), view.p);
    return 0;
}

static int get_list(struct request *rq, struct err *err)
{
    struct list_args l = { 0 };
    int rc = page_read(rq, &l.page, err);
    if (!rc)
        rc = read_view(rq, &l.q.view, err);
    if (rc)
        return rc;
    l.experiment = handler_query(rq, "experiment");
    l.q.project = handler_project(rq);
    l.q.filter = l.page.filter;
    l.q.order_by = l.page.order_by;
    l.q.order_n = l.page.order_n;
    l.q.limit = l.page.limit;
    l.q.offset = l.page.offset;
    l.q.metric_parts = 1;
    return handler_read(rq, write_list, &l, err);
}

/* ---- GET /runs/{id} ---- */

static void write_stage(struct json_out *o, const struct stage *s)
{
    jo_object(o);
    jo_kv_cstr(o, "name", s->name);
    jo_kv_cstr(o, "kind", s->kind);
    jo_kv_cstr(o, "state", step_state_name(s->state));
    jo_kv_cstr(o, "why", s->why);
    jo_kv_cstr(o, "message", s->message);
    if (isnan(s->ms))
        jo_kv_raw(o, "ms", STR("null"));
    else
        jo_kv_double(o, "ms", s->ms);
    kv_time(o, "rows_in", s->rows_in, s->rows_in >= 0);
    kv_time(o, "rows_out", s->rows_out, s->rows_out >= 0);
    jo_kv_cstr(o, "digest", s->digest);
    jo_object_end(o);
}

static int write_stages(struct tx *tx, struct arena *a, struct json_out *o, const struct run *r,
                        struct err *err)
{
    struct stage *list = NULL;
    size_t n = 0;
    int rc = r->attempt > 0 ? stage_list(tx, a, r->id, r->attempt, &list, &n, err) : 0;
    jo_key(o, "stages");
    jo_array(o);
    for (size_t i = 0; !rc && i < n; i++)
        write_stage(o, &list[i]);
    jo_array_end(o);
    return rc;
}

static void write_attempt(struct json_out *o, const struct attempt *t)
{
    jo_object(o);
    jo_kv_int(o, "attempt", t->number);
    jo_kv_cstr(o, "state", step_state_name(t->state));
    jo_kv_cstr(o, "reason", t->reason);
    jo_kv_int(o, "created_ms", t->created_ms);
    kv_time(o, "started_ms", t->started_ms, t->started_ms >= 0);
    kv_time(o, "ended_ms", t->ended_ms, t->ended_ms >= 0);
    kv_time(o, "exit", t->exit_code, t->exit_code >= 0);
    kv_time(o, "signal", t->signal, t->signal > 0);
    kv_time(o, "max_rss_bytes", t->max_rss_bytes, t->max_rss_bytes >= 0);
    jo_object_end(o);
}

static int write_attempts(struct tx *tx, struct arena *a, struct json_out *o, const struct run *r,
                          struct err *err)
{
    struct attempt *list = NULL;
    size_t n = 0;
    int rc = attempt_list(tx, a, r->id, &list, &n, err);
    jo_key(o, "attempts");
    jo_array(o);
    for (size_t i = 0; !rc && i < n; i++)
        write_attempt(o, &list[i]);
    jo_array_end(o);
    return rc;
}

/* The result file without the text of the lock, which is a file of the project. */
static void write_result(struct request *rq, struct json_out *o, const struct run *r)
{
    static const struct json_options options = { .allow_nan = 1 };
    struct json v;
    str_t text;
    jo_key(o, "result");
    if (!r->result_digest ||
        blobs_get(app_of(rq)->blobs, &rq->arena, r->result_digest, LIMIT_STEP_RESULT, &text,
                  NULL) != 0 ||
        json_parse(&rq->arena, text, &options, &v, NULL) != 0 || v.type != JSON_OBJECT) {
        jo_null(o);
        return;
    }
    jo_object(o);
    for (size_t i = 0; i < v.n; i++) {
        if (str_is(v.members[i].key, "lock"))
            continue;
        jo_key_str(o, v.members[i].key);
        jo_value(o, &v.members[i].value);
    }
    jo_object_end(o);
}

static void write_progress(struct request *rq, struct json_out *o, const struct run *r)
{
    struct flow *flow = app_of(rq)->flow;
    char **lines = NULL;
    size_t n = 0;
    jo_key(o, "progress");
    jo_array(o);
    if (flow && r->attempt > 0 && flow_progress(flow, &rq->arena, r->id, 0, &lines, &n, NULL) == 0)
        for (size_t i = 0; i < n; i++)
            jo_raw(o, str_of(lines[i]));
    jo_array_end(o);
}

/* The answer is written in two parts: rows inside the snapshot, files after it. */
struct one {
    struct run run;
    struct json_out o;
};

static int write_stored(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    struct one *one = arg;
    struct run *r = &one->run;
    int rc = run_resolve(tx, &rq->arena, handler_project(rq), handler_param(rq, "id"), r, err);
    if (rc)
        return rc;
    route_json(rq, &one->o);
    rc = write_common(tx, &rq->arena, &one->o, r, err);
    if (!rc)
        rc = write_stages(tx, &rq->arena, &one->o, r, err);
    if (!rc)
        rc = write_attempts(tx, &rq->arena, &one->o, r, err);
    return rc;
}

static int get_one(struct request *rq, struct err *err)
{
    struct one one;
    struct run *r = &one.run;
    struct json_out *o = &one.o;
    int rc = handler_read(rq, write_stored, &one, err);
    if (rc)
        return rc;
    write_result(rq, o, r);
    jo_kv_cstr(o, "artifact_uri", r->artifact_uri);
    jo_kv_raw(o, "code", str_of(r->code_json ? r->code_json : "null"));
    jo_kv_raw(o, "environment", str_of(r->environment_json ? r->environment_json : "null"));
    kv_time(o, "seed", r->seed, r->has_seed);
    write_progress(rq, o, r);
    jo_object_end(o);
    return 0;
}

/* ---- GET /runs/compare ---- */

static int write_comparison(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    const char *names[COMPARE_MAX];
    struct compare_source sources[COMPARE_MAX];
    struct comparison c;
    struct json_out o;
    size_t n;
    (void)arg;
    int rc = handler_words(rq, "ids", names, COMPARE_MAX, &n, err);
    if (!rc && !n)
        rc = ERR(err, ERR_INVALID, "name the runs to compare: ?ids=a,b");
    for (size_t i = 0; !rc && i < n; i++) {
        struct run r;
        rc = run_resolve(tx, &rq->arena, handler_project(rq), names[i], &r, err);
        if (!rc)
            rc = compare_load_run(tx, app_of(rq)->blobs, &rq->arena, &r, &sources[i], err);
    }
    if (!rc)
        rc = compare(&rq->arena, sources, n, &c, err);
    if (rc)
        return rc;
    route_json(rq, &o);
    comparison_write(&o, &c);
    return 0;
}

static int get_compare(struct request *rq, struct err *err)
{
    return handler_read(rq, write_comparison, NULL, err);
}

#define RUN(indent)                                                                                \
    indent                                                                                         \
        "run_id! string: 32 hex digits.\n" indent                                                  \
        "experiment_id! string: Of its experiment.\n" indent                                       \
        "experiment! string: Name of its experiment.\n" indent "name! string: Its name.\n" indent  \
        "status! RUNNING|SCHEDULED|FINISHED|FAILED|KILLED: Where it stands.\n" indent              \
        "status_reason string|null: Why it ended so.\n" indent                                     \
        "user! string: Who started it.\n" indent "start_time_ms! time_ms: When it began.\n" indent \
        "end_time_ms time_ms: When it ended.\n" indent                                             \
        "duration_ms number|null: From begin to end.\n" indent                                     \
        "lifecycle_stage! string: active or deleted.\n" indent                                     \
        "params! map(string): Parameters.\n" indent                                                \
        "metrics! map(number): Latest values.\n" indent "tags! map(string): Tags.\n" indent        \
        "model_versions! [object]: Name and version of the models it made.\n" indent               \
        "dataset object|null: Name and digest of its data.\n" indent                               \
        "model string|null: Registered under this name.\n" indent                                  \
        "attempt! integer: Number of its newest attempt."

#define COMPARISON                                                                                 \
    "columns! [object]: What is compared.\n  ref! string: Reference.\n  label! string: For "       \
    "people.\n"                                                                                    \
    "sections! [object]: params, metrics, data, code, environment, coefficients, gates; empty "    \
    "ones are left out.\n"                                                                         \
    "  name! string: Of the section.\n  rows! [object]: key, values (one a column), differs, "     \
    "better (low, high or null)."

static const struct route routes[] = {
    { "GET", "/api/v1/runs", "run.read", get_list, ROUTE_WORKER, 0, "Runs, newest first.",
      "experiment string: Number or name of an experiment.\n"
      "filter string: Such as metrics.rmse.best < 55 AND (params.alpha IN ('0.5', '1') OR NOT "
      "tags.x = 'y'); "
      "names are metrics.X (its latest value; .min, .max, .best, .last or .count after it for "
      "another), "
      "params.X, tags.X, "
      "dataset.name, dataset.digest and attributes such as status, name, start_time.\n"
      "order_by string: Comma-separated names, each with ASC or DESC.\nview string: active "
      "(default), deleted or all.\n"
      "limit integer: At most so many, 100 unless given, at most 1000.\npage_token string: Of the "
      "page before.",
      "items! [object]: Runs.\n" RUN("  ") "\nnext_page_token! string|null: Of the next page.",
      "runList" },
    { "GET", "/api/v1/runs/compare", "run.read", get_compare, ROUTE_WORKER, 0,
      "What differs between runs.", "ids! string: Comma-separated ids or prefixes, 2 to 500.",
      COMPARISON, "runCompare" },
    { "GET", "/api/v1/runs/{id}", "run.read", get_one, ROUTE_WORKER, 0,
      "One run, by id, a unique prefix of at least 4 digits, or latest.", NULL,
      RUN("") "\nstages! [object]: Of its newest attempt.\nattempts! [object]: State, times and "
              "ends of its attempts.\n"
              "result any: What its worker found, or null.\nartifact_uri! string: Where its "
              "artifacts are.\n"
              "code any: Commit, dirty digest and command, or null.\nenvironment any: Versions and "
              "machine, or null.\n"
              "seed integer|null: Seed.\nprogress! [object]: What its worker told so far.",
      "runGet" },
};

const struct route_table run_routes = { "runs", routes, ARRAY_LEN(routes), route_error_native };
