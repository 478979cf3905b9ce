/* SPDX-License-Identifier: Apache-2.0
 * Counts of a window: made, added, packed into bytes and read back. Packed: a version byte, varints
 * for the whole window, then per feature the number of cells, cells as varints (a zero is followed
 * by how many more zeros come), missing, bad, sum and sum of squares. */
#include <math.h>

#include "base/limits.h"
#include "monitor/window.h"

enum { PACK_VERSION = 1 };

static size_t features_of(const struct monitor_reference *ref)
{
    return ref ? ref->n : 0;
}

struct monitor_counts *monitor_counts_new(struct arena *a, const struct monitor_reference *ref)
{
    struct monitor_counts *c = ARENA_TRY_ARRAY(a, 1, struct monitor_counts);
    size_t n = features_of(ref), cells = 0;
    for (size_t i = 0; i < n; i++)
        cells += ref->features[i].n_cells;
    struct monitor_cells *f = ARENA_TRY_ARRAY(a, n + 1, struct monitor_cells);
    uint64_t *all = ARENA_TRY_ARRAY(a, cells + 1, uint64_t);
    if (!c || !f || !all)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        f[i].cells = all;
        all += ref->features[i].n_cells;
    }
    c->ref = ref;
    c->features = f;
    c->expected_rows = NAN;
    return c;
}

void monitor_counts_add(struct monitor_counts *to, const struct monitor_counts *from)
{
    ASSERT(features_of(to->ref) == features_of(from->ref));
    to->requests += from->requests;
    to->errors += from->errors;
    to->rows += from->rows;
    to->gap_ms += from->gap_ms;
    to->last_row_ms = MAX(to->last_row_ms, from->last_row_ms);
    for (size_t i = 0; i < features_of(to->ref); i++) {
        struct monitor_cells *t = &to->features[i];
        const struct monitor_cells *f = &from->features[i];
        for (size_t k = 0; k < to->ref->features[i].n_cells; k++)
            t->cells[k] += f->cells[k];
        t->missing += f->missing;
        t->bad += f->bad;
        t->sum += f->sum;
        t->sum2 += f->sum2;
    }
}

/* ---- bytes ---- */

static void put(struct buf *b, uint64_t v)
{
    unsigned char bytes[10];
    size_t n = 0;
    while (v >= 128) {
        bytes[n++] = (unsigned char)(v | 128);
        v >>= 7;
    }
    bytes[n++] = (unsigned char)v;
    buf_put(b, bytes, n);
}

static void put_cells(struct buf *b, const uint64_t *cells, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t zeros = 0;
        put(b, cells[i]);
        if (cells[i])
            continue;
        while (i + 1 < n && cells[i + 1] == 0) {
            zeros++;
            i++;
        }
        put(b, zeros);
    }
}

void monitor_counts_pack(const struct monitor_counts *c, struct buf *out)
{
    size_t n = features_of(c->ref);
    buf_putc(out, PACK_VERSION);
    put(out, c->requests);
    put(out, c->errors);
    put(out, c->rows);
    put(out, c->gap_ms);
    put(out, (uint64_t)MAX(c->last_row_ms, 0));
    put(out, n);
    for (size_t i = 0; i < n; i++) {
        const struct monitor_cells *f = &c->features[i];
        put(out, c->ref->features[i].n_cells);
        put_cells(out, f->cells, c->ref->features[i].n_cells);
        put(out, f->missing);
        put(out, f->bad);
        buf_put(out, &f->sum, sizeof f->sum);
        buf_put(out, &f->sum2, sizeof f->sum2);
    }
}

struct unpack {
    str_t left;
    int bad;
};

static uint64_t get(struct unpack *u)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64 && u->left.n; shift += 7) {
        unsigned char c = (unsigned char)*u->left.p;
        u->left.p++;
        u->left.n--;
        v |= (uint64_t)(c & 127) << shift;
        if (c < 128)
            return v;
    }
    u->bad = 1;
    return 0;
}

