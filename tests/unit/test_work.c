/* SPDX-License-Identifier: Apache-2.0
 * The worker on small projects: what it finds, why stages run, how failures are told. In process;
 * needs DuckDB (scripts/setup-engines), without it the tests say so and pass. */
#include "test.h"

#include "base/engine.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/rng.h"
#include "codec/hash.h"
#include "codec/json.h"
#include "monitor/reference.h"
#include "project/work.h"
#include "project/work_int.h"

struct fixture {
    struct arena a;
    char dir[300], spec[400];
    int runs;
    const char *params, *champion; /* JSON */
    int force, threads;
    int exit;
    struct json r; /* result.json */
    str_t result, progress;
};

static const char plain[] = "name: houses\n"
                            "params: { alpha: 0.5 }\n"
                            "data:\n"
                            "  rows: { csv: rows.csv, target: price, key: id }\n"
                            "stages:\n"
                            "  clean:\n"
                            "    do:\n"
                            "      - drop_duplicates: [id]\n"
                            "      - impute: { area: mean, city: unknown }\n"
                            "      - one_hot: [city]\n"
                            "      - scale: [area]\n"
                            "    expect:\n"
                            "      - unique: [id]\n"
                            "      - in_range: { area: [0, 1000] }\n"
                            "  split: { by: hash, train: 0.6, valid: 0.2, test: 0.2, seed: 3 }\n"
                            "  train: { model: ridge, alpha: \"${params.alpha}\" }\n"
                            "  check:\n"
                            "    gates:\n"
                            "      - r2 > 0.5\n"
                            "      - rmse <= (champion.rmse ?? inf) * 1.5\n";

static int have_engine(void)
{
    struct arena a;
    struct engine e;
    arena_init(&a, MIB(1));
    int found = engine_find(&a, "duckdb", &e, NULL) == 0;
    arena_fini(&a);
    if (!found)
        (void)printf("# skipped: DuckDB is not installed (scripts/setup-engines)\n");
    return found;
}

static void put_file(struct fixture *f, const char *name, const char *text)
{
    char path[600];
    (void)snprintf(path, sizeof path, "%s/%s", f->dir, name);
    CHECK_OK(fs_write_cache(path, str_of(text), err));
}

/* n rows, every tenth area missing, some without a city, the last five repeated. */
static void put_rows(struct fixture *f, int n, const char *extra)
{
    static const char *const cities[] = { "north", "south", "east", "" };
    struct rng r;
    struct buf b;
    rng_seed(&r, 5);
    buf_init(&b, MIB(64));
    buf_puts(&b, "id,area,rooms,city,price\n");
    for (int i = 0; i < n + 5; i++) {
        int k = i < n ? i : i - 5;
        rng_seed(&r, (uint64_t)k);
        double area = 50 + 100 * rng_uniform(&r), noise = rng_normal(&r);
        int rooms = k % 6, city = k % 4;
        if (k % 10)
            buf_printf(&b, "r%d,%.2f,%d,%s,%.3f\n", k, area, rooms, cities[city],
                       3 * area + 10 * rooms + 20 * city + noise);
        else
            buf_printf(&b, "r%d,,%d,%s,%.3f\n", k, rooms, cities[city],
                       300 + 10.0 * rooms + 20 * city + noise);
    }
    buf_puts(&b, extra);
    put_file(f, "rows.csv", b.p);
    buf_fini(&b);
}

static void set_up(struct fixture *f)
{
    static int number;
    CHECK(freopen("/dev/null", "w", stderr) != NULL); /* the worker tells its failures there */
    *f = (struct fixture){ .params = "{}", .champion = "null", .threads = 2 };
    arena_init(&f->a, GIB(1));
    (void)snprintf(f->dir, sizeof f->dir, "%s/project%d", test_tmpdir(), number++);
    CHECK_OK(fs_mkdirs(f->dir, err));
    put_file(f, "slipway.yaml", plain);
    put_rows(f, 400, "");
}

