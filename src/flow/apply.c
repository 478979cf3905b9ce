/* SPDX-License-Identifier: Apache-2.0
 * From an attempt that ended to its record: how it ended (step.json), what it found (result.json).
 *
 * Files go into the blob store first (content-addressed: doing it twice is harmless); then one
 * transaction moves the attempt, guarded by its state, and writes run, stages, parameters, metrics,
 * dataset, model version and events. Whoever loses the race changes nothing. */
#include <math.h>
#include <stdio.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/num.h"
#include "codec/json.h"
#include "flow/flow_int.h"
#include "registry/model.h"
#include "registry/record.h"
#include "track/artifact.h"
#include "track/dataset.h"
#include "track/metric.h"

struct apply {
    struct flow *flow;
    const struct attempt *at;
    struct arena arena;
    struct cause by;
    struct json end;    /* step.json */
    struct json result; /* result.json; type JSON_NULL when there is none */
    char result_digest[SHA256_HEX];
    char tree_digest[SHA256_HEX]; /* of output/model; "" when there is none */
    int64_t tree_bytes;
    struct tree_entry *tree; /* its files */
    size_t tree_n;
    const char *status;    /* of the run: FINISHED, FAILED, KILLED */
    const char *reason;    /* NULL when it ended well */
    enum step_state state; /* of the attempt */
    int raced;             /* another process moved the attempt first */
};

static int read_json(struct apply *p, const char *name, size_t max_bytes, struct json *out,
                     str_t *out_text, struct err *err)
{
    char *path = flow__path(p->flow, &p->arena, p->at, name);
    struct json_options options = { .allow_nan = 1 };
    int rc = fs_read(&p->arena, path, max_bytes, out_text, err);
    return rc ? rc : json_parse(&p->arena, *out_text, &options, out, err);
}

/* What the run's owner reads when no result was left. */
static const char *reason_of_end(struct apply *p)
{
    const char *why = json_get_string(&p->end, "reason", "unknown");
    if (strcmp(why, "timeout") == 0)
        return "the time limit passed and the worker was stopped";
    if (strcmp(why, "cancelled") == 0)
        return "cancelled";
    if (strcmp(why, "not_started") == 0)
        return arena_printf(&p->arena, "the worker did not start: %s",
                            json_get_string(&p->end, "message", ""));
    if (strcmp(why, "signal") == 0)
        return arena_printf(&p->arena, "the worker was killed by signal %lld; its log may say more",
                            (long long)json_get_int(&p->end, "signal", 0));
    return arena_printf(
        &p->arena, "the worker ended with exit status %lld and left no result; its log says why",
        (long long)json_get_int(&p->end, "exit", -1));
}

static const char *first_refusal(struct apply *p)
{
    const struct json *gates = json_get(&p->result, "gates");
    for (size_t i = 0; gates && gates->type == JSON_ARRAY && i < gates->n; i++)
        if (!json_get_bool(&gates->items[i], "passed", 0))
            return arena_printf(&p->arena, "refused by gate `%s`: %s",
                                json_get_string(&gates->items[i], "expr", "?"),
                                json_get_string(&gates->items[i], "message", "not passed"));
    return "refused by a gate";
}

static void decide(struct apply *p)
{
    const char *state = json_get_string(&p->result, "state", "");
    const struct json *error = json_get(&p->result, "error");
    p->status = "FAILED";
    p->state = STEP_FAILED;
    if (strcmp(json_get_string(&p->end, "reason", ""), "cancelled") == 0) {
        p->status = "KILLED";
        p->state = STEP_CANCELLED;
        p->reason = "cancelled";
    } else if (strcmp(state, "finished") == 0) {
        p->status = "FINISHED";
        p->state = STEP_SUCCESS;
    } else if (strcmp(state, "refused") == 0) {
        p->reason = first_refusal(p);
    } else if (error && error->type == JSON_OBJECT) {
        const char *stage = json_get_string(error, "stage", NULL);
        const char *message = json_get_string(error, "message", "failed");
        p->reason = stage ? arena_printf(&p->arena, "stage '%s': %s", stage, message) : message;
    } else {
        p->reason = reason_of_end(p);
    }
}

/* Result and model files into the blob store. */
static int keep_files(struct apply *p, str_t result_text, struct err *err)
{
    int rc = blobs_put(p->flow->blobs, result_text, p->result_digest, err);
    const char *dir = json_get_string(json_get(&p->result, "model"), "dir", NULL);
    if (rc || !dir)
        return rc;
    if (!fs_is_safe_relative(str_of(dir)))
        return ERR(err, ERR_CORRUPT, "result names an unsafe model folder '%s'", dir);
    char *path = flow__path(p->flow, &p->arena, p->at, dir);
    if (!fs_exists(path))
        return 0;
    rc = blobs_put_tree(p->flow->blobs, &p->arena, path, p->tree_digest, &p->tree_bytes, err);
    return rc ? rc
              : blobs_tree(p->flow->blobs, &p->arena, p->tree_digest, &p->tree, &p->tree_n, err);
}

