/* SPDX-License-Identifier: Apache-2.0
 * A small program over the store, for tests that kill it, fill its disk or fail its I/O.
 *
 *   store-driver sql                     every migration and statement as a script for psql
 *   store-driver write DIR THREADS       writes for ever; prints a key once it is acknowledged
 *   store-driver verify DIR              prints every key found, checks that nothing is half done
 *   store-driver fill DIR BYTES N        N writes of so many bytes; prints "ok" or the error each
 *   store-driver open DIR rw|ro          opens and counts; prints the count or the error
 *   store-driver io DIR N CODE           fails the N-th I/O call of SQLite from the first write on
 *
 * What one write is: a blob, then in one transaction two rows of two tables and an event. */
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/rng.h"
#include "base/thread.h"
#include "event/event.h"
#include "fault_vfs.h"
#include "store/home.h"

MIGRATION(
    900002, "driver",
    "CREATE TABLE driver_left (k TEXT NOT NULL PRIMARY KEY, digest TEXT NOT NULL, filling TEXT);"
    "CREATE TABLE driver_right (k TEXT NOT NULL PRIMARY KEY)");
SQL(driver_left, "INSERT INTO driver_left (k, digest, filling) VALUES ($1, $2, $3)");
SQL(driver_right, "INSERT INTO driver_right (k) VALUES ($1)");
SQL(driver_all, "SELECT l.k, l.digest, r.k, e.id FROM driver_left l"
                " LEFT JOIN driver_right r ON r.k = l.k"
                " LEFT JOIN events e ON e.subject = l.k ORDER BY l.k");
SQL(driver_lone, "SELECT COUNT(*) FROM driver_right WHERE k NOT IN (SELECT k FROM driver_left)");
SQL(driver_events, "SELECT COUNT(*), COALESCE(MAX(seq), 0) FROM events");

struct entry {
    const char *key, *digest, *filling;
};

static int insert(struct tx *tx, void *arg, struct err *err)
{
    const struct entry *e = arg;
    int rc = tx_exec(tx, &driver_left, NULL, err, "ttt", e->key, e->digest, e->filling);
    if (!rc)
        rc = event_add(tx, &(struct event){ .kind = "driver.wrote", .subject = e->key }, err);
    if (!rc)
        rc = tx_exec(tx, &driver_right, NULL, err, "t", e->key);
    return rc;
}

static int fail(const struct err *err)
{
    (void)printf("error %d %s\n", err->code, err->msg);
    (void)fflush(stdout);
    return 1;
}

static int write_one(struct home *h, const char *key, const char *filling, struct err *err)
{
    char digest[SHA256_HEX];
    int rc = blobs_put(h->blobs, str_of(key), digest, err);
    struct entry e = { key, digest, filling };
    return rc ? rc : store_write(h->store, insert, &e, err);
}

static void *write_for_ever(void *arg)
{
    struct home *h = arg;
    for (;;) {
        struct err err = ERR_INIT;
        char line[80], key[HEX32_TEXT];
        hex32(key);
        if (write_one(h, key, NULL, &err) != 0) {
            (void)fail(&err);
            _Exit(3);
        }
        int n = snprintf(line, sizeof line, "%s\n", key);
        if (write(STDOUT_FILENO, line, (size_t)n) != n)
            _Exit(4);
    }
}

static int cmd_write(struct home *h, int threads)
{
    pthread_t t = 0;
    for (int i = 0; i < threads; i++)
        if (thread_start(&t, "writer", write_for_ever, h, NULL) != 0)
            return 1;
    thread_join(t);
    return 0;
}

