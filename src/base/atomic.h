/* SPDX-License-Identifier: Apache-2.0
 * The few atomic shapes that the rest of the tree may use. */
#pragma once
#include <stdatomic.h>
#include <stdint.h>

/* A counter that many threads add to and somebody reads now and then; no order implied. */
typedef struct {
    _Atomic uint64_t v;
} counter_t;

static inline void counter_add(counter_t *c, uint64_t n)
{
    atomic_fetch_add_explicit(&c->v, n, memory_order_relaxed);
}

static inline uint64_t counter_get(const counter_t *c)
{
    return atomic_load_explicit(&((counter_t *)(uintptr_t)c)->v, memory_order_relaxed);
}

/* A flag one thread raises and others poll. */
typedef struct {
    _Atomic int v;
} flag_t;

static inline void flag_raise(flag_t *f)
{
    atomic_store_explicit(&f->v, 1, memory_order_release);
}

static inline int flag_is_up(const flag_t *f)
{
    return atomic_load_explicit(&((flag_t *)(uintptr_t)f)->v, memory_order_acquire);
}
