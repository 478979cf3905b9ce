/* SPDX-License-Identifier: Apache-2.0
 * Histograms of inputs and outputs on the prediction's path.
 *
 * Edges stand in leaves of eight, one cache line each, padded with +inf, behind a line with the
 * last edge of each leaf: a search compares two whole lines, without a branch, and the searches of
 * neighbouring features overlap in the processor. Names of categories go through a small
 * open-addressing table. A stripe is claimed for one call and added to with plain stores. */
#include "serve/watch.h"

#include <float.h>
#include <math.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/num.h"
#include "serve/serve_int.h"

enum { STRIPES = 16 };

/* Words before the cells. */
enum { W_MISSING, W_BAD, W_SUM, W_SUM2, W_CELLS };

enum slot_kind { SLOT_NONE, SLOT_NUMBER, SLOT_TEXT, SLOT_VALUE };

typedef double lane2 __attribute__((vector_size(16)));
typedef int64_t mask2 __attribute__((vector_size(16)));

enum { LEAF = 8, LEAVES = (WATCH_CELLS_MAX + LEAF - 1) / LEAF };

/* How one feature is counted. Words are relative to the stripe: missing, bad, sum, sum2, cells. */
struct watch_slot {
    uint8_t kind, output;
    uint16_t levels; /* SLOT_NUMBER: 1 when all edges stand in the first leaf */
    uint32_t column; /* of the inputs, or the output */
    uint32_t first;  /* word of `missing` */
    uint32_t n;      /* edges or names */
    uint32_t mask;   /* of the table of names */
    union {
        const double *edges;  /* SLOT_NUMBER: the line of last edges, then the leaves */
        const double *values; /* SLOT_VALUE: of the names */
        const str_t *names;   /* SLOT_TEXT */
    };
    const uint16_t *table; /* name's index + 1; 0 = free */
};

struct watch_layout {
    gauge_t refs;
    uint64_t hash;
    struct arena arena;
    size_t n;
    uint32_t words; /* of one stripe */
    struct watch_slot *slots;
    const char *project, *model, *digest;
    struct serve_column *columns; /* of the version, for readers of the log */
    size_t column_n;
};

union word {
    counter_t count;
    sum_t sum;
};

struct watch {
    uint64_t serial;
    struct watch_layout *layout;
    struct watch_log *log;
    gauge_t log_share; /* 0 = off, else 1 + share of 2^32 */
    counter_t skipped;
    struct watch_stripe {
        claim_t claim;
        char pad[60];
        union word *words;
    } stripes[STRIPES];
    union word *all;
};

/* ---- layout ---- */

static uint64_t text_hash(str_t s)
{
    uint64_t a = 0, b = 0;
    if (s.n >= 8) {
        memcpy(&a, s.p, 8);
        memcpy(&b, s.p + s.n - 8, 8);
    } else {
        memcpy(&a, s.p, s.n);
    }
    a = (a ^ s.n * UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0xff51afd7ed558ccd);
    a = (a ^ a >> 32 ^ b) * UINT64_C(0xc4ceb9fe1a85ec53);
    return a ^ a >> 29;
}

static int make_number(struct watch_layout *l, struct watch_slot *s, const struct watch_feature *f)
{
    double *to = ARENA_TRY_ARRAY(&l->arena, LEAF * (LEAVES + 2), double);
    if (!to)
        return -1;
    double *leaves = to + LEAF;
    for (size_t i = 0; i < LEAF * (LEAVES + 1); i++)
        leaves[i] = i < f->n ? f->edges[i] : INFINITY;
    for (size_t i = 0; i < LEAF; i++)
        to[i] = leaves[LEAF * i + LEAF - 1];
    s->edges = to;
    s->levels = f->n < LEAF ? 1 : 2;
    return 0;
}

