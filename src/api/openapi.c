/* SPDX-License-Identifier: Apache-2.0
 * OpenAPI 3.1 from the route table. The syntax of the documentation texts is described in route.h;
 * a text that does not parse is refused when the server starts. */
#include <ctype.h>

#include "api/route.h"
#include "base/limits.h"

enum { FIELDS_MAX = 200 };

/* ---- documentation lines ---- */

static int name_byte(char c)
{
    return isalnum((unsigned char)c) || strchr("_.-{}*", c) != NULL;
}

static int malformed(str_t line, const char *why, struct err *err)
{
    return ERR(err, ERR_INVALID, "documentation line '%.*s': %s", (int)MIN(line.n, (size_t)120),
               line.p, why);
}

/* "text/plain: what it says" */
static int is_media_type(str_t line)
{
    size_t i = 0;
    while (i < line.n && line.p[i] != ':' && line.p[i] != ' ' && line.p[i] != '/')
        i++;
    return i < line.n && line.p[i] == '/';
}

int route_field_next(str_t *doc, struct route_field *out, struct err *err)
{
    str_t line = { NULL, 0 }, rest = { NULL, 0 }, type;
    do {
        if (doc->n == 0)
            return 0;
        line = *doc;
        if (!str_cut(*doc, '\n', &line, &rest))
            rest = (str_t){ doc->p + doc->n, 0 };
        *doc = rest;
    } while (str_trim(line).n == 0);
    *out = (struct route_field){ 0 };
    size_t indent = 0;
    while (indent < line.n && line.p[indent] == ' ')
        indent++;
    if (indent % 2)
        return malformed(line, "indent by two blanks a level", err);
    out->indent = (int)indent / 2;
    str_t at = { line.p + indent, line.n - indent };
    if (is_media_type(at)) {
        out->name = STR("");
        if (!str_cut(at, ':', &out->type, &out->text))
            out->type = at;
        out->text = str_trim(out->text);
        return 1;
    }
    if (str_starts(at, "?")) {
        out->is_query = 1;
        at = (str_t){ at.p + 1, at.n - 1 };
    }
    size_t n = 0;
    while (n < at.n && name_byte(at.p[n]))
        n++;
    out->name = (str_t){ at.p, n };
    if (n < at.n && at.p[n] == '!') {
        out->required = 1;
        n++;
    }
    if (out->name.n == 0 || n >= at.n || at.p[n] != ' ')
        return malformed(line, "expected 'name! type: text'", err);
    at = (str_t){ at.p + n + 1, at.n - n - 1 };
    if (!str_cut(at, ':', &type, &out->text))
        type = at;
    out->type = str_trim(type);
    out->text = str_trim(out->text);
    return out->type.n ? 1 : malformed(line, "no type", err);
}

/* ---- schemas ---- */

struct fields {
    struct route_field f[FIELDS_MAX];
    size_t n;
    str_t media; /* of a first line with a media type */
    str_t media_text;
};

static const struct {
    const char *word, *type, *format;
} type_words[] = {
    { "string", "string", NULL },
    { "integer", "integer", "int64" },
    { "int", "integer", "int64" },
    { "number", "number", "double" },
    { "double", "number", "double" },
    { "boolean", "boolean", NULL },
    { "bool", "boolean", NULL },
    { "time_ms", "integer", "int64" },
    { "object", "object", NULL },
    { "null", "null", NULL },
    { "any", NULL, NULL },
};

static int type_word(str_t t)
{
    for (size_t i = 0; i < ARRAY_LEN(type_words); i++)
        if (str_is(t, type_words[i].word))
            return (int)i;
    return -1;
}

static int is_type(str_t t)
{
    return type_word(t) >= 0 || (str_starts(t, "[") && str_ends(t, "]")) ||
           (str_starts(t, "map(") && str_ends(t, ")"));
}

static void write_members(struct json_out *o, const struct fields *fs, size_t from, size_t to,
                          int indent);

