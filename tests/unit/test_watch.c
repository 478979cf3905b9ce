/* SPDX-License-Identifier: Apache-2.0
 * Counters of what a served version sees and says: cells against a plain search, missing and bad
 * values, many threads, versions that come and go, the log of predictions. */
#include "test.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/rng.h"
#include "base/thread.h"
#include "model/pipeline.h"
#include "serve/serve_int.h"

enum { EDGES_MAX = 65 };

/* prediction = 2·x + 1; x may be missing, which gives NaN. `kind` is a string that is ignored. */
static str_t make_model(struct arena *a)
{
    struct graph g;
    struct buf b;
    graph_init(&g, a, "m");
    const char *x = pipe_input(&g, "x", TENSOR_DOUBLE);
    x = pipe_impute_number(&g, "x", x, 7);
    const char *kind = pipe_input(&g, "kind", TENSOR_STRING);
    str_t levels[] = { STR("m") };
    const char *all[] = { x, pipe_one_hot(&g, "kind", kind, levels, 1) };
    double w[] = { 2, 0 };
    IGNORE(pipe_linear(&g, pipe_concat(&g, "x", all, 2), w, 2, 1, "prediction"));
    buf_init(&b, MIB(1));
    CHECK_OK(onnx_write(&g, &b, err));
    str_t out = arena_str(a, buf_view(&b));
    buf_fini(&b);
    return out;
}

static const char signature[] =
    "{\"inputs\":[{\"name\":\"x\",\"type\":\"double\",\"required\":true},"
    "{\"name\":\"kind\",\"type\":\"string\",\"required\":false}],"
    "\"outputs\":[{\"name\":\"prediction\",\"type\":\"double\"}]}";

static struct serve_version *load(const char *version, const struct watch_feature *watch, size_t n)
{
    struct arena a;
    struct serve_version *v = NULL;
    arena_init(&a, MIB(8));
    struct serve_spec spec = { .model = "m",
                               .version = version,
                               .onnx = make_model(&a),
                               .signature = signature,
                               .watch = watch,
                               .watch_n = n };
    CHECK_OK(serve_version_load(&spec, &v, err));
    arena_fini(&a);
    return v;
}

static struct serve *open_with(const struct watch_feature *watch, size_t n)
{
    struct serve *s = NULL;
    CHECK_OK(serve_open(&s, err));
    CHECK_OK(serve_publish(s, "ep", load("1", watch, n), err));
    return s;
}

/* A prediction of that body; 1 when it was answered. */
static int ask(struct serve *s, str_t body, const unsigned char *id)
{
    struct arena a;
    struct err e = ERR_INIT;
    arena_init(&a, MIB(64));
    struct serve_call c = {
        .name = STR("ep"), .id = id, .body = body, .arena = &a, .started_ns = clock_mono_ns()
    };
    int rc = serve_call_begin(s, &c, &e);
    serve_call_end(s, &c, rc != 0);
    arena_fini(&a);
    return rc == 0;
}

static struct watch_total *totals(struct serve *s, struct arena *a, size_t want)
{
    struct watch_total *list = NULL;
    size_t n = 0;
    CHECK_OK(serve_watch_totals(s, a, NULL, NULL, &list, &n, err));
    CHECK_INT(n, want);
    return list;
}

TEST(numbers_fall_into_the_cells_of_a_plain_search)
{
    struct rng r;
    rng_seed(&r, 5);
    for (size_t n = 0; n <= EDGES_MAX; n += n < 5 ? 1 : 7) {
        double edges[EDGES_MAX + 1];
        uint64_t want[EDGES_MAX + 2] = { 0 };
        double sum = 0, sum2 = 0;
        struct arena a;
        struct buf body;
        arena_init(&a, MIB(32));
        buf_init(&body, MIB(1));
        for (size_t i = 0; i < n; i++)
            edges[i] = (double)i * 3 - 20;
        struct watch_feature f = { .name = STR("x"), .n = n, .edges = n ? edges : &sum };
        struct serve *s = open_with(&f, 1);
        buf_puts(&body, "{\"instances\":[");
        for (int i = 0; i < 500; i++) {
            double x = floor(rng_uniform(&r) * 260) - 40; /* often exactly an edge */
            size_t cell = 0;
            while (cell < n && x >= edges[cell])
                cell++;
            want[cell]++;
            sum += x;
            sum2 += x * x;
            buf_printf(&body, "%s[%g,\"m\"]", i ? "," : "", x);
        }
        buf_puts(&body, "]}");
        CHECK(ask(s, buf_view(&body), NULL));
        struct watch_total *t = totals(s, &a, 1);
        CHECK_INT(t->n, 1);
        CHECK_INT(t->rows, 500);
        CHECK_INT(t->features[0].n, n + 1);
        for (size_t i = 0; i <= n; i++)
            CHECK_INT(t->features[0].cells[i], want[i]);
        CHECK(fabs(t->features[0].sum - sum) < 1e-9 && fabs(t->features[0].sum2 - sum2) < 1e-6);
        serve_close(s);
        buf_fini(&body);
        arena_fini(&a);
    }
}

