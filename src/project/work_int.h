/* SPDX-License-Identifier: Apache-2.0
 * Inside the worker. One `struct work` a run; all memory in its arena, all of it until the process
 * ends. Files: work.c (spec, order of stages, exit), work_log.c (progress and failures),
 * work_keys.c (why a stage runs), work_data.c (rows, parts), work_columns.c (the values that
 * columns stand for), work_prepare.c (do stages), work_train.c, work_evaluate.c, work_reference.c,
 * work_result.c. */
#pragma once
#include "base/thread.h"
#include "data/cache.h"
#include "data/csv.h"
#include "data/dataset.h"
#include "data/expect.h"
#include "data/prep.h"
#include "data/split.h"
#include "infer/predictor.h"
#include "model/graph.h"
#include "project/lockfile.h"
#include "project/project.h"
#include "train/evaluate.h"
#include "train/linear.h"

enum { WORK_CACHE_ENTRIES = 1000, WORK_STAGES_MAX = 512, WORK_COLUMNS_MAX = 100000 };

#define WORK_CACHE_BYTES GIB(10)

/* Part of every cache key: raise it when the same inputs give other outputs than before. */
#define WORK_REVISION "2"

/* ---- values of columns ---- */

enum value_op { VALUE_RAW, VALUE_FILL, VALUE_ONE_HOT, VALUE_SCALE, VALUE_CLIP, VALUE_EXPR };
enum value_graph { GRAPH_FIT, GRAPH_MODEL, GRAPH_N };

struct feature;

/* What a column stands for at some step: a small expression over raw columns. Nodes are appended to
 * a graph only when the value is asked for, so the model holds nothing that it does not need. */
struct value {
    enum value_op op;
    const char *name;         /* the column's, for names of nodes */
    struct value *x;          /* operand; NULL for RAW and EXPR */
    const struct column *raw; /* RAW */
    int is_string;
    size_t width;
    struct prep_fill fill;       /* FILL */
    struct prep_scale scale;     /* SCALE */
    double low, high;            /* CLIP */
    const str_t *levels;         /* ONE_HOT of text, first dropped already; "" = missing */
    const int64_t *whole;        /* ONE_HOT of whole numbers */
    const struct expr *expr;     /* EXPR */
    const struct feature *scope; /* EXPR: columns as they stood */
    size_t scope_n;
    const char **labels;     /* width of them: "city=north" */
    const char *at[GRAPH_N]; /* name of the value in each graph, once appended */
    struct column *made;     /* computed for all rows, once needed */
};

/* A column as the stages see it. */
struct feature {
    const char *name;
    struct value *v;
    const char *role; /* "feature", or "target", "key", "time", "ignored": not trained on */
};

/* ---- stages ---- */

struct work_record {
    const char *name, *kind;
    const char *state; /* "success", "skipped", "failed" */
    const char *why;
    double ms;
    int64_t rows_in, rows_out; /* -1 = none */
    const char *key;           /* 64 hex digits */
};

struct work_failure {
    int code;      /* enum err_code */
    int is_config; /* exit 2 */
    const char *message;
    const char *stage;
    struct place at;
};

struct decision {
    int run;
    const char *why;
};

struct gate_result;

struct work {
    struct arena *a;
    /* spec */
    const char *run_id, *project_dir, *dir, *cache_dir, *config_path;
    str_t config;
    const struct json *params;
    int force, threads;
    uint64_t seed, memory_limit_bytes;
    const char *champion_version, *champion_onnx;
    char champion_sha256[65]; /* "" = none */
    /* plan */
    struct project *project;
    struct diags diags;
    struct lockfile old;
    int has_old;
    struct lock_stage *entries; /* the new lock's, in order */
    size_t entry_n;
    int progress_fd;
    struct work_record *records;
    size_t record_n;
    struct work_failure failure; /* code 0 = none */
    /* data */
    struct dataset data; /* version, profile */
    const char *data_key;
    struct frame f; /* rows after row operations, once have_rows */
    int have_frame, have_rows, frame_is_cached;
    size_t rows_read, rows_without_target;
    int64_t *stage_dropped; /* by index in project->stages: rows dropped by its row operations */
    struct split split;
    int have_split;
    pthread_t cache_thread; /* writes the frame to the cache */
    int cache_running;
    /* columns */
    struct value **raw;       /* by column of the file: the value that all others start from */
    struct feature *features; /* current state; WORK_COLUMNS_MAX at most */
    size_t feature_n;
    struct graph fit;               /* GRAPH_FIT */
    double target_low, target_high; /* clip of the training target */
    /* model */
    str_t onnx;
    char onnx_sha256[65];
    str_t model_json;           /* members of "model" that training knows, in an object */
    const char *evaluation_key; /* of its cache entry */
    str_t evaluation_json;      /* {"metrics","comparison","slices"} */
    struct json evaluation;     /* the same, parsed */
    str_t reference_json;       /* monitor.json */
    struct condition_outcome *gates;
    int refused;
    const char *refused_why;
};

