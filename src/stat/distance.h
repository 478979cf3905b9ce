/* SPDX-License-Identifier: Apache-2.0
 * How far apart two distributions are: on cells that both were counted in, and on the values
 * themselves. p and q are weights ≥ 0 of k cells; they need not sum to one, each is divided by its
 * own sum. NaN when a sum is 0 or k = 0. Pure; any thread. */
#pragma once
#include "base/macros.h"

/* Population stability index Σ(p-q)ln(p/q): the sum of both Kullback-Leibler divergences. Infinite
 * when one side only has an empty cell; see stat_smooth. */
double stat_psi(const double *p, const double *q, size_t k);
/* Jensen-Shannon distance, the root of the divergence, natural logarithm: 0 … √ln 2, as scipy's
 * jensenshannon. */
double stat_js(const double *p, const double *q, size_t k);
/* Hellinger distance √(Σ(√p-√q)²/2): 0 … 1. */
double stat_hellinger(const double *p, const double *q, size_t k);
/* Total variation: half of Σ|p-q|: 0 … 1. */
double stat_total_variation(const double *p, const double *q, size_t k);
/* Largest difference of the cumulated shares of ordered cells: 0 … 1. */
double stat_ks_cells(const double *p, const double *q, size_t k);
/* Wasserstein-1 distance of distributions on the points at[0] ≤ … ≤ at[k-1]. */
double stat_wasserstein_cells(const double *at, const double *p, const double *q, size_t k);
/* Wasserstein-1 distance of two samples sorted ascending, without NaN: ∫|F-G|, as scipy's
 * wasserstein_distance. NaN when one is empty. */
double stat_wasserstein_sorted(const double *x, size_t n, const double *y, size_t m);

/* out[i] = count[i] + 1/2 (Jeffreys's prior): no cell is empty, and index and distance keep their
 * chi-squared law under equality down to five expected values a cell. */
void stat_smooth(const double *count, size_t k, double *out);
