/* SPDX-License-Identifier: Apache-2.0
 * Reads the request message: from the query of a GET, else from a JSON body, by the rules of
 * protobuf's JSON mapping as MLflow's server applies them (names in snake_case or camelCase,
 * integers also as texts, enums by name or number, unknown fields skipped, null is unset). What
 * does not parse ends the reading: later fields stay unset and the types of the raw values are
 * checked instead, with the messages that clients know. */
#include <math.h>

#include "api/mlflow/mlflow_int.h"
#include "base/limits.h"
#include "base/num.h"

enum { MESSAGE_DEPTH = 8 };

const struct mlf_field mlf_tag_fields[] = { F_STR("key", ""), F_STR("value", ""), F_END };
const struct mlf_field mlf_metric_fields[] = {
    F_STR("key", ""),      F_DOUBLE("value", ""),     F_INT("timestamp", ""),
    F_INT("step", ""),     F_STR("dataset_name", ""), F_STR("dataset_digest", ""),
    F_STR("model_id", ""), F_STR("run_id", ""),       F_END
};
const struct mlf_enum mlf_view_types[] = {
    { "ACTIVE_ONLY", 1 }, { "DELETED_ONLY", 2 }, { "ALL", 3 }, { NULL, 0 }
};
const struct mlf_enum mlf_run_statuses[] = { { "RUNNING", 1 },  { "SCHEDULED", 2 },
                                             { "FINISHED", 3 }, { "FAILED", 4 },
                                             { "KILLED", 5 },   { NULL, 0 } };

/* ---- the body ---- */

static int is_json_type(str_t type)
{
    str_t media = type, rest;
    (void)str_cut(type, ';', &media, &rest);
    return str_is(media, "application/json");
}

static int read_body(struct mlf *m)
{
    const struct json_options options = { .allow_nan = 1 };
    struct json v = { 0 };
    m->raw = (struct json){ .type = JSON_OBJECT };
    int checked = str_is(m->rq->method, "POST") || str_is(m->rq->method, "PUT");
    str_t type = request_header(m->rq, "content-type");
    if (checked && !type.p)
        return mlf_fail(m, MLF_INVALID, "Bad Request. Content-Type header is missing.");
    if (checked && !is_json_type(type))
        return mlf_fail(m, MLF_INVALID,
                        "Bad Request. Content-Type must be one of ['application/json'].");
    if (json_parse(m->a, m->rq->body, &options, &v, NULL) != 0)
        return 0;
    if (v.type == JSON_STRING) { /* encoded twice by old clients */
        str_t inner = v.string;
        if (json_parse(m->a, inner, &options, &v, NULL) != 0)
            return mlf_fail(m, "BAD_REQUEST", "the body is a string that holds no JSON object");
    }
    if (v.type == JSON_NULL)
        return 0;
    if (v.type == JSON_ARRAY && !v.n)
        return 0;
    if (v.type != JSON_OBJECT)
        return mlf_fail(m, "BAD_REQUEST", "the body must be a JSON object, not a %s",
                        mlf_py_type(&v));
    m->raw = v;
    return 0;
}

/* ---- the query ---- */

static struct json text_json(str_t s)
{
    return (struct json){ .type = JSON_STRING, .string = s };
}

static size_t count_of(const struct request *rq, const char *name)
{
    size_t n = 0;
    for (size_t i = 0; i < rq->query_n; i++)
        n += str_is(rq->query[i].key, name);
    return n;
}

static int query_value(struct mlf *m, const struct mlf_field *f, size_t n, struct json *out)
{
    if (!f->repeated) {
        str_t text = request_query(m->rq, f->name);
        *out = text_json(text);
        if (f->type != MLF_BOOL)
            return 0;
        const char *lower = mlf_lower(m->a, arena_strndup(m->a, text.p, text.n));
        if (strcmp(lower, "true") != 0 && strcmp(lower, "false") != 0)
            return mlf_fail(m, MLF_INVALID,
                            "Invalid boolean value: %.*s, must be 'true' or 'false'.",
                            STR_ARG(text));
        *out = (struct json){ .type = JSON_BOOL, .boolean = strcmp(lower, "true") == 0 };
        return 0;
    }
    struct json *items = ARENA_TRY_ARRAY(m->a, n, struct json);
    if (!items)
        return ERR(m->err, ERR_NOMEM, "the query does not fit in the memory of a request");
    size_t k = 0;
    for (size_t i = 0; i < m->rq->query_n; i++)
        if (str_is(m->rq->query[i].key, f->name))
            items[k++] = text_json(m->rq->query[i].value);
    *out = (struct json){ .type = JSON_ARRAY, .n = k, .items = items };
    return 0;
}

static size_t field_count(const struct mlf_field *fields)
{
    size_t n = 0;
    while (fields[n].name)
        n++;
    return n;
}

