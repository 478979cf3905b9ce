/* SPDX-License-Identifier: Apache-2.0
 * Takes the values out of the checked tree into the structs that the rest of the program works
 * with. What was reported as bad is left out. */
#include <math.h>

#include "project/project_int.h"

static void *array(struct reader *r, size_t n, size_t size)
{
    void *p = arena_try_alloc(r->arena, n + 1, size);
    return p ? p
             : arena_alloc(r->arena,
                           size); /* the failure sticks to the arena and is told at the end */
}

#define ARRAY(r, n, type) ((type *)array((r), (n), sizeof(type)))

static size_t room(struct reader *r, size_t n)
{
    return r->arena->failed ? 0 : n;
}

static const char *get_text(const struct yaml_node *map, const char *key, struct place *at)
{
    const struct yaml_node *n = reader_get(map, key);
    if (!n || !yaml_is_scalar(n))
        return NULL;
    if (at)
        *at = reader_place(n);
    return n->text.p;
}

static double get_number(const struct yaml_node *map, const char *key, double fallback)
{
    const struct yaml_node *n = reader_get(map, key);
    return n && (n->kind == YAML_IS_INT || n->kind == YAML_IS_FLOAT) ? n->number : fallback;
}

static int get_boolean(const struct yaml_node *map, const char *key, int fallback)
{
    const struct yaml_node *n = reader_get(map, key);
    return n && n->kind == YAML_IS_BOOL ? n->boolean : fallback;
}

/* The texts of a list (or of one scalar), with their places when asked for. */
static const char **get_texts(struct reader *r, const struct yaml_node *n, size_t *out_n,
                              struct place **out_at)
{
    size_t count = !n || n->bad ? 0 : n->kind == YAML_IS_LIST ? n->n : yaml_is_scalar(n) ? 1 : 0;
    const char **texts = ARRAY(r, count, const char *);
    struct place *at = ARRAY(r, count, struct place);
    *out_n = 0;
    for (size_t i = 0; i < room(r, count); i++) {
        const struct yaml_node *item = n->kind == YAML_IS_LIST ? n->items[i] : n;
        if (item->bad || !yaml_is_scalar(item))
            continue;
        at[*out_n] = reader_place(item);
        texts[(*out_n)++] = item->text.p;
    }
    if (out_at)
        *out_at = at;
    return texts;
}

/* ---- data ---- */

static void plan_source(struct reader *r, const struct yaml_pair *pair, struct csv_source *s)
{
    const struct yaml_node *v = pair->value, *missing = reader_get(v, "missing"),
                           *header = reader_get(v, "header");
    const char *delimiter = get_text(v, "delimiter", NULL), *quote = get_text(v, "quote", NULL);
    *s = (struct csv_source){ .name = pair->key->text.p,
                              .at = reader_place(pair->key),
                              .header = -1 };
    s->path = get_text(v, "csv", &s->path_at);
    s->key = get_text(v, "key", &s->key_at);
    s->time = get_text(v, "time", &s->time_at);
    s->target = get_text(v, "target", &s->target_at);
    s->ignore = get_texts(r, reader_get(v, "ignore"), &s->ignore_n, &s->ignore_at);
    if (missing)
        s->missing = get_texts(r, missing, &s->missing_n, NULL);
    s->delimiter = delimiter ? delimiter[0] : '\0';
    s->quote = quote ? quote[0] : '\0';
    if (header)
        s->header = get_boolean(v, "header", -1);
    if (!s->path)
        s->path = "";
}

/* ---- steps ---- */

static void range_of(const struct yaml_node *n, double *low, double *high)
{
    *low = -INFINITY;
    *high = INFINITY;
    if (n->kind != YAML_IS_LIST || n->n != 2)
        return;
    if (n->items[0]->kind != YAML_IS_NULL)
        *low = n->items[0]->number;
    if (n->items[1]->kind != YAML_IS_NULL)
        *high = n->items[1]->number;
}

