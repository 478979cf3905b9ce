/* SPDX-License-Identifier: Apache-2.0
 * The C half of the comparison with ONNX Runtime (test_onnx.py):
 *   onnx_cases write DIR SEED N   random pipelines and data: DIR/I.onnx, DIR/I.in.json,
 * DIR/I.out.json onnx_cases run DIR            every DIR/X.onnx on DIR/X.in.json: DIR/X.out.json
 * in.json: {"rows": n, "inputs": {"name": [values, row by row]}}; out.json: {"outputs": {"name":
 * [values]}} or {"error": text}. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/rng.h"
#include "codec/json.h"
#include "infer/predictor.h"
#include "model/mlmodel.h"
#include "model/pipeline.h"

static int failed(const struct err *err, const char *what)
{
    (void)fprintf(stderr, "%s: %s\n", what, err->msg);
    return 1;
}

/* ---- running ---- */

static const void *input_values(struct arena *a, const struct predictor_input *in,
                                const struct json *v, size_t rows)
{
    size_t n = rows * (size_t)in->width;
    double *numbers = ARENA_TRY_ARRAY(a, n + 1, double);
    str_t *texts = ARENA_TRY_ARRAY(a, n + 1, str_t);
    if (!v || v->n != n || !numbers || !texts)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        const struct json *x = &v->items[i];
        numbers[i] = x->type == JSON_BOOL ? x->boolean : json_as_double(x, (double)NAN);
        texts[i] = x->type == JSON_STRING ? x->string : STR("");
    }
    return in->type == TENSOR_STRING ? (const void *)texts : (const void *)numbers;
}

static int predict(struct arena *a, const struct predictor *p, const struct json *in,
                   struct json_out *o, struct err *err)
{
    const struct predictor_input *inputs, *outputs;
    size_t n = predictor_inputs(p, &inputs), m = predictor_outputs(p, &outputs);
    size_t rows = (size_t)json_get_int(in, "rows", 0);
    const void **columns = ARENA_TRY_ARRAY(a, n + 1, const void *);
    double **out = ARENA_TRY_ARRAY(a, m + 1, double *);
    void *workspace = arena_try_alloc(a, predictor_workspace_bytes(p, rows), 1);
    for (size_t i = 0; i < n; i++) {
        const struct json *all = json_get(in, "inputs");
        columns[i] = input_values(a, &inputs[i], all ? json_get(all, inputs[i].name) : NULL, rows);
        if (!columns[i])
            return ERR(err, ERR_INVALID, "input '%s' is missing or has the wrong size",
                       inputs[i].name);
    }
    for (size_t k = 0; k < m; k++)
        out[k] = ARENA_TRY_ARRAY(a, rows * (size_t)outputs[k].width + 1, double);
    int rc = predictor_run(p, &(struct predictor_batch){ rows, columns }, out, workspace, err);
    if (rc)
        return rc;
    jo_key(o, "outputs");
    jo_object(o);
    for (size_t k = 0; k < m; k++) {
        jo_key(o, outputs[k].name);
        jo_array(o);
        for (size_t i = 0; i < rows * (size_t)outputs[k].width; i++)
            jo_double(o, out[k][i]);
        jo_array_end(o);
    }
    jo_object_end(o);
    return 0;
}

static int run_case(const char *dir, const char *name)
{
    struct arena a;
    struct err err = ERR_INIT;
    struct predictor *p = NULL;
    struct json in;
    struct json_out o;
    struct buf b;
    str_t model, text;
    arena_init(&a, LIMIT_ARENA_COMMAND);
    buf_init(&b, LIMIT_ARENA_COMMAND);
    json_out_init(&o, &b);
    jo_object(&o);
    int rc = fs_read(&a, arena_printf(&a, "%s/%s.onnx", dir, name), LIMIT_MODEL_FILE, &model, &err);
    if (rc == 0)
        rc = fs_read(&a, arena_printf(&a, "%s/%s.in.json", dir, name), LIMIT_MODEL_FILE, &text,
                     &err);
    if (rc == 0)
        rc = json_parse(&a, text, &(struct json_options){ .allow_nan = 1 }, &in, &err);
    if (rc == 0)
        rc = predictor_load(model, &p, &err);
    if (rc == 0)
        rc = predict(&a, p, &in, &o, &err);
    if (rc)
        jo_kv_cstr(&o, "error", err.msg);
    jo_object_end(&o);
    predictor_free(p);
    rc = fs_write_cache(arena_printf(&a, "%s/%s.out.json", dir, name), buf_view(&b), &err);
    buf_fini(&b);
    arena_fini(&a);
    return rc ? failed(&err, name) : 0;
}

