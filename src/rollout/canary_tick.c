/* SPDX-License-Identifier: Apache-2.0
 * The turn: what the two arms of each rollout did since the last window becomes a judged window;
 * windows become the next step, the promotion, or the way back. Counters in memory are lost with
 * the process and begin anew; what was judged is in the record. */
#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/thread.h"
#include "rollout/canary_int.h"
#include "rollout/follow.h"
#include "serve/serve.h"

enum { TICK_RANK = 390, WAKE_RANK = 731, TICK_MS = 500, WINDOW_MIN = 20, WINDOWS = 7 };

/* What is remembered of a rollout between turns. */
struct watch {
    struct watch *next;
    char id[UUID_TEXT];
    int seen; /* in this turn */
    int64_t step, window_ms;
    uint64_t counted;         /* candidate's requests already added to the record */
    struct serve_arm last[2]; /* at the beginning of the window */
};

struct canary {
    struct canary_options o;
    struct lock tick_lock; /* one turn at a time */
    struct watch *watches; /* under tick_lock */
    struct ticker ticker;
};

/* One turn of one rollout. */
struct turn {
    struct canary *c;
    struct arena *a;
    const struct canary_row *row;
    struct strategy strategy;
    struct watch *watch;
    int64_t now_ms;
    struct canary_check check; /* verdict NULL: no window was judged */
    struct canary_row to;
    const char *kind; /* event of the change to `to`; NULL = only counted */
};

/* ---- the record ---- */

static int write_turn(struct tx *tx, void *arg, struct err *err)
{
    struct turn *t = arg;
    struct cause by = { .project = t->row->project, .actor = "system", .reason = t->to.reason };
    int rc = t->check.verdict ? canary_check_add(tx, t->row->id, &t->check, err) : 0;
    if (!rc)
        rc = canary_update(tx, t->row, &t->to, err);
    if (!rc && t->kind)
        rc = canary__tell(tx, t->a, &by, t->kind, t->row, &t->to, err);
    return rc;
}

/* *out_mine = 0: somebody was faster, and the next turn sees what they did. */
static int record(struct turn *t, int *out_mine, struct err *err)
{
    int rc = store_write(t->c->o.store, write_turn, t, err);
    *out_mine = rc == 0;
    return rc == ERR_CONFLICT ? 0 : rc;
}

/* With the window that was judged, in the one transaction that finds the rollout as it was read:
 * what a person did meanwhile stays. */
static int send_back(struct turn *t, const char *reason, struct err *err)
{
    int mine;
    t->to.state = "rolled_back";
    t->to.ended_ms = t->now_ms;
    t->to.reason = reason;
    t->kind = "rollout.rolled_back";
    return record(t, &mine, err);
}

static int promote(struct turn *t, struct err *err)
{
    struct rollout_change c = {
        .by = { .project = t->row->project,
                .actor = "system",
                .reason = "passed every step of its rollout" },
        .endpoint = t->row->endpoint,
        .version = arena_printf(t->a, "%lld", (long long)t->row->candidate),
        .rollout = t->row->id,
    };
    return rollout_promote(t->c->o.store, &c, NULL, err);
}

/* ---- windows ---- */

static struct watch *watch_of(struct canary *c, const struct canary_row *row)
{
    struct watch *w = c->watches;
    while (w && strcmp(w->id, row->id) != 0)
        w = w->next;
    if (!w) {
        w = mem_alloc(sizeof *w);
        (void)snprintf(w->id, sizeof w->id, "%s", row->id);
        w->step = -1;
        w->next = c->watches;
        c->watches = w;
    }
    w->seen = 1;
    return w;
}

static void forget_ended(struct canary *c)
{
    for (struct watch **at = &c->watches; *at;) {
        struct watch *w = *at;
        if (w->seen) {
            w->seen = 0;
            at = &w->next;
        } else {
            *at = w->next;
            mem_free(w);
        }
    }
}

static void begin_window(struct watch *w, const struct serve_arm arms[2], int64_t now_ms)
{
    memcpy(w->last, arms, sizeof w->last);
    w->window_ms = now_ms;
    w->counted = arms[1].requests;
}

static void subtract(struct serve_arm *now, const struct serve_arm *before)
{
    now->requests -= before->requests;
    now->errors -= before->errors;
    now->rows -= before->rows;
    now->skipped -= before->skipped;
    now->not_finite -= before->not_finite;
    now->sum -= before->sum;
    now->sum_squares -= before->sum_squares;
    for (int i = 0; i < SERVE_ARM_LATENCIES; i++)
        now->latency[i] -= before->latency[i];
    for (int i = 0; i < SERVE_ARM_CELLS; i++)
        now->cells[i] -= before->cells[i];
}

