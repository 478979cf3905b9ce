/* SPDX-License-Identifier: Apache-2.0
 * Each column turns into a bin number a row; one pass then sums the errors of every bin. */
#include "train/slices.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "stat/describe.h"
#include "stat/sum.h"

static const char MISSING[] = "(missing)";

struct bin {
    const char *value;
    size_t n;
    struct stat_acc square, absolute, error;
};

/* Work of one evaluation. */
struct slicer {
    struct arena *a;
    const struct evaluate_input *in;
    double *values, *scratch; /* n each */
    struct slice *found;
    size_t found_n, found_cap;
};

static size_t row_of(const struct evaluate_input *in, size_t i)
{
    return in->rows ? in->rows[i] : i;
}

static void bin_add(struct bin *b, double e)
{
    b->n++;
    stat_acc_add(&b->square, e * e);
    stat_acc_add(&b->absolute, fabs(e));
    stat_acc_add(&b->error, e);
}

static int keep(struct slicer *s, const char *column, const struct bin *b, struct err *err)
{
    double n = (double)b->n;
    if (b->n < SLICE_MIN_ROWS)
        return 0;
    if (s->found_n == s->found_cap) {
        size_t cap = s->found_cap ? 2 * s->found_cap : 64;
        struct slice *more = ARENA_TRY_ARRAY(s->a, cap, struct slice);
        if (!more)
            return ERR(err, ERR_NOMEM, "not enough memory for slices");
        if (s->found_n)
            memcpy(more, s->found, s->found_n * sizeof *more);
        s->found = more;
        s->found_cap = cap;
    }
    s->found[s->found_n++] = (struct slice){ column,
                                             b->value,
                                             b->n,
                                             sqrt(stat_acc_value(&b->square) / n),
                                             stat_acc_value(&b->absolute) / n,
                                             stat_acc_value(&b->error) / n };
    return 0;
}

/* ---- strings ---- */
static int more_rows(const void *a, const void *b)
{
    const struct bin *x = *(const struct bin *const *)a, *y = *(const struct bin *const *)b;
    if (x->n != y->n)
        return x->n < y->n ? 1 : -1;
    return (x > y) - (x < y);
}

static int slice_levels(struct slicer *s, const struct slice_column *c, struct err *err)
{
    const struct evaluate_part *t = &s->in->test;
    size_t m = c->level_n + 1; /* the last bin is for missing values */
    struct bin *bins = ARENA_TRY_ARRAY(s->a, m, struct bin);
    struct bin **order = ARENA_TRY_ARRAY(s->a, m, struct bin *);
    if (!bins || !order)
        return ERR(err, ERR_NOMEM, "not enough memory for the slices of '%s'", c->name);
    for (size_t i = 0; i < t->n; i++) {
        int32_t code = c->codes[row_of(s->in, i)];
        bin_add(&bins[code < 0 ? c->level_n : (size_t)code], t->prediction[i] - t->y[i]);
    }
    for (size_t i = 0; i < m; i++)
        order[i] = &bins[i];
    qsort(order, m, sizeof(struct bin *), more_rows);
    for (size_t i = 0; i < MIN(m, (size_t)SLICE_LEVELS_MAX); i++) {
        size_t level = (size_t)(order[i] - bins);
        if (order[i]->n < SLICE_MIN_ROWS)
            break;
        order[i]->value = level == c->level_n
                              ? MISSING
                              : arena_strndup(s->a, c->levels[level].p, c->levels[level].n);
        int rc = order[i]->value ? keep(s, c->name, order[i], err)
                                 : ERR(err, ERR_NOMEM, "not enough memory for slices");
        if (rc)
            return rc;
    }
    return 0;
}

/* ---- numbers ---- */
/* Distinct values of sorted numbers, or cap + 1 when there are more. */
static size_t distinct_values(const double *sorted, size_t n, size_t cap, double *out)
{
    size_t k = 0;
    for (size_t i = 0; i < n && k <= cap; i++) {
        if (!k || sorted[i] != out[k - 1])
            out[k++] = sorted[i];
    }
    return k;
}

static const char *range_text(struct arena *a, double low, double high, int closed)
{
    char from[FMT_DOUBLE_MAX], to[FMT_DOUBLE_MAX];
    (void)fmt_double_digits(low, 5, from);
    (void)fmt_double_digits(high, 5, to);
    return arena_printf(a, "[%s, %s%c", from, to, closed ? ']' : ')');
}

