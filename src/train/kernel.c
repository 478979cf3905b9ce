/* SPDX-License-Identifier: Apache-2.0
 * Passes over the rows; see kernel.h for the order of every sum. The inner loops exist twice, for
 * every x86-64 and for AVX2, made of the same body: lanes and order are the same, so are the bits.
 */
#include "train/kernel.h"

#include <math.h>
#include <string.h>

#include "base/parallel.h"
#include "stat/sum.h"

typedef double v4d __attribute__((vector_size(32)));
typedef long long v4l __attribute__((vector_size(32)));

#define BODY static inline __attribute__((always_inline))
#define AVX2 __attribute__((target("avx2")))
#define ALIGNED __attribute__((aligned(64)))

static int vectors_off;

void kernel_vectors(int on)
{
    vectors_off = !on;
}

int kernel_has_avx2(void)
{
    return !vectors_off && __builtin_cpu_supports("avx2");
}

/* Values beyond are refused: their squares and splits would overflow. */
static const double VALUE_MAX = 1e140;

size_t kernel_tasks(const struct kernel *k)
{
    size_t blocks = (k->data->n + KERNEL_BLOCK - 1) / KERNEL_BLOCK;
    size_t most = k->data->p <= 128 ? 64 : k->data->p <= 1000 ? 16 : 4;
    return MIN(blocks, most);
}

size_t kernel_task_row(const struct kernel *k, size_t task)
{
    size_t blocks = (k->data->n + KERNEL_BLOCK - 1) / KERNEL_BLOCK;
    return MIN(k->data->n, blocks * task / kernel_tasks(k) * KERNEL_BLOCK);
}

void kernel_load(const struct kernel *k, size_t column, size_t at, size_t m, double *out)
{
    const struct linear_data *d = k->data;
    const double *x = column == SIZE_MAX ? d->y : d->columns[column];
    size_t stride = column == SIZE_MAX ? 1 : k->stride;
    if (d->rows) {
        for (size_t i = 0; i < m; i++)
            out[i] = x[d->rows[at + i] * stride];
    } else if (stride == 1) {
        memcpy(out, x + at, m * sizeof *out);
        size_t more = MIN(d->n, at + 2 * m);
        for (size_t i = at + m; i < more; i += 8) /* the next block, while this one is worked on */
            __builtin_prefetch(x + i);
    } else {
        for (size_t i = 0; i < m; i++)
            out[i] = x[(at + i) * stride];
    }
}

/* ---- first pass: means, scales, finiteness ---- */
struct column_sum {
    struct stat_acc sum;
    double spread; /* Σ (x - first)² */
    int varies;    /* some value differs from the first */
    int bad;       /* some value is NaN or too large */
};

struct scan {
    const struct kernel *k;
    int avx2;
    struct column_sum *sums; /* tasks × (p + 1) */
};

/* Adds m values of a column: four interleaved compensated sums, then the rest one by one. x is
 * aligned for vectors. */
BODY void scan_block(const double *x, size_t m, double first, struct column_sum *s)
{
    v4d sum = { 0 }, error = { 0 }, spread = { 0 }, limit = sum + VALUE_MAX;
    v4l varies = { 0 }, bad = { 0 }, no_sign = varies + INT64_MAX;
    size_t whole = m / KERNEL_LANES * KERNEL_LANES;
    for (size_t i = 0; i < whole; i += KERNEL_LANES) {
        v4d v = *(const v4d *)(x + i), t = sum + v, z = t - sum, d = v - first;
        error += (sum - (t - z)) + (v - z);
        sum = t;
        spread += d * d;
        varies |= v != first + (v4d){ 0 };
        bad |= ~((v4d)((v4l)v & no_sign) <= limit); /* also NaN */
    }
    for (size_t l = 0; l < KERNEL_LANES; l++) {
        stat_acc_merge(&s->sum, &(struct stat_acc){ sum[l], error[l] });
        s->spread += spread[l];
        s->varies |= varies[l] != 0;
        s->bad |= bad[l] != 0;
    }
    for (size_t i = whole; i < m; i++) {
        stat_acc_add(&s->sum, x[i]);
        s->spread += (x[i] - first) * (x[i] - first);
        s->varies |= x[i] != first;
        s->bad |= !(fabs(x[i]) <= VALUE_MAX);
    }
}

