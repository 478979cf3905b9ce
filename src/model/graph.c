/* SPDX-License-Identifier: Apache-2.0
 * Building and looking through a model graph. All memory is the graph's arena; failures stick. */
#include "model/graph_int.h"

#include <stdio.h>

/* Open addressing, never more than half full; names live in the graph's arena. */
struct graph_names {
    const char **slots;
    size_t n, cap;
};

enum { IR_VERSION = 9, OPSET = 20, ML_OPSET = 3 };

static const char *give_up(struct graph *g)
{
    g->failed = 1;
    return "";
}

void *graph__grow(struct graph *g, void **items, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return *items;
    size_t wanted = *cap ? *cap * 2 : 8;
    void *p = arena_try_alloc(g->arena, wanted, size);
    if (!p) {
        g->failed = 1;
        return NULL;
    }
    if (n)
        memcpy(p, *items, n * size);
    *items = p;
    *cap = wanted;
    return p;
}

static uint64_t hash_name(const char *z)
{
    uint64_t h = 0xcbf29ce484222325U;
    for (; *z; z++)
        h = (h ^ (unsigned char)*z) * 0x100000001b3U;
    return h ^ h >> 29;
}

static size_t names_slot(const struct graph_names *s, const char *name)
{
    size_t at = hash_name(name) & (s->cap - 1);
    while (s->slots[at] && strcmp(s->slots[at], name) != 0)
        at = (at + 1) & (s->cap - 1);
    return at;
}

static int names_has(const struct graph_names *s, const char *name)
{
    return s && s->cap && s->slots[names_slot(s, name)] != NULL;
}

int graph__name_has(const struct graph *g, const char *name)
{
    return names_has(g->names, name);
}

static int names_grow(struct graph *g)
{
    struct graph_names *s = g->names, old = *s;
    size_t cap = old.cap ? old.cap * 2 : 64;
    const char **slots = arena_try_alloc(g->arena, cap, sizeof *slots);
    if (!slots)
        return -1;
    s->slots = slots;
    s->cap = cap;
    for (size_t i = 0; i < old.cap; i++) {
        if (old.slots[i])
            s->slots[names_slot(s, old.slots[i])] = old.slots[i];
    }
    return 0;
}

const char *graph__name_take(struct graph *g, const char *name)
{
    struct graph_names *s = g->names;
    if (!name || !*name || strlen(name) > GRAPH_NAME_BYTES || names_has(s, name))
        return give_up(g);
    if (s->n * 2 >= s->cap && names_grow(g) < 0)
        return give_up(g);
    char *copy = arena_strdup(g->arena, name);
    if (!copy)
        return give_up(g);
    s->slots[names_slot(s, copy)] = copy;
    s->n++;
    return copy;
}

static const char *fresh_name(struct graph *g, const char *hint)
{
    char name[GRAPH_NAME_BYTES + 32];
    do {
        (void)snprintf(name, sizeof name, "%.900s_%llu", hint, (unsigned long long)g->next_name++);
    } while (names_has(g->names, name));
    return graph__name_take(g, name);
}

void graph_init(struct graph *g, struct arena *a, const char *name)
{
    *g = (struct graph){
        .arena = a, .opset = OPSET, .ml_opset = ML_OPSET, .ir_version = IR_VERSION
    };
    g->name = arena_strdup(a, name);
    g->names = ARENA_NEW(a, struct graph_names);
    if (!g->name)
        g->name = give_up(g);
}

static struct tensor *add_tensor(struct graph *g, struct tensor **list, size_t *n, size_t *cap)
{
    void *items = *list;
    if (!graph__grow(g, &items, *n, cap, sizeof **list))
        return NULL;
    *list = items;
    return &(*list)[(*n)++];
}

const char *graph_input(struct graph *g, const char *name, enum tensor_type type, int64_t width)
{
    const char *own = graph__name_take(g, name);
    struct tensor *t = *own ? add_tensor(g, &g->inputs, &g->input_n, &g->input_cap) : NULL;
    if (!t)
        return give_up(g);
    *t = (struct tensor){ .name = own, .type = type, .dims = { -1, width }, .rank = width ? 2 : 1 };
    return own;
}

void graph_output(struct graph *g, const char *name, enum tensor_type type, int64_t width)
{
    const char *copy = names_has(g->names, name) ? arena_strdup(g->arena, name) : NULL;
    struct tensor *t = copy ? add_tensor(g, &g->outputs, &g->output_n, &g->output_cap) : NULL;
    if (!t) {
        g->failed = 1;
        return;
    }
    *t = (struct tensor){ .name = copy, .type = type, .dims = { -1, width }, .rank = 2 };
}

