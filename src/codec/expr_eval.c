/* SPDX-License-Identifier: Apache-2.0
 * Evaluation: the function table, operators on values, LIKE. */
#include "codec/expr_int.h"

#include <math.h>
#include <stdio.h>

static const struct expr_function functions[] = {
    { "abs", "n", 1, 1, 'n', "Absolute value." },
    { "ceil", "n", 1, 1, 'n', "Smallest whole number not below x." },
    { "coalesce", "t", 1, 64, 't', "The first argument that is not null." },
    { "exp", "n", 1, 1, 'n', "e to the power x." },
    { "floor", "n", 1, 1, 'n', "Largest whole number not above x." },
    { "if", "btt", 3, 3, 't', "The second argument when the condition holds, else the third." },
    { "length", "s", 1, 1, 'n', "Bytes of a string." },
    { "ln", "n", 1, 1, 'n', "Natural logarithm." },
    { "log10", "n", 1, 1, 'n', "Logarithm to base 10." },
    { "lower", "s", 1, 1, 's', "ASCII letters in lower case." },
    { "max", "n", 1, 64, 'n', "The largest argument." },
    { "min", "n", 1, 64, 'n', "The smallest argument." },
    { "round", "n", 1, 1, 'n', "The nearest whole number; halves go to the even one." },
    { "sign", "n", 1, 1, 'n', "-1, 0 or 1." },
    { "sqrt", "n", 1, 1, 'n', "Square root." },
    { "upper", "s", 1, 1, 's', "ASCII letters in upper case." },
};

const struct expr_function *expr__function(str_t name)
{
    for (size_t i = 0; i < ARRAY_LEN(functions); i++)
        if (str_is(name, functions[i].name))
            return &functions[i];
    return NULL;
}

int expr_function_at(size_t i, struct expr_function_info *out)
{
    if (i >= ARRAY_LEN(functions))
        return ERR_NOT_FOUND;
    const struct expr_function *f = &functions[i];
    *out = (struct expr_function_info){ f->name,
                                        f->max > 3    ? "x, y, …"
                                        : f->max == 3 ? "condition, x, y"
                                                      : "x",
                                        f->prose };
    return 0;
}

static struct expr_value null_value(void)
{
    return (struct expr_value){ EXPR_NULL, 0, { 0 } };
}

static struct expr_value bool_value(int yes)
{
    return (struct expr_value){ EXPR_BOOL, yes ? 1 : 0, { 0 } };
}

static struct expr_value number_value(double d)
{
    return (struct expr_value){ EXPR_NUMBER, d, { 0 } };
}

static int need(const struct expr_value *v, enum expr_type want, struct err *err)
{
    if (v->type == want)
        return 0;
    return ERR(err, ERR_INVALID, "this is %s, but %s is needed here", expr__type_name(v->type),
               expr__type_name(want));
}

static size_t character(str_t s, size_t at)
{
    size_t n = 1;
    while (at + n < s.n && ((unsigned char)s.p[at + n] & 0xc0) == 0x80)
        n++;
    return n;
}

static int same_character(str_t text, size_t t, str_t pattern, size_t p, int ignore_case)
{
    size_t n = character(text, t);
    if (n != character(pattern, p))
        return 0;
    char x = text.p[t], y = pattern.p[p];
    if (n == 1 && ignore_case) {
        x = x >= 'A' && x <= 'Z' ? (char)(x | 0x20) : x;
        y = y >= 'A' && y <= 'Z' ? (char)(y | 0x20) : y;
        return x == y;
    }
    return memcmp(text.p + t, pattern.p + p, n) == 0;
}

/* Greedy with one restart point: on a mismatch the last % takes one character more. */
int expr_like(str_t text, str_t pattern, int ignore_case)
{
    size_t t = 0, p = 0, star = SIZE_MAX, from = 0;
    while (t < text.n) {
        if (p < pattern.n && pattern.p[p] == '%') {
            star = ++p;
            from = t;
        } else if (p < pattern.n &&
                   (pattern.p[p] == '_' || same_character(text, t, pattern, p, ignore_case))) {
            p += character(pattern, p);
            t += character(text, t);
        } else if (star != SIZE_MAX) {
            p = star;
            from += character(text, from);
            t = from;
        } else {
            return 0;
        }
    }
    while (p < pattern.n && pattern.p[p] == '%')
        p++;
    return p == pattern.n;
}

static double arithmetic(enum expr_op op, double x, double y)
{
    switch (op) {
    case EXPR_ADD: return x + y;
    case EXPR_SUB: return x - y;
    case EXPR_MUL: return x * y;
    case EXPR_DIV: return x / y;
    case EXPR_MOD: return fmod(x, y);
    default: return pow(x, y);
    }
}

