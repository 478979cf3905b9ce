/* SPDX-License-Identifier: Apache-2.0
 * A year of daily windows on a clock of the test's own: seasons, sudden and slow drift, labels that
 * come days late, a broken upstream column, a retraining gone wrong. Serving, counting, logging,
 * judging, alerts, triggers and rollouts are the real ones; only the training is done here, by
 * least squares on the rows that the loop hands out. What was done right and wrong is counted. */
#include "rollout_test.h"

#include <math.h>

#include "api/native/known.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/rng.h"
#include "monitor/monitor.h"
#include "rollout/canary.h"
#include "rollout/follow.h"
#include "rollout/loop.h"
#include "serve/serve.h"
#include "stat/interval.h"
#include "track/run.h"

static const int64_t T0 = INT64_C(1767225600000); /* 2026-01-01 */
enum {
    DAYS = 365,
    DAY_MS = 86400000,
    SLOTS = 2, /* turns a day */
    ROWS_A_SLOT = 200,
    LABEL_DAYS = 2,
    SUDDEN_1 = 60,
    SLOW_FROM = 120,
    SLOW_TO = 200,
    BROKEN_FROM = 230,
    BROKEN_TO = 236,
    SUDDEN_2 = 290, /* the first retraining after it goes wrong */
    ROWS_MAX = 40000
};

/* A row that was predicted and whose truth is still to come. */
struct pending {
    struct monitor_label label;
    int day;
};

struct year {
    struct app *app;
    struct serve *serve;
    struct follow *follow;
    struct monitor *monitor;
    struct canary *canary;
    struct loop *loop;
    struct rng rng;
    int64_t now_ms;
    int day, spoilt;
    struct pending *pending;
    size_t pending_n;
    double (*rows)[3]; /* x1, x2, y: to train on */
    size_t row_n;
    /* what happened */
    int promoted, promoted_day[64], rolled_back, spoilt_promoted, refused;
    int64_t seen_ms;
};

/* ---- the world ---- */

static double season(int day)
{
    return 0.6 * sin(2 * M_PI * day / 365);
}

/* The relation between inputs and truth, as it is on that day. */
static double truth(int day, double x1, double x2)
{
    double a = day < SUDDEN_1 ? 2 : -1, c = 10;
    if (day >= SLOW_FROM)
        c += 0.08 * (MIN(day, SLOW_TO) - SLOW_FROM);
    if (day >= SUDDEN_2)
        a = 4;
    return c + a * x1 - x2;
}

static void draw(struct year *y, double x[2])
{
    double shift = (y->day >= SUDDEN_1 ? 1.5 : 0) + (y->day >= SUDDEN_2 ? 1.5 : 0);
    x[0] = season(y->day) + rng_normal(&y->rng);
    x[1] = shift + rng_normal(&y->rng);
}

/* ---- training ---- */

/* Least squares of y on 1, x1, x2 by Gauss on the normal equations. */
static void fit(const double (*rows)[3], size_t n, double w[3])
{
    double m[3][4] = { { 0 } };
    for (size_t i = 0; i < n; i++) {
        double v[4] = { 1, rows[i][0], rows[i][1], rows[i][2] };
        for (int r = 0; r < 3; r++)
            for (int c = 0; c < 4; c++)
                m[r][c] += v[r] * v[c];
    }
    for (int p = 0; p < 3; p++)
        for (int r = 0; r < 3; r++) {
            double f = r == p ? 0 : m[r][p] / m[p][p];
            for (int c = p; c < 4; c++)
                m[r][c] -= f * m[p][c];
        }
    for (int p = 0; p < 3; p++)
        w[p] = m[p][3] / m[p][p];
}

static void write_file(const char *dir, const char *name, str_t bytes)
{
    char path[600];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    CHECK_OK(fs_write_cache(path, bytes, err));
}

