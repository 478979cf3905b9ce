/* SPDX-License-Identifier: Apache-2.0
 * String views, edit distance, terminal width, growing buffers. */
#include "base/str.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"

str_t str_of(const char *z)
{
    return (str_t){ z ? z : "", z ? strlen(z) : 0 };
}

int str_eq(str_t a, str_t b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

int str_is(str_t a, const char *z)
{
    return str_eq(a, str_of(z));
}

int str_cmp(str_t a, str_t b)
{
    size_t n = MIN(a.n, b.n);
    int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

int str_starts(str_t s, const char *prefix)
{
    size_t n = strlen(prefix);
    return s.n >= n && memcmp(s.p, prefix, n) == 0;
}

int str_ends(str_t s, const char *suffix)
{
    size_t n = strlen(suffix);
    return s.n >= n && memcmp(s.p + s.n - n, suffix, n) == 0;
}

static int is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

str_t str_trim(str_t s)
{
    while (s.n && is_blank(s.p[0]))
        s.p++, s.n--;
    while (s.n && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

size_t str_find(str_t s, const char *needle)
{
    size_t n = strlen(needle);
    const char *at = s.n ? memmem(s.p, s.n, needle, n) : NULL;
    return at ? (size_t)(at - s.p) : SIZE_MAX;
}

int str_cut(str_t s, char at, str_t *out_before, str_t *out_after)
{
    const char *hit = s.n ? memchr(s.p, at, s.n) : NULL;
    if (!hit)
        return 0;
    size_t i = (size_t)(hit - s.p);
    *out_before = (str_t){ s.p, i };
    *out_after = (str_t){ hit + 1, s.n - i - 1 };
    return 1;
}

/* Bytes of the UTF-8 sequence at s.p[i], 0 when malformed (overlong, surrogate, > U+10FFFF, cut).
 * Unicode 15, table 3-7. */
static size_t utf8_sequence(str_t s, size_t i, uint32_t *out_code)
{
    const unsigned char *p = (const unsigned char *)s.p + i;
    size_t left = s.n - i;
    if (p[0] < 0x80) {
        *out_code = p[0];
        return 1;
    }
    size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || left < n)
        return 0;
    uint32_t code = p[0] & (0x7fu >> n);
    for (size_t k = 1; k < n; k++) {
        if ((p[k] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (p[k] & 0x3fu);
    }
    static const uint32_t lowest[] = { 0, 0, 0x80, 0x800, 0x10000 };
    if (code < lowest[n] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
        return 0;
    *out_code = code;
    return n;
}

int str_is_utf8(str_t s)
{
    uint32_t code;
    for (size_t i = 0; i < s.n;) {
        size_t n = (unsigned char)s.p[i] < 0x80 ? 1 : utf8_sequence(s, i, &code);
        if (!n)
            return 0;
        i += n;
    }
    return 1;
}

static size_t code_width(uint32_t c)
{
    if (c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x300 && c < 0x370) || c == 0x200d)
        return 0;
    int wide = (c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf) ||
               (c >= 0xac00 && c <= 0xd7a3) || (c >= 0xf900 && c <= 0xfaff) ||
               (c >= 0xfe30 && c <= 0xfe6f) || (c >= 0xff00 && c <= 0xff60) ||
               (c >= 0xffe0 && c <= 0xffe6) || (c >= 0x1f300 && c <= 0x1faff) ||
               (c >= 0x20000 && c <= 0x3fffd);
    return wide ? 2 : 1;
}

size_t str_width(str_t s)
{
    size_t width = 0;
    uint32_t code = 0;
    for (size_t i = 0; i < s.n;) {
        size_t n = utf8_sequence(s, i, &code);
        width += n ? code_width(code) : 1;
        i += n ? n : 1;
    }
    return width;
}

enum { DISTANCE_MAX_LEN = 64 };

int str_distance(str_t a, str_t b, int max)
{
    int rows[3][DISTANCE_MAX_LEN + 1];
    if (a.n > DISTANCE_MAX_LEN || b.n > DISTANCE_MAX_LEN)
        return max + 1;
    int *before = rows[0], *prev = rows[1], *cur = rows[2];
    memset(rows, 0, sizeof rows);
    for (size_t j = 0; j <= b.n; j++)
        prev[j] = (int)j;
    for (size_t i = 1; i <= a.n; i++) {
        cur[0] = (int)i;
        for (size_t j = 1; j <= b.n; j++) {
            int cost = a.p[i - 1] != b.p[j - 1];
            int best = MIN(MIN(prev[j] + 1, cur[j - 1] + 1), prev[j - 1] + cost);
            if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1])
                best = MIN(best, before[j - 2] + 1);
            cur[j] = best;
        }
        int *spare = before;
        before = prev;
        prev = cur;
        cur = spare;
    }
    return MIN(prev[b.n], max + 1);
}

const char *str_nearest(str_t s, const char *const *candidates, size_t n)
{
    int max = s.n < 4 ? 1 : 2, best = max + 1;
    const char *found = NULL;
    for (size_t i = 0; i < n; i++) {
        int d = str_distance(s, str_of(candidates[i]), max);
        if (d < best) {
            best = d;
            found = candidates[i];
        }
    }
    return found;
}

void buf_init(struct buf *b, size_t max_bytes)
{
    *b = (struct buf){ .max_bytes = max_bytes };
}

void buf_fini(struct buf *b)
{
    mem_free(b->p);
    b->p = NULL;
    b->n = b->cap = 0;
}

void buf_clear(struct buf *b)
{
    b->n = 0;
    b->failed = 0;
    if (b->p)
        b->p[0] = '\0';
}

char *buf_reserve(struct buf *b, size_t n)
{
    if (b->failed)
        return NULL;
    if (n > b->max_bytes || b->n > b->max_bytes - n) {
        b->failed = 1;
        return NULL;
    }
    if (b->n + n + 1 > b->cap) {
        size_t cap = MAX(b->cap * 2, b->n + n + 1);
        cap = MIN(MAX(cap, (size_t)128), b->max_bytes + 1);
        char *p = mem_try_realloc(b->p, cap, 1);
        if (!p) {
            b->failed = 1;
            return NULL;
        }
        b->p = p;
        b->cap = cap;
    }
    return b->p + b->n;
}

void buf_put(struct buf *b, const void *p, size_t n)
{
    char *to = buf_reserve(b, n);
    if (!to)
        return;
    if (n)
        memcpy(to, p, n);
    b->n += n;
    b->p[b->n] = '\0';
}

void buf_puts(struct buf *b, const char *z)
{
    buf_put(b, z, strlen(z));
}

void buf_putc(struct buf *b, char c)
{
    if (LIKELY(b->n + 1 < b->cap && !b->failed)) {
        b->p[b->n++] = c;
        b->p[b->n] = '\0';
        return;
    }
    buf_put(b, &c, 1);
}

void buf_str(struct buf *b, str_t s)
{
    buf_put(b, s.p, s.n);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *to = n < 0 ? NULL : buf_reserve(b, (size_t)n);
    if (to) {
        (void)vsnprintf(to, (size_t)n + 1, fmt, again);
        b->n += (size_t)n;
    }
    va_end(again);
}

str_t buf_view(const struct buf *b)
{
    return (str_t){ b->p ? b->p : "", b->n };
}
