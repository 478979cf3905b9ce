/* SPDX-License-Identifier: Apache-2.0
 * Judging one window of a rollout: the names of strategy.c get their values from the counters of
 * the two arms, and each abort rule is asked. */
#include <math.h>
#include <stdio.h>

#include "codec/condition.h"
#include "rollout/canary.h"
#include "serve/serve.h"
#include "stat/dist.h"
#include "stat/distance.h"
#include "stat/interval.h"

enum { EXPECTED_MIN = 5 }; /* predictions of both arms together in a compared cell, each */
static const double PSI_FLOOR = 0.2;

/* Both arms' values by name; NaN = there is none. */
struct arm_values {
    double requests, error_rate, error_rate_low, p50_ms, p90_ms, p99_ms, mean, sd, not_finite;
};

struct judged {
    struct arm_values arm[2];
    const struct canary_known *known;
    double psi, psi_limit, shift, drift;
};

static void fill_arm(const struct serve_arm *x, struct arm_values *v)
{
    double n = (double)x->rows - (double)x->not_finite, high;
    v->requests = (double)x->requests;
    v->error_rate = x->requests ? (double)x->errors / v->requests : NAN;
    stat_wilson(x->errors, x->requests, &v->error_rate_low, &high);
    v->p50_ms = serve_arm_quantile(x->latency, 0.5);
    v->p90_ms = serve_arm_quantile(x->latency, 0.9);
    v->p99_ms = serve_arm_quantile(x->latency, 0.99);
    v->mean = n > 0 ? x->sum / n : NAN;
    v->sd = n > 1 ? sqrt(MAX(x->sum_squares - n * v->mean * v->mean, 0) / (n - 1)) : NAN;
    v->not_finite = (double)x->not_finite;
}

/* Population stability index of the two arms over their common cells, neighbours merged until each
 * holds enough; its limit is what chance alone stays below in 95 % of such windows (Yurdakul 2018:
 * psi / (1/n + 1/m) follows chi-squared with cells - 1 degrees of freedom). */
static void compare_cells(const struct serve_arm *arms, struct judged *j)
{
    double n[2] = { 0, 0 }, at[2] = { 0, 0 }, p[SERVE_ARM_CELLS], q[SERVE_ARM_CELLS];
    size_t cells = 0;
    for (int k = 0; k < 2; k++)
        for (size_t i = 0; i < SERVE_ARM_CELLS; i++)
            n[k] += (double)arms[k].cells[i];
    double smaller = MIN(n[0], n[1]);
    if (smaller < 2 * EXPECTED_MIN)
        return;
    double left = n[0] + n[1];
    for (size_t i = 0; i < SERVE_ARM_CELLS && left > 0; i++) {
        double both = (double)arms[0].cells[i] + (double)arms[1].cells[i];
        at[0] += (double)arms[0].cells[i];
        at[1] += (double)arms[1].cells[i];
        left -= both;
        double enough = EXPECTED_MIN * (n[0] + n[1]) / smaller; /* expected 5 in the smaller arm */
        if ((at[0] + at[1] < enough || left < enough) && left > 0)
            continue;
        p[cells] = at[0];
        q[cells++] = at[1];
        at[0] = at[1] = 0;
    }
    if (cells < 2)
        return;
    stat_smooth(p, cells, p);
    stat_smooth(q, cells, q);
    j->psi = stat_psi(p, q, cells);
    j->psi_limit = MAX(PSI_FLOOR, (1 / n[0] + 1 / n[1]) * dist_chi2_ppf(0.95, (double)cells - 1));
}

static double distance(double a, double b, double sd)
{
    double d = fabs(a - b);
    return isnan(d) || isnan(sd) ? NAN : sd > 0 ? d / sd : d > 0 ? INFINITY : 0;
}

