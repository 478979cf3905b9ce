/* SPDX-License-Identifier: Apache-2.0
 * Deploy, promote, roll back over a real store; the serving table follows; the native handlers. */
#include "rollout_test.h"

#include <unistd.h>

#include "api/tables.h"
#include "rollout/follow.h"
#include "store/home.h"

static struct fact the_fact;

static int add_fact(struct tx *tx, void *arg, struct err *err)
{
    return fact_add(tx, arg, err);
}

TEST(moves_and_refusals)
{
    struct app *app = open_app(APP_WRITE);
    want(app, "PUT /api/v1/endpoints/e {\"model\":\"m\"}", 404, "'m'");
    for (int i = 1; i <= 3; i++)
        CHECK_INT(add_version(app, i * 100, i == 3 ? 0 : 1, 0), i);
    want(app, "PUT /api/v1/endpoints/e {}", 400, "'model' is missing");
    want(app, "PUT /api/v1/endpoints/a:b {\"model\":\"m\"}", 400, "INVALID");
    want(app, "GET /api/v1/endpoints/e", 404, "endpoint 'e' not found; there is none yet");
    want(app, "PUT /api/v1/endpoints/e {\"model\":\"m\",\"version\":1,\"reason\":\"first\"}", 201,
         "\"version\":\"1\"");
    CHECK(strstr(answer, "\"state\":\"not_served\"") &&
          strstr(answer, "\"previous_version\":null"));
    CHECK(strstr(answer, "\"action\":\"deploy\"") && strstr(answer, "\"reason\":\"first\""));
    want(app, "PUT /api/v1/endpoints/e {\"model\":\"m\",\"version\":\"1\"}", 200,
         "\"version\":\"1\"");
    want(app, "POST /api/v1/endpoints/e:promote {\"version\":\"9\"}", 404, "9");
    want(app, "POST /api/v1/endpoints/e:promote {}", 409, "did not pass its gates");
    want(app, "POST /api/v1/endpoints/e:promote {\"version\":\"1\"}", 409,
         "version '1' is already serving on endpoint 'e'");
    want(app, "POST /api/v1/endpoints/e:rollback", 409, "no earlier version");
    want(app, "POST /api/v1/endpoints/e:promote {\"version\":\"2\"}", 200, "\"version\":\"2\"");
    CHECK(strstr(answer, "\"previous_version\":\"1\""));
    want(app, "POST /api/v1/endpoints/x:promote {}", 404,
         "endpoint 'x' not found; did you mean 'e'?");
    want(app, "POST /api/v1/endpoints/e:rollback {\"version\":\"3\"}", 409,
         "was not served by endpoint 'e' before: use promote");
    want(app, "PUT /api/v1/endpoints/e {\"model\":\"m\",\"version\":\"3\"}", 200,
         "\"version\":\"3\""); /* deploy may do what promote may not */
    want(app, "POST /api/v1/endpoints/e:rollback", 200, "\"version\":\"2\"");
    want(app, "POST /api/v1/endpoints/e:rollback", 200, "\"version\":\"1\"");
    want(app, "POST /api/v1/endpoints/e:rollback", 409, "no earlier version");
    want(app, "POST /api/v1/endpoints/e:promote {\"version\":\"2\"} ", 200, "\"version\":\"2\"");
    want(app, "PUT /api/v1/endpoints/e {\"model\":\"m\",\"version\":\"3\"}", 200,
         "\"version\":\"3\"");
    want(app, "POST /api/v1/endpoints/e:rollback {\"version\":\"1\"}", 200,
         "\"previous_version\":null");
    want(app, "GET /api/v1/endpoints?filter=name%20LIKE%20'e%25'%20AND%20version%20=%201", 200,
         "\"name\":\"e\"");
    want(app, "GET /api/v1/endpoints?filter=version%20%3E%201", 200, "\"items\":[]");
    want(app, "GET /api/v1/endpoints?filter=modle=1", 400, "did you mean 'model'");
    want(app, "GET /api/v1/endpoints?limit=0", 400, "'limit'");
    want(app, "DELETE /api/v1/endpoints/e", 200, "{}");
    want(app, "DELETE /api/v1/endpoints/e", 404, "not found");
    app_close(app);
}

