/* SPDX-License-Identifier: Apache-2.0
 * References, verdicts and findings. */
#include "test.h"

#include "base/rng.h"
#include "monitor/judge.h"

enum { ROWS = 2000, WINDOW = 400 };

static const str_t city_names[] = { { "bonn", 4 }, { "köln", 5 }, { "ulm", 3 }, { "zürich", 7 } };

/* A reference of a number, a category, a flag and a prediction. */
struct world {
    struct arena a;
    struct monitor_reference *ref;
    struct monitor_counts counts;
    struct rng rng;
};

static int32_t draw_city(struct rng *rng, double last)
{
    double u = rng_uniform(rng);
    return u < last ? 3 : u < last + (1 - last) * 0.6 ? 0 : u < last + (1 - last) * 0.9 ? 1 : 2;
}

static void make_world(struct world *w, size_t rows)
{
    static double x[ROWS], flag[ROWS], y[ROWS];
    static int32_t city[ROWS];
    arena_init(&w->a, MIB(64));
    rng_seed(&w->rng, 5);
    w->ref = ARENA_NEW(&w->a, struct monitor_reference);
    w->ref->n = 4;
    w->ref->rows = w->ref->test_rows = rows;
    w->ref->features = ARENA_TRY_ARRAY(&w->a, 4, struct monitor_feature);
    for (size_t i = 0; i < rows; i++) {
        x[i] = i % 50 == 7 ? NAN : rng_normal(&w->rng);
        city[i] = draw_city(&w->rng, 0.05);
        flag[i] = rng_uniform(&w->rng) < 0.3;
        y[i] = 100 + 10 * rng_normal(&w->rng);
    }
    AZ(monitor_feature_of_numbers(&w->a, STR("x"), x, rows, 1, &w->ref->features[0]));
    AZ(monitor_feature_of_codes(&w->a, STR("city"), city_names, 4, city, rows,
                                &w->ref->features[1]));
    AZ(monitor_feature_of_numbers(&w->a, STR("flag"), flag, rows, 1, &w->ref->features[2]));
    AZ(monitor_feature_of_numbers(&w->a, STR("y"), y, rows, 1, &w->ref->features[3]));
    w->ref->features[3].output = 1;
    w->counts = (struct monitor_counts){ .ref = w->ref, .end_ms = 3600000, .expected_rows = NAN };
    w->counts.features = ARENA_TRY_ARRAY(&w->a, 4, struct monitor_cells);
    for (size_t i = 0; i < 4; i++)
        w->counts.features[i].cells = ARENA_TRY_ARRAY(&w->a, w->ref->features[i].n_cells, uint64_t);
}

static void count_number(struct world *w, size_t feature, double x)
{
    const struct monitor_feature *f = &w->ref->features[feature];
    struct monitor_cells *c = &w->counts.features[feature];
    if (isnan(x)) {
        c->missing++;
    } else if (isinf(x)) {
        c->bad++;
    } else {
        c->cells[monitor_cell_of_number(f, x)]++;
        c->sum += x;
        c->sum2 += x * x;
    }
}

struct shift {
    double mean, last, missing, y;
};

static void count_window(struct world *w, size_t rows, struct shift s)
{
    for (size_t i = 0; i < rows; i++) {
        double miss = rng_uniform(&w->rng) < (s.missing ? s.missing : 0.02);
        count_number(w, 0, miss ? NAN : rng_normal(&w->rng) + s.mean);
        str_t city = city_names[draw_city(&w->rng, s.last ? s.last : 0.05)];
        w->counts.features[1].cells[monitor_cell_of_name(&w->ref->features[1], city)]++;
        count_number(w, 2, rng_uniform(&w->rng) < 0.3);
        count_number(w, 3, 100 + s.y + 10 * rng_normal(&w->rng));
    }
    w->counts.rows += rows;
    w->counts.requests += rows;
}

static struct monitor_verdict judge(struct world *w)
{
    struct monitor_policy policy = monitor_policy_default();
    struct monitor_verdict v;
    CHECK_OK(monitor_judge(&w->a, w->ref, &w->counts, &policy, &v, err));
    return v;
}

static const struct monitor_finding *finding(const struct monitor_verdict *v,
                                             enum monitor_check check)
{
    for (size_t i = 0; i < v->findings_n; i++)
        if (v->findings[i].check == check)
            return &v->findings[i];
    return NULL;
}

