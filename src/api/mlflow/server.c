/* SPDX-License-Identifier: Apache-2.0
 * The route table of MLflow's API, and the few routes that only say what this server is. Paths that
 * MLflow has and this server does not (traces, evaluation sets, scorers, GraphQL) have no route:
 * their 404 carries ENDPOINT_NOT_FOUND, on which the client falls back. */
#include "api/mlflow/mlflow.h"
#include "api/tables.h"
#include "base/limits.h"

MLF_HANDLER0(server_info, MLF_PLAIN)
{
    struct json_out *o = mlf_begin(m);
    (void)tx;
    jo_kv_cstr(o, "store_type", "SqlStore");
    jo_kv_bool(o, "workspaces_enabled", 0);
    return 0;
}

/* Clients that read this text keep their spans as a file beside the trace. */
MLF_HANDLER0(otlp_traces, MLF_PLAIN)
{
    (void)tx;
    m->rq->status = 501;
    buf_puts(&m->rq->out,
             "{\"detail\":\"REST OTLP span logging is not supported by this server\"}");
    return 0;
}

/* ---- what pages of MLflow ask and is not here ---- */

/* As a server without a gateway answers. */
MLF_HANDLER0(gateway_proxy, MLF_PLAIN)
{
    struct json_out *o = mlf_begin(m);
    (void)tx;
    jo_key(o, "endpoints");
    jo_array(o);
    jo_array_end(o);
    return 0;
}

MLF_HANDLER(promptlab_run, MLF_PLAIN, F_STR("experiment_id", ""))
{
    static const char *const needed[] = { "experiment_id", "prompt_template", "prompt_parameters",
                                          "model_route",   "model_input",     "mlflow_version" };
    (void)tx;
    for (size_t i = 0; i < ARRAY_LEN(needed); i++) {
        const struct json *v = json_get(&m->raw, needed[i]);
        int empty = !v || v->type == JSON_NULL || (v->type == JSON_STRING && !v->string.n) ||
                    (v->type == JSON_ARRAY && !v->n);
        if (empty)
            return mlf_fail(m, MLF_INVALID, "CreatePromptlabRun request must specify %s.",
                            needed[i]);
    }
    return mlf_fail(m, "NOT_IMPLEMENTED",
                    "runs of the prompt lab cannot be made here; make a run and log the answers "
                    "with mlflow.log_table");
}

/* ---- the table: each route under both prefixes ---- */

#define BODY LIMIT_BODY_CONTROL
#define BODY_INPUTS MIB(36) /* a profile has up to 16,777,215 characters, each maybe escaped */
#define MLFLOW(op, method, path, permission, body, summary, request_doc, response_doc)             \
    { method,      "/api/2.0/mlflow" path, permission,   mlf_##op, ROUTE_WORKER, body, summary,    \
      request_doc, response_doc,           "mlflow_" #op },                                        \
        { method,       "/ajax-api/2.0/mlflow" path,                                               \
          permission,   mlf_##op,                                                                  \
          ROUTE_WORKER, body,                                                                      \
          summary,      request_doc,                                                               \
          response_doc, "mlflow_ajax_" #op },
#define ROUTE(op, method, path, permission, where, body, summary, request_doc, response_doc)       \
    { method, path,    permission,  mlf_##op,     where,                                           \
      body,   summary, request_doc, response_doc, "mlflow" path " " method },
/* clang-format off */
static const struct route routes[] = {
#include "api/mlflow/routes.def"
};
/* clang-format on */

const struct route_table mlflow_routes = { "mlflow", routes, ARRAY_LEN(routes), mlf_write_error };
