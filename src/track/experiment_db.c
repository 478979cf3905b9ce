/* SPDX-License-Identifier: Apache-2.0
 * Experiments and their tags: tables, statements and the rules between active and deleted. */
#include <stdio.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/num.h"
#include "track/track_int.h"

MIGRATION(2, "track",
          "CREATE TABLE experiments ("
          " experiment_id BIGINT NOT NULL PRIMARY KEY,"
          " project TEXT NOT NULL,"
          " name TEXT NOT NULL,"
          " artifact_location TEXT NOT NULL,"
          " lifecycle_stage TEXT NOT NULL,"
          " creation_time_ms BIGINT NOT NULL,"
          " last_update_time_ms BIGINT NOT NULL,"
          " UNIQUE (project, name));"
          "CREATE TABLE experiment_tags ("
          " experiment_id BIGINT NOT NULL REFERENCES experiments (experiment_id),"
          " key TEXT NOT NULL,"
          " value TEXT NOT NULL,"
          " PRIMARY KEY (experiment_id, key));"
          "INSERT INTO experiments SELECT 0, 'default', 'Default', 'mlflow-artifacts:/0', "
          "'active', applied_ms,"
          " applied_ms FROM schema_migrations WHERE number = 0;"
          "CREATE TABLE runs ("
          " run_id TEXT NOT NULL PRIMARY KEY,"
          " experiment_id BIGINT NOT NULL REFERENCES experiments (experiment_id),"
          " name TEXT NOT NULL,"
          " status TEXT NOT NULL,"
          " status_reason TEXT,"
          " user_id TEXT NOT NULL,"
          " start_time_ms BIGINT NOT NULL,"
          " end_time_ms BIGINT,"
          " lifecycle_stage TEXT NOT NULL,"
          " deleted_time_ms BIGINT,"
          " artifact_uri TEXT NOT NULL,"
          " attempt BIGINT NOT NULL,"
          " model_name TEXT,"
          " dataset_name TEXT,"
          " dataset_digest TEXT,"
          " result_digest TEXT,"
          " code_json TEXT,"
          " environment_json TEXT,"
          " seed BIGINT);"
          "CREATE INDEX runs_by_experiment ON runs (experiment_id, start_time_ms);"
          "CREATE INDEX runs_by_start ON runs (start_time_ms);"
          "CREATE TABLE params ("
          " run_id TEXT NOT NULL REFERENCES runs (run_id),"
          " key TEXT NOT NULL,"
          " value TEXT NOT NULL,"
          " PRIMARY KEY (run_id, key));"
          "CREATE TABLE run_tags ("
          " run_id TEXT NOT NULL REFERENCES runs (run_id),"
          " key TEXT NOT NULL,"
          " value TEXT NOT NULL,"
          " PRIMARY KEY (run_id, key));"
          "CREATE TABLE metrics ("
          " run_id TEXT NOT NULL REFERENCES runs (run_id),"
          " key TEXT NOT NULL,"
          " value DOUBLE PRECISION," /* NULL = NaN */
          " time_ms BIGINT NOT NULL,"
          " step BIGINT NOT NULL,"
          " min_value DOUBLE PRECISION,"
          " max_value DOUBLE PRECISION,"
          " point_count BIGINT NOT NULL,"
          " PRIMARY KEY (run_id, key));"
          "CREATE TABLE metric_blocks ("
          " run_id TEXT NOT NULL,"
          " key TEXT NOT NULL,"
          " block BIGINT NOT NULL,"
          " point_count BIGINT NOT NULL,"
          " last_step BIGINT NOT NULL,"
          " last_time_ms BIGINT NOT NULL,"
          " points BYTEA NOT NULL,"
          " PRIMARY KEY (run_id, key, block),"
          " FOREIGN KEY (run_id, key) REFERENCES metrics (run_id, key));"
          "CREATE TABLE datasets ("
          " dataset_id TEXT NOT NULL PRIMARY KEY,"
          " project TEXT NOT NULL,"
          " name TEXT NOT NULL,"
          " digest TEXT NOT NULL,"
          " source_type TEXT NOT NULL,"
          " source TEXT NOT NULL,"
          " schema_json TEXT,"
          " profile_json TEXT,"
          " detail_json TEXT,"
          " row_count BIGINT,"
          " column_count BIGINT,"
          " file_count BIGINT,"
          " bytes BIGINT,"
          " creation_time_ms BIGINT NOT NULL,"
          " UNIQUE (project, name, digest));"
          "CREATE TABLE run_inputs ("
          " run_id TEXT NOT NULL REFERENCES runs (run_id),"
          " dataset_id TEXT NOT NULL REFERENCES datasets (dataset_id),"
          " context TEXT,"
          " PRIMARY KEY (run_id, dataset_id));"
          "CREATE INDEX run_inputs_by_dataset ON run_inputs (dataset_id);"
          "CREATE TABLE attempts ("
          " run_id TEXT NOT NULL REFERENCES runs (run_id),"
          " attempt BIGINT NOT NULL,"
          " state TEXT NOT NULL,"
          " pid BIGINT NOT NULL,"
          " pid_start BIGINT NOT NULL,"
          " reason TEXT,"
          " created_ms BIGINT NOT NULL,"
          " started_ms BIGINT,"
          " ended_ms BIGINT,"
          " exit_code BIGINT,"
          " exit_signal BIGINT,"
          " max_rss_bytes BIGINT,"
          " PRIMARY KEY (run_id, attempt));"
          "CREATE INDEX attempts_by_state ON attempts (state, created_ms);"
          "CREATE TABLE stages ("
          " run_id TEXT NOT NULL,"
          " attempt BIGINT NOT NULL,"
          " position BIGINT NOT NULL,"
          " name TEXT NOT NULL,"
          " kind TEXT NOT NULL,"
          " state TEXT NOT NULL,"
          " why TEXT,"
          " message TEXT,"
          " duration_ms DOUBLE PRECISION,"
          " rows_in BIGINT,"
          " rows_out BIGINT,"
          " digest TEXT,"
          " PRIMARY KEY (run_id, attempt, position),"
          " FOREIGN KEY (run_id, attempt) REFERENCES attempts (run_id, attempt))");

