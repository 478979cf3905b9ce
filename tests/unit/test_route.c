/* SPDX-License-Identifier: Apache-2.0
 * Route matching, refusals with a way out, documentation lines, OpenAPI, metrics text. */
#include "test.h"

#include "access/guard.h"
#include "api/app.h"
#include "api/metrics.h"
#include "api/route.h"
#include "base/fs.h"
#include "base/limits.h"

static int answer(struct request *rq, struct err *err)
{
    (void)err;
    for (size_t i = 0; i < rq->params_n; i++)
        buf_printf(&rq->out, "%.*s=%.*s;", STR_ARG(rq->params[i].key),
                   STR_ARG(rq->params[i].value));
    return 0;
}

static int fail(struct request *rq, struct err *err)
{
    buf_puts(&rq->out, "half an answer");
    return ERR(err, ERR_CONFLICT, "version '2' is already serving");
}

#define ROUTE(method, pattern, permission, handler, op)                                            \
    {                                                                                              \
        method, pattern, permission, handler, ROUTE_WORKER, 0, "Does it.", NULL,                   \
            "ok! boolean: Done.", op                                                               \
    }

static const struct route first[] = {
    ROUTE("GET", "/api/v1/models", "model.read", answer, "modelList"),
    ROUTE("GET", "/api/v1/models/{name}", "model.read", answer, "modelGet"),
    ROUTE("GET", "/api/v1/models/{name}/versions/{version}", "model.read", answer, "versionGet"),
    ROUTE("GET", "/api/v1/models/{name}/versions/{version}/files/{path*}", "model.read", answer,
          "fileGet"),
    ROUTE("PUT", "/api/v1/endpoints/{name}", "endpoint.write", answer, "endpointPut"),
    ROUTE("POST", "/api/v1/endpoints/{name}:promote", "endpoint.write", fail, "endpointPromote"),
};

static int other_error(struct request *rq)
{
    return (int)rq->out.n;
}

static void write_other(struct request *rq, const struct err *err)
{
    (void)other_error(rq);
    buf_printf(&rq->out, "{\"error\": \"%s\"}", err->msg);
}

static const struct route second[] = {
    ROUTE("POST", "/v1/models/{name}:predict", "endpoint.predict", answer, "predict"),
    ROUTE("POST", "/v1/models/{name}/versions/{version}:predict", "endpoint.predict", answer,
          "predictVersion"),
    ROUTE("GET", "/api/v1/models", "public", fail, "shadowed"),
};

static const struct route_table one = { "native", first, ARRAY_LEN(first), route_error_native };
static const struct route_table two = { "other", second, ARRAY_LEN(second), write_other };
static const struct route_table *const tables[] = { &one, &two };

static void ask(struct request *rq, const char *method, const char *target)
{
    request_init(rq);
    rq->method = str_of(method);
    CHECK_OK(request_set_target(rq, str_of(target), err));
    route_dispatch(tables, ARRAY_LEN(tables), rq);
}

static void check(const char *method, const char *target, int status, const char *want)
{
    struct request rq;
    ask(&rq, method, target);
    if (rq.status != status || !strstr(rq.out.p ? rq.out.p : "", want))
        TEST_FAIL("%s %s: %d %s; want %d %s", method, target, rq.status, rq.out.p, status, want);
    request_fini(&rq);
}

TEST(routes_match)
{
    check("GET", "/api/v1/models/a", 200, "name=a;");
    check("GET", "//api/v1//models/a", 200, "name=a;");
    check("GET", "/api/v1/models/a/versions/@champion", 200, "name=a;version=@champion;");
    check("GET", "/api/v1/models/a/versions/1/files/x/y.txt", 200, "path=x/y.txt;");
    check("POST", "/v1/models/m:predict", 200, "name=m;");
    check("POST", "/v1/models/a:b:predict", 200, "name=a:b;");
    check("POST", "/v1/models/m/versions/3:predict", 200, "name=m;version=3;");
}

TEST(unknown_paths_get_a_suggestion)
{
    check("GET", "/api/v1/modles", 404, "did you mean '/api/v1/models'?");
    check("GET", "/api/v1/models/a/version/3", 404, "did you mean '/api/v1/models/a/versions/3'?");
    check("POST", "/api/v1/endpoints/a:promte", 404, "did you mean '/api/v1/endpoints/a:promote'?");
    check("GET", "/nothing/like/it/here", 404, "no route for GET");
    check("GET", "/api/v1/models/", 404, "no route");
    check("POST", "/v1/models/m:predicts", 404,
          "{\"error\": \"no route for POST '/v1/models/m:predicts'; did you mean "
          "'/v1/models/m:predict'?\"}");
}

TEST(wrong_methods_are_told_the_right_ones)
{
    struct request rq;
    ask(&rq, "DELETE", "/api/v1/models/a");
    CHECK_INT(rq.status, 405);
    CHECK_INT(rq.out_headers_n, 1);
    CHECK_VIEW(rq.out_headers[0].key, "Allow");
    CHECK_VIEW(rq.out_headers[0].value, "GET, HEAD");
    CHECK(strstr(rq.out.p, "\"code\":\"INVALID\""));
    request_fini(&rq);
}

