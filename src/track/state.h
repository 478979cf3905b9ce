/* SPDX-License-Identifier: Apache-2.0
 * States of an attempt and of a stage, and which may follow which. Names are those of task
 * instances in Airflow plus `cancelled` (by a person) and `lost` (nobody knows how it ended).
 * Pure tables; any thread. */
#pragma once
#include "base/str.h"

enum step_state {
    STEP_NONE,
    STEP_SCHEDULED,
    STEP_QUEUED,
    STEP_RUNNING,
    STEP_SUCCESS,
    STEP_FAILED,
    STEP_UP_FOR_RETRY,
    STEP_UP_FOR_RESCHEDULE,
    STEP_UPSTREAM_FAILED,
    STEP_SKIPPED,
    STEP_REMOVED,
    STEP_DEFERRED,
    STEP_RESTARTING,
    STEP_CANCELLED,
    STEP_LOST,
    STEP_STATES,
};

const char *step_state_name(enum step_state s); /* "up_for_retry" */
int step_state_parse(str_t name, enum step_state *out) WARN_UNUSED;
/* 1 when `to` may follow `from`; a state never follows itself. */
int step_state_may(enum step_state from, enum step_state to);
/* success, failed, skipped, upstream_failed, removed, cancelled, lost. */
int step_state_is_finished(enum step_state s);
