/* SPDX-License-Identifier: Apache-2.0
 * The kernels by code, for the machine's best instruction set, and those that no vector helps. What
 * a kernel does is said at enum code. */
#include "infer/program.h"

#include <math.h>

/* Leaves the first insn that failed; the block is finished all the same. */
static void fail(const struct insn *i, void *const *slots)
{
    struct run_state *state = slots[0];
    if (!state->failed)
        state->failed = i;
}

static void constant_text(const struct insn *i, void *const *slots, size_t n)
{
    str_t *out = slots[i->dst];
    for (size_t r = 0; r < n; r++)
        out[r] = *(const str_t *)i->data;
}

static void pick_text(const struct insn *i, void *const *slots, size_t n)
{
    const str_t *x = slots[i->args[0]];
    str_t *out = slots[i->dst];
    for (size_t r = 0; r < n; r++)
        out[r] = x[r * i->stride + i->index];
}

enum { WHOLE_BITS = 53 };

/* A whole number that a double holds exactly; what callers put into a whole column may be anything.
 */
static int64_t whole(double x, int *ok)
{
    *ok &= fabs(x) <= (double)(1LL << WHOLE_BITS);
    return *ok ? (int64_t)x : 0;
}

static void int_div(const struct insn *i, void *const *slots, size_t n)
{
    const double *x = slots[i->args[0]], *y = slots[i->args[1]];
    double *out = slots[i->dst];
    for (size_t r = 0; r < n; r++) {
        int ok = 1;
        int64_t a = whole(x[r], &ok), b = whole(y[r], &ok);
        if (ok && b == 0)
            fail(i, slots);
        out[r] = ok && b != 0 ? (double)(a / b) : (double)NAN;
    }
}

/* The remainder has the sign of the divisor. */
static void int_mod(const struct insn *i, void *const *slots, size_t n)
{
    const double *x = slots[i->args[0]], *y = slots[i->args[1]];
    double *out = slots[i->dst];
    for (size_t r = 0; r < n; r++) {
        if (y[r] == 0)
            fail(i, slots);
        double m = fmod(x[r], y[r]);
        out[r] = m != 0 && (m < 0) != (y[r] < 0) ? m + y[r] : m;
    }
}

/* The place that x means among n, or -1. */
static int64_t place(const struct insn *i, void *const *slots, double x, size_t n)
{
    int strict = i->index == 1;
    if (strict && x < 0)
        x += (double)n;
    if (x >= 0 && x < (double)n)
        return (int64_t)x;
    if (strict)
        fail(i, slots);
    return -1;
}

static void table_number(const struct insn *i, void *const *slots, size_t n)
{
    const struct table *t = i->data;
    const double *x = slots[i->args[0]];
    double *out = slots[i->dst];
    for (size_t r = 0; r < n; r++) {
        int64_t at = place(i, slots, x[r], t->n);
        out[r] = at < 0 ? i->k[0] : t->numbers[at];
    }
}

static void table_text(const struct insn *i, void *const *slots, size_t n)
{
    const struct table *t = i->data;
    const double *x = slots[i->args[0]];
    str_t *out = slots[i->dst];
    for (size_t r = 0; r < n; r++) {
        int64_t at = place(i, slots, x[r], t->n);
        out[r] = at < 0 ? t->other : t->strings[at];
    }
}

static void find_number(const struct insn *i, void *const *slots, size_t n)
{
    const double *x = slots[i->args[0]];
    double *out = slots[i->dst];
    for (size_t r = 0; r < n; r++) {
        int64_t at = keys_find_number(i->data, x[r]);
        if (at < 0 && i->index == 1)
            fail(i, slots);
        out[r] = (double)at;
    }
}

/* What was looked up last, by address: rows of a coded column share the memory of their levels. */
enum { MEMO = 64, MEMO_FROM_ROWS = 128 };

struct memo {
    str_t text;
    double at;
};

static double find_one(const struct insn *i, void *const *slots, str_t text)
{
    int64_t at = keys_find_text(i->data, text);
    if (at < 0 && i->index == 1)
        fail(i, slots);
    return (double)at;
}

static void find_text(const struct insn *i, void *const *slots, size_t n)
{
    const str_t *x = slots[i->args[0]];
    double *out = slots[i->dst];
    struct memo memo[MEMO];
    if (n < MEMO_FROM_ROWS) {
        for (size_t r = 0; r < n; r++)
            out[r] = find_one(i, slots, x[r]);
        return;
    }
    memset(memo, 0, sizeof memo);
    for (size_t r = 0; r < n; r++) {
        uintptr_t address = (uintptr_t)x[r].p;
        struct memo *m = &memo[(address ^ address >> 6) % MEMO];
        if (m->text.p != x[r].p || m->text.n != x[r].n || !x[r].p)
            *m = (struct memo){ x[r], find_one(i, slots, x[r]) };
        out[r] = m->at;
    }
}

static int same(const str_t *x, const str_t *y)
{
    return x->n == y->n && (x->n == 0 || memcmp(x->p, y->p, x->n) == 0);
}

static void same_text(const struct insn *i, void *const *slots, size_t n)
{
    const str_t *x = slots[i->args[0]], *y = slots[i->args[1]];
    double *out = slots[i->dst];
    for (size_t r = 0; r < n; r++)
        out[r] = same(&x[r], &y[r]);
}

static void same_text_k(const struct insn *i, void *const *slots, size_t n)
{
    const str_t *x = slots[i->args[0]];
    double *out = slots[i->dst];
    for (size_t r = 0; r < n; r++)
        out[r] = same(&x[r], i->data);
}

static void where_text(const struct insn *i, void *const *slots, size_t n)
{
    const double *x = slots[i->args[0]];
    const str_t *y = slots[i->args[1]], *z = slots[i->args[2]];
    str_t *out = slots[i->dst];
    for (size_t r = 0; r < n; r++)
        out[r] = x[r] != 0 ? y[r] : z[r];
}

#define K(name) name##_baseline
#define KERNEL static
#include "infer/kernels_body.inc"
#undef K
#undef KERNEL

#if defined(__x86_64__)
#define K(name) name##_avx2
#define KERNEL static __attribute__((target("avx2")))
#include "infer/kernels_body.inc"
#undef K
#undef KERNEL
#endif

const kernel_fn *kernels_all(int which, const char **out_name)
{
#if defined(__x86_64__)
    if (which == 0 && __builtin_cpu_supports("avx2")) {
        *out_name = "avx2";
        return kernels_avx2;
    }
#endif
    (void)which;
    *out_name = "baseline";
    return kernels_baseline;
}

const kernel_fn *kernels_select(const char **out_name)
{
    return kernels_all(0, out_name);
}
