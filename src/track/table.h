/* SPDX-License-Identifier: Apache-2.0
 * A window of runs by columns, for tables of many rows: what a search finds, from row `offset` on,
 * as typed columns. Names of columns are those of the search: attributes (run_id, name, status,
 * start_time_ms, …), metrics.X (latest), metrics_min.X, metrics_max.X, params.X, tags.X,
 * dataset.name, dataset.digest. Inside a transaction;
 * results live in the caller's arena. */
#pragma once
#include "track/search.h"

enum { RUN_TABLE_COLUMNS = 200, RUN_TABLE_ROWS = 1000, RUN_TABLE_KEYS = 5000 };

enum run_column_type { RUN_COLUMN_TEXT, RUN_COLUMN_NUMBER };

struct run_column {
    const char *name; /* "metrics.rmse" */
    enum run_column_type type;
    const char **texts; /* one a row, NULL = none; TEXT only */
    double *numbers;    /* NUMBER only */
    char *known;        /* NUMBER only: 1 = has a value (which may be NaN) */
};

struct run_table {
    int64_t total; /* runs that match */
    struct run *rows;
    size_t n;
    struct run_column *columns;
    size_t column_n;
};

/* At most RUN_TABLE_COLUMNS names and RUN_TABLE_ROWS rows (ERR_LIMIT); ERR_INVALID names a column
 * that cannot be. q->total is not used. */
int run_table(struct tx *tx, struct arena *a, const struct run_query *q, const char *const *names,
              size_t name_n, struct run_table *out, struct err *err) WARN_UNUSED;

/* Keys of metrics, parameters and tags that the given runs have, the most frequent first. */
struct run_keys {
    const char **metrics, **params, **tags;
    size_t metric_n, param_n, tag_n;
};
int run_table_keys(struct tx *tx, struct arena *a, const struct run *rows, size_t n,
                   struct run_keys *out, struct err *err) WARN_UNUSED;
