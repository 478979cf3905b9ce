/* SPDX-License-Identifier: Apache-2.0
 * The reference that goes with a model (monitor/reference.h): its raw input columns as they were in
 * the training part, its predictions and errors in the test part. Made once where the predictions
 * are at hand, kept in the cache beside the evaluation, written as monitor.json into the model
 * folder. */
#include <math.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "model/signature.h"
#include "monitor/reference.h"
#include "project/work_int.h"
#include "stat/sum.h"

/* Memory of one column: a sorted copy, scratch, levels. */
static size_t column_bytes(size_t rows)
{
    return rows * 4 * sizeof(double) + MIB(16);
}

struct describing {
    struct work *w;
    const struct column **columns; /* by input */
    size_t input_n;
    str_t output;
    const double *prediction; /* all rows */
    struct monitor_feature *features;
    struct arena *arenas; /* one a feature: threads do not share */
    int *rcs;
};

static int describe_column(struct arena *a, const struct column *c, const struct split *s,
                           uint64_t seed, struct monitor_feature *out)
{
    const uint32_t *rows = s->index[PART_TRAIN];
    size_t n = s->rows[PART_TRAIN];
    str_t name = str_of(c->name);
    if (c->codes) {
        AUTO(mem_auto) int32_t *codes = mem_try_alloc(n + 1, sizeof *codes);
        if (!codes)
            return ERR_NOMEM;
        for (size_t i = 0; i < n; i++)
            codes[i] = c->codes[rows[i]];
        return monitor_feature_of_codes(a, name, c->levels, c->level_n, codes, n, out);
    }
    AUTO(mem_auto) double *x = mem_try_alloc(n + 1, sizeof *x);
    if (!x)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++)
        x[i] = c->numbers[rows[i]];
    return monitor_feature_of_numbers(a, name, x, n, seed, out);
}

static int describe_prediction(struct arena *a, const struct describing *d, uint64_t seed,
                               struct monitor_feature *out)
{
    const struct split *s = &d->w->split;
    size_t n = s->rows[PART_TEST];
    AUTO(mem_auto) double *x = mem_try_alloc(n + 1, sizeof *x);
    if (!x)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++)
        x[i] = d->prediction[s->index[PART_TEST][i]];
    int rc = monitor_feature_of_numbers(a, d->output, x, n, seed, out);
    out->output = 1;
    return rc;
}

static void describe_one(void *context, int worker, size_t i)
{
    struct describing *d = context;
    struct arena *a = &d->arenas[i];
    uint64_t seed = d->w->seed + i;
    (void)worker;
    arena_init(a, column_bytes(d->w->f.n));
    d->rcs[i] = i == d->input_n
                    ? describe_prediction(a, d, seed, &d->features[i])
                    : describe_column(a, d->columns[i], &d->w->split, seed, &d->features[i]);
}

static void fill_performance(const double *y, const double *p, size_t n, const struct evaluation *e,
                             struct monitor_performance *out)
{
    const struct stat_interval *m = e->test.metric;
    struct stat_acc one = { 0 }, two = { 0 }, one_d = { 0 }, two_d = { 0 };
    *out = (struct monitor_performance){ .n = n,
                                         .rmse = m[REGRESSION_RMSE].value,
                                         .rmse_low = m[REGRESSION_RMSE].low,
                                         .rmse_high = m[REGRESSION_RMSE].high,
                                         .mae = m[REGRESSION_MAE].value,
                                         .bias = m[REGRESSION_BIAS].value };
    for (size_t i = 0; i < n; i++) {
        double err = p[i] - y[i];
        stat_acc_add(&one, fabs(err));
        stat_acc_add(&two, err * err);
    }
    double mean_one = stat_acc_value(&one) / (double)n, mean_two = stat_acc_value(&two) / (double)n;
    for (size_t i = 0; i < n; i++) {
        double err = p[i] - y[i], a = fabs(err) - mean_one, b = err * err - mean_two;
        stat_acc_add(&one_d, a * a);
        stat_acc_add(&two_d, b * b);
    }
    out->sd_abs_error = n > 1 ? sqrt(stat_acc_value(&one_d) / (double)(n - 1)) : NAN;
    out->sd_squared_error = n > 1 ? sqrt(stat_acc_value(&two_d) / (double)(n - 1)) : NAN;
}

static int find_columns(struct work *w, struct describing *d, struct err *err)
{
    struct signature s;
    struct graph g;
    int rc = onnx_read(w->a, w->onnx, &g, err);
    if (rc == 0)
        rc = signature_of_graph(w->a, &g, &s, err);
    if (rc)
        return rc;
    d->input_n = s.input_n;
    d->output = s.output_n ? str_of(s.outputs[0].name) : STR("prediction");
    d->columns = ARENA_TRY_ARRAY(w->a, s.input_n + 1, const struct column *);
    d->features = ARENA_TRY_ARRAY(w->a, s.input_n + 1, struct monitor_feature);
    d->arenas = ARENA_TRY_ARRAY(w->a, s.input_n + 1, struct arena);
    d->rcs = ARENA_TRY_ARRAY(w->a, s.input_n + 1, int);
    if (!d->columns || !d->features || !d->arenas || !d->rcs)
        return ERR(err, ERR_NOMEM, "no memory for the reference of the model");
    for (size_t i = 0; i < s.input_n; i++)
        if (!(d->columns[i] = frame_column(&w->f, str_of(s.inputs[i].name))))
            return ERR(err, ERR_INTERNAL, "the model's input '%s' is no column of the data",
                       s.inputs[i].name);
    return 0;
}

static int keep_reference(struct work *w, const struct monitor_reference *ref, struct err *err)
{
    struct buf b;
    struct json_out o;
    buf_init(&b, LIMIT_MONITOR_REFERENCE);
    json_out_init(&o, &b);
    monitor_reference_write(ref, &o);
    w->reference_json = arena_str(w->a, buf_view(&b));
    int rc = b.failed || !w->reference_json.p
                 ? ERR(err, ERR_LIMIT, "the reference of the model is larger than %zu bytes",
                       (size_t)LIMIT_MONITOR_REFERENCE)
                 : 0;
    buf_fini(&b);
    return rc;
}

int work_reference(struct work *w, const double *prediction, const struct evaluate_part *test,
                   const struct evaluation *e, struct err *err)
{
    struct describing d = { .w = w, .prediction = prediction };
    struct monitor_reference ref = { .rows = w->split.rows[PART_TRAIN], .test_rows = test->n };
    int rc = find_columns(w, &d, err);
    if (rc)
        return rc;
    ref.n = d.input_n + (test->n > 0);
    ref.features = d.features;
    parallel_run(w->threads, ref.n, describe_one, &d);
    for (size_t i = 0; i < ref.n && rc == 0; i++)
        if (d.rcs[i])
            rc = ERR(err, d.rcs[i], "no memory for the reference of the model");
    if (test->n)
        fill_performance(test->y, test->prediction, test->n, e, &ref.performance);
    if (rc == 0)
        rc = keep_reference(w, &ref, err);
    for (size_t i = 0; i < ref.n; i++)
        arena_fini(&d.arenas[i]);
    return rc;
}
