/* SPDX-License-Identifier: Apache-2.0
 * src/stat against numpy, scipy and scikit-learn (tests/data/make_stat.py). */
#include "golden.h"
#include "test.h"

#include "base/rng.h"
#include "stat/describe.h"
#include "stat/dist.h"
#include "stat/interval.h"
#include "stat/sum.h"

TEST(stat_sum_is_compensated)
{
    double x[1001];
    for (size_t i = 0; i < 1000; i++)
        x[i] = i % 2 ? -1e16 : 1e16;
    x[1000] = 1;
    x[500] += 0; /* 1e16 - 1e16 + … + 1 */
    CHECK(stat_sum(x, 1001) == 1);
    for (size_t i = 0; i < 1001; i++)
        x[i] = 0.1;
    CHECK(stat_sum(x, 1000) == 100);
    CHECK(stat_sum(x, 0) == 0);
    CHECK(isnan(stat_mean(x, 0)));
    x[3] = INFINITY;
    CHECK(isinf(stat_sum(x, 1000)));
}

TEST(stat_columns_agree_with_numpy)
{
    const struct json *g = golden_load("stat.json"), *sets = golden_at(g, "columns");
    for (size_t s = 0; s < sets->n; s++) {
        const struct json *set = &sets->items[s];
        size_t n, k, m;
        double *x = golden_array(set, "x", &n), *q = golden_array(set, "q", &k);
        double *want = golden_array(set, "quantiles", &k), *edges = golden_array(set, "edges", &m);
        double *counts = golden_array(set, "counts", &m), sorted[400], scratch[400], own_edges[11];
        struct stat_summary d;
        struct stat_outside outside = { 0 };
        uint64_t own[10] = { 0 };
        stat_describe(x, n, &d);
        CHECK_INT(d.n, n);
        CHECK_NEAR(d.mean, golden_number(set, "mean"), 1e-16);
        double m2 = golden_number(set, "m2");
        if (strcmp(json_get_string(set, "name", ""), "constant") == 0)
            m2 = 0; /* numpy in long double leaves 1e-34 */
        CHECK_NEAR(d.sd_n, sqrt(m2 / (double)n), 4e-16);
        CHECK_NEAR(d.sd, n > 1 ? sqrt(m2 / (double)(n - 1)) : NAN, 4e-16);
        CHECK(d.min == golden_number(set, "min") && d.max == golden_number(set, "max"));
        CHECK_INT(stat_sorted_copy(x, n, sorted, scratch), n);
        for (size_t i = 0; i < k; i++)
            CHECK(stat_quantile(sorted, n, q[i]) == want[i]);
        stat_histogram_edges(d.min, d.max, 10, own_edges);
        for (size_t i = 0; i <= 10; i++)
            CHECK(own_edges[i] == edges[i]);
        stat_histogram(x, n, edges, 10, own, &outside);
        for (size_t i = 0; i < 10; i++)
            CHECK_INT(own[i], counts[i]);
        CHECK_INT(outside.below + outside.above + outside.missing, 0);
    }
}

