/* SPDX-License-Identifier: Apache-2.0
 * Searches in memory give what searches in the database give, whatever changes between them; what
 * they cost does not grow with the runs. */
#include "store_test.h"

#include "api/app.h"
#include "api/mlflow/mlflow.h"
#include "base/atomic.h"
#include "base/rng.h"
#include "base/thread.h"
#include "codec/expr.h"
#include "track/search.h"
#include "track/trash.h"

static const struct cause by = { .actor = "tester" };

static struct store *opened(void)
{
    char path[512];
    struct store *s = NULL;
    (void)snprintf(path, sizeof path, "%s/slipway.db", test_tmpdir());
    CHECK_OK(store_open(&s, &(struct store_options){ .path = path, .create = 1 }, err));
    store_claim(s);
    return s;
}

/* ---- which statements change what is kept ---- */

static str_t word(str_t *s)
{
    size_t n = 0;
    *s = str_trim(*s);
    while (n < s->n && !strchr(" (,;", s->p[n]))
        n++;
    str_t w = { s->p, n };
    *s = (str_t){ s->p + n, s->n - n };
    return w;
}

/* The table that a statement writes, or nothing. */
static str_t written(const char *text)
{
    str_t s = str_of(text), first = word(&s);
    if (str_is(first, "UPDATE"))
        return word(&s);
    if (!str_is(first, "INSERT") && !str_is(first, "DELETE"))
        return (str_t){ 0 };
    (void)word(&s);
    return word(&s);
}

/* 1 when a table of this name has a column run_id. */
static int is_of_runs(str_t table)
{
    char create[160];
    size_t n;
    const struct migration *all = store_migrations(&n);
    (void)snprintf(create, sizeof create, "CREATE TABLE %.*s (", STR_ARG(table));
    for (size_t i = 0; i < n; i++) {
        const char *at = strstr(all[i].text, create);
        const char *column = at ? strstr(at, " run_id ") : NULL;
        const char *end = at ? strstr(at + 1, "CREATE ") : NULL;
        if (column && (!end || column < end))
            return 1;
    }
    return 0;
}

TEST(listing_every_statement_that_changes_runs_says_so)
{
    /* Of these neither searches nor pages of runs show anything. */
    static const char *const apart[] = { "metric_blocks",        "attempts", "stages",
                                         "logged_model_metrics", "versions", "model_versions",
                                         "loop_attempts" };
    size_t n, seen = 0;
    const struct sql *all = store_statements(&n);
    for (size_t i = 0; i < n; i++) {
        str_t table = written(all[i].text);
        int skip = !table.n || !is_of_runs(table);
        for (size_t k = 0; k < ARRAY_LEN(apart); k++)
            skip |= str_is(table, apart[k]);
        if (skip)
            continue;
        seen++;
        if (!all[i].change)
            TEST_FAIL("%s (%s) writes %.*s: declare it by SQL_CHANGES or SQL_MOVES, see store.h",
                      all[i].name, all[i].file, STR_ARG(table));
        if (str_is(table, "runs") && all[i].change == STORE_CHANGES_ONE)
            CHECK(strncmp(all[i].text, "UPDATE", 6) == 0 &&
                  !strstr(all[i].text, "lifecycle_stage"));
    }
    CHECK(seen > 20);
}

/* ---- the same as the database ---- */

enum { EXPERIMENTS = 3, RUNS = 60 };

struct world {
    struct rng rng;
    char runs[RUNS][HEX32_TEXT]; /* "" = none */
    size_t compared, matched;
};

static unsigned dice(struct world *w, unsigned n)
{
    return (unsigned)(rng_u64(&w->rng) % n);
}

static int make_run(struct tx *tx, struct world *w, char id[HEX32_TEXT], struct err *err)
{
    struct run_new fresh = { .experiment_id = dice(w, EXPERIMENTS),
                             .start_time_ms = 1000 + dice(w, 20),
                             .user = dice(w, 2) ? "ann" : "bob" };
    return run_create(tx, &by, &fresh, id, err);
}

