/* SPDX-License-Identifier: Apache-2.0
 * Splits: golden parts, which must never change, and the promises of each rule. */
#include "test.h"

#include "base/rng.h"
#include "base/limits.h"
#include "data/split.h"

struct fixture {
    struct arena a;
    struct frame f;
    struct csv_source source;
    struct split_spec spec;
    struct split s;
};

static void set_up(struct fixture *x, size_t n)
{
    struct rng r;
    *x = (struct fixture){ .spec = { .train = 0.6, .valid = 0.2, .test = 0.2, .seed = 7 } };
    arena_init(&x->a, MIB(256));
    frame_init(&x->f, &x->a, n);
    struct column *id = frame_add(&x->f, "id", COLUMN_INTEGER, NULL), *v, *t, *g;
    for (size_t i = 0; i < n; i++)
        id->numbers[i] = (double)i;
    rng_seed(&r, 1);
    v = frame_add(&x->f, "v", COLUMN_NUMBER, NULL);
    t = frame_add(&x->f, "t", COLUMN_TIME, NULL);
    for (size_t i = 0; i < n; i++) {
        v->numbers[i] = rng_uniform(&r);
        t->numbers[i] = (double)rng_below(&r, n / 3 + 1);
    }
    g = frame_add(&x->f, "g", COLUMN_STRING, NULL);
    g->levels = ARENA_TRY_ARRAY(&x->a, 2, str_t);
    g->levels[0] = STR("rare");
    g->levels[1] = STR("common");
    g->level_n = 2;
    for (size_t i = 0; i < n; i++)
        g->codes[i] = i % 10 ? 1 : 0;
}

static void make(struct fixture *x, int threads)
{
    CHECK_OK(split_make(&x->f, &x->source, &x->spec, threads, &x->s, err));
    CHECK_INT(x->s.rows[0] + x->s.rows[1] + x->s.rows[2], x->f.n);
}

TEST(split_hash_is_stable_for_ever)
{
    struct fixture x;
    char parts[33] = { 0 };
    set_up(&x, 32);
    x.source.key = "id";
    make(&x, 1);
    for (size_t i = 0; i < 32; i++)
        parts[i] = "tvT"[x.s.part[i]];
    CHECK_STR(parts, "TtttttvvvtvtTvvttttvtttTTvtvtttt");
    x.source.key = NULL;
    make(&x, 2);
    for (size_t i = 0; i < 32; i++)
        parts[i] = "tvT"[x.s.part[i]];
    CHECK_STR(parts, "vvtTtvvtvttttTtttvTTvttTttttvTtt");
    CHECK_STR(x.s.digest[PART_TEST],
              "889da9c5529a541b6320f72154b4a69e72b29ec0f1c88e57caf6c6271f6888b6");
    arena_fini(&x.a);
}

TEST(split_hash_keeps_rows_in_place_when_others_come)
{
    struct fixture small, large;
    set_up(&small, 1000);
    set_up(&large, 3000);
    small.source.key = large.source.key = "id";
    make(&small, 1);
    make(&large, 3);
    CHECK(memcmp(small.s.part, large.s.part, 1000) == 0);
    CHECK_NEAR((double)large.s.rows[PART_TRAIN], 1800, 0.05);
    arena_fini(&small.a);
    arena_fini(&large.a);
}

TEST(split_hash_keeps_equal_rows_together)
{
    struct fixture x;
    set_up(&x, 2000);
    frame_drop(&x.f, STR("id"));
    for (size_t k = 0; k < x.f.column_n; k++) {
        struct column *c = &x.f.columns[k];
        for (size_t i = 1000; i < 2000; i++) {
            if (c->numbers)
                c->numbers[i] = c->numbers[i - 1000];
            else
                c->codes[i] = c->codes[i - 1000];
        }
    }
    make(&x, 2);
    CHECK(memcmp(x.s.part, x.s.part + 1000, 1000) == 0);
    CHECK_INT(x.s.rows_shared, 0);
    x.spec.by = SPLIT_STRATIFIED;
    x.spec.column = "g";
    make(&x, 2);
    CHECK_INT(x.s.rows_shared, 0);
    x.spec.by = SPLIT_TIME;
    x.spec.column = NULL;
    x.source.time = "t";
    make(&x, 2);
    CHECK_INT(x.s.rows_shared, 0); /* copies have equal times */
    x.f.columns[frame_column(&x.f, STR("t")) - x.f.columns].numbers[1999] = 1e9;
    make(&x, 2);
    CHECK(x.s.part[999] == PART_TEST || x.s.rows_shared == 1);
    arena_fini(&x.a);
}

