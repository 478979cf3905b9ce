/* SPDX-License-Identifier: Apache-2.0
 * The turn of the loop. Each endpoint is read in one snapshot; what is decided is written with a
 * guard on what was read, so that a turn that is killed half-way is simply taken again. */
#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/thread.h"
#include "monitor/monitor.h"
#include "rollout/canary_int.h"
#include "rollout/follow.h"
#include "rollout/loop_int.h"
#include "track/run.h"

enum {
    TICK_RANK = 290, /* below the lock of runs: a turn starts them */
    WAKE_RANK = 732,
    TICK_MS = 1000,
    ATTEMPTS_SEEN = 50,
    ALERTS_SEEN = 200,
    USELESS_MAX = 3,      /* attempts in a row that did not help */
    IDLE_TURN_MS = 60000, /* a turn without an event: times have passed */
};

/* The reference of a version that serves, kept from turn to turn. */
struct known {
    struct known *next;
    struct arena arena;
    const char *served, *model, *version;
    struct monitor_reference *ref; /* NULL = it was made without one */
    int seen;                      /* in this turn */
};

struct loop {
    struct loop_options o;
    struct lock tick_lock;   /* one turn at a time */
    int64_t seen, turned_ms; /* under tick_lock: newest event and time of the last full turn */
    int busy;                /* something is under way that no event may tell of */
    struct known *known;     /* references of what serves */
    struct ticker ticker;
};

/* One turn of one endpoint. */
struct turn {
    struct loop *l;
    struct arena *a;
    int64_t now_ms;
    struct endpoint_row row;
    const char *served, *version;
    int64_t window_ms;
    int unlogged; /* no row is kept that could be trained on */
    struct loop_state state;
    struct canary_row rollout;
    struct alert_rule *rules;
    struct alert_now *alerts;
    struct alert_row *open, *past;
    size_t rule_n, alert_n, open_n, past_n;
    struct monitor_window *windows; /* of the version that serves */
    size_t window_n;
    struct run run; /* of the attempt under way; id NULL = none */
    int64_t run_version;
    struct canary_row ended; /* rollout of the attempt's version */
    /* what shall be written */
    struct loop_attempt attempt;
    const char *from_state; /* NULL = insert */
    const char *kind, *reason;
};

/* ---- reading ---- */

/* Since when rows count for a trigger over labels: the last training, else the window. */
static int64_t labels_since(const struct turn *t)
{
    for (size_t i = 0; i < t->state.attempt_n; i++)
        if (t->state.attempts[i].rows && t->state.attempts[i].run_id)
            return t->state.attempts[i].started_ms;
    return t->now_ms - t->state.policy.window_ms;
}

/* The newest ones, should there be more than one answer holds. */
static int read_windows(struct tx *tx, struct turn *t, struct err *err)
{
    struct monitor_window_query q = { .endpoint = t->served,
                                      .model = t->row.model,
                                      .version = t->version,
                                      .from_ms = MAX(labels_since(t),
                                                     t->now_ms - t->state.policy.window_ms),
                                      .newest_first = 1 };
    return monitor_window_list(tx, t->a, &q, &t->windows, &t->window_n, err);
}

static int read_attempt(struct tx *tx, struct turn *t, struct err *err)
{
    struct canary_row *list = NULL;
    size_t n = 0;
    const struct loop_attempt *last = t->state.attempt_n ? &t->state.attempts[0] : NULL;
    if (!last || last->ended_ms)
        return 0;
    int rc = last->run_id ? run_get(tx, t->a, last->run_id, &t->run, err) : 0;
    if (rc == ERR_NOT_FOUND)
        rc = 0;
    if (!rc && t->run.id)
        rc = version_of_run(tx, t->run.id, &t->run_version, err);
    if (!rc && last->version)
        rc = canary_list(tx, t->a, t->row.id, ATTEMPTS_SEEN, &list, &n, err);
    for (size_t i = 0; i < n && !t->ended.id; i++)
        if (list[i].candidate == last->version && list[i].started_ms >= last->started_ms)
            t->ended = list[i];
    return rc;
}

