/* SPDX-License-Identifier: Apache-2.0
 * Writing with group commit, the pool of read connections, opening and closing.
 *
 * A write that finds nobody writing runs in its caller's thread, which saves two changes of thread;
 * those that come meanwhile wait for the writer thread, which takes all of them as one batch.
 *
 * A batch: BEGIN IMMEDIATE, then each request between SAVEPOINT and RELEASE (or ROLLBACK TO), then
 * one synced COMMIT; only then are hooks called and waiters woken. When SQLite gives up the whole
 * transaction (disk full, I/O error) every request of the batch hears so. */
#include "store/store_int.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"

SQL(store_snapshot, "SELECT number FROM schema_migrations WHERE number = 0");

/* ---- one batch, on the writer thread ---- */

/* alone: nobody else can be in this transaction, so that its ROLLBACK is the request's. */
static void run_request(struct store *s, struct write *w, int alone)
{
    struct conn *c = s->writer;
    w->tx = (struct tx){ .store = s, .conn = c, .now_ms = clock_now_ms() };
    w->rc = alone ? 0 : conn__control(c, CONN_SAVEPOINT, w->err);
    if (w->rc)
        return;
    w->rc = w->fn(&w->tx, w->arg, w->err);
    ASSERT(c->open_n == 0);
    ASSERT(w->rc <= 0);
    if (alone || sqlite3_get_autocommit(c->db))
        return; /* SQLite rolled everything back */
    if (!w->rc)
        w->rc = conn__control(c, CONN_RELEASE, w->err);
    else if (conn__control(c, CONN_ROLLBACK_TO, NULL) || conn__control(c, CONN_RELEASE, NULL))
        IGNORE(conn__control(c, CONN_ROLLBACK, NULL)); /* half a request must not be committed */
}

/* The batch could not be kept: whoever thought to have succeeded hears why. */
static void fail_batch(struct write *first, const struct write *end, int code,
                       const struct err *why)
{
    for (struct write *w = first; w != end; w = w->next) {
        if (w->rc)
            continue;
        w->rc = code;
        if (w->err)
            *w->err = *why;
    }
}

/* Runs requests from `first` on; returns the first one not taken. */
static struct write *run_batch(struct store *s, struct write *first)
{
    struct conn *c = s->writer;
    struct err why = ERR_INIT;
    struct write *w = first, *end = first;
    int64_t started = clock_mono_ns();
    int alone = !first->next;
    int rc = conn__control(c, CONN_BEGIN, &why);
    changes__begin(&s->changes);
    if (rc) {
        for (int n = 0; end && n < STORE_BATCH_MAX; n++, end = end->next)
            end->rc = 0;
        fail_batch(first, end, rc, &why);
        return end;
    }
    for (int n = 0; w && n < STORE_BATCH_MAX; n++) {
        run_request(s, w, alone);
        if (sqlite3_get_autocommit(c->db)) {
            struct err lost = ERR_INIT;
            rc = ERR(&lost, w->rc ? w->rc : ERR_INTERNAL, "%s",
                     w->err && w->err->msg[0] ? w->err->msg
                                              : "the database gave up the transaction");
            fail_batch(first, w->next, rc, &lost);
            return w->next;
        }
        w = w->next;
        if (clock_mono_ns() - started > (int64_t)STORE_BATCH_MS * 1000000)
            break;
    }
    rc = conn__control(c, alone && first->rc ? CONN_ROLLBACK : CONN_COMMIT, &why);
    if (rc) {
        if (!sqlite3_get_autocommit(c->db))
            IGNORE(conn__control(c, CONN_ROLLBACK, NULL));
        fail_batch(first, w, rc, &why);
    }
    return w;
}

static void finish_batch(struct write *first, const struct write *end)
{
    for (struct write *w = first; w != end; w = w->next) {
        for (size_t i = 0; !w->rc && i < w->tx.hook_n; i++)
            w->tx.hooks[i].fn(w->tx.hooks[i].arg);
        mem_free(w->tx.hooks);
    }
    for (struct write *w = first; w != end;) {
        struct write *next = w->next; /* w is its owner's again */
        baton_pass(&w->done);
        w = next;
    }
}

/* The caller has made itself busy. */
static void run_all(struct store *s, struct write *list)
{
    while (list) {
        struct write *end = run_batch(s, list);
        changes__end(&s->changes);
        finish_batch(list, end);
        checkpoint__consider(s);
        list = end;
    }
}

static void *writer_main(void *arg)
{
    struct store *s = arg;
    lock_take(&s->queue_lock);
    for (;;) {
        while (s->busy || (!s->first && !s->closing))
            cond_wait(&s->queue_filled, &s->queue_lock);
        if (!s->first)
            break;
        struct write *list = s->first;
        s->first = s->last = NULL;
        s->busy = 1;
        lock_drop(&s->queue_lock);
        run_all(s, list);
        lock_take(&s->queue_lock);
        s->busy = 0;
    }
    lock_drop(&s->queue_lock);
    return NULL;
}