static void plan_impute(const struct yaml_node *v, struct prep_column *c)
{
    static const struct {
        const char *word;
        enum impute_how how;
    } words[] = { { "mean", IMPUTE_MEAN },
                  { "median", IMPUTE_MEDIAN },
                  { "most_frequent", IMPUTE_MOST_FREQUENT } };
    c->impute = IMPUTE_CONSTANT;
    c->number = NAN;
    if (v->kind == YAML_IS_INT || v->kind == YAML_IS_FLOAT) {
        c->number = v->number;
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_is(v->text, words[i].word))
            c->impute = words[i].how;
    if (c->impute == IMPUTE_CONSTANT)
        c->text = v->text.p;
}

static enum scale_how scale_of(str_t word)
{
    return str_is(word, "minmax")   ? SCALE_MINMAX
           : str_is(word, "robust") ? SCALE_ROBUST
                                    : SCALE_STANDARD;
}

/* One column of a map form, `key: value`. */
static int plan_entry(struct reader *r, enum prep_op op, const struct yaml_node *key,
                      const struct yaml_node *value, struct prep_column *c)
{
    c->name = key->text.p;
    c->at = reader_place(key);
    if (value->bad)
        return 0;
    switch (op) {
    case PREP_IMPUTE: plan_impute(value, c); return 1;
    case PREP_CLIP: range_of(value, &c->low, &c->high); return 1;
    case PREP_SCALE: c->scale = scale_of(value->text); return 1;
    case PREP_DERIVE:
        c->at = reader_place(value);
        c->expr = value->text.p;
        return reader_formula(r, value, EXPR_NUMBER) != NULL;
    default: return 1;
    }
}

static void plan_columns(struct reader *r, const struct yaml_node *v, struct prep_step *s)
{
    size_t count = v->kind == YAML_IS_LIST || v->kind == YAML_IS_MAP ? v->n : 0;
    s->columns = ARRAY(r, count, struct prep_column);
    for (size_t i = 0; i < room(r, count); i++) {
        struct prep_column *c = &s->columns[s->column_n];
        if (v->kind == YAML_IS_MAP) {
            s->column_n += (size_t)plan_entry(r, s->op, v->pairs[i].key, v->pairs[i].value, c);
        } else if (!v->items[i]->bad && yaml_is_scalar(v->items[i])) {
            c->name = v->items[i]->text.p;
            c->at = reader_place(v->items[i]);
            s->column_n++;
        }
    }
}

static int op_of(str_t name, enum prep_op *out)
{
    static const char *const names[] = { "impute", "one_hot",         "scale", "clip",
                                         "drop",   "drop_duplicates", "derive" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_is(name, names[i])) {
            *out = (enum prep_op)i;
            return 1;
        }
    }
    return 0;
}

static int plan_step(struct reader *r, const struct yaml_node *item, struct prep_step *s)
{
    *s = (struct prep_step){ .op = PREP_DROP_DUPLICATES, .at = reader_place(item) };
    if (item->bad)
        return 0;
    if (yaml_is_scalar(item))
        return 1;
    if (item->kind != YAML_IS_MAP || item->n != 1 || item->pairs[0].value->bad ||
        !op_of(item->pairs[0].key->text, &s->op))
        return 0;
    const struct yaml_node *v = item->pairs[0].value;
    s->at = reader_place(item->pairs[0].key);
    if (s->op == PREP_DROP_DUPLICATES && v->kind == YAML_IS_BOOL)
        return v->boolean;
    if (s->op == PREP_DROP && v->kind == YAML_IS_MAP) {
        const struct yaml_node *where = reader_get(v, "where");
        if (!where || !reader_formula(r, where, EXPR_BOOL))
            return 0;
        s->where = where->text.p;
        s->where_at = reader_place(where);
        return 1;
    }
    if (s->op == PREP_ONE_HOT && v->kind == YAML_IS_MAP) {
        const char *drop = get_text(v, "drop", NULL);
        s->drop = !drop                        ? ONE_HOT_DROP_AUTO
                  : strcmp(drop, "first") == 0 ? ONE_HOT_DROP_FIRST
                                               : ONE_HOT_DROP_NONE;
        v = reader_get(v, "columns");
        if (!v)
            return 0;
    }
    plan_columns(r, v, s);
    return 1;
}

