/* SPDX-License-Identifier: Apache-2.0
 * src/explain/linear: additivity, groups, JSON; src/explain/design: models taken apart, by hand and
 * after a way through a file. */
#include "test.h"

#include "base/limits.h"
#include "base/rng.h"
#include "data/frame.h"
#include "explain/design.h"
#include "explain/linear.h"
#include "infer/eval.h"
#include "model/pipeline.h"

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

/* age imputed and scaled; city one-hot, first level dropped; rooms one-hot of whole numbers; a
 * derived ratio, scaled; a derived column that looks like a scaling but is a formula. */
static void build_model(struct graph *g, struct arena *a)
{
    static const str_t cities[] = { STR("Ulm"), STR("") };
    static const int64_t rooms[] = { 1, 2, -3 };
    static const double beta[] = { 12.5, -3, 7, 0.25, 1, -2, 40, 0.125 };
    graph_init(g, a, "flats");
    const char *age = pipe_input(g, "age", TENSOR_DOUBLE), *raw = age;
    const char *city = pipe_input(g, "city", TENSOR_STRING);
    const char *room = pipe_input(g, "rooms", TENSOR_DOUBLE);
    age = pipe_scale(g, "age", pipe_impute_number(g, "age", age, 40), 38, 11.5);
    const char *ratio = graph_node(g, "Div", "", "ratio", (const char *[]){ raw, room, NULL });
    const char *shift =
        graph_node(g, "Sub", "", "formula",
                   (const char *[]){ room, graph_const_double(g, "number", 2), NULL });
    shift = graph_node(g, "Div", "", "formula",
                       (const char *[]){ shift, graph_const_double(g, "number", 4), NULL });
    const char *parts[] = { age, pipe_one_hot(g, "city", city, cities, 2),
                            pipe_one_hot_ints(g, "rooms", room, rooms, 3),
                            pipe_scale(g, "ratio", ratio, 13, 5), shift };
    IGNORE(pipe_linear(g, pipe_concat(g, "features", parts, 5), beta, 8, 100, "prediction"));
    CHECK(!g->failed);
}

static const char *const flat_names[] = { "age",     "city=Ulm", "city=(missing)", "rooms=1",
                                          "rooms=2", "rooms=-3", "ratio",          "formula" };

TEST(explain_design_of_a_file)
{
    static const char *const sources[] = { "age",   "city",  "city",  "rooms",
                                           "rooms", "rooms", "ratio", "formula" };
    static const int is_input[] = { 1, 1, 1, 0, 0 };
    struct arena a;
    struct graph built, g;
    struct design d;
    struct buf b;
    arena_init(&a, MIB(8));
    buf_init(&b, MIB(1));
    build_model(&built, &a);
    CHECK_OK(onnx_write(&built, &b, err));
    CHECK_OK(onnx_read(&a, buf_view(&b), &g, err));
    CHECK_OK(design_of_graph(&a, &g, flat_names, 8, &d, err));
    CHECK_INT(d.p, 8);
    CHECK(d.intercept == 100 && d.coefficients[6] == 40);
    CHECK_STR(d.prediction, "prediction");
    for (size_t i = 0; i < 8; i++)
        CHECK_STR(d.sources[i], sources[i]);
    CHECK_INT(d.feature_n, 5);
    for (size_t k = 0; k < 5; k++)
        CHECK_INT(d.features[k].is_input, is_input[k]);
    CHECK(!d.features[1].value && !d.features[2].value);
    /* What is shown of a derived column is its value before scaling, a formula's own is its value.
     */
    double ages[] = { 30 }, rooms[] = { 4 }, columns[3];
    struct frame f;
    struct column frame_columns[] = { { .name = "age", .numbers = ages },
                                      { .name = "rooms", .numbers = rooms } };
    frame_init(&f, &a, 1);
    f.columns = frame_columns;
    f.column_n = 2;
    const char *wanted[] = { d.features[0].value, d.features[3].value, d.features[4].value };
    double *out[] = { columns, columns + 1, columns + 2 };
    CHECK_OK(graph_eval(&g, wanted, 3, &f, out, err));
    CHECK(columns[0] == 30 && columns[1] == 7.5 && columns[2] == 0.5);
    buf_fini(&b);
    arena_fini(&a);
}

TEST(explain_design_refuses_what_is_not_linear)
{
    struct arena a;
    struct graph g;
    struct design d;
    struct err err = ERR_INIT;
    arena_init(&a, MIB(8));
    build_model(&g, &a);
    CHECK_INT(design_of_graph(&a, &g, flat_names, 7, &d, &err), ERR_CORRUPT);
    CHECK(strstr(err.msg, "8 coefficients") && strstr(err.msg, "names 7"));
    graph_init(&g, &a, "square");
    const char *x = pipe_input(&g, "x", TENSOR_DOUBLE);
    graph_output(&g, graph_node_as(&g, "Mul", "", "y", (const char *[]){ x, x, NULL }),
                 TENSOR_DOUBLE, 1);
    CHECK_INT(design_of_graph(&a, &g, flat_names, 1, &d, &err), ERR_INVALID);
    CHECK(strstr(err.msg, "'square'"));
    arena_fini(&a);
}
