/* SPDX-License-Identifier: Apache-2.0
 * /mlflow/experiments: create, read, search, delete, restore, rename, tags. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/mlflow/mlflow.h"

enum {
    NAME_MAX_POINTS = 500,
    LOCATION_MAX = 2048,
    TAG_KEY_MAX = 250,
    TAG_VALUE_MAX = 5000,
    RESULTS_MAX = 50000
};

/* ---- shared ---- */

int mlf_experiment(struct mlf *m, struct tx *tx, const char *id, struct experiment *out)
{
    int64_t n;
    int rc = mlf_experiment_id(m, id, &n);
    if (!rc)
        rc = experiment_brief(tx, m->a, n, out, m->err); /* the count of runs is not told */
    return rc == ERR_NOT_FOUND
               ? mlf_fail(m, MLF_MISSING, "No Experiment with id=%lld exists", (long long)n)
               : rc;
}

static int need_active(struct mlf *m, const struct experiment *e)
{
    if (strcmp(e->lifecycle_stage, "active") == 0)
        return 0;
    return mlf_fail(m, MLF_INVALID,
                    "The experiment %lld must be in the 'active' state. Current state is %s.",
                    (long long)e->id, e->lifecycle_stage);
}

static int write_experiment(struct mlf *m, struct tx *tx, const struct experiment *e)
{
    struct json_out *o = &m->out;
    struct track_pair *tags;
    size_t n;
    int rc = experiment_tags(tx, m->a, e->id, &tags, &n, m->err);
    if (rc)
        return rc;
    jo_object(o);
    jo_kv_cstr(o, "experiment_id", arena_printf(m->a, "%lld", (long long)e->id));
    jo_kv_cstr(o, "name", e->name);
    jo_kv_cstr(o, "artifact_location", e->artifact_location);
    jo_kv_cstr(o, "lifecycle_stage", e->lifecycle_stage);
    jo_kv_int(o, "last_update_time", e->last_update_time_ms);
    jo_kv_int(o, "creation_time", e->creation_time_ms);
    mlf_write_tags(o, "tags", tags, n);
    jo_object_end(o);
    return 0;
}

/* ---- create ---- */

/* Decodes as often as paths are, then looks for "..". */
static int check_query(struct mlf *m, const char *location)
{
    const char *query = strchr(location, '?');
    if (!query)
        return 0;
    const char *lower = mlf_lower(m->a, query);
    if (strstr(lower, "..") || strstr(lower, "%2e") || strstr(lower, "%25"))
        return mlf_fail(m, MLF_INVALID, "Invalid query string");
    return 0;
}

static int check_location(struct mlf *m, const char *location)
{
    const char *slash = strrchr(location, '/');
    /* Only these schemes have parameters after ';' (as Python's urlparse knows them). */
    int may = strncmp(location, "http:", 5) == 0 || strncmp(location, "https:", 6) == 0 ||
              strncmp(location, "ftp:", 4) == 0 || !strchr(location, ':');
    const char *params = may ? strchr(slash ? slash : location, ';') : NULL;
    if (strchr(location, '#') || params)
        return mlf_fail(m, MLF_INVALID,
                        "'artifact_location' URL can't include fragments or params.");
    int rc = check_query(m, location);
    if (!rc && strncmp(location, "runs:", 5) == 0)
        rc = mlf_fail(m, MLF_INVALID, "Artifact location cannot be a runs:/ URI. Given: '%s'",
                      location);
    if (!rc && mlf_length(str_of(location)) > LOCATION_MAX)
        rc = mlf_fail(m, MLF_INVALID,
                      "Invalid artifact path length. The length of the artifact path cannot be "
                      "greater than %d characters. To configure this limit, please set the "
                      "MLFLOW_ARTIFACT_LOCATION_MAX_LENGTH environment variable.",
                      LOCATION_MAX);
    return rc;
}

