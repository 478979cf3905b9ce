/* SPDX-License-Identifier: Apache-2.0
 * YAML 1.2 documents as a tree in an arena, over libyaml's events, with the place of every key and
 * value.
 *
 * Types are resolved here by the core schema of YAML 1.2: `no`, `on` and 12:30:00 are texts, 1e-4
 * is a number, 0123 is 123. Spellings that YAML 1.1 tools read otherwise are reported as warnings.
 * Duplicate keys are errors, keys are scalars, one document a file, no merge keys, no tags but
 * !!str. Caps: LIMIT_YAML_BYTES, LIMIT_YAML_DEPTH, LIMIT_YAML_ALIASES, LIMIT_YAML_NODES (after
 * aliases). */
#pragma once
#include "base/arena.h"
#include "base/err.h"

/* A stretch of one source line; columns count characters from 1. */
struct yaml_place {
    int line, column;
    int length; /* characters, at least 1 */
};

enum yaml_kind {
    YAML_IS_NULL,
    YAML_IS_BOOL,
    YAML_IS_INT,
    YAML_IS_FLOAT,
    YAML_IS_STRING,
    YAML_IS_LIST,
    YAML_IS_MAP
};

struct yaml_node {
    enum yaml_kind kind;
    struct yaml_place place;
    str_t text; /* scalars: the content, NUL-terminated */
    int quoted; /* scalar in quotes or block style: always a string */
    int flow;   /* list or map in [ ] or { } */
    int boolean;
    int64_t integer; /* INT */
    double number;   /* INT and FLOAT */
    size_t n;
    struct yaml_node **items; /* LIST */
    struct yaml_pair *pairs;  /* MAP, in document order, keys unique */
    uint32_t depth, size;     /* of the whole subtree, aliases followed */
    int checked, bad;         /* for whoever checks the tree: seen; a problem was reported here */
    const void *extra;        /* likewise */
};

struct yaml_pair {
    struct yaml_node *key, *value;
};

enum yaml_problem_kind {
    YAML_SYNTAX,
    YAML_TAB,
    YAML_DOLLAR,
    YAML_DUPLICATE,
    YAML_TOO_LARGE,
    YAML_UNSUPPORTED,
    YAML_SPELLING
};

/* SPELLING is a warning, all others are errors. */
struct yaml_problem {
    enum yaml_problem_kind kind;
    struct yaml_place place;
    struct yaml_place first; /* DUPLICATE: where the key stood first */
    const char *text;        /* one sentence: what is wrong */
    const char *help;        /* one sentence: what to write; may be NULL */
};

enum { YAML_PROBLEMS_MAX = 50 };

struct yaml_document {
    struct yaml_node *root; /* NULL when the file is empty */
    struct yaml_problem problems[YAML_PROBLEMS_MAX];
    size_t problem_n, error_n;
};

/* 0 when there are no errors; else ERR_INVALID or ERR_LIMIT with the first one in err ("line 3,
 * column 5: …") and all of them in out->problems. After a duplicate key or a bad alias out->root is
 * still usable; after a syntax error it is NULL. */
int yaml_parse(struct arena *a, str_t text, struct yaml_document *out, struct err *err) WARN_UNUSED;

/* NULL when absent or not a map. */
const struct yaml_pair *yaml_find(const struct yaml_node *map, const char *key);
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);
/* "a text", "a list", … */
const char *yaml_kind_name(enum yaml_kind kind);
int yaml_is_scalar(const struct yaml_node *n);

/* Sets kind and values of a plain scalar from its text, by the core schema. */
void yaml_resolve(struct yaml_node *n);
/* What YAML 1.1 tools would read differently; 0 when nothing. The two texts are one sentence each.
 */
int yaml_spelling(struct arena *a, const struct yaml_node *n, const char **out_text,
                  const char **out_help);

/* Writes s as a scalar that every YAML reader, 1.1 or 1.2, takes as this text: plain when safe,
 * else in double quotes. */
void yaml_put_string(struct buf *out, str_t s);
