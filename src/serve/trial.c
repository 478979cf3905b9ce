/* SPDX-License-Identifier: Apache-2.0
 * A candidate beside the version that serves: its share of the requests, the counters of both arms,
 * and the shadow, which answers copies of requests on a thread of its own, so that a slow or
 * failing candidate costs those who ask nothing. What the queue cannot hold is dropped and counted.
 */
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "serve/serve_int.h"

enum { SHADOW_QUEUE = 256, SHADOW_BODY_MAX = 1 << 20, CELLS_AN_OCTAVE = 8 };

/* One copied request. */
struct copy {
    struct serve *serve;
    char *endpoint, *body;
    size_t body_n;
    int dataframes;
};

int trial__take(struct trial *t, unsigned permille)
{
    if (permille == 0 || permille >= 1000)
        return permille != 0;
    /* The golden ratio's multiples are spread evenly: any run of requests has its share. */
    struct trial_stripe *s = &t->arms[0].stripes[thread_number() % TRAFFIC_STRIPES];
    uint64_t turn = counter_next(&s->turn) * UINT64_C(0x9E3779B97F4A7C15);
    return (turn >> 32) * 1000 >> 32 < permille;
}

/* Sign, exponent and three bits of the fraction; magnitudes beyond 2^±31 share the last cells. */
static size_t cell_of(double x)
{
    int e;
    double f = frexp(fabs(x), &e); /* 0.5 <= f < 1 */
    if (x == 0 || e < -31)
        return SERVE_ARM_CELLS / 2;
    size_t octave = (size_t)(MIN(e, 31) + 31);
    size_t at = 1 + octave * CELLS_AN_OCTAVE + (size_t)((f - 0.5) * 2 * CELLS_AN_OCTAVE);
    at = MIN(at, (size_t)SERVE_ARM_CELLS / 2 - 1);
    return x > 0 ? SERVE_ARM_CELLS / 2 + at : SERVE_ARM_CELLS / 2 - at;
}

void trial__count(struct trial *t, int arm, const struct serve_call *c, int64_t ns, int failed)
{
    struct trial_stripe *s = &t->arms[arm].stripes[thread_number() % TRAFFIC_STRIPES];
    counter_add(&s->requests, 1);
    counter_add(&s->latency[traffic__bucket(ns)], 1);
    if (failed) {
        counter_add(&s->errors, 1);
        return;
    }
    double sum = 0, squares = 0;
    size_t width = c->outputs[0].width, bad = 0;
    for (size_t i = 0; i < c->rows; i++) {
        double x = c->values[0][i * width];
        if (!isfinite(x)) {
            bad++;
            continue;
        }
        sum += x;
        squares += x * x;
        counter_add(&s->cells[cell_of(x)], 1);
    }
    counter_add(&s->rows, c->rows);
    counter_add(&s->not_finite, bad);
    sum_add(&s->sum, sum);
    sum_add(&s->sum_squares, squares);
}

/* ---- the shadow ---- */

static void answer_copy(const struct copy *k)
{
    struct serve *s = k->serve;
    struct arena a;
    struct serve_call c = { .name = str_of(k->endpoint),
                            .body = { k->body, k->body_n },
                            .arena = &a,
                            .dataframes = k->dataframes };
    arena_init(&a, LIMIT_ARENA_REQUEST);
    c.started_ns = clock_mono_ns();
    c.epoch = epoch_enter(&s->epoch);
    const struct table_entry *e = serve__entry(cell_get(&s->table), c.name);
    if (e && e->trial && e->share.shadow) {
        c.loaded = e->candidate;
        int rc = serve__run(&c, e->candidate, NULL);
        int64_t ns = clock_mono_ns() - c.started_ns;
        int failed = rc != 0 || c.form == SERVE_NONE;
        trial__count(e->trial, 1, &c, ns, failed);
        traffic__count(e->candidate_traffic, &c, ns, failed);
    }
    epoch_exit(&s->epoch, c.epoch);
    arena_fini(&a);
}

static void copy_free(struct copy *k)
{
    gauge_add(&k->serve->shadow.waiting, -1);
    mem_free(k->endpoint);
    mem_free(k->body);
    mem_free(k);
}

static void *shadow_main(void *arg)
{
    struct serve *s = arg;
    void *item;
    while (queue_get(s->shadow.queue, &item, -1) == 0) {
        answer_copy(item);
        copy_free(item);
    }
    return NULL;
}

static struct copy *copy_new(struct serve *s, const char *endpoint, const struct serve_call *c)
{
    struct copy *k = mem_try_alloc(1, sizeof *k);
    if (!k)
        return NULL;
    *k = (struct copy){ .serve = s,
                        .endpoint = mem_strdup(endpoint),
                        .body = mem_try_alloc(c->body.n + 1, 1),
                        .body_n = c->body.n,
                        .dataframes = c->dataframes };
    gauge_add(&s->shadow.waiting, 1);
    if (!k->body) {
        copy_free(k);
        return NULL;
    }
    memcpy(k->body, c->body.p, c->body.n);
    return k;
}

