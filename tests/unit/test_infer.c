/* SPDX-License-Identifier: Apache-2.0
 * Predictors: by hand on small models, the same bits whatever the block and the instruction set,
 * values of a graph on a frame. The wide comparison is tests/clients/onnx. */
#include "test.h"

#include "base/rng.h"
#include "infer/eval.h"
#include "infer/program.h"
#include "model/pipeline.h"

static const str_t levels[] = { STR("a"), STR("\xc3\xa9"), STR("c") };

static void small_pipeline(struct graph *g, struct arena *a)
{
    graph_init(g, a, "small");
    const char *age = pipe_input(g, "age", TENSOR_DOUBLE),
               *town = pipe_input(g, "town", TENSOR_STRING);
    const char *parts[2];
    parts[0] = pipe_scale(g, "age", pipe_impute_number(g, "age", age, 40), 30, 10);
    parts[1] = pipe_one_hot(g, "town", pipe_impute_string(g, "town", town, STR("c")), levels, 3);
    (void)pipe_linear(g, pipe_concat(g, "x", parts, 2), (const double[]){ 2, 3, 5, 7 }, 4, 0.5,
                      "prediction");
}

static void run(const struct predictor *p, size_t rows, const double *age, const str_t *town,
                double *out)
{
    void *workspace = NULL;
    const void *in[2] = { age, town };
    CHECK(posix_memalign(&workspace, 64, predictor_workspace_bytes(p, rows)) == 0);
    CHECK_OK(predictor_run(p, &(struct predictor_batch){ rows, in }, &out, workspace, err));
    free(workspace);
}

TEST(infer_small_pipeline)
{
    struct arena a;
    struct graph g;
    struct predictor *p;
    const struct predictor_input *in, *out;
    struct buf b;
    double y[5];
    arena_init(&a, 1 << 20);
    small_pipeline(&g, &a);
    CHECK_OK(predictor_compile(&g, &p, err));
    CHECK_INT(predictor_inputs(p, &in), 2);
    CHECK_INT(predictor_outputs(p, &out), 1);
    CHECK_STR(out[0].name, "prediction");
    CHECK_INT(predictor_input_index(p, STR("town")), 1);
    CHECK(predictor_input_index(p, STR("x")) == SIZE_MAX);
    run(p, 5, (const double[]){ 50, (double)NAN, 30, 30, 30 },
        (const str_t[]){ STR("a"), STR("\xc3\xa9"), STR(""), STR("nowhere"), STR("c") }, y);
    CHECK_NEAR(y[0], 2 * 2 + 3 + 0.5, 0);
    CHECK_NEAR(y[1], 2 * 1 + 5 + 0.5, 0);
    CHECK_NEAR(y[2], 7 + 0.5, 0);
    CHECK_NEAR(y[3], 0.5, 0);
    CHECK_NEAR(y[4], 7.5, 0);
    buf_init(&b, 1 << 16);
    predictor_describe(p, &b);
    CHECK(!b.failed && strstr(b.p, "missing to k, (x - k) / k of "));
    CHECK(strstr(b.p, "x + table[y]"));
    CHECK_INT(p->insn_n,
              7); /* fused: fill and scale, first product, two of text, find, table, intercept */
    buf_fini(&b);
    predictor_free(p);
    arena_fini(&a);
}

enum { MANY = 3000 };

/* A row alone gives the bits that it gives in a batch, with either set of kernels. */
TEST(infer_same_bits_in_any_block)
{
    struct arena a;
    struct graph g;
    struct predictor *p;
    struct rng rng;
    static double age[MANY], all[MANY], one[MANY];
    static str_t town[MANY];
    const char *name;
    arena_init(&a, 1 << 20);
    rng_seed(&rng, 3);
    for (size_t i = 0; i < MANY; i++) {
        age[i] = i % 7 == 0 ? (double)NAN : 100 * rng_normal(&rng);
        town[i] = i % 5 == 0 ? STR("") : levels[rng_below(&rng, 3)];
    }
    small_pipeline(&g, &a);
    CHECK_OK(predictor_compile(&g, &p, err));
    run(p, MANY, age, town, all);
    for (size_t i = 0; i < MANY; i++)
        run(p, 1, age + i, town + i, one + i);
    CHECK(memcmp(all, one, sizeof all) == 0);
    p->kernels = kernels_all(1, &name);
    run(p, MANY, age, town, one);
    CHECK(memcmp(all, one, sizeof all) == 0);
    predictor_free(p);
    arena_fini(&a);
}

