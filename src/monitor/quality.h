/* SPDX-License-Identifier: Apache-2.0
 * Findings about the data of a window, apart from drift: more missing values than before, values
 * outside the range, categories never seen, too few or too many rows, a feed that went quiet,
 * columns that stand still, scores that are no numbers, schemas that do not fit. Pure. */
#pragma once
#include "model/signature.h"
#include "monitor/counts.h"

enum monitor_check {
    MONITOR_CHECK_ROWS,     /* row count against expected_rows */
    MONITOR_CHECK_STALE,    /* no row for longer than stale_ms */
    MONITOR_CHECK_GAP,      /* part of the window was not counted */
    MONITOR_CHECK_ERRORS,   /* share of refused or failed requests */
    MONITOR_CHECK_MISSING,  /* share of missing values against the reference */
    MONITOR_CHECK_RANGE,    /* share of numbers outside the reference's range */
    MONITOR_CHECK_UNSEEN,   /* share of categories that the reference has not named */
    MONITOR_CHECK_CONSTANT, /* one value only where the reference varies */
    MONITOR_CHECK_BAD,      /* infinite inputs, NaN or infinite predictions */
    MONITOR_CHECK_SCHEMA,   /* a feature is missing, new, or of another kind */
    MONITOR_CHECKS
};
/* "rows", "stale", "gap", "errors", "missing", "range", "unseen", "constant", "bad", "schema". */
const char *monitor_check_name(enum monitor_check c);

struct monitor_quality_policy {
    double alpha;        /* of each test, divided by the number of features: 0.001 */
    double share_min;    /* smallest rise of a share that counts: 0.02 */
    double share_severe; /* a rise that says that what comes in is broken: 0.2 */
    double errors_share; /* refused or failed requests: 0.05 */
    double rows_ratio;   /* rows below expected / ratio or above expected · ratio: 2 */
    uint64_t rows_min;   /* shares of fewer rows are not looked at: 30 */
    int64_t stale_ms;    /* 0: not checked */
    int64_t now_ms;      /* for staleness; 0: the window's end */
};
struct monitor_quality_policy monitor_quality_policy_default(void);

struct monitor_finding {
    enum monitor_check check;
    int severe;          /* 1: what comes in is broken; 0: worth a look */
    int64_t feature;     /* index in the reference; -1: the window as a whole */
    double value;        /* the share or count that was seen */
    double limit;        /* what it was held against */
    double p;            /* NaN when the check is no test */
    const char *message; /* one sentence for people */
};

/* All findings of a window, severe ones first. Arrays and texts lie in the arena. */
int monitor_quality(struct arena *a, const struct monitor_counts *counts,
                    const struct monitor_quality_policy *policy, struct monitor_finding **out,
                    size_t *out_n, struct err *err) WARN_UNUSED;

/* Findings about a reference that does not fit the model's signature. */
int monitor_quality_schema(struct arena *a, const struct monitor_reference *ref,
                           const struct signature *signature, struct monitor_finding **out,
                           size_t *out_n, struct err *err) WARN_UNUSED;
