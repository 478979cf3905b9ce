/* SPDX-License-Identifier: Apache-2.0
 * The JSON reader and the pull scanner on any bytes: both agree on what is JSON, and an accepted
 * document survives being written and read again. */
#include "fuzz.h"

#include "codec/json.h"

static void round_trip(struct arena *a, const struct json *v, const struct json_options *options)
{
    struct buf text, one, two;
    struct json_out o;
    struct json again;
    struct err err = ERR_INIT;
    buf_init(&text, 1 << 24);
    buf_init(&one, 1 << 24);
    buf_init(&two, 1 << 24);
    json_out_init(&o, &text);
    o.nan_as_string = !options->allow_nan;
    jo_value(&o, v);
    FUZZ_CHECK(!text.failed);
    FUZZ_CHECK(json_parse(a, buf_view(&text), options, &again, &err) == 0);
    FUZZ_CHECK(json_canonical(a, v, &one, &err) == 0);
    FUZZ_CHECK(json_canonical(a, &again, &two, &err) == 0);
    FUZZ_CHECK(str_eq(buf_view(&one), buf_view(&two)));
    buf_fini(&text);
    buf_fini(&one);
    buf_fini(&two);
}

static int scan(struct arena *a, str_t text, const struct json_options *options)
{
    struct json_scan s;
    enum json_token t;
    str_t string;
    json_scan_init(&s, text, options);
    while ((t = json_next(&s)) != JSON_T_ERROR && t != JSON_T_END) {
        if ((t == JSON_T_KEY || t == JSON_T_STRING) && json_string(&s, a, &string) != 0)
            return -1;
    }
    return t == JSON_T_END ? 0 : -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int nan = 0; nan < 2; nan++) {
        struct json_options options = { .allow_nan = nan };
        struct arena a;
        struct json v;
        struct err err = ERR_INIT;
        str_t text = { (const char *)data, size };
        arena_init(&a, 1 << 26);
        int parsed = json_parse(&a, text, &options, &v, &err);
        int scanned = scan(&a, text, &options);
        FUZZ_CHECK(parsed == 0 || err.msg[0]);
        FUZZ_CHECK(a.failed || (parsed == 0) == (scanned == 0));
        if (parsed == 0)
            round_trip(&a, &v, &options);
        arena_fini(&a);
    }
    return 0;
}
