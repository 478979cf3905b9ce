/* SPDX-License-Identifier: Apache-2.0
 * Registered models, aliases and tags: tables, statements, rules. */
#include <stdio.h>

#include "registry/registry_int.h"

MIGRATION(3, "registry",
          "CREATE TABLE models ("
          " model_id TEXT NOT NULL PRIMARY KEY,"
          " project TEXT NOT NULL,"
          " name TEXT NOT NULL,"
          " description TEXT NOT NULL,"
          " creation_time_ms BIGINT NOT NULL,"
          " last_update_time_ms BIGINT NOT NULL,"
          " UNIQUE (project, name));"
          "CREATE TABLE model_tags ("
          " model_id TEXT NOT NULL REFERENCES models (model_id),"
          " key TEXT NOT NULL,"
          " value TEXT NOT NULL,"
          " PRIMARY KEY (model_id, key));"
          "CREATE TABLE versions ("
          " model_id TEXT NOT NULL REFERENCES models (model_id),"
          " version BIGINT NOT NULL,"
          " status TEXT NOT NULL,"
          " stage TEXT NOT NULL,"
          " description TEXT NOT NULL,"
          " source TEXT NOT NULL,"
          " run_id TEXT,"
          " run_link TEXT,"
          " user_id TEXT NOT NULL,"
          " creation_time_ms BIGINT NOT NULL,"
          " last_update_time_ms BIGINT NOT NULL,"
          " digest TEXT,"
          " files_digest TEXT,"
          " bytes BIGINT NOT NULL,"
          " family TEXT,"
          " dataset_name TEXT,"
          " dataset_digest TEXT,"
          " seed BIGINT,"
          " gates_passed BIGINT,"
          " adopted_run TEXT UNIQUE,"
          " deleted_time_ms BIGINT,"
          " PRIMARY KEY (model_id, version));"
          "CREATE INDEX versions_by_run ON versions (run_id);"
          "CREATE INDEX versions_by_dataset ON versions (dataset_digest);"
          "CREATE TABLE version_sections ("
          " model_id TEXT NOT NULL,"
          " version BIGINT NOT NULL,"
          " section TEXT NOT NULL,"
          " json TEXT NOT NULL,"
          " PRIMARY KEY (model_id, version, section),"
          " FOREIGN KEY (model_id, version) REFERENCES versions (model_id, version));"
          "CREATE TABLE version_tags ("
          " model_id TEXT NOT NULL,"
          " version BIGINT NOT NULL,"
          " key TEXT NOT NULL,"
          " value TEXT NOT NULL,"
          " PRIMARY KEY (model_id, version, key),"
          " FOREIGN KEY (model_id, version) REFERENCES versions (model_id, version));"
          "CREATE TABLE model_aliases ("
          " model_id TEXT NOT NULL,"
          " alias TEXT NOT NULL,"
          " version BIGINT NOT NULL,"
          " PRIMARY KEY (model_id, alias),"
          " FOREIGN KEY (model_id, version) REFERENCES versions (model_id, version))");

#define MODEL_COLUMNS                                                                              \
    "m.model_id, m.project, m.name, m.description, m.creation_time_ms, m.last_update_time_ms,"     \
    " (SELECT COALESCE(MAX(v.version), 0) FROM versions v WHERE v.model_id = m.model_id"           \
    " AND v.deleted_time_ms IS NULL),"                                                             \
    " (SELECT COUNT(*) FROM versions v WHERE v.model_id = m.model_id AND v.deleted_time_ms IS "    \
    "NULL)"

SQL(model_insert, "INSERT INTO models (model_id, project, name, description, creation_time_ms, "
                  "last_update_time_ms)"
                  " VALUES ($1, $2, $3, $4, $5, $6)");
SQL(model_by_name, "SELECT " MODEL_COLUMNS " FROM models m WHERE m.project = $1 AND m.name = $2");
SQL(model_all,
    "SELECT " MODEL_COLUMNS " FROM models m WHERE m.project = $1 ORDER BY m.name LIMIT $2");
