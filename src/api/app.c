/* SPDX-License-Identifier: Apache-2.0
 * Opens and closes what handlers work on, and holds the list of route tables. */
#include "api/app.h"

#include "api/tables.h"
#include "api/ui/ui.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "registry/notify.h"
#include "rollout/follow.h"
#include "serve/serve.h"
#include "store/home.h"

/* One a line, so that two people can add one. */
/* clang-format off */
static const struct route_table *const tables[] = {
    &common_routes,
    &event_routes,
    &endpoint_routes,
    &experiment_routes,
    &bulk_routes,
    &run_routes,
    &model_routes,
    &version_routes,
    &attach_routes,
    &dataset_routes,
    &audit_routes,
    &status_routes,
    &trash_routes,
    &gc_routes, &saved_view_routes,
    &job_routes,
    &view_routes,
    &explain_routes,
    &transfer_routes,
    &mlflow_routes,
    &tfserving_routes,
    &scoring_routes,
    &ui_routes,
    NULL,
};

static const struct route_table *const data_tables[] = {
    &tfserving_routes,
    &scoring_routes,
    &common_routes,
    NULL,
};
/* clang-format on */

const struct route_table *const *app_routes(size_t *out_n)
{
    *out_n = ARRAY_LEN(tables) - 1;
    return tables;
}

const struct route_table *const *app_data_routes(size_t *out_n)
{
    *out_n = ARRAY_LEN(data_tables) - 1;
    return data_tables;
}

void app_dispatch(struct app *app, struct request *rq)
{
    size_t n;
    const struct route_table *const *all = app_routes(&n);
    rq->app = app;
    route_dispatch(all, n, rq);
}

struct app *app_of(const struct request *rq)
{
    struct app *app = rq->app;
    ASSERT(app && app->magic == APP_MAGIC);
    return app;
}

static void keep_options(struct app *app, const struct app_options *o)
{
    struct app_options *to = &app->options;
    struct arena *a = &app->arena;
    *to = *o;
    to->data_dir = arena_strdup(a, o->data_dir);
    to->shown_dir = arena_strdup(a, o->shown_dir ? o->shown_dir : o->data_dir);
    to->token_file = arena_strdup(a, o->token_file);
    to->default_artifact_root =
        arena_strdup(a, o->default_artifact_root ? o->default_artifact_root : "mlflow-artifacts:/");
    to->artifacts_destination = o->artifacts_destination ? arena_strdup(a, o->artifacts_destination)
                                                         : fs_join(a, o->data_dir, "artifacts");
    if (str_starts(str_of(to->artifacts_destination), "file://"))
        to->artifacts_destination += strlen("file://");
    app->uploads_dir = fs_join(a, to->artifacts_destination, ".slipway-uploads");
}

static void webhook_failed(const char *text)
{
    log_warn("%s", text);
}

static int open_notify(struct app *app, struct err *err)
{
    struct notify_options o = { .store = app->store,
                                .private_allowed = app->options.webhook_private,
                                .told = webhook_failed };
    return app->options.mode == APP_SERVER ? notify_open(&app->notify, &o, err) : 0;
}

int app_open(struct app **out, const struct app_options *options, struct err *err)
{
    struct app *app = mem_alloc(sizeof *app);
    app->magic = APP_MAGIC;
    arena_init(&app->arena, MIB(1));
    keep_options(app, options);
    app->started_ms = clock_now_ms();
    struct home_options ho = { .dir = app->options.data_dir,
                               .create = options->mode != APP_READ,
                               .read_only = options->mode == APP_READ };
    int rc = home_open(&app->home, &ho, err);
    if (!rc) {
        app->store = app->home->store;
        app->blobs = app->home->blobs;
        struct flow_options fo = { .store = app->store,
                                   .blobs = app->blobs,
                                   .data_dir = app->options.data_dir };
        rc = flow_open(&app->flow, &fo, err);
    }
    if (!rc)
        rc = open_notify(app, err);
    if (rc) {
        app_close(app);
        return rc;
    }
    *out = app;
    return 0;
}

int app_serve_open(struct app *app, struct err *err)
{
    int server = app->options.mode == APP_SERVER;
    int rc = app->serve ? 0 : serve_open(&app->serve, err);
    if (rc || app->follow)
        return rc;
    struct follow_options o = { .store = app->store, .blobs = app->blobs, .serve = app->serve };
    rc = follow_open(&app->follow, &o, err);
    if (!rc)
        rc = follow_apply(app->follow, err);
    if (!rc && server)
        rc = follow_thread_start(app->follow, err);
    if (!rc && server)
        rc = serve_thread_start(app->serve, err);
    return rc;
}

void app_close(struct app *app)
{
    if (!app)
        return;
    notify_close(app->notify);
    flow_close(app->flow);
    follow_close(app->follow);
    serve_close(app->serve);
    door_close(app);
    home_close(app->home);
    arena_fini(&app->arena);
    app->magic = 0;
    mem_free(app);
}
