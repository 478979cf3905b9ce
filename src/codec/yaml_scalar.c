/* SPDX-License-Identifier: Apache-2.0
 * Scalars: the core schema of YAML 1.2 (chapter 10.3.2), what YAML 1.1 makes of the same spelling,
 * and the safe way to write a text. */
#include "codec/yaml.h"

#include <math.h>
#include <strings.h>

#include "base/num.h"

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int one_of(str_t s, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_is(s, words[i]))
            return 1;
    return 0;
}

static const char *const nulls[] = { "", "~", "null", "Null", "NULL" };
static const char *const trues[] = { "true", "True", "TRUE" };
static const char *const falses[] = { "false", "False", "FALSE" };
static const char *const old_booleans[] = { "yes", "Yes", "YES", "no",  "No",  "NO",
                                            "on",  "On",  "ON",  "off", "Off", "OFF" };

static str_t without_sign(str_t s)
{
    if (s.n && (s.p[0] == '-' || s.p[0] == '+'))
        return (str_t){ s.p + 1, s.n - 1 };
    return s;
}

static size_t digits(str_t s, size_t from)
{
    size_t n = 0;
    while (from + n < s.n && is_digit(s.p[from + n]))
        n++;
    return n;
}

/* 0x1F and 0o17. */
static int resolve_based(str_t s, int64_t *out)
{
    int base = str_starts(s, "0x") ? 16 : str_starts(s, "0o") ? 8 : 0;
    uint64_t v = 0;
    if (!base || s.n < 3)
        return 0;
    for (size_t i = 2; i < s.n; i++) {
        char c = s.p[i];
        int d = is_digit(c)            ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : 99;
        if (d >= base || v > (uint64_t)INT64_MAX / (uint64_t)base - 1)
            return 0;
        v = v * (uint64_t)base + (uint64_t)d;
    }
    *out = (int64_t)v;
    return 1;
}

/* [-+]? ( \.[0-9]+ | [0-9]+ ( \.[0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static int is_number(str_t s, int *out_whole)
{
    s = without_sign(s);
    size_t before = digits(s, 0), i = before, after = 0;
    *out_whole = 1;
    if (i < s.n && s.p[i] == '.') {
        after = digits(s, i + 1);
        i += 1 + after;
        *out_whole = 0;
    }
    if (!before && !after)
        return 0;
    if (i < s.n && (s.p[i] == 'e' || s.p[i] == 'E')) {
        size_t sign = i + 1 < s.n && (s.p[i + 1] == '-' || s.p[i + 1] == '+');
        size_t n = digits(s, i + 1 + sign);
        if (!n)
            return 0;
        i += 1 + sign + n;
        *out_whole = 0;
    }
    return i == s.n;
}

static int resolve_special(str_t s, double *out)
{
    static const char *const infs[] = { ".inf", ".Inf", ".INF" };
    static const char *const nans[] = { ".nan", ".NaN", ".NAN" };
    if (one_of(without_sign(s), infs, ARRAY_LEN(infs)))
        *out = s.p[0] == '-' ? -INFINITY : INFINITY;
    else if (one_of(s, nans, ARRAY_LEN(nans)))
        *out = NAN;
    else
        return 0;
    return 1;
}

void yaml_resolve(struct yaml_node *n)
{
    str_t s = n->text;
    int whole;
    n->kind = YAML_IS_STRING;
    if (n->quoted)
        return;
    if (one_of(s, nulls, ARRAY_LEN(nulls))) {
        n->kind = YAML_IS_NULL;
    } else if (one_of(s, trues, ARRAY_LEN(trues)) || one_of(s, falses, ARRAY_LEN(falses))) {
        n->kind = YAML_IS_BOOL;
        n->boolean = (s.p[0] | 0x20) == 't';
    } else if (resolve_based(s, &n->integer)) {
        n->kind = YAML_IS_INT;
        n->number = (double)n->integer;
    } else if (is_number(s, &whole)) {
        n->kind = whole && parse_i64(s, &n->integer) == 0 ? YAML_IS_INT : YAML_IS_FLOAT;
        if (n->kind == YAML_IS_INT)
            n->number = (double)n->integer;
        else if (parse_double(s, &n->number))
            n->kind = YAML_IS_STRING;
    } else if (resolve_special(s, &n->number)) {
        n->kind = YAML_IS_FLOAT;
    }
}

/* [-+]? [1-9][0-9_]* ( : [0-5]?[0-9] )+ : YAML 1.1 reads it in base 60. */
static int is_base60(str_t s)
{
    s = without_sign(s);
    if (!s.n || !is_digit(s.p[0]))
        return 0;
    size_t i = digits(s, 0), parts = 0;
    while (i < s.n && s.p[i] == ':') {
        size_t n = digits(s, i + 1);
        if (n < 1 || n > 2 || (n == 2 && s.p[i + 1] > '5'))
            return 0;
        i += 1 + n;
        parts++;
    }
    return parts && i == s.n;
}