static int run_all(const char *dir)
{
    struct arena a;
    struct err err = ERR_INIT;
    const char **names = NULL;
    size_t n = 0;
    arena_init(&a, LIMIT_ARENA_COMMAND);
    int bad = fs_list(&a, dir, &names, &n, &err) ? failed(&err, dir) : 0;
    for (size_t i = 0; i < n && !bad; i++) {
        str_t name = str_of(names[i]);
        if (str_ends(name, ".onnx"))
            bad = run_case(dir, arena_printf(&a, "%.*s", (int)name.n - 5, name.p));
    }
    arena_fini(&a);
    return bad;
}

/* ---- writing random cases ---- */

static const str_t levels[] = { STR("red"),
                                STR("gr\xc3\xbcn"),
                                STR("\xe7\xba\xa2\xe8\x89\xb2"),
                                STR("a longer category, with a comma"),
                                STR(" "),
                                STR("x"),
                                STR("\xf0\x9f\x9a\xa2 ship") };
enum { LEVELS = ARRAY_LEN(levels), ROWS = 200 };

struct maker {
    struct rng rng;
    struct graph g;
    struct arena *a;
    const char *parts[64];
    size_t part_n, width;
    struct pipe_value names[16];
    size_t name_n;
    int wild; /* huge values too, beside which the others vanish */
};

static int chance(struct maker *m, uint64_t one_in)
{
    return rng_below(&m->rng, one_in) == 0;
}

static int scope_value(void *arg, const struct expr *name, struct pipe_value *out, struct err *err)
{
    const struct maker *m = arg;
    uint64_t at = 0;
    if (parse_u64((str_t){ name->name.p + 1, name->name.n - 1 }, &at) || at >= m->name_n)
        return ERR(err, ERR_INVALID, "no column '%.*s'", STR_ARG(name->name));
    *out = m->names[at];
    return 0;
}

static int scope_type(void *arg, const struct expr *name, enum expr_type *out, struct err *err)
{
    struct pipe_value v = { 0 };
    int rc = scope_value(arg, name, &v, err);
    *out = v.is_string ? EXPR_STRING : EXPR_NUMBER;
    return rc;
}

static const char *const numeric_expressions[] = {
    "c0 + c1 * 2 - 1",
    "c0 / c1",
    "-c0 ** 2",
    "c0 ** 3",
    "abs(c0) ** 0.5",
    "c0 % 3",
    "exp(c0 / 100) + ln(abs(c1) + 1)",
    "log10(abs(c1) + 2)",
    "sqrt(abs(c0))",
    "floor(c0) + ceil(c1) + round(c0 * 10) / 10",
    "sign(c0)",
    "min(c0, c1, 3)",
    "max(c0, c1)",
    "c0 ?? c1 ?? 7",
    "coalesce(c0, 5)",
    "if(c0 > c1, c0, c1 * 2)",
    "c0 > 1 AND c1 < 2 OR NOT c0 >= c1",
    "c0 IS NULL",
    "c1 IS NOT NULL",
    "c0 IN (1, 2, 3)",
    "c0 NOT IN (1, c1)",
    "c0 = c1",
    "c0 != 1",
    "c0 <= c1",
    "if(c0 > 0, 1, 2) + c1",
};
static const char *const text_expressions[] = { "c2 = 'red'",
                                                "c2 != 'x'",
                                                "c2 IN ('red', ' ', 'nowhere')",
                                                "c2 IS NULL",
                                                "if(c2 = 'red', c0, 1)",
                                                "if(c0 > 1, c2, 'x') = 'x'",
                                                "(c2 ?? 'red') = 'red'" };

