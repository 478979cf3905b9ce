/* SPDX-License-Identifier: Apache-2.0
 * src/train/linear against NIST's certified values, scikit-learn and statsmodels
 * (tests/data/make_linear.py). */
#include "golden.h"
#include "test.h"

#include "base/rng.h"
#include "stat/describe.h"
#include "train/kernel.h"
#include "train/linear.h"

enum { COLUMNS_MAX = 32 };

static struct arena memory;

/* Data made of whole columns. */
static struct linear_data data_of(double **columns, size_t p, const double *y, size_t n,
                                  const char *const *names)
{
    static const char *const letters[COLUMNS_MAX] = { "a", "b", "c", "d", "e", "f", "g", "h",
                                                      "i", "j", "k", "l", "m", "n", "o", "p",
                                                      "q", "r", "s", "t", "u", "v", "w", "x" };
    if (!memory.max_bytes)
        arena_init(&memory, GIB(1));
    const double **copy = ARENA_TRY_ARRAY(&memory, p + 1, const double *);
    for (size_t j = 0; j < p; j++)
        copy[j] = columns[j];
    return (struct linear_data){
        .n = n, .p = p, .columns = copy, .y = y, .names = names ? names : letters
    };
}

static struct linear_model fit(const struct linear_data *d, double alpha)
{
    struct linear_model m;
    struct linear_options o = { .alpha = alpha, .threads = 2 };
    CHECK_OK(linear_fit(&memory, d, &o, &m, err));
    return m;
}

/* Correct decimal digits; certified zeros are compared absolutely. */
static double digits(double got, double want)
{
    double off = want == 0 ? fabs(got) : fabs(got - want) / fabs(want);
    return off == 0 ? 16 : -log10(off);
}

static void need_digits(const char *set, const char *what, size_t i, double got, double want,
                        double need)
{
    if (!(digits(got, want) >= need))
        TEST_FAIL("%s: %s %zu is %.17g, want %.17g: %.1f digits, need %.1f", set, what, i, got,
                  want, digits(got, want), need);
}

/* Reads a set of tests/data/nist_strd and expands polynomials. */
static struct linear_data nist_data(const struct json *g, double **columns)
{
    size_t n, p = (size_t)golden_number(g, "parameters") - 1;
    double *y = golden_array(g, "data.y", &n);
    int polynomial = strcmp(json_get_string(g, "model_class", ""), "multilinear") != 0;
    for (size_t j = 0; j < p; j++) {
        char path[32] = "data.x";
        if (!polynomial)
            (void)snprintf(path, sizeof path, "data.x%u", (unsigned)j + 1);
        columns[j] = golden_array(g, path, &n);
        for (size_t i = 0; polynomial && j && i < n; i++)
            columns[j][i] *= columns[j - 1][i];
    }
    return data_of(columns, p, y, n, NULL);
}

static void check_nist(const char *set, double need, enum linear_method method)
{
    char file[64];
    (void)snprintf(file, sizeof file, "nist_strd/%s.json", set);
    const struct json *g = golden_load(file), *c = golden_at(g, "certified");
    double *columns[COLUMNS_MAX];
    struct linear_data d = nist_data(g, columns);
    struct linear_model m = fit(&d, 0);
    size_t k;
    double *beta = golden_array(c, "coefficients", &k),
           *sd = golden_array(c, "standard_deviations", &k);
    double worst = 16, worst_se = 16;
    CHECK_INT(k, d.p + 1);
    CHECK_INT(m.rank, d.p);
    CHECK_INT(m.method, method);
    for (size_t j = 0; j <= d.p; j++) {
        worst = fmin(worst, digits(m.coefficients[j].estimate, beta[j]));
        worst_se = fmin(worst_se, digits(m.coefficients[j].se, sd[j]));
        need_digits(set, "coefficient", j, m.coefficients[j].estimate, beta[j], need);
        need_digits(set, "standard error", j, m.coefficients[j].se, sd[j], need);
    }
    (void)printf("# %s: %.1f digits, standard errors %.1f\n", set, worst, worst_se);
    need_digits(set, "sigma", 0, m.sigma, golden_number(c, "residual_standard_deviation"), need);
    need_digits(set, "r2", 0, m.r2, golden_number(c, "r_squared"), need);
    double f = golden_number(c, "anova.regression.f_statistic");
    if (!isnan(f))
        need_digits(set, "f", 0, m.f, f, need);
    else
        CHECK(m.f > 1e20 && m.f_p < 1e-100);
}

