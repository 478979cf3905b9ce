/* SPDX-License-Identifier: Apache-2.0
 * The HTTP server against raw sockets: framing, caps, deadlines, streams, suspension, stopping. */
#include "test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include "base/atomic.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "net/http_server.h"

static void plan(void *arg, struct request *rq, struct http_plan *out)
{
    (void)arg;
    out->body_limit = 1000;
    if (str_is(rq->path, "/worker") || str_is(rq->path, "/stream") || str_is(rq->path, "/file"))
        out->where = HTTP_WORKER;
    if (str_is(rq->path, "/big"))
        out->body_limit = MIB(8);
    if (str_is(rq->path, "/spool")) {
        out->where = HTTP_WORKER;
        out->body_limit = MIB(64);
        out->spool = 1;
    }
    if (str_is(rq->path, "/refused"))
        request_answer_text(rq, 404, "no such thing");
}

static int64_t count_down(struct request *rq, char *to, size_t n)
{
    int *left = rq->stream_state;
    if (*left == 0)
        return 0;
    if ((*left)-- % 2)
        return REQUEST_WAIT;
    ASSERT(n >= 5);
    memcpy(to, "tick\n", 5);
    return 5;
}

static gauge_t ended;

static void count_end(struct request *rq)
{
    (void)rq;
    (void)gauge_add(&ended, 1);
}

static void handle(void *arg, struct request *rq)
{
    (void)arg;
    if (str_is(rq->path, "/stream") || str_is(rq->path, "/forever")) {
        int *left = arena_alloc(&rq->arena, sizeof *left);
        *left = str_is(rq->path, "/stream") ? 4 : 1;
        rq->stream_state = left;
        rq->stream = count_down;
        rq->stream_end = count_end;
        rq->content_type = "text/event-stream";
        return;
    }
    if (str_is(rq->path, "/file")) {
        CHECK_OK(fs_open_read(rq->app, &rq->out_fd, err));
        rq->out_length = 10;
        return;
    }
    if (str_is(rq->path, "/spool")) {
        char b[8];
        off_t size = lseek(rq->body_fd, 0, SEEK_END);
        CHECK(pread(rq->body_fd, b, 1, size - 1) == 1);
        buf_printf(&rq->out, "spooled %lld last %c", (long long)size, b[0]);
        return;
    }
    rq->content_type = "text/plain";
    buf_printf(&rq->out, "%.*s %.*s %zu [%.*s]", STR_ARG(rq->method), STR_ARG(rq->path), rq->body.n,
               (int)MIN(rq->body.n, (size_t)64), rq->body.n ? rq->body.p : "");
}

static struct http_server *start(const struct http_server_options *changes)
{
    struct http_server *s = NULL;
    struct http_server_options o = changes ? *changes : (struct http_server_options){ 0 };
    o.listen = o.listen ? o.listen : "127.0.0.1:0";
    o.plan = plan;
    o.handle = handle;
    o.threads = o.threads ? o.threads : 1;
    o.workers = o.workers ? o.workers : 2;
    CHECK_OK(http_server_start(&s, &o, err));
    return s;
}

static int dial(const struct http_server *s)
{
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_port = htons((uint16_t)http_server_port(s)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    CHECK(connect(fd, (struct sockaddr *)&a, sizeof a) == 0);
    return fd;
}

static void say(int fd, const char *text)
{
    size_t n = strlen(text);
    CHECK(send(fd, text, n, MSG_NOSIGNAL) == (ssize_t)n);
}

/* Reads until `until` was seen, or the peer closes (until NULL). */
static char *hear(int fd, const char *until)
{
    static char text[1 << 16];
    size_t n = 0;
    text[0] = '\0';
    while (n < sizeof text - 1 && !(until && strstr(text, until))) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        if (poll(&p, 1, 15000) <= 0)
            TEST_FAIL("no answer in 15 s; so far: %s", text);
        ssize_t k = recv(fd, text + n, sizeof text - 1 - n, 0);
        if (k <= 0)
            break;
        n += (size_t)k;
        text[n] = '\0';
    }
    if (until && !strstr(text, until))
        TEST_FAIL("closed before \"%s\": %s", until, text);
    return text;
}

