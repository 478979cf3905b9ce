/* SPDX-License-Identifier: Apache-2.0
 * A gate is a condition over the metrics of a run. */
#include "project/gate.h"

#include <math.h>

static const struct gate_metric singles[] = {
    { "gain", "By how much `rmse` is below the champion's on the same test rows; null without one.",
      1 },
    { "gain_low", "Lower end of its 95 % interval (paired): above 0 the new model is better.", 1 },
    { "gain_high", "Upper end: below 0 the new model is worse.", 1 },
    { "slices.worst_rmse", "`rmse` of the slice where it is largest; null without slices.", -1 },
};

const struct gate_metric *gate_single_at(size_t i)
{
    return i < ARRAY_LEN(singles) ? &singles[i] : NULL;
}

static double worst(const struct json *slices, const char *metric)
{
    double most = NAN;
    for (size_t i = 0; slices && slices->type == JSON_ARRAY && i < slices->n; i++)
        most = fmax(most, json_get_number(&slices->items[i], metric, NAN));
    return most;
}

int gate_single_value(const struct json *evaluation, const char *entity, const char *name,
                      double *out)
{
    static const char *const ends[][2] = { { "gain", "value" },
                                           { "gain_low", "high" }, /* the sign turns them round */
                                           { "gain_high", "low" } };
    if (strcmp(entity, "slices") == 0 && strcmp(name, "worst_rmse") == 0) {
        *out = worst(json_get(evaluation, "slices"), "rmse");
        return 1;
    }
    for (size_t i = 0; i < ARRAY_LEN(ends) && !*entity; i++)
        if (strcmp(name, ends[i][0]) == 0) {
            *out =
                -json_get_number(json_path(evaluation, "comparison.difference"), ends[i][1], NAN);
            return 1;
        }
    return 0;
}

static void missing(const char *name, int first, struct buf *out)
{
    int gain = str_starts(str_of(name), "gain");
    if (!gain && !str_starts(str_of(name), "champion."))
        return;
    buf_puts(out, " (no champion yet)");
    if (first)
        buf_printf(out, "; write (%s ?? %s) for the first release", name, gain ? "0" : "inf");
}

int gate_evaluate(struct arena *a, const struct project_gate *gate, condition_value_fn value,
                  void *arg, struct condition_outcome *out, struct err *err)
{
    struct condition_source from = { value, arg, missing };
    return condition_evaluate(a, gate->expr, &from, out, err);
}
