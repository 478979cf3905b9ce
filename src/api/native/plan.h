/* SPDX-License-Identifier: Apache-2.0
 * What a run would do, without doing it: POST /runs with dry_run. */
#pragma once
#include "codec/json.h"
#include "flow/flow.h"
#include "net/request.h"

/* Writes {"stages":[{"name","will":"run|skip","why"}]}: a stage runs when what it consumes or how
 * it is defined differs from slipway.lock, or when a stage before it runs. */
int plan_answer(struct request *rq, const struct flow_run_request *run, const struct json *params,
                struct err *err) WARN_UNUSED;
