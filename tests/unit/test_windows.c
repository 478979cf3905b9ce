/* SPDX-License-Identifier: Apache-2.0
 * The monitor over a real store and serving table on a clock of the test: windows, verdicts, labels
 * early, late and twice, a killed process, clocks that jump, disks that are full. */
#include "rollout_test.h"

#include <errno.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/rng.h"
#include "event/event.h"
#include "monitor/monitor.h"
#include "rollout/follow.h"
#include "serve/serve.h"

enum { HOUR = 3600000, IDS_MAX = 4000 };

static const int64_t T0 = INT64_C(1750000000000) / HOUR * HOUR;

struct bench {
    struct app *app;
    struct serve *serve;
    struct monitor *m;
    struct rng rng;
    unsigned char ids[IDS_MAX][16];
    double truth[IDS_MAX];
    size_t n;
};

/* The folder of a version whose x was standard normal; extra: it also knew a column that the model
 * no longer takes. */
static void put_reference(struct app *app, int extra, char digest[SHA256_HEX])
{
    enum { N = 4000 };
    struct arena a;
    struct buf b;
    struct json_out o;
    struct rng r;
    char dir[600];
    int64_t bytes;
    double *x = calloc(N, sizeof *x);
    struct monitor_feature f[3];
    rng_seed(&r, 3);
    arena_init(&a, MIB(64));
    for (int i = 0; i < N; i++)
        x[i] = rng_normal(&r);
    CHECK_INT(monitor_feature_of_numbers(&a, STR("x"), x, N, 1, &f[0]), 0);
    CHECK_INT(monitor_feature_of_numbers(&a, STR("gone"), x, N, 1, &f[1]), 0);
    for (int i = 0; i < N; i++)
        x[i] += 1;
    CHECK_INT(monitor_feature_of_numbers(&a, STR("prediction"), x, N, 1, &f[1 + extra]), 0);
    f[1 + extra].output = 1;
    struct monitor_reference ref = { .rows = N,
                                     .test_rows = N,
                                     .n = (size_t)(2 + extra),
                                     .features = f,
                                     .performance = { .n = N, .rmse = 1 } };
    buf_init(&b, MIB(8));
    json_out_init(&o, &b);
    monitor_reference_write(&ref, &o);
    (void)snprintf(dir, sizeof dir, "%s/model", test_tmpdir());
    CHECK_OK(fs_mkdirs(dir, err));
    CHECK_OK(fs_write_atomic(fs_join(&a, dir, MONITOR_REFERENCE_FILE), buf_view(&b), err));
    CHECK_OK(blobs_put_tree(app->blobs, &a, dir, digest, &bytes, err));
    buf_fini(&b);
    arena_fini(&a);
    free(x);
}

struct made {
    const char *digest, *files;
    int64_t number;
};

static int make_version(struct tx *tx, void *arg, struct err *err)
{
    struct made *n = arg;
    struct version_section signature = {
        "signature", "{\"inputs\":[{\"name\":\"x\",\"type\":\"double\",\"required\":true}],"
                     "\"outputs\":[{\"name\":\"prediction\",\"type\":\"double\"}]}"
    };
    struct version_new v = { .model = "m", .sections = &signature, .section_n = 1 };
    v.row.digest = n->digest;
    v.row.files_digest = n->files;
    v.row.gates_passed = -1;
    v.row.status = "READY";
    v.row.stage = "None";
    return version_create(tx, CAUSE_SYSTEM, &v, &n->number, err);
}

static void publish(struct bench *b, const char *version)
{
    struct arena a;
    struct serve_version *v = NULL;
    struct version_source from = { b->app->store, b->app->blobs };
    struct version_ref ref = { "default", "m", version };
    arena_init(&a, LIMIT_MODEL_FILE + MIB(64));
    CHECK_OK(follow_version_load(&from, &a, &ref, &v, NULL, err));
    CHECK_OK(serve_publish(b->serve, "e", v, err));
    arena_fini(&a);
}

