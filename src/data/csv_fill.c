/* SPDX-License-Identifier: Apache-2.0
 * Chunks to columns: doubles are copied with NaN for NULL, strings are coded in order of first
 * appearance. Each column is one thread's work from first row to last, so codes depend on nothing
 * else. */
#include "data/csv_fill_int.h"

#include <math.h>

#include "base/mem.h"
#include "base/parallel.h"

enum { SLOTS_FIRST = 256, TEXT_FIRST = 4096 };

struct chunks {
    duck_chunk *items;
    size_t n, cap;
    size_t rows;
};

/* ---- coding ---- */

struct coder {
    uint32_t *slots;  /* level + 1; 0 = empty */
    size_t slot_n;    /* power of two */
    uint64_t *hashes; /* by level */
    size_t *offsets;  /* by level, into text */
    uint32_t *lengths;
    size_t n, cap;
    char *text;
    size_t text_n, text_cap;
    size_t max;  /* levels; 0 = no limit but that of codes */
    int limited; /* what comes past max has the code max, a level without text */
    int shared;  /* and some value has it */
};

static uint64_t mix(uint64_t h, uint64_t w)
{
    h = (h ^ w) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ h >> 29;
}

static uint64_t hash_text(str_t s)
{
    uint64_t h = mix(0, s.n), w;
    while (s.n >= 8) {
        memcpy(&w, s.p, 8);
        h = mix(h, w);
        s.p += 8;
        s.n -= 8;
    }
    w = 0;
    if (s.n)
        memcpy(&w, s.p, s.n);
    h = mix(h, w);
    return h ^ h >> 32;
}

static void coder_fini(struct coder *c)
{
    mem_free(c->slots);
    mem_free(c->hashes);
    mem_free(c->offsets);
    mem_free(c->lengths);
    mem_free(c->text);
}

static int more_slots(struct coder *c)
{
    size_t n = c->slot_n ? c->slot_n * 2 : SLOTS_FIRST;
    uint32_t *slots = mem_try_alloc(n, sizeof *slots);
    if (!slots)
        return ERR_NOMEM;
    for (size_t i = 0; i < c->n; i++) {
        size_t at = c->hashes[i] & (n - 1);
        while (slots[at])
            at = (at + 1) & (n - 1);
        slots[at] = (uint32_t)i + 1;
    }
    mem_free(c->slots);
    c->slots = slots;
    c->slot_n = n;
    return 0;
}

static int more_levels(struct coder *c)
{
    size_t cap = c->cap ? c->cap * 2 : SLOTS_FIRST / 2;
    uint64_t *hashes = mem_try_realloc(c->hashes, cap, sizeof *hashes);
    if (hashes)
        c->hashes = hashes;
    size_t *offsets = mem_try_realloc(c->offsets, cap, sizeof *offsets);
    if (offsets)
        c->offsets = offsets;
    uint32_t *lengths = mem_try_realloc(c->lengths, cap, sizeof *lengths);
    if (lengths)
        c->lengths = lengths;
    if (!hashes || !offsets || !lengths)
        return ERR_NOMEM;
    c->cap = cap;
    return 0;
}

static int add_text(struct coder *c, str_t s)
{
    if (c->text_cap - c->text_n < s.n) {
        size_t cap = MAX(c->text_cap ? c->text_cap * 2 : (size_t)TEXT_FIRST, c->text_n + s.n);
        char *text = mem_try_realloc(c->text, cap, 1);
        if (!text)
            return ERR_NOMEM;
        c->text = text;
        c->text_cap = cap;
    }
    if (s.n)
        memcpy(c->text + c->text_n, s.p, s.n);
    return 0;
}

static int add_level(struct coder *c, str_t s, uint64_t hash)
{
    int rc = c->n == c->cap ? more_levels(c) : 0;
    if (rc == 0)
        rc = add_text(c, s);
    if (rc)
        return rc;
    c->hashes[c->n] = hash;
    c->offsets[c->n] = c->text_n;
    c->lengths[c->n] = (uint32_t)s.n;
    c->text_n += s.n;
    c->n++;
    return 0;
}

static int code_of(struct coder *c, str_t s, int32_t *out)
{
    uint64_t hash = hash_text(s);
    if (c->n * 2 >= c->slot_n && more_slots(c) != 0)
        return ERR_NOMEM;
    size_t at = hash & (c->slot_n - 1);
    for (; c->slots[at]; at = (at + 1) & (c->slot_n - 1)) {
        uint32_t level = c->slots[at] - 1;
        if (c->hashes[level] == hash && c->lengths[level] == s.n &&
            memcmp(c->text + c->offsets[level], s.p, s.n) == 0) {
            *out = (int32_t)level;
            return 0;
        }
    }
    if (c->limited && c->n >= c->max) {
        c->shared = 1;
        *out = (int32_t)c->max;
        return 0;
    }
    int rc = add_level(c, s, hash);
    if (rc)
        return rc;
    c->slots[at] = (uint32_t)c->n;
    *out = (int32_t)c->n - 1;
    return 0;
}

