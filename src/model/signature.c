/* SPDX-License-Identifier: Apache-2.0
 * Signatures: from graphs, to and from JSON. Pure functions; any thread. */
#include "model/signature.h"

#include "base/map.h"
#include "model/ascii.h"

static const struct {
    const char *name;
    enum signature_type type;
    enum tensor_type tensor;
} types[] = {
    { "boolean", SIGNATURE_BOOLEAN, TENSOR_BOOL }, { "integer", SIGNATURE_INTEGER, TENSOR_INT32 },
    { "long", SIGNATURE_LONG, TENSOR_INT64 },      { "float", SIGNATURE_FLOAT, TENSOR_FLOAT },
    { "double", SIGNATURE_DOUBLE, TENSOR_DOUBLE }, { "string", SIGNATURE_STRING, TENSOR_STRING },
};

const char *signature_type_name(enum signature_type t)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (types[i].type == t)
            return types[i].name;
    }
    return "unknown";
}

int signature_type_of(const char *name, enum signature_type *out, struct err *err)
{
    for (size_t i = 0; name && i < ARRAY_LEN(types); i++) {
        if (strcmp(types[i].name, name) == 0) {
            *out = types[i].type;
            return 0;
        }
    }
    return ERR(err, ERR_INVALID,
               "'%.60s' is no type of a column; there are boolean, integer, long, float, double "
               "and string",
               name ? name : "");
}

static enum signature_type of_tensor(enum tensor_type t)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (types[i].tensor == t)
            return types[i].type;
    }
    return SIGNATURE_DOUBLE;
}

static int columns_of(struct arena *a, const struct tensor *t, size_t n,
                      struct signature_column **out, struct err *err)
{
    struct signature_column *list = ARENA_TRY_ARRAY(a, n + 1, struct signature_column);
    if (!list)
        return ERR(err, ERR_LIMIT, "the signature needs too much memory");
    for (size_t i = 0; i < n; i++)
        list[i] = (struct signature_column){ arena_strdup(a, t[i].name), of_tensor(t[i].type), 1 };
    *out = list;
    return a->failed ? ERR(err, ERR_LIMIT, "the signature needs too much memory") : 0;
}

int signature_of_graph(struct arena *a, const struct graph *g, struct signature *out,
                       struct err *err)
{
    struct signature s = { .input_n = g->input_n, .output_n = g->output_n };
    for (size_t i = 0; i < g->input_n; i++) {
        const struct tensor *t = &g->inputs[i];
        if (t->rank < 1 || (t->rank == 2 && t->dims[1] != 1) || t->rank > 2)
            return ERR(err, ERR_INVALID,
                       "input '%.100s' is not a single column, so that it has no column schema",
                       t->name);
    }
    int rc = columns_of(a, g->inputs, g->input_n, &s.inputs, err);
    if (rc == 0)
        rc = columns_of(a, g->outputs, g->output_n, &s.outputs, err);
    if (rc == 0)
        *out = s;
    return rc;
}

static int check_list(const struct signature_column *columns, size_t n, const struct tensor *t,
                      size_t tensor_n, struct err *err)
{
    struct map names;
    int rc = 0;
    map_init(&names);
    for (size_t i = 0; i < tensor_n; i++)
        IGNORE(map_put(&names, str_of(t[i].name), (void *)(uintptr_t)&t[i]));
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const struct tensor *found = map_get(&names, str_of(columns[i].name));
        if (!found)
            rc = ERR(err, ERR_INVALID,
                     "the signature names '%.100s', but the model has no such value",
                     columns[i].name);
        else if (of_tensor(found->type) != columns[i].type)
            rc = ERR(err, ERR_INVALID, "'%.100s' is %s in the signature and %s in the model",
                     columns[i].name, signature_type_name(columns[i].type),
                     tensor_type_name(found->type));
    }
    if (rc == 0 && n != tensor_n)
        rc = ERR(err, ERR_INVALID, "the signature has %zu columns where the model has %zu", n,
                 tensor_n);
    map_fini(&names);
    return rc;
}