TEST(monitor_describes_numbers)
{
    AUTO(arena_fini) struct arena a;
    struct monitor_feature f;
    double x[1000];
    arena_init(&a, MIB(8));
    for (size_t i = 0; i < 1000; i++)
        x[i] = (double)((i * 7919) % 1000);
    x[10] = NAN;
    x[11] = INFINITY;
    AZ(monitor_feature_of_numbers(&a, STR("x"), x, 1000, 1, &f));
    CHECK_INT(f.rows, 1000);
    CHECK_INT(f.n, 998);
    CHECK(f.missing == 1 && f.bad == 1 && f.min == 0 && f.max == 999);
    CHECK_INT(f.n_edges, 33);
    CHECK(f.edges[0] == 0 && f.edges[32] > 999 && f.edges[32] < 999.0001);
    CHECK(f.counts[0] == 0 && f.counts[33] == 0);
    for (size_t i = 1; i < 33; i++)
        CHECK(f.counts[i] >= 30 && f.counts[i] <= 32);
    CHECK(f.centers[0] == 0 && f.centers[33] == 999 && f.centers[1] > 10 && f.centers[1] < 20);
    CHECK_INT(f.n_quantiles, 257);
    CHECK(f.quantiles[0] == 0 && f.quantiles[256] == 999);
    /* ∫|B| of the uniform law has mean √(π/32) = 0.3133; its sd is 1/√12. */
    CHECK(f.null_w1 && fabs(f.null_w1[6] * f.sd / 999 - 0.28) < 0.02);
    CHECK_INT(monitor_cell_of_number(&f, -1), 0);
    CHECK_INT(monitor_cell_of_number(&f, 0), 1);
    CHECK_INT(monitor_cell_of_number(&f, 999), 32);
    CHECK_INT(monitor_cell_of_number(&f, 999.5), 33);
}

TEST(monitor_describes_few_values_and_none)
{
    AUTO(arena_fini) struct arena a;
    struct monitor_feature f;
    double x[100];
    arena_init(&a, MIB(8));
    for (size_t i = 0; i < 100; i++)
        x[i] = i < 90 ? 1 : 0;
    AZ(monitor_feature_of_numbers(&a, STR("flag"), x, 100, 1, &f));
    CHECK(f.n_edges == 3 && f.n_cells == 4 && f.counts[1] == 10 && f.counts[2] == 90);
    CHECK(f.centers[1] == 0 && f.centers[2] == 1);
    AZ(monitor_feature_of_numbers(&a, STR("flag"), x, 90, 1, &f));
    CHECK(f.n_edges == 2 && f.counts[1] == 90 && f.sd == 0 && !f.null_w1);
    AZ(monitor_feature_of_numbers(&a, STR("none"), x, 0, 1, &f));
    CHECK(f.n_edges == 0 && f.n_cells == 1 && f.n == 0 && isnan(f.mean));
    for (size_t i = 0; i < 100; i++)
        x[i] = NAN;
    AZ(monitor_feature_of_numbers(&a, STR("none"), x, 100, 1, &f));
    CHECK(f.n_edges == 0 && f.missing == 100);
}

TEST(monitor_names_are_chosen_and_counted_apart)
{
    /* 500 names, all alike: the 64 most frequent of a sample are frequent by luck. Counted in other
     * rows than those that chose them, they hold what they hold later: 64 of 500. */
    AUTO(arena_fini) struct arena a;
    struct monitor_feature f;
    static int32_t codes[20000];
    static str_t levels[500];
    struct rng rng;
    uint64_t listed = 0;
    arena_init(&a, MIB(8));
    rng_seed(&rng, 3);
    for (size_t i = 0; i < 500; i++)
        levels[i] = str_of(arena_printf(&a, "n%zu", i));
    for (size_t i = 0; i < 20000; i++)
        codes[i] = i < 40 ? -1 : (int32_t)rng_below(&rng, 500);
    AZ(monitor_feature_of_codes(&a, STR("id"), levels, 500, codes, 20000, &f));
    CHECK(f.n_names == 64 && f.missing == 40 && f.rows == 20000);
    CHECK(f.n > 9500 && f.n < 10500);
    for (size_t i = 0; i < 64; i++)
        listed += f.counts[i];
    CHECK_NEAR((double)listed / (double)f.n, 64.0 / 500, 0.012);
    AZ(monitor_feature_of_codes(&a, STR("city"), city_names, 4, codes, 40, &f));
    CHECK(f.n_names == 0 && f.n_cells == 1 && f.n == 0 && f.missing == 40);
    levels[3].n = 0; /* the empty text is a name like others */
    AZ(monitor_feature_of_codes(&a, STR("id"), levels, 4,
                                (int32_t[20]){ 3, 3, 3, 3, 3, 3, 3, 3, 3, 3 }, 10, &f));
    CHECK(f.n_names == 1 && f.names[0].n == 0 && f.counts[0] == 10);
}