static int log_something(struct tx *tx, struct world *w, const char *id, struct err *err)
{
    static const double values[] = { 0, 1, 2.5, -3, 1e300, (double)INFINITY, (double)NAN };
    char text[32];
    struct metric_point p = { values[dice(w, ARRAY_LEN(values))], dice(w, 5), dice(w, 5) };
    (void)snprintf(text, sizeof text, "t%u", dice(w, 12));
    switch (dice(w, 4)) {
    case 0: return metric_append(tx, id, dice(w, 2) ? "a" : "b", &p, 1, err);
    case 1:
        return run_tag_append(tx, &by, id, &(struct track_pair){ dice(w, 2) ? "x" : "y", text },
                              err);
    case 2: IGNORE(run_param_append(tx, id, &(struct track_pair){ "p", text }, err)); return 0;
    default: IGNORE(run_tag_delete(tx, id, "x", err)); return 0;
    }
}

static int change(struct tx *tx, void *arg, struct err *err)
{
    struct world *w = arg;
    char *id = w->runs[dice(w, RUNS)];
    struct run_change c = RUN_CHANGE_INIT;
    if (!*id)
        return make_run(tx, w, id, err);
    switch (dice(w, 24)) {
    case 0: IGNORE(run_delete(tx, &by, id, err)); return 0;
    case 1: IGNORE(run_restore(tx, &by, id, err)); return 0;
    case 2: IGNORE(run_move(tx, &by, id, dice(w, EXPERIMENTS), err)); return 0;
    case 3:
        IGNORE(run_finish(tx, &by, id, dice(w, 2) ? "FINISHED" : "FAILED", "because", err));
        return 0;
    case 4:
        c.name = dice(w, 2) ? "one" : "two";
        IGNORE(run_update(tx, &by, id, &c, err));
        return 0;
    case 5:
        IGNORE(run_delete(tx, &by, id, err));
        if (run_purge(tx, &by, id, err) == 0)
            id[0] = '\0';
        return 0;
    case 6:
        if (!dice(w, 8))
            IGNORE(experiment_delete(tx, &by, 2, err));
        else
            IGNORE(experiment_restore(tx, &by, 2, err));
        return 0;
    case 7: /* what fails leaves nothing, not even in memory */
        IGNORE(log_something(tx, w, id, err));
        return ERR(err, ERR_CONFLICT, "on purpose");
    case 8:
        if (!dice(w, 4))
            IGNORE(experiment_rename(tx, &by, 1, dice(w, 2) ? "one" : "xx", err));
        return 0;
    default: IGNORE(log_something(tx, w, id, err)); return 0;
    }
}

static const char *const filters[] = {
    NULL,
    "metrics.a > 0.5",
    "metrics.a != 1 AND params.p IN ('t1', 't2', 't3', 't4')",
    "tags.x LIKE 't1%' OR metrics.b IS NULL",
    "NOT (params.p = 't3') AND attributes.status != 'FINISHED'",
    "attributes.run_name = 'one' OR start_time > 1010",
    "metrics.a.max - metrics.a.min > 1",
    "dataset.name IS NULL AND tags.y < 't5'",
    "end_time IS NULL",
    "lower(tags.x) = 't2'",
    "experiment = 'one'",
};
static const char *const orders[] = { NULL,           "metrics.a DESC", "metrics.b",
                                      "tags.x DESC",  "params.p ASC",   "attributes.status",
                                      "end_time ASC", "start_time ASC" };

struct page {
    struct run *list;
    size_t n;
    int more;
    int64_t total;
};

static int ask(struct tx *tx, struct arena *a, struct run_query q, int fresh, struct page *p,
               struct err *err)
{
    q.fresh = fresh;
    q.total = q.total ? &p->total : NULL;
    return run_search(tx, a, &q, &p->list, &p->n, &p->more, err);
}

