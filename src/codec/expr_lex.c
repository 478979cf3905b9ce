/* SPDX-License-Identifier: Apache-2.0
 * The lexer of the expression language. A dotted name is one token: entity up to the first dot, key
 * after it, so that tags.mlflow.user means the tag "mlflow.user" as it does in MLflow. A text in
 * double quotes is a name after a dot and a string elsewhere, again as there. */
#include "codec/expr_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

#include "base/num.h"

static const struct {
    const char *word;
    enum expr_token_kind kind;
} keywords[] = {
    { "and", TOKEN_AND },     { "or", TOKEN_OR },       { "not", TOKEN_NOT },
    { "like", TOKEN_LIKE },   { "ilike", TOKEN_ILIKE }, { "in", TOKEN_IN },
    { "is", TOKEN_IS },       { "null", TOKEN_NULL },   { "true", TOKEN_TRUE },
    { "false", TOKEN_FALSE }, { "inf", TOKEN_INF },
};

int expr__fail(struct err *err, size_t *out_at, size_t at, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (out_at)
        *out_at = at;
    return ERR(err, ERR_INVALID, "at %zu: %s", at + 1, text);
}

static enum expr_token_kind keyword_of(str_t word)
{
    for (size_t i = 0; i < ARRAY_LEN(keywords); i++)
        if (strlen(keywords[i].word) == word.n &&
            strncasecmp(keywords[i].word, word.p, word.n) == 0)
            return keywords[i].kind;
    return TOKEN_NAME;
}

int expr__is_keyword(str_t word)
{
    return keyword_of(word) != TOKEN_NAME;
}

static int is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* ≤, ≥ and ≠ start with a byte that could also stand in a name. */
static int is_foreign_sign(str_t rest)
{
    return str_starts(rest, "≤") || str_starts(rest, "≥") || str_starts(rest, "≠");
}

int expr__is_word(str_t word, int digits_first)
{
    if (!word.n || (!digits_first && is_digit(word.p[0])))
        return 0;
    for (size_t i = 0; i < word.n; i++)
        if ((!is_letter(word.p[i]) && !is_digit(word.p[i])) ||
            is_foreign_sign((str_t){ word.p + i, word.n - i }))
            return 0;
    return 1;
}

static char peek(const struct expr_lexer *l, size_t ahead)
{
    return l->at + ahead < l->text.n ? l->text.p[l->at + ahead] : '\0';
}

static str_t take_word(struct expr_lexer *l)
{
    size_t from = l->at;
    while ((is_letter(peek(l, 0)) &&
            !is_foreign_sign((str_t){ l->text.p + l->at, l->text.n - l->at })) ||
           is_digit(peek(l, 0)))
        l->at++;
    return (str_t){ l->text.p + from, l->at - from };
}

/* A quoted text; the quote is written twice to stand for itself. */
static int take_quoted(struct expr_lexer *l, str_t *out)
{
    char quote = l->text.p[l->at];
    size_t from = l->at + 1, doubled = 0, i = from;
    for (;; i++) {
        if (i >= l->text.n)
            return expr__fail(l->err, l->out_at, from - 1, "this %c is never closed", quote);
        if (l->text.p[i] != quote)
            continue;
        if (i + 1 >= l->text.n || l->text.p[i + 1] != quote)
            break;
        doubled++, i++;
    }
    l->at = i + 1;
    *out = (str_t){ l->text.p + from, i - from };
    if (!doubled)
        return 0;
    char *copy = arena_try_alloc(l->arena, out->n + 1, 1);
    if (!copy)
        return ERR(l->err, ERR_LIMIT, "expression is too large");
    size_t n = 0;
    for (size_t k = 0; k < out->n; k++) {
        copy[n++] = out->p[k];
        k += out->p[k] == quote;
    }
    *out = (str_t){ copy, n };
    return 0;
}

static int take_number(struct expr_lexer *l, struct expr_token *t)
{
    size_t from = l->at;
    while (is_digit(peek(l, 0)))
        l->at++;
    if (peek(l, 0) == '.' && is_digit(peek(l, 1)))
        for (l->at++; is_digit(peek(l, 0));)
            l->at++;
    if ((peek(l, 0) | 0x20) == 'e') {
        size_t sign = peek(l, 1) == '+' || peek(l, 1) == '-';
        if (is_digit(peek(l, 1 + sign)))
            for (l->at += 1 + sign; is_digit(peek(l, 0));)
                l->at++;
    }
    str_t text = { l->text.p + from, l->at - from };
    if (is_letter(peek(l, 0)) || peek(l, 0) == '.') {
        while (is_letter(peek(l, 0)) || is_digit(peek(l, 0)) || peek(l, 0) == '.')
            l->at++;
        return expr__fail(l->err, l->out_at, from, "'%.*s' is not a number",
                          (int)MIN(l->at - from, (size_t)60), text.p);
    }
    t->kind = TOKEN_NUMBER;
    if (parse_double(text, &t->number))
        return expr__fail(l->err, l->out_at, from, "'%.*s' is not a number",
                          (int)MIN(text.n, (size_t)60), text.p);
    return 0;
}

