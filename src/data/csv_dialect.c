/* SPDX-License-Identifier: Apache-2.0
 * The frozen dialect as JSON: in the dataset's manifest and in slipway.lock. */
#include "data/csv.h"

#include "base/mem.h"

static const char *const types[] = { "string", "number", "boolean", "time" };

static void put_char(struct json_out *o, const char *key, char c)
{
    jo_kv_str(o, key, (str_t){ &c, c != 0 });
}

void csv_dialect_write(struct json_out *o, const struct csv_dialect *d)
{
    jo_object(o);
    put_char(o, "delimiter", d->delimiter);
    put_char(o, "quote", d->quote);
    put_char(o, "escape", d->escape);
    jo_kv_bool(o, "header", d->header);
    jo_kv_cstr(o, "newline", d->newline);
    jo_kv_bool(o, "bom", d->bom);
    jo_kv_cstr(o, "date_format", d->date_format);
    jo_kv_cstr(o, "time_format", d->time_format);
    jo_key(o, "columns");
    jo_array(o);
    for (size_t i = 0; i < d->column_n; i++) {
        jo_object(o);
        jo_kv_cstr(o, "name", d->columns[i].name);
        jo_kv_cstr(o, "read_as", types[d->columns[i].type]);
        jo_kv_cstr(o, "sql", d->columns[i].sql_type);
        jo_object_end(o);
    }
    jo_array_end(o);
    jo_object_end(o);
}

static char get_char(const struct json *v, const char *key)
{
    const char *s = json_get_string(v, key, "");
    return s[0];
}

/* The sniffer's type names end up in SQL: only words are let through. */
static int is_type_name(const char *s)
{
    for (; *s; s++)
        if (!((*s >= 'A' && *s <= 'Z') || *s == ' ' || *s == '_'))
            return 0;
    return 1;
}

static int read_column(struct arena *a, const struct json *v, struct csv_column *out,
                       struct err *err)
{
    const char *name = json_get_string(v, "name", NULL), *as = json_get_string(v, "read_as", "");
    const char *sql = json_get_string(v, "sql", "VARCHAR");
    for (size_t t = 0; t < ARRAY_LEN(types); t++)
        if (name && strcmp(as, types[t]) == 0 && is_type_name(sql)) {
            *out = (struct csv_column){ arena_strdup(a, name), (int)t, arena_strdup(a, sql) };
            return 0;
        }
    return ERR(err, ERR_CORRUPT,
               "the recorded form of the data file is not readable (column '%s', '%s', '%s')",
               name ? name : "", as, sql);
}

int csv_dialect_read(struct arena *a, const struct json *v, struct csv_dialect *out,
                     struct err *err)
{
    const struct json *columns = json_get(v, "columns");
    if (!columns || columns->type != JSON_ARRAY)
        return ERR(err, ERR_CORRUPT, "the recorded form of the data file has no columns");
    struct csv_dialect d = {
        .delimiter = get_char(v, "delimiter"),
        .quote = get_char(v, "quote"),
        .escape = get_char(v, "escape"),
        .header = json_get_bool(v, "header", 1),
        .newline = arena_strdup(a, json_get_string(v, "newline", "\\n")),
        .bom = json_get_bool(v, "bom", 0),
        .date_format = arena_strdup(a, json_get_string(v, "date_format", "")),
        .time_format = arena_strdup(a, json_get_string(v, "time_format", "")),
        .column_n = columns->n,
    };
    d.columns = ARENA_TRY_ARRAY(a, columns->n, struct csv_column);
    if (!d.columns)
        return ERR(err, ERR_NOMEM, "no memory for %zu columns", columns->n);
    for (size_t i = 0; i < columns->n; i++) {
        int rc = read_column(a, &columns->items[i], &d.columns[i], err);
        if (rc)
            return rc;
    }
    *out = d;
    return 0;
}