static int apply_arithmetic(const struct expr *e, const struct expr_value *v,
                            struct expr_value *out, struct err *err)
{
    for (size_t i = 0; i < e->n; i++) {
        if (v[i].type == EXPR_NULL) {
            *out = null_value();
            return 0;
        }
        if (need(&v[i], EXPR_NUMBER, err))
            return ERR_INVALID;
    }
    *out = number_value(e->op == EXPR_NEG ? -v[0].number
                                          : arithmetic(e->op, v[0].number, v[1].number));
    return 0;
}

static int compare(enum expr_op op, const struct expr_value *x, const struct expr_value *y)
{
    if (x->type == EXPR_STRING) {
        int c = str_cmp(x->string, y->string);
        switch (op) {
        case EXPR_EQ: return c == 0;
        case EXPR_NE: return c != 0;
        case EXPR_LT: return c < 0;
        case EXPR_LE: return c <= 0;
        case EXPR_GT: return c > 0;
        default: return c >= 0;
        }
    }
    double a = x->number, b = y->number;
    switch (op) {
    case EXPR_EQ: return a == b;
    case EXPR_NE: return a != b;
    case EXPR_LT: return a < b;
    case EXPR_LE: return a <= b;
    case EXPR_GT: return a > b;
    default: return a >= b;
    }
}

static int apply_comparison(enum expr_op op, const struct expr_value *x, const struct expr_value *y,
                            struct expr_value *out, struct err *err)
{
    if (x->type == EXPR_NULL || y->type == EXPR_NULL) {
        *out = null_value();
        return 0;
    }
    if (x->type != y->type)
        return ERR(err, ERR_INVALID, "%s cannot be compared with %s", expr__type_name(x->type),
                   expr__type_name(y->type));
    *out = bool_value(compare(op, x, y));
    return 0;
}

/* SQL's IN: true on a match, else null when an item is null, else false. */
static int apply_in(const struct expr *e, const struct expr_value *v, struct expr_value *out,
                    struct err *err)
{
    struct expr_value one = { EXPR_NULL, 0, { 0 } };
    int unknown = 0;
    for (size_t i = 1; i < e->n; i++) {
        if (apply_comparison(EXPR_EQ, &v[0], &v[i], &one, err))
            return ERR_INVALID;
        if (one.type == EXPR_BOOL && one.number != 0) {
            *out = bool_value(e->op == EXPR_IN);
            return 0;
        }
        unknown |= one.type == EXPR_NULL;
    }
    *out = unknown ? null_value() : bool_value(e->op == EXPR_NOT_IN);
    return 0;
}

static int apply_like(const struct expr *e, const struct expr_value *v, struct expr_value *out,
                      struct err *err)
{
    if (v[0].type == EXPR_NULL || v[1].type == EXPR_NULL) {
        *out = null_value();
        return 0;
    }
    if (need(&v[0], EXPR_STRING, err) || need(&v[1], EXPR_STRING, err))
        return ERR_INVALID;
    *out = bool_value(expr_like(v[0].string, v[1].string, e->op == EXPR_ILIKE));
    return 0;
}

/* Kleene's three-valued AND and OR. */
static int apply_logic(const struct expr *e, const struct expr_value *v, struct expr_value *out,
                       struct err *err)
{
    int decides = e->op == EXPR_OR, unknown = 0;
    for (size_t i = 0; i < e->n; i++) {
        if (v[i].type == EXPR_NULL) {
            unknown = 1;
            continue;
        }
        if (need(&v[i], EXPR_BOOL, err))
            return ERR_INVALID;
        if ((v[i].number != 0) == decides) {
            *out = bool_value(decides);
            return 0;
        }
    }
    *out = unknown ? null_value() : bool_value(!decides);
    return 0;
}

static int apply_not(const struct expr_value *v, struct expr_value *out, struct err *err)
{
    *out = null_value();
    if (v->type == EXPR_NULL)
        return 0;
    if (need(v, EXPR_BOOL, err))
        return ERR_INVALID;
    *out = bool_value(v->number == 0);
    return 0;
}

static double number_function(const char *name, const struct expr_value *v, size_t n)
{
    double x = v[0].number;
    switch (name[0]) {
    case 'a': return fabs(x);
    case 'c': return ceil(x);
    case 'e': return exp(x);
    case 'f': return floor(x);
    case 'l': return name[1] == 'n' ? log(x) : log10(x);
    case 'r': return rint(x);
    case 's': return name[1] == 'q' ? sqrt(x) : x > 0 ? 1 : x < 0 ? -1 : x;
    default: break;
    }
    for (size_t i = 1; i < n; i++) { /* min, max: nan wins */
        double y = v[i].number;
        if (!isnan(x) && (isnan(y) || (name[1] == 'a' ? y > x : y < x)))
            x = y;
    }
    return x;
}

