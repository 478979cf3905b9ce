/* SPDX-License-Identifier: Apache-2.0
 * Runs git as a child with a time limit; its output is hashed, not kept. */
#include "flow/code.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/proc.h"
#include "codec/hash.h"

enum { GIT_LIMIT_MS = 5000, KEPT_BYTES = 128 };

struct git_output {
    struct sha256 *digest; /* NULL = not wanted */
    char kept[KEPT_BYTES]; /* the first bytes */
    size_t kept_n;
    size_t total;
};

static void take(struct git_output *out, const char *p, size_t n)
{
    size_t room = MIN(n, sizeof out->kept - out->kept_n);
    memcpy(out->kept + out->kept_n, p, room);
    out->kept_n += room;
    out->total += n;
    if (out->digest)
        sha256_add(out->digest, p, n);
}

/* 0 when git ended with exit status 0 in time. */
static int run_git(const char *const *argv, struct git_output *out)
{
    AUTO(fd_auto) int reader = -1;
    AUTO(fd_auto) int null_fd = -1;
    int fds[2];
    struct proc p;
    struct proc_end end;
    if (fs_open_read("/dev/null", &null_fd, NULL) || proc_pipe(fds, NULL))
        return -1;
    reader = fds[0];
    struct proc_spec spec = PROC_SPEC_INIT;
    spec.argv = argv;
    spec.stdout_fd = fds[1];
    spec.stderr_fd = null_fd;
    int rc = proc_spawn(&p, &spec, NULL);
    (void)close(fds[1]);
    if (rc)
        return -1;
    int64_t deadline = clock_mono_ns() + GIT_LIMIT_MS * INT64_C(1000000);
    struct pollfd fd = { .fd = reader, .events = POLLIN };
    char block[16384];
    ssize_t n = 1;
    while (n != 0 && clock_mono_ns() < deadline && poll(&fd, 1, GIT_LIMIT_MS) > 0) {
        n = read(reader, block, sizeof block);
        if (n > 0)
            take(out, block, (size_t)n);
        else if (n < 0 && errno != EINTR)
            break;
    }
    if (!proc_wait(&p, n == 0 ? GIT_LIMIT_MS : 0, &end)) {
        proc_kill_group(&p, SIGKILL);
        (void)proc_wait(&p, -1, &end);
    }
    proc_fini(&p);
    return n == 0 && end.exited && end.code == 0 ? 0 : -1;
}

void code_state_read(struct arena *a, const char *dir, struct code_state *out)
{
    const char *head[] = { "git",       "-C",       dir,  "-c",   "core.fsmonitor=false",
                           "rev-parse", "--verify", "-q", "HEAD", NULL };
    const char *diff[] = {
        "git",           "-C",       dir,    "-c", "core.fsmonitor=false", "diff", "--no-ext-diff",
        "--no-textconv", "--binary", "HEAD", NULL
    };
    const char *others[] = { "git",
                             "-C",
                             dir,
                             "-c",
                             "core.fsmonitor=false",
                             "ls-files",
                             "--others",
                             "--exclude-standard",
                             "-z",
                             NULL };
    struct git_output commit = { 0 };
    struct sha256 sha;
    char hex[SHA256_HEX];
    *out = (struct code_state){ 0 };
    if (run_git(head, &commit))
        return;
    str_t text = str_trim((str_t){ commit.kept, commit.kept_n });
    out->commit = arena_strndup(a, text.p, text.n);
    sha256_init(&sha);
    struct git_output differences = { .digest = &sha };
    int rc = run_git(diff, &differences);
    if (!rc)
        rc = run_git(others, &differences);
    sha256_hex(&sha, hex);
    if (!rc && differences.total)
        out->dirty = arena_strdup(a, hex);
}
