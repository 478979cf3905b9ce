/* SPDX-License-Identifier: Apache-2.0
 * Distribution of the Kolmogorov-Smirnov statistic. Which method answers where is Simard and
 * L'Ecuyer's table; the methods are Ruben and Gambino (1982) at the ends, Durbin's matrix as
 * Marsaglia, Tsang and Wang (2003) compute it, Pomeranz (1974), twice the one-sided tail (Miller
 * 1956), and the expansion of Pelz and Good (1976). */
#include "stat/kolmogorov.h"

#include <math.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "stat/dist.h"
#include "stat/sum.h"

static const double PI = 3.14159265358979323846264338327950288;
static const double ROOT_TWO_PI = 2.50662827463100050241576528481104525;

/* Products that leave the range of a double are kept as p · 2^exponent. */
enum { SCALE_BITS = 128 };

static double clip(double p)
{
    return p < 0 ? 0 : p > 1 ? 1 : p;
}

/* ---- one-sided ---- */
/* Term v of the sum of Birnbaum and Tingey: C(n,v) d (d+v/n)^(v-1) (1-d-v/n)^(n-v). */
static double smirnov_term(double n, double v, double d)
{
    double a = d + v / n, b = 1 - a;
    if (v == 0)
        return exp(n * log1p(-d));
    if (!(b > 0))
        return 0;
    return d / a * dist_binomial_term(v, n - v, a, b);
}

double dist_smirnov_sf(uint64_t count, double d)
{
    double n = (double)count, last = floor(n * (1 - d));
    struct stat_acc sum = { 0 };
    if (!(count > 0) || isnan(d))
        return NAN;
    if (d <= 0 || d >= 1)
        return d <= 0;
    if (last >= n) /* n (1 - d) rounded up */
        last = n - 1;
    /* The terms rise to one top and fall again; beyond 1e-22 of the sum they do not matter. */
    double top = fmin(last, floor(n * (0.5 - d * 5 / 6)));
    if (top < 0)
        top = 0;
    for (double v = top; v >= 0; v--) {
        double t = smirnov_term(n, v, d);
        stat_acc_add(&sum, t);
        if (t < 1e-22 * sum.sum && v < top - 10)
            break;
    }
    for (double v = top + 1; v <= last; v++) {
        double t = smirnov_term(n, v, d);
        stat_acc_add(&sum, t);
        if (t < 1e-22 * sum.sum && v > top + 10)
            break;
    }
    return clip(stat_acc_value(&sum));
}

/* ---- Durbin's matrix ---- */
enum { DURBIN_MAX = 127 }; /* rows: 2k - 1 with k = ⌈n d⌉ ≤ 59 where it is used */

/* 1/(r-c+1)! on and below the superdiagonal; the first column and the last row carry
 * (1 - rest^i)/i! instead, and the corner where they meet a term of its own. */
static void durbin_fill(double *h, size_t m, double rest)
{
    double f = 1;
    for (size_t c = 1; c < m; c++) {
        f = 1;
        for (size_t r = c - 1; r < m; r++) {
            h[r * m + c] = f;
            f /= (double)(r + 2 - c);
        }
    }
    f = 1;
    for (size_t i = 0; i < m; i++) {
        f /= (double)(i + 1);
        double v = (1 - pow(rest, (double)(i + 1))) * f;
        if (i == m - 1)
            v = (1 - 2 * pow(rest, (double)m) + pow(fmax(0, 2 * rest - 1), (double)m)) * f;
        h[i * m] = v;
        h[(m - 1) * m + (m - 1 - i)] = v;
    }
}

static void multiply(const double *a, const double *b, double *out, size_t m)
{
    memset(out, 0, m * m * sizeof *out);
    for (size_t i = 0; i < m; i++)
        for (size_t k = 0; k < m; k++) {
            double v = a[i * m + k];
            if (v == 0)
                continue;
            for (size_t j = 0; j < m; j++)
                out[i * m + j] += v * b[k * m + j];
        }
}

