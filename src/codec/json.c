/* SPDX-License-Identifier: Apache-2.0
 * JSON documents in an arena, built over the scanner. */
#include "codec/json.h"

#include <math.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/num.h"

struct reader {
    struct json_scan scan;
    struct arena *arena;
    struct err *err;
};

static int read_value(struct reader *r, enum json_token token, struct json *out);

static int no_memory(struct reader *r)
{
    return ERR(r->err, ERR_LIMIT, "JSON value is too large");
}

static int read_string(struct reader *r, str_t *out)
{
    str_t s;
    if (json_string(&r->scan, r->arena, &s))
        return json_scan_error(&r->scan, r->err);
    *out = r->scan.escaped ? s : arena_str(r->arena, s);
    return out->p ? 0 : no_memory(r);
}

/* Doubles an arena array when full; NULL past the arena's cap. */
static void *room_for_one(struct reader *r, void *items, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return items;
    size_t more = *cap ? *cap * 2 : 4;
    void *grown = arena_try_alloc(r->arena, more, size);
    if (grown && n)
        memcpy(grown, items, n * size);
    *cap = more;
    return grown;
}

static int read_array(struct reader *r, struct json *out)
{
    size_t cap = 0;
    enum json_token t;
    while ((t = json_next(&r->scan)) != JSON_T_ARRAY_END) {
        out->items = room_for_one(r, out->items, out->n, &cap, sizeof *out->items);
        if (!out->items)
            return no_memory(r);
        int rc = read_value(r, t, &out->items[out->n]);
        if (rc)
            return rc;
        out->n++;
    }
    return 0;
}

static size_t member_at(const struct json *o, size_t n, str_t key)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(o->members[i].key, key))
            return i;
    return SIZE_MAX;
}

static void drop_duplicates_few(struct json *o)
{
    size_t n = 0;
    for (size_t i = 0; i < o->n; i++) {
        size_t at = member_at(o, n, o->members[i].key);
        if (at == SIZE_MAX)
            o->members[n++] = o->members[i];
        else
            o->members[at].value = o->members[i].value;
    }
    o->n = n;
}

/* Keeps the last of equal keys, at the place of the first. Quadratic only up to FEW members. */
static void drop_duplicates(struct json *o)
{
    enum { FEW = 16 };
    struct map seen;
    size_t n = 0;
    if (o->n <= FEW) {
        drop_duplicates_few(o);
        return;
    }
    map_init(&seen);
    for (size_t i = 0; i < o->n; i++) {
        size_t at = map_find(&seen, o->members[i].key);
        if (at == SIZE_MAX) {
            (void)map_put(&seen, o->members[i].key, o);
            o->members[n++] = o->members[i];
        } else {
            o->members[at].value = o->members[i].value;
        }
    }
    o->n = n;
    map_fini(&seen);
}

static int read_object(struct reader *r, struct json *out)
{
    size_t cap = 0;
    enum json_token t;
    while ((t = json_next(&r->scan)) == JSON_T_KEY) {
        out->members = room_for_one(r, out->members, out->n, &cap, sizeof *out->members);
        if (!out->members)
            return no_memory(r);
        struct json_member *m = &out->members[out->n];
        int rc = read_string(r, &m->key);
        if (!rc)
            rc = read_value(r, json_next(&r->scan), &m->value);
        if (rc)
            return rc;
        out->n++;
    }
    if (t == JSON_T_ERROR)
        return json_scan_error(&r->scan, r->err);
    drop_duplicates(out);
    return 0;
}

static int read_value(struct reader *r, enum json_token token, struct json *out)
{
    *out = (struct json){ 0 };
    switch (token) {
    case JSON_T_NULL: return 0;
    case JSON_T_TRUE:
    case JSON_T_FALSE:
        out->type = JSON_BOOL;
        out->boolean = token == JSON_T_TRUE;
        return 0;
    case JSON_T_NUMBER:
        out->type = JSON_NUMBER;
        out->number = r->scan.number;
        out->is_integer = parse_i64(r->scan.raw, &out->integer) == 0;
        return 0;
    case JSON_T_STRING: out->type = JSON_STRING; return read_string(r, &out->string);
    case JSON_T_ARRAY: out->type = JSON_ARRAY; return read_array(r, out);
    case JSON_T_OBJECT: out->type = JSON_OBJECT; return read_object(r, out);
    default: return json_scan_error(&r->scan, r->err);
    }
}

