/* SPDX-License-Identifier: Apache-2.0
 * Logged models, the models of runs and the tags of inputs: tables and statements. */
#include "track/logged_model.h"

#include <stdio.h>

#include "base/limits.h"
#include "track/run_int.h"
#include "track/track_int.h"

MIGRATION(120, "track",
          "CREATE TABLE logged_models ("
          " model_id TEXT NOT NULL PRIMARY KEY,"
          " experiment_id BIGINT NOT NULL REFERENCES experiments (experiment_id),"
          " name TEXT NOT NULL,"
          " artifact_location TEXT NOT NULL,"
          " model_type TEXT NOT NULL,"
          " source_run_id TEXT NOT NULL,"
          " status BIGINT NOT NULL,"
          " lifecycle_stage TEXT NOT NULL,"
          " creation_time_ms BIGINT NOT NULL,"
          " last_update_time_ms BIGINT NOT NULL);"
          "CREATE INDEX logged_models_by_experiment ON logged_models (experiment_id, "
          "creation_time_ms);"
          "CREATE TABLE logged_model_params ("
          " model_id TEXT NOT NULL REFERENCES logged_models (model_id),"
          " key TEXT NOT NULL,"
          " value TEXT NOT NULL,"
          " PRIMARY KEY (model_id, key));"
          "CREATE TABLE logged_model_tags ("
          " model_id TEXT NOT NULL REFERENCES logged_models (model_id),"
          " key TEXT NOT NULL,"
          " value TEXT NOT NULL,"
          " PRIMARY KEY (model_id, key));"
          "CREATE TABLE logged_model_metrics ("
          " model_id TEXT NOT NULL,"
          " key TEXT NOT NULL,"
          " time_ms BIGINT NOT NULL,"
          " step BIGINT NOT NULL,"
          " run_id TEXT NOT NULL REFERENCES runs (run_id),"
          " value DOUBLE PRECISION," /* NULL = NaN */
          " dataset_name TEXT,"
          " dataset_digest TEXT,"
          " PRIMARY KEY (model_id, key, time_ms, step, run_id));"
          "CREATE TABLE run_models ("
          " run_id TEXT NOT NULL REFERENCES runs (run_id),"
          " is_output BIGINT NOT NULL,"
          " model_id TEXT NOT NULL,"
          " step BIGINT NOT NULL,"
          " PRIMARY KEY (run_id, is_output, model_id));"
          "CREATE TABLE run_input_tags ("
          " run_id TEXT NOT NULL,"
          " dataset_id TEXT NOT NULL,"
          " key TEXT NOT NULL,"
          " value TEXT NOT NULL,"
          " PRIMARY KEY (run_id, dataset_id, key),"
          " FOREIGN KEY (run_id, dataset_id) REFERENCES run_inputs (run_id, dataset_id))");

#define LOGGED_COLUMNS                                                                             \
    "model_id, experiment_id, name, artifact_location, model_type, source_run_id, status,"         \
    " lifecycle_stage, creation_time_ms, last_update_time_ms FROM logged_models"

SQL(logged_insert,
    "INSERT INTO logged_models (model_id, experiment_id, name, artifact_location, model_type,"
    " source_run_id, status, lifecycle_stage, creation_time_ms, last_update_time_ms)"
    " VALUES ($1, $2, $3, $4, $5, $6, 1, 'active', $7, $8)");
SQL(logged_one, "SELECT " LOGGED_COLUMNS " WHERE model_id = $1");
SQL(logged_all, "SELECT " LOGGED_COLUMNS " WHERE experiment_id = $1 AND lifecycle_stage = 'active'"
                " ORDER BY creation_time_ms DESC, model_id LIMIT $2");
SQL(logged_set_status,
    "UPDATE logged_models SET status = $1, last_update_time_ms = $2 WHERE model_id = $3");
SQL(logged_set_deleted, "UPDATE logged_models SET lifecycle_stage = 'deleted',"
                        " last_update_time_ms = $1 WHERE model_id = $2");
SQL(logged_param_insert,
    "INSERT INTO logged_model_params (model_id, key, value) VALUES ($1, $2, $3)");
SQL(logged_param_all,
    "SELECT key, value FROM logged_model_params WHERE model_id = $1 ORDER BY key");
