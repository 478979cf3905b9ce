/* SPDX-License-Identifier: Apache-2.0
 * The trash of the registry. A deleted model keeps its rows and its id but belongs to the project
 * "trash:<id>", which nobody asks for: its name is free at once and every look-up by project misses
 * it. A deleted version has a deleted_time_ms; a purged one keeps only its number. */
#include "registry/registry_int.h"
#include "registry/version.h"
#include "store/gc.h"
#include "track/artifact.h"

MIGRATION(241, "registry",
          "ALTER TABLE models ADD COLUMN deleted_time_ms BIGINT;"
          "ALTER TABLE models ADD COLUMN trash_project TEXT;"
          "ALTER TABLE versions ADD COLUMN purged_time_ms BIGINT");

SQL(trash_put_model, "UPDATE models SET deleted_time_ms = $1, trash_project = project,"
                     " project = 'trash:' || model_id WHERE model_id = $2");
SQL(trash_take_model, "UPDATE models SET deleted_time_ms = NULL, project = trash_project,"
                      " trash_project = NULL, last_update_time_ms = $1 WHERE model_id = $2");
SQL(trash_find_model, "SELECT model_id FROM models WHERE trash_project = $1 AND name = $2"
                      " ORDER BY deleted_time_ms DESC, model_id DESC LIMIT 1");
SQL(trash_all_models,
    "SELECT m.name, m.deleted_time_ms, (SELECT COUNT(*) FROM versions v WHERE v.model_id = "
    "m.model_id AND v.deleted_time_ms IS NULL) FROM models m WHERE m.trash_project = $1"
    " ORDER BY m.deleted_time_ms DESC, m.model_id LIMIT $2");
SQL(trash_all_versions,
    "SELECT m.name, v.deleted_time_ms, v.version FROM versions v JOIN models m ON m.model_id = "
    "v.model_id WHERE m.project = $1 AND v.deleted_time_ms IS NOT NULL AND v.purged_time_ms IS NULL"
    " ORDER BY v.deleted_time_ms DESC, m.name, v.version LIMIT $2");
SQL(trash_find_version,
    "SELECT v.model_id, v.deleted_time_ms FROM versions v JOIN models m ON m.model_id = v.model_id"
    " WHERE m.project = $1 AND m.name = $2 AND v.version = $3 AND v.deleted_time_ms IS NOT NULL"
    " AND v.purged_time_ms IS NULL");
SQL(trash_take_version, "UPDATE versions SET deleted_time_ms = NULL, last_update_time_ms = $1"
                        " WHERE model_id = $2 AND version = $3");
/* Aliases whose last move but one pointed at the version and whose last one, made by its deletion,
 * points nowhere. */
SQL(trash_aliases,
    "SELECT h.alias FROM alias_history h JOIN alias_history n ON n.model_id = h.model_id AND "
    "n.alias = h.alias AND n.position = h.position + 1 WHERE h.model_id = $1 AND h.version = $2"
    " AND n.version IS NULL AND n.time_ms = $3 AND NOT EXISTS (SELECT 1 FROM alias_history l WHERE"
    " l.model_id = h.model_id AND l.alias = h.alias AND l.position > n.position) ORDER BY h.alias");
SQL(purge_version_sections, "DELETE FROM version_sections WHERE model_id = $1 AND version = $2");
SQL(purge_version_storage,
    "SELECT json FROM version_sections WHERE model_id = $1 AND section = '" VERSION_STORAGE
    "' AND (version = $2 OR $2 < 0)");
SQL(purge_version_tags, "DELETE FROM version_tags WHERE model_id = $1 AND version = $2");
SQL(purge_version, "UPDATE versions SET purged_time_ms = $1, source = 'REDACTED', description = '',"
                   " run_id = NULL, run_link = NULL, user_id = '', digest = NULL, files_digest = "
                   "NULL, bytes = 0, dataset_name = NULL, dataset_digest = NULL"
                   " WHERE model_id = $2 AND version = $3");