/* Keys of the schema of one type, into an open object; members: fields from..to belong to it. */
static void write_type(struct json_out *o, str_t t, const struct fields *fs, size_t from, size_t to,
                       int indent)
{
    str_t one, rest;
    if (!str_starts(t, "map(") && !str_starts(t, "[") && str_cut(t, '|', &one, &rest)) {
        int all_types = 1;
        for (str_t left = t; left.n; left = rest) {
            if (!str_cut(left, '|', &one, &rest))
                one = left, rest = (str_t){ "", 0 };
            all_types &= is_type(one);
        }
        jo_key(o, all_types ? "anyOf" : "enum");
        jo_array(o);
        for (str_t left = t; left.n; left = rest) {
            if (!str_cut(left, '|', &one, &rest))
                one = left, rest = (str_t){ "", 0 };
            if (all_types) {
                jo_object(o);
                write_type(o, one, fs, from, to, indent);
                jo_object_end(o);
            } else if (str_is(one, "null")) {
                jo_null(o);
            } else {
                jo_str(o, one);
            }
        }
        jo_array_end(o);
        return;
    }
    if (str_starts(t, "[") || str_starts(t, "map(")) {
        int array = t.p[0] == '[';
        size_t head = array ? 1 : 4;
        jo_kv_cstr(o, "type", array ? "array" : "object");
        jo_key(o, array ? "items" : "additionalProperties");
        jo_object(o);
        write_type(o, (str_t){ t.p + head, t.n - head - 1 }, fs, from, to, indent);
        jo_object_end(o);
        return;
    }
    int w = type_word(t);
    if (w < 0 || !type_words[w].type)
        return;
    jo_kv_cstr(o, "type", type_words[w].type);
    if (type_words[w].format)
        jo_kv_cstr(o, "format", type_words[w].format);
    if (str_is(t, "object") && to > from)
        write_members(o, fs, from, to, indent);
}

static size_t members_end(const struct fields *fs, size_t i)
{
    size_t end = i + 1;
    while (end < fs->n && fs->f[end].indent > fs->f[i].indent)
        end++;
    return end;
}

static void write_members(struct json_out *o, const struct fields *fs, size_t from, size_t to,
                          int indent)
{
    size_t required = 0;
    jo_key(o, "properties");
    jo_object(o);
    for (size_t i = from; i < to; i = members_end(fs, i)) {
        const struct route_field *f = &fs->f[i];
        required += (size_t)f->required;
        jo_key_str(o, f->name);
        jo_object(o);
        write_type(o, f->type, fs, i + 1, members_end(fs, i), indent + 1);
        if (f->text.n)
            jo_kv_str(o, "description", f->text);
        jo_object_end(o);
    }
    jo_object_end(o);
    if (!required)
        return;
    jo_key(o, "required");
    jo_array(o);
    for (size_t i = from; i < to; i = members_end(fs, i))
        if (fs->f[i].required)
            jo_str(o, fs->f[i].name);
    jo_array_end(o);
}

/* Splits a text into query parameters and the rest. */
static int read_fields(const char *doc, int all_query, struct fields *query, struct fields *body,
                       struct err *err)
{
    str_t rest = str_of(doc);
    struct route_field f;
    int rc;
    query->n = body->n = 0;
    body->media = query->media = (str_t){ NULL, 0 };
    while ((rc = route_field_next(&rest, &f, err)) > 0) {
        if (f.name.n == 0) {
            body->media = f.type;
            body->media_text = f.text;
            continue;
        }
        struct fields *to = (f.is_query || all_query) && f.indent == 0 ? query : body;
        if (to->n == FIELDS_MAX)
            return ERR(err, ERR_LIMIT, "more than %d documented fields", FIELDS_MAX);
        to->f[to->n++] = f;
    }
    return rc;
}

/* ---- operations ---- */

static void write_path_parameters(struct json_out *o, const char *pattern)
{
    for (const char *p = strchr(pattern, '{'); p; p = strchr(p + 1, '{')) {
        const char *close = strchr(p, '}');
        int rest = close[-1] == '*';
        jo_object(o);
        jo_kv_str(o, "name", (str_t){ p + 1, (size_t)(close - p) - 1 - (size_t)rest });
        jo_kv_cstr(o, "in", "path");
        jo_kv_bool(o, "required", 1);
        jo_kv_raw(o, "schema", STR("{\"type\":\"string\"}"));
        if (rest)
            jo_kv_cstr(o, "description", "The rest of the path; may contain slashes.");
        jo_object_end(o);
    }
}

