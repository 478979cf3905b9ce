/* SPDX-License-Identifier: Apache-2.0
 * The driver for MLflow's SQLite file. The file is hostile: it is opened for reading only, views
 * and triggers are not trusted. Runs in the child process. */
#include <sqlite3.h>
#include <stdio.h>

#include "base/limits.h"
#include "transfer/sql.h"

enum { BUSY_MS = 10000 };

static int fail(struct sql_source *s, int rc, const char *what, struct err *err)
{
    int code = (rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB ? ERR_CORRUPT
               : (rc & 0xff) == SQLITE_BUSY                                  ? ERR_UNAVAILABLE
               : (rc & 0xff) == SQLITE_NOMEM                                 ? ERR_NOMEM
               : (rc & 0xff) == SQLITE_TOOBIG                                ? ERR_LIMIT
                                                                             : ERR_INVALID;
    return ERR(err, code, "'%.200s': %s: %.200s%s", s->shown, what, sqlite3_errmsg(s->db),
               code == ERR_CORRUPT ? "; 'sqlite3 FILE .recover' saves what is left" : "");
}

static int lite_has(struct sql_source *s, const char *table, const char *column)
{
    sqlite3_stmt *st = NULL;
    int found = 0;
    const char *text = column ? "SELECT 1 FROM sqlite_master m, pragma_table_xinfo(m.name) c WHERE "
                                "m.type = 'table' AND m.name = ?1 AND c.name = ?2"
                              : "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1";
    if (sqlite3_prepare_v2(s->db, text, -1, &st, NULL) == SQLITE_OK) {
        (void)sqlite3_bind_text(st, 1, table, -1, SQLITE_STATIC);
        if (column)
            (void)sqlite3_bind_text(st, 2, column, -1, SQLITE_STATIC);
        found = sqlite3_step(st) == SQLITE_ROW;
    }
    (void)sqlite3_finalize(st);
    return found;
}

static int lite_open(struct sql_query *q, const char *text, int params, struct err *err)
{
    sqlite3_stmt *st = NULL;
    (void)params;
    int rc = sqlite3_prepare_v2(q->s->db, text, -1, &st, NULL);
    q->handle = st;
    return rc == SQLITE_OK ? 0 : fail(q->s, rc, q->t->name, err);
}

static void lite_bind(struct sql_query *q, int i, str_t v)
{
    (void)sqlite3_bind_text64(q->handle, i, v.p, v.n, SQLITE_TRANSIENT, SQLITE_UTF8);
}

static void lite_row_text(struct sql_query *q, char *out, size_t room)
{
    (void)snprintf(out, room, "%lld", (long long)sqlite3_column_int64(q->handle, 0));
}

static int lite_step(struct sql_query *q, struct err *err)
{
    char what[200];
    int rc = sqlite3_step(q->handle);
    if (rc == SQLITE_ROW)
        return 1;
    if (rc == SQLITE_DONE)
        return 0;
    (void)snprintf(what, sizeof what, "table '%s'", q->t->name);
    return fail(q->s, rc, what, err);
}

static void lite_value(struct sql_query *q, int i, struct wire_field *out)
{
    sqlite3_stmt *st = q->handle;
    switch (sqlite3_column_type(st, i)) {
    case SQLITE_NULL: out->type = 'n'; return;
    case SQLITE_INTEGER:
        out->type = 'i';
        out->i = sqlite3_column_int64(st, i);
        return;
    case SQLITE_FLOAT:
        out->type = 'd';
        out->d = sqlite3_column_double(st, i);
        return;
    case SQLITE_TEXT:
        out->type = 't';
        out->t.p = (const char *)sqlite3_column_text(st, i);
        out->t.n = (size_t)sqlite3_column_bytes(st, i);
        return;
    default: out->type = 'b'; return;
    }
}

static void lite_reset(struct sql_query *q)
{
    (void)sqlite3_reset(q->handle);
}

static void lite_close(struct sql_query *q)
{
    (void)sqlite3_finalize(q->handle);
}

static int lite_number(struct sql_source *s, const char *text, int64_t *out, struct err *err)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(s->db, text, -1, &st, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        *out = sqlite3_column_int64(st, 0);
    (void)sqlite3_finalize(st);
    return rc == SQLITE_ROW ? 0 : fail(s, rc, "its rows cannot be counted", err);
}

static int lite_text(struct sql_source *s, const char *text, char *out, size_t room,
                     struct err *err)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(s->db, text, -1, &st, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(st);
    const unsigned char *got = rc == SQLITE_ROW ? sqlite3_column_text(st, 0) : NULL;
    (void)snprintf(out, room, "%s", got ? (const char *)got : "");
    (void)sqlite3_finalize(st);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : fail(s, rc, "cannot be read", err);
}

static const struct sql_driver driver = {
    .version = SQL_DRIVER_VERSION,
    .row = "rowid",
    .has = lite_has,
    .open = lite_open,
    .bind = lite_bind,
    .step = lite_step,
    .value = lite_value,
    .row_text = lite_row_text,
    .reset = lite_reset,
    .close = lite_close,
    .number = lite_number,
    .text = lite_text,
};

static int open_file(struct sql_source *s, struct err *err)
{
    sqlite3 *db = NULL;
    int rc = sqlite3_open_v2(
        s->shown, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    s->db = db;
    if (rc == SQLITE_OK) {
        (void)sqlite3_busy_timeout(db, BUSY_MS);
        (void)sqlite3_limit(db, SQLITE_LIMIT_LENGTH, READER_TEXT_MAX * 2);
        (void)sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
        (void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        (void)sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
        (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
        rc = sqlite3_exec(db,
                          "PRAGMA query_only=1; PRAGMA cell_size_check=1; PRAGMA mmap_size=0;"
                          "PRAGMA cache_size=-65536; PRAGMA temp_store=2; BEGIN;"
                          "SELECT count(*) FROM sqlite_master",
                          NULL, NULL, NULL);
    }
    return rc == SQLITE_OK ? 0 : fail(s, rc, "cannot be read", err);
}

int reader_sqlite(struct reader *r, const char *path, struct err *err)
{
    struct sql_source s = { .r = r, .driver = &driver, .shown = path };
    int rc = open_file(&s, err);
    if (!rc) {
        wire_begin(&r->out, WIRE_HELLO);
        wire_text(&r->out, STR("sqlite"));
        wire_text(&r->out, str_of(path));
        wire_end(&r->out);
        rc = sql_read(&s, err);
    }
    (void)sqlite3_close_v2(s.db);
    return rc;
}