TEST(the_first_table_owns_a_path)
{
    struct request rq;
    ask(&rq, "GET", "/api/v1/models");
    CHECK_INT(rq.status, 200);
    request_fini(&rq);
}

TEST(a_failing_handler_answers_in_its_protocol)
{
    struct request rq;
    ask(&rq, "POST", "/api/v1/endpoints/a:promote");
    CHECK_INT(rq.status, 409);
    CHECK(!strstr(rq.out.p, "half"));
    CHECK(strstr(rq.out.p, "{\"code\":\"CONFLICT\",\"message\":\"version '2' is already "
                           "serving\",\"hint\":null,\"request_id\":\""));
    request_fini(&rq);
}

TEST(permissions_are_checked)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/tokens", test_tmpdir());
    CHECK_OK(fs_write_atomic(
        path, STR("0123456789abcdef0123 reader\nfedcba9876543210fedc editor ci\n"), err));
    struct tokens *tokens = NULL;
    CHECK_OK(tokens_load(&tokens, path, err));
    struct app app = { .magic = APP_MAGIC };
    struct guard g = { .tokens = tokens };
    (void)cell_swap(&app.guard, &g);
    static const struct {
        const char *authorization, *method;
        int status;
        const char *actor;
    } cases[] = { { NULL, "PUT", 401, "anonymous" },
                  { "Bearer guess", "PUT", 401, "anonymous" },
                  { "Bearer 0123456789abcdef0123", "PUT", 403, NULL },
                  { "Bearer 0123456789abcdef0123", "GET", 404, NULL },
                  { "Bearer fedcba9876543210fedc", "PUT", 200, "token:ci" } };
    route_set_access(door_access);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct request rq;
        struct pair h = { STR("authorization"), str_of(cases[i].authorization) };
        request_init(&rq);
        rq.method = str_of(cases[i].method);
        rq.headers = &h;
        rq.app = &app;
        rq.headers_n = cases[i].authorization ? 1 : 0;
        CHECK_OK(request_set_target(
            &rq, str_of(cases[i].status == 404 ? "/nowhere" : "/api/v1/endpoints/a"), err));
        route_dispatch(tables, 2, &rq);
        if (rq.status != cases[i].status)
            TEST_FAIL("case %zu: %d %s", i, rq.status, rq.out.p);
        if (cases[i].actor)
            CHECK_STR(rq.actor, cases[i].actor);
        request_fini(&rq);
    }
    tokens_free(tokens);
}

TEST(bodies_past_the_limit_are_refused_in_process_too)
{
    struct request rq;
    request_init(&rq);
    rq.method = STR("PUT");
    rq.body = STR("{}");
    CHECK_OK(request_set_target(&rq, STR("/api/v1/endpoints/a"), err));
    route_dispatch(tables, 2, &rq);
    CHECK_INT(rq.status, 413);
    request_fini(&rq);
}

TEST(tables_are_checked)
{
    struct route bad = first[0];
    struct route_table t = { "bad", &bad, 1, NULL };
    const struct route_table *const list[] = { &t };
    CHECK_OK(route_check_tables(tables, 2, err));
    struct err err = ERR_INIT;
    bad.permission = NULL;
    CHECK_INT(route_check_tables(list, 1, &err), ERR_INTERNAL);
    CHECK(strstr(err.msg, "has no permission"));
    bad = first[0];
    bad.response_doc = "name";
    CHECK_INT(route_check_tables(list, 1, &err), ERR_INVALID);
    bad = first[0];
    bad.body_limit = 10;
    CHECK_INT(route_check_tables(list, 1, &err), ERR_INTERNAL);
}

TEST(documentation_lines)
{
    str_t doc = STR("\nname! string: The name: short.\n  inner [integer]\n?limit int: At "
                    "most.\ntext/plain: words\n");
    struct route_field f;
    CHECK_INT(route_field_next(&doc, &f, NULL), 1);
    CHECK_VIEW(f.name, "name");
    CHECK_VIEW(f.type, "string");
    CHECK_VIEW(f.text, "The name: short.");
    CHECK_INT(f.required, 1);
    CHECK_INT(route_field_next(&doc, &f, NULL), 1);
    CHECK_INT(f.indent, 1);
    CHECK_VIEW(f.type, "[integer]");
    CHECK_INT(route_field_next(&doc, &f, NULL), 1);
    CHECK_INT(f.is_query, 1);
    CHECK_INT(route_field_next(&doc, &f, NULL), 1);
    CHECK_VIEW(f.type, "text/plain");
    CHECK_VIEW(f.name, "");
    CHECK_INT(route_field_next(&doc, &f, NULL), 0);
}