SQL(logged_tag_put, "INSERT INTO logged_model_tags (model_id, key, value) VALUES ($1, $2, $3)"
                    " ON CONFLICT (model_id, key) DO UPDATE SET value = excluded.value");
SQL(logged_tag_remove, "DELETE FROM logged_model_tags WHERE model_id = $1 AND key = $2");
SQL(logged_tag_all, "SELECT key, value FROM logged_model_tags WHERE model_id = $1 ORDER BY key");
SQL(logged_metric_insert,
    "INSERT INTO logged_model_metrics (model_id, key, time_ms, step, run_id, value, dataset_name,"
    " dataset_digest) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
    " ON CONFLICT (model_id, key, time_ms, step, run_id) DO NOTHING");
SQL(logged_metric_all,
    "SELECT key, value, time_ms, step, run_id, dataset_name, dataset_digest"
    " FROM logged_model_metrics WHERE model_id = $1 ORDER BY key, time_ms, step, run_id");
SQL_CHANGES(run_model_insert, 1,
            "INSERT INTO run_models (run_id, is_output, model_id, step) VALUES ($1, $2, "
            "$3, $4) ON CONFLICT (run_id, is_output, model_id) DO NOTHING");
#define LINK_IDS                                                                                   \
    "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,"  \
    " $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32)"
SQL(run_links_of, "SELECT run_id, 0 FROM run_inputs WHERE run_id IN " LINK_IDS
                  " UNION SELECT run_id, 1 + is_output FROM run_models WHERE run_id IN " LINK_IDS);
SQL(run_model_all, "SELECT model_id, step FROM run_models WHERE run_id = $1 AND is_output = $2"
                   " ORDER BY model_id");
SQL_CHANGES(input_tag_put, 1,
            "INSERT INTO run_input_tags (run_id, dataset_id, key, value) VALUES ($1, $2, $3,"
            " $4) ON CONFLICT (run_id, dataset_id, key) DO UPDATE SET value = "
            "excluded.value");
SQL(input_tag_all, "SELECT key, value FROM run_input_tags WHERE run_id = $1 AND dataset_id = $2"
                   " ORDER BY key");

static void read_model(const struct stmt *st, struct arena *a, struct logged_model *m)
{
    *m = (struct logged_model){
        .id = stmt_get_text(st, 0, a),
        .experiment_id = stmt_get_int(st, 1),
        .name = stmt_get_text(st, 2, a),
        .artifact_location = stmt_get_text(st, 3, a),
        .model_type = stmt_get_text(st, 4, a),
        .source_run_id = stmt_get_text(st, 5, a),
        .status = (enum logged_model_status)stmt_get_int(st, 6),
        .lifecycle_stage = stmt_get_text(st, 7, a),
        .creation_time_ms = stmt_get_int(st, 8),
        .last_update_time_ms = stmt_get_int(st, 9),
    };
}

static int tell(struct tx *tx, const struct cause *by, const char *kind, const char *id,
                const char *after, struct err *err)
{
    char subject[80];
    (void)snprintf(subject, sizeof subject, "logged_model/%.60s", id);
    struct event e = event_of(by, kind, subject);
    e.after = after;
    return event_add(tx, &e, err);
}

static const char *or_empty(const char *z)
{
    return z ? z : "";
}

int logged_model_create(struct tx *tx, const struct cause *by, const struct logged_model *m,
                        const char *experiment_location, char out_id[LOGGED_MODEL_TEXT],
                        struct err *err)
{
    char hex[HEX32_TEXT], made[64];
    struct arena a;
    hex32(hex);
    run__made_name(made);
    (void)snprintf(out_id, LOGGED_MODEL_TEXT, "m-%s", hex);
    const char *name = m->name && m->name[0] ? m->name : made;
    arena_init(&a, MIB(1));
    const char *where = arena_printf(
        &a, "%s%smodels/%s/artifacts", experiment_location,
        experiment_location[0] && experiment_location[strlen(experiment_location) - 1] == '/' ? ""
                                                                                              : "/",
        out_id);
    int rc =
        tx_exec(tx, &logged_insert, NULL, err, "tittttii", out_id, m->experiment_id, name, where,
                or_empty(m->model_type), or_empty(m->source_run_id), tx_now_ms(tx), tx_now_ms(tx));
    if (!rc)
        rc = tell(tx, by, "logged_model.created", out_id,
                  event_json(&a, "name", name, "run_id", m->source_run_id, (char *)NULL), err);
    arena_fini(&a);
    return rc;
}

