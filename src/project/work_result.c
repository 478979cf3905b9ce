/* SPDX-License-Identifier: Apache-2.0
 * result.json and the model folder. */
#include <math.h>
#include <stdio.h>
#include <sys/utsname.h>

#include "base/clock.h"
#include "base/engine.h"
#include "base/fs.h"
#include "infer/predictor.h"
#include "model/mlmodel.h"
#include "model/signature.h"
#include "monitor/reference.h"
#include "project/gate.h"
#include "project/work_int.h"

#define MODEL_DIR "output/model"

static int model_signature(struct work *w, struct signature *out, struct err *err)
{
    struct graph g;
    int rc = onnx_read(w->a, w->onnx, &g, err);
    return rc ? rc : signature_of_graph(w->a, &g, out, err);
}

static int parse_report(struct work *w, struct json *out, struct err *err)
{
    return json_parse(w->a, w->model_json, NULL, out, err);
}

int work_write_model(struct work *w, struct err *err)
{
    struct signature s;
    struct json report;
    int rc = model_signature(w, &s, err);
    if (rc == 0)
        rc = parse_report(w, &report, err);
    if (rc)
        return rc;
    struct mlmodel m = { .onnx = w->onnx,
                         .signature = &s,
                         .example = json_get(&report, "input_example"),
                         .run_id = w->run_id,
                         .created_ms = clock_now_ms(),
                         .artifact_path = "model" };
    if (m.example && m.example->type != JSON_OBJECT)
        m.example = NULL;
    rc = mlmodel_write(&m, fs_join(w->a, w->dir, MODEL_DIR), err);
    if (rc == 0 && w->reference_json.n)
        rc = fs_write_atomic(fs_join(w->a, w->dir, MODEL_DIR "/" MONITOR_REFERENCE_FILE),
                             w->reference_json, err);
    return rc;
}

/* ---- parts of result.json ---- */

static void write_error(struct work *w, struct json_out *o)
{
    jo_key(o, "error");
    if (w->failure.code == 0) {
        jo_null(o);
        return;
    }
    jo_object(o);
    jo_kv_cstr(o, "code", err_info(w->failure.code)->name);
    jo_kv_cstr(o, "message", w->failure.message);
    jo_kv_cstr(o, "stage", w->failure.stage);
    jo_key(o, "line");
    if (w->failure.at.line)
        jo_int(o, w->failure.at.line);
    else
        jo_null(o);
    jo_key(o, "column");
    if (w->failure.at.line)
        jo_int(o, w->failure.at.column);
    else
        jo_null(o);
    jo_object_end(o);
}

static void count_or_null(struct json_out *o, const char *key, int64_t n)
{
    jo_key(o, key);
    if (n >= 0)
        jo_int(o, n);
    else
        jo_null(o);
}

static void write_stages(struct work *w, struct json_out *o)
{
    jo_key(o, "stages");
    jo_array(o);
    for (size_t i = 0; i < w->record_n; i++) {
        const struct work_record *r = &w->records[i];
        jo_object(o);
        jo_kv_cstr(o, "name", r->name);
        jo_kv_cstr(o, "kind", r->kind);
        jo_kv_cstr(o, "state", r->state);
        jo_kv_cstr(o, "why", r->why);
        jo_kv_double(o, "ms", r->ms);
        count_or_null(o, "rows_in", r->rows_in);
        count_or_null(o, "rows_out", r->rows_out);
        jo_kv_cstr(o, "digest", r->key);
        jo_object_end(o);
    }
    jo_array_end(o);
}

static void write_split(struct work *w, struct json_out *o)
{
    static const char *const by[] = { "hash", "time", "stratified" };
    const struct split_spec *s = &w->project->split->split;
    jo_key(o, "split");
    jo_object(o);
    jo_kv_cstr(o, "by", by[s->by]);
    jo_kv_int(o, "seed", (int64_t)s->seed);
    for (int p = 0; p < 3; p++)
        jo_kv_int(o, split_part_name((enum split_part)p), (int64_t)w->split.rows[p]);
    jo_key(o, "digests");
    jo_object(o);
    for (int p = 0; p < 3; p++)
        jo_kv_cstr(o, split_part_name((enum split_part)p),
                   w->split.rows[p] ? w->split.digest[p] : NULL);
    jo_object_end(o);
    jo_object_end(o);
}

/* What serving will run: compiled here once more from the bytes that were written. */
static int write_predictor(struct work *w, struct json_out *o, struct err *err)
{
    struct predictor *p = NULL;
    struct buf b;
    int rc = predictor_load(w->onnx, &p, err);
    if (rc)
        return rc;
    buf_init(&b, MIB(16));
    predictor_describe(p, &b);
    predictor_free(p);
    jo_key(o, "predictor");
    jo_raw(o, b.failed ? STR("null") : buf_view(&b));
    buf_fini(&b);
    return 0;
}

