/* SPDX-License-Identifier: Apache-2.0
 * Purging runs and experiments, freeing names, moving and copying runs. */
#include "track/trash.h"

#include <stdio.h>

#include "base/limits.h"
#include "store/gc.h"
#include "track/track_int.h"

/* Their numbers name folders of artifacts and are not given again. */
MIGRATION(125, "track",
          "CREATE TABLE purged_experiments (experiment_id BIGINT NOT NULL PRIMARY KEY)");

SQL(trash_run_list,
    "SELECT r.run_id, r.name, e.name, r.experiment_id, COALESCE(r.deleted_time_ms, 0)"
    " FROM runs r JOIN experiments e ON e.experiment_id = r.experiment_id"
    " WHERE e.project = $1 AND r.lifecycle_stage = 'deleted' AND e.lifecycle_stage = 'active'"
    " ORDER BY r.deleted_time_ms DESC, r.run_id LIMIT $2");
SQL(trash_run_ids, "SELECT run_id FROM runs WHERE experiment_id = $1 LIMIT $2");
SQL(purge_blocks, "DELETE FROM metric_blocks WHERE run_id = $1");
SQL_CHANGES(purge_metrics, 1, "DELETE FROM metrics WHERE run_id = $1");
SQL_CHANGES(purge_params, 1, "DELETE FROM params WHERE run_id = $1");
SQL_CHANGES(purge_tags, 1, "DELETE FROM run_tags WHERE run_id = $1");
SQL_CHANGES(purge_input_tags, 1, "DELETE FROM run_input_tags WHERE run_id = $1");
SQL_CHANGES(purge_run_models, 1, "DELETE FROM run_models WHERE run_id = $1");
SQL(purge_measured, "DELETE FROM logged_model_metrics WHERE run_id = $1");
SQL_CHANGES(purge_inputs, 1, "DELETE FROM run_inputs WHERE run_id = $1");
SQL(purge_stages, "DELETE FROM stages WHERE run_id = $1");
SQL(purge_attempts, "DELETE FROM attempts WHERE run_id = $1");
SQL_MOVES(purge_run, 1, "DELETE FROM runs WHERE run_id = $1");
SQL(purge_experiment_tags, "DELETE FROM experiment_tags WHERE experiment_id = $1");
SQL(purge_logged_params, "DELETE FROM logged_model_params WHERE model_id IN"
                         " (SELECT model_id FROM logged_models WHERE experiment_id = $1)");
SQL(purge_logged_tags, "DELETE FROM logged_model_tags WHERE model_id IN"
                       " (SELECT model_id FROM logged_models WHERE experiment_id = $1)");
SQL(purge_logged_metrics, "DELETE FROM logged_model_metrics WHERE model_id IN"
                          " (SELECT model_id FROM logged_models WHERE experiment_id = $1)");
SQL(purge_logged, "DELETE FROM logged_models WHERE experiment_id = $1");
SQL(purge_experiment, "DELETE FROM experiments WHERE experiment_id = $1");
SQL(purge_keep_number, "INSERT INTO purged_experiments (experiment_id) VALUES ($1)");
SQL_CHANGES_ALL(release_name,
                "UPDATE experiments SET name = $1, last_update_time_ms = $2 WHERE project = $3"
                " AND name = $4 AND lifecycle_stage = 'deleted'");
SQL_MOVES(move_run, 2, "UPDATE runs SET experiment_id = $1 WHERE run_id = $2");
SQL_MOVES(
    copy_run, 1,
    "INSERT INTO runs (run_id, experiment_id, name, status, status_reason, user_id, start_time_ms,"
    " end_time_ms, lifecycle_stage, artifact_uri, attempt, model_name, dataset_name, "
    "dataset_digest,"
    " result_digest, code_json, environment_json, seed) SELECT CAST($1 AS TEXT), CAST($2 AS "
    "BIGINT), name, status,"
    " status_reason, user_id, start_time_ms, end_time_ms, 'active', artifact_uri, 0, model_name,"
    " dataset_name, dataset_digest, result_digest, code_json, environment_json, seed FROM runs"
    " WHERE run_id = $3");
