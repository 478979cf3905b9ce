/* SPDX-License-Identifier: Apache-2.0
 * Operators that only rearrange: they give columns new places and compute nothing. Gather from a
 * constant table by a column is here as well. The rows are never moved: an operator that would is
 * refused. */
#include "infer/program.h"

#include <math.h>
#include <stdio.h>

static int refuse(struct compiler *c, const char *what)
{
    return node_error(c, "%s is not something that Slipway computes itself", what);
}

/* A value of new dims with x's columns. */
static int rename_columns(struct compiler *c, struct value *x, int rows, int rank,
                          const int64_t *dims)
{
    int rc = value_columns(c, x);
    if (rc)
        return rc;
    struct value *out = value_new(c, x->type, rows, rank, dims);
    if (!c->failed)
        memcpy(out->columns, x->columns, out->width * sizeof *out->columns);
    return value_put(c, 0, out);
}

static int lower_identity(struct compiler *c, const struct node *n, int code)
{
    struct value *x = value_get(c, 0);
    (void)n, (void)code;
    return value_put(c, 0, x);
}

/* Whole numbers from input `input` (newer files) or an attribute; *out_n = SIZE_MAX when neither is
 * there. */
static int integers(struct compiler *c, size_t input, const char *attribute,
                    int64_t out[TENSOR_RANK_MAX + 1], size_t *out_n)
{
    const struct attribute *a = node_attribute(c->node, attribute);
    struct value *v = value_get(c, input);
    *out_n = SIZE_MAX;
    if (!v && !(a && a->kind == ATTR_INTS))
        return 0;
    size_t n = v ? v->width : a->n;
    if (n > TENSOR_RANK_MAX)
        return refuse(c, "a shape of that many dimensions");
    for (size_t i = 0; i < n; i++) {
        double x = 0;
        int rc = v ? value_number(c, v, i, &x) : 0;
        if (rc)
            return rc;
        if (!(fabs(x) < 1e15))
            return node_error(c, "a shape or axis is not a number that can be");
        out[i] = v ? (int64_t)x : a->ints[i];
    }
    *out_n = n;
    return 0;
}

/* Fills in 0 (as before) and the one -1 of a wanted shape [rows, …]. */
static int settle_shape(struct compiler *c, const struct value *x, int64_t *dims, size_t n)
{
    size_t known = 1, free_at = SIZE_MAX;
    for (size_t i = 1; i < n; i++) {
        if (dims[i] == 0)
            dims[i] = (int)i <= x->rank ? x->dims[i - 1] : 0;
        if (dims[i] < 0) {
            if (free_at != SIZE_MAX || dims[0] < 0 || dims[i] < -1)
                return refuse(c, "a shape with two free dimensions");
            free_at = i;
        } else if (__builtin_mul_overflow(known, (size_t)dims[i], &known)) {
            return refuse(c, "a shape of that size");
        }
    }
    if (free_at != SIZE_MAX && known) {
        dims[free_at] = (int64_t)(x->width / known);
        known *= (size_t)dims[free_at];
    }
    return known == x->width
               ? 0
               : node_error(c, "it would make %zu columns of %zu, which moves values between rows",
                            known, x->width);
}

static int lower_reshape(struct compiler *c, const struct node *n, int code)
{
    struct value *x = value_get(c, 0);
    int64_t dims[TENSOR_RANK_MAX + 1];
    size_t count;
    (void)code;
    int rc = integers(c, 1, "shape", dims, &count);
    if (rc)
        return rc;
    if (count == SIZE_MAX || count == 0 || !x->rows || attr_int(n, "allowzero", 0) != 0 ||
        (dims[0] != -1 && dims[0] != 0))
        return refuse(c, "a reshape that does not keep the rows first");
    rc = settle_shape(c, x, dims, count);
    return rc ? rc : rename_columns(c, x, 1, (int)count - 1, dims + 1);
}

static int lower_flatten(struct compiler *c, const struct node *n, int code)
{
    struct value *x = value_get(c, 0);
    (void)code;
    if (attr_int(n, "axis", 1) != 1 || !x->rows)
        return refuse(c, "flattening the rows");
    return rename_columns(c, x, 1, 1, (const int64_t[]){ (int64_t)x->width });
}