static int read_query(struct mlf *m, const struct mlf_field *fields)
{
    size_t n = field_count(fields), k = 0;
    struct json_member *members = arena_alloc(m->a, (n + 1) * sizeof *members);
    for (size_t i = 0; i < n; i++) {
        size_t times = count_of(m->rq, fields[i].name);
        if (!times)
            continue;
        int rc = query_value(m, &fields[i], times, &members[k].value);
        if (rc)
            return rc;
        members[k++].key = str_of(fields[i].name);
    }
    m->raw = (struct json){ .type = JSON_OBJECT, .n = k, .members = members };
    return 0;
}

/* ---- values ---- */

static int to_int(const struct json *v, int64_t min, int64_t max, struct json *out)
{
    int64_t n;
    if (v->type == JSON_STRING) {
        if (v->string.n && v->string.p[0] == '+') {
            str_t digits = { v->string.p + 1, v->string.n - 1 };
            if (parse_i64(digits, &n))
                return -1;
        } else if (parse_i64(v->string, &n)) {
            return -1;
        }
    } else if (v->type == JSON_NUMBER && v->is_integer) {
        n = v->integer;
    } else if (v->type == JSON_NUMBER && floor(v->number) == v->number && /* 12.0 */
               fabs(v->number) < 9223372036854774784.0) {
        n = (int64_t)v->number;
    } else {
        return -1;
    }
    if (n < min || n > max)
        return -1;
    *out = (struct json){ .type = JSON_NUMBER, .is_integer = 1, .integer = n, .number = (double)n };
    return 0;
}

static int to_double(const struct json *v, struct json *out)
{
    double x;
    if (v->type == JSON_BOOL)
        x = v->boolean;
    else if (v->type == JSON_NUMBER)
        x = v->number;
    else if (v->type != JSON_STRING || parse_double(str_trim(v->string), &x))
        return -1;
    *out = (struct json){ .type = JSON_NUMBER, .number = x };
    return 0;
}

/* 1: a name that the enumeration does not have, which is skipped as an unknown field is. */
static int to_enum(const struct json *v, const struct mlf_enum *values, struct json *out)
{
    struct json n;
    if (v->type == JSON_STRING)
        for (const struct mlf_enum *e = values; e->name; e++)
            if (str_is(v->string, e->name)) {
                *out = (struct json){ .type = JSON_NUMBER, .is_integer = 1, .integer = e->number };
                return 0;
            }
    struct json whole = *v;
    int64_t digits;
    if (v->type == JSON_STRING && parse_i64(str_trim(v->string), &digits))
        return 1;
    if (v->type == JSON_NUMBER && !v->is_integer) /* the server cuts 1.5 to 1 here */
        whole.number = trunc(v->number);
    if (v->type == JSON_BOOL) /* and takes true for 1 */
        whole = (struct json){ .type = JSON_NUMBER, .is_integer = 1, .integer = v->boolean };
    if (to_int(&whole, INT32_MIN, INT32_MAX, &n))
        return -1;
    for (const struct mlf_enum *e = values; e->name; e++)
        if (n.integer == e->number) {
            *out = n;
            return 0;
        }
    return -1;
}

static int parse_fields(struct mlf *m, const struct json *raw, const struct mlf_field *fields,
                        struct json *out, int depth);

static int to_value(struct mlf *m, const struct json *v, const struct mlf_field *f,
                    struct json *out, int depth)
{
    switch (f->type) {
    case MLF_STRING:
        *out = *v;
        if (v->type == JSON_STRING && memchr(v->string.p, 0, v->string.n))
            IGNORE(mlf_fail(m, MLF_INVALID, "'%s' contains a NUL character", f->name));
        return v->type == JSON_STRING ? 0 : -1;
    case MLF_INT: return to_int(v, INT64_MIN, INT64_MAX, out);
    case MLF_INT32: return to_int(v, INT32_MIN, INT32_MAX, out);
    case MLF_DOUBLE: return to_double(v, out);
    case MLF_BOOL: *out = *v; return v->type == JSON_BOOL ? 0 : -1;
    case MLF_ENUM: return to_enum(v, f->values, out);
    case MLF_MESSAGE:
        if (v->type != JSON_OBJECT || depth >= MESSAGE_DEPTH)
            return -1;
        return parse_fields(m, v, f->sub, out, depth + 1);
    }
    return -1;
}

/* Where a member of a list did not parse: "metrics[1].value". */
static void note_bad(struct mlf *m, const struct mlf_field *f, size_t i, const struct json *item)
{
    const char *inner = m->bad_path ? arena_printf(m->a, ".%s", m->bad_path) : "";
    m->bad_path = arena_printf(m->a, "%s[%zu]%s", f->name, i, inner);
    m->bad_value = m->bad_value ? m->bad_value : item;
    m->bad_nested = 1;
}

