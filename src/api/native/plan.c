/* SPDX-License-Identifier: Apache-2.0
 * The plan of a run. */
#include "api/native/plan.h"

int plan_answer(struct request *rq, const struct project *p, str_t config, const char *project_dir,
                int force, struct err *err)
{
    (void)rq, (void)p, (void)config, (void)project_dir, (void)force;
    return ERR(err, ERR_UNAVAILABLE, "--dry-run needs the worker, which is not built yet");
}
