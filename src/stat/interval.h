/* SPDX-License-Identifier: Apache-2.0
 * How sure a metric is: 95 % confidence intervals and the comparison of two models on the same
 * rows.
 *
 * Up to STAT_BOOTSTRAP_ROWS rows: bootstrap of rows, STAT_BOOTSTRAP_RESAMPLES resamples, intervals
 * by the BCa method (Efron 1987, "Better bootstrap confidence intervals"). Above: the delta method
 * on influence functions with normal quantiles (van der Vaart 1998, chapter 3), which agrees with
 * the bootstrap there and costs one pass. The median error has, for any number of rows, the exact
 * order-statistic interval of the binomial distribution; the largest error has none, since no
 * resampling of what was seen bounds what was not. Deterministic for a given seed. */
#pragma once
#include "stat/metrics.h"

enum { STAT_BOOTSTRAP_ROWS = 1000, STAT_BOOTSTRAP_RESAMPLES = 2000 };

/* low and high are NaN when there is no interval (too few rows, or none defined). */
struct stat_interval {
    double value, low, high;
};

/* Metrics with intervals. */
struct regression_report {
    size_t n;
    struct stat_interval metric[REGRESSION_N]; /* by enum regression_metric */
};

/* y and prediction: n finite values. Scratch memory comes from the arena and is given back.
 * ERR_NOMEM when the arena is full. */
int regression_report_compute(struct arena *a, const double *y, const double *prediction, size_t n,
                              uint64_t seed, struct regression_report *out) WARN_UNUSED;

/* Difference of the rmse of two models on the same rows, challenger - champion: below 0 = the
 * challenger is better. The p-value is two-sided for "no difference" and goes with the interval
 * (p < 0.05 exactly when the interval leaves out 0, up to the grain of the resamples). */
struct stat_comparison {
    size_t n;
    struct stat_interval difference;
    double p;
    int bootstrap; /* 1: paired bootstrap, percentile interval (Efron, Tibshirani 1993, chapters 13
                      and 15); 0: delta method on paired squared errors */
};

/* NaN interval and p when n < 2. */
int regression_compare(struct arena *a, const double *y, const double *challenger,
                       const double *champion, size_t n, uint64_t seed,
                       struct stat_comparison *out) WARN_UNUSED;

/* 95 % interval of a proportion of which k of n were seen (Wilson 1927); NaN when n = 0. */
void stat_wilson(uint64_t k, uint64_t n, double *out_low, double *out_high);
