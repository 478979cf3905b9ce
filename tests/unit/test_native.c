/* SPDX-License-Identifier: Apache-2.0
 * The reading routes of experiments, runs, models, versions, data sets and the record, dispatched
 * in process over a folder with two recorded runs. */
#include "test.h"

#include "api/app.h"
#include "api/route.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/limits.h"
#include "codec/json.h"
#include "event/event.h"
#include "registry/record.h"
#include "store/blobs.h"
#include "store/home.h"
#include "track/dataset.h"
#include "track/metric.h"
#include "track/step.h"

static struct arena arena;
static struct app *app;

struct answer {
    int status;
    str_t body;
    struct json json; /* type JSON_NULL when the body is not JSON */
    const char *code; /* of an error */
    const char *message;
};

static struct answer call(const char *method, const char *target, const char *body)
{
    struct request rq;
    struct answer a = { 0 };
    request_init(&rq);
    rq.method = str_of(method);
    rq.actor = "user:ann";
    rq.body = str_of(body);
    CHECK_INT(request_set_target(&rq, str_of(target), NULL), 0);
    app_dispatch(app, &rq);
    a.status = rq.status;
    a.body = arena_str(&arena, buf_view(&rq.out));
    if (rq.out_fd >= 0) {
        char *text = arena_alloc(&arena, (size_t)rq.out_length + 1);
        FILE *f = fdopen(rq.out_fd, "rb");
        CHECK_INT(fread(text, 1, (size_t)rq.out_length, f), rq.out_length);
        (void)fclose(f);
        rq.out_fd = -1;
        a.body = str_of(text);
    }
    IGNORE(json_parse(&arena, a.body, &(struct json_options){ .allow_nan = 1 }, &a.json, NULL));
    a.code = json_get_string(&a.json, "code", "");
    a.message = json_get_string(&a.json, "message", "");
    request_fini(&rq);
    return a;
}

static struct answer get(const char *target)
{
    struct answer a = call("GET", target, NULL);
    if (a.status != 200)
        TEST_FAIL("GET %s: %d %.*s", target, a.status, STR_ARG(a.body));
    return a;
}

static void refuse(const char *method, const char *target, const char *body, int status,
                   const char *part)
{
    struct answer a = call(method, target, body);
    if (a.status != status || !strstr(a.message, part))
        TEST_FAIL("%s %s: %d %.*s", method, target, a.status, STR_ARG(a.body));
}

static const char *at(const struct answer *a, const char *path)
{
    const struct json *v = json_path(&a->json, path);
    struct buf b;
    struct json_out o;
    if (!v)
        return "(absent)";
    buf_init(&b, 1 << 20);
    json_out_init(&o, &b);
    jo_value(&o, v);
    const char *z = arena_strndup(&arena, b.p, b.n);
    buf_fini(&b);
    return z;
}

static const struct json *item(const struct answer *a, size_t i)
{
    const struct json *items = json_get(&a->json, "items");
    CHECK(items && items->type == JSON_ARRAY && i < items->n);
    return &items->items[i];
}

static size_t count(const struct answer *a)
{
    const struct json *items = json_get(&a->json, "items");
    CHECK(items && items->type == JSON_ARRAY);
    return items->n;
}

/* ---- a folder with two runs, two versions ---- */

#define BEEF(c) c c c c c c c c c c c c c c c c

static const char result_form[] =
    "{\"state\":\"finished\",\"dataset\":{\"name\":\"diabetes\",\"digest\":\"" BEEF(
        "dddd") "\",\"rows\":442,"
                "\"columns\":[{\"name\":\"age\",\"type\":\"number\"}],\"files\":[{\"path\":\"d."
                "csv\",\"bytes\":9,\"sha256\":\"x\"}]},"
                "\"model\":{\"dir\":\"output/model\",\"digest\":\"" BEEF(
                    "beef") "\",\"bytes\":900,\"family\":\"ridge\","
                            "\"coefficients\":[{\"name\":\"age\",\"estimate\":%d.5}],\"input_"
                            "example\":{\"age\":59.0}},"
                            "\"metrics\":{\"test\":{\"rmse\":{\"value\":5%d.0,\"low\":50.0,"
                            "\"high\":58.0}}},"
                            "\"gates\":[{\"expr\":\"rmse <= "
                            "60\",\"passed\":true,\"message\":\"fine\"}],\"params\":{\"alpha\":\"0."
                            "%d\"},"
                            "\"seed\":7,\"environment\":{\"slipway\":\"0.1.0\"},\"lock\":\"secret "
                            "text\"}";

