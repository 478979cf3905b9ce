/* SPDX-License-Identifier: Apache-2.0
 * Orders the stages by their inputs and finds the one chain of this version: source, preparation,
 * split, model, gates. */
#include "base/limits.h"
#include "project/project_int.h"

struct linker {
    struct reader *reader;
    struct project *project;
    const struct yaml_node *stages; /* the map of the file, for places */
    unsigned char *state;           /* of each stage: 0 new, 1 on the path, 2 done */
    size_t *order;
    size_t ordered;
    int broken; /* an error makes later checks meaningless */
};

const char *stage_kind_name(enum stage_kind k)
{
    static const char *const names[] = { "do", "split", "model", "gates" };
    return names[k];
}

const char *model_family_name(enum model_family f)
{
    return f == MODEL_RIDGE ? "ridge" : "linear_regression";
}

static const struct yaml_pair *pair_of(const struct linker *l, const struct project_stage *s)
{
    return yaml_find(l->stages, s->name);
}

/* Place of the i-th input of a stage, or of its name when the input is implied. */
static struct yaml_place input_place(const struct linker *l, const struct project_stage *s,
                                     size_t i)
{
    const struct yaml_pair *p = pair_of(l, s);
    const struct yaml_node *input = p ? yaml_get(p->value, "input") : NULL;
    if (input && input->kind == YAML_IS_LIST && i < input->n)
        return input->items[i]->place;
    if (input)
        return input->place;
    return p ? p->key->place : (struct yaml_place){ 0, 0, 0 };
}

static struct yaml_place stage_place(const struct linker *l, const struct project_stage *s)
{
    const struct yaml_pair *p = pair_of(l, s);
    return p ? p->key->place : (struct yaml_place){ 0, 0, 0 };
}

static size_t find_stage(const struct project *p, str_t name)
{
    for (size_t i = 0; i < p->stage_n; i++)
        if (str_is(name, p->stages[i].name))
            return i;
    return SIZE_MAX;
}

static const struct csv_source *find_source(const struct project *p, str_t name)
{
    for (size_t i = 0; i < p->source_n; i++)
        if (str_is(name, p->sources[i].name))
            return &p->sources[i];
    return NULL;
}

/* "split.test" is stage split, part test; anything else has no part. */
static str_t split_reference(const char *input, str_t *out_part)
{
    str_t name = str_of(input), part;
    *out_part = (str_t){ "", 0 };
    if (str_cut(str_of(input), '.', &name, &part))
        *out_part = part;
    else
        name = str_of(input);
    return name;
}

static int is_part(str_t part)
{
    return str_is(part, "train") || str_is(part, "valid") || str_is(part, "test");
}

static void set_input(struct linker *l, struct project_stage *s, const char *input)
{
    s->inputs = arena_alloc(l->reader->arena, sizeof *s->inputs);
    s->inputs[0] = input;
    s->input_n = 1;
}

static void imply_first(struct linker *l, struct project_stage *s)
{
    struct diags *d = l->reader->diags;
    const struct project *p = l->project;
    if (p->source_n == 1) {
        set_input(l, s, p->sources[0].name);
        return;
    }
    l->broken = 1;
    if (p->source_n == 0)
        return;
    struct diag *g = diag_add(d, "E211", stage_place(l, s),
                              "stage `%s` must say which data source it reads", s->name);
    diag_note(d, g, "help", "for example `input: %s`", p->sources[0].name);
}

/* Gates read the model; other stages the stage above; the first one the only source. */
static void imply_inputs(struct linker *l)
{
    struct project *p = l->project;
    for (size_t i = 0; i < p->stage_n; i++) {
        struct project_stage *s = &p->stages[i];
        const struct yaml_pair *pair = pair_of(l, s);
        size_t above = i;
        if (s->input_n)
            continue;
        if (pair && yaml_find(pair->value, "input")) {
            l->broken = 1; /* there, but bad, and reported */
            continue;
        }
        if (s->kind == STAGE_GATES)
            for (size_t k = 0; k < p->stage_n && !s->input_n; k++)
                if (p->stages[k].kind == STAGE_MODEL)
                    set_input(l, s, p->stages[k].name);
        while (above && p->stages[above - 1].kind == STAGE_GATES && s->kind != STAGE_GATES)
            above--;
        if (!s->input_n && above)
            set_input(l, s, p->stages[above - 1].name);
        else if (!s->input_n)
            imply_first(l, s);
    }
}