static int judge(struct turn *t, struct serve_arm arms[2], const char **reason, struct err *err)
{
    struct canary_known known = { NAN, NAN, { NAN, NAN, NAN, NAN }, { NAN, NAN, NAN, NAN } };
    for (int k = 0; k < 2; k++)
        subtract(&arms[k], &t->watch->last[k]);
    if (t->c->o.known)
        t->c->o.known(t->c->o.arg, t->row, t->row->step_started_ms, t->now_ms, &known);
    int rc = canary_judge(t->a, &t->strategy, arms, &known, &t->check.detail, reason, err);
    t->check.time_ms = t->now_ms;
    t->check.step = t->row->step;
    t->check.requests = (int64_t)arms[1].requests;
    t->check.verdict = *reason ? "breach" : "ok";
    t->to.breaches = (t->row->breaches << 1 | (*reason != NULL)) & WINDOWS;
    return rc;
}

/* ---- steps ---- */

static int64_t requests_wanted(const struct turn *t)
{
    return t->row->step == 0 ? t->strategy.shadow_requests : t->strategy.min_requests;
}

static int step_is_done(const struct turn *t)
{
    int64_t age = t->now_ms - t->row->step_started_ms;
    return t->to.step_requests >= requests_wanted(t) && (t->to.breaches & 3) == 0 &&
           (t->row->step == 0 || age >= t->strategy.every_ms);
}

static int next_step(struct turn *t, struct err *err)
{
    int mine;
    if (t->row->step < (int64_t)t->strategy.step_n) {
        t->to.step++;
        t->to.step_requests = 0;
        t->to.step_started_ms = t->now_ms;
        t->kind = "rollout.step";
        t->to.reason =
            arena_printf(t->a, "%.4g %% of the requests: no rule held over %lld requests",
                         t->strategy.share[t->to.step - 1] / 10.0,
                         (long long)(t->row->step_requests + t->check.requests));
        return record(t, &mine, err);
    }
    if (!t->strategy.automatic) {
        t->to.state = "waiting";
        t->to.reason = "all steps passed: a person decides";
        t->kind = "rollout.waiting";
        return record(t, &mine, err);
    }
    int rc = record(t, &mine, err);
    return rc || !mine ? rc : promote(t, err);
}

/* A window was judged; reason: the rules that held. */
static int decide(struct turn *t, const char *reason, struct err *err)
{
    int mine;
    if (reason && __builtin_popcountll((unsigned long long)t->to.breaches) >= 2)
        return send_back(t,
                         arena_printf(t->a, "second breaching window of three at %s: %s",
                                      t->row->step ? "its share of the requests" : "the shadow",
                                      reason),
                         err);
    if (strcmp(t->row->state, "running") == 0 && !reason && step_is_done(t))
        return next_step(t, err);
    return record(t, &mine, err);
}

static int pause_when_late(struct turn *t, struct err *err)
{
    if (strcmp(t->row->state, "running") != 0 || !t->strategy.timeout_ms ||
        t->now_ms - t->row->step_started_ms < MAX(t->strategy.timeout_ms, t->strategy.every_ms))
        return 0;
    int mine;
    t->to.state = "paused";
    t->kind = "rollout.paused";
    t->to.reason = arena_printf(t->a, "not enough requests: %lld of %lld in this step",
                                (long long)t->to.step_requests, (long long)requests_wanted(t));
    return record(t, &mine, err);
}

/* Whether the serving table does what the record says; when not, this turn only waits. */
static int in_place(struct turn *t, struct serve_arm arms[2], int *out_failed, struct err *err)
{
    struct serve_status st = { 0 };
    const char *name = follow_served_name(t->a, t->row->project, t->row->endpoint);
    char candidate[24], champion[24];
    (void)snprintf(candidate, sizeof candidate, "%lld", (long long)t->row->candidate);
    (void)snprintf(champion, sizeof champion, "%lld", (long long)t->row->champion);
    *out_failed = 0;
    if (serve_status_get(t->c->o.serve, str_of(name), &st, NULL) != 0)
        return 0;
    if (st.problem[0] && strcmp(st.wanted, candidate) == 0) {
        *out_failed = 1;
        return ERR(err, ERR_FAILED, "version %s does not load: %s", candidate, st.problem);
    }
    unsigned share = t->row->step ? t->strategy.share[t->row->step - 1] : 0;
    return strcmp(st.candidate, candidate) == 0 && strcmp(st.version, champion) == 0 &&
           st.share.permille == share && st.share.shadow == (t->row->step == 0) &&
           serve_arms_get(t->c->o.serve, name, arms) == 0;
}