/* 1: nobody writes and nobody waits, the caller is busy now. 0: w is in the queue. */
static int enter(struct store *s, struct write *w)
{
    lock_take(&s->queue_lock);
    ASSERT(!s->closing);
    int mine = !s->busy && !s->first, wake = !mine && !s->busy;
    if (mine)
        s->busy = 1;
    else if (s->last)
        s->last->next = w;
    else
        s->first = w;
    if (!mine)
        s->last = w;
    lock_drop(&s->queue_lock);
    if (wake)
        cond_signal(&s->queue_filled);
    return mine;
}

static void leave(struct store *s)
{
    lock_take(&s->queue_lock);
    s->busy = 0;
    int wake = s->first || s->closing;
    lock_drop(&s->queue_lock);
    if (wake)
        cond_signal(&s->queue_filled);
}

int store_write(struct store *s, store_fn fn, void *arg, struct err *err)
{
    static _Thread_local int inside;
    struct err local = ERR_INIT;
    struct write w = { .fn = fn, .arg = arg, .err = err ? err : &local };
    if (s->read_only)
        return ERR(err, ERR_READ_ONLY, "database '%s' is open for reading only", s->path);
    ASSERT(!inside && !pthread_equal(pthread_self(), s->thread));
    baton_init(&w.done);
    if (enter(s, &w)) {
        inside = 1;
        run_all(s, &w);
        inside = 0;
        leave(s);
    } else {
        baton_wait(&w.done);
    }
    baton_fini(&w.done);
    return w.rc;
}

void tx_after_commit(struct tx *tx, void (*fn)(void *arg), void *arg)
{
    for (size_t i = 0; i < tx->hook_n; i++)
        if (tx->hooks[i].fn == fn && tx->hooks[i].arg == arg)
            return;
    if (tx->hook_n == tx->hook_cap) {
        tx->hook_cap = tx->hook_cap ? 2 * tx->hook_cap : 4;
        tx->hooks = mem_try_realloc(tx->hooks, tx->hook_cap, sizeof *tx->hooks);
        AN(tx->hooks);
    }
    tx->hooks[tx->hook_n++] = (struct hook){ fn, arg };
}

int64_t tx_now_ms(const struct tx *tx)
{
    return tx->now_ms;
}

/* ---- readers ---- */

static int reader_take(struct store *s, struct conn **out, struct err *err)
{
    lock_take(&s->pool_lock);
    while (s->idle_n == 0 && s->reader_n == STORE_READERS_MAX)
        cond_wait(&s->pool_freed, &s->pool_lock);
    if (s->idle_n > 0) {
        *out = s->idle[--s->idle_n];
        lock_drop(&s->pool_lock);
        return 0;
    }
    s->reader_n++;
    lock_drop(&s->pool_lock);
    int rc = conn__open(out, s->path, s->read_only ? CONN_READ_ONLY : CONN_READER, err);
    if (rc) {
        lock_take(&s->pool_lock);
        s->reader_n--;
        cond_signal(&s->pool_freed);
        lock_drop(&s->pool_lock);
    }
    return rc;
}

static void reader_give(struct store *s, struct conn *c)
{
    lock_take(&s->pool_lock);
    s->idle[s->idle_n++] = c;
    s->steps += c->steps;
    c->steps = 0;
    cond_signal(&s->pool_freed);
    lock_drop(&s->pool_lock);
}

/* The number is read before the snapshot is taken: the snapshot has at least these commits. */
static uint64_t seen_now(const struct store *s)
{
    return flag_is_up(&s->claimed) ? (uint64_t)gauge_get_ordered(&s->changes.done) : 0;
}

void store_claim(struct store *s)
{
    ASSERT(!s->read_only);
    flag_raise(&s->claimed);
}

int tx_renew(struct tx *tx, struct err *err)
{
    struct conn *c = tx->conn;
    ASSERT(c->open_n == 0 && !c->changes);
    int rc = conn__control(c, CONN_COMMIT, err);
    if (rc)
        return rc;
    tx->seen = seen_now(tx->store);
    rc = conn__control(c, CONN_BEGIN_READ, err);
    if (rc)
        return rc;
    AUTO(stmt_auto) struct stmt *st = NULL; /* the snapshot is taken by the first question */
    rc = stmt_open(tx, &store_snapshot, &st, err);
    if (!rc)
        rc = stmt_step(st, err);
    return MIN(rc, 0);
}