static int load(struct apply *p, struct err *err)
{
    str_t text;
    int rc = read_json(p, ATTEMPT_END, KIB(64), &p->end, &text, err);
    if (rc)
        return rc;
    struct err why = ERR_INIT;
    rc = read_json(p, ATTEMPT_RESULT, LIMIT_STEP_RESULT, &p->result, &text, &why);
    if (rc == 0)
        rc = keep_files(p, text, err);
    else if (rc == ERR_NOT_FOUND)
        rc = 0;
    else {
        p->result = (struct json){ 0 };
        rc = 0;
    }
    decide(p);
    if (why.code && why.code != ERR_NOT_FOUND)
        p->reason = arena_printf(&p->arena, "the worker's result cannot be read: %s", why.msg);
    return rc;
}

/* ---- inside the transaction ---- */

static int move(struct tx *tx, struct apply *p, struct err *err)
{
    struct attempt_change c = ATTEMPT_CHANGE_INIT;
    int rc = 0;
    if (p->at->state == STEP_QUEUED) { /* it ended before its start was recorded */
        c.from = STEP_QUEUED;
        c.to = STEP_RUNNING;
        rc = attempt_move(tx, &p->by, p->at->run_id, p->at->number, &c, err);
        p->raced = rc == ERR_CONFLICT;
    }
    c.from = STEP_RUNNING;
    c.to = p->state;
    c.exit_code = json_get_int(&p->end, "exit", -1);
    c.signal = json_get_int(&p->end, "signal", -1);
    c.max_rss_bytes = json_get_int(&p->end, "max_rss_bytes", -1);
    if (!rc) {
        rc = attempt_move(tx, &p->by, p->at->run_id, p->at->number, &c, err);
        p->raced = rc == ERR_CONFLICT;
    }
    return rc;
}

static enum step_state stage_state(const char *name)
{
    enum step_state s;
    return step_state_parse(str_of(name), &s) ? STEP_NONE : s;
}

static int put_stages(struct tx *tx, struct apply *p, struct err *err)
{
    const struct json *stages = json_get(&p->result, "stages");
    if (!stages || stages->type != JSON_ARRAY || !stages->n)
        return 0;
    struct stage *rows = ARENA_TRY_ARRAY(&p->arena, stages->n, struct stage);
    if (!rows)
        return ERR(err, ERR_LIMIT, "result has too many stages");
    for (size_t i = 0; i < stages->n; i++) {
        const struct json *s = &stages->items[i];
        rows[i] = (struct stage){
            .name = json_get_string(s, "name", "?"),
            .kind = json_get_string(s, "kind", "do"),
            .state = stage_state(json_get_string(s, "state", "none")),
            .why = json_get_string(s, "why", NULL),
            .message = json_get_string(s, "message", NULL),
            .ms = json_get_number(s, "ms", NAN),
            .rows_in = json_get_int(s, "rows_in", -1),
            .rows_out = json_get_int(s, "rows_out", -1),
            .digest = json_get_string(s, "digest", NULL),
        };
    }
    return stage_put_all(tx, p->at->run_id, p->at->number, rows, stages->n, err);
}

static int put_params(struct tx *tx, struct apply *p, struct err *err)
{
    const struct json *params = json_get(&p->result, "params");
    int rc = 0;
    for (size_t i = 0; !rc && params && params->type == JSON_OBJECT && i < params->n; i++) {
        const struct json *v = &params->members[i].value;
        struct track_pair pair = { .key = params->members[i].key.p,
                                   .value = v->type == JSON_STRING ? v->string.p : "" };
        if (v->type == JSON_NUMBER) {
            char text[FMT_DOUBLE_MAX];
            size_t n = v->is_integer ? fmt_i64(v->integer, text) : fmt_double(v->number, text);
            pair.value = arena_strndup(&p->arena, text, n);
        }
        rc = run_param_log(tx, p->at->run_id, &pair, err);
    }
    return rc;
}

/* Metrics of one part; the test part's carry no prefix, as gates name them. */
static int put_part(struct tx *tx, struct apply *p, const char *part, struct err *err)
{
    const struct json *metrics = json_get(json_get(&p->result, "metrics"), part);
    int rc = 0;
    for (size_t i = 0; !rc && metrics && metrics->type == JSON_OBJECT && i < metrics->n; i++) {
        const char *name = metrics->members[i].key.p;
        double value = json_get_number(&metrics->members[i].value, "value", NAN);
        struct metric_point point = { .value = value, .time_ms = tx_now_ms(tx) };
        const char *key =
            strcmp(part, "test") == 0 ? name : arena_printf(&p->arena, "%s.%s", part, name);
        rc = metric_log(tx, p->at->run_id, key, &point, 1, err);
    }
    return rc;
}