static void scan_block_any(const double *x, size_t m, double first, struct column_sum *s)
{
    scan_block(x, m, first, s);
}

AVX2 static void scan_block_avx2(const double *x, size_t m, double first, struct column_sum *s)
{
    scan_block(x, m, first, s);
}

static void scan_task(void *context, int worker, size_t task)
{
    const struct scan *c = context;
    const struct kernel *k = c->k;
    size_t p = k->data->p, end = kernel_task_row(k, task + 1);
    ALIGNED double x[KERNEL_BLOCK];
    double first;
    (void)worker;
    for (size_t at = kernel_task_row(k, task); at < end; at += KERNEL_BLOCK) {
        size_t m = MIN((size_t)KERNEL_BLOCK, end - at);
        for (size_t j = 0; j <= p; j++) {
            size_t column = j == p ? SIZE_MAX : j;
            struct column_sum *s = &c->sums[task * (p + 1) + j];
            kernel_load(k, column, 0, 1, &first);
            kernel_load(k, column, at, m, x);
            if (c->avx2)
                scan_block_avx2(x, m, first, s);
            else
                scan_block_any(x, m, first, s);
        }
    }
}

/* Finds the first bad value of a column and says what is wrong with it. */
static int bad_value(const struct kernel *k, size_t column, struct err *err)
{
    const struct linear_data *d = k->data;
    double x = NAN;
    size_t i = 0;
    for (; i < d->n; i++) {
        kernel_load(k, column, i, 1, &x);
        if (!(fabs(x) <= VALUE_MAX))
            break;
    }
    const char *kind = column == SIZE_MAX ? "target" : "column";
    const char *name = column != SIZE_MAX ? d->names[column] : d->target ? d->target : "target";
    size_t row = (d->rows && i < d->n ? d->rows[i] : i) + 1;
    if (isnan(x))
        return ERR(err, ERR_INVALID,
                   "%s '%s' has a missing value (NaN) in row %zu; impute it or drop the row", kind,
                   name, row);
    if (isinf(x))
        return ERR(err, ERR_INVALID, "%s '%s' is infinite in row %zu; clip it or drop the row",
                   kind, name, row);
    return ERR(err, ERR_INVALID, "%s '%s' has the value %g in row %zu, beyond 1e140; scale it",
               kind, name, x, row);
}

/* The power of two nearest to 1/spread. */
static double power_scale(double spread)
{
    int exponent;
    (void)frexp(spread, &exponent);
    return ldexp(1, -exponent);
}

static void merge_scan(const struct kernel *k, const struct scan *c, size_t j,
                       struct column_sum *out)
{
    size_t p = k->data->p, tasks = kernel_tasks(k);
    *out = c->sums[j];
    for (size_t t = 1; t < tasks; t++) {
        const struct column_sum *s = &c->sums[t * (p + 1) + j];
        stat_acc_merge(&out->sum, &s->sum);
        out->spread += s->spread;
        out->varies |= s->varies;
        out->bad |= s->bad;
    }
}

int kernel_scan(struct kernel *k, struct err *err)
{
    const struct linear_data *d = k->data;
    size_t p = d->p, tasks;
    k->stride = d->stride ? d->stride : 1;
    tasks = kernel_tasks(k);
    struct scan c = { k, kernel_has_avx2(),
                      ARENA_TRY_ARRAY(k->arena, tasks * (p + 1), struct column_sum) };
    size_t *active = ARENA_TRY_ARRAY(k->arena, p + 1, size_t);
    if (!c.sums || !active)
        return ERR(err, ERR_NOMEM, "not enough memory to scan %zu columns", p);
    parallel_run(k->threads, tasks, scan_task, &c);
    k->active = active;
    k->active_n = 0;
    for (size_t j = 0; j <= p; j++) {
        struct column_sum s;
        double first, n = (double)d->n;
        size_t column = j == p ? SIZE_MAX : j;
        merge_scan(k, &c, j, &s);
        if (s.bad)
            return bad_value(k, column, err);
        kernel_load(k, column, 0, 1, &first);
        double mean = s.varies ? stat_acc_value(&s.sum) / n : first;
        double shift = mean - first, variance = s.spread / n - shift * shift;
        if (!(variance >
              s.spread / n * 1e-6)) /* the first row is far off: any scale near will do */
            variance = s.spread / n;
        double scale = s.varies && variance > 1e-280 ? power_scale(sqrt(variance)) : s.varies;
        if (j == p) {
            k->y_mean = mean;
            k->y_scale = scale > 0 ? scale : 1;
            continue;
        }
        k->means[j] = mean;
        k->scale[j] = scale;
        if (scale > 0)
            active[k->active_n++] = j;
    }
    return 0;
}

