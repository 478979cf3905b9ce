/* SPDX-License-Identifier: Apache-2.0
 * Two files compared. The reference is read and described first; its names are then the only texts
 * that the current file is coded by, so the memory of a column of texts does not grow with their
 * number. */
#include "monitor/compare.h"

#include <math.h>

#include "base/limits.h"
#include "base/mem.h"
#include "data/csv.h"

struct comparing {
    struct arena *a;
    const struct monitor_files *files;
    struct monitor_comparison *out;
    struct frame before, now;
    size_t n;                         /* features */
    struct column **was, **is;        /* by feature; is: NULL when not comparable */
    struct monitor_values *old, *new; /* by feature, numbers */
    double *scratch[PARALLEL_MAX];    /* as long as the longer file */
    struct monitor_finding *schema;
    size_t schema_n;
    int threads;
    int *rcs; /* by feature */
};

/* ---- columns ---- */
static int ignored(const struct monitor_files *f, const char *name)
{
    for (size_t i = 0; i < f->ignore_n; i++)
        if (strcmp(f->ignore[i], name) == 0)
            return 1;
    return 0;
}

static void schema(struct comparing *c, int64_t feature, int severe, const char *message)
{
    c->schema[c->schema_n++] = (struct monitor_finding){ .check = MONITOR_CHECK_SCHEMA,
                                                         .severe = severe,
                                                         .feature = feature,
                                                         .p = NAN,
                                                         .message = message };
}

static int check_ignored(struct comparing *c, struct err *err)
{
    for (size_t i = 0; i < c->files->ignore_n; i++)
        if (!frame_column(&c->before, str_of(c->files->ignore[i])))
            return ERR(err, ERR_INVALID, "'%s' has no column '%s' to ignore", c->files->reference,
                       c->files->ignore[i]);
    return 0;
}

static int choose_columns(struct comparing *c, struct err *err)
{
    size_t max = c->before.column_n;
    c->was = ARENA_TRY_ARRAY(c->a, max + 1, struct column *);
    c->is = ARENA_TRY_ARRAY(c->a, max + 1, struct column *);
    c->old = ARENA_TRY_ARRAY(c->a, max + 1, struct monitor_values);
    c->new = ARENA_TRY_ARRAY(c->a, max + 1, struct monitor_values);
    c->rcs = ARENA_TRY_ARRAY(c->a, max + 1, int);
    c->out->ref.features = ARENA_TRY_ARRAY(c->a, max + 1, struct monitor_feature);
    if (!c->was || !c->is || !c->old || !c->new || !c->rcs || !c->out->ref.features)
        return ERR(err, ERR_NOMEM, "no memory for %zu columns", max);
    int rc = check_ignored(c, err);
    for (size_t i = 0; i < max && !rc; i++) {
        struct column *column = &c->before.columns[i];
        if (!ignored(c->files, column->name) && column->type != COLUMN_TIME)
            c->was[c->n++] = column;
    }
    if (!rc && c->n == 0)
        rc = ERR(err, ERR_INVALID, "'%s' has no column to compare", c->files->reference);
    c->out->ref.n = c->n;
    c->out->ref.rows = c->before.n;
    return rc;
}

static int need_scratch(struct comparing *c, size_t rows, struct err *err)
{
    for (int t = 0; t < c->threads; t++) {
        mem_free(c->scratch[t]);
        c->scratch[t] = mem_try_alloc(rows + 1, sizeof *c->scratch[t]);
        if (!c->scratch[t])
            return ERR(err, ERR_NOMEM, "no memory to sort %zu rows", rows);
    }
    return 0;
}

static int run_all(struct comparing *c, void (*task)(void *context, int worker, size_t i),
                   struct err *err)
{
    parallel_run(c->threads, c->n, task, c);
    for (size_t i = 0; i < c->n; i++)
        if (c->rcs[i])
            return ERR(err, c->rcs[i], "no memory to compare column '%s'", c->was[i]->name);
    return 0;
}