TEST(facts_gate_a_promotion)
{
    struct app *app = open_app(APP_WRITE);
    char digest[SHA256_HEX];
    CHECK_INT(add_version(app, 1, -1, 0), 1);
    CHECK_INT(add_version(app, 2, -1, 0), 2);
    put_model(app, &(struct new_model){ .shift = 2, .broken = 0 }, digest);
    want(app, "PUT /api/v1/endpoints/e {\"model\":\"m\",\"version\":1}", 201, "");
    the_fact = (struct fact){ .digest = digest,
                              .name = "gate.approval",
                              .value = "{\"passed\":false,\"message\":\"nobody said yes\"}",
                              .producer = "user:eve" };
    CHECK_OK(store_write(app->store, add_fact, &the_fact, err));
    want(app, "POST /api/v1/endpoints/e:promote", 409,
         "did not pass 'gate.approval': nobody said yes (by user:eve)");
    the_fact.value = "{\"passed\":true}";
    CHECK_OK(store_write(app->store, add_fact, &the_fact, err));
    want(app, "POST /api/v1/endpoints/e:promote", 200, "\"version\":\"2\"");
    app_close(app);
}

TEST(predict_without_a_server)
{
    struct app *app = open_app(APP_WRITE);
    CHECK_INT(add_version(app, 5, 1, 0), 1);
    want(app, "PUT /api/v1/endpoints/e {\"model\":\"m\"}", 201, "");
    want(app, "POST /api/v1/endpoints/f:predict {\"instances\":[[1]]}", 404,
         "endpoint 'f' not found; did you mean 'e'?");
    want(app, "POST /api/v1/endpoints/e:predict {\"instances\":[{\"x\":1}]}", 200,
         "{\"predictions\":[6.0]}");
    want(app, "POST /api/v1/endpoints/e:predict {}", 400, "must have one of");
    want(app, "POST /v1/models/e:predict {\"instances\":[1,2]}", 200,
         "{\"predictions\":[6.0,7.0]}");
    want(app, "POST /v1/models/m:predict {\"inputs\":{\"x\":[1]}}", 200, "{\"outputs\":[6.0]}");
    want(app, "POST /v1/models/m/versions/7:predict {\"instances\":[1]}", 404,
         "{\"error\":\"Servable not found for request: Specific(m, 7): ");
    want(app, "POST /v1/models/q:predict {\"instances\":[1]}", 404,
         "Servable not found for request: Latest(q): no endpoint 'q'");
    want(app, "POST /v1/models/m:predict {}", 400,
         "{\"error\":\"Missing 'inputs' or 'instances' key\"}");
    want(app, "POST /v1/models/m:predict {\"signature_name\":\"other\",\"instances\":[1]}", 400,
         "not found in signature def");
    want(app, "POST /v1/models/m:classify {}", 400,
         "Malformed request: POST /v1/models/m:classify");
    want(app, "GET /v1/models/e", 200,
         "{\"model_version_status\":[{\"version\":\"1\",\"state\":\"AVAILABLE\",\"status\":{"
         "\"error_code\":\"OK\",\"error_message\":\"\"}}]}");
    want(app, "GET /v1/models/zz", 404, "Could not find any versions of model zz");
    want(app, "GET /v1/models/e/versions/8", 404, "Could not find version 8 of model e");
    want(app, "GET /v1/models", 400, "Missing model name in request.");
    want(app, "GET /v1/models/e/metadata", 200,
         "\"x\":{\"dtype\":\"DT_DOUBLE\",\"tensor_shape\":{\"dim\":[{\"size\":\"-1\",\"name\":\"\"}"
         "]");
    want(app,
         "POST /endpoints/e/invocations {\"dataframe_split\":{\"columns\":[\"x\"],\"data\":[[2]]}}",
         200, "{\"predictions\":[7.0]}");
    want(app, "POST /endpoints/e/invocations [1]", 400,
         "{\"error_code\":\"BAD_REQUEST\",\"message\":\"the body must be a JSON object");
    want(app, "POST /endpoints/e/invocations {}", 400,
         "The input must be a JSON dictionary with exactly one of the input fields");
    want(app, "POST /endpoints/zz/invocations {\"instances\":[1]}", 404, "RESOURCE_DOES_NOT_EXIST");
    want(app, "POST /api/v1/models/m/versions/1:predict {\"instances\":[1]}", 200,
         "{\"predictions\":[6.0]}");
    want(app, "POST /api/v1/models/m/versions/@champion:predict {\"instances\":[1]}", 200,
         "{\"predictions\":[6.0]}");
    want(app, "POST /api/v1/models/m/versions/4:predict {\"instances\":[1]}", 404, "4");
    want(app, "GET /v1/models/m:predict", 405, "only POST");
    want(app, "POST /invocations {\"instances\":[1]}", 200, "{\"predictions\":[6.0]}");
    want(app, "GET /ping", 200, "\n");
    app_close(app);
}