static void start(struct bench *b)
{
    CHECK_OK(serve_open(&b->serve, err));
    publish(b, "1");
    struct monitor_options o = { b->app->store, b->app->blobs, b->serve, test_tmpdir() };
    CHECK_OK(monitor_open(&b->m, &o, err));
}

static struct bench *open_bench(int with_reference)
{
    struct bench *b = calloc(1, sizeof *b);
    char digest[SHA256_HEX], files[SHA256_HEX];
    b->app = open_app(APP_WRITE);
    put_model(b->app, &(struct new_model){ .shift = 1, .filled = 1 }, digest);
    put_reference(b->app, 0, files);
    struct made n = { digest, with_reference ? files : NULL, 0 };
    CHECK_OK(store_write(b->app->store, make_version, &n, err));
    rng_seed(&b->rng, 9);
    clock_set_fixed(T0);
    start(b);
    return b;
}

static void close_bench(struct bench *b)
{
    monitor_close(b->m);
    serve_close(b->serve);
    app_close(b->app);
    free(b);
}

/* The process is gone at once: what it held in memory is not looked at again. */
static void kill_and_restart(struct bench *b)
{
    b->m = NULL;
    start(b);
}

static void tick(struct bench *b, int64_t at)
{
    clock_set_fixed(at);
    CHECK_OK(monitor_tick(b->m, at, err));
}

static void predict_as(struct bench *b, const unsigned char id[16], double x)
{
    struct arena a;
    struct err e = ERR_INIT;
    char body[100];
    arena_init(&a, MIB(1));
    (void)snprintf(body, sizeof body, "{\"instances\":[[%.17g]]}", x);
    struct serve_call c = {
        .name = STR("e"),
        .id = id,
        .body = str_of(body),
        .arena = &a,
        .started_ns = clock_mono_ns(),
    };
    CHECK_INT(serve_call_begin(b->serve, &c, &e), 0);
    serve_call_end(b->serve, &c, 0);
    arena_fini(&a);
}

/* n one-row predictions at that time, x ~ N(shift, 1), truth = x + 1 + noise·N(0, 1). */
static void predict(struct bench *b, int64_t at, int n, double shift, double noise)
{
    clock_set_fixed(at);
    for (int i = 0; i < n; i++) {
        unsigned char id[16];
        double x = shift + rng_normal(&b->rng);
        uuid7_quick_bytes(id);
        predict_as(b, id, x);
        if (b->n < IDS_MAX) {
            memcpy(b->ids[b->n], id, 16);
            b->truth[b->n++] = x + 1 + noise * rng_normal(&b->rng);
        }
    }
}

static struct monitor_labels_done label(struct bench *b, size_t from, size_t to, double shift)
{
    struct monitor_labels_done done;
    struct monitor_label *list = calloc(to - from + 1, sizeof *list);
    for (size_t i = from; i < to; i++) {
        memcpy(list[i - from].id, b->ids[i], 16);
        list[i - from].value = b->truth[i] + shift;
    }
    CHECK_OK(monitor_labels_add(b->m, "e", list, to - from, clock_now_ms(), &done, err));
    free(list);
    return done;
}

struct listing {
    struct arena *a;
    struct monitor_window *w;
    size_t n;
};

static int read_windows(struct tx *tx, void *arg, struct err *err)
{
    struct listing *l = arg;
    struct monitor_window_query q = { .endpoint = "e", .with_levels = 1 };
    return monitor_window_list(tx, l->a, &q, &l->w, &l->n, err);
}

static int read_states(struct tx *tx, void *arg, struct err *err)
{
    struct listing *l = arg;
    struct monitor_window_query q = { .endpoint = "e", .with_states = 1 };
    return monitor_window_list(tx, l->a, &q, &l->w, &l->n, err);
}

