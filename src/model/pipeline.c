/* SPDX-License-Identifier: Apache-2.0
 * Steps of preparation and the linear model as ONNX nodes. Where an operator treats NaN differently
 * from one runtime to the next (Clip, Min, Max), it is spelt with Where and comparisons. */
#include "model/pipeline.h"

#include <math.h>

#define INPUTS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static const char *node1(struct graph *g, const char *op, const char *hint, const char *x)
{
    return graph_node(g, op, "", hint, INPUTS(x));
}

static const char *node2(struct graph *g, const char *op, const char *hint, const char *x,
                         const char *y)
{
    return graph_node(g, op, "", hint, INPUTS(x, y));
}

static const char *where(struct graph *g, const char *hint, const char *condition, const char *x,
                         const char *y)
{
    return graph_node(g, "Where", "", hint, INPUTS(condition, x, y));
}

static const char *cast_double(struct graph *g, const char *hint, const char *x)
{
    const char *y = node1(g, "Cast", hint, x);
    graph_attr_int(g, "to", TENSOR_DOUBLE);
    return y;
}

/* The constant [-1, width], one for all its users. */
static const char *shape(struct graph *g, int64_t width)
{
    for (size_t i = 0; i < g->constant_n; i++) {
        const struct tensor *t = &g->constants[i];
        if (t->type == TENSOR_INT64 && t->rank == 1 && t->count == 2 && t->ints[0] == -1 &&
            t->ints[1] == width)
            return t->name;
    }
    return graph_const_ints(g, "shape", (const int64_t[]){ -1, width }, 2);
}

static const char *reshape(struct graph *g, const char *hint, const char *x, int64_t width)
{
    return node2(g, "Reshape", hint, x, shape(g, width));
}

const char *pipe_input(struct graph *g, const char *name, enum tensor_type type)
{
    const char *x = reshape(g, name, graph_input(g, name, type, 0), 1);
    return type == TENSOR_STRING || type == TENSOR_DOUBLE ? x : cast_double(g, name, x);
}

const char *pipe_is_missing(struct graph *g, const char *hint, const char *x, int is_string)
{
    const char *c = is_string
                        ? node2(g, "Equal", hint, x, graph_const_string(g, "missing", STR("")))
                        : node1(g, "IsNaN", hint, x);
    return cast_double(g, hint, c);
}

const char *pipe_impute_number(struct graph *g, const char *hint, const char *x, double fill)
{
    return where(g, hint, node1(g, "IsNaN", hint, x), graph_const_double(g, "fill", fill), x);
}

const char *pipe_impute_string(struct graph *g, const char *hint, const char *x, str_t fill)
{
    const char *c = node2(g, "Equal", hint, x, graph_const_string(g, "missing", STR("")));
    return where(g, hint, c, graph_const_string(g, "fill", fill), x);
}

const char *pipe_one_hot(struct graph *g, const char *hint, const char *x, const str_t *levels,
                         size_t n)
{
    const char *hot = graph_node(g, "OneHotEncoder", ONNX_ML, hint, INPUTS(x));
    graph_attr_strings(g, "cats_strings", levels, n);
    graph_attr_int(g, "zeros", 1);
    return cast_double(g, hint, reshape(g, hint, hot, (int64_t)n));
}

const char *pipe_one_hot_ints(struct graph *g, const char *hint, const char *x,
                              const int64_t *levels, size_t n)
{
    double *row = ARENA_TRY_ARRAY(g->arena, MAX(n, (size_t)1), double);
    if (!row) {
        g->failed = 1;
        return "";
    }
    for (size_t i = 0; i < n; i++)
        row[i] = (double)levels[i];
    const char *all = graph_const_doubles(g, "levels", row, 2, (const int64_t[]){ 1, (int64_t)n });
    return cast_double(g, hint, node2(g, "Equal", hint, x, all));
}

int pipe_hot_of(const struct graph *g, const char *x, struct pipe_hot *out)
{
    const struct node *n = graph_find_node(g, x);
    while (n && n->input_n && (strcmp(n->op, "Cast") == 0 || strcmp(n->op, "Reshape") == 0))
        n = graph_find_node(g, n->inputs[0]);
    if (n && strcmp(n->op, "OneHotEncoder") == 0) {
        const struct attribute *levels = node_attribute(n, "cats_strings");
        *out = (struct pipe_hot){ .n = levels ? levels->n : 0,
                                  .texts = levels ? levels->strings : NULL };
        return levels != NULL;
    }
    if (!n || strcmp(n->op, "Equal") != 0 || n->input_n != 2)
        return 0;
    const struct tensor *c = graph_find_constant(g, n->inputs[1]);
    if (!c || c->type != TENSOR_DOUBLE || c->rank != 2)
        return 0;
    *out = (struct pipe_hot){ .n = c->count, .numbers = c->doubles };
    return 1;
}

/* LabelEncoder can give a number of single precision only; it gives an index into a table instead.
 */
