/* SPDX-License-Identifier: Apache-2.0
 * How a rollout looks as JSON, for the routes and pages that show one. */
#pragma once
#include "codec/json.h"

struct canary_row; /* rollout/canary.h */

void rollout_write(struct arena *a, struct json_out *o, const struct canary_row *r);
