/* SPDX-License-Identifier: Apache-2.0
 * The model graph: what ONNX says, in structs. Preparation and trainers append nodes to it, the
 * writer makes the ONNX file, the reader gives it back, infer/ compiles it. Lives in one arena.
 *
 * Values are named tensors [rows, width] of double, int64 or string; rows is the free dimension.
 * Initialisers are constants. Nodes are in topological order. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

enum tensor_type { TENSOR_FLOAT = 1, TENSOR_INT32 = 6, TENSOR_INT64 = 7, TENSOR_STRING = 8, TENSOR_BOOL = 9, TENSOR_DOUBLE = 11 }; /* ONNX's numbers */

struct tensor {
    const char *name;
    enum tensor_type type;
    int64_t dims[4];     /* -1 = free */
    int rank;
    size_t count;        /* elements of data */
    const double *doubles;
    const int64_t *ints;
    const str_t *strings;
    const float *floats;
};

struct attribute {
    const char *name;
    enum { ATTR_FLOAT = 1, ATTR_INT = 2, ATTR_STRING = 3, ATTR_TENSOR = 4, ATTR_FLOATS = 6, ATTR_INTS = 7, ATTR_STRINGS = 8 } kind; /* ONNX's numbers */
    double number;
    int64_t integer;
    str_t string;
    const struct tensor *tensor;
    const double *numbers;
    const int64_t *ints;
    const str_t *strings;
    size_t n;
};

struct node {
    const char *name;
    const char *op;      /* "MatMul" */
    const char *domain;  /* "" = ai.onnx, "ai.onnx.ml", "ai.slipway" */
    const char **inputs; /* value names; "" = left out */
    size_t input_n;
    const char **outputs;
    size_t output_n;
    struct attribute *attributes;
    size_t attribute_n;
};

struct graph_property { const char *key, *value; };

struct graph {
    struct arena *arena;
    const char *name;
    int64_t opset, ml_opset, ir_version;
    struct tensor *inputs;   size_t input_n, input_cap;   /* shapes without data */
    struct tensor *outputs;  size_t output_n, output_cap;
    struct tensor *constants; size_t constant_n, constant_cap;
    struct node *nodes;      size_t node_n, node_cap;
    struct graph_property *properties; size_t property_n, property_cap; /* metadata_props */
    int failed;              /* sticky: out of memory while building */
    uint64_t next_name;
};

/* ---- building ---- names passed in are copied ---- */
void graph_init(struct graph *g, struct arena *a, const char *name);
const char *graph_input(struct graph *g, const char *name, enum tensor_type type, int64_t width);
void graph_output(struct graph *g, const char *name, enum tensor_type type, int64_t width);
const char *graph_const_doubles(struct graph *g, const char *hint, const double *v, int rank, const int64_t *dims);
const char *graph_const_double(struct graph *g, const char *hint, double v); /* scalar */
const char *graph_const_string(struct graph *g, const char *hint, str_t v);
const char *graph_const_ints(struct graph *g, const char *hint, const int64_t *v, size_t n);
/* Adds a node with one output and returns that output's fresh name ("hint_7"). inputs: NULL-terminated. */
const char *graph_node(struct graph *g, const char *op, const char *domain, const char *hint, const char *const *inputs);
/* Attributes of the node added last. */
void graph_attr_int(struct graph *g, const char *name, int64_t v);
void graph_attr_strings(struct graph *g, const char *name, const str_t *v, size_t n);
void graph_attr_float(struct graph *g, const char *name, double v);
void graph_property(struct graph *g, const char *key, const char *value);

/* ---- ONNX files ---- */
int onnx_write(const struct graph *g, struct buf *out, struct err *err) WARN_UNUSED; /* deterministic bytes */
/* Validates everything: sizes, topological order, types; ERR_CORRUPT or ERR_INVALID names the node. */
int onnx_read(struct arena *a, str_t bytes, struct graph *out, struct err *err) WARN_UNUSED;