SQL(model_names,
    "SELECT name FROM models WHERE project = $1 ORDER BY last_update_time_ms DESC LIMIT 500");
SQL(model_set_description,
    "UPDATE models SET description = $1, last_update_time_ms = $2 WHERE model_id = $3");
SQL(model_set_name, "UPDATE models SET name = $1, last_update_time_ms = $2 WHERE model_id = $3");
SQL(model_touch, "UPDATE models SET last_update_time_ms = $1 WHERE model_id = $2");
SQL(versions_touch, "UPDATE versions SET last_update_time_ms = $1 WHERE model_id = $2 AND "
                    "deleted_time_ms IS NULL");
SQL(alias_put, "INSERT INTO model_aliases (model_id, alias, version) VALUES ($1, $2, $3)"
               " ON CONFLICT (model_id, alias) DO UPDATE SET version = excluded.version");
SQL(alias_one, "SELECT version FROM model_aliases WHERE model_id = $1 AND alias = $2");
SQL(alias_remove, "DELETE FROM model_aliases WHERE model_id = $1 AND alias = $2");
SQL(alias_all, "SELECT alias, version FROM model_aliases WHERE model_id = $1 ORDER BY alias");
SQL(model_tag_put, "INSERT INTO model_tags (model_id, key, value) VALUES ($1, $2, $3)"
                   " ON CONFLICT (model_id, key) DO UPDATE SET value = excluded.value");
SQL(model_tag_one, "SELECT value FROM model_tags WHERE model_id = $1 AND key = $2");
SQL(model_tag_remove, "DELETE FROM model_tags WHERE model_id = $1 AND key = $2");
SQL(model_tag_all, "SELECT key, value FROM model_tags WHERE model_id = $1 ORDER BY key");

/* ---- shared helpers of registry/ ---- */

int registry__no_memory(struct err *err)
{
    return rows_too_many(err);
}

char *registry__tag_json(struct arena *a, const char *key, const char *value)
{
    return value ? event_json(a, key, value, (char *)NULL) : NULL;
}

int registry__check_tag(const struct track_pair *tag, struct err *err)
{
    size_t n = strlen(tag->key), m = strlen(tag->value);
    if (n == 0 || n > LIMIT_NAME || !str_is_utf8(str_of(tag->key)))
        return ERR(err, ERR_INVALID, "the key of a tag has 1 to %d bytes of UTF-8", LIMIT_NAME);
    if (m > REGISTRY_TAG_MAX || !str_is_utf8(str_of(tag->value)))
        return ERR(err, ERR_INVALID, "the value of tag '%s' has at most %d bytes of UTF-8",
                   tag->key, REGISTRY_TAG_MAX);
    return 0;
}

int registry__tell(struct tx *tx, const struct cause *by, const char *model, int64_t number,
                   const struct event *e, struct err *err)
{
    char subject[LIMIT_NAME + 40];
    if (number > 0)
        (void)snprintf(subject, sizeof subject, "model/%s:%lld", model, (long long)number);
    else
        (void)snprintf(subject, sizeof subject, "model/%s", model);
    struct event full = event_of(by, e->kind, subject);
    full.before = e->before;
    full.after = e->after;
    return event_add(tx, &full, err);
}

int registry__touch(struct tx *tx, const char *model_id, struct err *err)
{
    return tx_exec(tx, &model_touch, NULL, err, "it", tx_now_ms(tx), model_id);
}

/* ---- models ---- */

int model_name_check(const char *name, struct err *err)
{
    size_t n = name ? strlen(name) : 0;
    if (n == 0 || n > LIMIT_NAME || !str_is_utf8((str_t){ name, n }))
        return ERR(err, ERR_INVALID, "the name of a model has 1 to %d bytes of UTF-8", LIMIT_NAME);
    int bad = strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strpbrk(name, "/:\\") != NULL;
    for (size_t i = 0; i < n; i++)
        bad |= (unsigned char)name[i] < 0x20 || name[i] == 0x7f;
    if (bad)
        return ERR(err, ERR_INVALID,
                   "'%s' cannot name a model: no '/', ':', '\\' or control character", name);
    return 0;
}

