/* SPDX-License-Identifier: Apache-2.0
 * Expressions of the project file: gates over metrics, formulas and conditions over columns. */
#include <math.h>

#include "project/gate.h"
#include "project/project_int.h"

static const struct gate_metric metrics[] = {
#define METRIC(id, field, better, prose) { #field, prose, better },
#include "stat/metrics.def"
#undef METRIC
    { "n", "Number of rows measured.", 0 },
};

enum { SINGLES_MAX = 8 };

static const char *const parts[] = { "valid", "train", "baseline", "champion" };

const struct gate_metric *gate_metric_at(size_t i)
{
    return i < ARRAY_LEN(metrics) ? &metrics[i] : NULL;
}

const struct gate_metric *gate_metric_find(str_t name)
{
    for (size_t i = 0; i < ARRAY_LEN(metrics); i++)
        if (str_is(name, metrics[i].name))
            return &metrics[i];
    return NULL;
}

/* "at 7: text" without its "at 7: ". */
static const char *message_of(const struct err *e)
{
    const char *colon = strncmp(e->msg, "at ", 3) == 0 ? strstr(e->msg, ": ") : NULL;
    return colon ? colon + 2 : e->msg;
}

/* Splits "…; did you mean 'x'?" off a message. */
static void report(struct reader *r, const char *code, const struct yaml_node *n, size_t at,
                   size_t length, const struct err *e)
{
    const char *text = message_of(e), *more = strstr(text, "; ");
    struct yaml_place place = at == SIZE_MAX ? n->place : reader_place_in(n, at, length);
    struct diag *g = diag_add(r->diags, code, place, "%.*s",
                              more ? (int)(more - text) : (int)strlen(text), text);
    if (more)
        diag_label(r->diags, g, "%s", more + 2);
    if (n->extra)
        diag_note(r->diags, g, "note", "after filling in, the expression is `%.*s`",
                  (int)MIN(n->text.n, (size_t)200), n->text.p);
    if (strcmp(code, "E302") == 0)
        diag_note(r->diags, g, "help", "slipway help E302");
}

struct typing {
    struct reader *reader;
    const struct yaml_node *node;
    size_t names;
    int reported;
};

/* "rmse, mae, …" */
static const char *metric_names(struct arena *a)
{
    const char *text = metrics[0].name;
    for (size_t i = 1; i < ARRAY_LEN(metrics); i++)
        text = arena_printf(a, "%s, %s", text, metrics[i].name);
    return text;
}

static void unknown_metric(struct typing *t, const struct expr *name)
{
    const char *candidates[ARRAY_LEN(metrics) + SINGLES_MAX];
    const struct gate_metric *single;
    size_t n = ARRAY_LEN(metrics);
    struct diags *d = t->reader->diags;
    str_t whole = { t->node->text.p + name->at, name->length };
    struct diag *g = diag_add(d, "E303", reader_place_in(t->node, name->at, name->length),
                              "there is no metric `%.*s`", (int)MIN(whole.n, (size_t)60), whole.p);
    for (size_t i = 0; i < ARRAY_LEN(metrics); i++)
        candidates[i] = metrics[i].name;
    for (size_t i = 0; !name->entity.n && i < SINGLES_MAX && (single = gate_single_at(i)); i++)
        candidates[n++] = single->name;
    const char *near = str_nearest(name->name, candidates, n);
    const char *part = name->entity.n ? str_nearest(name->entity, parts, ARRAY_LEN(parts)) : NULL;
    if (str_is(name->entity, "test") && gate_metric_find(name->name))
        diag_label(d, g, "metrics without a part are on the test part; write `%s`",
                   gate_metric_find(name->name)->name);
    else if (str_is(name->entity, "fairness") || str_is(name->entity, "slice") ||
             str_is(name->entity, "drift"))
        diag_label(d, g, "metrics of `%.*s` come in a later version", STR_ARG(name->entity));
    else if (near && (!name->entity.n || part))
        diag_label(d, g, "did you mean `%s%s%s`?", part ? part : "", part ? "." : "", near);
    diag_note(d, g, "note",
              "metrics: %s; alone, or after valid., train., baseline., champion.; "
              "gain, gain_low, gain_high, slices.worst_rmse",
              metric_names(t->reader->arena));
    t->reported = 1;
}

static int is_part_name(str_t entity)
{
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (str_is(entity, parts[i]))
            return 1;
    return entity.n == 0;
}

