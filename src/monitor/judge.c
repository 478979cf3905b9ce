/* SPDX-License-Identifier: Apache-2.0
 * The verdict of a window.
 *
 * Cells are merged until each is expected to hold policy->expected_min values of both samples. What
 * is merged depends on the sums over both samples alone: given those, every split between reference
 * and window is as likely as another when nothing changed, so the choice cannot make an alarm.
 * (Merging by the reference's own counts does: a cell that is small by luck is fuller later.)
 * Index and distance are taken on counts plus a half. Both choices are measured by
 * bench/honest_alarms.c, whose table is in docs/explanation/drift.md. */
#include "monitor/judge.h"

#include <math.h>

#include "stat/dist.h"
#include "stat/distance.h"
#include "stat/hypothesis.h"
#include "stat/kolmogorov.h"

/* ---- names ---- */
const char *monitor_state_name(enum monitor_state s)
{
    static const char *const names[] = { "insufficient_data", "ok", "warning", "drifted" };
    return (unsigned)s < ARRAY_LEN(names) ? names[s] : "unknown";
}

static const char *const method_names[MONITOR_METHODS] = { "psi", "js", "chi2", "ks", "w1" };

const char *monitor_method_name(enum monitor_method m)
{
    return (unsigned)m < MONITOR_METHODS ? method_names[m] : "unknown";
}

int monitor_method_of(str_t name, enum monitor_method *out, struct err *err)
{
    for (size_t i = 0; i < MONITOR_METHODS; i++)
        if (str_is(name, method_names[i])) {
            *out = (enum monitor_method)i;
            return 0;
        }
    return ERR(err, ERR_INVALID, "'%.*s' is no drift method; there are psi, js, chi2, ks, w1",
               (int)MIN(name.n, (size_t)40), name.p);
}

struct monitor_policy monitor_policy_default(void)
{
    struct monitor_policy p = { .alpha = 0.05,
                                .number = MONITOR_PSI,
                                .category = MONITOR_CHI2,
                                .expected_min = 8,
                                .cells = 10,
                                .rows_min = 30,
                                .quality = monitor_quality_policy_default() };
    for (size_t i = 0; i < MONITOR_METHODS; i++)
        p.floor[i] = 0.1;
    return p;
}

/* ---- one feature ---- */
/* Everything that one judgement shares. */
struct judge {
    const struct monitor_policy *policy;
    double alpha; /* what `critical` is for */
    /* Critical values of chi-squared by degrees of freedom; 0: not yet looked up. */
    double critical[MONITOR_CELLS_MAX];
};

/* What p is divided by for the noise that windows share through the reference; see judge.h. */
static double own_share(double n, double m)
{
    return 1 - 0.9 * m / (n + m);
}

static double chi2_critical(struct judge *j, size_t df, double alpha)
{
    if (j->alpha != alpha) {
        memset(j->critical, 0, sizeof j->critical);
        j->alpha = alpha;
    }
    if (j->critical[df] == 0)
        j->critical[df] = dist_chi2_isf(alpha, (double)df);
    return j->critical[df];
}

/* Two samples in the same cells. */
struct pair {
    double r[MONITOR_CELLS_MAX], c[MONITOR_CELLS_MAX]; /* reference, window */
    size_t k;
    double n, m; /* sums */
};

/* Expected count of the smaller sample in a cell that holds `both` of the two. */
static double expected(const struct pair *p, double both)
{
    return both * fmin(p->n, p->m) / (p->n + p->m);
}

/* In-range cells of a number, the outer ones joined to their neighbours; a reference of one cell is
 * compared as inside and outside. */
static void number_cells(const struct monitor_feature *f, const uint64_t *cells, struct pair *out)
{
    size_t last = f->n_edges;
    *out = (struct pair){ .k = last > 2 ? last - 1 : 2 };
    for (size_t i = 0; i < f->n_cells; i++) {
        size_t to = last > 2 ? MIN(MAX(i, (size_t)1), last - 1) - 1 : (i != 1);
        out->r[to] += (double)f->counts[i];
        out->c[to] += (double)cells[i];
    }
    for (size_t i = 0; i < out->k; i++) {
        out->n += out->r[i];
        out->m += out->c[i];
    }
}

