/* SPDX-License-Identifier: Apache-2.0
 * GET /api/v1/trash, and what happens to runs and models beyond reading: deleting, restoring,
 * purging, moving, copying, renaming, registering. Answers are those of the plain GETs. */
#include "track/trash.h"

#include "api/app.h"
#include "api/native/compose.h"
#include "api/native/handler.h"
#include "api/route.h"
#include "api/tables.h"
#include "base/limits.h"
#include "base/num.h"
#include "registry/version.h"

enum { TRASH_LIST_MAX = 1000 };

/* What a change works on; each handler fills what it needs. */
struct job {
    int (*fn)(struct tx *tx, struct request *rq, const struct cause *by, struct job *j,
              struct err *err);
    const char *text;                       /* of the body: experiment, new name, confirm, value */
    const char *source, *run, *description; /* of a registration */
    const char *target; /* path of the GET that answers; NULL = {"ref","purged":true} */
    const char *ref;
    struct run r;
    int64_t number;
};

/* ?reason= or the member of the body. */
static const char *reason_of(struct request *rq)
{
    struct json body;
    const char *reason = handler_query(rq, "reason");
    if (!reason && rq->body.n && route_body(rq, &body, NULL) == 0)
        reason = json_get_string(&body, "reason", NULL);
    return reason;
}

static int do_job(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    struct job *j = arg;
    struct cause by = handler_cause(rq, reason_of(rq));
    return j->fn(tx, rq, &by, j, err);
}

static int run_job(struct request *rq, struct job *j, int status, struct err *err)
{
    str_t answer;
    struct json_out o;
    int rc = handler_write(rq, do_job, j, err);
    if (!rc && j->target)
        rc = compose_get(rq, j->target, &answer, err);
    if (rc)
        return rc;
    route_json(rq, &o);
    if (j->target) {
        jo_raw(&o, answer);
    } else {
        jo_object(&o);
        jo_kv_cstr(&o, "ref", j->ref);
        jo_kv_bool(&o, "purged", 1);
        jo_object_end(&o);
    }
    rq->status = status;
    return 0;
}

static int check_confirm(const struct job *j, const char *name, struct err *err)
{
    if (strcmp(j->text, name) == 0)
        return 0;
    return ERR(err, ERR_INVALID, "'confirm' must be the name of what is to be gone for good: '%s'",
               name);
}

/* ---- GET /trash ---- */

static void write_item(struct json_out *o, const char *kind, const char *ref, const char *name,
                       int64_t deleted_ms)
{
    jo_object(o);
    jo_kv_cstr(o, "kind", kind);
    jo_kv_cstr(o, "ref", ref);
    jo_kv_cstr(o, "name", name);
    jo_kv_int(o, "deleted_time_ms", deleted_ms);
}

static int write_tracking(struct tx *tx, struct request *rq, struct json_out *o, struct err *err)
{
    struct arena *a = &rq->arena;
    struct experiment *list = NULL;
    struct trash_run *runs = NULL;
    size_t n = 0, k = 0;
    int rc = experiment_list(tx, a, handler_project(rq), TRACK_DELETED, &list, &n, err);
    if (!rc)
        rc = trash_runs(tx, a, handler_project(rq), TRASH_LIST_MAX, &runs, &k, err);
    for (size_t i = 0; !rc && i < n; i++) {
        write_item(o, "experiment", arena_printf(a, "experiment/%lld", (long long)list[i].id),
                   list[i].name, list[i].last_update_time_ms);
        jo_kv_int(o, "run_count", list[i].run_count);
        jo_object_end(o);
    }
    for (size_t i = 0; !rc && i < k; i++) {
        write_item(o, "run", arena_printf(a, "run/%s", runs[i].id), runs[i].name,
                   runs[i].deleted_time_ms);
        jo_kv_cstr(o, "experiment", runs[i].experiment);
        jo_object_end(o);
    }
    return rc;
}

