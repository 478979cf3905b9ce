/* SPDX-License-Identifier: Apache-2.0
 * The three rules of splitting. Everything is decided by hashes, times and row numbers. */
#include "data/split.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"
#include "stat/describe.h"

enum { STRATA_VALUES_MAX = 20, STRATA_BINS = 10 };

struct splitting {
    const struct frame *f;
    const struct csv_source *source;
    const struct split_spec *spec;
    int threads;
    struct split *s;
};

const char *split_part_name(enum split_part p)
{
    static const char *const names[] = { "train", "valid", "test" };
    return names[p];
}

static int check_shares(const struct split_spec *s, struct err *err)
{
    double sum = s->train + s->valid + s->test;
    if (!(s->train > 0 && s->test >= 0 && s->valid >= 0))
        return ERR(err, ERR_INVALID,
                   "the shares of a split must be positive (train %g, valid %g, test %g)", s->train,
                   s->valid, s->test);
    if (!(fabs(sum - 1) <= 1e-9))
        return ERR(err, ERR_INVALID, "the shares of a split must sum to 1, these sum to %g", sum);
    return 0;
}

/* ---- u of each row ---- */

/* The position of a hash in [0, 1), 53 bits. */
static double unit(uint64_t hash)
{
    return (double)(hash >> 11) * 0x1p-53;
}

static int units_of_key(const struct splitting *x, const struct column *key, double *u,
                        struct err *err)
{
    uint64_t seed = x->spec->seed;
    if (key->numbers) {
        char scratch[COLUMN_TEXT_MAX];
        for (size_t i = 0; i < x->f->n; i++) {
            str_t text = column_text(key, i, scratch);
            u[i] = unit(siphash(seed, text.p, text.n));
        }
        return 0;
    }
    double *of_level = mem_try_alloc(key->level_n, sizeof *of_level);
    if (!of_level)
        return ERR(err, ERR_NOMEM, "no memory for %zu keys", key->level_n);
    for (size_t i = 0; i < key->level_n; i++)
        of_level[i] = unit(siphash(seed, key->levels[i].p, key->levels[i].n));
    double missing = unit(siphash(seed, "", 0));
    for (size_t i = 0; i < x->f->n; i++)
        u[i] = key->codes[i] < 0 ? missing : of_level[key->codes[i]];
    mem_free(of_level);
    return 0;
}

static int units(const struct splitting *x, const char *key_name, double *u, struct err *err)
{
    struct column *key;
    if (key_name) {
        int rc = frame_need(x->f, str_of(key_name), &key, err);
        return rc ? rc : units_of_key(x, key, u, err);
    }
    for (size_t i = 0; i < x->f->n; i++)
        u[i] = unit(siphash(x->spec->seed, &x->s->row_hash[i], sizeof x->s->row_hash[i]));
    return 0;
}

static int split_hash(const struct splitting *x, struct err *err)
{
    const struct split_spec *p = x->spec;
    double *u = mem_try_alloc(x->f->n, sizeof *u);
    if (!u)
        return ERR(err, ERR_NOMEM, "no memory to split %zu rows", x->f->n);
    int rc = units(x, p->column ? p->column : x->source->key, u, err);
    for (size_t i = 0; rc == 0 && i < x->f->n; i++)
        x->s->part[i] = u[i] < p->train              ? PART_TRAIN
                        : u[i] < p->train + p->valid ? PART_VALID
                                                     : PART_TEST;
    mem_free(u);
    return rc;
}

/* ---- by an order ---- */

struct ranked {
    double at;
    uint32_t row;
};