static int put_metrics(struct tx *tx, struct apply *p, struct err *err)
{
    static const char *const parts[] = { "test", "valid", "train", "baseline", "champion" };
    int rc = 0;
    for (size_t i = 0; !rc && i < ARRAY_LEN(parts); i++)
        rc = put_part(tx, p, parts[i], err);
    return rc;
}

static const char *json_text(struct apply *p, const struct json *v)
{
    return v && v->type != JSON_NULL ? json_to_text(&p->arena, v, LIMIT_STEP_RESULT) : NULL;
}

static int64_t sum_bytes(const struct json *files)
{
    int64_t total = 0;
    for (size_t i = 0; files && files->type == JSON_ARRAY && i < files->n; i++)
        total += json_get_int(&files->items[i], "bytes", 0);
    return total;
}

static int put_dataset(struct tx *tx, struct apply *p, struct err *err)
{
    const struct json *d = json_get(&p->result, "dataset");
    const char *digest = json_get_string(d, "digest", NULL);
    char id[UUID_TEXT];
    if (!digest)
        return 0;
    const struct json *files = json_get(d, "files"), *columns = json_get(d, "columns");
    struct dataset row = {
        .project = p->by.project,
        .name = json_get_string(d, "name", "data"),
        .digest = digest,
        .source_type = "local",
        .source = files && files->type == JSON_ARRAY && files->n
                      ? json_get_string(&files->items[0], "path", "")
                      : "",
        .detail = json_text(p, d),
        .rows = json_get_int(d, "rows", -1),
        .columns_n = columns && columns->type == JSON_ARRAY ? (int64_t)columns->n : -1,
        .files_n = files && files->type == JSON_ARRAY ? (int64_t)files->n : -1,
        .bytes = sum_bytes(files),
    };
    int rc = dataset_put(tx, &p->by, &row, id, err);
    return rc ? rc : run_input_add(tx, p->at->run_id, id, "training", err);
}

static int put_run(struct tx *tx, struct apply *p, struct err *err)
{
    struct run_change c = RUN_CHANGE_INIT;
    c.result_digest = p->result_digest[0] ? p->result_digest : NULL;
    c.environment_json = json_text(p, json_get(&p->result, "environment"));
    int rc = run_update(tx, &p->by, p->at->run_id, &c, err);
    struct cause by = p->by;
    by.reason = p->reason;
    return rc ? rc : run_finish(tx, &by, p->at->run_id, p->status, p->reason, err);
}

/* The model's files are artifacts of the run as well, as if a client had logged them there. Where a
 * client put a file in the place of a folder meanwhile, its names stand: the run ends all the same.
 */
static int put_artifacts(struct tx *tx, struct apply *p, const struct run *run, struct err *err)
{
    static const char managed[] = "mlflow-artifacts:/";
    if (!str_starts(str_of(run->artifact_uri), managed))
        return 0;
    const char *root = run->artifact_uri + sizeof managed - 1;
    root += strspn(root, "/");
    for (size_t i = 0; i < p->tree_n; i++) {
        const struct tree_entry *e = &p->tree[i];
        struct err why = ERR_INIT;
        int rc = artifact_put(tx, arena_printf(&p->arena, "%s/model/%s", root, e->path), e->digest,
                              e->bytes, &why);
        if (rc && rc != ERR_INVALID)
            return ERR(err, rc, "%s", why.msg);
    }
    return 0;
}

/* Was the model deleted or purged while the run went on, and not made again? Then its late result
 * does not bring the name back. */
static int is_model_gone(struct tx *tx, struct apply *p, const struct run *run, int *out,
                         struct err *err)
{
    enum { LOOKED_AT = 200 };
    struct model m;
    struct event *list;
    size_t n = 0;
    struct event_query q = { .subject = arena_printf(&p->arena, "model/%s", run->model_name),
                             .kind_prefix = "model.",
                             .newest_first = 1,
                             .limit = LOOKED_AT };
    *out = 0;
    int rc = model_get(tx, &p->arena, run->project, run->model_name, &m, NULL);
    if (rc != ERR_NOT_FOUND)
        return 0;
    rc = event_list(tx, &p->arena, &q, &list, &n, err);
    for (size_t i = 0; !rc && i < n && list[i].time_ms >= run->start_time_ms; i++)
        *out |= strcmp(list[i].project, run->project) == 0 &&
                (strcmp(list[i].kind, "model.deleted") == 0 ||
                 strcmp(list[i].kind, "model.purged") == 0);
    return rc;
}

