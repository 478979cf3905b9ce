/* SPDX-License-Identifier: Apache-2.0
 * /mlflow/logged-models/search: filter, data set scope, order by attributes or metrics, and page
 * tokens that only fit the search they came from. */
#include <stdlib.h>

#include "api/mlflow/logged.h"

enum { RESULTS_DEFAULT = 100, ORDERS_MAX = 16 };

static const struct mlf_field order_fields[] = { F_STR("field_name", ""), F_BOOL("ascending", ""),
                                                 F_STR("dataset_name", ""),
                                                 F_STR("dataset_digest", ""), F_END };
static const struct mlf_field dataset_fields[] = { F_STR("dataset_name", ""),
                                                   F_STR("dataset_digest", ""), F_END };

struct hit {
    struct logged_model x;
    struct mlf_value keys[ORDERS_MAX];
    const struct mlf_order *order;
    size_t order_n;
};

struct looked {
    struct mlf *m;
    struct tx *tx;
    const struct logged_model *x;
    struct logged_metric *metrics;
    size_t metric_n;
    int has_metrics;
};

/* ---- values ---- */

static int load_metrics(struct looked *l)
{
    if (l->has_metrics)
        return 0;
    l->has_metrics = 1;
    return logged_model_metrics(l->tx, l->m->a, l->x->id, &l->metrics, &l->metric_n, l->m->err);
}

static struct mlf_value attribute(const struct looked *l, const char *key)
{
    const struct logged_model *x = l->x;
    if (strcmp(key, "creation_timestamp_ms") == 0)
        return (struct mlf_value){ .is_number = 1, .number = (double)x->creation_time_ms };
    if (strcmp(key, "last_updated_timestamp_ms") == 0)
        return (struct mlf_value){ .is_number = 1, .number = (double)x->last_update_time_ms };
    const char *text = strcmp(key, "name") == 0            ? x->name
                       : strcmp(key, "model_id") == 0      ? x->id
                       : strcmp(key, "model_type") == 0    ? x->model_type
                       : strcmp(key, "source_run_id") == 0 ? x->source_run_id
                       : strcmp(key, "status") == 0 ? arena_printf(l->m->a, "%d", (int)x->status)
                       : strcmp(key, "experiment_id") == 0
                           ? arena_printf(l->m->a, "%lld", (long long)x->experiment_id)
                           : x->artifact_location;
    return (struct mlf_value){ .text = text };
}

static int in_dataset(const struct logged_metric *x, const char *name, const char *digest)
{
    return (!name || (x->dataset_name && strcmp(x->dataset_name, name) == 0)) &&
           (!digest || (x->dataset_digest && strcmp(x->dataset_digest, digest) == 0));
}

static const char *text_or_null(const struct json *v, const char *name)
{
    const char *text = mlf_member(v, name);
    return *text ? text : NULL;
}

static int in_scope(const struct looked *l, const struct logged_metric *x)
{
    size_t n;
    const struct json *scope = mlf_items(l->m, "datasets", &n);
    int found = !n;
    for (size_t i = 0; i < n; i++)
        found |= in_dataset(x, text_or_null(&scope[i], "dataset_name"),
                            text_or_null(&scope[i], "dataset_digest"));
    return found;
}

static int any_metric(struct looked *l, const struct mlf_clause *c, int *out)
{
    int rc = load_metrics(l);
    *out = 0;
    for (size_t i = 0; !rc && i < l->metric_n; i++) {
        const struct logged_metric *x = &l->metrics[i];
        struct mlf_value v = { .is_number = 1, .number = x->point.value };
        if (c ? strcmp(x->key, c->key) == 0 && mlf_matches(c, &v) && in_scope(l, x)
              : in_scope(l, x))
            *out = 1;
    }
    return rc;
}

static int one_pair(struct looked *l, const struct mlf_clause *c, struct mlf_value *out)
{
    struct track_pair *pairs;
    size_t n;
    int rc = strcmp(c->type, "tag") == 0
                 ? logged_model_tags(l->tx, l->m->a, l->x->id, &pairs, &n, l->m->err)
                 : logged_model_params(l->tx, l->m->a, l->x->id, &pairs, &n, l->m->err);
    *out = (struct mlf_value){ .is_null = 1 };
    for (size_t i = 0; !rc && i < n; i++)
        if (strcmp(pairs[i].key, c->key) == 0)
            *out = (struct mlf_value){ .text = pairs[i].value };
    return rc;
}