void trial__copy(struct serve *s, const struct table_entry *e, const struct serve_call *c)
{
    struct copy *k = c->body.n <= SHADOW_BODY_MAX ? copy_new(s, e->name, c) : NULL;
    if (k && queue_put(s->shadow.queue, k) == 0)
        return;
    if (k)
        copy_free(k);
    counter_add(&e->trial->arms[1].stripes[thread_number() % TRAFFIC_STRIPES].skipped, 1);
}

static int shadow_start(struct serve *s, struct err *err)
{
    if (s->shadow.on)
        return 0;
    if (!s->shadow.queue)
        s->shadow.queue = queue_new("shadow", SHADOW_QUEUE);
    int rc = thread_start(&s->shadow.thread, "serve-shadow", shadow_main, s, err);
    s->shadow.on = rc == 0;
    return rc;
}

void trial__stop(struct serve *s)
{
    if (s->shadow.queue)
        queue_close(s->shadow.queue);
    if (s->shadow.on)
        thread_join(s->shadow.thread);
    queue_free(s->shadow.queue);
    s->shadow = (struct shadow){ 0 };
}

void serve_shadow_drain(struct serve *s)
{
    while (gauge_get(&s->shadow.waiting) > 0)
        (void)usleep(1000);
}

/* ---- setting and reading ---- */

static void trial_name(struct trial *t, const struct endpoint *e)
{
    (void)snprintf(t->arms[0].version, sizeof t->arms[0].version, "%s", e->active->version);
    (void)snprintf(t->arms[1].version, sizeof t->arms[1].version, "%s", e->candidate->version);
}

int serve_candidate_set(struct serve *s, const char *endpoint, struct serve_version *v,
                        struct serve_share share, struct err *err)
{
    struct traffic *old_traffic = NULL;
    struct serve_version *dropped = NULL;
    struct trial *old = NULL;
    int rc = 0;
    ASSERT(v->magic == VERSION_MAGIC && share.permille <= 1000);
    lock_take(&s->lock);
    struct endpoint *e = serve__endpoint(s, endpoint);
    if (!e || !e->active)
        rc = ERR(err, ERR_NOT_FOUND, "endpoint '%s' serves no version to try another one beside",
                 endpoint);
    if (!rc && share.shadow)
        rc = shadow_start(s, err);
    if (!rc && e->candidate != v) {
        serve__need_traffic(s, e, v, &old_traffic);
        dropped = e->candidate;
        old = e->trial;
        v->refs++;
        e->candidate = v;
        e->trial = mem_alloc(sizeof *e->trial);
        trial_name(e->trial, e);
    }
    if (!rc) {
        e->share = share;
        serve__publish(s);
        serve__unref(dropped);
        traffic__free(old_traffic);
        mem_free(old);
    }
    lock_drop(&s->lock);
    return rc;
}

void serve_candidate_clear(struct serve *s, const char *endpoint)
{
    lock_take(&s->lock);
    struct endpoint *e = serve__endpoint(s, endpoint);
    if (e && e->candidate) {
        struct serve_version *dropped = e->candidate;
        struct trial *old = e->trial;
        e->candidate = NULL;
        e->trial = NULL;
        e->share = (struct serve_share){ 0 };
        serve__publish(s);
        serve__unref(dropped);
        mem_free(old);
    }
    lock_drop(&s->lock);
}

static void read_arm(const struct trial_arm *from, struct serve_arm *out)
{
    *out = (struct serve_arm){ 0 };
    (void)snprintf(out->version, sizeof out->version, "%s", from->version);
    for (int i = 0; i < TRAFFIC_STRIPES; i++) {
        const struct trial_stripe *s = &from->stripes[i];
        out->requests += counter_get(&s->requests);
        out->errors += counter_get(&s->errors);
        out->rows += counter_get(&s->rows);
        out->skipped += counter_get(&s->skipped);
        out->not_finite += counter_get(&s->not_finite);
        out->sum += sum_get(&s->sum);
        out->sum_squares += sum_get(&s->sum_squares);
        for (int k = 0; k < SERVE_ARM_LATENCIES; k++)
            out->latency[k] += counter_get(&s->latency[k]);
        for (int k = 0; k < SERVE_ARM_CELLS; k++)
            out->cells[k] += counter_get(&s->cells[k]);
    }
}

int serve_arms_get(struct serve *s, const char *endpoint, struct serve_arm arms[2])
{
    lock_take(&s->lock);
    const struct endpoint *e = serve__endpoint(s, endpoint);
    int rc = e && e->trial ? 0 : ERR_NOT_FOUND;
    for (int i = 0; i < 2 && !rc; i++)
        read_arm(&e->trial->arms[i], &arms[i]);
    lock_drop(&s->lock);
    return rc;
}
