/* SPDX-License-Identifier: Apache-2.0
 * Two files, column by column: is the second distributed as the first? Everything is at hand, so
 * Kolmogorov-Smirnov and Wasserstein are taken on the values; the rest is what monitor_judge does
 * with a window. Loads DuckDB: for worker processes only, entered by monitor_drift_main. */
#pragma once
#include "base/parallel.h"
#include "monitor/judge.h"

enum { MONITOR_LEVELS_MAX = 100000 }; /* texts of a reference column that may become names */

struct monitor_files {
    const char *reference, *current;
    const char *const *ignore; /* columns to leave out */
    size_t ignore_n;
    struct monitor_policy policy;
    int threads;
    uint64_t memory_limit_bytes; /* 0 = half of the machine's */
    const char *temp_dir;        /* where the engine spills; NULL: it may not */
};

/* What ends with monitor_comparison_fini; the rest lies in the arena of the call. */
struct monitor_comparison {
    struct monitor_reference ref;
    struct monitor_counts counts;
    struct monitor_verdict verdict;
    struct arena memory[PARALLEL_MAX]; /* of the threads */
};

/* Columns of time, of another kind than in the reference, new or gone are findings and not
 * compared. Errors as csv_read has them; they name the file. */
int monitor_compare_files(struct arena *a, const struct monitor_files *files,
                          struct monitor_comparison *out, struct err *err) WARN_UNUSED;
void monitor_comparison_fini(struct monitor_comparison *c);

/* The role `slipway _drift SPEC`: reads {"reference","current","ignore","methods","alpha","floor",
 * "threads","memory_limit_bytes","temp_dir","result"}, writes the verdict as JSON to the file
 * `result`, or an {"error":{"code","message"}}. 0 unless it cannot even write that. */
int monitor_drift_main(int argc, char **argv);