static void put_spec(struct fixture *f, const char *run_dir)
{
    struct buf b;
    struct json_out o;
    str_t config;
    CHECK_OK(fs_read(&f->a, fs_join(&f->a, f->dir, "slipway.yaml"), MIB(1), &config, err));
    buf_init(&b, MIB(2));
    json_out_init(&o, &b);
    jo_object(&o);
    jo_kv_cstr(&o, "run_id", "0123456789abcdef0123456789abcdef");
    jo_kv_cstr(&o, "project_dir", f->dir);
    jo_kv_cstr(&o, "dir", run_dir);
    jo_kv_cstr(&o, "cache_dir", fs_join(&f->a, f->dir, "cache"));
    jo_kv_str(&o, "config", config);
    jo_kv_raw(&o, "params", str_of(f->params));
    jo_kv_raw(&o, "champion", str_of(f->champion));
    jo_kv_bool(&o, "force", f->force);
    jo_kv_int(&o, "seed", 1);
    jo_kv_int(&o, "threads", f->threads);
    jo_object_end(&o);
    (void)snprintf(f->spec, sizeof f->spec, "%s/spec.json", run_dir);
    CHECK_OK(fs_write_cache(f->spec, buf_view(&b), err));
    buf_fini(&b);
}

/* Runs; after a good run the lock is kept, as the run's owner does. */
static void run(struct fixture *f)
{
    char role[] = "_work";
    char *run_dir = arena_printf(&f->a, "%s/run%d", f->dir, f->runs++);
    CHECK_OK(fs_mkdirs(run_dir, err));
    put_spec(f, run_dir);
    char *argv[] = { role, f->spec, NULL };
    f->exit = work_main(2, argv);
    CHECK_OK(fs_read(&f->a, fs_join(&f->a, run_dir, "result.json"), MIB(64), &f->result, err));
    CHECK_OK(json_parse(&f->a, f->result, NULL, &f->r, err));
    CHECK_OK(fs_read(&f->a, fs_join(&f->a, run_dir, "progress.jsonl"), MIB(1), &f->progress, err));
    const char *lock = json_get_string(&f->r, "lock", NULL);
    if (lock)
        put_file(f, "slipway.lock", lock);
}

static const char *text_at(const struct fixture *f, const char *path)
{
    const struct json *v = json_path(&f->r, path);
    return v && v->type == JSON_STRING ? v->string.p : "(none)";
}

static double number_at(const struct fixture *f, const char *path)
{
    const struct json *v = json_path(&f->r, path);
    return v ? json_as_double(v, NAN) : NAN;
}

/* "rows success first run, clean skipped nothing changed, …" */
static const char *story(struct fixture *f)
{
    const struct json *stages = json_get(&f->r, "stages");
    struct buf b;
    buf_init(&b, KIB(16));
    for (size_t i = 0; i < stages->n; i++)
        buf_printf(&b, "%s%s %s: %s", i ? ", " : "",
                   json_get_string(&stages->items[i], "name", "?"),
                   json_get_string(&stages->items[i], "state", "?"),
                   json_get_string(&stages->items[i], "why", "?"));
    const char *text = arena_strdup(&f->a, b.p);
    buf_fini(&b);
    return text;
}

#define CHECK_FINISHED(f)                                                                          \
    do {                                                                                           \
        if ((f)->exit)                                                                             \
            TEST_FAIL("exit %d: %s", (f)->exit, text_at((f), "error.message"));                    \
    } while (0)

