/* SPDX-License-Identifier: Apache-2.0
 * The driver for MLflow's PostgreSQL store, over libpq, which is loaded on first use. Everything
 * is read in one snapshot: REPEATABLE READ, READ ONLY. Values come in the binary format. Queries
 * over a whole table are cursors; those of one run or model are prepared statements. Runs in the
 * child process. */
#include <dlfcn.h>
#include <libpq-fe.h>
#include <stdio.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "transfer/pg_url.h"
#include "transfer/sql.h"

enum { FETCH_ROWS = 500, PARAMS_MAX = 3, COLUMNS_KNOWN_MAX = 100000 };
enum {
    OID_BOOL = 16,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_TEXT = 25,
    OID_FLOAT4 = 700,
    OID_FLOAT8 = 701,
    OID_BPCHAR = 1042,
    OID_VARCHAR = 1043,
};

#define PQ_FUNCTIONS(F)                                                                            \
    F(PQconnectdbParams)                                                                           \
    F(PQstatus)                                                                                    \
    F(PQerrorMessage)                                                                              \
    F(PQfinish)                                                                                    \
    F(PQsetNoticeProcessor)                                                                        \
    F(PQexec)                                                                                      \
    F(PQexecParams)                                                                                \
    F(PQprepare)                                                                                   \
    F(PQexecPrepared)                                                                              \
    F(PQsendQueryPrepared)                                                                         \
    F(PQsetSingleRowMode)                                                                          \
    F(PQgetResult)                                                                                 \
    F(PQresultStatus)                                                                              \
    F(PQresultErrorMessage)                                                                        \
    F(PQresultErrorField)                                                                          \
    F(PQntuples)                                                                                   \
    F(PQftype)                                                                                     \
    F(PQgetisnull)                                                                                 \
    F(PQgetvalue)                                                                                  \
    F(PQgetlength)                                                                                 \
    F(PQclear)

#define DECLARE(name) __typeof__(&name) name;
static struct {
    PQ_FUNCTIONS(DECLARE)
} lib;

struct database {
    PGconn *conn;
    struct arena a;
    struct map columns; /* "table" and "table.column" → anything */
    struct pg_url url;
    int queries;
};

struct pg_query {
    int id;
    PGresult *result; /* rows in hand */
    int at, rows;
    int params; /* 0: a cursor */
    char *value[PARAMS_MAX];
    int on_way; /* a statement was sent whose results are not all taken */
    int started;
};

