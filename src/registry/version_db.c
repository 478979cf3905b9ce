/* SPDX-License-Identifier: Apache-2.0
 * Versions with their sections and tags. */
#include <stdio.h>
#include <strings.h>

#include "base/num.h"
#include "registry/registry_int.h"

#define VERSION_COLUMNS                                                                            \
    "v.model_id, m.name, m.project, v.version, v.status, v.stage, v.description, v.source, "       \
    "v.run_id,"                                                                                    \
    " v.run_link, v.user_id, v.creation_time_ms, v.last_update_time_ms, v.digest, v.files_digest," \
    " v.bytes, v.family, v.dataset_name, v.dataset_digest, v.seed, v.gates_passed, "               \
    "v.deleted_time_ms"                                                                            \
    " FROM versions v JOIN models m ON m.model_id = v.model_id"

SQL(version_next, "SELECT COALESCE(MAX(version), 0) + 1 FROM versions WHERE model_id = $1");
SQL(version_insert, "INSERT INTO versions (model_id, version, status, stage, description, source, "
                    "run_id, run_link, user_id,"
                    " creation_time_ms, last_update_time_ms, digest, files_digest, bytes, family, "
                    "dataset_name, dataset_digest,"
                    " seed, gates_passed, adopted_run) VALUES ($1, $2, $3, 'None', $4, $5, $6, $7, "
                    "$8, $9, $10, $11, $12, $13,"
                    " $14, $15, $16, $17, $18, $19)");
SQL(version_section_insert,
    "INSERT INTO version_sections (model_id, version, section, json) VALUES ($1, $2, $3, $4)");
SQL(version_adopted, "SELECT version FROM versions WHERE adopted_run = $1");
SQL(version_one,
    "SELECT " VERSION_COLUMNS " WHERE m.project = $1 AND m.name = $2 AND v.version = $3"
    " AND v.deleted_time_ms IS NULL");
SQL(version_by_alias,
    "SELECT " VERSION_COLUMNS
    " JOIN model_aliases a ON a.model_id = v.model_id AND a.version = v.version"
    " WHERE m.project = $1 AND m.name = $2 AND a.alias = $3 AND v.deleted_time_ms IS NULL");
SQL(version_all,
    "SELECT " VERSION_COLUMNS " WHERE m.project = $1 AND m.name = $2 AND v.deleted_time_ms IS NULL"
    " ORDER BY v.version DESC LIMIT $3");
SQL(version_everything,
    "SELECT " VERSION_COLUMNS " WHERE m.project = $1 AND v.deleted_time_ms IS NULL"
    " ORDER BY v.creation_time_ms DESC, m.name, v.version DESC LIMIT $2");
SQL(version_all_of_run,
    "SELECT " VERSION_COLUMNS " WHERE v.run_id = $1 AND v.deleted_time_ms IS NULL AND "
    "m.deleted_time_ms IS NULL ORDER BY m.name, v.version");
SQL(version_all_of_dataset,
    "SELECT " VERSION_COLUMNS
    " WHERE m.project = $1 AND v.dataset_digest = $2 AND v.deleted_time_ms IS NULL"
    " ORDER BY v.creation_time_ms DESC, v.version DESC LIMIT 1000");
SQL(section_one,
    "SELECT json FROM version_sections WHERE model_id = $1 AND version = $2 AND section = $3");
SQL(section_all, "SELECT section, json FROM version_sections WHERE model_id = $1 AND version = $2 "
                 "ORDER BY section");
SQL(version_set_description, "UPDATE versions SET description = $1, last_update_time_ms = $2 WHERE "
                             "model_id = $3 AND version = $4");
SQL(version_set_stage, "UPDATE versions SET stage = $1, last_update_time_ms = $2 WHERE model_id = "
                       "$3 AND version = $4");
SQL(version_others_in_stage,
    "SELECT " VERSION_COLUMNS " WHERE v.model_id = $1 AND v.version <> $2 AND v.stage = $3"
    " ORDER BY v.version");
SQL(version_mark_deleted,
    "UPDATE versions SET deleted_time_ms = $1, last_update_time_ms = $1 WHERE model_id = $2 AND "
    "version = $3 AND deleted_time_ms IS NULL");
SQL(version_alias_names,
    "SELECT alias FROM model_aliases WHERE model_id = $1 AND version = $2 ORDER BY alias");
SQL(version_tag_put,
    "INSERT INTO version_tags (model_id, version, key, value) VALUES ($1, $2, $3, $4)"
    " ON CONFLICT (model_id, version, key) DO UPDATE SET value = excluded.value");
