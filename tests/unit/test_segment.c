/* SPDX-License-Identifier: Apache-2.0
 * Append-only files: what was appended is read back by time, a torn end is cut, damage is stepped
 * over, rotation and retention, a full disk leaves nothing half. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/rng.h"
#include "base/thread.h"
#include "codec/crc.h"
#include "store/segment.h"

static struct segment_log *open_log(const char *dir, uint64_t rotate_bytes, int64_t rotate_ms)
{
    struct segment_log *log = NULL;
    struct segment_options o = { .dir = dir, .rotate_bytes = rotate_bytes, .rotate_ms = rotate_ms };
    CHECK_OK(segment_open(&log, &o, err));
    return log;
}

static int add(struct segment_log *log, int64_t from, int64_t to, const char *text)
{
    struct segment_record r = { from, to, 7, str_of(text) };
    return segment_append(log, &r, NULL);
}

struct seen {
    char text[4096];
    size_t n, stop_at;
};

static int see(void *arg, const struct segment_record *r, struct err *err)
{
    struct seen *s = arg;
    size_t used = strlen(s->text);
    CHECK_INT(r->kind, 7);
    (void)snprintf(s->text + used, sizeof s->text - used, "%.*s,", STR_ARG(r->body));
    s->n++;
    return s->stop_at && s->n == s->stop_at ? ERR(err, ERR_CANCELLED, "enough") : 0;
}

static int is_odd(void *arg, const struct segment_record *r)
{
    (void)arg;
    return r->from_ms % 2 == 1;
}

static const char *scan(struct segment_log *log, int64_t from, int64_t to)
{
    static struct seen s;
    s = (struct seen){ 0 };
    struct segment_query q = { .from_ms = from, .to_ms = to, .fn = see, .arg = &s };
    CHECK_OK(segment_scan(log, &q, err));
    return s.text;
}

static const char *only_file(const char *dir, struct arena *a)
{
    const char **names;
    size_t n;
    CHECK_OK(fs_list(a, dir, &names, &n, err));
    CHECK_INT(n, 1);
    return fs_join(a, dir, names[0]);
}

TEST(crc32c_is_that_of_the_standard)
{
    unsigned char zeros[32] = { 0 }, ones[32], up[32];
    memset(ones, 0xff, sizeof ones);
    for (int i = 0; i < 32; i++)
        up[i] = (unsigned char)i;
    CHECK(crc32c(0, zeros, 32) == 0x8a9136aau); /* RFC 3720 B.4 */
    CHECK(crc32c(0, ones, 32) == 0x62a8ab43u);
    CHECK(crc32c(0, up, 32) == 0x46dd794eu);
    CHECK(crc32c(crc32c(0, up, 13), up + 13, 19) == 0x46dd794eu);
    CHECK(crc32c(0, "123456789", 9) == 0xe3069283u);
}

TEST(records_are_read_back_by_time)
{
    const char *dir = test_tmpdir();
    struct segment_log *log = open_log(dir, 0, 0);
    CHECK_STR(scan(log, 0, INT64_MAX), "");
    CHECK_INT(add(log, 10, 19, "a"), 0);
    CHECK_INT(add(log, 20, 29, "b"), 0);
    CHECK_INT(add(log, 5, 12, "c"), 0);
    CHECK_STR(scan(log, 0, INT64_MAX), "a,b,c,");
    CHECK_STR(scan(log, 19, 20), "a,");
    CHECK_STR(scan(log, 20, 25), "b,");
    CHECK_STR(scan(log, 0, 10), "c,");
    CHECK_STR(scan(log, 30, 99), "");
    CHECK_OK(segment_sync(log, err));
    segment_close(log);
    log = open_log(dir, 0, 0); /* and after another opening, where appending goes on */
    CHECK_INT(add(log, 40, 40, ""), 0);
    CHECK_STR(scan(log, 0, INT64_MAX), "a,b,c,,");
    struct seen s = { .stop_at = 2 };
    struct segment_query q = { .to_ms = INT64_MAX, .fn = see, .arg = &s };
    CHECK_INT(segment_scan(log, &q, NULL), ERR_CANCELLED);
    CHECK_STR(s.text, "a,b,");
    s = (struct seen){ 0 };
    q.wanted = is_odd;
    CHECK_OK(segment_scan(log, &q, err));
    CHECK_STR(s.text, "c,");
    struct segment_info info;
    segment_info_get(log, &info);
    CHECK_INT(info.segments, 1);
    CHECK_INT(info.first_ms, 5);
    CHECK_INT(info.last_ms, 40);
    CHECK_INT(info.lost_bytes, 0);
    segment_close(log);
}

TEST(a_torn_end_is_cut_wherever_it_tears)
{
    for (int cut = 1; cut <= 45; cut++) {
        struct arena a;
        char dir[600];
        struct segment_info info;
        arena_init(&a, 1 << 20);
        (void)snprintf(dir, sizeof dir, "%s/%d", test_tmpdir(), cut);
        struct segment_log *log = open_log(dir, 0, 0);
        CHECK_INT(add(log, 1, 1, "first"), 0);
        CHECK_INT(add(log, 2, 2, "other"), 0);
        segment_close(log);
        const char *file = only_file(dir, &a);
        CHECK_INT(truncate(file, 2 * 45 - cut), 0);
        log = open_log(dir, 0, 0);
        CHECK_STR(scan(log, 0, 99), "first,");
        segment_info_get(log, &info);
        CHECK_INT(info.lost_bytes, 45 - cut);
        CHECK_INT(add(log, 3, 3, "third"), 0);
        CHECK_STR(scan(log, 0, 99), "first,third,");
        segment_close(log);
        arena_fini(&a);
    }
}

