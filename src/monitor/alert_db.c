/* SPDX-License-Identifier: Apache-2.0
 * Tables and statements of alerts. */
#include "base/rng.h"
#include "monitor/alert_int.h"
#include "store/rows.h"

MIGRATION(
    280, "monitor",
    "CREATE TABLE alert_rules (endpoint TEXT PRIMARY KEY, rules TEXT NOT NULL);"
    "CREATE TABLE alert_states (endpoint TEXT NOT NULL, rule TEXT NOT NULL, state TEXT NOT "
    "NULL, since_ms BIGINT NOT NULL,"
    " window_ms BIGINT NOT NULL, alert_id TEXT, model TEXT NOT NULL, version TEXT NOT NULL, "
    "message TEXT NOT NULL,"
    " PRIMARY KEY (endpoint, rule));"
    "CREATE TABLE alerts (alert_id TEXT PRIMARY KEY, endpoint TEXT NOT NULL, rule TEXT NOT "
    "NULL, severity TEXT NOT NULL,"
    " state TEXT NOT NULL, model TEXT NOT NULL, version TEXT NOT NULL, started_ms BIGINT NOT "
    "NULL, updated_ms BIGINT NOT NULL,"
    " ended_ms BIGINT NOT NULL, window_ms BIGINT NOT NULL, summary TEXT, message TEXT NOT "
    "NULL, labels TEXT NOT NULL,"
    " annotations TEXT NOT NULL, features TEXT, silenced BIGINT NOT NULL, acked_by TEXT, note "
    "TEXT, acked_ms BIGINT NOT NULL);"
    "CREATE INDEX alerts_endpoint ON alerts (endpoint, started_ms);"
    "CREATE UNIQUE INDEX alerts_open ON alerts (endpoint, rule) WHERE ended_ms = 0;"
    "CREATE TABLE alert_silences (silence_id TEXT PRIMARY KEY, endpoint TEXT NOT NULL, rule "
    "TEXT, created_ms BIGINT NOT NULL,"
    " until_ms BIGINT NOT NULL, actor TEXT NOT NULL, reason TEXT)");

#define COLUMNS                                                                                    \
    "alert_id, endpoint, rule, severity, state, model, version, started_ms, updated_ms, "          \
    "ended_ms, window_ms, summary, message, labels, annotations, features, silenced, acked_by, "   \
    "note, acked_ms"
#define STATE_COLUMNS                                                                              \
    "endpoint, rule, state, since_ms, window_ms, alert_id, model, version, message"

SQL(alert_sql_rules, "SELECT rules FROM alert_rules WHERE endpoint = $1");
SQL(alert_sql_rules_put, "INSERT INTO alert_rules (endpoint, rules) VALUES ($1, $2)"
                         " ON CONFLICT (endpoint) DO UPDATE SET rules = excluded.rules");
SQL(alert_sql_rules_drop, "DELETE FROM alert_rules WHERE endpoint = $1");
SQL(alert_sql_states,
    "SELECT " STATE_COLUMNS " FROM alert_states WHERE endpoint = $1 ORDER BY rule");
SQL(alert_sql_state_put,
    "INSERT INTO alert_states (" STATE_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
    " ON CONFLICT (endpoint, rule) DO UPDATE SET state = excluded.state, since_ms = "
    "excluded.since_ms, window_ms = excluded.window_ms, alert_id = excluded.alert_id, model = "
    "excluded.model, version = excluded.version, message = excluded.message");
SQL(alert_sql_state_drop, "DELETE FROM alert_states WHERE endpoint = $1 AND rule = $2");
SQL(alert_sql_state_name,
    "UPDATE alert_states SET state = $1 WHERE endpoint = $2 AND rule = $3 AND alert_id = $4");
SQL(alert_sql_insert, "INSERT INTO alerts (" COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, "
                      "$9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)");
SQL(alert_sql_end,
    "UPDATE alerts SET state = 'resolved', updated_ms = $1, ended_ms = $1, message = "
    "$2 WHERE alert_id = $3 AND ended_ms = 0");
SQL(alert_sql_ack, "UPDATE alerts SET state = 'acknowledged', updated_ms = $1, acked_ms = $1, "
                   "acked_by = $2, note = $3 WHERE alert_id = $4 AND ended_ms = 0");
SQL(alert_sql_list, "SELECT " COLUMNS " FROM alerts WHERE (endpoint = $1 OR $1 = '') AND "
                    "(ended_ms = 0 OR $2 = 0) ORDER BY started_ms DESC, alert_id DESC LIMIT $3");
