/* SPDX-License-Identifier: Apache-2.0
 * The model stage: the model's graph from the columns that are features, its values for all rows,
 * the fit, the ONNX bytes. */
#include <math.h>
#include <stdio.h>

#include "base/fs.h"
#include "model/pipeline.h"
#include "project/work_int.h"

enum { NAMES_TOLD = 8 };

struct training {
    struct work *w;
    const struct project_stage *s;
    struct feature **features; /* chosen ones */
    size_t n;
    size_t p;           /* columns of the design */
    const char **names; /* p */
    struct graph g;
    const char *design; /* value of the graph, [rows, p] */
    double **columns;   /* p × rows */
    struct place at;
};

/* ---- which columns ---- */

static int is_listed(const char *const *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i], name) == 0)
            return 1;
    return 0;
}

static int is_time(const struct feature *f)
{
    return f->v->op == VALUE_RAW && f->v->raw->type == COLUMN_TIME;
}

static int add_listed(struct training *t, struct err *err)
{
    const struct model_spec *m = &t->s->model;
    for (size_t i = 0; i < m->feature_n; i++) {
        struct feature *f = work_feature(t->w, str_of(m->features[i]));
        t->at = m->feature_at ? m->feature_at[i] : t->s->at;
        if (!f)
            return ERR(err, ERR_INVALID, "there is no column '%s' to train on", m->features[i]);
        if (strcmp(f->role, "target") == 0)
            return ERR(err, ERR_INVALID, "'%s' is the target, it cannot be a feature", f->name);
        if (is_time(f))
            return ERR(err, ERR_INVALID, "'%s' holds times; a linear model takes numbers", f->name);
        if (!is_listed(m->exclude, m->exclude_n, f->name))
            t->features[t->n++] = f;
    }
    t->at = t->s->at;
    return 0;
}

static void add_all(struct training *t)
{
    const struct model_spec *m = &t->s->model;
    for (size_t i = 0; i < t->w->feature_n; i++) {
        struct feature *f = &t->w->features[i];
        if (strcmp(f->role, "feature") != 0 || is_listed(m->exclude, m->exclude_n, f->name))
            continue;
        if (is_time(f))
            work_warn(t->w,
                      "column '%s' holds times and is not trained on; name it as `time`, or list "
                      "it under `ignore`",
                      f->name);
        else
            t->features[t->n++] = f;
    }
}

/* All columns of text at once: each needs a decision by the user. */
static int refuse_text(struct training *t, struct err *err)
{
    struct buf b;
    size_t n = 0;
    buf_init(&b, 300);
    for (size_t i = 0; i < t->n; i++)
        if (t->features[i]->v->is_string && n++ < NAMES_TOLD)
            buf_printf(&b, "%s'%s'", n > 1 ? ", " : "", t->features[i]->name);
    int rc =
        n ? ERR(err, ERR_INVALID,
                "%s %s %s text; add `one_hot: [%s]` to a do stage, or `drop` or `exclude` %s",
                n == 1 ? "column" : "columns", b.failed ? "…" : b.p, n == 1 ? "holds" : "hold",
                n == 1 && !b.failed ? arena_printf(t->w->a, "%.*s", (int)b.n - 2, b.p + 1) : "…",
                n == 1 ? "it" : "them")
          : 0;
    buf_fini(&b);
    return rc;
}

static int choose_features(struct training *t, struct err *err)
{
    t->features =
        ARENA_TRY_ARRAY(t->w->a, t->w->feature_n + t->s->model.feature_n, struct feature *);
    if (!t->features)
        return ERR(err, ERR_NOMEM, "no memory for the columns");
    int rc = 0;
    if (t->s->model.features)
        rc = add_listed(t, err);
    else
        add_all(t);
    if (rc == 0)
        rc = refuse_text(t, err);
    for (size_t i = 0; i < t->n; i++)
        t->p += t->features[i]->v->width;
    if (rc == 0 && t->p == 0)
        rc = ERR(err, ERR_INVALID, "no column is left to train on");
    return rc;
}