TEST(monitor_reference_survives_its_document)
{
    AUTO(buf_fini) struct buf text, again;
    struct world w;
    struct monitor_reference *back;
    struct json_out o;
    make_world(&w, ROWS);
    w.ref->performance = (struct monitor_performance){ 500, 1.5, 1.25, 1.75, 1, 0.1, 0.5, 2.5 };
    buf_init(&text, MIB(1));
    buf_init(&again, MIB(1));
    json_out_init(&o, &text);
    monitor_reference_write(w.ref, &o);
    CHECK_OK(monitor_reference_read(&w.a, buf_view(&text), &back, err));
    json_out_init(&o, &again);
    monitor_reference_write(back, &o);
    CHECK(str_eq(buf_view(&text), buf_view(&again)));
    CHECK(back->n == 4 && back->features[3].output && back->performance.rmse_high == 1.75);
    CHECK(memcmp(back->features[0].edges, w.ref->features[0].edges,
                 w.ref->features[0].n_edges * sizeof(double)) == 0);
    CHECK(monitor_reference_find(back, STR("city"), 0) == &back->features[1]);
    CHECK(!monitor_reference_find(back, STR("city"), 1));
    arena_fini(&w.a);
}

TEST(monitor_reference_refuses_what_is_wrong)
{
    static const struct {
        const char *feature, *says;
    } cases[] = {
        { "{}", "no 'name'" },
        { "{\"name\":\"x\",\"kind\":\"date\"}", "'kind' must be" },
        { "{\"name\":\"x\",\"kind\":\"number\"}", "it needs 'edges'" },
        { "{\"name\":\"x\",\"kind\":\"number\",\"edges\":[1]}", "'edges' must be" },
        { "{\"name\":\"x\",\"kind\":\"number\",\"edges\":[2,1]}", "'edges' must be" },
        { "{\"name\":\"x\",\"kind\":\"number\",\"edges\":[1,\"NaN\"]}", "'edges' must be" },
        { "{\"name\":\"x\",\"kind\":\"number\",\"edges\":[1,2]}", "'centers' must be" },
        { "{\"name\":\"x\",\"kind\":\"number\",\"edges\":[],\"null_ks\":[1]}", "'null_w1'" },
        { "{\"name\":\"x\",\"kind\":\"number\",\"edges\":[]}", "'counts' must be one" },
        { "{\"name\":\"x\",\"kind\":\"number\",\"edges\":[],\"counts\":[-1]}", "whole numbers" },
        { "{\"name\":\"x\",\"kind\":\"number\",\"edges\":[],\"counts\":[5],\"rows\":4,"
          "\"missing\":0,\"bad\":0}",
          "more values are counted" },
        { "{\"name\":\"x\",\"kind\":\"category\"}", "it needs 'names'" },
        { "{\"name\":\"x\",\"kind\":\"category\",\"names\":[1]}", "must be texts" },
        { "{\"name\":\"x\",\"kind\":\"category\",\"names\":[\"a\",\"a\"]}", "must differ" },
    };
    AUTO(arena_fini) struct arena a;
    struct monitor_reference *ref;
    struct err problem = ERR_INIT;
    arena_init(&a, MIB(8));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        str_t doc = str_of(arena_printf(
            &a, "{\"slipway_reference\":1,\"rows\":4,\"test_rows\":0,\"features\":[%s]}",
            cases[i].feature));
        CHECK_INT(monitor_reference_read(&a, doc, &ref, &problem), ERR_INVALID);
        if (!strstr(problem.msg, cases[i].says))
            TEST_FAIL("case %zu says: %s", i, problem.msg);
    }
    CHECK_INT(monitor_reference_read(&a, STR("{}"), &ref, &problem), ERR_INVALID);
    CHECK_INT(monitor_reference_read(&a, STR("["), &ref, &problem), ERR_INVALID);
    CHECK_OK(monitor_reference_read(
        &a, STR("{\"slipway_reference\":1,\"rows\":0,\"test_rows\":0,\"features\":[]}"), &ref,
        err));
}

