/* SPDX-License-Identifier: Apache-2.0
 * Saved views of the page. */
#include "track/saved_view.h"

#include "base/limits.h"
#include "track/track_int.h"

enum { VIEW_STATE_MAX = 65536, VIEW_LIST_MAX = 1000 };

MIGRATION(140, "track",
          "CREATE TABLE saved_views ("
          " project TEXT NOT NULL,"
          " page TEXT NOT NULL,"
          " name TEXT NOT NULL,"
          " owner TEXT NOT NULL,"
          " state_json TEXT NOT NULL,"
          " creation_time_ms BIGINT NOT NULL,"
          " last_update_time_ms BIGINT NOT NULL,"
          " PRIMARY KEY (project, page, name, owner))");

SQL(saved_view_upsert,
    "INSERT INTO saved_views (project, page, name, owner, state_json, creation_time_ms,"
    " last_update_time_ms) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (project, page, name, "
    "owner) DO UPDATE SET state_json = excluded.state_json, last_update_time_ms = "
    "excluded.last_update_time_ms");
SQL(saved_view_all,
    "SELECT page, name, owner, state_json, creation_time_ms, last_update_time_ms FROM saved_views"
    " WHERE project = $1 AND ($2 = '' OR page = $2) AND (owner = '' OR owner = $3)"
    " ORDER BY page, name, owner LIMIT $4");
SQL(saved_view_remove, "DELETE FROM saved_views WHERE project = $1 AND page = $2 AND name = $3"
                       " AND owner = $4");

static int tell(struct tx *tx, const struct cause *by, const char *kind, const struct saved_view *v,
                struct err *err)
{
    struct arena a;
    arena_init(&a, KIB(256));
    struct event e = event_of(by, kind, arena_printf(&a, "view/%s/%s", v->page, v->name));
    int rc = event_add(tx, &e, err);
    arena_fini(&a);
    return rc;
}

static int check_text(const char *what, const char *text, struct err *err)
{
    size_t n = strlen(text);
    int bad = n == 0 || n > TRACK_KEY_MAX || !str_is_utf8((str_t){ text, n });
    for (size_t i = 0; i < n; i++)
        bad |= (unsigned char)text[i] < 0x20;
    return bad ? ERR(err, ERR_INVALID, "the %s of a view has 1 to %d bytes of UTF-8", what,
                     TRACK_KEY_MAX)
               : 0;
}

int saved_view_put(struct tx *tx, const struct cause *by, const struct saved_view *v,
                   struct err *err)
{
    int rc = check_text("page", v->page, err);
    if (!rc)
        rc = check_text("name", v->name, err);
    if (!rc && strlen(v->state) > VIEW_STATE_MAX)
        rc = ERR(err, ERR_LIMIT, "the state of view '%s' has more than %d bytes", v->name,
                 VIEW_STATE_MAX);
    if (!rc)
        rc = tx_exec(tx, &saved_view_upsert, NULL, err, "tttttii", cause_project(by), v->page,
                     v->name, v->owner, v->state, tx_now_ms(tx), tx_now_ms(tx));
    return rc ? rc : tell(tx, by, "view.saved", v, err);
}

int saved_view_list(struct tx *tx, struct arena *a, const struct cause *by, const char *page,
                    struct saved_view **out, size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    struct saved_view *list = NULL;
    size_t n = 0, cap = 0;
    int rc = stmt_open(tx, &saved_view_all, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, cause_project(by));
    stmt_text(st, 2, page ? page : "");
    stmt_text(st, 3, cause_actor(by));
    stmt_int(st, 4, VIEW_LIST_MAX);
    while ((rc = stmt_step(st, err)) == 1) {
        list = rows_room(a, list, n, &cap, sizeof *list);
        if (!list)
            return track__no_memory(err);
        list[n++] = (struct saved_view){ .page = stmt_get_text(st, 0, a),
                                         .name = stmt_get_text(st, 1, a),
                                         .owner = stmt_get_text(st, 2, a),
                                         .state = stmt_get_text(st, 3, a),
                                         .creation_time_ms = stmt_get_int(st, 4),
                                         .last_update_time_ms = stmt_get_int(st, 5) };
    }
    *out = list;
    *out_n = n;
    return rc;
}

int saved_view_delete(struct tx *tx, const struct cause *by, const struct saved_view *v,
                      struct err *err)
{
    int64_t changed = 0;
    int rc = tx_exec(tx, &saved_view_remove, &changed, err, "tttt", cause_project(by), v->page,
                     v->name, v->owner);
    if (!rc && !changed)
        rc = ERR(err, ERR_NOT_FOUND, "page '%.80s' has no view '%.200s' of that kind", v->page,
                 v->name);
    return rc ? rc : tell(tx, by, "view.deleted", v, err);
}
