/* SPDX-License-Identifier: Apache-2.0
 * Walks the tree of slipway.yaml by the key table: unknown, missing and later keys, kinds and
 * ranges of values. References are filled in on the way. */
#include "project/project_int.h"

#include <math.h>
#include <stdio.h>

#include "base/limits.h"

/* Where we are, for messages. */
struct context {
    const char *where; /* "stage `train`", "the project file" */
    const char *key;   /* "`alpha`" */
    int in_step;       /* inside an item of `do` or `expect`: empty lists make no sense */
};

static void check_value(struct reader *r, const struct shape *s, struct yaml_node *n,
                        const struct context *c);
static void check_object(struct reader *r, const char *object, struct yaml_node *n,
                         const struct context *c);

const struct yaml_node *reader_get(const struct yaml_node *map, const char *key)
{
    const struct yaml_node *v = yaml_get(map, key);
    return v && !v->bad ? v : NULL;
}

int reader_meant(const struct yaml_node *map, const char *object, const char *name)
{
    for (size_t i = 0; map && map->kind == YAML_IS_MAP && i < map->n; i++) {
        const struct yaml_node *key = map->pairs[i].key;
        const struct key *meant = key->bad ? key_meant(object, key->text) : NULL;
        if (meant && strcmp(meant->name, name) == 0)
            return 1;
    }
    return 0;
}

int reader_is_name(str_t s, int ascii)
{
    if (!s.n || s.n > LIMIT_NAME)
        return 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        int letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     (!ascii && (unsigned char)c >= 0x80);
        int other = (c >= '0' && c <= '9') || c == '-' || c == '_';
        if (!letter && !(other && i > 0))
            return 0;
    }
    return 1;
}

static const char *cut(struct reader *r, str_t s)
{
    return s.n > 60 ? arena_printf(r->arena, "%.*s…", 57, s.p)
                    : arena_printf(r->arena, "%.*s", STR_ARG(s));
}

/* ---- values ---- */

static void wrong_kind(struct reader *r, const struct shape *s, struct yaml_node *n,
                       const struct context *c)
{
    struct buf b;
    buf_init(&b, 400);
    shape_describe(s, &b);
    struct diag *g =
        diag_add(r->diags, "E107", n->place, "%s must be %s", c->key, b.p ? b.p : "another value");
    const char *more =
        n->kind == YAML_IS_STRING && n->quoted && !n->extra ? " because of the quotes" : "";
    struct yaml_node plain = *n;
    plain.quoted = 0;
    if (yaml_is_scalar(n))
        yaml_resolve(&plain);
    diag_label(r->diags, g, "this is %s%s", yaml_kind_name(n->kind),
               plain.kind != n->kind ? more : "");
    if (s->kind == SHAPE_LIST && yaml_is_scalar(n) && n->kind != YAML_IS_NULL)
        diag_note(r->diags, g, "help", "write `[%s]`", cut(r, n->text));
    if (n->extra)
        diag_note(r->diags, g, "note", "after filling in, the value is `%s`", cut(r, n->text));
    buf_fini(&b);
    n->bad = 1;
}

static void out_of_range(struct reader *r, const struct shape *s, struct yaml_node *n,
                         const struct context *c)
{
    struct buf b;
    buf_init(&b, 400);
    shape_describe(s, &b);
    struct diag *g =
        diag_add(r->diags, "E108", n->place, "%s must be %s", c->key, b.p ? b.p : "another value");
    diag_label(r->diags, g, "found %s", cut(r, n->text));
    buf_fini(&b);
    n->bad = 1;
}

static void check_number(struct reader *r, const struct shape *s, struct yaml_node *n,
                         const struct context *c)
{
    int number =
        n->kind == YAML_IS_INT ||
        (n->kind == YAML_IS_FLOAT && (s->kind == SHAPE_NUMBER || n->number == rint(n->number)));
    if (!number || isnan(n->number))
        wrong_kind(r, s, n, c);
    else if ((s->low != 0 || s->high != 0) && !(n->number >= s->low && n->number <= s->high))
        out_of_range(r, s, n, c);
}