SQL(purge_model_aliases, "DELETE FROM model_aliases WHERE model_id = $1");
SQL(purge_model_history, "DELETE FROM alias_history WHERE model_id = $1");
SQL(purge_model_tags, "DELETE FROM model_tags WHERE model_id = $1");
SQL(purge_model_sections, "DELETE FROM version_sections WHERE model_id = $1");
SQL(purge_model_version_tags, "DELETE FROM version_tags WHERE model_id = $1");
SQL(purge_model_versions, "DELETE FROM versions WHERE model_id = $1");
SQL(purge_model, "DELETE FROM models WHERE model_id = $1");

/* What is in the trash still refers to its bytes. */
#define OF_VERSION(column)                                                                         \
    "SELECT v." column ", 'model ' || COALESCE(m.name, v.model_id) || ', version ' || v.version"   \
    " FROM versions v LEFT JOIN models m ON m.model_id = v.model_id WHERE v." column               \
    " IS NOT NULL ORDER BY v.creation_time_ms DESC"
BLOB_REFERENCE(version_trees, OF_VERSION("files_digest"), 1);
BLOB_REFERENCE(version_files, OF_VERSION("digest"), 0);

SQL(trash_run_row, "SELECT 1 FROM runs WHERE run_id = $1 LIMIT 1");
SQL(trash_run_uri, "SELECT 1 FROM runs WHERE artifact_uri LIKE '%/' || $1 || '/%' LIMIT 1");
SQL(trash_version_source, "SELECT 1 FROM versions WHERE source LIKE '%' || $1 || '%' LIMIT 1");
SQL(trash_logged_location,
    "SELECT 1 FROM logged_models WHERE artifact_location LIKE '%' || $1 || '%' LIMIT 1");

/* ---- models ---- */

int model_delete(struct tx *tx, const struct cause *by, const char *name, struct err *err)
{
    struct arena a;
    struct model m;
    arena_init(&a, MIB(4));
    int rc = model_get(tx, &a, cause_project(by), name, &m, err);
    if (!rc)
        rc = registry__tell(tx, by, name, 0,
                            &(struct event){ .kind = "model.deleted",
                                             .before = event_json(&a, "name", name, (char *)NULL) },
                            err);
    if (!rc)
        rc = tx_exec(tx, &trash_put_model, NULL, err, "it", tx_now_ms(tx), m.id);
    arena_fini(&a);
    return rc;
}

static int find_trashed(struct tx *tx, struct arena *a, const char *project, const char *name,
                        const char **out_id, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &trash_find_model, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, project);
    stmt_text(st, 2, name);
    rc = rows_text(st, a, out_id, err);
    if (!rc && !*out_id)
        rc = ERR(err, ERR_NOT_FOUND, "no model '%.200s' is in the trash; 'slipway trash' lists it",
                 name);
    return rc;
}

int model_restore(struct tx *tx, const struct cause *by, const char *name, struct err *err)
{
    struct arena a;
    const char *id = NULL;
    arena_init(&a, MIB(1));
    int rc = find_trashed(tx, &a, cause_project(by), name, &id, err);
    if (!rc)
        rc = tx_exec(tx, &trash_take_model, NULL, err, "it", tx_now_ms(tx), id);
    if (rc == ERR_EXISTS)
        rc =
            ERR(err, ERR_EXISTS,
                "there is another model '%.200s' now; rename that one before restoring this", name);
    if (!rc)
        rc = registry__tell(tx, by, name, 0,
                            &(struct event){ .kind = "model.restored",
                                             .after = event_json(&a, "name", name, (char *)NULL) },
                            err);
    arena_fini(&a);
    return rc;
}

/* Copies of folders that belong to one version alone (api/mlflow/versions.c), or to any version of
 * the model when number < 0. */
