/* SPDX-License-Identifier: Apache-2.0
 * From events to deliveries: which webhook hears of what, with which payload. */
#include <stdio.h>

#include "base/clock.h"
#include "base/num.h"
#include "codec/json.h"
#include "registry/registry_int.h"
#include "registry/webhook.h"

enum { COLLECT_EVENTS = 200, PAYLOAD_MAX = 4 << 20, CURSOR_BEHIND = 1000 };

SQL(cursor_get, "SELECT seq FROM webhook_cursor WHERE one = 1");
SQL(cursor_set, "UPDATE webhook_cursor SET seq = $1 WHERE one = 1");
/* $1 is " event ". */
SQL(webhook_any, "SELECT COUNT(*) FROM webhooks");
SQL(webhook_who, "SELECT webhook_id FROM webhooks WHERE status = 'ACTIVE' AND created_seq < $1"
                 " AND events LIKE '%' || $2 || '%'");
/* Not before those of the same webhook that wait already. */
SQL(delivery_insert,
    "INSERT INTO webhook_deliveries (delivery_id, webhook_id, seq, payload, tries, next_ms, event)"
    " SELECT $1, $2, $3, $4, 0, CASE WHEN COALESCE(MAX(next_ms), 0) > $5 THEN MAX(next_ms) ELSE $5 "
    "END, $6"
    " FROM webhook_deliveries WHERE webhook_id = $2");
SQL(delivery_queues, "SELECT webhook_id, MIN(next_ms) AS first_ms FROM webhook_deliveries"
                     " GROUP BY webhook_id ORDER BY first_ms");
SQL(delivery_due, "SELECT delivery_id, webhook_id, payload, event, tries FROM webhook_deliveries"
                  " WHERE webhook_id = $1 AND next_ms <= $2 ORDER BY next_ms, seq LIMIT 1");
SQL(webhook_tried, "UPDATE webhooks SET last_ms = $1, last_status = $2, last_error = $3"
                   " WHERE webhook_id = $4");
SQL(delivery_remove, "DELETE FROM webhook_deliveries WHERE delivery_id = $1");
SQL(delivery_hold, "UPDATE webhook_deliveries SET next_ms = $1 WHERE webhook_id = $2"
                   " AND next_ms < $1");
SQL(delivery_later,
    "UPDATE webhook_deliveries SET tries = tries + 1, next_ms = $1 WHERE delivery_id = $2");

struct kind {
    const char *ours;
    const char *model, *prompt; /* MLflow's name of it; NULL = nobody is told */
};

static const struct kind kinds[] = {
    { "model.created", "registered_model.created", "prompt.created" },
    { "model_version.created", "model_version.created", "prompt_version.created" },
    { "model.tag_set", NULL, "prompt_tag.set" },
    { "model.tag_deleted", NULL, "prompt_tag.deleted" },
    { "model_version.tag_set", "model_version_tag.set", "prompt_version_tag.set" },
    { "model_version.tag_deleted", "model_version_tag.deleted", "prompt_version_tag.deleted" },
    { "model.alias_set", "model_version_alias.created", "prompt_alias.created" },
    { "model.alias_deleted", "model_version_alias.deleted", "prompt_alias.deleted" },
};

struct collect {
    webhook_describe_fn describe;
    struct tx *tx;
    struct arena *a;
    struct err *err;
    const struct event *event;
    const char *name;    /* of the model */
    const char *version; /* text; NULL = the event is about the model */
    int is_prompt;
    const char *created_subject, *created_request; /* of the last creation */
};

static const char *tag_of(const struct track_pair *tags, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(tags[i].key, key) == 0)
            return tags[i].value;
    return NULL;
}

/* What the subject "model/NAME:3" names. 0 when it is no model. */
static int read_subject(struct collect *c)
{
    str_t s = str_of(c->event->subject), name, version;
    if (!str_starts(s, "model/"))
        return 0;
    s = (str_t){ s.p + 6, s.n - 6 };
    if (str_cut(s, ':', &name, &version)) {
        c->version = arena_strndup(c->a, version.p, version.n);
    } else {
        name = s;
        c->version = NULL;
    }
    c->name = arena_strndup(c->a, name.p, name.n);
    return 1;
}