static int is_underscored(str_t s)
{
    int seen = 0;
    s = without_sign(s);
    for (size_t i = 0; i < s.n; i++) {
        seen |= s.p[i] == '_';
        if (!is_digit(s.p[i]) && (i == 0 || s.p[i] != '_'))
            return 0;
    }
    return seen;
}

static int has_bare_exponent(str_t s)
{
    const char *e = memchr(s.p, 'e', s.n);
    if (!e)
        e = memchr(s.p, 'E', s.n);
    return e && (!memchr(s.p, '.', s.n) || (e[1] != '-' && e[1] != '+'));
}

/* 3.10: as a version it would lose its zero. 0.10 is a fraction to everybody. */
static int looks_like_version(str_t s)
{
    size_t before = digits(s, 0);
    if (!before || before >= s.n || s.p[0] == '0' || s.p[before] != '.')
        return 0;
    size_t after = digits(s, before + 1);
    return before + 1 + after == s.n && after >= 2 && s.p[s.n - 1] == '0';
}

int yaml_spelling(struct arena *a, const struct yaml_node *n, const char **out_text,
                  const char **out_help)
{
    str_t s = n->text;
    char shown[FMT_DOUBLE_MAX];
    if (n->quoted || !s.n || s.n > 100)
        return 0;
    str_t bare = without_sign(s);
    if (one_of(s, old_booleans, ARRAY_LEN(old_booleans))) {
        *out_text = arena_printf(
            a, "`%.*s` is a text here, but YAML 1.1 tools read it as a boolean", STR_ARG(s));
        *out_help = arena_printf(a, "write \"%.*s\" for the text, or true or false", STR_ARG(s));
    } else if (n->kind == YAML_IS_INT && bare.n > 1 && bare.p[0] == '0' && is_digit(bare.p[1])) {
        *out_text =
            arena_printf(a, "`%.*s` is the number %lld here, but YAML 1.1 tools read it in base 8",
                         STR_ARG(s), (long long)n->integer);
        *out_help = arena_printf(a, "write %lld, or \"%.*s\" for the text", (long long)n->integer,
                                 STR_ARG(s));
    } else if (n->kind == YAML_IS_INT && str_starts(s, "0o")) {
        *out_text = arena_printf(a, "`%.*s` is the number %lld here, but a text to YAML 1.1 tools",
                                 STR_ARG(s), (long long)n->integer);
        *out_help = arena_printf(a, "write %lld", (long long)n->integer);
    } else if (n->kind == YAML_IS_FLOAT && has_bare_exponent(s)) {
        (void)fmt_double(n->number, shown);
        *out_text = arena_printf(a, "`%.*s` is the number %s here, but a text to YAML 1.1 tools",
                                 STR_ARG(s), shown);
        *out_help = "write it with a point and a signed exponent, as in 1.0e-4";
    } else if (n->kind == YAML_IS_FLOAT && looks_like_version(s)) {
        (void)fmt_double(n->number, shown);
        *out_text = arena_printf(a, "`%.*s` is the number %s", STR_ARG(s), shown);
        *out_help = arena_printf(a, "write \"%.*s\" if it is a version or a name", STR_ARG(s));
    } else if (is_base60(s)) {
        *out_text = arena_printf(
            a, "`%.*s` is a text here, but YAML 1.1 tools read it as a number in base 60",
            STR_ARG(s));
        *out_help = arena_printf(a, "write \"%.*s\"", STR_ARG(s));
    } else if (n->kind == YAML_IS_STRING && is_underscored(s)) {
        *out_text = arena_printf(a, "`%.*s` is a text here, but YAML 1.1 tools read it as a number",
                                 STR_ARG(s));
        *out_help = "write the number without underscores, or the text in quotes";
    } else {
        return 0;
    }
    return 1;
}

/* Letters, digits and a few signs that no reader gives a meaning to. */
static int is_plain_safe(str_t s)
{
    struct yaml_node n = { .text = s };
    if (!s.n || s.n >= 32 || !((s.p[0] | 0x20) >= 'a' && (s.p[0] | 0x20) <= 'z'))
        return 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        int letter = ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || is_digit(c);
        if (!letter && c != '_' && c != '-' && c != '.' && c != '/')
            return 0;
    }
    yaml_resolve(&n);
    return n.kind == YAML_IS_STRING && !one_of(s, old_booleans, ARRAY_LEN(old_booleans)) &&
           strncasecmp(s.p, "y", s.n) != 0 && strncasecmp(s.p, "n", s.n) != 0;
}

void yaml_put_string(struct buf *out, str_t s)
{
    if (is_plain_safe(s)) {
        buf_str(out, s);
        return;
    }
    buf_putc(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else if (c == '\n')
            buf_puts(out, "\\n");
        else if (c == '\t')
            buf_puts(out, "\\t");
        else if (c < 0x20 || c == 0x7f)
            buf_printf(out, "\\x%02x", c);
        else
            buf_putc(out, (char)c);
    }
    buf_putc(out, '"');
}
