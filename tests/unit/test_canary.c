/* SPDX-License-Identifier: Apache-2.0
 * Rollouts over a real store and serving table, on a clock of the test's own: steps, rules, what
 * people do meanwhile, a restart in the middle. */
#include "rollout_test.h"

#include <math.h>

#include "base/clock.h"
#include "base/rng.h"
#include "rollout/canary.h"
#include "rollout/follow.h"
#include "serve/serve.h"

static const int64_t T0 = INT64_C(1780000000000);

/* A server without its threads: the test turns the crank. */
struct rig {
    struct app *app;
    struct serve *serve;
    struct follow *follow;
    struct canary *canary;
    int64_t now_ms;
    struct canary_known known; /* what the monitor would tell */
    double next;               /* x of the next request */
};

static void tell_known(void *arg, const struct canary_row *row, int64_t from_ms, int64_t now_ms,
                       struct canary_known *out)
{
    (void)row;
    CHECK(from_ms <= now_ms);
    *out = ((struct rig *)arg)->known;
}

static void rig_serve(struct rig *r)
{
    CHECK_OK(serve_open(&r->serve, err));
    struct follow_options f = { r->app->store, r->app->blobs, r->serve };
    CHECK_OK(follow_open(&r->follow, &f, err));
    CHECK_OK(follow_apply(r->follow, err));
    struct canary_options c = {
        .store = r->app->store, .serve = r->serve, .known = tell_known, .arg = r
    };
    CHECK_OK(canary_open(&r->canary, &c, err));
}

static void rig_stop(struct rig *r)
{
    canary_close(r->canary);
    follow_close(r->follow);
    serve_close(r->serve);
}

static void rig_open(struct rig *r)
{
    *r = (struct rig){ .app = open_app(APP_WRITE), .now_ms = T0 };
    r->known = (struct canary_known){ NAN, NAN, { NAN, NAN, NAN, NAN }, { NAN, NAN, NAN, NAN } };
    clock_set_fixed(T0);
    CHECK_INT(add_model(r->app, &(struct new_model){ .filled = 1 }, 1), 1);
    want(r->app, "PUT /api/v1/endpoints/e {\"model\":\"m\",\"version\":1}", 201, "\"1\"");
    rig_serve(r);
}

static void rig_close(struct rig *r)
{
    rig_stop(r);
    app_close(r->app);
    clock_set_fixed(-1);
}

/* n requests, then one turn 3 seconds later. */
static void turn(struct rig *r, int n, int missing)
{
    for (int i = 0; i < n; i++) {
        struct arena a;
        arena_init(&a, MIB(1));
        r->next = fmod(r->next + 0.618, 1) * 10;
        const char *body = missing && i % 10 == 0
                               ? "{\"instances\":[{\"x\":null}]}"
                               : arena_printf(&a, "{\"instances\":[{\"x\":%.17g}]}", r->next);
        struct serve_call c = {
            .name = STR("e"), .body = str_of(body), .arena = &a, .started_ns = clock_mono_ns()
        };
        int rc = serve_call_begin(r->serve, &c, NULL);
        serve_call_end(r->serve, &c, rc != 0);
        arena_fini(&a);
        if (i % 100 == 99) /* the shadow's queue is finite */
            serve_shadow_drain(r->serve);
    }
    serve_shadow_drain(r->serve);
    r->now_ms += 3000;
    clock_set_fixed(r->now_ms);
    CHECK_OK(canary_tick(r->canary, r->now_ms, err));
    CHECK_OK(follow_apply(r->follow, err));
}

static void expect(struct rig *r, const char *text)
{
    want(r->app, "GET /api/v1/endpoints/e/rollout", 200, text);
}

#define STRATEGY                                                                                   \
    "{\"shadow\":200,\"canary\":[5,25,100],\"every\":\"6s\",\"min_requests\":50,"                  \
    "\"check\":\"3s\",\"timeout\":\"1m\"}"

static void begin(struct rig *r, const struct new_model *m)
{
    int64_t version = add_model(r->app, m, 1);
    CHECK(version > 1);
    want(r->app, "POST /api/v1/endpoints/e/rollout {\"strategy\":" STRATEGY "}", 201,
         "\"state\":\"running\"");
    CHECK_OK(follow_apply(r->follow, err));
    turn(r, 0, 0); /* the window begins */
}