/* ---- the graph ---- */

struct mark_arg {
    struct work *w;
    const struct value *v;
    uint8_t *used;
};

static void mark_value(struct work *w, const struct value *v, uint8_t *used);

static void mark_name(void *arg, const struct expr *name)
{
    struct mark_arg *m = arg;
    for (size_t i = 0; i < m->v->scope_n; i++)
        if (str_is(name->name, m->v->scope[i].name))
            mark_value(m->w, m->v->scope[i].v, m->used);
}

/* Which columns of the file a value is made from. */
static void mark_value(struct work *w, const struct value *v, uint8_t *used)
{
    for (; v; v = v->x) {
        for (size_t k = 0; v->op == VALUE_RAW && k < w->data.profile.column_n; k++)
            if (w->raw[k] == v)
                used[k] = 1;
        if (v->op == VALUE_EXPR) {
            struct mark_arg arg = { w, v, used };
            expr_names(v->expr, mark_name, &arg);
        }
    }
}

/* Inputs stand in the order of the file, whatever the order of the steps that use them. */
static int add_inputs(struct training *t, struct err *err)
{
    struct work *w = t->w;
    uint8_t *used = ARENA_TRY_ARRAY(w->a, w->data.profile.column_n, uint8_t);
    if (!used)
        return ERR(err, ERR_NOMEM, "no memory for the columns");
    for (size_t i = 0; i < t->n; i++)
        mark_value(w, t->features[i]->v, used);
    for (size_t k = 0; k < w->data.profile.column_n; k++)
        if (used[k])
            IGNORE(work_value_in_graph(w, &t->g, GRAPH_MODEL, w->raw[k], err));
    return 0;
}

static int build_design(struct training *t, struct err *err)
{
    struct work *w = t->w;
    const char **values = ARENA_TRY_ARRAY(w->a, t->n, const char *);
    t->names = ARENA_TRY_ARRAY(w->a, t->p, const char *);
    if (!values || !t->names)
        return ERR(err, ERR_NOMEM, "no memory for the columns");
    graph_init(&t->g, w->a, w->project->name);
    int rc = add_inputs(t, err);
    if (rc)
        return rc;
    size_t at = 0;
    for (size_t i = 0; i < t->n; i++) {
        struct value *v = t->features[i]->v;
        values[i] = work_value_in_graph(w, &t->g, GRAPH_MODEL, v, err);
        if (!values[i][0])
            return ERR(err, err->code ? err->code : ERR_NOMEM, "%s",
                       err->msg[0] ? err->msg : "the model is too large");
        for (size_t k = 0; k < v->width; k++)
            t->names[at++] = v->labels ? v->labels[k] : t->features[i]->name;
    }
    t->design = pipe_concat(&t->g, "features", values, t->n);
    return t->g.failed ? ERR(err, ERR_NOMEM, "the model is too large") : 0;
}

static int compute_design(struct training *t, struct err *err)
{
    struct work *w = t->w;
    t->columns = ARENA_TRY_ARRAY(w->a, t->p, double *);
    for (size_t k = 0; t->columns && k < t->p; k++) {
        t->columns[k] = ARENA_TRY_ARRAY(w->a, w->f.n, double);
        if (!t->columns[k])
            t->columns = NULL;
    }
    if (!t->columns)
        return ERR(err, ERR_LIMIT, "%zu columns of %zu rows do not fit in the memory limit", t->p,
                   w->f.n);
    return work_graph_eval(w, &t->g, t->design, t->p, t->columns, err);
}