static int remove_copies(struct tx *tx, struct arena *a, const char *id, int64_t number,
                         struct err *err)
{
    static const char prefix[] = "\"mlflow-artifacts:/" VERSION_COPIES;
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &purge_version_storage, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, id);
    stmt_int(st, 2, number);
    while ((rc = stmt_step(st, err)) == 1) {
        char *text = stmt_get_text(st, 0, a);
        size_t n = text ? strlen(text) : 0;
        if (n <= sizeof prefix || strncmp(text, prefix, sizeof prefix - 1) != 0)
            continue;
        text[n - 1] = '\0';
        rc = artifact_remove(tx, text + strlen("\"mlflow-artifacts:/"), err);
        if (rc)
            break;
    }
    return rc;
}

static int purge_one(struct tx *tx, const struct cause *by, const char *id, const char *name,
                     struct err *err)
{
    const struct sql *const steps[] = {
        &purge_model_aliases,      &purge_model_history,  &purge_model_tags, &purge_model_sections,
        &purge_model_version_tags, &purge_model_versions, &purge_model
    };
    struct arena a;
    arena_init(&a, MIB(1));
    int rc = registry__tell(
        tx, by, name, 0,
        &(struct event){ .kind = "model.purged",
                         .before = event_json(&a, "name", name, "model_id", id, (char *)NULL) },
        err);
    if (!rc)
        rc = remove_copies(tx, &a, id, -1, err);
    for (size_t i = 0; !rc && i < ARRAY_LEN(steps); i++)
        rc = tx_exec(tx, steps[i], NULL, err, "t", id);
    arena_fini(&a);
    return rc;
}

int model_purge(struct tx *tx, const struct cause *by, const char *name, struct err *err)
{
    struct arena a;
    const char *id = NULL;
    arena_init(&a, MIB(4));
    int rc = find_trashed(tx, &a, cause_project(by), name, &id, err);
    while (!rc) {
        rc = purge_one(tx, by, id, name, err);
        if (!rc && find_trashed(tx, &a, cause_project(by), name, &id, NULL) != 0)
            break;
    }
    arena_fini(&a);
    return rc;
}

/* ---- versions ---- */

static int find_version(struct tx *tx, struct arena *a, const struct cause *by, const char *model,
                        int64_t number, const char **out_id, int64_t *out_ms, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &trash_find_version, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, cause_project(by));
    stmt_text(st, 2, model);
    stmt_int(st, 3, number);
    rc = stmt_step(st, err);
    if (rc == 0)
        return ERR(err, ERR_NOT_FOUND,
                   "version %lld of model '%.200s' is not in the trash; 'slipway trash' lists it",
                   (long long)number, model);
    if (rc == 1) {
        *out_id = stmt_get_text(st, 0, a);
        *out_ms = stmt_get_int(st, 1);
    }
    return MIN(rc, 0);
}

static int lost_aliases(struct tx *tx, struct arena *a, const char *id, int64_t number,
                        int64_t deleted_ms, const char ***out, size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    const char **list = NULL;
    size_t n = 0, cap = 0;
    int rc = stmt_open(tx, &trash_aliases, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, id);
    stmt_int(st, 2, number);
    stmt_int(st, 3, deleted_ms);
    while ((rc = stmt_step(st, err)) == 1) {
        list = rows_room(a, list, n, &cap, sizeof *list);
        if (!list)
            return registry__no_memory(err);
        list[n++] = stmt_get_text(st, 0, a);
    }
    *out = list;
    *out_n = n;
    return rc;
}

