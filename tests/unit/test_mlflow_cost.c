/* SPDX-License-Identifier: Apache-2.0
 * What writing through MLflow's routes costs in statements of the database, dispatched in process:
 * a guard against a look-up more for each metric, parameter or tag. */
#include "test.h"

#include "api/app.h"
#include "api/route.h"
#include "codec/json.h"
#include "store/store.h"

static struct app *app;
static struct arena arena;

static int statements_so_far(struct tx *tx, void *arg, struct err *err)
{
    (void)err;
    *(int64_t *)arg = tx_statements(tx);
    return 0;
}

static int64_t statements(void)
{
    int64_t n = 0;
    CHECK_OK(store_write(app->store, statements_so_far, &n, err));
    return n;
}

/* Posts, wants 200, returns how many statements the writer ran; *out (optional) the answer. */
static int64_t cost(const char *path, const char *body, struct json *out)
{
    struct pair header = { STR("content-type"), STR("application/json") };
    struct request rq;
    int64_t before = statements();
    request_init(&rq);
    rq.method = STR("POST");
    rq.actor = "user:ann";
    rq.headers = &header;
    rq.headers_n = 1;
    rq.body = str_of(body);
    CHECK_INT(request_set_target(&rq, str_of(path), NULL), 0);
    app_dispatch(app, &rq);
    if (rq.status != 200)
        TEST_FAIL("%s: %d %.*s", path, rq.status, STR_ARG(buf_view(&rq.out)));
    if (out)
        CHECK_OK(json_parse(&arena, arena_str(&arena, buf_view(&rq.out)), NULL, out, err));
    request_fini(&rq);
    return statements() - before;
}

static const char *batch(const char *run, int step)
{
    struct buf b;
    buf_init(&b, 100000);
    buf_printf(&b, "{\"run_id\":\"%s\",\"metrics\":[", run);
    for (int i = 0; i < 20; i++)
        buf_printf(&b, "%s{\"key\":\"m%d\",\"value\":%d.5,\"timestamp\":%d,\"step\":%d}",
                   i ? "," : "", i, i, 1000 + step, step);
    buf_puts(&b, "],\"params\":[");
    for (int i = 0; i < 10; i++)
        buf_printf(&b, "%s{\"key\":\"p%d\",\"value\":\"v\"}", i ? "," : "", i);
    buf_puts(&b, "],\"tags\":[");
    for (int i = 0; i < 5; i++)
        buf_printf(&b, "%s{\"key\":\"t%d\",\"value\":\"v\"}", i ? "," : "", i);
    buf_puts(&b, "]}");
    const char *text = arena_strndup(&arena, b.p, b.n);
    buf_fini(&b);
    return text;
}

TEST(mlflow_writes_run_few_statements)
{
    const char *dir = test_tmpdir();
    struct json v = { 0 };
    arena_init(&arena, 16 << 20);
    CHECK_OK(app_open(&app, &(struct app_options){ .mode = APP_WRITE, .data_dir = dir }, err));
    CHECK(cost("/api/2.0/mlflow/runs/create", "{\"experiment_id\":\"0\",\"run_name\":\"x\"}", &v) <=
          7);
    const char *run = json_get_string(json_get(json_get(&v, "run"), "info"), "run_id", "");
    CHECK_INT(strlen(run), 32);
    /* Is the run active, known parameters, known metrics; then one for each thing. */
    CHECK(cost("/api/2.0/mlflow/runs/log-batch", batch(run, 0), NULL) <= 3 + 20 + 10 + 5);
    CHECK(cost("/api/2.0/mlflow/runs/log-batch", batch(run, 1), NULL) <= 3 + 20 + 5);
    int64_t sum = 0;
    for (int i = 2; i < 66; i++) /* with the moves of full tails into blocks */
        sum += cost("/api/2.0/mlflow/runs/log-batch", batch(run, i), NULL);
    CHECK(sum <= 64 * (3 + 20 + 5 + 5));
    /* The same point again, however old, asks one more for its block. */
    CHECK(cost("/api/2.0/mlflow/runs/log-metric",
               arena_printf(&arena,
                            "{\"run_id\":\"%s\",\"key\":\"m3\",\"value\":1,\"timestamp\":"
                            "9000,\"step\":9000}",
                            run),
               NULL) <= 3);
    CHECK(cost("/api/2.0/mlflow/runs/log-metric",
               arena_printf(&arena,
                            "{\"run_id\":\"%s\",\"key\":\"m3\",\"value\":3.5,\"timestamp\":"
                            "1002,\"step\":2}",
                            run),
               NULL) <= 3);
    app_close(app);
    arena_fini(&arena);
}
