/* SPDX-License-Identifier: Apache-2.0
 * Reading rules, the values that they speak of, and the state that follows from outcomes. */
#include "monitor/alert.h"

#include <math.h>

#include "base/num.h"

static const struct alert_value values[] = {
    { "rows", "Rows predicted in the window." },
    { "requests", "Requests of the window." },
    { "error_rate", "Share of them that were refused or failed." },
    { "gap_s", "Seconds of the window in which nothing could be counted." },
    { "drift.features", "Input features that drifted, after adjustment for their number." },
    { "drift.share", "The same as a share of the features that could be judged." },
    { "drift.warnings", "Input features that are near to it." },
    { "drift.prediction", "Outputs that drifted." },
    { "psi", "Largest population stability index of an input." },
    { "prediction.psi", "The same of the outputs." },
    { "prediction.mean", "Mean of the first output." },
    { "quality.findings", "Findings about the data." },
    { "quality.severe", "Those of them that say that what comes in is broken." },
    { "labelled", "Predictions whose true value is known." },
    { "coverage", "Their share of the predictions of the window." },
    { "rmse", "Realised root mean squared error; open below 30 labels, as the next." },
    { "rmse_low", "Lower end of its 95 % interval." },
    { "rmse_high", "Upper end of its 95 % interval." },
    { "mae", "Realised mean absolute error." },
    { "bias", "Realised mean error; above 0 = predicts too much." },
    { "reference.rmse", "The error when the version was evaluated." },
    { "reference.rmse_low", "Lower end of its 95 % interval." },
    { "reference.rmse_high", "Upper end of its 95 % interval." },
    { "reference.mae", "Mean absolute error of that time." },
};

static const char default_rules[] =
    "[{\"alert\":\"FeatureDrift\",\"expr\":\"drift.features > 0\",\"severity\":\"warning\","
    "\"annotations\":{\"summary\":\"Inputs are no longer distributed as in training\"}},"
    "{\"alert\":\"PredictionDrift\",\"expr\":\"drift.prediction > 0\",\"severity\":\"warning\","
    "\"annotations\":{\"summary\":\"Predictions are no longer distributed as in evaluation\"}},"
    "{\"alert\":\"Decay\",\"expr\":\"rmse_low > reference.rmse_high\",\"severity\":\"critical\","
    "\"annotations\":{\"summary\":\"The realised error is above that of the evaluation\"}},"
    "{\"alert\":\"DataQuality\",\"expr\":\"quality.severe > 0\",\"severity\":\"critical\","
    "\"annotations\":{\"summary\":\"What comes in is broken\"}},"
    "{\"alert\":\"Errors\",\"expr\":\"error_rate > 0.05\",\"severity\":\"critical\","
    "\"annotations\":{\"summary\":\"Requests are refused or fail\"}}]";

const struct alert_value *alert_value_at(size_t i)
{
    return i < ARRAY_LEN(values) ? &values[i] : NULL;
}

/* v when it is known, else NaN. */
static double when(int known, double v)
{
    return known ? v : NAN;
}

double alert_value_of(const struct monitor_window *w, const struct monitor_performance *ref,
                      const char *name)
{
    int judged = w->has_reference && w->state != MONITOR_INSUFFICIENT;
    double features = (double)w->ok + w->warnings + w->drifted;
    const struct monitor_realised *r = &w->realised;
    static const struct monitor_performance none = {
        .rmse = NAN, .rmse_low = NAN, .rmse_high = NAN, .mae = NAN
    };
    const struct monitor_performance *p = ref && ref->n ? ref : &none;
    int realised = r->labelled >= MONITOR_LABELLED_MIN;
    const struct {
        const char *name;
        double value;
    } all[] = {
        { "rows", (double)w->rows },
        { "requests", (double)w->requests },
        { "error_rate", when(w->requests != 0, (double)w->errors / (double)w->requests) },
        { "gap_s", (double)w->gap_ms / 1000 },
        { "drift.features", when(judged, (double)w->drifted) },
        { "drift.share", when(judged && features > 0, w->drifted / features) },
        { "drift.warnings", when(judged, (double)w->warnings) },
        { "drift.prediction", when(judged, (double)w->outputs_drifted) },
        { "psi", when(judged, w->worst_psi) },
        { "prediction.psi", when(judged, w->output_psi) },
        { "prediction.mean", w->prediction_mean },
        { "quality.findings", when(w->has_reference, (double)w->findings) },
        { "quality.severe", when(w->has_reference, (double)w->severe) },
        { "labelled", (double)r->labelled },
        { "coverage", when(r->n != 0, (double)r->labelled / (double)r->n) },
        { "rmse", when(realised, r->rmse) },
        { "rmse_low", when(realised, r->low) },
        { "rmse_high", when(realised, r->high) },
        { "mae", when(realised, r->mae) },
        { "bias", when(realised, r->bias) },
        { "reference.rmse", p->rmse },
        { "reference.rmse_low", p->rmse_low },
        { "reference.rmse_high", p->rmse_high },
        { "reference.mae", p->mae },
    };
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (strcmp(all[i].name, name) == 0)
            return all[i].value;
    return NAN;
}

