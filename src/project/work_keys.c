/* SPDX-License-Identifier: Apache-2.0
 * What each stage depends on, as entries of slipway.lock: from them come the reason why it runs and
 * the key under which its output is cached. Keys are known before anything runs, for a stage's
 * inputs are named by the keys of what they come from. */
#include <stdio.h>

#include "base/engine.h"
#include "base/fs.h"
#include "base/num.h"
#include "project/work_int.h"

enum { ITEMS_MAX = 64 };

const char *work_engine(struct work *w, int with_duckdb)
{
    struct engine e;
    const char *version =
        with_duckdb && engine_find(w->a, "duckdb", &e, NULL) == 0 ? e.version : NULL;
    return version ? arena_printf(w->a, "slipway " SLIPWAY_VERSION "." WORK_REVISION ", duckdb %s",
                                  version)
                   : "slipway " SLIPWAY_VERSION "." WORK_REVISION;
}

static const char *digest_of(struct work *w, str_t text)
{
    char hex[SHA256_HEX];
    sha256_of(text, hex);
    return arena_strdup(w->a, hex);
}

static struct lock_item *items_new(struct work *w)
{
    return ARENA_TRY_ARRAY(w->a, ITEMS_MAX, struct lock_item);
}

static void add(struct lock_item *items, size_t *n, const char *name, const char *value)
{
    if (items && *n < ITEMS_MAX)
        items[(*n)++] = (struct lock_item){ name, value };
}

static struct lock_stage *entry_new(struct work *w, const char *name, const char *kind,
                                    const char *code)
{
    ASSERT(w->entry_n < WORK_STAGES_MAX);
    struct lock_stage *e = &w->entries[w->entry_n++];
    *e = (struct lock_stage){ .name = name,
                              .kind = kind,
                              .code = code,
                              .engine = work_engine(w, 0),
                              .inputs = items_new(w),
                              .params = items_new(w),
                              .outputs = items_new(w) };
    return e;
}

struct lock_stage *work_entry(struct work *w, const char *name)
{
    for (size_t i = 0; i < w->entry_n; i++)
        if (strcmp(w->entries[i].name, name) == 0)
            return &w->entries[i];
    return NULL;
}

/* ---- data ---- */

static void put_texts(struct json_out *o, const char *key, const char *const *texts, size_t n)
{
    jo_key(o, key);
    if (!texts) {
        jo_null(o);
        return;
    }
    jo_array(o);
    for (size_t i = 0; i < n; i++)
        jo_cstr(o, texts[i]);
    jo_array_end(o);
}

static const char *source_code(struct work *w)
{
    const struct csv_source *s = w->project->source;
    struct buf b;
    struct json_out o;
    char delimiter[2] = { s->delimiter, 0 }, quote[2] = { s->quote, 0 };
    buf_init(&b, MIB(1));
    json_out_init(&o, &b);
    jo_object(&o);
    jo_kv_cstr(&o, "csv", s->path);
    jo_kv_cstr(&o, "target", s->target);
    jo_kv_cstr(&o, "key", s->key);
    jo_kv_cstr(&o, "time", s->time);
    put_texts(&o, "ignore", s->ignore, s->ignore_n);
    put_texts(&o, "missing", s->missing, s->missing_n);
    jo_kv_cstr(&o, "delimiter", delimiter);
    jo_kv_cstr(&o, "quote", quote);
    jo_kv_int(&o, "header", s->header);
    jo_object_end(&o);
    const char *digest = digest_of(w, buf_view(&b));
    buf_fini(&b);
    return digest;
}

struct lock_stage *work_data_entry(struct work *w, const char *sha256)
{
    const struct csv_source *s = w->project->source;
    struct lock_stage *e = work_entry(w, s->name);
    if (!e)
        e = entry_new(w, s->name, "data", source_code(w));
    e->engine = work_engine(w, 1);
    e->input_n = 0;
    add(e->inputs, &e->input_n, s->path, arena_strdup(w->a, sha256));
    return e;
}

/* ---- stages ---- */

/* The row operations of a stage as text; "" when it has none. */
static const char *row_code(struct work *w, const struct project_stage *s)
{
    struct buf b;
    struct json_out o;
    int any = 0;
    buf_init(&b, MIB(1));
    json_out_init(&o, &b);
    jo_array(&o);
    for (size_t i = 0; i < s->step_n; i++) {
        const struct prep_step *p = &s->steps[i];
        if (!prep_step_is_row_operation(p))
            continue;
        any = 1;
        jo_object(&o);
        jo_kv_int(&o, "op", p->op);
        jo_kv_cstr(&o, "where", p->where);
        jo_key(&o, "columns");
        jo_array(&o);
        for (size_t k = 0; k < p->column_n; k++)
            jo_cstr(&o, p->columns[k].name);
        jo_array_end(&o);
        jo_object_end(&o);
    }
    jo_array_end(&o);
    const char *digest = any ? digest_of(w, buf_view(&b)) : NULL;
    buf_fini(&b);
    return digest;
}

static int learns_from_rows(const struct project_stage *s)
{
    for (size_t i = 0; i < s->step_n; i++)
        if (s->steps[i].op == PREP_ONE_HOT || s->steps[i].op == PREP_SCALE ||
            s->steps[i].op == PREP_IMPUTE)
            return 1;
    return 0;
}

static int drops_by_family(const struct project_stage *s)
{
    for (size_t i = 0; i < s->step_n; i++)
        if (s->steps[i].op == PREP_ONE_HOT && s->steps[i].drop == ONE_HOT_DROP_AUTO)
            return 1;
    return 0;
}

