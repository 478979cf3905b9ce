/* SPDX-License-Identifier: Apache-2.0
 * Parsing and printing of numbers. The process never calls setlocale for LC_NUMERIC, so the C
 * library's conversions are those of the "C" locale; only this file uses them. */
#include "base/num.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

int parse_u64(str_t s, uint64_t *out)
{
    uint64_t v = 0;
    if (!s.n)
        return -1;
    for (size_t i = 0; i < s.n; i++) {
        unsigned d = (unsigned)(s.p[i] - '0');
        if (d > 9 || __builtin_mul_overflow(v, (uint64_t)10, &v) ||
            __builtin_add_overflow(v, d, &v))
            return -1;
    }
    *out = v;
    return 0;
}

int parse_i64(str_t s, int64_t *out)
{
    int negative = s.n && s.p[0] == '-';
    uint64_t v;
    if (negative || (s.n && s.p[0] == '+'))
        s.p++, s.n--;
    if (parse_u64(s, &v))
        return -1;
    if (v > (uint64_t)INT64_MAX + (uint64_t)negative)
        return -1;
    *out = negative ? (int64_t)(0 - v) : (int64_t)v;
    return 0;
}

static int equal_nocase(str_t s, const char *z)
{
    return s.n == strlen(z) && strncasecmp(s.p, z, s.n) == 0;
}

static int parse_special(str_t s, double sign, double *out)
{
    if (equal_nocase(s, "nan"))
        *out = NAN;
    else if (equal_nocase(s, "inf") || equal_nocase(s, "infinity"))
        *out = sign * INFINITY;
    else
        return -1;
    return 0;
}

/* Digits of a decimal number: at most 19 significant ones fit exactly in `mantissa`. */
struct decimal {
    uint64_t mantissa;
    int digits;
    int exponent;
    int exact;
};

static int scan_decimal(str_t s, struct decimal *d)
{
    size_t i = 0;
    int seen = 0, point = 0;
    *d = (struct decimal){ .exact = 1 };
    for (; i < s.n; i++) {
        char c = s.p[i];
        if (c == '.' && !point) {
            point = 1;
            continue;
        }
        if (c < '0' || c > '9')
            break;
        seen = 1;
        if (d->digits < 19) {
            d->mantissa = d->mantissa * 10 + (uint64_t)(c - '0');
            d->digits += d->mantissa != 0;
            d->exponent -= point;
        } else {
            d->exact = 0;
            d->exponent += !point;
        }
    }
    if (!seen)
        return -1;
    if (i == s.n)
        return 0;
    if (s.p[i] != 'e' && s.p[i] != 'E')
        return -1;
    int64_t e;
    if (parse_i64((str_t){ s.p + i + 1, s.n - i - 1 }, &e))
        return -1;
    d->exponent += (int)MIN(MAX(e, (int64_t)-100000), (int64_t)100000);
    return 0;
}

