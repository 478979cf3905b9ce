/* SPDX-License-Identifier: Apache-2.0
 * Tests of counts and proportions, and what to do with many p-values at once. Counts are doubles
 * that hold whole numbers. Pure; any thread. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

struct stat_test {
    double statistic, p; /* NaN when the test is not defined */
    double df;
};

/* Pearson's chi-squared of observed counts against expected ones, which are scaled to the same
 * total; df = k - 1. An expected 0 with an observed count gives an infinite statistic. */
struct stat_test stat_chi2_expected(const double *observed, const double *expected, size_t k);

/* Chi-squared of the table whose two rows are a and b; df = columns that are not empty in both,
 * - 1. yates = 1: with the continuity correction when df = 1, as scipy's chi2_contingency does. */
struct stat_test stat_chi2_two_rows(const double *a, const double *b, size_t k, int yates);

/* Two-sided z-test of equal proportions x1/n1 and x2/n2 with the pooled variance. When the pooled
 * share is 0 or 1 nothing can differ: statistic 0, p 1. */
struct stat_test stat_proportions(double x1, double n1, double x2, double n2);

/* Is a count compatible with a Poisson mean? Two-sided: twice the smaller tail, at most 1; the
 * statistic is count - mean. */
struct stat_test stat_poisson(double count, double mean);

/* Adjusted p-values of Benjamini and Hochberg (1995): out[i] ≤ alpha exactly for those rejected at
 * a false discovery rate of alpha. NaN stays NaN and is not counted. out may be p. ERR_NOMEM. */
int stat_bh_adjust(struct arena *a, const double *p, size_t n, double *out) WARN_UNUSED;