static int compare(struct tx *tx, void *arg, struct err *err)
{
    struct world *w = arg;
    struct arena a;
    int64_t ids[EXPERIMENTS] = { dice(w, 3), 0, 0 }, total = 0;
    const char *order[2] = { orders[dice(w, ARRAY_LEN(orders))], "tags.y" };
    ids[1] = (ids[0] + 1) % 3;
    struct run_query q = { .experiment_ids = ids,
                           .experiment_n = dice(w, 4) ? 1 : 2,
                           .view = (enum track_view)dice(w, 3),
                           .filter = filters[dice(w, ARRAY_LEN(filters))],
                           .order_by = order,
                           .order_n = order[0] ? 1 + dice(w, 2) : 0,
                           .offset = dice(w, 3) ? 0 : dice(w, 8),
                           .limit = dice(w, 2) ? 100 : 1 + dice(w, 6),
                           .total = dice(w, 2) ? &total : NULL,
                           .ids_only = 1,
                           .metric_parts = 1 };
    struct page mine = { 0 }, theirs = { 0 };
    arena_init(&a, 64 << 20);
    MUST(ask(tx, &a, q, 1, &mine, err));
    MUST(ask(tx, &a, q, 0, &theirs, err));
    int same = mine.n == theirs.n && mine.more == theirs.more && mine.total == theirs.total;
    for (size_t i = 0; same && i < mine.n; i++)
        same = strcmp(mine.list[i].id, theirs.list[i].id) == 0 &&
               mine.list[i].start_time_ms == theirs.list[i].start_time_ms;
    if (!same)
        TEST_FAIL("after %zu: filter %s, order %s, view %d, offset %d, limit %d: %zu and %zu runs",
                  w->compared, q.filter ? q.filter : "-", order[0] ? order[0] : "-", (int)q.view,
                  (int)q.offset, (int)q.limit, mine.n, theirs.n);
    w->compared++;
    w->matched += mine.n;
    arena_fini(&a);
    return 0;
}

static int two_more(struct tx *tx, void *arg, struct err *err)
{
    int64_t id;
    (void)arg;
    MUST(experiment_create(tx, &by, &(struct experiment_new){ .name = "one" }, &id, err));
    MUST(experiment_create(tx, &by, &(struct experiment_new){ .name = "two" }, &id, err));
    CHECK_INT(id, 2);
    return 0;
}

TEST(listing_searches_are_those_of_the_database)
{
    struct store *s = opened();
    struct world w = { 0 };
    rng_seed(&w.rng, 5);
    CHECK_OK(store_write(s, two_more, NULL, err));
    for (int i = 0; i < 4000; i++) {
        struct err e = ERR_INIT;
        int rc = store_write(s, change, &w, &e);
        if (rc && rc != ERR_CONFLICT && rc != ERR_INVALID)
            TEST_FAIL("%d: %s", rc, e.msg);
        if (i % 3 == 0)
            CHECK_OK(store_read(s, compare, &w, err));
    }
    CHECK(w.matched > w.compared);
    store_close(s);
}

static int nothing_seen(struct tx *tx, void *arg, struct err *err)
{
    (void)arg, (void)err;
    CHECK_INT(tx_seen(tx), 0);
    return 0;
}

/* Another process may write: nothing is kept. In a write transaction nothing is either. */
TEST(listing_only_of_a_claimed_store)
{
    char path[512];
    struct store *s = NULL;
    (void)snprintf(path, sizeof path, "%s/slipway.db", test_tmpdir());
    CHECK_OK(store_open(&s, &(struct store_options){ .path = path, .create = 1 }, err));
    CHECK_OK(store_read(s, nothing_seen, NULL, err));
    store_claim(s);
    CHECK_OK(store_write(s, nothing_seen, NULL, err));
    store_close(s);
}

/* ---- more than is kept ---- */

enum { MANY_EXPERIMENTS = 300, MANY_NAMES = 90 };

