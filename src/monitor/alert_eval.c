/* SPDX-License-Identifier: Apache-2.0
 * Bringing the rules of an endpoint in line with its windows: read, decide, and write only what
 * moved. The write looks again at the states that the decision rests on, so that two evaluations at
 * once tell of a change once. */
#include <math.h>
#include <stdio.h>

#include "base/rng.h"
#include "monitor/alert_int.h"

enum { FEATURES_TOLD = 50, FIRST_LOOK = 4 };

/* One rule on its way. */
struct decided {
    const struct alert_rule *rule;
    struct alert_now before, after;
    int64_t first_ms; /* start of the oldest window of the newest few that holds */
    int moved;        /* state, version or deciding window */
};

struct job {
    const struct alert_subject *subject;
    struct arena *a;
    int64_t now_ms;
    struct alert_rule *rules;
    struct monitor_window *windows; /* newest first, of the version that serves */
    struct alert_now *states;
    struct decided *list;
    size_t rule_n, window_n, state_n, moved, told;
    const char *features; /* those that drifted in the newest window that has some: JSON array */
};

/* Where an expression gets its values from. */
struct window_values {
    const struct monitor_window *window;
    const struct monitor_performance *reference;
    int partial;
};

/* Findings about the data and counts, which mean nothing of a part of the traffic. */
static int is_about_counts(const char *name)
{
    return strncmp(name, "quality.", 8) == 0 || strcmp(name, "rows") == 0 ||
           strcmp(name, "requests") == 0;
}

static double value_of(void *arg, const char *entity, const char *name, int *out_null)
{
    const struct window_values *v = arg;
    char full[120];
    (void)snprintf(full, sizeof full, "%s%s%s", entity, entity[0] ? "." : "", name);
    double d =
        v->partial && is_about_counts(full) ? NAN : alert_value_of(v->window, v->reference, full);
    *out_null = isnan(d);
    return d;
}

/* ---- reading ---- */

/* Names of the features that drifted in a window, as a JSON array; NULL when there are none. */
static const char *drifted_names(struct arena *a, const struct monitor_reference *ref,
                                 const struct monitor_window *w)
{
    struct json_out o;
    struct buf b;
    size_t n = 0;
    if (!ref || !w->states || w->features_n != ref->n)
        return NULL;
    buf_init(&b, KIB(64));
    json_out_init(&o, &b);
    jo_array(&o);
    for (size_t i = 0; i < ref->n && n < FEATURES_TOLD; i++) {
        if (w->states[i] == MONITOR_DRIFTED) {
            jo_str(&o, ref->features[i].name);
            n++;
        }
    }
    jo_array_end(&o);
    const char *text = n && !b.failed ? arena_strndup(a, b.p, b.n) : NULL;
    buf_fini(&b);
    return text;
}

static int read_all(struct tx *tx, void *arg, struct err *err)
{
    struct job *j = arg;
    const struct alert_subject *s = j->subject;
    struct monitor_window_query q = { .endpoint = s->endpoint,
                                      .model = s->model,
                                      .version = s->version,
                                      .newest_first = 1,
                                      .limit = ALERT_WINDOWS,
                                      .with_levels = 1 };
    int rc = alert_rules_get(tx, j->a, s->endpoint, &j->rules, &j->rule_n, err);
    if (!rc)
        rc = monitor_window_list(tx, j->a, &q, &j->windows, &j->window_n, err);
    if (!rc)
        rc = alert_now_list(tx, j->a, s->endpoint, &j->states, &j->state_n, err);
    for (size_t i = 0; i < j->window_n && i < 3 && !j->features; i++)
        j->features = drifted_names(j->a, s->reference, &j->windows[i]);
    return rc;
}

/* ---- deciding ---- */

static const struct alert_now *state_of(const struct job *j, const char *rule)
{
    for (size_t i = 0; i < j->state_n; i++)
        if (strcmp(j->states[i].rule, rule) == 0)
            return &j->states[i];
    return NULL;
}

