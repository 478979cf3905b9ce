/* SPDX-License-Identifier: Apache-2.0
 * One request from message to answer, and errors as MLflow's server writes them: "error_code" and
 * "message", with the status that belongs to the code. The client retries 429 and every 5xx for
 * minutes, so a mistake of the caller is never one of them. */
#include <stdarg.h>
#include <stdio.h>

#include "api/mlflow/mlflow.h"
#include "api/mlflow/mlflow_int.h"
#include "api/native/handler.h"
#include "base/log.h"

/* ---- errors ---- */

static const struct {
    const char *code;
    int status;
} statuses[] = {
    { "INVALID_PARAMETER_VALUE", 400 },
    { "BAD_REQUEST", 400 },
    { "RESOURCE_ALREADY_EXISTS", 400 },
    { "RESOURCE_DOES_NOT_EXIST", 404 },
    { "NOT_FOUND", 404 },
    { "ENDPOINT_NOT_FOUND", 404 },
    { "RESOURCE_CONFLICT", 409 },
    { "PERMISSION_DENIED", 403 },
    { "UNAUTHENTICATED", 401 },
    { "RESOURCE_EXHAUSTED", 429 },
    { "NOT_IMPLEMENTED", 501 },
    { "TEMPORARILY_UNAVAILABLE", 503 },
    { "DEADLINE_EXCEEDED", 504 },
    { "INVALID_STATE", 500 },
    { "INTERNAL_ERROR", 500 },
};

static int status_of(const char *code)
{
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
        if (strcmp(statuses[i].code, code) == 0)
            return statuses[i].status;
    return 500;
}

/* Our own error codes in MLflow's words; status 0 = that of the word. */
static const char *code_of(int code, int *out_status)
{
    *out_status = 0;
    switch (code) {
    case ERR_INVALID: return "INVALID_PARAMETER_VALUE";
    case ERR_NOT_FOUND: return "RESOURCE_DOES_NOT_EXIST";
    case ERR_EXISTS: return "RESOURCE_ALREADY_EXISTS";
    case ERR_CONFLICT: return "RESOURCE_CONFLICT";
    case ERR_DENIED: return "PERMISSION_DENIED";
    case ERR_LIMIT: return "INVALID_PARAMETER_VALUE";
    case ERR_UNAVAILABLE:
    case ERR_READ_ONLY: return "TEMPORARILY_UNAVAILABLE";
    case ERR_TIMEOUT: return "DEADLINE_EXCEEDED";
    case ERR_NO_SPACE: *out_status = 507; return "INTERNAL_ERROR";
    default: return "INTERNAL_ERROR";
    }
}

void mlf_write_failure(struct request *rq, int status, const char *code, const char *text)
{
    struct json_out o;
    request_clear_answer(rq);
    rq->status = status ? status : status_of(code);
    json_out_init(&o, &rq->out);
    jo_object(&o);
    jo_kv_cstr(&o, "error_code", code);
    jo_kv_cstr(&o, "message", text);
    jo_object_end(&o);
}

void mlf_write_error(struct request *rq, const struct err *err)
{
    int status, before = rq->status;
    const char *code = code_of(err->code, &status);
    struct pair kept[ARRAY_LEN(rq->out_headers)];
    size_t kept_n = rq->out_headers_n;
    memcpy(kept, rq->out_headers, sizeof kept);
    if (!rq->route && err->code == ERR_NOT_FOUND)
        code = "ENDPOINT_NOT_FOUND";
    if (before == 401)
        code = "UNAUTHENTICATED";
    else if (before == 405 || before == 413 || before == 507)
        status = before;
    mlf_write_failure(rq, status, code, err->msg);
    memcpy(rq->out_headers, kept, sizeof kept); /* WWW-Authenticate, Allow */
    rq->out_headers_n = kept_n;
}

int mlf_fail(struct mlf *m, const char *code, const char *fmt, ...)
{
    struct buf b;
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    buf_init(&b, (size_t)(n > 0 ? n : 0) + 16);
    char *at = buf_reserve(&b, (size_t)(n > 0 ? n : 0) + 1);
    if (at && n > 0) {
        (void)vsnprintf(at, (size_t)n + 1, fmt, again);
        b.n = (size_t)n;
    }
    va_end(again);
    char *text = arena_strndup(m->a, b.p ? b.p : "", b.n);
    m->failure = text ? text : code;
    m->code = code;
    buf_fini(&b);
    return ERR(m->err, ERR_FAILED, "%.200s", m->failure);
}

/* ---- answers ---- */

struct json_out *mlf_begin(struct mlf *m)
{
    ASSERT(!m->begun);
    json_out_init(&m->out, &m->rq->out);
    m->out.indent = 2;
    m->begun = 1;
    jo_object(&m->out);
    return &m->out;
}

void mlf_opt(struct json_out *o, const char *key, const char *value)
{
    if (value)
        jo_kv_cstr(o, key, value);
}

void mlf_write_tags(struct json_out *o, const char *name, const struct track_pair *tags, size_t n)
{
    if (!n)
        return;
    jo_key(o, name);
    jo_array(o);
    for (size_t i = 0; i < n; i++) {
        jo_object(o);
        jo_kv_cstr(o, "key", tags[i].key);
        jo_kv_cstr(o, "value", tags[i].value);
        jo_object_end(o);
    }
    jo_array_end(o);
}

/* ---- running ---- */

struct job {
    struct mlf *m;
    mlf_fn fn;
};

static int in_transaction(struct tx *tx, void *arg, struct err *err)
{
    struct job *j = arg;
    j->m->err = err;
    return j->fn(j->m, tx);
}

static int run(struct mlf *m, mlf_fn fn, enum mlf_mode mode, struct err *err)
{
    struct job j = { m, fn };
    if (mode == MLF_WRITE)
        return store_write(app_of(m->rq)->store, in_transaction, &j, err);
    if (mode == MLF_READ)
        return store_read(app_of(m->rq)->store, in_transaction, &j, err);
    return fn(m, NULL);
}

int mlf_transact(struct mlf *m, mlf_fn fn, enum mlf_mode mode)
{
    ASSERT(mode != MLF_PLAIN);
    return run(m, fn, mode, m->err);
}

static void finish(struct mlf *m)
{
    struct request *rq = m->rq;
    if (m->begun) {
        jo_object_end(&m->out);
        return;
    }
    if (rq->out_fd < 0 && rq->out.n == 0 && !rq->content_type)
        buf_puts(&rq->out, "{}");
}

int mlf_serve(struct request *rq, mlf_fn fn, enum mlf_mode mode, const struct mlf_field *fields,
              struct err *err)
{
    struct mlf m = { .rq = rq,
                     .a = &rq->arena,
                     .message = { .type = JSON_OBJECT },
                     .raw = { .type = JSON_OBJECT },
                     .by = handler_cause(rq, NULL),
                     .err = err };
    int rc = mlf__read(&m, fields, mode == MLF_READ);
    if (!rc)
        rc = run(&m, fn, mode, err);
    if (!rc) {
        finish(&m);
        return 0;
    }
    if (!m.code)
        return rc; /* the route's error writer puts it into our form */
    mlf_write_failure(rq, 0, m.code, m.failure);
    if (rq->status >= 500 && rq->status != 501)
        log_error("%s %.*s: %s", request_id(rq), STR_ARG(rq->path), m.failure);
    return 0;
}
