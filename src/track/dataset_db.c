/* SPDX-License-Identifier: Apache-2.0
 * Data versions and the inputs of runs. */
#include <stdio.h>

#include "base/limits.h"
#include "track/dataset.h"
#include "track/track_int.h"

#define DATASET_COLUMNS                                                                            \
    "d.dataset_id, d.project, d.name, d.digest, d.source_type, d.source, d.schema_json, "          \
    "d.profile_json,"                                                                              \
    " d.row_count, d.column_count, d.file_count, d.bytes, d.creation_time_ms"

SQL(dataset_insert, "INSERT INTO datasets (dataset_id, project, name, digest, source_type, source, "
                    "schema_json, profile_json,"
                    " detail_json, row_count, column_count, file_count, bytes, creation_time_ms)"
                    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
                    " ON CONFLICT (project, name, digest) DO NOTHING");
SQL(dataset_id_of,
    "SELECT dataset_id FROM datasets WHERE project = $1 AND name = $2 AND digest = $3");
SQL(dataset_newest,
    "SELECT " DATASET_COLUMNS
    ", (SELECT COUNT(*) FROM datasets n WHERE n.project = d.project AND n.name = d.name)"
    " FROM datasets d WHERE d.project = $1 AND NOT EXISTS (SELECT 1 FROM datasets b WHERE "
    "b.project = d.project"
    " AND b.name = d.name AND (b.creation_time_ms > d.creation_time_ms OR"
    " (b.creation_time_ms = d.creation_time_ms AND b.dataset_id > d.dataset_id))) ORDER BY d.name "
    "LIMIT $2");
SQL(dataset_of_name,
    "SELECT " DATASET_COLUMNS ", 0 FROM datasets d WHERE d.project = $1 AND d.name = $2"
    " ORDER BY d.creation_time_ms DESC, d.dataset_id DESC LIMIT $3");
SQL(dataset_detail, "SELECT detail_json FROM datasets WHERE dataset_id = $1");
SQL(dataset_names, "SELECT DISTINCT name FROM datasets WHERE project = $1 ORDER BY name LIMIT 500");
SQL_CHANGES(input_insert, 1,
            "INSERT INTO run_inputs (run_id, dataset_id, context) VALUES ($1, $2, $3)"
            " ON CONFLICT (run_id, dataset_id) DO NOTHING");
SQL_CHANGES(input_first, 2,
            "UPDATE runs SET dataset_name = (SELECT name FROM datasets WHERE dataset_id = $1),"
            " dataset_digest = (SELECT digest FROM datasets WHERE dataset_id = $1)"
            " WHERE run_id = $2 AND dataset_digest IS NULL");
SQL(input_all, "SELECT " DATASET_COLUMNS
               ", 0, i.context FROM run_inputs i JOIN datasets d ON d.dataset_id = i.dataset_id"
               " WHERE i.run_id = $1 ORDER BY d.name, d.dataset_id");
SQL(input_runs,
    "SELECT i.run_id FROM run_inputs i JOIN runs r ON r.run_id = i.run_id WHERE i.dataset_id = $1"
    " AND r.lifecycle_stage = 'active' ORDER BY r.start_time_ms DESC LIMIT 1000");

SQL(input_summaries,
    "SELECT DISTINCT d.name, d.digest, i.context FROM run_inputs i JOIN datasets d ON d.dataset_id "
    "= i.dataset_id JOIN runs r ON r.run_id = i.run_id WHERE r.experiment_id = $1"
    " ORDER BY d.name, d.digest LIMIT 1000");

static void read_dataset(const struct stmt *st, struct arena *a, struct dataset *d)
{
    *d = (struct dataset){
        .id = stmt_get_text(st, 0, a),
        .project = stmt_get_text(st, 1, a),
        .name = stmt_get_text(st, 2, a),
        .digest = stmt_get_text(st, 3, a),
        .source_type = stmt_get_text(st, 4, a),
        .source = stmt_get_text(st, 5, a),
        .schema = stmt_get_text(st, 6, a),
        .profile = stmt_get_text(st, 7, a),
        .rows = rows_get_known(st, 8),
        .columns_n = rows_get_known(st, 9),
        .files_n = rows_get_known(st, 10),
        .bytes = rows_get_known(st, 11),
        .creation_time_ms = stmt_get_int(st, 12),
        .version_n = stmt_get_int(st, 13),
    };
}

