/* SPDX-License-Identifier: Apache-2.0
 * The ai.onnx.ml operators of linear pipelines. Those that ONNX defines in single precision
 * (Scaler, LinearRegressor, FeatureVectorizer) are rounded to it after each operation, as other
 * runtimes do. */
#include "infer/program.h"

#include <math.h>

/* Keys or values of an encoder: one of three attributes, or a tensor (version 4). */
struct list {
    enum tensor_type type;
    size_t n;
    const str_t *strings;
    const double *numbers;
};

static int list_of_tensor(struct compiler *c, const struct tensor *t, struct list *out)
{
    double *numbers = ARENA_TRY_ARRAY(&c->work, t->count + 1, double);
    if (!numbers) {
        c->failed = 1;
        return 0;
    }
    for (size_t i = 0; t->type != TENSOR_STRING && i < t->count; i++)
        numbers[i] = t->type == TENSOR_DOUBLE  ? t->doubles[i]
                     : t->type == TENSOR_FLOAT ? (double)t->floats[i]
                                               : (double)t->ints[i];
    *out = (struct list){ t->type, t->count, t->strings, numbers };
    return 0;
}

static int list_of_attribute(struct compiler *c, const struct attribute *a, struct list *out)
{
    double *numbers;
    switch (a->kind) {
    case ATTR_STRINGS: *out = (struct list){ TENSOR_STRING, a->n, a->strings, NULL }; return 0;
    case ATTR_FLOATS: *out = (struct list){ TENSOR_FLOAT, a->n, NULL, a->numbers }; return 0;
    case ATTR_TENSOR: return list_of_tensor(c, a->tensor, out);
    case ATTR_INTS:
        numbers = ARENA_TRY_ARRAY(&c->work, a->n + 1, double);
        if (!numbers) {
            c->failed = 1;
            return 0;
        }
        for (size_t i = 0; i < a->n; i++)
            numbers[i] = (double)a->ints[i];
        *out = (struct list){ TENSOR_INT64, a->n, NULL, numbers };
        return 0;
    default: return node_error(c, "attribute '%.60s' is not a list", a->name);
    }
}

/* The first attribute that is there; out->n stays 0 when none is. */
static int find_list(struct compiler *c, const char *const *names, struct list *out)
{
    *out = (struct list){ .n = 0 };
    for (; *names; names++) {
        const struct attribute *a = node_attribute(c->node, *names);
        if (a)
            return list_of_attribute(c, a, out);
    }
    return 0;
}

#define NAMES(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* The column of places of x among keys. */
static column_t find_column(struct compiler *c, column_t x, const struct keys *keys, int is_text,
                            int strict)
{
    return def_put(c, (struct def){ .code = is_text ? OP_FIND_TEXT : OP_FIND_NUMBER,
                                    .arg_n = 1,
                                    .args = { x },
                                    .index = strict != 0,
                                    .keys = keys });
}

static int make_keys(struct compiler *c, const struct list *l, const struct keys **out)
{
    *out = l->type == TENSOR_STRING ? keys_of_strings(c->arena, l->strings, l->n)
                                    : keys_of_numbers(c->arena, l->numbers, l->n);
    c->failed |= !*out;
    return 0;
}

static int is_floating(enum tensor_type t)
{
    return t == TENSOR_FLOAT || t == TENSOR_DOUBLE;
}

static int lower_one_hot(struct compiler *c, const struct node *n, int code)
{
    struct value *x = value_get(c, 0);
    struct list cats;
    const struct keys *keys;
    int64_t dims[TENSOR_RANK_MAX];
    (void)code;
    int rc = find_list(c, value_is_text(x) ? NAMES("cats_strings") : NAMES("cats_int64s"), &cats);
    if (rc || (rc = value_columns(c, x)))
        return rc;
    if (cats.n == 0 || (cats.type == TENSOR_STRING) != value_is_text(x) ||
        x->rank + x->rows == TENSOR_RANK_MAX)
        return node_error(c, "its categories do not fit the type of its input, or there are none");
    (void)make_keys(c, &cats, &keys);
    memcpy(dims, x->dims, sizeof dims);
    dims[x->rank] = (int64_t)cats.n;
    struct value *out = value_new(c, TENSOR_FLOAT, x->rows, x->rank + 1, dims);
    for (size_t i = 0; i < x->width && !c->failed; i++) {
        column_t from = is_floating(x->type) ? def_1(c, OP_TO_INT, x->columns[i]) : x->columns[i];
        column_t at = find_column(c, from, keys, value_is_text(x), attr_int(n, "zeros", 1) == 0);
        for (size_t j = 0; j < cats.n && !c->failed; j++)
            out->columns[i * cats.n + j] = def_2(c, OP_EQ, at, def_const(c, (double)j));
    }
    return value_put(c, 0, out);
}

