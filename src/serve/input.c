/* SPDX-License-Identifier: Apache-2.0
 * Bodies of prediction requests straight into typed columns: one pass of the pull scanner, no
 * document in between. Rows come as objects or arrays (instances, dataframe_records,
 * dataframe_split, inputs as a list), or as columns (inputs as an object). Every refusal names row
 * and column.
 *
 * Missing is null or NaN: NaN in numbers, "" in strings. Infinity is refused. */
#include <math.h>
#include <stdio.h>

#include "base/num.h"
#include "codec/json.h"
#include "serve/serve_int.h"

enum { SHOWN = 60 }; /* bytes of a client's text that a message repeats */

struct reader {
    struct serve_call *c;
    const struct serve_version *v;
    struct json_scan scan;
    struct err *err;
    uint64_t *block; /* cap rows, column after column */
    size_t cap, rows;
    void **columns;
    uint32_t *stamp; /* a column's last row + 1 */
    size_t *order;   /* dataframe_split: column of a position, SIZE_MAX = dropped */
    size_t order_n;
    int missing;  /* some value was missing */
    size_t guess; /* column that the next key most likely names */
};

const char *serve__form_name(enum serve_form form)
{
    static const char *const names[] = { "", "instances", "inputs", "dataframe_split.data",
                                         "dataframe_records" };
    return names[form];
}

static const char *form_of(const struct reader *r)
{
    return serve__form_name(r->c->form);
}

static int syntax_error(struct reader *r)
{
    if (r->scan.text.n == 0 || str_trim(r->scan.text).n == 0)
        return ERR(r->err, ERR_INVALID,
                   "JSON Parse error: The document is empty; send {\"instances\": [...]}");
    return json_scan_error(&r->scan, r->err);
}

/* ---- memory ---- */

/* Room for a row; the block doubles. */
static int ensure_row(struct reader *r, size_t row)
{
    const struct serve_version *v = r->v;
    if (LIKELY(row < r->cap))
        return 0;
    if (row >= UINT32_MAX - 1)
        return ERR(r->err, ERR_LIMIT, "'%s' has too many rows for one request", form_of(r));
    size_t cap = r->cap ? r->cap * 2 : MIN(r->c->body.n / (v->column_n * 4 + 1) + 1, (size_t)64),
           words;
    if (__builtin_mul_overflow(cap, MAX(v->row_words, (size_t)1), &words))
        return ERR(r->err, ERR_LIMIT, "'%s' has too many rows for one request", form_of(r));
    uint64_t *block = ARENA_TRY_ARRAY(r->c->arena, words, uint64_t);
    if (!block)
        return ERR(r->err, ERR_LIMIT,
                   "the rows of '%s' do not fit in the memory of one request: send fewer at a time",
                   form_of(r));
    for (size_t i = 0; i < v->column_n; i++) {
        uint64_t *to = block + v->offsets[i] * cap;
        size_t width = v->columns[i].type == SERVE_STRING ? 2 : 1;
        if (r->cap)
            memcpy(to, r->columns[i], r->cap * width * sizeof *to);
        r->columns[i] = to;
    }
    r->block = block;
    r->cap = cap;
    return 0;
}

/* ---- values ---- */

static const char *token_name(enum json_token t)
{
    switch (t) {
    case JSON_T_STRING: return "a string";
    case JSON_T_NUMBER: return "a number";
    case JSON_T_TRUE:
    case JSON_T_FALSE: return "a boolean";
    case JSON_T_NULL: return "null";
    case JSON_T_OBJECT: return "an object";
    case JSON_T_ARRAY: return "an array";
    default: return "nothing";
    }
}

static int bad_value(struct reader *r, size_t row, size_t col, const char *why)
{
    str_t name = r->v->columns[col].name;
    return ERR(r->err, ERR_INVALID, "%s[%zu], column '%.*s': %s", form_of(r), row,
               (int)MIN(name.n, (size_t)120), name.p, why);
}

static int wrong_type(struct reader *r, size_t row, size_t col, enum json_token t)
{
    static const char *const wanted[] = { "a number", "a whole number", "true or false",
                                          "a string" };
    char why[200];
    enum serve_type type = r->v->columns[col].type;
    if (t == JSON_T_ERROR)
        return syntax_error(r);
    if (t == JSON_T_STRING || t == JSON_T_NUMBER)
        (void)snprintf(why, sizeof why, "expected %s, got %s %s%.*s%s", wanted[type], token_name(t),
                       t == JSON_T_STRING ? "\"" : "", (int)MIN(r->scan.raw.n, (size_t)SHOWN),
                       r->scan.raw.p, t == JSON_T_STRING ? "\"" : "");
    else
        (void)snprintf(why, sizeof why, "expected %s, got %s", wanted[type], token_name(t));
    return bad_value(r, row, col, why);
}

