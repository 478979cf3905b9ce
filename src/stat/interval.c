/* SPDX-License-Identifier: Apache-2.0
 * A row enters every metric but the median and the largest error through five numbers; a resample
 * is their sums. The jackknife of BCa uses the same sums less one row. */
#include "stat/interval.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "stat/describe.h"
#include "stat/dist.h"
#include "stat/sum.h"

static const double Z95 = 1.959963984540054235524594430520551527955;

/* What one row adds. y is centred by the mean of all rows. */
struct row {
    double square;   /* e² */
    double absolute; /* |e| */
    double relative; /* |e| / max(|y|, floor) */
    double error;    /* e */
    double y;        /* y - mean */
    double y2;       /* (y - mean)² */
};

/* The metrics that are functions of sums, in the order of `smooth`. */
enum { SMOOTH_N = 6 };
static const enum regression_metric smooth[SMOOTH_N] = {
    REGRESSION_RMSE, REGRESSION_MAE,  REGRESSION_R2,
    REGRESSION_MAPE, REGRESSION_BIAS, REGRESSION_EXPLAINED_VARIANCE
};

static void row_add(struct row *sum, const struct row *r, double sign)
{
    sum->square += sign * r->square;
    sum->absolute += sign * r->absolute;
    sum->relative += sign * r->relative;
    sum->error += sign * r->error;
    sum->y += sign * r->y;
    sum->y2 += sign * r->y2;
}

static double ratio_metric(double part, double whole)
{
    return whole > 0 ? 1 - part / whole : part > 0 ? 0 : 1;
}

static void smooth_metrics(const struct row *sum, double n, double out[SMOOTH_N])
{
    double whole = sum->y2 - sum->y * sum->y / n;
    out[0] = sqrt(fmax(0, sum->square) / n);
    out[1] = sum->absolute / n;
    out[2] = ratio_metric(sum->square, whole);
    out[3] = sum->relative / n;
    out[4] = sum->error / n;
    out[5] = ratio_metric(sum->square - sum->error * sum->error / n, whole);
}

static struct row *make_rows(struct arena *a, const double *y, const double *prediction, size_t n,
                             struct row *out_sum)
{
    struct row *rows = ARENA_TRY_ARRAY(a, n, struct row);
    double mean = stat_mean(y, n);
    *out_sum = (struct row){ 0 };
    for (size_t i = 0; rows && i < n; i++) {
        double e = prediction[i] - y[i], c = y[i] - mean;
        rows[i] = (struct row){ e * e, fabs(e), fabs(e) / fmax(fabs(y[i]), REGRESSION_MAPE_FLOOR),
                                e,     c,       c * c };
        row_add(out_sum, &rows[i], 1);
    }
    return rows;
}

/* Uniform index below n by multiplication; the bias is under n/2^32. */
static size_t pick(struct rng *r, size_t n)
{
    return (size_t)((rng_u64(r) >> 32) * n >> 32);
}

/* Acceleration of BCa from the leave-one-out values of one metric. */
static double acceleration(const double *leave_out, size_t n)
{
    double mean = stat_mean(leave_out, n), two = 0, three = 0;
    for (size_t i = 0; i < n; i++) {
        double d = mean - leave_out[i];
        two += d * d;
        three += d * d * d;
    }
    return two > 0 ? three / (6 * two * sqrt(two)) : 0;
}

/* BCa limits from sorted replicates. */
static void bca_limits(const double *sorted, size_t n, double accel, struct stat_interval *io)
{
    size_t below = 0, equal = 0;
    for (size_t i = 0; i < n; i++) {
        below += sorted[i] < io->value;
        equal += sorted[i] == io->value;
    }
    double share = ((double)below + 0.5 * (double)equal) / (double)n;
    if (share <= 0 || share >= 1 || sorted[0] == sorted[n - 1]) {
        /* A boundary value, as r2 of a constant prediction: every resample lies on one side of it.
         * The percentile interval is widened to hold the value itself. */
        io->low = fmin(stat_quantile(sorted, n, 0.025), io->value);
        io->high = fmax(stat_quantile(sorted, n, 0.975), io->value);
        return;
    }
    double z0 = dist_normal_ppf(share), low = z0 - Z95, high = z0 + Z95;
    double at_low = dist_normal_cdf(z0 + low / (1 - accel * low));
    double at_high = dist_normal_cdf(z0 + high / (1 - accel * high));
    io->low = fmin(stat_quantile(sorted, n, at_low), io->value);
    io->high = fmax(stat_quantile(sorted, n, at_high), io->value);
}