/* At most `max` neighbouring groups of about equal shares of the reference, then neighbours joined
 * until both samples expect `least` in each. */
static void merge_ordered(const struct pair *in, size_t max, double least, struct pair *out)
{
    struct pair coarse = { .n = in->n, .m = in->m };
    double seen = 0;
    for (size_t i = 0; i < in->k; i++) {
        coarse.r[coarse.k] += in->r[i];
        coarse.c[coarse.k] += in->c[i];
        seen += in->r[i];
        /* The next group begins where the share that this one should reach is passed; with no
         * more cells than groups every cell is its own. */
        if (in->k <= max ||
            (seen * (double)max >= (double)(coarse.k + 1) * in->n && coarse.k + 1 < max))
            coarse.k += i + 1 < in->k;
    }
    coarse.k++;
    *out = (struct pair){ .n = in->n, .m = in->m };
    for (size_t i = 0; i < coarse.k; i++) {
        out->r[out->k] += coarse.r[i];
        out->c[out->k] += coarse.c[i];
        if (expected(out, out->r[out->k] + out->c[out->k]) >= least)
            out->k++;
    }
    if (out->k > 0 && out->r[out->k] + out->c[out->k] > 0) { /* what is left over joins the last */
        out->r[out->k - 1] += out->r[out->k];
        out->c[out->k - 1] += out->c[out->k];
    }
}

/* Names in their order and then "other", the rare ones joined to their neighbours until both
 * samples expect `least`; what is left over joins the last cell. */
static void merge_names(const struct pair *in, double least, struct pair *out)
{
    double r = 0, c = 0;
    *out = (struct pair){ .n = in->n, .m = in->m };
    for (size_t i = 0; i < in->k; i++) {
        r += in->r[i];
        c += in->c[i];
        if (expected(out, r + c) < least)
            continue;
        out->r[out->k] = r;
        out->c[out->k++] = c;
        r = c = 0;
    }
    if (out->k > 0) {
        out->r[out->k - 1] += r;
        out->c[out->k - 1] += c;
    }
}

static void name_cells(const struct monitor_feature *f, const uint64_t *cells, struct pair *out)
{
    *out = (struct pair){ .k = f->n_cells };
    for (size_t i = 0; i < f->n_cells; i++) {
        out->n += out->r[i] = (double)f->counts[i];
        out->m += out->c[i] = (double)cells[i];
    }
}

/* A window far larger than its reference and gone into one cell as a whole leaves so little to
 * expect in the others that merging ends with a single one. Then the fullest cell is compared with
 * all others together, if the smaller sample has twice `least` there: equal samples that expect
 * fewer than `least` have that less often than once in 100 (Poisson). */
static void split_fullest(const struct pair *in, double least, struct pair *out)
{
    size_t top = 0;
    for (size_t i = 1; i < in->k; i++)
        top = in->r[i] + in->c[i] > in->r[top] + in->c[top] ? i : top;
    double r = in->n - in->r[top], c = in->m - in->c[top];
    if (in->k < 2 || (in->n < in->m ? r : c) < 2 * least)
        return;
    *out = (struct pair){
        .r = { in->r[top], r }, .c = { in->c[top], c }, .k = 2, .n = in->n, .m = in->m
    };
}

static const struct monitor_test nothing = { MONITOR_INSUFFICIENT, NAN, NAN, NAN, NAN, NAN, 0 };

