/* SPDX-License-Identifier: Apache-2.0
 * Splits a filter into words. MLflow's server has an SQL tokenizer do this; here stand its rules as
 * far as accepted filters and the messages about refused ones need them. */
#include <string.h>
#include <strings.h>

#include "api/mlflow/filter.h"

static int is_letter(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}

static int is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

static int is_name_byte(unsigned char c)
{
    return is_letter(c) || is_digit(c) || c == '$' || c == '#';
}

static int is_blank(unsigned char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Past the closing quote at p; 0 when there is none. Doubled single quotes and such after a
 * backslash belong to the text, unless nothing else closes it. */
static size_t quoted(str_t s)
{
    char q = s.p[0];
    size_t last = 0;
    for (size_t i = 1; i < s.n; i++) {
        int pair = q == '\'' && i + 1 < s.n && s.p[i + 1] == q;
        if (pair && (s.p[i] == '\\' || s.p[i] == q)) {
            last = s.p[i] == q ? i + 1 : i + 2;
            i++;
        } else if (s.p[i] == q) {
            return i + 1;
        }
    }
    return last;
}

static size_t name_part(str_t s, const char *quotes)
{
    if (s.n && strchr(quotes, s.p[0]))
        return quoted(s);
    size_t n = 0;
    if (s.n && !is_letter((unsigned char)s.p[0]) && !is_digit((unsigned char)s.p[0]))
        return 0;
    while (n < s.n && is_name_byte((unsigned char)s.p[n]))
        n++;
    return n;
}

static str_t after(str_t s, size_t n)
{
    return (str_t){ s.p + n, s.n - n };
}

static size_t number_length(str_t s)
{
    size_t n = s.n && s.p[0] == '-', digits = 0;
    for (; n < s.n && is_digit((unsigned char)s.p[n]); n++)
        digits++;
    if (n < s.n && s.p[n] == '.')
        for (n++; n < s.n && is_digit((unsigned char)s.p[n]); n++)
            digits++;
    if (!digits)
        return 0;
    if (n + 1 < s.n && (s.p[n] | 0x20) == 'e') {
        size_t e = n + 1 + (s.p[n + 1] == '-' || s.p[n + 1] == '+');
        if (e < s.n && is_digit((unsigned char)s.p[e])) {
            for (n = e; n < s.n && is_digit((unsigned char)s.p[n]); n++)
                continue;
        }
    }
    return n < s.n && is_letter((unsigned char)s.p[n]) ? 0 : n;
}

/* a.b.`c d`: parts joined by dots; "a." and "a..b" are names too, "a.1" is one before a number. */
static size_t name_length(str_t s)
{
    size_t n = name_part(s, "`\"");
    while (n && n < s.n && s.p[n] == '.' && !number_length(after(s, n))) {
        size_t blank = n + 1;
        while (blank < s.n && is_blank((unsigned char)s.p[blank]))
            blank++;
        size_t more = blank < s.n ? name_part(after(s, blank), "`\"'") : 0;
        n = more ? blank + more : n + 1;
    }
    return n;
}

static size_t list_length(str_t s)
{
    int depth = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '\'' || c == '"') {
            size_t n = quoted(after(s, i));
            if (!n)
                return 0;
            i += n - 1;
        } else if (c == '(') {
            depth++;
        } else if (c == ')' && --depth == 0) {
            return i + 1;
        }
    }
    return 0;
}

static void fold(struct word *w)
{
    size_t n = MIN(w->text.n, sizeof w->upper - 1);
    for (size_t i = 0; i < n; i++) {
        char c = w->text.p[i];
        w->upper[i] = c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
    }
    w->upper[n] = '\0';
}

static int is_one_of(const char *word, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(word, *list) == 0)
            return 1;
    return 0;
}

