/* SPDX-License-Identifier: Apache-2.0
 * Describing one column of numbers: moments, quantiles, histograms. NaN means missing and is
 * counted, never computed with; infinities are values. Pure functions; memory is the caller's. */
#pragma once
#include "base/macros.h"

/* Moments of the values that are not missing. */
struct stat_summary {
    size_t n;       /* values present */
    size_t missing; /* NaN */
    double mean;    /* NaN when n = 0, as min and max */
    double sd;      /* divisor n - 1, for people and tests; NaN when n < 2 */
    double sd_n;    /* divisor n, as scikit-learn's StandardScaler; NaN when n = 0 */
    double min, max;
};

/* Two passes (Chan, Golub, LeVeque 1983, corrected two-pass formula), compensated. */
void stat_describe(const double *x, size_t n, struct stat_summary *out);

/* Ascending sort of n values without NaN by 11-bit radix passes; scratch holds n doubles. -0 comes
 * before +0. Linear time, same result on every machine. */
void stat_sort(double *x, size_t n, double *scratch);
/* Copies the values that are not NaN into out (room for n), sorts them, returns their number. */
size_t stat_sorted_copy(const double *x, size_t n, double *out, double *scratch);
/* Quantile q in [0, 1] of sorted values by linear interpolation between order statistics: numpy's
 * default ("linear", type 7 of Hyndman and Fan 1996), same rounding. NaN when n = 0. */
double stat_quantile(const double *sorted, size_t n, double q);
/* Median of x; reorders x. NaN when n = 0. */
double stat_median(double *x, size_t n, double *scratch);

/* What fell outside the bins. */
struct stat_outside {
    uint64_t below, above, missing;
};

/* k + 1 equally spaced edges from low to high. Equal bounds are widened by 0.5 on both sides, as
 * numpy does. */
void stat_histogram_edges(double low, double high, size_t k, double *out_edges);
/* Counts values in k bins [edge[i], edge[i+1]), the last one closed (numpy's rule). Edges rise.
 * Counts are added to what out_counts holds, so that chunks may be counted one after another. */
void stat_histogram(const double *x, size_t n, const double *edges, size_t k, uint64_t *out_counts,
                    struct stat_outside *out);
