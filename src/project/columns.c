/* SPDX-License-Identifier: Apache-2.0
 * Checks that need the data: walks the chain of stages with the set of columns as it is at each
 * step. */
#include <stdio.h>

#include "base/limits.h"
#include "project/project_int.h"

enum column_state { STATE_NUMBER, STATE_TEXT, STATE_ENCODED };

struct walk {
    const struct project *project;
    const struct csv_source *source;
    struct diags *diags;
    struct arena *arena;
    const char **names;
    enum column_state *states;
    size_t n, cap;
    const char *sha256;
    const struct prep_column **dropped;
    size_t dropped_n;
};

static size_t find(const struct walk *w, const char *name)
{
    for (size_t i = 0; i < w->n; i++)
        if (strcmp(w->names[i], name) == 0)
            return i;
    return SIZE_MAX;
}

static struct yaml_place place_of(struct place p, const char *name)
{
    size_t n = 0;
    for (const char *z = name; *z; z++)
        n += ((unsigned char)*z & 0xc0) != 0x80;
    return (struct yaml_place){ (int)p.line, (int)p.column, MAX((int)n, 1) };
}

static void say_file(struct walk *w, struct diag *g)
{
    g->file =
        arena_printf(w->arena, "%s, sha256 %.12s…", w->source->path, w->sha256 ? w->sha256 : "");
}

/* E212: "did you mean" and the columns there are. */
static void missing_column(struct walk *w, struct place at, const char *name, const char *where)
{
    struct buf b;
    buf_init(&b, 500);
    struct diag *g =
        diag_add(w->diags, "E212", place_of(at, name), "column `%.100s` is not in %s", name, where);
    for (size_t i = 0; i < w->dropped_n; i++)
        if (strcmp(w->dropped[i]->name, name) == 0)
            diag_label(w->diags, g, "dropped in line %u", w->dropped[i]->at.line);
    if (!g->label)
        (void)diag_suggest(w->diags, g, str_of(name), w->names, w->n);
    for (size_t i = 0; i < w->n && i < 12; i++)
        buf_printf(&b, "%s%.40s", i ? ", " : "", w->names[i]);
    diag_note(w->diags, g, "note", "columns: %s%s (%zu)", b.p ? b.p : "", w->n > 12 ? ", …" : "",
              w->n);
    say_file(w, g);
    buf_fini(&b);
}

static void wrong_type(struct walk *w, struct place at, const char *name, const char *what,
                       const char *label)
{
    struct diag *g =
        diag_add(w->diags, "E213", place_of(at, name), "column `%.100s` %s", name, what);
    diag_label(w->diags, g, "%s", label);
    say_file(w, g);
}

static const char *source_phrase(struct walk *w)
{
    return arena_printf(w->arena, "`%s`", w->source->name);
}

static size_t need(struct walk *w, struct place at, const char *name)
{
    size_t i = find(w, name);
    if (i == SIZE_MAX)
        missing_column(w, at, name, source_phrase(w));
    return i;
}

static int is_target(const struct walk *w, const char *name)
{
    return w->source->target && strcmp(w->source->target, name) == 0;
}

static void add(struct walk *w, const char *name, enum column_state state)
{
    size_t i = find(w, name);
    if (i == SIZE_MAX && w->n < w->cap)
        w->names[i = w->n++] = name;
    if (i != SIZE_MAX)
        w->states[i] = state;
}

static void drop(struct walk *w, size_t i)
{
    w->n--;
    memmove(&w->names[i], &w->names[i + 1], (w->n - i) * sizeof *w->names);
    memmove(&w->states[i], &w->states[i + 1], (w->n - i) * sizeof *w->states);
}

struct formula {
    struct walk *walk;
    struct place at;
    int derives; /* the result becomes a feature */
    int reported;
};

static int type_of(void *arg, const struct expr *name, enum expr_type *out, struct err *err)
{
    struct formula *f = arg;
    const char *z = arena_printf(f->walk->arena, "%.*s", STR_ARG(name->name));
    size_t i = find(f->walk, z);
    if (i == SIZE_MAX) {
        missing_column(f->walk, f->at, z, source_phrase(f->walk));
        f->reported = 1;
        return ERR(err, ERR_INVALID, "unknown column");
    }
    *out = f->walk->states[i] == STATE_NUMBER ? EXPR_NUMBER : EXPR_STRING;
    if (!f->derives || !is_target(f->walk, z))
        return 0;
    wrong_type(f->walk, f->at, z, "is the target",
               "a feature made from it is not there when predictions are asked for");
    f->reported = 1;
    return ERR(err, ERR_INVALID, "the target");
}

static void check_formula(struct walk *w, const char *text, struct place at, enum expr_type want)
{
    struct expr *e;
    struct err err = ERR_INIT;
    struct formula f = { w, at, want == EXPR_NUMBER, 0 };
    if (expr_parse(w->arena, str_of(text), &e, NULL, &err) == 0 &&
        expr_check(w->arena, e, type_of, &f, want, NULL, &err) == 0)
        return;
    if (!f.reported)
        diag_add(w->diags, "E304", place_of(at, text), "`%.200s`: %s", text, err.msg);
}

