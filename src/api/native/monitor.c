/* SPDX-License-Identifier: Apache-2.0
 * /api/v1/endpoints/{name}/monitor: what the monitor knows. Windows come from their rows, a
 * feature's verdict is computed again from the counts of its window. Worker threads. */
#include <math.h>

#include "api/app.h"
#include "api/native/handler.h"
#include "api/tables.h"
#include "base/clock.h"
#include "base/limits.h"
#include "monitor/monitor.h"
#include "rollout/endpoint.h"
#include "rollout/follow.h"

enum { WINDOWS_DEFAULT = 1000, WINDOWS_MAX = 20000, RECENT = 12, REFERENCES_MAX = 32 };

/* What every handler here starts with. */
struct asked {
    struct request *rq;
    struct endpoint_row row;
    const char *served;
    struct monitor_settings settings;
    const char *settings_json;
    struct monitor_window_query query;
    struct monitor_window *windows;
    size_t n;
};

static int read_asked(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    struct asked *q = arg;
    struct arena *a = &rq->arena;
    int rc = endpoint_get(tx, a, handler_project(rq), handler_param(rq, "name"), &q->row, err);
    if (rc)
        return rc;
    q->served = follow_served_name(a, q->row.project, q->row.name);
    q->query.endpoint = q->served;
    rc = monitor_settings_get(tx, a, q->served, &q->settings, &q->settings_json, err);
    return rc || !q->query.limit ? rc
                                 : monitor_window_list(tx, a, &q->query, &q->windows, &q->n, err);
}

static int time_query(struct request *rq, const char *name, int64_t *out, struct err *err)
{
    const char *text = handler_query(rq, name);
    if (!text)
        return 0;
    if (request_query_int(rq, name, 0, 0, INT64_MAX, NULL) > 0) {
        *out = request_query_int(rq, name, 0, 0, INT64_MAX, NULL);
        return 0;
    }
    return clock_parse(str_of(text), out) == 0 || strcmp(text, "0") == 0
               ? 0
               : ERR(err, ERR_INVALID, "'%s' must be milliseconds since 1970 or RFC 3339", name);
}

/* Windows between ?from and ?to, the newest ?limit of them, oldest first. */
static int ask_windows(struct request *rq, struct asked *q, int with_states, int64_t limit,
                       struct err *err)
{
    struct err bad = ERR_INIT;
    const char *levels = handler_query(rq, "levels");
    int scored = handler_query(rq, "feature") || (levels && strcmp(levels, "true") == 0);
    *q = (struct asked){ .rq = rq,
                         .query = { .newest_first = 1,
                                    .with_states = with_states,
                                    .with_levels = with_states && scored } };
    q->query.limit = request_query_int(rq, "limit", limit, 1, WINDOWS_MAX, &bad);
    if (bad.code)
        return ERR(err, bad.code, "%s", bad.msg);
    int rc = time_query(rq, "from", &q->query.from_ms, err);
    if (!rc)
        rc = time_query(rq, "to", &q->query.to_ms, err);
    if (!rc)
        rc = handler_read(rq, read_asked, q, err);
    for (size_t i = 0; !rc && i < q->n / 2; i++) {
        struct monitor_window swap = q->windows[i];
        q->windows[i] = q->windows[q->n - 1 - i];
        q->windows[q->n - 1 - i] = swap;
    }
    return rc;
}

static int reference_of(struct asked *q, const char *model, const char *version,
                        struct monitor_reference **out, struct err *err)
{
    struct monitor_version v = { q->row.project, model, version };
    struct app *app = app_of(q->rq);
    return monitor_reference_load(app->store, app->blobs, &q->rq->arena, &v, out, err);
}

/* ---- pieces of answers ---- */

static void write_realised(struct json_out *o, const struct monitor_realised *r)
{
    jo_kv_int(o, "n", (int64_t)r->n);
    jo_kv_int(o, "labelled", (int64_t)r->labelled);
    jo_kv_double(o, "coverage", r->n ? (double)r->labelled / (double)r->n : NAN);
    jo_kv_double(o, "rmse", r->rmse);
    jo_kv_double(o, "rmse_low", r->low);
    jo_kv_double(o, "rmse_high", r->high);
    jo_kv_double(o, "mae", r->mae);
    jo_kv_double(o, "bias", r->bias);
}

