/* SPDX-License-Identifier: Apache-2.0
 * Models, versions, what a run's result becomes, comparison, lineage. */
#include "store_test.h"

#include "base/fs.h"
#include "base/limits.h"
#include "govern/lineage.h"
#include "registry/compare.h"
#include "registry/record.h"
#include "track/dataset.h"
#include "track/metric.h"

static const struct cause by = { .actor = "user:ann" };

static int64_t event_count(struct tx *tx, struct arena *a, const char *kind)
{
    struct event *list;
    size_t n;
    struct event_query q = { .kind_prefix = kind, .limit = 1000 };
    CHECK_INT(event_list(tx, a, &q, &list, &n, NULL), 0);
    return (int64_t)n;
}

static int64_t new_version(struct tx *tx, const char *model)
{
    struct version_new v = { .model = model, .row = { .digest = NULL, .gates_passed = -1 } };
    int64_t number = 0;
    CHECK_INT(version_create(tx, &by, &v, &number, NULL), 0);
    return number;
}

static int models(struct tx *tx, void *arg, struct err *err)
{
    struct arena *a = arg;
    char id[UUID_TEXT], again[UUID_TEXT];
    struct model m, *list;
    struct track_pair *tags;
    size_t n;
    CHECK_INT(model_get(tx, a, "default", "diabetes", &m, err), ERR_NOT_FOUND);
    MUST(model_create(tx, &by, "diabetes", "of 442 people", id, err));
    CHECK_INT(model_create(tx, &by, "diabetes", NULL, again, err), ERR_EXISTS);
    CHECK_STR(err->msg, "Registered Model (name=diabetes) already exists.");
    MUST(model_ensure(tx, &by, "diabetes", again, err));
    CHECK_STR(again, id);
    static const char *const bad[] = { "", "a/b", "a:b", "..", "a\nb", "\xff" };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        CHECK_INT(model_create(tx, &by, bad[i], NULL, again, err), ERR_INVALID);
    CHECK_INT(model_get(tx, a, "default", "diabets", &m, err), ERR_NOT_FOUND);
    CHECK(strstr(err->msg, "did you mean 'diabetes'?"));
    MUST(model_describe(tx, &by, "diabetes", "new words", err));
    MUST(model_tag_set(tx, &by, "diabetes", &(struct track_pair){ "team", "blue" }, err));
    MUST(model_tags(tx, a, id, &tags, &n, err));
    CHECK_INT(n, 1);
    MUST(model_tag_delete(tx, &by, "diabetes", "team", err));
    MUST(model_rename(tx, &by, "diabetes", "sugar", err));
    MUST(model_get(tx, a, "default", "sugar", &m, err));
    CHECK_STR(m.id, id);
    CHECK_STR(m.description, "new words");
    CHECK_INT(new_version(tx, "sugar"), 1);
    MUST(model_alias_set(tx, &by, "sugar", "champion", 1, err));
    MUST(model_delete(tx, &by, "sugar", err));
    MUST(model_list(tx, a, "default", &list, &n, err));
    CHECK_INT(n, 0);
    CHECK_INT(event_count(tx, a, "model."), 7);
    return 0;
}

TEST(registry_models)
{
    in_write(models);
}