/* The target is not a feature: it is not filled in, scaled, encoded or dropped. */
static int spares_target(enum prep_op op)
{
    return op == PREP_ONE_HOT || op == PREP_SCALE || op == PREP_IMPUTE || op == PREP_DROP;
}

static int needs_numbers(const struct prep_step *s, const struct prep_column *c)
{
    return s->op == PREP_SCALE || s->op == PREP_CLIP ||
           (s->op == PREP_IMPUTE && (c->impute == IMPUTE_MEAN || c->impute == IMPUTE_MEDIAN));
}

/* Says what a step cannot do with a column in this state. */
static void check_state(struct walk *w, const struct prep_step *s, const struct prep_column *c,
                        enum column_state state)
{
    int is_text = state == STATE_TEXT, impute = s->op == PREP_IMPUTE;
    if (is_target(w, c->name) && spares_target(s->op))
        wrong_type(w, c->at, c->name, "is the target",
                   "the target is not prepared like a feature; rows can be dropped with `drop: { "
                   "where: … }`");
    else if (state == STATE_ENCODED && s->op != PREP_DROP)
        wrong_type(w, c->at, c->name, "is one-hot encoded above", "put this step before `one_hot`");
    else if (is_text && needs_numbers(s, c))
        wrong_type(w, c->at, c->name, "holds texts, not numbers",
                   impute ? "use `most_frequent` or a text" : "numbers are needed here");
    else if (impute && c->impute == IMPUTE_CONSTANT && (c->text != NULL) != is_text)
        wrong_type(w, c->at, c->name,
                   is_text ? "holds texts, not numbers" : "holds numbers, not texts",
                   is_text ? "fill it with a text"
                           : "fill it with a number, mean, median or most_frequent");
}

static void check_step_column(struct walk *w, const struct prep_step *s,
                              const struct prep_column *c)
{
    if (s->op == PREP_DERIVE) {
        if (is_target(w, c->name))
            wrong_type(w, c->at, c->name, "is the target",
                       "it cannot be derived anew; choose another name");
        check_formula(w, c->expr, c->at, EXPR_NUMBER);
        add(w, c->name, STATE_NUMBER);
        return;
    }
    size_t i = need(w, c->at, c->name);
    if (i == SIZE_MAX)
        return;
    check_state(w, s, c, w->states[i]);
    if (s->op == PREP_ONE_HOT)
        w->states[i] = STATE_ENCODED;
    if (s->op == PREP_DROP) {
        if (w->dropped_n < w->cap)
            w->dropped[w->dropped_n++] = c;
        drop(w, i);
    }
}

static void check_rule(struct walk *w, const struct expect_rule *rule)
{
    size_t i = rule->column ? need(w, rule->at, rule->column) : SIZE_MAX;
    if (i == SIZE_MAX)
        return;
    if (rule->kind == EXPECT_IN_RANGE && w->states[i] == STATE_TEXT)
        wrong_type(w, rule->at, rule->column, "holds texts, not numbers",
                   "`in_range` needs numbers");
    else if (rule->kind == EXPECT_MATCHES && w->states[i] == STATE_NUMBER)
        wrong_type(w, rule->at, rule->column, "holds numbers, not texts", "`matches` needs texts");
}

static void check_split(struct walk *w, const struct split_spec *s, const struct frame *f)
{
    static const char *const what[] = { "key", "time", "strata" };
    const char *name = s->column ? s->column : s->by == SPLIT_TIME ? w->source->time : NULL;
    const struct column *c = name ? frame_column(f, str_of(name)) : NULL;
    if (!name)
        return;
    if (!c && s->column)
        missing_column(w, s->column_at, name,
                       arena_printf(w->arena, "`%s`, which the split needs as its %s column",
                                    w->source->name, what[s->by]));
    else if (c && s->by == SPLIT_TIME && c->type == COLUMN_STRING)
        wrong_type(w, s->column ? s->column_at : w->source->time_at, name, "holds texts, not times",
                   "a split by time needs times or numbers");
}

static int is_feature_by_role(const struct walk *w, const char *name)
{
    const struct csv_source *s = w->source;
    if (is_target(w, name) || (s->key && strcmp(s->key, name) == 0) ||
        (s->time && strcmp(s->time, name) == 0))
        return 0;
    for (size_t i = 0; i < s->ignore_n; i++)
        if (strcmp(s->ignore[i], name) == 0)
            return 0;
    return 1;
}

static int is_excluded(const struct model_spec *m, const char *name)
{
    for (size_t i = 0; i < m->exclude_n; i++)
        if (strcmp(m->exclude[i], name) == 0)
            return 1;
    return 0;
}

