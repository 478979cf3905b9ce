/* SPDX-License-Identifier: Apache-2.0
 * JSON Schema 2020-12 of slipway.yaml from the key table, for editors (yaml-language-server). It
 * accepts what the reader's structural checks accept; what needs more than structure (inputs, names
 * of metrics) stays with the reader. Any value may also be a reference, ${…}. */
#include "codec/json.h"
#include "project/keys.h"
#include "project/project.h"

#define REFERENCE "\\$\\{.*\\}"
#define NAME_PATTERN "^[A-Za-z][A-Za-z0-9_-]{0,249}$"
#define WIDE_NAME_PATTERN "^[A-Za-z\\u0080-\\uffff][A-Za-z0-9_\\u0080-\\uffff-]{0,249}$"

static void put_shape(struct json_out *o, const struct shape *s, int filled);

static void put_types(struct json_out *o, const char *a, const char *b, const char *c,
                      const char *d)
{
    const char *types[] = { a, b, c, d };
    jo_key(o, "type");
    jo_array(o);
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (types[i])
            jo_cstr(o, types[i]);
    jo_array_end(o);
}

/* {"type":"string","pattern":…} for a reference. */
static void put_reference(struct json_out *o)
{
    jo_object(o);
    jo_kv_cstr(o, "type", "string");
    jo_kv_cstr(o, "pattern", REFERENCE);
    jo_object_end(o);
}

static void put_number(struct json_out *o, const struct shape *s)
{
    jo_key(o, "anyOf");
    jo_array(o);
    jo_object(o);
    jo_kv_cstr(o, "type", s->kind == SHAPE_INTEGER ? "integer" : "number");
    if (s->low != 0 || s->high != 0) {
        jo_kv_double(o, "minimum", s->low);
        jo_kv_double(o, "maximum", s->high);
    }
    jo_object_end(o);
    put_reference(o);
    jo_array_end(o);
}

static void put_choice(struct json_out *o, const struct shape *s)
{
    str_t words[16];
    size_t n = shape_choices(s, words, ARRAY_LEN(words));
    jo_key(o, "anyOf");
    jo_array(o);
    jo_object(o);
    jo_key(o, "enum");
    jo_array(o);
    for (size_t i = 0; i < n; i++)
        jo_str(o, words[i]);
    jo_array_end(o);
    jo_object_end(o);
    put_reference(o);
    jo_array_end(o);
}

static void put_range(struct json_out *o)
{
    static const struct shape number = { .kind = SHAPE_NUMBER };
    jo_kv_cstr(o, "type", "array");
    jo_kv_int(o, "minItems", 2);
    jo_kv_int(o, "maxItems", 2);
    jo_key(o, "items");
    jo_object(o);
    jo_key(o, "anyOf");
    jo_array(o);
    jo_object(o);
    jo_kv_cstr(o, "type", "null");
    jo_object_end(o);
    jo_object(o);
    put_shape(o, &number, 0);
    jo_object_end(o);
    jo_array_end(o);
    jo_object_end(o);
}

static void put_either(struct json_out *o, const struct shape *s, int filled)
{
    jo_key(o, "anyOf");
    jo_array(o);
    for (int i = 0; i < 2; i++) {
        jo_object(o);
        put_shape(o, i ? s->b : s->a, filled);
        jo_object_end(o);
    }
    jo_array_end(o);
}

static void put_map(struct json_out *o, const struct shape *s, int filled)
{
    jo_kv_cstr(o, "type", "object");
    if (filled)
        jo_kv_int(o, "minProperties", 1);
    if (strcmp(s->text, "names") == 0) {
        jo_key(o, "propertyNames");
        jo_object(o);
        jo_kv_cstr(o, "pattern", WIDE_NAME_PATTERN);
        jo_object_end(o);
    }
    jo_key(o, "additionalProperties");
    jo_object(o);
    put_shape(o, s->a, filled);
    jo_object_end(o);
}

/* The members of one schema object, without its braces. filled: lists and maps are not empty. */
static void put_shape(struct json_out *o, const struct shape *s, int filled)
{
    switch (s->kind) {
    case SHAPE_INTEGER:
    case SHAPE_NUMBER: put_number(o, s); break;
    case SHAPE_CHOICE: put_choice(o, s); break;
    case SHAPE_RANGE: put_range(o); break;
    case SHAPE_EITHER: put_either(o, s, filled); break;
    case SHAPE_MAP: put_map(o, s, filled); break;
    case SHAPE_BOOLEAN:
        jo_key(o, "anyOf");
        jo_array(o);
        jo_object(o);
        jo_kv_cstr(o, "type", "boolean");
        jo_object_end(o);
        put_reference(o);
        jo_array_end(o);
        break;
    case SHAPE_NAME:
        jo_kv_cstr(o, "type", "string");
        jo_kv_cstr(o, "pattern", NAME_PATTERN "|" REFERENCE);
        break;
    case SHAPE_CHAR:
        jo_kv_cstr(o, "type", "string");
        jo_kv_cstr(o, "pattern", "^[\\u0000-\\u007f]$|" REFERENCE);
        break;
    case SHAPE_PATH:
    case SHAPE_REFERENCE:
        jo_kv_cstr(o, "type", "string");
        if (s->kind == SHAPE_PATH)
            jo_kv_int(o, "minLength", 1);
        break;
    case SHAPE_COLUMN:
        put_types(o, "string", "number", "boolean", NULL);
        jo_kv_int(o, "minLength", 1);
        break;
    case SHAPE_TEXT:
    case SHAPE_SCALAR:
    case SHAPE_GATE:
    case SHAPE_FORMULA:
    case SHAPE_ROWS: put_types(o, "string", "number", "boolean", NULL); break;
    case SHAPE_LIST:
        jo_kv_cstr(o, "type", "array");
        if (filled)
            jo_kv_int(o, "minItems", 1);
        jo_key(o, "items");
        jo_object(o);
        put_shape(o, s->a, 0);
        jo_object_end(o);
        break;
    case SHAPE_OBJECT: {
        char ref[64] = "#/$defs/";
        size_t n = strlen(ref);
        memcpy(ref + n, s->text, MIN(strlen(s->text), sizeof ref - n - 1));
        jo_kv_cstr(o, "$ref", ref);
        break;
    }
    }
}

