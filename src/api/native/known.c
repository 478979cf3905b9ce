/* SPDX-License-Identifier: Apache-2.0
 * The reference of the candidate, and the realised error of both versions since the step began. */
#include "api/native/known.h"

#include <math.h>

#include "api/app.h"
#include "base/limits.h"
#include "monitor/monitor.h"
#include "rollout/follow.h"
#include "stat/interval.h"

enum { PAIRS_MAX = 20000 };

/* Truth and prediction of one version: the newest PAIRS_MAX. */
struct pairs {
    const char *version;
    double *y, *prediction;
    size_t n, next;
};

struct both {
    const char *model;
    struct pairs of[2];
};

static int take_row(void *arg, const struct monitor_row *row)
{
    struct both *b = arg;
    for (size_t i = 0; i < ARRAY_LEN(b->of); i++) {
        struct pairs *p = &b->of[i];
        if (strcmp(row->version, p->version) == 0 && strcmp(row->model, b->model) == 0 &&
            isfinite(row->prediction) && isfinite(row->label)) {
            p->y[p->next] = row->label;
            p->prediction[p->next] = row->prediction;
            p->n = MAX(p->n, p->next + 1);
            p->next = (p->next + 1) % PAIRS_MAX;
        }
    }
    return 0;
}

static void measure(struct arena *a, const struct pairs *p, struct canary_realised *out)
{
    struct regression_report r;
    out->labelled = (double)p->n;
    if (p->n < MONITOR_LABELLED_MIN ||
        regression_report_compute(a, p->y, p->prediction, p->n, 1, &r) != 0)
        return;
    out->rmse = r.metric[REGRESSION_RMSE].value;
    out->low = r.metric[REGRESSION_RMSE].low;
    out->high = r.metric[REGRESSION_RMSE].high;
}

static void fill_realised(struct app *app, struct arena *a, const struct canary_row *row,
                          struct monitor_rows_query *q, struct canary_known *out)
{
    struct both b = { .model = row->model };
    const int64_t versions[] = { row->champion, row->candidate };
    for (size_t i = 0; i < ARRAY_LEN(b.of); i++) {
        b.of[i].version = arena_printf(a, "%lld", (long long)versions[i]);
        b.of[i].y = ARENA_TRY_ARRAY(a, PAIRS_MAX, double);
        b.of[i].prediction = ARENA_TRY_ARRAY(a, PAIRS_MAX, double);
        if (!b.of[i].y || !b.of[i].prediction)
            return;
    }
    q->arg = &b;
    if (monitor_rows(app->monitor, follow_served_name(a, row->project, row->endpoint), q, NULL))
        return;
    measure(a, &b.of[0], &out->champion);
    measure(a, &b.of[1], &out->candidate);
}

/* The prediction's distribution when the candidate was evaluated. */
static void fill_reference(struct app *app, struct arena *a, const struct canary_row *row,
                           struct canary_known *out)
{
    struct monitor_reference *ref = NULL;
    struct monitor_version v = { row->project, row->model,
                                 arena_printf(a, "%lld", (long long)row->candidate) };
    if (monitor_reference_load(app->store, app->blobs, a, &v, &ref, NULL) != 0)
        return;
    for (size_t i = 0; i < ref->n; i++) {
        if (ref->features[i].output) {
            out->reference_mean = ref->features[i].mean;
            out->reference_sd = ref->features[i].sd;
            return;
        }
    }
}

void known_fill(void *arg, const struct canary_row *row, int64_t from_ms, int64_t now_ms,
                struct canary_known *out)
{
    struct app *app = arg;
    struct arena a;
    struct monitor_rows_query q = {
        .from_ms = from_ms, .to_ms = now_ms + 1, .labelled = 1, .fn = take_row
    };
    arena_init(&a, MIB(64));
    fill_reference(app, &a, row, out);
    if (app->monitor)
        fill_realised(app, &a, row, &q, out);
    arena_fini(&a);
}
