/* SPDX-License-Identifier: Apache-2.0
 * The serving table: bodies in every form, refusals, swapping versions under load, counters. */
#include "test.h"

#include <unistd.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/thread.h"
#include "model/pipeline.h"
#include "serve/serve_int.h"

/* y = 2·age + 10·[sex = "m"] + bonus (count · 100, whole) + shift; age may be missing when filled.
 */
static str_t make_model(struct arena *a, double shift, int impute)
{
    struct graph g;
    struct buf b;
    graph_init(&g, a, "m");
    const char *age = pipe_input(&g, "age", TENSOR_DOUBLE);
    if (impute)
        age = pipe_impute_number(&g, "age", age, 50);
    const char *sex = pipe_input(&g, "sex", TENSOR_STRING);
    str_t levels[] = { STR("m") };
    const char *hot = pipe_one_hot(&g, "sex", sex, levels, 1);
    const char *count = pipe_input(&g, "count", TENSOR_INT64);
    const char *all[] = { age, hot, count };
    double w[] = { 2, 10, 100 };
    IGNORE(pipe_linear(&g, pipe_concat(&g, "x", all, 3), w, 3, shift, "prediction"));
    buf_init(&b, MIB(1));
    CHECK_OK(onnx_write(&g, &b, err));
    str_t out = arena_str(a, buf_view(&b));
    buf_fini(&b);
    return out;
}

static const char signature[] = "{\"inputs\":[{\"name\":\"age\",\"type\":\"double\",\"required\":"
                                "true},{\"name\":\"sex\",\"type\":\"string\",\"required\":false},"
                                "{\"name\":\"count\",\"type\":\"long\",\"required\":true}],"
                                "\"outputs\":[{\"name\":\"prediction\",\"type\":\"double\"}]}";

static struct serve_version *load(double shift, const char *version, int impute)
{
    struct arena a;
    struct serve_version *v = NULL;
    arena_init(&a, MIB(8));
    struct serve_spec spec = { .model = "people",
                               .version = version,
                               .onnx = make_model(&a, shift, impute),
                               .signature = signature,
                               .input_example = "{\"age\": 1, \"sex\": \"f\", \"count\": 2}" };
    CHECK_OK(serve_version_load(&spec, &v, err));
    arena_fini(&a);
    return v;
}

static struct serve *open_with(int impute)
{
    struct serve *s = NULL;
    CHECK_OK(serve_open(&s, err));
    CHECK_OK(serve_publish(s, "ep", load(0, "1", impute), err));
    return s;
}

static int ask(struct serve *s, const char *body, int dataframes, char *out, size_t room)
{
    struct arena a;
    struct err e = ERR_INIT;
    struct buf b;
    arena_init(&a, MIB(64));
    buf_init(&b, MIB(8));
    struct serve_call c = { .name = STR("ep"),
                            .body = str_of(body),
                            .arena = &a,
                            .started_ns = clock_mono_ns(),
                            .dataframes = dataframes };
    int rc = serve_call_begin(s, &c, &e);
    if (!rc && c.form == SERVE_NONE)
        buf_puts(&b, "none");
    else if (!rc)
        serve_write_rows(&c, &b);
    serve_call_end(s, &c, rc != 0 || c.form == SERVE_NONE);
    (void)snprintf(out, room, "%s", rc ? e.msg : b.p ? b.p : "");
    arena_fini(&a);
    buf_fini(&b);
    return rc;
}

