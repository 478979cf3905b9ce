/* SPDX-License-Identifier: Apache-2.0
 * How good the predictions of a window were, as far as their true values are known: the log of
 * predictions joined with that of labels by id, metrics and the interval of rmse by stat/. */
#include <math.h>

#include "base/limits.h"
#include "base/mem.h"
#include "monitor/monitor_int.h"
#include "stat/interval.h"

enum { VERSIONS_MAX = 64, PAIRS_MAX = 4 << 20 /* labelled rows of one window that are measured */ };

/* One version's pairs of truth and prediction. */
struct pairs {
    uint64_t schema;
    struct monitor_schema names;
    uint64_t predicted;
    double *y, *prediction;
    size_t n, cap;
};

struct join {
    struct monitor_endpoint *e;
    struct arena *a;
    struct monitor_label *labels;
    size_t label_n;
    struct pairs versions[VERSIONS_MAX];
    size_t n;
};

static struct pairs *pairs_of(struct join *j, uint64_t schema)
{
    for (size_t i = 0; i < j->n; i++)
        if (j->versions[i].schema == schema)
            return &j->versions[i];
    if (j->n == VERSIONS_MAX)
        return NULL;
    struct pairs *p = &j->versions[j->n];
    if (monitor__schema_get(j->e, j->a, schema, &p->names, NULL))
        return NULL;
    p->schema = schema;
    j->n++;
    return p;
}

static int pairs_add(struct pairs *p, double y, double prediction)
{
    if (p->n == p->cap) {
        size_t cap = p->cap ? 2 * p->cap : 256;
        double *grown = mem_try_realloc(p->y, cap, sizeof *grown);
        if (grown)
            p->y = grown;
        double *other = grown ? mem_try_realloc(p->prediction, cap, sizeof *other) : NULL;
        if (!other)
            return ERR_NOMEM;
        p->prediction = other;
        p->cap = cap;
    }
    p->y[p->n] = y;
    p->prediction[p->n++] = prediction;
    return 0;
}

static int join_one(void *arg, const struct monitor_logged *p, struct err *err)
{
    struct join *j = arg;
    struct pairs *v = pairs_of(j, p->schema);
    if (!v)
        return 0;
    v->predicted += p->record.rows;
    for (size_t row = 0; row < p->record.rows && j->label_n; row++) {
        const struct monitor_label *l =
            monitor__label_find(j->labels, j->label_n, p->id, (uint32_t)row);
        double prediction = p->record.values[row * p->record.outputs];
        if (l && isfinite(prediction) && v->n < PAIRS_MAX && pairs_add(v, l->value, prediction))
            return ERR(err, ERR_NOMEM, "the labelled rows of a window do not fit in memory");
    }
    return 0;
}

static int measure(struct arena *a, const struct pairs *p, struct monitor_realised *out,
                   struct err *err)
{
    struct regression_report r;
    *out = (struct monitor_realised){ p->predicted, p->n, NAN, NAN, NAN, NAN, NAN };
    if (p->n == 0)
        return 0;
    if (regression_report_compute(a, p->y, p->prediction, p->n, 1, &r))
        return ERR(err, ERR_NOMEM, "the labelled rows of a window do not fit in memory");
    double sum = 0;
    for (size_t i = 0; i < p->n; i++)
        sum += p->prediction[i] - p->y[i];
    out->rmse = r.metric[REGRESSION_RMSE].value;
    out->mae = r.metric[REGRESSION_MAE].value;
    out->bias = sum / (double)p->n;
    if (p->n >= MONITOR_LABELLED_MIN) {
        out->low = r.metric[REGRESSION_RMSE].low;
        out->high = r.metric[REGRESSION_RMSE].high;
    }
    return 0;
}

int monitor__realised(struct monitor_endpoint *e, struct arena *a, int64_t from_ms, int64_t to_ms,
                      struct monitor_realised_of **out, size_t *out_n, struct err *err)
{
    struct join *j = mem_alloc(sizeof *j);
    j->e = e;
    j->a = a;
    struct monitor_scan scan = { .from_ms = from_ms, .to_ms = to_ms, .fn = join_one, .arg = j };
    int rc = monitor__labels(e, from_ms, to_ms, &j->labels, &j->label_n, err);
    if (!rc)
        rc = monitor__predictions(e, &scan, err);
    *out = ARENA_TRY_ARRAY(a, j->n + 1, struct monitor_realised_of);
    if (!rc && !*out)
        rc = ERR(err, ERR_NOMEM, "not enough memory for the versions of a window");
    for (size_t i = 0; i < j->n && !rc; i++) {
        (*out)[i].model = j->versions[i].names.model;
        (*out)[i].version = j->versions[i].names.version;
        rc = measure(a, &j->versions[i], &(*out)[i].realised, err);
    }
    *out_n = rc ? 0 : j->n;
    for (size_t i = 0; i < j->n; i++) {
        mem_free(j->versions[i].y);
        mem_free(j->versions[i].prediction);
    }
    mem_free(j->labels);
    mem_free(j);
    return rc;
}

void monitor__realised_pick(const struct monitor_realised_of *list, size_t n, const char *model,
                            const char *version, struct monitor_realised *out)
{
    *out = (struct monitor_realised){ 0, 0, NAN, NAN, NAN, NAN, NAN };
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i].model, model) == 0 && strcmp(list[i].version, version) == 0)
            *out = list[i].realised;
}