/* Relative local paths mean the server's folder. */
static const char *absolute(struct mlf *m, const char *location)
{
    char cwd[2048];
    const char *path = mlf_local_path(m->a, location);
    if (!*location || !mlf_is_local_uri(location) || path[0] == '/' || !getcwd(cwd, sizeof cwd))
        return location;
    const char *full = arena_printf(m->a, "%s/%s", cwd, path);
    return strncmp(location, "file:", 5) == 0 ? arena_printf(m->a, "file://%s", full) : full;
}

static int check_new_tags(struct mlf *m, const struct track_pair *tags, size_t n)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < n; i++) {
        rc = mlf_check_key(m, tags[i].key, arena_printf(m->a, "tags[%zu].key", i));
        if (!rc)
            rc = mlf_check_length(m, "value", TAG_VALUE_MAX, tags[i].value);
    }
    return rc;
}

MLF_HANDLER(experiment_create, MLF_WRITE, F_STR("name", "rs"), F_STR("artifact_location", "s"),
            F_MSGS("tags", "a", mlf_tag_fields))
{
    struct experiment_new e = { .name = mlf_str(m, "name"),
                                .artifact_root = app_of(m->rq)->options.default_artifact_root };
    const char *location = mlf_str(m, "artifact_location");
    struct track_pair *tags;
    int64_t id;
    int rc = mlf_pairs(m, "tags", &tags, &e.tag_n);
    e.tags = tags;
    if (!rc && *location)
        rc = check_location(m, location);
    if (!rc && !*e.name)
        rc = mlf_fail(m, MLF_INVALID, "Invalid experiment name: ''");
    if (!rc)
        rc = mlf_check_length(m, "name", NAME_MAX_POINTS, e.name);
    if (!rc)
        rc = check_new_tags(m, tags, e.tag_n);
    if (rc)
        return rc;
    e.artifact_location = absolute(m, location);
    rc = experiment_create(tx, &m->by, &e, &id, m->err);
    if (rc == ERR_EXISTS)
        return mlf_fail(m, "RESOURCE_ALREADY_EXISTS", "Experiment(name=%s) already exists.",
                        e.name);
    if (rc)
        return rc;
    jo_kv_cstr(mlf_begin(m), "experiment_id", arena_printf(m->a, "%lld", (long long)id));
    return 0;
}

/* ---- read ---- */

static int write_named(struct mlf *m, struct tx *tx, const struct experiment *e)
{
    jo_key(mlf_begin(m), "experiment");
    return write_experiment(m, tx, e);
}

MLF_HANDLER(experiment_get, MLF_READ, F_STR("experiment_id", "rs"))
{
    struct experiment e;
    int rc = mlf_experiment(m, tx, mlf_str(m, "experiment_id"), &e);
    return rc ? rc : write_named(m, tx, &e);
}

MLF_HANDLER(experiment_get_by_name, MLF_READ, F_STR("experiment_name", "rs"))
{
    struct experiment e;
    const char *name = mlf_str(m, "experiment_name");
    int rc = experiment_find(tx, m->a, cause_project(&m->by), name, &e, m->err);
    if (rc == ERR_NOT_FOUND)
        return mlf_fail(m, MLF_MISSING, "Could not find experiment with name '%s'", name);
    return rc ? rc : write_named(m, tx, &e);
}

/* ---- search ---- */

struct found {
    struct experiment e;
    const struct mlf_order *order;
    size_t order_n;
};

static struct mlf_value field(const struct experiment *e, const char *key)
{
    if (strcmp(key, "name") == 0)
        return (struct mlf_value){ .text = e->name };
    double n = strcmp(key, "creation_time") == 0      ? (double)e->creation_time_ms
               : strcmp(key, "last_update_time") == 0 ? (double)e->last_update_time_ms
                                                      : (double)e->id;
    return (struct mlf_value){ .is_number = 1, .number = n };
}

