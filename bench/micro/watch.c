/* SPDX-License-Identifier: Apache-2.0
 * bench-watch [COLUMNS]: what counting costs a prediction. The same model of numeric columns (30
 * unless given) answers one-row requests without a reference, with one (33 edges a column), and
 * with the log on; the medians of rounds that take turns, in nanoseconds of processor time. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/num.h"
#include "base/rng.h"
#include "model/pipeline.h"
#include "serve/serve.h"

enum { EDGES = 33, ROUNDS = 41, CALLS = 4000, COLUMNS_MAX = 500, BODIES = 64 };

struct bench {
    size_t columns;
    struct serve *s;
    struct buf bodies[BODIES];
    unsigned char id[16];
    struct arena arena; /* of one request; kept, as a connection keeps it */
};

static int64_t cpu_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void must(int rc, const struct err *err)
{
    if (rc) {
        (void)fprintf(stderr, "%s\n", err->msg);
        _Exit(1);
    }
}

static void publish(struct bench *b, const char *endpoint, str_t onnx, int watched)
{
    static double edges[COLUMNS_MAX][EDGES];
    static struct watch_feature f[COLUMNS_MAX + 1];
    static char names[COLUMNS_MAX][16];
    struct err err = ERR_INIT;
    struct serve_version *v = NULL;
    for (size_t i = 0; i <= b->columns; i++) {
        (void)snprintf(names[i], sizeof names[i], "c%zu", i);
        for (size_t k = 0; k < EDGES; k++)
            edges[i][k] = ((double)k / EDGES - 0.5) * (i == b->columns ? 300 : 4);
        f[i] = (struct watch_feature){ .name = str_of(names[i]), .n = EDGES, .edges = edges[i] };
    }
    f[b->columns].output = 1;
    struct serve_spec spec = { .model = endpoint,
                               .version = "1",
                               .onnx = onnx,
                               .watch = f,
                               .watch_n = watched ? b->columns + 1 : 0 };
    must(serve_version_load(&spec, &v, &err), &err);
    must(serve_publish(b->s, endpoint, v, &err), &err);
}

static void make(struct bench *b)
{
    struct arena a;
    struct graph g;
    struct buf out;
    struct rng r;
    struct err err = ERR_INIT;
    char names[COLUMNS_MAX][16];
    const char *values[COLUMNS_MAX];
    double w[COLUMNS_MAX];
    rng_seed(&r, 1);
    arena_init(&a, MIB(64));
    graph_init(&g, &a, "bench");
    for (size_t i = 0; i < b->columns; i++) {
        (void)snprintf(names[i], sizeof names[i], "c%zu", i);
        const char *x = pipe_input(&g, names[i], TENSOR_DOUBLE);
        x = pipe_impute_number(&g, names[i], x, 1);
        values[i] = pipe_scale(&g, names[i], x, (double)i, 2);
        w[i] = rng_normal(&r);
    }
    IGNORE(
        pipe_linear(&g, pipe_concat(&g, "x", values, b->columns), w, b->columns, 1, "prediction"));
    buf_init(&out, MIB(16));
    must(onnx_write(&g, &out, &err), &err);
    must(serve_open(&b->s, &err), &err);
    publish(b, "plain", buf_view(&out), 0);
    publish(b, "watched", buf_view(&out), 1);
    publish(b, "logged", buf_view(&out), 1);
    serve_watch_log(b->s, "logged", 1);
    for (size_t k = 0; k < BODIES; k++) {
        buf_init(&b->bodies[k], MIB(1));
        buf_puts(&b->bodies[k], "{\"instances\":[{");
        for (size_t i = 0; i < b->columns; i++)
            buf_printf(&b->bodies[k], "%s\"c%zu\":%.6f", i ? "," : "", i, rng_normal(&r));
        buf_puts(&b->bodies[k], "}]}");
    }
    buf_fini(&out);
    arena_fini(&a);
}

static void drop(void *arg, const struct watch_record *r)
{
    *(size_t *)arg += r->rows;
}

/* Median-to-be of one round: nanoseconds a call. */
static double round_of(struct bench *b, const char *endpoint, size_t *taken)
{
    struct err err = ERR_INIT;
    struct buf out;
    uint64_t dropped;
    buf_init(&out, MIB(1));
    int64_t from = cpu_ns();
    for (size_t i = 0; i < CALLS; i++) {
        struct serve_call c = { .name = str_of(endpoint),
                                .id = b->id,
                                .body = buf_view(&b->bodies[i % BODIES]),
                                .arena = &b->arena,
                                .started_ns = clock_mono_ns() };
        uuid7_quick_bytes(b->id);
        must(serve_call_begin(b->s, &c, &err), &err);
        buf_clear(&out);
        serve_write_rows(&c, &out);
        serve_call_end(b->s, &c, 0);
        arena_reset(&b->arena);
    }
    int64_t ns = cpu_ns() - from;
    serve_watch_take(b->s, drop, taken, &dropped);
    buf_fini(&out);
    return (double)ns / CALLS;
}

static int by_size(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

int main(int argc, char **argv)
{
    static const char *const names[] = { "plain", "watched", "logged" };
    struct bench b = { .columns = 30 };
    uint64_t n;
    size_t taken = 0;
    double ns[3][ROUNDS];
    if (argc > 1 && parse_u64(str_of(argv[1]), &n) == 0 && n > 0 && n < COLUMNS_MAX)
        b.columns = (size_t)n;
    arena_init(&b.arena, MIB(64));
    make(&b);
    for (int k = 0; k < ROUNDS; k++)
        for (int i = 0; i < 3; i++)
            ns[i][k] = round_of(&b, names[i], &taken);
    for (int i = 0; i < 3; i++)
        qsort(ns[i], ROUNDS, sizeof(double), by_size);
    double plain = ns[0][ROUNDS / 2], watched = ns[1][ROUNDS / 2], logged = ns[2][ROUNDS / 2];
    (void)printf("%zu columns: %.0f ns a prediction without a reference, %.0f ns watched (%.2f ns "
                 "a feature, %.1f %%), %.0f ns logged too (%.1f %%)\n",
                 b.columns, plain, watched, (watched - plain) / (double)(b.columns + 1),
                 (watched / plain - 1) * 100, logged, (logged / plain - 1) * 100);
    serve_close(b.s);
    return taken == 0;
}