static int write_model(struct work *w, struct json_out *o, struct err *err)
{
    struct signature s;
    struct json report;
    int rc = model_signature(w, &s, err);
    if (rc == 0)
        rc = parse_report(w, &report, err);
    if (rc)
        return rc;
    jo_key(o, "model");
    jo_object(o);
    jo_kv_cstr(o, "dir", MODEL_DIR);
    jo_kv_cstr(o, "digest", w->onnx_sha256);
    jo_kv_int(o, "bytes", (int64_t)w->onnx.n);
    jo_kv_cstr(o, "family", model_family_name(w->project->model->model.family));
    jo_kv_cstr(o, "name", w->project->name);
    jo_key(o, "signature");
    signature_write(&s, o);
    for (size_t i = 0; i < report.n; i++) {
        jo_key_str(o, report.members[i].key);
        jo_value(o, &report.members[i].value);
    }
    rc = write_predictor(w, o, err);
    jo_object_end(o);
    return rc;
}

static void write_evaluation(struct work *w, struct json_out *o)
{
    for (size_t i = 0; i < w->evaluation.n && w->evaluation.type == JSON_OBJECT; i++) {
        jo_key_str(o, w->evaluation.members[i].key);
        jo_value(o, &w->evaluation.members[i].value);
    }
}

static void write_gate(struct json_out *o, const struct project_gate *g,
                       const struct condition_outcome *out)
{
    jo_object(o);
    jo_kv_cstr(o, "expr", g->text);
    jo_key(o, "passed");
    if (out->passed < 0)
        jo_null(o);
    else
        jo_bool(o, out->passed);
    jo_key(o, "values");
    jo_object(o);
    for (size_t i = 0; i < out->value_n; i++) {
        jo_key(o, out->values[i].name);
        if (out->values[i].is_null)
            jo_null(o);
        else
            jo_double(o, out->values[i].value);
    }
    jo_object_end(o);
    jo_kv_cstr(o, "message", out->message);
    jo_kv_int(o, "line", g->at.line);
    jo_kv_int(o, "column", g->at.column);
    jo_object_end(o);
}

static void write_gates(struct work *w, struct json_out *o)
{
    const struct project_stage *s = w->project->gates;
    jo_key(o, "gates");
    jo_array(o);
    for (size_t i = 0; w->gates && i < s->gate_n; i++)
        if (w->gates[i].message)
            write_gate(o, &s->gates[i], &w->gates[i]);
    jo_array_end(o);
}

static const char *cpu(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f"))
        return "x86-64 avx512";
    return __builtin_cpu_supports("avx2") ? "x86-64 avx2" : "x86-64";
#elif defined(__aarch64__)
    return "aarch64";
#else
    return "unknown";
#endif
}

static void write_environment(struct work *w, struct json_out *o)
{
    struct engine e;
    struct utsname u;
    jo_key(o, "environment");
    jo_object(o);
    jo_kv_cstr(o, "slipway", SLIPWAY_VERSION);
    jo_kv_cstr(o, "duckdb", engine_find(w->a, "duckdb", &e, NULL) == 0 ? e.version : NULL);
    jo_kv_cstr(o, "cpu", cpu());
    jo_kv_cstr(o, "os",
               uname(&u) == 0 ? arena_printf(w->a, "%s %s", u.sysname, u.release) : "unknown");
    jo_object_end(o);
}

static void write_params(struct work *w, struct json_out *o)
{
    jo_key(o, "params");
    jo_object(o);
    for (size_t i = 0; w->project && i < w->project->param_n; i++)
        jo_kv_cstr(o, w->project->params[i].name, w->project->params[i].text);
    jo_object_end(o);
}

static int write_findings(struct work *w, struct json_out *o, struct err *err)
{
    int rc = 0;
    if (w->data.digest[0]) {
        jo_key(o, "dataset");
        dataset_write(o, &w->data);
    }
    if (w->split.rows[PART_TRAIN])
        write_split(w, o);
    if (w->onnx.n)
        rc = write_model(w, o, err);
    write_evaluation(w, o);
    if (w->project)
        write_gates(w, o);
    return rc;
}

static void write_lock(struct work *w, struct json_out *o)
{
    struct buf b;
    if (w->failure.code || !w->project)
        return;
    buf_init(&b, MIB(4));
    work_lock_text(w, &b);
    jo_kv_str(o, "lock", buf_view(&b));
    buf_fini(&b);
}

int work_write_result(struct work *w, struct err *err)
{
    struct buf b;
    struct json_out o;
    buf_init(&b, LIMIT_STEP_RESULT);
    json_out_init(&o, &b);
    jo_object(&o);
    jo_kv_cstr(&o, "state", w->refused ? "refused" : w->failure.code ? "failed" : "finished");
    write_error(w, &o);
    write_stages(w, &o);
    int rc = write_findings(w, &o, err);
    write_params(w, &o);
    jo_kv_int(&o, "seed", (int64_t)w->seed);
    write_environment(w, &o);
    write_lock(w, &o);
    jo_object_end(&o);
    if (rc == 0 && b.failed)
        rc = ERR(err, ERR_LIMIT, "the result of the run is larger than %zu bytes",
                 (size_t)LIMIT_STEP_RESULT);
    if (rc == 0)
        rc = fs_write_atomic(fs_join(w->a, w->dir, "result.json"), buf_view(&b), err);
    buf_fini(&b);
    return rc;
}
