/* SPDX-License-Identifier: Apache-2.0
 * Connections to the SQLite file: opening, settings, checks that it is a database of ours, and the
 * translation of SQLite's result codes into messages that say what to do. One thread at a time. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "store/store_int.h"

static int code_of(int rc, int system_errno)
{
    switch (rc & 0xff) {
    case SQLITE_CONSTRAINT:
        return rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY ? ERR_EXISTS
                                                                                    : ERR_CONFLICT;
    case SQLITE_FULL: return ERR_NO_SPACE;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH: return ERR_READ_ONLY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return ERR_CORRUPT;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return ERR_UNAVAILABLE;
    case SQLITE_INTERRUPT: return ERR_TIMEOUT;
    case SQLITE_NOMEM: return ERR_NOMEM;
    case SQLITE_TOOBIG: return ERR_LIMIT;
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR:
        if (system_errno == ENOSPC || system_errno == EDQUOT)
            return ERR_NO_SPACE;
        if (system_errno == EROFS || system_errno == EACCES || system_errno == EPERM)
            return ERR_READ_ONLY;
        return ERR_INTERNAL;
    default: return ERR_INTERNAL;
    }
}

static const char *advice_of(int code)
{
    switch (code) {
    case ERR_NO_SPACE:
        return "the disk is full; free some space and try again, nothing was changed";
    case ERR_READ_ONLY: return "the folder or file cannot be written; check its owner and mode";
    case ERR_CORRUPT:
        return "it is damaged or not a database; stop Slipway, keep a copy of the folder, then "
               "restore "
               "the file from a backup or save what is left with 'sqlite3 slipway.db .recover'";
    case ERR_UNAVAILABLE: return "another process is writing; try again";
    case ERR_TIMEOUT: return "the query took too long; narrow it with a filter or a limit";
    case ERR_INTERNAL: return "reading or writing the file failed; check the disk";
    default: return NULL;
    }
}

int conn__error(const struct conn *c, int sqlite_rc, const char *what, struct err *err)
{
    int extended = c->db ? sqlite3_extended_errcode(c->db) : sqlite_rc;
    if ((extended & 0xff) != (sqlite_rc & 0xff))
        extended = sqlite_rc;
    int code = code_of(extended, c->db ? sqlite3_system_errno(c->db) : 0);
    const char *text = c->db ? sqlite3_errmsg(c->db) : sqlite3_errstr(sqlite_rc);
    const char *advice = advice_of(code);
    if (code == ERR_INTERNAL && (extended & 0xff) != SQLITE_IOERR &&
        (extended & 0xff) != SQLITE_CANTOPEN)
        advice = NULL;
    if (!advice)
        return ERR(err, code, "%s: %s", what, text);
    return ERR(err, code, "database '%s': %s (%s: %s)", c->path, advice, what, text);
}

int conn__run(struct conn *c, const char *text, struct err *err)
{
    int rc = sqlite3_exec(c->db, text, NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : conn__error(c, rc, text, err);
}

int conn__control(struct conn *c, enum conn_control which, struct err *err)
{
    static const char *const texts[CONN_CONTROLS] = {
        [CONN_BEGIN] = "BEGIN IMMEDIATE",
        [CONN_BEGIN_READ] = "BEGIN",
        [CONN_COMMIT] = "COMMIT",
        [CONN_ROLLBACK] = "ROLLBACK",
        [CONN_SAVEPOINT] = "SAVEPOINT request",
        [CONN_RELEASE] = "RELEASE request",
        [CONN_ROLLBACK_TO] = "ROLLBACK TO request",
    };
    sqlite3_stmt **st = &c->control[which];
    int rc = SQLITE_OK;
    if (!*st)
        rc = sqlite3_prepare_v3(c->db, texts[which], -1, SQLITE_PREPARE_PERSISTENT, st, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(*st);
    int result = rc == SQLITE_DONE ? 0 : conn__error(c, rc, texts[which], err);
    (void)sqlite3_reset(*st);
    return result;
}

/* First column of the first row as an integer. */
static int query_int(struct conn *c, const char *text, int64_t *out, struct err *err)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(c->db, text, -1, &st, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        *out = sqlite3_column_int64(st, 0);
    int result = rc == SQLITE_ROW ? 0 : conn__error(c, rc, text, err);
    (void)sqlite3_finalize(st);
    return result;
}

static int too_long(void *arg)
{
    struct conn *c = arg;
    return c->deadline_ns && clock_mono_ns() > c->deadline_ns;
}

