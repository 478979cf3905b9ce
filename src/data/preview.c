/* SPDX-License-Identifier: Apache-2.0
 * The child behind previews of tables: limits first, then DuckDB, fenced to standard input. */
#include "data/preview.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/num.h"
#include "codec/json.h"
#include "data/duck_int.h"

#define INPUT "/proc/self/fd/0"

struct preview {
    struct arena a;
    struct duck duck;
    const char *format;
    int64_t limit;
    str_t *names, *types; /* of all columns */
    size_t column_n, shown_n;
};

#ifndef __SANITIZE_ADDRESS__
static void limit_memory(void)
{
    struct rlimit l = { GIB(4), GIB(4) }; /* addresses; the engine itself gets 512 MiB */
    (void)setrlimit(RLIMIT_AS, &l);
}
#else
static void limit_memory(void)
{
}
#endif

static void limit_all(void)
{
    struct rlimit none = { 0, 0 }, time = { PREVIEW_SECONDS, PREVIEW_SECONDS };
    limit_memory();
    (void)setrlimit(RLIMIT_FSIZE, &none);
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)setrlimit(RLIMIT_CPU, &time);
    (void)alarm(PREVIEW_SECONDS + 2); /* also when nobody watches any more */
}

static const char *source_of(const struct preview *p)
{
    if (strcmp(p->format, "parquet") == 0)
        return "read_parquet('" INPUT "')";
    return strcmp(p->format, "tsv") == 0 ? "read_csv('" INPUT "', delim='\t', all_varchar=true)"
                                         : "read_csv('" INPUT "', all_varchar=true)";
}

/* ---- schema ---- */

static int push_columns(struct preview *p, duck_chunk chunk, struct err *err)
{
    size_t n = p->duck.api.data_chunk_get_size(chunk);
    const struct duck_string *name =
        p->duck.api.vector_get_data(p->duck.api.data_chunk_get_vector(chunk, 0));
    const struct duck_string *type =
        p->duck.api.vector_get_data(p->duck.api.data_chunk_get_vector(chunk, 1));
    str_t *names = ARENA_TRY_ARRAY(&p->a, p->column_n + n, str_t);
    str_t *types = ARENA_TRY_ARRAY(&p->a, p->column_n + n, str_t);
    if (!names || !types)
        return ERR(err, ERR_LIMIT, "the table has too many columns");
    if (p->column_n) {
        memcpy(names, p->names, p->column_n * sizeof *names);
        memcpy(types, p->types, p->column_n * sizeof *types);
    }
    for (size_t i = 0; i < n; i++) {
        names[p->column_n + i] = arena_str(&p->a, duck_text(&name[i]));
        types[p->column_n + i] = arena_str(&p->a, duck_text(&type[i]));
    }
    p->names = names;
    p->types = types;
    p->column_n += n;
    return 0;
}

static int read_schema(struct preview *p, struct err *err)
{
    duck_result r;
    duck_chunk chunk;
    const char *sql = arena_printf(&p->a, "DESCRIBE SELECT * FROM %s", source_of(p));
    int rc = duck_query(&p->duck, sql, &r, err);
    if (rc)
        return rc;
    while (!rc && (chunk = p->duck.api.fetch_chunk(r)) != NULL) {
        rc = push_columns(p, chunk, err);
        p->duck.api.destroy_data_chunk(&chunk);
    }
    p->duck.api.destroy_result(&r);
    p->shown_n = MIN(p->column_n, (size_t)PREVIEW_COLUMNS_MAX);
    return rc;
}

/* From the footer, without reading rows; -1 where counting would read the whole file. */
static int count_rows(struct preview *p, int64_t *out, struct err *err)
{
    duck_result r;
    *out = -1;
    if (strcmp(p->format, "parquet") != 0)
        return 0;
    int rc = duck_query(&p->duck, "SELECT num_rows::BIGINT FROM parquet_file_metadata('" INPUT "')",
                        &r, err);
    if (rc)
        return rc;
    duck_chunk chunk = p->duck.api.fetch_chunk(r);
    if (chunk && p->duck.api.data_chunk_get_size(chunk) > 0) {
        const int64_t *v = p->duck.api.vector_get_data(p->duck.api.data_chunk_get_vector(chunk, 0));
        *out = v[0];
    }
    if (chunk)
        p->duck.api.destroy_data_chunk(&chunk);
    p->duck.api.destroy_result(&r);
    return 0;
}

/* ---- rows ---- */

/* Every cell as text, cut by the engine: one long value costs what a short one does. */
static void rows_sql(struct buf *b, const struct preview *p)
{
    buf_puts(b, "SELECT ");
    for (size_t i = 0; i < p->shown_n; i++) {
        buf_puts(b, i ? ", left(" : "left(");
        duck_put_name(b, p->names[i]);
        buf_printf(b, "::VARCHAR, %d)", PREVIEW_CELL_MAX);
    }
    buf_printf(b, " FROM %s LIMIT %lld", source_of(p), (long long)p->limit);
}

