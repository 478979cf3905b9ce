/* SPDX-License-Identifier: Apache-2.0
 * See listing.h. Rows are kept in the order of searches; runs that were made, moved or deleted
 * since are merged in. A column knows the commit it is as of; rows that changed later are read
 * again by key. */
#include "track/listing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/thread.h"
#include "track/track_int.h"

enum { LISTINGS_RANK = 600, LISTING_RANK = 610, MOVES_MAX = 512, ID_BYTES = 16 };

SQL(listing_runs, "SELECT run_id, start_time_ms, lifecycle_stage FROM runs WHERE experiment_id = $1"
                  " ORDER BY start_time_ms DESC, run_id");
SQL(listing_run,
    "SELECT run_id, start_time_ms, lifecycle_stage, experiment_id FROM runs WHERE run_id = $1");
SQL(listing_full, "SELECT " RUN_COLUMNS " WHERE r.experiment_id = $1"
                  " ORDER BY r.start_time_ms DESC, r.run_id");

struct place {
    unsigned char id[ID_BYTES]; /* of the hex digits */
    int64_t start_ms;
    uint16_t note;
    uint8_t deleted;
};

struct column {
    struct expr name; /* its strings are in `texts` */
    int metric_parts;
    int is_text;
    double *numbers;    /* one a row; ABSENT where there is none */
    uint32_t *codes;    /* one a row; 0 where there is none, else 1 + index into words */
    struct map words;   /* every text of the column */
    struct arena texts; /* holds them */
    uint64_t as_of;     /* commit */
    uint64_t use;       /* the last search that named it */
};

struct listing {
    int64_t experiment_id;
    struct lock lock;
    int refs;      /* guarded by the lock of all */
    uint64_t tick; /* of the last use */
    size_t bytes;  /* as of the last close; guarded by the lock of all */

    int is_odd;     /* too large, or ids that are not 32 hex digits: not held */
    uint64_t as_of; /* commit; 0 = nothing read yet */
    struct place *places;
    size_t n, cap;
    struct column *columns[LISTING_COLUMNS_MAX];
    size_t column_n;
    uint64_t use;  /* counts searches */
    struct tx *tx; /* while open */
    struct listings *all;
};

struct listings {
    struct lock lock;
    struct listing *list[LISTINGS_MAX];
    size_t n;
    uint64_t tick;
};

/* A NaN of its own; values that are not a number are kept as the usual one. */
static const uint64_t ABSENT = UINT64_C(0x7ff8a5a5a5a5a5a5);

/* ---- columns ---- */

static void column_free(struct column *c)
{
    if (!c)
        return;
    mem_free(c->numbers);
    mem_free(c->codes);
    map_fini(&c->words);
    arena_fini(&c->texts);
    mem_free(c);
}

static size_t column_bytes(const struct column *c, size_t rows)
{
    return rows * (c->is_text ? sizeof *c->codes : sizeof *c->numbers) + c->texts.used_bytes +
           c->words.cap * sizeof *c->words.entries + c->words.slot_n * sizeof *c->words.slots;
}

struct expr_value column__value(const struct column *c, size_t row)
{
    struct expr_value v = { .type = EXPR_NULL };
    uint64_t bits;
    if (c->is_text) {
        if (c->codes[row]) {
            v.type = EXPR_STRING;
            v.string = c->words.entries[c->codes[row] - 1].key;
        }
        return v;
    }
    memcpy(&bits, &c->numbers[row], sizeof bits);
    if (bits != ABSENT) {
        v.type = EXPR_NUMBER;
        v.number = c->numbers[row];
    }
    return v;
}

/* 1, or 0 when the texts outgrew their bound. */
static int put(struct column *c, size_t row, const struct expr_value *v)
{
    if (!c->is_text) {
        double x = isnan(v->number) ? (double)NAN : v->number;
        if (v->type == EXPR_NULL)
            memcpy(&x, &ABSENT, sizeof x);
        c->numbers[row] = x;
        return 1;
    }
    c->codes[row] = 0;
    if (v->type == EXPR_NULL)
        return 1;
    size_t at = map_find(&c->words, v->string);
    if (at == SIZE_MAX) {
        str_t kept = arena_str(&c->texts, v->string);
        if (c->texts.failed)
            return 0;
        at = map_put(&c->words, kept, c);
    }
    c->codes[row] = (uint32_t)at + 1;
    return 1;
}

static void drop_columns(struct listing *l)
{
    while (l->column_n)
        column_free(l->columns[--l->column_n]);
}

