/* SPDX-License-Identifier: Apache-2.0
 * Alert rules: reading, states that follow from outcomes, episodes over a real store. */
#include "store_test.h"

#include <math.h>

#include "monitor/alert.h"

static enum alert_state next(const char *rule, enum alert_state before, const char *outcomes)
{
    struct arena a;
    struct alert_rule *rules;
    signed char list[ALERT_WINDOWS];
    size_t n, k = strlen(outcomes);
    arena_init(&a, MIB(1));
    CHECK_OK(alert_rules_read(&a,
                              arena_printf(&a, "[{\"alert\":\"A\",\"expr\":\"rmse > 1\"%s}]", rule),
                              &rules, &n, err));
    for (size_t i = 0; i < k; i++)
        list[i] = outcomes[i] == '1' ? 1 : outcomes[i] == '0' ? 0 : -1;
    enum alert_state s = alert_next(&rules[0], 60000, before, list, k);
    arena_fini(&a);
    return s;
}

TEST(states_follow_from_the_newest_windows)
{
    static const struct {
        const char *rule;
        enum alert_state before;
        const char *outcomes; /* newest first; ? = open */
        enum alert_state after;
    } cases[] = {
        { "", ALERT_INSUFFICIENT, "", ALERT_INSUFFICIENT },
        { "", ALERT_OK, "???", ALERT_INSUFFICIENT },
        { "", ALERT_OK, "0", ALERT_OK },
        { "", ALERT_OK, "1", ALERT_WARNING },
        { "", ALERT_WARNING, "01", ALERT_WARNING },
        { "", ALERT_WARNING, "101", ALERT_FIRING }, /* 2 of 3 */
        { "", ALERT_WARNING, "1001", ALERT_WARNING },
        { "", ALERT_WARNING, "1?0?1", ALERT_FIRING }, /* open windows take no part */
        { "", ALERT_FIRING, "0101", ALERT_FIRING },
        { "", ALERT_FIRING, "001", ALERT_RESOLVED },
        { "", ALERT_ACKNOWLEDGED, "011", ALERT_ACKNOWLEDGED },
        { "", ALERT_ACKNOWLEDGED, "00", ALERT_RESOLVED },
        { "", ALERT_RESOLVED, "001", ALERT_WARNING },
        { "", ALERT_FIRING, "", ALERT_FIRING },
        { ",\"for\":1", ALERT_OK, "1", ALERT_FIRING },
        { ",\"for\":1,\"keep_firing_for\":1", ALERT_FIRING, "01", ALERT_RESOLVED },
        { ",\"for\":3", ALERT_OK, "1101", ALERT_FIRING },
        { ",\"for\":3", ALERT_OK, "1100", ALERT_WARNING },
        { ",\"for\":3,\"keep_firing_for\":1", ALERT_FIRING, "0111", ALERT_FIRING },
        { ",\"for\":\"3m\"", ALERT_OK, "110", ALERT_WARNING }, /* 3 windows of a minute */
        { ",\"for\":\"10s\"", ALERT_OK, "1", ALERT_FIRING },
        { ",\"keep_firing_for\":\"4m\"", ALERT_FIRING, "000", ALERT_FIRING },
        { ",\"keep_firing_for\":\"4m\"", ALERT_FIRING, "0000", ALERT_RESOLVED },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        enum alert_state got = next(cases[i].rule, cases[i].before, cases[i].outcomes);
        if (got != cases[i].after)
            TEST_FAIL("%s from %s over %s: %s, want %s", cases[i].rule,
                      alert_state_name(cases[i].before), cases[i].outcomes, alert_state_name(got),
                      alert_state_name(cases[i].after));
    }
}

TEST(rules_that_make_no_sense_are_told_why)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        { "{}", "must be a list" },
        { "[{\"alert\":\"A\"}]", "alerts[0]: expr: is missing" },
        { "[{\"alert\":\"a b\",\"expr\":\"rmse > 1\"}]", "must be a name" },
        { "[{\"alert\":\"A\",\"expr\":\"rmsee > 1\"}]", "did you mean 'rmse'" },
        { "[{\"alert\":\"A\",\"expr\":\"rmse >\"}]", "expr 'rmse >'" },
        { "[{\"alert\":\"A\",\"expr\":\"rmse\"}]", "expr" },
        { "[{\"alert\":\"A\",\"expr\":\"drift.feature > 0\"}]", "did you mean 'drift.features'" },
        { "[{\"alert\":\"A\",\"expr\":\"rmse > 1\",\"for\":0}]", "for: must be" },
        { "[{\"alert\":\"A\",\"expr\":\"rmse > 1\",\"labels\":{\"a\":1}}]", "labels.a" },
        { "[{\"alert\":\"A\",\"expr\":\"rmse > 1\",\"sevirity\":\"x\"}]", "'severity'" },
        { "[{\"alert\":\"A\",\"expr\":\"rmse > 1\"},{\"alert\":\"A\",\"expr\":\"rmse > 2\"}]",
          "two rules 'A'" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena a;
        struct alert_rule *rules;
        struct err e = ERR_INIT;
        size_t n;
        arena_init(&a, MIB(1));
        CHECK(alert_rules_read(&a, cases[i].text, &rules, &n, &e) < 0);
        if (!strstr(e.msg, cases[i].why))
            TEST_FAIL("%s: %s", cases[i].text, e.msg);
        arena_fini(&a);
    }
}

TEST(values_of_a_window)
{
    struct monitor_performance ref = { .n = 10, .rmse = 5, .rmse_low = 4, .rmse_high = 6 };
    struct monitor_window w = { .requests = 10,
                                .errors = 1,
                                .has_reference = 1,
                                .state = MONITOR_OK,
                                .ok = 6,
                                .warnings = 1,
                                .drifted = 1,
                                .realised = { .n = 40, .labelled = 20, .rmse = 9 } };
    CHECK(alert_value_of(&w, &ref, "error_rate") == 0.1);
    CHECK(alert_value_of(&w, &ref, "drift.share") == 0.125);
    CHECK(alert_value_of(&w, &ref, "coverage") == 0.5);
    CHECK(isnan(alert_value_of(&w, &ref, "rmse"))); /* 20 labels say nothing yet */
    w.realised.labelled = 30;
    CHECK(alert_value_of(&w, &ref, "rmse") == 9);
    CHECK(alert_value_of(&w, &ref, "reference.rmse_high") == 6);
    CHECK(isnan(alert_value_of(&w, NULL, "reference.rmse_high")));
    w.state = MONITOR_INSUFFICIENT;
    CHECK(isnan(alert_value_of(&w, &ref, "drift.features")));
    for (size_t i = 0; alert_value_at(i); i++)
        CHECK(alert_value_at(i)->prose[0]);
}
