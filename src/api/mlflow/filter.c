/* SPDX-License-Identifier: Apache-2.0
 * MLflow's search grammar: comparisons joined by AND, five dialects that differ in what may be
 * named, and the messages of its server. Evaluation of runs is left to track's expression
 * language; lists that fit into memory are matched here. */
#include <math.h>
#include <strings.h>

#include "api/mlflow/filter.h"
#include "base/limits.h"
#include "base/num.h"
#include "codec/expr.h"

/* ---- tables ---- */

struct dialect {
    const char *const *attributes; /* that a filter may name */
    const char *const *numeric;
    const char *shown; /* the set in messages */
};

static const char *const run_attributes[] = {
    "run_id",     "run_name",     "created",  "Created", "Run name", "run name", "Run Name",
    "start_time", "artifact_uri", "end_time", "status",  "user_id",  NULL
};
static const char *const run_numeric[] = { "start_time", "end_time", "created", "Created", NULL };
static const char *const experiment_attributes[] = { "name", "creation_time", "last_update_time",
                                                     NULL };
static const char *const experiment_numeric[] = { "creation_time", "last_update_time", NULL };
static const char *const model_attributes[] = { "name", NULL };
static const char *const no_attributes[] = { NULL };
static const char *const version_attributes[] = { "name", "version_number", "run_id", "source_path",
                                                  NULL };
static const char *const version_numeric[] = { "version_number", "creation_timestamp",
                                               "last_updated_timestamp", NULL };
static const char *const logged_attributes[] = { "name",
                                                 "model_id",
                                                 "model_type",
                                                 "status",
                                                 "source_run_id",
                                                 "experiment_id",
                                                 "artifact_location",
                                                 "creation_timestamp_ms",
                                                 "last_updated_timestamp_ms",
                                                 NULL };
static const char *const logged_numeric[] = { "creation_timestamp_ms", "last_updated_timestamp_ms",
                                              NULL };

static const struct dialect dialects[] = {
    [MLF_G_RUNS] = { run_attributes, run_numeric, NULL },
    [MLF_G_EXPERIMENTS] = { experiment_attributes, experiment_numeric, NULL },
    [MLF_G_MODELS] = { model_attributes, no_attributes, NULL },
    [MLF_G_VERSIONS] = { version_attributes, version_numeric, NULL },
    [MLF_G_LOGGED_MODELS] = { logged_attributes, logged_numeric, NULL },
};

#define SET_STRING "{'=', '!=', 'LIKE', 'ILIKE', 'IN', 'NOT IN'}"
#define SET_NUMBER "{'>', '>=', '!=', '=', '<', '<='}"
#define SET_NULLS "{'!=', '=', 'LIKE', 'ILIKE', 'IS NULL', 'IS NOT NULL'}"

static int is_in(const char *word, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(word, *list) == 0)
            return 1;
    return 0;
}

static const char *set_text(struct mlf *m, const char *const *list)
{
    const char *text = "";
    for (; *list; list++)
        text = arena_printf(m->a, "%s%s'%s'", text, *text ? ", " : "", *list);
    return arena_printf(m->a, "{%s}", text);
}

static const char *of(struct mlf *m, str_t s)
{
    return arena_strndup(m->a, s.p, s.n);
}

/* ---- names ---- */

static str_t unquote(str_t s, const char *quotes)
{
    for (; *quotes; quotes++)
        if (s.n >= 2 && s.p[0] == *quotes && s.p[s.n - 1] == *quotes)
            return (str_t){ s.p + 1, s.n - 2 };
    return s;
}

static const char *entity_of(str_t name)
{
    static const char *const names[][2] = {
        { "metric", "metric" },
        { "metrics", "metric" },
        { "parameter", "parameter" },
        { "parameters", "parameter" },
        { "param", "parameter" },
        { "params", "parameter" },
        { "tag", "tag" },
        { "tags", "tag" },
        { "attribute", "attribute" },
        { "attr", "attribute" },
        { "attributes", "attribute" },
        { "run", "attribute" },
        { "dataset", "dataset" },
        { "datasets", "dataset" },
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_is(name, names[i][0]))
            return names[i][1];
    return NULL;
}

