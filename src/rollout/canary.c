/* SPDX-License-Identifier: Apache-2.0
 * The life of a rollout: how it begins, what people do to it, how it ends. Each step is one
 * transaction with its event. The turn of the server is in canary_tick.c. */
#include "rollout/canary.h"

#include "base/rng.h"
#include "rollout/canary_int.h"

enum { STRATEGY_MAX = 1 << 16 };

/* What travels into the transaction. */
struct job {
    const struct rollout_change *c;
    const char *strategy;
    struct arena arena;
};

int canary__tell(struct tx *tx, struct arena *a, const struct cause *by, const char *kind,
                 const struct canary_row *r, const struct canary_row *to, struct err *err)
{
    struct event e = event_of(by, kind, arena_printf(a, "endpoint/%s", r->endpoint));
    const char *version = arena_printf(a, "%lld", (long long)r->candidate);
    const char *share = arena_printf(a, "%lld", (long long)to->step);
    e.before = event_json(a, "state", r->state, (char *)NULL);
    e.after = event_json(a, "rollout", r->id, "model", r->model, "version", version, "state",
                         to->state, "step", share, (char *)NULL);
    if (!e.reason)
        e.reason = to->reason;
    return event_add(tx, &e, err);
}

int canary__end(struct tx *tx, struct arena *a, const struct cause *by, const struct canary_row *r,
                const char *state, const char *reason, struct err *err)
{
    struct canary_row to = *r;
    to.state = state;
    to.ended_ms = tx_now_ms(tx);
    to.reason = reason ? reason : r->reason;
    int rc = canary_update(tx, r, &to, err);
    return rc ? rc
              : canary__tell(tx, a, by,
                             strcmp(state, "promoted") == 0 ? "rollout.promoted"
                                                            : "rollout.rolled_back",
                             r, &to, err);
}

int canary_on_move(struct tx *tx, const struct cause *by, const struct endpoint_row *row,
                   int64_t version, struct err *err)
{
    struct arena a;
    struct canary_row r;
    arena_init(&a, MIB(4));
    int rc = canary_active(tx, &a, row->id, &r, err);
    if (!rc && r.id) {
        int onto = version == r.candidate;
        const char *reason = by->reason;
        if (!onto)
            reason = arena_printf(&a,
                                  version ? "the endpoint was moved to version %lld by %s"
                                          : "the endpoint was deleted",
                                  (long long)version, cause_actor(by));
        else if (!reason)
            reason = arena_printf(&a, "promoted by %s", cause_actor(by));
        rc = canary__end(tx, &a, by, &r, onto ? "promoted" : "rolled_back", reason, err);
    }
    arena_fini(&a);
    return rc;
}

int canary_send_back(struct tx *tx, const struct cause *by, const struct endpoint_row *row,
                     int *out_ended, struct err *err)
{
    struct arena a;
    struct canary_row r;
    arena_init(&a, MIB(4));
    int rc = canary_active(tx, &a, row->id, &r, err);
    *out_ended = !rc && r.id;
    if (*out_ended)
        rc = canary__end(
            tx, &a, by, &r, "rolled_back",
            by->reason ? by->reason : arena_printf(&a, "rolled back by %s", cause_actor(by)), err);
    arena_fini(&a);
    return rc;
}

/* ---- begin ---- */

static const char *complete_strategy(struct arena *a, const struct strategy *s)
{
    struct buf b;
    struct json_out o;
    buf_init(&b, STRATEGY_MAX);
    json_out_init(&o, &b);
    strategy_write(s, &o);
    const char *text = b.failed ? NULL : arena_strndup(a, b.p, b.n);
    buf_fini(&b);
    return text;
}