/* Model families and scalings that other tools have and later versions will have. */
static int is_later_choice(str_t word)
{
    static const char *const later[] = { "lasso",
                                         "elastic_net",
                                         "logistic_regression",
                                         "decision_tree",
                                         "random_forest",
                                         "xgboost",
                                         "lightgbm",
                                         "gradient_boosting",
                                         "svm",
                                         "knn",
                                         "naive_bayes",
                                         "kmeans",
                                         "mlp",
                                         "poisson",
                                         "maxabs",
                                         "quantile",
                                         "power",
                                         "group" };
    for (size_t i = 0; i < ARRAY_LEN(later); i++)
        if (str_is(word, later[i]))
            return 1;
    return 0;
}

static void check_choice(struct reader *r, const struct shape *s, struct yaml_node *n,
                         const struct context *c)
{
    str_t words[16];
    const char *names[16];
    size_t count = shape_choices(s, words, ARRAY_LEN(words));
    if (n->kind != YAML_IS_STRING) {
        wrong_kind(r, s, n, c);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        names[i] = arena_printf(r->arena, "%.*s", STR_ARG(words[i]));
        if (str_eq(words[i], n->text))
            return;
    }
    struct buf b;
    buf_init(&b, 400);
    shape_describe(s, &b);
    struct diag *g =
        diag_add(r->diags, "E108", n->place, "%s must be %s", c->key, b.p ? b.p : "another value");
    if (is_later_choice(n->text))
        diag_label(r->diags, g, "`%s` comes in a later version", cut(r, n->text));
    else if (!diag_suggest(r->diags, g, n->text, names, count))
        diag_label(r->diags, g, "found `%s`", cut(r, n->text));
    buf_fini(&b);
    n->bad = 1;
}

static void check_name(struct reader *r, struct yaml_node *n, const char *what, int ascii)
{
    if (reader_is_name(n->text, ascii))
        return;
    struct diag *g =
        diag_add(r->diags, "E112", n->place, "%s is not a name that can be used", what);
    diag_label(r->diags, g, "a letter first, then letters, digits, `-`, `_`");
    n->bad = 1;
}

/* Texts: a column may be called 1 or true, so other scalars are taken by their spelling. */
static void check_text(struct reader *r, const struct shape *s, struct yaml_node *n,
                       const struct context *c)
{
    int any = s->kind == SHAPE_COLUMN || s->kind == SHAPE_SCALAR || s->kind == SHAPE_TEXT;
    if (n->kind != YAML_IS_STRING && !(any && n->kind != YAML_IS_NULL)) {
        wrong_kind(r, s, n, c);
        return;
    }
    if (s->kind == SHAPE_NAME)
        check_name(r, n, c->key, 1);
    else if (s->kind == SHAPE_CHAR && (n->text.n != 1 || (unsigned char)n->text.p[0] >= 0x80))
        out_of_range(r, s, n, c);
    else if ((s->kind == SHAPE_COLUMN || s->kind == SHAPE_PATH) && !n->text.n)
        wrong_kind(r, s, n, c);
}

static void check_scalar(struct reader *r, const struct shape *s, struct yaml_node *n,
                         const struct context *c)
{
    int expression = s->kind == SHAPE_GATE || s->kind == SHAPE_FORMULA || s->kind == SHAPE_ROWS;
    if (!yaml_is_scalar(n)) {
        wrong_kind(r, s, n, c);
        return;
    }
    reader_expand(r, n, expression);
    if (n->bad)
        return;
    switch (s->kind) {
    case SHAPE_INTEGER:
    case SHAPE_NUMBER: check_number(r, s, n, c); break;
    case SHAPE_BOOLEAN:
        if (n->kind != YAML_IS_BOOL)
            wrong_kind(r, s, n, c);
        break;
    case SHAPE_CHOICE: check_choice(r, s, n, c); break;
    case SHAPE_GATE:
    case SHAPE_FORMULA:
    case SHAPE_ROWS:
        if (n->kind == YAML_IS_NULL)
            wrong_kind(r, s, n, c);
        break;
    default: check_text(r, s, n, c);
    }
}