static int bad_attribute(struct mlf *m, str_t key, const char *const *valid)
{
    return mlf_fail(m, MLF_INVALID, "Invalid attribute key '%.*s' specified. Valid keys are '%s'",
                    STR_ARG(key), set_text(m, valid));
}

static int run_identifier(struct mlf *m, str_t text, const char *const *valid, struct mlf_clause *c)
{
    static const char *const parts[] = { "context", "name", "digest", NULL };
    str_t entity = STR("attribute"), key = text;
    if (str_cut(text, '.', &entity, &key))
        entity = unquote(entity, "`");
    else
        key = text, entity = STR("attribute");
    c->type = entity_of(entity);
    if (!c->type)
        return mlf_fail(m, MLF_INVALID,
                        "Invalid entity type '%.*s'. Valid values are ['metric', 'parameter', "
                        "'tag', 'attribute', 'dataset']",
                        STR_ARG(entity));
    key = unquote(unquote(key, "'\""), "`");
    c->key = of(m, key);
    if (strcmp(c->type, "attribute") == 0 && !is_in(c->key, valid))
        return bad_attribute(m, key, valid);
    if (strcmp(c->type, "dataset") == 0 && !is_in(c->key, parts))
        return mlf_fail(m, MLF_INVALID, "Invalid dataset key '%s' specified. Valid keys are '%s'",
                        c->key, set_text(m, parts));
    return 0;
}

static int other_identifier(struct mlf *m, enum mlf_grammar g, str_t text, const char *const *valid,
                            struct mlf_clause *c)
{
    str_t entity = STR("attribute"), key = text;
    if (!str_cut(text, '.', &entity, &key)) {
        key = text, entity = STR("attribute");
        if (g != MLF_G_EXPERIMENTS && !is_in(of(m, key), valid))
            return bad_attribute(m, key, valid); /* the registry knows no quoted attributes */
    }
    int tag = str_is(entity, "tag") || str_is(entity, "tags");
    if (!tag && !str_is(entity, "attribute"))
        return mlf_fail(m, MLF_INVALID,
                        "Invalid entity type '%.*s'. Valid entity types are ('attribute', 'tag', "
                        "'tags')",
                        STR_ARG(entity));
    c->type = tag ? "tag" : "attribute";
    key = unquote(unquote(key, "'\""), "`");
    c->key = of(m, key);
    if (!tag && !is_in(c->key, valid))
        return bad_attribute(m, key, valid);
    return 0;
}

static const char *logged_alias(const char *key)
{
    return strcmp(key, "creation_time") == 0 || strcmp(key, "creation_timestamp") == 0
               ? "creation_timestamp_ms"
           : strcmp(key, "last_updated_timestamp") == 0 ? "last_updated_timestamp_ms"
                                                        : key;
}

static int logged_identifier(struct mlf *m, str_t text, struct mlf_clause *c)
{
    static const char *const entities[][2] = { { "attributes", "attribute" },
                                               { "metrics", "metric" },
                                               { "params", "parameter" },
                                               { "tags", "tag" } };
    str_t entity, key;
    c->type = "attribute";
    if (str_cut(text, '.', &entity, &key)) {
        c->type = NULL;
        for (size_t i = 0; i < ARRAY_LEN(entities); i++)
            if (str_is(entity, entities[i][0]))
                c->type = entities[i][1];
        if (!c->type)
            return mlf_fail(m, MLF_INVALID,
                            "Invalid entity type: '%.*s'. Expected one of ['attributes', "
                            "'metrics', 'params', 'tags'].",
                            STR_ARG(entity));
        c->key = of(m, unquote(key, "`"));
    } else {
        c->key = logged_alias(of(m, unquote(text, "`")));
    }
    return 0;
}

static int logged_known(struct mlf *m, const struct mlf_clause *c)
{
    if (strcmp(c->type, "attribute") == 0 && !is_in(c->key, logged_attributes))
        return mlf_fail(m, MLF_INVALID, "Invalid attribute '%s' of a logged model; known are %s",
                        c->key, set_text(m, logged_attributes));
    return 0;
}

static int identifier(struct mlf *m, enum mlf_grammar g, str_t text, struct mlf_clause *c)
{
    if (g == MLF_G_RUNS)
        return run_identifier(m, text, run_attributes, c);
    if (g == MLF_G_LOGGED_MODELS)
        return logged_identifier(m, text, c);
    return other_identifier(m, g, text, dialects[g].attributes, c);
}

