/* SPDX-License-Identifier: Apache-2.0
 * The lane count is part of the result: changing it changes last digits. The inner loop has no
 * branch and no dependency between lanes, so the compiler turns it into vector code, whose width
 * does not change the result. */
#include "stat/sum.h"

enum { LANES = 8 };

double stat_sum(const double *x, size_t n)
{
    double sum[LANES] = { 0 }, error[LANES] = { 0 };
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (int l = 0; l < LANES; l++) {
            double v = x[i + (size_t)l], s = sum[l] + v, z = s - sum[l];
            error[l] += (sum[l] - (s - z)) + (v - z);
            sum[l] = s;
        }
    }
    struct stat_acc total = { 0 };
    for (int l = 0; l < LANES; l++)
        stat_acc_merge(&total, &(struct stat_acc){ sum[l], error[l] });
    for (; i < n; i++)
        stat_acc_add(&total, x[i]);
    return stat_acc_value(&total);
}

double stat_mean(const double *x, size_t n)
{
    if (!n)
        return NAN;
    double mean = stat_sum(x, n) / (double)n;
    if (!isfinite(mean))
        return mean;
    struct stat_acc rest = { 0 };
    int constant = 1;
    for (size_t i = 0; i < n; i++) {
        stat_acc_add(&rest, x[i] - mean);
        constant &= x[i] == x[0];
    }
    if (constant)
        return x[0];
    return mean + stat_acc_value(&rest) / (double)n;
}
