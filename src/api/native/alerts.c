/* SPDX-License-Identifier: Apache-2.0
 * Alerts and the loop that acts on them: the inbox, rules, silences, policies, and the story of an
 * endpoint. */
#include "api/app.h"
#include "api/native/handler.h"
#include "api/native/rollouts.h"
#include "api/tables.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/num.h"
#include "monitor/alert.h"
#include "rollout/follow.h"
#include "rollout/loop.h"

enum { ALERTS_SHOWN = 500, ATTEMPTS_SHOWN = 100, STORY_SHOWN = 1000 };

/* An endpoint that a request names, and the name that it is served under. */
struct subject {
    struct endpoint_row row;
    const char *served;
};

static int read_subject(struct tx *tx, struct request *rq, struct subject *out, struct err *err)
{
    int rc = endpoint_get(tx, &rq->arena, rq->project, handler_param(rq, "name"), &out->row, err);
    out->served = rc ? NULL : follow_served_name(&rq->arena, rq->project, out->row.name);
    return rc;
}

/* ---- one alert ---- */

static void write_alert(struct json_out *o, const struct alert_row *r)
{
    jo_object(o);
    jo_kv_cstr(o, "id", r->id);
    jo_kv_cstr(o, "endpoint", r->endpoint);
    jo_kv_cstr(o, "alert", r->rule);
    jo_kv_cstr(o, "severity", r->severity);
    jo_kv_cstr(o, "state", alert_state_name(r->state));
    jo_kv_cstr(o, "model", r->model);
    jo_kv_cstr(o, "version", r->version);
    jo_kv_cstr(o, "summary", r->summary);
    jo_kv_cstr(o, "message", r->message);
    jo_kv_raw(o, "features", str_of(r->features ? r->features : "[]"));
    jo_kv_raw(o, "labels", str_of(r->labels));
    jo_kv_raw(o, "annotations", str_of(r->annotations));
    jo_kv_bool(o, "silenced", r->silenced);
    jo_kv_time(o, "started_ms", r->started_ms);
    jo_kv_time(o, "updated_ms", r->updated_ms);
    jo_kv_time(o, "ended_ms", r->ended_ms);
    jo_kv_time(o, "window_ms", r->window_ms);
    jo_kv_cstr(o, "acknowledged_by", r->acked_by);
    jo_kv_time(o, "acknowledged_ms", r->acked_ms);
    jo_kv_cstr(o, "note", r->note);
    jo_object_end(o);
}

/* Whether an alert is one of the project that the request speaks for. */
static int is_of_project(const struct request *rq, const char *served)
{
    size_t n = strlen(rq->project);
    if (strcmp(rq->project, "default") == 0)
        return strchr(served, '.') == NULL;
    return strncmp(served, rq->project, n) == 0 && served[n] == '.';
}

struct inbox {
    const char *endpoint;
    int open;
    struct alert_row *list;
    size_t n;
};

static int read_inbox(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    struct inbox *i = arg;
    const char *served =
        i->endpoint ? follow_served_name(&rq->arena, rq->project, i->endpoint) : NULL;
    return alert_list(tx, &rq->arena, served, i->open, ALERTS_SHOWN, &i->list, &i->n, err);
}

static int get_inbox(struct request *rq, struct err *err)
{
    const char *open = handler_query(rq, "open");
    struct inbox in = { .endpoint = handler_query(rq, "endpoint"),
                        .open = open && strcmp(open, "true") == 0 };
    struct json_out o;
    int rc = handler_read(rq, read_inbox, &in, err);
    if (rc)
        return rc;
    route_json(rq, &o);
    jo_object(&o);
    jo_key(&o, "items");
    jo_array(&o);
    for (size_t i = 0; i < in.n; i++)
        if (in.endpoint || is_of_project(rq, in.list[i].endpoint))
            write_alert(&o, &in.list[i]);
    jo_array_end(&o);
    jo_object_end(&o);
    return 0;
}

/* Of the request's project; another one's is as if it were not there. */
static int read_one(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    struct alert_row *r = arg;
    const char *id = handler_param(rq, "id");
    int rc = alert_get(tx, &rq->arena, id, r, err);
    return rc || is_of_project(rq, r->endpoint)
               ? rc
               : ERR(err, ERR_NOT_FOUND, "there is no alert '%s'", id);
}

static int answer_one(struct request *rq, struct err *err)
{
    struct alert_row r;
    struct json_out o;
    int rc = handler_read(rq, read_one, &r, err);
    if (rc)
        return rc;
    route_json(rq, &o);
    write_alert(&o, &r);
    return 0;
}