#define EXPERIMENT_COLUMNS                                                                         \
    "e.experiment_id, e.project, e.name, e.artifact_location, e.lifecycle_stage, "                 \
    "e.creation_time_ms,"                                                                          \
    " e.last_update_time_ms, (SELECT COUNT(*) FROM runs r WHERE r.experiment_id = e.experiment_id" \
    " AND (r.lifecycle_stage = 'active' OR e.lifecycle_stage = 'deleted'))"

SQL(experiment_next_id,
    "SELECT MAX(n) + 1 FROM (SELECT COALESCE(MAX(experiment_id), 0) AS n FROM experiments UNION ALL"
    " SELECT COALESCE(MAX(experiment_id), 0) FROM purged_experiments) ids");
SQL(experiment_move_default,
    "UPDATE experiments SET artifact_location = $1 WHERE experiment_id = 0 AND artifact_location = "
    "'mlflow-artifacts:/0' AND NOT EXISTS (SELECT 1 FROM runs WHERE experiment_id = 0) AND NOT "
    "EXISTS (SELECT 1 FROM logged_models WHERE experiment_id = 0)");
SQL(experiment_insert,
    "INSERT INTO experiments (experiment_id, project, name, artifact_location, lifecycle_stage,"
    " creation_time_ms, last_update_time_ms) VALUES ($1, $2, $3, $4, 'active', $5, $6)");
/* Counting goes over the index alone. */
MIGRATION(301, "track", "CREATE INDEX runs_by_stage ON runs (experiment_id, lifecycle_stage)");

SQL(experiment_alone,
    "SELECT e.experiment_id, e.project, e.name, e.artifact_location, e.lifecycle_stage,"
    " e.creation_time_ms, e.last_update_time_ms, -1 FROM experiments e WHERE e.experiment_id = $1");
SQL(experiment_by_id,
    "SELECT " EXPERIMENT_COLUMNS " FROM experiments e WHERE e.experiment_id = $1");
SQL(experiment_by_name,
    "SELECT " EXPERIMENT_COLUMNS " FROM experiments e WHERE e.project = $1 AND e.name = $2");
SQL(experiment_all, "SELECT " EXPERIMENT_COLUMNS " FROM experiments e WHERE e.project = $1"
                    " AND (e.lifecycle_stage = $2 OR $2 = 'any') ORDER BY e.creation_time_ms DESC, "
                    "e.experiment_id DESC"
                    " LIMIT $3");