static int versions(struct tx *tx, void *arg, struct err *err)
{
    struct arena *a = arg;
    struct version v, *list;
    struct model m;
    struct model_alias *aliases;
    const char **names;
    size_t n;
    for (int i = 1; i <= 3; i++)
        CHECK_INT(new_version(tx, "m"), i);
    MUST(model_get(tx, a, "default", "m", &m, err));
    CHECK_INT(m.latest_version, 3);
    MUST(model_alias_set(tx, &by, "m", "champion", 3, err));
    MUST(model_alias_set(tx, &by, "m", "champion", 3, err)); /* no event: nothing changed */
    MUST(version_resolve(tx, a, "default", "m", "@champion", &v, err));
    CHECK_INT(v.number, 3);
    MUST(version_delete(tx, &by, &v, err));
    CHECK_INT(version_resolve(tx, a, "default", "m", "@champion", &v, err), ERR_NOT_FOUND);
    CHECK_INT(version_resolve(tx, a, "default", "m", "3", &v, err), ERR_NOT_FOUND);
    CHECK(strstr(err->msg, "its newest is 2"));
    CHECK_INT(new_version(tx, "m"), 4); /* deleted numbers are not given again */
    MUST(version_resolve(tx, a, "default", "m", "latest", &v, err));
    CHECK_INT(v.number, 4);
    MUST(version_resolve(tx, a, "default", "m", "v2", &v, err));
    CHECK_INT(version_resolve(tx, a, "default", "m", "two", &v, err), ERR_INVALID);
    CHECK_INT(version_resolve(tx, a, "default", "n", "latest", &v, err), ERR_NOT_FOUND);
    MUST(version_list(tx, a, "default", "m", &list, &n, err));
    CHECK_INT(n, 3);
    CHECK_INT(list[0].number, 4);

    static const char *const bad[] = { "latest", "v3", "a b", "" };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        CHECK_INT(model_alias_set(tx, &by, "m", bad[i], 2, err), ERR_INVALID);
    CHECK_INT(model_alias_set(tx, &by, "m", "x", 3, err), ERR_NOT_FOUND);
    MUST(model_alias_set(tx, &by, "m", "blue", 2, err));
    MUST(model_alias_set(tx, &by, "m", "green", 2, err));
    MUST(version_aliases(tx, a, &v, &names, &n, err));
    CHECK_INT(n, 2);
    CHECK_INT(version_resolve(tx, a, "default", "m", "@bleu", &v, err), ERR_NOT_FOUND);
    CHECK(strstr(err->msg, "did you mean 'blue'?"));
    MUST(model_alias_delete(tx, &by, "m", "blue", err));
    MUST(model_alias_delete(tx, &by, "m", "blue", err));
    MUST(model_aliases(tx, a, m.id, &aliases, &n, err));
    CHECK_INT(n, 1);

    MUST(version_stage_set(tx, &by, &list[0], "production", 0, err));
    MUST(version_stage_set(tx, &by, &list[1], "PRODUCTION", 1, err));
    MUST(version_get(tx, a, "default", "m", 4, &v, err));
    CHECK_STR(v.stage, "Archived");
    CHECK_INT(event_count(tx, a, "model_version.stage_set"), 3); /* the archived one too */
    CHECK_INT(version_stage_set(tx, &by, &v, "Live", 0, err), ERR_INVALID);
    CHECK_INT(version_stage_set(tx, &by, &v, "None", 1, err), ERR_INVALID);
    CHECK_INT(event_count(tx, a, "model_version.created"), 4);
    CHECK_INT(event_count(tx, a, "model.alias_set"), 3);
    return 0;
}

TEST(registry_versions)
{
    in_write(versions);
}

/* ---- a result becomes a version ---- */

#define DIGEST(c) c c c c c c c c c c c c c c c c
static const char result_text[] =
    "{\"state\":\"finished\",\"error\":null,\"stages\":[{\"name\":\"fit\",\"kind\":\"model\","
    "\"state\":\"success\"}],"
    "\"dataset\":{\"name\":\"diabetes\",\"digest\":\"" DIGEST(
        "dddd") "\",\"rows\":442,\"target\":\"y\","
                "\"columns\":[{\"name\":\"age\",\"type\":\"number\"}]},"
                "\"split\":{\"by\":\"hash\",\"seed\":1,\"train\":300,\"valid\":60,\"test\":82,"
                "\"digests\":{\"train\":\"aa\",\"test\":\"bb\"}},"
                "\"model\":{\"dir\":\"output/model\",\"digest\":\"" DIGEST(
                    "beef") "\",\"bytes\":900,\"family\":\"ridge\",\"name\":\"diabetes\","
                            "\"signature\":{\"inputs\":[{\"name\":\"age\",\"type\":\"double\"}],"
                            "\"outputs\":[]},"
                            "\"coefficients\":[{\"name\":\"(intercept)\",\"estimate\":152.5},{"
                            "\"name\":\"age\",\"estimate\":-1.25}],"
                            "\"input_example\":{\"age\":59.0}},"
                            "\"metrics\":{\"test\":{\"rmse\":{\"value\":54.1,\"low\":50.0,\"high\":"
                            "58.0},\"r2\":{\"value\":0.5}},\"train\":{\"rmse\":{\"value\":52.0}}},"
                            "\"comparison\":null,\"gates\":[{\"expr\":\"rmse <= "
                            "60\",\"passed\":true,\"message\":\"rmse 54.1 ≤ 60\"}],"
                            "\"params\":{\"alpha\":\"0.5\"},\"seed\":7,\"environment\":{"
                            "\"slipway\":\"0.1.0\"},\"lock\":\"x\"}";

