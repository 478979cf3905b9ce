/* SPDX-License-Identifier: Apache-2.0
 * Parts of metrics in searches, the trash of tracking and registry, moved and copied runs, where
 * aliases pointed when, and what endpoints say to changes of models. Each test runs inside one
 * write.
 */
#include "store_test.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/fs.h"

#include "registry/version.h"
#include "rollout/endpoint.h"
#include "store/gc.h"
#include "store/store.h"
#include "track/dataset.h"
#include "track/logged_model.h"
#include "track/metric.h"
#include "track/search.h"
#include "track/trash.h"

static const struct cause by = { .actor = "user:ann", .reason = "test" };

static int64_t told(struct tx *tx, struct arena *a, const char *kind)
{
    struct event *list;
    size_t n;
    struct event_query q = { .kind_prefix = kind, .limit = 1000 };
    CHECK_INT(event_list(tx, a, &q, &list, &n, NULL), 0);
    return (int64_t)n;
}

/* ---- metrics by part ---- */

static size_t found(struct tx *tx, struct arena *a, const char *filter)
{
    struct run_query q = { .filter = filter, .metric_parts = 1 };
    struct run *out;
    struct err e = ERR_INIT;
    size_t n = 0;
    if (run_search(tx, a, &q, &out, &n, NULL, &e) != 0)
        TEST_FAIL("%s: %s", filter, e.msg);
    return n;
}

static int parts(struct tx *tx, void *arg, struct err *err)
{
    struct arena *a = arg;
    char id[3][HEX32_TEXT];
    struct run *list;
    size_t n;
    /* rmse: 5 3 4 / 2 9 / none; accuracy: .5 .9 .7 / .8 */
    static const double rmse[2][3] = { { 5, 3, 4 }, { 2, 9, 9 } };
    for (int i = 0; i < 3; i++) {
        MUST(run_create(tx, &by, &(struct run_new){ .start_time_ms = 100 + i }, id[i], err));
        for (int k = 0; i < 2 && k < 3 - i; k++)
            MUST(metric_log(tx, id[i], "rmse", &(struct metric_point){ rmse[i][k], k, k }, 1, err));
    }
    MUST(metric_log(tx, id[0], "valid.accuracy", &(struct metric_point){ .5, 1, 1 }, 1, err));
    MUST(metric_log(tx, id[0], "valid.accuracy", &(struct metric_point){ .9, 2, 2 }, 1, err));
    MUST(metric_log(tx, id[0], "valid.accuracy", &(struct metric_point){ .7, 3, 3 }, 1, err));
    MUST(metric_log(tx, id[2], "odd", &(struct metric_point){ 1, 3, 3 }, 1, err));
    MUST(metric_log(tx, id[2], "gap.max", &(struct metric_point){ 7, 3, 3 }, 1, err));
    MUST(run_param_log(tx, id[0], &(struct track_pair){ "kind", "a" }, err));
    MUST(run_param_log(tx, id[1], &(struct track_pair){ "kind", "b" }, err));
    CHECK_INT(found(tx, a, "metrics.rmse = 4"), 1);
    CHECK_INT(found(tx, a, "metrics.rmse.last = 4"), 1);
    CHECK_INT(found(tx, a, "metrics.rmse.min = 3 OR metrics.rmse.max = 9"), 2);
    CHECK_INT(found(tx, a, "metrics.rmse.min < 3"), 1);
    CHECK_INT(found(tx, a, "metrics.rmse.best <= 3"), 2);
    CHECK_INT(found(tx, a, "metrics.rmse.count = 2"), 1);
    CHECK_INT(found(tx, a, "metrics.rmse.count IS NULL"), 1);
    CHECK_INT(found(tx, a, "metrics.valid.accuracy.best = 0.9"), 1);
    CHECK_INT(found(tx, a, "metrics.gap.max = 7"), 1); /* a whole name wins */
    CHECK_INT(found(tx, a, "params.kind IN ('a', 'c') OR (NOT params.kind = 'a' AND run_id != '')"),
              2);
    CHECK_INT(found(tx, a, "params.kind NOT IN ('a')"), 1);
    struct run_query q = { .filter = "metrics.odd.best > 0", .metric_parts = 1 };
    CHECK_INT(run_search(tx, a, &q, &list, &n, NULL, err), ERR_INVALID);
    CHECK(strstr(err->msg, "metrics.odd.min"));
    const char *order[] = { "metrics.rmse.min" };
    q = (struct run_query){ .order_by = order, .order_n = 1, .metric_parts = 1 };
    MUST(run_search(tx, a, &q, &list, &n, NULL, err));
    CHECK_STR(list[0].id, id[1]);
    CHECK_STR(list[2].id, id[2]);
    q = (struct run_query){ .filter = "metrics.rmse.min < 10" }; /* MLflow's reading */
    MUST(run_search(tx, a, &q, &list, &n, NULL, err));
    CHECK_INT(n, 0);
    return 0;
}

