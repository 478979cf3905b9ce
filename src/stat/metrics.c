/* SPDX-License-Identifier: Apache-2.0
 * One pass for the means, one for the squares around them, a sort for the median; all sums
 * compensated (stat/sum.h). */
#include "stat/metrics.h"

#include <math.h>

#include "stat/describe.h"
#include "stat/sum.h"

static const struct regression_metric_info infos[REGRESSION_N] = {
    [REGRESSION_RMSE] = { "rmse", -1, "root of the mean squared error" },
    [REGRESSION_MAE] = { "mae", -1, "mean absolute error" },
    [REGRESSION_R2] = { "r2", 1, "share of the variance explained, 1 - SS_res/SS_tot" },
    [REGRESSION_MEDAE] = { "medae", -1, "median absolute error" },
    [REGRESSION_MAX_ERROR] = { "max_error", -1, "largest absolute error" },
    [REGRESSION_MAPE] = { "mape", -1, "mean absolute error relative to the truth, a fraction" },
    [REGRESSION_BIAS] = { "bias", 0, "mean of prediction minus truth" },
    [REGRESSION_EXPLAINED_VARIANCE] = { "explained_variance", 1, "1 - Var(error)/Var(truth)" },
};

const struct regression_metric_info *regression_metric_info(enum regression_metric m)
{
    return &infos[m];
}

double regression_metric_get(const struct regression_metrics *v, enum regression_metric m)
{
    switch (m) {
    case REGRESSION_RMSE: return v->rmse;
    case REGRESSION_MAE: return v->mae;
    case REGRESSION_R2: return v->r2;
    case REGRESSION_MEDAE: return v->medae;
    case REGRESSION_MAX_ERROR: return v->max_error;
    case REGRESSION_MAPE: return v->mape;
    case REGRESSION_BIAS: return v->bias;
    case REGRESSION_EXPLAINED_VARIANCE: return v->explained_variance;
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

void regression_metrics_compute(const double *y, const double *prediction, size_t n,
                                double *scratch, struct regression_metrics *out)
{
    struct stat_acc square = { 0 }, absolute = { 0 }, relative = { 0 }, error = { 0 };
    struct stat_acc total = { 0 }, spread = { 0 };
    double largest = 0, count = (double)n;
    int constant = 1;
    *out = (struct regression_metrics){ n, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN };
    if (!n)
        return;
    for (size_t i = 0; i < n; i++) {
        double e = prediction[i] - y[i], size = fabs(e);
        stat_acc_add(&square, e * e);
        stat_acc_add(&absolute, size);
        stat_acc_add(&relative, size / fmax(fabs(y[i]), REGRESSION_MAPE_FLOOR));
        stat_acc_add(&error, e);
        largest = size > largest || isnan(size) ? size : largest;
        scratch[i] = size;
        constant &= y[i] == y[0];
    }
    double mean = stat_mean(y, n), bias = stat_acc_value(&error) / count;
    for (size_t i = 0; i < n; i++) {
        double e = prediction[i] - y[i] - bias;
        stat_acc_add(&total, (y[i] - mean) * (y[i] - mean));
        stat_acc_add(&spread, e * e);
    }
    double rss = stat_acc_value(&square), tss = constant ? 0 : stat_acc_value(&total);
    out->rmse = sqrt(rss / count);
    out->mae = stat_acc_value(&absolute) / count;
    out->r2 = n < 2 ? NAN : one_minus_ratio(rss, tss);
    out->medae = isnan(largest) ? NAN : stat_median(scratch, n, scratch + n);
    out->max_error = largest;
    out->mape = stat_acc_value(&relative) / count;
    out->bias = bias;
    out->explained_variance = n < 2 ? NAN : one_minus_ratio(stat_acc_value(&spread), tss);
}
