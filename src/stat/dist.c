/* SPDX-License-Identifier: Apache-2.0
 * Incomplete beta by the continued fraction of DiDonato and Morris (1992, ACM TOMS 18, 360-373, eq.
 * 9), incomplete gamma by series and continued fraction (DLMF 8.11.4, 8.9.2), both evaluated by the
 * modified Lentz method. The factors
 * in front are saddle-point expansions (Loader 2000, "Fast and accurate computation of binomial
 * probabilities"), since differences of lgamma lose digits when the degrees of freedom are many. */
#include "stat/dist.h"

#include <float.h>
#include <math.h>

#include "base/macros.h"

static const double TWO_PI = 6.28318530717958647692528676655900577;

/* log Γ(x+1) - (x + 1/2) log x + x - log √(2π): the error of Stirling's formula. */
static double stirling_error(double x)
{
    if (x < 15) {
        int sign;
        return lgamma_r(x + 1, &sign) - (x + 0.5) * log(x) + x - 0.5 * log(TWO_PI);
    }
    double r = 1 / (x * x);
    double s = 691.0 / 360360;
    s = 1.0 / 1188 - r * s;
    s = 1.0 / 1680 - r * s;
    s = 1.0 / 1260 - r * s;
    s = 1.0 / 360 - r * s;
    s = 1.0 / 12 - r * s;
    return s / x;
}

/* x log(x/m) + m - x without cancellation near x = m. */
static double deviance(double x, double m)
{
    if (m == 0)
        return INFINITY;
    if (fabs(x - m) >= 0.1 * (x + m))
        return x * log(x / m) + m - x;
    double v = (x - m) / (x + m), sum = (x - m) * v, term = 2 * x * v;
    for (int j = 1; j < 1000; j++) {
        term *= v * v;
        double next = sum + term / (2 * j + 1);
        if (next == sum)
            break;
        sum = next;
    }
    return sum;
}

double dist_binomial_term(double a, double b, double x, double y)
{
    double n = a + b;
    double log_ratio = stirling_error(n) - stirling_error(a) - stirling_error(b);
    return exp(log_ratio - deviance(a, n * x) - deviance(b, n * y)) * sqrt(n / a / b / TWO_PI);
}

enum { FRACTION_STEPS = 1000000 };

/* Keeps a denominator of Lentz's method away from zero. */
static double guard(double v)
{
    return fabs(v) < DBL_MIN ? DBL_MIN : v;
}

/* B(a, b) I_x(a, b) / (x^a y^b). No term cancels as long as a y ≥ b x. */
static double beta_fraction(double a, double b, double x, double y)
{
    double lead = a * y - b * x + 1;
    double f = guard(a * lead / (a + 1)), c = f, d = 0;
    for (int m = 1; m < FRACTION_STEPS; m++) {
        double k = m, mid = a + 2 * k - 1, step = k * (b - k) * x / mid;
        double an = (a + k - 1) * (a + b + k - 1) * x / mid * step;
        double bn = k + step + (a + k) * (lead + k * (1 + y)) / (mid + 2);
        d = 1 / guard(bn + an * d);
        c = guard(bn + an / c);
        f *= d * c;
        if (fabs(d * c - 1) < DBL_EPSILON)
            break;
    }
    return 1 / f;
}

double dist_beta_inc(double a, double b, double x, double y)
{
    if (!(a > 0 && b > 0 && x >= 0 && y >= 0))
        return NAN;
    if (x == 0)
        return 0;
    if (y == 0)
        return 1;
    double front = dist_binomial_term(a, b, x, y) * a * b / (a + b);
    if (a * y >= b * x)
        return front * beta_fraction(a, b, x, y);
    return 1 - front * beta_fraction(b, a, y, x);
}

static double gamma_series(double a, double x)
{
    double sum = 1, term = 1;
    for (int k = 1; k < FRACTION_STEPS; k++) {
        term *= x / (a + k);
        sum += term;
        if (term < sum * DBL_EPSILON / 4)
            break;
    }
    return sum;
}

