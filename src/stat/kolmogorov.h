/* SPDX-License-Identifier: Apache-2.0
 * The Kolmogorov-Smirnov statistic: its value between two samples and its distribution. Pure; any
 * thread. */
#pragma once
#include "base/arena.h"

/* P(D ≥ d) for the two-sided one-sample statistic of n values of a continuous distribution, by the
 * selection of Simard and L'Ecuyer (2011, "Computing the two-sided Kolmogorov-Smirnov
 * distribution", JSS 39(11)), which scipy's kstwo.sf follows as well: agrees with it to 1e-9. NaN
 * for n = 0 or d NaN. May take a millisecond for n ≤ 100000 where d is small. */
double dist_kolmogorov_sf(uint64_t n, double d);

/* P(D⁺ ≥ d) for the one-sided statistic, 0 < d < 1 (Birnbaum and Tingey 1951). */
double dist_smirnov_sf(uint64_t n, double d);

/* D of two samples, both sorted ascending and without NaN; 0 when one is empty. With it the exact
 * fraction out_h / lcm(n, m), which the exact p-value needs (NULL: not wanted). */
double stat_ks_sorted(const double *x, size_t n, const double *y, size_t m, uint64_t *out_h);

enum { STAT_KS_EXACT_MAX = 10000 };

/* Two-sided p-value of that D: P(D ≥ h / lcm(n, m)). Exact by counting lattice paths when both
 * sizes are at most STAT_KS_EXACT_MAX, else dist_kolmogorov_sf at n·m/(n+m), rounded: the choice
 * of scipy's ks_2samp. Ties make it conservative. Scratch memory comes from the arena and is given
 * back. ERR_NOMEM; 0 with NaN when one sample is empty. */
int stat_ks_p(struct arena *a, size_t n, size_t m, uint64_t h, double *out_p) WARN_UNUSED;
