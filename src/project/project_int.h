/* SPDX-License-Identifier: Apache-2.0
 * Private to the reader of slipway.yaml. Steps: YAML tree (codec) → check.c, which walks the tree
 * by the key table and fills in references (expand.c, params.c) → plan.c, which takes values out of
 * the checked tree → link.c, which orders stages → formula.c, which checks expressions. A node with
 * a reported problem is `bad`; later steps treat it as absent, so that one mistake gives one
 * message. */
#pragma once
#include "project/keys.h"
#include "project/project.h"

enum { READER_USES_MAX = 64 };

struct reader {
    struct arena *arena;
    struct diags *diags;
    const struct project_options *options;
    struct project *project;
    struct yaml_node *root;
    int params_ready;                       /* 0 while `params` itself is read */
    struct stage_use uses[READER_USES_MAX]; /* of the stage being checked */
    size_t use_n;
    const char *stage; /* its name; NULL outside stages */
};

/* Where a value came from, when references were filled in: maps a byte of the new text to the old.
 */
struct expansion {
    str_t original;
    struct {
        size_t from, to; /* in the new text */
        size_t source_from, source_to;
    } pieces[16];
    size_t n;
};

/* ---- expand.c ---- */
/* Fills in ${…} of a scalar and resolves its type again; in an expression texts get quotes. Reports
 * and marks the node bad when a reference is unknown. */
void reader_expand(struct reader *r, struct yaml_node *n, int in_expression);
/* Place of byte `at` of an expression's text (after filling in), `length` bytes wide. */
struct yaml_place reader_place_in(const struct yaml_node *n, size_t at, size_t length);

/* ---- params.c ---- */
void reader_params(struct reader *r, const struct yaml_node *params);
struct project_param *reader_param(const struct reader *r, str_t name);

/* ---- check.c ---- */
void reader_check_file(struct reader *r);
/* The value of a key, or NULL when absent or bad. */
const struct yaml_node *reader_get(const struct yaml_node *map, const char *key);
/* Letters (of any language unless ascii), digits, '-', '_', a letter first. */
int reader_is_name(str_t s, int ascii);
/* 1 when a wrong key of this map means the key `name` of the object. */
int reader_meant(const struct yaml_node *map, const char *object, const char *name);

/* ---- plan.c ---- */
void reader_plan(struct reader *r);

/* ---- project.c ---- */
/* A tree as JSON. With key_of each key as it says, and without what a problem was reported of. */
void project__write_node(struct json_out *o, const struct yaml_node *n, str_t (*key_of)(str_t key));

/* ---- care.c ---- */
/* How the endpoint is watched and kept fit. */
void reader_care(struct reader *r);

/* ---- link.c ---- */
void reader_link(struct reader *r);

/* ---- formula.c ---- */
void reader_check_gates(struct reader *r);
/* Parses a number or condition over columns; NULL when a problem was reported. */
struct expr *reader_formula(struct reader *r, const struct yaml_node *n, enum expr_type want);

static inline struct place reader_place(const struct yaml_node *n)
{
    return (struct place){ (uint32_t)n->place.line, (uint32_t)n->place.column };
}
