/* SPDX-License-Identifier: Apache-2.0
 * Sums are compensated, so that the parts add up to the whole to the last digits. */
#include "explain/linear.h"

#include <math.h>

#include "base/map.h"
#include "stat/sum.h"

int linear_explainer_init(struct arena *a, const struct linear_effects *effects,
                          struct linear_explainer *out, struct err *err)
{
    size_t p = effects->p;
    uint32_t *group_of = ARENA_TRY_ARRAY(a, p + 1, uint32_t);
    struct stat_acc base = { effects->intercept, 0 };
    struct map seen;
    *out = (struct linear_explainer){ .effects = *effects,
                                      .group_of = group_of,
                                      .groups = ARENA_TRY_ARRAY(a, p + 1, const char *) };
    if (!group_of || !out->groups)
        return ERR(err, ERR_NOMEM, "not enough memory to explain %zu columns", p);
    map_init(&seen);
    for (size_t j = 0; j < p; j++) {
        str_t name = str_of(effects->sources[j]);
        size_t group = map_find(&seen, name);
        if (group == SIZE_MAX) {
            group = map_put(&seen, name, NULL);
            out->groups[out->group_n++] = effects->sources[j];
        }
        group_of[j] = (uint32_t)group;
        stat_acc_add(&base, effects->coefficients[j] * effects->means[j]);
        if (!isfinite(effects->coefficients[j]) || !isfinite(effects->means[j])) {
            map_fini(&seen);
            return ERR(err, ERR_INVALID, "coefficient or mean of '%s' is not a finite number",
                       effects->sources[j]);
        }
    }
    map_fini(&seen);
    out->base = stat_acc_value(&base);
    return 0;
}

double linear_explain(const struct linear_explainer *e, const double *x, double *contributions,
                      double *out_gap)
{
    const struct linear_effects *m = &e->effects;
    struct stat_acc prediction = { m->intercept, 0 }, whole = { e->base, 0 };
    for (size_t g = 0; g < e->group_n; g++)
        contributions[g] = 0;
    for (size_t j = 0; j < m->p; j++) {
        contributions[e->group_of[j]] += m->coefficients[j] * (x[j] - m->means[j]);
        stat_acc_add(&prediction, m->coefficients[j] * x[j]);
    }
    for (size_t g = 0; g < e->group_n; g++)
        stat_acc_add(&whole, contributions[g]);
    double value = stat_acc_value(&prediction);
    if (out_gap)
        *out_gap = stat_acc_value(&whole) - value;
    return value;
}

void linear_explanation_write_json(struct json_out *o, const struct linear_explainer *e,
                                   double prediction, const double *contributions,
                                   const str_t *values)
{
    jo_object(o);
    jo_kv_double(o, "prediction", prediction);
    jo_kv_double(o, "base", e->base);
    jo_key(o, "contributions");
    jo_array(o);
    for (size_t g = 0; g < e->group_n; g++) {
        jo_object(o);
        jo_kv_cstr(o, "name", e->groups[g]);
        jo_key(o, "value");
        if (values && values[g].p)
            jo_raw(o, values[g]);
        else
            jo_null(o);
        jo_kv_double(o, "contribution", contributions[g]);
        jo_object_end(o);
    }
    jo_array_end(o);
    jo_object_end(o);
}