static void unknown_input(struct linker *l, const struct project_stage *s, size_t i, str_t name)
{
    const struct project *p = l->project;
    struct diags *d = l->reader->diags;
    const char **names =
        ARENA_TRY_ARRAY(l->reader->arena, p->stage_n + p->source_n + 1, const char *);
    struct buf all;
    size_t n = 0;
    buf_init(&all, 600);
    for (size_t k = 0; names && k < p->source_n; k++)
        names[n++] = p->sources[k].name;
    for (size_t k = 0; names && k < p->stage_n; k++)
        if (&p->stages[k] != s)
            names[n++] = p->stages[k].name;
    for (size_t k = 0; k < n; k++)
        buf_printf(&all, "%s%s", k ? ", " : "", names[k]);
    struct diag *g =
        diag_add(d, "E204", input_place(l, s, i), "stage `%s` reads `%.*s`, which does not exist",
                 s->name, (int)MIN(name.n, (size_t)60), name.p);
    (void)diag_suggest(d, g, name, names, n);
    diag_note(d, g, "note", "sources and stages: %s", all.p ? all.p : "");
    buf_fini(&all);
    l->broken = 1;
}

static void wrong_input(struct linker *l, const struct project_stage *s, size_t i, const char *why)
{
    struct diag *g = diag_add(l->reader->diags, "E206", input_place(l, s, i),
                              "stage `%s` cannot read `%s`", s->name, s->inputs[i]);
    diag_label(l->reader->diags, g, "%s", why);
    l->broken = 1;
}

/* Whether a stage of this kind may read that input. */
static const char *refuse_input(const struct project_stage *s, const struct project_stage *from,
                                str_t part)
{
    int rows = !from || from->kind == STAGE_DO || from->kind == STAGE_SPLIT;
    if (part.n && (!from || from->kind != STAGE_SPLIT || !is_part(part)))
        return "only a split has parts: train, valid, test";
    if (s->kind == STAGE_GATES) {
        if (from && from->kind == STAGE_MODEL)
            return NULL;
        if (from && from->kind == STAGE_SPLIT && str_is(part, "test"))
            return NULL;
        return str_is(part, "valid") || str_is(part, "train")
                   ? "gates read the test part; write valid.rmse or train.rmse in the condition"
                   : "gates read a model and the test part of a split";
    }
    if (!rows)
        return from->kind == STAGE_MODEL ? "a model has no rows" : "gates have no rows";
    if (s->kind == STAGE_SPLIT && from && from->kind == STAGE_SPLIT)
        return "a split cannot be split again";
    if (part.n && !(s->kind == STAGE_MODEL && str_is(part, "train")))
        return s->kind == STAGE_MODEL
                   ? "a model trains on the training part"
                   : "preparation goes over all parts; name the split without a part";
    return NULL;
}

static void check_inputs(struct linker *l, struct project_stage *s)
{
    size_t models = 0, rows = 0;
    for (size_t i = 0; i < s->input_n; i++) {
        str_t part, name = split_reference(s->inputs[i], &part);
        size_t at = find_stage(l->project, name);
        const struct project_stage *from = at == SIZE_MAX ? NULL : &l->project->stages[at];
        if (!from && !find_source(l->project, name)) {
            unknown_input(l, s, i, name);
            continue;
        }
        const char *why = refuse_input(s, from, part);
        if (why)
            wrong_input(l, s, i, why);
        models += from && from->kind == STAGE_MODEL;
        rows += !from || from->kind != STAGE_MODEL;
    }
    if (l->broken)
        return;
    if (s->kind != STAGE_GATES && rows > 1) {
        struct diag *g = diag_add(l->reader->diags, "E207", input_place(l, s, 1),
                                  "stage `%s` has more than one input", s->name);
        diag_label(l->reader->diags, g, "joining several inputs comes in a later version");
        l->broken = 1;
    } else if (s->kind == STAGE_GATES && models != 1) {
        diag_add(l->reader->diags, "E206", input_place(l, s, 0),
                 "stage `%s` must read exactly one model", s->name);
        l->broken = 1;
    }
}