struct seed {
    int i;
    char run_id[HEX32_TEXT];
    char result_digest[SHA256_HEX], tree[SHA256_HEX];
    struct json result;
};

static int seed_run(struct tx *tx, void *arg, struct err *err)
{
    struct seed *s = arg;
    struct cause by = { .actor = "user:ann" };
    struct stage stage = { .name = "fit",
                           .kind = "model",
                           .state = STEP_SUCCESS,
                           .ms = NAN,
                           .rows_in = -1,
                           .rows_out = 442 };
    struct attempt_change c = ATTEMPT_CHANGE_INIT;
    struct run_change done = RUN_CHANGE_INIT;
    char data_id[UUID_TEXT];
    int64_t version;
    struct dataset d = { .name = "diabetes",
                         .digest = BEEF("dddd"),
                         .rows = 442,
                         .columns_n = 1,
                         .files_n = 1,
                         .bytes = 9,
                         .detail =
                             "{\"columns\":[{\"name\":\"age\"}],\"target\":\"y\",\"rows\":442}" };
    struct record r = { .run_id = s->run_id,
                        .model = "diabetes",
                        .result = &s->result,
                        .files_digest = s->tree,
                        .code_json = "{\"commit\":\"abc\"}" };
    int rc = run_create(tx, &by,
                        &(struct run_new){ .name = s->i ? "second" : "first",
                                           .start_time_ms = 1000 + s->i,
                                           .code_json = "{\"commit\":\"abc\"}" },
                        s->run_id, err);
    if (!rc)
        rc = attempt_create(tx, &by, s->run_id, 1, err);
    c.from = STEP_QUEUED;
    c.to = STEP_RUNNING;
    if (!rc)
        rc = attempt_move(tx, &by, s->run_id, 1, &c, err);
    if (!rc)
        rc = stage_put_all(tx, s->run_id, 1, &stage, 1, err);
    if (!rc)
        rc = dataset_put(tx, &by, &d, data_id, err);
    if (!rc)
        rc = run_input_add(tx, s->run_id, data_id, "training", err);
    if (!rc)
        rc = run_param_log(tx, s->run_id, &(struct track_pair){ "alpha", s->i ? "0.2" : "0.1" },
                           err);
    if (!rc)
        rc = metric_log(tx, s->run_id, "rmse", &(struct metric_point){ s->i ? 52.0 : 54.0, 1, 0 },
                        1, err);
    done.result_digest = s->result_digest;
    if (!rc)
        rc = run_update(tx, &by, s->run_id, &done, err);
    if (!rc)
        rc = registry_record(tx, &arena, &by, &r, &version, err);
    return rc ? rc : run_finish(tx, &by, s->run_id, "FINISHED", NULL, err);
}

static struct seed seeds[2];

static void set_up(void)
{
    arena_init(&arena, 256 << 20);
    char *dir = fs_join(&arena, test_tmpdir(), "data"),
         *model = fs_join(&arena, test_tmpdir(), "m");
    CHECK_OK(app_open(&app, &(struct app_options){ .mode = APP_WRITE, .data_dir = dir }, err));
    CHECK_OK(fs_mkdirs(model, err));
    CHECK_OK(fs_write_atomic(fs_join(&arena, model, "MLmodel"), STR("flavors: {}\n"), err));
    for (int i = 0; i < 2; i++) {
        struct seed *s = &seeds[i];
        int64_t bytes;
        s->i = i;
        char *text = arena_printf(&arena, result_form, i + 1, 4 - 2 * i, i + 1);
        CHECK_OK(json_parse(&arena, str_of(text), NULL, &s->result, err));
        CHECK_OK(blobs_put(app->blobs, str_of(text), s->result_digest, err));
        CHECK_OK(blobs_put_tree(app->blobs, &arena, model, s->tree, &bytes, err));
        CHECK_OK(store_write(app->store, seed_run, s, err));
    }
}

static void tear_down(void)
{
    app_close(app);
    arena_fini(&arena);
}