static int make_experiments(struct tx *tx, void *arg, struct err *err)
{
    char name[32], id[HEX32_TEXT];
    (void)arg;
    for (int i = 1; i <= MANY_EXPERIMENTS; i++) {
        int64_t e;
        (void)snprintf(name, sizeof name, "e%d", i);
        MUST(experiment_create(tx, &by, &(struct experiment_new){ .name = name }, &e, err));
        CHECK_INT(e, i);
        MUST(run_create(tx, &by, &(struct run_new){ .experiment_id = e, .start_time_ms = i }, id,
                        err));
        for (int k = 0; k < MANY_NAMES && i <= 2; k++) {
            (void)snprintf(name, sizeof name, "m%d", k);
            MUST(metric_append(tx, id, name, &(struct metric_point){ k + i, 1, 1 }, 1, err));
        }
    }
    return 0;
}

static size_t found(struct tx *tx, const int64_t *ids, size_t id_n, const char *filter,
                    struct err *err)
{
    struct arena a;
    struct page p;
    arena_init(&a, 1 << 24);
    MUST(ask(tx, &a,
             (struct run_query){ .experiment_ids = ids,
                                 .experiment_n = id_n,
                                 .filter = filter,
                                 .limit = 1000,
                                 .ids_only = 1 },
             1, &p, err));
    arena_fini(&a);
    return p.n;
}

static int find_many(struct tx *tx, void *arg, struct err *err)
{
    int64_t ids[MANY_EXPERIMENTS];
    char one[64], all[64 * MANY_NAMES] = "";
    (void)arg;
    for (int i = 0; i < MANY_EXPERIMENTS; i++)
        ids[i] = i + 1;
    for (int round = 0; round < 2; round++) {
        for (int k = 0; k < MANY_NAMES; k++) {
            (void)snprintf(one, sizeof one, "metrics.m%d = %d", k, k + 1);
            CHECK_INT(found(tx, ids, 2, one, err), 1);
            if (!round)
                (void)snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s",
                               k ? " AND " : "", one);
        }
        CHECK_INT(found(tx, ids, 2, all, err), 1);
        CHECK_INT(found(tx, ids, MANY_EXPERIMENTS, "start_time > 10", err), MANY_EXPERIMENTS - 10);
    }
    return 0;
}

TEST(listing_of_more_names_and_experiments_than_are_kept)
{
    struct store *s = opened();
    CHECK_OK(store_write(s, make_experiments, NULL, err));
    CHECK_OK(store_read(s, find_many, NULL, err));
    store_close(s);
}

/* ---- readers beside writers ---- */

enum { PAIRS = 12, COMMITS = 1500 };

struct race {
    struct store *s;
    size_t experiment_n; /* 2: the runs of a pair are in one each */
    char ids[2 * PAIRS][HEX32_TEXT];
    unsigned turn;
    flag_t over;
    counter_t reads;
};

static int make_pairs(struct tx *tx, void *arg, struct err *err)
{
    struct race *r = arg;
    int64_t other;
    MUST(experiment_create(tx, &by, &(struct experiment_new){ .name = "other" }, &other, err));
    CHECK_INT(other, 1);
    for (size_t i = 0; i < ARRAY_LEN(r->ids); i++) {
        struct run_new run = { .experiment_id = (int64_t)(i % r->experiment_n),
                               .start_time_ms = (int64_t)(i / 2) };
        MUST(run_create(tx, &by, &run, r->ids[i], err));
    }
    return 0;
}

/* Both runs of a pair get the same in one commit. */
static int change_pair(struct tx *tx, void *arg, struct err *err)
{
    struct race *r = arg;
    unsigned k = r->turn * 7 % PAIRS;
    for (unsigned i = 2 * k; i <= 2 * k + 1; i++) {
        struct metric_point p = { r->turn * 31 % 100, r->turn, r->turn };
        if (r->turn % 5 == 0)
            IGNORE(run_delete(tx, &by, r->ids[i], err));
        else if (r->turn % 5 == 1)
            IGNORE(run_restore(tx, &by, r->ids[i], err));
        else
            MUST(metric_append(tx, r->ids[i], "x", &p, 1, err));
    }
    return 0;
}