/* Index, distance and chi-squared of merged cells. */
static void test_cells(struct judge *j, const struct pair *p, int table, struct monitor_test *tests)
{
    const double *floor = j->policy->floor;
    double r[MONITOR_CELLS_MAX], c[MONITOR_CELLS_MAX], sizes = 1 / p->n + 1 / p->m;
    if (p->k < 2)
        return;
    double df = (double)(p->k - 1), alpha = j->policy->alpha * own_share(p->n, p->m);
    double critical = chi2_critical(j, p->k - 1, alpha);
    stat_smooth(p->r, p->k, r);
    stat_smooth(p->c, p->k, c);
    double psi = stat_psi(r, c, p->k), js = stat_js(r, c, p->k);
    /* Under equality the index is (1/n + 1/m) times a chi-squared (Yurdakul 2018, "Statistical
     * properties of population stability index"); the divergence is an eighth of it to first
     * order. */
    tests[MONITOR_PSI] =
        (struct monitor_test){ .statistic = psi,
                               .threshold = fmax(floor[MONITOR_PSI], sizes * critical),
                               .p = dist_chi2_sf(psi / sizes, df),
                               .effect = psi };
    tests[MONITOR_JS] =
        (struct monitor_test){ .statistic = js,
                               .threshold = fmax(floor[MONITOR_JS], sqrt(sizes * critical / 8)),
                               .p = dist_chi2_sf(8 * js * js / sizes, df),
                               .effect = js };
    if (table) {
        struct stat_test t = stat_chi2_two_rows(p->r, p->c, p->k, 0);
        tests[MONITOR_CHI2] =
            (struct monitor_test){ .statistic = t.statistic,
                                   .threshold = fmax(floor[MONITOR_CHI2] / sizes, critical),
                                   .p = t.p,
                                   .effect = t.statistic * sizes };
    }
    for (size_t i = 0; i <= MONITOR_CHI2; i++)
        tests[i].cells = (uint32_t)p->k;
}

/* Upper tail of a distance at w = distance · √(nm/(n+m)): straight in log p between the simulated
 * quantiles; beyond them it falls as that of a normal variable with the given variance, which is
 * the largest that a part of the bridge has (Adler and Taylor 2007, "Random fields and geometry",
 * section 2.1). */
static double null_tail(const double *null, double variance, double w)
{
    size_t last = MONITOR_NULL - 1, i = 0;
    if (w <= null[0])
        return 1 - (1 - monitor_null_tail(0)) * (null[0] > 0 ? w / null[0] : 1);
    if (w >= null[last])
        return monitor_null_tail(last) * exp((null[last] * null[last] - w * w) / (2 * variance));
    while (w >= null[i + 1])
        i++;
    double share = (w - null[i]) / (null[i + 1] - null[i]);
    double low = log(monitor_null_tail(i)), high = log(monitor_null_tail(i + 1));
    return exp(low + share * (high - low));
}

/* Where that tail is alpha. */
static double null_critical(const double *null, double variance, double alpha)
{
    size_t last = MONITOR_NULL - 1, i = 0;
    double end = monitor_null_tail(last);
    if (alpha >= monitor_null_tail(0))
        return null[0];
    if (alpha <= end)
        return sqrt(null[last] * null[last] + 2 * variance * log(end / alpha));
    while (alpha < monitor_null_tail(i + 1))
        i++;
    double low = monitor_null_tail(i), high = monitor_null_tail(i + 1);
    return null[i] + (null[i + 1] - null[i]) * log(low / alpha) / log(low / high);
}

static struct monitor_test null_test(const double *null, double variance, double distance,
                                     double root, double alpha, double floor)
{
    return (struct monitor_test){
        .statistic = distance,
        .threshold = fmax(floor, null_critical(null, variance, alpha) / root),
        .p = null_tail(null, variance, distance * root),
        .effect = distance,
    };
}

/* Kolmogorov-Smirnov and Wasserstein on all cells of a number; nothing needs merging. */
static void test_order(const struct monitor_policy *policy, const struct monitor_feature *f,
                       const uint64_t *cells, double m, struct monitor_test *tests)
{
    double r[MONITOR_CELLS_MAX], c[MONITOR_CELLS_MAX], n = (double)f->n, at = 0, widest = 0;
    double root = sqrt(n * m / (n + m)), alpha = policy->alpha * own_share(n, m);
    if (!f->null_w1 || !f->null_ks || !(f->sd > 0))
        return;
    for (size_t i = 0; i < f->n_cells; i++) {
        r[i] = (double)f->counts[i];
        c[i] = (double)cells[i];
        at += r[i] / n;
        widest = fmax(widest, at * (1 - at));
    }
    double d = stat_ks_cells(r, c, f->n_cells);
    double w = stat_wasserstein_cells(f->centers, r, c, f->n_cells) / f->sd;
    tests[MONITOR_KS] = null_test(f->null_ks, widest, d, root, alpha, policy->floor[MONITOR_KS]);
    tests[MONITOR_W1] = null_test(f->null_w1, 1, w, root, alpha, policy->floor[MONITOR_W1]);
    tests[MONITOR_KS].cells = tests[MONITOR_W1].cells = (uint32_t)f->n_cells;
}

