/* SPDX-License-Identifier: Apache-2.0
 * What libmicrohttpd refuses by itself (a request line that is none, a malformed chunk, memory that
 * a connection does not have) it answers with an HTML page of its own, and with 500 when a line of
 * a chunked body does not end. It has no hook for that, but it queues those pages through its
 * public MHD_queue_response, which the dynamic linker resolves to the definition in this file: the
 * page is replaced by an answer in the protocol's form. Where a library binds the call to itself,
 * its pages stay, and nothing else changes. Connection threads. */
#include <dlfcn.h>
#include <pthread.h>
#include <sys/socket.h>

#include "base/limits.h"
#include "net/http_int.h"

typedef enum MHD_Result (*queue_fn)(struct MHD_Connection *, unsigned, struct MHD_Response *);

static queue_fn real_queue;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void find_real(void)
{
    void *f = dlsym(RTLD_NEXT, "MHD_queue_response");
    memcpy(&real_queue, &f, sizeof f);
}

enum MHD_Result http__queue(struct MHD_Connection *mhd, int status, struct MHD_Response *r)
{
    AZ(pthread_once(&once, find_real));
    return real_queue ? real_queue(mhd, (unsigned)status, r) : MHD_NO;
}

/* Only memory that ran out is a 500 there; what took it was the client's. */
static int status_of(const struct conn *c, unsigned status)
{
    if (status != MHD_HTTP_INTERNAL_SERVER_ERROR)
        return (int)status;
    return c->has_body ? MHD_HTTP_BAD_REQUEST : MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE;
}

static const char *text_of(const struct conn *c, int status)
{
    switch (status) {
    case 413: return "the Content-Length, or the size of a chunk, is too large";
    case 414: return "the URL is longer than this server takes";
    case 431: return "the request line and the header fields are larger than this server takes";
    case 505: return "the HTTP version is not one that is spoken here: HTTP/1.1 and HTTP/1.0 are";
    default: break;
    }
    return c->has_body ? "the body is not framed as HTTP/1.1 asks: Content-Length must be one "
                         "number; each line of a chunked body is a size in hexadecimal digits, "
                         "with an extension of some kilobytes at most"
                       : "this is no HTTP/1.1 request: its request line or a header field is "
                         "malformed";
}

/* A Content-Length of more than 64 bits is refused twice by libmicrohttpd 0.9.75, and both sets of
 * headers go out. Its connection is given up instead, after our answer went straight to the socket.
 */
static enum MHD_Result answer_and_give_up(struct conn *c)
{
    struct buf b;
    buf_init(&b, MIB(1));
    buf_printf(&b,
               "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
               "Connection: close\r\n\r\n",
               c->rq.status, MHD_get_reason_phrase_for((unsigned)c->rq.status),
               c->rq.content_type ? c->rq.content_type : "application/json", c->rq.out.n);
    buf_str(&b, buf_view(&c->rq.out));
    (void)send(c->fd, b.p, b.n, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)shutdown(c->fd, SHUT_WR);
    buf_fini(&b);
    return MHD_NO;
}

__attribute__((visibility("default"))) enum MHD_Result MHD_queue_response(
    struct MHD_Connection *mhd, unsigned status, struct MHD_Response *page)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct conn *c = info ? info->socket_context : NULL;
    if (!c || c->magic != CONN_MAGIC)
        return http__queue(mhd, (int)status, page);
    int mine = status_of(c, status);
    c->close_after = 1;
    if (!c->rq.path.p)
        c->rq.path = STR("/");
    int again = c->rq.status != 0, early = c->phase == PHASE_NEW && c->in_request;
    if (!again)
        http__refuse(c, mine, text_of(c, mine));
    if (early && mine == MHD_HTTP_CONTENT_TOO_LARGE)
        return again ? MHD_NO : answer_and_give_up(c);
    return http__reply(c);
}
