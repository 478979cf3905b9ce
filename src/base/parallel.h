/* SPDX-License-Identifier: Apache-2.0
 * Runs a list of tasks on a few threads. What a task computes must not depend on who runs it; then
 * results repeat for any number of threads. For workers and other batch code, not for the server.
 */
#pragma once
#include "base/macros.h"

enum { PARALLEL_MAX = 64 };

/* fn(context, worker, task) for each task below task_n; worker < threads names the scratch memory
 * that the call may use. Returns when all are done. threads is clamped to 1 … PARALLEL_MAX; a
 * thread that cannot be started costs speed only. */
void parallel_run(int threads, size_t task_n, void (*fn)(void *context, int worker, size_t task),
                  void *context);
