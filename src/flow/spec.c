/* SPDX-License-Identifier: Apache-2.0
 * spec.json: what a run's worker shall do. The worker reads nothing else but the files it names. */
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/limits.h"
#include "codec/json.h"
#include "flow/flow_int.h"

static int64_t half_of_memory(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    return pages > 0 && size > 0 ? (int64_t)pages * size / 2 : (int64_t)GIB(1);
}

static int cores(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int)MIN(n, 256L) : 1;
}

static void write_champion(struct json_out *o, const struct flow_run_request *rq)
{
    jo_key(o, "champion");
    if (!rq->champion_version || !rq->champion_onnx) {
        jo_null(o);
        return;
    }
    jo_object(o);
    jo_kv_cstr(o, "model", rq->model_name);
    jo_kv_cstr(o, "version", rq->champion_version);
    jo_kv_cstr(o, "onnx", rq->champion_onnx);
    jo_object_end(o);
}

static void write_params(struct json_out *o, const struct flow_run_request *rq)
{
    jo_key(o, "params");
    jo_object(o);
    for (size_t i = 0; i < rq->param_n; i++)
        jo_kv_cstr(o, rq->params[i].name, rq->params[i].value);
    jo_object_end(o);
}

static void write_code(struct json_out *o, const struct flow_run_request *rq)
{
    jo_key(o, "code");
    jo_object(o);
    jo_kv_cstr(o, "commit", rq->code_commit);
    jo_kv_cstr(o, "dirty", rq->code_dirty);
    jo_kv_cstr(o, "command", rq->command);
    jo_object_end(o);
}

int flow__write_spec(const struct flow *f, const struct flow_run_request *rq, const char *run_id,
                     const char *dir, struct err *err)
{
    char path[PATH_MAX];
    struct buf b;
    struct json_out o;
    buf_init(&b, MIB(4));
    json_out_init(&o, &b);
    o.indent = 1;
    jo_object(&o);
    jo_kv_cstr(&o, "run_id", run_id);
    jo_kv_int(&o, "attempt", 1);
    jo_kv_cstr(&o, "project_dir", rq->project_dir);
    jo_kv_cstr(&o, "dir", dir);
    (void)snprintf(path, sizeof path, "%s/cache", f->data_dir);
    jo_kv_cstr(&o, "cache_dir", path);
    jo_kv_cstr(&o, "config", rq->config);
    jo_kv_cstr(&o, "config_path", rq->config_path ? rq->config_path : "slipway.yaml");
    write_params(&o, rq);
    jo_kv_bool(&o, "force", rq->force);
    jo_kv_int(&o, "seed", (int64_t)(rq->seed & INT64_MAX));
    jo_kv_int(&o, "threads", f->threads ? f->threads : cores());
    jo_kv_int(&o, "memory_limit_bytes",
              f->memory_limit_bytes ? f->memory_limit_bytes : half_of_memory());
    write_champion(&o, rq);
    write_code(&o, rq);
    jo_object_end(&o);
    (void)snprintf(path, sizeof path, "%s/" ATTEMPT_SPEC, dir);
    int rc = b.failed ? ERR(err, ERR_LIMIT, "the run's configuration is too large")
                      : fs_write_cache(path, buf_view(&b), err);
    buf_fini(&b);
    return rc;
}