static void put_reference(const char *dir, const double (*rows)[3], size_t n, const double w[3])
{
    struct arena a;
    struct buf b;
    struct json_out o;
    struct regression_report rep;
    arena_init(&a, MIB(64));
    double *column[4];
    for (int k = 0; k < 4; k++)
        column[k] = ARENA_TRY_ARRAY(&a, n, double);
    for (size_t i = 0; i < n; i++) {
        column[0][i] = rows[i][0];
        column[1][i] = rows[i][1];
        column[2][i] = w[0] + w[1] * rows[i][0] + w[2] * rows[i][1];
        column[3][i] = rows[i][2];
    }
    struct monitor_reference ref = { .rows = n, .test_rows = n, .n = 3 };
    ref.features = ARENA_TRY_ARRAY(&a, 3, struct monitor_feature);
    AZ(monitor_feature_of_numbers(&a, STR("x1"), column[0], n, 1, &ref.features[0]));
    AZ(monitor_feature_of_numbers(&a, STR("x2"), column[1], n, 1, &ref.features[1]));
    AZ(monitor_feature_of_numbers(&a, STR("prediction"), column[2], n, 1, &ref.features[2]));
    ref.features[2].output = 1;
    AZ(regression_report_compute(&a, column[3], column[2], n, 1, &rep));
    struct stat_interval rmse = rep.metric[REGRESSION_RMSE];
    ref.performance = (struct monitor_performance){ .n = n,
                                                    .rmse = rmse.value,
                                                    .rmse_low = rmse.low,
                                                    .rmse_high = rmse.high,
                                                    .mae = rep.metric[REGRESSION_MAE].value };
    buf_init(&b, MIB(4));
    json_out_init(&o, &b);
    monitor_reference_write(&ref, &o);
    write_file(dir, MONITOR_REFERENCE_FILE, buf_view(&b));
    buf_fini(&b);
    arena_fini(&a);
}

/* What a version is made of, on its way into the registry. */
struct made {
    char digest[SHA256_HEX], files[SHA256_HEX];
    const char *run_id;
    int64_t number;
};

static int register_version(struct tx *tx, void *arg, struct err *err)
{
    struct made *m = arg;
    struct version_section sections[] = {
        { "signature", "{\"inputs\":[{\"name\":\"x1\",\"type\":\"double\",\"required\":true},"
                       "{\"name\":\"x2\",\"type\":\"double\",\"required\":true}],"
                       "\"outputs\":[{\"name\":\"prediction\",\"type\":\"double\"}]}" },
    };
    struct version_new v = {
        .model = "m", .sections = sections, .section_n = 1, .adopted_run = m->run_id
    };
    v.row.digest = m->digest;
    v.row.files_digest = m->files;
    v.row.run_id = m->run_id;
    v.row.gates_passed = 1;
    v.row.status = "READY";
    v.row.stage = "None";
    return version_create(tx, CAUSE_SYSTEM, &v, &m->number, err);
}

static int64_t make_version(struct year *y, const double w[3], const char *run_id)
{
    struct arena a;
    struct graph g;
    struct buf b;
    struct made m = { .run_id = run_id };
    char dir[500];
    int64_t bytes;
    arena_init(&a, MIB(64));
    (void)snprintf(dir, sizeof dir, "%s/model-%d", test_tmpdir(), y->day);
    CHECK_OK(fs_mkdirs(dir, err));
    graph_init(&g, &a, "m");
    const char *x1 = pipe_input(&g, "x1", TENSOR_DOUBLE);
    x1 = pipe_impute_number(&g, "x1", x1, 0);
    const char *both[] = { x1, pipe_input(&g, "x2", TENSOR_DOUBLE) };
    IGNORE(pipe_linear(&g, pipe_concat(&g, "x", both, 2), &w[1], 2, w[0], "prediction"));
    buf_init(&b, MIB(1));
    CHECK_OK(onnx_write(&g, &b, err));
    CHECK_OK(blobs_put(y->app->blobs, buf_view(&b), m.digest, err));
    write_file(dir, "model.onnx", buf_view(&b));
    put_reference(dir, (const double(*)[3])y->rows, y->row_n, w);
    CHECK_OK(blobs_put_tree(y->app->blobs, &a, dir, m.files, &bytes, err));
    CHECK_OK(store_write(y->app->store, register_version, &m, err));
    buf_fini(&b);
    arena_fini(&a);
    return m.number;
}

