/* SPDX-License-Identifier: Apache-2.0
 * The parser of the expression language: operator precedence by binding powers (Pratt, "Top down
 * operator precedence", 1973). From loose to tight: OR, AND, NOT, comparisons (which do not chain),
 * ??, + -, * / %, unary minus, **. AND and OR keep all their operands in one node. */
#include "codec/expr_int.h"

#include <math.h>

struct parser {
    struct expr_lexer lexer;
    struct expr_token token; /* the next one, not consumed */
    struct arena *arena;
    size_t *out_at;
    struct err *err;
    int depth;
};

static int parse(struct parser *p, int binding, struct expr **out);

static int fail_token(struct parser *p, const char *wanted)
{
    const struct expr_token *t = &p->token;
    if (t->kind == TOKEN_END)
        return expr__fail(p->err, p->out_at, t->at, "expected %s, but the expression ends here",
                          wanted);
    return expr__fail(p->err, p->out_at, t->at, "expected %s, not '%.*s'", wanted,
                      (int)MIN(t->length, (size_t)60), p->lexer.text.p + t->at);
}

static int advance(struct parser *p)
{
    return expr__next(&p->lexer, &p->token);
}

static int accept(struct parser *p, enum expr_token_kind kind, int *out_yes)
{
    *out_yes = p->token.kind == kind;
    return *out_yes ? advance(p) : 0;
}

static int expect(struct parser *p, enum expr_token_kind kind, const char *wanted)
{
    return p->token.kind == kind ? advance(p) : fail_token(p, wanted);
}

static int height_of(const struct expr *const *args, size_t n)
{
    int height = 0;
    for (size_t i = 0; i < n; i++)
        height = MAX(height, args[i]->height);
    return height + 1;
}

/* A node over copied operands; the span covers them and what was read so far. */
static int make(struct parser *p, enum expr_op op, struct expr **args, size_t n, struct expr **out)
{
    struct expr *e = ARENA_NEW(p->arena, struct expr);
    e->op = op;
    e->n = n;
    e->args = n ? ARENA_TRY_ARRAY(p->arena, n, struct expr *) : NULL;
    if (p->arena->failed || (n && !e->args))
        return ERR(p->err, ERR_LIMIT, "expression is too large");
    if (n) {
        memcpy(e->args, args, n * sizeof *args);
        e->at = args[0]->at;
        e->length = args[n - 1]->at + args[n - 1]->length - e->at;
    }
    e->height = height_of((const struct expr *const *)e->args, n);
    if (e->height > LIMIT_EXPR_HEIGHT)
        return expr__fail(p->err, p->out_at, e->at, "the expression is nested too deeply");
    *out = e;
    return 0;
}

static int make_leaf(struct parser *p, enum expr_op op, struct expr **out)
{
    int rc = make(p, op, NULL, 0, out);
    if (rc)
        return rc;
    (*out)->at = p->token.at;
    (*out)->length = p->token.length;
    (*out)->name = p->token.text;
    (*out)->entity = p->token.entity;
    return 0;
}

static int parse_literal(struct parser *p, struct expr_value value, struct expr **out)
{
    int rc = make_leaf(p, EXPR_LITERAL, out);
    if (rc)
        return rc;
    (*out)->name = (*out)->entity = (str_t){ 0 };
    (*out)->value = value;
    (*out)->type = value.type;
    return advance(p);
}

struct list {
    struct expr **items;
    size_t n, cap;
};

static int list_add(struct parser *p, struct list *l, struct expr *e)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 4;
        struct expr **more = ARENA_TRY_ARRAY(p->arena, cap, struct expr *);
        if (!more)
            return ERR(p->err, ERR_LIMIT, "expression is too large");
        if (l->n)
            memcpy(more, l->items, l->n * sizeof *more);
        l->items = more;
        l->cap = cap;
    }
    l->items[l->n++] = e;
    return 0;
}

