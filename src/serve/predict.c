/* SPDX-License-Identifier: Apache-2.0
 * The life of one prediction inside the table: find, read, run, write, count. The hot path: no
 * lock, no system call; memory comes from the request's arena and a scratch block that each thread
 * keeps. */
#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/num.h"
#include "codec/json.h"
#include "serve/serve_int.h"

enum { SCRATCH_MAX = 1 << 20 }; /* larger workspaces come from the request's arena */

/* ---- workspace ---- */

static pthread_key_t scratch_key;
static pthread_once_t scratch_once = PTHREAD_ONCE_INIT;

/* A thread's kept block: the size stands in front. */
struct scratch {
    size_t bytes;
    char pad[56];
    unsigned char data[];
};

static void scratch_make_key(void)
{
    AZ(pthread_key_create(&scratch_key, mem_free));
}

/* 64-byte aligned, valid until the thread asks again. NULL when memory is out. */
static void *workspace(size_t bytes, struct arena *a)
{
    if (bytes > SCRATCH_MAX)
        return arena_try_alloc(a, bytes, 1);
    AZ(pthread_once(&scratch_once, scratch_make_key));
    struct scratch *s = pthread_getspecific(scratch_key);
    if (!s || s->bytes < bytes) {
        size_t size = MAX(bytes, (size_t)KIB(16));
        struct scratch *bigger = mem_try_realloc(s, sizeof *s + size + 64, 1);
        if (!bigger)
            return NULL;
        s = bigger;
        s->bytes = size;
        AZ(pthread_setspecific(scratch_key, s));
    }
    return (void *)(((uintptr_t)s->data + 63) & ~(uintptr_t)63);
}

/* ---- running ---- */

/* A prediction that is not a number because the row misses values that the model has no rule for is
 * the client's mistake, and is told with the columns' names. */
static int explain_not_finite(const struct serve_call *c, const struct serve_version *v,
                              void **columns, size_t row, struct err *err)
{
    char list[200] = "";
    size_t n = 0, found = 0;
    for (size_t i = 0; i < v->column_n && n < sizeof list - 1; i++) {
        int text = v->columns[i].type == SERVE_STRING;
        if (text ? ((const str_t *)columns[i])[row].n != 0
                 : !isnan(((const double *)columns[i])[row]))
            continue;
        int k = snprintf(list + n, sizeof list - n, "%s'%.*s'", found++ ? ", " : "",
                         STR_ARG(v->columns[i].name));
        n += k > 0 ? (size_t)k : 0;
    }
    if (!found)
        return 0;
    return ERR(err, ERR_INVALID,
               "%s[%zu]: no prediction, because %s missing and the model has no rule for a missing "
               "value there",
               serve__form_name(c->form), row,
               arena_printf(c->arena, found > 1 ? "%s are" : "%s is", list));
}

static int check_finite(const struct serve_call *c, const struct serve_version *v, void **columns,
                        struct err *err)
{
    for (size_t k = 0; k < v->output_n; k++) {
        size_t width = v->outputs[k].width;
        for (size_t i = 0; i < c->rows * width; i++) {
            int rc =
                isfinite(c->values[k][i]) ? 0 : explain_not_finite(c, v, columns, i / width, err);
            if (rc)
                return rc;
        }
    }
    return 0;
}

static int allocate_outputs(struct serve_call *c, const struct serve_version *v, struct err *err)
{
    double **values = ARENA_TRY_ARRAY(c->arena, v->output_n, double *);
    size_t n;
    if (!values || __builtin_mul_overflow(c->rows, v->output_width, &n))
        return ERR(err, ERR_LIMIT,
                   "the predictions do not fit in the memory of one request: send fewer rows");
    double *all = ARENA_TRY_ARRAY(c->arena, n, double);
    if (!all)
        return ERR(err, ERR_LIMIT,
                   "the predictions do not fit in the memory of one request: send fewer rows");
    for (size_t k = 0; k < v->output_n; k++) {
        values[k] = all;
        all += c->rows * v->outputs[k].width;
    }
    c->values = values;
    c->output_n = v->output_n;
    c->outputs = v->outputs;
    return 0;
}

