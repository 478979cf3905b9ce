/* SPDX-License-Identifier: Apache-2.0
 * URL targets and header values as a peer sends them: the first line is the target, the rest are a
 * Host, an Origin and a gzip body. Decoded text is UTF-8 without NUL, whatever came. */
#include "fuzz.h"

#include "api/app.h"
#include "api/route.h"
#include "base/limits.h"

static void check_text(str_t s)
{
    FUZZ_CHECK(str_is_utf8(s));
    FUZZ_CHECK(s.n == 0 || memchr(s.p, 0, s.n) == NULL);
}

static void check_target(str_t target)
{
    struct request rq;
    struct err err = ERR_INIT;
    const struct route *route = NULL;
    const struct route_table *table = NULL;
    size_t n;
    request_init(&rq);
    int rc = request_set_target(&rq, target, &err);
    FUZZ_CHECK(rc == 0 || ((rc == ERR_INVALID || rc == ERR_LIMIT) && err.msg[0]));
    if (rc == 0) {
        const struct route_table *const *tables = app_routes(&n);
        FUZZ_CHECK(rq.path.n > 0);
        check_text(rq.path);
        for (size_t i = 0; i < rq.query_n; i++) {
            check_text(rq.query[i].key);
            check_text(rq.query[i].value);
        }
        rq.method = STR("POST");
        rc = route_find(tables, n, &rq, &route, &table, &err);
        FUZZ_CHECK(rc == 0 || rq.status == 405 || rc == ERR_NOT_FOUND);
        for (size_t i = 0; rc == 0 && i < rq.params_n; i++)
            check_text(rq.params[i].value);
    }
    request_fini(&rq);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    str_t all = { (const char *)data, size }, target = all, rest = { "", 0 }, host = { "", 0 },
          origin = { "", 0 };
    if (str_cut(all, '\n', &target, &rest) && str_cut(rest, '\n', &host, &rest))
        (void)str_cut(rest, '\n', &origin, &rest);
    check_target(target);
    (void)http_host_allowed(host, NULL);
    (void)http_origin_allowed(origin, host, NULL);
    struct buf out;
    struct err err = ERR_INIT;
    buf_init(&out, 200000);
    int rc = http_gunzip(rest, 100000, &out, &err);
    FUZZ_CHECK(rc != 0 || out.n <= 100000);
    FUZZ_CHECK(rc == 0 || err.msg[0]);
    buf_fini(&out);
    return 0;
}
