/* SPDX-License-Identifier: Apache-2.0
 * The writes that alerts are made of; inside a transaction. */
#pragma once
#include "monitor/alert.h"
#include "monitor/monitor.h"

int alert__state_put(struct tx *tx, const struct alert_now *r, struct err *err) WARN_UNUSED;
int alert__state_drop(struct tx *tx, const char *endpoint, const char *rule,
                      struct err *err) WARN_UNUSED;
int alert__insert(struct tx *tx, const struct alert_row *r, struct err *err) WARN_UNUSED;
int alert__end(struct tx *tx, const char *id, int64_t now_ms, const char *message,
               struct err *err) WARN_UNUSED;
/* The event of what happened to an episode; the reason is the cause's, else its message. */
int alert__tell(struct tx *tx, struct arena *a, const struct cause *by, const char *kind,
                const struct alert_row *r, struct err *err) WARN_UNUSED;