static int make_text(struct watch_layout *l, struct watch_slot *s, const struct watch_feature *f)
{
    s->mask = 1;
    while (s->mask + 1 < 2 * f->n + 2)
        s->mask = s->mask * 2 + 1;
    str_t *names = ARENA_TRY_ARRAY(&l->arena, f->n + 1, str_t);
    uint16_t *table = ARENA_TRY_ARRAY(&l->arena, s->mask + 1, uint16_t);
    if (!names || !table)
        return -1;
    for (size_t i = 0; i < f->n; i++) {
        names[i] = arena_str(&l->arena, f->names[i]);
        size_t at = text_hash(names[i]) & s->mask;
        while (table[at])
            at = (at + 1) & s->mask;
        table[at] = (uint16_t)(i + 1);
    }
    s->names = names;
    s->table = table;
    return 0;
}

static int make_value(struct watch_layout *l, struct watch_slot *s, const struct watch_feature *f)
{
    double *values = ARENA_TRY_ARRAY(&l->arena, f->n + 1, double);
    if (!values)
        return -1;
    for (size_t i = 0; i < f->n; i++) {
        values[i] = NAN; /* a name that is no number is never seen */
        if (str_is(f->names[i], "true") || str_is(f->names[i], "false"))
            values[i] = str_is(f->names[i], "true");
        else
            IGNORE(parse_double(f->names[i], &values[i]));
    }
    s->values = values;
    return 0;
}

/* Which column or output; SLOT_NONE when the version has none that fits. */
static enum slot_kind bind(const struct serve_version *v, const struct watch_feature *f,
                           uint32_t *out_column)
{
    if (f->n > WATCH_CELLS_MAX - 1 || (f->n && f->categories ? !f->names : !f->edges))
        return SLOT_NONE;
    if (f->output) {
        *out_column = (uint32_t)f->index;
        return f->index >= v->output_n || v->outputs[f->index].width != 1 ? SLOT_NONE
               : f->categories                                            ? SLOT_VALUE
                                                                          : SLOT_NUMBER;
    }
    uintptr_t at = (uintptr_t)map_get(&v->by_name, f->name);
    if (!at)
        return SLOT_NONE;
    *out_column = (uint32_t)(at - 1);
    int text = v->columns[at - 1].type == SERVE_STRING;
    return f->categories ? (text ? SLOT_TEXT : SLOT_VALUE) : text ? SLOT_NONE : SLOT_NUMBER;
}

static uint64_t hash_more(uint64_t h, const void *p, size_t n)
{
    return siphash(h, p, n);
}

static uint64_t hash_spec(const struct serve_version *v, const struct serve_spec *spec, size_t n)
{
    const char *project = spec->project ? spec->project : "default";
    uint64_t h = hash_more(0, project, strlen(project));
    h = hash_more(h, v->model, strlen(v->model));
    h = hash_more(h, v->digest, strlen(v->digest));
    for (size_t i = 0; i < v->column_n; i++)
        h = hash_more(h + (uint64_t)v->columns[i].type, v->columns[i].name.p, v->columns[i].name.n);
    for (size_t i = 0; i < n; i++) {
        const struct watch_feature *f = &spec->watch[i];
        h = hash_more(h + f->n * 4 + (uint64_t)(f->output * 2 + f->categories), f->name.p,
                      f->name.n);
        if (!f->categories && f->n)
            h = hash_more(h, f->edges, f->n * sizeof *f->edges);
        for (size_t k = 0; f->categories && k < f->n; k++)
            h = hash_more(h, f->names[k].p, f->names[k].n);
    }
    return h;
}

static int make_slots(struct watch_layout *l, const struct serve_version *v,
                      const struct serve_spec *spec)
{
    for (size_t i = 0; i < l->n; i++) {
        const struct watch_feature *f = &spec->watch[i];
        struct watch_slot *s = &l->slots[i];
        s->kind = (uint8_t)bind(v, f, &s->column);
        s->output = f->output != 0;
        s->n = (uint32_t)f->n;
        s->first = l->words;
        if (s->kind == SLOT_NONE)
            continue;
        l->words += W_CELLS + s->n + 1;
        int rc = s->kind == SLOT_NUMBER ? make_number(l, s, f)
                 : s->kind == SLOT_TEXT ? make_text(l, s, f)
                                        : make_value(l, s, f);
        if (rc)
            return rc;
    }
    return 0;
}

