/* SPDX-License-Identifier: Apache-2.0
 * Preparation. Two kinds of operation:
 *
 * Row operations (drop_duplicates, drop where) change which rows exist; prep_rows applies them to
 * the raw frame, all stages in order, before the split is decided. Feature operations (impute,
 * one_hot, scale, clip, drop, derive) are functions of one row. What they learn (a mean, the
 * categories) is fitted here, on the rows given, which are the training part's; the caller appends
 * them to the model's graph, so that training and serving compute the same values.
 *
 * The formulas are scikit-learn's: StandardScaler (ddof 0, NaN left out, constant columns get scale
 * 1), MinMaxScaler, RobustScaler (linear quantiles), SimpleImputer (ties go to the smallest),
 * OneHotEncoder (categories sorted). Sums run in the order of rows with compensation, so results do
 * not depend on threads. */
#pragma once
#include "data/frame.h"
#include "data/spec.h"

/* Values of one column at some step: numbers, or codes into levels. Borrowed. */
struct prep_values {
    const double *numbers;
    const int32_t *codes;
    const str_t *levels;
    size_t level_n;
};

struct prep_fill { /* what impute puts in */
    double number;
    str_t text; /* when the column is of strings */
};

struct prep_scale { /* z = (x - shift) / scale */
    double shift, scale;
};

struct prep_categories { /* sorted; strings bytewise, numbers rising */
    str_t *strings;
    double *numbers;
    size_t n;
};

int prep_step_is_row_operation(const struct prep_step *s);
/* Applies one row operation; *out_dropped rows went. */
int prep_rows(struct frame *f, const struct prep_step *s, size_t *out_dropped,
              struct err *err) WARN_UNUSED;

/* rows: which rows to learn from, n of them (NULL = 0 … n-1). INVALID when the column has no value
 * there. */
int prep_fit_fill(const struct prep_values *v, const uint32_t *rows, size_t n,
                  const struct prep_column *how, struct prep_fill *out,
                  struct err *err) WARN_UNUSED;
int prep_fit_scale(const struct prep_values *v, const uint32_t *rows, size_t n, enum scale_how how,
                   struct prep_scale *out, struct err *err) WARN_UNUSED;
/* LIMIT when there are more than LIMIT_CATEGORY_LEVELS. Missing values are no category. */
int prep_fit_categories(struct arena *a, const struct prep_values *v, const uint32_t *rows,
                        size_t n, struct prep_categories *out, struct err *err) WARN_UNUSED;
