/* SPDX-License-Identifier: Apache-2.0
 * Growing an arena array while rows are read. */
#pragma once
#include "base/arena.h"

/* The array with room for element n (doubling; the old copy stays in the arena), or NULL past the
 * arena's cap. Use: list = rows_room(a, list, n, &cap, sizeof *list). */
static inline void *rows_room(struct arena *a, void *list, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return list;
    size_t more = *cap ? 2 * *cap : 16;
    void *grown = arena_try_alloc(a, more, size);
    if (!grown)
        return NULL;
    if (n)
        memcpy(grown, list, n * size);
    *cap = more;
    return grown;
}
