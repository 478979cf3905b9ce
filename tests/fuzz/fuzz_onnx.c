/* SPDX-License-Identifier: Apache-2.0
 * The ONNX reader on any bytes; what it accepts is written and reads as the same bytes again, is
 * compiled, and what compiles is run. */
#include "fuzz.h"

#include <math.h>

#include "base/mem.h"
#include "infer/predictor.h"

#include "model/graph.h"

enum { ROWS = 11, VALUES_MAX = 1 << 16 };

/* One pool of values serves all inputs: widths are the model's. */
static void run(const struct predictor *p)
{
    static const double some[] = { 0, 1, -1, 2.5, 1e300, (double)NAN, (double)INFINITY, 3 };
    static const str_t texts[] = { { "", 0 }, { "a", 1 }, { "b", 1 }, { "\xc3\xa9", 2 } };
    const struct predictor_input *inputs, *outputs;
    size_t n = predictor_inputs(p, &inputs), m = predictor_outputs(p, &outputs), widest = 1,
           total = 0;
    struct err err = ERR_INIT;
    struct buf b;
    for (size_t i = 0; i < n; i++)
        widest = inputs[i].width > (int64_t)widest ? (size_t)inputs[i].width : widest;
    for (size_t k = 0; k < m; k++)
        total += (size_t)outputs[k].width;
    if (widest > VALUES_MAX || total > VALUES_MAX)
        return;
    double *numbers = mem_try_alloc(widest * ROWS, sizeof *numbers);
    str_t *strings = mem_try_alloc(widest * ROWS, sizeof *strings);
    double *made = mem_try_alloc(total * ROWS + 1, sizeof *made);
    const void **columns = mem_try_alloc(n + 1, sizeof *columns);
    double **out = mem_try_alloc(m + 1, sizeof *out);
    for (size_t i = 0; i < widest * ROWS; i++) {
        numbers[i] = some[i % ARRAY_LEN(some)];
        strings[i] = texts[i % ARRAY_LEN(texts)];
    }
    for (size_t i = 0; i < n; i++)
        columns[i] =
            inputs[i].type == TENSOR_STRING ? (const void *)strings : (const void *)numbers;
    total = 0;
    for (size_t k = 0; k < m; k++) {
        out[k] = made + total * ROWS;
        total += (size_t)outputs[k].width;
    }
    void *workspace = NULL;
    FUZZ_CHECK(posix_memalign(&workspace, 64, predictor_workspace_bytes(p, ROWS)) == 0);
    int rc = predictor_run(p, &(struct predictor_batch){ ROWS, columns }, out, workspace, &err);
    FUZZ_CHECK(rc == 0 || err.msg[0]);
    buf_init(&b, 1 << 22);
    predictor_describe(p, &b);
    buf_fini(&b);
    free(workspace);
    mem_free(numbers);
    mem_free(strings);
    mem_free(made);
    mem_free(columns);
    mem_free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct graph g, again;
    struct buf one, two;
    struct err err = ERR_INIT;
    arena_init(&a, 1 << 26);
    buf_init(&one, 1 << 24);
    buf_init(&two, 1 << 24);
    int rc = onnx_read(&a, (str_t){ (const char *)data, size }, &g, &err);
    FUZZ_CHECK(rc == 0 || err.msg[0]);
    if (rc == 0 && onnx_write(&g, &one, &err) == 0) {
        FUZZ_CHECK(onnx_read(&a, (str_t){ one.p, one.n }, &again, &err) == 0 || a.failed);
        if (!a.failed) {
            FUZZ_CHECK(onnx_write(&again, &two, &err) == 0);
            FUZZ_CHECK(one.n == two.n && memcmp(one.p, two.p, one.n) == 0);
        }
    }
    struct predictor *p = NULL;
    if (rc == 0 && predictor_compile(&g, &p, &err) == 0)
        run(p);
    predictor_free(p);
    buf_fini(&one);
    buf_fini(&two);
    arena_fini(&a);
    return 0;
}