static void check_range(struct reader *r, const struct shape *s, struct yaml_node *n,
                        const struct context *c)
{
    if (n->kind != YAML_IS_LIST || n->n != 2) {
        wrong_kind(r, s, n, c);
        return;
    }
    const struct shape number = { .kind = SHAPE_NUMBER };
    double ends[2] = { -INFINITY, INFINITY };
    for (size_t i = 0; i < 2; i++) {
        struct context inner = { c->where,
                                 i ? "the upper end of the range" : "the lower end of the range",
                                 0 };
        reader_expand(r, n->items[i], 0);
        if (n->items[i]->kind != YAML_IS_NULL)
            check_value(r, &number, n->items[i], &inner);
        if (n->items[i]->bad)
            n->bad = 1;
        else if (n->items[i]->kind != YAML_IS_NULL)
            ends[i] = n->items[i]->number;
    }
    if (!n->bad && ends[0] > ends[1]) {
        struct diag *g = diag_add(r->diags, "E108", n->place, "the range of %s is empty", c->key);
        diag_label(r->diags, g, "the lower end comes first");
        n->bad = 1;
    }
}

static int refuse_empty(struct reader *r, struct yaml_node *n, const struct context *c)
{
    if (!c->in_step || n->n)
        return 0;
    struct diag *g =
        diag_add(r->diags, "E214", n->place, "%s names nothing, so it does nothing", c->key);
    diag_note(r->diags, g, "help", "name columns, or leave the step out");
    n->bad = 1;
    return 1;
}

static void check_list(struct reader *r, const struct shape *s, struct yaml_node *n,
                       const struct context *c)
{
    if (n->kind != YAML_IS_LIST) {
        wrong_kind(r, s, n, c);
        return;
    }
    if (refuse_empty(r, n, c))
        return;
    for (size_t i = 0; i < n->n; i++) {
        int steps = s->a->kind == SHAPE_OBJECT || s->a->kind == SHAPE_EITHER;
        struct context inner = { c->where,
                                 steps ? arena_printf(r->arena, "an item of %s", c->key) : c->key,
                                 steps };
        if (s->a->kind == SHAPE_COLUMN)
            inner.key = arena_printf(r->arena, "an item of %s", c->key);
        check_value(r, s->a, n->items[i], &inner);
    }
}

/* Phrase for an entry of one of the file's maps. */
static const char *entry_name(struct reader *r, const struct context *c, str_t name)
{
    if (strcmp(c->key, "`stages`") == 0)
        return arena_printf(r->arena, "stage `%s`", cut(r, name));
    if (strcmp(c->key, "`data`") == 0)
        return arena_printf(r->arena, "data source `%s`", cut(r, name));
    if (strcmp(c->key, "`params`") == 0)
        return arena_printf(r->arena, "parameter `%s`", cut(r, name));
    return arena_printf(r->arena, "`%s`", cut(r, name));
}

static void check_map(struct reader *r, const struct shape *s, struct yaml_node *n,
                      const struct context *c)
{
    int names = strcmp(s->text, "names") == 0, stages = strcmp(c->key, "`stages`") == 0;
    if (n->kind != YAML_IS_MAP) {
        wrong_kind(r, s, n, c);
        return;
    }
    if (refuse_empty(r, n, c))
        return;
    for (size_t i = 0; i < n->n; i++) {
        struct yaml_pair *p = &n->pairs[i];
        const char *entry = entry_name(r, c, p->key->text);
        struct context inner = { entry, entry, c->in_step };
        if (names)
            check_name(r, p->key, arena_printf(r->arena, "`%s`", cut(r, p->key->text)), 0);
        r->stage = stages ? p->key->text.p : r->stage;
        r->use_n = stages ? 0 : r->use_n;
        check_value(r, s->a, p->value, &inner);
        if (stages && r->use_n) {
            struct stage_use *uses = arena_alloc(r->arena, (r->use_n + 1) * sizeof *uses);
            memcpy(uses, r->uses, r->use_n * sizeof *uses);
            p->key->extra = uses; /* ends with a NULL name; plan.c takes it */
        }
        r->stage = stages ? NULL : r->stage;
    }
}