TEST(monitor_calm_window_is_ok)
{
    struct world w;
    make_world(&w, ROWS);
    count_window(&w, WINDOW, (struct shift){ 0 });
    struct monitor_verdict v = judge(&w);
    CHECK_INT(v.state, MONITOR_OK);
    CHECK_INT(v.ok, 3);
    CHECK_INT(v.findings_n, 0);
    CHECK(v.features[0].tests[MONITOR_PSI].cells == 10);
    CHECK(isnan(v.features[0].tests[MONITOR_CHI2].p) && isnan(v.features[1].tests[MONITOR_KS].p));
    CHECK(v.features[0].method == MONITOR_PSI && v.features[1].method == MONITOR_CHI2);
    CHECK(v.worst_psi < 0.1 && v.output_psi < 0.1);
    CHECK(fabs(v.features[0].mean * (WINDOW - v.features[0].missing_ratio * WINDOW) -
               w.counts.features[0].sum) < 20);
    arena_fini(&w.a);
}

TEST(monitor_shifts_are_drift_by_every_method)
{
    struct world w;
    make_world(&w, ROWS);
    count_window(&w, WINDOW, (struct shift){ .mean = 1, .last = 0.4, .y = 8 });
    struct monitor_verdict v = judge(&w);
    CHECK_INT(v.state, MONITOR_DRIFTED);
    CHECK(v.drifted == 2 && v.outputs_drifted == 1 && v.ok == 1);
    for (size_t m = 0; m < MONITOR_METHODS; m++) {
        if (m != MONITOR_CHI2)
            CHECK_INT(v.features[0].tests[m].state, MONITOR_DRIFTED);
        if (m <= MONITOR_CHI2)
            CHECK_INT(v.features[1].tests[m].state, MONITOR_DRIFTED);
        CHECK(v.features[2].tests[m].state < MONITOR_WARNING);
    }
    /* A shift by one standard deviation is a Wasserstein distance of about one; the D of two
     * normals at distance 1 is 2Φ(1/2) - 1. */
    CHECK(fabs(v.features[0].tests[MONITOR_W1].statistic - 1) < 0.15);
    CHECK(fabs(v.features[0].tests[MONITOR_KS].statistic - 0.383) < 0.06);
    CHECK(v.worst_psi > 0.7);
    arena_fini(&w.a);
}

TEST(monitor_small_windows_are_insufficient)
{
    struct world w;
    make_world(&w, ROWS);
    struct monitor_verdict v = judge(&w);
    CHECK_INT(v.state, MONITOR_INSUFFICIENT);
    count_window(&w, 1, (struct shift){ .mean = 9 });
    v = judge(&w);
    CHECK(v.state == MONITOR_INSUFFICIENT && v.insufficient == 3 && v.ok == 0);
    CHECK(isnan(v.features[0].p_adjusted) && isnan(v.features[0].tests[MONITOR_PSI].p_adjusted));
    count_window(&w, 25, (struct shift){ .mean = 9 });
    v = judge(&w);
    CHECK_INT(v.state, MONITOR_INSUFFICIENT);
    count_window(&w, 30, (struct shift){ .mean = 9 });
    v = judge(&w);
    CHECK_INT(v.features[0].state, MONITOR_DRIFTED);
    arena_fini(&w.a);
    /* A reference that is too small says as little. */
    make_world(&w, 20);
    count_window(&w, WINDOW, (struct shift){ 0 });
    v = judge(&w);
    CHECK_INT(v.state, MONITOR_INSUFFICIENT);
    arena_fini(&w.a);
}

TEST(monitor_small_effects_of_large_windows_are_ok)
{
    struct world w;
    make_world(&w, ROWS);
    count_window(&w, 50000, (struct shift){ .mean = 0.15 });
    struct monitor_verdict v = judge(&w);
    CHECK(v.features[0].tests[MONITOR_PSI].p_adjusted < 1e-3);
    CHECK_INT(v.features[0].state, MONITOR_OK);
    CHECK(v.features[0].tests[MONITOR_PSI].threshold == 0.1);
    arena_fini(&w.a);
}

