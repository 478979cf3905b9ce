/* SPDX-License-Identifier: Apache-2.0
 * The do stages: each step turns columns into new values. What a step learns is kept in the cache
 * as a list in the order of the steps; a skipped stage replays that list instead of looking at
 * rows. */
#include <math.h>
#include <stdio.h>

#include "data/match.h"
#include "model/pipeline.h"
#include "project/work_int.h"

enum { EXPECT_TOLD = 10 };

struct doing {
    struct work *w;
    const struct project_stage *s;
    const struct json *learned; /* replay: what was learned, in order; NULL = learn */
    size_t at;                  /* next in it */
    struct json_out *out;       /* learning: writes the list */
    struct place place;         /* of the step that failed */
};

/* ---- learning or replaying ---- */

static const struct json *replayed(struct doing *d)
{
    return d->learned && d->at < d->learned->n ? &d->learned->items[d->at++] : NULL;
}

static int values_of(struct doing *d, struct value *v, struct prep_values *out, struct err *err)
{
    const struct column *c;
    int rc = work_need_split(d->w);
    if (rc)
        return ERR(err, rc, "%s", d->w->failure.message);
    rc = work_value_column(d->w, v, &c, err);
    if (rc == 0)
        *out = (struct prep_values){ c->numbers, c->codes, c->levels, c->level_n };
    return rc;
}

static int learn_fill(struct doing *d, struct value *x, const struct prep_column *how,
                      struct prep_fill *out, struct err *err)
{
    struct prep_values v;
    if (d->learned) {
        const struct json *j = replayed(d);
        const char *text = j ? json_get_string(j, "text", NULL) : NULL;
        *out = (struct prep_fill){ j ? json_get_number(j, "number", NAN) : NAN, str_of(text) };
        return text || !isnan(out->number)
                   ? 0
                   : ERR(err, ERR_CORRUPT, "the cached preparation is not readable");
    }
    const uint32_t *train = NULL;
    int rc = 0;
    if (how->impute == IMPUTE_CONSTANT)
        v = (struct prep_values){ .codes = x->is_string ? (const int32_t *)"" : NULL };
    else
        rc = values_of(d, x, &v, err);
    train = d->w->split.index[PART_TRAIN];
    if (rc == 0)
        rc = prep_fit_fill(&v, train,
                           how->impute == IMPUTE_CONSTANT ? 0 : d->w->split.rows[PART_TRAIN], how,
                           out, err);
    if (rc)
        return rc;
    jo_object(d->out);
    if (x->is_string)
        jo_kv_str(d->out, "text", out->text);
    else
        jo_kv_double(d->out, "number", out->number);
    jo_object_end(d->out);
    return 0;
}

static int learn_scale(struct doing *d, struct value *x, enum scale_how how, struct prep_scale *out,
                       struct err *err)
{
    struct prep_values v;
    if (d->learned) {
        const struct json *j = replayed(d);
        *out = (struct prep_scale){ j ? json_get_number(j, "shift", NAN) : NAN,
                                    j ? json_get_number(j, "scale", NAN) : NAN };
        return isnan(out->scale) ? ERR(err, ERR_CORRUPT, "the cached preparation is not readable")
                                 : 0;
    }
    int rc = values_of(d, x, &v, err);
    if (rc == 0)
        rc = prep_fit_scale(&v, d->w->split.index[PART_TRAIN], d->w->split.rows[PART_TRAIN], how,
                            out, err);
    if (rc)
        return rc;
    jo_object(d->out);
    jo_kv_double(d->out, "shift", out->shift);
    jo_kv_double(d->out, "scale", out->scale);
    jo_object_end(d->out);
    return 0;
}