static void judge_feature(struct judge *j, const struct monitor_feature *f,
                          const struct monitor_cells *cells, struct monitor_feature_verdict *v)
{
    const struct monitor_policy *policy = j->policy;
    struct pair all, merged;
    uint64_t m = 0;
    *v = (struct monitor_feature_verdict){ .mean = NAN, .missing_ratio = NAN, .unseen = NAN };
    v->p_adjusted = NAN;
    v->out_of_range = NAN;
    v->method = f->kind == MONITOR_NUMBER ? policy->number : policy->category;
    for (size_t i = 0; i < MONITOR_METHODS; i++)
        v->tests[i] = nothing;
    for (size_t i = 0; i < f->n_cells; i++)
        m += cells->cells[i];
    v->n = m;
    double rows = (double)(m + cells->missing + cells->bad);
    if (rows > 0)
        v->missing_ratio = (double)cells->missing / rows;
    if (m > 0 && f->kind == MONITOR_NUMBER) {
        v->mean = cells->sum / (double)m;
        if (f->n_edges)
            v->out_of_range = (double)(cells->cells[0] + cells->cells[f->n_edges]) / (double)m;
    } else if (m > 0) {
        v->unseen = (double)cells->cells[f->n_names] / (double)m;
    }
    if (m < policy->rows_min || f->n < policy->rows_min)
        return;
    if (f->kind == MONITOR_NUMBER) {
        number_cells(f, cells->cells, &all);
        merge_ordered(&all, policy->cells, policy->expected_min, &merged);
        test_order(policy, f, cells->cells, (double)m, v->tests);
    } else {
        name_cells(f, cells->cells, &all);
        merge_names(&all, policy->expected_min, &merged);
    }
    if (merged.k < 2)
        split_fullest(&all, policy->expected_min, &merged);
    test_cells(j, &merged, f->kind == MONITOR_CATEGORY, v->tests);
}

/* ---- many features ---- */
static enum monitor_state test_state(const struct monitor_policy *policy, enum monitor_method m,
                                     const struct monitor_test *t, double adjusted)
{
    if (isnan(t->p))
        return MONITOR_INSUFFICIENT;
    if (!(t->p < policy->alpha) || !(t->effect >= policy->floor[m]))
        return MONITOR_OK;
    return adjusted < policy->alpha ? MONITOR_DRIFTED : MONITOR_WARNING;
}

/* p of a test, adjusted for what windows share. */
static double shared_p(const struct monitor_feature *f, const struct monitor_feature_verdict *v,
                       enum monitor_method m)
{
    double p = v->tests[m].p; /* NaN stays: fmin would make it 1 */
    return isnan(p) ? p : fmin(1, p / own_share((double)f->n, (double)v->n));
}

/* Adjusts the p-values of one method over the inputs or over the outputs. */
static int adjust(struct arena *a, const struct monitor_reference *ref, enum monitor_method m,
                  int output, double *p, struct monitor_verdict *v)
{
    size_t k = 0;
    for (size_t i = 0; i < ref->n; i++)
        if (ref->features[i].output == output)
            p[k++] = shared_p(&ref->features[i], &v->features[i], m);
    int rc = stat_bh_adjust(a, p, k, p);
    k = 0;
    for (size_t i = 0; i < ref->n && !rc; i++)
        if (ref->features[i].output == output)
            v->features[i].tests[m].p_adjusted = p[k++];
    return rc;
}

static int adjust_deciding(struct arena *a, const struct monitor_reference *ref, double *p,
                           struct monitor_verdict *v)
{
    for (size_t i = 0; i < ref->n; i++)
        p[i] = shared_p(&ref->features[i], &v->features[i], v->features[i].method);
    int rc = stat_bh_adjust(a, p, ref->n, p);
    for (size_t i = 0; i < ref->n && !rc; i++)
        v->features[i].p_adjusted = p[i];
    return rc;
}

