/* SPDX-License-Identifier: Apache-2.0
 * Evaluating a condition and saying in a line what came out. */
#include "codec/condition.h"

#include <math.h>

#include "base/num.h"

enum { VALUES_MAX = 64, MESSAGE_MAX = 400 };

struct evaluation {
    struct arena *arena;
    const struct condition_source *from;
    struct condition_value *values;
    size_t n;
};

static int get(void *arg, const struct expr *name, struct expr_value *out, struct err *err)
{
    struct evaluation *v = arg;
    (void)err;
    const char *entity = arena_printf(v->arena, "%.*s", STR_ARG(name->entity));
    const char *metric = arena_printf(v->arena, "%.*s", STR_ARG(name->name));
    const char *full = entity[0] ? arena_printf(v->arena, "%s.%s", entity, metric) : metric;
    int is_null = 0;
    double d = v->from->value(v->from->arg, entity, metric, &is_null);
    *out = (struct expr_value){ is_null ? EXPR_NULL : EXPR_NUMBER, is_null ? 0 : d, { 0 } };
    for (size_t i = 0; i < v->n; i++)
        if (strcmp(v->values[i].name, full) == 0)
            return 0;
    if (v->n < VALUES_MAX)
        v->values[v->n++] = (struct condition_value){ full, d, is_null };
    return 0;
}

static void put_number(struct buf *out, double d)
{
    char text[FMT_DOUBLE_MAX];
    buf_put(out, text, fmt_double_digits(d, 5, text));
}

/* A side of a comparison with its value: "rmse 54.1", "60", "champion.rmse * 1.02 = 55.3". */
static void put_side(struct evaluation *v, const struct expr *e, struct buf *out)
{
    struct expr_value value;
    struct err err = ERR_INIT;
    if (expr_eval(v->arena, e, get, v, &value, &err) || value.type != EXPR_NUMBER) {
        expr_print(e, out);
        return;
    }
    if (e->op != EXPR_LITERAL) {
        expr_print(e, out);
        buf_puts(out, e->op == EXPR_NAME ? " " : " = ");
    }
    put_number(out, value.number);
}

static const char *sign_of(enum expr_op op, int holds)
{
    switch (op) {
    case EXPR_LT: return holds ? " < " : " ≥ ";
    case EXPR_LE: return holds ? " ≤ " : " > ";
    case EXPR_GT: return holds ? " > " : " ≤ ";
    case EXPR_GE: return holds ? " ≥ " : " < ";
    case EXPR_EQ: return holds ? " = " : " ≠ ";
    case EXPR_NE: return holds ? " ≠ " : " = ";
    default: return NULL;
    }
}

static int any_nan(const struct evaluation *v)
{
    for (size_t i = 0; i < v->n; i++)
        if (!v->values[i].is_null && isnan(v->values[i].value))
            return 1;
    return 0;
}

static void put_values(const struct evaluation *v, struct buf *out)
{
    for (size_t i = 0; i < v->n; i++) {
        buf_printf(out, "%s%s ", i ? ", " : "", v->values[i].name);
        if (v->values[i].is_null)
            buf_puts(out, "none");
        else
            put_number(out, v->values[i].value);
    }
}

static void put_missing(const struct evaluation *v, struct buf *out)
{
    buf_puts(out, "cannot be computed: ");
    for (size_t i = 0, n = 0; i < v->n; i++) {
        if (!v->values[i].is_null)
            continue;
        buf_printf(out, "%s%s has no value", n++ ? ", " : "", v->values[i].name);
        if (v->from->missing)
            v->from->missing(v->values[i].name, n == 1, out);
    }
}

static const char *explain(struct evaluation *v, const struct expr *e, int passed)
{
    struct buf b;
    const char *sign = sign_of(e->op, passed == 1);
    buf_init(&b, MESSAGE_MAX);
    if (passed < 0) {
        put_missing(v, &b);
    } else if (sign && !any_nan(v)) {
        put_side(v, e->args[0], &b);
        buf_puts(&b, sign);
        put_side(v, e->args[1], &b);
    } else {
        expr_print(e, &b);
        buf_puts(&b, passed ? " holds: " : " does not hold: ");
        put_values(v, &b);
    }
    const char *text = arena_strndup(v->arena, b.p ? b.p : "", b.n);
    buf_fini(&b);
    return text ? text : "";
}

int condition_evaluate(struct arena *a, const struct expr *e, const struct condition_source *from,
                       struct condition_outcome *out, struct err *err)
{
    struct evaluation v = { a, from, NULL, 0 };
    struct expr_value result;
    v.values = ARENA_TRY_ARRAY(a, VALUES_MAX, struct condition_value);
    if (!v.values)
        return ERR(err, ERR_LIMIT, "not enough memory to evaluate a condition");
    int rc = expr_eval(a, e, get, &v, &result, err);
    if (rc)
        return rc;
    *out =
        (struct condition_outcome){ .passed = result.type == EXPR_NULL ? -1 : result.number != 0 };
    out->message = explain(&v, e, out->passed);
    out->values = v.values;
    out->value_n = v.n;
    return a->failed ? ERR(err, ERR_LIMIT, "not enough memory to evaluate a condition") : 0;
}
