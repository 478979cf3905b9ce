/* SPDX-License-Identifier: Apache-2.0
 * /mlflow/runs/search and search-datasets. The filter becomes a tree of the one expression
 * language; only what that language cannot say, "any of the run's data sets", is asked here. */
#include "api/mlflow/run_texts.h"
#include "codec/expr.h"
#include "track/logged_model.h"
#include "track/search.h"

enum { RESULTS_MAX = 50000, DATASET_EXPERIMENTS = 20, DATASETS_MAX = 1000 };

/* ---- the tree ---- */

static struct expr *node(struct mlf *m, enum expr_op op, size_t n)
{
    struct expr *e = arena_alloc(m->a, sizeof *e);
    e->op = op;
    e->n = n;
    e->args = n ? arena_alloc(m->a, n * sizeof(struct expr *)) : NULL;
    e->height = 1;
    return e;
}

static struct expr *text_node(struct mlf *m, const char *text)
{
    struct expr *e = node(m, EXPR_LITERAL, 0);
    e->type = EXPR_STRING;
    e->value = (struct expr_value){ .type = EXPR_STRING, .string = str_of(text) };
    return e;
}

static struct expr *name_node(struct mlf *m, const struct mlf_clause *c)
{
    struct expr *e = node(m, EXPR_NAME, 0);
    const char *key = c->key;
    int attribute = strcmp(c->type, "attribute") == 0;
    if (attribute && (strcmp(key, "created") == 0 || strcmp(key, "Created") == 0))
        key = "start_time";
    if (attribute && (strcmp(key, "run name") == 0 || strcmp(key, "Run name") == 0 ||
                      strcmp(key, "Run Name") == 0))
        key = "run_name";
    e->entity = str_of(attribute                           ? "attributes"
                       : strcmp(c->type, "metric") == 0    ? "metrics"
                       : strcmp(c->type, "parameter") == 0 ? "params"
                                                           : "tags");
    e->name = str_of(key);
    return e;
}

static enum expr_op op_of(enum mlf_op op)
{
    static const enum expr_op ops[] = {
        [MLF_EQ] = EXPR_EQ,           [MLF_NE] = EXPR_NE,
        [MLF_LT] = EXPR_LT,           [MLF_LE] = EXPR_LE,
        [MLF_GT] = EXPR_GT,           [MLF_GE] = EXPR_GE,
        [MLF_LIKE] = EXPR_LIKE,       [MLF_ILIKE] = EXPR_ILIKE,
        [MLF_IN] = EXPR_IN,           [MLF_NOT_IN] = EXPR_NOT_IN,
        [MLF_IS_NULL] = EXPR_IS_NULL, [MLF_IS_NOT_NULL] = EXPR_IS_NOT_NULL,
    };
    return ops[op];
}

static struct expr *clause_node(struct mlf *m, const struct mlf_clause *c)
{
    int null = c->op == MLF_IS_NULL || c->op == MLF_IS_NOT_NULL;
    int list = c->op == MLF_IN || c->op == MLF_NOT_IN;
    struct expr *e = node(m, op_of(c->op), null ? 1 : list ? 1 + c->list_n : 2);
    e->height = 2;
    e->args[0] = name_node(m, c);
    for (size_t i = 0; list && i < c->list_n; i++)
        e->args[1 + i] = text_node(m, c->list[i]);
    if (null || list)
        return e;
    if (!c->is_number) {
        e->args[1] = text_node(m, c->text);
        return e;
    }
    e->args[1] = node(m, EXPR_LITERAL, 0);
    e->args[1]->type = EXPR_NUMBER;
    e->args[1]->value = (struct expr_value){ .type = EXPR_NUMBER, .number = c->number };
    return e;
}

/* NULL when nothing but data sets is asked for; *out_none = 1: an empty list lets nothing through.
 */
static struct expr *tree_of(struct mlf *m, const struct mlf_clause *list, size_t n, int *out_none)
{
    struct expr *all = NULL;
    *out_none = 0;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(list[i].type, "dataset") == 0)
            continue;
        if ((list[i].op == MLF_IN || list[i].op == MLF_NOT_IN) && !list[i].list_n) {
            *out_none |= list[i].op == MLF_IN;
            continue;
        }
        struct expr *one = clause_node(m, &list[i]);
        if (all) {
            struct expr *both = node(m, EXPR_AND, 2);
            both->height = all->height + 1;
            both->args[0] = all;
            both->args[1] = one;
            one = both;
        }
        all = one;
    }
    return all;
}