static int bootstrap_smooth(struct arena *a, const struct row *rows, size_t n,
                            const struct row *sum, struct rng *rng, struct stat_interval *metric)
{
    size_t b_n = STAT_BOOTSTRAP_RESAMPLES;
    double *replicate = ARENA_TRY_ARRAY(a, b_n * SMOOTH_N, double);
    double *leave_out = ARENA_TRY_ARRAY(a, n * SMOOTH_N, double);
    double *scratch = ARENA_TRY_ARRAY(a, b_n, double);
    if (!replicate || !leave_out || !scratch)
        return ERR_NOMEM;
    double v[SMOOTH_N];
    for (size_t b = 0; b < b_n; b++) {
        struct row total = { 0 };
        for (size_t i = 0; i < n; i++)
            row_add(&total, &rows[pick(rng, n)], 1);
        smooth_metrics(&total, (double)n, v);
        for (size_t m = 0; m < SMOOTH_N; m++)
            replicate[m * b_n + b] = v[m];
    }
    for (size_t i = 0; i < n; i++) {
        struct row rest = *sum;
        row_add(&rest, &rows[i], -1);
        smooth_metrics(&rest, (double)(n - 1), v);
        for (size_t m = 0; m < SMOOTH_N; m++)
            leave_out[m * n + i] = v[m];
    }
    for (size_t m = 0; m < SMOOTH_N; m++) {
        stat_sort(replicate + m * b_n, b_n, scratch);
        bca_limits(replicate + m * b_n, b_n, acceleration(leave_out + m * n, n),
                   &metric[smooth[m]]);
    }
    return 0;
}

/* Standard error of a mean of influence values given their squares' sum. */
static double standard_error(const struct stat_acc *squares, double n)
{
    return sqrt(fmax(0, stat_acc_value(squares)) / (n - 1) / n);
}

static void set_symmetric(struct stat_interval *v, double se)
{
    v->low = v->value - Z95 * se;
    v->high = v->value + Z95 * se;
}

/* Influence of a row on A/B, A = mean part, B = mean whole: (part - A)/B - A (whole - B)/B². */
static double ratio_influence(double part, double whole, double mean_part, double mean_whole)
{
    return (part - mean_part) / mean_whole -
           mean_part * (whole - mean_whole) / (mean_whole * mean_whole);
}

/* What the delta method needs to know of all rows. */
struct delta {
    double mean; /* of y */
    double mse, mae, mape, bias;
    double whole, spread; /* variances of y and of the error, divisor n */
    struct stat_lanes squares[SMOOTH_N];
};

/* Squared influences of m ≤ STAT_BLOCK rows. */
static void delta_block(const double *y, const double *prediction, size_t m, struct delta *d)
{
    double v[SMOOTH_N][STAT_BLOCK];
    for (size_t i = 0; i < m; i++) {
        double e = prediction[i] - y[i], c = e - d->bias, dy = y[i] - d->mean, size = fabs(y[i]);
        double relative = fabs(e) / (size > REGRESSION_MAPE_FLOOR ? size : REGRESSION_MAPE_FLOOR);
        v[0][i] = e * e - d->mse;
        v[1][i] = fabs(e) - d->mae;
        v[2][i] = ratio_influence(e * e, dy * dy, d->mse, d->whole);
        v[3][i] = relative - d->mape;
        v[4][i] = c;
        v[5][i] = ratio_influence(c * c, dy * dy, d->spread, d->whole);
    }
    for (size_t k = 0; k < SMOOTH_N; k++) {
        for (size_t i = 0; i < m; i++)
            v[k][i] *= v[k][i];
        stat_lanes_add(&d->squares[k], v[k], m);
    }
}

