/* SPDX-License-Identifier: Apache-2.0
 * The tree of names above the blobs. Folders have rows of their own, so that listing one folder and
 * telling a folder from a file are look-ups by the primary key, whatever lies below. */
#include "track/artifact.h"

#include <limits.h>
#include <string.h>

#include "base/fs.h"
#include "base/limits.h"
#include "store/gc.h"
#include "store/rows.h"
#include "track/track_int.h"

MIGRATION(150, "track",
          "CREATE TABLE artifacts ("
          " folder TEXT NOT NULL,"
          " name TEXT NOT NULL,"
          " digest TEXT,"
          " bytes BIGINT NOT NULL,"
          " mtime_ms BIGINT NOT NULL,"
          " PRIMARY KEY (folder, name))");

SQL(artifact_one,
    "SELECT name, digest, bytes, mtime_ms FROM artifacts WHERE folder = $1 AND name = $2");
SQL(artifact_children,
    "SELECT name, digest, bytes, mtime_ms FROM artifacts WHERE folder = $1 ORDER BY name");
SQL(artifact_upsert,
    "INSERT INTO artifacts (folder, name, digest, bytes, mtime_ms) VALUES ($1, $2, $3, $4, $5)"
    " ON CONFLICT (folder, name) DO UPDATE SET digest = excluded.digest, bytes = excluded.bytes,"
    " mtime_ms = excluded.mtime_ms WHERE artifacts.digest IS NOT NULL");
SQL(artifact_folder_insert,
    "INSERT INTO artifacts (folder, name, digest, bytes, mtime_ms) VALUES ($1, $2, NULL, 0, $3)"
    " ON CONFLICT (folder, name) DO NOTHING");
SQL(artifact_remove_one, "DELETE FROM artifacts WHERE folder = $1 AND name = $2");
SQL(artifact_remove_below,
    "WITH RECURSIVE below (path) AS (SELECT CAST($1 AS TEXT) UNION ALL"
    " SELECT a.folder || '/' || a.name FROM artifacts a JOIN below b ON a.folder = b.path"
    " WHERE a.digest IS NULL)"
    " DELETE FROM artifacts WHERE folder IN (SELECT path FROM below)");

BLOB_REFERENCE(artifact_files,
               "SELECT digest, 'artifact ' || folder || '/' || name FROM artifacts WHERE digest IS "
               "NOT NULL ORDER BY mtime_ms DESC",
               0);

/* The part before the last '/', and the part after it. */
static void split(const char *path, char folder[PATH_MAX], const char **name)
{
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;
    ASSERT(n < PATH_MAX);
    memcpy(folder, path, n);
    folder[n] = '\0';
    *name = slash ? slash + 1 : path;
}

static int check_path(const char *path, struct err *err)
{
    return fs_is_safe_relative(str_of(path))
               ? 0
               : ERR(err, ERR_INVALID, "'%.200s' is no path of an artifact", path);
}

static void read_row(const struct stmt *st, struct arena *a, struct artifact *out)
{
    *out = (struct artifact){ .name = stmt_get_text(st, 0, a),
                              .digest = stmt_get_text(st, 1, a),
                              .bytes = stmt_get_int(st, 2),
                              .mtime_ms = stmt_get_int(st, 3) };
}

int artifact_get(struct tx *tx, struct arena *a, const char *path, struct artifact *out,
                 struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    char folder[PATH_MAX];
    const char *name;
    if (!*path) {
        *out = (struct artifact){ .name = "" };
        return 0;
    }
    int rc = check_path(path, err);
    if (!rc)
        rc = stmt_open(tx, &artifact_one, &st, err);
    if (rc)
        return rc;
    split(path, folder, &name);
    stmt_text(st, 1, folder);
    stmt_text(st, 2, name);
    rc = stmt_step(st, err);
    if (rc == 1)
        read_row(st, a, out);
    return rc == 1 ? 0 : rc < 0 ? rc : ERR(err, ERR_NOT_FOUND, "No such artifact: '%s'", path);
}

/* Adds the rows of one folder to a list, names as they stand. */
static int add_children(struct tx *tx, struct arena *a, const char *folder, struct artifact **list,
                        size_t *n, size_t *cap, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &artifact_children, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, folder);
    while ((rc = stmt_step(st, err)) == 1) {
        *list = *n < ARTIFACT_FOLDER_MAX ? rows_room(a, *list, *n, cap, sizeof **list) : NULL;
        if (!*list)
            return ERR(err, ERR_LIMIT, "'%s' has more than %d entries", folder,
                       ARTIFACT_FOLDER_MAX);
        read_row(st, a, &(*list)[(*n)++]);
    }
    return rc;
}

