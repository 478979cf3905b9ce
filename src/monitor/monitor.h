/* SPDX-License-Identifier: Apache-2.0
 * The monitor of a server: once a second it takes what the serving table counted and logged, keeps
 * it in files, closes windows that ended, judges them, joins the labels that came.
 *
 * Below <data>/monitor/: `open/` holds the counts of windows that are open, as deltas;
 * `endpoints/<name>/predictions/` and `…/labels/` are append-only (store/segment.h). After kill -9
 * the counts of at most the last second are missing, and the window says so (gap_ms); labels that
 * were acknowledged are on disk. Full disk: predictions are dropped and counted, labels are refused
 * whole (ERR_NO_SPACE).
 *
 * Time comes in as an argument. One thread ticks; everything else any thread may call. A closed
 * window is told by the event `monitor.window_closed` of the subject `endpoint/<name>`, at most one
 * an endpoint and tick, with {"endpoint","windows","realised","newest_start_ms"}: how many windows
 * closed, how many have other realised figures than before. */
#pragma once
#include "monitor/window.h"
#include "serve/watch.h"
#include "store/blobs.h"

struct monitor;
struct serve;

struct monitor_options {
    struct store *store;
    struct blobs *blobs;
    struct serve *serve;  /* NULL: nothing is counted; windows, log and labels only */
    const char *data_dir; /* of the home */
};

/* ---- what is asked of an endpoint ---- */

/* Settings of one endpoint's monitor, as JSON in the database under its serving name. */
struct monitor_settings {
    int64_t window_ms;       /* 1h; from 1s to 31d; windows start at multiples of it since 1970 */
    int log_on;              /* predictions are kept: 1; else labels find nothing */
    double log_inputs;       /* share of the requests whose inputs are kept too: 1 */
    int64_t keep_ms;         /* of predictions and labels: 90d */
    uint64_t keep_bytes;     /* of predictions, and of labels: 4 GiB each */
    int64_t keep_windows_ms; /* of the judged windows: 1100d */
    struct monitor_policy policy;
};
struct monitor_settings monitor_settings_default(void);
/* {"window":"1h","log":{"on":true,"sample":1.0,"inputs":true,"keep":"90d","max":"4GiB"},
 * "keep":"1100d","drift":{"alpha":0.05,"number":"psi","category":"chi2","rows_min":30,
 * "floor":0.1}}; what is left out keeps its default, members of others are left to them. floor: one
 * number, or one a method. ERR_INVALID names the member. */
int monitor_settings_read(str_t json, struct monitor_settings *out, struct err *err) WARN_UNUSED;
/* The defaults when there are none. *out_json (optional): the text, NULL when there is none. */
int monitor_settings_get(struct tx *tx, struct arena *a, const char *endpoint,
                         struct monitor_settings *out, const char **out_json,
                         struct err *err) WARN_UNUSED;
/* The subject of an event about an endpoint that is served under that name: "endpoint/<name>", as
 * the others of its project (the cause's) have it. In the arena. */
const char *monitor_event_subject(struct arena *a, const struct cause *by, const char *served);
/* Keeps the text (checked); NULL goes back to the defaults. Emits `monitor.settings`. */
int monitor_settings_set(struct tx *tx, const struct cause *by, const char *endpoint,
                         const char *json, struct err *err) WARN_UNUSED;

/* ---- the life of it ---- */

/* Makes the folders, reads back the open windows. */
int monitor_open(struct monitor **out, const struct monitor_options *options,
                 struct err *err) WARN_UNUSED;
/* Stops the thread after a last tick. NULL allowed. */
void monitor_close(struct monitor *m);
/* One turn at that time. An error leaves everything to the next turn. */
int monitor_tick(struct monitor *m, int64_t now_ms, struct err *err) WARN_UNUSED;
/* The server's own threads: a turn each second by the real clock, and one that empties the rings of
 * the log four times a second. */
int monitor_thread_start(struct monitor *m, struct err *err) WARN_UNUSED;

struct monitor_version {
    const char *project, *model, *version;
};
/* The reference of a model version; ERR_NOT_FOUND when it was made without one. */
int monitor_reference_load(struct store *s, struct blobs *b, struct arena *a,
                           const struct monitor_version *v, struct monitor_reference **out,
                           struct err *err) WARN_UNUSED;