/* ---- rules ---- */

static int rule_kind_of(str_t name, enum expect_kind *out)
{
    static const char *const names[] = { "not_null", "unique",  "in_range",
                                         "in_set",   "matches", "row_count" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_is(name, names[i])) {
            *out = (enum expect_kind)i;
            return 1;
        }
    }
    return 0;
}

static void plan_rule(struct reader *r, const struct yaml_node *key, const struct yaml_node *value,
                      struct expect_rule *rule)
{
    rule->column = key ? key->text.p : NULL;
    rule->low = -INFINITY;
    rule->high = INFINITY;
    if (key)
        rule->at = reader_place(key);
    if (rule->kind == EXPECT_IN_RANGE || rule->kind == EXPECT_ROW_COUNT)
        range_of(value, &rule->low, &rule->high);
    else if (rule->kind == EXPECT_IN_SET)
        rule->set = get_texts(r, value, &rule->set_n, NULL);
    else if (rule->kind == EXPECT_MATCHES)
        rule->pattern = value->text.p;
}

/* `not_null: [a, b]` and `in_range: { a: …, b: … }` are one rule a column. */
static size_t plan_rules_of(struct reader *r, const struct yaml_node *item, struct expect_rule *out)
{
    struct expect_rule base = { 0 };
    const struct yaml_node *v = NULL;
    size_t n = 0;
    if (item->bad || item->kind != YAML_IS_MAP)
        return 0;
    for (size_t i = 0; i < item->n; i++) {
        if (!item->pairs[i].value->bad && rule_kind_of(item->pairs[i].key->text, &base.kind)) {
            v = item->pairs[i].value;
            base.at = reader_place(item->pairs[i].key);
        }
    }
    if (!v)
        return 0;
    const char *severity = get_text(item, "severity", NULL);
    base.warn_only = severity && strcmp(severity, "warn") == 0;
    base.mostly = get_number(item, "mostly", 0);
    size_t count = base.kind == EXPECT_ROW_COUNT ? 1 : v->n;
    for (size_t i = 0; i < count; i++) {
        const struct yaml_node *key = v->kind == YAML_IS_MAP          ? v->pairs[i].key
                                      : base.kind == EXPECT_ROW_COUNT ? NULL
                                                                      : v->items[i];
        const struct yaml_node *value = v->kind == YAML_IS_MAP ? v->pairs[i].value : v;
        if ((key && key->bad) || value->bad)
            continue;
        out[n] = base;
        plan_rule(r, key, value, &out[n++]);
    }
    return n;
}

static void plan_rules(struct reader *r, const struct yaml_node *list, struct project_stage *s)
{
    size_t most = 0;
    if (!list || list->kind != YAML_IS_LIST)
        return;
    for (size_t i = 0; i < list->n; i++)
        for (size_t k = 0; list->items[i]->kind == YAML_IS_MAP && k < list->items[i]->n; k++)
            most += MAX(list->items[i]->pairs[k].value->n, (size_t)1);
    s->rules = ARRAY(r, most, struct expect_rule);
    for (size_t i = 0; i < room(r, list->n); i++)
        s->rule_n += plan_rules_of(r, list->items[i], &s->rules[s->rule_n]);
}

/* ---- stages ---- */

static double tidy(double share)
{
    return rint(share * 1e12) / 1e12;
}