/* After the opening parenthesis: items up to and with the closing one. */
static int parse_items(struct parser *p, struct list *l, const char *wanted)
{
    for (;;) {
        struct expr *e;
        int more = 0, rc = parse(p, BIND_OR, &e);
        if (!rc)
            rc = list_add(p, l, e);
        if (!rc)
            rc = accept(p, TOKEN_COMMA, &more);
        if (rc)
            return rc;
        if (!more)
            return expect(p, TOKEN_CLOSE, wanted);
    }
}

static int parse_call(struct parser *p, struct expr **out)
{
    struct list l = { 0 };
    struct expr_token name = p->token;
    int empty = 0;
    int rc = advance(p);
    if (!rc)
        rc = expect(p, TOKEN_OPEN, "'('");
    if (!rc)
        rc = accept(p, TOKEN_CLOSE, &empty);
    size_t end = p->token.at;
    if (!rc && !empty)
        rc = parse_items(p, &l, "',' or ')'");
    if (!rc)
        rc = make(p, EXPR_CALL, l.items, l.n, out);
    if (rc)
        return rc;
    if (l.n)
        end = l.items[l.n - 1]->at + l.items[l.n - 1]->length + 1;
    (*out)->name = name.text;
    (*out)->at = name.at;
    (*out)->length = end - name.at;
    return 0;
}

static int parse_group(struct parser *p, struct expr **out)
{
    size_t from = p->token.at;
    int rc = advance(p);
    if (!rc)
        rc = parse(p, BIND_OR, out);
    if (!rc && p->token.kind == TOKEN_COMMA)
        return expr__fail(p->err, p->out_at, p->token.at, "a list stands only after IN");
    size_t end = p->token.at + 1;
    if (!rc)
        rc = expect(p, TOKEN_CLOSE, "')'");
    if (rc)
        return rc;
    (*out)->at = from;
    (*out)->length = end - from;
    (*out)->grouped = 1;
    return 0;
}

static int parse_unary(struct parser *p, enum expr_op op, int binding, struct expr **out)
{
    size_t from = p->token.at;
    struct expr *operand;
    int rc = advance(p);
    if (!rc)
        rc = parse(p, binding, &operand);
    if (!rc)
        rc = make(p, op, &operand, 1, out);
    if (rc)
        return rc;
    (*out)->at = from;
    (*out)->length = operand->at + operand->length - from;
    return 0;
}

static int parse_prefix(struct parser *p, int binding, struct expr **out)
{
    const struct expr_token *t = &p->token;
    switch (t->kind) {
    case TOKEN_NUMBER:
        return parse_literal(p, (struct expr_value){ EXPR_NUMBER, t->number, { 0 } }, out);
    case TOKEN_INF:
        return parse_literal(p, (struct expr_value){ EXPR_NUMBER, INFINITY, { 0 } }, out);
    case TOKEN_STRING: return parse_literal(p, (struct expr_value){ EXPR_STRING, 0, t->text }, out);
    case TOKEN_TRUE:
    case TOKEN_FALSE:
        return parse_literal(p, (struct expr_value){ EXPR_BOOL, t->kind == TOKEN_TRUE, { 0 } },
                             out);
    case TOKEN_NULL: return parse_literal(p, (struct expr_value){ EXPR_NULL, 0, { 0 } }, out);
    case TOKEN_NAME: {
        int rc = make_leaf(p, EXPR_NAME, out);
        return rc ? rc : advance(p);
    }
    case TOKEN_CALL: return parse_call(p, out);
    case TOKEN_OPEN: return parse_group(p, out);
    case TOKEN_MINUS: return parse_unary(p, EXPR_NEG, BIND_NEGATE, out);
    case TOKEN_NOT:
        if (binding > BIND_NOT)
            return expr__fail(p->err, p->out_at, t->at, "put NOT and its operand in parentheses");
        return parse_unary(p, EXPR_NOT, BIND_NOT, out);
    case TOKEN_PLUS:
        return expr__fail(p->err, p->out_at, t->at, "a leading '+' is not needed; leave it out");
    default: return fail_token(p, "a value, a name or '('");
    }
}

