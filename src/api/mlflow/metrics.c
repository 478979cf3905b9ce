/* SPDX-License-Identifier: Apache-2.0
 * Histories of metrics: of one run with paging, of many runs, and sampled to evenly spaced steps
 * for charts. */
#include <stdlib.h>

#include "api/mlflow/mlflow.h"
#include "base/num.h"
#include "track/metric.h"

enum { RUNS_MAX = 100, SAMPLES_MAX = 2500, BULK_MAX = 25000 };

#define API_DOCS " See the API docs for more information about request parameters."

static int history(struct mlf *m, struct tx *tx, const char *run_id, const char *key,
                   struct metric_point **out, size_t *out_n)
{
    struct err err = ERR_INIT;
    int rc = metric_history(tx, m->a, run_id, key, out, out_n, &err);
    if (rc == ERR_NOT_FOUND) {
        *out = NULL;
        *out_n = 0;
        return 0;
    }
    return rc ? ERR(m->err, rc, "%s", err.msg) : 0;
}

static void write_point(struct json_out *o, const char *key, const struct metric_point *p,
                        const char *run_id)
{
    jo_object(o);
    jo_kv_cstr(o, "key", key);
    jo_kv_double(o, "value", p->value);
    jo_kv_int(o, "timestamp", p->time_ms);
    jo_kv_int(o, "step", p->step);
    mlf_opt(o, "run_id", run_id);
    jo_object_end(o);
}

MLF_HANDLER(metric_history, MLF_READ, F_STR("run_id", "sr"), F_STR("run_uuid", ""),
            F_STR("metric_key", "sr"), F_STR("page_token", "s"), F_INT("max_results", ""))
{
    const char *id = mlf_run_id(m), *key = mlf_str(m, "metric_key");
    struct metric_point *points;
    size_t n;
    int64_t offset, limit = mlf_int(m, "max_results", 0);
    int rc = mlf_offset(m, mlf_str(m, "page_token"), &offset);
    if (!rc)
        rc = history(m, tx, id, key, &points, &n);
    if (rc)
        return rc;
    size_t from = MIN((size_t)offset, n);
    if (mlf_has(m, "max_results") && limit < 0)
        limit = 0; /* as Python: none, and the same page again */
    int bounded = limit > 0 || mlf_has(m, "max_results");
    size_t to = bounded && (uint64_t)limit < n - from ? from + (size_t)limit : n;
    struct json_out *o = mlf_begin(m);
    if (to > from) {
        jo_key(o, "metrics");
        jo_array(o);
        for (size_t i = from; i < to; i++)
            write_point(o, key, &points[i], NULL);
        jo_array_end(o);
    }
    if (to < n)
        jo_kv_cstr(o, "next_page_token", mlf_token(m, (int64_t)to));
    return 0;
}

/* ---- sampled ---- */

static int by_value(const void *x, const void *y)
{
    const int64_t *a = x, *b = y;
    return (*a > *b) - (*a < *b);
}

static size_t unique(int64_t *list, size_t n)
{
    size_t k = 0;
    if (n)
        qsort(list, n, sizeof *list, by_value);
    for (size_t i = 0; i < n; i++)
        if (!k || list[k - 1] != list[i])
            list[k++] = list[i];
    return k;
}

struct series {
    const char *run_id;
    struct metric_point *points;
    size_t n;
    int64_t min, max; /* steps */
};

static int load(struct mlf *m, struct tx *tx, const char *key, struct series **out, size_t *out_n,
                size_t *out_points)
{
    size_t n;
    const struct json *ids = mlf_items(m, "run_ids", &n);
    struct series *list = ARENA_TRY_ARRAY(m->a, n + 1, struct series);
    int rc = list ? 0 : ERR(m->err, ERR_NOMEM, "the request does not fit in memory");
    *out_points = 0;
    for (size_t i = 0; !rc && i < n; i++) {
        struct series *s = &list[i];
        s->run_id = ids[i].string.p;
        rc = history(m, tx, s->run_id, key, &s->points, &s->n);
        for (size_t k = 0; !rc && k < s->n; k++) {
            s->min = k ? MIN(s->min, s->points[k].step) : s->points[k].step;
            s->max = k ? MAX(s->max, s->points[k].step) : s->points[k].step;
        }
        *out_points += s->n;
    }
    *out = list;
    *out_n = n;
    return rc;
}

/* The steps to show: evenly spaced ones of all between start and end, the last, and the first and
 * last of each run. */
static size_t choose(const struct series *list, size_t n, int64_t *all, size_t all_n,
                     const int64_t range[2], size_t max, int64_t *out)
{
    size_t from = 0, to, k = 0;
    while (from < all_n && all[from] < range[0])
        from++;
    for (to = from; to < all_n && all[to] <= range[1];)
        to++;
    size_t count = to - from;
    for (size_t i = 0; i < MIN(count, max); i++) {
        double interval = count <= max ? 1.0 : (double)count / (double)max;
        out[k++] = all[from + (size_t)((double)i * interval)];
    }
    if (count)
        out[k++] = all[to - 1];
    for (size_t i = 0; i < n; i++) {
        if (!list[i].n)
            continue;
        if (list[i].min >= range[0] && list[i].min <= range[1])
            out[k++] = list[i].min;
        if (list[i].max >= range[0] && list[i].max <= range[1])
            out[k++] = list[i].max;
    }
    return unique(out, k);
}

static int by_step(const void *x, const void *y)
{
    const struct metric_point *a = x, *b = y;
    if (a->step != b->step)
        return a->step < b->step ? -1 : 1;
    if (a->time_ms != b->time_ms)
        return a->time_ms < b->time_ms ? -1 : 1;
    return (a->value > b->value) - (a->value < b->value);
}

