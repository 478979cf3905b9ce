/* SPDX-License-Identifier: Apache-2.0
 * Tables and statements of rollouts. */
#include "rollout/canary.h"
#include "store/rows.h"

MIGRATION(
    302, "rollout",
    "CREATE TABLE rollouts (rollout_id TEXT PRIMARY KEY, endpoint_id TEXT NOT NULL, project "
    "TEXT NOT NULL,"
    " endpoint TEXT NOT NULL, model TEXT NOT NULL, champion BIGINT NOT NULL, candidate BIGINT "
    "NOT NULL,"
    " state TEXT NOT NULL, step BIGINT NOT NULL, strategy TEXT NOT NULL, breaches BIGINT NOT "
    "NULL,"
    " step_requests BIGINT NOT NULL, started_ms BIGINT NOT NULL, step_started_ms BIGINT NOT "
    "NULL,"
    " updated_ms BIGINT NOT NULL, ended_ms BIGINT, actor TEXT NOT NULL, reason TEXT);"
    "CREATE UNIQUE INDEX rollouts_active ON rollouts (endpoint_id) WHERE ended_ms IS NULL;"
    "CREATE INDEX rollouts_endpoint ON rollouts (endpoint_id, started_ms);"
    "CREATE TABLE rollout_checks (rollout_id TEXT NOT NULL, position BIGINT NOT NULL, time_ms "
    "BIGINT NOT NULL,"
    " step BIGINT NOT NULL, requests BIGINT NOT NULL, verdict TEXT NOT NULL, detail TEXT NOT "
    "NULL,"
    " PRIMARY KEY (rollout_id, position))");

#define COLUMNS                                                                                    \
    "rollout_id, endpoint_id, project, endpoint, model, champion, candidate, state, step, "        \
    "strategy, breaches, step_requests, started_ms, step_started_ms, updated_ms, ended_ms, "       \
    "actor, reason"

SQL(canary_sql_active,
    "SELECT " COLUMNS " FROM rollouts WHERE endpoint_id = $1 AND ended_ms IS NULL");
SQL(canary_sql_running,
    "SELECT " COLUMNS " FROM rollouts WHERE ended_ms IS NULL ORDER BY started_ms");
SQL(canary_sql_list, "SELECT " COLUMNS " FROM rollouts WHERE endpoint_id = $1"
                     " ORDER BY started_ms DESC, rollout_id DESC LIMIT $2");
SQL(canary_sql_insert, "INSERT INTO rollouts (" COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, "
                       "$9, $10, $11, $12, $13, $14, $15, $16, $17, $18)");
SQL(canary_sql_update,
    "UPDATE rollouts SET state = $1, step = $2, breaches = $3, step_requests = $4,"
    " step_started_ms = $5, updated_ms = $6, ended_ms = $7, reason = $8"
    " WHERE rollout_id = $9 AND state = $10 AND step = $11");
SQL(canary_sql_user, "SELECT endpoint FROM rollouts WHERE ended_ms IS NULL AND project = $1 AND "
                     "model = $2 AND (candidate = $3 OR $3 = 0) LIMIT 1");
SQL(canary_sql_rename,
    "UPDATE rollouts SET model = $1 WHERE project = $2 AND model = $3 AND ended_ms IS NULL");
SQL(canary_sql_checks, "SELECT position, time_ms, step, requests, verdict, detail FROM "
                       "rollout_checks WHERE rollout_id = $1 ORDER BY position DESC LIMIT $2");
SQL(canary_sql_next_check,
    "SELECT COALESCE(MAX(position), 0) + 1 FROM rollout_checks WHERE rollout_id = $1");
SQL(canary_sql_check_add, "INSERT INTO rollout_checks (rollout_id, position, time_ms, step, "
                          "requests, verdict, detail) VALUES ($1, $2, $3, $4, $5, $6, $7)");

static void read_row(const struct stmt *st, struct arena *a, struct canary_row *r)
{
    *r = (struct canary_row){
        .id = stmt_get_text(st, 0, a),
        .endpoint_id = stmt_get_text(st, 1, a),
        .project = stmt_get_text(st, 2, a),
        .endpoint = stmt_get_text(st, 3, a),
        .model = stmt_get_text(st, 4, a),
        .champion = stmt_get_int(st, 5),
        .candidate = stmt_get_int(st, 6),
        .state = stmt_get_text(st, 7, a),
        .step = stmt_get_int(st, 8),
        .strategy = stmt_get_text(st, 9, a),
        .breaches = stmt_get_int(st, 10),
        .step_requests = stmt_get_int(st, 11),
        .started_ms = stmt_get_int(st, 12),
        .step_started_ms = stmt_get_int(st, 13),
        .updated_ms = stmt_get_int(st, 14),
        .ended_ms = stmt_is_null(st, 15) ? 0 : stmt_get_int(st, 15),
        .actor = stmt_get_text(st, 16, a),
        .reason = stmt_get_text(st, 17, a),
    };
}

