/* SPDX-License-Identifier: Apache-2.0
 * bench-windows DIR: a year of hourly windows of 200 features in a fresh database, then how long
 * the matrix of all of them takes to read, and a series of one feature. */
#include <stdio.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/rng.h"
#include "monitor/window.h"
#include "store/home.h"

enum { FEATURES = 200, WINDOWS = 8760, BATCH = 500 };

struct fill {
    struct rng rng;
    int from;
};

static int put(struct tx *tx, void *arg, struct err *err)
{
    struct fill *f = arg;
    unsigned char states[FEATURES];
    float levels[FEATURES], scores[FEATURES];
    char counts[7000];
    int rc = 0;
    for (size_t i = 0; i < sizeof counts; i++)
        counts[i] = (char)rng_u64(&f->rng);
    for (int i = 0; i < BATCH && !rc && f->from + i < WINDOWS; i++) {
        for (size_t k = 0; k < FEATURES; k++) {
            states[k] = (unsigned char)rng_below(&f->rng, 4);
            scores[k] = (float)rng_uniform(&f->rng);
            levels[k] = scores[k] * 2;
        }
        struct monitor_window w = { .endpoint = "e",
                                    .model = "m",
                                    .version = "1",
                                    .start_ms = (int64_t)(f->from + i) * 3600000,
                                    .end_ms = (int64_t)(f->from + i + 1) * 3600000,
                                    .rows = 1000,
                                    .has_reference = 1,
                                    .features_n = FEATURES,
                                    .states = states,
                                    .levels = levels,
                                    .scores = scores };
        rc = monitor_window_put(tx, &w, (str_t){ counts, sizeof counts }, err);
    }
    f->from += BATCH;
    return rc;
}

struct read {
    struct arena arena;
    struct monitor_window *list;
    size_t n;
};

static int get(struct tx *tx, void *arg, struct err *err)
{
    struct read *r = arg;
    struct monitor_window_query q = { .endpoint = "e", .with_states = 1 };
    int rc = monitor_window_list(tx, &r->arena, &q, &r->list, &r->n, err);
    ASSERT(rc || r->list[0].features_n == FEATURES);
    return rc;
}

int main(int argc, char **argv)
{
    struct err err = ERR_INIT;
    struct home *h = NULL;
    struct fill f = { .from = 0 };
    struct home_options o = { .dir = argc > 1 ? argv[1] : "", .create = 1 };
    if (argc != 2)
        return 2;
    int rc = home_open(&h, &o, &err);
    rng_seed(&f.rng, 1);
    while (!rc && f.from < WINDOWS)
        rc = store_write(h->store, put, &f, &err);
    for (int i = 0; i < 5 && !rc; i++) {
        struct read r = { .n = 0 };
        arena_init(&r.arena, MIB(256));
        int64_t from = clock_mono_ns();
        rc = store_read(h->store, get, &r, &err);
        (void)printf("%zu windows × %d features read in %.1f ms\n", r.n, FEATURES,
                     (double)(clock_mono_ns() - from) / 1e6);
        arena_fini(&r.arena);
    }
    if (rc)
        (void)fprintf(stderr, "%s\n", err.msg);
    home_close(h);
    return rc != 0;
}
