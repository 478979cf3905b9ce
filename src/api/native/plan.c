/* SPDX-License-Identifier: Apache-2.0
 * The plan of a run: what work_plan says, as the answer of a dry run. */
#include "api/native/plan.h"

#include "api/app.h"
#include "api/route.h"
#include "base/fs.h"
#include "project/work.h"

/* Model files are blobs: their name is their digest. */
static const char *digest_in(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    return slash ? slash + 1 : NULL;
}

int plan_answer(struct request *rq, const struct flow_run_request *run, const struct json *params,
                struct err *err)
{
    struct work_plan_request plan = {
        .project_dir = run->project_dir,
        .cache_dir = fs_join(&rq->arena, app_of(rq)->options.data_dir, "cache"),
        .config = str_of(run->config),
        .config_path = run->config_path,
        .params = params,
        .seed = run->seed,
        .force = run->force,
        .champion_sha256 = digest_in(run->champion_onnx),
    };
    struct json_out o;
    route_json(rq, &o);
    jo_object(&o);
    jo_key(&o, "stages");
    int rc = work_plan(&plan, &o, err);
    jo_object_end(&o);
    return rc;
}
