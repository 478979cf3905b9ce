/* SPDX-License-Identifier: Apache-2.0
 * Row operations, and what feature operations learn from the training part. */
#include "data/prep.h"

#include <math.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "codec/expr.h"
#include "stat/describe.h"

/* ---- rows ---- */

int prep_step_is_row_operation(const struct prep_step *s)
{
    return s->op == PREP_DROP_DUPLICATES || (s->op == PREP_DROP && s->where);
}

static int keep_marked(struct frame *f, const uint8_t *drop, size_t *out_dropped, struct err *err)
{
    uint32_t *rows = mem_try_alloc(f->n, sizeof *rows);
    size_t n = 0;
    if (!rows)
        return ERR(err, ERR_NOMEM, "no memory for %zu rows", f->n);
    for (size_t i = 0; i < f->n; i++)
        if (!drop[i])
            rows[n++] = (uint32_t)i;
    *out_dropped = f->n - n;
    int rc =
        n ? frame_keep(f, rows, n, err) : ERR(err, ERR_INVALID, "all %zu rows are dropped", f->n);
    mem_free(rows);
    return rc;
}

static int same_row(const struct column *const *columns, size_t n, size_t a, size_t b)
{
    for (size_t k = 0; k < n; k++) {
        const struct column *c = columns[k];
        if (c->codes ? c->codes[a] != c->codes[b]
                     : !(c->numbers[a] == c->numbers[b] ||
                         (isnan(c->numbers[a]) && isnan(c->numbers[b]))))
            return 0;
    }
    return 1;
}

/* Marks every row that repeats an earlier one in these columns. */
static int mark_duplicates(const struct frame *f, const struct column *const *columns, size_t n,
                           uint8_t *drop)
{
    size_t slots = 16;
    while (slots < f->n * 2)
        slots *= 2;
    uint64_t *hash = mem_try_alloc(f->n, sizeof *hash);
    uint32_t *set = mem_try_alloc(slots, sizeof *set); /* row + 1 */
    int rc = hash && set ? frame_hash_rows(f, columns, n, 0, 1, hash) : ERR_NOMEM;
    for (size_t i = 0; rc == 0 && i < f->n; i++) {
        size_t at = hash[i] & (slots - 1);
        for (; set[at] && !drop[i]; at = (at + 1) & (slots - 1))
            drop[i] = hash[set[at] - 1] == hash[i] && same_row(columns, n, set[at] - 1, i);
        if (!drop[i])
            set[at] = (uint32_t)i + 1;
    }
    mem_free(hash);
    mem_free(set);
    return rc;
}

static int drop_duplicates(struct frame *f, const struct prep_step *s, size_t *out_dropped,
                           struct err *err)
{
    size_t n = s->column_n ? s->column_n : f->column_n;
    const struct column **columns = mem_try_alloc(n, sizeof *columns);
    uint8_t *drop = mem_try_alloc(f->n, 1);
    int rc = columns && drop ? 0 : ERR(err, ERR_NOMEM, "no memory for %zu rows", f->n);
    for (size_t k = 0; rc == 0 && k < n; k++) {
        struct column *c = s->column_n ? NULL : &f->columns[k];
        if (s->column_n)
            rc = frame_need(f, str_of(s->columns[k].name), &c, err);
        columns[k] = c;
    }
    if (rc == 0 && mark_duplicates(f, columns, n, drop) != 0)
        rc = ERR(err, ERR_NOMEM, "no memory for %zu rows", f->n);
    if (rc == 0)
        rc = keep_marked(f, drop, out_dropped, err);
    mem_free(columns);
    mem_free(drop);
    return rc;
}

struct row_scope {
    const struct frame *f;
    size_t row;
};

static int type_of_column(void *arg, const struct expr *name, enum expr_type *out, struct err *err)
{
    const struct row_scope *s = arg;
    struct column *c;
    int rc = frame_need(s->f, name->name, &c, err);
    if (rc == 0)
        *out = c->codes ? EXPR_STRING : c->type == COLUMN_BOOLEAN ? EXPR_BOOL : EXPR_NUMBER;
    return rc;
}

static int value_of_column(void *arg, const struct expr *name, struct expr_value *out,
                           struct err *err)
{
    const struct row_scope *s = arg;
    struct column *c;
    int rc = frame_need(s->f, name->name, &c, err);
    if (rc)
        return rc;
    *out = (struct expr_value){ .type = EXPR_NULL };
    if (column_is_missing(c, s->row))
        return 0;
    if (c->codes)
        *out = (struct expr_value){ .type = EXPR_STRING, .string = c->levels[c->codes[s->row]] };
    else
        *out = (struct expr_value){ .type = c->type == COLUMN_BOOLEAN ? EXPR_BOOL : EXPR_NUMBER,
                                    .number = c->numbers[s->row] };
    return 0;
}

