/* SPDX-License-Identifier: Apache-2.0
 * Bodies that go to disk: every length around a block and a page comes out whole with its digest,
 * through the page cache and beside it; a full disk is told and leaves nothing open. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/rng.h"
#include "net/spool.h"

static void fill(char *to, size_t n)
{
    struct rng r;
    rng_seed(&r, n);
    for (size_t i = 0; i < n; i++)
        to[i] = (char)rng_u64(&r);
}

static void round_trip(const char *all, size_t n, size_t piece, int64_t expected)
{
    struct spool s;
    char digest[SHA256_HEX], want[SHA256_HEX];
    int fd = -1;
    int64_t bytes = -1;
    CHECK_OK(spool_open(&s, test_tmpdir(), expected, err));
    for (size_t at = 0; at < n; at += piece)
        CHECK_OK(spool_add(&s, all + at, MIN(piece, n - at), err));
    CHECK_OK(spool_finish(&s, &fd, &bytes, digest, err));
    CHECK_INT(bytes, (int64_t)n);
    sha256_of((str_t){ all, n }, want);
    CHECK_STR(digest, want);
    CHECK_INT(fcntl(fd, F_GETFL) & O_DIRECT, 0);
    char *back = malloc(n + 1);
    CHECK_INT(read(fd, back, n + 1), (ssize_t)n);
    CHECK(memcmp(back, all, n) == 0);
    free(back);
    (void)close(fd);
    spool_drop(&s);
}

TEST(spool_every_length)
{
    static const size_t lengths[] = { 0,
                                      1,
                                      4095,
                                      4096,
                                      4097,
                                      SPOOL_BLOCK - 1,
                                      SPOOL_BLOCK,
                                      SPOOL_BLOCK + 1,
                                      SPOOL_DIRECT - 1,
                                      SPOOL_DIRECT,
                                      SPOOL_DIRECT + 4097,
                                      3 * SPOOL_DIRECT + 5 };
    size_t most = 3 * SPOOL_DIRECT + 5;
    char *all = malloc(most);
    fill(all, most);
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        round_trip(all, lengths[i], 22 * 1024, (int64_t)lengths[i]);
        round_trip(all, lengths[i], 22 * 1024, -1);
        round_trip(all, lengths[i], SPOOL_BLOCK * 2 + 1, SPOOL_DIRECT); /* whatever was announced */
        round_trip(all, lengths[i], 1000, 1);
    }
    free(all);
}

TEST(spool_full_disk)
{
    struct spool s;
    struct err e = ERR_INIT;
    char block[5000] = { 0 };
    CHECK_OK(spool_open(&s, test_tmpdir(), 4096, err));
    fs_fail_after(1, ENOSPC);
    CHECK_INT(spool_add(&s, block, sizeof block, &e), ERR_NO_SPACE);
    fs_fail_after(0, 0);
    spool_drop(&s);
    spool_drop(&s);
    CHECK(spool_open(&s, "/proc/nowhere", 1, &e) != 0);
    spool_drop(&s);
}
