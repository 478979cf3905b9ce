/* SPDX-License-Identifier: Apache-2.0
 * URL targets, look-ups, request ids, and the Host and Origin guards. */
#include "test.h"

#include "base/limits.h"
#include "net/http_server.h"

TEST(target_is_decoded)
{
    struct request rq;
    request_init(&rq);
    CHECK_OK(request_set_target(&rq, STR("/a%20b/%E4%B8%AD?x=1+2&y=%2B&flag&&z=a=b#frag"), err));
    CHECK_VIEW(rq.path, "/a b/\xe4\xb8\xad");
    CHECK_VIEW(request_query(&rq, "x"), "1 2");
    CHECK_VIEW(request_query(&rq, "y"), "+");
    CHECK_VIEW(request_query(&rq, "flag"), "");
    CHECK_VIEW(request_query(&rq, "z"), "a=b");
    CHECK(request_query(&rq, "none").p == NULL);
    CHECK_INT(rq.query_n, 4);
    request_fini(&rq);
}

TEST(target_in_absolute_form)
{
    struct request rq;
    request_init(&rq);
    CHECK_OK(request_set_target(&rq, STR("http://host:80/p?q=1"), err));
    CHECK_VIEW(rq.path, "/p");
    CHECK_OK(request_set_target(&rq, STR("https://host"), err));
    CHECK_VIEW(rq.path, "/");
    request_fini(&rq);
}

TEST(bad_targets_are_refused)
{
    static const char *const bad[] = { "/%",   "/%4",  "/%zz",     "/a%00b",
                                       "/%0a", "/%ff", "relative", "/x?a=%g1" };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct request rq;
        struct err err = ERR_INIT;
        request_init(&rq);
        if (request_set_target(&rq, str_of(bad[i]), &err) != ERR_INVALID)
            TEST_FAIL("accepted '%s'", bad[i]);
        request_fini(&rq);
    }
}

TEST(long_targets_are_refused)
{
    static char text[LIMIT_URL_BYTES + 2];
    struct request rq;
    memset(text, 'a', sizeof text - 1);
    text[0] = '/';
    request_init(&rq);
    CHECK_INT(request_set_target(&rq, str_of(text), NULL), ERR_LIMIT);
    memset(text, '&', LIMIT_QUERY_PAIRS + 2);
    text[0] = '/', text[1] = '?', text[LIMIT_QUERY_PAIRS + 2] = '\0';
    CHECK_INT(request_set_target(&rq, str_of(text), NULL), ERR_LIMIT);
    request_fini(&rq);
}

TEST(query_numbers_are_checked)
{
    struct request rq;
    request_init(&rq);
    CHECK_OK(request_set_target(&rq, STR("/?limit=20&bad=x&big=5000"), err));
    struct err err = ERR_INIT;
    CHECK_INT(request_query_int(&rq, "limit", 100, 1, 1000, &err), 20);
    CHECK_INT(request_query_int(&rq, "absent", 100, 1, 1000, &err), 100);
    CHECK_INT(err.code, 0);
    (void)request_query_int(&rq, "big", 100, 1, 1000, &err);
    CHECK_INT(err.code, ERR_INVALID);
    CHECK(strstr(err.msg, "'big'"));
    request_fini(&rq);
}

TEST(request_ids)
{
    struct request rq;
    request_init(&rq);
    CHECK_INT(request_id_accept(&rq, STR("bad id\r\n")), 0);
    CHECK_INT(request_id_accept(&rq, STR("0123456789012345678901234567890123456789")), 0);
    CHECK_INT(strlen(request_id(&rq)), 36);
    CHECK_INT(request_id_accept(&rq, STR("req_1.a-B")), 1);
    CHECK_STR(request_id(&rq), "req_1.a-B");
    request_fini(&rq);
}

TEST(header_values_cannot_split_the_answer)
{
    struct request rq;
    request_init(&rq);
    request_add_header(&rq, "X", "a\r\nSet-Cookie: b");
    CHECK_VIEW(rq.out_headers[0].value, "a  Set-Cookie: b");
    request_fini(&rq);
}

TEST(reset_keeps_nothing_of_the_request)
{
    struct request rq;
    request_init(&rq);
    rq.remote = "1.2.3.4:5";
    CHECK_OK(request_set_target(&rq, STR("/a?b=c"), err));
    buf_puts(&rq.out, "answer");
    rq.status = 404;
    request_reset(&rq);
    CHECK_INT(rq.status, 0);
    CHECK_INT(rq.out.n, 0);
    CHECK_INT(rq.query_n, 0);
    CHECK_INT(rq.body_fd, -1);
    CHECK_STR(rq.remote, "1.2.3.4:5");
    request_fini(&rq);
}