static int either_takes(const struct shape *s, const struct yaml_node *n)
{
    switch (s->kind) {
    case SHAPE_EITHER: return either_takes(s->a, n) || either_takes(s->b, n);
    case SHAPE_LIST:
    case SHAPE_RANGE: return n->kind == YAML_IS_LIST;
    case SHAPE_MAP:
    case SHAPE_OBJECT: return n->kind == YAML_IS_MAP;
    default: return yaml_is_scalar(n);
    }
}

static void check_value(struct reader *r, const struct shape *s, struct yaml_node *n,
                        const struct context *c)
{
    if (n->checked)
        return;
    if (s->kind == SHAPE_EITHER) {
        if (either_takes(s->a, n))
            check_value(r, s->a, n, c);
        else if (either_takes(s->b, n))
            check_value(r, s->b, n, c);
        else
            wrong_kind(r, s, n, c);
        return;
    }
    n->checked = 1;
    switch (s->kind) {
    case SHAPE_LIST: check_list(r, s, n, c); break;
    case SHAPE_MAP: check_map(r, s, n, c); break;
    case SHAPE_RANGE: check_range(r, s, n, c); break;
    case SHAPE_OBJECT: check_object(r, s->text, n, c); break;
    default: check_scalar(r, s, n, c);
    }
}

/* ---- keys ---- */

static int is_operation_list(const char *object)
{
    return strcmp(object, "step") == 0 || strcmp(object, "rule") == 0;
}

static void list_keys(struct reader *r, struct diag *g, const char *object, const char *where)
{
    struct buf b;
    if (strcmp(object, "stage") == 0) {
        diag_note(r->diags, g, "note",
                  "a stage has one of: do, model, gates, or the keys of a split (by, train, valid, "
                  "test)");
        return;
    }
    buf_init(&b, 800);
    const struct key *k;
    for (size_t i = 0, n = 0; (k = key_at(i)) != NULL; i++)
        if (strcmp(k->object, object) == 0 && !(k->flags & KEY_LATER))
            buf_printf(&b, "%s%s", n++ ? ", " : "", k->name);
    diag_note(r->diags, g, "note", "keys of %s: %s", where, b.p ? b.p : "");
    buf_fini(&b);
}

static void unknown_key(struct reader *r, const char *object, struct yaml_node *key,
                        const struct context *c)
{
    const struct key *meant = key_meant(object, key->text);
    struct diag *g = diag_add(r->diags, "E104", key->place, "unknown key `%s` in %s",
                              cut(r, key->text), c->where);
    key->bad = 1;
    if (meant) {
        struct buf b;
        buf_init(&b, 300);
        key_others(meant, &b);
        diag_label(r->diags, g, "did you mean `%s`?%s%s%s", meant->name, b.n ? "  (" : "",
                   b.n ? b.p : "", b.n ? ")" : "");
        if (meant->flags & KEY_LATER)
            diag_note(r->diags, g, "note", "`%s` comes in a later version", meant->name);
        buf_fini(&b);
    }
    list_keys(r, g, object, c->where);
    diag_note(r->diags, g, "help", "slipway help E104");
}

static void later_key(struct reader *r, const struct key *k, struct yaml_node *key,
                      const struct context *c)
{
    struct diag *g = diag_add(r->diags, "E106", key->place, "`%s` in %s comes in a later version",
                              k->name, c->where);
    diag_label(r->diags, g, "not in this version yet");
    diag_note(r->diags, g, "note", "%s: %s", k->name, k->prose);
    diag_note(r->diags, g, "help", "leave it out for now");
    key->bad = 1;
}

