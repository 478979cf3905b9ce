/* SPDX-License-Identifier: Apache-2.0
 * The coding of metric points: a block stands alone, each point is the difference to the one before
 * it. Pure functions; any thread. */
#include <math.h>

#include "track/metric_int.h"

static void put_varint(struct buf *b, int64_t v)
{
    uint64_t z = ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
    while (z >= 0x80) {
        buf_putc(b, (char)(z | 0x80));
        z >>= 7;
    }
    buf_putc(b, (char)z);
}

static int get_varint(str_t *s, int64_t *out)
{
    uint64_t z = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        if (!s->n)
            return -1;
        unsigned char c = (unsigned char)*s->p++;
        s->n--;
        z |= (uint64_t)(c & 0x7f) << shift;
        if (!(c & 0x80)) {
            *out = (int64_t)(z >> 1) ^ -(int64_t)(z & 1);
            return 0;
        }
    }
    return -1;
}

/* Differences wrap around as unsigned numbers do, so that extreme values survive. */
static int64_t minus(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

static int64_t plus(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

void metric_block_append(struct buf *b, struct metric_point prev, const struct metric_point *p)
{
    uint64_t bits;
    unsigned char raw[8];
    put_varint(b, minus(p->step, prev.step));
    put_varint(b, minus(p->time_ms, prev.time_ms));
    memcpy(&bits, &p->value, sizeof bits);
    for (int i = 0; i < 8; i++)
        raw[i] = (unsigned char)(bits >> (8 * i));
    buf_put(b, raw, sizeof raw);
}

int64_t metric_block_decode(str_t bytes, struct metric_point *out, size_t max)
{
    struct metric_point at = { 0 };
    size_t n = 0;
    while (bytes.n) {
        int64_t step, time;
        uint64_t bits = 0;
        if (n == max || get_varint(&bytes, &step) != 0 || get_varint(&bytes, &time) != 0 ||
            bytes.n < 8)
            return -1;
        for (int i = 0; i < 8; i++)
            bits |= (uint64_t)(unsigned char)bytes.p[i] << (8 * i);
        bytes = (str_t){ bytes.p + 8, bytes.n - 8 };
        at.step = plus(at.step, step);
        at.time_ms = plus(at.time_ms, time);
        memcpy(&at.value, &bits, sizeof bits);
        out[n++] = at;
    }
    return (int64_t)n;
}

/* ---- comparing ---- */

int metric__same_value(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

int metric__compare_values(double a, double b)
{
    if (isnan(a) || isnan(b))
        return !isnan(a) - !isnan(b);
    return (a > b) - (a < b);
}
