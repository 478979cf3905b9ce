/* SPDX-License-Identifier: Apache-2.0
 * Open addressing over a dense entry array; SipHash with a per-process key against flooding. */
#include "base/map.h"

#include "base/mem.h"
#include "base/rng.h"

static uint64_t hash_key(void)
{
    static uint64_t key;
    uint64_t k = __atomic_load_n(&key, __ATOMIC_RELAXED);
    if (!k) {
        random_bytes(&k, sizeof k);
        k |= 1;
        uint64_t none = 0;
        if (!__atomic_compare_exchange_n(&key, &none, k, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            k = none;
    }
    return k;
}

void map_init(struct map *m)
{
    *m = (struct map){ 0 };
}

void map_fini(struct map *m)
{
    mem_free(m->entries);
    mem_free(m->slots);
    *m = (struct map){ 0 };
}

static size_t probe(const struct map *m, str_t key, uint64_t hash)
{
    size_t i = (size_t)hash & (m->slot_n - 1);
    for (;; i = (i + 1) & (m->slot_n - 1)) {
        uint32_t at = m->slots[i];
        if (!at || (m->entries[at - 1].hash == hash && str_eq(m->entries[at - 1].key, key)))
            return i;
    }
}

size_t map_find(const struct map *m, str_t key)
{
    if (!m->slot_n)
        return SIZE_MAX;
    uint32_t at = m->slots[probe(m, key, siphash(hash_key(), key.p, key.n))];
    return at ? at - 1 : SIZE_MAX;
}

void *map_get(const struct map *m, str_t key)
{
    size_t i = map_find(m, key);
    return i == SIZE_MAX ? NULL : m->entries[i].value;
}

static void grow(struct map *m)
{
    size_t slot_n = m->slot_n ? m->slot_n * 2 : 16;
    mem_free(m->slots);
    m->slots = mem_alloc(slot_n * sizeof *m->slots);
    m->slot_n = slot_n;
    m->cap = slot_n / 4 * 3;
    m->entries = mem_try_realloc(m->entries, m->cap, sizeof *m->entries);
    AN(m->entries);
    for (size_t i = 0; i < m->n; i++)
        m->slots[probe(m, m->entries[i].key, m->entries[i].hash)] = (uint32_t)i + 1;
}

size_t map_put(struct map *m, str_t key, void *value)
{
    if (m->n == m->cap)
        grow(m);
    uint64_t hash = siphash(hash_key(), key.p, key.n);
    size_t i = probe(m, key, hash);
    if (!m->slots[i]) {
        m->entries[m->n] = (struct map_entry){ .key = key, .hash = hash };
        m->slots[i] = (uint32_t)++m->n;
    }
    m->entries[m->slots[i] - 1].value = value;
    return m->slots[i] - 1;
}
