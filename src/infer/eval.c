/* SPDX-License-Identifier: Apache-2.0
 * Values of a graph on the rows of a frame, in chunks: coded columns are spelt out as strings a
 * chunk at a time. */
#include "infer/eval.h"

#include "base/limits.h"
#include "base/map.h"
#include "infer/program.h"

enum { CHUNK = 4096 };

struct evaluation {
    const struct frame *f;
    struct predictor *p;
    struct arena work;
    const struct column **columns; /* of input i, NULL when not needed */
    const void **inputs;
    str_t **spelt; /* memory of input i for a chunk of strings */
    void *workspace;
};

static void evaluation_fini(struct evaluation *e)
{
    predictor_free(e->p);
    arena_fini(&e->work);
}

static int no_memory(struct err *err)
{
    return ERR(err, ERR_LIMIT, "computing the values needs too much memory");
}

/* Finds the column of each input that the values need. */
static int bind_inputs(struct evaluation *e, struct err *err)
{
    for (size_t i = 0; i < e->p->input_n; i++) {
        const struct predictor_input *in = &e->p->inputs[i];
        struct column *column = NULL;
        if (!e->p->input_slots[i])
            continue;
        int rc = frame_need(e->f, str_of(in->name), &column, err);
        if (rc)
            return rc;
        if ((in->type == TENSOR_STRING) != (column->type == COLUMN_STRING) || in->width != 1)
            return ERR(err, ERR_INVALID,
                       "column '%.100s' is of type %s, but the model's input is %s", in->name,
                       column_type_name(column->type),
                       in->width != 1 ? "a table" : tensor_type_name(in->type));
        e->columns[i] = column;
    }
    return 0;
}

static int evaluation_init(struct evaluation *e, const struct graph *g, const char *const *values,
                           size_t n, struct err *err)
{
    arena_init(&e->work, LIMIT_MODEL_WORK);
    int rc = program_compile(g, values, n, &e->p, err);
    if (rc)
        return rc;
    size_t bytes = predictor_workspace_bytes(e->p, CHUNK);
    e->columns = ARENA_TRY_ARRAY(&e->work, e->p->input_n + 1, const struct column *);
    e->inputs = ARENA_TRY_ARRAY(&e->work, e->p->input_n + 1, const void *);
    e->spelt = ARENA_TRY_ARRAY(&e->work, e->p->input_n + 1, str_t *);
    e->workspace = arena_try_alloc(&e->work, bytes, 1);
    if (!e->columns || !e->inputs || !e->spelt || !e->workspace)
        return no_memory(err);
    return bind_inputs(e, err);
}

/* Points input i at rows from `row` on, spelling out codes. */
static int point_input(struct evaluation *e, size_t i, size_t row, size_t n)
{
    const struct column *column = e->columns[i];
    if (!column)
        return 0;
    if (column->numbers) {
        e->inputs[i] = column->numbers + row;
        return 0;
    }
    if (!e->spelt[i])
        e->spelt[i] = ARENA_TRY_ARRAY(&e->work, CHUNK, str_t);
    if (!e->spelt[i])
        return -1;
    for (size_t r = 0; r < n; r++) {
        int32_t code = column->codes[row + r];
        e->spelt[i][r] = code < 0 ? STR("") : column->levels[code];
    }
    e->inputs[i] = e->spelt[i];
    return 0;
}

static int run_chunk(struct evaluation *e, const struct sinks *out, size_t row, size_t n,
                     struct err *err)
{
    for (size_t i = 0; i < e->p->input_n; i++) {
        if (point_input(e, i, row, n) < 0)
            return no_memory(err);
    }
    return program_run(e->p, &(struct predictor_batch){ .rows = n, .inputs = e->inputs }, out,
                       e->workspace, err);
}

