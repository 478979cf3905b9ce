/* SPDX-License-Identifier: Apache-2.0
 * src/train/evaluate: parts, baseline, champion, slices, JSON. Metrics themselves are checked in
 * test_stat.c. */
#include "golden.h"
#include "test.h"

#include "base/rng.h"
#include "train/evaluate.h"

enum { N = 400 };

struct world {
    struct arena a;
    double y[N], prediction[N], champion[N], age[N], flag[N];
    int32_t city[N];
    uint32_t rows[N];
};

static const str_t cities[] = { { "Ulm", 3 }, { "Bonn", 4 }, { "Jena", 4 } };

/* City 2 is predicted badly, its rows are few; age is missing now and then; rows are in reverse. */
static struct world *make_world(void)
{
    static struct world w;
    struct rng r;
    rng_seed(&r, 4);
    arena_init(&w.a, MIB(64));
    for (size_t i = 0; i < N; i++) {
        size_t row = N - 1 - i;
        w.rows[i] = (uint32_t)row;
        w.city[row] = i % 10 == 0 ? 2 : i % 50 == 7 ? -1 : (int32_t)(i % 2);
        w.age[row] = i % 40 == 3 ? NAN : 20 + (double)(i % 37);
        w.flag[row] = (double)(i % 2);
        w.y[i] = 100 + 20 * rng_normal(&r);
        w.prediction[i] = w.y[i] + rng_normal(&r) * (w.city[row] == 2 ? 30 : 5);
        w.champion[i] = w.y[i] + rng_normal(&r) * 25;
    }
    return &w;
}

static struct evaluate_input input_of(const struct world *w, const struct slice_column *columns,
                                      size_t n)
{
    return (struct evaluate_input){ .test = { w->y, w->prediction, N },
                                    .baseline = 100,
                                    .columns = columns,
                                    .column_n = n,
                                    .rows = w->rows,
                                    .seed = 7 };
}

TEST(evaluate_parts_baseline_champion)
{
    struct world *w = make_world();
    struct evaluate_input in = input_of(w, NULL, 0);
    struct evaluation e;
    double v;
    in.train = (struct evaluate_part){ w->y, w->champion, 50 };
    CHECK_OK(evaluate(&w->a, &in, &e, err));
    CHECK(e.test.n == N && e.train.n == 50 && e.valid.n == 0 && e.baseline.n == N &&
          !e.has_champion);
    CHECK(e.baseline.metric[REGRESSION_RMSE].value > e.test.metric[REGRESSION_RMSE].value);
    CHECK(evaluation_get(&e, STR("rmse"), &v) && v == e.test.metric[REGRESSION_RMSE].value);
    CHECK(evaluation_get(&e, STR("test.mae"), &v) && v == e.test.metric[REGRESSION_MAE].value);
    CHECK(evaluation_get(&e, STR("train.n"), &v) && v == 50);
    CHECK(evaluation_get(&e, STR("baseline.bias"), &v) &&
          v == e.baseline.metric[REGRESSION_BIAS].value);
    CHECK(evaluation_get(&e, STR("champion.rmse"), &v) && isnan(v));
    CHECK(evaluation_get(&e, STR("valid.r2"), &v) && isnan(v));
    CHECK(!evaluation_get(&e, STR("accuracy"), &v) && !evaluation_get(&e, STR("champ.rmse"), &v));
    in.champion = w->champion;
    CHECK_OK(evaluate(&w->a, &in, &e, err));
    CHECK(e.has_champion && e.comparison.difference.high < 0 && e.comparison.p < 0.01);
    CHECK(evaluation_get(&e, STR("champion.rmse"), &v));
    CHECK_NEAR(e.comparison.difference.value, e.test.metric[REGRESSION_RMSE].value - v, 1e-13);
    arena_fini(&w->a);
}

TEST(evaluate_refuses_what_is_not_finite)
{
    struct world *w = make_world();
    struct evaluate_input in = input_of(w, NULL, 0);
    struct evaluation e;
    struct err err = ERR_INIT;
    w->prediction[3] = NAN;
    CHECK_INT(evaluate(&w->a, &in, &e, &err), ERR_INVALID);
    CHECK_STR(err.msg, "the prediction of row 4 of the test part is not a finite number");
    arena_fini(&w->a);
}