static int read_pairs(struct tx *tx, void *arg, struct err *err)
{
    struct race *r = arg;
    const int64_t experiments[] = { 0, 1 };
    const char *order = "metrics.x DESC";
    char filter[64];
    struct arena a;
    struct page p;
    arena_init(&a, 1 << 24);
    (void)snprintf(filter, sizeof filter, "metrics.x >= %u",
                   (unsigned)(counter_next(&r->reads) * 13 % 100));
    MUST(ask(tx, &a,
             (struct run_query){ .experiment_ids = experiments,
                                 .experiment_n = r->experiment_n,
                                 .filter = filter,
                                 .order_by = &order,
                                 .order_n = 1,
                                 .ids_only = 1 },
             1, &p, err));
    for (size_t i = 0; i < p.n; i++) {
        size_t both = 0;
        for (size_t k = 0; k < p.n; k++)
            both += p.list[k].start_time_ms == p.list[i].start_time_ms;
        CHECK_INT(both, 2);
    }
    arena_fini(&a);
    return 0;
}

static void *reader(void *arg)
{
    struct race *r = arg;
    while (!flag_is_up(&r->over))
        CHECK_OK(store_read(r->s, read_pairs, r, err));
    return NULL;
}

static void race_of(size_t experiment_n)
{
    struct race r = { .s = opened(), .experiment_n = experiment_n };
    pthread_t threads[3];
    CHECK_OK(store_write(r.s, make_pairs, &r, err));
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        CHECK_OK(thread_start(&threads[i], "reader", reader, &r, err));
    for (r.turn = 0; r.turn < COMMITS; r.turn++)
        CHECK_OK(store_write(r.s, change_pair, &r, err));
    flag_raise(&r.over);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        thread_join(threads[i]);
    CHECK(counter_get(&r.reads) > 10);
    store_close(r.s);
}

TEST(listing_readers_see_whole_commits)
{
    race_of(1);
}

TEST(listing_readers_see_whole_commits_of_several_experiments)
{
    race_of(2);
}

/* ---- what a page costs ---- */

static int make_many(struct tx *tx, void *arg, struct err *err)
{
    char(*ids)[HEX32_TEXT] = arg;
    for (int i = 0; i < 300; i++) {
        struct metric_point p = { i, 1, 1 };
        MUST(run_create(tx, &by, &(struct run_new){ .start_time_ms = i }, ids[i], err));
        MUST(metric_append(tx, ids[i], "x", &p, 1, err));
        MUST(run_param_append(tx, ids[i], &(struct track_pair){ "p", "v" }, err));
    }
    return 0;
}

static int log_one(struct tx *tx, void *arg, struct err *err)
{
    return metric_append(tx, arg, "x", &(struct metric_point){ 1e6, 2, 2 }, 1, err);
}

/* Statements' steps of one search over the API; the answer begins with the run `first`, whose
 * metric is `value`. */
static uint64_t steps_of_search(struct app *app, const char *first, const char *value)
{
    struct pair header = { STR("content-type"), STR("application/json") };
    struct request rq;
    uint64_t before = store_steps(app->store);
    char want[128];
    request_init(&rq);
    rq.app = app;
    rq.method = STR("POST");
    rq.headers = &header;
    rq.headers_n = 1;
    rq.body = STR("{\"experiment_ids\":[\"0\"],\"filter\":\"metrics.x >= 100 and params.p = 'v'\","
                  "\"order_by\":[\"metrics.x DESC\"],\"max_results\":100}");
    CHECK_OK(mlf_run_search(&rq, err));
    (void)snprintf(want, sizeof want, "\"run_uuid\": \"%s\"", first);
    const char *at = strstr(rq.out.p, "\"run_uuid\"");
    CHECK(at && strncmp(at, want, strlen(want)) == 0);
    (void)snprintf(want, sizeof want, "\"value\": %s,", value);
    at = strstr(rq.out.p, "\"value\":");
    CHECK(at && strncmp(at, want, strlen(want)) == 0);
    CHECK(strstr(rq.out.p, "\"next_page_token\""));
    request_fini(&rq);
    return store_steps(app->store) - before;
}