TEST(linear_nist_norris)
{
    check_nist("Norris", 11.5, LINEAR_CHOLESKY);
}

TEST(linear_nist_longley)
{
    check_nist("Longley", 11.5, LINEAR_CHOLESKY);
}

TEST(linear_nist_wampler1)
{
    check_nist("Wampler1", 9, LINEAR_CHOLESKY);
}

TEST(linear_nist_wampler2)
{
    check_nist("Wampler2", 9, LINEAR_CHOLESKY);
}

TEST(linear_nist_filip)
{
    check_nist("Filip", 7, LINEAR_QR);
}

static size_t read_columns(const struct json *list, double **columns)
{
    size_t n = 0;
    for (size_t j = 0; j < list->n; j++)
        columns[j] = golden_array(&list->items[j], "", &n);
    return n;
}

/* x := (x - mean) / (sd √n), the scaled form of the published diabetes coefficients. */
static size_t scaled_diabetes(double **columns)
{
    size_t n = read_columns(golden_at(golden_load("linear.json"), "diabetes.raw"), columns);
    for (size_t j = 0; j < 10; j++) {
        struct stat_summary s;
        stat_describe(columns[j], n, &s);
        for (size_t i = 0; i < n; i++)
            columns[j][i] = (columns[j][i] - s.mean) / (s.sd_n * sqrt((double)n));
    }
    return n;
}

static void check_estimates(const struct linear_model *m, const struct json *g, const char *path,
                            double tolerance)
{
    size_t k;
    double *want = golden_array(g, path, &k);
    CHECK_INT(k, m->p + 1);
    for (size_t j = 0; j < k; j++) {
        if (!(fabs(m->coefficients[j].estimate - want[j]) <= tolerance * fmax(1, fabs(want[j]))))
            TEST_FAIL("%s %zu is %.17g, want %.17g", path, j, m->coefficients[j].estimate, want[j]);
    }
}

static void check_column(const struct linear_model *m, const struct json *g, const char *name,
                         size_t offset, size_t first, double tolerance)
{
    size_t k;
    double *want = golden_array(g, name, &k);
    for (size_t j = 0; j < k; j++) {
        const char *row = (const char *)&m->coefficients[j + first];
        double got;
        memcpy(&got, row + offset, sizeof got);
        if (!(fabs(got - want[j]) <= tolerance * fabs(want[j])))
            TEST_FAIL("%s of row %zu is %.17g, want %.17g", name, j, got, want[j]);
    }
}

