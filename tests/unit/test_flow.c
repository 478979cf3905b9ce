/* SPDX-License-Identifier: Apache-2.0
 * What the engine makes of attempts that ended, from the files that their shims leave: nothing here
 * starts a process. */
#include "test.h"

#include <errno.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/limits.h"
#include "flow/attempt.h"
#include "flow/flow.h"
#include "registry/model.h"
#include "store/home.h"
#include "track/artifact.h"
#include "track/step.h"

struct bench {
    struct home *home;
    struct flow *flow;
    char run_id[HEX32_TEXT];
};

static int add_run(struct tx *tx, void *arg, struct err *err)
{
    struct bench *b = arg;
    int64_t experiment;
    int rc = experiment_ensure(tx, CAUSE_SYSTEM, &(struct experiment_new){ .name = "e" },
                               &experiment, err);
    struct run_new run = { .experiment_id = experiment, .start_time_ms = -1, .model_name = "m" };
    if (!rc)
        rc = run_create(tx, CAUSE_SYSTEM, &run, b->run_id, err);
    return rc ? rc : attempt_create(tx, CAUSE_SYSTEM, b->run_id, 1, err);
}

static int end_run(struct tx *tx, void *arg, struct err *err)
{
    const struct bench *b = arg;
    return run_finish(tx, CAUSE_SYSTEM, b->run_id, "KILLED", "by a client", err);
}

static int delete_run(struct tx *tx, void *arg, struct err *err)
{
    const struct bench *b = arg;
    return run_delete(tx, CAUSE_SYSTEM, b->run_id, err);
}

static struct bench open_bench(void)
{
    struct bench b = { 0 };
    struct home_options ho = { .dir = test_tmpdir(), .create = 1 };
    CHECK_OK(home_open(&b.home, &ho, err));
    struct flow_options fo = { .store = b.home->store,
                               .blobs = b.home->blobs,
                               .data_dir = b.home->dir };
    CHECK_OK(flow_open(&b.flow, &fo, err));
    CHECK_OK(store_write(b.home->store, add_run, &b, err));
    return b;
}

static void close_bench(struct bench *b)
{
    flow_close(b->flow);
    home_close(b->home);
}

static char *attempt_dir(const struct bench *b, struct arena *a)
{
    return arena_printf(a, "%s/runs/%s/1", b->home->dir, b->run_id);
}

static void leave(const struct bench *b, const char *name, const char *text)
{
    struct arena a;
    arena_init(&a, MIB(1));
    char *dir = attempt_dir(b, &a);
    CHECK_OK(fs_mkdirs(dir, err));
    CHECK_OK(fs_write_atomic(fs_join(&a, dir, name), str_of(text), err));
    arena_fini(&a);
}

struct seen {
    const struct bench *b;
    struct arena *a;
    struct run run;
    struct attempt at;
};

static int look(struct tx *tx, void *arg, struct err *err)
{
    struct seen *s = arg;
    int rc = run_get(tx, s->a, s->b->run_id, &s->run, err);
    return rc ? rc : attempt_get(tx, s->a, s->b->run_id, 1, &s->at, err);
}

/* One look of the engine; then the run's status and reason and the attempt's state. */
static void want(struct bench *b, const char *status, const char *reason, enum step_state state)
{
    struct arena a;
    int running = -1;
    arena_init(&a, MIB(1));
    struct seen s = { .b = b, .a = &a };
    CHECK_OK(flow_tick(b->flow, &running, err));
    CHECK_INT(running, 0);
    CHECK_OK(store_read(b->home->store, look, &s, err));
    CHECK_STR(s.run.status, status);
    if (reason && !strstr(s.run.status_reason ? s.run.status_reason : "", reason))
        TEST_FAIL("reason is %s, want %s", s.run.status_reason, reason);
    CHECK_STR(step_state_name(s.at.state), step_state_name(state));
    arena_fini(&a);
}