static void tally(const struct monitor_reference *ref, struct monitor_verdict *v)
{
    v->state = MONITOR_INSUFFICIENT;
    v->insufficient = v->ok = v->warnings = v->drifted = v->outputs_drifted = 0;
    v->worst_psi = v->output_psi = NAN;
    for (size_t i = 0; i < ref->n; i++) {
        struct monitor_feature_verdict *f = &v->features[i];
        double *worst = ref->features[i].output ? &v->output_psi : &v->worst_psi;
        *worst = fmax(*worst, f->tests[MONITOR_PSI].statistic); /* fmax passes NaN over */
        v->state = MAX(v->state, f->state);
        if (ref->features[i].output) {
            v->outputs_drifted += f->state == MONITOR_DRIFTED;
            continue;
        }
        v->insufficient += f->state == MONITOR_INSUFFICIENT;
        v->ok += f->state == MONITOR_OK;
        v->warnings += f->state == MONITOR_WARNING;
        v->drifted += f->state == MONITOR_DRIFTED;
    }
}

int monitor_verdict_settle(struct arena *a, const struct monitor_reference *ref,
                           const struct monitor_policy *policy, struct monitor_verdict *v,
                           struct err *err)
{
    double *p = ARENA_TRY_ARRAY(a, MAX(ref->n, (size_t)1), double);
    int rc = p ? 0 : ERR_NOMEM;
    for (size_t m = 0; m < MONITOR_METHODS && !rc; m++) {
        rc = adjust(a, ref, (enum monitor_method)m, 0, p, v);
        if (!rc)
            rc = adjust(a, ref, (enum monitor_method)m, 1, p, v);
    }
    if (!rc)
        rc = adjust_deciding(a, ref, p, v);
    if (rc)
        return ERR(err, rc, "out of memory for the verdict of a window");
    for (size_t i = 0; i < ref->n; i++) {
        struct monitor_feature_verdict *f = &v->features[i];
        for (size_t m = 0; m < MONITOR_METHODS; m++)
            f->tests[m].state =
                test_state(policy, (enum monitor_method)m, &f->tests[m], f->tests[m].p_adjusted);
        f->state = test_state(policy, f->method, &f->tests[f->method], f->p_adjusted);
    }
    tally(ref, v);
    return 0;
}

int monitor_judge(struct arena *a, const struct monitor_reference *ref,
                  const struct monitor_counts *counts, const struct monitor_policy *policy,
                  struct monitor_verdict *out, struct err *err)
{
    struct judge j = { .policy = policy };
    if (counts->ref != ref || (ref->n && !counts->features))
        return ERR(err, ERR_INVALID, "the counts of a window belong to another reference");
    if (!(policy->alpha > 0 && policy->alpha < 1) || policy->cells < 2)
        return ERR(err, ERR_INVALID,
                   "a monitor's alpha must lie between 0 and 1, its cells be 2 up");
    *out = (struct monitor_verdict){ .n = counts->rows, .features_n = ref->n };
    out->features = ARENA_TRY_ARRAY(a, MAX(ref->n, (size_t)1), struct monitor_feature_verdict);
    if (!out->features)
        return ERR(err, ERR_NOMEM, "out of memory for the verdict of a window");
    for (size_t i = 0; i < ref->n; i++)
        judge_feature(&j, &ref->features[i], &counts->features[i], &out->features[i]);
    int rc = monitor_verdict_settle(a, ref, policy, out, err);
    return rc ? rc
              : monitor_quality(a, counts, &policy->quality, &out->findings, &out->findings_n, err);
}

int monitor_judge_values(struct arena *a, const struct monitor_feature *f,
                         const struct monitor_values *reference,
                         const struct monitor_values *window, struct monitor_feature_verdict *v)
{
    struct monitor_test *ks = &v->tests[MONITOR_KS], *w1 = &v->tests[MONITOR_W1];
    double n = (double)reference->n, m = (double)window->n;
    uint64_t h;
    if (isnan(ks->p) || isnan(w1->p))
        return 0;
    ks->statistic = ks->effect =
        stat_ks_sorted(reference->sorted, reference->n, window->sorted, window->n, &h);
    int rc = stat_ks_p(a, reference->n, window->n, h, &ks->p);
    w1->statistic = w1->effect =
        stat_wasserstein_sorted(reference->sorted, reference->n, window->sorted, window->n) / f->sd;
    w1->p = null_tail(f->null_w1, 1, w1->statistic * sqrt(n * m / (n + m)));
    ks->cells = w1->cells = 0;
    return rc;
}

