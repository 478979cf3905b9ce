/* SPDX-License-Identifier: Apache-2.0
 * The JSON scanner: a push-down automaton over bytes, no allocation, constant work per byte. */
#include "codec/json.h"

#include <math.h>

#include "base/num.h"

/* What may come next. */
enum { WANT_VALUE, WANT_VALUE_OR_END, WANT_KEY, WANT_KEY_OR_END, WANT_COMMA_OR_END, WANT_NOTHING };

void json_scan_init(struct json_scan *s, str_t text, const struct json_options *options)
{
    memset(s, 0, sizeof *s);
    s->text = text;
    s->max_depth = options && options->max_depth ? options->max_depth : LIMIT_JSON_DEPTH;
    ASSERT(s->max_depth <= LIMIT_JSON_DEPTH_MAX);
    s->allow_nan = options && options->allow_nan;
    s->state = WANT_VALUE;
}

static enum json_token fail(struct json_scan *s, const char *why)
{
    s->why = why;
    return JSON_T_ERROR;
}

static int in_object(const struct json_scan *s)
{
    int level = s->depth - 1;
    return s->depth > 0 && (s->stack[level / 8] >> (level % 8) & 1);
}

static void after_value(struct json_scan *s)
{
    s->state = s->depth ? WANT_COMMA_OR_END : WANT_NOTHING;
}

static enum json_token open_level(struct json_scan *s, int object)
{
    if (s->depth >= s->max_depth)
        return fail(s, "nested too deeply");
    unsigned char bit = (unsigned char)(1u << (s->depth % 8));
    if (object)
        s->stack[s->depth / 8] |= bit;
    else
        s->stack[s->depth / 8] &= (unsigned char)~bit;
    s->depth++;
    s->at++;
    s->state = object ? WANT_KEY_OR_END : WANT_VALUE_OR_END;
    return object ? JSON_T_OBJECT : JSON_T_ARRAY;
}

static enum json_token close_level(struct json_scan *s)
{
    int object = in_object(s);
    s->depth--;
    s->at++;
    after_value(s);
    return object ? JSON_T_OBJECT_END : JSON_T_ARRAY_END;
}

/* Moves past the string that starts at the quote; checks escapes and UTF-8. */
static int scan_string(struct json_scan *s)
{
    const char *p = s->text.p;
    size_t start = s->at + 1, i = start;
    int high = 0;
    s->escaped = 0;
    for (; i < s->text.n && p[i] != '"'; i++) {
        unsigned char c = (unsigned char)p[i];
        if (c < 0x20)
            return s->why = "control character in a string", -1;
        high |= c;
        if (c == '\\') {
            s->escaped = 1;
            if (++i >= s->text.n)
                break;
        }
    }
    if (i >= s->text.n)
        return s->why = "string is not closed", -1;
    s->raw = (str_t){ p + start, i - start };
    if (high >= 0x80 && !str_is_utf8(s->raw))
        return s->why = "string is not valid UTF-8", -1;
    s->at = i + 1;
    return 0;
}

static size_t scan_digits(const struct json_scan *s, size_t i)
{
    while (i < s->text.n && s->text.p[i] >= '0' && s->text.p[i] <= '9')
        i++;
    return i;
}

static enum json_token scan_number(struct json_scan *s)
{
    size_t i = s->at, start = i;
    const char *p = s->text.p;
    if (p[i] == '-')
        i++;
    size_t whole = i;
    i = scan_digits(s, i);
    if (i == whole || (p[whole] == '0' && i > whole + 1))
        return fail(s, "malformed number");
    if (i < s->text.n && p[i] == '.') {
        size_t frac = ++i;
        i = scan_digits(s, i);
        if (i == frac)
            return fail(s, "malformed number");
    }
    if (i < s->text.n && (p[i] == 'e' || p[i] == 'E')) {
        i++;
        if (i < s->text.n && (p[i] == '+' || p[i] == '-'))
            i++;
        size_t exp = i;
        i = scan_digits(s, i);
        if (i == exp)
            return fail(s, "malformed number");
    }
    s->raw = (str_t){ p + start, i - start };
    if (parse_double(s->raw, &s->number))
        return fail(s, "malformed number");
    s->at = i;
    after_value(s);
    return JSON_T_NUMBER;
}

static int eat_word(struct json_scan *s, const char *word)
{
    size_t n = strlen(word);
    if (s->text.n - s->at < n || memcmp(s->text.p + s->at, word, n) != 0)
        return 0;
    s->raw = (str_t){ s->text.p + s->at, n };
    s->at += n;
    after_value(s);
    return 1;
}

static enum json_token scan_word(struct json_scan *s)
{
    if (eat_word(s, "true"))
        return JSON_T_TRUE;
    if (eat_word(s, "false"))
        return JSON_T_FALSE;
    if (eat_word(s, "null"))
        return JSON_T_NULL;
    if (s->allow_nan) {
        s->number = eat_word(s, "NaN")         ? NAN
                    : eat_word(s, "Infinity")  ? INFINITY
                    : eat_word(s, "-Infinity") ? -INFINITY
                                               : 0;
        if (s->number != 0)
            return JSON_T_NUMBER;
    }
    return fail(s, "unexpected character");
}

