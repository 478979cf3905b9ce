/* SPDX-License-Identifier: Apache-2.0
 * Frames: columns, texts, keeping rows, content hashes. */
#include "data/frame.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/parallel.h"
#include "base/rng.h"

enum { FIRST_COLUMNS = 16 };

void frame_init(struct frame *f, struct arena *a, size_t rows)
{
    ASSERT(rows <= FRAME_ROWS_MAX);
    *f = (struct frame){ .arena = a, .n = rows };
}

const char *column_type_name(enum column_type t)
{
    static const char *const names[] = { "number", "integer", "boolean", "string", "time" };
    return names[t];
}

struct column *frame_column(const struct frame *f, str_t name)
{
    for (size_t i = 0; i < f->column_n; i++)
        if (str_is(name, f->columns[i].name))
            return &f->columns[i];
    return NULL;
}

int frame_need(const struct frame *f, str_t name, struct column **out, struct err *err)
{
    struct column *c = frame_column(f, name);
    if (c) {
        *out = c;
        return 0;
    }
    const char **names = mem_try_alloc(f->column_n, sizeof *names);
    if (!names)
        return ERR(err, ERR_NOMEM, "no memory for %zu column names", f->column_n);
    struct buf list;
    buf_init(&list, 300);
    for (size_t i = 0; i < f->column_n; i++) {
        names[i] = f->columns[i].name;
        if (i < 12)
            buf_printf(&list, "%s%s", i ? ", " : "", names[i]);
    }
    if (f->column_n > 12)
        buf_printf(&list, ", … (%zu)", f->column_n);
    const char *near = str_nearest(name, names, f->column_n);
    int rc = near ? ERR(err, ERR_INVALID, "there is no column '%.*s'; did you mean '%s'?",
                        STR_ARG(name), near)
                  : ERR(err, ERR_INVALID, "there is no column '%.*s'; columns: %s", STR_ARG(name),
                        list.failed ? "(too many to list)" : buf_view(&list).p);
    buf_fini(&list);
    mem_free(names);
    return rc;
}

static int room_for_column(struct frame *f)
{
    if (f->column_n < f->column_cap)
        return 0;
    size_t cap = f->column_cap ? f->column_cap * 2 : FIRST_COLUMNS;
    struct column *bigger = ARENA_TRY_ARRAY(f->arena, cap, struct column);
    if (!bigger)
        return -1;
    if (f->column_n)
        memcpy(bigger, f->columns, f->column_n * sizeof *bigger);
    f->columns = bigger;
    f->column_cap = cap;
    return 0;
}

struct column *frame_add(struct frame *f, const char *name, enum column_type type, struct err *err)
{
    struct column c = { .name = arena_strdup(f->arena, name), .type = type };
    if (type == COLUMN_STRING)
        c.codes = ARENA_TRY_ARRAY(f->arena, f->n, int32_t);
    else
        c.numbers = ARENA_TRY_ARRAY(f->arena, f->n, double);
    if (!c.name || (!c.codes && !c.numbers) || room_for_column(f) != 0) {
        IGNORE(ERR(err, ERR_NOMEM, "no memory for column '%s' of %zu rows; raise the memory limit",
                   name, f->n));
        return NULL;
    }
    f->columns[f->column_n] = c;
    return &f->columns[f->column_n++];
}

void frame_drop(struct frame *f, str_t name)
{
    struct column *c = frame_column(f, name);
    if (!c)
        return;
    size_t at = (size_t)(c - f->columns);
    memmove(c, c + 1, (f->column_n - at - 1) * sizeof *c);
    f->column_n--;
}

size_t frame_row_number(const struct frame *f, size_t row)
{
    return (f->origin ? f->origin[row] : row) + 1;
}

int column_is_missing(const struct column *c, size_t row)
{
    return c->codes ? c->codes[row] < 0 : isnan(c->numbers[row]);
}

static str_t number_text(double v, char scratch[COLUMN_TEXT_MAX])
{
    static const double exact = 9007199254740992.0; /* 2^53 */
    size_t n =
        v == floor(v) && fabs(v) <= exact ? fmt_i64((int64_t)v, scratch) : fmt_double(v, scratch);
    return (str_t){ scratch, n };
}

str_t column_text(const struct column *c, size_t row, char scratch[COLUMN_TEXT_MAX])
{
    if (column_is_missing(c, row))
        return STR("");
    if (c->codes)
        return c->levels[c->codes[row]];
    double v = c->numbers[row];
    if (c->type == COLUMN_BOOLEAN)
        return v != 0 ? STR("true") : STR("false");
    if (c->type == COLUMN_TIME)
        return (str_t){ scratch, clock_format((int64_t)v, scratch) };
    return number_text(v, scratch);
}

