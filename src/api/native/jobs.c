/* SPDX-License-Identifier: Apache-2.0
 * Starting, stopping and following runs of a project: POST /runs, :cancel, /log, /progress. Reading
 * runs is runs.c's business; what happens to a run is flow/'s. */
#include "api/app.h"
#include "api/native/compose.h"
#include "api/tables.h"
#include "api/native/plan.h"
#include "base/fs.h"
#include "base/mem.h"
#include "flow/code.h"
#include "project/project.h"
#include "track/run.h"

enum { LOG_PART = 1 << 20, PROGRESS_MAX = 10000 };

/* ---- which run ---- */

struct resolve {
    struct request *rq;
    struct run run;
};

static int do_resolve(struct tx *tx, void *arg, struct err *err)
{
    struct resolve *r = arg;
    str_t id = request_param(r->rq, "id");
    const char *text = arena_strndup(&r->rq->arena, id.p, id.n);
    return run_resolve(tx, &r->rq->arena, r->rq->project, text ? text : "", &r->run, err);
}

static int resolve(struct request *rq, struct run *out, struct err *err)
{
    struct resolve r = { .rq = rq };
    int rc = store_read(app_of(rq)->store, do_resolve, &r, err);
    *out = r.run;
    return rc;
}

static int answer_run(struct request *rq, const char *id, int status, struct err *err)
{
    str_t text;
    int rc = compose_get(rq, arena_printf(&rq->arena, "/api/v1/runs/%s", id), &text, err);
    if (rc)
        return rc;
    rq->status = status;
    buf_str(&rq->out, text);
    return 0;
}

/* ---- POST /runs ---- */

struct start {
    struct flow_run_request flow;
    struct project_options options;
    struct project *project;
    struct diags diags;
    str_t config;
};

static int read_params(struct request *rq, const struct json *body, struct start *s,
                       struct err *err)
{
    const struct json *params = json_get(body, "params");
    if (!params || params->type == JSON_NULL)
        return 0;
    if (params->type != JSON_OBJECT)
        return ERR(err, ERR_INVALID, "'params' must be an object of name and value");
    struct project_override *o =
        ARENA_TRY_ARRAY(&rq->arena, params->n + 1, struct project_override);
    struct flow_param *p = ARENA_TRY_ARRAY(&rq->arena, params->n + 1, struct flow_param);
    if (!o || !p)
        return ERR(err, ERR_NOMEM, "too many parameters");
    for (size_t i = 0; i < params->n; i++) {
        const struct json *v = &params->members[i].value;
        const char *name =
            arena_strndup(&rq->arena, params->members[i].key.p, params->members[i].key.n);
        const char *value = v->type == JSON_STRING ? v->string.p : NULL;
        struct buf b;
        struct json_out out;
        buf_init(&b, KIB(64));
        if (!value && (v->type == JSON_NUMBER || v->type == JSON_BOOL)) {
            json_out_init(&out, &b);
            jo_value(&out, v);
            value = arena_strndup(&rq->arena, b.p, b.n);
        }
        buf_fini(&b);
        if (!name || !value)
            return ERR(err, ERR_INVALID, "parameter '%s' must be a text, a number or a boolean",
                       name ? name : "?");
        o[i] = (struct project_override){ name, value };
        p[i] = (struct flow_param){ name, value };
    }
    s->options.overrides = o;
    s->options.override_n = params->n;
    s->flow.params = p;
    s->flow.param_n = params->n;
    return 0;
}

static int read_config(struct request *rq, const struct json *body, struct start *s,
                       struct err *err)
{
    const char *dir = json_get_string(body, "project_dir", NULL),
               *config = json_get_string(body, "config", NULL);
    char *real;
    if (!dir || *dir != '/')
        return ERR(err, ERR_INVALID,
                   "'project_dir' must be the absolute path of the project's folder");
    int rc = fs_real(&rq->arena, dir, &real, err);
    if (rc)
        return err_prefix(err, rc, "project folder");
    s->flow.project_dir = real;
    s->flow.config_path = json_get_string(body, "config_path", "slipway.yaml");
    if (config)
        s->config = str_of(config);
    else
        rc = fs_read(&rq->arena, fs_join(&rq->arena, real, "slipway.yaml"), LIMIT_YAML_BYTES,
                     &s->config, err);
    if (!rc && s->config.n > LIMIT_YAML_BYTES)
        rc = ERR(err, ERR_LIMIT, "'%s' is larger than %zu bytes", s->flow.config_path,
                 LIMIT_YAML_BYTES);
    s->flow.config = s->config.p;
    const char *slash = strrchr(real, '/');
    s->options.path = s->flow.config_path;
    s->options.default_name = slash && slash[1] ? slash + 1 : NULL;
    return rc;
}

