/* SPDX-License-Identifier: Apache-2.0
 * The shapes that keys.def refers to, and look-ups in the table. */
#include "project/keys.h"

#include <stdio.h>
#include <strings.h>

#include "base/macros.h"
#include "base/num.h"

static const struct shape number = { .kind = SHAPE_NUMBER };
static const struct shape format_number = { .kind = SHAPE_INTEGER, .low = 1, .high = 1 };
static const struct shape seed = { .kind = SHAPE_INTEGER, .low = 0, .high = 9e15 };
static const struct shape share = { .kind = SHAPE_NUMBER, .low = 0, .high = 1 };
static const struct shape fraction = { .kind = SHAPE_NUMBER, .low = 0, .high = 1 };
static const struct shape penalty = { .kind = SHAPE_NUMBER, .low = 0, .high = 1e300 };
static const struct shape boolean = { .kind = SHAPE_BOOLEAN };
static const struct shape name = { .kind = SHAPE_NAME };
static const struct shape path = { .kind = SHAPE_PATH };
static const struct shape character = { .kind = SHAPE_CHAR };
static const struct shape scalar = { .kind = SHAPE_SCALAR };
static const struct shape text = { .kind = SHAPE_TEXT };
static const struct shape texts = { SHAPE_LIST, .a = &scalar };
static const struct shape column = { .kind = SHAPE_COLUMN };
static const struct shape columns = { SHAPE_LIST, .a = &column };
static const struct shape columns_or_true = { SHAPE_EITHER, &boolean, &columns, NULL, 0, 0 };
static const struct shape reference = { .kind = SHAPE_REFERENCE };
static const struct shape reference_list = { SHAPE_LIST, .a = &reference };
static const struct shape references = { SHAPE_EITHER, &reference, &reference_list, NULL, 0, 0 };
static const struct shape range = { .kind = SHAPE_RANGE };
static const struct shape ranges = { SHAPE_MAP, .a = &range, .text = "columns" };
static const struct shape clips = { SHAPE_MAP, .a = &range, .text = "columns" };
static const struct shape imputes = { SHAPE_MAP, .a = &scalar, .text = "columns" };
static const struct shape sets = { SHAPE_MAP, .a = &texts, .text = "columns" };
static const struct shape patterns = { SHAPE_MAP, .a = &text, .text = "columns" };
static const struct shape formula = { .kind = SHAPE_FORMULA };
static const struct shape formulas = { SHAPE_MAP, .a = &formula, .text = "new columns" };
static const struct shape rows = { .kind = SHAPE_ROWS };
static const struct shape scale_kind = { .kind = SHAPE_CHOICE, .text = "standard|minmax|robust" };
static const struct shape scale_map = { SHAPE_MAP, .a = &scale_kind, .text = "columns" };
static const struct shape scales = { SHAPE_EITHER, &columns, &scale_map, NULL, 0, 0 };
static const struct shape one_hot_object = { .kind = SHAPE_OBJECT, .text = "one_hot" };
static const struct shape one_hot = { SHAPE_EITHER, &columns, &one_hot_object, NULL, 0, 0 };
static const struct shape one_hot_drop = { .kind = SHAPE_CHOICE, .text = "first|none" };
static const struct shape drop_object = { .kind = SHAPE_OBJECT, .text = "drop" };
static const struct shape drops = { SHAPE_EITHER, &columns, &drop_object, NULL, 0, 0 };
static const struct shape step_word = { .kind = SHAPE_CHOICE, .text = "drop_duplicates" };
static const struct shape step_object = { .kind = SHAPE_OBJECT, .text = "step" };
static const struct shape step = { SHAPE_EITHER, &step_word, &step_object, NULL, 0, 0 };
static const struct shape steps = { SHAPE_LIST, .a = &step };
static const struct shape rule = { .kind = SHAPE_OBJECT, .text = "rule" };
static const struct shape rules = { SHAPE_LIST, .a = &rule };
static const struct shape severity = { .kind = SHAPE_CHOICE, .text = "error|warn" };
static const struct shape split_by = { .kind = SHAPE_CHOICE, .text = "hash|time|stratified" };
static const struct shape model = { .kind = SHAPE_CHOICE, .text = "linear_regression|ridge" };
static const struct shape gate = { .kind = SHAPE_GATE };
static const struct shape gates = { SHAPE_LIST, .a = &gate };
static const struct shape param_type = { .kind = SHAPE_CHOICE,
                                         .text = "number|integer|boolean|text" };
