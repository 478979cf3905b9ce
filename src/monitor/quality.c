/* SPDX-License-Identifier: Apache-2.0
 * Findings about a window's data: each check looks at a few counters and says one sentence. */
#include "monitor/quality.h"

#include <math.h>
#include <stdlib.h>

#include "stat/hypothesis.h"

const char *monitor_check_name(enum monitor_check c)
{
    static const char *const names[MONITOR_CHECKS] = { "rows",    "stale", "gap",    "errors",
                                                       "missing", "range", "unseen", "constant",
                                                       "bad",     "schema" };
    return (unsigned)c < MONITOR_CHECKS ? names[c] : "unknown";
}

struct monitor_quality_policy monitor_quality_policy_default(void)
{
    return (struct monitor_quality_policy){ .alpha = 0.001,
                                            .share_min = 0.02,
                                            .share_severe = 0.2,
                                            .errors_share = 0.05,
                                            .rows_ratio = 2,
                                            .rows_min = 30 };
}

/* What a call collects. */
struct notes {
    struct arena *a;
    const struct monitor_quality_policy *policy;
    double alpha; /* of one test */
    struct monitor_finding *list;
    size_t n, max;
};

static void note(struct notes *s, struct monitor_finding f)
{
    if (s->n == s->max) {
        size_t max = s->max ? 2 * s->max : 16;
        struct monitor_finding *list = ARENA_TRY_ARRAY(s->a, max, struct monitor_finding);
        if (!list)
            return; /* sticks in the arena */
        if (s->n)
            memcpy(list, s->list, s->n * sizeof *list);
        s->list = list;
        s->max = max;
    }
    s->list[s->n++] = f;
}

/* ---- the window as a whole ---- */
static void check_rows(struct notes *s, const struct monitor_counts *c)
{
    double rows = (double)c->rows, want = c->expected_rows;
    if (!(want > 0) || !isfinite(want))
        return;
    double low = want / s->policy->rows_ratio, high = want * s->policy->rows_ratio;
    double p = stat_poisson(rows, want).p;
    if (p >= s->policy->alpha || (rows >= low && rows <= high))
        return;
    note(s,
         (struct monitor_finding){
             .check = MONITOR_CHECK_ROWS,
             .severe = rows < low,
             .feature = -1,
             .value = rows,
             .limit = rows < low ? low : high,
             .p = p,
             .message = arena_printf(s->a, "%.0f rows where about %.0f are usual", rows, want) });
}

static void check_stale(struct notes *s, const struct monitor_counts *c)
{
    int64_t now = s->policy->now_ms ? s->policy->now_ms : c->end_ms;
    int64_t last = c->last_row_ms ? c->last_row_ms : c->start_ms, quiet = now - last;
    if (s->policy->stale_ms <= 0 || quiet <= s->policy->stale_ms)
        return;
    note(s, (struct monitor_finding){
                .check = MONITOR_CHECK_STALE,
                .severe = 1,
                .feature = -1,
                .value = (double)quiet / 1000,
                .limit = (double)s->policy->stale_ms / 1000,
                .p = NAN,
                .message = arena_printf(s->a, "no row for %.0f seconds", (double)quiet / 1000) });
}

static void check_window(struct notes *s, const struct monitor_counts *c)
{
    check_rows(s, c);
    check_stale(s, c);
    if (c->gap_ms > 0)
        note(s, (struct monitor_finding){
                    .check = MONITOR_CHECK_GAP,
                    .feature = -1,
                    .value = (double)c->gap_ms / 1000,
                    .p = NAN,
                    .message = arena_printf(s->a, "%.1f seconds of the window were not counted",
                                            (double)c->gap_ms / 1000) });
    double share = c->requests ? (double)c->errors / (double)c->requests : 0;
    if (share > s->policy->errors_share && c->errors >= 5)
        note(s, (struct monitor_finding){
                    .check = MONITOR_CHECK_ERRORS,
                    .severe = share > s->policy->share_severe,
                    .feature = -1,
                    .value = share,
                    .limit = s->policy->errors_share,
                    .p = NAN,
                    .message = arena_printf(s->a, "%.1f %% of %llu requests were refused or failed",
                                            100 * share, (unsigned long long)c->requests) });
}

