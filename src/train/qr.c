/* SPDX-License-Identifier: Apache-2.0
 * Double-double arithmetic after Dekker 1971 and Hida, Li, Bailey 2001 (two-sum, split product, no
 * fused operations), the absorbing Householder QR, and the decision which columns are dependent.
 *
 * Limited column pivoting: columns are taken in their own order; a column is dependent and moves to
 * the end when the norm of what the columns before it leave of it is no more than RANK_TOLERANCE
 * times (norm of the column + Σ |c_k| norm of column k), c being its coefficients on the others.
 * The bracket is what rounding of the entries to double can amount to, so the rank is decided at
 * machine precision of the data while the arithmetic itself contributes nothing. For scale: exact
 * sums of columns give 1e-17, the last column of NIST's Filip, a legitimate polynomial,
 * gives 2.5e-10. */
#include "train/qr.h"

#include <math.h>
#include <string.h>

#include "base/parallel.h"

typedef double v4d __attribute__((vector_size(32)));

#define BODY static inline __attribute__((always_inline))

static const double RANK_TOLERANCE = 0x1p-46;
static const double SPLIT = 134217729.0; /* 2^27 + 1 */

/* ---- scalars ---- */
static struct dd two_sum(double a, double b)
{
    double s = a + b, z = s - a;
    return (struct dd){ s, (a - (s - z)) + (b - z) };
}

static struct dd quick_sum(double a, double b)
{
    double s = a + b;
    return (struct dd){ s, b - (s - a) };
}

static struct dd two_product(double a, double b)
{
    double p = a * b, c = SPLIT * a, d = SPLIT * b;
    double a1 = c - (c - a), a2 = a - a1, b1 = d - (d - b), b2 = b - b1;
    return (struct dd){ p, ((a1 * b1 - p) + a1 * b2 + a2 * b1) + a2 * b2 };
}

struct dd dd_add(struct dd a, struct dd b)
{
    struct dd s = two_sum(a.hi, b.hi), t = two_sum(a.lo, b.lo);
    s = quick_sum(s.hi, s.lo + t.hi);
    return quick_sum(s.hi, s.lo + t.lo);
}

static struct dd dd_neg(struct dd a)
{
    return (struct dd){ -a.hi, -a.lo };
}

struct dd dd_mul(struct dd a, struct dd b)
{
    struct dd p = two_product(a.hi, b.hi);
    return quick_sum(p.hi, p.lo + (a.hi * b.lo + a.lo * b.hi));
}

static struct dd dd_div(struct dd a, struct dd b)
{
    double q1 = a.hi / b.hi;
    struct dd r = dd_add(a, dd_neg(dd_mul(b, (struct dd){ q1, 0 })));
    double q2 = r.hi / b.hi;
    r = dd_add(r, dd_neg(dd_mul(b, (struct dd){ q2, 0 })));
    return dd_add(quick_sum(q1, q2), (struct dd){ r.hi / b.hi, 0 });
}

static struct dd dd_sqrt(struct dd a)
{
    if (a.hi <= 0)
        return (struct dd){ 0, 0 };
    double x = sqrt(a.hi);
    struct dd rest = dd_add(a, dd_neg(two_product(x, x)));
    return dd_add((struct dd){ x, 0 }, (struct dd){ rest.hi / (2 * x), 0 });
}

void qr_spd_solve(struct dd *a, size_t n, struct dd *b)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j <= i; j++) {
            struct dd s = a[i * n + j];
            for (size_t k = 0; k < j; k++)
                s = dd_add(s, dd_neg(dd_mul(a[i * n + k], a[j * n + k])));
            a[i * n + j] = i == j ? dd_sqrt(s) : dd_div(s, a[j * n + j]);
        }
        struct dd s = b[i];
        for (size_t k = 0; k < i; k++)
            s = dd_add(s, dd_neg(dd_mul(a[i * n + k], b[k])));
        b[i] = dd_div(s, a[i * n + i]);
    }
    for (size_t i = n; i-- > 0;) {
        struct dd s = b[i];
        for (size_t k = i + 1; k < n; k++)
            s = dd_add(s, dd_neg(dd_mul(a[k * n + i], b[k])));
        b[i] = dd_div(s, a[i * n + i]);
    }
}

/* ---- vectors of KERNEL_BLOCK double-doubles: four lanes ---- */
struct column_block {
    double hi[KERNEL_BLOCK], lo[KERNEL_BLOCK];
} __attribute__((aligned(64)));

#define AT(array, i) (*(v4d *)((array) + (i)))
#define CONST_AT(array, i) (*(const v4d *)((array) + (i)))

