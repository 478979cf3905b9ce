/* SPDX-License-Identifier: Apache-2.0
 * A model file for a version that was logged without one: what `slipway model convert` sends. The
 * ONNX file carries its report and an input example in its metadata. */
#include <stdlib.h>

#include "api/app.h"
#include "api/native/handler.h"
#include "api/route.h"
#include "api/tables.h"
#include "base/limits.h"
#include "model/mlmodel.h"
#include "registry/version.h"
#include "rollout/endpoint.h"
#include "serve/serve.h"
#include "store/blobs.h"

#define REPORT_KEY "slipway.conversion"
#define EXAMPLE_KEY "slipway.input_example"

struct attach {
    struct request *rq;
    struct graph graph;
    struct signature signature;
    struct json report, example; /* JSON_NULL when the file has none */
    const char *trouble;         /* why it cannot be served; NULL = it can */
    char digest[SHA256_HEX], files_digest[SHA256_HEX];
    int64_t bytes;
    const char *conversion; /* the section */
    const char *signature_json, *example_json;
    struct version version;
};

static int read_property(struct attach *at, const char *key, struct json *out, struct err *err)
{
    const char *text = graph_find_property(&at->graph, key);
    *out = (struct json){ .type = JSON_NULL };
    int rc = text ? json_parse(&at->rq->arena, str_of(text), NULL, out, err) : 0;
    return rc ? err_prefix(err, rc, "the metadata '%s' of the file", key) : 0;
}

/* NULL and *err when it does not fit. */
static const char *text_of(struct attach *at, const struct json *v, const struct signature *s,
                           struct err *err)
{
    struct buf b;
    struct json_out o;
    buf_init(&b, LIMIT_BODY_CONTROL);
    json_out_init(&o, &b);
    if (s)
        signature_write(s, &o);
    else
        jo_value(&o, v);
    char *text = b.failed ? NULL : arena_strndup(&at->rq->arena, b.p, b.n);
    buf_fini(&b);
    if (!text)
        IGNORE(ERR(err, ERR_LIMIT, "the metadata of the file are too large"));
    return text;
}

static int read_file(struct attach *at, struct err *err)
{
    struct arena *a = &at->rq->arena;
    if (at->rq->body.n == 0)
        return ERR(err, ERR_INVALID, "the body must be the bytes of an ONNX file; it is empty");
    struct err why = ERR_INIT;
    int rc = onnx_read(a, at->rq->body, &at->graph, &why);
    if (rc) /* what a client sends is not our corruption */
        return ERR(err, rc == ERR_CORRUPT ? ERR_INVALID : rc, "%s", why.msg);
    rc = signature_of_graph(a, &at->graph, &at->signature, err);
    if (!rc)
        rc = read_property(at, REPORT_KEY, &at->report, err);
    if (!rc)
        rc = read_property(at, EXAMPLE_KEY, &at->example, err);
    if (rc)
        return rc;
    at->signature_json = text_of(at, NULL, &at->signature, err);
    if (at->signature_json && at->example.type == JSON_OBJECT)
        at->example_json = text_of(at, &at->example, NULL, err);
    return at->signature_json && (at->example_json || at->example.type != JSON_OBJECT) ? 0
                                                                                       : err->code;
}

/* Would it be served? The answer is kept; another one is no error. */
static void try_serving(struct attach *at)
{
    struct err why = ERR_INIT;
    struct serve_version *v = NULL;
    struct serve_spec spec = { .model = handler_param(at->rq, "name"),
                               .version = handler_param(at->rq, "version"),
                               .onnx = at->rq->body,
                               .signature = at->signature_json,
                               .input_example = at->example_json };
    if (serve_version_load(&spec, &v, &why))
        at->trouble = arena_strdup(&at->rq->arena, why.msg);
    else
        serve_version_free(v);
}

/* The file, and an MLflow folder around it, into the blobs. */
static int keep_files(struct attach *at, struct err *err)
{
    struct app *app = app_of(at->rq);
    struct arena *a = &at->rq->arena;
    char *dir = arena_printf(a, "%s/convert-XXXXXX", app->uploads_dir);
    struct mlmodel m = { .onnx = at->rq->body,
                         .signature = &at->signature,
                         .example = at->example.type == JSON_OBJECT ? &at->example : NULL,
                         .run_id = at->version.run_id,
                         .created_ms = at->version.creation_time_ms };
    int rc = fs_mkdirs(app->uploads_dir, err);
    if (rc)
        return rc;
    if (!mkdtemp(dir))
        return ERR_SYS(err, "cannot make a folder '%s'", dir);
    rc = mlmodel_write(&m, dir, err);
    if (!rc)
        rc = blobs_put(app->blobs, at->rq->body, at->digest, err);
    if (!rc)
        rc = blobs_put_tree(app->blobs, a, dir, at->files_digest, &at->bytes, err);
    IGNORE(fs_remove_tree(dir, NULL));
    return rc;
}

