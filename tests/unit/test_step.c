/* SPDX-License-Identifier: Apache-2.0
 * The shim as a function in a forked test process: exit codes, time-out, flood, second shim,
 * orphans. */
#include "test.h"

#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/limits.h"
#include "codec/json.h"
#include "flow/flow.h"

static int run_step(const char *dir, const char *timeout, const char *script)
{
    const char *argv[] = { "_step", "--dir",   dir,  "--timeout-s", timeout,
                           "--",    "/bin/sh", "-c", script,        NULL };
    return flow_step_main(9, (char **)(uintptr_t)argv);
}

static struct json read_end(struct arena *a, const char *dir)
{
    str_t text;
    struct json v;
    CHECK_OK(fs_read(a, fs_join(a, dir, "step.json"), 1 << 20, &text, err));
    CHECK_OK(json_parse(a, text, NULL, &v, err));
    return v;
}

TEST(step_keeps_exit_code_and_log)
{
    struct arena a;
    str_t log;
    arena_init(&a, MIB(64));
    const char *dir = test_tmpdir();
    CHECK_INT(run_step(dir, "10", "echo out; echo err >&2; exit 7"), 7);
    struct json end = read_end(&a, dir);
    CHECK_INT(json_get_int(&end, "exit", -1), 7);
    CHECK_STR(json_get_string(&end, "reason", ""), "exited");
    CHECK_OK(fs_read(&a, fs_join(&a, dir, "log.txt"), 1 << 20, &log, err));
    CHECK_VIEW(log, "out\nerr\n");
    CHECK_INT(run_step(dir, "10", "exit 0"), 125); /* an attempt runs once */
    arena_fini(&a);
}

TEST(step_time_limit_kills_the_group)
{
    struct arena a;
    arena_init(&a, MIB(64));
    const char *dir = test_tmpdir();
    int64_t start = clock_mono_ns();
    CHECK_INT(run_step(dir, "1", "sleep 60 & sleep 60"), 124);
    CHECK(clock_mono_ns() - start < INT64_C(30000000000));
    struct json end = read_end(&a, dir);
    CHECK_STR(json_get_string(&end, "reason", ""), "timeout");
    arena_fini(&a);
}

TEST(step_reports_a_signal)
{
    struct arena a;
    arena_init(&a, MIB(64));
    const char *dir = test_tmpdir();
    CHECK_INT(run_step(dir, "10", "kill -SEGV $$"), 128 + SIGSEGV);
    struct json end = read_end(&a, dir);
    CHECK_INT(json_get_int(&end, "signal", 0), SIGSEGV);
    CHECK(json_get(&end, "exit")->type == JSON_NULL);
    arena_fini(&a);
}

TEST(step_cuts_a_flood)
{
    struct arena a;
    struct fs_info info;
    arena_init(&a, MIB(64));
    const char *dir = test_tmpdir();
    CHECK_INT(run_step(dir, "60", "head -c 40000000 /dev/zero"), 0);
    struct json end = read_end(&a, dir);
    CHECK_INT(json_get_int(&end, "log_cut_bytes", 0), 40000000 - (int64_t)LIMIT_STEP_LOG);
    CHECK_OK(fs_stat(fs_join(&a, dir, "log.txt"), &info, err));
    CHECK(info.size < (int64_t)LIMIT_STEP_LOG + 200);
    arena_fini(&a);
}

TEST(step_command_not_found)
{
    struct arena a;
    arena_init(&a, MIB(64));
    const char *dir = test_tmpdir();
    const char *argv[] = { "_step", "--dir", dir, "--", "/no/such/command", NULL };
    CHECK_INT(flow_step_main(5, (char **)(uintptr_t)argv), 125);
    struct json end = read_end(&a, dir);
    CHECK_STR(json_get_string(&end, "reason", ""), "not_started");
    arena_fini(&a);
}