/* The next version of the run's model, or only the evidence when a gate refused it. */
static int put_version(struct tx *tx, struct apply *p, const struct run *run, struct err *err)
{
    struct record r = {
        .run_id = run->id,
        .model = run->model_name,
        .result = &p->result,
        .files_digest = p->tree_digest[0] ? p->tree_digest : NULL,
        .files_bytes = p->tree_bytes,
        .code_json = run->code_json,
    };
    int64_t version;
    int gone;
    if (!run->model_name || strcmp(p->status, "KILLED") == 0)
        return 0;
    int rc = is_model_gone(tx, p, run, &gone, err);
    if (!rc && gone && !p->reason)
        p->reason =
            arena_printf(&p->arena, "model '%s' was deleted while it ran: no version is registered",
                         run->model_name);
    if (rc || gone)
        return rc;
    return registry_record(tx, &p->arena, &p->by, &r, &version, err);
}

static int apply_in_tx(struct tx *tx, void *arg, struct err *err)
{
    struct apply *p = arg;
    struct run run;
    int rc = run_get(tx, &p->arena, p->at->run_id, &run, err);
    if (rc)
        return rc;
    p->by = (struct cause){ .project = run.project,
                            .actor = run.user && run.user[0] ? run.user : "system" };
    rc = move(tx, p, err);
    if (!rc)
        rc = put_stages(tx, p, err);
    if (!rc)
        rc = put_params(tx, p, err);
    if (!rc)
        rc = put_metrics(tx, p, err);
    if (!rc)
        rc = put_dataset(tx, p, err);
    if (!rc)
        rc = put_artifacts(tx, p, &run, err);
    if (!rc)
        rc = put_version(tx, p, &run, err);
    return rc ? rc : put_run(tx, p, err);
}

/* The lock file of a good run goes into the project's folder, for the next run's "why" and for git.
 * It is a convenience that can be made again: a folder that cannot be written loses nothing. */
static void write_lock(struct apply *p)
{
    const struct json *lock = json_get(&p->result, "lock");
    struct json spec;
    str_t text;
    if (p->state != STEP_SUCCESS || !lock || lock->type != JSON_STRING ||
        read_json(p, ATTEMPT_SPEC, MIB(8), &spec, &text, NULL))
        return;
    const char *dir = json_get_string(&spec, "project_dir", NULL);
    if (dir)
        IGNORE(fs_write_atomic(fs_join(&p->arena, dir, "slipway.lock"), lock->string, NULL));
}

/* Trying again would fail again: a result that contradicts the record, a run that somebody ended or
 * deleted meanwhile. A full disk and the like pass. */
static int is_lasting(int rc)
{
    return rc == ERR_INVALID || rc == ERR_CORRUPT || rc == ERR_LIMIT || rc == ERR_EXISTS ||
           rc == ERR_NOT_FOUND || rc == ERR_CONFLICT;
}

int flow__apply(struct flow *f, const struct attempt *at, struct err *err)
{
    struct apply p = { .flow = f, .at = at };
    arena_init(&p.arena, LIMIT_ARENA_REQUEST * 2);
    int rc = load(&p, err);
    if (!rc)
        rc = store_write(f->store, apply_in_tx, &p, err);
    if (!rc)
        write_lock(&p);
    arena_fini(&p.arena);
    if (rc && p.raced)
        return 0;
    if (is_lasting(rc)) {
        /* Say so on the run instead of asking for ever. */
        char reason[600];
        (void)snprintf(reason, sizeof reason, "its result could not be recorded: %s",
                       err ? err->msg : "unknown");
        return flow__lose(f, at, reason, err);
    }
    return rc;
}

/* ---- lost ---- */

struct lose {
    struct arena arena;
    const struct attempt *at;
    const char *reason;
};

static int lose_in_tx(struct tx *tx, void *arg, struct err *err)
{
    struct lose *l = arg;
    struct run run;
    int rc = run_get(tx, &l->arena, l->at->run_id, &run, err);
    if (rc)
        return rc;
    struct cause by = { .project = run.project, .actor = "system", .reason = l->reason };
    struct attempt_change c = ATTEMPT_CHANGE_INIT;
    c.from = l->at->state;
    c.to = STEP_LOST;
    rc = attempt_move(tx, &by, l->at->run_id, l->at->number, &c, err);
    /* Who ended or deleted the run meanwhile has the last word on it; only the attempt is closed.
     */
    if (rc || run_status_is_ended(run.status) || strcmp(run.lifecycle_stage, "active") != 0)
        return rc;
    return run_finish(tx, &by, l->at->run_id, "FAILED", l->reason, err);
}

int flow__lose(struct flow *f, const struct attempt *at, const char *reason, struct err *err)
{
    struct lose l = { .at = at, .reason = reason };
    arena_init(&l.arena, MIB(4));
    int rc = store_write(f->store, lose_in_tx, &l, err);
    arena_fini(&l.arena);
    return rc == ERR_CONFLICT ? 0 : rc;
}
