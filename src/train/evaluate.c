/* SPDX-License-Identifier: Apache-2.0
 * Parts, baseline, champion and their JSON; slices are in slices.c. */
#include "train/evaluate.h"

#include <math.h>

#include "train/slices.h"

static int check_part(const char *name, const char *what, const double *v, size_t n,
                      struct err *err)
{
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(v[i]))
            return ERR(err, ERR_INVALID, "the %s of row %zu of the %s part is not a finite number",
                       what, i + 1, name);
    }
    return 0;
}

static int report(struct arena *a, const char *name, const struct evaluate_part *part,
                  uint64_t seed, struct regression_report *out, struct err *err)
{
    *out = (struct regression_report){ 0 };
    if (!part->n)
        return 0;
    int rc = check_part(name, "target", part->y, part->n, err);
    if (!rc)
        rc = check_part(name, "prediction", part->prediction, part->n, err);
    if (rc)
        return rc;
    rc = regression_report_compute(a, part->y, part->prediction, part->n, seed, out);
    return rc ? ERR(err, rc, "not enough memory to evaluate %zu rows", part->n) : 0;
}

static int baseline_report(struct arena *a, const struct evaluate_input *in, struct evaluation *out,
                           struct err *err)
{
    struct arena_mark mark = arena_snapshot(a);
    double *constant = ARENA_TRY_ARRAY(a, in->test.n, double);
    if (!constant)
        return ERR(err, ERR_NOMEM, "not enough memory to evaluate %zu rows", in->test.n);
    for (size_t i = 0; i < in->test.n; i++)
        constant[i] = in->baseline;
    struct evaluate_part part = { in->test.y, constant, in->test.n };
    int rc = report(a, "baseline", &part, in->seed, &out->baseline, err);
    arena_restore(a, mark);
    return rc;
}

static int champion_report(struct arena *a, const struct evaluate_input *in, struct evaluation *out,
                           struct err *err)
{
    struct evaluate_part part = { in->test.y, in->champion, in->test.n };
    if (!in->champion || !in->test.n)
        return 0;
    int rc = report(a, "champion's test", &part, in->seed, &out->champion, err);
    if (rc)
        return rc;
    out->has_champion = 1;
    rc = regression_compare(a, in->test.y, in->test.prediction, in->champion, in->test.n, in->seed,
                            &out->comparison);
    return rc ? ERR(err, rc, "not enough memory to compare %zu rows", in->test.n) : 0;
}

int evaluate(struct arena *a, const struct evaluate_input *in, struct evaluation *out,
             struct err *err)
{
    *out = (struct evaluation){ 0 };
    int rc = report(a, "test", &in->test, in->seed, &out->test, err);
    if (!rc)
        rc = report(a, "valid", &in->valid, in->seed, &out->valid, err);
    if (!rc)
        rc = report(a, "train", &in->train, in->seed, &out->train, err);
    if (!rc && in->test.n)
        rc = baseline_report(a, in, out, err);
    if (!rc)
        rc = champion_report(a, in, out, err);
    return rc ? rc : slices_compute(a, in, &out->slices, &out->slice_n, err);
}

static int report_get(const struct regression_report *r, str_t metric, double *out)
{
    if (str_is(metric, "n")) {
        *out = r && r->n ? (double)r->n : NAN;
        return 1;
    }
    for (int m = 0; m < REGRESSION_N; m++) {
        if (!str_is(metric, regression_metric_info(m)->name))
            continue;
        *out = r && r->n ? r->metric[m].value : NAN;
        return 1;
    }
    return 0;
}

int evaluation_get(const struct evaluation *e, str_t name, double *out)
{
    const struct {
        const char *part;
        const struct regression_report *report;
    } parts[] = { { "test", &e->test },
                  { "valid", &e->valid },
                  { "train", &e->train },
                  { "baseline", &e->baseline },
                  { "champion", e->has_champion ? &e->champion : NULL } };
    str_t part, metric;
    if (!str_cut(name, '.', &part, &metric))
        return report_get(&e->test, name, out);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (str_is(part, parts[i].part))
            return report_get(parts[i].report, metric, out);
    }
    return 0;
}

/* ---- JSON ---- */
static void number_or_null(struct json_out *o, const char *key, double v)
{
    jo_key(o, key);
    if (isfinite(v))
        jo_double(o, v);
    else
        jo_null(o);
}

void regression_report_write_json(struct json_out *o, const struct regression_report *r)
{
    jo_object(o);
    for (int m = 0; m < REGRESSION_N; m++) {
        jo_key(o, regression_metric_info(m)->name);
        jo_object(o);
        number_or_null(o, "value", r->metric[m].value);
        number_or_null(o, "low", r->metric[m].low);
        number_or_null(o, "high", r->metric[m].high);
        jo_object_end(o);
    }
    jo_key(o, "n");
    jo_object(o);
    jo_kv_int(o, "value", (int64_t)r->n);
    jo_object_end(o);
    jo_object_end(o);
}

static void write_report(struct json_out *o, const char *key, const struct regression_report *r)
{
    if (!r->n)
        return;
    jo_key(o, key);
    regression_report_write_json(o, r);
}

static void write_comparison(struct json_out *o, const struct evaluation *e, const char *version)
{
    const struct stat_comparison *c = &e->comparison;
    jo_key(o, "comparison");
    if (!e->has_champion) {
        jo_null(o);
        return;
    }
    jo_object(o);
    jo_kv_cstr(o, "champion_version", version);
    jo_kv_cstr(o, "metric", "rmse");
    jo_kv_cstr(o, "method", c->bootstrap ? "paired bootstrap" : "delta method");
    jo_key(o, "difference");
    jo_object(o);
    number_or_null(o, "value", c->difference.value);
    number_or_null(o, "low", c->difference.low);
    number_or_null(o, "high", c->difference.high);
    number_or_null(o, "p", c->p);
    jo_object_end(o);
    jo_kv_bool(o, "better", c->difference.value < 0);
    jo_kv_bool(o, "significant", c->p < 0.05);
    jo_object_end(o);
}

static void write_slices(struct json_out *o, const struct evaluation *e)
{
    jo_key(o, "slices");
    jo_array(o);
    for (size_t i = 0; i < e->slice_n; i++) {
        const struct slice *s = &e->slices[i];
        jo_object(o);
        jo_kv_cstr(o, "column", s->column);
        jo_kv_cstr(o, "value", s->value);
        jo_kv_int(o, "n", (int64_t)s->n);
        number_or_null(o, "rmse", s->rmse);
        number_or_null(o, "mae", s->mae);
        number_or_null(o, "bias", s->bias);
        jo_object_end(o);
    }
    jo_array_end(o);
}

void evaluation_write_json(struct json_out *o, const struct evaluation *e,
                           const char *champion_version)
{
    jo_key(o, "metrics");
    jo_object(o);
    write_report(o, "test", &e->test);
    write_report(o, "valid", &e->valid);
    write_report(o, "train", &e->train);
    write_report(o, "baseline", &e->baseline);
    if (e->has_champion)
        write_report(o, "champion", &e->champion);
    jo_object_end(o);
    write_comparison(o, e, champion_version);
    write_slices(o, e);
}