static size_t windows(struct bench *b, struct monitor_window **out)
{
    static struct arena a;
    struct listing l = { .a = &a };
    arena_fini(&a);
    arena_init(&a, MIB(64));
    CHECK_OK(store_read(b->app->store, read_states, &l, err));
    struct monitor_window *states = l.w;
    size_t n = l.n;
    CHECK_OK(store_read(b->app->store, read_windows, &l, err));
    CHECK_INT(l.n, n);
    for (size_t i = 0; i < n; i++) {
        CHECK_INT(states[i].features_n, l.w[i].features_n);
        CHECK(!l.w[i].features_n ||
              memcmp(states[i].states, l.w[i].states, l.w[i].features_n) == 0);
    }
    *out = l.w;
    return l.n;
}

static int count_events(struct tx *tx, void *arg, struct err *err)
{
    struct listing *l = arg;
    struct event *list = NULL;
    struct event_query q = { .kind_prefix = "monitor.window_closed", .limit = 1000 };
    return event_list(tx, l->a, &q, &list, &l->n, err);
}

static size_t events(struct bench *b)
{
    struct arena a;
    struct listing l = { .a = &a };
    arena_init(&a, MIB(8));
    CHECK_OK(store_read(b->app->store, count_events, &l, err));
    arena_fini(&a);
    return l.n;
}

TEST(windows_close_and_are_judged)
{
    struct bench *b = open_bench(1);
    struct monitor_window *w;
    struct monitor_status st;
    tick(b, T0);
    for (int h = 0; h < 4; h++) {
        for (int k = 0; k < 4; k++) {
            predict(b, T0 + h * HOUR + k * HOUR / 4, 250, h < 2 ? 0 : 1.5, 0);
            tick(b, T0 + h * HOUR + k * HOUR / 4 + 1000);
        }
        monitor_status_get(b->m, "e", &st);
        CHECK_INT(st.open_rows, 1000);
        CHECK_INT(st.open_start_ms, T0 + h * HOUR);
    }
    tick(b, T0 + 4 * HOUR);
    CHECK_INT(windows(b, &w), 4);
    for (int h = 0; h < 4; h++) {
        CHECK_INT(w[h].start_ms, T0 + h * HOUR);
        CHECK_INT(w[h].end_ms, T0 + (h + 1) * HOUR);
        CHECK_INT(w[h].rows, 1000);
        CHECK_INT(w[h].requests, 1000);
        CHECK_INT(w[h].features_n, 2);
        CHECK_INT(w[h].gap_ms, 0);
        CHECK_INT(w[h].realised.n, 1000);
        CHECK_INT(w[h].state, h < 2 ? MONITOR_OK : MONITOR_DRIFTED);
        CHECK_INT(w[h].states[0], w[h].state);
        CHECK(h < 2 ? w[h].levels[0] < 1 : w[h].levels[0] > 1);
        CHECK(fabs(w[h].prediction_mean - (h < 2 ? 1 : 2.5)) < 0.15);
    }
    CHECK_INT(events(b), 4);
    close_bench(b);
}

TEST(idle_and_tiny_windows_are_insufficient)
{
    struct bench *b = open_bench(1);
    struct monitor_window *w;
    tick(b, T0);
    predict(b, T0 + 5, 1, 50, 0);
    tick(b, T0 + 1000);
    tick(b, T0 + HOUR);
    tick(b, T0 + 2 * HOUR);
    CHECK_INT(windows(b, &w), 2);
    CHECK_INT(w[0].rows, 1);
    CHECK_INT(w[0].state, MONITOR_INSUFFICIENT);
    CHECK_INT(w[1].rows, 0);
    CHECK_INT(w[1].state, MONITOR_INSUFFICIENT);
    close_bench(b);
}