TEST(split_keeps_rows_of_one_key_together_or_tells)
{
    struct fixture x;
    size_t torn = 0;
    set_up(&x, 3000);
    double *id = frame_column(&x.f, STR("id"))->numbers;
    for (size_t i = 0; i < 3000; i++)
        id[i] = (double)(i % 1000); /* three rows each, also of two strata */
    struct column *g = frame_column(&x.f, STR("g"));
    for (size_t i = 0; i < 3000; i++)
        g->codes[i] = i % 7 ? 1 : 0;
    x.source.key = "id";
    x.spec.by = SPLIT_STRATIFIED;
    x.spec.column = "g";
    make(&x, 1);
    for (size_t i = 0; i < 1000; i++)
        torn += x.s.part[i] != x.s.part[i + 1000] || x.s.part[i] != x.s.part[i + 2000];
    CHECK_INT(torn, 0);
    CHECK_INT(x.s.keys_torn, 0);
    CHECK_NEAR((double)x.s.rows[PART_TRAIN], 1800, 0.01);
    x.spec.by = SPLIT_TIME;
    x.spec.column = "t";
    make(&x, 1);
    for (size_t i = 0; i < 1000; i++)
        torn += x.s.part[i] != x.s.part[i + 1000] || x.s.part[i] != x.s.part[i + 2000];
    CHECK(torn > 100);
    CHECK_INT(x.s.keys_torn, torn);
    x.spec.by = SPLIT_HASH;
    x.spec.column = NULL;
    make(&x, 1);
    CHECK_INT(x.s.keys_torn, 0);
    for (size_t i = 0; i < 3000; i++)
        id[i] = NAN; /* no key at all is none torn */
    x.spec.by = SPLIT_TIME;
    x.spec.column = "t";
    make(&x, 1);
    CHECK_INT(x.s.keys_torn, 0);
    arena_fini(&x.a);
}

TEST(split_time_is_in_order_and_tears_nothing)
{
    struct fixture x;
    set_up(&x, 5000);
    x.spec.by = SPLIT_TIME;
    x.source.time = "t";
    make(&x, 1);
    double last[3] = { -1, -1, -1 }, first[3] = { 1e18, 1e18, 1e18 };
    const double *t = frame_column(&x.f, STR("t"))->numbers;
    for (size_t i = 0; i < x.f.n; i++) {
        last[x.s.part[i]] = fmax(last[x.s.part[i]], t[i]);
        first[x.s.part[i]] = fmin(first[x.s.part[i]], t[i]);
    }
    CHECK(last[PART_TRAIN] < first[PART_VALID] && last[PART_VALID] < first[PART_TEST]);
    CHECK(x.s.rows[PART_TRAIN] >= 3000 && x.s.rows[PART_TRAIN] < 3020);
    struct err e = ERR_INIT;
    frame_column(&x.f, STR("t"))->numbers[41] = NAN;
    CHECK_INT(split_make(&x.f, &x.source, &x.spec, 1, &x.s, &e), ERR_INVALID);
    CHECK_STR(e.msg, "column 't' is missing in row 42, a split by time needs it in every row");
    for (size_t i = 0; i < x.f.n; i++)
        frame_column(&x.f, STR("t"))->numbers[i] = 5;
    CHECK_INT(split_make(&x.f, &x.source, &x.spec, 1, &x.s, &e), ERR_INVALID);
    CHECK(strstr(e.msg, "part is empty") && strstr(e.msg, "are all times equal?"));
    arena_fini(&x.a);
}

TEST(split_stratified_holds_shares_in_each_stratum)
{
    struct fixture x;
    size_t in[2][3] = { 0 };
    set_up(&x, 1000);
    x.spec.by = SPLIT_STRATIFIED;
    x.spec.column = "g";
    make(&x, 1);
    for (size_t i = 0; i < 1000; i++)
        in[frame_column(&x.f, STR("g"))->codes[i]][x.s.part[i]]++;
    CHECK_INT(in[0][PART_TRAIN], 60);
    CHECK_INT(in[0][PART_VALID], 20);
    CHECK_INT(in[1][PART_TRAIN], 540);
    CHECK_INT(in[1][PART_TEST], 180);
    x.spec.column = NULL;
    x.source.target = "v"; /* a number with many values: its deciles */
    make(&x, 1);
    double sum = 0;
    for (size_t i = 0; i < 1000; i++)
        sum += x.s.part[i] == PART_TEST &&
               frame_column(&x.f, STR("v"))->numbers[i] >
                   0.5; /* about half of the test part is in the upper half */
    CHECK(sum > 85 && sum < 115);
    CHECK_INT(x.s.rows[PART_TEST], 200);
    arena_fini(&x.a);
}

TEST(split_refuses)
{
    struct fixture x;
    struct err e = ERR_INIT;
    set_up(&x, 10);
    x.spec.train = 0.9;
    CHECK_INT(split_make(&x.f, &x.source, &x.spec, 1, &x.s, &e), ERR_INVALID);
    CHECK_STR(e.msg, "the shares of a split must sum to 1, these sum to 1.3");
    arena_fini(&x.a);
    set_up(&x, 2);
    x.source.key = "id";
    x.spec = (struct split_spec){ .train = 0.001, .valid = 0, .test = 0.999 };
    CHECK_INT(split_make(&x.f, &x.source, &x.spec, 1, &x.s, &e), ERR_INVALID);
    CHECK(strstr(e.msg, "the train part is empty"));
    x.source.key = "absent";
    CHECK_INT(split_make(&x.f, &x.source, &x.spec, 1, &x.s, &e), ERR_INVALID);
    CHECK(strstr(e.msg, "there is no column 'absent'"));
    arena_fini(&x.a);
}