/* ---- second pass: Gram matrix ---- */
struct gram {
    const struct kernel *k;
    int avx2;
    size_t width;   /* active_n + 1, made a multiple of 4 */
    double *blocks; /* threads × width × KERNEL_BLOCK */
    double *sums;   /* tasks × width² */
};

/* Adds the products of columns i, i + 1 with the next `columns` ones from j on of one block to g
 * (row length w). Four lanes a product. */
BODY void gram_tile(const double *xi, const double *xj, double *g, size_t w, const size_t columns)
{
    v4d sum[2][4] = { { { 0 } } };
    for (size_t i = 0; i < KERNEL_BLOCK; i += KERNEL_LANES) {
        v4d a = *(const v4d *)(xi + i), b = *(const v4d *)(xi + KERNEL_BLOCK + i);
        for (size_t c = 0; c < columns; c++) {
            v4d x = *(const v4d *)(xj + c * KERNEL_BLOCK + i);
            sum[0][c] += a * x;
            sum[1][c] += b * x;
        }
    }
    for (size_t r = 0; r < 2; r++) {
        for (size_t c = 0; c < columns; c++)
            g[r * w + c] += (sum[r][c][0] + sum[r][c][1]) + (sum[r][c][2] + sum[r][c][3]);
    }
}

/* All products of one block of w columns on and above the diagonal; some below come along. */
BODY void gram_block(const double *block, double *g, size_t w, const size_t columns)
{
    for (size_t i = 0; i < w; i += 2) {
        for (size_t j = i / columns * columns; j < w; j += columns)
            gram_tile(block + i * KERNEL_BLOCK, block + j * KERNEL_BLOCK, g + i * w + j, w,
                      columns);
    }
}

static void gram_block_any(const double *block, double *g, size_t w)
{
    gram_block(block, g, w, 2);
}

AVX2 static void gram_block_avx2(const double *block, double *g, size_t w)
{
    gram_block(block, g, w, 4);
}

static void center_block(double *x, size_t m, double mean, double scale)
{
    for (size_t i = 0; i < m; i++)
        x[i] = (x[i] - mean) * scale;
    for (size_t i = m; i < KERNEL_BLOCK; i++)
        x[i] = 0;
}

static void gram_task(void *context, int worker, size_t task)
{
    const struct gram *c = context;
    const struct kernel *k = c->k;
    size_t w = c->width, q = k->active_n, end = kernel_task_row(k, task + 1);
    double *block = c->blocks + (size_t)worker * w * KERNEL_BLOCK, *g = c->sums + task * w * w;
    for (size_t j = q + 1; j < w; j++)
        memset(block + j * KERNEL_BLOCK, 0, KERNEL_BLOCK * sizeof *block);
    for (size_t at = kernel_task_row(k, task); at < end; at += KERNEL_BLOCK) {
        size_t m = MIN((size_t)KERNEL_BLOCK, end - at);
        for (size_t j = 0; j < q; j++) {
            size_t column = k->active[j];
            kernel_load(k, column, at, m, block + j * KERNEL_BLOCK);
            center_block(block + j * KERNEL_BLOCK, m, k->means[column], k->scale[column]);
        }
        kernel_load(k, SIZE_MAX, at, m, block + q * KERNEL_BLOCK);
        center_block(block + q * KERNEL_BLOCK, m, k->y_mean, k->y_scale);
        if (c->avx2)
            gram_block_avx2(block, g, w);
        else
            gram_block_any(block, g, w);
    }
}