TEST(bodies_in_every_form)
{
    static const struct {
        const char *body, *want;
        int dataframes;
    } cases[] = {
        { "{\"instances\": [{\"age\": 1.5, \"sex\": \"m\", \"count\": 2}]}", "[213.0]", 0 },
        { "{\"instances\": [{\"count\": 0, \"sex\": \"f\", \"age\": 1}, {\"age\": 2, \"count\": "
          "1}]}",
          "[2.0,104.0]", 0 },
        { "{\"instances\": [[1, \"m\", 0], [2, \"f\", 0]]}", "[12.0,4.0]", 0 },
        { "{\"signature_name\": \"serving_default\", \"instances\": [{\"age\": [1], \"sex\": "
          "[\"m\"], \"count\": 3.0}]}",
          "[312.0]", 0 },
        { "{\"inputs\": {\"age\": [1, 2], \"count\": [0, 1]}}", "[2.0,104.0]", 0 },
        { "{\"inputs\": {\"age\": 1, \"count\": 0, \"sex\": \"m\"}}", "[12.0]", 0 },
        { "{\"inputs\": [[1, \"m\", 0]]}", "[12.0]", 0 },
        { "{\"dataframe_split\": {\"columns\": [\"count\", \"age\", \"zzz\"], \"index\": [0], "
          "\"data\": [[1, 2, {\"any\": []}]]}}",
          "[104.0]", 1 },
        { "{\"dataframe_split\": {\"data\": [[1, 2, \"m\"], [0, 1, null]], \"columns\": "
          "[\"count\", \"age\", \"sex\"]}}",
          "[114.0,2.0]", 1 },
        { "{\"dataframe_records\": [{\"age\": 3, \"count\": 0, \"extra\": [1, 2]}], \"params\": "
          "{}}",
          "[6.0]", 1 },
        { "{\"instances\": [{\"\\u0061ge\": 1, \"sex\": \"\\u006d\", \"count\": 0}]}", "[12.0]",
          0 },
        { "{\"instances\": [{\"age\": 9, \"age\": 1, \"count\": 0}]}", "[2.0]", 0 },
        { "{\"instances\": [{\"age\": NaN, \"count\": 0}, {\"age\": null, \"count\": 0}]}",
          "[100.0,100.0]", 0 },
    };
    struct serve *s = open_with(1);
    char got[2000];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int rc = ask(s, cases[i].body, cases[i].dataframes, got, sizeof got);
        if (rc || strcmp(got, cases[i].want) != 0)
            TEST_FAIL("%s gives %d %s, want %s", cases[i].body, rc, got, cases[i].want);
    }
    serve_close(s);
}

TEST(bad_bodies_are_told_where)
{
    static const struct {
        const char *body, *want;
    } cases[] = {
        { "", "The document is empty" },
        { "   ", "The document is empty" },
        { "[1]", "must be a JSON object" },
        { "{\"instances\": [{\"age\": 1, \"count\": 0}", "malformed JSON at line 1" },
        { "{\"instances\": [{\"age\": 1, \"count\": 0}]} x", "malformed JSON" },
        { "{\"instances\": []}", "'instances' is empty" },
        { "{\"instances\": {}}", "'instances' must be an array of rows, not an object" },
        { "{\"instances\": 3}", "'instances' must be an array" },
        { "{\"instances\": [{\"age\": 1, \"count\": 0}, {\"age\": \"old\", \"count\": 0}]}",
          "instances[1], column 'age': expected a number, got a string \"old\"" },
        { "{\"instances\": [{\"age\": true, \"count\": 0}]}", "expected a number, got a boolean" },
        { "{\"instances\": [{\"age\": 1, \"count\": 0, \"sex\": 5}]}",
          "column 'sex': expected a string, got a number 5" },
        { "{\"instances\": [{\"age\": 1, \"count\": 0.5}]}",
          "column 'count': expected a whole number, got a number 0.5" },
        { "{\"instances\": [{\"age\": 1, \"count\": 1e17}]}", "expected a whole number" },
        { "{\"instances\": [{\"age\": 1, \"count\": null}]}",
          "column 'count': the model takes no missing value here" },
        { "{\"instances\": [{\"age\": Infinity, \"count\": 0}]}",
          "column 'age': the number is infinite" },
        { "{\"instances\": [{\"age\": -1e999, \"count\": 0}]}", "infinite or too large" },
        { "{\"instances\": [{\"age\": null, \"count\": 0}]}",
          "no prediction, because 'age', 'sex' are missing" },
        { "{\"instances\": [{\"age\": 1}]}", "instances[0]: missing column 'count'" },
        { "{\"instances\": [{}]}", "missing columns 'age', 'count'" },
        { "{\"instances\": [{\"agee\": 1, \"count\": 0}]}",
          "no column 'agee'; did you mean 'age'?" },
        { "{\"instances\": [{\"height\": 1}]}",
          "no column 'height'; its columns are age, sex, count" },
        { "{\"instances\": [[1, \"m\"]]}",
          "instances[0] has 2 values; the model takes 3, in this order: age, sex, count" },
        { "{\"instances\": [[1, \"m\", 2, 3]]}", "instances[0] has at least 4 values" },
        { "{\"instances\": [5]}",
          "instances[0] is a number; send an object with the columns age, sex, count" },
        { "{\"instances\": [{\"age\": [1, 2], \"count\": 0}]}",
          "expected one value, got an array of several" },
        { "{\"instances\": [{\"age\": [[1]], \"count\": 0}]}", "expected a number, got an array" },
        { "{\"instances\": [{\"age\": {\"b64\": \"x\"}, \"count\": 0}]}", "got an object" },
        { "{\"instances\": [{\"age\": 1, \"count\": 0}], \"inputs\": [[1]]}",
          "send one of 'instances' and 'inputs'" },
        { "{\"inputs\": {\"age\": [1, 2], \"count\": [1]}}",
          "column 'count' has 1 values and column 'age' has 2" },
        { "{\"inputs\": {}}", "'inputs' is empty" },
        { "{\"inputs\": {\"age\": [1]}}", "missing column 'count'" },
        { "{\"instances\": "
          "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]",
          "expected a number, got an array" },
        { "{\"x\": "
          "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
          "nested too deeply" },
        { "{\"instances\": [{\"age\": 1, \"sex\": \"\xff\", \"count\": 0}]}", "not valid UTF-8" },
    };
    struct serve *s = open_with(0);
    char got[2000];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int rc = ask(s, cases[i].body, 0, got, sizeof got);
        if (rc != ERR_INVALID || !strstr(got, cases[i].want))
            TEST_FAIL("%s gives %d \"%s\", want \"%s\"", cases[i].body, rc, got, cases[i].want);
    }
    CHECK_INT(ask(s, "{\"dataframe_split\": {\"columns\": [\"age\"], \"data\": [[1]]}}", 1, got,
                  sizeof got),
              ERR_INVALID);
    CHECK(strstr(got, "Failed to enforce schema: dataframe_split.data[0]: missing column 'count'"));
    CHECK_INT(ask(s, "{\"dataframe_split\": {\"columns\": [\"age\"]}}", 1, got, sizeof got),
              ERR_INVALID);
    CHECK(strstr(got, "needs 'columns' and 'data'"));
    CHECK_INT(
        ask(s, "{\"dataframe_split\": {\"columns\": [\"age\", \"count\"], \"data\": [[1, 2, 3]]}}",
            1, got, sizeof got),
        ERR_INVALID);
    CHECK(strstr(got, "has 3 values but dataframe_split.columns names 2"));
    CHECK_INT(ask(s, "{\"other\": 1}", 0, got, sizeof got), 0);
    CHECK_STR(got, "none");
    serve_close(s);
}