SQL_CHANGES(copy_params, 1,
            "INSERT INTO params (run_id, key, value) SELECT CAST($1 AS TEXT), key, value FROM "
            "params WHERE run_id = $2");
SQL_CHANGES(copy_tags, 1,
            "INSERT INTO run_tags (run_id, key, value) SELECT CAST($1 AS TEXT), key, value FROM "
            "run_tags WHERE run_id = $2 AND key <> 'slipway.copied_from'");
SQL_CHANGES(
    copy_metrics, 1,
    "INSERT INTO metrics (run_id, key, value, time_ms, step, min_value, max_value, point_count,"
    " max_time_ms, tail) SELECT CAST($1 AS TEXT), key, value, time_ms, step, min_value, max_value,"
    " point_count, max_time_ms, tail FROM metrics WHERE run_id = $2");
SQL(copy_blocks,
    "INSERT INTO metric_blocks (run_id, key, block, point_count, min_step, max_step, min_time_ms,"
    " max_time_ms, points) SELECT CAST($1 AS TEXT), key, block, point_count, min_step, max_step,"
    " min_time_ms, max_time_ms, points FROM metric_blocks WHERE run_id = $2");
SQL_CHANGES(copy_inputs, 1,
            "INSERT INTO run_inputs (run_id, dataset_id, context) SELECT CAST($1 AS TEXT), "
            "dataset_id, context FROM run_inputs WHERE run_id = $2");
SQL_CHANGES(copy_input_tags, 1,
            "INSERT INTO run_input_tags (run_id, dataset_id, key, value) SELECT CAST($1 AS TEXT), "
            "dataset_id, key, value FROM run_input_tags WHERE run_id = $2");
SQL_CHANGES(copy_run_models, 1,
            "INSERT INTO run_models (run_id, is_output, model_id, step) SELECT CAST($1 AS "
            "TEXT), is_output, model_id, step FROM run_models WHERE run_id = $2");
SQL_CHANGES(copy_mark, 1,
            "INSERT INTO run_tags (run_id, key, value) VALUES ($1, 'slipway.copied_from', $2)");

BLOB_REFERENCE(run_results,
               "SELECT result_digest, 'run ' || run_id FROM runs WHERE result_digest IS NOT NULL "
               "ORDER BY start_time_ms DESC",
               0);

static int tell(struct tx *tx, const struct cause *by, const char *kind, const char *subject,
                const char *before, const char *after, struct err *err)
{
    struct event e = event_of(by, kind, subject);
    e.before = before;
    e.after = after;
    return event_add(tx, &e, err);
}

int trash_runs(struct tx *tx, struct arena *a, const char *project, int64_t limit,
               struct trash_run **out, size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    struct trash_run *list = NULL;
    size_t n = 0, cap = 0;
    int rc = stmt_open(tx, &trash_run_list, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, project);
    stmt_int(st, 2, limit);
    while ((rc = stmt_step(st, err)) == 1) {
        list = rows_room(a, list, n, &cap, sizeof *list);
        if (!list)
            return track__no_memory(err);
        list[n++] = (struct trash_run){ .id = stmt_get_text(st, 0, a),
                                        .name = stmt_get_text(st, 1, a),
                                        .experiment = stmt_get_text(st, 2, a),
                                        .experiment_id = stmt_get_int(st, 3),
                                        .deleted_time_ms = stmt_get_int(st, 4) };
    }
    *out = list;
    *out_n = n;
    return rc;
}

/* ---- purging ---- */

