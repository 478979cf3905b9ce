/* SPDX-License-Identifier: Apache-2.0
 * The lane count is part of the result: changing it changes last digits. The vector type is lowered
 * to what the machine has, which does not change the result. */
#include "stat/sum.h"

#include <string.h>

typedef double v4d __attribute__((vector_size(8 * STAT_LANES)));

void stat_lanes_add(struct stat_lanes *a, const double *x, size_t n)
{
    v4d sum, error, v;
    size_t i = 0;
    memcpy(&sum, a->sum, sizeof sum);
    memcpy(&error, a->error, sizeof error);
    for (; i + STAT_LANES <= n; i += STAT_LANES) {
        memcpy(&v, x + i, sizeof v);
        v4d s = sum + v, z = s - sum;
        error += (sum - (s - z)) + (v - z);
        sum = s;
    }
    memcpy(a->sum, &sum, sizeof sum);
    memcpy(a->error, &error, sizeof error);
    for (; i < n; i++) {
        double s = a->sum[0] + x[i], z = s - a->sum[0];
        a->error[0] += (a->sum[0] - (s - z)) + (x[i] - z);
        a->sum[0] = s;
    }
}

double stat_lanes_value(const struct stat_lanes *a)
{
    struct stat_acc total = { 0 };
    for (int l = 0; l < STAT_LANES; l++)
        stat_acc_merge(&total, &(struct stat_acc){ a->sum[l], a->error[l] });
    return stat_acc_value(&total);
}

double stat_sum(const double *x, size_t n)
{
    struct stat_lanes a = { 0 };
    stat_lanes_add(&a, x, n);
    return stat_lanes_value(&a);
}

double stat_mean(const double *x, size_t n)
{
    if (!n)
        return NAN;
    double mean = stat_sum(x, n) / (double)n, off[STAT_BLOCK];
    if (!isfinite(mean))
        return mean;
    struct stat_lanes rest = { 0 };
    int constant = 1;
    for (size_t at = 0; at < n; at += STAT_BLOCK) {
        size_t m = MIN(n - at, (size_t)STAT_BLOCK);
        for (size_t i = 0; i < m; i++) {
            off[i] = x[at + i] - mean;
            constant &= x[at + i] == x[0];
        }
        stat_lanes_add(&rest, off, m);
    }
    if (constant)
        return x[0];
    return mean + stat_lanes_value(&rest) / (double)n;
}