SQL(alert_sql_get, "SELECT " COLUMNS " FROM alerts WHERE alert_id >= $1 AND alert_id < $2"
                   " ORDER BY alert_id LIMIT 2");
SQL(alert_sql_silence_add,
    "INSERT INTO alert_silences (silence_id, endpoint, rule, created_ms, until_ms, actor, reason)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7)");
SQL(alert_sql_silences,
    "SELECT silence_id, endpoint, rule, created_ms, until_ms, actor, reason FROM alert_silences"
    " WHERE (endpoint = $1 OR $1 = '') AND until_ms > $2 ORDER BY until_ms LIMIT 1000");
SQL(alert_sql_silence_end,
    "UPDATE alert_silences SET until_ms = $1 WHERE silence_id = $2 AND until_ms > $1");
SQL(alert_sql_silences_drop, "DELETE FROM alert_silences WHERE endpoint = $1");

enum { PREFIX_MIN = 8 };

/* ---- rules ---- */

int alert_rules_get(struct tx *tx, struct arena *a, const char *endpoint, struct alert_rule **out,
                    size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    const char *text = NULL;
    int rc = stmt_open(tx, &alert_sql_rules, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, endpoint);
    rc = rows_text(st, a, &text, err);
    return rc ? rc : alert_rules_read(a, text, out, out_n, err);
}

int alert_rules_set(struct tx *tx, const struct cause *by, const char *endpoint, const char *json,
                    struct err *err)
{
    struct arena a;
    struct alert_rule *rules;
    struct json_out o;
    struct buf b;
    size_t n;
    arena_init(&a, MIB(4));
    buf_init(&b, MIB(1));
    json_out_init(&o, &b);
    int rc = alert_rules_read(&a, json, &rules, &n, err);
    if (!rc)
        alert_rules_write(rules, n, &o);
    if (!rc && b.failed)
        rc = ERR(err, ERR_LIMIT, "the alert rules are larger than 1 MiB");
    struct event e = event_of(by, "alert.rules", monitor_event_subject(&a, by, endpoint));
    e.after = event_json(&a, "rules", json && *json ? "own" : "default", (char *)NULL);
    if (!rc && json && *json)
        rc = tx_exec(tx, &alert_sql_rules_put, NULL, err, "ts", endpoint, buf_view(&b));
    else if (!rc)
        rc = tx_exec(tx, &alert_sql_rules_drop, NULL, err, "t", endpoint);
    if (!rc)
        rc = event_add(tx, &e, err);
    buf_fini(&b);
    arena_fini(&a);
    return rc;
}

/* ---- states ---- */

int alert_now_list(struct tx *tx, struct arena *a, const char *endpoint, struct alert_now **out,
                   size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    struct alert_now *list = NULL;
    size_t n = 0, cap = 0;
    int rc = stmt_open(tx, &alert_sql_states, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, endpoint);
    while ((rc = stmt_step(st, err)) == 1) {
        list = rows_room(a, list, n, &cap, sizeof *list);
        if (!list)
            return rows_too_many(err);
        struct alert_now *r = &list[n++];
        *r = (struct alert_now){ .endpoint = stmt_get_text(st, 0, a),
                                 .rule = stmt_get_text(st, 1, a),
                                 .since_ms = stmt_get_int(st, 3),
                                 .window_ms = stmt_get_int(st, 4),
                                 .alert_id = stmt_get_text(st, 5, a),
                                 .model = stmt_get_text(st, 6, a),
                                 .version = stmt_get_text(st, 7, a),
                                 .message = stmt_get_text(st, 8, a) };
        if (alert_state_of(stmt_get_text(st, 2, a), &r->state) != 0)
            r->state = ALERT_INSUFFICIENT;
    }
    *out = list;
    *out_n = n;
    return rc;
}

int alert__state_put(struct tx *tx, const struct alert_now *r, struct err *err)
{
    return tx_exec(tx, &alert_sql_state_put, NULL, err, "tttiitttt", r->endpoint, r->rule,
                   alert_state_name(r->state), r->since_ms, r->window_ms, r->alert_id, r->model,
                   r->version, r->message ? r->message : "");
}

int alert__state_drop(struct tx *tx, const char *endpoint, const char *rule, struct err *err)
{
    return tx_exec(tx, &alert_sql_state_drop, NULL, err, "tt", endpoint, rule);
}

/* ---- episodes ---- */