/* ---- the reference ---- */
static void describe(void *context, int worker, size_t i)
{
    struct comparing *c = context;
    struct column *x = c->was[i];
    struct arena *a = &c->out->memory[worker];
    struct monitor_feature *f = &c->out->ref.features[i];
    if (x->codes) {
        c->rcs[i] = monitor_feature_of_codes(a, str_of(x->name), x->levels, x->level_n, x->codes,
                                             c->before.n, f);
        return;
    }
    monitor_values_sort(x->numbers, c->before.n, c->scratch[worker], &c->old[i]);
    c->rcs[i] = monitor_feature_of_sorted(a, str_of(x->name), &c->old[i], i + 1, f);
}

static int read_file(struct comparing *c, const char *path, const struct csv_known *known,
                     size_t known_n, struct frame *out, struct err *err)
{
    struct csv_source source = { .name = path, .path = path, .header = -1 };
    struct csv_options o = { .project_dir = ".",
                             .temp_dir = c->files->temp_dir,
                             .threads = c->threads,
                             .memory_limit_bytes = c->files->memory_limit_bytes,
                             .known = known,
                             .known_n = known_n,
                             .levels_max = MONITOR_LEVELS_MAX,
                             .no_digest = 1 };
    struct csv_result result;
    int rc = csv_read(c->a, &source, &o, &result, err);
    if (rc == 0)
        *out = result.frame;
    return rc;
}

static int take_reference(struct comparing *c, struct err *err)
{
    int rc = read_file(c, c->files->reference, NULL, 0, &c->before, err);
    if (rc == 0)
        rc = choose_columns(c, err);
    if (rc == 0)
        rc = need_scratch(c, c->before.n, err);
    return rc ? rc : run_all(c, describe, err);
}

/* ---- the current file ---- */
static int take_current(struct comparing *c, struct err *err)
{
    struct csv_known *known = ARENA_TRY_ARRAY(c->a, c->n, struct csv_known);
    size_t known_n = 0;
    if (!known)
        return ERR(err, ERR_NOMEM, "no memory for %zu columns", c->n);
    for (size_t i = 0; i < c->n; i++) {
        const struct monitor_feature *f = &c->out->ref.features[i];
        if (f->kind == MONITOR_CATEGORY)
            known[known_n++] = (struct csv_known){ c->was[i]->name, f->names, f->n_names };
    }
    int rc = read_file(c, c->files->current, known, known_n, &c->now, err);
    return rc ? rc : need_scratch(c, c->now.n, err);
}

/* What columns say about each other; fills `is`. */
static int match_columns(struct comparing *c, struct err *err)
{
    c->schema =
        ARENA_TRY_ARRAY(c->a, c->before.column_n + c->now.column_n + 1, struct monitor_finding);
    if (!c->schema)
        return ERR(err, ERR_NOMEM, "no memory for the findings");
    for (size_t i = 0; i < c->n; i++) {
        const char *name = c->was[i]->name;
        struct column *x = frame_column(&c->now, str_of(name));
        int text = c->out->ref.features[i].kind == MONITOR_CATEGORY;
        if (!x)
            schema(c, (int64_t)i, 1,
                   arena_printf(c->a, "'%.200s' is not in the current file", name));
        else if (x->type == COLUMN_TIME || (!text && x->codes))
            schema(c, (int64_t)i, 1,
                   arena_printf(c->a, "'%.200s' is %s in the current file, and %s in the reference",
                                name, x->codes ? "text" : "a time", text ? "text" : "a number"));
        else
            c->is[i] = x;
    }
    for (size_t i = 0; i < c->now.column_n; i++) {
        const char *name = c->now.columns[i].name;
        if (!frame_column(&c->before, str_of(name)))
            schema(c, -1, 1, arena_printf(c->a, "'%.200s' is not in the reference file", name));
        else if (c->now.columns[i].type == COLUMN_TIME && !ignored(c->files, name) &&
                 frame_column(&c->before, str_of(name))->type == COLUMN_TIME)
            schema(c, -1, 0, arena_printf(c->a, "'%.200s' is a time and is not compared", name));
    }
    return 0;
}

static void count_codes(const struct column *x, size_t n, struct monitor_cells *cells)
{
    for (size_t i = 0; i < n; i++) {
        if (!x->codes || x->codes[i] < 0)
            cells->missing++;
        else
            cells->cells[x->codes[i]]++;
    }
}

