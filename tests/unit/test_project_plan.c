/* SPDX-License-Identifier: Apache-2.0
 * What a project file becomes: specs, order, gates, columns, lock, schema, templates. */
#include "test.h"

#include <math.h>

#include "base/fs.h"
#include "codec/json.h"
#include "project/gate.h"
#include "project/init.h"
#include "project/keys.h"
#include "project/lockfile.h"
#include "project/project.h"

static struct project *load(struct arena *a, const char *text, struct diags *d)
{
    struct project *p = NULL;
    struct err why = ERR_INIT;
    if (project_load(a, str_of(text),
                     &(struct project_options){ .seed = 9, .default_name = "folder" }, &p, d, &why))
        TEST_FAIL("%s", why.msg);
    return p;
}

static const char *const houses =
    "params: { alpha: 0.5, top: 40, kind: ridge }\n"
    "data:\n"
    "  houses: { csv: data/h.csv, key: id, time: sold, target: price, ignore: [note], missing: "
    "['-', 9], delimiter: ';' }\n"
    "stages:\n"
    "  features:\n"
    "    input: clean\n"
    "    do:\n"
    "      - one_hot: { columns: [heating, 7], drop: none }\n"
    "      - scale: { area: minmax, lot: robust }\n"
    "      - scale: [rooms]\n"
    "      - derive: { age: \"2020 - built\", a2: \"area ** 2\" }\n"
    "      - drop: [built]\n"
    "  clean:\n"
    "    input: houses\n"
    "    do:\n"
    "      - drop_duplicates\n"
    "      - drop_duplicates: [id]\n"
    "      - drop: { where: \"price <= 0\" }\n"
    "      - impute: { area: median, lot: 3.5, heating: none, rooms: most_frequent }\n"
    "      - clip: { price: [1, null], rooms: [0, \"${params.top}\"] }\n"
    "    expect:\n"
    "      - not_null: [id, price]\n"
    "      - { in_range: { rooms: [0, 40] }, severity: warn, mostly: 0.9 }\n"
    "      - in_set: { heating: [gas, 1, true] }\n"
    "      - matches: { zip: \"[0-9]{5}\" }\n"
    "      - row_count: [10, null]\n"
    "  parts: { input: features, by: stratified, stratify: heating, train: 0.7, valid: 0.1 }\n"
    "  fit: { input: parts, model: \"${params.kind}\", alpha: \"${params.alpha}\", exclude: [lot], "
    "intercept: false }\n"
    "  check:\n"
    "    input: [fit, parts.test]\n"
    "    gates:\n"
    "      - rmse <= (champion.rmse ?? inf) * 1.02\n"
    "      - r2 >= ${params.alpha}\n"
    "deploy: { endpoint: houses-1 }\n";

