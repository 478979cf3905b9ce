/* SPDX-License-Identifier: Apache-2.0
 * Heap allocation. mem_alloc is for small sizes bounded by our own code and aborts when memory is
 * out; mem_try_* is for sizes that a peer, a file or a tensor shape chooses and returns NULL. */
#pragma once
#include "base/macros.h"

void *mem_alloc(size_t bytes) __attribute__((malloc, returns_nonnull)); /* zeroed */
void *mem_try_alloc(size_t n, size_t size) WARN_UNUSED;              /* zeroed, overflow-checked */
void *mem_try_realloc(void *old, size_t n, size_t size) WARN_UNUSED; /* old stays valid on NULL */
char *mem_strdup(const char *s) __attribute__((returns_nonnull));
char *mem_strndup(const char *p, size_t n) __attribute__((returns_nonnull));
void mem_free(void *p); /* NULL allowed */

/* Settings of malloc for a process that lives long and serves many threads: what a large request
 * took goes back to the system. Before the first thread starts. */
void mem_for_server(void);

/* Cleanup helper: AUTO(mem_auto) char *p = …; */
void mem_auto(void *pointer_to_pointer);

/* Fault injection for tests: the n-th mem_try_* call from now fails once; 0 switches it off. */
void mem_fail_after(uint64_t n);
