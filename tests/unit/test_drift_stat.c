/* SPDX-License-Identifier: Apache-2.0
 * Distances and tests of src/stat against scipy (tests/data/make_drift.py): sums to 1e-12, p-values
 * to 1e-9, both relative. */
#include "golden.h"
#include "test.h"

#include "base/rng.h"
#include "stat/describe.h"
#include "stat/dist.h"
#include "stat/distance.h"
#include "stat/hypothesis.h"
#include "stat/kolmogorov.h"

/* Relative to the golden number; below 1e-300 anything as small will do. */
static double apart(double got, double want)
{
    if (got == want || (isnan(got) && isnan(want)) || (fabs(want) < 1e-300 && fabs(got) < 1e-300))
        return 0;
    return fabs(got - want) / fabs(want);
}

static double item(const struct json *row, size_t i)
{
    return json_as_double(&row->items[i], NAN);
}

/* A cdf subtracted from one keeps sixteen digits of one, not of itself. */
static double apart_tail(double got, double want)
{
    return fabs(got - want) < 1e-15 ? 0 : apart(got, want);
}

TEST(drift_stat_kolmogorov_agrees_with_scipy)
{
    const struct json *rows = golden_at(golden_load("drift.json"), "kolmogorov");
    CHECK(rows->n > 400);
    for (size_t i = 0; i < rows->n; i++) {
        double n = item(&rows->items[i], 0), d = item(&rows->items[i], 1);
        double want = item(&rows->items[i], 2), got = dist_kolmogorov_sf((uint64_t)n, d);
        /* Above a million scipy takes an asymptotic formula for the one-sided tail. */
        if (!(apart_tail(got, want) < (n > 1e6 ? 1e-5 : 1e-9)))
            TEST_FAIL("n %g d %.17g: %.17g, scipy has %.17g", n, d, got, want);
    }
    CHECK(isnan(dist_kolmogorov_sf(0, 0.1)) && isnan(dist_kolmogorov_sf(5, NAN)));
}

TEST(drift_stat_smirnov_agrees_with_scipy)
{
    const struct json *rows = golden_at(golden_load("drift.json"), "smirnov");
    for (size_t i = 0; i < rows->n; i++) {
        double n = item(&rows->items[i], 0), d = item(&rows->items[i], 1);
        double want = item(&rows->items[i], 2), got = dist_smirnov_sf((uint64_t)n, d);
        if (!(apart(got, want) < 1e-9))
            TEST_FAIL("n %g d %.17g: %.17g, scipy has %.17g", n, d, got, want);
    }
}

TEST(drift_stat_two_samples_agree_with_scipy)
{
    const struct json *sets = golden_at(golden_load("drift.json"), "samples");
    AUTO(arena_fini) struct arena a;
    arena_init(&a, MIB(64));
    for (size_t s = 0; s < sets->n; s++) {
        const struct json *set = &sets->items[s];
        size_t n, m;
        double *x = golden_array(set, "x", &n), *y = golden_array(set, "y", &m);
        double scratch[400], p;
        uint64_t h;
        stat_sort(x, n, scratch);
        stat_sort(y, m, scratch);
        CHECK(apart(stat_ks_sorted(x, n, y, m, &h), golden_number(set, "d")) < 1e-15);
        AZ(stat_ks_p(&a, n, m, h, &p));
        CHECK_NEAR(p, golden_number(set, "p_exact"), 1e-9);
        AZ(stat_ks_p(&a, m, n, h, &p));
        CHECK_NEAR(p, golden_number(set, "p_exact"), 1e-9);
        double sizes = (double)n * (double)m / (double)(n + m);
        p = dist_kolmogorov_sf((uint64_t)nearbyint(sizes), golden_number(set, "d"));
        CHECK(apart_tail(p, golden_number(set, "p_asymp")) < 1e-9);
        CHECK(apart(stat_wasserstein_sorted(x, n, y, m), golden_number(set, "w1")) < 1e-12);
    }
    CHECK(isnan(stat_wasserstein_sorted(NULL, 0, NULL, 0)));
    CHECK(stat_ks_sorted(NULL, 0, NULL, 0, NULL) == 0);
}

TEST(drift_stat_exact_p_agrees_with_scipy)
{
    const struct json *rows = golden_at(golden_load("drift.json"), "paths");
    AUTO(arena_fini) struct arena a;
    arena_init(&a, MIB(64));
    for (size_t i = 0; i < rows->n; i++) {
        const struct json *row = &rows->items[i];
        double p;
        AZ(stat_ks_p(&a, (size_t)item(row, 0), (size_t)item(row, 1), (uint64_t)item(row, 2), &p));
        if (!(apart(p, item(row, 3)) < 1e-9))
            TEST_FAIL("n %g m %g h %g: %.17g, scipy has %.17g", item(row, 0), item(row, 1),
                      item(row, 2), p, item(row, 3));
    }
}