TEST(monitor_findings)
{
    struct world w;
    make_world(&w, ROWS);
    count_window(&w, WINDOW, (struct shift){ .missing = 0.3, .mean = 6 });
    w.counts.features[1].cells[4] += 40; /* a name that nobody knows */
    for (size_t i = 0; i < 3; i++)
        w.counts.features[3].bad++;
    w.counts.features[0].bad = 1;
    w.counts.expected_rows = 4000;
    w.counts.errors = 100;
    w.counts.gap_ms = 1500;
    struct monitor_verdict v = judge(&w);
    const struct monitor_finding *f;
    CHECK((f = finding(&v, MONITOR_CHECK_MISSING)) && f->feature == 0 && f->severe);
    CHECK(fabs(f->value - 0.3) < 0.05 && strstr(f->message, "are missing, 2.0 % in the reference"));
    CHECK((f = finding(&v, MONITOR_CHECK_RANGE)) && f->feature == 0 && f->severe);
    CHECK((f = finding(&v, MONITOR_CHECK_UNSEEN)) && f->feature == 1 && !f->severe);
    CHECK((f = finding(&v, MONITOR_CHECK_BAD)) && f->feature == 3 && f->severe && f->value == 3);
    CHECK((f = finding(&v, MONITOR_CHECK_ROWS)) && f->severe && f->limit == 2000);
    CHECK((f = finding(&v, MONITOR_CHECK_ERRORS)) && f->severe && f->value == 0.25);
    CHECK((f = finding(&v, MONITOR_CHECK_GAP)) && !f->severe && f->value == 1.5);
    CHECK(!finding(&v, MONITOR_CHECK_STALE) && !finding(&v, MONITOR_CHECK_CONSTANT));
    for (size_t i = 1; i < v.findings_n; i++)
        CHECK(v.findings[i - 1].severe >= v.findings[i].severe);
    arena_fini(&w.a);
}

TEST(monitor_finds_columns_that_stand_still)
{
    struct world w;
    make_world(&w, ROWS);
    for (size_t i = 0; i < 200; i++) {
        count_number(&w, 0, 0.25);
        count_number(&w, 2, 0);
        count_number(&w, 3, 100 + 1e-3 * (double)i);
        w.counts.features[1].cells[0]++;
    }
    w.counts.rows = 200;
    w.counts.last_row_ms = 1000;
    struct monitor_policy policy = monitor_policy_default();
    struct monitor_verdict v;
    policy.quality.stale_ms = 60000;
    CHECK_OK(monitor_judge(&w.a, w.ref, &w.counts, &policy, &v, err));
    size_t constant = 0;
    for (size_t i = 0; i < v.findings_n; i++)
        constant += v.findings[i].check == MONITOR_CHECK_CONSTANT;
    CHECK_INT(constant, 3);
    CHECK(finding(&v, MONITOR_CHECK_STALE));
    policy.quality.now_ms = 2000;
    CHECK_OK(monitor_judge(&w.a, w.ref, &w.counts, &policy, &v, err));
    CHECK(!finding(&v, MONITOR_CHECK_STALE));
    arena_fini(&w.a);
}

/* Five hundred rows of window for each of the reference, and all of them in one cell. */
TEST(monitor_sees_a_large_window_go_into_one_cell)
{
    struct world w;
    make_world(&w, 200);
    for (size_t i = 0; i < 100000; i++) {
        count_number(&w, 0, 1000 + (double)(i % 7));
        w.counts.features[1].cells[w.ref->features[1].n_names]++; /* names that nobody knows */
        count_number(&w, 2, i % 10 < 3);
        count_number(&w, 3, 100 + 10 * rng_normal(&w.rng));
    }
    w.counts.rows = 100000;
    struct monitor_verdict v = judge(&w);
    for (size_t i = 0; i < 2; i++) {
        const struct monitor_feature_verdict *f = &v.features[i];
        CHECK(f->state == MONITOR_DRIFTED && f->tests[MONITOR_PSI].state == MONITOR_DRIFTED);
        CHECK(f->tests[MONITOR_JS].state == MONITOR_DRIFTED && f->tests[f->method].cells == 2);
    }
    CHECK(v.features[1].tests[MONITOR_CHI2].state == MONITOR_DRIFTED);
    CHECK(v.features[2].state == MONITOR_OK && v.features[3].state == MONITOR_OK);
    CHECK(finding(&v, MONITOR_CHECK_UNSEEN) && finding(&v, MONITOR_CHECK_RANGE));
    CHECK(!finding(&v, MONITOR_CHECK_CONSTANT)); /* the names may well differ */
    arena_fini(&w.a);
}