TEST(without_a_reference_only_traffic_is_known)
{
    struct bench *b = open_bench(0);
    struct monitor_window *w;
    tick(b, T0);
    predict(b, T0 + 5, 100, 0, 1);
    tick(b, T0 + 1000);
    label(b, 0, 100, 0);
    tick(b, T0 + HOUR);
    CHECK_INT(windows(b, &w), 1);
    CHECK_INT(w[0].rows, 100);
    CHECK_INT(w[0].has_reference, 0);
    CHECK_INT(w[0].state, MONITOR_INSUFFICIENT);
    CHECK_INT(w[0].realised.labelled, 100);
    close_bench(b);
}

TEST(labels_come_late_twice_and_for_nobody)
{
    struct bench *b = open_bench(1);
    struct monitor_window *w;
    tick(b, T0);
    predict(b, T0 + 5, 200, 0, 2);
    tick(b, T0 + 1000);
    CHECK_INT(label(b, 0, 20, 0).unknown, 0); /* while the window is open */
    tick(b, T0 + HOUR);
    predict(b, T0 + HOUR + 5, 100, 0, 2);
    tick(b, T0 + 2 * HOUR);
    CHECK_INT(windows(b, &w), 2);
    CHECK_INT(w[0].realised.labelled, 20);
    CHECK(isnan(w[0].realised.low)); /* fewer than 30 */
    CHECK_INT(w[1].realised.labelled, 0);
    size_t before = events(b);
    int64_t month = T0 + 40 * 24 * (int64_t)HOUR;
    clock_set_fixed(month);
    label(b, 0, 200, 5); /* wrong at first, months late */
    label(b, 0, 200, 0); /* again: the last one holds */
    label(b, 100, 110, 0);
    tick(b, month + 1000);
    CHECK_INT(windows(b, &w) >= 2, 1);
    CHECK_INT(w[0].realised.n, 200);
    CHECK_INT(w[0].realised.labelled, 200);
    CHECK(w[0].realised.rmse > 1.7 && w[0].realised.rmse < 2.3);
    CHECK(w[0].realised.low < w[0].realised.rmse && w[0].realised.rmse < w[0].realised.high);
    CHECK(fabs(w[0].realised.bias) < 0.5);
    CHECK_INT(w[1].realised.labelled, 0);
    CHECK_INT(w[0].rows, 200);
    CHECK(events(b) > before);
    struct monitor_label nobody[2] = { { .value = 1 }, { .value = 2 } };
    struct monitor_labels_done done;
    uuid7_quick_bytes(nobody[0].id);
    memcpy(nobody[1].id, b->ids[0], 16);
    nobody[1].row = 7; /* that request had one row */
    CHECK_OK(monitor_labels_add(b->m, "e", nobody, 2, month, &done, err));
    CHECK_INT(done.accepted, 2);
    CHECK_INT(done.unknown, 2);
    nobody[1].value = NAN;
    CHECK_INT(monitor_labels_add(b->m, "e", nobody, 2, month, &done, NULL), ERR_INVALID);
    close_bench(b);
}

TEST(a_label_may_come_before_its_prediction)
{
    struct bench *b = open_bench(1);
    struct monitor_window *w;
    struct monitor_labels_done done;
    struct monitor_label l = { .value = 3.5 };
    tick(b, T0);
    clock_set_fixed(T0 + 2000);
    uuid7_quick_bytes(l.id);
    CHECK_OK(monitor_labels_add(b->m, "e", &l, 1, T0 + 2000, &done, err));
    CHECK_INT(done.unknown, 1);
    tick(b, T0 + 2500);
    predict_as(b, l.id, 2);
    tick(b, T0 + 3000);
    tick(b, T0 + HOUR);
    CHECK_INT(windows(b, &w), 1);
    CHECK_INT(w[0].realised.labelled, 1);
    CHECK(fabs(w[0].realised.rmse - 0.5) < 1e-12); /* 2 + 1 against 3.5 */
    CHECK(fabs(w[0].realised.bias + 0.5) < 1e-12);
    close_bench(b);
}

