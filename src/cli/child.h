/* SPDX-License-Identifier: Apache-2.0
 * A fenced child of a command: no shell, no input, its own process group, a time limit, and output
 * of which only the beginning is kept. Main thread only. */
#pragma once
#include "base/proc.h"
#include "cli/cli.h"

struct child_spec {
    const char *const *argv; /* NULL-terminated; argv[0] is a path or is looked up in PATH */
    const char *dir;         /* working folder */
    int64_t timeout_ms;      /* then its whole group is killed */
    int64_t fence_s;         /* > 0: limits (so many seconds of every processor), no network where
                                the kernel allows, and no life after ours: see fence.c */
    const char *waiting;     /* "converting": what the progress line says */
};

struct child_end {
    int status;       /* exit status, or -1 */
    int signal;       /* that ended it, or 0 */
    int timed_out;    /* 1: by us, for taking too long */
    const char *text; /* the first CHILD_TEXT_MAX bytes of stdout and stderr, in the arena */
};

enum { CHILD_TEXT_MAX = 65536 };

/* Runs it to its end; what it left behind in its group is killed. ERR_NOT_FOUND or another code
 * when it does not start, ERR_CANCELLED after Ctrl-C. How it ended is in *out, and no error. */
int child_run(struct cli *c, const struct child_spec *spec, struct child_end *out,
              struct err *err) WARN_UNUSED;

/* `slipway _fence SECONDS PARENT PROGRAM ARGUMENT…`, or without arguments the watcher beside it;
 * the exit status, when it does not become the program. */
int child_fence_main(int argc, char **argv);