static int verify(struct tx *tx, void *arg, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    struct home *h = arg;
    struct arena a;
    int rc = stmt_open(tx, &driver_all, &st, err);
    arena_init(&a, MIB(64));
    while (!rc && (rc = stmt_step(st, err)) == 1) {
        str_t bytes;
        arena_reset(&a);
        const char *key = stmt_get_text(st, 0, &a);
        rc = blobs_get(h->blobs, &a, stmt_get_text(st, 1, &a), 1000, &bytes, err);
        if (!rc && (stmt_is_null(st, 2) || stmt_is_null(st, 3) || !str_is(bytes, key)))
            rc = ERR(err, ERR_CORRUPT, "half done: '%s'", key);
        (void)puts(key);
    }
    arena_fini(&a);
    stmt_close(STEAL(st));
    if (rc || (rc = stmt_open(tx, &driver_lone, &st, err)) != 0 || (rc = stmt_step(st, err)) < 0)
        return rc;
    if (stmt_get_int(st, 0) != 0)
        return ERR(err, ERR_CORRUPT, "rows without their other half");
    stmt_close(STEAL(st));
    if ((rc = stmt_open(tx, &driver_events, &st, err)) != 0 || (rc = stmt_step(st, err)) < 0)
        return rc;
    if (stmt_get_int(st, 0) != stmt_get_int(st, 1))
        return ERR(err, ERR_CORRUPT, "the sequence of events has gaps");
    return 0;
}

static int cmd_fill(struct home *h, size_t bytes, int n)
{
    char *filling = mem_alloc(bytes + 1);
    memset(filling, 'x', bytes);
    for (int i = 0; i < n; i++) {
        struct err err = ERR_INIT;
        char key[HEX32_TEXT];
        hex32(key);
        if (write_one(h, key, filling, &err) != 0)
            (void)fail(&err);
        else
            (void)printf("ok %s\n", key);
        (void)fflush(stdout);
    }
    mem_free(filling);
    return 0;
}

static int cmd_io(struct home *h, int nth, int code)
{
    fault_vfs_arm(nth, code);
    int bad = 0;
    for (int i = 0; i < 3; i++) { /* after the fault the store must work again */
        struct err err = ERR_INIT;
        char key[HEX32_TEXT];
        hex32(key);
        int rc = write_one(h, key, NULL, &err);
        if (rc)
            (void)fail(&err);
        else
            (void)printf("ok %s\n", key);
        bad = rc != 0;
    }
    (void)printf("fired %d\n", fault_vfs_fired());
    return bad;
}

static int cmd_sql(void)
{
    struct arena a;
    size_t n;
    arena_init(&a, 1 << 20);
    (void)printf("\\set ON_ERROR_STOP on\n");
    const struct migration **m = store_migrations_sorted(&a, &n);
    for (size_t i = 0; i < n; i++)
        (void)printf("BEGIN;\n%s;\nCOMMIT;\n", m[i]->text);
    (void)printf("\\set ON_ERROR_STOP off\n");
    const struct sql *s = store_statements(&n);
    for (size_t i = 0; i < n; i++)
        (void)printf("\\echo # %s in %s\nPREPARE s%zu AS %s;\n", s[i].name, s[i].file, i,
                     s[i].text);
    (void)printf("SELECT COUNT(*) AS prepared FROM pg_prepared_statements;\n\\echo = %zu\n", n);
    arena_fini(&a);
    return 0;
}

static int64_t number(const char *text)
{
    int64_t v = 0;
    if (parse_i64(str_of(text), &v) != 0)
        _Exit(2);
    return v;
}

static int cmd_open(struct home *h)
{
    struct err err = ERR_INIT;
    int rc = store_read(h->store, verify, h, &err);
    if (rc)
        return fail(&err);
    (void)puts("whole");
    return 0;
}

int main(int argc, char **argv)
{
    struct err err = ERR_INIT;
    struct home *h = NULL;
    const char *what = argc > 1 ? argv[1] : "";
    if (strcmp(what, "sql") == 0)
        return cmd_sql();
    if (argc < 3)
        return 2;
    fault_vfs_register();
    int read_only = strcmp(what, "open") == 0 && argc > 3 && strcmp(argv[3], "ro") == 0;
    struct home_options o = { .dir = argv[2], .create = !read_only, .read_only = read_only };
    if (home_open(&h, &o, &err) != 0)
        return fail(&err);
    int rc = 2;
    if (strcmp(what, "write") == 0 && argc == 4)
        rc = cmd_write(h, (int)number(argv[3]));
    else if (strcmp(what, "verify") == 0 || strcmp(what, "open") == 0)
        rc = cmd_open(h);
    else if (strcmp(what, "fill") == 0 && argc == 5)
        rc = cmd_fill(h, (size_t)number(argv[3]), (int)number(argv[4]));
    else if (strcmp(what, "io") == 0 && argc == 5)
        rc = cmd_io(h, (int)number(argv[3]), (int)number(argv[4]));
    home_close(h);
    return rc;
}