static void write_row(struct preview *p, duck_chunk chunk, size_t row, struct json_out *o)
{
    jo_array(o);
    for (size_t i = 0; i < p->shown_n; i++) {
        duck_vector v = p->duck.api.data_chunk_get_vector(chunk, i);
        const struct duck_string *text = p->duck.api.vector_get_data(v);
        if (duck_is_null(p->duck.api.vector_get_validity(v), row))
            jo_null(o);
        else
            jo_str(o, duck_text(&text[row]));
    }
    jo_array_end(o);
}

static int write_rows(struct preview *p, struct json_out *o, struct err *err)
{
    struct buf sql;
    duck_result r;
    duck_chunk chunk;
    buf_init(&sql, MIB(1));
    rows_sql(&sql, p);
    int rc = sql.failed ? ERR(err, ERR_LIMIT, "the names of the columns are too long")
                        : duck_query(&p->duck, buf_view(&sql).p, &r, err);
    buf_fini(&sql);
    if (rc)
        return rc;
    jo_key(o, "rows");
    jo_array(o);
    while ((chunk = p->duck.api.fetch_chunk(r)) != NULL) {
        for (size_t i = 0; i < p->duck.api.data_chunk_get_size(chunk); i++)
            write_row(p, chunk, i, o);
        p->duck.api.destroy_data_chunk(&chunk);
    }
    jo_array_end(o);
    p->duck.api.destroy_result(&r);
    return 0;
}

static int write_table(struct preview *p, struct buf *out, struct err *err)
{
    static const char *const files[] = { INPUT };
    struct duck_options options = { 1, MIB(512), NULL, files, ARRAY_LEN(files) };
    struct json_out o;
    int64_t total = -1;
    int rc = duck_open(&p->a, &options, &p->duck, err);
    if (!rc)
        rc = read_schema(p, err);
    if (!rc)
        rc = count_rows(p, &total, err);
    if (rc)
        return rc;
    json_out_init(&o, out);
    jo_object(&o);
    jo_kv_cstr(&o, "format", p->format);
    if (total < 0)
        jo_kv_raw(&o, "row_count", STR("null"));
    else
        jo_kv_int(&o, "row_count", total);
    jo_kv_int(&o, "column_count", (int64_t)p->column_n);
    jo_key(&o, "columns");
    jo_array(&o);
    for (size_t i = 0; i < p->shown_n; i++) {
        jo_object(&o);
        jo_kv_str(&o, "name", p->names[i]);
        jo_kv_str(&o, "type", p->types[i]);
        jo_object_end(&o);
    }
    jo_array_end(&o);
    rc = write_rows(p, &o, err);
    jo_object_end(&o);
    return rc ? rc : out->failed ? ERR(err, ERR_LIMIT, "the rows are too large to show") : 0;
}

/* The first line of what the engine says, without the name that only we know the file by. */
static void write_error(struct preview *p, struct buf *out, const struct err *err)
{
    struct json_out o;
    str_t first = str_of(err->msg), rest;
    IGNORE(str_cut(first, '\n', &first, &rest));
    const char *text = arena_strndup(&p->a, first.p, first.n), *at = strstr(text, INPUT);
    if (at && at - text >= 2) /* with its quotes and the blank before them */
        text = arena_printf(&p->a, "%.*s%s", (int)(at - text - 2), text,
                            at + strlen(INPUT) + (at[strlen(INPUT)] != '\0'));
    buf_clear(out);
    json_out_init(&o, out);
    jo_object(&o);
    jo_kv_cstr(&o, "error", text);
    jo_object_end(&o);
}

static int write_all(const struct buf *b)
{
    for (size_t at = 0; at < b->n;) {
        ssize_t n = write(STDOUT_FILENO, b->p + at, b->n - at);
        if (n <= 0)
            return -1;
        at += (size_t)n;
    }
    return 0;
}

int preview_main(int argc, char **argv)
{
    struct preview p = { 0 };
    struct buf out;
    struct err err = ERR_INIT;
    int known = argc == 3 && (strcmp(argv[1], "parquet") == 0 || strcmp(argv[1], "csv") == 0 ||
                              strcmp(argv[1], "tsv") == 0);
    if (!known || parse_i64(str_of(argv[2]), &p.limit) || p.limit < 1 ||
        p.limit > PREVIEW_ROWS_MAX) {
        (void)fputs("slipway _preview: started by the server only\n", stderr);
        return 2;
    }
    limit_all();
    p.format = argv[1];
    arena_init(&p.a, MIB(16));
    buf_init(&out, PREVIEW_JSON_MAX);
    int rc = write_table(&p, &out, &err);
    if (rc)
        write_error(&p, &out, &err);
    duck_close(&p.duck);
    int lost = write_all(&out);
    buf_fini(&out);
    arena_fini(&p.a);
    return rc || lost ? 1 : 0;
}
