/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <errno.h>
#include <float.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/proc.h"
#include "base/rng.h"
#include "base/thread.h"

TEST(arena_cap_is_sticky)
{
    struct arena a;
    arena_init(&a, 1000);
    CHECK(arena_try_alloc(&a, 100, 1) != NULL);
    CHECK(arena_try_alloc(&a, 1000, 1) == NULL);
    CHECK(a.failed);
    arena_fini(&a);
    arena_init(&a, 1000);
    CHECK(arena_try_alloc(&a, SIZE_MAX / 2, 4) == NULL);
    arena_fini(&a);
}

TEST(arena_snapshot_gives_back)
{
    struct arena a;
    arena_init(&a, MIB(64));
    char *keep = arena_strdup(&a, "keep");
    struct arena_mark mark = arena_snapshot(&a);
    for (int i = 0; i < 1000; i++)
        (void)arena_alloc(&a, 5000);
    arena_restore(&a, mark);
    CHECK_INT(a.used_bytes, 5);
    CHECK_STR(keep, "keep");
    arena_fini(&a);
}

TEST(buf_stops_at_its_maximum)
{
    struct buf b;
    buf_init(&b, 10);
    buf_puts(&b, "0123456789");
    CHECK(!b.failed);
    buf_putc(&b, 'x');
    CHECK(b.failed);
    CHECK_VIEW(buf_view(&b), "0123456789");
    buf_fini(&b);
}

TEST(str_distance_and_nearest)
{
    CHECK_INT(str_distance(STR("comand"), STR("command"), 2), 1);
    CHECK_INT(str_distance(STR("tarin"), STR("train"), 2), 1);
    CHECK_INT(str_distance(STR("abc"), STR("xyz"), 2), 3);
    static const char *const words[] = { "predict", "promote", "rollback" };
    CHECK_STR(str_nearest(STR("promte"), words, 3), "promote");
    CHECK(str_nearest(STR("zzz"), words, 3) == NULL);
}

TEST(str_utf8)
{
    CHECK(str_is_utf8(STR("caf\xc3\xa9 \xe4\xb8\xad \xf0\x9f\x98\x80")));
    static const char *const bad[] = { "\xc0\xaf", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xe4\xb8",
                                       "\x80" };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        CHECK(!str_is_utf8(str_of(bad[i])));
    CHECK_INT(str_width(STR("\xe4\xb8\xad\xe6\x96\x87 ab")), 7);
}

TEST(num_integers)
{
    int64_t v;
    uint64_t u;
    CHECK(parse_i64(STR("-9223372036854775808"), &v) == 0 && v == INT64_MIN);
    CHECK(parse_i64(STR("9223372036854775808"), &v) != 0);
    CHECK(parse_u64(STR("18446744073709551615"), &u) == 0 && u == UINT64_MAX);
    CHECK(parse_u64(STR("18446744073709551616"), &u) != 0);
    CHECK(parse_u64(STR(""), &u) != 0 && parse_u64(STR("1x"), &u) != 0);
}

TEST(num_double_round_trip)
{
    static const double values[] = { 0.1,
                                     1e-7,
                                     1.0 / 3,
                                     DBL_MAX,
                                     DBL_MIN,
                                     5e-324,
                                     123456789.123456789,
                                     -0.0,
                                     9007199254740993.0,
                                     1e23,
                                     2.2250738585072011e-308,
                                     1e22,
                                     1e300 };
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        char text[FMT_DOUBLE_MAX];
        double back;
        size_t n = fmt_double(values[i], text);
        CHECK_INT(n, strlen(text));
        CHECK(parse_double((str_t){ text, n }, &back) == 0);
        CHECK(memcmp(&back, &values[i], sizeof back) == 0);
    }
    struct rng r;
    rng_seed(&r, 7);
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = rng_u64(&r);
        double v, back;
        char text[FMT_DOUBLE_MAX];
        memcpy(&v, &bits, sizeof v);
        if (!isfinite(v))
            continue;
        CHECK(parse_double((str_t){ text, fmt_double(v, text) }, &back) == 0 && back == v);
        CHECK(back == strtod(text, NULL));
    }
    char text[FMT_DOUBLE_MAX];
    (void)fmt_double(412300, text);
    CHECK_STR(text, "412300.0");
}

/* The text is the first of %.15g, %.16g, %.17g that reads back as the same number. */
TEST(num_double_is_the_shortest_that_the_c_library_writes)
{
    struct rng r;
    rng_seed(&r, 11);
    for (int i = 0; i < 60000; i++) {
        char text[FMT_DOUBLE_MAX], want[FMT_DOUBLE_MAX];
        double v = ldexp((double)(int64_t)rng_u64(&r), -20 - (int)(rng_u64(&r) % 75));
        if (i % 3 == 0) /* few digits */
            v = (double)(int64_t)(rng_u64(&r) % 2000000) / pow(10, (double)(i % 11));
        if (i % 3 == 1) /* beside a power of ten */
            v = nextafter(pow(10, (double)(i % 24 - 9)), i / 24 % 2 ? 1e300 : 0);
        for (int digits = 15; digits <= 17; digits++) {
            (void)snprintf(want, sizeof want, "%.*g", digits, v);
            if (strtod(want, NULL) == v)
                break;
        }
        size_t n = fmt_double(v, text);
        if (!strpbrk(want, ".e") || (fabs(v) < 1e15 && v == floor(v)))
            continue; /* whole numbers go another way */
        CHECK_STR(text, want);
        CHECK_INT(n, strlen(text));
    }
}