static int refuse_missing(struct training *t, struct err *err)
{
    struct work *w = t->w;
    for (size_t k = 0; k < t->p; k++) {
        size_t missing = 0, infinite = 0, first = w->f.n;
        for (size_t i = 0; i < w->f.n; i++) {
            if (LIKELY(isfinite(t->columns[k][i])))
                continue;
            missing += isnan(t->columns[k][i]) != 0;
            infinite += isinf(t->columns[k][i]) != 0;
            first = MIN(first, i);
        }
        if (missing)
            return ERR(err, ERR_INVALID,
                       "column '%s' is missing in %zu of %zu rows (first: row %zu); add `impute: { "
                       "%s: median }` to a do stage, or drop it",
                       t->names[k], missing, w->f.n, frame_row_number(&w->f, first), t->names[k]);
        if (infinite)
            return ERR(err, ERR_INVALID,
                       "column '%s' is infinite in %zu rows (first: row %zu); clip it, or correct "
                       "the data",
                       t->names[k], infinite, frame_row_number(&w->f, first));
    }
    return 0;
}

/* ---- the fit ---- */

static const double *training_target(struct training *t, struct err *err)
{
    struct work *w = t->w;
    struct column *c;
    if (frame_need(&w->f, str_of(w->project->source->target), &c, err) != 0)
        return NULL;
    if (isinf(w->target_low) && isinf(w->target_high))
        return c->numbers;
    double *y = ARENA_TRY_ARRAY(w->a, w->f.n, double);
    if (!y)
        IGNORE(ERR(err, ERR_NOMEM, "no memory for the target"));
    for (size_t i = 0; y && i < w->f.n; i++)
        y[i] = fmin(fmax(c->numbers[i], w->target_low), w->target_high);
    return y;
}

static int finish_graph(struct training *t, const struct linear_model *m, struct err *err)
{
    struct work *w = t->w;
    double *coefficients = ARENA_TRY_ARRAY(w->a, t->p, double);
    struct buf b;
    if (!coefficients)
        return ERR(err, ERR_NOMEM, "no memory for the model");
    for (size_t k = 0; k < t->p; k++)
        coefficients[k] = m->coefficients[k + 1].estimate;
    IGNORE(pipe_linear(&t->g, t->design, coefficients, t->p, m->coefficients[0].estimate,
                       "prediction"));
    graph_property(&t->g, "slipway.family", model_family_name(t->s->model.family));
    graph_property(&t->g, "slipway.target", w->project->source->target);
    buf_init(&b, LIMIT_MODEL_FILE);
    int rc =
        t->g.failed ? ERR(err, ERR_NOMEM, "the model is too large") : onnx_write(&t->g, &b, err);
    if (rc == 0) {
        w->onnx = arena_str(w->a, buf_view(&b));
        sha256_of(w->onnx, w->onnx_sha256);
    }
    buf_fini(&b);
    return rc ? rc : w->onnx.p ? 0 : ERR(err, ERR_NOMEM, "no memory for the model");
}

/* The first training row in which no input is missing; the first one when there is none. */
static size_t example_row(const struct training *t)
{
    const struct work *w = t->w;
    for (size_t i = 0; i < w->split.rows[PART_TRAIN]; i++) {
        size_t row = w->split.index[PART_TRAIN][i], missing = 0;
        for (size_t k = 0; k < t->g.input_n && !missing; k++) {
            const struct column *c = frame_column(&w->f, str_of(t->g.inputs[k].name));
            missing += !c || column_is_missing(c, row);
        }
        if (!missing)
            return row;
    }
    return w->split.index[PART_TRAIN][0];
}

/* A row to try the model with. */
static void write_example(const struct training *t, struct json_out *o)
{
    size_t row = example_row(t);
    jo_key(o, "input_example");
    jo_object(o);
    for (size_t k = 0; k < t->g.input_n; k++) {
        const struct column *c = frame_column(&t->w->f, str_of(t->g.inputs[k].name));
        jo_key(o, t->g.inputs[k].name);
        if (!c || column_is_missing(c, row))
            jo_null(o);
        else if (c->codes)
            jo_str(o, c->levels[c->codes[row]]);
        else
            jo_double(o, c->numbers[row]);
    }
    jo_object_end(o);
}

