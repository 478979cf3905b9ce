/* SPDX-License-Identifier: Apache-2.0
 * DuckDB behind dlopen: the part of its C interface that we use, and a session that is fenced.
 *
 * The declarations are ours, so the build needs no engine; duck_abi.c proves them against the real
 * duckdb.h when it is there. Only workers open a session. One thread at a time uses a session;
 * chunks of a result may be read by several. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

#ifdef DUCK_REAL_HEADER
typedef duckdb_state duck_state;
typedef duckdb_database duck_db;
typedef duckdb_connection duck_con;
typedef duckdb_config duck_config;
typedef duckdb_prepared_statement duck_stmt;
typedef duckdb_data_chunk duck_chunk;
typedef duckdb_vector duck_vector;
typedef duckdb_type duck_type;
typedef duckdb_result duck_result;
typedef idx_t duck_idx;
#else
typedef unsigned duck_state; /* 0 = success */
typedef struct duck_db_ *duck_db;
typedef struct duck_con_ *duck_con;
typedef struct duck_config_ *duck_config;
typedef struct duck_stmt_ *duck_stmt;
typedef struct duck_chunk_ *duck_chunk;
typedef struct duck_vector_ *duck_vector;
typedef unsigned duck_type;
typedef uint64_t duck_idx;
typedef struct {
    uint64_t reserved[5]; /* not to be used */
    void *internal;
} duck_result;
#endif

/* A string in a vector: up to 12 bytes inside, longer ones by pointer. */
struct duck_string {
    uint32_t n;
    char head[4];
    union {
        char tail[8];
        const char *pointer;
    } rest;
};

enum { DUCK_T_BOOLEAN = 1, DUCK_T_BIGINT = 5, DUCK_T_DOUBLE = 11, DUCK_T_VARCHAR = 17 };

/* name without "duckdb_", result, arguments */
#define DUCK_FUNCTIONS(F)                                                                          \
    F(create_config, duck_state, (duck_config *))                                                  \
    F(set_config, duck_state, (duck_config, const char *, const char *))                           \
    F(destroy_config, void, (duck_config *))                                                       \
    F(open_ext, duck_state, (const char *, duck_db *, duck_config, char **))                       \
    F(close, void, (duck_db *))                                                                    \
    F(connect, duck_state, (duck_db, duck_con *))                                                  \
    F(disconnect, void, (duck_con *))                                                              \
    F(query, duck_state, (duck_con, const char *, duck_result *))                                  \
    F(destroy_result, void, (duck_result *))                                                       \
    F(result_error, const char *, (duck_result *))                                                 \
    F(column_count, duck_idx, (duck_result *))                                                     \
    F(column_type, duck_type, (duck_result *, duck_idx))                                           \
    F(fetch_chunk, duck_chunk, (duck_result))                                                      \
    F(destroy_data_chunk, void, (duck_chunk *))                                                    \
    F(data_chunk_get_size, duck_idx, (duck_chunk))                                                 \
    F(data_chunk_get_vector, duck_vector, (duck_chunk, duck_idx))                                  \
    F(vector_get_data, void *, (duck_vector))                                                      \
    F(vector_get_validity, uint64_t *, (duck_vector))                                              \
    F(prepare, duck_state, (duck_con, const char *, duck_stmt *))                                  \
    F(prepare_error, const char *, (duck_stmt))                                                    \
    F(bind_varchar_length, duck_state, (duck_stmt, duck_idx, const char *, duck_idx))              \
    F(execute_prepared, duck_state, (duck_stmt, duck_result *))                                    \
    F(destroy_prepare, void, (duck_stmt *))                                                        \
    F(library_version, const char *, (void))                                                       \
    F(free, void, (void *))

struct duck_api {
#define DUCK_MEMBER(name, result, args) result(*name) args;
    DUCK_FUNCTIONS(DUCK_MEMBER)
#undef DUCK_MEMBER
};

struct duck {
    struct duck_api api;
    void *library;
    duck_db db;
    duck_con con;
};

struct duck_options {
    int threads;
    uint64_t memory_limit_bytes; /* 0 = half of the machine's */
    const char *temp_dir;        /* spills; NULL = none allowed */
    const char *const *files;    /* the only files it may read */
    size_t file_n;
};

/* Loads the engine and opens an in-memory database without extensions, fenced to `files`. */
int duck_open(struct arena *a, const struct duck_options *o, struct duck *out,
              struct err *err) WARN_UNUSED;
void duck_close(struct duck *d); /* a session that never opened is fine */
/* Runs one statement; on success the caller destroys *out. The engine's message goes to err as it
 * is. */
int duck_query(struct duck *d, const char *sql, duck_result *out, struct err *err) WARN_UNUSED;
/* Text as an SQL literal or identifier: the one place where quoting happens. */
void duck_put_literal(struct buf *b, str_t s);
void duck_put_name(struct buf *b, str_t s);
str_t duck_text(const struct duck_string *s);
/* Validity bitmap: NULL = all valid. */
static inline int duck_is_null(const uint64_t *validity, size_t row)
{
    return validity && !(validity[row >> 6] >> (row & 63) & 1);
}