int signature_check(const struct signature *s, const struct graph *g, struct err *err)
{
    int rc = check_list(s->inputs, s->input_n, g->inputs, g->input_n, err);
    return rc ? rc : check_list(s->outputs, s->output_n, g->outputs, g->output_n, err);
}

static void write_list(struct json_out *o, const char *key, const struct signature_column *c,
                       size_t n, int with_required)
{
    jo_key(o, key);
    jo_array(o);
    for (size_t i = 0; i < n; i++) {
        jo_object(o);
        jo_kv_cstr(o, "name", c[i].name);
        jo_kv_cstr(o, "type", signature_type_name(c[i].type));
        if (with_required)
            jo_kv_bool(o, "required", c[i].required);
        jo_object_end(o);
    }
    jo_array_end(o);
}

void signature_write(const struct signature *s, struct json_out *o)
{
    jo_object(o);
    write_list(o, "inputs", s->inputs, s->input_n, 1);
    write_list(o, "outputs", s->outputs, s->output_n, 0);
    jo_object_end(o);
}

void signature_write_columns(const struct signature_column *columns, size_t n, struct buf *out)
{
    struct buf raw;
    struct json_out o;
    buf_init(&raw, out->max_bytes);
    json_out_init(&o, &raw);
    jo_array(&o);
    for (size_t i = 0; i < n; i++) {
        jo_object(&o);
        jo_kv_cstr(&o, "type", signature_type_name(columns[i].type));
        jo_kv_cstr(&o, "name", columns[i].name);
        jo_kv_bool(&o, "required", columns[i].required);
        jo_object_end(&o);
    }
    jo_array_end(&o);
    json_to_ascii(buf_view(&raw), out);
    out->failed |= raw.failed;
    buf_fini(&raw);
}

static int read_column(struct arena *a, const struct json *v, struct signature_column *out,
                       struct err *err)
{
    const char *name = json_get_string(v, "name", NULL), *type = json_get_string(v, "type", NULL);
    if (!name || !*name)
        return ERR(err, ERR_INVALID, "a column of the signature has no name");
    int rc = signature_type_of(type, &out->type, err);
    if (rc)
        return err_prefix(err, rc, "column '%.100s' of the signature", name);
    out->name = arena_strdup(a, name);
    out->required = json_get_bool(v, "required", 1);
    return out->name ? 0 : ERR(err, ERR_LIMIT, "the signature needs too much memory");
}

static int read_list(struct arena *a, const struct json *v, struct signature_column **out,
                     size_t *out_n, struct err *err)
{
    struct json inner;
    if (v && v->type == JSON_STRING) {
        int rc = json_parse(a, v->string, NULL, &inner, err);
        if (rc)
            return rc;
        v = &inner;
    }
    if (!v || v->type == JSON_NULL)
        return 0;
    if (v->type != JSON_ARRAY)
        return ERR(err, ERR_INVALID, "the signature's columns are not a list");
    *out = ARENA_TRY_ARRAY(a, v->n + 1, struct signature_column);
    if (!*out)
        return ERR(err, ERR_LIMIT, "the signature needs too much memory");
    for (size_t i = 0; i < v->n; i++) {
        int rc = read_column(a, &v->items[i], &(*out)[i], err);
        if (rc)
            return rc;
    }
    *out_n = v->n;
    return 0;
}

int signature_read(struct arena *a, const struct json *v, struct signature *out, struct err *err)
{
    struct signature s = { 0 };
    if (v->type != JSON_OBJECT)
        return ERR(err, ERR_INVALID, "the signature is not an object");
    int rc = read_list(a, json_get(v, "inputs"), &s.inputs, &s.input_n, err);
    if (rc == 0)
        rc = read_list(a, json_get(v, "outputs"), &s.outputs, &s.output_n, err);
    if (rc == 0)
        *out = s;
    return rc;
}
