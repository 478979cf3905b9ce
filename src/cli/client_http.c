/* SPDX-License-Identifier: Apache-2.0
 * The way over the network: one request by fetch/, with the bearer token; proxies of the
 * environment are libcurl's business. */
#include "cli/client_int.h"

#include "base/clock.h"
#include "base/num.h"
#include "cli/term.h"
#include "fetch/fetch.h"

enum { CALL_TIMEOUT_MS = 120000, SILENCE_MS = 3000 };

struct patience {
    struct cli *c;
    const char *base;
    int64_t start_ns;
    int said;
    int (*tick)(struct cli *c);
};

/* A server that hangs is named while it is waited for. */
static int say_whom_we_wait_for(void *arg)
{
    struct patience *p = arg;
    if (p->tick)
        return p->tick(p->c);
    if (!p->said && (clock_mono_ns() - p->start_ns) / 1000000 >= SILENCE_MS) {
        p->said = 1;
        term_note(p->c, "the server at %s has not answered yet, waiting up to %d s (Ctrl-C stops)",
                  p->base, CALL_TIMEOUT_MS / 1000);
    }
    return 0;
}

int client__is_long(const char *target)
{
    return strcmp(target, "/api/v1/import") == 0 || strcmp(target, "/api/v1/export") == 0;
}

int client__http(struct cli *c, const char *base, const char *method, const char *target,
                 str_t body, struct reply *out, struct err *err)
{
    const char *headers[5];
    size_t n = 0;
    if (c->token)
        headers[n++] = arena_printf(&c->arena, "Authorization: Bearer %s", c->token);
    if (body.p)
        headers[n++] = "Content-Type: application/json";
    headers[n++] = "Accept: application/json, */*";
    headers[n++] = "User-Agent: slipway/" SLIPWAY_VERSION;
    headers[n] = NULL;
    struct patience patience = { c, base, clock_mono_ns(), 0,
                                 client__is_long(target) ? c->tick : NULL };
    struct fetch_request rq = { .method = method,
                                .url = arena_printf(&c->arena, "%s%s", base, target),
                                .headers = headers,
                                .body = body,
                                .timeout_ms = client__is_long(target) ? 0 : CALL_TIMEOUT_MS,
                                .waiting = say_whom_we_wait_for,
                                .arg = &patience };
    struct fetch_response rs;
    int rc = fetch(&c->arena, &rq, &rs, err);
    if (rc == ERR_UNAVAILABLE && c->server)
        cli_hint(c,
                 "the server %s comes from %s; without it the data folder is used: is it meant, "
                 "and does it run?",
                 base, c->server_from);
    else if (rc == ERR_UNAVAILABLE)
        cli_hint(c, "start one: slipway server");
    if (rc)
        return rc;
    str_t type = fetch_header(&rs, "content-type"), offset = fetch_header(&rs, "x-next-offset");
    out->status = rs.status;
    out->content_type = type.p ? arena_strndup(&c->arena, type.p, type.n) : "";
    out->body = rs.body;
    if (offset.p && parse_i64(offset, &out->next_offset) != 0)
        out->next_offset = -1;
    if (rs.status >= 300 && rs.status < 400)
        return ERR(err, ERR_UNAVAILABLE,
                   "%s answered %d (it points elsewhere); name the server's own URL", base,
                   rs.status);
    return 0;
}
