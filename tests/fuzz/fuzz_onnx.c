/* SPDX-License-Identifier: Apache-2.0
 * The ONNX reader on any bytes; what it accepts is written and reads as the same bytes again. */
#include "fuzz.h"

#include "model/graph.h"

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
    buf_fini(&one);
    buf_fini(&two);
    arena_fini(&a);
    return 0;
}
