/* SPDX-License-Identifier: Apache-2.0
 * Signatures and MLflow model folders: written, read back, checked against the graph.
 * tests/clients/onnx loads the same folder with MLflow. */
#include "test.h"

#include "base/fs.h"
#include "model/mlmodel.h"
#include "model/pipeline.h"

static void small_model(struct graph *g, struct arena *a, struct signature *s)
{
    graph_init(g, a, "small");
    const char *parts[2] = { pipe_input(g, "it's \xc3\xa9", TENSOR_DOUBLE),
                             pipe_input(g, "n", TENSOR_INT64) };
    (void)pipe_linear(g, pipe_concat(g, "x", parts, 2), (const double[]){ 2, 3 }, 2, 1,
                      "prediction");
    CHECK_OK(signature_of_graph(a, g, s, err));
}

TEST(signature_json)
{
    struct arena a;
    struct graph g;
    struct signature s, back;
    struct buf b;
    struct json_out o;
    struct json v;
    struct err bad = ERR_INIT;
    arena_init(&a, 1 << 20);
    buf_init(&b, 1 << 16);
    small_model(&g, &a, &s);
    json_out_init(&o, &b);
    signature_write(&s, &o);
    CHECK_VIEW(buf_view(&b),
               "{\"inputs\":[{\"name\":\"it's \xc3\xa9\",\"type\":\"double\",\"required\":true},"
               "{\"name\":\"n\",\"type\":\"long\",\"required\":true}],"
               "\"outputs\":[{\"name\":\"prediction\",\"type\":\"double\"}]}");
    CHECK_OK(json_parse(&a, buf_view(&b), NULL, &v, err));
    CHECK_OK(signature_read(&a, &v, &back, err));
    CHECK(back.input_n == 2 && back.output_n == 1 && back.inputs[1].type == SIGNATURE_LONG);
    CHECK_OK(signature_check(&back, &g, err));
    back.inputs[1].type = SIGNATURE_STRING;
    CHECK_INT(signature_check(&back, &g, &bad), ERR_INVALID);
    CHECK_STR(bad.msg, "'n' is string in the signature and int64 in the model");
    back.inputs[1].name = "m";
    CHECK_INT(signature_check(&back, &g, &bad), ERR_INVALID);
    CHECK_STR(bad.msg, "the signature names 'm', but the model has no such value");
    buf_clear(&b);
    signature_write_columns(s.inputs, 1, &b);
    CHECK_VIEW(buf_view(&b), "[{\"type\":\"double\",\"name\":\"it's \\u00e9\",\"required\":true}]");
    CHECK_OK(json_parse(&a, STR("{\"inputs\":[{\"type\":\"tensor\",\"tensor-spec\":{}}]}"), NULL,
                        &v, err));
    CHECK_INT(signature_read(&a, &v, &back, &bad), ERR_INVALID);
    CHECK_OK(json_parse(&a, STR("{\"inputs\":[{\"name\":\"x\",\"type\":\"datetime\"}]}"), NULL, &v,
                        err));
    CHECK_INT(signature_read(&a, &v, &back, &bad), ERR_INVALID);
    CHECK(strstr(bad.msg, "column 'x'"));
    buf_fini(&b);
    arena_fini(&a);
}

static str_t file(struct arena *a, const char *dir, const char *name)
{
    str_t out;
    CHECK_OK(fs_read(a, fs_join(a, dir, name), 1 << 20, &out, err));
    return out;
}

TEST(mlmodel_folder)
{
    struct arena a;
    struct graph g;
    struct signature s;
    struct buf onnx;
    struct json example;
    struct mlmodel_info info;
    const char *const names[] = {
        "MLmodel",         "conda.yaml",       "input_example.json",        "model.onnx",
        "python_env.yaml", "requirements.txt", "serving_input_example.json"
    };
    arena_init(&a, 1 << 22);
    buf_init(&onnx, 1 << 20);
    small_model(&g, &a, &s);
    CHECK_OK(onnx_write(&g, &onnx, err));
    CHECK_OK(json_parse(&a, STR("{\"n\":3,\"it's \xc3\xa9\":1.5}"), NULL, &example, err));
    struct mlmodel m = { buf_view(&onnx), &s,  &example, "0123456789abcdef0123456789abcdef",
                         1795561345123,   NULL };
    const char *one = fs_join(&a, test_tmpdir(), "a/model"), *two = fs_join(&a, test_tmpdir(), "b");
    CHECK_OK(mlmodel_write(&m, one, err));
    CHECK_OK(mlmodel_write(&m, two, err));
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        CHECK(str_eq(file(&a, one, names[i]), file(&a, two, names[i])));
    CHECK_VIEW(file(&a, one, "input_example.json"),
               "{\"columns\":[\"it's \xc3\xa9\",\"n\"],\"data\":[[1.5,3]]}");
    CHECK(str_find(file(&a, one, "MLmodel"),
                   "\nutc_time_created: '2026-11-24 23:02:25.123000'\n") != SIZE_MAX);
    CHECK_OK(mlmodel_read(&a, one, &info, err));
    CHECK_STR(info.data, "model.onnx");
    CHECK_STR(info.example, "input_example.json");
    CHECK(info.has_signature);
    CHECK_STR(info.signature.inputs[0].name, "it's \xc3\xa9");
    CHECK_OK(signature_check(&info.signature, &g, err));
    buf_fini(&onnx);
    arena_fini(&a);
}

static void reads_as(const char *text, int code, const char *why)
{
    struct arena a;
    struct mlmodel_info info;
    struct err bad = ERR_INIT;
    arena_init(&a, 1 << 22);
    CHECK_OK(fs_write_cache(fs_join(&a, test_tmpdir(), "MLmodel"), str_of(text), err));
    CHECK_INT(mlmodel_read(&a, test_tmpdir(), &info, &bad), code);
    if (!strstr(bad.msg, why))
        TEST_FAIL("\"%s\" does not say \"%s\"", bad.msg, why);
    arena_fini(&a);
}

TEST(mlmodel_read_refuses)
{
    struct arena a;
    struct mlmodel_info info;
    struct err bad = ERR_INIT;
    arena_init(&a, 1 << 20);
    CHECK_INT(mlmodel_read(&a, test_tmpdir(), &info, &bad), ERR_NOT_FOUND);
    reads_as("flavors:\n  sklearn:\n    code: null\n  python_function: {}\n", ERR_INVALID,
             "no ONNX flavour, only: sklearn, python_function");
    reads_as("flavors:\n  onnx:\n    data: ../../etc/passwd\n", ERR_INVALID, "leaves its folder");
    reads_as("flavors: [\n", ERR_INVALID, "MLmodel: ");
    reads_as("", ERR_INVALID, "only: none");
    reads_as("flavors:\n  onnx:\n    data: m.onnx\nsignature:\n  inputs: 'nonsense'\n", ERR_INVALID,
             "MLmodel: ");
    arena_fini(&a);
}
