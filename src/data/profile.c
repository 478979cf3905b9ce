/* SPDX-License-Identifier: Apache-2.0
 * Profiles of columns: one task a column. */
#include "data/profile.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/parallel.h"
#include "stat/describe.h"

enum { WARNINGS_MAX = 200, ID_ROWS_MIN = 50 };

static const double quantile_at[PROFILE_QUANTILES] = { 0, 0.05, 0.25, 0.5, 0.75, 0.95, 1 };

struct profile_job {
    const struct frame *f;
    struct profile_column *out;
    const struct column *target; /* numbers, or NULL */
    double *share; /* by column: R² of the target from this column alone; NaN = not defined */
    double *sorted[PARALLEL_MAX], *scratch[PARALLEL_MAX];
    char (*text)[PROFILE_TOP][COLUMN_TEXT_MAX]; /* by column: texts of the most frequent numbers */
    int failed;
};

static const char *role_of(const struct csv_source *s, const char *name)
{
    if (s->target && strcmp(s->target, name) == 0)
        return "target";
    if (s->key && strcmp(s->key, name) == 0)
        return "key";
    if (s->time && strcmp(s->time, name) == 0)
        return "time";
    for (size_t i = 0; i < s->ignore_n; i++)
        if (strcmp(s->ignore[i], name) == 0)
            return "ignored";
    return "feature";
}

/* ---- numbers ---- */

/* First index whose value is ≥ v. */
static size_t lower_bound(const double *sorted, size_t n, double v)
{
    size_t low = 0;
    while (n) {
        size_t half = n / 2;
        if (sorted[low + half] < v) {
            low += half + 1;
            n -= half + 1;
        } else
            n = half;
    }
    return low;
}

static void histogram(struct profile_column *c, const double *sorted, size_t n)
{
    if (n == 0)
        return;
    c->bin_n = PROFILE_BINS;
    stat_histogram_edges(sorted[0], sorted[n - 1], PROFILE_BINS, c->edges);
    size_t from = 0;
    for (size_t i = 0; i < PROFILE_BINS; i++) {
        size_t to = i + 1 == PROFILE_BINS ? n : lower_bound(sorted, n, c->edges[i + 1]);
        c->counts[i] = to - from;
        from = to;
    }
}

struct run {
    double value;
    size_t count;
};

/* Keeps the PROFILE_TOP longest runs; the smaller value wins a tie because it comes first. */
static void keep_run(struct run *top, size_t *n, struct run r)
{
    size_t at = *n;
    while (at && top[at - 1].count < r.count)
        at--;
    if (at >= PROFILE_TOP)
        return;
    size_t moved = MIN(*n, (size_t)PROFILE_TOP - 1) - at;
    memmove(&top[at + 1], &top[at], moved * sizeof *top);
    top[at] = r;
    *n = MIN(*n + 1, (size_t)PROFILE_TOP);
}

static void distinct_and_top(struct profile_job *j, size_t k, const double *sorted, size_t n)
{
    struct profile_column *c = &j->out[k];
    struct run top[PROFILE_TOP + 1];
    size_t top_n = 0;
    for (size_t i = 0; i < n;) {
        size_t from = i;
        while (i < n && sorted[i] == sorted[from])
            i++;
        c->distinct++;
        keep_run(top, &top_n, (struct run){ sorted[from], i - from });
    }
    if (top_n == 0 || top[0].count == 1)
        return; /* a measurement: no value is frequent */
    for (size_t i = 0; i < top_n; i++) {
        struct column one = { .type = c->type, .numbers = &top[i].value };
        str_t text = column_text(&one, 0, j->text[k][i]);
        if (text.p != j->text[k][i])
            memcpy(j->text[k][i], text.p, text.n);
        j->text[k][i][text.n] = '\0';
        c->top[i] = (struct profile_top){ j->text[k][i], top[i].count };
    }
    c->top_n = top_n;
}

static void profile_numbers(struct profile_job *j, int worker, size_t k)
{
    struct profile_column *c = &j->out[k];
    const double *x = j->f->columns[k].numbers;
    double *sorted = j->sorted[worker];
    struct stat_summary s;
    stat_describe(x, j->f->n, &s);
    size_t n = stat_sorted_copy(x, j->f->n, sorted, j->scratch[worker]);
    c->missing = s.missing;
    c->min = s.min;
    c->max = s.max;
    c->mean = s.mean;
    c->sd = s.sd;
    for (size_t i = 0; i < PROFILE_QUANTILES; i++)
        c->quantiles[i] = stat_quantile(sorted, n, quantile_at[i]);
    distinct_and_top(j, k, sorted, n);
    size_t from = lower_bound(sorted, n, -1.7976931348623157e308), to = n;
    while (to > from && isinf(sorted[to - 1]))
        to--;
    c->infinite = from + (n - to);
    histogram(c, sorted + from, to - from);
}

/* ---- strings ---- */

struct level_count {
    const struct column *c;
    size_t level, count;
};