int watch__layout_make(const struct serve_version *v, const struct serve_spec *spec,
                       struct watch_layout **out, struct err *err)
{
    struct watch_layout *l = mem_alloc(sizeof *l);
    (void)gauge_add(&l->refs, 1);
    arena_init(&l->arena, MIB(64));
    l->n = MIN(spec->watch_n, (size_t)WATCH_FEATURES_MAX);
    l->hash = hash_spec(v, spec, l->n);
    l->project = arena_strdup(&l->arena, spec->project ? spec->project : "default");
    l->model = arena_strdup(&l->arena, v->model);
    l->digest = arena_strdup(&l->arena, v->digest);
    l->slots = ARENA_TRY_ARRAY(&l->arena, l->n + 1, struct watch_slot);
    l->columns = ARENA_TRY_ARRAY(&l->arena, v->column_n + 1, struct serve_column);
    for (size_t i = 0; l->columns && i < v->column_n; i++) {
        l->columns[i] = v->columns[i];
        l->columns[i].name = arena_str(&l->arena, v->columns[i].name);
    }
    l->column_n = v->column_n;
    if (!l->slots || !l->columns || make_slots(l, v, spec) || l->arena.failed) {
        watch__layout_unref(l);
        return ERR(err, ERR_NOMEM, "not enough memory for the counters of %zu features",
                   spec->watch_n);
    }
    *out = l;
    return 0;
}

void watch__layout_unref(struct watch_layout *l)
{
    if (!l || gauge_add(&l->refs, -1) > 0)
        return;
    arena_fini(&l->arena);
    mem_free(l);
}

/* ---- counters ---- */

struct watch *watch__new(struct serve *s, const struct endpoint *e, const struct serve_version *v)
{
    struct watch *w = mem_try_alloc(1, sizeof *w);
    size_t words = ((size_t)v->layout->words + 7) & ~(size_t)7; /* stripes share no cache line */
    union word *all = w ? mem_try_alloc(STRIPES * words + 8, sizeof *all) : NULL;
    if (!all) {
        mem_free(w);
        return NULL;
    }
    w->all = all;
    w->serial = ++s->serials;
    w->log = s->log;
    gauge_set(&w->log_share, e->log_share);
    w->layout = v->layout;
    (void)gauge_add(&w->layout->refs, 1);
    union word *from = (union word *)(((uintptr_t)all + 63) & ~(uintptr_t)63);
    for (size_t i = 0; i < STRIPES; i++)
        w->stripes[i].words = from + i * words;
    return w;
}

void watch__free(struct watch *w)
{
    if (!w)
        return;
    watch__layout_unref(w->layout);
    mem_free(w->all);
    mem_free(w);
}

int watch__fits(const struct watch *w, const struct serve_version *v)
{
    return w && w->layout->hash == v->layout->hash;
}

static struct watch_stripe *claim_stripe(struct watch *w)
{
    unsigned from = thread_number();
    for (unsigned i = 0; i < STRIPES; i++) {
        struct watch_stripe *s = &w->stripes[(from + i) % STRIPES];
        if (LIKELY(claim_try(&s->claim)))
            return s;
    }
    return NULL;
}

/* How many of eight doubles are <= x. */
static inline size_t count_line(const double *line, double x)
{
    const lane2 *e = (const lane2 *)(const void *)line;
    const lane2 v = { x, x };
    mask2 m = (e[0] <= v) + (e[1] <= v) + (e[2] <= v) + (e[3] <= v);
    return (size_t) - (m[0] + m[1]);
}

static inline size_t number_cell(const struct watch_slot *s, double x)
{
    size_t leaf = s->levels == 1 ? 0 : count_line(s->edges, x);
    return leaf * LEAF + count_line(s->edges + LEAF + leaf * LEAF, x);
}