SQL(experiment_names,
    "SELECT name FROM experiments WHERE project = $1 AND lifecycle_stage = 'active'"
    " ORDER BY last_update_time_ms DESC LIMIT 500");
/* A search may name the experiment. */
SQL_CHANGES_ALL(
    experiment_set_name,
    "UPDATE experiments SET name = $1, last_update_time_ms = $2 WHERE experiment_id = $3");
SQL(experiment_set_stage,
    "UPDATE experiments SET lifecycle_stage = $1, last_update_time_ms = $2 WHERE experiment_id = $3"
    " AND lifecycle_stage = $4");
SQL_CHANGES_ALL(
    experiment_delete_runs,
    "UPDATE runs SET lifecycle_stage = 'deleted', deleted_time_ms = $1 WHERE experiment_id = $2"
    " AND lifecycle_stage = 'active'");
SQL_CHANGES_ALL(
    experiment_restore_runs,
    "UPDATE runs SET lifecycle_stage = 'active', deleted_time_ms = NULL WHERE experiment_id = $1");
SQL(experiment_touch, "UPDATE experiments SET last_update_time_ms = $1 WHERE experiment_id = $2");
SQL(experiment_tag_put,
    "INSERT INTO experiment_tags (experiment_id, key, value) VALUES ($1, $2, $3)"
    " ON CONFLICT (experiment_id, key) DO UPDATE SET value = excluded.value");
SQL(experiment_tag_one, "SELECT value FROM experiment_tags WHERE experiment_id = $1 AND key = $2");
SQL(experiment_tag_remove, "DELETE FROM experiment_tags WHERE experiment_id = $1 AND key = $2");
SQL(experiment_tag_all,
    "SELECT key, value FROM experiment_tags WHERE experiment_id = $1 ORDER BY key");

/* ---- shared helpers of track/ ---- */

int track__no_memory(struct err *err)
{
    return rows_too_many(err);
}

int track_pairs_read(struct stmt *st, struct arena *a, struct track_pair **out, size_t *out_n,
                     struct err *err)
{
    struct track_pair *list = NULL;
    size_t n = 0, cap = 0;
    int rc;
    while ((rc = stmt_step(st, err)) == 1) {
        list = rows_room(a, list, n, &cap, sizeof *list);
        if (!list)
            return track__no_memory(err);
        list[n++] = (struct track_pair){ stmt_get_text(st, 0, a), stmt_get_text(st, 1, a) };
    }
    *out = list;
    *out_n = n;
    return rc;
}

int track__check_key(const char *what, const char *key, struct err *err)
{
    size_t n = key ? strlen(key) : 0;
    if (n == 0 || n > TRACK_KEY_MAX)
        return ERR(err, ERR_INVALID, "the name of a %s has 1 to %d bytes", what, TRACK_KEY_MAX);
    if (!str_is_utf8((str_t){ key, n }))
        return ERR(err, ERR_INVALID, "the name of a %s must be UTF-8", what);
    if (!fs_is_safe_relative((str_t){ key, n }))
        return ERR(err, ERR_INVALID,
                   "'%s' cannot name a %s: no control character, '..' or '/' at the ends", key,
                   what);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)key[i];
        int plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c >= 0x80 || strchr("_-./: ", c);
        if (!plain)
            return ERR(
                err, ERR_INVALID,
                "'%s' cannot name a %s: use letters, digits, '_', '-', '.', ' ', ':' and '/'", key,
                what);
    }
    return 0;
}

int track__check_value(const char *what, const char *key, const char *value, size_t max,
                       struct err *err)
{
    size_t n = strlen(value);
    if (n > max)
        return ERR(err, ERR_INVALID, "%s '%s' has %zu bytes, at most %zu are kept", what, key, n,
                   max);
    if (!str_is_utf8((str_t){ value, n }))
        return ERR(err, ERR_INVALID, "%s '%s' must be UTF-8", what, key);
    return 0;
}

/* ---- experiments ---- */

static void read_experiment(const struct stmt *st, struct arena *a, struct experiment *e)
{
    *e = (struct experiment){
        .id = stmt_get_int(st, 0),
        .project = stmt_get_text(st, 1, a),
        .name = stmt_get_text(st, 2, a),
        .artifact_location = stmt_get_text(st, 3, a),
        .lifecycle_stage = stmt_get_text(st, 4, a),
        .creation_time_ms = stmt_get_int(st, 5),
        .last_update_time_ms = stmt_get_int(st, 6),
        .run_count = stmt_get_int(st, 7),
    };
}

