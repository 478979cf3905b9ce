/* SPDX-License-Identifier: Apache-2.0
 * /api/v1/webhooks: who is told of alerts, rollouts and loops beside the changes of the registry,
 * and the text that they get. The secret is never part of an answer. */
#include "api/native/hooks.h"

#include <ctype.h>
#include <stdio.h>

#include "api/app.h"
#include "api/native/handler.h"
#include "api/tables.h"
#include "base/clock.h"
#include "base/limits.h"
#include "monitor/alert.h"
#include "registry/notify.h"

enum { DATA_MAX = 1 << 20, HOOKS_SHOWN = 1000, NAME_MAX_BYTES = 63 };

/* ---- what is told ---- */

static void put_time(struct json_out *o, const char *key, int64_t ms)
{
    char text[CLOCK_TEXT_MAX];
    (void)clock_format(ms, text);
    jo_kv_cstr(o, key, ms ? text : NULL);
}

/* The members of a JSON object in text, without its braces. */
static void put_members(struct json_out *o, struct arena *a, const char *text, const char *but)
{
    struct json v;
    if (!text || json_parse(a, str_of(text), NULL, &v, NULL) != 0 || v.type != JSON_OBJECT)
        return;
    for (size_t i = 0; i < v.n; i++) {
        if (but && strstr(but, arena_printf(a, " %.*s ", STR_ARG(v.members[i].key))))
            continue;
        jo_key_str(o, v.members[i].key);
        jo_value(o, &v.members[i].value);
    }
}

/* In Alertmanager's words. */
static void write_alert(struct json_out *o, struct arena *a, const struct alert_row *r, int firing)
{
    static const char own[] = " alertname endpoint severity model version ";
    jo_kv_cstr(o, "status", firing ? "firing" : "resolved");
    jo_kv_cstr(o, "alertname", r->rule);
    jo_key(o, "labels");
    jo_object(o);
    jo_kv_cstr(o, "alertname", r->rule);
    jo_kv_cstr(o, "endpoint", r->endpoint);
    jo_kv_cstr(o, "severity", r->severity);
    jo_kv_cstr(o, "model", r->model);
    jo_kv_cstr(o, "version", r->version);
    put_members(o, a, r->labels, own);
    jo_object_end(o);
    jo_key(o, "annotations");
    jo_object(o);
    put_members(o, a, r->annotations, NULL);
    jo_object_end(o);
    put_time(o, "startsAt", r->started_ms);
    put_time(o, "endsAt", firing ? 0 : r->ended_ms);
    jo_kv_cstr(o, "fingerprint", r->id);
    jo_kv_raw(o, "features", str_of(r->features ? r->features : "[]"));
}

/* Alerts by their record, the others by what the event itself says. */
static int write_data(struct tx *tx, struct arena *a, const struct event *e, struct json_out *o,
                      int *out_told, struct err *err)
{
    struct json after = { .type = JSON_OBJECT };
    struct alert_row r;
    const char *name = strchr(e->subject, '/');
    *out_told = 1;
    if (e->after)
        IGNORE(json_parse(a, str_of(e->after), NULL, &after, NULL));
    if (!str_starts(str_of(e->kind), "alert.")) {
        jo_kv_cstr(o, "endpoint", name ? name + 1 : e->subject);
        put_members(o, a, e->after, " reason ");
        jo_kv_cstr(o, "actor", e->actor);
        jo_kv_cstr(o, "reason", e->reason ? e->reason : json_get_string(&after, "reason", NULL));
        return 0;
    }
    int rc = alert_get(tx, a, json_get_string(&after, "alert_id", ""), &r, err);
    *out_told = !rc && !r.silenced;
    if (rc == ERR_NOT_FOUND || rc == ERR_INVALID) /* nobody can say any more what it was */
        return 0;
    if (!rc) {
        write_alert(o, a, &r, strcmp(e->kind, "alert.firing") == 0);
        jo_kv_cstr(o, "message", json_get_string(&after, "message", r.message));
    }
    return rc;
}

int hooks_describe(struct tx *tx, struct arena *a, const struct event *e, const char **out_data,
                   struct err *err)
{
    struct buf b;
    struct json_out o;
    int told = 0;
    buf_init(&b, DATA_MAX);
    json_out_init(&o, &b);
    jo_object(&o);
    int rc = write_data(tx, a, e, &o, &told, err);
    jo_object_end(&o);
    *out_data = rc || !told || b.failed ? NULL : arena_strndup(a, b.p, b.n);
    buf_fini(&b);
    return rc;
}

/* ---- one webhook ---- */