static double gamma_fraction(double a, double x)
{
    double b = x + 1 - a, c = 1 / DBL_MIN, d = 1 / guard(b), h = d;
    for (int k = 1; k < FRACTION_STEPS; k++) {
        double an = -k * (k - a);
        b += 2;
        d = 1 / guard(an * d + b);
        c = guard(b + an / c);
        double change = d * c;
        h *= change;
        if (fabs(change - 1) < DBL_EPSILON)
            break;
    }
    return h;
}

double dist_gamma_inc(double a, double x, int upper)
{
    if (!(a > 0 && x >= 0))
        return NAN;
    if (x == 0 || isinf(x))
        return (x == 0) == !upper ? 0 : 1;
    double front = exp(-stirling_error(a) - deviance(a, x)) / sqrt(TWO_PI * a);
    if (x < a + 1) {
        double lower = front * gamma_series(a, x);
        return upper ? 1 - lower : lower;
    }
    double higher = front * a * gamma_fraction(a, x);
    return upper ? higher : 1 - higher;
}

/* ---- cdf and sf ---- */
double dist_normal_cdf(double x)
{
    return 0.5 * erfc(-x / sqrt(2));
}

double dist_normal_sf(double x)
{
    return 0.5 * erfc(x / sqrt(2));
}

double dist_t_sf(double t, double df)
{
    if (!(df > 0) || isnan(t))
        return NAN;
    if (isinf(df))
        return dist_normal_sf(t);
    double s = t * t / df;
    double x = 1 / (1 + s), y = isinf(s) ? 1 : s / (1 + s);
    double tail = 0.5 * dist_beta_inc(df / 2, 0.5, x, y);
    return t > 0 ? tail : 1 - tail;
}

double dist_t_cdf(double t, double df)
{
    return dist_t_sf(-t, df);
}

/* upper = 1: P(F > f). */
static double f_tail(double f, double df1, double df2, int upper)
{
    if (!(df1 > 0 && df2 > 0) || isnan(f))
        return NAN;
    if (f <= 0)
        return upper ? 1 : 0;
    if (isinf(df2))
        return dist_gamma_inc(df1 / 2, f * df1 / 2, upper);
    double s = f / df2 * df1;
    double x = isinf(s) ? 1 : s / (1 + s), y = 1 / (1 + s);
    return upper ? dist_beta_inc(df2 / 2, df1 / 2, y, x) : dist_beta_inc(df1 / 2, df2 / 2, x, y);
}

double dist_f_cdf(double f, double df1, double df2)
{
    return f_tail(f, df1, df2, 0);
}

double dist_f_sf(double f, double df1, double df2)
{
    return f_tail(f, df1, df2, 1);
}

double dist_chi2_cdf(double x, double df)
{
    return x <= 0 && df > 0 ? 0 : dist_gamma_inc(df / 2, x / 2, 0);
}

double dist_chi2_sf(double x, double df)
{
    return x <= 0 && df > 0 ? 1 : dist_gamma_inc(df / 2, x / 2, 1);
}

/* ---- densities, for the steps of the inverse only ---- */
static double f_density(double f, double df1, double df2)
{
    double s = f / df2 * df1, x = s / (1 + s), y = 1 / (1 + s), a = df1 / 2, b = df2 / 2;
    return dist_binomial_term(a, b, x, y) * a * b / (a + b) / f;
}

static double chi2_density(double x, double df)
{
    double a = df / 2;
    return exp(-stirling_error(a) - deviance(a, x / 2)) / sqrt(TWO_PI * a) * a / x;
}

/* ---- inverses ---- */
enum family { NORMAL, STUDENT, FISHER, CHI2 };

/* A tail as a function of x > 0. */
struct tail {
    enum family family;
    double df1, df2;
    int upper;
};

static double tail_value(const struct tail *t, double x)
{
    switch (t->family) {
    case NORMAL: return dist_normal_sf(x);
    case STUDENT: return dist_t_sf(x, t->df1);
    case FISHER: return f_tail(x, t->df1, t->df2, t->upper);
    case CHI2: return dist_gamma_inc(t->df1 / 2, x / 2, t->upper);
    }
    return NAN;
}

