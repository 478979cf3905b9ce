/* SPDX-License-Identifier: Apache-2.0
 * predict: rows in, one prediction a line out, or with --explain why. An endpoint's name is tried
 * before a model's. */
#include "base/num.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/explain_report.h"
#include "cli/output.h"
#include "cli/refs.h"
#include "cli/rows.h"
#include "cli/term.h"

struct target {
    const char *path;    /* where to POST */
    const char *explain; /* where to ask why; NULL = the endpoint names no version */
    const struct json *signature;
    const struct json *example;
};

static void forget_error(struct cli *c, struct err *err)
{
    c->message = c->hint = c->code_name = c->request_id = NULL;
    err->code = 0;
}

static const char *explain_path(struct cli *c, const char *model, const char *version)
{
    return arena_printf(&c->arena, "/api/v1/models/%s/versions/%s:explain", client_escape(c, model),
                        client_escape(c, version));
}

static int find_endpoint(struct cli *c, const char *name, struct target *t, struct err *err)
{
    const struct json *e;
    const char *escaped = client_escape(c, name);
    int rc = client_get(c, arena_printf(&c->arena, "/api/v1/endpoints/%s", escaped), &e, err);
    if (rc)
        return rc;
    t->path = arena_printf(&c->arena, "/api/v1/endpoints/%s:predict", escaped);
    const char *model = json_get_string(e, "model", NULL);
    const char *version =
        json_get_string(e, "serving_version", json_get_string(e, "version", NULL));
    if (model && version)
        t->explain = explain_path(c, model, version);
    t->signature = json_get(e, "signature");
    t->example = json_get(e, "input_example");
    return 0;
}

static int find_model(struct cli *c, const struct ref *r, struct target *t, struct err *err)
{
    const struct json *v;
    const char *name = client_escape(c, r->name), *version = r->version;
    if (!version) {
        const struct json *m;
        int rc = client_get(c, arena_printf(&c->arena, "/api/v1/models/%s", name), &m, err);
        if (rc)
            return rc;
        const struct json *champion = out_path(m, "aliases.champion");
        version = champion && champion->type == JSON_STRING ? "@champion" : "latest";
    }
    int rc = client_get(
        c,
        arena_printf(&c->arena, "/api/v1/models/%s/versions/%s", name, client_escape(c, version)),
        &v, err);
    if (rc)
        return rc;
    const char *number = json_get_string(v, "version", version);
    t->path = arena_printf(&c->arena, "/api/v1/models/%s/versions/%s:predict", name,
                           client_escape(c, number));
    t->explain = explain_path(c, r->name, number);
    t->signature = json_get(v, "signature");
    t->example = json_get(v, "input_example");
    return 0;
}

static int find_target(struct cli *c, struct target *t, struct err *err)
{
    struct ref r;
    int rc = ref_parse(c, c->args[0], REF_PLAIN, &r, err);
    if (rc)
        return rc;
    if (r.kind == REF_RUN || r.kind == REF_DATA)
        return ERR(err, ERR_INVALID, "'%s' is neither a model nor an endpoint", c->args[0]);
    if (r.kind == REF_ENDPOINT || (r.kind == REF_PLAIN && !r.version)) {
        rc = find_endpoint(c, r.name, t, err);
        if (rc != ERR_NOT_FOUND || r.kind == REF_ENDPOINT)
            return rc;
        forget_error(c, err);
    }
    rc = find_model(c, &r, t, err);
    if (rc == ERR_NOT_FOUND && !r.version)
        cli_hint(c, "slipway status lists endpoints, slipway model ls models");
    return rc;
}

static int body_of_example(struct cli *c, const struct json *example, struct buf *b,
                           struct err *err)
{
    struct json_out o;
    if (!example || example->type != JSON_OBJECT)
        return ERR(err, ERR_INVALID, "'%s' has no example; give rows as JSON, a CSV file or -",
                   c->args[0]);
    json_out_init(&o, b);
    jo_object(&o);
    jo_key(&o, "instances");
    jo_array(&o);
    jo_value(&o, example);
    jo_array_end(&o);
    jo_object_end(&o);
    term_note(c, "no rows given: using the model's example %.*s", (int)MIN(b->n, (size_t)400),
              b->p);
    return 0;
}

static int print_predictions(struct cli *c, const struct json *answer, struct err *err)
{
    const struct json *list = json_get(answer, "predictions");
    if (!list || list->type != JSON_ARRAY)
        return ERR(err, ERR_INTERNAL, "the answer has no 'predictions'");
    if (c->format == FORMAT_JSON || c->field)
        return out_object(c, answer, NULL, err);
    if (c->format == FORMAT_TABLE || c->format == FORMAT_WIDE || c->format == FORMAT_NAME) {
        for (size_t i = 0; i < list->n; i++) {
            struct arena_mark mark = arena_snapshot(&c->arena);
            term_out(c, "%s\n", out_cell(c, &list->items[i], CELL_TEXT, 0));
            arena_restore(&c->arena, mark);
        }
        return 0;
    }
    struct json rows = { .type = JSON_ARRAY, .n = list->n };
    struct json_member *m = ARENA_TRY_ARRAY(&c->arena, list->n + 1, struct json_member);
    rows.items = ARENA_TRY_ARRAY(&c->arena, list->n + 1, struct json);
    if (!m || !rows.items)
        return ERR(err, ERR_LIMIT, "the answer does not fit into memory");
    for (size_t i = 0; i < list->n; i++) {
        m[i] = (struct json_member){ STR("prediction"), list->items[i] };
        rows.items[i] = (struct json){ .type = JSON_OBJECT, .n = 1, .members = &m[i] };
    }
    return out_list(c, &rows, NULL, 0, 0, err);
}

int cmd_predict(struct cli *c, struct err *err)
{
    struct target t = { 0 };
    struct buf body;
    struct reply r;
    int rc = find_target(c, &t, err);
    if (rc)
        return rc;
    buf_init(&body, LIMIT_BODY_PREDICT);
    rc = c->arg_n > 1 ? rows_body(c, c->args[1], t.signature, &body, err)
                      : body_of_example(c, t.example, &body, err);
    int explain = cli_count(c, "explain") > 0;
    if (!rc && explain && !t.explain)
        rc = ERR(err, ERR_CONFLICT, "endpoint '%s' serves no version yet", c->args[0]);
    if (!rc && !explain)
        rc = client_open_serving(c, err);
    if (!rc)
        rc = client_call(c, "POST", explain ? t.explain : t.path, buf_view(&body), &r, err);
    buf_fini(&body);
    if (rc)
        return rc;
    return explain ? explain_print(c, &r.json, err) : print_predictions(c, &r.json, err);
}