static int lower_squeeze(struct compiler *c, const struct node *n, int code)
{
    struct value *x = value_get(c, 0);
    int64_t axes[TENSOR_RANK_MAX + 1], dims[TENSOR_RANK_MAX];
    size_t count;
    int rank = 0, total = x->rank + x->rows, rc = integers(c, 1, "axes", axes, &count);
    (void)n, (void)code;
    if (rc)
        return rc;
    for (int i = 0; i < x->rank; i++) {
        int drop = count == SIZE_MAX && x->dims[i] == 1;
        for (size_t j = 0; count != SIZE_MAX && j < count; j++)
            drop |= (axes[j] < 0 ? axes[j] + total : axes[j]) == i + x->rows;
        if (drop && x->dims[i] != 1)
            return node_error(c, "it squeezes a dimension of size %lld", (long long)x->dims[i]);
        if (!drop)
            dims[rank++] = x->dims[i];
    }
    for (size_t j = 0; x->rows && count != SIZE_MAX && j < count; j++) {
        if (axes[j] == 0 || axes[j] == -total)
            return refuse(c, "squeezing the rows");
    }
    return rename_columns(c, x, x->rows, rank, dims);
}

static int lower_unsqueeze(struct compiler *c, const struct node *n, int code)
{
    struct value *x = value_get(c, 0);
    int64_t axes[TENSOR_RANK_MAX + 1], dims[TENSOR_RANK_MAX];
    size_t count;
    (void)n, (void)code;
    int rc = integers(c, 1, "axes", axes, &count);
    if (rc)
        return rc;
    int total = x->rank + x->rows + (int)(count == SIZE_MAX ? 0 : count), from = 0, rank = 0;
    if (count == SIZE_MAX || total > TENSOR_RANK_MAX)
        return refuse(c, "a shape of that many dimensions");
    for (int i = 0; i < total; i++) {
        int added = 0;
        for (size_t j = 0; j < count; j++)
            added |= (axes[j] < 0 ? axes[j] + total : axes[j]) == i;
        if (i == 0 && x->rows) {
            if (added)
                return refuse(c, "a dimension before the rows");
            continue;
        }
        if (!added && from == x->rank)
            return node_error(c, "its axes are out of range");
        dims[rank++] = added ? 1 : x->dims[from++];
    }
    if (from != x->rank)
        return node_error(c, "its axes are out of range or repeated");
    return rename_columns(c, x, x->rows, rank, dims);
}

static int lower_concat(struct compiler *c, const struct node *n, int code)
{
    int64_t axis = attr_int(n, "axis", 0), width = 0;
    struct value *first = value_get(c, 0);
    (void)code;
    for (size_t i = 0; i < n->input_n; i++) {
        struct value *v = value_get(c, i);
        if (!v || !v->rows || v->rank != 1 || (axis != 1 && axis != -1))
            return refuse(c, "joining anything but the columns of tables [rows, columns]");
        if (v->type != first->type)
            return node_error(c, "its inputs have different types (%s and %s)",
                              tensor_type_name(first->type), tensor_type_name(v->type));
        width += v->dims[0];
    }
    struct value *out = value_new(c, first->type, 1, 1, &width);
    size_t at = 0;
    for (size_t i = 0; i < n->input_n && !c->failed; i++) {
        const struct value *v = value_get(c, i);
        memcpy(out->columns + at, v->columns, v->width * sizeof *v->columns);
        at += v->width;
    }
    return value_put(c, 0, out);
}

/* A row of a constant table for each row of an index column. */
static int gather_rows(struct compiler *c, struct value *data, struct value *index)
{
    if (data->rank != 1 || data->width == 0)
        return refuse(c, "gathering from a constant of other than one dimension");
    struct table *t = ARENA_NEW(c->arena, struct table);
    int is_text = value_is_text(data);
    *t = (struct table){ .n = data->width };
    double *numbers = is_text ? NULL : ARENA_TRY_ARRAY(c->arena, data->width, double);
    str_t *strings = is_text ? ARENA_TRY_ARRAY(c->arena, data->width, str_t) : NULL;
    if (!numbers && !strings) {
        c->failed = 1;
        return value_put(c, 0, data);
    }
    int rc = value_columns(c, data);
    for (size_t i = 0; rc == 0 && i < data->width; i++) {
        if (is_text)
            strings[i] = arena_str(c->arena, c->defs[data->columns[i]].text);
        else
            rc = value_number(c, data, i, &numbers[i]);
    }
    t->numbers = numbers;
    t->strings = strings;
    if (rc)
        return rc;
    struct value *out = value_new(c, data->type, 1, index->rank, index->dims);
    for (size_t i = 0; i < out->width && !c->failed; i++)
        out->columns[i] = def_put(c, (struct def){ .code = is_text ? OP_TABLE_TEXT : OP_TABLE,
                                                   .is_text = is_text,
                                                   .arg_n = 1,
                                                   .args = { index->columns[i] },
                                                   .index = 1,
                                                   .table = t });
    return value_put(c, 0, out);
}

