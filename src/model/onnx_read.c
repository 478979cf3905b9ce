/* SPDX-License-Identifier: Apache-2.0
 * The bytes of an ONNX file as a graph. A file is input from outside: every length, count, type and
 * name is checked, and the message says which node or tensor is wrong. Tensors are onnx_tensor.c's.
 * Field numbers: onnx/onnx.proto of ONNX 1.15. */
#include "base/limits.h"
#include "model/onnx_int.h"

enum {
    MODEL_IR_VERSION = 1,
    MODEL_GRAPH = 7,
    MODEL_OPSET = 8,
    MODEL_PROPERTY = 14,
    MODEL_FUNCTION = 25,
    GRAPH_NODE = 1,
    GRAPH_NAME = 2,
    GRAPH_CONSTANT = 5,
    GRAPH_INPUT = 11,
    GRAPH_OUTPUT = 12,
    GRAPH_SPARSE = 15,
    NODE_INPUT = 1,
    NODE_OUTPUT = 2,
    NODE_NAME = 3,
    NODE_OP = 4,
    NODE_ATTRIBUTE = 5,
    NODE_DOMAIN = 7,
    IR_OLDEST = 3,
    IR_NEWEST = 14,
    OPSET_OLDEST = 7,
    OPSET_NEWEST = 26,
    ML_OPSET_NEWEST = 5,
    PROPERTIES_MAX = 1000
};

struct counts {
    size_t nodes, constants, inputs, outputs;
};

int onnx__broken(struct onnx_reader *r, const char *what, const char *why)
{
    return ERR(r->err, ERR_CORRUPT, "%s is not a valid ONNX file: %s", what, why);
}

int onnx__no_memory(struct onnx_reader *r)
{
    return ERR(r->err, ERR_LIMIT, "the model needs more than %zu MiB of memory",
               r->g->arena->max_bytes >> 20);
}

int onnx__next(struct onnx_reader *r, struct pb_in *in, struct pb_field *f, const char *what)
{
    int more = pb_next(in, f);
    return more < 0 ? onnx__broken(r, what, in->why) : more;
}

int onnx__text(struct onnx_reader *r, const struct pb_field *f, const char **out)
{
    if (f->wire != PB_BYTES)
        return onnx__broken(r, "the model", "a text has the wrong wire type");
    if (memchr(f->bytes.p, 0, f->bytes.n) || !str_is_utf8(f->bytes))
        return onnx__broken(r, "the model", "a name is not UTF-8 text");
    const char *copy = arena_strndup(r->g->arena, f->bytes.p, f->bytes.n);
    if (!copy)
        return onnx__no_memory(r);
    *out = copy;
    return 0;
}

static int read_opset(struct onnx_reader *r, str_t bytes)
{
    struct pb_in in;
    struct pb_field f;
    const char *domain = "";
    int64_t version = 0;
    int more;
    pb_in_init(&in, bytes);
    while ((more = onnx__next(r, &in, &f, "the list of operator sets")) == 1) {
        if (f.number == 1 && onnx__text(r, &f, &domain))
            return r->err->code;
        if (f.number == 2 && f.wire == PB_VARINT)
            version = pb_int64(&f);
    }
    if (more < 0)
        return more;
    if (!*domain || strcmp(domain, "ai.onnx") == 0)
        r->g->opset = version;
    else if (strcmp(domain, ONNX_ML) == 0)
        r->g->ml_opset = version;
    return 0;
}

static int read_property(struct onnx_reader *r, str_t bytes)
{
    struct pb_in in;
    struct pb_field f;
    const char *key = "", *value = "";
    int more;
    pb_in_init(&in, bytes);
    while ((more = onnx__next(r, &in, &f, "the list of properties")) == 1) {
        if ((f.number == 1 && onnx__text(r, &f, &key)) ||
            (f.number == 2 && onnx__text(r, &f, &value)))
            return r->err->code;
    }
    if (more == 0 && r->g->property_n >= PROPERTIES_MAX)
        return ERR(r->err, ERR_LIMIT, "the model has more than %d properties", PROPERTIES_MAX);
    if (more == 0)
        graph_property(r->g, key, value);
    return more;
}

