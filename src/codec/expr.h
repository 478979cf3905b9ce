/* SPDX-License-Identifier: Apache-2.0
 * The one expression language of Slipway: search filters, gates, alerts, derived columns, policies.
 *
 * MLflow's filter grammar (entity.key with `backticks` or "double quotes", 'strings', = != < <= >
 * >=, LIKE, ILIKE, IN, NOT IN, IS NULL, IS NOT NULL, AND) plus OR, NOT, parentheses, + - * / % **,
 * unary minus, functions, and `a ?? b` (b when a is null). Keywords in any case. Values are null,
 * boolean, number, string. Null in arithmetic or comparison gives null; a null gate is an error of
 * its user. Everything is bounded: LIMIT_EXPR_BYTES, LIMIT_EXPR_DEPTH (nesting), LIMIT_EXPR_HEIGHT
 * (of the tree, as in long sums). Evaluation never allocates without an arena, never loops over
 * more than the expression. Numbers follow IEEE 754: x / 0 is inf or nan, nan compares false except
 * by !=. AND and OR are three-valued as in SQL (null AND false = false). -x ** 2 is -(x ** 2); %
 * has the sign of its left side. `==` is read as `=`. A "double-quoted" text is a key after a dot,
 * a string elsewhere. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

enum expr_type { EXPR_NULL, EXPR_BOOL, EXPR_NUMBER, EXPR_STRING, EXPR_LIST };

struct expr_value {
    enum expr_type type;
    double number; /* also of booleans: 0 or 1 */
    str_t string;
};

enum expr_op {
    EXPR_LITERAL,
    EXPR_NAME,
    EXPR_CALL,
    EXPR_NEG,
    EXPR_NOT,
    EXPR_ADD,
    EXPR_SUB,
    EXPR_MUL,
    EXPR_DIV,
    EXPR_MOD,
    EXPR_POW,
    EXPR_EQ,
    EXPR_NE,
    EXPR_LT,
    EXPR_LE,
    EXPR_GT,
    EXPR_GE,
    EXPR_LIKE,
    EXPR_ILIKE,
    EXPR_IN,
    EXPR_NOT_IN,
    EXPR_IS_NULL,
    EXPR_IS_NOT_NULL,
    EXPR_AND,
    EXPR_OR,
    EXPR_COALESCE
};

struct expr {
    enum expr_op op;
    enum expr_type type;     /* after expr_check; EXPR_NULL = only known at run time */
    struct expr_value value; /* LITERAL */
    str_t entity;            /* NAME: "metrics" of metrics.rmse; empty when bare */
    str_t name;              /* NAME, CALL */
    struct expr **args;      /* operands in order; IN: first is the left side */
    size_t n;
    size_t at, length; /* bytes in the source, for messages */
    int height;        /* 1 for a leaf; at most LIMIT_EXPR_HEIGHT */
    int grouped;       /* stood in parentheses */
    size_t slot;       /* NAME: for whoever evaluates, who may number names beforehand */
};

/* The tree and its texts live in the arena; `text` may go. ERR_INVALID with the place counted from
 * 1 in the message ("at 7: expected …"); out_at (optional) gets the byte offset counted from 0. */
int expr_parse(struct arena *a, str_t text, struct expr **out, size_t *out_at,
               struct err *err) WARN_UNUSED;

/* Tells the type of a name, or refuses it with a did-you-mean. */
typedef int (*expr_type_fn)(void *arg, const struct expr *name, enum expr_type *out,
                            struct err *err);
/* Types every node, folds constants in place; ERR_INVALID names the place as above (messages of
 * type_of get it in front). want: EXPR_NULL = any. A type that is only known at run time passes the
 * check. */
int expr_check(struct arena *a, struct expr *e, expr_type_fn type_of, void *arg,
               enum expr_type want, size_t *out_at, struct err *err) WARN_UNUSED;

/* Value of a name; what it refuses ends the evaluation. */
typedef int (*expr_get_fn)(void *arg, const struct expr *name, struct expr_value *out,
                           struct err *err);
int expr_eval(struct arena *a, const struct expr *e, expr_get_fn get, void *arg,
              struct expr_value *out, struct err *err) WARN_UNUSED;

/* ---- order_by: a name, then ASC or DESC in any case ---- */
enum { EXPR_ORDER_MAX = 16 }; /* keys of one list */
struct expr_order {
    struct expr *key; /* a name, checked */
    int descending;
};
/* ERR_INVALID begins with "order_by: ". */
int expr_order_parse(struct arena *a, const char *text, expr_type_fn type_of, void *arg,
                     struct expr_order *out, struct err *err) WARN_UNUSED;
/* Below, equal, above 0 as a goes before b. Values first, then NaN, then what is missing, whichever
 * the direction. */
int expr_order_compare(const struct expr_order *o, const struct expr_value *a,
                       const struct expr_value *b);

/* One function of the language, for documents and completion; NULL past the last. */
struct expr_function_info {
    const char *name;  /* "abs" */
    const char *args;  /* "x", "x, y, …" */
    const char *prose; /* one sentence */
};
int expr_function_at(size_t i, struct expr_function_info *out);

/* Every NAME in the tree, in order of appearance. */
void expr_names(const struct expr *e, void (*fn)(void *arg, const struct expr *name), void *arg);
/* The expression as text again, with parentheses only where needed; parsing it gives the same tree.
 */
void expr_print(const struct expr *e, struct buf *out);
/* SQL LIKE over UTF-8: % any run, _ one character; no escape character (as MLflow); ignore_case
 * folds ASCII. Time is bounded by text × pattern. */
int expr_like(str_t text, str_t pattern, int ignore_case);
