/* SPDX-License-Identifier: Apache-2.0
 * Stating columns: each operation once, constants folded with the very kernels that would compute
 * them, common neighbours joined. Every rewrite here gives the same bits as the operations it
 * replaces (but for the sign of a zero in def_dot's tables). */
#include "infer/program.h"

#include <math.h>

enum { DEFS_MAX = 4 << 20 }; /* 512 MiB of them; 10000 columns and 100000 levels need a tenth */

static uint64_t mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * 0x9e3779b97f4a7c15U;
    return h ^ h >> 32;
}

static uint64_t hash_def(const struct def *d)
{
    uint64_t h = mix((uint64_t)d->code << 32 | d->index, d->stride), bits;
    for (size_t i = 0; i < d->arg_n; i++)
        h = mix(h, d->args[i]);
    for (size_t i = 0; i < K_MAX; i++) {
        memcpy(&bits, &d->k[i], sizeof bits);
        h = mix(h, bits);
    }
    h = mix(h, d->text.n);
    for (size_t i = 0; i < d->text.n; i++)
        h = mix(h, (unsigned char)d->text.p[i]);
    return mix(h, (uintptr_t)d->keys ^ (uintptr_t)d->table);
}

static int same_def(const struct def *a, const struct def *b)
{
    return a->code == b->code && a->index == b->index && a->stride == b->stride &&
           a->arg_n == b->arg_n && memcmp(a->args, b->args, a->arg_n * sizeof *a->args) == 0 &&
           memcmp(a->k, b->k, sizeof a->k) == 0 && str_eq(a->text, b->text) && a->keys == b->keys &&
           a->table == b->table;
}

/* Doubles both; existing defs keep their numbers. */
static int grow(struct compiler *c)
{
    size_t cap = c->def_cap ? c->def_cap * 2 : 256, buckets = cap * 2;
    struct def *defs = cap <= DEFS_MAX ? mem_try_realloc(c->defs, cap, sizeof *defs) : NULL;
    if (!defs)
        return -1;
    c->defs = defs;
    c->def_cap = cap;
    mem_free(c->buckets);
    c->buckets = mem_try_alloc(buckets, sizeof *c->buckets);
    c->bucket_n = c->buckets ? buckets : 0;
    if (!c->buckets)
        return -1;
    for (size_t i = 0; i < c->def_n; i++) {
        size_t at = hash_def(&c->defs[i]) & (buckets - 1);
        while (c->buckets[at])
            at = (at + 1) & (buckets - 1);
        c->buckets[at] = (uint32_t)i + 1;
    }
    return 0;
}

/* The column of an equal def, or of this one added. */
static column_t intern(struct compiler *c, const struct def *d)
{
    if (c->failed || (c->def_n >= c->def_cap && grow(c) < 0)) {
        c->failed = 1;
        return 0;
    }
    size_t at = hash_def(d) & (c->bucket_n - 1);
    while (c->buckets[at]) {
        if (same_def(&c->defs[c->buckets[at] - 1], d))
            return c->buckets[at] - 1;
        at = (at + 1) & (c->bucket_n - 1);
    }
    c->buckets[at] = (uint32_t)c->def_n + 1;
    c->defs[c->def_n] = *d;
    if (c->node)
        c->defs[c->def_n].node = c->node->name;
    return (column_t)c->def_n++;
}

int def_is_const(const struct compiler *c, column_t x, double *out)
{
    if (c->failed || c->defs[x].code != OP_CONST)
        return 0;
    *out = c->defs[x].k[0];
    return 1;
}

column_t def_const(struct compiler *c, double k)
{
    return intern(c, &(struct def){ .code = OP_CONST, .k = { k } });
}

column_t def_text(struct compiler *c, str_t s)
{
    return intern(c, &(struct def){ .code = OP_CONST_TEXT, .is_text = 1, .text = s });
}

void insn_of_def(const struct def *d, struct insn *out)
{
    *out = (struct insn){ .code = (uint16_t)d->code,
                          .is_text = (uint16_t)d->is_text,
                          .index = d->index,
                          .stride = d->stride,
                          .node = d->node };
    memcpy(out->k, d->k, sizeof out->k);
    out->data = d->keys    ? (const void *)d->keys
                : d->table ? (const void *)d->table
                           : (const void *)&d->text;
}

