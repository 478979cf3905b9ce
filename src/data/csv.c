/* SPDX-License-Identifier: Apache-2.0
 * Reading: our dialect, DuckDB's sniffed types, its parallel scan, our columns. */
#include "data/csv.h"

#include <math.h>
#include <stdio.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/thread.h"
#include "data/csv_int.h"
#include "data/csv_fill_int.h"
#include "data/duck_int.h"

static const char *const missing_default[] = { "NA",   "N/A",  "n/a",  "#N/A", "NaN", "nan",
                                               "NULL", "null", "None", "<NA>", "?" };

struct reading {
    struct arena *a;
    const struct csv_source *source;
    const struct csv_options *options;
    struct csv_result *out;
    struct csv_dialect *d;
    char *path;
    struct fs_info before;
    struct duck duck;
};

int csv_path(struct arena *a, const struct csv_source *source, const char *project_dir, char **out,
             struct err *err)
{
    char *joined = fs_join(a, project_dir, source->path);
    if (!fs_exists(joined))
        return ERR(err, ERR_NOT_FOUND, "data file '%s' does not exist in '%s'", source->path,
                   project_dir);
    return fs_real(a, joined, out, err);
}

/* ---- the hash, beside the scan ---- */

struct hashing {
    const char *path;
    char hex[SHA256_HEX];
    int64_t bytes;
    int rc;
    struct err err;
};

static void *hash_file(void *arg)
{
    struct hashing *h = arg;
    h->rc = sha256_file(h->path, h->hex, &h->bytes, &h->err);
    return NULL;
}

/* ---- SQL ---- */

static void put_missing(struct buf *b, const struct csv_source *s)
{
    const char *const *list = s->missing ? s->missing : missing_default;
    size_t n = s->missing ? s->missing_n : ARRAY_LEN(missing_default);
    buf_puts(b, "nullstr=['");
    buf_putc(b, '\'');
    for (size_t i = 0; i < n; i++) {
        buf_putc(b, ',');
        duck_put_literal(b, str_of(list[i]));
    }
    buf_putc(b, ']');
}

static void put_char(struct buf *b, const char *name, char c)
{
    buf_printf(b, "%s=", name);
    duck_put_literal(b, (str_t){ &c, c != 0 });
    buf_puts(b, ", ");
}

static void put_dialect(struct buf *b, const struct reading *r)
{
    put_char(b, "delim", r->d->delimiter);
    put_char(b, "quote", r->d->quote);
    put_char(b, "escape", r->d->escape);
    buf_printf(b, "header=%s, skip=0, comment='', ", r->d->header ? "true" : "false");
    put_missing(b, r->source);
}

static void sniff_sql(struct buf *b, const struct reading *r)
{
    buf_puts(b, "SELECT to_json(Columns)::VARCHAR, coalesce(DateFormat,''), "
                "coalesce(TimestampFormat,'') FROM sniff_csv(");
    duck_put_literal(b, str_of(r->path));
    buf_puts(b, ", ");
    put_dialect(b, r);
    buf_puts(b, ")");
}

static const char *read_type(const struct csv_column *c)
{
    switch (c->type) {
    case CSV_TYPE_NUMBER: return "DOUBLE";
    case CSV_TYPE_BOOLEAN: return "BOOLEAN";
    case CSV_TYPE_TIME: return c->sql_type;
    default: return "VARCHAR";
    }
}

