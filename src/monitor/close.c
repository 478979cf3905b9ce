/* SPDX-License-Identifier: Apache-2.0
 * Windows that ended are judged, joined with the labels that are there already, written in one
 * transaction and told of; windows whose labels came later get new realised figures. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/num.h"
#include "monitor/monitor_int.h"
#include "store/rows.h"

enum { BEFORE = 7, BATCH = 200, APPLIED_SLACK_MS = 60000, REJOIN_NS = 500000000 };

/* ---- what waits ---- */

struct monitor_ended *monitor__ended_new(const struct monitor_ended *key,
                                         const struct monitor_counts *counts)
{
    struct monitor_ended *w = mem_alloc(sizeof *w);
    struct buf b;
    struct monitor_reference *shape = NULL;
    arena_init(&w->arena, MIB(256));
    w->endpoint = arena_strdup(&w->arena, key->endpoint);
    w->project = arena_strdup(&w->arena, key->project);
    w->model = arena_strdup(&w->arena, key->model);
    w->version = arena_strdup(&w->arena, key->version);
    w->digest = arena_strdup(&w->arena, key->digest);
    buf_init(&b, MIB(64));
    monitor_counts_pack(counts, &b);
    w->counts = arena_try_alloc(&w->arena, 1, sizeof *w->counts);
    int rc = !w->counts || b.failed || w->arena.failed ||
             monitor_counts_shape(&w->arena, buf_view(&b), &shape) ||
             monitor_counts_unpack(&w->arena, shape, buf_view(&b), w->counts, NULL);
    buf_fini(&b);
    if (rc) {
        monitor__ended_free(w);
        return NULL;
    }
    w->counts->start_ms = counts->start_ms;
    w->counts->end_ms = counts->end_ms;
    return w;
}

void monitor__ended_free(struct monitor_ended *w)
{
    if (!w)
        return;
    arena_fini(&w->arena);
    mem_free(w);
}

/* ---- judging ---- */

struct earlier {
    struct arena *a;
    const struct monitor_ended *w;
    struct monitor_window *rows;
    size_t n;
};