static double get_double(struct unpack *u)
{
    double v = 0;
    if (u->left.n < sizeof v) {
        u->bad = 1;
        return 0;
    }
    memcpy(&v, u->left.p, sizeof v);
    u->left.p += sizeof v;
    u->left.n -= sizeof v;
    return v;
}

static void get_cells(struct unpack *u, uint64_t *cells, size_t n)
{
    for (size_t i = 0; i < n && !u->bad; i++) {
        cells[i] = get(u);
        if (cells[i])
            continue;
        uint64_t zeros = get(u);
        if (zeros >= n - i)
            u->bad = 1;
        else
            i += zeros; /* they are zero already */
    }
}

static void get_head(struct unpack *u, struct monitor_counts *c)
{
    if (!u->left.n || *u->left.p != PACK_VERSION) {
        u->bad = 1;
        return;
    }
    u->left.p++;
    u->left.n--;
    c->requests = get(u);
    c->errors = get(u);
    c->rows = get(u);
    c->gap_ms = get(u);
    c->last_row_ms = (int64_t)(get(u) & INT64_MAX);
}

int monitor_counts_shape(struct arena *a, str_t bytes, struct monitor_reference **out)
{
    struct unpack u = { bytes, 0 };
    struct monitor_counts head = { 0 };
    uint64_t skipped[MONITOR_CELLS_MAX];
    get_head(&u, &head);
    uint64_t n = u.bad ? 0 : get(&u);
    if (u.bad || n > MONITOR_FEATURES_MAX)
        return ERR_CORRUPT;
    struct monitor_reference *ref = arena_try_alloc(a, 1, sizeof *ref);
    struct monitor_feature *f = arena_try_alloc(a, n + 1, sizeof *f);
    if (!ref || !f)
        return ERR_NOMEM;
    for (size_t i = 0; i < n && !u.bad; i++) {
        f[i].n_cells = get(&u);
        if (f[i].n_cells > MONITOR_CELLS_MAX)
            return ERR_CORRUPT;
        get_cells(&u, skipped, f[i].n_cells);
        (void)get(&u);
        (void)get(&u);
        (void)get_double(&u);
        (void)get_double(&u);
    }
    ref->n = n;
    ref->features = f;
    *out = ref;
    return u.bad || u.left.n ? ERR_CORRUPT : 0;
}

int monitor_counts_fit(const struct monitor_reference *a, const struct monitor_reference *b)
{
    int same = features_of(a) == features_of(b);
    for (size_t i = 0; same && i < features_of(a); i++)
        same = a->features[i].n_cells == b->features[i].n_cells;
    return same;
}

int monitor_counts_unpack(struct arena *a, const struct monitor_reference *ref, str_t bytes,
                          struct monitor_counts *out, struct err *err)
{
    struct unpack u = { bytes, 0 };
    struct monitor_counts *c = monitor_counts_new(a, ref);
    if (!c)
        return ERR(err, ERR_NOMEM, "not enough memory for the counts of a window");
    get_head(&u, c);
    if (u.bad)
        return ERR(err, ERR_CORRUPT, "the counts of a window are in no form that is known here");
    uint64_t n = get(&u);
    if (n != features_of(ref))
        return ERR(err, ERR_CORRUPT, "the counts are of %llu features and the reference has %zu",
                   (unsigned long long)n, features_of(ref));
    for (size_t i = 0; i < n && !u.bad; i++) {
        struct monitor_cells *f = &c->features[i];
        if (get(&u) != ref->features[i].n_cells) {
            u.bad = 1;
            break;
        }
        get_cells(&u, f->cells, ref->features[i].n_cells);
        f->missing = get(&u);
        f->bad = get(&u);
        f->sum = get_double(&u);
        f->sum2 = get_double(&u);
    }
    if (u.bad || u.left.n)
        return ERR(err, ERR_CORRUPT, "the counts of a window are damaged");
    *out = *c;
    return 0;
}
