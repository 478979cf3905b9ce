/* SPDX-License-Identifier: Apache-2.0
 * MLflow's scoring protocol on our endpoints: JSON in its four forms, its content types, its error
 * bodies. /invocations without a name works while exactly one endpoint is served. */
#include <strings.h>

#include "api/app.h"
#include "api/predict.h"
#include "api/tables.h"
#include "base/limits.h"

#define NO_FORM                                                                                    \
    "The input must be a JSON dictionary with exactly one of the input fields "                    \
    "{'dataframe_split', 'dataframe_records', 'instances', 'inputs'}"

static const char *error_code(int code)
{
    switch (code) {
    case ERR_INVALID:
    case ERR_LIMIT: return "BAD_REQUEST";
    case ERR_NOT_FOUND: return "RESOURCE_DOES_NOT_EXIST";
    case ERR_DENIED: return "PERMISSION_DENIED";
    case ERR_CONFLICT: return "RESOURCE_CONFLICT";
    case ERR_UNAVAILABLE: return "TEMPORARILY_UNAVAILABLE";
    default: return "INTERNAL_ERROR";
    }
}

static void write_error(struct request *rq, const struct err *err)
{
    struct json_out o;
    if (rq->status == 415) { /* MLflow's server says this one in plain text */
        rq->content_type = "text/plain; charset=utf-8";
        buf_puts(&rq->out, err->msg);
        return;
    }
    json_out_init(&o, &rq->out);
    jo_object(&o);
    jo_kv_cstr(&o, "error_code", error_code(err->code));
    jo_kv_cstr(&o, "message", err->msg);
    jo_object_end(&o);
}

static int same_nocase(str_t a, const char *z)
{
    return a.n == strlen(z) && strncasecmp(a.p, z, a.n) == 0;
}

/* application/json, with no parameter but charset=utf-8. */
static int check_content_type(struct request *rq, struct err *err)
{
    str_t header = request_header(rq, "content-type"), type = header, parameter = { "", 0 }, key,
          value;
    if (!header.p)
        return 0;
    if (str_cut(header, ';', &type, &parameter)) {
        parameter = str_trim(parameter);
        if (parameter.n && (!str_cut(parameter, '=', &key, &value) ||
                            !same_nocase(key, "charset") || !same_nocase(value, "utf-8"))) {
            rq->status = 415;
            return ERR(err, ERR_INVALID,
                       "the only parameter of the content type here is charset=utf-8");
        }
    }
    type = str_trim(type);
    if (same_nocase(type, "application/json"))
        return 0;
    rq->status = 415;
    return ERR(err, ERR_INVALID, "the content type '%.*s' is not taken here: send application/json",
               (int)MIN(type.n, (size_t)80), type.p);
}

static int invoke(struct request *rq, str_t name, struct err *err)
{
    struct predict_options o = { .name = name, .dataframes = 1, .no_form = NO_FORM };
    int rc = check_content_type(rq, err);
    return rc ? rc : predict_answer(rq, &o, err);
}

static int post_invocations(struct request *rq, struct err *err)
{
    return invoke(rq, request_param(rq, "name"), err);
}

static int post_bare_invocations(struct request *rq, struct err *err)
{
    struct app *app = app_of(rq);
    struct serve_status *list = NULL;
    size_t n = app->serve ? serve_status_list(app->serve, &rq->arena, &list) : 0;
    if (n == 1)
        return invoke(rq, str_of(list[0].endpoint), err);
    return ERR(err, ERR_NOT_FOUND,
               n ? "%zu endpoints are served here: use /endpoints/NAME/invocations"
                 : "no endpoint is served here: deploy a model first with 'slipway deploy MODEL'",
               n);
}

static int get_ping(struct request *rq, struct err *err)
{
    struct app *app = app_of(rq);
    struct serve_status *list = NULL;
    size_t n = app->serve ? serve_status_list(app->serve, &rq->arena, &list) : 0;
    (void)err;
    rq->status = n ? 200 : 404;
    buf_putc(&rq->out, '\n');
    return 0;
}

#define FORMS                                                                                      \
    "dataframe_split object: {\"columns\", \"data\"}, as pandas writes it.\n"                      \
    "dataframe_records [object]: Rows by column name.\n"                                           \
    "instances [any]: Rows.\n"                                                                     \
    "inputs any: Columns, or rows."

static const struct route routes[] = {
    { "POST", "/endpoints/{name}/invocations", "endpoint.predict", post_invocations, ROUTE_INLINE,
      LIMIT_BODY_PREDICT, "Predictions in MLflow's scoring protocol.", FORMS,
      "predictions! [any]: One a row.", "scoringInvoke" },
    { "POST", "/invocations", "endpoint.predict", post_bare_invocations, ROUTE_WORKER,
      LIMIT_BODY_PREDICT, "The same while exactly one endpoint is served.", FORMS,
      "predictions! [any]: One a row.", "scoringInvokeOnly" },
    { "GET", "/ping", "public", get_ping, ROUTE_WORKER, 0,
      "200 while some endpoint is served, else 404.", NULL, "application/json: a line feed",
      "scoringPing" },
};

const struct route_table scoring_routes = { "scoring", routes, ARRAY_LEN(routes), write_error };