static void write_key(struct json_out *o, const struct monitor_window *w)
{
    jo_kv_int(o, "start_ms", w->start_ms);
    jo_kv_int(o, "end_ms", w->end_ms);
    jo_kv_cstr(o, "model", w->model);
    jo_kv_cstr(o, "version", w->version);
}

static void write_window(struct json_out *o, const struct monitor_window *w)
{
    write_key(o, w);
    jo_kv_int(o, "judged_ms", w->judged_ms);
    jo_kv_cstr(o, "state", monitor_state_name(w->state));
    jo_kv_bool(o, "has_reference", w->has_reference);
    jo_kv_int(o, "requests", (int64_t)w->requests);
    jo_kv_int(o, "errors", (int64_t)w->errors);
    jo_kv_int(o, "rows", (int64_t)w->rows);
    jo_kv_int(o, "gap_ms", (int64_t)w->gap_ms);
    jo_kv_int(o, "insufficient", w->insufficient);
    jo_kv_int(o, "ok", w->ok);
    jo_kv_int(o, "warnings", w->warnings);
    jo_kv_int(o, "drifted", w->drifted);
    jo_kv_int(o, "outputs_drifted", w->outputs_drifted);
    jo_kv_int(o, "findings", w->findings);
    jo_kv_int(o, "severe_findings", w->severe);
    jo_kv_double(o, "worst_psi", w->worst_psi);
    jo_kv_double(o, "output_psi", w->output_psi);
    jo_kv_double(o, "prediction_mean", w->prediction_mean);
    jo_key(o, "realised");
    jo_object(o);
    write_realised(o, &w->realised);
    jo_object_end(o);
}

static int same_version(const struct monitor_window *a, const struct monitor_window *b)
{
    return strcmp(a->model, b->model) == 0 && strcmp(a->version, b->version) == 0;
}

/* One letter a feature: insufficient, ok, warning, drifted. */
static void write_states(struct request *rq, struct json_out *o, const struct monitor_window *w)
{
    static const char letters[] = "iowd";
    char *text = arena_try_alloc(&rq->arena, w->features_n + 1, 1);
    for (size_t i = 0; text && i < w->features_n; i++)
        text[i] = letters[w->states[i] & 3];
    jo_kv_str(o, "states", (str_t){ text ? text : "", text ? w->features_n : 0 });
}

/* One digit of base 36 a feature: score / threshold in tenths, "z" = 3.5 or more; "-" = none. */
static void write_levels(struct request *rq, struct json_out *o, const struct monitor_window *w)
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    char *text = arena_try_alloc(&rq->arena, w->features_n + 1, 1);
    for (size_t i = 0; text && i < w->features_n; i++) {
        double tenths = (double)w->levels[i] * 10;
        text[i] = tenths >= 0 ? digits[(int)MIN(tenths, 35.0)] : '-';
    }
    jo_kv_str(o, "levels", (str_t){ text ? text : "", text ? w->features_n : 0 });
}

/* ---- GET …/monitor ---- */

/* After the last three windows of the version that the newest one is of. */
static enum monitor_state streak_of(const struct asked *q)
{
    enum monitor_state worst = MONITOR_INSUFFICIENT, one[3];
    const struct monitor_window *newest = q->n ? &q->windows[q->n - 1] : NULL, *last[3];
    size_t n = 0;
    for (size_t i = q->n; newest && i > 0 && n < 3; i--)
        if (same_version(&q->windows[i - 1], newest) &&
            q->windows[i - 1].features_n == newest->features_n)
            last[n++] = &q->windows[i - 1];
    for (size_t f = 0; newest && f < newest->features_n; f++) {
        for (size_t k = 0; k < n; k++)
            one[k] = (enum monitor_state)last[k]->states[f];
        worst = MAX(worst, monitor_streak(one, n));
    }
    return worst;
}