int graph_eval(const struct graph *g, const char *const *values, size_t n, const struct frame *f,
               double *const *columns, struct err *err)
{
    struct evaluation e = { .f = f };
    int rc = evaluation_init(&e, g, values, n, err);
    size_t width = rc == 0 ? e.p->column_n : 0;
    double **at = rc == 0 ? ARENA_TRY_ARRAY(&e.work, width + 1, double *) : NULL;
    if (rc == 0 && !at)
        rc = no_memory(err);
    for (size_t k = 0; rc == 0 && k < n; k++) {
        if (e.p->outputs[k].type == TENSOR_STRING)
            rc = ERR(err, ERR_INVALID, "the value '%.100s' is a string", values[k]);
    }
    for (size_t row = 0; rc == 0 && row < f->n; row += CHUNK) {
        for (size_t j = 0; j < width; j++)
            at[j] = columns[j] + row;
        rc = run_chunk(&e, &(struct sinks){ .columns = at }, row, MIN((size_t)CHUNK, f->n - row),
                       err);
    }
    evaluation_fini(&e);
    return rc;
}

/* Codes of a chunk of strings; levels grow in order of first appearance. */
static int code_chunk(struct arena *a, struct map *levels, const str_t *texts, int32_t *codes,
                      size_t n)
{
    for (size_t r = 0; r < n; r++) {
        size_t at = texts[r].n ? map_find(levels, texts[r]) : SIZE_MAX;
        if (texts[r].n && at == SIZE_MAX) {
            str_t own = arena_str(a, texts[r]);
            if (!own.p || levels->n >= LIMIT_CATEGORY_LEVELS)
                return -1;
            at = map_put(levels, own, NULL);
        }
        codes[r] = texts[r].n ? (int32_t)at : -1;
    }
    return 0;
}

static int eval_codes(struct evaluation *e, struct map *levels, struct column *out, struct err *err)
{
    const struct frame *f = e->f;
    str_t *texts = ARENA_TRY_ARRAY(&e->work, CHUNK, str_t);
    out->codes = ARENA_TRY_ARRAY(f->arena, f->n + 1, int32_t);
    if (!texts || !out->codes)
        return no_memory(err);
    if (e->p->column_n != 1 || e->p->outputs[0].type != TENSOR_STRING)
        return ERR(err, ERR_INVALID, "the value '%.100s' is not one column of strings",
                   e->p->outputs[0].name);
    for (size_t row = 0; row < f->n; row += CHUNK) {
        size_t n = MIN((size_t)CHUNK, f->n - row);
        int rc = run_chunk(e, &(struct sinks){ .texts = &texts }, row, n, err);
        if (rc)
            return rc;
        if (code_chunk(f->arena, levels, texts, out->codes + row, n) < 0)
            return ERR(err, ERR_LIMIT, "the value '%.100s' has more than %d different texts",
                       e->p->outputs[0].name, LIMIT_CATEGORY_LEVELS);
    }
    out->levels = ARENA_TRY_ARRAY(f->arena, levels->n + 1, str_t);
    if (!out->levels)
        return no_memory(err);
    for (size_t i = 0; i < levels->n; i++)
        out->levels[i] = levels->entries[i].key;
    out->level_n = levels->n;
    return 0;
}

int graph_eval_strings(const struct graph *g, const char *value, const struct frame *f,
                       struct column *out, struct err *err)
{
    struct evaluation e = { .f = f };
    struct map levels;
    struct column made = { .name = value, .type = COLUMN_STRING };
    map_init(&levels);
    int rc = evaluation_init(&e, g, &value, 1, err);
    if (rc == 0)
        rc = eval_codes(&e, &levels, &made, err);
    if (rc == 0)
        *out = made;
    map_fini(&levels);
    evaluation_fini(&e);
    return rc;
}

int graph_value_width(const struct graph *g, const char *value, size_t *out_width,
                      int *out_is_string, struct err *err)
{
    struct predictor *p = NULL;
    int rc = program_compile(g, &value, 1, &p, err);
    if (rc)
        return rc;
    *out_width = p->column_n;
    *out_is_string = p->outputs[0].type == TENSOR_STRING;
    predictor_free(p);
    return 0;
}