static struct json *parsed(struct arena *a, const char *text)
{
    struct json *v = ARENA_NEW(a, struct json);
    struct err e = ERR_INIT;
    if (json_parse(a, str_of(text), NULL, v, &e) != 0)
        TEST_FAIL("%s", e.msg);
    return v;
}

static int record_run(struct tx *tx, void *arg, struct err *err)
{
    struct arena *a = arg;
    char run_id[HEX32_TEXT], data_id[UUID_TEXT];
    int64_t number, again;
    struct version v, *list;
    struct fact *facts;
    const char *text;
    size_t n;
    struct dataset d = { .name = "diabetes",
                         .digest = DIGEST("dddd"),
                         .rows = 442,
                         .columns_n = -1,
                         .files_n = -1,
                         .bytes = -1 };
    MUST(run_create(tx, &by, &(struct run_new){ .name = "first" }, run_id, err));
    MUST(dataset_put(tx, &by, &d, data_id, err));
    MUST(run_input_add(tx, run_id, data_id, "training", err));
    struct record r = { .run_id = run_id,
                        .result = parsed(a, result_text),
                        .files_bytes = 1234,
                        .files_digest = DIGEST("f11e"),
                        .code_json = "{\"commit\":\"abc\"}" };
    MUST(registry_record(tx, a, &by, &r, &number, err));
    CHECK_INT(number, 1);
    MUST(registry_record(tx, a, &by, &r, &again, err)); /* a second time changes nothing */
    CHECK_INT(again, 1);
    MUST(version_get(tx, a, "default", "diabetes", 1, &v, err));
    CHECK_STR(v.run_id, run_id);
    CHECK_STR(v.digest, DIGEST("beef"));
    CHECK_STR(v.family, "ridge");
    CHECK(v.has_seed && v.seed == 7 && v.gates_passed == 1 && v.bytes == 1234);
    CHECK_STR(v.dataset_digest, d.digest);
    MUST(version_section(tx, a, &v, "input_example", &text, err));
    CHECK_STR(text, "{\"age\":59.0}");
    MUST(version_section(tx, a, &v, "comparison", &text, err));
    CHECK(!text);
    MUST(version_section(tx, a, &v, "code", &text, err));
    CHECK_STR(text, "{\"commit\":\"abc\"}");
    MUST(fact_list(tx, a, v.digest, NULL, &facts, &n, err));
    CHECK_INT(n, 2);
    MUST(fact_list(tx, a, v.digest, "gate.rmse <= 60", &facts, &n, err));
    CHECK_INT(n, 1);
    CHECK(strstr(facts[0].producer, run_id));
    MUST(version_list_of_run(tx, a, run_id, &list, &n, err));
    CHECK_INT(n, 1);
    MUST(version_list_of_dataset(tx, a, "default", d.digest, &list, &n, err));
    CHECK_INT(n, 1);

    struct lineage l;
    struct buf b;
    struct json_out o;
    buf_init(&b, 10000);
    json_out_init(&o, &b);
    MUST(lineage_of_version(tx, a, &v, &l, err));
    lineage_add_endpoint(a, &l, &v, "diabetes");
    CHECK_INT(l.node_n, 4);
    CHECK_INT(l.edge_n, 3);
    lineage_print(&o, &l);
    CHECK(strstr(b.p, "[\"model/diabetes:1\",\"endpoint/diabetes\"]"));
    CHECK(strstr(b.p, "\"href\":\"/models/diabetes/1\""));
    buf_fini(&b);
    return 0;
}

TEST(registry_record_is_idempotent)
{
    in_write(record_run);
}

static int record_refused(struct tx *tx, void *arg, struct err *err)
{
    struct arena *a = arg;
    char run_id[HEX32_TEXT];
    int64_t number = -1;
    struct fact *facts;
    struct model m;
    size_t n;
    MUST(run_create(tx, &by, &(struct run_new){ 0 }, run_id, err));
    char *text = arena_strdup(a, result_text);
    memcpy(strstr(text, "finished\""), "refused\" ", 9);
    struct record r = { .run_id = run_id, .result = parsed(a, text) };
    MUST(registry_record(tx, a, &by, &r, &number, err));
    CHECK_INT(number, 0);
    CHECK_INT(model_get(tx, a, "default", "diabetes", &m, err), ERR_NOT_FOUND);
    MUST(fact_list(tx, a, DIGEST("beef"), NULL, &facts, &n, err)); /* the evidence stays */
    CHECK_INT(n, 2);
    r.result = parsed(a, "{\"state\":\"failed\"}");
    MUST(registry_record(tx, a, &by, &r, &number, err));
    r.result = parsed(a, "{\"state\":\"finished\",\"model\":{\"name\":\"x\"}}");
    CHECK_INT(registry_record(tx, a, &by, &r, &number, err), ERR_INVALID);
    r.result = parsed(a, "{\"state\":\"finished\",\"model\":null}");
    MUST(registry_record(tx, a, &by, &r, &number, err));
    CHECK_INT(number, 0);
    return 0;
}

