/* SPDX-License-Identifier: Apache-2.0
 * Operators that compute: elementwise ones with broadcasting, reductions and linear algebra with
 * constant weights. Semantics: the ONNX operator specification, checked against ONNX Runtime by
 * tests/clients. */
#include "infer/program.h"

#include <math.h>

enum { OPERANDS_MAX = 3 };

/* How operands line up: out of shape, and for each operand how far an index of out moves in it. */
struct broadcast {
    struct value *out;
    struct value *in[OPERANDS_MAX];
    size_t n;
    size_t steps[OPERANDS_MAX][TENSOR_RANK_MAX];
};

static int total_rank(const struct value *v)
{
    return v->rank + v->rows;
}

/* The operand's dimension that stands at place d of out's (counted from the right), or 1. */
static int64_t dim_at(const struct value *v, int from_right)
{
    return from_right < v->rank ? v->dims[v->rank - 1 - from_right] : 1;
}

static int align_rows(struct compiler *c, const struct broadcast *b, int *out_rank, int *out_rows)
{
    int rank = 0, rows = 0;
    for (size_t i = 0; i < b->n; i++) {
        rank = MAX(rank, total_rank(b->in[i]));
        rows |= b->in[i]->rows;
    }
    for (size_t i = 0; rows && i < b->n; i++) {
        const struct value *v = b->in[i];
        if (v->rows && total_rank(v) != rank)
            return node_error(c, "a vector [rows] meets a table [rows, columns], which would give "
                                 "a table of rows by rows");
        if (!v->rows && v->rank == rank && v->dims[0] != 1)
            return node_error(c,
                              "a constant with %lld rows meets values with a free number of rows",
                              (long long)v->dims[0]);
    }
    *out_rank = rank - rows;
    *out_rows = rows;
    return 0;
}

/* Numpy's broadcasting; the result's memory is made, its columns are not. */
static int broadcast(struct compiler *c, struct broadcast *b, enum tensor_type type)
{
    int rank = 0, rows = 0;
    int64_t dims[TENSOR_RANK_MAX];
    for (size_t i = 0; i < b->n; i++) {
        int rc = value_columns(c, b->in[i]);
        if (rc)
            return rc;
    }
    int rc = align_rows(c, b, &rank, &rows);
    if (rc)
        return rc;
    for (int d = 0; d < rank; d++) {
        int64_t size = 1;
        for (size_t i = 0; i < b->n; i++) {
            int64_t one = dim_at(b->in[i], d);
            if (one != 1 && size != 1 && one != size)
                return node_error(c, "shapes do not fit: %lld columns meet %lld", (long long)size,
                                  (long long)one);
            size = one != 1 ? one : size;
        }
        dims[rank - 1 - d] = size;
    }
    b->out = value_new(c, type, rows, rank, dims);
    for (size_t i = 0; i < b->n; i++) {
        size_t step = 1;
        for (int d = 0; d < rank; d++) {
            int64_t one = dim_at(b->in[i], d);
            b->steps[i][rank - 1 - d] = one == 1 ? 0 : step;
            step *= (size_t)one;
        }
    }
    return 0;
}

/* The operand's column for column w of out. */
static column_t pick(const struct broadcast *b, size_t operand, size_t w)
{
    size_t at = 0;
    for (int d = b->out->rank; d-- > 0;) {
        at += b->steps[operand][d] * (w % (size_t)b->out->dims[d]);
        w /= (size_t)b->out->dims[d];
    }
    return b->in[operand]->columns[at];
}

static int same_types(struct compiler *c, struct value *const *v, size_t n, int text_allowed)
{
    for (size_t i = 0; i < n; i++) {
        if (v[i]->type != v[0]->type)
            return node_error(c, "its inputs have different types (%s and %s)",
                              tensor_type_name(v[0]->type), tensor_type_name(v[i]->type));
        if (!text_allowed && value_is_text(v[i]))
            return node_error(c, "it cannot take strings");
    }
    return 0;
}

static int is_whole(enum tensor_type t)
{
    return t == TENSOR_INT64 || t == TENSOR_INT32;
}

static int unary(struct compiler *c, const struct node *n, int code)
{
    struct value *x = value_get(c, 0);
    int truth = code == OP_NOT || code == OP_ISNAN;
    (void)n;
    int rc = same_types(c, &x, 1, 0);
    if (rc || (rc = value_columns(c, x)))
        return rc;
    struct value *out = value_new(c, truth ? TENSOR_BOOL : x->type, x->rows, x->rank, x->dims);
    for (size_t i = 0; i < out->width && !c->failed; i++)
        out->columns[i] = def_round(c, out->type, def_1(c, (enum code)code, x->columns[i]));
    return value_put(c, 0, out);
}

