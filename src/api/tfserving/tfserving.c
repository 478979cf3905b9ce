/* SPDX-License-Identifier: Apache-2.0
 * TensorFlow Serving's REST API on our endpoints: predict in row and column form, status, metadata;
 * errors are {"error": "…"} with its texts where clients match on them. The name is an endpoint's
 * first, else a model's; versions are those that are loaded. */
#include <stdio.h>

#include "api/app.h"
#include "api/predict.h"
#include "api/tables.h"
#include "base/limits.h"

#define NO_FORM "Missing 'inputs' or 'instances' key"

static void write_error(struct request *rq, const struct err *err)
{
    struct json_out o;
    json_out_init(&o, &rq->out);
    jo_object(&o);
    jo_kv_cstr(&o, "error", err->msg);
    jo_object_end(&o);
}

static str_t param_or_empty(const struct request *rq, const char *name)
{
    for (size_t i = 0; i < rq->params_n; i++)
        if (str_is(rq->params[i].key, name))
            return rq->params[i].value;
    return (str_t){ "", 0 };
}

/* "Servable not found for request: Latest(x)" before our own words. */
static int servable_not_found(str_t name, str_t version, struct err *err)
{
    int n = (int)MIN(name.n, (size_t)100), m = (int)MIN(version.n, (size_t)30);
    if (version.n)
        return err_prefix(err, ERR_NOT_FOUND,
                          "Servable not found for request: Specific(%.*s, %.*s)", n, name.p, m,
                          version.p);
    return err_prefix(err, ERR_NOT_FOUND, "Servable not found for request: Latest(%.*s)", n,
                      name.p);
}

static int post_predict(struct request *rq, struct err *err)
{
    struct predict_options o = { .name = request_param(rq, "name"),
                                 .version = param_or_empty(rq, "version"),
                                 .columns = 1,
                                 .no_form = NO_FORM };
    int rc = predict_answer(rq, &o, err);
    return rc == ERR_NOT_FOUND ? servable_not_found(o.name, o.version, err) : rc;
}

static int post_label(struct request *rq, struct err *err)
{
    str_t label = request_param(rq, "label");
    return ERR(err, ERR_INVALID, "Unrecognized servable version label: %.*s",
               (int)MIN(label.n, (size_t)100), label.p);
}

static int missing_name(struct request *rq, struct err *err)
{
    (void)rq;
    return ERR(err, ERR_INVALID, "Missing model name in request.");
}

static int malformed(struct request *rq, struct err *err)
{
    return ERR(err, ERR_INVALID, "Malformed request: %.*s %.*s", STR_ARG(rq->method),
               (int)MIN(rq->path.n, (size_t)300), rq->path.p);
}

static void write_version(struct json_out *o, const char *version)
{
    jo_object(o);
    jo_kv_cstr(o, "version", version);
    jo_kv_cstr(o, "state", "AVAILABLE");
    jo_kv_raw(o, "status", STR("{\"error_code\":\"OK\",\"error_message\":\"\"}"));
    jo_object_end(o);
}

static int get_status(struct request *rq, struct err *err)
{
    struct app *app = app_of(rq);
    struct serve_status st;
    struct json_out o;
    str_t name = request_param(rq, "name"), version = param_or_empty(rq, "version");
    int n = (int)MIN(name.n, (size_t)100), wanted = 0;
    if (!app->serve || serve_status_get(app->serve, name, &st, NULL) || !st.version[0])
        return ERR(err, ERR_NOT_FOUND, "Could not find any versions of model %.*s", n, name.p);
    wanted = version.n == 0 || str_is(version, st.version) || str_is(version, st.previous);
    if (!wanted)
        return ERR(err, ERR_NOT_FOUND, "Could not find version %.*s of model %.*s",
                   (int)MIN(version.n, (size_t)30), version.p, n, name.p);
    route_json(rq, &o);
    jo_object(&o);
    jo_key(&o, "model_version_status");
    jo_array(&o);
    if (version.n == 0 || str_is(version, st.version))
        write_version(&o, st.version);
    if (st.previous[0] && (version.n == 0 || str_is(version, st.previous)) &&
        strcmp(st.previous, st.version) != 0)
        write_version(&o, st.previous);
    jo_array_end(&o);
    jo_object_end(&o);
    return 0;
}

static void write_tensor(struct json_out *o, str_t name, const char *dtype, size_t width)
{
    jo_key_str(o, name);
    jo_object(o);
    jo_kv_cstr(o, "dtype", dtype);
    jo_key(o, "tensor_shape");
    jo_object(o);
    jo_key(o, "dim");
    jo_array(o);
    for (size_t i = 0; i < (width > 1 ? 2 : 1); i++) {
        char size[24];
        (void)snprintf(size, sizeof size, i ? "%zu" : "-1", width);
        jo_object(o);
        jo_kv_cstr(o, "size", size);
        jo_kv_cstr(o, "name", "");
        jo_object_end(o);
    }
    jo_array_end(o);
    jo_kv_bool(o, "unknown_rank", 0);
    jo_object_end(o);
    jo_kv_str(o, "name", name);
    jo_object_end(o);
}