static int read_turn(struct tx *tx, void *arg, struct err *err)
{
    struct turn *t = arg;
    struct monitor_settings settings;
    int rc = loop_state_get(tx, t->a, &t->row, ATTEMPTS_SEEN, &t->state, err);
    if (!rc)
        rc = monitor_settings_get(tx, t->a, t->served, &settings, NULL, err);
    if (!rc)
        rc = canary_active(tx, t->a, t->row.id, &t->rollout, err);
    if (!rc)
        rc = alert_rules_get(tx, t->a, t->served, &t->rules, &t->rule_n, err);
    if (!rc)
        rc = alert_now_list(tx, t->a, t->served, &t->alerts, &t->alert_n, err);
    if (!rc)
        rc = alert_list(tx, t->a, t->served, 1, ALERT_RULES_MAX, &t->open, &t->open_n, err);
    if (!rc && t->state.policy.trigger_n)
        rc = alert_list(tx, t->a, t->served, 0, ALERTS_SEEN, &t->past, &t->past_n, err);
    if (!rc && t->state.policy.trigger_n)
        rc = read_windows(tx, t, err);
    if (!rc)
        rc = read_attempt(tx, t, err);
    t->window_ms = settings.window_ms;
    t->unlogged = !settings.log_on || settings.log_inputs <= 0;
    return rc;
}

/* ---- writing ---- */

static int write_attempt(struct tx *tx, void *arg, struct err *err)
{
    struct turn *t = arg;
    struct loop_attempt *x = &t->attempt;
    struct cause by = { .project = x->project,
                        .actor = arena_printf(t->a, "trigger:%s", x->trigger),
                        .reason = x->reason };
    x->updated_ms = t->now_ms;
    int rc = t->from_state ? loop__attempt_update(tx, x, t->from_state, err)
                           : loop__attempt_insert(tx, x, err);
    struct event e = event_of(&by, t->kind, arena_printf(t->a, "endpoint/%s", x->endpoint));
    const char *version = x->version ? arena_printf(t->a, "%lld", (long long)x->version) : NULL;
    e.after = event_json(t->a, "attempt", x->id, "trigger", x->trigger, "state", x->state, "run",
                         x->run_id, "version", version, (char *)NULL);
    return rc ? rc : event_add(tx, &e, err);
}

static int move_attempt(struct turn *t, const char *state, const char *reason, const char *kind,
                        struct err *err)
{
    int ended = strcmp(state, "starting") != 0 && strcmp(state, "training") != 0 &&
                strcmp(state, "rollout") != 0;
    t->from_state = t->attempt.state; /* NULL: it is new */
    t->attempt.state = state;
    t->attempt.reason = reason;
    t->attempt.ended_ms = ended ? t->now_ms : 0;
    t->kind = kind;
    int rc = store_write(t->l->o.store, write_attempt, t, err);
    if (rc == ERR_CONFLICT || rc == ERR_EXISTS)
        t->attempt.id = NULL; /* somebody was faster: the next turn sees what they did */
    return t->attempt.id ? rc : 0;
}

static int end_attempt(struct turn *t, const char *state, const char *reason, struct err *err)
{
    return move_attempt(t, state, reason, "trigger.ended", err);
}

struct held_job {
    struct turn *t;
    const char *trigger, *reason;
};

static int write_held(struct tx *tx, void *arg, struct err *err)
{
    struct held_job *j = arg;
    return loop__held_put(tx, j->t->row.id, j->trigger, j->reason, err);
}

/* Records why a trigger does not act, when it is another reason than before; NULL = it acted. */
static int hold(struct turn *t, const char *trigger, const char *reason, struct err *err)
{
    const char *had = NULL;
    for (size_t i = 0; i < t->state.held_n; i++)
        if (strcmp(t->state.held[i].trigger, trigger) == 0)
            had = t->state.held[i].reason;
    if (reason && had ? strcmp(reason, had) == 0 : reason == had)
        return 0;
    struct held_job j = { t, trigger, reason };
    return store_write(t->l->o.store, write_held, &j, err);
}