static int lower_isinf(struct compiler *c, const struct node *n, int code)
{
    struct value *x = value_get(c, 0);
    uint32_t which =
        (attr_int(n, "detect_positive", 1) != 0) | (attr_int(n, "detect_negative", 1) != 0) << 1;
    int rc = same_types(c, &x, 1, 0);
    if (rc || (rc = value_columns(c, x)))
        return rc;
    struct value *out = value_new(c, TENSOR_BOOL, x->rows, x->rank, x->dims);
    for (size_t i = 0; i < out->width && !c->failed; i++)
        out->columns[i] = def_put(c, (struct def){ .code = (enum code)code,
                                                   .arg_n = 1,
                                                   .args = { x->columns[i] },
                                                   .index = which });
    return value_put(c, 0, out);
}

static column_t binary_column(struct compiler *c, int code, enum tensor_type type, column_t x,
                              column_t y)
{
    double k;
    switch (code) {
    case OP_K_LT: return def_2(c, OP_LT, y, x); /* Greater */
    case OP_K_LE: return def_2(c, OP_LE, y, x); /* GreaterOrEqual */
    case OP_DIV: return is_whole(type) ? def_2(c, OP_INT_DIV, x, y) : def_2(c, OP_DIV, x, y);
    case OP_POW:
        if (def_is_const(c, y, &k) && k == 2)
            return def_2(c, OP_MUL, x, x);
        return def_2(c, OP_POW, x, y);
    case OP_EQ: return type == TENSOR_STRING ? def_2(c, OP_SAME_TEXT, x, y) : def_2(c, OP_EQ, x, y);
    default: return def_2(c, (enum code)code, x, y);
    }
}

static int gives_truth(int code)
{
    return code == OP_EQ || code == OP_LT || code == OP_LE || code == OP_K_LT || code == OP_K_LE ||
           code == OP_AND || code == OP_OR || code == OP_XOR;
}

/* One elementwise operation on two values. */
static int combine(struct compiler *c, int code, struct value *x, struct value *y,
                   struct value **out)
{
    struct broadcast b = { .in = { x, y }, .n = 2 };
    int rc = code == OP_POW ? 0 : same_types(c, b.in, 2, code == OP_EQ);
    if (rc == 0)
        rc = broadcast(c, &b, gives_truth(code) ? TENSOR_BOOL : x->type);
    if (rc)
        return rc;
    for (size_t i = 0; i < b.out->width && !c->failed; i++) {
        column_t made = binary_column(c, code, x->type, pick(&b, 0, i), pick(&b, 1, i));
        b.out->columns[i] = def_round(c, b.out->type, made);
    }
    *out = b.out;
    return 0;
}

static int binary(struct compiler *c, const struct node *n, int code)
{
    struct value *out;
    (void)n;
    int rc = combine(c, code, value_get(c, 0), value_get(c, 1), &out);
    return rc ? rc : value_put(c, 0, out);
}

static int lower_mod(struct compiler *c, const struct node *n, int code)
{
    int as_c = attr_int(n, "fmod", 0) != 0;
    struct value *x = value_get(c, 0);
    if (!as_c && !is_whole(x->type))
        return node_error(c, "the remainder of floating numbers needs the attribute fmod=1");
    return binary(c, n, as_c ? code : OP_INT_MOD);
}

/* Min, Max, Sum, Mean of any number of values. */
static int variadic(struct compiler *c, const struct node *n, int code)
{
    struct value *out = value_get(c, 0);
    int mean = code == OP_DIV;
    int rc = same_types(c, &out, 1, 0);
    for (size_t i = 1; rc == 0 && i < n->input_n; i++) {
        struct value *next = value_get(c, i);
        rc = next ? combine(c, mean ? OP_ADD : code, out, next, &out)
                  : node_error(c, "its input %zu is missing", i + 1);
    }
    if (rc == 0)
        rc = value_columns(c, out);
    if (rc == 0 && mean) {
        struct value *sum = out;
        column_t count = def_const(c, (double)n->input_n);
        out = value_new(c, sum->type, sum->rows, sum->rank, sum->dims);
        for (size_t i = 0; i < out->width && !c->failed; i++)
            out->columns[i] = def_round(c, out->type, def_2(c, OP_DIV, sum->columns[i], count));
    }
    return rc ? rc : value_put(c, 0, out);
}