static void classify(struct word *w)
{
    static const char *const ops[] = { "LIKE", "ILIKE", "RLIKE", "REGEXP", NULL };
    /* Words of SQL that people take for names; the server's tokenizer knows more. */
    static const char *const keys[] = {
        "ALL",     "ALTER",    "AND",       "ANY",          "AS",           "AVG",      "BETWEEN",
        "BOOLEAN", "BY",       "CASE",      "CHAR",         "CHECK",        "CLASS",    "COLUMN",
        "COMMENT", "COUNT",    "CREATE",    "CURRENT_DATE", "CURRENT_USER", "DATA",     "DATE",
        "DEFAULT", "DELETE",   "DISTINCT",  "DOUBLE",       "DROP",         "ELSE",     "END",
        "EXISTS",  "FALSE",    "FLOAT",     "FROM",         "FUNCTION",     "GROUP",    "HAVING",
        "IN",      "INDEX",    "INPUT",     "INSERT",       "INT",          "INTEGER",  "IS",
        "KEY",     "LANGUAGE", "LENGTH",    "LEVEL",        "LIMIT",        "MAX",      "METHOD",
        "MIN",     "MODE",     "NOT",       "NULL",         "NUMBER",       "ON",       "OPTION",
        "OR",      "ORDER",    "OUTPUT",    "OWNER",        "PARAMETER",    "POSITION", "PRECISION",
        "PRIMARY", "PRIVATE",  "PROCEDURE", "PUBLIC",       "REAL",         "RESULT",   "ROLE",
        "SELECT",  "SET",      "SIZE",      "SOURCE",       "START",        "SUM",      "TABLE",
        "TEXT",    "THEN",     "TIME",      "TRIGGER",      "TRUE",         "TYPE",     "UNION",
        "UNIQUE",  "UPDATE",   "USER",      "VALUES",       "VARCHAR",      "VERSION",  "VIEW",
        "WHEN",    "WHERE",    "WITH",      "NONE",         "SIMILAR",      "TO",       NULL
    };
    fold(w);
    if (w->text.n < sizeof w->upper && is_one_of(w->upper, ops))
        w->kind = WORD_OP;
    else if (w->text.n < sizeof w->upper && is_one_of(w->upper, keys))
        w->kind = WORD_KEY;
}

/* "NOT LIKE" is one operator, which no dialect has. */
static size_t not_like(str_t s)
{
    static const char *const ops[] = { "LIKE", "ILIKE", "RLIKE", "REGEXP", NULL };
    size_t n = 3;
    if (s.n < 8 || strncasecmp(s.p, "not", 3) != 0 || !is_blank((unsigned char)s.p[3]))
        return 0;
    while (n < s.n && is_blank((unsigned char)s.p[n]))
        n++;
    struct word w = { .text = { s.p + n, name_length(after(s, n)) } };
    fold(&w);
    return is_one_of(w.upper, ops) ? n + w.text.n : 0;
}

/* "a-b", "a + 1": arithmetic that hangs on a name without a blank before it. */
static size_t sum_length(str_t s, size_t n)
{
    while (n + 1 < s.n && strchr("+-*/%", s.p[n]) && s.p[n + 1] != '-') {
        size_t more = name_length(after(s, n + 1));
        if (!more)
            break;
        n += 1 + more;
    }
    return n;
}

/* One or several signs of arithmetic: "+", "||". */
static size_t sign_length(str_t s)
{
    size_t n = 0;
    if (s.n && s.p[0] == '*')
        return 1;
    while (n < s.n && strchr("+-/@#%^&|", s.p[n]))
        n++;
    return n;
}

/* From a comment's start to its end; 0 when there is none. */
static size_t comment_length(str_t s)
{
    if (s.n < 2)
        return 0;
    if (s.p[0] == '/' && s.p[1] == '*') {
        for (size_t i = 2; i + 1 < s.n; i++)
            if (s.p[i] == '*' && s.p[i + 1] == '/')
                return i + 2;
        return 0;
    }
    if (!(s.p[0] == '-' && s.p[1] == '-') && !(s.p[0] == '#' && s.p[1] == ' '))
        return 0;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '\n')
            return i + 1;
    return s.n;
}

/* "?", ":x", "$1", "%s": where a statement would take its values from. */
static size_t placeholder_length(str_t s)
{
    size_t n = 1;
    if (s.n > 1 && s.p[0] == '%' && s.p[1] == 's')
        return 2;
    if (!s.n || !strchr("?:$", s.p[0]))
        return 0;
    while (n < s.n && (is_letter((unsigned char)s.p[n]) || is_digit((unsigned char)s.p[n])))
        n++;
    return n > 1 || s.p[0] == '?' ? n : 0;
}

static size_t hex_length(str_t s)
{
    size_t n = 2;
    if (s.n < 3 || s.p[0] != '0' || (s.p[1] | 0x20) != 'x')
        return 0;
    while (n < s.n && strchr("0123456789abcdefABCDEF", s.p[n]))
        n++;
    return n > 2 ? n : 0;
}

