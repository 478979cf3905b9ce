/* SPDX-License-Identifier: Apache-2.0
 * The fit: chooses the method, refines, fills the tables. Formulas for the tables: Montgomery,
 * Peck, Vining 2012, chapters 3 and 6; information criteria with statsmodels' constants. */
#include "train/linear.h"

#include <math.h>
#include <string.h>

#include "base/num.h"
#include "stat/describe.h"
#include "stat/dist.h"
#include "train/dense.h"
#include "train/kernel.h"
#include "train/qr.h"

enum { REFINE_MAX = 8, SENTENCE_TERMS = 8, SENTENCE_MAX = 1 << 16 };

/* Pivots (diagonal of the correlation matrix = 1) below this times p go to QR. */
static const double PIVOT_MIN = 1e-12;
/* A column's share in a combination below this is rounding, not part of the sentence. */
static const double SHARE_MIN = 1e-9;

const char *linear_method_name(enum linear_method m)
{
    return m == LINEAR_QR ? "qr" : "cholesky";
}

/* What a fit carries along. */
struct fit {
    struct kernel k;    /* its arena is scratch memory */
    struct arena *keep; /* what the model points to */
    double alpha;
    struct linear_model *model;
    size_t rank;
    size_t *kept;        /* rank column numbers, ascending */
    double *root;        /* rank × rank */
    struct dd intercept; /* of the solution reported */
    struct dd *beta;     /* active_n, in the order of k.active */
    struct kernel_residual residual;
    double tss;
};

/* ---- normal equations ---- */
/* Scales to unit diagonal and factors; root = factor in the units of the scaled columns. Returns
 * the smallest pivot. gram: (q+1)² upper triangle. */
static double factor_gram(const struct fit *f, const double *gram, double *root)
{
    size_t q = f->k.active_n, w = q + 1;
    double *norm = f->residual.gradient; /* free for now */
    for (size_t j = 0; j < q; j++) {
        double s = f->k.scale[f->k.active[j]];
        norm[j] = sqrt(gram[j * w + j] + f->alpha * s * s);
    }
    for (size_t i = 0; i < q; i++) {
        root[i * q + i] = 1;
        for (size_t j = i + 1; j < q; j++)
            root[i * q + j] = gram[i * w + j] / norm[i] / norm[j];
    }
    double pivot = dense_cholesky(root, q, q);
    for (size_t i = 0; i < q; i++) {
        for (size_t j = i; j < q; j++)
            root[i * q + j] *= norm[j];
    }
    return pivot;
}

static struct dd dd_add_double(struct dd a, double b)
{
    return dd_add(a, (struct dd){ b, 0 });
}

/* One step: solves for the correction that the gradient asks for and adds it. Returns its size
 * relative to the coefficients. */
static double refine_step(struct fit *f, double *step)
{
    size_t q = f->k.active_n;
    double largest = 0, change = 0, shift = 0;
    for (size_t j = 0; j < q; j++) {
        double s = f->k.scale[f->k.active[j]];
        step[j] = f->residual.gradient[j] - f->alpha * s * (f->beta[j].hi + f->beta[j].lo);
    }
    dense_cholesky_solve(f->root, q, q, step);
    for (size_t j = 0; j < q; j++) {
        size_t column = f->k.active[j];
        double s = f->k.scale[column];
        change = fmax(change, fabs(step[j]));
        f->beta[j] = dd_add_double(f->beta[j], step[j] * s);
        shift += f->k.means[column] * (step[j] * s);
        largest = fmax(largest, fabs(f->beta[j].hi / s));
    }
    double mean = f->residual.sum / (double)f->k.data->n;
    f->intercept = dd_add_double(f->intercept, mean);
    f->intercept = dd_add_double(f->intercept, -shift);
    return largest > 0 ? change / largest : 0;
}

/* Leaves the residuals of the final coefficients in f->residual. A last correction below 2^-50 of
 * the coefficients is added without another pass: it changes the sum of squares by its square. */
