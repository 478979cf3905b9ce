/* SPDX-License-Identifier: Apache-2.0
 * Columns as values: what a column stands for after some steps, as graph nodes and as numbers. */
#include <math.h>

#include "base/mem.h"
#include "base/parallel.h"
#include "infer/eval.h"
#include "model/pipeline.h"
#include "project/work_int.h"

enum { EVAL_ROWS_MIN = 20000 };

struct value *work_value_new(struct work *w, enum value_op op, const char *name, struct value *x)
{
    struct value *v = ARENA_NEW(w->a, struct value);
    *v = (struct value){
        .op = op, .name = name, .x = x, .width = 1, .is_string = x ? x->is_string : 0
    };
    return v;
}

static const char *role_of(const struct profile *p, const char *name)
{
    for (size_t k = 0; k < p->column_n; k++)
        if (strcmp(p->columns[k].name, name) == 0)
            return p->columns[k].role;
    return "feature";
}

/* The raw columns. Without the frame (all stages so far are skipped) the profile tells names and
 * types. */
int work_features_init(struct work *w)
{
    const struct profile *p = &w->data.profile;
    w->features = ARENA_TRY_ARRAY(w->a, WORK_COLUMNS_MAX, struct feature);
    w->raw = ARENA_TRY_ARRAY(w->a, p->column_n, struct value *);
    if (!w->features || !w->raw)
        return work_failf(w, ERR_NOMEM, NULL, (struct place){ 0 }, "no memory for the columns");
    for (size_t k = 0; k < p->column_n; k++) {
        struct value *v = work_value_new(w, VALUE_RAW, p->columns[k].name, NULL);
        struct column *c = ARENA_NEW(w->a, struct column);
        *c = (struct column){ .name = v->name,
                              .type = p->columns[k].type }; /* data comes with the rows */
        v->raw = c;
        v->is_string = c->type == COLUMN_STRING;
        w->raw[k] = v;
        w->features[w->feature_n++] = (struct feature){ v->name, v, role_of(p, v->name) };
    }
    graph_init(&w->fit, w->a, "fit");
    return 0;
}

struct feature *work_feature(struct work *w, str_t name)
{
    for (size_t i = 0; i < w->feature_n; i++)
        if (str_is(name, w->features[i].name))
            return &w->features[i];
    return NULL;
}

/* ---- nodes ---- */

struct scope_arg {
    struct work *w;
    struct graph *g;
    enum value_graph which;
    const struct value *v;
};

static int scope_value(void *arg, const struct expr *name, struct pipe_value *out, struct err *err)
{
    struct scope_arg *s = arg;
    for (size_t i = 0; i < s->v->scope_n; i++) {
        const struct feature *f = &s->v->scope[i];
        if (!str_is(name->name, f->name))
            continue;
        *out = (struct pipe_value){ work_value_in_graph(s->w, s->g, s->which, f->v, err),
                                    f->v->is_string };
        return s->g->failed ? ERR(err, ERR_NOMEM, "the model is too large") : 0;
    }
    return ERR(err, ERR_INVALID, "there is no column '%.*s'", STR_ARG(name->name));
}

/* Numbers are double inputs, whole or not: what is whole in the training file need not be so later.
 */
static enum tensor_type input_type(const struct value *v)
{
    return v->is_string ? TENSOR_STRING : TENSOR_DOUBLE;
}

static const char *append(struct work *w, struct graph *g, enum value_graph which, struct value *v,
                          const char *x, struct err *err)
{
    struct pipe_value out = { "", 0 };
    struct scope_arg arg = { w, g, which, v };
    struct pipe_scope scope = { scope_value, &arg };
    switch (v->op) {
    case VALUE_RAW: return pipe_input(g, v->name, input_type(v));
    case VALUE_FILL:
        return v->is_string ? pipe_impute_string(g, v->name, x, v->fill.text)
                            : pipe_impute_number(g, v->name, x, v->fill.number);
    case VALUE_ONE_HOT:
        return v->levels ? pipe_one_hot(g, v->name, x, v->levels, v->width)
                         : pipe_one_hot_ints(g, v->name, x, v->whole, v->width);
    case VALUE_SCALE: return pipe_scale(g, v->name, x, v->scale.shift, v->scale.scale);
    case VALUE_CLIP: return pipe_clip(g, v->name, x, v->low, v->high);
    case VALUE_EXPR:
        if (pipe_expr(g, v->name, v->expr, &scope, &out, err) != 0)
            return "";
        return out.name;
    }
    return "";
}

const char *work_value_in_graph(struct work *w, struct graph *g, enum value_graph which,
                                struct value *v, struct err *err)
{
    if (!v->at[which]) {
        const char *x = v->x ? work_value_in_graph(w, g, which, v->x, err) : NULL;
        v->at[which] = x && !x[0] ? "" : append(w, g, which, v, x, err);
    }
    return v->at[which];
}

