/* SPDX-License-Identifier: Apache-2.0
 * xoshiro256** (Blackman and Vigna), SipHash-2-4 (Aumasson and Bernstein), UUID version 7. */
#include "base/rng.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/num.h"

static uint64_t rotl(uint64_t x, int k)
{
    return x << k | x >> (64 - k);
}

static uint64_t splitmix(uint64_t *x)
{
    uint64_t z = *x += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

void rng_seed(struct rng *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        r->s[i] = splitmix(&seed);
}

uint64_t rng_u64(struct rng *r)
{
    uint64_t *s = r->s, result = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

double rng_uniform(struct rng *r)
{
    return (double)(rng_u64(r) >> 11) * 0x1p-53;
}

uint64_t rng_below(struct rng *r, uint64_t n)
{
    uint64_t floor = (0 - n) % n, v;
    do
        v = rng_u64(r);
    while (v < floor);
    return v % n;
}

double rng_normal(struct rng *r)
{
    double u, v, s;
    do {
        u = 2 * rng_uniform(r) - 1;
        v = 2 * rng_uniform(r) - 1;
        s = u * u + v * v;
    } while (s >= 1 || s == 0);
    return u * sqrt(-2 * log(s) / s);
}

static pthread_mutex_t id_lock = PTHREAD_MUTEX_INITIALIZER;
static struct rng id_rng;
static int id_mode; /* 0 unknown, 1 kernel, 2 seeded */
static uint64_t last_tick;

static void id_bytes(void *out, size_t n)
{
    if (id_mode == 0) {
        const char *z = getenv("SLIPWAY_SEED_IDS");
        uint64_t seed;
        id_mode = z && parse_u64(str_of(z), &seed) == 0 ? 2 : 1;
        if (id_mode == 2)
            rng_seed(&id_rng, seed);
    }
    if (id_mode == 1) {
        random_bytes(out, n);
        return;
    }
    for (size_t i = 0; i < n; i++)
        ((unsigned char *)out)[i] = (unsigned char)(rng_u64(&id_rng) >> 56);
}

void random_bytes(void *out, size_t n)
{
    for (size_t got = 0; got < n;) {
        ssize_t k = getrandom((char *)out + got, n - got, 0);
        ASSERT(k > 0 || errno == EINTR);
        got += k > 0 ? (size_t)k : 0;
    }
}

static void to_hex(const unsigned char *b, size_t n, char *out)
{
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = hex[b[i] >> 4];
        out[2 * i + 1] = hex[b[i] & 15];
    }
    out[2 * n] = '\0';
}

void hex32(char out[HEX32_TEXT])
{
    unsigned char b[16];
    AZ(pthread_mutex_lock(&id_lock));
    id_bytes(b, sizeof b);
    AZ(pthread_mutex_unlock(&id_lock));
    to_hex(b, sizeof b, out);
}

void uuid7(char out[UUID_TEXT])
{
    unsigned char b[16];
    char hex[33];
    AZ(pthread_mutex_lock(&id_lock));
    id_bytes(b, sizeof b);
    /* 48 bits of milliseconds and 12 bits of sequence, never going backwards in this process. */
    uint64_t tick = (uint64_t)clock_now_ms() << 12;
    last_tick = MAX(tick, last_tick + 1);
    tick = last_tick;
    AZ(pthread_mutex_unlock(&id_lock));
    for (int i = 0; i < 6; i++)
        b[i] = (unsigned char)(tick >> (52 - 8 * i));
    b[6] = (unsigned char)(0x70 | (tick >> 8 & 0x0f));
    b[7] = (unsigned char)tick;
    b[8] = (unsigned char)(0x80 | (b[8] & 0x3f));
    to_hex(b, 16, hex);
    (void)snprintf(out, UUID_TEXT, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
                   hex + 20);
}

void uuid7_quick_bytes(unsigned char out[16])
{
    static __thread struct {
        struct rng rng;
        uint64_t tick;
        int seeded;
    } mine;
    if (UNLIKELY(!mine.seeded)) {
        uint64_t seed[4];
        AZ(pthread_mutex_lock(&id_lock));
        id_bytes(seed, sizeof seed);
        AZ(pthread_mutex_unlock(&id_lock));
        memcpy(mine.rng.s, seed, sizeof seed);
        mine.rng.s[0] |= 1; /* the generator must not start from all zeros */
        mine.seeded = 1;
    }
    mine.tick = MAX((uint64_t)clock_now_ms() << 12, mine.tick + 1);
    uint64_t high = mine.tick >> 12 << 16 | 0x7000 | (mine.tick & 0xfff);
    uint64_t low = (rng_u64(&mine.rng) >> 2) | UINT64_C(1) << 63;
    for (int i = 0; i < 8; i++) {
        out[i] = (unsigned char)(high >> (56 - 8 * i));
        out[8 + i] = (unsigned char)(low >> (56 - 8 * i));
    }
}

void uuid7_quick(char out[UUID_TEXT])
{
    unsigned char id[16];
    uuid7_quick_bytes(id);
    uuid_format(id, out);
}

void uuid_format(const unsigned char id[16], char out[UUID_TEXT])
{
    static const char hex[] = "0123456789abcdef";
    char *p = out;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        *p++ = hex[id[i] >> 4];
        *p++ = hex[id[i] & 15];
    }
    *p = '\0';
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

int uuid_parse(str_t text, unsigned char out[16])
{
    unsigned char id[16];
    size_t at = 0;
    if (text.n != UUID_TEXT - 1)
        return -1;
    for (int i = 0; i < 16; i++) {
        if ((i == 4 || i == 6 || i == 8 || i == 10) && text.p[at++] != '-')
            return -1;
        int high = hex_digit(text.p[at]), low = hex_digit(text.p[at + 1]);
        if (high < 0 || low < 0)
            return -1;
        id[i] = (unsigned char)(high << 4 | low);
        at += 2;
    }
    memcpy(out, id, 16);
    return 0;
}

int64_t uuid7_ms(const unsigned char id[16])
{
    int64_t ms = 0;
    for (int i = 0; i < 6; i++)
        ms = ms << 8 | id[i];
    return ms;
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[0] = rotl(v[0], 32);
    v[2] += v[3];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[2] = rotl(v[2], 32);
}

uint64_t siphash(uint64_t seed, const void *p, size_t n)
{
    uint64_t k1 = UINT64_C(0x736c697077617921); /* "slipway!" */
    uint64_t v[4] = { seed ^ UINT64_C(0x736f6d6570736575), k1 ^ UINT64_C(0x646f72616e646f6d),
                      seed ^ UINT64_C(0x6c7967656e657261), k1 ^ UINT64_C(0x7465646279746573) };
    const unsigned char *b = p;
    size_t whole = n & ~(size_t)7;
    for (size_t i = 0; i < whole; i += 8) {
        uint64_t m = 0;
        for (int k = 7; k >= 0; k--)
            m = m << 8 | b[i + (size_t)k];
        v[3] ^= m;
        sip_round(v);
        sip_round(v);
        v[0] ^= m;
    }
    uint64_t m = (uint64_t)n << 56;
    for (size_t k = 0; k < n - whole; k++)
        m |= (uint64_t)b[whole + k] << (8 * k);
    v[3] ^= m;
    sip_round(v);
    sip_round(v);
    v[0] ^= m;
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
