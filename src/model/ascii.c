/* SPDX-License-Identifier: Apache-2.0
 * JSON text in ASCII only. */
#include "model/ascii.h"

/* One character of valid UTF-8; returns its bytes. */
static size_t decode(const char *p, size_t n, uint32_t *out)
{
    const unsigned char *u = (const unsigned char *)p;
    size_t more = u[0] >= 0xf0 ? 3 : u[0] >= 0xe0 ? 2 : 1;
    uint32_t c = u[0] & (0x3fU >> more);
    if (u[0] < 0xc0 || more >= n) {
        *out = 0xfffd;
        return 1;
    }
    for (size_t i = 1; i <= more; i++)
        c = c << 6 | (u[i] & 0x3f);
    *out = c;
    return more + 1;
}

void json_to_ascii(str_t json, struct buf *out)
{
    for (size_t i = 0; i < json.n;) {
        unsigned char byte = (unsigned char)json.p[i];
        uint32_t c = byte;
        if (byte < 0x7f) {
            buf_putc(out, json.p[i++]);
            continue;
        }
        i += byte == 0x7f ? 1 : decode(json.p + i, json.n - i, &c);
        if (c < 0x10000)
            buf_printf(out, "\\u%04x", c);
        else
            buf_printf(out, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10),
                       0xdc00 + ((c - 0x10000) & 0x3ff));
    }
}