/* Whole exchange on a fresh connection that the server closes. */
static char *ask(const struct http_server *s, const char *text)
{
    int fd = dial(s);
    say(fd, text);
    char *got = hear(fd, NULL);
    (void)close(fd);
    return got;
}

#define H "Host: localhost\r\n"
#define BYE "Connection: close\r\n\r\n"

static void check_has(const char *text, const char *want)
{
    if (!strstr(text, want))
        TEST_FAIL("no \"%s\" in: %s", want, text);
}

TEST(http_inline_and_worker)
{
    struct http_server *s = start(NULL);
    char *got = ask(s, "GET /hello HTTP/1.1\r\n" H BYE);
    check_has(got, "HTTP/1.1 200");
    check_has(got, "GET /hello 0 []");
    check_has(got, "X-Content-Type-Options: nosniff");
    got = ask(s, "POST /worker HTTP/1.1\r\n" H
                 "X-Request-Id: abc\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello");
    check_has(got, "POST /worker 5 [hello]");
    check_has(got, "X-Request-Id: abc");
    got = ask(s, "GET /worker HTTP/1.1\r\n" H BYE);
    check_has(got, "X-Request-Id: ");
    http_server_stop(s, 1000);
}

TEST(http_head_has_no_body)
{
    struct http_server *s = start(NULL);
    char *got = ask(s, "HEAD /hello HTTP/1.1\r\n" H BYE);
    check_has(got, "Content-Length: 15");
    CHECK(!strstr(got, "GET /hello"));
    got = ask(s, "HEAD /stream HTTP/1.1\r\n" H BYE);
    CHECK(!strstr(got, "tick"));
    http_server_stop(s, 1000);
}

TEST(http_keep_alive_and_pipelining)
{
    struct http_server *s = start(NULL);
    int fd = dial(s);
    say(fd, "GET /one HTTP/1.1\r\n" H "\r\n");
    check_has(hear(fd, "[]"), "GET /one");
    say(fd, "POST /two HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nhiGET /worker HTTP/1.1\r\n" H
            "\r\nGET /four HTTP/1.1\r\n" H BYE);
    char *got = hear(fd, NULL);
    char *two = strstr(got, "POST /two 2 [hi]"), *three = strstr(got, "GET /worker"),
         *four = strstr(got, "GET /four");
    CHECK(two && three && four && two < three && three < four);
    (void)close(fd);
    struct http_stats stats;
    http_server_stats(s, &stats);
    CHECK_INT(stats.requests, 4);
    http_server_stop(s, 1000);
}

TEST(http_chunked_and_gzip_bodies)
{
    struct http_server *s = start(NULL);
    char *got = ask(s, "POST /c HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nConnection: "
                       "close\r\n\r\n3\r\nabc\r\n4;ext=1\r\ndefg\r\n0\r\nTrailer: x\r\n\r\n");
    check_has(got, "POST /c 7 [abcdefg]");
    unsigned char zipped[256];
    z_stream z = { .next_in = (unsigned char *)(uintptr_t) "squeezed",
                   .avail_in = 8,
                   .next_out = zipped,
                   .avail_out = sizeof zipped };
    CHECK(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK &&
          deflate(&z, Z_FINISH) == Z_STREAM_END);
    size_t n = z.total_out;
    (void)deflateEnd(&z);
    char head[256];
    int fd = dial(s);
    (void)snprintf(head, sizeof head,
                   "POST /z HTTP/1.1\r\n" H "Content-Encoding: gzip\r\nContent-Length: %zu\r\n" BYE,
                   n);
    say(fd, head);
    CHECK(send(fd, zipped, n, 0) == (ssize_t)n);
    check_has(hear(fd, NULL), "POST /z 8 [squeezed]");
    (void)close(fd);
    check_has(ask(s, "POST /z HTTP/1.1\r\n" H
                     "Content-Encoding: gzip\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc"),
              "HTTP/1.1 400");
    check_has(ask(s, "POST /z HTTP/1.1\r\n" H
                     "Content-Encoding: br\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc"),
              "HTTP/1.1 415");
    http_server_stop(s, 1000);
}

