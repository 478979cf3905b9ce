/* SPDX-License-Identifier: Apache-2.0
 * Time to judge a window of many features, each by all methods, and to read the reference; CPU
 * milliseconds, the least of nine. usage: bench-judge [FEATURES]. */
#include <stdio.h>
#include <time.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/rng.h"
#include "monitor/judge.h"

enum { ROWS = 5000, WINDOW = 1000, TURNS = 9 };

static double cpu_ms(void)
{
    struct timespec t;
    AZ(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t));
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Nine numbers of ten, one category. */
static void make(struct arena *a, size_t n, struct monitor_reference *ref,
                 struct monitor_counts *counts)
{
    double *x = mem_alloc(ROWS * sizeof *x);
    int32_t *codes = mem_alloc(ROWS * sizeof *codes);
    str_t levels[40];
    struct rng rng;
    rng_seed(&rng, 1);
    for (size_t i = 0; i < 40; i++)
        levels[i] = str_of(arena_printf(a, "level %zu", i));
    *ref = (struct monitor_reference){ .rows = ROWS, .n = n };
    ref->features = ARENA_TRY_ARRAY(a, n, struct monitor_feature);
    *counts = (struct monitor_counts){ .ref = ref, .rows = WINDOW, .expected_rows = WINDOW };
    counts->features = ARENA_TRY_ARRAY(a, n, struct monitor_cells);
    for (size_t f = 0; f < n; f++) {
        struct monitor_cells *c = &counts->features[f];
        struct monitor_feature *feature = &ref->features[f];
        str_t name = str_of(arena_printf(a, "feature %zu", f));
        for (size_t i = 0; i < ROWS; i++) {
            x[i] = rng_normal(&rng);
            codes[i] = (int32_t)rng_below(&rng, 40);
        }
        if (f % 10 == 9)
            AZ(monitor_feature_of_codes(a, name, levels, 40, codes, ROWS, feature));
        else
            AZ(monitor_feature_of_numbers(a, name, x, ROWS, f, feature));
        c->cells = ARENA_TRY_ARRAY(a, feature->n_cells, uint64_t);
        for (size_t i = 0; i < WINDOW; i++) {
            double v = rng_normal(&rng);
            c->cells[feature->kind == MONITOR_NUMBER ? monitor_cell_of_number(feature, v)
                                                     : rng_below(&rng, 40)]++;
            c->sum += v;
            c->sum2 += v * v;
        }
    }
    mem_free(x);
    mem_free(codes);
}

int main(int argc, char **argv)
{
    struct arena a, b;
    struct monitor_reference ref, *back;
    struct monitor_counts counts;
    struct monitor_policy policy = monitor_policy_default();
    struct monitor_verdict v = { 0 };
    struct buf text;
    struct json_out o;
    struct err err = ERR_INIT;
    uint64_t n = 1000;
    double judge = 1e9, read = 1e9;
    if (argc > 1 && parse_u64(str_of(argv[1]), &n))
        return 2;
    arena_init(&a, GIB(4));
    make(&a, (size_t)n, &ref, &counts);
    buf_init(&text, GIB(1));
    json_out_init(&o, &text);
    monitor_reference_write(&ref, &o);
    for (int i = 0; i < TURNS; i++) {
        arena_init(&b, GIB(4));
        double start = cpu_ms();
        AZ(monitor_judge(&b, &ref, &counts, &policy, &v, &err));
        double mid = cpu_ms();
        AZ(monitor_reference_read(&b, buf_view(&text), &back, &err));
        double end = cpu_ms();
        judge = MIN(judge, mid - start);
        read = MIN(read, end - mid);
        arena_fini(&b);
    }
    (void)printf("%zu features: judged in %.2f ms (%zu drifted), reference of %.1f MB read in %.1f "
                 "ms\n",
                 (size_t)n, judge, v.drifted, (double)text.n / 1e6, read);
    buf_fini(&text);
    arena_fini(&a);
    return 0;
}
