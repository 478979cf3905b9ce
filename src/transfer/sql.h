/* SPDX-License-Identifier: Apache-2.0
 * A relational database of MLflow behind one table of functions: read_sql.c knows the tables, a
 * driver knows the database. Child process of an import only; one thread. */
#pragma once
#include "transfer/reader.h"

enum { SQL_COLUMNS_MAX = 13, SQL_DRIVER_VERSION = 1 };

/* What is read of a table: names and types of columns ("tid", upper case = may be NULL). */
struct sql_table {
    const char *name;
    const char *types;
    const char *columns[SQL_COLUMNS_MAX];
    const char *where; /* "WHERE …" with $1, $2, … in their order; NULL = all rows */
    const char *order; /* columns; "" = as the rows were written; NULL = any */
    int is_long;       /* rows of one query may be too many to hold: they are taken one by one, and
                          no other query goes on meanwhile */
};

struct sql_driver;

struct sql_source {
    struct reader *r;
    const struct sql_driver *driver;
    void *db;
    const char *shown; /* what messages call it: no password in it */
    char schema[64];   /* MLflow's version of the schema; "" = none is told */
    int has_workspace; /* names of experiments and models are unique in a workspace only */
};

struct sql_query {
    struct sql_source *s;
    const struct sql_table *t;
    void *handle; /* the driver's; NULL = the table is not there, which reads as empty */
    struct wire_field field[SQL_COLUMNS_MAX]; /* of the row just read; valid until the next call */
    int n;
};

/* One database. Errors name the source and never hold a password. All entries are needed. */
struct sql_driver {
    int version;
    const char *row; /* pseudo column that identifies a row */
    /* Has it that table (column NULL), or that column of it? Views do not count. */
    int (*has)(struct sql_source *s, const char *table, const char *column);
    /* Column 0 of `text` is the row's identity, column i + 1 the query's i. Sets q->handle. */
    int (*open)(struct sql_query *q, const char *text, int params, struct err *err);
    void (*bind)(struct sql_query *q, int i, str_t v); /* $i, copied */
    int (*step)(struct sql_query *q, struct err *err); /* 1 a row, 0 the end, negative an error */
    /* Column i of the row as it is: type 'n', 'i', 'd', 't', or 'b' for what is none of those. */
    void (*value)(struct sql_query *q, int i, struct wire_field *out);
    void (*row_text)(struct sql_query *q, char *out, size_t room);
    void (*reset)(struct sql_query *q); /* ready for other bindings */
    void (*close)(struct sql_query *q);
    int (*number)(struct sql_source *s, const char *text, int64_t *out, struct err *err);
    /* "" when there is no row. */
    int (*text)(struct sql_source *s, const char *text, char *out, size_t room, struct err *err);
};

/* Sends EXPERIMENT … COUNT of an open source; ERR_INVALID when it is none of MLflow's. */
int sql_read(struct sql_source *s, struct err *err) WARN_UNUSED;
