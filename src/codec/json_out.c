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

static void new_line(struct json_out *o)
{
    if (!o->indent)
        return;
    static const char blanks[] = "\n                                ";
    size_t n = (size_t)(o->depth * o->indent), first = MIN(n, sizeof blanks - 2);
    buf_put(o->b, blanks, 1 + first);
    for (; n > first; n--)
        buf_putc(o->b, ' ');
}

static void before_value(struct json_out *o)
{
    if (o->after_key) {
        o->after_key = 0;
        return;
    }
    if (!o->depth)
        return;
    if (o->has_items[o->depth])
        buf_putc(o->b, ',');
    o->has_items[o->depth] = 1;
    new_line(o);
}

static void open_level(struct json_out *o, char c)
{
    before_value(o);
    buf_putc(o->b, c);
    ASSERT(o->depth < LIMIT_JSON_DEPTH_MAX);
    o->has_items[++o->depth] = 0;
}

static void close_level(struct json_out *o, char c)
{
    int any = o->has_items[o->depth];
    ASSERT(o->depth > 0);
    o->depth--;
    if (any)
        new_line(o);
    buf_putc(o->b, c);
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

void jo_key_str(struct json_out *o, str_t key)
{
    before_value(o);
    put_any(o->b, key);
    buf_puts(o->b, o->indent ? ": " : ":");
    o->after_key = 1;
}

void jo_key(struct json_out *o, const char *key)
{
    jo_key_str(o, str_of(key));
}

void jo_str(struct json_out *o, str_t s)
{
    before_value(o);
    put_any(o->b, s);
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
    before_value(o);
    int quote = o->nan_as_string && !isfinite(v);
    if (quote)
        buf_putc(o->b, '"');
    buf_double(o->b, v);
    if (quote)
        buf_putc(o->b, '"');
}

void jo_int(struct json_out *o, int64_t v)
{
    before_value(o);
    buf_i64(o->b, v);
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
    before_value(o);
    buf_str(o->b, json);
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
