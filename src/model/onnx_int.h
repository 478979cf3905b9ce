/* SPDX-License-Identifier: Apache-2.0
 * Private to the ONNX reader: its state and the pieces that onnx_tensor.c reads. */
#pragma once
#include "base/map.h"
#include "codec/pb.h"
#include "model/graph_int.h"

#include <stdio.h>

struct onnx_reader {
    struct graph *g;
    struct err *err;      /* never NULL */
    struct map constants; /* by name; see is_constant */
    char where[320];      /* the node or tensor under way, for messages */
};

/* ERR_CORRUPT "<what> is not a valid ONNX file: <why>". */
int onnx__broken(struct onnx_reader *r, const char *what, const char *why);
int onnx__no_memory(struct onnx_reader *r);
/* pb_next with the error filled: 1, 0 or ERR_CORRUPT. */
int onnx__next(struct onnx_reader *r, struct pb_in *in, struct pb_field *f,
               const char *what) WARN_UNUSED;
/* A text field, copied and checked to be UTF-8 without NUL. */
int onnx__text(struct onnx_reader *r, const struct pb_field *f, const char **out) WARN_UNUSED;

/* A TensorProto with its data, all copied. */
int onnx__tensor(struct onnx_reader *r, str_t bytes, struct tensor *out) WARN_UNUSED;
/* A ValueInfoProto; a rank of -1 means that the file does not say. */
int onnx__value(struct onnx_reader *r, str_t bytes, struct tensor *out) WARN_UNUSED;
/* An AttributeProto field of a node. */
int onnx__attribute(struct onnx_reader *r, const struct pb_field *f,
                    struct attribute *out) WARN_UNUSED;