TEST(http_gunzip_has_a_cap)
{
    static unsigned char zeros[1 << 20], zipped[1 << 13];
    z_stream z = {
        .next_in = zeros, .avail_in = sizeof zeros, .next_out = zipped, .avail_out = sizeof zipped
    };
    CHECK(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK &&
          deflate(&z, Z_FINISH) == Z_STREAM_END);
    str_t in = { (char *)zipped, z.total_out };
    (void)deflateEnd(&z);
    struct buf out;
    buf_init(&out, 2 << 20);
    CHECK_INT(http_gunzip(in, 1000, &out, NULL), ERR_LIMIT);
    buf_clear(&out);
    CHECK_OK(http_gunzip(in, sizeof zeros, &out, err));
    CHECK_INT(out.n, sizeof zeros);
    buf_clear(&out);
    in.n /= 2;
    CHECK_INT(http_gunzip(in, sizeof zeros, &out, NULL), ERR_INVALID);
    buf_fini(&out);
}

TEST(http_body_caps)
{
    struct http_server *s = start(NULL);
    check_has(
        ask(s, "POST /x HTTP/1.1\r\n" H "Content-Length: 2000\r\nExpect: 100-continue\r\n" BYE),
        "HTTP/1.1 413");
    int fd = dial(s);
    static char body[5001];
    memset(body, 'x', 5000);
    say(fd, "POST /x HTTP/1.1\r\n" H "Content-Length: 5000\r\n\r\n");
    say(fd, body);
    check_has(hear(fd, "taken here"), "HTTP/1.1 413");
    say(fd, "POST /x HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n1388\r\n");
    say(fd, body);
    say(fd, "\r\n0\r\n\r\n");
    check_has(hear(fd, "taken here"), "HTTP/1.1 413");
    say(fd,
        "POST /refused HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabcGET /after HTTP/1.1\r\n" H BYE);
    char *got = hear(fd, NULL); /* the connection survived three refusals */
    check_has(got, "HTTP/1.1 404");
    check_has(got, "GET /after");
    (void)close(fd);
    http_server_stop(s, 1000);
}

static void refuse_in_json(void *arg, struct request *rq, const char *text)
{
    (void)arg;
    buf_printf(&rq->out, "{\"error\":\"%s\"}", text);
}

TEST(http_refusals_take_the_form_of_the_protocol)
{
    struct http_server *s = start(&(struct http_server_options){ .refuse = refuse_in_json });
    char *got =
        ask(s, "POST /x HTTP/1.1\r\n" H "Content-Length: 2000\r\nExpect: 100-continue\r\n" BYE);
    check_has(got, "HTTP/1.1 413");
    check_has(got, "application/json");
    check_has(got, "{\"error\":\"the body is 2000 bytes; at most 1000 are taken here\"}");
    http_server_stop(s, 1000);
}

TEST(http_expect_continue)
{
    struct http_server *s = start(NULL);
    int fd = dial(s);
    say(fd, "POST /x HTTP/1.1\r\n" H "Content-Length: 2\r\nExpect: 100-continue\r\n" BYE);
    check_has(hear(fd, "\r\n\r\n"), "HTTP/1.1 100");
    say(fd, "ok");
    check_has(hear(fd, NULL), "POST /x 2 [ok]");
    (void)close(fd);
    http_server_stop(s, 1000);
}