/* ---- the hooks of the loop ---- */

static int count_row(void *arg, const struct monitor_row *row)
{
    *(int64_t *)arg += row->columns > 0;
    return 0;
}

static int tell_labelled(void *arg, const char *served, int64_t from_ms, int64_t to_ms,
                         int64_t *out, struct err *err)
{
    struct year *y = arg;
    struct monitor_rows_query q = {
        .from_ms = from_ms, .to_ms = to_ms, .labelled = 1, .fn = count_row, .arg = out
    };
    *out = 0;
    return monitor_rows(y->monitor, served, &q, err);
}

static int take_row(void *arg, const struct monitor_row *row)
{
    struct year *y = arg;
    double *to = y->rows[y->row_n];
    if (row->columns != 2 || y->row_n == ROWS_MAX)
        return 0;
    to[0] = isnan(row->values[0].number) ? 0 : row->values[0].number;
    to[1] = row->values[1].number;
    to[2] = row->label;
    y->row_n++;
    return 0;
}

static int add_run(struct tx *tx, void *arg, struct err *err)
{
    struct run_new n = { .experiment_id = 0, .id = arg, .start_time_ms = -1 };
    char id[HEX32_TEXT];
    return run_create(tx, CAUSE_SYSTEM, &n, id, err);
}

static int end_run(struct tx *tx, void *arg, struct err *err)
{
    return run_finish(tx, CAUSE_SYSTEM, arg, "FINISHED", NULL, err);
}

static int retrain(void *arg, const struct loop_request *rq, int64_t *out_rows, struct err *err)
{
    char run_id[HEX32_TEXT];
    struct year *y = arg;
    double w[3];
    struct monitor_rows_query q = {
        .from_ms = rq->from_ms, .to_ms = rq->to_ms, .labelled = 1, .fn = take_row, .arg = y
    };
    y->row_n = 0;
    int rc = monitor_rows(y->monitor, rq->served, &q, err);
    (void)snprintf(run_id, sizeof run_id, "%s", rq->run_id);
    if (!rc)
        rc = store_write(y->app->store, add_run, run_id, err);
    if (rc)
        return rc;
    fit((const double(*)[3])y->rows, y->row_n, w);
    if (y->day >= SUDDEN_2 && !y->spoilt) { /* gone wrong, and its gates did not see it */
        w[1] = -w[1];
        y->spoilt = 1;
    }
    int64_t number = make_version(y, w, run_id);
    if (y->spoilt == 1)
        y->spoilt = (int)number;
    *out_rows = (int64_t)y->row_n;
    return store_write(y->app->store, end_run, run_id, err);
}

/* ---- a day ---- */

static void ask_once(struct year *y)
{
    struct arena a;
    struct pending p = { .day = y->day };
    double x[2];
    char text[100];
    draw(y, x);
    double value = truth(y->day, x[0], x[1]) + rng_normal(&y->rng);
    int broken = y->day >= BROKEN_FROM && y->day < BROKEN_TO && rng_uniform(&y->rng) < 0.6;
    if (broken)
        (void)snprintf(text, sizeof text, "{\"instances\":[{\"x1\":null,\"x2\":%.17g}]}", x[1]);
    else
        (void)snprintf(text, sizeof text, "{\"instances\":[{\"x1\":%.17g,\"x2\":%.17g}]}", x[0],
                       x[1]);
    arena_init(&a, MIB(1));
    uuid7_quick_bytes(p.label.id);
    struct serve_call c = { .name = STR("e"),
                            .id = p.label.id,
                            .body = str_of(text),
                            .arena = &a,
                            .started_ns = clock_mono_ns() };
    CHECK_OK(serve_call_begin(y->serve, &c, err));
    serve_call_end(y->serve, &c, 0);
    arena_fini(&a);
    p.label.value = value;
    y->pending[y->pending_n++] = p;
}

