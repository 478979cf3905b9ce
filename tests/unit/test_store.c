/* SPDX-License-Identifier: Apache-2.0
 * The store: what an acknowledged write means, isolation of requests in a batch, errors by name. */
#include "test.h"

#include <sqlite3.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/fs.h"
#include "base/thread.h"
#include "event/event.h"
#include "store/store.h"

MIGRATION(
    900001, "test",
    "CREATE TABLE test_rows (k TEXT NOT NULL PRIMARY KEY, v BIGINT, d DOUBLE PRECISION, b BYTEA)");
SQL(test_put, "INSERT INTO test_rows (k, v, d, b) VALUES ($1, $2, $3, $4)");
SQL(test_get, "SELECT v, d, b, k FROM test_rows WHERE k = $1");
SQL(test_count, "SELECT COUNT(*) FROM test_rows");

#define KEY(text) ((void *)(uintptr_t)(text))

static const char *db_path(void)
{
    static char path[512];
    (void)snprintf(path, sizeof path, "%s/slipway.db", test_tmpdir());
    return path;
}

static struct store *open_store(void)
{
    struct store *s = NULL;
    CHECK_OK(store_open(&s, &(struct store_options){ .path = db_path(), .create = 1 }, err));
    return s;
}

static int put_row(struct tx *tx, void *arg, struct err *err)
{
    return tx_exec(tx, &test_put, NULL, err, "tidn", arg, (int64_t)7, 0.5);
}

static int put_then_fail(struct tx *tx, void *arg, struct err *err)
{
    int rc = put_row(tx, arg, err);
    return rc ? rc : ERR(err, ERR_CONFLICT, "changed my mind about '%s'", (const char *)arg);
}

static int count_rows(struct tx *tx, void *arg, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &test_count, &st, err);
    if (!rc && (rc = stmt_step(st, err)) == 1) {
        *(int64_t *)arg = stmt_get_int(st, 0);
        rc = 0;
    }
    return rc;
}

static int64_t rows(struct store *s)
{
    int64_t n = -1;
    CHECK_OK(store_read(s, count_rows, &n, err));
    return n;
}

static int round_trip(struct tx *tx, void *arg, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    struct arena *a = arg;
    CHECK_INT(tx_exec(tx, &test_put, NULL, err, "tidb", "x", INT64_MIN, (double)NAN,
                      ((str_t){ "a\0b", 3 })),
              0);
    int rc = stmt_open(tx, &test_get, &st, err);
    CHECK_INT(rc, 0);
    stmt_text(st, 1, "x");
    CHECK_INT(stmt_step(st, err), 1);
    CHECK(stmt_get_int(st, 0) == INT64_MIN);
    CHECK(stmt_is_null(st, 1) && isnan(stmt_get_double(st, 1)));
    str_t b = stmt_get_blob(st, 2, a);
    CHECK_INT(b.n, 3);
    CHECK_INT(b.p[1], 0);
    CHECK_STR(stmt_get_text(st, 3, a), "x");
    struct stmt *second = NULL; /* the same statement while the first is open */
    CHECK_INT(stmt_open(tx, &test_get, &second, err), 0);
    CHECK(second != st);
    stmt_close(second);
    return 0;
}

TEST(store_values_round_trip)
{
    struct arena a;
    arena_init(&a, 1 << 20);
    struct store *s = open_store();
    CHECK_OK(store_write(s, round_trip, &a, err));
    store_close(s);
    s = open_store(); /* migrations are applied once */
    CHECK_INT(rows(s), 1);
    store_close(s);
    arena_fini(&a);
}

TEST(store_failed_request_rolls_back_alone)
{
    struct store *s = open_store();
    struct err e = ERR_INIT;
    CHECK_OK(store_write(s, put_row, KEY("a"), err));
    CHECK_INT(store_write(s, put_then_fail, KEY("b"), &e), ERR_CONFLICT);
    CHECK_STR(e.msg, "changed my mind about 'b'");
    CHECK_INT(store_write(s, put_row, KEY("a"), &e), ERR_EXISTS);
    CHECK_INT(store_write(s, put_row, NULL, &e), ERR_CONFLICT); /* NOT NULL */
    CHECK_INT(rows(s), 1);
    store_close(s);
}

enum { THREADS = 8, EACH = 60 };

struct job {
    struct store *s;
    int number;
    int failed;
};

static void *hammer(void *arg)
{
    struct job *j = arg;
    for (int i = 0; i < EACH; i++) {
        char key[32];
        struct err e = ERR_INIT;
        (void)snprintf(key, sizeof key, "%d-%d", j->number, i);
        int rc = store_write(j->s, i % 3 == 2 ? put_then_fail : put_row, key, &e);
        if (rc != (i % 3 == 2 ? ERR_CONFLICT : 0))
            j->failed++;
        int64_t n = 0;
        if (i % 10 == 0 && (store_read(j->s, count_rows, &n, &e) != 0 || n < i / 3 * 2))
            j->failed++;
    }
    return NULL;
}