/* ---- reading ---- */

static int type_of(void *arg, const struct expr *name, enum expr_type *out, struct err *err)
{
    const char *names[ARRAY_LEN(values)];
    struct arena *a = arg;
    *out = EXPR_NUMBER;
    const char *text =
        name->entity.n ? arena_printf(a, "%.*s.%.*s", STR_ARG(name->entity), STR_ARG(name->name))
                       : arena_printf(a, "%.*s", STR_ARG(name->name));
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        names[i] = values[i].name;
        if (strcmp(values[i].name, text) == 0)
            return 0;
    }
    const char *near = str_nearest(str_of(text), names, ARRAY_LEN(values));
    return ERR(err, ERR_INVALID, "no value is called '%.100s'%s%s%s", text,
               near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

/* A number of windows or a time. */
static int read_span(const struct json *o, const char *key, int64_t *windows, int64_t *ms,
                     struct err *err)
{
    const struct json *v = json_get(o, key);
    int64_t ns;
    *windows = 2;
    *ms = 0;
    if (!v)
        return 0;
    if (v->type == JSON_NUMBER && v->is_integer && v->integer >= 1 && v->integer < ALERT_WINDOWS) {
        *windows = v->integer;
        return 0;
    }
    if (v->type == JSON_STRING && parse_duration(v->string, &ns) == 0 && ns >= 0) {
        *windows = 0;
        *ms = MAX(ns / 1000000, 1);
        return 0;
    }
    return ERR(err, ERR_INVALID, "%s: must be 1 to %d windows, or a time such as \"2h\"", key,
               ALERT_WINDOWS - 1);
}

static int object_member(struct arena *a, const struct json *o, const char *key, const char **out,
                         struct err *err)
{
    const struct json *v = json_get(o, key);
    *out = "{}";
    if (!v)
        return 0;
    if (v->type != JSON_OBJECT)
        return ERR(err, ERR_INVALID, "%s: must be a map", key);
    for (size_t i = 0; i < v->n; i++)
        if (v->members[i].value.type != JSON_STRING)
            return ERR(err, ERR_INVALID, "%s.%.*s: must be a text", key,
                       STR_ARG(v->members[i].key));
    *out = json_to_text(a, v, KIB(16));
    return *out ? 0 : ERR(err, ERR_LIMIT, "%s: larger than 16 KiB", key);
}

static int check_members(const struct json *o, struct err *err)
{
    static const char *const names[] = { "alert",    "expr",   "for",        "keep_firing_for",
                                         "severity", "labels", "annotations" };
    return json_check_members(o, "a rule has no member", names, ARRAY_LEN(names), err);
}

static int name_is_good(const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < n; i++)
        if (!((name[i] | 32) >= 'a' && (name[i] | 32) <= 'z') && name[i] != '_' &&
            !(i && name[i] >= '0' && name[i] <= '9'))
            return 0;
    return n > 0 && n <= 100;
}

static int read_expr(struct arena *a, struct alert_rule *r, struct err *err)
{
    int rc = expr_parse(a, str_of(r->text), &r->expr, NULL, err);
    if (!rc)
        rc = expr_check(a, r->expr, type_of, a, EXPR_BOOL, NULL, err);
    return rc ? err_prefix(err, rc, "expr '%.200s'", r->text) : 0;
}

static int read_rule(struct arena *a, const struct json *o, struct alert_rule *r, struct err *err)
{
    struct json notes;
    if (o->type != JSON_OBJECT)
        return ERR(err, ERR_INVALID, "a rule must be a map");
    *r = (struct alert_rule){ .name = json_get_string(o, "alert", NULL),
                              .text = json_get_string(o, "expr", NULL),
                              .severity = json_get_string(o, "severity", "warning") };
    if (!r->name || !name_is_good(r->name))
        return ERR(err, ERR_INVALID,
                   "alert: must be a name of letters, digits and _ that begins with a letter");
    if (!r->text || !*r->text)
        return ERR(err, ERR_INVALID, "expr: is missing");
    if (!name_is_good(r->severity))
        return ERR(err, ERR_INVALID, "severity: must be one word");
    int rc = check_members(o, err);
    if (!rc)
        rc = read_expr(a, r, err);
    if (!rc)
        rc = read_span(o, "for", &r->for_windows, &r->for_ms, err);
    if (!rc)
        rc = read_span(o, "keep_firing_for", &r->keep_windows, &r->keep_ms, err);
    if (!rc)
        rc = object_member(a, o, "labels", &r->labels, err);
    if (!rc)
        rc = object_member(a, o, "annotations", &r->annotations, err);
    if (!rc)
        rc = json_parse(a, str_of(r->annotations), NULL, &notes, err);
    if (!rc)
        r->summary = json_get_string(&notes, "summary", NULL);
    return rc;
}