int json_parse(struct arena *a, str_t text, const struct json_options *options, struct json *out,
               struct err *err)
{
    struct reader r = { .arena = a, .err = err };
    json_scan_init(&r.scan, text, options);
    int rc = read_value(&r, json_next(&r.scan), out);
    if (rc)
        return rc;
    return json_next(&r.scan) == JSON_T_END ? 0 : json_scan_error(&r.scan, err);
}

static const struct json *get_str(const struct json *v, str_t key)
{
    if (!v || v->type != JSON_OBJECT)
        return NULL;
    for (size_t i = 0; i < v->n; i++)
        if (str_eq(v->members[i].key, key))
            return &v->members[i].value;
    return NULL;
}

const struct json *json_get(const struct json *v, const char *key)
{
    return get_str(v, str_of(key));
}

const struct json *json_path(const struct json *v, const char *path)
{
    str_t rest = str_of(path), part;
    while (v && str_cut(rest, '.', &part, &rest))
        v = get_str(v, part);
    return get_str(v, rest);
}

const char *json_get_string(const struct json *v, const char *key, const char *fallback)
{
    const struct json *m = json_get(v, key);
    return m && m->type == JSON_STRING ? m->string.p : fallback;
}

double json_get_number(const struct json *v, const char *key, double fallback)
{
    return json_as_double(json_get(v, key), fallback);
}

int64_t json_get_int(const struct json *v, const char *key, int64_t fallback)
{
    const struct json *m = json_get(v, key);
    return m && m->type == JSON_NUMBER && m->is_integer ? m->integer : fallback;
}

int json_get_bool(const struct json *v, const char *key, int fallback)
{
    const struct json *m = json_get(v, key);
    return m && m->type == JSON_BOOL ? m->boolean : fallback;
}

double json_as_double(const struct json *v, double fallback)
{
    double d;
    if (!v)
        return fallback;
    if (v->type == JSON_NUMBER)
        return v->number;
    if (v->type == JSON_STRING &&
        (str_is(v->string, "NaN") || str_is(v->string, "Infinity") ||
         str_is(v->string, "-Infinity")) &&
        parse_double(v->string, &d) == 0)
        return d;
    return fallback;
}

static int by_key(const void *a, const void *b)
{
    const struct json_member *const *x = a, *const *y = b;
    return str_cmp((*x)->key, (*y)->key);
}

static int write_sorted(struct arena *a, const struct json *v, struct json_out *o)
{
    if (v->type == JSON_ARRAY) {
        jo_array(o);
        for (size_t i = 0; i < v->n; i++)
            if (write_sorted(a, &v->items[i], o))
                return ERR_NOMEM;
        jo_array_end(o);
        return 0;
    }
    if (v->type != JSON_OBJECT) {
        jo_value(o, v);
        return 0;
    }
    const struct json_member **order = ARENA_TRY_ARRAY(a, v->n, const struct json_member *);
    if (!order)
        return ERR_NOMEM;
    for (size_t i = 0; i < v->n; i++)
        order[i] = &v->members[i];
    if (v->n)
        qsort(order, v->n, sizeof *order, by_key);
    jo_object(o);
    for (size_t i = 0; i < v->n; i++) {
        jo_key_str(o, order[i]->key);
        if (write_sorted(a, &order[i]->value, o))
            return ERR_NOMEM;
    }
    jo_object_end(o);
    return 0;
}

int json_canonical(struct arena *a, const struct json *v, struct buf *out, struct err *err)
{
    struct json_out o;
    json_out_init(&o, out);
    if (write_sorted(a, v, &o) || out->failed)
        return ERR(err, ERR_LIMIT, "JSON value is too large");
    return 0;
}

int json_check_members(const struct json *v, const char *lacks, const char *const *names, size_t n,
                       struct err *err)
{
    for (size_t i = 0; i < v->n; i++) {
        str_t key = v->members[i].key;
        int known = 0;
        for (size_t k = 0; k < n && !known; k++)
            known = str_is(key, names[k]);
        const char *near = known ? NULL : str_nearest(key, names, n);
        if (!known)
            return ERR(err, ERR_INVALID, "%s '%.*s'%s%s%s", lacks, (int)MIN(key.n, (size_t)60),
                       key.p, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
    return 0;
}