SQL(version_tag_one,
    "SELECT value FROM version_tags WHERE model_id = $1 AND version = $2 AND key = $3");
SQL(version_tag_remove,
    "DELETE FROM version_tags WHERE model_id = $1 AND version = $2 AND key = $3");
SQL(version_tag_all,
    "SELECT key, value FROM version_tags WHERE model_id = $1 AND version = $2 ORDER BY key");

static void read_version(const struct stmt *st, struct arena *a, struct version *v)
{
    *v = (struct version){
        .model_id = stmt_get_text(st, 0, a),
        .model = stmt_get_text(st, 1, a),
        .project = stmt_get_text(st, 2, a),
        .number = stmt_get_int(st, 3),
        .status = stmt_get_text(st, 4, a),
        .stage = stmt_get_text(st, 5, a),
        .description = stmt_get_text(st, 6, a),
        .source = stmt_get_text(st, 7, a),
        .run_id = stmt_get_text(st, 8, a),
        .run_link = stmt_get_text(st, 9, a),
        .user = stmt_get_text(st, 10, a),
        .creation_time_ms = stmt_get_int(st, 11),
        .last_update_time_ms = stmt_get_int(st, 12),
        .digest = stmt_get_text(st, 13, a),
        .files_digest = stmt_get_text(st, 14, a),
        .bytes = stmt_get_int(st, 15),
        .family = stmt_get_text(st, 16, a),
        .dataset_name = stmt_get_text(st, 17, a),
        .dataset_digest = stmt_get_text(st, 18, a),
        .seed = stmt_get_int(st, 19),
        .has_seed = !stmt_is_null(st, 19),
        .gates_passed = stmt_is_null(st, 20) ? -1 : (int)stmt_get_int(st, 20),
        .deleted = !stmt_is_null(st, 21),
    };
}

/* ---- creation ---- */

static int one_int(struct tx *tx, const struct sql *sql, const char *text, int64_t *out,
                   struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, sql, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, text);
    return rows_int(st, 0, out, err);
}

int version_of_run(struct tx *tx, const char *run_id, int64_t *out_number, struct err *err)
{
    return one_int(tx, &version_adopted, run_id, out_number, err);
}

static int insert(struct tx *tx, const struct version_new *v, const char *model_id, int64_t number,
                  const char *user, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    const struct version *r = &v->row;
    int rc = stmt_open(tx, &version_insert, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, model_id);
    stmt_int(st, 2, number);
    stmt_text(st, 3, r->status ? r->status : "READY");
    stmt_text(st, 4, r->description ? r->description : "");
    stmt_text(st, 5, r->source ? r->source : "");
    stmt_text(st, 6, r->run_id);
    stmt_text(st, 7, r->run_link);
    stmt_text(st, 8, r->user ? r->user : user);
    stmt_int(st, 9, tx_now_ms(tx));
    stmt_int(st, 10, tx_now_ms(tx));
    stmt_text(st, 11, r->digest);
    stmt_text(st, 12, r->files_digest);
    stmt_int(st, 13, r->bytes);
    stmt_text(st, 14, r->family);
    stmt_text(st, 15, r->dataset_name);
    stmt_text(st, 16, r->dataset_digest);
    if (r->has_seed)
        stmt_int(st, 17, r->seed);
    else
        stmt_null(st, 17);
    if (r->gates_passed >= 0)
        stmt_int(st, 18, r->gates_passed);
    else
        stmt_null(st, 18);
    stmt_text(st, 19, v->adopted_run);
    return stmt_step(st, err);
}

static int tell_created(struct tx *tx, const struct cause *by, const struct version_new *v,
                        int64_t number, struct err *err)
{
    struct arena a;
    char text[24];
    arena_init(&a, MIB(1));
    (void)snprintf(text, sizeof text, "%lld", (long long)number);
    struct event e = { .kind = "model_version.created",
                       .after = event_json(&a, "version", text, "run_id", v->row.run_id, "digest",
                                           v->row.digest, (char *)NULL) };
    int rc = registry__tell(tx, by, v->model, number, &e, err);
    arena_fini(&a);
    return rc;
}

