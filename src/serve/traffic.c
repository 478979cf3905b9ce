/* SPDX-License-Identifier: Apache-2.0
 * Counters of predictions: striped by thread while they are made, merged once a second into a ring
 * of a minute. Latencies fall into logarithmic buckets, four an octave from a microsecond on, so a
 * quantile is at most 19 % off. */
#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "serve/serve_int.h"

_Static_assert((int)SERVE_ARM_LATENCIES == (int)TRAFFIC_BUCKETS, "one way to count latencies");

enum { FLAT = 4 }; /* buckets of one microsecond before the logarithmic ones */

int traffic__bucket(int64_t ns)
{
    uint64_t us = ns > 0 ? (uint64_t)ns >> 10 : 0;
    if (us < FLAT)
        return (int)us;
    int e = 63 - __builtin_clzll(us);
    int b = (e - 1) * 4 + (int)(us >> (e - 2) & 3);
    return MIN(b, TRAFFIC_BUCKETS - 1);
}

/* First nanosecond after the bucket. */
int64_t traffic__bucket_end(int bucket)
{
    if (bucket < FLAT)
        return (int64_t)(bucket + 1) << 10;
    int e = bucket / 4 + 1;
    return ((int64_t)(4 + bucket % 4) + 1) << (e - 2) << 10;
}

struct traffic *traffic__find(struct endpoint *e, const char *version)
{
    for (struct traffic *t = e->traffic; t; t = t->next)
        if (strcmp(t->version, version) == 0)
            return t;
    return NULL;
}

void traffic__free(struct traffic *t)
{
    if (t)
        watch__free(t->watch);
    mem_free(t);
}

void traffic__count(struct traffic *t, const struct serve_call *c, int64_t ns, int failed)
{
    struct traffic_stripe *s = &t->stripes[thread_number() % TRAFFIC_STRIPES];
    counter_add(&s->requests, 1);
    counter_add(&s->sum_ns, (uint64_t)MAX(ns, 0));
    counter_add(&s->buckets[traffic__bucket(ns)], 1);
    if (failed) {
        counter_add(&s->errors, 1);
        return;
    }
    double sum = 0;
    size_t width = c->outputs[0].width;
    for (size_t i = 0; i < c->rows; i++)
        sum += isfinite(c->values[0][i * width]) ? c->values[0][i * width] : 0;
    counter_add(&s->rows, c->rows);
    sum_add(&s->predictions, sum);
    if (t->watch)
        watch__count(t->watch, c);
}

struct traffic_total traffic__total(const struct traffic *t)
{
    struct traffic_total sum = { 0 };
    for (int i = 0; i < TRAFFIC_STRIPES; i++) {
        const struct traffic_stripe *s = &t->stripes[i];
        sum.requests += counter_get(&s->requests);
        sum.errors += counter_get(&s->errors);
        sum.rows += counter_get(&s->rows);
        sum.sum_ns += counter_get(&s->sum_ns);
        sum.predictions += sum_get(&s->predictions);
        for (int b = 0; b < TRAFFIC_BUCKETS; b++)
            sum.buckets[b] += counter_get(&s->buckets[b]);
    }
    return sum;
}

/* Quantile in milliseconds, linear inside a bucket; NaN when empty. */
static double quantile(const uint64_t *buckets, double q)
{
    uint64_t n = 0, below = 0;
    for (int b = 0; b < TRAFFIC_BUCKETS; b++)
        n += buckets[b];
    double rank = q * (double)n;
    for (int b = 0; n && b < TRAFFIC_BUCKETS; b++) {
        if (buckets[b] && (double)(below + buckets[b]) >= rank) {
            double from = b ? (double)traffic__bucket_end(b - 1) : 0,
                   to = (double)traffic__bucket_end(b);
            return (from + (to - from) * (rank - (double)below) / (double)buckets[b]) / 1e6;
        }
        below += buckets[b];
    }
    return NAN;
}

double serve_arm_quantile(const uint64_t latency[SERVE_ARM_LATENCIES], double q)
{
    return quantile(latency, q);
}

/* ---- merging ---- */

static void merge_one(struct traffic *t, int64_t from_second, int64_t second)
{
    struct traffic_total now = traffic__total(t);
    for (int64_t k = MAX(from_second + 1, second - SERVE_RING + 1); k <= second; k++)
        memset(&t->ring[k % SERVE_RING], 0, sizeof t->ring[0]);
    struct traffic_second *slot = &t->ring[second % SERVE_RING];
    slot->requests += now.requests - t->last.requests;
    slot->errors += now.errors - t->last.errors;
    for (int b = 0; b < TRAFFIC_BUCKETS; b++)
        slot->buckets[b] += (uint32_t)(now.buckets[b] - t->last.buckets[b]);
    t->last = now;
}

