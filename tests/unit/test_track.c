/* SPDX-License-Identifier: Apache-2.0
 * Experiments, runs, metrics, data versions, attempts and search. Each test runs inside one write.
 */
#include "store_test.h"

#include <math.h>

#include "base/clock.h"
#include "store/store.h"
#include "track/dataset.h"
#include "track/logged_model.h"
#include "track/search.h"
#include "track/step.h"
#include "track/table.h"

static const struct cause by = { .actor = "user:ann", .request_id = "r1", .reason = "test" };

static int64_t event_count(struct tx *tx, struct arena *a, const char *kind)
{
    struct event *list;
    size_t n;
    struct event_query q = { .kind_prefix = kind, .limit = 1000 };
    CHECK_INT(event_list(tx, a, &q, &list, &n, NULL), 0);
    for (size_t i = 0; i < n; i++)
        CHECK_STR(list[i].actor, "user:ann");
    return (int64_t)n;
}

static int experiments(struct tx *tx, void *arg, struct err *err)
{
    struct arena *a = arg;
    struct experiment e, *list;
    struct experiment_new fresh = { .name = "first" };
    struct track_pair tag = { "k", "v" }, *tags;
    int64_t id, again;
    size_t n;
    MUST(experiment_find(tx, a, "default", "Default", &e, err));
    CHECK_INT(e.id, 0);
    CHECK_STR(e.artifact_location, "mlflow-artifacts:/0");
    CHECK(e.creation_time_ms > 0);
    MUST(experiment_create(tx, &by, &fresh, &id, err));
    CHECK_INT(id, 1);
    CHECK_INT(experiment_create(tx, &by, &fresh, &id, err), ERR_EXISTS);
    CHECK_STR(err->msg, "Experiment(name=first) already exists.");
    MUST(experiment_ensure(tx, &by, &fresh, &again, err));
    CHECK_INT(again, 1);
    MUST(experiment_tag_set(tx, &by, 1, &tag, err));
    MUST(experiment_tags(tx, a, 1, &tags, &n, err));
    CHECK_INT(n, 1);
    CHECK_STR(tags[0].value, "v");
    MUST(experiment_tag_delete(tx, &by, 1, "k", err));
    CHECK_INT(experiment_tag_delete(tx, &by, 1, "k", err), ERR_NOT_FOUND);

    char run_id[HEX32_TEXT];
    MUST(run_create(tx, &by, &(struct run_new){ .experiment_id = 1, .start_time_ms = -1 }, run_id,
                    err));
    MUST(experiment_get(tx, a, 1, &e, err));
    CHECK_INT(e.run_count, 1);
    MUST(experiment_delete(tx, &by, 1, err));
    CHECK_INT(experiment_delete(tx, &by, 1, err), ERR_NOT_FOUND);
    struct run r;
    MUST(run_get(tx, a, run_id, &r, err));
    CHECK_STR(r.lifecycle_stage, "deleted");
    CHECK_INT(experiment_ensure(tx, &by, &fresh, &again, err), ERR_CONFLICT);
    CHECK_INT(experiment_create(tx, &by, &fresh, &id, err), ERR_EXISTS); /* the name stays taken */
    CHECK_INT(run_create(tx, &by, &(struct run_new){ .experiment_id = 1 }, run_id, err),
              ERR_INVALID);
    MUST(experiment_list(tx, a, "default", TRACK_ACTIVE, &list, &n, err));
    CHECK_INT(n, 1);
    MUST(experiment_list(tx, a, "default", TRACK_ALL, &list, &n, err));
    CHECK_INT(n, 2);
    MUST(experiment_restore(tx, &by, 1, err));
    MUST(experiment_rename(tx, &by, 1, "second", err));
    MUST(experiment_resolve(tx, a, "default", "second", &e, err));
    MUST(experiment_resolve(tx, a, "default", "1", &e, err));
    CHECK_INT(experiment_resolve(tx, a, "default", "secnod", &e, err), ERR_NOT_FOUND);
    CHECK(strstr(err->msg, "did you mean 'second'?"));
    CHECK_INT(event_count(tx, a, "experiment."), 6);
    return 0;
}

TEST(track_experiments)
{
    in_write(experiments);
}