static int write_trash(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    struct arena *a = &rq->arena;
    struct trash_model *models = NULL;
    struct json_out o;
    size_t n = 0;
    (void)arg;
    route_json(rq, &o);
    jo_object(&o);
    jo_key(&o, "items");
    jo_array(&o);
    int rc = write_tracking(tx, rq, &o, err);
    if (!rc)
        rc = trash_models(tx, a, handler_project(rq), TRASH_LIST_MAX, &models, &n, err);
    for (size_t i = 0; !rc && i < n; i++) {
        const struct trash_model *m = &models[i];
        const char *ref = m->version
                              ? arena_printf(a, "model/%s:%lld", m->name, (long long)m->version)
                              : arena_printf(a, "model/%s", m->name);
        write_item(&o, m->version ? "version" : "model", ref, m->name, m->deleted_time_ms);
        if (!m->version)
            jo_kv_int(&o, "version_count", m->version_count);
        jo_object_end(&o);
    }
    jo_array_end(&o);
    jo_kv_raw(&o, "next_page_token", STR("null"));
    jo_object_end(&o);
    return rc;
}

static int get_trash(struct request *rq, struct err *err)
{
    return handler_read(rq, write_trash, NULL, err);
}

/* ---- runs ---- */

static int find_run(struct tx *tx, struct request *rq, struct job *j, struct err *err)
{
    int rc = run_resolve(tx, &rq->arena, handler_project(rq), handler_param(rq, "id"), &j->r, err);
    if (!rc)
        j->target = arena_printf(&rq->arena, "/api/v1/runs/%s", j->r.id);
    return rc;
}

static int do_run_delete(struct tx *tx, struct request *rq, const struct cause *by, struct job *j,
                         struct err *err)
{
    int rc = find_run(tx, rq, j, err);
    return rc ? rc : run_delete(tx, by, j->r.id, err);
}

static int delete_run(struct request *rq, struct err *err)
{
    struct job j = { .fn = do_run_delete };
    return run_job(rq, &j, 200, err);
}

static int do_run_restore(struct tx *tx, struct request *rq, const struct cause *by, struct job *j,
                          struct err *err)
{
    struct experiment e;
    int rc = find_run(tx, rq, j, err);
    if (!rc)
        rc = experiment_get(tx, &rq->arena, j->r.experiment_id, &e, err);
    if (!rc && strcmp(e.lifecycle_stage, "active") != 0)
        rc = ERR(err, ERR_CONFLICT, "its experiment '%s' is in the trash: restore that", e.name);
    return rc ? rc : run_restore(tx, by, j->r.id, err);
}

static int restore_run(struct request *rq, struct err *err)
{
    struct job j = { .fn = do_run_restore };
    return run_job(rq, &j, 200, err);
}

static int do_run_purge(struct tx *tx, struct request *rq, const struct cause *by, struct job *j,
                        struct err *err)
{
    int rc = find_run(tx, rq, j, err);
    if (!rc)
        rc = check_confirm(j, j->r.id, err);
    j->target = NULL;
    j->ref = rc ? NULL : arena_printf(&rq->arena, "run/%s", j->r.id);
    return rc ? rc : run_purge(tx, by, j->r.id, err);
}

static int purge_run(struct request *rq, struct err *err)
{
    struct job j = { .fn = do_run_purge };
    int rc = handler_body_text(rq, "confirm", &j.text, err);
    return rc ? rc : run_job(rq, &j, 200, err);
}

static int do_run_move(struct tx *tx, struct request *rq, const struct cause *by, struct job *j,
                       struct err *err)
{
    struct experiment e;
    int rc = find_run(tx, rq, j, err);
    if (!rc)
        rc = experiment_resolve(tx, &rq->arena, handler_project(rq), j->text, &e, err);
    return rc ? rc : run_move(tx, by, j->r.id, e.id, err);
}

static int move_run(struct request *rq, struct err *err)
{
    struct job j = { .fn = do_run_move };
    int rc = handler_body_text(rq, "experiment", &j.text, err);
    return rc ? rc : run_job(rq, &j, 200, err);
}