TEST(a_good_candidate_goes_all_the_way)
{
    struct rig r;
    rig_open(&r);
    begin(&r, &(struct new_model){ .shift = 0.1, .filled = 1 });
    expect(&r, "\"stage\":\"shadow\"");
    turn(&r, 300, 1);
    expect(&r, "\"percent\":5.0");
    int turns = 0;
    for (; turns < 40; turns++) {
        turn(&r, 600, 1);
        IGNORE(ask(r.app, "GET", "/api/v1/endpoints/e/rollout", ""));
        if (strstr(answer, "\"state\":\"promoted\""))
            break;
    }
    CHECK(turns < 20);
    want(r.app, "GET /api/v1/endpoints/e", 200, "\"version\":\"2\"");
    CHECK(strstr(answer, "\"rollout\":null") && strstr(answer, "\"action\":\"promote\""));
    want(r.app, "GET /api/v1/models/m", 200, "\"champion\"");
    want(r.app, "GET /api/v1/endpoints/e/rollouts", 200, "\"promoted\"");
    struct serve_status st;
    CHECK_OK(serve_status_get(r.serve, STR("e"), &st, err));
    CHECK_STR(st.version, "2");
    CHECK_STR(st.candidate, "");
    rig_close(&r);
}

/* The candidate is out, the version before serves, and the reason says why. */
static void expect_back(struct rig *r, int turns, int missing, const char *reason)
{
    for (int i = 0; i < turns; i++)
        turn(r, 400, missing);
    expect(r, "\"state\":\"rolled_back\"");
    if (!strstr(answer, reason))
        TEST_FAIL("no '%s' in %s", reason, answer);
    want(r->app, "GET /api/v1/endpoints/e", 200, "\"version\":\"1\"");
    struct serve_status st;
    CHECK_OK(serve_status_get(r->serve, STR("e"), &st, err));
    CHECK_STR(st.version, "1");
    CHECK_STR(st.candidate, "");
}

TEST(nonsense_is_sent_back_from_the_shadow)
{
    struct rig r;
    rig_open(&r);
    begin(&r, &(struct new_model){ .shift = 5000, .filled = 1 });
    expect_back(&r, 2, 0, "shift");
    rig_close(&r);
}

TEST(one_that_fails_is_sent_back_by_its_second_breach)
{
    struct rig r;
    rig_open(&r);
    begin(&r, &(struct new_model){ .shift = 0 });
    turn(&r, 300, 0); /* nothing missing yet: the shadow passes */
    expect(&r, "\"percent\":5.0");
    turn(&r, 0, 0);
    turn(&r, 2000, 1);
    expect(&r, "\"recent_breaches\":1");
    CHECK(strstr(answer, "\"state\":\"running\""));
    turn(&r, 2000, 1);
    expect_back(&r, 0, 1, "error_rate_low");
    rig_close(&r);
}

TEST(realised_errors_send_it_back)
{
    struct rig r;
    rig_open(&r);
    begin(&r, &(struct new_model){ .shift = 0.5, .filled = 1 });
    r.known.candidate = (struct canary_realised){ 100, 9, 8, 10 };
    r.known.champion = (struct canary_realised){ 100, 5, 4, 6 };
    expect_back(&r, 2, 0, "rmse_low 8 > champion.rmse_high 6");
    rig_close(&r);
}

TEST(a_good_retrain_may_predict_otherwise_than_the_champion)
{
    struct rig r;
    rig_open(&r);
    begin(&r, &(struct new_model){ .shift = 500, .filled = 1 });
    r.known.reference_mean = 505;
    r.known.reference_sd = 3;
    turn(&r, 300, 0);
    expect(&r, "\"percent\":5.0");
    rig_close(&r);
}

