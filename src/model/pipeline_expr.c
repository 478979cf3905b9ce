/* SPDX-License-Identifier: Apache-2.0
 * Expressions of the one language as ONNX nodes, with the meaning that codec/expr.h gives them when
 * null is NaN (numbers and truth values) or "" (strings). Truth is a double, 0 or 1, so that null
 * fits in. Depth is bounded by LIMIT_EXPR_DEPTH and the parser. */
#include "model/pipeline.h"

#include <math.h>

struct writer {
    struct graph *g;
    const char *hint;
    const struct pipe_scope *scope;
};

/* A value under way. */
struct term {
    const char *name;
    int is_string;
    int certain; /* never null */
    int rows;    /* depends on the rows; else a constant */
};

#define INPUTS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static int translate(struct writer *w, const struct expr *e, struct term *out, struct err *err);

static const char *op1(struct writer *w, const char *op, const char *x)
{
    return graph_node(w->g, op, "", w->hint, INPUTS(x));
}

static const char *op2(struct writer *w, const char *op, const char *x, const char *y)
{
    return graph_node(w->g, op, "", w->hint, INPUTS(x, y));
}

static const char *where(struct writer *w, const char *condition, const char *x, const char *y)
{
    return graph_node(w->g, "Where", "", w->hint, INPUTS(condition, x, y));
}

static const char *number(struct writer *w, double v)
{
    return graph_const_double(w->g, "number", v);
}

static const char *from_bool(struct writer *w, const char *x)
{
    const char *y = op1(w, "Cast", x);
    graph_attr_int(w->g, "to", TENSOR_DOUBLE);
    return y;
}

/* The boolean value "x is null". */
static const char *is_null(struct writer *w, const struct term *x)
{
    return x->is_string ? op2(w, "Equal", x->name, graph_const_string(w->g, "missing", STR("")))
                        : op1(w, "IsNaN", x->name);
}

static const char *null_of(struct writer *w, int is_string)
{
    return is_string ? graph_const_string(w->g, "missing", STR("")) : number(w, (double)NAN);
}

/* y where all of x (n terms) are there, else null. */
static const char *unless_null(struct writer *w, const struct term *x, size_t n, const char *y)
{
    const char *any = NULL;
    for (size_t i = 0; i < n; i++) {
        if (x[i].certain)
            continue;
        const char *one = is_null(w, &x[i]);
        any = any ? op2(w, "Or", any, one) : one;
    }
    return any ? where(w, any, number(w, (double)NAN), y) : y;
}

static int refuse(const struct expr *e, struct err *err, const char *what)
{
    return ERR(err, ERR_INVALID, "at %zu: %s cannot be part of a model", e->at + 1, what);
}

static void literal(struct writer *w, const struct expr *e, struct term *out)
{
    const struct expr_value *v = &e->value;
    *out = (struct term){ .is_string = v->type == EXPR_STRING, .certain = v->type != EXPR_NULL };
    if (v->type == EXPR_STRING) {
        out->name = graph_const_string(w->g, "text", v->string);
        out->certain = v->string.n > 0;
    } else {
        out->name = number(w, v->type == EXPR_NULL ? (double)NAN : v->number);
    }
}

static int name_of(struct writer *w, const struct expr *e, struct term *out, struct err *err)
{
    struct pipe_value v = { 0 };
    int rc = w->scope->value(w->scope->arg, e, &v, err);
    *out = (struct term){ .name = v.name, .is_string = v.is_string, .rows = 1 };
    return rc;
}

static int is_number(const struct expr *e, const struct term *x, struct err *err)
{
    return x->is_string ? refuse(e, err, "arithmetic on a string") : 0;
}

static const char *comparison_op(enum expr_op op)
{
    switch (op) {
    case EXPR_LT: return "Less";
    case EXPR_LE: return "LessOrEqual";
    case EXPR_GT: return "Greater";
    case EXPR_GE: return "GreaterOrEqual";
    default: return "Equal";
    }
}

static int compare(struct writer *w, const struct expr *e, enum expr_op op, const struct term x[2],
                   struct term *out, struct err *err)
{
    const char *name = comparison_op(op);
    /* A literal null has no type of its own. */
    int null_side = e->args[0]->op == EXPR_LITERAL && e->args[0]->value.type == EXPR_NULL;
    if (null_side || x[0].is_string != x[1].is_string) {
        *out = (struct term){ .name = number(w, (double)NAN) };
        return null_side || !x[1].certain
                   ? 0
                   : refuse(e, err, "a comparison of a string with a number");
    }
    if (x[0].is_string && strcmp(name, "Equal") != 0)
        return refuse(e, err, "the order of strings");
    const char *y = op2(w, name, x[0].name, x[1].name);
    if (op == EXPR_NE)
        y = op1(w, "Not", y);
    *out = (struct term){ .name = unless_null(w, x, 2, from_bool(w, y)),
                          .certain = x[0].certain && x[1].certain,
                          .rows = x[0].rows || x[1].rows };
    return 0;
}