TEST(http_bad_framing)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        { "POST /x HTTP/1.1\r\n" H
          "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
          "HTTP/1.1 400" },
        { "POST /x HTTP/1.1\r\n" H "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
          "HTTP/1.1 400" },
        { "POST /x HTTP/1.1\r\n" H
          "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
          "HTTP/1.1 400" },
        { "POST /x HTTP/1.1\r\n" H "Content-Length: -3\r\n\r\nabc", "HTTP/1.1 4" },
        { "POST /x HTTP/1.1\r\n" H "Content-Length: 3x\r\n\r\nabc", "HTTP/1.1 4" },
        { "POST /x HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
          "HTTP/1.1 501" },
        { "GET /x HTTP/1.1\r\n\r\n", "HTTP/1.1 400" },
        { "GET /x HTTP/1.1\r\n" H H "\r\n", "HTTP/1.1 400" },
        { "GET /%zz HTTP/1.1\r\n" H BYE, "HTTP/1.1 400" },
        { "GET /%00 HTTP/1.1\r\n" H BYE, "HTTP/1.1 400" },
        { "POST /x HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
          "HTTP/1.1 400" },
        { "POST /x HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3\r\nabcde\r\n0\r\n\r\n",
          "HTTP/1.1 400" },
        { "POST /x HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffffffff\r\nabc",
          "HTTP/1.1 413" },
        { "POST /x HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n",
          "HTTP/1.1 400" },
        { "GET /x HTTP/3.7\r\n" H BYE, "HTTP/1.1 505" },
        { "nonsense\r\n\r\n", "" },
        { "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", "" },
    };
    struct http_server *s =
        start(&(struct http_server_options){ .header_ms = 400, .idle_ms = 400 });
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *got = ask(s, cases[i].text);
        if (!strstr(got, cases[i].want) || strstr(got, "HTTP/1.1 200") ||
            strstr(got, "HTTP/1.1 500") || strstr(got, "<html"))
            TEST_FAIL("case %zu: %s", i, got);
    }
    check_has(ask(s, "GET /alive HTTP/1.1\r\n" H BYE), "GET /alive");
    http_server_stop(s, 1000);
}

TEST(http_what_the_library_refuses_takes_our_form)
{
    struct http_server *s = start(&(struct http_server_options){ .refuse = refuse_in_json });
    struct buf b;
    buf_init(&b, MIB(1));
    buf_puts(&b, "POST /x HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3;");
    for (int i = 0; i < 100000; i++)
        buf_putc(&b, 'e');
    buf_puts(&b, "\r\nabc\r\n0\r\n\r\n");
    char *got = ask(s, b.p);
    check_has(got, "HTTP/1.1 400");
    check_has(got, "Connection: close");
    check_has(got, "{\"error\":\"the body is not framed as HTTP/1.1 asks");
    got = ask(s, "POST /x HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n");
    check_has(got, "{\"error\":\"the body is not framed as HTTP/1.1 asks");
    buf_clear(&b);
    buf_puts(&b, "GET /x HTTP/1.1\r\n" H "X-Long: ");
    for (int i = 0; i < 200000; i++)
        buf_putc(&b, 'y');
    buf_puts(&b, "\r\n\r\n");
    got = ask(s, b.p);
    check_has(got, "HTTP/1.1 431");
    check_has(got, "{\"error\":\"the request line and the header fields are larger");
    check_has(ask(s, "GET /x HTTP/7.0\r\n" H BYE), "{\"error\":\"the HTTP version");
    check_has(ask(s, "GET /alive HTTP/1.1\r\n" H BYE), "GET /alive");
    buf_fini(&b);
    http_server_stop(s, 1000);
}

