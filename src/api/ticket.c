/* SPDX-License-Identifier: Apache-2.0
 * Tickets are signed URLs (access/signed.h) whose signature covers the query as well: which run and
 * which file stand there. Nothing is stored. */
#include "api/ticket.h"

#include "access/signed.h"
#include "api/app.h"
#include "api/native/handler.h"
#include "api/route.h"
#include "api/tables.h"
#include "base/clock.h"
#include "base/limits.h"

#define TICKET "TICKET" /* in the place of a method: no other signed URL is one */

int ticket_is_file(const struct request *rq)
{
    str_t p = rq->path;
    return str_is(p, "/get-artifact") || str_is(p, "/model-versions/get-artifact") ||
           (str_starts(p, "/api/v1/models/") && memmem(p.p, p.n, "/files/", 7) != NULL);
}

int ticket_is_given(const struct request *rq)
{
    return request_query(rq, "signature").n && str_is(rq->method, "GET") && ticket_is_file(rq);
}

/* Path and query in one text that has one reading; NULL when it is too long. */
static const char *address_of(const struct request *rq, struct buf *b)
{
    buf_printf(b, "%zu:%.*s", rq->path.n, STR_ARG(rq->path));
    for (size_t i = 0; i < rq->query_n; i++) {
        const struct pair *q = &rq->query[i];
        if (!str_is(q->key, "expires") && !str_is(q->key, "signature"))
            buf_printf(b, " %zu:%.*s=%zu:%.*s", q->key.n, STR_ARG(q->key), q->value.n,
                       STR_ARG(q->value));
    }
    return b->failed ? NULL : buf_view(b).p;
}

int ticket_check(const struct request *rq, struct err *err)
{
    AUTO(buf_fini) struct buf b;
    buf_init(&b, (size_t)LIMIT_URL_BYTES * 2);
    const char *address = address_of(rq, &b);
    if (!address)
        return ERR(err, ERR_DENIED, "this address is too long for a ticket");
    return signed_check(app_of(rq)->signing_key, STR(TICKET), buf_view(&b),
                        request_query(rq, "expires"), request_query(rq, "signature"),
                        clock_now_ms() / 1000, err);
}

static int make_ticket(const struct request *rq, const struct request *file, int64_t end_s,
                       char out[SIGNED_QUERY_MAX], struct err *err)
{
    AUTO(buf_fini) struct buf b;
    buf_init(&b, (size_t)LIMIT_URL_BYTES * 2);
    if (!ticket_is_file(file) || request_query(file, "signature").p)
        return ERR(err, ERR_INVALID, "'path' must be that of a file of a run or of a version");
    const char *address = address_of(file, &b);
    if (!address)
        return ERR(err, ERR_LIMIT, "'path' is too long");
    signed_query(app_of(rq)->signing_key, TICKET, address, end_s, out);
    return 0;
}

static int post_ticket(struct request *rq, struct err *err)
{
    struct request file;
    struct json_out o;
    const char *path;
    char query[SIGNED_QUERY_MAX];
    int64_t end_s = clock_now_ms() / 1000 + TICKET_SECONDS;
    int rc = handler_body_text(rq, "path", &path, err);
    if (rc)
        return rc;
    request_init(&file);
    rc = request_set_target(&file, str_of(path), err);
    if (!rc)
        rc = make_ticket(rq, &file, end_s, query, err);
    request_fini(&file);
    if (rc)
        return rc;
    route_json(rq, &o);
    jo_object(&o);
    jo_kv_cstr(&o, "query", query);
    jo_kv_int(&o, "expires_ms", end_s * 1000);
    jo_object_end(&o);
    request_add_header(rq, "Cache-Control", "no-store");
    return 0;
}

static const struct route routes[] = {
    { "POST", "/api/v1/tickets", "run.read", post_ticket, ROUTE_INLINE, KIB(64),
      "A ticket with which a browser may GET one file for ten minutes without a token: add it to "
      "the address.",
      "path! string: Path and query of the file, as in /get-artifact?run_id=…&path=….",
      "query! string: To be added to the query of the address.\nexpires_ms! time_ms: When it ends.",
      "ticketCreate" },
};

const struct route_table ticket_routes = { "tickets", routes, ARRAY_LEN(routes),
                                           route_error_native };