/* Without the tags in which a prompt keeps its text, its kind and that it is one. */
static void write_tags(struct json_out *o, const struct track_pair *tags, size_t n)
{
    jo_key(o, "tags");
    jo_object(o);
    for (size_t i = 0; i < n; i++)
        if (!str_starts(str_of(tags[i].key), "mlflow.prompt.") &&
            strcmp(tags[i].key, "_mlflow_prompt_type") != 0)
            jo_kv_cstr(o, tags[i].key, tags[i].value);
    jo_object_end(o);
}

static int write_version(struct collect *c, struct json_out *o)
{
    struct version v = { 0 };
    struct track_pair *tags = NULL;
    size_t n = 0;
    int64_t number = 0;
    IGNORE(parse_i64(str_of(c->version), &number));
    int rc = version_get(c->tx, c->a, c->event->project, c->name, number, &v, NULL);
    if (!rc)
        rc = version_tags(c->tx, c->a, &v, &tags, &n, c->err);
    if (rc == ERR_NOT_FOUND)
        rc = 0; /* it is gone again: its name and number are told */
    if (c->is_prompt) {
        jo_kv_cstr(o, "template", tag_of(tags, n, "mlflow.prompt.text"));
    } else {
        jo_kv_cstr(o, "source", v.source);
        jo_kv_cstr(o, "run_id", v.run_id && v.run_id[0] ? v.run_id : NULL);
    }
    write_tags(o, tags, n);
    jo_kv_cstr(o, "description", v.description && v.description[0] ? v.description : NULL);
    return rc;
}

static int write_model(struct collect *c, struct json_out *o)
{
    struct model m = { 0 };
    struct track_pair *tags = NULL;
    size_t n = 0;
    int rc = model_get(c->tx, c->a, c->event->project, c->name, &m, NULL);
    if (!rc)
        rc = model_tags(c->tx, c->a, m.id, &tags, &n, c->err);
    write_tags(o, tags, n);
    jo_kv_cstr(o, "description", m.description && m.description[0] ? m.description : NULL);
    return rc == ERR_NOT_FOUND ? 0 : rc;
}

/* Key and value of a tag, or alias and version, out of the event's own record. */
static void write_change(struct collect *c, struct json_out *o)
{
    const char *text = c->event->after ? c->event->after : c->event->before;
    struct json v;
    int is_alias = strstr(c->event->kind, "alias") != NULL;
    if (!text || json_parse(c->a, str_of(text), NULL, &v, NULL) != 0 || v.type != JSON_OBJECT)
        return;
    if (is_alias) {
        jo_kv_cstr(o, "alias", json_get_string(&v, "alias", ""));
        const char *version = json_get_string(&v, "version", NULL);
        if (c->event->after)
            jo_kv_cstr(o, "version",
                       version
                           ? version
                           : arena_printf(c->a, "%lld", (long long)json_get_int(&v, "version", 0)));
    } else if (v.n) {
        jo_kv_str(o, "key", v.members[0].key);
        if (c->event->after)
            jo_kv_str(o, "value", v.members[0].value.string);
    }
}

static int data_of(struct collect *c, const char **out)
{
    struct buf b;
    struct json_out o;
    int rc = 0;
    buf_init(&b, PAYLOAD_MAX);
    json_out_init(&o, &b);
    jo_object(&o);
    jo_kv_cstr(&o, "name", c->name);
    if (c->version)
        jo_kv_cstr(&o, "version", c->version);
    if (strcmp(c->event->kind, "model_version.created") == 0)
        rc = write_version(c, &o);
    else if (strcmp(c->event->kind, "model.created") == 0)
        rc = write_model(c, &o);
    else
        write_change(c, &o);
    jo_object_end(&o);
    *out = b.failed ? NULL : arena_strndup(c->a, b.p, b.n);
    buf_fini(&b);
    return rc ? rc : *out ? 0 : registry__no_memory(c->err);
}