TEST(asked_metric_parts)
{
    in_write(parts);
}

/* ---- runs: trash, move, copy ---- */

static int runs(struct tx *tx, void *arg, struct err *err)
{
    struct arena *a = arg;
    char id[HEX32_TEXT], copy[HEX32_TEXT], data[UUID_TEXT];
    int64_t other;
    struct run r;
    struct metric_point *points;
    struct track_pair *pairs;
    struct trash_run *trash;
    struct run_input *inputs;
    size_t n;
    MUST(experiment_create(tx, &by, &(struct experiment_new){ .name = "other" }, &other, err));
    MUST(run_create(tx, &by, &(struct run_new){ .name = "first" }, id, err));
    struct metric_point p[2] = { { 1, 10, 1 }, { 2, 20, 2 } };
    MUST(metric_log(tx, id, "loss", p, 2, err));
    MUST(run_param_log(tx, id, &(struct track_pair){ "alpha", "1" }, err));
    MUST(run_tag_set(tx, &by, id, &(struct track_pair){ "team", "blue" }, err));
    struct dataset d = { .project = "default",
                         .name = "d",
                         .digest = "aa",
                         .source_type = "local",
                         .source = "x",
                         .rows = 1,
                         .columns_n = 1,
                         .files_n = 1,
                         .bytes = 1 };
    MUST(dataset_put(tx, &by, &d, data, err));
    MUST(run_input_add(tx, id, data, "training", err));
    CHECK_INT(run_copy(tx, &by, id, other, copy, err), ERR_CONFLICT); /* still running */
    MUST(run_finish(tx, &by, id, "FINISHED", NULL, err));
    MUST(run_copy(tx, &by, id, other, copy, err));
    MUST(run_get(tx, a, copy, &r, err));
    CHECK_STR(r.name, "first");
    CHECK_STR(r.experiment, "other");
    MUST(metric_history(tx, a, copy, "loss", &points, &n, err));
    CHECK(n == 2 && points[1].value == 2 && points[1].step == 2);
    MUST(run_params(tx, a, copy, &pairs, &n, err));
    CHECK(n == 1 && strcmp(pairs[0].value, "1") == 0);
    MUST(run_tags(tx, a, copy, &pairs, &n, err));
    CHECK_INT(n, 3);
    CHECK_STR(pairs[1].key, "slipway.copied_from");
    CHECK_STR(pairs[1].value, id);
    MUST(run_inputs(tx, a, copy, &inputs, &n, err));
    CHECK_INT(n, 1);

    MUST(run_move(tx, &by, id, other, err));
    MUST(run_move(tx, &by, id, other, err)); /* nothing to do, nothing told */
    CHECK_INT(told(tx, a, "run.moved"), 1);
    CHECK_INT(told(tx, a, "run.copied"), 1);
    struct experiment e;
    MUST(experiment_get(tx, a, other, &e, err));
    CHECK_INT(e.run_count, 2);
    CHECK_INT(run_move(tx, &by, id, 99, err), ERR_NOT_FOUND);

    CHECK_INT(run_purge(tx, &by, id, err), ERR_CONFLICT);
    MUST(run_delete(tx, &by, id, err));
    CHECK_INT(run_move(tx, &by, id, 0, err), ERR_CONFLICT);
    MUST(trash_runs(tx, a, "default", 10, &trash, &n, err));
    CHECK(n == 1 && trash[0].deleted_time_ms > 0 && strcmp(trash[0].experiment, "other") == 0);
    MUST(run_purge(tx, &by, id, err));
    CHECK_INT(run_get(tx, a, id, &r, err), ERR_NOT_FOUND);
    CHECK_INT(told(tx, a, "run.purged"), 1);
    MUST(run_get(tx, a, copy, &r, err)); /* the copy stands alone */
    MUST(metric_history(tx, a, copy, "loss", &points, &n, err));
    CHECK_INT(n, 2);
    return 0;
}

