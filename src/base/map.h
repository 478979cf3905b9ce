/* SPDX-License-Identifier: Apache-2.0
 * Hash map from byte strings to pointers; keys are borrowed and must outlive the map. Iteration is
 * in insertion order, so that output never depends on the hash. One thread at a time. */
#pragma once
#include "base/str.h"

struct map_entry {
    str_t key;
    void *value;
    uint64_t hash;
};

struct map {
    struct map_entry *entries; /* n, in insertion order */
    size_t n, cap;
    uint32_t *slots; /* index + 1, 0 = empty */
    size_t slot_n;
};

void map_init(struct map *m);
void map_fini(struct map *m);
void *map_get(const struct map *m, str_t key); /* NULL when absent */
/* Index in entries, or SIZE_MAX. */
size_t map_find(const struct map *m, str_t key);
/* Sets or replaces; returns the entry's index. Aborts on OOM: bound n by limits before. */
size_t map_put(struct map *m, str_t key, void *value);