static int turn_one(struct turn *t, struct err *err)
{
    struct serve_arm arms[2];
    struct err why = ERR_INIT;
    const char *reason = NULL;
    int failed;
    t->to = *t->row;
    t->watch = watch_of(t->c, t->row);
    int rc = strategy_read(t->a, t->row->strategy, &t->strategy, &why);
    if (rc == ERR_NOMEM)
        return ERR(err, rc, "%s", why.msg);
    if (rc)
        return send_back(t, arena_printf(t->a, "its strategy cannot be read: %s", why.msg), err);
    if (t->row->step < 0 || t->row->step > (int64_t)t->strategy.step_n)
        return send_back(t, "its record is damaged", err);
    int ready = in_place(t, arms, &failed, &why);
    if (failed)
        return send_back(t, why.msg, err);
    if (ready <= 0)
        return pause_when_late(t, err);
    struct watch *w = t->watch;
    if (w->step != t->row->step || arms[1].requests < w->last[1].requests) {
        begin_window(w, arms, t->now_ms); /* a new step, or counters that began anew */
        w->step = t->row->step;
        return 0;
    }
    uint64_t in_window = arms[1].requests - w->last[1].requests;
    if (t->now_ms - w->window_ms < t->strategy.check_ms || in_window < WINDOW_MIN)
        return pause_when_late(t, err);
    t->to.step_requests += (int64_t)(arms[1].requests - w->counted);
    struct serve_arm window[2];
    memcpy(window, arms, sizeof window);
    rc = judge(t, window, &reason, err);
    begin_window(w, arms, t->now_ms);
    return rc ? rc : decide(t, reason, err);
}

/* ---- all of them ---- */

struct running {
    struct arena *a;
    struct canary_row *rows;
    size_t n;
};

static int read_running(struct tx *tx, void *arg, struct err *err)
{
    struct running *r = arg;
    return canary_running(tx, r->a, &r->rows, &r->n, err);
}

/* In an arena of its own: what it needs does not add up over all of them. */
static int turn_rollout(struct canary *c, const struct canary_row *row, int64_t now_ms,
                        struct err *err)
{
    struct arena a;
    struct turn t = { .c = c, .a = &a, .row = row, .now_ms = now_ms };
    arena_init(&a, MIB(64));
    int rc = turn_one(&t, err);
    arena_fini(&a);
    return rc;
}

int canary_tick(struct canary *c, int64_t now_ms, struct err *err)
{
    struct arena a;
    struct running r = { .a = &a };
    arena_init(&a, MIB(64));
    lock_take(&c->tick_lock);
    int rc = store_read(c->o.store, read_running, &r, err);
    int known = rc == 0;
    for (size_t i = 0; known && i < r.n; i++) { /* one that fails does not stop the others */
        struct err one = ERR_INIT;
        int bad = turn_rollout(c, &r.rows[i], now_ms, &one);
        if (bad && !rc)
            rc = ERR(err, bad, "endpoint '%s': %s", r.rows[i].endpoint, one.msg);
    }
    if (known)
        forget_ended(c);
    lock_drop(&c->tick_lock);
    arena_fini(&a);
    return rc;
}

static void turn_all(void *arg)
{
    IGNORE(canary_tick(arg, clock_now_ms(), NULL));
}

int canary_open(struct canary **out, const struct canary_options *options, struct err *err)
{
    struct canary *c = mem_try_alloc(1, sizeof *c);
    if (!c)
        return ERR(err, ERR_NOMEM, "not enough memory to watch rollouts");
    c->o = *options;
    lock_init(&c->tick_lock, "canary", TICK_RANK);
    ticker_init(&c->ticker, "canary", WAKE_RANK, turn_all, c);
    *out = c;
    return 0;
}

void canary_close(struct canary *c)
{
    if (!c)
        return;
    ticker_fini(&c->ticker);
    for (struct watch *w = c->watches, *next; w; w = next) {
        next = w->next;
        mem_free(w);
    }
    lock_fini(&c->tick_lock);
    mem_free(c);
}

int canary_thread_start(struct canary *c, struct err *err)
{
    return ticker_start(&c->ticker, TICK_MS, err);
}