static int refine(struct fit *f, struct err *err)
{
    double *step = ARENA_TRY_ARRAY(f->k.arena, f->k.active_n + 1, double), before = INFINITY;
    if (!step)
        return ERR(err, ERR_NOMEM, "not enough memory to refine the fit");
    for (int i = 0;; i++) {
        int rc = kernel_residuals(&f->k, f->intercept, f->beta, &f->residual, err);
        if (rc || i == REFINE_MAX || (i > 1 && before <= 0x1p-40))
            return rc;
        double change = refine_step(f, step);
        if (change <= 0x1p-50)
            return 0;
        before = change > before / 2 ? 0 : change; /* 0: it gains no more */
    }
}

/* 0 done, 1 not safe, < 0 error. */
static int fit_cholesky(struct fit *f, struct err *err)
{
    size_t q = f->k.active_n, w = q + 1;
    double *gram = ARENA_TRY_ARRAY(f->k.arena, w * w, double);
    if (!gram)
        return ERR(err, ERR_NOMEM, "not enough memory for %zu columns", q);
    int rc = kernel_gram(&f->k, gram, err);
    if (rc)
        return rc;
    f->tss = gram[q * w + q] / (f->k.y_scale * f->k.y_scale);
    if (!(factor_gram(f, gram, f->root) >= PIVOT_MIN * (double)MAX(q, (size_t)1)))
        return 1;
    for (size_t j = 0; j < q; j++)
        f->residual.gradient[j] = gram[j * w + q] / f->k.y_scale;
    f->residual.sum = 0;
    f->intercept = (struct dd){ f->k.y_mean, 0 };
    double *step = ARENA_TRY_ARRAY(f->k.arena, w, double);
    if (!step)
        return ERR(err, ERR_NOMEM, "not enough memory for %zu columns", q);
    (void)refine_step(f, step);
    f->rank = q;
    memcpy(f->kept, f->k.active, q * sizeof *f->kept);
    f->model->method = LINEAR_CHOLESKY;
    return refine(f, err);
}

/* ---- QR ---- */
static size_t active_index(const struct kernel *k, size_t column)
{
    size_t i = 0;
    while (k->active[i] != column)
        i++;
    return i;
}

/* Least-norm solution: with W = [I C] (kept columns and what the dropped ones are of them) all
 * solutions satisfy Wβ = b; the shortest is Wᵀ(WWᵀ)⁻¹ b. The intercept follows from the means. */
static int least_norm(struct fit *f, const struct qr_result *qr, struct err *err)
{
    size_t r = qr->rank, d_n = qr->dropped_n;
    struct dd *a = ARENA_TRY_ARRAY(f->k.arena, r * r + 1, struct dd);
    struct dd *b = ARENA_TRY_ARRAY(f->k.arena, r + 1, struct dd);
    if (!a || !b)
        return ERR(err, ERR_NOMEM, "not enough memory for %zu columns", r);
    for (size_t i = 0; i < r; i++) {
        b[i] = qr->beta[i + 1];
        for (size_t j = 0; j < r; j++) {
            struct dd s = { i == j, 0 };
            for (size_t d = 0; d < d_n; d++) {
                const double *c = qr->combination + d * (r + 1) + 1;
                s = dd_add(s, dd_mul((struct dd){ c[i], 0 }, (struct dd){ c[j], 0 }));
            }
            a[i * r + j] = s;
        }
    }
    qr_spd_solve(a, r, b);
    f->intercept = qr->beta[0];
    for (size_t i = 0; i < r; i++)
        f->beta[active_index(&f->k, qr->kept[i])] = b[i];
    for (size_t d = 0; d < d_n; d++) {
        struct dd s = { 0, 0 };
        const double *c = qr->combination + d * (r + 1);
        for (size_t i = 0; i < r; i++)
            s = dd_add(s, dd_mul((struct dd){ c[i + 1], 0 }, b[i]));
        f->beta[active_index(&f->k, qr->dropped[d])] = s;
        f->intercept = dd_add(f->intercept, dd_mul((struct dd){ -c[0], 0 }, s));
    }
    return 0;
}

