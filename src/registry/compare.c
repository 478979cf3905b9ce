/* SPDX-License-Identifier: Apache-2.0
 * Comparison: every source becomes flat lists of (key, JSON text); the union of keys, in order of
 * first appearance, makes the rows. */
#include "registry/compare.h"

#include "base/limits.h"
#include "base/map.h"
#include "base/num.h"
#include "track/metric.h"

enum { ROWS_MAX = 5000, VALUE_MAX = 1 << 16 };

/* ---- sources ---- */

static int parse_into(struct arena *a, const char *text, const struct json **out, struct err *err)
{
    *out = NULL;
    if (!text)
        return 0;
    struct json_options options = { .allow_nan = 1 };
    struct json *v = ARENA_NEW(a, struct json);
    int rc = json_parse(a, str_of(text), &options, v, err);
    *out = rc ? NULL : v;
    return rc;
}

int compare_load_version(struct tx *tx, struct arena *a, const struct version *v,
                         struct compare_source *out, struct err *err)
{
    struct compare_source s = {
        .ref = arena_printf(a, "model/%s:%lld", v->model, (long long)v->number),
        .label = arena_printf(a, "%s v%lld", v->model, (long long)v->number)
    };
    const struct {
        const char *section;
        const struct json **to;
    } parts[] = {
        { "params", &s.params },
        { "metrics", &s.metrics },
        { "dataset", &s.dataset },
        { "split", &s.split },
        { "code", &s.code },
        { "environment", &s.environment },
        { "coefficients", &s.coefficients },
        { "gates", &s.gates },
    };
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        const char *text;
        int rc = version_section(tx, a, v, parts[i].section, &text, err);
        if (!rc)
            rc = parse_into(a, text, parts[i].to, err);
        if (rc)
            return rc;
    }
    *out = s;
    return 0;
}

/* A JSON object made of pairs, for what stands in rows and not in a result file. */
static int object_of_pairs(struct arena *a, const struct track_pair *pairs, size_t n,
                           const struct json **out, struct err *err)
{
    struct json *v = ARENA_NEW(a, struct json);
    v->type = JSON_OBJECT;
    v->n = n;
    v->members = ARENA_TRY_ARRAY(a, n + 1, struct json_member);
    if (!v->members)
        return ERR(err, ERR_NOMEM, "too many parameters to compare");
    for (size_t i = 0; i < n; i++) {
        v->members[i].key = str_of(pairs[i].key);
        v->members[i].value =
            (struct json){ .type = JSON_STRING, .string = str_of(pairs[i].value) };
    }
    *out = n ? v : NULL;
    return 0;
}

static int object_of_metrics(struct arena *a, const struct metric *m, size_t n,
                             const struct json **out, struct err *err)
{
    struct json *v = ARENA_NEW(a, struct json);
    v->type = JSON_OBJECT;
    v->n = n;
    v->members = ARENA_TRY_ARRAY(a, n + 1, struct json_member);
    if (!v->members)
        return ERR(err, ERR_NOMEM, "too many metrics to compare");
    for (size_t i = 0; i < n; i++) {
        v->members[i].key = str_of(m[i].key);
        v->members[i].value = (struct json){ .type = JSON_NUMBER, .number = m[i].latest.value };
    }
    *out = n ? v : NULL;
    return 0;
}

static int load_result(struct blobs *blobs, struct arena *a, const struct run *r,
                       struct compare_source *s, struct err *err)
{
    str_t text;
    struct json_options options = { .allow_nan = 1 };
    struct json *v = ARENA_NEW(a, struct json);
    int rc = r->result_digest ? blobs_get(blobs, a, r->result_digest, LIMIT_STEP_RESULT, &text, err)
                              : ERR_NOT_FOUND;
    if (rc == ERR_NOT_FOUND)
        return 0;
    if (!rc)
        rc = json_parse(a, text, &options, v, err);
    if (rc)
        return rc;
    s->dataset = json_get(v, "dataset");
    s->split = json_get(v, "split");
    s->coefficients = json_path(v, "model.coefficients");
    s->gates = json_get(v, "gates");
    return 0;
}