/* The event first: rules of other modules take their rows away before ours go. */
static int purge_rows(struct tx *tx, struct arena *a, const struct cause *by, const struct run *r,
                      struct err *err)
{
    const struct sql *const steps[] = { &purge_blocks,     &purge_metrics,  &purge_params,
                                        &purge_tags,       &purge_measured, &purge_run_models,
                                        &purge_input_tags, &purge_inputs,   &purge_stages,
                                        &purge_attempts,   &purge_run };
    const char *subject = arena_printf(a, "run/%s", r->id);
    int rc =
        tell(tx, by, "run.purged", subject,
             event_json(a, "name", r->name, "experiment", r->experiment, (char *)NULL), NULL, err);
    for (size_t i = 0; !rc && i < ARRAY_LEN(steps); i++)
        rc = tx_exec(tx, steps[i], NULL, err, "t", r->id);
    return rc;
}

int run_purge(struct tx *tx, const struct cause *by, const char *id, struct err *err)
{
    struct arena a;
    struct run r;
    arena_init(&a, MIB(4));
    int rc = run_get(tx, &a, id, &r, err);
    if (!rc && strcmp(r.lifecycle_stage, "deleted") != 0)
        rc = ERR(err, ERR_CONFLICT, "run '%s' is not in the trash: delete it first", id);
    if (!rc)
        rc = purge_rows(tx, &a, by, &r, err);
    arena_fini(&a);
    return rc;
}

/* Ids first: rows go away under no open statement. */
static int some_runs(struct tx *tx, struct arena *a, int64_t id, const char *ids[PURGE_STEP],
                     size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &trash_run_ids, &st, err);
    *out_n = 0;
    if (rc)
        return rc;
    stmt_int(st, 1, id);
    stmt_int(st, 2, PURGE_STEP);
    while (*out_n < PURGE_STEP && (rc = stmt_step(st, err)) == 1)
        ids[(*out_n)++] = stmt_get_text(st, 0, a);
    return MIN(rc, 0);
}

static int purge_some(struct tx *tx, struct arena *a, const struct cause *by,
                      const struct experiment *e, int *out_done, struct err *err)
{
    const struct sql *const steps[] = { &purge_logged_params,   &purge_logged_tags,
                                        &purge_logged_metrics,  &purge_logged,
                                        &purge_experiment_tags, &purge_keep_number,
                                        &purge_experiment };
    const char *ids[PURGE_STEP];
    size_t n = 0;
    int rc = some_runs(tx, a, e->id, ids, &n, err);
    for (size_t i = 0; !rc && i < n; i++) {
        struct run r;
        rc = run_get(tx, a, ids[i], &r, err);
        if (!rc)
            rc = purge_rows(tx, a, by, &r, err);
    }
    if (rc || n == PURGE_STEP)
        return rc;
    rc = tell(tx, by, "experiment.purged", arena_printf(a, "experiment/%lld", (long long)e->id),
              event_json(a, "name", e->name, (char *)NULL), NULL, err);
    for (size_t i = 0; !rc && i < ARRAY_LEN(steps); i++)
        rc = tx_exec(tx, steps[i], NULL, err, "i", e->id);
    *out_done = 1;
    return rc;
}

int experiment_purge(struct tx *tx, const struct cause *by, int64_t id, int *out_done,
                     struct err *err)
{
    struct arena a;
    struct experiment e;
    arena_init(&a, MIB(64));
    *out_done = 0;
    int rc = experiment_brief(tx, &a, id, &e, err);
    if (!rc && id == 0)
        rc =
            ERR(err, ERR_CONFLICT, "experiment 'Default' is always there; delete its runs instead");
    if (!rc && strcmp(e.lifecycle_stage, "deleted") != 0)
        rc = ERR(err, ERR_CONFLICT, "experiment '%s' is not in the trash: delete it first", e.name);
    if (!rc)
        rc = purge_some(tx, &a, by, &e, out_done, err);
    arena_fini(&a);
    return rc;
}