static int fulfils(struct looked *l, const struct mlf_clause *list, size_t n, int *out)
{
    size_t scope_n;
    int rc = 0, metrics = 0;
    (void)mlf_items(l->m, "datasets", &scope_n);
    *out = 1;
    for (size_t i = 0; !rc && i < n && *out; i++) {
        struct mlf_value v;
        if (strcmp(list[i].type, "metric") == 0) {
            metrics = 1;
            rc = any_metric(l, &list[i], out);
            continue;
        }
        if (strcmp(list[i].type, "attribute") == 0)
            v = attribute(l, list[i].key);
        else
            rc = one_pair(l, &list[i], &v);
        *out = !rc && mlf_matches(&list[i], &v);
    }
    if (!rc && *out && scope_n && !metrics)
        rc = any_metric(l, NULL, out);
    return rc;
}

/* ---- order ---- */

static int read_order(struct mlf *m, struct mlf_order **out, size_t *out_n)
{
    static const char *const known[] = { "creation_timestamp_ms",
                                         "last_updated_timestamp_ms",
                                         "name",
                                         "model_id",
                                         "model_type",
                                         "source_run_id",
                                         "status",
                                         "experiment_id",
                                         "artifact_location" };
    size_t n;
    const struct json *items = mlf_items(m, "order_by", &n);
    struct mlf_order *list = arena_alloc(m->a, (ORDERS_MAX + 1) * sizeof *list);
    if (n >= ORDERS_MAX)
        return mlf_fail(m, MLF_INVALID, "order_by has more than %d fields", ORDERS_MAX - 1);
    int by_creation = 0;
    for (size_t i = 0; i < n; i++) {
        const char *name = mlf_member(&items[i], "field_name"), *dot = strchr(name, '.');
        int ok = 0;
        if (dot && strncmp(name, "metrics.", 8) != 0)
            return mlf_fail(m, MLF_INVALID,
                            "Invalid order by field name: %s. Only metrics are supported.", name);
        const char *key =
            strcmp(name, "creation_time") == 0 || strcmp(name, "creation_timestamp") == 0 ? known[0]
            : strcmp(name, "last_updated_timestamp") == 0                                 ? known[1]
                                                                                          : name;
        for (size_t k = 0; !dot && k < ARRAY_LEN(known); k++)
            ok |= strcmp(key, known[k]) == 0;
        if (!dot && !ok)
            return mlf_fail(m, MLF_INVALID, "Invalid order by field name: %s", name);
        by_creation |= key == known[0];
        list[i] = (struct mlf_order){ dot ? "metric" : "attribute", dot ? dot + 1 : key,
                                      !json_get_bool(&items[i], "ascending", 1) };
    }
    if (!by_creation)
        list[n++] = (struct mlf_order){ "attribute", known[0], 1 };
    *out = list;
    *out_n = n;
    return 0;
}

/* The newest point of a metric, within the data set that the order names. */
static int metric_key(struct looked *l, size_t i, const char *key, struct mlf_value *out)
{
    size_t n;
    const struct json *items = mlf_items(l->m, "order_by", &n);
    const struct logged_metric *best = NULL;
    int rc = load_metrics(l);
    *out = (struct mlf_value){ .is_null = 1 };
    for (size_t k = 0; !rc && i < n && k < l->metric_n; k++) {
        const struct logged_metric *x = &l->metrics[k];
        if (strcmp(x->key, key) != 0 || !in_dataset(x, text_or_null(&items[i], "dataset_name"),
                                                    text_or_null(&items[i], "dataset_digest")))
            continue;
        if (!best || x->point.time_ms > best->point.time_ms ||
            (x->point.time_ms == best->point.time_ms && x->point.step > best->point.step))
            best = x;
    }
    if (best)
        *out = (struct mlf_value){ .is_number = 1, .number = best->point.value };
    return rc;
}

