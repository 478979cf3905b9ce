/* SPDX-License-Identifier: Apache-2.0
 * Inside of the store, shared by its own files only: connections with their statement cache, the
 * queue of the writer thread, the pool of readers. */
#pragma once
#include <sqlite3.h>

#include "base/atomic.h"
#include "base/thread.h"
#include "store/store.h"

enum {
    STORE_APPLICATION_ID = 0x534c4950, /* "SLIP" in the header of the database file */
    STORE_READERS_MAX = 16,            /* read connections */
    STORE_BATCH_MAX = 256,             /* requests of one commit */
    STORE_BATCH_MS = 50,               /* no further request starts in a transaction this old */
    STORE_BUSY_MS = 10000,             /* waiting for a foreign writer */
    STORE_READ_MS = 30000,             /* one read snapshot, then ERR_TIMEOUT */
    STORE_QUEUE_RANK = 700,
    STORE_POOL_RANK = 710,
    STORE_LOG_RANK = 715,
    STORE_CHANGES_RANK = 720,
    STORE_CACHES_RANK = 730,
    STORE_NOTES = 1 << 15, /* a power of two */
    STORE_MOVES = 1024,
};

/* What the writer noted; see "changes" in store.h. Numbers of commits begin at 1. */
struct changes {
    gauge_t done;               /* the last commit that ended */
    gauge_t all;                /* the last that changed who knows what */
    gauge_t notes[STORE_NOTES]; /* by hash: the last that changed one of these ids */
    int64_t current;            /* the writer's batch */
    struct lock lock;           /* guards the ring of moves */
    struct {
        int64_t commit;
        char id[STORE_ID_TEXT];
    } moves[STORE_MOVES];
    uint64_t move_n; /* ever; the last STORE_MOVES are kept */
};

/* One connection; used by one thread at a time. */
struct conn {
    sqlite3 *db;
    const char *path;        /* borrowed from the store */
    struct stmt **cached;    /* one slot a registered statement; NULL until first use */
    sqlite3_stmt **control;  /* one slot an enum conn_control; NULL until first use */
    int64_t opened_n;        /* statements handed out so far */
    int open_n;              /* statements handed out; 0 between requests */
    int64_t deadline_ns;     /* of the read in progress; 0 = none */
    struct changes *changes; /* the writer's only */
    uint64_t steps;          /* of statements, not yet added to the store's */
};

struct stmt {
    sqlite3_stmt *handle;
    struct conn *conn;
    const struct sql *sql;
    int in_cache; /* 0: a second use of the same statement at once, finalized when closed */
    int in_use;
    int bind_rc;                 /* first failure of a bind, told by stmt_step */
    char changed[STORE_ID_TEXT]; /* the id that it changes, of the writer's statements */
};

struct hook {
    void (*fn)(void *arg);
    void *arg;
};

struct tx {
    struct store *store;
    struct conn *conn;
    int64_t now_ms;
    uint64_t seen; /* 0 = no caches */
    struct hook *hooks;
    size_t hook_n, hook_cap;
};

/* One waiting store_write, on its caller's stack. */
struct write {
    store_fn fn;
    void *arg;
    struct err *err;
    int rc;
    struct baton done;
    struct write *next;
    struct tx tx;
};

struct store {
    char *path;
    int read_only;
    struct conn *writer;
    pthread_t thread;
    int thread_started;

    struct lock queue_lock; /* guards first, last, busy, closing */
    struct cond queue_filled;
    struct write *first, *last;
    int busy; /* a thread has the writer's connection and what is marked "the writer's" */
    int closing;

    int log_pages;        /* of the write-ahead log after the last commit; the writer's */
    int log_tried;        /* log_pages when moving was last asked for; the writer's */
    struct lock log_lock; /* guards log_wanted, log_moved, log_stop */
    struct cond log_wake;
    int log_wanted, log_stop;
    int log_moved; /* pages that the thread's last pass left in the database */
    pthread_t log_thread;
    int log_thread_started;

    struct lock pool_lock; /* guards idle, idle_n, reader_n, steps */
    struct cond pool_freed;
    uint64_t steps; /* of readers that came back */
    struct conn *idle[STORE_READERS_MAX];
    int idle_n, reader_n;

    flag_t claimed; /* up: nobody else writes */
    struct changes changes;
    struct lock caches_lock; /* guards the two below */
    void *caches[STORE_CACHES];
    void (*cache_drops[STORE_CACHES])(void *cache);
};

/* Control of transactions, prepared once a connection. */
enum conn_control {
    CONN_BEGIN,
    CONN_BEGIN_READ,
    CONN_COMMIT,
    CONN_ROLLBACK,
    CONN_SAVEPOINT,
    CONN_RELEASE,
    CONN_ROLLBACK_TO,
    CONN_CONTROLS
};

enum conn_mode { CONN_WRITER, CONN_READER, CONN_CHECKPOINT, CONN_READ_ONLY };

/* Opens and configures; checks that the file is ours and readable. */
int conn__open(struct conn **out, const char *path, enum conn_mode mode,
               struct err *err) WARN_UNUSED;
void conn__close(struct conn *c);
/* Turns a result code of SQLite into ours, with a message that says what to do. */
int conn__error(const struct conn *c, int sqlite_rc, const char *what, struct err *err);
int conn__control(struct conn *c, enum conn_control which, struct err *err) WARN_UNUSED;
/* A constant statement without parameters or rows. */
int conn__run(struct conn *c, const char *text, struct err *err) WARN_UNUSED;
/* The number of the batch that begins; its notes are made before its commit. */
void changes__begin(struct changes *c);
void changes__end(struct changes *c);
void changes__note(struct changes *c, const char *id, enum store_change change);
/* What a statement of the writer, about to run, changes. */
void changes__of(struct stmt *st);
void store__drop_caches(struct store *s);

/* The thread that moves the write-ahead log into the database; stop waits for its end. */
int checkpoint__start(struct store *s, struct err *err) WARN_UNUSED;
void checkpoint__stop(struct store *s);
/* The writer, between two batches: has the log grown, so that something must be done? */
void checkpoint__consider(struct store *s);
/* Applies what is due (read_only: only checks that nothing is due). */
int migrate__up(struct store *s, struct conn *c, int read_only, struct err *err) WARN_UNUSED;