/* Missing texts are a category of their own, the last one, when training has any. */
static int missing_category(struct doing *d, const struct prep_values *v, struct prep_categories *c,
                            struct err *err)
{
    const struct split *s = &d->w->split;
    size_t n = 0;
    for (size_t i = 0; i < s->rows[PART_TRAIN]; i++) {
        uint32_t row = s->index[PART_TRAIN][i];
        n += v->codes ? v->codes[row] < 0 : isnan(v->numbers[row]);
    }
    if (n == 0)
        return 0;
    if (!v->codes)
        return ERR(err, ERR_INVALID, "it is missing in %zu training rows; impute it before one_hot",
                   n);
    str_t *more = ARENA_TRY_ARRAY(d->w->a, c->n + 1, str_t);
    if (!more)
        return ERR(err, ERR_NOMEM, "no memory for %zu categories", c->n);
    if (c->n)
        memcpy(more, c->strings, c->n * sizeof *more);
    more[c->n++] = STR("");
    c->strings = more;
    return 0;
}

static int whole_numbers(const struct prep_categories *c, struct err *err)
{
    for (size_t i = 0; c->numbers && i < c->n; i++)
        if (c->numbers[i] != floor(c->numbers[i]) || fabs(c->numbers[i]) > 9007199254740992.0)
            return ERR(err, ERR_INVALID, "%g is no category: one_hot takes texts and whole numbers",
                       c->numbers[i]);
    return 0;
}

static void write_categories(struct json_out *o, const struct prep_categories *c)
{
    jo_object(o);
    jo_key(o, c->strings ? "texts" : "numbers");
    jo_array(o);
    for (size_t i = 0; i < c->n; i++) {
        if (c->strings)
            jo_str(o, c->strings[i]);
        else
            jo_double(o, c->numbers[i]);
    }
    jo_array_end(o);
    jo_object_end(o);
}

static int replay_categories(struct doing *d, struct prep_categories *c, struct err *err)
{
    const struct json *j = replayed(d), *texts = j ? json_get(j, "texts") : NULL,
                      *numbers = j ? json_get(j, "numbers") : NULL;
    const struct json *list = texts ? texts : numbers;
    if (!list || list->type != JSON_ARRAY)
        return ERR(err, ERR_CORRUPT, "the cached preparation is not readable");
    *c = (struct prep_categories){ .n = list->n };
    if (texts)
        c->strings = ARENA_TRY_ARRAY(d->w->a, list->n, str_t);
    else
        c->numbers = ARENA_TRY_ARRAY(d->w->a, list->n, double);
    if (!c->strings && !c->numbers)
        return ERR(err, ERR_NOMEM, "no memory for %zu categories", list->n);
    for (size_t i = 0; i < list->n; i++) {
        if (texts)
            c->strings[i] = list->items[i].string;
        else
            c->numbers[i] = json_as_double(&list->items[i], 0);
    }
    return 0;
}

static int learn_categories(struct doing *d, struct value *x, struct prep_categories *c,
                            struct err *err)
{
    struct prep_values v;
    if (d->learned)
        return replay_categories(d, c, err);
    int rc = values_of(d, x, &v, err);
    if (rc == 0)
        rc = prep_fit_categories(d->w->a, &v, d->w->split.index[PART_TRAIN],
                                 d->w->split.rows[PART_TRAIN], c, err);
    if (rc == 0)
        rc = missing_category(d, &v, c, err);
    if (rc == 0)
        rc = whole_numbers(c, err);
    if (rc == 0)
        write_categories(d->out, c);
    return rc;
}

/* ---- steps ---- */