/* ---- values ---- */

static int is_numeric(enum mlf_grammar g, const struct mlf_clause *c)
{
    return strcmp(c->type, "metric") == 0 ||
           (strcmp(c->type, "attribute") == 0 && is_in(c->key, dialects[g].numeric));
}

static int text_value(struct mlf *m, const struct word *w, struct mlf_clause *c)
{
    str_t inner = unquote(w->text, "'\"");
    if (inner.n == w->text.n)
        return mlf_fail(m, MLF_INVALID,
                        "Parameter value is either not quoted or unidentified quote types used for "
                        "string value %.*s. Use either single or double quotes.",
                        STR_ARG(w->text));
    c->text = of(m, inner);
    return 0;
}

struct list_item {
    str_t text;
    int is_text;
};

static int bad_list(struct mlf *m, const struct list_item *items, size_t n)
{
    const char *shown = "";
    for (size_t i = 0; i < n; i++)
        shown = arena_printf(m->a, "%s%s%s", shown, i ? ", " : "",
                             items[i].is_text ? mlf_py_repr(m->a, items[i].text)
                                              : of(m, items[i].text));
    return mlf_fail(m, MLF_INVALID,
                    "While parsing a list in the query, expected string value, punctuation, or "
                    "whitespace, but got different type in list: (%s%s)",
                    shown, n == 1 ? "," : "");
}

/* What stands between the brackets: texts and numbers with commas between; adjacent texts are one.
 */
static int read_list(struct mlf *m, const struct word *words, size_t n, struct list_item *items,
                     size_t *out_n)
{
    size_t k = 0;
    int after_comma = 1;
    for (size_t i = 0; i < n; i++) {
        const struct word *w = &words[i];
        int quoted_name = w->kind == WORD_NAME && w->text.p[0] == '"';
        int is_text = w->kind == WORD_STRING || quoted_name;
        if (!after_comma && w->kind == WORD_OTHER && str_is(w->text, ",")) {
            after_comma = 1;
            continue;
        }
        str_t text = is_text ? unquote(w->text, "'\"") : w->text;
        if (!after_comma && is_text && items[k - 1].is_text) {
            str_t before = items[k - 1].text;
            items[k - 1].text =
                str_of(arena_printf(m->a, "%.*s%.*s", STR_ARG(before), STR_ARG(text)));
            continue;
        }
        if (!after_comma || (!is_text && w->kind != WORD_NUMBER))
            return mlf_fail(m, MLF_INVALID,
                            "While parsing a list in the query, expected a non-empty list of "
                            "string values, but got ill-formed list.");
        items[k++] = (struct list_item){ text, is_text };
        after_comma = 0;
    }
    *out_n = k;
    return 0;
}

/* Run ids have no capitals, so that texts with one are left out; logged: every text counts, and an
 * empty list is one. */
static int list_value(struct mlf *m, const struct word *w, int logged, struct mlf_clause *c)
{
    str_t inner = { w->text.p + 1, w->text.n - 2 };
    struct word *words;
    size_t n, k = 0;
    int mixed = 0, rc = mlf__scan(m, of(m, inner), &words, &n);
    if (rc)
        return rc;
    struct list_item *items = ARENA_TRY_ARRAY(m->a, n + 1, struct list_item);
    c->list = arena_try_alloc(m->a, n + 1, sizeof *c->list);
    if (!items || !c->list)
        return ERR(m->err, ERR_NOMEM, "the filter does not fit in memory");
    rc = read_list(m, words, n, items, &k);
    if (rc)
        return rc;
    for (size_t i = 0; i < k; i++)
        mixed |= !items[i].is_text;
    if (!k && !logged)
        return mlf_fail(m, MLF_INVALID,
                        "While parsing a list in the query, expected a non-empty list of string "
                        "values, but got empty list");
    if (mixed)
        return bad_list(m, items, k);
    for (size_t i = 0; i < k; i++) {
        const char *one = of(m, items[i].text), *lower = mlf_lower(m->a, one);
        int has_letter = strcspn(one, "abcdefghijklmnopqrstuvwxyz") < strlen(one);
        if (logged || (strcmp(one, lower) == 0 && has_letter))
            c->list[c->list_n++] = one;
    }
    return 0;
}

