/* SPDX-License-Identifier: Apache-2.0
 * What the loop (rollout/loop.h) asks of the project side: counting labelled rows and starting
 * and stopping the run of a retraining. `arg` is the struct app. */
#pragma once
#include "rollout/loop.h"

int retrain_labelled(void *arg, const char *served, int64_t from_ms, int64_t to_ms, int64_t *out,
                     struct err *err) WARN_UNUSED;
int retrain_start(void *arg, const struct loop_request *rq, int64_t *out_rows,
                  struct err *err) WARN_UNUSED;
int retrain_stop(void *arg, const char *run_id, const char *reason, struct err *err) WARN_UNUSED;