static int ask_windows(struct job *j, struct decided *d, signed char outcomes[ALERT_WINDOWS],
                       struct err *err)
{
    const struct monitor_reference *ref = j->subject->reference;
    const struct monitor_performance *performance = ref ? &ref->performance : NULL;
    for (size_t i = 0; i < j->window_n; i++) {
        struct window_values v = { &j->windows[i], performance, j->subject->partial };
        struct condition_source from = { value_of, &v, NULL };
        struct condition_outcome out;
        int rc = condition_evaluate(j->a, d->rule->expr, &from, &out, err);
        if (rc)
            return rc;
        outcomes[i] = (signed char)out.passed;
        if (out.passed == 1 && i < FIRST_LOOK)
            d->first_ms = v.window->start_ms;
        if (out.passed >= 0 && !d->after.window_ms) {
            d->after.window_ms = v.window->start_ms;
            d->after.message = out.message;
        }
        if (i == 0 && out.passed < 0)
            d->after.message = out.message;
    }
    return 0;
}

static int decide(struct job *j, struct decided *d, struct err *err)
{
    signed char outcomes[ALERT_WINDOWS];
    const struct alert_subject *s = j->subject;
    const struct alert_now *had = state_of(j, d->rule->name);
    d->before = had ? *had
                    : (struct alert_now){ .endpoint = s->endpoint,
                                          .rule = d->rule->name,
                                          .state = ALERT_INSUFFICIENT };
    int same = had && strcmp(had->model, s->model) == 0 && strcmp(had->version, s->version) == 0;
    d->after = (struct alert_now){ .endpoint = s->endpoint,
                                   .rule = d->rule->name,
                                   .since_ms = d->before.since_ms,
                                   .model = s->model,
                                   .version = s->version,
                                   .message = "no window has been judged yet" };
    int rc = ask_windows(j, d, outcomes, err);
    enum alert_state before = same ? d->before.state : ALERT_INSUFFICIENT;
    d->after.state = alert_next(d->rule, s->window_ms, before, outcomes, j->window_n);
    if (d->before.alert_id && !same) { /* another version serves: its past is not this one's */
        d->after.state = ALERT_RESOLVED;
        d->after.message =
            arena_printf(j->a, "version %s serves instead of %s", s->version, d->before.version);
    }
    if (d->before.state == ALERT_RESOLVED && d->after.window_ms == d->before.window_ms && same)
        d->after.state = ALERT_RESOLVED; /* nothing new was seen */
    int open = d->after.state == ALERT_FIRING || d->after.state == ALERT_ACKNOWLEDGED;
    d->after.alert_id = open ? d->before.alert_id : NULL;
    if (d->after.state != d->before.state)
        d->after.since_ms = j->now_ms;
    d->moved = !had || !same || d->after.state != d->before.state ||
               d->after.window_ms != d->before.window_ms ||
               strcmp(d->after.message, d->before.message ? d->before.message : "") != 0;
    j->moved += d->moved;
    return rc;
}

/* ---- writing ---- */

static int is_silenced(struct tx *tx, struct job *j, const char *rule, int *out, struct err *err)
{
    struct alert_silence *list = NULL;
    size_t n = 0;
    int rc = alert_silence_list(tx, j->a, j->subject->endpoint, j->now_ms, &list, &n, err);
    *out = 0;
    for (size_t i = 0; i < n; i++)
        *out |= !list[i].rule || strcmp(list[i].rule, rule) == 0;
    return rc;
}

static int begin_episode(struct tx *tx, struct job *j, struct decided *d, struct err *err)
{
    const struct alert_rule *rule = d->rule;
    const struct cause by = { .project = j->subject->project };
    char id[UUID_TEXT];
    uuid7(id);
    d->after.alert_id = arena_strdup(j->a, id);
    struct alert_row r = { .id = d->after.alert_id,
                           .endpoint = d->after.endpoint,
                           .rule = rule->name,
                           .severity = rule->severity,
                           .state = ALERT_FIRING,
                           .model = d->after.model,
                           .version = d->after.version,
                           .started_ms = j->now_ms,
                           .updated_ms = j->now_ms,
                           .window_ms = d->first_ms ? d->first_ms : d->after.window_ms,
                           .summary = rule->summary,
                           .message = d->after.message,
                           .labels = rule->labels,
                           .annotations = rule->annotations,
                           .features = strstr(rule->text, "drift") || strstr(rule->text, "psi")
                                           ? j->features
                                           : NULL };
    int rc = is_silenced(tx, j, rule->name, &r.silenced, err);
    if (!rc)
        rc = alert__insert(tx, &r, err);
    return rc ? rc : alert__tell(tx, j->a, &by, "alert.firing", &r, err);
}

