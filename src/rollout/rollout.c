/* SPDX-License-Identifier: Apache-2.0
 * The decisions of deploy, promote and rollback, each as one request of the store's writer. */
#include "rollout/rollout.h"

#include <stdio.h>

#include "base/limits.h"
#include "base/rng.h"
#include "codec/json.h"
#include "registry/version.h"
#include "rollout/canary_int.h"
#include "rollout/loop_int.h"

/* What travels into the transaction. */
struct job {
    const struct rollout_change *c;
    struct rollout_done *out;
    struct arena arena;
};

static const char *project_of(const struct job *j)
{
    return cause_project(&j->c->by);
}

/* {"model":"diabetes","version":"2"} */
static const char *state_json(struct job *j, const char *model, int64_t version)
{
    const char *text = arena_printf(&j->arena, "%lld", (long long)version);
    return event_json(&j->arena, "model", model, "version", text, (char *)NULL);
}

static int tell(struct tx *tx, struct job *j, const char *kind, const char *before,
                const char *after, struct err *err)
{
    struct event e =
        event_of(&j->c->by, kind, arena_printf(&j->arena, "endpoint/%s", j->c->endpoint));
    e.before = before;
    e.after = after;
    return event_add(tx, &e, err);
}

static int find_version(struct tx *tx, struct arena *a, const struct rollout_change *c,
                        const char *model, const char *text, struct version *out, struct err *err)
{
    int rc = version_resolve(tx, a, cause_project(&c->by), model, text ? text : "latest", out, err);
    if (!rc && !out->digest)
        rc = ERR(err, ERR_CONFLICT,
                 "version '%lld' of model '%s' has no model file that can be served here",
                 (long long)out->number, model);
    return rc;
}

/* History, alias and event of a move that was made. */
static int record(struct tx *tx, struct job *j, const struct endpoint_row *row,
                  const struct version *to, const char *action, struct err *err)
{
    static const struct {
        const char *action, *kind;
    } kinds[] = { { "deploy", "endpoint.deployed" },
                  { "promote", "endpoint.promoted" },
                  { "rollback", "endpoint.rolled_back" } };
    struct endpoint_move m = { .model = to->model,
                               .version = to->number,
                               .action = action,
                               .actor = cause_actor(&j->c->by),
                               .reason = j->c->by.reason };
    const char *kind = kinds[0].kind;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (strcmp(kinds[i].action, action) == 0)
            kind = kinds[i].kind;
    int rc = endpoint_move_add(tx, row->id, &m, err);
    if (!rc)
        rc = model_alias_set(tx, &j->c->by, to->model, ROLLOUT_ALIAS, to->number, err);
    if (!rc)
        rc = tell(tx, j, j->out->created ? "endpoint.created" : kind,
                  j->out->created ? NULL : state_json(j, row->model, row->version),
                  state_json(j, to->model, to->number), err);
    if (!rc && !j->out->created)
        rc = canary_on_move(tx, &j->c->by, row, to->number, err);
    j->out->changed = 1;
    j->out->version = to->number;
    j->out->before = j->out->created ? 0 : row->version;
    return rc;
}

/* ---- deploy ---- */

static int check_name(const char *name, struct err *err)
{
    int rc = model_name_check(name, err);
    return rc ? err_prefix(err, rc, "endpoint") : 0;
}

static int create(struct tx *tx, struct job *j, const struct version *v, struct err *err)
{
    char id[UUID_TEXT];
    uuid7(id);
    struct endpoint_row row = { .id = id,
                                .project = project_of(j),
                                .name = j->c->endpoint,
                                .model = v->model,
                                .version = v->number,
                                .creation_time_ms = tx_now_ms(tx),
                                .last_update_time_ms = tx_now_ms(tx) };
    struct endpoint_row *list = NULL;
    size_t n = 0;
    int rc = endpoint_list(tx, &j->arena, NULL, &list, &n, err);
    if (!rc && n >= LIMIT_ENDPOINTS)
        rc = ERR(err, ERR_LIMIT, "there are %d endpoints already: delete one first",
                 LIMIT_ENDPOINTS);
    if (!rc)
        rc = endpoint_insert(tx, &row, err);
    j->out->created = 1;
    return rc ? rc : record(tx, j, &row, v, "deploy", err);
}

