/* SPDX-License-Identifier: Apache-2.0
 * The linear end of a model graph, taken apart: which value holds the design matrix, which
 * coefficients stand behind it, and which feature each of its columns came from. Everything is read
 * off the graph that serves; only the names of the columns come from the training report. */
#pragma once
#include "model/graph.h"

/* One feature as people know it: a column of the file, or a derived one. */
struct design_feature {
    const char *name;
    int is_input;      /* the model takes a column of that name */
    const char *value; /* graph value [rows, 1] before scaling; NULL for one-hot columns */
};

/* y = x β + intercept. Arrays live in the arena, texts and coefficients with the graph and names.
 */
struct design {
    const char *value;      /* x, [rows, p] */
    const char *prediction; /* y, an output of the model */
    size_t p;
    const double *coefficients; /* p */
    double intercept;
    const char **sources; /* p: name of the feature of each column */
    struct design_feature *features;
    size_t feature_n; /* in order of first appearance in sources, as linear_explainer groups */
};

/* names: of the design columns, n = p of them ("age", "city=Ulm"). One-hot columns are told apart
 * by the operator that made them and belong to the name before "=level". ERR_INVALID when the graph
 * does not end in one linear sum; ERR_CORRUPT when names do not fit the graph. */
int design_of_graph(struct arena *a, const struct graph *g, const char *const *names, size_t n,
                    struct design *out, struct err *err) WARN_UNUSED;