static const double edges3[] = { 0, 10, 20 };
static const str_t kinds[] = { { "a", 1 }, { "a longer name than eight bytes", 30 }, { "b", 1 } };

TEST(categories_missing_values_and_outputs_are_counted)
{
    struct arena a;
    double out_edges[] = { 15, 21 };
    struct watch_feature f[] = {
        { .name = STR("x"), .n = 3, .edges = edges3 },
        { .name = STR("kind"), .categories = 1, .n = 3, .names = kinds },
        { .name = STR("gone"), .n = 3, .edges = edges3 }, /* the version has no such column */
        { .name = STR("kind"), .n = 3, .edges = edges3 }, /* and this one is no number */
        { .name = STR("prediction"), .output = 1, .n = 2, .edges = out_edges },
    };
    arena_init(&a, MIB(32));
    struct serve *s = open_with(f, ARRAY_LEN(f));
    CHECK(ask(s,
              STR("{\"instances\":[[-1,\"a\"],[0,\"b\"],[null,\"a longer name than eight bytes\"],"
                  "[10,\"zzz\"],[20,null],[1e300,\"\"]]}"),
              NULL));
    CHECK(!ask(s, STR("{\"instances\":[[1,2]]}"), NULL)); /* refused: counted nowhere but here */
    struct watch_total *t = totals(s, &a, 1);
    CHECK_INT(t->requests, 2);
    CHECK_INT(t->errors, 1);
    const struct watch_cells *x = &t->features[0], *k = &t->features[1], *o = &t->features[4];
    uint64_t want_x[] = { 1, 1, 1, 2 }, want_k[] = { 1, 1, 1, 1 }, want_o[] = { 2, 1, 3 };
    for (size_t i = 0; i < 4; i++) {
        CHECK_INT(x->cells[i], want_x[i]);
        CHECK_INT(k->cells[i], want_k[i]);
    }
    for (size_t i = 0; i < 3; i++)
        CHECK_INT(o->cells[i], want_o[i]); /* -1, 1, 15 (the missing x), 21, 41, 2e300 */
    CHECK_INT(x->missing, 1);
    CHECK_INT(k->missing, 2);
    CHECK_INT(t->features[2].n, 0);
    CHECK_INT(t->features[3].n, 0);
    serve_close(s);
    arena_fini(&a);
}

struct crowd {
    struct serve *s;
    int times;
};

static void *crowd_main(void *arg)
{
    const struct crowd *c = arg;
    for (int i = 0; i < c->times; i++)
        CHECK(ask(c->s, STR("{\"instances\":[[5,\"a\"],[15,\"b\"]]}"), NULL));
    return NULL;
}

TEST(many_threads_lose_no_count)
{
    enum { THREADS = 24, TIMES = 300 };
    struct arena a;
    pthread_t t[THREADS];
    struct watch_feature f[] = { { .name = STR("x"), .n = 3, .edges = edges3 },
                                 { .name = STR("kind"), .categories = 1, .n = 3, .names = kinds } };
    arena_init(&a, MIB(8));
    struct crowd c = { open_with(f, 2), TIMES };
    for (int i = 0; i < THREADS; i++)
        CHECK_OK(thread_start(&t[i], "crowd", crowd_main, &c, err));
    for (int i = 0; i < THREADS; i++)
        thread_join(t[i]);
    struct watch_total *x = totals(c.s, &a, 1);
    uint64_t counted = THREADS * TIMES - x->skipped / 2;
    CHECK_INT(x->features[0].cells[1], counted);
    CHECK_INT(x->features[0].cells[2], counted);
    CHECK_INT(x->features[1].cells[2], counted);
    CHECK(x->features[0].sum == 20.0 * (double)counted);
    CHECK(x->skipped < THREADS * TIMES / 10);
    serve_close(c.s);
    arena_fini(&a);
}

static uint64_t seen_rows(void *arg, uint64_t serial)
{
    (void)serial;
    return *(uint64_t *)arg;
}