static void wait_for(struct app *app, const char *text)
{
    for (int i = 0; i < 2000; i++) {
        CHECK_INT(ask(app, "GET", "/api/v1/endpoints/e", ""), 200);
        if (strstr(answer, text))
            return;
        (void)usleep(5000);
    }
    TEST_FAIL("never saw %s: %s", text, answer);
}

/* No command can: the endpoint's rule refuses. Here its row is taken out and put back. */
static int remove_model(struct tx *tx, void *arg, struct err *err)
{
    struct endpoint_row row;
    struct arena a;
    arena_init(&a, 1 << 20);
    CHECK_INT(endpoint_get(tx, &a, "default", "e", &row, err), 0);
    int rc = endpoint_remove(tx, row.id, err);
    if (!rc)
        rc = model_delete(tx, CAUSE_SYSTEM, arg, err);
    if (!rc)
        rc = endpoint_insert(tx, &row, err);
    arena_fini(&a);
    return rc;
}

TEST(a_model_made_again_is_another_one)
{
    struct app *app = open_app(APP_SERVER);
    CHECK_OK(app_serve_open(app, err));
    CHECK_INT(add_version(app, 10, 1, 0), 1);
    want(app, "PUT /api/v1/endpoints/e {\"model\":\"m\"}", 201, "");
    wait_for(app, "\"state\":\"ready\"");
    want(app, "POST /v1/models/e:predict {\"instances\":[1]}", 200, "[11.0]");
    char name[] = "m";
    CHECK_OK(store_write(app->store, remove_model, name, err));
    want(app, "POST /v1/models/e:predict {\"instances\":[1]}", 200, "[11.0]");
    CHECK_INT(add_version(app, 20, 1, 0), 1);
    for (int i = 0; i < 2000 && !strstr(answer, "[21.0]"); i++) {
        CHECK_INT(ask(app, "POST", "/v1/models/e:predict", "{\"instances\":[1]}"), 200);
        (void)usleep(5000);
    }
    want(app, "POST /v1/models/e:predict {\"instances\":[1]}", 200, "[21.0]");
    app_close(app);
}

static int rename_model(struct tx *tx, void *arg, struct err *err)
{
    (void)arg;
    return model_rename(tx, CAUSE_SYSTEM, "m", "n", err);
}

static int check_unused(struct tx *tx, void *arg, struct err *err)
{
    return endpoint_check_unused(tx, "default", arg, 0, err);
}

TEST(endpoints_follow_a_renamed_model)
{
    struct app *app = open_app(APP_SERVER);
    struct err refused = ERR_INIT;
    CHECK_OK(app_serve_open(app, err));
    CHECK_INT(add_version(app, 10, 1, 0), 1);
    CHECK_INT(add_version(app, 20, 1, 0), 2);
    want(app, "PUT /api/v1/endpoints/e {\"model\":\"m\",\"version\":1}", 201, "");
    want(app, "POST /api/v1/endpoints/e:promote {}", 200, "");
    CHECK_OK(store_write(app->store, rename_model, NULL, err));
    wait_for(app, "\"state\":\"ready\"");
    want(app, "GET /api/v1/endpoints/e", 200, "\"model\":\"n\"");
    want(app, "POST /v1/models/n:predict {\"instances\":[1]}", 200, "[21.0]");
    want(app, "POST /api/v1/endpoints/e:rollback {}", 200, "\"version\":\"1\"");
    char name[] = "n", other[] = "m";
    CHECK_INT(store_read(app->store, check_unused, name, &refused), ERR_CONFLICT);
    CHECK(strstr(refused.msg, "endpoint 'e'"));
    CHECK_OK(store_read(app->store, check_unused, other, err));
    app_close(app);
}