static int by_at(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

static size_t share_of(double share, size_t n)
{
    return (size_t)(share * (double)n + 0.5);
}

/* Moves a cut to the next place where the time changes, back when there is none. */
static size_t untorn(const struct ranked *r, size_t n, size_t cut)
{
    size_t up = cut, down = cut;
    while (up < n && up > 0 && r[up].at == r[up - 1].at)
        up++;
    if (up < n || cut == n)
        return up;
    while (down > 0 && down < n && r[down].at == r[down - 1].at)
        down--;
    return down;
}

static int split_time(const struct splitting *x, struct err *err)
{
    struct column *c;
    const char *name = x->spec->column ? x->spec->column : x->source->time;
    size_t n = x->f->n;
    if (!name)
        return ERR(err, ERR_INVALID,
                   "a split by time needs a time column: name it as `time` of the data source");
    int rc = frame_need(x->f, str_of(name), &c, err);
    if (rc)
        return rc;
    if (!c->numbers)
        return ERR(err, ERR_INVALID, "column '%s' is text, a split by time needs times or numbers",
                   name);
    struct ranked *r = mem_try_alloc(n, sizeof *r);
    if (!r)
        return ERR(err, ERR_NOMEM, "no memory to split %zu rows", n);
    int sorted = 1;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (isnan(c->numbers[i]))
            rc = ERR(err, ERR_INVALID,
                     "column '%s' is missing in row %zu, a split by time needs it in every row",
                     name, frame_row_number(x->f, i));
        r[i] = (struct ranked){ c->numbers[i], (uint32_t)i };
        sorted = sorted && (i == 0 || r[i - 1].at <= r[i].at);
    }
    if (rc == 0 && !sorted)
        qsort(r, n, sizeof *r, by_at);
    size_t first = rc ? 0 : untorn(r, n, share_of(x->spec->train, n));
    size_t second = rc ? 0 : MAX(first, untorn(r, n, share_of(x->spec->train + x->spec->valid, n)));
    for (size_t i = 0; rc == 0 && i < n; i++)
        x->s->part[r[i].row] = i < first ? PART_TRAIN : i < second ? PART_VALID : PART_TEST;
    mem_free(r);
    return rc;
}

/* ---- stratified ---- */

/* Stratum of each row of a number column: its value when there are few, its decile otherwise. */
static int strata_of_numbers(const struct column *c, size_t n, uint32_t *stratum, size_t *out_n)
{
    double *sorted = mem_try_alloc(n + 1, sizeof *sorted),
           *scratch = mem_try_alloc(n + 1, sizeof *scratch);
    double edges[STRATA_VALUES_MAX + 1];
    size_t edge_n = 0, m = 0;
    if (sorted && scratch) {
        m = stat_sorted_copy(c->numbers, n, sorted, scratch);
        for (size_t i = 0; i < m && edge_n <= STRATA_VALUES_MAX; i++)
            if (i == 0 || sorted[i] != sorted[i - 1])
                edges[edge_n++] = sorted[i];
        if (edge_n > STRATA_VALUES_MAX)
            for (edge_n = 0; edge_n < STRATA_BINS; edge_n++)
                edges[edge_n] = stat_quantile(sorted, m, (double)edge_n / STRATA_BINS);
    }
    int rc = sorted && scratch ? 0 : ERR_NOMEM;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        uint32_t k = 0;
        while (k < edge_n && c->numbers[i] >= edges[k])
            k++;
        stratum[i] = k; /* 0 = missing */
    }
    *out_n = edge_n + 1;
    mem_free(sorted);
    mem_free(scratch);
    return rc;
}

static void strata_of_codes(const struct column *c, size_t n, uint32_t *stratum, size_t *out_n)
{
    for (size_t i = 0; i < n; i++)
        stratum[i] = (uint32_t)(c->codes[i] + 1);
    *out_n = c->level_n + 1;
}

/* The place nearest to a cut where u changes, so that rows of equal u stay together. */
static size_t nearest_change(const struct ranked *r, size_t n, size_t cut)
{
    size_t up = cut, down = cut;
    while (up < n && up > 0 && r[up].at == r[up - 1].at)
        up++;
    while (down > 0 && down < n && r[down].at == r[down - 1].at)
        down--;
    return up - cut <= cut - down ? up : down;
}

/* Rows of one stratum after another in `order`, each in order of u. */
static void assign_strata(const struct splitting *x, const struct ranked *order, const size_t *from,
                          size_t strata)
{
    for (size_t k = 0; k < strata; k++) {
        const struct ranked *r = order + from[k];
        size_t n = from[k + 1] - from[k];
        size_t first = nearest_change(r, n, share_of(x->spec->train, n));
        size_t second =
            MAX(first, nearest_change(r, n, share_of(x->spec->train + x->spec->valid, n)));
        for (size_t i = 0; i < n; i++)
            x->s->part[r[i].row] = i < first ? PART_TRAIN : i < second ? PART_VALID : PART_TEST;
    }
}

/* All rows of one u, that is of one key, join the stratum of the first of them. `order` is scratch.
 */
static void join_strata(const double *u, size_t n, struct ranked *order, uint32_t *stratum)
{
    for (size_t i = 0; i < n; i++)
        order[i] = (struct ranked){ u[i], (uint32_t)i };
    qsort(order, n, sizeof *order, by_at);
    for (size_t i = 1; i < n; i++)
        if (order[i].at == order[i - 1].at)
            stratum[order[i].row] = stratum[order[i - 1].row];
}