TEST(work_finishes)
{
    struct fixture f;
    if (!have_engine())
        return;
    set_up(&f);
    run(&f);
    CHECK_FINISHED(&f);
    CHECK_STR(text_at(&f, "state"), "finished");
    CHECK_INT(number_at(&f, "dataset.rows"), 405);
    CHECK_INT(number_at(&f, "split.train") + number_at(&f, "split.valid") +
                  number_at(&f, "split.test"),
              400);
    CHECK(number_at(&f, "metrics.test.r2.value") > 0.9);
    CHECK(number_at(&f, "metrics.test.rmse.low") < number_at(&f, "metrics.test.rmse.value"));
    CHECK(number_at(&f, "metrics.baseline.rmse.value") >
          10 * number_at(&f, "metrics.test.rmse.value") / 4);
    CHECK_STR(text_at(&f, "model.signature.outputs") /* an array */, "(none)");
    CHECK_INT(json_path(&f.r, "model.signature.inputs")->n, 3);
    CHECK_INT(json_get(&f.r, "gates")->n, 2);
    CHECK_STR(story(&f), "rows success: first run, clean success: first run, split success: first "
                         "run, train success: first run, check success: first run");
    char hex[SHA256_HEX];
    CHECK_OK(sha256_file(fs_join(&f.a, f.dir, "run0/output/model/model.onnx"), hex, NULL, err));
    CHECK_STR(text_at(&f, "model.digest"), hex);
    CHECK(fs_exists(fs_join(&f.a, f.dir, "run0/output/model/MLmodel")));
    CHECK(fs_exists(fs_join(&f.a, f.dir, "run0/output/model/input_example.json")));
    CHECK(str_find(f.progress, "\"stage\":\"train\",\"state\":\"success\"") != SIZE_MAX);
    arena_fini(&f.a);
}

static struct monitor_reference *reference_of(struct fixture *f, const char *run, str_t *out_text)
{
    struct monitor_reference *ref;
    char *path = fs_join(&f->a, f->dir, arena_printf(&f->a, "%s/output/model/monitor.json", run));
    CHECK_OK(fs_read(&f->a, path, MIB(1), out_text, err));
    CHECK_OK(monitor_reference_read(&f->a, *out_text, &ref, err));
    return ref;
}

TEST(work_describes_what_it_learned_from)
{
    struct fixture f;
    str_t text, again;
    if (!have_engine())
        return;
    set_up(&f);
    run(&f);
    CHECK_FINISHED(&f);
    struct monitor_reference *ref = reference_of(&f, "run0", &text);
    CHECK_INT(ref->rows, number_at(&f, "split.train"));
    CHECK_INT(ref->test_rows, number_at(&f, "split.test"));
    CHECK_INT(ref->n, 4);
    const struct monitor_feature *area = monitor_reference_find(ref, STR("area"), 0);
    const struct monitor_feature *city = monitor_reference_find(ref, STR("city"), 0);
    CHECK(area && city && ref->features[3].output);
    /* Raw columns of the training part: missing values are still missing, texts are names. */
    CHECK(area->rows == ref->rows && area->missing > 0 && area->missing < ref->rows / 4);
    CHECK(area->min >= 50 && area->max <= 150);
    CHECK(city->kind == MONITOR_CATEGORY && city->n_names == 3 && city->missing > 0);
    CHECK(ref->features[3].rows == ref->test_rows && ref->features[3].mean > 100);
    CHECK(ref->performance.n == ref->test_rows);
    CHECK_NEAR(ref->performance.rmse, number_at(&f, "metrics.test.rmse.value"), 1e-15);
    CHECK_NEAR(ref->performance.rmse_low, number_at(&f, "metrics.test.rmse.low"), 1e-15);
    CHECK(ref->performance.sd_abs_error > 0);
    /* From the cache, and made again with another number of threads: the same bytes. */
    run(&f);
    reference_of(&f, "run1", &again);
    CHECK(str_eq(text, again));
    f.force = 1;
    f.threads = 1;
    run(&f);
    reference_of(&f, "run2", &again);
    CHECK(str_eq(text, again));
    arena_fini(&f.a);
}

TEST(work_same_inputs_same_model)
{
    struct fixture one, two;
    if (!have_engine())
        return;
    set_up(&one);
    set_up(&two);
    put_rows(&one, 50000, "");
    put_rows(&two, 50000, "");
    one.threads = 1;
    two.threads = 3;
    run(&one);
    run(&two);
    CHECK_FINISHED(&one);
    CHECK_STR(text_at(&one, "model.digest"), text_at(&two, "model.digest"));
    CHECK_STR(text_at(&one, "dataset.digest"), text_at(&two, "dataset.digest"));
    CHECK_STR(text_at(&one, "split.digests.test"), text_at(&two, "split.digests.test"));
    CHECK(number_at(&one, "metrics.test.rmse.high") == number_at(&two, "metrics.test.rmse.high"));
    char *first = arena_strdup(&two.a, text_at(&two, "model.digest"));
    two.force = 1; /* again in the same folder */
    run(&two);
    CHECK_STR(text_at(&two, "model.digest"), first);
    arena_fini(&one.a);
    arena_fini(&two.a);
}

