/* SPDX-License-Identifier: Apache-2.0
 * POST /models/{name}/versions/{version}:explain: why a linear model predicted what it did.
 *
 * The model's file is read and compiled for the request, so any version that has one can be asked,
 * served or not. Design values and predictions come from the kernels that serve; coefficients come
 * from the file; the training means from the version's record. Worker threads. */
#include <math.h>

#include "api/app.h"
#include "api/tables.h"
#include "base/limits.h"
#include "data/frame.h"
#include "explain/design.h"
#include "explain/linear.h"
#include "infer/eval.h"
#include "registry/version.h"
#include "serve/serve.h"

/* A contribution more than this share of the parts off the prediction is our bug, not rounding. */
#define GAP_MAX 1e-9

struct explain {
    struct request *rq;
    struct arena *a;
    struct version version;
    const char *signature, *coefficients, *means;
    struct graph graph;
    struct design design;
    struct linear_explainer explainer;
    struct serve_version *loaded; /* only to read rows as it takes them */
    const struct serve_column *columns;
    size_t column_n;
    struct serve_call call;
    const void *const *rows;
    double **values;       /* p design columns, the prediction, then derived features */
    size_t *derived;       /* of feature k: its place in values, or 0 */
    const double **inputs; /* of feature k: the numbers that came in; NULL = text or derived */
    const str_t **texts;
};

/* ---- the version ---- */

static int read_version(struct tx *tx, void *arg, struct err *err)
{
    struct explain *e = arg;
    const char *name = arena_printf(e->a, "%.*s", STR_ARG(request_param(e->rq, "name")));
    const char *number = arena_printf(e->a, "%.*s", STR_ARG(request_param(e->rq, "version")));
    const char *project = e->rq->project ? e->rq->project : "default";
    int rc = version_resolve(tx, e->a, project, name, number, &e->version, err);
    if (!rc)
        rc = version_section(tx, e->a, &e->version, "signature", &e->signature, err);
    if (!rc)
        rc = version_section(tx, e->a, &e->version, "coefficients", &e->coefficients, err);
    return rc ? rc : version_section(tx, e->a, &e->version, "training_means", &e->means, err);
}

static int check_version(struct explain *e, struct err *err)
{
    const struct version *v = &e->version;
    if (!v->digest)
        return ERR(err, ERR_CONFLICT, "version %lld of model '%s' has no model file here",
                   (long long)v->number, v->model);
    if (!e->coefficients || !e->means)
        return ERR(
            err, ERR_INVALID,
            "version %lld of model '%s' (%s) has no coefficients: only linear_regression and "
            "ridge trained here can be explained",
            (long long)v->number, v->model, v->family ? v->family : "of unknown family");
    return 0;
}

static int bad_report(const struct explain *e, struct err *err)
{
    return ERR(err, ERR_CORRUPT, "the training report of model '%s', version %lld is damaged",
               e->version.model, (long long)e->version.number);
}

/* Names of the design columns, from the rows of the coefficient table after the intercept. */
static int read_names(struct explain *e, const char ***out, size_t *out_n, struct err *err)
{
    struct json table;
    if (json_parse(e->a, str_of(e->coefficients), NULL, &table, err) || table.type != JSON_ARRAY ||
        table.n < 2)
        return bad_report(e, err);
    const char **names = ARENA_TRY_ARRAY(e->a, table.n, const char *);
    if (!names)
        return ERR(err, ERR_LIMIT, "the model is too large for one request");
    for (size_t i = 1; i < table.n; i++) {
        names[i - 1] = json_get_string(&table.items[i], "name", NULL);
        if (!names[i - 1])
            return bad_report(e, err);
    }
    *out = names;
    *out_n = table.n - 1;
    return 0;
}

static int read_means(struct explain *e, const char *const *names, double **out, struct err *err)
{
    struct json means;
    double *x = ARENA_TRY_ARRAY(e->a, e->design.p, double);
    if (!x || json_parse(e->a, str_of(e->means), NULL, &means, err))
        return bad_report(e, err);
    for (size_t i = 0; i < e->design.p; i++) {
        x[i] = json_get_number(&means, names[i], NAN);
        if (!isfinite(x[i]))
            return bad_report(e, err);
    }
    *out = x;
    return 0;
}