int frame_keep(struct frame *f, const uint32_t *rows, size_t n, struct err *err)
{
    if (n == f->n)
        return 0;
    uint32_t *origin = ARENA_TRY_ARRAY(f->arena, n, uint32_t);
    if (!origin)
        return ERR(err, ERR_NOMEM, "no memory for %zu row numbers", n);
    for (size_t i = 0; i < n; i++)
        origin[i] = f->origin ? f->origin[rows[i]] : rows[i];
    for (size_t k = 0; k < f->column_n; k++) { /* in place: rows[i] ≥ i */
        struct column *c = &f->columns[k];
        for (size_t i = 0; i < n && c->numbers; i++)
            c->numbers[i] = c->numbers[rows[i]];
        for (size_t i = 0; i < n && c->codes; i++)
            c->codes[i] = c->codes[rows[i]];
    }
    f->origin = origin;
    f->n = n;
    return 0;
}

/* ---- content hashes ---- */

enum { HASH_BLOCK = 8192 }; /* rows a task */

struct hash_job {
    const struct column *const *columns;
    const uint64_t *const *level_hash; /* by column: hash of each level; NULL for numbers */
    size_t column_n;
    size_t rows;
    uint64_t seed;
    uint64_t *out;
    uint64_t *cells[PARALLEL_MAX]; /* by worker: column_n words of scratch */
};

static uint64_t number_bits(double v)
{
    uint64_t bits;
    if (isnan(v))
        return UINT64_C(0x7ff8000000000000);
    v += 0.0; /* -0 becomes 0 */
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static void hash_block(void *context, int worker, size_t block)
{
    const struct hash_job *j = context;
    uint64_t *cells = j->cells[worker];
    size_t to = MIN((block + 1) * HASH_BLOCK, j->rows);
    for (size_t row = block * HASH_BLOCK; row < to; row++) {
        for (size_t k = 0; k < j->column_n; k++) {
            const struct column *c = j->columns[k];
            if (c->numbers)
                cells[k] = number_bits(c->numbers[row]);
            else
                cells[k] = c->codes[row] < 0 ? UINT64_C(0x7ff8000000000000)
                                             : j->level_hash[k][c->codes[row]];
        }
        j->out[row] = siphash(j->seed, cells, j->column_n * sizeof *cells);
    }
}

static int by_name(const void *a, const void *b)
{
    const struct column *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

/* Hash of each level's bytes, so that rows hash texts and not codes, which depend on the file's
 * order. */
static int hash_levels(struct arena *scratch, const struct column *const *columns, size_t n,
                       const uint64_t **out)
{
    for (size_t k = 0; k < n; k++) {
        if (!columns[k]->codes)
            continue;
        uint64_t *h = ARENA_TRY_ARRAY(scratch, columns[k]->level_n, uint64_t);
        if (!h)
            return ERR_NOMEM;
        for (size_t i = 0; i < columns[k]->level_n; i++)
            h[i] = siphash(1, columns[k]->levels[i].p, columns[k]->levels[i].n);
        out[k] = h;
    }
    return 0;
}

int frame_hash_rows(const struct frame *f, const struct column *const *columns, size_t column_n,
                    uint64_t seed, int threads, uint64_t *out)
{
    struct arena scratch;
    arena_init(&scratch, GIB(4));
    size_t n = columns ? column_n : f->column_n;
    const struct column **sorted = ARENA_TRY_ARRAY(&scratch, n, const struct column *);
    const uint64_t **level_hash = ARENA_TRY_ARRAY(&scratch, n, const uint64_t *);
    int rc = sorted && level_hash ? 0 : ERR_NOMEM;
    if (rc == 0) {
        for (size_t k = 0; k < n; k++)
            sorted[k] = columns ? columns[k] : &f->columns[k];
        qsort(sorted, n, sizeof *sorted, by_name);
        rc = hash_levels(&scratch, sorted, n, level_hash);
    }
    struct hash_job job = { sorted, level_hash, n, f->n, seed, out, { NULL } };
    threads = MIN(MAX(threads, 1), PARALLEL_MAX);
    for (int t = 0; rc == 0 && t < threads; t++) {
        job.cells[t] = ARENA_TRY_ARRAY(&scratch, n, uint64_t);
        rc = job.cells[t] ? 0 : ERR_NOMEM;
    }
    if (rc == 0)
        parallel_run(threads, (f->n + HASH_BLOCK - 1) / HASH_BLOCK, hash_block, &job);
    arena_fini(&scratch);
    return rc;
}