/* A word that begins like a name: a name, a key, an operator, a call "f(…)", arithmetic without
 * blanks. A few keys are so even when a list hangs on them. */
static void read_name(str_t s, size_t n, struct word *w)
{
    static const char *const keys[] = { "IN", "CASE", "VALUES", "USING", "FROM", "AS", NULL };
    size_t at = n, list = 0;
    int dot = memchr(s.p, '.', n) != NULL;
    w->kind = WORD_NAME;
    w->text.n = n;
    classify(w);
    while (w->kind == WORD_NAME && !dot && at < s.n && is_blank((unsigned char)s.p[at]))
        at++;
    if (at < s.n && s.p[at] == '(' && !is_one_of(w->upper, keys))
        list = list_length(after(s, at));
    size_t whole = list ? at + list : sum_length(s, n);
    if (whole == n)
        return;
    w->kind = list && dot ? WORD_NAME : WORD_SUM;
    w->text.n = whole;
}

/* inside: a name ends right before it, so that ':' begins no placeholder. */
static struct word next_word(str_t s, int inside)
{
    struct word w = { .kind = WORD_OTHER, .text = { s.p, 1 } };
    unsigned char c = (unsigned char)s.p[0];
    size_t n;
    if (c == '\'' && (n = quoted(s)) != 0) {
        w.kind = WORD_STRING;
        w.text.n = n;
    } else if (c == '(' && (n = list_length(s)) != 0) {
        w.kind = WORD_LIST;
        w.text.n = n;
    } else if ((is_digit(c) || c == '-' || c == '.') && (n = number_length(s)) != 0) {
        w.kind = WORD_NUMBER;
        w.text.n = n;
    } else if ((n = comment_length(s)) != 0 || (n = hex_length(s)) != 0) {
        w.text.n = n;
    } else if (!inside && (n = placeholder_length(s)) != 0) {
        w.kind = WORD_SUM;
        w.text.n = n;
    } else if (strchr("=<>!~", c)) {
        w.kind = WORD_OP;
        while (w.text.n < s.n && strchr("=<>!~", s.p[w.text.n]))
            w.text.n++;
        fold(&w);
    } else if ((n = not_like(s)) != 0) {
        w.kind = WORD_OP;
        w.text.n = n;
        fold(&w);
    } else if ((is_letter(c) || is_digit(c) || c == '`' || c == '"') && (n = name_length(s)) != 0) {
        read_name(s, n, &w);
    } else if ((n = sign_length(s)) != 0) {
        w.text.n = n;
    }
    return w;
}

static int is_summand(const struct word *w)
{
    return w->kind == WORD_NAME || w->kind == WORD_STRING || w->kind == WORD_NUMBER ||
           w->kind == WORD_LIST || w->kind == WORD_SUM;
}

static int is_sign(const struct word *w)
{
    return w->kind == WORD_OTHER && !comment_length(w->text) && sign_length(w->text) == w->text.n;
}

/* Makes "a + b" and "'x' || 'y'" one word each. */
static size_t join_sums(struct word *list, size_t n)
{
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        list[k] = list[i];
        while (i + 2 < n && is_summand(&list[k]) && is_sign(&list[i + 1]) &&
               is_summand(&list[i + 2])) {
            i += 2;
            list[k].kind = WORD_SUM;
            list[k].text.n = (size_t)(list[i].text.p + list[i].text.n - list[k].text.p);
        }
        k++;
    }
    return k;
}

int mlf__scan(struct mlf *m, const char *text, struct word **out, size_t *out_n)
{
    str_t s = str_of(text);
    size_t n = 0, cap = s.n + 2;
    struct word *list = ARENA_TRY_ARRAY(m->a, cap, struct word);
    if (!list)
        return ERR(m->err, ERR_NOMEM, "the filter does not fit in memory");
    while (s.n) {
        if (is_blank((unsigned char)s.p[0])) {
            s = after(s, 1);
            continue;
        }
        list[n] = next_word(s, s.p > text && is_name_byte((unsigned char)s.p[-1]));
        s = after(s, list[n++].text.n);
    }
    n = join_sums(list, n);
    list[n] = (struct word){ .kind = WORD_END, .text = s };
    *out = list;
    *out_n = n;
    return 0;
}