/* Copies n elements into the arena; n = 0 gives a pointer all the same. */
static void *copy_items(struct graph *g, const void *v, size_t n, size_t size)
{
    void *p = arena_try_alloc(g->arena, MAX(n, (size_t)1), size);
    if (!p)
        g->failed = 1;
    else if (n)
        memcpy(p, v, n * size);
    return p;
}

static str_t *copy_strings(struct graph *g, const str_t *v, size_t n)
{
    size_t total = 1;
    for (size_t i = 0; i < n; i++)
        total += v[i].n;
    str_t *out = copy_items(g, v, n, sizeof *v);
    char *bytes = arena_try_alloc(g->arena, total, 1);
    if (!out || !bytes) {
        g->failed = 1;
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        if (v[i].n)
            memcpy(bytes, v[i].p, v[i].n);
        out[i].p = bytes;
        bytes += v[i].n;
    }
    return out;
}

static struct tensor *add_constant(struct graph *g, const char *hint, struct tensor t)
{
    t.name = fresh_name(g, hint);
    struct tensor *own =
        *t.name ? add_tensor(g, &g->constants, &g->constant_n, &g->constant_cap) : NULL;
    if (!own)
        g->failed = 1;
    else
        *own = t;
    return own;
}

const char *graph_const_doubles(struct graph *g, const char *hint, const double *v, int rank,
                                const int64_t *dims)
{
    struct tensor t = { .type = TENSOR_DOUBLE, .rank = rank, .count = 1 };
    if (rank < 0 || rank > TENSOR_RANK_MAX)
        return give_up(g);
    for (int i = 0; i < rank; i++) {
        t.dims[i] = dims[i];
        if (dims[i] < 0 || __builtin_mul_overflow(t.count, (size_t)dims[i], &t.count))
            return give_up(g);
    }
    t.doubles = copy_items(g, v, t.count, sizeof *v);
    struct tensor *own = t.doubles ? add_constant(g, hint, t) : NULL;
    return own ? own->name : "";
}

const char *graph_const_double(struct graph *g, const char *hint, double v)
{
    return graph_const_doubles(g, hint, &v, 0, NULL);
}

const char *graph_const_string(struct graph *g, const char *hint, str_t v)
{
    struct tensor t = {
        .type = TENSOR_STRING, .rank = 0, .count = 1, .strings = copy_strings(g, &v, 1)
    };
    struct tensor *own = t.strings ? add_constant(g, hint, t) : NULL;
    return own ? own->name : "";
}

const char *graph_const_ints(struct graph *g, const char *hint, const int64_t *v, size_t n)
{
    struct tensor t = { .type = TENSOR_INT64, .rank = 1, .dims = { (int64_t)n }, .count = n };
    t.ints = copy_items(g, v, n, sizeof *v);
    struct tensor *own = t.ints ? add_constant(g, hint, t) : NULL;
    return own ? own->name : "";
}

static const char *add_node(struct graph *g, struct node n, const char *const *inputs)
{
    void *items = g->nodes;
    while (inputs[n.input_n])
        n.input_n++;
    const char **names = copy_items(g, inputs, n.input_n, sizeof *names);
    const char **output = copy_items(g, &n.name, 1, sizeof *output);
    n.op = arena_strdup(g->arena, n.op);
    n.domain = arena_strdup(g->arena, n.domain);
    if (!names || !output || !n.op || !n.domain || !*n.name)
        return give_up(g);
    for (size_t i = 0; i < n.input_n; i++) {
        names[i] = arena_strdup(g->arena, inputs[i]);
        if (!names[i] || (*inputs[i] && !names_has(g->names, inputs[i])))
            return give_up(g);
    }
    n.inputs = names;
    n.outputs = output;
    n.output_n = 1;
    if (!graph__grow(g, &items, g->node_n, &g->node_cap, sizeof n))
        return "";
    g->nodes = items;
    g->nodes[g->node_n++] = n;
    return n.name;
}

const char *graph_node(struct graph *g, const char *op, const char *domain, const char *hint,
                       const char *const *inputs)
{
    return add_node(g, (struct node){ .name = fresh_name(g, hint), .op = op, .domain = domain },
                    inputs);
}

const char *graph_node_as(struct graph *g, const char *op, const char *domain, const char *output,
                          const char *const *inputs)
{
    return add_node(
        g, (struct node){ .name = graph__name_take(g, output), .op = op, .domain = domain },
        inputs);
}

