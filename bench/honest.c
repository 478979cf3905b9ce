/* SPDX-License-Identifier: Apache-2.0
 * Simulated references and windows. */
#include "honest.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/rng.h"

enum { LEVELS = 500, INPUTS = HONEST_FEATURES - 1, FIRST_CATEGORY = 6 };
static const size_t level_n[] = { 3, 12, LEVELS };

struct world {
    struct arena a; /* of one reference */
    struct rng rng;
    str_t levels[LEVELS];
    char text[LEVELS][8];
    double cumulated[3][LEVELS]; /* shares of the categories' names, falling as 1/rank */
    struct monitor_reference ref;
    struct monitor_feature features[HONEST_FEATURES];
    size_t cell_of_level[3][LEVELS];
    struct monitor_counts counts;
    struct monitor_cells cells[HONEST_FEATURES];
    uint64_t store[HONEST_FEATURES][MONITOR_CELLS_MAX];
    enum monitor_state history[MONITOR_METHODS + 1][HONEST_FEATURES][3];
};

static void prepare(struct world *w, uint64_t seed)
{
    rng_seed(&w->rng, seed);
    for (size_t i = 0; i < LEVELS; i++) {
        (void)snprintf(w->text[i], sizeof w->text[i], "n%zu", i);
        w->levels[i] = str_of(w->text[i]);
    }
    for (size_t c = 0; c < ARRAY_LEN(level_n); c++) {
        double sum = 0, at = 0;
        for (size_t i = 0; i < level_n[c]; i++)
            sum += 1 / (double)(i + 1);
        for (size_t i = 0; i < level_n[c]; i++)
            w->cumulated[c][i] = at += 1 / (double)(i + 1) / sum;
    }
}

/* Category c: binary search of a uniform number among the cumulated shares. */
static int32_t draw_level(struct world *w, size_t c)
{
    double u = rng_uniform(&w->rng);
    size_t low = 0, high = level_n[c] - 1;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (u < w->cumulated[c][mid])
            high = mid;
        else
            low = mid + 1;
    }
    return (int32_t)low;
}

static double draw_number(struct world *w, size_t feature, double shift)
{
    struct rng *rng = &w->rng;
    double u;
    switch (feature) {
    case 0: return rng_normal(rng) + shift;
    case 1: return exp(0.75 * (rng_normal(rng) + shift));
    case 2: return rng_uniform(rng);
    case 3: /* a count with mean 4 */
        u = exp(-4.0);
        for (double at = rng_uniform(rng), k = 0, sum = 0;; k++) {
            sum += u;
            if (at < sum || k > 40)
                return k;
            u *= 4 / (k + 1);
        }
    case 4: return rng_uniform(rng) < 0.8 ? 0 : -log(1 - rng_uniform(rng));
    case 5: return rng_uniform(rng) < 0.2;
    default: /* the prediction */ return 3 * rng_normal(rng) + rng_uniform(rng);
    }
}

static int make_reference(struct world *w, size_t rows)
{
    double *x = ARENA_TRY_ARRAY(&w->a, rows, double);
    int32_t *codes = ARENA_TRY_ARRAY(&w->a, rows, int32_t);
    int rc = x && codes ? 0 : ERR_NOMEM;
    w->ref = (struct monitor_reference){
        .rows = rows, .test_rows = rows, .n = HONEST_FEATURES, .features = w->features
    };
    for (size_t f = 0; f < HONEST_FEATURES && !rc; f++) {
        size_t c = f - FIRST_CATEGORY;
        str_t name = w->levels[f];
        if (f >= FIRST_CATEGORY && f < INPUTS) {
            for (size_t i = 0; i < rows; i++)
                codes[i] = draw_level(w, c);
            rc = monitor_feature_of_codes(&w->a, name, w->levels, level_n[c], codes, rows,
                                          &w->features[f]);
            for (size_t i = 0; i < level_n[c] && !rc; i++)
                w->cell_of_level[c][i] = monitor_cell_of_name(&w->features[f], w->levels[i]);
        } else {
            for (size_t i = 0; i < rows; i++)
                x[i] = draw_number(w, f, 0);
            rc =
                monitor_feature_of_numbers(&w->a, name, x, rows, rng_u64(&w->rng), &w->features[f]);
        }
        w->features[f].output = f == INPUTS;
    }
    return rc;
}