static size_t bytes_of(const struct listing *l)
{
    size_t bytes = l->cap * sizeof *l->places;
    for (size_t i = 0; i < l->column_n; i++)
        bytes += column_bytes(l->columns[i], l->cap);
    return bytes;
}

/* ---- ids ---- */

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* 0 when the text is not 32 hex digits. */
static int pack(const char *text, unsigned char out[ID_BYTES])
{
    for (size_t i = 0; i < ID_BYTES; i++) {
        int high = digit(text[2 * i]), low = high < 0 ? -1 : digit(text[2 * i + 1]);
        if (low < 0)
            return 0;
        out[i] = (unsigned char)(high << 4 | low);
    }
    return text[2 * ID_BYTES] == '\0';
}

static void unpack(const unsigned char id[ID_BYTES], char out[HEX32_TEXT])
{
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; i < ID_BYTES; i++) {
        out[2 * i] = hex[id[i] >> 4];
        out[2 * i + 1] = hex[id[i] & 15];
    }
    out[2 * ID_BYTES] = '\0';
}

static int by_place(const void *x, const void *y)
{
    const struct place *a = x, *b = y;
    if (a->start_ms != b->start_ms)
        return a->start_ms > b->start_ms ? -1 : 1;
    return memcmp(a->id, b->id, ID_BYTES);
}

static int by_id(const void *x, const void *y)
{
    return memcmp(x, y, ID_BYTES);
}

/* ---- rows ---- */

/* Room for n rows here and in every column; 0 when it is not to be had. */
static int room(struct listing *l, size_t n)
{
    if (n <= l->cap)
        return 1;
    size_t cap = n + n / 8 + 64;
    if (cap * sizeof *l->places > LISTING_BYTES)
        return 0;
    struct place *places = mem_try_realloc(l->places, cap, sizeof *places);
    if (!places)
        return 0;
    l->places = places;
    for (size_t i = 0; i < l->column_n; i++) {
        struct column *c = l->columns[i];
        void *p = c->is_text ? mem_try_realloc(c->codes, cap, sizeof *c->codes)
                             : mem_try_realloc(c->numbers, cap, sizeof *c->numbers);
        if (!p)
            return 0;
        if (c->is_text)
            c->codes = p;
        else
            c->numbers = p;
    }
    l->cap = cap;
    return 1;
}

/* 0 when the id is not one that is kept. */
static int read_place(const struct stmt *st, struct place *p)
{
    char small[512];
    struct arena a;
    arena_init(&a, KIB(16));
    const char *id = stmt_get_text(st, 0, &a), *stage = stmt_get_text(st, 2, &a);
    (void)snprintf(small, sizeof small, "%s", id ? id : "");
    *p = (struct place){ .start_ms = stmt_get_int(st, 1),
                         .note = (uint16_t)tx_note(small),
                         .deleted = !stage || strcmp(stage, "active") != 0 };
    arena_fini(&a);
    return pack(small, p->id);
}

static int read_all(struct listing *l, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    drop_columns(l);
    l->n = 0;
    int rc = stmt_open(l->tx, &listing_runs, &st, err);
    if (rc)
        return rc;
    stmt_int(st, 1, l->experiment_id);
    while ((rc = stmt_step(st, err)) == 1) {
        if (!room(l, l->n + 1) || !read_place(st, &l->places[l->n])) {
            l->is_odd = 1;
            return 0;
        }
        l->n++;
    }
    return rc;
}

/* Of the moved runs those that are in the experiment now, in order. */
static int read_moved(struct listing *l, char (*ids)[STORE_ID_TEXT], size_t n, struct place *out,
                      size_t *out_n, struct err *err)
{
    int rc = 0;
    *out_n = 0;
    for (size_t i = 0; i < n && rc >= 0; i++) {
        AUTO(stmt_auto) struct stmt *st = NULL;
        rc = stmt_open(l->tx, &listing_run, &st, err);
        if (rc)
            return rc;
        stmt_text(st, 1, ids[i]);
        rc = stmt_step(st, err);
        if (rc != 1 || stmt_get_int(st, 3) != l->experiment_id)
            continue;
        if (!read_place(st, &out[*out_n])) {
            l->is_odd = 1;
            return 0;
        }
        ++*out_n;
    }
    if (*out_n)
        qsort(out, *out_n, sizeof *out, by_place);
    return MIN(rc, 0);
}