TEST(asked_runs)
{
    in_write(runs);
}

/* What hangs on runs and experiments beside their own rows goes with them. */
static int purge_all(struct tx *tx, void *arg, struct err *err)
{
    char id[HEX32_TEXT], copy[HEX32_TEXT], data[UUID_TEXT], model[LOGGED_MODEL_TEXT];
    struct track_pair pair = { "k", "v" }, *tags;
    struct run_model *made;
    size_t n;
    int64_t e;
    int done = 0;
    MUST(experiment_create(tx, &by, &(struct experiment_new){ .name = "p" }, &e, err));
    MUST(run_create(tx, &by, &(struct run_new){ .experiment_id = e }, id, err));
    struct dataset d = { .name = "d", .digest = "1234" };
    MUST(dataset_put(tx, &by, &d, data, err));
    MUST(run_input_add(tx, id, data, "training", err));
    MUST(run_input_tag_set(tx, id, data, &pair, err));
    MUST(run_finish(tx, &by, id, "FINISHED", NULL, err));
    struct logged_model m = { .experiment_id = e, .source_run_id = id };
    MUST(logged_model_create(tx, &by, &m, "loc", model, err));
    MUST(logged_model_param_add(tx, model, &pair, err));
    MUST(logged_model_tag_set(tx, model, &pair, err));
    struct logged_metric point = { .key = "rmse", .run_id = id };
    MUST(logged_model_metric_log(tx, model, &point, err));
    MUST(run_model_add(tx, id, 1, &(struct run_model){ model, 3 }, err));
    MUST(run_copy(tx, &by, id, e, copy, err));
    MUST(run_input_tags(tx, arg, copy, data, &tags, &n, err));
    CHECK_INT(n, 1);
    MUST(run_models(tx, arg, copy, 1, &made, &n, err));
    CHECK(n == 1 && made[0].step == 3);
    MUST(run_delete(tx, &by, id, err));
    MUST(run_purge(tx, &by, id, err));
    MUST(experiment_delete(tx, &by, e, err));
    MUST(experiment_purge(tx, &by, e, &done, err));
    CHECK_INT(done, 1);
    return 0;
}

TEST(asked_purge_takes_all)
{
    in_write(purge_all);
}

