/* SPDX-License-Identifier: Apache-2.0
 * The message reader, filters, orders, tokens, names and paths of MLflow's API. The expected texts
 * are those of MLflow 3.11.1. */
#include "test.h"

#include "api/mlflow/mlflow.h"

struct call {
    struct request rq;
    struct mlf m;
    struct err err;
};

static void start(struct call *c)
{
    memset(c, 0, sizeof *c);
    request_init(&c->rq);
    c->m.rq = &c->rq;
    c->m.a = &c->rq.arena;
    c->m.err = &c->err;
    c->m.message = (struct json){ .type = JSON_OBJECT };
}

static const char *failure(const struct call *c)
{
    return c->m.failure ? c->m.failure : "";
}

/* ---- messages ---- */

static const struct mlf_enum colours[] = { { "RED", 1 }, { "BLUE", 2 }, { NULL, 0 } };
static const struct mlf_field fields[] = {
    F_STR("name", "rs"),        F_INT("start_time", "i"),
    F_DOUBLE("value", "f"),     F_ENUM("colour", "", colours),
    F_STRS("order_by", "at"),   F_MSGS("metrics", "aM", mlf_metric_fields),
    F_INT("max_results", "i1"), F_END
};

static int echo(struct mlf *m, struct tx *tx)
{
    struct json_out *o = mlf_begin(m);
    size_t n;
    (void)tx;
    jo_kv_cstr(o, "name", mlf_str(m, "name"));
    jo_kv_int(o, "start", mlf_int(m, "start_time", -1));
    jo_kv_double(o, "value", json_get_number(&m->message, "value", -1));
    jo_kv_int(o, "colour", mlf_int(m, "colour", -1));
    (void)mlf_items(m, "order_by", &n);
    jo_kv_int(o, "orders", (int64_t)n);
    return 0;
}

static const char *answer(struct call *c, const char *body)
{
    struct pair header = { STR("content-type"), STR("application/json; charset=utf-8") };
    struct err err = ERR_INIT;
    start(c);
    c->rq.method = STR("POST");
    c->rq.headers = &header;
    c->rq.headers_n = 1;
    c->rq.body = str_of(body);
    if (mlf_serve(&c->rq, echo, MLF_PLAIN, fields, &err))
        return "failed";
    return c->rq.out.p;
}

