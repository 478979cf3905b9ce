/* SPDX-License-Identifier: Apache-2.0
 * A candidate beside the version that serves: its share, its counters, the shadow, the swap. */
#include "test.h"

#include <math.h>

#include "base/clock.h"
#include "base/limits.h"
#include "model/pipeline.h"
#include "serve/serve.h"

/* x + shift */
static struct serve_version *load(double shift, const char *version)
{
    struct arena a;
    struct graph g;
    struct buf b;
    struct serve_version *v = NULL;
    double one = 1;
    arena_init(&a, MIB(8));
    graph_init(&g, &a, "m");
    const char *x = pipe_input(&g, "x", TENSOR_DOUBLE);
    IGNORE(pipe_linear(&g, x, &one, 1, shift, "prediction"));
    buf_init(&b, MIB(1));
    CHECK_OK(onnx_write(&g, &b, err));
    struct serve_spec spec = { .model = "m", .version = version, .onnx = buf_view(&b) };
    CHECK_OK(serve_version_load(&spec, &v, err));
    buf_fini(&b);
    arena_fini(&a);
    return v;
}

static struct serve *open_both(struct serve_share share)
{
    struct serve *s = NULL;
    CHECK_OK(serve_open(&s, err));
    CHECK_OK(serve_publish(s, "ep", load(0, "1"), err));
    CHECK_OK(serve_candidate_set(s, "ep", load(1000, "2"), share, err));
    return s;
}

/* The prediction for x = 1, or NaN when refused. */
static double ask(struct serve *s, const char *body, const char *version)
{
    struct arena a;
    arena_init(&a, MIB(1));
    struct serve_call c = { .name = STR("ep"),
                            .version = str_of(version),
                            .body = str_of(body),
                            .arena = &a,
                            .started_ns = clock_mono_ns() };
    int rc = serve_call_begin(s, &c, NULL);
    double got = rc || c.rows == 0 ? NAN : c.values[0][0];
    serve_call_end(s, &c, rc != 0);
    arena_fini(&a);
    return got;
}

#define ONE "{\"instances\":[{\"x\":1}]}"

TEST(a_candidate_answers_its_share)
{
    static const unsigned shares[] = { 0, 1, 50, 250, 500, 999, 1000 };
    for (size_t k = 0; k < ARRAY_LEN(shares); k++) {
        struct serve *s = open_both((struct serve_share){ .permille = shares[k] });
        struct serve_arm arms[2];
        double candidate = 0;
        for (int i = 0; i < 2000; i++)
            candidate += ask(s, ONE, "") == 1001;
        CHECK(fabs(candidate - 2.0 * shares[k]) <= 3);
        CHECK_OK(serve_arms_get(s, "ep", arms));
        CHECK_INT(arms[1].requests, (uint64_t)candidate);
        CHECK_INT(arms[0].requests + arms[1].requests, 2000);
        CHECK_STR(arms[1].version, "2");
        CHECK(arms[1].sum == 1001 * candidate && arms[0].rows == arms[0].requests);
        serve_close(s);
    }
}

TEST(a_version_that_is_named_is_no_part_of_the_trial)
{
    struct serve *s = open_both((struct serve_share){ .permille = 1000 });
    struct serve_arm arms[2];
    CHECK(ask(s, ONE, "1") == 1);
    CHECK(ask(s, ONE, "2") == 1001);
    CHECK_OK(serve_arms_get(s, "ep", arms));
    CHECK_INT(arms[0].requests + arms[1].requests, 0);
    serve_close(s);
}

TEST(a_shadow_answers_copies_and_nobody_sees_it)
{
    struct serve *s = open_both((struct serve_share){ .shadow = 1 });
    struct serve_arm arms[2];
    for (int i = 0; i < 100; i++)
        CHECK(ask(s, ONE, "") == 1);
    CHECK(isnan(ask(s, "{\"instances\":[{\"x\":\"no\"}]}", "")));
    serve_shadow_drain(s);
    CHECK_OK(serve_arms_get(s, "ep", arms));
    CHECK_INT(arms[0].requests, 101);
    CHECK_INT(arms[0].errors, 1);
    CHECK_INT(arms[1].requests + arms[1].skipped, 101);
    CHECK_INT(arms[1].errors, 1);
    CHECK(serve_arm_quantile(arms[1].latency, 0.5) > 0);
    serve_close(s);
}

TEST(publishing_the_candidate_ends_the_trial)
{
    struct serve *s = open_both((struct serve_share){ .permille = 50 });
    struct serve_arm arms[2];
    struct serve_status st;
    struct serve_version *v = serve_loaded(s, "m", "2", "");
    CHECK(v != NULL);
    CHECK_OK(serve_status_get(s, STR("ep"), &st, err));
    CHECK_STR(st.candidate, "2");
    CHECK_INT(st.share.permille, 50);
    CHECK_OK(serve_publish(s, "ep", v, err));
    CHECK(ask(s, ONE, "") == 1001 && ask(s, ONE, "1") == 1);
    CHECK_INT(serve_arms_get(s, "ep", arms), ERR_NOT_FOUND);
    CHECK_OK(serve_status_get(s, STR("ep"), &st, err));
    CHECK_STR(st.candidate, "");
    CHECK_STR(st.previous, "1");
    serve_close(s);
}

TEST(a_candidate_goes_and_its_counters_with_it)
{
    struct serve *s = open_both((struct serve_share){ .permille = 500 });
    struct serve_arm arms[2];
    struct err e = ERR_INIT;
    struct serve_version *v = load(5, "3");
    for (int i = 0; i < 10; i++)
        IGNORE(ask(s, ONE, "") > 0);
    CHECK_OK(serve_candidate_set(s, "ep", serve_loaded(s, "m", "2", ""),
                                 (struct serve_share){ .permille = 250 }, err));
    CHECK_OK(serve_arms_get(s, "ep", arms));
    CHECK_INT(arms[0].requests + arms[1].requests, 10); /* another share keeps the counters */
    CHECK_OK(serve_candidate_set(s, "ep", v, (struct serve_share){ .permille = 1 }, err));
    CHECK_OK(serve_arms_get(s, "ep", arms));
    CHECK_INT(arms[0].requests + arms[1].requests, 0);
    serve_candidate_clear(s, "ep");
    serve_candidate_clear(s, "ep");
    CHECK_INT(serve_arms_get(s, "ep", arms), ERR_NOT_FOUND);
    v = load(6, "4");
    CHECK_INT(serve_candidate_set(s, "none", v, (struct serve_share){ .permille = 1 }, &e),
              ERR_NOT_FOUND);
    serve_version_free(v);
    serve_close(s);
}