static int is_single(struct typing *t, const struct expr *name)
{
    const struct gate_metric *m;
    const char *whole = arena_printf(t->reader->arena, "%.*s%s%.*s", STR_ARG(name->entity),
                                     name->entity.n ? "." : "", STR_ARG(name->name));
    for (size_t i = 0; (m = gate_single_at(i)) != NULL; i++)
        if (strcmp(m->name, whole) == 0)
            return 1;
    return 0;
}

static int type_of_metric(void *arg, const struct expr *name, enum expr_type *out, struct err *err)
{
    struct typing *t = arg;
    t->names++;
    *out = EXPR_NUMBER;
    if (is_single(t, name) || (is_part_name(name->entity) && gate_metric_find(name->name)))
        return 0;
    unknown_metric(t, name);
    return ERR(err, ERR_INVALID, "unknown metric");
}

static int type_of_column(void *arg, const struct expr *name, enum expr_type *out, struct err *err)
{
    struct typing *t = arg;
    t->names++;
    *out = EXPR_NULL;
    if (!name->entity.n)
        return 0;
    return ERR(err, ERR_INVALID,
               "'%.*s.%.*s' is not a column; put a name with a dot in `back quotes`",
               STR_ARG(name->entity), STR_ARG(name->name));
}

/* Length of the innermost part that begins at `at`. */
static size_t length_at(const struct expr *e, size_t at)
{
    for (size_t i = 0; i < e->n; i++) {
        const struct expr *part = e->args[i];
        if (at >= part->at && at < part->at + part->length)
            return length_at(part, at);
    }
    return e->at == at ? e->length : 1;
}

/* Parses and checks; NULL when a problem was reported. */
static struct expr *parse(struct reader *r, const struct yaml_node *n, enum expr_type want,
                          expr_type_fn type_of, struct typing *t)
{
    struct expr *e = NULL;
    struct err err = ERR_INIT;
    size_t at = SIZE_MAX;
    if (expr_parse(r->arena, n->text, &e, &at, &err)) {
        report(r, "E302", n, at, 1, &err);
        return NULL;
    }
    if (expr_check(r->arena, e, type_of, t, EXPR_NULL, &at, &err)) {
        if (!t->reported)
            report(r, "E304", n, at, length_at(e, at), &err);
        return NULL;
    }
    if (e->type != EXPR_NULL && e->type != want) {
        struct diag *g = diag_add(r->diags, "E304", n->place,
                                  want == EXPR_BOOL ? "this is no condition" : "this is no number");
        diag_label(r->diags, g, "it gives %s",
                   e->type == EXPR_BOOL     ? "true or false"
                   : e->type == EXPR_NUMBER ? "a number"
                                            : "a text");
        if (want == EXPR_BOOL && e->type == EXPR_NUMBER)
            diag_note(r->diags, g, "help", "compare it with something, as in `%.*s <= 60`",
                      (int)MIN(n->text.n, (size_t)60), n->text.p);
        return NULL;
    }
    return e;
}

struct expr *reader_formula(struct reader *r, const struct yaml_node *n, enum expr_type want)
{
    struct typing t = { r, n, 0, 0 };
    return n->bad ? NULL : parse(r, n, want, type_of_column, &t);
}

struct part_check {
    struct reader *reader;
    const struct yaml_node *node;
};

static void check_part(void *arg, const struct expr *name)
{
    struct part_check *c = arg;
    const struct project_stage *split = c->reader->project->split;
    if (!str_is(name->entity, "valid") || !split || split->split.valid > 0)
        return;
    struct diags *d = c->reader->diags;
    struct diag *g = diag_add(d, "E301", reader_place_in(c->node, name->at, name->length),
                              "gate `%s` cannot be computed", c->node->text.p);
    diag_label(d, g, "the split has no validation part");
    diag_note(d, g, "help", "give the split a share `valid`, or use the metric without `valid.`");
}

void reader_check_gates(struct reader *r)
{
    for (size_t i = 0; i < r->project->stage_n; i++) {
        struct project_stage *s = &r->project->stages[i];
        for (size_t k = 0; k < s->gate_n; k++) {
            const struct yaml_node *n = (const struct yaml_node *)(uintptr_t)s->gates[k].expr;
            struct typing t = { r, n, 0, 0 };
            struct part_check c = { r, n };
            s->gates[k].expr = parse(r, n, EXPR_BOOL, type_of_metric, &t);
            if (!s->gates[k].expr)
                continue;
            if (!t.names)
                diag_label(
                    r->diags,
                    diag_add(r->diags, "W403", n->place, "this gate says the same of every model"),
                    "no metric in it");
            expr_names(s->gates[k].expr, check_part, &c);
        }
    }
}
