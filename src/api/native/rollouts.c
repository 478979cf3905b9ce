/* SPDX-License-Identifier: Apache-2.0
 * /api/v1/endpoints/{name}/rollout: bringing a candidate in step by step. Promoting it or sending
 * it back are the endpoint's own :promote and :rollback. */
#include "api/app.h"
#include "api/native/handler.h"
#include "api/native/rollouts.h"
#include "api/tables.h"
#include "base/limits.h"
#include "rollout/canary.h"
#include "rollout/follow.h"
#include "serve/serve.h"

enum { CHECKS_SHOWN = 200, ROLLOUTS_SHOWN = 200 };

static const char *number_text(struct arena *a, int64_t n)
{
    return arena_printf(a, "%lld", (long long)n);
}

void rollout_write(struct arena *a, struct json_out *o, const struct canary_row *r)
{
    struct strategy s = { 0 };
    int known = strategy_read(a, r->strategy, &s, NULL) == 0 && r->step <= (int64_t)s.step_n;
    jo_object(o);
    jo_kv_cstr(o, "id", r->id);
    jo_kv_cstr(o, "endpoint", r->endpoint);
    jo_kv_cstr(o, "model", r->model);
    jo_kv_cstr(o, "champion", number_text(a, r->champion));
    jo_kv_cstr(o, "candidate", number_text(a, r->candidate));
    jo_kv_cstr(o, "state", r->state);
    jo_kv_cstr(o, "stage", r->step == 0 ? "shadow" : "canary");
    jo_kv_int(o, "step", r->step);
    jo_kv_int(o, "steps", known ? (int64_t)s.step_n : 0);
    jo_kv_double(o, "percent", known && r->step > 0 ? s.share[r->step - 1] / 10.0 : 0);
    jo_kv_int(o, "step_requests", r->step_requests);
    jo_kv_int(o, "step_requests_wanted", r->step ? s.min_requests : s.shadow_requests);
    jo_kv_int(o, "step_ends_ms", r->step_started_ms + (r->step ? s.every_ms : 0));
    jo_kv_int(o, "recent_breaches", __builtin_popcountll((unsigned long long)r->breaches));
    jo_kv_time(o, "started_ms", r->started_ms);
    jo_kv_time(o, "step_started_ms", r->step_started_ms);
    jo_kv_time(o, "updated_ms", r->updated_ms);
    jo_kv_time(o, "ended_ms", r->ended_ms);
    jo_kv_cstr(o, "actor", r->actor);
    jo_kv_cstr(o, "reason", r->reason);
    jo_kv_raw(o, "strategy", str_of(r->strategy));
    jo_object_end(o);
}

/* ---- GET ---- */

struct load {
    const char *name;
    struct canary_row *rows;
    size_t n;
    struct canary_check *checks;
    size_t check_n;
};

static int read_rollouts(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    struct load *l = arg;
    struct endpoint_row row;
    int rc = endpoint_get(tx, &rq->arena, rq->project, l->name, &row, err);
    if (!rc)
        rc = canary_list(tx, &rq->arena, row.id, ROLLOUTS_SHOWN, &l->rows, &l->n, err);
    if (!rc && l->n)
        rc = canary_checks(tx, &rq->arena, l->rows[0].id, CHECKS_SHOWN, &l->checks, &l->check_n,
                           err);
    return rc;
}

static int get_list(struct request *rq, struct err *err)
{
    struct load l = { .name = handler_param(rq, "name") };
    struct json_out o;
    int rc = handler_read(rq, read_rollouts, &l, err);
    if (rc)
        return rc;
    route_json(rq, &o);
    jo_object(&o);
    jo_key(&o, "items");
    jo_array(&o);
    for (size_t i = 0; i < l.n; i++)
        rollout_write(&rq->arena, &o, &l.rows[i]);
    jo_array_end(&o);
    jo_object_end(&o);
    return 0;
}

static void write_check(struct json_out *o, const struct canary_check *k)
{
    jo_object(o);
    jo_kv_int(o, "time_ms", k->time_ms);
    jo_kv_int(o, "step", k->step);
    jo_kv_int(o, "requests", k->requests);
    jo_kv_cstr(o, "verdict", k->verdict);
    jo_kv_raw(o, "detail", str_of(k->detail));
    jo_object_end(o);
}

static int answer_newest(struct request *rq, struct err *err)
{
    struct load l = { .name = handler_param(rq, "name") };
    struct json_out o;
    int rc = handler_read(rq, read_rollouts, &l, err);
    if (!rc && !l.n)
        rc = ERR(
            err, ERR_NOT_FOUND,
            "endpoint '%s' has had no rollout: 'slipway deploy MODEL --canary 5,25,100' begins one",
            l.name);
    if (rc)
        return rc;
    route_json(rq, &o);
    jo_object(&o);
    jo_key(&o, "rollout");
    rollout_write(&rq->arena, &o, &l.rows[0]);
    jo_key(&o, "checks");
    jo_array(&o);
    for (size_t i = 0; i < l.check_n; i++)
        write_check(&o, &l.checks[i]);
    jo_array_end(&o);
    jo_object_end(&o);
    return 0;
}

