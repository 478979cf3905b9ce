/* SPDX-License-Identifier: Apache-2.0
 * Attempts and stages: guarded transitions. */
#include <math.h>
#include <stdio.h>

#include "base/limits.h"
#include "track/step.h"
#include "track/track_int.h"

enum { STAGES_MAX = 1000 };

#define ATTEMPT_COLUMNS                                                                            \
    "run_id, attempt, state, pid, pid_start, reason, created_ms, started_ms, ended_ms, exit_code," \
    " exit_signal, max_rss_bytes"

SQL(attempt_insert, "INSERT INTO attempts (run_id, attempt, state, pid, pid_start, created_ms)"
                    " VALUES ($1, $2, 'queued', 0, 0, $3)");
SQL(attempt_set,
    "UPDATE attempts SET state = $1, reason = COALESCE($2, reason), pid = $3, pid_start = $4,"
    " started_ms = $5, ended_ms = $6, exit_code = $7, exit_signal = $8, max_rss_bytes = $9"
    " WHERE run_id = $10 AND attempt = $11 AND state = $12");
SQL(attempt_one, "SELECT " ATTEMPT_COLUMNS " FROM attempts WHERE run_id = $1 AND attempt = $2");
SQL(attempt_all, "SELECT " ATTEMPT_COLUMNS " FROM attempts WHERE run_id = $1 ORDER BY attempt");
SQL(attempt_live,
    "SELECT " ATTEMPT_COLUMNS
    " FROM attempts WHERE state IN ('queued', 'running') ORDER BY created_ms, run_id");
SQL(stage_clear, "DELETE FROM stages WHERE run_id = $1 AND attempt = $2");
SQL(stage_insert, "INSERT INTO stages (run_id, attempt, position, name, kind, state, why, message, "
                  "duration_ms, rows_in,"
                  " rows_out, digest) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)");
SQL(stage_all,
    "SELECT name, kind, state, why, message, duration_ms, rows_in, rows_out, digest FROM stages"
    " WHERE run_id = $1 AND attempt = $2 ORDER BY position");

static int read_attempt(const struct stmt *st, struct arena *arena, struct attempt *a,
                        struct err *err)
{
    const char *state = stmt_get_text(st, 2, arena);
    *a = (struct attempt){
        .run_id = stmt_get_text(st, 0, arena),
        .number = stmt_get_int(st, 1),
        .pid = stmt_get_int(st, 3),
        .pid_start = stmt_get_int(st, 4),
        .reason = stmt_get_text(st, 5, arena),
        .created_ms = stmt_get_int(st, 6),
        .started_ms = rows_get_known(st, 7),
        .ended_ms = rows_get_known(st, 8),
        .exit_code = rows_get_known(st, 9),
        .signal = rows_get_known(st, 10),
        .max_rss_bytes = rows_get_known(st, 11),
    };
    if (step_state_parse(str_of(state), &a->state) != 0)
        return ERR(err, ERR_CORRUPT, "attempt %lld of run '%s' has an unknown state '%s'",
                   (long long)a->number, a->run_id, state);
    return 0;
}

static int tell(struct tx *tx, const struct cause *by, const char *run_id, int64_t number,
                const enum step_state *from, enum step_state to, struct err *err)
{
    char subject[64], kind[64], before[64], after[64];
    (void)snprintf(subject, sizeof subject, "run/%s", run_id);
    (void)snprintf(kind, sizeof kind, "attempt.%s", step_state_name(to));
    (void)snprintf(after, sizeof after, "{\"attempt\":%lld,\"state\":\"%s\"}", (long long)number,
                   step_state_name(to));
    struct event e = event_of(by, kind, subject);
    if (from) {
        (void)snprintf(before, sizeof before, "{\"attempt\":%lld,\"state\":\"%s\"}",
                       (long long)number, step_state_name(*from));
        e.before = before;
    }
    e.after = after;
    return event_add(tx, &e, err);
}

int attempt_create(struct tx *tx, const struct cause *by, const char *run_id, int64_t number,
                   struct err *err)
{
    struct run_change c = RUN_CHANGE_INIT;
    c.attempt = number;
    ASSERT(number > 0);
    int rc = run_update(tx, by, run_id, &c, err);
    if (!rc)
        rc = tx_exec(tx, &attempt_insert, NULL, err, "tii", run_id, number, tx_now_ms(tx));
    if (rc == ERR_EXISTS)
        rc =
            ERR(err, ERR_EXISTS, "run '%s' has an attempt %lld already", run_id, (long long)number);
    return rc ? rc : tell(tx, by, run_id, number, NULL, STEP_QUEUED, err);
}

static int64_t first_known(int64_t v, int64_t fallback)
{
    return v >= 0 ? v : fallback;
}

static int save(struct tx *tx, const char *reason, const struct attempt *old,
                const struct attempt_change *c, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &attempt_set, &st, err);
    if (rc)
        return rc;
    int64_t started = c->to == STEP_RUNNING ? tx_now_ms(tx) : old->started_ms;
    int64_t ended = step_state_is_finished(c->to) ? tx_now_ms(tx)
                    : c->to == STEP_RUNNING       ? -1
                                                  : old->ended_ms;
    stmt_text(st, 1, step_state_name(c->to));
    stmt_text(st, 2, reason);
    stmt_int(st, 3, c->pid ? c->pid : old->pid);
    stmt_int(st, 4, c->pid_start ? c->pid_start : old->pid_start);
    rows_bind_known(st, 5, started);
    rows_bind_known(st, 6, ended);
    rows_bind_known(st, 7, first_known(c->exit_code, old->exit_code));
    rows_bind_known(st, 8, first_known(c->signal, old->signal));
    rows_bind_known(st, 9, first_known(c->max_rss_bytes, old->max_rss_bytes));
    stmt_text(st, 10, old->run_id);
    stmt_int(st, 11, old->number);
    stmt_text(st, 12, step_state_name(c->from));
    return stmt_step(st, err);
}