static int runs(struct tx *tx, void *arg, struct err *err)
{
    struct arena *a = arg;
    char id[HEX32_TEXT], other[HEX32_TEXT];
    struct run r;
    struct track_pair *pairs;
    size_t n;
    CHECK_INT(run_resolve(tx, a, "default", "latest", &r, err), ERR_NOT_FOUND);
    struct run_new fresh = {
        .experiment_id = 0, .start_time_ms = 1000, .user = "ann", .seed = -5, .has_seed = 1
    };
    MUST(run_create(tx, &by, &fresh, id, err));
    MUST(run_get(tx, a, id, &r, err));
    CHECK_STR(r.status, "RUNNING");
    CHECK_STR(r.experiment, "Default");
    CHECK_INT(r.end_time_ms, -1);
    CHECK(r.has_seed && r.seed == -5);
    CHECK_INT(strspn(r.id, "0123456789abcdef"), 32);
    CHECK(strstr(r.artifact_uri, id) && str_starts(str_of(r.artifact_uri), "mlflow-artifacts:/0/"));
    MUST(run_tags(tx, a, id, &pairs, &n, err));
    CHECK_INT(n, 1);
    CHECK_STR(pairs[0].key, "mlflow.runName");
    CHECK_STR(pairs[0].value, r.name);

    struct track_pair p = { "alpha", "0.5" };
    MUST(run_param_log(tx, id, &p, err));
    MUST(run_param_log(tx, id, &p, err));
    p.value = "0.6";
    CHECK_INT(run_param_log(tx, id, &p, err), ERR_INVALID);
    CHECK(strstr(err->msg, "already logged with value='0.5'"));
    p.key = "../x";
    CHECK_INT(run_param_log(tx, id, &p, err), ERR_INVALID);
    CHECK_INT(run_param_log(tx, "0123456789abcdef0123456789abcdef", &p, err), ERR_INVALID);
    MUST(run_params(tx, a, id, &pairs, &n, err));
    CHECK_INT(n, 1);
    MUST(run_tag_set(tx, &by, id, &(struct track_pair){ "mlflow.runName", "renamed" }, err));
    MUST(run_get(tx, a, id, &r, err));
    CHECK_STR(r.name, "renamed");

    char prefix[8];
    (void)snprintf(prefix, sizeof prefix, "%.6s", id);
    MUST(run_resolve(tx, a, "default", prefix, &r, err));
    CHECK_STR(r.id, id);
    CHECK_INT(run_resolve(tx, a, "default", "abc", &r, err), ERR_INVALID);
    CHECK_INT(run_resolve(tx, a, "default", "zzzz", &r, err), ERR_NOT_FOUND);
    (void)snprintf(other, sizeof other, "%.31s%c", id, id[31] == 'a' ? 'b' : 'a');
    fresh.id = other;
    fresh.start_time_ms = 2000;
    MUST(run_create(tx, &by, &fresh, other, err));
    CHECK_INT(run_create(tx, &by, &fresh, other, err), ERR_EXISTS);
    CHECK_INT(run_resolve(tx, a, "default", prefix, &r, err), ERR_CONFLICT);
    MUST(run_resolve(tx, a, "default", "latest", &r, err));
    CHECK_STR(r.id, other);

    MUST(run_finish(tx, &by, id, "FAILED", "gate 'rmse <= 60' said no", err));
    CHECK_INT(run_finish(tx, &by, id, "FINISHED", NULL, err), ERR_CONFLICT);
    CHECK(strstr(err->msg, "FAILED already: gate"));
    MUST(run_get(tx, a, id, &r, err));
    CHECK_STR(r.status_reason, "gate 'rmse <= 60' said no");
    CHECK(r.end_time_ms > 0);
    struct run_change c = RUN_CHANGE_INIT;
    c.status = "RUNNING"; /* MLflow allows any order */
    MUST(run_update(tx, &by, id, &c, err));
    c.status = "DONE";
    CHECK_INT(run_update(tx, &by, id, &c, err), ERR_INVALID);

    MUST(run_delete(tx, &by, id, err));
    MUST(run_delete(tx, &by, id, err));
    p.key = "beta";
    CHECK_INT(run_param_log(tx, id, &p, err), ERR_INVALID);
    MUST(run_restore(tx, &by, id, err));
    MUST(run_param_log(tx, id, &p, err));
    CHECK_INT(event_count(tx, a, "run.deleted"), 1);
    CHECK_INT(event_count(tx, a, "run.failed"), 1);
    return 0;
}