TEST(damage_in_the_middle_costs_only_its_record)
{
    for (int at = 0; at < 45; at++) {
        struct arena a;
        char dir[600], byte;
        struct segment_info info;
        arena_init(&a, 1 << 20);
        (void)snprintf(dir, sizeof dir, "%s/%d", test_tmpdir(), at);
        struct segment_log *log = open_log(dir, 0, 0);
        CHECK_INT(add(log, 1, 1, "first"), 0);
        CHECK_INT(add(log, 2, 2, "other"), 0);
        CHECK_INT(add(log, 3, 3, "third"), 0);
        CHECK_OK(segment_rotate(log, err));
        int fd = open(only_file(dir, &a), O_RDWR);
        CHECK(fd >= 0 && pread(fd, &byte, 1, 45 + at) == 1);
        byte ^= 0x40;
        CHECK_INT(pwrite(fd, &byte, 1, 45 + at), 1);
        CHECK_INT(close(fd), 0);
        if (at >= 36 && at < 40) /* the unused word: nobody reads it */
            CHECK_STR(scan(log, 0, 99), "first,other,third,");
        else
            CHECK_STR(scan(log, 0, 99), "first,third,");
        segment_info_get(log, &info);
        CHECK_INT(info.lost_bytes, at >= 36 && at < 40 ? 0 : 45);
        segment_close(log);
        arena_fini(&a);
    }
}

TEST(segments_rotate_and_go_by_age_and_size)
{
    struct segment_info info;
    const char *dir = test_tmpdir();
    struct segment_log *log = open_log(dir, 200, 1000);
    for (int i = 0; i < 12; i++)
        CHECK_INT(add(log, i * 100, i * 100 + 99, "0123456789"), 0); /* 50 bytes, 4 a segment */
    segment_info_get(log, &info);
    CHECK_INT(info.segments, 3);
    CHECK_INT(info.bytes, 600);
    CHECK_INT(add(log, 9000, 9000, "late"), 0); /* too far from the others in time */
    segment_info_get(log, &info);
    CHECK_INT(info.segments, 4);
    CHECK_OK(segment_trim(log, 400, 0, err)); /* the first four end at 399 */
    segment_info_get(log, &info);
    CHECK_INT(info.segments, 3);
    CHECK_INT(info.first_ms, 400);
    segment_close(log);
    log = open_log(dir, 200, 1000);
    segment_info_get(log, &info);
    CHECK_INT(info.segments, 3);
    CHECK_OK(segment_trim(log, 0, 300, err)); /* 444 bytes: the oldest goes */
    segment_info_get(log, &info);
    CHECK_INT(info.bytes, 244);
    CHECK_STR(scan(log, 9000, 9001), "late,");
    CHECK_OK(segment_trim(log, INT64_MAX, 1, err)); /* the open one stays */
    segment_info_get(log, &info);
    CHECK_INT(info.segments, 1);
    CHECK_OK(segment_rotate(log, err));
    CHECK_OK(segment_drop_sealed(log, err));
    segment_info_get(log, &info);
    CHECK_INT(info.segments, 0);
    segment_close(log);
}

TEST(a_failed_write_leaves_nothing_half)
{
    struct segment_info info;
    struct segment_log *log = open_log(test_tmpdir(), 0, 0);
    CHECK_INT(add(log, 1, 1, "first"), 0);
    for (uint64_t call = 1; call <= 2; call++) { /* the head, the body */
        fs_fail_after(call, ENOSPC);
        CHECK_INT(add(log, 2, 2, "refused"), ERR_NO_SPACE);
        fs_fail_after(0, 0);
        segment_info_get(log, &info);
        CHECK_INT(info.bytes, 45);
    }
    CHECK_INT(add(log, 3, 3, "third"), 0);
    CHECK_STR(scan(log, 0, 99), "first,third,");
    fs_fail_after(1, EIO);
    CHECK(segment_sync(log, NULL) != 0);
    fs_fail_after(0, 0);
    CHECK_OK(segment_sync(log, err));
    segment_close(log);
}

struct crowd {
    struct segment_log *log;
    int id;
};

static void *crowd_main(void *arg)
{
    struct crowd *c = arg;
    char text[32];
    for (int i = 0; i < 40; i++) {
        (void)snprintf(text, sizeof text, "%d.%d", c->id, i);
        CHECK_INT(add(c->log, i, i, text), 0);
        CHECK_OK(segment_sync(c->log, err));
        CHECK_OK(segment_trim(c->log, -1, 0, err));
    }
    return NULL;
}

static int count(void *arg, const struct segment_record *r, struct err *err)
{
    (void)r;
    (void)err;
    ++*(size_t *)arg;
    return 0;
}

TEST(threads_append_sync_rotate_and_read_together)
{
    struct segment_log *log = open_log(test_tmpdir(), 1000, 0);
    struct crowd c[4];
    pthread_t t[4];
    size_t n = 0;
    for (int i = 0; i < 4; i++) {
        c[i] = (struct crowd){ log, i };
        CHECK_OK(thread_start(&t[i], "crowd", crowd_main, &c[i], err));
    }
    struct segment_query q = { .to_ms = 999, .fn = count, .arg = &n };
    for (int i = 0; i < 20; i++)
        CHECK_OK(segment_scan(log, &q, err));
    for (int i = 0; i < 4; i++)
        thread_join(t[i]);
    n = 0;
    CHECK_OK(segment_scan(log, &q, err));
    CHECK_INT(n, 160);
    segment_close(log);
}