static int lower_where(struct compiler *c, const struct node *n, int code)
{
    struct broadcast b = { .in = { value_get(c, 0), value_get(c, 1), value_get(c, 2) }, .n = 3 };
    (void)n, (void)code;
    if (b.in[0]->type != TENSOR_BOOL)
        return node_error(c, "its condition is not boolean");
    int rc = same_types(c, b.in + 1, 2, 1);
    if (rc == 0)
        rc = broadcast(c, &b, b.in[1]->type);
    if (rc)
        return rc;
    for (size_t i = 0; i < b.out->width && !c->failed; i++)
        b.out->columns[i] = def_where(c, pick(&b, 0, i), pick(&b, 1, i), pick(&b, 2, i));
    return value_put(c, 0, b.out);
}

static int bound(struct compiler *c, const struct node *n, size_t input, const char *attribute,
                 double *out)
{
    struct value *v = value_get(c, input);
    if (v)
        return v->width == 1 ? value_number(c, v, 0, out)
                             : node_error(c, "its bounds must be single numbers");
    *out = attr_float(n, attribute, *out);
    return 0;
}

/* NaN stays; min(max(x, low), high) otherwise. */
static int lower_clip(struct compiler *c, const struct node *n, int code)
{
    struct value *x = value_get(c, 0);
    double low = -HUGE_VAL, high = HUGE_VAL;
    (void)code;
    int rc = same_types(c, &x, 1, 0);
    if (rc == 0)
        rc = bound(c, n, 1, "min", &low);
    if (rc == 0)
        rc = bound(c, n, 2, "max", &high);
    if (rc || (rc = value_columns(c, x)))
        return rc;
    struct value *out = value_new(c, x->type, x->rows, x->rank, x->dims);
    column_t l = def_const(c, low), h = def_const(c, high);
    for (size_t i = 0; i < out->width && !c->failed; i++) {
        column_t y = x->columns[i];
        y = low > -HUGE_VAL ? def_where(c, def_2(c, OP_LT, y, l), l, y) : y;
        out->columns[i] = high < HUGE_VAL ? def_where(c, def_2(c, OP_LT, h, y), h, y) : y;
    }
    return value_put(c, 0, out);
}

static int lower_relu(struct compiler *c, const struct node *n, int code)
{
    struct value *x = value_get(c, 0);
    (void)n, (void)code;
    int rc = same_types(c, &x, 1, 0);
    if (rc || (rc = value_columns(c, x)))
        return rc;
    struct value *out = value_new(c, x->type, x->rows, x->rank, x->dims);
    column_t zero = def_const(c, 0);
    for (size_t i = 0; i < out->width && !c->failed; i++)
        out->columns[i] = def_where(c, def_2(c, OP_LT, x->columns[i], zero), zero, x->columns[i]);
    return value_put(c, 0, out);
}

static int lower_cast(struct compiler *c, const struct node *n, int code)
{
    struct value *x = value_get(c, 0);
    int64_t to = attr_int(n, "to", 0);
    (void)code;
    if ((to == TENSOR_STRING) != value_is_text(x))
        return node_error(
            c, "casts between strings and numbers are not something that Slipway computes itself");
    if (to != TENSOR_STRING && to != TENSOR_FLOAT && to != TENSOR_DOUBLE && to != TENSOR_BOOL &&
        !is_whole((enum tensor_type)to))
        return node_error(c, "it casts to ONNX element type %lld", (long long)to);
    int rc = value_columns(c, x);
    if (rc)
        return rc;
    enum tensor_type type = (enum tensor_type)to;
    struct value *out = value_new(c, type, x->rows, x->rank, x->dims);
    for (size_t i = 0; i < out->width && !c->failed; i++) {
        column_t y = x->columns[i];
        if (type == TENSOR_FLOAT && x->type != TENSOR_BOOL)
            y = def_1(c, OP_TO_FLOAT, y);
        else if (is_whole(type) && (x->type == TENSOR_FLOAT || x->type == TENSOR_DOUBLE))
            y = def_1(c, OP_TO_INT, y);
        else if (type == TENSOR_BOOL && x->type != TENSOR_BOOL)
            y = def_1(c, OP_TO_BOOL, y);
        out->columns[i] = y;
    }
    return value_put(c, 0, out);
}

/* ---- linear algebra: [rows, k] by a constant [k, m] ---- */