static int to_items(struct mlf *m, const struct json *v, const struct mlf_field *f,
                    struct json *out, int depth)
{
    if (v->type != JSON_ARRAY)
        return -1;
    struct json *items = ARENA_TRY_ARRAY(m->a, v->n + 1, struct json);
    *out = (struct json){ .type = JSON_ARRAY, .items = items };
    for (size_t i = 0; items && i < v->n; i++) {
        int null = v->items[i].type == JSON_NULL;
        items[out->n] = (struct json){ .type = JSON_OBJECT };
        int rc = null ? -1 : to_value(m, &v->items[i], f, &items[out->n], depth);
        if (rc < 0) {
            if (f->type == MLF_MESSAGE)
                note_bad(m, f, i, &v->items[i]);
            out->n += f->type == MLF_MESSAGE && !null; /* what could be read of it */
            return -1;
        }
        out->n += rc == 0;
    }
    return items ? 0 : -1;
}

/* 1 when key is the field's name or its camelCase form. */
static int is_named(str_t key, const char *name)
{
    size_t i = 0;
    if (str_is(key, name))
        return 1;
    for (const char *p = name; *p; p++) {
        char c = *p;
        if (c == '_' && p[1]) {
            c = *++p;
            c = c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
        }
        if (i == key.n || key.p[i++] != c)
            return 0;
    }
    return i == key.n;
}

/* In the order of the document; -1 ends it and keeps what was read. */
static int parse_fields(struct mlf *m, const struct json *raw, const struct mlf_field *fields,
                        struct json *out, int depth)
{
    size_t count = field_count(fields);
    struct json_member *members = arena_alloc(m->a, (count + 1) * sizeof *members);
    *out = (struct json){ .type = JSON_OBJECT, .members = members };
    for (size_t i = 0; i < raw->n; i++) {
        const struct json_member *one = &raw->members[i];
        const struct mlf_field *f = fields;
        while (f->name && !is_named(one->key, f->name))
            f++;
        if (!f->name || one->value.type == JSON_NULL)
            continue;
        if (json_get(out, f->name))
            return -1; /* both spellings of one field */
        struct json v = { 0 };
        int rc = f->repeated ? to_items(m, &one->value, f, &v, depth)
                             : to_value(m, &one->value, f, &v, depth);
        if (rc < 0 && !f->repeated && depth > 0 && !m->bad_path) {
            m->bad_path = f->name;
            m->bad_value = &one->value;
        }
        if (rc == 0 || f->repeated)
            members[out->n++] = (struct json_member){ str_of(f->name), v };
        if (rc < 0)
            return -1;
    }
    return 0;
}

/* ---- checks ---- */

static int invalid_type(struct mlf *m, const struct mlf_field *f, const struct json *v)
{
    return mlf_fail(m, MLF_INVALID,
                    "Invalid value %s for parameter '%s' supplied:  Hint: Value was of type '%s'. "
                    "See the API docs for more information about request parameters.",
                    mlf_py_json(m->a, v), f->name, mlf_py_type(v));
}

#define API_DOCS " See the API docs for more information about request parameters."

static int is_empty(const struct json *v)
{
    return !v || v->type == JSON_NULL || (v->type == JSON_STRING && v->string.n == 0);
}

static int check_items(struct mlf *m, const struct mlf_field *f, const struct json *v,
                       const char *const *members)
{
    for (size_t i = 0; v && v->type == JSON_ARRAY && i < v->n; i++)
        for (const char *const *name = members; *name; name++)
            if (is_empty(json_get(&v->items[i], *name)))
                return mlf_fail(m, MLF_INVALID,
                                "Missing value for required parameter '%s[%zu].%s'." API_DOCS,
                                f->name, i, *name);
    return 0;
}

static int is_intlike(const struct json *v)
{
    int64_t n;
    return v && (v->type == JSON_BOOL || (v->type == JSON_NUMBER && !isnan(v->number)) ||
                 (v->type == JSON_STRING && parse_i64(str_trim(v->string), &n) == 0));
}

static int is_floatlike(const struct json *v)
{
    double x;
    return v && (v->type == JSON_BOOL || v->type == JSON_NUMBER ||
                 (v->type == JSON_STRING && parse_double(str_trim(v->string), &x) == 0));
}

static int is_strings(const struct json *v)
{
    for (size_t i = 0; v && v->type == JSON_ARRAY && i < v->n; i++)
        if (v->items[i].type != JSON_STRING)
            return 0;
    return 1;
}

static int exceeds(const struct json *v, int64_t max)
{
    struct json n;
    return v && !to_int(v, INT64_MIN, INT64_MAX, &n) && n.integer > max;
}

