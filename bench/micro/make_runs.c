/* SPDX-License-Identifier: Apache-2.0
 * bench-runs DIR RUNS METRICS POINTS: makes a data folder whose experiment "scale" has RUNS ended
 * runs with METRICS metrics of POINTS points each and two parameters, so that a server on it can be
 * measured. */
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/rng.h"
#include "store/home.h"
#include "track/metric.h"

enum { RUNS_AT_ONCE = 50 };

struct plan {
    int64_t experiment, next, runs, metrics, points;
    struct metric_point *series;
    struct rng rng;
};

static int add_experiment(struct tx *tx, void *arg, struct err *err)
{
    struct plan *p = arg;
    return experiment_create(tx, CAUSE_SYSTEM, &(struct experiment_new){ .name = "scale" },
                             &p->experiment, err);
}

static int add_run(struct tx *tx, struct plan *p, struct err *err)
{
    char id[HEX32_TEXT], text[64];
    struct run_new r = { .experiment_id = p->experiment,
                         .start_time_ms = INT64_C(1700000000000) + p->next };
    int rc = run_create(tx, CAUSE_SYSTEM, &r, id, err);
    for (int64_t k = 0; !rc && k < p->metrics; k++) {
        for (int64_t i = 0; i < p->points; i++)
            p->series[i] =
                (struct metric_point){ rng_uniform(&p->rng), r.start_time_ms + i * 1000, i };
        (void)snprintf(text, sizeof text, "metric_%lld", (long long)k);
        rc = metric_append(tx, id, text, p->series, (size_t)p->points, err);
    }
    (void)snprintf(text, sizeof text, "0.%d", (int)(p->next % 10));
    if (!rc)
        rc = run_param_append(tx, id, &(struct track_pair){ "alpha", text }, err);
    (void)snprintf(text, sizeof text, "%lld", (long long)p->next);
    if (!rc)
        rc = run_param_append(tx, id, &(struct track_pair){ "number", text }, err);
    return rc ? rc : run_finish(tx, CAUSE_SYSTEM, id, "FINISHED", NULL, err);
}

static int add_runs(struct tx *tx, void *arg, struct err *err)
{
    struct plan *p = arg;
    int rc = 0;
    for (int i = 0; !rc && i < RUNS_AT_ONCE && p->next < p->runs; i++, p->next++)
        rc = add_run(tx, p, err);
    return rc;
}

int main(int argc, char **argv)
{
    struct err err = ERR_INIT;
    struct home *h = NULL;
    struct plan p = { 0 };
    struct home_options o = { .dir = argc > 1 ? argv[1] : "", .create = 1 };
    if (argc != 5 || parse_i64(str_of(argv[2]), &p.runs) ||
        parse_i64(str_of(argv[3]), &p.metrics) || parse_i64(str_of(argv[4]), &p.points) ||
        p.points < 1 || p.points > 1000000) {
        (void)fprintf(stderr, "usage: bench-runs DIR RUNS METRICS POINTS\n");
        return 2;
    }
    p.series = mem_alloc((size_t)p.points * sizeof *p.series);
    rng_seed(&p.rng, 1);
    int rc = home_open(&h, &o, &err);
    if (!rc)
        rc = store_write(h->store, add_experiment, &p, &err);
    while (!rc && p.next < p.runs)
        rc = store_write(h->store, add_runs, &p, &err);
    home_close(h);
    mem_free(p.series);
    if (rc)
        (void)fprintf(stderr, "bench-runs: %s\n", err.msg);
    return rc ? 1 : 0;
}