/* Everything in statsmodels' summary. */
static void check_table(const struct linear_data *d, const struct json *g, double tolerance)
{
    struct linear_model m = fit(d, 0);
    struct linear_plots plots;
    size_t k;
    check_column(&m, g, "estimate", offsetof(struct linear_coefficient, estimate), 0, tolerance);
    check_column(&m, g, "se", offsetof(struct linear_coefficient, se), 0, tolerance);
    check_column(&m, g, "t", offsetof(struct linear_coefficient, t), 0, tolerance);
    check_column(&m, g, "p", offsetof(struct linear_coefficient, p), 0, tolerance * 30);
    check_column(&m, g, "low", offsetof(struct linear_coefficient, low), 0, tolerance);
    check_column(&m, g, "high", offsetof(struct linear_coefficient, high), 0, tolerance);
    check_column(&m, g, "vif", offsetof(struct linear_coefficient, vif), 1, tolerance);
    CHECK_NEAR(m.r2, golden_number(g, "r2"), tolerance);
    CHECK_NEAR(m.adj_r2, golden_number(g, "adj_r2"), tolerance);
    CHECK_NEAR(m.f, golden_number(g, "f"), tolerance);
    CHECK(fabs(m.f_p / golden_number(g, "f_p") - 1) < 30 * tolerance);
    CHECK_NEAR(m.aic, golden_number(g, "aic"), tolerance);
    CHECK_NEAR(m.bic, golden_number(g, "bic"), tolerance);
    CHECK_NEAR(m.log_likelihood, golden_number(g, "log_likelihood"), tolerance);
    CHECK_NEAR(m.sigma, golden_number(g, "sigma"), tolerance);
    CHECK_NEAR(m.condition, golden_number(g, "condition"), 1e-6);
    CHECK_NEAR(m.durbin_watson, golden_number(g, "durbin_watson"), tolerance);
    double *leverage = golden_array(g, "leverage", &k), *residual = golden_array(g, "residual", &k);
    CHECK_OK(linear_plots_compute(&memory, d, &m, &plots, err));
    CHECK_INT(plots.n, d->n);
    for (size_t i = 0; i < k; i++) {
        CHECK_NEAR(plots.leverage[i], leverage[i], tolerance);
        CHECK_NEAR(plots.residual[i], residual[i], tolerance);
        CHECK_NEAR(plots.fitted[i] + plots.residual[i], d->y[i], 1e-12);
    }
}

TEST(linear_diabetes_agrees_with_sklearn_and_statsmodels)
{
    const struct json *g = golden_load("linear.json");
    double *columns[COLUMNS_MAX];
    size_t n = scaled_diabetes(columns);
    double *y = golden_array(g, "diabetes.table.y", &n);
    struct linear_data d = data_of(columns, 10, y, n, NULL);
    struct linear_model m = fit(&d, 0);
    CHECK_INT(n, 442);
    check_estimates(&m, g, "diabetes.sklearn", 1e-9);
    CHECK_NEAR(m.coefficients[0].estimate, 152.133484, 1e-6); /* published */
    CHECK_NEAR(m.coefficients[3].estimate, 519.8459, 1e-6);
    CHECK_NEAR(m.r2, 0.517748, 1e-6);
    check_table(&d, golden_at(g, "diabetes.table"), 1e-9);
}

TEST(linear_longley_agrees_with_statsmodels)
{
    const struct json *g = golden_at(golden_load("linear.json"), "longley");
    double *columns[COLUMNS_MAX];
    size_t n = read_columns(golden_at(g, "x"), columns);
    struct linear_data d = data_of(columns, 6, golden_array(g, "y", &n), n, NULL);
    check_table(&d, g, 2e-7); /* statsmodels' pseudo-inverse is the less exact side */
}

TEST(linear_ridge_agrees_with_sklearn)
{
    const struct json *g = golden_load("linear.json"), *list = golden_at(g, "diabetes.ridge");
    double *raw[COLUMNS_MAX], *scaled[COLUMNS_MAX];
    size_t n = read_columns(golden_at(g, "diabetes.raw"), raw);
    (void)scaled_diabetes(scaled);
    double *y = golden_array(g, "diabetes.table.y", &n);
    for (size_t i = 0; i < list->n; i++) {
        double alpha = golden_number(&list->items[i], "alpha");
        struct linear_data d = data_of(raw, 10, y, n, NULL);
        struct linear_model m = fit(&d, alpha);
        check_estimates(&m, &list->items[i], "raw", 1e-9);
        d = data_of(scaled, 10, y, n, NULL);
        m = fit(&d, alpha);
        check_estimates(&m, &list->items[i], "scaled", 1e-9);
        CHECK_NEAR(m.r2, golden_number(&list->items[i], "r2"), 1e-12);
        CHECK(isnan(m.coefficients[1].p) && isnan(m.coefficients[1].vif) && isnan(m.f) &&
              isnan(m.aic));
        CHECK_INT(m.method, LINEAR_CHOLESKY);
    }
}