/* What a label encoder gives for a key that it does not know. */
static int encoder_default(struct compiler *c, const struct list *values, double *number,
                           str_t *text)
{
    const struct attribute *a = node_attribute(c->node, "default_tensor");
    struct list l;
    *number = values->type == TENSOR_INT64 || values->type == TENSOR_INT32
                  ? (double)attr_int(c->node, "default_int64", -1)
                  : attr_float(c->node, "default_float", -0.0);
    *text = STR("_Unused");
    if (a) {
        int rc = list_of_attribute(c, a, &l);
        if (rc || c->failed)
            return rc;
        if (l.n != 1 || (l.type == TENSOR_STRING) != (values->type == TENSOR_STRING))
            return node_error(c, "its default does not fit its values");
        if (l.type == TENSOR_STRING)
            *text = l.strings[0];
        else
            *number = l.numbers[0];
        return 0;
    }
    a = node_attribute(c->node, "default_string");
    if (a && a->kind == ATTR_STRING)
        *text = a->string;
    return 0;
}

static struct table *table_of(struct compiler *c, const struct list *values, str_t other)
{
    struct table *t = ARENA_NEW(c->arena, struct table);
    double *numbers = ARENA_TRY_ARRAY(c->arena, values->n + 1, double);
    str_t *strings = ARENA_TRY_ARRAY(c->arena, values->n + 1, str_t);
    if (!numbers || !strings) {
        c->failed = 1;
        return t;
    }
    for (size_t i = 0; i < values->n; i++) {
        if (values->type == TENSOR_STRING)
            strings[i] = arena_str(c->arena, values->strings[i]);
        else
            numbers[i] = values->numbers[i];
    }
    *t = (struct table){
        .n = values->n, .numbers = numbers, .strings = strings, .other = arena_str(c->arena, other)
    };
    return t;
}

static int lower_label_encoder(struct compiler *c, const struct node *n, int code)
{
    struct value *x = value_get(c, 0);
    struct list keys, values;
    const struct keys *index;
    double number = 0;
    str_t text = { 0 };
    (void)code;
    int rc =
        find_list(c, NAMES("keys_strings", "keys_int64s", "keys_floats", "keys_tensor"), &keys);
    if (rc == 0)
        rc = find_list(
            c, NAMES("values_strings", "values_int64s", "values_floats", "values_tensor"), &values);
    if (rc == 0 &&
        (keys.n == 0 || keys.n != values.n || (keys.type == TENSOR_STRING) != value_is_text(x)))
        rc = node_error(c, "its keys and values do not fit each other or its input");
    if (rc == 0)
        rc = encoder_default(c, &values, &number, &text);
    if (rc || (rc = value_columns(c, x)))
        return rc;
    (void)make_keys(c, &keys, &index);
    struct table *t = table_of(c, &values, text);
    struct value *out = value_new(c, values.type, x->rows, x->rank, x->dims);
    int is_text = value_is_text(out);
    for (size_t i = 0; i < out->width && !c->failed; i++) {
        column_t at = find_column(c, x->columns[i], index, value_is_text(x), 0);
        out->columns[i] = def_put(c, (struct def){ .code = is_text ? OP_TABLE_TEXT : OP_TABLE,
                                                   .is_text = is_text,
                                                   .arg_n = 1,
                                                   .args = { at },
                                                   .k = { number },
                                                   .table = t });
    }
    (void)n;
    return value_put(c, 0, out);
}

/* One number for all columns, or one for each. */
static double of_column(const struct list *l, size_t i, double fallback)
{
    return l->n == 0 ? fallback : l->numbers[l->n == 1 ? 0 : i];
}

static int fits_columns(struct compiler *c, const struct value *x, const struct list *l)
{
    if (l->type != TENSOR_STRING && (l->n <= 1 || l->n == x->width))
        return 0;
    return node_error(c, "it has %zu numbers for %zu columns", l->n, x->width);
}

static int table_input(struct compiler *c, struct value *x)
{
    if (value_is_text(x) || !x->rows || x->rank > 1)
        return node_error(c, "its input must be numbers, a table [rows, columns]");
    return value_columns(c, x);
}

static int lower_imputer(struct compiler *c, const struct node *n, int code)
{
    struct value *x = value_get(c, 0);
    struct list with;
    int whole = !is_floating(x->type);
    double missing = whole ? (double)attr_int(n, "replaced_value_int64", 0)
                           : attr_float(n, "replaced_value_float", 0);
    (void)code;
    int rc =
        find_list(c, whole ? NAMES("imputed_value_int64s") : NAMES("imputed_value_floats"), &with);
    if (rc == 0)
        rc = table_input(c, x);
    if (rc == 0)
        rc = fits_columns(c, x, &with);
    if (rc)
        return rc;
    struct value *out = value_new(c, x->type, x->rows, x->rank, x->dims);
    for (size_t i = 0; i < out->width && !c->failed; i++) {
        column_t y = x->columns[i];
        column_t is =
            isnan(missing) ? def_1(c, OP_ISNAN, y) : def_2(c, OP_EQ, y, def_const(c, missing));
        out->columns[i] = with.n ? def_where(c, is, def_const(c, of_column(&with, i, 0)), y) : y;
    }
    return value_put(c, 0, out);
}

