/* SPDX-License-Identifier: Apache-2.0
 * Outgoing HTTP against our own server, and what is said when nobody is there. */
#include "test.h"

#include "fetch/fetch.h"
#include "net/http_server.h"

static void plan(void *arg, struct request *rq, struct http_plan *out)
{
    (void)arg, (void)rq;
    out->body_limit = 1 << 20;
}

static void handle(void *arg, struct request *rq)
{
    (void)arg;
    rq->status = str_is(rq->path, "/missing") ? 404 : 200;
    request_add_header(rq, "X-Seen", request_header(rq, "x-mine").p ? "mine" : "none");
    buf_printf(&rq->out, "%.*s %.*s %zu", STR_ARG(rq->method), STR_ARG(rq->path), rq->body.n);
}

TEST(fetch_talks_to_a_server)
{
    struct http_server *s = NULL;
    struct http_server_options o = {
        .listen = "127.0.0.1:0", .plan = plan, .handle = handle, .threads = 1
    };
    CHECK_OK(http_server_start(&s, &o, err));
    struct arena a;
    char url[500];
    const char *headers[] = { "X-Mine: 1", NULL };
    struct fetch_response r;
    arena_init(&a, 1 << 22);
    (void)snprintf(url, sizeof url, "%s/%s", http_server_url(s),
                   fetch_escape(&a, STR("a b/\xc3\xa9"), 1));
    struct fetch_request rq = { .url = url, .headers = headers };
    CHECK_OK(fetch(&a, &rq, &r, err));
    CHECK_INT(r.status, 200);
    CHECK_VIEW(r.body, "GET /a b/\xc3\xa9 0");
    CHECK_VIEW(fetch_header(&r, "x-seen"), "mine");
    rq = (struct fetch_request){ .url = url, .method = "POST", .body = STR("12345") };
    CHECK_OK(fetch(&a, &rq, &r, err));
    CHECK_VIEW(r.body, "POST /a b/\xc3\xa9 5");
    rq = (struct fetch_request){ .url = url, .method = "DELETE", .max_bytes = 4 };
    CHECK_INT(fetch(&a, &rq, &r, NULL), ERR_LIMIT);
    (void)snprintf(url, sizeof url, "%s/missing", http_server_url(s));
    rq = (struct fetch_request){ .url = url, .method = "PUT" };
    CHECK_OK(fetch(&a, &rq, &r, err));
    CHECK_INT(r.status, 404);
    http_server_stop(s, 1000);
    struct err err = ERR_INIT;
    CHECK_INT(fetch(&a, &rq, &r, &err), ERR_UNAVAILABLE);
    CHECK(strstr(err.msg, "no server answers at"));
    rq.url = "ftp://x";
    CHECK_INT(fetch(&a, &rq, &r, &err), ERR_INVALID);
    arena_fini(&a);
}
