/* SPDX-License-Identifier: Apache-2.0
 * Runs, their parameters and tags. */
#include <stdio.h>

#include "base/clock.h"
#include "base/limits.h"
#include "codec/json.h"
#include "track/run.h"
#include "track/run_int.h"
#include "track/track_int.h"

SQL_MOVES(run_insert, 1,
          "INSERT INTO runs (run_id, experiment_id, name, status, user_id, start_time_ms, "
          "lifecycle_stage,"
          " artifact_uri, attempt, model_name, code_json, seed)"
          " VALUES ($1, $2, $3, $4, $5, $6, 'active', $7, 0, $8, $9, $10)");
SQL(run_by_id, "SELECT " RUN_COLUMNS " WHERE r.run_id = $1");
SQL(run_by_prefix,
    "SELECT " RUN_COLUMNS " WHERE r.run_id >= $1 AND r.run_id < $2 AND e.project = $3 LIMIT 2");
SQL(run_newest, "SELECT " RUN_COLUMNS " WHERE e.project = $1 AND r.lifecycle_stage = 'active'"
                " ORDER BY r.start_time_ms DESC, r.run_id LIMIT 1");
SQL_CHANGES(run_set_status, 4,
            "UPDATE runs SET status = $1, status_reason = $2, end_time_ms = $3 WHERE run_id = $4");
SQL_CHANGES(run_set_name, 2, "UPDATE runs SET name = $1 WHERE run_id = $2");
SQL_CHANGES(run_set_end, 2, "UPDATE runs SET end_time_ms = $1 WHERE run_id = $2");
SQL_CHANGES(run_set_attempt, 2, "UPDATE runs SET attempt = $1 WHERE run_id = $2");
SQL_CHANGES(
    run_set_records, 4,
    "UPDATE runs SET result_digest = COALESCE($1, result_digest),"
    " environment_json = COALESCE($2, environment_json), code_json = COALESCE($3, code_json)"
    " WHERE run_id = $4");
SQL_MOVES(run_set_stage, 3,
          "UPDATE runs SET lifecycle_stage = $1, deleted_time_ms = $2 WHERE run_id = $3 "
          "AND lifecycle_stage = $4");
SQL(run_stage_of, "SELECT lifecycle_stage FROM runs WHERE run_id = $1");
SQL_CHANGES(param_insert, 1,
            "INSERT INTO params (run_id, key, value) VALUES ($1, $2, $3) ON CONFLICT "
            "(run_id, key) DO NOTHING");
SQL(param_one, "SELECT value FROM params WHERE run_id = $1 AND key = $2");
SQL(param_all, "SELECT key, value FROM params WHERE run_id = $1 ORDER BY key");
SQL_CHANGES(run_tag_put, 1,
            "INSERT INTO run_tags (run_id, key, value) VALUES ($1, $2, $3)"
            " ON CONFLICT (run_id, key) DO UPDATE SET value = excluded.value"
            " WHERE run_tags.value <> excluded.value");
SQL_CHANGES(run_tag_remove, 1, "DELETE FROM run_tags WHERE run_id = $1 AND key = $2");
SQL(run_tag_one, "SELECT value FROM run_tags WHERE run_id = $1 AND key = $2");
SQL(run_tag_all, "SELECT key, value FROM run_tags WHERE run_id = $1 ORDER BY key");

static const char *const statuses[] = { "RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED" };

int run_status_is_valid(const char *status)
{
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
        if (strcmp(status, statuses[i]) == 0)
            return 1;
    return 0;
}

int run_status_is_ended(const char *status)
{
    return strcmp(status, "RUNNING") != 0 && strcmp(status, "SCHEDULED") != 0;
}

