/* SPDX-License-Identifier: Apache-2.0
 * /mlflow/webhooks: who is told of changes of the registry. The secret is never part of an answer.
 */
#include "api/mlflow/mlflow.h"
#include "base/clock.h"
#include "registry/notify.h"

enum { LIST_MAX = 1000 };

static const struct mlf_enum entities[] = {
    { "ENTITY_UNSPECIFIED", 0 }, { "REGISTERED_MODEL", 1 },    { "MODEL_VERSION", 2 },
    { "MODEL_VERSION_TAG", 3 },  { "MODEL_VERSION_ALIAS", 4 }, { "PROMPT", 5 },
    { "PROMPT_VERSION", 6 },     { "PROMPT_TAG", 7 },          { "PROMPT_VERSION_TAG", 8 },
    { "PROMPT_ALIAS", 9 },       { "BUDGET_POLICY", 10 },      { NULL, 0 },
};
static const struct mlf_enum actions[] = {
    { "ACTION_UNSPECIFIED", 0 }, { "CREATED", 1 }, { "UPDATED", 2 }, { "DELETED", 3 }, { "SET", 4 },
    { "EXCEEDED", 5 },           { NULL, 0 },
};
static const struct mlf_enum statuses[] = { { "ACTIVE", 1 }, { "DISABLED", 2 }, { NULL, 0 } };
static const struct mlf_field event_fields[] = { F_ENUM("entity", "", entities),
                                                 F_ENUM("action", "", actions), F_END };

static const char *name_of(const struct mlf_enum *values, int64_t number)
{
    for (; values->name; values++)
        if (values->number == number)
            return values->name;
    return values[-1].name;
}

/* "model_version.created" of {"entity": 2, "action": 1}. */
static const char *event_of_message(struct mlf *m, const struct json *v)
{
    return mlf_lower(m->a,
                     arena_printf(m->a, "%s.%s", name_of(entities, json_get_int(v, "entity", 0)),
                                  name_of(actions, json_get_int(v, "action", 0))));
}

static int check_event(struct mlf *m, const char *event)
{
    str_t entity, action;
    if (webhook_event_is_valid(event))
        return 0;
    IGNORE(str_cut(str_of(event), '.', &entity, &action));
    size_t n;
    const char *const *all = webhook_events(&n);
    const char *valid = "", *prefix = arena_printf(m->a, "%.*s.", STR_ARG(entity));
    for (size_t i = 0; i < n; i++)
        if (str_starts(str_of(all[i]), prefix))
            valid =
                arena_printf(m->a, "%s%s'%s'", valid, *valid ? ", " : "", all[i] + strlen(prefix));
    return mlf_fail(m, MLF_INVALID,
                    "Invalid action '%.*s' for entity '%.*s'. Valid actions are: [%s]",
                    STR_ARG(action), STR_ARG(entity), valid);
}

static int read_message(struct mlf *m, struct webhook *out)
{
    size_t n;
    const struct json *events = mlf_items(m, "events", &n);
    int64_t status = mlf_int(m, "status", 0);
    *out = (struct webhook){ .name = mlf_str_or_null(m, "name"),
                             .description = mlf_str_or_null(m, "description"),
                             .url = mlf_str_or_null(m, "url"),
                             .secret = mlf_str_or_null(m, "secret"),
                             .status = status ? name_of(statuses, status) : NULL };
    const char **texts[] = { &out->name, &out->description, &out->url, &out->secret };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (*texts[i] && !**texts[i])
            *texts[i] = NULL;
    if (n > WEBHOOK_EVENTS_MAX)
        return mlf_fail(m, MLF_INVALID, "A webhook has at most %d events.", WEBHOOK_EVENTS_MAX);
    for (size_t i = 0; i < n; i++) {
        const char *event = event_of_message(m, &events[i]);
        int rc = check_event(m, event);
        if (rc)
            return rc;
        out->events[out->event_n++] = event;
    }
    return 0;
}

static struct webhook_rules rules_of(struct mlf *m)
{
    const struct app_options *o = &app_of(m->rq)->options;
    return (struct webhook_rules){ .private_allowed = o->webhook_private, .data_dir = o->data_dir };
}

/* One that a client of MLflow may see: with an event that it knows. */
static int get_shown(struct tx *tx, struct arena *a, const char *id, struct webhook *out,
                     struct err *err)
{
    int shown = 0;
    int rc = webhook_get(tx, a, id, out, err);
    for (size_t i = 0; !rc && i < out->event_n; i++)
        shown |= webhook_event_is_valid(out->events[i]);
    return rc || shown ? rc : ERR(err, ERR_NOT_FOUND, "Webhook with ID %.64s not found.", id);
}

static void write_webhook(struct mlf *m, const struct webhook *w)
{
    struct json_out *o = &m->out;
    jo_object(o);
    jo_kv_cstr(o, "webhook_id", w->id);
    jo_kv_cstr(o, "name", w->name);
    mlf_opt(o, "description", w->description);
    jo_kv_cstr(o, "url", w->url);
    jo_key(o, "events");
    jo_array(o);
    for (size_t i = 0; i < w->event_n; i++) {
        str_t entity = str_of(w->events[i]), action = { "", 0 };
        IGNORE(str_cut(str_of(w->events[i]), '.', &entity, &action));
        if (!webhook_event_is_valid(w->events[i])) /* its enums have no such number */
            continue;
        jo_object(o);
        for (const struct mlf_enum *e = entities; e->name; e++)
            if (str_is(entity, mlf_lower(m->a, e->name)))
                jo_kv_cstr(o, "entity", e->name);
        for (const struct mlf_enum *e = actions; e->name; e++)
            if (str_is(action, mlf_lower(m->a, e->name)))
                jo_kv_cstr(o, "action", e->name);
        jo_object_end(o);
    }
    jo_array_end(o);
    jo_kv_cstr(o, "status", w->status);
    jo_kv_int(o, "creation_timestamp", w->creation_time_ms);
    jo_kv_int(o, "last_updated_timestamp", w->last_update_time_ms);
    jo_object_end(o);
}