/* ---- columns ---- */

struct fill_job {
    struct duck *d;
    const struct chunks *chunks;
    struct column *columns;
    struct coder *coders;
    uint8_t *fractional; /* by column: some value is not whole */
    size_t column_n;
    int *rc; /* by column */
};

static void fill_numbers(struct fill_job *j, size_t column)
{
    double *out = j->columns[column].numbers;
    int fractional = 0;
    for (size_t i = 0; i < j->chunks->n; i++) {
        duck_vector vector = j->d->api.data_chunk_get_vector(j->chunks->items[i], column);
        size_t n = j->d->api.data_chunk_get_size(j->chunks->items[i]);
        const double *v = j->d->api.vector_get_data(vector);
        const uint64_t *validity = j->d->api.vector_get_validity(vector);
        memcpy(out, v, n * sizeof *out);
        for (size_t k = 0; validity && k < n; k++)
            if (duck_is_null(validity, k))
                out[k] = NAN;
        for (size_t k = 0; !fractional && k < n; k++)
            fractional = out[k] != floor(out[k]) && !isnan(out[k]);
        out += n;
    }
    j->fractional[column] = (uint8_t)fractional;
}

static int fill_strings(struct fill_job *j, size_t column)
{
    int32_t *out = j->columns[column].codes;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < j->chunks->n; i++) {
        duck_vector vector = j->d->api.data_chunk_get_vector(j->chunks->items[i], column);
        size_t n = j->d->api.data_chunk_get_size(j->chunks->items[i]);
        const struct duck_string *v = j->d->api.vector_get_data(vector);
        const uint64_t *validity = j->d->api.vector_get_validity(vector);
        for (size_t k = 0; rc == 0 && k < n; k++) {
            if (duck_is_null(validity, k))
                out[k] = -1;
            else
                rc = code_of(&j->coders[column], duck_text(&v[k]), &out[k]);
        }
        out += n;
    }
    return rc;
}

static void fill_column(void *context, int worker, size_t column)
{
    struct fill_job *j = context;
    (void)worker;
    if (j->columns[column].codes)
        j->rc[column] = fill_strings(j, column);
    else
        fill_numbers(j, column);
}

static int fill_all(struct fill_job *j, int threads)
{
    int rc = 0;
    j->rc = mem_try_alloc(j->column_n, sizeof *j->rc);
    if (!j->rc)
        return ERR_NOMEM;
    parallel_run(j->chunks->n < 8 ? 1 : threads, j->column_n, fill_column, j);
    for (size_t k = 0; k < j->column_n && rc == 0; k++)
        rc = j->rc[k];
    mem_free(j->rc);
    return rc;
}

/* ---- chunks ---- */

static void chunks_fini(struct duck *d, struct chunks *c)
{
    for (size_t i = 0; i < c->n; i++)
        d->api.destroy_data_chunk(&c->items[i]);
    mem_free(c->items);
}

static int fetch_all(struct duck *d, duck_result *result, struct chunks *c, struct err *err)
{
    duck_chunk chunk;
    while ((chunk = d->api.fetch_chunk(*result)) != NULL) {
        if (c->n == c->cap) {
            size_t cap = c->cap ? c->cap * 2 : 64;
            duck_chunk *items = mem_try_realloc(c->items, cap, sizeof *items);
            if (!items) {
                d->api.destroy_data_chunk(&chunk);
                return ERR(err, ERR_NOMEM, "no memory for the rows");
            }
            c->items = items;
            c->cap = cap;
        }
        c->items[c->n++] = chunk;
        c->rows += d->api.data_chunk_get_size(chunk);
    }
    if (c->rows > FRAME_ROWS_MAX)
        return ERR(err, ERR_LIMIT, "the file has more than %d rows", FRAME_ROWS_MAX);
    return 0;
}

/* ---- the frame ---- */

