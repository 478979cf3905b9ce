/* SPDX-License-Identifier: Apache-2.0
 * A predictor compiled from an ONNX graph: immutable after compile, shared by all threads; each
 * call brings its own workspace. The same kernels make the training features, so there is no skew.
 * Not finite input is computed as IEEE says; what a missing value means is the graph's business. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "model/graph.h"

struct predictor; /* owns its memory */

struct predictor_input {
    const char *name;
    enum tensor_type type; /* DOUBLE, FLOAT, INT64, STRING */
    int64_t width;
};

int predictor_compile(const struct graph *g, struct predictor **out, struct err *err) WARN_UNUSED;
int predictor_load(str_t onnx_bytes, struct predictor **out,
                   struct err *err) WARN_UNUSED; /* read + compile */
void predictor_free(struct predictor *p);

size_t predictor_inputs(const struct predictor *p, const struct predictor_input **out);
size_t predictor_outputs(const struct predictor *p, const struct predictor_input **out);
size_t predictor_input_index(const struct predictor *p, str_t name); /* SIZE_MAX when absent */
size_t predictor_workspace_bytes(const struct predictor *p, size_t rows);

/* A batch: column i points to rows·width doubles, or str_t for STRING inputs. */
struct predictor_batch {
    size_t rows;
    const void *const *inputs;
};
/* outputs[k]: rows·width doubles. workspace ≥ predictor_workspace_bytes(p, rows), 64-byte aligned,
 * not shared between threads. No allocation, no lock, no system call. Large batches are done in
 * blocks. */
int predictor_run(const struct predictor *p, const struct predictor_batch *in,
                  double *const *outputs, void *workspace, struct err *err) WARN_UNUSED;
/* For `model show`: nodes, bytes, instruction set, one line an op. */
void predictor_describe(const struct predictor *p, struct buf *out_json);