static enum expr_op binary_of(enum expr_token_kind kind)
{
    switch (kind) {
    case TOKEN_OR: return EXPR_OR;
    case TOKEN_AND: return EXPR_AND;
    case TOKEN_EQ: return EXPR_EQ;
    case TOKEN_NE: return EXPR_NE;
    case TOKEN_LT: return EXPR_LT;
    case TOKEN_LE: return EXPR_LE;
    case TOKEN_GT: return EXPR_GT;
    case TOKEN_GE: return EXPR_GE;
    case TOKEN_LIKE: return EXPR_LIKE;
    case TOKEN_ILIKE: return EXPR_ILIKE;
    case TOKEN_COALESCE: return EXPR_COALESCE;
    case TOKEN_PLUS: return EXPR_ADD;
    case TOKEN_MINUS: return EXPR_SUB;
    case TOKEN_STAR: return EXPR_MUL;
    case TOKEN_SLASH: return EXPR_DIV;
    case TOKEN_PERCENT: return EXPR_MOD;
    case TOKEN_POWER: return EXPR_POW;
    case TOKEN_IN:
    case TOKEN_NOT: return EXPR_IN;
    case TOKEN_IS: return EXPR_IS_NULL;
    default: return EXPR_LITERAL; /* not an operator */
    }
}

int expr__binding(enum expr_op op)
{
    static const unsigned char table[] = {
        [EXPR_OR] = BIND_OR,
        [EXPR_AND] = BIND_AND,
        [EXPR_NOT] = BIND_NOT,
        [EXPR_EQ] = BIND_COMPARE,
        [EXPR_NE] = BIND_COMPARE,
        [EXPR_LT] = BIND_COMPARE,
        [EXPR_LE] = BIND_COMPARE,
        [EXPR_GT] = BIND_COMPARE,
        [EXPR_GE] = BIND_COMPARE,
        [EXPR_LIKE] = BIND_COMPARE,
        [EXPR_ILIKE] = BIND_COMPARE,
        [EXPR_IN] = BIND_COMPARE,
        [EXPR_NOT_IN] = BIND_COMPARE,
        [EXPR_IS_NULL] = BIND_COMPARE,
        [EXPR_IS_NOT_NULL] = BIND_COMPARE,
        [EXPR_COALESCE] = BIND_COALESCE,
        [EXPR_ADD] = BIND_ADD,
        [EXPR_SUB] = BIND_ADD,
        [EXPR_MUL] = BIND_MULTIPLY,
        [EXPR_DIV] = BIND_MULTIPLY,
        [EXPR_MOD] = BIND_MULTIPLY,
        [EXPR_NEG] = BIND_NEGATE,
        [EXPR_POW] = BIND_POWER,
        [EXPR_LITERAL] = BIND_PRIMARY,
        [EXPR_NAME] = BIND_PRIMARY,
        [EXPR_CALL] = BIND_PRIMARY,
    };
    return table[op];
}

/* left IN (a, b, …) ; the IN is consumed. */
static int parse_in(struct parser *p, enum expr_op op, struct expr *left, struct expr **out)
{
    struct list l = { 0 };
    int rc = list_add(p, &l, left);
    if (!rc)
        rc = expect(p, TOKEN_OPEN, "'(' and a list after IN");
    if (!rc)
        rc = parse_items(p, &l, "',' or ')'");
    return rc ? rc : make(p, op, l.items, l.n, out);
}

/* IN, NOT IN, NOT LIKE (as NOT (… LIKE …)), IS NULL, IS NOT NULL. */
static int parse_word_operator(struct parser *p, struct expr *left, struct expr **out)
{
    int not_word = 0, yes = 0, rc = 0;
    if (p->token.kind == TOKEN_IS) {
        size_t end;
        rc = advance(p);
        if (!rc)
            rc = accept(p, TOKEN_NOT, &not_word);
        end = p->token.at + p->token.length;
        if (!rc)
            rc =
                expect(p, TOKEN_NULL, not_word ? "NULL after IS NOT" : "NULL or NOT NULL after IS");
        if (!rc)
            rc = make(p, not_word ? EXPR_IS_NOT_NULL : EXPR_IS_NULL, &left, 1, out);
        if (!rc)
            (*out)->length = end - (*out)->at;
        return rc;
    }
    rc = accept(p, TOKEN_NOT, &not_word);
    if (!rc)
        rc = accept(p, TOKEN_IN, &yes);
    if (rc)
        return rc;
    if (yes)
        return parse_in(p, not_word ? EXPR_NOT_IN : EXPR_IN, left, out);
    return fail_token(p, "IN after NOT (for LIKE write NOT name LIKE 'pattern')");
}