static double tail_density(const struct tail *t, double x)
{
    switch (t->family) {
    case NORMAL: return exp(-x * x / 2) / sqrt(TWO_PI);
    case STUDENT: return f_density(x * x, 1, t->df1) * x;
    case FISHER: return f_density(x, t->df1, t->df2);
    case CHI2: return chi2_density(x, t->df1);
    }
    return NAN;
}

/* The middle of a bracket of positive numbers: geometric when the ends differ much. */
static double middle(double low, double high)
{
    if (isinf(high))
        return low > 0 ? low * 4 : 1;
    if (low == 0)
        return high / 16;
    return high > 4 * low ? sqrt(low) * sqrt(high) : low + (high - low) / 2;
}

/* x > 0 where the tail has probability p. Newton on log(tail): in x for upper tails (they fall like
 * exp(-x)), in log x for lower tails (they rise like a power), inside a shrinking bracket. */
static double tail_inverse(const struct tail *t, double p, double start)
{
    double low = 0, high = INFINITY, x = start;
    for (int i = 0; i < 2000; i++) {
        double value = tail_value(t, x), gap = log(value / p);
        if (gap == 0 || isnan(gap))
            break;
        if ((value > p) == t->upper)
            low = x;
        else
            high = x;
        double slope = tail_density(t, x) / value * (t->upper ? -1 : 1);
        double next = t->upper ? x - gap / slope : x * exp(-gap / (slope * x));
        if (!(next > low && next < high) || value < DBL_MIN)
            next = middle(low, high);
        if (fabs(next - x) <= DBL_EPSILON / 2 * x || next == low || next == high)
            return next;
        x = next;
    }
    return x;
}

/* Symmetric families: p is a lower tail probability. */
static double symmetric_ppf(enum family family, double p, double df)
{
    if (!(p >= 0 && p <= 1))
        return NAN;
    if (p == 0 || p == 1)
        return p == 0 ? -INFINITY : INFINITY;
    if (p == 0.5)
        return 0;
    struct tail t = { .family = family, .df1 = df, .upper = 1 };
    double x = tail_inverse(&t, p < 0.5 ? p : 1 - p, 1);
    return p < 0.5 ? -x : x;
}

double dist_normal_ppf(double p)
{
    return symmetric_ppf(NORMAL, p, INFINITY);
}

double dist_t_ppf(double p, double df)
{
    if (!(df > 0))
        return NAN;
    return isinf(df) ? dist_normal_ppf(p) : symmetric_ppf(STUDENT, p, df);
}

/* p is the probability of the tail that `upper` names; the smaller tail is inverted. */
static double positive_inverse(struct tail t, double p, double start)
{
    if (!(p >= 0 && p <= 1))
        return NAN;
    if (p == 0 || p == 1)
        return (p == 0) == t.upper ? INFINITY : 0;
    if (p > 0.5) {
        t.upper = !t.upper;
        p = 1 - p;
    }
    return tail_inverse(&t, p, start);
}

double dist_f_ppf(double p, double df1, double df2)
{
    if (!(df1 > 0 && df2 > 0))
        return NAN;
    return positive_inverse((struct tail){ FISHER, df1, df2, 0 }, p, 1);
}

double dist_f_isf(double p, double df1, double df2)
{
    if (!(df1 > 0 && df2 > 0))
        return NAN;
    return positive_inverse((struct tail){ FISHER, df1, df2, 1 }, p, 1);
}

double dist_chi2_ppf(double p, double df)
{
    return df > 0 ? positive_inverse((struct tail){ CHI2, df, 0, 0 }, p, df) : NAN;
}

double dist_chi2_isf(double p, double df)
{
    return df > 0 ? positive_inverse((struct tail){ CHI2, df, 0, 1 }, p, df) : NAN;
}

double dist_poisson_cdf(double k, double mean)
{
    if (!(mean >= 0) || isnan(k))
        return NAN;
    return k < 0 ? 0 : dist_gamma_inc(floor(k) + 1, mean, 1);
}

double dist_poisson_sf(double k, double mean)
{
    if (!(mean >= 0) || isnan(k))
        return NAN;
    return k < 0 ? 1 : dist_gamma_inc(floor(k) + 1, mean, 0);
}
