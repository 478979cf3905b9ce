/* SPDX-License-Identifier: Apache-2.0
 * The protobuf reader on any bytes, nested messages tried wherever they parse; what was read and
 * written again reads the same. */
#include "fuzz.h"

#include "codec/pb.h"

static int walk(str_t bytes, int depth, struct buf *out)
{
    struct pb_in in;
    struct pb_field f;
    int more;
    pb_in_init(&in, bytes);
    while ((more = pb_next(&in, &f)) == 1) {
        switch (f.wire) {
        case PB_VARINT: pb_put_int(out, f.number, pb_int64(&f)); break;
        case PB_FIXED64: pb_put_double(out, f.number, pb_double(f.value)); break;
        case PB_FIXED32: pb_put_float(out, f.number, pb_float(f.value)); break;
        case PB_BYTES: {
            size_t before = out->n, at = pb_begin(out, f.number);
            int ok = depth < 20 && walk(f.bytes, depth + 1, out) == 0;
            if (ok) {
                pb_end(out, at);
            } else if (!out->failed) {
                out->n = before;
                pb_put_str(out, f.number, f.bytes);
            }
        }
        }
    }
    return more;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf one, two;
    buf_init(&one, 1 << 22);
    buf_init(&two, 1 << 22);
    if (walk((str_t){ (const char *)data, size }, 0, &one) == 0 && !one.failed) {
        FUZZ_CHECK(walk(buf_view(&one), 0, &two) == 0);
        FUZZ_CHECK(two.failed || str_eq(buf_view(&one), buf_view(&two)));
    }
    buf_fini(&one);
    buf_fini(&two);
    return 0;
}
