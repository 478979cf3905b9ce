/* SPDX-License-Identifier: Apache-2.0
 * Routes that belong to the process itself: health, version, readiness, metrics, the OpenAPI
 * document and the JSON Schema of slipway.yaml. */
#include <stdio.h>

#include "api/app.h"
#include "api/metrics.h"
#include "api/tables.h"
#include "base/clock.h"
#include "base/limits.h"
#include "store/store.h"
#include "project/project.h"

static int text(struct request *rq, const char *z)
{
    rq->content_type = "text/plain; charset=utf-8";
    buf_puts(&rq->out, z);
    return 0;
}

static int get_health(struct request *rq, struct err *err)
{
    (void)err;
    return text(rq, "OK");
}

/* MLflow's clients parse this text: the version whose REST API we speak. */
static int get_bare_version(struct request *rq, struct err *err)
{
    (void)err;
    return text(rq, MLFLOW_API_VERSION);
}

static int get_version(struct request *rq, struct err *err)
{
    struct json_out o;
    (void)err;
    route_json(rq, &o);
    jo_object(&o);
    jo_kv_cstr(&o, "version", SLIPWAY_VERSION);
    jo_kv_int(&o, "api", 1);
    jo_kv_cstr(&o, "mlflow_version", MLFLOW_API_VERSION);
    jo_object_end(&o);
    return 0;
}

static int look(struct tx *tx, void *arg, struct err *err)
{
    (void)tx, (void)arg, (void)err;
    return 0;
}

static int check(struct request *rq, int verbose, const char *name, int ok)
{
    if (verbose)
        buf_printf(&rq->out, "[%c]%s %s\n", ok ? '+' : '-', name, ok ? "ok" : "failed");
    return ok;
}

static int get_readyz(struct request *rq, struct err *err)
{
    struct app *app = app_of(rq);
    int verbose = request_query(rq, "verbose").p != NULL, ok = 1;
    (void)err;
    rq->content_type = "text/plain; charset=utf-8";
    ok &= check(rq, verbose, "store", store_read(app->store, look, NULL, NULL) == 0);
    ok &= check(rq, verbose, "endpoints", flag_is_up(&app->ready));
    ok &= check(rq, verbose, "shutdown", !flag_is_up(&app->draining));
    char trouble[480] = "";
    if (app->flow)
        flow_trouble(app->flow, trouble);
    (void)check(rq, verbose, "runs", !trouble[0]); /* told, but predictions do not depend on it */
    if (verbose && trouble[0])
        buf_printf(&rq->out, "    %s\n", trouble);
    rq->status = ok ? 200 : 503;
    buf_puts(&rq->out, verbose ? (ok ? "readyz check passed\n" : "readyz check failed\n")
                       : ok    ? "ok"
                               : "not ready");
    return 0;
}

static void write_listener(struct buf *b, const char *name, const struct http_server *s)
{
    struct http_stats st;
    if (!s)
        return;
    http_server_stats(s, &st);
    metrics_write_listener(b, name, &st);
}

static int get_metrics(struct request *rq, struct err *err)
{
    struct app *app = app_of(rq);
    (void)err;
    struct buf text;
    buf_init(&text, LIMIT_RESPONSE);
    metrics_write_process(&text, app->started_ms);
    write_listener(&text, "http", app->main_http);
    write_listener(&text, "dataplane", app->data_http);
    metrics_write_http(&text);
    if (app->serve)
        metrics_write_endpoints(&text, app->serve);
    if (app->monitor)
        metrics_write_monitor(&text, app->monitor);
    if (metrics_wants_openmetrics(request_header(rq, "accept"))) {
        rq->content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        metrics_openmetrics(buf_view(&text), &rq->out);
    } else {
        rq->content_type = "text/plain; version=0.0.4; charset=utf-8";
        buf_str(&rq->out, buf_view(&text));
    }
    buf_fini(&text);
    return 0;
}

static int get_schema(struct request *rq, struct err *err)
{
    (void)err;
    project_schema(&rq->out);
    return 0;
}

static int get_openapi(struct request *rq, struct err *err)
{
    size_t n;
    const struct route_table *const *tables = app_routes(&n);
    return openapi_write(tables, n, app_of(rq)->url, &rq->out, err);
}

static const struct route routes[] = {
    { "GET", "/health", "public", get_health, ROUTE_INLINE, 0, "Says OK while the process answers.",
      NULL, "text/plain: OK", "health" },
    { "GET", "/version", "public", get_bare_version, ROUTE_INLINE, 0,
      "The version of MLflow whose REST API this server speaks, as bare text.", NULL,
      "text/plain: A version.", "mlflowVersion" },
    { "GET", "/api/v1/version", "public", get_version, ROUTE_INLINE, 0,
      "Version of the server and of its APIs.", NULL,
      "version! string: Version of Slipway.\napi! integer: Version of the native "
      "API.\nmlflow_version! string: MLflow API level.",
      "version" },
    { "GET", "/livez", "public", get_health, ROUTE_INLINE, 0,
      "Says OK while the process answers; never looks at the store.", NULL, "text/plain: OK",
      "livez" },
    { "POST", "/livez", "public", get_health, ROUTE_INLINE, LIMIT_BODY_PREDICT,
      "Reads a body and says OK: the empty handler that the benchmark compares predictions with.",
      "*/*: anything", "text/plain: OK", "livezPost" },
    { "GET", "/readyz", "public", get_readyz, ROUTE_WORKER, 0,
      "200 when the store answers and the endpoints are loaded, 503 otherwise and while stopping.",
      "verbose string: Lists the single checks.", "text/plain: ok, or one line a check", "readyz" },
    { "GET", "/metrics", "metrics.read", get_metrics, ROUTE_WORKER, 0,
      "Metrics in the Prometheus text format.", NULL, "text/plain: Prometheus text format 0.0.4",
      "metrics" },
    { "GET", "/schema/v1.json", "public", get_schema, ROUTE_WORKER, 0,
      "JSON Schema of slipway.yaml, for editors; `slipway schema` prints the same.", NULL,
      "title! string: What it describes.\nproperties! object: One member a key.", "projectSchema" },
    { "GET", "/openapi.json", "public", get_openapi, ROUTE_WORKER, 0, "This document.", NULL,
      "openapi! string: 3.1.0.\npaths! object: One member a path.", "openapi" },
};

const struct route_table common_routes = { "common", routes, ARRAY_LEN(routes),
                                           route_error_native };
