/* SPDX-License-Identifier: Apache-2.0
 * Row operations, and fitting against scikit-learn 1.9.1 (figures printed by it; relative 1e-15).
 */
#include "test.h"

#include "base/limits.h"
#include "data/prep.h"

static double x[] = { 3.5, NAN, 1e8 + 0.25, -2, 7, 7, 0.1, NAN, 1e8 + 0.5, 3.5 };
static const struct prep_values numbers = { .numbers = x };

static double filled(enum impute_how how)
{
    struct prep_column c = { .name = "x", .impute = how };
    struct prep_fill f;
    CHECK_OK(prep_fit_fill(&numbers, NULL, 10, &c, &f, err));
    return f.number;
}

TEST(prep_impute_like_sklearn)
{
    CHECK_NEAR(filled(IMPUTE_MEAN), 25000002.48125, 1e-15);
    CHECK_NEAR(filled(IMPUTE_MEDIAN), 5.25, 0);
    CHECK_NEAR(filled(IMPUTE_MOST_FREQUENT), 3.5, 0); /* 3.5 and 7 twice: the smaller */
    str_t levels[] = { STR("b"), STR("a"), STR("c") };
    int32_t codes[] = { 0, 1, 0, 1, 2, -1 };
    struct prep_values v = { .codes = codes, .levels = levels, .level_n = 3 };
    struct prep_column c = { .name = "s", .impute = IMPUTE_MOST_FREQUENT };
    struct prep_fill f;
    CHECK_OK(prep_fit_fill(&v, NULL, 6, &c, &f, err));
    CHECK_VIEW(f.text, "a");
    uint32_t rows[] = { 0, 2, 4 };
    CHECK_OK(prep_fit_fill(&v, rows, 3, &c, &f, err)); /* only the rows given count */
    CHECK_VIEW(f.text, "b");
    c.impute = IMPUTE_MEAN;
    struct err e = ERR_INIT;
    CHECK_INT(prep_fit_fill(&v, NULL, 6, &c, &f, &e), ERR_INVALID);
    CHECK_STR(e.msg, "column 's' holds text: it has no mean; use most_frequent or a constant");
    double none[] = { NAN, NAN };
    CHECK_INT(prep_fit_fill(&(struct prep_values){ .numbers = none }, NULL, 2, &c, &f, &e),
              ERR_INVALID);
    CHECK_STR(e.msg, "column 's' has no value in the training rows; drop it or impute a constant");
}

static struct prep_scale scaled(const double *v, size_t n, enum scale_how how)
{
    struct prep_scale s = { NAN, NAN };
    CHECK_OK(prep_fit_scale(&(struct prep_values){ .numbers = v }, NULL, n, how, &s, err));
    return s;
}

TEST(prep_scale_like_sklearn)
{
    struct prep_scale s = scaled(x, 10, SCALE_STANDARD);
    CHECK_NEAR(s.shift, 25000002.48125, 1e-15);
    CHECK_NEAR(s.scale, 43301268.97317802, 1e-15);
    double constant[] = { 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1 };
    CHECK_NEAR(scaled(constant, 7, SCALE_STANDARD).scale, 1, 0);
    double almost[] = { 1e9 + .1,        1e9 + .1,        1e9 + .1,
                        1e9 + .1 + 1e-7, 1e9 + .1 + 1e-7, 1e9 + .1 + 1e-7 };
    CHECK_NEAR(scaled(almost, 6, SCALE_STANDARD).scale, 1, 0); /* rounding explains the spread */
    s = scaled(x, 10, SCALE_MINMAX);
    CHECK_NEAR(s.shift, -2, 0);
    CHECK_NEAR(s.scale, 100000002.5, 0);
    s = scaled(x, 10, SCALE_ROBUST);
    CHECK_NEAR(s.shift, 5.25, 0);
    CHECK_NEAR(s.scale, 25000002.6625, 1e-15);
    double five[] = { 1, 2, 3, 4, 100 };
    s = scaled(five, 5, SCALE_ROBUST);
    CHECK_NEAR(s.shift, 3, 0);
    CHECK_NEAR(s.scale, 2, 0);
}

TEST(prep_categories_are_sorted)
{
    struct arena a;
    struct prep_categories c;
    arena_init(&a, MIB(1));
    str_t levels[] = { STR("b"), STR("unused"), STR("B"), STR("a") };
    int32_t codes[] = { 3, 0, -1, 2, 0 };
    CHECK_OK(prep_fit_categories(
        &a, &(struct prep_values){ .codes = codes, .levels = levels, .level_n = 4 }, NULL, 5, &c,
        err));
    CHECK_INT(c.n, 3);
    CHECK_VIEW(c.strings[0], "B");
    CHECK_VIEW(c.strings[1], "a");
    CHECK_VIEW(c.strings[2], "b");
    CHECK_OK(prep_fit_categories(&a, &numbers, NULL, 10, &c, err));
    CHECK_INT(c.n, 6);
    CHECK(c.numbers[0] == -2 && c.numbers[2] == 3.5 && c.numbers[5] == 1e8 + 0.5);
    arena_fini(&a);
}

static void make_frame(struct arena *a, struct frame *f)
{
    static const double v[] = { 1, 2, 1, NAN, NAN, 0, -0.0, 2 };
    static const int32_t s[] = { 0, 1, 0, 0, 0, 1, 1, 0 };
    static str_t levels[] = { { "p", 1 }, { "q", 1 } };
    frame_init(f, a, 8);
    struct column *n = frame_add(f, "v", COLUMN_NUMBER, NULL), *c;
    memcpy(n->numbers, v, sizeof v);
    c = frame_add(f, "s", COLUMN_STRING, NULL);
    memcpy(c->codes, s, sizeof s);
    c->levels = levels;
    c->level_n = 2;
}

TEST(prep_row_operations)
{
    struct arena a;
    struct frame f;
    size_t dropped;
    arena_init(&a, MIB(16));
    make_frame(&a, &f);
    struct prep_step all = { .op = PREP_DROP_DUPLICATES };
    CHECK(prep_step_is_row_operation(&all));
    CHECK_OK(prep_rows(&f, &all, &dropped, err));
    CHECK_INT(dropped, 3); /* rows 3, 5 and 7: NaN equals NaN, -0 equals 0 */
    CHECK_INT(f.n, 5);
    CHECK_INT(frame_row_number(&f, 4), 8);
    CHECK(f.columns[0].numbers[4] == 2 && f.columns[1].codes[4] == 0);
    make_frame(&a, &f);
    struct prep_column by = { .name = "s" };
    struct prep_step some = { .op = PREP_DROP_DUPLICATES, .columns = &by, .column_n = 1 };
    CHECK_OK(prep_rows(&f, &some, &dropped, err));
    CHECK_INT(f.n, 2);
    make_frame(&a, &f);
    struct prep_step where = { .op = PREP_DROP, .where = "v IS NULL OR (v > 1 AND s = 'q')" };
    CHECK(prep_step_is_row_operation(&where));
    CHECK_OK(prep_rows(&f, &where, &dropped, err));
    CHECK_INT(dropped, 3);
    CHECK_INT(frame_row_number(&f, 1), 3);
    where.where = "true = true OR v > 0";
    struct err e = ERR_INIT;
    CHECK_INT(prep_rows(&f, &where, &dropped, &e), ERR_INVALID);
    CHECK_STR(e.msg, "all 5 rows are dropped");
    where.where = "w > 0";
    CHECK_INT(prep_rows(&f, &where, &dropped, &e), ERR_INVALID);
    CHECK(strstr(e.msg, "there is no column 'w'") != NULL);
    arena_fini(&a);
}
