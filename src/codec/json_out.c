/* SPDX-License-Identifier: Apache-2.0
 * The streaming JSON writer. Size failures stick in the struct buf. */
#include <math.h>

#include "base/num.h"
#include "codec/json.h"

void json_out_init(struct json_out *o, struct buf *b)
{
    memset(o, 0, sizeof *o);
    o->b = b;
    o->nan_as_string = 1;
}

/* The comma, the line's end and the blanks before a value or a closing bracket, and room for n
 * bytes more behind them; the caller writes these and calls done(). NULL when it failed. */
static char *begin(struct json_out *o, int comma, int line, size_t n)
{
    size_t blanks = line ? (size_t)(o->depth * o->indent) : 0;
    char *p = buf_reserve(o->b, n + 2 + blanks);
    if (!p)
        return NULL;
    if (comma)
        *p++ = ',';
    if (line) {
        *p++ = '\n';
        memset(p, ' ', blanks);
        p += blanks;
    }
    return p;
}

static void done(struct json_out *o, char *end)
{
    *end = '\0';
    o->b->n = (size_t)(end - o->b->p);
}

/* As begin() for the next value, whose place in its object or list is known. */
static char *begin_value(struct json_out *o, size_t n)
{
    if (o->after_key || !o->depth) {
        o->after_key = 0;
        return begin(o, 0, 0, n);
    }
    int comma = o->has_items[o->depth];
    o->has_items[o->depth] = 1;
    return begin(o, comma, o->indent, n);
}

static void open_level(struct json_out *o, char c)
{
    char *p = begin_value(o, 1);
    ASSERT(o->depth < LIMIT_JSON_DEPTH_MAX);
    o->has_items[++o->depth] = 0;
    if (!p)
        return;
    *p = c;
    done(o, p + 1);
}

static void close_level(struct json_out *o, char c)
{
    int any = o->has_items[o->depth];
    ASSERT(o->depth > 0);
    o->depth--;
    char *p = begin(o, 0, any && o->indent, 1);
    if (!p)
        return;
    *p = c;
    done(o, p + 1);
}

void jo_object(struct json_out *o)
{
    open_level(o, '{');
}

void jo_object_end(struct json_out *o)
{
    close_level(o, '}');
}

void jo_array(struct json_out *o)
{
    open_level(o, '[');
}

void jo_array_end(struct json_out *o)
{
    close_level(o, ']');
}

static void put_escape(struct buf *b, unsigned char c)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *at = c ? strchr(from, c) : NULL;
    if (at)
        buf_printf(b, "\\%c", to[at - from]);
    else
        buf_printf(b, "\\u%04x", c);
}

/* Writes bytes that need no escape in runs; the rest one by one. */
static void put_string(struct buf *b, str_t s)
{
    size_t run = 0;
    buf_putc(b, '"');
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_put(b, s.p + run, i - run);
        put_escape(b, c);
        run = i + 1;
    }
    buf_put(b, s.p + run, s.n - run);
    buf_putc(b, '"');
}

/* Replaces malformed bytes one by one with U+FFFD. */
static void put_repaired(struct buf *b, str_t s)
{
    struct buf clean;
    buf_init(&clean, b->max_bytes);
    for (size_t i = 0; i < s.n;) {
        size_t n = 1;
        while (n <= 4 && i + n <= s.n && !str_is_utf8((str_t){ s.p + i, n }))
            n++;
        if (n > 4 || i + n > s.n) {
            buf_puts(&clean, "\xef\xbf\xbd");
            i++;
        } else {
            buf_put(&clean, s.p + i, n);
            i += n;
        }
    }
    put_string(b, buf_view(&clean));
    b->failed |= clean.failed;
    buf_fini(&clean);
}

static void put_any(struct buf *b, str_t s)
{
    if (LIKELY(str_is_utf8(s)))
        put_string(b, s);
    else
        put_repaired(b, s);
}

/* ASCII without quotes, backslashes and control characters: goes out as it is. */
static int is_plain(str_t s)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    size_t i = 0;
    for (; i + 8 <= s.n; i += 8) {
        uint64_t w;
        memcpy(&w, s.p + i, 8);
        uint64_t quote = w ^ (ones * '"'), slash = w ^ (ones * '\\');
        /* A top bit where a byte is >= 0x80, below 0x20, a quote or a backslash. */
        if ((w | (w - ones * 0x20) | (quote - ones) | (slash - ones)) & tops)
            return 0;
    }
    for (; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\')
            return 0;
    }
    return 1;
}