/* ---- POST ---- */

/* A string member, or a whole number as text ("version": 2). */
static int version_member(struct request *rq, const struct json *body, const char **out,
                          struct err *err)
{
    const struct json *v = json_get(body, "version");
    *out = NULL;
    if (v && v->type == JSON_NUMBER && v->is_integer)
        *out = number_text(&rq->arena, v->integer);
    else if (v && v->type == JSON_STRING && v->string.n)
        *out = v->string.p;
    else if (v && v->type != JSON_NULL)
        return ERR(err, ERR_INVALID, "'version' must be a number, an @alias or 'latest'");
    return 0;
}

static int strategy_member(struct request *rq, const struct json *body, const char **out,
                           struct err *err)
{
    const struct json *v = json_get(body, "strategy");
    *out = NULL;
    if (!v || v->type == JSON_NULL)
        return 0;
    if (v->type != JSON_OBJECT)
        return ERR(err, ERR_INVALID, "'strategy' must be an object");
    *out = json_to_text(&rq->arena, v, KIB(64));
    return *out ? 0 : ERR(err, ERR_LIMIT, "'strategy' is larger than 64 KiB");
}

static int post_start(struct request *rq, struct err *err)
{
    struct json body;
    struct rollout_change c = { .endpoint = handler_param(rq, "name") };
    const char *strategy = NULL;
    int rc = route_body(rq, &body, err);
    if (!rc)
        rc = version_member(rq, &body, &c.version, err);
    if (!rc)
        rc = strategy_member(rq, &body, &strategy, err);
    if (rc)
        return rc;
    c.by = handler_cause(rq, json_get_string(&body, "reason", NULL));
    rc = canary_start(app_of(rq)->store, &c, strategy, err);
    if (!rc)
        rq->status = 201;
    return rc ? rc : answer_newest(rq, err);
}

static int change(struct request *rq,
                  int (*fn)(struct store *, const struct rollout_change *, struct err *),
                  struct err *err)
{
    struct json body;
    struct rollout_change c = { .endpoint = handler_param(rq, "name") };
    int rc = route_body(rq, &body, err);
    if (rc)
        return rc;
    c.by = handler_cause(rq, json_get_string(&body, "reason", NULL));
    rc = fn(app_of(rq)->store, &c, err);
    return rc ? rc : answer_newest(rq, err);
}

static int post_pause(struct request *rq, struct err *err)
{
    return change(rq, canary_pause, err);
}

static int post_resume(struct request *rq, struct err *err)
{
    return change(rq, canary_resume, err);
}

/* ---- the table ---- */

#define ONE                                                                                        \
    "rollout! object: endpoint, model, champion, candidate, state (running, paused, waiting, "     \
    "promoted, rolled_back), stage (shadow, canary), step, percent, step_requests, reason, "       \
    "strategy.\nchecks! [object]: Judged windows, newest first: time_ms, step, requests, "         \
    "verdict, "                                                                                    \
    "detail (values, rules)."

static const struct route routes[] = {
    { "POST", "/api/v1/endpoints/{name}/rollout", "endpoint.write", post_start, ROUTE_WORKER,
      LIMIT_BODY_CONTROL,
      "Brings a version in step by step: as a shadow, then with a growing share of the requests.",
      "version string: Number, @alias or latest; the newest when left out.\n"
      "strategy object: shadow (requests), canary (percentages), every, min_requests, check, "
      "timeout, abort (expressions), automatic.\nreason string: Kept in the record.",
      ONE, "rolloutStart" },
    { "GET", "/api/v1/endpoints/{name}/rollout", "endpoint.read", answer_newest, ROUTE_WORKER, 0,
      "The rollout under way, or the last one, with its judged windows.", NULL, ONE, "rolloutGet" },
    { "GET", "/api/v1/endpoints/{name}/rollouts", "endpoint.read", get_list, ROUTE_WORKER, 0,
      "All rollouts of an endpoint, newest first.", NULL, "items! [object]: Rollouts.",
      "rolloutList" },
    { "POST", "/api/v1/endpoints/{name}/rollout:pause", "endpoint.write", post_pause, ROUTE_WORKER,
      LIMIT_BODY_CONTROL, "Holds a rollout at its step; its rules are still watched.",
      "reason string: Kept in the record.", ONE, "rolloutPause" },
    { "POST", "/api/v1/endpoints/{name}/rollout:resume", "endpoint.write", post_resume,
      ROUTE_WORKER, LIMIT_BODY_CONTROL, "Goes on with a rollout that was paused.",
      "reason string: Kept in the record.", ONE, "rolloutResume" },
};

const struct route_table rollout_routes = { "rollouts", routes, ARRAY_LEN(routes),
                                            route_error_native };
