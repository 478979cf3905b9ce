/* SPDX-License-Identifier: Apache-2.0
 * Making and freeing predictors, and what they say about themselves. After program_compile returns,
 * nothing of the graph is referred to any more. */
#include "infer/program.h"

#include "base/limits.h"
#include "codec/json.h"

#include <stdio.h>

enum { DESCRIBED_MAX = 500 };

static const char *const op_names[OP_N] = {
    [OP_CONST] = "constant",
    [OP_CONST_TEXT] = "constant text",
    [OP_PICK] = "pick",
    [OP_PICK_TEXT] = "pick text",
    [OP_NEG] = "-x",
    [OP_ABS] = "abs",
    [OP_EXP] = "exp",
    [OP_LOG] = "log",
    [OP_SQRT] = "sqrt",
    [OP_FLOOR] = "floor",
    [OP_CEIL] = "ceil",
    [OP_ROUND] = "round",
    [OP_SIGN] = "sign",
    [OP_SIGMOID] = "sigmoid",
    [OP_TANH] = "tanh",
    [OP_NOT] = "not",
    [OP_ISNAN] = "isnan",
    [OP_ISINF] = "isinf",
    [OP_TO_FLOAT] = "to float",
    [OP_TO_INT] = "to int",
    [OP_TO_BOOL] = "to bool",
    [OP_ADD] = "x + y",
    [OP_SUB] = "x - y",
    [OP_MUL] = "x * y",
    [OP_DIV] = "x / y",
    [OP_ADD_K] = "x + k",
    [OP_SUB_K] = "x - k",
    [OP_MUL_K] = "x * k",
    [OP_DIV_K] = "x / k",
    [OP_K_SUB] = "k - x",
    [OP_K_DIV] = "k / x",
    [OP_INT_DIV] = "whole x / y",
    [OP_INT_MOD] = "whole x mod y",
    [OP_FMOD] = "fmod",
    [OP_POW] = "pow",
    [OP_MIN] = "min",
    [OP_MAX] = "max",
    [OP_EQ] = "x = y",
    [OP_LT] = "x < y",
    [OP_LE] = "x <= y",
    [OP_AND] = "and",
    [OP_OR] = "or",
    [OP_XOR] = "xor",
    [OP_EQ_K] = "x = k",
    [OP_LT_K] = "x < k",
    [OP_LE_K] = "x <= k",
    [OP_K_LT] = "k < x",
    [OP_K_LE] = "k <= x",
    [OP_WHERE] = "x ? y : z",
    [OP_WHERE_KY] = "x ? k : y",
    [OP_WHERE_YK] = "x ? y : k",
    [OP_FILL] = "missing to k",
    [OP_SCALE] = "(x - k) / k",
    [OP_FILL_SCALE] = "missing to k, (x - k) / k",
    [OP_MAC] = "x + y * k",
    [OP_MAC4] = "x + 4 * (y * k)",
    [OP_MAC_TABLE] = "x + table[y]",
    [OP_TABLE] = "table[x]",
    [OP_TABLE_TEXT] = "text table[x]",
    [OP_FIND_NUMBER] = "find number",
    [OP_FIND_TEXT] = "find text",
    [OP_SAME_TEXT] = "same text",
    [OP_SAME_TEXT_K] = "same text as k",
    [OP_WHERE_TEXT] = "x ? text : text",
};

static int compiler_init(struct compiler *c, const struct graph *g, struct predictor *p,
                         struct err *err)
{
    *c = (struct compiler){ .g = g, .arena = &p->arena, .err = err };
    arena_init(&c->work, LIMIT_MODEL_WORK);
    map_init(&c->values);
    if (g->failed)
        return ERR(err, ERR_INTERNAL, "the model graph '%s' could not be built", g->name);
    if (g->input_n > LIMIT_MODEL_COLUMNS)
        return ERR(err, ERR_LIMIT, "the model has more than %d inputs", LIMIT_MODEL_COLUMNS);
    return 0;
}

static void compiler_fini(struct compiler *c)
{
    mem_free(c->defs);
    mem_free(c->buckets);
    map_fini(&c->values);
    arena_fini(&c->work);
}

