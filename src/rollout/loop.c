/* SPDX-License-Identifier: Apache-2.0
 * Reading policies, and what people do to the loop. */
#include "rollout/loop.h"

#include "base/num.h"
#include "rollout/loop_int.h"

#define MEMBER "there is no member"

enum { POLICY_MAX = 1 << 18 };

static int read_time(const struct json *o, const char *key, int64_t usual_ms, int64_t *out_ms,
                     struct err *err)
{
    const struct json *v = json_get(o, key);
    int64_t ns;
    *out_ms = usual_ms;
    if (!v)
        return 0;
    if (v->type != JSON_STRING || parse_duration(v->string, &ns) != 0 || ns <= 0)
        return ERR(err, ERR_INVALID, "%s: must be a time such as \"30m\", \"6h\" or \"30d\"", key);
    *out_ms = ns / 1000000;
    return 0;
}

static int read_count(const struct json *o, const char *key, int64_t usual, int64_t *out,
                      struct err *err)
{
    const struct json *v = json_get(o, key);
    *out = usual;
    if (!v)
        return 0;
    if (v->type != JSON_NUMBER || !v->is_integer || v->integer < 1 || v->integer > 1000000000)
        return ERR(err, ERR_INVALID, "%s: must be a whole number from 1 on", key);
    *out = v->integer;
    return 0;
}

static int read_trigger(struct arena *a, const struct json *o, struct loop_trigger *t,
                        struct err *err)
{
    static const char *const names[] = { "alert", "labels", "cooldown", "run" };
    if (o->type != JSON_OBJECT)
        return ERR(err, ERR_INVALID, "must be a map");
    *t = (struct loop_trigger){ .alert = json_get_string(o, "alert", NULL) };
    int rc = json_check_members(o, MEMBER, names, ARRAY_LEN(names), err);
    if (!rc)
        rc = read_count(o, "labels", 0, &t->labels, err);
    if (!rc)
        rc = read_time(o, "cooldown", 3600000, &t->cooldown_ms, err);
    if (!rc && !t->alert == !t->labels)
        rc = ERR(err, ERR_INVALID, "must have one of 'alert' and 'labels'");
    t->name = t->alert ? arena_printf(a, "alert %s", t->alert)
                       : arena_printf(a, "labels %lld", (long long)t->labels);
    return rc;
}

static int read_triggers(struct arena *a, const struct json *v, struct loop_policy *p,
                         struct err *err)
{
    if (!v)
        return 0;
    if (v->type != JSON_ARRAY || v->n > LOOP_TRIGGERS_MAX)
        return ERR(err, ERR_INVALID, "triggers: must be a list of at most %d", LOOP_TRIGGERS_MAX);
    for (size_t i = 0; i < v->n; i++) {
        int rc = read_trigger(a, &v->items[i], &p->triggers[i], err);
        if (rc)
            return err_prefix(err, rc, "triggers[%zu]", i);
        for (size_t k = 0; k < i; k++)
            if (strcmp(p->triggers[k].name, p->triggers[i].name) == 0)
                return ERR(err, ERR_INVALID, "triggers[%zu]: '%s' stands twice", i,
                           p->triggers[i].name);
    }
    p->trigger_n = v->n;
    return 0;
}

static int read_data(const struct json *v, struct loop_policy *p, struct err *err)
{
    static const char *const names[] = { "window", "rows", "min_rows", "timeout" };
    static const struct json none = { .type = JSON_OBJECT };
    const struct json *o = v ? v : &none;
    if (o->type != JSON_OBJECT)
        return ERR(err, ERR_INVALID, "data: must be a map");
    int rc = json_check_members(o, MEMBER, names, ARRAY_LEN(names), err);
    if (!rc)
        rc = read_time(o, "window", INT64_C(30) * 86400000, &p->window_ms, err);
    if (!rc)
        rc = read_count(o, "rows", 100000, &p->rows, err);
    if (!rc)
        rc = read_count(o, "min_rows", 200, &p->min_rows, err);
    if (!rc)
        rc = read_time(o, "timeout", INT64_C(6) * 3600000, &p->timeout_ms, err);
    return rc ? err_prefix(err, rc, "data") : 0;
}

static int read_budget(const struct json *v, struct loop_policy *p, struct err *err)
{
    static const char *const names[] = { "promotions", "per" };
    static const struct json none = { .type = JSON_OBJECT };
    const struct json *o = v ? v : &none;
    if (o->type != JSON_OBJECT)
        return ERR(err, ERR_INVALID, "budget: must be a map");
    int rc = json_check_members(o, MEMBER, names, ARRAY_LEN(names), err);
    if (!rc)
        rc = read_count(o, "promotions", 3, &p->promotions, err);
    if (!rc)
        rc = read_time(o, "per", INT64_C(86400000), &p->per_ms, err);
    return rc ? err_prefix(err, rc, "budget") : 0;
}