/* Texts that are still texts when the model comes: one message for all of them. */
static void check_raw_texts(struct walk *w, const struct model_spec *m)
{
    const char *first = NULL;
    size_t features = 0, others = 0;
    for (size_t i = 0; i < w->n; i++) {
        if (!is_feature_by_role(w, w->names[i]) || is_excluded(m, w->names[i]))
            continue;
        features++;
        others += first && w->states[i] == STATE_TEXT;
        if (!first && w->states[i] == STATE_TEXT)
            first = w->names[i];
    }
    if (first) {
        struct diag *g =
            diag_add(w->diags, "E213", place_of(m->at, model_family_name(m->family)),
                     "column `%.100s` holds texts, and the model needs numbers", first);
        if (others)
            diag_label(w->diags, g, "and so do %zu other columns", others);
        diag_note(w->diags, g, "help",
                  "add `one_hot: [%.100s]` to a `do` stage, or `exclude: [%.100s]` here", first,
                  first);
        say_file(w, g);
    } else if (!features) {
        diag_add(w->diags, "E213", place_of(m->at, model_family_name(m->family)),
                 "no column is left to train on");
    }
}

static void check_model(struct walk *w, const struct model_spec *m, const struct frame *f)
{
    const struct column *target =
        w->source->target ? frame_column(f, str_of(w->source->target)) : NULL;
    if (target && target->type == COLUMN_STRING)
        wrong_type(w, w->source->target_at, w->source->target,
                   "holds texts, and a regression predicts numbers", "choose another target");
    for (size_t i = 0; i < m->exclude_n; i++)
        (void)need(w, m->exclude_at[i], m->exclude[i]);
    for (size_t i = 0; i < m->feature_n; i++) {
        size_t at = need(w, m->feature_at[i], m->features[i]);
        if (at == SIZE_MAX)
            continue;
        if (is_target(w, m->features[i]))
            wrong_type(w, m->feature_at[i], m->features[i], "is the target",
                       "it cannot be a feature as well");
        else if (w->states[at] == STATE_TEXT)
            wrong_type(w, m->feature_at[i], m->features[i],
                       "holds texts, and the model needs numbers", "one_hot it in a `do` stage");
    }
    if (!m->features)
        check_raw_texts(w, m);
}

static void check_source(struct walk *w)
{
    const struct csv_source *s = w->source;
    if (s->target)
        (void)need(w, s->target_at, s->target);
    if (s->key)
        (void)need(w, s->key_at, s->key);
    if (s->time)
        (void)need(w, s->time_at, s->time);
    for (size_t i = 0; i < s->ignore_n; i++)
        (void)need(w, s->ignore_at ? s->ignore_at[i] : s->at, s->ignore[i]);
}

static void check_stage(struct walk *w, const struct project_stage *s, const struct frame *f)
{
    for (size_t i = 0; i < s->step_n; i++) {
        const struct prep_step *step = &s->steps[i];
        if (step->where)
            check_formula(w, step->where, step->where_at, EXPR_BOOL);
        for (size_t k = 0; k < step->column_n; k++) {
            if (step->op == PREP_DROP_DUPLICATES)
                (void)need(w, step->columns[k].at, step->columns[k].name);
            else
                check_step_column(w, step, &step->columns[k]);
        }
    }
    for (size_t i = 0; i < s->rule_n; i++)
        check_rule(w, &s->rules[i]);
    if (s->kind == STAGE_SPLIT)
        check_split(w, &s->split, f);
    if (s->kind == STAGE_MODEL)
        check_model(w, &s->model, f);
}

static size_t count_derived(const struct project *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->stage_n; i++)
        for (size_t k = 0; k < p->stages[i].step_n; k++)
            n += p->stages[i].steps[k].op == PREP_DERIVE ? p->stages[i].steps[k].column_n : 0;
    return n;
}

int project_columns_check(const struct project *p, const struct frame *f, const char *sha256,
                          struct diags *d, struct err *err)
{
    struct walk w = {
        .project = p, .source = p->source, .diags = d, .arena = p->arena, .sha256 = sha256
    };
    size_t before = d->error_n;
    w.cap = f->column_n + count_derived(p);
    w.names = ARENA_TRY_ARRAY(p->arena, w.cap + 1, const char *);
    w.states = ARENA_TRY_ARRAY(p->arena, w.cap + 1, enum column_state);
    w.dropped = ARENA_TRY_ARRAY(p->arena, w.cap + 1, const struct prep_column *);
    if (!w.names || !w.states || !w.dropped)
        return ERR(err, ERR_LIMIT, "not enough memory to check the columns");
    for (size_t i = 0; i < f->column_n; i++)
        add(&w, f->columns[i].name,
            f->columns[i].type == COLUMN_STRING ? STATE_TEXT : STATE_NUMBER);
    check_source(&w);
    for (size_t i = 0; i < p->stage_n; i++)
        check_stage(&w, &p->stages[i], f);
    diags_sort(d);
    return d->error_n > before ? diags_result(d, err) : 0;
}
