/* SPDX-License-Identifier: Apache-2.0
 * Statements: prepared once a connection, bound by position, read by column. A statement is found
 * by its place in the linker section, so the cache is an array. The thread of its transaction. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "store/store_int.h"

extern const struct sql __start_slipway_sql[], __stop_slipway_sql[];

const struct sql *store_statements(size_t *out_n)
{
    *out_n = (size_t)(__stop_slipway_sql - __start_slipway_sql);
    return __start_slipway_sql;
}

/* SQLite numbers "$2" by order of first use, PostgreSQL by its digits: they must agree. */
static void check_parameters(const struct stmt *st)
{
    int n = sqlite3_bind_parameter_count(st->handle);
    for (int i = 1; i <= n; i++) {
        char want[16];
        const char *name = sqlite3_bind_parameter_name(st->handle, i);
        (void)snprintf(want, sizeof want, "$%d", i);
        ASSERT(name && strcmp(name, want) == 0);
    }
}

static int prepare(struct conn *c, const struct sql *sql, struct stmt **out, struct err *err)
{
    sqlite3_stmt *handle = NULL;
    int rc = sqlite3_prepare_v3(c->db, sql->text, -1, SQLITE_PREPARE_PERSISTENT, &handle, NULL);
    if (rc != SQLITE_OK) {
        int code = conn__error(c, rc, sql->name, err);
        return code == ERR_INTERNAL ? err_prefix(err, code, "statement") : code;
    }
    struct stmt *st = mem_alloc(sizeof *st);
    st->handle = handle;
    st->conn = c;
    st->sql = sql;
    check_parameters(st);
    *out = st;
    return 0;
}

int stmt_open(struct tx *tx, const struct sql *sql, struct stmt **out, struct err *err)
{
    struct conn *c = tx->conn;
    size_t n, at;
    const struct sql *all = store_statements(&n);
    ASSERT(sql >= all && sql < all + n);
    at = (size_t)(sql - all);
    struct stmt *st = c->cached[at];
    if (!st || st->in_use) {
        struct stmt *fresh = NULL;
        int rc = prepare(c, sql, &fresh, err);
        if (rc)
            return rc;
        if (!st) {
            fresh->in_cache = 1;
            c->cached[at] = fresh;
        }
        st = fresh;
    }
    st->in_use = 1;
    st->changed[0] = '\0';
    st->bind_rc = SQLITE_OK;
    c->open_n++;
    c->opened_n++;
    *out = st;
    return 0;
}

int64_t tx_statements(const struct tx *tx)
{
    return tx->conn->opened_n;
}

void stmt_close(struct stmt *st)
{
    if (!st)
        return;
    ASSERT(st->in_use);
    st->in_use = 0;
    st->conn->open_n--;
    if (st->in_cache) {
        (void)sqlite3_reset(st->handle);
        (void)sqlite3_clear_bindings(st->handle);
        return;
    }
    (void)sqlite3_finalize(st->handle);
    mem_free(st);
}

void stmt_auto(struct stmt **st)
{
    stmt_close(STEAL(*st));
}

static void bound(struct stmt *st, int rc)
{
    ASSERT(rc != SQLITE_RANGE && rc != SQLITE_MISUSE);
    if (rc != SQLITE_OK && st->bind_rc == SQLITE_OK)
        st->bind_rc = rc;
}

/* Keeps the id that the statement changes; one that does not fit counts as any. */
static void keep_changed(struct stmt *st, str_t id)
{
    size_t n = id.n < STORE_ID_TEXT ? id.n : 0;
    memcpy(st->changed, id.p, n);
    st->changed[n] = '\0';
}

void stmt_text(struct stmt *st, int i, const char *z)
{
    if (i == st->sql->change_key && z)
        keep_changed(st, str_of(z));
    if (z)
        bound(st, sqlite3_bind_text64(st->handle, i, z, strlen(z), SQLITE_TRANSIENT, SQLITE_UTF8));
    else
        stmt_null(st, i);
}

void stmt_text_kept(struct stmt *st, int i, const char *z)
{
    if (i == st->sql->change_key && z)
        keep_changed(st, str_of(z));
    if (z)
        bound(st, sqlite3_bind_text64(st->handle, i, z, strlen(z), SQLITE_STATIC, SQLITE_UTF8));
    else
        stmt_null(st, i);
}