TEST(store_many_threads)
{
    struct store *s = open_store();
    struct job jobs[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        jobs[i] = (struct job){ .s = s, .number = i };
        CHECK_OK(thread_start(&threads[i], "hammer", hammer, &jobs[i], err));
    }
    for (int i = 0; i < THREADS; i++) {
        thread_join(threads[i]);
        CHECK_INT(jobs[i].failed, 0);
    }
    CHECK_INT(rows(s), THREADS * EACH / 3 * 2);
    store_close(s);
}

/* ---- events ---- */

static int add_event(struct tx *tx, void *arg, struct err *err)
{
    return event_add(
        tx,
        &(struct event){
            .kind = arg, .subject = "model/m:1", .after = "{\"v\":1}", .reason = "why" },
        err);
}

static int add_event_and_fail(struct tx *tx, void *arg, struct err *err)
{
    int rc = add_event(tx, arg, err);
    return rc ? rc : ERR(err, ERR_FAILED, "no");
}

struct listing {
    struct arena a;
    struct event_query q;
    struct event *events;
    size_t n;
};

static int list_events(struct tx *tx, void *arg, struct err *err)
{
    struct listing *l = arg;
    return event_list(tx, &l->a, &l->q, &l->events, &l->n, err);
}

static int64_t heard_seq;
static int heard_n;

static void hear(void *arg, int64_t seq)
{
    (void)arg;
    heard_n++;
    heard_seq = seq;
}

TEST(event_same_transaction_and_gap_free)
{
    struct store *s = open_store();
    struct listing l = { .q = { .newest_first = 1, .limit = 10 } };
    arena_init(&l.a, 1 << 20);
    event_listen(hear, NULL);
    CHECK_OK(store_write(s, add_event, KEY("a.one"), err));
    CHECK_INT(store_write(s, add_event_and_fail, KEY("a.two"), NULL), ERR_FAILED);
    CHECK_INT(heard_n, 1);
    CHECK_OK(store_write(s, add_event, KEY("b.three"), err));
    CHECK_INT(heard_n, 2);
    CHECK_INT(heard_seq, 2);
    event_unlisten(hear, NULL);
    CHECK_OK(store_read(s, list_events, &l, err));
    CHECK_INT(l.n, 2);
    CHECK_STR(l.events[0].kind, "b.three");
    CHECK_INT(l.events[0].seq, 2);
    CHECK_STR(l.events[0].actor, "system");
    CHECK_STR(l.events[1].after, "{\"v\":1}");
    l.q = (struct event_query){ .kind_prefix = "a.", .limit = 10 };
    CHECK_OK(store_read(s, list_events, &l, err));
    CHECK_INT(l.n, 1);
    l.q = (struct event_query){
        .subject = "model/m:1", .newest_first = 1, .before_seq = 2, .limit = 10
    };
    CHECK_OK(store_read(s, list_events, &l, err));
    CHECK_INT(l.n, 1);
    CHECK_STR(l.events[0].reason, "why");
    arena_fini(&l.a);
    store_close(s);
}

static int facts(struct tx *tx, void *arg, struct err *err)
{
    char digest[65] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    struct fact *list;
    size_t n = 0;
    struct fact f = {
        .digest = digest, .name = "gate.rmse", .value = "{\"passed\":true}", .producer = "run:1"
    };
    int rc = fact_add(tx, &f, err);
    f.value = "{oops";
    CHECK_INT(fact_add(tx, &f, NULL), ERR_INVALID);
    f.value = "2";
    f.name = "approval";
    if (!rc)
        rc = fact_add(tx, &f, err);
    if (!rc)
        rc = fact_list(tx, arg, digest, NULL, &list, &n, err);
    CHECK_INT(n, 2);
    CHECK_STR(list[0].name, "approval");
    if (!rc)
        rc = fact_list(tx, arg, digest, "gate.rmse", &list, &n, err);
    CHECK_INT(n, 1);
    return rc;
}

TEST(fact_add_and_list)
{
    struct arena a;
    arena_init(&a, 1 << 20);
    struct store *s = open_store();
    CHECK_OK(store_write(s, facts, &a, err));
    store_close(s);
    arena_fini(&a);
}

/* ---- opening what should not be opened ---- */

static int open_code(int read_only, int create, char msg[480])
{
    struct store *s = NULL;
    struct err e = ERR_INIT;
    int rc = store_open(
        &s, &(struct store_options){ .path = db_path(), .read_only = read_only, .create = create },
        &e);
    memcpy(msg, e.msg, sizeof e.msg);
    store_close(s);
    return rc;
}