TEST(track_runs)
{
    in_write(runs);
}

TEST(metric_block_coding)
{
    static const struct metric_point points[] = {
        { 1.5, 1700000000000, 0 },
        { -INFINITY, 1700000000001, 1 },
        { 0, INT64_MIN, INT64_MAX },
        { 5e-324, INT64_MAX, INT64_MIN },
        { NAN, 0, 0 },
    };
    struct metric_point back[8], prev = { 0 };
    struct buf b;
    buf_init(&b, 1000);
    for (size_t i = 0; i < ARRAY_LEN(points); i++) {
        metric_block_append(&b, prev, &points[i]);
        prev = points[i];
    }
    CHECK_INT(metric_block_decode(buf_view(&b), back, 8), ARRAY_LEN(points));
    for (size_t i = 0; i < ARRAY_LEN(points); i++) {
        CHECK(back[i].step == points[i].step && back[i].time_ms == points[i].time_ms);
        CHECK(memcmp(&back[i].value, &points[i].value, sizeof(double)) == 0);
    }
    CHECK_INT(metric_block_decode(buf_view(&b), back, 2), -1);
    for (size_t n = 1; n < 10; n++)
        CHECK_INT(metric_block_decode((str_t){ b.p, n }, back, 8), -1);
    buf_fini(&b);
}

static int metrics(struct tx *tx, void *arg, struct err *err)
{
    struct arena *a = arg;
    char id[HEX32_TEXT];
    struct metric m, *list;
    struct metric_point *points, many[1300], p = { 3, 100, 7 };
    size_t n;
    MUST(run_create(tx, &by, &(struct run_new){ 0 }, id, err));
    CHECK_INT(metric_get(tx, a, id, "loss", &m, err), ERR_NOT_FOUND);
    MUST(metric_log(tx, id, "loss", &p, 1, err));
    MUST(metric_log(tx, id, "loss", &p, 1, err)); /* sent twice */
    p = (struct metric_point){ NAN, 101, 6 };
    MUST(metric_log(tx, id, "loss", &p, 1, err));
    MUST(metric_log(tx, id, "loss", &p, 1, err));
    p = (struct metric_point){ -2, 102, 5 };
    MUST(metric_log(tx, id, "loss", &p, 1, err));
    MUST(metric_get(tx, a, id, "loss", &m, err));
    CHECK_INT(m.count, 3);
    CHECK_NEAR(m.latest.value, 3, 0); /* the greatest step, not the last to come */
    CHECK_NEAR(m.min, -2, 0);
    CHECK_NEAR(m.max, 3, 0);
    for (int i = 0; i < 1300; i++)
        many[i] = (struct metric_point){ sqrt(i), 5000 + i, i };
    MUST(metric_log(tx, id, "long", many, 600, err));
    MUST(metric_log(tx, id, "long", many + 600, 700, err));
    MUST(metric_history(tx, a, id, "long", &points, &n, err));
    CHECK_INT(n, 1300);
    for (size_t i = 0; i < n; i++)
        CHECK(points[i].step == (int64_t)i && points[i].value == sqrt((double)i));
    p = (struct metric_point){ NAN, 1, 1 };
    MUST(metric_log(tx, id, "only_nan", &p, 1, err));
    MUST(metric_list(tx, a, id, &list, &n, err));
    CHECK_INT(n, 3);
    CHECK_STR(list[0].key, "long");
    CHECK_INT(list[0].count, 1300);
    CHECK(isnan(list[2].latest.value) && isnan(list[2].min));
    MUST(metric_history(tx, a, id, "loss", &points, &n, err));
    CHECK_INT(n, 3);
    CHECK_INT(points[0].step, 7);
    return 0;
}

