/* SPDX-License-Identifier: Apache-2.0
 * Texts as the Python server writes them into its messages, since clients compare them: JSON with
 * ASCII escapes and sorted keys, repr() of strings and numbers, lengths in code points, normpath.
 */
#include <stdlib.h>

#include "api/mlflow/mlflow.h"
#include "base/num.h"

enum { TEXT_MAX = 1 << 20 };

/* Next code point of UTF-8 that was checked before; 0 at the end. */
static uint32_t next_point(str_t *s)
{
    if (!s->n)
        return 0;
    unsigned char c = (unsigned char)s->p[0];
    size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    n = MIN(n, s->n);
    uint32_t v = n == 1 ? c : c & (0xffU >> (n + 1));
    for (size_t i = 1; i < n; i++)
        v = v << 6 | ((unsigned char)s->p[i] & 0x3f);
    *s = (str_t){ s->p + n, s->n - n };
    return v;
}

size_t mlf_length(str_t text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++)
        n += ((unsigned char)text.p[i] & 0xc0) != 0x80;
    return n;
}

str_t mlf_prefix(str_t text, size_t n)
{
    for (size_t i = 0; i < text.n; i++)
        if (((unsigned char)text.p[i] & 0xc0) != 0x80 && n-- == 0)
            return (str_t){ text.p, i };
    return text;
}

static void put_unit(struct buf *b, uint32_t unit)
{
    buf_printf(b, "\\u%04x", unit);
}

static void put_json_text(struct buf *b, str_t s)
{
    buf_putc(b, '"');
    while (s.n) {
        uint32_t c = next_point(&s);
        const char *short_form = c == '"'    ? "\\\""
                                 : c == '\\' ? "\\\\"
                                 : c == '\n' ? "\\n"
                                 : c == '\r' ? "\\r"
                                 : c == '\t' ? "\\t"
                                 : c == '\b' ? "\\b"
                                 : c == '\f' ? "\\f"
                                             : NULL;
        if (short_form)
            buf_puts(b, short_form);
        else if (c >= 0x20 && c < 0x7f)
            buf_putc(b, (char)c);
        else if (c < 0x10000)
            put_unit(b, c);
        else {
            put_unit(b, 0xd800 + ((c - 0x10000) >> 10));
            put_unit(b, 0xdc00 + ((c - 0x10000) & 0x3ff));
        }
    }
    buf_putc(b, '"');
}

static int by_key(const void *x, const void *y)
{
    const struct json_member *const *a = x, *const *b = y;
    return str_cmp((*a)->key, (*b)->key);
}

static void put_json(struct buf *b, const struct json *v, struct arena *a);

static void put_object(struct buf *b, const struct json *v, struct arena *a)
{
    const struct json_member **sorted = ARENA_TRY_ARRAY(a, v->n + 1, const struct json_member *);
    buf_putc(b, '{');
    for (size_t i = 0; sorted && i < v->n; i++)
        sorted[i] = &v->members[i];
    if (sorted && v->n)
        qsort(sorted, v->n, sizeof(struct json_member *), by_key);
    for (size_t i = 0; sorted && i < v->n; i++) {
        if (i)
            buf_putc(b, ',');
        put_json_text(b, sorted[i]->key);
        buf_putc(b, ':');
        put_json(b, &sorted[i]->value, a);
    }
    buf_putc(b, '}');
}

static void put_json(struct buf *b, const struct json *v, struct arena *a)
{
    switch (v->type) {
    case JSON_NULL: buf_puts(b, "null"); return;
    case JSON_BOOL: buf_puts(b, v->boolean ? "true" : "false"); return;
    case JSON_NUMBER:
        if (v->is_integer)
            buf_i64(b, v->integer);
        else
            buf_puts(b, v->number != v->number                ? "NaN"
                        : v->number > 1.7976931348623157e308  ? "Infinity"
                        : v->number < -1.7976931348623157e308 ? "-Infinity"
                                                              : mlf_py_double(a, v->number));
        return;
    case JSON_STRING: put_json_text(b, v->string); return;
    case JSON_ARRAY:
        buf_putc(b, '[');
        for (size_t i = 0; i < v->n; i++) {
            if (i)
                buf_putc(b, ',');
            put_json(b, &v->items[i], a);
        }
        buf_putc(b, ']');
        return;
    case JSON_OBJECT: put_object(b, v, a); return;
    }
}

static const char *take(struct buf *b, struct arena *a)
{
    const char *text = b->failed ? NULL : arena_strndup(a, b->p ? b->p : "", b->n);
    buf_fini(b);
    return text ? text : "…";
}

const char *mlf_py_json(struct arena *a, const struct json *v)
{
    struct buf b;
    buf_init(&b, TEXT_MAX);
    if (v)
        put_json(&b, v, a);
    else
        buf_puts(&b, "null");
    return take(&b, a);
}

const char *mlf_py_json_text(struct arena *a, const char *text)
{
    struct json v = { .type = JSON_STRING, .string = str_of(text) };
    return mlf_py_json(a, &v);
}

