/* SPDX-License-Identifier: Apache-2.0
 * The protobuf wire codec: what is written is read back, and each kind of broken input is refused.
 */
#include "test.h"

#include "codec/pb.h"

TEST(pb_round_trip)
{
    struct buf b;
    struct pb_in in;
    struct pb_field f;
    buf_init(&b, 1000);
    pb_put_int(&b, 1, 300);
    pb_put_int(&b, 2, -1);
    pb_put_double(&b, 3, -0.1);
    pb_put_float(&b, 4, 1.5F);
    size_t outer = pb_begin(&b, 500000), inner = pb_begin(&b, 1);
    for (int i = 0; i < 40; i++)
        pb_put_cstr(&b, 2, "abcdef");
    pb_end(&b, inner);
    pb_end(&b, outer);
    CHECK(memcmp(b.p, "\x08\xac\x02\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 14) == 0);
    pb_in_init(&in, buf_view(&b));
    CHECK_INT(pb_next(&in, &f), 1);
    CHECK(f.number == 1 && f.wire == PB_VARINT && f.value == 300);
    CHECK_INT(pb_next(&in, &f), 1);
    CHECK_INT(pb_int64(&f), -1);
    CHECK_INT(pb_next(&in, &f), 1);
    CHECK(f.wire == PB_FIXED64 && pb_double(f.value) == -0.1);
    CHECK_INT(pb_next(&in, &f), 1);
    CHECK(f.wire == PB_FIXED32 && pb_float(f.value) == 1.5F);
    CHECK_INT(pb_next(&in, &f), 1);
    CHECK_INT(f.number, 500000);
    CHECK_INT(f.bytes.n, 3 + 40 * 8);
    CHECK_INT(pb_next(&in, &f), 0);
    buf_fini(&b);
}

TEST(pb_refuses)
{
    static const struct {
        str_t bytes;
        const char *why;
    } bad[] = {
        { { "\x08", 1 }, "number cut off" },
        { { "\x08\x80", 2 }, "number cut off" },
        { { "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11 }, "number longer than 64 bits" },
        { { "\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 12 },
          "number longer than 64 bits" },
        { { "\x09\x00\x00\x00\x00\x00\x00\x00", 8 }, "fixed-size number cut off" },
        { { "\x0d\x00\x00\x00", 4 }, "fixed-size number cut off" },
        { { "\x0a\x02\x61", 3 }, "length past the end" },
        { { "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11 }, "length past the end" },
        { { "\x00\x00", 2 }, "field number out of range" },
        { { "\x80\x80\x80\x80\x10\x00", 6 }, "field number out of range" },
        { { "\x0b\x0c", 2 }, "wire type not in use" },
        { { "\x0f", 1 }, "wire type not in use" },
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct pb_in in;
        struct pb_field f;
        pb_in_init(&in, bad[i].bytes);
        if (pb_next(&in, &f) != -1 || strcmp(in.why, bad[i].why) != 0)
            TEST_FAIL("case %zu: %s", i, in.why ? in.why : "accepted");
        CHECK_INT(pb_next(&in, &f), -1);
    }
}

TEST(pb_writer_keeps_the_limit)
{
    struct buf b;
    buf_init(&b, 16);
    size_t at = pb_begin(&b, 1);
    pb_put_str(&b, 2, STR("longer than sixteen bytes"));
    pb_end(&b, at);
    CHECK(b.failed);
    buf_fini(&b);
}