void run__read(const struct stmt *st, struct arena *a, struct run *r)
{
    *r = (struct run){
        .id = stmt_get_text(st, 0, a),
        .experiment_id = stmt_get_int(st, 1),
        .experiment = stmt_get_text(st, 2, a),
        .project = stmt_get_text(st, 3, a),
        .name = stmt_get_text(st, 4, a),
        .status = stmt_get_text(st, 5, a),
        .status_reason = stmt_get_text(st, 6, a),
        .user = stmt_get_text(st, 7, a),
        .start_time_ms = stmt_get_int(st, 8),
        .end_time_ms = stmt_is_null(st, 9) ? -1 : stmt_get_int(st, 9),
        .lifecycle_stage = stmt_get_text(st, 10, a),
        .artifact_uri = stmt_get_text(st, 11, a),
        .attempt = stmt_get_int(st, 12),
        .model_name = stmt_get_text(st, 13, a),
        .dataset_name = stmt_get_text(st, 14, a),
        .dataset_digest = stmt_get_text(st, 15, a),
        .result_digest = stmt_get_text(st, 16, a),
        .code_json = stmt_get_text(st, 17, a),
        .environment_json = stmt_get_text(st, 18, a),
        .seed = stmt_get_int(st, 19),
        .has_seed = !stmt_is_null(st, 19),
    };
}

/* ---- creation ---- */

void run__made_name(char out[64])
{
    static const char *const first[] = { "able",   "amber", "brave",  "bright", "calm",   "clear",
                                         "clever", "coral", "crisp",  "deep",   "eager",  "early",
                                         "fair",   "fleet", "gentle", "grand",  "hardy",  "jolly",
                                         "keen",   "light", "lively", "merry",  "noble",  "polite",
                                         "proud",  "quick", "quiet",  "rapid",  "silver", "steady",
                                         "swift",  "wise" };
    static const char *const second[] = {
        "anchor",  "barge",  "beacon", "breeze",   "brook",   "buoy",  "canoe",  "clipper",
        "compass", "cutter", "dock",   "ferry",    "frigate", "gull",  "harbor", "heron",
        "island",  "jetty",  "kayak",  "keel",     "lagoon",  "mast",  "otter",  "pier",
        "reef",    "rudder", "sail",   "schooner", "shoal",   "sloop", "tide",   "wharf"
    };
    uint32_t dice[3];
    random_bytes(dice, sizeof dice);
    (void)snprintf(out, 64, "%s-%s-%u", first[dice[0] % ARRAY_LEN(first)],
                   second[dice[1] % ARRAY_LEN(second)], dice[2] % 1000);
}

static int check_run_id(const char *id, struct err *err)
{
    size_t n = strlen(id);
    if (n != 32 || strspn(id, "0123456789abcdef") != 32)
        return ERR(err, ERR_INVALID, "'%.80s' is not a run id: 32 lower-case hex digits", id);
    return 0;
}

static int check_new(struct tx *tx, struct arena *a, const struct run_new *r, struct experiment *e,
                     struct err *err)
{
    int rc = experiment_brief(tx, a, r->experiment_id, e, err);
    if (!rc && strcmp(e->lifecycle_stage, "active") != 0)
        rc = ERR(err, ERR_INVALID, "The experiment %lld must be in the 'active' state.",
                 (long long)e->id);
    if (!rc && r->id)
        rc = check_run_id(r->id, err);
    if (!rc && r->status && !run_status_is_valid(r->status))
        rc = ERR(err, ERR_INVALID, "'%.40s' is not a status of a run", r->status);
    if (!rc && r->name)
        rc = track__check_value("the name of run", "", r->name, TRACK_TAG_MAX, err);
    return rc;
}

static int tell(struct tx *tx, const struct cause *by, const char *kind, const char *id,
                const struct event *states, struct err *err)
{
    char subject[64];
    (void)snprintf(subject, sizeof subject, "run/%s", id);
    struct event e = event_of(by, kind, subject);
    e.before = states->before;
    e.after = states->after;
    if (states->reason)
        e.reason = states->reason;
    return event_add(tx, &e, err);
}

