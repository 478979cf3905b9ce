/* SPDX-License-Identifier: Apache-2.0
 * What the files about metrics share: the sizes of blocks and how values compare. */
#pragma once
#include "track/metric.h"

enum {
    METRIC_BLOCK_POINTS = 512,
    METRIC_TAIL_POINTS = 32, /* at most, in the metric's own row */
    METRIC_POINT_BYTES = 28, /* at most, coded */
};

/* NaN equals NaN: MLflow keeps it as a flag of the key. */
int metric__same_value(double a, double b);
/* NaN before numbers. */
int metric__compare_values(double a, double b);
/* The row of a statement whose columns begin with those of metric_one. */
void metric__read(const struct stmt *st, struct arena *a, struct metric *m);
int metric__damaged(const char *run_id, const char *key, struct err *err);
