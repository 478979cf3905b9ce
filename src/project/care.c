/* SPDX-License-Identifier: Apache-2.0
 * `monitor`, `triggers`, `retrain`, `deploy.strategy` and `deploy.budget`: handed on as the JSON
 * that the modules below read, once each of them took it. */
#include "monitor/alert.h"
#include "monitor/monitor.h"
#include "project/project_int.h"
#include "rollout/loop.h"

enum { CARE_MAX = 1 << 18 };

/* "enabled" is called "on" below: YAML reads the word as a boolean. */
static str_t key_below(str_t key)
{
    return str_is(key, "enabled") ? STR("on") : key;
}

static void put_node(struct json_out *o, const struct yaml_node *n)
{
    project__write_node(o, n, key_below);
}

static void refuse(struct reader *r, const struct yaml_node *at, const struct err *why)
{
    struct diag *g = diag_add(r->diags, "E216", at->place, "this cannot be used: %.400s", why->msg);
    diag_label(r->diags, g, "here");
}

/* The text that was written, or NULL when it did not fit. */
static const char *taken(struct reader *r, struct buf *b, const struct yaml_node *at)
{
    struct err e = ERR_INIT;
    const char *text = b->failed ? NULL : arena_strndup(r->arena, b->p, b->n);
    if (!text) {
        IGNORE(ERR(&e, ERR_LIMIT, "it is larger than %d bytes", CARE_MAX));
        refuse(r, at, &e);
    }
    return text;
}

static const char *node_text(struct reader *r, const struct yaml_node *n)
{
    struct buf b;
    struct json_out o;
    buf_init(&b, CARE_MAX);
    json_out_init(&o, &b);
    put_node(&o, n);
    const char *text = taken(r, &b, n);
    buf_fini(&b);
    return text;
}

static void read_monitor(struct reader *r, const struct yaml_node *n)
{
    struct monitor_settings settings;
    struct alert_rule *rules;
    struct err e = ERR_INIT;
    struct json_out o;
    struct buf b;
    size_t rule_n;
    const struct yaml_node *alerts = reader_get(n, "alerts");
    static const char *const names[] = { "window", "log", "drift" };
    buf_init(&b, CARE_MAX);
    json_out_init(&o, &b);
    jo_object(&o);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct yaml_node *v = reader_get(n, names[i]);
        if (v) {
            jo_key(&o, names[i]);
            put_node(&o, v);
        }
    }
    jo_object_end(&o);
    r->project->monitor = taken(r, &b, n);
    buf_fini(&b);
    if (r->project->monitor &&
        monitor_settings_read(str_of(r->project->monitor), &settings, &e) != 0)
        refuse(r, n, &e);
    r->project->alerts = alerts ? node_text(r, alerts) : NULL;
    struct err why = ERR_INIT;
    if (r->project->alerts &&
        alert_rules_read(r->arena, r->project->alerts, &rules, &rule_n, &why) != 0)
        refuse(r, alerts, &why);
}

static void put_part(struct json_out *o, const char *key, const struct yaml_node *n)
{
    if (!n)
        return;
    jo_key(o, key);
    put_node(o, n);
}

void reader_care(struct reader *r)
{
    const struct yaml_node *monitor = reader_get(r->root, "monitor"),
                           *deploy = reader_get(r->root, "deploy"),
                           *triggers = reader_get(r->root, "triggers"),
                           *retrain = reader_get(r->root, "retrain");
    const struct yaml_node *strategy = reader_get(deploy, "strategy"),
                           *budget = reader_get(deploy, "budget");
    const struct yaml_node *parts[] = { triggers, strategy, budget, retrain };
    const struct yaml_node *at = NULL;
    struct loop_policy policy;
    struct err e = ERR_INIT;
    struct json_out o;
    struct buf b;
    if (monitor && monitor->kind == YAML_IS_MAP)
        read_monitor(r, monitor);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        at = at ? at : parts[i];
    if (!at)
        return;
    buf_init(&b, CARE_MAX);
    json_out_init(&o, &b);
    jo_object(&o);
    put_part(&o, "triggers", triggers);
    put_part(&o, "strategy", strategy);
    put_part(&o, "budget", budget);
    put_part(&o, "data", retrain);
    jo_object_end(&o);
    r->project->policy = taken(r, &b, at);
    buf_fini(&b);
    if (r->project->policy && loop_policy_read(r->arena, r->project->policy, &policy, &e) != 0)
        refuse(r, at, &e);
    r->project->strategy = strategy ? node_text(r, strategy) : NULL;
}