TEST(people_pause_resume_promote_and_roll_back)
{
    struct rig r;
    rig_open(&r);
    want(r.app, "GET /api/v1/endpoints/e/rollout", 404, "no rollout");
    want(r.app, "POST /api/v1/endpoints/e/rollout {}", 409, "already serving");
    begin(&r, &(struct new_model){ .shift = 0.1, .filled = 1 });
    want(r.app, "POST /api/v1/endpoints/e/rollout {}", 409, "brought in");
    want(r.app, "POST /api/v1/endpoints/e/rollout:resume {}", 409, "running, not paused");
    want(r.app, "POST /api/v1/endpoints/e/rollout:pause {\"reason\":\"lunch\"}", 200, "\"lunch\"");
    for (int i = 0; i < 4; i++)
        turn(&r, 300, 0);
    expect(&r, "\"stage\":\"shadow\"");
    want(r.app, "POST /api/v1/endpoints/e/rollout:resume {}", 200, "\"running\"");
    want(r.app, "POST /api/v1/endpoints/e:rollback {\"reason\":\"not today\"}", 200,
         "\"version\":\"1\"");
    expect(&r, "\"state\":\"rolled_back\"");
    CHECK(strstr(answer, "not today"));
    want(r.app, "POST /api/v1/endpoints/e:rollback {}", 409, "no earlier version");
    want(r.app, "POST /api/v1/endpoints/e/rollout {\"strategy\":" STRATEGY "}", 201, "running");
    want(r.app, "POST /api/v1/endpoints/e:promote {}", 200, "\"version\":\"2\"");
    expect(&r, "\"state\":\"promoted\"");
    CHECK_OK(follow_apply(r.follow, err));
    rig_close(&r);
}

TEST(a_move_or_a_deletion_ends_it)
{
    struct rig r;
    rig_open(&r);
    begin(&r, &(struct new_model){ .shift = 0.1, .filled = 1 });
    want(r.app, "DELETE /api/v1/models/m/versions/2", 409, "endpoint 'e'");
    want(r.app, "DELETE /api/v1/models/m", 409, "endpoint 'e'");
    CHECK_INT(add_model(r.app, &(struct new_model){ .filled = 1 }, 1), 3);
    want(r.app, "PUT /api/v1/endpoints/e {\"model\":\"m\",\"version\":3}", 200, "\"3\"");
    expect(&r, "\"state\":\"rolled_back\"");
    CHECK(strstr(answer, "moved to version 3"));
    CHECK_OK(follow_apply(r.follow, err));
    turn(&r, 100, 0);
    want(r.app, "POST /api/v1/endpoints/e/rollout {\"version\":2}", 201, "running");
    want(r.app, "DELETE /api/v1/endpoints/e", 200, "{}");
    CHECK_OK(follow_apply(r.follow, err));
    CHECK_OK(canary_tick(r.canary, r.now_ms, err));
    rig_close(&r);
}

TEST(a_restart_goes_on_where_the_record_stands)
{
    struct rig r;
    rig_open(&r);
    begin(&r, &(struct new_model){ .shift = 0.1, .filled = 1 });
    turn(&r, 300, 0);
    expect(&r, "\"percent\":5.0");
    rig_stop(&r);
    rig_serve(&r);
    struct serve_status st;
    CHECK_OK(serve_status_get(r.serve, STR("e"), &st, err));
    CHECK_STR(st.version, "1");
    CHECK_STR(st.candidate, "2");
    CHECK_INT(st.share.permille, 50);
    for (int i = 0; i < 4; i++)
        turn(&r, 600, 0);
    expect(&r, "\"percent\":25.0");
    rig_close(&r);
}

TEST(too_little_traffic_pauses_and_a_broken_file_goes_back)
{
    struct rig r;
    rig_open(&r);
    begin(&r, &(struct new_model){ .shift = 0.1, .filled = 1 });
    for (int i = 0; i < 21; i++)
        turn(&r, 1, 0);
    expect(&r, "\"state\":\"paused\"");
    CHECK(strstr(answer, "not enough requests"));
    want(r.app, "POST /api/v1/endpoints/e:rollback {}", 200, "\"1\"");
    CHECK_INT(add_model(r.app, &(struct new_model){ .broken = 1 }, 1), 3);
    want(r.app, "POST /api/v1/endpoints/e/rollout {\"version\":3}", 201, "running");
    CHECK_OK(follow_apply(r.follow, err));
    turn(&r, 10, 0);
    expect(&r, "\"state\":\"rolled_back\"");
    CHECK(strstr(answer, "does not load"));
    rig_close(&r);
}

SQL(test_damage, "UPDATE rollouts SET strategy = $1 WHERE endpoint = $2");

static int damage(struct tx *tx, void *arg, struct err *err)
{
    return tx_exec(tx, &test_damage, NULL, err, "tt", "{\"abort\":\"nonsense > 1\"}", arg);
}

