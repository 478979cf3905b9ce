/* SPDX-License-Identifier: Apache-2.0
 * What the project file says about data, as plain structs: where rows come from, what is done to
 * them, what must hold, how they are split. project/ fills them from slipway.yaml, this folder
 * executes them. All strings and arrays are borrowed and outlive the plan; nothing here is freed.
 */
#pragma once
#include "base/str.h"

/* Where a key or value stands in the project file; line 0 = unknown. Lines and columns from 1. */
struct place {
    uint32_t line, column;
};

/* data: NAME: { csv: PATH, key: …, time: …, target: …, … } */
struct csv_source {
    const char *name;
    const char *path;    /* as written; relative to the project's folder */
    const char *key;     /* identifier column: split key, never a feature; NULL = none */
    const char *time;    /* time column: split by time, never a feature; NULL = none */
    const char *target;  /* NULL = none */
    const char **ignore; /* columns that are read and profiled but are no features */
    size_t ignore_n;
    struct place *ignore_at; /* of each; NULL when not from a file */
    const char *
        *missing; /* texts that mean "missing" beside the empty field; NULL = csv_missing_default */
    size_t missing_n;
    char delimiter, quote; /* 0 = found by looking at the file */
    int header;            /* 1, 0, or -1 = found by looking */
    struct place at, path_at, key_at, time_at, target_at;
};

enum prep_op {
    PREP_IMPUTE,
    PREP_ONE_HOT,
    PREP_SCALE,
    PREP_CLIP,
    PREP_DROP,
    PREP_DROP_DUPLICATES,
    PREP_DERIVE
};

enum impute_how { IMPUTE_MEAN, IMPUTE_MEDIAN, IMPUTE_MOST_FREQUENT, IMPUTE_CONSTANT };
enum scale_how { SCALE_STANDARD, SCALE_MINMAX, SCALE_ROBUST };
/* Which level of a one-hot column gets no column of its own. AUTO: the first one when the model has
 * no penalty (an intercept is there, so all levels would be collinear), none when it has (ridge).
 * The predictions of linear_regression are the same either way. */
enum one_hot_drop { ONE_HOT_DROP_AUTO, ONE_HOT_DROP_NONE, ONE_HOT_DROP_FIRST };

/* One column of one step. Only the fields of the step's operation are looked at. */
struct prep_column {
    const char *name;
    struct place at; /* of the column's name, or of its value where there is one */
    enum impute_how impute;
    double number;    /* IMPUTE_CONSTANT of a number column; NaN when text is meant */
    const char *text; /* IMPUTE_CONSTANT of a string column; NULL when a number is meant */
    double low, high; /* CLIP: -INFINITY and INFINITY where open */
    enum scale_how scale;
    const char *expr; /* DERIVE: arithmetic over columns as they stand at this step */
};

struct prep_step {
    enum prep_op op;
    struct place at;
    struct prep_column *columns; /* DROP_DUPLICATES: none = compare whole rows */
    size_t column_n;
    enum one_hot_drop drop; /* ONE_HOT */
    const char *where; /* DROP of rows instead of columns: rows for which this is true; else NULL */
    struct place where_at;
};

enum expect_kind {
    EXPECT_NOT_NULL,
    EXPECT_UNIQUE,
    EXPECT_IN_RANGE,
    EXPECT_IN_SET,
    EXPECT_MATCHES,
    EXPECT_ROW_COUNT
};

/* One rule about one column (ROW_COUNT: about the table). `not_null: [a, b]` is two rules. */
struct expect_rule {
    enum expect_kind kind;
    const char *column; /* NULL for ROW_COUNT */
    double low, high;   /* IN_RANGE and ROW_COUNT, both ends included; ±INFINITY = open */
    const char **set;   /* IN_SET: the texts; numbers as written */
    size_t set_n;
    const char *pattern; /* MATCHES: RE2 syntax, the whole value must match */
    double mostly;       /* share of the non-missing rows that must hold; 0 means 1.0 */
    int warn_only;       /* a failure is a warning and stops nothing */
    struct place at;
};

enum split_by { SPLIT_HASH, SPLIT_TIME, SPLIT_STRATIFIED };

struct split_spec {
    enum split_by by;
    const char
        *column; /* HASH: key column (NULL = the source's key, else the whole row); TIME: time
                    column (NULL = the source's); STRATIFIED: the strata (NULL = the target) */
    double train, valid, test; /* shares in [0, 1], sum 1 (checked to 1e-9); train > 0, test > 0 */
    uint64_t seed;
    struct place at, column_at;
};