/* Computes an operation on constants; 0 when it is none, or would fail. */
static int fold(struct compiler *c, const struct def *d, column_t *out)
{
    struct run_state state = { 0 };
    double number = 0;
    str_t text = { 0 };
    void *slots[ARGS_MAX + 2] = { &state, d->is_text ? (void *)&text : (void *)&number };
    struct insn i;
    const char *name;
    if (d->arg_n == 0)
        return 0;
    insn_of_def(d, &i);
    i.dst = 1;
    for (uint32_t j = 0; j < d->arg_n; j++) {
        struct def *x = &c->defs[d->args[j]];
        if (x->code != OP_CONST && x->code != OP_CONST_TEXT)
            return 0;
        i.args[j] = j + 2;
        slots[j + 2] = x->code == OP_CONST ? (void *)&x->k[0] : (void *)&x->text;
    }
    kernels_select(&name)[d->code](&i, slots, 1);
    if (state.failed)
        return 0;
    *out = d->is_text ? def_text(c, text) : def_const(c, number);
    return 1;
}

/* What an operation with a constant operand becomes: x op k, or k op x. */
static const struct {
    enum code code, right, left;
} with_constant[] = {
    { OP_ADD, OP_ADD_K, OP_ADD_K }, { OP_SUB, OP_SUB_K, OP_K_SUB }, { OP_MUL, OP_MUL_K, OP_MUL_K },
    { OP_DIV, OP_DIV_K, OP_K_DIV }, { OP_EQ, OP_EQ_K, OP_EQ_K },    { OP_LT, OP_LT_K, OP_K_LT },
    { OP_LE, OP_LE_K, OP_K_LE },
};

static void take_constant(struct compiler *c, struct def *d)
{
    double k;
    for (size_t i = 0; i < ARRAY_LEN(with_constant); i++) {
        if (d->code != with_constant[i].code)
            continue;
        if (def_is_const(c, d->args[1], &k)) {
            d->code = with_constant[i].right;
        } else if (def_is_const(c, d->args[0], &k)) {
            d->code = with_constant[i].left;
            d->args[0] = d->args[1];
        } else {
            return;
        }
        d->arg_n = 1;
        d->k[0] = k;
        return;
    }
}

/* isnan(x) ? k : x, and x ? k : y in either order. */
static void simplify_where(struct compiler *c, struct def *d)
{
    const struct def *cond = &c->defs[d->args[0]];
    double k;
    if (def_is_const(c, d->args[1], &k)) {
        int fill = cond->code == OP_ISNAN && cond->args[0] == d->args[2];
        d->code = fill ? OP_FILL : OP_WHERE_KY;
        d->arg_n = fill ? 1 : 2;
        if (fill)
            d->args[0] = d->args[2];
        else
            d->args[1] = d->args[2];
        d->k[0] = k;
    } else if (def_is_const(c, d->args[2], &k)) {
        d->code = OP_WHERE_YK;
        d->arg_n = 2;
        d->k[0] = k;
    }
}

/* (x - k0) / k1, with the imputation before it. */
static void simplify_scale(struct compiler *c, struct def *d)
{
    const struct def *centred = &c->defs[d->args[0]];
    if (centred->code != OP_SUB_K)
        return;
    const struct def *filled = &c->defs[centred->args[0]];
    double mean = centred->k[0], sd = d->k[0];
    if (filled->code == OP_FILL) {
        *d = (struct def){ .code = OP_FILL_SCALE,
                           .arg_n = 1,
                           .args = { filled->args[0] },
                           .k = { filled->k[0], mean, sd } };
        return;
    }
    *d = (struct def){
        .code = OP_SCALE, .arg_n = 1, .args = { centred->args[0] }, .k = { mean, sd }
    };
}

column_t def_put(struct compiler *c, struct def d)
{
    column_t folded;
    if (c->failed)
        return 0;
    if (fold(c, &d, &folded))
        return folded;
    take_constant(c, &d);
    if (d.code == OP_WHERE)
        simplify_where(c, &d);
    if (d.code == OP_DIV_K)
        simplify_scale(c, &d);
    if (d.code == OP_SAME_TEXT) {
        int right = c->defs[d.args[1]].code == OP_CONST_TEXT,
            left = c->defs[d.args[0]].code == OP_CONST_TEXT;
        if (right || left) {
            d = (struct def){ .code = OP_SAME_TEXT_K,
                              .arg_n = 1,
                              .args = { d.args[right ? 0 : 1] },
                              .text = c->defs[d.args[right ? 1 : 0]].text };
        }
    }
    return intern(c, &d);
}