/* Says "node 3 'scaled' (Sub)" in all messages that follow. */
static void name_node(struct onnx_reader *r, size_t index, const struct node *n)
{
    (void)snprintf(r->where, sizeof r->where, "node %zu '%.100s' (%.60s)", index + 1, n->name,
                   n->op);
}

static int push_name(struct onnx_reader *r, const struct pb_field *f, const char ***list, size_t *n)
{
    /* The list was made as long as the file has names. */
    return onnx__text(r, f, &(*list)[(*n)++]);
}

/* First pass over a node: how many of everything, and its names for messages. */
static int measure_node(struct onnx_reader *r, str_t bytes, struct node *n)
{
    struct pb_in in;
    struct pb_field f;
    int more;
    n->name = n->op = n->domain = "";
    pb_in_init(&in, bytes);
    while ((more = onnx__next(r, &in, &f, "a node")) == 1) {
        int rc = 0;
        switch (f.number) {
        case NODE_INPUT: n->input_n++; break;
        case NODE_OUTPUT: n->output_n++; break;
        case NODE_ATTRIBUTE: n->attribute_n++; break;
        case NODE_NAME: rc = onnx__text(r, &f, &n->name); break;
        case NODE_OP: rc = onnx__text(r, &f, &n->op); break;
        case NODE_DOMAIN: rc = onnx__text(r, &f, &n->domain); break;
        default: break;
        }
        if (rc)
            return rc;
    }
    if (strcmp(n->domain, "ai.onnx") == 0)
        n->domain = "";
    return more;
}

static int check_node(struct onnx_reader *r, const struct node *n)
{
    if (!*n->op)
        return onnx__broken(r, r->where, "it has no operator");
    for (size_t i = 0; i < n->input_n; i++) {
        if (*n->inputs[i] && !graph__name_has(r->g, n->inputs[i]))
            return ERR(r->err, ERR_CORRUPT,
                       "%s: its input '%.100s' is not made by any node before it", r->where,
                       n->inputs[i]);
    }
    for (size_t i = 0; i < n->output_n; i++) {
        if (!*n->outputs[i])
            continue;
        n->outputs[i] = graph__name_take(r->g, n->outputs[i]);
        if (!*n->outputs[i])
            return ERR(r->err, ERR_CORRUPT, "%s: the name of its output %zu is too long or in use",
                       r->where, i + 1);
    }
    return 0;
}

static int read_node(struct onnx_reader *r, str_t bytes, size_t index)
{
    struct node n = { 0 };
    struct pb_in in;
    struct pb_field f;
    size_t inputs = 0, outputs = 0, attributes = 0;
    int more = measure_node(r, bytes, &n);
    if (more < 0)
        return more;
    name_node(r, index, &n);
    n.inputs = ARENA_TRY_ARRAY(r->g->arena, n.input_n + 1, const char *);
    n.outputs = ARENA_TRY_ARRAY(r->g->arena, n.output_n + 1, const char *);
    n.attributes = ARENA_TRY_ARRAY(r->g->arena, n.attribute_n + 1, struct attribute);
    if (!n.inputs || !n.outputs || !n.attributes)
        return onnx__no_memory(r);
    pb_in_init(&in, bytes);
    while ((more = onnx__next(r, &in, &f, r->where)) == 1) {
        int rc = 0;
        if (f.number == NODE_INPUT)
            rc = push_name(r, &f, &n.inputs, &inputs);
        else if (f.number == NODE_OUTPUT)
            rc = push_name(r, &f, &n.outputs, &outputs);
        else if (f.number == NODE_ATTRIBUTE)
            rc = onnx__attribute(r, &f, &n.attributes[attributes++]);
        if (rc)
            return rc;
    }
    int rc = check_node(r, &n);
    if (rc)
        return rc;
    if (!*n.name && n.output_n)
        n.name = n.outputs[0];
    r->g->nodes[r->g->node_n++] = n;
    return 0;
}

static int read_constant(struct onnx_reader *r, str_t bytes)
{
    struct tensor *t = &r->g->constants[r->g->constant_n];
    (void)snprintf(r->where, sizeof r->where, "constant %zu", r->g->constant_n + 1);
    int rc = onnx__tensor(r, bytes, t);
    if (rc)
        return rc;
    t->name = graph__name_take(r->g, t->name);
    if (!*t->name)
        return onnx__broken(r, r->where, "its name is missing, too long or in use");
    r->g->constant_n++;
    return 0;
}