static void write_status(struct json_out *o, const struct monitor_status *st)
{
    jo_kv_int(o, "window_ms", st->window_ms);
    jo_kv_int(o, "last_turn_ms", st->last_tick_ms);
    jo_kv_cstr(o, "problem", st->problem[0] ? st->problem : NULL);
    jo_key(o, "open");
    jo_object(o);
    jo_kv_int(o, "start_ms", st->open_start_ms);
    jo_kv_int(o, "rows", (int64_t)st->open_rows);
    jo_object_end(o);
    jo_key(o, "log");
    jo_object(o);
    jo_kv_int(o, "predictions", (int64_t)st->predictions);
    jo_kv_int(o, "dropped", (int64_t)st->dropped);
    jo_kv_int(o, "uncounted_rows", (int64_t)st->skipped);
    jo_kv_int(o, "from_ms", st->predictions_from_ms);
    jo_kv_int(o, "lost_bytes", (int64_t)st->lost_bytes);
    jo_kv_int(o, "labels", (int64_t)st->labels);
    jo_kv_int(o, "labels_unknown", (int64_t)st->labels_unknown);
    jo_object_end(o);
}

static void write_reference(struct json_out *o, const struct monitor_reference *ref)
{
    jo_key(o, "reference");
    if (!ref) {
        jo_null(o);
        return;
    }
    const struct monitor_performance *p = &ref->performance;
    jo_object(o);
    jo_kv_int(o, "rows", (int64_t)ref->rows);
    jo_kv_int(o, "features", (int64_t)ref->n);
    jo_kv_int(o, "n", (int64_t)p->n);
    jo_kv_double(o, "rmse", p->n ? p->rmse : NAN);
    jo_kv_double(o, "rmse_low", p->n ? p->rmse_low : NAN);
    jo_kv_double(o, "rmse_high", p->n ? p->rmse_high : NAN);
    jo_kv_double(o, "mae", p->n ? p->mae : NAN);
    jo_kv_double(o, "bias", p->n ? p->bias : NAN);
    jo_object_end(o);
}

static int answer_status(struct request *rq, struct err *err)
{
    struct asked q = { .rq = rq };
    struct monitor_status st = { 0 };
    struct monitor_reference *ref = NULL;
    struct json_out o;
    int rc = ask_windows(rq, &q, 1, RECENT, err);
    if (rc)
        return rc;
    const char *version = arena_printf(&rq->arena, "%lld", (long long)q.row.version);
    IGNORE(reference_of(&q, q.row.model, version, &ref, NULL));
    if (app_of(rq)->monitor)
        monitor_status_get(app_of(rq)->monitor, q.served, &st);
    st.window_ms = q.settings.window_ms;
    route_json(rq, &o);
    jo_object(&o);
    jo_kv_cstr(&o, "endpoint", q.row.name);
    jo_kv_cstr(&o, "model", q.row.model);
    jo_kv_cstr(&o, "version", version);
    jo_kv_cstr(&o, "state", monitor_state_name(streak_of(&q)));
    write_reference(&o, ref);
    write_status(&o, &st);
    jo_key(&o, "newest");
    if (q.n) {
        jo_object(&o);
        write_window(&o, &q.windows[q.n - 1]);
        jo_object_end(&o);
    } else {
        jo_null(&o);
    }
    jo_kv_raw(&o, "settings", str_of(q.settings_json ? q.settings_json : "{}"));
    jo_object_end(&o);
    return 0;
}

static int put_settings(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    struct asked *q = arg;
    struct cause by = handler_cause(rq, NULL);
    const char *json = arena_strndup(&rq->arena, rq->body.p, rq->body.n);
    int rc = read_asked(tx, rq, q, err);
    return rc ? rc : monitor_settings_set(tx, &by, q->served, json, err);
}

static int put_status(struct request *rq, struct err *err)
{
    struct asked q = { .rq = rq };
    int rc = handler_write(rq, put_settings, &q, err);
    return rc ? rc : answer_status(rq, err);
}

/* ---- GET …/monitor/windows ---- */

static void write_features(struct asked *q, struct json_out *o)
{
    const struct monitor_window *seen[REFERENCES_MAX];
    size_t n = 0;
    jo_key(o, "versions");
    jo_array(o);
    for (size_t i = q->n; i > 0 && n < REFERENCES_MAX; i--) {
        const struct monitor_window *w = &q->windows[i - 1];
        struct monitor_reference *ref = NULL;
        size_t k = 0;
        while (k < n && !same_version(seen[k], w))
            k++;
        if (k < n)
            continue;
        seen[n++] = w;
        jo_object(o);
        jo_kv_cstr(o, "model", w->model);
        jo_kv_cstr(o, "version", w->version);
        jo_key(o, "features");
        jo_array(o);
        IGNORE(reference_of(q, w->model, w->version, &ref, NULL));
        for (size_t f = 0; ref && f < ref->n; f++) {
            jo_object(o);
            jo_kv_str(o, "name", ref->features[f].name);
            jo_kv_cstr(o, "kind", ref->features[f].kind == MONITOR_NUMBER ? "number" : "category");
            jo_kv_bool(o, "output", ref->features[f].output);
            jo_object_end(o);
        }
        jo_array_end(o);
        jo_object_end(o);
    }
    jo_array_end(o);
}

