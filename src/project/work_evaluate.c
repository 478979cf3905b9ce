/* SPDX-License-Identifier: Apache-2.0
 * Judging: predictions of the model compiled back from its ONNX bytes, of the baseline and of the
 * champion on the same rows; metrics, slices, gates. */
#include <math.h>
#include <stdio.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "project/gate.h"
#include "project/work_int.h"
#include "stat/sum.h"

enum { BLOCK = 4096 };

/* ---- predictions ---- */

struct predict_job {
    const struct predictor *p;
    const struct frame *f;
    const struct column **inputs; /* by input of the predictor */
    size_t input_n;
    double *out; /* f->n */
    void *workspace[PARALLEL_MAX];
    const void **pointers[PARALLEL_MAX];
    str_t **strings[PARALLEL_MAX]; /* by input: BLOCK texts, or NULL */
    struct err errs[PARALLEL_MAX];
    int rcs[PARALLEL_MAX];
};

static void texts_of(const struct column *c, size_t from, size_t n, str_t *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = c->codes[from + i] < 0 ? STR("") : c->levels[c->codes[from + i]];
}

static void predict_block(void *context, int worker, size_t block)
{
    struct predict_job *j = context;
    size_t from = block * BLOCK, n = MIN((size_t)BLOCK, j->f->n - from);
    if (j->rcs[worker])
        return;
    for (size_t k = 0; k < j->input_n; k++) {
        if (j->inputs[k]->codes) {
            texts_of(j->inputs[k], from, n, j->strings[worker][k]);
            j->pointers[worker][k] = j->strings[worker][k];
        } else
            j->pointers[worker][k] = j->inputs[k]->numbers + from;
    }
    struct predictor_batch in = { n, j->pointers[worker] };
    double *out = j->out + from;
    j->rcs[worker] = predictor_run(j->p, &in, &out, j->workspace[worker], &j->errs[worker]);
}

static int match_inputs(struct predict_job *j, struct err *err)
{
    const struct predictor_input *inputs;
    const struct predictor_input *outputs;
    j->input_n = predictor_inputs(j->p, &inputs);
    if (predictor_outputs(j->p, &outputs) < 1 || outputs[0].width > 1)
        return ERR(err, ERR_INVALID, "the model does not give one number a row");
    for (size_t k = 0; k < j->input_n; k++) {
        struct column *c = frame_column(j->f, str_of(inputs[k].name));
        if (!c)
            return ERR(err, ERR_INVALID, "it needs a column '%s' that the data do not have",
                       inputs[k].name);
        if ((c->codes != NULL) != (inputs[k].type == TENSOR_STRING))
            return ERR(err, ERR_INVALID, "it takes column '%s' as %s, the data have %s",
                       inputs[k].name, inputs[k].type == TENSOR_STRING ? "text" : "a number",
                       c->codes ? "text" : "numbers");
        j->inputs[k] = c;
    }
    return 0;
}

static int worker_memory(struct arena *a, struct predict_job *j, int threads)
{
    for (int t = 0; t < threads; t++) {
        j->workspace[t] = arena_try_alloc(a, predictor_workspace_bytes(j->p, BLOCK), 1);
        j->pointers[t] = ARENA_TRY_ARRAY(a, j->input_n + 1, const void *);
        j->strings[t] = ARENA_TRY_ARRAY(a, j->input_n + 1, str_t *);
        if (!j->workspace[t] || !j->pointers[t] || !j->strings[t])
            return ERR_NOMEM;
        for (size_t k = 0; k < j->input_n; k++)
            if (j->inputs[k]->codes && !(j->strings[t][k] = ARENA_TRY_ARRAY(a, BLOCK, str_t)))
                return ERR_NOMEM;
    }
    return 0;
}

/* The model's predictions for all rows. */
static int predict_all(struct work *w, const struct predictor *p, double *out, struct err *err)
{
    struct arena a;
    struct predict_job *j = mem_alloc(sizeof *j);
    const struct predictor_input *inputs;
    int threads = MIN(MAX(w->threads, 1), PARALLEL_MAX);
    arena_init(&a, GIB(1));
    *j = (struct predict_job){ .p = p, .f = &w->f, .out = out };
    j->inputs = ARENA_TRY_ARRAY(&a, predictor_inputs(p, &inputs) + 1, const struct column *);
    int rc = j->inputs ? match_inputs(j, err) : ERR(err, ERR_NOMEM, "no memory to predict");
    if (rc == 0 && worker_memory(&a, j, threads) != 0)
        rc = ERR(err, ERR_NOMEM, "no memory to predict");
    if (rc == 0)
        parallel_run(threads, (w->f.n + BLOCK - 1) / BLOCK, predict_block, j);
    for (int t = 0; rc == 0 && t < threads; t++)
        if (j->rcs[t])
            rc = ERR(err, j->rcs[t], "%s", j->errs[t].msg);
    arena_fini(&a);
    mem_free(j);
    return rc;
}

