/* SPDX-License-Identifier: Apache-2.0
 * Every output format of the read commands, from JSON answers and column descriptions. */
#pragma once
#include "cli/cli.h"

/* Value at a dotted path; keys that contain dots are tried whole first, digits index arrays. */
const struct json *out_path(const struct json *v, const char *path);

/* A list of objects in the asked format; `more` > 0 tells how many were left out. Columns are the
 * command's unless given. */
int out_list(struct cli *c, const struct json *items, const struct cli_column *columns,
             size_t column_n, int more, struct err *err) WARN_UNUSED;
/* One object; human() draws it for -o table and wide, NULL = key and value lines. */
int out_object(struct cli *c, const struct json *object,
               void (*human)(struct cli *c, const struct json *v), struct err *err) WARN_UNUSED;

/* A small table drawn by hand: cells in row order, first row is the header. */
struct out_grid {
    const char **cells; /* rows × columns, arena */
    size_t rows, columns;
    const enum cell_kind
        *kinds; /* per column: numbers stand right and are never cut, states are painted */
    const char *indent;
};
void out_grid(struct cli *c, const struct out_grid *g);

/* Text of a value for people (people = 1) or for files. */
const char *out_cell(struct cli *c, const struct json *v, enum cell_kind kind, int people);
const char *out_number(struct cli *c, double v);                    /* 4 significant digits */
const char *out_time(struct cli *c, int64_t ms);                    /* "3 min ago" */
const char *out_duration(struct cli *c, double ms);                 /* "1.2 s" */
const char *out_bytes(struct cli *c, int64_t n);                    /* "12.4 KiB" */
const char *out_interval(struct cli *c, const struct json *metric); /* "54.1 [51.2, 57.3]" */