const char *mlf_py_repr(struct arena *a, str_t text)
{
    struct buf b;
    int single = memchr(text.p ? text.p : "", '\'', text.n) != NULL;
    int both = single && memchr(text.p, '"', text.n) != NULL;
    char quote = single && !both ? '"' : '\'';
    buf_init(&b, TEXT_MAX);
    buf_putc(&b, quote);
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '\\' || c == quote)
            buf_printf(&b, "\\%c", c);
        else if (c == '\n' || c == '\r' || c == '\t')
            buf_printf(&b, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
        else if ((unsigned char)c < 0x20 || c == 0x7f)
            buf_printf(&b, "\\x%02x", (unsigned)(unsigned char)c);
        else
            buf_putc(&b, c);
    }
    buf_putc(&b, quote);
    return take(&b, a);
}

static void put_value(struct buf *b, const struct json *v, struct arena *a)
{
    switch (v->type) {
    case JSON_NULL: buf_puts(b, "None"); return;
    case JSON_BOOL: buf_puts(b, v->boolean ? "True" : "False"); return;
    case JSON_NUMBER:
        if (v->is_integer)
            buf_i64(b, v->integer);
        else
            buf_puts(b, mlf_py_double(a, v->number));
        return;
    case JSON_STRING: buf_puts(b, mlf_py_repr(a, v->string)); return;
    case JSON_ARRAY:
        buf_putc(b, '[');
        for (size_t i = 0; i < v->n; i++) {
            buf_puts(b, i ? ", " : "");
            put_value(b, &v->items[i], a);
        }
        buf_putc(b, ']');
        return;
    case JSON_OBJECT:
        buf_putc(b, '{');
        for (size_t i = 0; i < v->n; i++) {
            buf_puts(b, i ? ", " : "");
            buf_puts(b, mlf_py_repr(a, v->members[i].key));
            buf_puts(b, ": ");
            put_value(b, &v->members[i].value, a);
        }
        buf_putc(b, '}');
        return;
    }
}

const char *mlf_py_value(struct arena *a, const struct json *v)
{
    struct buf b;
    buf_init(&b, TEXT_MAX);
    if (v)
        put_value(&b, v, a);
    else
        buf_puts(&b, "None");
    return take(&b, a);
}

const char *mlf_py_bytes(struct arena *a, str_t bytes)
{
    struct buf b;
    char quote = memchr(bytes.p ? bytes.p : "", '\'', bytes.n) && !memchr(bytes.p, '"', bytes.n)
                     ? '"'
                     : '\'';
    buf_init(&b, TEXT_MAX);
    buf_putc(&b, quote);
    for (size_t i = 0; i < bytes.n; i++) {
        unsigned char c = (unsigned char)bytes.p[i];
        if (c == '\\' || c == (unsigned char)quote)
            buf_printf(&b, "\\%c", c);
        else if (c == '\n' || c == '\r' || c == '\t')
            buf_printf(&b, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
        else if (c < 0x20 || c >= 0x7f)
            buf_printf(&b, "\\x%02x", (unsigned)c);
        else
            buf_putc(&b, (char)c);
    }
    buf_putc(&b, quote);
    return take(&b, a);
}

const char *mlf_py_type(const struct json *v)
{
    static const char *const names[] = { "NoneType", "bool", "float", "str", "list", "dict" };
    if (!v)
        return "NoneType";
    return v->type == JSON_NUMBER && v->is_integer ? "int" : names[v->type];
}

const char *mlf_py_double(struct arena *a, double v)
{
    char text[FMT_DOUBLE_MAX];
    if (v != v)
        return "nan";
    if (v > 1.7976931348623157e308 || v < -1.7976931348623157e308)
        return v > 0 ? "inf" : "-inf";
    size_t n = fmt_double(v, text);
    return arena_strndup(a, text, n);
}

const char *mlf_normpath(struct arena *a, const char *path)
{
    if (!*path)
        return ".";
    size_t slashes = strspn(path, "/");
    size_t lead = slashes == 2 ? 2 : slashes ? 1 : 0;
    str_t rest = str_of(path), one;
    str_t parts[256];
    size_t n = 0;
    for (int more = 1; more;) {
        more = str_cut(rest, '/', &one, &rest);
        if (!more)
            one = rest;
        if (!one.n || str_is(one, "."))
            continue;
        if (str_is(one, "..") && n && !str_is(parts[n - 1], ".."))
            n--;
        else if (str_is(one, "..") && lead)
            continue;
        else if (n < ARRAY_LEN(parts))
            parts[n++] = one;
    }
    struct buf b;
    buf_init(&b, TEXT_MAX);
    buf_puts(&b, lead == 2 ? "//" : lead ? "/" : "");
    for (size_t i = 0; i < n; i++) {
        buf_puts(&b, i ? "/" : "");
        buf_str(&b, parts[i]);
    }
    if (!b.n)
        buf_putc(&b, '.');
    return take(&b, a);
}

const char *mlf_lower(struct arena *a, const char *text)
{
    char *copy = arena_strdup(a, text);
    for (char *p = copy; *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p + 32);
    return copy;
}

const char *mlf_join_uri(struct arena *a, const char *root, const char *path)
{
    size_t n = strlen(root);
    const char *query = strchr(root, '?');
    while (*path == '/')
        path++;
    if (!query)
        return arena_printf(a, "%s%s%s", root, n && root[n - 1] == '/' ? "" : "/", path);
    int base = (int)(query - root);
    return arena_printf(a, "%.*s%s%s%s", base, root, base && root[base - 1] == '/' ? "" : "/", path,
                        query);
}