TEST(linear_collinear_columns_are_named)
{
    static const char *const names[] = { "a", "b", "c", "red", "green", "blue", "seven", "free" };
    static const char *const estimable = "00000001";
    const struct json *g = golden_at(golden_load("linear.json"), "collinear");
    double *columns[COLUMNS_MAX];
    size_t n = read_columns(golden_at(g, "x"), columns);
    struct linear_data d = data_of(columns, 8, golden_array(g, "y", &n), n, names);
    struct linear_model m = fit(&d, 0);
    CHECK_INT(m.method, LINEAR_QR);
    CHECK_INT(m.rank, 5);
    check_estimates(&m, g, "estimate", 1e-10);
    CHECK_INT(m.collinear_n, 3);
    CHECK_STR(m.collinear[0], "seven is constant");
    CHECK_STR(m.collinear[1], "c = a + 2 b");
    CHECK_STR(m.collinear[2], "blue = 1 - red - green");
    for (size_t j = 0; j < 8; j++) {
        CHECK_INT(m.coefficients[j + 1].estimable, estimable[j] == '1');
        CHECK(isnan(m.coefficients[j + 1].p) == (estimable[j] == '0'));
    }
    CHECK(!m.coefficients[0].estimable && isinf(m.condition) && m.sigma > 0 && m.f_p < 1e-6);
}

TEST(linear_wide_takes_the_least_norm)
{
    const struct json *g = golden_at(golden_load("linear.json"), "wide");
    double *columns[COLUMNS_MAX];
    size_t n = read_columns(golden_at(g, "x"), columns);
    struct linear_data d = data_of(columns, 20, golden_array(g, "y", &n), n, NULL);
    struct linear_model m = fit(&d, 0);
    CHECK_INT(m.method, LINEAR_QR);
    CHECK_INT(m.rank, 11);
    check_estimates(&m, g, "estimate", 1e-10);
    CHECK(isnan(m.sigma) && isnan(m.coefficients[3].se) && fabs(m.r2 - 1) < 1e-12);
    m = fit(&d, 0.5);
    check_estimates(&m, g, "ridge", 1e-10);
}

/* A hair of ridge on exactly collinear columns (a and b rounded so that c = a + 2 b holds to the
 * last bit): not safe for Cholesky, so QR with penalty rows; near the least-norm solution. */
TEST(linear_tiny_ridge_goes_to_qr)
{
    const struct json *g = golden_at(golden_load("linear.json"), "collinear");
    double *columns[COLUMNS_MAX];
    size_t n = read_columns(golden_at(g, "x"), columns);
    struct linear_data d = data_of(columns, 8, golden_array(g, "y", &n), n, NULL);
    for (size_t i = 0; i < n; i++) {
        columns[0][i] = round(columns[0][i] * 1024) / 1024;
        columns[1][i] = round(columns[1][i] * 1024) / 1024;
        columns[2][i] = columns[0][i] + 2 * columns[1][i];
    }
    struct linear_model least = fit(&d, 0), m = fit(&d, 1e-11);
    CHECK_INT(m.method, LINEAR_QR);
    for (size_t j = 0; j <= 8; j++)
        CHECK_NEAR(m.coefficients[j].estimate, least.coefficients[j].estimate, 1e-11);
}

static void random_data(double **columns, size_t p, double *y, size_t n, uint64_t seed)
{
    struct rng r;
    rng_seed(&r, seed);
    for (size_t j = 0; j < p; j++) {
        columns[j] = ARENA_TRY_ARRAY(&memory, n, double);
        for (size_t i = 0; i < n; i++)
            columns[j][i] = rng_normal(&r) * (double)(j + 1) + 100 * (double)j;
    }
    for (size_t i = 0; i < n; i++) {
        y[i] = 5 + rng_normal(&r);
        for (size_t j = 0; j < p; j++)
            y[i] += columns[j][i] * ((double)j - 3);
    }
}

static void same_model(const struct linear_model *a, const struct linear_model *b)
{
    for (size_t j = 0; j <= a->p; j++) {
        CHECK(a->coefficients[j].estimate == b->coefficients[j].estimate);
        CHECK(memcmp(&a->coefficients[j].se, &b->coefficients[j].se, 48) == 0);
    }
    CHECK(a->rss == b->rss && a->r2 == b->r2 && a->aic == b->aic);
    CHECK(a->durbin_watson == b->durbin_watson && a->condition == b->condition);
}