static void draw_window(struct world *w, size_t rows, double shift)
{
    memset(w->store, 0, sizeof w->store);
    w->counts = (struct monitor_counts){
        .ref = &w->ref, .rows = rows, .expected_rows = NAN, .features = w->cells
    };
    for (size_t f = 0; f < HONEST_FEATURES; f++) {
        struct monitor_cells *c = &w->cells[f];
        *c = (struct monitor_cells){ .cells = w->store[f] };
        for (size_t i = 0; i < rows; i++) {
            if (f >= FIRST_CATEGORY && f < INPUTS) {
                size_t k = f - FIRST_CATEGORY;
                c->cells[w->cell_of_level[k][draw_level(w, k)]]++;
                continue;
            }
            double x = draw_number(w, f, f < 2 ? shift : 0);
            c->cells[monitor_cell_of_number(&w->features[f], x)]++;
            c->sum += x;
            c->sum2 += x * x;
        }
    }
}

/* Puts a state in front of a feature's last three; is it an alert now? */
static int streak(enum monitor_state *last, enum monitor_state now)
{
    last[2] = last[1];
    last[1] = last[0];
    last[0] = now;
    return monitor_streak(last, 3) == MONITOR_DRIFTED;
}

/* Sums over windows, divided at the end. */
struct sums {
    double tests[MONITOR_METHODS], inputs;
};

static int judge_window(struct world *w, const struct monitor_policy *policy, int counts_streak,
                        struct sums *sums, struct honest_rates *out)
{
    struct arena_mark mark = arena_snapshot(&w->a);
    struct monitor_verdict v;
    struct err err = ERR_INIT;
    int alert = 0, rc = monitor_judge(&w->a, &w->ref, &w->counts, policy, &v, &err);
    if (rc)
        return rc;
    for (size_t m = 0; m < MONITOR_METHODS; m++) {
        int any = 0, any_alert = 0;
        for (size_t f = 0; f < INPUTS; f++) {
            const struct monitor_test *t = &v.features[f].tests[m];
            sums->tests[m] += !isnan(t->p);
            out->single[m] += t->p < policy->alpha;
            any |= t->state == MONITOR_DRIFTED;
            any_alert |= streak(w->history[m][f], t->state);
        }
        out->drifted[m] += any;
        out->alerts[m] += any_alert && counts_streak;
    }
    for (size_t f = 0; f < HONEST_FEATURES; f++)
        alert |= streak(w->history[MONITOR_METHODS][f], v.features[f].state);
    out->verdict += v.state == MONITOR_DRIFTED;
    out->verdict_alerts += alert && counts_streak;
    out->insufficient += (double)v.insufficient;
    out->windows++;
    out->streaks += (size_t)counts_streak;
    arena_restore(&w->a, mark);
    return alert;
}

static void divide(const struct honest_plan *plan, const struct sums *sums,
                   struct honest_rates *out)
{
    double windows = (double)out->windows, streaks = fmax(1, (double)out->streaks);
    for (size_t m = 0; m < MONITOR_METHODS; m++) {
        out->single[m] /= fmax(1, sums->tests[m]);
        out->drifted[m] /= windows;
        out->alerts[m] /= streaks;
    }
    out->verdict /= windows;
    out->verdict_alerts /= streaks;
    out->insufficient /= windows * INPUTS;
    out->in_three /= (double)plan->references;
}

int honest_run(const struct honest_plan *plan, struct honest_rates *out)
{
    static struct world w;
    struct monitor_policy policy = monitor_policy_default();
    struct sums sums = { 0 };
    int rc = 0;
    *out = (struct honest_rates){ 0 };
    memset(&w, 0, sizeof w);
    prepare(&w, plan->seed);
    for (size_t m = 0; m < MONITOR_METHODS; m++)
        policy.floor[m] = plan->floor;
    for (size_t r = 0; r < plan->references && rc >= 0; r++) {
        int early = 0;
        arena_init(&w.a, MIB(64));
        memset(w.history, 0, sizeof w.history);
        rc = make_reference(&w, plan->reference_rows);
        for (size_t i = 0; i < plan->windows && rc >= 0; i++) {
            draw_window(&w, plan->window_rows, plan->shift);
            rc = judge_window(&w, &policy, i >= 2, &sums, out);
            early |= rc == 1 && i < 3;
        }
        out->in_three += early;
        arena_fini(&w.a);
    }
    if (rc < 0)
        return rc;
    divide(plan, &sums, out);
    return 0;
}
