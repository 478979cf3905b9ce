/* SPDX-License-Identifier: Apache-2.0
 * The reference of a model version: how its inputs were distributed in the training part, and its
 * predictions and errors in the test part. It is written once, when the model is made
 * (`monitor.json` beside the MLmodel file), and gives the serving path its fixed cells and the
 * monitor its expectation.
 *
 * Cells of a number with edges e[0] < … < e[n-1]: n + 1 of them, cell i counts
 * e[i-1] <= x < e[i], cell 0 what lies below e[0], cell n what lies at or above e[n-1]. e[0] is the
 * smallest value seen and e[n-1] the next double above the largest, so cells 0 and n are "out of
 * range" and empty in the reference itself. Cells of a category with n names: one each, and cell n
 * for every other value. Missing values (null, NaN) and bad ones (infinite) are counted beside the
 * cells. */
#pragma once
#include "codec/json.h"

enum monitor_kind { MONITOR_NUMBER, MONITOR_CATEGORY };

enum {
    MONITOR_BINS_MAX = 32,     /* cells of a number inside its range; edges are one more */
    MONITOR_NAMES_MAX = 64,    /* names of a category; the rest is "other" */
    MONITOR_NAME_BYTES = 1000, /* a longer name counts as "other" */
    MONITOR_CELLS_MAX = 66,    /* cells of any feature */
    MONITOR_QUANTILES = 257,   /* equal ranks from minimum to maximum */
    MONITOR_NULL = 24,         /* entries of null_w1 and null_ks */
    MONITOR_FEATURES_MAX = 10000
};

/* The file's name in the model folder. */
#define MONITOR_REFERENCE_FILE "monitor.json"

/* One input column, or the prediction (output = 1). Everything lies in the reader's arena. */
struct monitor_feature {
    str_t name;
    enum monitor_kind kind;
    int output;
    size_t n_edges; /* number: 2 … MONITOR_BINS_MAX + 1, or 0 when no value was present */
    const double *edges;
    size_t n_names; /* category: 0 … MONITOR_NAMES_MAX, most frequent first */
    const str_t *names;
    size_t n_cells; /* n_edges + 1 or n_names + 1 */
    const uint64_t *counts;
    /* Number: mean of the reference's values in each cell, minimum and maximum for the two outside.
     */
    const double *centers;
    uint64_t n;    /* values in cells: the sum of counts */
    uint64_t rows; /* that were looked at; at least n + missing + bad, more where half of them chose
                      the names and the other half was counted */
    uint64_t missing, bad; /* of those rows */
    /* Numbers only, of the finite values; NaN when there are none (sd: fewer than 2). */
    double mean, sd, min, max;
    size_t n_quantiles; /* 0 or 2 … MONITOR_QUANTILES, type 7, ascending */
    const double *quantiles;
    /* Upper quantiles of what two distances on the cells have when nothing changed, divided by
     * √(1/n + 1/m): Wasserstein's over sd, Σ|B(F_i)| (centers[i+1] - centers[i]) / sd, and
     * Kolmogorov's, max|B(F_i)|, with B a Brownian bridge, at the tail probabilities
     * monitor_null_tail(i). Both NULL when there are none. */
    const double *null_w1, *null_ks;
};

/* Errors in the test part; n = 0 when there are none. e = prediction - truth. */
struct monitor_performance {
    uint64_t n;
    double rmse, rmse_low, rmse_high; /* with its 95 % interval */
    double mae, bias;
    double sd_abs_error; /* of |e|, divisor n - 1 */
    double sd_squared_error;
};

struct monitor_reference {
    uint64_t rows;      /* of the training part */
    uint64_t test_rows; /* of the part that predictions and errors come from */
    size_t n;
    struct monitor_feature *features; /* inputs in the order of the signature, then outputs */
    struct monitor_performance performance;
};

/* Reads a document; everything is copied into the arena. ERR_INVALID names the feature and the
 * member that is wrong (order of edges, number of counts, …); ERR_LIMIT for too many features;
 * ERR_NOMEM. */
int monitor_reference_read(struct arena *a, str_t json, struct monitor_reference **out,
                           struct err *err) WARN_UNUSED;

/* The feature of that name; NULL when there is none. */
const struct monitor_feature *monitor_reference_find(const struct monitor_reference *ref,
                                                     str_t name, int output);

/* One line of JSON; the same reference gives the same bytes. */
void monitor_reference_write(const struct monitor_reference *ref, struct json_out *o);

/* Makes the description of n numbers: at most MONITOR_BINS_MAX cells of about equal count, whose
 * edges are values that occur. NaN is missing, infinities are bad. `seed` is for the simulation of
 * null_w1 and null_ks. Arrays lie in the arena; ERR_NOMEM. */
int monitor_feature_of_numbers(struct arena *a, str_t name, const double *x, size_t n,
                               uint64_t seed, struct monitor_feature *out) WARN_UNUSED;

/* The finite values of a column, ascending. */
struct monitor_values {
    const double *sorted;
    size_t n;
    uint64_t missing, bad;
};
/* Sorts a column of n in place, the finite values first; scratch holds n doubles. */
void monitor_values_sort(double *x, size_t n, double *scratch, struct monitor_values *out);
/* The same description of values that are sorted already; they are read only now. */
int monitor_feature_of_sorted(struct arena *a, str_t name, const struct monitor_values *v,
                              uint64_t seed, struct monitor_feature *out) WARN_UNUSED;

/* Makes the description of n categories given as codes: code c ≥ 0 is levels[c], a negative one is
 * missing; a level without text (p NULL) stands for many and gets no name. Most frequent first,
 * equal counts by name. Where there are more names than fit or rare ones, names are chosen by one
 * half of the rows and counted in the other: counts of names chosen for being frequent are too high
 * for what comes later, and would look like drift. ERR_NOMEM. */
int monitor_feature_of_codes(struct arena *a, str_t name, const str_t *levels, size_t levels_n,
                             const int32_t *codes, size_t n,
                             struct monitor_feature *out) WARN_UNUSED;

/* Cell of a finite number, cell of a name (n_names when unknown). */
size_t monitor_cell_of_number(const struct monitor_feature *f, double x);
size_t monitor_cell_of_name(const struct monitor_feature *f, str_t name);

/* Upper tail probability of null_w1[i] and null_ks[i]: from 0.99 down to 0.007. */
double monitor_null_tail(size_t i);
