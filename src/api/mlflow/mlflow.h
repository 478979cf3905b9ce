/* SPDX-License-Identifier: Apache-2.0
 * What the handlers of MLflow's REST API share: the request message with its checks, answers and
 * errors in MLflow's form, names, filters, page tokens. Shared by the files of this folder only.
 *
 * A handler is declared with MLF_HANDLER: its fields stand in front of its body. The message is
 * read, checked in the order of the fields, and then the body runs in one transaction of the store
 * (MLF_READ, MLF_WRITE) or without one (MLF_PLAIN). Any thread. */
#pragma once
#include "api/app.h"
#include "api/route.h"
#include "event/event.h"
#include "store/store.h"
#include "track/dataset.h"

enum mlf_type { MLF_STRING, MLF_INT, MLF_INT32, MLF_DOUBLE, MLF_BOOL, MLF_ENUM, MLF_MESSAGE };

/* A name and a number of an enumeration; ends with NULL. */
struct mlf_enum {
    const char *name;
    int64_t number;
};

/* One field of a request message. checks, applied in this order: 'r' must be there; when the
 * message did not parse also 's' string, 'i' integer, 'f' number, 'b' boolean, 'a' array, 't' array
 * of strings; 'M', 'P', 'T': every metric, parameter, tag of the array has its members; '5', '1',
 * '2': at most 50000, 1000, 200000. */
struct mlf_field {
    const char *name;
    enum mlf_type type;
    int repeated;
    const char *checks;
    const struct mlf_field *sub;   /* of MLF_MESSAGE */
    const struct mlf_enum *values; /* of MLF_ENUM */
};

#define F_STR(name_, checks_)                                                                      \
    {                                                                                              \
        .name = (name_), .type = MLF_STRING, .checks = (checks_)                                   \
    }
#define F_INT(name_, checks_)                                                                      \
    {                                                                                              \
        .name = (name_), .type = MLF_INT, .checks = (checks_)                                      \
    }
#define F_INT32(name_, checks_)                                                                    \
    {                                                                                              \
        .name = (name_), .type = MLF_INT32, .checks = (checks_)                                    \
    }
#define F_DOUBLE(name_, checks_)                                                                   \
    {                                                                                              \
        .name = (name_), .type = MLF_DOUBLE, .checks = (checks_)                                   \
    }
#define F_BOOL(name_, checks_)                                                                     \
    {                                                                                              \
        .name = (name_), .type = MLF_BOOL, .checks = (checks_)                                     \
    }
#define F_ENUM(name_, checks_, values_)                                                            \
    {                                                                                              \
        .name = (name_), .type = MLF_ENUM, .checks = (checks_), .values = (values_)                \
    }
#define F_STRS(name_, checks_)                                                                     \
    {                                                                                              \
        .name = (name_), .type = MLF_STRING, .repeated = 1, .checks = (checks_)                    \
    }
#define F_MSGS(name_, checks_, sub_)                                                               \
    {                                                                                              \
        .name = (name_), .type = MLF_MESSAGE, .repeated = 1, .checks = (checks_), .sub = (sub_)    \
    }
#define F_MSG(name_, checks_, sub_)                                                                \
    {                                                                                              \
        .name = (name_), .type = MLF_MESSAGE, .checks = (checks_), .sub = (sub_)                   \
    }
#define F_END                                                                                      \
    {                                                                                              \
        0                                                                                          \
    }

extern const struct mlf_field mlf_tag_fields[];    /* key, value */
extern const struct mlf_field mlf_metric_fields[]; /* key, value, timestamp, step, … */
extern const struct mlf_enum mlf_view_types[];
extern const struct mlf_enum mlf_run_statuses[];

/* ---- one request ---- */

enum mlf_mode { MLF_PLAIN, MLF_READ, MLF_WRITE };

struct mlf {
    struct request *rq;
    struct arena *a;     /* of the request */
    struct json message; /* object: what was set, in normal form (numbers are numbers, …) */
    struct json raw;     /* as it came */
    struct json_out out;
    void *plan;           /* what a handler that calls mlf_transact has prepared */
    int begun;            /* mlf_begin was called */
    const char *code;     /* of mlf_fail; NULL = none */
    const char *failure;  /* its text */
    const char *bad_path; /* what did not parse inside a list, and its raw value */
    const struct json *bad_value;
    int bad_nested;
    struct cause by;
    struct err *err;
};

typedef int (*mlf_fn)(struct mlf *m, struct tx *tx);

/* Reads, checks, runs, answers: what every route's handler does. Never fails: errors are written.
 */
int mlf_serve(struct request *rq, mlf_fn fn, enum mlf_mode mode, const struct mlf_field *fields,
              struct err *err);

/* For a handler of MLF_PLAIN: one transaction after what needs none, so that the store's writer is
 * not kept from others by checks. */