static int run_value(struct mlf *m, enum mlf_grammar g, const struct word *w, struct mlf_clause *c)
{
    int is_text = w->kind == WORD_STRING || w->kind == WORD_NAME;
    int attribute = strcmp(c->type, "attribute") == 0, dataset = strcmp(c->type, "dataset") == 0;
    if (is_numeric(g, c)) {
        if (w->kind == WORD_NUMBER) {
            c->is_number = 1;
            return parse_double(w->text, &c->number) ? mlf_fail(m, MLF_INVALID, "bad number") : 0;
        }
        if (attribute)
            return mlf_fail(m, MLF_INVALID,
                            "Expected numeric value type for numeric attribute: %s. Found %.*s",
                            c->key, STR_ARG(w->text));
        return mlf_fail(m, MLF_INVALID, "Expected numeric value type for metric. Found %.*s",
                        STR_ARG(w->text));
    }
    if (is_text)
        return text_value(m, w, c);
    if ((attribute || dataset) && w->kind == WORD_LIST) {
        if (attribute && strcmp(c->key, "run_id") != 0)
            return mlf_fail(m, MLF_INVALID,
                            "Only the 'run_id' attribute supports comparison with a list of "
                            "quoted string values.");
        return list_value(m, w, 0, c);
    }
    if (attribute || dataset)
        return mlf_fail(m, MLF_INVALID, "Expected a quoted string value for %s. Got value %.*s",
                        attribute ? "attributes" : "dataset attributes", STR_ARG(w->text));
    return mlf_fail(m, MLF_INVALID,
                    "Expected a quoted string value for %s (e.g. 'my-value'). Got value %.*s",
                    c->type, STR_ARG(w->text));
}

static int registry_value(struct mlf *m, enum mlf_grammar g, const struct word *w,
                          struct mlf_clause *c)
{
    if (w->kind == WORD_STRING || w->kind == WORD_NAME)
        return text_value(m, w, c);
    if (strcmp(c->type, "tag") == 0)
        return mlf_fail(m, MLF_INVALID,
                        "Expected a quoted string value for tag (e.g. 'my-value'). Got value %.*s",
                        STR_ARG(w->text));
    if (w->kind == WORD_LIST) {
        if (strcmp(c->key, "run_id") != 0)
            return mlf_fail(m, MLF_INVALID,
                            "Only the 'run_id' attribute supports comparison with a list of "
                            "quoted string values.");
        return list_value(m, w, 0, c);
    }
    if (g == MLF_G_VERSIONS && w->kind == WORD_NUMBER) {
        if (!is_numeric(g, c))
            return mlf_fail(m, MLF_INVALID,
                            "Only the '%s' attributes support comparison with numeric values.",
                            set_text(m, version_numeric));
        c->is_number = 1;
        return parse_double(w->text, &c->number) ? mlf_fail(m, MLF_INVALID, "bad number") : 0;
    }
    return mlf_fail(m, MLF_INVALID,
                    "Expected a quoted string value or a list of quoted string values for "
                    "attributes. Got value %.*s",
                    STR_ARG(w->text));
}

static int logged_value(struct mlf *m, const struct word *w, struct mlf_clause *c)
{
    if (is_numeric(MLF_G_LOGGED_MODELS, c)) {
        c->is_number = 1;
        return parse_double(w->text, &c->number)
                   ? mlf_fail(m, MLF_INVALID, "could not convert string to float: %s",
                              mlf_py_repr(m->a, w->text))
                   : 0;
    }
    if (w->kind == WORD_LIST)
        return list_value(m, w, 1, c);
    str_t text = w->text; /* whatever it is; every quote at its ends goes */
    while (text.n && text.p[0] == '\'')
        text = (str_t){ text.p + 1, text.n - 1 };
    while (text.n && text.p[text.n - 1] == '\'')
        text.n--;
    c->text = of(m, text);
    return 0;
}

/* ---- comparators ---- */