/* ---- numbers ---- */

struct eval_job {
    const struct graph *g;
    const char *value;
    const struct frame *f;
    size_t width, piece_n;
    double *const *columns;
    struct err *errs;
    int *rcs;
};

/* Rows from … to of a frame, columns shared. */
static struct frame frame_part(struct arena *a, const struct frame *f, size_t from, size_t to)
{
    struct frame part = { .arena = a, .column_n = f->column_n, .n = to - from };
    part.columns = ARENA_TRY_ARRAY(a, f->column_n, struct column);
    for (size_t k = 0; part.columns && k < f->column_n; k++) {
        part.columns[k] = f->columns[k];
        if (part.columns[k].numbers)
            part.columns[k].numbers += from;
        if (part.columns[k].codes)
            part.columns[k].codes += from;
    }
    return part;
}

static void eval_piece(void *context, int worker, size_t piece)
{
    struct eval_job *j = context;
    struct arena a;
    (void)worker;
    arena_init(&a, MIB(256));
    size_t from = j->f->n * piece / j->piece_n, to = j->f->n * (piece + 1) / j->piece_n;
    struct frame part = frame_part(&a, j->f, from, to);
    double **columns = ARENA_TRY_ARRAY(&a, j->width, double *);
    if (!part.columns || !columns) {
        j->rcs[piece] = ERR(&j->errs[piece], ERR_NOMEM, "no memory for the columns");
    } else {
        for (size_t k = 0; k < j->width; k++)
            columns[k] = j->columns[k] + from;
        j->rcs[piece] = graph_eval(j->g, &j->value, 1, &part, columns, &j->errs[piece]);
    }
    arena_fini(&a);
}

int work_graph_eval(struct work *w, const struct graph *g, const char *value, size_t width,
                    double *const *columns, struct err *err)
{
    size_t pieces = w->f.n < EVAL_ROWS_MIN ? 1 : (size_t)MIN(MAX(w->threads, 1), PARALLEL_MAX);
    struct err errs[PARALLEL_MAX] = { { 0 } };
    int rcs[PARALLEL_MAX] = { 0 };
    struct eval_job job = { g, value, &w->f, width, pieces, columns, errs, rcs };
    parallel_run(w->threads, pieces, eval_piece, &job);
    for (size_t i = 0; i < pieces; i++)
        if (rcs[i])
            return ERR(err, rcs[i], "%s", errs[i].msg);
    return 0;
}

int work_value_column(struct work *w, struct value *v, const struct column **out, struct err *err)
{
    if (v->op == VALUE_RAW) {
        struct column *c;
        int rc = frame_need(&w->f, str_of(v->name), &c, err);
        if (rc == 0)
            *out = c;
        return rc;
    }
    if (v->made) {
        *out = v->made;
        return 0;
    }
    struct column *c = ARENA_NEW(w->a, struct column);
    *c = (struct column){ .name = v->name, .type = v->is_string ? COLUMN_STRING : COLUMN_NUMBER };
    const char *at = work_value_in_graph(w, &w->fit, GRAPH_FIT, v, err);
    int rc = !at[0] || w->fit.failed ? ERR(err, err->code ? err->code : ERR_NOMEM, "%s",
                                           err->msg[0] ? err->msg : "the preparation is too large")
                                     : 0;
    if (rc == 0 && v->is_string)
        rc = graph_eval_strings(&w->fit, at, &w->f, c, err);
    else if (rc == 0) {
        c->numbers = ARENA_TRY_ARRAY(w->a, w->f.n, double);
        rc = c->numbers ? work_graph_eval(w, &w->fit, at, 1, &c->numbers, err)
                        : ERR(err, ERR_NOMEM, "no memory for column '%s'", v->name);
    }
    if (rc)
        return rc;
    c->name = v->name;
    *out = v->made = c;
    return 0;
}

int work_feature_type(void *arg, const struct expr *name, enum expr_type *out, struct err *err)
{
    struct work *w = arg;
    const struct feature *f = work_feature(w, name->name);
    if (!f)
        return ERR(err, ERR_INVALID, "there is no column '%.*s' at this step", STR_ARG(name->name));
    if (strcmp(f->role, "target") == 0)
        return ERR(err, ERR_INVALID,
                   "'%s' is the target: a feature made from it is not there when predictions are "
                   "asked for",
                   f->name);
    if (f->v->width != 1 || f->v->op == VALUE_ONE_HOT)
        return ERR(err, ERR_INVALID, "'%s' is one-hot encoded already; derive before one_hot",
                   f->name);
    int is_boolean = f->v->op == VALUE_RAW && f->v->raw->type == COLUMN_BOOLEAN;
    *out = f->v->is_string ? EXPR_STRING : is_boolean ? EXPR_BOOL : EXPR_NUMBER;
    return 0;
}