int mlf_transact(struct mlf *m, mlf_fn fn, enum mlf_mode mode) WARN_UNUSED;

#define MLF_HANDLER(name, mode, ...)                                                               \
    static int name##_run(struct mlf *m, struct tx *tx);                                           \
    static const struct mlf_field name##_fields[] = { __VA_ARGS__, F_END };                        \
    int mlf_##name(struct request *rq, struct err *err)                                            \
    {                                                                                              \
        return mlf_serve(rq, name##_run, mode, name##_fields, err);                                \
    }                                                                                              \
    static int name##_run(struct mlf *m, struct tx *tx)
/* The same for a message without fields. */
#define MLF_HANDLER0(name, mode) MLF_HANDLER(name, mode, F_END)

/* Every handler of routes.def. */
#define MLFLOW(op, method, path, permission, body, summary, request_doc, response_doc)             \
    int mlf_##op(struct request *rq, struct err *err);
#define ROUTE(op, method, path, permission, where, body, summary, request_doc, response_doc)       \
    int mlf_##op(struct request *rq, struct err *err);
#include "api/mlflow/routes.def"
#undef MLFLOW
#undef ROUTE

/* ---- the message ---- */

const char *mlf_str(const struct mlf *m, const char *name); /* "" when unset */
const char *mlf_str_or_null(const struct mlf *m, const char *name);
int64_t mlf_int(const struct mlf *m, const char *name, int64_t fallback);
int mlf_has(const struct mlf *m, const char *name);
/* Items of a repeated field; *out_n = 0 when unset. */
const struct json *mlf_items(const struct mlf *m, const char *name, size_t *out_n);
/* A member of a nested message; "" when unset. */
const char *mlf_member(const struct json *v, const char *name);
/* run_id, or the old run_uuid. */
const char *mlf_run_id(const struct mlf *m);
/* A part of the path. */
const char *mlf_path(struct mlf *m, const char *name);
/* The (key, value) items of a repeated field as pairs; NULL past memory (m fails). */
int mlf_pairs(struct mlf *m, const char *name, struct track_pair **out, size_t *out_n) WARN_UNUSED;

/* ---- answers and errors ---- */

/* Starts the answer's object; mlf_serve ends it. Without it the answer is {}. */
struct json_out *mlf_begin(struct mlf *m);
/* "key": value unless it is NULL. */
void mlf_opt(struct json_out *o, const char *key, const char *value);
/* Records an error of MLflow's ("INVALID_PARAMETER_VALUE", …); returns a negative code. */
int mlf_fail(struct mlf *m, const char *code, const char *fmt, ...) PRINTF_LIKE(3, 4);
#define MLF_INVALID "INVALID_PARAMETER_VALUE"
#define MLF_MISSING "RESOURCE_DOES_NOT_EXIST"
/* Writes {"error_code","message"} with the status of the code; status 0 = by the code. */
void mlf_write_failure(struct request *rq, int status, const char *code, const char *text);
/* The route_table's write_error. */
void mlf_write_error(struct request *rq, const struct err *err);

/* ---- texts as Python writes them (text.c) ---- */

/* json.dumps(v, sort_keys, compact): ASCII only. */
const char *mlf_py_json(struct arena *a, const struct json *v);
const char *mlf_py_json_text(struct arena *a, const char *text);
/* repr() of a JSON value: {'a': [1, None]}. */
const char *mlf_py_value(struct arena *a, const struct json *v);
/* repr() of a str. */
const char *mlf_py_repr(struct arena *a, str_t text);
/* repr() of bytes, without the b. */
const char *mlf_py_bytes(struct arena *a, str_t bytes);
const char *mlf_py_type(const struct json *v);
/* str(float). */
const char *mlf_py_double(struct arena *a, double v);
size_t mlf_length(str_t text);                               /* code points */
str_t mlf_prefix(str_t text, size_t n);                      /* the first n code points */
const char *mlf_normpath(struct arena *a, const char *path); /* posixpath.normpath */
const char *mlf_lower(struct arena *a, const char *text);    /* ASCII */
/* posixpath.join; uri + "/" + path otherwise. */
const char *mlf_join_uri(struct arena *a, const char *root, const char *path);

/* ---- names and values (names.c): 0 or a recorded failure ---- */

/* A metric, parameter or tag name; path names it in messages ("params[3].key"). */
int mlf_check_key(struct mlf *m, const char *name, const char *path) WARN_UNUSED;
/* 1 for what that and a limit of 250 pass for sure: ASCII, no path that means another. Saves the
 * text of the path for almost every name. */
int mlf_key_is_plain(const char *name);
int mlf_check_length(struct mlf *m, const char *what, size_t max, const char *value) WARN_UNUSED;
/* Cut to max code points, as the server does by default. */
const char *mlf_cut(struct mlf *m, const char *value, size_t max);
/* The same for a value of a client, or a failure when the server was told to refuse long ones. */
int mlf_fit(struct mlf *m, const char *what, size_t max, const char **value) WARN_UNUSED;
int mlf_check_metric(struct mlf *m, const struct json *metric, const char *path) WARN_UNUSED;
int mlf_check_run_id(struct mlf *m, const char *id) WARN_UNUSED;
int mlf_check_model_name(struct mlf *m, const char *name) WARN_UNUSED;
int mlf_check_alias(struct mlf *m, const char *alias) WARN_UNUSED;
/* Decodes repeatedly, refuses what leaves the root: "Invalid path". */
int mlf_safe_path(struct mlf *m, const char *path, const char **out) WARN_UNUSED;
/* Text of an experiment id to a number; "" is 0. */
int mlf_experiment_id(struct mlf *m, const char *text, int64_t *out) WARN_UNUSED;
int mlf_is_local_uri(const char *uri);
/* The path of a local URI ("file:///a" → "/a"). */
const char *mlf_local_path(struct arena *a, const char *uri);

/* ---- filters and order (filter.c) ---- */

enum mlf_op {
    MLF_EQ,
    MLF_NE,
    MLF_LT,
    MLF_LE,
    MLF_GT,
    MLF_GE,
    MLF_LIKE,
    MLF_ILIKE,
    MLF_IN,
    MLF_NOT_IN,
    MLF_IS_NULL,
    MLF_IS_NOT_NULL
};

/* One comparison. */
struct mlf_clause {
    const char *type; /* "metric", "parameter", "tag", "attribute", "dataset" */
    const char *key;
    enum mlf_op op;
    int is_number;
    double number;
    const char *text;
    const char **list; /* of IN */
    size_t list_n;
};

/* Which grammar: what may be named and how errors read. */
enum mlf_grammar {
    MLF_G_RUNS,
    MLF_G_EXPERIMENTS,
    MLF_G_MODELS,
    MLF_G_VERSIONS,
    MLF_G_LOGGED_MODELS
};

int mlf_filter(struct mlf *m, enum mlf_grammar g, const char *text, struct mlf_clause **out,
               size_t *out_n) WARN_UNUSED;
/* A value to compare: NULL text and is_null = nothing there. */
struct mlf_value {
    int is_null;
    int is_number;
    double number;
    const char *text;
};
/* 1 when the value fulfils the clause; null fulfils only IS NULL. */
int mlf_matches(const struct mlf_clause *c, const struct mlf_value *v);

struct mlf_order {
    const char *type;
    const char *key;
    int descending;
};
/* The clauses of a repeated text field of the message. */
int mlf_order_by(struct mlf *m, enum mlf_grammar g, const char *field, struct mlf_order **out,
                 size_t *out_n) WARN_UNUSED;
/* a before b: negative; nulls last whatever the direction, NaN before them. */
int mlf_compare(const struct mlf_value *a, const struct mlf_value *b, int descending);

/* {"offset": n} in base64. */
int mlf_offset(struct mlf *m, const char *token, int64_t *out) WARN_UNUSED;
const char *mlf_token(struct mlf *m, int64_t offset);
const char *mlf_base64(struct arena *a, str_t bytes);
int mlf_unbase64(struct arena *a, str_t text, str_t *out) WARN_UNUSED; /* -1 when malformed */

/* ---- shared by several files of handlers ---- */

/* Run by id: failures as MLflow words them; active: it must not be deleted. */
int mlf_run(struct mlf *m, struct tx *tx, const char *id, int active, struct run *out) WARN_UNUSED;
/* The same checks of an active run, without reading it. */
int mlf_run_active(struct mlf *m, struct tx *tx, const char *id) WARN_UNUSED;
void mlf_write_run_info(struct json_out *o, const char *key, const struct run *r);
/* The object of one run: info, data, inputs, outputs; links: what run_links told, or RUN_HAS_ALL.
 */
int mlf_write_run(struct mlf *m, struct tx *tx, const struct run *r, int links) WARN_UNUSED;
int mlf_experiment(struct mlf *m, struct tx *tx, const char *id,
                   struct experiment *out) WARN_UNUSED;
void mlf_write_tags(struct json_out *o, const char *name, const struct track_pair *tags, size_t n);
/* files[] of a folder under an artifact root; 403 when the root is not ours to serve. */
int mlf_write_files(struct mlf *m, struct tx *tx, const char *root_uri,
                    const char *path) WARN_UNUSED;
/* Answers with the file at a path under an artifact root, its type, name and ETag; 404 when it is
 * not there. */
int mlf_send_artifact(struct mlf *m, struct tx *tx, const char *root_uri,
                      const char *path) WARN_UNUSED;