/* Whatever the order in which points come and come again, each stands once. */
static int relogged(struct tx *tx, void *arg, struct err *err)
{
    enum { N = 1500 };
    struct arena *a = arg;
    char id[HEX32_TEXT];
    struct metric m;
    struct metric_point *points, sent[N], p;
    size_t n;
    MUST(run_create(tx, &by, &(struct run_new){ 0 }, id, err));
    for (int i = 0; i < N; i++)
        sent[i] = (struct metric_point){ i % 7 ? i : (double)NAN, 5000 + 10 * i, i };
    for (int i = 0; i < N; i += 100)
        MUST(metric_log(tx, id, "loss", sent + i, 100, err));
    MUST(metric_log(tx, id, "loss", sent, N, err)); /* all again in one batch */
    for (int i = 0; i < N; i += 13)
        MUST(metric_log(tx, id, "loss", &sent[i], 1, err)); /* and one by one */
    MUST(metric_get(tx, a, id, "loss", &m, err));
    CHECK_INT(m.count, N);
    p = sent[3];
    p.value += 1; /* another value, an earlier time, an earlier step are other points */
    MUST(metric_log(tx, id, "loss", &p, 1, err));
    p = sent[4];
    p.time_ms -= 1;
    MUST(metric_log(tx, id, "loss", &p, 1, err));
    p = sent[900];
    p.step = 2;
    MUST(metric_log(tx, id, "loss", &p, 1, err));
    p = (struct metric_point){ 1, 1000000, 0 }; /* a restart */
    MUST(metric_log(tx, id, "loss", &p, 1, err));
    MUST(metric_log(tx, id, "loss", &p, 1, err));
    MUST(metric_history(tx, a, id, "loss", &points, &n, err));
    CHECK_INT(n, N + 4);
    for (size_t i = 1; i < n; i++)
        CHECK(points[i - 1].time_ms <= points[i].time_ms);
    for (int i = N; i-- > 0;) /* from the last to the first, each twice */
        for (int twice = 0; twice < 2; twice++)
            MUST(metric_log(tx, id, "back", &sent[i], 1, err));
    MUST(metric_history(tx, a, id, "back", &points, &n, err));
    CHECK_INT(n, N);
    for (size_t i = 0; i < n; i++)
        CHECK_INT(points[i].step, i);
    MUST(metric_get(tx, a, id, "back", &m, err));
    CHECK_INT(m.latest.step, N - 1);
    CHECK_INT(m.min, 1);
    return 0;
}

TEST(track_metrics_sent_again)
{
    in_write(relogged);
}

TEST(track_metrics)
{
    in_write(metrics);
}

static int datasets(struct tx *tx, void *arg, struct err *err)
{
    struct arena *a = arg;
    struct dataset d = { .name = "diabetes",
                         .digest = "aaaa1111",
                         .rows = 442,
                         .columns_n = 11,
                         .files_n = 1,
                         .bytes = -1,
                         .detail = "{\"columns\":[]}" },
                   got, *list;
    char id[UUID_TEXT], again[UUID_TEXT], run_id[HEX32_TEXT];
    struct run_input *inputs;
    const char **ids;
    struct run r;
    size_t n;
    MUST(dataset_put(tx, &by, &d, id, err));
    MUST(dataset_put(tx, &by, &d, again, err));
    CHECK_STR(again, id);
    d.digest = "aaaa2222";
    MUST(dataset_put(tx, &by, &d, again, err));
    MUST(dataset_list(tx, a, "default", &list, &n, err));
    CHECK_INT(n, 1);
    CHECK_STR(list[0].digest, "aaaa2222");
    CHECK_INT(list[0].version_n, 2);
    CHECK_INT(list[0].bytes, -1);
    MUST(dataset_get(tx, a, "default", "diabetes", "aaaa1", &got, err));
    CHECK_STR(got.detail, "{\"columns\":[]}");
    CHECK_STR(got.id, id);
    CHECK_INT(dataset_get(tx, a, "default", "diabetes", "aaaa", &got, err), ERR_CONFLICT);
    CHECK_INT(dataset_get(tx, a, "default", "diabetes", "bbbb", &got, err), ERR_NOT_FOUND);
    CHECK_INT(dataset_get(tx, a, "default", "diabets", "latest", &got, err), ERR_NOT_FOUND);
    CHECK(strstr(err->msg, "did you mean 'diabetes'?"));
    MUST(run_create(tx, &by, &(struct run_new){ 0 }, run_id, err));
    MUST(run_input_add(tx, run_id, id, "training", err));
    MUST(run_input_add(tx, run_id, id, "training", err));
    MUST(run_inputs(tx, a, run_id, &inputs, &n, err));
    CHECK_INT(n, 1);
    CHECK_STR(inputs[0].context, "training");
    MUST(run_get(tx, a, run_id, &r, err));
    CHECK_STR(r.dataset_name, "diabetes");
    CHECK_STR(r.dataset_digest, "aaaa1111");
    MUST(dataset_runs(tx, a, id, &ids, &n, err));
    CHECK_INT(n, 1);
    CHECK_STR(ids[0], run_id);
    CHECK_INT(event_count(tx, a, "dataset.created"), 2);
    return 0;
}