TEST(openapi_is_whole)
{
    static const struct route rows[] = {
        { "GET", "/a/{id}", "a.read", answer, ROUTE_WORKER, 0, "Reads.", "limit integer: How many.",
          "items! [object]: All.\n  name! string: N.\n  kind low|high: K.\n  size "
          "integer|null\nmore map(number)",
          "aGet" },
        { "PUT", "/a/{id}", "a.write", answer, ROUTE_WORKER, 10, "Writes.",
          "?dry boolean\nname! string: N.", "text/plain: OK", "aPut" },
    };
    static const struct route_table t = { "a", rows, 2, NULL };
    const struct route_table *const list[] = { &t };
    struct buf b;
    struct arena a;
    struct json doc;
    buf_init(&b, MIB(1));
    arena_init(&a, MIB(4));
    CHECK_OK(openapi_write(list, 1, "http://x", &b, err));
    CHECK_OK(json_parse(&a, buf_view(&b), NULL, &doc, err));
    const struct json *paths = json_get(&doc, "paths");
    CHECK_INT(paths->n, 1);
    const struct json *get = json_get(json_get(paths, "/a/{id}"), "get"),
                      *put = json_get(json_get(paths, "/a/{id}"), "put");
    CHECK_STR(json_get_string(get, "operationId", ""), "aGet");
    CHECK_INT(json_get(get, "parameters")->n, 2);
    CHECK_INT(json_get(put, "parameters")->n, 2);
    const struct json *schema =
        json_path(json_get(json_path(get, "responses.200.content"), "application/json"), "schema");
    CHECK_STR(json_get_string(json_path(schema, "properties.items.items"), "type", ""), "object");
    CHECK_INT(json_path(schema, "properties.items.items.properties")->n, 3);
    CHECK_INT(json_path(schema, "properties.items.items.properties.kind.enum")->n, 2);
    CHECK_INT(json_path(schema, "properties.items.items.properties.size.anyOf")->n, 2);
    CHECK_STR(
        json_get_string(json_path(schema, "properties.more.additionalProperties"), "type", ""),
        "number");
    CHECK(json_get(json_path(put, "responses.200.content"), "text/plain"));
    buf_fini(&b);
    arena_fini(&a);
}

/* A small reader of the Prometheus text format: names, labels, numbers, HELP and TYPE before
 * samples. */
static size_t check_metrics(str_t text)
{
    size_t samples = 0;
    char type[200] = "";
    while (text.n) {
        str_t line, rest;
        CHECK(str_cut(text, '\n', &line, &rest));
        text = rest;
        if (str_starts(line, "# HELP "))
            continue;
        if (str_starts(line, "# TYPE ")) {
            str_t name, kind;
            CHECK(str_cut((str_t){ line.p + 7, line.n - 7 }, ' ', &name, &kind));
            CHECK(str_is(kind, "counter") || str_is(kind, "gauge") || str_is(kind, "histogram"));
            (void)snprintf(type, sizeof type, "%.*s", STR_ARG(name));
            continue;
        }
        size_t n = 0;
        while (n < line.n && line.p[n] != '{' && line.p[n] != ' ')
            n++;
        CHECK(n > 0 && n < line.n);
        if (!str_starts(line, type))
            TEST_FAIL("sample '%.*s' after type '%s'", STR_ARG(line), type);
        const char *p = line.p + n, *end = line.p + line.n;
        if (*p == '{') {
            int quoted = 0;
            for (p++; p < end && (quoted || *p != '}'); p++) {
                if (quoted && *p == '\\')
                    p++;
                else if (*p == '"')
                    quoted = !quoted;
            }
            CHECK(p < end);
            p++;
        }
        CHECK(*p == ' ');
        char *stop;
        (void)strtod(p + 1, &stop);
        CHECK(stop == end);
        samples++;
    }
    return samples;
}

TEST(metrics_text)
{
    struct buf b;
    struct request rq;
    buf_init(&b, MIB(1));
    metrics_init(tables, ARRAY_LEN(tables));
    for (int i = 0; i < 3; i++) {
        ask(&rq, "GET", i == 2 ? "/nowhere" : "/api/v1/models/a");
        metrics_request(NULL, &rq, i * 3000000);
        request_fini(&rq);
    }
    metrics_write_http(&b);
    metrics_write_process(&b, 1000);
    CHECK(check_metrics(buf_view(&b)) > 30);
    CHECK(strstr(b.p, "slipway_http_requests_total{method=\"GET\",route=\"/api/v1/models/"
                      "{name}\",code=\"2xx\"} 2\n"));
    CHECK(strstr(b.p, "slipway_http_requests_total{method=\"\",route=\"none\",code=\"4xx\"} 1\n"));
    CHECK(strstr(b.p, "route=\"/api/v1/models/{name}\",le=\"0.005\"} 2\n"));
    CHECK(strstr(b.p, "route=\"/api/v1/models/{name}\",le=\"0.0025\"} 1\n"));
    CHECK(strstr(b.p, "route=\"/api/v1/models/{name}\",le=\"+Inf\"} 2\n"));
    CHECK(metrics_rss_bytes() > 100000);
    buf_clear(&b);
    metrics_label(&b, "x", "a\"b\\c\nd", 1);
    CHECK_STR(b.p, "x=\"a\\\"b\\\\c\\nd\"");
    buf_fini(&b);
}
