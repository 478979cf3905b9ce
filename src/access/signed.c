/* SPDX-License-Identifier: Apache-2.0
 * Signed URLs over HMAC-SHA256; comparison in constant time. */
#include "access/signed.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/num.h"
#include "base/rng.h"
#include "codec/hash.h"

static int make_key(const char *fresh, const char *path, const unsigned char *key, struct err *err)
{
    AUTO(fd_auto) int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return ERR_SYS(err, "cannot create '%s'", fresh);
    int rc = fs_write_all(fd, (str_t){ (const char *)key, SIGNED_KEY_BYTES }, fresh, err);
    if (!rc && fsync(fd) != 0)
        rc = ERR_SYS(err, "cannot sync '%s'", fresh);
    return rc ? rc : fs_rename(fresh, path, err);
}

int signed_key_load(const char *path, unsigned char out[SIGNED_KEY_BYTES], struct err *err)
{
    struct arena a;
    str_t text = { NULL, 0 };
    int rc = 0;
    arena_init(&a, KIB(8));
    if (!fs_exists(path)) {
        random_bytes(out, SIGNED_KEY_BYTES);
        rc = make_key(arena_printf(&a, "%s.new", path), path, out, err);
    } else {
        rc = fs_read(&a, path, KIB(1), &text, err);
        if (!rc && text.n != SIGNED_KEY_BYTES)
            rc = ERR(err, ERR_CORRUPT,
                     "'%s' is not a key of %d bytes; remove it, a new one is made (uploads in "
                     "parts begin anew)",
                     path, SIGNED_KEY_BYTES);
        if (!rc)
            memcpy(out, text.p, SIGNED_KEY_BYTES);
    }
    arena_fini(&a);
    return rc;
}

static void sign(const unsigned char *key, str_t method, str_t path, str_t expires,
                 char out[SHA256_HEX])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char d[SHA256_BYTES];
    struct buf b;
    buf_init(&b, KIB(64));
    buf_put(&b, method.p, method.n);
    buf_putc(&b, '\n');
    buf_put(&b, path.p, path.n);
    buf_putc(&b, '\n');
    buf_put(&b, expires.p, expires.n);
    hmac_sha256((str_t){ (const char *)key, SIGNED_KEY_BYTES }, buf_view(&b), d);
    buf_fini(&b);
    for (int i = 0; i < SHA256_BYTES; i++) {
        out[2 * i] = hex[d[i] >> 4];
        out[2 * i + 1] = hex[d[i] & 15];
    }
    out[SHA256_HEX - 1] = '\0';
}

void signed_query(const unsigned char key[SIGNED_KEY_BYTES], const char *method, const char *path,
                  int64_t expires_s, char out[SIGNED_QUERY_MAX])
{
    char signature[SHA256_HEX], expires[24];
    (void)snprintf(expires, sizeof expires, "%lld", (long long)expires_s);
    sign(key, str_of(method), str_of(path), str_of(expires), signature);
    (void)snprintf(out, SIGNED_QUERY_MAX, "expires=%s&signature=%s", expires, signature);
}

int signed_check(const unsigned char key[SIGNED_KEY_BYTES], str_t method, str_t path, str_t expires,
                 str_t signature, int64_t now_s, struct err *err)
{
    char want[SHA256_HEX];
    int64_t until = 0;
    sign(key, method, path, expires, want);
    if (!hash_equal(signature, str_of(want)) || parse_i64(expires, &until))
        return ERR(err, ERR_DENIED, "this URL is not signed by this server, or was changed");
    if (until < now_s)
        return ERR(err, ERR_DENIED, "this signed URL has expired; ask for a new one");
    return 0;
}
