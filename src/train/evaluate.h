/* SPDX-License-Identifier: Apache-2.0
 * Evaluation of a regression model: metrics with intervals on every part, the baseline (the mean of
 * the training target) and the champion on the test part, the paired comparison with the champion,
 * and metrics by slice. Pure functions on arrays; results in structs and in the JSON of
 * result.json. Deterministic for a seed. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "codec/json.h"
#include "stat/interval.h"

enum {
    SLICE_MIN_ROWS = 30,    /* smaller slices say nothing and are left out */
    SLICE_LEVELS_MAX = 50,  /* of one column: the ones with the most rows */
    SLICE_DISTINCT_MAX = 8, /* a number with no more values is sliced by value, else by quartile */
    SLICES_MAX = 500,       /* in one result: the worst ones */
};

/* Truth and prediction of n rows; n = 0: the part does not exist. */
struct evaluate_part {
    const double *y;
    const double *prediction;
    size_t n;
};

/* A raw column to slice the test part by; numbers or codes, missing = NaN or -1. Row i of the test
 * part is element rows[i] of the column (i when rows is NULL). */
struct slice_column {
    const char *name;
    const double *numbers;
    const int32_t *codes; /* with levels; used when numbers is NULL */
    const str_t *levels;
    size_t level_n;
};

/* Everything borrowed for the call. */
struct evaluate_input {
    struct evaluate_part test, valid, train;
    double baseline;        /* prediction of the baseline: mean of the training target */
    const double *champion; /* its predictions on the test part, or NULL */
    const struct slice_column *columns;
    size_t column_n;
    const uint32_t *rows; /* of the test part in the columns, or NULL */
    uint64_t seed;
};

struct slice {
    const char *column;
    const char *value; /* level, number, "[low, high)" or "(missing)" */
    size_t n;
    double rmse, mae, bias;
};

/* Lives in the arena. Reports with n = 0 do not exist. */
struct evaluation {
    struct regression_report test, valid, train, baseline, champion;
    int has_champion;
    struct stat_comparison
        comparison;       /* rmse of the model - rmse of the champion, on the test part */
    struct slice *slices; /* of the test part, largest rmse first */
    size_t slice_n;
};

/* ERR_INVALID names the part and the row of a truth or prediction that is not finite; ERR_NOMEM. */
int evaluate(struct arena *a, const struct evaluate_input *in, struct evaluation *out,
             struct err *err) WARN_UNUSED;

/* Value of a gate's name: "rmse" (test), "valid.mae", "train.r2", "baseline.rmse", "champion.rmse",
 * "n". 1 known (NaN = null, as champion.X without a champion), 0 no such name. */
int evaluation_get(const struct evaluation *e, str_t name, double *out);

/* Writes the members "metrics", "comparison" and "slices" into the object that is open.
 * champion_version: text or NULL. "better" is the sign of the difference, "significant" p < 0.05.
 */
void evaluation_write_json(struct json_out *o, const struct evaluation *e,
                           const char *champion_version);
/* {"rmse":{"value","low","high"},…,"n":{"value"}} as one value. */
void regression_report_write_json(struct json_out *o, const struct regression_report *r);
