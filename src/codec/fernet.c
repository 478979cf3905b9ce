/* SPDX-License-Identifier: Apache-2.0
 * Fernet over GnuTLS. A token is base64url of: version 0x80, time (8 bytes, big endian), IV (16),
 * ciphertext with PKCS #7 padding, HMAC-SHA256 (32) of all before it. */
#include "codec/fernet.h"

#include <gnutls/crypto.h>

#include "base/mem.h"
#include "base/rng.h"
#include "codec/base64.h"
#include "codec/hash.h"

enum { VERSION = 0x80, HEAD = 1 + 8 + 16, BLOCK = 16, TOKEN_MAX = 4 * FERNET_PLAIN_MAX };

static int digit_of(char c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '-' || c == '+' ? 62
           : c == '_' || c == '/' ? 63
                                  : -1;
}

/* The bytes of a text, both alphabets; returns how many, or -1. `out` has room for 3/4 of it. */
static int64_t decode(str_t text, unsigned char *out)
{
    int64_t n = 0;
    uint32_t bits = 0;
    int have = 0;
    while (text.n && text.p[text.n - 1] == '=')
        text.n--;
    if (text.n % 4 == 1)
        return -1;
    for (size_t i = 0; i < text.n; i++) {
        int d = digit_of(text.p[i]);
        if (d < 0)
            return -1;
        bits = bits << 6 | (uint32_t)d;
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[n++] = (unsigned char)(bits >> have);
        }
    }
    return n;
}

static char *encode(struct arena *a, str_t bytes)
{
    char *text = base64_encode(a, bytes);
    for (char *p = text; p && *p; p++)
        *p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
    return text;
}

int fernet_key_parse(str_t text, struct fernet_key *out, struct err *err)
{
    unsigned char bytes[48];
    text = str_trim(text);
    if (text.n < 43 || text.n > 44 || decode(text, bytes) != sizeof *out)
        return ERR(err, ERR_INVALID,
                   "a key is 32 bytes written as 44 letters of base64, as Fernet.generate_key() "
                   "makes it");
    memcpy(out, bytes, sizeof *out);
    explicit_bzero(bytes, sizeof bytes);
    return 0;
}

void fernet_key_make(char out[FERNET_KEY_TEXT])
{
    unsigned char bytes[sizeof(struct fernet_key)];
    struct arena a;
    arena_init(&a, 4096);
    random_bytes(bytes, sizeof bytes);
    const char *text = encode(&a, (str_t){ (const char *)bytes, sizeof bytes });
    ASSERT(text && strlen(text) == FERNET_KEY_TEXT - 1);
    memcpy(out, text, FERNET_KEY_TEXT);
    explicit_bzero(bytes, sizeof bytes);
    arena_fini(&a);
}

static void crypt(const struct fernet_key *key, const unsigned char iv[16], unsigned char *p,
                  size_t n, int opens)
{
    gnutls_cipher_hd_t h;
    unsigned char key_bytes[16], iv_bytes[16];
    memcpy(key_bytes, key->encrypt, sizeof key_bytes);
    memcpy(iv_bytes, iv, sizeof iv_bytes);
    gnutls_datum_t k = { key_bytes, sizeof key_bytes }, v = { iv_bytes, sizeof iv_bytes };
    AZ(gnutls_cipher_init(&h, GNUTLS_CIPHER_AES_128_CBC, &k, &v));
    AZ(opens ? gnutls_cipher_decrypt(h, p, n) : gnutls_cipher_encrypt(h, p, n));
    gnutls_cipher_deinit(h);
    explicit_bzero(key_bytes, sizeof key_bytes);
}

static void mac_of(const struct fernet_key *key, const unsigned char *p, size_t n,
                   unsigned char out[SHA256_BYTES])
{
    hmac_sha256((str_t){ (const char *)key->sign, sizeof key->sign }, (str_t){ (const char *)p, n },
                out);
}

char *fernet_seal_with(struct arena *a, const struct fernet_key *key, str_t plain, int64_t time_s,
                       const unsigned char iv[16])
{
    size_t pad = BLOCK - plain.n % BLOCK, n = plain.n + pad;
    if (plain.n > FERNET_PLAIN_MAX)
        return NULL;
    unsigned char *b = mem_alloc(HEAD + n + SHA256_BYTES);
    b[0] = VERSION;
    for (int i = 0; i < 8; i++)
        b[1 + i] = (unsigned char)((uint64_t)time_s >> (56 - 8 * i));
    memcpy(b + 9, iv, 16);
    if (plain.n)
        memcpy(b + HEAD, plain.p, plain.n);
    memset(b + HEAD + plain.n, (int)pad, pad);
    crypt(key, iv, b + HEAD, n, 0);
    mac_of(key, b, HEAD + n, b + HEAD + n);
    char *out = encode(a, (str_t){ (const char *)b, HEAD + n + SHA256_BYTES });
    mem_free(b);
    return out;
}

char *fernet_seal(struct arena *a, const struct fernet_key *key, str_t plain, int64_t time_s)
{
    unsigned char iv[16];
    random_bytes(iv, sizeof iv);
    return fernet_seal_with(a, key, plain, time_s, iv);
}

int fernet_open(struct arena *a, const struct fernet_key *key, str_t token, str_t *out,
                struct err *err)
{
    unsigned char mac[SHA256_BYTES];
    static const char no[] = "it was not sealed with this key, or was changed since";
    if (token.n > TOKEN_MAX)
        return ERR(err, ERR_DENIED, "%s", no);
    unsigned char *b = arena_try_alloc(a, token.n + 4, 1);
    if (!b)
        return ERR(err, ERR_NOMEM, "not enough memory for a secret");
    int64_t n = decode(token, b);
    int64_t body = n - HEAD - SHA256_BYTES;
    if (body < BLOCK || body % BLOCK || b[0] != VERSION)
        return ERR(err, ERR_DENIED, "%s", no);
    mac_of(key, b, (size_t)(HEAD + body), mac);
    if (!hash_equal((str_t){ (const char *)mac, sizeof mac },
                    (str_t){ (const char *)b + HEAD + body, sizeof mac }))
        return ERR(err, ERR_DENIED, "%s", no);
    crypt(key, b + 9, b + HEAD, (size_t)body, 1);
    int pad = b[HEAD + body - 1];
    if (pad < 1 || pad > BLOCK)
        return ERR(err, ERR_DENIED, "%s", no);
    b[HEAD + body - pad] = '\0';
    *out = (str_t){ (const char *)b + HEAD, (size_t)(body - pad) };
    return 0;
}
