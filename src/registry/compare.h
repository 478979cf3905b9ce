/* SPDX-License-Identifier: Apache-2.0
 * What differs between runs or between versions: parameters, metrics, data, code, environment,
 * coefficients, gates. Sources are loaded inside a transaction; comparing them is a pure function.
 */
#pragma once
#include "codec/json.h"
#include "registry/version.h"
#include "store/blobs.h"

enum { COMPARE_MAX = 500 }; /* columns */

/* One column; every part may be NULL. Lives in an arena. */
struct compare_source {
    const char *ref;   /* "model/diabetes:2", "run/4f2a…" */
    const char *label; /* "version 2", the run's name */
    const struct json *params, *metrics, *dataset, *split, *code, *environment, *coefficients,
        *gates;
};

struct compare_row {
    const char *key;
    const char **values; /* one JSON text a column; "null" when it has none */
    int differs;
    const char *better; /* "low", "high" or NULL: which way a metric is better */
};

struct compare_section {
    const char
        *name; /* "params", "metrics", "data", "code", "environment", "coefficients", "gates" */
    struct compare_row *rows;
    size_t n;
};

struct comparison {
    const struct compare_source *columns;
    size_t column_n;
    struct compare_section *sections; /* empty ones are left out */
    size_t section_n;
};

int compare_load_version(struct tx *tx, struct arena *a, const struct version *v,
                         struct compare_source *out, struct err *err) WARN_UNUSED;
/* Reads the run's result file from the blobs when there is one. */
int compare_load_run(struct tx *tx, struct blobs *blobs, struct arena *a, const struct run *r,
                     struct compare_source *out, struct err *err) WARN_UNUSED;
int compare(struct arena *a, const struct compare_source *columns, size_t n, struct comparison *out,
            struct err *err) WARN_UNUSED;
/* {"columns":[…],"sections":[…]} */
void comparison_write(struct json_out *o, const struct comparison *c);

/* Which way a metric is better, prefixes like "valid." ignored; NULL = unknown. */
const char *compare_metric_better(str_t key);
