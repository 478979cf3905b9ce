/* SPDX-License-Identifier: Apache-2.0
 * Tables and statements of endpoints. */
#include "base/limits.h"
#include "rollout/canary.h"
#include "store/rows.h"

MIGRATION(300, "rollout",
          "CREATE TABLE endpoints (endpoint_id TEXT PRIMARY KEY, project TEXT NOT NULL, name TEXT "
          "NOT NULL,"
          " model TEXT NOT NULL, version BIGINT NOT NULL, creation_time_ms BIGINT NOT NULL,"
          " last_update_time_ms BIGINT NOT NULL, UNIQUE (project, name));"
          "CREATE TABLE endpoint_moves (endpoint_id TEXT NOT NULL, position BIGINT NOT NULL, model "
          "TEXT NOT NULL,"
          " version BIGINT NOT NULL, action TEXT NOT NULL, actor TEXT NOT NULL, reason TEXT, "
          "time_ms BIGINT NOT NULL,"
          " PRIMARY KEY (endpoint_id, position));"
          "CREATE TABLE endpoint_stack (endpoint_id TEXT NOT NULL, depth BIGINT NOT NULL, model "
          "TEXT NOT NULL,"
          " version BIGINT NOT NULL, PRIMARY KEY (endpoint_id, depth))");

#define COLUMNS "endpoint_id, project, name, model, version, creation_time_ms, last_update_time_ms"

SQL(endpoint_sql_concerned,
    "SELECT COUNT(*) FROM (SELECT 1 AS one FROM events WHERE seq > $1 AND kind NOT LIKE 'run.%'"
    " AND kind NOT LIKE 'experiment.%' AND kind NOT LIKE 'webhook.%' AND kind NOT LIKE 'view.%'"
    " LIMIT 1) found");
SQL(endpoint_sql_get, "SELECT " COLUMNS " FROM endpoints WHERE project = $1 AND name = $2");
SQL(endpoint_sql_list,
    "SELECT " COLUMNS " FROM endpoints WHERE project = $1 ORDER BY name LIMIT $2");
SQL(endpoint_sql_names,
    "SELECT name FROM endpoints WHERE project = $1 ORDER BY last_update_time_ms DESC LIMIT 500");
SQL(endpoint_sql_all, "SELECT " COLUMNS " FROM endpoints ORDER BY project, name LIMIT $1");
SQL(endpoint_sql_insert, "INSERT INTO endpoints (" COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7)");
SQL(endpoint_sql_move, "UPDATE endpoints SET model = $1, version = $2, last_update_time_ms = $3"
                       " WHERE endpoint_id = $4 AND model = $5 AND version = $6");
SQL(endpoint_sql_delete, "DELETE FROM endpoints WHERE endpoint_id = $1");
SQL(endpoint_moves_list,
    "SELECT position, model, version, action, actor, reason, time_ms FROM endpoint_moves"
    " WHERE endpoint_id = $1 ORDER BY position DESC LIMIT $2");
SQL(endpoint_moves_next,
    "SELECT COALESCE(MAX(position), 0) + 1 FROM endpoint_moves WHERE endpoint_id = $1");
SQL(endpoint_moves_insert, "INSERT INTO endpoint_moves (endpoint_id, position, model, version, "
                           "action, actor, reason, time_ms)"
                           " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)");
SQL(endpoint_moves_delete, "DELETE FROM endpoint_moves WHERE endpoint_id = $1");
SQL(endpoint_stack_list, "SELECT depth, model, version FROM endpoint_stack WHERE endpoint_id = $1 "
                         "ORDER BY depth DESC LIMIT $2");
SQL(endpoint_stack_next,
    "SELECT COALESCE(MAX(depth), 0) + 1 FROM endpoint_stack WHERE endpoint_id = $1");
SQL(endpoint_stack_insert,
    "INSERT INTO endpoint_stack (endpoint_id, depth, model, version) VALUES ($1, $2, $3, $4)");
SQL(endpoint_stack_pop, "DELETE FROM endpoint_stack WHERE endpoint_id = $1 AND depth >= $2");

SQL(endpoint_sql_user, "SELECT name FROM endpoints WHERE project = $1 AND model = $2"
                       " AND (version = $3 OR $3 = 0) ORDER BY name LIMIT 1");
