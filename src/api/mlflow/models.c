/* SPDX-License-Identifier: Apache-2.0
 * /mlflow/registered-models: models, prompts (models with a tag), tags and aliases. */
#include <stdlib.h>
#include <strings.h>

#include "api/mlflow/registry.h"

enum { TAG_KEY_MAX = 250, TAG_VALUE_MAX = 100000, MODELS_MAX = 1000 };

#define IS_PROMPT "mlflow.prompt.is_prompt"

int mlf__model(struct mlf *m, struct tx *tx, const char *name, struct model *out)
{
    int rc = mlf_check_model_name(m, name);
    if (!rc)
        rc = model_get(tx, m->a, cause_project(&m->by), name, out, m->err);
    return rc == ERR_NOT_FOUND
               ? mlf_fail(m, MLF_MISSING, "Registered Model with name=%s not found", name)
               : rc;
}

/* ---- writing ---- */

static int stage_at(const char *const *stages, size_t n, const char *stage)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(stages[i], stage) == 0)
            return (int)i;
    return -1;
}

/* The newest version of each stage; stages in the order of their oldest version. */
static int latest_of(struct mlf *m, struct tx *tx, const char *name, struct version out[4],
                     size_t *out_n)
{
    const char *stages[4];
    struct version *all;
    size_t n, k = 0;
    int rc = version_list(tx, m->a, cause_project(&m->by), name, &all, &n, m->err);
    for (size_t i = n; !rc && i-- > 0;) { /* oldest first */
        int at = stage_at(stages, k, all[i].stage);
        if (at < 0 && k == 4)
            continue;
        if (at < 0) {
            at = (int)k;
            stages[k++] = all[i].stage;
        }
        out[at] = all[i];
    }
    *out_n = k;
    return rc;
}

static int write_latest(struct mlf *m, struct tx *tx, const char *name)
{
    struct version latest[4];
    size_t n;
    int rc = latest_of(m, tx, name, latest, &n);
    if (rc || !n)
        return rc;
    jo_key(&m->out, "latest_versions");
    jo_array(&m->out);
    for (size_t i = 0; !rc && i < n; i++)
        rc = mlf__write_version(m, tx, &latest[i], 0);
    jo_array_end(&m->out);
    return rc;
}

static void write_aliases(struct json_out *o, struct arena *a, const struct model_alias *list,
                          size_t n)
{
    if (!n)
        return;
    jo_key(o, "aliases");
    jo_array(o);
    for (size_t i = 0; i < n; i++) {
        jo_object(o);
        jo_kv_cstr(o, "alias", list[i].alias);
        jo_kv_cstr(o, "version", arena_printf(a, "%lld", (long long)list[i].version));
        jo_object_end(o);
    }
    jo_array_end(o);
}

static int write_model(struct mlf *m, struct tx *tx, const struct model *r)
{
    struct json_out *o = &m->out;
    struct track_pair *tags;
    struct model_alias *aliases;
    size_t tag_n, alias_n;
    jo_object(o);
    jo_kv_cstr(o, "name", r->name);
    jo_kv_int(o, "creation_timestamp", r->creation_time_ms);
    jo_kv_int(o, "last_updated_timestamp", r->last_update_time_ms);
    if (r->description[0])
        jo_kv_cstr(o, "description", r->description);
    int rc = write_latest(m, tx, r->name);
    if (!rc)
        rc = model_tags(tx, m->a, r->id, &tags, &tag_n, m->err);
    if (!rc)
        rc = model_aliases(tx, m->a, r->id, &aliases, &alias_n, m->err);
    if (rc)
        return rc;
    mlf_write_tags(o, "tags", tags, tag_n);
    write_aliases(o, m->a, aliases, alias_n);
    jo_object_end(o);
    return 0;
}

static int answer(struct mlf *m, struct tx *tx, const char *name)
{
    struct model r;
    int rc = mlf__model(m, tx, name, &r);
    if (rc)
        return rc;
    jo_key(mlf_begin(m), "registered_model");
    return write_model(m, tx, &r);
}

