/* SPDX-License-Identifier: Apache-2.0
 * Logging points. The newest points of a metric are the tail of its own row, so that a point costs
 * one look-up and one update; a full tail moves into a block. A point that is not later than all
 * before it may have been sent twice: the tail and the blocks whose ranges hold it are asked. */
#include <math.h>

#include "base/limits.h"
#include "base/mem.h"
#include "track/metric_int.h"
#include "track/run_int.h"
#include "track/track_int.h"

enum { LOOK_UPS = 20, TAIL_BYTES_MAX = METRIC_TAIL_POINTS * METRIC_POINT_BYTES };

/* Ranges stand before the points: what follows a long column costs its pages. max_time_ms of a
 * metric is NULL, and the ranges of a block are, when they were written before they were kept. */
MIGRATION(130, "track",
          "ALTER TABLE metrics ADD COLUMN max_time_ms BIGINT;"
          "ALTER TABLE metrics ADD COLUMN tail BYTEA;"
          "CREATE TABLE metric_blocks_ranged ("
          " run_id TEXT NOT NULL,"
          " key TEXT NOT NULL,"
          " block BIGINT NOT NULL,"
          " point_count BIGINT NOT NULL,"
          " min_step BIGINT,"
          " max_step BIGINT,"
          " min_time_ms BIGINT,"
          " max_time_ms BIGINT,"
          " points BYTEA NOT NULL,"
          " PRIMARY KEY (run_id, key, block),"
          " FOREIGN KEY (run_id, key) REFERENCES metrics (run_id, key));"
          "INSERT INTO metric_blocks_ranged (run_id, key, block, point_count, points)"
          " SELECT run_id, key, block, point_count, points FROM metric_blocks;"
          "DROP TABLE metric_blocks;"
          "ALTER TABLE metric_blocks_ranged RENAME TO metric_blocks");

SQL(metric_some,
    "SELECT key, value, time_ms, step, min_value, max_value, point_count, max_time_ms, tail"
    " FROM metrics WHERE run_id = $1 AND key IN ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,"
    " $13, $14, $15, $16, $17, $18, $19, $20, $21)");
SQL(metric_state,
    "SELECT key, value, time_ms, step, min_value, max_value, point_count, max_time_ms, tail"
    " FROM metrics WHERE run_id = $1 AND key = $2");
SQL_CHANGES(
    metric_insert, 9,
    "INSERT INTO metrics (value, time_ms, step, min_value, max_value, point_count, max_time_ms,"
    " tail, run_id, key) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)");
SQL_CHANGES(
    metric_update, 9,
    "UPDATE metrics SET value = $1, time_ms = $2, step = $3, min_value = $4, max_value = $5,"
    " point_count = $6, max_time_ms = $7, tail = $8 WHERE run_id = $9 AND key = $10");
SQL(metric_block_last, "SELECT block, point_count, points FROM metric_blocks"
                       " WHERE run_id = $1 AND key = $2 ORDER BY block DESC LIMIT 1");
SQL(metric_block_put,
    "INSERT INTO metric_blocks (run_id, key, block, point_count, min_step, max_step, min_time_ms,"
    " max_time_ms, points) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
    " ON CONFLICT (run_id, key, block) DO UPDATE SET point_count = excluded.point_count,"
    " min_step = excluded.min_step, max_step = excluded.max_step,"
    " min_time_ms = excluded.min_time_ms, max_time_ms = excluded.max_time_ms,"
    " points = excluded.points");
SQL(metric_block_around,
    "SELECT block, point_count, points FROM metric_blocks WHERE run_id = $1 AND key = $2 AND"
    " (min_step IS NULL OR ($3 BETWEEN min_step AND max_step"
    " AND $4 BETWEEN min_time_ms AND max_time_ms))");

/* One block in memory. */
struct block {
    int64_t number;
    int loaded, dirty;
    size_t n;
    struct metric_point points[METRIC_BLOCK_POINTS];
};

/* What is known of one metric while points come. */
struct series {
    const char *key;
    struct metric m;
    int64_t max_time_ms; /* of all points; INT64_MAX = unknown */
    int exists, dirty;
    struct metric_point tail[METRIC_TAIL_POINTS];
    size_t tail_n;
};