static const struct {
    const char *text;
    enum mlf_op op;
} ops[] = { { "=", MLF_EQ },
            { "!=", MLF_NE },
            { "<", MLF_LT },
            { "<=", MLF_LE },
            { ">", MLF_GT },
            { ">=", MLF_GE },
            { "LIKE", MLF_LIKE },
            { "ILIKE", MLF_ILIKE },
            { "IN", MLF_IN },
            { "NOT IN", MLF_NOT_IN },
            { "IS NULL", MLF_IS_NULL },
            { "IS NOT NULL", MLF_IS_NOT_NULL } };

static int op_of(const char *text)
{
    for (size_t i = 0; i < ARRAY_LEN(ops); i++)
        if (strcmp(ops[i].text, text) == 0)
            return (int)ops[i].op;
    return -1;
}

static int run_op(struct mlf *m, int number, const struct mlf_clause *c, const char *text, int op)
{
    int order = op >= MLF_LT && op <= MLF_GE;
    int equal = op == MLF_EQ || op == MLF_NE;
    int like = op == MLF_LIKE || op == MLF_ILIKE, in = op == MLF_IN || op == MLF_NOT_IN;
    int null = op == MLF_IS_NULL || op == MLF_IS_NOT_NULL;
    int attribute = strcmp(c->type, "attribute") == 0, dataset = strcmp(c->type, "dataset") == 0;
    if (number ? equal || order : equal || like || ((attribute || dataset) ? in : null))
        return 0;
    const char *set = strcmp(c->type, "metric") == 0 ? SET_NUMBER
                      : attribute || dataset         ? SET_STRING
                                                     : SET_NULLS;
    const char *end = strcmp(c->type, "parameter") == 0 || (attribute && !number) ? "'" : "";
    return mlf_fail(m, MLF_INVALID, "Invalid comparator '%s' not one of '%s%s", text, set, end);
}

static int experiment_op(struct mlf *m, int number, const struct mlf_clause *c, const char *text,
                         int op)
{
    if (strcmp(c->type, "attribute") == 0) {
        int rc = run_op(m, number, c, text, op);
        if (!rc && (op == MLF_IN || op == MLF_NOT_IN))
            rc = mlf_fail(m, MLF_INVALID, "Invalid comparator for string attribute: %s", text);
        return rc;
    }
    if (op >= 0 && (op <= MLF_NE || op == MLF_LIKE || op == MLF_ILIKE || op >= MLF_IS_NULL))
        return 0;
    return mlf_fail(m, MLF_INVALID, "Invalid comparator for tag: %s", text);
}

static int registry_op(struct mlf *m, enum mlf_grammar g, int number, const struct mlf_clause *c,
                       const char *text, int op)
{
    int like = op == MLF_EQ || op == MLF_NE || op == MLF_LIKE || op == MLF_ILIKE;
    if (strcmp(c->type, "tag") == 0)
        return like ? 0 : mlf_fail(m, MLF_INVALID, "Invalid comparator for tag: %s", text);
    if (number)
        return op >= MLF_EQ && op <= MLF_GE
                   ? 0
                   : mlf_fail(m, MLF_INVALID, "Invalid comparator for attribute %s: %s", c->key,
                              text);
    if (like || (g == MLF_G_VERSIONS && op == MLF_IN && strcmp(c->key, "run_id") == 0))
        return 0;
    return mlf_fail(m, MLF_INVALID, "Invalid comparator for attribute: %s", text);
}

static int logged_op(struct mlf *m, int number, const struct mlf_clause *c, const char *text,
                     int op)
{
    static const char *const shown[][2] = { { "attribute", "attributes" },
                                            { "metric", "metrics" },
                                            { "parameter", "params" },
                                            { "tag", "tags" } };
    const char *type = c->type;
    int order = op >= MLF_EQ && op <= MLF_GE;
    int other = op == MLF_EQ || op == MLF_NE || (op >= MLF_LIKE && op <= MLF_NOT_IN);
    if (number ? order : other)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(shown); i++)
        if (strcmp(type, shown[i][0]) == 0)
            type = shown[i][1];
    return mlf_fail(m, MLF_INVALID,
                    "Invalid comparison operator for %s.%s: '%s'. Expected one of ('=', '!=', "
                    "'LIKE', 'ILIKE', 'IN', 'NOT IN').",
                    type, c->key, text);
}

