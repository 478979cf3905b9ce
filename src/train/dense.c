/* SPDX-License-Identifier: Apache-2.0
 * Plain loops in a fixed order; these matrices are small beside the passes over the rows. */
#include "train/dense.h"

#include <math.h>
#include <string.h>

double dense_cholesky(double *a, size_t n, size_t w)
{
    double smallest = INFINITY;
    for (size_t k = 0; k < n; k++) {
        double pivot = a[k * w + k];
        smallest = fmin(smallest, pivot);
        if (!(pivot > 0))
            return fmin(pivot, 0);
        double root = sqrt(pivot);
        for (size_t j = k; j < n; j++)
            a[k * w + j] /= root;
        for (size_t i = k + 1; i < n; i++) {
            double f = a[k * w + i];
            if (f == 0)
                continue;
            for (size_t j = i; j < n; j++)
                a[i * w + j] -= f * a[k * w + j];
        }
    }
    return smallest;
}

void dense_lower_solve(const double *u, size_t n, size_t w, double *x)
{
    for (size_t i = 0; i < n; i++) {
        x[i] /= u[i * w + i];
        for (size_t j = i + 1; j < n; j++)
            x[j] -= u[i * w + j] * x[i];
    }
}

static void upper_solve(const double *u, size_t n, size_t w, double *x)
{
    for (size_t i = n; i-- > 0;) {
        double s = x[i];
        for (size_t j = i + 1; j < n; j++)
            s -= u[i * w + j] * x[j];
        x[i] = s / u[i * w + i];
    }
}

void dense_cholesky_solve(const double *u, size_t n, size_t w, double *x)
{
    dense_lower_solve(u, n, w, x);
    upper_solve(u, n, w, x);
}

void dense_upper_inverse(const double *u, size_t n, size_t w, double *out)
{
    memset(out, 0, n * n * sizeof *out);
    for (size_t i = n; i-- > 0;) {
        double *row = out + i * n;
        row[i] = 1;
        for (size_t k = i + 1; k < n; k++) {
            double f = u[i * w + k];
            const double *below = out + k * n;
            for (size_t j = k; f != 0 && j < n; j++)
                row[j] -= f * below[j];
        }
        for (size_t j = i; j < n; j++)
            row[j] /= u[i * w + i];
    }
}

/* ---- condition number ---- */
/* Rotates rows a and b of length n so that they become orthogonal; returns how far they were. */
static double rotate(double *a, double *b, size_t n)
{
    double aa = 0, bb = 0, ab = 0;
    for (size_t i = 0; i < n; i++) {
        aa += a[i] * a[i];
        bb += b[i] * b[i];
        ab += a[i] * b[i];
    }
    if (ab == 0 || aa == 0 || bb == 0)
        return 0;
    double off = fabs(ab) / sqrt(aa) / sqrt(bb);
    if (off < 1e-15)
        return off;
    double zeta = (bb - aa) / (2 * ab);
    double t = (zeta < 0 ? -1 : 1) / (fabs(zeta) + sqrt(1 + zeta * zeta));
    double c = 1 / sqrt(1 + t * t), s = c * t;
    for (size_t i = 0; i < n; i++) {
        double v = a[i];
        a[i] = c * v - s * b[i];
        b[i] = s * v + c * b[i];
    }
    return off;
}

static double norm2(const double *x, size_t n)
{
    double s = 0;
    for (size_t i = 0; i < n; i++)
        s += x[i] * x[i];
    return sqrt(s);
}

static double jacobi_condition(double *u, size_t n)
{
    for (int sweep = 0; sweep < 60; sweep++) {
        double worst = 0;
        for (size_t i = 0; i + 1 < n; i++) {
            for (size_t j = i + 1; j < n; j++)
                worst = fmax(worst, rotate(u + i * n, u + j * n, n));
        }
        if (worst < 1e-14)
            break;
    }
    double high = 0, low = INFINITY;
    for (size_t i = 0; i < n; i++) {
        double s = norm2(u + i * n, n);
        high = fmax(high, s);
        low = fmin(low, s);
    }
    return low > 0 ? high / low : INFINITY;
}

/* Largest singular value (inverse = 0) or its reciprocal for the smallest (1) by iterating UᵀU. */
static double iterate(const double *u, size_t n, int inverse, double *x, double *y)
{
    double length = 0, before;
    for (size_t i = 0; i < n; i++)
        x[i] = 1 + 0.01 * (double)(i % 7);
    for (int step = 0; step < 200; step++) {
        before = length;
        length = norm2(x, n);
        for (size_t i = 0; i < n; i++)
            x[i] /= length;
        if (fabs(length - before) <= 1e-9 * length)
            break;
        if (inverse) {
            dense_cholesky_solve(u, n, n, x);
            continue;
        }
        for (size_t i = 0; i < n; i++) {
            y[i] = 0;
            for (size_t j = i; j < n; j++)
                y[i] += u[i * n + j] * x[j];
        }
        memset(x, 0, n * sizeof *x);
        for (size_t i = 0; i < n; i++) {
            for (size_t j = i; j < n; j++)
                x[j] += u[i * n + j] * y[i];
        }
    }
    return sqrt(length);
}

double dense_condition(double *u, size_t n, double *scratch)
{
    if (n > DENSE_JACOBI_MAX)
        return iterate(u, n, 0, scratch, scratch + n) * iterate(u, n, 1, scratch, scratch + n);
    return jacobi_condition(u, n);
}
