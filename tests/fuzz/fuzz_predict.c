/* SPDX-License-Identifier: Apache-2.0
 * Bodies of prediction requests: any bytes give predictions or a message, never anything else, and
 * what is answered is JSON again with one prediction a row. */
#include "fuzz.h"

#include <stdlib.h>

#include "base/limits.h"
#include "codec/json.h"
#include "model/pipeline.h"
#include "serve/serve.h"

/* Columns: age (number, may miss), sex (string, optional), count (whole), flag (boolean). */
static struct serve *make_table(void)
{
    static const char signature[] = "{\"inputs\":[{\"name\":\"age\",\"type\":\"double\"},{\"name\":"
                                    "\"sex\",\"type\":\"string\",\"required\":false},"
                                    "{\"name\":\"count\",\"type\":\"long\"},{\"name\":\"flag\","
                                    "\"type\":\"boolean\"}],\"outputs\":[]}";
    struct serve *s = NULL;
    struct serve_version *v = NULL;
    struct arena a;
    struct graph g;
    struct buf b;
    str_t levels[] = { STR("m"), STR("\xc3\xa9") };
    double w[] = { 2, 10, 20, 100, 1000 };
    arena_init(&a, MIB(8));
    buf_init(&b, MIB(1));
    graph_init(&g, &a, "m");
    const char *age = pipe_input(&g, "age", TENSOR_DOUBLE);
    const char *sex = pipe_one_hot(&g, "sex", pipe_input(&g, "sex", TENSOR_STRING), levels, 2);
    const char *count = pipe_input(&g, "count", TENSOR_INT64);
    const char *all[] = { age, sex, count, pipe_input(&g, "flag", TENSOR_INT64) };
    IGNORE(pipe_linear(&g, pipe_concat(&g, "x", all, 4), w, 5, 1, "prediction"));
    FUZZ_CHECK(onnx_write(&g, &b, NULL) == 0);
    struct serve_spec spec = {
        .model = "m", .version = "1", .onnx = buf_view(&b), .signature = signature
    };
    FUZZ_CHECK(serve_version_load(&spec, &v, NULL) == 0);
    FUZZ_CHECK(serve_open(&s, NULL) == 0);
    FUZZ_CHECK(serve_publish(s, "e", v, NULL) == 0);
    buf_fini(&b);
    arena_fini(&a);
    return s;
}

static void check_answer(const struct serve_call *c)
{
    struct json_options options = { .allow_nan = 1 };
    struct arena a;
    struct json v;
    for (int columns = 0; columns < 2; columns++) {
        struct buf b;
        buf_init(&b, MIB(64));
        arena_init(&a, MIB(256));
        if (columns)
            serve_write_columns(c, &b);
        else
            serve_write_rows(c, &b);
        FUZZ_CHECK(!b.failed);
        FUZZ_CHECK(json_parse(&a, buf_view(&b), &options, &v, NULL) == 0);
        FUZZ_CHECK(v.type == JSON_ARRAY && v.n == c->rows);
        arena_fini(&a);
        buf_fini(&b);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct serve *serve;
    if (!serve)
        serve = make_table();
    char *copy = malloc(size ? size : 1); /* its end is watched by the sanitizer */
    FUZZ_CHECK(copy != NULL);
    if (size)
        memcpy(copy, data, size);
    for (int dataframes = 0; dataframes < 2; dataframes++) {
        struct arena a;
        struct err err = ERR_INIT;
        arena_init(&a, MIB(32));
        struct serve_call c = {
            .name = STR("e"), .body = { copy, size }, .arena = &a, .dataframes = dataframes
        };
        int rc = serve_call_begin(serve, &c, &err);
        FUZZ_CHECK(rc == 0 || rc == ERR_INVALID || rc == ERR_LIMIT);
        FUZZ_CHECK(rc == 0 || err.msg[0]);
        int answered = rc == 0 && c.form != SERVE_NONE;
        FUZZ_CHECK(!answered || c.rows > 0);
        if (answered)
            check_answer(&c);
        serve_call_end(serve, &c, !answered);
        arena_fini(&a);
    }
    free(copy);
    return 0;
}
