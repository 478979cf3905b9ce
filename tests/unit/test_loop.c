/* SPDX-License-Identifier: Apache-2.0
 * The loop over a real store, on a clock of the test's own: what starts a retraining, what holds it
 * back, and what comes of it. The run itself is the test's. */
#include "rollout_test.h"

#include <math.h>

#include "base/clock.h"
#include "monitor/monitor.h"
#include "rollout/loop_int.h"
#include "track/experiment.h"
#include "track/run.h"

static const int64_t T0 = INT64_C(1780000000000);
enum { WINDOW_MS = 60000 };

struct rig {
    struct app *app;
    struct loop *loop;
    int64_t now_ms, next_ms; /* start of the next window */
    int64_t labelled;        /* what the hook tells */
    int starts, stops;       /* retrainings begun, and stopped */
    int refuse;              /* the hook fails */
    char served[100];        /* of the last request */
    char run_id[HEX32_TEXT];
};

static int tell_labelled(void *arg, const char *served, int64_t from_ms, int64_t to_ms,
                         int64_t *out, struct err *err)
{
    (void)err;
    CHECK_STR(served, "e");
    CHECK(from_ms < to_ms);
    *out = ((struct rig *)arg)->labelled;
    return 0;
}

static int add_run(struct tx *tx, void *arg, struct err *err)
{
    struct run_new n = { .experiment_id = 0, .id = arg, .start_time_ms = -1 };
    char id[HEX32_TEXT];
    return run_create(tx, CAUSE_SYSTEM, &n, id, err);
}

static int begin_run(void *arg, const struct loop_request *rq, int64_t *out_rows, struct err *err)
{
    struct rig *r = arg;
    (void)snprintf(r->served, sizeof r->served, "%s", rq->served);
    if (r->refuse)
        return ERR(err, ERR_CONFLICT, "no project there");
    r->starts++;
    *out_rows = r->labelled;
    (void)snprintf(r->run_id, sizeof r->run_id, "%s", rq->run_id);
    return store_write(r->app->store, add_run, r->run_id, err);
}

static int stop_run(void *arg, const char *run_id, const char *reason, struct err *err)
{
    struct rig *r = arg;
    (void)err;
    CHECK_STR(run_id, r->run_id);
    CHECK(strstr(reason, "longer than 2 h"));
    r->stops++;
    return 0;
}

static void loop_begin(struct rig *r)
{
    struct loop_options o = { .store = r->app->store,
                              .blobs = r->app->blobs,
                              .arg = r,
                              .labelled = tell_labelled,
                              .retrain = begin_run,
                              .stop = stop_run };
    CHECK_OK(loop_open(&r->loop, &o, err));
}

static void rig_open(struct rig *r, const char *policy)
{
    char request[2000];
    *r = (struct rig){ .app = open_app(APP_WRITE), .now_ms = T0, .labelled = 1000 };
    r->next_ms = T0 - 100 * WINDOW_MS;
    clock_set_fixed(T0);
    CHECK_INT(add_version(r->app, 1, 1, 0), 1);
    want(r->app, "PUT /api/v1/endpoints/e {\"model\":\"m\",\"version\":1}", 201, "\"1\"");
    want(r->app,
         "PUT /api/v1/endpoints/e/alerts "
         "{\"rules\":[{\"alert\":\"Decay\",\"expr\":\"rmse_low>10\",\"severity\":\"critical\"}]}",
         200, "\"Decay\"");
    (void)snprintf(request, sizeof request, "PUT /api/v1/endpoints/e/loop {\"policy\":%s}", policy);
    want(r->app, request, 200, "\"triggers\"");
    loop_begin(r);
}

static void rig_close(struct rig *r)
{
    loop_close(r->loop);
    app_close(r->app);
    clock_set_fixed(-1);
}

struct put {
    struct monitor_window w;
};

static int put_window(struct tx *tx, void *arg, struct err *err)
{
    struct put *p = arg;
    struct buf b;
    struct monitor_counts none = { 0 };
    buf_init(&b, MIB(1));
    monitor_counts_pack(&none, &b);
    int rc = monitor_window_put(tx, &p->w, buf_view(&b), err);
    buf_fini(&b);
    struct event e = event_of(CAUSE_SYSTEM, "monitor.window_closed", "endpoint/e");
    return rc ? rc : event_add(tx, &e, err);
}