TEST(host_guard_allows_local_and_private_names)
{
    static const char *const good[] = { "localhost",    "LOCALHOST:5000", "127.0.0.1:5000",
                                        "[::1]:5000",   "[::1]",          "0.0.0.0:1",
                                        "10.1.2.3",     "192.168.0.7:80", "172.16.0.1",
                                        "172.31.255.1", "[fd00::1]:5000" };
    static const char *const bad[] = { "",
                                       "evil.example",
                                       "evil.example:5000",
                                       "172.32.0.1",
                                       "192.169.0.1",
                                       "8.8.8.8",
                                       "127.0.0.1.evil.example",
                                       "localhost.evil.example",
                                       "10.evil.example",
                                       "[2001:db8::1]",
                                       "[::1",
                                       "[::1]evil.example",
                                       "localhost:evil.example",
                                       "127.0.0.1:80@evil.example" };
    static const char *const allowed[] = { "slipway.corp", "other.corp:8443", NULL };
    static const char *const any[] = { "*", NULL };
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        if (!http_host_allowed(str_of(good[i]), NULL))
            TEST_FAIL("refused '%s'", good[i]);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (http_host_allowed(str_of(bad[i]), allowed))
            TEST_FAIL("allowed '%s'", bad[i]);
    CHECK(http_host_allowed(STR("slipway.corp:5000"), allowed));
    CHECK(http_host_allowed(STR("other.corp:8443"), allowed));
    CHECK(!http_host_allowed(STR("other.corp:1"), allowed));
    CHECK(http_host_allowed(STR("whatever"), any));
}

TEST(origin_guard)
{
    static const char *const allowed[] = { "https://ui.corp", NULL };
    CHECK(http_origin_allowed(STR("http://localhost:3000"), STR(""), NULL));
    CHECK(http_origin_allowed(STR("http://127.0.0.1"), STR(""), NULL));
    CHECK(http_origin_allowed(STR("http://10.0.0.5:5000"), STR("10.0.0.5:5000"), NULL));
    CHECK(!http_origin_allowed(STR("http://10.0.0.5:5001"), STR("10.0.0.5:5000"), NULL));
    CHECK(!http_origin_allowed(STR("https://evil.example"), STR("localhost:5000"), allowed));
    CHECK(!http_origin_allowed(STR("http://localhost:80@evil.example"), STR(""), NULL));
    CHECK(!http_origin_allowed(STR("null"), STR("localhost:5000"), allowed));
    CHECK(!http_origin_allowed(STR("http://localhost.evil.example"), STR("localhost"), allowed));
    CHECK(http_origin_allowed(STR("https://ui.corp"), STR(""), allowed));
}

TEST(cors_headers_outlive_an_error)
{
    struct request rq;
    struct pair headers[] = { { STR("host"), STR("localhost:5000") },
                              { STR("origin"), STR("http://localhost:3000") } };
    request_init(&rq);
    rq.method = STR("GET");
    rq.path = STR("/api/v1/runs");
    rq.headers = headers;
    rq.headers_n = ARRAY_LEN(headers);
    CHECK_INT(http_guard(&rq, NULL, NULL), 0);
    request_add_header(&rq, "ETag", "\"half-written\"");
    request_clear_answer(&rq);
    CHECK_INT(rq.out_headers_n, 4);
    CHECK_VIEW(rq.out_headers[0].key, "Access-Control-Allow-Origin");
    CHECK_VIEW(rq.out_headers[0].value, "http://localhost:3000");
    request_fini(&rq);
}

TEST(listen_addresses)
{
    char host[256];
    int port;
    CHECK_OK(http_listen_parse("127.0.0.1:5000", host, &port, err));
    CHECK_STR(host, "127.0.0.1");
    CHECK_INT(port, 5000);
    CHECK_OK(http_listen_parse("[::1]:80", host, &port, err));
    CHECK_STR(host, "::1");
    CHECK_OK(http_listen_parse(":0", host, &port, err));
    CHECK_STR(host, "");
    CHECK_INT(http_listen_parse("nonsense", host, &port, NULL), ERR_INVALID);
    CHECK_INT(http_listen_parse("a:99999", host, &port, NULL), ERR_INVALID);
    CHECK_INT(http_listen_check("127.0.0.1:1", 0, 0, NULL), 0);
    CHECK_INT(http_listen_check("localhost:1", 0, 0, NULL), 0);
    CHECK_INT(http_listen_check("0.0.0.0:1", 0, 0, NULL), ERR_DENIED);
    CHECK_INT(http_listen_check(":1", 0, 0, NULL), ERR_DENIED);
    CHECK_INT(http_listen_check("0.0.0.0:1", 1, 0, NULL), 0);
    CHECK_INT(http_listen_check("0.0.0.0:1", 0, 1, NULL), 0);
}
