/* SPDX-License-Identifier: Apache-2.0
 * JSON (RFC 8259): one scanner used by both the document reader (control plane) and pull parsing of
 * tensors (hot path), and a streaming writer.
 *
 * Strict but for one option: the bare tokens NaN, Infinity and -Infinity, which Python writes.
 * Duplicate keys: the last one wins. Strings must be valid UTF-8; lone surrogate escapes are
 * refused. Depth and size are capped. Numbers keep whether they were written as integers. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json {
    enum json_type type;
    int boolean;
    int is_integer; /* number written without point or exponent and in the range of int64 */
    int64_t integer;
    double number;               /* always set for numbers */
    str_t string;                /* NUL-terminated as well; may contain NUL bytes from \u0000 */
    size_t n;                    /* items or members */
    struct json *items;          /* array */
    struct json_member *members; /* object, in document order, keys unique */
};

struct json_member {
    str_t key;
    struct json value;
};

struct json_options {
    int max_depth; /* 0 = LIMIT_JSON_DEPTH */
    int allow_nan; /* bare NaN, Infinity, -Infinity */
};

/* Parses the whole text into the arena. Errors name line and column. */
int json_parse(struct arena *a, str_t text, const struct json_options *options, struct json *out,
               struct err *err) WARN_UNUSED;

/* Look-ups; NULL when absent or when v is not an object. */
const struct json *json_get(const struct json *v, const char *key);
/* a.b.c through nested objects. */
const struct json *json_path(const struct json *v, const char *path);
/* Typed members with defaults: wrong type counts as absent. */
const char *json_get_string(const struct json *v, const char *key, const char *fallback);
double json_get_number(const struct json *v, const char *key, double fallback);
int64_t json_get_int(const struct json *v, const char *key, int64_t fallback);
int json_get_bool(const struct json *v, const char *key, int fallback);
/* Also reads "NaN", "Infinity", "-Infinity" strings as our own writer makes them. */
double json_as_double(const struct json *v, double fallback);

/* ERR_INVALID for a member of object v whose key is not among the names: "<lacks> 'x'", with the
 * nearest of them. lacks: "a strategy has no member". */
int json_check_members(const struct json *v, const char *lacks, const char *const *names, size_t n,
                       struct err *err) WARN_UNUSED;

/* ---- pull scanner: no allocation, for big arrays of numbers ---- */
enum json_token {
    JSON_T_ERROR,
    JSON_T_END,
    JSON_T_OBJECT,
    JSON_T_OBJECT_END,
    JSON_T_ARRAY,
    JSON_T_ARRAY_END,
    JSON_T_KEY,
    JSON_T_STRING,
    JSON_T_NUMBER,
    JSON_T_TRUE,
    JSON_T_FALSE,
    JSON_T_NULL
};

struct json_scan {
    str_t text;
    size_t at; /* next byte */
    int depth;
    int max_depth;
    int allow_nan;
    int state;
    unsigned char stack[LIMIT_JSON_DEPTH_MAX / 8 + 1]; /* one bit a level: 1 = object */
    str_t raw;       /* of KEY and STRING: between the quotes, still escaped; of NUMBER: its text */
    int escaped;     /* raw contains a backslash */
    double number;   /* of NUMBER */
    const char *why; /* of ERROR */
};

void json_scan_init(struct json_scan *s, str_t text, const struct json_options *options);
enum json_token json_next(struct json_scan *s);
/* Skips the value whose first token was just returned. 0 or ERR_INVALID. */
int json_skip(struct json_scan *s, enum json_token first) WARN_UNUSED;
/* Decodes raw of the last KEY or STRING; without escapes no copy is made. */
int json_string(struct json_scan *s, struct arena *a, str_t *out) WARN_UNUSED;
/* Fills err from the scanner's state, with line and column; returns ERR_INVALID. */
int json_scan_error(const struct json_scan *s, struct err *err);

/* ---- writer: commas and nesting are its business ---- */
struct json_out {
    struct buf *b;
    int depth;
    int indent;        /* spaces a level; 0 = compact */
    int nan_as_string; /* 1: "NaN" in quotes; 0: bare token (TensorFlow Serving) */
    unsigned char has_items[LIMIT_JSON_DEPTH_MAX + 1];
    int after_key;
};

void json_out_init(struct json_out *o, struct buf *b); /* compact, nan_as_string = 1 */
void jo_object(struct json_out *o);
void jo_object_end(struct json_out *o);
void jo_array(struct json_out *o);
void jo_array_end(struct json_out *o);
void jo_key(struct json_out *o, const char *key);
void jo_key_str(struct json_out *o, str_t key);
void jo_str(struct json_out *o, str_t s);        /* invalid UTF-8 becomes U+FFFD */
void jo_cstr(struct json_out *o, const char *z); /* NULL writes null */
void jo_double(struct json_out *o, double v);    /* shortest; whole numbers keep ".0" */
void jo_int(struct json_out *o, int64_t v);
void jo_bool(struct json_out *o, int v);
void jo_null(struct json_out *o);
void jo_raw(struct json_out *o, str_t json);             /* must be one valid value */
void jo_value(struct json_out *o, const struct json *v); /* a parsed value, re-written */
/* The same as a text in the arena; NULL when it is larger than max or the arena is full. */
const char *json_to_text(struct arena *a, const struct json *v, size_t max);
/* "key": value in one call. */
void jo_kv_str(struct json_out *o, const char *key, str_t s);
void jo_kv_cstr(struct json_out *o, const char *key, const char *z);
void jo_kv_double(struct json_out *o, const char *key, double v);
void jo_kv_int(struct json_out *o, const char *key, int64_t v);
void jo_kv_time(struct json_out *o, const char *key, int64_t ms); /* 0 = not yet: null */
void jo_kv_bool(struct json_out *o, const char *key, int v);
void jo_kv_raw(struct json_out *o, const char *key, str_t json);
/* Canonical form for digests: keys sorted bytewise, compact, shortest numbers. */
int json_canonical(struct arena *a, const struct json *v, struct buf *out,
                   struct err *err) WARN_UNUSED;