static int describe_inputs(struct predictor *p, const struct graph *g, struct err *err)
{
    p->inputs = ARENA_TRY_ARRAY(&p->arena, g->input_n + 1, struct predictor_input);
    if (!p->inputs)
        return ERR(err, ERR_LIMIT, "the model needs too much memory");
    p->input_n = g->input_n;
    for (size_t i = 0; i < g->input_n; i++) {
        const struct tensor *t = &g->inputs[i];
        p->inputs[i] = (struct predictor_input){ arena_strdup(&p->arena, t->name), t->type,
                                                 t->rank == 2 ? t->dims[1] : 1 };
        if (!p->inputs[i].name)
            return ERR(err, ERR_LIMIT, "the model needs too much memory");
        IGNORE(map_put(&p->input_names, str_of(p->inputs[i].name), &p->inputs[i]));
    }
    return 0;
}

static int find_outputs(struct compiler *c, struct predictor *p, const char *const *names, size_t n,
                        const struct value **out)
{
    p->outputs = ARENA_TRY_ARRAY(&p->arena, n + 1, struct predictor_input);
    if (!p->outputs)
        return ERR(c->err, ERR_LIMIT, "the model needs too much memory");
    for (size_t i = 0; i < n; i++) {
        struct value *v = map_get(&c->values, str_of(names[i]));
        if (!v)
            return ERR(c->err, ERR_INVALID, "the model has no value '%.100s'", names[i]);
        if (!v->rows || v->width == 0)
            return ERR(c->err, ERR_INVALID, "the value '%.100s' does not depend on the rows",
                       names[i]);
        out[i] = v;
        p->outputs[i] = (struct predictor_input){ arena_strdup(&p->arena, names[i]), v->type,
                                                  (int64_t)v->width };
        if (!p->outputs[i].name)
            return ERR(c->err, ERR_LIMIT, "the model needs too much memory");
    }
    p->output_n = n;
    return 0;
}

static int compile_into(struct predictor *p, const struct graph *g, const char *const *names,
                        size_t n, struct err *err)
{
    struct compiler c;
    int rc = compiler_init(&c, g, p, err);
    const struct value **outputs =
        rc == 0 ? ARENA_TRY_ARRAY(&c.work, n + 1, const struct value *) : NULL;
    if (rc == 0 && !outputs)
        rc = ERR(err, ERR_LIMIT, "the model needs too much memory");
    if (rc == 0)
        rc = describe_inputs(p, g, err);
    if (rc == 0)
        rc = lower_graph(&c, names, n);
    if (rc == 0)
        rc = find_outputs(&c, p, names, n, outputs);
    if (rc == 0)
        rc = plan_program(&c, p, outputs);
    compiler_fini(&c);
    return rc;
}

int program_compile(const struct graph *g, const char *const *values, size_t n,
                    struct predictor **out, struct err *err)
{
    struct err own = ERR_INIT;
    struct predictor *p = mem_alloc(sizeof *p);
    p->magic = PREDICTOR_MAGIC;
    arena_init(&p->arena, LIMIT_MODEL_WORK);
    map_init(&p->input_names);
    p->node_n = g->node_n;
    int rc = compile_into(p, g, values, n, err ? err : &own);
    if (rc)
        predictor_free(p);
    else
        *out = p;
    return rc;
}

int predictor_compile(const struct graph *g, struct predictor **out, struct err *err)
{
    struct arena a;
    struct predictor *p = NULL;
    arena_init(&a, MIB(64));
    const char **names = ARENA_TRY_ARRAY(&a, g->output_n + 1, const char *);
    int rc = names ? 0 : ERR(err, ERR_LIMIT, "the model has too many outputs");
    for (size_t i = 0; rc == 0 && i < g->output_n; i++)
        names[i] = g->outputs[i].name;
    if (rc == 0)
        rc = program_compile(g, names, g->output_n, &p, err);
    for (size_t i = 0; rc == 0 && i < g->output_n; i++) {
        /* The computed type: what the file declares may be wrong. */
        if (p->outputs[i].type == TENSOR_STRING)
            rc = ERR(err, ERR_INVALID, "output '%.100s' is a string; only numbers can be served",
                     names[i]);
    }
    if (rc)
        predictor_free(p);
    else
        *out = p;
    arena_fini(&a);
    return rc;
}

