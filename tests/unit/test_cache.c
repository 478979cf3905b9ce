/* SPDX-License-Identifier: Apache-2.0
 * Cached tables: what was written comes back, what was damaged does not. */
#include "test.h"

#include "base/fs.h"
#include "base/limits.h"
#include "data/cache.h"

static void make_frame(struct arena *a, struct frame *f, size_t n)
{
    frame_init(f, a, n);
    struct column *x = frame_add(f, "x", COLUMN_NUMBER, NULL),
                  *t = frame_add(f, "t", COLUMN_TIME, NULL),
                  *s = frame_add(f, "s", COLUMN_STRING, NULL);
    s = frame_column(f, STR("s"));
    s->levels = ARENA_TRY_ARRAY(a, 3, str_t);
    s->levels[0] = STR("");
    s->levels[1] = STR("one\0two");
    s->levels[2] = STR("three");
    s->level_n = 3;
    for (size_t i = 0; i < n; i++) {
        frame_column(f, STR("x"))->numbers[i] = i % 7 ? (double)i / 3 : NAN;
        frame_column(f, STR("t"))->numbers[i] = (double)i * 1000;
        s->codes[i] = (int32_t)(i % 4) - 1;
    }
    (void)x, (void)t;
}

TEST(cache_frame_round_trip)
{
    struct arena a;
    struct frame f, g;
    char path[512];
    arena_init(&a, MIB(512));
    (void)snprintf(path, sizeof path, "%s/frame.bin", test_tmpdir());
    for (size_t n = 1; n <= 1000000; n = n * 37 + 5) {
        make_frame(&a, &f, n);
        CHECK_OK(cache_write_frame(path, &f, 1, err));
        CHECK_OK(cache_read_frame(&a, path, 2, &g, err)); /* other threads, same checksum */
        CHECK_INT(g.n, n);
        CHECK_INT(g.column_n, 3);
        CHECK(memcmp(f.columns[0].numbers, g.columns[0].numbers, n * 8) == 0);
        CHECK(memcmp(f.columns[2].codes, g.columns[2].codes, n * 4) == 0);
        CHECK_INT(g.columns[1].type, COLUMN_TIME);
        CHECK_INT(g.columns[2].levels[1].n, 7);
    }
    uint32_t rows[] = { 0, 2, 5 };
    CHECK_OK(frame_keep(&g, rows, 3, err)); /* the mapping is ours to change, the file is not */
    CHECK_OK(cache_write_frame(path, &g, 1, err));
    CHECK_OK(cache_read_frame(&a, path, 1, &f, err));
    CHECK_INT(f.n, 3);
    CHECK_INT(frame_row_number(&f, 2), 6);
    arena_fini(&a);
}

TEST(cache_damage_is_found)
{
    struct arena a;
    struct frame f, g;
    char path[512];
    str_t bytes;
    arena_init(&a, MIB(512));
    (void)snprintf(path, sizeof path, "%s/frame.bin", test_tmpdir());
    make_frame(&a, &f, 100);
    CHECK_INT(cache_read_frame(&a, path, 1, &g, NULL), ERR_NOT_FOUND);
    CHECK_OK(cache_write_frame(path, &f, 1, err));
    CHECK_OK(fs_read(&a, path, MIB(1), &bytes, err));
    char *copy = arena_strndup(&a, bytes.p, bytes.n);
    for (size_t i = 0; i < bytes.n; i++) { /* any byte */
        struct arena_mark mark = arena_snapshot(&a);
        copy[i] ^= 0x10;
        CHECK_OK(fs_write_cache(path, (str_t){ copy, bytes.n }, err));
        int rc = cache_read_frame(&a, path, 1, &g, NULL);
        copy[i] ^= 0x10;
        if (rc == 0)
            TEST_FAIL("a changed byte %zu was not found", i);
        arena_restore(&a, mark);
    }
    for (size_t n = 0; n < bytes.n; n += 7) { /* any length */
        struct arena_mark mark = arena_snapshot(&a);
        CHECK_OK(fs_write_cache(path, (str_t){ copy, n }, err));
        CHECK(cache_read_frame(&a, path, 1, &g, NULL) != 0);
        arena_restore(&a, mark);
    }
    arena_fini(&a);
}