/* The strategy as text, once it was read without a mistake. */
static int read_strategy(struct arena *a, const struct json *v, struct loop_policy *p,
                         struct err *err)
{
    struct strategy s;
    if (!v || v->type == JSON_NULL)
        return 0;
    p->strategy = json_to_text(a, v, POLICY_MAX);
    if (!p->strategy)
        return ERR(err, ERR_LIMIT, "strategy: larger than %d bytes", POLICY_MAX);
    int rc = strategy_read(a, p->strategy, &s, err);
    return rc ? err_prefix(err, rc, "strategy") : 0;
}

int loop_policy_read(struct arena *a, const char *json, struct loop_policy *p, struct err *err)
{
    static const char *const names[] = { "project_dir", "triggers", "data", "strategy", "budget" };
    struct json v = { .type = JSON_OBJECT };
    *p = (struct loop_policy){ .json = json && *json ? json : "{}" };
    int rc = json && *json ? json_parse(a, str_of(json), NULL, &v, err) : 0;
    if (!rc && v.type != JSON_OBJECT)
        rc = ERR(err, ERR_INVALID, "a policy must be an object");
    if (!rc)
        rc = json_check_members(&v, MEMBER, names, ARRAY_LEN(names), err);
    if (!rc)
        rc = read_triggers(a, json_get(&v, "triggers"), p, err);
    if (!rc)
        rc = read_data(json_get(&v, "data"), p, err);
    if (!rc)
        rc = read_budget(json_get(&v, "budget"), p, err);
    if (!rc)
        rc = read_strategy(a, json_get(&v, "strategy"), p, err);
    p->project_dir = json_get_string(&v, "project_dir", NULL);
    if (!rc && p->project_dir && *p->project_dir != '/')
        rc = ERR(err, ERR_INVALID, "project_dir: must be the absolute path of the project");
    return rc;
}

/* ---- by hand ---- */

static int tell(struct tx *tx, const struct cause *by, const char *kind,
                const struct endpoint_row *row, const char *key, const char *value, struct err *err)
{
    struct arena a;
    arena_init(&a, MIB(2));
    struct event e = event_of(by, kind, arena_printf(&a, "endpoint/%s", row->name));
    e.after = event_json(&a, key, value, (char *)NULL);
    int rc = event_add(tx, &e, err);
    arena_fini(&a);
    return rc;
}

int loop_policy_set(struct tx *tx, const struct cause *by, const struct endpoint_row *row,
                    const char *json, struct err *err)
{
    struct arena a;
    struct loop_policy p;
    arena_init(&a, MIB(4));
    int rc = loop_policy_read(&a, json, &p, err);
    if (!rc && strlen(p.json) > POLICY_MAX)
        rc = ERR(err, ERR_LIMIT, "the policy is larger than %d bytes", POLICY_MAX);
    if (!rc)
        rc = loop__policy_put(tx, row->id, json && *json ? json : NULL, err);
    arena_fini(&a);
    return rc ? rc
              : tell(tx, by, "loop.policy", row, "policy", json && *json ? "set" : "removed", err);
}

int loop_freeze(struct tx *tx, const struct cause *by, const struct endpoint_row *row,
                const char *reason, struct err *err)
{
    int rc = loop__freeze_put(tx, row->id, reason ? reason : "by hand", cause_actor(by), err);
    return rc ? rc : tell(tx, by, "loop.frozen", row, "reason", reason, err);
}

int loop_thaw(struct tx *tx, const struct cause *by, const struct endpoint_row *row,
              struct err *err)
{
    int rc = loop__freeze_put(tx, row->id, NULL, cause_actor(by), err);
    return rc ? rc : tell(tx, by, "loop.thawed", row, "reason", by->reason, err);
}

int loop_state_get(struct tx *tx, struct arena *a, const struct endpoint_row *row, int64_t limit,
                   struct loop_state *out, struct err *err)
{
    const char *json = NULL;
    *out = (struct loop_state){ 0 };
    int rc = loop__policy_get(tx, a, row->id, &json, out, err);
    if (!rc)
        rc = loop_policy_read(a, json, &out->policy, err);
    if (!rc)
        rc = loop__held_list(tx, a, row->id, &out->held, &out->held_n, err);
    return rc ? rc : loop__attempts(tx, a, row->id, limit, &out->attempts, &out->attempt_n, err);
}