static int one_hot(struct doing *d, const struct prep_step *s, struct feature *f, struct err *err)
{
    struct work *w = d->w;
    struct prep_categories c;
    int rc = learn_categories(d, f->v, &c, err);
    if (rc)
        return rc;
    int auto_first = s->drop == ONE_HOT_DROP_AUTO &&
                     w->project->model->model.family == MODEL_LINEAR_REGRESSION &&
                     w->project->model->model.intercept;
    size_t first = (s->drop == ONE_HOT_DROP_FIRST || auto_first) && c.n > 1 ? 1 : 0;
    if (c.n == 0)
        return ERR(err, ERR_INVALID, "it has no value in the training rows; drop it");
    struct value *v = work_value_new(w, VALUE_ONE_HOT, f->name, f->v);
    v->is_string = 0;
    v->width = c.n - first;
    v->labels = ARENA_TRY_ARRAY(w->a, v->width, const char *);
    int64_t *whole = c.strings ? NULL : ARENA_TRY_ARRAY(w->a, v->width, int64_t);
    if (!v->labels || (!whole && !c.strings))
        return ERR(err, ERR_NOMEM, "no memory for %zu categories", c.n);
    v->levels = c.strings ? c.strings + first : NULL;
    v->whole = whole;
    for (size_t i = 0; i < v->width; i++) {
        if (whole) {
            whole[i] = (int64_t)c.numbers[i + first];
            v->labels[i] = arena_printf(w->a, "%s=%lld", f->name, (long long)whole[i]);
        } else {
            str_t text = v->levels[i].n ? v->levels[i] : STR("(missing)");
            v->labels[i] = arena_printf(w->a, "%s=%.*s", f->name, (int)MIN(text.n, 200), text.p);
        }
    }
    f->v = v;
    return 0;
}

static int need_number(const struct feature *f, const char *what, struct err *err)
{
    if (f->v->op == VALUE_ONE_HOT)
        return ERR(err, ERR_INVALID, "it is one-hot encoded already; %s it before", what);
    return f->v->is_string ? ERR(err, ERR_INVALID, "it holds text; %s takes numbers", what) : 0;
}

static int impute(struct doing *d, const struct prep_column *c, struct feature *f, struct err *err)
{
    if (f->v->op == VALUE_ONE_HOT)
        return ERR(err, ERR_INVALID, "it is one-hot encoded already; impute it before");
    struct value *v = work_value_new(d->w, VALUE_FILL, f->name, f->v);
    int rc = learn_fill(d, f->v, c, &v->fill, err);
    if (rc == 0)
        f->v = v;
    return rc;
}

static int scale(struct doing *d, const struct prep_column *c, struct feature *f, struct err *err)
{
    struct value *v = work_value_new(d->w, VALUE_SCALE, f->name, f->v);
    int rc = need_number(f, "scale", err);
    if (rc == 0)
        rc = learn_scale(d, f->v, c->scale, &v->scale, err);
    if (rc == 0)
        f->v = v;
    return rc;
}

static int clip(struct doing *d, const struct prep_column *c, struct feature *f, struct err *err)
{
    if (strcmp(f->role, "target") == 0) {
        d->w->target_low = fmax(d->w->target_low, c->low);
        d->w->target_high = fmin(d->w->target_high, c->high);
        return 0;
    }
    struct value *v = work_value_new(d->w, VALUE_CLIP, f->name, f->v);
    v->low = c->low;
    v->high = c->high;
    int rc = need_number(f, "clip", err);
    if (rc == 0)
        f->v = v;
    return rc;
}

static int derive(struct doing *d, const struct prep_column *c, struct err *err)
{
    struct work *w = d->w;
    struct expr *e;
    int rc = expr_parse(w->a, str_of(c->expr), &e, NULL, err);
    if (rc == 0)
        rc = expr_check(w->a, e, work_feature_type, w, EXPR_NULL, NULL, err);
    if (rc)
        return rc;
    struct value *v = work_value_new(w, VALUE_EXPR, c->name, NULL);
    struct feature *scope = ARENA_TRY_ARRAY(w->a, w->feature_n, struct feature);
    struct feature *f = work_feature(w, str_of(c->name));
    if (!scope || w->feature_n == WORK_COLUMNS_MAX)
        return ERR(err, ERR_LIMIT, "there are too many columns");
    if (f && strcmp(f->role, "feature") != 0)
        return ERR(err, ERR_INVALID, "'%s' is the %s column; give the derived column another name",
                   c->name, f->role);
    memcpy(scope, w->features, w->feature_n * sizeof *scope);
    v->expr = e;
    v->scope = scope;
    v->scope_n = w->feature_n;
    v->is_string = e->type == EXPR_STRING;
    if (f)
        f->v = v;
    else
        w->features[w->feature_n++] = (struct feature){ c->name, v, "feature" };
    return 0;
}