static void write_signature(struct json_out *o, const struct serve_column *columns, size_t n,
                            const struct serve_output *outputs, size_t output_n)
{
    static const char *const dtypes[] = { "DT_DOUBLE", "DT_INT64", "DT_BOOL", "DT_STRING" };
    jo_key(o, "serving_default");
    jo_object(o);
    jo_key(o, "inputs");
    jo_object(o);
    for (size_t i = 0; i < n; i++)
        write_tensor(o, columns[i].name, dtypes[columns[i].type], 1);
    jo_object_end(o);
    jo_key(o, "outputs");
    jo_object(o);
    for (size_t i = 0; i < output_n; i++)
        write_tensor(o, str_of(outputs[i].name), "DT_DOUBLE", outputs[i].width);
    jo_object_end(o);
    jo_kv_cstr(o, "method_name", "tensorflow/serving/predict");
    jo_kv_raw(o, "defaults", STR("{}"));
    jo_object_end(o);
}

static int get_metadata(struct request *rq, struct err *err)
{
    struct app *app = app_of(rq);
    struct serve_status st;
    struct serve_column *columns;
    struct serve_output *outputs;
    size_t n, output_n;
    struct json_out o;
    str_t name = request_param(rq, "name"), version = param_or_empty(rq, "version");
    if (!app->serve || serve_status_get(app->serve, name, &st, NULL) ||
        serve_signature_get(app->serve, &rq->arena, name, version, &columns, &n, &outputs,
                            &output_n, err)) {
        IGNORE(ERR(err, ERR_NOT_FOUND, "it is not loaded here"));
        return servable_not_found(name, version, err);
    }
    route_json(rq, &o);
    jo_object(&o);
    jo_key(&o, "model_spec");
    jo_object(&o);
    jo_kv_str(&o, "name", name);
    jo_kv_cstr(&o, "signature_name", "");
    jo_kv_str(&o, "version", version.n ? version : str_of(st.version));
    jo_object_end(&o);
    jo_key(&o, "metadata");
    jo_object(&o);
    jo_key(&o, "signature_def");
    jo_object(&o);
    jo_key(&o, "signature_def");
    jo_object(&o);
    write_signature(&o, columns, n, outputs, output_n);
    jo_object_end(&o);
    jo_object_end(&o);
    jo_object_end(&o);
    jo_object_end(&o);
    return 0;
}

#define PREDICT_DOC                                                                                \
    "instances [any]: Rows: objects by column name, or arrays in signature order.\n"               \
    "inputs any: Columns: an object of arrays; instead of instances.\n"                            \
    "signature_name string: Only serving_default."
#define PREDICTED                                                                                  \
    "predictions [any]: One a row, when instances were sent.\n"                                    \
    "outputs any: In column form, when inputs were sent."
#define STATUS                                                                                     \
    "model_version_status! [object]: Loaded versions.\n"                                           \
    "  version! string: Number.\n"                                                                 \
    "  state! string: AVAILABLE.\n"                                                                \
    "  status! object: error_code and error_message."
#define METADATA                                                                                   \
    "model_spec! object: Name and version.\n"                                                      \
    "metadata! object: signature_def in TensorFlow's form."
#define NOTHING "error! string: Why it cannot be."

static const struct route routes[] = {
    { "POST", "/v1/models/{name}:predict", "endpoint.predict", post_predict, ROUTE_INLINE,
      LIMIT_BODY_PREDICT, "Predictions of the version that serves, in TensorFlow Serving's form.",
      PREDICT_DOC, PREDICTED, "tfPredict" },
    { "POST", "/v1/models/{name}/versions/{version}:predict", "endpoint.predict", post_predict,
      ROUTE_INLINE, LIMIT_BODY_PREDICT, "Predictions of a loaded version.", PREDICT_DOC, PREDICTED,
      "tfPredictVersion" },
    { "POST", "/v1/models/{name}/labels/{label}:predict", "endpoint.predict", post_label,
      ROUTE_INLINE, LIMIT_BODY_PREDICT, "Version labels are not used here; always refused.",
      PREDICT_DOC, NOTHING, "tfPredictLabel" },
    { "GET", "/v1/models/{name}", "endpoint.read", get_status, ROUTE_WORKER, 0,
      "Versions that are loaded.", NULL, STATUS, "tfStatus" },
    { "GET", "/v1/models/{name}/versions/{version}", "endpoint.read", get_status, ROUTE_WORKER, 0,
      "Whether a version is loaded.", NULL, STATUS, "tfStatusVersion" },
    { "GET", "/v1/models/{name}/metadata", "endpoint.read", get_metadata, ROUTE_WORKER, 0,
      "Signature of the version that serves.", NULL, METADATA, "tfMetadata" },
    { "GET", "/v1/models/{name}/versions/{version}/metadata", "endpoint.read", get_metadata,
      ROUTE_WORKER, 0, "Signature of a loaded version.", NULL, METADATA, "tfMetadataVersion" },
    { "GET", "/v1/models", "endpoint.read", missing_name, ROUTE_INLINE, 0,
      "Refused: a model's name is needed.", NULL, NOTHING, "tfNoName" },
    { "POST", "/v1/models/{rest*}", "endpoint.predict", malformed, ROUTE_INLINE, LIMIT_BODY_PREDICT,
      "Anything else under /v1/models is refused in TensorFlow Serving's form.", PREDICT_DOC,
      NOTHING, "tfMalformedPost" },
    { "GET", "/v1/models/{rest*}", "endpoint.read", malformed, ROUTE_INLINE, 0,
      "Anything else under /v1/models is refused in TensorFlow Serving's form.", NULL, NOTHING,
      "tfMalformedGet" },
};

const struct route_table tfserving_routes = { "tfserving", routes, ARRAY_LEN(routes), write_error };
