/* SPDX-License-Identifier: Apache-2.0
 * The worker: one process that executes a project's plan, from the data file to the evaluated
 * model. It reads spec.json, writes progress.jsonl, result.json and output/ beside it, and never
 * opens the database. Shapes and exit codes: docs/internals/run.md. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "codec/json.h"

/* `slipway _work SPEC`, argv[0] = "_work". 0 finished, 1 failed or refused by a gate, 2 the project
 * file or the columns are wrong. */
int work_main(int argc, char **argv);

/* What a run would do, without doing it. */
struct work_plan_request {
    const char *project_dir;   /* absolute */
    const char *cache_dir;     /* absolute */
    str_t config;              /* text of slipway.yaml */
    const char *config_path;   /* for messages */
    const struct json *params; /* object of texts, or NULL */
    uint64_t seed;
    int force;
    const char *champion_sha256; /* of the champion's model file, or NULL */
};

/* Writes an array of {"name","kind","will":"run|skip","why"} as one value. Reads the project file,
 * the lock and the data file's digest; loads no engine. Any process, no threads. */
int work_plan(const struct work_plan_request *rq, struct json_out *o, struct err *err) WARN_UNUSED;
