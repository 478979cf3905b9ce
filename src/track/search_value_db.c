/* SPDX-License-Identifier: Apache-2.0
 * What the names of the search language mean for a run: their types, and their values by primary
 * key of the table they stand in. */
#include "codec/expr.h"
#include "track/run_int.h"
#include "track/search.h"
#include "track/track_int.h"

SQL(search_input_context, "SELECT context FROM run_inputs WHERE run_id = $1 AND context IS NOT "
                          "NULL ORDER BY context LIMIT 1");

enum field_kind {
    FIELD_ATTRIBUTE,
    FIELD_METRIC,
    FIELD_METRIC_MIN,
    FIELD_METRIC_MAX,
    FIELD_PARAM,
    FIELD_TAG,
    FIELD_DATASET
};

/* ---- names ---- */

enum attribute {
    AT_RUN_ID,
    AT_NAME,
    AT_STATUS,
    AT_REASON,
    AT_USER,
    AT_START,
    AT_END,
    AT_DURATION,
    AT_EXPERIMENT,
    AT_EXPERIMENT_ID,
    AT_URI,
    AT_MODEL,
    AT_STAGE,
};

static const struct {
    const char *name;
    enum attribute at;
    enum expr_type type;
} attributes[] = {
    { "run_id", AT_RUN_ID, EXPR_STRING },
    { "id", AT_RUN_ID, EXPR_STRING },
    { "run_name", AT_NAME, EXPR_STRING },
    { "name", AT_NAME, EXPR_STRING },
    { "status", AT_STATUS, EXPR_STRING },
    { "status_reason", AT_REASON, EXPR_STRING },
    { "user_id", AT_USER, EXPR_STRING },
    { "user", AT_USER, EXPR_STRING },
    { "start_time", AT_START, EXPR_NUMBER },
    { "start_time_ms", AT_START, EXPR_NUMBER },
    { "created", AT_START, EXPR_NUMBER },
    { "end_time", AT_END, EXPR_NUMBER },
    { "end_time_ms", AT_END, EXPR_NUMBER },
    { "duration", AT_DURATION, EXPR_NUMBER },
    { "duration_ms", AT_DURATION, EXPR_NUMBER },
    { "experiment", AT_EXPERIMENT, EXPR_STRING },
    { "experiment_id", AT_EXPERIMENT_ID, EXPR_STRING },
    { "artifact_uri", AT_URI, EXPR_STRING },
    { "model", AT_MODEL, EXPR_STRING },
    { "lifecycle_stage", AT_STAGE, EXPR_STRING },
};

static const struct {
    const char *entity;
    enum field_kind kind;
} entities[] = {
    { "metrics", FIELD_METRIC },
    { "metric", FIELD_METRIC },
    { "metrics_min", FIELD_METRIC_MIN },
    { "metrics_max", FIELD_METRIC_MAX },
    { "params", FIELD_PARAM },
    { "param", FIELD_PARAM },
    { "parameters", FIELD_PARAM },
    { "parameter", FIELD_PARAM },
    { "tags", FIELD_TAG },
    { "tag", FIELD_TAG },
    { "attributes", FIELD_ATTRIBUTE },
    { "attribute", FIELD_ATTRIBUTE },
    { "attr", FIELD_ATTRIBUTE },
    { "run", FIELD_ATTRIBUTE },
    { "dataset", FIELD_DATASET },
    { "datasets", FIELD_DATASET },
};

static int unknown_attribute(str_t name, struct err *err)
{
    const char *names[ARRAY_LEN(attributes)];
    for (size_t i = 0; i < ARRAY_LEN(attributes); i++)
        names[i] = attributes[i].name;
    const char *near = str_nearest(name, names, ARRAY_LEN(attributes));
    if (near)
        return ERR(err, ERR_INVALID, "runs have no attribute '%.*s'; did you mean '%s'?",
                   (int)MIN(name.n, (size_t)80), name.p, near);
    return ERR(err, ERR_INVALID,
               "runs have no attribute '%.*s'; metrics, params and tags are written metrics.%.*s "
               "and so on",
               (int)MIN(name.n, (size_t)80), name.p, (int)MIN(name.n, (size_t)80), name.p);
}

static int kind_of(const struct expr *e, enum field_kind *out, struct err *err)
{
    const char *names[ARRAY_LEN(entities)];
    *out = FIELD_ATTRIBUTE;
    if (!e->entity.n)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(entities); i++) {
        names[i] = entities[i].entity;
        if (str_is(e->entity, entities[i].entity)) {
            *out = entities[i].kind;
            return 0;
        }
    }
    const char *near = str_nearest(e->entity, names, ARRAY_LEN(entities));
    return ERR(err, ERR_INVALID,
               "'%.*s' is no part of a run; use metrics, params, tags, dataset or attributes%s%s%s",
               (int)MIN(e->entity.n, (size_t)80), e->entity.p, near ? " (did you mean '" : "",
               near ? near : "", near ? "'?)" : "");
}

static int attribute_of(str_t name, enum attribute *out, enum expr_type *type, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(attributes); i++)
        if (str_is(name, attributes[i].name)) {
            *out = attributes[i].at;
            *type = attributes[i].type;
            return 0;
        }
    return unknown_attribute(name, err);
}