static int drop(struct doing *d, struct feature *f, struct err *err)
{
    struct work *w = d->w;
    if (strcmp(f->role, "target") == 0)
        return ERR(err, ERR_INVALID, "it is the target; a model needs it");
    size_t at = (size_t)(f - w->features);
    memmove(f, f + 1, (w->feature_n - at - 1) * sizeof *f);
    w->feature_n--;
    return 0;
}

static int one_column(struct doing *d, const struct prep_step *s, const struct prep_column *c,
                      struct err *err)
{
    struct feature *f = work_feature(d->w, str_of(c->name));
    if (s->op == PREP_DERIVE)
        return derive(d, c, err);
    if (!f)
        return ERR(err, ERR_INVALID, "there is no such column at this step");
    int is_target = strcmp(f->role, "target") == 0;
    if (is_target && s->op != PREP_CLIP && s->op != PREP_DROP)
        return ERR(err, ERR_INVALID,
                   "it is the target; only clip may change it, and only in training");
    switch (s->op) {
    case PREP_IMPUTE: return impute(d, c, f, err);
    case PREP_ONE_HOT:
        return f->v->op == VALUE_ONE_HOT ? ERR(err, ERR_INVALID, "it is one-hot encoded already")
                                         : one_hot(d, s, f, err);
    case PREP_SCALE: return scale(d, c, f, err);
    case PREP_CLIP: return clip(d, c, f, err);
    case PREP_DROP: return drop(d, f, err);
    default: return 0;
    }
}

static int all_steps(struct doing *d, struct err *err)
{
    static const char *const names[] = { "impute", "one_hot",         "scale", "clip",
                                         "drop",   "drop_duplicates", "derive" };
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < d->s->step_n; i++) {
        const struct prep_step *s = &d->s->steps[i];
        if (prep_step_is_row_operation(s))
            continue;
        for (size_t k = 0; rc == 0 && k < s->column_n; k++) {
            rc = one_column(d, s, &s->columns[k], err);
            if (rc == 0)
                continue;
            d->place = s->columns[k].at.line ? s->columns[k].at : s->at;
            (void)err_prefix(err, rc, "%s '%s'", names[s->op], s->columns[k].name);
        }
    }
    return rc;
}

/* ---- expectations ---- */

/* The columns that rules ask about, as they stand now but in the units of the data: what scale and
 * one_hot make of them is for the model, not for people. */
static int expect_frame(struct work *w, const struct project_stage *s, struct frame *out,
                        struct err *err)
{
    *out = (struct frame){ .arena = w->a, .n = w->f.n, .origin = w->f.origin };
    out->columns = ARENA_TRY_ARRAY(w->a, s->rule_n + 1, struct column);
    if (!out->columns)
        return ERR(err, ERR_NOMEM, "no memory for the rules");
    for (size_t i = 0; i < s->rule_n; i++) {
        const char *name = s->rules[i].column;
        struct feature *f = name ? work_feature(w, str_of(name)) : NULL;
        const struct column *c;
        if (!name || frame_column(out, str_of(name)))
            continue;
        struct value *v = f ? f->v : NULL;
        while (v && (v->op == VALUE_ONE_HOT || v->op == VALUE_SCALE))
            v = v->x;
        struct column *raw = NULL;
        int rc = v ? work_value_column(w, v, &c, err) : frame_need(&w->f, str_of(name), &raw, err);
        if (rc)
            return rc;
        out->columns[out->column_n] = v ? *c : *raw;
        out->columns[out->column_n++].name = name;
    }
    return 0;
}