static void plan_shares(struct reader *r, const struct yaml_node *v, struct project_stage *s)
{
    double train = get_number(v, "train", NAN), valid = get_number(v, "valid", NAN),
           test = get_number(v, "test", NAN);
    if (isnan(train) && isnan(test))
        test = isnan(valid) || valid <= 0.6 ? 0.2 : tidy((1 - valid) / 2);
    if (isnan(valid))
        valid = isnan(train) || isnan(test) ? 0 : tidy(1 - train - test);
    if (isnan(train))
        train = tidy(1 - valid - test);
    if (isnan(test))
        test = tidy(1 - train - valid);
    s->split.train = train;
    s->split.valid = valid;
    s->split.test = test;
    const struct yaml_node *at = reader_get(v, "train");
    struct yaml_place place = at ? at->place : v->place;
    if (train < 0 || valid < 0 || test < 0)
        diag_add(r->diags, "E209", place, "the shares of stage `%s` are more than 1 together",
                 s->name);
    else if (fabs(train + valid + test - 1) > 1e-9)
        diag_label(
            r->diags,
            diag_add(r->diags, "E209", place, "the shares of stage `%s` do not make 1", s->name),
            "train %.4g + valid %.4g + test %.4g = %.4g", train, valid, test, train + valid + test);
    else if (train <= 0)
        diag_label(
            r->diags,
            diag_add(r->diags, "E209", place, "stage `%s` leaves nothing to train on", s->name),
            "train %.4g, valid %.4g, test %.4g", train, valid, test);
}

static void plan_split(struct reader *r, const struct yaml_node *v, struct project_stage *s)
{
    static const char *const column_keys[] = { "key", "time", "stratify" };
    const char *by = get_text(v, "by", NULL);
    struct split_spec *p = &s->split;
    p->at = s->at;
    if (by)
        p->by = strcmp(by, "time") == 0         ? SPLIT_TIME
                : strcmp(by, "stratified") == 0 ? SPLIT_STRATIFIED
                                                : SPLIT_HASH;
    else
        p->by = yaml_find(v, "stratify") ? SPLIT_STRATIFIED
                : yaml_find(v, "time")   ? SPLIT_TIME
                                         : SPLIT_HASH;
    p->column = get_text(v, column_keys[p->by], &p->column_at);
    for (int i = 0; i < 3; i++) {
        const struct yaml_pair *other = i == (int)p->by ? NULL : yaml_find(v, column_keys[i]);
        if (other)
            diag_label(r->diags,
                       diag_add(r->diags, "E111", other->key->place,
                                "`%s` has no meaning in a split by %s", column_keys[i],
                                p->by == SPLIT_HASH   ? "hash"
                                : p->by == SPLIT_TIME ? "time"
                                                      : "strata"),
                       "goes with `by: %s`",
                       i == 0   ? "hash"
                       : i == 1 ? "time"
                                : "stratified");
    }
    p->seed = (uint64_t)get_number(v, "seed", (double)r->options->seed);
    plan_shares(r, v, s);
}

static void plan_model(struct reader *r, const struct yaml_node *v, struct project_stage *s)
{
    struct model_spec *m = &s->model;
    const char *family = get_text(v, "model", &m->at);
    const struct yaml_node *features = reader_get(v, "features");
    const struct yaml_pair *alpha = yaml_find(v, "alpha");
    m->family = family && strcmp(family, "ridge") == 0 ? MODEL_RIDGE : MODEL_LINEAR_REGRESSION;
    m->alpha = m->family == MODEL_RIDGE ? get_number(v, "alpha", 1) : 0;
    m->intercept = get_boolean(v, "intercept", 1);
    if (features)
        m->features = get_texts(r, features, &m->feature_n, &m->feature_at);
    m->exclude = get_texts(r, reader_get(v, "exclude"), &m->exclude_n, &m->exclude_at);
    if (features && !m->feature_n && features->kind == YAML_IS_LIST && features->n == 0)
        diag_add(r->diags, "E214", features->place, "`features` names no column");
    if (family && m->family != MODEL_RIDGE && alpha) {
        struct diag *g = diag_add(r->diags, "E111", alpha->key->place,
                                  "`alpha` has no meaning for `%s`", family);
        diag_label(r->diags, g, "the penalty of `model: ridge`");
    }
}