int logged_model_get(struct tx *tx, struct arena *a, const char *id, struct logged_model *out,
                     struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &logged_one, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, id);
    rc = stmt_step(st, err);
    if (rc == 1)
        read_model(st, a, out);
    return rc == 0 ? ERR(err, ERR_NOT_FOUND, "Logged model with ID '%.80s' not found.", id)
                   : MIN(rc, 0);
}

int logged_model_list(struct tx *tx, struct arena *a, int64_t experiment_id,
                      struct logged_model **out, size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    struct logged_model *list = NULL;
    size_t n = 0, cap = 0;
    int rc = stmt_open(tx, &logged_all, &st, err);
    if (rc)
        return rc;
    stmt_int(st, 1, experiment_id);
    stmt_int(st, 2, TRACK_LIST_MAX);
    while ((rc = stmt_step(st, err)) == 1) {
        list = rows_room(a, list, n, &cap, sizeof *list);
        if (!list)
            return track__no_memory(err);
        read_model(st, a, &list[n++]);
    }
    *out = list;
    *out_n = n;
    return rc;
}

int logged_model_set_status(struct tx *tx, const struct cause *by, const char *id,
                            enum logged_model_status status, struct err *err)
{
    struct arena a;
    char text[24];
    int64_t changed = 0;
    int rc =
        tx_exec(tx, &logged_set_status, &changed, err, "iit", (int64_t)status, tx_now_ms(tx), id);
    if (!rc && !changed)
        return ERR(err, ERR_NOT_FOUND, "Logged model with ID '%.80s' not found.", id);
    if (rc)
        return rc;
    (void)snprintf(text, sizeof text, "%d", (int)status);
    arena_init(&a, KIB(64));
    rc = tell(tx, by, "logged_model.finalized", id, event_json(&a, "status", text, (char *)NULL),
              err);
    arena_fini(&a);
    return rc;
}

int logged_model_delete(struct tx *tx, const struct cause *by, const char *id, struct err *err)
{
    int64_t changed = 0;
    int rc = tx_exec(tx, &logged_set_deleted, &changed, err, "it", tx_now_ms(tx), id);
    if (!rc && !changed)
        return ERR(err, ERR_NOT_FOUND, "Logged model with ID '%.80s' not found.", id);
    return rc ? rc : tell(tx, by, "logged_model.deleted", id, NULL, err);
}

/* ---- parameters, tags, metrics ---- */

static int pairs_of(struct tx *tx, struct arena *a, const struct sql *sql, const char *id,
                    struct track_pair **out, size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, sql, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, id);
    return track_pairs_read(st, a, out, out_n, err);
}

int logged_model_param_add(struct tx *tx, const char *id, const struct track_pair *p,
                           struct err *err)
{
    int rc = tx_exec(tx, &logged_param_insert, NULL, err, "ttt", id, p->key, p->value);
    return rc == ERR_EXISTS
               ? ERR(err, ERR_EXISTS, "logged model '%.80s' has a parameter '%.250s' already", id,
                     p->key)
               : rc;
}

int logged_model_params(struct tx *tx, struct arena *a, const char *id, struct track_pair **out,
                        size_t *out_n, struct err *err)
{
    return pairs_of(tx, a, &logged_param_all, id, out, out_n, err);
}

int logged_model_tag_set(struct tx *tx, const char *id, const struct track_pair *t, struct err *err)
{
    return tx_exec(tx, &logged_tag_put, NULL, err, "ttt", id, t->key, t->value);
}

int logged_model_tag_delete(struct tx *tx, const char *id, const char *key, struct err *err)
{
    int64_t changed = 0;
    int rc = tx_exec(tx, &logged_tag_remove, &changed, err, "tt", id, key);
    return !rc && !changed
               ? ERR(err, ERR_NOT_FOUND,
                     "No tag with key '%.250s' found for model with ID '%.80s'.", key, id)
               : rc;
}

