/* SPDX-License-Identifier: Apache-2.0
 * Base64 encoding. */
#include "codec/base64.h"

char *base64_encode(struct arena *a, str_t bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *p = (const unsigned char *)bytes.p;
    char *out = arena_try_alloc(a, (bytes.n + 2) / 3 * 4 + 1, 1), *q = out;
    for (size_t i = 0; out && i < bytes.n; i += 3) {
        size_t left = bytes.n - i;
        unsigned v = (unsigned)p[i] << 16 | (left > 1 ? (unsigned)p[i + 1] << 8 : 0) |
                     (left > 2 ? p[i + 2] : 0);
        *q++ = digits[v >> 18];
        *q++ = digits[v >> 12 & 63];
        *q++ = left > 1 ? digits[v >> 6 & 63] : '=';
        *q++ = left > 2 ? digits[v & 63] : '=';
    }
    return out; /* zeroed: ends with NUL */
}
