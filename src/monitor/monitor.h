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
    int64_t window_ms;       /* 1h; from 1s to 31d */
    double log_inputs;       /* share of the requests whose inputs are kept: 1 */
    int log_on;              /* predictions are kept at all: 1 */
    int64_t keep_ms;         /* of predictions and labels: 90d */
    uint64_t keep_bytes;     /* of predictions, and of labels: 4 GiB each */
    int64_t keep_windows_ms; /* of the judged windows: 3 years */
    struct monitor_policy policy;
};
struct monitor_settings monitor_settings_default(void);
/* {"window":"1h","log":{"on","sample","inputs","keep","max"},"windows":{"keep"},"drift":{"alpha",
 * "number","category","rows_min","floor":{method: number}}}; what is left out keeps its default.
 * ERR_INVALID names the member. */
int monitor_settings_read(str_t json, struct monitor_settings *out, struct err *err) WARN_UNUSED;
/* The defaults when there are none. */
int monitor_settings_get(struct tx *tx, const char *endpoint, struct monitor_settings *out,
                         struct err *err) WARN_UNUSED;
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
/* The server's own thread: a turn each second by the real clock. */
int monitor_thread_start(struct monitor *m, struct err *err) WARN_UNUSED;

/* The reference of a model version, or ERR_NOT_FOUND when it was made without one. */
int monitor_reference_load(struct store *s, struct blobs *b, struct arena *a, const char *project,
                           const char *model, const char *version, struct monitor_reference **out,
                           struct err *err) WARN_UNUSED;
/* The project and name behind a serving name. */
void monitor_served_split(struct arena *a, const char *served, const char **out_project,
                          const char **out_name);

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

/* ---- labels ---- */

/* The true value of one prediction. The last one that comes for an id holds. */
struct monitor_label {
    unsigned char id[16];
    uint32_t row; /* of a request with several rows: "<id>:3" */
    double value;
    int64_t time_ms; /* when the truth was known; 0 = now */
};
/* "<uuid>" or "<uuid>:<row>". */
int monitor_label_id(str_t text, struct monitor_label *out, struct err *err) WARN_UNUSED;

struct monitor_labels_done {
    size_t accepted; /* on disk now */
    size_t unknown;  /* of them: no prediction of that id is kept; it may still be on its way */
    size_t windows;  /* touched */
};
/* Keeps them all or none; they are on disk when it returns. ERR_NO_SPACE. */
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
/* Calls fn for each row predicted in [from_ms, to_ms), oldest first; fn returns other than 0 to
 * stop, which is returned. labelled: only those with a label. */
int monitor_rows(struct monitor *m, const char *endpoint, int64_t from_ms, int64_t to_ms,
                 int labelled, int (*fn)(void *arg, const struct monitor_row *row), void *arg,
                 struct err *err) WARN_UNUSED;