static int concerned(struct tx *tx, void *arg, struct err *err)
{
    static const struct {
        const char *kind;
        int want;
    } cases[] = {
        { "run.created", 0 },     { "run.status_changed", 0 },   { "experiment.created", 0 },
        { "webhook.created", 0 }, { "view.saved", 0 },           { "model_version.created", 1 },
        { "model.alias_set", 1 }, { "model_version.purged", 1 }, { "endpoint.promoted", 1 },
        { "rollout.step", 1 },    { "something.new", 1 },
    };
    int64_t seq = 0;
    int out;
    (void)arg;
    int rc = endpoint_concerned(tx, &seq, &out, err);
    for (size_t i = 0; i < ARRAY_LEN(cases) && !rc; i++) {
        struct event e = event_of(CAUSE_SYSTEM, cases[i].kind, "x/1");
        rc = event_add(tx, &e, err);
        if (!rc)
            rc = endpoint_concerned(tx, &seq, &out, err);
        if (!rc && out != cases[i].want)
            TEST_FAIL("%s: %d", cases[i].kind, out);
        if (!rc)
            rc = endpoint_concerned(tx, &seq, &out, err);
        CHECK_INT(out, 0); /* nothing since */
    }
    return rc;
}

TEST(events_about_runs_do_not_concern_endpoints)
{
    struct app *app = open_app(APP_WRITE);
    CHECK_OK(store_write(app->store, concerned, NULL, err));
    app_close(app);
}

TEST(a_server_follows)
{
    struct app *app = open_app(APP_SERVER);
    CHECK_OK(app_serve_open(app, err));
    CHECK_INT(add_version(app, 10, 1, 0), 1);
    CHECK_INT(add_version(app, 20, 1, 1), 2); /* its file is cut */
    CHECK_INT(add_version(app, 30, 1, 0), 3);
    want(app, "PUT /api/v1/endpoints/e {\"model\":\"m\",\"version\":2}", 201, "");
    wait_for(app, "\"state\":\"failed\"");
    want(app, "POST /v1/models/e:predict {\"instances\":[1]}", 503,
         "endpoint 'e' serves nothing yet: ");
    want(app, "PUT /api/v1/endpoints/e {\"model\":\"m\",\"version\":1}", 200, "");
    wait_for(app, "\"state\":\"ready\"");
    want(app, "POST /v1/models/e:predict {\"instances\":[1]}", 200, "[11.0]");
    want(app, "POST /api/v1/endpoints/e:promote {\"version\":2}", 200, "");
    wait_for(app, "\"state\":\"failed\"");
    CHECK(strstr(answer, "\"serving_version\":\"1\"") && !strstr(answer, "\"state_reason\":null"));
    want(app, "POST /v1/models/e:predict {\"instances\":[1]}", 200, "[11.0]");
    want(app, "POST /api/v1/endpoints/e:promote {}", 200, "");
    wait_for(app, "\"serving_version\":\"3\"");
    want(app, "POST /v1/models/e:predict {\"instances\":[1]}", 200, "[31.0]");
    want(app, "GET /metrics", 200,
         "slipway_endpoint_requests_total{endpoint=\"e\",model=\"m\",version=\"3\"} 1\n");
    want(app, "DELETE /api/v1/endpoints/e", 200, "");
    for (int i = 0; i < 2000 && ask(app, "GET", "/v1/models/e", "") == 200; i++)
        (void)usleep(5000);
    want(app, "GET /v1/models/e", 404, "Could not find");
    app_close(app);
}

TEST(every_route_is_documented)
{
    size_t n;
    const struct route_table *const *tables = app_routes(&n);
    CHECK_OK(route_check_tables(tables, n, err));
    tables = app_data_routes(&n);
    CHECK_OK(route_check_tables(tables, n, err));
}
