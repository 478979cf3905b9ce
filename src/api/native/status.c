/* SPDX-License-Identifier: Apache-2.0
 * GET /api/v1/status: what is served, what runs, what needs somebody, put together from the plain
 * GETs. A part that cannot be had is an empty list, so that the overview always comes. */
#include <unistd.h>

#include "api/app.h"
#include "api/native/compose.h"
#include "api/route.h"
#include "api/tables.h"

enum { RECENT = 10, MODELS = 50 };

struct parts {
    struct json endpoints, running, recent, models; /* the whole answers */
};

static const struct json *items(const struct json *list)
{
    static const struct json none = { .type = JSON_ARRAY };
    const struct json *v = json_get(list, "items");
    return v && v->type == JSON_ARRAY ? v : &none;
}

static void put_server(struct request *rq, struct json_out *o)
{
    const struct app *app = app_of(rq);
    jo_key(o, "server");
    if (app->options.mode != APP_SERVER) {
        jo_null(o);
        return;
    }
    jo_object(o);
    jo_kv_int(o, "pid", getpid());
    jo_kv_cstr(o, "url", app->url);
    jo_kv_int(o, "started_ms", app->started_ms);
    jo_object_end(o);
}

static void put_need(struct json_out *o, const char *kind, const char *text, const char *ref,
                     const char *command)
{
    jo_object(o);
    jo_kv_cstr(o, "kind", kind);
    jo_kv_cstr(o, "text", text);
    jo_kv_cstr(o, "ref", ref);
    jo_kv_cstr(o, "command", command);
    jo_object_end(o);
}

static void endpoint_needs(struct request *rq, struct json_out *o, const struct json *e,
                           const struct json *models)
{
    struct arena *a = &rq->arena;
    const char *name = json_get_string(e, "name", ""), *model = json_get_string(e, "model", "");
    const char *version = json_get_string(e, "version", "");
    const char *ref = arena_printf(a, "endpoint/%s", name);
    if (strcmp(json_get_string(e, "state", ""), "failed") == 0)
        put_need(o, "endpoint_failed",
                 arena_printf(a, "endpoint '%s' cannot serve version %s: %s", name, version,
                              json_get_string(e, "state_reason", "no reason given")),
                 ref, arena_printf(a, "slipway rollback %s", name));
    for (size_t i = 0; i < models->n; i++) {
        const char *latest = json_get_string(&models->items[i], "latest_version", NULL);
        if (strcmp(json_get_string(&models->items[i], "name", ""), model) != 0 || !latest ||
            strcmp(latest, version) == 0)
            continue;
        put_need(o, "newer_version",
                 arena_printf(a, "'%s' has version %s, endpoint '%s' serves %s", model, latest,
                              name, version),
                 ref, arena_printf(a, "slipway promote %s", name));
    }
}

static void put_needs(struct request *rq, struct json_out *o, const struct parts *p)
{
    const struct json *recent = items(&p->recent), *endpoints = items(&p->endpoints),
                      *models = items(&p->models);
    char trouble[480] = "";
    jo_key(o, "needs");
    jo_array(o);
    if (app_of(rq)->flow)
        flow_trouble(app_of(rq)->flow, trouble);
    if (trouble[0])
        put_need(o, "runs_unrecorded",
                 arena_printf(&rq->arena, "runs that ended cannot be recorded: %s", trouble), NULL,
                 "slipway doctor");
    if (recent->n && strcmp(json_get_string(&recent->items[0], "status", ""), "FAILED") == 0) {
        const char *id = json_get_string(&recent->items[0], "run_id", "");
        put_need(
            o, "run_failed",
            arena_printf(&rq->arena, "the newest run failed: %s",
                         json_get_string(&recent->items[0], "status_reason", "no reason given")),
            arena_printf(&rq->arena, "run/%s", id),
            arena_printf(&rq->arena, "slipway exp show %.8s", id));
    }
    for (size_t i = 0; i < endpoints->n; i++)
        endpoint_needs(rq, o, &endpoints->items[i], models);
    jo_array_end(o);
}

static void fetch_part(struct request *rq, const char *target, struct json *out)
{
    struct err ignored = ERR_INIT;
    if (compose_get_json(rq, target, out, &ignored) != 0)
        *out = (struct json){ .type = JSON_NULL };
}

static int get_status(struct request *rq, struct err *err)
{
    struct parts p;
    struct json_out o;
    (void)err;
    fetch_part(rq, "/api/v1/endpoints?limit=200", &p.endpoints);
    fetch_part(rq, "/api/v1/runs?limit=50&filter=attributes.status%20%3D%20%27RUNNING%27",
               &p.running);
    fetch_part(rq, arena_printf(&rq->arena, "/api/v1/runs?limit=%d", RECENT), &p.recent);
    fetch_part(rq, arena_printf(&rq->arena, "/api/v1/models?limit=%d", MODELS), &p.models);
    route_json(rq, &o);
    jo_object(&o);
    jo_kv_cstr(&o, "data_dir", app_of(rq)->options.shown_dir);
    put_server(rq, &o);
    jo_key(&o, "endpoints");
    jo_value(&o, items(&p.endpoints));
    jo_key(&o, "running");
    jo_value(&o, items(&p.running));
    jo_key(&o, "recent");
    jo_value(&o, items(&p.recent));
    jo_key(&o, "models");
    jo_value(&o, items(&p.models));
    put_needs(rq, &o, &p);
    jo_object_end(&o);
    return 0;
}

static const struct route routes[] = {
    { "GET", "/api/v1/status", "status.read", get_status, ROUTE_WORKER, 0,
      "What is served, what runs, and what needs somebody.", NULL,
      "data_dir! string: The data folder.\nserver! any: pid, url and started_ms of the server, or "
      "null in a process without one.\n"
      "endpoints! [object]: As GET /api/v1/endpoints.\nrunning! [object]: Runs that have not "
      "ended.\nrecent! [object]: The newest runs.\n"
      "models! [object]: The newest models.\nneeds! [object]: What asks for a person.\n  kind! "
      "string: run_failed, endpoint_failed or newer_version.\n"
      "  text! string: One sentence.\n  ref string: What it is about.\n  command string: What to "
      "type.",
      "statusGet" },
};

const struct route_table status_routes = { "status", routes, ARRAY_LEN(routes),
                                           route_error_native };