/* "c = a + 2 b - 1"; marks the columns that take part as not estimable. */
static const char *combination_sentence(const struct fit *f, const struct qr_result *qr, size_t d)
{
    const struct linear_data *data = f->k.data;
    size_t column = qr->dropped[d], terms = 0, more = 0;
    const double *c = qr->combination + d * (qr->rank + 1);
    double size = fabs(f->k.means[column]) + 1 / f->k.scale[column];
    char number[FMT_DOUBLE_MAX];
    struct buf b;
    buf_init(&b, SENTENCE_MAX);
    buf_printf(&b, "%s =", data->names[column]);
    for (size_t i = 0; i <= qr->rank; i++) {
        size_t other = i ? qr->kept[i - 1] : 0;
        double part = i ? fabs(f->k.means[other]) + 1 / f->k.scale[other] : 1;
        if (!(fabs(c[i]) * part > SHARE_MIN * size))
            continue;
        f->model->coefficients[i ? other + 1 : 0].estimable = 0;
        if (terms == SENTENCE_TERMS) {
            more++;
            continue;
        }
        buf_puts(&b, c[i] < 0 ? " - " : terms ? " + " : " ");
        (void)fmt_double_digits(fabs(c[i]), 6, number);
        if (!i || strcmp(number, "1") != 0)
            buf_puts(&b, number);
        if (i)
            buf_printf(&b, "%s%s", strcmp(number, "1") != 0 ? " " : "", data->names[other]);
        terms++;
    }
    if (!terms)
        buf_puts(&b, " 0");
    if (more)
        buf_printf(&b, " + … (%zu more)", more);
    const char *text = arena_strndup(f->keep, b.p ? b.p : "", b.n);
    buf_fini(&b);
    return text;
}

static int fit_qr(struct fit *f, struct err *err)
{
    struct qr_result qr;
    size_t q = f->k.active_n;
    struct kernel_residual total = { .gradient = f->residual.gradient };
    int rc = qr_solve(&f->k, f->alpha, &qr, err);
    if (rc)
        return rc;
    f->rank = qr.rank;
    memcpy(f->kept, qr.kept, qr.rank * sizeof *f->kept);
    memcpy(f->root, qr.root, qr.rank * qr.rank * sizeof *f->root);
    memset(f->beta, 0, q * sizeof *f->beta);
    rc = kernel_residuals(&f->k, (struct dd){ f->k.y_mean, 0 }, f->beta, &total, err);
    if (rc)
        return rc;
    f->tss = total.rss;
    f->model->method = LINEAR_QR;
    rc = least_norm(f, &qr, err);
    if (rc)
        return rc;
    for (size_t d = 0; d < qr.dropped_n; d++) {
        f->model->coefficients[qr.dropped[d] + 1].estimable = 0;
        const char *text = combination_sentence(f, &qr, d);
        if (!text)
            return ERR(err, ERR_NOMEM, "not enough memory for %zu columns", q);
        f->model->collinear[f->model->collinear_n++] = text;
    }
    return kernel_residuals(&f->k, f->intercept, f->beta, &f->residual, err);
}

/* ---- tables ---- */
static void set_fit_numbers(struct fit *f)
{
    struct linear_model *m = f->model;
    double n = (double)m->n, rank = (double)f->rank, dof = n - rank - 1;
    double rss = f->residual.rss, tss = f->tss;
    int constant = f->k.data->n == 1 || tss == 0;
    m->rank = f->rank;
    m->rss = rss;
    m->tss = tss;
    m->r2 = constant ? (rss == 0 ? 1 : 0) : 1 - rss / tss;
    m->durbin_watson = rss > 0 ? f->residual.step2 / rss : NAN;
    if (m->alpha > 0)
        return;
    m->log_likelihood = -n / 2 * (log(2 * M_PI) + log(rss / n) + 1);
    m->aic = -2 * m->log_likelihood + 2 * (rank + 1);
    m->bic = -2 * m->log_likelihood + log(n) * (rank + 1);
    if (dof <= 0)
        return;
    m->adj_r2 = 1 - (1 - m->r2) * (n - 1) / dof;
    m->sigma = sqrt(rss / dof);
    if (f->rank && !constant) {
        m->f = (tss - rss) / rank / (rss / dof);
        m->f_p = dist_f_sf(m->f, rank, dof);
    }
}

static void set_row(struct linear_coefficient *c, double se, double dof, double quantile)
{
    c->se = se;
    c->t = c->estimate / se;
    c->p = isnan(c->t) ? NAN : 2 * dist_t_sf(fabs(c->t), dof);
    c->low = c->estimate - quantile * se;
    c->high = c->estimate + quantile * se;
}