/* First half of a double by Veltkamp's split. */
#define SPLIT_HIGH(a) (SPLIT * (a) - (SPLIT * (a) - (a)))

BODY struct dd block_dot(const struct column_block *a, const struct column_block *b)
{
    v4d hi = { 0 }, lo = { 0 };
    for (size_t i = 0; i < KERNEL_BLOCK; i += KERNEL_LANES) {
        v4d x = CONST_AT(a->hi, i), y = CONST_AT(b->hi, i);
        v4d x1 = SPLIT_HIGH(x), x2 = x - x1, y1 = SPLIT_HIGH(y), y2 = y - y1, p = x * y;
        v4d e = ((x1 * y1 - p) + x1 * y2 + x2 * y1) + x2 * y2;
        e += x * CONST_AT(b->lo, i) + CONST_AT(a->lo, i) * y;
        v4d s = hi + p, z = s - hi;
        lo += ((hi - (s - z)) + (p - z)) + e;
        hi = s;
    }
    return dd_add(dd_add(two_sum(hi[0], lo[0]), two_sum(hi[1], lo[1])),
                  dd_add(two_sum(hi[2], lo[2]), two_sum(hi[3], lo[3])));
}

/* b -= f a */
BODY void block_subtract(struct column_block *b, struct dd f, const struct column_block *a)
{
    v4d fh = (v4d){ 0 } + f.hi, f1 = SPLIT_HIGH(fh), f2 = fh - f1;
    for (size_t i = 0; i < KERNEL_BLOCK; i += KERNEL_LANES) {
        v4d x = CONST_AT(a->hi, i), x1 = SPLIT_HIGH(x), x2 = x - x1, p = x * fh;
        v4d e = ((x1 * f1 - p) + x1 * f2 + x2 * f1) + x2 * f2;
        e += x * f.lo + CONST_AT(a->lo, i) * fh;
        v4d y = AT(b->hi, i), s = y - p, z = s - y;
        v4d t = ((y - (s - z)) - (p + z)) + (AT(b->lo, i) - e), h = s + t;
        AT(b->hi, i) = h;
        AT(b->lo, i) = t - (h - s);
    }
}

/* Rotates the rows of `block` (w columns) into the upper triangle r (w × w); the block is
 * destroyed. */
BODY void absorb_body(struct dd *r, size_t w, struct column_block *block)
{
    for (size_t k = 0; k < w; k++) {
        struct dd sigma = block_dot(&block[k], &block[k]), head = r[k * w + k];
        if (sigma.hi == 0)
            continue;
        struct dd norm = dd_sqrt(dd_add(dd_mul(head, head), sigma));
        struct dd v0 = dd_add(head, head.hi < 0 ? dd_neg(norm) : norm);
        struct dd f = dd_div((struct dd){ 2, 0 }, dd_add(dd_mul(v0, v0), sigma));
        r[k * w + k] = head.hi < 0 ? norm : dd_neg(norm);
        for (size_t j = k + 1; j < w; j++) {
            struct dd s = dd_add(dd_mul(v0, r[k * w + j]), block_dot(&block[k], &block[j]));
            s = dd_mul(s, f);
            r[k * w + j] = dd_add(r[k * w + j], dd_neg(dd_mul(s, v0)));
            block_subtract(&block[j], s, &block[k]);
        }
    }
}

static void absorb_any(struct dd *r, size_t w, struct column_block *block)
{
    absorb_body(r, w, block);
}

__attribute__((target("avx2"))) static void absorb_avx2(struct dd *r, size_t w,
                                                        struct column_block *block)
{
    absorb_body(r, w, block);
}

static void absorb(struct dd *r, size_t w, struct column_block *block)
{
    if (kernel_has_avx2())
        absorb_avx2(r, w, block);
    else
        absorb_any(r, w, block);
}

struct reduction {
    const struct kernel *k;
    size_t w;                    /* 1 + active + 1 */
    struct column_block *blocks; /* threads × w */
    struct dd *triangles;        /* tasks × w² */
};

static void scaled_load(const struct kernel *k, size_t column, double scale, size_t at, size_t m,
                        struct column_block *out)
{
    memset(out, 0, sizeof *out);
    kernel_load(k, column, at, m, out->hi);
    for (size_t i = 0; i < m; i++)
        out->hi[i] *= scale;
}