static int do_run_copy(struct tx *tx, struct request *rq, const struct cause *by, struct job *j,
                       struct err *err)
{
    struct experiment e;
    char id[HEX32_TEXT];
    int rc = find_run(tx, rq, j, err);
    if (!rc)
        rc = experiment_resolve(tx, &rq->arena, handler_project(rq), j->text, &e, err);
    if (!rc)
        rc = run_copy(tx, by, j->r.id, e.id, id, err);
    if (!rc)
        j->target = arena_printf(&rq->arena, "/api/v1/runs/%s", id);
    return rc;
}

static int copy_run(struct request *rq, struct err *err)
{
    struct job j = { .fn = do_run_copy };
    int rc = handler_body_text(rq, "experiment", &j.text, err);
    return rc ? rc : run_job(rq, &j, 201, err);
}

static int do_run_tag(struct tx *tx, struct request *rq, const struct cause *by, struct job *j,
                      struct err *err)
{
    struct track_pair tag = { handler_param(rq, "key"), j->text };
    int rc = find_run(tx, rq, j, err);
    if (rc)
        return rc;
    return tag.value ? run_tag_set(tx, by, j->r.id, &tag, err)
                     : run_tag_delete(tx, j->r.id, tag.key, err);
}

static int put_run_tag(struct request *rq, struct err *err)
{
    struct job j = { .fn = do_run_tag };
    int rc = handler_body_text(rq, "value", &j.text, err);
    return rc ? rc : run_job(rq, &j, 200, err);
}

static int delete_run_tag(struct request *rq, struct err *err)
{
    struct job j = { .fn = do_run_tag };
    return run_job(rq, &j, 200, err);
}

/* ---- models ---- */

static const char *model_path(struct request *rq, const char *name)
{
    return arena_printf(&rq->arena, "/api/v1/models/%s", compose_escape(rq, str_of(name)));
}

static int do_model_create(struct tx *tx, struct request *rq, const struct cause *by, struct job *j,
                           struct err *err)
{
    char id[UUID_TEXT];
    j->target = model_path(rq, j->text);
    return model_create(tx, by, j->text, j->description, id, err);
}

static int post_model(struct request *rq, struct err *err)
{
    struct json body;
    struct job j = { .fn = do_model_create };
    int rc = handler_body_text(rq, "name", &j.text, err);
    if (!rc)
        rc = route_body(rq, &body, err);
    if (rc)
        return rc;
    j.description = json_get_string(&body, "description", NULL);
    return run_job(rq, &j, 201, err);
}

static int do_model_delete(struct tx *tx, struct request *rq, const struct cause *by, struct job *j,
                           struct err *err)
{
    (void)j;
    return model_delete(tx, by, handler_param(rq, "name"), err);
}

static int delete_model(struct request *rq, struct err *err)
{
    struct json_out o;
    struct job j = { .fn = do_model_delete };
    int rc = handler_write(rq, do_job, &j, err);
    if (rc)
        return rc;
    route_json(rq, &o);
    jo_object(&o);
    jo_kv_cstr(&o, "name", handler_param(rq, "name"));
    jo_object_end(&o);
    return 0;
}

static int do_model_restore(struct tx *tx, struct request *rq, const struct cause *by,
                            struct job *j, struct err *err)
{
    j->target = model_path(rq, handler_param(rq, "name"));
    return model_restore(tx, by, handler_param(rq, "name"), err);
}

static int restore_model(struct request *rq, struct err *err)
{
    struct job j = { .fn = do_model_restore };
    return run_job(rq, &j, 200, err);
}

static int do_model_purge(struct tx *tx, struct request *rq, const struct cause *by, struct job *j,
                          struct err *err)
{
    const char *name = handler_param(rq, "name");
    int rc = check_confirm(j, name, err);
    j->ref = arena_printf(&rq->arena, "model/%s", name);
    return rc ? rc : model_purge(tx, by, name, err);
}

