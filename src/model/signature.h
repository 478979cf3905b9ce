/* SPDX-License-Identifier: Apache-2.0
 * What a model takes and gives, as MLflow's column schemas say it: names, types, and whether a
 * column must be there. The graph says the same with tensors; signature_check keeps the two
 * together. */
#pragma once
#include "codec/json.h"
#include "model/graph.h"

/* MLflow's names: boolean, integer (32 bits), long, float (32 bits), double, string. */
enum signature_type {
    SIGNATURE_BOOLEAN,
    SIGNATURE_INTEGER,
    SIGNATURE_LONG,
    SIGNATURE_FLOAT,
    SIGNATURE_DOUBLE,
    SIGNATURE_STRING
};

struct signature_column {
    const char *name;
    enum signature_type type;
    int required; /* must be named in every row; its value may be missing all the same */
};

struct signature {
    struct signature_column *inputs, *outputs;
    size_t input_n, output_n;
};

const char *signature_type_name(enum signature_type t);
/* ERR_INVALID for another word. */
int signature_type_of(const char *name, enum signature_type *out, struct err *err) WARN_UNUSED;

/* As the graph's inputs and outputs say, all required; ERR_INVALID when an input is wider than a
 * column. */
int signature_of_graph(struct arena *a, const struct graph *g, struct signature *out,
                       struct err *err) WARN_UNUSED;
/* The graph has exactly these inputs, of these types, and these outputs; ERR_INVALID names the
 * first that differs. The order may differ. */
int signature_check(const struct signature *s, const struct graph *g, struct err *err) WARN_UNUSED;

/* {"inputs":[{"name","type","required"}],"outputs":[{"name","type"}]} */
void signature_write(const struct signature *s, struct json_out *o);
/* MLflow's two texts: [{"type":"double","name":"x","required":true}], in ASCII. */
void signature_write_columns(const struct signature_column *columns, size_t n, struct buf *out);
/* Reads either form: an object with arrays, or (as in MLmodel) with texts that hold the arrays.
 * Tensor and nested schemas are ERR_INVALID. Names are copied into the arena. */
int signature_read(struct arena *a, const struct json *v, struct signature *out,
                   struct err *err) WARN_UNUSED;