static void write_parameters(struct json_out *o, const struct route *r, const struct fields *query)
{
    if (!strchr(r->pattern, '{') && query->n == 0)
        return;
    jo_key(o, "parameters");
    jo_array(o);
    write_path_parameters(o, r->pattern);
    for (size_t i = 0; i < query->n; i++) {
        const struct route_field *f = &query->f[i];
        jo_object(o);
        jo_kv_str(o, "name", f->name);
        jo_kv_cstr(o, "in", "query");
        jo_kv_bool(o, "required", f->required);
        jo_key(o, "schema");
        jo_object(o);
        write_type(o, f->type, query, 0, 0, 0);
        jo_object_end(o);
        if (f->text.n)
            jo_kv_str(o, "description", f->text);
        jo_object_end(o);
    }
    jo_array_end(o);
}

static void write_content(struct json_out *o, const struct fields *fs)
{
    jo_key(o, "content");
    jo_object(o);
    if (fs->media.n)
        jo_key_str(o, fs->media);
    else
        jo_key(o, "application/json");
    jo_object(o);
    jo_key(o, "schema");
    jo_object(o);
    if (fs->media.n) {
        jo_kv_cstr(o, "type", "string");
        if (fs->media_text.n)
            jo_kv_str(o, "description", fs->media_text);
    } else {
        jo_kv_cstr(o, "type", "object");
        if (fs->n)
            write_members(o, fs, 0, fs->n, 0);
    }
    jo_object_end(o);
    jo_object_end(o);
    jo_object_end(o);
}

struct doc_work {
    struct fields query, body, answer, none;
};

static int write_operation(struct json_out *o, const struct route_table *t, const struct route *r,
                           struct doc_work *w, struct err *err)
{
    int all_query = r->body_limit == 0;
    int rc = read_fields(r->request_doc ? r->request_doc : "", all_query, &w->query, &w->body, err);
    if (!rc)
        rc = read_fields(r->response_doc, 0, &w->none, &w->answer, err);
    if (rc)
        return rc;
    jo_object(o);
    jo_kv_cstr(o, "operationId", r->operation);
    jo_kv_cstr(o, "summary", r->summary);
    jo_key(o, "tags");
    jo_array(o);
    jo_cstr(o, t->name);
    jo_array_end(o);
    jo_kv_cstr(o, "x-permission", r->permission);
    write_parameters(o, r, &w->query);
    if (r->body_limit) {
        jo_key(o, "requestBody");
        jo_object(o);
        write_content(o, &w->body);
        jo_object_end(o);
    }
    jo_key(o, "responses");
    jo_object(o);
    jo_key(o, "200");
    jo_object(o);
    jo_kv_cstr(o, "description", "Success.");
    if (w->answer.n || w->answer.media.n)
        write_content(o, &w->answer);
    jo_object_end(o);
    jo_kv_raw(o, "default", STR("{\"$ref\":\"#/components/responses/error\"}"));
    jo_object_end(o);
    if (strcmp(r->permission, "public") == 0)
        jo_kv_raw(o, "security", STR("[]"));
    jo_object_end(o);
    return 0;
}

/* 1 when a route before (table t, index i) has the same pattern: its path object holds this one. */
static int seen_before(const struct route_table *const *tables, size_t t, size_t i)
{
    const char *pattern = tables[t]->routes[i].pattern;
    for (size_t u = 0; u <= t; u++)
        for (size_t k = 0; k < (u == t ? i : tables[u]->n); k++)
            if (strcmp(tables[u]->routes[k].pattern, pattern) == 0)
                return 1;
    return 0;
}

/* 1 when two patterns differ only in the names of their parameters. */
static int same_shape(const char *a, const char *b)
{
    while (*a && *b) {
        if (*a != *b)
            return 0;
        if (*a == '{') {
            a = strchr(a, '}');
            b = strchr(b, '}');
        }
        a++, b++;
    }
    return *a == *b;
}

/* OpenAPI cannot tell "/x/{rest*}" from "/x/{name}": the catch-all, which only refuses, is left
 * out. */
static int is_shadowed(const struct route_table *const *tables, size_t n, const char *pattern)
{
    for (size_t t = 0; strstr(pattern, "*}") && t < n; t++)
        for (size_t i = 0; i < tables[t]->n; i++)
            if (!strstr(tables[t]->routes[i].pattern, "*}") &&
                same_shape(tables[t]->routes[i].pattern, pattern))
                return 1;
    return 0;
}

