/* SPDX-License-Identifier: Apache-2.0
 * Regression metrics with scikit-learn's definitions and edges. e = prediction - truth. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

/* All NaN when n = 0. */
struct regression_metrics {
    size_t n;
    double rmse;      /* √ mean e² */
    double mae;       /* mean |e| */
    double r2;        /* 1 - Σe²/Σ(y-ȳ)²; constant y: 1 when perfect, else 0; NaN when n < 2 */
    double medae;     /* median |e| */
    double max_error; /* max |e| */
    double mape;      /* mean |e| / max(|y|, 2^-52): a fraction, not a percentage */
    double bias;      /* mean e: above 0 = predicts too much */
    double explained_variance; /* 1 - Var(e)/Var(y); constant y: 1 when Var(e) = 0, else 0 */
};

/* The metrics of metrics.def, in the order of tables. REGRESSION_N is their number. */
enum regression_metric {
#define METRIC(id, field, better, prose) REGRESSION_##id,
#include "stat/metrics.def"
#undef METRIC
    REGRESSION_N
};

/* One row of metrics.def. */
struct regression_metric_info {
    const char *name;  /* public: "rmse" */
    int better;        /* -1 low, 1 high, 0 neither */
    const char *prose; /* one sentence, with unit and direction */
};

const struct regression_metric_info *regression_metric_info(enum regression_metric m);
/* By name; NULL when there is none. */
const struct regression_metric_info *regression_metric_find(str_t name);
double regression_metric_get(const struct regression_metrics *v, enum regression_metric m);

/* Denominator floor of mape: numpy's machine epsilon. */
#define REGRESSION_MAPE_FLOOR 0x1p-52

/* scratch: 2·n doubles; its first n hold the sorted |e| afterwards. Values that are not finite give
 * NaN or infinite metrics. */
void regression_metrics_compute(const double *y, const double *prediction, size_t n,
                                double *scratch, struct regression_metrics *out);