static int experiments(struct tx *tx, void *arg, struct err *err)
{
    struct arena *a = arg;
    struct experiment e;
    int64_t first, second;
    int done;
    char id[HEX32_TEXT];
    struct experiment_new fresh = { .name = "x" };
    MUST(experiment_create(tx, &by, &fresh, &first, err));
    for (int i = 0; i < PURGE_STEP + 1; i++)
        MUST(run_create(tx, &by, &(struct run_new){ .experiment_id = first }, id, err));
    MUST(experiment_name_release(tx, &by, "x", err)); /* active: stays */
    CHECK_INT(experiment_create(tx, &by, &fresh, &second, err), ERR_EXISTS);
    CHECK_INT(experiment_purge(tx, &by, first, &done, err), ERR_CONFLICT);
    MUST(experiment_delete(tx, &by, first, err));
    CHECK_INT(experiment_create(tx, &by, &fresh, &second, err), ERR_EXISTS); /* as in MLflow */
    MUST(experiment_name_release(tx, &by, "x", err));
    MUST(experiment_name_release(tx, &by, "nobody", err));
    MUST(experiment_create(tx, &by, &fresh, &second, err));
    MUST(experiment_get(tx, a, first, &e, err));
    CHECK_STR(e.name, "x~1");
    MUST(experiment_restore(tx, &by, first, err));
    MUST(run_get(tx, a, id, &(struct run){ 0 }, err));
    MUST(experiment_delete(tx, &by, first, err));
    MUST(experiment_purge(tx, &by, first, &done, err));
    CHECK_INT(done, 0);
    MUST(experiment_purge(tx, &by, first, &done, err));
    CHECK_INT(done, 1);
    CHECK_INT(experiment_get(tx, a, first, &e, err), ERR_NOT_FOUND);
    CHECK_INT(told(tx, a, "run.purged"), PURGE_STEP + 1);
    CHECK_INT(told(tx, a, "experiment.purged"), 1);
    MUST(experiment_delete(tx, &by, second, err));
    MUST(experiment_purge(tx, &by, second, &done, err));
    int64_t third;
    MUST(experiment_create(tx, &by, &fresh, &third, err));
    CHECK_INT(third, second + 1); /* numbers are not given again */
    CHECK_INT(experiment_purge(tx, &by, 0, &done, err), ERR_CONFLICT);
    return 0;
}

TEST(asked_experiments)
{
    in_write(experiments);
}

/* ---- models ---- */

static int make(struct tx *tx, const char *model, int64_t *out, struct err *err)
{
    struct version_new v = {
        .model = model,
        .row = { .source = "s", .description = "d", .digest = "d1", .gates_passed = -1 }
    };
    return version_create(tx, &by, &v, out, err);
}