static inline size_t value_cell(const struct watch_slot *s, double x)
{
    size_t i = 0;
    while (i < s->n && s->values[i] != x)
        i++;
    return i;
}

/* Finite numbers into their cells; NaN is missing in an input and bad in an output. */
static void count_numbers(const struct watch_slot *s, union word *words, const double *x,
                          size_t rows)
{
    union word *w = words + s->first;
    double sum = 0, sum2 = 0;
    for (size_t i = 0; i < rows; i++) {
        double v = x[i];
        if (LIKELY(fabs(v) <= DBL_MAX)) {
            size_t cell = s->kind == SLOT_NUMBER ? number_cell(s, v) : value_cell(s, v);
            counter_add_own(&w[W_CELLS + cell].count, 1);
            sum += v;
            sum2 += v * v;
        } else {
            counter_add_own(&w[isnan(v) && !s->output ? W_MISSING : W_BAD].count, 1);
        }
    }
    sum_add_own(&w[W_SUM].sum, sum);
    sum_add_own(&w[W_SUM2].sum, sum2);
}

static void count_texts(const struct watch_slot *s, union word *words, const str_t *x, size_t rows)
{
    union word *w = words + s->first;
    for (size_t i = 0; i < rows; i++) {
        size_t at = text_hash(x[i]) & s->mask;
        if (x[i].n == 0) {
            counter_add_own(&w[W_MISSING].count, 1);
            continue;
        }
        while (s->table[at] && !str_eq(s->names[s->table[at] - 1], x[i]))
            at = (at + 1) & s->mask;
        size_t cell = s->table[at] ? (size_t)s->table[at] - 1 : s->n;
        counter_add_own(&w[W_CELLS + cell].count, 1);
    }
}

void watch__count(struct watch *w, const struct serve_call *c)
{
    const struct watch_layout *l = w->layout;
    if (l->n) {
        struct watch_stripe *stripe = claim_stripe(w);
        if (UNLIKELY(!stripe)) {
            counter_add(&w->skipped, c->rows);
            return;
        }
        for (size_t i = 0; i < l->n; i++) {
            const struct watch_slot *s = &l->slots[i];
            if (UNLIKELY(s->kind == SLOT_NONE))
                continue;
            if (s->kind == SLOT_TEXT)
                count_texts(s, stripe->words, c->columns[s->column], c->rows);
            else
                count_numbers(s, stripe->words,
                              s->output ? c->values[s->column] : c->columns[s->column], c->rows);
        }
        claim_drop(&stripe->claim);
    }
    int64_t share = c->id ? gauge_get(&w->log_share) : 0;
    if (share)
        watch__log_put(w->log, w->serial, c, share);
}

/* ---- totals ---- */

static int fill_cells(const struct watch *w, struct arena *a, struct watch_total *out)
{
    const struct watch_layout *l = w->layout;
    out->features = ARENA_TRY_ARRAY(a, l->n + 1, struct watch_cells);
    uint64_t *words = ARENA_TRY_ARRAY(a, l->words + 1, uint64_t);
    if (!out->features || !words)
        return -1;
    for (size_t i = 0; i < l->n; i++) {
        const struct watch_slot *s = &l->slots[i];
        struct watch_cells *f = &out->features[i];
        if (s->kind == SLOT_NONE)
            continue;
        f->n = s->n + 1;
        f->cells = words + s->first;
        for (size_t k = 0; k < STRIPES; k++) {
            const union word *from = w->stripes[k].words + s->first;
            for (size_t j = 0; j < f->n; j++)
                words[s->first + j] += counter_get(&from[W_CELLS + j].count);
            f->missing += counter_get(&from[W_MISSING].count);
            f->bad += counter_get(&from[W_BAD].count);
            f->sum += sum_get(&from[W_SUM].sum);
            f->sum2 += sum_get(&from[W_SUM2].sum);
        }
    }
    return 0;
}