static int read_earlier(struct tx *tx, void *arg, struct err *err)
{
    struct earlier *x = arg;
    int64_t length = x->w->counts->end_ms - x->w->counts->start_ms;
    struct monitor_window_query q = { .endpoint = x->w->endpoint,
                                      .model = x->w->model,
                                      .version = x->w->version,
                                      .from_ms = x->w->counts->start_ms - 60 * length,
                                      .to_ms = x->w->counts->start_ms,
                                      .newest_first = 1,
                                      .limit = BEFORE };
    return monitor_window_list(tx, x->a, &q, &x->rows, &x->n, err);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median of the last windows of that length, NaN with fewer than three. */
static double expected_rows(struct monitor *m, struct arena *a, const struct monitor_ended *w)
{
    struct earlier x = { .a = a, .w = w };
    double rows[BEFORE];
    size_t n = 0;
    int64_t length = w->counts->end_ms - w->counts->start_ms;
    if (store_read(m->store, read_earlier, &x, NULL))
        return NAN;
    for (size_t i = 0; i < x.n; i++)
        if (x.rows[i].end_ms - x.rows[i].start_ms == length && x.rows[i].gap_ms == 0)
            rows[n++] = (double)x.rows[i].rows;
    if (n < 3)
        return NAN;
    qsort(rows, n, sizeof *rows, by_size);
    return rows[n / 2];
}

void monitor__summarise(const struct monitor_reference *ref, const struct monitor_verdict *v,
                        struct arena *a, struct monitor_window *out)
{
    unsigned char *states = arena_try_alloc(a, v->features_n + 1, 1);
    float *levels = ARENA_TRY_ARRAY(a, v->features_n + 1, float);
    float *scores = ARENA_TRY_ARRAY(a, v->features_n + 1, float);
    if (!states || !levels || !scores)
        return;
    for (size_t i = 0; i < v->features_n; i++) {
        const struct monitor_feature_verdict *f = &v->features[i];
        const struct monitor_test *t = &f->tests[f->method];
        states[i] = (unsigned char)f->state;
        scores[i] = (float)t->statistic;
        levels[i] = (float)(t->statistic / t->threshold);
    }
    out->has_reference = 1;
    out->state = v->state;
    out->features_n = v->features_n;
    out->states = states;
    out->levels = levels;
    out->scores = scores;
    out->insufficient = (uint32_t)v->insufficient;
    out->ok = (uint32_t)v->ok;
    out->warnings = (uint32_t)v->warnings;
    out->drifted = (uint32_t)v->drifted;
    out->outputs_drifted = (uint32_t)v->outputs_drifted;
    out->findings = (uint32_t)v->findings_n;
    for (size_t i = 0; i < v->findings_n; i++)
        out->severe += v->findings[i].severe != 0;
    out->worst_psi = v->worst_psi;
    out->output_psi = v->output_psi;
    for (size_t i = ref->n; i > 0; i--) /* the first output's mean */
        if (ref->features[i - 1].output)
            out->prediction_mean = v->features[i - 1].mean;
}

/* Fills the row of a window; its reference is looked up among the subjects, else loaded. */
static int judge(struct monitor *m, struct monitor_ended *w, const struct monitor_settings *s,
                 struct err *err)
{
    struct arena *a = &w->arena;
    struct monitor_counts *c = w->counts;
    struct monitor_version v = { w->project, w->model, w->version };
    struct monitor_reference *ref = NULL;
    struct monitor_verdict verdict;
    struct monitor_policy policy = s->policy;
    w->row = (struct monitor_window){ .endpoint = w->endpoint,
                                      .model = w->model,
                                      .version = w->version,
                                      .start_ms = c->start_ms,
                                      .end_ms = c->end_ms,
                                      .requests = c->requests,
                                      .errors = c->errors,
                                      .rows = c->rows,
                                      .gap_ms = c->gap_ms,
                                      .state = MONITOR_INSUFFICIENT,
                                      .worst_psi = NAN,
                                      .output_psi = NAN,
                                      .prediction_mean = NAN };
    if (c->ref && c->ref->n == 0)
        return 0; /* counted without a reference */
    struct err why = ERR_INIT;
    int rc = monitor_reference_load(m->store, m->blobs, a, &v, &ref, &why);
    if (rc == ERR_CORRUPT || rc == ERR_INVALID || rc == ERR_LIMIT)
        monitor__problem(m, why.msg); /* trying again would not mend it */
    else if (rc && rc != ERR_NOT_FOUND)
        return ERR(err, rc, "%s", why.msg);
    if (rc || !monitor_counts_fit(ref, c->ref))
        return 0; /* gone since, damaged, or another one: the traffic stays known */
    c->ref = ref;
    c->expected_rows = expected_rows(m, a, w);
    policy.quality.now_ms = c->end_ms;
    rc = monitor_judge(a, ref, c, &policy, &verdict, err);
    if (!rc)
        monitor__summarise(ref, &verdict, a, &w->row);
    if (!rc)
        monitor__show(m, &w->row, ref, &verdict);
    return rc;
}

static int pack(struct monitor_ended *w, struct err *err)
{
    struct buf b;
    buf_init(&b, MIB(64));
    monitor_counts_pack(w->counts, &b);
    w->packed = b.failed ? (str_t){ 0 } : arena_str(&w->arena, buf_view(&b));
    buf_fini(&b);
    return w->packed.n ? 0 : ERR(err, ERR_NOMEM, "not enough memory for the counts of a window");
}

static int prepare(struct monitor *m, struct monitor_ended *w, int64_t now_ms, struct err *err)
{
    struct monitor_endpoint *e = monitor__endpoint(m, w->endpoint, 1, err);
    struct monitor_realised_of *realised = NULL;
    size_t n = 0;
    int rc = e ? judge(m, w, &e->settings, err) : monitor__code(err);
    if (!rc)
        rc = pack(w, err);
    if (!rc)
        rc = monitor__realised(e, &w->arena, w->row.start_ms, w->row.end_ms, &realised, &n, err);
    if (rc)
        return rc;
    monitor__realised_pick(realised, n, w->model, w->version, &w->row.realised);
    w->row.judged_ms = now_ms;
    w->is_judged = 1;
    monitor__show_realised(m, &w->row);
    return 0;
}

/* ---- windows whose labels came later ---- */

/* What one transaction writes. */
struct batch {
    struct monitor *m;
    struct arena a;
    struct monitor_ended *ended[BATCH];
    size_t n;
    struct monitor_window *changed; /* realised figures */
    size_t changed_n, changed_cap;
    int64_t newest_ms;
};

struct overlapping {
    struct arena *a;
    const char *endpoint;
    int64_t from_ms, to_ms, longest_ms;
    struct monitor_window *rows;
    size_t n;
};

static int read_overlapping(struct tx *tx, void *arg, struct err *err)
{
    struct overlapping *x = arg;
    struct monitor_window_query q = { .endpoint = x->endpoint,
                                      .from_ms = x->from_ms - x->longest_ms,
                                      .to_ms = x->to_ms + 1 };
    return monitor_window_list(tx, x->a, &q, &x->rows, &x->n, err);
}

static int same_number(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static int add_changed(struct batch *b, const struct monitor_window *w,
                       const struct monitor_realised *r, int64_t now_ms)
{
    const struct monitor_realised *had = &w->realised;
    if (had->n == r->n && had->labelled == r->labelled && same_number(had->rmse, r->rmse) &&
        same_number(had->bias, r->bias) && same_number(had->mae, r->mae))
        return 0;
    b->changed = rows_room(&b->a, b->changed, b->changed_n, &b->changed_cap, sizeof *b->changed);
    if (!b->changed)
        return ERR_NOMEM;
    struct monitor_window *to = &b->changed[b->changed_n++];
    *to = *w;
    to->realised = *r;
    to->judged_ms = now_ms;
    return 0;
}

/* Windows that hold predictions of a range, each start and end once. */
static int rejoin_range(struct monitor *m, struct monitor_endpoint *e, struct monitor_range r,
                        struct batch *b, int64_t now_ms, struct err *err)
{
    struct overlapping x = { .a = &b->a,
                             .endpoint = e->name,
                             .from_ms = r.from_ms,
                             .to_ms = r.to_ms,
                             .longest_ms = e->longest_ms };
    int rc = store_read(m->store, read_overlapping, &x, err);
    for (size_t i = 0, k; i < x.n && !rc; i = k) {
        struct monitor_realised_of *list = NULL;
        size_t n = 0;
        const struct monitor_window *w = &x.rows[i];
        for (k = i + 1; k < x.n && x.rows[k].start_ms == w->start_ms; k++)
            continue;
        if (w->end_ms <= r.from_ms)
            continue;
        rc = monitor__realised(e, &b->a, w->start_ms, w->end_ms, &list, &n, err);
        for (size_t j = i; j < k && !rc; j++) {
            struct monitor_realised of;
            monitor__realised_pick(list, n, x.rows[j].model, x.rows[j].version, &of);
            struct monitor_window shown = x.rows[j];
            shown.realised = of;
            monitor__show_realised(m, &shown);
            if (add_changed(b, &x.rows[j], &of, now_ms))
                rc = ERR(err, ERR_NOMEM, "too many windows have new labels at once");
        }
    }
    return rc;
}

static int take_range(struct monitor *m, struct monitor_endpoint *e, struct monitor_range *out)
{
    lock_take(&m->list_lock);
    int some = e->touched_n > 0;
    if (some)
        *out = e->touched[--e->touched_n];
    lock_drop(&m->list_lock);
    return some;
}

/* Ranges that were touched, as far as a turn has time; the rest waits for the next one. */
static int rejoin(struct monitor *m, struct batch *b, int64_t now_ms, struct err *err)
{
    int64_t until = clock_mono_ns() + REJOIN_NS;
    int rc = 0;
    for (struct monitor_endpoint *e = monitor__first(m); e && !rc; e = e->next) {
        struct monitor_range r;
        while (!rc && clock_mono_ns() < until && take_range(m, e, &r)) {
            rc = rejoin_range(m, e, r, b, now_ms, err);
            if (rc)
                monitor__touch(m, e, r.from_ms, r.to_ms);
        }
    }
    return rc;
}

/* ---- how far labels are in the windows, across restarts ---- */

static void applied_path(const struct monitor_endpoint *e, char out[4096])
{
    (void)snprintf(out, 4096, "%s/labels.applied", e->dir);
}

void monitor__applied_read(struct monitor *m, struct monitor_endpoint *e)
{
    struct arena a;
    char path[4096];
    str_t text = { 0 };
    arena_init(&a, KIB(64));
    applied_path(e, path);
    e->applied_ms = 0;
    if (fs_read(&a, path, 64, &text, NULL) == 0)
        IGNORE(parse_i64(str_trim(text), &e->applied_ms));
    IGNORE(monitor__labels_after(m, e, e->applied_ms - APPLIED_SLACK_MS, NULL));
    arena_fini(&a);
}

static void note_applied(struct monitor *m, struct monitor_endpoint *e)
{
    char path[4096], text[FMT_DOUBLE_MAX];
    lock_take(&m->list_lock);
    int64_t newest = gauge_get(&e->labels_ms);
    int done = e->touched_n == 0 && newest > e->applied_ms;
    lock_drop(&m->list_lock);
    if (!done)
        return;
    size_t n = fmt_i64(newest, text);
    applied_path(e, path);
    if (fs_write_cache(path, (str_t){ text, n }, NULL) == 0)
        e->applied_ms = newest;
}

/* ---- writing ---- */

/* One event an endpoint, however many of its windows changed. */
static int tell(struct tx *tx, struct batch *b, const char *endpoint, struct err *err)
{
    struct buf text;
    struct json_out o;
    struct arena a;
    const char *project = "default";
    size_t closed = 0, changed = 0;
    int64_t newest = 0;
    for (size_t i = 0; i < b->n; i++) {
        if (strcmp(b->ended[i]->endpoint, endpoint) != 0)
            continue;
        closed++;
        newest = MAX(newest, b->ended[i]->row.start_ms);
        project = b->ended[i]->project;
    }
    for (size_t i = 0; i < b->changed_n; i++)
        changed += strcmp(b->changed[i].endpoint, endpoint) == 0;
    buf_init(&text, KIB(16));
    json_out_init(&o, &text);
    jo_object(&o);
    jo_kv_cstr(&o, "endpoint", endpoint);
    jo_kv_int(&o, "windows", (int64_t)closed);
    jo_kv_int(&o, "realised", (int64_t)changed);
    jo_kv_int(&o, "newest_start_ms", newest);
    jo_object_end(&o);
    buf_putc(&text, '\0');
    const struct cause by = { .project = project };
    arena_init(&a, KIB(16));
    struct event e = event_of(&by, EVENT_PULSE, monitor_event_subject(&a, &by, endpoint));
    e.after = text.p;
    int rc = text.failed ? ERR_NOMEM : event_add(tx, &e, err);
    arena_fini(&a);
    buf_fini(&text);
    return rc;
}

static int was_told(const struct batch *b, size_t upto, size_t changed_upto, const char *endpoint)
{
    for (size_t i = 0; i < upto; i++)
        if (strcmp(b->ended[i]->endpoint, endpoint) == 0)
            return 1;
    for (size_t i = 0; i < changed_upto; i++)
        if (strcmp(b->changed[i].endpoint, endpoint) == 0)
            return 1;
    return 0;
}

static int write_batch(struct tx *tx, void *arg, struct err *err)
{
    struct batch *b = arg;
    int rc = 0;
    for (size_t i = 0; i < b->n && !rc; i++)
        rc = monitor_window_put(tx, &b->ended[i]->row, b->ended[i]->packed, err);
    for (size_t i = 0; i < b->changed_n && !rc; i++) {
        rc = monitor_window_realised(tx, &b->changed[i], err);
        rc = rc == ERR_NOT_FOUND ? 0 : rc; /* trimmed meanwhile */
    }
    for (size_t i = 0; i < b->n && !rc; i++)
        if (!was_told(b, i, 0, b->ended[i]->endpoint))
            rc = tell(tx, b, b->ended[i]->endpoint, err);
    for (size_t i = 0; i < b->changed_n && !rc; i++)
        if (!was_told(b, b->n, i, b->changed[i].endpoint))
            rc = tell(tx, b, b->changed[i].endpoint, err);
    return rc;
}

/* The written ones leave the list; the journal need not bring them back. */
static void forget_written(struct monitor *m, const struct batch *b, int64_t now_ms)
{
    for (size_t i = 0; i < b->n; i++) {
        struct monitor_ended *w = b->ended[i], **at = &m->ended;
        while (*at && *at != w)
            at = &(*at)->next;
        if (*at)
            *at = w->next;
        m->ended_n--;
        IGNORE(monitor__journal_put(m, JOURNAL_CLOSED, w, NULL, now_ms, NULL));
        monitor__ended_free(w);
    }
}

int monitor__write(struct monitor *m, int64_t now_ms, struct err *err)
{
    struct batch *b = mem_alloc(sizeof *b);
    struct err why = ERR_INIT; /* of the first window that has to wait; it stops no other */
    b->m = m;
    arena_init(&b->a, GIB(1));
    for (struct monitor_ended *w = m->ended; w && b->n < BATCH; w = w->next) {
        struct err one = ERR_INIT;
        if (w->is_judged || prepare(m, w, now_ms, &one) == 0)
            b->ended[b->n++] = w;
        else if (!why.code)
            why = one;
    }
    int rc = rejoin(m, b, now_ms, err);
    if (!rc && (b->n || b->changed_n))
        rc = store_write(m->store, write_batch, b, err);
    if (!rc) {
        forget_written(m, b, now_ms);
        for (struct monitor_endpoint *e = monitor__first(m); e; e = e->next)
            note_applied(m, e);
    } else {
        for (size_t i = 0; i < b->changed_n; i++) { /* once more in the next turn */
            struct monitor_endpoint *e = monitor__endpoint(m, b->changed[i].endpoint, 0, NULL);
            if (e)
                monitor__touch(m, e, b->changed[i].start_ms, b->changed[i].end_ms - 1);
        }
    }
    arena_fini(&b->a);
    mem_free(b);
    return rc || !why.code ? rc : ERR(err, why.code, "%s", why.msg);
}