static void read_row(const struct stmt *st, struct arena *a, struct alert_row *r)
{
    *r = (struct alert_row){ .id = stmt_get_text(st, 0, a),
                             .endpoint = stmt_get_text(st, 1, a),
                             .rule = stmt_get_text(st, 2, a),
                             .severity = stmt_get_text(st, 3, a),
                             .model = stmt_get_text(st, 5, a),
                             .version = stmt_get_text(st, 6, a),
                             .started_ms = stmt_get_int(st, 7),
                             .updated_ms = stmt_get_int(st, 8),
                             .ended_ms = stmt_get_int(st, 9),
                             .window_ms = stmt_get_int(st, 10),
                             .summary = stmt_get_text(st, 11, a),
                             .message = stmt_get_text(st, 12, a),
                             .labels = stmt_get_text(st, 13, a),
                             .annotations = stmt_get_text(st, 14, a),
                             .features = stmt_get_text(st, 15, a),
                             .silenced = stmt_get_int(st, 16) != 0,
                             .acked_by = stmt_get_text(st, 17, a),
                             .note = stmt_get_text(st, 18, a),
                             .acked_ms = stmt_get_int(st, 19) };
    if (alert_state_of(stmt_get_text(st, 4, a), &r->state) != 0)
        r->state = ALERT_FIRING;
}

int alert__insert(struct tx *tx, const struct alert_row *r, struct err *err)
{
    return tx_exec(tx, &alert_sql_insert, NULL, err, "tttttttiiiitttttitti", r->id, r->endpoint,
                   r->rule, r->severity, alert_state_name(r->state), r->model, r->version,
                   r->started_ms, r->updated_ms, r->ended_ms, r->window_ms, r->summary, r->message,
                   r->labels, r->annotations, r->features, (int64_t)r->silenced, r->acked_by,
                   r->note, r->acked_ms);
}

int alert__end(struct tx *tx, const char *id, int64_t now_ms, const char *message, struct err *err)
{
    return tx_exec(tx, &alert_sql_end, NULL, err, "itt", now_ms, message, id);
}

int alert_list(struct tx *tx, struct arena *a, const char *endpoint, int open_only, int64_t limit,
               struct alert_row **out, size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    struct alert_row *list = NULL;
    size_t n = 0, cap = 0;
    int rc = stmt_open(tx, &alert_sql_list, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, endpoint ? endpoint : "");
    stmt_int(st, 2, open_only);
    stmt_int(st, 3, limit);
    while ((rc = stmt_step(st, err)) == 1) {
        list = rows_room(a, list, n, &cap, sizeof *list);
        if (!list)
            return rows_too_many(err);
        read_row(st, a, &list[n++]);
    }
    *out = list;
    *out_n = n;
    return rc;
}

int alert_get(struct tx *tx, struct arena *a, const char *id, struct alert_row *out,
              struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    size_t n = strlen(id);
    if (n < PREFIX_MIN || n >= UUID_TEXT)
        return ERR(err, ERR_INVALID, "'%.60s' is no alert: write %d letters of its id or more", id,
                   PREFIX_MIN);
    int rc = stmt_open(tx, &alert_sql_get, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, id);
    stmt_text(st, 2, arena_printf(a, "%sg", id));
    rc = stmt_step(st, err);
    if (rc == 0)
        return ERR(err, ERR_NOT_FOUND, "there is no alert '%s'", id);
    if (rc < 0)
        return rc;
    read_row(st, a, out);
    rc = stmt_step(st, err);
    return rc == 1 ? ERR(err, ERR_CONFLICT, "'%s' begins the id of several alerts: write more", id)
                   : rc;
}

int alert_acknowledge(struct tx *tx, const struct cause *by, const char *id, const char *note,
                      struct err *err)
{
    struct arena a;
    struct alert_row r;
    arena_init(&a, MIB(2));
    int rc = alert_get(tx, &a, id, &r, err);
    if (!rc && r.ended_ms)
        rc = ERR(err, ERR_CONFLICT, "alert '%s' of endpoint '%s' is resolved already", r.rule,
                 r.endpoint);
    if (!rc)
        rc = tx_exec(tx, &alert_sql_ack, NULL, err, "ittt", tx_now_ms(tx), cause_actor(by), note,
                     r.id);
    if (!rc)
        rc = tx_exec(tx, &alert_sql_state_name, NULL, err, "tttt",
                     alert_state_name(ALERT_ACKNOWLEDGED), r.endpoint, r.rule, r.id);
    r.note = note;
    if (!rc)
        rc = alert__tell(tx, &a, by, "alert.acknowledged", &r, err);
    arena_fini(&a);
    return rc;
}