const char *pipe_lookup(struct graph *g, const char *hint, const char *x,
                        const struct pipe_table *table)
{
    size_t n = table->n;
    int64_t *index = ARENA_TRY_ARRAY(g->arena, n + 1, int64_t);
    double *values = ARENA_TRY_ARRAY(g->arena, n + 1, double);
    if (!index || !values) {
        g->failed = 1;
        return "";
    }
    for (size_t i = 0; i < n; i++) {
        index[i] = (int64_t)i;
        values[i] = table->values[i];
    }
    values[n] = table->other;
    const char *at = graph_node(g, "LabelEncoder", ONNX_ML, hint, INPUTS(x));
    graph_attr_strings(g, "keys_strings", table->levels, n);
    graph_attr_ints(g, "values_int64s", index, n);
    graph_attr_int(g, "default_int64", (int64_t)n);
    const char *data =
        graph_const_doubles(g, "table", values, 1, (const int64_t[]){ (int64_t)n + 1 });
    return node2(g, "Gather", hint, data, at);
}

const char *pipe_scale(struct graph *g, const char *hint, const char *x, double mean, double sd)
{
    const char *centred = node2(g, "Sub", hint, x, graph_const_double(g, "mean", mean));
    return node2(g, "Div", hint, centred, graph_const_double(g, "sd", sd == 0 ? 1.0 : sd));
}

/* The constant of one number with that hint in its name, as the second input of the node. */
static int by_constant(const struct graph *g, const struct node *n, const char *op,
                       const char *hint)
{
    if (!n || strcmp(n->op, op) != 0 || n->input_n != 2 || !str_starts(str_of(n->inputs[1]), hint))
        return 0;
    const struct tensor *c = graph_find_constant(g, n->inputs[1]);
    return c && c->type == TENSOR_DOUBLE && c->count == 1;
}

const char *pipe_unscaled(const struct graph *g, const char *x)
{
    const struct node *div = graph_find_node(g, x);
    const struct node *sub =
        by_constant(g, div, "Div", "sd") ? graph_find_node(g, div->inputs[0]) : NULL;
    return by_constant(g, sub, "Sub", "mean") ? sub->inputs[0] : x;
}

static const char *limit(struct graph *g, const char *hint, const char *x, const char *op,
                         double bound)
{
    const char *c = graph_const_double(g, "bound", bound);
    return where(g, hint, node2(g, op, hint, x, c), c, x);
}

const char *pipe_clip(struct graph *g, const char *hint, const char *x, double low, double high)
{
    if (low > -INFINITY)
        x = limit(g, hint, x, "Less", low);
    if (high < INFINITY)
        x = limit(g, hint, x, "Greater", high);
    return x;
}

const char *pipe_concat(struct graph *g, const char *hint, const char *const *values, size_t n)
{
    if (n == 1)
        return values[0];
    const char **inputs = ARENA_TRY_ARRAY(g->arena, n + 1, const char *);
    if (!inputs || n == 0) {
        g->failed = 1;
        return "";
    }
    memcpy(inputs, values, n * sizeof *inputs);
    const char *x = graph_node(g, "Concat", "", hint, inputs);
    graph_attr_int(g, "axis", 1);
    return x;
}

/* c for every row, whatever the first input says. */
static const char *constant_rows(struct graph *g, double v, const char *output)
{
    if (g->input_n == 0) {
        g->failed = 1;
        return "";
    }
    const struct tensor *in = &g->inputs[0];
    const char *x = reshape(g, "rows", in->name, in->rank == 2 ? in->dims[1] : 1);
    if (in->type != TENSOR_STRING && in->type != TENSOR_DOUBLE)
        x = cast_double(g, "rows", x);
    const char *c = in->type == TENSOR_STRING
                        ? node2(g, "Equal", "rows", x, graph_const_string(g, "missing", STR("")))
                        : node1(g, "IsNaN", "rows", x);
    const char *k = graph_const_double(g, "intercept", v);
    return graph_node_as(g, "Where", "", output, INPUTS(c, k, k));
}

const char *pipe_linear(struct graph *g, const char *x, const double *coefficients, size_t n,
                        double intercept, const char *output)
{
    const char *y;
    if (n == 0) {
        y = constant_rows(g, intercept, output);
    } else {
        const char *w = graph_const_doubles(g, "coefficients", coefficients, 2,
                                            (const int64_t[]){ (int64_t)n, 1 });
        const char *sum = node2(g, "MatMul", "linear", x, w);
        y = graph_node_as(g, "Add", "", output,
                          INPUTS(sum, graph_const_double(g, "intercept", intercept)));
    }
    graph_output(g, y, TENSOR_DOUBLE, 1);
    /* MLflow feeds a single input as a table and several as vectors; the Reshape after it takes
     * both. */
    if (g->input_n == 1 && g->inputs[0].rank == 1) {
        g->inputs[0].rank = 2;
        g->inputs[0].dims[1] = 1;
    }
    return y;
}