struct weights {
    const struct value *value;
    size_t k, m;
    int transposed;
};

static int multiply(struct compiler *c, struct value *x, const struct weights *w, struct value *out)
{
    double *column = ARENA_TRY_ARRAY(&c->work, w->k + 1, double);
    if (!column) {
        c->failed = 1;
        return 0;
    }
    for (size_t j = 0; j < w->m && !c->failed; j++) {
        for (size_t i = 0; i < w->k; i++) {
            size_t at = w->transposed ? j * w->k + i : i * w->m + j;
            int rc = value_number(c, w->value, at, &column[i]);
            if (rc)
                return rc;
        }
        out->columns[j] = def_round(c, out->type, def_dot(c, x->columns, column, w->k));
    }
    return 0;
}

static int check_product(struct compiler *c, struct value *x, struct value *w)
{
    struct value *both[2] = { x, w };
    int rc = same_types(c, both, 2, 0);
    if (rc)
        return rc;
    if (!x->rows || x->rank != 1 || w->rows || w->rank < 1 || w->rank > 2)
        return node_error(c, "only the product of a table [rows, columns] with constant weights is "
                             "something that Slipway computes itself");
    return value_columns(c, x);
}

static int lower_matmul(struct compiler *c, const struct node *n, int code)
{
    struct value *x = value_get(c, 0), *w = value_get(c, 1);
    (void)n, (void)code;
    int rc = check_product(c, x, w);
    if (rc)
        return rc;
    if (w->dims[0] != x->dims[0])
        return node_error(c, "%lld columns meet %lld rows of weights", (long long)x->dims[0],
                          (long long)w->dims[0]);
    struct weights weights = { w, x->width, w->rank == 2 ? (size_t)w->dims[1] : 1, 0 };
    struct value *out = value_new(c, x->type, 1, w->rank - 1, w->dims + 1);
    rc = c->failed ? 0 : multiply(c, x, &weights, out);
    return rc ? rc : value_put(c, 0, out);
}

/* alpha · x·w + beta · bias */
static int lower_gemm(struct compiler *c, const struct node *n, int code)
{
    struct value *x = value_get(c, 0), *w = value_get(c, 1), *bias = value_get(c, 2), *sum;
    int transposed = attr_int(n, "transB", 0) != 0;
    double alpha = attr_float(n, "alpha", 1), beta = attr_float(n, "beta", 1);
    (void)code;
    int rc = check_product(c, x, w);
    if (rc)
        return rc;
    if (attr_int(n, "transA", 0) != 0 || w->rank != 2)
        return node_error(c, "transA and weights of other than two dimensions are not something "
                             "that Slipway computes itself");
    if (w->dims[transposed] != x->dims[0])
        return node_error(c, "%lld columns meet %lld rows of weights", (long long)x->dims[0],
                          (long long)w->dims[transposed]);
    struct weights weights = { w, x->width, (size_t)w->dims[!transposed], transposed };
    struct value *out = value_new(c, x->type, 1, 1, &w->dims[!transposed]);
    rc = c->failed ? 0 : multiply(c, x, &weights, out);
    for (size_t i = 0; rc == 0 && i < out->width && alpha != 1 && !c->failed; i++)
        out->columns[i] =
            def_round(c, out->type, def_2(c, OP_MUL, out->columns[i], def_const(c, alpha)));
    if (rc || !bias)
        return rc ? rc : value_put(c, 0, out);
    struct value *scale = value_new(c, x->type, 0, 0, NULL);
    if (c->failed)
        return value_put(c, 0, out);
    scale->columns[0] = def_const(c, beta);
    rc = beta == 1 ? 0 : combine(c, OP_MUL, bias, scale, &bias);
    if (rc == 0)
        rc = combine(c, OP_ADD, out, bias, &sum);
    if (rc == 0 && sum->width != out->width)
        return node_error(c, "its bias is wider than its product");
    return rc ? rc : value_put(c, 0, sum);
}

/* axes from the second input (newer files) or the attribute; only the columns of a table are
 * summed. */
static int reduces_columns(struct compiler *c, const struct node *n)
{
    const struct attribute *a = node_attribute(n, "axes");
    struct value *v = value_get(c, 1);
    double axis = 0;
    int rc = 0;
    if (v && v->width == 1)
        rc = value_number(c, v, 0, &axis);
    else if (!v && a && a->kind == ATTR_INTS && a->n == 1)
        axis = (double)a->ints[0];
    if (rc)
        return rc;
    return axis == 1 || axis == -1
               ? 0
               : node_error(
                     c, "only reductions over axis 1 are something that Slipway computes itself");
}