static void tell_truth(struct year *y)
{
    static struct monitor_label list[SLOTS * ROWS_A_SLOT * 4];
    struct monitor_labels_done done;
    size_t n = 0, left = 0;
    for (size_t i = 0; i < y->pending_n; i++) {
        if (y->pending[i].day + LABEL_DAYS <= y->day && n < ARRAY_LEN(list))
            list[n++] = y->pending[i].label;
        else
            y->pending[left++] = y->pending[i];
    }
    y->pending_n = left;
    if (n)
        CHECK_OK(monitor_labels_add(y->monitor, "e", list, n, y->now_ms, &done, err));
}

static void slot(struct year *y)
{
    for (int i = 0; i < ROWS_A_SLOT; i++)
        ask_once(y);
    serve_shadow_drain(y->serve);
    y->now_ms += DAY_MS / SLOTS;
    clock_set_fixed(y->now_ms);
    CHECK_OK(monitor_tick(y->monitor, y->now_ms, err));
    CHECK_OK(canary_tick(y->canary, y->now_ms, err));
    CHECK_OK(loop_tick(y->loop, y->now_ms, err));
    CHECK_OK(follow_apply(y->follow, err));
}

/* ---- what happened ---- */

static int look(struct tx *tx, void *arg, struct err *err)
{
    struct year *y = arg;
    struct arena a;
    struct event *list = NULL;
    struct event_query q = { .after_seq = y->seen_ms, .limit = 10000 };
    size_t n = 0;
    arena_init(&a, MIB(16));
    int rc = event_list(tx, &a, &q, &list, &n, err);
    for (size_t i = 0; i < n; i++) {
        y->seen_ms = list[i].seq;
        if (strcmp(list[i].kind, "rollout.promoted") == 0 && y->promoted < 64) {
            char wrong[40];
            (void)snprintf(wrong, sizeof wrong, "\"version\":\"%d\"", y->spoilt);
            y->promoted_day[y->promoted++] = y->day;
            y->spoilt_promoted += y->spoilt && strstr(list[i].after, wrong) != NULL;
        }
        y->rolled_back += strcmp(list[i].kind, "rollout.rolled_back") == 0;
    }
    arena_fini(&a);
    return rc;
}

static int promotions(const struct year *y, int from, int to)
{
    int n = 0;
    for (int i = 0; i < y->promoted; i++)
        n += y->promoted_day[i] >= from && y->promoted_day[i] < to;
    return n;
}

struct alerts {
    struct arena a;
    struct alert_row *list;
    size_t n;
};

static int read_alerts(struct tx *tx, void *arg, struct err *err)
{
    struct alerts *x = arg;
    return alert_list(tx, &x->a, "e", 0, 1000, &x->list, &x->n, err);
}

/* Episodes of a rule that began in these days. */
static int episodes(struct year *y, const char *rule, int from, int to)
{
    struct alerts x = { 0 };
    int n = 0;
    arena_init(&x.a, MIB(16));
    CHECK_OK(store_read(y->app->store, read_alerts, &x, err));
    for (size_t i = 0; i < x.n; i++) {
        int day = (int)((x.list[i].started_ms - T0) / DAY_MS);
        n += strcmp(x.list[i].rule, rule) == 0 && day >= from && day < to;
    }
    arena_fini(&x.a);
    return n;
}

#define POLICY                                                                                     \
    "PUT /api/v1/endpoints/e/loop {\"policy\":{\"project_dir\":\"/p\",\"triggers\":[{\"alert\":"   \
    "\"Decay\",\"cooldown\":\"3d\"}],\"data\":{\"window\":\"30d\",\"min_rows\":400},"              \
    "\"strategy\":{\"shadow\":100,\"canary\":[25,100],\"every\":\"4d\",\"min_requests\":60,"       \
    "\"check\":\"1h\",\"timeout\":\"30d\"},\"budget\":{\"promotions\":5,\"per\":\"30d\"}}}"