int serve__run(struct serve_call *c, const struct serve_version *v, struct err *err)
{
    void **columns = NULL;
    int missing = 0;
    int rc = serve__read_body(c, v, &columns, &missing, err);
    if (rc || c->form == SERVE_NONE)
        return rc;
    rc = allocate_outputs(c, v, err);
    if (rc)
        return rc;
    c->columns = (const void *const *)columns;
    const void **inputs = ARENA_TRY_ARRAY(c->arena, v->input_n, const void *);
    void *work = workspace(predictor_workspace_bytes(v->predictor, c->rows), c->arena);
    if (!inputs || !work)
        return ERR(err, ERR_LIMIT,
                   "the rows do not fit in the memory of one request: send fewer at a time");
    for (size_t i = 0; i < v->column_n; i++)
        inputs[v->columns[i].input] = columns[i];
    struct predictor_batch batch = { .rows = c->rows, .inputs = inputs };
    rc = predictor_run(v->predictor, &batch, c->values, work, err);
    return !rc && missing ? check_finite(c, v, columns, err) : rc;
}

/* ---- finding ---- */

static int not_found(const struct table *t, str_t name, struct arena *a, struct err *err)
{
    size_t n = 0;
    const char **names = ARENA_TRY_ARRAY(a, t->n * 2 + 1, const char *);
    int shown = (int)MIN(name.n, (size_t)SERVE_NAME);
    for (size_t i = 0; names && i < t->n; i++) {
        names[n++] = t->entries[i].name;
        names[n++] = t->entries[i].active->model;
    }
    const char *near = names ? str_nearest(name, names, n) : NULL;
    if (near)
        return ERR(err, ERR_NOT_FOUND, "no endpoint '%.*s' is served here; did you mean '%s'?",
                   shown, name.p, near);
    return ERR(
        err, ERR_NOT_FOUND,
        t->n
            ? "no endpoint '%.*s' is served here"
            : "no endpoint '%.*s' is served here: deploy a model first with 'slipway deploy MODEL'",
        shown, name.p);
}

struct table_entry *serve__entry(const struct table *t, str_t name)
{
    struct table_entry *e = map_get(&t->endpoints, name);
    return e ? e : map_get(&t->models, name);
}

/* Another version of the same model, wherever it is loaded. */
static struct serve_version *find_version(const struct table *t, const char *model, str_t version,
                                          struct traffic **out)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct table_entry *o = &t->entries[i];
        struct serve_version *loaded[] = { o->active, o->candidate, o->previous };
        struct traffic *counters[] = { o->active_traffic, o->candidate_traffic,
                                       o->previous_traffic };
        for (size_t k = 0; k < ARRAY_LEN(loaded); k++) {
            if (loaded[k] && strcmp(loaded[k]->model, model) == 0 &&
                str_is(version, loaded[k]->version)) {
                *out = counters[k];
                return loaded[k];
            }
        }
    }
    return NULL;
}

/* The version that answers a request that names none: the candidate of a trial has its share. */
static struct serve_version *choose(const struct table_entry *e, struct serve_call *c,
                                    struct traffic **out)
{
    if (UNLIKELY(e->trial != NULL)) {
        c->trial = e->trial;
        c->trial_arm = trial__take(e->trial, e->share.permille);
        if (c->trial_arm) {
            *out = e->candidate_traffic;
            return e->candidate;
        }
    }
    *out = e->active_traffic;
    return e->active;
}

/* The version asked for, and the counters that belong to it. */
static struct serve_version *find(const struct table *t, struct serve_call *c, struct traffic **out)
{
    const struct table_entry *e = serve__entry(t, c->name);
    if (!e)
        return NULL;
    if (c->version.n == 0)
        return choose(e, c, out);
    if (str_is(c->version, e->active->version)) {
        *out = e->active_traffic;
        return e->active;
    }
    return find_version(t, e->active->model, c->version, out);
}