TEST(num_digits_for_people_keep_whole_numbers_whole)
{
    static const struct {
        double v;
        const char *text;
    } cases[] = {
        { 0.48374, "0.4837" },  { 1234.56, "1235" },         { 9999.7, "10000" },
        { 102437.4, "102437" }, { -30000, "-30000" },        { 999999999.4, "999999999" },
        { 1e9, "1e+09" },       { 0.00001234, "1.234e-05" }, { 0, "0" },
    };
    char text[FMT_DOUBLE_MAX];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        (void)fmt_double_digits(cases[i].v, 4, text);
        CHECK_STR(text, cases[i].text);
    }
}

TEST(num_double_refuses)
{
    static const char *const bad[] = { "", ".", "1e", "--1", "1.2.3", "0x10", "1 ", "e5", "nanx" };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        double v;
        CHECK(parse_double(str_of(bad[i]), &v) != 0);
    }
}

TEST(num_durations_and_sizes)
{
    int64_t ns;
    uint64_t bytes;
    CHECK(parse_duration(STR("20m"), &ns) == 0 && ns == INT64_C(1200000000000));
    CHECK(parse_duration(STR("250ms"), &ns) == 0 && ns == 250000000);
    CHECK(parse_duration(STR("5 s"), &ns) != 0);
    CHECK(parse_size(STR("2GiB"), &bytes) == 0 && bytes == UINT64_C(2147483648));
    CHECK(parse_size(STR("10 apples"), &bytes) != 0);
}

TEST(clock_text)
{
    char text[CLOCK_TEXT_MAX];
    int64_t ms;
    (void)clock_format(INT64_C(951827696789), text);
    CHECK_STR(text, "2000-02-29T12:34:56.789Z");
    CHECK(clock_parse(STR("2000-02-29T13:34:56.789+01:00"), &ms) == 0 &&
          ms == INT64_C(951827696789));
    CHECK(clock_parse(STR("2001-02-29"), &ms) != 0);
    CHECK(clock_parse(STR("1969-12-31"), &ms) == 0 && ms == -86400000);
    (void)clock_format(-1, text);
    CHECK_STR(text, "1969-12-31T23:59:59.999Z");
}

TEST(map_keeps_order)
{
    struct map m;
    char keys[1000][8];
    map_init(&m);
    for (size_t i = 0; i < 1000; i++) {
        (void)snprintf(keys[i], sizeof keys[i], "k%zu", i);
        CHECK_INT(map_put(&m, str_of(keys[i]), &keys[i]), i);
    }
    for (size_t i = 0; i < 1000; i++)
        CHECK(map_get(&m, str_of(keys[i])) == &keys[i]);
    CHECK(map_get(&m, STR("none")) == NULL);
    CHECK_INT(map_put(&m, STR("k5"), NULL), 5);
    CHECK_INT(m.n, 1000);
    map_fini(&m);
}

TEST(rng_repeats)
{
    struct rng a, b;
    rng_seed(&a, 42);
    rng_seed(&b, 42);
    double sum = 0;
    for (int i = 0; i < 10000; i++) {
        double u = rng_uniform(&a);
        CHECK(u == rng_uniform(&b) && u >= 0 && u < 1);
        sum += u;
    }
    CHECK_NEAR(sum / 10000, 0.5, 0.02);
    CHECK(rng_below(&a, 1) == 0);
}

TEST(siphash_is_stable)
{
    /* Data splits depend on these for ever. */
    CHECK(siphash(0, "", 0) == siphash(0, "x", 0));
    CHECK(siphash(1, "abc", 3) != siphash(2, "abc", 3));
    char text[32];
    (void)snprintf(text, sizeof text, "%016llx", (unsigned long long)siphash(42, "row-17", 6));
    CHECK_INT(strlen(text), 16);
}

TEST(uuid7_rises)
{
    char last[UUID_TEXT] = "", now[UUID_TEXT];
    for (int i = 0; i < 1000; i++) {
        uuid7(now);
        CHECK(strcmp(now, last) > 0 && now[14] == '7' && strchr("89ab", now[19]));
        memcpy(last, now, sizeof last);
    }
}