static int write_freeze(struct tx *tx, void *arg, struct err *err)
{
    struct turn *t = arg;
    struct cause by = { .project = t->row.project, .actor = "system", .reason = t->reason };
    return loop_freeze(tx, &by, &t->row, t->reason, err);
}

/* ---- an attempt under way ---- */

/* A version that its gates let through is brought in; while another one is, it waits. */
static int begin_rollout(struct turn *t, struct err *err)
{
    struct err why = ERR_INIT;
    struct rollout_change c = {
        .by = { .project = t->row.project,
                .actor = arena_printf(t->a, "trigger:%s", t->attempt.trigger),
                .reason = t->attempt.reason },
        .endpoint = t->row.name,
        .version = arena_printf(t->a, "%lld", (long long)t->attempt.version),
    };
    if (t->attempt.version == t->row.version)
        return end_attempt(t, "promoted", "it serves already", err);
    if (t->rollout.id)
        return 0;
    int rc = canary_start(t->l->o.store, &c, t->state.policy.strategy, &why);
    return rc ? end_attempt(t, "refused", arena_strdup(t->a, why.msg), err) : 0;
}

static const char *span_text(struct arena *a, int64_t ms)
{
    if (ms % 3600000 == 0)
        return arena_printf(a, "%lld h", (long long)(ms / 3600000));
    return ms % 60000 == 0 ? arena_printf(a, "%lld min", (long long)(ms / 60000))
                           : arena_printf(a, "%.1f s", (double)ms / 1000);
}

/* One that takes too long is stopped; whether that succeeds or not, nothing waits for it. */
static int give_up(struct turn *t, struct err *err)
{
    const char *why = arena_printf(t->a, "it took longer than %s and was stopped",
                                   span_text(t->a, t->state.policy.timeout_ms));
    if (t->l->o.stop)
        IGNORE(t->l->o.stop(t->l->o.arg, t->run.id, why, NULL));
    return end_attempt(t, "failed", why, err);
}

static int follow_training(struct turn *t, struct err *err)
{
    if (!t->run.id)
        return end_attempt(t, "failed", "its run is gone", err);
    if (!run_status_is_ended(t->run.status))
        return t->now_ms - t->attempt.started_ms < t->state.policy.timeout_ms ? 0 : give_up(t, err);
    const char *why = t->run.status_reason ? t->run.status_reason : "the run gave no version";
    if (t->run_version == t->row.version)
        return end_attempt(t, "unchanged", "the same model came out", err);
    if (t->run_version) {
        t->attempt.version = t->run_version;
        return move_attempt(t, "rollout",
                            arena_printf(t->a, "version %lld passed its gates and is brought in",
                                         (long long)t->run_version),
                            "trigger.rollout", err);
    }
    return end_attempt(t, strstr(why, "gate") ? "refused" : "failed", why, err);
}

/* The server stopped while it began: its run is there, or it never was. */
static int follow_start(struct turn *t, struct err *err)
{
    if (t->run.id)
        return move_attempt(t, "training", t->attempt.reason, "trigger.training", err);
    t->attempt.run_id = NULL;
    t->attempt.rows = 0;
    return end_attempt(t, "failed", "the server stopped before the run began", err);
}

static int follow_attempt(struct turn *t, struct err *err)
{
    t->attempt = t->state.attempts[0];
    t->l->busy = 1;
    if (strcmp(t->attempt.state, "starting") == 0)
        return follow_start(t, err);
    if (strcmp(t->attempt.state, "training") == 0)
        return follow_training(t, err);
    if (!t->ended.id)
        return begin_rollout(t, err);
    if (!t->ended.ended_ms)
        return 0;
    return end_attempt(t, strcmp(t->ended.state, "promoted") == 0 ? "promoted" : "rolled_back",
                       t->ended.reason ? t->ended.reason : t->ended.state, err);
}

/* ---- triggers ---- */

static const char *time_text(struct turn *t, int64_t ms)
{
    char text[CLOCK_TEXT_MAX];
    (void)clock_format(ms, text);
    return arena_strdup(t->a, text);
}

