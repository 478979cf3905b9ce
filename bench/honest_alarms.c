/* SPDX-License-Identifier: Apache-2.0
 * Prints the tables of false alarms of docs/explanation/drift.md, in Markdown: a line is 1,400
 * windows without any drift, 200 references of which each is followed by seven windows, hence 1,000
 * sequences of three; and how soon a shift is noticed. `scripts/bench honest-alarms`, about a
 * minute; the same numbers on every machine. */
#include <stdio.h>

#include "honest.h"

static const size_t window_rows[] = { 50, 200, 1000, 10000 };
static const size_t reference_rows[] = { 353, 5000, 100000 };

enum { ROWS_N = 4, REFERENCES_N = 3, FLOORS_N = 2 };
static struct honest_rates results[FLOORS_N][REFERENCES_N][ROWS_N];

static void percent(double share)
{
    (void)printf(" %.1f |", 100 * share);
}

static int simulate(void)
{
    int rc = 0;
    for (size_t f = 0; f < FLOORS_N; f++)
        for (size_t i = 0; i < REFERENCES_N && !rc; i++)
            for (size_t j = 0; j < ROWS_N && !rc; j++) {
                struct honest_plan plan = { .seed = 20250 + i * ROWS_N + j,
                                            .reference_rows = reference_rows[i],
                                            .window_rows = window_rows[j],
                                            .references = 200,
                                            .windows = 7,
                                            .floor = f ? 0.1 : 0 };
                rc = honest_run(&plan, &results[f][i][j]);
            }
    return rc;
}

enum kind { SINGLE, DRIFTED, ALERTS };

static void line(const struct honest_rates *r, enum kind kind)
{
    for (size_t m = 0; m < MONITOR_METHODS; m++)
        percent(kind == SINGLE ? r->single[m] : kind == DRIFTED ? r->drifted[m] : r->alerts[m]);
    percent(kind == SINGLE ? r->insufficient : kind == DRIFTED ? r->verdict : r->verdict_alerts);
    (void)printf("\n");
}

static void table(const char *title, size_t floor, enum kind kind)
{
    (void)printf("\n%s\n\n| reference | window | psi | js | chi2 | ks | w1 | %s |\n", title,
                 kind == SINGLE ? "insufficient" : "verdict");
    (void)printf("|--:|--:|--:|--:|--:|--:|--:|--:|\n");
    for (size_t i = 0; i < REFERENCES_N; i++)
        for (size_t j = 0; j < ROWS_N; j++) {
            (void)printf("| %zu | %zu |", reference_rows[i], window_rows[j]);
            line(&results[floor][i][j], kind);
        }
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
    int rc = simulate();
    if (rc)
        return 1;
    table("Single inputs with p < 0.05 (%)", 0, SINGLE);
    table("Windows with an input drifted, significance alone (%)", 0, DRIFTED);
    table("Alerts, significance alone (%)", 0, ALERTS);
    table("Windows with an input drifted, effect at least 0.1 (%)", 1, DRIFTED);
    table("Alerts, effect at least 0.1 (%)", 1, ALERTS);
    return sensitivity() ? 1 : 0;
}