TEST(flow_applies_a_result_once)
{
    struct bench b = open_bench();
    leave(&b, ATTEMPT_RESULT,
          "{\"state\":\"finished\",\"params\":{\"alpha\":\"0.5\"},"
          "\"metrics\":{\"test\":{\"rmse\":{\"value\":54.1}}}}");
    leave(&b, ATTEMPT_END, "{\"exit\":0,\"signal\":null,\"reason\":\"exited\"}");
    want(&b, "FINISHED", NULL, STEP_SUCCESS);
    want(&b, "FINISHED", NULL, STEP_SUCCESS);
    close_bench(&b);
}

#define SIXTEEN "0123456789abcdef"
static const char with_model[] =
    "{\"state\":\"finished\",\"model\":{\"name\":\"m\",\"digest\":\"" SIXTEEN SIXTEEN SIXTEEN
        SIXTEEN "\",\"bytes\":1}}";

static int make_model(struct tx *tx, void *arg, struct err *err)
{
    char id[UUID_TEXT];
    (void)arg;
    return model_create(tx, CAUSE_SYSTEM, "m", NULL, id, err);
}

static int drop_model(struct tx *tx, void *arg, struct err *err)
{
    (void)arg;
    return model_delete(tx, CAUSE_SYSTEM, "m", err);
}

static int count_versions(struct tx *tx, void *arg, struct err *err)
{
    struct arena a;
    struct model m;
    arena_init(&a, MIB(1));
    int rc = model_get(tx, &a, "default", "m", &m, err);
    *(int64_t *)arg = rc ? -1 : m.version_count;
    arena_fini(&a);
    return rc == ERR_NOT_FOUND ? 0 : rc;
}

/* Deleted while the run goes on, and (again) made anew: -1 = the model is not there afterwards. */
static void late_result(int dropped, int again, int64_t versions, const char *reason)
{
    struct bench b = { 0 };
    int64_t n = 0;
    b = open_bench();
    CHECK_OK(store_write(b.home->store, make_model, NULL, err));
    if (dropped)
        CHECK_OK(store_write(b.home->store, drop_model, NULL, err));
    if (again)
        CHECK_OK(store_write(b.home->store, make_model, NULL, err));
    leave(&b, ATTEMPT_RESULT, with_model);
    leave(&b, ATTEMPT_END, "{\"exit\":0,\"signal\":null,\"reason\":\"exited\"}");
    want(&b, "FINISHED", reason, STEP_SUCCESS);
    CHECK_OK(store_read(b.home->store, count_versions, &n, err));
    CHECK_INT(n, versions);
    close_bench(&b);
}

TEST(flow_registers_a_late_result)
{
    late_result(0, 0, 1, NULL);
}

TEST(flow_does_not_bring_a_deleted_model_back)
{
    late_result(1, 0, -1, "was deleted while it ran");
}

TEST(flow_registers_into_a_model_made_again)
{
    late_result(1, 1, 1, NULL);
}

static int put_in_the_way(struct tx *tx, void *arg, struct err *err)
{
    struct arena a;
    struct run run;
    arena_init(&a, MIB(1));
    int rc = run_get(tx, &a, arg, &run, err);
    CHECK(strncmp(run.artifact_uri, "mlflow-artifacts:/", 18) == 0);
    if (!rc)
        rc = artifact_put(tx, arena_printf(&a, "%s/model", run.artifact_uri + 18), SIXTEEN, 1, err);
    arena_fini(&a);
    return rc;
}

