/* SPDX-License-Identifier: Apache-2.0
 * What a column looks like: counts, moments, exact quantiles, histogram, most frequent values. The
 * arithmetic is ours and does not depend on threads, so the same data give the same profile, to the
 * last bit. Columns are done in parallel. */
#pragma once
#include "codec/json.h"
#include "data/frame.h"
#include "data/spec.h"

enum { PROFILE_BINS = 20, PROFILE_TOP = 10, PROFILE_QUANTILES = 7 };

struct profile_top {
    const char *value;
    size_t count;
};

struct profile_column {
    const char *name;
    enum column_type type;
    const char *role;                    /* "feature", "target", "key", "time", "ignored" */
    size_t missing, distinct;            /* distinct among the present */
    double min, max, mean, sd;           /* NaN without a present number; sd has divisor n - 1 */
    double quantiles[PROFILE_QUANTILES]; /* 0, 5, 25, 50, 75, 95, 100 %, linear interpolation */
    double edges[PROFILE_BINS + 1];
    size_t counts[PROFILE_BINS];
    size_t bin_n; /* 0 for strings */
    struct profile_top top[PROFILE_TOP];
    size_t top_n;
    size_t infinite; /* of number columns */
};

struct profile {
    struct profile_column *columns;
    size_t column_n;
    size_t rows;
    const char **warnings; /* id-like, constant, leaking, mostly missing, … */
    size_t warning_n;
};

/* Memory from the arena. `source` gives the roles and the target for the leakage checks. */
int profile_make(struct arena *a, const struct frame *f, const struct csv_source *source,
                 int threads, struct profile *out, struct err *err) WARN_UNUSED;
void profile_warn(struct arena *a, struct profile *p, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* "columns": […] and "warnings": […] into an open object; the shape of result.json. */
void profile_write(struct json_out *o, const struct profile *p);
int profile_read(struct arena *a, const struct json *dataset, struct profile *out,
                 struct err *err) WARN_UNUSED;
