/* SPDX-License-Identifier: Apache-2.0
 * Linear regression: ordinary least squares and ridge, with the tables people expect of them.
 *
 * minimise ‖y - b0 - Xβ‖² + alpha ‖β‖², intercept free, which is scikit-learn's Ridge. Method: Gram
 * matrix of the centred, scaled columns, Cholesky, iterative refinement with residuals of the raw
 * data in twice the precision (Björck 1996, sections 2.9 and 6.6). When a pivot is below 1e-12·p,
 * or p ≥ n, a Householder QR in double-double arithmetic with limited column pivoting takes over:
 * a column moves to the end when rounding of the data alone explains what the columns before it
 * leave of it. Among the solutions of a rank-deficient problem the one of least norm is taken, as
 * LAPACK's gelsd and scikit-learn do.
 *
 * Bit-identical results for any number of threads and on any x86-64. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "codec/json.h"

enum { LINEAR_PLOT_MAX = 1000, LINEAR_QQ_MAX = 200 };

/* The data of a fit; borrowed for the call. Row i of column j is columns[j][r·stride] with r =
 * rows[i], or r = i when rows is NULL; the target of that row is y[r]. stride 1 = columns of their
 * own; stride = p and columns[j] = base + j = one row-major matrix. */
struct linear_data {
    size_t n;                     /* rows that take part, ≥ 1 */
    size_t p;                     /* feature columns, intercept not among them; may be 0 */
    const double *const *columns; /* p */
    size_t stride;                /* 0 counts as 1 */
    const uint32_t *rows;         /* n indexes or NULL */
    const double *y;
    const char *const *names; /* p, for messages and tables */
    const char *target;       /* name of y for messages; NULL = "target" */
};

struct linear_options {
    double alpha; /* 0 = ordinary least squares, > 0 = ridge */
    int threads;  /* < 1 counts as 1 */
};

/* One row of the coefficient table. What cannot be said is NaN: all but the estimate for ridge, for
 * a coefficient that the data do not determine (estimable = 0), and without degrees of freedom. */
struct linear_coefficient {
    const char *name; /* "(intercept)" in the first row */
    double estimate;
    double se;        /* standard error: σ √ diag (XᵀX)⁻¹ */
    double t, p;      /* two-sided, Student's t with n - rank - 1 degrees of freedom */
    double low, high; /* 95 % confidence interval */
    double vif; /* variance inflation 1/(1-R²_j); NaN for the intercept; infinite when collinear */
    int estimable; /* 0: part of a collinear group or constant */
};

enum linear_method { LINEAR_CHOLESKY, LINEAR_QR };

/* Everything lives in the arena of the fit. */
struct linear_model {
    struct linear_coefficient *coefficients; /* p + 1, the intercept first */
    double *means;                           /* p, of the design columns over the fitted rows */
    double target_mean;
    double alpha;
    enum linear_method method;
    size_t n, p;
    size_t rank;            /* independent feature columns, intercept not counted */
    const char **collinear; /* one sentence a dependent column: "c = a + 2 b", "d is constant" */
    size_t collinear_n;
    double rss, tss;       /* residual and total sum of squares around the mean */
    double r2;             /* 1 - rss/tss; constant target: 1 when perfect, else 0 */
    double adj_r2;         /* 1 - (1-r2)(n-1)/(n-rank-1) */
    double sigma;          /* √(rss/(n-rank-1)) */
    double f, f_p;         /* overall F test; NaN for ridge and for rank 0 */
    double log_likelihood; /* Gaussian, at the maximum-likelihood variance */
    double aic, bic;       /* statsmodels: -2 logL + k·(2 or log n), k = rank + 1 */
    double condition;      /* 2-norm condition number of [1 X]; infinite when rank-deficient */
    double durbin_watson;  /* of the residuals in row order */
    /* For leverage: upper triangle of the factor of the centred, scaled columns that were kept. */
    size_t kept_n;
    const size_t *kept;  /* column numbers */
    const double *scale; /* p, powers of two; 0 = constant column */
    double *root;        /* kept_n × kept_n, row-major */
};

/* ERR_INVALID names the column and the row of a value that is missing, infinite or beyond 1e140;
 * ERR_LIMIT: more than LIMIT_LINEAR_COLUMNS columns; ERR_NOMEM: memory beyond what the arena's
 * cap leaves. Scratch memory is freed on return. */
int linear_fit(struct arena *a, const struct linear_data *data,
               const struct linear_options *options, struct linear_model *out,
               struct err *err) WARN_UNUSED;

/* Prediction for one row of p design values. */
double linear_predict(const struct linear_model *m, const double *x);
/* Leverage (diagonal of the hat matrix) of one row of p design values. scratch: p doubles. */
double linear_leverage(const struct linear_model *m, const double *x, double *scratch);

/* Points for residual plots: rows spread evenly over the data, at most LINEAR_PLOT_MAX; and the
 * quantile-quantile line of all residuals divided by sigma, at most LINEAR_QQ_MAX points at the
 * probabilities (i + 0.5)/n of the order statistics shown. Arrays live in the arena. */
struct linear_plots {
    size_t n;
    double *fitted, *residual, *leverage;
    size_t qq_n;
    double *theoretical, *sample;
};

int linear_plots_compute(struct arena *a, const struct linear_data *data,
                         const struct linear_model *m, struct linear_plots *out,
                         struct err *err) WARN_UNUSED;

/* Writes members into the object that is open: "coefficients", "fit", "training_means" and, when
 * plots is not NULL, "residuals". Undefined numbers become null. */
void linear_write_json(struct json_out *o, const struct linear_model *m,
                       const struct linear_plots *plots);
const char *linear_method_name(enum linear_method m); /* "cholesky", "qr" */