static void put_property(struct json_out *o, const struct key *k)
{
    jo_key(o, k->name);
    jo_object(o);
    jo_kv_cstr(o, "description", k->prose);
    if (k->example[0]) {
        jo_key(o, "examples");
        jo_array(o);
        jo_cstr(o, k->example);
        jo_array_end(o);
    }
    int acts = strcmp(k->object, "step") == 0 || strcmp(k->object, "rule") == 0 ||
               strcmp(k->object, "one_hot") == 0;
    put_shape(o, k->shape, acts && strcmp(k->name, "drop_duplicates") != 0);
    jo_object_end(o);
}

static int belongs(const struct key *k, const char *object)
{
    return strcmp(k->object, object) == 0 && !(k->flags & KEY_LATER);
}

/* {"title":"split","anyOf":[{"required":["by"]},…]} */
static void put_kind(struct json_out *o, const char *title, const char *const *keys, size_t n)
{
    jo_object(o);
    jo_kv_cstr(o, "title", title);
    jo_key(o, "anyOf");
    jo_array(o);
    for (size_t i = 0; i < n; i++) {
        jo_object(o);
        jo_key(o, "required");
        jo_array(o);
        jo_cstr(o, keys[i]);
        jo_array_end(o);
        jo_object_end(o);
    }
    jo_array_end(o);
    jo_object_end(o);
}

static void put_stage_kinds(struct json_out *o)
{
    static const char *const split[] = { "by", "train", "valid", "test", "stratify" };
    static const char *const others[] = { "do", "model", "gates" };
    static const char *const titles[] = { "preparation", "model", "gates" };
    jo_key(o, "oneOf");
    jo_array(o);
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        put_kind(o, titles[i], &others[i], 1);
    put_kind(o, "split", split, ARRAY_LEN(split));
    jo_array_end(o);
}

/* Steps have exactly one key; so have rules, beside severity and mostly. */
static void put_one_of_keys(struct json_out *o, const char *object)
{
    const struct key *k;
    jo_key(o, "oneOf");
    jo_array(o);
    for (size_t i = 0; (k = key_at(i)) != NULL; i++)
        if (belongs(k, object) && strcmp(k->name, "severity") != 0 &&
            strcmp(k->name, "mostly") != 0)
            put_kind(o, k->name, &k->name, 1);
    jo_array_end(o);
}

static void put_object(struct json_out *o, const char *object)
{
    const struct key *k;
    size_t required = 0;
    jo_kv_cstr(o, "type", "object");
    jo_kv_bool(o, "additionalProperties", 0);
    jo_key(o, "properties");
    jo_object(o);
    for (size_t i = 0; (k = key_at(i)) != NULL; i++) {
        if (belongs(k, object))
            put_property(o, k);
        required += belongs(k, object) && (k->flags & KEY_REQUIRED);
    }
    jo_object_end(o);
    if (required) {
        jo_key(o, "required");
        jo_array(o);
        for (size_t i = 0; (k = key_at(i)) != NULL; i++)
            if (belongs(k, object) && (k->flags & KEY_REQUIRED))
                jo_cstr(o, k->name);
        jo_array_end(o);
    }
    if (strcmp(object, "stage") == 0)
        put_stage_kinds(o);
    if (strcmp(object, "step") == 0 || strcmp(object, "rule") == 0)
        put_one_of_keys(o, object);
}

void project_schema(struct buf *out)
{
    static const char *const objects[] = { "param",         "source", "stage",   "step",
                                           "one_hot",       "drop",   "rule",    "deploy",
                                           "strategy",      "budget", "monitor", "monitor_log",
                                           "monitor_drift", "alert",  "trigger", "retrain" };
    struct json_out o;
    json_out_init(&o, out);
    o.indent = 2;
    jo_object(&o);
    jo_kv_cstr(&o, "$schema", "https://json-schema.org/draft/2020-12/schema");
    jo_kv_cstr(&o, "$id", "https://slipway.dev/schema/v1.json");
    jo_kv_cstr(&o, "title", "slipway.yaml");
    jo_kv_cstr(
        &o, "description",
        "A Slipway project: data, preparation, a model, what it must meet, where it is served.");
    put_object(&o, "file");
    jo_key(&o, "$defs");
    jo_object(&o);
    for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
        jo_key(&o, objects[i]);
        jo_object(&o);
        put_object(&o, objects[i]);
        jo_object_end(&o);
    }
    jo_object_end(&o);
    jo_object_end(&o);
    buf_putc(out, '\n');
}
