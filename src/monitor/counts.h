/* SPDX-License-Identifier: Apache-2.0
 * What one window of traffic counted, in the cells of a reference. Whoever counts fills it: the
 * merger of the serving path, or a program that reads a file. Plain data, no ownership. */
#pragma once
#include "monitor/reference.h"

/* One feature's counters. */
struct monitor_cells {
    uint64_t *cells; /* n_cells of the reference's feature */
    uint64_t missing, bad;
    double sum, sum2; /* of the finite numbers */
};

struct monitor_counts {
    const struct monitor_reference *ref;
    int64_t start_ms, end_ms;
    uint64_t requests, errors; /* errors: requests that were refused or failed */
    uint64_t rows;             /* rows that were predicted */
    uint64_t gap_ms;           /* of the window in which nothing was counted (a restart) */
    double expected_rows;      /* of a window of this length, from earlier ones; NaN: not known */
    int64_t last_row_ms;       /* time of the last row, 0: none in this window */
    struct monitor_cells *features; /* in the order of the reference */
};
