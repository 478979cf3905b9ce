/* SPDX-License-Identifier: Apache-2.0
 * Parameters: their types from the file, their values from the file or from -p. */
#include "project/project_int.h"

#include <math.h>

#include "base/num.h"

struct project_param *reader_param(const struct reader *r, str_t name)
{
    for (size_t i = 0; i < r->project->param_n; i++)
        if (str_is(name, r->project->params[i].name))
            return &r->project->params[i];
    return NULL;
}

static const char *type_name(enum project_param_type t)
{
    static const char *const names[] = { "a number", "a whole number", "true or false", "a text" };
    return names[t];
}

static enum project_param_type type_of(const struct yaml_node *value, const struct yaml_node *type)
{
    if (type) {
        if (str_is(type->text, "integer"))
            return PARAM_INTEGER;
        return str_is(type->text, "number")    ? PARAM_NUMBER
               : str_is(type->text, "boolean") ? PARAM_BOOLEAN
                                               : PARAM_TEXT;
    }
    switch (value->kind) {
    case YAML_IS_INT:
    case YAML_IS_FLOAT: return PARAM_NUMBER;
    case YAML_IS_BOOL: return PARAM_BOOLEAN;
    default: return PARAM_TEXT;
    }
}

/* 1 when the value has the type; sets p->number. */
static int fits_type(struct project_param *p, const struct yaml_node *v)
{
    switch (p->type) {
    case PARAM_NUMBER:
        p->number = v->number;
        return (v->kind == YAML_IS_INT || v->kind == YAML_IS_FLOAT) && !isnan(v->number);
    case PARAM_INTEGER: p->number = v->number; return v->kind == YAML_IS_INT;
    case PARAM_BOOLEAN: p->number = v->boolean; return v->kind == YAML_IS_BOOL;
    case PARAM_TEXT: return yaml_is_scalar(v) && v->kind != YAML_IS_NULL;
    }
    return 0;
}

static int in_range(const struct project_param *p)
{
    return (p->type != PARAM_NUMBER && p->type != PARAM_INTEGER) ||
           (p->number >= p->low && p->number <= p->high);
}

static const char *range_text(struct reader *r, const struct project_param *p)
{
    char low[FMT_DOUBLE_MAX], high[FMT_DOUBLE_MAX];
    (void)fmt_double_digits(p->low, 15, low);
    (void)fmt_double_digits(p->high, 15, high);
    if (isinf(p->low))
        return arena_printf(r->arena, "at most %s", high);
    if (isinf(p->high))
        return arena_printf(r->arena, "at least %s", low);
    return arena_printf(r->arena, "from %s to %s", low, high);
}

static void read_param(struct reader *r, const struct yaml_pair *pair, struct project_param *p)
{
    const struct yaml_node *v = pair->value, *type = NULL;
    p->name = pair->key->text.p;
    p->low = -INFINITY;
    p->high = INFINITY;
    if (v->kind == YAML_IS_MAP) {
        const struct yaml_node *low = reader_get(v, "min"), *high = reader_get(v, "max");
        type = reader_get(v, "type");
        p->low = low ? low->number : p->low;
        p->high = high ? high->number : p->high;
        v = reader_get(v, "default");
    }
    p->text = "";
    p->type = PARAM_TEXT;
    if (!v || v->bad || !yaml_is_scalar(v))
        return;
    p->at = reader_place(v);
    p->type = type_of(v, type);
    p->text = v->text.p;
    if (!fits_type(p, v)) {
        struct diag *g =
            diag_add(r->diags, "E107", v->place, "the value of parameter `%s` must be %s", p->name,
                     type_name(p->type));
        diag_label(r->diags, g, "this is %s", yaml_kind_name(v->kind));
    } else if (!in_range(p)) {
        struct diag *g =
            diag_add(r->diags, "E108", v->place, "the value of parameter `%s` must be %s", p->name,
                     range_text(r, p));
        diag_label(r->diags, g, "not in the range given here");
    }
}

static void unknown_override(struct reader *r, const struct project_override *o)
{
    const struct project *p = r->project;
    struct yaml_place none = { 0, 0, 0 };
    const char **names = ARENA_TRY_ARRAY(r->arena, p->param_n + 1, const char *);
    struct diag *g = diag_add(r->diags, "E203", none, "-p %s=%s: there is no parameter `%s`",
                              o->name, o->value, o->name);
    struct buf all;
    buf_init(&all, 400);
    for (size_t i = 0; names && i < p->param_n; i++) {
        names[i] = p->params[i].name;
        buf_printf(&all, "%s%s", i ? ", " : "", names[i]);
    }
    const char *near = names ? str_nearest(str_of(o->name), names, p->param_n) : NULL;
    if (near)
        diag_note(r->diags, g, "help", "did you mean `%s`?", near);
    if (p->param_n)
        diag_note(r->diags, g, "note", "parameters of this project: %s", all.p ? all.p : "");
    else
        diag_note(r->diags, g, "note", "the file has no `params`");
    buf_fini(&all);
}

static void apply_override(struct reader *r, const struct project_override *o)
{
    struct project_param *p = reader_param(r, str_of(o->name));
    struct yaml_place none = { 0, 0, 0 };
    if (!p) {
        unknown_override(r, o);
        return;
    }
    struct yaml_node v = { .text = str_of(o->value), .quoted = p->type == PARAM_TEXT };
    struct project_param old = *p;
    yaml_resolve(&v);
    if (!fits_type(p, &v)) {
        diag_add(r->diags, "E203", none, "-p %s=%s: the parameter is %s", o->name, o->value,
                 type_name(p->type));
        *p = old;
    } else if (!in_range(p)) {
        diag_add(r->diags, "E203", none, "-p %s=%s: the parameter must be %s", o->name, o->value,
                 range_text(r, p));
        *p = old;
    } else {
        p->text = arena_strdup(r->arena, o->value);
        p->overridden = 1;
    }
}

void reader_params(struct reader *r, const struct yaml_node *params)
{
    struct project *p = r->project;
    size_t n = params && params->kind == YAML_IS_MAP ? params->n : 0;
    p->params = ARENA_TRY_ARRAY(r->arena, n + 1, struct project_param);
    for (size_t i = 0; p->params && i < n; i++)
        read_param(r, &params->pairs[i], &p->params[p->param_n++]);
    for (size_t i = 0; i < r->options->override_n; i++)
        apply_override(r, &r->options->overrides[i]);
    r->params_ready = 1;
}