static int load_model(struct explain *e, struct err *err)
{
    const struct version *v = &e->version;
    const char **names = NULL;
    double *means = NULL;
    size_t n = 0;
    str_t onnx;
    struct serve_spec spec = {
        .model = v->model, .version = "", .digest = v->digest, .signature = e->signature
    };
    int rc = blobs_get(app_of(e->rq)->blobs, e->a, v->digest, LIMIT_MODEL_FILE, &onnx, err);
    if (!rc)
        rc = onnx_read(e->a, onnx, &e->graph, err);
    if (rc)
        return err_prefix(err, rc, "the file of model '%s', version %lld", v->model,
                          (long long)v->number);
    rc = read_names(e, &names, &n, err);
    if (!rc)
        rc = design_of_graph(e->a, &e->graph, names, n, &e->design, err);
    if (!rc)
        rc = read_means(e, names, &means, err);
    if (rc)
        return rc;
    struct linear_effects effects = { e->design.p, e->design.intercept, e->design.coefficients,
                                      means, e->design.sources };
    rc = linear_explainer_init(e->a, &effects, &e->explainer, err);
    spec.onnx = onnx;
    if (!rc)
        rc = serve_version_load(&spec, &e->loaded, err);
    if (!rc)
        e->column_n = serve_version_columns(e->loaded, &e->columns);
    return rc;
}

/* ---- rows ---- */

static int too_many(struct err *err)
{
    return ERR(err, ERR_LIMIT,
               "the rows do not fit in the memory of one request: send fewer at a time");
}

/* The rows as a frame: texts become codes of a level each. */
static int make_frame(struct explain *e, struct frame *f, struct err *err)
{
    size_t rows = e->call.rows;
    frame_init(f, e->a, rows);
    for (size_t k = 0; k < e->column_n; k++) {
        const struct serve_column *from = &e->columns[k];
        int is_text = from->type == SERVE_STRING;
        struct column *c = frame_add(f, arena_strndup(e->a, from->name.p, from->name.n),
                                     is_text ? COLUMN_STRING : COLUMN_NUMBER, err);
        if (!c)
            return too_many(err);
        if (!is_text) {
            memcpy(c->numbers, e->rows[k], rows * sizeof(double));
            continue;
        }
        const str_t *texts = e->rows[k];
        c->levels = ARENA_TRY_ARRAY(e->a, rows, str_t);
        if (!c->levels)
            return too_many(err);
        memcpy(c->levels, texts, rows * sizeof *texts);
        c->level_n = rows;
        for (size_t i = 0; i < rows; i++)
            c->codes[i] = texts[i].n ? (int32_t)i : -1;
    }
    return 0;
}

/* Where the value of each feature is shown from: what came in, or what was derived. */
static int bind_features(struct explain *e, const char **wanted, size_t *n)
{
    const struct design *d = &e->design;
    e->inputs = ARENA_TRY_ARRAY(e->a, d->feature_n, const double *);
    e->texts = ARENA_TRY_ARRAY(e->a, d->feature_n, const str_t *);
    e->derived = ARENA_TRY_ARRAY(e->a, d->feature_n, size_t);
    if (!e->inputs || !e->texts || !e->derived)
        return -1;
    for (size_t k = 0; k < d->feature_n; k++) {
        const struct design_feature *f = &d->features[k];
        for (size_t c = 0; f->is_input && c < e->column_n; c++) {
            if (!str_is(e->columns[c].name, f->name))
                continue;
            if (e->columns[c].type == SERVE_STRING)
                e->texts[k] = e->rows[c];
            else
                e->inputs[k] = e->rows[c];
        }
        if (!f->is_input && f->value) {
            e->derived[k] = d->p - 1 + *n; /* the first of wanted is p columns wide */
            wanted[(*n)++] = f->value;
        }
    }
    return 0;
}

static int evaluate(struct explain *e, struct err *err)
{
    const struct design *d = &e->design;
    size_t n = 2, rows = e->call.rows;
    struct frame f;
    const char **wanted = ARENA_TRY_ARRAY(e->a, d->feature_n + 2, const char *);
    if (!wanted)
        return too_many(err);
    wanted[0] = d->value;
    wanted[1] = d->prediction;
    int rc = make_frame(e, &f, err);
    if (rc || bind_features(e, wanted, &n))
        return rc ? rc : too_many(err);
    size_t columns = d->p - 1 + n;
    e->values = ARENA_TRY_ARRAY(e->a, columns, double *);
    for (size_t j = 0; e->values && j < columns; j++) {
        e->values[j] = ARENA_TRY_ARRAY(e->a, rows, double);
        if (!e->values[j])
            return too_many(err);
    }
    return e->values ? graph_eval(&e->graph, wanted, n, &f, e->values, err) : too_many(err);
}

/* A design value that is no number is the row's doing: the feature is named. */
static int check_row(const struct explain *e, size_t row, const double *x, struct err *err)
{
    for (size_t j = 0; j < e->design.p; j++) {
        if (LIKELY(isfinite(x[j])))
            continue;
        return ERR(err, ERR_INVALID,
                   isnan(x[j]) ? "instances[%zu]: no explanation, because '%.100s' is missing and "
                                 "the model has no rule for a missing value there"
                               : "instances[%zu]: no explanation, because '%.100s' is infinite",
                   row, e->design.sources[j]);
    }
    return 0;
}

/* ---- the answer ---- */