/* After "entity.": a quoted key, or words joined by dots. */
static int take_key(struct expr_lexer *l, str_t *out)
{
    char c = peek(l, 0);
    if (c == '`' || c == '"')
        return take_quoted(l, out);
    size_t from = l->at;
    for (;;) {
        if (!take_word(l).n)
            return expr__fail(l->err, l->out_at, from, "expected a name after the dot");
        if (peek(l, 0) != '.' || !(is_letter(peek(l, 1)) || is_digit(peek(l, 1))))
            break;
        l->at++;
    }
    *out = (str_t){ l->text.p + from, l->at - from };
    return 0;
}

static int take_name(struct expr_lexer *l, struct expr_token *t)
{
    str_t first;
    int quoted = peek(l, 0) == '`', rc = 0;
    if (quoted)
        rc = take_quoted(l, &first);
    else
        first = take_word(l);
    if (rc)
        return rc;
    t->kind = TOKEN_NAME;
    t->text = first;
    if (peek(l, 0) == '.') {
        l->at++;
        t->entity = first;
        rc = take_key(l, &t->text);
        if (!rc && (!t->entity.n || !t->text.n))
            rc = expr__fail(l->err, l->out_at, t->at, "a name is empty");
        return rc;
    }
    if (quoted)
        return first.n ? 0 : expr__fail(l->err, l->out_at, t->at, "a name is empty");
    t->kind = keyword_of(first);
    size_t ahead = 0;
    while (peek(l, ahead) == ' ')
        ahead++;
    if (t->kind == TOKEN_NAME && peek(l, ahead) == '(')
        t->kind = TOKEN_CALL;
    return 0;
}

struct symbol {
    const char *text;
    enum expr_token_kind kind;
};

/* Longest first. */
static const struct symbol symbols[] = {
    { "**", TOKEN_POWER }, { "==", TOKEN_EQ },       { "!=", TOKEN_NE },   { "<=", TOKEN_LE },
    { ">=", TOKEN_GE },    { "??", TOKEN_COALESCE }, { "(", TOKEN_OPEN },  { ")", TOKEN_CLOSE },
    { ",", TOKEN_COMMA },  { "+", TOKEN_PLUS },      { "-", TOKEN_MINUS }, { "*", TOKEN_STAR },
    { "/", TOKEN_SLASH },  { "%", TOKEN_PERCENT },   { "=", TOKEN_EQ },    { "<", TOKEN_LT },
    { ">", TOKEN_GT },
};

/* What people bring along from other languages, and what to write instead. */
static const struct {
    const char *text, *instead;
} foreign[] = {
    { "<>", "!=" }, { "&&", "AND" }, { "||", "OR" }, { "=~", "LIKE" },
    { "!", "NOT" }, { "&", "AND" },  { "|", "OR" },  { "^", "**" },
    { "?", "??" },  { "≤", "<=" },   { "≥", ">=" },  { "≠", "!=" },
};

static int take_symbol(struct expr_lexer *l, struct expr_token *t)
{
    str_t rest = { l->text.p + l->at, l->text.n - l->at };
    for (size_t i = 0; i < ARRAY_LEN(symbols); i++) {
        if (!str_starts(rest, symbols[i].text) || str_starts(rest, "<>"))
            continue;
        t->kind = symbols[i].kind;
        l->at += strlen(symbols[i].text);
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(foreign); i++)
        if (str_starts(rest, foreign[i].text))
            return expr__fail(l->err, l->out_at, l->at, "'%s' is not an operator here; write %s",
                              foreign[i].text, foreign[i].instead);
    unsigned char c = (unsigned char)rest.p[0];
    if (c < 0x20 || c == 0x7f)
        return expr__fail(l->err, l->out_at, l->at, "unexpected byte 0x%02x", c);
    return expr__fail(l->err, l->out_at, l->at, "unexpected '%c'", c);
}

static str_t rest_of(const struct expr_lexer *l)
{
    return (str_t){ l->text.p + l->at, l->text.n - l->at };
}

int expr__next(struct expr_lexer *l, struct expr_token *out)
{
    char c = peek(l, 0);
    while (l->at < l->text.n && (c == ' ' || c == '\t' || c == '\n' || c == '\r')) {
        l->at++;
        c = peek(l, 0);
    }
    *out = (struct expr_token){ .at = l->at };
    if (l->at >= l->text.n)
        return 0;
    int rc;
    if (is_digit(c) || (c == '.' && is_digit(peek(l, 1)))) {
        rc = take_number(l, out);
    } else if (c == '\'' || c == '"') {
        out->kind = TOKEN_STRING;
        rc = take_quoted(l, &out->text);
    } else if ((is_letter(c) && !is_foreign_sign(rest_of(l))) || c == '`') {
        rc = take_name(l, out);
    } else {
        rc = take_symbol(l, out);
    }
    out->length = l->at - out->at;
    return rc;
}
