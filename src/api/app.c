/* SPDX-License-Identifier: Apache-2.0
 * Opens and closes what handlers work on, and holds the list of route tables. */
#include "api/app.h"

#include "api/tables.h"
#include "api/ui/ui.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "registry/notify.h"
#include "registry/webhook_key.h"
#include "api/native/hooks.h"
#include "api/native/known.h"
#include "api/native/retrain.h"
#include "monitor/monitor.h"
#include "rollout/follow.h"
#include "serve/serve.h"
#include "store/home.h"
#include "track/experiment.h"

/* One a line, so that two people can add one. */
/* clang-format off */
static const struct route_table *const tables[] = {
    &common_routes,
    &event_routes,
    &endpoint_routes,
    &rollout_routes,
    &alert_routes,
    &care_routes,
    &hook_routes,
    &monitor_routes,
    &label_routes,
    &prometheus_routes,
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
    &ticket_routes,
    &preview_routes,
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

static void add_file_root(struct app *app, const char *text, int writable)
{
    struct arena *a = &app->arena;
    char *real;
    size_t n;
    if (str_starts(str_of(text), "file://"))
        text += strlen("file://");
    if (fs_real(a, text, &real, NULL) == 0 && strcmp(real, "/") != 0)
        app->file_roots[app->file_root_n++] = (struct file_root){ real, writable };
    if (text[0] != '/')
        return;
    char *plain = arena_strdup(a, text);
    for (n = strlen(plain); n > 1 && plain[n - 1] == '/'; n--)
        plain[n - 1] = '\0';
    if (n > 1)
        app->file_roots[app->file_root_n++] = (struct file_root){ plain, writable };
}

static size_t count_roots(const char *const *list)
{
    size_t n = 0;
    while (list && list[n])
        n++;
    return n;
}

/* Writable ones first, since the first that fits decides; then those of --file-root, and the folder
 * where new experiments keep their artifacts. */
static void keep_file_roots(struct app *app, const struct app_options *o)
{
    const char *usual = app->options.default_artifact_root;
    size_t writable = count_roots(o->writable_roots), n = count_roots(o->file_roots);
    app->file_roots = arena_alloc(&app->arena, 2 * (writable + n + 1) * sizeof *app->file_roots);
    for (size_t i = 0; i < writable; i++)
        add_file_root(app, o->writable_roots[i], 1);
    for (size_t i = 0; i < n; i++)
        add_file_root(app, o->file_roots[i], 0);
    if (usual[0] == '/' || str_starts(str_of(usual), "file:///"))
        add_file_root(app, usual, 0);
}

static void keep_options(struct app *app, const struct app_options *o)
{
    struct app_options *to = &app->options;
    struct arena *a = &app->arena;
    *to = *o;
    to->data_dir = arena_strdup(a, o->data_dir);
    to->shown_dir = arena_strdup(a, o->shown_dir ? o->shown_dir : o->data_dir);
    to->token_file = arena_strdup(a, o->token_file);
    to->source_regex = o->source_regex ? arena_strdup(a, o->source_regex) : NULL;
    to->default_artifact_root =
        arena_strdup(a, o->default_artifact_root ? o->default_artifact_root : "mlflow-artifacts:/");
    to->artifacts_destination = o->artifacts_destination ? arena_strdup(a, o->artifacts_destination)
                                                         : fs_join(a, o->data_dir, "artifacts");
    app->elsewhere = o->artifacts_destination != NULL;
    if (str_starts(str_of(to->artifacts_destination), "file://"))
        to->artifacts_destination += strlen("file://");
    app->uploads_dir = fs_join(a, to->artifacts_destination, ".slipway-uploads");
    keep_file_roots(app, o);
}

/* Artifacts go to the disk that the operator named. */
static int open_elsewhere(struct app *app, struct err *err)
{
    struct arena *a = &app->arena;
    char *real;
    if (app->options.mode == APP_READ || !app->elsewhere)
        return 0;
    int rc = fs_mkdirs(app->options.artifacts_destination, err);
    if (!rc)
        rc = fs_real(a, app->options.artifacts_destination, &real, err);
    return rc ? rc : blobs_send_elsewhere(app->blobs, fs_join(a, real, ".slipway-blobs"), err);
}

static int place_default(struct tx *tx, void *arg, struct err *err)
{
    return experiment_default_place(tx, arg, err);
}

/* The Default experiment is older than the choice of a root for artifacts. */
static int open_default(struct app *app, const struct app_options *o, struct err *err)
{
    if (o->mode != APP_SERVER || !o->default_artifact_root)
        return 0;
    return store_write(app->store, place_default, (void *)(uintptr_t)o->default_artifact_root, err);
}

static void webhook_failed(const char *text)
{
    log_warn("%s", text);
}

static int count_plain(struct tx *tx, void *arg, struct err *err)
{
    return webhook_count_plain(tx, arg, err);
}

static int seal_plain(struct tx *tx, void *arg, struct err *err)
{
    return webhook_seal_plain(tx, arg, err);
}

/* A key in the environment is looked at before it is needed; what an earlier release kept in plain
 * text is sealed. */
static int open_secrets(struct app *app, struct err *err)
{
    struct fernet_key key;
    int64_t plain = 0;
    const char *dir = app->options.data_dir;
    struct err why = ERR_INIT;
    int rc = webhook_key_load(dir, 0, &key, &why);
    explicit_bzero(&key, sizeof key);
    if (rc && rc != ERR_NOT_FOUND)
        return ERR(err, rc, "%s", why.msg);
    rc = store_read(app->store, count_plain, &plain, err);
    return rc || !plain ? rc : store_write(app->store, seal_plain, (void *)(uintptr_t)dir, err);
}

static int open_notify(struct app *app, struct err *err)
{
    struct notify_options o = { .store = app->store,
                                .data_dir = app->options.data_dir,
                                .private_allowed = app->options.webhook_private,
                                .describe = hooks_describe,
                                .told = webhook_failed };
    if (app->options.mode != APP_SERVER)
        return 0;
    int rc = open_secrets(app, err);
    return rc ? rc : notify_open(&app->notify, &o, err);
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
        rc = open_elsewhere(app, err);
    if (!rc && options->mode == APP_SERVER)
        rc = signed_key_load(fs_join(&app->arena, app->home->dir, "signing.key"), app->signing_key,
                             err);
    if (!rc)
        rc = open_default(app, options, err);
    if (!rc)
        rc = open_notify(app, err);
    if (rc) {
        app_close(app);
        return rc;
    }
    *out = app;
    return 0;
}

int app_monitor_open(struct app *app, struct err *err)
{
    int server = app->options.mode == APP_SERVER;
    struct monitor_options o = { .store = app->store,
                                 .blobs = app->blobs,
                                 .serve = server ? app->serve : NULL,
                                 .data_dir = app->options.data_dir };
    return app->monitor ? 0 : monitor_open(&app->monitor, &o, err);
}

/* What watches the endpoints of a server and acts on it. */
static int app_care_open(struct app *app, struct err *err)
{
    struct canary_options c = {
        .store = app->store, .serve = app->serve, .known = known_fill, .arg = app
    };
    struct loop_options l = { .store = app->store,
                              .blobs = app->blobs,
                              .arg = app,
                              .labelled = retrain_labelled,
                              .retrain = retrain_start,
                              .stop = retrain_stop };
    int rc = app_monitor_open(app, err);
    if (!rc)
        rc = monitor_thread_start(app->monitor, err);
    if (!rc)
        rc = canary_open(&app->canary, &c, err);
    if (!rc)
        rc = canary_thread_start(app->canary, err);
    if (!rc)
        rc = loop_open(&app->loop, &l, err);
    return rc ? rc : loop_thread_start(app->loop, err);
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
    return rc || !server ? rc : app_care_open(app, err);
}

void app_close(struct app *app)
{
    if (!app)
        return;
    notify_close(app->notify);
    loop_close(app->loop);
    canary_close(app->canary);
    flow_close(app->flow);
    follow_close(app->follow);
    monitor_close(app->monitor);
    serve_close(app->serve);
    door_close(app);
    home_close(app->home);
    arena_fini(&app->arena);
    app->magic = 0;
    mem_free(app);
}