TEST(work_says_why)
{
    struct fixture f;
    if (!have_engine())
        return;
    set_up(&f);
    run(&f);
    char *digest = arena_strdup(&f.a, text_at(&f, "model.digest")), *rmse;
    double value = number_at(&f, "metrics.test.rmse.value");
    run(&f);
    CHECK_FINISHED(&f);
    CHECK_STR(story(&f), "rows skipped: nothing changed, clean skipped: nothing changed, split "
                         "skipped: nothing changed, "
                         "train skipped: nothing changed, check success: checked on every run");
    CHECK_STR(text_at(&f, "model.digest"), digest);
    CHECK(number_at(&f, "metrics.test.rmse.value") == value);
    CHECK_INT(json_path(&f.r, "dataset.columns")->n, 5);
    CHECK_INT(number_at(&f, "split.train") + number_at(&f, "split.valid") +
                  number_at(&f, "split.test"),
              400);
    f.params = "{\"alpha\":\"2\"}";
    run(&f);
    CHECK_STR(story(&f), "rows skipped: nothing changed, clean skipped: nothing changed, split "
                         "skipped: nothing changed, "
                         "train success: params.alpha 0.5 → 2, check success: train changed");
    CHECK(strcmp(text_at(&f, "model.digest"), digest) != 0);
    f.params = "{}"; /* back: the old model is still there */
    run(&f);
    CHECK(strstr(story(&f),
                 "train skipped: params.alpha 2 → 0.5, but the result is in the cache") != NULL);
    CHECK_STR(text_at(&f, "model.digest"), digest);
    put_rows(&f, 400, "r999,80,3,north,275\n");
    run(&f);
    CHECK(strstr(story(&f), "rows success: rows.csv changed, clean success: ") != NULL);
    CHECK(strcmp(text_at(&f, "model.digest"), digest) != 0);
    put_rows(&f, 400, "");
    CHECK_OK(fs_remove_tree(fs_join(&f.a, f.dir, "cache"), err));
    run(&f);
    CHECK_FINISHED(&f);
    CHECK_STR(text_at(&f, "model.digest"), digest);
    CHECK_OK(fs_remove_tree(fs_join(&f.a, f.dir, "cache"), err));
    run(&f);
    CHECK(strstr(story(&f), "train success: its cached result is gone") != NULL);
    f.force = 1;
    run(&f);
    CHECK(strstr(story(&f), "rows success: forced, clean success: forced") != NULL);
    (void)rmse;
    arena_fini(&f.a);
}

/* Every cached file with one byte changed: the run finds it and makes the same model again. */
TEST(work_survives_a_damaged_cache)
{
    struct fixture f;
    const char **entries, **files;
    size_t entry_n, file_n, damaged = 0;
    if (!have_engine())
        return;
    set_up(&f);
    run(&f);
    char *digest = arena_strdup(&f.a, text_at(&f, "model.digest"));
    char *cache = fs_join(&f.a, f.dir, "cache");
    CHECK_OK(fs_list(&f.a, cache, &entries, &entry_n, err));
    for (size_t i = 0; i < entry_n; i++) {
        char *entry = fs_join(&f.a, cache, entries[i]);
        CHECK_OK(fs_list(&f.a, entry, &files, &file_n, err));
        for (size_t k = 0; k < file_n; k++) {
            str_t bytes;
            char *path = fs_join(&f.a, entry, files[k]);
            CHECK_OK(fs_read(&f.a, path, MIB(64), &bytes, err));
            char *copy = arena_strndup(&f.a, bytes.p, bytes.n);
            copy[bytes.n * 2 / 3] ^= 1;
            CHECK_OK(fs_write_cache(path, (str_t){ copy, bytes.n }, err));
            damaged++;
        }
    }
    CHECK(damaged >= 6);
    f.params = "{\"alpha\":\"0.5\"}";
    run(&f);
    CHECK_FINISHED(&f);
    CHECK_STR(text_at(&f, "model.digest"), digest);
    arena_fini(&f.a);
}