static int64_t labelled_in_windows(const struct turn *t, int64_t since_ms)
{
    uint64_t n = 0;
    for (size_t i = 0; i < t->window_n; i++)
        if (t->windows[i].start_ms >= since_ms)
            n += t->windows[i].realised.labelled;
    return (int64_t)n;
}

static const struct alert_row *open_alert(const struct turn *t, const char *rule)
{
    for (size_t i = 0; i < t->open_n; i++)
        if (strcmp(t->open[i].rule, rule) == 0)
            return &t->open[i];
    return NULL;
}

static const char *alert_word(const struct turn *t, const char *rule)
{
    for (size_t i = 0; i < t->alert_n; i++)
        if (strcmp(t->alerts[i].rule, rule) == 0)
            return alert_state_name(t->alerts[i].state);
    return "not known here";
}

/* Why the condition of a trigger does not hold, or NULL; rq gets the rows to train on. */
static const char *condition(struct turn *t, const struct loop_trigger *g,
                             const struct alert_row **out_alert, struct loop_request *rq)
{
    rq->from_ms = t->now_ms - t->state.policy.window_ms;
    rq->to_ms = t->now_ms;
    if (g->labels) {
        int64_t n = labelled_in_windows(t, labels_since(t));
        rq->reason = arena_printf(t->a, "%lld new labelled rows", (long long)n);
        return n >= g->labels ? NULL
                              : arena_printf(t->a, "fewer than %lld labelled rows are new",
                                             (long long)g->labels);
    }
    const struct alert_row *alert = open_alert(t, g->alert);
    if (!alert)
        return arena_printf(t->a, "alert %s is %s", g->alert, alert_word(t, g->alert));
    if (alert->silenced)
        return arena_printf(t->a, "alert %s is silenced", g->alert);
    if (alert->state == ALERT_ACKNOWLEDGED)
        return arena_printf(t->a, "alert %s was acknowledged by %s, who looks after it", g->alert,
                            alert->acked_by);
    *out_alert = alert;
    /* what came before and while it changed would teach the model what no longer holds */
    rq->from_ms = MAX(rq->from_ms, alert->window_ms + t->window_ms);
    rq->reason = arena_printf(t->a, "alert %s: %s", g->alert, alert->message);
    return NULL;
}

static const char *cooling(struct turn *t, const struct loop_trigger *g)
{
    for (size_t i = 0; i < t->state.attempt_n; i++) {
        const struct loop_attempt *x = &t->state.attempts[i];
        int64_t until = (x->ended_ms ? x->ended_ms : x->started_ms) + g->cooldown_ms;
        if (strcmp(x->trigger, g->name) == 0)
            return x->rows && until > t->now_ms
                       ? arena_printf(t->a, "cools down until %s", time_text(t, until))
                       : NULL;
    }
    return NULL;
}

static const char *over_budget(struct turn *t)
{
    int64_t n = 0;
    for (size_t i = 0; i < t->state.attempt_n; i++)
        n += strcmp(t->state.attempts[i].state, "promoted") == 0 &&
             t->state.attempts[i].ended_ms > t->now_ms - t->state.policy.per_ms;
    return n < t->state.policy.promotions
               ? NULL
               : arena_printf(t->a, "the budget of %lld automatic promotions is used",
                              (long long)t->state.policy.promotions);
}

/* The last attempts, none of which helped, since a person last froze or thawed. */
static const char *flapping(struct turn *t)
{
    size_t n = 0;
    for (size_t i = 0; i < t->state.attempt_n && n < USELESS_MAX; i++, n++) {
        const struct loop_attempt *x = &t->state.attempts[i];
        if (x->started_ms < t->state.frozen_ms || strcmp(x->state, "promoted") == 0 || !x->rows)
            return NULL;
    }
    return n < USELESS_MAX
               ? NULL
               : arena_printf(t->a, "%d attempts in a row did not help: the last one was %s (%s)",
                              USELESS_MAX, t->state.attempts[0].state,
                              t->state.attempts[0].reason ? t->state.attempts[0].reason : "-");
}