static void write_path_key(struct json_out *o, const char *pattern)
{
    struct buf b;
    buf_init(&b, KIB(4));
    for (const char *p = pattern; *p; p++)
        if (*p != '*')
            buf_putc(&b, *p);
    jo_key_str(o, buf_view(&b));
    buf_fini(&b);
}

static int write_path(struct json_out *o, const struct route_table *const *tables, size_t n,
                      const char *pattern, struct doc_work *w, struct err *err)
{
    write_path_key(o, pattern);
    jo_object(o);
    for (size_t t = 0; t < n; t++) {
        for (size_t i = 0; i < tables[t]->n; i++) {
            const struct route *r = &tables[t]->routes[i];
            if (strcmp(r->pattern, pattern) != 0)
                continue;
            char method[16];
            size_t k = 0;
            for (; r->method[k] && k + 1 < sizeof method; k++)
                method[k] = (char)tolower((unsigned char)r->method[k]);
            method[k] = '\0';
            jo_key(o, method);
            int rc = write_operation(o, tables[t], r, w, err);
            if (rc)
                return rc;
        }
    }
    jo_object_end(o);
    return 0;
}

static void write_components(struct json_out *o)
{
    jo_kv_raw(o, "components",
              STR("{\"securitySchemes\":{\"token\":{\"type\":\"http\",\"scheme\":\"bearer\"}},"
                  "\"responses\":{\"error\":{\"description\":\"What went "
                  "wrong.\",\"content\":{\"application/json\":"
                  "{\"schema\":{\"$ref\":\"#/components/schemas/Error\"}}}}},"
                  "\"schemas\":{\"Error\":{\"type\":\"object\",\"required\":[\"code\",\"message\","
                  "\"request_id\"],"
                  "\"properties\":{\"code\":{\"type\":\"string\",\"description\":\"Name of the "
                  "error: NOT_FOUND, INVALID.\"},"
                  "\"message\":{\"type\":\"string\",\"description\":\"One line for people.\"},"
                  "\"hint\":{\"type\":[\"string\",\"null\"],\"description\":\"The way out, when "
                  "there is one.\"},"
                  "\"request_id\":{\"type\":\"string\"}}}}}"));
    jo_kv_raw(o, "security", STR("[{},{\"token\":[]}]"));
}

int openapi_write(const struct route_table *const *tables, size_t n, const char *server_url,
                  struct buf *out, struct err *err)
{
    struct json_out o;
    struct arena a;
    arena_init(&a, MIB(1));
    struct doc_work *w = ARENA_TRY_ARRAY(&a, 1, struct doc_work);
    int rc = w ? 0 : ERR(err, ERR_NOMEM, "not enough memory for the OpenAPI document");
    json_out_init(&o, out);
    jo_object(&o);
    jo_kv_cstr(&o, "openapi", "3.1.0");
    jo_key(&o, "info");
    jo_object(&o);
    jo_kv_cstr(&o, "title", "Slipway");
    jo_kv_cstr(&o, "version", SLIPWAY_VERSION);
    jo_kv_cstr(&o, "summary", "From raw data to a served model, and back for repair.");
    jo_kv_raw(&o, "license", STR("{\"name\":\"Apache-2.0\",\"identifier\":\"Apache-2.0\"}"));
    jo_object_end(&o);
    jo_key(&o, "servers");
    jo_array(&o);
    jo_object(&o);
    jo_kv_cstr(&o, "url", server_url && *server_url ? server_url : "/");
    jo_object_end(&o);
    jo_array_end(&o);
    jo_key(&o, "paths");
    jo_object(&o);
    for (size_t t = 0; t < n && !rc; t++)
        for (size_t i = 0; i < tables[t]->n && !rc; i++)
            if (!seen_before(tables, t, i) && !is_shadowed(tables, n, tables[t]->routes[i].pattern))
                rc = write_path(&o, tables, n, tables[t]->routes[i].pattern, w, err);
    jo_object_end(&o);
    write_components(&o);
    jo_object_end(&o);
    arena_fini(&a);
    return rc;
}