struct acknowledge {
    struct cause by;
    const char *note;
};

static int acknowledge(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    struct acknowledge *k = arg;
    struct alert_row r;
    int rc = read_one(tx, rq, &r, err);
    return rc ? rc : alert_acknowledge(tx, &k->by, r.id, k->note, err);
}

static int post_acknowledge(struct request *rq, struct err *err)
{
    struct json body;
    int rc = route_body(rq, &body, err);
    if (rc)
        return rc;
    struct acknowledge k = { .note = json_get_string(&body, "note", NULL) };
    k.by = handler_cause(rq, k.note);
    rc = handler_write(rq, acknowledge, &k, err);
    return rc ? rc : answer_one(rq, err);
}

/* ---- the alerts of an endpoint ---- */

struct board {
    struct subject s;
    struct alert_rule *rules;
    struct alert_now *now;
    struct alert_row *rows;
    struct alert_silence *silences;
    size_t rule_n, now_n, row_n, silence_n;
};

static int read_board(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    struct board *b = arg;
    struct arena *a = &rq->arena;
    int rc = read_subject(tx, rq, &b->s, err);
    if (!rc)
        rc = alert_rules_get(tx, a, b->s.served, &b->rules, &b->rule_n, err);
    if (!rc)
        rc = alert_now_list(tx, a, b->s.served, &b->now, &b->now_n, err);
    if (!rc)
        rc = alert_list(tx, a, b->s.served, 0, ALERTS_SHOWN, &b->rows, &b->row_n, err);
    return rc ? rc
              : alert_silence_list(tx, a, b->s.served, tx_now_ms(tx), &b->silences, &b->silence_n,
                                   err);
}

static void write_now(struct json_out *o, const struct alert_now *r)
{
    jo_object(o);
    jo_kv_cstr(o, "alert", r->rule);
    jo_kv_cstr(o, "state", alert_state_name(r->state));
    jo_kv_time(o, "since_ms", r->since_ms);
    jo_kv_time(o, "window_ms", r->window_ms);
    jo_kv_cstr(o, "alert_id", r->alert_id);
    jo_kv_cstr(o, "version", r->version);
    jo_kv_cstr(o, "message", r->message);
    jo_object_end(o);
}

static void write_silence(struct json_out *o, const struct alert_silence *s)
{
    jo_object(o);
    jo_kv_cstr(o, "id", s->id);
    jo_kv_cstr(o, "endpoint", s->endpoint);
    jo_kv_cstr(o, "alert", s->rule);
    jo_kv_time(o, "created_ms", s->created_ms);
    jo_kv_time(o, "until_ms", s->until_ms);
    jo_kv_cstr(o, "actor", s->actor);
    jo_kv_cstr(o, "reason", s->reason);
    jo_object_end(o);
}

static int answer_board(struct request *rq, struct err *err)
{
    struct board b = { 0 };
    struct json_out o;
    int rc = handler_read(rq, read_board, &b, err);
    if (rc)
        return rc;
    route_json(rq, &o);
    jo_object(&o);
    jo_key(&o, "rules");
    alert_rules_write(b.rules, b.rule_n, &o);
    jo_key(&o, "states");
    jo_array(&o);
    for (size_t i = 0; i < b.now_n; i++)
        write_now(&o, &b.now[i]);
    jo_array_end(&o);
    jo_key(&o, "items");
    jo_array(&o);
    for (size_t i = 0; i < b.row_n; i++)
        write_alert(&o, &b.rows[i]);
    jo_array_end(&o);
    jo_key(&o, "silences");
    jo_array(&o);
    for (size_t i = 0; i < b.silence_n; i++)
        write_silence(&o, &b.silences[i]);
    jo_array_end(&o);
    jo_object_end(&o);
    return 0;
}

/* A member of the body as JSON text again; NULL when it is absent or null. */
static int member_text(struct request *rq, const struct json *body, const char *key,
                       const char **out, struct err *err)
{
    const struct json *v = json_get(body, key);
    *out = NULL;
    if (!v || v->type == JSON_NULL)
        return 0;
    *out = json_to_text(&rq->arena, v, MIB(1));
    return *out ? 0 : ERR(err, ERR_LIMIT, "'%s' is larger than 1 MiB", key);
}

struct change {
    struct cause by;
    const char *text;
    struct alert_silence silence;
    int64_t for_ms;
};

static int set_rules(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    struct change *c = arg;
    struct subject s;
    int rc = read_subject(tx, rq, &s, err);
    return rc ? rc : alert_rules_set(tx, &c->by, s.served, c->text, err);
}