static int by_count(const void *a, const void *b)
{
    const struct level_count *x = a, *y = b;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return str_cmp(x->c->levels[x->level], y->c->levels[y->level]);
}

static void profile_strings(struct profile_job *j, size_t k)
{
    struct profile_column *c = &j->out[k];
    const struct column *col = &j->f->columns[k];
    struct level_count *counts = mem_try_alloc(col->level_n, sizeof *counts);
    if (!counts) {
        j->failed = 1;
        return;
    }
    for (size_t i = 0; i < col->level_n; i++)
        counts[i] = (struct level_count){ col, i, 0 };
    for (size_t i = 0; i < j->f->n; i++) {
        if (col->codes[i] < 0)
            c->missing++;
        else
            counts[col->codes[i]].count++;
    }
    qsort(counts, col->level_n, sizeof *counts, by_count);
    while (c->distinct < col->level_n && counts[c->distinct].count)
        c->distinct++;
    for (size_t i = 0; i < MIN(c->distinct, (size_t)PROFILE_TOP) && counts[0].count > 1; i++) {
        str_t text = col->levels[counts[i].level];
        size_t n = MIN(text.n, (size_t)COLUMN_TEXT_MAX - 1);
        while (n && n < text.n && ((unsigned char)text.p[n] & 0xc0) == 0x80)
            n--; /* not inside a character */
        memcpy(j->text[k][i], text.p, n);
        j->text[k][i][n] = '\0';
        c->top[i] = (struct profile_top){ j->text[k][i], counts[i].count };
        c->top_n = i + 1;
    }
    c->min = c->max = c->mean = c->sd = NAN;
    mem_free(counts);
}

/* ---- what one column alone says about the target ---- */

static double share_of_number(const double *x, const double *y, size_t n)
{
    double sx = 0, sy = 0, xx = 0, yy = 0, xy = 0;
    size_t m = 0;
    for (size_t i = 0; i < n; i++)
        if (isfinite(x[i]) && isfinite(y[i])) {
            sx += x[i];
            sy += y[i];
            m++;
        }
    if (m < 3)
        return NAN;
    double mx = sx / (double)m, my = sy / (double)m;
    for (size_t i = 0; i < n; i++)
        if (isfinite(x[i]) && isfinite(y[i])) {
            xx += (x[i] - mx) * (x[i] - mx);
            yy += (y[i] - my) * (y[i] - my);
            xy += (x[i] - mx) * (y[i] - my);
        }
    return xx > 0 && yy > 0 ? xy * xy / (xx * yy) : NAN;
}

/* Share of the target's variance between the groups (eta squared); groups must have ten rows each
 * on average, or their means would explain anything. */
static double share_of_groups(const struct column *c, const double *y, size_t n)
{
    if (c->level_n == 0 || c->level_n > n / 10)
        return NAN;
    double *sum = mem_try_alloc(c->level_n, 2 * sizeof *sum);
    if (!sum)
        return NAN;
    double *count = sum + c->level_n, total = 0, between = 0, all = 0;
    size_t m = 0;
    for (size_t i = 0; i < n; i++)
        if (c->codes[i] >= 0 && isfinite(y[i])) {
            sum[c->codes[i]] += y[i];
            count[c->codes[i]] += 1;
            total += y[i];
            m++;
        }
    double mean = m ? total / (double)m : 0;
    for (size_t i = 0; i < c->level_n; i++)
        if (count[i] > 0)
            between += count[i] * (sum[i] / count[i] - mean) * (sum[i] / count[i] - mean);
    for (size_t i = 0; i < n; i++)
        if (c->codes[i] >= 0 && isfinite(y[i]))
            all += (y[i] - mean) * (y[i] - mean);
    mem_free(sum);
    return all > 0 ? between / all : NAN;
}

static void profile_task(void *context, int worker, size_t k)
{
    struct profile_job *j = context;
    const struct column *c = &j->f->columns[k];
    if (c->codes)
        profile_strings(j, k);
    else
        profile_numbers(j, worker, k);
    j->share[k] = NAN;
    if (!j->target || j->target == c || strcmp(j->out[k].role, "feature") != 0)
        return;
    j->share[k] = c->codes ? share_of_groups(c, j->target->numbers, j->f->n)
                           : share_of_number(c->numbers, j->target->numbers, j->f->n);
}

/* ---- warnings ---- */

void profile_warn(struct arena *a, struct profile *p, const char *fmt, ...)
{
    if (p->warning_n == WARNINGS_MAX)
        return;
    if (!p->warnings)
        p->warnings = ARENA_TRY_ARRAY(a, WARNINGS_MAX, const char *);
    if (!p->warnings)
        return;
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    p->warnings[p->warning_n++] = arena_strdup(a, text);
}

