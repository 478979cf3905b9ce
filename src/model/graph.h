/* SPDX-License-Identifier: Apache-2.0
 * The model graph: what ONNX says, in structs. Preparation and trainers append nodes to it (most
 * often through model/pipeline.h), the writer makes the ONNX file, the reader gives it back, infer/
 * compiles it. Lives in one arena, is built by one thread, and is read by any number afterwards.
 *
 * Values are named tensors [rows, width] of double, int64 or string; rows is the free dimension.
 * Initialisers are constants. Nodes are in topological order. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

/* ONNX's numbers. */
enum tensor_type {
    TENSOR_FLOAT = 1,
    TENSOR_INT32 = 6,
    TENSOR_INT64 = 7,
    TENSOR_STRING = 8,
    TENSOR_BOOL = 9,
    TENSOR_DOUBLE = 11
};

enum { TENSOR_RANK_MAX = 4 };

/* A constant with its data, or (graph inputs and outputs) a type and shape without. */
struct tensor {
    const char *name;
    enum tensor_type type;
    int64_t dims[TENSOR_RANK_MAX]; /* -1 = free */
    int rank;
    size_t count;          /* elements of data; 0 when there is none */
    const double *doubles; /* of DOUBLE */
    const int64_t *ints;   /* of INT64, INT32, BOOL */
    const str_t *strings;  /* of STRING */
    const float *floats;   /* of FLOAT */
};

/* ONNX's numbers. */
enum attribute_kind {
    ATTR_FLOAT = 1,
    ATTR_INT = 2,
    ATTR_STRING = 3,
    ATTR_TENSOR = 4,
    ATTR_FLOATS = 6,
    ATTR_INTS = 7,
    ATTR_STRINGS = 8
};

struct attribute {
    const char *name;
    enum attribute_kind kind;
    double number;   /* of FLOAT: what a float can hold */
    int64_t integer; /* of INT */
    str_t string;
    const struct tensor *tensor;
    const double *numbers; /* of FLOATS */
    const int64_t *ints;
    const str_t *strings;
    size_t n; /* of the lists */
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

struct graph_property {
    const char *key, *value;
};

struct graph_names; /* the set of value names in use */

struct graph {
    struct arena *arena;
    const char *name;
    int64_t opset, ml_opset, ir_version;
    struct tensor *inputs; /* shapes without data */
    size_t input_n, input_cap;
    struct tensor *outputs;
    size_t output_n, output_cap;
    struct tensor *constants;
    size_t constant_n, constant_cap;
    struct node *nodes;
    size_t node_n, node_cap;
    struct graph_property *properties; /* metadata_props */
    size_t property_n, property_cap;
    int failed; /* sticky: out of memory, or a name used twice, while building */
    uint64_t next_name;
    struct graph_names *names;
};

#define ONNX_ML "ai.onnx.ml"

/* ---- building ----
 * Names and data passed in are copied. Nothing returns an error: a failure sticks in g->failed (the
 * writer and the compiler refuse such a graph), and the returned name is then "". */
void graph_init(struct graph *g, struct arena *a, const char *name);
/* A model input [rows, width], or a vector [rows] when width is 0; the value has the input's name.
 */
const char *graph_input(struct graph *g, const char *name, enum tensor_type type, int64_t width);
/* Declares the value `name` to be an output [rows, width] of the model. */
void graph_output(struct graph *g, const char *name, enum tensor_type type, int64_t width);
/* Constants; each call makes one with a fresh name. */
const char *graph_const_doubles(struct graph *g, const char *hint, const double *v, int rank,
                                const int64_t *dims);
const char *graph_const_double(struct graph *g, const char *hint, double v); /* scalar */
const char *graph_const_string(struct graph *g, const char *hint, str_t v);  /* scalar */
const char *graph_const_ints(struct graph *g, const char *hint, const int64_t *v,
                             size_t n); /* vector */
/* Adds a node with one output and returns that output's fresh name ("hint_7"). inputs:
 * NULL-terminated. */
const char *graph_node(struct graph *g, const char *op, const char *domain, const char *hint,
                       const char *const *inputs);
/* As graph_node, but the output has exactly this name: for model outputs. */
const char *graph_node_as(struct graph *g, const char *op, const char *domain, const char *output,
                          const char *const *inputs);
/* Attributes of the node added last. */
void graph_attr_int(struct graph *g, const char *name, int64_t v);
void graph_attr_ints(struct graph *g, const char *name, const int64_t *v, size_t n);
void graph_attr_strings(struct graph *g, const char *name, const str_t *v, size_t n);
void graph_attr_string(struct graph *g, const char *name, str_t v);
void graph_attr_float(struct graph *g, const char *name,
                      double v); /* rounded to float by the format */
void graph_attr_floats(struct graph *g, const char *name, const double *v, size_t n);
/* A text beside the model (metadata_props): replaces the value of a key that is there. */
void graph_property(struct graph *g, const char *key, const char *value);

/* ---- looking ---- NULL when absent ---- */
const struct tensor *graph_find_input(const struct graph *g, const char *name);
const struct tensor *graph_find_constant(const struct graph *g, const char *name);
/* The node that makes a value; a walk over all nodes, newest first. */
const struct node *graph_find_node(const struct graph *g, const char *value);
const char *graph_find_property(const struct graph *g, const char *key);
const struct attribute *node_attribute(const struct node *n, const char *name);
const char *tensor_type_name(enum tensor_type t); /* "double"; "unknown" for others */

/* ---- ONNX files ---- */
/* The same graph always gives the same bytes. ERR_LIMIT past LIMIT_MODEL_FILE, ERR_INTERNAL for a
 * failed graph. */
int onnx_write(const struct graph *g, struct buf *out, struct err *err) WARN_UNUSED;
/* Validates everything: sizes, topological order, types; ERR_CORRUPT or ERR_INVALID names the node.
 * The graph is a copy: bytes may go afterwards. An operator set or type outside what Slipway reads
 * is ERR_INVALID; broken bytes are ERR_CORRUPT. Operators are not looked at: that is the
 * compiler's. */
int onnx_read(struct arena *a, str_t bytes, struct graph *out, struct err *err) WARN_UNUSED;