static int insert(struct tx *tx, const struct run_new *r, const char *id, const char *name,
                  const char *uri, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &run_insert, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, id);
    stmt_int(st, 2, r->experiment_id);
    stmt_text(st, 3, name);
    stmt_text(st, 4, r->status ? r->status : "RUNNING");
    stmt_text(st, 5, r->user ? r->user : "");
    stmt_int(st, 6, r->start_time_ms < 0 ? tx_now_ms(tx) : r->start_time_ms);
    stmt_text(st, 7, uri);
    stmt_text(st, 8, r->model_name);
    stmt_text(st, 9, r->code_json);
    if (r->has_seed)
        stmt_int(st, 10, r->seed);
    else
        stmt_null(st, 10);
    rc = stmt_step(st, err);
    return rc == ERR_EXISTS ? ERR(err, ERR_EXISTS, "run '%s' exists already", id) : rc;
}

int run_create(struct tx *tx, const struct cause *by, const struct run_new *r,
               char out_id[HEX32_TEXT], struct err *err)
{
    struct arena a;
    struct experiment e;
    char id[HEX32_TEXT], name[64];
    arena_init(&a, MIB(4));
    run__made_name(name);
    hex32(id);
    if (r->id)
        (void)snprintf(id, sizeof id, "%.32s", r->id);
    const char *shown = r->name && r->name[0] ? r->name : name;
    int rc = check_new(tx, &a, r, &e, err);
    if (!rc) {
        const char *uri = r->artifact_uri
                              ? r->artifact_uri
                              : arena_printf(&a, "%s/%s/artifacts", e.artifact_location, id);
        rc = insert(tx, r, id, shown, uri, err);
    }
    if (!rc)
        rc = tx_exec(tx, &run_tag_put, NULL, err, "ttt", id, "mlflow.runName", shown);
    if (!rc)
        rc = tell(tx, by, "run.created", id,
                  &(struct event){ .after = event_json(&a, "status",
                                                       r->status ? r->status : "RUNNING", "name",
                                                       shown, "experiment", e.name, (char *)NULL) },
                  err);
    arena_fini(&a);
    if (!rc)
        memcpy(out_id, id, sizeof id);
    return rc;
}

/* ---- look-up ---- */

static int one_row(struct stmt *st, struct arena *a, struct run *out, struct err *err)
{
    int rc = stmt_step(st, err);
    if (rc == 1)
        run__read(st, a, out);
    return rc;
}

static int by_id(struct tx *tx, struct arena *a, const char *id, struct run *out, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &run_by_id, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, id);
    return one_row(st, a, out, err);
}

int run_get(struct tx *tx, struct arena *a, const char *id, struct run *out, struct err *err)
{
    int rc = by_id(tx, a, id, out, err);
    return rc == 0 ? ERR(err, ERR_NOT_FOUND, "Run with id=%.80s not found", id) : MIN(rc, 0);
}

static int by_prefix(struct tx *tx, struct arena *a, const char *project, const char *prefix,
                     struct run *out, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &run_by_prefix, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, prefix);
    stmt_text(st, 2, arena_printf(a, "%sg", prefix)); /* 'g' follows every hex digit */
    stmt_text(st, 3, project);
    rc = one_row(st, a, out, err);
    if (rc <= 0)
        return rc;
    struct run second;
    rc = one_row(st, a, &second, err);
    if (rc == 1)
        return ERR(err, ERR_CONFLICT, "run '%s' can mean %s or %s; give more digits", prefix,
                   out->id, second.id);
    return rc < 0 ? rc : 1;
}

static int newest(struct tx *tx, struct arena *a, const char *project, struct run *out,
                  struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &run_newest, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, project);
    rc = one_row(st, a, out, err);
    return rc == 0 ? ERR(err, ERR_NOT_FOUND, "there is no run yet; 'slipway run' makes one")
                   : MIN(rc, 0);
}

int run_resolve(struct tx *tx, struct arena *a, const char *project, const char *text,
                struct run *out, struct err *err)
{
    size_t n = strlen(text);
    if (strcmp(text, "latest") == 0)
        return newest(tx, a, project, out, err);
    if (n > 32 || strspn(text, "0123456789abcdef") != n)
        return ERR(err, ERR_NOT_FOUND,
                   "run '%.80s' not found: a run is named by its hex digits or 'latest'", text);
    if (n < 4)
        return ERR(err, ERR_INVALID, "run '%s': give at least 4 digits of its id", text);
    int rc = by_prefix(tx, a, project, text, out, err);
    return rc == 0 ? ERR(err, ERR_NOT_FOUND,
                         "run '%s' not found; 'slipway exp ls' lists experiments and runs", text)
                   : MIN(rc, 0);
}