static int start(struct tx *tx, void *arg, struct err *err)
{
    struct job *j = arg;
    struct endpoint_row row;
    struct version v;
    struct canary_row under_way;
    struct strategy s;
    char id[UUID_TEXT];
    uuid7(id);
    int rc = endpoint_get(tx, &j->arena, cause_project(&j->c->by), j->c->endpoint, &row, err);
    if (!rc)
        rc = canary_active(tx, &j->arena, row.id, &under_way, err);
    if (!rc && under_way.id)
        rc = ERR(err, ERR_CONFLICT,
                 "version %lld is being brought in on endpoint '%s' already: promote it or roll "
                 "it back first",
                 (long long)under_way.candidate, row.name);
    if (!rc)
        rc = rollout__candidate(tx, &j->arena, j->c, &row, &v, err);
    if (!rc)
        rc = strategy_read(&j->arena, j->strategy, &s, err);
    const char *text = rc ? NULL : complete_strategy(&j->arena, &s);
    if (!rc && !text)
        rc = ERR(err, ERR_LIMIT, "the strategy is larger than %d bytes", STRATEGY_MAX);
    if (rc)
        return rc;
    struct canary_row r = { .id = id,
                            .endpoint_id = row.id,
                            .project = row.project,
                            .endpoint = row.name,
                            .model = row.model,
                            .champion = row.version,
                            .candidate = v.number,
                            .state = "running",
                            .step = s.shadow_requests ? 0 : 1,
                            .strategy = text,
                            .started_ms = tx_now_ms(tx),
                            .step_started_ms = tx_now_ms(tx),
                            .updated_ms = tx_now_ms(tx),
                            .actor = cause_actor(&j->c->by),
                            .reason = j->c->by.reason };
    rc = canary_insert(tx, &r, err);
    return rc ? rc : canary__tell(tx, &j->arena, &j->c->by, "rollout.started", &r, &r, err);
}

/* ---- pause and resume ---- */

static int set_state(struct tx *tx, struct job *j, const char *from, const char *to_state,
                     const char *kind, struct err *err)
{
    struct endpoint_row row;
    struct canary_row r;
    int rc = endpoint_get(tx, &j->arena, cause_project(&j->c->by), j->c->endpoint, &row, err);
    if (!rc)
        rc = canary_active(tx, &j->arena, row.id, &r, err);
    if (!rc && !r.id)
        rc = ERR(err, ERR_CONFLICT, "no rollout is under way on endpoint '%s'", row.name);
    if (!rc && strcmp(r.state, from) != 0)
        rc = ERR(err, ERR_CONFLICT, "the rollout on endpoint '%s' is %s, not %s", row.name, r.state,
                 from);
    if (rc)
        return rc;
    struct canary_row to = r;
    to.state = to_state;
    to.reason = j->c->by.reason
                    ? j->c->by.reason
                    : arena_printf(&j->arena, "%s by %s",
                                   strcmp(to_state, "running") == 0 ? "resumed" : to_state,
                                   cause_actor(&j->c->by));
    to.step_started_ms = tx_now_ms(tx);
    rc = canary_update(tx, &r, &to, err);
    return rc ? rc : canary__tell(tx, &j->arena, &j->c->by, kind, &r, &to, err);
}

static int pause_tx(struct tx *tx, void *arg, struct err *err)
{
    return set_state(tx, arg, "running", "paused", "rollout.paused", err);
}

static int resume_tx(struct tx *tx, void *arg, struct err *err)
{
    return set_state(tx, arg, "paused", "running", "rollout.resumed", err);
}

static int run(struct store *s, store_fn fn, const struct rollout_change *c, const char *strategy,
               struct err *err)
{
    struct job j = { .c = c, .strategy = strategy };
    arena_init(&j.arena, MIB(16));
    int rc = store_write(s, fn, &j, err);
    arena_fini(&j.arena);
    return rc;
}

int canary_start(struct store *s, const struct rollout_change *c, const char *strategy,
                 struct err *err)
{
    return run(s, start, c, strategy, err);
}

int canary_pause(struct store *s, const struct rollout_change *c, struct err *err)
{
    return run(s, pause_tx, c, NULL, err);
}

int canary_resume(struct store *s, const struct rollout_change *c, struct err *err)
{
    return run(s, resume_tx, c, NULL, err);
}