/* Bit for bit, both methods, with and without AVX2, sizes around the borders of blocks and tasks.
 */
TEST(linear_threads_and_processor_do_not_change_a_bit)
{
    static const size_t sizes[] = { 20, 255, 256, 257, 5000, 17000 };
    double *columns[COLUMNS_MAX];
    (void)data_of(columns, 0, NULL, 0, NULL);
    for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
        double *y = ARENA_TRY_ARRAY(&memory, sizes[s], double);
        random_data(columns, 8, y, sizes[s], s);
        for (int collinear = 0; collinear < 2; collinear++) {
            struct linear_data d = data_of(columns, 8, y, sizes[s], NULL);
            struct linear_model m[5];
            for (int t = 0; t < 5; t++) {
                struct linear_options o = { .threads = t == 3 ? 7 : 1 << t };
                kernel_vectors(t != 4); /* the last one without AVX2 */
                CHECK_OK(linear_fit(&memory, &d, &o, &m[t], err));
                CHECK_INT(m[t].method, collinear ? LINEAR_QR : LINEAR_CHOLESKY);
                same_model(&m[0], &m[t]);
            }
            for (size_t i = 0; i < sizes[s]; i++)
                columns[7][i] = columns[0][i] - columns[1][i];
        }
    }
}

/* Row-major input and a list of rows give what columns with just these rows give. */
TEST(linear_layouts_agree)
{
    enum { N = 700, P = 5 };
    static double matrix[2 * N * P], y[2 * N], y_half[N];
    static uint32_t rows[N];
    double *columns[COLUMNS_MAX];
    const double *strided[P];
    (void)data_of(columns, 0, NULL, 0, NULL);
    random_data(columns, P, y_half, N, 3);
    for (size_t i = 0; i < N; i++) {
        rows[i] = (uint32_t)(2 * i + i % 2);
        y[rows[i]] = y_half[i];
        y[rows[i] ^ 1] = NAN; /* rows that take no part may hold anything */
        for (size_t j = 0; j < P; j++) {
            matrix[rows[i] * P + j] = columns[j][i];
            matrix[(rows[i] ^ 1) * P + j] = NAN;
        }
    }
    for (size_t j = 0; j < P; j++)
        strided[j] = matrix + j;
    struct linear_data d = data_of(columns, P, y_half, N, NULL), e = d;
    e.columns = strided;
    e.stride = P;
    e.rows = rows;
    e.y = y;
    struct linear_model one = fit(&d, 0), two = fit(&e, 0);
    struct linear_plots p1, p2;
    same_model(&one, &two);
    CHECK_OK(linear_plots_compute(&memory, &d, &one, &p1, err));
    CHECK_OK(linear_plots_compute(&memory, &e, &two, &p2, err));
    CHECK(memcmp(p1.residual, p2.residual, N * sizeof(double)) == 0);
    CHECK(memcmp(p1.sample, p2.sample, LINEAR_QQ_MAX * sizeof(double)) == 0 &&
          p1.qq_n == LINEAR_QQ_MAX);
}

/* The QR of many blocks and tasks agrees with Cholesky where both are good: one duplicated column
 * must leave the others alone. */
TEST(linear_qr_agrees_with_cholesky)
{
    enum { N = 3000, P = 6 };
    static double y[N];
    double *columns[COLUMNS_MAX];
    (void)data_of(columns, 0, NULL, 0, NULL);
    random_data(columns, P, y, N, 8);
    columns[P] = columns[2];
    struct linear_data d = data_of(columns, P, y, N, NULL), e = data_of(columns, P + 1, y, N, NULL);
    struct linear_model a = fit(&d, 0), b = fit(&e, 0);
    CHECK_INT(b.method, LINEAR_QR);
    CHECK_INT(b.rank, P);
    CHECK_STR(b.collinear[0], "g = c");
    for (size_t j = 0; j <= P; j++) {
        double half = j == 3 ? 0.5 : 1;
        CHECK_NEAR(b.coefficients[j].estimate, half * a.coefficients[j].estimate, 1e-12);
        if (j != 3) {
            CHECK_NEAR(b.coefficients[j].se, a.coefficients[j].se, 1e-11);
            CHECK_NEAR(b.coefficients[j].p, a.coefficients[j].p, 1e-11);
        }
    }
    CHECK_NEAR(b.rss, a.rss, 1e-12);
    CHECK_NEAR(b.f, a.f, 1e-11);
}

