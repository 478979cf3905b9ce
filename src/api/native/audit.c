/* SPDX-License-Identifier: Apache-2.0
 * GET /api/v1/audit: the record of what changed, newest first unless asked otherwise. */
#include "api/native/handler.h"
#include "api/route.h"
#include "api/tables.h"
#include "base/num.h"
#include "track/run.h"

static void write_event(struct json_out *o, const struct event *e)
{
    jo_object(o);
    jo_kv_int(o, "seq", e->seq);
    jo_kv_cstr(o, "id", e->id);
    jo_kv_int(o, "time_ms", e->time_ms);
    jo_kv_cstr(o, "actor", e->actor);
    jo_kv_cstr(o, "kind", e->kind);
    jo_kv_cstr(o, "subject", e->subject);
    jo_kv_raw(o, "before", str_of(e->before ? e->before : "null"));
    jo_kv_raw(o, "after", str_of(e->after ? e->after : "null"));
    jo_kv_cstr(o, "reason", e->reason);
    jo_kv_cstr(o, "request_id", e->request_id);
    jo_object_end(o);
}

/* The next page continues behind the last event shown, so that new events do not shift it. */
static int read_token(struct request *rq, struct event_query *q, struct err *err)
{
    str_t token = request_query(rq, "page_token");
    int64_t seq;
    if (!token.n)
        return 0;
    if (parse_i64(token, &seq) != 0 || seq < 1)
        return ERR(err, ERR_INVALID, "page_token is not one that this server gave");
    if (q->newest_first)
        q->before_seq = seq;
    else
        q->after_seq = seq;
    return 0;
}

static int read_query(struct request *rq, struct event_query *q, struct err *err)
{
    struct err bad = ERR_INIT;
    const char *order = handler_query(rq, "order");
    if (order && strcmp(order, "asc") != 0 && strcmp(order, "desc") != 0)
        return ERR(err, ERR_INVALID, "'order' is asc or desc, not '%.40s'", order);
    q->newest_first = !order || strcmp(order, "desc") == 0;
    q->limit = request_query_int(rq, "limit", PAGE_LIMIT, 1, PAGE_LIMIT_MAX, &bad);
    q->after_seq = request_query_int(rq, "after", 0, 0, INT64_MAX, &bad);
    q->before_seq = request_query_int(rq, "before", 0, 0, INT64_MAX, &bad);
    q->subject = handler_query(rq, "subject");
    q->kind_prefix = handler_query(rq, "kind");
    q->actor = handler_query(rq, "actor");
    if (bad.code) {
        *err = bad;
        return bad.code;
    }
    return read_token(rq, q, err);
}

/* People name runs by their first digits, or as "latest". */
static int whole_subject(struct tx *tx, struct request *rq, struct event_query *q, struct err *err)
{
    struct run r;
    if (!q->subject || !str_starts(str_of(q->subject), "run/") ||
        strlen(q->subject) == sizeof "run/" - 1 + 32)
        return 0;
    int rc = run_resolve(tx, &rq->arena, handler_project(rq), q->subject + 4, &r, err);
    if (!rc)
        q->subject = arena_printf(&rq->arena, "run/%s", r.id);
    return rc;
}

static int write_page(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    struct event_query *q = arg, ask = *q;
    struct event *list;
    struct json_out o;
    size_t n;
    ask.limit = q->limit + 1; /* one more tells whether there is a next page */
    int rc = whole_subject(tx, rq, &ask, err);
    if (!rc)
        rc = event_list(tx, &rq->arena, &ask, &list, &n, err);
    if (rc)
        return rc;
    int more = n > (size_t)q->limit;
    n -= (size_t)more;
    route_json(rq, &o);
    jo_object(&o);
    jo_key(&o, "items");
    jo_array(&o);
    for (size_t i = 0; i < n; i++)
        write_event(&o, &list[i]);
    jo_array_end(&o);
    if (more)
        jo_kv_cstr(&o, "next_page_token",
                   arena_printf(&rq->arena, "%lld", (long long)list[n - 1].seq));
    else
        jo_kv_raw(&o, "next_page_token", STR("null"));
    jo_object_end(&o);
    return 0;
}

static int get_audit(struct request *rq, struct err *err)
{
    struct event_query q = { 0 };
    int rc = read_query(rq, &q, err);
    return rc ? rc : handler_read(rq, write_page, &q, err);
}

static const struct route routes[] = {
    { "GET", "/api/v1/audit", "audit.read", get_audit, ROUTE_WORKER, 0,
      "What changed, by whom and why, newest first.",
      "after integer: Only events with a greater number.\nbefore integer: Only events with a "
      "smaller number.\n"
      "subject string: Only about this, such as model/diabetes:2; model/diabetes also finds its "
      "versions.\n"
      "kind string: Only kinds that begin so, such as endpoint.\nactor string: Only by this person "
      "or token.\n"
      "order string: desc (default) or asc.\nlimit integer: At most so many, 100 unless given, at "
      "most 1000.\n"
      "page_token string: Of the page before.",
      "items! [object]: Events.\n  seq! integer: Its number, without gaps.\n  id! string: UUID.\n"
      "  time_ms! time_ms: When.\n  actor! string: Who.\n  kind! string: What happened.\n"
      "  subject! string: To what.\n  before any: State before.\n  after any: State after.\n"
      "  reason string|null: Why.\n  request_id string|null: Of which request.\n"
      "next_page_token! string|null: Of the next page.",
      "auditList" },
};

const struct route_table audit_routes = { "audit", routes, ARRAY_LEN(routes), route_error_native };