/* A map, made on the first name that is in use: a file may name every constant again. */
static int is_constant(struct onnx_reader *r, const char *name)
{
    if (!graph__name_has(r->g, name))
        return 0;
    for (size_t i = 0; r->constants.n == 0 && i < r->g->constant_n; i++)
        IGNORE(map_put(&r->constants, str_of(r->g->constants[i].name), &r->g->constants[i]));
    return map_get(&r->constants, str_of(name)) != NULL;
}

static int read_input(struct onnx_reader *r, str_t bytes)
{
    struct tensor t;
    (void)snprintf(r->where, sizeof r->where, "input %zu", r->g->input_n + 1);
    int rc = onnx__value(r, bytes, &t);
    if (rc)
        return rc;
    if (is_constant(r, t.name))
        return 0; /* files of IR version 3 list constants here as well */
    t.name = graph__name_take(r->g, t.name);
    if (!*t.name)
        return onnx__broken(r, r->where, "its name is missing, too long or in use");
    r->g->inputs[r->g->input_n++] = t;
    return 0;
}

static int read_output(struct onnx_reader *r, str_t bytes)
{
    struct tensor t;
    (void)snprintf(r->where, sizeof r->where, "output %zu", r->g->output_n + 1);
    int rc = onnx__value(r, bytes, &t);
    if (rc)
        return rc;
    if (!graph__name_has(r->g, t.name))
        return ERR(r->err, ERR_CORRUPT, "output '%.100s' is not made by any node", t.name);
    r->g->outputs[r->g->output_n++] = t;
    return 0;
}

static int count_field(struct onnx_reader *r, const struct pb_field *f, struct counts *c)
{
    switch (f->number) {
    case GRAPH_NODE: c->nodes++; break;
    case GRAPH_CONSTANT: c->constants++; break;
    case GRAPH_INPUT: c->inputs++; break;
    case GRAPH_OUTPUT: c->outputs++; break;
    case GRAPH_SPARSE:
        return ERR(r->err, ERR_INVALID,
                   "the model has sparse constants, which Slipway does not read");
    default: return 0;
    }
    if (f->wire != PB_BYTES)
        return onnx__broken(r, "the model", "a part of the graph has the wrong wire type");
    return 0;
}

static int measure_graph(struct onnx_reader *r, str_t bytes)
{
    struct graph *g = r->g;
    struct counts c = { 0 };
    struct pb_in in;
    struct pb_field f;
    int more;
    pb_in_init(&in, bytes);
    while ((more = onnx__next(r, &in, &f, "the graph")) == 1) {
        int rc = count_field(r, &f, &c);
        if (rc == 0 && f.number == GRAPH_NAME)
            rc = onnx__text(r, &f, &g->name);
        if (rc)
            return rc;
    }
    if (more < 0)
        return more;
    if (c.nodes > LIMIT_MODEL_NODES || c.constants > LIMIT_MODEL_NODES)
        return ERR(r->err, ERR_LIMIT, "the model has more than %d nodes or constants",
                   LIMIT_MODEL_NODES);
    if (c.inputs > (size_t)LIMIT_MODEL_COLUMNS + c.constants || c.outputs > LIMIT_MODEL_COLUMNS)
        return ERR(r->err, ERR_LIMIT, "the model has more than %d inputs or outputs",
                   LIMIT_MODEL_COLUMNS);
    g->nodes = ARENA_TRY_ARRAY(g->arena, c.nodes + 1, struct node);
    g->constants = ARENA_TRY_ARRAY(g->arena, c.constants + 1, struct tensor);
    g->inputs = ARENA_TRY_ARRAY(g->arena, c.inputs + 1, struct tensor);
    g->outputs = ARENA_TRY_ARRAY(g->arena, c.outputs + 1, struct tensor);
    g->node_cap = c.nodes;
    g->constant_cap = c.constants;
    g->input_cap = c.inputs;
    g->output_cap = c.outputs;
    return g->nodes && g->constants && g->inputs && g->outputs ? 0 : onnx__no_memory(r);
}