static void add_attribute(struct graph *g, struct attribute a)
{
    if (!g->node_n) {
        g->failed = 1;
        return;
    }
    struct node *n = &g->nodes[g->node_n - 1];
    struct attribute *list = arena_try_alloc(g->arena, n->attribute_n + 1, sizeof *list);
    a.name = arena_strdup(g->arena, a.name);
    if (!list || !a.name) {
        g->failed = 1;
        return;
    }
    if (n->attribute_n)
        memcpy(list, n->attributes, n->attribute_n * sizeof *list);
    list[n->attribute_n++] = a;
    n->attributes = list;
}

void graph_attr_int(struct graph *g, const char *name, int64_t v)
{
    add_attribute(g, (struct attribute){ .name = name, .kind = ATTR_INT, .integer = v });
}

void graph_attr_ints(struct graph *g, const char *name, const int64_t *v, size_t n)
{
    add_attribute(
        g, (struct attribute){
               .name = name, .kind = ATTR_INTS, .ints = copy_items(g, v, n, sizeof *v), .n = n });
}

void graph_attr_strings(struct graph *g, const char *name, const str_t *v, size_t n)
{
    add_attribute(
        g, (struct attribute){
               .name = name, .kind = ATTR_STRINGS, .strings = copy_strings(g, v, n), .n = n });
}

void graph_attr_string(struct graph *g, const char *name, str_t v)
{
    const str_t *own = copy_strings(g, &v, 1);
    if (own)
        add_attribute(g, (struct attribute){ .name = name, .kind = ATTR_STRING, .string = *own });
}

void graph_attr_float(struct graph *g, const char *name, double v)
{
    add_attribute(
        g, (struct attribute){ .name = name, .kind = ATTR_FLOAT, .number = (double)(float)v });
}

void graph_attr_floats(struct graph *g, const char *name, const double *v, size_t n)
{
    double *own = copy_items(g, v, n, sizeof *v);
    for (size_t i = 0; own && i < n; i++)
        own[i] = (double)(float)own[i];
    add_attribute(g,
                  (struct attribute){ .name = name, .kind = ATTR_FLOATS, .numbers = own, .n = n });
}

void graph_property(struct graph *g, const char *key, const char *value)
{
    void *items = g->properties;
    struct graph_property p = { arena_strdup(g->arena, key), arena_strdup(g->arena, value) };
    if (!p.key || !p.value) {
        g->failed = 1;
        return;
    }
    for (size_t i = 0; i < g->property_n; i++) {
        if (strcmp(g->properties[i].key, key) == 0) {
            g->properties[i] = p;
            return;
        }
    }
    if (!graph__grow(g, &items, g->property_n, &g->property_cap, sizeof p))
        return;
    g->properties = items;
    g->properties[g->property_n++] = p;
}

static const struct tensor *find_tensor(const struct tensor *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(list[i].name, name) == 0)
            return &list[i];
    }
    return NULL;
}

const struct tensor *graph_find_input(const struct graph *g, const char *name)
{
    return find_tensor(g->inputs, g->input_n, name);
}

const struct tensor *graph_find_constant(const struct graph *g, const char *name)
{
    return find_tensor(g->constants, g->constant_n, name);
}

const struct node *graph_find_node(const struct graph *g, const char *value)
{
    for (size_t i = g->node_n; i-- > 0;) {
        const struct node *n = &g->nodes[i];
        for (size_t k = 0; k < n->output_n; k++)
            if (strcmp(n->outputs[k], value) == 0)
                return n;
    }
    return NULL;
}

const char *graph_find_property(const struct graph *g, const char *key)
{
    for (size_t i = 0; i < g->property_n; i++) {
        if (strcmp(g->properties[i].key, key) == 0)
            return g->properties[i].value;
    }
    return NULL;
}

const struct attribute *node_attribute(const struct node *n, const char *name)
{
    for (size_t i = 0; i < n->attribute_n; i++) {
        if (strcmp(n->attributes[i].name, name) == 0)
            return &n->attributes[i];
    }
    return NULL;
}

const char *tensor_type_name(enum tensor_type t)
{
    switch (t) {
    case TENSOR_FLOAT: return "float";
    case TENSOR_INT32: return "int32";
    case TENSOR_INT64: return "int64";
    case TENSOR_STRING: return "string";
    case TENSOR_BOOL: return "bool";
    case TENSOR_DOUBLE: return "double";
    }
    return "unknown";
}