int kernel_gram(const struct kernel *k, double *out, struct err *err)
{
    size_t q = k->active_n + 1, w = (q + 3) & ~(size_t)3, tasks = kernel_tasks(k);
    size_t threads = (size_t)MIN(MAX(k->threads, 1), (int)PARALLEL_MAX);
    struct gram c = { k, kernel_has_avx2(), w,
                      ARENA_TRY_ARRAY(k->arena, threads * w * KERNEL_BLOCK, double),
                      ARENA_TRY_ARRAY(k->arena, tasks * w * w, double) };
    if (!c.blocks || !c.sums)
        return ERR(err, ERR_NOMEM, "not enough memory for the Gram matrix of %zu columns", q - 1);
    parallel_run(k->threads, tasks, gram_task, &c);
    for (size_t i = 0; i < q; i++) {
        for (size_t j = i; j < q; j++) {
            double sum = 0;
            for (size_t t = 0; t < tasks; t++)
                sum += c.sums[t * w * w + i * w + j];
            out[i * q + j] = sum;
        }
    }
    return 0;
}

/* ---- third pass: residuals ---- */
struct residual_task {
    struct stat_acc sum, rss, step2;
    double first, last;
};

struct residuals {
    const struct kernel *k;
    int avx2;
    struct dd intercept;
    const struct dd *beta;
    double *blocks;    /* threads × active_n × KERNEL_BLOCK */
    double *gradients; /* tasks × active_n */
    struct residual_task *tasks;
};

/* r -= b·x in twice the precision: hi is kept by two-sum, what it loses goes into lo (Ogita, Rump,
 * Oishi 2005, Dot2; products split by Veltkamp and Dekker, since not every x86-64 has a fused one).
 */
BODY void subtract_column(const double *restrict x, struct dd b, double *restrict hi,
                          double *restrict lo)
{
    double c = 134217729.0 * b.hi, b1 = c - (c - b.hi), b2 = b.hi - b1;
    for (size_t i = 0; i < KERNEL_BLOCK; i++) {
        double d = 134217729.0 * x[i], x1 = d - (d - x[i]), x2 = x[i] - x1;
        double p = x[i] * b.hi, e = ((x1 * b1 - p) + x1 * b2 + x2 * b1) + x2 * b2;
        double s = hi[i] - p, z = s - hi[i];
        lo[i] += ((hi[i] - (s - z)) - (p + z)) - (e + x[i] * b.lo);
        hi[i] = s;
    }
}

/* Σ (x - mean) r over one block, four lanes. */
BODY double gradient_block(const double *restrict x, const double *restrict r, double mean)
{
    double lane[KERNEL_LANES] = { 0 };
    for (size_t i = 0; i < KERNEL_BLOCK; i += KERNEL_LANES) {
        for (size_t l = 0; l < KERNEL_LANES; l++)
            lane[l] += (x[i + l] - mean) * r[i + l];
    }
    return (lane[0] + lane[1]) + (lane[2] + lane[3]);
}

static void residual_sums(const double *r, size_t m, struct residual_task *t, int started)
{
    double last = t->last;
    for (size_t i = 0; i < m; i++) {
        double step = r[i] - last;
        if (started || i)
            stat_acc_add(&t->step2, step * step);
        stat_acc_add(&t->sum, r[i]);
        stat_acc_add(&t->rss, r[i] * r[i]);
        last = r[i];
    }
    if (!started)
        t->first = r[0];
    t->last = last;
}