static const char *arithmetic_op(enum expr_op op)
{
    switch (op) {
    case EXPR_ADD: return "Add";
    case EXPR_SUB: return "Sub";
    case EXPR_MUL: return "Mul";
    case EXPR_DIV: return "Div";
    case EXPR_MOD: return "Mod";
    case EXPR_POW: return "Pow";
    default: return NULL;
    }
}

/* NaN ** 0 is 1 for IEEE, but null for the language. */
static int arithmetic(struct writer *w, const struct expr *e, const struct term x[2],
                      struct term *out, struct err *err)
{
    if (is_number(e, &x[0], err) || is_number(e, &x[1], err))
        return ERR_INVALID;
    const char *y = op2(w, arithmetic_op(e->op), x[0].name, x[1].name);
    if (e->op == EXPR_MOD)
        graph_attr_int(w->g, "fmod", 1);
    if (e->op == EXPR_POW)
        y = unless_null(w, x, 2, y);
    *out = (struct term){ .name = y, .rows = x[0].rows || x[1].rows };
    return 0;
}

/* Kleene: the deciding value (0 for AND, 1 for OR) wins over null, null over the other. */
static int logic(struct writer *w, const struct expr *e, const struct term x[2], struct term *out,
                 struct err *err)
{
    if (is_number(e, &x[0], err) || is_number(e, &x[1], err))
        return ERR_INVALID;
    int decides = e->op == EXPR_OR;
    const char *zero = number(w, 0), *a = op2(w, "Equal", x[0].name, zero),
               *b = op2(w, "Equal", x[1].name, zero);
    const char *yes = NULL;
    if (decides) { /* not equal to 0 and not null */
        a = op2(w, "Greater", op1(w, "Abs", x[0].name), zero);
        b = op2(w, "Greater", op1(w, "Abs", x[1].name), zero);
    }
    yes = op2(w, "Or", a, b);
    const char *other = unless_null(w, x, 2, from_bool(w, decides ? yes : op1(w, "Not", yes)));
    *out = (struct term){ .name = where(w, yes, number(w, decides), other),
                          .certain = x[0].certain && x[1].certain,
                          .rows = x[0].rows || x[1].rows };
    return 0;
}

static int coalesce(struct writer *w, const struct expr *e, const struct term *x, size_t n,
                    struct term *out, struct err *err)
{
    *out = x[n - 1];
    for (size_t i = n - 1; i-- > 0;) {
        if (x[i].is_string != out->is_string)
            return refuse(e, err, "a choice between a string and a number");
        if (x[i].certain) {
            *out = x[i];
            continue;
        }
        out->name = where(w, is_null(w, &x[i]), out->name, x[i].name);
        out->rows |= x[i].rows;
    }
    return 0;
}

static int choose(struct writer *w, const struct expr *e, const struct term x[3], struct term *out,
                  struct err *err)
{
    if (is_number(e, &x[0], err))
        return ERR_INVALID;
    if (x[1].is_string != x[2].is_string)
        return refuse(e, err, "a choice between a string and a number");
    const char *y = where(w, op2(w, "Equal", x[0].name, number(w, 0)), x[2].name, x[1].name);
    if (!x[0].certain)
        y = where(w, is_null(w, &x[0]), null_of(w, x[1].is_string), y);
    *out = (struct term){ .name = y,
                          .is_string = x[1].is_string,
                          .certain = x[0].certain && x[1].certain && x[2].certain,
                          .rows = x[0].rows || x[1].rows || x[2].rows };
    return 0;
}

/* min or max; nan wins. */
static const char *extreme(struct writer *w, int is_max, const struct term *x, size_t n)
{
    const char *best = x[0].name;
    for (size_t i = 1; i < n; i++) {
        const char *c = op2(w, is_max ? "Greater" : "Less", x[i].name, best);
        if (!x[i].certain)
            c = op2(w, "Or", is_null(w, &x[i]), c);
        best = where(w, c, x[i].name, best);
    }
    return best;
}

static const struct {
    const char *name, *op;
} functions[] = {
    { "abs", "Abs" },     { "ceil", "Ceil" }, { "exp", "Exp" },
    { "floor", "Floor" }, { "ln", "Log" },    { "log10", "Log" },
    { "round", "Round" }, { "sign", "Sign" }, { "sqrt", "Sqrt" },
};

