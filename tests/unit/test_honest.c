/* SPDX-License-Identifier: Apache-2.0
 * How often a monitor cries wolf, on fewer windows than bench/honest_alarms.c takes: seeded, so it
 * gives the same answer each time. Fails when a threshold forgets a sample's size, when features
 * are not adjusted for being many, when names are counted where they were chosen. */
#include "test.h"

#include "../../bench/honest.h"

/* 300 windows, 240 sequences of three. */
static struct honest_rates calm(size_t reference, size_t window, double floor)
{
    struct honest_plan plan = { .seed = 1,
                                .reference_rows = reference,
                                .window_rows = window,
                                .references = 60,
                                .windows = 6,
                                .floor = floor };
    struct honest_rates r;
    AZ(honest_run(&plan, &r));
    return r;
}

static void check(const struct honest_rates *r)
{
    double n = (double)r->windows, k = (double)r->streaks;
    double drifted = 0.05 + 3 * sqrt(0.05 * 0.95 / n), alerts = 0.01 + 3 * sqrt(0.01 * 0.99 / k);
    for (size_t m = 0; m < MONITOR_METHODS; m++) {
        CHECK(r->single[m] < 0.065);
        CHECK(r->drifted[m] <= drifted);
        CHECK(r->alerts[m] <= alerts);
    }
    CHECK(r->verdict <= drifted && r->verdict_alerts <= alerts);
}

TEST(honest_alarms_of_small_windows)
{
    struct honest_rates r = calm(5000, 50, 0);
    check(&r);
    /* No use in being right by saying nothing. */
    CHECK(r.insufficient == 0 && r.single[MONITOR_PSI] > 0.03 && r.single[MONITOR_KS] > 0.03);
}

TEST(honest_alarms_of_a_small_reference)
{
    struct honest_rates r = calm(353, 1000, 0);
    check(&r);
    r = calm(353, 1000, 0.1);
    check(&r);
}

TEST(honest_alarms_notice_a_shift)
{
    struct honest_plan plan = { .seed = 1,
                                .reference_rows = 353,
                                .window_rows = 50,
                                .references = 30,
                                .windows = 3,
                                .floor = 0.1,
                                .shift = 1 };
    struct honest_rates r;
    AZ(honest_run(&plan, &r));
    CHECK(r.in_three == 1);
}