static int check_one(struct mlf *m, const struct mlf_field *f, char check, const struct json *v,
                     int parsed)
{
    static const char *const metric[] = { "key", "value", "timestamp", NULL };
    static const char *const pair[] = { "key", NULL };
    int ok = 1;
    switch (check) {
    case 'r':
        if (is_empty(v))
            return mlf_fail(m, MLF_INVALID, "Missing value for required parameter '%s'." API_DOCS,
                            f->name);
        return 0;
    case 's': ok = parsed || (v && v->type == JSON_STRING); break;
    case 'i': ok = parsed || is_intlike(v); break;
    case 'f': ok = parsed || is_floatlike(v); break;
    case 'b': ok = parsed || (v && v->type == JSON_BOOL); break;
    case 'a': ok = parsed || (v && v->type == JSON_ARRAY); break;
    case 't': ok = parsed || is_strings(v); break;
    case '5': ok = !exceeds(v, 50000); break;
    case '1': ok = !exceeds(v, 1000); break;
    case '2': ok = !exceeds(v, 200000); break;
    case 'M': return check_items(m, f, v, metric);
    case 'P':
    case 'T': return check_items(m, f, v, pair);
    default: assert_failed("a check that is not known", __FILE__, __LINE__);
    }
    return ok ? 0 : invalid_type(m, f, v);
}

static int check_fields(struct mlf *m, const struct mlf_field *fields, int parsed)
{
    for (const struct mlf_field *f = fields; f->name; f++) {
        if (!f->checks[0])
            continue;
        const struct json *v = json_get(&m->raw, f->name);
        int required = strchr(f->checks, 'r') != NULL;
        if (!v && !required)
            continue;
        if (strcmp(f->name, "run_id") == 0 && (!v || v->type == JSON_NULL) &&
            json_get(&m->raw, "run_uuid"))
            v = json_get(&m->raw, "run_uuid");
        for (const char *c = f->checks; *c; c++) {
            int rc = check_one(m, f, *c, v, parsed);
            if (rc)
                return rc;
        }
    }
    return 0;
}

int mlf__read(struct mlf *m, const struct mlf_field *fields, int only_reads)
{
    int is_get = str_is(m->rq->method, "GET") && m->rq->query_n;
    int rc = is_get ? read_query(m, fields) : !fields[0].name ? 0 : read_body(m);
    if (rc)
        return rc;
    int parsed = parse_fields(m, &m->raw, fields, &m->message, 0) == 0;
    rc = check_fields(m, fields, parsed);
    if (!rc && !parsed && m->bad_nested &&
        !only_reads) /* the server would log a part of the list */
        return mlf_fail(m, MLF_INVALID,
                        "Invalid value %s for parameter '%s' supplied:  Hint: Value was of type "
                        "'%s'." API_DOCS,
                        mlf_py_json(m->a, m->bad_value), m->bad_path, mlf_py_type(m->bad_value));
    return !rc && m->code ? ERR_FAILED : rc;
}

/* ---- access ---- */

const char *mlf_str_or_null(const struct mlf *m, const char *name)
{
    return json_get_string(&m->message, name, NULL);
}

const char *mlf_str(const struct mlf *m, const char *name)
{
    return json_get_string(&m->message, name, "");
}

int64_t mlf_int(const struct mlf *m, const char *name, int64_t fallback)
{
    return json_get_int(&m->message, name, fallback);
}

int mlf_has(const struct mlf *m, const char *name)
{
    return json_get(&m->message, name) != NULL;
}

const struct json *mlf_items(const struct mlf *m, const char *name, size_t *out_n)
{
    const struct json *v = json_get(&m->message, name);
    *out_n = v && v->type == JSON_ARRAY ? v->n : 0;
    return *out_n ? v->items : NULL;
}

const char *mlf_member(const struct json *v, const char *name)
{
    return json_get_string(v, name, "");
}

const char *mlf_run_id(const struct mlf *m)
{
    const char *id = mlf_str(m, "run_id");
    return *id ? id : mlf_str(m, "run_uuid");
}

const char *mlf_path(struct mlf *m, const char *name)
{
    str_t v = request_param(m->rq, name);
    return arena_strndup(m->a, v.p, v.n);
}

int mlf_pairs(struct mlf *m, const char *name, struct track_pair **out, size_t *out_n)
{
    size_t n;
    const struct json *items = mlf_items(m, name, &n);
    struct track_pair *list = ARENA_TRY_ARRAY(m->a, n + 1, struct track_pair);
    if (!list)
        return ERR(m->err, ERR_NOMEM, "the request does not fit in memory");
    for (size_t i = 0; i < n; i++)
        list[i] =
            (struct track_pair){ mlf_member(&items[i], "key"), mlf_member(&items[i], "value") };
    *out = list;
    *out_n = n;
    return 0;
}
