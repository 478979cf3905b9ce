/* SPDX-License-Identifier: Apache-2.0
 * A table in memory: named columns of doubles (missing = NaN) or of strings coded into levels
 * (missing = -1). Row order is the file's. Owned by one worker; columns live in its arena. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

enum column_type {
    COLUMN_NUMBER,    /* double */
    COLUMN_INTEGER,   /* double holding whole numbers; signature type long */
    COLUMN_BOOLEAN,   /* double 0 or 1 */
    COLUMN_STRING,    /* coded */
    COLUMN_TIME,      /* double: Unix milliseconds */
};

struct column {
    const char *name;
    enum column_type type;
    double *numbers;       /* n; NULL for strings */
    int32_t *codes;        /* n; NULL for numbers; -1 = missing */
    str_t *levels;         /* distinct strings, in order of first appearance */
    size_t level_n;
};

struct frame {
    struct arena *arena;
    struct column *columns;
    size_t column_n;
    size_t n;              /* rows */
};

struct column *frame_column(const struct frame *f, str_t name); /* NULL when absent */
/* ERR_INVALID "column 'x' is not in …; did you mean 'y'?" */
int frame_need(const struct frame *f, str_t name, struct column **out, struct err *err) WARN_UNUSED;
struct column *frame_add(struct frame *f, const char *name, enum column_type type, struct err *err); /* NULL on no memory */
void frame_drop(struct frame *f, str_t name);
const char *column_type_name(enum column_type t); /* "number", "integer", … */