TEST(drift_stat_cells_agree_with_scipy)
{
    const struct json *sets = golden_at(golden_load("drift.json"), "cells");
    for (size_t s = 0; s < sets->n; s++) {
        const struct json *set = &sets->items[s], *e;
        size_t k;
        double *p = golden_array(set, "p", &k), *q = golden_array(set, "q", &k);
        double *at = golden_array(set, "at", &k);
        CHECK(apart(stat_js(p, q, k), golden_number(set, "js")) < 1e-12);
        CHECK(apart(stat_hellinger(p, q, k), golden_number(set, "hellinger")) < 1e-12);
        CHECK(apart(stat_total_variation(p, q, k), golden_number(set, "tv")) < 1e-12);
        CHECK(apart(stat_ks_cells(p, q, k), golden_number(set, "ks")) < 1e-12);
        CHECK(apart(stat_wasserstein_cells(at, p, q, k), golden_number(set, "w1")) < 1e-12);
        if (json_get(set, "psi"))
            CHECK(apart(stat_psi(p, q, k), golden_number(set, "psi")) < 1e-12);
        else
            CHECK(isinf(stat_psi(p, q, k)));
        if ((e = json_get(set, "expected"))) {
            struct stat_test t = stat_chi2_expected(q, p, k);
            CHECK(apart(t.statistic, item(e, 0)) < 1e-12 && apart(t.p, item(e, 1)) < 1e-9);
        }
        for (int yates = 0; yates < 2; yates++) {
            e = golden_at(set, yates ? "table_yates" : "table");
            struct stat_test t = stat_chi2_two_rows(p, q, k, yates);
            CHECK(apart(t.statistic, item(e, 0)) < 1e-12 && apart(t.p, item(e, 1)) < 1e-9);
            CHECK(t.df == item(e, 2));
        }
    }
    double none[3] = { 0 }, some[3] = { 1, 2, 3 }, smooth[3];
    CHECK(isnan(stat_psi(none, some, 3)) && isnan(stat_js(some, none, 3)));
    CHECK(isnan(stat_chi2_two_rows(none, some, 3, 0).p) && isnan(stat_psi(some, some, 0)));
    CHECK(stat_psi(some, some, 3) == 0 && stat_chi2_expected(some, none, 3).p != 0);
    CHECK(stat_chi2_expected(some, (double[]){ 0, 1, 1 }, 3).p == 0);
    stat_smooth(some, 3, smooth);
    CHECK(smooth[0] == 1.5 && smooth[2] == 3.5);
}

TEST(drift_stat_proportions_and_counts_agree_with_scipy)
{
    const struct json *g = golden_load("drift.json"), *rows = golden_at(g, "proportions");
    for (size_t i = 0; i < rows->n; i++) {
        const struct json *r = &rows->items[i];
        struct stat_test t = stat_proportions(item(r, 0), item(r, 1), item(r, 2), item(r, 3));
        CHECK(apart(t.statistic, item(r, 4)) < 1e-12 && apart(t.p, item(r, 5)) < 1e-9);
    }
    CHECK(stat_proportions(0, 5, 0, 9).p == 1 && isnan(stat_proportions(0, 0, 1, 9).p));
    CHECK(isnan(stat_proportions(6, 5, 1, 9).p));
    rows = golden_at(g, "poisson");
    for (size_t i = 0; i < rows->n; i++) {
        const struct json *r = &rows->items[i];
        CHECK(apart(dist_poisson_cdf(item(r, 0), item(r, 1)), item(r, 2)) < 1e-9);
        CHECK(apart(dist_poisson_sf(item(r, 0), item(r, 1)), item(r, 3)) < 1e-9);
    }
    CHECK(stat_poisson(0, 20).p < 1e-8 && stat_poisson(20, 20).p > 0.8);
    CHECK(stat_poisson(0, 0).p == 1);
}

TEST(drift_stat_adjusted_p_agree_with_scipy)
{
    const struct json *sets = golden_at(golden_load("drift.json"), "adjusted");
    AUTO(arena_fini) struct arena a;
    arena_init(&a, MIB(1));
    for (size_t s = 0; s < sets->n; s++) {
        size_t n;
        double *p = golden_array(&sets->items[s], "p", &n);
        double *want = golden_array(&sets->items[s], "adjusted", &n);
        AZ(stat_bh_adjust(&a, p, n, p));
        for (size_t i = 0; i < n; i++)
            CHECK(apart(p[i], want[i]) < 1e-12);
    }
    double p[] = { NAN, 0.01, NAN, 0.04 };
    AZ(stat_bh_adjust(&a, p, 4, p));
    CHECK(isnan(p[0]) && isnan(p[2]) && p[1] == 0.02 && p[3] == 0.04);
    AZ(stat_bh_adjust(&a, NULL, 0, NULL));
}
