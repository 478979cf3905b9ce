/* SPDX-License-Identifier: Apache-2.0
 * Child processes by posix_spawn: argv arrays, explicit environment, own process group, pidfd. */
#pragma once
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"

struct proc_spec {
    const char *const *argv; /* NULL-terminated; argv[0] is a path or is looked up in PATH */
    const char *const *env;  /* NULL-terminated "K=V"; NULL = inherit ours */
    const char *dir;         /* working folder; NULL = ours */
    int stdin_fd;            /* -1 = /dev/null */
    int stdout_fd;           /* -1 = inherit */
    int stderr_fd;           /* -1 = inherit */
    int new_session;         /* setsid: survives our terminal and our death */
    int new_group;           /* own process group, for group kill */
};
#define PROC_SPEC_INIT                                                                             \
    {                                                                                              \
        .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1, .new_group = 1                           \
    }

struct proc {
    pid_t pid;
    int pidfd; /* readable when the process has ended; close with proc_fini */
};

struct proc_end {
    int exited; /* 1: by exit(code); 0: by a signal */
    int code;
    int signal;
    int64_t max_rss_bytes;
    int64_t cpu_ns;
};

int proc_spawn(struct proc *out, const struct proc_spec *spec, struct err *err) WARN_UNUSED;
/* Waits up to timeout_ms (-1 = for ever, 0 = only look). 1 ended (out filled), 0 still running. */
int proc_wait(struct proc *p, int64_t timeout_ms, struct proc_end *out);
void proc_kill(const struct proc *p, int sig);       /* the process */
void proc_kill_group(const struct proc *p, int sig); /* it and its group */
void proc_fini(struct proc *p);

/* Path of the running binary (/proc/self/exe). */
const char *proc_self(void);
/* A pipe with both ends close-on-exec. */
int proc_pipe(int out_fds[2], struct err *err) WARN_UNUSED;