/* One JSON value a feature. */
static void write_value(struct json_out *o, const struct explain *e, size_t k, size_t row)
{
    if (e->texts[k] && e->texts[k][row].n)
        jo_str(o, e->texts[k][row]);
    else if (e->inputs[k] && isfinite(e->inputs[k][row]))
        jo_double(o, e->inputs[k][row]);
    else if (e->derived[k] && isfinite(e->values[e->derived[k]][row]))
        jo_double(o, e->values[e->derived[k]][row]);
    else
        jo_null(o);
}

struct row_scratch {
    double *x, *parts;
    str_t *shown;
    size_t *ends;
    struct buf text;
};

static int write_row(struct explain *e, struct json_out *o, struct row_scratch *s, size_t row,
                     struct err *err)
{
    size_t p = e->design.p, features = e->explainer.group_n;
    double gap, prediction = e->values[p][row];
    for (size_t j = 0; j < p; j++)
        s->x[j] = e->values[j][row];
    int rc = check_row(e, row, s->x, err);
    if (rc)
        return rc;
    double sum = linear_explain(&e->explainer, s->x, s->parts, &gap),
           size = fabs(e->explainer.base);
    for (size_t k = 0; k < features; k++)
        size += fabs(s->parts[k]);
    if (!isfinite(prediction) || !isfinite(size))
        return ERR(err, ERR_INVALID,
                   "instances[%zu]: no explanation, because its values are so large that the "
                   "prediction is infinite",
                   row);
    if (!(fabs(sum - prediction) <= GAP_MAX * size && fabs(gap) <= GAP_MAX * size))
        return ERR(err, ERR_INTERNAL, "the contributions of instances[%zu] do not add up", row);
    buf_clear(&s->text);
    for (size_t k = 0; k < features; k++) {
        struct json_out value;
        json_out_init(&value, &s->text);
        write_value(&value, e, k, row);
        s->ends[k] = s->text.n;
    }
    for (size_t k = 0; k < features && !s->text.failed; k++) {
        size_t from = k ? s->ends[k - 1] : 0;
        s->shown[k] = (str_t){ s->text.p + from, s->ends[k] - from };
    }
    linear_explanation_write_json(o, &e->explainer, prediction, s->parts, s->shown);
    return s->text.failed ? too_many(err) : 0;
}

static int write_answer(struct explain *e, struct err *err)
{
    size_t features = e->explainer.group_n;
    struct json_out o;
    struct row_scratch s = { .x = ARENA_TRY_ARRAY(e->a, e->design.p, double),
                             .parts = ARENA_TRY_ARRAY(e->a, features, double),
                             .shown = ARENA_TRY_ARRAY(e->a, features, str_t),
                             .ends = ARENA_TRY_ARRAY(e->a, features, size_t) };
    int rc = 0;
    if (!s.x || !s.parts || !s.shown || !s.ends)
        return too_many(err);
    ASSERT(features == e->design.feature_n);
    buf_init(&s.text, LIMIT_BODY_PREDICT);
    route_json(e->rq, &o);
    jo_object(&o);
    jo_key(&o, "explanations");
    jo_array(&o);
    for (size_t row = 0; row < e->call.rows && !rc; row++)
        rc = write_row(e, &o, &s, row, err);
    jo_array_end(&o);
    jo_object_end(&o);
    buf_fini(&s.text);
    return rc ? rc : e->rq->out.failed ? too_many(err) : 0;
}

static int post_explain(struct request *rq, struct err *err)
{
    struct explain e = { .rq = rq, .a = &rq->arena };
    int rc = store_read(app_of(rq)->store, read_version, &e, err);
    if (!rc)
        rc = check_version(&e, err);
    if (!rc)
        rc = load_model(&e, err);
    if (!rc) {
        e.call = (struct serve_call){ .body = rq->body, .arena = e.a };
        rc = serve_read_rows(&e.call, e.loaded, &e.rows, err);
    }
    if (!rc)
        rc = evaluate(&e, err);
    if (!rc)
        rc = write_answer(&e, err);
    serve_version_free(e.loaded);
    return rc;
}

static const struct route routes[] = {
    { "POST", "/api/v1/models/{name}/versions/{version}:explain", "endpoint.predict", post_explain,
      ROUTE_WORKER, LIMIT_BODY_PREDICT,
      "Takes predictions of a linear model apart: what each feature adds to the prediction at the "
      "training means.",
      "instances! [object]: Rows, as for a prediction.",
      "explanations! [object]: One a row.\n"
      "  prediction! number: What the model predicts; base plus all contributions.\n"
      "  base! number: The prediction at the means of the training part.\n"
      "  contributions! [object]: One a feature; name, value (what came in or was derived, null "
      "when missing) and contribution.",
      "modelVersionExplain" },
};

const struct route_table explain_routes = { "explain", routes, ARRAY_LEN(routes),
                                            route_error_native };
