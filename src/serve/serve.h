/* SPDX-License-Identifier: Apache-2.0
 * The serving table: endpoints → loaded versions → predictors, and what happens to a prediction.
 *
 * Readers (any number of threads) see an immutable snapshot through one pointer: a prediction takes
 * no lock, no SQL and no memory but its request's arena and its thread's scratch. Writers build a
 * new snapshot, swap the pointer, wait until no reader can see the old one (epoch.h), then free it:
 * an endpoint changes version without one failed answer. Counters are striped by thread and merged
 * once a second. Loading and publishing are for one thread at a time (a lock sees to it). */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/rng.h"
#include "serve/watch.h"

struct serve;
struct serve_version; /* one loaded model version, shared by the endpoints that serve it */

enum serve_type { SERVE_DOUBLE, SERVE_LONG, SERVE_BOOLEAN, SERVE_STRING };

/* An input column of a version, in the order of its signature. */
struct serve_column {
    str_t name;
    enum serve_type type;
    int required; /* must be named in every row; the value may still be missing (null) */
    int may_miss; /* null and NaN are taken */
    size_t input; /* of the predictor */
};

struct serve_output {
    const char *name;
    size_t width;
};

/* What a version is made of. */
struct serve_spec {
    const char *project;         /* NULL = "default" */
    const char *model, *version; /* "diabetes", "2" */
    const char *digest;          /* SHA-256 of the model file, or NULL */
    str_t onnx;                  /* the model file */
    const char *signature; /* JSON {"inputs":[…],"outputs":[…]}, or NULL: as the graph says */
    const char *input_example; /* JSON object of one row, or NULL; run once before publishing */
    const struct watch_feature *watch; /* what is counted (watch.h); copied */
    size_t watch_n;
};

int serve_open(struct serve **out, struct err *err) WARN_UNUSED;
/* No prediction may be running or come any more. NULL allowed. */
void serve_close(struct serve *s);

/* Compiles a version and runs its example. The caller publishes or frees it. Slow: never on a
 * connection thread. ERR_CORRUPT or ERR_INVALID says what is wrong with the model. */
int serve_version_load(const struct serve_spec *spec, struct serve_version **out,
                       struct err *err) WARN_UNUSED;
void serve_version_free(struct serve_version *v); /* one that was never published; NULL allowed */

/* A loaded version of that model with that digest, whichever endpoint serves it, or NULL: publish
 * it without loading it again. The digest counts because a model that was deleted and made again
 * gives its numbers again. Valid until it is unpublished: call under the one loading thread. */
struct serve_version *serve_loaded(struct serve *s, const char *model, const char *version,
                                   const char *digest);
/* From now on the endpoint answers with v (taken over; the one before stays loaded for a rollback).
 * Waits until nobody uses what fell out of the table. */
int serve_publish(struct serve *s, const char *endpoint, struct serve_version *v,
                  struct err *err) WARN_UNUSED;
/* The endpoint is gone; absent is fine. */
void serve_remove(struct serve *s, const char *endpoint);
/* Remembers why the desired version is not the one that answers; NULL = all is well. */
void serve_set_problem(struct serve *s, const char *endpoint, const char *wanted_version,
                       const char *reason);

/* ---- predictions ---- */

enum serve_form { SERVE_NONE, SERVE_INSTANCES, SERVE_INPUTS, SERVE_SPLIT, SERVE_RECORDS };

/* One prediction request. The caller fills the first part; begin fills the second. */
struct serve_call {
    str_t name;              /* endpoint's name first, else a model's name */
    str_t version;           /* n = 0: the one that serves */
    str_t body;              /* JSON */
    struct arena *arena;     /* for strings with escapes and batches */
    int64_t started_ns;      /* clock_mono_ns of the request */
    const unsigned char *id; /* 16 bytes: of the prediction, for the log; NULL = not logged */
    int dataframes; /* also dataframe_split and dataframe_records; extra columns are dropped */

    enum serve_form form; /* SERVE_NONE: the body had none of the known keys */
    size_t rows;
    const struct serve_version *loaded;
    size_t output_n;
    const struct serve_output *outputs;
    double *const *values;      /* output_n arrays of rows·width */
    const void *const *columns; /* of the body, in the order of the signature */
    str_t signature_name;       /* of TensorFlow Serving, n = 0 when not given */
    void *traffic;
    void *trial;    /* of the endpoint, when a candidate stands beside its version */
    int trial_arm;  /* which of the two answers */
    int64_t run_ns; /* of the version's own work, when there is a trial */
    int64_t epoch;
};

/* Finds the version, reads the body, predicts. After 0 or an error serve_call_end must follow, on
 * the same thread; everything the call points to is valid until then. ERR_NOT_FOUND: no such
 * endpoint or version (did you mean …); ERR_INVALID: the body, message with row and column;
 * ERR_LIMIT: too many rows for the memory of a request. */
int serve_call_begin(struct serve *s, struct serve_call *c, struct err *err) WARN_UNUSED;
/* Counts the call (failed: 1) and lets go of the snapshot. */
void serve_call_end(struct serve *s, struct serve_call *c, int failed);

/* Reads the rows of c->body as v takes them, without a prediction and without a table: for what
 * looks at rows in another way. Sets c->form and c->rows; (*out_columns)[i] is column i of the
 * signature, c->rows doubles (NaN = missing) or str_t (empty = missing), in c->arena. Errors as
 * serve_call_begin, plus ERR_INVALID for a body without rows. */
int serve_read_rows(struct serve_call *c, const struct serve_version *v,
                    const void *const **out_columns, struct err *err) WARN_UNUSED;