/* Whether a rule is one over findings about the data. */
static int is_about_quality(const struct turn *t, const char *rule)
{
    for (size_t i = 0; i < t->rule_n; i++)
        if (strcmp(t->rules[i].name, rule) == 0)
            return strstr(t->rules[i].text, "quality.") != NULL;
    return 0;
}

/* Such a rule that fires: what comes in is no base for a training. */
static const char *broken_data(struct turn *t)
{
    for (size_t i = 0; i < t->open_n; i++)
        if (is_about_quality(t, t->open[i].rule))
            return arena_printf(t->a, "alert %s fires, so the rows are no base for a training",
                                t->open[i].rule);
    return NULL;
}

/* When the last such episode ended; what came before is no base for a training either. */
static int64_t sound_since(const struct turn *t)
{
    int64_t ms = 0;
    for (size_t i = 0; i < t->past_n; i++)
        if (is_about_quality(t, t->past[i].rule) && strcmp(t->past[i].version, t->version) == 0)
            ms = MAX(ms, t->past[i].ended_ms);
    return ms;
}

/* Why nothing may start now whatever the trigger, or NULL. */
static const char *barred(struct turn *t, const struct loop_trigger *g)
{
    if (t->state.frozen)
        return arena_printf(t->a, "frozen by %s: %s", t->state.frozen_by, t->state.frozen_reason);
    if (!t->state.policy.project_dir)
        return "no project to retrain is known: deploy from the project's folder";
    if (t->state.attempt_n && !t->state.attempts[0].ended_ms)
        return arena_printf(t->a, "an attempt is under way (%s)", t->state.attempts[0].state);
    if (t->rollout.id)
        return arena_printf(t->a, "version %lld is being brought in",
                            (long long)t->rollout.candidate);
    const char *why = broken_data(t);
    if (!why)
        why = cooling(t, g);
    return why ? why : over_budget(t);
}

static int start_training(struct turn *t, struct loop_request *rq, struct err *err)
{
    struct err why = ERR_INIT;
    int rc = move_attempt(t, "starting", rq->reason, "trigger.fired", err);
    if (rc || !t->attempt.id)
        return rc;
    int64_t rows = t->attempt.rows;
    rc = t->l->o.retrain(t->l->o.arg, rq, &rows, &why);
    if (rc) {
        t->attempt.run_id = NULL;
        return end_attempt(t, "failed", arena_strdup(t->a, why.msg), err);
    }
    t->attempt.rows = rows;
    t->l->busy = 1;
    return move_attempt(t, "training", rq->reason, "trigger.training", err);
}

static int fire(struct turn *t, const struct loop_trigger *g, const struct alert_row *alert,
                struct loop_request *rq, int64_t labelled, struct err *err)
{
    char id[UUID_TEXT], run_id[HEX32_TEXT];
    uuid7(id);
    hex32(run_id);
    t->attempt = (struct loop_attempt){ .id = arena_strdup(t->a, id),
                                        .endpoint_id = t->row.id,
                                        .project = t->row.project,
                                        .endpoint = t->row.name,
                                        .trigger = g->name,
                                        .alert_id = alert ? alert->id : NULL,
                                        .started_ms = t->now_ms,
                                        .run_id = arena_strdup(t->a, run_id),
                                        .rows = MIN(labelled, t->state.policy.rows) };
    rq->attempt_id = t->attempt.id;
    rq->run_id = t->attempt.run_id;
    rq->project = t->row.project;
    rq->endpoint = t->row.name;
    rq->served = t->served;
    rq->model = t->row.model;
    rq->project_dir = t->state.policy.project_dir;
    rq->rows = t->state.policy.rows;
    rq->min_rows = t->state.policy.min_rows;
    return start_training(t, rq, err);
}