/* Index of a feature in the windows of each version changes with the version; SIZE_MAX = absent. */
struct series {
    const char *name;
    const struct monitor_window *of;
    size_t index;
};

static void write_series(struct asked *q, struct json_out *o, struct series *s,
                         const struct monitor_window *w)
{
    struct monitor_reference *ref = NULL;
    if (!s->of || !same_version(s->of, w)) {
        s->of = w;
        s->index = SIZE_MAX;
        IGNORE(reference_of(q, w->model, w->version, &ref, NULL));
        for (size_t f = 0; ref && f < ref->n && s->index == SIZE_MAX; f++)
            if (str_is(ref->features[f].name, s->name))
                s->index = f;
    }
    if (s->index >= w->features_n) {
        jo_kv_cstr(o, "feature_state", NULL);
        return;
    }
    jo_kv_cstr(o, "feature_state", monitor_state_name((enum monitor_state)w->states[s->index]));
    jo_kv_double(o, "score", (double)w->scores[s->index]);
    jo_kv_double(o, "level", (double)w->levels[s->index]);
}

static int get_windows(struct request *rq, struct err *err)
{
    struct asked q;
    struct json_out o;
    struct series s = { .name = handler_query(rq, "feature"), .index = SIZE_MAX };
    int rc = ask_windows(rq, &q, 1, WINDOWS_DEFAULT, err);
    if (rc)
        return rc;
    route_json(rq, &o);
    jo_object(&o);
    jo_kv_int(&o, "window_ms", q.settings.window_ms);
    write_features(&q, &o);
    jo_key(&o, "windows");
    jo_array(&o);
    for (size_t i = 0; i < q.n; i++) {
        jo_object(&o);
        write_window(&o, &q.windows[i]);
        if (s.name)
            write_series(&q, &o, &s, &q.windows[i]);
        else
            write_states(rq, &o, &q.windows[i]);
        if (!s.name && q.query.with_levels)
            write_levels(rq, &o, &q.windows[i]);
        jo_object_end(&o);
    }
    jo_array_end(&o);
    jo_object_end(&o);
    return 0;
}

/* ---- GET …/monitor/features/{feature} ---- */

/* One window, judged again. */
struct look {
    struct asked q;
    const struct monitor_window *w;
    str_t packed;
    struct monitor_reference *ref;
    struct monitor_counts counts;
    struct monitor_verdict verdict;
};

static int read_counts(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    struct look *l = arg;
    return monitor_window_counts(tx, &rq->arena, l->w, &l->packed, err);
}

/* The newest window, or the one that starts at ?at; ?version chooses among several. */
static int choose_window(struct request *rq, struct look *l, struct err *err)
{
    int64_t at = -1;
    const char *version = handler_query(rq, "version");
    int rc = time_query(rq, "at", &at, err);
    for (size_t i = l->q.n; !rc && i > 0 && !l->w; i--) {
        const struct monitor_window *w = &l->q.windows[i - 1];
        if ((at < 0 || w->start_ms == at) && (!version || strcmp(w->version, version) == 0) &&
            w->has_reference)
            l->w = w;
    }
    return rc || l->w ? rc
                      : ERR(err, ERR_NOT_FOUND, "endpoint '%s' has no judged window there yet",
                            l->q.row.name);
}

static int judge_window(struct request *rq, struct look *l, struct err *err)
{
    struct arena *a = &rq->arena;
    struct monitor_policy policy = l->q.settings.policy;
    int rc = handler_read(rq, read_counts, l, err);
    if (!rc)
        rc = reference_of(&l->q, l->w->model, l->w->version, &l->ref, err);
    if (!rc)
        rc = monitor_counts_unpack(a, l->ref, l->packed, &l->counts, err);
    if (rc)
        return rc;
    l->counts.start_ms = l->w->start_ms;
    l->counts.end_ms = l->w->end_ms;
    policy.quality.now_ms = l->w->end_ms;
    return monitor_judge(a, l->ref, &l->counts, &policy, &l->verdict, err);
}

