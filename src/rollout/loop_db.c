/* SPDX-License-Identifier: Apache-2.0
 * Tables and statements of the loop. */
#include "rollout/loop_int.h"
#include "store/rows.h"

MIGRATION(304, "rollout",
          "CREATE TABLE loop_policies (endpoint_id TEXT PRIMARY KEY, policy TEXT, frozen_reason "
          "TEXT, frozen_by TEXT,"
          " frozen_ms BIGINT NOT NULL);"
          "CREATE TABLE loop_held (endpoint_id TEXT NOT NULL, trigger_name TEXT NOT NULL, reason "
          "TEXT NOT NULL, since_ms BIGINT NOT NULL,"
          " PRIMARY KEY (endpoint_id, trigger_name));"
          "CREATE TABLE loop_attempts (attempt_id TEXT PRIMARY KEY, endpoint_id TEXT NOT NULL, "
          "project TEXT NOT NULL, endpoint TEXT NOT NULL,"
          " trigger_name TEXT NOT NULL, alert_id TEXT, started_ms BIGINT NOT NULL, updated_ms "
          "BIGINT NOT NULL, ended_ms BIGINT NOT NULL,"
          " state TEXT NOT NULL, reason TEXT, run_id TEXT, version BIGINT NOT NULL, row_count "
          "BIGINT NOT NULL);"
          "CREATE INDEX loop_attempts_endpoint ON loop_attempts (endpoint_id, started_ms);"
          "CREATE UNIQUE INDEX loop_attempts_open ON loop_attempts (endpoint_id) WHERE ended_ms = "
          "0");

#define COLUMNS                                                                                    \
    "attempt_id, endpoint_id, project, endpoint, trigger_name, alert_id, started_ms, updated_ms, " \
    "ended_ms, state, reason, run_id, version, row_count"

SQL(loop_sql_policy, "SELECT policy, frozen_reason, frozen_by, frozen_ms FROM loop_policies"
                     " WHERE endpoint_id = $1");
SQL(loop_sql_policy_put,
    "INSERT INTO loop_policies (endpoint_id, policy, frozen_ms) VALUES ($1, $2, 0)"
    " ON CONFLICT (endpoint_id) DO UPDATE SET policy = excluded.policy");
SQL(loop_sql_freeze, "INSERT INTO loop_policies (endpoint_id, frozen_reason, frozen_by, frozen_ms)"
                     " VALUES ($1, $2, $3, $4) ON CONFLICT (endpoint_id) DO UPDATE SET "
                     "frozen_reason = excluded.frozen_reason, frozen_by = excluded.frozen_by, "
                     "frozen_ms = excluded.frozen_ms");
SQL(loop_sql_held, "SELECT trigger_name, reason, since_ms FROM loop_held WHERE endpoint_id = $1"
                   " ORDER BY trigger_name");
SQL(loop_sql_held_put,
    "INSERT INTO loop_held (endpoint_id, trigger_name, reason, since_ms) VALUES ($1, $2, $3, $4)"
    " ON CONFLICT (endpoint_id, trigger_name) DO UPDATE SET reason = excluded.reason, since_ms = "
    "excluded.since_ms");
SQL(loop_sql_held_drop, "DELETE FROM loop_held WHERE endpoint_id = $1 AND trigger_name = $2");
SQL(loop_sql_attempts, "SELECT " COLUMNS " FROM loop_attempts WHERE endpoint_id = $1"
                       " ORDER BY started_ms DESC, attempt_id DESC LIMIT $2");
SQL(loop_sql_insert, "INSERT INTO loop_attempts (" COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, "
                     "$8, $9, $10, $11, $12, $13, $14)");
SQL(loop_sql_update,
    "UPDATE loop_attempts SET updated_ms = $1, ended_ms = $2, state = $3, reason = $4, run_id = "
    "$5, version = $6, row_count = $7 WHERE attempt_id = $8 AND state = $9");
SQL(loop_sql_gone_policy, "DELETE FROM loop_policies WHERE endpoint_id = $1");
SQL(loop_sql_gone_held, "DELETE FROM loop_held WHERE endpoint_id = $1");
SQL(loop_sql_gone_attempts,
    "UPDATE loop_attempts SET ended_ms = $1, updated_ms = $1, state = 'failed', reason = 'the "
    "endpoint was deleted' WHERE endpoint_id = $2 AND ended_ms = 0");

int loop__policy_get(struct tx *tx, struct arena *a, const char *endpoint_id, const char **out_json,
                     struct loop_state *out, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &loop_sql_policy, &st, err);
    *out_json = NULL;
    if (rc)
        return rc;
    stmt_text(st, 1, endpoint_id);
    rc = stmt_step(st, err);
    if (rc == 1) {
        *out_json = stmt_get_text(st, 0, a);
        out->frozen_reason = stmt_get_text(st, 1, a);
        out->frozen_by = stmt_get_text(st, 2, a);
        out->frozen_ms = stmt_get_int(st, 3);
        out->frozen = out->frozen_reason != NULL;
    }
    return MIN(rc, 0);
}