/* Along the last axis of a table; of [rows, a, b] in each of the a groups. */
static int gather_columns(struct compiler *c, struct value *data, struct value *index,
                          int keep_rank)
{
    int64_t dims[TENSOR_RANK_MAX] = { 0 };
    if (data->rank < 1 || (keep_rank && data->rank != 1) || index->rank > 1)
        return refuse(c, "gathering from anything but the columns of a table [rows, columns]");
    size_t last = (size_t)data->dims[data->rank - 1], groups = last ? data->width / last : 0;
    memcpy(dims, data->dims, sizeof dims);
    dims[data->rank - 1] = (int64_t)index->width;
    int rank = keep_rank || index->rank ? data->rank : data->rank - 1;
    struct value *out = value_new(c, data->type, 1, rank, dims);
    for (size_t i = 0; i < index->width && !c->failed; i++) {
        double at = 0;
        int rc = value_number(c, index, i, &at);
        if (rc)
            return rc;
        at = at < 0 ? at + (double)last : at;
        if (!(at >= 0 && at < (double)last))
            return node_error(c, "it takes column %.0f of %zu", at, last);
        for (size_t g = 0; g < groups; g++)
            out->columns[g * index->width + i] = data->columns[g * last + (size_t)at];
    }
    return value_put(c, 0, out);
}

/* code: 0 Gather, 1 ArrayFeatureExtractor (the last axis, always a table). */
static int lower_gather(struct compiler *c, const struct node *n, int code)
{
    struct value *data = value_get(c, 0), *index = value_get(c, 1);
    int64_t axis = code ? 1 : attr_int(n, "axis", 0);
    if (value_is_text(index))
        return node_error(c, "its index is a string");
    if (!data->rows && index->rows && axis == 0)
        return gather_rows(c, data, index);
    if (data->rows && !index->rows && (axis == data->rank || axis == -1))
        return gather_columns(c, data, index, code);
    return refuse(c, "gathering rows");
}

static int attribute_constant(struct compiler *c, const struct attribute *a, struct value **out)
{
    int list = a->kind == ATTR_FLOATS || a->kind == ATTR_INTS || a->kind == ATTR_STRINGS;
    int64_t n = list ? (int64_t)a->n : 1;
    int is_text = a->kind == ATTR_STRINGS || a->kind == ATTR_STRING;
    int is_float = a->kind == ATTR_FLOATS || a->kind == ATTR_FLOAT;
    struct value *v = value_new(c,
                                is_text    ? TENSOR_STRING
                                : is_float ? TENSOR_FLOAT
                                           : TENSOR_INT64,
                                0, list, &n);
    for (int64_t i = 0; i < n && !c->failed; i++) {
        if (is_text)
            v->columns[i] = def_text(c, list ? a->strings[i] : a->string);
        else if (is_float)
            v->columns[i] = def_const(c, list ? a->numbers[i] : a->number);
        else
            v->columns[i] = def_const(c, (double)(list ? a->ints[i] : a->integer));
    }
    *out = v;
    return 0;
}

static int lower_constant(struct compiler *c, const struct node *n, int code)
{
    struct value *v = NULL;
    (void)code;
    if (n->attribute_n != 1)
        return node_error(c, "it must have one value");
    const struct attribute *a = &n->attributes[0];
    if (a->kind != ATTR_TENSOR) {
        int rc = attribute_constant(c, a, &v);
        return rc ? rc : value_put(c, 0, v);
    }
    const struct tensor *t = a->tensor;
    v = ARENA_NEW(&c->work, struct value);
    *v = (struct value){ .type = t->type, .rank = t->rank, .width = t->count, .tensor = t };
    memcpy(v->dims, t->dims, sizeof v->dims);
    return value_put(c, 0, v);
}

const struct lowering lower_shapes[] = {
    { "ArrayFeatureExtractor", ONNX_ML, lower_gather, 1, 2, 2 },
    { "Concat", "", lower_concat, 0, 1, ANY_NUMBER },
    { "Constant", "", lower_constant, 0, 0, 0 },
    { "Dropout", "", lower_identity, 0, 1, 3 },
    { "Flatten", "", lower_flatten, 0, 1, 1 },
    { "Gather", "", lower_gather, 0, 2, 2 },
    { "Identity", "", lower_identity, 0, 1, 1 },
    { "Reshape", "", lower_reshape, 0, 1, 2 },
    { "Squeeze", "", lower_squeeze, 0, 1, 2 },
    { "Unsqueeze", "", lower_unsqueeze, 0, 1, 2 },
};
const size_t lower_shapes_n = ARRAY_LEN(lower_shapes);