/* Standard errors and variance inflation from the inverse of the root. */
static int set_table(struct fit *f, struct err *err)
{
    struct linear_model *m = f->model;
    size_t r = f->rank;
    double n = (double)m->n, dof = n - (double)r - 1;
    double *inverse = ARENA_TRY_ARRAY(f->k.arena, r * r + 1, double);
    double *mean_part = ARENA_TRY_ARRAY(f->k.arena, r + 1, double);
    if (!inverse || !mean_part)
        return ERR(err, ERR_NOMEM, "not enough memory for %zu columns", r);
    dense_upper_inverse(f->root, r, r, inverse);
    double quantile = dof > 0 ? dist_t_ppf(0.975, dof) : NAN;
    for (size_t j = 0; j < r; j++) {
        struct linear_coefficient *c = &m->coefficients[f->kept[j] + 1];
        double scale = f->k.scale[f->kept[j]], squares = 0, length = 0;
        for (size_t i = j; i < r; i++) {
            squares += inverse[j * r + i] * inverse[j * r + i];
            mean_part[i] += inverse[j * r + i] * (scale * f->k.means[f->kept[j]]);
        }
        for (size_t i = 0; i <= j; i++)
            length += f->root[i * r + j] * f->root[i * r + j];
        if (!c->estimable)
            continue;
        c->vif = squares * length;
        if (dof > 0)
            set_row(c, m->sigma * sqrt(squares) * scale, dof, quantile);
    }
    double squares = 1 / n;
    for (size_t i = 0; i < r; i++)
        squares += mean_part[i] * mean_part[i];
    if (m->coefficients[0].estimable && dof > 0)
        set_row(&m->coefficients[0], m->sigma * sqrt(squares), dof, quantile);
    return 0;
}

/* Condition of [1 X] from its triangle [√n √n·means; 0 root] in raw units. */
static int set_condition(struct fit *f, struct err *err)
{
    size_t r = f->rank, w = r + 1;
    double *u = ARENA_TRY_ARRAY(f->k.arena, w * w, double);
    double *scratch = ARENA_TRY_ARRAY(f->k.arena, 2 * w, double), n = sqrt((double)f->model->n);
    if (!u || !scratch)
        return ERR(err, ERR_NOMEM, "not enough memory for %zu columns", r);
    if (r < f->model->p) {
        f->model->condition = INFINITY;
        return 0;
    }
    u[0] = n;
    for (size_t j = 0; j < r; j++) {
        u[j + 1] = n * f->k.means[f->kept[j]];
        for (size_t i = 0; i <= j; i++)
            u[(i + 1) * w + j + 1] = f->root[i * r + j] / f->k.scale[f->kept[j]];
    }
    f->model->condition = dense_condition(u, w, scratch);
    return 0;
}

static void set_estimates(struct fit *f)
{
    struct linear_model *m = f->model;
    m->coefficients[0].estimate = f->intercept.hi + f->intercept.lo;
    for (size_t j = 0; j < f->k.active_n; j++)
        m->coefficients[f->k.active[j] + 1].estimate = f->beta[j].hi + f->beta[j].lo;
}

/* ---- set-up ---- */
static int check(const struct linear_data *d, const struct linear_options *o, struct err *err)
{
    if (d->n < 1)
        return ERR(err, ERR_INVALID, "no rows to train on");
    if (d->p > LIMIT_LINEAR_COLUMNS)
        return ERR(err, ERR_LIMIT,
                   "%zu feature columns, at most %d; drop columns or encode fewer levels", d->p,
                   LIMIT_LINEAR_COLUMNS);
    if (!(o->alpha >= 0 && o->alpha <= 1e100))
        return ERR(err, ERR_INVALID, "alpha is %g; it must be 0 or more", o->alpha);
    return 0;
}

static int make_model(struct arena *a, const struct linear_data *d, double alpha,
                      struct linear_model *m, struct err *err)
{
    *m = (struct linear_model){ .coefficients =
                                    ARENA_TRY_ARRAY(a, d->p + 1, struct linear_coefficient),
                                .means = ARENA_TRY_ARRAY(a, d->p + 1, double),
                                .collinear = ARENA_TRY_ARRAY(a, d->p + 1, const char *),
                                .alpha = alpha,
                                .n = d->n,
                                .p = d->p,
                                .adj_r2 = NAN,
                                .sigma = NAN,
                                .f = NAN,
                                .f_p = NAN,
                                .log_likelihood = NAN,
                                .aic = NAN,
                                .bic = NAN,
                                .condition = NAN,
                                .durbin_watson = NAN };
    if (!m->coefficients || !m->means || !m->collinear)
        return ERR(err, ERR_NOMEM, "not enough memory for %zu columns", d->p);
    for (size_t j = 0; j <= d->p; j++) {
        const char *name = j ? arena_strdup(a, d->names[j - 1]) : "(intercept)";
        m->coefficients[j] =
            (struct linear_coefficient){ name, 0, NAN, NAN, NAN, NAN, NAN, NAN, 1 };
    }
    return 0;
}