char *webhook_payload(struct arena *a, const char *event, int64_t time_ms, const char *data)
{
    struct buf b;
    struct json_out o;
    str_t entity, action;
    char time[CLOCK_TEXT_MAX + 16];
    size_t n = clock_format(time_ms, time);
    if (n && time[n - 1] == 'Z') /* as Python's isoformat() writes it */
        (void)snprintf(time + n - 1, sizeof time - n + 1, "000+00:00");
    if (!str_cut(str_of(event), '.', &entity, &action))
        entity = action = str_of(event);
    buf_init(&b, PAYLOAD_MAX + 1000);
    json_out_init(&o, &b);
    jo_object(&o);
    jo_kv_str(&o, "entity", entity);
    jo_kv_str(&o, "action", action);
    jo_kv_cstr(&o, "timestamp", time);
    jo_kv_raw(&o, "data", str_of(data));
    jo_object_end(&o);
    char *text = b.failed ? NULL : arena_strndup(a, b.p, b.n);
    buf_fini(&b);
    return text;
}

/* One delivery for each active webhook that asked for it. */
static int add_deliveries(struct collect *c, const char *name)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    const char *data = NULL, *payload = NULL;
    int own = webhook_event_is_own(name);
    int rc = stmt_open(c->tx, &webhook_who, &st, c->err);
    if (rc)
        return rc;
    stmt_int(st, 1, c->event->seq);
    stmt_text(st, 2, arena_printf(c->a, " %s ", name));
    while ((rc = stmt_step(st, c->err)) == 1) {
        char id[UUID_TEXT];
        if (!payload) {
            rc = own ? c->describe(c->tx, c->a, c->event, &data, c->err) : data_of(c, &data);
            if (!rc && !data) /* it is not to be told, such as what is silenced */
                return 0;
            payload = rc ? NULL : webhook_payload(c->a, name, c->event->time_ms, data);
            if (!payload)
                return rc ? rc : registry__no_memory(c->err);
        }
        uuid7(id);
        rc = tx_exec(c->tx, &delivery_insert, NULL, c->err, "ttitit", id,
                     stmt_get_text(st, 0, c->a), c->event->seq, payload, tx_now_ms(c->tx), name);
        if (rc)
            return rc;
    }
    return rc;
}

static int is_prompt(struct collect *c, int *out)
{
    struct model m;
    struct track_pair *tags;
    size_t n;
    *out = 0;
    int rc = model_get(c->tx, c->a, c->event->project, c->name, &m, NULL);
    if (rc)
        return rc == ERR_NOT_FOUND ? 0 : rc;
    rc = model_tags(c->tx, c->a, m.id, &tags, &n, c->err);
    const char *tag = rc ? NULL : tag_of(tags, n, "mlflow.prompt.is_prompt");
    *out = tag && strcmp(tag, "true") == 0;
    return rc;
}

/* Tags that came with the creation are in its payload; no event of their own is told. */
static int came_with_creation(const struct collect *c)
{
    const struct event *e = c->event;
    return str_ends(str_of(e->kind), ".tag_set") && c->created_subject && c->created_request &&
           e->request_id && strcmp(e->subject, c->created_subject) == 0 &&
           strcmp(e->request_id, c->created_request) == 0;
}

static int collect_one(struct collect *c)
{
    const struct kind *k = NULL;
    if (c->describe && webhook_event_is_own(c->event->kind))
        return add_deliveries(c, c->event->kind);
    for (size_t i = 0; i < ARRAY_LEN(kinds) && !k; i++)
        if (strcmp(c->event->kind, kinds[i].ours) == 0)
            k = &kinds[i];
    if (!k || !read_subject(c) || came_with_creation(c))
        return 0;
    if (str_ends(str_of(k->ours), ".created")) {
        c->created_subject = c->event->subject;
        c->created_request = c->event->request_id;
    }
    int rc = is_prompt(c, &c->is_prompt);
    const char *name = c->is_prompt ? k->prompt : k->model;
    return rc || !name ? rc : add_deliveries(c, name);
}

static int get_cursor(struct tx *tx, int64_t *out, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &cursor_get, &st, err);
    if (!rc && (rc = stmt_step(st, err)) == 1)
        *out = stmt_get_int(st, 0);
    return MIN(rc, 0);
}

