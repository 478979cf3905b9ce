/* SPDX-License-Identifier: Apache-2.0
 * A column of the training data described as a feature of the reference. */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"
#include "monitor/reference.h"
#include "stat/describe.h"
#include "stat/sum.h"

/* ---- numbers ---- */
/* Edges at values that occur, so that each cell holds about n / MONITOR_BINS_MAX of the values
 * still left; equal values stay together. */
static size_t choose_edges(const double *sorted, size_t n, double *edges)
{
    size_t k = 0, at = 0;
    while (at < n && k < MONITOR_BINS_MAX) {
        size_t left = MONITOR_BINS_MAX - k, next = at + (n - at + left - 1) / left;
        edges[k++] = sorted[at];
        while (next < n && sorted[next] == sorted[next - 1])
            next++;
        at = next;
    }
    if (n)
        edges[k++] = nextafter(sorted[n - 1], INFINITY);
    return k;
}

/* Few different values get a cell each. */
static size_t few_edges(const double *sorted, size_t n, double *edges)
{
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && sorted[i] == sorted[i - 1])
            continue;
        if (k == MONITOR_BINS_MAX)
            return 0;
        edges[k++] = sorted[i];
    }
    if (n)
        edges[k++] = nextafter(sorted[n - 1], INFINITY);
    return k;
}

static void fill_cells(const double *sorted, size_t n, struct monitor_feature *f, uint64_t *counts,
                       double *centers)
{
    size_t at = 0;
    for (size_t c = 0; c < f->n_cells; c++) {
        size_t from = at;
        while (at < n && (c == f->n_edges || sorted[at] < f->edges[c]))
            at++;
        counts[c] = at - from;
        centers[c] = stat_mean(sorted + from, at - from);
    }
    if (n) {
        centers[0] = f->min;
        centers[f->n_cells - 1] = f->max;
    }
}

/* A value with mean 0, variance 1 and a density so close to the normal one that sums of a few dozen
 * cannot be told apart: 48 coins and a uniform to fill the steps, at a tenth of the price. */
static double coins(struct rng *rng)
{
    uint64_t bits = rng_u64(rng);
    double heads = __builtin_popcountll(bits >> 16), fill = (double)(bits & 0xffff) / 65536;
    return (heads - 24 + fill - 0.5) * 0.28767798089123053; /* 1 / √(12 + 1/12) */
}

enum { NULL_DRAWS = 8192 };

/* Cells that are not empty, as a bridge needs them. */
struct bridge {
    double root[MONITOR_CELLS_MAX]; /* of the cell's share */
    double cumulated[MONITOR_CELLS_MAX], gap[MONITOR_CELLS_MAX];
    size_t k;
};

static void bridge_draw(const struct bridge *b, struct rng *rng, double *out_w1, double *out_ks)
{
    double z[MONITOR_CELLS_MAX], total = 0, walk = 0, sum = 0, top = 0;
    for (size_t i = 0; i < b->k; i++)
        total += z[i] = b->root[i] * coins(rng);
    for (size_t i = 0; i + 1 < b->k; i++) {
        walk += z[i];
        double at = fabs(walk - b->cumulated[i] * total);
        sum += at * b->gap[i];
        top = at > top ? at : top;
    }
    *out_w1 = sum;
    *out_ks = top;
}

static void bridge_fill(const struct monitor_feature *f, struct bridge *b)
{
    double before = 0, sum = 0;
    b->k = 0;
    for (size_t c = 0; c < f->n_cells; c++) {
        if (!f->counts[c])
            continue;
        double share = (double)f->counts[c] / (double)f->n;
        b->root[b->k] = sqrt(share);
        b->cumulated[b->k] = sum += share;
        if (b->k)
            b->gap[b->k - 1] = (f->centers[c] - before) / f->sd;
        before = f->centers[c];
        b->k++;
    }
}