TEST(track_datasets)
{
    in_write(datasets);
}

/* ---- attempts ---- */

TEST(step_states_are_sound)
{
    for (int s = 0; s < STEP_STATES; s++) {
        enum step_state back;
        CHECK_INT(step_state_parse(str_of(step_state_name((enum step_state)s)), &back), 0);
        CHECK_INT(back, s);
        CHECK(!step_state_may((enum step_state)s, (enum step_state)s));
        for (int t = 0; t < STEP_STATES; t++) /* what is finished only comes back by clearing */
            if (step_state_is_finished((enum step_state)s) && s != STEP_LOST)
                CHECK_INT(step_state_may((enum step_state)s, (enum step_state)t), t == STEP_NONE);
    }
    CHECK(step_state_may(STEP_QUEUED, STEP_RUNNING) && step_state_may(STEP_RUNNING, STEP_SUCCESS));
    CHECK(!step_state_may(STEP_NONE, STEP_RUNNING) && !step_state_may(STEP_SUCCESS, STEP_FAILED));
}

static int attempts(struct tx *tx, void *arg, struct err *err)
{
    struct arena *a = arg;
    char id[HEX32_TEXT];
    struct attempt at, *list;
    struct attempt_change c = ATTEMPT_CHANGE_INIT;
    struct stage stages[] = { { .name = "data",
                                .kind = "data",
                                .state = STEP_SUCCESS,
                                .ms = 1.5,
                                .rows_in = -1,
                                .rows_out = 442 },
                              { .name = "clean",
                                .kind = "do",
                                .state = STEP_SKIPPED,
                                .why = "unchanged",
                                .ms = NAN,
                                .rows_in = 442,
                                .rows_out = 442 } };
    struct stage *back;
    struct run r;
    size_t n;
    MUST(run_create(tx, &by, &(struct run_new){ 0 }, id, err));
    MUST(attempt_create(tx, &by, id, 1, err));
    CHECK_INT(attempt_create(tx, &by, id, 1, err), ERR_EXISTS);
    MUST(run_get(tx, a, id, &r, err));
    CHECK_INT(r.attempt, 1);
    MUST(attempt_list_live(tx, a, &list, &n, err));
    CHECK_INT(n, 1);
    c.from = STEP_QUEUED;
    c.to = STEP_RUNNING;
    c.pid = 1234;
    c.pid_start = 99;
    MUST(attempt_move(tx, &by, id, 1, &c, err));
    CHECK_INT(attempt_move(tx, &by, id, 1, &c, err), ERR_CONFLICT); /* the second one loses */
    CHECK(strstr(err->msg, "is running, not queued"));
    c = (struct attempt_change)ATTEMPT_CHANGE_INIT;
    c.from = STEP_RUNNING;
    c.to = STEP_QUEUED;
    CHECK_INT(attempt_move(tx, &by, id, 1, &c, err), ERR_CONFLICT);
    c.to = STEP_FAILED;
    c.exit_code = 1;
    c.signal = 0;
    MUST(attempt_move(tx, &by, id, 1, &c, err));
    MUST(attempt_get(tx, a, id, 1, &at, err));
    CHECK(at.state == STEP_FAILED && at.pid == 1234 && at.exit_code == 1 && at.max_rss_bytes == -1);
    CHECK(at.started_ms > 0 && at.ended_ms >= at.started_ms);
    CHECK_STR(at.reason, "test");
    MUST(attempt_list_live(tx, a, &list, &n, err));
    CHECK_INT(n, 0);
    CHECK_INT(attempt_get(tx, a, id, 2, &at, err), ERR_NOT_FOUND);
    MUST(stage_put_all(tx, id, 1, stages, 2, err));
    MUST(stage_put_all(tx, id, 1, stages, 2, err));
    MUST(stage_list(tx, a, id, 1, &back, &n, err));
    CHECK_INT(n, 2);
    CHECK_STR(back[1].why, "unchanged");
    CHECK(isnan(back[1].ms) && back[0].rows_in == -1 && back[0].rows_out == 442);
    CHECK_INT(event_count(tx, a, "attempt."), 3);
    return 0;
}