int loop__policy_put(struct tx *tx, const char *endpoint_id, const char *json, struct err *err)
{
    return tx_exec(tx, &loop_sql_policy_put, NULL, err, "tt", endpoint_id, json);
}

int loop__freeze_put(struct tx *tx, const char *endpoint_id, const char *reason, const char *by,
                     struct err *err)
{
    return tx_exec(tx, &loop_sql_freeze, NULL, err, "ttti", endpoint_id, reason, by,
                   tx_now_ms(tx)); /* of the last change, either way */
}

int loop__held_list(struct tx *tx, struct arena *a, const char *endpoint_id, struct loop_held **out,
                    size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    struct loop_held *list = NULL;
    size_t n = 0, cap = 0;
    int rc = stmt_open(tx, &loop_sql_held, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, endpoint_id);
    while ((rc = stmt_step(st, err)) == 1) {
        list = rows_room(a, list, n, &cap, sizeof *list);
        if (!list)
            return rows_too_many(err);
        list[n++] = (struct loop_held){ stmt_get_text(st, 0, a), stmt_get_text(st, 1, a),
                                        stmt_get_int(st, 2) };
    }
    *out = list;
    *out_n = n;
    return rc;
}

int loop__held_put(struct tx *tx, const char *endpoint_id, const char *trigger, const char *reason,
                   struct err *err)
{
    if (!reason)
        return tx_exec(tx, &loop_sql_held_drop, NULL, err, "tt", endpoint_id, trigger);
    return tx_exec(tx, &loop_sql_held_put, NULL, err, "ttti", endpoint_id, trigger, reason,
                   tx_now_ms(tx));
}

int loop__attempts(struct tx *tx, struct arena *a, const char *endpoint_id, int64_t limit,
                   struct loop_attempt **out, size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    struct loop_attempt *list = NULL;
    size_t n = 0, cap = 0;
    int rc = stmt_open(tx, &loop_sql_attempts, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, endpoint_id);
    stmt_int(st, 2, limit);
    while ((rc = stmt_step(st, err)) == 1) {
        list = rows_room(a, list, n, &cap, sizeof *list);
        if (!list)
            return rows_too_many(err);
        list[n++] = (struct loop_attempt){ .id = stmt_get_text(st, 0, a),
                                           .endpoint_id = stmt_get_text(st, 1, a),
                                           .project = stmt_get_text(st, 2, a),
                                           .endpoint = stmt_get_text(st, 3, a),
                                           .trigger = stmt_get_text(st, 4, a),
                                           .alert_id = stmt_get_text(st, 5, a),
                                           .started_ms = stmt_get_int(st, 6),
                                           .updated_ms = stmt_get_int(st, 7),
                                           .ended_ms = stmt_get_int(st, 8),
                                           .state = stmt_get_text(st, 9, a),
                                           .reason = stmt_get_text(st, 10, a),
                                           .run_id = stmt_get_text(st, 11, a),
                                           .version = stmt_get_int(st, 12),
                                           .rows = stmt_get_int(st, 13) };
    }
    *out = list;
    *out_n = n;
    return rc;
}

int loop__attempt_insert(struct tx *tx, const struct loop_attempt *t, struct err *err)
{
    return tx_exec(tx, &loop_sql_insert, NULL, err, "ttttttiiitttii", t->id, t->endpoint_id,
                   t->project, t->endpoint, t->trigger, t->alert_id, t->started_ms, t->updated_ms,
                   t->ended_ms, t->state, t->reason, t->run_id, t->version, t->rows);
}

int loop__attempt_update(struct tx *tx, const struct loop_attempt *t, const char *from_state,
                         struct err *err)
{
    int64_t changed = 0;
    int rc = tx_exec(tx, &loop_sql_update, &changed, err, "iitttiitt", t->updated_ms, t->ended_ms,
                     t->state, t->reason, t->run_id, t->version, t->rows, t->id, from_state);
    if (!rc && changed != 1)
        rc = ERR(err, ERR_CONFLICT, "the attempt of endpoint '%s' was changed just now",
                 t->endpoint);
    return rc;
}

int loop__endpoint_gone(struct tx *tx, const char *endpoint_id, struct err *err)
{
    int rc = tx_exec(tx, &loop_sql_gone_policy, NULL, err, "t", endpoint_id);
    if (!rc)
        rc = tx_exec(tx, &loop_sql_gone_held, NULL, err, "t", endpoint_id);
    return rc ? rc
              : tx_exec(tx, &loop_sql_gone_attempts, NULL, err, "it", tx_now_ms(tx), endpoint_id);
}
