/* SPDX-License-Identifier: Apache-2.0
 * One pass for the means, one for the squares around them, a sort for the median; all sums
 * compensated (stat/sum.h). */
#include "stat/metrics.h"

#include <math.h>

#include "stat/describe.h"
#include "stat/sum.h"

static const struct regression_metric_info infos[REGRESSION_N] = {
#define METRIC(id, field, better, prose) { #field, better, prose },
#include "stat/metrics.def"
#undef METRIC
};

const struct regression_metric_info *regression_metric_info(enum regression_metric m)
{
    return &infos[m];
}

const struct regression_metric_info *regression_metric_find(str_t name)
{
    for (size_t i = 0; i < REGRESSION_N; i++)
        if (str_is(name, infos[i].name))
            return &infos[i];
    return NULL;
}

double regression_metric_get(const struct regression_metrics *v, enum regression_metric m)
{
    switch (m) {
#define METRIC(id, field, better, prose)                                                           \
    case REGRESSION_##id:                                                                          \
        return v->field;
#include "stat/metrics.def"
#undef METRIC
    case REGRESSION_N: break;
    }
    return NAN;
}

/* 1 - part/whole with the edges of a constant truth. */
static double one_minus_ratio(double part, double whole)
{
    if (whole == 0)
        return part == 0 ? 1 : 0;
    return 1 - part / whole;
}

/* Sums of a first pass over the rows. */
struct first_sums {
    struct stat_lanes square, absolute, relative, error;
    double largest; /* NaN sticks */
};

/* m ≤ STAT_BLOCK rows; |e| goes to out_absolute. */
static void first_block(const double *y, const double *prediction, size_t m, double *out_absolute,
                        struct first_sums *s)
{
    double error[STAT_BLOCK], square[STAT_BLOCK], relative[STAT_BLOCK];
    for (size_t i = 0; i < m; i++) {
        double e = prediction[i] - y[i], size = fabs(y[i]);
        error[i] = e;
        square[i] = e * e;
        out_absolute[i] = fabs(e);
        relative[i] = fabs(e) / (size > REGRESSION_MAPE_FLOOR ? size : REGRESSION_MAPE_FLOOR);
    }
    for (size_t i = 0; i < m; i++) {
        double size = out_absolute[i];
        s->largest = size > s->largest || isnan(size) ? size : s->largest;
    }
    stat_lanes_add(&s->error, error, m);
    stat_lanes_add(&s->square, square, m);
    stat_lanes_add(&s->absolute, out_absolute, m);
    stat_lanes_add(&s->relative, relative, m);
}

/* Squares around the means of the truth and of the error. */
static void second_block(const double *y, const double *prediction, size_t m, double mean,
                         double bias, struct stat_lanes *total, struct stat_lanes *spread)
{
    double whole[STAT_BLOCK], centred[STAT_BLOCK];
    for (size_t i = 0; i < m; i++) {
        double e = prediction[i] - y[i] - bias, d = y[i] - mean;
        whole[i] = d * d;
        centred[i] = e * e;
    }
    stat_lanes_add(total, whole, m);
    stat_lanes_add(spread, centred, m);
}

void regression_metrics_compute(const double *y, const double *prediction, size_t n,
                                double *scratch, struct regression_metrics *out)
{
    struct first_sums s = { 0 };
    struct stat_lanes total = { 0 }, spread = { 0 };
    double count = (double)n;
    *out = (struct regression_metrics){ n, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN };
    if (!n)
        return;
    for (size_t at = 0; at < n; at += STAT_BLOCK)
        first_block(y + at, prediction + at, MIN(n - at, (size_t)STAT_BLOCK), scratch + at, &s);
    double mean = stat_mean(y, n), bias = stat_lanes_value(&s.error) / count;
    for (size_t at = 0; at < n; at += STAT_BLOCK)
        second_block(y + at, prediction + at, MIN(n - at, (size_t)STAT_BLOCK), mean, bias, &total,
                     &spread);
    double rss = stat_lanes_value(&s.square), tss = stat_lanes_value(&total);
    out->rmse = sqrt(rss / count);
    out->mae = stat_lanes_value(&s.absolute) / count;
    out->r2 = n < 2 ? NAN : one_minus_ratio(rss, tss);
    out->medae = isnan(s.largest) ? NAN : stat_median(scratch, n, scratch + n);
    out->max_error = s.largest;
    out->mape = stat_lanes_value(&s.relative) / count;
    out->bias = bias;
    out->explained_variance = n < 2 ? NAN : one_minus_ratio(stat_lanes_value(&spread), tss);
}
