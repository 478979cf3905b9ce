/* SPDX-License-Identifier: Apache-2.0
 * posix_spawn with file actions; pidfd_open for waiting with a deadline. */
#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

extern char **environ;

/* A descriptor duplicated onto itself loses close-on-exec (glibc 2.29 and later). */
static int fill_actions(posix_spawn_file_actions_t *fa, const struct proc_spec *spec)
{
    int rc = spec->stdin_fd >= 0
                 ? posix_spawn_file_actions_adddup2(fa, spec->stdin_fd, 0)
                 : posix_spawn_file_actions_addopen(fa, 0, "/dev/null", O_RDONLY, 0);
    if (!rc && spec->stdout_fd >= 0)
        rc = posix_spawn_file_actions_adddup2(fa, spec->stdout_fd, 1);
    if (!rc && spec->stderr_fd >= 0)
        rc = posix_spawn_file_actions_adddup2(fa, spec->stderr_fd, 2);
    if (!rc && spec->dir)
        rc = posix_spawn_file_actions_addchdir_np(fa, spec->dir);
    return rc;
}

static int fill_attributes(posix_spawnattr_t *attr, const struct proc_spec *spec)
{
    sigset_t none, usual;
    (void)sigemptyset(&none);
    (void)sigemptyset(&usual);
    for (int sig = 1; sig < 32; sig++)
        if (sig != SIGKILL && sig != SIGSTOP)
            (void)sigaddset(&usual, sig);
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    if (spec->new_session)
        flags |= POSIX_SPAWN_SETSID;
    else if (spec->new_group)
        flags |= POSIX_SPAWN_SETPGROUP;
    int rc = posix_spawnattr_setsigmask(attr, &none);
    if (!rc)
        rc = posix_spawnattr_setsigdefault(attr, &usual);
    return rc ? rc : posix_spawnattr_setflags(attr, flags);
}

int proc_spawn(struct proc *out, const struct proc_spec *spec, struct err *err)
{
    posix_spawn_file_actions_t fa;
    posix_spawnattr_t attr;
    pid_t pid = -1;
    AZ(posix_spawn_file_actions_init(&fa));
    AZ(posix_spawnattr_init(&attr));
    int rc = fill_actions(&fa, spec);
    if (!rc)
        rc = fill_attributes(&attr, spec);
    char *const *env = spec->env ? (char *const *)(uintptr_t)spec->env : environ;
    if (!rc)
        rc = posix_spawnp(&pid, spec->argv[0], &fa, &attr, (char *const *)(uintptr_t)spec->argv,
                          env);
    (void)posix_spawn_file_actions_destroy(&fa);
    (void)posix_spawnattr_destroy(&attr);
    if (rc) {
        errno = rc;
        return ERR_SYS(err, "cannot start '%s'", spec->argv[0]);
    }
    out->pid = pid;
    out->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (out->pidfd < 0) {
        (void)ERR_SYS(err, "cannot watch process %d", (int)pid);
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
        return ERR_INTERNAL;
    }
    return 0;
}

static int reap(struct proc *p, struct proc_end *out)
{
    int status;
    struct rusage ru;
    pid_t got;
    do
        got = wait4(p->pid, &status, WNOHANG, &ru);
    while (got < 0 && errno == EINTR);
    if (got == 0)
        return 0;
    *out = (struct proc_end){ 0 };
    if (got < 0) { /* not our child any more: outcome unknown */
        out->signal = SIGKILL;
        return 1;
    }
    out->exited = WIFEXITED(status);
    out->code = out->exited ? WEXITSTATUS(status) : 0;
    out->signal = out->exited ? 0 : WTERMSIG(status);
    out->max_rss_bytes = ru.ru_maxrss * 1024;
    out->cpu_ns = (ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * INT64_C(1000000000) +
                  (ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) * INT64_C(1000);
    return 1;
}

int proc_wait(struct proc *p, int64_t timeout_ms, struct proc_end *out)
{
    int64_t deadline = clock_mono_ns() + timeout_ms * 1000000;
    for (;;) {
        if (reap(p, out))
            return 1;
        int64_t left = timeout_ms < 0 ? 1000 : (deadline - clock_mono_ns() + 999999) / 1000000;
        if (left <= 0)
            return 0;
        struct pollfd fd = { .fd = p->pidfd, .events = POLLIN };
        (void)poll(&fd, 1, (int)MIN(left, (int64_t)1000));
    }
}

void proc_kill(const struct proc *p, int sig)
{
    (void)syscall(SYS_pidfd_send_signal, p->pidfd, sig, NULL, 0);
}

void proc_kill_group(const struct proc *p, int sig)
{
    if (p->pid > 1)
        (void)kill(-p->pid, sig);
    proc_kill(p, sig);
}

void proc_fini(struct proc *p)
{
    if (p->pidfd >= 0)
        (void)close(p->pidfd);
    p->pidfd = -1;
}

static char self_path[PATH_MAX] = "slipway";
static pthread_once_t self_once = PTHREAD_ONCE_INIT;

static void find_self(void)
{
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n > 0) {
        memcpy(self_path, path, (size_t)n);
        self_path[n] = '\0';
    }
}

const char *proc_self(void)
{
    AZ(pthread_once(&self_once, find_self));
    return self_path;
}

int proc_pipe(int out_fds[2], struct err *err)
{
    if (pipe2(out_fds, O_CLOEXEC) != 0)
        return ERR_SYS(err, "cannot create a pipe");
    return 0;
}