static void write_hook(struct json_out *o, const struct webhook *w)
{
    jo_object(o);
    jo_kv_cstr(o, "id", w->id);
    jo_kv_cstr(o, "name", w->name);
    jo_kv_cstr(o, "description", w->description);
    jo_kv_cstr(o, "url", w->url);
    jo_key(o, "events");
    jo_array(o);
    for (size_t i = 0; i < w->event_n; i++)
        jo_cstr(o, w->events[i]);
    jo_array_end(o);
    jo_kv_cstr(o, "status", w->status);
    jo_kv_bool(o, "signed", w->secret != NULL);
    jo_kv_int(o, "waiting", w->waiting);
    jo_key(o, "last");
    if (w->last_ms) {
        jo_object(o);
        jo_kv_int(o, "time_ms", w->last_ms);
        jo_kv_int(o, "status", w->last_status);
        jo_kv_cstr(o, "error", w->last_error);
        jo_object_end(o);
    } else {
        jo_null(o);
    }
    jo_kv_int(o, "creation_time_ms", w->creation_time_ms);
    jo_kv_int(o, "last_update_time_ms", w->last_update_time_ms);
    jo_object_end(o);
}

static int read_hook(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    return webhook_find(tx, &rq->arena, handler_param(rq, "id"), arg, err);
}

static int get_hook(struct request *rq, struct err *err)
{
    struct webhook w;
    struct json_out o;
    int rc = handler_read(rq, read_hook, &w, err);
    if (rc)
        return rc;
    route_json(rq, &o);
    write_hook(&o, &w);
    return 0;
}

static int write_all(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    struct webhook *list = NULL;
    struct json_out o;
    size_t n = 0;
    (void)arg;
    int rc = webhook_list(tx, &rq->arena, WEBHOOKS_ALL, 0, HOOKS_SHOWN, &list, &n, err);
    if (rc)
        return rc;
    route_json(rq, &o);
    jo_object(&o);
    jo_key(&o, "items");
    jo_array(&o);
    for (size_t i = 0; i < n; i++)
        write_hook(&o, &list[i]);
    jo_array_end(&o);
    jo_object_end(&o);
    return 0;
}

static int get_hooks(struct request *rq, struct err *err)
{
    return handler_read(rq, write_all, NULL, err);
}

/* ---- changes ---- */

struct addition {
    struct webhook w;
    struct webhook_rules rules;
    char id[UUID_TEXT];
};

/* Its host, as a name. */
static const char *name_of(struct arena *a, const char *url)
{
    const char *host = strstr(url, "://");
    char *name = arena_strdup(a, host ? host + 3 : url);
    size_t n = strcspn(name, "/?#");
    n = MIN(n, (size_t)NAME_MAX_BYTES);
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)name[i]) && name[i] != '.')
            name[i] = '-';
    while (n && !isalnum((unsigned char)name[n - 1]))
        n--;
    name[n] = '\0';
    while (*name && !isalnum((unsigned char)*name))
        name++;
    return *name ? name : "webhook";
}

static int read_events(struct request *rq, const struct json *list, struct webhook *w,
                       struct err *err)
{
    size_t n;
    const char *const *own = webhook_own_events(&n);
    if (!list || list->type == JSON_NULL) {
        memcpy(w->events, own, n * sizeof *own);
        w->event_n = n;
        return 0;
    }
    if (list->type != JSON_ARRAY || list->n < 1 || list->n > WEBHOOK_EVENTS_MAX)
        return ERR(err, ERR_INVALID, "'events' must be a list of 1 to %d names of events",
                   WEBHOOK_EVENTS_MAX);
    for (size_t i = 0; i < list->n; i++) {
        const struct json *v = &list->items[i];
        const char *name =
            v->type == JSON_STRING ? arena_strndup(&rq->arena, v->string.p, v->string.n) : "";
        if (!webhook_event_is_own(name) && !webhook_event_is_valid(name)) {
            const char *near = str_nearest(str_of(name), own, n);
            const char *all = "";
            for (size_t k = 0; k < n; k++)
                all = arena_printf(&rq->arena, "%s%s%s", all, k ? ", " : "", own[k]);
            return near ? ERR(err, ERR_INVALID, "there is no event '%.60s': did you mean '%s'?",
                              name, near)
                        : ERR(err, ERR_INVALID,
                              "there is no event '%.60s': there are %s, and those that MLflow has",
                              name, all);
        }
        w->events[w->event_n++] = name;
    }
    return 0;
}

static int add_hook(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    struct addition *x = arg;
    struct cause by = handler_cause(rq, NULL);
    int rc = webhook_create(tx, &by, &x->w, &x->rules, x->id, err);
    return rc ? rc : webhook_get(tx, &rq->arena, x->id, &x->w, err);
}

static int post_hook(struct request *rq, struct err *err)
{
    const struct app_options *opt = &app_of(rq)->options;
    struct json body;
    struct json_out o;
    struct addition x = { .rules = { .private_allowed = opt->webhook_private,
                                     .data_dir = opt->data_dir,
                                     .own_allowed = 1 } };
    int rc = route_body(rq, &body, err);
    if (rc)
        return rc;
    x.w.url = json_get_string(&body, "url", NULL);
    x.w.name = json_get_string(&body, "name", NULL);
    x.w.description = json_get_string(&body, "description", NULL);
    x.w.secret = json_get_string(&body, "secret", NULL);
    if (x.w.secret && !*x.w.secret)
        x.w.secret = NULL;
    if (!x.w.url || !*x.w.url)
        return ERR(err, ERR_INVALID, "'url' must say whom to call");
    if (!x.w.name)
        x.w.name = name_of(&rq->arena, x.w.url);
    rc = read_events(rq, json_get(&body, "events"), &x.w, err);
    if (!rc)
        rc = handler_write(rq, add_hook, &x, err);
    if (rc)
        return rc;
    rq->status = 201;
    route_json(rq, &o);
    write_hook(&o, &x.w);
    return 0;
}

