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

/* Adds one and returns the new value: each caller gets another. */
static inline uint64_t counter_next(counter_t *c)
{
    return atomic_fetch_add_explicit(&c->v, 1, memory_order_relaxed) + 1;
}

/* The same for the one thread that adds at present (claim_t): plain stores, readers see them whole.
 */
static inline void counter_add_own(counter_t *c, uint64_t n)
{
    uint64_t old = atomic_load_explicit(&c->v, memory_order_relaxed);
    atomic_store_explicit(&c->v, old + n, memory_order_relaxed);
}

/* What one thread at a time may use; nobody waits for it. */
typedef struct {
    _Atomic int v;
} claim_t;

/* 1: it is the caller's until claim_drop. */
static inline int claim_try(claim_t *c)
{
    return atomic_exchange_explicit(&c->v, 1, memory_order_acquire) == 0;
}

static inline void claim_drop(claim_t *c)
{
    atomic_store_explicit(&c->v, 0, memory_order_release);
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

/* A sum of doubles that many threads add to; no order implied. */
typedef struct {
    _Atomic double v;
} sum_t;

static inline void sum_add(sum_t *s, double x)
{
    double old = atomic_load_explicit(&s->v, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&s->v, &old, old + x, memory_order_relaxed,
                                                  memory_order_relaxed))
        continue;
}

static inline double sum_get(const sum_t *s)
{
    return atomic_load_explicit(&((sum_t *)(uintptr_t)s)->v, memory_order_relaxed);
}

/* The same for the one thread that adds at present. */
static inline void sum_add_own(sum_t *s, double x)
{
    double old = atomic_load_explicit(&s->v, memory_order_relaxed);
    atomic_store_explicit(&s->v, old + x, memory_order_relaxed);
}

/* A position in a ring: whoever reads it sees what was written before it was set. */
typedef struct {
    _Atomic uint64_t v;
} mark_t;

static inline void mark_set(mark_t *m, uint64_t v)
{
    atomic_store_explicit(&m->v, v, memory_order_release);
}

static inline uint64_t mark_get(const mark_t *m)
{
    return atomic_load_explicit(&((mark_t *)(uintptr_t)m)->v, memory_order_acquire);
}

/* A number that is stored and read by different threads; no order implied. */
typedef struct {
    _Atomic int64_t v;
} gauge_t;

static inline void gauge_set(gauge_t *g, int64_t v)
{
    atomic_store_explicit(&g->v, v, memory_order_relaxed);
}

static inline int64_t gauge_get(const gauge_t *g)
{
    return atomic_load_explicit(&((gauge_t *)(uintptr_t)g)->v, memory_order_relaxed);
}

/* Returns the value after the addition. */
static inline int64_t gauge_add(gauge_t *g, int64_t n)
{
    return atomic_fetch_add_explicit(&g->v, n, memory_order_relaxed) + n;
}

/* The same in one total order with cell_swap and cell_get: epochs of readers. */
static inline int64_t gauge_get_ordered(const gauge_t *g)
{
    return atomic_load_explicit(&((gauge_t *)(uintptr_t)g)->v, memory_order_seq_cst);
}

static inline int64_t gauge_add_ordered(gauge_t *g, int64_t n)
{
    return atomic_fetch_add_explicit(&g->v, n, memory_order_seq_cst) + n;
}

/* A pointer to something immutable that one thread replaces and many read. */
typedef struct {
    void *_Atomic p;
} cell_t;

static inline void *cell_get(const cell_t *c)
{
    return atomic_load_explicit(&((cell_t *)(uintptr_t)c)->p, memory_order_seq_cst);
}

static inline void *cell_swap(cell_t *c, void *p)
{
    return atomic_exchange_explicit(&c->p, p, memory_order_seq_cst);
}