static int check_op(struct mlf *m, enum mlf_grammar g, struct mlf_clause *c, const char *text)
{
    int folded = g == MLF_G_RUNS || g == MLF_G_MODELS || g == MLF_G_VERSIONS;
    struct word w = { .text = str_of(text) };
    const char *shown = text;
    if (folded) {
        char *upper = arena_strdup(m->a, text);
        for (char *p = upper; *p; p++)
            *p = *p >= 'a' && *p <= 'z' ? (char)(*p - 32) : *p;
        shown = upper;
    }
    (void)w;
    int op = op_of(shown), number = is_numeric(g, c);
    c->op = op < 0 ? MLF_EQ : (enum mlf_op)op;
    switch (g) {
    case MLF_G_RUNS: return run_op(m, number, c, shown, op);
    case MLF_G_EXPERIMENTS: return experiment_op(m, number, c, shown, op);
    case MLF_G_LOGGED_MODELS: return logged_op(m, number, c, shown, op);
    case MLF_G_MODELS:
    case MLF_G_VERSIONS: return registry_op(m, g, number, c, shown, op);
    }
    return 0;
}

/* ---- clauses ---- */

struct parse {
    struct mlf *m;
    enum mlf_grammar g;
    const char *text;
    const struct word *w;
    size_t at;
    struct mlf_clause *list;
    const char **ops;
    size_t n;
    str_t invalid[64];
    size_t invalid_n;
};

static int is_key(const struct word *w, const char *key)
{
    return w->kind == WORD_KEY && strcmp(w->upper, key) == 0;
}

static int is_operand(const struct word *w)
{
    return w->kind == WORD_NAME || w->kind == WORD_STRING || w->kind == WORD_NUMBER ||
           w->kind == WORD_LIST || w->kind == WORD_SUM || is_key(w, "NULL");
}

/* How many words a comparison at `at` has; 0 = none. *op gets its text. */
static size_t comparison(struct parse *p, const char **op)
{
    const struct word *w = p->w + p->at;
    if (!is_operand(w))
        return 0;
    if (w[1].kind == WORD_OP && is_operand(&w[2])) {
        *op = of(p->m, w[1].text);
        return 3;
    }
    if (w->kind != WORD_NAME)
        return 0;
    if (is_key(&w[1], "IN") && w[2].kind == WORD_LIST) {
        *op = "IN";
        return 3;
    }
    if (is_key(&w[1], "IS") && is_key(&w[2], "NULL")) {
        *op = "IS NULL";
        return 3;
    }
    if (is_key(&w[1], "IS") && is_key(&w[2], "NOT") && is_key(&w[3], "NULL")) {
        *op = "IS NOT NULL";
        return 4;
    }
    if (is_key(&w[1], "NOT") && is_key(&w[2], "IN") && w[3].kind == WORD_LIST) {
        *op = "NOT IN";
        return 4;
    }
    return 0;
}

static int null_clause(struct parse *p, struct mlf_clause *c)
{
    int tag = strcmp(c->type, "tag") == 0, param = strcmp(c->type, "parameter") == 0;
    if (p->g == MLF_G_RUNS && !tag && !param)
        return mlf_fail(p->m, MLF_INVALID,
                        "IS NULL / IS NOT NULL is only supported for tags and params, not for "
                        "'%s' '%s'",
                        c->type, c->key);
    if (p->g == MLF_G_EXPERIMENTS && !tag)
        return mlf_fail(p->m, MLF_INVALID,
                        "IS NULL / IS NOT NULL is only supported for tags, not for attribute '%s'",
                        c->key);
    if (p->g != MLF_G_RUNS && p->g != MLF_G_EXPERIMENTS)
        return mlf_fail(p->m, MLF_INVALID,
                        "IS NULL / IS NOT NULL is only supported in searches of runs and "
                        "experiments");
    return 0;
}