TEST(work_learns_from_training_rows_only)
{
    struct fixture f, other;
    if (!have_engine())
        return;
    set_up(&f);
    run(&f);
    CHECK_FINISHED(&f);
    set_up(&other); /* the same but for values that stand in the test part alone */
    str_t text;
    CHECK_OK(fs_read(&f.a, fs_join(&f.a, other.dir, "rows.csv"), MIB(1), &text, err));
    static const char split_first[] =
        "name: houses\n"
        "data: { rows: { csv: rows.csv, target: price, key: id } }\n"
        "stages:\n"
        "  split: { by: hash, train: 0.6, valid: 0.2, test: 0.2, seed: 3 }\n"
        "  clean:\n"
        "    do:\n"
        "      - scale: [area]\n"
        "      - one_hot: [city]\n"
        "      - impute: { area: 0 }\n"
        "      - drop_duplicates: [id]\n"
        "  train: { model: ridge, alpha: 0.5 }\n";
    put_file(&other, "slipway.yaml", split_first);
    run(&other);
    CHECK_FINISHED(&other);
    /* scaling first and filling with the mean (0) is the same as filling with the mean and scaling
     * by the spread of the values present, up to that spread; the parts are the same whatever the
     * order. */
    CHECK_STR(text_at(&other, "split.digests.train"), text_at(&f, "split.digests.train"));
    CHECK_NEAR(number_at(&other, "metrics.test.rmse.value"),
               number_at(&f, "metrics.test.rmse.value"), 0.02);
    arena_fini(&f.a);
    arena_fini(&other.a);
}

TEST(work_clips_the_target_in_training_only)
{
    struct fixture f;
    if (!have_engine())
        return;
    set_up(&f);
    put_file(&f, "slipway.yaml",
             "name: houses\n"
             "data: { rows: { csv: rows.csv, target: price, key: id } }\n"
             "stages:\n"
             "  clean:\n"
             "    do:\n"
             "      - clip: { price: [100, 100] }\n"
             "  train: { model: linear_regression, features: [rooms] }\n");
    run(&f);
    CHECK_FINISHED(&f);
    CHECK_NEAR(number_at(&f, "model.fit.r2"), 1, 1e-12);   /* a constant target, fitted */
    CHECK(number_at(&f, "metrics.test.bias.value") < -50); /* judged by the truth */
    CHECK_STR(story(&f), "rows success: first run, clean success: first run, split success: first "
                         "run, train success: first run");
    arena_fini(&f.a);
}

/* Read once and cached: a wrong column is told as well as on the first run. */
TEST(work_checks_columns_of_cached_data)
{
    struct fixture f;
    if (!have_engine())
        return;
    set_up(&f);
    run(&f);
    char *text = arena_strdup(&f.a, plain), *at = strstr(text, "one_hot: [city]");
    CHECK(at != NULL);
    memcpy(at, "one_hot: [ctiy]", 15);
    put_file(&f, "slipway.yaml", text);
    run(&f);
    CHECK(strstr(story(&f), "rows skipped: nothing changed") != NULL);
    CHECK_STR(text_at(&f, "error.code"), "INVALID");
    CHECK_INT(number_at(&f, "error.line"), 10);
    CHECK(strstr(text_at(&f, "error.message"), "did you mean `city`?") != NULL);
    arena_fini(&f.a);
}

TEST(work_gates_refuse)
{
    struct fixture f;
    if (!have_engine())
        return;
    set_up(&f);
    char *text = arena_printf(&f.a, "%s      - mae < 0.001\n      - r2 > 0.999999\n", plain);
    put_file(&f, "slipway.yaml", text);
    run(&f);
    CHECK_INT(f.exit, 1);
    CHECK_STR(text_at(&f, "state"), "refused");
    CHECK_STR(text_at(&f, "error.stage"), "check");
    CHECK_INT(number_at(&f, "error.line"), 21);
    CHECK(strstr(text_at(&f, "error.message"), "refused by check: mae ") != NULL);
    CHECK(strstr(text_at(&f, "error.message"), "; r2 ") != NULL);
    CHECK_INT(json_get(&f.r, "gates")->n, 4);
    CHECK(json_get(&f.r, "lock") == NULL);
    CHECK(fs_exists(fs_join(&f.a, f.dir, "run0/output/model/model.onnx"))); /* evidence stays */
    arena_fini(&f.a);
}