static int predict_with(struct work *w, str_t onnx, double *out, struct err *err)
{
    struct predictor *p = NULL;
    int rc = predictor_load(onnx, &p, err);
    if (rc == 0)
        rc = predict_all(w, p, out, err);
    predictor_free(p);
    return rc;
}

/* ---- evaluation ---- */

struct judging {
    struct work *w;
    const double *y; /* all rows */
    double *prediction, *champion;
    int has_champion;
    double *part_y[3], *part_p[3], *champion_test;
};

/* A champion that cannot answer is a warning: the new model may be the way out of just that. */
static int predict_champion(struct judging *j, struct err *err)
{
    struct work *w = j->w;
    struct err why = ERR_INIT;
    str_t onnx;
    if (!w->champion_onnx)
        return 0;
    j->champion = ARENA_TRY_ARRAY(w->a, w->f.n, double);
    if (!j->champion)
        return ERR(err, ERR_NOMEM, "no memory to predict");
    int rc = fs_read(w->a, w->champion_onnx, LIMIT_MODEL_FILE, &onnx, &why);
    if (rc == 0)
        rc = predict_with(w, onnx, j->champion, &why);
    for (size_t i = 0; rc == 0 && i < w->split.rows[PART_TEST]; i++)
        if (!isfinite(j->champion[w->split.index[PART_TEST][i]]))
            rc = ERR(&why, ERR_INVALID, "it has no answer for row %zu",
                     frame_row_number(&w->f, w->split.index[PART_TEST][i]));
    if (rc)
        work_warn(w, "the champion (version %s) cannot be compared: %s", w->champion_version,
                  why.msg);
    j->has_champion = rc == 0;
    return 0;
}

static int gather_parts(struct judging *j, struct err *err)
{
    const struct split *s = &j->w->split;
    for (int p = 0; p < 3; p++) {
        j->part_y[p] = ARENA_TRY_ARRAY(j->w->a, s->rows[p], double);
        j->part_p[p] = ARENA_TRY_ARRAY(j->w->a, s->rows[p], double);
        if (!j->part_y[p] || !j->part_p[p])
            return ERR(err, ERR_NOMEM, "no memory to evaluate");
        for (size_t i = 0; i < s->rows[p]; i++) {
            j->part_y[p][i] = j->y[s->index[p][i]];
            j->part_p[p][i] = j->prediction[s->index[p][i]];
        }
    }
    if (!j->has_champion)
        return 0;
    j->champion_test = ARENA_TRY_ARRAY(j->w->a, s->rows[PART_TEST], double);
    if (!j->champion_test)
        return ERR(err, ERR_NOMEM, "no memory to evaluate");
    for (size_t i = 0; i < s->rows[PART_TEST]; i++)
        j->champion_test[i] = j->champion[s->index[PART_TEST][i]];
    return 0;
}

static size_t slice_columns(struct work *w, struct slice_column *out)
{
    size_t n = 0;
    for (size_t k = 0; k < w->data.profile.column_n; k++) {
        const struct profile_column *p = &w->data.profile.columns[k];
        const struct column *c = frame_column(&w->f, str_of(p->name));
        if (c && strcmp(p->role, "feature") == 0 && p->type != COLUMN_TIME)
            out[n++] =
                (struct slice_column){ c->name, c->numbers, c->codes, c->levels, c->level_n };
    }
    return n;
}

static int keep_evaluation(struct work *w, const struct evaluation *e, struct err *err)
{
    struct buf b;
    struct json_out o;
    buf_init(&b, LIMIT_STEP_RESULT);
    json_out_init(&o, &b);
    jo_object(&o);
    evaluation_write_json(&o, e, w->champion_version);
    jo_object_end(&o);
    w->evaluation_json = arena_str(w->a, buf_view(&b));
    int rc =
        b.failed || !w->evaluation_json.p ? ERR(err, ERR_LIMIT, "the evaluation is too large") : 0;
    buf_fini(&b);
    return rc;
}