enum monitor_state monitor_streak(const enum monitor_state *newest_first, size_t n)
{
    size_t drifted = 0;
    if (n == 0)
        return MONITOR_INSUFFICIENT;
    for (size_t i = 0; i < MIN(n, (size_t)3); i++)
        drifted += newest_first[i] == MONITOR_DRIFTED;
    if (drifted >= 2)
        return MONITOR_DRIFTED;
    return newest_first[0] == MONITOR_DRIFTED ? MONITOR_WARNING : newest_first[0];
}

/* ---- writing ---- */
static void write_test(const struct monitor_test *t, enum monitor_method m, struct json_out *o)
{
    if (isnan(t->p))
        return;
    jo_key(o, method_names[m]);
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

/* A number, or null. */
static void number_or_null(struct json_out *o, const char *key, double v)
{
    jo_key(o, key);
    if (isnan(v))
        jo_null(o);
    else
        jo_double(o, v);
}

static void write_feature(const struct monitor_feature *f, const struct monitor_feature_verdict *v,
                          struct json_out *o)
{
    jo_object(o);
    jo_kv_str(o, "name", f->name);
    jo_kv_cstr(o, "kind", f->kind == MONITOR_NUMBER ? "number" : "category");
    jo_kv_bool(o, "output", f->output);
    jo_kv_cstr(o, "state", monitor_state_name(v->state));
    jo_kv_cstr(o, "method", method_names[v->method]);
    number_or_null(o, "p_adjusted", v->p_adjusted);
    jo_kv_int(o, "n", (int64_t)v->n);
    number_or_null(o, "mean", v->mean);
    number_or_null(o, "missing_ratio", v->missing_ratio);
    if (f->kind == MONITOR_NUMBER)
        number_or_null(o, "out_of_range", v->out_of_range);
    else
        number_or_null(o, "unseen", v->unseen);
    jo_key(o, "tests");
    jo_object(o);
    for (size_t m = 0; m < MONITOR_METHODS; m++)
        write_test(&v->tests[m], (enum monitor_method)m, o);
    jo_object_end(o);
    jo_object_end(o);
}

static void write_finding(const struct monitor_reference *ref, const struct monitor_finding *f,
                          struct json_out *o)
{
    jo_object(o);
    jo_kv_cstr(o, "check", monitor_check_name(f->check));
    jo_kv_bool(o, "severe", f->severe);
    if (f->feature >= 0)
        jo_kv_str(o, "feature", ref->features[f->feature].name);
    jo_kv_double(o, "value", f->value);
    jo_kv_double(o, "limit", f->limit);
    number_or_null(o, "p", f->p);
    jo_kv_cstr(o, "message", f->message);
    jo_object_end(o);
}

void monitor_verdict_write_members(const struct monitor_reference *ref,
                                   const struct monitor_verdict *v, struct json_out *o)
{
    jo_kv_cstr(o, "state", monitor_state_name(v->state));
    jo_kv_int(o, "rows", (int64_t)v->n);
    jo_kv_int(o, "drifted", (int64_t)v->drifted);
    jo_kv_int(o, "warnings", (int64_t)v->warnings);
    jo_kv_int(o, "ok", (int64_t)v->ok);
    jo_kv_int(o, "insufficient", (int64_t)v->insufficient);
    jo_kv_int(o, "outputs_drifted", (int64_t)v->outputs_drifted);
    jo_key(o, "features");
    jo_array(o);
    for (size_t i = 0; i < v->features_n; i++)
        write_feature(&ref->features[i], &v->features[i], o);
    jo_array_end(o);
    jo_key(o, "findings");
    jo_array(o);
    for (size_t i = 0; i < v->findings_n; i++)
        write_finding(ref, &v->findings[i], o);
    jo_array_end(o);
}

void monitor_verdict_write(const struct monitor_reference *ref, const struct monitor_verdict *v,
                           struct json_out *o)
{
    jo_object(o);
    monitor_verdict_write_members(ref, v, o);
    jo_object_end(o);
}
