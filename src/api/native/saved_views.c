/* SPDX-License-Identifier: Apache-2.0
 * /api/v1/saved-views: views of the page that people keep for themselves or for the project. */
#include "track/saved_view.h"

#include "api/native/handler.h"
#include "api/route.h"
#include "api/tables.h"
#include "base/limits.h"

static int write_list(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    struct cause by = handler_cause(rq, NULL);
    struct saved_view *list = NULL;
    struct json_out o;
    size_t n = 0;
    (void)arg;
    int rc = saved_view_list(tx, &rq->arena, &by, handler_query(rq, "page"), &list, &n, err);
    if (rc)
        return rc;
    route_json(rq, &o);
    jo_object(&o);
    jo_key(&o, "items");
    jo_array(&o);
    for (size_t i = 0; i < n; i++) {
        jo_object(&o);
        jo_kv_cstr(&o, "page", list[i].page);
        jo_kv_cstr(&o, "name", list[i].name);
        jo_kv_bool(&o, "private", list[i].owner[0] != '\0');
        jo_kv_raw(&o, "state", str_of(list[i].state));
        jo_kv_int(&o, "creation_time_ms", list[i].creation_time_ms);
        jo_kv_int(&o, "last_update_time_ms", list[i].last_update_time_ms);
        jo_object_end(&o);
    }
    jo_array_end(&o);
    jo_kv_raw(&o, "next_page_token", STR("null"));
    jo_object_end(&o);
    return 0;
}

static int get_list(struct request *rq, struct err *err)
{
    return handler_read(rq, write_list, NULL, err);
}

struct view_args {
    int is_private;
    const char *state; /* NULL = delete */
};

static int do_change(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    const struct view_args *x = arg;
    struct cause by = handler_cause(rq, NULL);
    struct saved_view v = { .page = handler_param(rq, "page"),
                            .name = handler_param(rq, "name"),
                            .owner = x->is_private ? cause_actor(&by) : "",
                            .state = x->state };
    return x->state ? saved_view_put(tx, &by, &v, err) : saved_view_delete(tx, &by, &v, err);
}

static int put_one(struct request *rq, struct err *err)
{
    struct json body;
    struct json_out o;
    struct buf text;
    int rc = route_body(rq, &body, err);
    if (rc)
        return rc;
    const struct json *state = json_get(&body, "state");
    if (!state || state->type != JSON_OBJECT)
        return ERR(err, ERR_INVALID, "the body needs 'state', an object");
    buf_init(&text, LIMIT_BODY_CONTROL);
    json_out_init(&o, &text);
    jo_value(&o, state);
    struct view_args x = { json_get_bool(&body, "private", 0),
                           text.failed ? NULL : arena_strndup(&rq->arena, text.p, text.n) };
    buf_fini(&text);
    if (!x.state)
        return ERR(err, ERR_LIMIT, "the state of the view is too large");
    rc = handler_write(rq, do_change, &x, err);
    return rc ? rc : get_list(rq, err);
}

static int delete_one(struct request *rq, struct err *err)
{
    const char *p = handler_query(rq, "private");
    struct view_args x = { p && strcmp(p, "true") == 0, NULL };
    int rc = handler_write(rq, do_change, &x, err);
    return rc ? rc : get_list(rq, err);
}

#define VIEWS                                                                                      \
    "items! [object]: Of the project and one's own.\n  page! string: Where it belongs.\n"          \
    "  name! string: Its name.\n  private! boolean: Only its owner sees it.\n"                     \
    "  state! object: As the page saved it.\n  creation_time_ms! time_ms: When it was made.\n"     \
    "  last_update_time_ms! time_ms: When it was saved last.\nnext_page_token! null: Always null."

static const struct route routes[] = {
    { "GET", "/api/v1/saved-views", "run.read", get_list, ROUTE_WORKER, 0, "Saved views by name.",
      "page string: Only of this page.", VIEWS, "savedViewList" },
    { "PUT", "/api/v1/saved-views/{page}/{name}", "run.write", put_one, ROUTE_WORKER,
      LIMIT_BODY_CONTROL, "Saves a view, replacing the one of that name and owner.",
      "state! object: Whatever the page needs, at most 64 KiB.\nprivate boolean: For oneself only.",
      VIEWS, "savedViewPut" },
    { "DELETE", "/api/v1/saved-views/{page}/{name}", "run.write", delete_one, ROUTE_WORKER, 0,
      "Removes a saved view.", "?private boolean: One's own, not the project's.", VIEWS,
      "savedViewDelete" },
};

const struct route_table saved_view_routes = { "saved-views", routes, ARRAY_LEN(routes),
                                               route_error_native };
