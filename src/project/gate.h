/* SPDX-License-Identifier: Apache-2.0
 * Gates: conditions over metrics that a model must meet. Names: rmse, mae, … on the test part;
 * valid.X, train.X, baseline.X, champion.X the same elsewhere; champion.X is null without a
 * champion. */
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

/* Memory from the arena. Fails only when the arena is full. */
int gate_evaluate(struct arena *a, const struct project_gate *gate, condition_value_fn value,
                  void *arg, struct condition_outcome *out, struct err *err) WARN_UNUSED;