TEST(work_compares_with_the_champion)
{
    struct fixture f;
    if (!have_engine())
        return;
    set_up(&f);
    run(&f);
    f.champion = arena_printf(
        &f.a,
        "{\"version\":\"7\",\"model\":\"houses\",\"onnx\":\"%s/run0/output/model/model.onnx\"}",
        f.dir);
    run(&f);
    CHECK_FINISHED(&f);
    CHECK_STR(text_at(&f, "comparison.champion_version"), "7");
    CHECK(number_at(&f, "comparison.difference.value") == 0);
    CHECK(number_at(&f, "metrics.champion.rmse.value") == number_at(&f, "metrics.test.rmse.value"));
    CHECK(strstr(story(&f), "train skipped: nothing changed, check success: champion changed") !=
          NULL);
    char *text = arena_strdup(&f.a, plain), *at = strstr(text, "area: [0, 1000]");
    CHECK(at != NULL);
    put_file(&f, "rows.csv",
             "id,surface,rooms,city,price\n1,2,3,north,4\n2,3,4,south,5\n3,1,5,north,2\n4,5,6,"
             "south,9\n5,9,1,north,3\n6,7,7,south,2\n7,7,7,south,2\n8,7,7,south,2\n");
    put_file(&f, "slipway.yaml",
             "name: houses\n"
             "data: { rows: { csv: rows.csv, target: price, key: id } }\n"
             "stages:\n"
             "  split: { by: time, time: rooms, train: 0.5, test: 0.5 }\n"
             "  train: { model: ridge, features: [surface] }\n");
    f.force = 1; /* another form of file */
    run(&f);
    CHECK_FINISHED(&f);
    const struct json *warnings = json_path(&f.r, "dataset.warnings");
    int found = 0;
    for (size_t i = 0; i < warnings->n; i++)
        found |=
            strstr(warnings->items[i].string.p,
                   "the champion (version 7) cannot be compared: it needs a column 'area'") != NULL;
    CHECK(found);
    CHECK(number_at(&f, "metrics.test.n.value") > 0);
    arena_fini(&f.a);
}

struct failing {
    const char *from, *to; /* in slipway.yaml; NULL = leave */
    const char *rows;      /* rows.csv; NULL = the good one; "-" = none */
    int exit;
    const char *stage;
    int line;            /* 0 = not looked at */
    const char *message; /* part of it */
};