static int make_section(struct attach *at, struct err *err)
{
    struct buf b;
    struct json_out o;
    buf_init(&b, LIMIT_BODY_CONTROL);
    json_out_init(&o, &b);
    jo_object(&o);
    jo_kv_cstr(&o, "digest", at->digest);
    jo_kv_bool(&o, "deployable", at->trouble == NULL);
    jo_kv_cstr(&o, "reason", at->trouble);
    jo_key(&o, "report");
    jo_value(&o, &at->report);
    jo_object_end(&o);
    at->conversion = b.failed ? NULL : arena_strndup(&at->rq->arena, b.p, b.n);
    buf_fini(&b);
    return at->conversion ? 0 : ERR(err, ERR_LIMIT, "the report of the file is too large");
}

static int find(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    struct attach *at = arg;
    return version_resolve(tx, &rq->arena, handler_project(rq), handler_param(rq, "name"),
                           handler_param(rq, "version"), &at->version, err);
}

static int store(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    struct attach *at = arg;
    struct cause by = handler_cause(rq, NULL);
    struct version *v = &at->version;
    struct version_section sections[] = { { "signature", at->signature_json },
                                          { "input_example", at->example_json },
                                          { "conversion", at->conversion } };
    struct version_model m = { at->digest, at->files_digest, at->bytes, sections,
                               ARRAY_LEN(sections) };
    int rc = find(tx, rq, at, err);
    if (!rc && v->digest && strcmp(v->digest, at->digest) != 0)
        rc = endpoint_check_unused(tx, v->project, v->model, v->number, err);
    if (!rc)
        rc = version_attach(tx, &by, v, &m, err);
    struct fact f = { .digest = at->digest,
                      .name = "conversion",
                      .value = at->conversion,
                      .producer = cause_actor(&by) };
    return rc ? rc : fact_add(tx, &f, err);
}

static int put_onnx(struct request *rq, struct err *err)
{
    struct attach at = { .rq = rq };
    struct json_out o;
    int rc = handler_read(rq, find, &at, err);
    if (!rc)
        rc = read_file(&at, err);
    if (rc)
        return rc;
    try_serving(&at);
    rc = keep_files(&at, err);
    if (!rc)
        rc = make_section(&at, err);
    if (!rc)
        rc = handler_write(rq, store, &at, err);
    if (rc)
        return rc;
    route_json(rq, &o);
    jo_object(&o);
    jo_kv_cstr(&o, "name", at.version.model);
    jo_kv_cstr(&o, "version", arena_printf(&rq->arena, "%lld", (long long)at.version.number));
    jo_kv_cstr(&o, "digest", at.digest);
    jo_kv_cstr(&o, "files_digest", at.files_digest);
    jo_kv_int(&o, "bytes", at.bytes);
    jo_kv_raw(&o, "signature", str_of(at.signature_json));
    jo_kv_raw(&o, "conversion", str_of(at.conversion));
    jo_object_end(&o);
    return 0;
}

static const struct route routes[] = {
    { "PUT", "/api/v1/models/{name}/versions/{version}/onnx", "model.write", put_onnx, ROUTE_WORKER,
      LIMIT_BODY_PREDICT,
      "Attaches an ONNX file to a version that was logged without one; it is served from then on. "
      "Refused when the version came with a model file of its own, or while an endpoint serves "
      "another file attached before.",
      "application/octet-stream: the file; its metadata may hold slipway.conversion and "
      "slipway.input_example, JSON each.",
      "name! string: Of the model.\nversion! string: Its number.\ndigest! string: SHA-256 of the "
      "file.\nfiles_digest! string: Of the tree of files around it.\nbytes! integer: Of that "
      "tree.\nsignature! object: Inputs and outputs.\nconversion! object: What came of it.\n"
      "  digest! string: Of the file.\n  deployable! boolean: Whether it can be served here.\n"
      "  reason string|null: Why not; names the operator.\n  report any: Of the conversion.",
      "modelVersionOnnxPut" },
};

const struct route_table attach_routes = { "attach", routes, ARRAY_LEN(routes),
                                           route_error_native };
