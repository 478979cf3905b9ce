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
    int is_word = body.n && (body.p[0] | 0x20) >= 'i'; /* nan, inf: no digit, no point */
    if (UNLIKELY(is_word) && parse_special(body, sign, out) == 0)
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

/* Two digits a step, from the end. */
size_t fmt_i64(int64_t v, char out[FMT_DOUBLE_MAX])
{
    static const char pairs[] = "0001020304050607080910111213141516171819"
                                "2021222324252627282930313233343536373839"
                                "4041424344454647484950515253545556575859"
                                "6061626364656667686970717273747576777879"
                                "8081828384858687888990919293949596979899";
    char tmp[24];
    size_t at = sizeof tmp;
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    for (; u >= 100; u /= 100)
        memcpy(tmp + (at -= 2), pairs + 2 * (u % 100), 2);
    if (u >= 10)
        memcpy(tmp + (at -= 2), pairs + 2 * u, 2);
    else
        tmp[--at] = (char)('0' + u);
    if (v < 0)
        tmp[--at] = '-';
    memcpy(out, tmp + at, sizeof tmp - at);
    out[sizeof tmp - at] = '\0';
    return sizeof tmp - at;
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

static const uint64_t fives[] = {
    UINT64_C(1),
    UINT64_C(5),
    UINT64_C(25),
    UINT64_C(125),
    UINT64_C(625),
    UINT64_C(3125),
    UINT64_C(15625),
    UINT64_C(78125),
    UINT64_C(390625),
    UINT64_C(1953125),
    UINT64_C(9765625),
    UINT64_C(48828125),
    UINT64_C(244140625),
    UINT64_C(1220703125),
    UINT64_C(6103515625),
    UINT64_C(30517578125),
    UINT64_C(152587890625),
    UINT64_C(762939453125),
    UINT64_C(3814697265625),
    UINT64_C(19073486328125),
    UINT64_C(95367431640625),
    UINT64_C(476837158203125),
    UINT64_C(2384185791015625),
    UINT64_C(11920928955078125),
    UINT64_C(59604644775390625),
    UINT64_C(298023223876953125),
    UINT64_C(1490116119384765625),
    UINT64_C(7450580596923828125),
};

/* A double in [FAST_MIN, FAST_MAX) as mantissa * 2^exponent, and the power of ten of its first
 * digit. */
struct binary {
    uint64_t mantissa; /* 53 bits */
    int exponent;
    int top;
};
#define FAST_MIN 1e-9
#define FAST_MAX 1e14

static struct binary split(double v)
{
    static const double powers[] = { 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2,
                                     1e-1, 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,
                                     1e7,  1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14 };
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    int e = (int)(bits >> 52) - 1075;
    /* log10(2) is about 1233 / 4096; the guess is at most one too low. */
    int top = ((e + 52) * 1233) >> 12;
    top = MAX(top, -9);
    while (v >= powers[top + 10])
        top++;
    return (struct binary){ (bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52, e, top };
}

/* v * 10^p rounded to nearest, ties to even, exactly: 53 bits times 5^p are at most 116 bits.
 * *out_same = 1 when the result, divided by 10^p, reads back as v: it lies within half a unit of
 * the last binary place. */
static uint64_t scaled(const struct binary *b, int p, int *out_same)
{
    wide w = (wide)b->mantissa * fives[p];
    int e = b->exponent + p;
    *out_same = 1;
    if (e >= 0)
        return (uint64_t)(w << e);
    wide half = (wide)1 << (-e - 1), rest = w & ((half << 1) - 1);
    uint64_t q = (uint64_t)(w >> -e);
    int up = rest > half || (rest == half && (q & 1));
    wide error = up ? (half << 1) - rest : rest;
    /* The doubles below a power of two lie twice as close. */
    int close = !up && b->mantissa == UINT64_C(1) << 52;
    wide twice = error << (1 + close);
    *out_same = twice < fives[p] || (twice == fives[p] && !(b->mantissa & 1));
    return q + (uint64_t)up;
}

/* What "%.*g" gives, without its cost: the number d * 10^-p whose first digit has the exponent
 * `top`. */
static size_t put_decimal(uint64_t d, int p, int top, char *out)
{
    char text[FMT_DOUBLE_MAX];
    size_t n = 0;
    for (; p > 0 && d % 10 == 0; p--)
        d /= 10;
    size_t len = fmt_i64((int64_t)d, text);
    if (top < -4) {
        out[n++] = text[0];
        if (len > 1) {
            out[n++] = '.';
            memcpy(out + n, text + 1, len - 1);
            n += len - 1;
        }
        memcpy(out + n, "e-0", 3);
        out[n + 3] = (char)('0' - top);
        out[n + 4] = '\0';
        return n + 4;
    }
    size_t whole = len > (size_t)p ? len - (size_t)p : 0;
    memcpy(out, text, whole);
    n = whole;
    if (p <= 0) {
        out[n] = '\0';
        return n;
    }
    if (!whole)
        out[n++] = '0';
    out[n++] = '.';
    for (size_t zeros = (size_t)p - (len - whole); zeros; zeros--)
        out[n++] = '0';
    memcpy(out + n, text + whole, len - whole + 1);
    return n + len - whole;
}

/* 15 digits when they read back as v, else 16, else 17. */
static size_t fmt_fast(double v, char *out)
{
    struct binary b = split(v);
    uint64_t d = 0;
    int p = 0, top = 0;
    for (int digits = 15, same = 0; digits <= 17 && !same; digits++) {
        top = b.top;
        p = digits - 1 - top;
        d = scaled(&b, p, &same);
        if (d >= tens[digits]) { /* rounded up to the next power */
            d = scaled(&b, --p, &same);
            top++;
        } else if (d < tens[digits - 1]) { /* 0.1 as a double is a little less than 1e-1 */
            d = scaled(&b, ++p, &same);
            top--;
        }
    }
    return put_decimal(d, p, top, out);
}

static size_t fmt_slow(double v, char *out)
{
    size_t n = 0;
    for (int digits = 15; digits <= 17; digits++) {
        double back;
        n = (size_t)snprintf(out, FMT_DOUBLE_MAX, "%.*g", digits, v);
        if (digits == 17 || (parse_double((str_t){ out, n }, &back) == 0 && back == v))
            break;
    }
    return n;
}

size_t fmt_double(double v, char out[FMT_DOUBLE_MAX])
{
    double size = fabs(v);
    if (!isfinite(v))
        return fmt_special(v, out);
    if (size < 1e15 && v == (double)(int64_t)v && !(v == 0 && signbit(v))) {
        size_t n = fmt_i64((int64_t)v, out);
        memcpy(out + n, ".0", 3);
        return n + 2;
    }
    if (!(size >= FAST_MIN && size < FAST_MAX))
        return add_point_zero(out, fmt_slow(v, out));
    out[0] = '-';
    return v < 0 ? 1 + fmt_fast(size, out + 1) : fmt_fast(size, out);
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