/* One call of metric_append_batch. */
struct job {
    struct tx *tx;
    const char *run_id;
    struct err *err;
    struct arena a;      /* of one series at a time */
    struct series *s;    /* the one that is written */
    struct block open;   /* its newest block */
    struct block around; /* the last older one that was asked */
    struct series some[LOOK_UPS];
};

/* ---- reading the rows ---- */

static int read_series(struct job *j, const struct stmt *st, struct series *s)
{
    metric__read(st, &j->a, &s->m);
    s->m.key = s->key;
    s->max_time_ms = stmt_is_null(st, 7) ? INT64_MAX : stmt_get_int(st, 7);
    int64_t n = metric_block_decode(stmt_get_blob(st, 8, &j->a), s->tail, METRIC_TAIL_POINTS);
    if (n < 0)
        return metric__damaged(j->run_id, s->key, j->err);
    s->tail_n = (size_t)n;
    s->exists = 1;
    return 0;
}

static struct series *series_named(struct series *list, size_t n, str_t key)
{
    for (size_t i = 0; i < n; i++)
        if (str_is(key, list[i].key))
            return &list[i];
    return NULL;
}

/* The rows of up to LOOK_UPS series that exist. */
static int load(struct job *j, struct series *list, size_t n)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(j->tx, n > 1 ? &metric_some : &metric_state, &st, j->err);
    if (rc)
        return rc;
    stmt_text_kept(st, 1, j->run_id);
    for (size_t i = 0; i < (n > 1 ? LOOK_UPS : 1); i++)
        stmt_text_kept(st, (int)i + 2, list[MIN(i, n - 1)].key);
    while ((rc = stmt_step(st, j->err)) == 1) {
        struct series *s = series_named(list, n, str_of(stmt_get_text(st, 0, &j->a)));
        rc = s ? read_series(j, st, s) : 0;
        if (rc)
            return rc;
    }
    return rc;
}

/* ---- blocks ---- */

static int decode(struct job *j, const struct stmt *st, struct block *b)
{
    int64_t n = metric_block_decode(stmt_get_blob(st, 2, &j->a), b->points, METRIC_BLOCK_POINTS);
    if (n < 0 || n != stmt_get_int(st, 1))
        return metric__damaged(j->run_id, j->s->key, j->err);
    b->number = stmt_get_int(st, 0);
    b->n = (size_t)n;
    return 0;
}

static int load_open(struct job *j)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(j->tx, &metric_block_last, &st, j->err);
    if (rc)
        return rc;
    stmt_text_kept(st, 1, j->run_id);
    stmt_text_kept(st, 2, j->s->key);
    rc = stmt_step(st, j->err);
    if (rc == 1)
        rc = decode(j, st, &j->open);
    j->open.loaded = !rc;
    return rc;
}

static int store_open_block(struct job *j)
{
    struct block *b = &j->open;
    struct metric_point low, high, prev = { 0 };
    struct buf bytes;
    if (!b->dirty)
        return 0;
    buf_init(&bytes, METRIC_BLOCK_POINTS * METRIC_POINT_BYTES);
    low = high = b->points[0];
    for (size_t i = 0; i < b->n; prev = b->points[i++]) {
        const struct metric_point *p = &b->points[i];
        low.step = MIN(low.step, p->step);
        low.time_ms = MIN(low.time_ms, p->time_ms);
        high.step = MAX(high.step, p->step);
        high.time_ms = MAX(high.time_ms, p->time_ms);
        metric_block_append(&bytes, prev, p);
    }
    int rc = tx_exec(j->tx, &metric_block_put, NULL, j->err, "ttiiiiiib", j->run_id, j->s->key,
                     b->number, (int64_t)b->n, low.step, high.step, low.time_ms, high.time_ms,
                     buf_view(&bytes));
    buf_fini(&bytes);
    b->dirty = 0;
    j->around.loaded = 0; /* it may be an older state of this one */
    return rc;
}

/* ---- the row ---- */