static int fill_total(struct endpoint *e, const struct traffic *t, struct arena *a,
                      struct watch_total *out)
{
    const struct watch *w = t->watch;
    struct traffic_total all = traffic__total(t);
    *out = (struct watch_total){ .serial = w->serial,
                                 .endpoint = arena_strdup(a, e->name),
                                 .project = arena_strdup(a, w->layout->project),
                                 .model = arena_strdup(a, w->layout->model),
                                 .serves =
                                     (e->active && traffic__find(e, e->active->version) == t) ||
                                     (e->candidate && traffic__find(e, e->candidate->version) == t),
                                 .version = arena_strdup(a, t->version),
                                 .digest = arena_strdup(a, w->layout->digest),
                                 .requests = all.requests,
                                 .errors = all.errors,
                                 .rows = all.rows,
                                 .skipped = counter_get(&w->skipped),
                                 .n = w->layout->n };
    return a->failed;
}

int serve_watch_totals(struct serve *s, struct arena *a,
                       uint64_t (*seen)(void *arg, uint64_t serial), void *arg,
                       struct watch_total **out, size_t *out_n, struct err *err)
{
    size_t n = 0, cap = 0;
    int failed = 0;
    lock_take(&s->lock);
    lock_take(&s->stats_lock);
    for (const struct endpoint *e = s->endpoints; e; e = e->next)
        for (const struct traffic *t = e->traffic; t; t = t->next)
            cap++;
    struct watch_total *list = ARENA_TRY_ARRAY(a, cap + 1, struct watch_total);
    failed = !list;
    for (struct endpoint *e = s->endpoints; e && !failed; e = e->next) {
        for (const struct traffic *t = e->traffic; t && !failed; t = t->next) {
            if (!t->watch)
                continue;
            failed = fill_total(e, t, a, &list[n]);
            if (!failed && (!seen || seen(arg, t->watch->serial) != list[n].rows))
                failed = fill_cells(t->watch, a, &list[n]);
            n++;
        }
    }
    lock_drop(&s->stats_lock);
    lock_drop(&s->lock);
    if (failed)
        return ERR(err, ERR_NOMEM, "the counters of what is served do not fit in memory");
    *out = list;
    *out_n = n;
    return 0;
}

int serve_watch_columns(struct serve *s, struct arena *a, uint64_t serial,
                        struct serve_column **out, size_t *out_n)
{
    const struct watch_layout *l = NULL;
    lock_take(&s->stats_lock);
    for (const struct endpoint *e = s->endpoints; e && !l; e = e->next)
        for (const struct traffic *t = e->traffic; t && !l; t = t->next)
            if (t->watch && t->watch->serial == serial)
                l = t->watch->layout;
    struct serve_column *list = l ? ARENA_TRY_ARRAY(a, l->column_n + 1, struct serve_column) : NULL;
    for (size_t i = 0; list && i < l->column_n; i++) {
        list[i] = l->columns[i];
        list[i].name = arena_str(a, l->columns[i].name);
    }
    *out = list;
    *out_n = list ? l->column_n : 0;
    lock_drop(&s->stats_lock);
    return list && !a->failed ? 0 : ERR_NOT_FOUND;
}

static void set_log(struct endpoint *e, int64_t fixed)
{
    e->log_share = fixed;
    for (struct traffic *t = e->traffic; t; t = t->next)
        if (t->watch)
            gauge_set(&t->watch->log_share, fixed);
}

void serve_watch_log(struct serve *s, const char *endpoint, double share)
{
    int64_t fixed = share < 0 ? 0 : 1 + (int64_t)(MIN(share, 1.0) * 0x1p32);
    lock_take(&s->lock);
    lock_take(&s->stats_lock);
    if (!endpoint)
        s->log_share = fixed;
    for (struct endpoint *e = s->endpoints; e; e = e->next)
        if (!endpoint || strcmp(e->name, endpoint) == 0)
            set_log(e, fixed);
    lock_drop(&s->stats_lock);
    lock_drop(&s->lock);
}
