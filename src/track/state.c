/* SPDX-License-Identifier: Apache-2.0
 * The transition table as one bit mask a state. */
#include "track/state.h"

#define BIT(s) (1u << (s))

static const struct {
    const char *name;
    unsigned next;
} states[STEP_STATES] = {
    [STEP_NONE] = { "none", BIT(STEP_SCHEDULED) | BIT(STEP_QUEUED) | BIT(STEP_SKIPPED) |
                                BIT(STEP_UPSTREAM_FAILED) | BIT(STEP_REMOVED) |
                                BIT(STEP_CANCELLED) },
    [STEP_SCHEDULED] = { "scheduled", BIT(STEP_QUEUED) | BIT(STEP_NONE) | BIT(STEP_SKIPPED) |
                                          BIT(STEP_UPSTREAM_FAILED) | BIT(STEP_REMOVED) |
                                          BIT(STEP_CANCELLED) },
    [STEP_QUEUED] = { "queued", BIT(STEP_RUNNING) | BIT(STEP_SCHEDULED) | BIT(STEP_NONE) |
                                    BIT(STEP_FAILED) | BIT(STEP_UP_FOR_RETRY) |
                                    BIT(STEP_CANCELLED) | BIT(STEP_LOST) },
    [STEP_RUNNING] = { "running", BIT(STEP_SUCCESS) | BIT(STEP_FAILED) | BIT(STEP_SKIPPED) |
                                      BIT(STEP_UP_FOR_RETRY) | BIT(STEP_UP_FOR_RESCHEDULE) |
                                      BIT(STEP_DEFERRED) | BIT(STEP_RESTARTING) |
                                      BIT(STEP_CANCELLED) | BIT(STEP_LOST) },
    [STEP_UP_FOR_RETRY] = { "up_for_retry", BIT(STEP_SCHEDULED) | BIT(STEP_QUEUED) |
                                                BIT(STEP_NONE) | BIT(STEP_FAILED) |
                                                BIT(STEP_CANCELLED) },
    [STEP_UP_FOR_RESCHEDULE] = { "up_for_reschedule", BIT(STEP_SCHEDULED) | BIT(STEP_QUEUED) |
                                                          BIT(STEP_NONE) | BIT(STEP_FAILED) |
                                                          BIT(STEP_CANCELLED) },
    [STEP_DEFERRED] = { "deferred", BIT(STEP_SCHEDULED) | BIT(STEP_FAILED) | BIT(STEP_CANCELLED) },
    [STEP_RESTARTING] = { "restarting", BIT(STEP_QUEUED) | BIT(STEP_NONE) | BIT(STEP_UP_FOR_RETRY) |
                                            BIT(STEP_FAILED) | BIT(STEP_CANCELLED) |
                                            BIT(STEP_LOST) },
    /* Finished: only clearing for another try. What was given up as lost may still report. */
    [STEP_SUCCESS] = { "success", BIT(STEP_NONE) },
    [STEP_FAILED] = { "failed", BIT(STEP_NONE) },
    [STEP_UPSTREAM_FAILED] = { "upstream_failed", BIT(STEP_NONE) },
    [STEP_SKIPPED] = { "skipped", BIT(STEP_NONE) },
    [STEP_REMOVED] = { "removed", BIT(STEP_NONE) },
    [STEP_CANCELLED] = { "cancelled", BIT(STEP_NONE) },
    [STEP_LOST] = { "lost", BIT(STEP_NONE) | BIT(STEP_SUCCESS) | BIT(STEP_FAILED) },
};

const char *step_state_name(enum step_state s)
{
    ASSERT(s < STEP_STATES);
    return states[s].name;
}

int step_state_parse(str_t name, enum step_state *out)
{
    for (int s = 0; s < STEP_STATES; s++)
        if (str_is(name, states[s].name)) {
            *out = (enum step_state)s;
            return 0;
        }
    return -1;
}

int step_state_may(enum step_state from, enum step_state to)
{
    ASSERT(from < STEP_STATES && to < STEP_STATES);
    return (states[from].next & BIT(to)) != 0;
}

int step_state_is_finished(enum step_state s)
{
    return s == STEP_SUCCESS || s == STEP_FAILED || s == STEP_UPSTREAM_FAILED ||
           s == STEP_SKIPPED || s == STEP_REMOVED || s == STEP_CANCELLED || s == STEP_LOST;
}
