/* SPDX-License-Identifier: Apache-2.0
 * Rows of uploads in parts. */
#include "track/upload.h"

#include <string.h>

#include "base/limits.h"
#include "store/gc.h"
#include "store/rows.h"
#include "track/track_int.h"

MIGRATION(151, "track",
          "CREATE TABLE uploads ("
          " upload_id TEXT NOT NULL PRIMARY KEY,"
          " path TEXT NOT NULL,"
          " part_count BIGINT NOT NULL,"
          " expires_ms BIGINT NOT NULL,"
          " joiner TEXT NOT NULL);"
          "CREATE TABLE upload_parts ("
          " upload_id TEXT NOT NULL,"
          " number BIGINT NOT NULL,"
          " digest TEXT NOT NULL,"
          " bytes BIGINT NOT NULL,"
          " PRIMARY KEY (upload_id, number))");

SQL(upload_insert, "INSERT INTO uploads (upload_id, path, part_count, expires_ms, joiner) VALUES "
                   "($1, $2, $3, $4, '')");
SQL(upload_count, "SELECT COUNT(*) FROM uploads WHERE joiner <> 'done'");
SQL(upload_one, "SELECT upload_id, path, part_count, expires_ms, joiner FROM uploads WHERE "
                "upload_id = $1");
SQL(upload_part_upsert,
    "INSERT INTO upload_parts (upload_id, number, digest, bytes) VALUES ($1, $2, $3, $4)"
    " ON CONFLICT (upload_id, number) DO UPDATE SET digest = excluded.digest, bytes = "
    "excluded.bytes");
SQL(upload_part_list,
    "SELECT number, digest, bytes FROM upload_parts WHERE upload_id = $1 ORDER BY number");
SQL(upload_joiner, "UPDATE uploads SET joiner = $1 WHERE upload_id = $2");
SQL(upload_finish, "UPDATE uploads SET joiner = 'done' WHERE upload_id = $1 AND joiner = $2");
SQL(upload_parts_remove, "DELETE FROM upload_parts WHERE upload_id = $1");
SQL(upload_remove, "DELETE FROM uploads WHERE upload_id = $1");
SQL(upload_parts_expire, "DELETE FROM upload_parts WHERE upload_id IN (SELECT upload_id FROM "
                         "uploads WHERE expires_ms < $1)");
SQL(upload_expire, "DELETE FROM uploads WHERE expires_ms < $1");

BLOB_REFERENCE(upload_part_blobs,
               "SELECT digest, 'part of upload ' || upload_id FROM upload_parts ORDER BY number "
               "DESC",
               0);

int upload_create(struct tx *tx, const struct upload *u, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = upload_sweep(tx, err);
    if (!rc)
        rc = stmt_open(tx, &upload_count, &st, err);
    if (rc)
        return rc;
    rc = stmt_step(st, err);
    if (rc == 1 && stmt_get_int(st, 0) >= UPLOADS_OPEN_MAX)
        return ERR(err, ERR_UNAVAILABLE,
                   "%d uploads in parts are open: finish or abort some; they expire after a day",
                   UPLOADS_OPEN_MAX);
    return rc < 0 ? rc
                  : tx_exec(tx, &upload_insert, NULL, err, "ttii", u->id, u->path, u->part_count,
                            u->expires_ms);
}

int upload_get(struct tx *tx, struct arena *a, const char *id, struct upload *out, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &upload_one, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, id);
    rc = stmt_step(st, err);
    if (rc < 0)
        return rc;
    if (rc == 1)
        *out = (struct upload){ .id = stmt_get_text(st, 0, a),
                                .path = stmt_get_text(st, 1, a),
                                .part_count = stmt_get_int(st, 2),
                                .expires_ms = stmt_get_int(st, 3),
                                .joiner = stmt_get_text(st, 4, a) };
    if (rc == 0 || out->expires_ms < tx_now_ms(tx))
        return ERR(err, ERR_NOT_FOUND,
                   "upload '%.80s' is not known: it was aborted, or it expired after a day", id);
    return a->failed ? track__no_memory(err) : 0;
}

int upload_part_put(struct tx *tx, const char *id, const struct upload_part *part, struct err *err)
{
    struct arena a;
    struct upload u = { .id = id };
    arena_init(&a, KIB(64));
    int rc = upload_get(tx, &a, id, &u, err);
    int joined = !rc && u.joiner[0];
    arena_fini(&a);
    if (rc)
        return rc;
    if (part->number < 1 || part->number > u.part_count)
        return ERR(err, ERR_INVALID, "part %lld is none of the %lld parts of this upload",
                   (long long)part->number, (long long)u.part_count);
    if (joined)
        return ERR(err, ERR_CONFLICT, "this upload is put together already");
    return tx_exec(tx, &upload_part_upsert, NULL, err, "titi", id, part->number, part->digest,
                   part->bytes);
}

int upload_parts(struct tx *tx, struct arena *a, const char *id, struct upload_part **out,
                 size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    struct upload_part *list = NULL;
    size_t n = 0, cap = 0;
    int rc = stmt_open(tx, &upload_part_list, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, id);
    while ((rc = stmt_step(st, err)) == 1) {
        list = rows_room(a, list, n, &cap, sizeof *list);
        if (!list)
            return track__no_memory(err);
        list[n++] = (struct upload_part){ stmt_get_int(st, 0), stmt_get_text(st, 1, a),
                                          stmt_get_int(st, 2) };
    }
    *out = list;
    *out_n = n;
    return rc;
}

int upload_join_begin(struct tx *tx, const char *id, const char *joiner, struct err *err)
{
    struct arena a;
    struct upload u = { .id = id };
    arena_init(&a, KIB(64));
    int rc = upload_get(tx, &a, id, &u, err);
    if (!rc && strcmp(u.joiner, joiner) == 0)
        rc = ERR(err, ERR_UNAVAILABLE, "this upload is being put together; ask again");
    arena_fini(&a);
    return rc ? rc : tx_exec(tx, &upload_joiner, NULL, err, "tt", joiner, id);
}

int upload_join_end(struct tx *tx, const char *id, struct err *err)
{
    return tx_exec(tx, &upload_joiner, NULL, err, "tt", "", id);
}

int upload_done(struct tx *tx, const char *id, const char *joiner, struct err *err)
{
    int64_t changed = 0;
    int rc = tx_exec(tx, &upload_finish, &changed, err, "tt", id, joiner);
    if (!rc && !changed)
        rc = ERR(err, ERR_CONFLICT,
                 "upload '%.80s' was aborted, or it expired, while it was put together", id);
    return rc ? rc : tx_exec(tx, &upload_parts_remove, NULL, err, "t", id);
}

int upload_abort(struct tx *tx, const char *id, struct err *err)
{
    int64_t changed = 0;
    int rc = tx_exec(tx, &upload_parts_remove, NULL, err, "t", id);
    if (!rc)
        rc = tx_exec(tx, &upload_remove, &changed, err, "t", id);
    if (!rc && !changed)
        rc = ERR(err, ERR_NOT_FOUND,
                 "upload '%.80s' is not known: it was aborted, or it expired after a day", id);
    return rc;
}

int upload_sweep(struct tx *tx, struct err *err)
{
    int rc = tx_exec(tx, &upload_parts_expire, NULL, err, "i", tx_now_ms(tx));
    return rc ? rc : tx_exec(tx, &upload_expire, NULL, err, "i", tx_now_ms(tx));
}
