/* SPDX-License-Identifier: Apache-2.0
 * Types of expressions and constant folding. EXPR_NULL as a type means "not known before run time";
 * it fits everywhere, and evaluation checks it again. */
#include "codec/expr_int.h"

#include <math.h>
#include <stdio.h>

struct checker {
    struct arena *arena;
    expr_type_fn type_of;
    void *arg;
    size_t *out_at;
    struct err *err;
};

const char *expr__type_name(enum expr_type t)
{
    switch (t) {
    case EXPR_NULL: return "null";
    case EXPR_BOOL: return "a condition";
    case EXPR_NUMBER: return "a number";
    case EXPR_STRING: return "a string";
    case EXPR_LIST: return "a list";
    }
    return "?";
}

static int fail(struct checker *c, const struct expr *e, enum expr_type want)
{
    return expr__fail(c->err, c->out_at, e->at, "this is %s, but %s is needed here",
                      expr__type_name(e->type), expr__type_name(want));
}

static int need(struct checker *c, const struct expr *e, enum expr_type want)
{
    return e->type == EXPR_NULL || e->type == want ? 0 : fail(c, e, want);
}

static int need_all(struct checker *c, const struct expr *e, enum expr_type want)
{
    int rc = 0;
    for (size_t i = 0; i < e->n && !rc; i++)
        rc = need(c, e->args[i], want);
    return rc;
}

/* Both sides of a comparison; ordering needs numbers or strings. */
static int check_comparison(struct checker *c, const struct expr *e, size_t right)
{
    const struct expr *x = e->args[0], *y = e->args[right];
    for (int i = 0; i < 2; i++) {
        const struct expr *side = i ? y : x;
        if (side->op == EXPR_LITERAL && side->type == EXPR_NULL)
            return expr__fail(c->err, c->out_at, side->at,
                              "a comparison with null is never true; write IS NULL or IS NOT NULL");
    }
    if (x->type != EXPR_NULL && y->type != EXPR_NULL && x->type != y->type)
        return expr__fail(c->err, c->out_at, y->at, "%s cannot be compared with %s",
                          expr__type_name(y->type), expr__type_name(x->type));
    if (x->type == EXPR_BOOL && e->op >= EXPR_LT && e->op <= EXPR_GE)
        return expr__fail(c->err, c->out_at, x->at, "conditions have no order; use = or !=");
    return 0;
}

static int check_list(struct checker *c, const struct expr *e)
{
    int rc = 0;
    for (size_t i = 1; i < e->n && !rc; i++)
        rc = check_comparison(c, e, i);
    return rc;
}

static int check_coalesce(struct checker *c, struct expr *e)
{
    enum expr_type x = e->args[0]->type, y = e->args[1]->type;
    if (x != EXPR_NULL && y != EXPR_NULL && x != y)
        return fail(c, e->args[1], x);
    e->type = x != EXPR_NULL ? x : y;
    return 0;
}

static enum expr_type letter_type(char c)
{
    return c == 'n' ? EXPR_NUMBER : c == 's' ? EXPR_STRING : c == 'b' ? EXPR_BOOL : EXPR_NULL;
}

/* The nearest function name, for a message; "" when none is near. */
static const char *nearest_function(str_t name)
{
    const char *names[32];
    struct expr_function_info f;
    size_t n = 0;
    while (n < ARRAY_LEN(names) && expr_function_at(n, &f) == 0)
        names[n++] = f.name;
    const char *near = str_nearest(name, names, n);
    return near ? near : "";
}

static int unknown_function(struct checker *c, const struct expr *e)
{
    const char *near = nearest_function(e->name);
    if (str_is(e->name, "log"))
        return expr__fail(c->err, c->out_at, e->at,
                          "'log' can mean two things; write ln(x) or log10(x)");
    if (near[0])
        return expr__fail(c->err, c->out_at, e->at,
                          "there is no function '%.*s'; did you mean '%s'?",
                          (int)MIN(e->name.n, (size_t)60), e->name.p, near);
    return expr__fail(c->err, c->out_at, e->at, "there is no function '%.*s'",
                      (int)MIN(e->name.n, (size_t)60), e->name.p);
}