static int drop_where(struct frame *f, const struct prep_step *s, size_t *out_dropped,
                      struct err *err)
{
    struct arena a;
    struct expr *e;
    struct row_scope scope = { f, 0 };
    uint8_t *drop = mem_try_alloc(f->n, 1);
    arena_init(&a, MIB(64));
    int rc = drop ? expr_parse(&a, str_of(s->where), &e, NULL, err)
                  : ERR(err, ERR_NOMEM, "no memory for %zu rows", f->n);
    if (rc == 0)
        rc = expr_check(&a, e, type_of_column, &scope, EXPR_BOOL, NULL, err);
    for (; rc == 0 && scope.row < f->n; scope.row++) {
        struct arena_mark mark = arena_snapshot(&a);
        struct expr_value v;
        rc = expr_eval(&a, e, value_of_column, &scope, &v, err);
        if (rc == 0)
            drop[scope.row] = v.type == EXPR_BOOL && v.number != 0;
        arena_restore(&a, mark);
    }
    if (rc == 0)
        rc = keep_marked(f, drop, out_dropped, err);
    mem_free(drop);
    arena_fini(&a);
    return rc;
}

int prep_rows(struct frame *f, const struct prep_step *s, size_t *out_dropped, struct err *err)
{
    *out_dropped = 0;
    if (s->op == PREP_DROP_DUPLICATES)
        return drop_duplicates(f, s, out_dropped, err);
    return drop_where(f, s, out_dropped, err);
}

/* ---- fitting ---- */

/* The values that are there, in order of rows; their number in *out_n. Caller frees. */
static double *present_numbers(const struct prep_values *v, const uint32_t *rows, size_t n,
                               size_t *out_n)
{
    double *x = mem_try_alloc(n + 1, sizeof *x);
    size_t m = 0;
    for (size_t i = 0; x && i < n; i++) {
        double value = v->numbers[rows ? rows[i] : i];
        if (!isnan(value))
            x[m++] = value;
    }
    *out_n = m;
    return x;
}

/* Most frequent of sorted values; the smallest of several. */
static double most_frequent_number(const double *sorted, size_t n)
{
    double best = sorted[0];
    size_t best_n = 0;
    for (size_t i = 0, from = 0; i < n; from = i) {
        while (i < n && sorted[i] == sorted[from])
            i++;
        if (i - from > best_n) {
            best_n = i - from;
            best = sorted[from];
        }
    }
    return best;
}

static int fill_of_numbers(const struct prep_values *v, const uint32_t *rows, size_t n,
                           const struct prep_column *how, struct prep_fill *out, struct err *err)
{
    size_t m;
    if (how->impute == IMPUTE_CONSTANT) {
        out->number = how->number;
        return isnan(how->number) ? ERR(err, ERR_INVALID, "column '%s' holds numbers, '%s' is none",
                                        how->name, how->text ? how->text : "")
                                  : 0;
    }
    double *x = present_numbers(v, rows, n, &m), *scratch = mem_try_alloc(n + 1, sizeof *scratch);
    int rc = x && scratch ? 0 : ERR(err, ERR_NOMEM, "no memory to impute '%s'", how->name);
    if (rc == 0 && m == 0)
        rc = ERR(err, ERR_INVALID,
                 "column '%s' has no value in the training rows; drop it or impute a constant",
                 how->name);
    if (rc == 0 && how->impute == IMPUTE_MEAN) {
        struct stat_summary s;
        stat_describe(x, m, &s);
        out->number = s.mean;
    } else if (rc == 0) {
        stat_sort(x, m, scratch);
        out->number =
            how->impute == IMPUTE_MEDIAN ? stat_quantile(x, m, 0.5) : most_frequent_number(x, m);
    }
    mem_free(x);
    mem_free(scratch);
    return rc;
}

static int fill_of_strings(const struct prep_values *v, const uint32_t *rows, size_t n,
                           const struct prep_column *how, struct prep_fill *out, struct err *err)
{
    if (how->impute == IMPUTE_CONSTANT) {
        if (!how->text)
            return ERR(err, ERR_INVALID, "column '%s' holds text, impute it with a text in quotes",
                       how->name);
        out->text = str_of(how->text);
        return 0;
    }
    if (how->impute != IMPUTE_MOST_FREQUENT)
        return ERR(err, ERR_INVALID,
                   "column '%s' holds text: it has no %s; use most_frequent or a constant",
                   how->name, how->impute == IMPUTE_MEAN ? "mean" : "median");
    size_t *count = mem_try_alloc(v->level_n, sizeof *count), best = v->level_n;
    if (!count)
        return ERR(err, ERR_NOMEM, "no memory to impute '%s'", how->name);
    for (size_t i = 0; i < n; i++) {
        int32_t code = v->codes[rows ? rows[i] : i];
        if (code >= 0)
            count[code]++;
    }
    for (size_t k = 0; k < v->level_n; k++)
        if (count[k] && (best == v->level_n || count[k] > count[best] ||
                         (count[k] == count[best] && str_cmp(v->levels[k], v->levels[best]) < 0)))
            best = k;
    mem_free(count);
    if (best == v->level_n)
        return ERR(err, ERR_INVALID,
                   "column '%s' has no value in the training rows; drop it or impute a constant",
                   how->name);
    out->text = v->levels[best];
    return 0;
}