static int put_rules(struct request *rq, struct err *err)
{
    struct json body;
    struct change c = { .by = handler_cause(rq, NULL) };
    int rc = route_body(rq, &body, err);
    if (!rc)
        rc = member_text(rq, &body, "rules", &c.text, err);
    if (!rc)
        rc = handler_write(rq, set_rules, &c, err);
    return rc ? rc : answer_board(rq, err);
}

/* ---- silences ---- */

static int add_silence(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    struct change *c = arg;
    struct subject s;
    int rc = read_subject(tx, rq, &s, err);
    if (rc)
        return rc;
    c->silence.endpoint = s.served;
    if (!c->silence.until_ms)
        c->silence.until_ms = tx_now_ms(tx) + c->for_ms;
    return alert_silence_add(tx, &c->by, &c->silence, err);
}

static int post_silence(struct request *rq, struct err *err)
{
    struct json body;
    struct change c = { 0 };
    int64_t ns = 0;
    int rc = route_body(rq, &body, err);
    if (rc)
        return rc;
    const char *span = json_get_string(&body, "for", NULL);
    c.silence.rule = json_get_string(&body, "alert", NULL);
    c.silence.reason = json_get_string(&body, "reason", NULL);
    c.silence.until_ms = json_get_int(&body, "until_ms", 0);
    c.by = handler_cause(rq, c.silence.reason);
    if (!span == !c.silence.until_ms)
        return ERR(err, ERR_INVALID, "say how long: 'for', such as \"2h\", or 'until_ms'");
    if (span && (parse_duration(str_of(span), &ns) != 0 || ns <= 0))
        return ERR(err, ERR_INVALID, "'for' must be a time such as \"30m\" or \"2h\"");
    c.for_ms = ns / 1000000;
    rc = handler_write(rq, add_silence, &c, err);
    if (!rc)
        rq->status = 201;
    return rc ? rc : answer_board(rq, err);
}

static int remove_silence(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    struct alert_silence *list = NULL;
    const char *id = handler_param(rq, "id");
    size_t n = 0;
    int rc = alert_silence_list(tx, &rq->arena, NULL, tx_now_ms(tx), &list, &n, err);
    for (size_t i = 0; !rc && i < n; i++)
        if (strcmp(list[i].id, id) == 0 && !is_of_project(rq, list[i].endpoint))
            return ERR(err, ERR_NOT_FOUND, "there is no silence '%.60s' in force", id);
    return rc ? rc : alert_silence_remove(tx, arg, id, err);
}

static int delete_silence(struct request *rq, struct err *err)
{
    struct cause by = handler_cause(rq, NULL);
    int rc = handler_write(rq, remove_silence, &by, err);
    if (!rc)
        buf_puts(&rq->out, "{}");
    return rc;
}

/* ---- the loop ---- */

struct loop_view {
    struct subject s;
    struct loop_state state;
    struct canary_row rollout;
};

static int read_loop(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    struct loop_view *v = arg;
    int rc = read_subject(tx, rq, &v->s, err);
    if (!rc)
        rc = loop_state_get(tx, &rq->arena, &v->s.row, ATTEMPTS_SHOWN, &v->state, err);
    return rc ? rc : canary_active(tx, &rq->arena, v->s.row.id, &v->rollout, err);
}

static void write_attempt(struct request *rq, struct json_out *o, const struct loop_attempt *t)
{
    jo_object(o);
    jo_kv_cstr(o, "id", t->id);
    jo_kv_cstr(o, "trigger", t->trigger);
    jo_kv_cstr(o, "alert_id", t->alert_id);
    jo_kv_time(o, "started_ms", t->started_ms);
    jo_kv_time(o, "updated_ms", t->updated_ms);
    jo_kv_time(o, "ended_ms", t->ended_ms);
    jo_kv_cstr(o, "state", t->state);
    jo_kv_cstr(o, "reason", t->reason);
    jo_kv_cstr(o, "run_id", t->run_id);
    jo_kv_cstr(o, "version",
               t->version ? arena_printf(&rq->arena, "%lld", (long long)t->version) : NULL);
    jo_kv_int(o, "rows", t->rows);
    jo_object_end(o);
}

