/* SPDX-License-Identifier: Apache-2.0
 * Moments by two compensated passes; quantiles from a radix sort; histograms by direct index with a
 * correction against the real edges, so that rounding of the index never moves a value. */
#include "stat/describe.h"

#include <math.h>
#include <string.h>

#include "stat/sum.h"

/* Sums over the values that are present, a block at a time. */
struct moments {
    double block[STAT_BLOCK];
    size_t filled;
    double shift; /* 0 in the first pass, the mean in the second */
    struct stat_lanes sum, square;
};

static void moments_flush(struct moments *m)
{
    double square[STAT_BLOCK];
    for (size_t i = 0; i < m->filled; i++) {
        m->block[i] -= m->shift;
        square[i] = m->block[i] * m->block[i];
    }
    stat_lanes_add(&m->sum, m->block, m->filled);
    stat_lanes_add(&m->square, square, m->filled);
    m->filled = 0;
}

/* One pass; returns how many values are present. */
static size_t moments_pass(const double *x, size_t n, double shift, struct moments *m)
{
    size_t present = 0;
    *m = (struct moments){ .shift = shift };
    for (size_t i = 0; i < n; i++) {
        if (isnan(x[i]))
            continue;
        m->block[m->filled++] = x[i];
        present++;
        if (m->filled == STAT_BLOCK)
            moments_flush(m);
    }
    moments_flush(m);
    return present;
}

void stat_describe(const double *x, size_t n, struct stat_summary *out)
{
    struct moments m;
    double low = INFINITY, high = -INFINITY;
    size_t present = moments_pass(x, n, 0, &m);
    *out = (struct stat_summary){ .n = present,
                                  .missing = n - present,
                                  .mean = NAN,
                                  .sd = NAN,
                                  .sd_n = NAN,
                                  .min = NAN,
                                  .max = NAN };
    if (!present)
        return;
    for (size_t i = 0; i < n; i++) { /* NaN compares false */
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    double count = (double)present, mean = stat_lanes_value(&m.sum) / count, m2 = NAN;
    if (low == high) {
        mean = low;
        m2 = 0;
    } else if (isfinite(mean)) {
        IGNORE(moments_pass(x, n, mean, &m));
        double rest = stat_lanes_value(&m.sum);
        m2 = fmax(0, stat_lanes_value(&m.square) - rest * rest / count);
        mean += rest / count;
    }
    out->mean = mean;
    out->min = low;
    out->max = high;
    out->sd_n = sqrt(m2 / count);
    if (present > 1)
        out->sd = sqrt(m2 / (count - 1));
}

/* ---- sort ---- */
enum { RADIX_BITS = 11, RADIX = 1 << RADIX_BITS, PASSES = 6 };

/* Keys are stored in the memory of the doubles. */
typedef uint64_t __attribute__((may_alias)) sort_key;

/* Order-preserving map from doubles to unsigned integers. */
static uint64_t to_key(double v)
{
    uint64_t u;
    memcpy(&u, &v, sizeof u);
    return u >> 63 ? ~u : u | UINT64_C(1) << 63;
}

static double from_key(uint64_t k)
{
    uint64_t u = k >> 63 ? k & ~(UINT64_C(1) << 63) : ~k;
    double v;
    memcpy(&v, &u, sizeof v);
    return v;
}

static unsigned digit(uint64_t key, int pass)
{
    return (unsigned)(key >> (pass * RADIX_BITS)) & (RADIX - 1);
}

static void insertion_sort(double *x, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        double v = x[i];
        uint64_t key = to_key(v);
        size_t j = i;
        for (; j && to_key(x[j - 1]) > key; j--)
            x[j] = x[j - 1];
        x[j] = v;
    }
}

/* One counting pass from a to b by the given digit; 0 when all values share that digit. */
static int radix_pass(const sort_key *a, sort_key *b, size_t n, int pass, const uint32_t *count)
{
    size_t at[RADIX], sum = 0;
    if (count[digit(a[0], pass)] == n)
        return 0;
    for (int d = 0; d < RADIX; d++) {
        at[d] = sum;
        sum += count[d];
    }
    for (size_t i = 0; i < n; i++)
        b[at[digit(a[i], pass)]++] = a[i];
    return 1;
}

void stat_sort(double *x, size_t n, double *scratch)
{
    uint32_t count[PASSES][RADIX] = { 0 };
    if (n < 64 || n > UINT32_MAX) {
        insertion_sort(x, n);
        return;
    }
    sort_key *a = (sort_key *)x, *b = (sort_key *)scratch;
    for (size_t i = 0; i < n; i++) {
        uint64_t key = to_key(x[i]);
        a[i] = key;
        for (int p = 0; p < PASSES; p++)
            count[p][digit(key, p)]++;
    }
    for (int p = 0; p < PASSES; p++) {
        if (radix_pass(a, b, n, p, count[p])) {
            sort_key *t = a;
            a = b;
            b = t;
        }
    }
    for (size_t i = 0; i < n; i++) {
        uint64_t key = a[i];
        x[i] = from_key(key);
    }
}

size_t stat_sorted_copy(const double *x, size_t n, double *out, double *scratch)
{
    size_t m = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isnan(x[i]))
            out[m++] = x[i];
    }
    stat_sort(out, m, scratch);
    return m;
}

double stat_quantile(const double *sorted, size_t n, double q)
{
    if (!n || isnan(q))
        return NAN;
    double at = fmin(fmax(q, 0), 1) * (double)(n - 1);
    size_t i = (size_t)floor(at);
    double t = at - (double)i;
    if (t == 0 || i + 1 >= n)
        return sorted[i];
    double step = sorted[i + 1] - sorted[i];
    if (step == 0)
        return sorted[i];
    return t < 0.5 ? sorted[i] + step * t : sorted[i + 1] - step * (1 - t);
}

double stat_median(double *x, size_t n, double *scratch)
{
    stat_sort(x, n, scratch);
    return stat_quantile(x, n, 0.5);
}

/* ---- histogram ---- */
void stat_histogram_edges(double low, double high, size_t k, double *out_edges)
{
    if (low == high) {
        low -= 0.5;
        high += 0.5;
    }
    double step = (high - low) / (double)k;
    for (size_t i = 0; i < k; i++)
        out_edges[i] = low + step * (double)i;
    out_edges[k] = high;
}

/* Bin of a value inside [edges[0], edges[k]]. `scale` guesses from equal spacing; the guess is
 * right or next to right for equal bins, a bisection does the rest for others. */
static size_t find_bin(double v, const double *edges, size_t k, double scale)
{
    double guess = (v - edges[0]) * scale;
    size_t i = guess >= (double)k ? k - 1 : guess > 0 ? (size_t)guess : 0;
    if (i > 0 && v < edges[i])
        i--;
    else if (i + 1 < k && v >= edges[i + 1])
        i++;
    if (v >= edges[i] && (v < edges[i + 1] || i + 1 == k))
        return i;
    size_t low = 0, high = k;
    while (high - low > 1) {
        size_t mid = low + (high - low) / 2;
        if (v >= edges[mid])
            low = mid;
        else
            high = mid;
    }
    return low;
}

void stat_histogram(const double *x, size_t n, const double *edges, size_t k, uint64_t *out_counts,
                    struct stat_outside *out)
{
    double scale = (double)k / (edges[k] - edges[0]);
    for (size_t i = 0; i < n; i++) {
        if (isnan(x[i]))
            out->missing++;
        else if (x[i] < edges[0])
            out->below++;
        else if (x[i] > edges[k])
            out->above++;
        else
            out_counts[find_bin(x[i], edges, k, scale)]++;
    }
}
