/* SPDX-License-Identifier: Apache-2.0
 * Arenas: memory of one request, command or parsed document, freed all at once.
 *
 * An arena has a hard cap. arena_alloc is for small sizes (≤ 64 KiB asserted) and never returns
 * NULL: past the cap it sets a sticky failure, which the owner tests once before output.
 * arena_try_alloc is for sizes that a peer chooses: NULL past the cap, and the failure sticks too.
 * Nothing in an arena is freed singly or stored in longer-lived objects. One thread at a time. */
#pragma once
#include "base/str.h"

struct arena_block;

struct arena {
    struct arena_block *head; /* newest block */
    size_t used_bytes;        /* sum over blocks */
    size_t max_bytes;
    int failed;
};

struct arena_mark {
    struct arena_block *head;
    size_t block_used;
    size_t used_bytes;
};

void arena_init(struct arena *a, size_t max_bytes);
void arena_fini(struct arena *a);  /* frees all; the arena may be used again */
void arena_reset(struct arena *a); /* forgets all but keeps the first block */

void *arena_alloc(struct arena *a, size_t bytes)
    __attribute__((returns_nonnull));                                      /* zeroed, 16-aligned */
void *arena_try_alloc(struct arena *a, size_t n, size_t size) WARN_UNUSED; /* zeroed, 64-aligned */
#define ARENA_NEW(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define ARENA_TRY_ARRAY(a, n, type) ((type *)arena_try_alloc((a), (n), sizeof(type)))

char *arena_strdup(struct arena *a, const char *s); /* NULL stays NULL */
char *arena_strndup(struct arena *a, const char *p,
                    size_t n);             /* NUL-terminated copy; NULL past the cap */
str_t arena_str(struct arena *a, str_t s); /* copy */
char *arena_printf(struct arena *a, const char *fmt, ...)
    PRINTF_LIKE(2, 3); /* ≤ 64 KiB, else cut */

/* For loops: everything allocated after the mark is given back. */
struct arena_mark arena_snapshot(const struct arena *a);
void arena_restore(struct arena *a, struct arena_mark mark);
