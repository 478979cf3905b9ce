/* SPDX-License-Identifier: Apache-2.0
 * Gates: conditions over metrics that a model must meet. Names: rmse, mae, … on the test part;
 * valid.X, train.X, baseline.X, champion.X the same elsewhere; gain, gain_low, gain_high: by how
 * much the rmse is below the champion's on the same rows, with the ends of its paired interval;
 * slices.worst_rmse. champion.X and gain are null without a champion. */
#pragma once
#include "codec/condition.h"
#include "project/project.h"

struct gate_metric {
    const char *name;  /* "rmse" */
    const char *prose; /* one sentence, with unit and direction */
    int better;        /* -1 low, +1 high, 0 neither */
};
const struct gate_metric *gate_metric_at(size_t i); /* NULL past the last */
const struct gate_metric *gate_metric_find(str_t name);
/* Names that stand for themselves, "gain_low", "slices.worst_rmse"; NULL past the last. */
const struct gate_metric *gate_single_at(size_t i);
/* Value of one, from the evaluation of a run (work_int.h); NaN = null. 0 when there is no such
 * name. */
int gate_single_value(const struct json *evaluation, const char *entity, const char *name,
                      double *out);

/* Memory from the arena. Fails only when the arena is full. */
int gate_evaluate(struct arena *a, const struct project_gate *gate, condition_value_fn value,
                  void *arg, struct condition_outcome *out, struct err *err) WARN_UNUSED;