int artifact_list(struct tx *tx, struct arena *a, const char *folder, struct artifact **out,
                  size_t *out_n, struct err *err)
{
    struct artifact *list = NULL;
    size_t n = 0, cap = 0;
    int rc = *folder ? check_path(folder, err) : 0;
    if (!rc)
        rc = add_children(tx, a, folder, &list, &n, &cap, err);
    *out = list;
    *out_n = n;
    return rc;
}

int artifact_walk(struct tx *tx, struct arena *a, const char *folder, struct artifact **out,
                  size_t *out_n, struct err *err)
{
    struct artifact *list = NULL;
    size_t n = 0, cap = 0, files = 0;
    int rc = *folder ? check_path(folder, err) : 0;
    if (!rc)
        rc = add_children(tx, a, folder, &list, &n, &cap, err);
    for (size_t i = 0; !rc && i < n; i++) {
        if (list[i].digest)
            continue;
        size_t from = n;
        const char *below = list[i].name;
        rc = add_children(tx, a, *folder ? fs_join(a, folder, below) : below, &list, &n, &cap, err);
        for (size_t k = from; !rc && k < n; k++)
            list[k].name = fs_join(a, below, list[k].name);
    }
    for (size_t i = 0; !rc && i < n; i++)
        if (list[i].digest)
            list[files++] = list[i];
    *out = list;
    *out_n = files;
    return rc ? rc : a->failed ? track__no_memory(err) : 0;
}

/* *out: 1 the folder has its row, 0 it has none; a file of that name is an error. */
static int has_folder(struct tx *tx, const char *path, int *out, struct err *err)
{
    struct arena a;
    struct artifact there;
    struct err why = ERR_INIT;
    arena_init(&a, KIB(16));
    int rc = artifact_get(tx, &a, path, &there, &why);
    int is_file = !rc && there.digest;
    *out = rc == 0;
    arena_fini(&a);
    if (is_file)
        return ERR(err, ERR_INVALID, "Invalid path: '%s' is a file, not a folder", path);
    return !rc || rc == ERR_NOT_FOUND ? 0 : ERR(err, rc, "%s", why.msg);
}

/* Rows for a folder and those above it. That a folder has its row means that those above have: they
 * are looked for upwards until one is there, then made downwards. */
static int make_folders(struct tx *tx, const char *path, struct err *err)
{
    char above[PATH_MAX], folder[PATH_MAX];
    const char *name;
    size_t n = strlen(path), at = n;
    int there = 0, rc = 0;
    memcpy(above, path, n + 1);
    while (!rc && at) {
        above[at] = '\0';
        rc = has_folder(tx, above, &there, err);
        if (rc || there)
            break;
        while (at && above[at] != '/')
            at--;
    }
    while (!rc && at < n) {
        at++;
        while (at < n && path[at] != '/')
            at++;
        memcpy(above, path, at);
        above[at] = '\0';
        split(above, folder, &name);
        rc = tx_exec(tx, &artifact_folder_insert, NULL, err, "tti", folder, name, tx_now_ms(tx));
    }
    return rc;
}

int artifact_put(struct tx *tx, const char *path, const char *digest, int64_t bytes,
                 struct err *err)
{
    char folder[PATH_MAX];
    const char *name;
    int64_t changed = 0;
    int rc = check_path(path, err);
    if (rc)
        return rc;
    split(path, folder, &name);
    rc = make_folders(tx, folder, err);
    if (!rc)
        rc = tx_exec(tx, &artifact_upsert, &changed, err, "tttii", folder, name, digest, bytes,
                     tx_now_ms(tx));
    if (!rc && !changed)
        rc = ERR(err, ERR_INVALID, "Invalid path: '%s' is a folder", path);
    return rc;
}

int artifact_remove(struct tx *tx, const char *path, struct err *err)
{
    char folder[PATH_MAX];
    const char *name;
    int rc = check_path(path, err);
    if (rc)
        return rc;
    split(path, folder, &name);
    rc = tx_exec(tx, &artifact_remove_below, NULL, err, "t", path);
    return rc ? rc : tx_exec(tx, &artifact_remove_one, NULL, err, "tt", folder, name);
}