/* ---- one feature ---- */
/* A share that rose: k of m now, k0 of n in the reference. */
struct rise {
    enum monitor_check check;
    double k, m, k0, n;
    const char *what;
};

static void check_rise(struct notes *s, const struct monitor_feature *f, size_t index,
                       const struct rise *r)
{
    if (r->m < (double)s->policy->rows_min || !(r->n > 0) || r->k <= 0)
        return;
    double now = r->k / r->m, before = r->k0 / r->n;
    double p = stat_proportions(r->k, r->m, r->k0, r->n).p;
    if (!(p < s->alpha) || now < before + s->policy->share_min)
        return;
    note(s, (struct monitor_finding){
                .check = r->check,
                .severe = now >= before + s->policy->share_severe,
                .feature = (int64_t)index,
                .value = now,
                .limit = before + s->policy->share_min,
                .p = p,
                .message = arena_printf(s->a, "'%.*s': %.1f %% %s, %.1f %% in the reference",
                                        (int)MIN(f->name.n, (size_t)200), f->name.p, 100 * now,
                                        r->what, 100 * before) });
}

/* All values of the window are equal, which the reference makes unlikely. Names that the reference
 * does not have share a cell and may differ: check_rise tells of those. */
static void check_constant(struct notes *s, const struct monitor_feature *f, size_t index,
                           const struct monitor_cells *c, double m)
{
    size_t at = 0;
    if (m < (double)s->policy->rows_min)
        return;
    while (at < f->n_cells && !c->cells[at])
        at++;
    if (at == f->n_cells || (double)c->cells[at] < m)
        return;
    if (f->kind == MONITOR_CATEGORY && at == f->n_names)
        return;
    double spread = c->sum2 - c->sum * c->sum / m;
    if (f->kind == MONITOR_NUMBER && !(f->sd > 0 && spread <= 1e-12 * c->sum2))
        return;
    double share = ((double)f->counts[at] + 0.5) / ((double)f->n + 1), p = pow(share, m);
    if (p >= s->alpha)
        return;
    note(s, (struct monitor_finding){
                .check = MONITOR_CHECK_CONSTANT,
                .severe = 1,
                .feature = (int64_t)index,
                .value = f->kind == MONITOR_NUMBER ? c->sum / m : (double)at,
                .p = p,
                .limit = s->alpha,
                .message = arena_printf(s->a, "'%.*s': all %.0f values are the same",
                                        (int)MIN(f->name.n, (size_t)200), f->name.p, m) });
}

static void check_bad(struct notes *s, const struct monitor_feature *f, size_t index,
                      const struct monitor_cells *c)
{
    /* A prediction that is no number is never usual; infinite inputs may have been. */
    uint64_t bad = c->bad + (f->output && f->kind == MONITOR_NUMBER ? c->missing : 0);
    if (!bad || (!f->output && f->bad > 0))
        return;
    note(s, (struct monitor_finding){
                .check = MONITOR_CHECK_BAD,
                .severe = f->output,
                .feature = (int64_t)index,
                .value = (double)bad,
                .p = NAN,
                .message = arena_printf(s->a, "'%.*s': %llu %s", (int)MIN(f->name.n, (size_t)200),
                                        f->name.p, (unsigned long long)bad,
                                        f->output ? "predictions are not finite numbers"
                                                  : "values are infinite") });
}