/* Edges of the quartiles without the ones that coincide; returns the number of bins. */
static size_t quartile_edges(const double *sorted, size_t n, double edges[5])
{
    size_t k = 0;
    for (int q = 0; q <= 4; q++) {
        double e = stat_quantile(sorted, n, q / 4.0);
        if (!k || e != edges[k - 1])
            edges[k++] = e;
    }
    return k - 1;
}

/* Bin whose lower edge is the last one ≤ v. */
static size_t bin_of(double v, const double *edges, size_t bins)
{
    size_t i = 0;
    while (i + 1 < bins && v >= edges[i + 1])
        i++;
    return i;
}

static int slice_numbers(struct slicer *s, const struct slice_column *c, struct err *err)
{
    const struct evaluate_part *t = &s->in->test;
    struct bin bins[SLICE_DISTINCT_MAX + 2] = { 0 };
    double edges[SLICE_DISTINCT_MAX + 2];
    size_t m = 0, k;
    for (size_t i = 0; i < t->n; i++) {
        double v = c->numbers[row_of(s->in, i)];
        if (!isnan(v))
            s->values[m++] = v;
    }
    stat_sort(s->values, m, s->scratch);
    k = distinct_values(s->values, m, SLICE_DISTINCT_MAX, edges);
    int by_value = k <= SLICE_DISTINCT_MAX;
    if (!by_value)
        k = quartile_edges(s->values, m, edges);
    for (size_t i = 0; i < t->n; i++) {
        double v = c->numbers[row_of(s->in, i)];
        bin_add(&bins[isnan(v) ? k : bin_of(v, edges, k)], t->prediction[i] - t->y[i]);
    }
    for (size_t i = 0; i <= k; i++) {
        char text[FMT_DOUBLE_MAX];
        if (bins[i].n < SLICE_MIN_ROWS)
            continue;
        if (i == k)
            bins[i].value = MISSING;
        else if (by_value)
            bins[i].value = arena_strndup(s->a, text, fmt_double_digits(edges[i], 10, text));
        else
            bins[i].value = range_text(s->a, edges[i], edges[i + 1], i + 1 == k);
        int rc = bins[i].value ? keep(s, c->name, &bins[i], err)
                               : ERR(err, ERR_NOMEM, "not enough memory for slices");
        if (rc)
            return rc;
    }
    return 0;
}

/* Merge sort: qsort keeps no order among equals. */
static void sort_worst_first(struct slice *v, size_t n, struct slice *scratch)
{
    if (n < 2)
        return;
    size_t half = n / 2, i = 0, j = half;
    sort_worst_first(v, half, scratch);
    sort_worst_first(v + half, n - half, scratch);
    memcpy(scratch, v, n * sizeof *v);
    for (size_t k = 0; k < n; k++)
        v[k] = j == n || (i < half && scratch[i].rmse >= scratch[j].rmse) ? scratch[i++]
                                                                          : scratch[j++];
}

int slices_compute(struct arena *a, const struct evaluate_input *in, struct slice **out,
                   size_t *out_n, struct err *err)
{
    size_t n = in->test.n;
    struct slicer s = { .a = a,
                        .in = in,
                        .values = ARENA_TRY_ARRAY(a, n + 1, double),
                        .scratch = ARENA_TRY_ARRAY(a, n + 1, double) };
    if (!s.values || !s.scratch)
        return ERR(err, ERR_NOMEM, "not enough memory to slice %zu rows", n);
    for (size_t c = 0; c < in->column_n; c++) {
        const struct slice_column *column = &in->columns[c];
        int rc = column->numbers ? slice_numbers(&s, column, err) : slice_levels(&s, column, err);
        if (rc)
            return rc;
    }
    struct slice *scratch = ARENA_TRY_ARRAY(a, s.found_n + 1, struct slice);
    if (!scratch)
        return ERR(err, ERR_NOMEM, "not enough memory for %zu slices", s.found_n);
    sort_worst_first(s.found, s.found_n, scratch);
    *out = s.found;
    *out_n = MIN(s.found_n, (size_t)SLICES_MAX);
    return 0;
}
