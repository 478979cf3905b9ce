/* SPDX-License-Identifier: Apache-2.0
 * References: ${params.x}, ${env.X}, ${env.X:-default}; $${ stands for ${ itself. A value that is
 * one reference takes the type of what it refers to. */
#include "project/project_int.h"

#include <math.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/num.h"

static size_t characters(str_t s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

struct yaml_place reader_place_in(const struct yaml_node *n, size_t at, size_t length)
{
    const struct expansion *x = n->extra;
    str_t text = x ? x->original : n->text;
    size_t source = at, shift_from = 0, shift_to = 0;
    for (size_t i = 0; x && i < x->n && at >= x->pieces[i].from; i++) {
        if (at < x->pieces[i].to) {
            source = x->pieces[i].source_from;
            length = x->pieces[i].source_to - source;
            shift_from = shift_to = 0;
            break;
        }
        shift_from = x->pieces[i].to;
        shift_to = x->pieces[i].source_to;
        source = at - shift_from + shift_to;
    }
    int one_line = n->place.length >= (int)characters(text);
    if (!one_line || source > text.n)
        return n->place;
    length = MIN(length, text.n - source);
    int quote = n->quoted ? 1 : 0;
    return (struct yaml_place){ n->place.line,
                                n->place.column + quote +
                                    (int)characters((str_t){ text.p, source }),
                                MAX((int)characters((str_t){ text.p + source, length }), 1) };
}

static struct yaml_place place_of(const struct yaml_node *n, size_t at, size_t length)
{
    struct yaml_node plain = *n;
    plain.extra = NULL;
    return reader_place_in(&plain, at, length);
}

static const char *env_value(struct reader *r, const char *name)
{
    const struct project_options *o = r->options;
    return o->env ? o->env(o->env_arg, name) : getenv(name);
}

static void note_use(struct reader *r, const char *kind, str_t name, const char *value)
{
    const char *full = arena_printf(r->arena, "%s.%.*s", kind, STR_ARG(name));
    if (!r->stage)
        return;
    for (size_t i = 0; i < r->use_n; i++)
        if (strcmp(r->uses[i].name, full) == 0)
            return;
    if (r->use_n < READER_USES_MAX)
        r->uses[r->use_n++] = (struct stage_use){ full, value };
}

static void suggest_param(struct reader *r, struct diag *g, str_t name)
{
    const struct project *p = r->project;
    const char **names = ARENA_TRY_ARRAY(r->arena, p->param_n + 1, const char *);
    for (size_t i = 0; names && i < p->param_n; i++)
        names[i] = p->params[i].name;
    if (names)
        (void)diag_suggest(r->diags, g, name, names, p->param_n);
    if (!g->label && p->param_n == 0)
        diag_note(r->diags, g, "note", "the file has no `params`");
}

/* Value of a parameter by the text behind "params."; NULL when reported. */
static const char *param_value(struct reader *r, str_t name, struct yaml_place place, int *out_text)
{
    struct project_param *p = r->params_ready ? reader_param(r, name) : NULL;
    if (p) {
        p->used = 1;
        *out_text = p->type == PARAM_TEXT;
        note_use(r, "params", name, p->text);
        return p->text;
    }
    struct diag *g = diag_add(r->diags, "E201", place,
                              r->params_ready ? "there is no parameter `%.*s`"
                                              : "parameter `%.*s` cannot be used inside `params`",
                              (int)MIN(name.n, (size_t)60), name.p);
    if (r->params_ready)
        suggest_param(r, g, name);
    diag_note(r->diags, g, "help", "slipway help E201");
    return NULL;
}

static const char *variable_value(struct reader *r, str_t inside, struct yaml_place place)
{
    str_t name = inside;
    size_t at = str_find(inside, ":-");
    if (at != SIZE_MAX)
        name.n = at;
    const char *z = arena_strndup(r->arena, name.p, name.n);
    const char *value = z && z[0] ? env_value(r, z) : NULL;
    if ((!value || !value[0]) && at != SIZE_MAX)
        value = arena_strndup(r->arena, inside.p + at + 2, inside.n - at - 2);
    if (value) {
        note_use(r, "env", name, value);
        return value;
    }
    struct diag *g = diag_add(r->diags, "E202", place, "the environment variable `%.*s` is not set",
                              (int)MIN(name.n, (size_t)60), name.p);
    diag_note(r->diags, g, "help", "set it, or write a default: ${env.%.*s:-value}",
              (int)MIN(name.n, (size_t)60), name.p);
    return NULL;
}

/* Value of what stands between ${ and }. */
static const char *reference_value(struct reader *r, str_t inside, struct yaml_place place,
                                   int *out_text)
{
    static const char *const spaces[] = { "params", "env" };
    str_t space, rest;
    inside = str_trim(inside);
    *out_text = 0;
    if (str_cut(inside, '.', &space, &rest) && str_is(space, "params"))
        return param_value(r, rest, place, out_text);
    if (str_cut(inside, '.', &space, &rest) && str_is(space, "env"))
        return variable_value(r, rest, place);
    struct diag *g = diag_add(r->diags, "E201", place, "`%.*s` is not a reference",
                              (int)MIN(inside.n, (size_t)60), inside.p);
    if (reader_param(r, inside))
        diag_label(r->diags, g, "did you mean `params.%.*s`?", STR_ARG(inside));
    else if (str_cut(inside, '.', &space, &rest))
        (void)diag_suggest(r->diags, g, space, spaces, ARRAY_LEN(spaces));
    diag_note(r->diags, g, "note",
              "references are ${params.NAME}, ${env.NAME} and ${env.NAME:-default}");
    return NULL;
}

/* A text as a literal of the expression language. */
static void put_literal(struct buf *out, const char *value)
{
    buf_putc(out, '\'');
    for (; *value; value++) {
        buf_putc(out, *value);
        if (*value == '\'')
            buf_putc(out, '\'');
    }
    buf_putc(out, '\'');
}

struct expanding {
    struct yaml_node *node;
    struct expansion *record;
    struct buf out;
    int whole_text; /* the value is one reference to a text */
    int in_expression;
};

/* A value inside an expression: numbers and booleans as the language writes them, all else as a
 * text. */
static void put_operand(struct buf *out, const char *value, int is_text)
{
    struct yaml_node n = { .text = str_of(value), .quoted = is_text };
    char text[FMT_DOUBLE_MAX];
    yaml_resolve(&n);
    if (n.kind == YAML_IS_BOOL) {
        buf_puts(out, n.boolean ? "true" : "false");
    } else if ((n.kind == YAML_IS_INT || n.kind == YAML_IS_FLOAT) && !isnan(n.number)) {
        size_t length = isinf(n.number) ? 0 : fmt_double(fabs(n.number), text);
        if (length > 2 && memcmp(text + length - 2, ".0", 2) == 0)
            length -= 2;
        buf_printf(out, signbit(n.number) ? "(-%.*s)" : "%.*s", isinf(n.number) ? 3 : (int)length,
                   isinf(n.number) ? "inf" : text);
    } else {
        put_literal(out, value);
    }
}

/* One reference at `at`; returns the bytes it took, or 0 when a problem was reported. */
static size_t expand_one(struct reader *r, struct expanding *x, size_t at)
{
    str_t text = x->node->text, rest = { text.p + at + 2, text.n - at - 2 };
    size_t end = str_find(rest, "}");
    if (end == SIZE_MAX) {
        diag_add(r->diags, "E201", place_of(x->node, at, 2), "this `${` is never closed by `}`");
        return 0;
    }
    int is_text = 0;
    size_t bytes = end + 3, from = x->out.n;
    const char *value =
        reference_value(r, (str_t){ rest.p, end }, place_of(x->node, at, bytes), &is_text);
    if (!value)
        return 0;
    if (x->in_expression)
        put_operand(&x->out, value, is_text);
    else
        buf_puts(&x->out, value);
    x->whole_text = is_text && at == 0 && bytes == text.n;
    if (x->record->n < ARRAY_LEN(x->record->pieces)) {
        size_t i = x->record->n++;
        x->record->pieces[i].from = from;
        x->record->pieces[i].to = x->out.n;
        x->record->pieces[i].source_from = at;
        x->record->pieces[i].source_to = at + bytes;
    }
    return bytes;
}

static int expand_all(struct reader *r, struct expanding *x)
{
    str_t text = x->node->text;
    int references = 0;
    for (size_t i = 0; i < text.n;) {
        str_t rest = { text.p + i, text.n - i };
        if (str_starts(rest, "$${")) {
            buf_puts(&x->out, "${");
            i += 3;
        } else if (str_starts(rest, "${")) {
            size_t took = expand_one(r, x, i);
            if (!took)
                return -1;
            i += took;
            references++;
        } else {
            buf_putc(&x->out, text.p[i++]);
        }
    }
    return references;
}

void reader_expand(struct reader *r, struct yaml_node *n, int in_expression)
{
    if (!yaml_is_scalar(n) || n->bad || str_find(n->text, "${") == SIZE_MAX)
        return;
    struct expanding x = { n, ARENA_NEW(r->arena, struct expansion), { 0 }, 0, in_expression };
    x.record->original = n->text;
    buf_init(&x.out, LIMIT_YAML_BYTES);
    int references = expand_all(r, &x);
    str_t original = n->text;
    if (references < 0 || x.out.failed) {
        if (x.out.failed)
            diag_add(r->diags, "E110", n->place,
                     "the value is too long after filling in references");
        n->bad = 1;
    } else {
        /* A single reference has the type of its value; text around it makes a text. */
        int one = x.record->n == 1 && x.record->pieces[0].source_from == 0 &&
                  x.record->pieces[0].source_to == original.n;
        n->text = arena_str(r->arena, buf_view(&x.out));
        n->quoted = x.whole_text || (!one && n->quoted);
        n->extra = x.record;
        if (!n->text.p)
            n->text = (str_t){ "", 0 };
        yaml_resolve(n);
    }
    buf_fini(&x.out);
}