/* "file:" URI of a path, for a database on a medium that cannot hold the WAL's side files. */
static int immutable_uri(const char *path, char out[PATH_MAX * 3 + 32])
{
    static const char hex[] = "0123456789abcdef";
    char *q = out + snprintf(out, 8, "file:");
    for (const char *p = path; *p && p - path < PATH_MAX; p++) {
        if (*p == '?' || *p == '#' || *p == '%') {
            *q++ = '%';
            *q++ = hex[(unsigned char)*p >> 4];
            *q++ = hex[*p & 15];
        } else {
            *q++ = *p;
        }
    }
    return snprintf(q, 16, "?immutable=1") > 0;
}

static int has_pending_log(const char *path)
{
    char wal[PATH_MAX];
    struct fs_info info;
    (void)snprintf(wal, sizeof wal, "%s-wal", path);
    return fs_stat(wal, &info, NULL) == 0 && info.size > 0;
}

static int open_handle(struct conn *c, enum conn_mode mode, struct err *err)
{
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    flags |=
        mode == CONN_READ_ONLY ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    int64_t ignored;
    int rc = sqlite3_open_v2(c->path, &c->db, flags, NULL);
    if (rc == SQLITE_OK) {
        (void)sqlite3_busy_timeout(c->db, STORE_BUSY_MS);
        if (query_int(c, "SELECT count(*) FROM sqlite_master", &ignored, err) == 0)
            return 0;
        rc = sqlite3_errcode(c->db);
    }
    int may_retry = mode == CONN_READ_ONLY && !has_pending_log(c->path) &&
                    ((rc & 0xff) == SQLITE_CANTOPEN || (rc & 0xff) == SQLITE_READONLY);
    if (!may_retry)
        return conn__error(c, rc, "open", err);
    char uri[PATH_MAX * 3 + 32];
    (void)immutable_uri(c->path, uri);
    (void)sqlite3_close_v2(c->db);
    c->db = NULL;
    rc = sqlite3_open_v2(uri, &c->db, flags | SQLITE_OPEN_URI, NULL);
    return rc == SQLITE_OK ? 0 : conn__error(c, rc, "open", err);
}

static int check_owner(struct conn *c, enum conn_mode mode, struct err *err)
{
    int64_t id = 0, tables = 0;
    int rc = query_int(c, "PRAGMA application_id", &id, err);
    if (!rc)
        rc = query_int(c, "SELECT count(*) FROM sqlite_master", &tables, err);
    if (rc)
        return rc;
    if (id == STORE_APPLICATION_ID)
        return 0;
    if (id != 0 || tables != 0)
        return ERR(err, ERR_CONFLICT,
                   "'%s' is a database of another program; choose another data folder", c->path);
    if (mode == CONN_READ_ONLY)
        return ERR(err, ERR_NOT_FOUND,
                   "'%s' is empty; any writing command or 'slipway server' fills it", c->path);
    return 0;
}

static int configure(struct conn *c, enum conn_mode mode, struct err *err)
{
    int rc = check_owner(c, mode, err);
    if (rc || mode == CONN_READ_ONLY)
        return rc;
    if (sqlite3_db_readonly(c->db, "main") == 1)
        return ERR(err, ERR_READ_ONLY, "database '%s' cannot be written; check its owner and mode",
                   c->path);
    if (mode == CONN_READER)
        return conn__run(c, "PRAGMA query_only=1; PRAGMA trusted_schema=0; PRAGMA cache_size=-2048",
                         err);
    if (mode == CONN_CHECKPOINT)
        return conn__run(c, "PRAGMA synchronous=FULL", err);
    rc = conn__run(c,
                   "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=1;"
                   "PRAGMA journal_size_limit=67108864; PRAGMA trusted_schema=0;"
                   "PRAGMA cell_size_check=1; PRAGMA cache_size=-8192",
                   err);
    return rc;
}

int conn__open(struct conn **out, const char *path, enum conn_mode mode, struct err *err)
{
    struct conn *c = mem_alloc(sizeof *c);
    size_t n;
    (void)store_statements(&n);
    c->path = path;
    c->cached = mem_alloc(n * sizeof(struct stmt *));
    c->control = mem_alloc(CONN_CONTROLS * sizeof(sqlite3_stmt *));
    int rc = open_handle(c, mode, err);
    if (!rc)
        rc = configure(c, mode, err);
    if (rc) {
        conn__close(c);
        return rc;
    }
    sqlite3_progress_handler(c->db, 20000, too_long, c);
    *out = c;
    return 0;
}

void conn__close(struct conn *c)
{
    size_t n;
    if (!c)
        return;
    ASSERT(c->open_n == 0);
    (void)store_statements(&n);
    for (size_t i = 0; i < n; i++) {
        if (!c->cached[i])
            continue;
        (void)sqlite3_finalize(c->cached[i]->handle);
        mem_free(c->cached[i]);
    }
    for (size_t i = 0; i < CONN_CONTROLS; i++)
        (void)sqlite3_finalize(c->control[i]);
    (void)sqlite3_close_v2(c->db);
    mem_free(c->control);
    mem_free(c->cached);
    mem_free(c);
}