static int call(struct writer *w, const struct expr *e, const struct term *x, struct term *out,
                struct err *err)
{
    *out = (struct term){ .name = "" };
    if (str_is(e->name, "if") && e->n == 3)
        return choose(w, e, x, out, err);
    if (str_is(e->name, "coalesce"))
        return coalesce(w, e, x, e->n, out, err);
    for (size_t i = 0; i < e->n; i++) {
        if (x[i].is_string)
            return ERR(err, ERR_INVALID, "at %zu: '%.*s' of a string cannot be part of a model",
                       e->at + 1, STR_ARG(e->name));
        out->rows |= x[i].rows;
    }
    if (str_is(e->name, "min") || str_is(e->name, "max")) {
        out->name = extreme(w, str_is(e->name, "max"), x, e->n);
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(functions) && e->n == 1; i++) {
        if (str_is(e->name, functions[i].name)) {
            out->name = op1(w, functions[i].op, x[0].name);
            if (str_is(e->name, "log10"))
                out->name = op2(w, "Div", out->name, number(w, log(10.0)));
            return 0;
        }
    }
    return ERR(err, ERR_INVALID, "at %zu: the function '%.*s' cannot be part of a model", e->at + 1,
               STR_ARG(e->name));
}

/* a IN (b, c) is a = b OR a = c, nulls included. */
static int membership(struct writer *w, const struct expr *e, const struct term *x,
                      struct term *out, struct err *err)
{
    struct expr either = { .op = EXPR_OR, .args = e->args, .n = 2, .at = e->at };
    struct term pair[2], one;
    for (size_t i = 1; i < e->n; i++) {
        int rc = compare(w, e, EXPR_EQ, (struct term[2]){ x[0], x[i] }, i == 1 ? out : &one, err);
        if (rc)
            return rc;
        if (i > 1) {
            pair[0] = *out;
            pair[1] = one;
            if (logic(w, &either, pair, out, err))
                return ERR_INVALID;
        }
    }
    if (e->op == EXPR_NOT_IN)
        out->name = op2(w, "Sub", number(w, 1), out->name);
    return 0;
}

static int apply(struct writer *w, const struct expr *e, const struct term *x, struct term *out,
                 struct err *err)
{
    *out = (struct term){ .certain = x[0].certain, .rows = x[0].rows };
    switch (e->op) {
    case EXPR_EQ:
    case EXPR_NE:
    case EXPR_LT:
    case EXPR_LE:
    case EXPR_GT:
    case EXPR_GE: return compare(w, e, e->op, x, out, err);
    case EXPR_IN:
    case EXPR_NOT_IN: return membership(w, e, x, out, err);
    case EXPR_AND:
    case EXPR_OR: return logic(w, e, x, out, err);
    case EXPR_COALESCE: return coalesce(w, e, x, 2, out, err);
    case EXPR_CALL: return call(w, e, x, out, err);
    case EXPR_LIKE:
    case EXPR_ILIKE: return refuse(e, err, "LIKE");
    case EXPR_NEG: out->name = op1(w, "Neg", x[0].name); return is_number(e, x, err);
    case EXPR_NOT: out->name = op2(w, "Sub", number(w, 1), x[0].name); return is_number(e, x, err);
    case EXPR_IS_NULL:
    case EXPR_IS_NOT_NULL:
        out->name = is_null(w, x);
        out->name = from_bool(w, e->op == EXPR_IS_NULL ? out->name : op1(w, "Not", out->name));
        out->certain = 1;
        return 0;
    default: return arithmetic(w, e, x, out, err);
    }
}

static int translate(struct writer *w, const struct expr *e, struct term *out, struct err *err)
{
    if (e->op == EXPR_NAME)
        return name_of(w, e, out, err);
    if (e->op == EXPR_LITERAL) {
        literal(w, e, out);
        return 0;
    }
    struct term *x = ARENA_TRY_ARRAY(w->g->arena, MAX(e->n, (size_t)1), struct term);
    if (!x)
        return ERR(err, ERR_LIMIT, "the expression needs too much memory");
    for (size_t i = 0; i < e->n; i++) {
        int rc = translate(w, e->args[i], &x[i], err);
        if (rc)
            return rc;
    }
    return apply(w, e, x, out, err);
}

int pipe_expr(struct graph *g, const char *hint, const struct expr *e,
              const struct pipe_scope *scope, struct pipe_value *out, struct err *err)
{
    struct writer w = { g, hint, scope };
    struct term t = { 0 };
    int rc = translate(&w, e, &t, err);
    if (rc)
        return rc;
    if (!t.rows)
        return ERR(err, ERR_INVALID, "at %zu: the expression names no column", e->at + 1);
    *out = (struct pipe_value){ t.name, t.is_string };
    return 0;
}