void serve_tick(struct serve *s, int64_t now_ms)
{
    int64_t second = now_ms / 1000;
    lock_take(&s->stats_lock);
    second = MAX(second, s->ring_second); /* the wall clock may jump back */
    for (struct endpoint *e = s->endpoints; e; e = e->next)
        for (struct traffic *t = e->traffic; t; t = t->next)
            merge_one(t, s->ring_second, second);
    s->ring_second = second;
    lock_drop(&s->stats_lock);
}

/* ---- reading ---- */

static void fill_info(const struct traffic *t, struct serve_traffic_info *out)
{
    struct traffic_total all = traffic__total(t);
    uint64_t minute[TRAFFIC_BUCKETS] = { 0 }, requests = 0;
    for (int k = 0; k < SERVE_RING; k++) {
        requests += t->ring[k].requests;
        for (int b = 0; b < TRAFFIC_BUCKETS; b++)
            minute[b] += t->ring[k].buckets[b];
    }
    const uint64_t *from = requests ? minute : all.buckets;
    *out = (struct serve_traffic_info){ .requests = all.requests,
                                        .errors = all.errors,
                                        .rows = all.rows,
                                        .rate = (double)requests / SERVE_RING,
                                        .p50_ms = quantile(from, 0.5),
                                        .p90_ms = quantile(from, 0.9),
                                        .p99_ms = quantile(from, 0.99),
                                        .mean_prediction =
                                            all.rows ? all.predictions / (double)all.rows : NAN };
    (void)snprintf(out->version, sizeof out->version, "%s", t->version);
}

size_t serve_traffic_get(struct serve *s, struct arena *a, const char *endpoint,
                         struct serve_traffic_info **out)
{
    struct serve_traffic_info *list =
        ARENA_TRY_ARRAY(a, TRAFFIC_KEPT + 2, struct serve_traffic_info);
    size_t n = 0;
    lock_take(&s->stats_lock);
    const struct endpoint *e = serve__endpoint(s, endpoint);
    for (const struct traffic *t = e ? e->traffic : NULL; t && list && n < TRAFFIC_KEPT + 2;
         t = t->next)
        fill_info(t, &list[n++]);
    lock_drop(&s->stats_lock);
    *out = list;
    return n;
}

int serve_series_get(struct serve *s, const char *endpoint, const char *version,
                     struct serve_series *out)
{
    lock_take(&s->stats_lock);
    const struct endpoint *e = serve__endpoint(s, endpoint);
    for (int k = 0; e && k < SERVE_RING; k++) {
        int64_t second = s->ring_second - SERVE_RING + 1 + k;
        uint64_t buckets[TRAFFIC_BUCKETS] = { 0 };
        out->t_ms[k] = second * 1000;
        out->requests[k] = out->errors[k] = 0;
        for (const struct traffic *t = e->traffic; t; t = t->next) {
            if (version && strcmp(t->version, version) != 0)
                continue;
            const struct traffic_second *slot =
                &t->ring[(second % SERVE_RING + SERVE_RING) % SERVE_RING];
            out->requests[k] += slot->requests;
            out->errors[k] += slot->errors;
            for (int b = 0; b < TRAFFIC_BUCKETS; b++)
                buckets[b] += slot->buckets[b];
        }
        out->p99_ms[k] = quantile(buckets, 0.99);
    }
    lock_drop(&s->stats_lock);
    return e ? 0 : ERR_NOT_FOUND;
}

int serve_histogram_get(struct serve *s, struct arena *a, const char *endpoint, const char *version,
                        const int64_t *bounds_ns, size_t n, struct serve_histogram *out)
{
    uint64_t *below = ARENA_TRY_ARRAY(a, n + 1, uint64_t);
    lock_take(&s->stats_lock);
    struct endpoint *e = serve__endpoint(s, endpoint);
    const struct traffic *t = e ? traffic__find(e, version) : NULL;
    if (t && below) {
        struct traffic_total all = traffic__total(t);
        *out = (struct serve_histogram){ .below = below, .sum_seconds = (double)all.sum_ns / 1e9 };
        for (int b = 0; b < TRAFFIC_BUCKETS; b++) {
            out->count += all.buckets[b];
            for (size_t i = 0; i < n; i++)
                if (traffic__bucket_end(b) <= bounds_ns[i])
                    below[i] += all.buckets[b];
        }
    }
    lock_drop(&s->stats_lock);
    return t && below ? 0 : ERR_NOT_FOUND;
}
