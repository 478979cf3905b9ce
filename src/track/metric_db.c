/* SPDX-License-Identifier: Apache-2.0
 * Metrics: the summary row beside the run and the blocks of points behind it. */
#include <math.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "track/metric.h"
#include "track/track_int.h"

enum { BLOCK_POINTS = 512, BLOCK_BYTES_MAX = BLOCK_POINTS * 28, HISTORY_MAX = 1000000 };

SQL(metric_put,
    "INSERT INTO metrics (run_id, key, value, time_ms, step, min_value, max_value, point_count)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (run_id, key) DO UPDATE SET"
    " value = excluded.value, time_ms = excluded.time_ms, step = excluded.step,"
    " min_value = excluded.min_value, max_value = excluded.max_value, point_count = "
    "excluded.point_count");
SQL(metric_one, "SELECT key, value, time_ms, step, min_value, max_value, point_count FROM metrics"
                " WHERE run_id = $1 AND key = $2");
SQL(metric_all, "SELECT key, value, time_ms, step, min_value, max_value, point_count FROM metrics"
                " WHERE run_id = $1 ORDER BY key");
SQL(metric_block_last,
    "SELECT block, point_count, last_step, last_time_ms, points FROM metric_blocks"
    " WHERE run_id = $1 AND key = $2 ORDER BY block DESC LIMIT 1");
SQL(metric_block_put,
    "INSERT INTO metric_blocks (run_id, key, block, point_count, last_step, last_time_ms, points)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (run_id, key, block) DO UPDATE SET"
    " point_count = excluded.point_count, last_step = excluded.last_step,"
    " last_time_ms = excluded.last_time_ms, points = excluded.points");
SQL(metric_block_all,
    "SELECT points, point_count FROM metric_blocks WHERE run_id = $1 AND key = $2 ORDER BY block");

/* ---- coding ---- */

static void put_varint(struct buf *b, int64_t v)
{
    uint64_t z = ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
    while (z >= 0x80) {
        buf_putc(b, (char)(z | 0x80));
        z >>= 7;
    }
    buf_putc(b, (char)z);
}

static int get_varint(str_t *s, int64_t *out)
{
    uint64_t z = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        if (!s->n)
            return -1;
        unsigned char c = (unsigned char)*s->p++;
        s->n--;
        z |= (uint64_t)(c & 0x7f) << shift;
        if (!(c & 0x80)) {
            *out = (int64_t)(z >> 1) ^ -(int64_t)(z & 1);
            return 0;
        }
    }
    return -1;
}