int version_create(struct tx *tx, const struct cause *by, const struct version_new *v,
                   int64_t *out_number, struct err *err)
{
    char model_id[UUID_TEXT];
    int64_t number = 0;
    int rc = v->adopted_run ? version_of_run(tx, v->adopted_run, &number, err) : 0;
    if (rc || number) {
        *out_number = number;
        return rc;
    }
    rc = model_ensure(tx, by, v->model, model_id, err);
    if (!rc)
        rc = one_int(tx, &version_next, model_id, &number, err);
    if (!rc)
        rc = insert(tx, v, model_id, number, cause_actor(by), err);
    for (size_t i = 0; !rc && i < v->section_n; i++)
        if (v->sections[i].json)
            rc = tx_exec(tx, &version_section_insert, NULL, err, "titt", model_id, number,
                         v->sections[i].name, v->sections[i].json);
    if (!rc)
        rc = registry__touch(tx, model_id, err);
    if (!rc)
        rc = tell_created(tx, by, v, number, err);
    if (!rc)
        *out_number = number;
    return rc;
}

/* ---- look-up ---- */

static int read_all(struct stmt *st, struct arena *a, struct version **out, size_t *out_n,
                    struct err *err)
{
    struct version *list = NULL;
    size_t n = 0, cap = 0;
    int rc;
    while ((rc = stmt_step(st, err)) == 1) {
        list = rows_room(a, list, n, &cap, sizeof *list);
        if (!list)
            return registry__no_memory(err);
        read_version(st, a, &list[n++]);
    }
    *out = list;
    *out_n = n;
    return rc;
}

/* The model is there but not that version of it. */
static int no_such_version(struct tx *tx, struct arena *a, const char *project, const char *model,
                           const char *text, struct err *err)
{
    struct model m;
    struct model_alias *aliases;
    size_t n = 0;
    int rc = model_get(tx, a, project, model, &m, err);
    if (!rc)
        rc = model_aliases(tx, a, m.id, &aliases, &n, err);
    if (rc)
        return rc;
    if (text[0] == '@') {
        const char **names = arena_alloc(a, MIN(n + 1, (size_t)1000) * sizeof *names);
        for (size_t i = 0; i < n && i < 1000; i++)
            names[i] = aliases[i].alias;
        const char *near = str_nearest(str_of(text + 1), names, MIN(n, (size_t)1000));
        return ERR(err, ERR_NOT_FOUND, "model '%s' has no alias '%.100s'%s%s%s", model, text + 1,
                   near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
    if (m.version_count == 0)
        return ERR(err, ERR_NOT_FOUND, "model '%s' has no version yet", model);
    return ERR(err, ERR_NOT_FOUND, "model '%s' has no version %.40s; its newest is %lld", model,
               text, (long long)m.latest_version);
}

int version_get(struct tx *tx, struct arena *a, const char *project, const char *model,
                int64_t number, struct version *out, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &version_one, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, project);
    stmt_text(st, 2, model);
    stmt_int(st, 3, number);
    rc = stmt_step(st, err);
    if (rc == 1)
        read_version(st, a, out);
    if (rc != 0)
        return MIN(rc, 0);
    return no_such_version(tx, a, project, model, arena_printf(a, "%lld", (long long)number), err);
}

static int by_alias(struct tx *tx, struct arena *a, const char *project, const char *model,
                    const char *text, struct version *out, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &version_by_alias, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, project);
    stmt_text(st, 2, model);
    stmt_text(st, 3, text + 1);
    rc = stmt_step(st, err);
    if (rc == 1)
        read_version(st, a, out);
    return rc == 0 ? no_such_version(tx, a, project, model, text, err) : MIN(rc, 0);
}

int version_resolve(struct tx *tx, struct arena *a, const char *project, const char *model,
                    const char *text, struct version *out, struct err *err)
{
    struct model m;
    int64_t number;
    int rc = 0;
    if (text[0] == '@') {
        rc = by_alias(tx, a, project, model, text, out, err);
        if (rc != ERR_NOT_FOUND || strcmp(text, "@latest") != 0)
            return rc;
    }
    if (strcmp(text, "latest") == 0 || rc == ERR_NOT_FOUND) { /* MLflow reserves that alias */
        rc = model_get(tx, a, project, model, &m, err);
        if (rc)
            return rc;
        return version_get(tx, a, project, model, m.latest_version, out, err);
    }
    const char *digits = text[0] == 'v' ? text + 1 : text;
    if (parse_i64(str_of(digits), &number) != 0 || number < 1)
        return ERR(err, ERR_INVALID,
                   "'%.80s' is not a version of a model: a number, @alias or latest", text);
    return version_get(tx, a, project, model, number, out, err);
}