int webhook_collect(struct tx *tx, webhook_describe_fn describe, int *out_more, struct err *err)
{
    struct arena a;
    struct event *list = NULL;
    size_t n = 0;
    int64_t cursor = 0;
    arena_init(&a, MIB(64));
    struct collect c = { .describe = describe, .tx = tx, .a = &a, .err = err };
    int rc = get_cursor(tx, &cursor, err);
    struct event_query q = { .after_seq = cursor, .limit = COLLECT_EVENTS };
    if (!rc)
        rc = event_list(tx, &a, &q, &list, &n, err);
    for (size_t i = 0; i < n && !rc; i++) {
        c.event = &list[i];
        rc = collect_one(&c);
    }
    if (!rc && n)
        rc = tx_exec(tx, &cursor_set, NULL, err, "i", list[n - 1].seq);
    *out_more = n == COLLECT_EVENTS;
    arena_fini(&a);
    return rc;
}

/* Whether an event after the cursor may concern a webhook. */
static int is_any_due(struct tx *tx, int64_t cursor, int *out, struct err *err)
{
    static const char *const prefixes[] = { "model", "alert.", "rollout.", "loop." };
    struct arena a;
    int rc = 0;
    arena_init(&a, MIB(8));
    for (size_t i = 0; i < ARRAY_LEN(prefixes) && !rc && !*out; i++) {
        struct event_query q = { .after_seq = cursor, .kind_prefix = prefixes[i], .limit = 1 };
        struct event *list;
        size_t n = 0;
        rc = event_list(tx, &a, &q, &list, &n, err);
        *out = !rc && n > 0;
    }
    arena_fini(&a);
    return rc;
}

int webhook_collect_due(struct tx *tx, int *out, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int64_t cursor = 0, newest = 0, any = 0;
    *out = 0;
    int rc = stmt_open(tx, &webhook_any, &st, err);
    if (!rc && (rc = stmt_step(st, err)) == 1)
        any = stmt_get_int(st, 0);
    if (rc < 0 || !any)
        return MIN(rc, 0);
    rc = get_cursor(tx, &cursor, err);
    if (!rc)
        rc = event_newest(tx, &newest, err);
    if (rc)
        return rc;
    *out = newest - cursor > CURSOR_BEHIND;
    return *out ? 0 : is_any_due(tx, cursor, out, err);
}

int webhook_queues(struct tx *tx, struct arena *a, struct webhook_queue **out, size_t *out_n,
                   struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    struct webhook_queue *list = NULL;
    size_t n = 0, cap = 0;
    int rc = stmt_open(tx, &delivery_queues, &st, err);
    while (!rc && (rc = stmt_step(st, err)) == 1) {
        list = rows_room(a, list, n, &cap, sizeof *list);
        rc = list ? 0 : registry__no_memory(err);
        if (!rc)
            list[n++] = (struct webhook_queue){ stmt_get_text(st, 0, a), stmt_get_int(st, 1) };
    }
    *out = list;
    *out_n = n;
    return rc;
}

int webhook_due(struct tx *tx, struct arena *a, const char *webhook_id, int64_t now_ms,
                struct delivery *out, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    *out = (struct delivery){ 0 };
    int rc = stmt_open(tx, &delivery_due, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, webhook_id);
    stmt_int(st, 2, now_ms);
    rc = stmt_step(st, err);
    if (rc == 1)
        *out = (struct delivery){ stmt_get_text(st, 0, a), stmt_get_text(st, 1, a),
                                  stmt_get_text(st, 2, a), stmt_get_text(st, 3, a),
                                  stmt_get_int(st, 4) };
    return MIN(rc, 0);
}

static int keep_try(struct tx *tx, const struct delivery *d, const struct webhook_try *t,
                    struct err *err)
{
    return t ? tx_exec(tx, &webhook_tried, NULL, err, "iitt", tx_now_ms(tx), (int64_t)t->status,
                       t->status ? NULL : t->why, d->webhook_id)
             : 0;
}