/* Clinger's fast path: both mantissa and power of ten are exact doubles. */
static int fast_double(const struct decimal *d, double *out)
{
    static const double pow10[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
    if (!d->exact || d->mantissa > (UINT64_C(1) << 53) || d->exponent < -22 || d->exponent > 22)
        return 0;
    double m = (double)d->mantissa;
    *out = d->exponent < 0 ? m / pow10[-d->exponent] : m * pow10[d->exponent];
    return 1;
}

int parse_double(str_t s, double *out)
{
    double sign = 1, v = 0;
    str_t body = s;
    if (body.n && (body.p[0] == '-' || body.p[0] == '+')) {
        sign = body.p[0] == '-' ? -1 : 1;
        body.p++, body.n--;
    }
    if (parse_special(body, sign, out) == 0)
        return 0;
    struct decimal d;
    if (scan_decimal(body, &d))
        return -1;
    if (fast_double(&d, &v)) {
        *out = sign * v;
        return 0;
    }
    char stack[512];
    char *text = body.n < sizeof stack ? stack : malloc(body.n + 1);
    if (!text)
        return -1;
    memcpy(text, body.p, body.n);
    text[body.n] = '\0';
    *out = sign * strtod(text, NULL);
    if (text != stack)
        free(text);
    return 0;
}

static int parse_with_unit(str_t s, double *out_value, str_t *out_unit)
{
    size_t i = 0;
    while (i < s.n && ((s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == '.'))
        i++;
    *out_unit = (str_t){ s.p + i, s.n - i };
    return parse_double((str_t){ s.p, i }, out_value);
}

int parse_duration(str_t s, int64_t *out_ns)
{
    static const struct {
        const char *unit;
        double ns;
    } units[] = { { "ns", 1 },   { "us", 1e3 },   { "ms", 1e6 },    { "s", 1e9 },
                  { "m", 60e9 }, { "h", 3600e9 }, { "d", 86400e9 }, { "w", 604800e9 } };
    double v;
    str_t unit;
    if (parse_with_unit(s, &v, &unit))
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (str_is(unit, units[i].unit) && v * units[i].ns < 9e18) {
            *out_ns = (int64_t)(v * units[i].ns);
            return 0;
        }
    }
    return -1;
}

int parse_size(str_t s, uint64_t *out_bytes)
{
    double v;
    str_t unit;
    if (parse_with_unit(s, &v, &unit))
        return -1;
    static const char letters[] = "KMGT";
    double scale = 1;
    if (unit.n) {
        const char *at = strchr(letters, unit.p[0]);
        str_t rest = { unit.p + 1, unit.n - 1 };
        if (!at || !(rest.n == 0 || str_is(rest, "iB") || str_is(rest, "B")))
            return -1;
        for (const char *p = letters; p <= at; p++)
            scale *= 1024;
    }
    if (v * scale >= 1.8e19)
        return -1;
    *out_bytes = (uint64_t)(v * scale);
    return 0;
}

static size_t fmt_special(double v, char *out)
{
    const char *z = isnan(v) ? "NaN" : v > 0 ? "Infinity" : "-Infinity";
    size_t n = strlen(z);
    memcpy(out, z, n + 1);
    return n;
}

static size_t add_point_zero(char *out, size_t n)
{
    if (strpbrk(out, ".eE"))
        return n;
    memcpy(out + n, ".0", 3);
    return n + 2;
}

size_t fmt_i64(int64_t v, char out[FMT_DOUBLE_MAX])
{
    char tmp[24];
    size_t n = 0, len = 0;
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    do
        tmp[n++] = (char)('0' + u % 10);
    while (u /= 10);
    if (v < 0)
        out[len++] = '-';
    while (n)
        out[len++] = tmp[--n];
    out[len] = '\0';
    return len;
}

__extension__ typedef unsigned __int128 wide;

static const uint64_t tens[] = {
    1,
    10,
    100,
    1000,
    10000,
    100000,
    1000000,
    10000000,
    100000000,
    1000000000,
    10000000000,
    100000000000,
    1000000000000,
    10000000000000,
    100000000000000,
    1000000000000000,
    10000000000000000,
    100000000000000000,
};

/* v * 10^p rounded to nearest, ties to even, exactly, for v in [1e-4, 1e14) and p in [0, 21]:
 * 53 bits times 5^p are at most 102 bits. */
static uint64_t scaled(double v, int p)
{
    int e;
    wide w = (wide)(uint64_t)ldexp(frexp(v, &e), 53);
    for (int i = 0; i < p; i++)
        w *= 5;
    e += p - 53;
    if (e >= 0)
        return (uint64_t)(w << e);
    wide half = (wide)1 << (-e - 1), rest = w & ((half << 1) - 1);
    uint64_t q = (uint64_t)(w >> -e);
    return q + (rest > half || (rest == half && (q & 1)));
}

/* What "%.*g" gives for v in [1e-4, 1e14), without its cost; 15 to 17 digits. */
static size_t fmt_common(double v, int digits, char *out)
{
    static const double powers[] = { 1e-3, 1e-2, 1e-1, 1e0, 1e1,  1e2,  1e3,  1e4,  1e5,
                                     1e6,  1e7,  1e8,  1e9, 1e10, 1e11, 1e12, 1e13, 1e14 };
    size_t n = 0;
    int p, top = -4; /* the exponent of the first digit */
    while (v >= powers[top + 4])
        top++;
    p = digits - 1 - top;
    uint64_t d = scaled(v, p);
    if (d >= tens[digits]) { /* rounded up to the next power, or 0.1 is a little less than 1e-1 */
        p--;
        d = scaled(v, p);
    } else if (d < tens[digits - 1]) {
        p++;
        d = scaled(v, p);
    }
    for (; p > 0 && d % 10 == 0; p--)
        d /= 10;
    if (p <= 0)
        return fmt_i64((int64_t)d, out);
    char text[FMT_DOUBLE_MAX];
    size_t len = fmt_i64((int64_t)d, text), whole = len > (size_t)p ? len - (size_t)p : 0;
    memcpy(out, text, whole);
    n = whole;
    if (!whole)
        out[n++] = '0';
    out[n++] = '.';
    for (size_t zeros = (size_t)p - (len - whole); zeros; zeros--)
        out[n++] = '0';
    memcpy(out + n, text + whole, len - whole + 1);
    return n + len - whole;
}

static size_t fmt_digits(double v, int digits, char *out)
{
    double size = fabs(v);
    if (!(size >= 1e-4 && size < 1e14))
        return (size_t)snprintf(out, FMT_DOUBLE_MAX, "%.*g", digits, v);
    out[0] = '-';
    return v < 0 ? 1 + fmt_common(size, digits, out + 1) : fmt_common(size, digits, out);
}

size_t fmt_double(double v, char out[FMT_DOUBLE_MAX])
{
    if (!isfinite(v))
        return fmt_special(v, out);
    if (fabs(v) < 1e15 && v == (double)(int64_t)v && !(v == 0 && signbit(v))) {
        size_t n = fmt_i64((int64_t)v, out);
        return add_point_zero(out, n);
    }
    size_t n = 0;
    for (int digits = 15; digits <= 17; digits++) {
        n = fmt_digits(v, digits, out);
        double back;
        if (digits == 17 || (parse_double((str_t){ out, n }, &back) == 0 && back == v))
            break;
    }
    return add_point_zero(out, n);
}

size_t fmt_double_digits(double v, int digits, char out[FMT_DOUBLE_MAX])
{
    if (!isfinite(v))
        return fmt_special(v, out);
    size_t n = (size_t)snprintf(out, FMT_DOUBLE_MAX, "%.*g", MIN(digits, 17), v);
    if (fabs(v) >= 1 && fabs(v) < FMT_WHOLE_BELOW && memchr(out, 'e', n))
        n = (size_t)snprintf(out, FMT_DOUBLE_MAX, "%.0f", v);
    return n;
}

void buf_double(struct buf *b, double v)
{
    char text[FMT_DOUBLE_MAX];
    buf_put(b, text, fmt_double(v, text));
}

void buf_i64(struct buf *b, int64_t v)
{
    char text[FMT_DOUBLE_MAX];
    buf_put(b, text, fmt_i64(v, text));
}
