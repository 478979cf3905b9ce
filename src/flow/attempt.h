/* SPDX-License-Identifier: Apache-2.0
 * Names of the files in an attempt's folder, shared by the shim and those who read after it. */
#pragma once

#define ATTEMPT_LOCK "lock"      /* held by the shim while it lives; text {"pid":…} */
#define ATTEMPT_LOG "log.txt"    /* the command's output, capped */
#define ATTEMPT_END "step.json"  /* how it ended; written last, atomically */
#define ATTEMPT_CANCEL "cancel"  /* there: somebody wants it stopped, maybe before it began */
#define ATTEMPT_SPEC "spec.json" /* what the worker shall do */
#define ATTEMPT_PROGRESS "progress.jsonl"
#define ATTEMPT_RESULT "result.json" /* what the worker found, written atomically */