TEST(track_attempts)
{
    in_write(attempts);
}

/* ---- search ---- */

static size_t found(struct tx *tx, struct arena *a, const char *filter, struct run **out)
{
    struct run_query q = { .filter = filter };
    struct err e = ERR_INIT;
    size_t n = 0;
    if (run_search(tx, a, &q, out, &n, NULL, &e) != 0)
        TEST_FAIL("%s: %s", filter, e.msg);
    return n;
}

static int refused(struct tx *tx, struct arena *a, const char *filter, const char *order,
                   struct err *err)
{
    struct run_query q = { .filter = filter, .order_by = &order, .order_n = order ? 1 : 0 };
    struct run *list;
    size_t n;
    return run_search(tx, a, &q, &list, &n, NULL, err);
}

static int search(struct tx *tx, void *arg, struct err *err)
{
    struct arena *a = arg;
    struct run *list;
    char ids[10][HEX32_TEXT];
    int64_t second;
    size_t n;
    int more;
    MUST(experiment_create(tx, &by, &(struct experiment_new){ .name = "other" }, &second, err));
    for (int i = 0; i < 10; i++) {
        struct run_new fresh = { .experiment_id = i < 8 ? 0 : second,
                                 .start_time_ms = 1000 + i,
                                 .user = i % 2 ? "ann" : "bob" };
        MUST(run_create(tx, &by, &fresh, ids[i], err));
        struct metric_point p = { i == 3 ? (double)NAN : 50 + i, 1, 0 };
        if (i != 5)
            MUST(metric_log(tx, ids[i], "rmse", &p, 1, err));
        struct track_pair param = { "alpha", i < 5 ? "0.1" : "0.2" };
        MUST(run_param_log(tx, ids[i], &param, err));
    }
    MUST(run_tag_set(tx, &by, ids[2], &(struct track_pair){ "team.name", "Blue" }, err));
    MUST(run_finish(tx, &by, ids[4], "FINISHED", NULL, err));
    CHECK_INT(found(tx, a, NULL, &list), 10);
    CHECK_STR(list[0].id, ids[9]);
    CHECK_INT(found(tx, a, "metrics.rmse < 53", &list), 3); /* NaN and missing match nothing */
    CHECK_INT(found(tx, a, "metrics.rmse < 53 and params.alpha = '0.1' AND user_id = 'ann'", &list),
              1);
    CHECK_STR(list[0].id, ids[1]);
    CHECK_INT(found(tx, a, "params.alpha = '0.2' OR metrics.rmse = 50", &list), 6);
    CHECK_INT(found(tx, a, "tags.`team.name` ILIKE 'bl%'", &list), 1);
    CHECK_INT(found(tx, a, "tags.`team.name` != 'Blue'", &list), 0);
    CHECK_INT(found(tx, a, "metrics.rmse IS NULL", &list), 1);
    CHECK_INT(found(tx, a, "attributes.status = 'FINISHED'", &list), 1);
    CHECK_INT(found(tx, a, "experiment = 'other'", &list), 2);
    CHECK_INT(found(tx, a, "start_time >= 1008", &list), 2);
    CHECK_INT(found(tx, a, "end_time IS NOT NULL", &list), 1);

    const char *order[] = { "metrics.rmse DESC" };
    struct run_query q = { .order_by = order, .order_n = 1, .limit = 4 };
    MUST(run_search(tx, a, &q, &list, &n, &more, err));
    CHECK_INT(n, 4);
    CHECK(more);
    CHECK_STR(list[0].id, ids[9]);
    q.offset = 8;
    MUST(run_search(tx, a, &q, &list, &n, &more, err));
    CHECK_INT(n, 2);
    CHECK(!more);
    CHECK_STR(list[0].id, ids[3]); /* NaN, then missing */
    CHECK_STR(list[1].id, ids[5]);
    order[0] = "params.alpha asc";
    q.offset = 0;
    MUST(run_search(tx, a, &q, &list, &n, &more, err));
    CHECK_STR(list[0].id, ids[4]); /* ties: newest first */
    int64_t only[] = { second };
    q = (struct run_query){ .experiment_ids = only, .experiment_n = 1, .limit = 1 };
    MUST(run_search(tx, a, &q, &list, &n, &more, err));
    CHECK(n == 1 && more);
    MUST(run_delete(tx, &by, ids[0], err));
    CHECK_INT(found(tx, a, NULL, &list), 9);
    q = (struct run_query){ .view = TRACK_DELETED };
    MUST(run_search(tx, a, &q, &list, &n, &more, err));
    CHECK_INT(n, 1);

    CHECK_INT(refused(tx, a, "metrics.rmse < '3'", NULL, err), ERR_INVALID);
    CHECK_INT(refused(tx, a, "statsu = 'x'", NULL, err), ERR_INVALID);
    CHECK(strstr(err->msg, "did you mean 'status'?"));
    CHECK_INT(refused(tx, a, "metircs.rmse > 1", NULL, err), ERR_INVALID);
    CHECK_INT(refused(tx, a, "metrics.rmse", NULL, err), ERR_INVALID);
    CHECK_INT(refused(tx, a, "a = 'b", NULL, err), ERR_INVALID);
    CHECK_INT(refused(tx, a, NULL, "1 + 1", err), ERR_INVALID);
    return 0;
}