/* Fills null_w1 and null_ks, MONITOR_NULL doubles each, unless there is nothing to differ. */
static int fill_null(struct arena *a, uint64_t seed, struct monitor_feature *f, double *w1,
                     double *ks)
{
    struct bridge b;
    struct rng rng;
    if (f->n < 2 || !(f->sd > 0) || !isfinite(f->sd))
        return 0;
    bridge_fill(f, &b);
    struct arena_mark mark = arena_snapshot(a);
    double *draws = ARENA_TRY_ARRAY(a, 3 * (size_t)NULL_DRAWS, double);
    if (!draws)
        return ERR_NOMEM;
    double *other = draws + NULL_DRAWS, *scratch = other + NULL_DRAWS;
    rng_seed(&rng, seed);
    for (size_t i = 0; i < NULL_DRAWS; i++)
        bridge_draw(&b, &rng, &draws[i], &other[i]);
    stat_sort(draws, NULL_DRAWS, scratch);
    stat_sort(other, NULL_DRAWS, scratch);
    for (size_t i = 0; i < MONITOR_NULL; i++) {
        w1[i] = stat_quantile(draws, NULL_DRAWS, 1 - monitor_null_tail(i));
        ks[i] = stat_quantile(other, NULL_DRAWS, 1 - monitor_null_tail(i));
    }
    arena_restore(a, mark);
    f->null_w1 = w1;
    f->null_ks = ks;
    return 0;
}

/* Equal ranks from the smallest to the largest value; all of them when there are no more. */
static void fill_quantiles(const double *sorted, size_t n, double *q, struct monitor_feature *f)
{
    size_t k = MIN(n, (size_t)MONITOR_QUANTILES);
    for (size_t i = 0; i < k; i++)
        q[i] = k > 1 ? stat_quantile(sorted, n, (double)i / (double)(k - 1)) : sorted[0];
    f->quantiles = q;
    f->n_quantiles = k;
}

/* What a number's feature points to. */
struct number_arrays {
    double edges[MONITOR_BINS_MAX + 1], centers[MONITOR_CELLS_MAX], quantiles[MONITOR_QUANTILES],
        null_w1[MONITOR_NULL], null_ks[MONITOR_NULL];
    uint64_t counts[MONITOR_CELLS_MAX];
};

static void describe_sorted(const double *sorted, size_t k, struct number_arrays *own,
                            struct monitor_feature *f)
{
    f->n_edges = few_edges(sorted, k, own->edges);
    if (!f->n_edges)
        f->n_edges = choose_edges(sorted, k, own->edges);
    f->n_cells = f->n_edges + 1;
    f->edges = own->edges;
    f->counts = own->counts;
    f->centers = own->centers;
    if (k) {
        fill_cells(sorted, k, f, own->counts, own->centers);
        fill_quantiles(sorted, k, own->quantiles, f);
    }
}

int monitor_feature_of_sorted(struct arena *a, str_t name, const struct monitor_values *v,
                              uint64_t seed, struct monitor_feature *out)
{
    struct stat_summary s;
    struct number_arrays *own = ARENA_NEW(a, struct number_arrays);
    *out = (struct monitor_feature){ .name = arena_str(a, name),
                                     .kind = MONITOR_NUMBER,
                                     .rows = v->n + v->missing + v->bad,
                                     .n = v->n,
                                     .missing = v->missing,
                                     .bad = v->bad };
    stat_describe(v->sorted, v->n, &s);
    out->mean = s.mean;
    out->sd = s.sd;
    out->min = s.min;
    out->max = s.max;
    describe_sorted(v->sorted, v->n, own, out);
    return fill_null(a, seed, out, own->null_w1, own->null_ks);
}

void monitor_values_sort(double *x, size_t n, double *scratch, struct monitor_values *out)
{
    *out = (struct monitor_values){ .sorted = x };
    for (size_t i = 0; i < n; i++) {
        out->missing += isnan(x[i]);
        out->bad += isinf(x[i]) != 0;
        if (isfinite(x[i]))
            x[out->n++] = x[i];
    }
    stat_sort(x, out->n, scratch);
}

