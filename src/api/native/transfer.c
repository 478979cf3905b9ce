/* SPDX-License-Identifier: Apache-2.0
 * POST /api/v1/import and /api/v1/export: another installation's content comes in, ours goes out.
 * Both name paths of this machine, so only this machine may ask. */
#include "api/app.h"
#include "api/native/handler.h"
#include "api/route.h"
#include "api/tables.h"
#include "base/clock.h"
#include "transfer/export.h"
#include "transfer/import.h"

/* In process, or over the loopback interface. */
static int require_local(const struct request *rq, struct err *err)
{
    str_t r = str_of(rq->remote);
    if (!r.n || str_is(r, "local") || str_starts(r, "127.") || str_is(r, "::1") ||
        str_starts(r, "::ffff:127.") || str_starts(r, "[::1]"))
        return 0;
    return ERR(err, ERR_DENIED,
               "imports and exports name paths of the server's machine; run the command there");
}

static int read_artifacts(const struct json *body, enum import_artifacts *out, struct err *err)
{
    static const char *const names[] = { "leave", "copy", "link" };
    const char *text = json_get_string(body, "artifacts", "leave");
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(text, names[i]) == 0) {
            *out = (enum import_artifacts)i;
            return 0;
        }
    return ERR(err, ERR_INVALID, "'artifacts' is leave, copy or link, not '%.40s'", text);
}

static void write_report(struct request *rq, const struct import_report *r)
{
    struct json_out o;
    route_json(rq, &o);
    jo_object(&o);
    jo_kv_cstr(&o, "kind", r->kind);
    jo_kv_cstr(&o, "source", r->source);
    jo_kv_bool(&o, "complete", r->differences_all == 0);
    jo_kv_int(&o, "runs_added", r->runs_added);
    jo_kv_int(&o, "runs_unchanged", r->runs_unchanged);
    jo_kv_int(&o, "runs_verified", r->runs_verified);
    jo_kv_int(&o, "files", r->files);
    jo_kv_int(&o, "bytes", r->bytes);
    jo_kv_int(&o, "duration_ms", r->duration_ms);
    jo_key(&o, "counts");
    jo_array(&o);
    for (size_t i = 0; i < r->count_n; i++) {
        jo_object(&o);
        jo_kv_cstr(&o, "name", r->counts[i].kind);
        jo_kv_int(&o, "source", r->counts[i].source);
        if (r->counts[i].here >= 0)
            jo_kv_int(&o, "here", r->counts[i].here);
        else
            jo_kv_raw(&o, "here", STR("null"));
        jo_object_end(&o);
    }
    jo_array_end(&o);
    jo_kv_int(&o, "differences_n", r->differences_all);
    jo_key(&o, "differences");
    jo_array(&o);
    for (size_t i = 0; i < r->difference_n; i++)
        jo_cstr(&o, r->differences[i]);
    jo_array_end(&o);
    jo_object_end(&o);
}

static int post_import(struct request *rq, struct err *err)
{
    struct app *app = app_of(rq);
    struct json body;
    struct import_report report;
    struct import_options o = { .store = app->store,
                                .watch = &app->import,
                                .destination = app->options.artifacts_destination };
    int rc = require_local(rq, err);
    if (!rc)
        rc = route_body(rq, &body, err);
    if (rc)
        return rc;
    o.by = handler_cause(rq, json_get_string(&body, "reason", NULL));
    o.place = json_get_string(&body, "source", NULL);
    o.artifact_root = json_get_string(&body, "artifact_root", NULL);
    rc = read_artifacts(&body, &o.artifacts, err);
    if (!rc && !o.place)
        rc = ERR(err, ERR_INVALID,
                 "'source' is missing: an mlruns folder, sqlite:///…, postgresql://…, or a "
                 "server's URL");
    if (!rc)
        rc = import_mlflow(&o, &rq->arena, &report, err);
    if (rc == ERR_CORRUPT) /* the source is what was asked for; nothing of ours is */
        rc = err->code = ERR_INVALID;
    if (!rc)
        write_report(rq, &report);
    return rc;
}

static int get_import(struct request *rq, struct err *err)
{
    struct import_watch *w = &app_of(rq)->import;
    struct json_out o;
    int running = gauge_get(&w->is_running) != 0;
    (void)err;
    route_json(rq, &o);
    jo_object(&o);
    jo_kv_bool(&o, "running", running);
    jo_kv_int(&o, "runs", gauge_get(&w->runs));
    jo_kv_int(&o, "runs_added", gauge_get(&w->runs_added));
    jo_kv_int(&o, "runs_unchanged", gauge_get(&w->runs_unchanged));
    jo_kv_int(&o, "points", gauge_get(&w->points));
    jo_kv_int(&o, "models", gauge_get(&w->models));
    jo_kv_int(&o, "files", gauge_get(&w->files));
    jo_kv_int(&o, "elapsed_ms", running ? clock_now_ms() - gauge_get(&w->started_ms) : 0);
    jo_object_end(&o);
    return 0;
}