static int fulfils(struct mlf *m, struct tx *tx, const struct experiment *e,
                   const struct mlf_clause *clauses, size_t n, int *out)
{
    struct track_pair *tags = NULL;
    size_t tag_n = 0;
    int rc = 0, loaded = 0;
    *out = 1;
    for (size_t i = 0; i < n && *out; i++) {
        const struct mlf_clause *c = &clauses[i];
        struct mlf_value v = { .is_null = 1 };
        if (strcmp(c->type, "attribute") == 0) {
            v = field(e, c->key);
        } else {
            if (!loaded++)
                rc = experiment_tags(tx, m->a, e->id, &tags, &tag_n, m->err);
            if (rc)
                return rc;
            for (size_t k = 0; k < tag_n; k++)
                if (strcmp(tags[k].key, c->key) == 0)
                    v = (struct mlf_value){ .text = tags[k].value };
        }
        *out = mlf_matches(c, &v);
    }
    return 0;
}

static int by_order(const void *x, const void *y)
{
    const struct found *a = x, *b = y;
    int named = 0;
    for (size_t i = 0; i < a->order_n; i++) {
        struct mlf_value v = field(&a->e, a->order[i].key), w = field(&b->e, a->order[i].key);
        int c = mlf_compare(&v, &w, a->order[i].descending);
        if (c)
            return c;
        named |= strcmp(a->order[i].key, "experiment_id") == 0;
    }
    (void)named;
    return a->e.id == b->e.id ? 0 : a->e.id > b->e.id ? -1 : 1;
}

static int write_page(struct mlf *m, struct tx *tx, const struct found *hits, size_t n,
                      int64_t offset, int64_t limit)
{
    struct json_out *o = mlf_begin(m);
    size_t from = MIN((size_t)offset, n), to = MIN(from + (size_t)limit, n);
    int rc = 0;
    if (to > from) {
        jo_key(o, "experiments");
        jo_array(o);
        for (size_t i = from; !rc && i < to; i++)
            rc = write_experiment(m, tx, &hits[i].e);
        jo_array_end(o);
    }
    if (to < n)
        jo_kv_cstr(o, "next_page_token", mlf_token(m, (int64_t)to));
    return rc;
}

static const struct mlf_order newest_first[] = { { "attribute", "creation_time", 1 },
                                                 { "attribute", "experiment_id", 0 } };

MLF_HANDLER(experiment_search, MLF_READ, F_ENUM("view_type", "i", mlf_view_types),
            F_INT("max_results", "i"), F_STRS("order_by", "a"), F_STR("filter", "s"),
            F_STR("page_token", "s"))
{
    struct mlf_clause *clauses;
    struct mlf_order *order;
    struct experiment *all;
    int64_t limit = mlf_int(m, "max_results", 0), offset, view = mlf_int(m, "view_type", 1);
    size_t clause_n, order_n, n, hits_n = 0;
    if (limit < 1)
        return mlf_fail(m, MLF_INVALID,
                        "Invalid value %lld for parameter 'max_results' supplied. It must be a "
                        "positive integer",
                        (long long)limit);
    if (limit > RESULTS_MAX)
        return mlf_fail(m, MLF_INVALID,
                        "Invalid value %lld for parameter 'max_results' supplied. It must be at "
                        "most %d",
                        (long long)limit, RESULTS_MAX);
    int rc = mlf_filter(m, MLF_G_EXPERIMENTS, mlf_str(m, "filter"), &clauses, &clause_n);
    if (!rc)
        rc = mlf_order_by(m, MLF_G_EXPERIMENTS, "order_by", &order, &order_n);
    if (!rc)
        rc = mlf_offset(m, mlf_str(m, "page_token"), &offset);
    if (!rc)
        rc = experiment_list(tx, m->a, cause_project(&m->by),
                             view == 2   ? TRACK_DELETED
                             : view == 3 ? TRACK_ALL
                                         : TRACK_ACTIVE,
                             &all, &n, m->err);
    if (rc)
        return rc;
    struct found *hits = ARENA_TRY_ARRAY(m->a, n + 1, struct found);
    if (!hits)
        return ERR(m->err, ERR_NOMEM, "the answer does not fit in memory");
    for (size_t i = 0; !rc && i < n; i++) {
        int yes;
        rc = fulfils(m, tx, &all[i], clauses, clause_n, &yes);
        if (!rc && yes)
            hits[hits_n++] = (struct found){ all[i], order_n ? order : newest_first,
                                             order_n ? order_n : ARRAY_LEN(newest_first) };
    }
    if (!rc && hits_n)
        qsort(hits, hits_n, sizeof *hits, by_order);
    return rc ? rc : write_page(m, tx, hits, hits_n, offset, limit);
}