static int judge(struct work *w, struct err *err)
{
    struct judging j = { .w = w };
    struct evaluation e;
    struct column *target;
    int rc = work_need_split(w);
    if (rc)
        return ERR(err, rc, "%s", w->failure.message);
    rc = frame_need(&w->f, str_of(w->project->source->target), &target, err);
    j.prediction = ARENA_TRY_ARRAY(w->a, w->f.n, double);
    struct slice_column *columns = ARENA_TRY_ARRAY(w->a, w->f.column_n, struct slice_column);
    if (rc == 0 && (!j.prediction || !columns))
        rc = ERR(err, ERR_NOMEM, "no memory to evaluate");
    if (rc)
        return rc;
    j.y = target->numbers;
    rc = predict_with(w, w->onnx, j.prediction, err);
    if (rc == 0)
        rc = predict_champion(&j, err);
    if (rc == 0)
        rc = gather_parts(&j, err);
    if (rc)
        return rc;
    const struct split *s = &w->split;
    struct evaluate_input in = {
        .test = { j.part_y[PART_TEST], j.part_p[PART_TEST], s->rows[PART_TEST] },
        .valid = { j.part_y[PART_VALID], j.part_p[PART_VALID], s->rows[PART_VALID] },
        .train = { j.part_y[PART_TRAIN], j.part_p[PART_TRAIN], s->rows[PART_TRAIN] },
        .baseline = stat_mean(j.part_y[PART_TRAIN], s->rows[PART_TRAIN]),
        .champion = j.champion_test,
        .columns = columns,
        .column_n = slice_columns(w, columns),
        .rows = s->index[PART_TEST],
        .seed = w->seed,
    };
    rc = evaluate(w->a, &in, &e, err);
    if (rc == 0)
        rc = keep_evaluation(w, &e, err);
    return rc ? rc : work_reference(w, j.prediction, &in.test, &e, err);
}

/* Key of an evaluation: the model, the champion, the seed of the resampling. */
static const char *evaluation_key(struct work *w)
{
    struct buf b;
    char hex[SHA256_HEX];
    buf_init(&b, KIB(4));
    buf_printf(&b, "evaluation %s %s %s %llu %s",
               lock_key(w->a, work_entry(w, w->project->model->name)), w->onnx_sha256,
               w->champion_sha256, (unsigned long long)w->seed, work_engine(w, 0));
    sha256_of(buf_view(&b), hex);
    buf_fini(&b);
    return arena_strdup(w->a, hex);
}

int work_evaluate(struct work *w)
{
    struct err err = ERR_INIT;
    const char *key = w->evaluation_key = evaluation_key(w);
    int rc = 0;
    if (w->force ||
        work_cache_get(w, key, "evaluation", LIMIT_STEP_RESULT, &w->evaluation_json) != 0 ||
        work_cache_get(w, key, "reference", LIMIT_MONITOR_REFERENCE, &w->reference_json) != 0) {
        rc = judge(w, &err);
        if (rc == 0) {
            work_cache_put(w, key, "evaluation", w->evaluation_json);
            work_cache_put(w, key, "reference", w->reference_json);
        }
    }
    if (rc == 0)
        rc = json_parse(w->a, w->evaluation_json, NULL, &w->evaluation, &err);
    return rc ? work_fail(w, &err, NULL, w->project->model->at, 0) : 0;
}

/* ---- gates ---- */

static double metric_value(void *arg, const char *entity, const char *name, int *out_null)
{
    const struct work *w = arg;
    double single;
    if (gate_single_value(&w->evaluation, entity, name, &single)) {
        *out_null = isnan(single);
        return single;
    }
    const struct json *part =
        json_path(&w->evaluation, arena_printf(w->a, "metrics.%s", entity[0] ? entity : "test"));
    const struct json *metric = part ? json_get(part, name) : NULL,
                      *value = metric ? json_get(metric, "value") : NULL;
    double v = value ? json_as_double(value, NAN) : NAN;
    *out_null = isnan(v);
    return v;
}

static int judge_gates(struct work *w, const struct project_stage *s, struct err *err,
                       struct place *at)
{
    struct buf b;
    w->gates = ARENA_TRY_ARRAY(w->a, s->gate_n, struct condition_outcome);
    if (!w->gates)
        return ERR(err, ERR_NOMEM, "no memory for the gates");
    buf_init(&b, KIB(16));
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < s->gate_n; i++) {
        rc = gate_evaluate(w->a, &s->gates[i], metric_value, w, &w->gates[i], err);
        if (rc || w->gates[i].passed == 1)
            continue;
        if (!w->refused)
            *at = s->gates[i].at;
        buf_printf(&b, "%s%s", w->refused ? "; " : "", w->gates[i].message);
        w->refused = 1;
    }
    if (w->refused)
        w->refused_why =
            arena_printf(w->a, "refused by %s: %s", s->name, b.failed ? "several gates" : b.p);
    buf_fini(&b);
    return rc;
}

int work_gates(struct work *w, const struct project_stage *s)
{
    const struct lock_stage *e = work_entry(w, s->name);
    struct decision d = work_decide(w, e, NULL);
    struct work_record *r = work_begin(w, s->name, "gates", &d, lock_key(w->a, e));
    struct err err = ERR_INIT;
    struct place at = s->at;
    int rc = work_evaluate(w);
    if (rc == 0 && judge_gates(w, s, &err, &at) != 0)
        rc = work_fail(w, &err, s->name, at, 0);
    if (rc == 0 && w->refused)
        rc = work_failf(w, ERR_FAILED, s->name, at, "%s", w->refused_why);
    r->rows_in = (int64_t)w->split.rows[PART_TEST];
    work_end(w, r, rc);
    return rc;
}
