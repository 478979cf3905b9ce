/* SPDX-License-Identifier: Apache-2.0
 * What the monitor knows about the two versions of a rollout (canary_options.known). */
#pragma once
#include "rollout/canary.h"

/* arg is the struct app; what is not known stays NaN. */
void known_fill(void *arg, const struct canary_row *row, int64_t from_ms, int64_t now_ms,
                struct canary_known *out);