/* Columns get the names c0, c1, … for the engine: its names ignore case, ours do not. */
static void scan_sql(struct buf *b, const struct reading *r)
{
    buf_puts(b, "SELECT ");
    for (size_t i = 0; i < r->d->column_n; i++) {
        buf_puts(b, i ? "," : "");
        switch (r->d->columns[i].type) {
        case CSV_TYPE_BOOLEAN: buf_printf(b, "c%zu::INTEGER::DOUBLE", i); break;
        case CSV_TYPE_TIME: buf_printf(b, "epoch_ms(c%zu::TIMESTAMP)::DOUBLE", i); break;
        default: buf_printf(b, "c%zu", i);
        }
    }
    buf_puts(b, " FROM read_csv(");
    duck_put_literal(b, str_of(r->path));
    buf_puts(b, ", auto_detect=false, ");
    put_dialect(b, r);
    buf_puts(b, ", columns={");
    for (size_t i = 0; i < r->d->column_n; i++)
        buf_printf(b, "%s'c%zu':'%s'", i ? "," : "", i, read_type(&r->d->columns[i]));
    buf_puts(b, "}");
    if (r->d->date_format[0]) {
        buf_puts(b, ", dateformat=");
        duck_put_literal(b, str_of(r->d->date_format));
    }
    if (r->d->time_format[0]) {
        buf_puts(b, ", timestampformat=");
        duck_put_literal(b, str_of(r->d->time_format));
    }
    buf_puts(b, ")");
}

/* ---- errors: from the engine's words to file, line, value ---- */

static const char *kind_of(int type)
{
    static const char *const names[] = { "text", "a number", "true or false", "a date or time" };
    return names[type];
}

/* Could not convert string "abc" to 'DOUBLE', column "c1". */
static int conversion_error(const struct reading *r, const char *why, struct err *err)
{
    static const char in_column[] = "when converting column \"c",
                      value_is[] = "Could not convert string \"";
    const char *c = strstr(why, in_column), *v = strstr(why, value_is);
    if (!c || !v)
        return 0;
    size_t column = 0;
    for (c += sizeof in_column - 1; *c >= '0' && *c <= '9'; c++)
        column = column * 10 + (size_t)(*c - '0');
    v += sizeof value_is - 1;
    const char *to = strstr(v, "\" to '");
    if (column >= r->d->column_n || !to)
        return 0;
    str_t value = { v, (size_t)(to - v) };
    size_t line = csv_find_value(r->path, r->d, column, value);
    const char *frozen = r->options->frozen ? r->options->frozen_from : NULL;
    return ERR(err, ERR_INVALID,
               "%s:%zu: column '%s' is %s%s%s, but here it is '%.*s'; correct the line, or list "
               "the text under `missing` of the source",
               r->source->path, line, r->d->columns[column].name,
               kind_of(r->d->columns[column].type), frozen ? " by " : "", frozen ? frozen : "",
               (int)MIN(value.n, 80), value.p);
}

static int memory_error(const char *why, struct err *err)
{
    if (!strstr(why, "Out of Memory"))
        return 0;
    return ERR(
        err, ERR_LIMIT,
        "the data do not fit in the memory limit of this run; raise it or reduce the columns");
}

static int say_failure(const struct reading *r, const struct err *engine, struct err *err)
{
    int rc = conversion_error(r, engine->msg, err);
    if (rc == 0)
        rc = memory_error(engine->msg, err);
    if (rc == 0)
        rc = csv_explain(r->path, r->source->path, r->d, err);
    if (rc)
        return rc;
    str_t first, rest;
    if (!str_cut(str_of(engine->msg), '\n', &first, &rest))
        first = str_of(engine->msg);
    return ERR(err, ERR_INVALID, "'%s' cannot be read: %.*s", r->source->path, STR_ARG(first));
}

/* ---- types ---- */

static int type_of(const char *sql)
{
    static const char *const numbers[] = { "BIGINT",   "DOUBLE",  "INTEGER", "HUGEINT",
                                           "SMALLINT", "TINYINT", "UBIGINT", "FLOAT" };
    if (strcmp(sql, "BOOLEAN") == 0)
        return CSV_TYPE_BOOLEAN;
    if (strcmp(sql, "DATE") == 0 || str_starts(str_of(sql), "TIMESTAMP"))
        return CSV_TYPE_TIME;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (strcmp(sql, numbers[i]) == 0)
            return CSV_TYPE_NUMBER;
    return str_starts(str_of(sql), "DECIMAL") ? CSV_TYPE_NUMBER : CSV_TYPE_STRING;
}

