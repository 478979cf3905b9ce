/* SPDX-License-Identifier: Apache-2.0
 * Gates: conditions over metrics that a model must meet. Names: rmse, mae, … on the test part;
 * valid.X, train.X, baseline.X, champion.X the same elsewhere; champion.X is null without a
 * champion. */
#pragma once
#include "project/project.h"

struct gate_metric {
    const char *name;  /* "rmse" */
    const char *prose; /* one sentence, with unit and direction */
    int better;        /* -1 low, +1 high, 0 neither */
};
const struct gate_metric *gate_metric_at(size_t i); /* NULL past the last */
const struct gate_metric *gate_metric_find(str_t name);

/* Value of entity.name ("" = test part) or NaN with *out_null = 1 when there is none. */
typedef double (*gate_value_fn)(void *arg, const char *entity, const char *name, int *out_null);

struct gate_value {
    const char *name; /* as in the expression: "champion.rmse" */
    double value;
    int is_null;
};

struct gate_outcome {
    int passed; /* 1, 0, or -1 when it cannot be computed */
    struct gate_value *values;
    size_t value_n;
    const char *message; /* "rmse 54.1 ≤ 60"; says why when it cannot be computed */
};

/* Memory from the arena. Fails only when the arena is full. */
int gate_evaluate(struct arena *a, const struct project_gate *gate, gate_value_fn value, void *arg,
                  struct gate_outcome *out, struct err *err) WARN_UNUSED;
