/* SPDX-License-Identifier: Apache-2.0
 * Who may do what on a running server: the guard in force, replaced as a whole on SIGHUP. Old
 * guards live until the end, so that a request that holds one never sees it freed. */
#include "access/guard.h"
#include "access/signed.h"
#include "api/app.h"
#include "api/route.h"
#include "api/ticket.h"
#include "base/clock.h"
#include "base/mem.h"

struct guard_kept {
    struct guard guard;
    struct tokens *tokens;
    struct guard_kept *next;
};

int door_reload(struct app *app, struct err *err)
{
    struct guard_kept *k = mem_alloc(sizeof *k);
    if (app->options.token_file) {
        int rc = tokens_load(&k->tokens, app->options.token_file, err);
        if (rc) {
            mem_free(k);
            return rc;
        }
    }
    k->guard.tokens = k->tokens;
    k->next = app->guards;
    app->guards = k;
    (void)cell_swap(&app->guard, &k->guard);
    return 0;
}

static int check_signed(struct request *rq, struct err *err)
{
    rq->actor = "signed-url";
    return signed_check(app_of(rq)->signing_key, rq->method, rq->path, request_query(rq, "expires"),
                        request_query(rq, "signature"), clock_now_ms() / 1000, err);
}

int door_access(struct request *rq, const char *permission, struct err *err)
{
    const struct guard *g = cell_get(&app_of(rq)->guard);
    struct identity who;
    str_t authorization = request_header(rq, "authorization");
    if (!g) /* in process: the folder's own permissions decide */
        return 0;
    if (strcmp(permission, "signed") == 0)
        return check_signed(rq, err);
    if (g->tokens && !authorization.n && ticket_is_given(rq)) {
        rq->actor = "ticket";
        int denied = ticket_check(rq, err);
        if (denied)
            rq->status = 401;
        return denied ? denied : guard_permit_role(ACCESS_READER, permission, err);
    }
    int rc = guard_permit(g, permission, authorization, &who, err);
    rq->actor = arena_strdup(&rq->arena, who.actor);
    if (rc && who.must_log_in) {
        rq->status = 401;
        request_add_header(rq, "WWW-Authenticate", "Bearer realm=\"slipway\"");
    }
    return rc;
}

void door_close(struct app *app)
{
    (void)cell_swap(&app->guard, NULL);
    while (app->guards) {
        struct guard_kept *k = app->guards;
        app->guards = k->next;
        tokens_free(k->tokens);
        mem_free(k);
    }
}