TEST(unknown_names_and_versions)
{
    struct serve *s = open_with(0);
    struct arena a;
    struct err e = ERR_INIT;
    arena_init(&a, MIB(1));
    struct serve_call c = { .name = STR("peopel"), .arena = &a };
    CHECK_INT(serve_call_begin(s, &c, &e), ERR_NOT_FOUND);
    serve_call_end(s, &c, 1);
    CHECK(strstr(e.msg, "no endpoint 'peopel' is served here; did you mean 'people'?"));
    c = (struct serve_call){ .name = STR("people"), .version = STR("7"), .arena = &a };
    CHECK_INT(serve_call_begin(s, &c, &e), ERR_NOT_FOUND);
    serve_call_end(s, &c, 1);
    CHECK(strstr(e.msg, "version '7' of 'people' is not loaded here"));
    CHECK_OK(serve_publish(s, "ep", load(1000, "2", 0), err));
    for (int i = 1; i <= 2; i++) {
        char v[2] = { (char)('0' + i), '\0' };
        c = (struct serve_call){ .name = STR("people"),
                                 .version = str_of(v),
                                 .arena = &a,
                                 .body = STR("{\"instances\":[[1,\"f\",0]]}") };
        CHECK_OK(serve_call_begin(s, &c, err));
        CHECK_NEAR(c.values[0][0], i == 1 ? 2 : 1002, 0);
        serve_call_end(s, &c, 0);
    }
    arena_fini(&a);
    serve_close(s);
}

TEST(many_rows)
{
    enum { ROWS = 20000 };
    struct serve *s = open_with(0);
    struct buf b;
    struct arena a;
    buf_init(&b, MIB(8));
    arena_init(&a, MIB(64));
    buf_puts(&b, "{\"instances\":[");
    for (int i = 0; i < ROWS; i++)
        buf_printf(&b, "%s{\"age\":%d.5,\"sex\":\"%s\",\"count\":%d}", i ? "," : "", i,
                   i % 3 ? "f" : "m", i % 7);
    buf_puts(&b, "]}");
    struct serve_call c = { .name = STR("ep"), .body = buf_view(&b), .arena = &a };
    CHECK_OK(serve_call_begin(s, &c, err));
    CHECK_INT(c.rows, ROWS);
    for (int i = 0; i < ROWS; i++)
        CHECK_NEAR(c.values[0][i], 2 * (i + 0.5) + (i % 3 ? 0 : 10) + i % 7 * 100, 1e-12);
    serve_call_end(s, &c, 0);
    arena_fini(&a);
    arena_init(&a, KIB(64)); /* a request's memory has an end, and says so */
    c = (struct serve_call){ .name = STR("ep"), .body = buf_view(&b), .arena = &a };
    CHECK_INT(serve_call_begin(s, &c, NULL), ERR_LIMIT);
    serve_call_end(s, &c, 1);
    arena_fini(&a);
    buf_fini(&b);
    serve_close(s);
}