/* ---- changes ---- */

static int check_from(const struct run *old, const struct run_change *c, struct err *err)
{
    int any = 0;
    for (size_t i = 0; i < ARRAY_LEN(c->only_from); i++) {
        if (!c->only_from[i])
            continue;
        any = 1;
        if (strcmp(old->status, c->only_from[i]) == 0)
            return 0;
    }
    if (!any)
        return 0;
    return ERR(err, ERR_CONFLICT, "run '%s' is %s already%s%s", old->id, old->status,
               old->status_reason ? ": " : "", old->status_reason ? old->status_reason : "");
}

static int change_status(struct tx *tx, const struct cause *by, const struct run *old,
                         const struct run_change *c, struct err *err)
{
    struct arena a;
    int64_t end = c->end_time_ms >= 0 ? c->end_time_ms : old->end_time_ms;
    if (!run_status_is_valid(c->status))
        return ERR(err, ERR_INVALID, "'%.40s' is not a status of a run", c->status);
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &run_set_status, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, c->status);
    stmt_text(st, 2, c->status_reason);
    if (end >= 0)
        stmt_int(st, 3, end);
    else
        stmt_null(st, 3);
    stmt_text(st, 4, old->id);
    rc = stmt_step(st, err);
    if (rc || strcmp(c->status, old->status) == 0)
        return rc;
    arena_init(&a, MIB(1));
    const char *kind = strcmp(c->status, "FINISHED") == 0 ? "run.finished"
                       : strcmp(c->status, "FAILED") == 0 ? "run.failed"
                       : strcmp(c->status, "KILLED") == 0 ? "run.killed"
                                                          : "run.status_changed";
    rc = tell(tx, by, kind, old->id,
              &(struct event){ .before = event_json(&a, "status", old->status, (char *)NULL),
                               .after = event_json(&a, "status", c->status, (char *)NULL),
                               .reason = c->status_reason },
              err);
    arena_fini(&a);
    return rc;
}

static int change_name(struct tx *tx, const struct cause *by, const struct run *old,
                       const char *name, struct err *err)
{
    struct arena a;
    int rc = track__check_value("the name of run", old->id, name, TRACK_TAG_MAX, err);
    if (!rc)
        rc = tx_exec(tx, &run_set_name, NULL, err, "tt", name, old->id);
    if (!rc)
        rc = tx_exec(tx, &run_tag_put, NULL, err, "ttt", old->id, "mlflow.runName", name);
    if (rc || strcmp(name, old->name) == 0)
        return rc;
    arena_init(&a, MIB(1));
    rc = tell(tx, by, "run.renamed", old->id,
              &(struct event){ .before = event_json(&a, "name", old->name, (char *)NULL),
                               .after = event_json(&a, "name", name, (char *)NULL) },
              err);
    arena_fini(&a);
    return rc;
}

int run_update(struct tx *tx, const struct cause *by, const char *id, const struct run_change *c,
               struct err *err)
{
    struct arena a;
    struct run old;
    arena_init(&a, MIB(4));
    int rc = run_get(tx, &a, id, &old, err);
    if (!rc && strcmp(old.lifecycle_stage, "active") != 0)
        rc = ERR(err, ERR_INVALID, "The run %s must be in the 'active' state. Current state is %s.",
                 id, old.lifecycle_stage);
    if (!rc)
        rc = check_from(&old, c, err);
    if (!rc && c->status)
        rc = change_status(tx, by, &old, c, err);
    else if (!rc && c->end_time_ms >= 0)
        rc = tx_exec(tx, &run_set_end, NULL, err, "it", c->end_time_ms, id);
    if (!rc && c->name)
        rc = change_name(tx, by, &old, c->name, err);
    if (!rc && c->attempt > 0)
        rc = tx_exec(tx, &run_set_attempt, NULL, err, "it", c->attempt, id);
    if (!rc && (c->result_digest || c->environment_json || c->code_json))
        rc = tx_exec(tx, &run_set_records, NULL, err, "tttt", c->result_digest, c->environment_json,
                     c->code_json, id);
    arena_fini(&a);
    return rc;
}