/* ---- create ---- */

static int check_tags(struct mlf *m, const struct track_pair *tags, size_t n)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < n; i++) {
        rc = mlf_check_key(m, tags[i].key, "key");
        if (!rc)
            rc = mlf_check_length(m, "key", TAG_KEY_MAX, tags[i].key);
        if (!rc)
            rc = mlf_check_length(m, "value", TAG_VALUE_MAX, tags[i].value);
    }
    return rc;
}

static int is_prompt_tagged(const struct track_pair *tags, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(tags[i].key, IS_PROMPT) == 0)
            return strcasecmp(tags[i].value, "true") == 0;
    return 0;
}

static int name_taken(struct mlf *m, struct tx *tx, const char *name, int new_prompt)
{
    struct model old;
    struct track_pair *tags;
    size_t n;
    int rc = mlf__model(m, tx, name, &old);
    if (!rc)
        rc = model_tags(tx, m->a, old.id, &tags, &n, m->err);
    if (rc)
        return rc;
    int old_prompt = is_prompt_tagged(tags, n);
    if (old_prompt != new_prompt)
        return mlf_fail(m, "RESOURCE_ALREADY_EXISTS",
                        "Tried to create a %s with name %s, but the name is already taken by a %s. "
                        "MLflow does not allow creating a model and a prompt with the same name.",
                        new_prompt ? "prompt" : "registered model", mlf_py_repr(m->a, str_of(name)),
                        old_prompt ? "prompt" : "registered model");
    return mlf_fail(m, "RESOURCE_ALREADY_EXISTS", "%s (name=%s) already exists.",
                    new_prompt ? "Prompt" : "Registered Model", name);
}

MLF_HANDLER(model_create, MLF_WRITE, F_STR("name", "sr"), F_MSGS("tags", "a", mlf_tag_fields),
            F_STR("description", "s"))
{
    const char *name = mlf_str(m, "name");
    char id[UUID_TEXT];
    struct track_pair *tags;
    size_t n;
    int rc = mlf_pairs(m, "tags", &tags, &n);
    if (!rc)
        rc = mlf_check_model_name(m, name);
    if (!rc)
        rc = check_tags(m, tags, n);
    if (!rc)
        rc = model_create(tx, &m->by, name, mlf_str(m, "description"), id, m->err);
    if (rc == ERR_EXISTS)
        return name_taken(m, tx, name, is_prompt_tagged(tags, n));
    for (size_t i = 0; !rc && i < n; i++)
        rc = model_tag_set(tx, &m->by, name, &tags[i], m->err);
    return rc ? rc : answer(m, tx, name);
}

/* ---- read and change ---- */

MLF_HANDLER(model_get, MLF_READ, F_STR("name", "sr"))
{
    return answer(m, tx, mlf_str(m, "name"));
}

MLF_HANDLER(model_update, MLF_WRITE, F_STR("name", "sr"), F_STR("description", "s"))
{
    struct model r;
    const char *name = mlf_str(m, "name");
    int rc = mlf__model(m, tx, name, &r);
    if (!rc)
        rc = model_describe(tx, &m->by, name, mlf_str(m, "description"), m->err);
    return rc ? rc : answer(m, tx, name);
}

MLF_HANDLER(model_rename, MLF_WRITE, F_STR("name", "sr"), F_STR("new_name", "sr"))
{
    struct model r;
    const char *name = mlf_str(m, "name"), *to = mlf_str(m, "new_name");
    int rc = 0;
    if (!str_trim(str_of(to)).n)
        return mlf_fail(m, MLF_INVALID, "Missing value for required parameter 'new_name'.");
    rc = mlf_check_model_name(m, to);
    if (!rc)
        rc = mlf__model(m, tx, name, &r);
    if (!rc)
        rc = model_rename(tx, &m->by, name, to, m->err);
    if (rc == ERR_EXISTS)
        return mlf_fail(m, "RESOURCE_ALREADY_EXISTS", "Registered Model (name=%s) already exists.",
                        to);
    return rc ? rc : answer(m, tx, to);
}