static int name_constants(struct fit *f, struct err *err)
{
    for (size_t j = 0; j < f->model->p; j++) {
        if (f->k.scale[j] > 0)
            continue;
        const char *text = arena_printf(f->keep, "%.200s is constant", f->k.data->names[j]);
        if (!text)
            return ERR(err, ERR_NOMEM, "not enough memory for %zu columns", f->model->p);
        f->model->collinear[f->model->collinear_n++] = text;
        f->model->coefficients[j + 1].estimable = 0;
    }
    return 0;
}

static int fit_all(struct fit *f, struct err *err)
{
    size_t q = f->k.active_n;
    int rc = 1;
    if (q < f->k.data->n || f->alpha > 0)
        rc = fit_cholesky(f, err);
    if (rc > 0)
        rc = fit_qr(f, err);
    if (rc)
        return rc;
    set_estimates(f);
    set_fit_numbers(f);
    f->model->kept_n = f->rank;
    f->model->kept = f->kept;
    f->model->root = f->root;
    if (f->alpha > 0)
        return 0;
    rc = set_condition(f, err);
    return rc ? rc : set_table(f, err);
}

static int fit_in(struct fit *f, struct err *err)
{
    size_t p = f->model->p;
    double *scale = ARENA_TRY_ARRAY(f->keep, p + 1, double);
    if (!scale)
        return ERR(err, ERR_NOMEM, "not enough memory for %zu columns", p);
    f->k.means = f->model->means;
    f->k.scale = scale;
    f->model->scale = scale;
    int rc = kernel_scan(&f->k, err);
    if (rc)
        return rc;
    f->model->target_mean = f->k.y_mean;
    size_t q = f->k.active_n;
    f->kept = ARENA_TRY_ARRAY(f->keep, q + 1, size_t);
    f->root = ARENA_TRY_ARRAY(f->keep, q * q + 1, double);
    f->beta = ARENA_TRY_ARRAY(f->k.arena, q + 1, struct dd);
    f->residual.gradient = ARENA_TRY_ARRAY(f->k.arena, q + 1, double);
    if (!f->kept || !f->root || !f->beta || !f->residual.gradient)
        return ERR(err, ERR_NOMEM, "not enough memory for %zu columns", q);
    rc = name_constants(f, err);
    return rc ? rc : fit_all(f, err);
}

int linear_fit(struct arena *a, const struct linear_data *data,
               const struct linear_options *options, struct linear_model *out, struct err *err)
{
    struct arena scratch;
    struct fit f = { .k = { .data = data, .arena = &scratch, .threads = options->threads },
                     .keep = a,
                     .alpha = options->alpha,
                     .model = out };
    int rc = check(data, options, err);
    if (!rc)
        rc = make_model(a, data, options->alpha, out, err);
    if (rc)
        return rc;
    arena_init(&scratch, a->max_bytes - MIN(a->used_bytes, a->max_bytes));
    rc = fit_in(&f, err);
    arena_fini(&scratch);
    return rc;
}

double linear_predict(const struct linear_model *m, const double *x)
{
    double sum = m->coefficients[0].estimate;
    for (size_t j = 0; j < m->p; j++)
        sum += m->coefficients[j + 1].estimate * x[j];
    return sum;
}

double linear_leverage(const struct linear_model *m, const double *x, double *scratch)
{
    double h = 1 / (double)m->n;
    for (size_t j = 0; j < m->kept_n; j++)
        scratch[j] = (x[m->kept[j]] - m->means[m->kept[j]]) * m->scale[m->kept[j]];
    dense_lower_solve(m->root, m->kept_n, m->kept_n, scratch);
    for (size_t j = 0; j < m->kept_n; j++)
        h += scratch[j] * scratch[j];
    return h;
}
