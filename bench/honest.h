/* SPDX-License-Identifier: Apache-2.0
 * Simulated traffic for the question how often a monitor cries wolf: references are drawn, windows
 * after them from the same laws, and judged by the code that judges real ones. Shared by the
 * program that makes the table and by a test with fewer windows. */
#pragma once
#include "monitor/judge.h"

/* Nine inputs (normal, lognormal, uniform, counts, mostly zero, a flag, and categories of 3, 12 and
 * 500 names) and one prediction. */
enum { HONEST_FEATURES = 10 };

struct honest_plan {
    uint64_t seed;
    size_t reference_rows, window_rows;
    size_t references; /* each followed by `windows` windows */
    size_t windows;
    double floor; /* of every method; 0: significance alone decides */
    double shift; /* of the first two inputs, in standard deviations */
};

struct honest_rates {
    size_t windows, streaks; /* that were judged; that had two before them */
    /* By method: of the tests of single inputs p < alpha; of windows with an input drifted after
     * adjustment; of streaks with an input drifted in 2 of 3. */
    double single[MONITOR_METHODS], drifted[MONITOR_METHODS], alerts[MONITOR_METHODS];
    /* The verdict, by the deciding methods, with the prediction. */
    double verdict, verdict_alerts;
    double insufficient; /* share of inputs */
    double in_three;     /* share of references with an alert within the first three windows */
};

/* ERR_NOMEM. */
int honest_run(const struct honest_plan *plan, struct honest_rates *out) WARN_UNUSED;