static int models(struct tx *tx, void *arg, struct err *err)
{
    struct arena *a = arg;
    struct version v;
    struct model m;
    struct trash_model *trash;
    struct alias_move *moves;
    int64_t n1, n2, at;
    size_t n;
    MUST(make(tx, "sugar", &n1, err));
    MUST(make(tx, "sugar", &n2, err));
    MUST(model_alias_set(tx, &by, "sugar", "champion", 1, err));
    MUST(model_alias_set(tx, &by, "sugar", "champion", 2, err));
    MUST(model_alias_set(tx, &by, "sugar", "champion", 2, err));
    MUST(model_get(tx, a, "default", "sugar", &m, err));
    MUST(model_alias_history(tx, a, m.id, "champion", &moves, &n, err));
    CHECK(n == 2 && moves[0].version == 2 && moves[1].version == 1);
    CHECK_STR(moves[0].actor, "user:ann");
    CHECK_STR(moves[0].reason, "test");
    MUST(model_alias_at(tx, m.id, "champion", moves[0].time_ms, &at, err));
    CHECK_INT(at, 2);
    MUST(model_alias_at(tx, m.id, "champion", moves[1].time_ms - 1, &at, err));
    CHECK_INT(at, 0);

    MUST(version_get(tx, a, "default", "sugar", 2, &v, err));
    MUST(version_delete(tx, &by, &v, err));
    CHECK_INT(version_resolve(tx, a, "default", "sugar", "@champion", &v, err), ERR_NOT_FOUND);
    MUST(model_alias_history(tx, a, m.id, "champion", &moves, &n, err));
    CHECK(n == 3 && moves[0].version == 0);
    MUST(trash_models(tx, a, "default", 10, &trash, &n, err));
    CHECK(n == 1 && trash[0].version == 2);
    CHECK_INT(version_restore(tx, &by, "sugar", 1, err), ERR_NOT_FOUND);
    MUST(version_restore(tx, &by, "sugar", 2, err));
    MUST(version_resolve(tx, a, "default", "sugar", "@champion", &v, err));
    CHECK_INT(v.number, 2);
    CHECK_STR(v.source, "s");
    CHECK_STR(v.stage, "None");
    CHECK_INT(version_purge(tx, &by, "sugar", 2, err), ERR_NOT_FOUND);
    MUST(version_delete(tx, &by, &v, err));
    MUST(version_purge(tx, &by, "sugar", 2, err));
    CHECK_INT(version_restore(tx, &by, "sugar", 2, err), ERR_NOT_FOUND);
    MUST(make(tx, "sugar", &n1, err));
    CHECK_INT(n1, 3); /* the number of a purged one stays taken */

    MUST(model_delete(tx, &by, "sugar", err));
    CHECK_INT(model_get(tx, a, "default", "sugar", &m, err), ERR_NOT_FOUND);
    MUST(make(tx, "sugar", &n1, err));
    CHECK_INT(n1, 1); /* the name is free */
    CHECK_INT(model_restore(tx, &by, "sugar", err), ERR_EXISTS);
    MUST(model_rename(tx, &by, "sugar", "salt", err));
    MUST(model_restore(tx, &by, "sugar", err));
    MUST(model_get(tx, a, "default", "sugar", &m, err));
    CHECK_INT(m.latest_version, 3);
    MUST(model_delete(tx, &by, "sugar", err));
    MUST(trash_models(tx, a, "default", 10, &trash, &n, err));
    CHECK(n == 1 && trash[0].version == 0 && trash[0].version_count == 2);
    MUST(model_purge(tx, &by, "sugar", err));
    CHECK_INT(model_restore(tx, &by, "sugar", err), ERR_NOT_FOUND);
    CHECK_INT(told(tx, a, "model.purged"), 1);
    CHECK_INT(told(tx, a, "model.restored"), 1);
    return 0;
}

TEST(asked_models)
{
    in_write(models);
}

static int rules(struct tx *tx, void *arg, struct err *err)
{
    struct arena *a = arg;
    struct endpoint_row row = { .id = "e1",
                                .project = "default",
                                .name = "ep",
                                .model = "sugar",
                                .version = 2 },
                        got;
    struct endpoint_before *stack;
    struct version v;
    int64_t number;
    size_t n;
    MUST(make(tx, "sugar", &number, err));
    MUST(make(tx, "sugar", &number, err));
    MUST(endpoint_insert(tx, &row, err));
    MUST(endpoint_push(tx, "e1", "sugar", 1, err));
    CHECK_INT(model_delete(tx, &by, "sugar", err), ERR_CONFLICT);
    CHECK(strstr(err->msg, "endpoint 'ep'"));
    MUST(version_get(tx, a, "default", "sugar", 2, &v, err));
    CHECK_INT(version_delete(tx, &by, &v, err), ERR_CONFLICT);
    MUST(model_rename(tx, &by, "sugar", "salt", err));
    MUST(endpoint_get(tx, a, "default", "ep", &got, err));
    CHECK_STR(got.model, "salt");
    MUST(endpoint_stack(tx, a, "e1", &stack, &n, err));
    CHECK(n == 1 && strcmp(stack[0].model, "salt") == 0);
    CHECK_INT(told(tx, a, "endpoint.model_renamed"), 1);
    return 0;
}

TEST(asked_rules_of_endpoints)
{
    in_write(rules);
}

/* ---- garbage ---- */

