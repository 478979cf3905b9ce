/* SPDX-License-Identifier: Apache-2.0
 * Why a linear model predicted what it did. The contribution of design column j is β_j (x_j -
 * mean_j), the base is the prediction at the training means; this is the exact Shapley value for a
 * linear model with independent features (Štrumbelj and Kononenko 2014; "linear SHAP",
 * interventional). Columns that came from one source feature (one-hot levels) are added up under
 * its name. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "codec/json.h"

/* Borrowed; p design columns. */
struct linear_effects {
    size_t p;
    double intercept;
    const double *coefficients;
    const double *means;        /* over the training part */
    const char *const *sources; /* source feature of each column; equal names form one group */
};

/* Prepared once a model; lives in the arena, immutable, shared by threads. */
struct linear_explainer {
    struct linear_effects effects;
    double base;              /* prediction at the means */
    size_t group_n;           /* source features, in order of first appearance */
    const char **groups;      /* their names */
    const uint32_t *group_of; /* p */
};

/* ERR_INVALID for numbers that are not finite (names the column's source), ERR_NOMEM. */
int linear_explainer_init(struct arena *a, const struct linear_effects *effects,
                          struct linear_explainer *out, struct err *err) WARN_UNUSED;

/* One row of p design values. contributions: group_n doubles, set. Returns the prediction, which is
 * intercept + Σ β x; *out_gap is base + Σ contributions - prediction (rounding only; may be
 * NULL). Values that are not finite give contributions that are not. No allocation. */
double linear_explain(const struct linear_explainer *e, const double *x, double *contributions,
                      double *out_gap);

/* {"prediction","base","contributions":[{"name","value","contribution"}]}. values: per group the
 * raw input as one JSON value, or NULL; an element with p = NULL writes null. */
void linear_explanation_write_json(struct json_out *o, const struct linear_explainer *e,
                                   double prediction, const double *contributions,
                                   const str_t *values);