static int end_episode(struct tx *tx, struct job *j, struct decided *d, struct err *err)
{
    struct alert_row r;
    const struct cause by = { .project = j->subject->project };
    int rc = alert_get(tx, j->a, d->before.alert_id, &r, err);
    if (rc)
        return rc == ERR_NOT_FOUND ? 0 : rc;
    r.message = d->after.message;
    rc = alert__end(tx, r.id, j->now_ms, r.message, err);
    return rc ? rc : alert__tell(tx, j->a, &by, "alert.resolved", &r, err);
}

/* Whether the rule is still in the state that the decision began from. */
static int unchanged(const struct job *j, const struct decided *d)
{
    const struct alert_now *now = state_of(j, d->rule->name);
    const char *id = now && now->alert_id ? now->alert_id : "";
    return (now ? now->state : ALERT_INSUFFICIENT) == d->before.state &&
           strcmp(id, d->before.alert_id ? d->before.alert_id : "") == 0;
}

static int drop_orphans(struct tx *tx, struct job *j, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; i < j->state_n && !rc; i++) {
        int kept = 0;
        for (size_t k = 0; k < j->rule_n && !kept; k++)
            kept = strcmp(j->states[i].rule, j->rules[k].name) == 0;
        if (kept)
            continue;
        struct decided d = { .before = j->states[i], .after = j->states[i] };
        d.after.message = "the rule was removed";
        if (d.before.alert_id)
            rc = end_episode(tx, j, &d, err);
        if (!rc)
            rc = alert__state_drop(tx, j->subject->endpoint, j->states[i].rule, err);
    }
    return rc;
}

static int write_all(struct tx *tx, void *arg, struct err *err)
{
    struct job *j = arg;
    int rc = alert_now_list(tx, j->a, j->subject->endpoint, &j->states, &j->state_n, err);
    for (size_t i = 0; i < j->rule_n && !rc; i++) {
        struct decided *d = &j->list[i];
        if (!d->moved || !unchanged(j, d))
            continue;
        if (d->before.alert_id && !d->after.alert_id)
            rc = end_episode(tx, j, d, err);
        if (!rc && d->after.state == ALERT_FIRING && !d->after.alert_id)
            rc = begin_episode(tx, j, d, err);
        if (!rc)
            rc = alert__state_put(tx, &d->after, err);
        j->told += d->after.state != d->before.state;
    }
    return rc ? rc : drop_orphans(tx, j, err);
}

static int has_orphans(const struct job *j)
{
    size_t known = 0;
    for (size_t i = 0; i < j->rule_n; i++)
        known += state_of(j, j->rules[i].name) != NULL;
    return known < j->state_n;
}

int alert_evaluate(struct store *s, const struct alert_subject *subject, int64_t now_ms,
                   size_t *out_changes, struct err *err)
{
    struct arena a;
    struct job j = { .subject = subject, .a = &a, .now_ms = now_ms };
    arena_init(&a, MIB(64));
    int rc = store_read(s, read_all, &j, err);
    j.list = rc ? NULL : ARENA_TRY_ARRAY(&a, j.rule_n + 1, struct decided);
    if (!rc && !j.list)
        rc = ERR(err, ERR_NOMEM, "not enough memory for the alerts of '%s'", subject->endpoint);
    for (size_t i = 0; i < j.rule_n && !rc; i++) {
        j.list[i].rule = &j.rules[i];
        rc = decide(&j, &j.list[i], err);
    }
    if (!rc && (j.moved || has_orphans(&j)))
        rc = store_write(s, write_all, &j, err);
    if (out_changes)
        *out_changes = j.told;
    arena_fini(&a);
    return rc;
}