/* ---- versions change under load ---- */

static struct serve *shared;
static flag_t stop;
static counter_t answers, wrong;

static void *client(void *arg)
{
    struct arena a;
    (void)arg;
    arena_init(&a, MIB(1));
    while (!flag_is_up(&stop)) {
        struct serve_call c = { .name = STR("ep"),
                                .body =
                                    STR("{\"instances\":[{\"age\":1,\"sex\":\"m\",\"count\":0}]}"),
                                .arena = &a,
                                .started_ns = clock_mono_ns() };
        int rc = serve_call_begin(shared, &c, NULL);
        double got = rc ? NAN : c.values[0][0];
        double want = rc ? 0 : 12 + 1000 * (c.loaded->version[0] - '0');
        counter_add(&wrong, got != want);
        counter_add(&answers, 1);
        serve_call_end(shared, &c, rc != 0);
        arena_reset(&a);
    }
    arena_fini(&a);
    return NULL;
}

TEST(changing_versions_fails_nobody)
{
    pthread_t threads[3];
    CHECK_OK(serve_open(&shared, err));
    CHECK_OK(serve_publish(shared, "ep", load(1000, "1", 0), err));
    for (int i = 0; i < 3; i++)
        CHECK_OK(thread_start(&threads[i], "client", client, NULL, err));
    for (int i = 0; i < 200; i++) {
        uint64_t seen = counter_get(&answers);
        while (counter_get(&answers) == seen) /* every version answers somebody */
            (void)usleep(100);
        char version[2] = { (char)('0' + i % 8 + 1), '\0' };
        struct serve_version *v = serve_loaded(shared, "people", version, "");
        CHECK_OK(serve_publish(shared, "ep", v ? v : load(1000 * (i % 8 + 1), version, 0), err));
        if (i % 50 == 7)
            serve_remove(shared, "other");
        if (i % 50 == 3)
            CHECK_OK(
                serve_publish(shared, "other", serve_loaded(shared, "people", version, ""), err));
    }
    flag_raise(&stop);
    for (int i = 0; i < 3; i++)
        thread_join(threads[i]);
    CHECK(counter_get(&answers) > 0);
    CHECK_INT(counter_get(&wrong), 0);
    serve_close(shared);
}

TEST(a_broken_model_is_not_published)
{
    struct arena a;
    struct serve_version *v = NULL;
    struct err e = ERR_INIT;
    arena_init(&a, MIB(8));
    struct serve_spec spec = {
        .model = "m", .version = "1", .onnx = STR("not a model"), .signature = signature
    };
    CHECK(serve_version_load(&spec, &v, &e) < 0);
    spec.onnx = make_model(&a, 0, 0);
    spec.signature = "{\"inputs\":[{\"name\":\"age\",\"type\":\"double\"}]}";
    CHECK_INT(serve_version_load(&spec, &v, &e), ERR_CORRUPT);
    spec.signature = signature;
    spec.input_example = "{\"age\": \"x\", \"count\": 1}";
    CHECK_INT(serve_version_load(&spec, &v, &e), ERR_INVALID);
    CHECK(strstr(e.msg, "its own input example"));
    spec.signature = spec.input_example = NULL;
    CHECK_OK(serve_version_load(&spec, &v, err));
    CHECK_INT(v->columns[1].type, SERVE_STRING);
    CHECK_INT(v->columns[2].type, SERVE_LONG);
    serve_version_free(v);
    arena_fini(&a);
}

/* ---- counters ---- */

TEST(latency_buckets_are_in_order)
{
    int64_t last = 0;
    for (int b = 0; b < TRAFFIC_BUCKETS; b++) {
        int64_t end = traffic__bucket_end(b);
        CHECK(end > last);
        CHECK_INT(traffic__bucket(end - 1), b);
        if (b + 1 < TRAFFIC_BUCKETS)
            CHECK_INT(traffic__bucket(end), b + 1);
        last = end;
    }
    CHECK_INT(traffic__bucket(-5), 0);
    CHECK_INT(traffic__bucket(INT64_MAX), TRAFFIC_BUCKETS - 1);
}