MLF_HANDLER(model_delete, MLF_WRITE, F_STR("name", "sr"))
{
    struct model r;
    int rc = mlf__model(m, tx, mlf_str(m, "name"), &r);
    return rc ? rc : model_delete(tx, &m->by, r.name, m->err);
}

/* ---- latest versions ---- */

static const char *canonical_stage(struct mlf *m, const char *stage)
{
    static const char *const stages[] = { "None", "Staging", "Production", "Archived" };
    for (size_t i = 0; i < ARRAY_LEN(stages); i++)
        if (strcasecmp(stage, stages[i]) == 0)
            return stages[i];
    IGNORE(mlf_fail(m, MLF_INVALID,
                    "Invalid Model Version stage: %s. Value must be one of None, Staging, "
                    "Production, Archived.",
                    stage));
    return NULL;
}

MLF_HANDLER(model_latest_versions, MLF_READ, F_STR("name", "sr"), F_STRS("stages", "at"))
{
    struct model r;
    struct version latest[4];
    size_t n, wanted_n, written = 0;
    const struct json *wanted = mlf_items(m, "stages", &wanted_n);
    int rc = mlf__model(m, tx, mlf_str(m, "name"), &r);
    if (!rc)
        rc = latest_of(m, tx, r.name, latest, &n);
    if (rc)
        return rc;
    for (size_t i = 0; i < wanted_n; i++)
        if (!canonical_stage(m, wanted[i].string.p))
            return ERR_FAILED;
    struct json_out *o = mlf_begin(m);
    for (size_t i = 0; !rc && i < n; i++) {
        int yes = !wanted_n;
        for (size_t k = 0; k < wanted_n; k++)
            yes |= strcasecmp(wanted[k].string.p, latest[i].stage) == 0;
        if (yes && !written++) {
            jo_key(o, "model_versions");
            jo_array(o);
        }
        if (yes)
            rc = mlf__write_version(m, tx, &latest[i], 1);
    }
    if (written)
        jo_array_end(o);
    return rc;
}

/* ---- tags and aliases ---- */

MLF_HANDLER(model_set_tag, MLF_WRITE, F_STR("name", "sr"), F_STR("key", "sr"), F_STR("value", "s"))
{
    struct model r;
    struct track_pair t = { mlf_str(m, "key"), mlf_str(m, "value") };
    int rc = mlf_check_model_name(m, mlf_str(m, "name"));
    if (!rc)
        rc = check_tags(m, &t, 1);
    if (!rc)
        rc = mlf__model(m, tx, mlf_str(m, "name"), &r);
    return rc ? rc : model_tag_set(tx, &m->by, r.name, &t, m->err);
}

MLF_HANDLER(model_delete_tag, MLF_WRITE, F_STR("name", "sr"), F_STR("key", "sr"))
{
    struct model r;
    int rc = mlf_check_model_name(m, mlf_str(m, "name"));
    if (!rc)
        rc = mlf_check_key(m, mlf_str(m, "key"), "key");
    if (!rc)
        rc = mlf__model(m, tx, mlf_str(m, "name"), &r);
    return rc ? rc : model_tag_delete(tx, &m->by, r.name, mlf_str(m, "key"), m->err);
}

static int check_reserved(struct mlf *m, const char *alias)
{
    if (strcasecmp(alias, "latest") == 0)
        return mlf_fail(m, MLF_INVALID, "'latest' alias name (case insensitive) is reserved.");
    if ((alias[0] == 'v' || alias[0] == 'V') && alias[1] &&
        strspn(alias + 1, "0123456789") == strlen(alias + 1))
        return mlf_fail(m, MLF_INVALID, "Version alias name '%s' is reserved.", alias);
    return 0;
}

