/* SPDX-License-Identifier: Apache-2.0
 * The `_step` role: owns one attempt of one step. It leads its own session, runs the command in a
 * process group of its own, copies the command's output into a capped log, enforces the time limit,
 * and leaves step.json. It outlives whoever started it; while it lives it holds <dir>/lock.
 * One thread. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/num.h"
#include "base/proc.h"
#include "codec/json.h"
#include "flow/attempt.h"
#include "flow/flow.h"

enum {
    EXIT_TIMED_OUT = 124,
    EXIT_NOT_STARTED = 125,
    KILL_AFTER_MS = 5000,
    DRAIN_MS = 1000,
    LOCK_WAIT_MS = 2000
};

struct step {
    const char *dir;
    int64_t timeout_ms; /* 0 = none */
    const char *const *argv;
    int lock_fd;
    int log_fd;
    int signal_fd;
    int pipe_fd; /* read end of the command's stdout and stderr */
    size_t logged_bytes;
    size_t cut_bytes; /* output past the cap, counted and thrown away */
    struct proc proc;
    const char *stopping; /* "timeout" or "cancelled" once we asked it to end */
    int64_t kill_at_ns;   /* then KILL */
    int64_t started_ms, deadline_ns;
};

static int parse_args(struct step *s, int argc, char **argv, struct err *err)
{
    int i = 1;
    uint64_t seconds;
    for (; i < argc && strcmp(argv[i], "--") != 0; i += 2) {
        if (i + 1 >= argc)
            return ERR(err, ERR_INVALID, "'%s' needs a value", argv[i]);
        if (strcmp(argv[i], "--dir") == 0)
            s->dir = argv[i + 1];
        else if (strcmp(argv[i], "--timeout-s") == 0 &&
                 parse_u64(str_of(argv[i + 1]), &seconds) == 0)
            s->timeout_ms = (int64_t)MIN(seconds, (uint64_t)31536000) * 1000;
        else
            return ERR(err, ERR_INVALID, "unknown or malformed flag '%s'", argv[i]);
    }
    if (!s->dir || i + 1 >= argc)
        return ERR(err, ERR_INVALID, "usage: _step --dir DIR [--timeout-s N] -- COMMAND…");
    s->argv = (const char *const *)(argv + i + 1);
    return 0;
}

/* Opens a file of the attempt's folder. */
static int open_in(const struct step *s, const char *name, int flags, struct err *err)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/%s", s->dir, name);
    int fd = open(path, flags | O_CLOEXEC, 0644);
    return fd < 0 ? ERR_SYS(err, "cannot open '%s'", path) : fd;
}

static int take_attempt(struct step *s, struct err *err)
{
    char path[PATH_MAX], text[64];
    (void)snprintf(path, sizeof path, "%s/" ATTEMPT_END, s->dir);
    if (fs_exists(path))
        return ERR(err, ERR_CONFLICT, "attempt '%s' has ended already", s->dir);
    (void)snprintf(path, sizeof path, "%s/" ATTEMPT_LOCK, s->dir);
    /* Not at once: whoever looks whether it is held holds it for that moment. */
    int rc = fs_lock(path, LOCK_WAIT_MS, &s->lock_fd, err);
    if (rc)
        return rc;
    int n = snprintf(text, sizeof text, "{\"pid\":%d}\n", (int)getpid());
    if (ftruncate(s->lock_fd, 0) != 0 || pwrite(s->lock_fd, text, (size_t)n, 0) != n)
        return ERR_SYS(err, "cannot write '%s'", path);
    return 0;
}

static int watch_signals(struct step *s, struct err *err)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    AZ(sigprocmask(SIG_BLOCK, &set, NULL));
    s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
    return s->signal_fd < 0 ? ERR_SYS(err, "cannot watch signals") : 0;
}

static int start_command(struct step *s, struct err *err)
{
    int fds[2];
    struct rlimit no_core = { 0, 0 };
    int rc = proc_pipe(fds, err);
    if (rc)
        return rc;
    (void)setrlimit(RLIMIT_CORE, &no_core);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    struct proc_spec spec = PROC_SPEC_INIT;
    spec.argv = s->argv;
    spec.stdout_fd = fds[1];
    spec.stderr_fd = fds[1];
    rc = proc_spawn(&s->proc, &spec, err);
    (void)close(fds[1]);
    s->pipe_fd = fds[0];
    s->started_ms = clock_now_ms();
    s->deadline_ns = s->timeout_ms ? clock_mono_ns() + s->timeout_ms * 1000000 : INT64_MAX;
    return rc;
}

/* Copies what is in the pipe; 0 at its end. A full disk must not stop the command: output is cut.
 */
static int copy_output(struct step *s)
{
    char block[16384];
    ssize_t n = read(s->pipe_fd, block, sizeof block);
    if (n < 0)
        return errno == EINTR || errno == EAGAIN;
    if (n == 0)
        return 0;
    size_t room = LIMIT_STEP_LOG - s->logged_bytes, keep = MIN((size_t)n, room);
    if (keep && fs_write_all(s->log_fd, (str_t){ block, keep }, "log", NULL) == 0)
        s->logged_bytes += keep;
    else
        keep = 0;
    s->cut_bytes += (size_t)n - keep;
    return 1;
}

static void ask_to_stop(struct step *s, const char *why)
{
    if (s->stopping)
        return;
    s->stopping = why;
    s->kill_at_ns = clock_mono_ns() + KILL_AFTER_MS * INT64_C(1000000);
    proc_kill_group(&s->proc, SIGTERM);
}