TEST(monitor_finds_schemas_that_do_not_fit)
{
    struct world w;
    struct monitor_finding *list;
    size_t n;
    struct signature_column in[] = { { "x", SIGNATURE_DOUBLE, 1 },
                                     { "city", SIGNATURE_STRING, 1 },
                                     { "flag", SIGNATURE_LONG, 1 } };
    struct signature_column out[] = { { "y", SIGNATURE_DOUBLE, 1 } };
    struct signature s = { in, out, 3, 1 };
    make_world(&w, ROWS);
    CHECK_OK(monitor_quality_schema(&w.a, w.ref, &s, &list, &n, err));
    CHECK_INT(n, 0);
    in[1].type = SIGNATURE_DOUBLE;
    in[2].name = "flags";
    CHECK_OK(monitor_quality_schema(&w.a, w.ref, &s, &list, &n, err));
    CHECK_INT(n, 3);
    CHECK_STR(list[0].message, "'city' is a number, and a text in the reference");
    CHECK_STR(list[1].message, "'flags' is not in the reference");
    CHECK_STR(list[2].message, "'flag' is in the reference, but not in the model");
    arena_fini(&w.a);
}

TEST(monitor_streaks_need_two_of_three)
{
    enum monitor_state d = MONITOR_DRIFTED, ok = MONITOR_OK, no = MONITOR_INSUFFICIENT;
    CHECK_INT(monitor_streak(NULL, 0), MONITOR_INSUFFICIENT);
    CHECK_INT(monitor_streak((enum monitor_state[]){ d }, 1), MONITOR_WARNING);
    CHECK_INT(monitor_streak((enum monitor_state[]){ d, d }, 2), MONITOR_DRIFTED);
    CHECK_INT(monitor_streak((enum monitor_state[]){ d, ok, d }, 3), MONITOR_DRIFTED);
    CHECK_INT(monitor_streak((enum monitor_state[]){ ok, d, d }, 3), MONITOR_DRIFTED);
    CHECK_INT(monitor_streak((enum monitor_state[]){ d, ok, ok, d }, 4), MONITOR_WARNING);
    CHECK_INT(monitor_streak((enum monitor_state[]){ ok, ok, d, d }, 4), MONITOR_OK);
    CHECK_INT(monitor_streak((enum monitor_state[]){ no, d, no }, 3), MONITOR_INSUFFICIENT);
    CHECK_INT(monitor_streak((enum monitor_state[]){ d, no, d }, 3), MONITOR_DRIFTED);
}

TEST(monitor_verdict_is_written)
{
    AUTO(buf_fini) struct buf text;
    struct world w;
    struct json_out o;
    struct json doc;
    make_world(&w, ROWS);
    count_window(&w, WINDOW, (struct shift){ .mean = 3 });
    struct monitor_verdict v = judge(&w);
    buf_init(&text, MIB(1));
    json_out_init(&o, &text);
    monitor_verdict_write(w.ref, &v, &o);
    CHECK_OK(json_parse(&w.a, buf_view(&text), NULL, &doc, err));
    CHECK_STR(json_get_string(&doc, "state", ""), "drifted");
    const struct json *f = json_get(&doc, "features");
    CHECK_STR(json_get_string(&f->items[0], "name", ""), "x");
    CHECK_STR(json_get_string(json_path(&f->items[0], "tests.psi"), "state", ""), "drifted");
    CHECK(!json_path(&f->items[0], "tests.chi2") && json_path(&f->items[1], "tests.chi2"));
    CHECK(json_get(&doc, "findings")->n > 0);
    struct err err = ERR_INIT;
    enum monitor_method m;
    AZ(monitor_method_of(STR("w1"), &m, &err));
    CHECK_INT(m, MONITOR_W1);
    CHECK_INT(monitor_method_of(STR("wasserstein"), &m, &err), ERR_INVALID);
    CHECK_STR(monitor_state_name(MONITOR_INSUFFICIENT), "insufficient_data");
    arena_fini(&w.a);
}