static void read_model(const struct stmt *st, struct arena *a, struct model *m)
{
    *m = (struct model){
        .id = stmt_get_text(st, 0, a),
        .project = stmt_get_text(st, 1, a),
        .name = stmt_get_text(st, 2, a),
        .description = stmt_get_text(st, 3, a),
        .creation_time_ms = stmt_get_int(st, 4),
        .last_update_time_ms = stmt_get_int(st, 5),
        .latest_version = stmt_get_int(st, 6),
        .version_count = stmt_get_int(st, 7),
    };
}

int model_create(struct tx *tx, const struct cause *by, const char *name, const char *description,
                 char out_id[UUID_TEXT], struct err *err)
{
    char id[UUID_TEXT];
    struct arena a;
    int rc = model_name_check(name, err);
    if (!rc && description && strlen(description) > REGISTRY_TEXT_MAX)
        rc = ERR(err, ERR_LIMIT, "the description of model '%s' has more than %d bytes", name,
                 REGISTRY_TEXT_MAX);
    if (rc)
        return rc;
    uuid7(id);
    rc = tx_exec(tx, &model_insert, NULL, err, "ttttii", id, cause_project(by), name,
                 description ? description : "", tx_now_ms(tx), tx_now_ms(tx));
    if (rc == ERR_EXISTS)
        return ERR(err, ERR_EXISTS, "Registered Model (name=%s) already exists.", name);
    if (rc)
        return rc;
    arena_init(&a, MIB(1));
    rc = registry__tell(tx, by, name, 0,
                        &(struct event){ .kind = "model.created",
                                         .after = event_json(&a, "name", name, (char *)NULL) },
                        err);
    arena_fini(&a);
    memcpy(out_id, id, sizeof id);
    return rc;
}

static int find(struct tx *tx, struct arena *a, const char *project, const char *name,
                struct model *out, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &model_by_name, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, project);
    stmt_text(st, 2, name);
    rc = stmt_step(st, err);
    if (rc == 1)
        read_model(st, a, out);
    return rc;
}

int model_ensure(struct tx *tx, const struct cause *by, const char *name, char out_id[UUID_TEXT],
                 struct err *err)
{
    struct arena a;
    struct model m = { 0 };
    arena_init(&a, MIB(1));
    int rc = find(tx, &a, cause_project(by), name, &m, err);
    if (rc == 1)
        (void)snprintf(out_id, UUID_TEXT, "%s", m.id);
    arena_fini(&a);
    return rc == 0 ? model_create(tx, by, name, NULL, out_id, err) : MIN(rc, 0);
}

static int no_such_model(struct tx *tx, struct arena *a, const char *project, const char *name,
                         struct err *err)
{
    int any = 0;
    const char *near = rows_nearest(tx, a, &model_names, project, name, &any);
    if (near)
        return ERR(err, ERR_NOT_FOUND, "model '%.200s' not found; did you mean '%s'?", name, near);
    return ERR(err, ERR_NOT_FOUND, "model '%.200s' not found; %s", name,
               any ? "'slipway model ls' lists them"
                   : "there is none yet, 'slipway run' makes one");
}

int model_get(struct tx *tx, struct arena *a, const char *project, const char *name,
              struct model *out, struct err *err)
{
    int rc = find(tx, a, project, name, out, err);
    return rc == 0 ? no_such_model(tx, a, project, name, err) : MIN(rc, 0);
}

int model_list(struct tx *tx, struct arena *a, const char *project, struct model **out,
               size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    struct model *list = NULL;
    size_t n = 0, cap = 0;
    int rc = stmt_open(tx, &model_all, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, project);
    stmt_int(st, 2, REGISTRY_LIST_MAX);
    while ((rc = stmt_step(st, err)) == 1) {
        list = rows_room(a, list, n, &cap, sizeof *list);
        if (!list)
            return registry__no_memory(err);
        read_model(st, a, &list[n++]);
    }
    *out = list;
    *out_n = n;
    return rc;
}