static int answer_loop(struct request *rq, struct err *err)
{
    struct loop_view v = { 0 };
    struct json_out o;
    int rc = handler_read(rq, read_loop, &v, err);
    if (rc)
        return rc;
    route_json(rq, &o);
    jo_object(&o);
    jo_kv_raw(&o, "policy", str_of(v.state.policy.json));
    jo_kv_bool(&o, "frozen", v.state.frozen);
    jo_kv_cstr(&o, "frozen_reason", v.state.frozen_reason);
    jo_kv_cstr(&o, "frozen_by", v.state.frozen ? v.state.frozen_by : NULL);
    jo_kv_time(&o, "frozen_ms", v.state.frozen ? v.state.frozen_ms : 0);
    jo_key(&o, "held");
    jo_array(&o);
    for (size_t i = 0; i < v.state.held_n; i++) {
        jo_object(&o);
        jo_kv_cstr(&o, "trigger", v.state.held[i].trigger);
        jo_kv_cstr(&o, "reason", v.state.held[i].reason);
        jo_kv_time(&o, "since_ms", v.state.held[i].since_ms);
        jo_object_end(&o);
    }
    jo_array_end(&o);
    jo_key(&o, "attempts");
    jo_array(&o);
    for (size_t i = 0; i < v.state.attempt_n; i++)
        write_attempt(rq, &o, &v.state.attempts[i]);
    jo_array_end(&o);
    jo_key(&o, "rollout");
    if (v.rollout.id)
        rollout_write(&rq->arena, &o, &v.rollout);
    else
        jo_null(&o);
    jo_object_end(&o);
    return 0;
}

static int set_policy(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    struct change *c = arg;
    struct subject s;
    int rc = read_subject(tx, rq, &s, err);
    return rc ? rc : loop_policy_set(tx, &c->by, &s.row, c->text, err);
}

static int put_policy(struct request *rq, struct err *err)
{
    struct json body;
    struct change c = { .by = handler_cause(rq, NULL) };
    int rc = route_body(rq, &body, err);
    if (!rc)
        rc = member_text(rq, &body, "policy", &c.text, err);
    if (!rc)
        rc = handler_write(rq, set_policy, &c, err);
    return rc ? rc : answer_loop(rq, err);
}

static int freeze(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    struct change *c = arg;
    struct subject s;
    int rc = read_subject(tx, rq, &s, err);
    if (rc)
        return rc;
    return c->for_ms ? loop_freeze(tx, &c->by, &s.row, c->by.reason, err)
                     : loop_thaw(tx, &c->by, &s.row, err);
}

static int change_freeze(struct request *rq, int on, struct err *err)
{
    struct json body;
    int rc = route_body(rq, &body, err);
    if (rc)
        return rc;
    struct change c = { .by = handler_cause(rq, json_get_string(&body, "reason", NULL)),
                        .for_ms = on };
    rc = handler_write(rq, freeze, &c, err);
    return rc ? rc : answer_loop(rq, err);
}

static int post_freeze(struct request *rq, struct err *err)
{
    return change_freeze(rq, 1, err);
}

static int post_thaw(struct request *rq, struct err *err)
{
    return change_freeze(rq, 0, err);
}

/* ---- the story ---- */

struct story {
    struct subject s;
    struct event *events;
    size_t n;
};

static int read_story(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    struct story *t = arg;
    int rc = read_subject(tx, rq, &t->s, err);
    struct event_query q = { .newest_first = 1, .limit = STORY_SHOWN };
    if (!rc)
        q.subject = arena_printf(&rq->arena, "endpoint/%s", t->s.row.name);
    return rc ? rc : event_list(tx, &rq->arena, &q, &t->events, &t->n, err);
}

static int is_of_story(const struct event *e)
{
    static const char *const kinds[] = { "alert.", "trigger.", "rollout.", "loop.", "endpoint." };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (str_starts(str_of(e->kind), kinds[i]))
            return 1;
    return 0;
}

static int get_story(struct request *rq, struct err *err)
{
    struct story t = { 0 };
    struct json_out o;
    int rc = handler_read(rq, read_story, &t, err);
    if (rc)
        return rc;
    route_json(rq, &o);
    jo_object(&o);
    jo_key(&o, "items");
    jo_array(&o);
    for (size_t i = 0; i < t.n; i++) {
        const struct event *e = &t.events[i];
        if (!is_of_story(e))
            continue;
        jo_object(&o);
        jo_kv_int(&o, "seq", e->seq);
        jo_kv_int(&o, "time_ms", e->time_ms);
        jo_kv_cstr(&o, "kind", e->kind);
        jo_kv_cstr(&o, "actor", e->actor);
        jo_kv_cstr(&o, "reason", e->reason);
        jo_kv_raw(&o, "before", str_of(e->before ? e->before : "null"));
        jo_kv_raw(&o, "after", str_of(e->after ? e->after : "null"));
        jo_object_end(&o);
    }
    jo_array_end(&o);
    jo_object_end(&o);
    return 0;
}

/* ---- the table ---- */