/* *out_fired = 1: an attempt began, so no other trigger may. */
static int ask_trigger(struct turn *t, const struct loop_trigger *g, int *out_fired,
                       struct err *err)
{
    struct loop_request rq = { 0 };
    const struct alert_row *alert = NULL;
    int64_t n = 0;
    const char *why = t->unlogged
                          ? "no inputs are kept to train on: see monitor.log in slipway.yaml"
                          : condition(t, g, &alert, &rq);
    if (!why)
        why = barred(t, g);
    if (!why && (t->reason = flapping(t))) {
        int rc = store_write(t->l->o.store, write_freeze, t, err);
        t->state.frozen = 1; /* for the triggers after this one */
        t->state.frozen_by = "system";
        t->state.frozen_reason = t->reason;
        return rc ? rc : hold(t, g->name, arena_printf(t->a, "frozen: %s", t->reason), err);
    }
    rq.from_ms = MAX(rq.from_ms, sound_since(t));
    if (!why && rq.from_ms >= rq.to_ms)
        why = "no sound rows have come yet";
    if (!why) {
        int rc = t->l->o.labelled(t->l->o.arg, t->served, rq.from_ms, rq.to_ms, &n, err);
        if (rc)
            return rc;
        if (n < t->state.policy.min_rows)
            why = arena_printf(t->a, "fewer than %lld labelled rows since %s",
                               (long long)t->state.policy.min_rows, time_text(t, rq.from_ms));
    }
    int rc = hold(t, g->name, why, err);
    if (rc || why)
        return rc;
    *out_fired = 1;
    return fire(t, g, alert, &rq, n, err);
}

static int turn_one(struct turn *t, struct err *err)
{
    int fired = 0;
    int rc = store_read(t->l->o.store, read_turn, t, err);
    if (!rc && t->state.attempt_n && !t->state.attempts[0].ended_ms)
        rc = follow_attempt(t, err);
    for (size_t i = 0; i < t->state.policy.trigger_n && !rc && !fired; i++)
        rc = ask_trigger(t, &t->state.policy.triggers[i], &fired, err);
    return rc;
}

/* ---- all of them ---- */

static struct known *find_known(struct loop *l, const char *served, const char *model,
                                const char *version)
{
    for (struct known *k = l->known; k; k = k->next)
        if (strcmp(k->served, served) == 0 && strcmp(k->model, model) == 0 &&
            strcmp(k->version, version) == 0)
            return k;
    return NULL;
}

/* What is known of the version that serves; read once. */
static int reference_of(struct turn *t, const struct monitor_reference **out, struct err *err)
{
    struct known *k = find_known(t->l, t->served, t->row.model, t->version);
    struct err why = ERR_INIT;
    if (!k) {
        struct monitor_version v = { t->row.project, t->row.model, t->version };
        k = mem_alloc(sizeof *k);
        arena_init(&k->arena, MIB(64));
        int rc = monitor_reference_load(t->l->o.store, t->l->o.blobs, &k->arena, &v, &k->ref, &why);
        if (rc && rc != ERR_NOT_FOUND) {
            arena_fini(&k->arena);
            mem_free(k);
            return ERR(err, rc, "%s", why.msg);
        }
        k->ref = rc ? NULL : k->ref;
        k->served = arena_strdup(&k->arena, t->served);
        k->model = arena_strdup(&k->arena, t->row.model);
        k->version = arena_strdup(&k->arena, t->version);
        k->next = t->l->known;
        t->l->known = k;
    }
    k->seen = 1;
    *out = k->ref;
    return 0;
}

static void forget_unseen(struct loop *l, int all)
{
    for (struct known **at = &l->known; *at;) {
        struct known *k = *at;
        if (k->seen && !all) {
            k->seen = 0;
            at = &k->next;
        } else {
            *at = k->next;
            arena_fini(&k->arena);
            mem_free(k);
        }
    }
}

static int judge_alerts(struct turn *t, struct err *err)
{
    struct alert_subject s = { .endpoint = t->served,
                               .project = t->row.project,
                               .model = t->row.model,
                               .version = t->version,
                               .window_ms = t->window_ms,
                               .partial = t->rollout.id != NULL };
    int rc = reference_of(t, &s.reference, err);
    return rc ? rc : alert_evaluate(t->l->o.store, &s, t->now_ms, NULL, err);
}

struct all {
    struct arena *a;
    struct endpoint_row *rows;
    struct monitor_settings *settings;
    struct canary_row *rollouts; /* under way; id NULL = none */
    size_t n;
    int64_t newest;
};