column_t def_1(struct compiler *c, enum code code, column_t x)
{
    return def_put(c, (struct def){ .code = code, .arg_n = 1, .args = { x } });
}

column_t def_2(struct compiler *c, enum code code, column_t x, column_t y)
{
    return def_put(c, (struct def){ .code = code, .arg_n = 2, .args = { x, y } });
}

column_t def_where(struct compiler *c, column_t cond, column_t x, column_t y)
{
    double k;
    if (c->failed)
        return 0;
    if (def_is_const(c, cond, &k))
        return k != 0 ? x : y;
    int is_text = c->defs[x].is_text;
    return def_put(c, (struct def){ .code = is_text ? OP_WHERE_TEXT : OP_WHERE,
                                    .is_text = is_text,
                                    .arg_n = 3,
                                    .args = { cond, x, y } });
}

/* 1 when column x says "the key found was number *out_at". */
static int is_hot(const struct compiler *c, column_t x, column_t *out_find, uint32_t *out_at)
{
    if (c->failed)
        return 0;
    const struct def *d = &c->defs[x];
    if (d->code != OP_EQ_K)
        return 0;
    const struct def *find = &c->defs[d->args[0]];
    if (find->code != OP_FIND_TEXT && find->code != OP_FIND_NUMBER)
        return 0;
    double k = d->k[0];
    if (!(k >= 0 && k < (double)find->keys->n && k == floor(k)))
        return 0;
    *out_find = d->args[0];
    *out_at = (uint32_t)k;
    return 1;
}

/* How many terms from x[0] on are of one key, in rising order, with finite weights. */
static size_t hot_run(const struct compiler *c, const column_t *x, const double *w, size_t n,
                      column_t *out_find)
{
    column_t find = 0;
    uint32_t at = 0, last = 0;
    size_t run = 0;
    for (; run < n && isfinite(w[run]) && is_hot(c, x[run], &find, &at); run++) {
        if (run && (find != *out_find || at <= last))
            break;
        *out_find = find;
        last = at;
    }
    return run;
}

static column_t add_table(struct compiler *c, column_t sum, column_t find, const column_t *x,
                          const double *w, size_t n)
{
    size_t keys = c->defs[find].keys->n;
    struct table *t = ARENA_NEW(c->arena, struct table);
    double *numbers = ARENA_TRY_ARRAY(c->arena, keys, double);
    column_t same;
    uint32_t at;
    if (!numbers) {
        c->failed = 1;
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        if (is_hot(c, x[i], &same, &at))
            numbers[at] = w[i];
    }
    *t = (struct table){ .n = keys, .numbers = numbers };
    return def_put(
        c, (struct def){ .code = OP_MAC_TABLE, .arg_n = 2, .args = { sum, find }, .table = t });
}

column_t def_dot(struct compiler *c, const column_t *x, const double *w, size_t n)
{
    column_t sum = def_const(c, 0), find = 0;
    int started = 0;
    for (size_t i = 0; i < n && !c->failed;) {
        size_t run = hot_run(c, x + i, w + i, n - i, &find), dense = 0;
        if (run) {
            sum = add_table(c, sum, find, x + i, w + i, run);
            i += run;
            started = 1;
            continue;
        }
        while (dense < 4 && i + dense < n && !hot_run(c, x + i + dense, w + i + dense, 1, &find))
            dense++;
        if (!started) {
            sum = def_put(
                c, (struct def){ .code = OP_MUL_K, .arg_n = 1, .args = { x[i] }, .k = { w[i] } });
            dense = 1;
        } else if (dense == 4) {
            sum = def_put(c, (struct def){ .code = OP_MAC4,
                                           .arg_n = 5,
                                           .args = { sum, x[i], x[i + 1], x[i + 2], x[i + 3] },
                                           .k = { w[i], w[i + 1], w[i + 2], w[i + 3] } });
        } else {
            sum = def_put(
                c,
                (struct def){ .code = OP_MAC, .arg_n = 2, .args = { sum, x[i] }, .k = { w[i] } });
            dense = 1;
        }
        started = 1;
        i += dense;
    }
    return sum;
}
