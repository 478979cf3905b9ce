/* SPDX-License-Identifier: Apache-2.0
 * Distribution functions of the normal, Student's t, Fisher's F, chi-squared and Poisson
 * distributions.
 *
 * cdf = P(X ≤ x), sf = P(X > x) computed directly (small tails keep their relative accuracy), ppf =
 * the inverse of cdf, isf = the inverse of sf. Relative accuracy 1e-12 over degrees of freedom from
 * 0.5 to 1e8 (tested against scipy). NaN for arguments outside the domain. Pure; any thread. */
#pragma once

double dist_normal_cdf(double x);
double dist_normal_sf(double x);
double dist_normal_ppf(double p);

double dist_t_cdf(double t, double df);
double dist_t_sf(double t, double df);
double dist_t_ppf(double p, double df);

double dist_f_cdf(double f, double df1, double df2);
double dist_f_sf(double f, double df1, double df2);
double dist_f_ppf(double p, double df1, double df2);
double dist_f_isf(double p, double df1, double df2);

double dist_chi2_cdf(double x, double df);
double dist_chi2_sf(double x, double df);
double dist_chi2_ppf(double p, double df);
double dist_chi2_isf(double p, double df);

/* Poisson with the given mean: P(X ≤ k) and P(X > k). */
double dist_poisson_cdf(double k, double mean);
double dist_poisson_sf(double k, double mean);

/* Γ(a+b+1) / (Γ(a+1) Γ(b+1)) x^a y^b with y = 1 - x, for a, b > 0: the probability of a successes
 * of a + b when both are whole. */
double dist_binomial_term(double a, double b, double x, double y);

/* Regularised incomplete beta I_x(a, b), with y = 1 - x given separately so that neither loses
 * digits; and its complement. a, b > 0. */
double dist_beta_inc(double a, double b, double x, double y);
/* Regularised incomplete gamma: lower P(a, x) or, with upper = 1, Q(a, x). a > 0, x ≥ 0. */
double dist_gamma_inc(double a, double x, int upper);