/* One pass a kind: names must be known before they are used, whatever the order in the file. */
static int read_graph(struct onnx_reader *r, str_t bytes)
{
    static const uint32_t passes[] = { GRAPH_CONSTANT, GRAPH_INPUT, GRAPH_NODE, GRAPH_OUTPUT };
    int rc = measure_graph(r, bytes);
    for (size_t p = 0; rc == 0 && p < ARRAY_LEN(passes); p++) {
        struct pb_in in;
        struct pb_field f;
        size_t index = 0;
        pb_in_init(&in, bytes);
        while (rc == 0 && pb_next(&in, &f) == 1) {
            if (f.number != passes[p])
                continue;
            switch (f.number) {
            case GRAPH_CONSTANT: rc = read_constant(r, f.bytes); break;
            case GRAPH_INPUT: rc = read_input(r, f.bytes); break;
            case GRAPH_NODE: rc = read_node(r, f.bytes, index++); break;
            default: rc = read_output(r, f.bytes); break;
            }
        }
    }
    return rc;
}

static int read_model(struct onnx_reader *r, str_t bytes, str_t *out_graph)
{
    struct pb_in in;
    struct pb_field f;
    int more, graphs = 0;
    pb_in_init(&in, bytes);
    while ((more = onnx__next(r, &in, &f, "the file")) == 1) {
        int rc = 0;
        if (f.number == MODEL_IR_VERSION && f.wire == PB_VARINT) {
            r->g->ir_version = pb_int64(&f);
        } else if (f.number == MODEL_GRAPH && f.wire == PB_BYTES) {
            *out_graph = f.bytes;
            graphs++;
        } else if (f.number == MODEL_OPSET && f.wire == PB_BYTES) {
            rc = read_opset(r, f.bytes);
        } else if (f.number == MODEL_PROPERTY && f.wire == PB_BYTES) {
            rc = read_property(r, f.bytes);
        } else if (f.number == MODEL_FUNCTION) {
            rc = ERR(r->err, ERR_INVALID,
                     "the model defines functions of its own, which Slipway does not read");
        }
        if (rc)
            return rc;
    }
    if (more == 0 && graphs != 1)
        return onnx__broken(r, "the file", graphs ? "it has two graphs" : "it has no graph");
    return more;
}

static int check_versions(struct onnx_reader *r)
{
    const struct graph *g = r->g;
    if (g->ir_version < IR_OLDEST || g->ir_version > IR_NEWEST)
        return ERR(r->err, ERR_INVALID,
                   "the model has ONNX IR version %lld; Slipway reads %d to %d",
                   (long long)g->ir_version, IR_OLDEST, IR_NEWEST);
    if (g->opset < OPSET_OLDEST || g->opset > OPSET_NEWEST)
        return ERR(r->err, ERR_INVALID,
                   "the model uses version %lld of the ONNX operators; Slipway reads %d to %d",
                   (long long)g->opset, OPSET_OLDEST, OPSET_NEWEST);
    if (g->ml_opset < 0 || g->ml_opset > ML_OPSET_NEWEST)
        return ERR(r->err, ERR_INVALID,
                   "the model uses version %lld of the ai.onnx.ml operators; Slipway reads 1 to %d",
                   (long long)g->ml_opset, ML_OPSET_NEWEST);
    return 0;
}

int onnx_read(struct arena *a, str_t bytes, struct graph *out, struct err *err)
{
    struct err own = ERR_INIT;
    struct onnx_reader r = { .g = out, .err = err ? err : &own };
    str_t graph = { 0 };
    if (bytes.n > LIMIT_MODEL_FILE)
        return ERR(r.err, ERR_LIMIT, "the model file is larger than %zu MiB",
                   LIMIT_MODEL_FILE >> 20);
    map_init(&r.constants);
    graph_init(out, a, "");
    out->opset = out->ml_opset = out->ir_version = 0;
    int rc = read_model(&r, bytes, &graph);
    if (rc == 0)
        rc = check_versions(&r);
    if (rc == 0)
        rc = read_graph(&r, graph);
    if (a->failed || (rc == 0 && out->failed)) /* whatever it was taken for */
        rc = onnx__no_memory(&r);
    map_fini(&r.constants);
    if (rc == 0 && out->output_n == 0)
        rc = onnx__broken(&r, "the model", "it has no output");
    return rc;
}
