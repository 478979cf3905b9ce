/* SPDX-License-Identifier: Apache-2.0
 * The metadata database. Only this folder opens it; statements stand in their modules' *_db.c.
 *
 * One thread at a time writes: the caller's own when nobody else does, else one that takes all
 * waiting requests as a batch: one transaction, a SAVEPOINT each, one synced commit. Both are "the
 * writer" below. store_write returns after that commit, so what it acknowledged survives kill -9. A
 * request that fails rolls back alone. Readers have their own connections and see the last commit
 * (WAL). SQL is written for SQLite and PostgreSQL alike: $1, $2 … in order of first use, ON
 * CONFLICT, RETURNING, no functions that only one has; types BIGINT, TEXT, DOUBLE PRECISION, BYTEA.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"

struct store;
struct tx; /* one request inside the writer's transaction, or one read snapshot */
struct stmt;

/* A statement with its name; registered in the linker section "slipway_sql", so that a test can
 * prepare every one of them against a real PostgreSQL. Use: SQL(run_insert, "INSERT …"); */
struct sql {
    const char *name;
    const char *text;
    const char *file;
    short change;     /* enum store_change */
    short change_key; /* number of the text parameter that says of what */
};
#define SQL__DECLARE(ident, statement, change, key)                                                \
    static const struct sql ident                                                                  \
        __attribute__((used, section("slipway_sql"), aligned(8))) = { #ident, statement, __FILE__, \
                                                                      change, key }
#define SQL(ident, statement) SQL__DECLARE(ident, statement, STORE_CHANGES_NOTHING, 0)

/* Statements that change what caches in memory hold (see "changes" below) say so: of the id that is
 * bound as text parameter `key`; the same and where it is listed; or of who knows what. */
enum store_change { STORE_CHANGES_NOTHING, STORE_CHANGES_ONE, STORE_MOVES_ONE, STORE_CHANGES_ALL };
#define SQL_CHANGES(ident, key, statement) SQL__DECLARE(ident, statement, STORE_CHANGES_ONE, key)
#define SQL_MOVES(ident, key, statement) SQL__DECLARE(ident, statement, STORE_MOVES_ONE, key)
#define SQL_CHANGES_ALL(ident, statement) SQL__DECLARE(ident, statement, STORE_CHANGES_ALL, 0)

/* A forward-only migration: DDL, several statements separated by ';'. Registered likewise; order is
 * by number; numbers are never reused, the text never changes once released (its checksum is kept).
 * Numbers: 0 to 99 store and event (2 and 3 are the first tables of track and registry), 100 track,
 * 200 registry and transfer, 300 rollout, 400 flow; in each hundred any free one. */
struct migration {
    int64_t number;
    const char *module;
    const char *text;
    void *pad;
};
#define MIGRATION(num, mod, ddl)                                                                   \
    static const struct migration migration_##num                                                  \
        __attribute__((used, section("slipway_migrations"), aligned(8))) = { num, mod, ddl, NULL }

struct store_options {
    const char *path; /* of the SQLite file */
    int read_only;    /* no writer thread, no migration; ERR_CONFLICT when a migration is due */
    int create;
};

int store_open(struct store **out, const struct store_options *options,
               struct err *err) WARN_UNUSED;
void store_close(struct store *s); /* NULL allowed; finishes what is queued */

typedef int (*store_fn)(struct tx *tx, void *arg, struct err *err);

/* Runs fn as the writer and returns its code once the commit is on disk. Any thread, but not from
 * inside such an fn. fn must be quick: no files, no network. */
int store_write(struct store *s, store_fn fn, void *arg, struct err *err) WARN_UNUSED;
/* Runs fn in the calling thread on a read connection, in one snapshot. */
int store_read(struct store *s, store_fn fn, void *arg, struct err *err) WARN_UNUSED;

/* ---- statements ---- */
int stmt_open(struct tx *tx, const struct sql *sql, struct stmt **out, struct err *err) WARN_UNUSED;
void stmt_text(struct stmt *st, int i, const char *z); /* 1-based; NULL binds NULL; copied */
void stmt_str(struct stmt *st, int i, str_t s);
void stmt_int(struct stmt *st, int i, int64_t v);
void stmt_double(struct stmt *st, int i, double v); /* NaN binds NULL */
void stmt_blob(struct stmt *st, int i, str_t bytes);
/* Not copied: what they point to stays until stmt_close. */
void stmt_text_kept(struct stmt *st, int i, const char *z);
void stmt_blob_kept(struct stmt *st, int i, str_t bytes);
void stmt_null(struct stmt *st, int i);
int stmt_step(struct stmt *st, struct err *err)
    WARN_UNUSED; /* 1 a row, 0 done, negative an error; unique violations are ERR_EXISTS */