static int remove_hook(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    struct webhook *w = arg;
    struct cause by = handler_cause(rq, NULL);
    int rc = webhook_find(tx, &rq->arena, handler_param(rq, "id"), w, err);
    return rc ? rc : webhook_delete(tx, &by, w->id, err);
}

static int delete_hook(struct request *rq, struct err *err)
{
    struct webhook w;
    struct json_out o;
    int rc = handler_write(rq, remove_hook, &w, err);
    if (rc)
        return rc;
    route_json(rq, &o);
    write_hook(&o, &w);
    return 0;
}

/* Calls the receiver once, outside of any transaction. */
static int test_hook(struct request *rq, struct err *err)
{
    const struct app_options *opt = &app_of(rq)->options;
    struct notify_options no = { .private_allowed = opt->webhook_private,
                                 .data_dir = opt->data_dir };
    struct notify_result r;
    struct webhook w;
    struct json body;
    struct json_out o;
    int rc = route_body(rq, &body, err);
    if (!rc)
        rc = handler_read(rq, read_hook, &w, err);
    if (rc)
        return rc;
    const char *event = json_get_string(&body, "event", w.event_n ? w.events[0] : "alert.firing");
    if (!webhook_event_is_own(event) && !webhook_event_is_valid(event))
        return ERR(err, ERR_INVALID, "there is no event '%.60s'", event);
    const char *payload =
        webhook_payload(&rq->arena, event, clock_now_ms(), webhook_example(event));
    notify_send(&rq->arena, &w, payload ? payload : "{}", NULL, &no, &r);
    route_json(rq, &o);
    jo_object(&o);
    jo_kv_cstr(&o, "id", w.id);
    jo_kv_cstr(&o, "name", w.name);
    jo_kv_cstr(&o, "url", w.url);
    jo_kv_cstr(&o, "event", event);
    jo_kv_bool(&o, "success", r.sent && r.status < 400);
    jo_kv_int(&o, "status", r.status);
    jo_kv_cstr(&o, "error", r.sent ? NULL : r.why);
    jo_object_end(&o);
    return 0;
}

/* ---- the table ---- */

#define HOOK                                                                                       \
    "id! string\nname! string\ndescription string|null\nurl! string\nevents! [string]\nstatus! "   \
    "string: ACTIVE or DISABLED.\nsigned! boolean: It has a secret.\nwaiting! integer: "           \
    "Deliveries still to be sent.\nlast object|null: The newest try: time_ms, status (0 = no "     \
    "answer), error.\ncreation_time_ms! time_ms\nlast_update_time_ms! time_ms"

static const struct route routes[] = {
    { "GET", "/api/v1/webhooks", "admin", get_hooks, ROUTE_WORKER, 0,
      "Who is told of what, newest first.", NULL, "items! [object]: Webhooks.", "webhookList" },
    { "POST", "/api/v1/webhooks", "admin", post_hook, ROUTE_WORKER, LIMIT_BODY_CONTROL,
      "Tells a receiver of alerts, rollouts and loops, or of changes of the registry.",
      "url! string: Whom to call.\nname string: The host of the URL unless given.\nevents "
      "[string]: What about, such as alert.firing or model_version.created; everything about "
      "alerts, rollouts and loops when left out.\nsecret string: Key of the signature.\n"
      "description string: Text.",
      HOOK, "webhookAdd" },
    { "GET", "/api/v1/webhooks/{id}", "admin", get_hook, ROUTE_WORKER, 0,
      "One webhook, by its id, the beginning of it, or its name.", NULL, HOOK, "webhookGet" },
    { "DELETE", "/api/v1/webhooks/{id}", "admin", delete_hook, ROUTE_WORKER, 0,
      "Removes a webhook; what waits to be sent to it is dropped.", NULL, HOOK, "webhookRemove" },
    { "POST", "/api/v1/webhooks/{id}:test", "admin", test_hook, ROUTE_WORKER, LIMIT_BODY_CONTROL,
      "Calls the receiver once with an example.",
      "event string: Which; the first of the webhook unless given.",
      "success! boolean: It answered with a status below 400.\nstatus! integer: 0 = no answer.\n"
      "error string|null: Why none came.\nid! string\nname! string\nurl! string\nevent! string",
      "webhookTest" },
};

const struct route_table hook_routes = { "webhooks", routes, ARRAY_LEN(routes),
                                         route_error_native };
