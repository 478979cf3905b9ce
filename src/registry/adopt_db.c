/* SPDX-License-Identifier: Apache-2.0
 * Models and versions taken over from another registry. */
#include "registry/adopt.h"

#include "registry/registry_int.h"

SQL(adopt_model, "INSERT INTO models (model_id, project, name, description, creation_time_ms,"
                 " last_update_time_ms) VALUES ($1, $2, $3, $4, $5, $6)");
SQL(adopt_model_name, "SELECT name FROM models WHERE model_id = $1");
SQL(adopt_model_tag, "INSERT INTO model_tags (model_id, key, value) VALUES ($1, $2, $3)"
                     " ON CONFLICT (model_id, key) DO NOTHING");
SQL(adopt_alias, "INSERT INTO model_aliases (model_id, alias, version) VALUES ($1, $2, $3)"
                 " ON CONFLICT (model_id, alias) DO NOTHING");
SQL(adopt_version_there, "SELECT 1 FROM versions WHERE model_id = $1 AND version = $2"
                         " AND deleted_time_ms IS NULL");
SQL(adopt_version,
    "INSERT INTO versions (model_id, version, status, stage, description, source, run_id, run_link,"
    " user_id, creation_time_ms, last_update_time_ms, bytes, deleted_time_ms)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, $12)");
SQL(adopt_version_section,
    "INSERT INTO version_sections (model_id, version, section, json) VALUES ($1, $2, $3, $4)");
SQL(adopt_version_tag, "INSERT INTO version_tags (model_id, version, key, value)"
                       " VALUES ($1, $2, $3, $4) ON CONFLICT (model_id, version, key) DO NOTHING");

int model_adopt(struct tx *tx, const struct cause *by, const struct model *m,
                char out_id[UUID_TEXT], struct err *err)
{
    int rc = model_name_check(m->name, err);
    if (rc)
        return rc;
    uuid7(out_id);
    rc = tx_exec(tx, &adopt_model, NULL, err, "ttttii", out_id, cause_project(by), m->name,
                 m->description, m->creation_time_ms, m->last_update_time_ms);
    if (rc == ERR_EXISTS)
        return ERR(err, ERR_EXISTS, "Registered Model (name=%.200s) already exists.", m->name);
    return rc ? rc
              : registry__tell(tx, by, m->name, 0, &(struct event){ .kind = "model.imported" },
                               err);
}

int model_adopt_tag(struct tx *tx, const char *model_id, const struct track_pair *t,
                    struct err *err)
{
    int rc = registry__check_tag(t, err);
    return rc ? rc : tx_exec(tx, &adopt_model_tag, NULL, err, "ttt", model_id, t->key, t->value);
}

int model_adopt_alias(struct tx *tx, const char *model_id, const char *alias, int64_t version,
                      struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &adopt_version_there, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, model_id);
    stmt_int(st, 2, version);
    rc = stmt_step(st, err);
    if (rc < 0)
        return rc;
    if (rc == 0 || !alias[0] || strlen(alias) > LIMIT_NAME)
        return ERR(err, ERR_INVALID, "alias '%.40s' stands for version %lld, which is not there",
                   alias, (long long)version);
    return tx_exec(tx, &adopt_alias, NULL, err, "tti", model_id, alias, version);
}

static int name_of(struct tx *tx, struct arena *a, const char *model_id, const char **out,
                   struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &adopt_model_name, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, model_id);
    rc = rows_text(st, a, out, err);
    return rc ? rc : *out ? 0 : ERR(err, ERR_NOT_FOUND, "there is no such model");
}

static int insert(struct tx *tx, const char *model_id, const struct version *v, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &adopt_version, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, model_id);
    stmt_int(st, 2, v->number);
    stmt_text(st, 3, v->status);
    stmt_text(st, 4, v->deleted ? "Deleted_Internal" : v->stage);
    stmt_text(st, 5, v->description);
    stmt_text(st, 6, v->source);
    stmt_text(st, 7, v->run_id);
    stmt_text(st, 8, v->run_link);
    stmt_text(st, 9, v->user);
    stmt_int(st, 10, v->creation_time_ms);
    stmt_int(st, 11, v->last_update_time_ms);
    if (v->deleted)
        stmt_int(st, 12, v->last_update_time_ms);
    else
        stmt_null(st, 12);
    return stmt_step(st, err);
}

int version_adopt(struct tx *tx, const struct cause *by, const char *model_id,
                  const struct version *v, struct err *err)
{
    struct arena a;
    const char *name = NULL;
    if (v->number < 1 || strlen(v->source) > 65536 || strlen(v->description) > REGISTRY_TEXT_MAX)
        return ERR(err, ERR_INVALID, "version %lld: number, source or description is out of bounds",
                   (long long)v->number);
    arena_init(&a, MIB(1));
    int rc = name_of(tx, &a, model_id, &name, err);
    if (!rc)
        rc = insert(tx, model_id, v, err);
    if (rc == ERR_EXISTS)
        rc = ERR(err, ERR_EXISTS, "there is a version %lld of model '%.200s' already",
                 (long long)v->number, name);
    if (!rc)
        rc = registry__tell(tx, by, name, v->number,
                            &(struct event){ .kind = "model_version.imported" }, err);
    arena_fini(&a);
    return rc;
}

int version_adopt_tag(struct tx *tx, const char *model_id, int64_t number,
                      const struct track_pair *t, struct err *err)
{
    int rc = registry__check_tag(t, err);
    return rc ? rc
              : tx_exec(tx, &adopt_version_tag, NULL, err, "titt", model_id, number, t->key,
                        t->value);
}

int version_adopt_section(struct tx *tx, const char *model_id, int64_t number,
                          const struct version_section *section, struct err *err)
{
    return tx_exec(tx, &adopt_version_section, NULL, err, "titt", model_id, number, section->name,
                   section->json);
}