static void missing_keys(struct reader *r, const char *object, const struct yaml_node *n,
                         const struct context *c)
{
    const struct key *k;
    for (size_t i = 0; (k = key_at(i)) != NULL; i++) {
        if (strcmp(k->object, object) != 0 || !(k->flags & KEY_REQUIRED) || yaml_get(n, k->name) ||
            reader_meant(n, object, k->name))
            continue;
        struct yaml_place place =
            strcmp(object, "file") == 0 ? (struct yaml_place){ 1, 1, 1 } : n->place;
        struct diag *g = diag_add(r->diags, "E105", place, "%s has no `%s`", c->where, k->name);
        const char *nl = strchr(k->example, '\n');
        if (nl)
            diag_note(r->diags, g, "help", "for example `%.*s` and below it `%s`",
                      (int)(nl - k->example), k->example, nl + 3);
        else
            diag_note(r->diags, g, "help", "for example `%s`", k->example);
    }
}

/* An item of `do` or `expect` is exactly one operation. */
static void check_operation_count(struct reader *r, const char *object, struct yaml_node *n)
{
    size_t count = 0, unknown = 0;
    const struct yaml_node *second = NULL;
    for (size_t i = 0; i < n->n; i++) {
        str_t name = n->pairs[i].key->text;
        unknown += n->pairs[i].key->bad != 0;
        if (str_is(name, "severity") || str_is(name, "mostly"))
            continue;
        if (++count == 2)
            second = n->pairs[i].key;
    }
    const char *what = strcmp(object, "step") == 0 ? "step" : "rule";
    if (count > 1 && !unknown) {
        struct diag *g =
            diag_add(r->diags, "E215", second->place, "one item of the list has two %ss", what);
        diag_label(r->diags, g, "begin a new item here: `- %s: …`", cut(r, second->text));
        n->bad = 1;
    } else if (count == 0 && !unknown) {
        diag_add(r->diags, "E215", n->place, "this item names no %s", what);
        n->bad = 1;
    }
}

static int is_split_key(const char *name)
{
    static const char *const names[] = { "by", "train", "valid", "test", "stratify" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(name, names[i]) == 0)
            return 1;
    return 0;
}

/* The kind that a key of a stage belongs to; NULL for input and expect. */
static const char *kind_of_key(str_t key)
{
    static const char *const of_split[] = { "key", "time", "seed" };
    static const char *const of_model[] = { "model", "alpha", "intercept", "features", "exclude" };
    const char *z = key.p;
    if (is_split_key(z))
        return "split";
    for (size_t i = 0; i < ARRAY_LEN(of_split); i++)
        if (strcmp(z, of_split[i]) == 0)
            return "split";
    for (size_t i = 0; i < ARRAY_LEN(of_model); i++)
        if (strcmp(z, of_model[i]) == 0)
            return "model";
    return strcmp(z, "do") == 0 ? "do" : strcmp(z, "gates") == 0 ? "gates" : NULL;
}

static int makes_kind(str_t key)
{
    return is_split_key(key.p) || str_is(key, "do") || str_is(key, "model") || str_is(key, "gates");
}