/* x far from zero: y = 2 x + 3 + a pattern orthogonal to 1 and x, all exact in double. The
 * intercept is a difference of numbers near 2e9 and comes out right only because the slope is
 * carried in twice the precision. */
TEST(linear_offset_columns_keep_their_digits)
{
    enum { N = 400 };
    double x[N], y[N], *columns[] = { x };
    for (size_t i = 0; i < N; i++) {
        x[i] = 1e9 + (double)i;
        y[i] = 2 * x[i] + 3 + (i % 4 == 0 || i % 4 == 3 ? 0.25 : -0.25);
    }
    struct linear_data d = data_of(columns, 1, y, N, NULL);
    struct linear_model m = fit(&d, 0);
    CHECK_NEAR(m.coefficients[1].estimate, 2, 1e-16);
    CHECK_NEAR(m.coefficients[0].estimate, 3, 1e-9);
    CHECK_NEAR(m.rss, N / 16.0, 1e-12);
}

TEST(linear_edge_cases)
{
    double x[] = { 1, 2, 3, 4 }, c[] = { 5, 5, 5, 5 }, y[] = { 1, 3, 2, 5 };
    double *columns[] = { x, c };
    struct linear_data d = data_of(columns, 2, y, 4, NULL);
    struct linear_model m = fit(&d, 0);
    CHECK_NEAR(m.coefficients[1].estimate, 1.1, 1e-15);
    CHECK(m.coefficients[2].estimate == 0 && m.rank == 1 && m.coefficients[0].estimable);
    CHECK_STR(m.collinear[0], "b is constant");

    d = data_of(columns, 2, y, 1, NULL); /* one row */
    m = fit(&d, 0);
    CHECK(m.coefficients[0].estimate == 1 && m.rank == 0 && m.r2 == 1 && isnan(m.sigma) &&
          isnan(m.f));
    m = fit(&d, 2);
    CHECK(m.coefficients[0].estimate == 1 && m.coefficients[1].estimate == 0);

    d = data_of(columns, 1, c, 4, NULL); /* constant target */
    m = fit(&d, 0);
    CHECK(m.coefficients[0].estimate == 5 && m.coefficients[1].estimate == 0 && m.r2 == 1);
    CHECK(isnan(m.f));

    d = data_of(columns, 0, y, 4, NULL); /* no features: the mean */
    m = fit(&d, 0);
    CHECK(m.coefficients[0].estimate == 2.75 && m.r2 == 0 && m.p == 0);
    CHECK_NEAR(m.coefficients[0].se, sqrt((1.75 * 1.75 + 0.0625 + 0.5625 + 2.25 * 2.25) / 3 / 4),
               1e-15);

    d = data_of(columns, 1, y, 2, NULL); /* as many rows as coefficients */
    m = fit(&d, 0);
    CHECK_NEAR(m.coefficients[1].estimate, 2, 1e-15);
    CHECK(isnan(m.coefficients[1].se) && isnan(m.sigma));
}

static void expect_refusal(const struct linear_data *d, double alpha, int code, const char *message)
{
    struct linear_model m;
    struct linear_options o = { .alpha = alpha };
    struct err err = ERR_INIT;
    CHECK_INT(linear_fit(&memory, d, &o, &m, &err), code);
    CHECK_STR(err.msg, message);
}