static void plan_gates(struct reader *r, const struct yaml_node *list, struct project_stage *s)
{
    size_t count = list && list->kind == YAML_IS_LIST ? list->n : 0;
    s->gates = ARRAY(r, count, struct project_gate);
    for (size_t i = 0; i < room(r, count); i++) {
        const struct yaml_node *n = list->items[i];
        if (n->bad || !yaml_is_scalar(n))
            continue;
        struct project_gate *g = &s->gates[s->gate_n++];
        g->text = n->text.p;
        g->at = reader_place(n);
        g->expr =
            (struct expr *)(uintptr_t)n; /* the node, until formula.c puts the expression here */
    }
}

static int is_split(const struct yaml_node *v)
{
    return yaml_find(v, "by") || yaml_find(v, "train") || yaml_find(v, "valid") ||
           yaml_find(v, "test") || yaml_find(v, "stratify");
}

static void plan_stage(struct reader *r, const struct yaml_pair *pair, struct project_stage *s)
{
    const struct yaml_node *v = pair->value, *steps = reader_get(v, "do");
    *s = (struct project_stage){ .name = pair->key->text.p,
                                 .at = reader_place(pair->key),
                                 .code = v->extra,
                                 .uses = (struct stage_use *)(uintptr_t)pair->key->extra };
    while (s->uses && s->uses[s->use_n].name)
        s->use_n++;
    s->inputs = get_texts(r, reader_get(v, "input"), &s->input_n, NULL);
    plan_rules(r, reader_get(v, "expect"), s);
    if (yaml_find(v, "model")) {
        s->kind = STAGE_MODEL;
        plan_model(r, v, s);
    } else if (yaml_find(v, "gates")) {
        s->kind = STAGE_GATES;
        plan_gates(r, reader_get(v, "gates"), s);
    } else if (is_split(v)) {
        s->kind = STAGE_SPLIT;
        plan_split(r, v, s);
    } else if (steps && steps->kind == YAML_IS_LIST) {
        s->steps = ARRAY(r, steps->n, struct prep_step);
        for (size_t i = 0; i < room(r, steps->n); i++)
            s->step_n += (size_t)plan_step(r, steps->items[i], &s->steps[s->step_n]);
    }
}

void reader_plan(struct reader *r)
{
    struct project *p = r->project;
    const struct yaml_node *data = reader_get(r->root, "data"),
                           *stages = reader_get(r->root, "stages");
    size_t sources = data && data->kind == YAML_IS_MAP ? data->n : 0;
    size_t stage_n = stages && stages->kind == YAML_IS_MAP ? stages->n : 0;
    const char *name = get_text(r->root, "name", NULL);
    p->name = name                       ? name
              : r->options->default_name ? arena_strdup(r->arena, r->options->default_name)
                                         : "project";
    p->endpoint = get_text(reader_get(r->root, "deploy"), "endpoint", &p->endpoint_at);
    p->sources = ARRAY(r, sources, struct csv_source);
    p->stages = ARRAY(r, stage_n + 1, struct project_stage); /* one more for the implied split */
    for (size_t i = 0; i < room(r, sources); i++)
        if (data->pairs[i].value->kind == YAML_IS_MAP && !data->pairs[i].key->bad)
            plan_source(r, &data->pairs[i], &p->sources[p->source_n++]);
    for (size_t i = 0; i < room(r, stage_n); i++)
        if (stages->pairs[i].value->kind == YAML_IS_MAP && !stages->pairs[i].key->bad)
            plan_stage(r, &stages->pairs[i], &p->stages[p->stage_n++]);
}
