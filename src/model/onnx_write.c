/* SPDX-License-Identifier: Apache-2.0
 * A graph as the bytes of an ONNX file. Fields go out in the order of their numbers, nothing
 * depends on time, machine or memory, so the same graph always has the same digest. Field numbers:
 * onnx/onnx.proto of ONNX 1.15 (IR version 9). */
#include "base/limits.h"
#include "codec/pb.h"
#include "model/graph.h"

enum {
    MODEL_IR_VERSION = 1,
    MODEL_PRODUCER = 2,
    MODEL_PRODUCER_VERSION = 3,
    MODEL_GRAPH = 7,
    MODEL_OPSET = 8,
    MODEL_PROPERTY = 14,
    OPSET_DOMAIN = 1,
    OPSET_VERSION = 2,
    PROPERTY_KEY = 1,
    PROPERTY_VALUE = 2,
    GRAPH_NODE = 1,
    GRAPH_NAME = 2,
    GRAPH_CONSTANT = 5,
    GRAPH_INPUT = 11,
    GRAPH_OUTPUT = 12,
    NODE_INPUT = 1,
    NODE_OUTPUT = 2,
    NODE_NAME = 3,
    NODE_OP = 4,
    NODE_ATTRIBUTE = 5,
    NODE_DOMAIN = 7,
    ATTRIBUTE_NAME = 1,
    ATTRIBUTE_F = 2,
    ATTRIBUTE_I = 3,
    ATTRIBUTE_S = 4,
    ATTRIBUTE_T = 5,
    ATTRIBUTE_FLOATS = 7,
    ATTRIBUTE_INTS = 8,
    ATTRIBUTE_STRINGS = 9,
    ATTRIBUTE_TYPE = 20,
    TENSOR_DIM = 1,
    TENSOR_TYPE = 2,
    TENSOR_STRINGS = 6,
    TENSOR_NAME = 8,
    TENSOR_RAW = 9,
    VALUE_NAME = 1,
    VALUE_TYPE = 2,
    TYPE_TENSOR = 1,
    TYPE_ELEMENT = 1,
    TYPE_SHAPE = 2,
    SHAPE_DIM = 1,
    DIM_VALUE = 1,
    DIM_PARAM = 2
};

static void put_tensor_data(struct buf *b, const struct tensor *t)
{
    if (t->type == TENSOR_STRING) {
        for (size_t i = 0; i < t->count; i++)
            pb_put_str(b, TENSOR_STRINGS, t->strings[i]);
        return;
    }
    size_t at = pb_begin(b, TENSOR_RAW);
    for (size_t i = 0; i < t->count && !b->failed; i++) {
        uint64_t bits = 0;
        switch (t->type) {
        case TENSOR_DOUBLE:
            memcpy(&bits, &t->doubles[i], 8);
            pb_store_u64(b, bits);
            break;
        case TENSOR_FLOAT:
            memcpy(&bits, &t->floats[i], 4);
            pb_store_u32(b, (uint32_t)bits);
            break;
        case TENSOR_INT64: pb_store_u64(b, (uint64_t)t->ints[i]); break;
        case TENSOR_INT32: pb_store_u32(b, (uint32_t)t->ints[i]); break;
        case TENSOR_BOOL: buf_putc(b, (char)(t->ints[i] != 0)); break;
        case TENSOR_STRING: break;
        }
    }
    pb_end(b, at);
}

static void put_tensor(struct buf *b, uint32_t field, const struct tensor *t)
{
    size_t at = pb_begin(b, field);
    for (int i = 0; i < t->rank; i++)
        pb_put_int(b, TENSOR_DIM, t->dims[i]);
    pb_put_int(b, TENSOR_TYPE, t->type);
    if (t->type == TENSOR_STRING)
        put_tensor_data(b, t);
    pb_put_cstr(b, TENSOR_NAME, t->name);
    if (t->type != TENSOR_STRING)
        put_tensor_data(b, t);
    pb_end(b, at);
}

static void put_attribute(struct buf *b, const struct attribute *a)
{
    size_t at = pb_begin(b, NODE_ATTRIBUTE);
    pb_put_cstr(b, ATTRIBUTE_NAME, a->name);
    switch (a->kind) {
    case ATTR_FLOAT: pb_put_float(b, ATTRIBUTE_F, (float)a->number); break;
    case ATTR_INT: pb_put_int(b, ATTRIBUTE_I, a->integer); break;
    case ATTR_STRING: pb_put_str(b, ATTRIBUTE_S, a->string); break;
    case ATTR_TENSOR: put_tensor(b, ATTRIBUTE_T, a->tensor); break;
    case ATTR_FLOATS:
        for (size_t i = 0; i < a->n; i++)
            pb_put_float(b, ATTRIBUTE_FLOATS, (float)a->numbers[i]);
        break;
    case ATTR_INTS:
        for (size_t i = 0; i < a->n; i++)
            pb_put_int(b, ATTRIBUTE_INTS, a->ints[i]);
        break;
    case ATTR_STRINGS:
        for (size_t i = 0; i < a->n; i++)
            pb_put_str(b, ATTRIBUTE_STRINGS, a->strings[i]);
        break;
    }
    pb_put_int(b, ATTRIBUTE_TYPE, a->kind);
    pb_end(b, at);
}

