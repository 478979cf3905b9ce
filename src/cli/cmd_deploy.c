/* SPDX-License-Identifier: Apache-2.0
 * deploy, promote, rollback: one endpoint moves to another version. All record desired state; a
 * server on the data folder serves it, and the commands wait until it does. */
#include "base/clock.h"
#include "base/fs.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/refs.h"
#include "cli/rollout.h"
#include "cli/term.h"
#include "project/project.h"

enum { READY_WAIT_MS = 10000, READY_STEP_MS = 50 };

struct move {
    const char *verb; /* "deployed" */
    const char *endpoint;
    const char *before; /* version served before, NULL = none */
};

static const char *shown_before;

static void show_move(struct cli *c, const struct json *e)
{
    const char *name = json_get_string(e, "name", ""),
               *version = json_get_string(e, "version", "?");
    const char *model = json_get_string(e, "model", ""), *state = json_get_string(e, "state", "");
    term_out(c, "%sendpoint/%s%s  %s%s:%s%s", term_on(c, 0, PAINT_BOLD), name, term_off(c, 0),
             term_on(c, 0, PAINT_GREEN), model, version, term_off(c, 0));
    if (shown_before)
        term_out(c, "  (was :%s)", shown_before);
    term_out(c, "  %s\n",
             strcmp(state, "not_served") == 0 ? "recorded; no server runs on this data folder"
                                              : state);
    const char *reason = json_get_string(e, "state_reason", NULL);
    if (reason && *reason && strcmp(state, "not_served") != 0)
        term_out(c, "  %s\n", reason);
}

/* The example of the signature as one JSON line, for the pasted curl. */
static const char *example_line(struct cli *c, const struct json *e)
{
    const struct json *x = json_get(e, "input_example");
    return x && x->type == JSON_OBJECT ? json_to_text(&c->arena, x, MIB(1)) : NULL;
}

static void next_steps(struct cli *c, const struct json *e, const struct move *m)
{
    const char *url = json_get_string(e, "url", NULL), *example = example_line(c, e);
    if (strcmp(json_get_string(e, "state", ""), "not_served") == 0)
        term_note(c, "→ slipway server    → slipway predict %s", m->endpoint);
    else if (strcmp(m->verb, "promoted") == 0)
        term_note(c, "→ slipway status endpoint/%s    → slipway rollback %s", m->endpoint,
                  m->endpoint);
    else if (strcmp(m->verb, "deployed") == 0 && url && example && !strchr(example, '\''))
        term_note(c, "→ curl -s %s -H 'content-type: application/json' -d '{\"instances\": [%s]}'",
                  url, example);
    else
        term_note(c, "→ slipway status endpoint/%s", m->endpoint);
}

/* A server loads the version in the background: wait until it answers or failed. */
static int wait_ready(struct cli *c, const char *endpoint, const struct json **e, struct err *err)
{
    int64_t start = clock_mono_ns();
    while (strcmp(json_get_string(*e, "state", ""), "loading") == 0) {
        if (clock_mono_ns() - start > READY_WAIT_MS * INT64_C(1000000))
            return ERR(
                err, ERR_TIMEOUT,
                "endpoint '%s' is still loading after %d s; slipway status endpoint/%s tells more",
                endpoint, READY_WAIT_MS / 1000, endpoint);
        int rc = client_tick(c, READY_STEP_MS, err);
        if (!rc)
            rc = client_get(
                c, arena_printf(&c->arena, "/api/v1/endpoints/%s", client_escape(c, endpoint)), e,
                err);
        if (rc)
            return rc;
        term_progress(c, "  loading endpoint/%s …", endpoint);
    }
    term_progress_end(c);
    if (strcmp(json_get_string(*e, "state", ""), "failed") == 0)
        return ERR(err, ERR_FAILED, "endpoint '%s' cannot load version %s: %.300s", endpoint,
                   json_get_string(*e, "version", "?"),
                   json_get_string(*e, "state_reason", "no reason given"));
    return 0;
}

static const char *version_before(struct cli *c, const char *endpoint)
{
    const struct json *e;
    struct err ignored = ERR_INIT;
    const char *before = NULL;
    if (client_get(c, arena_printf(&c->arena, "/api/v1/endpoints/%s", client_escape(c, endpoint)),
                   &e, &ignored) == 0)
        before = json_get_string(e, "version", NULL);
    c->message = c->hint = c->code_name = c->request_id = NULL;
    return before;
}

