/* SPDX-License-Identifier: Apache-2.0
 * Times of a linear fit and of its evaluation on made-up data, one line of JSON a case: the least
 * of five runs, warm. usage: bench-linear [ROWS [COLUMNS [THREADS]]]; bench/micro/linear.py does
 * the same in numpy and scikit-learn. */
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/rng.h"
#include "stat/describe.h"
#include "stat/interval.h"
#include "train/linear.h"

struct world {
    size_t n, p;
    int threads;
    double **columns;
    const char **names;
    double *y;
};

static size_t argument(int argc, char **argv, int i, size_t fallback)
{
    uint64_t v = fallback;
    if (i < argc && parse_u64(str_of(argv[i]), &v))
        v = fallback;
    return (size_t)v;
}

static void make_world(struct world *w)
{
    struct rng r;
    rng_seed(&r, 1);
    w->columns = mem_alloc((w->p + 1) * sizeof *w->columns);
    w->names = mem_alloc((w->p + 1) * sizeof *w->names);
    w->y = mem_try_alloc(w->n, sizeof *w->y);
    AN(w->y);
    for (size_t i = 0; i < w->n; i++)
        w->y[i] = rng_normal(&r);
    for (size_t j = 0; j < w->p; j++) {
        w->names[j] = "x";
        w->columns[j] = mem_try_alloc(w->n, sizeof **w->columns);
        AN(w->columns[j]);
        for (size_t i = 0; i < w->n; i++) {
            w->columns[j][i] = rng_normal(&r) + 3;
            w->y[i] += (double)j * w->columns[j][i];
        }
    }
}

static void print_time(const struct world *w, const char *what, double ms)
{
    (void)printf("{\"case\":\"%s\",\"rows\":%zu,\"columns\":%zu,\"threads\":%d,\"ms\":%.2f}\n",
                 what, w->n, w->p, w->threads, ms);
    (void)fflush(stdout);
}

static double milliseconds_since(int64_t start)
{
    return (double)(clock_mono_ns() - start) / 1e6;
}

static void bench_fit(const struct world *w, const char *what, double alpha)
{
    double best = 1e300;
    struct linear_data d = { .n = w->n,
                             .p = w->p,
                             .columns = (const double *const *)w->columns,
                             .y = w->y,
                             .names = w->names };
    struct linear_options o = { .alpha = alpha, .threads = w->threads };
    for (int run = 0; run < 5; run++) {
        struct arena a;
        struct linear_model m;
        struct err err = ERR_INIT;
        arena_init(&a, GIB(8));
        int64_t start = clock_mono_ns();
        if (linear_fit(&a, &d, &o, &m, &err))
            (void)printf("%s\n", err.msg);
        best = MIN(best, milliseconds_since(start));
        arena_fini(&a);
    }
    print_time(w, what, best);
}

static void bench_evaluation(const struct world *w)
{
    struct arena a;
    struct regression_report report;
    arena_init(&a, GIB(8));
    int64_t start = clock_mono_ns();
    AZ(regression_report_compute(&a, w->y, w->columns[0], w->n, 1, &report));
    print_time(w, "metrics with intervals", milliseconds_since(start));
    size_t few = MIN(w->n, (size_t)STAT_BOOTSTRAP_ROWS);
    start = clock_mono_ns();
    AZ(regression_report_compute(&a, w->y, w->columns[0], few, 1, &report));
    print_time(w, "bootstrap of 1000 rows", milliseconds_since(start));
    double *copy = ARENA_TRY_ARRAY(&a, 2 * w->n, double);
    AN(copy);
    start = clock_mono_ns();
    size_t m = stat_sorted_copy(w->y, w->n, copy, copy + w->n);
    print_time(w, m == w->n ? "sort" : "sort with missing", milliseconds_since(start));
    arena_fini(&a);
}

int main(int argc, char **argv)
{
    struct world w = { .n = argument(argc, argv, 1, 1000000),
                       .p = argument(argc, argv, 2, 16),
                       .threads = (int)argument(argc, argv, 3, 2) };
    make_world(&w);
    bench_fit(&w, "least squares", 0);
    bench_fit(&w, "ridge", 1);
    bench_evaluation(&w);
    for (size_t i = 0; w.p > 2 && i < w.n; i++) /* one column is the sum of two others */
        w.columns[w.p - 1][i] = w.columns[0][i] + w.columns[1][i];
    bench_fit(&w, "least squares, collinear", 0);
    return 0;
}