TEST(native_runs)
{
    set_up();
    struct answer a = get("/api/v1/runs");
    CHECK_INT(count(&a), 2);
    CHECK_STR(json_get_string(item(&a, 0), "name", ""), "second");
    CHECK_STR(json_get_string(item(&a, 0), "status", ""), "FINISHED");
    CHECK_NEAR(json_get_number(json_get(item(&a, 0), "metrics"), "rmse", 0), 52, 0);
    a = get("/api/v1/runs?filter=metrics.rmse%20%3E%2053");
    CHECK_INT(count(&a), 1);
    a = get("/api/v1/runs?order_by=metrics.rmse%20DESC,start_time&limit=1");
    CHECK_STR(json_get_string(item(&a, 0), "name", ""), "first");
    CHECK_STR(at(&a, "next_page_token"), "\"1\"");
    a = get("/api/v1/runs?order_by=metrics.rmse%20DESC&limit=1&page_token=1");
    CHECK_STR(json_get_string(item(&a, 0), "name", ""), "second");
    CHECK_STR(at(&a, "next_page_token"), "null");
    a = get("/api/v1/runs?experiment=Default");
    CHECK_INT(count(&a), 2);
    a = get(arena_printf(&arena, "/api/v1/runs/%.8s", seeds[0].run_id));
    CHECK_STR(at(&a, "dataset.name"), "\"diabetes\"");
    CHECK_STR(at(&a, "code.commit"), "\"abc\"");
    CHECK_STR(at(&a, "result.seed"), "7");
    CHECK_STR(at(&a, "result.lock"), "(absent)");
    CHECK_STR(
        at(&a, "stages"),
        "[{\"name\":\"fit\",\"kind\":\"model\",\"state\":\"success\",\"why\":null,\"message\":null,"
        "\"ms\":null,\"rows_in\":null,\"rows_out\":442,\"digest\":null}]");
    CHECK_STR(at(&a, "model_versions"), "[{\"name\":\"diabetes\",\"version\":\"1\"}]");
    a = get("/api/v1/runs/latest");
    CHECK_STR(at(&a, "name"), "\"second\"");
    a = get(
        arena_printf(&arena, "/api/v1/runs/compare?ids=%s,%s", seeds[0].run_id, seeds[1].run_id));
    CHECK(str_find(a.body, "{\"key\":\"alpha\",\"values\":[\"0.1\",\"0.2\"],\"differs\":true") !=
          SIZE_MAX);
    refuse("GET", "/api/v1/runs/ffff", NULL, 404, "not found");
    refuse("GET", "/api/v1/runs?limit=0", NULL, 400, "limit");
    refuse("GET", "/api/v1/runs?limit=5000", NULL, 400, "limit");
    refuse("GET", "/api/v1/runs?page_token=x", NULL, 400, "page_token");
    refuse("GET", "/api/v1/runs?filter=rmse%20%3C", NULL, 400, "filter");
    refuse("GET", "/api/v1/runs?experiment=Defualt", NULL, 404, "did you mean 'Default'");
    refuse("GET", "/api/v1/runs?view=old", NULL, 400, "active, deleted or all");
    refuse("GET", "/api/v1/runs/compare", NULL, 400, "ids=");
    tear_down();
}

TEST(native_tables)
{
    set_up();
    struct answer a = get("/api/v1/runs/table?keys=1");
    CHECK_STR(at(&a, "total"), "2");
    CHECK_STR(at(&a, "keys.params"), "[\"alpha\"]");
    CHECK(strstr(at(&a, "columns"), "\"model_versions\""));
    CHECK(strstr(at(&a, "columns"), "\"diabetes:1\""));
    a = get("/api/v1/runs/table?columns=metrics.rmse,params.alpha&order_by=metrics.rmse&limit=1");
    CHECK_STR(at(&a, "columns"),
              "[{\"name\":\"metrics.rmse\",\"type\":\"number\",\"values\":[52.0]},"
              "{\"name\":\"params.alpha\",\"type\":\"text\",\"values\":[\"0.2\"]}]");
    CHECK_STR(at(&a, "total"), "2");
    a = get("/api/v1/view/runs-table?filter=metrics.rmse%3E53&columns=name");
    CHECK_STR(at(&a, "table.total"), "1");
    CHECK(strstr(at(&a, "experiments"), "Default"));
    a = get("/api/v1/metrics/series?run=latest&key=rmse");
    CHECK(strstr(at(&a, "series"), "\"values\":[52.0]"));
    a = get("/api/v1/metrics/series?run=latest&key=nothing");
    CHECK(strstr(at(&a, "series"), "\"count\":0"));
    refuse("GET", "/api/v1/metrics/series?run=latest", NULL, 400, "name the runs");
    refuse("GET", "/api/v1/metrics/series?run=beef0000&key=x", NULL, 404, "beef0000");
    refuse("GET", "/api/v1/runs/table?columns=colour", NULL, 400, "colour");
    refuse("GET", "/api/v1/runs/table?limit=5000", NULL, 400, "limit");
    tear_down();
}

