/* SPDX-License-Identifier: Apache-2.0
 * CRC-32C eight bytes a step: table k holds the sums of a byte that k more bytes follow. The tables
 * are made on first use. */
#include "codec/crc.h"

#include <pthread.h>
#include <string.h>

static uint32_t table[8][256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_tables(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++)
            c = c >> 1 ^ (c & 1 ? 0x82f63b78u : 0);
        table[0][i] = c;
    }
    for (int k = 1; k < 8; k++)
        for (uint32_t i = 0; i < 256; i++)
            table[k][i] = table[k - 1][i] >> 8 ^ table[0][table[k - 1][i] & 255];
}

uint32_t crc32c(uint32_t before, const void *p, size_t n)
{
    const unsigned char *b = p;
    uint32_t c = ~before;
    AZ(pthread_once(&once, make_tables));
    for (; n >= 8; n -= 8, b += 8) {
        uint32_t low = c ^ ((uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 |
                            (uint32_t)b[3] << 24);
        c = table[7][low & 255] ^ table[6][low >> 8 & 255] ^ table[5][low >> 16 & 255] ^
            table[4][low >> 24] ^ table[3][b[4]] ^ table[2][b[5]] ^ table[1][b[6]] ^ table[0][b[7]];
    }
    for (; n; n--, b++)
        c = c >> 8 ^ table[0][(c ^ *b) & 255];
    return ~c;
}