static int keep_report(struct training *t, const struct linear_model *m,
                       const struct linear_plots *plots, struct err *err)
{
    struct work *w = t->w;
    struct buf b;
    struct json_out o;
    buf_init(&b, LIMIT_STEP_RESULT);
    json_out_init(&o, &b);
    jo_object(&o);
    linear_write_json(&o, m, plots);
    write_example(t, &o);
    jo_object_end(&o);
    w->model_json = arena_str(w->a, buf_view(&b));
    int rc = b.failed || !w->model_json.p
                 ? ERR(err, ERR_LIMIT, "the report of the fit is too large")
                 : 0;
    buf_fini(&b);
    return rc;
}

static void warn_about_fit(struct work *w, const struct linear_model *m)
{
    for (size_t i = 0; i < MIN(m->collinear_n, (size_t)NAMES_TOLD); i++)
        work_warn(w, "collinear: %s", m->collinear[i]);
}

static int fit(struct training *t, struct err *err)
{
    struct work *w = t->w;
    struct linear_model m;
    struct linear_plots plots;
    const double *y = training_target(t, err);
    if (!y)
        return err->code;
    struct linear_data data = { .n = w->split.rows[PART_TRAIN],
                                .p = t->p,
                                .columns = (const double *const *)t->columns,
                                .stride = 1,
                                .rows = w->split.index[PART_TRAIN],
                                .y = y,
                                .names = t->names,
                                .target = w->project->source->target };
    struct linear_options options = { t->s->model.family == MODEL_RIDGE ? t->s->model.alpha : 0,
                                      w->threads };
    int rc = linear_fit(w->a, &data, &options, &m, err);
    if (rc == 0)
        rc = linear_plots_compute(w->a, &data, &m, &plots, err);
    if (rc == 0)
        rc = keep_report(t, &m, &plots, err);
    if (rc == 0) {
        warn_about_fit(w, &m);
        rc = finish_graph(t, &m, err);
    }
    return rc;
}

static int train(struct training *t, struct err *err)
{
    struct work *w = t->w;
    if (!t->s->model.intercept)
        return ERR(err, ERR_INVALID,
                   "a model without intercept cannot be trained yet; remove `intercept: false`");
    int rc = work_need_split(w);
    if (rc)
        return ERR(err, rc, "%s", w->failure.message);
    rc = choose_features(t, err);
    if (rc == 0)
        rc = build_design(t, err);
    if (rc == 0)
        rc = compute_design(t, err);
    if (rc == 0)
        rc = refuse_missing(t, err);
    return rc ? rc : fit(t, err);
}

static int take_model(struct work *w, const char *key)
{
    if (work_cache_get(w, key, "report", LIMIT_STEP_RESULT, &w->model_json) != 0 ||
        work_cache_get(w, key, "onnx", LIMIT_MODEL_FILE, &w->onnx) != 0)
        return -1;
    sha256_of(w->onnx, w->onnx_sha256);
    return 0;
}

int work_model_stage(struct work *w, const struct project_stage *s)
{
    const struct lock_stage *e = work_entry(w, s->name);
    const char *key = lock_key(w->a, e);
    struct decision d = work_decide(w, e, "onnx");
    if (!d.run && take_model(w, key) != 0)
        d = (struct decision){ 1, "its cached result is gone" };
    struct work_record *r = work_begin(w, s->name, "model", &d, key);
    struct training t = { .w = w, .s = s, .at = s->model.at.line ? s->model.at : s->at };
    struct err err = ERR_INIT;
    int rc = d.run ? train(&t, &err) : 0;
    if (rc)
        rc = work_fail(w, &err, s->name, t.at, 0);
    else if (d.run) {
        work_cache_put(w, key, "report", w->model_json);
        work_cache_put(w, key, "onnx", w->onnx);
    }
    if (rc == 0)
        r->rows_in = (int64_t)w->split.rows[PART_TRAIN];
    if (rc == 0 && !w->project->gates)
        rc = work_evaluate(w);
    work_end(w, r, rc);
    return rc;
}