static int check_name(const char *name, struct err *err)
{
    size_t n = name ? strlen(name) : 0;
    if (n == 0 || n > TRACK_EXPERIMENT_NAME_MAX || !str_is_utf8((str_t){ name, n }))
        return ERR(err, ERR_INVALID, "the name of an experiment has 1 to %d bytes of UTF-8",
                   TRACK_EXPERIMENT_NAME_MAX);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)name[i] < 0x20)
            return ERR(err, ERR_INVALID, "the name of an experiment has no control characters");
    return 0;
}

static int tell(struct tx *tx, const struct cause *by, const char *kind, int64_t id,
                const struct event *states, struct err *err)
{
    char subject[64];
    (void)snprintf(subject, sizeof subject, "experiment/%lld", (long long)id);
    struct event e = event_of(by, kind, subject);
    e.before = states->before;
    e.after = states->after;
    return event_add(tx, &e, err);
}

int experiment__next_id(struct tx *tx, int64_t *out, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &experiment_next_id, &st, err);
    return rc ? rc : rows_int(st, 1, out, err);
}

static const char *place_of(struct arena *a, const char *root, int64_t id)
{
    const char *slash = root[0] && root[strlen(root) - 1] == '/' ? "" : "/";
    return arena_printf(a, "%s%s%lld", root, slash, (long long)id);
}

int experiment_default_place(struct tx *tx, const char *root, struct err *err)
{
    struct arena a;
    arena_init(&a, KIB(64));
    int rc = tx_exec(tx, &experiment_move_default, NULL, err, "t", place_of(&a, root, 0));
    arena_fini(&a);
    return rc;
}

static int insert(struct tx *tx, const struct cause *by, const struct experiment_new *e, int64_t id,
                  struct err *err)
{
    struct arena a;
    arena_init(&a, MIB(1));
    const char *root = e->artifact_root ? e->artifact_root : "mlflow-artifacts:/";
    const char *where = e->artifact_location && e->artifact_location[0] ? e->artifact_location
                                                                        : place_of(&a, root, id);
    int rc = strlen(where) > 2048
                 ? ERR(err, ERR_INVALID, "the artifact location has more than 2048 bytes")
                 : 0;
    if (!rc)
        rc = tx_exec(tx, &experiment_insert, NULL, err, "itttii", id, cause_project(by), e->name,
                     where, tx_now_ms(tx), tx_now_ms(tx));
    if (rc == ERR_EXISTS)
        rc = ERR(err, ERR_EXISTS, "Experiment(name=%s) already exists.", e->name);
    for (size_t i = 0; !rc && i < e->tag_n; i++)
        rc = experiment_tag_set(tx, by, id, &e->tags[i], err);
    if (!rc)
        rc = tell(tx, by, "experiment.created", id,
                  &(struct event){ .after = event_json(&a, "name", e->name, (char *)NULL) }, err);
    arena_fini(&a);
    return rc;
}

int experiment_create(struct tx *tx, const struct cause *by, const struct experiment_new *e,
                      int64_t *out_id, struct err *err)
{
    int64_t id = 0;
    int rc = check_name(e->name, err);
    if (!rc)
        rc = experiment__next_id(tx, &id, err);
    if (!rc)
        rc = insert(tx, by, e, id, err);
    if (!rc)
        *out_id = id;
    return rc;
}

int experiment_ensure(struct tx *tx, const struct cause *by, const struct experiment_new *e,
                      int64_t *out_id, struct err *err)
{
    struct arena a;
    struct experiment found;
    struct err missing = ERR_INIT;
    arena_init(&a, MIB(1));
    int rc = experiment_find(tx, &a, cause_project(by), e->name, &found, &missing);
    if (rc == ERR_NOT_FOUND) {
        rc = experiment_create(tx, by, e, out_id, err);
    } else if (rc) {
        if (err)
            *err = missing;
    } else if (strcmp(found.lifecycle_stage, "active") != 0) {
        rc = ERR(err, ERR_CONFLICT, "experiment '%s' is deleted; restore it or choose another name",
                 e->name);
    } else {
        *out_id = found.id;
    }
    arena_fini(&a);
    return rc;
}

