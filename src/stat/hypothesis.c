/* SPDX-License-Identifier: Apache-2.0
 * Tests of counts and proportions. */
#include "stat/hypothesis.h"

#include <math.h>
#include <stdlib.h>

#include "stat/dist.h"
#include "stat/sum.h"

static const struct stat_test undefined = { NAN, NAN, NAN };

struct stat_test stat_chi2_expected(const double *observed, const double *expected, size_t k)
{
    double scale = stat_sum(observed, k) / stat_sum(expected, k);
    struct stat_acc sum = { 0 };
    if (k < 2 || !isfinite(scale) || scale <= 0)
        return undefined;
    for (size_t i = 0; i < k; i++) {
        double e = expected[i] * scale, d = observed[i] - e;
        if (d != 0)
            stat_acc_add(&sum, d * d / e);
    }
    struct stat_test t = { .statistic = stat_acc_value(&sum), .df = (double)(k - 1) };
    t.p = isinf(t.statistic) ? 0 : dist_chi2_sf(t.statistic, t.df);
    return t;
}

struct stat_test stat_chi2_two_rows(const double *a, const double *b, size_t k, int yates)
{
    double n = stat_sum(a, k), m = stat_sum(b, k), all = n + m;
    struct stat_acc sum = { 0 };
    size_t used = 0;
    if (!(n > 0 && m > 0))
        return undefined;
    for (size_t i = 0; i < k; i++)
        used += a[i] + b[i] > 0;
    if (used < 2)
        return undefined;
    for (size_t i = 0; i < k; i++) {
        double column = a[i] + b[i];
        if (!(column > 0))
            continue;
        double e = column / all * n, f = column / all * m, d = fabs(a[i] - e);
        if (yates && used == 2)
            d -= fmin(0.5, d);
        stat_acc_add(&sum, d * d / e);
        stat_acc_add(&sum, d * d / f);
    }
    struct stat_test t = { .statistic = stat_acc_value(&sum), .df = (double)(used - 1) };
    t.p = dist_chi2_sf(t.statistic, t.df);
    return t;
}

struct stat_test stat_proportions(double x1, double n1, double x2, double n2)
{
    if (!(n1 > 0 && n2 > 0 && x1 >= 0 && x2 >= 0 && x1 <= n1 && x2 <= n2))
        return undefined;
    double share = (x1 + x2) / (n1 + n2), variance = share * (1 - share) * (1 / n1 + 1 / n2);
    if (!(variance > 0))
        return (struct stat_test){ 0, 1, INFINITY };
    double z = (x1 / n1 - x2 / n2) / sqrt(variance);
    return (struct stat_test){ z, fmin(1, 2 * dist_normal_sf(fabs(z))), INFINITY };
}

struct stat_test stat_poisson(double count, double mean)
{
    if (!(count >= 0 && mean >= 0))
        return undefined;
    double low = dist_poisson_cdf(count, mean), high = dist_poisson_sf(count - 1, mean);
    return (struct stat_test){ count - mean, fmin(1, 2 * fmin(low, high)), mean };
}

struct ranked {
    double p;
    size_t index;
};

static int by_p_down(const void *a, const void *b)
{
    double x = ((const struct ranked *)a)->p, y = ((const struct ranked *)b)->p;
    return (x < y) - (x > y);
}

int stat_bh_adjust(struct arena *a, const double *p, size_t n, double *out)
{
    struct arena_mark mark = arena_snapshot(a);
    struct ranked *r = ARENA_TRY_ARRAY(a, n, struct ranked);
    size_t m = 0;
    double least = 1;
    if (n && !r)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        if (isnan(p[i]))
            out[i] = NAN;
        else
            r[m++] = (struct ranked){ p[i], i };
    }
    qsort(r, m, sizeof *r, by_p_down);
    for (size_t i = 0; i < m; i++) { /* the largest p has rank m */
        least = fmin(least, r[i].p * (double)m / (double)(m - i));
        out[r[i].index] = least;
    }
    arena_restore(a, mark);
    return 0;
}
