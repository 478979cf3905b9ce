/* SPDX-License-Identifier: Apache-2.0
 * From the graph to columns: walks the nodes in order, checks types and shapes, hands each node to
 * its lowering function (lower_math.c, lower_shape.c, lower_ml.c) by one table. */
#include "infer/program.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/limits.h"

int node_error(struct compiler *c, const char *fmt, ...)
{
    char text[320];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return ERR(c->err, ERR_INVALID, "node '%.80s' (%.40s): %s", c->node->name, c->node->op, text);
}

int value_is_text(const struct value *v)
{
    return v->type == TENSOR_STRING;
}

int64_t attr_int(const struct node *n, const char *name, int64_t fallback)
{
    const struct attribute *a = node_attribute(n, name);
    return a && a->kind == ATTR_INT ? a->integer : fallback;
}

double attr_float(const struct node *n, const char *name, double fallback)
{
    const struct attribute *a = node_attribute(n, name);
    return a && a->kind == ATTR_FLOAT ? a->number : fallback;
}

column_t def_round(struct compiler *c, enum tensor_type type, column_t x)
{
    return type == TENSOR_FLOAT ? def_1(c, OP_TO_FLOAT, x) : x;
}

static int out_of_memory(struct compiler *c)
{
    c->failed = 1;
    return ERR(c->err, ERR_LIMIT, "the model needs too much memory");
}

struct value *value_new(struct compiler *c, enum tensor_type type, int rows, int rank,
                        const int64_t *dims)
{
    struct value *v = ARENA_NEW(&c->work, struct value);
    *v = (struct value){ .type = type, .rows = rows, .rank = rank, .width = 1 };
    for (int i = 0; i < rank; i++) {
        v->dims[i] = dims[i];
        if (__builtin_mul_overflow(v->width, (size_t)dims[i], &v->width)) {
            c->failed = 1;
            return v;
        }
    }
    v->columns = ARENA_TRY_ARRAY(&c->work, v->width + 1, column_t);
    if (!v->columns)
        c->failed = 1;
    return v;
}

struct value *value_get(struct compiler *c, size_t input)
{
    const struct node *n = c->node;
    return input < n->input_n && *n->inputs[input] ? map_get(&c->values, str_of(n->inputs[input]))
                                                   : NULL;
}

int value_put(struct compiler *c, size_t output, struct value *v)
{
    if (c->failed)
        return out_of_memory(c);
    if (output >= c->node->output_n)
        return node_error(c, "it has %zu outputs", c->node->output_n);
    IGNORE(map_put(&c->values, str_of(c->node->outputs[output]), v));
    return 0;
}

static int tensor_number(const struct tensor *t, size_t i, double *out)
{
    const double exact = 9007199254740992.0; /* 2^53 */
    switch (t->type) {
    case TENSOR_DOUBLE: *out = t->doubles[i]; return 0;
    case TENSOR_FLOAT: *out = (double)t->floats[i]; return 0;
    default: *out = (double)t->ints[i]; return fabs(*out) <= exact ? 0 : -1;
    }
}

int value_number(struct compiler *c, const struct value *v, size_t i, double *out)
{
    int ok = !value_is_text(v) && !v->rows && i < v->width;
    if (ok && v->tensor)
        ok = tensor_number(v->tensor, i, out) == 0;
    else if (ok)
        ok = def_is_const(c, v->columns[i], out);
    return ok ? 0 : node_error(c, "an input must be constant (and whole numbers within 2^53) here");
}

int value_columns(struct compiler *c, struct value *v)
{
    if (v->columns)
        return 0;
    v->columns = ARENA_TRY_ARRAY(&c->work, v->width + 1, column_t);
    if (!v->columns)
        return out_of_memory(c);
    for (size_t i = 0; i < v->width; i++) {
        double x = 0;
        if (!value_is_text(v) && value_number(c, v, i, &x))
            return c->err->code;
        v->columns[i] = value_is_text(v) ? def_text(c, v->tensor->strings[i]) : def_const(c, x);
    }
    return 0;
}

static int lower_constants(struct compiler *c)
{
    for (size_t i = 0; i < c->g->constant_n; i++) {
        const struct tensor *t = &c->g->constants[i];
        struct value *v = ARENA_NEW(&c->work, struct value);
        *v = (struct value){ .type = t->type, .rank = t->rank, .width = t->count, .tensor = t };
        memcpy(v->dims, t->dims, sizeof v->dims);
        IGNORE(map_put(&c->values, str_of(t->name), v));
    }
    return 0;
}

