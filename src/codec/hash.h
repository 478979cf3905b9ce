/* SPDX-License-Identifier: Apache-2.0
 * SHA-256, HMAC and constant-time comparison, over GnuTLS (decision 10). */
#pragma once
#include "base/err.h"
#include "base/str.h"

enum { SHA256_BYTES = 32, SHA256_HEX = 65 };

struct sha256 {
    void *state; /* gnutls_hash_hd_t */
};

void sha256_init(struct sha256 *h);
void sha256_add(struct sha256 *h, const void *p, size_t n);
void sha256_hex(struct sha256 *h,
                char out[SHA256_HEX]); /* ends the computation and frees the state */

void sha256_of(str_t bytes, char out[SHA256_HEX]);
/* Streams a file; *out_bytes (optional) gets its size. */
int sha256_file(const char *path, char out[SHA256_HEX], int64_t *out_bytes,
                struct err *err) WARN_UNUSED;
/* HMAC-SHA256 of bytes under a key. */
void hmac_sha256(str_t key, str_t bytes, unsigned char out[SHA256_BYTES]);
int hash_equal(str_t a, str_t b); /* constant time in the bytes; lengths may leak */
