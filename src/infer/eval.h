/* SPDX-License-Identifier: Apache-2.0
 * Any value of a graph on the rows of a frame: how fitting code gets the numbers that a later step
 * is fitted on. It compiles the part of the graph that leads to the values and runs the same
 * kernels as serving, so training and serving cannot differ. One thread; memory: one small
 * workspace. */
#pragma once
#include "data/frame.h"
#include "model/graph.h"

/* Columns and type of a value of the graph (an input's, a node's or a constant's). */
int graph_value_width(const struct graph *g, const char *value, size_t *out_width,
                      int *out_is_string, struct err *err) WARN_UNUSED;

/* Computes numeric values for all rows of f. Graph inputs are looked up among the columns by name;
 * only those that the values need must be there. columns[k] receives f->n doubles, k running over
 * the columns of values[0], then of values[1] and so on (sum of graph_value_width). Strings are
 * read through their level codes: missing (-1) is "". ERR_INVALID names the column or node. */
int graph_eval(const struct graph *g, const char *const *values, size_t n, const struct frame *f,
               double *const *columns, struct err *err) WARN_UNUSED;
/* A string value [rows, 1] as a coded column: levels in order of first appearance, "" becomes -1.
 * The new column's memory is in f->arena; it is not added to f. */
int graph_eval_strings(const struct graph *g, const char *value, const struct frame *f,
                       struct column *out, struct err *err) WARN_UNUSED;