static int purge_model(struct request *rq, struct err *err)
{
    struct job j = { .fn = do_model_purge };
    int rc = handler_body_text(rq, "confirm", &j.text, err);
    return rc ? rc : run_job(rq, &j, 200, err);
}

static int do_model_rename(struct tx *tx, struct request *rq, const struct cause *by, struct job *j,
                           struct err *err)
{
    j->target = model_path(rq, j->text);
    return model_rename(tx, by, handler_param(rq, "name"), j->text, err);
}

static int rename_model(struct request *rq, struct err *err)
{
    struct job j = { .fn = do_model_rename };
    int rc = handler_body_text(rq, "name", &j.text, err);
    return rc ? rc : run_job(rq, &j, 200, err);
}

/* ---- versions ---- */

static const char *version_path(struct request *rq, const char *name, int64_t number)
{
    return arena_printf(&rq->arena, "%s/versions/%lld", model_path(rq, name), (long long)number);
}

/* A model that lies elsewhere, or with a run: a record of where it is. */
static int do_register(struct tx *tx, struct request *rq, const struct cause *by, struct job *j,
                       struct err *err)
{
    const char *name = handler_param(rq, "name");
    struct version_new v = { .model = name,
                             .row = { .source = j->source,
                                      .description = j->description ? j->description : "",
                                      .gates_passed = -1 } };
    int rc = 0;
    if (j->run) {
        rc = run_resolve(tx, &rq->arena, handler_project(rq), j->run, &j->r, err);
        v.row.run_id = rc ? NULL : j->r.id;
        if (!rc && !v.row.source)
            v.row.source = j->r.artifact_uri;
    }
    if (!rc)
        rc = version_create(tx, by, &v, &j->number, err);
    if (!rc)
        j->target = version_path(rq, name, j->number);
    return rc;
}

static int post_version(struct request *rq, struct err *err)
{
    struct json body;
    struct job j = { .fn = do_register };
    int rc = route_body(rq, &body, err);
    if (rc)
        return rc;
    j.source = json_get_string(&body, "source", NULL);
    j.run = json_get_string(&body, "run_id", NULL);
    j.description = json_get_string(&body, "description", NULL);
    if (!j.source && !j.run)
        return ERR(err, ERR_INVALID,
                   "the body needs 'source' (where the model lies) or 'run_id' (whose it is)");
    return run_job(rq, &j, 201, err);
}

static int version_number(struct request *rq, int64_t *out, struct err *err)
{
    if (parse_i64(request_param(rq, "version"), out) == 0 && *out > 0)
        return 0;
    return ERR(err, ERR_INVALID, "a version in the trash is named by its number, not '%.80s'",
               handler_param(rq, "version"));
}

static int do_version_restore(struct tx *tx, struct request *rq, const struct cause *by,
                              struct job *j, struct err *err)
{
    const char *name = handler_param(rq, "name");
    int rc = version_number(rq, &j->number, err);
    j->target = version_path(rq, name, j->number);
    return rc ? rc : version_restore(tx, by, name, j->number, err);
}

static int restore_version(struct request *rq, struct err *err)
{
    struct job j = { .fn = do_version_restore };
    return run_job(rq, &j, 200, err);
}

static int do_version_purge(struct tx *tx, struct request *rq, const struct cause *by,
                            struct job *j, struct err *err)
{
    const char *name = handler_param(rq, "name");
    int rc = version_number(rq, &j->number, err);
    const char *ref = arena_printf(&rq->arena, "%s:%lld", name, (long long)j->number);
    if (!rc)
        rc = check_confirm(j, ref, err);
    j->ref = arena_printf(&rq->arena, "model/%s", ref);
    return rc ? rc : version_purge(tx, by, name, j->number, err);
}

static int purge_version(struct request *rq, struct err *err)
{
    struct job j = { .fn = do_version_purge };
    int rc = handler_body_text(rq, "confirm", &j.text, err);
    return rc ? rc : run_job(rq, &j, 200, err);
}

/* ---- GET /models/{name}/aliases/{alias} ---- */