/* ---- data sets ---- */

struct wanted {
    struct mlf *m;
    const struct mlf_clause *list;
    size_t n;
};

static int any_input(const struct mlf_clause *c, const struct run_input *in, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *text = strcmp(c->key, "name") == 0     ? in[i].dataset.name
                           : strcmp(c->key, "digest") == 0 ? in[i].dataset.digest
                                                           : in[i].context;
        struct mlf_value v = { .is_null = !text, .text = text };
        if (mlf_matches(c, &v))
            return 1;
    }
    return 0;
}

static int has_inputs(void *arg, struct tx *tx, const struct run *r, int *out, struct err *err)
{
    const struct wanted *w = arg;
    struct run_input *in;
    size_t n;
    int rc = run_inputs(tx, w->m->a, r->id, &in, &n, err);
    *out = 1;
    for (size_t i = 0; !rc && *out && i < w->n; i++)
        if (strcmp(w->list[i].type, "dataset") == 0)
            *out = any_input(&w->list[i], in, n);
    return rc;
}

/* ---- runs/search ---- */

static int read_order(struct mlf *m, const char ***out, size_t *out_n)
{
    struct mlf_order *order;
    int rc = mlf_order_by(m, MLF_G_RUNS, "order_by", &order, out_n);
    if (rc)
        return rc;
    *out = arena_try_alloc(m->a, *out_n + 1, sizeof **out);
    if (!*out)
        return ERR(m->err, ERR_NOMEM, "the request does not fit in memory");
    size_t n = *out_n;
    *out_n = 0;
    for (size_t i = 0; i < n; i++) {
        const char *type = strcmp(order[i].type, "attribute") == 0   ? "attributes"
                           : strcmp(order[i].type, "metric") == 0    ? "metrics"
                           : strcmp(order[i].type, "parameter") == 0 ? "params"
                                                                     : "tags";
        if (*order[i].key) /* "metrics." orders nothing */
            (*out)[(*out_n)++] = arena_printf(m->a, "%s.`%s` %s", type, order[i].key,
                                              order[i].descending ? "DESC" : "ASC");
    }
    return 0;
}

static int read_experiments(struct mlf *m, int64_t **out, size_t *out_n)
{
    size_t n;
    const struct json *items = mlf_items(m, "experiment_ids", &n);
    int rc = 0;
    *out_n = 0;
    *out = ARENA_TRY_ARRAY(m->a, n + 1, int64_t);
    if (!*out)
        return ERR(m->err, ERR_NOMEM, "the request does not fit in memory");
    for (size_t i = 0; !rc && i < n; i++) {
        int64_t id;
        int seen = 0;
        rc = mlf_experiment_id(m, items[i].string.p, &id);
        for (size_t k = 0; k < *out_n; k++)
            seen |= (*out)[k] == id;
        if (!rc && !seen)
            (*out)[(*out_n)++] = id;
    }
    return rc;
}

enum { LINKS_AT_ONCE = 32 }; /* runs that one question about links covers */

/* What is read of a run is needed until it is written: one scratch arena serves all. */
static int write_each(struct mlf *m, struct tx *tx, const struct run *list, size_t n)
{
    struct arena scratch, *kept = m->a;
    unsigned char links[LINKS_AT_ONCE];
    size_t linked = 0; /* links are of the runs before this one */
    int rc = 0;
    arena_init(&scratch, MIB(256));
    m->a = &scratch;
    for (size_t i = 0; !rc && i < n; i++) {
        if (mlf__write_known_run(m, tx, list[i].id))
            continue;
        arena_reset(&scratch);
        size_t from = i - i % LINKS_AT_ONCE;
        if (i >= linked) {
            linked = MIN(from + LINKS_AT_ONCE, n);
            rc = run_links(tx, list + from, linked - from, links, m->err);
        }
        if (!rc)
            rc = mlf__write_new_run(m, tx, list[i].id, links[i - from]);
    }
    if (!rc && scratch.failed)
        rc = ERR(m->err, ERR_NOMEM, "a run does not fit in memory");
    m->a = kept;
    arena_fini(&scratch);
    return rc;
}

