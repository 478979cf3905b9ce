/* SPDX-License-Identifier: Apache-2.0
 * exp ls, show, compare: runs and their experiments. */
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/lists.h"
#include "cli/output.h"
#include "cli/refs.h"
#include "cli/run_report.h"

int cmd_exp_ls(struct cli *c, struct err *err)
{
    static const struct cli_column experiments[] = {
        { "ID", "experiment_id", CELL_TEXT, 0 },
        { "NAME", "name", CELL_TEXT, 0 },
        { "RUNS", "run_count", CELL_INT, 0 },
        { "STAGE", "lifecycle_stage", CELL_TEXT, 1 },
        { "UPDATED", "last_update_time_ms", CELL_TIME, 0 },
        { "CREATED", "creation_time_ms", CELL_TIME, 1 },
        { "ARTIFACTS", "artifact_location", CELL_TEXT, 1 },
    };
    if (cli_count(c, "experiments"))
        return list_print(c, "/api/v1/experiments", NULL, experiments, ARRAY_LEN(experiments), err);
    const char *extra =
        c->arg_n ? arena_printf(&c->arena, "experiment=%s", client_escape(c, c->args[0])) : NULL;
    return list_print(c, "/api/v1/runs", extra, NULL, 0, err);
}

int cmd_exp_show(struct cli *c, struct err *err)
{
    const struct json *run;
    struct ref r;
    char *target;
    int rc = ref_parse(c, c->args[0], REF_RUN, &r, err);
    if (!rc)
        rc = ref_run_target(c, &r, &target, err);
    if (!rc)
        rc = client_get(c, target, &run, err);
    return rc ? rc : out_object(c, run, run_show, err);
}

int cmd_exp_compare(struct cli *c, struct err *err)
{
    const struct json *answer;
    char *ids = NULL;
    for (size_t i = 0; i < c->arg_n; i++) {
        struct ref r;
        char *target;
        int rc = ref_parse(c, c->args[i], REF_RUN, &r, err);
        if (!rc)
            rc = ref_run_target(c, &r, &target, err);
        if (rc)
            return rc;
        const char *id = strrchr(target, '/') + 1;
        ids = ids ? arena_printf(&c->arena, "%s,%s", ids, id) : arena_strdup(&c->arena, id);
    }
    int rc =
        client_get(c, arena_printf(&c->arena, "/api/v1/runs/compare?ids=%s", ids), &answer, err);
    return rc ? rc : compare_print(c, answer, err);
}