static int deploy(struct tx *tx, void *arg, struct err *err)
{
    struct job *j = arg;
    struct endpoint_row row;
    struct version v;
    *j->out = (struct rollout_done){ 0 };
    int rc = check_name(j->c->endpoint, err);
    if (!rc)
        rc = find_version(tx, &j->arena, j->c, j->c->model, j->c->version, &v, err);
    if (rc)
        return rc;
    struct err none = ERR_INIT;
    rc = endpoint_get(tx, &j->arena, project_of(j), j->c->endpoint, &row, &none);
    if (rc == ERR_NOT_FOUND)
        return create(tx, j, &v, err);
    if (rc)
        return ERR(err, rc, "%s", none.msg);
    j->out->version = j->out->before = row.version;
    if (strcmp(row.model, v.model) == 0 && row.version == v.number)
        return 0;
    rc = endpoint_push(tx, row.id, row.model, row.version, err);
    if (!rc)
        rc = endpoint_move_to(tx, &row, v.model, v.number, err);
    return rc ? rc : record(tx, j, &row, &v, "deploy", err);
}

/* ---- promote ---- */

/* A fact's value says no: false, or {"passed": false or null, …}. */
static int fact_refuses(struct arena *a, const char *value, const char **out_message)
{
    struct json v;
    *out_message = NULL;
    if (!value || json_parse(a, str_of(value), NULL, &v, NULL))
        return 0;
    if (v.type == JSON_BOOL)
        return !v.boolean;
    const struct json *passed = json_get(&v, "passed");
    *out_message = json_get_string(&v, "message", json_get_string(&v, "expr", NULL));
    return passed && !(passed->type == JSON_BOOL && passed->boolean);
}

/* Newest fact of each name "gate.*" about the version's model file. */
static int check_gates(struct tx *tx, struct arena *a, const struct version *v, struct err *err)
{
    struct fact *facts = NULL;
    size_t n = 0;
    if (v->gates_passed == 0)
        return ERR(
            err, ERR_CONFLICT,
            "version '%lld' of model '%s' did not pass its gates: see 'slipway model show %s:%lld'",
            (long long)v->number, v->model, v->model, (long long)v->number);
    int rc = fact_list(tx, a, v->digest, NULL, &facts, &n, err);
    for (size_t i = 0; i < n && !rc; i++) {
        const char *message;
        int seen = !str_starts(str_of(facts[i].name), "gate.");
        for (size_t k = 0; k < i && !seen; k++)
            seen = strcmp(facts[k].name, facts[i].name) == 0;
        if (!seen && fact_refuses(a, facts[i].value, &message))
            rc =
                ERR(err, ERR_CONFLICT, "version '%lld' of model '%s' did not pass '%s'%s%s (by %s)",
                    (long long)v->number, v->model, facts[i].name, message ? ": " : "",
                    message ? message : "", facts[i].producer);
    }
    return rc;
}

int rollout__candidate(struct tx *tx, struct arena *a, const struct rollout_change *c,
                       const struct endpoint_row *row, struct version *out, struct err *err)
{
    int rc = find_version(tx, a, c, row->model, c->version, out, err);
    if (!rc && out->number == row->version)
        rc =
            ERR(err, ERR_CONFLICT, "version '%lld' is already serving on endpoint '%s'%s",
                (long long)out->number, row->name, c->version ? "" : ", and there is no newer one");
    return rc ? rc : check_gates(tx, a, out, err);
}

/* Without a version: the candidate of the rollout under way, else the newest. */
static int promote(struct tx *tx, void *arg, struct err *err)
{
    struct job *j = arg;
    struct endpoint_row row;
    struct version v;
    struct canary_row under_way = { 0 };
    struct rollout_change c = *j->c;
    *j->out = (struct rollout_done){ 0 };
    int rc = endpoint_get(tx, &j->arena, project_of(j), c.endpoint, &row, err);
    if (!rc && (!c.version || c.rollout))
        rc = canary_active(tx, &j->arena, row.id, &under_way, err);
    if (!rc && c.rollout &&
        (!under_way.id || strcmp(under_way.id, c.rollout) != 0 ||
         strcmp(under_way.state, "running") != 0))
        rc = ERR(err, ERR_CONFLICT, "the rollout on endpoint '%s' does not run any more", row.name);
    if (!rc && under_way.id)
        c.version = arena_printf(&j->arena, "%lld", (long long)under_way.candidate);
    if (!rc)
        rc = rollout__candidate(tx, &j->arena, &c, &row, &v, err);
    if (!rc)
        rc = endpoint_push(tx, row.id, row.model, row.version, err);
    if (!rc)
        rc = endpoint_move_to(tx, &row, v.model, v.number, err);
    return rc ? rc : record(tx, j, &row, &v, "promote", err);
}

