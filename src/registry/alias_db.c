/* SPDX-License-Identifier: Apache-2.0
 * Where aliases pointed over time: a line for every move, so that "which version was it then" has
 * an answer that no later change alters. */
#include "registry/registry_int.h"

MIGRATION(240, "registry",
          "CREATE TABLE alias_history ("
          " model_id TEXT NOT NULL,"
          " alias TEXT NOT NULL,"
          " position BIGINT NOT NULL,"
          " version BIGINT," /* NULL = removed */
          " time_ms BIGINT NOT NULL,"
          " actor TEXT NOT NULL,"
          " reason TEXT,"
          " PRIMARY KEY (model_id, alias, position));"
          "INSERT INTO alias_history SELECT a.model_id, a.alias, 1, a.version, v.creation_time_ms,"
          " 'system', 'before the history was kept' FROM model_aliases a JOIN versions v"
          " ON v.model_id = a.model_id AND v.version = a.version");

SQL(alias_note, "INSERT INTO alias_history (model_id, alias, position, version, time_ms, actor, "
                "reason) VALUES ($1, $2, (SELECT COALESCE(MAX(position), 0) + 1 FROM alias_history"
                " WHERE model_id = $1 AND alias = $2), $3, $4, $5, $6)");
SQL(alias_moves, "SELECT version, time_ms, actor, reason FROM alias_history WHERE model_id = $1"
                 " AND alias = $2 ORDER BY position DESC LIMIT 1000");
SQL(alias_at, "SELECT version FROM alias_history WHERE model_id = $1 AND alias = $2 AND time_ms <= "
              "$3 ORDER BY position DESC LIMIT 1");

int registry__alias_note(struct tx *tx, const struct cause *by, const char *model_id,
                         const char *alias, int64_t version, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &alias_note, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, model_id);
    stmt_text(st, 2, alias);
    if (version)
        stmt_int(st, 3, version);
    else
        stmt_null(st, 3);
    stmt_int(st, 4, tx_now_ms(tx));
    stmt_text(st, 5, cause_actor(by));
    stmt_text(st, 6, by->reason);
    return stmt_step(st, err);
}

int model_alias_history(struct tx *tx, struct arena *a, const char *model_id, const char *alias,
                        struct alias_move **out, size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    struct alias_move *list = NULL;
    size_t n = 0, cap = 0;
    int rc = stmt_open(tx, &alias_moves, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, model_id);
    stmt_text(st, 2, alias);
    while ((rc = stmt_step(st, err)) == 1) {
        list = rows_room(a, list, n, &cap, sizeof *list);
        if (!list)
            return registry__no_memory(err);
        list[n++] = (struct alias_move){ .version = stmt_is_null(st, 0) ? 0 : stmt_get_int(st, 0),
                                         .time_ms = stmt_get_int(st, 1),
                                         .actor = stmt_get_text(st, 2, a),
                                         .reason = stmt_get_text(st, 3, a) };
    }
    *out = list;
    *out_n = n;
    return rc;
}

int model_alias_at(struct tx *tx, const char *model_id, const char *alias, int64_t time_ms,
                   int64_t *out_version, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &alias_at, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, model_id);
    stmt_text(st, 2, alias);
    stmt_int(st, 3, time_ms);
    rc = stmt_step(st, err);
    *out_version = rc == 1 && !stmt_is_null(st, 0) ? stmt_get_int(st, 0) : 0;
    return MIN(rc, 0);
}