/* Columns in the order of the signature; they live with v. */
size_t serve_version_columns(const struct serve_version *v, const struct serve_column **out);

/* The same on a version that the caller loaded for itself: no table, no counters, no end. */
int serve_call_version(const struct serve_version *v, struct serve_call *c,
                       struct err *err) WARN_UNUSED;

/* Writes "predictions" of a call as a JSON value: one output of width 1 gives bare numbers, more
 * outputs give an object a row. nan_tokens: bare NaN, else null. */
struct buf;
void serve_write_rows(const struct serve_call *c, struct buf *out);
/* Column form: one output gives its array, more give an object of arrays. */
void serve_write_columns(const struct serve_call *c, struct buf *out);

/* ---- a candidate beside the version that serves ---- */

/* How a candidate takes part: it answers `permille` of the requests, or with shadow it answers a
 * copy of each request, behind the answer, for the counters alone. */
struct serve_share {
    unsigned permille; /* 0 to 1000 */
    int shadow;
};

/* Puts v (taken over) beside the version of an endpoint that serves; with the version that is the
 * candidate already only the share changes. Another candidate starts counters anew.
 * ERR_NOT_FOUND: no such endpoint serves. */
int serve_candidate_set(struct serve *s, const char *endpoint, struct serve_version *v,
                        struct serve_share share, struct err *err) WARN_UNUSED;
/* Takes the candidate out; absent is fine. serve_publish of the candidate itself does it too: the
 * swap is one step for those who ask. */
void serve_candidate_clear(struct serve *s, const char *endpoint);

/* Cells of predictions that need no reference: eight an octave by magnitude and sign, so that two
 * versions are counted alike whatever their scale. */
enum { SERVE_ARM_LATENCIES = 96, SERVE_ARM_CELLS = 1024 };

/* What one arm of a trial did since the trial began. Latency is the version's own work. */
struct serve_arm {
    char version[32];
    uint64_t requests, errors, rows;
    uint64_t skipped; /* copies for the shadow that were dropped: queue full, body too large */
    double sum, sum_squares; /* of the first output, finite values */
    uint64_t not_finite;
    uint64_t latency[SERVE_ARM_LATENCIES]; /* serve_arm_quantile reads it */
    uint64_t cells[SERVE_ARM_CELLS];
};
/* arms[0] the version that serves, arms[1] the candidate. ERR_NOT_FOUND: there is no trial. */
int serve_arms_get(struct serve *s, const char *endpoint, struct serve_arm arms[2]) WARN_UNUSED;
/* Milliseconds, of the counts in `latency`; NaN when there are none. */
double serve_arm_quantile(const uint64_t latency[SERVE_ARM_LATENCIES], double q);
/* Waits until every shadow copy taken so far was answered; for tests. */
void serve_shadow_drain(struct serve *s);

/* ---- what is there ---- */

enum { SERVE_NAME = 256, SERVE_RING = 60 };

struct serve_status {
    char endpoint[SERVE_NAME];
    char model[SERVE_NAME];
    char version[32];   /* that answers; "" = none */
    char digest[72];    /* of its model file; "" = unknown */
    char previous[32];  /* also loaded; "" = none */
    char candidate[32]; /* of a trial; "" = none */
    char candidate_digest[72];
    struct serve_share share; /* of the candidate */
    char wanted[32];          /* of serve_set_problem; "" = none */
    char problem[480];        /* "" = none */
    int64_t loaded_ms;
};

/* Traffic of one version of an endpoint. */
struct serve_traffic_info {
    char version[32];
    uint64_t requests, errors, rows; /* ever */
    double rate;                     /* requests a second over the last minute */
    double p50_ms, p90_ms,
        p99_ms;             /* last minute, or ever when that was silent; NaN without requests */
    double mean_prediction; /* first output; NaN without predictions */
};

/* The last 60 whole seconds of an endpoint, oldest first. */
struct serve_series {
    int64_t t_ms[SERVE_RING];
    uint64_t requests[SERVE_RING], errors[SERVE_RING];
    double p99_ms[SERVE_RING]; /* NaN in a second without requests */
};

/* 0, or ERR_NOT_FOUND. */
int serve_status_get(struct serve *s, str_t name, struct serve_status *out,
                     struct err *err) WARN_UNUSED;
/* All endpoints, sorted by name; arena array. */
size_t serve_status_list(struct serve *s, struct arena *a, struct serve_status **out);
size_t serve_traffic_get(struct serve *s, struct arena *a, const char *endpoint,
                         struct serve_traffic_info **out);
/* Of one version, or of all when version is NULL. 0 or ERR_NOT_FOUND. */
int serve_series_get(struct serve *s, const char *endpoint, const char *version,
                     struct serve_series *out);

/* Latency histogram of a version for Prometheus: cumulative counts below bounds_ns[i]. */
struct serve_histogram {
    uint64_t *below; /* n */
    uint64_t count;
    double sum_seconds;
};
int serve_histogram_get(struct serve *s, struct arena *a, const char *endpoint, const char *version,
                        const int64_t *bounds_ns, size_t n, struct serve_histogram *out);

/* Columns and outputs of the version that a name answers with, in the arena; for metadata. */
int serve_signature_get(struct serve *s, struct arena *a, str_t name, str_t version,
                        struct serve_column **out, size_t *out_n, struct serve_output **out_outputs,
                        size_t *out_output_n, struct err *err) WARN_UNUSED;

/* The once-a-second merge; the server's own thread does it, tests call it with a time of theirs. */
void serve_tick(struct serve *s, int64_t now_ms);
int serve_thread_start(struct serve *s, struct err *err) WARN_UNUSED;