static void write_counts(struct json_out *o, const char *key, const uint64_t *counts, size_t n)
{
    jo_key(o, key);
    jo_array(o);
    for (size_t i = 0; i < n; i++)
        jo_int(o, (int64_t)counts[i]);
    jo_array_end(o);
}

static void write_shape(struct json_out *o, const struct monitor_feature *f)
{
    jo_kv_str(o, "name", f->name);
    jo_kv_cstr(o, "kind", f->kind == MONITOR_NUMBER ? "number" : "category");
    jo_kv_bool(o, "output", f->output);
    jo_key(o, "edges");
    jo_array(o);
    for (size_t i = 0; i < f->n_edges; i++)
        jo_double(o, f->edges[i]);
    jo_array_end(o);
    jo_key(o, "names");
    jo_array(o);
    for (size_t i = 0; i < f->n_names; i++)
        jo_str(o, f->names[i]);
    jo_array_end(o);
    jo_key(o, "reference");
    jo_object(o);
    write_counts(o, "counts", f->counts, f->n_cells);
    jo_kv_int(o, "n", (int64_t)f->n);
    jo_kv_int(o, "missing", (int64_t)f->missing);
    jo_kv_double(o, "mean", f->mean);
    jo_kv_double(o, "sd", f->sd);
    jo_kv_double(o, "min", f->min);
    jo_kv_double(o, "max", f->max);
    jo_object_end(o);
}

static void write_tests(struct json_out *o, const struct monitor_feature_verdict *v)
{
    jo_key(o, "tests");
    jo_object(o);
    for (size_t m = 0; m < MONITOR_METHODS; m++) {
        const struct monitor_test *t = &v->tests[m];
        if (isnan(t->statistic) && isnan(t->p))
            continue;
        jo_key(o, monitor_method_name((enum monitor_method)m));
        jo_object(o);
        jo_kv_cstr(o, "state", monitor_state_name(t->state));
        jo_kv_double(o, "statistic", t->statistic);
        jo_kv_double(o, "threshold", t->threshold);
        jo_kv_double(o, "p", t->p);
        jo_kv_double(o, "p_adjusted", t->p_adjusted);
        jo_kv_double(o, "effect", t->effect);
        jo_kv_int(o, "cells", t->cells);
        jo_object_end(o);
    }
    jo_object_end(o);
}

static void write_feature(struct json_out *o, const struct look *l, size_t i)
{
    const struct monitor_feature *f = &l->ref->features[i];
    const struct monitor_cells *c = &l->counts.features[i];
    const struct monitor_feature_verdict *v = &l->verdict.features[i];
    write_shape(o, f);
    jo_key(o, "window");
    jo_object(o);
    write_key(o, l->w);
    write_counts(o, "counts", c->cells, f->n_cells);
    jo_kv_int(o, "n", (int64_t)v->n);
    jo_kv_int(o, "missing", (int64_t)c->missing);
    jo_kv_int(o, "bad", (int64_t)c->bad);
    jo_kv_double(o, "mean", v->mean);
    jo_kv_double(o, "missing_ratio", v->missing_ratio);
    jo_kv_double(o, "out_of_range", v->out_of_range);
    jo_kv_double(o, "unseen", v->unseen);
    jo_object_end(o);
    jo_kv_cstr(o, "state", monitor_state_name(v->state));
    jo_kv_cstr(o, "method", monitor_method_name(v->method));
    write_tests(o, v);
    jo_key(o, "findings");
    jo_array(o);
    for (size_t k = 0; k < l->verdict.findings_n; k++)
        if (l->verdict.findings[k].feature == (int64_t)i)
            jo_cstr(o, l->verdict.findings[k].message);
    jo_array_end(o);
}