MLF_HANDLER(model_set_alias, MLF_WRITE, F_STR("name", "sr"), F_STR("alias", "sr"),
            F_STR("version", "sr"))
{
    struct version v;
    const char *name = mlf_str(m, "name"), *alias = mlf_str(m, "alias");
    int rc = mlf_check_model_name(m, name);
    if (!rc)
        rc = mlf_check_alias(m, alias);
    if (!rc)
        rc = check_reserved(m, alias);
    if (!rc)
        rc = mlf__version(m, tx, name, mlf_str(m, "version"), &v);
    return rc ? rc : model_alias_set(tx, &m->by, name, alias, v.number, m->err);
}

MLF_HANDLER(model_delete_alias, MLF_WRITE, F_STR("name", "sr"), F_STR("alias", "sr"))
{
    struct model r;
    int rc = mlf_check_model_name(m, mlf_str(m, "name"));
    if (!rc)
        rc = mlf_check_alias(m, mlf_str(m, "alias"));
    if (!rc)
        rc = mlf__model(m, tx, mlf_str(m, "name"), &r);
    return rc ? rc : model_alias_delete(tx, &m->by, r.name, mlf_str(m, "alias"), m->err);
}

static int write_version(struct mlf *m, struct tx *tx, const struct version *v)
{
    jo_key(mlf_begin(m), "model_version");
    return mlf__write_version(m, tx, v, 1);
}

MLF_HANDLER(model_get_alias, MLF_READ, F_STR("name", "sr"), F_STR("alias", "sr"))
{
    struct model r;
    struct version v, latest[4];
    size_t n;
    const char *name = mlf_str(m, "name"), *alias = mlf_str(m, "alias");
    int rc = mlf_check_model_name(m, name);
    if (!rc)
        rc = mlf_check_alias(m, alias);
    if (!rc)
        rc = mlf__model(m, tx, name, &r);
    if (rc)
        return rc;
    if (strcasecmp(alias, "latest") == 0) {
        rc = latest_of(m, tx, name, latest, &n);
        if (!rc && !n)
            rc = mlf_fail(m, MLF_MISSING, "Latest version not found for model %s.", name);
        return rc ? rc : write_version(m, tx, &latest[0]);
    }
    rc = version_resolve(tx, m->a, cause_project(&m->by), name, arena_printf(m->a, "@%s", alias),
                         &v, m->err);
    if (rc == ERR_NOT_FOUND)
        return mlf_fail(m, MLF_INVALID, "Registered model alias %s not found.", alias);
    return rc ? rc : write_version(m, tx, &v);
}

/* ---- search ---- */

int mlf__asks_prompts(struct mlf_clause *list, size_t *n)
{
    size_t k = 0;
    for (size_t i = 0; i < *n; i++) {
        const struct mlf_clause *c = &list[i];
        if (strcmp(c->type, "tag") != 0 || strcmp(c->key, IS_PROMPT) != 0)
            continue;
        if ((c->op == MLF_EQ && strcasecmp(c->text, "true") == 0) ||
            (c->op == MLF_NE && strcasecmp(c->text, "false") == 0))
            return 1;
        break;
    }
    for (size_t i = 0; i < *n; i++)
        if (strcmp(list[i].type, "tag") != 0 || strcmp(list[i].key, IS_PROMPT) != 0)
            list[k++] = list[i];
    *n = k;
    return 0;
}

int mlf__is_prompt(const char *const *names, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return 1;
    return 0;
}

struct hit {
    struct model r;
    const struct mlf_order *order;
    size_t order_n;
};

static int by_order(const void *x, const void *y)
{
    const struct hit *a = x, *b = y;
    for (size_t i = 0; i < a->order_n; i++) {
        int name = strcmp(a->order[i].key, "name") == 0;
        int c = name ? strcmp(a->r.name, b->r.name)
                     : (a->r.last_update_time_ms > b->r.last_update_time_ms) -
                           (a->r.last_update_time_ms < b->r.last_update_time_ms);
        if (c)
            return a->order[i].descending ? -c : c;
    }
    return strcmp(a->r.name, b->r.name);
}