int webhook_done(struct tx *tx, const struct delivery *d, const struct webhook_try *t,
                 struct err *err)
{
    int rc = tx_exec(tx, &delivery_remove, NULL, err, "t", d->id);
    return rc ? rc : keep_try(tx, d, t, err);
}

int webhook_retry(struct tx *tx, const struct delivery *d, const struct webhook_try *t,
                  int64_t next_ms, struct err *err)
{
    int rc = tx_exec(tx, &delivery_later, NULL, err, "it", next_ms, d->id);
    if (!rc)
        rc = tx_exec(tx, &delivery_hold, NULL, err, "it", next_ms, d->webhook_id);
    return rc ? rc : keep_try(tx, d, t, err);
}

const char *webhook_example(const char *event)
{
    static const struct {
        const char *event, *data;
    } examples[] = {
        { "registered_model.created", "{\"name\":\"example_model\",\"tags\":{\"example_key\":"
                                      "\"example_value\"},\"description\":\"An example registered "
                                      "model\"}" },
        { "model_version.created",
          "{\"name\":\"example_model\",\"version\":\"1\",\"source\":\"models:/123\",\"run_id\":"
          "\"abcd1234abcd5678\",\"tags\":{\"example_key\":\"example_value\"},\"description\":\"An "
          "example model version\"}" },
        { "model_version_tag.set", "{\"name\":\"example_model\",\"version\":\"1\",\"key\":"
                                   "\"example_key\",\"value\":\"example_value\"}" },
        { "model_version_tag.deleted",
          "{\"name\":\"example_model\",\"version\":\"1\",\"key\":\"example_key\"}" },
        { "model_version_alias.created",
          "{\"name\":\"example_model\",\"alias\":\"example_alias\",\"version\":\"1\"}" },
        { "model_version_alias.deleted",
          "{\"name\":\"example_model\",\"alias\":\"example_alias\"}" },
        { "prompt.created", "{\"name\":\"example_prompt\",\"tags\":{\"example_key\":"
                            "\"example_value\"},\"description\":\"An example prompt\"}" },
        { "prompt_version.created",
          "{\"name\":\"example_prompt\",\"version\":\"1\",\"template\":\"Hello "
          "{{name}}!\",\"tags\":"
          "{\"example_key\":\"example_value\"},\"description\":\"An example prompt version\"}" },
        { "prompt_tag.set", "{\"name\":\"example_prompt\",\"key\":\"example_key\",\"value\":"
                            "\"example_value\"}" },
        { "prompt_tag.deleted", "{\"name\":\"example_prompt\",\"key\":\"example_key\"}" },
        { "prompt_version_tag.set", "{\"name\":\"example_prompt\",\"version\":\"1\",\"key\":"
                                    "\"example_key\",\"value\":\"example_value\"}" },
        { "prompt_version_tag.deleted",
          "{\"name\":\"example_prompt\",\"version\":\"1\",\"key\":\"example_key\"}" },
        { "prompt_alias.created",
          "{\"name\":\"example_prompt\",\"alias\":\"example_alias\",\"version\":\"1\"}" },
        { "prompt_alias.deleted", "{\"name\":\"example_prompt\",\"alias\":\"example_alias\"}" },
        { "alert.firing",
          "{\"status\":\"firing\",\"alertname\":\"Example\",\"labels\":{\"alertname\":\"Example\","
          "\"endpoint\":\"example\",\"severity\":\"warning\"},\"annotations\":{\"summary\":\"An "
          "example: nothing is wrong\"},\"startsAt\":\"2026-01-01T00:00:00.000Z\",\"endsAt\":null,"
          "\"fingerprint\":\"00000000-0000-7000-8000-000000000000\",\"message\":\"rmse 61 > 58\","
          "\"features\":[]}" },
    };
    for (size_t i = 0; i < ARRAY_LEN(examples); i++)
        if (strcmp(event, examples[i].event) == 0)
            return examples[i].data;
    return webhook_event_is_own(event) ? "{\"endpoint\":\"example\",\"model\":\"example_model\","
                                         "\"reason\":\"an example\"}"
                                       : "{}";
}