int logged_model_tags(struct tx *tx, struct arena *a, const char *id, struct track_pair **out,
                      size_t *out_n, struct err *err)
{
    return pairs_of(tx, a, &logged_tag_all, id, out, out_n, err);
}

int logged_model_metric_log(struct tx *tx, const char *id, const struct logged_metric *m,
                            struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &logged_metric_insert, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, id);
    stmt_text(st, 2, m->key);
    stmt_int(st, 3, m->point.time_ms);
    stmt_int(st, 4, m->point.step);
    stmt_text(st, 5, m->run_id);
    stmt_double(st, 6, m->point.value);
    stmt_text(st, 7, m->dataset_name);
    stmt_text(st, 8, m->dataset_digest);
    return stmt_step(st, err);
}

int logged_model_metrics(struct tx *tx, struct arena *a, const char *id, struct logged_metric **out,
                         size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    struct logged_metric *list = NULL;
    size_t n = 0, cap = 0;
    int rc = stmt_open(tx, &logged_metric_all, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, id);
    while ((rc = stmt_step(st, err)) == 1) {
        list = rows_room(a, list, n, &cap, sizeof *list);
        if (!list)
            return track__no_memory(err);
        list[n++] = (struct logged_metric){
            .key = stmt_get_text(st, 0, a),
            .point = { stmt_get_double(st, 1), stmt_get_int(st, 2), stmt_get_int(st, 3) },
            .run_id = stmt_get_text(st, 4, a),
            .dataset_name = stmt_get_text(st, 5, a),
            .dataset_digest = stmt_get_text(st, 6, a),
        };
    }
    *out = list;
    *out_n = n;
    return rc;
}

/* ---- models of runs, tags of inputs ---- */

int run_model_add(struct tx *tx, const char *run_id, int output, const struct run_model *m,
                  struct err *err)
{
    return tx_exec(tx, &run_model_insert, NULL, err, "titi", run_id, (int64_t)output, m->model_id,
                   m->step);
}

int run_models(struct tx *tx, struct arena *a, const char *run_id, int output,
               struct run_model **out, size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    struct run_model *list = NULL;
    size_t n = 0, cap = 0;
    int rc = stmt_open(tx, &run_model_all, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, run_id);
    stmt_int(st, 2, output);
    while ((rc = stmt_step(st, err)) == 1) {
        list = rows_room(a, list, n, &cap, sizeof *list);
        if (!list)
            return track__no_memory(err);
        list[n++] = (struct run_model){ stmt_get_text(st, 0, a), stmt_get_int(st, 1) };
    }
    *out = list;
    *out_n = n;
    return rc;
}

enum { LINKS_AT_ONCE = 32 }; /* as many as LINK_IDS */

static int links_of(struct tx *tx, const struct run *list, size_t n, unsigned char *out,
                    struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &run_links_of, &st, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < LINKS_AT_ONCE; i++)
        stmt_text(st, (int)i + 1, list[i < n ? i : 0].id);
    struct arena a;
    arena_init(&a, KIB(256));
    while ((rc = stmt_step(st, err)) == 1) {
        const char *id = stmt_get_text(st, 0, &a);
        for (size_t i = 0; id && i < n; i++)
            if (strcmp(list[i].id, id) == 0)
                out[i] |= (unsigned char)(1 << stmt_get_int(st, 1));
    }
    arena_fini(&a);
    return rc;
}

int run_links(struct tx *tx, const struct run *list, size_t n, unsigned char *out, struct err *err)
{
    int rc = 0;
    memset(out, 0, n);
    for (size_t i = 0; !rc && i < n; i += LINKS_AT_ONCE)
        rc = links_of(tx, list + i, MIN(n - i, (size_t)LINKS_AT_ONCE), out + i, err);
    return rc;
}

int run_input_tag_set(struct tx *tx, const char *run_id, const char *dataset_id,
                      const struct track_pair *t, struct err *err)
{
    return tx_exec(tx, &input_tag_put, NULL, err, "tttt", run_id, dataset_id, t->key, t->value);
}

int run_input_tags(struct tx *tx, struct arena *a, const char *run_id, const char *dataset_id,
                   struct track_pair **out, size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &input_tag_all, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, run_id);
    stmt_text(st, 2, dataset_id);
    return track_pairs_read(st, a, out, out_n, err);
}
