/* SPDX-License-Identifier: Apache-2.0
 * Minimum, maximum, best, latest and count of a metric by the end of its name, for searches. */
#include "track/metric.h"

#include "stat/metrics.h"

static const struct {
    const char *end;
    enum metric_part part;
} parts[] = {
    { ".last", METRIC_LAST }, { ".min", METRIC_MIN },     { ".max", METRIC_MAX },
    { ".best", METRIC_BEST }, { ".count", METRIC_COUNT },
};

const char *metric_better(str_t key)
{
    /* What clients log beside our own regressions. */
    static const char *const low[] = { "mse", "loss", "log_loss" };
    static const char *const high[] = { "accuracy", "auc", "f1", "precision", "recall" };
    str_t before, rest, name = key;
    while (str_cut(name, '.', &before, &rest))
        name = rest;
    const struct regression_metric_info *ours = regression_metric_find(name);
    if (ours)
        return ours->better < 0 ? "low" : ours->better > 0 ? "high" : NULL;
    for (size_t i = 0; i < ARRAY_LEN(low); i++)
        if (str_is(name, low[i]))
            return "low";
    for (size_t i = 0; i < ARRAY_LEN(high); i++)
        if (str_is(name, high[i]))
            return "high";
    return NULL;
}

int metric_part_cut(str_t key, str_t *out_key, enum metric_part *out)
{
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        size_t n = strlen(parts[i].end);
        if (key.n > n && str_ends(key, parts[i].end)) {
            *out_key = (str_t){ key.p, key.n - n };
            *out = parts[i].part;
            return 1;
        }
    }
    return 0;
}

int metric_part_of(const struct metric *m, enum metric_part part, double *out, struct err *err)
{
    const char *better;
    switch (part) {
    case METRIC_LAST: *out = m->latest.value; return 0;
    case METRIC_MIN: *out = m->min; return 0;
    case METRIC_MAX: *out = m->max; return 0;
    case METRIC_COUNT: *out = (double)m->count; return 0;
    case METRIC_BEST: break;
    }
    better = metric_better(str_of(m->key));
    if (!better)
        return ERR(err, ERR_INVALID,
                   "it is not known whether more or less of '%.250s' is better; write "
                   "metrics.%.250s.min or .max",
                   m->key, m->key);
    *out = better[0] == 'l' ? m->min : m->max;
    return 0;
}