static int by_order(const void *x, const void *y)
{
    const struct hit *a = x, *b = y;
    for (size_t i = 0; i < a->order_n; i++) {
        int c = mlf_compare(&a->keys[i], &b->keys[i], a->order[i].descending);
        if (c)
            return c;
    }
    return strcmp(a->x.id, b->x.id);
}

/* ---- tokens ---- */

/* What a token must have been made for: field, its name in the token and in the message. */
static const struct {
    const char *field, *in_token, *told;
} bound[] = {
    { "experiment_ids", "experiment_ids",
      "Experiment IDs in the page token do not match the requested experiment IDs" },
    { "filter", "filter_string",
      "Filter string in the page token does not match the requested filter string" },
    { "order_by", "order_by", "Order by in the page token does not match the requested order by" },
    { "datasets", "datasets", "Datasets in the page token do not match the requested datasets" },
};

static struct json text_or_none(const char *text)
{
    if (!text || !*text)
        return (struct json){ .type = JSON_NULL };
    return (struct json){ .type = JSON_STRING, .string = str_of(text) };
}

/* A clause of order_by with every member, as tokens hold it. */
static struct json whole_order(struct mlf *m, const struct json *v)
{
    struct json_member *members = arena_alloc(m->a, 4 * sizeof *members);
    int up = json_get_bool(v, "ascending", 1);
    const char *field = mlf_member(v, "field_name");
    members[0] =
        (struct json_member){ STR("field_name"), { .type = JSON_STRING, .string = str_of(field) } };
    members[1] = (struct json_member){ STR("ascending"), { .type = JSON_BOOL, .boolean = up } };
    members[2] =
        (struct json_member){ STR("dataset_name"), text_or_none(mlf_member(v, "dataset_name")) };
    members[3] = (struct json_member){ STR("dataset_digest"),
                                       text_or_none(mlf_member(v, "dataset_digest")) };
    return (struct json){ .type = JSON_OBJECT, .n = 4, .members = members };
}

/* What a token holds of a field; nothing and empty are null. */
static struct json held(struct mlf *m, const char *field)
{
    const struct json *v = json_get(&m->message, field);
    int empty = !v || (v->type == JSON_STRING && !v->string.n) || (v->type == JSON_ARRAY && !v->n);
    if (empty)
        return (struct json){ .type = JSON_NULL };
    if (strcmp(field, "order_by") != 0)
        return *v;
    struct json *items = arena_alloc(m->a, v->n * sizeof *items);
    for (size_t i = 0; i < v->n; i++)
        items[i] = whole_order(m, &v->items[i]);
    return (struct json){ .type = JSON_ARRAY, .n = v->n, .items = items };
}

static const char *shown(struct mlf *m, const struct json *v)
{
    return v && v->type == JSON_STRING ? arena_strndup(m->a, v->string.p, v->string.n)
                                       : mlf_py_value(m->a, v);
}

static int read_token(struct mlf *m, int64_t *out)
{
    const char *token = mlf_str(m, "page_token");
    str_t bytes;
    struct json v;
    *out = 0;
    if (!*token)
        return 0;
    if (mlf_unbase64(m->a, str_of(token), &bytes) || json_parse(m->a, bytes, NULL, &v, NULL) ||
        v.type != JSON_OBJECT)
        return mlf_fail(m, MLF_INVALID,
                        "Invalid page token: %s. Expecting value: line 1 column 1 (char 0)", token);
    for (size_t i = 0; i < ARRAY_LEN(bound); i++) {
        struct json wanted = held(m, bound[i].field);
        const struct json *found = json_get(&v, bound[i].in_token);
        if (strcmp(mlf_py_json(m->a, &wanted), mlf_py_json(m->a, found)) != 0)
            return mlf_fail(m, MLF_INVALID, "%s. Expected: %s. Found: %s", bound[i].told,
                            shown(m, &wanted), shown(m, found));
    }
    *out = MAX(json_get_int(&v, "offset", 0), (int64_t)0);
    return 0;
}

static const char *make_token(struct mlf *m, size_t offset)
{
    const char *text = "";
    for (size_t i = 0; i < ARRAY_LEN(bound); i++) {
        struct json v = held(m, bound[i].field);
        text = arena_printf(m->a, "%s\"%s\": %s, ", text, bound[i].in_token, mlf_py_json(m->a, &v));
    }
    return mlf_base64(m->a, str_of(arena_printf(m->a, "{%s\"offset\": %zu}", text, offset)));
}