static int find_feature(struct request *rq, const struct look *l, size_t *out, struct err *err)
{
    str_t name = request_param(rq, "feature");
    const char **names = ARENA_TRY_ARRAY(&rq->arena, l->ref->n + 1, const char *);
    for (size_t i = 0; names && i < l->ref->n; i++) {
        const struct monitor_feature *f = &l->ref->features[i];
        if (str_eq(f->name, name)) {
            *out = i;
            return 0;
        }
        names[i] = arena_strndup(&rq->arena, f->name.p, f->name.n);
    }
    const char *near = names ? str_nearest(name, names, l->ref->n) : NULL;
    return ERR(err, ERR_NOT_FOUND, "version '%s' has no feature '%.*s'%s%s%s", l->w->version,
               (int)MIN(name.n, (size_t)100), name.p, near ? "; did you mean '" : "",
               near ? near : "", near ? "'?" : "");
}

static int get_feature(struct request *rq, struct err *err)
{
    struct look l = { 0 };
    struct json_out o;
    size_t i = 0;
    int rc = ask_windows(rq, &l.q, 0, WINDOWS_DEFAULT, err);
    if (!rc)
        rc = choose_window(rq, &l, err);
    if (!rc)
        rc = judge_window(rq, &l, err);
    if (!rc)
        rc = find_feature(rq, &l, &i, err);
    if (rc)
        return rc;
    route_json(rq, &o);
    jo_object(&o);
    write_feature(&o, &l, i);
    jo_object_end(&o);
    return 0;
}

/* ---- GET …/monitor/performance ---- */

static int get_performance(struct request *rq, struct err *err)
{
    struct asked q;
    struct json_out o;
    struct monitor_reference *ref = NULL;
    int rc = ask_windows(rq, &q, 0, WINDOWS_DEFAULT, err);
    if (rc)
        return rc;
    IGNORE(reference_of(&q, q.row.model, arena_printf(&rq->arena, "%lld", (long long)q.row.version),
                        &ref, NULL));
    route_json(rq, &o);
    jo_object(&o);
    write_reference(&o, ref);
    jo_key(&o, "windows");
    jo_array(&o);
    for (size_t i = 0; i < q.n; i++) {
        jo_object(&o);
        write_key(&o, &q.windows[i]);
        jo_kv_int(&o, "judged_ms", q.windows[i].judged_ms);
        write_realised(&o, &q.windows[i].realised);
        jo_object_end(&o);
    }
    jo_array_end(&o);
    jo_object_end(&o);
    return 0;
}

/* ---- the table ---- */

#define RANGE                                                                                      \
    "from time_ms|string: Windows that start then or later; milliseconds or RFC 3339.\nto "        \
    "time_ms|string: Windows that start before.\nlimit integer: The newest so many, 1000 unless "  \
    "given, at most 20000."
#define REALISED                                                                                   \
    "n! integer: Predictions of the window in the log.\n  labelled! integer: Of them with a true " \
    "value.\n  coverage! number: labelled / n.\n  rmse! number\n  rmse_low! number: 95 % "         \
    "interval, "                                                                                   \
    "NaN below 30 labels.\n  rmse_high! number\n  mae! number\n  bias! number: Mean of "           \
    "prediction "                                                                                  \
    "minus truth."
#define WINDOW_KEY                                                                                 \
    "start_ms! time_ms: Start.\n  end_ms! time_ms: End, not included.\n  model! string: Model.\n " \
    " version! string: Version that answered."
#define STATUS                                                                                     \
    "endpoint! string: Name.\nmodel! string: Model it serves.\nversion! string: Version it is "    \
    "meant to serve.\nstate! string: After the last three windows: insufficient_data, ok, "        \
    "warning "                                                                                     \
    "or drifted.\nreference! object|null: Rows, features and errors that the version came with.\n" \
    "window_ms! integer: Length of a window.\nlast_turn_ms! time_ms: When the monitor counted "    \
    "last; 0 without a server.\nproblem! string|null: What went wrong then.\nopen! object: The "   \
    "window that is open: start_ms, rows.\nlog! object: Since the server started: predictions "    \
    "kept, dropped, uncounted_rows, labels, labels_unknown; from_ms of the oldest, lost_bytes "    \
    "found damaged.\nnewest! object|null: The newest closed window, as in windows.\nsettings! "    \
    "object: As they were set."