TEST(http_header_caps)
{
    struct http_server *s = start(NULL);
    struct buf b;
    buf_init(&b, MIB(1));
    buf_puts(&b, "GET /x HTTP/1.1\r\n" H);
    for (int i = 0; i < 120; i++)
        buf_printf(&b, "X-%d: y\r\n", i);
    buf_puts(&b, "\r\n");
    check_has(ask(s, b.p), "HTTP/1.1 431");
    buf_clear(&b);
    buf_puts(&b, "GET /x HTTP/1.1\r\n" H "X-Long: ");
    for (int i = 0; i < 34000; i++)
        buf_putc(&b, 'y');
    buf_puts(&b, "\r\n\r\n");
    check_has(ask(s, b.p), "HTTP/1.1 431");
    buf_clear(&b);
    buf_puts(&b, "GET /");
    for (size_t i = 0; i <= LIMIT_URL_BYTES; i++)
        buf_putc(&b, 'y');
    buf_puts(&b, " HTTP/1.1\r\n" H BYE);
    check_has(ask(s, b.p), "HTTP/1.1 414");
    buf_fini(&b);
    http_server_stop(s, 1000);
}

TEST(http_many_query_pairs_get_an_answer)
{
    struct http_server *s = start(NULL);
    struct buf b;
    buf_init(&b, MIB(1));
    for (int n = 800; n <= 4000; n += 400) {
        buf_clear(&b);
        buf_puts(&b, "GET /x?");
        for (int i = 0; i < n; i++)
            buf_puts(&b, "a&");
        buf_puts(&b, " HTTP/1.1\r\n" H BYE);
        check_has(ask(s, b.p), n < LIMIT_QUERY_PAIRS ? "HTTP/1.1 200" : "HTTP/1.1 4");
    }
    buf_fini(&b);
    http_server_stop(s, 1000);
}

/* What libmicrohttpd refuses by itself counts as over too, or a stop would wait for it. */
TEST(http_nothing_stays_busy)
{
    struct http_server *s = start(NULL);
    struct buf b;
    buf_init(&b, MIB(1));
    for (int cookies = 100; cookies < 4000; cookies += 300) {
        buf_clear(&b);
        buf_puts(&b, "GET /x HTTP/1.1\r\n" H "Cookie: a=1");
        for (int i = 0; i < cookies; i++)
            buf_printf(&b, "; a%d=1", i);
        buf_puts(&b, "\r\n" BYE);
        (void)ask(s, b.p);
    }
    buf_fini(&b);
    struct http_stats stats;
    http_server_stats(s, &stats);
    for (int i = 0; i < 500 && (stats.busy || stats.connections); i++) {
        (void)usleep(10000);
        http_server_stats(s, &stats);
    }
    CHECK_INT(stats.busy, 0);
    CHECK_INT(stats.connections, 0);
    http_server_stop(s, 1000);
}

TEST(http_slow_peers_are_cut_off)
{
    struct http_server *s = start(
        &(struct http_server_options){ .header_ms = 300, .idle_ms = 300, .body_grace_ms = 300 });
    int silent = dial(s), line = dial(s), header = dial(s), body = dial(s), idle = dial(s);
    say(line, "GET /x HT");
    say(header, "GET /x HTTP/1.1\r\n" H "X-Slow: ");
    say(body, "POST /x HTTP/1.1\r\n" H "Content-Length: 900\r\n\r\nabc");
    say(idle, "GET /first HTTP/1.1\r\n" H "\r\n");
    check_has(hear(idle, "[]"), "GET /first");
    CHECK_STR(hear(silent, NULL), "");
    CHECK(!strstr(hear(line, NULL), "HTTP/1.1 200"));
    CHECK(!strstr(hear(header, NULL), "HTTP/1.1 200"));
    CHECK(!strstr(hear(body, NULL), "HTTP/1.1 200"));
    CHECK_STR(hear(idle, NULL), "");
    struct http_stats stats;
    http_server_stats(s, &stats);
    for (int i = 0; i < 500 && stats.reaped < 5; i++) { /* counted just after the cut is felt */
        (void)usleep(10000);
        http_server_stats(s, &stats);
    }
    CHECK_INT(stats.reaped, 5);
    check_has(ask(s, "GET /alive HTTP/1.1\r\n" H BYE), "GET /alive");
    (void)close(silent), (void)close(line), (void)close(header), (void)close(body),
        (void)close(idle);
    http_server_stop(s, 1000);
}