/* Every mistake of the project file at once, as a compiler would tell it. */
static int answer_mistakes(struct request *rq, const struct start *s, struct err *err)
{
    struct buf text, list;
    struct json_out o;
    int status = err_info(err->code)->http_status;
    buf_init(&text, MIB(4));
    buf_init(&list, MIB(4));
    diags_write(&s->diags, DIAG_TEXT, 0, &text);
    diags_write(&s->diags, DIAG_JSON, 0, &list);
    int failed = text.failed || list.failed || !text.n;
    if (!failed) {
        while (text.n && text.p[text.n - 1] == '\n')
            text.p[--text.n] = '\0';
        rq->status = status;
        route_json(rq, &o);
        jo_object(&o);
        jo_kv_cstr(&o, "code", err_info(err->code)->name);
        jo_kv_str(&o, "message", buf_view(&text));
        jo_kv_cstr(&o, "hint", "nothing was run");
        jo_kv_cstr(&o, "request_id", request_id(rq));
        jo_kv_raw(&o, "diagnostics", buf_view(&list));
        jo_object_end(&o);
    }
    buf_fini(&text);
    buf_fini(&list);
    return failed ? err->code : 0;
}

/* The version that the alias 'champion' names and the file that it serves from; none is fine. */
static int find_champion(struct request *rq, struct start *s, struct err *err)
{
    struct json v;
    struct err missing = ERR_INIT;
    const char *name = compose_escape(rq, str_of(s->project->name));
    int rc = compose_get_json(
        rq, arena_printf(&rq->arena, "/api/v1/models/%s/versions/@champion", name), &v, &missing);
    if (rc == ERR_NOT_FOUND)
        return 0;
    if (rc) {
        *err = missing;
        return rc;
    }
    const struct json *files = json_get(&v, "files");
    for (size_t i = 0; files && files->type == JSON_ARRAY && i < files->n; i++) {
        const char *path = json_get_string(&files->items[i], "path", ""),
                   *base = strrchr(path, '/');
        const char *digest = json_get_string(&files->items[i], "sha256", NULL);
        char *real;
        if (strcmp(base ? base + 1 : path, "model.onnx") != 0 || !digest)
            continue;
        rc = blobs_path(app_of(rq)->blobs, &rq->arena, digest, &real, err);
        if (rc)
            return err_prefix(err, rc, "model file of the champion");
        s->flow.champion_onnx = real;
        s->flow.champion_version = arena_strdup(&rq->arena, json_get_string(&v, "version", NULL));
    }
    return 0;
}

static int start_run(struct request *rq, struct start *s, struct err *err)
{
    char id[HEX32_TEXT];
    struct code_state code;
    int rc = find_champion(rq, s, err);
    if (rc)
        return rc;
    code_state_read(&rq->arena, s->flow.project_dir, &code);
    s->flow.project = rq->project;
    s->flow.experiment = s->project->name;
    s->flow.model_name = s->project->model ? s->project->name : NULL;
    s->flow.code_commit = code.commit;
    s->flow.code_dirty = code.dirty;
    s->flow.actor = rq->actor;
    s->flow.request_id = request_id(rq);
    rc = flow_run_start(app_of(rq)->flow, &s->flow, id, err);
    return rc ? rc : answer_run(rq, id, 202, err);
}

static int dry_run(struct request *rq, const struct json *body, struct start *s, struct err *err)
{
    int rc = find_champion(rq, s, err);
    return rc ? rc : plan_answer(rq, &s->flow, json_get(body, "params"), err);
}

static int post_run(struct request *rq, struct err *err)
{
    struct json body;
    struct start s = { 0 };
    int rc = route_body(rq, &body, err);
    if (!rc)
        rc = read_config(rq, &body, &s, err);
    if (!rc)
        rc = read_params(rq, &body, &s, err);
    if (rc)
        return rc;
    rc = project_load(&rq->arena, s.config, &s.options, &s.project, &s.diags, err);
    if (rc)
        return rc == ERR_INVALID ? answer_mistakes(rq, &s, err) : rc;
    int64_t seed = json_get_int(&body, "seed", -1);
    s.flow.seed = seed >= 0 ? (uint64_t)seed : s.project->seed;
    s.flow.force = json_get_bool(&body, "force", 0);
    s.flow.command = json_get_string(&body, "command", NULL);
    if (json_get_bool(&body, "dry_run", 0))
        return dry_run(rq, &body, &s, err);
    return start_run(rq, &s, err);
}

