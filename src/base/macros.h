/* SPDX-License-Identifier: Apache-2.0
 * Compiler attributes, scope cleanup and always-on assertions used everywhere. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define WARN_UNUSED __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt_at, args_at) __attribute__((format(printf, fmt_at, args_at)))
#define NORETURN __attribute__((noreturn))
#define COLD __attribute__((cold))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* A deliberate ignore of a WARN_UNUSED result: gcc does not accept a cast to void. */
#define IGNORE(call)                                                                               \
    do {                                                                                           \
        __typeof__(call) ignored_ = (call);                                                        \
        (void)ignored_;                                                                            \
    } while (0)

/* Runs fn(&variable) when the variable leaves scope: `AUTO(buf_fini) struct buf b = …`. */
#define AUTO(fn) __attribute__((cleanup(fn)))

/* Hands a pointer over: evaluates to p and leaves NULL behind. */
#define STEAL(p)                                                                                   \
    __extension__({                                                                                \
        __typeof__(p) stolen_ = (p);                                                               \
        (p) = NULL;                                                                                \
        stolen_;                                                                                   \
    })

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* Programmer errors stay fatal in release builds: prints expression, place and backtrace, aborts.
 * Never used on input. */
#define ASSERT(cond) ((void)(LIKELY(cond) || (assert_failed(#cond, __FILE__, __LINE__), 0)))
#define AZ(expr) ASSERT((expr) == 0)
#define AN(expr) ASSERT((expr) != 0)
#ifdef SLIPWAY_DEBUG
#define DASSERT(cond) ASSERT(cond)
#else
#define DASSERT(cond) ((void)0)
#endif

NORETURN COLD void assert_failed(const char *expr, const char *file, int line);
