/* SPDX-License-Identifier: Apache-2.0
 * Metrics of the test part by slices of its columns: levels of strings, quartiles (or few distinct
 * values) of numbers, missing values. Used by evaluate.c only. */
#pragma once
#include "train/evaluate.h"

/* Slices with at least SLICE_MIN_ROWS rows, largest rmse first, at most SLICES_MAX; a tie keeps the
 * order of columns and values. */
int slices_compute(struct arena *a, const struct evaluate_input *in, struct slice **out,
                   size_t *out_n, struct err *err) WARN_UNUSED;