void stmt_str(struct stmt *st, int i, str_t s)
{
    if (i == st->sql->change_key && s.p)
        keep_changed(st, s);
    if (s.p)
        bound(st, sqlite3_bind_text64(st->handle, i, s.p, s.n, SQLITE_TRANSIENT, SQLITE_UTF8));
    else
        stmt_null(st, i);
}

void stmt_int(struct stmt *st, int i, int64_t v)
{
    bound(st, sqlite3_bind_int64(st->handle, i, v));
}

void stmt_double(struct stmt *st, int i, double v)
{
    if (isnan(v))
        stmt_null(st, i);
    else
        bound(st, sqlite3_bind_double(st->handle, i, v));
}

static void bind_blob(struct stmt *st, int i, str_t bytes, sqlite3_destructor_type how)
{
    if (!bytes.p)
        stmt_null(st, i);
    else if (!bytes.n)
        bound(st, sqlite3_bind_zeroblob(st->handle, i, 0));
    else
        bound(st, sqlite3_bind_blob64(st->handle, i, bytes.p, bytes.n, how));
}

void stmt_blob(struct stmt *st, int i, str_t bytes)
{
    bind_blob(st, i, bytes, SQLITE_TRANSIENT);
}

void stmt_blob_kept(struct stmt *st, int i, str_t bytes)
{
    bind_blob(st, i, bytes, SQLITE_STATIC);
}

void stmt_null(struct stmt *st, int i)
{
    bound(st, sqlite3_bind_null(st->handle, i));
}

int stmt_step(struct stmt *st, struct err *err)
{
    st->conn->steps++;
    if (st->sql->change && st->conn->changes)
        changes__of(st);
    int rc = st->bind_rc == SQLITE_OK ? sqlite3_step(st->handle) : st->bind_rc;
    if (rc == SQLITE_ROW)
        return 1;
    if (rc == SQLITE_DONE)
        return 0;
    int code = conn__error(st->conn, rc, st->sql->name, err);
    (void)sqlite3_reset(st->handle);
    return code;
}

int stmt_is_null(const struct stmt *st, int i)
{
    return sqlite3_column_type(st->handle, i) == SQLITE_NULL;
}

int64_t stmt_get_int(const struct stmt *st, int i)
{
    return sqlite3_column_int64(st->handle, i);
}

double stmt_get_double(const struct stmt *st, int i)
{
    return stmt_is_null(st, i) ? (double)NAN : sqlite3_column_double(st->handle, i);
}

char *stmt_get_text(const struct stmt *st, int i, struct arena *a)
{
    const unsigned char *p = sqlite3_column_text(st->handle, i);
    return p ? arena_strndup(a, (const char *)p, (size_t)sqlite3_column_bytes(st->handle, i))
             : NULL;
}

str_t stmt_get_blob(const struct stmt *st, int i, struct arena *a)
{
    const void *p = sqlite3_column_blob(st->handle, i);
    size_t n = (size_t)sqlite3_column_bytes(st->handle, i);
    char *copy = p ? arena_strndup(a, p, n) : NULL;
    return copy ? (str_t){ copy, n } : (str_t){ NULL, 0 };
}

/* Nothing is copied: the arguments outlive the statement's run. */
static void bind_one(struct stmt *st, int i, char type, va_list *ap)
{
    switch (type) {
    case 't': stmt_text_kept(st, i, va_arg(*ap, const char *)); break;
    case 'i': stmt_int(st, i, va_arg(*ap, int64_t)); break;
    case 'd': stmt_double(st, i, va_arg(*ap, double)); break;
    case 'n': stmt_null(st, i); break;
    case 's': stmt_str(st, i, va_arg(*ap, str_t)); break;
    case 'b': stmt_blob_kept(st, i, va_arg(*ap, str_t)); break;
    default: ASSERT(strchr("tidnsb", type) != NULL);
    }
}

int tx_exec(struct tx *tx, const struct sql *sql, int64_t *out_changes, struct err *err,
            const char *types, ...)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    va_list ap;
    int rc = stmt_open(tx, sql, &st, err);
    if (rc)
        return rc;
    ASSERT((int)strlen(types) == sqlite3_bind_parameter_count(st->handle));
    va_start(ap, types);
    for (int i = 0; types[i]; i++)
        bind_one(st, i + 1, types[i], &ap);
    va_end(ap);
    do
        rc = stmt_step(st, err);
    while (rc > 0);
    if (!rc && out_changes)
        *out_changes = sqlite3_changes64(tx->conn->db);
    return rc;
}