TEST(native_sandbox)
{
    struct request rq;
    request_init(&rq);
    rq.method = STR("GET");
    CHECK_INT(request_set_target(&rq, STR("/x?inline=1"), NULL), 0);
    CHECK_INT(route_sandbox(&rq, "plots/a.json"), 0);
    CHECK_INT(rq.out_headers_n, 0);
    CHECK_INT(route_sandbox(&rq, "plots/a.html"), 1);
    CHECK(str_starts(rq.out_headers[0].value, "sandbox allow-scripts; default-src 'none'"));
    CHECK(!strstr(rq.out_headers[0].value.p, "same-origin"));
    request_reset(&rq);
    CHECK_INT(request_set_target(&rq, STR("/x"), NULL), 0);
    CHECK_INT(route_sandbox(&rq, "plots/a.html"), 0); /* not asked: stays a download */
    request_fini(&rq);
}

TEST(native_models)
{
    set_up();
    struct answer a = get("/api/v1/models");
    CHECK_INT(count(&a), 1);
    CHECK_STR(json_get_string(item(&a, 0), "latest_version", ""), "2");
    a = get("/api/v1/models?filter=version_count%20%3D%202%20AND%20name%20LIKE%20'dia%25'");
    CHECK_INT(count(&a), 1);
    a = get("/api/v1/models/diabetes");
    CHECK_INT(json_get(&a.json, "versions")->n, 2);
    a = call("PUT", "/api/v1/models/diabetes/aliases/champion", "{\"version\":2}");
    CHECK_INT(a.status, 200);
    CHECK_STR(at(&a, "aliases.champion"), "\"2\"");
    a = call("PUT", "/api/v1/models/diabetes/aliases/first",
             "{\"version\":\"1\",\"reason\":\"history\"}");
    CHECK_INT(a.status, 200);
    a = call("PATCH", "/api/v1/models/diabetes", "{\"description\":\"of 442 people\"}");
    CHECK_STR(at(&a, "description"), "\"of 442 people\"");
    a = call("PUT", "/api/v1/models/diabetes/tags/team", "{\"value\":\"blue\"}");
    CHECK_STR(at(&a, "tags.team"), "\"blue\"");
    a = get("/api/v1/models?filter=tags.team%20%3D%20'blue'");
    CHECK_INT(count(&a), 1);
    a = call("DELETE", "/api/v1/models/diabetes/tags/team", NULL);
    CHECK_STR(at(&a, "tags"), "{}");
    a = get("/api/v1/models/diabetes/compare?versions=1,@champion");
    CHECK(str_find(a.body, "\"label\":\"diabetes v2\"") != SIZE_MAX);
    a = get("/api/v1/audit?subject=model/diabetes&kind=model.alias");
    CHECK_INT(count(&a), 2);
    CHECK_STR(json_get_string(item(&a, 0), "reason", ""), "history");
    CHECK_STR(json_get_string(item(&a, 0), "actor", ""), "user:ann");
    refuse("GET", "/api/v1/models/diabets", NULL, 404, "did you mean 'diabetes'");
    refuse("PUT", "/api/v1/models/diabetes/aliases/latest", "{\"version\":\"1\"}", 400, "reserved");
    refuse("PUT", "/api/v1/models/diabetes/aliases/x", "{\"version\":\"9\"}", 404, "newest is 2");
    refuse("PUT", "/api/v1/models/diabetes/aliases/x", "{}", 400, "version");
    refuse("PUT", "/api/v1/models/diabetes/aliases/x", "[1]", 400, "");
    refuse("PATCH", "/api/v1/models/diabetes", "{\"description\":3}", 400, "description");
    refuse("GET", "/api/v1/models?filter=nmae%20%3D%20'x'", NULL, 400, "did you mean 'name'");
    refuse("GET", "/api/v1/models?order_by=1%2B1", NULL, 400, "order by a name");
    refuse("GET", "/api/v1/models/diabetes/compare?versions=1", NULL, 400, "2 to 500");
    tear_down();
}