static const struct route routes[] = {
    { "GET", "/api/v1/endpoints/{name}/monitor", "endpoint.read", answer_status, ROUTE_WORKER, 0,
      "What the monitor of an endpoint knows now.", NULL, STATUS, "endpointMonitor" },
    { "PUT", "/api/v1/endpoints/{name}/monitor", "endpoint.write", put_status, ROUTE_WORKER,
      LIMIT_BODY_CONTROL, "Sets how an endpoint is watched; what is left out gets its default.",
      "window string: Length of a window, 1h unless given.\nlog object: What is kept of "
      "predictions.\n  on boolean: Keep them at all.\n  sample number: Share of the requests whose "
      "inputs are kept.\n  inputs boolean: Keep inputs.\n  keep string: How long, 90d.\n  max "
      "string: How much, 4GiB.\nkeep string: How long windows are kept, 1100d.\ndrift object: How "
      "windows are judged.\n  alpha number: Level, 0.05.\n  number string: Deciding test of "
      "numbers, psi.\n  category string: Of categories, chi2.\n  rows_min integer: Fewer rows are "
      "insufficient, 30.\n  floor number|object: Least effect that counts, 0.1; or one a method.",
      STATUS, "endpointMonitorSet" },
    { "GET", "/api/v1/endpoints/{name}/monitor/windows", "endpoint.read", get_windows, ROUTE_WORKER,
      0, "Judged windows, oldest first: the matrix of features and windows.",
      "feature string: The series of this one instead of all states.\nlevels boolean: Also how "
      "near "
      "each feature is to its threshold.\n" RANGE,
      "window_ms! integer: Length of a window.\nversions! [object]: Of the windows.\n  model! "
      "string: Model.\n  version! string: Version.\n  features! [object]: In the order of states: "
      "name, kind, output.\nwindows! [object]: Windows.\n  " WINDOW_KEY
      "\n  judged_ms! time_ms: When it was judged last.\n  state! string: Worst of its features.\n "
      " has_reference! boolean: Whether it could be judged.\n  requests! integer\n  errors! "
      "integer\n  rows! integer\n  gap_ms! integer: Time in it that was not counted.\n  "
      "insufficient! integer: Features by state.\n  ok! integer\n  warnings! integer\n  drifted! "
      "integer\n  outputs_drifted! integer\n  findings! integer: About the data.\n  "
      "severe_findings! integer\n  worst_psi! number\n  output_psi! number\n  prediction_mean! "
      "number\n  realised! object: As in performance.\n  states string: A letter a feature: "
      "insufficient, ok, warning, drifted.\n  levels string: A digit of base 36 a feature: level "
      "in "
      "tenths, z = 3.5 or more, - = none.\n  feature_state string|null: Of the feature asked "
      "for.\n  score number: Statistic of its deciding test.\n  level number: score / threshold.",
      "endpointMonitorWindows" },
    { "GET", "/api/v1/endpoints/{name}/monitor/features/{feature}", "endpoint.read", get_feature,
      ROUTE_WORKER, 0, "One feature in one window: histograms, and every test.",
      "at time_ms|string: Start of the window; the newest unless given.\nversion string: When "
      "several answered in it.\n" RANGE,
      "name! string: Feature.\nkind! string: number or category.\noutput! boolean: A prediction.\n"
      "edges! [number]: Of cells: cell i holds edges[i-1] <= x < edges[i]; the first and last cell "
      "are out of range.\nnames! [string]: Of categories; the last cell is every other value.\n"
      "reference! object: counts, n, missing, mean, sd, min, max.\nwindow! object: counts, n, "
      "missing, bad, mean, missing_ratio, out_of_range, unseen.\nstate! string: Verdict.\nmethod! "
      "string: Test that decides.\ntests! object: By method: state, statistic, threshold, p, "
      "p_adjusted, effect, cells.\nfindings! [string]: About its data.",
      "endpointMonitorFeature" },
    { "GET", "/api/v1/endpoints/{name}/monitor/performance", "endpoint.read", get_performance,
      ROUTE_WORKER, 0, "How good predictions were, window by window, as far as labels are there.",
      RANGE,
      "reference! object|null: Errors in the test part of the version that serves.\nwindows! "
      "[object]: Oldest first.\n  " WINDOW_KEY
      "\n  judged_ms! time_ms: When labels changed it last.\n  " REALISED,
      "endpointMonitorPerformance" },
};

const struct route_table monitor_routes = { "monitor", routes, ARRAY_LEN(routes),
                                            route_error_native };