int version_restore(struct tx *tx, const struct cause *by, const char *model, int64_t number,
                    struct err *err)
{
    struct arena a;
    const char *id = NULL, **aliases = NULL;
    int64_t deleted_ms = 0;
    size_t n = 0;
    arena_init(&a, MIB(4));
    int rc = find_version(tx, &a, by, model, number, &id, &deleted_ms, err);
    if (!rc)
        rc = lost_aliases(tx, &a, id, number, deleted_ms, &aliases, &n, err);
    if (!rc)
        rc = tx_exec(tx, &trash_take_version, NULL, err, "iti", tx_now_ms(tx), id, number);
    for (size_t i = 0; !rc && i < n; i++)
        rc = model_alias_set(tx, by, model, aliases[i], number, err);
    if (!rc)
        rc = registry__tell(tx, by, model, number,
                            &(struct event){ .kind = "model_version.restored" }, err);
    arena_fini(&a);
    return rc;
}

int version_purge(struct tx *tx, const struct cause *by, const char *model, int64_t number,
                  struct err *err)
{
    struct arena a;
    const char *id = NULL;
    int64_t deleted_ms = 0;
    arena_init(&a, MIB(1));
    int rc = find_version(tx, &a, by, model, number, &id, &deleted_ms, err);
    if (!rc)
        rc = registry__tell(tx, by, model, number,
                            &(struct event){ .kind = "model_version.purged" }, err);
    if (!rc)
        rc = remove_copies(tx, &a, id, number, err);
    if (!rc)
        rc = tx_exec(tx, &purge_version_sections, NULL, err, "ti", id, number);
    if (!rc)
        rc = tx_exec(tx, &purge_version_tags, NULL, err, "ti", id, number);
    if (!rc)
        rc = tx_exec(tx, &purge_version, NULL, err, "iti", tx_now_ms(tx), id, number);
    arena_fini(&a);
    return rc;
}

/* ---- lists ---- */

struct trash_read {
    struct arena *a;
    struct trash_model *list;
    size_t n, cap;
};

static int read_rows(struct tx *tx, struct trash_read *r, const struct sql *sql,
                     const char *project, int64_t limit, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, sql, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, project);
    stmt_int(st, 2, limit);
    while ((rc = stmt_step(st, err)) == 1) {
        r->list = rows_room(r->a, r->list, r->n, &r->cap, sizeof *r->list);
        if (!r->list)
            return registry__no_memory(err);
        int64_t number = stmt_get_int(st, 2);
        r->list[r->n++] =
            (struct trash_model){ .name = stmt_get_text(st, 0, r->a),
                                  .deleted_time_ms = stmt_get_int(st, 1),
                                  .version = sql == &trash_all_versions ? number : 0,
                                  .version_count = sql == &trash_all_versions ? 1 : number };
    }
    return rc;
}

int trash_models(struct tx *tx, struct arena *a, const char *project, int64_t limit,
                 struct trash_model **out, size_t *out_n, struct err *err)
{
    struct trash_read r = { .a = a };
    int rc = read_rows(tx, &r, &trash_all_models, project, limit, err);
    if (!rc)
        rc = read_rows(tx, &r, &trash_all_versions, project, limit, err);
    *out = r.list;
    *out_n = r.n;
    return rc;
}

/* ---- folders of runs ---- */

static int is_named(struct tx *tx, const struct sql *sql, const char *id, int *out, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, sql, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, id);
    rc = stmt_step(st, err);
    *out |= rc == 1;
    return MIN(rc, 0);
}

int trash_run_is_gone(struct tx *tx, struct arena *a, const char *run_id, int *out, struct err *err)
{
    const struct sql *const users[] = { &trash_run_row, &trash_run_uri, &trash_version_source,
                                        &trash_logged_location };
    struct event *list;
    size_t n = 0;
    struct event_query q = { .subject = arena_printf(a, "run/%s", run_id),
                             .kind_prefix = "run.purged",
                             .newest_first = 1,
                             .limit = 1 };
    int rc = event_list(tx, a, &q, &list, &n, err);
    int used = n == 0;
    for (size_t i = 0; !rc && !used && i < ARRAY_LEN(users); i++)
        rc = is_named(tx, users[i], run_id, &used, err);
    *out = !used;
    return rc;
}