static int take_levels(struct arena *a, struct column *c, const struct coder *coder,
                       struct err *err)
{
    char *text = arena_try_alloc(a, coder->text_n + 1, 1);
    c->levels = ARENA_TRY_ARRAY(a, coder->n + 1, str_t);
    if (!text || !c->levels)
        return ERR(err, ERR_NOMEM, "no memory for the %zu texts of column '%s'", coder->n, c->name);
    if (coder->text_n)
        memcpy(text, coder->text, coder->text_n);
    for (size_t i = 0; i < coder->n; i++)
        c->levels[i] = (str_t){ text + coder->offsets[i], coder->lengths[i] };
    c->level_n = coder->n + (coder->shared ? 1 : 0);
    return 0;
}

/* A column without any value has no type: as numbers it says so later, wherever it is used. */
static int all_missing(struct frame *f, struct column *c, struct err *err)
{
    c->numbers = ARENA_TRY_ARRAY(f->arena, f->n, double);
    if (!c->numbers)
        return ERR(err, ERR_NOMEM, "no memory for column '%s'", c->name);
    for (size_t i = 0; i < f->n; i++)
        c->numbers[i] = NAN;
    c->codes = NULL;
    c->type = COLUMN_NUMBER;
    return 0;
}

static int add_columns(struct frame *f, const struct csv_dialect *d, struct err *err)
{
    static const enum column_type types[] = { COLUMN_STRING, COLUMN_NUMBER, COLUMN_BOOLEAN,
                                              COLUMN_TIME };
    for (size_t i = 0; i < d->column_n; i++)
        if (!frame_add(f, d->columns[i].name, types[d->columns[i].type], err))
            return ERR_NOMEM;
    return 0;
}

static int finish_columns(struct fill_job *j, struct frame *f, const struct csv_dialect *d,
                          struct err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < d->column_n; i++) {
        struct column *c = &f->columns[i];
        if (c->codes && j->coders[i].n == 0 && !j->coders[i].shared)
            rc = all_missing(f, c, err);
        else if (c->codes)
            rc = take_levels(f->arena, c, &j->coders[i], err);
        else if (c->type == COLUMN_NUMBER && strcmp(d->columns[i].sql_type, "BIGINT") == 0 &&
                 !j->fractional[i])
            c->type = COLUMN_INTEGER;
    }
    return rc;
}

/* Limits of the coders, and the names that are known before. */
static int prepare_coders(struct fill_job *j, const struct csv_options *o)
{
    int rc = 0;
    for (size_t i = 0; i < j->column_n; i++) {
        j->coders[i].max = o->levels_max;
        j->coders[i].limited = o->levels_max > 0;
    }
    for (size_t k = 0; k < o->known_n; k++)
        for (size_t i = 0; i < j->column_n; i++) {
            struct coder *c = &j->coders[i];
            int32_t code;
            if (strcmp(j->columns[i].name, o->known[k].column) != 0)
                continue;
            c->limited = 0;
            for (size_t n = 0; n < o->known[k].n && rc == 0; n++)
                rc = code_of(c, o->known[k].names[n], &code);
            c->max = c->n;
            c->limited = 1;
        }
    return rc;
}

static int fill_frame(struct fill_job *j, struct frame *f, const struct csv_dialect *d,
                      const struct csv_options *o, struct err *err)
{
    int rc = add_columns(f, d, err);
    j->columns = f->columns;
    j->coders = mem_try_alloc(d->column_n, sizeof *j->coders);
    j->fractional = mem_try_alloc(d->column_n, 1);
    if (rc == 0 && (!j->coders || !j->fractional))
        rc = ERR(err, ERR_NOMEM, "no memory for %zu columns", d->column_n);
    if (rc == 0 && (prepare_coders(j, o) != 0 || fill_all(j, o->threads) != 0))
        rc = ERR(err, ERR_NOMEM, "no memory for the texts of %zu rows; raise the memory limit",
                 f->n);
    if (rc == 0)
        rc = finish_columns(j, f, d, err);
    for (size_t i = 0; j->coders && i < d->column_n; i++)
        coder_fini(&j->coders[i]);
    mem_free(j->coders);
    mem_free(j->fractional);
    return rc;
}

int csv_fill(struct arena *a, struct duck *d, duck_result *result,
             const struct csv_dialect *dialect, const struct csv_options *options,
             struct frame *out, struct err *err)
{
    struct chunks chunks = { 0 };
    struct frame f;
    int rc = fetch_all(d, result, &chunks, err);
    if (rc == 0) {
        frame_init(&f, a, chunks.rows);
        struct fill_job job = { .d = d, .chunks = &chunks, .column_n = dialect->column_n };
        rc = fill_frame(&job, &f, dialect, options, err);
    }
    chunks_fini(d, &chunks);
    if (rc == 0)
        *out = f;
    return rc;
}