/* ---- work_log.c ---- */
/* Fills w->failure once (the first cause stays) and returns the code. */
int work_fail(struct work *w, const struct err *err, const char *stage, struct place at,
              int is_config);
int work_failf(struct work *w, int code, const char *stage, struct place at, const char *fmt, ...)
    PRINTF_LIKE(5, 6);
void work_progress(struct work *w, const struct work_record *r, const char *state,
                   const char *message);
/* A record is begun, then ended as success, skipped or failed. */
struct work_record *work_begin(struct work *w, const char *name, const char *kind,
                               const struct decision *d, const char *key);
void work_end(struct work *w, struct work_record *r, int rc);
void work_warn(struct work *w, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* ---- work_keys.c ---- */
const char *work_engine(struct work *w, int with_duckdb);
struct lock_stage *work_data_entry(struct work *w, const char *sha256);
/* Entries of all stages after the data; w->data_key is known. */
int work_stage_entries(struct work *w);
struct lock_stage *work_entry(struct work *w, const char *name);
/* file: what a finished stage leaves in the cache; NULL = nothing is kept, it always runs. */
struct decision work_decide(struct work *w, const struct lock_stage *now, const char *file);
void work_lock_text(struct work *w, struct buf *out);

/* ---- work_cache.c ---- */
char *work_cache(struct work *w, const char *key, const char *file);
/* Writes a cache file; failures cost only time later and are ignored. */
void work_cache_put(struct work *w, const char *key, const char *file, str_t bytes);
int work_cache_get(struct work *w, const char *key, const char *file, size_t max_bytes, str_t *out);
/* Removes the oldest entries that this run did not use until the cache is within its caps. */
void work_cache_trim(struct work *w, size_t max_bytes, size_t max_entries);

/* ---- work_data.c ---- */
int work_data(struct work *w);
int work_need_frame(struct work *w); /* raw rows, from the cache or by reading again */
int work_need_rows(struct work *w);  /* row operations applied */
int work_need_split(struct work *w);
int work_split_stage(struct work *w, const struct project_stage *s);
void work_frame_settle(
    struct work *w); /* waits for the cache writer: before rows move, and at the end */

/* ---- work_columns.c ---- */
int work_features_init(struct work *w);
struct feature *work_feature(struct work *w, str_t name); /* NULL when absent */
struct value *work_value_new(struct work *w, enum value_op op, const char *name, struct value *x);
/* Appends what the value needs to the graph; "" when the graph has failed. */
const char *work_value_in_graph(struct work *w, struct graph *g, enum value_graph which,
                                struct value *v, struct err *err);
/* The value for all rows, as a column; computed by the kernels of serving. */
int work_value_column(struct work *w, struct value *v, const struct column **out,
                      struct err *err) WARN_UNUSED;
/* Numeric graph values for all rows, rows shared out among the threads. */
int work_graph_eval(struct work *w, const struct graph *g, const char *value, size_t width,
                    double *const *columns, struct err *err) WARN_UNUSED;
/* Type and raw column of a column for expressions. */
int work_feature_type(void *arg, const struct expr *name, enum expr_type *out, struct err *err);

/* ---- work_prepare.c ---- */
int work_do_stage(struct work *w, const struct project_stage *s);
/* Rules of a stage on the columns as they stand. */
int work_expect(struct work *w, const struct project_stage *s, struct err *err, struct place *at);

/* ---- work_train.c ---- */
int work_model_stage(struct work *w, const struct project_stage *s);

/* ---- work_evaluate.c ---- */
int work_evaluate(struct work *w);
int work_gates(struct work *w, const struct project_stage *s);

/* ---- work_reference.c ---- */
/* Describes inputs in the training part, predictions and errors in the test part; sets
 * w->reference_json. prediction: of all rows. */
int work_reference(struct work *w, const double *prediction, const struct evaluate_part *test,
                   const struct evaluation *e, struct err *err) WARN_UNUSED;

/* ---- work_result.c ---- */
int work_write_model(struct work *w, struct err *err) WARN_UNUSED;
int work_write_result(struct work *w, struct err *err) WARN_UNUSED;