static int stratify(const struct splitting *x, uint32_t *stratum, size_t strata, double *u,
                    struct err *err)
{
    size_t n = x->f->n;
    struct ranked *order = mem_try_alloc(n, sizeof *order);
    size_t *from = mem_try_alloc(strata + 2, sizeof *from);
    int rc = order && from ? units(x, x->source->key, u, err)
                           : ERR(err, ERR_NOMEM, "no memory to split %zu rows", n);
    if (rc == 0) {
        join_strata(u, n, order, stratum);
        for (size_t i = 0; i < n; i++)
            from[stratum[i] + 2]++;
        for (size_t k = 2; k < strata + 2; k++)
            from[k] += from[k - 1];
        for (size_t i = 0; i < n; i++)
            order[from[stratum[i] + 1]++] = (struct ranked){ u[i], (uint32_t)i };
        for (size_t k = 0; k < strata; k++)
            qsort(order + from[k], from[k + 1] - from[k], sizeof *order, by_at);
        assign_strata(x, order, from, strata);
    }
    mem_free(order);
    mem_free(from);
    return rc;
}

static int split_stratified(const struct splitting *x, struct err *err)
{
    struct column *c;
    const char *name = x->spec->column ? x->spec->column : x->source->target;
    if (!name)
        return ERR(err, ERR_INVALID, "a stratified split needs a column");
    int rc = frame_need(x->f, str_of(name), &c, err);
    if (rc)
        return rc;
    uint32_t *stratum = mem_try_alloc(x->f->n, sizeof *stratum);
    double *u = mem_try_alloc(x->f->n, sizeof *u);
    size_t strata = 0;
    rc = stratum && u ? 0 : ERR_NOMEM;
    if (rc == 0 && c->numbers)
        rc = strata_of_numbers(c, x->f->n, stratum, &strata);
    else if (rc == 0)
        strata_of_codes(c, x->f->n, stratum, &strata);
    rc = rc ? ERR(err, ERR_NOMEM, "no memory to split %zu rows", x->f->n)
            : stratify(x, stratum, strata, u, err);
    mem_free(stratum);
    mem_free(u);
    return rc;
}

/* ---- what the parts hold ---- */

static int make_indexes(const struct splitting *x, struct err *err)
{
    struct split *s = x->s;
    for (size_t i = 0; i < x->f->n; i++)
        s->rows[s->part[i]]++;
    if (!s->rows[PART_TRAIN] || (!s->rows[PART_TEST] && x->spec->test > 0))
        return ERR(
            err, ERR_INVALID,
            "the %s part is empty: the split leaves train %zu, valid %zu, test %zu of %zu rows; %s",
            s->rows[PART_TRAIN] ? "test" : "train", s->rows[0], s->rows[1], s->rows[2], x->f->n,
            x->spec->by == SPLIT_TIME ? "are all times equal?"
            : x->spec->by == SPLIT_HASH
                ? "give it a larger share or more rows (equal rows, or equal "
                  "keys, stay together)"
                : "give it a larger share or more rows");
    size_t at[3] = { 0 };
    for (int p = 0; p < 3; p++) {
        s->index[p] = ARENA_TRY_ARRAY(x->f->arena, s->rows[p], uint32_t);
        if (!s->index[p])
            return ERR(err, ERR_NOMEM, "no memory to split %zu rows", x->f->n);
    }
    for (size_t i = 0; i < x->f->n; i++)
        s->index[s->part[i]][at[s->part[i]]++] = (uint32_t)i;
    return 0;
}

static void make_digests(const struct splitting *x)
{
    for (int p = 0; p < 3; p++) {
        struct sha256 h;
        uint64_t block[1024];
        size_t n = 0;
        sha256_init(&h);
        for (size_t i = 0; i < x->s->rows[p]; i++) {
            block[n++] = x->s->row_hash[x->s->index[p][i]];
            if (n == ARRAY_LEN(block) || i + 1 == x->s->rows[p]) {
                sha256_add(&h, block, n * sizeof block[0]);
                n = 0;
            }
        }
        sha256_hex(&h, x->s->digest[p]);
    }
}

