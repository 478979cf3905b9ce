/* SPDX-License-Identifier: Apache-2.0
 * The hot path of the API: one call into the serving table, one body, one header. */
#include "api/predict.h"

#include "api/app.h"

static int check_signature_name(const struct serve_call *c, struct err *err)
{
    if (c->signature_name.n == 0 || str_is(c->signature_name, "serving_default"))
        return 0;
    return ERR(err, ERR_INVALID, "Serving signature name: \"%.*s\" not found in signature def",
               (int)MIN(c->signature_name.n, (size_t)100), c->signature_name.p);
}

int predict_answer(struct request *rq, const struct predict_options *options, struct err *err)
{
    struct serve *serve = app_of(rq)->serve;
    unsigned char id[16];
    char text[UUID_TEXT];
    if (!serve)
        return ERR(err, ERR_UNAVAILABLE, "this process serves no endpoints");
    uuid7_quick_bytes(id);
    uuid_format(id, text);
    struct serve_call c = { .name = options->name,
                            .id = id,
                            .version = options->version,
                            .body = rq->body,
                            .arena = &rq->arena,
                            .started_ns = rq->started_ns,
                            .dataframes = options->dataframes };
    int rc = serve_call_begin(serve, &c, err);
    if (!rc && c.form == SERVE_NONE)
        rc = ERR(err, ERR_INVALID, "%s", options->no_form);
    if (!rc)
        rc = check_signature_name(&c, err);
    if (!rc && options->columns && c.form == SERVE_INPUTS) {
        buf_puts(&rq->out, "{\"outputs\":");
        serve_write_columns(&c, &rq->out);
    } else if (!rc) {
        buf_puts(&rq->out, "{\"predictions\":");
        serve_write_rows(&c, &rq->out);
    }
    serve_call_end(serve, &c, rc != 0);
    if (!rc && options->id_in_body && app_of(rq)->options.mode == APP_SERVER)
        buf_printf(&rq->out, ",\"prediction_id\":\"%s\"", text);
    if (!rc)
        buf_putc(&rq->out, '}');
    request_add_header(rq, "prediction_id", text);
    request_add_header(rq, "x-prediction-id", text);
    return rc;
}