static int put_missing(struct reader *r, size_t row, size_t col)
{
    const struct serve_column *c = &r->v->columns[col];
    if (!c->may_miss)
        return bad_value(r, row, col, "the model takes no missing value here");
    r->missing = 1;
    if (c->type == SERVE_STRING)
        ((str_t *)r->columns[col])[row] = (str_t){ "", 0 };
    else
        ((double *)r->columns[col])[row] = NAN;
    return 0;
}

static int put_number(struct reader *r, size_t row, size_t col)
{
    const struct serve_column *c = &r->v->columns[col];
    double x = r->scan.number;
    if (isnan(x))
        return put_missing(r, row, col);
    if (isinf(x))
        return bad_value(r, row, col,
                         "the number is infinite or too large; send null for a missing value");
    if (c->type == SERVE_LONG && (x != floor(x) || fabs(x) > 0x1p53))
        return wrong_type(r, row, col, JSON_T_NUMBER);
    if (c->type == SERVE_BOOLEAN && x != 0 && x != 1)
        return wrong_type(r, row, col, JSON_T_NUMBER);
    ((double *)r->columns[col])[row] = x;
    return 0;
}

static int put_value(struct reader *r, size_t row, size_t col, enum json_token t)
{
    enum serve_type type = r->v->columns[col].type;
    if (LIKELY(t == JSON_T_NUMBER && type != SERVE_STRING))
        return put_number(r, row, col);
    if (t == JSON_T_STRING && type == SERVE_STRING) {
        str_t *to = (str_t *)r->columns[col] + row;
        int rc = json_string(&r->scan, r->c->arena, to);
        r->missing |= to->n == 0;
        return rc ? syntax_error(r) : 0;
    }
    if (t == JSON_T_NULL)
        return put_missing(r, row, col);
    if ((t == JSON_T_TRUE || t == JSON_T_FALSE) && type == SERVE_BOOLEAN) {
        ((double *)r->columns[col])[row] = t == JSON_T_TRUE;
        return 0;
    }
    if (t == JSON_T_ARRAY) { /* [59]: a tensor of shape [rows, 1] */
        enum json_token inner = json_next(&r->scan);
        if (inner == JSON_T_ARRAY || inner == JSON_T_ARRAY_END || inner == JSON_T_OBJECT)
            return wrong_type(r, row, col, t);
        int rc = put_value(r, row, col, inner);
        if (!rc && json_next(&r->scan) != JSON_T_ARRAY_END)
            rc = bad_value(r, row, col, "expected one value, got an array of several");
        return rc;
    }
    return wrong_type(r, row, col, t);
}

/* ---- rows ---- */

/* Column of the key just read: SIZE_MAX when there is none (dropped), or an error. */
static int column_of_key(struct reader *r, size_t row, size_t *out)
{
    const struct serve_version *v = r->v;
    str_t key = r->scan.raw;
    if (UNLIKELY(r->scan.escaped) && json_string(&r->scan, r->c->arena, &key))
        return syntax_error(r);
    if (LIKELY(r->guess < v->column_n && str_eq(key, v->columns[r->guess].name))) {
        *out = r->guess++;
        return 0;
    }
    uintptr_t found = (uintptr_t)map_get(&v->by_name, key);
    if (found) {
        *out = found - 1;
        r->guess = found;
        return 0;
    }
    *out = SIZE_MAX;
    if (r->c->dataframes)
        return 0;
    const char *near = str_nearest(key, v->names, v->column_n);
    int shown = (int)MIN(key.n, (size_t)SHOWN);
    if (near)
        return ERR(r->err, ERR_INVALID,
                   "%s[%zu]: the model has no column '%.*s'; did you mean '%s'?", form_of(r), row,
                   shown, key.p, near);
    return ERR(r->err, ERR_INVALID, "%s[%zu]: the model has no column '%.*s'; its columns are %s",
               form_of(r), row, shown, key.p, v->names_text);
}

