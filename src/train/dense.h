/* SPDX-License-Identifier: Apache-2.0
 * Small dense matrices in double, row-major: Cholesky, triangular solves, singular values. */
#pragma once
#include "base/macros.h"

/* Upper Cholesky factor of the upper triangle of a (n × n, row length w ≥ n), in place: A = UᵀU.
 * The diagonal is expected near 1. Returns the smallest pivot (u_ii² before the root); stops at a
 * pivot ≤ 0, which is returned. */
double dense_cholesky(double *a, size_t n, size_t w);
/* Solves UᵀU x = b in place. */
void dense_cholesky_solve(const double *u, size_t n, size_t w, double *x);
/* Solves Uᵀ x = b in place. */
void dense_lower_solve(const double *u, size_t n, size_t w, double *x);
/* out (n × n) = U⁻¹, upper. */
void dense_upper_inverse(const double *u, size_t n, size_t w, double *out);
/* Condition number σ_max/σ_min of an upper triangle u (n × n, packed rows of n; overwritten):
 * one-sided Jacobi (Demmel and Veselić 1992) up to DENSE_JACOBI_MAX columns, power and inverse
 * iteration above, whose value is a lower bound good to about 1 %. scratch: 2n doubles. */
enum { DENSE_JACOBI_MAX = 128 };
double dense_condition(double *u, size_t n, double *scratch);