TEST(stat_missing_values_are_counted)
{
    double x[] = { 1, NAN, 3, -5, 9, NAN }, edges[] = { 0, 1, 4 };
    struct stat_summary d;
    struct stat_outside o = { 0 };
    uint64_t counts[2] = { 0 };
    stat_describe(x, 6, &d);
    CHECK_INT(d.n, 4);
    CHECK_INT(d.missing, 2);
    CHECK(d.mean == 2 && d.min == -5 && d.max == 9);
    stat_histogram(x, 6, edges, 2, counts, &o);
    CHECK(counts[0] == 0 && counts[1] == 2 && o.below == 1 && o.above == 1 && o.missing == 2);
    stat_describe(x + 1, 1, &d);
    CHECK(d.n == 0 && isnan(d.mean) && isnan(d.min) && isnan(d.sd));
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

TEST(stat_sort_agrees_with_qsort)
{
    enum { N = 5000 };
    static double x[N], want[N], scratch[N];
    struct rng r;
    rng_seed(&r, 5);
    for (size_t round = 0; round < 20; round++) {
        size_t n = round < 3 ? round : (size_t)rng_below(&r, N);
        for (size_t i = 0; i < n; i++)
            x[i] = round % 2 ? rng_normal(&r) : (double)rng_below(&r, 100) - 50;
        if (n > 10)
            x[3] = -INFINITY, x[4] = INFINITY, x[5] = 1e-310;
        memcpy(want, x, sizeof x);
        qsort(want, n, sizeof *want, by_value);
        stat_sort(x, n, scratch);
        CHECK(memcmp(x, want, n * sizeof *x) == 0);
    }
}

static double call_dist(const char *f, double x, double a, double b)
{
    if (strcmp(f, "normal_cdf") == 0)
        return dist_normal_cdf(x);
    if (strcmp(f, "normal_sf") == 0)
        return dist_normal_sf(x);
    if (strcmp(f, "normal_ppf") == 0)
        return dist_normal_ppf(x);
    if (strcmp(f, "t_cdf") == 0)
        return dist_t_cdf(x, a);
    if (strcmp(f, "t_sf") == 0)
        return dist_t_sf(x, a);
    if (strcmp(f, "t_ppf") == 0)
        return dist_t_ppf(x, a);
    if (strcmp(f, "f_cdf") == 0)
        return dist_f_cdf(x, a, b);
    if (strcmp(f, "f_sf") == 0)
        return dist_f_sf(x, a, b);
    if (strcmp(f, "f_ppf") == 0)
        return dist_f_ppf(x, a, b);
    if (strcmp(f, "f_isf") == 0)
        return dist_f_isf(x, a, b);
    if (strcmp(f, "chi2_cdf") == 0)
        return dist_chi2_cdf(x, a);
    if (strcmp(f, "chi2_sf") == 0)
        return dist_chi2_sf(x, a);
    if (strcmp(f, "chi2_ppf") == 0)
        return dist_chi2_ppf(x, a);
    if (strcmp(f, "chi2_isf") == 0)
        return dist_chi2_isf(x, a);
    TEST_FAIL("no function %s", f);
}

/* Relative 1e-12 down to 1e-290, also for tiny probabilities. */
TEST(stat_distributions_agree_with_scipy)
{
    const struct json *rows = golden_at(golden_load("stat.json"), "distributions");
    CHECK(rows->n > 500);
    for (size_t i = 0; i < rows->n; i++) {
        const struct json *r = rows->items[i].items;
        const char *f = r[0].string.p;
        double want = r[4].number, got = call_dist(f, r[1].number, r[2].number, r[3].number);
        double tolerance = 1e-12 * fmax(fabs(want), 1e-290);
        if (!(fabs(got - want) <= tolerance || got == want))
            TEST_FAIL("%s(%.17g, %g, %g) is %.17g, want %.17g (relative %.3g)", f, r[1].number,
                      r[2].number, r[3].number, got, want, got / want - 1);
    }
}

TEST(stat_distributions_refuse_what_is_outside)
{
    CHECK(isnan(dist_t_sf(1, 0)) && isnan(dist_t_sf(NAN, 3)) && isnan(dist_t_ppf(1.5, 3)));
    CHECK(isnan(dist_f_sf(1, -1, 2)) && isnan(dist_chi2_cdf(1, -2)) &&
          isnan(dist_normal_ppf(-0.1)));
    CHECK(dist_f_sf(-1, 2, 3) == 1 && dist_f_sf(INFINITY, 2, 3) == 0 && dist_chi2_sf(0, 3) == 1);
    CHECK(dist_normal_ppf(0) == -INFINITY && dist_t_ppf(1, 4) == INFINITY &&
          dist_f_ppf(0, 1, 2) == 0);
    CHECK(dist_t_sf(1.5, INFINITY) == dist_normal_sf(1.5) && dist_t_sf(1e200, 5) < 1e-300);
}

TEST(stat_metrics_agree_with_sklearn)
{
    const struct json *sets = golden_at(golden_load("stat.json"), "metrics");
    for (size_t s = 0; s < sets->n; s++) {
        size_t n;
        double *y = golden_array(&sets->items[s], "y", &n),
               *p = golden_array(&sets->items[s], "p", &n);
        double scratch[400];
        struct regression_metrics got;
        regression_metrics_compute(y, p, n, scratch, &got);
        CHECK_INT(got.n, n);
        for (int m = 0; m < REGRESSION_N; m++) {
            const struct json *want =
                json_path(golden_at(&sets->items[s], "metrics"), regression_metric_info(m)->name);
            double value = regression_metric_get(&got, m);
            if (!want)
                CHECK(isnan(value));
            else if (fabs(value - want->number) > 4e-15 * fmax(1, fabs(want->number)))
                TEST_FAIL("set %zu: %s is %.17g, want %.17g", s, regression_metric_info(m)->name,
                          value, want->number);
        }
    }
    struct regression_metrics none;
    regression_metrics_compute(NULL, NULL, 0, NULL, &none);
    CHECK(none.n == 0 && isnan(none.rmse) && isnan(none.r2));
}

/* Our 2,000 resamples against scipy's 200,000: within 8 % of the width, about three standard errors
 * of a 2.5 % quantile estimated from 2,000. */
static void check_bootstrap(const struct json *g)
{
    struct arena a;
    struct regression_report r, again;
    struct stat_comparison c;
    size_t n, two;
    double *y = golden_array(g, "y", &n), *p = golden_array(g, "p", &n),
           *q = golden_array(g, "q", &n);
    arena_init(&a, MIB(16));
    AZ(regression_report_compute(&a, y, p, n, 42, &r));
    for (int m = 0; m < REGRESSION_N; m++) {
        const char *name = regression_metric_info(m)->name;
        const struct json *want = json_path(golden_at(g, "bca"), name);
        if (!want)
            continue;
        double *ci = golden_array(want, "", &two), room = 0.08 * (ci[1] - ci[0]);
        if (!(fabs(r.metric[m].low - ci[0]) < room && fabs(r.metric[m].high - ci[1]) < room))
            TEST_FAIL("%s in [%g, %g], want [%g, %g]", name, r.metric[m].low, r.metric[m].high,
                      ci[0], ci[1]);
    }
    AZ(regression_report_compute(&a, y, p, n, 42, &again));
    CHECK(memcmp(&r, &again, sizeof r) == 0);
    AZ(regression_compare(&a, y, p, q, n, 42, &c));
    double *d = golden_array(g, "difference", &two), room = 0.08 * (d[2] - d[1]);
    CHECK_NEAR(c.difference.value, d[0], 1e-13);
    CHECK(fabs(c.difference.low - d[1]) < room && fabs(c.difference.high - d[2]) < room);
    CHECK(c.bootstrap);
    CHECK_NEAR(c.p, d[3], 0.06);
    AZ(regression_compare(&a, y, p, p, n, 42, &c));
    CHECK(c.p == 1 && c.difference.value == 0 && c.difference.low == 0 && c.difference.high == 0);
    arena_fini(&a);
}

TEST(stat_bootstrap_agrees_with_scipy)
{
    check_bootstrap(golden_at(golden_load("stat.json"), "intervals.plain"));
}

TEST(stat_bootstrap_agrees_with_scipy_when_errors_are_skewed)
{
    check_bootstrap(golden_at(golden_load("stat.json"), "intervals.skewed"));
}

static void make_predictions(double *y, double *p, double *q, size_t n, uint64_t seed)
{
    struct rng r;
    rng_seed(&r, seed);
    for (size_t i = 0; i < n; i++) {
        y[i] = 150 + 70 * rng_normal(&r);
        p[i] = 70 + 0.5 * y[i] + 40 * rng_normal(&r);
        q[i] = p[i] + 5 * rng_normal(&r);
    }
}

/* Around the border of the two methods the intervals must not jump. */
TEST(stat_delta_method_continues_the_bootstrap)
{
    enum { N = STAT_BOOTSTRAP_ROWS + 1 };
    static double y[N], p[N], q[N];
    struct arena a;
    struct regression_report small, large;
    struct stat_comparison c1, c2;
    arena_init(&a, MIB(64));
    make_predictions(y, p, q, N, 9);
    AZ(regression_report_compute(&a, y, p, N - 1, 1, &small));
    AZ(regression_report_compute(&a, y, p, N, 1, &large));
    for (int m = 0; m < REGRESSION_N; m++) {
        double width = small.metric[m].high - small.metric[m].low;
        if (m == REGRESSION_MAX_ERROR) {
            CHECK(isnan(large.metric[m].low));
            continue;
        }
        /* mape is very skewed here: the truth passes near zero. */
        double room = (m == REGRESSION_MAPE ? 2.0 : 0.1) * width;
        if (!(fabs(small.metric[m].low - large.metric[m].low) < room &&
              fabs(small.metric[m].high - large.metric[m].high) < room))
            TEST_FAIL("%s: [%g, %g] and [%g, %g]", regression_metric_info(m)->name,
                      small.metric[m].low, small.metric[m].high, large.metric[m].low,
                      large.metric[m].high);
    }
    AZ(regression_compare(&a, y, p, q, N - 1, 1, &c1));
    AZ(regression_compare(&a, y, p, q, N, 1, &c2));
    CHECK(c1.bootstrap && !c2.bootstrap);
    CHECK(fabs(c1.difference.low - c2.difference.low) <
          0.1 * (c2.difference.high - c2.difference.low));
    CHECK(fabs(c1.p - c2.p) < 0.05);
    arena_fini(&a);
}

/* 95 % intervals hold the truth about 95 % of the time: 400 data sets of 60 rows. Each error is a
 * normal with variance 1600 + (0.5·70)² around a bias of -5, so the true rmse is known. */
TEST(stat_intervals_cover)
{
    enum { N = 60, ROUNDS = 400 };
    double y[N], p[N], q[N], truth = sqrt(1600 + 0.25 * 4900 + 25);
    int hit = 0, bias = 0;
    struct arena a;
    arena_init(&a, MIB(16));
    for (uint64_t s = 0; s < ROUNDS; s++) {
        struct regression_report r;
        make_predictions(y, p, q, N, 1000 + s);
        AZ(regression_report_compute(&a, y, p, N, s, &r));
        hit += r.metric[REGRESSION_RMSE].low <= truth && truth <= r.metric[REGRESSION_RMSE].high;
        bias += r.metric[REGRESSION_BIAS].low <= -5 && -5 <= r.metric[REGRESSION_BIAS].high;
    }
    if (hit < 360 || hit > 396 || bias < 360 || bias > 396)
        TEST_FAIL("%d and %d of %d", hit, bias, ROUNDS);
    arena_fini(&a);
}

TEST(stat_intervals_of_few_rows)
{
    double y[] = { 1, 2, 2, 2, 2, 2, 2 }, p[] = { 1.5, 2, 3, 2, 2, 2, 2 };
    struct arena a;
    struct regression_report r;
    struct stat_comparison c;
    arena_init(&a, MIB(16));
    AZ(regression_report_compute(&a, y, p, 0, 1, &r));
    CHECK(isnan(r.metric[0].value) && isnan(r.metric[0].low));
    AZ(regression_report_compute(&a, y, p, 1, 1, &r));
    CHECK(r.metric[REGRESSION_RMSE].value == 0.5 && isnan(r.metric[REGRESSION_RMSE].high));
    AZ(regression_report_compute(&a, y, p, 5, 1, &r));
    CHECK(isnan(r.metric[REGRESSION_MEDAE].low)); /* 1 - 2·(1/2)^5 < 95 % */
    AZ(regression_report_compute(&a, y, p, 7, 1, &r));
    CHECK(r.metric[REGRESSION_MEDAE].low == 0 && r.metric[REGRESSION_MEDAE].high == 1);
    AZ(regression_report_compute(&a, y + 1, y + 1, 6, 1, &r)); /* constant truth, perfect */
    CHECK(r.metric[REGRESSION_R2].value == 1 && r.metric[REGRESSION_R2].low == 1);
    AZ(regression_compare(&a, y, p, p, 1, 1, &c));
    CHECK(isnan(c.p) && isnan(c.difference.low) && c.difference.value == 0);
    arena_fini(&a);
}

/* A constant prediction has r2 at the border of what resamples give: the interval still holds it.
 */
TEST(stat_intervals_hold_their_value)
{
    struct arena a;
    struct regression_report report;
    double y[81], mean[81];
    arena_init(&a, MIB(64));
    for (double off = 0; off < 3; off += 0.05) {
        for (int i = 0; i < 81; i++) {
            y[i] = i * 37 % 81;
            mean[i] = 40 + off;
        }
        CHECK_OK(regression_report_compute(&a, y, mean, 81, 1, &report));
        for (int m = 0; m < REGRESSION_N; m++) {
            const struct stat_interval *v = &report.metric[m];
            CHECK(isnan(v->low) || (v->low <= v->value && v->value <= v->high));
        }
    }
    arena_fini(&a);
}

/* The closed form in Python 3.11, z of 0.975. */
TEST(wilson_intervals)
{
    static const struct {
        uint64_t k, n;
        double low, high;
    } cases[] = { { 0, 10, 0, 0.2775327998628892 },
                  { 3, 100, 0.010254524024038928, 0.08451936429052762 },
                  { 50, 50, 0.9286524008666414, 1 } };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        double low, high;
        stat_wilson(cases[i].k, cases[i].n, &low, &high);
        CHECK(fabs(low - cases[i].low) < 1e-12 && fabs(high - cases[i].high) < 1e-12);
    }
}