static const struct slice *find(const struct evaluation *e, const char *column, const char *value)
{
    for (size_t i = 0; i < e->slice_n; i++) {
        if (strcmp(e->slices[i].column, column) == 0 && strcmp(e->slices[i].value, value) == 0)
            return &e->slices[i];
    }
    return NULL;
}

TEST(evaluate_slices)
{
    struct world *w = make_world();
    struct slice_column columns[] = {
        { .name = "city", .codes = w->city, .levels = cities, .level_n = 3 },
        { .name = "age", .numbers = w->age },
        { .name = "flag", .numbers = w->flag }
    };
    struct evaluate_input in = input_of(w, columns, 3);
    struct evaluation e;
    double square = 0, absolute = 0, error = 0;
    size_t n = 0, total = 0;
    CHECK_OK(evaluate(&w->a, &in, &e, err));
    CHECK_STR(e.slices[0].column, "city");
    CHECK_STR(e.slices[0].value, "Jena");
    for (size_t i = 0; i < N; i++) {
        double d = w->prediction[i] - w->y[i];
        if (w->city[w->rows[i]] != 2)
            continue;
        n++;
        square += d * d;
        absolute += fabs(d);
        error += d;
    }
    CHECK_INT(e.slices[0].n, n);
    CHECK_NEAR(e.slices[0].rmse, sqrt(square / (double)n), 1e-13);
    CHECK_NEAR(e.slices[0].mae, absolute / (double)n, 1e-13);
    CHECK_NEAR(e.slices[0].bias, error / (double)n, 1e-13);
    for (size_t i = 1; i < e.slice_n; i++)
        CHECK(e.slices[i - 1].rmse >= e.slices[i].rmse && e.slices[i].n >= SLICE_MIN_ROWS);
    CHECK(!find(&e, "city", "(missing)")); /* 8 rows */
    CHECK(find(&e, "flag", "0.0") || find(&e, "flag", "0"));
    for (size_t i = 0; i < e.slice_n; i++) {
        if (strcmp(e.slices[i].column, "age") == 0)
            total += e.slices[i].n;
    }
    CHECK_INT(total, N - 10); /* quartiles hold every row but the ten missing ones */
    CHECK(find(&e, "age", "[20, 29)") && find(&e, "age", "[47, 56]"));
    arena_fini(&w->a);
}

TEST(evaluate_json_has_the_contract_fields)
{
    struct world *w = make_world();
    struct slice_column columns[] = { { .name = "flag", .numbers = w->flag } };
    struct evaluate_input in = input_of(w, columns, 1);
    struct evaluation e;
    struct buf b;
    struct json_out o;
    struct json v;
    in.champion = w->champion;
    CHECK_OK(evaluate(&w->a, &in, &e, err));
    buf_init(&b, MIB(1));
    json_out_init(&o, &b);
    jo_object(&o);
    evaluation_write_json(&o, &e, "2");
    jo_object_end(&o);
    CHECK_OK(json_parse(&w->a, buf_view(&b), NULL, &v, err));
    CHECK(json_path(&v, "metrics.test.rmse.low")->type == JSON_NUMBER);
    CHECK(json_path(&v, "metrics.test.max_error.low")->type == JSON_NULL);
    CHECK_INT(json_path(&v, "metrics.test.n.value")->integer, N);
    CHECK(json_path(&v, "metrics.baseline.mape.value") &&
          json_path(&v, "metrics.champion.bias.high"));
    CHECK(!json_path(&v, "metrics.valid"));
    CHECK_STR(json_get_string(json_get(&v, "comparison"), "champion_version", ""), "2");
    CHECK(json_path(&v, "comparison.difference.p") &&
          json_get_bool(json_get(&v, "comparison"), "better", 0));
    CHECK_INT(json_get(&v, "slices")->n, 2);
    CHECK_INT(json_get_int(&json_get(&v, "slices")->items[0], "n", 0), N / 2);
    buf_fini(&b);
    arena_fini(&w->a);
}