int prep_fit_fill(const struct prep_values *v, const uint32_t *rows, size_t n,
                  const struct prep_column *how, struct prep_fill *out, struct err *err)
{
    struct prep_fill fill = { NAN, { NULL, 0 } };
    int rc = v->codes ? fill_of_strings(v, rows, n, how, &fill, err)
                      : fill_of_numbers(v, rows, n, how, &fill, err);
    if (rc == 0)
        *out = fill;
    return rc;
}

/* StandardScaler: population variance; a spread that rounding alone explains counts as none. */
static struct prep_scale scale_standard(const double *x, size_t n)
{
    struct stat_summary s;
    stat_describe(x, n, &s);
    double var = s.sd_n * s.sd_n, eps = 0x1p-52, m = (double)n;
    int constant = var <= m * eps * var + (m * s.mean * eps) * (m * s.mean * eps);
    return (struct prep_scale){ s.mean, constant ? 1 : s.sd_n };
}

static struct prep_scale scale_minmax(const double *x, size_t n)
{
    struct stat_summary s;
    stat_describe(x, n, &s);
    double range = s.max - s.min;
    return (struct prep_scale){ s.min, range < 10 * 0x1p-52 ? 1 : range };
}

static struct prep_scale scale_robust(double *x, size_t n, double *scratch)
{
    stat_sort(x, n, scratch);
    double range = stat_quantile(x, n, 0.75) - stat_quantile(x, n, 0.25);
    return (struct prep_scale){ stat_quantile(x, n, 0.5), range < 10 * 0x1p-52 ? 1 : range };
}

int prep_fit_scale(const struct prep_values *v, const uint32_t *rows, size_t n, enum scale_how how,
                   struct prep_scale *out, struct err *err)
{
    size_t m;
    if (v->codes)
        return ERR(err, ERR_INVALID, "text cannot be scaled");
    double *x = present_numbers(v, rows, n, &m), *scratch = mem_try_alloc(n + 1, sizeof *scratch);
    int rc = x && scratch ? 0 : ERR(err, ERR_NOMEM, "no memory to scale %zu values", n);
    if (rc == 0 && m == 0)
        rc = ERR(err, ERR_INVALID, "there is no value in the training rows");
    if (rc == 0)
        *out = how == SCALE_STANDARD ? scale_standard(x, m)
               : how == SCALE_MINMAX ? scale_minmax(x, m)
                                     : scale_robust(x, m, scratch);
    mem_free(x);
    mem_free(scratch);
    return rc;
}

/* ---- categories ---- */

static int by_text(const void *a, const void *b)
{
    return str_cmp(*(const str_t *)a, *(const str_t *)b);
}

static int categories_of_strings(struct arena *a, const struct prep_values *v, const uint32_t *rows,
                                 size_t n, struct prep_categories *out)
{
    uint8_t *seen = mem_try_alloc(v->level_n, 1);
    out->strings = ARENA_TRY_ARRAY(a, v->level_n, str_t);
    int rc = seen && out->strings ? 0 : ERR_NOMEM;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        int32_t code = v->codes[rows ? rows[i] : i];
        if (code >= 0)
            seen[code] = 1;
    }
    for (size_t k = 0; rc == 0 && k < v->level_n; k++)
        if (seen[k])
            out->strings[out->n++] = v->levels[k];
    if (rc == 0)
        qsort(out->strings, out->n, sizeof *out->strings, by_text);
    mem_free(seen);
    return rc;
}

static int categories_of_numbers(struct arena *a, const struct prep_values *v, const uint32_t *rows,
                                 size_t n, struct prep_categories *out)
{
    size_t m;
    double *x = present_numbers(v, rows, n, &m), *scratch = mem_try_alloc(n + 1, sizeof *scratch);
    int rc = x && scratch ? 0 : ERR_NOMEM;
    if (rc == 0) {
        stat_sort(x, m, scratch);
        size_t distinct = 0;
        for (size_t i = 0; i < m; i++)
            if (i == 0 || x[i] != x[i - 1])
                x[distinct++] = x[i];
        out->numbers = ARENA_TRY_ARRAY(a, distinct, double);
        out->n = distinct;
        rc = out->numbers ? 0 : ERR_NOMEM;
        if (rc == 0 && distinct)
            memcpy(out->numbers, x, distinct * sizeof *x);
    }
    mem_free(x);
    mem_free(scratch);
    return rc;
}

int prep_fit_categories(struct arena *a, const struct prep_values *v, const uint32_t *rows,
                        size_t n, struct prep_categories *out, struct err *err)
{
    struct prep_categories c = { 0 };
    int rc = v->codes ? categories_of_strings(a, v, rows, n, &c)
                      : categories_of_numbers(a, v, rows, n, &c);
    if (rc)
        return ERR(err, rc, "no memory for the categories of %zu rows", n);
    if (c.n > LIMIT_CATEGORY_LEVELS)
        return ERR(err, ERR_LIMIT, "%zu different values are too many for one_hot (at most %d)",
                   c.n, LIMIT_CATEGORY_LEVELS);
    *out = c;
    return 0;
}