static enum json_token scan_value(struct json_scan *s, char c)
{
    if (c == '{')
        return open_level(s, 1);
    if (c == '[')
        return open_level(s, 0);
    if (c == '"') {
        if (scan_string(s))
            return JSON_T_ERROR;
        after_value(s);
        return JSON_T_STRING;
    }
    if (c >= '0' && c <= '9')
        return scan_number(s);
    if (c == '-' && s->at + 1 < s->text.n && s->text.p[s->at + 1] != 'I')
        return scan_number(s);
    return scan_word(s);
}

static void skip_blanks(struct json_scan *s)
{
    while (s->at < s->text.n) {
        char c = s->text.p[s->at];
        if (c != ' ' && c != '\n' && c != '\r' && c != '\t')
            break;
        s->at++;
    }
}

static enum json_token scan_key(struct json_scan *s)
{
    if (s->text.p[s->at] != '"')
        return fail(s, "expected a key in double quotes");
    if (scan_string(s))
        return JSON_T_ERROR;
    skip_blanks(s);
    if (s->at >= s->text.n || s->text.p[s->at] != ':')
        return fail(s, "expected ':' after a key");
    s->at++;
    s->state = WANT_VALUE;
    return JSON_T_KEY;
}

enum json_token json_next(struct json_scan *s)
{
    if (s->why)
        return JSON_T_ERROR;
    skip_blanks(s);
    if (s->at >= s->text.n)
        return s->state == WANT_NOTHING ? JSON_T_END : fail(s, "ends too early");
    char c = s->text.p[s->at], end = in_object(s) ? '}' : ']';
    switch (s->state) {
    case WANT_NOTHING: return fail(s, "text after the end of the value");
    case WANT_COMMA_OR_END:
        if (c == end)
            return close_level(s);
        if (c != ',')
            return fail(s, in_object(s) ? "expected ',' or '}'" : "expected ',' or ']'");
        s->at++;
        s->state = in_object(s) ? WANT_KEY : WANT_VALUE;
        return json_next(s);
    case WANT_KEY_OR_END:
        if (c == end)
            return close_level(s);
        return scan_key(s);
    case WANT_KEY: return scan_key(s);
    case WANT_VALUE_OR_END:
        if (c == end)
            return close_level(s);
        return scan_value(s, c);
    default: return scan_value(s, c);
    }
}

int json_skip(struct json_scan *s, enum json_token first)
{
    if (first != JSON_T_OBJECT && first != JSON_T_ARRAY)
        return first == JSON_T_ERROR ? ERR_INVALID : 0;
    int outer = s->depth - 1;
    while (s->depth > outer)
        if (json_next(s) == JSON_T_ERROR)
            return ERR_INVALID;
    return 0;
}

static int hex4(const char *p, uint32_t *out)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int d = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
        if (d < 0)
            return -1;
        v = v << 4 | (uint32_t)d;
    }
    *out = v;
    return 0;
}

static size_t put_utf8(uint32_t c, char *out)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* Decodes \uXXXX (and its low surrogate) whose digits start at raw.p[*i]. */
static int decode_unicode(str_t raw, size_t *i, uint32_t *out)
{
    uint32_t c, low;
    if (raw.n - *i < 4 || hex4(raw.p + *i, &c))
        return -1;
    *i += 4;
    if (c >= 0xdc00 && c < 0xe000)
        return -1;
    if (c >= 0xd800 && c < 0xdc00) {
        if (raw.n - *i < 6 || raw.p[*i] != '\\' || raw.p[*i + 1] != 'u' ||
            hex4(raw.p + *i + 2, &low) || low < 0xdc00 || low >= 0xe000)
            return -1;
        *i += 6;
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    *out = c;
    return 0;
}

int json_string(struct json_scan *s, struct arena *a, str_t *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    str_t raw = s->raw;
    if (!s->escaped) {
        *out = raw;
        return 0;
    }
    char *p = arena_try_alloc(a, raw.n + 1, 1);
    size_t n = 0;
    if (!p) {
        s->why = "string is too large";
        return ERR_LIMIT;
    }
    for (size_t i = 0; i < raw.n;) {
        if (raw.p[i] != '\\') {
            p[n++] = raw.p[i++];
            continue;
        }
        char c = raw.p[i + 1];
        const char *at = c ? strchr(from, c) : NULL;
        i += 2;
        uint32_t code;
        if (at) {
            p[n++] = to[at - from];
        } else if (c == 'u' && decode_unicode(raw, &i, &code) == 0) {
            n += put_utf8(code, p + n);
        } else {
            s->why = "malformed escape in a string";
            return ERR_INVALID;
        }
    }
    *out = (str_t){ p, n };
    return 0;
}

int json_scan_error(const struct json_scan *s, struct err *err)
{
    size_t line = 1, column = 1;
    for (size_t i = 0; i < s->at && i < s->text.n; i++) {
        column = s->text.p[i] == '\n' ? 1 : column + 1;
        line += s->text.p[i] == '\n';
    }
    return ERR(err, ERR_INVALID, "malformed JSON at line %zu column %zu: %s", line, column,
               s->why ? s->why : "unexpected token");
}