static const char *split_name(const struct work *w)
{
    return w->project->split->name;
}

static void uses(struct lock_stage *e, const struct project_stage *s)
{
    for (size_t i = 0; i < s->use_n; i++)
        add(e->params, &e->param_n, s->uses[i].name, s->uses[i].value);
}

static const char *seed_text(struct work *w, uint64_t seed)
{
    return arena_printf(w->a, "%llu", (unsigned long long)seed);
}

static void split_entry(struct work *w)
{
    const struct project_stage *s = w->project->split;
    struct lock_stage *e =
        entry_new(w, s->name, "split", digest_of(w, str_of(s->code ? s->code : "")));
    add(e->inputs, &e->input_n, w->project->source->name, w->data_key);
    for (size_t i = 0; i < w->project->stage_n; i++) {
        const struct project_stage *d = &w->project->stages[i];
        const char *code = d->kind == STAGE_DO ? row_code(w, d) : NULL;
        if (code)
            add(e->inputs, &e->input_n, arena_printf(w->a, "rows of %s", d->name), code);
    }
    uses(e, s);
    add(e->params, &e->param_n, "seed", seed_text(w, s->split.seed));
}

/* The stage before this one that prepares columns; NULL = the data. */
static const struct project_stage *before(const struct work *w, const struct project_stage *s)
{
    const struct project_stage *last = NULL;
    for (size_t i = 0; i < w->project->stage_n && &w->project->stages[i] != s; i++)
        if (w->project->stages[i].kind == STAGE_DO)
            last = &w->project->stages[i];
    return last;
}

static void add_before(struct work *w, struct lock_stage *e, const struct project_stage *s)
{
    const struct project_stage *d = before(w, s);
    if (d)
        add(e->inputs, &e->input_n, d->name, lock_key(w->a, work_entry(w, d->name)));
    else
        add(e->inputs, &e->input_n, w->project->source->name, w->data_key);
}

static void add_split(struct work *w, struct lock_stage *e)
{
    add(e->inputs, &e->input_n, split_name(w), lock_key(w->a, work_entry(w, split_name(w))));
}

static void stage_entry(struct work *w, const struct project_stage *s)
{
    struct lock_stage *e = entry_new(w, s->name, stage_kind_name(s->kind),
                                     digest_of(w, str_of(s->code ? s->code : "")));
    uses(e, s);
    if (s->kind == STAGE_DO) {
        add_before(w, e, s);
        if (learns_from_rows(s))
            add_split(w, e);
        if (drops_by_family(s))
            add(e->params, &e->param_n, "model",
                model_family_name(w->project->model->model.family));
    } else if (s->kind == STAGE_MODEL) {
        add_before(w, e, s);
        add_split(w, e);
    } else {
        const char *model = w->project->model->name;
        add(e->inputs, &e->input_n, model, lock_key(w->a, work_entry(w, model)));
        add(e->inputs, &e->input_n, "champion",
            w->champion_sha256[0] ? w->champion_sha256 : "none");
    }
}

int work_stage_entries(struct work *w)
{
    split_entry(w);
    for (size_t i = 0; i < w->project->stage_n; i++)
        if (w->project->stages[i].kind != STAGE_SPLIT)
            stage_entry(w, &w->project->stages[i]);
    return w->a->failed ? ERR_NOMEM : 0;
}

/* ---- decisions ---- */

struct decision work_decide(struct work *w, const struct lock_stage *now, const char *file)
{
    const char *why =
        lock_reason(w->a, w->has_old ? lockfile_stage(&w->old, now->name) : NULL, now);
    int kept = file && fs_exists(work_cache(w, lock_key(w->a, now), file));
    if (w->force)
        return (struct decision){ 1, "forced" };
    if (why && kept)
        return (struct decision){ 0,
                                  arena_printf(w->a, "%s, but the result is in the cache", why) };
    if (why)
        return (struct decision){ 1, why };
    return kept ? (struct decision){ 0, "nothing changed" }
                : (struct decision){ 1,
                                     file ? "its cached result is gone" : "checked on every run" };
}

/* ---- the new lock ---- */

static void outputs(struct work *w)
{
    struct lock_stage *data = work_entry(w, w->project->source->name),
                      *split = work_entry(w, split_name(w));
    struct lock_stage *model = work_entry(w, w->project->model->name);
    if (data)
        add(data->outputs, &data->output_n, "dataset", w->data.digest);
    for (int p = 0; split && p < 3; p++)
        if (w->split.rows[p])
            add(split->outputs, &split->output_n, split_part_name((enum split_part)p),
                w->split.digest[p]);
    if (model)
        add(model->outputs, &model->output_n, "model.onnx", w->onnx_sha256);
}

static const struct json *dialect_json(struct work *w)
{
    struct buf b;
    struct json_out o;
    struct json *v = ARENA_NEW(w->a, struct json);
    buf_init(&b, MIB(4));
    json_out_init(&o, &b);
    csv_dialect_write(&o, &w->data.dialect);
    str_t text = arena_str(w->a, buf_view(&b));
    int rc = b.failed ? ERR_LIMIT : json_parse(w->a, text, NULL, v, NULL);
    buf_fini(&b);
    return rc ? NULL : v;
}

void work_lock_text(struct work *w, struct buf *out)
{
    struct lock_data d = { .name = w->project->source->name,
                           .path = w->data.file.path,
                           .bytes = w->data.file.bytes,
                           .sha256 = w->data.file.sha256,
                           .dialect = dialect_json(w) };
    outputs(w);
    struct lockfile l = { .data = &d, .data_n = 1, .stages = w->entries, .stage_n = w->entry_n };
    lockfile_write(&l, out);
}