static void write_sampled(struct mlf *m, const char *key, struct series *list, size_t n,
                          const int64_t *steps, size_t step_n)
{
    struct json_out *o = mlf_begin(m);
    size_t any = 0;
    for (size_t i = 0; i < n; i++) {
        size_t written = 0;
        if (list[i].n)
            qsort(list[i].points, list[i].n, sizeof *list[i].points, by_step);
        for (size_t k = 0; k < list[i].n && written < BULK_MAX; k++) {
            const struct metric_point *p = &list[i].points[k];
            if (!step_n || !bsearch(&p->step, steps, step_n, sizeof *steps, by_value))
                continue;
            if (!any++) {
                jo_key(o, "metrics");
                jo_array(o);
            }
            write_point(o, key, p, list[i].run_id);
            written++;
        }
    }
    if (any)
        jo_array_end(o);
}

static int read_range(struct mlf *m, int64_t range[2], int *out_given)
{
    int first = mlf_has(m, "start_step"), last = mlf_has(m, "end_step");
    *out_given = first && last;
    if (first != last)
        return mlf_fail(m, MLF_INVALID,
                        "If either start step or end step are specified, both must be specified.");
    range[0] = mlf_int(m, "start_step", 0);
    range[1] = mlf_int(m, "end_step", 0);
    if (first && range[0] > range[1])
        return mlf_fail(m, MLF_INVALID,
                        "end_step must be greater than start_step. Found start_step=%lld and "
                        "end_step=%lld.",
                        (long long)range[0], (long long)range[1]);
    return 0;
}

static int check_interval(struct mlf *m, int64_t max)
{
    size_t n;
    (void)mlf_items(m, "run_ids", &n);
    if (n > RUNS_MAX)
        return mlf_fail(m, MLF_INVALID,
                        "GetMetricHistoryBulkInterval request must specify at most %d run_ids. "
                        "Received %zu run_ids." API_DOCS,
                        RUNS_MAX, n);
    if (max < 1 || max > SAMPLES_MAX)
        return mlf_fail(m, MLF_INVALID, "max_results must be between 1 and %d." API_DOCS,
                        SAMPLES_MAX);
    return 0;
}

MLF_HANDLER(metric_history_interval, MLF_READ, F_STRS("run_ids", "rat"), F_STR("metric_key", "rs"),
            F_INT32("start_step", "i"), F_INT32("end_step", "i"), F_INT32("max_results", "i"))
{
    const char *key = mlf_str(m, "metric_key");
    int64_t max = mlf_int(m, "max_results", SAMPLES_MAX), range[2] = { 0 };
    struct series *list;
    size_t n, point_n, k = 0;
    int given = 0;
    int rc = check_interval(m, max);
    if (!rc)
        rc = read_range(m, range, &given);
    if (!rc)
        rc = load(m, tx, key, &list, &n, &point_n);
    if (rc)
        return rc;
    int64_t *all = ARENA_TRY_ARRAY(m->a, point_n + 1, int64_t);
    int64_t *steps = ARENA_TRY_ARRAY(m->a, (size_t)max + 2 * n + 2, int64_t);
    if (!all || !steps)
        return ERR(m->err, ERR_NOMEM, "the histories do not fit in memory");
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < list[i].n; j++)
            all[k++] = list[i].points[j].step;
    size_t all_n = unique(all, k);
    if (!given)
        range[1] = all_n ? all[all_n - 1] : 0;
    size_t step_n = choose(list, n, all, all_n, range, (size_t)max, steps);
    write_sampled(m, key, list, n, steps, step_n);
    return 0;
}

/* ---- many runs, for the page ---- */

static int by_text(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

static int write_bulk(struct mlf *m, struct tx *tx, const char **ids, size_t n, const char *key,
                      int64_t limit)
{
    struct json_out *o = mlf_begin(m);
    int rc = 0;
    jo_key(o, "metrics");
    jo_array(o);
    for (size_t i = 0; !rc && i < n; i++) {
        struct metric_point *points;
        size_t k;
        if (i && strcmp(ids[i], ids[i - 1]) == 0)
            continue;
        rc = history(m, tx, ids[i], key, &points, &k);
        for (size_t j = 0; !rc && j < k && limit > 0; j++, limit--)
            write_point(o, key, &points[j], ids[i]);
    }
    jo_array_end(o);
    return rc;
}

MLF_HANDLER0(metric_history_bulk, MLF_READ)
{
    const struct request *rq = m->rq;
    const char *ids[RUNS_MAX];
    size_t n = 0;
    int64_t limit = BULK_MAX;
    str_t key = request_query(rq, "metric_key"), max = request_query(rq, "max_results");
    for (size_t i = 0; i < rq->query_n; i++)
        if (str_is(rq->query[i].key, "run_id") && ++n <= RUNS_MAX)
            ids[n - 1] = arena_strndup(m->a, rq->query[i].value.p, rq->query[i].value.n);
    if (!n)
        return mlf_fail(m, MLF_INVALID,
                        "GetMetricHistoryBulk request must specify at least one run_id.");
    if (n > RUNS_MAX)
        return mlf_fail(m, MLF_INVALID,
                        "GetMetricHistoryBulk request cannot specify more than %d run_ids. "
                        "Received %zu run_ids.",
                        RUNS_MAX, n);
    if (!key.p)
        return mlf_fail(m, MLF_INVALID, "GetMetricHistoryBulk request must specify a metric_key.");
    if (max.p && parse_i64(max, &limit))
        return mlf_fail(m, MLF_INVALID, "max_results must be a whole number");
    qsort(ids, n, sizeof *ids, by_text);
    return write_bulk(m, tx, ids, n, arena_strndup(m->a, key.p, key.n),
                      MIN(limit, (int64_t)BULK_MAX));
}