static int save(struct job *j)
{
    struct series *s = j->s;
    const struct metric *m = &s->m;
    struct metric_point prev = { 0 };
    struct buf tail;
    buf_init(&tail, TAIL_BYTES_MAX);
    for (size_t i = 0; i < s->tail_n; prev = s->tail[i++])
        metric_block_append(&tail, prev, &s->tail[i]);
    str_t bytes = s->tail_n ? buf_view(&tail) : (str_t){ NULL, 0 };
    struct stmt *st = NULL;
    int rc = stmt_open(j->tx, s->exists ? &metric_update : &metric_insert, &st, j->err);
    if (!rc) {
        stmt_double(st, 1, m->latest.value);
        stmt_int(st, 2, m->latest.time_ms);
        stmt_int(st, 3, m->latest.step);
        stmt_double(st, 4, m->min);
        stmt_double(st, 5, m->max);
        stmt_int(st, 6, m->count);
        stmt_int(st, 7, s->max_time_ms);
        if (s->max_time_ms == INT64_MAX)
            stmt_null(st, 7);
        stmt_blob_kept(st, 8, bytes);
        stmt_text_kept(st, 9, j->run_id);
        stmt_text_kept(st, 10, s->key);
        rc = stmt_step(st, j->err);
    }
    stmt_close(st);
    buf_fini(&tail);
    s->exists = 1;
    s->dirty = 0;
    return rc;
}

/* Moves the tail into the newest block. */
static int spill(struct job *j)
{
    struct series *s = j->s;
    struct block *b = &j->open;
    int rc = b->loaded ? 0 : load_open(j);
    if (!rc && !s->exists) /* blocks refer to the row */
        rc = save(j);
    if (!rc && b->n + s->tail_n > METRIC_BLOCK_POINTS) {
        rc = store_open_block(j);
        b->number++;
        b->n = 0;
    }
    if (rc)
        return rc;
    memcpy(b->points + b->n, s->tail, s->tail_n * sizeof *s->tail);
    b->n += s->tail_n;
    b->dirty = 1;
    s->tail_n = 0;
    return 0;
}

/* ---- points ---- */

/* MLflow's order of "latest": step, then time, then value. */
static int compare_points(const struct metric_point *a, const struct metric_point *b)
{
    if (a->step != b->step)
        return a->step < b->step ? -1 : 1;
    if (a->time_ms != b->time_ms)
        return a->time_ms < b->time_ms ? -1 : 1;
    return metric__compare_values(a->value, b->value);
}

static void summarize(struct series *s, const struct metric_point *p)
{
    struct metric *m = &s->m;
    if (m->count == 0 || compare_points(p, &m->latest) > 0)
        m->latest = *p;
    if (!isnan(p->value)) {
        m->min = isnan(m->min) ? p->value : fmin(m->min, p->value);
        m->max = isnan(m->max) ? p->value : fmax(m->max, p->value);
    }
    s->max_time_ms = m->count == 0 ? p->time_ms : MAX(s->max_time_ms, p->time_ms);
    m->count++;
}

static int is_in(const struct metric_point *list, size_t n, const struct metric_point *p)
{
    for (size_t i = n; i-- > 0;)
        if (list[i].step == p->step && list[i].time_ms == p->time_ms &&
            metric__same_value(list[i].value, p->value))
            return 1;
    return 0;
}

/* Whether a stored block holds the point: 1, 0 or an error. */
static int is_stored(struct job *j, const struct metric_point *p)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(j->tx, &metric_block_around, &st, j->err);
    if (rc)
        return rc;
    stmt_text_kept(st, 1, j->run_id);
    stmt_text_kept(st, 2, j->s->key);
    stmt_int(st, 3, p->step);
    stmt_int(st, 4, p->time_ms);
    while ((rc = stmt_step(st, j->err)) == 1) {
        if (j->around.loaded && j->around.number == stmt_get_int(st, 0))
            continue; /* asked before */
        arena_reset(&j->a);
        rc = decode(j, st, &j->around);
        j->around.loaded = !rc;
        if (rc)
            return rc;
        if (is_in(j->around.points, j->around.n, p))
            return 1;
    }
    return rc;
}

