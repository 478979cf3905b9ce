/* SPDX-License-Identifier: Apache-2.0
 * Fernet tokens (github.com/fernet/spec): AES-128-CBC and HMAC-SHA256 under one key of 32 bytes,
 * the form in which MLflow keeps secrets of webhooks. Any thread. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

enum { FERNET_KEY_TEXT = 45, FERNET_PLAIN_MAX = 64 << 10 };

struct fernet_key {
    unsigned char sign[16], encrypt[16];
};

/* 44 letters of base64, URL-safe or not; ERR_INVALID does not repeat them. */
int fernet_key_parse(str_t text, struct fernet_key *out, struct err *err) WARN_UNUSED;
/* A fresh key of the system's randomness, as text. */
void fernet_key_make(char out[FERNET_KEY_TEXT]);
/* NULL past FERNET_PLAIN_MAX or the arena's cap. */
char *fernet_seal(struct arena *a, const struct fernet_key *key, str_t plain, int64_t time_s);
/* As fernet_seal with an IV of the caller's: for tests. */
char *fernet_seal_with(struct arena *a, const struct fernet_key *key, str_t plain, int64_t time_s,
                       const unsigned char iv[16]);
/* *out is NUL-terminated. ERR_DENIED when it was not sealed by that key, or was changed; the time
 * in it is not looked at. */
int fernet_open(struct arena *a, const struct fernet_key *key, str_t token, str_t *out,
                struct err *err) WARN_UNUSED;
