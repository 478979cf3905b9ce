/* SPDX-License-Identifier: Apache-2.0
 * Profiles as JSON: in result.json, in the dataset's manifest and in the cache. */
#include "data/profile.h"

#include <math.h>

static const char *const type_names[] = { "number", "integer", "boolean", "string", "time" };

static void number_or_null(struct json_out *o, const char *key, double v)
{
    jo_key(o, key);
    if (isnan(v))
        jo_null(o);
    else
        jo_double(o, v);
}

static void write_numbers(struct json_out *o, const struct profile_column *c)
{
    number_or_null(o, "min", c->min);
    number_or_null(o, "max", c->max);
    number_or_null(o, "mean", c->mean);
    number_or_null(o, "sd", c->sd);
    jo_kv_int(o, "infinite", (int64_t)c->infinite);
    jo_key(o, "quantiles");
    jo_array(o);
    for (size_t i = 0; i < PROFILE_QUANTILES && !isnan(c->mean); i++)
        jo_double(o, c->quantiles[i]);
    jo_array_end(o);
    jo_key(o, "histogram");
    jo_object(o);
    jo_key(o, "edges");
    jo_array(o);
    for (size_t i = 0; i < c->bin_n + (c->bin_n > 0); i++)
        jo_double(o, c->edges[i]);
    jo_array_end(o);
    jo_key(o, "counts");
    jo_array(o);
    for (size_t i = 0; i < c->bin_n; i++)
        jo_int(o, (int64_t)c->counts[i]);
    jo_array_end(o);
    jo_object_end(o);
}

static void write_column(struct json_out *o, const struct profile_column *c)
{
    jo_object(o);
    jo_kv_cstr(o, "name", c->name);
    jo_kv_cstr(o, "type", type_names[c->type]);
    jo_kv_cstr(o, "role", c->role);
    jo_kv_int(o, "missing", (int64_t)c->missing);
    jo_kv_int(o, "distinct", (int64_t)c->distinct);
    if (c->type != COLUMN_STRING)
        write_numbers(o, c);
    jo_key(o, "top");
    jo_array(o);
    for (size_t i = 0; i < c->top_n; i++) {
        jo_object(o);
        jo_kv_cstr(o, "value", c->top[i].value);
        jo_kv_int(o, "count", (int64_t)c->top[i].count);
        jo_object_end(o);
    }
    jo_array_end(o);
    jo_object_end(o);
}

void profile_write(struct json_out *o, const struct profile *p)
{
    jo_key(o, "columns");
    jo_array(o);
    for (size_t k = 0; k < p->column_n; k++)
        write_column(o, &p->columns[k]);
    jo_array_end(o);
    jo_key(o, "warnings");
    jo_array(o);
    for (size_t i = 0; i < p->warning_n; i++)
        jo_cstr(o, p->warnings[i]);
    jo_array_end(o);
}

/* ---- reading our own writing: the cache ---- */

static size_t read_doubles(const struct json *v, double *out, size_t max)
{
    size_t n = v && v->type == JSON_ARRAY ? MIN(v->n, max) : 0;
    for (size_t i = 0; i < n; i++)
        out[i] = json_as_double(&v->items[i], NAN);
    return n;
}

static void read_numbers(const struct json *v, struct profile_column *c)
{
    c->min = json_get_number(v, "min", NAN);
    c->max = json_get_number(v, "max", NAN);
    c->mean = json_get_number(v, "mean", NAN);
    c->sd = json_get_number(v, "sd", NAN);
    c->infinite = (size_t)json_get_int(v, "infinite", 0);
    IGNORE(read_doubles(json_get(v, "quantiles"), c->quantiles, PROFILE_QUANTILES));
    const struct json *h = json_get(v, "histogram"), *counts = h ? json_get(h, "counts") : NULL;
    c->bin_n = counts ? MIN(counts->n, (size_t)PROFILE_BINS) : 0;
    IGNORE(h ? read_doubles(json_get(h, "edges"), c->edges, PROFILE_BINS + 1) : 0);
    for (size_t i = 0; i < c->bin_n; i++)
        c->counts[i] = (size_t)counts->items[i].integer;
}

static int read_column(struct arena *a, const struct json *v, struct profile_column *c)
{
    const char *type = json_get_string(v, "type", "");
    *c = (struct profile_column){ .name = arena_strdup(a, json_get_string(v, "name", NULL)),
                                  .role = arena_strdup(a, json_get_string(v, "role", "feature")),
                                  .missing = (size_t)json_get_int(v, "missing", 0),
                                  .distinct = (size_t)json_get_int(v, "distinct", 0) };
    int known = 0;
    for (size_t t = 0; t < ARRAY_LEN(type_names); t++)
        if (strcmp(type, type_names[t]) == 0) {
            c->type = (enum column_type)t;
            known = 1;
        }
    read_numbers(v, c);
    const struct json *top = json_get(v, "top");
    c->top_n = top && top->type == JSON_ARRAY ? MIN(top->n, (size_t)PROFILE_TOP) : 0;
    for (size_t i = 0; i < c->top_n; i++)
        c->top[i] =
            (struct profile_top){ arena_strdup(a, json_get_string(&top->items[i], "value", "")),
                                  (size_t)json_get_int(&top->items[i], "count", 0) };
    return c->name && known ? 0 : -1;
}

int profile_read(struct arena *a, const struct json *dataset, struct profile *out, struct err *err)
{
    const struct json *columns = json_get(dataset, "columns"),
                      *warnings = json_get(dataset, "warnings");
    struct profile p = { .rows = (size_t)json_get_int(dataset, "rows", 0) };
    if (!columns || columns->type != JSON_ARRAY)
        return ERR(err, ERR_CORRUPT, "the recorded profile has no columns");
    p.column_n = columns->n;
    p.columns = ARENA_TRY_ARRAY(a, p.column_n, struct profile_column);
    if (!p.columns)
        return ERR(err, ERR_NOMEM, "no memory for %zu columns", p.column_n);
    for (size_t k = 0; k < p.column_n; k++)
        if (read_column(a, &columns->items[k], &p.columns[k]) != 0)
            return ERR(err, ERR_CORRUPT, "column %zu of the recorded profile is not readable",
                       k + 1);
    for (size_t i = 0; warnings && warnings->type == JSON_ARRAY && i < warnings->n; i++)
        profile_warn(a, &p, "%.*s", STR_ARG(warnings->items[i].string));
    *out = p;
    return 0;
}
