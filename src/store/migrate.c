/* SPDX-License-Identifier: Apache-2.0
 * Migrations: forward only, in order of their numbers, each in one transaction together with the
 * row that records it. A database that knows a number we do not was made by a newer Slipway; one
 * whose recorded checksum differs was made by another source. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "codec/hash.h"
#include "store/store_int.h"

MIGRATION(0, "store",
          "CREATE TABLE IF NOT EXISTS schema_migrations ("
          " number BIGINT NOT NULL PRIMARY KEY,"
          " module TEXT NOT NULL,"
          " checksum TEXT NOT NULL,"
          " applied_ms BIGINT NOT NULL)");

SQL(migration_all, "SELECT number, module, checksum FROM schema_migrations ORDER BY number");
SQL(migration_insert,
    "INSERT INTO schema_migrations (number, module, checksum, applied_ms) VALUES ($1, $2, $3, $4)");

extern const struct migration __start_slipway_migrations[], __stop_slipway_migrations[];

const struct migration *store_migrations(size_t *out_n)
{
    *out_n = (size_t)(__stop_slipway_migrations - __start_slipway_migrations);
    return __start_slipway_migrations;
}

static int by_number(const void *a, const void *b)
{
    const struct migration *const *x = a, *const *y = b;
    return ((*x)->number > (*y)->number) - ((*x)->number < (*y)->number);
}

const struct migration **store_migrations_sorted(struct arena *a, size_t *out_n)
{
    const struct migration *all = store_migrations(out_n);
    const struct migration **sorted = arena_alloc(a, *out_n * sizeof(const struct migration *));
    for (size_t i = 0; i < *out_n; i++)
        sorted[i] = &all[i];
    qsort(sorted, *out_n, sizeof *sorted, by_number);
    for (size_t i = 1; i < *out_n; i++)
        ASSERT(sorted[i]->number != sorted[i - 1]->number);
    return sorted;
}

static const struct migration *find(const struct migration **sorted, size_t n, int64_t number,
                                    size_t *out_at)
{
    for (size_t i = 0; i < n; i++)
        if (sorted[i]->number == number) {
            *out_at = i;
            return sorted[i];
        }
    return NULL;
}

/* Reads what is applied into seen[]; refuses what we cannot stand on. */
static int read_applied(struct tx *tx, const struct migration **sorted, size_t n, char *seen,
                        struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    struct arena a;
    arena_init(&a, 1 << 20);
    int rc = stmt_open(tx, &migration_all, &st, err);
    while (!rc && (rc = stmt_step(st, err)) == 1) {
        int64_t number = stmt_get_int(st, 0);
        size_t at;
        char sum[SHA256_HEX];
        const struct migration *m = find(sorted, n, number, &at);
        if (!m) {
            rc = ERR(err, ERR_CONFLICT,
                     "database '%s' was made by a newer Slipway (migration %lld of '%s', this is "
                     "version %s); use that version or restore an older backup",
                     tx->conn->path, (long long)number, stmt_get_text(st, 1, &a), SLIPWAY_VERSION);
            break;
        }
        sha256_of(str_of(m->text), sum);
        if (strcmp(sum, stmt_get_text(st, 2, &a)) != 0) {
            rc = ERR(err, ERR_CONFLICT,
                     "database '%s' was made by another build of Slipway (migration %lld of '%s' "
                     "differs); use that build or another data folder",
                     tx->conn->path, (long long)number, m->module);
            break;
        }
        seen[at] = 1;
        rc = 0;
    }
    arena_fini(&a);
    return rc;
}

static int record(struct tx *tx, const struct migration *m, struct err *err)
{
    char sum[SHA256_HEX];
    sha256_of(str_of(m->text), sum);
    return tx_exec(tx, &migration_insert, NULL, err, "itti", m->number, m->module, sum,
                   clock_now_ms());
}

/* All that is due, in one transaction a migration, inside one write lock of SQLite each. */
static int apply_one(struct tx *tx, const struct migration *m, struct err *err)
{
    struct conn *c = tx->conn;
    int rc = sqlite3_exec(c->db, m->text, NULL, NULL, NULL);
    if (rc != SQLITE_OK) {
        char what[96];
        (void)snprintf(what, sizeof what, "migration %lld of '%s'", (long long)m->number,
                       m->module);
        return conn__error(c, rc, what, err);
    }
    return record(tx, m, err);
}

/* The first opening: our mark in the file's header and the table that records migrations. */
static int bootstrap(struct tx *tx, const struct migration **sorted, struct err *err)
{
    int rc = conn__run(tx->conn, "BEGIN IMMEDIATE", err);
    if (rc)
        return rc;
    ASSERT(sorted[0]->number == 0);
    rc = conn__run(tx->conn, sorted[0]->text, err);
    if (!rc)
        rc =
            conn__run(tx->conn, "PRAGMA application_id=1397508432", err); /* STORE_APPLICATION_ID */
    if (!rc)
        rc = conn__run(tx->conn, "COMMIT", err);
    if (rc && !sqlite3_get_autocommit(tx->conn->db))
        IGNORE(conn__run(tx->conn, "ROLLBACK", NULL));
    return rc;
}

static int apply_due(struct tx *tx, const struct migration **sorted, size_t n, struct err *err)
{
    for (size_t i = 0; i < n; i++) {
        struct arena a;
        int rc = conn__run(tx->conn, "BEGIN IMMEDIATE", err);
        if (rc)
            return rc;
        arena_init(&a, 1 << 20);
        char *seen = arena_alloc(&a, n);
        rc = read_applied(tx, sorted, n, seen,
                          err); /* again: another process may have been faster */
        if (!rc && !seen[i])
            rc = apply_one(tx, sorted[i], err);
        if (!rc)
            rc = conn__run(tx->conn, "COMMIT", err);
        arena_fini(&a);
        if (rc) {
            if (!sqlite3_get_autocommit(tx->conn->db))
                IGNORE(conn__run(tx->conn, "ROLLBACK", NULL));
            return rc;
        }
    }
    return 0;
}

int migrate__up(struct store *s, struct conn *c, int read_only, struct err *err)
{
    struct tx tx = { .store = s, .conn = c, .now_ms = clock_now_ms() };
    struct arena a;
    size_t n, due = 0;
    arena_init(&a, 1 << 20);
    const struct migration **sorted = store_migrations_sorted(&a, &n);
    char *seen = arena_alloc(&a, n);
    sqlite3_stmt *probe = NULL;
    int rc = 0;
    int fresh =
        sqlite3_prepare_v2(c->db, "SELECT 1 FROM schema_migrations", -1, &probe, NULL) != SQLITE_OK;
    (void)sqlite3_finalize(probe);
    if (fresh && read_only)
        rc = ERR(err, ERR_NOT_FOUND,
                 "'%s' is empty; any writing command or 'slipway server' fills it", c->path);
    else if (fresh)
        rc = bootstrap(&tx, sorted, err);
    if (!rc)
        rc = read_applied(&tx, sorted, n, seen, err);
    for (size_t i = 0; i < n; i++)
        due += !seen[i];
    if (!rc && due && read_only)
        rc = ERR(
            err, ERR_CONFLICT,
            "database '%s' was made by an older Slipway; any writing command or 'slipway server' "
            "brings it up to date",
            c->path);
    else if (!rc && due)
        rc = apply_due(&tx, sorted, n, err);
    arena_fini(&a);
    return rc;
}