static int load(struct err *err)
{
    void *h = dlopen("libpq.so.5", RTLD_NOW | RTLD_LOCAL), *f;
    if (!h)
        return ERR(err, ERR_UNAVAILABLE, "libpq cannot be loaded: install the package libpq5");
#define LOOK_UP(name)                                                                              \
    f = dlsym(h, #name);                                                                           \
    if (!f)                                                                                        \
        return ERR(err, ERR_UNAVAILABLE, "the installed libpq has no function '%s'", #name);       \
    memcpy(&lib.name, &f, sizeof f);
    PQ_FUNCTIONS(LOOK_UP)
    return 0;
}

/* One line of what libpq says, and without the password should it ever stand there. */
static int say(struct sql_source *s, int code, const char *what, const char *text, struct err *err)
{
    struct database *db = s->db;
    const char *secret = db->url.password;
    char line[400];
    size_t n = 0;
    for (const char *p = text ? text : ""; *p && n < sizeof line - 8; p++) {
        if (secret && secret[0] && strncmp(p, secret, strlen(secret)) == 0) {
            memcpy(line + n, "***", 3);
            n += 3;
            p += strlen(secret) - 1;
        } else if (*p != '\n') {
            line[n++] = *p;
        } else if (p[1]) {
            line[n++] = ' ';
        }
    }
    line[n] = '\0';
    return ERR(err, code, "'%.200s': %s: %s", s->shown, what, line);
}

static int fail(struct sql_source *s, const PGresult *res, const char *what, struct err *err)
{
    struct database *db = s->db;
    const char *state = lib.PQresultErrorField(res, PG_DIAG_SQLSTATE);
    const char *text = lib.PQresultErrorMessage(res);
    int code = !state                         ? ERR_UNAVAILABLE
               : strcmp(state, "42501") == 0  ? ERR_DENIED
               : strncmp(state, "42", 2) == 0 ? ERR_INVALID
                                              : ERR_UNAVAILABLE;
    return say(s, code, what, text && *text ? text : lib.PQerrorMessage(db->conn), err);
}

static int command(struct sql_source *s, const char *text, struct err *err)
{
    struct database *db = s->db;
    PGresult *res = lib.PQexec(db->conn, text);
    int rc = lib.PQresultStatus(res) == PGRES_COMMAND_OK
                 ? 0
                 : fail(s, res, "it cannot be prepared for reading", err);
    lib.PQclear(res);
    return rc;
}

/* ---- the schema ---- */

static int read_columns(struct sql_source *s, struct err *err)
{
    static const char text[] =
        "SELECT c.relname::text, a.attname::text FROM pg_catalog.pg_class c"
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid"
        " WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped"
        " AND pg_catalog.pg_table_is_visible(c.oid)"
        " AND n.nspname NOT IN ('pg_catalog', 'information_schema') LIMIT 100000";
    struct database *db = s->db;
    PGresult *res = lib.PQexec(db->conn, text);
    int rc = lib.PQresultStatus(res) == PGRES_TUPLES_OK
                 ? 0
                 : fail(s, res, "its tables cannot be listed", err);
    for (int i = 0; !rc && i < MIN(lib.PQntuples(res), COLUMNS_KNOWN_MAX); i++) {
        const char *table = lib.PQgetvalue(res, i, 0);
        char *name = arena_printf(&db->a, "%s.%s", table, lib.PQgetvalue(res, i, 1));
        (void)map_put(&db->columns, arena_str(&db->a, str_of(table)), db);
        (void)map_put(&db->columns, str_of(name), db);
    }
    lib.PQclear(res);
    return rc;
}

static int pg_has(struct sql_source *s, const char *table, const char *column)
{
    struct database *db = s->db;
    char key[200];
    (void)snprintf(key, sizeof key, column ? "%s.%s" : "%s", table, column);
    return map_get(&db->columns, str_of(key)) != NULL;
}

/* ---- rows ---- */

static void drop_result(struct pg_query *p)
{
    lib.PQclear(p->result);
    p->result = NULL;
    p->at = p->rows = 0;
}

static int pg_open(struct sql_query *q, const char *text, int params, struct err *err)
{
    struct database *db = q->s->db;
    struct pg_query *p = mem_alloc(sizeof *p);
    char name[32];
    p->id = db->queries++;
    p->params = MIN(params, PARAMS_MAX);
    q->handle = p;
    (void)snprintf(name, sizeof name, "q%d", p->id);
    PGresult *res;
    if (params) {
        res = lib.PQprepare(db->conn, name, text, params, NULL);
    } else {
        char *declare = arena_printf(&db->a, "DECLARE %s NO SCROLL CURSOR FOR %s", name, text);
        res = lib.PQexec(db->conn, declare ? declare : "");
    }
    int rc = lib.PQresultStatus(res) == PGRES_COMMAND_OK
                 ? 0
                 : fail(q->s, res, arena_printf(&db->a, "table '%s'", q->t->name), err);
    lib.PQclear(res);
    return rc;
}

static void pg_bind(struct sql_query *q, int i, str_t v)
{
    struct pg_query *p = q->handle;
    if (i < 1 || i > p->params)
        return;
    mem_free(p->value[i - 1]);
    p->value[i - 1] = mem_strndup(v.p ? v.p : "", v.n);
}

static int start(struct sql_query *q, struct err *err)
{
    struct database *db = q->s->db;
    struct pg_query *p = q->handle;
    char name[32];
    (void)snprintf(name, sizeof name, "q%d", p->id);
    const char *const *values = (const char *const *)p->value;
    p->started = 1;
    if (!q->t->is_long) {
        p->result = lib.PQexecPrepared(db->conn, name, p->params, values, NULL, NULL, 1);
        return 0;
    }
    p->on_way = lib.PQsendQueryPrepared(db->conn, name, p->params, values, NULL, NULL, 1) &&
                lib.PQsetSingleRowMode(db->conn);
    return p->on_way ? 0
                     : say(q->s, ERR_UNAVAILABLE, q->t->name, lib.PQerrorMessage(db->conn), err);
}

/* The next rows in hand; p->rows 0 at the end. */
static int more_rows(struct sql_query *q, struct err *err)
{
    struct database *db = q->s->db;
    struct pg_query *p = q->handle;
    int was_started = p->started;
    drop_result(p);
    if (!p->params) {
        char text[64];
        (void)snprintf(text, sizeof text, "FETCH %d FROM q%d", FETCH_ROWS, p->id);
        p->result = lib.PQexecParams(db->conn, text, 0, NULL, NULL, NULL, NULL, 1);
    } else if (!was_started) {
        int rc = start(q, err);
        if (rc)
            return rc;
    } else if (!p->on_way) {
        return 0;
    }
    if (p->on_way) {
        p->result = lib.PQgetResult(db->conn);
        if (!p->result)
            p->on_way = 0;
    }
    if (!p->result)
        return 0;
    ExecStatusType status = lib.PQresultStatus(p->result);
    if (status != PGRES_TUPLES_OK && status != PGRES_SINGLE_TUPLE)
        return fail(q->s, p->result, arena_printf(&db->a, "table '%s'", q->t->name), err);
    p->rows = lib.PQntuples(p->result);
    if (p->on_way && p->rows == 0) /* the end of single rows; what follows is NULL */
        return more_rows(q, err);
    return 0;
}

static int pg_step(struct sql_query *q, struct err *err)
{
    struct pg_query *p = q->handle;
    if (p->result && p->at + 1 < p->rows) {
        p->at++;
        return 1;
    }
    int rc = more_rows(q, err);
    p->at = 0;
    return rc ? rc : p->rows > 0;
}

static uint64_t big_endian(const char *p, int n)
{
    uint64_t v = 0;
    for (int i = 0; i < n; i++)
        v = v << 8 | (unsigned char)p[i];
    return v;
}

static void read_float(const char *p, int n, struct wire_field *out)
{
    out->type = 'd';
    if (n == 4) {
        uint32_t bits = (uint32_t)big_endian(p, 4);
        float f;
        memcpy(&f, &bits, sizeof f);
        out->d = (double)f;
    } else {
        uint64_t bits = big_endian(p, 8);
        memcpy(&out->d, &bits, sizeof out->d);
    }
}

static void pg_value(struct sql_query *q, int i, struct wire_field *out)
{
    struct pg_query *p = q->handle;
    const char *v = lib.PQgetvalue(p->result, p->at, i);
    int n = lib.PQgetlength(p->result, p->at, i);
    unsigned type = lib.PQftype(p->result, i);
    out->type = 'b';
    if (lib.PQgetisnull(p->result, p->at, i)) {
        out->type = 'n';
    } else if (type == OID_TEXT || type == OID_VARCHAR || type == OID_BPCHAR) {
        out->type = 't';
        out->t = (str_t){ v, (size_t)n };
    } else if ((type == OID_FLOAT8 && n == 8) || (type == OID_FLOAT4 && n == 4)) {
        read_float(v, n, out);
    } else if (type == OID_INT8 && n == 8) {
        out->type = 'i';
        out->i = (int64_t)big_endian(v, 8);
    } else if (type == OID_INT4 && n == 4) {
        out->type = 'i';
        out->i = (int32_t)big_endian(v, 4);
    } else if (type == OID_INT2 && n == 2) {
        out->type = 'i';
        out->i = (int16_t)big_endian(v, 2);
    } else if (type == OID_BOOL && n == 1) {
        out->type = 'i';
        out->i = v[0] != 0;
    }
}

/* Block and place of the row: "(12,3)", as ctid is written. */
static void pg_row_text(struct sql_query *q, char *out, size_t room)
{
    struct pg_query *p = q->handle;
    const char *v = p->result ? lib.PQgetvalue(p->result, p->at, 0) : NULL;
    if (v && lib.PQgetlength(p->result, p->at, 0) == 6)
        (void)snprintf(out, room, "(%u,%u)", (unsigned)big_endian(v, 4),
                       (unsigned)big_endian(v + 4, 2));
    else
        (void)snprintf(out, room, "?");
}

static void pg_reset(struct sql_query *q)
{
    struct database *db = q->s->db;
    struct pg_query *p = q->handle;
    drop_result(p);
    while (p->on_way) {
        PGresult *res = lib.PQgetResult(db->conn);
        p->on_way = res != NULL;
        lib.PQclear(res);
    }
    p->started = 0;
}

static void pg_close(struct sql_query *q)
{
    struct database *db = q->s->db;
    struct pg_query *p = q->handle;
    char text[48];
    pg_reset(q);
    (void)snprintf(text, sizeof text, p->params ? "DEALLOCATE q%d" : "CLOSE q%d", p->id);
    lib.PQclear(lib.PQexec(db->conn, text)); /* of a transaction that failed: refused, no matter */
    for (int i = 0; i < PARAMS_MAX; i++)
        mem_free(p->value[i]);
    mem_free(p);
}

static int pg_text(struct sql_source *s, const char *text, char *out, size_t room, struct err *err)
{
    struct database *db = s->db;
    PGresult *res = lib.PQexec(db->conn, text);
    int rc = lib.PQresultStatus(res) == PGRES_TUPLES_OK ? 0 : fail(s, res, "cannot be read", err);
    (void)snprintf(out, room, "%s", !rc && lib.PQntuples(res) > 0 ? lib.PQgetvalue(res, 0, 0) : "");
    lib.PQclear(res);
    return rc;
}

static int pg_number(struct sql_source *s, const char *text, int64_t *out, struct err *err)
{
    struct database *db = s->db;
    PGresult *res = lib.PQexecParams(db->conn, text, 0, NULL, NULL, NULL, NULL, 1);
    int rc = 0;
    if (lib.PQresultStatus(res) != PGRES_TUPLES_OK)
        rc = fail(s, res, "its rows cannot be counted", err);
    else if (lib.PQntuples(res) == 1 && lib.PQgetlength(res, 0, 0) == 8)
        *out = (int64_t)big_endian(lib.PQgetvalue(res, 0, 0), 8);
    lib.PQclear(res);
    return rc;
}

static const struct sql_driver driver = {
    .version = SQL_DRIVER_VERSION,
    .row = "ctid",
    .has = pg_has,
    .open = pg_open,
    .bind = pg_bind,
    .step = pg_step,
    .value = pg_value,
    .row_text = pg_row_text,
    .reset = pg_reset,
    .close = pg_close,
    .number = pg_number,
    .text = pg_text,
};

/* ---- the connection ---- */

static void no_notice(void *arg, const char *text)
{
    (void)arg, (void)text;
}

static void set_default(struct pg_url *u, const char *key, const char *value)
{
    for (size_t i = 0; i < u->n; i++)
        if (strcmp(u->keys[i], key) == 0)
            return;
    if (u->n == PG_SETTINGS_MAX)
        return;
    u->keys[u->n] = key;
    u->values[u->n++] = value;
}

static int connect_to(struct sql_source *s, struct err *err)
{
    struct database *db = s->db;
    struct pg_url *u = &db->url;
    set_default(u, "connect_timeout", "15");
    set_default(u, "application_name", "slipway import");
    set_default(u, "client_encoding", "UTF8");
    db->conn = lib.PQconnectdbParams(u->keys, u->values, 0);
    if (lib.PQstatus(db->conn) == CONNECTION_OK) {
        (void)lib.PQsetNoticeProcessor(db->conn, no_notice, NULL);
        return 0;
    }
    const char *text = lib.PQerrorMessage(db->conn);
    int is_login = strstr(text, "authentication failed") || strstr(text, "no password supplied");
    return say(s, is_login ? ERR_DENIED : ERR_UNAVAILABLE,
               is_login ? "the login was refused: check user and password in the URL"
                        : "cannot be reached",
               text, err);
}

static int begin(struct sql_source *s, struct err *err)
{
    static const char *const commands[] = {
        "SET statement_timeout = 0",
        "SET idle_in_transaction_session_timeout = 0",
        "SET row_security = off", /* rather an error than rows that are missing */
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    };
    int rc = 0;
    for (size_t i = 0; i < ARRAY_LEN(commands) && !rc; i++)
        rc = command(s, commands[i], err);
    return rc ? rc : read_columns(s, err);
}

int reader_postgres(struct reader *r, const char *url, struct err *err)
{
    struct database db = { 0 };
    struct sql_source s = { .r = r, .driver = &driver, .db = &db, .shown = "postgresql" };
    arena_init(&db.a, MIB(64));
    map_init(&db.columns);
    int rc = load(err);
    if (!rc)
        rc = pg_url_parse(&db.a, url, &db.url, err);
    if (!rc) {
        s.shown = db.url.shown;
        rc = connect_to(&s, err);
    }
    if (!rc)
        rc = begin(&s, err);
    if (!rc) {
        wire_begin(&r->out, WIRE_HELLO);
        wire_text(&r->out, STR("postgresql"));
        wire_text(&r->out, str_of(s.shown));
        wire_end(&r->out);
        rc = sql_read(&s, err);
    }
    if (db.conn)
        lib.PQfinish(db.conn);
    map_fini(&db.columns);
    arena_fini(&db.a);
    return rc;
}
