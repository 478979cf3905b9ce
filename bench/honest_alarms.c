/* SPDX-License-Identifier: Apache-2.0
 * Prints the table of false alarms of docs/explanation/drift.md, in Markdown: 1,000 windows a line
 * without any drift, fifty references of which each is followed by twenty windows, and how soon a
 * shift by one standard deviation is noticed.
 *   ninja -C build bench/bench-honest-alarms && build/bench/bench-honest-alarms > table.md
 * or `scripts/bench honest-alarms`. About a minute. */
#include <stdio.h>
#include <string.h>

#include "honest.h"

static const size_t window_rows[] = { 50, 200, 1000, 10000 };
static const size_t reference_rows[] = { 353, 5000, 100000 };

static void percent(double share)
{
    (void)printf(" %.1f |", 100 * share);
}

static int line(size_t reference, size_t rows, double floor, const char *what)
{
    struct honest_plan plan = { .seed = 20250 + reference + rows,
                                .reference_rows = reference,
                                .window_rows = rows,
                                .references = 50,
                                .windows = 22,
                                .floor = floor };
    struct honest_rates r;
    int rc = honest_run(&plan, &r);
    if (rc)
        return rc;
    (void)printf("| %zu | %zu |", reference, rows);
    for (size_t m = 0; m < MONITOR_METHODS; m++)
        percent(strcmp(what, "single") == 0    ? r.single[m]
                : strcmp(what, "drifted") == 0 ? r.drifted[m]
                                               : r.alerts[m]);
    if (strcmp(what, "drifted") == 0)
        percent(r.verdict);
    else if (strcmp(what, "alerts") == 0)
        percent(r.verdict_alerts);
    if (strcmp(what, "single") == 0)
        percent(r.insufficient);
    (void)printf("\n");
    return 0;
}

static int table(const char *title, double floor, const char *what, const char *last)
{
    int rc = 0;
    (void)printf("\n%s\n\n| reference | window | psi | js | chi2 | ks | w1 | %s |\n", title, last);
    (void)printf("|--:|--:|--:|--:|--:|--:|--:|--:|\n");
    for (size_t i = 0; i < ARRAY_LEN(reference_rows) && !rc; i++)
        for (size_t j = 0; j < ARRAY_LEN(window_rows) && !rc; j++)
            rc = line(reference_rows[i], window_rows[j], floor, what);
    return rc;
}

static int sensitivity(void)
{
    (void)printf("\nShare of references after which a shift of the first two inputs, in standard "
                 "deviations, is an alert within three windows (%%)\n\n");
    (void)printf("| window | shift 0.3 | shift 0.5 | shift 1.0 |\n|--:|--:|--:|--:|\n");
    for (size_t j = 0; j < 3; j++) {
        (void)printf("| %zu |", window_rows[j]);
        for (size_t s = 0; s < 3; s++) {
            struct honest_plan plan = { .seed = 7,
                                        .reference_rows = 353,
                                        .window_rows = window_rows[j],
                                        .references = 100,
                                        .windows = 3,
                                        .floor = 0.1,
                                        .shift = (const double[]){ 0.3, 0.5, 1 }[s] };
            struct honest_rates r;
            int rc = honest_run(&plan, &r);
            if (rc)
                return rc;
            percent(r.in_three);
        }
        (void)printf("\n");
    }
    return 0;
}

int main(void)
{
    int rc = table("Single inputs with p < 0.05 (%)", 0, "single", "insufficient");
    if (!rc)
        rc = table("Windows with an input drifted after adjustment, effect not asked for (%)", 0,
                   "drifted", "verdict");
    if (!rc)
        rc = table("Alerts: 2 of 3 windows, effect not asked for (%)", 0, "alerts", "verdict");
    if (!rc)
        rc = table("Windows with an input drifted, effect at least 0.1 (%)", 0.1, "drifted",
                   "verdict");
    if (!rc)
        rc = table("Alerts: 2 of 3 windows, effect at least 0.1 (%)", 0.1, "alerts", "verdict");
    if (!rc)
        rc = sensitivity();
    return rc ? 1 : 0;
}