static void put_node(struct buf *b, const struct node *n)
{
    size_t at = pb_begin(b, GRAPH_NODE);
    for (size_t i = 0; i < n->input_n; i++)
        pb_put_cstr(b, NODE_INPUT, n->inputs[i]);
    for (size_t i = 0; i < n->output_n; i++)
        pb_put_cstr(b, NODE_OUTPUT, n->outputs[i]);
    pb_put_cstr(b, NODE_NAME, n->name);
    pb_put_cstr(b, NODE_OP, n->op);
    for (size_t i = 0; i < n->attribute_n; i++)
        put_attribute(b, &n->attributes[i]);
    if (*n->domain)
        pb_put_cstr(b, NODE_DOMAIN, n->domain);
    pb_end(b, at);
}

/* A free dimension is the one named "rows". */
static void put_value(struct buf *b, uint32_t field, const struct tensor *t)
{
    size_t at = pb_begin(b, field);
    pb_put_cstr(b, VALUE_NAME, t->name);
    size_t type = pb_begin(b, VALUE_TYPE), tensor = pb_begin(b, TYPE_TENSOR);
    pb_put_int(b, TYPE_ELEMENT, t->type);
    size_t shape = pb_begin(b, TYPE_SHAPE);
    for (int i = 0; i < t->rank; i++) {
        size_t dim = pb_begin(b, SHAPE_DIM);
        if (t->dims[i] < 0)
            pb_put_cstr(b, DIM_PARAM, "rows");
        else
            pb_put_int(b, DIM_VALUE, t->dims[i]);
        pb_end(b, dim);
    }
    pb_end(b, shape);
    pb_end(b, tensor);
    pb_end(b, type);
    pb_end(b, at);
}

static void put_graph(struct buf *b, const struct graph *g)
{
    size_t at = pb_begin(b, MODEL_GRAPH);
    for (size_t i = 0; i < g->node_n; i++)
        put_node(b, &g->nodes[i]);
    pb_put_cstr(b, GRAPH_NAME, g->name);
    for (size_t i = 0; i < g->constant_n; i++)
        put_tensor(b, GRAPH_CONSTANT, &g->constants[i]);
    for (size_t i = 0; i < g->input_n; i++)
        put_value(b, GRAPH_INPUT, &g->inputs[i]);
    for (size_t i = 0; i < g->output_n; i++)
        put_value(b, GRAPH_OUTPUT, &g->outputs[i]);
    pb_end(b, at);
}

static void put_opset(struct buf *b, const char *domain, int64_t version)
{
    size_t at = pb_begin(b, MODEL_OPSET);
    pb_put_cstr(b, OPSET_DOMAIN, domain);
    pb_put_int(b, OPSET_VERSION, version);
    pb_end(b, at);
}

static int uses_domain(const struct graph *g, const char *domain)
{
    for (size_t i = 0; i < g->node_n; i++) {
        if (strcmp(g->nodes[i].domain, domain) == 0)
            return 1;
    }
    return 0;
}

int onnx_write(const struct graph *g, struct buf *out, struct err *err)
{
    if (g->failed)
        return ERR(err, ERR_INTERNAL,
                   "the model graph '%s' could not be built: out of memory or a name used twice",
                   g->name);
    pb_put_int(out, MODEL_IR_VERSION, g->ir_version);
    pb_put_cstr(out, MODEL_PRODUCER, "slipway");
    pb_put_cstr(out, MODEL_PRODUCER_VERSION, SLIPWAY_VERSION);
    put_graph(out, g);
    put_opset(out, "", g->opset);
    if (g->ml_opset)
        put_opset(out, ONNX_ML, g->ml_opset);
    if (uses_domain(g, "ai.slipway"))
        put_opset(out, "ai.slipway", 1);
    for (size_t i = 0; i < g->property_n; i++) {
        size_t at = pb_begin(out, MODEL_PROPERTY);
        pb_put_cstr(out, PROPERTY_KEY, g->properties[i].key);
        pb_put_cstr(out, PROPERTY_VALUE, g->properties[i].value);
        pb_end(out, at);
    }
    if (out->failed || out->n > LIMIT_MODEL_FILE)
        return ERR(err, ERR_LIMIT, "the model '%s' does not fit in %zu MiB", g->name,
                   LIMIT_MODEL_FILE >> 20);
    return 0;
}