static int delete_import(struct request *rq, struct err *err)
{
    struct import_watch *w = &app_of(rq)->import;
    struct json_out o;
    int running = gauge_get(&w->is_running) != 0;
    int rc = require_local(rq, err);
    if (rc)
        return rc;
    if (running)
        gauge_set(&w->stop, 1);
    route_json(rq, &o);
    jo_object(&o);
    jo_kv_bool(&o, "stopping", running);
    jo_object_end(&o);
    return 0;
}

static int post_export(struct request *rq, struct err *err)
{
    struct app *app = app_of(rq);
    struct json body;
    struct export_report r;
    struct json_out o;
    struct export_options eo = { .store = app->store, .blobs = app->blobs };
    int rc = require_local(rq, err);
    if (!rc)
        rc = route_body(rq, &body, err);
    if (rc)
        return rc;
    eo.project = handler_project(rq);
    eo.dir = json_get_string(&body, "dir", NULL);
    eo.artifacts_destination = app->options.artifacts_destination;
    if (!eo.dir || eo.dir[0] != '/')
        return ERR(err, ERR_INVALID, "'dir' is missing: the absolute path of a new folder");
    rc = export_mlflow(&eo, &r, err);
    if (rc)
        return rc;
    route_json(rq, &o);
    jo_object(&o);
    jo_kv_cstr(&o, "dir", eo.dir);
    jo_kv_int(&o, "experiments", r.experiments);
    jo_kv_int(&o, "runs", r.runs);
    jo_kv_int(&o, "points", r.points);
    jo_kv_int(&o, "models", r.models);
    jo_kv_int(&o, "versions", r.versions);
    jo_kv_int(&o, "files", r.files);
    jo_object_end(&o);
    return 0;
}

static const struct route routes[] = {
    { "POST", "/api/v1/import", "import.run", post_import, ROUTE_WORKER, LIMIT_BODY_CONTROL,
      "Takes over an MLflow installation; repeated, it changes nothing.",
      "source! string: A folder mlruns, sqlite:///path/mlflow.db, postgresql://user:password@"
      "host/name, or the URL of a server; a password is kept nowhere.\n"
      "artifacts string: leave (default), copy or link.\n"
      "artifact_root string: Only artifacts below this folder are copied; default is the source's "
      "folder.\nreason string: Why.",
      "kind! string: sqlite, files, postgresql or server.\nsource! string: Its identity in the "
      "journal.\n"
      "complete! boolean: Nothing differs.\nruns_added! integer: Runs taken over now.\n"
      "runs_unchanged! integer: Runs that were here.\nruns_verified! integer: Runs of both whose "
      "digest here is the source's.\nfiles! integer: Artifact files copied.\n"
      "bytes! integer: Of those.\nduration_ms! integer: How long it took.\n"
      "counts! [object]: Rows by kind.\n  name! string: Kind.\n  source! integer: There.\n"
      "  here! integer|null: Here.\ndifferences_n! integer: All of them.\n"
      "differences! [string]: What was left out or differs; the first 1000.",
      "importRun" },
    { "GET", "/api/v1/import", "import.run", get_import, ROUTE_INLINE, 0,
      "How far the import is that this server runs; all counts are of what was read so far.", NULL,
      "running! boolean: Whether one runs; else the counts are of the last one.\n"
      "runs! integer: Runs read.\nruns_added! integer: Runs taken over.\n"
      "runs_unchanged! integer: Runs that were here.\npoints! integer: Points of metrics read.\n"
      "models! integer: Registered models read.\nfiles! integer: Artifact files copied.\n"
      "elapsed_ms! integer: Since it began; 0 when none runs.",
      "importProgress" },
    { "DELETE", "/api/v1/import", "import.run", delete_import, ROUTE_INLINE, 0,
      "Stops the import that runs; what is here stays, and the same import goes on from there.",
      NULL, "stopping! boolean: Whether one ran.", "importStop" },
    { "POST", "/api/v1/export", "import.run", post_export, ROUTE_WORKER, LIMIT_BODY_CONTROL,
      "Writes everything as an mlruns folder that MLflow reads.",
      "dir! string: Absolute path; it must not exist.",
      "dir! string: The folder.\nexperiments! integer: Written.\nruns! integer: Written.\n"
      "points! integer: Written.\nmodels! integer: Written.\nversions! integer: Written.\n"
      "files! integer: Artifacts copied.",
      "exportRun" },
};

const struct route_table transfer_routes = { "transfer", routes, ARRAY_LEN(routes),
                                             route_error_native };
