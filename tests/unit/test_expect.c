/* SPDX-License-Identifier: Apache-2.0
 * Data tests: every failure is told, with rows as in the file. */
#include "test.h"

#include "base/limits.h"
#include "data/expect.h"
#include "data/match.h"
#include "base/engine.h"

static void make_frame(struct arena *a, struct frame *f)
{
    static const double v[] = { 1, 2, NAN, 40, 2, -1 };
    static const int32_t s[] = { 0, 1, -1, 2, 0, 1 };
    static str_t levels[] = { { "A-1", 3 }, { "B-22", 4 }, { "c", 1 } };
    static const uint32_t keep[] = { 1, 2, 3, 4, 5, 6 };
    frame_init(f, a, 7);
    struct column *n = frame_add(f, "v", COLUMN_INTEGER, NULL), *c;
    memcpy(n->numbers + 1, v, sizeof v);
    c = frame_add(f, "s", COLUMN_STRING, NULL);
    memcpy(c->codes + 1, s, sizeof s);
    c->levels = levels;
    c->level_n = 3;
    CHECK_OK(frame_keep(f, keep, 6, err)); /* row 1 of the file was dropped before */
}

static int starts_with_upper(void *arg, const char *pattern, const str_t *texts, size_t n,
                             uint8_t *out, struct err *err)
{
    (void)arg, (void)pattern, (void)err;
    for (size_t i = 0; i < n; i++)
        out[i] = texts[i].p[0] >= 'A' && texts[i].p[0] <= 'Z';
    return 0;
}

TEST(expect_says_all_failures)
{
    struct arena a;
    struct frame f;
    struct expect_outcome *o;
    static const char *set[] = { "1", "2.0", "40" };
    static const char *texts[] = { "A-1", "c" };
    const struct expect_rule rules[] = {
        { .kind = EXPECT_NOT_NULL, .column = "v" },
        { .kind = EXPECT_UNIQUE, .column = "v" },
        { .kind = EXPECT_IN_RANGE, .column = "v", .low = 0, .high = 10 },
        { .kind = EXPECT_IN_RANGE, .column = "v", .low = -INFINITY, .high = 40 },
        { .kind = EXPECT_IN_SET, .column = "v", .set = set, .set_n = 3 },
        { .kind = EXPECT_IN_SET, .column = "s", .set = texts, .set_n = 2 },
        { .kind = EXPECT_ROW_COUNT, .low = 7, .high = INFINITY },
        { .kind = EXPECT_IN_RANGE, .column = "v", .low = 0, .high = 10, .mostly = 0.6 },
        { .kind = EXPECT_MATCHES, .column = "s", .pattern = "[A-Z].*" },
    };
    static const char *const want[] = {
        "not_null v: 1 of 6 rows fail: row 4",
        "unique v: 2 of 5 rows fail: row 3 (2), row 6 (2)",
        "in_range v [0, 10]: 2 of 5 rows fail: row 5 (40), row 7 (-1)",
        "in_range v ≤ 40: all 5 rows",
        "in_set v [1, 2.0, 40]: 1 of 5 rows fail: row 7 (-1)",
        "in_set s [A-1, c]: 2 of 5 rows fail: row 3 (B-22), row 7 (B-22)",
        "row_count ≥ 7: there are 6 rows",
        "in_range v [0, 10]: 2 of 5 rows fail: row 5 (40), row 7 (-1)",
        "matches s /[A-Z].*/: 1 of 5 rows fail: row 5 (c)",
    };
    static const int passed[] = { 0, 0, 0, 1, 0, 0, 0, 1, 0 };
    arena_init(&a, MIB(16));
    make_frame(&a, &f);
    CHECK_OK(expect_check(&a, &f, rules, ARRAY_LEN(rules), starts_with_upper, NULL, &o, err));
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        CHECK_STR(o[i].message, want[i]);
        CHECK_INT(o[i].passed, passed[i]);
    }
    struct err e = ERR_INIT;
    const struct expect_rule bad = { .kind = EXPECT_IN_RANGE, .column = "s" },
                             absent = { .kind = EXPECT_UNIQUE, .column = "x" };
    CHECK_INT(expect_check(&a, &f, &bad, 1, NULL, NULL, &o, &e), ERR_INVALID);
    CHECK_STR(
        e.msg,
        "expect in_range: in_range looks at numbers, column 's' is text; use in_set or matches");
    CHECK_INT(expect_check(&a, &f, &absent, 1, NULL, NULL, &o, &e), ERR_INVALID);
    arena_fini(&a);
}

TEST(expect_patterns_are_re2)
{
    struct arena a;
    struct engine engine;
    const str_t texts[] = { STR("A-1"),  STR("a-1"),      STR("A-12"),
                            STR("it's"), { "A-1\0x", 5 }, STR("") };
    uint8_t ok[6];
    struct err e = ERR_INIT;
    arena_init(&a, MIB(1));
    int found = engine_find(&a, "duckdb", &engine, NULL) == 0;
    arena_fini(&a);
    if (!found) {
        (void)printf("# skipped: DuckDB is not installed (scripts/setup-engines)\n");
        return;
    }
    CHECK_OK(match_texts(NULL, "[A-Z]-\\d+|it's", texts, 6, ok, err));
    CHECK(ok[0] && !ok[1] && ok[2] && ok[3] && !ok[4] && !ok[5]);
    CHECK_INT(match_texts(NULL, "(", texts, 1, ok, &e), ERR_INVALID);
    CHECK(strstr(e.msg, "the pattern /(/ is not usable") != NULL);
}