SQL(endpoint_sql_rename, "UPDATE endpoints SET model = $1 WHERE project = $2 AND model = $3");
SQL(endpoint_stack_rename,
    "UPDATE endpoint_stack SET model = $1 WHERE model = $2 AND endpoint_id IN"
    " (SELECT endpoint_id FROM endpoints WHERE project = $3)");

enum { STACK_SHOWN = 1000 };

static void read_row(const struct stmt *st, struct arena *a, struct endpoint_row *r)
{
    *r = (struct endpoint_row){
        .id = stmt_get_text(st, 0, a),
        .project = stmt_get_text(st, 1, a),
        .name = stmt_get_text(st, 2, a),
        .model = stmt_get_text(st, 3, a),
        .version = stmt_get_int(st, 4),
        .creation_time_ms = stmt_get_int(st, 5),
        .last_update_time_ms = stmt_get_int(st, 6),
    };
}

static int not_found(struct tx *tx, struct arena *a, const char *project, const char *name,
                     struct err *err)
{
    int any = 0;
    const char *near = rows_nearest(tx, a, &endpoint_sql_names, project, name, &any);
    if (near)
        return ERR(err, ERR_NOT_FOUND, "endpoint '%.250s' not found; did you mean '%.200s'?", name,
                   near);
    return ERR(err, ERR_NOT_FOUND, "endpoint '%.250s' not found; %s", name,
               any ? "'slipway status' lists them, 'slipway deploy MODEL' makes one"
                   : "there is none yet, 'slipway deploy MODEL' makes one");
}

int endpoint_concerned(struct tx *tx, int64_t *seq, int *out, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int64_t newest = 0;
    int rc = event_newest(tx, &newest, err);
    if (!rc)
        rc = stmt_open(tx, &endpoint_sql_concerned, &st, err);
    if (rc)
        return rc;
    stmt_int(st, 1, *seq);
    rc = stmt_step(st, err);
    *out = rc == 1 && stmt_get_int(st, 0) > 0;
    *seq = newest;
    return MIN(rc, 0);
}

int endpoint_get(struct tx *tx, struct arena *a, const char *project, const char *name,
                 struct endpoint_row *out, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &endpoint_sql_get, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, project);
    stmt_text(st, 2, name);
    rc = stmt_step(st, err);
    if (rc < 0)
        return rc;
    if (rc == 0)
        return not_found(tx, a, project, name, err);
    read_row(st, a, out);
    return 0;
}