static void check_deadlines(struct step *s)
{
    int64_t now = clock_mono_ns();
    if (now >= s->deadline_ns)
        ask_to_stop(s, "timeout");
    if (s->stopping && now >= s->kill_at_ns)
        proc_kill_group(&s->proc, SIGKILL);
}

static int poll_ms(const struct step *s)
{
    int64_t at = s->stopping ? MIN(s->kill_at_ns, s->deadline_ns) : s->deadline_ns;
    int64_t ms = (at - clock_mono_ns()) / 1000000 + 1;
    return (int)MAX(MIN(ms, (int64_t)1000), (int64_t)1);
}

static void follow(struct step *s, struct proc_end *end)
{
    int open = 1;
    for (;;) {
        struct pollfd fds[] = { { .fd = s->proc.pidfd, .events = POLLIN },
                                { .fd = s->signal_fd, .events = POLLIN },
                                { .fd = open ? s->pipe_fd : -1, .events = POLLIN } };
        (void)poll(fds, ARRAY_LEN(fds), poll_ms(s));
        if (fds[1].revents) {
            struct signalfd_siginfo info;
            if (read(s->signal_fd, &info, sizeof info) == sizeof info)
                ask_to_stop(s, "cancelled");
        }
        if (fds[2].revents && !copy_output(s))
            open = 0;
        check_deadlines(s);
        if (fds[0].revents && proc_wait(&s->proc, 0, end))
            break;
    }
    (void)kill(-s->proc.pid, SIGKILL); /* what the command left behind in its group */
    int64_t until = clock_mono_ns() + DRAIN_MS * INT64_C(1000000);
    struct pollfd fd = { .fd = s->pipe_fd, .events = POLLIN };
    while (open && clock_mono_ns() < until && poll(&fd, 1, DRAIN_MS) > 0)
        open = copy_output(s);
}

static int write_end(const struct step *s, const struct proc_end *end, const char *failure)
{
    char path[PATH_MAX];
    struct buf b;
    struct json_out o;
    buf_init(&b, KIB(16));
    json_out_init(&o, &b);
    jo_object(&o);
    jo_key(&o, "exit");
    if (!failure && end->exited)
        jo_int(&o, end->code);
    else
        jo_null(&o);
    jo_key(&o, "signal");
    if (!failure && !end->exited)
        jo_int(&o, end->signal);
    else
        jo_null(&o);
    jo_kv_cstr(&o, "reason",
               failure       ? "not_started"
               : s->stopping ? s->stopping
               : end->exited ? "exited"
                             : "signal");
    jo_kv_cstr(&o, "message", failure);
    jo_kv_int(&o, "started_ms", s->started_ms);
    jo_kv_int(&o, "ended_ms", clock_now_ms());
    jo_kv_int(&o, "max_rss_bytes", end->max_rss_bytes);
    jo_kv_int(&o, "cpu_ms", end->cpu_ns / 1000000);
    jo_kv_int(&o, "log_cut_bytes", (int64_t)s->cut_bytes);
    jo_object_end(&o);
    (void)snprintf(path, sizeof path, "%s/" ATTEMPT_END, s->dir);
    struct err err = ERR_INIT;
    int rc = fs_write_atomic(path, buf_view(&b), &err);
    if (rc)
        (void)fprintf(stderr, "slipway _step: %s\n", err.msg);
    buf_fini(&b);
    return rc;
}

static int exit_status(const struct step *s, const struct proc_end *end)
{
    if (s->stopping && strcmp(s->stopping, "timeout") == 0)
        return EXIT_TIMED_OUT;
    return end->exited ? end->code : 128 + end->signal;
}

static void note_cut(const struct step *s)
{
    char line[128];
    if (!s->cut_bytes)
        return;
    int n = snprintf(line, sizeof line,
                     "\n[slipway: %zu more bytes of output were cut; the limit is %zu]\n",
                     s->cut_bytes, LIMIT_STEP_LOG);
    IGNORE(fs_write_all(s->log_fd, (str_t){ line, (size_t)n }, "log", NULL));
}

/* Whoever cancels leaves the mark first and then looks for our pid; we write the pid first and then
 * look for the mark: one of both sees the other. */
static int was_cancelled(const struct step *s)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/" ATTEMPT_CANCEL, s->dir);
    return fs_exists(path);
}

int flow_step_main(int argc, char **argv)
{
    struct step s = {
        .lock_fd = -1, .log_fd = -1, .signal_fd = -1, .pipe_fd = -1, .proc.pidfd = -1
    };
    struct proc_end end = { 0 };
    struct err err = ERR_INIT;
    int rc = parse_args(&s, argc, argv, &err);
    if (!rc)
        rc = watch_signals(&s, &err); /* before anybody can learn our pid */
    if (!rc)
        rc = take_attempt(&s, &err);
    if (rc) {
        (void)fprintf(stderr, "slipway _step: %s\n", err.msg);
        return EXIT_NOT_STARTED;
    }
    s.started_ms = clock_now_ms();
    if (was_cancelled(&s)) {
        s.stopping = "cancelled";
        end.signal = SIGTERM;
        IGNORE(write_end(&s, &end, NULL));
        return EXIT_NOT_STARTED;
    }
    if (!rc)
        rc = s.log_fd = open_in(&s, ATTEMPT_LOG, O_WRONLY | O_CREAT | O_APPEND, &err);
    if (rc >= 0)
        rc = start_command(&s, &err);
    if (rc < 0) {
        IGNORE(write_end(&s, &end, err.msg));
        return EXIT_NOT_STARTED;
    }
    follow(&s, &end);
    note_cut(&s);
    rc = write_end(&s, &end, NULL);
    return rc ? EXIT_NOT_STARTED : exit_status(&s, &end);
}