TEST(a_killed_process_loses_a_second_and_says_so)
{
    struct bench *b = open_bench(1);
    struct monitor_window *w;
    tick(b, T0);
    predict(b, T0 + 5, 300, 0, 1);
    tick(b, T0 + 1000);
    predict(b, T0 + 1500, 40, 0, 1); /* never ticked: lost from the counts */
    label(b, 0, 50, 0);              /* acknowledged: never lost */
    kill_and_restart(b);
    tick(b, T0 + 61000);
    predict(b, T0 + 62000, 100, 0, 1);
    tick(b, T0 + 63000);
    tick(b, T0 + HOUR);
    CHECK_INT(windows(b, &w), 1);
    CHECK_INT(w[0].rows, 400);
    CHECK_INT(w[0].gap_ms, 60000);
    CHECK_INT(w[0].realised.n, 440); /* labels wrote the log out */
    CHECK_INT(w[0].realised.labelled, 50);
    label(b, 50, 60, 0); /* acknowledged, and killed before the windows know */
    kill_and_restart(b);
    tick(b, T0 + HOUR + 2000);
    CHECK_INT(windows(b, &w), 1);
    CHECK_INT(w[0].realised.labelled, 60);
    CHECK_INT(w[0].rows, 400);
    predict(b, T0 + HOUR + 3000, 10, 0, 1);
    tick(b, T0 + HOUR + 4000);
    kill_and_restart(b);
    tick(b, T0 + 3 * HOUR); /* the window ended while nobody was there */
    CHECK_INT(windows(b, &w), 2);
    CHECK_INT(w[1].rows, 10);
    CHECK_INT(w[1].gap_ms, 2000 + HOUR - 4000); /* the restart before, and from the last turn on */
    close_bench(b);
}

TEST(clocks_that_jump_count_everything_once)
{
    struct bench *b = open_bench(1);
    struct monitor_window *w;
    uint64_t rows = 0;
    tick(b, T0 + 5 * HOUR);
    predict(b, T0 + 5 * HOUR + 10, 50, 0, 1);
    tick(b, T0 + 5 * HOUR + 1000);
    predict(b, T0 + 5 * HOUR + 1500, 50, 0, 1);
    tick(b, T0 + 2 * HOUR); /* back by three hours */
    predict(b, T0 + 2 * HOUR + 10, 50, 0, 1);
    tick(b, T0 + 2 * HOUR + 1000);
    tick(b, T0 + 900 * (int64_t)HOUR); /* forth by weeks */
    predict(b, T0 + 900 * (int64_t)HOUR + 10, 50, 0, 1);
    tick(b, T0 + 900 * (int64_t)HOUR + 1000);
    tick(b, T0 + 5 * HOUR + 2000); /* and where it was: the window goes on */
    predict(b, T0 + 5 * HOUR + 3000, 50, 0, 1);
    tick(b, T0 + 5 * HOUR + 4000);
    tick(b, T0 + 6 * HOUR);
    tick(b, T0 + 7 * HOUR);
    size_t n = windows(b, &w);
    for (size_t i = 0; i < n; i++) {
        rows += w[i].rows;
        if (w[i].start_ms == T0 + 5 * HOUR)
            CHECK_INT(w[i].rows, 150);
    }
    CHECK_INT(rows, 250);
    close_bench(b);
}

TEST(a_disk_that_is_full_from_the_beginning_is_told)
{
    struct bench *b = open_bench(1);
    fs_fail_after(1, ENOSPC);
    clock_set_fixed(T0);
    CHECK_INT(monitor_tick(b->m, T0, NULL), ERR_NO_SPACE);
    fs_fail_after(0, 0);
    tick(b, T0 + 1000);
    predict(b, T0 + 1500, 30, 0, 1);
    tick(b, T0 + 2000);
    struct monitor_status st;
    monitor_status_get(b->m, "e", &st);
    CHECK_STR(st.problem, "");
    CHECK_INT(st.open_rows, 30);
    close_bench(b);
}