int store_read(struct store *s, store_fn fn, void *arg, struct err *err)
{
    struct conn *c;
    int rc = reader_take(s, &c, err);
    if (rc)
        return rc;
    struct tx tx = { .store = s, .conn = c, .now_ms = clock_now_ms(), .seen = seen_now(s) };
    c->deadline_ns = clock_mono_ns() + (int64_t)STORE_READ_MS * 1000000;
    rc = conn__control(c, CONN_BEGIN_READ, err);
    if (!rc) {
        rc = fn(&tx, arg, err);
        ASSERT(c->open_n == 0);
        ASSERT(tx.hook_n == 0);
        c->deadline_ns = 0;
        if (!sqlite3_get_autocommit(c->db))
            IGNORE(conn__control(c, CONN_COMMIT, NULL));
    }
    c->deadline_ns = 0;
    reader_give(s, c);
    return rc;
}

uint64_t store_steps(struct store *s)
{
    lock_take(&s->pool_lock);
    uint64_t n = s->steps;
    lock_drop(&s->pool_lock);
    return n;
}

/* ---- opening and closing ---- */

static int check_file(const struct store_options *o, struct err *err)
{
    struct fs_info info;
    if (!fs_exists(o->path)) {
        if (o->create && !o->read_only)
            return 0;
        return ERR(err, ERR_NOT_FOUND,
                   "no database at '%s'; 'slipway init' or 'slipway server' makes one", o->path);
    }
    int rc = fs_stat(o->path, &info, err);
    if (!rc && !info.is_file)
        rc = ERR(err, ERR_INVALID, "'%s' is not a file", o->path);
    return rc;
}

static int open_connections(struct store *s, struct err *err)
{
    if (s->read_only) {
        struct conn *c;
        int rc = conn__open(&c, s->path, CONN_READ_ONLY, err);
        if (rc)
            return rc;
        s->idle[s->idle_n++] = c;
        s->reader_n = 1;
        return migrate__up(s, c, 1, err);
    }
    int rc = conn__open(&s->writer, s->path, CONN_WRITER, err);
    if (!rc)
        rc = migrate__up(s, s->writer, 0, err);
    if (!rc)
        s->writer->changes = &s->changes;
    if (!rc)
        rc = checkpoint__start(s, err);
    if (!rc)
        rc = thread_start(&s->thread, "store-writer", writer_main, s, err);
    s->thread_started = !rc;
    return rc;
}

/* SQLite's allocation statistics cost a global lock a call; nobody reads them. */
static void configure_once(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

int store_open(struct store **out, const struct store_options *options, struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, configure_once);
    int rc = check_file(options, err);
    if (rc)
        return rc;
    struct store *s = mem_alloc(sizeof *s);
    s->path = mem_strdup(options->path);
    s->read_only = options->read_only;
    lock_init(&s->queue_lock, "store queue", STORE_QUEUE_RANK);
    cond_init(&s->queue_filled);
    lock_init(&s->log_lock, "store log", STORE_LOG_RANK);
    cond_init(&s->log_wake);
    lock_init(&s->pool_lock, "store readers", STORE_POOL_RANK);
    cond_init(&s->pool_freed);
    lock_init(&s->changes.lock, "store changes", STORE_CHANGES_RANK);
    lock_init(&s->caches_lock, "store caches", STORE_CACHES_RANK);
    gauge_set(&s->changes.done, 1);
    rc = open_connections(s, err);
    if (rc) {
        store_close(s);
        return rc;
    }
    *out = s;
    return 0;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    if (s->thread_started) {
        lock_take(&s->queue_lock);
        s->closing = 1;
        cond_signal(&s->queue_filled);
        lock_drop(&s->queue_lock);
        thread_join(s->thread);
    }
    checkpoint__stop(s);
    ASSERT(s->idle_n == s->reader_n);
    while (s->idle_n > 0)
        conn__close(s->idle[--s->idle_n]);
    conn__close(s->writer);
    store__drop_caches(s);
    lock_fini(&s->caches_lock);
    lock_fini(&s->changes.lock);
    cond_fini(&s->log_wake);
    lock_fini(&s->log_lock);
    cond_fini(&s->pool_freed);
    lock_fini(&s->pool_lock);
    cond_fini(&s->queue_filled);
    lock_fini(&s->queue_lock);
    mem_free(s->path);
    mem_free(s);
}

/* ---- deep check, for `slipway doctor` ---- */

int store_check(struct store *s, struct arena *a, char **out_first_problem, struct err *err)
{
    struct conn *c;
    sqlite3_stmt *st = NULL;
    int rc = reader_take(s, &c, err);
    if (rc)
        return rc;
    rc = sqlite3_prepare_v2(c->db, "PRAGMA integrity_check(1)", -1, &st, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(st, 0);
        *out_first_problem = text && strcmp(text, "ok") != 0 ? arena_strdup(a, text) : NULL;
        rc = 0;
    } else {
        rc = conn__error(c, rc, "integrity check", err);
    }
    (void)sqlite3_finalize(st);
    reader_give(s, c);
    return rc;
}