static void reduce_task(void *context, int worker, size_t task)
{
    const struct reduction *c = context;
    const struct kernel *k = c->k;
    struct column_block *block = c->blocks + (size_t)worker * c->w;
    size_t end = kernel_task_row(k, task + 1), q = k->active_n;
    for (size_t at = kernel_task_row(k, task); at < end; at += KERNEL_BLOCK) {
        size_t m = MIN((size_t)KERNEL_BLOCK, end - at);
        memset(&block[0], 0, sizeof block[0]);
        for (size_t i = 0; i < m; i++)
            block[0].hi[i] = 1;
        for (size_t j = 0; j < q; j++)
            scaled_load(k, k->active[j], k->scale[k->active[j]], at, m, &block[j + 1]);
        scaled_load(k, SIZE_MAX, k->y_scale, at, m, &block[q + 1]);
        absorb(c->triangles + task * c->w * c->w, c->w, block);
    }
}

/* Absorbs the rows of the upper triangle `from` into `into`. */
static void absorb_triangle(struct dd *into, const struct dd *from, size_t w,
                            struct column_block *block)
{
    for (size_t at = 0; at < w; at += KERNEL_BLOCK) {
        memset(block, 0, w * sizeof *block);
        for (size_t i = at; i < MIN(w, at + KERNEL_BLOCK); i++) {
            for (size_t j = i; j < w; j++) {
                block[j].hi[i - at] = from[i * w + j].hi;
                block[j].lo[i - at] = from[i * w + j].lo;
            }
        }
        absorb(into, w, block);
    }
}

/* The triangle of all rows, penalty rows included. */
static struct dd *reduce(const struct kernel *k, double alpha, struct err *err)
{
    size_t w = k->active_n + 2, tasks = kernel_tasks(k);
    size_t threads = (size_t)MIN(MAX(k->threads, 1), (int)PARALLEL_MAX);
    struct reduction c = { k, w, ARENA_TRY_ARRAY(k->arena, threads * w, struct column_block),
                           ARENA_TRY_ARRAY(k->arena, tasks * w * w, struct dd) };
    if (!c.blocks || !c.triangles) {
        IGNORE(ERR(err, ERR_NOMEM, "not enough memory for the QR of %zu columns", w));
        return NULL;
    }
    parallel_run(k->threads, tasks, reduce_task, &c);
    for (size_t t = 1; t < tasks; t++)
        absorb_triangle(c.triangles, c.triangles + t * w * w, w, c.blocks);
    for (size_t at = 0; alpha > 0 && at < k->active_n; at += KERNEL_BLOCK) {
        memset(c.blocks, 0, w * sizeof *c.blocks);
        for (size_t j = at; j < MIN(k->active_n, at + KERNEL_BLOCK); j++)
            c.blocks[j + 1].hi[j - at] = sqrt(alpha) * k->scale[k->active[j]];
        absorb(c.triangles, w, c.blocks);
    }
    return c.triangles;
}

/* ---- rank ---- */
/* Elimination of the triangle's columns in order; `a` is column-major. */
struct elimination {
    size_t w;
    struct dd *a;     /* w columns of w */
    size_t *position; /* kept columns (0 = ones, j + 1 = active j) in order */
    size_t kept_n;    /* ones included */
    double *norm;     /* w: of the raw columns */
    struct dd *c;     /* w: coefficients of the column under test */
};

/* c = R11⁻¹ of the head of column j. */
static void solve_head(struct elimination *e, size_t j)
{
    for (size_t i = e->kept_n; i-- > 0;) {
        struct dd s = e->a[j * e->w + i];
        for (size_t k = i + 1; k < e->kept_n; k++)
            s = dd_add(s, dd_neg(dd_mul(e->a[e->position[k] * e->w + i], e->c[k])));
        e->c[i] = dd_div(s, e->a[e->position[i] * e->w + i]);
    }
}

/* Is what is left of column j below what rounding of the entries explains? Leaves c filled if so.
 */
static int is_dependent(struct elimination *e, size_t j)
{
    struct dd rest = { 0, 0 };
    for (size_t i = e->kept_n; i <= j; i++)
        rest = dd_add(rest, dd_mul(e->a[j * e->w + i], e->a[j * e->w + i]));
    double size = sqrt(fmax(0, rest.hi));
    if (size > 1e-6 * e->norm[j])
        return 0;
    solve_head(e, j);
    double bound = e->norm[j];
    for (size_t i = 0; i < e->kept_n; i++)
        bound += fabs(e->c[i].hi) * e->norm[e->position[i]];
    return size <= RANK_TOLERANCE * bound;
}

/* Householder step that makes column j the next of the triangle; rows up to `last` may be filled.
 */