static int take_types(struct reading *r, str_t text, struct err *err)
{
    struct json v;
    int rc = json_parse(r->a, text, NULL, &v, err);
    if (rc)
        return rc;
    if (v.type != JSON_ARRAY || v.n != r->d->column_n)
        return ERR(err, ERR_INTERNAL, "'%s': the engine sees %zu columns, we see %zu",
                   r->source->path, v.n, r->d->column_n);
    for (size_t i = 0; i < v.n; i++) {
        struct csv_column *c = &r->d->columns[i];
        c->sql_type = json_get_string(&v.items[i], "type", "VARCHAR");
        c->type = type_of(c->sql_type);
    }
    return 0;
}

/* The key is always text: 007 and 7 are two customers, and 2^53 + 1 is not 2^53. */
static void key_is_text(struct reading *r)
{
    for (size_t i = 0; i < r->d->column_n && r->source->key; i++)
        if (strcmp(r->d->columns[i].name, r->source->key) == 0)
            r->d->columns[i].type = CSV_TYPE_STRING;
}

static int sniff(struct reading *r, struct err *err)
{
    struct buf sql;
    struct err engine = ERR_INIT;
    duck_result result;
    buf_init(&sql, KIB(64));
    sniff_sql(&sql, r);
    int rc = sql.failed ? ERR(err, ERR_LIMIT, "the settings of '%s' are too long", r->source->path)
                        : duck_query(&r->duck, buf_view(&sql).p, &result, &engine);
    buf_fini(&sql);
    if (rc)
        return engine.msg[0] ? say_failure(r, &engine, err) : rc;
    duck_chunk chunk = r->duck.api.fetch_chunk(result);
    rc = chunk ? 0 : ERR(err, ERR_INTERNAL, "the engine says nothing about '%s'", r->source->path);
    str_t cells[3];
    for (duck_idx i = 0; rc == 0 && i < ARRAY_LEN(cells); i++) {
        duck_vector vector = r->duck.api.data_chunk_get_vector(chunk, i);
        cells[i] = arena_str(r->a, duck_text(r->duck.api.vector_get_data(vector)));
    }
    if (rc == 0)
        rc = take_types(r, cells[0], err);
    if (rc == 0) {
        r->d->date_format = cells[1].p;
        r->d->time_format = cells[2].p;
    }
    r->duck.api.destroy_data_chunk(&chunk);
    r->duck.api.destroy_result(&result);
    return rc;
}

/* ---- the frozen dialect ---- */

static const struct csv_column *frozen_column(const struct csv_dialect *f, const char *name)
{
    for (size_t i = 0; i < f->column_n; i++)
        if (strcmp(f->columns[i].name, name) == 0)
            return &f->columns[i];
    return NULL;
}

static int check_frozen(struct reading *r, struct err *err)
{
    const struct csv_dialect *f = r->options->frozen, *d = r->d;
    if (!f)
        return 0;
    const char *from = r->options->frozen_from;
    if (!r->source->delimiter && f->delimiter != d->delimiter)
        return ERR(err, ERR_INVALID,
                   "'%s' changed its form: fields are separated by '%c', %s says '%c'; restore the "
                   "file, or run with --force to accept the new form",
                   r->source->path, d->delimiter, from, f->delimiter);
    if (r->source->header < 0 && f->header != d->header)
        return ERR(err, ERR_INVALID,
                   "'%s' changed its form: it has %s header line, %s says it has %s; restore the "
                   "file, or run with --force to accept the new form",
                   r->source->path, d->header ? "a" : "no", from, f->header ? "one" : "none");
    for (size_t i = 0; i < d->column_n; i++) {
        const struct csv_column *c = frozen_column(f, d->columns[i].name);
        if (!c)
            continue;
        r->d->columns[i].type = c->type;
        r->d->columns[i].sql_type = c->sql_type;
    }
    r->d->date_format = f->date_format;
    r->d->time_format = f->time_format;
    return 0;
}

