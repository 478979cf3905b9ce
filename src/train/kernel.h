/* SPDX-License-Identifier: Apache-2.0
 * The passes over the rows of a linear fit. Rows are cut into tasks, tasks into blocks of
 * KERNEL_BLOCK rows; the cut depends on the shape of the data alone. Within a block sums run in
 * KERNEL_LANES interleaved lanes that are added in a fixed order; blocks of a task in order of the
 * rows; tasks in order. Vector width and number of threads therefore do not change a bit. */
#pragma once
#include "base/arena.h"
#include "train/linear.h"

enum { KERNEL_BLOCK = 256, KERNEL_LANES = 4 };

/* A number in twice the precision: hi + lo, |lo| ≤ ulp(hi)/2. */
struct dd {
    double hi, lo;
};

/* What one fit works on; arrays live in the arena, which is scratch. */
struct kernel {
    const struct linear_data *data;
    struct arena *arena;
    int threads;
    size_t stride;        /* of the columns, never 0 */
    size_t active_n;      /* columns that vary */
    const size_t *active; /* their numbers */
    double *means;        /* p */
    double *scale;        /* p: power of two that brings a column's spread near 1; 0 = constant */
    double y_mean, y_scale;
};

/* Column means and scales, the active columns; checks every value. Sets all but data, arena and
 * threads, which the caller fills. */
int kernel_scan(struct kernel *k, struct err *err) WARN_UNUSED;

/* Upper triangle of the Gram matrix of (active columns, y), centred and scaled: (active_n+1)² row-
 * major into out, which is set. */
int kernel_gram(const struct kernel *k, double *out, struct err *err) WARN_UNUSED;

/* Residuals of y - b0 - Xβ with coefficients in double-double, and what is summed over them. */
struct kernel_residual {
    double *gradient; /* active_n: Σ z_ij r_i over centred, scaled columns */
    double sum;       /* Σ r */
    double rss;       /* Σ r² */
    double step2;     /* Σ (r_i - r_{i-1})² */
};

/* beta: active_n coefficients of the raw active columns. out->gradient is the caller's. */
int kernel_residuals(const struct kernel *k, struct dd intercept, const struct dd *beta,
                     struct kernel_residual *out, struct err *err) WARN_UNUSED;

/* Copies m rows from row `at` on of a column (SIZE_MAX = the target) as they are. */
void kernel_load(const struct kernel *k, size_t column, size_t at, size_t m, double *out);

/* For tests: 0 makes the passes use what every x86-64 has; results must not change. Not
 * thread-safe. */
void kernel_vectors(int on);
/* 1 when the AVX2 variants are in use. */
int kernel_has_avx2(void);

/* How many tasks the rows are cut into, and the first row of a task (n for the task past the last).
 */
size_t kernel_tasks(const struct kernel *k);
size_t kernel_task_row(const struct kernel *k, size_t task);