int experiment_name_release(struct tx *tx, const struct cause *by, const char *name,
                            struct err *err)
{
    struct arena a;
    struct experiment e;
    arena_init(&a, MIB(1));
    int rc = experiment_find(tx, &a, cause_project(by), name, &e, NULL);
    if (!rc && strcmp(e.lifecycle_stage, "deleted") == 0) {
        const char *to = arena_printf(&a, "%.480s~%lld", name, (long long)e.id);
        rc = tx_exec(tx, &release_name, NULL, err, "titt", to, tx_now_ms(tx), cause_project(by),
                     name);
        if (!rc)
            rc = tell(tx, by, "experiment.renamed",
                      arena_printf(&a, "experiment/%lld", (long long)e.id),
                      event_json(&a, "name", name, (char *)NULL),
                      event_json(&a, "name", to, (char *)NULL), err);
    }
    arena_fini(&a);
    return rc == ERR_NOT_FOUND ? 0 : rc;
}

/* ---- moving and copying ---- */

static int check_both(struct tx *tx, struct arena *a, const char *id, int64_t to, struct run *r,
                      struct experiment *e, struct err *err)
{
    int rc = run_get(tx, a, id, r, err);
    if (!rc)
        rc = experiment_brief(tx, a, to, e, err);
    if (!rc && strcmp(r->lifecycle_stage, "active") != 0)
        rc = ERR(err, ERR_CONFLICT, "run '%s' is in the trash: restore it first", id);
    if (!rc && strcmp(e->lifecycle_stage, "active") != 0)
        rc = ERR(err, ERR_CONFLICT, "experiment '%s' is in the trash: restore it first", e->name);
    if (!rc && strcmp(r->project, e->project) != 0)
        rc = ERR(err, ERR_CONFLICT, "experiment '%s' belongs to another project", e->name);
    return rc;
}

int run_move(struct tx *tx, const struct cause *by, const char *id, int64_t experiment_id,
             struct err *err)
{
    struct arena a;
    struct run r;
    struct experiment e;
    arena_init(&a, MIB(4));
    int rc = check_both(tx, &a, id, experiment_id, &r, &e, err);
    if (!rc && r.experiment_id != experiment_id) {
        rc = tx_exec(tx, &move_run, NULL, err, "it", experiment_id, id);
        if (!rc)
            rc = tell(tx, by, "run.moved", arena_printf(&a, "run/%s", id),
                      event_json(&a, "experiment", r.experiment, (char *)NULL),
                      event_json(&a, "experiment", e.name, (char *)NULL), err);
    }
    arena_fini(&a);
    return rc;
}

static int copy_rows(struct tx *tx, const char *to, const char *from, int64_t experiment_id,
                     struct err *err)
{
    const struct sql *const steps[] = { &copy_params,    &copy_tags,   &copy_metrics,
                                        &copy_blocks,    &copy_inputs, &copy_input_tags,
                                        &copy_run_models };
    int rc = tx_exec(tx, &copy_run, NULL, err, "tit", to, experiment_id, from);
    for (size_t i = 0; !rc && i < ARRAY_LEN(steps); i++)
        rc = tx_exec(tx, steps[i], NULL, err, "tt", to, from);
    return rc ? rc : tx_exec(tx, &copy_mark, NULL, err, "tt", to, from);
}

int run_copy(struct tx *tx, const struct cause *by, const char *id, int64_t experiment_id,
             char out_id[HEX32_TEXT], struct err *err)
{
    struct arena a;
    struct run r;
    struct experiment e;
    char to[HEX32_TEXT];
    hex32(to);
    arena_init(&a, MIB(4));
    int rc = check_both(tx, &a, id, experiment_id, &r, &e, err);
    if (!rc && (strcmp(r.status, "RUNNING") == 0 || strcmp(r.status, "SCHEDULED") == 0))
        rc =
            ERR(err, ERR_CONFLICT, "run '%s' is still %s: copy it when it has ended", id, r.status);
    if (!rc)
        rc = copy_rows(tx, to, id, experiment_id, err);
    if (!rc)
        rc = tell(tx, by, "run.copied", arena_printf(&a, "run/%s", to), NULL,
                  event_json(&a, "from", id, "experiment", e.name, (char *)NULL), err);
    if (!rc)
        memcpy(out_id, to, sizeof to);
    arena_fini(&a);
    return rc;
}