static void read_known_as_text(struct reading *r)
{
    for (size_t k = 0; k < r->options->known_n; k++)
        for (size_t i = 0; i < r->d->column_n; i++)
            if (strcmp(r->d->columns[i].name, r->options->known[k].column) == 0) {
                r->d->columns[i].type = CSV_TYPE_STRING;
                r->d->columns[i].sql_type = "VARCHAR";
            }
}

/* ---- the run ---- */

static int scan(struct reading *r, struct err *err)
{
    struct buf sql;
    struct err engine = ERR_INIT;
    duck_result result;
    buf_init(&sql, MIB(4));
    scan_sql(&sql, r);
    int rc = sql.failed ? ERR(err, ERR_LIMIT, "'%s' has too many columns", r->source->path)
                        : duck_query(&r->duck, buf_view(&sql).p, &result, &engine);
    buf_fini(&sql);
    if (rc)
        return engine.msg[0] ? say_failure(r, &engine, err) : rc;
    rc = csv_fill(r->a, &r->duck, &result, r->d, r->options, &r->out->frame, err);
    r->duck.api.destroy_result(&result);
    return rc;
}

static int read_with_engine(struct reading *r, struct err *err)
{
    const char *files[] = { r->path };
    struct duck_options o = { r->options->threads, r->options->memory_limit_bytes,
                              r->options->temp_dir, files, 1 };
    int rc = duck_open(r->a, &o, &r->duck, err);
    if (rc)
        return rc;
    rc = sniff(r, err);
    if (rc == 0)
        rc = check_frozen(r, err);
    key_is_text(r);
    read_known_as_text(r);
    if (rc == 0)
        rc = scan(r, err);
    duck_close(&r->duck);
    return rc;
}

static int changed(const struct reading *r, struct err *err)
{
    struct fs_info now;
    int rc = fs_stat(r->path, &now, err);
    if (rc)
        return rc;
    if (now.size != r->before.size || now.mtime_ns != r->before.mtime_ns ||
        now.inode != r->before.inode)
        return ERR(err, ERR_CONFLICT,
                   "'%s' changed while it was being read; run again when nobody writes to it",
                   r->source->path);
    return 0;
}

static int no_rows(const struct reading *r, struct err *err)
{
    if (r->out->frame.n)
        return 0;
    return ERR(err, ERR_INVALID, "'%s' has a header line and no rows", r->source->path);
}

static int hash_and_read(struct reading *r, struct err *err)
{
    struct hashing h = { .path = r->path, .err = ERR_INIT };
    pthread_t id;
    int wanted = !r->options->no_digest;
    int beside = wanted && thread_start(&id, "sha256", hash_file, &h, NULL) == 0;
    int rc = read_with_engine(r, err);
    if (beside)
        thread_join(id);
    else if (wanted)
        IGNORE(hash_file(&h));
    int moved = changed(r, rc ? NULL : err);
    if (moved && rc) /* the change explains the failure better */
        return changed(r, err);
    if (rc || moved)
        return rc ? rc : moved;
    if (h.rc)
        return ERR(err, h.rc, "%s", h.err.msg);
    r->out->file = (struct csv_file){ .path = r->source->path, .bytes = h.bytes };
    memcpy(r->out->file.sha256, h.hex, SHA256_HEX);
    return no_rows(r, err);
}

int csv_read(struct arena *a, const struct csv_source *source, const struct csv_options *options,
             struct csv_result *out, struct err *err)
{
    struct csv_result result = { 0 };
    struct reading r = {
        .a = a, .source = source, .options = options, .out = &result, .d = &result.dialect
    };
    struct csv_head head;
    int rc = csv_path(a, source, options->project_dir, &r.path, err);
    if (rc == 0)
        rc = fs_stat(r.path, &r.before, err);
    if (rc)
        return rc;
    if (!r.before.is_file)
        return ERR(err, ERR_INVALID, "data file '%s' is not a plain file", source->path);
    rc = csv_head_read(a, r.path, source->path, &head, err);
    if (rc == 0)
        rc = csv_head_dialect(a, &head, source, r.d, err);
    if (rc == 0)
        rc = hash_and_read(&r, err);
    if (rc == 0)
        *out = result;
    return rc;
}