static int rescale(double *h, size_t m, double at)
{
    if (!(fabs(at) > ldexp(1, SCALE_BITS)))
        return 0;
    for (size_t i = 0; i < m * m; i++)
        h[i] = ldexp(h[i], -SCALE_BITS);
    return SCALE_BITS;
}

/* P(D < d). */
static double durbin_cdf(uint64_t n, double d)
{
    double nd = (double)n * d;
    size_t k = (size_t)ceil(nd), m = 2 * k - 1;
    if (m > DURBIN_MAX)
        return NAN;
    double *memory = mem_alloc(3 * m * m * sizeof *memory);
    double *h = memory, *power = h + m * m, *other = power + m * m;
    int h_exponent = 0, exponent = 0;
    memset(memory, 0, 3 * m * m * sizeof *memory);
    durbin_fill(h, m, (double)k - nd);
    for (size_t i = 0; i < m; i++)
        power[i * m + i] = 1;
    for (uint64_t left = n; left > 0; left /= 2) {
        double *swap;
        if (left % 2) {
            multiply(power, h, other, m);
            swap = power, power = other, other = swap;
            exponent += h_exponent;
            exponent += rescale(power, m, power[(k - 1) * m + k - 1]);
        }
        if (left > 1) {
            multiply(h, h, other, m);
            swap = h, h = other, other = swap;
            h_exponent *= 2;
            h_exponent += rescale(h, m, h[(k - 1) * m + k - 1]);
        }
    }
    double p = power[(k - 1) * m + k - 1];
    for (uint64_t i = 1; i <= n; i++) { /* n!/n^n */
        p *= (double)i / (double)n;
        if (p != 0 && fabs(p) < ldexp(1, -SCALE_BITS)) {
            p = ldexp(p, SCALE_BITS);
            exponent -= SCALE_BITS;
        }
    }
    mem_free(memory);
    return ldexp(p, exponent);
}

/* ---- Pomeranz ---- */
enum { POMERANZ_N = 140, POMERANZ_POWERS = 64 };

/* Row i of the recursion holds indices low … high. */
static void pomeranz_range(int i, int n, int whole, int up, int half, int *low, int *high)
{
    int from, to, mid = (i + 1) / 2;
    if (i == 0) {
        from = -whole - up;
        to = whole + up - 1;
    } else if (i % 2 == 0) {
        from = mid - whole - 1;
        to = mid + whole + half - 1;
    } else if (mid == n + 1) {
        from = n - whole - up;
        to = n + whole + up - 1;
    } else {
        from = mid - whole - half - 1;
        to = mid + whole + up - 2;
    }
    *low = MAX(from + 1, 0);
    *high = MIN(to, n);
}

/* P(D < d), d·n ≤ 24, n ≤ POMERANZ_N. Poisson weights without their factor e^-x, which the closing
 * n! balances. */
static double pomeranz_cdf(int n, double d)
{
    double t = (double)n * d, whole = floor(t), f = t - whole, g = fmin(f, 1 - f);
    double power[3][POMERANZ_POWERS], step[3] = { g / n, 2 * g / n, (1 - 2 * g) / n };
    double now[POMERANZ_N + 2] = { 0 }, before[POMERANZ_N + 2];
    int up = f > 0, half = f > 0.5, low, high, exponent = 0;
    size_t powers = (size_t)(2 * (whole + 1));
    for (int s = 0; s < 3; s++) {
        power[s][0] = 1;
        for (size_t m = 1; m < powers; m++)
            power[s][m] = power[s][m - 1] * step[s] / (double)m;
    }
    now[0] = 1;
    pomeranz_range(0, n, (int)whole, up, half, &low, &high);
    for (int i = 1; i <= 2 * n + 1; i++) {
        int from = low, to = high;
        const double *w = power[i == 1 || i == 2 * n + 1 ? 0 : i % 2 ? 1 : 2];
        double top = 0;
        memcpy(before, now, sizeof before);
        memset(now, 0, sizeof now);
        pomeranz_range(i, n, (int)whole, up, half, &low, &high);
        for (int j = low; j <= high; j++) {
            for (int k = MAX(from, j - (int)powers + 1); k <= MIN(j, to); k++)
                now[j] += before[k] * w[j - k];
            top = fmax(top, now[j]);
        }
        if (top > 0 && top < ldexp(1, -SCALE_BITS)) {
            for (int j = low; j <= high; j++)
                now[j] = ldexp(now[j], SCALE_BITS);
            exponent -= SCALE_BITS;
        }
    }
    double p = now[n];
    for (int m = 1; m <= n; m++) {
        p *= m;
        if (p > ldexp(1, SCALE_BITS)) {
            p = ldexp(p, -SCALE_BITS);
            exponent += SCALE_BITS;
        }
    }
    return ldexp(p, exponent);
}

