/* SPDX-License-Identifier: Apache-2.0
 * Running a fenced child and listening to it. */
#include "cli/child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/term.h"

enum { LOOK_MS = 200, DRAIN_MS = 500 };

/* Takes what the pipe has; 0 at its end. Past the cap output is read and thrown away. */
static int take_output(int fd, struct buf *b)
{
    char block[16384];
    ssize_t n = read(fd, block, sizeof block);
    if (n < 0)
        return errno == EINTR || errno == EAGAIN;
    if (b->n < CHILD_TEXT_MAX)
        buf_put(b, block, MIN((size_t)n, CHILD_TEXT_MAX - b->n));
    return n > 0;
}

/* Until the child ends; *cancelled after Ctrl-C. */
static void follow(struct cli *c, const struct child_spec *spec, struct proc *p, int fd,
                   struct buf *text, struct proc_end *end, struct child_end *out, int *cancelled)
{
    int64_t started = clock_mono_ns(), limit = spec->timeout_ms * 1000000;
    int open = 1;
    for (;;) {
        struct pollfd fds[] = { { .fd = p->pidfd, .events = POLLIN },
                                { .fd = open ? fd : -1, .events = POLLIN } };
        (void)poll(fds, ARRAY_LEN(fds), LOOK_MS);
        int64_t now = clock_mono_ns() - started;
        if (fds[1].revents)
            open = take_output(fd, text);
        if (proc_wait(p, 0, end))
            break;
        *cancelled |= term_interrupted();
        out->timed_out |= now > limit;
        if (*cancelled || out->timed_out)
            proc_kill_group(p, SIGKILL);
        term_progress(c, "%s", spec->waiting);
    }
    term_progress_end(c);
    proc_kill_group(p, SIGKILL); /* what it left behind */
    int64_t until = clock_mono_ns() + DRAIN_MS * INT64_C(1000000);
    struct pollfd last = { .fd = fd, .events = POLLIN };
    while (open && clock_mono_ns() < until && poll(&last, 1, DRAIN_MS) > 0)
        open = take_output(fd, text);
}

/* Is there such a program? Behind the fence it is too late to say so well. */
static int find_program(const char *name, struct err *err)
{
    const char *path = getenv("PATH");
    char full[4096];
    if (strchr(name, '/'))
        return access(name, X_OK) == 0 ? 0 : ERR_SYS(err, "cannot start '%s'", name);
    for (path = path && *path ? path : "/usr/bin:/bin"; *path;) {
        size_t n = strcspn(path, ":");
        (void)snprintf(full, sizeof full, "%.*s/%s", (int)n, path, name);
        if (access(full, X_OK) == 0)
            return 0;
        path += n + (path[n] == ':');
    }
    return ERR(err, ERR_NOT_FOUND, "cannot start '%s': it is in no folder of $PATH", name);
}

/* The same program behind the fence. */
static const char *const *fenced(struct cli *c, const struct child_spec *spec, struct err *err)
{
    size_t n = 0;
    if (find_program(spec->argv[0], err))
        return NULL;
    while (spec->argv[n])
        n++;
    const char **argv = arena_alloc(&c->arena, (n + 5) * sizeof *argv);
    argv[0] = proc_self();
    argv[1] = "_fence";
    argv[2] = arena_printf(&c->arena, "%lld", (long long)spec->fence_s);
    argv[3] = arena_printf(&c->arena, "%d", (int)getpid());
    for (size_t i = 0; i <= n; i++)
        argv[4 + i] = spec->argv[i];
    return argv;
}

int child_run(struct cli *c, const struct child_spec *spec, struct child_end *out, struct err *err)
{
    struct proc p = { .pidfd = -1 };
    struct proc_end end = { 0 };
    struct buf text;
    int fds[2], life[2] = { -1, -1 }, cancelled = 0;
    *out = (struct child_end){ .status = -1 };
    int rc = proc_pipe(fds, err);
    if (rc)
        return rc;
    struct proc_spec how = PROC_SPEC_INIT;
    how.argv = spec->argv;
    if (spec->fence_s > 0) {
        how.argv = fenced(c, spec, err);
        rc = how.argv ? proc_pipe(life, err) : err->code;
        how.stdin_fd = life[0]; /* ends when we end */
    }
    how.dir = spec->dir;
    how.stdout_fd = how.stderr_fd = fds[1];
    if (!rc)
        rc = proc_spawn(&p, &how, err);
    (void)close(fds[1]);
    if (life[0] >= 0)
        (void)close(life[0]);
    if (!rc) {
        buf_init(&text, (size_t)CHILD_TEXT_MAX * 2);
        follow(c, spec, &p, fds[0], &text, &end, out, &cancelled);
        out->status = end.exited ? end.code : -1;
        out->signal = end.exited ? 0 : end.signal;
        out->text = arena_strndup(&c->arena, text.p ? text.p : "", text.n);
        buf_fini(&text);
        proc_fini(&p);
    }
    (void)close(fds[0]);
    if (life[1] >= 0)
        (void)close(life[1]);
    return rc ? rc : cancelled ? ERR(err, ERR_CANCELLED, "stopped while %s", spec->waiting) : 0;
}