/* Columns that a row did not name: missing when optional, else an error that lists them. */
static int fill_absent(struct reader *r, size_t row)
{
    const struct serve_version *v = r->v;
    char list[200] = "";
    size_t n = 0, absent = 0;
    for (size_t i = 0; i < v->column_n; i++) {
        if (r->stamp[i] == row + 1)
            continue;
        if (!v->columns[i].required) {
            int rc = put_missing(r, row, i);
            if (rc)
                return rc;
            continue;
        }
        if (n < sizeof list - 1) {
            int k = snprintf(list + n, sizeof list - n, "%s'%.*s'", absent ? ", " : "",
                             STR_ARG(v->columns[i].name));
            n += k > 0 ? (size_t)k : 0;
        }
        absent++;
    }
    if (!absent)
        return 0;
    return ERR(r->err, ERR_INVALID,
               "%s%s[%zu]: missing column%s %s%s; send null for a missing value",
               r->c->dataframes ? "Failed to enforce schema: " : "", form_of(r), row,
               absent > 1 ? "s" : "", list, n >= sizeof list - 1 ? "…" : "");
}

static int read_object_row(struct reader *r, size_t row)
{
    size_t seen = 0;
    r->guess = 0;
    for (;;) {
        enum json_token t = json_next(&r->scan);
        size_t col;
        if (t == JSON_T_OBJECT_END)
            break;
        if (t != JSON_T_KEY)
            return syntax_error(r);
        int rc = column_of_key(r, row, &col);
        if (rc)
            return rc;
        t = json_next(&r->scan);
        if (col == SIZE_MAX)
            rc = json_skip(&r->scan, t) ? syntax_error(r) : 0;
        else {
            rc = put_value(r, row, col, t);
            seen += r->stamp[col] != row + 1;
            r->stamp[col] = (uint32_t)(row + 1);
        }
        if (rc)
            return rc;
    }
    return seen == r->v->column_n ? 0 : fill_absent(r, row);
}

static int wrong_length(struct reader *r, size_t row, size_t n, size_t want)
{
    if (r->order)
        return ERR(r->err, ERR_INVALID,
                   "%s[%zu] has %zu values but dataframe_split.columns names %zu", form_of(r), row,
                   n, want);
    return ERR(r->err, ERR_INVALID,
               "%s[%zu] has %s%zu values; the model takes %zu, in this order: %s", form_of(r), row,
               n > want ? "at least " : "", n, want, r->v->names_text);
}

static int read_array_row(struct reader *r, size_t row)
{
    size_t n = 0, want = r->order ? r->order_n : r->v->column_n;
    for (;; n++) {
        enum json_token t = json_next(&r->scan);
        if (t == JSON_T_ARRAY_END)
            break;
        if (t == JSON_T_ERROR)
            return syntax_error(r);
        if (n >= want)
            return wrong_length(r, row, n + 1, want);
        size_t col = r->order ? r->order[n] : n;
        int rc;
        if (col == SIZE_MAX)
            rc = json_skip(&r->scan, t) ? syntax_error(r) : 0;
        else {
            rc = put_value(r, row, col, t);
            r->stamp[col] = (uint32_t)(row + 1);
        }
        if (rc)
            return rc;
    }
    if (n != want)
        return wrong_length(r, row, n, want);
    return r->order ? fill_absent(r, row) : 0;
}

static int read_row(struct reader *r, size_t row, enum json_token t)
{
    if (t == JSON_T_OBJECT)
        return read_object_row(r, row);
    if (t == JSON_T_ARRAY && r->c->form != SERVE_RECORDS)
        return read_array_row(r, row);
    if (t == JSON_T_ERROR)
        return syntax_error(r);
    if (r->v->column_n == 1 && r->c->form != SERVE_RECORDS)
        return put_value(r, row, 0, t);
    return ERR(r->err, ERR_INVALID,
               "%s[%zu] is %s; send an object with the columns %s, or an array of their values in "
               "this order",
               form_of(r), row, token_name(t), r->v->names_text);
}

/* After the '[' of a list of rows. */
static int read_rows(struct reader *r)
{
    for (;;) {
        enum json_token t = json_next(&r->scan);
        if (t == JSON_T_ARRAY_END)
            break;
        int rc = ensure_row(r, r->rows);
        if (!rc)
            rc = read_row(r, r->rows, t);
        if (rc)
            return rc;
        r->rows++;
    }
    if (r->rows == 0)
        return ERR(r->err, ERR_INVALID, "'%s' is empty: send at least one row", form_of(r));
    return 0;
}

/* ---- columns ---- */

