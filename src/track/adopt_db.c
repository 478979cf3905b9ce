/* SPDX-License-Identifier: Apache-2.0
 * Rows taken over from another installation. */
#include "track/adopt.h"

#include <stdio.h>

#include "base/limits.h"
#include "track/track_int.h"

enum { ADOPTED_VALUE_MAX = 1 << 20, RUN_ID_MAX = 256 };

SQL(adopt_experiment_id, "SELECT 1 FROM experiments WHERE experiment_id = $1 UNION ALL"
                         " SELECT 1 FROM purged_experiments WHERE experiment_id = $1");
SQL(adopt_experiment,
    "INSERT INTO experiments (experiment_id, project, name, artifact_location, lifecycle_stage,"
    " creation_time_ms, last_update_time_ms) VALUES ($1, $2, $3, $4, $5, $6, $7)");
SQL(adopt_experiment_tag,
    "INSERT INTO experiment_tags (experiment_id, key, value) VALUES ($1, $2, $3)"
    " ON CONFLICT (experiment_id, key) DO NOTHING");
SQL_MOVES(
    adopt_run, 1,
    "INSERT INTO runs (run_id, experiment_id, name, status, user_id, start_time_ms, end_time_ms,"
    " lifecycle_stage, artifact_uri, attempt) VALUES ($1, $2, $3, $4, $5, $6, $7, 'active', $8, "
    "0)");
SQL_CHANGES(adopt_param, 1,
            "INSERT INTO params (run_id, key, value) VALUES ($1, $2, $3)"
            " ON CONFLICT (run_id, key) DO NOTHING");
SQL_CHANGES(adopt_run_tag, 1,
            "INSERT INTO run_tags (run_id, key, value) VALUES ($1, $2, $3)"
            " ON CONFLICT (run_id, key) DO NOTHING");
SQL_MOVES(adopt_run_deleted, 2,
          "UPDATE runs SET lifecycle_stage = 'deleted', deleted_time_ms = $1 WHERE run_id = $2");
SQL(adopt_logged,
    "INSERT INTO logged_models (model_id, experiment_id, name, artifact_location, model_type,"
    " source_run_id, status, lifecycle_stage, creation_time_ms, last_update_time_ms)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)");

static int check_pair(const char *what, const struct track_pair *p, struct err *err)
{
    int rc = track__check_key(what, p->key, err);
    return rc ? rc : track__check_value(what, p->key, p->value, ADOPTED_VALUE_MAX, err);
}

/* The number that it had, or the next one when that is taken here. */
static int free_id(struct tx *tx, int64_t wanted, int64_t *out, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int64_t taken = 0;
    int rc = stmt_open(tx, &adopt_experiment_id, &st, err);
    if (rc)
        return rc;
    stmt_int(st, 1, wanted);
    rc = rows_int(st, 0, &taken, err);
    *out = wanted;
    return rc || !taken ? rc : experiment__next_id(tx, out, err);
}

int experiment_adopt(struct tx *tx, const struct cause *by, const struct experiment *e,
                     int64_t *out_id, struct err *err)
{
    int deleted = strcmp(e->lifecycle_stage, "deleted") == 0;
    if (e->id < 0 || e->id > TRACK_EXPERIMENT_ID_MAX)
        return ERR(err, ERR_INVALID, "%lld cannot number an experiment", (long long)e->id);
    if (!e->name[0] || strlen(e->name) > TRACK_EXPERIMENT_NAME_MAX)
        return ERR(err, ERR_INVALID, "the name of an experiment has 1 to %d bytes",
                   TRACK_EXPERIMENT_NAME_MAX);
    int rc = free_id(tx, e->id, out_id, err);
    if (!rc)
        rc = tx_exec(tx, &adopt_experiment, NULL, err,
                     "itttt"
                     "ii",
                     *out_id, cause_project(by), e->name, e->artifact_location,
                     deleted ? "deleted" : "active", e->creation_time_ms, e->last_update_time_ms);
    if (rc == ERR_EXISTS)
        return ERR(err, ERR_EXISTS, "Experiment(name=%.200s) already exists.", e->name);
    if (rc)
        return rc;
    char subject[64];
    (void)snprintf(subject, sizeof subject, "experiment/%lld", (long long)*out_id);
    struct event told = event_of(by, "experiment.imported", subject);
    return event_add(tx, &told, err);
}

