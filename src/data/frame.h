/* SPDX-License-Identifier: Apache-2.0
 * A table in memory: named columns of doubles (missing = NaN) or of strings coded into levels
 * (missing = -1). Row order is the file's. Owned by one worker; columns live in its arena. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

enum column_type {
    COLUMN_NUMBER,  /* double */
    COLUMN_INTEGER, /* double holding whole numbers; signature type long */
    COLUMN_BOOLEAN, /* double 0 or 1 */
    COLUMN_STRING,  /* coded */
    COLUMN_TIME,    /* double: Unix milliseconds */
};

struct column {
    const char *name;
    enum column_type type;
    double *numbers; /* n; NULL for strings */
    int32_t *codes;  /* n; NULL for numbers; -1 = missing */
    str_t *levels;   /* distinct strings, in order of first appearance */
    size_t level_n;
};

struct frame {
    struct arena *arena;
    struct column *columns;
    size_t column_n, column_cap;
    size_t n;         /* rows */
    uint32_t *origin; /* n: row of the file, from 0; NULL = rows 0 … n-1, nothing dropped */
};

enum { FRAME_ROWS_MAX = 2000000000 };

void frame_init(struct frame *f, struct arena *a, size_t rows);
/* Row of the file, counted from 1 as people do. */
size_t frame_row_number(const struct frame *f, size_t row);
int column_is_missing(const struct column *c, size_t row);
/* The value as text: "" when missing, whole numbers without a point, times as RFC 3339. The view
 * lives in the column (strings) or in scratch (numbers). */
enum { COLUMN_TEXT_MAX = 48 };
str_t column_text(const struct column *c, size_t row, char scratch[COLUMN_TEXT_MAX]);
/* Keeps only the rows listed (rising), in all columns; origin follows. */
int frame_keep(struct frame *f, const uint32_t *rows, size_t n, struct err *err) WARN_UNUSED;
/* 64-bit content hash of each row over the columns given (NULL = all, in order of name, so that
 * moving a column changes nothing): equal rows have equal hashes, on every machine and in every
 * version. -0 counts as 0, all NaN as missing. Uses up to `threads` threads; the result does not
 * depend on them. */
int frame_hash_rows(const struct frame *f, const struct column *const *columns, size_t column_n,
                    uint64_t seed, int threads, uint64_t *out) WARN_UNUSED;

struct column *frame_column(const struct frame *f, str_t name); /* NULL when absent */
/* ERR_INVALID "column 'x' is not in …; did you mean 'y'?" */
int frame_need(const struct frame *f, str_t name, struct column **out, struct err *err) WARN_UNUSED;
struct column *frame_add(struct frame *f, const char *name, enum column_type type,
                         struct err *err); /* NULL on no memory */
void frame_drop(struct frame *f, str_t name);
const char *column_type_name(enum column_type t); /* "number", "integer", … */