/* The last bytes and the end of the connection at once: libmicrohttpd alone sees only the bytes. */
TEST(http_peers_that_leave_in_mid_body_are_let_go)
{
    struct http_server *s = start(&(struct http_server_options){ .gone_ms = 300 });
    struct http_stats stats;
    char *half = mem_alloc(MIB(2));
    memset(half, 'h', MIB(2) - 1);
    for (int i = 0; i < 8; i++) {
        int fd = dial(s);
        say(fd, "POST /spool HTTP/1.1\r\n" H "Content-Length: 3000000\r\n\r\n");
        say(fd, half);
        (void)close(fd);
    }
    mem_free(half);
    http_server_stats(s, &stats);
    for (int i = 0; i < 500 && (stats.busy || stats.connections); i++) {
        (void)usleep(10000);
        http_server_stats(s, &stats);
    }
    CHECK_INT(stats.busy, 0);
    CHECK_INT(stats.connections, 0);
    int whole = dial(s); /* one that sent all and closed its half only is answered */
    say(whole, "POST /spool HTTP/1.1\r\n" H "Content-Length: 3\r\n" BYE "abc");
    CHECK(shutdown(whole, SHUT_WR) == 0);
    check_has(hear(whole, NULL), "spooled 3 last c");
    (void)close(whole);
    http_server_stop(s, 1000);
}

TEST(http_streams_wait_without_a_thread)
{
    struct http_server *s = start(NULL);
    char *got = ask(s, "GET /stream HTTP/1.1\r\n" H BYE);
    check_has(got, "text/event-stream");
    char *first = strstr(got, "tick");
    CHECK(first && strstr(first + 1, "tick"));
    http_server_stop(s, 1000);
    CHECK_INT(gauge_get(&ended), 1);
}

TEST(http_stop_ends_streams_and_idle_connections)
{
    struct http_server *s = start(NULL);
    int idle = dial(s), waiting = dial(s);
    say(waiting, "GET /forever HTTP/1.1\r\n" H "\r\n");
    (void)hear(waiting, "\r\n\r\n");
    http_server_drain(s);
    CHECK_INT(http_server_stopping(s), 1);
    check_has(ask(s, "GET /last HTTP/1.1\r\n" H "\r\n"), "Connection: close");
    http_server_stop(s, 3000);
    CHECK_INT(gauge_get(&ended), 1);
    CHECK_STR(hear(idle, NULL), "");
    (void)close(idle), (void)close(waiting);
}

TEST(http_files_and_ranges)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/f", test_tmpdir());
    CHECK_OK(fs_write_atomic(path, STR("0123456789"), err));
    struct http_server *s = start(&(struct http_server_options){ .app = path });
    check_has(ask(s, "GET /file HTTP/1.1\r\n" H BYE), "0123456789");
    char *got = ask(s, "GET /file HTTP/1.1\r\n" H "Range: bytes=2-4\r\n" BYE);
    check_has(got, "HTTP/1.1 206");
    check_has(got, "Content-Range: bytes 2-4/10");
    check_has(got, "\r\n\r\n234");
    check_has(ask(s, "GET /file HTTP/1.1\r\n" H "Range: bytes=-3\r\n" BYE), "\r\n\r\n789");
    check_has(ask(s, "GET /file HTTP/1.1\r\n" H "Range: bytes=10-\r\n" BYE), "HTTP/1.1 416");
    http_server_stop(s, 1000);
}

