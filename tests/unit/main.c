/* SPDX-License-Identifier: Apache-2.0
 * Runs registered tests, each in its own process. Arguments: substrings of "file/name" to select;
 * --list prints names; SLIPWAY_TEST_NOFORK=1 runs in process for debuggers. */
#include "test.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"

extern const struct test_case __start_slipway_tests[], __stop_slipway_tests[];

enum { TIME_LIMIT_S = 120 };

static char tmpdir[256];

const char *test_data(const char *name)
{
    static char path[8][1024];
    static int next;
    char *p = path[next++ % 8];
    (void)snprintf(p, sizeof path[0], "%s/%s", SLIPWAY_TEST_DATA, name);
    return p;
}

const char *test_tmpdir(void)
{
    if (!tmpdir[0]) {
        const char *root = getenv("TMPDIR");
        (void)snprintf(tmpdir, sizeof tmpdir, "%s/slipway-unit-XXXXXX", root ? root : "/tmp");
        if (!mkdtemp(tmpdir))
            TEST_FAIL("cannot make a temporary folder");
    }
    return tmpdir;
}

static void run_one(const struct test_case *t)
{
    (void)alarm(TIME_LIMIT_S);
    t->fn();
    if (tmpdir[0])
        IGNORE(fs_remove_tree(tmpdir, NULL));
}

static int run_forked(const struct test_case *t, int number, const char *label)
{
    (void)fflush(stdout);
    pid_t pid = fork();
    int status = 0;
    if (pid == 0) {
        run_one(t);
        (void)fflush(stdout);
        exit(0);
    }
    while (waitpid(pid, &status, 0) < 0)
        ;
    int ok = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    (void)printf("%s %d - %s", ok ? "ok" : "not ok", number, label);
    if (WIFSIGNALED(status))
        (void)printf(" # signal %d", WTERMSIG(status));
    (void)printf("\n");
    return ok;
}

static int wanted(const char *label, int argc, char **argv)
{
    int any = 0;
    for (int i = 1; i < argc; i++) {
        any = 1;
        if (strstr(label, argv[i]))
            return 1;
    }
    return !any;
}

int main(int argc, char **argv)
{
    int number = 0, failed = 0;
    int list = argc > 1 && strcmp(argv[1], "--list") == 0;
    for (const struct test_case *t = __start_slipway_tests; t < __stop_slipway_tests; t++) {
        char label[512];
        const char *base = strrchr(t->file, '/');
        (void)snprintf(label, sizeof label, "%s/%s", base ? base + 1 : t->file, t->name);
        if (list) {
            (void)puts(label);
            continue;
        }
        if (!wanted(label, argc, argv))
            continue;
        number++;
        if (getenv("SLIPWAY_TEST_NOFORK"))
            run_one(t);
        else
            failed += !run_forked(t, number, label);
    }
    if (!list)
        (void)printf("1..%d\n# %d passed, %d failed\n", number, number - failed, failed);
    return failed ? 1 : 0;
}