#define BOARD                                                                                      \
    "rules! [object]: In force.\nstates! [object]: What each rule says now: alert, state, "        \
    "since_ms, message.\nitems! [object]: Episodes, newest first.\nsilences! [object]: In force."
#define ALERT                                                                                      \
    "id! string\nendpoint! string\nalert! string: Name of the rule.\nseverity! string\nstate! "    \
    "string: firing, acknowledged or resolved.\nmessage! string: With the numbers.\nfeatures! "    \
    "[string]: That drifted.\nstarted_ms! time_ms\nended_ms integer|null\nnote string|null"
#define LOOP                                                                                       \
    "policy! object: As set.\nfrozen! boolean\nfrozen_reason string|null\nheld! [object]: Why "    \
    "each trigger does not act now.\nattempts! [object]: Retrainings, newest first: trigger, "     \
    "state, reason, run_id, version, rows.\nrollout object|null: Under way."

static const struct route routes[] = {
    { "GET", "/api/v1/alerts", "endpoint.read", get_inbox, ROUTE_WORKER, 0,
      "Alerts of all endpoints, newest first.",
      "endpoint string: Only of this one.\nopen boolean: Only those that are not resolved.",
      "items! [object]: Alerts.", "alertList" },
    { "GET", "/api/v1/alerts/{id}", "endpoint.read", answer_one, ROUTE_WORKER, 0,
      "One alert, by its id or the beginning of it.", NULL, ALERT, "alertGet" },
    { "POST", "/api/v1/alerts/{id}:acknowledge", "endpoint.write", post_acknowledge, ROUTE_WORKER,
      LIMIT_BODY_CONTROL, "Says that somebody looks after an alert; no trigger acts on it.",
      "note string: Kept beside it.", ALERT, "alertAcknowledge" },
    { "GET", "/api/v1/endpoints/{name}/alerts", "endpoint.read", answer_board, ROUTE_WORKER, 0,
      "Rules, their states, episodes and silences of an endpoint.", NULL, BOARD, "alertBoard" },
    { "PUT", "/api/v1/endpoints/{name}/alerts", "endpoint.write", put_rules, ROUTE_WORKER,
      LIMIT_BODY_CONTROL, "Sets the alert rules; null goes back to the defaults.",
      "rules [object]: alert, expr, for, keep_firing_for, severity, labels, annotations.", BOARD,
      "alertRulesSet" },
    { "POST", "/api/v1/endpoints/{name}/silences", "endpoint.write", post_silence, ROUTE_WORKER,
      LIMIT_BODY_CONTROL, "Silences a rule or all of an endpoint: no delivery, no trigger.",
      "alert string: Name of a rule; all when left out.\nfor string: How long, such as "
      "\"2h\".\nuntil_ms integer: Or until when.\nreason string: Kept in the record.",
      BOARD, "alertSilence" },
    { "DELETE", "/api/v1/silences/{id}", "endpoint.write", delete_silence, ROUTE_WORKER, 0,
      "Ends a silence.", NULL, "application/json: {}", "alertUnsilence" },
    { "GET", "/api/v1/endpoints/{name}/loop", "endpoint.read", answer_loop, ROUTE_WORKER, 0,
      "How an endpoint is kept fit: policy, reasons not to act, retrainings.", NULL, LOOP,
      "loopGet" },
    { "PUT", "/api/v1/endpoints/{name}/loop", "endpoint.write", put_policy, ROUTE_WORKER,
      LIMIT_BODY_CONTROL, "Sets what starts a retraining and how its version is brought in.",
      "policy object: project_dir, triggers, data, strategy, budget; null removes it.", LOOP,
      "loopSet" },
    { "POST", "/api/v1/endpoints/{name}/loop:freeze", "endpoint.write", post_freeze, ROUTE_WORKER,
      LIMIT_BODY_CONTROL, "Nothing is retrained until it is thawed.",
      "reason string: Kept in the record.", LOOP, "loopFreeze" },
    { "POST", "/api/v1/endpoints/{name}/loop:thaw", "endpoint.write", post_thaw, ROUTE_WORKER,
      LIMIT_BODY_CONTROL, "Triggers act again.", "reason string: Kept in the record.", LOOP,
      "loopThaw" },
    { "GET", "/api/v1/endpoints/{name}/story", "endpoint.read", get_story, ROUTE_WORKER, 0,
      "What happened to an endpoint and why: alerts, retrainings, rollouts, moves, newest first.",
      NULL, "items! [object]: time_ms, kind, actor, reason, before, after.", "endpointStory" },
};

const struct route_table alert_routes = { "alerts", routes, ARRAY_LEN(routes), route_error_native };