TEST(native_versions)
{
    set_up();
    struct answer a = get("/api/v1/models/diabetes/versions/latest");
    CHECK_STR(at(&a, "version"), "\"2\"");
    CHECK_STR(at(&a, "metrics.rmse.value"), "52.0");
    CHECK_STR(at(&a, "gates_passed"), "true");
    CHECK_STR(at(&a, "dataset.rows"), "442");
    CHECK_STR(at(&a, "input_example"), "{\"age\":59.0}");
    CHECK_STR(at(&a, "comparison"), "null");
    CHECK_STR(at(&a, "seed"), "7");
    CHECK_INT(json_path(&a.json, "lineage.nodes")->n, 3);
    CHECK_INT(json_get(&a.json, "facts")->n, 4); /* two versions share the digest */
    CHECK_STR(json_get_string(&json_get(&a.json, "files")->items[0], "path", ""), "MLmodel");
    a = get("/api/v1/models/diabetes/versions/1/files/MLmodel");
    CHECK_VIEW(a.body, "flavors: {}\n");
    refuse("GET", "/api/v1/models/diabetes/versions/1/files/none", NULL, 404, "no file 'none'");
    refuse("GET", "/api/v1/models/diabetes/versions/1/files/..%2f..%2fslipway.db", NULL, 404,
           "no file");
    a = call("POST", "/api/v1/models/diabetes/versions/1/facts",
             "{\"name\":\"approval\",\"value\":{\"by\":\"eve\"}}");
    CHECK_INT(a.status, 201);
    CHECK_STR(json_get_string(item(&a, 0), "name", ""), "approval");
    CHECK_STR(json_get_string(item(&a, 0), "producer", ""), "user:ann");
    refuse("POST", "/api/v1/models/diabetes/versions/1/facts", "{\"name\":\"gate.x\",\"value\":1}",
           400, "written by runs");
    refuse("POST", "/api/v1/models/diabetes/versions/1/facts", "{\"name\":\"x\"}", 400, "value");
    a = call("PUT", "/api/v1/models/diabetes/versions/2/tags/a%2Fb", "{\"value\":\"1\"}");
    CHECK_STR(at(&a, "tags.a/b"), "\"1\"");
    a = call("PATCH", "/api/v1/models/diabetes/versions/2", "{\"description\":\"better\"}");
    CHECK_STR(at(&a, "description"), "\"better\"");
    a = call("PUT", "/api/v1/endpoints/live", "{\"model\":\"diabetes\",\"version\":\"2\"}");
    CHECK_INT(a.status, 201);
    refuse("DELETE", "/api/v1/models/diabetes/versions/2", NULL, 409, "on endpoint 'live'");
    a = get("/api/v1/models/diabetes/versions/2");
    CHECK_STR(at(&a, "endpoints"), "[\"live\"]");
    CHECK_INT(json_path(&a.json, "lineage.nodes")->n, 4);
    a = call("DELETE", "/api/v1/models/diabetes/versions/1", NULL);
    CHECK_INT(a.status, 200);
    refuse("GET", "/api/v1/models/diabetes/versions/1", NULL, 404, "newest is 2");
    refuse("GET", "/api/v1/models/diabetes/versions/one", NULL, 400, "not a version");
    refuse("GET", "/api/v1/models/diabetes/versions/@champoin", NULL, 404, "no alias 'champoin'");
    tear_down();
}

