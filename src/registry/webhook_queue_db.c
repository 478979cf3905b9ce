/* SPDX-License-Identifier: Apache-2.0
 * From events to deliveries: which webhook hears of what, with which payload. */
#include <stdio.h>

#include "base/clock.h"
#include "base/num.h"
#include "codec/json.h"
#include "registry/registry_int.h"
#include "registry/webhook.h"

enum { COLLECT_EVENTS = 200, DUE_MAX = 32, PAYLOAD_MAX = 4 << 20, CURSOR_BEHIND = 1000 };

SQL(cursor_get, "SELECT seq FROM webhook_cursor WHERE one = 1");
SQL(cursor_set, "UPDATE webhook_cursor SET seq = $1 WHERE one = 1");
/* $1 is " event ". */
SQL(webhook_any, "SELECT COUNT(*) FROM webhooks");
SQL(webhook_who, "SELECT webhook_id FROM webhooks WHERE status = 'ACTIVE' AND created_seq < $1"
                 " AND events LIKE '%' || $2 || '%'");
/* Not before those of the same webhook that wait already. */
SQL(delivery_insert,
    "INSERT INTO webhook_deliveries (delivery_id, webhook_id, seq, payload, tries, next_ms)"
    " SELECT $1, $2, $3, $4, 0, CASE WHEN COALESCE(MAX(next_ms), 0) > $5 THEN MAX(next_ms) ELSE $5 "
    "END"
    " FROM webhook_deliveries WHERE webhook_id = $2");
SQL(delivery_due, "SELECT delivery_id, webhook_id, payload, tries FROM webhook_deliveries"
                  " WHERE next_ms <= $1 ORDER BY next_ms, seq LIMIT $2");
SQL(delivery_next, "SELECT COALESCE(MIN(next_ms), 0) FROM webhook_deliveries");
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

static int data_of(struct collect *c, char **out)
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
    char *data = NULL, *payload = NULL;
    int rc = stmt_open(c->tx, &webhook_who, &st, c->err);
    if (rc)
        return rc;
    stmt_int(st, 1, c->event->seq);
    stmt_text(st, 2, arena_printf(c->a, " %s ", name));
    while ((rc = stmt_step(st, c->err)) == 1) {
        char id[UUID_TEXT];
        if (!payload) {
            rc = data_of(c, &data);
            payload = rc ? NULL : webhook_payload(c->a, name, c->event->time_ms, data);
            if (!payload)
                return rc ? rc : registry__no_memory(c->err);
        }
        uuid7(id);
        rc = tx_exec(c->tx, &delivery_insert, NULL, c->err, "ttiti", id, stmt_get_text(st, 0, c->a),
                     c->event->seq, payload, tx_now_ms(c->tx));
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

int webhook_collect(struct tx *tx, int *out_more, struct err *err)
{
    struct arena a;
    struct event *list = NULL;
    size_t n = 0;
    int64_t cursor = 0;
    arena_init(&a, MIB(64));
    struct collect c = { .tx = tx, .a = &a, .err = err };
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

int webhook_collect_due(struct tx *tx, int *out, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    struct arena a;
    struct event *list;
    size_t n = 0;
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
    arena_init(&a, MIB(8));
    struct event_query q = { .after_seq = cursor, .kind_prefix = "model", .limit = 1 };
    if (!rc)
        rc = event_list(tx, &a, &q, &list, &n, err);
    arena_fini(&a);
    *out = !rc && (n > 0 || newest - cursor > CURSOR_BEHIND);
    return rc;
}

int webhook_due(struct tx *tx, struct arena *a, int64_t now_ms, struct delivery **out,
                size_t *out_n, int64_t *out_next_ms, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    AUTO(stmt_auto) struct stmt *next = NULL;
    struct delivery *list = arena_alloc(a, DUE_MAX * sizeof *list);
    size_t n = 0;
    int rc = stmt_open(tx, &delivery_due, &st, err);
    if (rc)
        return rc;
    stmt_int(st, 1, now_ms);
    stmt_int(st, 2, DUE_MAX);
    while (n < DUE_MAX && (rc = stmt_step(st, err)) == 1)
        list[n++] = (struct delivery){ stmt_get_text(st, 0, a), stmt_get_text(st, 1, a),
                                       stmt_get_text(st, 2, a), stmt_get_int(st, 3), 0 };
    if (rc >= 0)
        rc = stmt_open(tx, &delivery_next, &next, err);
    if (!rc && (rc = stmt_step(next, err)) == 1)
        *out_next_ms = stmt_get_int(next, 0);
    *out = list;
    *out_n = n;
    return MIN(rc, 0);
}

int webhook_done(struct tx *tx, const char *delivery_id, struct err *err)
{
    return tx_exec(tx, &delivery_remove, NULL, err, "t", delivery_id);
}

int webhook_retry(struct tx *tx, const struct delivery *d, int64_t next_ms, struct err *err)
{
    int rc = tx_exec(tx, &delivery_later, NULL, err, "it", next_ms, d->id);
    return rc ? rc : tx_exec(tx, &delivery_hold, NULL, err, "it", next_ms, d->webhook_id);
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
    };
    for (size_t i = 0; i < ARRAY_LEN(examples); i++)
        if (strcmp(event, examples[i].event) == 0)
            return examples[i].data;
    return "{}";
}
