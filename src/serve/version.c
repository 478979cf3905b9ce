/* SPDX-License-Identifier: Apache-2.0
 * One loaded model version: predictor, signature, and the trial run of its input example. Immutable
 * once loaded. */
#include "serve/serve_int.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "codec/json.h"

static int signature_type(const char *text, enum serve_type *out)
{
    static const struct {
        const char *name;
        enum serve_type type;
    } types[] = { { "double", SERVE_DOUBLE },   { "float", SERVE_DOUBLE },
                  { "datetime", SERVE_DOUBLE }, { "long", SERVE_LONG },
                  { "integer", SERVE_LONG },    { "boolean", SERVE_BOOLEAN },
                  { "string", SERVE_STRING } };
    for (size_t i = 0; text && i < ARRAY_LEN(types); i++) {
        if (strcmp(types[i].name, text) == 0) {
            *out = types[i].type;
            return 0;
        }
    }
    return -1;
}

static enum serve_type graph_type(enum tensor_type t)
{
    return t == TENSOR_STRING                       ? SERVE_STRING
           : t == TENSOR_BOOL                       ? SERVE_BOOLEAN
           : t == TENSOR_INT64 || t == TENSOR_INT32 ? SERVE_LONG
                                                    : SERVE_DOUBLE;
}

/* Ties a column to the graph's input of the same name. */
static int bind_column(struct serve_version *v, struct serve_column *c, struct err *err)
{
    const struct predictor_input *inputs;
    (void)predictor_inputs(v->predictor, &inputs);
    c->input = predictor_input_index(v->predictor, c->name);
    if (c->input == SIZE_MAX)
        return ERR(err, ERR_CORRUPT,
                   "the signature names the column '%.*s' but the model has no such input",
                   STR_ARG(c->name));
    const struct predictor_input *in = &inputs[c->input];
    if (in->width != 1)
        return ERR(err, ERR_INVALID, "input '%s' is %lld wide; only single columns can be served",
                   in->name, (long long)in->width);
    if ((in->type == TENSOR_STRING) != (c->type == SERVE_STRING))
        return ERR(err, ERR_CORRUPT, "column '%s' is %s in the model and not in the signature",
                   in->name, in->type == TENSOR_STRING ? "a string" : "a number");
    c->may_miss =
        in->type == TENSOR_DOUBLE || in->type == TENSOR_FLOAT || in->type == TENSOR_STRING;
    return 0;
}

static int read_signature(struct serve_version *v, const char *text, struct err *err)
{
    struct json doc;
    int rc = json_parse(&v->arena, str_of(text), NULL, &doc, err);
    const struct json *inputs = rc ? NULL : json_get(&doc, "inputs");
    if (rc)
        return err_prefix(err, rc, "the signature of the model");
    if (!inputs || inputs->type != JSON_ARRAY || inputs->n != v->input_n)
        return ERR(err, ERR_CORRUPT, "the signature lists %zu inputs and the model takes %zu",
                   inputs ? inputs->n : 0, v->input_n);
    for (size_t i = 0; i < inputs->n && !rc; i++) {
        struct serve_column *c = &v->columns[i];
        const char *name = json_get_string(&inputs->items[i], "name", NULL);
        const char *type = json_get_string(&inputs->items[i], "type", NULL);
        if (!name || signature_type(type, &c->type))
            return ERR(err, ERR_CORRUPT,
                       "input %zu of the signature has no name or the unknown type '%s'", i,
                       type ? type : "");
        c->name = str_of(name);
        c->required = json_get_bool(&inputs->items[i], "required", 1);
        rc = bind_column(v, c, err);
    }
    return rc;
}

static int take_graph_inputs(struct serve_version *v, struct err *err)
{
    const struct predictor_input *inputs;
    int rc = 0;
    (void)predictor_inputs(v->predictor, &inputs);
    for (size_t i = 0; i < v->input_n && !rc; i++) {
        v->columns[i] = (struct serve_column){ .name = str_of(inputs[i].name),
                                               .required = 1,
                                               .type = graph_type(inputs[i].type) };
        rc = bind_column(v, &v->columns[i], err);
    }
    return rc;
}