TEST(registry_record_of_refused_and_failed)
{
    in_write(record_refused);
}

/* ---- comparison ---- */

static const struct compare_row *row_of(const struct comparison *c, const char *section,
                                        const char *key)
{
    for (size_t i = 0; i < c->section_n; i++)
        for (size_t k = 0; k < c->sections[i].n && strcmp(c->sections[i].name, section) == 0; k++)
            if (strcmp(c->sections[i].rows[k].key, key) == 0)
                return &c->sections[i].rows[k];
    TEST_FAIL("no row %s in section %s", key, section);
}

static int compares(struct tx *tx, void *arg, struct err *err)
{
    struct arena *a = arg;
    struct compare_source sources[3];
    struct comparison c;
    struct version v;
    for (int i = 0; i < 2; i++) {
        char run_id[HEX32_TEXT];
        int64_t number;
        char *text = arena_strdup(a, result_text);
        MUST(run_create(tx, &by, &(struct run_new){ 0 }, run_id, err));
        if (i == 1)
            memcpy(strstr(text, "54.1,"), "51.1,", 5);
        struct record r = { .run_id = run_id, .result = parsed(a, text) };
        MUST(registry_record(tx, a, &by, &r, &number, err));
        MUST(version_get(tx, a, "default", "diabetes", number, &v, err));
        MUST(compare_load_version(tx, a, &v, &sources[i], err));
    }
    MUST(compare(a, sources, 2, &c, err));
    const struct compare_row *rmse = row_of(&c, "metrics", "rmse");
    CHECK(rmse->differs);
    CHECK_STR(rmse->better, "low");
    CHECK_STR(rmse->values[0], "{\"value\":54.1,\"low\":50.0,\"high\":58.0}");
    CHECK_STR(rmse->values[1], "{\"value\":51.1,\"low\":50.0,\"high\":58.0}");
    CHECK_STR(row_of(&c, "metrics", "r2")->better, "high");
    CHECK(!row_of(&c, "metrics", "train.rmse")->differs);
    CHECK(!row_of(&c, "params", "alpha")->differs);
    CHECK_STR(row_of(&c, "coefficients", "age")->values[0], "-1.25");
    CHECK_STR(row_of(&c, "data", "split.test")->values[0], "82");
    CHECK_STR(row_of(&c, "gates", "rmse <= 60")->values[0], "\"rmse 54.1 ≤ 60\"");

    struct run run;
    struct blobs *blobs = NULL;
    char run_id[HEX32_TEXT];
    MUST(blobs_open(&blobs, arena_printf(a, "%s/blobs", test_tmpdir()), err));
    MUST(run_create(tx, &by, &(struct run_new){ .name = "alone" }, run_id, err));
    MUST(run_param_log(tx, run_id, &(struct track_pair){ "alpha", "0.7" }, err));
    MUST(metric_log(tx, run_id, "rmse", &(struct metric_point){ 60, 1, 0 }, 1, err));
    MUST(run_get(tx, a, run_id, &run, err));
    MUST(compare_load_run(tx, blobs, a, &run, &sources[2], err));
    MUST(compare(a, sources, 3, &c, err));
    rmse = row_of(&c, "metrics", "rmse");
    CHECK_STR(rmse->values[2], "60.0");
    CHECK_STR(row_of(&c, "coefficients", "age")->values[2], "null");
    CHECK(row_of(&c, "params", "alpha")->differs);
    CHECK_INT(compare(a, sources, 1, &c, err), ERR_INVALID);
    blobs_close(blobs);
    CHECK(!compare_metric_better(STR("n")) &&
          strcmp(compare_metric_better(STR("valid.mae")), "low") == 0);
    return 0;
}

TEST(registry_compare)
{
    in_write(compares);
}