TEST(http_spooled_upload)
{
    struct http_server *s = start(NULL);
    int fd = dial(s);
    static char block[1 << 16];
    memset(block, 'a', sizeof block);
    say(fd, "PUT /spool HTTP/1.1\r\n" H "Content-Length: 3276800\r\n" BYE);
    for (int i = 0; i < 50; i++) {
        block[sizeof block - 1] = i == 49 ? 'Z' : 'a';
        for (size_t n = 0; n < sizeof block;) {
            ssize_t k = send(fd, block + n, sizeof block - n, MSG_NOSIGNAL);
            CHECK(k > 0);
            n += (size_t)k;
        }
    }
    check_has(hear(fd, NULL), "spooled 3276800 last Z");
    (void)close(fd);
    http_server_stop(s, 1000);
}

TEST(http_guards_and_base_path)
{
    struct http_server *s = start(&(struct http_server_options){ .base_path = "/x/" });
    check_has(ask(s, "GET /x/a HTTP/1.1\r\n" H BYE), "GET /a");
    check_has(ask(s, "GET /a HTTP/1.1\r\n" H BYE), "HTTP/1.1 404");
    check_has(ask(s, "GET /xa HTTP/1.1\r\n" H BYE), "HTTP/1.1 404");
    check_has(ask(s, "GET /x/a HTTP/1.1\r\nHost: evil.example\r\n" BYE),
              "Invalid Host header - possible DNS rebinding attack detected");
    check_has(ask(s, "GET /x/health HTTP/1.1\r\nHost: evil.example\r\n" BYE), "GET /health");
    check_has(ask(s, "POST /x/api/v1/a HTTP/1.1\r\n" H
                     "Origin: https://evil.example\r\nContent-Length: 0\r\n" BYE),
              "Cross-origin request blocked");
    check_has(ask(s, "GET /x/api/v1/a HTTP/1.1\r\n" H "Origin: https://evil.example\r\n" BYE),
              "GET /api/v1/a");
    char *got = ask(s, "OPTIONS /x/api/v1/a HTTP/1.1\r\n" H
                       "Origin: http://localhost:3000\r\nAccess-Control-Request-Method: "
                       "POST\r\nAccess-Control-Request-Headers: content-type\r\n" BYE);
    check_has(got, "HTTP/1.1 200");
    check_has(got, "Access-Control-Allow-Origin: http://localhost:3000");
    check_has(got, "Access-Control-Allow-Headers: content-type");
    check_has(got, "Access-Control-Allow-Credentials: true");
    got = ask(s, "OPTIONS /x/api/v1/a HTTP/1.1\r\n" H "Origin: https://evil.example\r\n"
                 "Access-Control-Request-Method: POST\r\n" BYE);
    check_has(got, "HTTP/1.1 400");
    check_has(got, "Disallowed CORS origin");
    CHECK(!strstr(got, "Allow-Origin") && !strstr(got, "Allow-Credentials"));
    got = ask(s, "OPTIONS /x/api/v1/a HTTP/1.1\r\n" H "Origin: http://localhost:3000\r\n"
                 "Access-Control-Request-Method: TRACE\r\n" BYE);
    check_has(got, "Disallowed CORS method");
    got = ask(s, "OPTIONS /x/api/v1/a HTTP/1.1\r\n" H "Origin: https://evil.example\r\n" BYE);
    check_has(got, "HTTP/1.1 204");
    CHECK(!strstr(got, "Access-Control"));
    http_server_stop(s, 1000);
}

TEST(http_busy_port_says_what_to_do)
{
    struct http_server *s = start(NULL), *second = NULL;
    char listen[64];
    struct err err = ERR_INIT;
    (void)snprintf(listen, sizeof listen, "127.0.0.1:%d", http_server_port(s));
    struct http_server_options o = { .listen = listen, .plan = plan, .handle = handle };
    CHECK_INT(http_server_start(&second, &o, &err), ERR_CONFLICT);
    check_has(err.msg, "is in use");
    check_has(err.msg, "choose another");
    http_server_stop(s, 1000);
}
