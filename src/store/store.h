/* SPDX-License-Identifier: Apache-2.0
 * The metadata database. Only this folder opens it; statements stand in their modules' *_db.c.
 *
 * One writer thread takes requests in batches: one transaction, a SAVEPOINT each, one synced
 * commit; store_write returns after that commit, so what it acknowledged survives kill -9. A
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
    void *pad;
};
#define SQL(ident, statement)                                                                      \
    static const struct sql ident                                                                  \
        __attribute__((used, section("slipway_sql"), aligned(8))) = { #ident, statement, __FILE__, \
                                                                      NULL }

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

/* Runs fn on the writer thread and returns its code once the commit is on disk. Any thread but the
 * writer itself. fn must be quick: no files, no network. */
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

/* Runs fn(arg) on the writer thread after this transaction's commit is durable: publishing to
 * listeners. Not called when the request rolls back. */
void tx_after_commit(struct tx *tx, void (*fn)(void *arg), void *arg);
/* Statements that the connection of this transaction ran so far; the difference of two says what
 * the calls between cost. */
int64_t tx_statements(const struct tx *tx);
int64_t tx_now_ms(const struct tx *tx); /* one instant for the whole request */

/* Reads the whole file and checks its structure (slow); NULL in *out_first_problem when sound. */
int store_check(struct store *s, struct arena *a, char **out_first_problem,
                struct err *err) WARN_UNUSED;

/* All registered statements and migrations, for tests. */
const struct sql *store_statements(size_t *out_n);
const struct migration *store_migrations(size_t *out_n);
/* As above in the order in which they are applied; an arena array. */
const struct migration **store_migrations_sorted(struct arena *a, size_t *out_n);