/* More runs than one statement asks for; the 3rd and the 40th have something. */
static int links(struct tx *tx, void *arg, struct err *err)
{
    struct run list[41] = { 0 };
    char ids[41][HEX32_TEXT], data[UUID_TEXT];
    unsigned char has[41];
    (void)arg;
    for (size_t i = 0; i < ARRAY_LEN(list); i++) {
        MUST(run_create(tx, &by, &(struct run_new){ .start_time_ms = 1 }, ids[i], err));
        list[i].id = ids[i];
    }
    struct dataset d = { .project = "default",
                         .name = "d",
                         .digest = "abcd",
                         .source_type = "local",
                         .source = "x",
                         .rows = -1,
                         .columns_n = -1,
                         .files_n = -1,
                         .bytes = -1 };
    MUST(dataset_put(tx, &by, &d, data, err));
    MUST(run_input_add(tx, ids[2], data, "training", err));
    MUST(run_input_add(tx, ids[39], data, NULL, err));
    MUST(run_model_add(tx, ids[39], 0, &(struct run_model){ "m-1", 0 }, err));
    MUST(run_model_add(tx, ids[40], 1, &(struct run_model){ "m-2", 3 }, err));
    MUST(run_links(tx, list, ARRAY_LEN(list), has, err));
    for (size_t i = 0; i < ARRAY_LEN(list); i++)
        CHECK_INT(has[i], i == 2    ? RUN_HAS_INPUTS
                          : i == 39 ? RUN_HAS_INPUTS | RUN_HAS_MODELS_IN
                          : i == 40 ? RUN_HAS_MODELS_OUT
                                    : 0);
    return 0;
}

TEST(run_links_of_more_runs_than_one_statement_takes)
{
    in_write(links);
}

TEST(track_search)
{
    in_write(search);
}