TEST(one_that_cannot_be_judged_goes_back_and_stops_no_other)
{
    struct rig r;
    rig_open(&r);
    want(r.app, "PUT /api/v1/endpoints/a {\"model\":\"m\",\"version\":1}", 201, "\"1\"");
    begin(&r, &(struct new_model){ .shift = 0.1, .filled = 1 });
    want(r.app, "POST /api/v1/endpoints/a/rollout {}", 201, "running");
    CHECK_OK(store_write(r.app->store, damage, (void *)(uintptr_t) "a", err));
    CHECK_OK(follow_apply(r.follow, err));
    turn(&r, 300, 0);
    want(r.app, "GET /api/v1/endpoints/a/rollout", 200, "\"state\":\"rolled_back\"");
    CHECK(strstr(answer, "cannot be read"));
    turn(&r, 300, 0);
    expect(&r, "\"percent\":5.0");
    rig_close(&r);
}

TEST(a_promotion_of_the_turn_is_of_its_own_rollout)
{
    struct rig r;
    rig_open(&r);
    begin(&r, &(struct new_model){ .shift = 0.1, .filled = 1 });
    struct err e = ERR_INIT;
    struct rollout_change c = { .endpoint = "e", .version = "2", .rollout = "another" };
    CHECK_INT(rollout_promote(r.app->store, &c, NULL, &e), ERR_CONFLICT);
    CHECK(strstr(e.msg, "does not run any more"));
    expect(&r, "\"state\":\"running\"");
    rig_close(&r);
}

TEST(strategies_that_make_no_sense_are_told_why)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        { "[]", "must be an object" },
        { "{\"canary\":[25,5]}", "larger than the one before" },
        { "{\"canary\":[]}", "list of 1 to" },
        { "{\"canary\":[0]}", "percentage" },
        { "{\"canary\":[\"5%\",\"x%\"]}", "canary[1]" },
        { "{\"canarie\":[5]}", "did you mean 'canary'" },
        { "{\"every\":30}", "every: must be a time" },
        { "{\"shadow\":-1}", "shadow: must be a whole number" },
        { "{\"abort\":\"eror_rate > 0.1\"}", "did you mean 'error_rate'" },
        { "{\"abort\":[\"error_rate\"]}", "abort rule" },
        { "{\"abort\":\"champion.psi > 1\"}", "without 'champion.'" },
        { "{\"automatic\":1}", "true or false" },
        { "{\"check\":\"1ms\"}", "between 500ms and 1h" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena a;
        struct strategy s;
        struct err e = ERR_INIT;
        arena_init(&a, MIB(1));
        CHECK(strategy_read(&a, cases[i].text, &s, &e) < 0);
        if (!strstr(e.msg, cases[i].why))
            TEST_FAIL("%s: %s", cases[i].text, e.msg);
        arena_fini(&a);
    }
}

static struct serve_arm drawn(struct rng *g, int n, double mean, double sd)
{
    struct serve_arm arm = { .requests = (uint64_t)n, .rows = (uint64_t)n };
    for (int i = 0; i < n; i++) {
        double x = mean + sd * rng_normal(g);
        int e;
        double f = frexp(fabs(x), &e);
        arm.sum += x;
        arm.sum_squares += x * x;
        arm.cells[SERVE_ARM_CELLS / 2 + (size_t)(e + 31) * 8 + (size_t)((f - 0.5) * 16)]++;
        arm.latency[3]++;
    }
    return arm;
}

/* psi and its limit: of 400 windows in which nothing differs at most 5 % + 3 sigma go over. */
TEST(chance_alone_seldom_passes_the_limit_of_psi)
{
    struct rng g;
    struct canary_known known = { NAN, NAN, { NAN, NAN, NAN, NAN }, { NAN, NAN, NAN, NAN } };
    int over = 0, seen = 0;
    rng_seed(&g, 7);
    for (int i = 0; i < 401; i++) {
        struct arena a;
        struct strategy s;
        const char *detail, *reason;
        arena_init(&a, MIB(4));
        CHECK_OK(strategy_read(&a, "{\"abort\":\"psi > psi_limit\"}", &s, err));
        struct serve_arm arms[2] = { drawn(&g, 5000, 100, 20),
                                     drawn(&g, 500, i < 400 ? 100 : 120, 20) };
        CHECK_OK(canary_judge(&a, &s, arms, &known, &detail, &reason, err));
        CHECK(strstr(detail, "\"psi_limit\""));
        over += reason != NULL && i < 400;
        seen = reason != NULL;
        arena_fini(&a);
    }
    CHECK(over <= 400 * 0.05 + 3 * sqrt(400 * 0.05 * 0.95));
    CHECK(seen); /* the last one did differ */
}