static const struct shape param_object = { .kind = SHAPE_OBJECT, .text = "param" };
static const struct shape param = { SHAPE_EITHER, &scalar, &param_object, NULL, 0, 0 };
static const struct shape params = { SHAPE_MAP, .a = &param, .text = "names" };
static const struct shape source = { .kind = SHAPE_OBJECT, .text = "source" };
static const struct shape sources = { SHAPE_MAP, .a = &source, .text = "names" };
static const struct shape stage = { .kind = SHAPE_OBJECT, .text = "stage" };
static const struct shape stages = { SHAPE_MAP, .a = &stage, .text = "names" };
static const struct shape count = { .kind = SHAPE_INTEGER, .low = 0, .high = 1e9 };
static const struct shape positive = { .kind = SHAPE_INTEGER, .low = 1, .high = 1e9 };
static const struct shape shares = { SHAPE_LIST, .a = &scalar };
static const struct shape text_list = { SHAPE_LIST, .a = &text };
static const struct shape conditions = { SHAPE_EITHER, &text, &text_list, NULL, 0, 0 };
static const struct shape texts_map = { SHAPE_MAP, .a = &text, .text = "labels" };
static const struct shape span = { .kind = SHAPE_SCALAR };
static const struct shape strategy = { .kind = SHAPE_OBJECT, .text = "strategy" };
static const struct shape budget = { .kind = SHAPE_OBJECT, .text = "budget" };
static const struct shape monitor = { .kind = SHAPE_OBJECT, .text = "monitor" };
static const struct shape monitor_log = { .kind = SHAPE_OBJECT, .text = "monitor_log" };
static const struct shape monitor_drift = { .kind = SHAPE_OBJECT, .text = "monitor_drift" };
static const struct shape drift_number = { .kind = SHAPE_CHOICE, .text = "psi|js|chi2|ks|w1" };
static const struct shape drift_category = { .kind = SHAPE_CHOICE, .text = "chi2|psi|js" };
static const struct shape alert = { .kind = SHAPE_OBJECT, .text = "alert" };
static const struct shape alerts = { SHAPE_LIST, .a = &alert };
static const struct shape trigger = { .kind = SHAPE_OBJECT, .text = "trigger" };
static const struct shape triggers = { SHAPE_LIST, .a = &trigger };
static const struct shape retrain = { .kind = SHAPE_OBJECT, .text = "retrain" };
static const struct shape deploy = { .kind = SHAPE_OBJECT, .text = "deploy" };

#define KEY(object, key_name, key_shape, flags, since, prose, example, others)                     \
    { object, key_name, key_shape, flags, since, prose, example, others },
static const struct key table[] = {
#include "project/keys.def"
};
#undef KEY

const struct key *key_at(size_t i)
{
    return i < ARRAY_LEN(table) ? &table[i] : NULL;
}

const struct key *key_find(const char *object, str_t key_name)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (strcmp(table[i].object, object) == 0 && str_is(key_name, table[i].name))
            return &table[i];
    return NULL;
}

/* The next "word=tool" of a list; 0 at its end. */
static int next_other(str_t *rest, str_t *out_word, str_t *out_tool)
{
    str_t item;
    if (!rest->n)
        return 0;
    if (!str_cut(*rest, ';', &item, rest)) {
        item = *rest;
        *rest = (str_t){ "", 0 };
    }
    return str_cut(item, '=', out_word, out_tool);
}

static int same_word(str_t a, str_t b)
{
    return a.n == b.n && strncasecmp(a.p, b.p, a.n) == 0;
}