static int lower_reduce(struct compiler *c, const struct node *n, int code)
{
    struct value *x = value_get(c, 0);
    int keep = attr_int(n, "keepdims", 1) != 0, mean = code == OP_DIV;
    int rc = same_types(c, &x, 1, 0);
    if (rc == 0)
        rc = reduces_columns(c, n);
    if (rc == 0 && (!x->rows || x->rank != 1 || x->width == 0))
        rc = node_error(c, "only reductions of a table [rows, columns] are something that Slipway "
                           "computes itself");
    if (rc || (rc = value_columns(c, x)))
        return rc;
    struct value *out = value_new(c, x->type, 1, keep, (const int64_t[]){ 1 });
    column_t sum = x->columns[0];
    for (size_t i = 1; i < x->width && !c->failed; i++)
        sum = def_2(c, mean ? OP_ADD : (enum code)code, sum, x->columns[i]);
    if (mean)
        sum = def_2(c, OP_DIV, sum, def_const(c, (double)x->width));
    if (!c->failed)
        out->columns[0] = def_round(c, out->type, sum);
    return value_put(c, 0, out);
}

const struct lowering lower_math[] = {
    { "Abs", "", unary, OP_ABS, 1, 1 },
    { "Add", "", binary, OP_ADD, 2, 2 },
    { "And", "", binary, OP_AND, 2, 2 },
    { "Cast", "", lower_cast, 0, 1, 1 },
    { "Ceil", "", unary, OP_CEIL, 1, 1 },
    { "Clip", "", lower_clip, 0, 1, 3 },
    { "Div", "", binary, OP_DIV, 2, 2 },
    { "Equal", "", binary, OP_EQ, 2, 2 },
    { "Exp", "", unary, OP_EXP, 1, 1 },
    { "Floor", "", unary, OP_FLOOR, 1, 1 },
    { "Gemm", "", lower_gemm, 0, 2, 3 },
    { "Greater", "", binary, OP_K_LT, 2, 2 },
    { "GreaterOrEqual", "", binary, OP_K_LE, 2, 2 },
    { "IsInf", "", lower_isinf, OP_ISINF, 1, 1 },
    { "IsNaN", "", unary, OP_ISNAN, 1, 1 },
    { "Less", "", binary, OP_LT, 2, 2 },
    { "LessOrEqual", "", binary, OP_LE, 2, 2 },
    { "Log", "", unary, OP_LOG, 1, 1 },
    { "MatMul", "", lower_matmul, 0, 2, 2 },
    { "Max", "", variadic, OP_MAX, 1, ANY_NUMBER },
    { "Mean", "", variadic, OP_DIV, 1, ANY_NUMBER },
    { "Min", "", variadic, OP_MIN, 1, ANY_NUMBER },
    { "Mod", "", lower_mod, OP_FMOD, 2, 2 },
    { "Mul", "", binary, OP_MUL, 2, 2 },
    { "Neg", "", unary, OP_NEG, 1, 1 },
    { "Not", "", unary, OP_NOT, 1, 1 },
    { "Or", "", binary, OP_OR, 2, 2 },
    { "Pow", "", binary, OP_POW, 2, 2 },
    { "ReduceMax", "", lower_reduce, OP_MAX, 1, 2 },
    { "ReduceMean", "", lower_reduce, OP_DIV, 1, 2 },
    { "ReduceMin", "", lower_reduce, OP_MIN, 1, 2 },
    { "ReduceSum", "", lower_reduce, OP_ADD, 1, 2 },
    { "Relu", "", lower_relu, 0, 1, 1 },
    { "Round", "", unary, OP_ROUND, 1, 1 },
    { "Sigmoid", "", unary, OP_SIGMOID, 1, 1 },
    { "Sign", "", unary, OP_SIGN, 1, 1 },
    { "Sqrt", "", unary, OP_SQRT, 1, 1 },
    { "Sub", "", binary, OP_SUB, 2, 2 },
    { "Sum", "", variadic, OP_ADD, 1, ANY_NUMBER },
    { "Tanh", "", unary, OP_TANH, 1, 1 },
    { "Where", "", lower_where, 0, 3, 3 },
    { "Xor", "", binary, OP_XOR, 2, 2 },
};
const size_t lower_math_n = ARRAY_LEN(lower_math);
