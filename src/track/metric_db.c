/* SPDX-License-Identifier: Apache-2.0
 * Reading metrics: the summary row beside the run, whose tail holds the newest points, and the
 * blocks of points behind it. */
#include <math.h>
#include <stdlib.h>

#include "base/limits.h"
#include "track/metric_int.h"
#include "track/track_int.h"

enum { HISTORY_MAX = 1000000 };

SQL(metric_one, "SELECT key, value, time_ms, step, min_value, max_value, point_count FROM metrics"
                " WHERE run_id = $1 AND key = $2");
SQL(metric_all, "SELECT key, value, time_ms, step, min_value, max_value, point_count FROM metrics"
                " WHERE run_id = $1 ORDER BY key");
SQL(metric_tail, "SELECT tail FROM metrics WHERE run_id = $1 AND key = $2");
SQL(metric_block_all,
    "SELECT points, point_count FROM metric_blocks WHERE run_id = $1 AND key = $2 ORDER BY block");

int metric__damaged(const char *run_id, const char *key, struct err *err)
{
    return ERR(err, ERR_CORRUPT, "points of metric '%s' of run '%s' are damaged", key, run_id);
}

void metric__read(const struct stmt *st, struct arena *a, struct metric *m)
{
    *m = (struct metric){
        .key = stmt_get_text(st, 0, a),
        .latest = { stmt_get_double(st, 1), stmt_get_int(st, 2), stmt_get_int(st, 3) },
        .min = stmt_get_double(st, 4),
        .max = stmt_get_double(st, 5),
        .count = stmt_get_int(st, 6),
    };
}

static int find(struct tx *tx, struct arena *a, const char *run_id, const char *key,
                struct metric *out, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &metric_one, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, run_id);
    stmt_text(st, 2, key);
    rc = stmt_step(st, err);
    if (rc == 1)
        metric__read(st, a, out);
    return rc;
}

int metric_list(struct tx *tx, struct arena *a, const char *run_id, struct metric **out,
                size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    struct metric *list = NULL;
    size_t n = 0, cap = 0;
    int rc = stmt_open(tx, &metric_all, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, run_id);
    while ((rc = stmt_step(st, err)) == 1) {
        list = rows_room(a, list, n, &cap, sizeof *list);
        if (!list)
            return track__no_memory(err);
        metric__read(st, a, &list[n++]);
    }
    *out = list;
    *out_n = n;
    return rc;
}

int metric_get(struct tx *tx, struct arena *a, const char *run_id, const char *key,
               struct metric *out, struct err *err)
{
    int rc = find(tx, a, run_id, key, out, err);
    return rc == 0 ? ERR(err, ERR_NOT_FOUND, "run '%s' has no metric '%.250s'", run_id, key)
                   : MIN(rc, 0);
}

static int by_time(const void *x, const void *y)
{
    const struct metric_point *a = x, *b = y;
    if (a->time_ms != b->time_ms)
        return a->time_ms < b->time_ms ? -1 : 1;
    if (a->step != b->step)
        return a->step < b->step ? -1 : 1;
    return metric__compare_values(a->value, b->value);
}

/* Appends the points of every row of one bound statement, whose first column holds them coded; 1
 * when they are damaged. */
static int read_points(struct stmt *st, struct metric_point *list, size_t max, size_t *n,
                       struct err *err)
{
    struct arena scratch;
    int rc;
    arena_init(&scratch, MIB(1));
    while ((rc = stmt_step(st, err)) == 1) {
        arena_reset(&scratch);
        int64_t got = metric_block_decode(stmt_get_blob(st, 0, &scratch), list + *n, max - *n);
        if (got < 0)
            break;
        *n += (size_t)got;
    }
    arena_fini(&scratch);
    return rc;
}

static int read_all(struct tx *tx, const char *run_id, const char *key, struct metric_point *list,
                    size_t max, size_t *n, struct err *err)
{
    const struct sql *const parts[] = { &metric_block_all, &metric_tail };
    int rc = 0;
    for (size_t i = 0; !rc && i < ARRAY_LEN(parts); i++) {
        AUTO(stmt_auto) struct stmt *st = NULL;
        rc = stmt_open(tx, parts[i], &st, err);
        if (rc)
            return rc;
        stmt_text(st, 1, run_id);
        stmt_text(st, 2, key);
        rc = read_points(st, list, max, n, err);
    }
    return rc == 1 || (!rc && *n != max) ? metric__damaged(run_id, key, err) : rc;
}

int metric_history(struct tx *tx, struct arena *a, const char *run_id, const char *key,
                   struct metric_point **out, size_t *out_n, struct err *err)
{
    struct metric m = { 0 };
    size_t n = 0;
    int rc = metric_get(tx, a, run_id, key, &m, err);
    if (rc)
        return rc;
    if (m.count < 0 || m.count > HISTORY_MAX)
        return ERR(err, ERR_LIMIT, "metric '%s' has %lld points, at most %d are read at once", key,
                   (long long)m.count, HISTORY_MAX);
    struct metric_point *list = ARENA_TRY_ARRAY(a, (size_t)m.count + 1, struct metric_point);
    if (!list)
        return track__no_memory(err);
    rc = read_all(tx, run_id, key, list, (size_t)m.count, &n, err);
    if (rc)
        return rc;
    size_t sorted = n > 0;
    while (sorted < n && by_time(&list[sorted - 1], &list[sorted]) <= 0)
        sorted++;
    if (sorted < n)
        qsort(list, n, sizeof *list, by_time);
    *out = list;
    *out_n = n;
    return 0;
}
