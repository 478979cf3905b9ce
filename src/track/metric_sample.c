/* SPDX-License-Identifier: Apache-2.0
 * Points for charts: a history thinned by buckets of steps that keep first, least, greatest and
 * last, so that a line drawn through them has every spike of the whole. */
#include <math.h>
#include <stdlib.h>

#include "track/metric.h"
#include "track/track_int.h"

enum { SAMPLE_DEFAULT = 1000, PER_BUCKET = 4 };

static int by_step(const void *x, const void *y)
{
    const struct metric_point *a = x, *b = y;
    if (a->step != b->step)
        return a->step < b->step ? -1 : 1;
    return (a->time_ms > b->time_ms) - (a->time_ms < b->time_ms);
}

static void add_index(size_t *list, size_t *n, size_t i)
{
    size_t at = *n;
    for (size_t k = 0; k < *n; k++)
        if (list[k] == i)
            return;
    while (at > 0 && list[at - 1] > i) {
        list[at] = list[at - 1];
        at--;
    }
    list[at] = i;
    ++*n;
}

/* The chosen points of [from, to) go to out, which may be the same array further left. */
static size_t keep(const struct metric_point *points, size_t from, size_t to,
                   struct metric_point *out)
{
    struct metric_point chosen[PER_BUCKET];
    size_t list[PER_BUCKET], n = 0, low = from, high = from;
    for (size_t i = from; i < to; i++) {
        double v = points[i].value;
        if (isnan(v))
            continue;
        if (isnan(points[low].value) || v < points[low].value)
            low = i;
        if (isnan(points[high].value) || v > points[high].value)
            high = i;
    }
    add_index(list, &n, from);
    add_index(list, &n, low);
    add_index(list, &n, high);
    add_index(list, &n, to - 1);
    for (size_t i = 0; i < n; i++)
        chosen[i] = points[list[i]];
    memcpy(out, chosen, n * sizeof *out);
    return n;
}

/* Which of `buckets` equal parts of the steps a step lies in. */
static size_t bucket_of(int64_t step, int64_t first, int64_t last, size_t buckets)
{
    double width = (double)last - (double)first + 1;
    double at = ((double)step - (double)first) / width * (double)buckets;
    return at <= 0 ? 0 : MIN((size_t)at, buckets - 1);
}

size_t metric_thin(struct metric_point *points, size_t n, size_t max)
{
    size_t buckets = MAX(max / PER_BUCKET, (size_t)1), kept = 0;
    if (n <= max)
        return n;
    int64_t first = points[0].step, last = points[n - 1].step;
    /* Steps that do not spread (all 0, say) are cut by position instead. */
    int by_position = last == first;
    for (size_t from = 0, to; from < n; from = to) {
        size_t bucket =
            by_position ? from * buckets / n : bucket_of(points[from].step, first, last, buckets);
        for (to = from + 1; to < n; to++) {
            size_t next =
                by_position ? to * buckets / n : bucket_of(points[to].step, first, last, buckets);
            if (next != bucket)
                break;
        }
        kept += keep(points, from, to, points + kept);
    }
    return kept;
}

int metric_sample(struct tx *tx, struct arena *a, const char *run_id, const char *key, size_t max,
                  struct metric *out, struct metric_point **points, size_t *points_n,
                  struct err *err)
{
    int rc = metric_get(tx, a, run_id, key, out, err);
    if (!rc)
        rc = metric_history(tx, a, run_id, key, points, points_n, err);
    if (rc)
        return rc;
    if (*points_n)
        qsort(*points, *points_n, sizeof **points, by_step);
    *points_n = metric_thin(*points, *points_n, max ? max : SAMPLE_DEFAULT);
    return 0;
}