static void check_feature(struct notes *s, const struct monitor_counts *counts, size_t index)
{
    const struct monitor_feature *f = &counts->ref->features[index];
    const struct monitor_cells *c = &counts->features[index];
    uint64_t in_cells = 0;
    for (size_t i = 0; i < f->n_cells; i++)
        in_cells += c->cells[i];
    double m = (double)in_cells, n = (double)f->n;
    if (!f->output) {
        struct rise missing = {
            MONITOR_CHECK_MISSING, (double)c->missing, m + (double)(c->missing + c->bad),
            (double)f->missing,    (double)f->rows,    "are missing"
        };
        check_rise(s, f, index, &missing);
    }
    if (f->kind == MONITOR_NUMBER && f->n_edges) {
        /* A new value lies outside the range of n others with probability 2/(n+1). */
        struct rise range = { MONITOR_CHECK_RANGE,
                              (double)(c->cells[0] + c->cells[f->n_edges]),
                              m,
                              n > 1 ? 2 : 0,
                              n + 1,
                              "are outside the range" };
        check_rise(s, f, index, &range);
    } else if (f->kind == MONITOR_CATEGORY) {
        struct rise unseen = {
            MONITOR_CHECK_UNSEEN, (double)c->cells[f->n_names], m, (double)f->counts[f->n_names], n,
            "have another name"
        };
        check_rise(s, f, index, &unseen);
    }
    check_constant(s, f, index, c, m);
    check_bad(s, f, index, c);
}

static int by_weight(const void *a, const void *b)
{
    const struct monitor_finding *x = a, *y = b;
    if (x->severe != y->severe)
        return y->severe - x->severe;
    if (x->feature != y->feature)
        return x->feature < y->feature ? -1 : 1;
    return (int)x->check - (int)y->check;
}

int monitor_quality(struct arena *a, const struct monitor_counts *counts,
                    const struct monitor_quality_policy *policy, struct monitor_finding **out,
                    size_t *out_n, struct err *err)
{
    size_t features = counts->ref ? counts->ref->n : 0;
    struct notes s = { .a = a,
                       .policy = policy,
                       .alpha = policy->alpha / (double)MAX(features, (size_t)1) };
    check_window(&s, counts);
    for (size_t i = 0; i < features; i++)
        check_feature(&s, counts, i);
    if (a->failed)
        return ERR(err, ERR_NOMEM, "out of memory for the findings of a window");
    if (s.n)
        qsort(s.list, s.n, sizeof *s.list, by_weight);
    *out = s.list;
    *out_n = s.n;
    return 0;
}

/* ---- schema ---- */
static void schema_note(struct notes *s, int64_t index, const char *message)
{
    note(s, (struct monitor_finding){ .check = MONITOR_CHECK_SCHEMA,
                                      .severe = 1,
                                      .feature = index,
                                      .p = NAN,
                                      .message = message });
}

static void check_columns(struct notes *s, const struct monitor_reference *ref,
                          const struct signature_column *columns, size_t n, int output)
{
    for (size_t i = 0; i < n; i++) {
        const struct monitor_feature *f =
            monitor_reference_find(ref, str_of(columns[i].name), output);
        enum monitor_kind kind =
            columns[i].type == SIGNATURE_STRING ? MONITOR_CATEGORY : MONITOR_NUMBER;
        if (!f)
            schema_note(s, -1,
                        arena_printf(s->a, "'%.200s' is not in the reference", columns[i].name));
        else if (f->kind != kind)
            schema_note(s, f - ref->features,
                        arena_printf(s->a, "'%.200s' is a %s, and a %s in the reference",
                                     columns[i].name, kind == MONITOR_NUMBER ? "number" : "text",
                                     kind == MONITOR_NUMBER ? "text" : "number"));
    }
}

int monitor_quality_schema(struct arena *a, const struct monitor_reference *ref,
                           const struct signature *signature, struct monitor_finding **out,
                           size_t *out_n, struct err *err)
{
    struct notes s = { .a = a };
    check_columns(&s, ref, signature->inputs, signature->input_n, 0);
    check_columns(&s, ref, signature->outputs, signature->output_n, 1);
    for (size_t i = 0; i < ref->n; i++) {
        const struct monitor_feature *f = &ref->features[i];
        const struct signature_column *columns = f->output ? signature->outputs : signature->inputs;
        size_t n = f->output ? signature->output_n : signature->input_n, at = 0;
        while (at < n && !str_is(f->name, columns[at].name))
            at++;
        if (at == n)
            schema_note(&s, (int64_t)i,
                        arena_printf(a, "'%.*s' is in the reference, but not in the model",
                                     (int)MIN(f->name.n, (size_t)200), f->name.p));
    }
    if (a->failed)
        return ERR(err, ERR_NOMEM, "out of memory for the findings about a schema");
    *out = s.list;
    *out_n = s.n;
    return 0;
}