/* ---- the search ---- */

static int scan(struct mlf *m, struct tx *tx, int64_t experiment, struct hit *proto,
                const struct mlf_clause *clauses, size_t clause_n, struct hit **hits, size_t *n)
{
    struct logged_model *all;
    size_t all_n;
    int rc = logged_model_list(tx, m->a, experiment, &all, &all_n, m->err);
    if (rc || !all_n)
        return rc;
    struct hit *grown = ARENA_TRY_ARRAY(m->a, *n + all_n, struct hit);
    if (!grown)
        return ERR(m->err, ERR_NOMEM, "the answer does not fit in memory");
    if (*n)
        memcpy(grown, *hits, *n * sizeof *grown);
    *hits = grown;
    for (size_t i = 0; !rc && i < all_n; i++) {
        struct looked l = { .m = m, .tx = tx, .x = &all[i] };
        int yes;
        rc = fulfils(&l, clauses, clause_n, &yes);
        if (rc || !yes)
            continue;
        struct hit *h = &grown[(*n)++];
        *h = *proto;
        h->x = all[i];
        for (size_t k = 0; !rc && k < h->order_n; k++) {
            if (strcmp(h->order[k].type, "metric") == 0)
                rc = metric_key(&l, k, h->order[k].key, &h->keys[k]);
            else
                h->keys[k] = attribute(&l, h->order[k].key);
        }
    }
    return rc;
}

static int write_page(struct mlf *m, struct tx *tx, const struct hit *hits, size_t n, size_t from,
                      size_t to)
{
    struct json_out *o = mlf_begin(m);
    int rc = 0;
    if (to > from) {
        jo_key(o, "models");
        jo_array(o);
        for (size_t i = from; !rc && i < to; i++)
            rc = mlf__write_logged_model(m, tx, &hits[i].x);
        jo_array_end(o);
    }
    if (to < n)
        jo_kv_cstr(o, "next_page_token", make_token(m, to));
    return rc;
}

static int check_datasets(struct mlf *m)
{
    size_t n;
    const struct json *list = mlf_items(m, "datasets", &n);
    for (size_t i = 0; i < n; i++)
        if (!*mlf_member(&list[i], "dataset_name"))
            return mlf_fail(m, MLF_INVALID,
                            "`dataset_name` in the `datasets` clause must be specified.");
    return 0;
}

MLF_HANDLER(logged_model_search, MLF_READ, F_STRS("experiment_ids", "atr"), F_STR("filter", "s"),
            F_MSGS("datasets", "a", dataset_fields), F_INT32("max_results", "i"),
            F_MSGS("order_by", "a", order_fields), F_STR("page_token", "s"))
{
    struct mlf_clause *clauses;
    struct mlf_order *order;
    struct hit *hits = NULL;
    size_t clause_n, order_n, experiment_n, n = 0;
    int64_t offset, limit = mlf_int(m, "max_results", 0);
    const struct json *experiments = mlf_items(m, "experiment_ids", &experiment_n);
    limit = limit > 0 ? limit : RESULTS_DEFAULT;
    int rc = check_datasets(m);
    if (!rc)
        rc = read_token(m, &offset);
    if (!rc)
        rc = mlf_filter(m, MLF_G_LOGGED_MODELS, mlf_str(m, "filter"), &clauses, &clause_n);
    if (!rc)
        rc = read_order(m, &order, &order_n);
    if (rc)
        return rc;
    struct hit *proto = arena_alloc(m->a, sizeof *proto);
    proto->order = order;
    proto->order_n = order_n;
    for (size_t i = 0; !rc && i < experiment_n; i++) {
        int64_t id;
        rc = mlf_experiment_id(m, experiments[i].string.p, &id);
        if (!rc)
            rc = scan(m, tx, id, proto, clauses, clause_n, &hits, &n);
    }
    if (rc)
        return rc;
    if (n)
        qsort(hits, n, sizeof *hits, by_order);
    size_t from = MIN((size_t)offset, n), to = MIN(from + (size_t)limit, n);
    return write_page(m, tx, hits, n, from, to);
}