int model_describe(struct tx *tx, const struct cause *by, const char *name, const char *description,
                   struct err *err)
{
    struct arena a;
    struct model m;
    if (strlen(description) > REGISTRY_TEXT_MAX)
        return ERR(err, ERR_LIMIT, "the description of model '%.250s' has more than %d bytes", name,
                   REGISTRY_TEXT_MAX);
    arena_init(&a, MIB(4));
    int rc = model_get(tx, &a, cause_project(by), name, &m, err);
    if (!rc)
        rc =
            tx_exec(tx, &model_set_description, NULL, err, "tit", description, tx_now_ms(tx), m.id);
    if (!rc)
        rc = registry__tell(
            tx, by, name, 0,
            &(struct event){ .kind = "model.described",
                             .before = event_json(&a, "description", m.description, (char *)NULL),
                             .after = event_json(&a, "description", description, (char *)NULL) },
            err);
    arena_fini(&a);
    return rc;
}

int model_rename(struct tx *tx, const struct cause *by, const char *name, const char *new_name,
                 struct err *err)
{
    struct arena a;
    struct model m;
    arena_init(&a, MIB(4));
    int rc = model_name_check(new_name, err);
    if (!rc)
        rc = model_get(tx, &a, cause_project(by), name, &m, err);
    if (!rc)
        rc = tx_exec(tx, &model_set_name, NULL, err, "tit", new_name, tx_now_ms(tx), m.id);
    if (rc == ERR_EXISTS)
        rc = ERR(err, ERR_EXISTS, "Registered Model (name=%s) already exists.", new_name);
    if (!rc) /* a version carries the model's name: it has changed as well */
        rc = tx_exec(tx, &versions_touch, NULL, err, "it", tx_now_ms(tx), m.id);
    if (!rc)
        rc = registry__tell(
            tx, by, new_name, 0,
            &(struct event){ .kind = "model.renamed",
                             .before = event_json(&a, "name", name, (char *)NULL),
                             .after = event_json(&a, "name", new_name, (char *)NULL) },
            err);
    arena_fini(&a);
    return rc;
}

/* ---- aliases ---- */

enum { ALIAS_MAX = 1020 }; /* 255 characters */

static int check_alias(const char *alias, struct err *err)
{
    size_t n = strlen(alias);
    if (n == 0 || n > ALIAS_MAX || !str_is_utf8((str_t){ alias, n }))
        return ERR(err, ERR_INVALID, "an alias has 1 to %d bytes of UTF-8", ALIAS_MAX);
    for (size_t i = 0; i < n; i++) {
        char c = alias[i];
        int plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '_' || c == '-' || (unsigned char)c >= 0x80;
        if (!plain)
            return ERR(err, ERR_INVALID,
                       "alias '%s' has other characters than letters, digits, '_' and '-'", alias);
    }
    int is_version =
        (alias[0] == 'v' || alias[0] == 'V') && n > 1 && strspn(alias + 1, "0123456789") == n - 1;
    if (strcmp(alias, "latest") == 0 || is_version)
        return ERR(err, ERR_INVALID, "alias '%s' is reserved: it would be read as a version",
                   alias);
    return 0;
}

static int alias_of(struct tx *tx, const char *model_id, const char *alias, int64_t *out,
                    struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &alias_one, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, model_id);
    stmt_text(st, 2, alias);
    return rows_int(st, 0, out, err);
}

static char *alias_json(struct arena *a, const char *alias, int64_t version)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%lld", (long long)version);
    return version ? event_json(a, "alias", alias, "version", text, (char *)NULL) : NULL;
}

int model_alias_set(struct tx *tx, const struct cause *by, const char *name, const char *alias,
                    int64_t version, struct err *err)
{
    struct arena a;
    struct version v;
    int64_t old = 0;
    arena_init(&a, MIB(4));
    int rc = check_alias(alias, err);
    if (!rc)
        rc = version_get(tx, &a, cause_project(by), name, version, &v, err);
    if (!rc)
        rc = alias_of(tx, v.model_id, alias, &old, err);
    if (!rc && old != version) {
        rc = tx_exec(tx, &alias_put, NULL, err, "tti", v.model_id, alias, version);
        if (!rc)
            rc = registry__alias_note(tx, by, v.model_id, alias, version, err);
        if (!rc)
            rc = registry__tell(tx, by, name, 0,
                                &(struct event){ .kind = "model.alias_set",
                                                 .before = alias_json(&a, alias, old),
                                                 .after = alias_json(&a, alias, version) },
                                err);
    }
    arena_fini(&a);
    return rc;
}

