/* SPDX-License-Identifier: Apache-2.0
 * Sub-requests; see compose.h. Runs on the worker thread of the outer request. */
#include "api/native/compose.h"

#include "api/app.h"
#include "api/route.h"
#include "fetch/fetch.h"

static int error_of(const struct request *sub, struct err *err)
{
    struct arena a;
    struct json v;
    const char *message = NULL, *name = NULL;
    size_t n;
    const struct err_info *all = err_table(&n);
    int code = sub->status == 404 ? ERR_NOT_FOUND : sub->status >= 500 ? ERR_INTERNAL : ERR_INVALID;
    arena_init(&a, MIB(1));
    if (json_parse(&a, buf_view(&sub->out), NULL, &v, NULL) == 0) {
        message = json_get_string(&v, "message", NULL);
        name = json_get_string(&v, "code", NULL);
    }
    for (size_t i = 0; name && i < n; i++)
        if (all[i].code && strcmp(all[i].name, name) == 0)
            code = all[i].code;
    (void)ERR(err, code, "%.450s", message ? message : "a part of the answer cannot be had");
    arena_fini(&a);
    return code;
}

int compose_get(struct request *rq, const char *target, str_t *out_json, struct err *err)
{
    struct request sub;
    request_init(&sub);
    sub.method = STR("GET");
    sub.headers = rq->headers;
    sub.headers_n = rq->headers_n;
    sub.actor = rq->actor;
    sub.project = rq->project;
    sub.remote = rq->remote;
    sub.app = rq->app;
    memcpy(sub.id, rq->id, sizeof sub.id);
    int rc = request_set_target(&sub, str_of(target), err);
    if (!rc) {
        app_dispatch(app_of(rq), &sub);
        if (sub.status >= 400)
            rc = error_of(&sub, err);
        else if (sub.out.failed)
            rc = ERR(err, ERR_LIMIT, "the answer is too large");
        else
            *out_json = arena_str(&rq->arena, buf_view(&sub.out));
    }
    request_fini(&sub);
    return rc;
}

int compose_get_json(struct request *rq, const char *target, struct json *out, struct err *err)
{
    static const struct json_options options = { .allow_nan = 1, .max_depth = LIMIT_JSON_DEPTH };
    str_t text;
    int rc = compose_get(rq, target, &text, err);
    return rc ? rc : json_parse(&rq->arena, text, &options, out, err);
}

const char *compose_escape(struct request *rq, str_t text)
{
    return fetch_escape(&rq->arena, text, 0);
}