/* A string and what follows it. */
static void put_text(struct json_out *o, str_t s, const char *after, size_t after_n)
{
    int plain = is_plain(s);
    char *p = begin_value(o, plain ? s.n + 2 + after_n : 0);
    if (!p)
        return;
    if (!plain) {
        done(o, p);
        put_any(o->b, s);
        buf_put(o->b, after, after_n);
        return;
    }
    *p++ = '"';
    if (s.n)
        memcpy(p, s.p, s.n);
    p += s.n;
    *p++ = '"';
    memcpy(p, after, after_n);
    done(o, p + after_n);
}

void jo_key_str(struct json_out *o, str_t key)
{
    put_text(o, key, ": ", o->indent ? 2 : 1);
    o->after_key = 1;
}

void jo_key(struct json_out *o, const char *key)
{
    jo_key_str(o, str_of(key));
}

void jo_str(struct json_out *o, str_t s)
{
    put_text(o, s, "", 0);
}

void jo_cstr(struct json_out *o, const char *z)
{
    if (z)
        jo_str(o, str_of(z));
    else
        jo_null(o);
}

void jo_double(struct json_out *o, double v)
{
    int quote = o->nan_as_string && !isfinite(v);
    char *p = begin_value(o, FMT_DOUBLE_MAX + 2);
    if (!p)
        return;
    if (quote)
        *p++ = '"';
    p += fmt_double(v, p);
    if (quote)
        *p++ = '"';
    done(o, p);
}

void jo_int(struct json_out *o, int64_t v)
{
    char *p = begin_value(o, FMT_DOUBLE_MAX);
    if (p)
        done(o, p + fmt_i64(v, p));
}

void jo_bool(struct json_out *o, int v)
{
    jo_raw(o, v ? STR("true") : STR("false"));
}

void jo_null(struct json_out *o)
{
    jo_raw(o, STR("null"));
}

void jo_raw(struct json_out *o, str_t json)
{
    char *p = begin_value(o, json.n);
    if (!p)
        return;
    if (json.n)
        memcpy(p, json.p, json.n);
    done(o, p + json.n);
}

void jo_value(struct json_out *o, const struct json *v)
{
    switch (v->type) {
    case JSON_NULL: jo_null(o); break;
    case JSON_BOOL: jo_bool(o, v->boolean); break;
    case JSON_NUMBER:
        if (v->is_integer)
            jo_int(o, v->integer);
        else
            jo_double(o, v->number);
        break;
    case JSON_STRING: jo_str(o, v->string); break;
    case JSON_ARRAY:
        jo_array(o);
        for (size_t i = 0; i < v->n; i++)
            jo_value(o, &v->items[i]);
        jo_array_end(o);
        break;
    case JSON_OBJECT:
        jo_object(o);
        for (size_t i = 0; i < v->n; i++) {
            jo_key_str(o, v->members[i].key);
            jo_value(o, &v->members[i].value);
        }
        jo_object_end(o);
        break;
    }
}

const char *json_to_text(struct arena *a, const struct json *v, size_t max)
{
    struct buf b;
    struct json_out o;
    buf_init(&b, max);
    json_out_init(&o, &b);
    jo_value(&o, v);
    const char *text = b.failed ? NULL : arena_strndup(a, b.p, b.n);
    buf_fini(&b);
    return text;
}

void jo_kv_str(struct json_out *o, const char *key, str_t s)
{
    jo_key(o, key);
    jo_str(o, s);
}

void jo_kv_cstr(struct json_out *o, const char *key, const char *z)
{
    jo_key(o, key);
    jo_cstr(o, z);
}

void jo_kv_double(struct json_out *o, const char *key, double v)
{
    jo_key(o, key);
    jo_double(o, v);
}

void jo_kv_int(struct json_out *o, const char *key, int64_t v)
{
    jo_key(o, key);
    jo_int(o, v);
}

void jo_kv_time(struct json_out *o, const char *key, int64_t ms)
{
    jo_key(o, key);
    if (ms)
        jo_int(o, ms);
    else
        jo_null(o);
}

void jo_kv_bool(struct json_out *o, const char *key, int v)
{
    jo_key(o, key);
    jo_bool(o, v);
}

void jo_kv_raw(struct json_out *o, const char *key, str_t json)
{
    jo_key(o, key);
    jo_raw(o, json);
}