static int answer(struct mlf *m, struct tx *tx, const char *id)
{
    struct webhook w;
    int rc = get_shown(tx, m->a, id, &w, m->err);
    if (rc)
        return rc;
    jo_key(mlf_begin(m), "webhook");
    write_webhook(m, &w);
    return 0;
}

MLF_HANDLER(webhook_create, MLF_WRITE, F_STR("name", "sr"), F_STR("url", "sr"),
            F_MSGS("events", "ar", event_fields), F_STR("description", "s"), F_STR("secret", "s"),
            F_ENUM("status", "s", statuses))
{
    struct webhook w;
    struct webhook_rules rules = rules_of(m);
    char id[UUID_TEXT];
    int rc = read_message(m, &w);
    if (!rc && (!w.name || !w.url))
        rc = mlf_fail(m, MLF_INVALID, "Webhook %s cannot be empty or just whitespace: ''",
                      w.name ? "URL" : "name");
    if (!rc)
        rc = webhook_create(tx, &m->by, &w, &rules, id, m->err);
    return rc ? rc : answer(m, tx, id);
}

MLF_HANDLER(webhook_list, MLF_READ, F_INT("max_results", "i"), F_STR("page_token", "s"))
{
    struct webhook *list;
    size_t n;
    int64_t offset = 0, max = mlf_int(m, "max_results", 100);
    if (max == 0)
        max = 100;
    if (max < 1 || max > LIST_MAX)
        return mlf_fail(m, MLF_INVALID, "max_results must be between 1 and %d.", LIST_MAX);
    int rc = *mlf_str(m, "page_token") ? mlf_offset(m, mlf_str(m, "page_token"), &offset) : 0;
    if (!rc)
        rc = webhook_list(tx, m->a, WEBHOOKS_OF_MLFLOW, offset, max + 1, &list, &n, m->err);
    if (rc || !n)
        return rc;
    int more = n > (size_t)max;
    n -= (size_t)more;
    jo_key(mlf_begin(m), "webhooks");
    jo_array(&m->out);
    for (size_t i = 0; i < n; i++)
        write_webhook(m, &list[i]);
    jo_array_end(&m->out);
    if (more)
        jo_kv_cstr(&m->out, "next_page_token", mlf_token(m, offset + max));
    return 0;
}

MLF_HANDLER0(webhook_get, MLF_READ)
{
    return answer(m, tx, mlf_path(m, "webhook_id"));
}

MLF_HANDLER(webhook_update, MLF_WRITE, F_STR("name", "s"), F_STR("description", "s"),
            F_STR("url", "s"), F_MSGS("events", "a", event_fields), F_STR("secret", "s"),
            F_ENUM("status", "s", statuses))
{
    struct webhook w;
    struct webhook_rules rules = rules_of(m);
    const char *id = mlf_path(m, "webhook_id");
    struct webhook had;
    int rc = read_message(m, &w);
    if (!rc)
        rc = get_shown(tx, m->a, id, &had, m->err);
    if (!rc)
        rc = webhook_update(tx, &m->by, id, &w, &rules, m->err);
    return rc ? rc : answer(m, tx, id);
}

MLF_HANDLER0(webhook_delete, MLF_WRITE)
{
    struct webhook had;
    const char *id = mlf_path(m, "webhook_id");
    int rc = get_shown(tx, m->a, id, &had, m->err);
    return rc ? rc : webhook_delete(tx, &m->by, id, m->err);
}

struct get {
    struct arena *a;
    const char *id;
    struct webhook *out;
};

static int get_one(struct tx *tx, void *arg, struct err *err)
{
    struct get *g = arg;
    return get_shown(tx, g->a, g->id, g->out, err);
}

/* Calls the receiver once, outside of any transaction. */
MLF_HANDLER(webhook_test, MLF_PLAIN, F_MSG("event", "", event_fields))
{
    struct webhook w = { 0 };
    struct get g = { m->a, mlf_path(m, "webhook_id"), &w };
    struct notify_result r;
    struct app *app = app_of(m->rq);
    struct notify_options o = { .private_allowed = app->options.webhook_private,
                                .data_dir = app->options.data_dir };
    (void)tx;
    const struct json *v = json_get(&m->message, "event");
    const char *event = v ? event_of_message(m, v) : NULL;
    int rc = event ? check_event(m, event) : 0;
    if (!rc)
        rc = store_read(app->store, get_one, &g, m->err);
    if (rc)
        return rc;
    if (!event)
        event = "registered_model.created";
    for (size_t i = 0; !v && i < w.event_n; i++)
        if (webhook_event_is_valid(w.events[i])) {
            event = w.events[i];
            break;
        }
    const char *payload = webhook_payload(m->a, event, clock_now_ms(), webhook_example(event));
    notify_send(m->a, &w, payload ? payload : "{}", NULL, &o, &r);
    struct json_out *out = mlf_begin(m);
    jo_key(out, "result");
    jo_object(out);
    jo_kv_bool(out, "success", r.sent && r.status < 400);
    if (r.sent) {
        jo_kv_int(out, "response_status", r.status);
        jo_kv_cstr(out, "response_body", r.body ? r.body : "");
    } else {
        jo_kv_cstr(out, "error_message", arena_printf(m->a, "Failed to test webhook: %s", r.why));
    }
    jo_object_end(out);
    return 0;
}