int endpoint_list(struct tx *tx, struct arena *a, const char *project, struct endpoint_row **out,
                  size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    struct endpoint_row *list = NULL;
    size_t n = 0, cap = 0;
    int rc = stmt_open(tx, project ? &endpoint_sql_list : &endpoint_sql_all, &st, err);
    if (rc)
        return rc;
    if (project)
        stmt_text(st, 1, project);
    stmt_int(st, project ? 2 : 1, LIMIT_ENDPOINTS);
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

int endpoint_moves(struct tx *tx, struct arena *a, const char *id, int64_t limit,
                   struct endpoint_move **out, size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    struct endpoint_move *list = NULL;
    size_t n = 0, cap = 0;
    int rc = stmt_open(tx, &endpoint_moves_list, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, id);
    stmt_int(st, 2, limit);
    while ((rc = stmt_step(st, err)) == 1) {
        list = rows_room(a, list, n, &cap, sizeof *list);
        if (!list)
            return rows_too_many(err);
        list[n++] = (struct endpoint_move){ .position = stmt_get_int(st, 0),
                                            .model = stmt_get_text(st, 1, a),
                                            .version = stmt_get_int(st, 2),
                                            .action = stmt_get_text(st, 3, a),
                                            .actor = stmt_get_text(st, 4, a),
                                            .reason = stmt_get_text(st, 5, a),
                                            .time_ms = stmt_get_int(st, 6) };
    }
    *out = list;
    *out_n = n;
    return rc;
}

int endpoint_stack(struct tx *tx, struct arena *a, const char *id, struct endpoint_before **out,
                   size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    struct endpoint_before *list = NULL;
    size_t n = 0, cap = 0;
    int rc = stmt_open(tx, &endpoint_stack_list, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, id);
    stmt_int(st, 2, STACK_SHOWN);
    while ((rc = stmt_step(st, err)) == 1) {
        list = rows_room(a, list, n, &cap, sizeof *list);
        if (!list)
            return rows_too_many(err);
        list[n++] = (struct endpoint_before){ .depth = stmt_get_int(st, 0),
                                              .model = stmt_get_text(st, 1, a),
                                              .version = stmt_get_int(st, 2) };
    }
    *out = list;
    *out_n = n;
    return rc;
}

int endpoint_check_unused(struct tx *tx, const char *project, const char *model, int64_t version,
                          struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    struct arena a;
    const char *name = NULL;
    int rc = stmt_open(tx, &endpoint_sql_user, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, project);
    stmt_text(st, 2, model);
    stmt_int(st, 3, version);
    arena_init(&a, KIB(64));
    rc = rows_text(st, &a, &name, err);
    if (!rc && !name)
        rc = canary_user(tx, &a, project, model, version, &name, err);
    if (rc || !name) {
        arena_fini(&a);
        return rc;
    }
    rc = version ? ERR(err, ERR_CONFLICT,
                       "version %lld of model '%s' is on endpoint '%s'; move that endpoint first",
                       (long long)version, model, name)
                 : ERR(err, ERR_CONFLICT,
                       "model '%s' is on endpoint '%s'; delete that endpoint first", model, name);
    arena_fini(&a);
    return rc;
}

int endpoint_model_renamed(struct tx *tx, const char *project, const char *from, const char *to,
                           struct err *err)
{
    int rc = tx_exec(tx, &endpoint_stack_rename, NULL, err, "ttt", to, from, project);
    if (!rc)
        rc = canary_model_renamed(tx, project, from, to, err);
    return rc ? rc : tx_exec(tx, &endpoint_sql_rename, NULL, err, "ttt", to, project, from);
}

int endpoint_insert(struct tx *tx, const struct endpoint_row *r, struct err *err)
{
    return tx_exec(tx, &endpoint_sql_insert, NULL, err, "ttttiii", r->id, r->project, r->name,
                   r->model, r->version, r->creation_time_ms, r->last_update_time_ms);
}

int endpoint_move_to(struct tx *tx, const struct endpoint_row *row, const char *model,
                     int64_t version, struct err *err)
{
    int64_t changes = 0;
    int rc = tx_exec(tx, &endpoint_sql_move, &changes, err, "tiitti", model, version, tx_now_ms(tx),
                     row->id, row->model, row->version);
    if (!rc && changes != 1)
        rc = ERR(err, ERR_CONFLICT,
                 "endpoint '%s' was changed by somebody else just now: look again", row->name);
    return rc;
}

/* One number from a statement that takes the endpoint's id. */
static int next_number(struct tx *tx, const struct sql *sql, const char *id, int64_t *out,
                       struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, sql, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, id);
    return rows_int(st, 1, out, err);
}

int endpoint_push(struct tx *tx, const char *id, const char *model, int64_t version,
                  struct err *err)
{
    int64_t depth = 1;
    int rc = next_number(tx, &endpoint_stack_next, id, &depth, err);
    return rc ? rc
              : tx_exec(tx, &endpoint_stack_insert, NULL, err, "titi", id, depth, model, version);
}

int endpoint_pop(struct tx *tx, const char *id, int64_t depth, struct err *err)
{
    return tx_exec(tx, &endpoint_stack_pop, NULL, err, "ti", id, depth);
}

int endpoint_move_add(struct tx *tx, const char *id, const struct endpoint_move *m, struct err *err)
{
    int64_t position = 1;
    int rc = next_number(tx, &endpoint_moves_next, id, &position, err);
    return rc ? rc
              : tx_exec(tx, &endpoint_moves_insert, NULL, err, "titittti", id, position, m->model,
                        m->version, m->action, m->actor, m->reason, tx_now_ms(tx));
}

int endpoint_remove(struct tx *tx, const char *id, struct err *err)
{
    int rc = tx_exec(tx, &endpoint_moves_delete, NULL, err, "t", id);
    if (!rc)
        rc = tx_exec(tx, &endpoint_stack_pop, NULL, err, "ti", id, INT64_C(0));
    return rc ? rc : tx_exec(tx, &endpoint_sql_delete, NULL, err, "t", id);
}