int monitor_feature_of_numbers(struct arena *a, str_t name, const double *x, size_t n,
                               uint64_t seed, struct monitor_feature *out)
{
    AUTO(mem_auto) double *sorted = mem_try_alloc(2 * n + 1, sizeof *sorted);
    struct monitor_values v;
    if (!sorted)
        return ERR_NOMEM;
    if (n)
        memcpy(sorted, x, n * sizeof *x);
    monitor_values_sort(sorted, n, sorted + n, &v);
    return monitor_feature_of_sorted(a, name, &v, seed, out);
}

/* ---- categories ---- */
struct ranked {
    str_t name;
    uint64_t chosen_by, count; /* in the rows that choose, in the rows that count */
};

static int by_count(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->chosen_by != y->chosen_by)
        return x->chosen_by < y->chosen_by ? 1 : -1;
    return str_cmp(x->name, y->name);
}

/* A fair coin a row that no order of rows can follow. */
static int chooses(size_t row)
{
    uint64_t h = (row + 1) * UINT64_C(0x9e3779b97f4a7c15);
    h = (h ^ (h >> 31)) * UINT64_C(0xbf58476d1ce4e5b9);
    return (int)(h >> 63);
}

enum { RARE = 10 }; /* a name seen less often says that others were missed altogether */

static void count_levels(struct ranked *r, const int32_t *codes, size_t n, int split)
{
    for (size_t i = 0; i < n; i++) {
        if (codes[i] < 0)
            continue;
        int choose = !split || chooses(i);
        r[codes[i]].chosen_by += (uint64_t)choose;
        r[codes[i]].count += (uint64_t)(!split || !choose);
    }
}

int monitor_feature_of_codes(struct arena *a, str_t name, const str_t *levels, size_t levels_n,
                             const int32_t *codes, size_t n, struct monitor_feature *out)
{
    uint64_t other = 0;
    size_t used = 0;
    int rare = 0;
    *out = (struct monitor_feature){ .name = arena_str(a, name), .kind = MONITOR_CATEGORY };
    out->mean = out->sd = out->min = out->max = NAN;
    str_t *names = arena_alloc(a, MONITOR_NAMES_MAX * sizeof *names);
    uint64_t *counts = arena_alloc(a, MONITOR_CELLS_MAX * sizeof *counts);
    struct arena_mark mark = arena_snapshot(a);
    struct ranked *r = ARENA_TRY_ARRAY(a, levels_n + 1, struct ranked);
    if (!r)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++)
        out->missing += codes[i] < 0;
    for (size_t i = 0; i < levels_n; i++)
        r[i].name = levels[i];
    count_levels(r, codes, n, 0);
    for (size_t i = 0; i < levels_n; i++) {
        used += r[i].count > 0;
        rare |= r[i].count > 0 && r[i].count < RARE;
    }
    if (rare || used > MONITOR_NAMES_MAX) {
        for (size_t i = 0; i < levels_n; i++)
            r[i].chosen_by = r[i].count = 0;
        count_levels(r, codes, n, 1);
    }
    qsort(r, levels_n, sizeof *r, by_count);
    for (size_t i = 0; i < levels_n; i++) {
        out->n += r[i].count;
        if (out->n_names < MONITOR_NAMES_MAX && r[i].chosen_by > 0 && r[i].name.p &&
            r[i].name.n <= MONITOR_NAME_BYTES) {
            counts[out->n_names] = r[i].count;
            names[out->n_names++] = r[i].name;
        } else {
            other += r[i].count;
        }
    }
    arena_restore(a, mark);
    for (size_t i = 0; i < out->n_names; i++)
        names[i] = arena_str(a, names[i]);
    counts[out->n_names] = other;
    out->rows = n;
    out->n_cells = out->n_names + 1;
    out->names = names;
    out->counts = counts;
    return 0;
}