int version_list(struct tx *tx, struct arena *a, const char *project, const char *model,
                 struct version **out, size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &version_all, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, project);
    stmt_text(st, 2, model);
    stmt_int(st, 3, REGISTRY_LIST_MAX);
    return read_all(st, a, out, out_n, err);
}

int version_list_all(struct tx *tx, struct arena *a, const char *project, int64_t max,
                     struct version **out, size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &version_everything, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, project);
    stmt_int(st, 2, max);
    return read_all(st, a, out, out_n, err);
}

int version_list_of_run(struct tx *tx, struct arena *a, const char *run_id, struct version **out,
                        size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &version_all_of_run, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, run_id);
    return read_all(st, a, out, out_n, err);
}

int version_list_of_dataset(struct tx *tx, struct arena *a, const char *project, const char *digest,
                            struct version **out, size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &version_all_of_dataset, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, project);
    stmt_text(st, 2, digest);
    return read_all(st, a, out, out_n, err);
}

int version_section(struct tx *tx, struct arena *a, const struct version *v, const char *name,
                    const char **out, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &section_one, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, v->model_id);
    stmt_int(st, 2, v->number);
    stmt_text(st, 3, name);
    return rows_text(st, a, out, err);
}

int version_sections(struct tx *tx, struct arena *a, const struct version *v,
                     struct version_section **out, size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    struct version_section *list = NULL;
    size_t n = 0, cap = 0;
    int rc = stmt_open(tx, &section_all, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, v->model_id);
    stmt_int(st, 2, v->number);
    while ((rc = stmt_step(st, err)) == 1) {
        list = rows_room(a, list, n, &cap, sizeof *list);
        if (!list)
            return registry__no_memory(err);
        list[n++] = (struct version_section){ stmt_get_text(st, 0, a), stmt_get_text(st, 1, a) };
    }
    *out = list;
    *out_n = n;
    return rc;
}

/* ---- changes ---- */

int version_describe(struct tx *tx, const struct cause *by, const struct version *v,
                     const char *description, struct err *err)
{
    struct arena a;
    if (strlen(description) > REGISTRY_TEXT_MAX)
        return ERR(err, ERR_LIMIT, "the description has more than %d bytes", REGISTRY_TEXT_MAX);
    arena_init(&a, MIB(4));
    int rc = tx_exec(tx, &version_set_description, NULL, err, "titi", description, tx_now_ms(tx),
                     v->model_id, v->number);
    if (!rc)
        rc = registry__tell(
            tx, by, v->model, v->number,
            &(struct event){ .kind = "model_version.described",
                             .before = event_json(&a, "description", v->description, (char *)NULL),
                             .after = event_json(&a, "description", description, (char *)NULL) },
            err);
    arena_fini(&a);
    return rc;
}

static const char *canonical_stage(const char *stage)
{
    static const char *const stages[] = { "None", "Staging", "Production", "Archived" };
    for (size_t i = 0; i < ARRAY_LEN(stages); i++)
        if (strcasecmp(stage, stages[i]) == 0)
            return stages[i];
    return NULL;
}

static int move_stage(struct tx *tx, const struct cause *by, const struct version *v,
                      const char *to, struct err *err)
{
    struct arena a;
    arena_init(&a, MIB(1));
    int rc = tx_exec(tx, &version_set_stage, NULL, err, "titi", to, tx_now_ms(tx), v->model_id,
                     v->number);
    if (!rc)
        rc = registry__tell(
            tx, by, v->model, v->number,
            &(struct event){ .kind = "model_version.stage_set",
                             .before = event_json(&a, "stage", v->stage, (char *)NULL),
                             .after = event_json(&a, "stage", to, (char *)NULL) },
            err);
    arena_fini(&a);
    return rc;
}

/* Each version that leaves the stage has its own event, as if it had been moved alone. */
static int archive_others_of(struct tx *tx, const struct cause *by, const struct version *v,
                             const char *stage, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    struct arena a;
    struct version *others = NULL;
    size_t n = 0;
    arena_init(&a, LIMIT_ARENA_REQUEST);
    int rc = stmt_open(tx, &version_others_in_stage, &st, err);
    if (!rc) {
        stmt_text(st, 1, v->model_id);
        stmt_int(st, 2, v->number);
        stmt_text(st, 3, stage);
        rc = read_all(st, &a, &others, &n, err);
    }
    if (!rc && a.failed)
        rc = registry__no_memory(err);
    for (size_t i = 0; !rc && i < n; i++)
        if (!others[i].deleted)
            rc = move_stage(tx, by, &others[i], "Archived", err);
        else
            rc = tx_exec(tx, &version_set_stage, NULL, err, "titi", "Archived", tx_now_ms(tx),
                         others[i].model_id, others[i].number);
    arena_fini(&a);
    return rc;
}