static int clause(struct parse *p, size_t words, const char *op)
{
    const struct word *w = p->w + p->at;
    struct mlf_clause *c = &p->list[p->n];
    int logged = p->g == MLF_G_LOGGED_MODELS;
    *c = (struct mlf_clause){ 0 };
    if (logged && strncmp(op, "IS ", 3) == 0)
        return mlf_fail(p->m, MLF_INVALID,
                        "Invalid comparison: %.*s%s. Expected a comparison with 3 tokens.",
                        STR_ARG(w->text), op);
    if (w->kind != WORD_NAME && !(logged && w->kind == WORD_SUM))
        return mlf_fail(p->m, MLF_INVALID,
                        "Invalid comparison clause. Expected 'Identifier' found '%.*s'",
                        STR_ARG(w->text));
    int rc = identifier(p->m, p->g, w->text, c);
    if (rc)
        return rc;
    p->ops[p->n++] = op;
    if (strncmp(op, "IS ", 3) == 0)
        return null_clause(p, c);
    const struct word *value = &w[words - 1];
    if (logged) {
        rc = check_op(p->m, p->g, c, op);
        if (!rc)
            rc = logged_known(p->m, c);
        return rc ? rc : logged_value(p->m, value, c);
    }
    if (p->g == MLF_G_MODELS || p->g == MLF_G_VERSIONS)
        return registry_value(p->m, p->g, value, c);
    return run_value(p->m, p->g, value, c);
}

static void invalid(struct parse *p, str_t text)
{
    if (p->invalid_n < ARRAY_LEN(p->invalid))
        p->invalid[p->invalid_n++] = text;
}

/* "foo bar" is one name with an alias for the server's tokenizer. */
static size_t with_alias(struct parse *p, str_t *out)
{
    const struct word *w = p->w + p->at;
    *out = w->text;
    int comment = w[1].kind == WORD_OTHER && w[1].text.n > 1 && strchr("/-#", w[1].text.p[0]);
    int alias = w[1].kind == WORD_NAME && w[2].kind != WORD_OP;
    int order = (is_key(w, "ORDER") || is_key(w, "GROUP")) && is_key(&w[1], "BY");
    if (!order && (w->kind != WORD_NAME || (!alias && !comment)))
        return 1;
    out->n = (size_t)(w[1].text.p + w[1].text.n - w->text.p);
    return 2;
}

static int refuse(struct parse *p)
{
    const char *shown = "";
    if (p->g == MLF_G_LOGGED_MODELS)
        return mlf_fail(p->m, MLF_INVALID,
                        "Invalid filter string: %s. Expected a list of comparisons separated by "
                        "'AND' (e.g. 'metrics.loss > 0.1 AND params.lr = 0.01').",
                        mlf_py_repr(p->m->a, str_of(p->text)));
    for (size_t i = 0; i < p->invalid_n; i++)
        shown = arena_printf(p->m->a, p->g == MLF_G_RUNS ? "%s%s'%.*s'" : "%s%s%.*s", shown,
                             i ? ", " : "", STR_ARG(p->invalid[i]));
    return mlf_fail(p->m, MLF_INVALID, "Invalid clause(s) in filter string: %s", shown);
}

static int is_other(const struct word *w, const char *text)
{
    return w->kind == WORD_OTHER && str_is(w->text, text);
}

static int several(struct parse *p)
{
    const char *shown = mlf_py_repr(p->m->a, str_of(p->text));
    if (p->g == MLF_G_LOGGED_MODELS)
        return mlf_fail(p->m, MLF_INVALID,
                        "Invalid filter string: %s. Expected a single SQL expression.", shown);
    return mlf_fail(p->m, MLF_INVALID,
                    "Search filter contained multiple expression %s. Provide AND-ed expression "
                    "list.",
                    shown);
}

/* The words of the item at `at`: a comparison, a name with its alias, one word. */
static size_t item(struct parse *p, str_t *text, int *out_compares)
{
    const char *op;
    const struct word *w = p->w + p->at;
    size_t n = comparison(p, &op);
    *out_compares = n != 0;
    if (is_key(w, "WHERE")) { /* takes all that follows */
        while (w[n].kind != WORD_END)
            n++;
    }
    if (!n)
        return with_alias(p, text);
    size_t here = p->at;
    p->at += n;
    if (*out_compares && p->w[p->at].kind == WORD_NAME && !comparison(p, &op)) {
        *out_compares = 0; /* a name after a comparison is its alias */
        n++;
    }
    p->at = here;
    *text = (str_t){ w->text.p, (size_t)(w[n - 1].text.p + w[n - 1].text.n - w->text.p) };
    return n;
}