int model_alias_delete(struct tx *tx, const struct cause *by, const char *name, const char *alias,
                       struct err *err)
{
    struct arena a;
    struct model m;
    int64_t old = 0;
    arena_init(&a, MIB(4));
    int rc = model_get(tx, &a, cause_project(by), name, &m, err);
    if (!rc)
        rc = alias_of(tx, m.id, alias, &old, err);
    if (!rc && old) {
        rc = tx_exec(tx, &alias_remove, NULL, err, "tt", m.id, alias);
        if (!rc)
            rc = registry__alias_note(tx, by, m.id, alias, 0, err);
        if (!rc)
            rc = registry__tell(tx, by, name, 0,
                                &(struct event){ .kind = "model.alias_deleted",
                                                 .before = alias_json(&a, alias, old) },
                                err);
    }
    arena_fini(&a);
    return rc;
}

int model_aliases(struct tx *tx, struct arena *a, const char *model_id, struct model_alias **out,
                  size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    struct model_alias *list = NULL;
    size_t n = 0, cap = 0;
    int rc = stmt_open(tx, &alias_all, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, model_id);
    while ((rc = stmt_step(st, err)) == 1) {
        list = rows_room(a, list, n, &cap, sizeof *list);
        if (!list)
            return registry__no_memory(err);
        list[n++] = (struct model_alias){ stmt_get_text(st, 0, a), stmt_get_int(st, 1) };
    }
    *out = list;
    *out_n = n;
    return rc;
}

/* ---- tags ---- */

static int tag_of(struct tx *tx, struct arena *a, const char *model_id, const char *key,
                  const char **out, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &model_tag_one, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, model_id);
    stmt_text(st, 2, key);
    return rows_text(st, a, out, err);
}

int model_tag_set(struct tx *tx, const struct cause *by, const char *name,
                  const struct track_pair *tag, struct err *err)
{
    struct arena a;
    struct model m;
    const char *old = NULL;
    arena_init(&a, MIB(4));
    int rc = registry__check_tag(tag, err);
    if (!rc)
        rc = model_get(tx, &a, cause_project(by), name, &m, err);
    if (!rc)
        rc = tag_of(tx, &a, m.id, tag->key, &old, err);
    if (!rc && !(old && strcmp(old, tag->value) == 0)) {
        rc = tx_exec(tx, &model_tag_put, NULL, err, "ttt", m.id, tag->key, tag->value);
        if (!rc)
            rc = registry__tell(
                tx, by, name, 0,
                &(struct event){ .kind = "model.tag_set",
                                 .before = registry__tag_json(&a, tag->key, old),
                                 .after = registry__tag_json(&a, tag->key, tag->value) },
                err);
    }
    arena_fini(&a);
    return rc;
}

int model_tag_delete(struct tx *tx, const struct cause *by, const char *name, const char *key,
                     struct err *err)
{
    struct arena a;
    struct model m;
    const char *old = NULL;
    arena_init(&a, MIB(4));
    int rc = model_get(tx, &a, cause_project(by), name, &m, err);
    if (!rc)
        rc = tag_of(tx, &a, m.id, key, &old, err);
    if (!rc && old) {
        rc = tx_exec(tx, &model_tag_remove, NULL, err, "tt", m.id, key);
        if (!rc)
            rc = registry__tell(tx, by, name, 0,
                                &(struct event){ .kind = "model.tag_deleted",
                                                 .before = registry__tag_json(&a, key, old) },
                                err);
    }
    arena_fini(&a);
    return rc;
}

int model_tags(struct tx *tx, struct arena *a, const char *model_id, struct track_pair **out,
               size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &model_tag_all, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, model_id);
    return track_pairs_read(st, a, out, out_n, err);
}
