/* SPDX-License-Identifier: Apache-2.0
 * From the engine's chunks to the columns of a frame, columns in parallel. */
#pragma once
#include "data/csv.h"
#include "data/duck_int.h"

/* Fetches all chunks of a result whose columns are DOUBLE or VARCHAR in the dialect's order, and
 * makes the frame. Types: integer when the sniffer said so and all values are whole. */
int csv_fill(struct arena *a, struct duck *d, duck_result *result,
             const struct csv_dialect *dialect, const struct csv_options *options,
             struct frame *out, struct err *err) WARN_UNUSED;
