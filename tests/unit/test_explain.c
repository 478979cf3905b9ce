/* SPDX-License-Identifier: Apache-2.0
 * src/explain/linear: additivity, groups, JSON. */
#include "test.h"

#include "base/rng.h"
#include "explain/linear.h"

TEST(explain_linear_adds_up)
{
    enum { P = 12 };
    static const char *const sources[P] = { "age", "city", "city", "city", "bmi", "bp",
                                            "sex", "s1",   "s2",   "sex",  "s3",  "s4" };
    double beta[P], mean[P], x[P], part[P], gap;
    struct arena a;
    struct linear_explainer e;
    struct rng r;
    rng_seed(&r, 2);
    arena_init(&a, MIB(1));
    for (int round = 0; round < 200; round++) {
        for (size_t j = 0; j < P; j++) {
            beta[j] = rng_normal(&r) * 100;
            mean[j] = rng_normal(&r) * 50;
            x[j] = mean[j] + rng_normal(&r) * 3;
        }
        struct linear_effects m = { P, 152.13, beta, mean, sources };
        CHECK_OK(linear_explainer_init(&a, &m, &e, err));
        double prediction = linear_explain(&e, x, part, &gap), sum = e.base, size = fabs(e.base);
        for (size_t g = 0; g < e.group_n; g++) {
            sum += part[g];
            size += fabs(part[g]);
        }
        CHECK(fabs(sum - prediction) <= 1e-12 * size && fabs(gap) <= 1e-12 * size);
        CHECK_INT(e.group_n, 9);
        CHECK_NEAR(part[1],
                   beta[1] * (x[1] - mean[1]) + beta[2] * (x[2] - mean[2]) +
                       beta[3] * (x[3] - mean[3]),
                   1e-13);
        CHECK_NEAR(part[4], beta[6] * (x[6] - mean[6]) + beta[9] * (x[9] - mean[9]), 1e-13);
        CHECK_STR(e.groups[4], "sex");
        (void)linear_explain(&e, mean, part, NULL); /* at the means nothing contributes */
        for (size_t g = 0; g < e.group_n; g++)
            CHECK(part[g] == 0);
    }
    beta[4] = NAN;
    struct linear_effects bad = { P, 1, beta, mean, sources };
    struct err err = ERR_INIT;
    CHECK_INT(linear_explainer_init(&a, &bad, &e, &err), ERR_INVALID);
    CHECK_STR(err.msg, "coefficient or mean of 'bmi' is not a finite number");
    arena_fini(&a);
}

TEST(explain_linear_json)
{
    static const char *const sources[] = { "age", "city", "city" };
    double beta[] = { 2, 1, -1 }, mean[] = { 50, 0.5, 0.5 }, x[] = { 60, 1, 0 }, part[3];
    str_t values[] = { STR("60"), STR("\"Ulm\"") };
    struct linear_effects m = { 3, 10, beta, mean, sources };
    struct linear_explainer e;
    struct arena a;
    struct buf b;
    struct json_out o;
    arena_init(&a, MIB(1));
    buf_init(&b, 1000);
    json_out_init(&o, &b);
    CHECK_OK(linear_explainer_init(&a, &m, &e, err));
    double prediction = linear_explain(&e, x, part, NULL);
    linear_explanation_write_json(&o, &e, prediction, part, values);
    CHECK_VIEW(buf_view(&b), "{\"prediction\":131.0,\"base\":110.0,\"contributions\":["
                             "{\"name\":\"age\",\"value\":60,\"contribution\":20.0},"
                             "{\"name\":\"city\",\"value\":\"Ulm\",\"contribution\":1.0}]}");
    buf_fini(&b);
    arena_fini(&a);
}