/* ---- :cancel, log, progress ---- */

static int post_cancel(struct request *rq, struct err *err)
{
    struct json body;
    struct run run;
    int rc = route_body(rq, &body, err);
    if (!rc)
        rc = resolve(rq, &run, err);
    if (!rc)
        rc = flow_run_cancel(app_of(rq)->flow, run.id, rq->actor,
                             json_get_string(&body, "reason", "cancelled"), err);
    return rc ? rc : answer_run(rq, run.id, 200, err);
}

static int get_log(struct request *rq, struct err *err)
{
    struct run run;
    str_t text;
    struct err bad = ERR_INIT;
    int64_t offset = request_query_int(rq, "offset", 0, 0, INT64_MAX, &bad);
    if (bad.code) {
        *err = bad;
        return bad.code;
    }
    int rc = resolve(rq, &run, err);
    if (!rc)
        rc = flow_log(app_of(rq)->flow, &rq->arena, run.id, offset, LOG_PART, &text, err);
    if (rc)
        return rc;
    rq->content_type = "text/plain; charset=utf-8";
    request_add_header(rq, "X-Next-Offset",
                       arena_printf(&rq->arena, "%lld", (long long)(offset + (int64_t)text.n)));
    buf_str(&rq->out, text);
    return 0;
}

static int get_progress(struct request *rq, struct err *err)
{
    struct run run;
    struct json_out o;
    char **lines = NULL;
    size_t n = 0;
    struct err bad = ERR_INIT;
    int64_t after = request_query_int(rq, "after", 0, 0, PROGRESS_MAX, &bad);
    if (bad.code) {
        *err = bad;
        return bad.code;
    }
    int rc =
        resolve(rq, &run, err); /* the status first: lines written before it are then all seen */
    if (!rc)
        rc = flow_progress(app_of(rq)->flow, &rq->arena, run.id, (size_t)after, &lines, &n, err);
    if (rc)
        return rc;
    route_json(rq, &o);
    jo_object(&o);
    jo_key(&o, "items");
    jo_array(&o);
    for (size_t i = 0; i < n; i++)
        jo_raw(&o, str_of(lines[i]));
    jo_array_end(&o);
    jo_kv_int(&o, "next", after + (int64_t)n);
    jo_kv_cstr(&o, "status", run.status);
    jo_object_end(&o);
    return 0;
}

static const struct route routes[] = {
    { "POST", "/api/v1/runs", "run.write", post_run, ROUTE_WORKER, LIMIT_BODY_CONTROL,
      "Starts a run of a project that lies on this machine; with dry_run says what would run, and "
      "why.",
      "project_dir! string: Absolute path of the project's folder.\nconfig string: Text of the "
      "project file; read from the folder otherwise.\n"
      "config_path string: What messages call it.\nparams map(string): Parameters to "
      "override.\nforce boolean: Run every stage.\n"
      "dry_run boolean: Only say what would run.\nseed integer: Seed of split and "
      "trainer.\ncommand string: What the person typed, for the record.",
      "run_id string: Of the run that was started; the rest as GET /api/v1/runs/{id}.\n"
      "stages [object]: With dry_run.\n  name! string: Of the stage.\n  will! run|skip: What would "
      "happen.\n  why string: The reason.",
      "runStart" },
    { "POST", "/api/v1/runs/{id}:cancel", "run.write", post_cancel, ROUTE_WORKER, KIB(64),
      "Stops a run.", "reason string: Why.", "run_id! string: As GET /api/v1/runs/{id}.",
      "runCancel" },
    { "GET", "/api/v1/runs/{id}/log", "run.read", get_log, ROUTE_WORKER, 0,
      "A part of the output of a run's worker; the header X-Next-Offset says where the next part "
      "begins.",
      "offset integer: Where to begin, in bytes.", "text/plain: the output", "runLog" },
    { "GET", "/api/v1/runs/{id}/progress", "run.read", get_progress, ROUTE_WORKER, 0,
      "What happened to the stages of a run so far; answers at once.",
      "after integer: Lines already seen.",
      "items! [object]: One a change of a stage.\nnext! integer: Lines seen now.\nstatus! string: "
      "Of the run.",
      "runProgress" },
};

const struct route_table job_routes = { "jobs", routes, ARRAY_LEN(routes), route_error_native };