int run_finish(struct tx *tx, const struct cause *by, const char *id, const char *status,
               const char *reason, struct err *err)
{
    ASSERT(run_status_is_ended(status));
    struct run_change c = RUN_CHANGE_INIT;
    c.status = status;
    c.status_reason = reason;
    c.end_time_ms = tx_now_ms(tx);
    c.only_from[0] = "RUNNING";
    c.only_from[1] = "SCHEDULED";
    return run_update(tx, by, id, &c, err);
}

static int set_stage(struct tx *tx, const struct cause *by, const char *id, int deleting,
                     struct err *err)
{
    struct arena a;
    struct run old;
    int64_t changed = 0;
    arena_init(&a, MIB(4));
    int rc = run_get(tx, &a, id, &old, err);
    if (!rc && deleting)
        rc = tx_exec(tx, &run_set_stage, &changed, err, "titt", "deleted", tx_now_ms(tx), id,
                     "active");
    else if (!rc)
        rc = tx_exec(tx, &run_set_stage, &changed, err, "tntt", "active", id, "deleted");
    if (!rc && changed)
        rc = tell(tx, by, deleting ? "run.deleted" : "run.restored", id, &(struct event){ 0 }, err);
    arena_fini(&a);
    return rc;
}

int run_delete(struct tx *tx, const struct cause *by, const char *id, struct err *err)
{
    return set_stage(tx, by, id, 1, err);
}

int run_restore(struct tx *tx, const struct cause *by, const char *id, struct err *err)
{
    return set_stage(tx, by, id, 0, err);
}

/* ---- parameters and tags ---- */

int run_require_active(struct tx *tx, const char *run_id, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    char small[64];
    struct arena a;
    int rc = stmt_open(tx, &run_stage_of, &st, err);
    if (rc)
        return rc;
    stmt_text_kept(st, 1, run_id);
    rc = stmt_step(st, err);
    if (rc < 0)
        return rc;
    if (rc == 0)
        return ERR(err, ERR_NOT_FOUND, "Run with id=%.80s not found", run_id);
    arena_init(&a, KIB(64));
    (void)snprintf(small, sizeof small, "%s", stmt_get_text(st, 0, &a));
    arena_fini(&a);
    if (strcmp(small, "active") != 0)
        return ERR(err, ERR_INVALID,
                   "The run %s must be in the 'active' state. Current state is %s.", run_id, small);
    return 0;
}

static int check_param(const struct track_pair *p, struct err *err)
{
    int rc = track__check_key("param", p->key, err);
    return rc ? rc : track__check_value("param", p->key, p->value, TRACK_PARAM_MAX, err);
}

static int compare_param(struct tx *tx, const char *run_id, const struct track_pair *p,
                         struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    struct arena a;
    int rc = stmt_open(tx, &param_one, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, run_id);
    stmt_text(st, 2, p->key);
    rc = stmt_step(st, err);
    if (rc != 1)
        return rc < 0 ? rc : ERR(err, ERR_INTERNAL, "parameter '%s' vanished", p->key);
    arena_init(&a, MIB(1));
    const char *old = stmt_get_text(st, 0, &a);
    rc = 0;
    if (strcmp(old, p->value) != 0)
        rc = ERR(err, ERR_INVALID,
                 "Changing param values is not allowed. Param with key='%s' was already logged "
                 "with value='%.100s' "
                 "for run ID='%s'. Attempted logging new value '%.100s'.",
                 p->key, old, run_id, p->value);
    arena_fini(&a);
    return rc;
}