/* Closes a window whose realised error has that lower end, then a turn. */
static void window(struct rig *r, const char *version, double low)
{
    struct put p = { .w = { .endpoint = "e",
                            .model = "m",
                            .version = version,
                            .start_ms = r->next_ms,
                            .end_ms = r->next_ms + WINDOW_MS,
                            .judged_ms = r->next_ms + WINDOW_MS,
                            .rows = 100,
                            .requests = 100,
                            .worst_psi = NAN,
                            .output_psi = NAN,
                            .prediction_mean = NAN,
                            .realised = { 100, 100, low + 1, low, 0, low, low + 2 } } };
    r->next_ms += WINDOW_MS;
    CHECK_OK(store_write(r->app->store, put_window, &p, err));
    CHECK_OK(loop_tick(r->loop, r->now_ms, err));
}

static void later(struct rig *r, int64_t ms)
{
    r->now_ms += ms;
    clock_set_fixed(r->now_ms);
    CHECK_OK(loop_tick(r->loop, r->now_ms, err));
}

static void expect(struct rig *r, const char *text)
{
    want(r->app, "GET /api/v1/endpoints/e/loop", 200, text);
}

struct ended {
    const char *run_id, *status, *reason;
};

static int end_run(struct tx *tx, void *arg, struct err *err)
{
    const struct ended *x = arg;
    return run_finish(tx, CAUSE_SYSTEM, x->run_id, x->status, x->reason, err);
}

static void run_ends(struct rig *r, const char *status, const char *reason)
{
    struct ended x = { r->run_id, status, reason };
    CHECK_OK(store_write(r->app->store, end_run, &x, err));
    CHECK_OK(loop_tick(r->loop, r->now_ms, err));
}

static int add_of_run(struct tx *tx, void *arg, struct err *err)
{
    struct new_version *n = arg;
    const struct rig *r = (const struct rig *)(uintptr_t)n->number;
    struct version_new v = { .model = "m", .adopted_run = r->run_id };
    v.row.digest = n->digest;
    v.row.run_id = r->run_id;
    v.row.gates_passed = 1;
    v.row.status = "READY";
    v.row.stage = "None";
    return version_create(tx, CAUSE_SYSTEM, &v, &n->number, err);
}

static void run_makes_a_version(struct rig *r)
{
    char digest[SHA256_HEX];
    put_model(r->app, &(struct new_model){ .shift = 2 }, digest);
    struct new_version n = { digest, 1, (int64_t)(uintptr_t)r };
    CHECK_OK(store_write(r->app->store, add_of_run, &n, err));
    run_ends(r, "FINISHED", NULL);
}

#define POLICY                                                                                     \
    "{\"project_dir\":\"/p\",\"triggers\":[{\"alert\":\"Decay\",\"cooldown\":\"1h\"}],"            \
    "\"strategy\":{\"shadow\":0},\"budget\":{\"promotions\":1,\"per\":\"1d\"}}"

TEST(decay_retrains_once_and_the_version_is_brought_in)
{
    struct rig r;
    rig_open(&r, POLICY);
    window(&r, "1", 5);
    expect(&r, "alert Decay is ok");
    window(&r, "1", 11);
    expect(&r, "alert Decay is warning");
    window(&r, "1", 12);
    CHECK_INT(r.starts, 1);
    expect(&r, "\"state\":\"training\"");
    want(r.app, "GET /api/v1/alerts?open=true", 200, "rmse_low 12 > 10");
    window(&r, "1", 13);
    window(&r, "1", 13);
    want(r.app, "GET /api/v1/endpoints/e/alerts", 200, "\"firing\"");
    const char *first = strstr(strstr(answer, "\"items\""), "\"id\"");
    CHECK(first && !strstr(first + 4, "\"id\"")); /* one alert, not one a window */
    CHECK_INT(r.starts, 1);
    run_makes_a_version(&r);
    expect(&r, "\"state\":\"rollout\"");
    CHECK_OK(loop_tick(r.loop, r.now_ms, err));
    want(r.app, "GET /api/v1/endpoints/e/rollout", 200, "\"candidate\":\"2\"");
    want(r.app, "POST /api/v1/endpoints/e:promote {}", 200, "\"version\":\"2\"");
    CHECK_OK(loop_tick(r.loop, r.now_ms, err));
    expect(&r, "\"state\":\"promoted\"");
    want(r.app, "GET /api/v1/alerts?open=true", 200, "\"items\":[]");
    want(r.app, "GET /api/v1/alerts", 200, "version 2 serves instead of 1");
    want(r.app, "GET /api/v1/endpoints/e/story", 200, "trigger.fired");
    /* it decays again: the budget of one a day is used */
    later(&r, 2 * 3600000);
    window(&r, "2", 20);
    window(&r, "2", 20);
    CHECK_INT(r.starts, 1);
    expect(&r, "budget of 1 automatic promotions is used");
    later(&r, 86400000);
    CHECK_INT(r.starts, 2);
    rig_close(&r);
}