TEST(fs_atomic_write_and_faults)
{
    struct arena a;
    str_t text;
    arena_init(&a, MIB(1));
    char *path = fs_join(&a, test_tmpdir(), "file");
    CHECK_OK(fs_write_atomic(path, STR("one"), err));
    struct err why = ERR_INIT;
    int n = 1;
    for (;; n++) { /* the n-th call fails: the old content stays */
        fs_fail_after((uint64_t)n, ENOSPC);
        int rc = fs_write_atomic(path, STR("two"), &why);
        fs_fail_after(0, 0);
        if (rc == 0)
            break;
        CHECK_INT(rc, ERR_NO_SPACE);
        CHECK_OK(fs_read(&a, path, 100, &text, err));
        CHECK(str_is(text, "one") || str_is(text, "two"));
    }
    CHECK(n >= 4);
    const char **names;
    size_t count;
    CHECK_OK(fs_list(&a, test_tmpdir(), &names, &count, err));
    CHECK_INT(count, 1); /* no temporary file stays */
    arena_fini(&a);
}

TEST(fs_refuses_a_pipe)
{
    struct arena a;
    str_t text;
    struct err why = ERR_INIT;
    arena_init(&a, MIB(1));
    char *path = fs_join(&a, test_tmpdir(), "pipe");
    AZ(mkfifo(path, 0600));
    CHECK_INT(fs_read(&a, path, 100, &text, &why),
              ERR_INVALID); /* and does not wait for a writer */
    CHECK(strstr(why.msg, "is a pipe"));
    arena_fini(&a);
}

TEST(fs_safe_paths)
{
    static const char *const good[] = { "a", "a/b.txt", "a b/c", "..a" };
    static const char *const bad[] = { "",  "/a",  "a//b", "a/../b", "..",
                                       ".", "a/.", "a\\b", "a\nb",   "a/" };
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        CHECK(fs_is_safe_relative(str_of(good[i])));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        CHECK(!fs_is_safe_relative(str_of(bad[i])));
    CHECK(!fs_is_safe_relative((str_t){ "a\0b", 3 }));
}

TEST(fs_lock_excludes)
{
    struct arena a;
    int fd = -1, second = -1;
    arena_init(&a, MIB(1));
    char *path = fs_join(&a, test_tmpdir(), "lock");
    CHECK_OK(fs_lock(path, 0, &fd, err));
    CHECK(fs_is_locked(path));
    CHECK_INT(fs_lock(path, 20, &second, NULL), ERR_UNAVAILABLE);
    (void)close(fd);
    CHECK(!fs_is_locked(path));
    arena_fini(&a);
}

TEST(proc_exit_and_signal)
{
    struct proc p;
    struct proc_end end;
    const char *argv[] = { "sh", "-c", "exit 3", NULL };
    struct proc_spec spec = PROC_SPEC_INIT;
    spec.argv = argv;
    CHECK_OK(proc_spawn(&p, &spec, err));
    CHECK_INT(proc_wait(&p, 10000, &end), 1);
    CHECK(end.exited && end.code == 3);
    proc_fini(&p);
    argv[2] = "sleep 100";
    CHECK_OK(proc_spawn(&p, &spec, err));
    CHECK_INT(proc_wait(&p, 20, &end), 0);
    proc_kill_group(&p, SIGTERM);
    CHECK_INT(proc_wait(&p, 10000, &end), 1);
    CHECK(!end.exited && end.signal == SIGTERM);
    proc_fini(&p);
    argv[0] = "/no/such";
    CHECK_INT(proc_spawn(&p, &spec, NULL), ERR_NOT_FOUND);
}

static void *drain(void *arg)
{
    void *item;
    size_t n = 0;
    while (queue_get(arg, &item, -1) == 0)
        n++;
    return (void *)n;
}

TEST(queue_passes_everything)
{
    struct queue *q = queue_new("test", 16);
    pthread_t t;
    void *got = NULL;
    int item = 0;
    CHECK_OK(thread_start(&t, "drain", drain, q, err));
    for (int i = 0; i < 10000;)
        i += queue_put(q, &item) == 0;
    queue_close(q);
    AZ(pthread_join(t, &got));
    CHECK_INT((size_t)got, 10000);
    CHECK_INT(queue_put(q, &item), ERR_CANCELLED);
    queue_free(q);
}

TEST(err_table_is_whole)
{
    size_t n;
    const struct err_info *t = err_table(&n);
    for (size_t i = 0; i < n; i++) {
        CHECK(err_info(t[i].code) == &t[i]);
        CHECK(t[i].http_status >= 200 && t[i].meaning[0]);
    }
    CHECK_INT(err_info(-999)->code, ERR_INTERNAL);
    struct err err = ERR_INIT;
    CHECK_INT(ERR(&err, ERR_INVALID, "column '%s'", "x"), ERR_INVALID);
    CHECK_INT(err_prefix(&err, ERR_INVALID, "stage '%s'", "clean"), ERR_INVALID);
    CHECK_INT(err_prefix(NULL, ERR_NOT_FOUND, "stage"), ERR_NOT_FOUND); /* nobody wants the text */
    CHECK_STR(err.msg, "stage 'clean': column 'x'");
}

TEST(mem_fault_injection)
{
    mem_fail_after(2);
    void *p = mem_try_alloc(1, 1);
    CHECK(p != NULL);
    CHECK(mem_try_alloc(1, 1) == NULL);
    mem_free(p);
    p = mem_try_alloc(SIZE_MAX, 2);
    CHECK(p == NULL);
}
