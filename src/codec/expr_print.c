/* SPDX-License-Identifier: Apache-2.0
 * Expressions as text: parsing the text gives the same tree again. */
#include "codec/expr_int.h"

#include <math.h>

#include "base/num.h"

const char *expr__operator(enum expr_op op)
{
    switch (op) {
    case EXPR_ADD: return " + ";
    case EXPR_SUB: return " - ";
    case EXPR_MUL: return " * ";
    case EXPR_DIV: return " / ";
    case EXPR_MOD: return " % ";
    case EXPR_POW: return " ** ";
    case EXPR_EQ: return " = ";
    case EXPR_NE: return " != ";
    case EXPR_LT: return " < ";
    case EXPR_LE: return " <= ";
    case EXPR_GT: return " > ";
    case EXPR_GE: return " >= ";
    case EXPR_LIKE: return " LIKE ";
    case EXPR_ILIKE: return " ILIKE ";
    case EXPR_AND: return " AND ";
    case EXPR_OR: return " OR ";
    case EXPR_COALESCE: return " ?? ";
    default: return "";
    }
}

static void print_quoted(struct buf *out, str_t s, char quote)
{
    buf_putc(out, quote);
    for (size_t i = 0; i < s.n; i++) {
        buf_putc(out, s.p[i]);
        if (s.p[i] == quote)
            buf_putc(out, quote);
    }
    buf_putc(out, quote);
}

static int is_dotted_word(str_t s)
{
    str_t part;
    while (str_cut(s, '.', &part, &s))
        if (!expr__is_word(part, 1))
            return 0;
    return expr__is_word(s, 1);
}

static void print_name(struct buf *out, const struct expr *e)
{
    str_t first = e->entity.n ? e->entity : e->name;
    if (expr__is_word(first, 0) && (e->entity.n || !expr__is_keyword(first)))
        buf_str(out, first);
    else
        print_quoted(out, first, '`');
    if (!e->entity.n)
        return;
    buf_putc(out, '.');
    if (is_dotted_word(e->name))
        buf_str(out, e->name);
    else
        print_quoted(out, e->name, '`');
}

static void print_number(struct buf *out, double v)
{
    char text[FMT_DOUBLE_MAX];
    size_t n = fmt_double(v, text);
    if (isinf(v)) {
        buf_puts(out, v < 0 ? "-inf" : "inf");
        return;
    }
    if (n > 2 && memcmp(text + n - 2, ".0", 2) == 0)
        n -= 2;
    buf_put(out, text, n);
}

static void print_literal(struct buf *out, const struct expr_value *v)
{
    switch (v->type) {
    case EXPR_BOOL: buf_puts(out, v->number != 0 ? "true" : "false"); break;
    case EXPR_NUMBER: print_number(out, v->number); break;
    case EXPR_STRING: print_quoted(out, v->string, '\''); break;
    default: buf_puts(out, "null"); break;
    }
}

static int binding_of(const struct expr *e)
{
    if (e->op == EXPR_LITERAL && e->value.type == EXPR_NUMBER && signbit(e->value.number))
        return BIND_NEGATE;
    return expr__binding(e->op);
}

static void print(const struct expr *e, int binding, struct buf *out);

static void print_list(const struct expr *e, size_t from, struct buf *out)
{
    buf_putc(out, '(');
    for (size_t i = from; i < e->n; i++) {
        if (i > from)
            buf_puts(out, ", ");
        print(e->args[i], BIND_OR, out);
    }
    buf_putc(out, ')');
}

static void print_bare(const struct expr *e, struct buf *out)
{
    int binding = expr__binding(e->op);
    switch (e->op) {
    case EXPR_LITERAL: print_literal(out, &e->value); return;
    case EXPR_NAME: print_name(out, e); return;
    case EXPR_CALL:
        buf_str(out, e->name);
        print_list(e, 0, out);
        return;
    case EXPR_NEG:
        buf_putc(out, '-');
        print(e->args[0], binding, out);
        return;
    case EXPR_NOT:
        buf_puts(out, "NOT ");
        print(e->args[0], binding, out);
        return;
    case EXPR_IS_NULL:
    case EXPR_IS_NOT_NULL:
        print(e->args[0], binding + 1, out);
        buf_puts(out, e->op == EXPR_IS_NULL ? " IS NULL" : " IS NOT NULL");
        return;
    case EXPR_IN:
    case EXPR_NOT_IN:
        print(e->args[0], binding + 1, out);
        buf_puts(out, e->op == EXPR_IN ? " IN " : " NOT IN ");
        print_list(e, 1, out);
        return;
    default: break;
    }
    int right_first = e->op == EXPR_POW || e->op == EXPR_COALESCE;
    int tight_left =
        right_first || binding == BIND_COMPARE || e->op == EXPR_AND || e->op == EXPR_OR;
    for (size_t i = 0; i < e->n; i++) {
        if (i)
            buf_puts(out, expr__operator(e->op));
        int tight = i ? !right_first : tight_left;
        /* A sign may stand right of **, where it takes what follows: 2 ** -x. */
        print(e->args[i], i && e->op == EXPR_POW ? BIND_NEGATE : binding + tight, out);
    }
}

static void print(const struct expr *e, int binding, struct buf *out)
{
    int group = binding_of(e) < binding;
    if (group)
        buf_putc(out, '(');
    print_bare(e, out);
    if (group)
        buf_putc(out, ')');
}

void expr_print(const struct expr *e, struct buf *out)
{
    print(e, BIND_OR, out);
}