static int refer(struct tx *tx, void *arg, struct err *err)
{
    const char *const *digests = arg; /* tree, result */
    char id[HEX32_TEXT];
    int64_t number;
    struct version_new v = {
        .model = "m", .row = { .source = "s", .files_digest = digests[0], .gates_passed = -1 }
    };
    MUST(version_create(tx, &by, &v, &number, err));
    MUST(run_create(tx, &by, &(struct run_new){ .name = "r" }, id, err));
    struct run_change c = RUN_CHANGE_INIT;
    c.result_digest = digests[1];
    return run_update(tx, &by, id, &c, err);
}

static int drop_version(struct tx *tx, void *arg, struct err *err)
{
    (void)arg;
    MUST(model_delete(tx, &by, "m", err));
    return 0;
}

static int purge_model_m(struct tx *tx, void *arg, struct err *err)
{
    (void)arg;
    return model_purge(tx, &by, "m", err);
}

static void age(struct blobs *b, struct arena *a)
{
    struct blob_file *list;
    size_t n;
    CHECK_OK(blobs_list(b, a, &list, &n, err));
    for (size_t i = 0; i < n; i++) {
        char *path;
        struct timespec old[2] = { { 1000000000, 0 }, { 1000000000, 0 } };
        CHECK_OK(blobs_path(b, a, list[i].digest, &path, err));
        CHECK_INT(utimensat(AT_FDCWD, path, old, 0), 0);
    }
}

TEST(asked_garbage)
{
    char path[1024], dir[512], loose[SHA256_HEX], result[SHA256_HEX], tree[SHA256_HEX];
    struct store *s = NULL;
    struct blobs *b = NULL;
    struct arena a;
    struct gc_report r;
    arena_init(&a, 64 << 20);
    (void)snprintf(path, sizeof path, "%s/slipway.db", test_tmpdir());
    (void)snprintf(dir, sizeof dir, "%s/blobs", test_tmpdir());
    CHECK_OK(store_open(&s, &(struct store_options){ .path = path, .create = 1 }, err));
    CHECK_OK(blobs_open(&b, dir, err));
    (void)snprintf(dir, sizeof dir, "%s/model", test_tmpdir());
    CHECK_OK(fs_mkdirs(dir, err));
    (void)snprintf(path, sizeof path, "%s/model.onnx", dir);
    CHECK_OK(fs_write_atomic(path, STR("weights"), err));
    CHECK_OK(blobs_put_tree(b, &a, dir, tree, NULL, err));
    CHECK_OK(blobs_put(b, STR("loose"), loose, err));
    CHECK_OK(blobs_put(b, STR("{}"), result, err));
    const char *digests[] = { tree, result };
    CHECK_OK(store_write(s, refer, digests, err));
    CHECK_OK(gc_blobs(s, b, &a, &(struct gc_how){ .remove = 1 }, &r, err));
    CHECK(r.kept == 3 && r.young == 1 && r.n == 0 && r.removed == 0);
    age(b, &a);
    CHECK_OK(gc_blobs(s, b, &a, NULL, &r, err));
    CHECK(r.n == 1 && r.bytes == 5 && r.removed == 0);
    CHECK_STR(r.garbage[0].digest, loose);
    CHECK_OK(blobs_put(b, STR("loose"), loose, err)); /* put again: young again */
    CHECK_OK(gc_blobs(s, b, &a, &(struct gc_how){ .remove = 1 }, &r, err));
    CHECK(r.n == 0 && r.young == 1);
    age(b, &a);
    CHECK_OK(store_write(s, drop_version, NULL, err)); /* the trash keeps its bytes */
    CHECK_OK(gc_blobs(s, b, &a, &(struct gc_how){ .remove = 1 }, &r, err));
    CHECK(r.n == 1 && r.removed == 1 && r.kept == 3);
    char *gone;
    CHECK_INT(blobs_path(b, &a, loose, &gone, NULL), ERR_NOT_FOUND);
    CHECK_OK(store_write(s, purge_model_m, NULL, err));
    CHECK_OK(gc_blobs(s, b, &a, &(struct gc_how){ .remove = 1 }, &r, err));
    CHECK(r.removed == 2 && r.kept == 1);
    blobs_close(b);
    store_close(s);
    arena_fini(&a);
}