/* Differences wrap around as unsigned numbers do, so that extreme values survive. */
static int64_t minus(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

static int64_t plus(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

void metric_block_append(struct buf *b, struct metric_point prev, const struct metric_point *p)
{
    uint64_t bits;
    unsigned char raw[8];
    put_varint(b, minus(p->step, prev.step));
    put_varint(b, minus(p->time_ms, prev.time_ms));
    memcpy(&bits, &p->value, sizeof bits);
    for (int i = 0; i < 8; i++)
        raw[i] = (unsigned char)(bits >> (8 * i));
    buf_put(b, raw, sizeof raw);
}

int64_t metric_block_decode(str_t bytes, struct metric_point *out, size_t max)
{
    struct metric_point at = { 0 };
    size_t n = 0;
    while (bytes.n) {
        int64_t step, time;
        uint64_t bits = 0;
        if (n == max || get_varint(&bytes, &step) != 0 || get_varint(&bytes, &time) != 0 ||
            bytes.n < 8)
            return -1;
        for (int i = 0; i < 8; i++)
            bits |= (uint64_t)(unsigned char)bytes.p[i] << (8 * i);
        bytes = (str_t){ bytes.p + 8, bytes.n - 8 };
        at.step = plus(at.step, step);
        at.time_ms = plus(at.time_ms, time);
        memcpy(&at.value, &bits, sizeof bits);
        out[n++] = at;
    }
    return (int64_t)n;
}

/* ---- the summary ---- */

static int same_value(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static int compare_values(double a, double b)
{
    if (isnan(a) || isnan(b))
        return !isnan(a) - !isnan(b);
    return (a > b) - (a < b);
}

/* MLflow's order of "latest": step, then time, then value. */
static int is_later(const struct metric_point *a, const struct metric_point *b)
{
    if (a->step != b->step)
        return a->step > b->step;
    if (a->time_ms != b->time_ms)
        return a->time_ms > b->time_ms;
    return compare_values(a->value, b->value) > 0;
}

static void summarize(struct metric *m, const struct metric_point *p)
{
    if (m->count == 0 || is_later(p, &m->latest))
        m->latest = *p;
    if (!isnan(p->value)) {
        m->min = isnan(m->min) ? p->value : fmin(m->min, p->value);
        m->max = isnan(m->max) ? p->value : fmax(m->max, p->value);
    }
    m->count++;
}

static void read_metric(const struct stmt *st, struct arena *a, struct metric *m)
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
        read_metric(st, a, out);
    return rc;
}

static int save(struct tx *tx, const char *run_id, const struct metric *m, struct err *err)
{
    return tx_exec(tx, &metric_put, NULL, err, "ttdiiddi", run_id, m->key, m->latest.value,
                   m->latest.time_ms, m->latest.step, m->min, m->max, m->count);
}

/* ---- blocks ---- */

struct block {
    const char *run_id, *key;
    int64_t number;
    struct metric_point points[BLOCK_POINTS];
    size_t n;
    struct buf bytes;
};

static int load_last(struct tx *tx, struct block *b, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    struct arena a;
    int rc = stmt_open(tx, &metric_block_last, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, b->run_id);
    stmt_text(st, 2, b->key);
    rc = stmt_step(st, err);
    if (rc <= 0)
        return rc;
    arena_init(&a, MIB(1));
    str_t bytes = stmt_get_blob(st, 4, &a);
    int64_t n = metric_block_decode(bytes, b->points, BLOCK_POINTS);
    rc = n < 0 || n != stmt_get_int(st, 1)
             ? ERR(err, ERR_CORRUPT, "points of metric '%s' of run '%s' are damaged", b->key,
                   b->run_id)
             : 0;
    if (!rc) {
        b->number = stmt_get_int(st, 0);
        b->n = (size_t)n;
        buf_str(&b->bytes, bytes);
    }
    arena_fini(&a);
    return rc;
}

static int store_block(struct tx *tx, const struct block *b, struct err *err)
{
    const struct metric_point *last = &b->points[b->n - 1];
    return tx_exec(tx, &metric_block_put, NULL, err, "ttiiiib", b->run_id, b->key, b->number,
                   (int64_t)b->n, last->step, last->time_ms, buf_view(&b->bytes));
}

static int is_known(const struct block *b, const struct metric_point *p)
{
    for (size_t i = b->n; i-- > 0;)
        if (b->points[i].step == p->step && b->points[i].time_ms == p->time_ms &&
            same_value(b->points[i].value, p->value))
            return 1;
    return 0;
}

static int append_all(struct tx *tx, struct block *b, struct metric *m,
                      const struct metric_point *points, size_t n, struct err *err)
{
    int dirty = 0, rc = 0;
    for (size_t i = 0; i < n && !rc; i++) {
        if (is_known(b, &points[i]))
            continue;
        if (b->n == BLOCK_POINTS) {
            rc = dirty ? store_block(tx, b, err) : 0;
            b->number++;
            b->n = 0;
            buf_clear(&b->bytes);
        }
        struct metric_point prev = b->n ? b->points[b->n - 1] : (struct metric_point){ 0 };
        metric_block_append(&b->bytes, prev, &points[i]);
        b->points[b->n++] = points[i];
        summarize(m, &points[i]);
        dirty = 1;
    }
    if (rc || !dirty)
        return rc;
    rc = save(tx, b->run_id, m, err); /* first: blocks refer to it */
    return rc ? rc : store_block(tx, b, err);
}

int metric_log(struct tx *tx, const char *run_id, const char *key,
               const struct metric_point *points, size_t n, struct err *err)
{
    int rc = n ? track__check_key("metric", key, err) : 0;
    if (!rc && n)
        rc = run_require_active(tx, run_id, err);
    return rc ? rc : metric_append(tx, run_id, key, points, n, err);
}

int metric_append(struct tx *tx, const char *run_id, const char *key,
                  const struct metric_point *points, size_t n, struct err *err)
{
    struct arena a;
    struct metric m = { 0 };
    int rc = n ? track__check_key("metric", key, err) : 0;
    if (rc || !n)
        return rc;
    arena_init(&a, MIB(1));
    struct block *b = mem_alloc(sizeof *b);
    b->run_id = run_id;
    b->key = key;
    buf_init(&b->bytes, BLOCK_BYTES_MAX);
    rc = find(tx, &a, run_id, key, &m, err);
    if (rc == 0) {
        m = (struct metric){ .key = key, .min = (double)NAN, .max = (double)NAN };
        if (n > 0)
            m.latest = points[0];
        rc = save(tx, run_id, &m, err); /* blocks stored on the way refer to it */
    } else if (rc == 1) {
        rc = load_last(tx, b, err);
    }
    if (!rc)
        rc = append_all(tx, b, &m, points, n, err);
    buf_fini(&b->bytes);
    mem_free(b);
    arena_fini(&a);
    return rc;
}

/* ---- reading ---- */

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
        read_metric(st, a, &list[n++]);
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
    return compare_values(a->value, b->value);
}

int metric_history(struct tx *tx, struct arena *a, const char *run_id, const char *key,
                   struct metric_point **out, size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    struct arena scratch;
    struct metric m = { 0 };
    size_t n = 0;
    int rc = metric_get(tx, a, run_id, key, &m, err);
    if (rc)
        return rc;
    if (m.count > HISTORY_MAX)
        return ERR(err, ERR_LIMIT, "metric '%s' has %lld points, at most %d are read at once", key,
                   (long long)m.count, HISTORY_MAX);
    struct metric_point *list =
        ARENA_TRY_ARRAY(a, (size_t)m.count + BLOCK_POINTS, struct metric_point);
    if (!list)
        return track__no_memory(err);
    rc = stmt_open(tx, &metric_block_all, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, run_id);
    stmt_text(st, 2, key);
    arena_init(&scratch, MIB(1));
    while ((rc = stmt_step(st, err)) == 1) {
        arena_reset(&scratch);
        int64_t got = n > (size_t)m.count ? -1
                                          : metric_block_decode(stmt_get_blob(st, 0, &scratch),
                                                                list + n, BLOCK_POINTS);
        if (got < 0) {
            rc =
                ERR(err, ERR_CORRUPT, "points of metric '%s' of run '%s' are damaged", key, run_id);
            break;
        }
        n += (size_t)got;
    }
    arena_fini(&scratch);
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