/* ---- rollback ---- */

static int find_before(struct tx *tx, struct job *j, const struct endpoint_row *row,
                       struct endpoint_before *out, struct err *err)
{
    struct endpoint_before *stack = NULL;
    struct version wanted;
    size_t n = 0;
    int rc = endpoint_stack(tx, &j->arena, row->id, &stack, &n, err);
    if (rc)
        return rc;
    if (n == 0)
        return ERR(err, ERR_CONFLICT, "endpoint '%s' has no earlier version to go back to",
                   row->name);
    *out = stack[0];
    if (!j->c->version)
        return 0;
    rc = version_resolve(tx, &j->arena, project_of(j), row->model, j->c->version, &wanted, err);
    if (rc)
        return rc;
    if (wanted.number == row->version)
        return ERR(err, ERR_CONFLICT, "version '%lld' is already serving on endpoint '%s'",
                   (long long)wanted.number, row->name);
    for (size_t i = 0; i < n; i++) {
        if (stack[i].version == wanted.number && strcmp(stack[i].model, row->model) == 0) {
            *out = stack[i];
            return 0;
        }
    }
    return ERR(err, ERR_CONFLICT,
               "version '%lld' was not served by endpoint '%s' before: use promote",
               (long long)wanted.number, row->name);
}

static int rollback(struct tx *tx, void *arg, struct err *err)
{
    struct job *j = arg;
    struct endpoint_row row;
    struct endpoint_before before = { 0 };
    struct version v;
    char text[24];
    int ended = 0;
    *j->out = (struct rollout_done){ 0 };
    int rc = endpoint_get(tx, &j->arena, project_of(j), j->c->endpoint, &row, err);
    if (!rc && !j->c->version)
        rc = canary_send_back(tx, &j->c->by, &row, &ended, err);
    if (rc || ended) {
        j->out->changed = ended;
        j->out->version = j->out->before = rc ? 0 : row.version;
        return rc;
    }
    if (!rc)
        rc = find_before(tx, j, &row, &before, err);
    if (rc)
        return rc;
    (void)snprintf(text, sizeof text, "%lld", (long long)before.version);
    rc = find_version(tx, &j->arena, j->c, before.model, text, &v, err);
    if (!rc)
        rc = endpoint_pop(tx, row.id, before.depth, err);
    if (!rc)
        rc = endpoint_move_to(tx, &row, v.model, v.number, err);
    return rc ? rc : record(tx, j, &row, &v, "rollback", err);
}

/* ---- delete ---- */

static int drop(struct tx *tx, void *arg, struct err *err)
{
    struct job *j = arg;
    struct endpoint_row row;
    int rc = endpoint_get(tx, &j->arena, project_of(j), j->c->endpoint, &row, err);
    if (!rc)
        rc = canary_on_move(tx, &j->c->by, &row, 0, err);
    if (!rc)
        rc = loop__endpoint_gone(tx, row.id, err);
    if (!rc)
        rc = endpoint_remove(tx, row.id, err);
    return rc ? rc
              : tell(tx, j, "endpoint.deleted", state_json(j, row.model, row.version), NULL, err);
}

static int run(struct store *s, store_fn fn, const struct rollout_change *c,
               struct rollout_done *out, struct err *err)
{
    struct rollout_done unused;
    struct job j = { .c = c, .out = out ? out : &unused };
    arena_init(&j.arena, MIB(64));
    int rc = store_write(s, fn, &j, err);
    arena_fini(&j.arena);
    return rc;
}

int rollout_deploy(struct store *s, const struct rollout_change *c, struct rollout_done *out,
                   struct err *err)
{
    return run(s, deploy, c, out, err);
}

int rollout_promote(struct store *s, const struct rollout_change *c, struct rollout_done *out,
                    struct err *err)
{
    return run(s, promote, c, out, err);
}

int rollout_rollback(struct store *s, const struct rollout_change *c, struct rollout_done *out,
                     struct err *err)
{
    return run(s, rollback, c, out, err);
}

int rollout_delete(struct store *s, const struct rollout_change *c, struct err *err)
{
    return run(s, drop, c, NULL, err);
}