static int read_newest(struct tx *tx, void *arg, struct err *err)
{
    return event_newest(tx, &((struct all *)arg)->newest, err);
}

static int read_all(struct tx *tx, void *arg, struct err *err)
{
    struct all *x = arg;
    int rc = endpoint_list(tx, x->a, NULL, &x->rows, &x->n, err);
    x->settings = rc ? NULL : ARENA_TRY_ARRAY(x->a, x->n + 1, struct monitor_settings);
    x->rollouts = rc ? NULL : ARENA_TRY_ARRAY(x->a, x->n + 1, struct canary_row);
    if (!rc && (!x->settings || !x->rollouts))
        rc = ERR(err, ERR_NOMEM, "not enough memory for %zu endpoints", x->n);
    for (size_t i = 0; i < x->n && !rc; i++)
        rc = monitor_settings_get(tx, x->a,
                                  follow_served_name(x->a, x->rows[i].project, x->rows[i].name),
                                  &x->settings[i], NULL, err);
    for (size_t i = 0; i < x->n && !rc; i++)
        rc = canary_active(tx, x->a, x->rows[i].id, &x->rollouts[i], err);
    return rc;
}

/* One endpoint in an arena of its own: what it needs does not add up over all of them. */
static int turn_endpoint(struct loop *l, const struct all *x, size_t i, int64_t now_ms,
                         struct err *err)
{
    struct arena a;
    arena_init(&a, MIB(256));
    struct turn t = { .l = l,
                      .a = &a,
                      .now_ms = now_ms,
                      .row = x->rows[i],
                      .rollout = x->rollouts[i],
                      .window_ms = x->settings[i].window_ms };
    t.served = follow_served_name(&a, t.row.project, t.row.name);
    t.version = arena_printf(&a, "%lld", (long long)t.row.version);
    int rc = judge_alerts(&t, err);
    if (!rc)
        rc = turn_one(&t, err);
    arena_fini(&a);
    return rc;
}

int loop_tick(struct loop *l, int64_t now_ms, struct err *err)
{
    struct arena a;
    struct all x = { .a = &a };
    arena_init(&a, MIB(64));
    lock_take(&l->tick_lock);
    int rc = store_read(l->o.store, read_newest, &x, err);
    int due = x.newest != l->seen || l->busy || now_ms - l->turned_ms >= IDLE_TURN_MS ||
              now_ms < l->turned_ms;
    if (!rc && due)
        rc = store_read(l->o.store, read_all, &x, err);
    int known = rc == 0;
    l->busy = !known;
    for (size_t i = 0; known && i < x.n; i++) { /* one that fails does not stop the others */
        struct err one = ERR_INIT;
        int bad = turn_endpoint(l, &x, i, now_ms, &one);
        if (bad && !rc)
            rc = ERR(err, bad, "endpoint '%s': %s", x.rows[i].name, one.msg);
        l->busy |= bad != 0;
    }
    if (due && known) {
        forget_unseen(l, 0);
        l->seen = x.newest;
        l->turned_ms = now_ms;
    }
    lock_drop(&l->tick_lock);
    arena_fini(&a);
    return rc;
}

static void turn_all(void *arg)
{
    IGNORE(loop_tick(arg, clock_now_ms(), NULL));
}

int loop_open(struct loop **out, const struct loop_options *options, struct err *err)
{
    struct loop *l = mem_try_alloc(1, sizeof *l);
    if (!l)
        return ERR(err, ERR_NOMEM, "not enough memory for the loop");
    l->o = *options;
    l->seen = -1;
    lock_init(&l->tick_lock, "loop", TICK_RANK);
    ticker_init(&l->ticker, "loop", WAKE_RANK, turn_all, l);
    *out = l;
    return 0;
}

void loop_close(struct loop *l)
{
    if (!l)
        return;
    ticker_fini(&l->ticker);
    forget_unseen(l, 1);
    lock_fini(&l->tick_lock);
    mem_free(l);
}

int loop_thread_start(struct loop *l, struct err *err)
{
    return ticker_start(&l->ticker, TICK_MS, err);
}
