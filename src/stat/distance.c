/* SPDX-License-Identifier: Apache-2.0
 * Distances between distributions, in compensated sums. */
#include "stat/distance.h"

#include <math.h>

#include "stat/sum.h"

/* Both sums; 0 when one of them cannot be divided by. */
static int totals(const double *p, const double *q, size_t k, double out[2])
{
    out[0] = stat_sum(p, k);
    out[1] = stat_sum(q, k);
    return out[0] > 0 && out[1] > 0 && isfinite(out[0]) && isfinite(out[1]);
}

double stat_psi(const double *p, const double *q, size_t k)
{
    struct stat_acc sum = { 0 };
    double total[2];
    if (!totals(p, q, k, total))
        return NAN;
    for (size_t i = 0; i < k; i++) {
        double a = p[i] / total[0], b = q[i] / total[1];
        if (a == b)
            continue;
        if (a == 0 || b == 0)
            return INFINITY;
        stat_acc_add(&sum, (a - b) * log(a / b));
    }
    return stat_acc_value(&sum);
}

double stat_js(const double *p, const double *q, size_t k)
{
    struct stat_acc sum = { 0 };
    double total[2];
    if (!totals(p, q, k, total))
        return NAN;
    for (size_t i = 0; i < k; i++) {
        double a = p[i] / total[0], b = q[i] / total[1], mid = (a + b) / 2;
        if (a > 0)
            stat_acc_add(&sum, a * log(a / mid));
        if (b > 0)
            stat_acc_add(&sum, b * log(b / mid));
    }
    return sqrt(fmax(0, stat_acc_value(&sum)) / 2);
}

double stat_hellinger(const double *p, const double *q, size_t k)
{
    struct stat_acc sum = { 0 };
    double total[2];
    if (!totals(p, q, k, total))
        return NAN;
    for (size_t i = 0; i < k; i++) {
        double d = sqrt(p[i] / total[0]) - sqrt(q[i] / total[1]);
        stat_acc_add(&sum, d * d);
    }
    return sqrt(stat_acc_value(&sum) / 2);
}

double stat_total_variation(const double *p, const double *q, size_t k)
{
    struct stat_acc sum = { 0 };
    double total[2];
    if (!totals(p, q, k, total))
        return NAN;
    for (size_t i = 0; i < k; i++)
        stat_acc_add(&sum, fabs(p[i] / total[0] - q[i] / total[1]));
    return stat_acc_value(&sum) / 2;
}

double stat_ks_cells(const double *p, const double *q, size_t k)
{
    double total[2], a = 0, b = 0, worst = 0;
    if (!totals(p, q, k, total))
        return NAN;
    for (size_t i = 0; i + 1 < k; i++) {
        a += p[i];
        b += q[i];
        worst = fmax(worst, fabs(a / total[0] - b / total[1]));
    }
    return worst;
}

double stat_wasserstein_cells(const double *at, const double *p, const double *q, size_t k)
{
    struct stat_acc sum = { 0 };
    double total[2], a = 0, b = 0;
    if (!totals(p, q, k, total))
        return NAN;
    for (size_t i = 0; i + 1 < k; i++) {
        a += p[i];
        b += q[i];
        stat_acc_add(&sum, fabs(a / total[0] - b / total[1]) * (at[i + 1] - at[i]));
    }
    return stat_acc_value(&sum);
}

double stat_wasserstein_sorted(const double *x, size_t n, const double *y, size_t m)
{
    struct stat_acc sum = { 0 };
    size_t i = 0, j = 0;
    if (!n || !m)
        return NAN;
    double at = x[0] < y[0] ? x[0] : y[0];
    while (i < n || j < m) {
        double next = j == m || (i < n && x[i] <= y[j]) ? x[i] : y[j];
        if (next > at) {
            double apart = fabs((double)i / (double)n - (double)j / (double)m);
            stat_acc_add(&sum, apart * (next - at));
            at = next;
        }
        if (i < n && x[i] <= next)
            i++;
        else
            j++;
    }
    return stat_acc_value(&sum);
}

void stat_smooth(const double *count, size_t k, double *out)
{
    for (size_t i = 0; i < k; i++)
        out[i] = count[i] + 0.5;
}