/* One column of the column form, after its first token. */
static int read_column(struct reader *r, size_t col, enum json_token t, size_t *out_n)
{
    size_t n = 0;
    int rc = 0;
    if (t != JSON_T_ARRAY) {
        rc = ensure_row(r, 0);
        *out_n = 1;
        return rc ? rc : put_value(r, 0, col, t);
    }
    while (!rc && (t = json_next(&r->scan)) != JSON_T_ARRAY_END) {
        rc = ensure_row(r, n);
        if (!rc)
            rc = put_value(r, n++, col, t);
    }
    *out_n = n;
    return rc;
}

static int read_columns(struct reader *r)
{
    size_t first = SIZE_MAX;
    for (;;) {
        enum json_token t = json_next(&r->scan);
        size_t col, n = 0;
        if (t == JSON_T_OBJECT_END)
            break;
        if (t != JSON_T_KEY)
            return syntax_error(r);
        int rc = column_of_key(r, 0, &col);
        if (rc)
            return rc;
        t = json_next(&r->scan);
        if (col == SIZE_MAX) {
            if (json_skip(&r->scan, t))
                return syntax_error(r);
            continue;
        }
        rc = read_column(r, col, t, &n);
        if (rc)
            return rc;
        if (first != SIZE_MAX && n != r->rows)
            return ERR(r->err, ERR_INVALID,
                       "inputs: column '%.*s' has %zu values and column '%.*s' has %zu",
                       STR_ARG(r->v->columns[col].name), n, STR_ARG(r->v->columns[first].name),
                       r->rows);
        first = first == SIZE_MAX ? col : first;
        r->rows = n;
        r->stamp[col] = 1;
    }
    if (r->rows == 0)
        return ERR(r->err, ERR_INVALID, "'inputs' is empty: send an object with the columns %s",
                   r->v->names_text);
    int rc = fill_absent(r, 0);
    for (size_t i = 0; i < r->v->column_n && !rc; i++)
        for (size_t row = 1; r->stamp[i] != 1 && row < r->rows && !rc; row++)
            rc = put_missing(r, row, i);
    return rc;
}

/* ---- dataframe_split ---- */

static int read_order(struct reader *r, enum json_token t)
{
    const struct serve_version *v = r->v;
    size_t cap = MAX(v->column_n * 4, (size_t)64);
    if (t != JSON_T_ARRAY)
        return ERR(r->err, ERR_INVALID, "dataframe_split.columns must be an array of names");
    r->order = ARENA_TRY_ARRAY(r->c->arena, cap, size_t);
    uint8_t *used = ARENA_TRY_ARRAY(r->c->arena, v->column_n, uint8_t);
    if (!r->order || !used)
        return ERR(r->err, ERR_LIMIT, "not enough memory for the request");
    while ((t = json_next(&r->scan)) != JSON_T_ARRAY_END) {
        str_t name;
        if (t == JSON_T_ERROR)
            return syntax_error(r);
        if (t != JSON_T_STRING || json_string(&r->scan, r->c->arena, &name))
            return ERR(r->err, ERR_INVALID, "dataframe_split.columns must be an array of names");
        if (r->order_n == cap)
            return ERR(r->err, ERR_LIMIT, "dataframe_split.columns names more than %zu columns",
                       cap);
        uintptr_t found = (uintptr_t)map_get(&v->by_name, name);
        if (found && used[found - 1]++)
            return ERR(r->err, ERR_INVALID, "dataframe_split.columns names '%.*s' twice",
                       (int)MIN(name.n, (size_t)SHOWN), name.p);
        r->order[r->order_n++] = found ? found - 1 : SIZE_MAX;
    }
    return 0;
}

static int read_split(struct reader *r)
{
    struct json_scan later = { 0 };
    int have_data = 0, rc = 0;
    for (;;) {
        enum json_token t = json_next(&r->scan);
        if (t == JSON_T_OBJECT_END)
            break;
        if (t != JSON_T_KEY)
            return syntax_error(r);
        int columns = str_is(r->scan.raw, "columns"), data = str_is(r->scan.raw, "data");
        t = json_next(&r->scan);
        if (t == JSON_T_ERROR)
            return syntax_error(r);
        if (data && t != JSON_T_ARRAY)
            return ERR(r->err, ERR_INVALID, "dataframe_split.data must be an array of rows");
        have_data |= data;
        if (columns && !r->order)
            rc = read_order(r, t);
        else if (data && r->order && !r->rows)
            rc = read_rows(r);
        else {
            if (data)
                later = r->scan;
            rc = json_skip(&r->scan, t) ? syntax_error(r) : 0;
        }
        if (rc)
            return rc;
    }
    if (!have_data || !r->order)
        return ERR(r->err, ERR_INVALID, "dataframe_split needs 'columns' and 'data'");
    if (later.text.p && !r->rows) { /* data stood before columns: now the order is known */
        struct json_scan end = r->scan;
        r->scan = later;
        rc = read_rows(r);
        if (!rc)
            r->scan = end;
    }
    return rc;
}