static int holds(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

TEST(mlflow_message_is_read_as_protobuf_does)
{
    struct call c;
    const char *a = answer(&c, "{\"name\":\"x\",\"start_time\":\"12\",\"value\":\"NaN\","
                               "\"colour\":\"BLUE\",\"order_by\":[\"a\",\"b\"],\"nope\":1}");
    CHECK(holds(a, "\"start\": 12") && holds(a, "\"value\": \"NaN\""));
    CHECK(holds(a, "\"colour\": 2") && holds(a, "\"orders\": 2"));
    request_fini(&c.rq);
    a = answer(&c, "{\"name\":\"x\",\"startTime\":12.0,\"colour\":1,\"value\":true}");
    CHECK(holds(a, "\"start\": 12") && holds(a, "\"colour\": 1") && holds(a, "\"value\": 1.0"));
    request_fini(&c.rq);
    a = answer(&c, "\"{\\\"name\\\": \\\"twice\\\"}\"");
    CHECK(holds(a, "\"name\": \"twice\""));
    request_fini(&c.rq);
}

TEST(mlflow_messages_of_bad_requests)
{
    static const struct {
        const char *body, *part;
    } cases[] = {
        { "{}", "Missing value for required parameter 'name'. See the API docs" },
        { "not json", "Missing value for required parameter 'name'." },
        { "{\"name\":\"\"}", "Missing value for required parameter 'name'." },
        { "{\"name\":5}", "Invalid value 5 for parameter 'name' supplied:  Hint: Value was of type "
                          "'int'." },
        { "{\"name\":[\"\xc3\xa9\"]}", "Invalid value [\\\"\\\\u00e9\\\"] for parameter 'name'" },
        { "{\"name\":\"x\",\"start_time\":\"soon\"}", "Invalid value \\\"soon\\\" for parameter "
                                                      "'start_time'" },
        { "{\"name\":\"x\",\"max_results\":1001}",
          "Invalid value 1001 for parameter 'max_results'" },
        { "{\"name\":\"x\",\"metrics\":[{\"value\":1}]}", "required parameter 'metrics[0].key'" },
        { "{\"name\":\"x\",\"metrics\":[{\"key\":\"a\",\"value\":\"z\",\"timestamp\":1}]}",
          "Invalid value \\\"z\\\" for parameter 'metrics[0].value'" },
        { "{\"name\":\"a\\u0000b\"}", "contains a NUL character" },
        { "[1]", "the body must be a JSON object" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct call c;
        const char *a = answer(&c, cases[i].body);
        CHECK_INT(c.rq.status, 400);
        CHECK(holds(a, cases[i].part));
        request_fini(&c.rq);
    }
}

/* ---- filters ---- */

static const struct {
    enum mlf_grammar g;
    const char *text;
    int n;               /* clauses; -1 = refused */
    const char *failure; /* its beginning */
} filters[] = {
    { MLF_G_RUNS, "", 0, NULL },
    { MLF_G_RUNS, "metrics.acc > 0.5 AND params.`a b` = 'x' and tags.\"k.v\" LIKE '%y'", 3, NULL },
    { MLF_G_RUNS, "run_id IN ('a', 'b')", 1, NULL },
    { MLF_G_RUNS, "params.x IS NOT NULL", 1, NULL },
    { MLF_G_RUNS, "metrics.a > 1 OR metrics.b > 1", -1,
      "Invalid clause(s) in filter string: 'OR'" },
    { MLF_G_RUNS, "foo bar", -1, "Invalid clause(s) in filter string: 'foo bar'" },
    { MLF_G_RUNS, "1 > metrics.a", -1,
      "Invalid comparison clause. Expected 'Identifier' found '1'" },
    { MLF_G_RUNS, "metrics.a = 'x'", -1, "Expected numeric value type for metric. Found 'x'" },
    { MLF_G_RUNS, "foo.bar = 'x'", -1, "Invalid entity type 'foo'." },
    { MLF_G_RUNS, "nope = 'x'", -1, "Invalid attribute key 'nope' specified." },
    { MLF_G_RUNS, "run_id IN ('a', 1)", -1, "While parsing a list in the query, expected string" },
    { MLF_G_EXPERIMENTS, "name like 'a'", -1, "Invalid comparator 'like' not one of" },
    { MLF_G_EXPERIMENTS, "tags.a IS NULL", 1, NULL },
    { MLF_G_MODELS, "name like 'a'", 1, NULL },
    { MLF_G_MODELS, "run_id = 'a'", -1, "Invalid attribute key 'run_id'" },
    { MLF_G_VERSIONS, "version_number >= 2 AND run_id IN ('ab')", 2, NULL },
    { MLF_G_LOGGED_MODELS, "metrics.acc > 1 AND name = 'x'", 2, NULL },
    { MLF_G_LOGGED_MODELS, "metric.acc > 1", -1, "Invalid entity type: 'metric'." },
    { MLF_G_RUNS, "tags.a = 'unclosed", -1, "Invalid clause(s)" },
    { MLF_G_RUNS, "((((", -1, "Invalid clause(s)" },
};

TEST(mlflow_filters)
{
    for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
        struct call c;
        struct mlf_clause *list;
        size_t n;
        start(&c);
        int rc = mlf_filter(&c.m, filters[i].g, filters[i].text, &list, &n);
        CHECK_INT(rc ? -1 : (int)n, filters[i].n);
        if (filters[i].failure)
            CHECK(str_starts(str_of(failure(&c)), filters[i].failure));
        request_fini(&c.rq);
    }
}

TEST(mlflow_clauses_match_values)
{
    struct call c;
    struct mlf_clause *list;
    size_t n;
    start(&c);
    CHECK_INT(mlf_filter(&c.m, MLF_G_RUNS,
                         "metrics.a >= 2 AND params.p != 'x' AND tags.t ILIKE 'AB_' AND tags.n IS "
                         "NULL",
                         &list, &n),
              0);
    CHECK_INT(n, 4);
    CHECK(mlf_matches(&list[0], &(struct mlf_value){ .is_number = 1, .number = 2 }));
    CHECK(!mlf_matches(&list[0], &(struct mlf_value){ .is_number = 1, .number = 1.9 }));
    CHECK(mlf_matches(&list[1], &(struct mlf_value){ .text = "y" }));
    CHECK(!mlf_matches(&list[1], &(struct mlf_value){ .is_null = 1 }));
    CHECK(mlf_matches(&list[2], &(struct mlf_value){ .text = "abc" }));
    CHECK(mlf_matches(&list[3], &(struct mlf_value){ .is_null = 1 }));
    request_fini(&c.rq);
}

/* ---- tokens, names, paths ---- */

TEST(mlflow_page_tokens)
{
    struct call c;
    int64_t offset = -1;
    start(&c);
    CHECK_STR(mlf_token(&c.m, 2), "eyJvZmZzZXQiOiAyfQ==");
    for (int64_t i = 1; i < 2000; i += 37) {
        CHECK_INT(mlf_offset(&c.m, mlf_token(&c.m, i), &offset), 0);
        CHECK_INT(offset, i);
    }
    CHECK(mlf_offset(&c.m, "zzz", &offset) != 0);
    CHECK_STR(failure(&c), "Invalid page token, could not base64-decode");
    CHECK(mlf_offset(&c.m, "e30=", &offset) != 0);
    CHECK_STR(failure(&c), "Invalid page token, parsed value={}");
    request_fini(&c.rq);
}

TEST(mlflow_names)
{
    static const char *const good[] = { "a", "a b", "a/b/c", "a.b-c_d:e", "\xc3\xa9", "a..b" };
    static const char *const bad[] = { "..",     ".",   "/a",  "a/",           "a//b",
                                       "a/../b", "a#b", "a'b", "\xe2\x98\x83", "..a" };
    for (size_t i = 0; i < ARRAY_LEN(good) + ARRAY_LEN(bad); i++) {
        struct call c;
        int is_good = i < ARRAY_LEN(good);
        start(&c);
        int rc = mlf_check_key(&c.m, is_good ? good[i] : bad[i - ARRAY_LEN(good)], "key");
        CHECK_INT(rc == 0, is_good);
        request_fini(&c.rq);
    }
}

TEST(mlflow_paths_stay_inside)
{
    static const char *const bad[] = { "..",
                                       "../x",
                                       "/x",
                                       "a/../../b",
                                       "%2e%2e/x",
                                       "%252e%252e/x",
                                       "a\\b",
                                       "a%5cb",
                                       "a#b",
                                       "%23",
                                       "C:/x",
                                       "file:///x",
                                       "%00",
                                       "%25252e%25252e/x",
                                       "a/%2e%2e/%2e%2e" };
    static const char *const good[][2] = {
        { "", "" },        { ".", "" },        { "a", "a" },       { "a/b/", "a/b" },
        { "a//b", "a/b" }, { "a%20b", "a b" }, { "a..b", "a..b" }, { "100%", "100%" },
    };
    struct call c;
    const char *out;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        start(&c);
        CHECK(mlf_safe_path(&c.m, bad[i], &out) != 0);
        CHECK_STR(failure(&c), "Invalid path");
        request_fini(&c.rq);
    }
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        start(&c);
        CHECK_INT(mlf_safe_path(&c.m, good[i][0], &out), 0);
        CHECK_STR(out, good[i][1]);
        request_fini(&c.rq);
    }
}

