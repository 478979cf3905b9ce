/* SPDX-License-Identifier: Apache-2.0
 * Where the key of webhooks' secrets comes from. The file appears whole: it is written beside and
 * linked to its name, so of two that make one at the same time one wins and both read it. */
#include "registry/webhook_key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/rng.h"

#define KEY_FILE "webhook.key"

static int read_key(const char *path, struct fernet_key *out, struct err *err)
{
    char text[128];
    struct stat st;
    AUTO(fd_auto) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? ERR(err, ERR_NOT_FOUND, "there is no key '%s'", path)
                               : ERR_SYS(err, "cannot read '%s'", path);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || (st.st_mode & 077))
        return ERR(err, ERR_DENIED,
                   "'%s' may be read by others: 'chmod 600' it, and change the secrets of webhooks",
                   path);
    ssize_t n = read(fd, text, sizeof text);
    if (n < 0)
        return ERR_SYS(err, "cannot read '%s'", path);
    int rc = fernet_key_parse((str_t){ text, (size_t)n }, out, err);
    explicit_bzero(text, sizeof text);
    return rc ? err_prefix(err, rc, "'%s'", path) : 0;
}

static int make_key(const char *path, const char *beside, struct err *err)
{
    char text[FERNET_KEY_TEXT + 1];
    AUTO(fd_auto) int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return ERR_SYS(err, "cannot make a key '%s'", beside);
    fernet_key_make(text);
    text[FERNET_KEY_TEXT - 1] = '\n';
    int rc = fs_write_all(fd, (str_t){ text, FERNET_KEY_TEXT }, beside, err);
    if (!rc && fsync(fd) != 0)
        rc = ERR_SYS(err, "cannot write '%s'", beside);
    if (!rc && link(beside, path) != 0 && errno != EEXIST)
        rc = ERR_SYS(err, "cannot make '%s'", path);
    (void)unlink(beside);
    explicit_bzero(text, sizeof text);
    return rc;
}

int webhook_key_load(const char *data_dir, int make, struct fernet_key *out, struct err *err)
{
    char path[4096], beside[4160], unique[UUID_TEXT];
    const char *given = getenv(WEBHOOK_KEY_VARIABLE);
    if (given && *given) {
        int rc = fernet_key_parse(str_of(given), out, err);
        return rc ? err_prefix(err, rc, "$%s", WEBHOOK_KEY_VARIABLE) : 0;
    }
    (void)snprintf(path, sizeof path, "%s/" KEY_FILE, data_dir);
    uuid7(unique);
    (void)snprintf(beside, sizeof beside, "%s.%s", path, unique);
    int rc = read_key(path, out, err);
    if (rc != ERR_NOT_FOUND || !make)
        return rc;
    rc = make_key(path, beside, err);
    return rc ? rc : read_key(path, out, err);
}
