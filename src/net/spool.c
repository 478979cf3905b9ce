/* SPDX-License-Identifier: Apache-2.0
 * Bodies to disk. One thread at a time uses a spool. */
#include "net/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/limits.h"

enum { ALIGN = 4096 }; /* of memory, offset and length of a direct write */

/* Where there are no files without a name: one whose name goes at once. */
static int open_named(const char *dir)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/upload-XXXXXX", dir) >= PATH_MAX)
        return -1;
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        (void)unlink(path);
    return fd;
}

static int open_file(const char *dir)
{
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    return fd < 0 && errno != ENOENT ? open_named(dir) : fd;
}

int spool_open(struct spool *s, const char *dir, int64_t expected, struct err *err)
{
    *s = (struct spool){ .fd = open_file(dir) };
    if (s->fd < 0 && fs_mkdirs(dir, NULL) == 0)
        s->fd = open_file(dir);
    if (s->fd < 0)
        return ERR_SYS(err, "no temporary file can be made for the upload");
    size_t want = expected < 0 || expected > SPOOL_BLOCK ? SPOOL_BLOCK : (size_t)expected;
    s->room = (want + ALIGN - 1) / ALIGN * ALIGN;
    s->room = s->room ? s->room : ALIGN;
    s->block = aligned_alloc(ALIGN, s->room);
    if (!s->block) {
        (void)close(s->fd);
        *s = (struct spool){ .fd = -1 };
        return ERR(err, ERR_NOMEM, "not enough memory for the upload");
    }
    int flags = fcntl(s->fd, F_GETFL);
    s->direct = expected >= SPOOL_DIRECT && fcntl(s->fd, F_SETFL, flags | O_DIRECT) == 0;
    sha256_init(&s->hash);
    return 0;
}

/* From now on through the page cache: the end of a file is no whole block, and some file systems
 * take the flag but not the write. */
static void make_plain(struct spool *s)
{
    int flags = fcntl(s->fd, F_GETFL);
    if (s->direct && flags >= 0)
        IGNORE(fcntl(s->fd, F_SETFL, flags & ~O_DIRECT));
    s->direct = 0;
}

static int flush(struct spool *s, struct err *err)
{
    int rc = 0;
    size_t whole = s->direct ? s->n / ALIGN * ALIGN : 0;
    sha256_add(&s->hash, s->block, s->n);
    if (whole) {
        ssize_t n = write(s->fd, s->block, whole); /* what is refused or cut short: see below */
        whole = n > 0 ? (size_t)n : 0;
    }
    if (!rc && whole < s->n) {
        make_plain(s);
        rc = fs_write_all(s->fd, (str_t){ s->block + whole, s->n - whole }, "upload", err);
    }
    s->bytes += (int64_t)s->n;
    s->n = 0;
    return rc;
}

int spool_add(struct spool *s, const char *data, size_t n, struct err *err)
{
    while (n) {
        size_t take = MIN(n, s->room - s->n);
        memcpy(s->block + s->n, data, take);
        s->n += take;
        data += take;
        n -= take;
        int rc = s->n == s->room ? flush(s, err) : 0;
        if (rc)
            return rc;
    }
    return 0;
}

int spool_finish(struct spool *s, int *out_fd, int64_t *out_bytes, char out_digest[SHA256_HEX],
                 struct err *err)
{
    int rc = s->n ? flush(s, err) : 0;
    make_plain(s);
    if (!rc && lseek(s->fd, 0, SEEK_SET) < 0)
        rc = ERR_SYS(err, "cannot read the upload");
    if (rc)
        return rc;
    sha256_hex(&s->hash, out_digest);
    *out_fd = s->fd;
    *out_bytes = s->bytes;
    free(s->block);
    *s = (struct spool){ .fd = -1 };
    return 0;
}

void spool_drop(struct spool *s)
{
    char ignored[SHA256_HEX];
    if (s->hash.state)
        sha256_hex(&s->hash, ignored);
    if (s->block && s->fd >= 0)
        (void)close(s->fd);
    free(s->block);
    *s = (struct spool){ .fd = -1 };
}
