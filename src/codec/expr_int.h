/* SPDX-License-Identifier: Apache-2.0
 * Private to the expression files: tokens, the function table, precedence. */
#pragma once
#include "codec/expr.h"
#include "base/limits.h"

enum expr_token_kind {
    TOKEN_END,
    TOKEN_NUMBER,
    TOKEN_STRING,
    TOKEN_NAME,
    TOKEN_CALL,
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_COMMA,
    TOKEN_PLUS,
    TOKEN_MINUS,
    TOKEN_STAR,
    TOKEN_SLASH,
    TOKEN_PERCENT,
    TOKEN_POWER,
    TOKEN_EQ,
    TOKEN_NE,
    TOKEN_LT,
    TOKEN_LE,
    TOKEN_GT,
    TOKEN_GE,
    TOKEN_COALESCE,
    TOKEN_AND,
    TOKEN_OR,
    TOKEN_NOT,
    TOKEN_LIKE,
    TOKEN_ILIKE,
    TOKEN_IN,
    TOKEN_IS,
    TOKEN_NULL,
    TOKEN_TRUE,
    TOKEN_FALSE,
    TOKEN_INF
};

struct expr_token {
    enum expr_token_kind kind;
    size_t at, length; /* bytes in the source */
    double number;     /* NUMBER */
    str_t text;        /* STRING: its content; NAME, CALL: the name */
    str_t entity;      /* NAME: the part before the first dot */
};

struct expr_lexer {
    struct arena *arena;
    str_t text;
    size_t at;
    size_t *out_at; /* place of the last error */
    struct err *err;
};

/* The next token, or ERR_INVALID with the place. */
int expr__next(struct expr_lexer *l, struct expr_token *out) WARN_UNUSED;
/* "at N: …" with N counted from 1; sets *l->out_at. Always returns ERR_INVALID. */
int expr__fail(struct err *err, size_t *out_at, size_t at, const char *fmt, ...) PRINTF_LIKE(4, 5);
/* 1 when the word is reserved (any case). */
int expr__is_keyword(str_t word);
int expr__is_word(str_t word, int digits_first);

/* One function of the language. args: one letter a parameter, n = number, s = string, b = boolean,
 * t = any (all t of one call have one type); the last letter repeats up to max. */
struct expr_function {
    const char *name;
    const char *args;
    size_t min, max;
    char result;
    const char *prose;
};
const struct expr_function *expr__function(str_t name);

enum {
    BIND_OR = 1,
    BIND_AND,
    BIND_NOT,
    BIND_COMPARE,
    BIND_COALESCE,
    BIND_ADD,
    BIND_MULTIPLY,
    BIND_NEGATE,
    BIND_POWER,
    BIND_PRIMARY
};
int expr__binding(enum expr_op op);
const char *expr__operator(enum expr_op op); /* " + ", for binary operators */
const char *expr__type_name(enum expr_type t);

/* Applies an operator or function to values; no names involved. */
int expr__apply(struct arena *a, const struct expr *e, const struct expr_value *v,
                struct expr_value *out, struct err *err) WARN_UNUSED;