static void check_stage_kind(struct reader *r, struct yaml_node *n, const struct context *c)
{
    const char *kind = NULL;
    int unknown = 0, conflict = 0;
    for (size_t i = 0; i < n->n; i++) {
        struct yaml_node *key = n->pairs[i].key;
        unknown |= key->bad;
        const char *here = kind_of_key(key->text);
        if (!makes_kind(key->text) || (kind && strcmp(kind, here) == 0))
            continue;
        if (kind && !conflict) {
            struct diag *g = diag_add(r->diags, "E109", key->place,
                                      "%s is two things at once: %s and %s", c->where, kind, here);
            diag_label(r->diags, g, "make a stage of its own for this");
            diag_note(r->diags, g, "note",
                      "a stage has exactly one of: do, model, gates, or the keys of a split");
            conflict = 1;
        }
        kind = kind ? kind : here;
    }
    if (!kind && !unknown) {
        struct diag *g = diag_add(r->diags, "E109", n->place, "%s does nothing", c->where);
        diag_note(
            r->diags, g, "help",
            "give it one of: do, model, gates, or the keys of a split (by, train, valid, test)");
    }
    if (!kind || conflict || unknown) {
        n->bad = !kind || conflict;
        return;
    }
    for (size_t i = 0; i < n->n; i++) {
        struct yaml_node *key = n->pairs[i].key;
        const char *here = kind_of_key(key->text);
        int expect =
            str_is(key->text, "expect") && (strcmp(kind, "do") != 0 && strcmp(kind, "split") != 0);
        if ((here && strcmp(here, kind) != 0) || expect)
            diag_add(r->diags, "E111", key->place, "`%s` has no meaning in %s, which is a %s stage",
                     key->text.p, c->where, kind);
    }
}

static void check_key(struct reader *r, const char *object, struct yaml_pair *pair,
                      const struct context *c)
{
    const struct key *k = key_find(object, pair->key->text);
    if (!k) {
        unknown_key(r, object, pair->key, c);
        return;
    }
    if (k->flags & KEY_LATER) {
        later_key(r, k, pair->key, c);
        return;
    }
    int acts = is_operation_list(object) || strcmp(object, "one_hot") == 0;
    struct context inner = { c->where, arena_printf(r->arena, "`%s`", k->name),
                             acts && strcmp(k->name, "drop_duplicates") != 0 };
    check_value(r, k->shape, pair->value, &inner);
}

static void check_object(struct reader *r, const char *object, struct yaml_node *n,
                         const struct context *c)
{
    if (n->kind != YAML_IS_MAP) {
        struct diag *g = diag_add(r->diags, "E107", n->place, "%s must be a map", c->key);
        diag_label(r->diags, g, "this is %s", yaml_kind_name(n->kind));
        list_keys(r, g, object, c->where);
        n->bad = 1;
        return;
    }
    struct context inner = *c;
    if (strcmp(object, "step") == 0)
        inner.where = arena_printf(r->arena, "a step of `do`");
    else if (strcmp(object, "rule") == 0)
        inner.where = arena_printf(r->arena, "a rule of `expect`");
    else if (strcmp(object, "one_hot") == 0 || strcmp(object, "drop") == 0 ||
             strcmp(object, "deploy") == 0 || strcmp(object, "monitor") == 0 ||
             strcmp(object, "strategy") == 0 || strcmp(object, "budget") == 0 ||
             strcmp(object, "retrain") == 0)
        inner.where = arena_printf(r->arena, "`%s`", object);
    else if (strcmp(object, "alert") == 0)
        inner.where = arena_printf(r->arena, "an alert");
    else if (strcmp(object, "trigger") == 0)
        inner.where = arena_printf(r->arena, "a trigger");
    else if (strncmp(object, "monitor_", 8) == 0)
        inner.where = arena_printf(r->arena, "`%s`", object + 8);
    for (size_t i = 0; i < n->n; i++)
        check_key(r, object, &n->pairs[i], &inner);
    missing_keys(r, object, n, &inner);
    if (is_operation_list(object))
        check_operation_count(r, object, n);
    if (strcmp(object, "stage") == 0)
        check_stage_kind(r, n, &inner);
}

/* `params` first, because everything else may refer to them. */
void reader_check_file(struct reader *r)
{
    struct context c = { "the project file", "the project file", 0 };
    if (r->root->kind == YAML_IS_MAP) {
        const struct yaml_pair *params = yaml_find(r->root, "params");
        struct context inner = { "the project file", "`params`", 0 };
        if (params)
            check_value(r, key_find("file", STR("params"))->shape, params->value, &inner);
        reader_params(r, params ? params->value : NULL);
    }
    check_object(r, "file", r->root, &c);
}