int attempt_move(struct tx *tx, const struct cause *by, const char *run_id, int64_t number,
                 const struct attempt_change *c, struct err *err)
{
    struct arena a;
    struct attempt old;
    if (!step_state_may(c->from, c->to))
        return ERR(err, ERR_CONFLICT, "an attempt cannot go from %s to %s",
                   step_state_name(c->from), step_state_name(c->to));
    arena_init(&a, MIB(1));
    int rc = attempt_get(tx, &a, run_id, number, &old, err);
    if (!rc && old.state != c->from)
        rc = ERR(err, ERR_CONFLICT, "attempt %lld of run '%s' is %s, not %s", (long long)number,
                 run_id, step_state_name(old.state), step_state_name(c->from));
    if (!rc)
        rc = save(tx, by->reason, &old, c, err);
    if (!rc)
        rc = tell(tx, by, run_id, number, &c->from, c->to, err);
    arena_fini(&a);
    return rc;
}

int attempt_get(struct tx *tx, struct arena *a, const char *run_id, int64_t number,
                struct attempt *out, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &attempt_one, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, run_id);
    stmt_int(st, 2, number);
    rc = stmt_step(st, err);
    if (rc == 0)
        return ERR(err, ERR_NOT_FOUND, "run '%.80s' has no attempt %lld", run_id,
                   (long long)number);
    return rc == 1 ? read_attempt(st, a, out, err) : rc;
}

static int read_attempts(struct stmt *st, struct arena *a, struct attempt **out, size_t *out_n,
                         struct err *err)
{
    struct attempt *list = NULL;
    size_t n = 0, cap = 0;
    int rc;
    while ((rc = stmt_step(st, err)) == 1) {
        list = rows_room(a, list, n, &cap, sizeof *list);
        if (!list)
            return track__no_memory(err);
        rc = read_attempt(st, a, &list[n++], err);
        if (rc)
            return rc;
    }
    *out = list;
    *out_n = n;
    return rc;
}

int attempt_list(struct tx *tx, struct arena *a, const char *run_id, struct attempt **out,
                 size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &attempt_all, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, run_id);
    return read_attempts(st, a, out, out_n, err);
}

int attempt_list_live(struct tx *tx, struct arena *a, struct attempt **out, size_t *out_n,
                      struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &attempt_live, &st, err);
    return rc ? rc : read_attempts(st, a, out, out_n, err);
}

/* ---- stages ---- */

static int insert_stage(struct tx *tx, const char *run_id, int64_t number, size_t position,
                        const struct stage *s, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &stage_insert, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, run_id);
    stmt_int(st, 2, number);
    stmt_int(st, 3, (int64_t)position);
    stmt_text(st, 4, s->name);
    stmt_text(st, 5, s->kind);
    stmt_text(st, 6, step_state_name(s->state));
    stmt_text(st, 7, s->why);
    stmt_text(st, 8, s->message);
    stmt_double(st, 9, s->ms);
    rows_bind_known(st, 10, s->rows_in);
    rows_bind_known(st, 11, s->rows_out);
    stmt_text(st, 12, s->digest);
    return stmt_step(st, err);
}

int stage_put_all(struct tx *tx, const char *run_id, int64_t number, const struct stage *stages,
                  size_t n, struct err *err)
{
    if (n > STAGES_MAX)
        return ERR(err, ERR_LIMIT, "run '%s' has %zu stages, at most %d are kept", run_id, n,
                   STAGES_MAX);
    int rc = tx_exec(tx, &stage_clear, NULL, err, "ti", run_id, number);
    for (size_t i = 0; !rc && i < n; i++)
        rc = insert_stage(tx, run_id, number, i, &stages[i], err);
    return rc;
}

int stage_list(struct tx *tx, struct arena *a, const char *run_id, int64_t number,
               struct stage **out, size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    struct stage *list = NULL;
    size_t n = 0, cap = 0;
    int rc = stmt_open(tx, &stage_all, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, run_id);
    stmt_int(st, 2, number);
    while ((rc = stmt_step(st, err)) == 1) {
        list = rows_room(a, list, n, &cap, sizeof *list);
        if (!list)
            return track__no_memory(err);
        struct stage *s = &list[n++];
        *s = (struct stage){
            .name = stmt_get_text(st, 0, a),
            .kind = stmt_get_text(st, 1, a),
            .why = stmt_get_text(st, 3, a),
            .message = stmt_get_text(st, 4, a),
            .ms = stmt_get_double(st, 5),
            .rows_in = rows_get_known(st, 6),
            .rows_out = rows_get_known(st, 7),
            .digest = stmt_get_text(st, 8, a),
        };
        if (step_state_parse(str_of(stmt_get_text(st, 2, a)), &s->state) != 0)
            s->state = STEP_NONE;
    }
    *out = list;
    *out_n = n;
    return rc;
}