TEST(linear_refuses_by_name)
{
    static const char *const names[] = { "bmi", "bp" };
    double x[] = { 1, 2, 3, 4 }, z[] = { 1, NAN, 3, 4 }, y[] = { 1, 3, INFINITY, 5 },
           w[] = { 1, 2, 1e200, 3 };
    double *columns[] = { x, z };
    uint32_t rows[] = { 3, 1 };
    struct linear_data d = data_of(columns, 2, x, 4, names);
    expect_refusal(&d, 0, ERR_INVALID,
                   "column 'bp' has a missing value (NaN) in row 2; impute it or drop the row");
    d.rows = rows;
    d.n = 2;
    expect_refusal(&d, 0, ERR_INVALID,
                   "column 'bp' has a missing value (NaN) in row 2; impute it or drop the row");
    d = data_of(columns, 1, y, 4, names);
    d.target = "price";
    expect_refusal(&d, 0, ERR_INVALID,
                   "target 'price' is infinite in row 3; clip it or drop the row");
    columns[0] = w;
    d = data_of(columns, 1, x, 4, names);
    expect_refusal(&d, 0, ERR_INVALID,
                   "column 'bmi' has the value 1e+200 in row 3, beyond 1e140; scale it");
    expect_refusal(&d, -1, ERR_INVALID, "alpha is -1; it must be 0 or more");
    d.n = 0;
    expect_refusal(&d, 0, ERR_INVALID, "no rows to train on");
    d.n = 4;
    d.p = LIMIT_LINEAR_COLUMNS + 1;
    expect_refusal(&d, 0, ERR_LIMIT,
                   "5001 feature columns, at most 5000; drop columns or encode fewer levels");
}

TEST(linear_out_of_memory_is_an_error)
{
    enum { N = 300 };
    static double y[N];
    double *columns[COLUMNS_MAX];
    (void)data_of(columns, 0, NULL, 0, NULL);
    random_data(columns, 4, y, N, 1);
    columns[4] = columns[3];
    for (size_t p = 4; p < 6; p++) { /* Cholesky and QR */
        struct linear_data d = data_of(columns, p, y, N, NULL);
        int ok = 0;
        for (size_t cap = 1000; cap < MIB(64) && !ok; cap += cap / 3) {
            struct arena a;
            struct linear_model m;
            struct linear_options o = { 0 };
            struct err err = ERR_INIT;
            arena_init(&a, cap);
            int rc = linear_fit(&a, &d, &o, &m, &err);
            CHECK(rc == 0 || rc == ERR_NOMEM);
            CHECK(rc == 0 || err.msg[0]);
            ok = rc == 0;
            arena_fini(&a);
        }
        CHECK(ok);
    }
}

TEST(linear_json_has_the_contract_fields)
{
    double x[] = { 1, 2, 3, 4, 6 }, z[] = { 2, 4, 6, 8, 12 }, y[] = { 1, 3, 2, 5, 4 };
    double *columns[] = { x, z };
    struct linear_data d = data_of(columns, 2, y, 5, NULL);
    struct linear_model m = fit(&d, 0);
    struct linear_plots plots;
    struct buf b;
    struct json_out o;
    struct json v;
    CHECK_OK(linear_plots_compute(&memory, &d, &m, &plots, err));
    buf_init(&b, MIB(1));
    json_out_init(&o, &b);
    jo_object(&o);
    linear_write_json(&o, &m, &plots);
    jo_object_end(&o);
    CHECK_OK(json_parse(&memory, buf_view(&b), NULL, &v, err));
    CHECK_INT(json_get(&v, "coefficients")->n, 3);
    CHECK_STR(json_get_string(&json_get(&v, "coefficients")->items[0], "name", ""), "(intercept)");
    CHECK_INT(json_get(&json_get(&v, "coefficients")->items[1], "se")->type, JSON_NULL);
    CHECK_STR(json_get_string(json_get(&v, "fit"), "method", ""), "qr");
    CHECK_VIEW(json_path(&v, "fit.collinear")->items[0].string, "b = 2 a");
    CHECK_INT(json_path(&v, "fit.condition")->type, JSON_NULL);
    CHECK_INT(json_path(&v, "residuals.fitted")->n, 5);
    CHECK_INT(json_path(&v, "residuals.leverage")->n, 5);
    CHECK_INT(json_path(&v, "residuals.qq.theoretical")->n, 5);
    CHECK(json_path(&v, "training_means.b")->number == 6.4);
    buf_fini(&b);
}