/* ---- Pelz and Good ---- */
/* Sums over odd m of the polynomials of K0 … K3 times q^(m²), by Horner in q^8: (2j+1)² - (2j-1)²
 * is 8j. */
static void pelz_good_odd(double z, double k[4])
{
    double z2 = z * z, z4 = z2 * z2, z6 = z4 * z2, z8 = z4 * z4, p2 = PI * PI;
    double q = exp(-p2 / (8 * z2));
    memset(k, 0, 4 * sizeof *k);
    for (int j = (int)ceil(16 * z / PI); j > 0; j--) {
        double m2 = (double)(2 * j - 1) * (2 * j - 1), x = p2 * m2 / 4, x2 = x * x, x3 = x2 * x;
        double next = pow(q, 8.0 * j);
        k[0] = k[0] * next + 1;
        k[1] = k[1] * next + (x - z2);
        k[2] = k[2] * next + (6 * z6 + 2 * z4 + (2 * z4 - 5 * z2) * x + (1 - 2 * z2) * x2);
        k[3] = k[3] * next + (-30 * z6 - 90 * z8 + (135 * z4 - 96 * z6) * x +
                              (212 * z4 - 60 * z2) * x2 + (5 - 30 * z2) * x3);
    }
    k[0] *= q * ROOT_TWO_PI / z;
    k[1] *= q * ROOT_TWO_PI / (6 * z4);
    k[2] *= q * ROOT_TWO_PI / (72 * z6 * z);
    k[3] *= q * ROOT_TWO_PI / (6480 * z8 * z2);
}

static double pelz_good_cdf(double n, double d)
{
    double z = sqrt(n) * d, z2 = z * z, p2 = PI * PI, k[4], two = 0, three = 0;
    if (p2 / (8 * z2) > 708)
        return 0;
    pelz_good_odd(z, k);
    for (int j = (int)ceil(16 * z / PI); j > 0; j--) {
        double j2 = (double)j * j, t = j2 * exp(-p2 * j2 / (2 * z2));
        two += t;
        three += t * (3 * z2 - p2 * j2);
    }
    k[2] -= two * p2 * ROOT_TWO_PI / (36 * z2 * z);
    k[3] += three * p2 * ROOT_TWO_PI / (216 * z2 * z2 * z2);
    return k[0] + k[1] / sqrt(n) + k[2] / n + k[3] / (n * sqrt(n));
}

/* ---- selection ---- */
/* 1/(2n) ≤ d ≤ 1/n: n!/n^n (2nd - 1)^n. */
static double smallest_cdf(double n, double t)
{
    int sign;
    return exp(lgamma_r(n + 1, &sign) - n * log(n) + n * log(2 * t - 1));
}

double dist_kolmogorov_sf(uint64_t count, double d)
{
    double n = (double)count, t = n * d, nd2 = t * d;
    if (count == 0 || isnan(d))
        return NAN;
    if (d >= 1 || nd2 >= 370)
        return 0;
    if (t <= 0.5)
        return 1;
    if (t <= 1)
        return clip(1 - smallest_cdf(n, t));
    if (t >= n - 1)
        return clip(2 * pow(1 - d, n));
    if (d >= 0.5 || nd2 >= (count <= POMERANZ_N ? 4 : 2.2))
        return clip(2 * dist_smirnov_sf(count, d));
    if (count <= POMERANZ_N)
        return clip(1 - (nd2 <= 0.754693 ? durbin_cdf(count, d) : pomeranz_cdf((int)count, d)));
    if (count <= 100000 && n * d * sqrt(d) <= 1.4)
        return clip(1 - durbin_cdf(count, d));
    return clip(1 - pelz_good_cdf(n, d));
}