/* Where each row of the merged list comes from: old rows but the moved ones, and the new. */
static size_t merge(const struct listing *l, const unsigned char (*moved)[ID_BYTES], size_t moved_n,
                    const struct place *in, size_t in_n, uint32_t *from)
{
    size_t n = 0, k = 0;
    for (size_t i = 0; i < l->n; i++) {
        while (k < in_n && by_place(&in[k], &l->places[i]) < 0)
            from[n++] = (uint32_t)(l->n + k++);
        if (!bsearch(l->places[i].id, moved, moved_n, ID_BYTES, by_id))
            from[n++] = (uint32_t)i;
    }
    while (k < in_n)
        from[n++] = (uint32_t)(l->n + k++);
    return n;
}

/* The elements at from[], those past old_n from extra (or zero), back into list. */
static void gather(void *list, size_t size, const void *extra, const uint32_t *from, size_t n,
                   size_t old_n, char *scratch)
{
    const char *old = list;
    for (size_t i = 0; i < n; i++) {
        if (from[i] < old_n)
            memcpy(scratch + i * size, old + from[i] * size, size);
        else if (extra)
            memcpy(scratch + i * size, (const char *)extra + (from[i] - old_n) * size, size);
        else
            memset(scratch + i * size, 0, size);
    }
    memcpy(list, scratch, n * size);
}

static int put_moved(struct listing *l, const unsigned char (*moved)[ID_BYTES], size_t moved_n,
                     const struct place *in, size_t in_n)
{
    uint32_t *from = mem_try_realloc(NULL, l->n + in_n + 1, sizeof *from);
    char *scratch = mem_try_realloc(NULL, l->n + in_n + 1, sizeof *l->places);
    int ok = from && scratch && room(l, l->n + in_n);
    if (ok) {
        size_t old_n = l->n, n = merge(l, moved, moved_n, in, in_n, from);
        gather(l->places, sizeof *l->places, in, from, n, old_n, scratch);
        for (size_t i = 0; i < l->column_n; i++) {
            struct column *c = l->columns[i];
            if (c->is_text)
                gather(c->codes, sizeof *c->codes, NULL, from, n, old_n, scratch);
            else
                gather(c->numbers, sizeof *c->numbers, NULL, from, n, old_n, scratch);
        }
        l->n = n;
    }
    mem_free(from);
    mem_free(scratch);
    return ok;
}

/* New rows have no values yet; their notes are younger than every column, which reads them. */
static int merge_moved(struct listing *l, char (*ids)[STORE_ID_TEXT], size_t n, struct err *err)
{
    unsigned char(*moved)[ID_BYTES] = mem_alloc(n * sizeof *moved);
    struct place *in = mem_alloc(n * sizeof *in);
    size_t in_n = 0, moved_n = 0;
    for (size_t i = 0; i < n; i++)
        moved_n += (size_t)pack(ids[i], moved[moved_n]);
    qsort(moved, moved_n, sizeof *moved, by_id);
    int rc = read_moved(l, ids, n, in, &in_n, err);
    for (size_t i = 1; i < in_n;) { /* moved twice */
        if (by_place(&in[i - 1], &in[i]) == 0)
            memmove(&in[i], &in[i + 1], (--in_n - i) * sizeof *in);
        else
            i++;
    }
    if (!rc && !l->is_odd && !put_moved(l, moved, moved_n, in, in_n))
        l->is_odd = 1;
    mem_free(moved);
    mem_free(in);
    return rc;
}

static int catch_up(struct listing *l, struct err *err)
{
    int n = -1, rc = 0;
    char(*ids)[STORE_ID_TEXT] = mem_alloc(MOVES_MAX * sizeof *ids);
    if (l->as_of)
        n = tx_moved(l->tx, l->as_of, ids, MOVES_MAX);
    if (n < 0)
        rc = read_all(l, err);
    else if (n > 0)
        rc = merge_moved(l, ids, (size_t)n, err);
    mem_free(ids);
    l->as_of = rc ? 0 : tx_seen(l->tx);
    return rc;
}

/* ---- values ---- */

static int fill(struct listing *l, struct column *c, size_t row, struct arena *scratch,
                struct err *err)
{
    char id[HEX32_TEXT];
    struct run r = { .id = id };
    struct run_look look = { l->tx, scratch, &r, c->metric_parts };
    struct expr_value v = { .type = EXPR_NULL };
    unpack(l->places[row].id, id);
    arena_reset(scratch);
    int rc = run__is_of_row(&c->name) ? run_get(l->tx, scratch, id, &r, err) : 0;
    if (!rc)
        rc = run__value_of(&look, &c->name, &v, err);
    return rc < 0 ? rc : put(c, row, &v);
}