static void write_moves(struct json_out *o, struct arena *a, const struct alias_move *list,
                        size_t n)
{
    jo_key(o, "history");
    jo_array(o);
    for (size_t i = 0; i < n; i++) {
        int64_t v = list[i].version;
        jo_object(o);
        jo_kv_cstr(o, "version", v ? arena_printf(a, "%lld", (long long)v) : NULL);
        jo_kv_int(o, "time_ms", list[i].time_ms);
        jo_kv_cstr(o, "actor", list[i].actor);
        jo_kv_cstr(o, "reason", list[i].reason);
        jo_object_end(o);
    }
    jo_array_end(o);
}

static int write_alias(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    int64_t at = *(const int64_t *)arg, v = 0;
    const char *name = handler_param(rq, "name"), *alias = handler_param(rq, "alias");
    struct model m;
    struct alias_move *list = NULL;
    struct json_out o;
    size_t n = 0;
    int rc = model_get(tx, &rq->arena, handler_project(rq), name, &m, err);
    if (!rc)
        rc = model_alias_history(tx, &rq->arena, m.id, alias, &list, &n, err);
    if (!rc && n == 0)
        rc = ERR(err, ERR_NOT_FOUND, "model '%s' never had an alias '%.200s'", name, alias);
    if (!rc)
        rc = model_alias_at(tx, m.id, alias, at, &v, err);
    if (rc)
        return rc;
    route_json(rq, &o);
    jo_object(&o);
    jo_kv_cstr(&o, "name", name);
    jo_kv_cstr(&o, "alias", alias);
    jo_kv_cstr(&o, "version", v ? arena_printf(&rq->arena, "%lld", (long long)v) : NULL);
    if (at == INT64_MAX)
        jo_kv_raw(&o, "at_ms", STR("null"));
    else
        jo_kv_int(&o, "at_ms", at);
    write_moves(&o, &rq->arena, list, n);
    jo_object_end(&o);
    return 0;
}

static int get_alias(struct request *rq, struct err *err)
{
    struct err bad = ERR_INIT;
    int64_t at = request_query_int(rq, "at", INT64_MAX, 0, INT64_MAX, &bad);
    if (bad.code) {
        *err = bad;
        return bad.code;
    }
    return handler_read(rq, write_alias, &at, err);
}

#define RUN "/api/v1/runs/{id}"
#define MODEL "/api/v1/models/{name}"
#define VERSION MODEL "/versions/{version}"
#define REASON "?reason string: Why, for the record."
#define AS_GET_RUN "run_id! string: Of the run; the rest as GET of one."
#define AS_GET_MODEL "name! string: Of the model; the rest as GET of one."
#define AS_GET_VERSION                                                                             \
    "name! string: Of the model.\nversion! string: Its number; the rest as GET of one."
#define PURGED "ref! string: What it was.\npurged! boolean: True."

