/* SPDX-License-Identifier: Apache-2.0
 * Walks back from the model's output: Add, MatMul, Concat, then what each part was made by. */
#include "explain/design.h"

#include "base/map.h"
#include "base/num.h"
#include "model/pipeline.h"

enum { LEVEL_SHOWN = 200 }; /* bytes of a level that a column's name repeats */

static int not_linear(const struct graph *g, struct err *err)
{
    return ERR(err, ERR_INVALID,
               "the model '%.100s' does not end in one weighted sum of its features, so its "
               "predictions cannot be taken apart",
               g->name ? g->name : "");
}

/* y = MatMul(x, β) + b */
static int find_sum(const struct graph *g, struct design *d, struct err *err)
{
    if (g->output_n != 1)
        return not_linear(g, err);
    d->prediction = g->outputs[0].name;
    const struct node *add = graph_find_node(g, d->prediction);
    if (!add || strcmp(add->op, "Add") != 0 || add->input_n != 2)
        return not_linear(g, err);
    const struct node *product = graph_find_node(g, add->inputs[0]);
    const struct tensor *b = graph_find_constant(g, add->inputs[1]);
    if (!product || strcmp(product->op, "MatMul") != 0 || product->input_n != 2)
        return not_linear(g, err);
    const struct tensor *w = graph_find_constant(g, product->inputs[1]);
    if (!w || w->type != TENSOR_DOUBLE || w->rank != 2 || w->dims[1] != 1 || !b ||
        b->type != TENSOR_DOUBLE || b->count != 1)
        return not_linear(g, err);
    d->value = product->inputs[0];
    d->p = w->count;
    d->coefficients = w->doubles;
    d->intercept = b->doubles[0];
    return 0;
}

/* "city=Ulm" and "Ulm" → "city"; the whole name when it does not end like that. */
static const char *without_level(struct arena *a, const char *name, str_t level)
{
    str_t all = str_of(name);
    level = level.n ? level : STR("(missing)");
    level.n = MIN(level.n, (size_t)LEVEL_SHOWN);
    if (all.n <= level.n + 1 || all.p[all.n - level.n - 1] != '=' ||
        memcmp(all.p + all.n - level.n, level.p, level.n) != 0)
        return name;
    return arena_strndup(a, name, all.n - level.n - 1);
}

static const char *hot_source(struct arena *a, const struct pipe_hot *hot, size_t i,
                              const char *name)
{
    char number[FMT_DOUBLE_MAX];
    if (hot->texts)
        return without_level(a, name, hot->texts[i]);
    size_t n = fmt_i64((int64_t)hot->numbers[i], number);
    return without_level(a, name, (str_t){ number, n });
}

struct walk {
    struct arena *a;
    const struct graph *g;
    const char *const *names;
    struct design *d;
    struct map seen;
    size_t at; /* next column */
};

static void add_column(struct walk *w, const char *source, const char *value)
{
    struct design *d = w->d;
    d->sources[w->at++] = source;
    if (map_find(&w->seen, str_of(source)) != SIZE_MAX)
        return;
    (void)map_put(&w->seen, str_of(source), NULL);
    d->features[d->feature_n++] =
        (struct design_feature){ source, graph_find_input(w->g, source) != NULL, value };
}

/* One part of the design: a column, or the columns of a one-hot feature. */
static int add_part(struct walk *w, const char *value)
{
    struct pipe_hot hot;
    int is_hot = pipe_hot_of(w->g, value, &hot);
    size_t width = is_hot ? hot.n : 1;
    if (width > w->d->p - w->at)
        return -1;
    for (size_t i = 0; i < width; i++) {
        const char *name = w->names[w->at];
        const char *source = is_hot ? hot_source(w->a, &hot, i, name) : name;
        if (!source)
            return -1;
        add_column(w, source, is_hot ? NULL : pipe_unscaled(w->g, value));
    }
    return 0;
}

static int add_parts(struct walk *w)
{
    const struct node *concat = graph_find_node(w->g, w->d->value);
    if (!concat || strcmp(concat->op, "Concat") != 0)
        return add_part(w, w->d->value) || w->at != w->d->p ? -1 : 0;
    for (size_t i = 0; i < concat->input_n; i++)
        if (add_part(w, concat->inputs[i]))
            return -1;
    return w->at == w->d->p ? 0 : -1;
}

int design_of_graph(struct arena *a, const struct graph *g, const char *const *names, size_t n,
                    struct design *out, struct err *err)
{
    struct design d = { 0 };
    struct walk w = { .a = a, .g = g, .names = names, .d = &d };
    int rc = find_sum(g, &d, err);
    if (rc)
        return rc;
    if (d.p != n)
        return ERR(err, ERR_CORRUPT,
                   "the model has %zu coefficients and its training report names %zu", d.p, n);
    d.sources = ARENA_TRY_ARRAY(a, n + 1, const char *);
    d.features = ARENA_TRY_ARRAY(a, n + 1, struct design_feature);
    if (!d.sources || !d.features)
        return ERR(err, ERR_NOMEM, "not enough memory to take the model apart");
    map_init(&w.seen);
    rc = add_parts(&w);
    map_fini(&w.seen);
    if (rc)
        return ERR(err, ERR_CORRUPT,
                   "the columns of the model do not fit the names of its training report");
    *out = d;
    return 0;
}
