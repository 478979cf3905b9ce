/* SPDX-License-Identifier: Apache-2.0
 * The SQL of events and facts; used by event.c only. */
#pragma once
#include "event/event.h"

extern const struct sql *const event_sql_insert; /* id, time, project, actor, kind, subject, before,
                                                    after, reason, request → seq */
extern const struct sql
    *const event_sql_up; /* after, before, subject, kind prefix, actor, limit; rising */
extern const struct sql *const event_sql_down; /* the same, newest first */
extern const struct sql *const
    event_sql_of_subject; /* subject, after, before, kind prefix, actor, limit; newest first */
extern const struct sql *const event_sql_newest; /* → seq */
extern const struct sql *const fact_sql_insert;
extern const struct sql *const fact_sql_list; /* digest, name or '' */