TEST(work_tells_failures)
{
    static const struct failing cases[] = {
        { "model: ridge", "model: rigde", NULL, 2, "(none)", 16, "did you mean `ridge`?" },
        { "target: price", "target: prize", NULL, 2, "rows", 4, "price" },
        { "scale: [area]", "scale: [aera]", NULL, 2, "rows", 11, "aera" },
        { "area: [0, 1000]", "area: [0, 100]", NULL, 1, "clean", 14, "in_range area [0, 100]: " },
        { "unique: [id]", "unique: [city]", NULL, 1, "clean", 13, "unique city: " },
        { NULL, NULL, "-", 1, "rows", 4, "data file 'rows.csv' does not exist" },
        { NULL, NULL, "", 1, "rows", 4, "'rows.csv' is empty" },
        { NULL, NULL, "id,area,rooms,city,price\n1,2,3,north\n", 1, "rows", 4,
          "rows.csv:2: this line has 4 fields" },
        { NULL, NULL, "id,area,rooms,city,price\n1,2,3,north,4\n2,1,1,south,1\n", 1, "split", 15,
          "" },
        { NULL, NULL, "id,area,rooms,city,price\n1,2,3,north,cheap\n2,1,1,south,dear\n", 2, "rows",
          0, "price" },
        { "      - one_hot: [city]\n", "", NULL, 2, "rows", 0, "city" },
        { "impute: { area: mean, city: unknown }", "impute: { city: unknown }", NULL, 1, "train",
          16, "column 'area' is missing in 40 of 400 rows" },
        { "by: hash", "by: time", NULL, 2, "(none)", 0, "time" },
        { "scale: [area]", "derive: { x: \"price * 2\" }", NULL, 2, "rows", 11, "is the target" },
    };
    if (!have_engine())
        return;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fixture f;
        const struct failing *c = &cases[i];
        set_up(&f);
        if (c->from) {
            const char *at = strstr(plain, c->from);
            CHECK(at != NULL);
            put_file(&f, "slipway.yaml",
                     arena_printf(&f.a, "%.*s%s%s", (int)(at - plain), plain, c->to,
                                  at + strlen(c->from)));
        }
        if (c->rows && strcmp(c->rows, "-") == 0)
            CHECK_OK(fs_remove(fs_join(&f.a, f.dir, "rows.csv"), err));
        else if (c->rows)
            put_file(&f, "rows.csv", c->rows);
        run(&f);
        const char *message = text_at(&f, "error.message");
        if (f.exit != c->exit || strcmp(text_at(&f, "state"), "failed") != 0 ||
            !strstr(message, c->message) || strcmp(text_at(&f, "error.stage"), c->stage) != 0 ||
            (c->line && (int)number_at(&f, "error.line") != c->line))
            TEST_FAIL("case %zu: exit %d, state %s, stage %s, line %g: %s", i, f.exit,
                      text_at(&f, "state"), text_at(&f, "error.stage"), number_at(&f, "error.line"),
                      message);
        arena_fini(&f.a);
    }
}

TEST(work_plans_without_running)
{
    struct fixture f;
    struct buf b;
    struct json_out o;
    str_t config;
    if (!have_engine())
        return;
    set_up(&f);
    CHECK_OK(fs_read(&f.a, fs_join(&f.a, f.dir, "slipway.yaml"), MIB(1), &config, err));
    struct work_plan_request rq = { .project_dir = f.dir,
                                    .cache_dir = fs_join(&f.a, f.dir, "cache"),
                                    .config = config,
                                    .config_path = "slipway.yaml",
                                    .seed = 1 };
    buf_init(&b, KIB(64));
    json_out_init(&o, &b);
    CHECK_OK(work_plan(&rq, &o, err));
    CHECK(
        strstr(b.p,
               "{\"name\":\"train\",\"kind\":\"model\",\"will\":\"run\",\"why\":\"first run\"}") !=
        NULL);
    run(&f);
    CHECK_FINISHED(&f);
    buf_clear(&b);
    json_out_init(&o, &b);
    CHECK_OK(work_plan(&rq, &o, err));
    CHECK(strstr(b.p, "{\"name\":\"train\",\"kind\":\"model\",\"will\":\"skip\",\"why\":\"nothing "
                      "changed\"}") != NULL);
    buf_fini(&b);
    arena_fini(&f.a);
}

TEST(work_cache_is_trimmed_oldest_first)
{
    struct fixture f;
    const char **left;
    size_t n;
    static const char *const names[] = { "a", "b", "c", "d" };
    set_up(&f);
    struct work w = { .a = &f.a, .cache_dir = fs_join(&f.a, f.dir, "cache"), .data_key = "b" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        work_cache_put(&w, names[i], "x", STR("0123456789"));
    work_cache_trim(&w, MIB(1), 4);
    CHECK_OK(fs_list(&f.a, w.cache_dir, &left, &n, err));
    CHECK_INT(n, 4);
    work_cache_trim(&w, MIB(1), 2); /* a is the oldest, b is in use */
    CHECK_OK(fs_list(&f.a, w.cache_dir, &left, &n, err));
    CHECK_INT(n, 2);
    CHECK_STR(left[0], "b");
    CHECK_STR(left[1], "d");
    work_cache_trim(&w, 10, 4);
    CHECK_OK(fs_list(&f.a, w.cache_dir, &left, &n, err));
    CHECK_INT(n, 1);
    arena_fini(&f.a);
}