TEST(flow_ends_a_run_whose_client_put_a_file_where_the_model_goes)
{
    struct bench b = open_bench();
    struct arena a;
    arena_init(&a, MIB(1));
    leave(&b, ATTEMPT_RESULT,
          "{\"state\":\"finished\",\"model\":{\"name\":\"m\",\"dir\":\"output/model\",\"digest\":"
          "\"" SIXTEEN SIXTEEN SIXTEEN SIXTEEN "\",\"bytes\":1}}");
    CHECK_OK(fs_mkdirs(arena_printf(&a, "%s/output/model", attempt_dir(&b, &a)), err));
    leave(&b, "output/model/MLmodel", "flavors: {}\n");
    CHECK_OK(store_write(b.home->store, put_in_the_way, b.run_id, err));
    leave(&b, ATTEMPT_END, "{\"exit\":0,\"signal\":null,\"reason\":\"exited\"}");
    want(&b, "FINISHED", NULL, STEP_SUCCESS);
    arena_fini(&a);
    close_bench(&b);
}

TEST(flow_closes_the_attempt_of_a_run_that_a_client_ended)
{
    struct bench b = open_bench();
    CHECK_OK(store_write(b.home->store, end_run, &b, err));
    leave(&b, ATTEMPT_RESULT, "{\"state\":\"finished\"}");
    leave(&b, ATTEMPT_END, "{\"exit\":0,\"signal\":null,\"reason\":\"exited\"}");
    want(&b, "KILLED", "by a client", STEP_LOST);
    close_bench(&b);
}

TEST(flow_closes_the_attempt_of_a_deleted_run)
{
    struct bench b = open_bench();
    CHECK_OK(store_write(b.home->store, delete_run, &b, err));
    leave(&b, ATTEMPT_RESULT, "{\"state\":\"finished\",\"params\":{\"alpha\":\"0.5\"}}");
    leave(&b, ATTEMPT_END, "{\"exit\":0,\"signal\":null,\"reason\":\"exited\"}");
    want(&b, "RUNNING", NULL, STEP_LOST);
    close_bench(&b);
}

TEST(flow_tells_a_result_that_cannot_be_recorded)
{
    struct bench b = open_bench();
    leave(&b, ATTEMPT_RESULT, "{\"state\":\"finished\",\"model\":{\"dir\":\"../../up\"}}");
    leave(&b, ATTEMPT_END, "{\"exit\":0,\"signal\":null,\"reason\":\"exited\"}");
    want(&b, "FAILED", "unsafe model folder", STEP_LOST);
    close_bench(&b);
}

TEST(flow_tells_a_worker_that_left_nothing)
{
    struct bench b = open_bench();
    leave(&b, ATTEMPT_RESULT, "{\"state\":");
    leave(&b, ATTEMPT_END, "{\"exit\":null,\"signal\":9,\"reason\":\"signal\"}");
    want(&b, "FAILED", "cannot be read", STEP_FAILED);
    close_bench(&b);
}

TEST(flow_cancels_before_the_start)
{
    struct arena a;
    struct bench b = open_bench();
    arena_init(&a, MIB(1));
    CHECK_OK(flow_run_cancel(b.flow, b.run_id, "user:x", "no need", err));
    CHECK(fs_exists(fs_join(&a, attempt_dir(&b, &a), ATTEMPT_CANCEL)));
    arena_fini(&a);
    close_bench(&b);
}

/* What the thread cannot record is told, not lost, and told no longer once it is made good. */
TEST(flow_tells_what_it_cannot_record)
{
    struct bench b = open_bench();
    char trouble[480] = "";
    leave(&b, ATTEMPT_END, "{\"exit\":1,\"signal\":null,\"reason\":\"exited\"}");
    fs_fail_after(1, EIO);
    CHECK_OK(flow_thread_start(b.flow, err));
    for (int i = 0; i < 2000 && !trouble[0]; i++) {
        (void)usleep(5000);
        flow_trouble(b.flow, trouble);
    }
    CHECK(strstr(trouble, ATTEMPT_END));
    for (int i = 0; i < 2000 && trouble[0]; i++) {
        (void)usleep(5000);
        flow_trouble(b.flow, trouble);
    }
    CHECK_STR(trouble, "");
    close_bench(&b);
}