/* A column that is text only because of a few words among numbers. */
static void warn_almost_number(struct arena *a, struct profile *p, const struct frame *f,
                               const struct column *c)
{
    size_t numbers = 0, others = 0, example = f->n;
    uint8_t *is_number = mem_try_alloc(c->level_n, 1);
    if (!is_number)
        return;
    double v;
    for (size_t i = 0; i < c->level_n; i++)
        is_number[i] = parse_double(str_trim(c->levels[i]), &v) == 0;
    for (size_t i = 0; i < f->n; i++) {
        if (c->codes[i] < 0)
            continue;
        numbers += is_number[c->codes[i]];
        others += !is_number[c->codes[i]];
        if (!is_number[c->codes[i]] && example == f->n)
            example = i;
    }
    if (others && numbers >= others * 4) {
        str_t s = c->levels[c->codes[example]];
        profile_warn(a, p,
                     "column '%s' is text only because of %zu of %zu values, first '%.*s' in row "
                     "%zu; correct them or list them under `missing`",
                     c->name, others, numbers + others, (int)MIN(s.n, 40), s.p,
                     frame_row_number(f, example));
    }
    mem_free(is_number);
}

static void warn_column(struct arena *a, struct profile *p, const struct frame *f, size_t k,
                        double share)
{
    const struct profile_column *c = &p->columns[k];
    size_t present = f->n - c->missing;
    int feature = strcmp(c->role, "feature") == 0;
    if (present == 0) {
        profile_warn(a, p, "column '%s' has no values", c->name);
        return;
    }
    if (c->infinite)
        profile_warn(a, p, "column '%s' has %zu infinite values", c->name, c->infinite);
    if (strcmp(c->role, "target") == 0 && c->missing)
        profile_warn(a, p, "the target '%s' is missing in %zu of %zu rows; they are left out",
                     c->name, c->missing, f->n);
    if (f->columns[k].codes && strcmp(c->role, "key") != 0)
        warn_almost_number(a, p, f, &f->columns[k]);
    if (!feature)
        return;
    if (c->missing * 2 > f->n)
        profile_warn(a, p, "column '%s' is missing in %zu of %zu rows", c->name, c->missing, f->n);
    if (c->distinct == 1)
        profile_warn(a, p, "column '%s' is constant", c->name);
    if ((c->type == COLUMN_STRING || c->type == COLUMN_INTEGER) && present >= ID_ROWS_MIN &&
        c->distinct * 100 >= present * 99)
        profile_warn(a, p,
                     "column '%s' looks like an identifier (%zu different values in %zu rows); "
                     "name it as `key` or list it under `ignore`",
                     c->name, c->distinct, present);
    if (share > 0.99)
        profile_warn(
            a, p, "column '%s' alone explains %.2f %% of the target: does it contain the answer?",
            c->name, share * 100);
}

/* ---- the whole ---- */

static int job_init(struct arena *scratch, struct profile_job *j, int threads)
{
    int workers = MIN(MAX(threads, 1), PARALLEL_MAX);
    j->share = ARENA_TRY_ARRAY(scratch, j->f->column_n, double);
    int ok = j->share != NULL;
    for (int t = 0; ok && t < workers; t++) {
        j->sorted[t] = ARENA_TRY_ARRAY(scratch, j->f->n + 1, double);
        j->scratch[t] = ARENA_TRY_ARRAY(scratch, j->f->n + 1, double);
        ok = j->sorted[t] && j->scratch[t];
    }
    return ok ? 0 : ERR_NOMEM;
}

static void describe_columns(struct profile_job *j, const struct csv_source *source)
{
    const struct column *target =
        source->target ? frame_column(j->f, str_of(source->target)) : NULL;
    j->target = target && target->numbers ? target : NULL;
    for (size_t k = 0; k < j->f->column_n; k++) {
        j->out[k].name = j->f->columns[k].name;
        j->out[k].type = j->f->columns[k].type;
        j->out[k].role = role_of(source, j->f->columns[k].name);
    }
}

int profile_make(struct arena *a, const struct frame *f, const struct csv_source *source,
                 int threads, struct profile *out, struct err *err)
{
    struct arena scratch;
    struct profile p = { .column_n = f->column_n, .rows = f->n };
    struct profile_job j = { .f = f };
    arena_init(&scratch, GIB(64));
    p.columns = j.out = ARENA_TRY_ARRAY(a, f->column_n, struct profile_column);
    j.text = arena_try_alloc(a, f->column_n, sizeof *j.text);
    int rc = j.out && j.text ? job_init(&scratch, &j, threads) : ERR_NOMEM;
    if (rc == 0) {
        describe_columns(&j, source);
        parallel_run(threads, f->column_n, profile_task, &j);
        rc = j.failed ? ERR_NOMEM : 0;
    }
    for (size_t k = 0; rc == 0 && k < f->column_n; k++)
        warn_column(a, &p, f, k, j.share[k]);
    arena_fini(&scratch);
    if (rc)
        return ERR(err, rc, "no memory to profile %zu columns of %zu rows", f->column_n, f->n);
    *out = p;
    return 0;
}