static int get_by(struct tx *tx, const struct sql *sql, struct arena *a, int64_t id,
                  struct experiment *out, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, sql, &st, err);
    if (rc)
        return rc;
    stmt_int(st, 1, id);
    rc = stmt_step(st, err);
    if (rc == 1)
        read_experiment(st, a, out);
    return rc == 0 ? ERR(err, ERR_NOT_FOUND, "No Experiment with id=%lld exists", (long long)id)
                   : MIN(rc, 0);
}

int experiment_get(struct tx *tx, struct arena *a, int64_t id, struct experiment *out,
                   struct err *err)
{
    return get_by(tx, &experiment_by_id, a, id, out, err);
}

int experiment_brief(struct tx *tx, struct arena *a, int64_t id, struct experiment *out,
                     struct err *err)
{
    return get_by(tx, &experiment_alone, a, id, out, err);
}

static int find_by_name(struct tx *tx, struct arena *a, const char *project, const char *name,
                        struct experiment *out, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &experiment_by_name, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, project);
    stmt_text(st, 2, name);
    rc = stmt_step(st, err);
    if (rc == 1)
        read_experiment(st, a, out);
    return rc;
}

int experiment_find(struct tx *tx, struct arena *a, const char *project, const char *name,
                    struct experiment *out, struct err *err)
{
    int rc = find_by_name(tx, a, project, name, out, err);
    return rc == 0 ? ERR(err, ERR_NOT_FOUND, "Could not find experiment with name '%.200s'", name)
                   : MIN(rc, 0);
}

int experiment_resolve(struct tx *tx, struct arena *a, const char *project, const char *text,
                       struct experiment *out, struct err *err)
{
    int64_t id;
    int rc = find_by_name(tx, a, project, text, out, err);
    if (rc != 0)
        return MIN(rc, 0);
    if (parse_i64(str_of(text), &id) == 0 && experiment_get(tx, a, id, out, NULL) == 0)
        return 0;
    const char *near = rows_nearest(tx, a, &experiment_names, project, text, NULL);
    if (near)
        return ERR(err, ERR_NOT_FOUND, "experiment '%.200s' not found; did you mean '%s'?", text,
                   near);
    return ERR(err, ERR_NOT_FOUND, "experiment '%.200s' not found; 'slipway exp ls' lists them",
               text);
}

const char *track__stage_of(enum track_view view)
{
    return view == TRACK_ACTIVE ? "active" : view == TRACK_DELETED ? "deleted" : "any";
}

int experiment_list(struct tx *tx, struct arena *a, const char *project, enum track_view view,
                    struct experiment **out, size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    struct experiment *list = NULL;
    size_t n = 0, cap = 0;
    int rc = stmt_open(tx, &experiment_all, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, project);
    stmt_text(st, 2, track__stage_of(view));
    stmt_int(st, 3, TRACK_LIST_MAX);
    while ((rc = stmt_step(st, err)) == 1) {
        list = rows_room(a, list, n, &cap, sizeof *list);
        if (!list)
            return track__no_memory(err);
        read_experiment(st, a, &list[n++]);
    }
    *out = list;
    *out_n = n;
    return rc;
}

int experiment_rename(struct tx *tx, const struct cause *by, int64_t id, const char *name,
                      struct err *err)
{
    struct arena a;
    struct experiment old;
    arena_init(&a, MIB(1));
    int rc = check_name(name, err);
    if (!rc)
        rc = experiment_brief(tx, &a, id, &old, err);
    if (!rc && strcmp(old.lifecycle_stage, "active") != 0)
        rc = ERR(err, ERR_CONFLICT, "experiment '%s' is deleted; restore it before renaming it",
                 old.name);
    if (!rc)
        rc = tx_exec(tx, &experiment_set_name, NULL, err, "tii", name, tx_now_ms(tx), id);
    if (rc == ERR_EXISTS)
        rc = ERR(err, ERR_EXISTS, "Experiment(name=%s) already exists.", name);
    if (!rc)
        rc = tell(tx, by, "experiment.renamed", id,
                  &(struct event){ .before = event_json(&a, "name", old.name, (char *)NULL),
                                   .after = event_json(&a, "name", name, (char *)NULL) },
                  err);
    arena_fini(&a);
    return rc;
}