static void delta_smooth(const double *y, const double *prediction, size_t n,
                         const struct regression_metrics *v, struct stat_interval *metric)
{
    double count = (double)n, mse = v->rmse * v->rmse, se[SMOOTH_N];
    struct delta d = { .mean = stat_mean(y, n),
                       .mse = mse,
                       .mae = v->mae,
                       .mape = v->mape,
                       .bias = v->bias,
                       .spread = mse - v->bias * v->bias };
    struct stat_summary truth;
    stat_describe(y, n, &truth);
    d.whole = truth.sd_n * truth.sd_n;
    for (size_t at = 0; at < n; at += STAT_BLOCK)
        delta_block(y + at, prediction + at, MIN(n - at, (size_t)STAT_BLOCK), &d);
    for (int m = 0; m < SMOOTH_N; m++)
        se[m] = sqrt(fmax(0, stat_lanes_value(&d.squares[m])) / (count - 1) / count);
    for (int m = 1; m < SMOOTH_N; m++)
        set_symmetric(&metric[smooth[m]], se[m]);
    /* rmse: the interval of the mean square, then the root; it stays above 0. */
    metric[REGRESSION_RMSE].low = sqrt(fmax(0, mse - Z95 * se[0]));
    metric[REGRESSION_RMSE].high = sqrt(mse + Z95 * se[0]);
    if (d.whole == 0) {
        metric[REGRESSION_R2].low = metric[REGRESSION_R2].high = NAN;
        metric[REGRESSION_EXPLAINED_VARIANCE].low = metric[REGRESSION_EXPLAINED_VARIANCE].high =
            NAN;
    }
}

/* Largest k with P(X < k) ≤ 0.025 for X binomial(n, 1/2): the k-th smallest and the k-th largest
 * value bound the median (David and Nagaraja 2003, section 7.1). 0 when there is no such k. */
static size_t median_rank(size_t n)
{
    if (n > 1000) {
        double k = floor((double)n / 2 - Z95 * sqrt((double)n) / 2);
        return (size_t)fmax(0, k);
    }
    double term = pow(0.5, (double)n), sum = 0;
    for (size_t k = 0; k < n; k++) {
        sum += term;
        if (sum > 0.025)
            return k;
        term *= (double)(n - k) / (double)(k + 1);
    }
    return 0;
}

/* sorted: |e| of all rows. */
static void median_interval(const double *sorted, size_t n, struct stat_interval *out)
{
    size_t k = median_rank(n);
    if (!k)
        return;
    out->low = sorted[k - 1];
    out->high = sorted[n - k];
}

int regression_report_compute(struct arena *a, const double *y, const double *prediction, size_t n,
                              uint64_t seed, struct regression_report *out)
{
    struct arena_mark mark = arena_snapshot(a);
    struct regression_metrics v;
    struct row sum, *rows;
    struct rng rng;
    int rc = 0;
    double *scratch = ARENA_TRY_ARRAY(a, 2 * n, double);
    if (!scratch)
        return ERR_NOMEM;
    regression_metrics_compute(y, prediction, n, scratch, &v);
    out->n = n;
    for (int m = 0; m < REGRESSION_N; m++)
        out->metric[m] = (struct stat_interval){ regression_metric_get(&v, m), NAN, NAN };
    if (n > 1)
        median_interval(scratch, n, &out->metric[REGRESSION_MEDAE]);
    if (n > STAT_BOOTSTRAP_ROWS) {
        delta_smooth(y, prediction, n, &v, out->metric);
    } else if (n > 1) {
        rng_seed(&rng, seed);
        rows = make_rows(a, y, prediction, n, &sum);
        rc = rows ? bootstrap_smooth(a, rows, n, &sum, &rng, out->metric) : ERR_NOMEM;
    }
    arena_restore(a, mark);
    return rc;
}