TEST(a_full_disk_drops_predictions_and_refuses_labels)
{
    struct bench *b = open_bench(1);
    struct monitor_window *w;
    struct monitor_status st;
    struct monitor_labels_done done;
    struct monitor_label l = { .value = 3 };
    tick(b, T0);
    predict(b, T0 + 5, 30, 0, 1);
    tick(b, T0 + 1000);
    memcpy(l.id, b->ids[0], 16);
    fs_fail_after(1, ENOSPC);
    CHECK_INT(monitor_labels_add(b->m, "e", &l, 1, T0 + 1500, &done, NULL), ERR_NO_SPACE);
    fs_fail_after(0, 0);
    predict(b, T0 + 2000, 20, 0, 1);
    fs_fail_after(1, ENOSPC); /* the block of predictions */
    clock_set_fixed(T0 + 3000);
    IGNORE(monitor_tick(b->m, T0 + 3000, NULL));
    fs_fail_after(0, 0);
    monitor_status_get(b->m, "e", &st);
    CHECK_INT(st.dropped, 20);
    CHECK_INT(st.predictions, 30);
    CHECK(strstr(st.problem, "cannot write"));
    tick(b, T0 + HOUR);
    CHECK_INT(windows(b, &w), 1);
    CHECK_INT(w[0].rows, 50); /* counts go on */
    CHECK_INT(w[0].realised.n, 30);
    CHECK_INT(w[0].realised.labelled, 0);
    monitor_status_get(b->m, "e", &st);
    CHECK_STR(st.problem, "");
    close_bench(b);
}

static int set_settings(struct tx *tx, void *arg, struct err *err)
{
    return monitor_settings_set(tx, CAUSE_SYSTEM, "e", arg, err);
}

struct sum {
    size_t rows, labelled;
    double x;
};

static int add_row_up(void *arg, const struct monitor_row *r)
{
    struct sum *s = arg;
    s->rows++;
    s->labelled += (size_t)r->has_label;
    CHECK_STR(r->model, "m");
    CHECK_INT(r->columns, 1);
    CHECK_VIEW(r->names[0], "x");
    CHECK(fabs(r->values[0].number + 1 - r->prediction) < 1e-12);
    return 0;
}

TEST(settings_change_the_window_and_rows_are_read_back)
{
    struct bench *b = open_bench(1);
    struct monitor_window *w;
    struct sum sum = { 0 };
    static char two[] = "{\"window\":\"2s\",\"drift\":{\"number\":\"ks\",\"rows_min\":20}}";
    static char bad[] = "{\"window\":\"2 fortnights\"}";
    tick(b, T0 + 100);
    predict(b, T0 + 200, 60, 0, 1);
    CHECK_INT(store_write(b->app->store, set_settings, bad, NULL), ERR_INVALID);
    CHECK_OK(store_write(b->app->store, set_settings, two, err));
    tick(b, T0 + 1000); /* the hour ends here */
    predict(b, T0 + 1100, 60, 0, 1);
    tick(b, T0 + 2000);
    predict(b, T0 + 2100, 60, 3, 1);
    tick(b, T0 + 3000);
    tick(b, T0 + 4000);
    CHECK_INT(windows(b, &w), 3);
    CHECK_INT(w[0].end_ms, T0 + 1000);
    CHECK_INT(w[1].start_ms, T0 + 1000);
    CHECK_INT(w[1].end_ms, T0 + 2000);
    CHECK_INT(w[1].rows, 60);
    CHECK_INT(w[2].end_ms, T0 + 4000);
    CHECK_INT(w[2].state, MONITOR_DRIFTED);
    label(b, 0, 70, 0);
    struct monitor_rows_query q = { .to_ms = INT64_MAX, .fn = add_row_up, .arg = &sum };
    CHECK_OK(monitor_rows(b->m, "e", &q, err));
    CHECK_INT(sum.rows, 180);
    CHECK_INT(sum.labelled, 70);
    sum = (struct sum){ 0 };
    q.labelled = 1;
    q.from_ms = T0 + 1000;
    CHECK_OK(monitor_rows(b->m, "e", &q, err));
    CHECK_INT(sum.rows, 10);
    close_bench(b);
}

