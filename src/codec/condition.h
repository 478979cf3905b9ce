/* SPDX-License-Identifier: Apache-2.0
 * A condition over named numbers: gates, abort rules, alerts. Evaluates an expression and says in
 * one line what came out ("rmse 54.1 <= 60" in its own words). Pure; memory from the arena. */
#pragma once
#include "codec/expr.h"

/* Value of entity.name (entity "" = a bare name); *out_null = 1 when there is none. */
typedef double (*condition_value_fn)(void *arg, const char *entity, const char *name,
                                     int *out_null);

/* Where names get their values from. */
struct condition_source {
    condition_value_fn value;
    void *arg;
    /* Adds to the message about a name without a value; first = the first such. NULL = nothing. */
    void (*missing)(const char *name, int first, struct buf *out);
};

struct condition_value {
    const char *name; /* as in the expression: "champion.rmse" */
    double value;
    int is_null;
};

struct condition_outcome {
    int passed; /* 1, 0, or -1 when it cannot be computed */
    struct condition_value *values;
    size_t value_n;
    const char *message; /* "rmse 54.1 ≤ 60"; says why when it cannot be computed */
};

/* e was checked to be a boolean. Fails only when the arena is full. */
int condition_evaluate(struct arena *a, const struct expr *e, const struct condition_source *from,
                       struct condition_outcome *out, struct err *err) WARN_UNUSED;