static double value_of(void *arg, const char *entity, const char *name, int *out_null)
{
    const struct judged *j = arg;
    int c = entity[0] == '\0'; /* the candidate's, else the champion's */
    const struct arm_values *v = &j->arm[c];
    const struct canary_realised *r = c ? &j->known->candidate : &j->known->champion;
    const struct {
        const char *name;
        double value;
    } all[] = { { "requests", v->requests },
                { "error_rate", v->error_rate },
                { "error_rate_low", v->error_rate_low },
                { "p50_ms", v->p50_ms },
                { "p90_ms", v->p90_ms },
                { "p99_ms", v->p99_ms },
                { "mean", v->mean },
                { "sd", v->sd },
                { "not_finite", v->not_finite },
                { "psi", j->psi },
                { "psi_limit", j->psi_limit },
                { "shift", j->shift },
                { "drift", j->drift },
                { "labelled", r->labelled },
                { "rmse", r->rmse },
                { "rmse_low", r->low },
                { "rmse_high", r->high } };
    double d = NAN;
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (strcmp(all[i].name, name) == 0)
            d = all[i].value;
    *out_null = isnan(d);
    return d;
}

static void write_values(struct judged *j, struct json_out *o)
{
    jo_key(o, "values");
    jo_object(o);
    const struct strategy_value *s;
    for (size_t i = 0; (s = strategy_value_at(i)); i++) {
        char full[80];
        int is_null;
        double d = value_of(j, "", s->name, &is_null);
        if (!is_null)
            jo_kv_double(o, s->name, d);
        d = s->of_champion ? value_of(j, "champion", s->name, &is_null) : NAN;
        (void)snprintf(full, sizeof full, "champion.%s", s->name);
        if (s->of_champion && !is_null)
            jo_kv_double(o, full, d);
    }
    jo_object_end(o);
}

/* Asks every rule; *reason collects those that hold. */
static int ask_rules(struct arena *a, const struct strategy *s, struct judged *j,
                     struct json_out *o, struct buf *reason, struct err *err)
{
    struct condition_source from = { value_of, j, NULL };
    int rc = 0;
    jo_key(o, "rules");
    jo_array(o);
    for (size_t i = 0; i < s->rule_n && !rc; i++) {
        struct condition_outcome out = { 0 };
        rc = condition_evaluate(a, s->rules[i].expr, &from, &out, err);
        jo_object(o);
        jo_kv_cstr(o, "rule", s->rules[i].text);
        jo_key(o, "breached");
        if (out.passed < 0)
            jo_null(o);
        else
            jo_bool(o, out.passed);
        jo_kv_cstr(o, "message", out.message);
        jo_object_end(o);
        if (!rc && out.passed == 1)
            buf_printf(reason, "%s%s", reason->n ? "; " : "", out.message);
    }
    jo_array_end(o);
    return rc;
}

int canary_judge(struct arena *a, const struct strategy *s, const struct serve_arm *arms,
                 const struct canary_known *known, const char **out_detail, const char **out_reason,
                 struct err *err)
{
    struct judged j = { .known = known, .psi = NAN, .psi_limit = NAN };
    struct buf detail, reason;
    struct json_out o;
    for (int k = 0; k < 2; k++)
        fill_arm(&arms[k], &j.arm[k]);
    compare_cells(arms, &j);
    j.shift = distance(j.arm[1].mean, j.arm[0].mean, j.arm[0].sd);
    j.drift = distance(j.arm[1].mean, known->reference_mean, known->reference_sd);
    buf_init(&detail, MIB(1));
    buf_init(&reason, KIB(4));
    json_out_init(&o, &detail);
    jo_object(&o);
    write_values(&j, &o);
    int rc = ask_rules(a, s, &j, &o, &reason, err);
    jo_object_end(&o);
    *out_detail = arena_strndup(a, detail.p ? detail.p : "", detail.n);
    *out_reason = reason.n ? arena_strndup(a, reason.p, reason.n) : NULL;
    if (!rc && (!*out_detail || detail.failed))
        rc = ERR(err, ERR_NOMEM, "not enough memory to judge a rollout");
    buf_fini(&detail);
    buf_fini(&reason);
    return rc;
}
