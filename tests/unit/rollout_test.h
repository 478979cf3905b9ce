/* SPDX-License-Identifier: Apache-2.0
 * For tests of endpoints: an app on a folder of its own, versions of a one-line model, requests. */
#pragma once
#include "api/app.h"
#include "base/limits.h"
#include "model/pipeline.h"
#include "registry/version.h"
#include "rollout/rollout.h"
#include "test.h"

static inline struct app *open_app(enum app_mode mode)
{
    struct app *app = NULL;
    struct app_options o = { .mode = mode, .data_dir = test_tmpdir() };
    CHECK_OK(app_open(&app, &o, err));
    return app;
}

/* x + shift; filled: a missing x counts as 0. */
struct new_model {
    double shift;
    int filled, broken;
};

static inline void put_model(struct app *app, const struct new_model *m, char digest[SHA256_HEX])
{
    struct arena a;
    struct graph g;
    struct buf b;
    arena_init(&a, MIB(8));
    graph_init(&g, &a, "m");
    const char *x = pipe_input(&g, "x", TENSOR_DOUBLE);
    if (m->filled)
        x = pipe_impute_number(&g, "x", x, 0);
    double one = 1;
    IGNORE(pipe_linear(&g, x, &one, 1, m->shift, "prediction"));
    buf_init(&b, MIB(1));
    CHECK_OK(onnx_write(&g, &b, err));
    if (m->broken)
        b.n /= 2;
    CHECK_OK(blobs_put(app->blobs, buf_view(&b), digest, err));
    buf_fini(&b);
    arena_fini(&a);
}

struct new_version {
    const char *digest;
    int gates;
    int64_t number;
};

static inline int add_row(struct tx *tx, void *arg, struct err *err)
{
    struct new_version *n = arg;
    struct version_section sections[] = {
        { "signature", "{\"inputs\":[{\"name\":\"x\",\"type\":\"double\",\"required\":true}],"
                       "\"outputs\":[{\"name\":\"prediction\",\"type\":\"double\"}]}" },
        { "input_example", "{\"x\":1.0}" },
    };
    struct version_new v = { .model = "m", .sections = sections, .section_n = 2 };
    v.row.digest = n->digest;
    v.row.gates_passed = n->gates;
    v.row.status = "READY";
    v.row.stage = "None";
    return version_create(tx, CAUSE_SYSTEM, &v, &n->number, err);
}

static inline int64_t add_model(struct app *app, const struct new_model *m, int gates)
{
    char digest[SHA256_HEX];
    put_model(app, m, digest);
    struct new_version n = { digest, gates, 0 };
    CHECK_OK(store_write(app->store, add_row, &n, err));
    return n.number;
}

static inline int64_t add_version(struct app *app, double shift, int gates, int broken)
{
    return add_model(app, &(struct new_model){ .shift = shift, .broken = broken }, gates);
}

static char answer[1 << 16];

static inline int ask(struct app *app, const char *method, const char *path, const char *body)
{
    struct request rq;
    request_init(&rq);
    rq.method = str_of(method);
    rq.body = str_of(body);
    CHECK_OK(request_set_target(&rq, str_of(path), err));
    app_dispatch(app, &rq);
    (void)snprintf(answer, sizeof answer, "%.*s", (int)rq.out.n, rq.out.p ? rq.out.p : "");
    int status = rq.status;
    request_fini(&rq);
    return status;
}

static inline void want(struct app *app, const char *request, int status, const char *text)
{
    char copy[4000], *method = copy, *path, *body;
    (void)snprintf(copy, sizeof copy, "%s", request);
    path = strchr(method, ' ');
    *path++ = '\0';
    body = strchr(path, ' ');
    if (body)
        *body++ = '\0';
    int got = ask(app, method, path, body ? body : "");
    if (got != status || !strstr(answer, text))
        TEST_FAIL("%s: %d %s; want %d %s", request, got, answer, status, text);
}