static int set_stage(struct tx *tx, const struct cause *by, int64_t id, const char *from,
                     const char *to, struct err *err)
{
    int64_t changed = 0;
    int deleting = strcmp(to, "deleted") == 0;
    int rc = tx_exec(tx, &experiment_set_stage, &changed, err, "tiit", to, tx_now_ms(tx), id, from);
    if (!rc && !changed)
        rc = ERR(err, ERR_NOT_FOUND, "No %s Experiment with id=%lld exists", from, (long long)id);
    if (!rc && deleting)
        rc = tx_exec(tx, &experiment_delete_runs, NULL, err, "ii", tx_now_ms(tx), id);
    else if (!rc)
        rc = tx_exec(tx, &experiment_restore_runs, NULL, err, "i", id);
    if (!rc)
        rc = tell(tx, by, deleting ? "experiment.deleted" : "experiment.restored", id,
                  &(struct event){ 0 }, err);
    return rc;
}

int experiment_delete(struct tx *tx, const struct cause *by, int64_t id, struct err *err)
{
    return set_stage(tx, by, id, "active", "deleted", err);
}

int experiment_restore(struct tx *tx, const struct cause *by, int64_t id, struct err *err)
{
    return set_stage(tx, by, id, "deleted", "active", err);
}

/* ---- tags ---- */

static int tag_of(struct tx *tx, struct arena *a, int64_t id, const char *key, const char **out,
                  struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &experiment_tag_one, &st, err);
    if (rc)
        return rc;
    stmt_int(st, 1, id);
    stmt_text(st, 2, key);
    return rows_text(st, a, out, err);
}

static int change_tag(struct tx *tx, const struct cause *by, int64_t id,
                      const struct track_pair *tag, struct err *err)
{
    struct arena a;
    const char *old = NULL;
    arena_init(&a, MIB(1));
    int rc = tag_of(tx, &a, id, tag->key, &old, err);
    if (!rc && !(old && strcmp(old, tag->value) == 0)) {
        rc = tx_exec(tx, &experiment_tag_put, NULL, err, "itt", id, tag->key, tag->value);
        if (!rc)
            rc = tx_exec(tx, &experiment_touch, NULL, err, "ii", tx_now_ms(tx), id);
        if (!rc)
            rc = tell(
                tx, by, "experiment.tag_set", id,
                &(struct event){ .before = old ? event_json(&a, tag->key, old, (char *)NULL) : NULL,
                                 .after = event_json(&a, tag->key, tag->value, (char *)NULL) },
                err);
    }
    arena_fini(&a);
    return rc;
}

int experiment_tag_set(struct tx *tx, const struct cause *by, int64_t id,
                       const struct track_pair *tag, struct err *err)
{
    struct arena a;
    struct experiment e;
    arena_init(&a, MIB(1));
    int rc = track__check_key("tag", tag->key, err);
    if (!rc)
        rc = track__check_value("tag", tag->key, tag->value, 5000, err);
    if (!rc)
        rc = experiment_brief(tx, &a, id, &e, err);
    if (!rc && strcmp(e.lifecycle_stage, "active") != 0)
        rc = ERR(err, ERR_INVALID, "The experiment %lld must be in the 'active' state.",
                 (long long)id);
    arena_fini(&a);
    return rc ? rc : change_tag(tx, by, id, tag, err);
}

int experiment_tag_delete(struct tx *tx, const struct cause *by, int64_t id, const char *key,
                          struct err *err)
{
    struct arena a;
    const char *old = NULL;
    arena_init(&a, MIB(1));
    int rc = tag_of(tx, &a, id, key, &old, err);
    if (!rc && !old)
        rc = ERR(err, ERR_NOT_FOUND, "experiment %lld has no tag '%.250s'", (long long)id, key);
    if (!rc)
        rc = tx_exec(tx, &experiment_tag_remove, NULL, err, "it", id, key);
    if (!rc)
        rc = tell(tx, by, "experiment.tag_deleted", id,
                  &(struct event){ .before = event_json(&a, key, old, (char *)NULL) }, err);
    arena_fini(&a);
    return rc;
}

int experiment_tags(struct tx *tx, struct arena *a, int64_t id, struct track_pair **out,
                    size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &experiment_tag_all, &st, err);
    if (rc)
        return rc;
    stmt_int(st, 1, id);
    return track_pairs_read(st, a, out, out_n, err);
}