TEST(asked_missing_blobs_are_named)
{
    char path[1024], dir[512], result[SHA256_HEX], tree[SHA256_HEX], weights[SHA256_HEX];
    struct store *s = NULL;
    struct blobs *b = NULL;
    struct arena a;
    struct gc_missing m;
    char *file;
    arena_init(&a, 64 << 20);
    (void)snprintf(path, sizeof path, "%s/slipway.db", test_tmpdir());
    (void)snprintf(dir, sizeof dir, "%s/blobs", test_tmpdir());
    CHECK_OK(store_open(&s, &(struct store_options){ .path = path, .create = 1 }, err));
    CHECK_OK(blobs_open(&b, dir, err));
    (void)snprintf(dir, sizeof dir, "%s/model", test_tmpdir());
    CHECK_OK(fs_mkdirs(dir, err));
    (void)snprintf(path, sizeof path, "%s/model.onnx", dir);
    CHECK_OK(fs_write_atomic(path, STR("weights"), err));
    CHECK_OK(blobs_put_tree(b, &a, dir, tree, NULL, err));
    CHECK_OK(blobs_put(b, STR("weights"), weights, err));
    CHECK_OK(blobs_put(b, STR("{}"), result, err));
    const char *digests[] = { tree, result };
    CHECK_OK(store_write(s, refer, digests, err));
    CHECK_OK(gc_find_missing(s, b, &a, 1000, &m, err));
    CHECK(m.referred == 3 && m.missing == 0);
    CHECK_OK(blobs_path(b, &a, weights, &file, err)); /* one file of the tree */
    CHECK_OK(fs_remove(file, err));
    CHECK_OK(gc_find_missing(s, b, &a, 1000, &m, err));
    CHECK(m.missing == 1 && m.shown_n == 1);
    CHECK_STR(m.shown[0].digest, weights);
    CHECK_STR(m.shown[0].who, "model m, version 1");
    CHECK_OK(blobs_path(b, &a, result, &file, err));
    CHECK_OK(fs_remove(file, err));
    CHECK_OK(blobs_path(b, &a, tree, &file, err));
    CHECK_OK(fs_remove(file, err));
    CHECK_OK(gc_find_missing(s, b, &a, 1000, &m, err));
    CHECK(m.referred == 2 && m.missing == 2);
    CHECK_OK(gc_find_missing(s, b, &a, 0, &m, err));
    CHECK(m.referred == 0);
    blobs_close(b);
    store_close(s);
    arena_fini(&a);
}

TEST(asked_garbage_stops_at_a_damaged_tree)
{
    char path[512], dir[512], loose[SHA256_HEX];
    struct store *s = NULL;
    struct blobs *b = NULL;
    struct arena a;
    struct gc_report r;
    struct err refused = ERR_INIT;
    arena_init(&a, 64 << 20);
    (void)snprintf(path, sizeof path, "%s/slipway.db", test_tmpdir());
    (void)snprintf(dir, sizeof dir, "%s/blobs", test_tmpdir());
    CHECK_OK(store_open(&s, &(struct store_options){ .path = path, .create = 1 }, err));
    CHECK_OK(blobs_open(&b, dir, err));
    CHECK_OK(blobs_put(b, STR("loose"), loose, err));
    const char *digests[] = { loose, NULL }; /* no tree at all */
    CHECK_OK(store_write(s, refer, digests, err));
    age(b, &a);
    CHECK(gc_blobs(s, b, &a, &(struct gc_how){ .remove = 1 }, &r, &refused) != 0);
    CHECK(strstr(refused.msg, "nothing was removed"));
    char *still;
    CHECK_OK(blobs_path(b, &a, loose, &still, err));
    blobs_close(b);
    store_close(s);
    arena_fini(&a);
}