int stmt_is_null(const struct stmt *st, int i); /* 0-based columns */
int64_t stmt_get_int(const struct stmt *st, int i);
double stmt_get_double(const struct stmt *st, int i);               /* NULL gives NaN */
char *stmt_get_text(const struct stmt *st, int i, struct arena *a); /* copy; NULL for NULL */
str_t stmt_get_blob(const struct stmt *st, int i, struct arena *a); /* copy */
void stmt_close(struct stmt *st); /* back to the connection's cache; NULL allowed */
void stmt_auto(struct stmt **st); /* AUTO(stmt_auto) */

/* The common case: bind by a type string ("t" text, "i" int64_t, "d" double, "n" NULL without an
 * argument, "s" str_t, "b" blob str_t), run to the end, rows ignored; *out_changes may be NULL. */
int tx_exec(struct tx *tx, const struct sql *sql, int64_t *out_changes, struct err *err,
            const char *types, ...) WARN_UNUSED;

/* Runs fn(arg) as the writer after this transaction's commit is durable: publishing to
 * listeners. Not called when the request rolls back. */
void tx_after_commit(struct tx *tx, void (*fn)(void *arg), void *arg);
/* Statements that the connection of this transaction ran so far; the difference of two says what
 * the calls between cost. */
int64_t tx_statements(const struct tx *tx);
int64_t tx_now_ms(const struct tx *tx); /* one instant for the whole request */

/* ---- changes: how caches in memory stay exact ----
 *
 * Commits are numbered. The writer notes, before a commit can be seen, which ids it changes. A read
 * transaction knows tx_seen: its snapshot has every commit up to that one, perhaps later ones. What
 * it read about an id while tx_changed(id) <= tx_seen is the state of that id since commit
 * tx_changed(id); it may be kept with tx_seen as its mark, and serves any read transaction for
 * which tx_changed(id) <= MIN(mark, tx_seen). Ids share notes by a hash: too much may seem
 * changed, never too little. Ask tx_changed after the snapshot is taken (tx_renew does that). */

/* From here on nobody writes the database but through this handle, until it is closed: who calls
 * this holds the folder's lock for that long. Without it tx_seen is 0. */
void store_claim(struct store *s);
/* 0: nothing may be kept or taken (a write transaction; a store that others may write). */
uint64_t tx_seen(const struct tx *tx);
uint64_t tx_changed(const struct tx *tx, const char *id);
/* The same by the note's number, which tx_note gives once: for long lists. */
unsigned tx_note(const char *id);
uint64_t tx_note_changed(const struct tx *tx, unsigned note);
/* A read transaction without open statements sees the last commit from here on. */
int tx_renew(struct tx *tx, struct err *err) WARN_UNUSED;
/* Ids that were moved (STORE_MOVES_ONE) by commits after `since`, twice where moved twice: at most
 * max; returns how many, or -1 when there are more or it is not known any more. */
enum { STORE_ID_TEXT = 40 };
int tx_moved(struct tx *tx, uint64_t since, char (*out)[STORE_ID_TEXT], int max);

/* What a module keeps in memory beside the store: made at first use, freed at store_close. slot is
 * one of the numbers below, a module each; NULL when the transaction may use no cache. */
enum { STORE_CACHE_RUNS, STORE_CACHE_RUN_TEXTS, STORE_CACHES };
struct store_cache {
    int slot;
    void *(*make)(void);
    void (*drop)(void *cache);
};
void *tx_cache(struct tx *tx, const struct store_cache *kind);

/* Steps of statements (rows and ends) in read transactions that ended, for tests of how much a
 * request asks. */
uint64_t store_steps(struct store *s);

/* Reads the whole file and checks its structure (slow); NULL in *out_first_problem when sound. */
int store_check(struct store *s, struct arena *a, char **out_first_problem,
                struct err *err) WARN_UNUSED;

/* All registered statements and migrations, for tests. */
const struct sql *store_statements(size_t *out_n);
const struct migration *store_migrations(size_t *out_n);
/* As above in the order in which they are applied; an arena array. */
const struct migration **store_migrations_sorted(struct arena *a, size_t *out_n);
