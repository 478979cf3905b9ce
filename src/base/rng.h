/* SPDX-License-Identifier: Apache-2.0
 * Randomness: seeded generators for everything that must repeat, identifiers from the kernel.
 * SLIPWAY_SEED_IDS=<n> makes identifiers repeat (tests only). */
#pragma once
#include "base/str.h"

/* xoshiro256**, seeded by splitmix64. Not for secrets. */
struct rng {
    uint64_t s[4];
};

void rng_seed(struct rng *r, uint64_t seed);
uint64_t rng_u64(struct rng *r);
double rng_uniform(struct rng *r);             /* [0, 1) with 53 bits */
uint64_t rng_below(struct rng *r, uint64_t n); /* unbiased, n > 0 */
double rng_normal(struct rng *r);

void random_bytes(void *out, size_t n); /* getrandom(2) */

enum { UUID_TEXT = 37, HEX32_TEXT = 33 };
void uuid7(char out[UUID_TEXT]); /* RFC 9562, time-ordered within the process */
/* The same without lock or system call, for hot paths: ordered within a thread only; its 62 random
 * bits come from a generator that each thread seeds once from the kernel. */
void uuid7_quick(char out[UUID_TEXT]);
void uuid7_quick_bytes(unsigned char out[16]); /* the same, not as text */
/* The 16 bytes of a UUID's text, with dashes, in any case; -1 when it is not one. */
int uuid_parse(str_t text, unsigned char out[16]) WARN_UNUSED;
void uuid_format(const unsigned char id[16], char out[UUID_TEXT]);
/* The time in a UUIDv7, milliseconds. */
int64_t uuid7_ms(const unsigned char id[16]);
void hex32(char out[HEX32_TEXT]); /* 32 lower-case hex digits: run ids */

/* SipHash-2-4 of bytes with a 128-bit key made of seed and a constant: the keyed split rule.
 * Stable for ever: versions of data depend on it. */
uint64_t siphash(uint64_t seed, const void *p, size_t n);
