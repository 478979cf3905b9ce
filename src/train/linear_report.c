/* SPDX-License-Identifier: Apache-2.0
 * What people look at after a fit: points for residual plots and the JSON of the version page. */
#include <math.h>

#include "stat/describe.h"
#include "stat/dist.h"
#include "train/linear.h"

static const double *row_values(const struct linear_data *d, size_t i, double *x, double *out_y)
{
    size_t row = d->rows ? d->rows[i] : i, stride = d->stride ? d->stride : 1;
    for (size_t j = 0; j < d->p; j++)
        x[j] = d->columns[j][row * stride];
    *out_y = d->y[row];
    return x;
}

/* Number k of m points spread evenly over 0 … n-1, both ends included. */
static size_t spread(size_t k, size_t m, size_t n)
{
    return m > 1 ? (size_t)((double)k * (double)(n - 1) / (double)(m - 1)) : 0;
}

static void quantile_points(double *residuals, size_t n, double sigma, double *scratch,
                            struct linear_plots *out)
{
    stat_sort(residuals, n, scratch);
    for (size_t k = 0; k < out->qq_n; k++) {
        size_t i = spread(k, out->qq_n, n);
        out->theoretical[k] = dist_normal_ppf(((double)i + 0.5) / (double)n);
        out->sample[k] = sigma > 0 ? residuals[i] / sigma : 0;
    }
}

int linear_plots_compute(struct arena *a, const struct linear_data *d, const struct linear_model *m,
                         struct linear_plots *out, struct err *err)
{
    size_t n = d->n, points = MIN(n, (size_t)LINEAR_PLOT_MAX), qq = MIN(n, (size_t)LINEAR_QQ_MAX);
    *out = (struct linear_plots){ points,
                                  ARENA_TRY_ARRAY(a, points, double),
                                  ARENA_TRY_ARRAY(a, points, double),
                                  ARENA_TRY_ARRAY(a, points, double),
                                  qq,
                                  ARENA_TRY_ARRAY(a, qq, double),
                                  ARENA_TRY_ARRAY(a, qq, double) };
    struct arena_mark mark = arena_snapshot(a);
    double *x = ARENA_TRY_ARRAY(a, d->p + 1, double),
           *scratch = ARENA_TRY_ARRAY(a, n + d->p, double);
    double *residuals = ARENA_TRY_ARRAY(a, n, double), y;
    if (!out->fitted || !out->residual || !out->leverage || !out->theoretical || !out->sample ||
        !x || !scratch || !residuals)
        return ERR(err, ERR_NOMEM, "not enough memory for the residuals of %zu rows", n);
    size_t next = 0;
    for (size_t i = 0; i < n; i++) {
        double fitted = linear_predict(m, row_values(d, i, x, &y));
        residuals[i] = y - fitted;
        if (next < points && i == spread(next, points, n)) {
            out->fitted[next] = fitted;
            out->residual[next] = residuals[i];
            out->leverage[next++] = linear_leverage(m, x, scratch);
        }
    }
    double sigma = isnan(m->sigma) ? sqrt(m->rss / (double)n) : m->sigma;
    quantile_points(residuals, n, sigma, scratch, out);
    arena_restore(a, mark);
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

static void write_coefficients(struct json_out *o, const struct linear_model *m)
{
    jo_key(o, "coefficients");
    jo_array(o);
    for (size_t j = 0; j <= m->p; j++) {
        const struct linear_coefficient *c = &m->coefficients[j];
        jo_object(o);
        jo_kv_cstr(o, "name", c->name);
        number_or_null(o, "estimate", c->estimate);
        number_or_null(o, "se", c->se);
        number_or_null(o, "t", c->t);
        number_or_null(o, "p", c->p);
        number_or_null(o, "low", c->low);
        number_or_null(o, "high", c->high);
        number_or_null(o, "vif", c->vif);
        jo_object_end(o);
    }
    jo_array_end(o);
}

static void write_fit(struct json_out *o, const struct linear_model *m)
{
    jo_key(o, "fit");
    jo_object(o);
    jo_kv_int(o, "n", (int64_t)m->n);
    jo_kv_int(o, "p", (int64_t)m->p);
    jo_kv_int(o, "rank", (int64_t)m->rank);
    jo_kv_cstr(o, "method", linear_method_name(m->method));
    jo_kv_double(o, "alpha", m->alpha);
    number_or_null(o, "r2", m->r2);
    number_or_null(o, "adj_r2", m->adj_r2);
    number_or_null(o, "sigma", m->sigma);
    number_or_null(o, "f", m->f);
    number_or_null(o, "f_p", m->f_p);
    number_or_null(o, "aic", m->aic);
    number_or_null(o, "bic", m->bic);
    number_or_null(o, "condition", m->condition);
    number_or_null(o, "durbin_watson", m->durbin_watson);
    jo_key(o, "collinear");
    jo_array(o);
    for (size_t i = 0; i < m->collinear_n; i++)
        jo_cstr(o, m->collinear[i]);
    jo_array_end(o);
    jo_object_end(o);
}

static void write_array(struct json_out *o, const char *key, const double *v, size_t n)
{
    jo_key(o, key);
    jo_array(o);
    for (size_t i = 0; i < n; i++)
        jo_double(o, v[i]);
    jo_array_end(o);
}

static void write_plots(struct json_out *o, const struct linear_plots *p)
{
    jo_key(o, "residuals");
    jo_object(o);
    write_array(o, "fitted", p->fitted, p->n);
    write_array(o, "residual", p->residual, p->n);
    write_array(o, "leverage", p->leverage, p->n);
    jo_key(o, "qq");
    jo_object(o);
    write_array(o, "theoretical", p->theoretical, p->qq_n);
    write_array(o, "sample", p->sample, p->qq_n);
    jo_object_end(o);
    jo_object_end(o);
}

void linear_write_json(struct json_out *o, const struct linear_model *m,
                       const struct linear_plots *plots)
{
    write_coefficients(o, m);
    write_fit(o, m);
    jo_key(o, "training_means");
    jo_object(o);
    for (size_t j = 0; j < m->p; j++)
        jo_kv_double(o, m->coefficients[j + 1].name, m->means[j]);
    jo_object_end(o);
    if (plots)
        write_plots(o, plots);
}
