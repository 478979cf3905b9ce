/* SPDX-License-Identifier: Apache-2.0
 * The verdict of one window: does each feature, and does the prediction, still look like the
 * reference?
 *
 * Per feature up to five tests on the cells; each has a statistic, the threshold that its sizes
 * imply, a p-value, an adjusted p-value and an effect that does not depend on the sizes. A test
 * says drifted when adjusted p < alpha and effect ≥ the policy's floor; a feature says drifted when
 * its deciding test does, adjusted among the deciding tests of all features.
 *
 * Adjusted twice: for what windows share, and for the number of features (Benjamini and Hochberg
 * 1995). All windows are held against the same reference, so the share n_window / (n_window +
 * n_reference) of the noise is that of the reference and comes back in each of them, where "2 of 3
 * windows" cannot thin it out; p is divided by 1 - 0.9 · that share, which lets an alert be as rare
 * for large windows as for small ones. Pure: any thread with its own arena. */
#pragma once
#include "monitor/counts.h"
#include "monitor/quality.h"

enum monitor_state {
    MONITOR_INSUFFICIENT, /* too few rows to say anything; never "ok" */
    MONITOR_OK,
    MONITOR_WARNING, /* below alpha alone, not after adjustment; or one drifted window of three */
    MONITOR_DRIFTED
};
/* "insufficient_data", "ok", "warning", "drifted". */
const char *monitor_state_name(enum monitor_state s);

enum monitor_method {
    MONITOR_PSI,  /* population stability index; both kinds */
    MONITOR_JS,   /* Jensen-Shannon distance, natural logarithm; both kinds */
    MONITOR_CHI2, /* contingency table of two rows; both kinds */
    MONITOR_KS,   /* largest difference of the two distribution functions; numbers */
    MONITOR_W1,   /* Wasserstein distance / sd of the reference; numbers */
    MONITOR_METHODS
};
/* "psi", "js", "chi2", "ks", "w1". */
const char *monitor_method_name(enum monitor_method m);
/* 0, or ERR_INVALID that lists the names. */
int monitor_method_of(str_t name, enum monitor_method *out, struct err *err) WARN_UNUSED;

struct monitor_policy {
    double alpha;                         /* 0.05 */
    double floor[MONITOR_METHODS];        /* least effect that counts: 0.1 each */
    enum monitor_method number, category; /* the deciding tests: PSI, CHI2 */
    double expected_min; /* expected count of a cell after merging: 8; chi-squared's law needs 5,
                            its far tail, where many features are judged, a little more */
    size_t cells;        /* most cells of PSI, JS and CHI2 on numbers: 10 */
    uint64_t rows_min;   /* fewer rows are insufficient: 30 */
    struct monitor_quality_policy quality;
};
/* The defaults named above. */
struct monitor_policy monitor_policy_default(void);

/* One test of one feature. All NaN and state insufficient when it does not apply. */
struct monitor_test {
    enum monitor_state state;
    double statistic;
    double threshold; /* of the statistic for one feature, and at least the floor's */
    double p, p_adjusted;
    double effect;
    uint32_t cells; /* compared, after merging */
};

struct monitor_feature_verdict {
    enum monitor_state state;   /* of the deciding test */
    enum monitor_method method; /* the deciding one */
    double p_adjusted;          /* of the deciding test among all deciding tests; NaN: none */
    uint64_t n;                 /* values in cells in this window */
    struct monitor_test tests[MONITOR_METHODS];
    double mean;          /* of the window; NaN for categories */
    double missing_ratio; /* of all rows; NaN without rows, as the next two */
    double out_of_range;  /* share of the values of a number outside the reference's range */
    double unseen;        /* share of the values of a category that the reference has not named */
};

struct monitor_verdict {
    uint64_t n;               /* rows */
    enum monitor_state state; /* worst of the inputs and outputs; insufficient when all are */
    size_t features_n;        /* of the reference */
    struct monitor_feature_verdict *features;
    /* Input features by state, and outputs that drifted. */
    size_t insufficient, ok, warnings, drifted, outputs_drifted;
    double worst_psi; /* largest PSI of any input, and of the outputs; NaN when none */
    double output_psi;
    size_t findings_n; /* about the data, worst first */
    struct monitor_finding *findings;
};

/* Judges a window. `out` and what it points to lie in the arena. ERR_INVALID when the counts do not
 * fit the reference; ERR_NOMEM. */
int monitor_judge(struct arena *a, const struct monitor_reference *ref,
                  const struct monitor_counts *counts, const struct monitor_policy *policy,
                  struct monitor_verdict *out, struct err *err) WARN_UNUSED;

/* Puts the tests of the values themselves in place of those that cells approximate, where both
 * samples are at hand and sorted: D with its p-value as stat_ks_p has it, Wasserstein's distance.
 * Then monitor_verdict_settle. ERR_NOMEM. */
int monitor_judge_values(struct arena *a, const struct monitor_feature *f,
                         const struct monitor_values *reference,
                         const struct monitor_values *window,
                         struct monitor_feature_verdict *v) WARN_UNUSED;
/* Adjusts p-values and decides states and tallies from the tests as they stand. ERR_NOMEM. */
int monitor_verdict_settle(struct arena *a, const struct monitor_reference *ref,
                           const struct monitor_policy *policy, struct monitor_verdict *v,
                           struct err *err) WARN_UNUSED;

/* The state after the last windows, newest first (n ≤ 3 are looked at): drifted when 2 of the last
 * 3 are; a single drifted one is a warning; else the newest. Windows that are insufficient take a
 * place and vote for nothing. */
enum monitor_state monitor_streak(const enum monitor_state *newest_first, size_t n);

/* "state","rows","features":[{"name","state",…,"tests":{"psi":{…}}}],"findings":[…] as members of
 * the object that is open. */
void monitor_verdict_write_members(const struct monitor_reference *ref,
                                   const struct monitor_verdict *v, struct json_out *o);
/* The same as an object. */
void monitor_verdict_write(const struct monitor_reference *ref, const struct monitor_verdict *v,
                           struct json_out *o);
