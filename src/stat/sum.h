/* SPDX-License-Identifier: Apache-2.0
 * Compensated sums: the rounding error of every addition is caught by Knuth's two-sum and added
 * back at the end (Ogita, Rump, Oishi 2005, "Accurate sum and dot product"), so a sum of a million
 * values is right to about one unit in the last place. The order is that of the rows, hence the
 * result repeats bit for bit. Any thread. */
#pragma once
#include <math.h>

#include "base/macros.h"

/* A running sum; all zero is empty. Two of them may be merged in a fixed order. */
struct stat_acc {
    double sum;   /* rounded sum so far */
    double error; /* sum of the rounding errors */
};

static inline void stat_acc_add(struct stat_acc *a, double x)
{
    double s = a->sum + x, z = s - a->sum;
    a->error += (a->sum - (s - z)) + (x - z);
    a->sum = s;
}

/* The sum; past an overflow or a NaN the error term means nothing and is left out. */
static inline double stat_acc_value(const struct stat_acc *a)
{
    return isfinite(a->sum) ? a->sum + a->error : a->sum;
}

static inline void stat_acc_merge(struct stat_acc *a, const struct stat_acc *b)
{
    stat_acc_add(a, b->sum);
    a->error += b->error;
}

/* A running sum in four interleaved compensated lanes, for long arrays: all zero is empty. The
 * number of values of every call but the last should be a multiple of 4, else the tail goes to lane
 * 0 alone, which is right but not the same bits as one long call. */
enum { STAT_LANES = 4 };
struct stat_lanes {
    double sum[STAT_LANES], error[STAT_LANES];
};
void stat_lanes_add(struct stat_lanes *a, const double *x, size_t n);
double stat_lanes_value(const struct stat_lanes *a);

/* Rows that loops over derived values (errors, squares) work on at a time. */
enum { STAT_BLOCK = 256 };

/* Sum of n values; 0 for none. Lanes as above. */
double stat_sum(const double *x, size_t n);
/* Mean of n values, corrected by the mean of the deviations; NaN for none. Exact when all
 * values are equal. */
double stat_mean(const double *x, size_t n);