int experiment_adopt_tag(struct tx *tx, int64_t id, const struct track_pair *t, struct err *err)
{
    int rc = check_pair("tag", t, err);
    return rc ? rc : tx_exec(tx, &adopt_experiment_tag, NULL, err, "itt", id, t->key, t->value);
}

static int check_run(const struct run *r, struct err *err)
{
    size_t n = strlen(r->id);
    if (n == 0 || n > RUN_ID_MAX ||
        strspn(r->id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-") != n)
        return ERR(err, ERR_INVALID, "'%.64s' is no id of a run", r->id);
    if (!run_status_is_valid(r->status))
        return ERR(err, ERR_INVALID, "'%.40s' is no status of a run", r->status);
    if (strlen(r->artifact_uri) > 4096 || strlen(r->name) > 4096 || strlen(r->user) > 4096)
        return ERR(err, ERR_LIMIT, "name, user and artifact URI have at most 4096 bytes");
    return 0;
}

int run_adopt(struct tx *tx, const struct cause *by, const struct run *r, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    char subject[RUN_ID_MAX + 8];
    int rc = check_run(r, err);
    if (!rc)
        rc = stmt_open(tx, &adopt_run, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, r->id);
    stmt_int(st, 2, r->experiment_id);
    stmt_text(st, 3, r->name);
    stmt_text(st, 4, r->status);
    stmt_text(st, 5, r->user);
    stmt_int(st, 6, r->start_time_ms);
    if (r->end_time_ms >= 0)
        stmt_int(st, 7, r->end_time_ms);
    else
        stmt_null(st, 7);
    stmt_text(st, 8, r->artifact_uri);
    rc = stmt_step(st, err);
    if (rc == ERR_EXISTS)
        return ERR(err, ERR_EXISTS, "there is a run '%s' already", r->id);
    if (rc < 0)
        return rc;
    (void)snprintf(subject, sizeof subject, "run/%s", r->id);
    struct event told = event_of(by, "run.imported", subject);
    return event_add(tx, &told, err);
}

int run_adopt_param(struct tx *tx, const char *run_id, const struct track_pair *p, struct err *err)
{
    int rc = check_pair("parameter", p, err);
    return rc ? rc : tx_exec(tx, &adopt_param, NULL, err, "ttt", run_id, p->key, p->value);
}

int run_adopt_tag(struct tx *tx, const char *run_id, const struct track_pair *t, struct err *err)
{
    int rc = check_pair("tag", t, err);
    return rc ? rc : tx_exec(tx, &adopt_run_tag, NULL, err, "ttt", run_id, t->key, t->value);
}

int run_adopt_end(struct tx *tx, const char *run_id, int64_t deleted_ms, struct err *err)
{
    if (deleted_ms < 0)
        return 0;
    return tx_exec(tx, &adopt_run_deleted, NULL, err, "it", deleted_ms, run_id);
}

int logged_model_adopt(struct tx *tx, const struct cause *by, const struct logged_model *m,
                       struct err *err)
{
    char subject[LOGGED_MODEL_TEXT + 16];
    size_t n = strlen(m->id);
    if (n < 3 || n >= LOGGED_MODEL_TEXT || strncmp(m->id, "m-", 2) != 0 ||
        strspn(m->id + 2, "0123456789abcdef") != n - 2)
        return ERR(err, ERR_INVALID, "'%.64s' is no id of a logged model", m->id);
    if (strlen(m->name) > 4096 || strlen(m->artifact_location) > 4096)
        return ERR(err, ERR_LIMIT, "name and location of logged model '%s' have at most 4096 bytes",
                   m->id);
    int rc = tx_exec(tx, &adopt_logged, NULL, err,
                     "titttti"
                     "tii",
                     m->id, m->experiment_id, m->name, m->artifact_location, m->model_type,
                     m->source_run_id, (int64_t)m->status,
                     strcmp(m->lifecycle_stage, "deleted") == 0 ? "deleted" : "active",
                     m->creation_time_ms, m->last_update_time_ms);
    if (rc == ERR_EXISTS)
        return ERR(err, ERR_EXISTS, "there is a logged model '%s' already", m->id);
    if (rc)
        return rc;
    (void)snprintf(subject, sizeof subject, "logged_model/%s", m->id);
    struct event told = event_of(by, "logged_model.imported", subject);
    return event_add(tx, &told, err);
}