static int string_function(struct arena *a, const char *name, str_t s, struct expr_value *out,
                           struct err *err)
{
    if (str_is(str_of(name), "length")) {
        *out = number_value((double)s.n);
        return 0;
    }
    char *copy = arena_strndup(a, s.p, s.n);
    if (!copy)
        return ERR(err, ERR_LIMIT, "expression needs too much memory");
    char first = name[0] == 'l' ? 'A' : 'a';
    for (size_t i = 0; i < s.n; i++)
        if (copy[i] >= first && copy[i] < first + 26)
            copy[i] = (char)(copy[i] ^ 0x20);
    *out = (struct expr_value){ EXPR_STRING, 0, { copy, s.n } };
    return 0;
}

static int apply_choice(const struct expr *e, const struct expr_value *v, struct expr_value *out,
                        struct err *err)
{
    *out = null_value();
    if (str_is(e->name, "if")) {
        if (v[0].type == EXPR_NULL)
            return 0;
        if (need(&v[0], EXPR_BOOL, err))
            return ERR_INVALID;
        *out = v[0].number != 0 ? v[1] : v[2];
        return 0;
    }
    for (size_t i = 0; i < e->n && out->type == EXPR_NULL; i++)
        *out = v[i];
    return 0;
}

static int apply_call(struct arena *a, const struct expr *e, const struct expr_value *v,
                      struct expr_value *out, struct err *err)
{
    const struct expr_function *f = expr__function(e->name);
    if (!f || e->n < f->min || e->n > f->max)
        return ERR(err, ERR_INVALID, "the expression was not checked");
    if (f->result == 't')
        return apply_choice(e, v, out, err);
    enum expr_type want = f->args[0] == 's' ? EXPR_STRING : EXPR_NUMBER;
    for (size_t i = 0; i < e->n; i++) {
        if (v[i].type == EXPR_NULL) {
            *out = null_value();
            return 0;
        }
        if (need(&v[i], want, err))
            return ERR_INVALID;
    }
    if (want == EXPR_STRING)
        return string_function(a, f->name, v[0].string, out, err);
    *out = number_value(number_function(f->name, v, e->n));
    return 0;
}

static int apply_compare(const struct expr *e, const struct expr_value *v, struct expr_value *out,
                         struct err *err)
{
    switch (e->op) {
    case EXPR_IS_NULL:
    case EXPR_IS_NOT_NULL:
        *out = bool_value((v[0].type == EXPR_NULL) == (e->op == EXPR_IS_NULL));
        return 0;
    case EXPR_LIKE:
    case EXPR_ILIKE: return apply_like(e, v, out, err);
    case EXPR_IN:
    case EXPR_NOT_IN: return apply_in(e, v, out, err);
    default: return apply_comparison(e->op, &v[0], &v[1], out, err);
    }
}

int expr__apply(struct arena *a, const struct expr *e, const struct expr_value *v,
                struct expr_value *out, struct err *err)
{
    switch (expr__binding(e->op)) {
    case BIND_ADD:
    case BIND_MULTIPLY:
    case BIND_NEGATE:
    case BIND_POWER: return apply_arithmetic(e, v, out, err);
    case BIND_COMPARE: return apply_compare(e, v, out, err);
    case BIND_AND:
    case BIND_OR: return apply_logic(e, v, out, err);
    case BIND_NOT: return apply_not(&v[0], out, err);
    case BIND_COALESCE: *out = v[0].type == EXPR_NULL ? v[1] : v[0]; return 0;
    default: break;
    }
    return e->op == EXPR_CALL ? apply_call(a, e, v, out, err)
                              : ERR(err, ERR_INTERNAL, "not an operator");
}

int expr_eval(struct arena *a, const struct expr *e, expr_get_fn get, void *arg,
              struct expr_value *out, struct err *err)
{
    struct expr_value small[3], *v = small;
    if (e->op == EXPR_LITERAL) {
        *out = e->value;
        return 0;
    }
    if (e->op == EXPR_NAME)
        return get ? get(arg, e, out, err)
                   : ERR(err, ERR_INVALID, "'%.*s' has no value here", STR_ARG(e->name));
    if (e->n > ARRAY_LEN(small) && !(v = ARENA_TRY_ARRAY(a, e->n, struct expr_value)))
        return ERR(err, ERR_LIMIT, "expression needs too much memory");
    for (size_t i = 0; i < e->n; i++) {
        int rc = expr_eval(a, e->args[i], get, arg, &v[i], err);
        if (rc)
            return rc;
    }
    return expr__apply(a, e, v, out, err);
}
