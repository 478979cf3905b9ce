/* SPDX-License-Identifier: Apache-2.0
 * malloc with overflow checks, and the failing allocator of the fault tests. Any thread. */
#include "base/mem.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Atomic uint64_t fail_countdown;

void mem_for_server(void)
{
    /* By itself glibc learns to keep blocks as large as any that was freed, once a thread: eight
     * searches left 100 MB behind. Blocks of their own mapping go back at once, but cost the
     * kernel's zeroing in every request. So: few arenas, each gives back what is free at its end
     * beyond 4 MiB. */
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    (void)mallopt(M_MMAP_THRESHOLD, 32 << 20);
    (void)mallopt(M_TRIM_THRESHOLD, 4 << 20);
    (void)mallopt(M_ARENA_MAX, (int)MAX(2L, MIN(cores, 8L)));
}

void mem_fail_after(uint64_t n)
{
    atomic_store(&fail_countdown, n);
}

static int must_fail(void)
{
    uint64_t left = atomic_load_explicit(&fail_countdown, memory_order_relaxed);
    if (LIKELY(left == 0))
        return 0;
    return atomic_fetch_sub(&fail_countdown, 1) == 1;
}

static NORETURN void out_of_memory(size_t bytes)
{
    (void)fprintf(stderr, "slipway: out of memory (%zu bytes)\n", bytes);
    abort();
}

void *mem_alloc(size_t bytes)
{
    void *p = calloc(1, bytes ? bytes : 1);
    if (UNLIKELY(!p))
        out_of_memory(bytes);
    return p;
}

void *mem_try_alloc(size_t n, size_t size)
{
    size_t bytes;
    if (must_fail() || __builtin_mul_overflow(n, size, &bytes))
        return NULL;
    return calloc(1, bytes ? bytes : 1);
}

void *mem_try_realloc(void *old, size_t n, size_t size)
{
    size_t bytes;
    if (must_fail() || __builtin_mul_overflow(n, size, &bytes))
        return NULL;
    return realloc(old, bytes ? bytes : 1);
}

char *mem_strndup(const char *p, size_t n)
{
    char *copy = mem_alloc(n + 1);
    if (n)
        memcpy(copy, p, n);
    return copy;
}

char *mem_strdup(const char *s)
{
    return mem_strndup(s, strlen(s));
}

void mem_free(void *p)
{
    free(p);
}

void mem_auto(void *pointer_to_pointer)
{
    free(*(void **)pointer_to_pointer);
}
