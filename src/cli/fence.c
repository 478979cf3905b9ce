/* SPDX-License-Identifier: Apache-2.0
 * The role `_fence`, between a command and a foreign program that it runs (child.h): limits, no
 * network where the kernel gives an empty one, and an end when the command ends, in whatever way.
 * Two processes: this one becomes the program; a watcher of the same group waits for the pipe whose
 * other end the command holds, and kills the group when it closes. */
#include "cli/child.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/num.h"

enum { EXIT_CANNOT = 127, EXIT_USAGE = 2 };

static int watch(void)
{
    char block[64];
    ssize_t n;
    do
        n = read(STDIN_FILENO, block, sizeof block);
    while (n > 0 || (n < 0 && errno == EINTR));
    (void)kill(0, SIGKILL); /* our group, this process too */
    return EXIT_CANNOT;
}

static void limit(int what, rlim_t value)
{
    struct rlimit l = { value, value };
    (void)setrlimit(what, &l);
}

static void set_limits(int64_t seconds)
{
    int64_t cores = MAX(sysconf(_SC_NPROCESSORS_ONLN), 1L),
            memory = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
    limit(RLIMIT_CPU, (rlim_t)(seconds * cores));
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, (rlim_t)GIB(1));
    if (memory > 0)
        limit(RLIMIT_DATA, (rlim_t)memory);
}

static void write_text(const char *path, const char *text)
{
    AUTO(fd_auto) int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0)
        IGNORE(fs_write_all(fd, str_of(text), path, NULL));
}

/* An empty network of its own. Without the privilege it needs a user namespace, in which we stay
 * who we are; where neither is allowed the network stays. */
static void leave_network(void)
{
    char uids[64], gids[64];
    (void)snprintf(uids, sizeof uids, "%ld %ld 1", (long)geteuid(), (long)geteuid());
    (void)snprintf(gids, sizeof gids, "%ld %ld 1", (long)getegid(), (long)getegid());
    if (unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
        return;
    write_text("/proc/self/setgroups", "deny");
    write_text("/proc/self/uid_map", uids);
    write_text("/proc/self/gid_map", gids);
}

static int start_watcher(struct err *err)
{
    const char *argv[] = { proc_self(), "_fence", NULL };
    struct proc_spec how = PROC_SPEC_INIT;
    struct proc p;
    AUTO(fd_auto) int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    AUTO(fd_auto) int pipe_end = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    how.argv = argv;
    how.new_group = 0;
    how.stdin_fd = pipe_end;
    how.stdout_fd = how.stderr_fd = null;
    int rc = proc_spawn(&p, &how, err);
    if (rc)
        return rc;
    proc_fini(&p);
    return dup2(null, STDIN_FILENO) < 0 ? ERR_SYS(err, "cannot close the input") : 0;
}

int child_fence_main(int argc, char **argv)
{
    struct err err = ERR_INIT;
    int64_t seconds, parent;
    if (argc == 1)
        return watch();
    if (argc < 4 || parse_i64(str_of(argv[1]), &seconds) || parse_i64(str_of(argv[2]), &parent) ||
        seconds < 1) {
        (void)fputs("slipway _fence: started by 'slipway model convert' only\n", stderr);
        return EXIT_USAGE;
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != (pid_t)parent) /* it ended before we listened */
        return EXIT_CANNOT;
    if (start_watcher(&err)) {
        (void)fprintf(stderr, "%s\n", err.msg);
        return EXIT_CANNOT;
    }
    set_limits(seconds);
    leave_network();
    (void)execvp(argv[3], argv + 3);
    (void)fprintf(stderr, "cannot start '%s': %s\n", argv[3], strerrordesc_np(errno));
    return EXIT_CANNOT;
}