TEST(infer_many_columns)
{
    enum { WIDTH = 3000 };
    struct arena a;
    struct graph g;
    struct predictor *p;
    static const char *parts[WIDTH];
    static double w[WIDTH], x[WIDTH];
    static const void *in[WIDTH];
    double want = 1, y = 0, *out = &y;
    arena_init(&a, 64 << 20);
    graph_init(&g, &a, "wide");
    for (int i = 0; i < WIDTH; i++) {
        parts[i] = pipe_input(&g, arena_printf(&a, "column %d", i), TENSOR_DOUBLE);
        parts[i] = pipe_scale(&g, "c", parts[i], i, 2);
        w[i] = i % 11;
        x[i] = i + 4;
        in[i] = &x[i];
        want += 2.0 * w[i];
    }
    (void)pipe_linear(&g, pipe_concat(&g, "x", parts, WIDTH), w, WIDTH, 1, "prediction");
    CHECK_OK(predictor_compile(&g, &p, err));
    void *workspace = arena_try_alloc(&a, predictor_workspace_bytes(p, 1), 1);
    CHECK_OK(predictor_run(p, &(struct predictor_batch){ 1, in }, &out, workspace, err));
    CHECK_NEAR(y, want, 0);
    CHECK(p->number_blocks < 10); /* chains are finished one by one */
    predictor_free(p);
    arena_fini(&a);
}

TEST(infer_names_what_it_cannot_do)
{
    struct arena a;
    struct graph g;
    struct predictor *p = NULL;
    struct err err = ERR_INIT;
    arena_init(&a, 1 << 20);
    graph_init(&g, &a, "g");
    const char *x = graph_input(&g, "x", TENSOR_DOUBLE, 2);
    const char *y = graph_node(&g, "Softmax", "", "soft", (const char *const[]){ x, NULL });
    graph_output(&g, y, TENSOR_DOUBLE, 2);
    CHECK_INT(predictor_compile(&g, &p, &err), ERR_INVALID);
    CHECK(strstr(err.msg, "node 'soft_0' (Softmax)"));
    CHECK(!p);
    arena_fini(&a);
}

static void small_frame(struct frame *f, struct arena *a)
{
    static double age[] = { 50, (double)NAN, 30, 30 };
    static int32_t town[] = { 1, -1, 0, 1 };
    static str_t names[] = { STR("a"), STR("zz") };
    static struct column columns[] = {
        { .name = "age", .type = COLUMN_NUMBER, .numbers = age },
        { .name = "town", .type = COLUMN_STRING, .codes = town, .levels = names, .level_n = 2 }
    };
    *f = (struct frame){ .arena = a, .columns = columns, .column_n = 2, .n = 4 };
}

TEST(graph_eval_on_a_frame)
{
    struct arena a;
    struct graph g;
    struct frame f;
    struct column made;
    double columns[5][4], *out[5];
    size_t width;
    int is_string;
    arena_init(&a, 1 << 20);
    small_frame(&f, &a);
    graph_init(&g, &a, "g");
    const char *age = pipe_input(&g, "age", TENSOR_DOUBLE),
               *town = pipe_input(&g, "town", TENSOR_STRING);
    const char *filled = pipe_impute_number(&g, "age", age, 1),
               *text = pipe_impute_string(&g, "town", town, STR("\xc3\xa9"));
    const char *hot = pipe_one_hot(&g, "town", text, levels, 3);
    for (int i = 0; i < 5; i++)
        out[i] = columns[i];
    CHECK_OK(graph_eval(&g, (const char *const[]){ filled, hot, age }, 3, &f, out, err));
    CHECK(columns[0][0] == 50 && columns[0][1] == 1);
    CHECK(columns[1][2] == 1 && columns[1][0] == 0 && columns[2][1] == 1 && columns[3][0] == 0);
    CHECK(isnan(columns[4][1]));
    CHECK_OK(graph_value_width(&g, hot, &width, &is_string, err));
    CHECK(width == 3 && !is_string);
    CHECK_OK(graph_eval_strings(&g, text, &f, &made, err));
    CHECK_INT(made.level_n, 3);
    CHECK_VIEW(made.levels[made.codes[1]], "\xc3\xa9");
    CHECK_VIEW(made.levels[made.codes[3]], "zz");
    CHECK_OK(graph_eval_strings(&g, town, &f, &made, err));
    CHECK(made.codes[1] == -1 && made.level_n == 2);
    arena_fini(&a);
}

