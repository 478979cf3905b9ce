/* SPDX-License-Identifier: Apache-2.0
 * Reading and checking a strategy; the defaults stand here. */
#include "rollout/strategy.h"

#include <math.h>
#include <stdio.h>

#include "base/num.h"

static const struct strategy_value values[] = {
    { "requests", 1, "Requests answered in the window." },
    { "error_rate", 1, "Share of them that were refused or failed." },
    { "error_rate_low", 1, "Lower end of its 95 % interval (Wilson)." },
    { "p50_ms", 1, "Median time of the model's own work." },
    { "p90_ms", 1, "The same, 90 % quantile." },
    { "p99_ms", 1, "The same, 99 % quantile." },
    { "mean", 1, "Mean prediction." },
    { "sd", 1, "Standard deviation of the predictions." },
    { "not_finite", 1, "Predictions that are no finite number." },
    { "psi", 0,
      "Population stability index of the candidate's predictions against the champion's." },
    { "psi_limit", 0,
      "What psi stays below in 95 % of windows of this size when nothing differs, at least 0.2." },
    { "shift", 0,
      "Distance of the mean prediction from the champion's, in its standard deviations." },
    { "drift", 0,
      "Distance of the mean prediction from that of the candidate's evaluation, in the standard "
      "deviations of that time; none without a reference." },
    { "labelled", 1, "Predictions of this step whose true value is known." },
    { "rmse", 1, "Root mean squared error over them; none without labels." },
    { "rmse_low", 1, "Lower end of its 95 % interval." },
    { "rmse_high", 1, "Upper end of its 95 % interval." },
};

static const char *const default_rules[] = {
    "error_rate_low > champion.error_rate + 0.005",
    "p90_ms > champion.p90_ms * 1.5 + 1",
    "not_finite > 0",
    "(drift ?? shift) > 2",
    "rmse_low > champion.rmse_high",
};

const struct strategy_value *strategy_value_at(size_t i)
{
    return i < ARRAY_LEN(values) ? &values[i] : NULL;
}

static int type_of(void *arg, const struct expr *name, enum expr_type *out, struct err *err)
{
    const char *names[ARRAY_LEN(values)];
    int champion = str_is(name->entity, "champion");
    (void)arg;
    *out = EXPR_NUMBER;
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        names[i] = values[i].name;
        if (str_is(name->name, values[i].name) && (!name->entity.n || champion)) {
            if (champion && !values[i].of_champion)
                return ERR(err, ERR_INVALID, "'%s' compares both: write it without 'champion.'",
                           values[i].name);
            return 0;
        }
    }
    const char *near = str_nearest(name->name, names, ARRAY_LEN(values));
    return ERR(err, ERR_INVALID, "no value is called '%.*s%s%.*s'%s%s%s", STR_ARG(name->entity),
               name->entity.n ? "." : "", STR_ARG(name->name), near ? "; did you mean '" : "",
               near ? near : "", near ? "'?" : "");
}

static int add_rule(struct arena *a, struct strategy *s, const char *text, struct err *err)
{
    if (s->rule_n == STRATEGY_RULES)
        return ERR(err, ERR_LIMIT, "abort: more than %d rules", STRATEGY_RULES);
    struct strategy_rule *r = &s->rules[s->rule_n];
    r->text = arena_strdup(a, text);
    int rc = expr_parse(a, str_of(text), &r->expr, NULL, err);
    if (!rc)
        rc = expr_check(a, r->expr, type_of, NULL, EXPR_BOOL, NULL, err);
    if (rc)
        return err_prefix(err, rc, "abort rule '%.200s'", text);
    s->rule_n++;
    return 0;
}

static int read_rules(struct arena *a, const struct json *v, struct strategy *s, struct err *err)
{
    int rc = 0;
    if (!v) {
        for (size_t i = 0; i < ARRAY_LEN(default_rules) && !rc; i++)
            rc = add_rule(a, s, default_rules[i], err);
        return rc;
    }
    if (v->type == JSON_STRING)
        return add_rule(a, s, v->string.p, err);
    if (v->type != JSON_ARRAY)
        return ERR(err, ERR_INVALID, "abort: must be an expression or a list of expressions");
    for (size_t i = 0; i < v->n && !rc; i++)
        rc = v->items[i].type == JSON_STRING
                 ? add_rule(a, s, v->items[i].string.p, err)
                 : ERR(err, ERR_INVALID, "abort[%zu]: must be an expression", i);
    return rc;
}

/* 5, 5.5 or "5%", as permille. */
static int read_share(const struct json *v, size_t i, unsigned *out, struct err *err)
{
    double percent = v->type == JSON_NUMBER ? v->number : NAN;
    if (v->type == JSON_STRING && v->string.n > 1 && v->string.p[v->string.n - 1] == '%' &&
        parse_double((str_t){ v->string.p, v->string.n - 1 }, &percent) != 0)
        percent = NAN;
    if (!(percent >= 0.1 && percent <= 100))
        return ERR(err, ERR_INVALID, "canary[%zu]: must be a percentage from 0.1 to 100", i);
    *out = (unsigned)lround(percent * 10);
    return 0;
}