static void add_expression(struct maker *m, const char *text)
{
    struct err err = ERR_INIT;
    struct expr *e;
    struct pipe_value v = { 0 };
    struct pipe_scope scope = { scope_value, m };
    int rc = expr_parse(m->a, str_of(text), &e, NULL, &err);
    if (rc == 0)
        rc = expr_check(m->a, e, scope_type, m, EXPR_NULL, NULL, &err);
    if (rc == 0)
        rc = pipe_expr(&m->g, "derived", e, &scope, &v, &err);
    if (rc)
        exit(failed(&err, text));
    m->parts[m->part_n++] = pipe_impute_number(&m->g, "derived", v.name, 0.25);
    m->width++;
}

static const char *numeric_part(struct maker *m, const char *hint, const char *x)
{
    if (!chance(m, 4))
        x = pipe_impute_number(&m->g, hint, x, 1.5 * rng_normal(&m->rng));
    if (chance(m, 3))
        x = pipe_clip(&m->g, hint, x, chance(m, 3) ? -HUGE_VAL : -1.25,
                      chance(m, 3) ? HUGE_VAL : 2.5);
    if (!chance(m, 3))
        x = pipe_scale(&m->g, hint, x, rng_normal(&m->rng),
                       chance(m, 9) ? 0 : 0.1 + rng_uniform(&m->rng));
    return x;
}

static void add_text_parts(struct maker *m, const char *hint, const char *x)
{
    size_t n = 1 + rng_below(&m->rng, LEVELS);
    double values[LEVELS];
    for (size_t i = 0; i < n; i++)
        values[i] = rng_normal(&m->rng);
    if (chance(m, 2))
        x = pipe_impute_string(&m->g, hint, x, levels[rng_below(&m->rng, LEVELS)]);
    if (!chance(m, 3)) {
        m->parts[m->part_n++] = pipe_one_hot(&m->g, hint, x, levels, n);
        m->width += n;
    }
    if (chance(m, 2)) {
        m->parts[m->part_n++] =
            pipe_lookup(&m->g, hint, x, &(struct pipe_table){ levels, values, n, 0.125 });
        m->width++;
    }
    if (chance(m, 3)) {
        m->parts[m->part_n++] = pipe_is_missing(&m->g, hint, x, 1);
        m->width++;
    }
}

static void add_number_parts(struct maker *m, const char *hint, const char *x)
{
    const int64_t whole[] = { -1, 0, 1, 2 };
    m->parts[m->part_n++] = numeric_part(m, hint, x);
    m->width++;
    if (chance(m, 4)) {
        m->parts[m->part_n++] = pipe_one_hot_ints(&m->g, hint, x, whole, 4);
        m->width += 4;
    }
    if (chance(m, 4)) {
        m->parts[m->part_n++] = pipe_is_missing(&m->g, hint, x, 0);
        m->width++;
    }
}

static double random_number(struct maker *m, enum tensor_type type)
{
    static const double odd[] = { 0, -0.0, 1, -1, 2, 3, 1e-310, 0.1, 1e300, -1e17 };
    double x = chance(m, 4) ? odd[rng_below(&m->rng, ARRAY_LEN(odd) - (m->wild ? 0 : 2))]
                            : 3 * rng_normal(&m->rng);
    if (type == TENSOR_INT64)
        return floor(3 * rng_normal(&m->rng));
    if (type == TENSOR_BOOL)
        return (double)rng_below(&m->rng, 2);
    if (type == TENSOR_FLOAT)
        return (double)(float)(3 * rng_normal(&m->rng));
    return chance(m, 8)    ? (double)NAN
           : chance(m, 40) ? (double)INFINITY
           : chance(m, 40) ? -(double)INFINITY
                           : x;
}

