/* SPDX-License-Identifier: Apache-2.0
 * Bump allocation in doubling blocks. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

enum { FIRST_BLOCK = 4096 - 64, MAX_BLOCK = 1 << 20, SMALL_MAX = 1 << 16 };

struct arena_block {
    struct arena_block *next;
    size_t size;
    size_t used;
    size_t dirty; /* bytes that may not be zero any more */
    unsigned char data[];
};

void arena_init(struct arena *a, size_t max_bytes)
{
    *a = (struct arena){ .max_bytes = max_bytes };
}

void arena_fini(struct arena *a)
{
    for (struct arena_block *b = a->head, *next; b; b = next) {
        next = b->next;
        mem_free(b);
    }
    a->head = NULL;
    a->used_bytes = 0;
    a->failed = 0;
}

void arena_reset(struct arena *a)
{
    if (!a->head)
        return;
    struct arena_block *b = a->head;
    while (b->next) {
        struct arena_block *next = b->next;
        mem_free(b);
        b = next;
    }
    b->used = 0;
    a->head = b;
    a->used_bytes = 0;
    a->failed = 0;
}

static void *take_from_block(struct arena_block *b, size_t bytes, size_t align)
{
    if (!b)
        return NULL;
    uintptr_t base = (uintptr_t)b->data;
    uintptr_t at = (base + b->used + align - 1) & ~(uintptr_t)(align - 1);
    if (at - base > b->size || bytes > b->size - (at - base))
        return NULL;
    size_t from = at - base;
    if (from < b->dirty)
        memset((void *)at, 0, MIN(bytes, b->dirty - from));
    b->used = from + bytes;
    b->dirty = MAX(b->dirty, b->used);
    return (void *)at;
}

static struct arena_block *add_block(struct arena *a, size_t bytes)
{
    size_t size = a->head ? MIN(a->head->size * 2, (size_t)MAX_BLOCK) : (size_t)FIRST_BLOCK;
    size = MAX(size, bytes + 64);
    /* Large blocks come as fresh pages, which are zero already: touching them twice costs. */
    int fresh = size > MAX_BLOCK;
    struct arena_block *b =
        fresh ? mem_try_alloc(1, sizeof *b + size) : mem_try_realloc(NULL, 1, sizeof *b + size);
    if (!b)
        return NULL;
    b->size = size;
    b->used = 0;
    b->dirty = fresh ? 0 : size;
    b->next = a->head;
    a->head = b;
    return b;
}

static void *take(struct arena *a, size_t bytes, size_t align)
{
    void *p = take_from_block(a->head, bytes, align);
    if (!p && add_block(a, bytes))
        p = take_from_block(a->head, bytes, align);
    if (p)
        a->used_bytes += bytes;
    return p;
}

void *arena_alloc(struct arena *a, size_t bytes)
{
    ASSERT(bytes <= SMALL_MAX);
    if (a->used_bytes + bytes > a->max_bytes)
        a->failed = 1;
    ASSERT(a->used_bytes < a->max_bytes * 2 + SMALL_MAX * 16); /* sticky failure was never tested */
    void *p = take(a, bytes, 16);
    AN(p);
    return p;
}

void *arena_try_alloc(struct arena *a, size_t n, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes) || bytes > a->max_bytes ||
        a->used_bytes > a->max_bytes - bytes) {
        a->failed = 1;
        return NULL;
    }
    void *p = take(a, bytes, 64);
    if (!p)
        a->failed = 1;
    return p;
}

char *arena_strndup(struct arena *a, const char *p, size_t n)
{
    char *copy = arena_try_alloc(a, n + 1, 1);
    if (copy && n)
        memcpy(copy, p, n);
    return copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
    return s ? arena_strndup(a, s, strlen(s)) : NULL;
}

str_t arena_str(struct arena *a, str_t s)
{
    char *p = arena_strndup(a, s.p, s.n);
    return (str_t){ p, p ? s.n : 0 };
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    size_t room = MIN((size_t)MAX(n, 0) + 1, (size_t)SMALL_MAX);
    char *out = arena_alloc(a, room);
    (void)vsnprintf(out, room, fmt, again);
    va_end(again);
    return out;
}

struct arena_mark arena_snapshot(const struct arena *a)
{
    return (struct arena_mark){ a->head, a->head ? a->head->used : 0, a->used_bytes };
}

void arena_restore(struct arena *a, struct arena_mark mark)
{
    while (a->head != mark.head) {
        struct arena_block *next = a->head->next;
        mem_free(a->head);
        a->head = next;
    }
    if (a->head)
        a->head->used = mark.block_used;
    a->used_bytes = mark.used_bytes;
}