static void next_version(struct bench *b, const struct new_model *model, int extra)
{
    char digest[SHA256_HEX], files[SHA256_HEX], number[24];
    put_model(b->app, model, digest);
    put_reference(b->app, extra, files);
    struct made n = { digest, files, 0 };
    CHECK_OK(store_write(b->app->store, make_version, &n, err));
    (void)snprintf(number, sizeof number, "%d", (int)n.number);
    publish(b, number);
}

TEST(features_may_vanish_between_versions)
{
    struct bench *b = open_bench(1);
    struct monitor_window *w;
    tick(b, T0);
    predict(b, T0 + 5, 200, 0, 1);
    tick(b, T0 + 1000);
    next_version(b, &(struct new_model){ .shift = 1, .filled = 1 }, 1);
    predict(b, T0 + 1500, 300, 0, 1);
    tick(b, T0 + 2000);
    tick(b, T0 + HOUR);
    CHECK_INT(windows(b, &w), 2);
    CHECK_STR(w[0].version, "1");
    CHECK_INT(w[0].rows, 200);
    CHECK_INT(w[0].features_n, 2);
    CHECK_STR(w[1].version, "2");
    CHECK_INT(w[1].rows, 300);
    CHECK_INT(w[1].features_n, 3);
    CHECK_INT(w[1].states[0], MONITOR_OK);
    CHECK_INT(w[1].states[1], MONITOR_INSUFFICIENT); /* nothing comes for it */
    CHECK_INT(w[1].states[2], MONITOR_OK);
    CHECK_INT(w[0].realised.n, 200);
    CHECK_INT(w[1].realised.n, 300);
    close_bench(b);
}

TEST(scores_that_are_no_numbers_are_bad_and_measure_nothing)
{
    struct bench *b = open_bench(1);
    struct monitor_window *w;
    tick(b, T0);
    next_version(b, &(struct new_model){ .shift = NAN, .filled = 1 }, 0);
    predict(b, T0 + 5, 200, 0, 1);
    tick(b, T0 + 1000);
    label(b, 0, 100, 0);
    tick(b, T0 + HOUR);
    CHECK_INT(windows(b, &w), 1);
    CHECK_INT(w[0].rows, 200);
    CHECK(w[0].severe >= 1);
    CHECK_INT(w[0].states[0], MONITOR_OK);
    CHECK_INT(w[0].states[1], MONITOR_INSUFFICIENT);
    CHECK_INT(w[0].realised.n, 200);
    CHECK_INT(w[0].realised.labelled, 0);
    CHECK(isnan(w[0].realised.rmse));
    close_bench(b);
}