/* Look-up by name, names for messages, layout of an input row. */
static int index_columns(struct serve_version *v, struct err *err)
{
    enum { TEXT_MAX = 400 };
    struct buf text;
    buf_init(&text, TEXT_MAX * 2);
    for (size_t i = 0; i < v->column_n; i++) {
        str_t name = v->columns[i].name;
        if (map_get(&v->by_name, name)) {
            buf_fini(&text);
            return ERR(err, ERR_CORRUPT, "the signature names the column '%.*s' twice",
                       STR_ARG(name));
        }
        (void)map_put(&v->by_name, name, (void *)(uintptr_t)(i + 1));
        v->names[i] = arena_strndup(&v->arena, name.p, name.n);
        v->offsets[i] = v->row_words;
        v->row_words += v->columns[i].type == SERVE_STRING ? 2 : 1;
        if (text.n < TEXT_MAX)
            buf_printf(&text, "%s%.*s", i ? ", " : "", (int)MIN(name.n, (size_t)100), name.p);
        else if (!str_ends(buf_view(&text), "…"))
            buf_puts(&text, ", …");
    }
    v->names_text = arena_strndup(&v->arena, text.p ? text.p : "", text.n);
    buf_fini(&text);
    return v->arena.failed ? ERR(err, ERR_NOMEM, "not enough memory for the signature") : 0;
}

static int take_outputs(struct serve_version *v, struct err *err)
{
    const struct predictor_input *outputs;
    v->output_n = predictor_outputs(v->predictor, &outputs);
    if (v->output_n == 0)
        return ERR(err, ERR_CORRUPT, "the model has no numeric output");
    v->outputs = ARENA_TRY_ARRAY(&v->arena, v->output_n, struct serve_output);
    if (!v->outputs)
        return ERR(err, ERR_LIMIT, "the model has too many outputs: %zu", v->output_n);
    for (size_t i = 0; i < v->output_n; i++) {
        v->outputs[i] = (struct serve_output){ outputs[i].name, (size_t)MAX(outputs[i].width, 1) };
        v->output_width += v->outputs[i].width;
    }
    return 0;
}

/* The model must answer for its own example before anybody else asks. */
static int try_example(const struct serve_version *v, const char *example, struct err *err)
{
    struct buf body;
    struct arena a;
    buf_init(&body, LIMIT_BODY_PREDICT);
    arena_init(&a, LIMIT_ARENA_REQUEST);
    buf_printf(&body, "{\"instances\":[%s]}", example);
    struct serve_call c = { .body = buf_view(&body), .arena = &a, .dataframes = 1 };
    int rc = serve__run(&c, v, err);
    if (rc)
        (void)err_prefix(err, rc, "the model does not answer for its own input example");
    arena_fini(&a);
    buf_fini(&body);
    return rc;
}

int serve_version_load(const struct serve_spec *spec, struct serve_version **out, struct err *err)
{
    struct serve_version *v = mem_alloc(sizeof *v);
    v->magic = VERSION_MAGIC;
    arena_init(&v->arena, MIB(64));
    map_init(&v->by_name);
    v->model = arena_strdup(&v->arena, spec->model);
    v->version = arena_strdup(&v->arena, spec->version);
    v->digest = arena_strdup(&v->arena, spec->digest ? spec->digest : "");
    v->loaded_ms = clock_now_ms();
    int rc = predictor_load(spec->onnx, &v->predictor, err);
    if (!rc) {
        const struct predictor_input *inputs;
        v->input_n = v->column_n = predictor_inputs(v->predictor, &inputs);
        v->columns = ARENA_TRY_ARRAY(&v->arena, v->column_n, struct serve_column);
        v->names = ARENA_TRY_ARRAY(&v->arena, v->column_n, const char *);
        v->offsets = ARENA_TRY_ARRAY(&v->arena, v->column_n, size_t);
        if (v->column_n > LIMIT_MODEL_COLUMNS || !v->columns || !v->names || !v->offsets)
            rc = ERR(err, ERR_LIMIT, "the model has %zu inputs, more than %d", v->column_n,
                     LIMIT_MODEL_COLUMNS);
    }
    if (!rc)
        rc = spec->signature ? read_signature(v, spec->signature, err) : take_graph_inputs(v, err);
    if (!rc)
        rc = index_columns(v, err);
    if (!rc)
        rc = take_outputs(v, err);
    if (!rc)
        rc = watch__layout_make(v, spec, &v->layout, err);
    if (!rc && spec->input_example)
        rc = try_example(v, spec->input_example, err);
    if (rc) {
        serve_version_free(v);
        return rc;
    }
    *out = v;
    return 0;
}

void serve_version_free(struct serve_version *v)
{
    if (!v)
        return;
    ASSERT(v->magic == VERSION_MAGIC && v->refs == 0);
    watch__layout_unref(v->layout);
    predictor_free(v->predictor);
    map_fini(&v->by_name);
    arena_fini(&v->arena);
    v->magic = 0;
    mem_free(v);
}

size_t serve_version_columns(const struct serve_version *v, const struct serve_column **out)
{
    *out = v->columns;
    return v->column_n;
}