int alert_rules_read(struct arena *a, const char *json, struct alert_rule **out, size_t *out_n,
                     struct err *err)
{
    struct json v;
    int rc = json_parse(a, str_of(json && *json ? json : default_rules), NULL, &v, err);
    if (!rc && (v.type != JSON_ARRAY || v.n > ALERT_RULES_MAX))
        rc = ERR(err, ERR_INVALID, "alerts: must be a list of at most %d rules", ALERT_RULES_MAX);
    struct alert_rule *list = rc ? NULL : ARENA_TRY_ARRAY(a, v.n + 1, struct alert_rule);
    if (!rc && !list)
        rc = ERR(err, ERR_NOMEM, "not enough memory for the alert rules");
    for (size_t i = 0; i < v.n && !rc; i++) {
        rc = read_rule(a, &v.items[i], &list[i], err);
        if (rc)
            return err_prefix(err, rc, "alerts[%zu]", i);
        for (size_t k = 0; k < i; k++)
            if (strcmp(list[k].name, list[i].name) == 0)
                return ERR(err, ERR_INVALID, "alerts[%zu]: there are two rules '%s'", i,
                           list[i].name);
    }
    *out = list;
    *out_n = rc ? 0 : v.n;
    return rc;
}

static void write_span(struct json_out *o, const char *key, int64_t windows, int64_t ms)
{
    char text[FMT_DOUBLE_MAX + 4];
    if (!ms) {
        jo_kv_int(o, key, windows);
        return;
    }
    size_t n = fmt_i64(ms, text);
    memcpy(text + n, "ms", 3);
    jo_kv_cstr(o, key, text);
}

void alert_rules_write(const struct alert_rule *rules, size_t n, struct json_out *o)
{
    jo_array(o);
    for (size_t i = 0; i < n; i++) {
        jo_object(o);
        jo_kv_cstr(o, "alert", rules[i].name);
        jo_kv_cstr(o, "expr", rules[i].text);
        write_span(o, "for", rules[i].for_windows, rules[i].for_ms);
        write_span(o, "keep_firing_for", rules[i].keep_windows, rules[i].keep_ms);
        jo_kv_cstr(o, "severity", rules[i].severity);
        jo_kv_raw(o, "labels", str_of(rules[i].labels));
        jo_kv_raw(o, "annotations", str_of(rules[i].annotations));
        jo_object_end(o);
    }
    jo_array_end(o);
}

/* ---- states ---- */

static const char *const state_names[] = { "insufficient_data", "ok",      "warning", "firing",
                                           "acknowledged",      "resolved" };

const char *alert_state_name(enum alert_state s)
{
    return state_names[s];
}

int alert_state_of(const char *name, enum alert_state *out)
{
    for (size_t i = 0; i < ARRAY_LEN(state_names); i++) {
        if (strcmp(state_names[i], name) == 0) {
            *out = (enum alert_state)i;
            return 0;
        }
    }
    return ERR_INVALID;
}

static size_t span_windows(int64_t windows, int64_t ms, int64_t window_ms)
{
    int64_t n = ms ? (ms + MAX(window_ms, 1) - 1) / MAX(window_ms, 1) : windows;
    return (size_t)MIN(MAX(n, 1), ALERT_WINDOWS - 1);
}

enum alert_state alert_next(const struct alert_rule *rule, int64_t window_ms,
                            enum alert_state before, const signed char *outcomes, size_t n)
{
    size_t need = span_windows(rule->for_windows, rule->for_ms, window_ms);
    size_t keep = span_windows(rule->keep_windows, rule->keep_ms, window_ms);
    size_t look = need == 1 ? 1 : need + 1; /* 1 of 1, 2 of 3, 3 of 4 … */
    keep = need == 1 ? keep : MAX(keep, 2); /* else what made it fire would fire again at once */
    size_t decided = 0, held = 0, quiet = 0;
    int broken = 0; /* a true one was met: quiet counts no further */
    for (size_t i = 0; i < n && decided < MAX(look, keep); i++) {
        if (outcomes[i] < 0)
            continue;
        if (decided < look)
            held += outcomes[i] > 0;
        broken |= outcomes[i] > 0;
        quiet += !broken;
        decided++;
    }
    int open = before == ALERT_FIRING || before == ALERT_ACKNOWLEDGED;
    if (open)
        return quiet >= keep ? ALERT_RESOLVED : before;
    if (!decided)
        return ALERT_INSUFFICIENT;
    if (held >= need)
        return ALERT_FIRING;
    return held ? ALERT_WARNING : ALERT_OK;
}