static int table_window(struct tx *tx, void *arg, struct err *err)
{
    struct arena *a = arg;
    char ids[5][HEX32_TEXT];
    const char *names[] = { "name",     "metrics.loss", "metrics_min.loss", "metrics_max.loss",
                            "params.p", "tags.t",       "start_time" };
    const char *order[] = { "metrics_max.loss DESC" };
    struct run_query q = { .limit = 2 };
    struct run_table t;
    struct run_keys k;
    for (int i = 0; i < 5; i++) {
        struct run_new r = { .name = i ? "later" : "first", .start_time_ms = 1000 + i };
        struct metric_point points[] = { { 9.0 - i, 1, 1 }, { 3.0 + i, 2, 2 }, { 5, 3, 3 } };
        MUST(run_create(tx, &by, &r, ids[i], err));
        if (i != 3)
            MUST(metric_log(tx, ids[i], "loss", points, 3, err));
        MUST(run_param_log(tx, ids[i], &(struct track_pair){ "p", i ? "b" : "a" }, err));
    }
    MUST(run_tag_set(tx, &by, ids[4], &(struct track_pair){ "t", "x" }, err));
    MUST(run_table(tx, a, &q, names, 7, &t, err)); /* without order: SQL pages */
    CHECK_INT(t.total, 5);
    CHECK_INT(t.n, 2);
    CHECK_STR(t.rows[0].id, ids[4]);
    CHECK_STR(t.columns[0].texts[0], "later");
    CHECK_INT(t.columns[1].numbers[0], 5);
    CHECK_INT(t.columns[3].numbers[0], 7);
    CHECK(!t.columns[1].known[1]); /* run 3 has no metric */
    CHECK_STR(t.columns[4].texts[0], "b");
    CHECK_STR(t.columns[5].texts[0], "x");
    CHECK(!t.columns[5].texts[1]);
    CHECK_INT(t.columns[6].numbers[1], 1003);
    q.offset = 4;
    MUST(run_table(tx, a, &q, names, 1, &t, err));
    CHECK_INT(t.n, 1);
    CHECK_STR(t.rows[0].id, ids[0]);
    q = (struct run_query){
        .limit = 10, .filter = "metrics_min.loss < 5", .order_by = order, .order_n = 1
    };
    MUST(run_table(tx, a, &q, names, 4, &t, err)); /* min: 3, 4, 5, -, 5 */
    CHECK_INT(t.total, 2);
    CHECK_STR(t.rows[0].id, ids[0]);
    CHECK_INT(t.columns[2].numbers[1], 4);
    CHECK_INT(t.columns[3].numbers[0], 9);
    CHECK_INT(run_table(tx, a, &q, (const char *[]){ "metrix.loss" }, 1, &t, err), ERR_INVALID);
    CHECK_INT(run_table(tx, a, &q, (const char *[]){ "colour" }, 1, &t, err), ERR_INVALID);
    *err = (struct err)ERR_INIT;
    MUST(run_table_keys(tx, a, t.rows, 2, &k, err));
    CHECK_INT(k.metric_n, 1);
    CHECK_STR(k.metrics[0], "loss");
    CHECK_INT(k.param_n, 1);
    return 0;
}

TEST(track_table_window)
{
    in_write(table_window);
}

TEST(metric_thin_keeps_every_spike)
{
    static struct metric_point p[20000], whole[20000];
    for (int shape = 0; shape < 3; shape++) {
        size_t n = 20000;
        for (size_t i = 0; i < n; i++) { /* steps dense, sparse, all the same */
            int64_t step = shape == 0 ? (int64_t)i : shape == 1 ? (int64_t)(i * i) : 7;
            whole[i] = p[i] = (struct metric_point){ (double)(i % 10), (int64_t)i, step };
        }
        p[12345].value = whole[12345].value = 1000;
        p[4321].value = whole[4321].value = -1000;
        p[77].value = whole[77].value = (double)NAN;
        size_t kept = metric_thin(p, n, 1000);
        int low = 0, high = 0;
        CHECK(kept <= 1000 && kept > 10);
        CHECK_INT(p[0].time_ms, 0);
        CHECK_INT(p[kept - 1].time_ms, 19999);
        for (size_t i = 0; i < kept; i++) {
            low |= p[i].value == -1000;
            high |= p[i].value == 1000;
            CHECK(i == 0 || p[i].time_ms > p[i - 1].time_ms);
            CHECK_INT(p[i].step, whole[p[i].time_ms].step); /* real points */
        }
        CHECK(low && high);
    }
    CHECK_INT(metric_thin(p, 3, 1000), 3);
    CHECK_INT(metric_thin(p, 0, 1000), 0);
    p[0].step = INT64_MIN;
    p[1].step = INT64_MAX;
    for (int i = 2; i < 9; i++)
        p[i].step = INT64_MAX;
    CHECK(metric_thin(p, 9, 8) <= 8);
}
