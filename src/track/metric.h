/* SPDX-License-Identifier: Apache-2.0
 * Metrics of runs. Points lie in blocks of up to 512, delta-coded: zigzag varint of the step,
 * zigzag varint of the time, 8 bytes of the value; a block stands alone. Beside the run stand the
 * latest point (greatest step, then time, then value), minimum, maximum and count, so that search
 * reads no history, and the newest points, at most 32, as the row's tail. A point that equals an
 * earlier one of its metric (step, time, value; NaN equals NaN) was sent twice and is ignored. */
#pragma once
#include "track/run.h"

struct metric_point {
    double value; /* NaN and infinities allowed */
    int64_t time_ms;
    int64_t step;
};

struct metric {
    const char *key;
    struct metric_point latest;
    double min, max; /* of the points that are not NaN; NaN when there is none */
    int64_t count;
};

/* Appends points of one key in the given order. Needs an active run. */
int metric_log(struct tx *tx, const char *run_id, const char *key,
               const struct metric_point *points, size_t n, struct err *err) WARN_UNUSED;
/* The same for a run that is known to be active in this transaction: batches ask once. */
int metric_append(struct tx *tx, const char *run_id, const char *key,
                  const struct metric_point *points, size_t n, struct err *err) WARN_UNUSED;
/* Points of one metric, in the order in which they came. */
struct metric_series {
    const char *key;
    const struct metric_point *points;
    size_t n;
};
/* The same for many metrics at once, each key once. */
int metric_append_batch(struct tx *tx, const char *run_id, const struct metric_series *list,
                        size_t n, struct err *err) WARN_UNUSED;
/* All metrics of a run, by key. */
int metric_list(struct tx *tx, struct arena *a, const char *run_id, struct metric **out,
                size_t *out_n, struct err *err) WARN_UNUSED;
/* ERR_NOT_FOUND when the run has no such metric. */
int metric_get(struct tx *tx, struct arena *a, const char *run_id, const char *key,
               struct metric *out, struct err *err) WARN_UNUSED;
/* Points ordered by time, step, value. At most max (ERR_LIMIT beyond a million). */
int metric_history(struct tx *tx, struct arena *a, const char *run_id, const char *key,
                   struct metric_point **out, size_t *out_n, struct err *err) WARN_UNUSED;

/* At most `max` real points of the history in order of step, then time, for a chart: when there are
 * more, the steps are cut into equal buckets and each gives its first point, its least, its
 * greatest and its last, so that no spike and no end is lost. max 0 = 1000; out->count is of all
 * points. ERR_NOT_FOUND when the run has no such metric. */
int metric_sample(struct tx *tx, struct arena *a, const char *run_id, const char *key, size_t max,
                  struct metric *out, struct metric_point **points, size_t *points_n,
                  struct err *err) WARN_UNUSED;
/* The choice itself: points ordered by step are thinned in place; returns how many stay. */
size_t metric_thin(struct metric_point *points, size_t n, size_t max);

/* Which way a metric is better by its name, prefixes like "valid." ignored: "low", "high", or NULL
 * when it is not known. */
const char *metric_better(str_t key);

/* One number of a metric beyond its latest value. */
enum metric_part { METRIC_LAST, METRIC_MIN, METRIC_MAX, METRIC_BEST, METRIC_COUNT };
/* Cuts ".last", ".min", ".max", ".best" or ".count" off a key: 1, or 0 when it ends otherwise. */
int metric_part_cut(str_t key, str_t *out_key, enum metric_part *out);
/* That number. ERR_INVALID for METRIC_BEST of a metric whose direction is not known. */
int metric_part_of(const struct metric *m, enum metric_part part, double *out,
                   struct err *err) WARN_UNUSED;

/* The coding of blocks, for tests. decode returns the number of points or -1 when damaged. */
void metric_block_append(struct buf *b, struct metric_point prev, const struct metric_point *p);
int64_t metric_block_decode(str_t bytes, struct metric_point *out, size_t max);
