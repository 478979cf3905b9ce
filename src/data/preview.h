/* SPDX-License-Identifier: Apache-2.0
 * The first rows of a table file that a user made, read where it can do no harm: in a child process
 * with limits on memory, time and what it may write. The file comes as standard input, so that the
 * child needs no name and the fence of the engine lets it open nothing else. */
#pragma once

enum {
    PREVIEW_ROWS_MAX = 1000,
    PREVIEW_COLUMNS_MAX = 100, /* the rest is counted, not read */
    PREVIEW_CELL_MAX = 200,    /* letters of a cell */
    PREVIEW_JSON_MAX = 16 << 20,
    PREVIEW_SECONDS = 10
};

/* Role `_preview FORMAT ROWS` (parquet, csv, tsv): writes one JSON object to standard output, the
 * table or {"error":"…"}. Returns the exit status: 0 when the table was written. */
int preview_main(int argc, char **argv);