TEST(native_datasets_experiments_audit)
{
    set_up();
    struct answer a = get("/api/v1/datasets");
    CHECK_INT(count(&a), 1);
    CHECK_INT(json_get_int(item(&a, 0), "files", 0), 1);
    a = get("/api/v1/datasets/diabetes");
    CHECK_STR(at(&a, "target"), "\"y\"");
    CHECK_INT(json_path(&a.json, "used_by.runs")->n, 2);
    CHECK_INT(json_path(&a.json, "used_by.models")->n, 2);
    CHECK_INT(json_get(&a.json, "versions")->n, 1);
    a = get("/api/v1/datasets/diabetes/versions/dddd");
    CHECK_STR(at(&a, "rows"), "442");
    refuse("GET", "/api/v1/datasets/diabetes/versions/eeee", NULL, 404, "no version 'eeee'");
    refuse("GET", "/api/v1/datasets/diabetis", NULL, 404, "did you mean 'diabetes'");
    a = get("/api/v1/experiments?filter=run_count%20%3E%201");
    CHECK_INT(count(&a), 1);
    a = get("/api/v1/experiments/0");
    CHECK_STR(at(&a, "run_count"), "2");
    a = get("/api/v1/audit?limit=3");
    CHECK_INT(count(&a), 3);
    int64_t newest = json_get_int(item(&a, 0), "seq", 0);
    a = get(arena_printf(&arena, "/api/v1/audit?limit=3&page_token=%s",
                         json_get_string(&a.json, "next_page_token", "")));
    CHECK_INT(json_get_int(item(&a, 0), "seq", 0), newest - 3);
    a = get("/api/v1/audit?order=asc&after=2&limit=2");
    CHECK_INT(json_get_int(item(&a, 0), "seq", 0), 3);
    a = get(
        arena_printf(&arena, "/api/v1/audit?subject=run/%.8s&kind=run.created", seeds[0].run_id));
    CHECK_INT(count(&a), 1);
    refuse("GET", "/api/v1/audit?subject=run/ffff", NULL, 404, "run 'ffff' not found");
    refuse("GET", "/api/v1/audit?after=-1", NULL, 400, "after");
    refuse("GET", "/api/v1/audit?order=up", NULL, 400, "asc or desc");
    tear_down();
}

TEST(native_reads_without_writing)
{
    set_up();
    char *dir = arena_strdup(&arena, app->options.data_dir);
    app_close(app);
    CHECK_OK(app_open(&app, &(struct app_options){ .mode = APP_READ, .data_dir = dir }, err));
    struct answer a = get("/api/v1/models/diabetes/versions/1");
    CHECK_STR(at(&a, "version"), "\"1\"");
    a = call("PATCH", "/api/v1/models/diabetes", "{\"description\":\"x\"}");
    CHECK_STR(a.code, "READ_ONLY");
    tear_down();
}

/* ---- the record as a stream ---- */

enum { LARGE_EVENTS = 12, LARGE_TEXT = 900000 };

static int add_large_events(struct tx *tx, void *arg, struct err *err)
{
    int rc = 0;
    for (int i = 0; !rc && i < LARGE_EVENTS; i++)
        rc = event_add(
            tx,
            &(struct event){
                .kind = "test.large", .subject = "test/large", .before = arg, .after = arg },
            err);
    return rc;
}

/* Together they are more than a stream may hold in memory. */
TEST(native_stream_of_large_events_goes_on)
{
    struct request rq;
    set_up();
    char *large = arena_try_alloc(&arena, 1, LARGE_TEXT + 3);
    char *got = arena_try_alloc(&arena, 1, 64 << 20);
    size_t n = 0, seen = 0;
    memset(large, 'x', LARGE_TEXT + 2);
    large[0] = large[LARGE_TEXT + 1] = '"';
    large[LARGE_TEXT + 2] = '\0';
    CHECK_OK(store_write(app->store, add_large_events, large, err));
    request_init(&rq);
    rq.method = STR("GET");
    rq.actor = "user:ann";
    CHECK_OK(request_set_target(&rq, STR("/api/v1/events?after=0"), err));
    app_dispatch(app, &rq);
    CHECK(rq.stream);
    for (int64_t k; (k = rq.stream(&rq, got + n, (64 << 20) - n)) != REQUEST_WAIT; n += (size_t)k)
        CHECK(k > 0);
    rq.stream_end(&rq);
    rq.stream = NULL;
    for (size_t at, from = 0;
         (at = str_find((str_t){ got + from, n - from }, "event: test.large")) != SIZE_MAX;
         from += at + 1)
        seen++;
    CHECK_INT(seen, LARGE_EVENTS);
    CHECK(n > (size_t)2 * LARGE_EVENTS * LARGE_TEXT); /* and nothing of them is left out */
    request_fini(&rq);
    tear_down();
}