static void eliminate(struct elimination *e, size_t j)
{
    size_t w = e->w, k = e->kept_n;
    struct dd *v = e->a + j * w, sigma = { 0, 0 }, head = v[k];
    for (size_t i = k + 1; i <= j; i++)
        sigma = dd_add(sigma, dd_mul(v[i], v[i]));
    e->position[e->kept_n++] = j;
    if (sigma.hi == 0)
        return;
    struct dd norm = dd_sqrt(dd_add(dd_mul(head, head), sigma));
    v[k] = dd_add(head, head.hi < 0 ? dd_neg(norm) : norm);
    struct dd f = dd_div((struct dd){ 2, 0 }, dd_add(dd_mul(v[k], v[k]), sigma));
    for (size_t column = j + 1; column < w; column++) {
        struct dd *b = e->a + column * w, s = { 0, 0 };
        for (size_t i = k; i <= j; i++)
            s = dd_add(s, dd_mul(v[i], b[i]));
        s = dd_neg(dd_mul(s, f));
        for (size_t i = k; i <= j; i++)
            b[i] = dd_add(b[i], dd_mul(s, v[i]));
    }
    v[k] = head.hi < 0 ? norm : dd_neg(norm);
}

/* Stores c of the dropped active column in raw units. kept so far: e->position[1 …]. */
static void store_combination(const struct kernel *k, const struct elimination *e, size_t dropped,
                              double *out)
{
    double unit = k->scale[dropped];
    out[0] = e->c[0].hi / unit;
    for (size_t i = 1; i < e->kept_n; i++)
        out[i] = e->c[i].hi * k->scale[k->active[e->position[i] - 1]] / unit;
}

/* Kept and dropped columns; combinations have rows of active_n + 1 for now. */
static void eliminate_all(const struct kernel *k, struct elimination *e, struct qr_result *out)
{
    size_t q = k->active_n;
    for (size_t j = 0; j <= q; j++) {
        if (j && is_dependent(e, j)) {
            size_t column = k->active[j - 1];
            store_combination(k, e, column, out->combination + out->dropped_n * (q + 1));
            out->dropped[out->dropped_n++] = column;
            continue;
        }
        eliminate(e, j);
        if (j)
            out->kept[out->rank++] = k->active[j - 1];
    }
}

static void read_solution(const struct kernel *k, struct elimination *e, struct qr_result *out)
{
    size_t q = k->active_n, r = out->rank;
    solve_head(e, q + 1); /* y on the kept columns */
    for (size_t i = 0; i <= r; i++) {
        double unit = (i ? k->scale[out->kept[i - 1]] : 1) / k->y_scale;
        out->beta[i] = (struct dd){ e->c[i].hi * unit, e->c[i].lo * unit };
    }
    for (size_t i = 0; i < r; i++) {
        for (size_t j = i; j < r; j++)
            out->root[i * r + j] = e->a[e->position[j + 1] * e->w + i + 1].hi;
    }
    for (size_t d = 1; d < out->dropped_n; d++)
        memmove(out->combination + d * (r + 1), out->combination + d * (q + 1),
                (r + 1) * sizeof *out->combination);
}

int qr_solve(const struct kernel *k, double alpha, struct qr_result *out, struct err *err)
{
    struct arena *a = k->arena;
    size_t q = k->active_n, w = q + 2;
    *out = (struct qr_result){ .kept = ARENA_TRY_ARRAY(a, q + 1, size_t),
                               .beta = ARENA_TRY_ARRAY(a, q + 1, struct dd),
                               .dropped = ARENA_TRY_ARRAY(a, q + 1, size_t),
                               .combination = ARENA_TRY_ARRAY(a, q * (q + 1) + 1, double),
                               .root = ARENA_TRY_ARRAY(a, q * q + 1, double) };
    struct elimination e = { .w = w,
                             .a = ARENA_TRY_ARRAY(a, w * w, struct dd),
                             .position = ARENA_TRY_ARRAY(a, w, size_t),
                             .norm = ARENA_TRY_ARRAY(a, w, double),
                             .c = ARENA_TRY_ARRAY(a, w, struct dd) };
    if (!out->kept || !out->beta || !out->dropped || !out->combination || !out->root || !e.a ||
        !e.position || !e.norm || !e.c)
        return ERR(err, ERR_NOMEM, "not enough memory for the QR of %zu columns", q);
    struct dd *triangle = reduce(k, alpha, err);
    if (!triangle)
        return ERR_NOMEM;
    for (size_t j = 0; j < w; j++) {
        for (size_t i = 0; i <= j; i++) {
            e.a[j * w + i] = triangle[i * w + j];
            e.norm[j] += triangle[i * w + j].hi * triangle[i * w + j].hi;
        }
        e.norm[j] = sqrt(e.norm[j]);
    }
    eliminate_all(k, &e, out);
    read_solution(k, &e, out);
    return 0;
}
