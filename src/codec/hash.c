/* SPDX-License-Identifier: Apache-2.0
 * Digests by GnuTLS; its algorithms are chosen for the CPU at load time. */
#include "codec/hash.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <unistd.h>

#include "base/fs.h"

void sha256_init(struct sha256 *h)
{
    gnutls_hash_hd_t state;
    AZ(gnutls_hash_init(&state, GNUTLS_DIG_SHA256));
    h->state = state;
}

void sha256_add(struct sha256 *h, const void *p, size_t n)
{
    AZ(gnutls_hash(h->state, p, n));
}

void sha256_hex(struct sha256 *h, char out[SHA256_HEX])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char d[SHA256_BYTES];
    gnutls_hash_deinit(h->state, d);
    h->state = NULL;
    for (int i = 0; i < SHA256_BYTES; i++) {
        out[2 * i] = hex[d[i] >> 4];
        out[2 * i + 1] = hex[d[i] & 15];
    }
    out[SHA256_HEX - 1] = '\0';
}

void sha256_of(str_t bytes, char out[SHA256_HEX])
{
    struct sha256 h;
    sha256_init(&h);
    sha256_add(&h, bytes.p, bytes.n);
    sha256_hex(&h, out);
}

int sha256_file(const char *path, char out[SHA256_HEX], int64_t *out_bytes, struct err *err)
{
    static const size_t chunk = 1 << 16;
    AUTO(fd_auto) int fd = -1;
    char block[1 << 16];
    int64_t total = 0;
    int rc = fs_open_read(path, &fd, err);
    if (rc)
        return rc;
    struct sha256 h;
    sha256_init(&h);
    for (;;) {
        ssize_t n = read(fd, block, chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            rc = n < 0 ? ERR_SYS(err, "cannot read '%s'", path) : 0;
            break;
        }
        sha256_add(&h, block, (size_t)n);
        total += n;
    }
    sha256_hex(&h, out);
    if (!rc && out_bytes)
        *out_bytes = total;
    return rc;
}

int hash_equal(str_t a, str_t b)
{
    return a.n == b.n && gnutls_memcmp(a.p, b.p, a.n) == 0;
}

void hmac_sha256(str_t key, str_t bytes, unsigned char out[SHA256_BYTES])
{
    AZ(gnutls_hmac_fast(GNUTLS_MAC_SHA256, key.p ? key.p : "", key.n, bytes.p ? bytes.p : "",
                        bytes.n, out));
}
