/* SPDX-License-Identifier: Apache-2.0
 * What goes in and comes out of a served version, counted: for each watched feature a histogram
 * over fixed cells, missing and bad values, sum and sum of squares.
 *
 * serve/ knows no reference: the cells are a flat layout that comes with struct serve_spec. Each
 * version of an endpoint has counters of its own in stripes; a prediction takes one stripe for
 * itself while it counts (one exchange, tried on the next when busy) and adds with plain stores. No
 * lock, no system call, no allocation. Totals only rise; readers take differences. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

struct serve;
struct serve_call;

enum {
    WATCH_FEATURES_MAX = 2000, /* further ones of a layout are not counted */
    WATCH_CELLS_MAX = 66,      /* of one feature: 65 edges or names at most */
};

/* One watched feature. Numbers: n ascending edges make n + 1 cells, cell i counts edges[i-1] <= x <
 * edges[i]. Categories: n names make n + 1 cells, the last counts every other value. A category may
 * be a column of numbers or booleans: its names are then read as such. */
struct watch_feature {
    str_t name;   /* of the input column */
    int output;   /* 1: output `index` of the model instead; only outputs of width 1 */
    size_t index; /* outputs only */
    int categories;
    size_t n;
    const double *edges; /* numbers */
    const str_t *names;  /* categories */
};

/* Counters of one feature, since its version's counters began. */
struct watch_cells {
    size_t n; /* cells; 0: the version has no such column, or of another kind: it is not counted */
    const uint64_t *cells;
    uint64_t missing; /* null and NaN inputs */
    uint64_t bad;     /* infinite inputs; NaN and infinite predictions */
    double sum, sum2; /* of finite numbers */
};

/* One version of one endpoint, and what it counted. */
struct watch_total {
    uint64_t serial;      /* of these counters; another one means that they began at zero again */
    const char *endpoint; /* as it serves: "name", or "project.name" */
    const char *project, *model, *version, *digest;
    int serves; /* the version that answers now, or the candidate of a trial */
    uint64_t requests, errors, rows;
    uint64_t skipped; /* rows that found every stripe taken and were not counted in cells */
    size_t n;         /* features of the layout; 0: no reference */
    struct watch_cells *features;
};

/* Totals of every version of every endpoint; an arena array. With `seen` (may be NULL) cells are
 * only filled for those versions whose rows differ from what seen(arg, serial) returns: others have
 * features NULL. ERR_NOMEM past the arena's cap. */
int serve_watch_totals(struct serve *s, struct arena *a,
                       uint64_t (*seen)(void *arg, uint64_t serial), void *arg,
                       struct watch_total **out, size_t *out_n, struct err *err) WARN_UNUSED;

struct serve_column;
/* The input columns of what these counters belong to, in the order of its signature; copied into
 * the arena. ERR_NOT_FOUND when the counters are gone. */
int serve_watch_columns(struct serve *s, struct arena *a, uint64_t serial,
                        struct serve_column **out, size_t *out_n) WARN_UNUSED;

/* ---- the log of predictions ---- */

/* What a prediction leaves behind for the log; the taker gets whole records, oldest first within a
 * thread. Everything points into memory that is valid during the call. */
struct watch_record {
    unsigned char id[16]; /* of the prediction, a UUIDv7: the first six bytes are its time */
    int64_t time_ms;      /* that of the id */
    uint64_t serial;      /* of the counters of its version, as in struct watch_total */
    size_t rows, outputs; /* outputs: values a row */
    const double *values; /* rows × outputs */
    size_t columns;       /* 0: the inputs were not sampled */
    str_t inputs;         /* packed: column after column, see serve_watch_input */
};

/* One input of a record. A column of strings gives text (empty: missing), another one a number
 * (NaN: missing). */
struct watch_input {
    size_t column, row; /* column: index in the version's signature */
    int is_text;
    double number;
    str_t text;
};

/* Walks the inputs, column after column; starts as zeros. */
struct watch_cursor {
    size_t column, row, byte;
    int is_text;
};
/* 1 and the next value; 0 at the end; ERR_CORRUPT when the bytes (read back from a file) are not
 * what was packed. */
int serve_watch_input(const struct watch_record *r, struct watch_cursor *at,
                      struct watch_input *out);

/* Turns the log of an endpoint on: of a share of the requests (by a hash of the id) the inputs are
 * kept too. share < 0: off, as it is at first. endpoint NULL: all, and those that come. No such
 * endpoint: nothing. */
void serve_watch_log(struct serve *s, const char *endpoint, double share);
/* Takes what was logged since the last call, from one thread at a time; *out_dropped: how many
 * records found their ring full since then, by the policy that a prediction never waits. */
void serve_watch_take(struct serve *s, void (*fn)(void *arg, const struct watch_record *r),
                      void *arg, uint64_t *out_dropped);