TEST(packed_counts_read_back_and_damage_is_told)
{
    struct arena a;
    struct buf b;
    struct rng r;
    struct monitor_feature f[3] = { { .n_cells = 3 }, { .n_cells = 66 }, { .n_cells = 1 } };
    struct monitor_reference ref = { .n = 3, .features = f }, *shape = NULL;
    arena_init(&a, MIB(64));
    buf_init(&b, MIB(1));
    rng_seed(&r, 1);
    for (int round = 0; round < 200; round++) {
        struct monitor_counts *c = monitor_counts_new(&a, &ref), out;
        c->rows = rng_u64(&r) >> rng_below(&r, 64);
        c->gap_ms = rng_below(&r, 1000);
        for (size_t i = 0; i < 3; i++) {
            for (size_t k = 0; k < f[i].n_cells; k++)
                c->features[i].cells[k] = rng_below(&r, 3) ? 0 : rng_u64(&r) >> rng_below(&r, 64);
            c->features[i].missing = rng_below(&r, 5);
            c->features[i].sum = rng_normal(&r);
        }
        buf_clear(&b);
        monitor_counts_pack(c, &b);
        CHECK_OK(monitor_counts_unpack(&a, &ref, buf_view(&b), &out, err));
        CHECK_INT(out.rows, c->rows);
        for (size_t i = 0; i < 3; i++) {
            CHECK(memcmp(out.features[i].cells, c->features[i].cells, f[i].n_cells * 8) == 0);
            CHECK(out.features[i].sum == c->features[i].sum);
        }
        CHECK_INT(monitor_counts_shape(&a, buf_view(&b), &shape), 0);
        CHECK(monitor_counts_fit(shape, &ref));
        for (size_t n = 0; n < b.n; n += 7)
            CHECK(monitor_counts_unpack(&a, &ref, (str_t){ b.p, n }, &out, NULL) != 0);
        b.p[rng_below(&r, b.n)] ^= 1; /* any byte: refused or read, never past the end */
        IGNORE(monitor_counts_unpack(&a, &ref, buf_view(&b), &out, NULL));
        arena_reset(&a);
    }
    buf_fini(&b);
    arena_fini(&a);
}

TEST(settings_and_labels_without_a_server)
{
    struct app *app = open_app(APP_WRITE);
    CHECK_INT(add_version(app, 5, 1, 0), 1);
    want(app, "PUT /api/v1/endpoints/d {\"model\":\"m\"}", 201, "");
    want(app, "GET /api/v1/endpoints/d/monitor", 200, "\"window_ms\":3600000");
    CHECK(strstr(answer, "\"reference\":null") && strstr(answer, "\"insufficient_data\""));
    want(app, "PUT /api/v1/endpoints/d/monitor {\"window\":\"2s\"}", 200, "\"window_ms\":2000");
    want(app, "PUT /api/v1/endpoints/d/monitor {\"window\":2}", 400, "'window' must be a duration");
    want(app, "PUT /api/v1/endpoints/d/monitor {\"log\":{\"sample\":2}}", 400, "'log.sample'");
    want(app, "PUT /api/v1/endpoints/d/monitor {\"drift\":{\"number\":\"psy\"}}", 400,
         "'drift.number'");
    want(app, "PUT /api/v1/endpoints/f/monitor {}", 404, "did you mean 'd'");
    want(app, "GET /api/v1/endpoints/d/monitor/windows", 200, "\"windows\":[]");
    want(app, "GET /api/v1/endpoints/d/monitor/windows?from=soon", 400, "'from'");
    want(app, "GET /api/v1/endpoints/d/monitor/features/x", 404, "no judged window");
    want(app, "GET /api/v1/endpoints/d/monitor/performance", 200, "\"windows\":[]");
    want(app,
         "POST /api/v1/endpoints/d/labels {\"labels\":[{\"prediction_id\":"
         "\"0192f3a0-7b1c-7000-8000-2f3a5c6d7e8f:2\",\"label\":true}]}",
         200, "{\"accepted\":1,\"unknown\":1}");
    want(app, "POST /api/v1/endpoints/d/labels {\"labels\":[]}", 200, "\"accepted\":0");
    want(app,
         "POST /api/v1/endpoints/d/labels {\"labels\":[{\"prediction_id\":"
         "\"0192f3a0-7b1c-7000-8000-2f3a5c6d7e8f\",\"label\":null}]}",
         400, "labels[0]: 'label'");
    want(app, "DELETE /api/v1/endpoints/d", 200, "{}");
    want(app, "PUT /api/v1/endpoints/d {\"model\":\"m\"}", 201, "");
    want(app, "GET /api/v1/endpoints/d/monitor", 200, "\"window_ms\":3600000");
    app_close(app);
}