void track__hint(struct tx *tx, const char *run_id)
{
    char subject[EVENT_HINT_BYTES];
    (void)snprintf(subject, sizeof subject, "run/%s", run_id);
    event_hint(tx, subject);
}

int run_param_log(struct tx *tx, const char *run_id, const struct track_pair *p, struct err *err)
{
    int rc = check_param(p, err);
    if (!rc)
        rc = run_require_active(tx, run_id, err);
    return rc ? rc : run_param_append(tx, run_id, p, err);
}

int run_param_append(struct tx *tx, const char *run_id, const struct track_pair *p, struct err *err)
{
    int64_t changed = 0;
    int rc = check_param(p, err);
    if (!rc)
        rc = tx_exec(tx, &param_insert, &changed, err, "ttt", run_id, p->key, p->value);
    if (!rc && changed == 0)
        rc = compare_param(tx, run_id, p, err);
    if (!rc && changed)
        track__hint(tx, run_id);
    return rc;
}

static int pairs_of(struct tx *tx, struct arena *a, const struct sql *sql, const char *run_id,
                    struct track_pair **out, size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, sql, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, run_id);
    return track_pairs_read(st, a, out, out_n, err);
}

int run_params(struct tx *tx, struct arena *a, const char *run_id, struct track_pair **out,
               size_t *out_n, struct err *err)
{
    return pairs_of(tx, a, &param_all, run_id, out, out_n, err);
}

int run_tags(struct tx *tx, struct arena *a, const char *run_id, struct track_pair **out,
             size_t *out_n, struct err *err)
{
    return pairs_of(tx, a, &run_tag_all, run_id, out, out_n, err);
}

int run_tag_set(struct tx *tx, const struct cause *by, const char *run_id,
                const struct track_pair *t, struct err *err)
{
    int rc = track__check_key("tag", t->key, err);
    if (!rc)
        rc = track__check_value("tag", t->key, t->value, TRACK_TAG_MAX, err);
    if (!rc && strcmp(t->key, "mlflow.runName") == 0) {
        struct run_change c = RUN_CHANGE_INIT;
        c.name = t->value;
        return run_update(tx, by, run_id, &c, err);
    }
    if (!rc)
        rc = run_require_active(tx, run_id, err);
    return rc ? rc : run_tag_append(tx, by, run_id, t, err);
}

int run_tag_append(struct tx *tx, const struct cause *by, const char *run_id,
                   const struct track_pair *t, struct err *err)
{
    if (strcmp(t->key, "mlflow.runName") == 0)
        return run_tag_set(tx, by, run_id, t, err);
    int rc = track__check_key("tag", t->key, err);
    if (!rc)
        rc = track__check_value("tag", t->key, t->value, TRACK_TAG_MAX, err);
    if (!rc)
        rc = tx_exec(tx, &run_tag_put, NULL, err, "ttt", run_id, t->key, t->value);
    if (!rc)
        track__hint(tx, run_id);
    return rc;
}

int run_tag_delete(struct tx *tx, const char *run_id, const char *key, struct err *err)
{
    int64_t changed = 0;
    int rc = run_require_active(tx, run_id, err);
    if (!rc)
        rc = tx_exec(tx, &run_tag_remove, &changed, err, "tt", run_id, key);
    if (!rc && !changed)
        rc = ERR(err, ERR_NOT_FOUND, "No tag with name: %.250s in run with id %s", key, run_id);
    return rc;
}

static int value_of(struct tx *tx, struct arena *a, const struct sql *sql, const char *run_id,
                    const char *key, const char **out, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, sql, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, run_id);
    stmt_text(st, 2, key);
    return rows_text(st, a, out, err);
}

int run__param(struct tx *tx, struct arena *a, const char *run_id, const char *key,
               const char **out, struct err *err)
{
    return value_of(tx, a, &param_one, run_id, key, out, err);
}

int run__tag(struct tx *tx, struct arena *a, const char *run_id, const char *key, const char **out,
             struct err *err)
{
    return value_of(tx, a, &run_tag_one, run_id, key, out, err);
}
