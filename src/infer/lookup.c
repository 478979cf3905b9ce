/* SPDX-License-Identifier: Apache-2.0
 * Finding a string or a number among a model's keys: an open hash table and a sorted list, both
 * made once and read by all threads. */
#include "infer/program.h"

#include <math.h>
#include <stdlib.h>

static uint64_t load(const char *p, size_t n)
{
    uint64_t v = 0;
    memcpy(&v, p, n);
    return v;
}

/* Keys are the model's, so nobody outside can choose collisions; it only has to be fast. */
static uint64_t hash(str_t s)
{
    const uint64_t m = 0x9e3779b97f4a7c15U;
    uint64_t h = s.n * m;
    const char *p = s.p;
    size_t n = s.n;
    for (; n >= 8; n -= 8, p += 8) {
        h = (h ^ load(p, 8)) * m;
        h ^= h >> 32;
    }
    if (n >= 4)
        h ^= load(p, 4) | load(p + n - 4, 4) << 32;
    else if (n)
        h ^= (uint64_t)(unsigned char)p[0] | (uint64_t)(unsigned char)p[n / 2] << 8 |
             (uint64_t)(unsigned char)p[n - 1] << 16;
    h *= m;
    return h ^ h >> 29;
}

/* The slot that holds s, or the empty one where it would go. */
static size_t probe(const struct keys *k, str_t s)
{
    size_t at = hash(s) & k->mask;
    while (k->slots[at] && !str_eq(k->strings[k->slots[at] - 1], s))
        at = (at + 1) & k->mask;
    return at;
}

struct keys *keys_of_strings(struct arena *a, const str_t *v, size_t n)
{
    size_t room = 8;
    while (room < n * 2)
        room *= 2;
    struct keys *k = ARENA_NEW(a, struct keys);
    str_t *own = ARENA_TRY_ARRAY(a, n + 1, str_t);
    k->slots = ARENA_TRY_ARRAY(a, room, uint32_t);
    if (!own || !k->slots)
        return NULL;
    *k = (struct keys){ .n = n, .strings = own, .slots = k->slots, .mask = room - 1 };
    for (size_t i = 0; i < n; i++) {
        own[i] = arena_str(a, v[i]);
        size_t at = probe(k, own[i]);
        if (!k->slots[at])
            k->slots[at] = (uint32_t)i + 1;
    }
    return a->failed ? NULL : k;
}

int64_t keys_find_text(const struct keys *k, str_t s)
{
    return (int64_t)k->slots[probe(k, s)] - 1;
}

struct numbered {
    double x;
    uint32_t at;
};

/* NaN after everything else; equal keys in the model's order. */
static int compare(const void *pa, const void *pb)
{
    const struct numbered *a = pa, *b = pb;
    int na = isnan(a->x) != 0, nb = isnan(b->x) != 0;
    if (na != nb)
        return na - nb;
    if (!na && a->x != b->x)
        return a->x < b->x ? -1 : 1;
    return a->at < b->at ? -1 : a->at > b->at;
}

struct keys *keys_of_numbers(struct arena *a, const double *v, size_t n)
{
    struct keys *k = ARENA_NEW(a, struct keys);
    struct numbered *sorted = mem_try_alloc(n + 1, sizeof *sorted);
    double *numbers = ARENA_TRY_ARRAY(a, n + 1, double);
    uint32_t *order = ARENA_TRY_ARRAY(a, n + 1, uint32_t);
    if (!sorted || !numbers || !order) {
        mem_free(sorted);
        return NULL;
    }
    for (size_t i = 0; i < n; i++)
        sorted[i] = (struct numbered){ v[i], (uint32_t)i };
    qsort(sorted, n, sizeof *sorted, compare);
    for (size_t i = 0; i < n; i++) {
        numbers[i] = sorted[i].x;
        order[i] = sorted[i].at;
    }
    mem_free(sorted);
    *k = (struct keys){ .n = n, .numbers = numbers, .order = order };
    return k;
}

int64_t keys_find_number(const struct keys *k, double x)
{
    size_t low = 0, high = k->n;
    while (low < high) { /* the first that is not below x */
        size_t mid = (low + high) / 2;
        if (isnan(x) ? !isnan(k->numbers[mid]) : k->numbers[mid] < x)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == k->n || !(k->numbers[low] == x || (isnan(x) && isnan(k->numbers[low]))))
        return -1;
    return k->order[low];
}