/* Rows outside the training part that also stand in it, by a set of hashes. */
static size_t count_shared(const struct split *s, const uint64_t *hash, uint64_t *set, size_t mask)
{
    size_t shared = 0;
    for (size_t i = 0; i < s->rows[PART_TRAIN]; i++) {
        uint64_t h = hash[s->index[PART_TRAIN][i]] | 1; /* 0 = empty */
        size_t at = (h >> 1) & mask;
        while (set[at] && set[at] != h)
            at = (at + 1) & mask;
        set[at] = h;
    }
    for (int p = PART_VALID; p <= PART_TEST; p++)
        for (size_t i = 0; i < s->rows[p]; i++) {
            uint64_t h = hash[s->index[p][i]] | 1;
            size_t at = (h >> 1) & mask;
            while (set[at] && set[at] != h)
                at = (at + 1) & mask;
            shared += set[at] == h;
        }
    return shared;
}

static int find_shared(const struct splitting *x, struct err *err)
{
    const struct csv_source *source = x->source;
    size_t n = x->f->n, slots = 16, column_n = 0;
    if (x->spec->by == SPLIT_HASH && !x->spec->column && !source->key)
        return 0; /* equal rows are together by the rule itself, times included */
    while (slots < n * 2)
        slots *= 2;
    const struct column **columns = mem_try_alloc(x->f->column_n, sizeof *columns);
    uint64_t *hash = mem_try_alloc(n, sizeof *hash), *set = mem_try_alloc(slots, sizeof *set);
    int rc = columns && hash && set ? 0 : ERR_NOMEM;
    for (size_t k = 0; rc == 0 && k < x->f->column_n; k++) {
        const struct column *c = &x->f->columns[k];
        if ((source->key && strcmp(source->key, c->name) == 0) ||
            (source->time && strcmp(source->time, c->name) == 0))
            continue;
        columns[column_n++] = c;
    }
    if (rc == 0)
        rc = frame_hash_rows(x->f, columns, column_n, 0, x->threads, hash);
    if (rc == 0)
        x->s->rows_shared = count_shared(x->s, hash, set, slots - 1);
    mem_free(columns);
    mem_free(hash);
    mem_free(set);
    return rc ? ERR(err, ERR_NOMEM, "no memory to compare the parts") : 0;
}

static int is_missing(const struct column *c, size_t row)
{
    return c->numbers ? isnan(c->numbers[row]) : c->codes[row] < 0;
}

/* Keys with rows in more than one part. A missing key is no key. */
static int find_torn_keys(const struct splitting *x, struct err *err)
{
    struct column *key;
    size_t n = x->f->n, m = 0;
    const char *name = x->source->key;
    if (!name || (x->spec->by == SPLIT_HASH && !x->spec->column) ||
        !(key = frame_column(x->f, str_of(name))))
        return 0;
    double *u = mem_try_alloc(n, sizeof *u);
    struct ranked *order = mem_try_alloc(n, sizeof *order);
    int rc = u && order ? units_of_key(x, key, u, err)
                        : ERR(err, ERR_NOMEM, "no memory to compare the parts");
    for (size_t i = 0; rc == 0 && i < n; i++)
        if (!is_missing(key, i))
            order[m++] = (struct ranked){ u[i], (uint32_t)i };
    if (m)
        qsort(order, m, sizeof *order, by_at);
    for (size_t from = 0, to; from < m; from = to) {
        int torn = 0;
        for (to = from + 1; to < m && order[to].at == order[from].at; to++)
            torn |= x->s->part[order[to].row] != x->s->part[order[from].row];
        x->s->keys_torn += (size_t)torn;
    }
    mem_free(u);
    mem_free(order);
    return rc;
}

int split_make(const struct frame *f, const struct csv_source *source,
               const struct split_spec *spec, int threads, struct split *out, struct err *err)
{
    struct split s = { 0 };
    struct splitting x = { f, source, spec, threads, &s };
    int rc = check_shares(spec, err);
    if (rc)
        return rc;
    s.part = ARENA_TRY_ARRAY(f->arena, f->n, uint8_t);
    s.row_hash = ARENA_TRY_ARRAY(f->arena, f->n, uint64_t);
    if (!s.part || !s.row_hash || frame_hash_rows(f, NULL, 0, 0, threads, s.row_hash) != 0)
        return ERR(err, ERR_NOMEM, "no memory to split %zu rows", f->n);
    rc = spec->by == SPLIT_HASH   ? split_hash(&x, err)
         : spec->by == SPLIT_TIME ? split_time(&x, err)
                                  : split_stratified(&x, err);
    if (rc == 0)
        rc = make_indexes(&x, err);
    if (rc == 0)
        rc = find_shared(&x, err);
    if (rc == 0)
        rc = find_torn_keys(&x, err);
    if (rc == 0) {
        make_digests(&x);
        *out = s;
    }
    return rc;
}