static int parse_logic(struct parser *p, enum expr_op op, struct expr *left, struct expr **out)
{
    struct list l = { 0 };
    enum expr_token_kind kind = p->token.kind;
    int rc = list_add(p, &l, left);
    while (!rc && p->token.kind == kind) {
        struct expr *e;
        rc = advance(p);
        if (!rc)
            rc = parse(p, expr__binding(op) + 1, &e);
        if (!rc)
            rc = list_add(p, &l, e);
    }
    return rc ? rc : make(p, op, l.items, l.n, out);
}

/* One operator after its left operand. */
static int parse_infix(struct parser *p, enum expr_op op, struct expr *left, struct expr **out)
{
    int binding = expr__binding(op);
    int right_first = op == EXPR_POW || op == EXPR_COALESCE;
    struct expr *args[2] = { left, NULL };
    if (binding == BIND_COMPARE && expr__binding(left->op) == BIND_COMPARE && !left->grouped)
        return expr__fail(p->err, p->out_at, p->token.at,
                          "comparisons cannot be chained; join two of them with AND");
    if (op == EXPR_OR || op == EXPR_AND)
        return parse_logic(p, op, left, out);
    if (op == EXPR_IN || op == EXPR_IS_NULL)
        return parse_word_operator(p, left, out);
    int rc = advance(p);
    if (!rc)
        rc = parse(p, binding + !right_first, &args[1]);
    return rc ? rc : make(p, op, args, 2, out);
}

static int parse(struct parser *p, int binding, struct expr **out)
{
    struct expr *left;
    if (++p->depth > LIMIT_EXPR_DEPTH)
        return expr__fail(p->err, p->out_at, p->token.at,
                          "the expression is nested too deeply (limit %d)", LIMIT_EXPR_DEPTH);
    int rc = parse_prefix(p, binding, &left);
    while (!rc) {
        enum expr_op op = binary_of(p->token.kind);
        if (op == EXPR_LITERAL || expr__binding(op) < binding)
            break;
        rc = parse_infix(p, op, left, &left);
    }
    p->depth--;
    if (!rc)
        *out = left;
    return rc;
}

int expr_parse(struct arena *a, str_t text, struct expr **out, size_t *out_at, struct err *err)
{
    if (text.n > LIMIT_EXPR_BYTES)
        return ERR(err, ERR_LIMIT, "the expression has %zu bytes; the limit is %zu", text.n,
                   LIMIT_EXPR_BYTES);
    if (!str_is_utf8(text) || (text.n && memchr(text.p, '\0', text.n)))
        return expr__fail(err, out_at, 0, "the expression is not UTF-8 text");
    str_t copy = arena_str(a, text);
    if (!copy.p)
        return ERR(err, ERR_LIMIT, "expression is too large");
    struct parser p = {
        .lexer = { a, copy, 0, out_at, err }, .arena = a, .out_at = out_at, .err = err
    };
    struct expr *e;
    int rc = advance(&p);
    if (!rc && p.token.kind == TOKEN_END)
        return expr__fail(err, out_at, 0, "the expression is empty");
    if (!rc)
        rc = parse(&p, BIND_OR, &e);
    if (!rc && p.token.kind != TOKEN_END)
        rc = fail_token(&p, "an operator or the end");
    if (!rc)
        *out = e;
    return rc;
}

void expr_names(const struct expr *e, void (*fn)(void *arg, const struct expr *name), void *arg)
{
    if (e->op == EXPR_NAME)
        fn(arg, e);
    for (size_t i = 0; i < e->n; i++)
        expr_names(e->args[i], fn, arg);
}