/* Depth-first over inputs; a stage on the path that is met again closes a circle. */
static void visit(struct linker *l, size_t i)
{
    struct project_stage *s = &l->project->stages[i];
    l->state[i] = 1;
    for (size_t k = 0; k < s->input_n; k++) {
        str_t part, name = split_reference(s->inputs[k], &part);
        size_t from = find_stage(l->project, name);
        if (from == SIZE_MAX || l->state[from] == 2)
            continue;
        if (l->state[from] == 1) {
            struct diag *g = diag_add(l->reader->diags, "E205", input_place(l, s, k),
                                      "stage `%s` and stage `%s` need each other", s->name,
                                      l->project->stages[from].name);
            diag_label(l->reader->diags, g, "the order of stages comes from what they read");
            l->broken = 1;
            continue;
        }
        visit(l, from);
    }
    l->state[i] = 2;
    l->order[l->ordered++] = i;
}

static void order_stages(struct linker *l)
{
    struct project *p = l->project;
    struct project_stage *sorted =
        ARENA_TRY_ARRAY(l->reader->arena, p->stage_n + 2, struct project_stage);
    if (p->stage_n > LIMIT_PROJECT_ENTRIES) { /* visit recurses */
        diag_add(l->reader->diags, "E110", (struct yaml_place){ 1, 1, 1 },
                 "the file has %zu stages; the limit is %d", p->stage_n, LIMIT_PROJECT_ENTRIES);
        l->broken = 1;
        return;
    }
    for (size_t i = 0; i < p->stage_n; i++)
        if (l->state[i] == 0)
            visit(l, i);
    for (size_t i = 0; sorted && i < p->stage_n; i++)
        sorted[i] = p->stages[l->order[i]];
    if (sorted)
        p->stages = sorted;
}

static void count_stages(struct linker *l, enum stage_kind kind, const char *what)
{
    const struct project_stage *first = NULL;
    for (size_t i = 0; i < l->project->stage_n; i++) {
        const struct project_stage *s = &l->project->stages[i];
        if (s->kind != kind)
            continue;
        if (first) {
            struct diag *g = diag_add(l->reader->diags, "E207", stage_place(l, s),
                                      "stage `%s` is a second %s", s->name, what);
            diag_label(l->reader->diags, g, "one is enough for this version; `%s` is the first",
                       first->name);
            l->broken = 1;
        } else {
            first = s;
        }
    }
}

static struct project_stage *only(struct project *p, enum stage_kind kind)
{
    for (size_t i = 0; i < p->stage_n; i++)
        if (p->stages[i].kind == kind)
            return &p->stages[i];
    return NULL;
}

/* The split that a file does not write: put right before the model. */
static void imply_split(struct linker *l, size_t model)
{
    struct project *p = l->project;
    const char *name = find_stage(p, STR("split")) == SIZE_MAX && !find_source(p, STR("split"))
                           ? "split"
                           : "split_default";
    memmove(&p->stages[model + 1], &p->stages[model], (p->stage_n - model) * sizeof *p->stages);
    p->stage_n++;
    struct project_stage *s = &p->stages[model], *m = &p->stages[model + 1];
    *s = (struct project_stage){ .name = name,
                                 .kind = STAGE_SPLIT,
                                 .inputs = m->inputs,
                                 .input_n = m->input_n,
                                 .code = "{\"by\":\"hash\",\"train\":0.8,\"test\":0.2}",
                                 .split = { .by = SPLIT_HASH,
                                            .train = 0.8,
                                            .valid = 0,
                                            .test = 0.2,
                                            .seed = l->reader->options->seed } };
    set_input(l, m, name);
}

/* From the model back to the source; marks what it meets in state. */
static void walk_chain(struct linker *l)
{
    struct project *p = l->project;
    const struct project_stage *s = only(p, STAGE_MODEL);
    memset(l->state, 0, p->stage_n + 1);
    p->split = NULL;
    p->model = s;
    for (size_t steps = 0; s && steps <= p->stage_n; steps++) {
        str_t part, name = split_reference(s->inputs[0], &part);
        l->state[s - p->stages] = 1;
        if (s->kind == STAGE_SPLIT)
            p->split = s;
        size_t from = find_stage(p, name);
        p->source = from == SIZE_MAX ? find_source(p, name) : NULL;
        s = from == SIZE_MAX ? NULL : &p->stages[from];
    }
}