TEST(project_plan_of_everything)
{
    struct arena a;
    struct diags d;
    arena_init(&a, 16 << 20);
    const struct project *p = load(&a, houses, &d);
    CHECK_INT(d.n, 0);
    CHECK_STR(p->name, "folder");
    CHECK_STR(p->endpoint, "houses-1");
    CHECK_INT(p->seed, 9);
    CHECK_INT(p->stage_n, 5);
    static const char *const order[] = { "clean", "features", "parts", "fit", "check" };
    for (size_t i = 0; i < 5; i++)
        CHECK_STR(p->stages[i].name, order[i]);
    const struct csv_source *s = p->source;
    CHECK_STR(s->path, "data/h.csv");
    CHECK_STR(s->key, "id");
    CHECK_STR(s->time, "sold");
    CHECK_STR(s->target, "price");
    CHECK_INT(s->target_at.line, 3);
    CHECK_STR(s->ignore[0], "note");
    CHECK_INT(s->missing_n, 2);
    CHECK_STR(s->missing[1], "9");
    CHECK_INT(s->delimiter, ';');
    CHECK_INT(s->header, -1);
    const struct project_stage *clean = &p->stages[0], *features = &p->stages[1];
    CHECK_INT(clean->step_n, 5);
    CHECK(clean->steps[0].op == PREP_DROP_DUPLICATES && clean->steps[0].column_n == 0);
    CHECK_STR(clean->steps[1].columns[0].name, "id");
    CHECK_STR(clean->steps[2].where, "price <= 0");
    const struct prep_step *impute = &clean->steps[3], *clip = &clean->steps[4];
    CHECK(impute->columns[0].impute == IMPUTE_MEDIAN);
    CHECK(impute->columns[1].impute == IMPUTE_CONSTANT && impute->columns[1].number == 3.5 &&
          !impute->columns[1].text);
    CHECK_STR(impute->columns[2].text, "none");
    CHECK(isnan(impute->columns[2].number));
    CHECK(impute->columns[3].impute == IMPUTE_MOST_FREQUENT);
    CHECK(clip->columns[0].low == 1 && clip->columns[0].high == INFINITY);
    CHECK(clip->columns[1].low == 0 && clip->columns[1].high == 40);
    CHECK_INT(clean->rule_n, 6);
    CHECK_STR(clean->rules[1].column, "price");
    CHECK(clean->rules[2].warn_only && clean->rules[2].mostly == 0.9 && clean->rules[2].high == 40);
    CHECK_INT(clean->rules[3].set_n, 3);
    CHECK_STR(clean->rules[3].set[2], "true");
    CHECK_STR(clean->rules[4].pattern, "[0-9]{5}");
    CHECK(!clean->rules[5].column && clean->rules[5].low == 10 && clean->rules[5].high == INFINITY);
    CHECK(features->steps[0].drop == ONE_HOT_DROP_NONE);
    CHECK_STR(features->steps[0].columns[1].name, "7");
    CHECK(features->steps[1].columns[0].scale == SCALE_MINMAX &&
          features->steps[1].columns[1].scale == SCALE_ROBUST);
    CHECK(features->steps[2].columns[0].scale == SCALE_STANDARD);
    CHECK_STR(features->steps[3].columns[1].expr, "area ** 2");
    CHECK_INT(features->steps[3].columns[1].at.line, 11);
    const struct split_spec *split = &p->split->split;
    CHECK(split->by == SPLIT_STRATIFIED && split->train == 0.7 && split->valid == 0.1);
    CHECK_NEAR(split->test, 0.2, 1e-15);
    CHECK_STR(split->column, "heating");
    CHECK(p->model->model.family == MODEL_RIDGE && p->model->model.alpha == 0.5 &&
          !p->model->model.intercept);
    CHECK(!p->model->model.features && p->model->model.exclude_n == 1);
    CHECK_STR(p->gates->gates[1].text, "r2 >= 0.5");
    CHECK_INT(p->gates->gates[1].at.line, 33);
    CHECK_INT(p->gates->use_n, 1);
    CHECK_STR(p->gates->uses[0].name, "params.alpha");
    CHECK_STR(p->gates->uses[0].value, "0.5");
    CHECK_INT(p->model->use_n, 2);
    CHECK(strstr(p->model->code, "${params.alpha}") != NULL);
    arena_fini(&a);
}

TEST(project_defaults)
{
    struct arena a;
    struct diags d;
    arena_init(&a, 16 << 20);
    const struct project *p =
        load(&a, "data:\n  d: { csv: d.csv, target: y }\nstages:\n  fit: { model: ridge }\n", &d);
    CHECK_INT(p->stage_n, 2);
    CHECK_STR(p->split->name, "split");
    CHECK_STR(p->split->inputs[0], "d");
    CHECK_STR(p->model->inputs[0], "split");
    CHECK(p->split->split.by == SPLIT_HASH && p->split->split.train == 0.8 &&
          p->split->split.test == 0.2);
    CHECK_INT(p->split->split.seed, 9);
    CHECK(p->model->model.alpha == 1 && p->model->model.intercept);
    CHECK(!p->gates && !p->endpoint);
    arena_fini(&a);
}

