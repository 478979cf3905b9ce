/* SPDX-License-Identifier: Apache-2.0
 * Which role this process plays: `_step` owns one attempt, `_work` executes a run's plan,
 * `_import` reads a foreign installation, `_preview` the first rows of a user's table, `_fence`
 * becomes a foreign program, `_drift` compares two files,
 * everything else is the command line, the server included. */
#include <string.h>

#include "cli/child.h"
#include "cli/cli.h"
#include "data/preview.h"
#include "flow/flow.h"
#include "monitor/compare.h"
#include "project/work.h"
#include "transfer/reader.h"

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "_step") == 0)
        return flow_step_main(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "_work") == 0)
        return work_main(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "_import") == 0)
        return reader_main(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "_preview") == 0)
        return preview_main(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "_fence") == 0)
        return child_fence_main(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "_drift") == 0)
        return monitor_drift_main(argc - 1, argv + 1);
    return cli_main(argc, argv);
}