/* Residuals of one block in hi (m rows, the rest 0) and what they add to the gradient. */
BODY void residual_block(const struct residuals *c, double *block, double *hi, double *lo, size_t m,
                         double *g)
{
    const struct kernel *k = c->k;
    for (size_t i = 0; i < m; i++) {
        double s = hi[i] - c->intercept.hi, z = s - hi[i];
        lo[i] = ((hi[i] - (s - z)) - (c->intercept.hi + z)) - c->intercept.lo;
        hi[i] = s;
    }
    for (size_t i = m; i < KERNEL_BLOCK; i++)
        hi[i] = lo[i] = 0;
    for (size_t j = 0; j < k->active_n; j++)
        subtract_column(block + j * KERNEL_BLOCK, c->beta[j], hi, lo);
    for (size_t i = 0; i < m; i++)
        hi[i] += lo[i];
    for (size_t i = m; i < KERNEL_BLOCK; i++)
        hi[i] = 0;
    for (size_t j = 0; j < k->active_n; j++)
        g[j] += gradient_block(block + j * KERNEL_BLOCK, hi, k->means[k->active[j]]);
}

static void residual_block_any(const struct residuals *c, double *block, double *hi, double *lo,
                               size_t m, double *g)
{
    residual_block(c, block, hi, lo, m, g);
}

AVX2 static void residual_block_avx2(const struct residuals *c, double *block, double *hi,
                                     double *lo, size_t m, double *g)
{
    residual_block(c, block, hi, lo, m, g);
}

static void residual_task(void *context, int worker, size_t task)
{
    const struct residuals *c = context;
    const struct kernel *k = c->k;
    size_t q = k->active_n, first = kernel_task_row(k, task), end = kernel_task_row(k, task + 1);
    double *block = c->blocks + (size_t)worker * q * KERNEL_BLOCK, *g = c->gradients + task * q;
    ALIGNED double hi[KERNEL_BLOCK], lo[KERNEL_BLOCK];
    for (size_t at = first; at < end; at += KERNEL_BLOCK) {
        size_t m = MIN((size_t)KERNEL_BLOCK, end - at);
        kernel_load(k, SIZE_MAX, at, m, hi);
        for (size_t j = 0; j < q; j++) {
            double *x = block + j * KERNEL_BLOCK;
            kernel_load(k, k->active[j], at, m, x);
            memset(x + m, 0, (KERNEL_BLOCK - m) * sizeof *x);
        }
        if (c->avx2)
            residual_block_avx2(c, block, hi, lo, m, g);
        else
            residual_block_any(c, block, hi, lo, m, g);
        residual_sums(hi, m, &c->tasks[task], at != first);
    }
}

int kernel_residuals(const struct kernel *k, struct dd intercept, const struct dd *beta,
                     struct kernel_residual *out, struct err *err)
{
    size_t q = k->active_n, tasks = kernel_tasks(k);
    size_t threads = (size_t)MIN(MAX(k->threads, 1), (int)PARALLEL_MAX);
    struct arena_mark mark = arena_snapshot(k->arena);
    struct residuals c = { k,
                           kernel_has_avx2(),
                           intercept,
                           beta,
                           ARENA_TRY_ARRAY(k->arena, threads * q * KERNEL_BLOCK + 1, double),
                           ARENA_TRY_ARRAY(k->arena, tasks * q + 1, double),
                           ARENA_TRY_ARRAY(k->arena, tasks, struct residual_task) };
    if (!c.blocks || !c.gradients || !c.tasks)
        return ERR(err, ERR_NOMEM, "not enough memory for the residuals of %zu columns", q);
    parallel_run(k->threads, tasks, residual_task, &c);
    struct stat_acc sum = { 0 }, rss = { 0 }, step2 = { 0 };
    for (size_t t = 0; t < tasks; t++) {
        stat_acc_merge(&sum, &c.tasks[t].sum);
        stat_acc_merge(&rss, &c.tasks[t].rss);
        stat_acc_merge(&step2, &c.tasks[t].step2);
        double step = t ? c.tasks[t].first - c.tasks[t - 1].last : 0;
        stat_acc_add(&step2, step * step);
    }
    for (size_t j = 0; j < q; j++) {
        double g = 0;
        for (size_t t = 0; t < tasks; t++)
            g += c.gradients[t * q + j];
        out->gradient[j] = g * k->scale[k->active[j]];
    }
    out->sum = stat_acc_value(&sum);
    out->rss = stat_acc_value(&rss);
    out->step2 = stat_acc_value(&step2);
    arena_restore(k->arena, mark);
    return 0;
}
