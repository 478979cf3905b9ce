/* SPDX-License-Identifier: Apache-2.0
 * A window of a search as typed columns. The search finds and orders; only the rows of the window
 * are read in full, and of them only what the columns name. */
#include <math.h>
#include <stdlib.h>

#include "base/map.h"
#include "track/run_int.h"
#include "track/table.h"
#include "track/track_int.h"

static const char *const entities[] = { "metrics", "metrics_min", "metrics_max", "params",
                                        "tags",    "dataset",     "attributes" };

/* "metrics.rmse" as a name of the search language; a key may have dots of its own. */
static struct expr name_of(const char *text)
{
    str_t entity, key;
    struct expr e = { .op = EXPR_NAME, .name = str_of(text) };
    if (str_cut(str_of(text), '.', &entity, &key))
        for (size_t i = 0; i < ARRAY_LEN(entities); i++)
            if (str_is(entity, entities[i])) {
                e.entity = entity;
                e.name = key;
            }
    return e;
}

static int make_column(struct arena *a, const char *name, size_t rows, struct run_column *c,
                       struct expr *e, struct err *err)
{
    enum expr_type type;
    *e = name_of(name);
    int rc = run__type_of(NULL, e, &type, err);
    if (rc)
        return err_prefix(err, rc, "columns");
    *c = (struct run_column){ .name = name,
                              .type = type == EXPR_NUMBER ? RUN_COLUMN_NUMBER : RUN_COLUMN_TEXT };
    if (c->type == RUN_COLUMN_NUMBER) {
        c->numbers = ARENA_TRY_ARRAY(a, rows + 1, double);
        c->known = ARENA_TRY_ARRAY(a, rows + 1, char);
    } else {
        c->texts = ARENA_TRY_ARRAY(a, rows + 1, const char *);
    }
    return c->texts || (c->numbers && c->known) ? 0 : track__no_memory(err);
}

static int fill_row(struct tx *tx, struct arena *a, const struct run_table *t,
                    const struct expr *names, size_t row, struct err *err)
{
    for (size_t k = 0; k < t->column_n; k++) {
        struct run_column *c = &t->columns[k];
        struct expr_value v = { .type = EXPR_NULL };
        struct run_look l = { tx, a, &t->rows[row], 1 };
        int rc = run__value_of(&l, &names[k], &v, err);
        if (rc)
            return rc;
        if (c->type == RUN_COLUMN_TEXT) {
            c->texts[row] = v.type == EXPR_STRING ? arena_strndup(a, v.string.p, v.string.n) : NULL;
        } else {
            c->known[row] = v.type == EXPR_NUMBER;
            c->numbers[row] = v.type == EXPR_NUMBER ? v.number : (double)NAN;
        }
    }
    return a->failed ? track__no_memory(err) : 0;
}

int run_table(struct tx *tx, struct arena *a, const struct run_query *q, const char *const *names,
              size_t name_n, struct run_table *out, struct err *err)
{
    struct run_query query = *q;
    struct run_table t = { .column_n = name_n };
    struct expr *exprs = arena_alloc(a, (RUN_TABLE_COLUMNS + 1) * sizeof *exprs);
    if (name_n > RUN_TABLE_COLUMNS)
        return ERR(err, ERR_LIMIT, "%zu columns were asked for, at most %d are given at once",
                   name_n, RUN_TABLE_COLUMNS);
    if (q->limit > RUN_TABLE_ROWS)
        return ERR(err, ERR_LIMIT, "at most %d rows are given at once", RUN_TABLE_ROWS);
    query.total = &t.total;
    t.columns = arena_alloc(a, (name_n + 1) * sizeof *t.columns);
    int rc = run_search(tx, a, &query, &t.rows, &t.n, NULL, err);
    for (size_t i = 0; !rc && i < name_n; i++)
        rc = make_column(a, names[i], t.n, &t.columns[i], &exprs[i], err);
    for (size_t row = 0; !rc && row < t.n; row++)
        rc = fill_row(tx, a, &t, exprs, row, err);
    *out = t;
    return rc;
}

/* ---- keys ---- */

/* A count kept in the map's pointer. */
static void *count_of(uintptr_t n)
{
    return (void *)n; // NOLINT(performance-no-int-to-ptr)
}

static void count_key(struct map *m, const char *key)
{
    size_t at = map_find(m, str_of(key));
    if (at != SIZE_MAX)
        m->entries[at].value = count_of((uintptr_t)m->entries[at].value + 1);
    else if (m->n < RUN_TABLE_KEYS)
        (void)map_put(m, str_of(key), count_of(1));
}

static int by_count(const void *x, const void *y)
{
    const struct map_entry *a = x, *b = y;
    if (a->value != b->value)
        return (uintptr_t)a->value > (uintptr_t)b->value ? -1 : 1;
    return str_cmp(a->key, b->key);
}

/* The keys, the most frequent first; empties the map. */
static int take(struct arena *a, struct map *m, const char ***out, size_t *out_n, struct err *err)
{
    const char **list = ARENA_TRY_ARRAY(a, m->n + 1, const char *);
    if (!list)
        return track__no_memory(err);
    if (m->n)
        qsort(m->entries, m->n, sizeof *m->entries, by_count);
    for (size_t i = 0; i < m->n; i++)
        list[i] = m->entries[i].key.p; /* NUL-terminated: they came as such */
    *out = list;
    *out_n = m->n;
    return 0;
}

static void count_pairs(struct map *m, const struct track_pair *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        count_key(m, list[i].key);
}

static int count_run(struct tx *tx, struct arena *a, const char *id, struct map m[3],
                     struct err *err)
{
    struct metric *metrics;
    struct track_pair *pairs;
    size_t n;
    int rc = metric_list(tx, a, id, &metrics, &n, err);
    for (size_t i = 0; !rc && i < n; i++)
        count_key(&m[0], metrics[i].key);
    if (!rc)
        rc = run_params(tx, a, id, &pairs, &n, err);
    if (rc)
        return rc;
    count_pairs(&m[1], pairs, n);
    rc = run_tags(tx, a, id, &pairs, &n, err);
    if (!rc)
        count_pairs(&m[2], pairs, n);
    return rc;
}

int run_table_keys(struct tx *tx, struct arena *a, const struct run *rows, size_t n,
                   struct run_keys *out, struct err *err)
{
    struct map m[3];
    int rc = 0;
    *out = (struct run_keys){ 0 };
    for (size_t i = 0; i < ARRAY_LEN(m); i++)
        map_init(&m[i]);
    for (size_t i = 0; !rc && i < n; i++)
        rc = count_run(tx, a, rows[i].id, m, err);
    if (!rc)
        rc = take(a, &m[0], &out->metrics, &out->metric_n, err);
    if (!rc)
        rc = take(a, &m[1], &out->params, &out->param_n, err);
    if (!rc)
        rc = take(a, &m[2], &out->tags, &out->tag_n, err);
    for (size_t i = 0; i < ARRAY_LEN(m); i++)
        map_fini(&m[i]);
    return rc;
}