int serve_call_begin(struct serve *s, struct serve_call *c, struct err *err)
{
    struct traffic *traffic = NULL;
    c->epoch = epoch_enter(&s->epoch);
    const struct table *t = cell_get(&s->table);
    c->form = SERVE_NONE;
    c->rows = 0;
    c->traffic = NULL;
    c->trial = NULL;
    const struct serve_version *v = find(t, c, &traffic);
    c->loaded = v;
    c->traffic = traffic;
    if (UNLIKELY(!v)) {
        const char *problem = map_get(&t->problems, c->name);
        if (problem)
            return ERR(err, ERR_UNAVAILABLE, "endpoint '%.*s' serves nothing yet: %s",
                       (int)MIN(c->name.n, (size_t)SERVE_NAME), c->name.p, problem);
        if (map_get(&t->endpoints, c->name) || map_get(&t->models, c->name))
            return ERR(err, ERR_NOT_FOUND, "version '%.*s' of '%.*s' is not loaded here",
                       (int)MIN(c->version.n, (size_t)40), c->version.p, STR_ARG(c->name));
        return not_found(t, c->name, c->arena, err);
    }
    ASSERT(v->magic == VERSION_MAGIC);
    if (LIKELY(!c->trial))
        return serve__run(c, v, err);
    int64_t start = clock_mono_ns();
    int rc = serve__run(c, v, err);
    c->run_ns = clock_mono_ns() - start;
    return rc;
}

int serve_call_version(const struct serve_version *v, struct serve_call *c, struct err *err)
{
    ASSERT(v->magic == VERSION_MAGIC);
    c->loaded = v;
    return serve__run(c, v, err);
}

void serve_call_end(struct serve *s, struct serve_call *c, int failed)
{
    if (c->traffic)
        traffic__count(c->traffic, c, clock_mono_ns() - c->started_ns, failed);
    if (UNLIKELY(c->trial != NULL)) {
        const struct table_entry *e = serve__entry(cell_get(&s->table), c->name);
        trial__count(c->trial, c->trial_arm, c, c->run_ns, failed);
        if (e && e->trial == c->trial && e->share.shadow)
            trial__copy(s, e, c);
    }
    epoch_exit(&s->epoch, c->epoch);
    c->loaded = NULL;
    c->values = NULL;
}

/* ---- writing ---- */

static void write_cell(struct json_out *o, const struct serve_call *c, size_t k, size_t row)
{
    size_t width = c->outputs[k].width;
    const double *v = c->values[k] + row * width;
    if (width == 1) {
        jo_double(o, v[0]);
        return;
    }
    jo_array(o);
    for (size_t i = 0; i < width; i++)
        jo_double(o, v[i]);
    jo_array_end(o);
}

void serve_write_rows(const struct serve_call *c, struct buf *out)
{
    struct json_out o;
    json_out_init(&o, out);
    o.nan_as_string = 0;
    jo_array(&o);
    for (size_t row = 0; row < c->rows; row++) {
        if (c->output_n == 1) {
            write_cell(&o, c, 0, row);
            continue;
        }
        jo_object(&o);
        for (size_t k = 0; k < c->output_n; k++) {
            jo_key(&o, c->outputs[k].name);
            write_cell(&o, c, k, row);
        }
        jo_object_end(&o);
    }
    jo_array_end(&o);
}

void serve_write_columns(const struct serve_call *c, struct buf *out)
{
    struct json_out o;
    json_out_init(&o, out);
    o.nan_as_string = 0;
    if (c->output_n > 1)
        jo_object(&o);
    for (size_t k = 0; k < c->output_n; k++) {
        if (c->output_n > 1)
            jo_key(&o, c->outputs[k].name);
        jo_array(&o);
        for (size_t row = 0; row < c->rows; row++)
            write_cell(&o, c, k, row);
        jo_array_end(&o);
    }
    if (c->output_n > 1)
        jo_object_end(&o);
}