int run__type_of(void *arg, const struct expr *e, enum expr_type *out, struct err *err)
{
    enum field_kind kind;
    enum attribute at;
    (void)arg;
    int rc = kind_of(e, &kind, err);
    if (rc)
        return rc;
    switch (kind) {
    case FIELD_METRIC:
    case FIELD_METRIC_MIN:
    case FIELD_METRIC_MAX: *out = EXPR_NUMBER; return 0;
    case FIELD_PARAM:
    case FIELD_TAG: *out = EXPR_STRING; return 0;
    case FIELD_DATASET:
        *out = EXPR_STRING;
        if (str_is(e->name, "name") || str_is(e->name, "digest") || str_is(e->name, "context"))
            return 0;
        return ERR(err, ERR_INVALID, "a data set has name, digest and context, not '%.*s'",
                   (int)MIN(e->name.n, (size_t)80), e->name.p);
    case FIELD_ATTRIBUTE: break;
    }
    return attribute_of(e->name, &at, out, err);
}

/* ---- values ---- */

static struct expr_value text_value(const char *z)
{
    if (!z)
        return (struct expr_value){ .type = EXPR_NULL };
    return (struct expr_value){ .type = EXPR_STRING, .string = str_of(z) };
}

static struct expr_value number_value(double v)
{
    return (struct expr_value){ .type = EXPR_NUMBER, .number = v };
}

static struct expr_value attribute_value(const struct run_look *l, enum attribute at)
{
    const struct run *r = l->run;
    switch (at) {
    case AT_RUN_ID: return text_value(r->id);
    case AT_NAME: return text_value(r->name);
    case AT_STATUS: return text_value(r->status);
    case AT_REASON: return text_value(r->status_reason);
    case AT_USER: return text_value(r->user);
    case AT_START: return number_value((double)r->start_time_ms);
    case AT_END:
        return r->end_time_ms < 0 ? text_value(NULL) : number_value((double)r->end_time_ms);
    case AT_DURATION:
        return r->end_time_ms < 0 ? text_value(NULL)
                                  : number_value((double)(r->end_time_ms - r->start_time_ms));
    case AT_EXPERIMENT: return text_value(r->experiment);
    case AT_EXPERIMENT_ID:
        return text_value(arena_printf(l->a, "%lld", (long long)r->experiment_id));
    case AT_URI: return text_value(r->artifact_uri);
    case AT_MODEL: return text_value(r->model_name);
    case AT_STAGE: return text_value(r->lifecycle_stage);
    }
    return text_value(NULL);
}

static int context_of(struct run_look *l, const char **out, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(l->tx, &search_input_context, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, l->run->id);
    return rows_text(st, l->a, out, err);
}

static int get_metric(struct run_look *l, const char *name, struct expr_value *out, struct err *err)
{
    struct metric m;
    enum metric_part part = METRIC_LAST;
    str_t key;
    double v = 0;
    int rc = metric_get(l->tx, l->a, l->run->id, name, &m, NULL);
    if (rc == ERR_NOT_FOUND && l->metric_parts && metric_part_cut(str_of(name), &key, &part))
        rc = metric_get(l->tx, l->a, l->run->id, arena_strndup(l->a, key.p, key.n), &m, NULL);
    *out = text_value(NULL);
    if (rc == ERR_NOT_FOUND)
        return 0;
    if (rc)
        return metric_get(l->tx, l->a, l->run->id, name, &m, err);
    rc = metric_part_of(&m, part, &v, err);
    if (!rc)
        *out = number_value(v);
    return rc;
}

static int get_stored(struct run_look *l, enum field_kind kind, const char *name,
                      struct expr_value *out, struct err *err)
{
    const char *text = NULL;
    int rc = 0;
    if (kind == FIELD_METRIC)
        return get_metric(l, name, out, err);
    if (kind == FIELD_METRIC_MIN || kind == FIELD_METRIC_MAX) {
        struct metric m;
        rc = metric_get(l->tx, l->a, l->run->id, name, &m, err);
        *out = rc ? text_value(NULL) : number_value(kind == FIELD_METRIC_MIN ? m.min : m.max);
        return rc == ERR_NOT_FOUND ? 0 : rc;
    }
    if (kind == FIELD_PARAM)
        rc = run__param(l->tx, l->a, l->run->id, name, &text, err);
    else if (kind == FIELD_TAG)
        rc = run__tag(l->tx, l->a, l->run->id, name, &text, err);
    else if (strcmp(name, "context") == 0)
        rc = context_of(l, &text, err);
    else
        text = strcmp(name, "name") == 0 ? l->run->dataset_name : l->run->dataset_digest;
    *out = text_value(text);
    return rc;
}

int run__value_of(void *arg, const struct expr *e, struct expr_value *out, struct err *err)
{
    struct run_look *l = arg;
    enum field_kind kind;
    enum attribute at;
    enum expr_type type;
    int rc = kind_of(e, &kind, err);
    if (rc)
        return rc;
    if (kind != FIELD_ATTRIBUTE)
        return get_stored(l, kind, arena_strndup(l->a, e->name.p, e->name.n), out, err);
    rc = attribute_of(e->name, &at, &type, err);
    if (!rc)
        *out = attribute_value(l, at);
    return rc;
}

int run__is_of_row(const struct expr *name)
{
    enum field_kind kind;
    return kind_of(name, &kind, NULL) != 0 || kind == FIELD_ATTRIBUTE || kind == FIELD_DATASET;
}