int version_stage_set(struct tx *tx, const struct cause *by, const struct version *v,
                      const char *stage, int archive_others, struct err *err)
{
    const char *to = canonical_stage(stage);
    if (!to)
        return ERR(err, ERR_INVALID,
                   "Invalid Model Version stage: %.40s. Value must be one of None, Staging, "
                   "Production, Archived.",
                   stage);
    if (archive_others && strcmp(to, "Staging") != 0 && strcmp(to, "Production") != 0)
        return ERR(err, ERR_INVALID,
                   "other versions are archived only when one goes to Staging or Production");
    int rc = move_stage(tx, by, v, to, err);
    if (!rc && archive_others)
        rc = archive_others_of(tx, by, v, to, err);
    if (!rc)
        rc = registry__touch(tx, v->model_id, err);
    return rc;
}

int version_delete(struct tx *tx, const struct cause *by, const struct version *v, struct err *err)
{
    struct arena a;
    const char **aliases = NULL;
    size_t n = 0;
    int64_t changed = 0;
    arena_init(&a, MIB(1));
    int rc = version_aliases(tx, &a, v, &aliases, &n, err);
    for (size_t i = 0; !rc && i < n; i++)
        rc = model_alias_delete(tx, by, v->model, aliases[i], err);
    if (!rc)
        rc = tx_exec(tx, &version_mark_deleted, &changed, err, "iti", tx_now_ms(tx), v->model_id,
                     v->number);
    if (!rc && changed)
        rc = registry__tell(
            tx, by, v->model, v->number,
            &(struct event){ .kind = "model_version.deleted",
                             .before = event_json(&a, "digest", v->digest, (char *)NULL) },
            err);
    if (!rc && changed)
        rc = registry__touch(tx, v->model_id, err);
    arena_fini(&a);
    return rc;
}

static int tag_of(struct tx *tx, struct arena *a, const struct version *v, const char *key,
                  const char **out, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &version_tag_one, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, v->model_id);
    stmt_int(st, 2, v->number);
    stmt_text(st, 3, key);
    return rows_text(st, a, out, err);
}

int version_tag_set(struct tx *tx, const struct cause *by, const struct version *v,
                    const struct track_pair *tag, struct err *err)
{
    struct arena a;
    const char *old = NULL;
    int rc = registry__check_tag(tag, err);
    if (rc)
        return rc;
    arena_init(&a, MIB(4));
    rc = tag_of(tx, &a, v, tag->key, &old, err);
    if (!rc && !(old && strcmp(old, tag->value) == 0)) {
        rc = tx_exec(tx, &version_tag_put, NULL, err, "titt", v->model_id, v->number, tag->key,
                     tag->value);
        if (!rc)
            rc = registry__tell(
                tx, by, v->model, v->number,
                &(struct event){ .kind = "model_version.tag_set",
                                 .before = registry__tag_json(&a, tag->key, old),
                                 .after = registry__tag_json(&a, tag->key, tag->value) },
                err);
    }
    arena_fini(&a);
    return rc;
}

int version_tag_delete(struct tx *tx, const struct cause *by, const struct version *v,
                       const char *key, struct err *err)
{
    struct arena a;
    const char *old = NULL;
    arena_init(&a, MIB(4));
    int rc = tag_of(tx, &a, v, key, &old, err);
    if (!rc && old) {
        rc = tx_exec(tx, &version_tag_remove, NULL, err, "tit", v->model_id, v->number, key);
        if (!rc)
            rc = registry__tell(tx, by, v->model, v->number,
                                &(struct event){ .kind = "model_version.tag_deleted",
                                                 .before = registry__tag_json(&a, key, old) },
                                err);
    }
    arena_fini(&a);
    return rc;
}

int version_tags(struct tx *tx, struct arena *a, const struct version *v, struct track_pair **out,
                 size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &version_tag_all, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, v->model_id);
    stmt_int(st, 2, v->number);
    return track_pairs_read(st, a, out, out_n, err);
}

int version_aliases(struct tx *tx, struct arena *a, const struct version *v, const char ***out,
                    size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &version_alias_names, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, v->model_id);
    stmt_int(st, 2, v->number);
    return rows_texts(st, a, out, out_n, err);
}
