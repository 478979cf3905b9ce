/* SPDX-License-Identifier: Apache-2.0
 * Convenience over graph.h: what preparation and trainers append, each in one call, as standard
 * ONNX operators in double precision. Each function returns the name of the new value, [rows,
 * width]; a failure sticks in the graph and the name is then "". `hint` is the start of the names
 * of the nodes (the column's name, say); it need not be unique.
 *
 * Missing: NaN in numbers, "" in strings; every function below keeps a missing value missing unless
 * it says otherwise. Column inputs are vectors [rows] (what MLflow's ONNX flavour feeds), turned
 * into [rows, 1] at once; a column of whole numbers that may be missing must be a DOUBLE input. */
#pragma once
#include "codec/expr.h"
#include "model/graph.h"

/* A model input for one column. DOUBLE, FLOAT, INT64, INT32 and BOOL give a double value, STRING a
 * string value, both [rows, 1]. */
const char *pipe_input(struct graph *g, const char *name, enum tensor_type type);

/* x where it is there, `fill` where it is missing. */
const char *pipe_impute_number(struct graph *g, const char *hint, const char *x, double fill);
const char *pipe_impute_string(struct graph *g, const char *hint, const char *x, str_t fill);
/* 1 where x is missing, else 0. is_string tells what x is. */
const char *pipe_is_missing(struct graph *g, const char *hint, const char *x, int is_string);

/* [rows, n] of 0 and 1 in the order of levels; a string that is no level (a missing one too, unless
 * "" is a level) gives zeros. */
const char *pipe_one_hot(struct graph *g, const char *hint, const char *x, const str_t *levels,
                         size_t n);
/* The same for a numeric x that holds whole numbers. */
const char *pipe_one_hot_ints(struct graph *g, const char *hint, const char *x,
                              const int64_t *levels, size_t n);
/* A number for each level, `other` for the rest: a target encoder, say. */
struct pipe_table {
    const str_t *levels;
    const double *values;
    size_t n;
    double other;
};
const char *pipe_lookup(struct graph *g, const char *hint, const char *x,
                        const struct pipe_table *table);

/* (x - mean) / sd. sd = 0 divides by 1. */
const char *pipe_scale(struct graph *g, const char *hint, const char *x, double mean, double sd);
/* The value that was scaled when x came from pipe_scale (in memory or read back from a file), else
 * x. */
const char *pipe_unscaled(const struct graph *g, const char *x);
/* Limits to [low, high]; infinite limits mean none. */
const char *pipe_clip(struct graph *g, const char *hint, const char *x, double low, double high);

/* A value in an expression. */
struct pipe_value {
    const char *name;
    int is_string;
};

/* What the names of an expression stand for; ERR_INVALID if nothing. */
struct pipe_scope {
    int (*value)(void *arg, const struct expr *name, struct pipe_value *out, struct err *err);
    void *arg;
};

/* An expression (checked by expr_check) as nodes: [rows, 1], a number where null is NaN and truth
 * is 0 or 1, or a string where null is "". Everything of the language can be said in a model but
 * LIKE, order of strings, lower, upper and length; ERR_INVALID names those, and an expression
 * without a name (it has no rows). */
int pipe_expr(struct graph *g, const char *hint, const struct expr *e,
              const struct pipe_scope *scope, struct pipe_value *out, struct err *err) WARN_UNUSED;

/* Values side by side: [rows, sum of widths]. One value is returned as it is. */
const char *pipe_concat(struct graph *g, const char *hint, const char *const *values, size_t n);
/* What pipe_one_hot and pipe_one_hot_ints made, found again at the end of a graph. */
struct pipe_hot {
    size_t n;
    const str_t *texts;    /* n, or NULL */
    const double *numbers; /* n, or NULL */
};
/* 1 when x is such a value. */
int pipe_hot_of(const struct graph *g, const char *x, struct pipe_hot *out);

/* x · coefficients + intercept, [rows, 1], as an output of the model with exactly the name `output`
 * ("prediction"). n = width of x; n = 0 (x ignored) is the intercept alone, as wide as the rows of
 * the first input. Call it last: it also settles the shape of a single input. */
const char *pipe_linear(struct graph *g, const char *x, const double *coefficients, size_t n,
                        double intercept, const char *output);
