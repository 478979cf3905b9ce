/* SPDX-License-Identifier: Apache-2.0
 * bench-endpoint DIR: makes a data folder with one registered model of ten scaled columns (the
 * shape of the diabetes data) and the endpoint "bench" on it, so that the real server can be
 * measured without training first. */
#include <stdio.h>

#include "base/limits.h"
#include "model/pipeline.h"
#include "registry/version.h"
#include "rollout/rollout.h"
#include "store/home.h"

static const char *const names[] = {
    "age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"
};

static int write_model(struct home *h, char digest[SHA256_HEX], struct err *err)
{
    struct arena a;
    struct graph g;
    struct buf b;
    const char *values[ARRAY_LEN(names)];
    double w[ARRAY_LEN(names)];
    arena_init(&a, MIB(8));
    graph_init(&g, &a, "bench");
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *x = pipe_input(&g, names[i], TENSOR_DOUBLE);
        x = pipe_impute_number(&g, names[i], x, 1);
        values[i] = pipe_scale(&g, names[i], x, (double)i, 2);
        w[i] = (double)(i + 1) / 7;
    }
    IGNORE(pipe_linear(&g, pipe_concat(&g, "x", values, ARRAY_LEN(names)), w, ARRAY_LEN(names),
                       152.1, "prediction"));
    buf_init(&b, MIB(1));
    int rc = onnx_write(&g, &b, err);
    if (!rc)
        rc = blobs_put(h->blobs, buf_view(&b), digest, err);
    buf_fini(&b);
    arena_fini(&a);
    return rc;
}

static int add(struct tx *tx, void *arg, struct err *err)
{
    int64_t number;
    struct version_new v = { .model = "bench" };
    v.row.digest = arg;
    v.row.gates_passed = -1;
    v.row.status = "READY";
    v.row.stage = "None";
    return version_create(tx, CAUSE_SYSTEM, &v, &number, err);
}

int main(int argc, char **argv)
{
    struct err err = ERR_INIT;
    struct home *h = NULL;
    char digest[SHA256_HEX];
    struct home_options o = { .dir = argc > 1 ? argv[1] : "", .create = 1 };
    if (argc != 2) {
        (void)fprintf(stderr, "usage: bench-endpoint DIR\n");
        return 2;
    }
    int rc = home_open(&h, &o, &err);
    if (!rc)
        rc = write_model(h, digest, &err);
    if (!rc)
        rc = store_write(h->store, add, digest, &err);
    struct rollout_change c = { .endpoint = "bench", .model = "bench" };
    if (!rc)
        rc = rollout_deploy(h->store, &c, NULL, &err);
    home_close(h);
    if (rc)
        (void)fprintf(stderr, "bench-endpoint: %s\n", err.msg);
    return rc ? 1 : 0;
}