TEST(counters_live_as_long_as_what_they_count_is_the_same)
{
    struct arena a;
    struct watch_total *t;
    size_t n;
    uint64_t rows = 1;
    struct watch_feature f = { .name = STR("x"), .n = 3, .edges = edges3 };
    arena_init(&a, MIB(8));
    struct serve *s = open_with(&f, 1);
    CHECK(ask(s, STR("{\"instances\":[[5,\"a\"]]}"), NULL));
    uint64_t serial = totals(s, &a, 1)->serial;
    CHECK_OK(serve_watch_totals(s, &a, seen_rows, &rows, &t, &n, err));
    CHECK(t->features == NULL); /* nothing new */
    CHECK_OK(serve_publish(s, "ep", load("2", &f, 1), err));
    CHECK_OK(serve_publish(s, "ep", load("1", &f, 1), err)); /* back: counts go on */
    CHECK(ask(s, STR("{\"instances\":[[5,\"a\"]]}"), NULL));
    t = totals(s, &a, 2);
    CHECK_STR(t[1].version, "1");
    CHECK(t[1].serial == serial);
    CHECK_INT(t[1].features[0].cells[1], 2);
    f.n = 2; /* made again with another reference under the same number */
    CHECK_OK(serve_publish(s, "ep", load("1", &f, 1), err));
    t = totals(s, &a, 2);
    CHECK_STR(t[0].version, "1");
    CHECK(t[0].serial != serial);
    CHECK_INT(t[0].rows, 0);
    serve_close(s);
    arena_fini(&a);
}

struct taken {
    int n, with_inputs;
    double first, number;
    char text[64];
    unsigned char id[16];
};

static void take(void *arg, const struct watch_record *r)
{
    struct taken *t = arg;
    struct watch_cursor at = { 0 };
    struct watch_input in;
    CHECK_INT(r->outputs, 1);
    t->n++;
    t->first = r->values[0];
    t->with_inputs += r->columns > 0;
    memcpy(t->id, r->id, 16);
    size_t inputs = 0;
    while (serve_watch_input(r, &at, &in) > 0) {
        inputs++;
        if (in.row == 0 && in.is_text)
            (void)snprintf(t->text, sizeof t->text, "%.*s", STR_ARG(in.text));
        else if (in.row == 0)
            t->number = in.number;
    }
    CHECK_INT(inputs, r->columns * r->rows);
}

TEST(predictions_are_logged_by_policy)
{
    struct taken t = { 0 };
    uint64_t dropped = 0;
    unsigned char id[16];
    char text[UUID_TEXT];
    struct serve *s = open_with(NULL, 0);
    uuid7_quick_bytes(id);
    CHECK(ask(s, STR("{\"instances\":[[5,\"a\"]]}"), id));
    serve_watch_take(s, take, &t, &dropped);
    CHECK_INT(t.n, 0); /* off until told */
    serve_watch_log(s, "ep", 1);
    CHECK(ask(s, STR("{\"instances\":[[5,\"hello\"],[6,\"b\"]]}"), id));
    serve_watch_take(s, take, &t, &dropped);
    CHECK_INT(t.n, 1);
    CHECK(t.first == 11 && t.number == 5 && memcmp(t.id, id, 16) == 0);
    CHECK_STR(t.text, "hello");
    serve_watch_log(s, "ep", 0.25);
    t = (struct taken){ 0 };
    for (int i = 0; i < 4000; i++) {
        uuid7_quick_bytes(id);
        CHECK(ask(s, STR("{\"instances\":[[5,\"hello\"]]}"), id));
    }
    serve_watch_take(s, take, &t, &dropped);
    CHECK_INT(t.n, 4000);
    CHECK(t.with_inputs > 800 && t.with_inputs < 1200); /* 1000 ± 27 */
    CHECK_INT(dropped, 0);
    uuid_format(id, text);
    CHECK(uuid_parse(str_of(text), t.id) == 0 && memcmp(t.id, id, 16) == 0);
    CHECK(llabs(uuid7_ms(id) - clock_now_ms()) < 5000);
    CHECK(uuid_parse(STR("01932f-"), t.id) < 0);
    serve_close(s);
}

TEST(a_full_log_drops_and_counts)
{
    struct taken t = { 0 };
    uint64_t dropped = 0;
    unsigned char id[16];
    struct buf body;
    struct serve *s = open_with(NULL, 0);
    serve_watch_log(s, "ep", 1);
    uuid7_quick_bytes(id);
    buf_init(&body, MIB(64));
    buf_puts(&body, "{\"instances\":[");
    for (int i = 0; i < 60000; i++)
        buf_printf(&body, "%s[%d,\"0123456789\"]", i ? "," : "", i);
    buf_puts(&body, "]}");
    for (int i = 0; i < 12; i++)
        CHECK(ask(s, buf_view(&body), id));
    serve_watch_take(s, take, &t, &dropped);
    CHECK(t.n >= 1 && dropped >= 1);
    CHECK_INT((uint64_t)t.n + dropped, 12);
    t = (struct taken){ 0 };
    for (int i = 0; i < 50; i++) { /* round and round the ring */
        CHECK(ask(s, buf_view(&body), id));
        serve_watch_take(s, take, &t, &dropped);
        CHECK_INT(dropped, 0);
    }
    CHECK_INT(t.n, 50);
    buf_fini(&body);
    serve_close(s);
}