static int check_call(struct checker *c, struct expr *e)
{
    const struct expr_function *f = expr__function(e->name);
    enum expr_type any = EXPR_NULL;
    if (!f)
        return unknown_function(c, e);
    if (e->n < f->min || e->n > f->max) {
        if (f->min == f->max)
            return expr__fail(c->err, c->out_at, e->at, "%s takes %zu argument%s, not %zu", f->name,
                              f->min, f->min == 1 ? "" : "s", e->n);
        return expr__fail(c->err, c->out_at, e->at, "%s takes at least %zu arguments, not %zu",
                          f->name, f->min, e->n);
    }
    size_t letters = strlen(f->args);
    for (size_t i = 0; i < e->n; i++) {
        char letter = f->args[MIN(i, letters - 1)];
        enum expr_type want = letter == 't' ? any : letter_type(letter);
        if (want != EXPR_NULL && need(c, e->args[i], want))
            return ERR_INVALID;
        if (letter == 't' && any == EXPR_NULL)
            any = e->args[i]->type;
    }
    e->name = str_of(f->name);
    e->type = f->result == 't' ? any : letter_type(f->result);
    return 0;
}

static int check_compare(struct checker *c, struct expr *e)
{
    e->type = EXPR_BOOL;
    switch (e->op) {
    case EXPR_IS_NULL:
    case EXPR_IS_NOT_NULL: return 0;
    case EXPR_LIKE:
    case EXPR_ILIKE: return need_all(c, e, EXPR_STRING);
    case EXPR_IN:
    case EXPR_NOT_IN: return check_list(c, e);
    default: return check_comparison(c, e, 1);
    }
}

static int check_operator(struct checker *c, struct expr *e)
{
    switch (expr__binding(e->op)) {
    case BIND_ADD:
    case BIND_MULTIPLY:
    case BIND_NEGATE:
    case BIND_POWER: e->type = EXPR_NUMBER; return need_all(c, e, EXPR_NUMBER);
    case BIND_NOT:
    case BIND_AND:
    case BIND_OR: e->type = EXPR_BOOL; return need_all(c, e, EXPR_BOOL);
    case BIND_COMPARE: return check_compare(c, e);
    case BIND_COALESCE: return check_coalesce(c, e);
    default: return e->op == EXPR_CALL ? check_call(c, e) : 0;
    }
}

/* A node whose operands are all literals becomes one; nan and null stay computed, so that the
 * printed form can be read again. */
static int fold(struct checker *c, struct expr *e)
{
    struct expr_value small[8], *v = small, result;
    if (!e->n || e->op == EXPR_LITERAL)
        return 0;
    for (size_t i = 0; i < e->n; i++)
        if (e->args[i]->op != EXPR_LITERAL)
            return 0;
    if (e->n > ARRAY_LEN(small) && !(v = ARENA_TRY_ARRAY(c->arena, e->n, struct expr_value)))
        return ERR(c->err, ERR_LIMIT, "expression is too large");
    for (size_t i = 0; i < e->n; i++)
        v[i] = e->args[i]->value;
    struct err why = ERR_INIT;
    if (expr__apply(c->arena, e, v, &result, &why))
        return expr__fail(c->err, c->out_at, e->at, "%s", why.msg);
    if (result.type == EXPR_NULL || (result.type == EXPR_NUMBER && isnan(result.number)))
        return 0;
    e->op = EXPR_LITERAL;
    e->n = 0;
    e->args = NULL;
    e->value = result;
    e->type = result.type;
    return 0;
}

static int check(struct checker *c, struct expr *e)
{
    int rc = 0;
    for (size_t i = 0; i < e->n && !rc; i++)
        rc = check(c, e->args[i]);
    if (rc)
        return rc;
    if (e->op == EXPR_NAME) {
        struct err why = ERR_INIT;
        if (!c->type_of)
            return 0;
        rc = c->type_of(c->arg, e, &e->type, &why);
        return rc ? expr__fail(c->err, c->out_at, e->at, "%s", why.msg) : 0;
    }
    rc = check_operator(c, e);
    return rc ? rc : fold(c, e);
}

int expr_check(struct arena *a, struct expr *e, expr_type_fn type_of, void *arg,
               enum expr_type want, size_t *out_at, struct err *err)
{
    struct checker c = { a, type_of, arg, out_at, err };
    int rc = check(&c, e);
    if (rc || want == EXPR_NULL)
        return rc;
    return need(&c, e, want);
}