TEST(reasons_not_to_retrain)
{
    struct rig r;
    rig_open(&r, POLICY);
    r.labelled = 10;
    window(&r, "1", 11);
    window(&r, "1", 12);
    CHECK_INT(r.starts, 0);
    expect(&r, "fewer than 200 labelled rows since");
    r.labelled = 1000;
    want(r.app, "POST /api/v1/endpoints/e/loop:freeze {\"reason\":\"audit\"}", 200, "audit");
    window(&r, "1", 12);
    CHECK_INT(r.starts, 0);
    expect(&r, "frozen by anonymous: audit");
    want(r.app, "POST /api/v1/endpoints/e/loop:thaw {}", 200, "\"frozen\":false");
    IGNORE(ask(r.app, "GET", "/api/v1/alerts?open=true", ""));
    char path[200], id[40] = "";
    (void)snprintf(id, sizeof id, "%.36s", strstr(answer, "\"id\":\"") + 6);
    (void)snprintf(path, sizeof path, "POST /api/v1/alerts/%s:acknowledge {\"note\":\"I look\"}",
                   id);
    want(r.app, path, 200, "\"acknowledged\"");
    window(&r, "1", 12);
    CHECK_INT(r.starts, 0);
    expect(&r, "was acknowledged by anonymous");
    window(&r, "1", 1);
    window(&r, "1", 1);
    want(r.app, "GET /api/v1/alerts?open=true", 200, "\"items\":[]");
    want(r.app, path, 409, "is resolved already");
    want(r.app, "POST /api/v1/endpoints/e/silences {\"for\":\"1h\"}", 201, "\"until_ms\"");
    window(&r, "1", 12);
    window(&r, "1", 12);
    window(&r, "1", 12);
    CHECK_INT(r.starts, 0);
    expect(&r, "alert Decay is silenced");
    rig_close(&r);
}

TEST(attempts_that_do_not_help_freeze_the_loop)
{
    struct rig r;
    rig_open(&r, POLICY);
    window(&r, "1", 11);
    window(&r, "1", 12);
    for (int i = 1; i <= 3; i++) {
        CHECK_INT(r.starts, i);
        run_ends(&r, "FAILED", "gate 'rmse <= 10' does not hold");
        expect(&r, "\"state\":\"refused\"");
        window(&r, "1", 12);
        expect(&r, "cools down until");
        later(&r, 3600001);
    }
    CHECK_INT(r.starts, 3);
    expect(&r, "\"frozen\":true");
    CHECK(strstr(answer, "3 attempts in a row did not help"));
    later(&r, 7 * 3600000);
    CHECK_INT(r.starts, 3);
    want(r.app, "POST /api/v1/endpoints/e/loop:thaw {}", 200, "\"frozen\":false");
    later(&r, 1000);
    CHECK_INT(r.starts, 4); /* a person looked: it is tried again */
    rig_close(&r);
}

TEST(alerts_of_a_deleted_endpoint_end)
{
    struct rig r;
    rig_open(&r, POLICY);
    window(&r, "1", 11);
    window(&r, "1", 12);
    want(r.app, "GET /api/v1/alerts?open=true", 200, "\"alert\":\"Decay\"");
    want(r.app, "DELETE /api/v1/endpoints/e", 200, "{}");
    want(r.app, "GET /api/v1/alerts?open=true", 200, "\"items\":[]");
    want(r.app, "GET /api/v1/alerts", 200, "the endpoint was deleted");
    rig_close(&r);
}

TEST(events_name_an_endpoint_as_its_project_does)
{
    struct arena a;
    arena_init(&a, KIB(4));
    const struct cause other = { .project = "fraud" };
    CHECK_STR(monitor_event_subject(&a, CAUSE_SYSTEM, "e"), "endpoint/e");
    CHECK_STR(monitor_event_subject(&a, CAUSE_SYSTEM, "fraud.e"), "endpoint/fraud.e");
    CHECK_STR(monitor_event_subject(&a, &other, "fraud.e"), "endpoint/e");
    CHECK_STR(monitor_event_subject(&a, &other, "fraudulent"), "endpoint/fraudulent");
    arena_fini(&a);
}

TEST(a_retraining_that_cannot_begin_says_why)
{
    struct rig r;
    rig_open(&r, POLICY);
    r.refuse = 1;
    window(&r, "1", 11);
    window(&r, "1", 12);
    expect(&r, "\"state\":\"failed\",\"reason\":\"no project there\"");
    rig_close(&r);
}