int compare_load_run(struct tx *tx, struct blobs *blobs, struct arena *a, const struct run *r,
                     struct compare_source *out, struct err *err)
{
    struct compare_source s = { .ref = arena_printf(a, "run/%s", r->id), .label = r->name };
    struct track_pair *params;
    struct metric *metrics;
    size_t n, m;
    int rc = run_params(tx, a, r->id, &params, &n, err);
    if (!rc)
        rc = metric_list(tx, a, r->id, &metrics, &m, err);
    if (!rc)
        rc = object_of_pairs(a, params, n, &s.params, err);
    if (!rc)
        rc = object_of_metrics(a, metrics, m, &s.metrics, err);
    if (!rc)
        rc = parse_into(a, r->code_json, &s.code, err);
    if (!rc)
        rc = parse_into(a, r->environment_json, &s.environment, err);
    if (!rc)
        rc = load_result(blobs, a, r, &s, err);
    if (!rc)
        *out = s;
    return rc;
}

/* ---- rows ---- */

struct table {
    struct arena *a;
    size_t columns, column; /* how many; which one is being filled */
    struct compare_row *rows;
    size_t n;
    struct map index; /* key → row */
    int failed;
};

static void put(struct table *t, const char *key, const struct json *value)
{
    size_t at = map_find(&t->index, str_of(key));
    if (at == SIZE_MAX) {
        if (t->n == ROWS_MAX)
            return;
        struct compare_row *row = &t->rows[t->n++];
        row->key = key;
        row->values = arena_alloc(t->a, t->columns * sizeof *row->values);
        for (size_t i = 0; i < t->columns; i++)
            row->values[i] = "null";
        at = map_put(&t->index, str_of(key), row);
    }
    struct buf b;
    struct json_out o;
    buf_init(&b, VALUE_MAX);
    json_out_init(&o, &b);
    jo_value(&o, value);
    char *text = b.failed ? NULL : arena_strndup(t->a, b.p, b.n);
    buf_fini(&b);
    if (text)
        t->rows[at].values[t->column] = text;
    else
        t->failed = t->a->failed;
}

static void put_text(struct table *t, const char *key, const char *text)
{
    if (text)
        put(t, key, &(struct json){ .type = JSON_STRING, .string = str_of(text) });
}

static void put_member(struct table *t, const char *key, const struct json *v, const char *name)
{
    const struct json *member = json_get(v, name);
    if (member && member->type != JSON_NULL && member->type != JSON_ARRAY &&
        member->type != JSON_OBJECT)
        put(t, key, member);
}

/* Every scalar member as a row. */
static void put_object(struct table *t, const struct json *v)
{
    for (size_t i = 0; v && v->type == JSON_OBJECT && i < v->n; i++)
        if (v->members[i].value.type != JSON_ARRAY && v->members[i].value.type != JSON_OBJECT)
            put(t, v->members[i].key.p, &v->members[i].value);
}

static void fill_params(struct table *t, const struct compare_source *s)
{
    put_object(t, s->params);
}

static void put_part(struct table *t, const struct json *metrics, const char *part)
{
    const struct json *v = json_get(metrics, part);
    for (size_t i = 0; v && v->type == JSON_OBJECT && i < v->n; i++) {
        const struct json *value = json_get(&v->members[i].value, "value");
        const char *key = v->members[i].key.p;
        if (value && value->type != JSON_NULL) /* whole: {"value","low","high"} */
            put(t, strcmp(part, "test") == 0 ? key : arena_printf(t->a, "%s.%s", part, key),
                &v->members[i].value);
    }
}

/* A version's metrics are {"test":{"rmse":{"value",…}}…}, a run's are flat. */
static void fill_metrics(struct table *t, const struct compare_source *s)
{
    static const char *const parts[] = { "test", "valid", "train", "baseline" };
    put_object(t, s->metrics);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        put_part(t, s->metrics, parts[i]);
}

static void fill_data(struct table *t, const struct compare_source *s)
{
    const struct json *columns = json_get(s->dataset, "columns"),
                      *digests = json_get(s->split, "digests");
    put_member(t, "name", s->dataset, "name");
    put_member(t, "digest", s->dataset, "digest");
    put_member(t, "rows", s->dataset, "rows");
    put_member(t, "target", s->dataset, "target");
    if (columns && columns->type == JSON_ARRAY) {
        struct json count = { .type = JSON_NUMBER,
                              .is_integer = 1,
                              .integer = (int64_t)columns->n,
                              .number = (double)columns->n };
        put(t, "columns", &count);
    }
    put_member(t, "split.by", s->split, "by");
    put_member(t, "split.seed", s->split, "seed");
    put_member(t, "split.train", s->split, "train");
    put_member(t, "split.valid", s->split, "valid");
    put_member(t, "split.test", s->split, "test");
    put_member(t, "split.digest.train", digests, "train");
    put_member(t, "split.digest.test", digests, "test");
}

static void fill_code(struct table *t, const struct compare_source *s)
{
    put_object(t, s->code);
}

static void fill_environment(struct table *t, const struct compare_source *s)
{
    put_object(t, s->environment);
}