/* Finds what is no comparison and no AND, before any comparison is looked into; what commas join is
 * one thing. */
static int find_invalid(struct parse *p)
{
    for (p->at = 0; p->w[p->at].kind != WORD_END;) {
        const struct word *first = p->w + p->at;
        str_t text, more;
        int compares, ignored;
        if (is_other(first, ";") && first[1].kind != WORD_END)
            return several(p);
        p->at += item(p, &text, &compares);
        int is_list = !is_key(first, "AND") && (compares || first->kind != WORD_OTHER);
        while (is_list && is_other(&p->w[p->at], ",") && p->w[p->at + 1].kind != WORD_END) {
            p->at++;
            p->at += item(p, &more, &ignored);
            text.n = (size_t)(more.p + more.n - text.p);
            compares = 0;
        }
        if (!compares && !is_key(first, "AND"))
            invalid(p, text);
    }
    return p->invalid_n ? refuse(p) : 0;
}

int mlf_filter(struct mlf *m, enum mlf_grammar g, const char *text, struct mlf_clause **out,
               size_t *out_n)
{
    struct word *words;
    size_t n;
    struct parse p = { .m = m, .g = g, .text = text };
    *out = NULL;
    *out_n = 0;
    if (!text || !*text)
        return 0;
    if (strlen(text) > LIMIT_EXPR_BYTES)
        return mlf_fail(m, MLF_INVALID, "the filter is longer than %zu bytes", LIMIT_EXPR_BYTES);
    int rc = mlf__scan(m, text, &words, &n);
    if (!rc && n == 0)
        return mlf_fail(m, MLF_INVALID, "Invalid filter '%s'. Could not be parsed.", text);
    p.w = words;
    p.list = ARENA_TRY_ARRAY(m->a, n + 1, struct mlf_clause);
    p.ops = arena_try_alloc(m->a, n + 1, sizeof *p.ops);
    if (rc || !p.list || !p.ops)
        return rc ? rc : ERR(m->err, ERR_NOMEM, "the filter does not fit in memory");
    rc = find_invalid(&p);
    for (p.at = 0; !rc && p.w[p.at].kind != WORD_END;) {
        const char *op = NULL;
        size_t words_n = comparison(&p, &op);
        rc = words_n ? clause(&p, words_n, op) : 0;
        p.at += words_n ? words_n : 1;
    }
    for (size_t i = 0; !rc && i < p.n; i++)
        rc = check_op(m, g, &p.list[i], p.ops[i]);
    *out = p.list;
    *out_n = p.n;
    return rc;
}

/* ---- matching ---- */

static int compare(const struct mlf_clause *c, const struct mlf_value *v)
{
    if (v->is_number) {
        double want = c->number;
        if (!c->is_number && (!c->text || parse_double(str_of(c->text), &want)))
            return 2;
        return (v->number > want) - (v->number < want);
    }
    return c->text ? strcmp(v->text, c->text) : 2;
}

static int in_list(const struct mlf_clause *c, const char *text)
{
    for (size_t i = 0; text && i < c->list_n; i++)
        if (strcmp(c->list[i], text) == 0)
            return 1;
    return 0;
}

int mlf_matches(const struct mlf_clause *c, const struct mlf_value *v)
{
    if (c->op == MLF_IS_NULL || c->op == MLF_IS_NOT_NULL)
        return v->is_null == (c->op == MLF_IS_NULL);
    if (v->is_null || (v->is_number && isnan(v->number)))
        return 0;
    if (c->op == MLF_IN || c->op == MLF_NOT_IN)
        return in_list(c, v->text) == (c->op == MLF_IN);
    if (c->op == MLF_LIKE || c->op == MLF_ILIKE)
        return !v->is_number && c->text &&
               expr_like(str_of(v->text), str_of(c->text), c->op == MLF_ILIKE);
    int d = compare(c, v);
    switch (c->op) {
    case MLF_EQ: return d == 0;
    case MLF_NE: return d != 0;
    case MLF_LT: return d < 0;
    case MLF_LE: return d <= 0;
    case MLF_GT: return d > 0 && d != 2;
    case MLF_GE: return d >= 0 && d != 2;
    default: return 0;
    }
}