int alert__tell(struct tx *tx, struct arena *a, const struct cause *by, const char *kind,
                const struct alert_row *r, struct err *err)
{
    struct event e = event_of(by, kind, monitor_event_subject(a, by, r->endpoint));
    e.after = event_json(a, "alert_id", r->id, "alert", r->rule, "severity", r->severity, "model",
                         r->model, "version", r->version, "summary", r->summary, "message",
                         r->message, "features", r->features, "silenced",
                         r->silenced ? "true" : "false", "note", r->note, (char *)NULL);
    if (!e.reason)
        e.reason = r->message;
    return event_add(tx, &e, err);
}

int alert_endpoint_gone(struct tx *tx, const struct cause *by, const char *endpoint,
                        struct err *err)
{
    static const char reason[] = "the endpoint was deleted";
    struct arena a;
    struct alert_row *open = NULL;
    struct alert_now *states = NULL;
    size_t n = 0, state_n = 0;
    arena_init(&a, MIB(16));
    int rc = alert_list(tx, &a, endpoint, 1, ALERT_RULES_MAX, &open, &n, err);
    for (size_t i = 0; i < n && !rc; i++) {
        open[i].message = reason;
        rc = alert__end(tx, open[i].id, tx_now_ms(tx), reason, err);
        if (!rc)
            rc = alert__tell(tx, &a, by, "alert.resolved", &open[i], err);
    }
    if (!rc)
        rc = alert_now_list(tx, &a, endpoint, &states, &state_n, err);
    for (size_t i = 0; i < state_n && !rc; i++)
        rc = alert__state_drop(tx, endpoint, states[i].rule, err);
    if (!rc)
        rc = tx_exec(tx, &alert_sql_rules_drop, NULL, err, "t", endpoint);
    if (!rc)
        rc = tx_exec(tx, &alert_sql_silences_drop, NULL, err, "t", endpoint);
    arena_fini(&a);
    return rc;
}

/* ---- silences ---- */

int alert_silence_add(struct tx *tx, const struct cause *by, struct alert_silence *s,
                      struct err *err)
{
    struct arena a;
    static const char *const no_rule = "(all)";
    char id[UUID_TEXT];
    if (s->until_ms <= tx_now_ms(tx))
        return ERR(err, ERR_INVALID, "a silence must end in the future");
    uuid7(id);
    arena_init(&a, KIB(64));
    s->created_ms = tx_now_ms(tx);
    s->actor = cause_actor(by);
    int rc = tx_exec(tx, &alert_sql_silence_add, NULL, err, "tttiitt", id, s->endpoint, s->rule,
                     s->created_ms, s->until_ms, s->actor, s->reason);
    struct event e = event_of(by, "alert.silenced", monitor_event_subject(&a, by, s->endpoint));
    e.after = event_json(&a, "silence_id", id, "alert", s->rule ? s->rule : no_rule, (char *)NULL);
    if (!rc)
        rc = event_add(tx, &e, err);
    arena_fini(&a);
    return rc;
}

int alert_silence_list(struct tx *tx, struct arena *a, const char *endpoint, int64_t now_ms,
                       struct alert_silence **out, size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    struct alert_silence *list = NULL;
    size_t n = 0, cap = 0;
    int rc = stmt_open(tx, &alert_sql_silences, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, endpoint ? endpoint : "");
    stmt_int(st, 2, now_ms);
    while ((rc = stmt_step(st, err)) == 1) {
        list = rows_room(a, list, n, &cap, sizeof *list);
        if (!list)
            return rows_too_many(err);
        list[n++] = (struct alert_silence){ .id = stmt_get_text(st, 0, a),
                                            .endpoint = stmt_get_text(st, 1, a),
                                            .rule = stmt_get_text(st, 2, a),
                                            .created_ms = stmt_get_int(st, 3),
                                            .until_ms = stmt_get_int(st, 4),
                                            .actor = stmt_get_text(st, 5, a),
                                            .reason = stmt_get_text(st, 6, a) };
    }
    *out = list;
    *out_n = n;
    return rc;
}

int alert_silence_remove(struct tx *tx, const struct cause *by, const char *id, struct err *err)
{
    int64_t changed = 0;
    struct arena a;
    int rc = tx_exec(tx, &alert_sql_silence_end, &changed, err, "it", tx_now_ms(tx), id);
    if (!rc && !changed)
        rc = ERR(err, ERR_NOT_FOUND, "there is no silence '%.60s' in force", id);
    arena_init(&a, KIB(64));
    struct event e = event_of(by, "alert.unsilenced", arena_printf(&a, "silence/%s", id));
    if (!rc)
        rc = event_add(tx, &e, err);
    arena_fini(&a);
    return rc;
}
