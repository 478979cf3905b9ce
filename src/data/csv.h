/* SPDX-License-Identifier: Apache-2.0
 * CSV files to frames. DuckDB scans the bytes on all threads; everything that decides (dialect,
 * types, names, what is an error) is said here and is the same on every run.
 *
 * The dialect is found once and then frozen with the dataset version: a later file is read with it,
 * so a changed format or a late bad value is an error that names file, line and value, never a
 * silent change of type. Rows keep the order of the file. The file's SHA-256 is computed beside the
 * scan; a file that changes meanwhile is an error. Runs in a worker process only (it loads DuckDB).
 */
#pragma once
#include "codec/hash.h"
#include "codec/json.h"
#include "data/frame.h"
#include "data/spec.h"

enum {
    CSV_TYPE_STRING,
    CSV_TYPE_NUMBER,
    CSV_TYPE_BOOLEAN,
    CSV_TYPE_TIME
}; /* how a column is read */

struct csv_column {
    const char *name;
    int type;             /* CSV_TYPE_… */
    const char *sql_type; /* what the sniffer said: "BIGINT", "DATE" */
};

struct csv_dialect {
    char delimiter;
    char quote, escape;                    /* 0 = none */
    int header;                            /* the first line holds names */
    int skip;                              /* lines before the header that were skipped */
    const char *newline;                   /* "\\n", "\\r\\n", … as text */
    const char *date_format, *time_format; /* strptime forms, "" = ISO */
    int bom;                               /* the file starts with a UTF-8 byte-order mark */
    struct csv_column *columns;
    size_t column_n;
};

struct csv_file {
    const char *path; /* as in the project file */
    int64_t bytes;
    char sha256[SHA256_HEX];
};

/* A column that is to be read as text and coded by a given list: names[i] has code i, every other
 * text the code n, whose level has no text (p NULL). Memory then does not grow with what the file
 * holds. */
struct csv_known {
    const char *column;
    const str_t *names;
    size_t n;
};

struct csv_options {
    const char *project_dir;
    const char *temp_dir;             /* DuckDB spills here; inside the cache folder */
    const struct csv_dialect *frozen; /* of the previous version; NULL = look at the file */
    const char *frozen_from;          /* for messages: "slipway.lock" */
    int threads;
    uint64_t memory_limit_bytes; /* 0 = half of the machine's */
    const struct csv_known *known;
    size_t known_n;
    size_t levels_max; /* texts of one column that get a code of their own, by first appearance; the
                          others share a last one without text. 0 = all of them */
    int no_digest;     /* leave out->file.sha256 empty: nobody asks for it */
};

struct csv_result {
    struct frame frame;
    struct csv_dialect dialect;
    struct csv_file file;
    const char **warnings; /* e.g. integers beyond 2^53 were rounded */
    size_t warning_n;
};

/* Reads the source into *out, all memory from the arena. Errors: NOT_FOUND, INVALID (content, with
 * line and value), LIMIT (columns, memory), CONFLICT (changed while being read), UNAVAILABLE (no
 * engine). */
int csv_read(struct arena *a, const struct csv_source *source, const struct csv_options *options,
             struct csv_result *out, struct err *err) WARN_UNUSED;

/* The path that will be opened: absolute, links resolved. */
int csv_path(struct arena *a, const struct csv_source *source, const char *project_dir, char **out,
             struct err *err) WARN_UNUSED;

void csv_dialect_write(struct json_out *o, const struct csv_dialect *d); /* one JSON object */
int csv_dialect_read(struct arena *a, const struct json *v, struct csv_dialect *out,
                     struct err *err) WARN_UNUSED;