/* ---- comparison ---- */
struct pair {
    double challenger, champion; /* squared errors */
};

static int compare_bootstrap(struct arena *a, const struct pair *pairs, size_t n, struct rng *rng,
                             struct stat_comparison *out)
{
    size_t b_n = STAT_BOOTSTRAP_RESAMPLES, not_above = 0, not_below = 0;
    double *replicate = ARENA_TRY_ARRAY(a, 2 * b_n, double);
    if (!replicate)
        return ERR_NOMEM;
    for (size_t b = 0; b < b_n; b++) {
        double one = 0, two = 0;
        for (size_t i = 0; i < n; i++) {
            const struct pair *p = &pairs[pick(rng, n)];
            one += p->challenger;
            two += p->champion;
        }
        double d = sqrt(one / (double)n) - sqrt(two / (double)n);
        replicate[b] = d;
        not_above += d <= 0;
        not_below += d >= 0;
    }
    stat_sort(replicate, b_n, replicate + b_n);
    out->difference.low = stat_quantile(replicate, b_n, 0.025);
    out->difference.high = stat_quantile(replicate, b_n, 0.975);
    out->p = fmin(1, 2 * (double)(MIN(not_above, not_below) + 1) / (double)(b_n + 1));
    out->bootstrap = 1;
    return 0;
}

static void compare_delta(const struct pair *pairs, size_t n, const double mse[2],
                          struct stat_comparison *out)
{
    struct stat_acc squares = { 0 };
    double one = sqrt(mse[0]), two = sqrt(mse[1]);
    for (size_t i = 0; i < n; i++) {
        double d = (one > 0 ? (pairs[i].challenger - mse[0]) / (2 * one) : 0) -
                   (two > 0 ? (pairs[i].champion - mse[1]) / (2 * two) : 0);
        stat_acc_add(&squares, d * d);
    }
    double se = standard_error(&squares, (double)n);
    set_symmetric(&out->difference, se);
    out->p = se > 0 ? fmin(1, 2 * dist_normal_sf(fabs(out->difference.value) / se))
                    : out->difference.value == 0;
}

int regression_compare(struct arena *a, const double *y, const double *challenger,
                       const double *champion, size_t n, uint64_t seed, struct stat_comparison *out)
{
    struct arena_mark mark = arena_snapshot(a);
    struct pair *pairs = ARENA_TRY_ARRAY(a, n, struct pair);
    struct stat_acc sum[2] = { 0 };
    int rc = 0;
    if (!pairs)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        double one = challenger[i] - y[i], two = champion[i] - y[i];
        pairs[i] = (struct pair){ one * one, two * two };
        stat_acc_add(&sum[0], one * one);
        stat_acc_add(&sum[1], two * two);
    }
    double mse[2] = { stat_acc_value(&sum[0]) / (double)n, stat_acc_value(&sum[1]) / (double)n };
    *out = (struct stat_comparison){ .n = n, .p = NAN };
    out->difference = (struct stat_interval){ sqrt(mse[0]) - sqrt(mse[1]), NAN, NAN };
    if (n > STAT_BOOTSTRAP_ROWS) {
        compare_delta(pairs, n, mse, out);
    } else if (n >= 2) {
        struct rng rng;
        rng_seed(&rng, seed);
        rc = compare_bootstrap(a, pairs, n, &rng, out);
    }
    arena_restore(a, mark);
    return rc;
}

void stat_wilson(uint64_t k, uint64_t n, double *out_low, double *out_high)
{
    double m = (double)n, p = (double)k / m, z2 = Z95 * Z95;
    double middle = p + z2 / (2 * m), width = Z95 * sqrt(p * (1 - p) / m + z2 / (4 * m * m));
    *out_low = n ? fmax((middle - width) / (1 + z2 / m), 0) : NAN;
    *out_high = n ? fmin((middle + width) / (1 + z2 / m), 1) : NAN;
}