static void sql(const char *text)
{
    sqlite3 *db;
    CHECK_INT(sqlite3_open(db_path(), &db), SQLITE_OK);
    CHECK_INT(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(db);
}

TEST(store_absent)
{
    char msg[480];
    CHECK_INT(open_code(1, 0, msg), ERR_NOT_FOUND);
    CHECK_INT(open_code(0, 0, msg), ERR_NOT_FOUND);
    CHECK(strstr(msg, "slipway init"));
}

TEST(store_newer_database)
{
    char msg[480];
    store_close(open_store());
    sql("INSERT INTO schema_migrations VALUES (777777, 'future', 'x', 1)");
    CHECK_INT(open_code(0, 1, msg), ERR_CONFLICT);
    CHECK(strstr(msg, "newer Slipway"));
    CHECK_INT(open_code(1, 0, msg), ERR_CONFLICT);
}

TEST(store_older_database)
{
    char msg[480];
    store_close(open_store());
    sql("DELETE FROM schema_migrations WHERE number = 900001; DROP TABLE test_rows");
    CHECK_INT(open_code(1, 0, msg), ERR_CONFLICT);
    CHECK(strstr(msg, "older Slipway"));
    CHECK_INT(open_code(0, 0, msg), 0);
    CHECK_INT(open_code(1, 0, msg), 0);
}

TEST(store_changed_migration)
{
    char msg[480];
    store_close(open_store());
    sql("UPDATE schema_migrations SET checksum = 'f00' WHERE number = 1");
    CHECK_INT(open_code(0, 1, msg), ERR_CONFLICT);
    CHECK(strstr(msg, "another build"));
}

TEST(store_foreign_database)
{
    char msg[480];
    sql("CREATE TABLE alien (x)");
    CHECK_INT(open_code(0, 1, msg), ERR_CONFLICT);
    CHECK(strstr(msg, "another program"));
}

TEST(store_not_a_database)
{
    char msg[480];
    CHECK_OK(
        fs_write_atomic(db_path(), STR("this is not a database, it is a note about one\n"), err));
    CHECK_INT(open_code(0, 1, msg), ERR_CORRUPT);
    CHECK(strstr(msg, "restore") && strstr(msg, db_path()));
}

TEST(store_read_only_refuses_writes)
{
    struct store *s = NULL;
    struct err e = ERR_INIT;
    store_close(open_store());
    CHECK_OK(store_open(&s, &(struct store_options){ .path = db_path(), .read_only = 1 }, err));
    CHECK_INT(store_write(s, put_row, KEY("a"), &e), ERR_READ_ONLY);
    CHECK_INT(rows(s), 0);
    store_close(s);
}

static int write_in_read(struct tx *tx, void *arg, struct err *err)
{
    return put_row(tx, arg, err);
}

TEST(store_read_cannot_write)
{
    struct store *s = open_store();
    CHECK_INT(store_read(s, write_in_read, KEY("a"), NULL), ERR_READ_ONLY);
    CHECK_INT(rows(s), 0);
    store_close(s);
}

TEST(store_check_finds_damage)
{
    struct arena a;
    struct store *s = open_store();
    char *problem = NULL;
    arena_init(&a, 1 << 20);
    for (int i = 0; i < 300; i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "%d", i);
        CHECK_OK(store_write(s, put_row, key, err));
    }
    CHECK_OK(store_check(s, &a, &problem, err));
    CHECK(!problem);
    store_close(s);
    FILE *f = fopen(db_path(), "r+");
    char junk[4096];
    memset(junk, 0xa5, sizeof junk);
    for (long at = 4096; fseek(f, at, SEEK_SET) == 0 && at < 4096L * 16; at += 4096)
        (void)fwrite(junk, 1, sizeof junk, f);
    (void)fclose(f);
    struct err e = ERR_INIT;
    s = NULL;
    int rc = store_open(&s, &(struct store_options){ .path = db_path() }, &e);
    if (rc == 0) {
        int64_t n;
        rc = store_read(s, count_rows, &n, &e);
    }
    CHECK_INT(rc, ERR_CORRUPT);
    CHECK(strstr(e.msg, "damaged"));
    store_close(s);
    arena_fini(&a);
}

SQL(test_fill, "INSERT INTO test_rows (k, v, b) VALUES ($1, $2, $3)"
               " ON CONFLICT (k) DO UPDATE SET b = excluded.b");

static int fill_row(struct tx *tx, void *arg, struct err *err)
{
    static char block[200000];
    int n = *(int *)arg;
    char key[16];
    (void)snprintf(key, sizeof key, "row %d", n % 7);
    memset(block, n, sizeof block);
    return tx_exec(tx, &test_fill, NULL, err, "tib", key, (int64_t)n,
                   ((str_t){ block, sizeof block }));
}

/* The write-ahead log is moved into the database while writing goes on, and starts anew. */
TEST(log_stays_short)
{
    struct store *s = open_store();
    char wal[600];
    struct fs_info info = { 0 };
    int64_t longest = 0;
    (void)snprintf(wal, sizeof wal, "%s-wal", db_path());
    for (int i = 0; i < 900; i++) { /* 180 MB */
        CHECK_OK(store_write(s, fill_row, &i, err));
        if (fs_stat(wal, &info, NULL) == 0)
            longest = MAX(longest, info.size);
    }
    CHECK(longest > 1 << 20);
    CHECK(longest < 90 << 20);
    CHECK_INT(rows(s), 7);
    store_close(s);
    CHECK(!fs_exists(wal));
}