static void year_open(struct year *y)
{
    double w[3];
    *y = (struct year){ .app = open_app(APP_WRITE), .now_ms = T0 };
    y->pending = mem_alloc(20000 * sizeof *y->pending);
    y->rows = mem_alloc(ROWS_MAX * sizeof *y->rows);
    rng_seed(&y->rng, 2026);
    clock_set_fixed(T0);
    for (y->row_n = 0; y->row_n < 2000; y->row_n++) { /* trained on all seasons */
        double *r = y->rows[y->row_n];
        y->day = 0;
        draw(y, r);
        r[0] += season((int)(y->row_n * 365 / 2000));
        r[2] = truth(0, r[0], r[1]) + rng_normal(&y->rng);
    }
    fit((const double(*)[3])y->rows, y->row_n, w);
    CHECK_INT(make_version(y, w, NULL), 1);
    want(y->app, "PUT /api/v1/endpoints/e {\"model\":\"m\",\"version\":1}", 201, "\"1\"");
    want(y->app, POLICY, 200, "Decay");
    CHECK_OK(serve_open(&y->serve, err));
    struct follow_options f = { y->app->store, y->app->blobs, y->serve };
    struct monitor_options m = { y->app->store, y->app->blobs, y->serve, y->app->options.data_dir };
    struct canary_options c = {
        .store = y->app->store, .serve = y->serve, .known = known_fill, .arg = y->app
    };
    struct loop_options l = { .store = y->app->store,
                              .blobs = y->app->blobs,
                              .arg = y,
                              .labelled = tell_labelled,
                              .retrain = retrain };
    CHECK_OK(follow_open(&y->follow, &f, err));
    CHECK_OK(follow_apply(y->follow, err));
    CHECK_OK(monitor_open(&y->monitor, &m, err));
    y->app->monitor = y->monitor;
    CHECK_OK(canary_open(&y->canary, &c, err));
    CHECK_OK(loop_open(&y->loop, &l, err));
    CHECK_OK(monitor_tick(y->monitor, T0, err));
}

static void year_close(struct year *y)
{
    loop_close(y->loop);
    canary_close(y->canary);
    monitor_close(y->monitor);
    y->app->monitor = NULL;
    follow_close(y->follow);
    serve_close(y->serve);
    app_close(y->app);
    mem_free(y->pending);
    mem_free(y->rows);
    clock_set_fixed(-1);
}

TEST(a_year_of_an_endpoint)
{
    struct year y;
    year_open(&y);
    for (y.day = 0; y.day < DAYS; y.day++) {
        tell_truth(&y);
        for (int i = 0; i < SLOTS; i++)
            slot(&y);
        CHECK_OK(store_read(y.app->store, look, &y, err));
    }
    (void)printf("# promoted %d times, on days", y.promoted);
    for (int i = 0; i < y.promoted; i++)
        (void)printf(" %d", y.promoted_day[i]);
    (void)printf("; sent back %d times; the spoilt version %d was promoted %d times\n",
                 y.rolled_back, y.spoilt, y.spoilt_promoted);
    (void)printf("# alerts: Decay %d, DataQuality %d, FeatureDrift %d\n",
                 episodes(&y, "Decay", 0, DAYS), episodes(&y, "DataQuality", 0, DAYS),
                 episodes(&y, "FeatureDrift", 0, DAYS));
    CHECK_INT(promotions(&y, 0, SUDDEN_1), 0); /* season alone changes nothing */
    CHECK_INT(episodes(&y, "Decay", 0, SUDDEN_1), 0);
    CHECK_INT(episodes(&y, "Decay", SUDDEN_1, SUDDEN_1 + 8), 1);
    CHECK_INT(promotions(&y, SUDDEN_1, SLOW_FROM), 1);
    CHECK(promotions(&y, SLOW_FROM, BROKEN_FROM) >= 1); /* the slow drift, in steps */
    CHECK(episodes(&y, "DataQuality", BROKEN_FROM, BROKEN_TO) >= 1);
    CHECK_INT(promotions(&y, BROKEN_FROM, SUDDEN_2), 0); /* nothing is learned from broken rows */
    CHECK(episodes(&y, "Decay", SUDDEN_2, SUDDEN_2 + 8) >= 1);
    CHECK(y.spoilt > 1);
    CHECK_INT(y.spoilt_promoted, 0);
    CHECK(y.rolled_back >= 1);
    CHECK_INT(promotions(&y, SUDDEN_2, DAYS), 1);
    year_close(&y);
}