/* Values that stand in the runs themselves: one statement for all. */
static int fill_from_rows(struct listing *l, struct column *c, struct arena *scratch,
                          struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    size_t row = 0;
    int rc = stmt_open(l->tx, &listing_full, &st, err), ok = 1;
    if (rc)
        return rc;
    stmt_int(st, 1, l->experiment_id);
    for (; ok == 1 && (rc = stmt_step(st, err)) == 1; row++) {
        struct run r;
        struct run_look look = { l->tx, scratch, &r, c->metric_parts };
        struct expr_value v = { .type = EXPR_NULL };
        unsigned char id[ID_BYTES];
        arena_reset(scratch);
        run__read(st, scratch, &r);
        if (row >= l->n || !pack(r.id, id) || memcmp(id, l->places[row].id, ID_BYTES) != 0)
            return 0;
        ok = run__value_of(&look, &c->name, &v, err);
        if (!ok)
            ok = put(c, row, &v);
    }
    return rc < 0 ? rc : MIN(ok, row == l->n);
}

static void forget(struct listing *l, size_t i)
{
    column_free(l->columns[i]);
    l->columns[i] = l->columns[--l->column_n];
}

static int is_stale(const struct listing *l, const struct column *c, size_t row)
{
    return !c->as_of || tx_note_changed(l->tx, l->places[row].note) > c->as_of;
}

/* The columns of this search, a run at a time: its values lie side by side in the database. 1 when
 * they are as of the snapshot, 0 when they do not fit. */
static int fill_stale(struct listing *l, struct arena *scratch, struct err *err)
{
    int rc = 1;
    for (size_t i = 0; i < l->n; i++)
        for (size_t k = 0; k < l->column_n; k++) {
            struct column *c = l->columns[k];
            if (c->use == l->use && is_stale(l, c, i) && (rc = fill(l, c, i, scratch, err)) != 1)
                return rc;
        }
    return rc;
}

int listing__refresh(struct listing *l, struct err *err)
{
    struct arena scratch;
    int rc = 1;
    arena_init(&scratch, MIB(1));
    for (size_t k = 0; rc == 1 && k < l->column_n; k++) {
        struct column *c = l->columns[k];
        if (c->use != l->use || c->as_of || !run__is_of_row(&c->name))
            continue;
        rc = fill_from_rows(l, c, &scratch, err);
        c->as_of = rc == 1 ? l->as_of : 0;
    }
    if (rc == 1)
        rc = fill_stale(l, &scratch, err);
    arena_fini(&scratch);
    for (size_t k = l->column_n; k-- > 0;) {
        struct column *c = l->columns[k];
        if (c->use != l->use)
            continue;
        c->as_of = l->as_of;
        /* Texts that no row has any more go with the whole column. */
        if (rc != 1 || (c->is_text && c->words.n > 2 * l->n + 1024))
            forget(l, k), rc = MIN(rc, 0);
    }
    return rc;
}

static int same_name(const struct column *c, const struct expr *name, int metric_parts)
{
    return c->metric_parts == metric_parts && str_eq(c->name.entity, name->entity) &&
           str_eq(c->name.name, name->name);
}

/* Makes room by letting go of columns that this search does not use. */
static int make_room(struct listing *l)
{
    size_t more = l->cap * sizeof(double);
    while (l->column_n == LISTING_COLUMNS_MAX || bytes_of(l) + more > LISTING_BYTES) {
        size_t oldest = SIZE_MAX;
        for (size_t i = 0; i < l->column_n; i++)
            if (l->columns[i]->use != l->use &&
                (oldest == SIZE_MAX || l->columns[i]->use < l->columns[oldest]->use))
                oldest = i;
        if (oldest == SIZE_MAX)
            return 0;
        forget(l, oldest);
    }
    return 1;
}

static int add_column(struct listing *l, const struct expr *name, int metric_parts)
{
    if (!make_room(l))
        return 0;
    struct column *c = mem_alloc(sizeof *c);
    arena_init(&c->texts, LISTING_BYTES / 2);
    map_init(&c->words);
    c->is_text = name->type == EXPR_STRING;
    c->metric_parts = metric_parts;
    c->name = (struct expr){ .op = EXPR_NAME,
                             .type = name->type,
                             .entity = arena_str(&c->texts, name->entity),
                             .name = arena_str(&c->texts, name->name) };
    if (c->is_text)
        c->codes = mem_try_alloc(l->cap + 1, sizeof *c->codes);
    else
        c->numbers = mem_try_alloc(l->cap + 1, sizeof *c->numbers);
    if (c->texts.failed || (!c->codes && !c->numbers)) {
        column_free(c);
        return 0;
    }
    l->columns[l->column_n++] = c;
    return 1;
}