/* What the serving path counts for a reference: ref->n features, in its order; borrowed from it. */
int monitor_watch_features(struct arena *a, const struct monitor_reference *ref,
                           struct watch_feature **out, struct err *err) WARN_UNUSED;

/* What is known right now about one endpoint. */
struct monitor_status {
    int64_t last_tick_ms, window_ms;
    int64_t open_start_ms;       /* of the open window of the version that counts; 0: none */
    uint64_t open_rows;          /* counted in it */
    uint64_t predictions;        /* logged since the server started */
    uint64_t dropped;            /* that were not: ring or disk full */
    uint64_t skipped;            /* rows not counted in cells */
    uint64_t labels;             /* taken since the server started */
    uint64_t labels_unknown;     /* of them without a prediction so far */
    uint64_t lost_bytes;         /* of torn or damaged records found at start */
    int64_t predictions_from_ms; /* oldest prediction still kept, 0: none */
    char problem[200];           /* of the last tick, "" = none */
};
void monitor_status_get(struct monitor *m, const char *endpoint, struct monitor_status *out);

/* The newest judged window of each version of each endpoint, for /metrics: kept in memory. */
enum { MONITOR_SHOWN_FEATURES = 200, MONITOR_SHOWN_VERSIONS = 4 };
struct monitor_shown_feature {
    const char *name;
    enum monitor_method method;
    double score, threshold, missing_ratio;
    int alert; /* drifted in two of the last three windows */
};
struct monitor_shown {
    const char *endpoint, *model, *version;
    int64_t end_ms;
    uint64_t rows;
    struct monitor_realised realised;       /* of the newest window that has any label */
    struct monitor_performance performance; /* of the reference; n = 0: none */
    struct monitor_shown_feature *features; /* the first MONITOR_SHOWN_FEATURES */
    size_t n;
};
/* An arena array; 0 when memory is out. */
size_t monitor_shown_list(struct monitor *m, struct arena *a, struct monitor_shown **out);
/* Serving names of all endpoints that are known; an arena array. */
size_t monitor_endpoint_names(struct monitor *m, struct arena *a, const char ***out);

/* ---- labels ---- */

/* The true value of one prediction. The last one that comes for an id holds. */
struct monitor_label {
    unsigned char id[16];
    uint32_t row; /* of a request with several rows: "<id>:3" */
    double value;
    int64_t time_ms; /* when the truth was known; 0 = now */
    uint32_t order;  /* set inside */
};
/* "<uuid>" or "<uuid>:<row>". */
int monitor_label_id(str_t text, struct monitor_label *out, struct err *err) WARN_UNUSED;

struct monitor_labels_done {
    size_t accepted; /* on disk now */
    size_t unknown;  /* of them: no prediction of that id is kept; kept all the same */
};
enum { MONITOR_LABELS_MAX = 400000 }; /* of one call */
/* Keeps them all or none; they are on disk when it returns. ERR_LIMIT for too many, ERR_NO_SPACE.
 */
int monitor_labels_add(struct monitor *m, const char *endpoint, const struct monitor_label *list,
                       size_t n, int64_t now_ms, struct monitor_labels_done *out,
                       struct err *err) WARN_UNUSED;

/* ---- predictions ---- */

/* An input of a logged row. */
struct monitor_value {
    int is_text;
    double number; /* NaN: missing */
    str_t text;    /* empty: missing */
};

/* One logged row, with its label when one came. Valid during the call. */
struct monitor_row {
    unsigned char id[16];
    uint32_t row;
    int64_t time_ms;
    const char *model, *version;
    double prediction; /* first output */
    int has_label;
    double label;
    int64_t label_ms;
    size_t columns; /* 0: inputs were not kept */
    const str_t *names;
    const struct monitor_value *values;
};
struct monitor_rows_query {
    int64_t from_ms, to_ms;                              /* predicted at from <= t < to */
    int labelled;                                        /* 1: only rows with a label */
    int (*fn)(void *arg, const struct monitor_row *row); /* other than 0 ends it and is returned */
    void *arg;
};
/* Calls fn for each row, hour by hour, within one in the order of the log. An endpoint without a
 * log has none. */
int monitor_rows(struct monitor *m, const char *endpoint, const struct monitor_rows_query *q,
                 struct err *err) WARN_UNUSED;
