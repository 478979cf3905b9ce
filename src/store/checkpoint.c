/* SPDX-License-Identifier: Apache-2.0
 * Moving the write-ahead log into the database, off the way of requests. SQLite would do it inside
 * the commit that fills the log, which then takes as long as a hundred others. Here a thread with a
 * connection of its own copies and syncs while the writer goes on; when little is left, the writer
 * copies the rest between two batches, so that the next one starts the log anew. */
#include "store/store_int.h"

enum {
    ASK_PAGES = 1000,   /* not moved yet: the thread is woken */
    CLOSE_PAGES = 4000, /* log this long: the thread is woken more often, then the writer ends it */
    LEFT_PAGES = 128,   /* so much more, before the thread is woken again */
    LONG_PAGES = 16000, /* log this long: the writer moves all of it; 64 MiB */
};

static int on_commit(void *arg, sqlite3 *db, const char *name, int pages)
{
    struct store *s = arg;
    (void)db;
    (void)name;
    s->log_pages = pages;
    return SQLITE_OK;
}

/* What cannot be moved, because the disk is full or a reader needs it, stays in the log; the next
 * pass tries again, and a commit that finds no room says so. Returns the pages that are moved. */
static int move(sqlite3 *db)
{
    int all = 0, moved = 0;
    int rc = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, &all, &moved);
    return rc == SQLITE_OK && moved > 0 ? moved : 0;
}

static void *checkpoint_main(void *arg)
{
    struct store *s = arg;
    struct conn *c = NULL;
    lock_take(&s->log_lock);
    for (;;) {
        while (!s->log_wanted && !s->log_stop)
            cond_wait(&s->log_wake, &s->log_lock);
        if (s->log_stop)
            break;
        lock_drop(&s->log_lock);
        int moved = !c && conn__open(&c, s->path, CONN_CHECKPOINT, NULL) ? 0 : move(c->db);
        lock_take(&s->log_lock);
        s->log_moved = moved;
        s->log_wanted = 0;
    }
    lock_drop(&s->log_lock);
    conn__close(c);
    return NULL;
}

int checkpoint__start(struct store *s, struct err *err)
{
    (void)sqlite3_wal_hook(s->writer->db, on_commit, s); /* in place of SQLite's own */
    int rc = thread_start(&s->log_thread, "store-log", checkpoint_main, s, err);
    s->log_thread_started = !rc;
    return rc;
}

void checkpoint__stop(struct store *s)
{
    if (!s->log_thread_started)
        return;
    lock_take(&s->log_lock);
    s->log_stop = 1;
    cond_signal(&s->log_wake);
    lock_drop(&s->log_lock);
    thread_join(s->log_thread);
}

void checkpoint__consider(struct store *s)
{
    int pages = s->log_pages, due = 0;
    if (pages < s->log_tried) /* the log was started anew */
        s->log_tried = 0;
    if (pages - s->log_tried < (pages < CLOSE_PAGES ? ASK_PAGES : LEFT_PAGES))
        return;
    lock_take(&s->log_lock);
    int busy = s->log_wanted;
    if (!busy) {
        int left = pages - MIN(s->log_moved, pages);
        due = pages >= LONG_PAGES || (pages >= CLOSE_PAGES && left <= pages / 16);
        s->log_wanted = !due;
        s->log_moved = 0;
        s->log_tried = pages;
        if (!due)
            cond_signal(&s->log_wake);
    }
    lock_drop(&s->log_lock);
    if (due)
        (void)move(s->writer->db);
}