/* ---- the body ---- */

static enum serve_form form_of_key(const struct reader *r, str_t key)
{
    if (str_is(key, "instances"))
        return SERVE_INSTANCES;
    if (str_is(key, "inputs"))
        return SERVE_INPUTS;
    if (r->c->dataframes && str_is(key, "dataframe_split"))
        return SERVE_SPLIT;
    if (r->c->dataframes && str_is(key, "dataframe_records"))
        return SERVE_RECORDS;
    return SERVE_NONE;
}

static int read_form(struct reader *r, enum serve_form form, enum json_token t)
{
    if (t == JSON_T_ERROR)
        return syntax_error(r);
    if (r->c->form != SERVE_NONE)
        return ERR(r->err, ERR_INVALID, "send one of '%s' and '%s', not both", form_of(r),
                   serve__form_name(form));
    r->c->form = form;
    if (form == SERVE_INPUTS && t == JSON_T_OBJECT)
        return read_columns(r);
    if (form == SERVE_SPLIT && t == JSON_T_OBJECT)
        return read_split(r);
    if (form == SERVE_INPUTS && t != JSON_T_ARRAY && r->v->column_n == 1) {
        size_t n;
        int rc = read_column(r, 0, t, &n);
        r->rows = n;
        return rc;
    }
    if (form == SERVE_SPLIT || t != JSON_T_ARRAY)
        return ERR(r->err, ERR_INVALID, "'%s' must be %s, not %s", form_of(r),
                   form == SERVE_SPLIT ? "an object with 'columns' and 'data'" : "an array of rows",
                   token_name(t));
    return read_rows(r);
}

static int read_members(struct reader *r)
{
    for (;;) {
        enum json_token t = json_next(&r->scan);
        if (t == JSON_T_OBJECT_END)
            break;
        if (t != JSON_T_KEY)
            return syntax_error(r);
        str_t key = r->scan.raw;
        enum serve_form form = form_of_key(r, key);
        t = json_next(&r->scan);
        int rc;
        if (form != SERVE_NONE)
            rc = read_form(r, form, t);
        else if (t == JSON_T_STRING && str_is(key, "signature_name"))
            rc = json_string(&r->scan, r->c->arena, &r->c->signature_name) ? syntax_error(r) : 0;
        else
            rc = json_skip(&r->scan, t) ? syntax_error(r) : 0;
        if (rc)
            return rc;
    }
    return json_next(&r->scan) == JSON_T_END ? 0 : syntax_error(r);
}

int serve__read_body(struct serve_call *c, const struct serve_version *v, void ***out_columns,
                     int *out_missing, struct err *err)
{
    struct json_options options = { .allow_nan = 1 };
    struct reader r = { .c = c, .v = v, .err = err };
    json_scan_init(&r.scan, c->body, &options);
    r.columns = ARENA_TRY_ARRAY(c->arena, v->column_n + 1, void *);
    r.stamp = ARENA_TRY_ARRAY(c->arena, v->column_n + 1, uint32_t);
    if (!r.columns || !r.stamp)
        return ERR(err, ERR_LIMIT, "not enough memory for the request");
    c->form = SERVE_NONE;
    enum json_token t = json_next(&r.scan);
    if (t == JSON_T_ERROR)
        return syntax_error(&r);
    if (t != JSON_T_OBJECT)
        return ERR(err, ERR_INVALID,
                   "the body must be a JSON object such as {\"instances\": [...]}, not %s",
                   token_name(t));
    int rc = read_members(&r);
    if (rc)
        return rc;
    c->rows = r.rows;
    *out_columns = r.columns;
    *out_missing = r.missing;
    return 0;
}

int serve_read_rows(struct serve_call *c, const struct serve_version *v,
                    const void *const **out_columns, struct err *err)
{
    void **columns = NULL;
    int missing = 0;
    int rc = serve__read_body(c, v, &columns, &missing, err);
    if (rc)
        return rc;
    if (c->form == SERVE_NONE)
        return ERR(err, ERR_INVALID, "the body has no 'instances': send {\"instances\": [{…}]}");
    *out_columns = (const void *const *)columns;
    return 0;
}