static int move_body(struct cli *c, const char *model, const char *version, struct buf *b)
{
    struct json_out o;
    const char *reason = cli_get(c, "reason");
    json_out_init(&o, b);
    jo_object(&o);
    if (model)
        jo_kv_cstr(&o, "model", model);
    if (version)
        jo_kv_cstr(&o, "version", version);
    if (reason)
        jo_kv_cstr(&o, "reason", reason);
    jo_object_end(&o);
    return b->failed;
}

/* ---- --dry-run: the same look-ups, no request that changes anything ---- */

static int gates_passed(const struct json *version)
{
    const struct json *gates = json_get(version, "gates");
    for (size_t i = 0; gates && gates->type == JSON_ARRAY && i < gates->n; i++)
        if (!json_get_bool(&gates->items[i], "passed", 0))
            return 0;
    return 1;
}

static int print_plan(struct cli *c, const struct move *m, const char *model, const char *version,
                      struct err *err)
{
    struct json_member members[] = {
        { STR("name"), { .type = JSON_STRING, .string = str_of(m->endpoint) } },
        { STR("model"), { .type = JSON_STRING, .string = str_of(model) } },
        { STR("version"), { .type = JSON_STRING, .string = str_of(version) } },
        { STR("previous_version"),
          { .type = m->before ? JSON_STRING : JSON_NULL, .string = str_of(m->before) } },
        { STR("state"), { .type = JSON_STRING, .string = STR("dry run: nothing was changed") } },
    };
    struct json plan = { .type = JSON_OBJECT, .n = ARRAY_LEN(members), .members = members };
    return out_object(c, &plan, show_move, err);
}

/* model NULL: the endpoint's; wanted NULL: newest, or for a rollback the one before. */
static int plan_move(struct cli *c, struct move *m, const char *model, const char *wanted,
                     struct err *err)
{
    const struct json *e = NULL, *v;
    int is_deploy = strcmp(m->verb, "deployed") == 0, is_promote = strcmp(m->verb, "promoted") == 0;
    int rc = client_get(
        c, arena_printf(&c->arena, "/api/v1/endpoints/%s", client_escape(c, m->endpoint)), &e, err);
    if (rc && (!is_deploy || rc != ERR_NOT_FOUND))
        return rc;
    c->message = c->hint = c->code_name = c->request_id = NULL;
    m->before = shown_before = rc ? NULL : json_get_string(e, "version", NULL);
    if (!model)
        model = json_get_string(e, "model", "");
    if (!wanted)
        wanted = is_deploy || is_promote ? "latest" : json_get_string(e, "previous_version", NULL);
    if (!wanted)
        return ERR(err, ERR_CONFLICT, "endpoint '%s' has served no other version to go back to",
                   m->endpoint);
    rc = client_get(c,
                    arena_printf(&c->arena, "/api/v1/models/%s/versions/%s",
                                 client_escape(c, model), client_escape(c, wanted)),
                    &v, err);
    if (rc)
        return rc;
    const char *version = json_get_string(v, "version", wanted);
    if (is_promote && m->before && strcmp(version, m->before) == 0)
        return ERR(err, ERR_CONFLICT, "endpoint '%s' already serves version %s", m->endpoint,
                   version);
    if (is_promote && !gates_passed(v))
        return ERR(err, ERR_CONFLICT, "version %s of '%s' did not pass its gates", version, model);
    return print_plan(c, m, model, version, err);
}

static int move(struct cli *c, struct move *m, const char *method, const char *target, str_t body,
                struct err *err)
{
    struct reply r;
    m->before = version_before(c, m->endpoint);
    shown_before = m->before;
    int rc = client_call(c, method, target, body, &r, err);
    if (rc)
        return rc;
    const struct json *e = &r.json;
    rc = wait_ready(c, m->endpoint, &e, err);
    if (!rc)
        rc = out_object(c, e, show_move, err);
    if (!rc)
        rc = term_flush(c, err);
    if (!rc)
        next_steps(c, e, m);
    return rc;
}

static int check_same_model(struct cli *c, const char *endpoint, const struct ref *model,
                            struct err *err)
{
    const struct json *e;
    int rc = client_get(
        c, arena_printf(&c->arena, "/api/v1/endpoints/%s", client_escape(c, endpoint)), &e, err);
    if (!rc && strcmp(json_get_string(e, "model", ""), model->name) != 0)
        rc = ERR(err, ERR_CONFLICT,
                 "endpoint '%s' serves model '%s': only a version of the same model can be brought "
                 "in step by step",
                 endpoint, json_get_string(e, "model", ""));
    return rc;
}