static int read_steps(const struct json *v, struct strategy *s, struct err *err)
{
    static const unsigned usual[] = { 50, 250, 1000 };
    int rc = 0;
    if (!v) {
        memcpy(s->share, usual, sizeof usual);
        s->step_n = ARRAY_LEN(usual);
        return 0;
    }
    if (v->type != JSON_ARRAY || v->n == 0 || v->n >= STRATEGY_STEPS)
        return ERR(err, ERR_INVALID, "canary: must be a list of 1 to %d percentages",
                   STRATEGY_STEPS - 1);
    for (size_t i = 0; i < v->n && !rc; i++) {
        rc = read_share(&v->items[i], i, &s->share[s->step_n], err);
        if (!rc && i && s->share[i] <= s->share[i - 1])
            rc = ERR(err, ERR_INVALID, "canary[%zu]: each step must be larger than the one before",
                     i);
        s->step_n += rc == 0;
    }
    if (!rc && s->share[s->step_n - 1] != 1000)
        s->share[s->step_n++] = 1000;
    return rc;
}

static int read_count(const struct json *o, const char *key, int64_t usual, int64_t *out,
                      struct err *err)
{
    const struct json *v = json_get(o, key);
    *out = usual;
    if (!v)
        return 0;
    if (v->type != JSON_NUMBER || !v->is_integer || v->integer < 0 || v->integer > 1000000000)
        return ERR(err, ERR_INVALID, "%s: must be a whole number from 0 on", key);
    *out = v->integer;
    return 0;
}

static int read_time(const struct json *o, const char *key, int64_t usual_ms, int64_t *out_ms,
                     struct err *err)
{
    const struct json *v = json_get(o, key);
    int64_t ns;
    *out_ms = usual_ms;
    if (!v)
        return 0;
    if (v->type != JSON_STRING || parse_duration(v->string, &ns) != 0)
        return ERR(err, ERR_INVALID, "%s: must be a time such as \"30s\", \"10m\" or \"2h\"", key);
    *out_ms = ns / 1000000;
    return 0;
}

static int check_members(const struct json *o, struct err *err)
{
    static const char *const names[] = { "shadow", "canary",  "every", "min_requests",
                                         "check",  "timeout", "abort", "automatic" };
    return json_check_members(o, "a strategy has no member", names, ARRAY_LEN(names), err);
}

int strategy_read(struct arena *a, const char *json, struct strategy *s, struct err *err)
{
    struct json v = { .type = JSON_OBJECT };
    int rc = json && *json ? json_parse(a, str_of(json), NULL, &v, err) : 0;
    *s = (struct strategy){ 0 };
    if (!rc && v.type != JSON_OBJECT)
        rc = ERR(err, ERR_INVALID, "a strategy must be an object");
    if (!rc)
        rc = check_members(&v, err);
    if (!rc)
        rc = read_count(&v, "shadow", 200, &s->shadow_requests, err);
    if (!rc)
        rc = read_steps(json_get(&v, "canary"), s, err);
    if (!rc)
        rc = read_time(&v, "every", 30000, &s->every_ms, err);
    if (!rc)
        rc = read_count(&v, "min_requests", 200, &s->min_requests, err);
    if (!rc)
        rc = read_time(&v, "check", 3000, &s->check_ms, err);
    if (!rc && (s->check_ms < 500 || s->check_ms > 3600000))
        rc = ERR(err, ERR_INVALID, "check: must be between 500ms and 1h");
    if (!rc)
        rc = read_time(&v, "timeout", 3600000, &s->timeout_ms, err);
    if (!rc)
        rc = read_rules(a, json_get(&v, "abort"), s, err);
    const struct json *automatic = json_get(&v, "automatic");
    s->automatic = automatic ? automatic->boolean : 1;
    if (!rc && automatic && automatic->type != JSON_BOOL)
        rc = ERR(err, ERR_INVALID, "automatic: must be true or false");
    return rc;
}

static void write_time(struct json_out *o, const char *key, int64_t ms)
{
    char text[40];
    (void)snprintf(text, sizeof text, ms % 1000 ? "%lldms" : "%llds",
                   (long long)(ms % 1000 ? ms : ms / 1000));
    jo_kv_cstr(o, key, text);
}

void strategy_write(const struct strategy *s, struct json_out *o)
{
    jo_object(o);
    jo_kv_int(o, "shadow", s->shadow_requests);
    jo_key(o, "canary");
    jo_array(o);
    for (size_t i = 0; i < s->step_n; i++)
        jo_double(o, s->share[i] / 10.0);
    jo_array_end(o);
    write_time(o, "every", s->every_ms);
    jo_kv_int(o, "min_requests", s->min_requests);
    write_time(o, "check", s->check_ms);
    write_time(o, "timeout", s->timeout_ms);
    jo_key(o, "abort");
    jo_array(o);
    for (size_t i = 0; i < s->rule_n; i++)
        jo_cstr(o, s->rules[i].text);
    jo_array_end(o);
    jo_key(o, "automatic");
    jo_bool(o, s->automatic);
    jo_object_end(o);
}