/* Number of sorted values below the edge. */
static size_t below(const struct monitor_values *v, double edge)
{
    size_t low = 0, high = v->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (v->sorted[mid] < edge)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void count_sorted(const struct monitor_feature *f, const struct monitor_values *v,
                         struct monitor_cells *cells)
{
    size_t at = 0;
    for (size_t e = 0; e < f->n_edges; e++) {
        size_t next = below(v, f->edges[e]);
        cells->cells[e] = next - at;
        at = next;
    }
    cells->cells[f->n_edges] = v->n - at;
    cells->missing = v->missing;
    cells->bad = v->bad;
    for (size_t i = 0; i < v->n; i++) {
        cells->sum += v->sorted[i];
        cells->sum2 += v->sorted[i] * v->sorted[i];
    }
}

static void count(void *context, int worker, size_t i)
{
    struct comparing *c = context;
    const struct monitor_feature *f = &c->out->ref.features[i];
    struct monitor_cells *cells = &c->out->counts.features[i];
    if (!c->is[i])
        return;
    if (f->kind == MONITOR_CATEGORY) {
        count_codes(c->is[i], c->now.n, cells);
        return;
    }
    monitor_values_sort(c->is[i]->numbers, c->now.n, c->scratch[worker], &c->new[i]);
    count_sorted(f, &c->new[i], cells);
}

static void test_values(void *context, int worker, size_t i)
{
    struct comparing *c = context;
    if (c->is[i] && c->out->ref.features[i].kind == MONITOR_NUMBER)
        c->rcs[i] = monitor_judge_values(&c->out->memory[worker], &c->out->ref.features[i],
                                         &c->old[i], &c->new[i], &c->out->verdict.features[i]);
}

static int count_all(struct comparing *c, struct err *err)
{
    struct monitor_counts *counts = &c->out->counts;
    *counts =
        (struct monitor_counts){ .ref = &c->out->ref,
                                 .rows = c->now.n,
                                 .expected_rows = NAN,
                                 .features = ARENA_TRY_ARRAY(c->a, c->n, struct monitor_cells) };
    for (size_t i = 0; i < c->n && counts->features; i++)
        counts->features[i].cells = ARENA_TRY_ARRAY(c->a, MONITOR_CELLS_MAX, uint64_t);
    if (c->a->failed)
        return ERR(err, ERR_NOMEM, "no memory for %zu columns", c->n);
    return run_all(c, count, err);
}

/* Findings about the schema stand before the others. */
static int join_findings(struct comparing *c, struct err *err)
{
    struct monitor_verdict *v = &c->out->verdict;
    size_t n = c->schema_n + v->findings_n;
    struct monitor_finding *all = ARENA_TRY_ARRAY(c->a, n + 1, struct monitor_finding);
    if (!all)
        return ERR(err, ERR_NOMEM, "no memory for the findings");
    if (c->schema_n)
        memcpy(all, c->schema, c->schema_n * sizeof *all);
    if (v->findings_n)
        memcpy(all + c->schema_n, v->findings, v->findings_n * sizeof *all);
    v->findings = all;
    v->findings_n = n;
    return 0;
}

int monitor_compare_files(struct arena *a, const struct monitor_files *files,
                          struct monitor_comparison *out, struct err *err)
{
    struct comparing c = { .a = a, .files = files, .out = out };
    *out = (struct monitor_comparison){ 0 };
    c.threads = MIN(MAX(files->threads, 1), PARALLEL_MAX);
    for (int t = 0; t < c.threads; t++)
        arena_init(&out->memory[t], GIB(1));
    int rc = take_reference(&c, err);
    if (rc == 0)
        rc = take_current(&c, err);
    if (rc == 0)
        rc = match_columns(&c, err);
    if (rc == 0)
        rc = count_all(&c, err);
    if (rc == 0)
        rc = monitor_judge(a, &out->ref, &out->counts, &files->policy, &out->verdict, err);
    if (rc == 0)
        rc = run_all(&c, test_values, err);
    if (rc == 0)
        rc = monitor_verdict_settle(a, &out->ref, &files->policy, &out->verdict, err);
    if (rc == 0)
        rc = join_findings(&c, err);
    for (int t = 0; t < c.threads; t++)
        mem_free(c.scratch[t]);
    return rc;
}

void monitor_comparison_fini(struct monitor_comparison *c)
{
    for (int t = 0; t < PARALLEL_MAX; t++)
        arena_fini(&c->memory[t]);
}