/* (x - offset) · scale, in single precision. */
static int lower_scaler(struct compiler *c, const struct node *n, int code)
{
    struct value *x = value_get(c, 0);
    struct list offset, scale;
    (void)n, (void)code;
    int rc = find_list(c, NAMES("offset"), &offset);
    if (rc == 0)
        rc = find_list(c, NAMES("scale"), &scale);
    if (rc == 0)
        rc = table_input(c, x);
    if (rc == 0)
        rc = fits_columns(c, x, &offset);
    if (rc == 0)
        rc = fits_columns(c, x, &scale);
    if (rc)
        return rc;
    struct value *out = value_new(c, TENSOR_FLOAT, x->rows, x->rank, x->dims);
    for (size_t i = 0; i < out->width && !c->failed; i++) {
        column_t y = x->type == TENSOR_FLOAT ? x->columns[i] : def_1(c, OP_TO_FLOAT, x->columns[i]);
        y = def_1(c, OP_TO_FLOAT, def_2(c, OP_SUB, y, def_const(c, of_column(&offset, i, 0))));
        out->columns[i] =
            def_1(c, OP_TO_FLOAT, def_2(c, OP_MUL, y, def_const(c, of_column(&scale, i, 1))));
    }
    return value_put(c, 0, out);
}

static int lower_linear_regressor(struct compiler *c, const struct node *n, int code)
{
    struct value *x = value_get(c, 0);
    struct list weights, bias;
    int64_t targets = attr_int(n, "targets", 1);
    const struct attribute *post = node_attribute(n, "post_transform");
    (void)code;
    int rc = find_list(c, NAMES("coefficients"), &weights);
    if (rc == 0)
        rc = find_list(c, NAMES("intercepts"), &bias);
    if (rc == 0)
        rc = table_input(c, x);
    if (rc)
        return rc;
    if (post && !str_is(post->string, "NONE") && !str_is(post->string, ""))
        return node_error(c, "post_transform '%.40s' is not something that Slipway computes itself",
                          post->string.n ? "other" : "");
    if (targets < 1 || weights.n / (size_t)targets != x->width || weights.n % (size_t)targets ||
        weights.type != TENSOR_FLOAT ||
        (bias.n && (bias.n != (size_t)targets || bias.type != TENSOR_FLOAT)))
        return node_error(
            c, "it has %zu coefficients and %zu intercepts for %zu columns and %lld targets",
            weights.n, bias.n, x->width, (long long)targets);
    struct value *out = value_new(c, TENSOR_FLOAT, 1, 1, &targets);
    for (size_t j = 0; j < (size_t)targets && !c->failed; j++) {
        column_t sum = def_dot(c, x->columns, weights.numbers + j * x->width, x->width);
        if (bias.n)
            sum = def_2(c, OP_ADD, sum, def_const(c, bias.numbers[j]));
        out->columns[j] = def_1(c, OP_TO_FLOAT, sum);
    }
    return value_put(c, 0, out);
}

static int lower_vectorizer(struct compiler *c, const struct node *n, int code)
{
    int64_t width = 0;
    size_t at = 0;
    (void)code;
    for (size_t i = 0; i < n->input_n; i++) {
        struct value *x = value_get(c, i);
        int rc = x ? table_input(c, x) : node_error(c, "its input %zu is missing", i + 1);
        if (rc)
            return rc;
        width += (int64_t)x->width;
    }
    struct value *out = value_new(c, TENSOR_FLOAT, 1, 1, &width);
    for (size_t i = 0; i < n->input_n && !c->failed; i++) {
        const struct value *x = value_get(c, i);
        for (size_t j = 0; j < x->width && !c->failed; j++)
            out->columns[at++] =
                x->type == TENSOR_FLOAT ? x->columns[j] : def_1(c, OP_TO_FLOAT, x->columns[j]);
    }
    return value_put(c, 0, out);
}

static int lower_binarizer(struct compiler *c, const struct node *n, int code)
{
    struct value *x = value_get(c, 0);
    column_t threshold = def_const(c, attr_float(n, "threshold", 0));
    (void)code;
    int rc = table_input(c, x);
    if (rc)
        return rc;
    struct value *out = value_new(c, x->type, x->rows, x->rank, x->dims);
    for (size_t i = 0; i < out->width && !c->failed; i++)
        out->columns[i] = def_2(c, OP_LT, threshold, x->columns[i]);
    return value_put(c, 0, out);
}

const struct lowering lower_ml[] = {
    { "Binarizer", ONNX_ML, lower_binarizer, 0, 1, 1 },
    { "FeatureVectorizer", ONNX_ML, lower_vectorizer, 0, 1, ANY_NUMBER },
    { "Imputer", ONNX_ML, lower_imputer, 0, 1, 1 },
    { "LabelEncoder", ONNX_ML, lower_label_encoder, 0, 1, 1 },
    { "LinearRegressor", ONNX_ML, lower_linear_regressor, 0, 1, 1 },
    { "OneHotEncoder", ONNX_ML, lower_one_hot, 0, 1, 1 },
    { "Scaler", ONNX_ML, lower_scaler, 0, 1, 1 },
};
const size_t lower_ml_n = ARRAY_LEN(lower_ml);