static int lower_input(struct compiler *c, size_t index)
{
    const struct tensor *t = &c->g->inputs[index];
    int rows_free = t->rank >= 1 && (t->dims[0] == -1 || t->dims[0] == 1);
    if ((t->rank != 1 && t->rank != 2) || !rows_free || (t->rank == 2 && t->dims[1] < 1))
        return ERR(c->err, ERR_INVALID,
                   "input '%.100s' must be a vector [rows] or a table [rows, columns] with a free "
                   "number of rows and a fixed "
                   "number of columns",
                   t->name);
    size_t width = t->rank == 2 ? (size_t)t->dims[1] : 1;
    if (width > LIMIT_MODEL_COLUMNS)
        return ERR(c->err, ERR_LIMIT, "input '%.100s' has more than %d columns", t->name,
                   LIMIT_MODEL_COLUMNS);
    struct value *v = value_new(c, t->type, 1, t->rank - 1, t->dims + 1);
    int is_text = value_is_text(v);
    column_t whole =
        def_put(c, (struct def){ .code = OP_INPUT, .is_text = is_text, .index = (uint32_t)index });
    for (size_t i = 0; i < width && !c->failed; i++) {
        struct def pick = { .code = is_text ? OP_PICK_TEXT : OP_PICK,
                            .is_text = is_text,
                            .arg_n = 1,
                            .args = { whole },
                            .index = (uint32_t)i,
                            .stride = (uint32_t)width };
        v->columns[i] = def_round(c, t->type, width == 1 ? whole : def_put(c, pick));
    }
    IGNORE(map_put(&c->values, str_of(t->name), v));
    return c->failed ? out_of_memory(c) : 0;
}

static const struct lowering *find_in(const struct lowering *list, size_t n,
                                      const struct node *node)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(list[i].op, node->op) == 0 && strcmp(list[i].domain, node->domain) == 0)
            return &list[i];
    }
    return NULL;
}

static const struct lowering *find_lowering(const struct node *node)
{
    const struct lowering *l = find_in(lower_math, lower_math_n, node);
    if (!l)
        l = find_in(lower_shapes, lower_shapes_n, node);
    return l ? l : find_in(lower_ml, lower_ml_n, node);
}

static int lower_node(struct compiler *c, const struct node *n)
{
    const struct lowering *l = find_lowering(n);
    c->node = n;
    if (!l)
        return node_error(c,
                          "this operator is not one that Slipway computes itself%s%.40s; an engine "
                          "such as ONNX Runtime is needed",
                          *n->domain ? ", nor is its domain " : "", n->domain);
    if (n->input_n < l->input_min || n->input_n > l->input_max)
        return node_error(c, "it has %zu inputs", n->input_n);
    for (size_t i = 0; i < l->input_min; i++) {
        if (!value_get(c, i))
            return node_error(c, "its input %zu is missing", i + 1);
    }
    for (size_t i = 1; i < n->output_n; i++) {
        if (*n->outputs[i])
            return node_error(c, "it has %zu outputs", n->output_n);
    }
    int rc = l->fn(c, n, l->code);
    return rc == 0 && c->failed ? out_of_memory(c) : rc;
}

/* Marks the nodes that the outputs need, backwards; a bit a node. */
static int needed_nodes(struct compiler *c, const char *const *outputs, size_t n,
                        unsigned char *needed)
{
    const struct graph *g = c->g;
    struct map wanted;
    map_init(&wanted);
    for (size_t i = 0; i < n; i++)
        IGNORE(map_put(&wanted, str_of(outputs[i]), c));
    for (size_t i = g->node_n; i-- > 0;) {
        const struct node *node = &g->nodes[i];
        for (size_t j = 0; j < node->output_n && !needed[i]; j++)
            needed[i] = *node->outputs[j] && map_get(&wanted, str_of(node->outputs[j]));
        for (size_t j = 0; needed[i] && j < node->input_n; j++)
            IGNORE(map_put(&wanted, str_of(node->inputs[j]), c));
    }
    map_fini(&wanted);
    return 0;
}

int lower_graph(struct compiler *c, const char *const *outputs, size_t n)
{
    const struct graph *g = c->g;
    unsigned char *needed = ARENA_TRY_ARRAY(&c->work, g->node_n + 1, unsigned char);
    if (!needed)
        return out_of_memory(c);
    int rc = needed_nodes(c, outputs, n, needed);
    if (rc == 0)
        rc = lower_constants(c);
    for (size_t i = 0; rc == 0 && i < g->input_n; i++)
        rc = lower_input(c, i);
    for (size_t i = 0; rc == 0 && i < g->node_n; i++) {
        if (needed[i])
            rc = lower_node(c, &g->nodes[i]);
    }
    c->node = NULL;
    return rc;
}