static int check(const struct dataset *d, struct err *err)
{
    if (!d->name || !d->name[0] || strlen(d->name) > 500 || !str_is_utf8(str_of(d->name)))
        return ERR(err, ERR_INVALID, "the name of a data set has 1 to 500 bytes of UTF-8");
    if (!d->digest || !d->digest[0] || strlen(d->digest) > 64)
        return ERR(err, ERR_INVALID, "data set '%s' needs a digest of 1 to 64 characters", d->name);
    return 0;
}

static int insert(struct tx *tx, const struct cause *by, const struct dataset *d, const char *id,
                  struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &dataset_insert, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, id);
    stmt_text(st, 2, cause_project(by));
    stmt_text(st, 3, d->name);
    stmt_text(st, 4, d->digest);
    stmt_text(st, 5, d->source_type ? d->source_type : "local");
    stmt_text(st, 6, d->source ? d->source : "");
    stmt_text(st, 7, d->schema);
    stmt_text(st, 8, d->profile);
    stmt_text(st, 9, d->detail);
    rows_bind_known(st, 10, d->rows);
    rows_bind_known(st, 11, d->columns_n);
    rows_bind_known(st, 12, d->files_n);
    rows_bind_known(st, 13, d->bytes);
    stmt_int(st, 14, tx_now_ms(tx));
    return stmt_step(st, err);
}

static int id_of(struct tx *tx, const char *project, const struct dataset *d,
                 char out_id[UUID_TEXT], struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    struct arena a;
    int rc = stmt_open(tx, &dataset_id_of, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, project);
    stmt_text(st, 2, d->name);
    stmt_text(st, 3, d->digest);
    rc = stmt_step(st, err);
    if (rc != 1)
        return rc;
    arena_init(&a, KIB(64));
    (void)snprintf(out_id, UUID_TEXT, "%s", stmt_get_text(st, 0, &a));
    arena_fini(&a);
    return 1;
}

int dataset_put(struct tx *tx, const struct cause *by, const struct dataset *d,
                char out_id[UUID_TEXT], struct err *err)
{
    struct arena a;
    char subject[200];
    int rc = check(d, err);
    if (!rc)
        rc = id_of(tx, cause_project(by), d, out_id, err);
    if (rc != 0)
        return MIN(rc, 0);
    uuid7(out_id);
    rc = insert(tx, by, d, out_id, err);
    if (rc)
        return rc;
    arena_init(&a, MIB(1));
    (void)snprintf(subject, sizeof subject, "dataset/%.100s:%.12s", d->name, d->digest);
    struct event e = event_of(by, "dataset.created", subject);
    e.after = event_json(&a, "name", d->name, "digest", d->digest, (char *)NULL);
    rc = event_add(tx, &e, err);
    arena_fini(&a);
    return rc;
}

static int read_all(struct stmt *st, struct arena *a, struct dataset **out, size_t *out_n,
                    struct err *err)
{
    struct dataset *list = NULL;
    size_t n = 0, cap = 0;
    int rc;
    while ((rc = stmt_step(st, err)) == 1) {
        list = rows_room(a, list, n, &cap, sizeof *list);
        if (!list)
            return track__no_memory(err);
        read_dataset(st, a, &list[n++]);
    }
    *out = list;
    *out_n = n;
    return rc;
}

int dataset_list(struct tx *tx, struct arena *a, const char *project, struct dataset **out,
                 size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &dataset_newest, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, project);
    stmt_int(st, 2, TRACK_LIST_MAX);
    return read_all(st, a, out, out_n, err);
}

static int no_such_name(struct tx *tx, struct arena *a, const char *project, const char *name,
                        struct err *err)
{
    const char *near = rows_nearest(tx, a, &dataset_names, project, name, NULL);
    if (near)
        return ERR(err, ERR_NOT_FOUND, "data set '%.200s' not found; did you mean '%s'?", name,
                   near);
    return ERR(err, ERR_NOT_FOUND, "data set '%.200s' not found; 'slipway data ls' lists them",
               name);
}