/* ---- gates ---- */

static double metric(void *arg, const char *entity, const char *name, int *out_null)
{
    (void)arg;
    *out_null = strcmp(entity, "champion") == 0 && strcmp(name, "mae") == 0;
    if (strcmp(name, "bias") == 0)
        return NAN;
    return strcmp(name, "rmse") == 0 ? (entity[0] ? 53.5 : 54.123456) : 0.46;
}

TEST(project_gate_outcomes)
{
    static const struct {
        const char *gate;
        int passed;
        const char *message;
    } cases[] = {
        { "rmse <= 60", 1, "rmse 54.123 ≤ 60" },
        { "rmse < 50", 0, "rmse 54.123 ≥ 50" },
        { "rmse < baseline.rmse", 0, "rmse 54.123 ≥ baseline.rmse 53.5" },
        { "rmse <= (champion.rmse ?? inf) * 1.02", 1,
          "rmse 54.123 ≤ (champion.rmse ?? inf) * 1.02 = 54.57" },
        { "mae <= champion.mae", -1,
          "cannot be computed: champion.mae has no value (no champion yet); write (champion.mae ?? "
          "inf) for the first release" },
        { "mae <= champion.mae ?? inf", 1, "mae 0.46 ≤ champion.mae ?? inf = Infinity" },
        { "bias < 1", 0, "bias < 1 does not hold: bias NaN" },
        { "rmse < 60 and r2 > 0.5", 0,
          "rmse < 60 AND r2 > 0.5 does not hold: rmse 54.123, r2 0.46" },
        { "rmse < 60 or r2 > 0.5", 1, "rmse < 60 OR r2 > 0.5 holds: rmse 54.123, r2 0.46" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena a;
        struct diags d;
        struct condition_outcome out;
        arena_init(&a, 16 << 20);
        const char *text = arena_printf(&a,
                                        "data:\n  d: { csv: d.csv, target: y }\nstages:\n  fit: { "
                                        "model: ridge }\n  check:\n    gates: [\"%s\"]\n",
                                        cases[i].gate);
        const struct project *p = load(&a, text, &d);
        CHECK_OK(gate_evaluate(&a, &p->gates->gates[0], metric, NULL, &out, err));
        CHECK_STR(out.message, cases[i].message);
        CHECK_INT(out.passed, cases[i].passed);
        CHECK(out.value_n >= 1);
        arena_fini(&a);
    }
}

/* ---- columns ---- */

static void columns_say(const char *text, const char *const *names, size_t n, struct buf *out)
{
    struct arena a;
    struct diags d;
    struct err why = ERR_INIT;
    arena_init(&a, 16 << 20);
    const struct project *p = load(&a, text, &d);
    struct column columns[16];
    struct frame f = { .arena = &a, .columns = columns, .column_n = n };
    for (size_t i = 0; i < n; i++) /* names that begin with a capital are texts */
        columns[i] = (struct column){ .name = names[i],
                                      .type = names[i][0] < 'a' ? COLUMN_STRING : COLUMN_NUMBER };
    int rc = project_columns_check(p, &f, "9f1c0000aabbccdd", &d, &why);
    CHECK((rc != 0) == (d.error_n > 0));
    diags_write(&d, DIAG_TEXT, 0, out);
    arena_fini(&a);
}

TEST(project_columns_good)
{
    AUTO(buf_fini) struct buf b;
    static const char *const names[] = { "id",    "sold",  "price",   "area", "lot",
                                         "rooms", "built", "Heating", "note", "Zip" };
    buf_init(&b, 1 << 16);
    columns_say(
        "data:\n  h: { csv: h.csv, key: id, time: sold, target: price, ignore: [note] }\nstages:\n"
        "  prep:\n    do:\n      - one_hot: [Heating]\n      - scale: [area, lot]\n      - derive: "
        "{ age: 2020 - built, big: \"if(Zip = 'x', 1, 0)\" }\n"
        "      - drop: [built, Zip]\n      - scale: [age]\n      - clip: { price: [0, 9] }\n  fit: "
        "{ model: ridge, exclude: [rooms] }\n",
        names, ARRAY_LEN(names), &b);
    CHECK_STR(b.p ? b.p : "", "");
}

TEST(project_columns_bad)
{
    AUTO(buf_fini) struct buf b;
    struct arena a;
    str_t want;
    static const char *const names[] = { "id", "price", "area", "rooms", "Heating", "Zip", "Note" };
    buf_init(&b, 1 << 16);
    arena_init(&a, 1 << 20);
    columns_say(
        "data:\n  houses: { csv: data/houses.csv, key: idd, target: Heating }\nstages:\n  prep:\n  "
        "  do:\n      - clip: { pric: [0, 9] }\n"
        "      - impute: { Zip: median, area: none, rooms: 3, Note: 4 }\n      - one_hot: [Zip]\n  "
        "    - scale: [Zip, Note]\n      - derive: { x: \"aera * 2\", y: \"Note + 1\", z: "
        "\"Heating\" }\n"
        "      - drop: [area, Heating]\n      - scale: [area, x]\n    expect:\n      - in_range: { "
        "Note: [0, 1] }\n      - unique: [nope]\n"
        "  parts: { by: stratified, stratify: zone, train: 0.8 }\n  fit: { model: ridge, exclude: "
        "[roms] }\n",
        names, ARRAY_LEN(names), &b);
    if (getenv("SLIPWAY_UPDATE_GOLDEN"))
        CHECK_OK(fs_write_atomic(test_data("project/columns.txt"), buf_view(&b), err));
    CHECK_OK(fs_read(&a, test_data("project/columns.txt"), 1 << 20, &want, err));
    CHECK_STR(b.p, want.p);
    arena_fini(&a);
}

/* ---- lock ---- */

TEST(project_lock_round_trip_and_reasons)
{
    struct arena a;
    AUTO(buf_fini) struct buf one, two;
    struct lockfile l, back;
    struct json dialect;
    arena_init(&a, 16 << 20);
    buf_init(&one, 1 << 16);
    buf_init(&two, 1 << 16);
    CHECK_OK(json_parse(
        &a,
        STR("{\"delimiter\":\"\\t\",\"quote\":\"\\\"\",\"header\":true,\"columns\":[{\"name\":"
            "\"gr\\u00f6\\u00dfe\",\"type\":\"number\"}],\"skip\":0,\"x\":1.5,\"n\":null}"),
        NULL, &dialect, err));
    struct lock_item inputs[] = { { "data/h.csv", "9f1c" } },
                     outputs[] = { { "rows", "77aa" }, { "123", "no" } };
    struct lock_item params[] = { { "params.alpha", "0.1" }, { "env.ZONE", "a: b" } };
    struct lock_stage stage = { "clean", "do",   inputs,          1,       params,
                                2,       "c0de", "slipway 0.1.0", outputs, 2 };
    struct lock_data data = { "houses", "data/h.csv", 1234, "9f1c", &dialect };
    l = (struct lockfile){ &data, 1, &stage, 1 };
    lockfile_write(&l, &one);
    CHECK_OK(lockfile_parse(&a, buf_view(&one), &back, err));
    lockfile_write(&back, &two);
    CHECK_STR(two.p, one.p);
    const struct lock_stage *old = lockfile_stage(&back, "clean");
    CHECK(old && lockfile_data(&back, "houses")->bytes == 1234 && !lockfile_stage(&back, "x") &&
          !lockfile_stage(NULL, "x"));
    CHECK_STR(lock_key(&a, old), lock_key(&a, &stage));
    CHECK(!lock_reason(&a, old, &stage));
    CHECK_STR(lock_reason(&a, NULL, &stage), "first run");
    params[0].value = "0.2";
    CHECK_STR(lock_reason(&a, old, &stage), "params.alpha 0.1 → 0.2");
    CHECK(strcmp(lock_key(&a, old), lock_key(&a, &stage)) != 0);
    params[0].value = "0.1";
    inputs[0].value = "beef";
    CHECK_STR(lock_reason(&a, old, &stage), "data/h.csv changed");
    inputs[0].value = "9f1c";
    stage.code = "c0df";
    CHECK_STR(lock_reason(&a, old, &stage), "its definition changed");
    stage.code = "c0de";
    stage.engine = "slipway 0.2.0";
    CHECK_STR(lock_reason(&a, old, &stage), "slipway 0.1.0 → slipway 0.2.0");
    struct err why = ERR_INIT;
    CHECK_INT(lockfile_parse(&a, STR("lock: 2\n"), &back, &why), ERR_INVALID);
    CHECK_INT(lockfile_parse(&a, STR("lock: ["), &back, &why), ERR_INVALID);
    arena_fini(&a);
}

/* ---- tables and templates ---- */

TEST(project_schema_has_every_key)
{
    struct arena a;
    AUTO(buf_fini) struct buf b;
    struct json v;
    const struct key *k;
    arena_init(&a, 16 << 20);
    buf_init(&b, 1 << 20);
    project_schema(&b);
    CHECK_OK(json_parse(&a, buf_view(&b), NULL, &v, err));
    for (size_t i = 0; (k = key_at(i)) != NULL; i++) {
        const struct json *object =
            strcmp(k->object, "file") == 0 ? &v : json_get(json_get(&v, "$defs"), k->object);
        const struct json *property = json_get(json_get(object, "properties"), k->name);
        CHECK(object && (property != NULL) == !(k->flags & KEY_LATER));
        if (property)
            CHECK_STR(json_get_string(property, "description", ""), k->prose);
    }
    arena_fini(&a);
}

TEST(project_pages_name_everything)
{
    AUTO(buf_fini) struct buf keys, errors;
    const struct key *k;
    const struct diag_code *c;
    buf_init(&keys, 1 << 20);
    buf_init(&errors, 1 << 20);
    project_keys_page(&keys);
    project_errors_page(&errors);
    for (size_t i = 0; (k = key_at(i)) != NULL; i++)
        CHECK(str_find(buf_view(&keys), k->name) != SIZE_MAX);
    for (size_t i = 0; (c = diag_code_at(i)) != NULL; i++)
        CHECK(str_find(buf_view(&errors), c->code) != SIZE_MAX);
}

TEST(project_init_writes_and_refuses)
{
    struct arena a;
    struct project_init_result r;
    struct project *p = NULL;
    struct diags d;
    struct err why = ERR_INIT;
    str_t text;
    arena_init(&a, 16 << 20);
    const char *dir = fs_join(&a, test_tmpdir(), "my project");
    CHECK_OK(project_init(&a, dir, "regression", "sugar", &r, err));
    CHECK_INT(r.file_n, 5);
    CHECK_STR(r.files[r.file_n - 1], "slipway.yaml");
    CHECK_OK(project_load_dir(&a, dir, NULL, NULL, &p, &d, &text, err));
    CHECK_INT(d.n, 0);
    CHECK_STR(p->name, "sugar");
    CHECK_STR(p->endpoint, "sugar");
    CHECK(p->gates && p->gates->gate_n == 3 && p->model->model.alpha == 1);
    size_t lines = 0;
    for (size_t i = 0; i < text.n; i++)
        lines += text.p[i] == '\n';
    CHECK(lines <= 30);
    CHECK(str_find(text, "@NAME@") == SIZE_MAX);
    CHECK_INT(project_init(&a, dir, "regression", "sugar", &r, &why), ERR_EXISTS);
    CHECK(strstr(why.msg, "exists"));
    CHECK_INT(project_init(&a, dir, "regresion", NULL, &r, &why), ERR_NOT_FOUND);
    CHECK(strstr(why.msg, "did you mean 'regression'"));
    CHECK_INT(project_init(&a, fs_join(&a, dir, "x"), "regression", "a b", &r, &why), ERR_INVALID);
    CHECK_INT(project_load_dir(&a, test_tmpdir(), NULL, NULL, &p, &d, NULL, &why), ERR_NOT_FOUND);
    CHECK(strstr(why.msg, "slipway init"));
    static const char *const names[] = { "age", "sex", "bmi", "bp", "s1",         "s2",
                                         "s3",  "s4",  "s5",  "s6", "progression" };
    struct column columns[11];
    for (size_t i = 0; i < 11; i++)
        columns[i] = (struct column){ .name = names[i], .type = COLUMN_NUMBER };
    CHECK_OK(project_load_dir(&a, dir, NULL, NULL, &p, &d, NULL, err));
    CHECK_OK(project_columns_check(
        p, &(struct frame){ .arena = &a, .columns = columns, .column_n = 11 }, "x", &d, err));
    arena_fini(&a);
}

TEST(project_json_and_github_forms)
{
    struct arena a;
    struct diags d;
    struct project *p = NULL;
    struct json v;
    struct err why = ERR_INIT;
    AUTO(buf_fini) struct buf json, github;
    arena_init(&a, 16 << 20);
    buf_init(&json, 1 << 16);
    buf_init(&github, 1 << 16);
    CHECK_INT(project_load(
                  &a,
                  STR("data:\n  d: { csv: d.csv, target: y }\nstages:\n  fit: { modle: ridge }\n"),
                  NULL, &p, &d, &why),
              ERR_INVALID);
    CHECK_STR(why.msg,
              "slipway.yaml:4:10: unknown key `modle` in stage `fit`; did you mean `model`?  "
              "(scikit-learn calls it `estimator`, SageMaker `algorithm`, Kubeflow `trainer`)");
    diags_write(&d, DIAG_JSON, 0, &json);
    CHECK_OK(json_parse(&a, buf_view(&json), NULL, &v, err));
    CHECK_INT(v.n, 1);
    CHECK_STR(json_get_string(&v.items[0], "code", ""), "E104");
    CHECK_INT(json_get_int(&v.items[0], "column", 0), 10);
    CHECK_INT(json_get_int(&v.items[0], "end_column", 0), 15);
    diags_write(&d, DIAG_GITHUB, 0, &github);
    CHECK(str_starts(buf_view(&github),
                     "::error file=slipway.yaml,line=4,col=10,endColumn=15,title=E104::unknown key "
                     "`modle` in stage `fit`"));
    arena_fini(&a);
}

TEST(gates_against_the_champion_and_the_worst_slice)
{
    static const char text[] =
        "{\"comparison\":{\"difference\":{\"value\":-2.5,\"low\":-4,\"high\":-1}},"
        "\"slices\":[{\"rmse\":3},{\"rmse\":7},{\"rmse\":null}]}";
    struct arena a;
    struct json v, none = { .type = JSON_OBJECT };
    double x;
    arena_init(&a, MIB(1));
    CHECK_OK(json_parse(&a, STR(text), NULL, &v, err));
    CHECK(gate_single_value(&v, "", "gain", &x) && x == 2.5);
    CHECK(gate_single_value(&v, "", "gain_low", &x) && x == 1);
    CHECK(gate_single_value(&v, "", "gain_high", &x) && x == 4);
    CHECK(gate_single_value(&v, "slices", "worst_rmse", &x) && x == 7);
    CHECK(gate_single_value(&none, "", "gain_low", &x) && isnan(x)); /* no champion: null */
    CHECK(gate_single_value(&none, "slices", "worst_rmse", &x) && isnan(x));
    CHECK(!gate_single_value(&v, "", "rmse", &x) && !gate_single_value(&v, "valid", "gain", &x));
    arena_fini(&a);
}
