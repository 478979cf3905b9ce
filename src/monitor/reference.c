/* SPDX-License-Identifier: Apache-2.0
 * References: reading, writing, looking up. What makes them from columns is in describe.c. */
#include "monitor/reference.h"

#include <math.h>

#include "base/limits.h"

static const double null_tail[MONITOR_NULL] = { 0.99, 0.95, 0.9,  0.8,   0.7,  0.6,   0.5,  0.4,
                                                0.3,  0.25, 0.2,  0.15,  0.12, 0.1,   0.08, 0.06,
                                                0.05, 0.04, 0.03, 0.025, 0.02, 0.015, 0.01, 0.007 };

double monitor_null_tail(size_t i)
{
    return i < MONITOR_NULL ? null_tail[i] : 0;
}

const struct monitor_feature *monitor_reference_find(const struct monitor_reference *ref,
                                                     str_t name, int output)
{
    for (size_t i = 0; i < ref->n; i++)
        if (ref->features[i].output == output && str_eq(ref->features[i].name, name))
            return &ref->features[i];
    return NULL;
}

size_t monitor_cell_of_number(const struct monitor_feature *f, double x)
{
    size_t low = 0, high = f->n_edges; /* edges below `low` are ≤ x, those from `high` on are > x */
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (f->edges[mid] <= x)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

size_t monitor_cell_of_name(const struct monitor_feature *f, str_t name)
{
    size_t i = 0;
    while (i < f->n_names && !str_eq(f->names[i], name))
        i++;
    return i;
}

/* ---- writing ---- */
static void write_numbers(struct json_out *o, const char *key, const double *x, size_t n)
{
    jo_key(o, key);
    jo_array(o);
    for (size_t i = 0; i < n; i++)
        jo_double(o, x[i]);
    jo_array_end(o);
}

static void write_feature(const struct monitor_feature *f, struct json_out *o)
{
    jo_object(o);
    jo_kv_str(o, "name", f->name);
    jo_kv_cstr(o, "kind", f->kind == MONITOR_NUMBER ? "number" : "category");
    jo_kv_bool(o, "output", f->output);
    jo_kv_int(o, "rows", (int64_t)f->rows);
    jo_kv_int(o, "missing", (int64_t)f->missing);
    jo_kv_int(o, "bad", (int64_t)f->bad);
    if (f->kind == MONITOR_NUMBER) {
        jo_kv_double(o, "mean", f->mean);
        jo_kv_double(o, "sd", f->sd);
        jo_kv_double(o, "min", f->min);
        jo_kv_double(o, "max", f->max);
        write_numbers(o, "edges", f->edges, f->n_edges);
        write_numbers(o, "centers", f->centers, f->n_edges ? f->n_cells : 0);
        write_numbers(o, "quantiles", f->quantiles, f->n_quantiles);
        if (f->null_w1)
            write_numbers(o, "null_w1", f->null_w1, MONITOR_NULL);
        if (f->null_ks)
            write_numbers(o, "null_ks", f->null_ks, MONITOR_NULL);
    } else {
        jo_key(o, "names");
        jo_array(o);
        for (size_t i = 0; i < f->n_names; i++)
            jo_str(o, f->names[i]);
        jo_array_end(o);
    }
    jo_key(o, "counts");
    jo_array(o);
    for (size_t i = 0; i < f->n_cells; i++)
        jo_int(o, (int64_t)f->counts[i]);
    jo_array_end(o);
    jo_object_end(o);
}

void monitor_reference_write(const struct monitor_reference *ref, struct json_out *o)
{
    const struct monitor_performance *p = &ref->performance;
    jo_object(o);
    jo_kv_int(o, "slipway_reference", 1);
    jo_kv_int(o, "rows", (int64_t)ref->rows);
    jo_kv_int(o, "test_rows", (int64_t)ref->test_rows);
    jo_key(o, "features");
    jo_array(o);
    for (size_t i = 0; i < ref->n; i++)
        write_feature(&ref->features[i], o);
    jo_array_end(o);
    if (p->n > 0) {
        jo_key(o, "performance");
        jo_object(o);
        jo_kv_int(o, "n", (int64_t)p->n);
        jo_kv_double(o, "rmse", p->rmse);
        jo_kv_double(o, "rmse_low", p->rmse_low);
        jo_kv_double(o, "rmse_high", p->rmse_high);
        jo_kv_double(o, "mae", p->mae);
        jo_kv_double(o, "bias", p->bias);
        jo_kv_double(o, "sd_abs_error", p->sd_abs_error);
        jo_kv_double(o, "sd_squared_error", p->sd_squared_error);
        jo_object_end(o);
    }
    jo_object_end(o);
}

/* ---- reading ---- */
static int wrong(struct err *err, const struct monitor_feature *f, const char *what)
{
    return ERR(err, ERR_INVALID, "reference: feature '%.*s': %s", STR_ARG(f->name), what);
}

static double number_of(const struct json *v, const char *key)
{
    const struct json *m = json_get(v, key);
    return m ? json_as_double(m, NAN) : NAN;
}

/* A whole number from 0 to 2^53; 0 and *bad set otherwise. */
static uint64_t count_of(const struct json *v, int *bad)
{
    if (!v || v->type != JSON_NUMBER || !v->is_integer || v->integer < 0 ||
        v->integer > (INT64_C(1) << 53)) {
        *bad = 1;
        return 0;
    }
    return (uint64_t)v->integer;
}

/* An array of numbers without NaN that rise (strictly when asked); NULL when it is something else.
 * Absent: NULL with *out_n = 0. */
static const double *read_rising(struct arena *a, const struct json *v, size_t max, int strictly,
                                 size_t *out_n)
{
    double *x;
    *out_n = 0;
    if (!v || v->type != JSON_ARRAY || v->n == 0 || v->n > max)
        return NULL;
    x = arena_alloc(a, v->n * sizeof *x);
    for (size_t i = 0; i < v->n; i++) {
        x[i] = json_as_double(&v->items[i], NAN);
        if (isnan(x[i]) || (i > 0 && (strictly ? x[i] <= x[i - 1] : x[i] < x[i - 1])))
            return NULL;
    }
    *out_n = v->n;
    return x;
}

/* Absent is allowed. */
static int read_null(struct arena *a, const struct json *v, const char *key, const double **out)
{
    const struct json *m = json_get(v, key);
    size_t n = 0;
    *out = m ? read_rising(a, m, MONITOR_NULL, 0, &n) : NULL;
    return m && n != MONITOR_NULL;
}

static int read_number(struct arena *a, const struct json *v, struct monitor_feature *f,
                       struct err *err)
{
    const struct json *edges = json_get(v, "edges");
    size_t centers_n = 0;
    f->mean = number_of(v, "mean");
    f->sd = number_of(v, "sd");
    f->min = number_of(v, "min");
    f->max = number_of(v, "max");
    if (!edges || edges->type != JSON_ARRAY)
        return wrong(err, f, "it needs 'edges'");
    f->edges = read_rising(a, edges, MONITOR_BINS_MAX + 1, 1, &f->n_edges);
    if (f->n_edges != edges->n || f->n_edges == 1)
        return wrong(err, f, "'edges' must be at most 33 rising numbers, and none or at least two");
    f->n_cells = f->n_edges + 1;
    if (f->n_edges) {
        f->centers = read_rising(a, json_get(v, "centers"), f->n_cells, 0, &centers_n);
        if (centers_n != f->n_cells)
            return wrong(err, f, "'centers' must be one rising number a cell");
        f->quantiles =
            read_rising(a, json_get(v, "quantiles"), MONITOR_QUANTILES, 0, &f->n_quantiles);
    }
    if (read_null(a, v, "null_w1", &f->null_w1) || read_null(a, v, "null_ks", &f->null_ks))
        return wrong(err, f, "'null_w1' and 'null_ks' must be 24 rising numbers");
    return 0;
}

static int read_category(struct arena *a, const struct json *v, struct monitor_feature *f,
                         struct err *err)
{
    const struct json *names = json_get(v, "names");
    str_t *out;
    f->mean = f->sd = f->min = f->max = NAN;
    if (!names || names->type != JSON_ARRAY || names->n > MONITOR_NAMES_MAX)
        return wrong(err, f, "it needs 'names', at most 64");
    f->names = out = arena_alloc(a, MAX(names->n, 1) * sizeof *out);
    for (size_t i = 0; i < names->n; i++) {
        if (names->items[i].type != JSON_STRING)
            return wrong(err, f, "'names' must be texts");
        if (monitor_cell_of_name(f, names->items[i].string) < f->n_names)
            return wrong(err, f, "'names' must differ");
        out[f->n_names++] = arena_str(a, names->items[i].string);
    }
    f->n_cells = f->n_names + 1;
    return 0;
}

static int read_feature(struct arena *a, const struct json *v, struct monitor_feature *f,
                        struct err *err)
{
    const struct json *name = json_get(v, "name"), *counts = json_get(v, "counts");
    const char *kind = json_get_string(v, "kind", "");
    uint64_t *cells;
    int bad = 0, rc;
    if (!name || name->type != JSON_STRING || name->string.n == 0)
        return ERR(err, ERR_INVALID, "reference: a feature has no 'name'");
    f->name = arena_str(a, name->string);
    f->output = json_get_bool(v, "output", 0);
    f->kind = strcmp(kind, "category") == 0 ? MONITOR_CATEGORY : MONITOR_NUMBER;
    if (f->kind == MONITOR_NUMBER && strcmp(kind, "number") != 0)
        return wrong(err, f, "'kind' must be number or category");
    rc = f->kind == MONITOR_NUMBER ? read_number(a, v, f, err) : read_category(a, v, f, err);
    if (rc)
        return rc;
    if (!counts || counts->type != JSON_ARRAY || counts->n != f->n_cells)
        return wrong(err, f, "'counts' must be one number a cell");
    f->counts = cells = arena_alloc(a, f->n_cells * sizeof *cells);
    for (size_t i = 0; i < f->n_cells; i++) {
        cells[i] = count_of(&counts->items[i], &bad);
        f->n += cells[i];
    }
    f->rows = count_of(json_get(v, "rows"), &bad);
    f->missing = count_of(json_get(v, "missing"), &bad);
    f->bad = count_of(json_get(v, "bad"), &bad);
    if (bad)
        return wrong(err, f, "'counts', 'rows', 'missing' and 'bad' must be whole numbers from 0");
    if (f->n + f->missing + f->bad > f->rows)
        return wrong(err, f, "more values are counted than there are 'rows'");
    return 0;
}

static void read_performance(const struct json *v, struct monitor_performance *p)
{
    int bad = 0;
    p->n = count_of(json_get(v, "n"), &bad);
    p->rmse = number_of(v, "rmse");
    p->rmse_low = number_of(v, "rmse_low");
    p->rmse_high = number_of(v, "rmse_high");
    p->mae = number_of(v, "mae");
    p->bias = number_of(v, "bias");
    p->sd_abs_error = number_of(v, "sd_abs_error");
    p->sd_squared_error = number_of(v, "sd_squared_error");
    if (bad || isnan(p->rmse))
        *p = (struct monitor_performance){ 0 };
}

int monitor_reference_read(struct arena *a, str_t text, struct monitor_reference **out,
                           struct err *err)
{
    struct monitor_reference *ref = ARENA_NEW(a, struct monitor_reference);
    const struct json *features, *performance;
    struct json doc;
    int bad = 0, rc = json_parse(a, text, NULL, &doc, err);
    if (rc)
        return rc;
    if (json_get_int(&doc, "slipway_reference", 0) != 1)
        return ERR(err, ERR_INVALID,
                   "this is no reference of form 1: 'slipway_reference' is missing or another");
    ref->rows = count_of(json_get(&doc, "rows"), &bad);
    ref->test_rows = count_of(json_get(&doc, "test_rows"), &bad);
    features = json_get(&doc, "features");
    if (bad || !features || features->type != JSON_ARRAY)
        return ERR(err, ERR_INVALID, "reference: it needs 'rows', 'test_rows' and 'features'");
    if (features->n > MONITOR_FEATURES_MAX)
        return ERR(err, ERR_LIMIT, "reference: %zu features, at most %d", features->n,
                   MONITOR_FEATURES_MAX);
    ref->features = ARENA_TRY_ARRAY(a, MAX(features->n, (size_t)1), struct monitor_feature);
    if (!ref->features)
        return ERR(err, ERR_NOMEM, "reference: out of memory");
    for (; ref->n < features->n; ref->n++)
        if ((rc = read_feature(a, &features->items[ref->n], &ref->features[ref->n], err)))
            return rc;
    if ((performance = json_get(&doc, "performance")))
        read_performance(performance, &ref->performance);
    if (a->failed)
        return ERR(err, ERR_NOMEM, "reference: out of memory");
    *out = ref;
    return 0;
}