int listing__column(struct listing *l, const struct expr *name, int metric_parts,
                    const struct column **out)
{
    size_t i = 0;
    while (i < l->column_n && !same_name(l->columns[i], name, metric_parts))
        i++;
    if (i == l->column_n) { /* others may go for it */
        if (!add_column(l, name, metric_parts))
            return 0;
        i = l->column_n - 1;
    }
    l->columns[i]->use = l->use;
    *out = l->columns[i];
    return 1;
}

/* ---- all of them ---- */

static void listing_free(struct listing *l)
{
    drop_columns(l);
    mem_free(l->places);
    lock_fini(&l->lock);
    mem_free(l);
}

static void *listings_make(void)
{
    struct listings *all = mem_alloc(sizeof *all);
    lock_init(&all->lock, "listings", LISTINGS_RANK);
    return all;
}

static void listings_drop(void *cache)
{
    struct listings *all = cache;
    while (all->n)
        listing_free(all->list[--all->n]);
    lock_fini(&all->lock);
    mem_free(all);
}

static const struct store_cache listings_kind = { STORE_CACHE_RUNS, listings_make, listings_drop };

/* The least recently used of those that nobody has open, but `keep`; SIZE_MAX when there is none.
 */
static size_t oldest_of(const struct listings *all, const struct listing *keep)
{
    size_t oldest = SIZE_MAX;
    for (size_t i = 0; i < all->n; i++)
        if (!all->list[i]->refs && all->list[i] != keep &&
            (oldest == SIZE_MAX || all->list[i]->tick < all->list[oldest]->tick))
            oldest = i;
    return oldest;
}

static void let_go(struct listings *all, size_t i)
{
    listing_free(all->list[i]);
    all->list[i] = all->list[--all->n];
}

/* NULL when every listing is in use. */
static struct listing *take(struct listings *all, int64_t experiment_id)
{
    size_t i = 0;
    struct listing *l = NULL;
    lock_take(&all->lock);
    while (i < all->n && all->list[i]->experiment_id != experiment_id)
        i++;
    if (i == all->n && all->n == LISTINGS_MAX) {
        size_t oldest = oldest_of(all, NULL);
        if (oldest != SIZE_MAX)
            let_go(all, oldest);
        i = all->n;
    }
    if (i < all->n) {
        l = all->list[i];
    } else if (all->n < LISTINGS_MAX) {
        l = all->list[all->n++] = mem_alloc(sizeof *l);
        l->experiment_id = experiment_id;
        l->all = all;
        lock_init(&l->lock, "listing", LISTING_RANK);
    }
    if (l) {
        l->refs++;
        l->tick = ++all->tick;
    }
    lock_drop(&all->lock);
    return l;
}

static void give(struct listing *l, size_t bytes)
{
    struct listings *all = l->all;
    size_t total = 0, i;
    lock_take(&all->lock);
    l->refs--;
    l->bytes = bytes;
    for (i = 0; i < all->n; i++)
        total += all->list[i]->bytes;
    while (total > LISTINGS_BYTES && (i = oldest_of(all, l)) != SIZE_MAX) {
        total -= all->list[i]->bytes;
        let_go(all, i);
    }
    lock_drop(&all->lock);
}

int listing__open(struct tx *tx, int64_t experiment_id, int renew, struct listing **out,
                  struct err *err)
{
    struct listings *all = tx_cache(tx, &listings_kind);
    struct listing *l = all ? take(all, experiment_id) : NULL;
    *out = NULL;
    if (!l)
        return 0;
    lock_take(&l->lock);
    l->tx = tx;
    l->use++;
    if (!renew && !l->is_odd && l->as_of > tx_seen(tx)) {
        listing__close(l);
        return LISTING_AHEAD;
    }
    int rc = l->is_odd || !renew ? 0 : tx_renew(tx, err);
    if (!rc && !l->is_odd)
        rc = catch_up(l, err);
    if (rc || l->is_odd) {
        drop_columns(l);
        mem_free(STEAL(l->places));
        l->n = l->cap = 0;
        l->as_of = 0;
        listing__close(l);
        return rc;
    }
    *out = l;
    return 1;
}

void listing__close(struct listing *l)
{
    if (!l)
        return;
    size_t bytes = bytes_of(l);
    l->tx = NULL;
    lock_drop(&l->lock);
    give(l, bytes);
}

size_t listing__count(const struct listing *l)
{
    return l->n;
}

void listing__run(const struct listing *l, size_t row, char out_id[HEX32_TEXT],
                  int64_t *out_start_ms)
{
    unpack(l->places[row].id, out_id);
    *out_start_ms = l->places[row].start_ms;
}

int listing__is_deleted(const struct listing *l, size_t row)
{
    return l->places[row].deleted;
}