TEST(traffic_is_counted_and_merged)
{
    struct serve *s = open_with(0);
    struct arena a;
    char got[500];
    struct serve_traffic_info *info;
    struct serve_series series;
    arena_init(&a, MIB(4));
    serve_tick(s, 100000);
    for (int i = 0; i < 10; i++)
        CHECK_OK(ask(s, "{\"instances\": [[1, \"m\", 0], [2, \"m\", 0]]}", 0, got, sizeof got));
    CHECK(ask(s, "{", 0, got, sizeof got));
    serve_tick(s, 101000);
    CHECK_INT(serve_traffic_get(s, &a, "ep", &info), 1);
    CHECK_STR(info[0].version, "1");
    CHECK_INT(info[0].requests, 11);
    CHECK_INT(info[0].errors, 1);
    CHECK_INT(info[0].rows, 20);
    CHECK_NEAR(info[0].mean_prediction, 13, 1e-12);
    CHECK_NEAR(info[0].rate, 11.0 / 60, 1e-12);
    CHECK(info[0].p50_ms > 0 && info[0].p50_ms <= info[0].p99_ms);
    CHECK_INT(serve_series_get(s, "ep", NULL, &series), 0);
    CHECK_INT(series.t_ms[59], 101000);
    CHECK_INT(series.requests[59], 11);
    CHECK_INT(series.errors[59], 1);
    CHECK_INT(series.requests[58], 0);
    CHECK(isnan(series.p99_ms[58]) && series.p99_ms[59] > 0);
    CHECK_OK(serve_publish(s, "ep", load(1, "2", 0), err));
    CHECK_OK(ask(s, "{\"instances\": [[1, \"m\", 0]]}", 0, got, sizeof got));
    serve_tick(s, 131000);
    CHECK_INT(serve_traffic_get(s, &a, "ep", &info), 2);
    CHECK_STR(info[0].version, "2");
    CHECK_INT(info[0].requests, 1);
    CHECK_INT(serve_series_get(s, "ep", NULL, &series), 0);
    CHECK_INT(series.requests[29], 11);
    CHECK_INT(series.requests[59], 1);
    CHECK_INT(serve_series_get(s, "ep", "2", &series), 0);
    CHECK_INT(series.requests[29], 0);
    CHECK_INT(series.requests[59], 1);
    serve_tick(s, 500000);
    CHECK_INT(serve_series_get(s, "ep", NULL, &series), 0);
    for (int k = 0; k < SERVE_RING; k++)
        CHECK_INT(series.requests[k], 0);
    CHECK_INT(serve_traffic_get(s, &a, "ep", &info), 2);
    CHECK_INT(info[1].requests, 11);
    CHECK_NEAR(info[1].rate, 0, 0);
    arena_fini(&a);
    serve_close(s);
}

TEST(status_names_the_problem)
{
    struct serve *s = open_with(0);
    struct serve_status st;
    CHECK_OK(serve_status_get(s, STR("people"), &st, err));
    CHECK_STR(st.endpoint, "ep");
    CHECK_STR(st.version, "1");
    serve_set_problem(s, "ep", "2", "the model file is corrupt");
    CHECK_OK(serve_status_get(s, STR("ep"), &st, err));
    CHECK_STR(st.problem, "the model file is corrupt");
    CHECK_STR(st.wanted, "2");
    CHECK_STR(st.version, "1");
    CHECK_OK(serve_publish(s, "ep", load(0, "2", 0), err));
    CHECK_OK(serve_status_get(s, STR("ep"), &st, err));
    CHECK_STR(st.problem, "");
    CHECK_STR(st.previous, "1");
    serve_set_problem(s, "new", "1", "the file is gone");
    struct arena a;
    struct err e = ERR_INIT;
    arena_init(&a, MIB(1));
    struct serve_call c = { .name = STR("new"), .arena = &a };
    CHECK_INT(serve_call_begin(s, &c, &e), ERR_UNAVAILABLE);
    serve_call_end(s, &c, 1);
    CHECK_STR(e.msg, "endpoint 'new' serves nothing yet: the file is gone");
    arena_fini(&a);
    serve_remove(s, "ep");
    CHECK_INT(serve_status_get(s, STR("ep"), &st, NULL), ERR_NOT_FOUND);
    serve_close(s);
}

TEST(ids_are_uuids_and_differ)
{
    char last[UUID_TEXT] = "", id[UUID_TEXT];
    for (int i = 0; i < 10000; i++) {
        uuid7_quick(id);
        CHECK_INT(strlen(id), 36);
        CHECK(id[14] == '7' && strchr("89ab", id[19]) && id[8] == '-' && id[23] == '-');
        CHECK(strcmp(last, id) < 0);
        memcpy(last, id, sizeof id);
    }
}
