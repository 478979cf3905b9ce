/* SPDX-License-Identifier: Apache-2.0
 * Wall clock with injection, monotonic clock, calendar arithmetic (proleptic Gregorian, days from
 * civil after Hinnant's well-known algorithm). */
#include "base/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/num.h"

static _Atomic int64_t fixed_ms = -1;
static _Atomic int env_read;

static void read_env_once(void)
{
    if (atomic_exchange(&env_read, 1))
        return;
    const char *z = getenv("SLIPWAY_CLOCK_MS");
    int64_t ms;
    if (z && parse_i64(str_of(z), &ms) == 0)
        atomic_store(&fixed_ms, ms);
}

int64_t clock_now_ms(void)
{
    read_env_once();
    int64_t fixed = atomic_load(&fixed_ms);
    if (fixed >= 0)
        return fixed;
    struct timespec ts;
    (void)clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int clock_is_fixed(void)
{
    read_env_once();
    return atomic_load(&fixed_ms) >= 0;
}

void clock_set_fixed(int64_t now_ms)
{
    atomic_store(&env_read, 1);
    atomic_store(&fixed_ms, now_ms);
}

int64_t clock_mono_ns(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int64_t days_from_civil(int64_t y, int m, int d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

static void civil_from_days(int64_t z, int64_t *y, int *m, int *d)
{
    z += 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *d = (int)(doy - (153 * mp + 2) / 5 + 1);
    *m = (int)(mp < 10 ? mp + 3 : mp - 9);
    *y = yoe + era * 400 + (*m <= 2);
}

size_t clock_format(int64_t ms, char out[CLOCK_TEXT_MAX])
{
    int64_t day = ms >= 0 ? ms / 86400000 : -((86399999 - ms) / 86400000);
    int64_t rest = ms - day * 86400000, y;
    int m, d;
    civil_from_days(day, &y, &m, &d);
    return (size_t)snprintf(out, CLOCK_TEXT_MAX, "%04lld-%02d-%02dT%02d:%02d:%02d.%03dZ",
                            (long long)y, m, d, (int)(rest / 3600000), (int)(rest / 60000 % 60),
                            (int)(rest / 1000 % 60), (int)(rest % 1000));
}

/* Reads exactly n digits at *p within the view; -1 otherwise. */
static int digits(str_t *s, int n)
{
    int v = 0;
    if (s->n < (size_t)n)
        return -1;
    for (int i = 0; i < n; i++) {
        int c = s->p[i] - '0';
        if (c < 0 || c > 9)
            return -1;
        v = v * 10 + c;
    }
    s->p += n;
    s->n -= (size_t)n;
    return v;
}

static int eat(str_t *s, char c)
{
    if (!s->n || s->p[0] != c)
        return 0;
    s->p++, s->n--;
    return 1;
}

static int parse_date(str_t *s, int64_t *out_day)
{
    int y = digits(s, 4), m, d;
    if (y < 0 || !eat(s, '-') || (m = digits(s, 2)) < 1 || m > 12 || !eat(s, '-') ||
        (d = digits(s, 2)) < 1)
        return -1;
    int64_t day = days_from_civil(y, m, d), back_y;
    int back_m, back_d;
    civil_from_days(day, &back_y, &back_m, &back_d);
    if (back_m != m || back_d != d)
        return -1;
    *out_day = day;
    return 0;
}

static int parse_zone(str_t *s, int64_t *out_ms)
{
    *out_ms = 0;
    if (!s->n || eat(s, 'Z') || eat(s, 'z'))
        return 0;
    int sign = eat(s, '+') ? 1 : eat(s, '-') ? -1 : 0;
    int h = digits(s, 2);
    (void)eat(s, ':');
    int m = digits(s, 2);
    if (!sign || h < 0 || h > 23 || m < 0 || m > 59)
        return -1;
    *out_ms = sign * (h * 60 + m) * INT64_C(60000);
    return 0;
}

int clock_parse(str_t s, int64_t *out_ms)
{
    int64_t day, zone, ms = 0;
    if (parse_date(&s, &day))
        return -1;
    int64_t t = day * 86400000;
    if (!s.n) {
        *out_ms = t;
        return 0;
    }
    if (!eat(&s, 'T') && !eat(&s, ' '))
        return -1;
    int h = digits(&s, 2), m = eat(&s, ':') ? digits(&s, 2) : -1, sec = 0;
    if (eat(&s, ':'))
        sec = digits(&s, 2);
    if (h < 0 || h > 23 || m < 0 || m > 59 || sec < 0 || sec > 60)
        return -1;
    if (eat(&s, '.')) {
        int scale = 100, any = 0;
        for (; s.n && s.p[0] >= '0' && s.p[0] <= '9'; s.p++, s.n--, scale /= 10, any = 1)
            ms += (s.p[0] - '0') * scale;
        if (!any)
            return -1;
    }
    if (parse_zone(&s, &zone) || s.n)
        return -1;
    *out_ms = t + h * INT64_C(3600000) + m * 60000 + sec * 1000 + ms - zone;
    return 0;
}