int dataset_versions(struct tx *tx, struct arena *a, const char *project, const char *name,
                     struct dataset **out, size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &dataset_of_name, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, project);
    stmt_text(st, 2, name);
    stmt_int(st, 3, TRACK_LIST_MAX);
    rc = read_all(st, a, out, out_n, err);
    return !rc && *out_n == 0 ? no_such_name(tx, a, project, name, err) : rc;
}

static int load_detail(struct tx *tx, struct arena *a, struct dataset *d, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &dataset_detail, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, d->id);
    return rows_text(st, a, &d->detail, err);
}

int dataset_get(struct tx *tx, struct arena *a, const char *project, const char *name,
                const char *digest, struct dataset *out, struct err *err)
{
    struct dataset *list;
    size_t n, found = SIZE_MAX, length = strlen(digest);
    int rc = dataset_versions(tx, a, project, name, &list, &n, err);
    if (rc)
        return rc;
    if (strcmp(digest, "latest") == 0)
        found = 0;
    else if (length < 4)
        return ERR(err, ERR_INVALID, "'%s': give at least 4 digits of the digest, or 'latest'",
                   digest);
    for (size_t i = 0; found == SIZE_MAX && i < n; i++)
        if (strncmp(list[i].digest, digest, length) == 0) {
            found = i;
            for (size_t k = i + 1; k < n; k++)
                if (strncmp(list[k].digest, digest, length) == 0)
                    return ERR(
                        err, ERR_CONFLICT,
                        "digest '%s' of data set '%s' can mean several versions; give more digits",
                        digest, name);
        }
    if (found == SIZE_MAX)
        return ERR(err, ERR_NOT_FOUND,
                   "data set '%s' has no version '%.64s'; its newest is '%.12s'", name, digest,
                   list[0].digest);
    *out = list[found];
    out->version_n = (int64_t)n;
    return load_detail(tx, a, out, err);
}

/* ---- inputs ---- */

int run_input_add(struct tx *tx, const char *run_id, const char *dataset_id, const char *context,
                  struct err *err)
{
    int rc = run_require_active(tx, run_id, err);
    if (!rc)
        rc = tx_exec(tx, &input_insert, NULL, err, "ttt", run_id, dataset_id, context);
    if (!rc)
        rc = tx_exec(tx, &input_first, NULL, err, "tt", dataset_id, run_id);
    return rc;
}

int run_inputs(struct tx *tx, struct arena *a, const char *run_id, struct run_input **out,
               size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    struct run_input *list = NULL;
    size_t n = 0, cap = 0;
    int rc = stmt_open(tx, &input_all, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, run_id);
    while ((rc = stmt_step(st, err)) == 1) {
        list = rows_room(a, list, n, &cap, sizeof *list);
        if (!list)
            return track__no_memory(err);
        read_dataset(st, a, &list[n].dataset);
        list[n++].context = stmt_get_text(st, 14, a);
    }
    *out = list;
    *out_n = n;
    return rc;
}

int dataset_runs(struct tx *tx, struct arena *a, const char *dataset_id, const char ***out,
                 size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &input_runs, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, dataset_id);
    return rows_texts(st, a, out, out_n, err);
}

int dataset_summaries(struct tx *tx, struct arena *a, int64_t experiment_id,
                      struct dataset_summary **out, size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    struct dataset_summary *list = NULL;
    size_t n = 0, cap = 0;
    int rc = stmt_open(tx, &input_summaries, &st, err);
    if (rc)
        return rc;
    stmt_int(st, 1, experiment_id);
    while ((rc = stmt_step(st, err)) == 1) {
        list = rows_room(a, list, n, &cap, sizeof *list);
        if (!list)
            return track__no_memory(err);
        list[n++] = (struct dataset_summary){ stmt_get_text(st, 0, a), stmt_get_text(st, 1, a),
                                              stmt_get_text(st, 2, a) };
    }
    *out = list;
    *out_n = n;
    return rc;
}