TEST(listing_a_page_of_known_runs_asks_nothing_of_them)
{
    static char ids[300][HEX32_TEXT];
    struct app app = { .magic = APP_MAGIC, .store = opened() };
    CHECK_OK(store_write(app.store, make_many, ids, err));
    CHECK(steps_of_search(&app, ids[299], "299.0") > 300);
    uint64_t again = steps_of_search(&app, ids[299], "299.0");
    CHECK(again >= 1 && again <= 2); /* the snapshot */
    /* One run changed: it alone is read again, twice by column and once whole. */
    CHECK_OK(store_write(app.store, log_one, ids[207], err));
    CHECK(steps_of_search(&app, ids[207], "1000000.0") <= 24);
    CHECK_INT(steps_of_search(&app, ids[207], "1000000.0"), again);
    store_close(app.store);
}

/* ---- runs as written ---- */

static char *answer(struct app *app, int (*handler)(struct request *, struct err *), const char *id)
{
    struct pair header = { STR("content-type"), STR("application/json") };
    struct pair query = { STR("run_id"), str_of(id) };
    struct request rq;
    request_init(&rq);
    rq.app = app;
    rq.method = handler == mlf_run_get ? STR("GET") : STR("POST");
    rq.query = &query;
    rq.query_n = 1;
    rq.headers = &header;
    rq.headers_n = 1;
    rq.body = STR("{\"experiment_ids\":[\"0\"],\"max_results\":300}");
    CHECK_OK(handler(&rq, err));
    CHECK(rq.status == 0 && !strstr(rq.out.p, "error_code"));
    char *text = strdup(rq.out.p);
    request_fini(&rq);
    return text;
}

static int tag_lines(struct tx *tx, void *arg, struct err *err)
{
    char(*ids)[HEX32_TEXT] = arg;
    for (int i = 0; i < 300; i += 7)
        MUST(run_tag_append(tx, &by, ids[i], &(struct track_pair){ "note", "two\n  lines \"q\"" },
                            err));
    return 0;
}

TEST(listing_known_runs_are_written_as_unknown_ones)
{
    static char ids[300][HEX32_TEXT];
    struct app app = { .magic = APP_MAGIC, .store = opened() };
    CHECK_OK(store_write(app.store, make_many, ids, err));
    for (int round = 0; round < 2; round++) {
        char *get = answer(&app, mlf_run_get, ids[7]), *again = answer(&app, mlf_run_get, ids[7]);
        char *page = answer(&app, mlf_run_search, ids[7]); /* one of it is kept from above */
        char *twice = answer(&app, mlf_run_search, ids[7]);
        char *last = answer(&app, mlf_run_get, ids[8]), *same = answer(&app, mlf_run_get, ids[8]);
        uint64_t steps = store_steps(app.store);
        CHECK_STR(again, get);
        CHECK_STR(twice, page);
        CHECK_STR(same, last);
        CHECK(strstr(get, "\n  \"run\": {\n    \"info\": {\n      \"run_uuid\""));
        CHECK(strstr(page, "\n    {\n      \"info\": {\n        \"run_uuid\""));
        free(answer(&app, mlf_run_get, ids[9]));
        CHECK_INT(store_steps(app.store), steps);
        CHECK(round == 0 || strstr(get, "two\\n  lines \\\"q\\\""));
        free(get), free(again), free(page), free(twice), free(last), free(same);
        CHECK_OK(store_write(app.store, tag_lines, ids, err)); /* changes ids[7] */
    }
    store_close(app.store);
}