/* The project of this folder when it makes that model for that endpoint, else NULL. */
static struct project *project_here(struct cli *c, const char *model, const char *endpoint,
                                    struct err *err)
{
    const char *slash = c->project_dir ? strrchr(c->project_dir, '/') : NULL;
    struct project_options o = { .default_name = slash ? slash + 1 : NULL };
    struct project *p = NULL;
    struct diags diags;
    struct buf b;
    if (!c->project_dir || !fs_exists(fs_join(&c->arena, c->project_dir, "slipway.yaml")))
        return NULL;
    if (project_load_dir(&c->arena, c->project_dir, NULL, &o, &p, &diags, NULL, err) != 0) {
        buf_init(&b, MIB(1));
        diags_write(&diags, DIAG_TEXT, 0, &b);
        term_note(c, "%snothing of its monitor and triggers was taken over", b.n ? b.p : "");
        buf_fini(&b);
        *err = (struct err){ 0 };
        return NULL;
    }
    int ours = p->endpoint && strcmp(p->endpoint, endpoint) == 0 && strcmp(p->name, model) == 0;
    return ours ? p : NULL;
}

/* Hands the project's monitor, alerts and triggers to its endpoint. */
static int take_over(struct cli *c, const struct project *p, struct err *err)
{
    struct buf b;
    struct json_out o;
    struct reply r;
    if (!p || !(p->monitor || p->alerts || p->policy))
        return 0;
    buf_init(&b, KIB(64));
    json_out_init(&o, &b);
    jo_object(&o);
    jo_kv_cstr(&o, "project_dir", c->project_dir);
    jo_object_end(&o);
    int rc = client_call(
        c, "PUT",
        arena_printf(&c->arena, "/api/v1/endpoints/%s/project", client_escape(c, p->endpoint)),
        buf_view(&b), &r, err);
    buf_fini(&b);
    return rc;
}

int cmd_deploy(struct cli *c, struct err *err)
{
    struct ref model, endpoint;
    struct buf b;
    struct move m = { .verb = "deployed" };
    int rc = ref_parse(c, c->args[0], REF_MODEL, &model, err);
    if (rc)
        return rc;
    endpoint.name = model.name;
    if (cli_get(c, "to"))
        rc = ref_parse(c, cli_get(c, "to"), REF_ENDPOINT, &endpoint, err);
    if (rc)
        return rc;
    m.endpoint = endpoint.name;
    if (cli_count(c, "dry-run"))
        return plan_move(c, &m, model.name, model.version, err);
    const struct project *p = project_here(c, model.name, m.endpoint, err);
    const char *strategy = p ? p->strategy : NULL;
    const char *before = rollout_asked(c) || strategy ? version_before(c, m.endpoint) : NULL;
    int same = before && model.version && strcmp(before, model.version) == 0;
    if (before && (rollout_asked(c) || !same)) {
        rc = check_same_model(c, m.endpoint, &model, err);
        if (!rc)
            rc = take_over(c, p, err);
        return rc ? rc : rollout_begin(c, m.endpoint, model.version, strategy, err);
    }
    if (rollout_asked(c))
        term_note(c, "nothing is served on endpoint/%s yet: deployed at once", m.endpoint);
    buf_init(&b, KIB(64));
    rc = move_body(c, model.name, model.version, &b)
             ? ERR(err, ERR_LIMIT, "the request is too large")
             : move(c, &m, "PUT",
                    arena_printf(&c->arena, "/api/v1/endpoints/%s", client_escape(c, m.endpoint)),
                    buf_view(&b), err);
    buf_fini(&b);
    return rc ? rc : take_over(c, p, err);
}

static int promote_or_rollback(struct cli *c, const char *action, const char *verb, struct err *err)
{
    struct ref endpoint;
    struct buf b;
    struct move m = { .verb = verb };
    int rc = ref_parse(c, c->args[0], REF_ENDPOINT, &endpoint, err);
    if (rc)
        return rc;
    const char *version = cli_get(c, "to");
    if (version && strrchr(version, ':'))
        version = strrchr(version, ':') + 1;
    m.endpoint = endpoint.name;
    if (cli_count(c, "dry-run"))
        return plan_move(c, &m, NULL, version, err);
    buf_init(&b, KIB(64));
    const char *target =
        arena_printf(&c->arena, "/api/v1/endpoints/%s:%s", client_escape(c, m.endpoint), action);
    rc = move_body(c, NULL, version, &b) ? ERR(err, ERR_LIMIT, "the request is too large")
                                         : move(c, &m, "POST", target, buf_view(&b), err);
    buf_fini(&b);
    return rc;
}

int cmd_promote(struct cli *c, struct err *err)
{
    return promote_or_rollback(c, "promote", "promoted", err);
}

int cmd_rollback(struct cli *c, struct err *err)
{
    return promote_or_rollback(c, "rollback", "rolled back", err);
}