const struct key *key_meant(const char *object, str_t wrong)
{
    const struct key *best = NULL;
    int best_distance = 3;
    int most = wrong.n < 2 ? 0 : wrong.n < 4 ? 1 : 2;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const struct key *k = &table[i];
        if (strcmp(k->object, object) != 0)
            continue;
        str_t rest = str_of(k->others), word = str_of(k->name), tool;
        do {
            int d = same_word(word, wrong) ? 0 : str_distance(word, wrong, most);
            if (d <= most &&
                (d < best_distance ||
                 (d == best_distance && (best->flags & KEY_LATER) && !(k->flags & KEY_LATER)))) {
                best = k;
                best_distance = d;
            }
        } while (next_other(&rest, &word, &tool));
    }
    return best;
}

void key_others(const struct key *k, struct buf *out)
{
    str_t rest = str_of(k->others), word, tool;
    for (int n = 0; n < 3 && next_other(&rest, &word, &tool); n++)
        buf_printf(out, n ? ", %.*s `%.*s`" : "%.*s calls it `%.*s`", STR_ARG(tool), STR_ARG(word));
}

size_t shape_choices(const struct shape *s, str_t *out, size_t max)
{
    str_t rest = str_of(s->text), word;
    size_t n = 0;
    while (n < max && str_cut(rest, '|', &word, &rest))
        out[n++] = word;
    if (n < max)
        out[n++] = rest;
    return n;
}

static void describe_bounds(const struct shape *s, struct buf *out)
{
    buf_puts(out, s->kind == SHAPE_INTEGER ? "a whole number" : "a number");
    if (s->low == 0 && s->high == 0)
        return;
    if (s->low == s->high)
        buf_printf(out, " (%g)", s->low);
    else if (s->high >= 1e15)
        buf_printf(out, " from %g", s->low);
    else
        buf_printf(out, " from %g to %g", s->low, s->high);
}

static void describe_choices(const struct shape *s, struct buf *out)
{
    str_t words[16];
    size_t n = shape_choices(s, words, ARRAY_LEN(words));
    for (size_t i = 0; i < n; i++)
        buf_printf(out, "%s`%.*s`", i == 0 ? "" : i + 1 == n ? " or " : ", ", STR_ARG(words[i]));
}

/* The plural of what a list holds. */
static const char *plural(const struct shape *s)
{
    switch (s->kind) {
    case SHAPE_COLUMN: return "columns";
    case SHAPE_GATE: return "conditions";
    case SHAPE_REFERENCE: return "inputs";
    case SHAPE_SCALAR: return "values";
    case SHAPE_OBJECT: return strcmp(s->text, "rule") == 0 ? "rules" : "maps";
    case SHAPE_EITHER: return "steps";
    default: return "values";
    }
}

void shape_describe(const struct shape *s, struct buf *out)
{
    switch (s->kind) {
    case SHAPE_TEXT: buf_puts(out, "a text"); break;
    case SHAPE_NAME: buf_puts(out, "a name (letters, digits, `-`, `_`)"); break;
    case SHAPE_COLUMN: buf_puts(out, "the name of a column"); break;
    case SHAPE_PATH: buf_puts(out, "the path of a file"); break;
    case SHAPE_CHAR: buf_puts(out, "one character"); break;
    case SHAPE_INTEGER:
    case SHAPE_NUMBER: describe_bounds(s, out); break;
    case SHAPE_BOOLEAN: buf_puts(out, "true or false"); break;
    case SHAPE_SCALAR: buf_puts(out, "a single value"); break;
    case SHAPE_CHOICE: describe_choices(s, out); break;
    case SHAPE_GATE: buf_puts(out, "a condition over metrics"); break;
    case SHAPE_FORMULA: buf_puts(out, "arithmetic over columns"); break;
    case SHAPE_ROWS: buf_puts(out, "a condition over columns"); break;
    case SHAPE_REFERENCE: buf_puts(out, "the name of a data source or stage"); break;
    case SHAPE_RANGE: buf_puts(out, "a range [low, high]"); break;
    case SHAPE_LIST: buf_printf(out, "a list of %s", plural(s->a)); break;
    case SHAPE_MAP:
        buf_printf(out, "a map of %s to ", s->text);
        shape_describe(s->a, out);
        break;
    case SHAPE_OBJECT: buf_puts(out, "a map"); break;
    case SHAPE_EITHER:
        shape_describe(s->a, out);
        buf_puts(out, " or ");
        shape_describe(s->b, out);
        break;
    }
}