static int fulfils(struct mlf *m, struct tx *tx, const struct model *r,
                   const struct mlf_clause *list, size_t n, int *out)
{
    struct track_pair *tags = NULL;
    size_t tag_n = 0;
    int rc = 0, loaded = 0;
    *out = 1;
    for (size_t i = 0; i < n && *out; i++) {
        struct mlf_value v = { .is_null = 1 };
        if (strcmp(list[i].type, "attribute") == 0) {
            v = (struct mlf_value){ .text = r->name };
        } else {
            if (!loaded++)
                rc = model_tags(tx, m->a, r->id, &tags, &tag_n, m->err);
            if (rc)
                return rc;
            for (size_t k = 0; k < tag_n; k++)
                if (strcmp(tags[k].key, list[i].key) == 0)
                    v = (struct mlf_value){ .text = tags[k].value };
        }
        *out = mlf_matches(&list[i], &v);
    }
    return 0;
}

static int select_models(struct mlf *m, struct tx *tx, struct mlf_clause *clauses, size_t clause_n,
                         const struct mlf_order *order, size_t order_n, struct hit **out,
                         size_t *out_n)
{
    struct model *all;
    const char **prompts = NULL;
    size_t n, prompt_n = 0, k = 0;
    int asks = mlf__asks_prompts(clauses, &clause_n);
    int rc = model_list(tx, m->a, cause_project(&m->by), &all, &n, m->err);
    if (!rc && !asks)
        rc = model_prompts(tx, m->a, cause_project(&m->by), 0, &prompts, &prompt_n, m->err);
    if (rc)
        return rc;
    struct hit *hits = ARENA_TRY_ARRAY(m->a, n + 1, struct hit);
    if (!hits)
        return ERR(m->err, ERR_NOMEM, "the answer does not fit in memory");
    for (size_t i = 0; !rc && i < n; i++) {
        int yes = 0;
        if (!mlf__is_prompt(prompts, prompt_n, all[i].name))
            rc = fulfils(m, tx, &all[i], clauses, clause_n, &yes);
        if (!rc && yes)
            hits[k++] = (struct hit){ all[i], order, order_n };
    }
    if (k)
        qsort(hits, k, sizeof *hits, by_order);
    *out = hits;
    *out_n = k;
    return rc;
}

MLF_HANDLER(model_search, MLF_READ, F_STR("filter", "s"), F_INT("max_results", "i1"),
            F_STRS("order_by", "at"), F_STR("page_token", "s"))
{
    struct mlf_clause *clauses;
    struct mlf_order *order;
    struct hit *hits;
    size_t clause_n, order_n, n;
    int64_t offset, limit = mlf_int(m, "max_results", 100);
    int rc = mlf_filter(m, MLF_G_MODELS, mlf_str(m, "filter"), &clauses, &clause_n);
    if (!rc)
        rc = mlf_order_by(m, MLF_G_MODELS, "order_by", &order, &order_n);
    if (!rc)
        rc = mlf_offset(m, mlf_str(m, "page_token"), &offset);
    if (!rc && (limit < 0 || limit > MODELS_MAX))
        rc = mlf_fail(m, MLF_INVALID,
                      "Invalid value for request parameter max_results. It must be at most %d, but "
                      "got value %lld",
                      MODELS_MAX, (long long)limit);
    if (!rc)
        rc = select_models(m, tx, clauses, clause_n, order, order_n, &hits, &n);
    if (rc)
        return rc;
    size_t from = MIN((size_t)offset, n), to = MIN(from + (size_t)limit, n);
    struct json_out *o = mlf_begin(m);
    if (to > from) {
        jo_key(o, "registered_models");
        jo_array(o);
        for (size_t i = from; !rc && i < to; i++)
            rc = write_model(m, tx, &hits[i].r);
        jo_array_end(o);
    }
    if (to < n)
        jo_kv_cstr(o, "next_page_token", mlf_token(m, (int64_t)to));
    return rc;
}
