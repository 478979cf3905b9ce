/* SPDX-License-Identifier: Apache-2.0
 * Outgoing HTTP against our own server, and what is said when nobody is there. */
#include "test.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

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

static int give_up(void *arg)
{
    int *calls = arg;
    return ++*calls >= 2;
}

/* A peer that takes the connection and never answers. */
TEST(fetch_can_be_told_to_stop_waiting)
{
    struct arena a;
    char url[64];
    struct fetch_response r;
    struct err err = ERR_INIT;
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t n = sizeof at;
    int calls = 0, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&at, n) == 0 && listen(fd, 5) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&at, &n) == 0);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d/", ntohs(at.sin_port));
    arena_init(&a, 1 << 20);
    struct fetch_request rq = {
        .url = url, .timeout_ms = 60000, .waiting = give_up, .arg = &calls
    };
    CHECK_INT(fetch(&a, &rq, &r, &err), ERR_CANCELLED);
    CHECK_INT(calls, 2);
    arena_fini(&a);
    (void)close(fd);
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