/* All rows of a statement whose parameters are bound. */
static int read_rows(struct stmt *st, struct arena *a, struct canary_row **out, size_t *out_n,
                     struct err *err)
{
    struct canary_row *list = NULL;
    size_t n = 0, cap = 0;
    int rc;
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

int canary_active(struct tx *tx, struct arena *a, const char *endpoint_id, struct canary_row *out,
                  struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &canary_sql_active, &st, err);
    *out = (struct canary_row){ 0 };
    if (rc)
        return rc;
    stmt_text(st, 1, endpoint_id);
    rc = stmt_step(st, err);
    if (rc == 1)
        read_row(st, a, out);
    return MIN(rc, 0);
}

int canary_running(struct tx *tx, struct arena *a, struct canary_row **out, size_t *out_n,
                   struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &canary_sql_running, &st, err);
    return rc ? rc : read_rows(st, a, out, out_n, err);
}

int canary_list(struct tx *tx, struct arena *a, const char *endpoint_id, int64_t limit,
                struct canary_row **out, size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &canary_sql_list, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, endpoint_id);
    stmt_int(st, 2, limit);
    return read_rows(st, a, out, out_n, err);
}

int canary_insert(struct tx *tx, const struct canary_row *r, struct err *err)
{
    return tx_exec(tx, &canary_sql_insert, NULL, err, "tttttiititiiiiintt", r->id, r->endpoint_id,
                   r->project, r->endpoint, r->model, r->champion, r->candidate, r->state, r->step,
                   r->strategy, r->breaches, r->step_requests, r->started_ms, r->step_started_ms,
                   r->updated_ms, r->actor, r->reason);
}

int canary_update(struct tx *tx, const struct canary_row *r, const struct canary_row *to,
                  struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int64_t changed = 0;
    int rc;
    if (to->ended_ms)
        rc = tx_exec(tx, &canary_sql_update, &changed, err, "tiiiiiittti", to->state, to->step,
                     to->breaches, to->step_requests, to->step_started_ms, tx_now_ms(tx),
                     to->ended_ms, to->reason, r->id, r->state, r->step);
    else
        rc = tx_exec(tx, &canary_sql_update, &changed, err, "tiiiiinttti", to->state, to->step,
                     to->breaches, to->step_requests, to->step_started_ms, tx_now_ms(tx),
                     to->reason, r->id, r->state, r->step);
    if (!rc && changed != 1)
        rc = ERR(err, ERR_CONFLICT,
                 "the rollout on endpoint '%s' was changed by somebody else just now: look again",
                 r->endpoint);
    return rc;
}

int canary_user(struct tx *tx, struct arena *a, const char *project, const char *model,
                int64_t version, const char **out, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &canary_sql_user, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, project);
    stmt_text(st, 2, model);
    stmt_int(st, 3, version);
    return rows_text(st, a, out, err);
}

int canary_model_renamed(struct tx *tx, const char *project, const char *from, const char *to,
                         struct err *err)
{
    return tx_exec(tx, &canary_sql_rename, NULL, err, "ttt", to, project, from);
}

int canary_checks(struct tx *tx, struct arena *a, const char *rollout_id, int64_t limit,
                  struct canary_check **out, size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    struct canary_check *list = NULL;
    size_t n = 0, cap = 0;
    int rc = stmt_open(tx, &canary_sql_checks, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, rollout_id);
    stmt_int(st, 2, limit);
    while ((rc = stmt_step(st, err)) == 1) {
        list = rows_room(a, list, n, &cap, sizeof *list);
        if (!list)
            return rows_too_many(err);
        list[n++] = (struct canary_check){ .position = stmt_get_int(st, 0),
                                           .time_ms = stmt_get_int(st, 1),
                                           .step = stmt_get_int(st, 2),
                                           .requests = stmt_get_int(st, 3),
                                           .verdict = stmt_get_text(st, 4, a),
                                           .detail = stmt_get_text(st, 5, a) };
    }
    *out = list;
    *out_n = n;
    return rc;
}

int canary_check_add(struct tx *tx, const char *rollout_id, const struct canary_check *c,
                     struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int64_t position = 1;
    int rc = stmt_open(tx, &canary_sql_next_check, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, rollout_id);
    rc = rows_int(st, 1, &position, err);
    stmt_close(st);
    st = NULL;
    return rc ? rc
              : tx_exec(tx, &canary_sql_check_add, NULL, err, "tiiiitt", rollout_id, position,
                        c->time_ms, c->step, c->requests, c->verdict, c->detail);
}
