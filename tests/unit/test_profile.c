/* SPDX-License-Identifier: Apache-2.0
 * Profiles against numpy, warnings, and the way through JSON. */
#include "test.h"

#include "base/limits.h"
#include "data/dataset.h"
#include "data/profile.h"

static const double y[] = { 0.441227,  -0.33087,  2.430771, -0.252092, 0.10961,  1.582481,
                            -0.909232, -0.591637, 0.187603, -0.32987,  -1.192765 };

TEST(profile_numbers_like_numpy)
{
    struct arena a;
    struct frame f;
    struct profile p;
    struct csv_source s = { .target = "y" };
    static const double q[] = { -1.192765, -1.0509985, -0.4612535, -0.252092,
                                0.314415,  2.006626,   2.430771 };
    static const size_t bins[] = { 1, 1, 0, 1, 2, 1, 0, 2, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1 };
    arena_init(&a, MIB(64));
    frame_init(&f, &a, 13);
    double *v = frame_add(&f, "y", COLUMN_NUMBER, NULL)->numbers;
    memcpy(v, y, sizeof y);
    v[11] = v[12] = NAN;
    CHECK_OK(profile_make(&a, &f, &s, 1, &p, err));
    const struct profile_column *c = &p.columns[0];
    CHECK_INT(c->missing, 2);
    CHECK_INT(c->distinct, 11);
    CHECK_STR(c->role, "target");
    CHECK_NEAR(c->mean, 0.10411145454545455, 1e-15);
    CHECK_NEAR(c->sd, 1.0684951190098497, 1e-15);
    for (size_t i = 0; i < PROFILE_QUANTILES; i++)
        CHECK_NEAR(c->quantiles[i], q[i], 1e-15);
    for (size_t i = 0; i < PROFILE_BINS; i++)
        CHECK_INT(c->counts[i], bins[i]);
    CHECK_INT(c->top_n, 0);
    arena_fini(&a);
}

static int warned(const struct profile *p, const char *text)
{
    for (size_t i = 0; i < p->warning_n; i++)
        if (strstr(p->warnings[i], text))
            return 1;
    return 0;
}

TEST(profile_warns)
{
    enum { N = 200 };
    struct arena a;
    struct frame f;
    struct profile p, back;
    struct csv_source s = { .target = "target" };
    arena_init(&a, MIB(64));
    frame_init(&f, &a, N);
    static const char *const names[] = { "target", "leak", "serial", "constant", "noise", "huge" };
    static const enum column_type types[] = { COLUMN_NUMBER, COLUMN_NUMBER, COLUMN_INTEGER,
                                              COLUMN_NUMBER, COLUMN_NUMBER, COLUMN_NUMBER };
    for (size_t k = 0; k < ARRAY_LEN(names); k++)
        CHECK(frame_add(&f, names[k], types[k], NULL) != NULL);
    struct column *text = frame_add(&f, "text", COLUMN_STRING, NULL),
                  *none = frame_add(&f, "none", COLUMN_STRING, NULL);
    text->levels = ARENA_TRY_ARRAY(&a, 4, str_t);
    text->level_n = 4;
    static const char *const levels[] = { "1.5", "2", "3", "unknown" };
    for (size_t k = 0; k < 4; k++)
        text->levels[k] = str_of(levels[k]);
    for (size_t i = 0; i < N; i++) {
        double t = (double)(i * 7919 % 211);
        f.columns[0].numbers[i] = i == 3 ? NAN : t;
        f.columns[1].numbers[i] = 3 * t - 1 + 1e-3 * (double)(i % 3);
        f.columns[2].numbers[i] = (double)i;
        f.columns[3].numbers[i] = 4;
        f.columns[4].numbers[i] = (double)(i % 17);
        f.columns[5].numbers[i] = i ? (double)(i % 5) : INFINITY;
        text->codes[i] = i == 77 ? 3 : (int32_t)(i % 3);
        none->codes[i] = -1;
    }
    CHECK_OK(profile_make(&a, &f, &s, 2, &p, err));
    CHECK(warned(&p, "column 'leak' alone explains 100.00 % of the target"));
    CHECK(
        warned(&p, "column 'serial' looks like an identifier (200 different values in 200 rows)"));
    CHECK(warned(&p, "column 'constant' is constant"));
    CHECK(warned(&p, "column 'huge' has 1 infinite values"));
    CHECK(warned(&p, "column 'none' has no values"));
    CHECK(warned(&p, "the target 'target' is missing in 1 of 200 rows"));
    CHECK(warned(
        &p, "column 'text' is text only because of 1 of 200 values, first 'unknown' in row 78"));
    CHECK(!warned(&p, "'noise'"));
    CHECK_INT(p.columns[3].top_n, 1);
    CHECK_STR(p.columns[3].top[0].value, "4");
    CHECK_INT(p.columns[3].top[0].count, 200);
    struct buf b, again;
    struct json_out o;
    struct json v;
    buf_init(&b, MIB(1));
    buf_init(&again, MIB(1));
    json_out_init(&o, &b);
    jo_object(&o);
    jo_kv_int(&o, "rows", N);
    profile_write(&o, &p);
    jo_object_end(&o);
    CHECK_OK(json_parse(&a, buf_view(&b), NULL, &v, err));
    CHECK_OK(profile_read(&a, &v, &back, err));
    json_out_init(&o, &again);
    jo_object(&o);
    jo_kv_int(&o, "rows", N);
    profile_write(&o, &back);
    jo_object_end(&o);
    CHECK_STR(buf_view(&again).p, buf_view(&b).p);
    buf_fini(&b);
    buf_fini(&again);
    arena_fini(&a);
}

TEST(dataset_version_is_of_content)
{
    struct arena a;
    struct frame f;
    struct csv_source s = { .target = "y" };
    struct dataset d = { .name = "one", .file = { .path = "d.csv", .bytes = 5, .sha256 = "00" } },
                   other;
    struct csv_column c = { "y", CSV_TYPE_NUMBER, "DOUBLE" };
    arena_init(&a, MIB(64));
    frame_init(&f, &a, 11);
    memcpy(frame_add(&f, "y", COLUMN_NUMBER, NULL)->numbers, y, sizeof y);
    CHECK_OK(profile_make(&a, &f, &s, 1, &d.profile, err));
    d.dialect = (struct csv_dialect){ .delimiter = ',',
                                      .header = 1,
                                      .newline = "\\n",
                                      .date_format = "",
                                      .time_format = "",
                                      .columns = &c,
                                      .column_n = 1 };
    CHECK_OK(dataset_seal(&d, err));
    other = d;
    other.name = "another name";
    other.target = NULL;
    CHECK_OK(dataset_seal(&other, err));
    CHECK_STR(other.digest, d.digest);
    other.dialect.delimiter = ';';
    CHECK_OK(dataset_seal(&other, err));
    CHECK(strcmp(other.digest, d.digest) != 0);
    arena_fini(&a);
}
