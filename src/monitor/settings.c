/* SPDX-License-Identifier: Apache-2.0
 * Settings of an endpoint's monitor out of JSON: defaults, ranges, and what is wrong by its name.
 */
#include <math.h>
#include <stdio.h>

#include "base/limits.h"
#include "base/num.h"
#include "monitor/monitor.h"

#define DAY_MS INT64_C(86400000)

struct monitor_settings monitor_settings_default(void)
{
    return (struct monitor_settings){ .window_ms = 3600000,
                                      .log_on = 1,
                                      .log_inputs = 1,
                                      .keep_ms = 90 * DAY_MS,
                                      .keep_bytes = GIB(4),
                                      .keep_windows_ms = 1100 * DAY_MS,
                                      .policy = monitor_policy_default() };
}

static int read_duration(const struct json *doc, const char *path, int64_t min_ms, int64_t max_ms,
                         int64_t *out, struct err *err)
{
    const struct json *v = json_path(doc, path);
    int64_t ns;
    if (!v || v->type == JSON_NULL)
        return 0;
    if (v->type != JSON_STRING || parse_duration(v->string, &ns) || ns / 1000000 < min_ms ||
        ns / 1000000 > max_ms)
        return ERR(err, ERR_INVALID,
                   "'%s' must be a duration like \"2s\", \"1h\" or \"7d\", from %llds to %lldd",
                   path, (long long)(min_ms / 1000), (long long)(max_ms / DAY_MS));
    *out = ns / 1000000;
    return 0;
}

static int read_number(const struct json *doc, const char *path, double min, double max,
                       double *out, struct err *err)
{
    const struct json *v = json_path(doc, path);
    if (!v || v->type == JSON_NULL)
        return 0;
    if (v->type != JSON_NUMBER || !(v->number >= min && v->number <= max))
        return ERR(err, ERR_INVALID, "'%s' must be a number from %g to %g", path, min, max);
    *out = v->number;
    return 0;
}

static int read_flag(const struct json *doc, const char *path, int *out, struct err *err)
{
    const struct json *v = json_path(doc, path);
    if (!v || v->type == JSON_NULL)
        return 0;
    if (v->type != JSON_BOOL)
        return ERR(err, ERR_INVALID, "'%s' must be true or false", path);
    *out = v->boolean;
    return 0;
}

static int read_method(const struct json *doc, const char *path, enum monitor_method *out,
                       struct err *err)
{
    const struct json *v = json_path(doc, path);
    if (!v || v->type == JSON_NULL)
        return 0;
    if (v->type != JSON_STRING)
        return ERR(err, ERR_INVALID, "'%s' must be the name of a method", path);
    int rc = monitor_method_of(v->string, out, err);
    return rc ? err_prefix(err, rc, "'%s'", path) : 0;
}

static int read_log(const struct json *doc, struct monitor_settings *s, struct err *err)
{
    const struct json *max = json_path(doc, "log.max");
    int inputs = 1;
    int rc = read_flag(doc, "log.on", &s->log_on, err);
    if (!rc)
        rc = read_number(doc, "log.sample", 0, 1, &s->log_inputs, err);
    if (!rc)
        rc = read_flag(doc, "log.inputs", &inputs, err);
    if (!rc)
        rc = read_duration(doc, "log.keep", 60000, 36500 * DAY_MS, &s->keep_ms, err);
    if (!rc && max && max->type != JSON_NULL &&
        (max->type != JSON_STRING || parse_size(max->string, &s->keep_bytes) ||
         s->keep_bytes < MIB(1)))
        rc = ERR(err, ERR_INVALID, "'log.max' must be a size like \"500MiB\", at least 1MiB");
    if (!inputs)
        s->log_inputs = 0;
    return rc;
}

static int read_drift(const struct json *doc, struct monitor_policy *p, struct err *err)
{
    const struct json *floor = json_path(doc, "drift.floor");
    double rows_min = (double)p->rows_min, all = NAN;
    int rc = read_number(doc, "drift.alpha", 1e-12, 0.5, &p->alpha, err);
    if (!rc)
        rc = read_number(doc, "drift.rows_min", 2, 1e9, &rows_min, err);
    if (!rc)
        rc = read_method(doc, "drift.number", &p->number, err);
    if (!rc)
        rc = read_method(doc, "drift.category", &p->category, err);
    if (!rc && (p->category == MONITOR_KS || p->category == MONITOR_W1))
        rc = ERR(err, ERR_INVALID,
                 "'drift.category': categories have no order; take chi2, psi or js");
    if (!rc && floor && floor->type == JSON_NUMBER)
        rc = read_number(doc, "drift.floor", 0, 1e9, &all, err);
    for (size_t i = 0; i < MONITOR_METHODS && !rc; i++) {
        char path[40];
        (void)snprintf(path, sizeof path, "drift.floor.%s",
                       monitor_method_name((enum monitor_method)i));
        if (!isnan(all))
            p->floor[i] = all;
        else
            rc = read_number(doc, path, 0, 1e9, &p->floor[i], err);
    }
    p->rows_min = (uint64_t)rows_min;
    return rc;
}

int monitor_settings_read(str_t json, struct monitor_settings *out, struct err *err)
{
    struct arena a;
    struct json doc;
    struct monitor_settings s = monitor_settings_default();
    arena_init(&a, MIB(4));
    int rc = json_parse(&a, json, NULL, &doc, err);
    if (!rc && doc.type != JSON_OBJECT)
        rc = ERR(err, ERR_INVALID, "the settings of a monitor are an object");
    if (!rc)
        rc = read_duration(&doc, "window", 1000, 31 * DAY_MS, &s.window_ms, err);
    if (!rc)
        rc = read_duration(&doc, "keep", DAY_MS, 36500 * DAY_MS, &s.keep_windows_ms, err);
    if (!rc)
        rc = read_log(&doc, &s, err);
    if (!rc)
        rc = read_drift(&doc, &s.policy, err);
    arena_fini(&a);
    if (!rc)
        *out = s;
    return rc;
}