TEST(counts_say_nothing_while_another_version_has_a_share)
{
    struct rig r;
    rig_open(&r, POLICY);
    want(r.app,
         "PUT /api/v1/endpoints/e/alerts {\"rules\":[{\"alert\":\"Few\",\"expr\":\"rows<1000\"}]}",
         200, "\"Few\"");
    CHECK_INT(add_version(r.app, 2, 1, 0), 2);
    want(r.app, "POST /api/v1/endpoints/e/rollout {}", 201, "\"running\"");
    window(&r, "1", 1);
    window(&r, "1", 1);
    want(r.app, "GET /api/v1/endpoints/e/alerts", 200, "\"state\":\"insufficient_data\"");
    want(r.app, "POST /api/v1/endpoints/e:rollback {}", 200, "\"1\"");
    window(&r, "1", 1);
    want(r.app, "GET /api/v1/alerts?open=true", 200, "\"Few\"");
    rig_close(&r);
}

TEST(what_cannot_begin_is_not_tried_for_ever)
{
    struct rig r;
    rig_open(&r, POLICY);
    r.refuse = 1;
    window(&r, "1", 11);
    window(&r, "1", 12);
    expect(&r, "no project there");
    later(&r, 60000);
    expect(&r, "cools down until");
    for (int i = 0; i < 5; i++)
        later(&r, 3600001);
    expect(&r, "\"frozen\":true");
    CHECK(strstr(answer, "3 attempts in a row did not help: the last one was failed (no project"));
    r.refuse = 0;
    want(r.app, "POST /api/v1/endpoints/e/loop:thaw {\"reason\":\"it is back\"}", 200, "false");
    later(&r, 1000);
    CHECK_INT(r.starts, 1);
    rig_close(&r);
}

struct back {
    struct rig *r;
    const char *run_id; /* NULL = as it is */
};

/* The record as it stands when the server is killed while a run begins. */
static int back_to_start(struct tx *tx, void *arg, struct err *err)
{
    struct back *b = arg;
    struct arena a;
    struct endpoint_row row;
    struct loop_attempt *list = NULL;
    size_t n = 0;
    arena_init(&a, MIB(1));
    int rc = endpoint_get(tx, &a, "default", "e", &row, err);
    if (!rc)
        rc = loop__attempts(tx, &a, row.id, 1, &list, &n, err);
    if (!rc) {
        CHECK_STR(list[0].state, "training");
        list[0].state = "starting";
        list[0].run_id = b->run_id ? b->run_id : list[0].run_id;
        rc = loop__attempt_update(tx, &list[0], "training", err);
    }
    arena_fini(&a);
    return rc;
}

static void killed_while_it_began(struct rig *r, const char *run_id)
{
    struct back b = { r, run_id };
    CHECK_OK(store_write(r->app->store, back_to_start, &b, err));
    loop_close(r->loop);
    loop_begin(r);
    CHECK_OK(loop_tick(r->loop, r->now_ms, err));
}

TEST(a_kill_while_a_run_begins_never_doubles_it)
{
    struct rig r;
    rig_open(&r, POLICY);
    window(&r, "1", 11);
    window(&r, "1", 12);
    CHECK_INT(r.starts, 1);
    killed_while_it_began(&r, NULL);
    expect(&r, "\"state\":\"training\""); /* its run is there: followed */
    window(&r, "1", 12);
    CHECK_INT(r.starts, 1);
    killed_while_it_began(&r, "00000000000000000000000000000000");
    expect(&r, "the server stopped before the run began");
    CHECK_OK(loop_tick(r.loop, r.now_ms, err));
    CHECK_INT(r.starts, 2); /* there was none: it is begun anew, once */
    later(&r, 1000);
    CHECK_INT(r.starts, 2);
    rig_close(&r);
}

TEST(a_restart_goes_on_with_the_run)
{
    struct rig r;
    rig_open(&r, POLICY);
    window(&r, "1", 11);
    window(&r, "1", 12);
    loop_close(r.loop);
    loop_begin(&r);
    later(&r, 1000);
    window(&r, "1", 12);
    CHECK_INT(r.starts, 1);
    run_makes_a_version(&r);
    expect(&r, "\"state\":\"rollout\"");
    loop_close(r.loop);
    loop_begin(&r);
    later(&r, 1000);
    want(r.app, "GET /api/v1/endpoints/e/rollout", 200, "\"candidate\":\"2\"");
    want(r.app, "DELETE /api/v1/models/m/versions/1", 409, "endpoint"); /* the champion */
    want(r.app, "DELETE /api/v1/models/m/versions/2", 409, "endpoint"); /* the candidate */
    rig_close(&r);
}