/* ---- two samples ---- */
static size_t gcd(size_t a, size_t b)
{
    while (b) {
        size_t r = a % b;
        a = b;
        b = r;
    }
    return a;
}

double stat_ks_sorted(const double *x, size_t n, const double *y, size_t m, uint64_t *out_h)
{
    size_t i = 0, j = 0;
    uint64_t h = 0;
    if (out_h)
        *out_h = 0;
    if (!n || !m)
        return 0;
    size_t g = gcd(n, m);
    uint64_t by_x = m / g, by_y = n / g, fx = 0, fy = 0; /* steps of n·m/g = lcm */
    while (i < n && j < m) {
        double at = x[i] < y[j] ? x[i] : y[j];
        for (; i < n && x[i] <= at; i++)
            fx += by_x;
        for (; j < m && y[j] <= at; j++)
            fy += by_y;
        uint64_t apart = fx > fy ? fx - fy : fy - fx;
        if (apart > h)
            h = apart;
    }
    if (out_h)
        *out_h = h;
    return (double)h / ((double)n * (double)by_x);
}

/* Share of paths that touch the lines |x - y| = h of an n × n square: the reflection sum, nested
 * so that nothing cancels (Gnedenko and Korolyuk 1951). */
static double outside_square(double n, double h)
{
    double p = 0;
    for (double k = floor(n / h); k >= 0; k--) {
        double ratio = 1;
        for (double j = 0; j < h; j++)
            ratio *= (n - k * h - j) / (n + k * h + j + 1);
        p = ratio * (1 - p);
    }
    return 2 * p;
}

/* Share g(i, j) of the lattice paths from (0,0) to (i, j) that touch |i·a - j·b| ≥ h, with a =
 * m/gcd and b = n/gcd. The last step came from the left in a share i/(i+j) of them, so g(i, j) = (i
 * g(i-1, j) + j g(i, j-1)) / (i + j), and 1 on and past the lines: only sums of positive numbers,
 * hence small tails keep their digits. row: m + 1 doubles. */
static double outside_rectangle(size_t n, size_t m, uint64_t a, uint64_t b, uint64_t h, double *row)
{
    size_t low = 0, high = 0; /* inside cells of the row before: low … high - 1 */
    for (size_t i = 0; i <= n; i++) {
        uint64_t at = i * a;
        size_t from = at >= h ? (size_t)((at - h) / b + 1) : 0;
        size_t to = MIN(m + 1, (size_t)((at + h - 1) / b + 1));
        double left = 1;
        for (size_t j = MAX(high, from); j < to; j++)
            row[j] = 1;
        for (size_t j = from; j < to; j++) {
            double above = row[j];
            if (i + j == 0)
                left = 0;
            else
                left = ((double)i * above + (double)j * left) / (double)(i + j);
            row[j] = left;
        }
        low = from;
        high = to;
    }
    return low <= m && high > m ? row[m] : 1;
}

int stat_ks_p(struct arena *a, size_t n, size_t m, uint64_t h, double *out_p)
{
    struct arena_mark mark = arena_snapshot(a);
    *out_p = NAN;
    if (!n || !m)
        return 0;
    size_t g = gcd(n, m);
    double sizes = (double)n * (double)m / ((double)n + (double)m);
    double d = (double)h / ((double)n * (double)(m / g));
    if (h == 0) {
        *out_p = 1;
    } else if (MAX(n, m) > STAT_KS_EXACT_MAX || sizes * d * d >= 370) {
        *out_p = dist_kolmogorov_sf((uint64_t)nearbyint(sizes), d);
    } else if (n == m) {
        *out_p = clip(outside_square((double)n, (double)h));
    } else {
        double *row = ARENA_TRY_ARRAY(a, m + 1, double);
        if (!row)
            return ERR_NOMEM;
        *out_p = clip(outside_rectangle(n, m, m / g, n / g, h, row));
    }
    arena_restore(a, mark);
    return 0;
}