static const struct route routes[] = {
    { "GET", "/api/v1/trash", "experiment.read", get_trash, ROUTE_WORKER, 0,
      "What was deleted and can be restored.", NULL,
      "items! [object]: Experiments, runs, models, versions; at most 1000 runs, models, versions.\n"
      "  kind! experiment|run|model|version: What it is.\n  ref! string: Reference.\n"
      "  name! string: Its name.\n  deleted_time_ms! time_ms: When it was deleted.\n"
      "  experiment string: Of a run.\n  run_count integer: Of an experiment: runs that go with "
      "it.\n"
      "  version_count integer: Of a model: versions that go with it.\nnext_page_token! null: "
      "Always null.",
      "trashList" },
    { "DELETE", RUN, "run.write", delete_run, ROUTE_WORKER, 0, "Puts a run into the trash.", REASON,
      AS_GET_RUN, "runDelete" },
    { "POST", RUN ":restore", "run.write", restore_run, ROUTE_WORKER, KIB(4),
      "Takes a run out of the trash.", "reason string: Why, for the record.", AS_GET_RUN,
      "runRestore" },
    { "POST", RUN ":purge", "trash.purge", purge_run, ROUTE_WORKER, KIB(4),
      "Removes a deleted run for good.", "confirm! string: Its whole id, to be sure.", PURGED,
      "runPurge" },
    { "POST", RUN ":move", "run.write", move_run, ROUTE_WORKER, KIB(64),
      "Moves a run into another experiment; its artifacts stay where they are.",
      "experiment! string: Number or name.", AS_GET_RUN, "runMove" },
    { "POST", RUN ":copy", "run.write", copy_run, ROUTE_WORKER, KIB(64),
      "Copies an ended run with its parameters, tags, metrics and inputs; artifacts are shared.",
      "experiment! string: Number or name.", AS_GET_RUN, "runCopy" },
    { "PUT", RUN "/tags/{key*}", "run.write", put_run_tag, ROUTE_WORKER, LIMIT_BODY_CONTROL,
      "Sets a tag of a run.", "value! string: The value.", AS_GET_RUN, "runTagSet" },
    { "DELETE", RUN "/tags/{key*}", "run.write", delete_run_tag, ROUTE_WORKER, 0,
      "Removes a tag of a run.", NULL, AS_GET_RUN, "runTagDelete" },
    { "POST", "/api/v1/models", "model.write", post_model, ROUTE_WORKER, LIMIT_BODY_CONTROL,
      "Makes a model without versions.", "name! string: Its name.\ndescription string: For people.",
      AS_GET_MODEL, "modelCreate" },
    { "DELETE", MODEL, "model.write", delete_model, ROUTE_WORKER, 0,
      "Puts a model with its versions into the trash; refused while an endpoint is meant to serve "
      "it.",
      REASON, "name! string: That was deleted.", "modelDelete" },
    { "POST", MODEL ":restore", "model.write", restore_model, ROUTE_WORKER, KIB(4),
      "Takes a model out of the trash.", "reason string: Why, for the record.", AS_GET_MODEL,
      "modelRestore" },
    { "POST", MODEL ":purge", "trash.purge", purge_model, ROUTE_WORKER, KIB(64),
      "Removes a deleted model for good.", "confirm! string: Its name, to be sure.", PURGED,
      "modelPurge" },
    { "POST", MODEL ":rename", "model.write", rename_model, ROUTE_WORKER, KIB(64),
      "Renames a model; endpoints that serve it follow without a gap.",
      "name! string: The new name.", AS_GET_MODEL, "modelRename" },
    { "POST", MODEL "/versions", "model.write", post_version, ROUTE_WORKER, LIMIT_BODY_CONTROL,
      "Registers a version that lies elsewhere or with a run.",
      "source string: Where it lies.\nrun_id string: The run that made it.\n"
      "description string: For people.",
      AS_GET_VERSION, "modelVersionCreate" },
    { "POST", VERSION ":restore", "model.write", restore_version, ROUTE_WORKER, KIB(4),
      "Takes a version out of the trash, with its aliases if they are free.",
      "reason string: Why, for the record.", AS_GET_VERSION, "modelVersionRestore" },
    { "POST", VERSION ":purge", "trash.purge", purge_version, ROUTE_WORKER, KIB(64),
      "Removes a deleted version for good; its number stays taken.",
      "confirm! string: As in name:3, to be sure.", PURGED, "modelVersionPurge" },
    { "GET", MODEL "/aliases/{alias}", "model.read", get_alias, ROUTE_WORKER, 0,
      "Where an alias points, or pointed at a given time.",
      "at integer: Milliseconds; now unless given.",
      "name! string: Of the model.\nalias! string: The alias.\n"
      "version! string|null: Its version then.\nat_ms! integer|null: As asked.\n"
      "history! [object]: Newest first.\n  version! string|null: Null when it was removed.\n"
      "  time_ms! time_ms: From when on.\n  actor! string: Who set it.\n"
      "  reason! string|null: Why.",
      "modelAliasGet" },
};

const struct route_table trash_routes = { "trash", routes, ARRAY_LEN(routes), route_error_native };