TEST(a_retraining_that_takes_too_long_is_stopped)
{
    struct rig r;
    rig_open(&r, "{\"project_dir\":\"/p\",\"triggers\":[{\"alert\":\"Decay\",\"cooldown\":\"1h\"}],"
                 "\"data\":{\"timeout\":\"2h\"}}");
    window(&r, "1", 11);
    window(&r, "1", 12);
    later(&r, 7199000);
    expect(&r, "\"state\":\"training\"");
    later(&r, 1000);
    expect(&r, "it took longer than 2 h and was stopped");
    CHECK_INT(r.stops, 1);
    later(&r, 1000);
    expect(&r, "cools down until");
    later(&r, 3600000);
    CHECK_INT(r.starts, 2);
    CHECK_INT(r.stops, 1);
    rig_close(&r);
}

TEST(two_alerts_at_once_make_one_retraining)
{
    struct rig r;
    rig_open(&r,
             "{\"project_dir\":\"/p\",\"triggers\":[{\"alert\":\"Decay\"},{\"alert\":\"Worse\"}]}");
    want(
        r.app,
        "PUT /api/v1/endpoints/e/alerts {\"rules\":[{\"alert\":\"Decay\",\"expr\":\"rmse_low>10\"},"
        "{\"alert\":\"Worse\",\"expr\":\"rmse>12\"}]}",
        200, "\"Worse\"");
    window(&r, "1", 13);
    window(&r, "1", 13);
    later(&r, 1000);
    CHECK_INT(r.starts, 1);
    want(r.app, "GET /api/v1/alerts?open=true", 200, "\"Worse\"");
    CHECK(strstr(answer, "\"Decay\""));
    expect(&r, "an attempt is under way (training)");
    rig_close(&r);
}

TEST(an_endpoint_deleted_while_it_is_retrained)
{
    struct rig r;
    rig_open(&r, POLICY);
    window(&r, "1", 11);
    window(&r, "1", 12);
    CHECK_INT(r.starts, 1);
    want(r.app, "DELETE /api/v1/endpoints/e", 200, "");
    later(&r, 1000);
    run_makes_a_version(&r); /* what came of it is there for people */
    want(r.app, "GET /api/v1/alerts?open=true", 200, "\"items\":[]");
    want(r.app, "PUT /api/v1/endpoints/e {\"model\":\"m\",\"version\":1}", 201, "\"1\"");
    later(&r, 1000);
    expect(&r, "\"attempts\":[]"); /* a new endpoint of that name has no past */
    CHECK_INT(r.starts, 1);
    rig_close(&r);
}

TEST(new_labels_start_a_retraining)
{
    struct rig r;
    rig_open(&r, "{\"project_dir\":\"/p\",\"triggers\":[{\"labels\":300}]}");
    window(&r, "1", 1);
    window(&r, "1", 1);
    CHECK_INT(r.starts, 0);
    expect(&r, "fewer than 300 labelled rows are new");
    window(&r, "1", 1);
    CHECK_INT(r.starts, 1);
    CHECK_STR(r.served, "e");
    run_ends(&r, "FAILED", "out of memory");
    expect(&r, "\"state\":\"failed\"");
    window(&r, "1", 1);
    CHECK_INT(r.starts, 1); /* those were counted */
    rig_close(&r);
}

TEST(policies_that_make_no_sense_are_told_why)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        { "[]", "must be an object" },
        { "{\"trigers\":[]}", "did you mean 'triggers'" },
        { "{\"triggers\":[{}]}", "one of 'alert' and 'labels'" },
        { "{\"triggers\":[{\"alert\":\"A\",\"labels\":5}]}", "one of 'alert' and 'labels'" },
        { "{\"triggers\":[{\"alert\":\"A\",\"cooldown\":5}]}", "cooldown: must be a time" },
        { "{\"triggers\":[{\"alert\":\"A\"},{\"alert\":\"A\"}]}", "stands twice" },
        { "{\"project_dir\":\"x\"}", "absolute path" },
        { "{\"strategy\":{\"canary\":[0]}}", "strategy: canary[0]" },
        { "{\"budget\":{\"promotions\":0}}", "budget: promotions" },
        { "{\"data\":{\"rows\":\"x\"}}", "data: rows" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena a;
        struct loop_policy p;
        struct err e = ERR_INIT;
        arena_init(&a, MIB(1));
        CHECK(loop_policy_read(&a, cases[i].text, &p, &e) < 0);
        if (!strstr(e.msg, cases[i].why))
            TEST_FAIL("%s: %s", cases[i].text, e.msg);
        arena_fini(&a);
    }
}