static void tell_failures(struct work *w, const struct project_stage *s,
                          const struct expect_outcome *o, struct place *at, struct err *err)
{
    struct buf b;
    size_t failed = 0;
    buf_init(&b, KIB(64));
    for (size_t i = 0; i < s->rule_n; i++) {
        if (o[i].passed)
            continue;
        if (s->rules[i].warn_only) {
            work_warn(w, "%s: %s", s->name, o[i].message);
            continue;
        }
        (void)fprintf(stderr, "%s:%u: %s\n", w->config_path, s->rules[i].at.line, o[i].message);
        if (failed++ == 0)
            *at = s->rules[i].at;
        if (failed <= EXPECT_TOLD)
            buf_printf(&b, "%s%s", failed > 1 ? "; " : "", o[i].message);
    }
    if (failed) {
        IGNORE(ERR(err, ERR_FAILED, "%zu of %zu expectations failed", failed, s->rule_n));
        IGNORE(work_failf(w, ERR_FAILED, s->name, *at, "%zu of %zu expectations failed: %s%s",
                          failed, s->rule_n, b.n ? b.p : "", failed > EXPECT_TOLD ? "; …" : ""));
    }
    buf_fini(&b);
}

int work_expect(struct work *w, const struct project_stage *s, struct err *err, struct place *at)
{
    struct frame f;
    struct expect_outcome *o;
    int rc = work_need_split(w);
    if (rc)
        return ERR(err, rc, "%s", w->failure.message);
    rc = expect_frame(w, s, &f, err);
    if (rc == 0)
        rc = expect_check(w->a, &f, s->rules, s->rule_n, match_texts, NULL, &o, err);
    if (rc)
        return rc;
    tell_failures(w, s, o, at, err);
    return err->code;
}

/* ---- the stage ---- */

static int learn_stage(struct work *w, const struct project_stage *s, const char *key,
                       struct place *at, struct err *err)
{
    struct buf b;
    struct json_out o;
    struct doing d = { .w = w, .s = s, .out = &o, .place = s->at };
    buf_init(&b, MIB(256));
    json_out_init(&o, &b);
    jo_array(&o);
    int rc = all_steps(&d, err);
    *at = d.place;
    jo_array_end(&o);
    if (rc == 0 && s->rule_n)
        rc = work_expect(w, s, err, at);
    if (rc == 0 && !b.failed)
        work_cache_put(w, key, "learned", buf_view(&b));
    buf_fini(&b);
    return rc;
}

static int replay_stage(struct work *w, const struct project_stage *s, const struct json *learned,
                        struct place *at, struct err *err)
{
    struct doing d = { .w = w, .s = s, .learned = learned, .place = s->at };
    int rc = all_steps(&d, err);
    *at = d.place;
    return rc;
}

int work_do_stage(struct work *w, const struct project_stage *s)
{
    const struct lock_stage *e = work_entry(w, s->name);
    const char *key = lock_key(w->a, e);
    struct decision d = work_decide(w, e, "learned");
    struct json learned;
    str_t text;
    if (!d.run && (work_cache_get(w, key, "learned", MIB(256), &text) != 0 ||
                   json_parse(w->a, text, NULL, &learned, NULL) != 0 || learned.type != JSON_ARRAY))
        d = (struct decision){ 1, "its cached result is gone" };
    struct work_record *r = work_begin(w, s->name, "do", &d, key);
    struct err err = ERR_INIT;
    struct place at = s->at;
    int rc = d.run ? work_need_rows(w) : 0;
    if (rc == 0) {
        rc = d.run ? learn_stage(w, s, key, &at, &err) : replay_stage(w, s, &learned, &at, &err);
        if (rc)
            rc = work_fail(w, &err, s->name, at, 0);
    }
    if (rc == 0 && d.run) {
        r->rows_in = (int64_t)w->rows_read;
        for (size_t i = 0; &w->project->stages[i] != s; i++)
            r->rows_in -= w->stage_dropped[i];
        r->rows_out = r->rows_in - w->stage_dropped[s - w->project->stages];
    }
    work_end(w, r, rc);
    return rc;
}