static void check_target(struct linker *l)
{
    const struct csv_source *s = l->project->source;
    struct diags *d = l->reader->diags;
    const struct yaml_node *data = reader_get(l->reader->root, "data");
    const struct yaml_pair *pair = yaml_find(data, s->name);
    struct yaml_place place = pair ? pair->key->place : (struct yaml_place){ 1, 1, 1 };
    if (!s->target && pair && !yaml_find(pair->value, "target") &&
        !reader_meant(pair->value, "source", "target")) {
        struct diag *g = diag_add(d, "E208", place, "data source `%s` has no `target`", s->name);
        diag_label(d, g, "the column to predict, as in `target: price`");
    }
    const struct project_stage *split = l->project->split;
    if (split && split->split.by == SPLIT_TIME && !split->split.column && !s->time) {
        struct diag *g =
            diag_add(d, "E105", stage_place(l, split), "a split by time needs a time column");
        diag_note(d, g, "help", "write `time: COLUMN` here or at data source `%s`", s->name);
    }
}

static void warn_unused(struct linker *l)
{
    const struct project *p = l->project;
    struct diags *d = l->reader->diags;
    const struct yaml_node *data = reader_get(l->reader->root, "data"),
                           *params = reader_get(l->reader->root, "params");
    for (size_t i = 0; i < p->stage_n; i++)
        if (!l->state[i] && p->stages[i].kind != STAGE_GATES)
            diag_add(d, "W402", stage_place(l, &p->stages[i]), "stage `%s` leads to no model",
                     p->stages[i].name);
    for (size_t i = 0; i < p->source_n; i++)
        if (&p->sources[i] != p->source)
            diag_add(d, "W402", yaml_find(data, p->sources[i].name)->key->place,
                     "data source `%s` is not used", p->sources[i].name);
    for (size_t i = 0; i < p->param_n; i++)
        if (!p->params[i].used)
            diag_add(d, "W402", yaml_find(params, p->params[i].name)->key->place,
                     "parameter `%s` is not used", p->params[i].name);
}

static void check_names(struct linker *l)
{
    for (size_t i = 0; i < l->project->stage_n; i++) {
        const struct project_stage *s = &l->project->stages[i];
        if (find_source(l->project, str_of(s->name))) {
            diag_add(l->reader->diags, "E112", stage_place(l, s),
                     "stage `%s` has the name of a data source", s->name);
            l->broken = 1;
        }
    }
}

static void find_chain(struct linker *l)
{
    struct project *p = l->project;
    struct reader *r = l->reader;
    size_t errors = r->diags->error_n;
    if (!only(p, STAGE_MODEL)) {
        const struct yaml_pair *stages = yaml_find(r->root, "stages");
        if (errors == 0)
            diag_note(r->diags,
                      diag_add(r->diags, "E210",
                               stages ? stages->key->place : (struct yaml_place){ 1, 1, 1 },
                               "no stage trains a model"),
                      "help", "add one, as in `train: { model: linear_regression }`");
        return;
    }
    count_stages(l, STAGE_MODEL, "model");
    count_stages(l, STAGE_SPLIT, "split");
    count_stages(l, STAGE_GATES, "stage of gates");
    if (l->broken)
        return;
    walk_chain(l);
    if (!p->split && p->model) {
        imply_split(l, (size_t)(p->model - p->stages));
        walk_chain(l);
    }
    p->gates = only(p, STAGE_GATES);
    if (p->source)
        check_target(l);
    if (r->diags->error_n == 0)
        warn_unused(l);
}

void reader_link(struct reader *r)
{
    struct project *p = r->project;
    struct linker l = { .reader = r, .project = p, .stages = reader_get(r->root, "stages") };
    l.state = ARENA_TRY_ARRAY(r->arena, p->stage_n + 2, unsigned char);
    l.order = ARENA_TRY_ARRAY(r->arena, p->stage_n + 1, size_t);
    if (!l.state || !l.order || !p->stage_n)
        return;
    check_names(&l);
    for (size_t i = 0; l.stages && i < l.stages->n; i++)
        l.broken |= l.stages->pairs[i].value->bad; /* reported; what follows from it is not */
    imply_inputs(&l);
    for (size_t i = 0; i < p->stage_n; i++)
        check_inputs(&l, &p->stages[i]);
    if (!l.broken)
        order_stages(&l);
    if (!l.broken)
        find_chain(&l);
}