static void fill_coefficients(struct table *t, const struct compare_source *s)
{
    for (size_t i = 0;
         s->coefficients && s->coefficients->type == JSON_ARRAY && i < s->coefficients->n; i++) {
        const struct json *c = &s->coefficients->items[i], *estimate = json_get(c, "estimate");
        if (estimate && estimate->type != JSON_NULL)
            put(t, json_get_string(c, "name", "?"), estimate);
    }
}

static void fill_gates(struct table *t, const struct compare_source *s)
{
    for (size_t i = 0; s->gates && s->gates->type == JSON_ARRAY && i < s->gates->n; i++) {
        const struct json *g = &s->gates->items[i];
        put_text(t, json_get_string(g, "expr", "?"), json_get_string(g, "message", NULL));
    }
}

const char *compare_metric_better(str_t key)
{
    return metric_better(key);
}

static void finish_rows(struct table *t, int is_metrics)
{
    for (size_t i = 0; i < t->n; i++) {
        struct compare_row *row = &t->rows[i];
        for (size_t c = 1; c < t->columns; c++)
            row->differs |= strcmp(row->values[c], row->values[0]) != 0;
        row->better = is_metrics ? compare_metric_better(str_of(row->key)) : NULL;
    }
}

static const struct {
    const char *name;
    void (*fill)(struct table *t, const struct compare_source *s);
} sections[] = {
    { "params", fill_params },
    { "metrics", fill_metrics },
    { "data", fill_data },
    { "code", fill_code },
    { "environment", fill_environment },
    { "coefficients", fill_coefficients },
    { "gates", fill_gates },
};

static int make_section(struct arena *a, size_t which, const struct comparison *c,
                        struct compare_section *out, struct err *err)
{
    struct table t = { .a = a, .columns = c->column_n };
    t.rows = ARENA_TRY_ARRAY(a, ROWS_MAX, struct compare_row);
    if (!t.rows)
        return ERR(err, ERR_NOMEM, "the comparison is too large");
    map_init(&t.index);
    for (t.column = 0; t.column < t.columns; t.column++)
        sections[which].fill(&t, &c->columns[t.column]);
    map_fini(&t.index);
    if (t.failed || a->failed)
        return ERR(err, ERR_NOMEM, "the comparison is too large");
    finish_rows(&t, strcmp(sections[which].name, "metrics") == 0);
    *out = (struct compare_section){ sections[which].name, t.rows, t.n };
    return 0;
}

int compare(struct arena *a, const struct compare_source *columns, size_t n, struct comparison *out,
            struct err *err)
{
    struct comparison c = { .columns = columns, .column_n = n };
    if (n < 2 || n > COMPARE_MAX)
        return ERR(err, ERR_INVALID, "compare 2 to %d things, not %zu", COMPARE_MAX, n);
    c.sections = arena_alloc(a, ARRAY_LEN(sections) * sizeof *c.sections);
    for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
        int rc = make_section(a, i, &c, &c.sections[c.section_n], err);
        if (rc)
            return rc;
        c.section_n += c.sections[c.section_n].n > 0;
    }
    *out = c;
    return 0;
}

static void print_row(struct json_out *o, const struct compare_row *row, size_t columns)
{
    jo_object(o);
    jo_kv_cstr(o, "key", row->key);
    jo_key(o, "values");
    jo_array(o);
    for (size_t i = 0; i < columns; i++)
        jo_raw(o, str_of(row->values[i]));
    jo_array_end(o);
    jo_kv_bool(o, "differs", row->differs);
    jo_kv_cstr(o, "better", row->better);
    jo_object_end(o);
}

void comparison_write(struct json_out *o, const struct comparison *c)
{
    jo_object(o);
    jo_key(o, "columns");
    jo_array(o);
    for (size_t i = 0; i < c->column_n; i++) {
        jo_object(o);
        jo_kv_cstr(o, "ref", c->columns[i].ref);
        jo_kv_cstr(o, "label", c->columns[i].label);
        jo_object_end(o);
    }
    jo_array_end(o);
    jo_key(o, "sections");
    jo_array(o);
    for (size_t i = 0; i < c->section_n; i++) {
        jo_object(o);
        jo_kv_cstr(o, "name", c->sections[i].name);
        jo_key(o, "rows");
        jo_array(o);
        for (size_t k = 0; k < c->sections[i].n; k++)
            print_row(o, &c->sections[i].rows[k], c->column_n);
        jo_array_end(o);
        jo_object_end(o);
    }
    jo_array_end(o);
    jo_object_end(o);
}