TEST(mlflow_texts_as_python_writes_them)
{
    struct arena a;
    arena_init(&a, 1 << 20);
    CHECK_STR(mlf_py_json_text(&a, "a\"\\\n\xc3\xa9\xf0\x9f\x99\x82"),
              "\"a\\\"\\\\\\n\\u00e9\\ud83d\\ude42\"");
    CHECK_STR(mlf_py_repr(&a, STR("it's")), "\"it's\"");
    CHECK_STR(mlf_py_repr(&a, STR("it's \"x\"")), "'it\\'s \"x\"'");
    CHECK_STR(mlf_py_bytes(&a, STR("a\x9e'")), "\"a\\x9e'\"");
    CHECK_STR(mlf_normpath(&a, "/a//b/./c/../d/"), "/a/b/d");
    CHECK_STR(mlf_normpath(&a, "../../x"), "../../x");
    CHECK_STR(mlf_normpath(&a, ""), ".");
    CHECK_STR(mlf_join_uri(&a, "s3://b/c?x=1", "r/artifacts"), "s3://b/c/r/artifacts?x=1");
    CHECK_STR(mlf_join_uri(&a, "mlflow-artifacts:/", "0"), "mlflow-artifacts:/0");
    CHECK_INT(mlf_length(STR("a\xc3\xa9\xe2\x98\x83")), 3);
    CHECK_VIEW(mlf_prefix(STR("\xc3\xa9xy"), 2), "\xc3\xa9x");
    arena_fini(&a);
}