TEST(infer_keys)
{
    struct arena a;
    const double numbers[] = { 3, (double)NAN, -1, 3, (double)INFINITY };
    str_t many[1000];
    arena_init(&a, 1 << 24);
    struct keys *k = keys_of_numbers(&a, numbers, 5);
    CHECK_INT(keys_find_number(k, 3), 0);
    CHECK_INT(keys_find_number(k, (double)NAN), 1);
    CHECK_INT(keys_find_number(k, -1), 2);
    CHECK_INT(keys_find_number(k, (double)INFINITY), 4);
    CHECK_INT(keys_find_number(k, 0), -1);
    for (int i = 0; i < 1000; i++)
        many[i] = str_of(arena_printf(&a, "%.*s%d", i % 20, "abcdefghijklmnopqrst", i));
    k = keys_of_strings(&a, many, 1000);
    for (int i = 0; i < 1000; i++)
        CHECK_INT(keys_find_text(k, many[i]), i);
    CHECK_INT(keys_find_text(k, STR("abc")), -1);
    CHECK_INT(keys_find_text(k, STR("")), -1);
    k = keys_of_strings(&a, many, 0);
    CHECK_INT(keys_find_text(k, STR("")), -1);
    arena_fini(&a);
}

/* Model expressions mean what the language means, with NaN for null. */
static int scope(void *arg, const struct expr *name, struct pipe_value *out, struct err *err)
{
    (void)name, (void)err;
    *out = (struct pipe_value){ arg, 0 };
    return 0;
}

static void expression_is(const char *text, double x, double want)
{
    struct arena a;
    struct graph g;
    struct expr *e;
    struct pipe_value v = { 0 };
    double y = 0, *out = &y;
    struct column column = { .name = "x", .type = COLUMN_NUMBER, .numbers = &x };
    struct frame f = { .arena = &a, .columns = &column, .column_n = 1, .n = 1 };
    arena_init(&a, 1 << 20);
    graph_init(&g, &a, "g");
    struct pipe_scope s = { scope, (void *)(uintptr_t)pipe_input(&g, "x", TENSOR_DOUBLE) };
    f.arena = &a;
    CHECK_OK(expr_parse(&a, str_of(text), &e, NULL, err));
    CHECK_OK(pipe_expr(&g, "e", e, &s, &v, err));
    CHECK_OK(graph_eval(&g, &v.name, 1, &f, &out, err));
    if (!(y == want || (isnan(y) && isnan(want))))
        TEST_FAIL("%s for %g is %g, want %g", text, x, y, want);
    arena_fini(&a);
}

TEST(expressions_in_models)
{
    const double null = (double)NAN;
    expression_is("x ** 2 - -x % 3", 4, 17);
    expression_is("x > 1 and x < 5", 3, 1);
    expression_is("x > 1 and x < 5", 7, 0);
    expression_is("x > 1", null, null);
    expression_is("x > 1 or 2 > 1", null, 1);
    expression_is("x > 1 and 2 < 1", null, 0);
    expression_is("not x > 1", null, null);
    expression_is("not x > 1", 0, 1);
    expression_is("x in (1, 2)", 2, 1);
    expression_is("x not in (1, 2)", 2, 0);
    expression_is("x is null", null, 1);
    expression_is("x is not null", null, 0);
    expression_is("x ?? 7", null, 7);
    expression_is("coalesce(x, 7)", 2, 2);
    expression_is("if(x > 1, 10, 20)", 2, 10);
    expression_is("if(x > 1, 10, 20)", null, null);
    expression_is("max(x, 3)", 2, 3);
    expression_is("max(x, 3)", null, null);
    expression_is("min(3, x, 2.5)", 2, 2);
    expression_is("round(x)", 2.5, 2);
    expression_is("sign(x) + abs(x)", -2, 1);
    expression_is("x ** 0", null, null);
    expression_is("x / 0", 1, (double)INFINITY);
}
