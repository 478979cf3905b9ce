/* SPDX-License-Identifier: Apache-2.0
 * Signed URLs: whoever holds one may do the one thing that it names until it expires, without a
 * token. The signature is HMAC-SHA256 over method, path and expiry under a key of the data folder,
 * so it is checked before a byte of the body is read, without a look-up. Any thread. */
#pragma once
#include "base/err.h"
#include "base/str.h"

enum { SIGNED_KEY_BYTES = 32, SIGNED_QUERY_MAX = 120 };

/* The key in the file, made when absent (mode 0600). ERR_CORRUPT when it has another size. */
int signed_key_load(const char *path, unsigned char out[SIGNED_KEY_BYTES],
                    struct err *err) WARN_UNUSED;
/* "expires=…&signature=…" for a path as the server sees it; expires_s: seconds since 1970. */
void signed_query(const unsigned char key[SIGNED_KEY_BYTES], const char *method, const char *path,
                  int64_t expires_s, char out[SIGNED_QUERY_MAX]);
/* ERR_DENIED says whether it is wrong or too old. */
int signed_check(const unsigned char key[SIGNED_KEY_BYTES], str_t method, str_t path, str_t expires,
                 str_t signature, int64_t now_s, struct err *err) WARN_UNUSED;
