/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "codec/json.h"

TEST(json_round_trip)
{
    struct arena a;
    struct json v;
    struct buf b;
    struct json_out o;
    arena_init(&a, 1 << 20);
    CHECK_OK(json_parse(&a,
                        STR("{\"b\":[1,2.5,\"x\\u00e9\\n\",null,true],\"a\":{\"c\":-0.1e-3},\"b2\":"
                            "\"\\ud83d\\ude00\"}"),
                        NULL, &v, err));
    buf_init(&b, 1000);
    json_out_init(&o, &b);
    jo_value(&o, &v);
    CHECK_VIEW(buf_view(&b), "{\"b\":[1,2.5,\"x\xc3\xa9\\n\",null,true],\"a\":{\"c\":-0.0001},"
                             "\"b2\":\"\xf0\x9f\x98\x80\"}");
    buf_clear(&b);
    CHECK_OK(json_canonical(&a, &v, &b, err));
    CHECK_VIEW(buf_view(&b), "{\"a\":{\"c\":-0.0001},\"b\":[1,2.5,\"x\xc3\xa9\\n\",null,true],"
                             "\"b2\":\"\xf0\x9f\x98\x80\"}");
    buf_fini(&b);
    arena_fini(&a);
}

TEST(json_refuses)
{
    static const char *const bad[] = {
        "",      "{",         "[1,]",    "{\"a\":1,}",  "01",       "1.",    "-",
        "NaN",   "\"\x01\"",  "\"\\q\"", "\"\\ud800\"", "\"\xff\"", "[1] 2", "tru",
        "{1:2}", "{\"a\" 1}", "[1 2]",   "\"abc",       "1e",       "+1",    "'a'"
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct arena a;
        struct json v;
        struct err err = ERR_INIT;
        arena_init(&a, 1 << 20);
        if (json_parse(&a, str_of(bad[i]), NULL, &v, &err) != ERR_INVALID)
            TEST_FAIL("accepted: %s", bad[i]);
        arena_fini(&a);
    }
}

TEST(json_bare_nan_when_allowed)
{
    struct arena a;
    struct json v;
    arena_init(&a, 1 << 20);
    CHECK_OK(json_parse(&a, STR("[NaN,-Infinity,Infinity,-1]"),
                        &(struct json_options){ .allow_nan = 1 }, &v, err));
    CHECK(isnan(v.items[0].number));
    CHECK(v.items[1].number == -INFINITY && v.items[2].number == INFINITY);
    CHECK_INT(v.items[3].integer, -1);
    arena_fini(&a);
}