/* Whether the point was logged before: 1, 0 or an error. Later ones than all others were not. */
static int is_known(struct job *j, const struct metric_point *p)
{
    const struct series *s = j->s;
    if (s->m.count == 0 || p->step > s->m.latest.step || p->time_ms > s->max_time_ms)
        return 0;
    if (p->step == s->m.latest.step && p->time_ms > s->m.latest.time_ms)
        return 0;
    if (is_in(s->tail, s->tail_n, p) || is_in(j->open.points, j->open.n, p) ||
        (j->around.loaded && is_in(j->around.points, j->around.n, p)))
        return 1;
    return s->m.count > (int64_t)(s->tail_n + j->open.n) ? is_stored(j, p) : 0;
}

/* Where the tail is full: between half and all of its room, other for each key, so that metrics
 * that are logged together do not move their points in the same request. */
static size_t tail_room(const char *key)
{
    uint32_t h = 2166136261u;
    for (const char *p = key; *p; p++)
        h = (h ^ (unsigned char)*p) * 16777619u;
    return METRIC_TAIL_POINTS / 2 + (h >> 8) % (METRIC_TAIL_POINTS / 2 + 1);
}

static int append(struct job *j, const struct metric_point *points, size_t n)
{
    struct series *s = j->s;
    size_t room = tail_room(s->key);
    int rc = 0;
    for (size_t i = 0; i < n; i++) {
        rc = is_known(j, &points[i]);
        if (rc < 0)
            return rc;
        if (rc)
            continue;
        rc = s->tail_n >= room ? spill(j) : 0;
        if (rc)
            return rc;
        s->tail[s->tail_n++] = points[i];
        summarize(s, &points[i]);
        s->dirty = 1;
    }
    rc = s->dirty ? save(j) : 0;
    return rc ? rc : store_open_block(j);
}

static int append_some(struct job *j, const struct metric_series *list, size_t n)
{
    struct series *some = j->some;
    int rc = 0;
    for (size_t i = 0; i < n; i++) {
        some[i].key = list[i].key;
        some[i].m = (struct metric){ .key = list[i].key, .min = (double)NAN, .max = (double)NAN };
        some[i].max_time_ms = 0;
        some[i].exists = some[i].dirty = 0;
        some[i].tail_n = 0;
    }
    rc = load(j, some, n);
    for (size_t i = 0; i < n && !rc; i++) {
        arena_reset(&j->a);
        j->s = &some[i];
        j->open.number = 0;
        j->open.n = 0;
        j->open.loaded = j->open.dirty = j->around.loaded = 0;
        rc = append(j, list[i].points, list[i].n);
    }
    return rc;
}

int metric_append_batch(struct tx *tx, const char *run_id, const struct metric_series *list,
                        size_t n, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; i < n && !rc; i++)
        rc = track__check_key("metric", list[i].key, err);
    if (rc || !n)
        return rc;
    struct job *j = mem_try_realloc(NULL, 1, sizeof *j); /* too large to be zeroed each time */
    if (!j)
        return track__no_memory(err);
    j->tx = tx;
    j->run_id = run_id;
    j->err = err;
    arena_init(&j->a, MIB(1));
    for (size_t i = 0; i < n && !rc; i += LOOK_UPS)
        rc = append_some(j, list + i, MIN(n - i, (size_t)LOOK_UPS));
    if (!rc)
        track__hint(tx, run_id);
    arena_fini(&j->a);
    mem_free(j);
    return rc;
}

int metric_append(struct tx *tx, const char *run_id, const char *key,
                  const struct metric_point *points, size_t n, struct err *err)
{
    struct metric_series one = { key, points, n };
    return metric_append_batch(tx, run_id, &one, n ? 1 : 0, err);
}

int metric_log(struct tx *tx, const char *run_id, const char *key,
               const struct metric_point *points, size_t n, struct err *err)
{
    int rc = n ? track__check_key("metric", key, err) : 0;
    if (!rc && n)
        rc = run_require_active(tx, run_id, err);
    return rc ? rc : metric_append(tx, run_id, key, points, n, err);
}