int predictor_load(str_t onnx_bytes, struct predictor **out, struct err *err)
{
    struct arena a;
    struct graph g;
    arena_init(&a, LIMIT_MODEL_WORK);
    int rc = onnx_read(&a, onnx_bytes, &g, err);
    if (rc == 0)
        rc = predictor_compile(&g, out, err);
    if (rc == 0)
        (*out)->onnx_bytes = onnx_bytes.n;
    arena_fini(&a);
    return rc;
}

void predictor_free(struct predictor *p)
{
    if (!p)
        return;
    ASSERT(p->magic == PREDICTOR_MAGIC);
    map_fini(&p->input_names);
    arena_fini(&p->arena);
    p->magic = 0;
    mem_free(p);
}

size_t predictor_inputs(const struct predictor *p, const struct predictor_input **out)
{
    *out = p->inputs;
    return p->input_n;
}

size_t predictor_outputs(const struct predictor *p, const struct predictor_input **out)
{
    *out = p->outputs;
    return p->output_n;
}

size_t predictor_input_index(const struct predictor *p, str_t name)
{
    return map_find(&p->input_names, name);
}

static void describe_columns(struct json_out *o, const char *key,
                             const struct predictor_input *list, size_t n)
{
    jo_key(o, key);
    jo_array(o);
    for (size_t i = 0; i < n; i++) {
        jo_object(o);
        jo_kv_cstr(o, "name", list[i].name);
        jo_kv_cstr(o, "type", tensor_type_name(list[i].type));
        jo_kv_int(o, "width", list[i].width);
        jo_object_end(o);
    }
    jo_array_end(o);
}

static void describe_insn(struct json_out *o, const struct insn *i, uint32_t arg_n)
{
    char text[512];
    int n = snprintf(text, sizeof text, "%u <- %s", i->dst,
                     op_names[i->code] ? op_names[i->code] : "?");
    for (uint32_t j = 0; j < arg_n && n > 0 && n < 300; j++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%s%u", j ? " " : " of ", i->args[j]);
    if (n > 0 && n < 400 && i->node && *i->node)
        (void)snprintf(text + n, sizeof text - (size_t)n, " [%.80s]", i->node);
    jo_cstr(o, text);
}

/* Unused args are slot 0, which is never an operand. */
static uint32_t args_of(const struct insn *i)
{
    uint32_t n = 0;
    while (n < ARGS_MAX && i->args[n])
        n++;
    return n;
}

void predictor_describe(const struct predictor *p, struct buf *out_json)
{
    struct json_out o;
    json_out_init(&o, out_json);
    jo_object(&o);
    jo_kv_cstr(&o, "kind", "native");
    jo_kv_cstr(&o, "instruction_set", p->instruction_set);
    jo_kv_int(&o, "nodes", (int64_t)p->node_n);
    jo_kv_int(&o, "onnx_bytes", (int64_t)p->onnx_bytes);
    jo_kv_int(&o, "memory_bytes", (int64_t)p->arena.used_bytes);
    jo_kv_int(&o, "block_rows", (int64_t)p->block_rows);
    jo_kv_int(&o, "workspace_bytes", (int64_t)predictor_workspace_bytes(p, p->block_rows));
    describe_columns(&o, "inputs", p->inputs, p->input_n);
    describe_columns(&o, "outputs", p->outputs, p->output_n);
    jo_kv_int(&o, "op_count", (int64_t)(p->prologue_n + p->insn_n));
    jo_key(&o, "ops");
    jo_array(&o);
    for (size_t i = 0; i < p->insn_n && i < DESCRIBED_MAX; i++)
        describe_insn(&o, &p->insns[i], args_of(&p->insns[i]));
    jo_array_end(&o);
    jo_object_end(&o);
}