static void write_values(struct maker *m, struct json_out *o, enum tensor_type type)
{
    jo_array(o);
    for (int r = 0; r < ROWS; r++) {
        if (type != TENSOR_STRING)
            jo_double(o, random_number(m, type));
        else
            jo_str(o, chance(m, 5)   ? STR("")
                      : chance(m, 8) ? STR("unknown")
                                     : levels[rng_below(&m->rng, LEVELS)]);
    }
    jo_array_end(o);
}

static void build(struct maker *m, struct json_out *o)
{
    static const enum tensor_type types[] = { TENSOR_DOUBLE, TENSOR_DOUBLE, TENSOR_INT64,
                                              TENSOR_BOOL,   TENSOR_FLOAT,  TENSOR_STRING };
    size_t columns = 1 + rng_below(&m->rng, 8);
    for (size_t i = 0; i < columns; i++) {
        enum tensor_type type = i < 2    ? TENSOR_DOUBLE
                                : i == 2 ? TENSOR_STRING
                                         : types[rng_below(&m->rng, ARRAY_LEN(types))];
        if (columns == 1 && chance(m, 2))
            type = TENSOR_STRING;
        const char *name =
            arena_printf(m->a, "c%zu%s", i, chance(m, 3) ? " \xc3\xa9/\xe5\x90\x8d" : "");
        const char *x = pipe_input(&m->g, name, type);
        jo_key(o, name);
        write_values(m, o, type);
        m->names[m->name_n++] = (struct pipe_value){ x, type == TENSOR_STRING };
        if (type == TENSOR_STRING)
            add_text_parts(m, name, x);
        else
            add_number_parts(m, name, x);
    }
    for (uint64_t k = rng_below(&m->rng, 4); columns > 2 && k > 0; k--)
        add_expression(
            m, chance(m, 4)
                   ? text_expressions[rng_below(&m->rng, ARRAY_LEN(text_expressions))]
                   : numeric_expressions[rng_below(&m->rng, ARRAY_LEN(numeric_expressions))]);
    double w[256];
    for (size_t i = 0; i < m->width; i++)
        w[i] = rng_normal(&m->rng);
    const char *x = m->part_n ? pipe_concat(&m->g, "design", m->parts, m->part_n) : "";
    graph_property(&m->g, "slipway.note", "h\xc3\xa9llo");
    (void)pipe_linear(&m->g, x, w, m->width, rng_normal(&m->rng), "prediction");
}

static int write_case(const char *dir, uint64_t seed, size_t number)
{
    struct arena a;
    struct err err = ERR_INIT;
    struct buf model, again, json;
    struct json_out o;
    struct graph read;
    arena_init(&a, LIMIT_ARENA_COMMAND);
    struct maker *m = ARENA_NEW(&a, struct maker);
    buf_init(&model, LIMIT_MODEL_FILE);
    buf_init(&again, LIMIT_MODEL_FILE);
    buf_init(&json, LIMIT_MODEL_FILE);
    m->a = &a;
    rng_seed(&m->rng, seed * 1000 + number);
    m->wild = chance(m, 6);
    graph_init(&m->g, &a, "case");
    json_out_init(&o, &json);
    jo_object(&o);
    jo_kv_int(&o, "rows", ROWS);
    jo_key(&o, "inputs");
    jo_object(&o);
    build(m, &o);
    jo_object_end(&o);
    jo_object_end(&o);
    int rc = onnx_write(&m->g, &model, &err);
    if (rc == 0)
        rc = onnx_read(&a, buf_view(&model), &read, &err);
    if (rc == 0)
        rc = onnx_write(&read, &again, &err);
    if (rc == 0 && !str_eq(buf_view(&model), buf_view(&again)))
        rc = ERR(&err, ERR_INTERNAL, "writing what was read gives other bytes");
    if (rc == 0)
        rc = fs_write_cache(arena_printf(&a, "%s/%zu.onnx", dir, number), buf_view(&model), &err);
    if (rc == 0)
        rc = fs_write_cache(arena_printf(&a, "%s/%zu.in.json", dir, number), buf_view(&json), &err);
    buf_fini(&model);
    buf_fini(&again);
    buf_fini(&json);
    arena_fini(&a);
    return rc ? failed(&err, "case") : 0;
}