static int write_runs(struct mlf *m, struct tx *tx, const struct run *list, size_t n, int64_t next)
{
    struct json_out *o = mlf_begin(m);
    int rc = 0;
    if (n) {
        jo_key(o, "runs");
        jo_array(o);
        rc = write_each(m, tx, list, n);
        jo_array_end(o);
    }
    if (next)
        jo_kv_cstr(o, "next_page_token", mlf_token(m, next));
    return rc;
}

static int check_results(struct mlf *m, int64_t limit)
{
    if (limit >= 1)
        return 0;
    return mlf_fail(m, MLF_INVALID,
                    "Invalid value %lld for parameter 'max_results' supplied. It must be a "
                    "positive integer",
                    (long long)limit);
}

MLF_HANDLER(run_search, MLF_READ, F_STRS("experiment_ids", "a"), F_STR("filter", "s"),
            F_INT32("max_results", "i5"), F_STRS("order_by", "at"), F_STR("page_token", ""),
            F_ENUM("run_view_type", "", mlf_view_types))
{
    struct mlf_clause *clauses;
    struct run_query q = { .limit = mlf_int(m, "max_results", 1000) };
    struct run *list = NULL;
    int64_t *experiments, view = mlf_int(m, "run_view_type", 1);
    const char **order;
    size_t clause_n, n = 0;
    int more = 0, none = 0;
    int rc = check_results(m, q.limit);
    if (!rc)
        rc = mlf_filter(m, MLF_G_RUNS, mlf_str(m, "filter"), &clauses, &clause_n);
    if (!rc)
        rc = read_order(m, &order, &q.order_n);
    if (!rc)
        rc = mlf_offset(m, mlf_str(m, "page_token"), &q.offset);
    if (!rc)
        rc = read_experiments(m, &experiments, &q.experiment_n);
    if (rc)
        return rc;
    struct wanted w = { m, clauses, clause_n };
    q.experiment_ids = experiments;
    q.order_by = order;
    q.view = view == 2 ? TRACK_DELETED : view == 3 ? TRACK_ALL : TRACK_ACTIVE;
    q.where = tree_of(m, clauses, clause_n, &none);
    for (size_t i = 0; i < clause_n; i++)
        if (strcmp(clauses[i].type, "dataset") == 0)
            q.accept = has_inputs;
    q.accept_arg = &w;
    q.fresh = q.ids_only = 1;
    if (!none && q.experiment_n)
        rc = run_search(tx, m->a, &q, &list, &n, &more, m->err);
    return rc ? rc : write_runs(m, tx, list, n, more ? q.offset + (int64_t)n : 0);
}

/* ---- search-datasets ---- */

static int write_summaries(struct mlf *m, struct tx *tx, int64_t experiment, size_t *written)
{
    struct dataset_summary *list;
    size_t n;
    int rc = dataset_summaries(tx, m->a, experiment, &list, &n, m->err);
    for (size_t i = 0; !rc && i < n && *written < DATASETS_MAX; i++) {
        struct json_out *o = &m->out;
        if (!(*written)++) {
            jo_key(o, "dataset_summaries");
            jo_array(o);
        }
        jo_object(o);
        jo_kv_cstr(o, "experiment_id", arena_printf(m->a, "%lld", (long long)experiment));
        jo_kv_cstr(o, "name", list[i].name);
        jo_kv_cstr(o, "digest", list[i].digest);
        mlf_opt(o, "context", list[i].context);
        jo_object_end(o);
    }
    return rc;
}

MLF_HANDLER(search_datasets, MLF_READ, F_STRS("experiment_ids", ""))
{
    int64_t *ids;
    size_t n, given, written = 0;
    (void)mlf_items(m, "experiment_ids", &given);
    if (!given)
        return mlf_fail(m, MLF_INVALID,
                        "SearchDatasets request must specify at least one experiment_id.");
    if (given > DATASET_EXPERIMENTS)
        return mlf_fail(m, MLF_INVALID,
                        "SearchDatasets request cannot specify more than %d experiment_ids. "
                        "Received %zu experiment_ids.",
                        DATASET_EXPERIMENTS, given);
    int rc = read_experiments(m, &ids, &n);
    if (rc)
        return rc;
    struct json_out *o = mlf_begin(m);
    for (size_t i = 0; !rc && i < n; i++)
        rc = write_summaries(m, tx, ids[i], &written);
    if (written)
        jo_array_end(o);
    return rc;
}