/* ---- change ---- */

MLF_HANDLER(experiment_delete, MLF_WRITE, F_STR("experiment_id", "rs"))
{
    int64_t id;
    int rc = mlf_experiment_id(m, mlf_str(m, "experiment_id"), &id);
    if (!rc)
        rc = experiment_delete(tx, &m->by, id, m->err);
    return rc == ERR_NOT_FOUND
               ? mlf_fail(m, MLF_MISSING, "No Experiment with id=%lld exists", (long long)id)
               : rc;
}

MLF_HANDLER(experiment_restore, MLF_WRITE, F_STR("experiment_id", "rs"))
{
    int64_t id;
    int rc = mlf_experiment_id(m, mlf_str(m, "experiment_id"), &id);
    if (!rc)
        rc = experiment_restore(tx, &m->by, id, m->err);
    return rc == ERR_NOT_FOUND
               ? mlf_fail(m, MLF_MISSING, "No Experiment with id=%lld exists", (long long)id)
               : rc;
}

MLF_HANDLER(experiment_update, MLF_WRITE, F_STR("experiment_id", "rs"), F_STR("new_name", "sr"))
{
    struct experiment e;
    const char *name = mlf_str(m, "new_name");
    int rc = mlf_experiment(m, tx, mlf_str(m, "experiment_id"), &e);
    if (!rc && strcmp(e.lifecycle_stage, "active") != 0)
        return mlf_fail(m, MLF_INVALID, "Cannot rename a non-active experiment.");
    if (!rc)
        rc = mlf_check_length(m, "name", NAME_MAX_POINTS, name);
    if (!rc)
        rc = experiment_rename(tx, &m->by, e.id, name, m->err);
    return rc == ERR_EXISTS
               ? mlf_fail(m, "RESOURCE_ALREADY_EXISTS", "Experiment(name=%s) already exists.", name)
               : rc;
}

MLF_HANDLER(experiment_set_tag, MLF_WRITE, F_STR("experiment_id", "rs"), F_STR("key", "rs"),
            F_STR("value", "s"))
{
    struct experiment e;
    struct track_pair tag = { mlf_str(m, "key"), mlf_str(m, "value") };
    int rc = mlf_check_key(m, tag.key, "key");
    if (!rc)
        rc = mlf_check_length(m, "key", TAG_KEY_MAX, tag.key);
    if (!rc)
        rc = mlf_check_length(m, "value", TAG_VALUE_MAX, tag.value);
    if (!rc)
        rc = mlf_experiment(m, tx, mlf_str(m, "experiment_id"), &e);
    if (!rc)
        rc = need_active(m, &e);
    return rc ? rc : experiment_tag_set(tx, &m->by, e.id, &tag, m->err);
}

MLF_HANDLER(experiment_delete_tag, MLF_WRITE, F_STR("experiment_id", "rs"), F_STR("key", "rs"))
{
    struct experiment e;
    const char *key = mlf_str(m, "key"), *id = mlf_str(m, "experiment_id");
    int rc = mlf_experiment(m, tx, id, &e);
    if (!rc)
        rc = need_active(m, &e);
    if (!rc)
        rc = experiment_tag_delete(tx, &m->by, e.id, key, m->err);
    return rc == ERR_NOT_FOUND && !m->code
               ? mlf_fail(m, MLF_MISSING, "No tag with name: %s in experiment with id %s", key, id)
               : rc;
}