/* Columns of every type, one with a name that YAML and JSON must escape. */
static int write_mlmodel(const char *dir)
{
    static const str_t towns[] = { STR("a"), STR("\xc3\xa9") };
    struct arena a;
    struct graph g;
    struct signature s;
    struct json example, in;
    struct json_out o;
    struct buf onnx, out;
    struct predictor *p = NULL;
    struct err err = ERR_INIT;
    const char *parts[4];
    const str_t data = STR("{\"rows\":3,\"inputs\":{\"it's "
                           "\xc3\xa9\":[1.5,\"NaN\",3],\"n\":[1,2,3],\"yes\":[true,false,true],"
                           "\"town\":[\"a\",\"\xc3\xa9\",\"\"]}}");
    arena_init(&a, LIMIT_ARENA_COMMAND);
    buf_init(&onnx, LIMIT_MODEL_FILE);
    buf_init(&out, LIMIT_MODEL_FILE);
    graph_init(&g, &a, "mlmodel");
    parts[0] = pipe_impute_number(&g, "x", pipe_input(&g, "it's \xc3\xa9", TENSOR_DOUBLE), 7);
    parts[1] = pipe_input(&g, "n", TENSOR_INT64);
    parts[2] = pipe_input(&g, "yes", TENSOR_BOOL);
    parts[3] = pipe_one_hot(&g, "town", pipe_input(&g, "town", TENSOR_STRING), towns, 2);
    (void)pipe_linear(&g, pipe_concat(&g, "design", parts, 4),
                      (const double[]){ 1, 10, 100, 1000, 2000 }, 5, 0.5, "prediction");
    int rc = onnx_write(&g, &onnx, &err);
    if (rc == 0)
        rc = signature_of_graph(&a, &g, &s, &err);
    if (rc == 0)
        rc = json_parse(&a, STR("{\"it's \xc3\xa9\":1.5,\"n\":1,\"yes\":true,\"town\":\"a\"}"),
                        NULL, &example, &err);
    struct mlmodel m = { buf_view(&onnx), &s,  &example, "0123456789abcdef0123456789abcdef",
                         1795561345123,   NULL };
    if (rc == 0)
        rc = mlmodel_write(&m, fs_join(&a, dir, "model"), &err);
    if (rc == 0)
        rc = json_parse(&a, data, NULL, &in, &err);
    if (rc == 0)
        rc = predictor_load(buf_view(&onnx), &p, &err);
    json_out_init(&o, &out);
    jo_object(&o);
    if (rc == 0)
        rc = predict(&a, p, &in, &o, &err);
    jo_object_end(&o);
    if (rc == 0)
        rc = fs_write_cache(fs_join(&a, dir, "model.in.json"), data, &err);
    if (rc == 0)
        rc = fs_write_cache(fs_join(&a, dir, "model.out.json"), buf_view(&out), &err);
    predictor_free(p);
    buf_fini(&onnx);
    buf_fini(&out);
    arena_fini(&a);
    return rc ? failed(&err, "mlmodel") : 0;
}

int main(int argc, char **argv)
{
    uint64_t seed = 0, n = 0;
    if (argc == 3 && strcmp(argv[1], "run") == 0)
        return run_all(argv[2]);
    if (argc == 3 && strcmp(argv[1], "mlmodel") == 0)
        return write_mlmodel(argv[2]);
    if (argc != 5 || strcmp(argv[1], "write") != 0 || parse_u64(str_of(argv[3]), &seed) ||
        parse_u64(str_of(argv[4]), &n)) {
        (void)fprintf(stderr, "usage: onnx_cases write DIR SEED N | mlmodel DIR | run DIR\n");
        return 2;
    }
    for (uint64_t i = 0; i < n; i++) {
        if (write_case(argv[2], seed, i))
            return 1;
    }
    return run_all(argv[2]);
}
