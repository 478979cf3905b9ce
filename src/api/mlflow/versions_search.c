/* SPDX-License-Identifier: Apache-2.0
 * /mlflow/model-versions/search: over all models, without prompts unless they are asked for. */
#include <stdlib.h>

#include "api/mlflow/registry.h"

enum { VERSIONS_MAX = 200000 };

struct hit {
    struct version v;
    const struct mlf_order *order;
    size_t order_n;
};

static struct mlf_value field(const struct version *v, const char *key)
{
    const char *text = strcmp(key, "name") == 0          ? v->model
                       : strcmp(key, "source_path") == 0 ? v->source
                       : strcmp(key, "run_id") == 0      ? (v->run_id ? v->run_id : "")
                                                         : NULL;
    if (text)
        return (struct mlf_value){ .text = text };
    double n = strcmp(key, "version_number") == 0       ? (double)v->number
               : strcmp(key, "creation_timestamp") == 0 ? (double)v->creation_time_ms
                                                        : (double)v->last_update_time_ms;
    return (struct mlf_value){ .is_number = 1, .number = n };
}

static int fulfils(struct mlf *m, struct tx *tx, const struct version *v,
                   const struct mlf_clause *list, size_t n, int *out)
{
    struct track_pair *tags = NULL;
    size_t tag_n = 0;
    int rc = 0, loaded = 0;
    *out = 1;
    for (size_t i = 0; i < n && *out; i++) {
        struct mlf_value value = { .is_null = 1 };
        if (strcmp(list[i].type, "attribute") == 0) {
            value = field(v, list[i].key);
        } else {
            if (!loaded++)
                rc = version_tags(tx, m->a, v, &tags, &tag_n, m->err);
            if (rc)
                return rc;
            for (size_t k = 0; k < tag_n; k++)
                if (strcmp(tags[k].key, list[i].key) == 0)
                    value = (struct mlf_value){ .text = tags[k].value };
        }
        *out = mlf_matches(&list[i], &value);
    }
    return 0;
}

static int by_order(const void *x, const void *y)
{
    const struct hit *a = x, *b = y;
    for (size_t i = 0; i < a->order_n; i++) {
        struct mlf_value v = field(&a->v, a->order[i].key), w = field(&b->v, a->order[i].key);
        int c = mlf_compare(&v, &w, a->order[i].descending);
        if (c)
            return c;
    }
    int c = strcmp(a->v.model, b->v.model);
    return c ? c : (a->v.number < b->v.number) - (a->v.number > b->v.number);
}

static const struct mlf_order usual[] = { { "attribute", "last_updated_timestamp", 1 },
                                          { "attribute", "name", 0 },
                                          { "attribute", "version_number", 1 } };

static int select_versions(struct mlf *m, struct tx *tx, struct mlf_clause *clauses,
                           size_t clause_n, const struct mlf_order *order, size_t order_n,
                           struct hit **out, size_t *out_n)
{
    struct version *all;
    const char **prompts = NULL;
    size_t n, prompt_n = 0, k = 0;
    int asks = mlf__asks_prompts(clauses, &clause_n);
    int rc = version_list_all(tx, m->a, cause_project(&m->by), VERSIONS_MAX, &all, &n, m->err);
    if (!rc && !asks)
        rc = model_prompts(tx, m->a, cause_project(&m->by), 1, &prompts, &prompt_n, m->err);
    if (rc)
        return rc;
    struct hit *hits = ARENA_TRY_ARRAY(m->a, n + 1, struct hit);
    if (!hits)
        return ERR(m->err, ERR_NOMEM, "the answer does not fit in memory");
    for (size_t i = 0; !rc && i < n; i++) {
        int yes = 0;
        if (!mlf__is_prompt(prompts, prompt_n, all[i].model))
            rc = fulfils(m, tx, &all[i], clauses, clause_n, &yes);
        if (!rc && yes)
            hits[k++] = (struct hit){ all[i], order_n ? order : usual,
                                      order_n ? order_n : ARRAY_LEN(usual) };
    }
    if (k)
        qsort(hits, k, sizeof *hits, by_order);
    *out = hits;
    *out_n = k;
    return rc;
}

MLF_HANDLER(version_search, MLF_READ, F_STR("filter", "s"), F_INT("max_results", "i2"),
            F_STRS("order_by", "at"), F_STR("page_token", "s"))
{
    struct mlf_clause *clauses;
    struct mlf_order *order;
    struct hit *hits;
    size_t clause_n, order_n, n;
    int64_t offset, limit = mlf_int(m, "max_results", VERSIONS_MAX);
    if (limit < 1)
        return mlf_fail(m, MLF_INVALID,
                        "Invalid value for max_results. It must be a positive integer, but got "
                        "%lld",
                        (long long)limit);
    int rc = mlf_filter(m, MLF_G_VERSIONS, mlf_str(m, "filter"), &clauses, &clause_n);
    if (!rc)
        rc = mlf_order_by(m, MLF_G_VERSIONS, "order_by", &order, &order_n);
    if (!rc)
        rc = mlf_offset(m, mlf_str(m, "page_token"), &offset);
    if (!rc)
        rc = select_versions(m, tx, clauses, clause_n, order, order_n, &hits, &n);
    if (rc)
        return rc;
    size_t from = MIN((size_t)offset, n), to = MIN(from + (size_t)limit, n);
    struct json_out *o = mlf_begin(m);
    if (to > from) {
        jo_key(o, "model_versions");
        jo_array(o);
        for (size_t i = from; !rc && i < to; i++)
            rc = mlf__write_version(m, tx, &hits[i].v, 0);
        jo_array_end(o);
    }
    if (to < n)
        jo_kv_cstr(o, "next_page_token", mlf_token(m, (int64_t)to));
    return rc;
}
