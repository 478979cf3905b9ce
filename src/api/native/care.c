/* SPDX-License-Identifier: Apache-2.0
 * PUT /api/v1/endpoints/{name}/project: the monitor, the alerts, the triggers and the strategy of a
 * project file become those of its endpoint, in one transaction. */
#include "api/app.h"
#include "api/native/handler.h"
#include "api/tables.h"
#include "base/fs.h"
#include "base/limits.h"
#include "monitor/monitor.h"
#include "project/project.h"
#include "rollout/follow.h"
#include "rollout/loop.h"

/* What the project file says, on its way into the record. */
struct care {
    struct cause by;
    struct project *project;
    const char *policy; /* with project_dir */
};

static const char *policy_with_folder(struct request *rq, const char *policy, const char *dir)
{
    struct json_out o;
    struct buf b;
    struct json v = { .type = JSON_OBJECT };
    if (policy && json_parse(&rq->arena, str_of(policy), NULL, &v, NULL) != 0)
        return NULL;
    buf_init(&b, MIB(1));
    json_out_init(&o, &b);
    jo_object(&o);
    jo_kv_cstr(&o, "project_dir", dir);
    for (size_t i = 0; i < v.n; i++) {
        jo_key_str(&o, v.members[i].key);
        jo_value(&o, &v.members[i].value);
    }
    jo_object_end(&o);
    const char *text = b.failed ? NULL : arena_strndup(&rq->arena, b.p, b.n);
    buf_fini(&b);
    return text;
}

static int read_project(struct request *rq, const struct json *body, struct care *c,
                        struct err *err)
{
    const char *dir = json_get_string(body, "project_dir", NULL);
    struct diags diags;
    struct project_options o = { .path = "slipway.yaml" };
    str_t config;
    char *real;
    if (!dir || *dir != '/')
        return ERR(err, ERR_INVALID,
                   "'project_dir' must be the absolute path of the project's folder");
    int rc = fs_real(&rq->arena, dir, &real, err);
    if (rc)
        return err_prefix(err, rc, "project folder");
    rc = fs_read(&rq->arena, fs_join(&rq->arena, real, "slipway.yaml"), LIMIT_YAML_BYTES, &config,
                 err);
    if (rc)
        return rc;
    const char *slash = strrchr(real, '/');
    o.default_name = slash && slash[1] ? slash + 1 : NULL;
    rc = project_load(&rq->arena, config, &o, &c->project, &diags, err);
    if (!rc)
        c->policy = policy_with_folder(rq, c->project->policy, real);
    return rc ? rc : c->policy ? 0 : ERR(err, ERR_LIMIT, "the policy is larger than 1 MiB");
}

static int keep(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    struct care *c = arg;
    struct endpoint_row row;
    int rc = endpoint_get(tx, &rq->arena, rq->project, handler_param(rq, "name"), &row, err);
    if (!rc && strcmp(row.model, c->project->name) != 0)
        rc = ERR(err, ERR_CONFLICT, "the project makes model '%s', endpoint '%s' serves '%s'",
                 c->project->name, row.name, row.model);
    const char *served = rc ? NULL : follow_served_name(&rq->arena, rq->project, row.name);
    if (!rc)
        rc = monitor_settings_set(tx, &c->by, served, c->project->monitor, err);
    if (!rc)
        rc = alert_rules_set(tx, &c->by, served, c->project->alerts, err);
    return rc ? rc : loop_policy_set(tx, &c->by, &row, c->policy, err);
}

static int put_project(struct request *rq, struct err *err)
{
    struct json body;
    struct json_out o;
    struct care c = { .by = handler_cause(rq, NULL) };
    int rc = route_body(rq, &body, err);
    if (!rc)
        rc = read_project(rq, &body, &c, err);
    if (!rc)
        rc = handler_write(rq, keep, &c, err);
    if (rc)
        return rc;
    route_json(rq, &o);
    jo_object(&o);
    jo_kv_raw(&o, "monitor", str_of(c.project->monitor ? c.project->monitor : "null"));
    jo_kv_raw(&o, "alerts", str_of(c.project->alerts ? c.project->alerts : "null"));
    jo_kv_raw(&o, "policy", str_of(c.policy));
    jo_object_end(&o);
    return 0;
}

static const struct route routes[] = {
    { "PUT", "/api/v1/endpoints/{name}/project", "endpoint.write", put_project, ROUTE_WORKER,
      LIMIT_BODY_CONTROL,
      "Takes over how a project says that its endpoint is watched and kept fit.",
      "project_dir! string: Absolute path of the project's folder, on the server's machine.",
      "monitor object|null: Settings.\nalerts [object]|null: Rules; null = the default ones.\n"
      "policy! object: Triggers, strategy, budget.",
      "endpointProject" },
};

const struct route_table care_routes = { "care", routes, ARRAY_LEN(routes), route_error_native };
