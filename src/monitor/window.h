/* SPDX-License-Identifier: Apache-2.0
 * Windows of monitoring as the database keeps them: one row each for (endpoint, model, version,
 * start), small enough that a year of hours opens at once; the counts behind a row are a blob of
 * their own. A row is replaced whole: closing a window again (after a crash, or when a clock jumped
 * back into it) never counts anything twice.
 *
 * Endpoints go by the name that serves ("diabetes", "team.diabetes" in another project). Functions
 * with a struct tx run inside a transaction; results live in the caller's arena. */
#pragma once
#include "event/event.h"
#include "monitor/judge.h"

/* How well the predictions of a window did, as far as their true values are known. */
struct monitor_realised {
    uint64_t n;        /* predictions of the window, from the log */
    uint64_t labelled; /* of them with a true value; coverage = labelled / n */
    double rmse, mae, bias;
    double low, high; /* 95 % interval of rmse; NaN below MONITOR_LABELLED_MIN labels */
};
enum { MONITOR_LABELLED_MIN = 30 };

struct monitor_window {
    const char *endpoint, *model, *version;
    int64_t start_ms, end_ms;
    int64_t judged_ms; /* last time that it was closed or its labels changed */
    uint64_t requests, errors, rows;
    uint64_t gap_ms;             /* of it in which nothing could be counted */
    int has_reference;           /* 0: only traffic is known, state says insufficient_data */
    enum monitor_state state;    /* worst of the features */
    size_t features_n;           /* of the reference */
    const unsigned char *states; /* enum monitor_state of each */
    const float *levels; /* statistic of the deciding test / its threshold, of each; may be NaN */
    const float *scores; /* that statistic */
    uint32_t insufficient, ok, warnings, drifted, outputs_drifted, findings, severe;
    double worst_psi, output_psi;
    double prediction_mean; /* of the first output; NaN when unknown */
    struct monitor_realised realised;
};

struct monitor_window_query {
    const char *endpoint;
    const char *model, *version; /* both, or NULL = any */
    int64_t from_ms, to_ms;      /* from <= start < to; to 0 = for ever */
    int newest_first;
    int64_t limit;   /* 0 = 20000 */
    int with_states; /* also states */
    int with_levels; /* also states, levels and scores */
};

/* Replaces the row and its counts (of monitor_counts_pack). */
int monitor_window_put(struct tx *tx, const struct monitor_window *w, str_t counts,
                       struct err *err) WARN_UNUSED;
/* Only the realised part and judged_ms of a row that is there; ERR_NOT_FOUND. */
int monitor_window_realised(struct tx *tx, const struct monitor_window *w,
                            struct err *err) WARN_UNUSED;
int monitor_window_list(struct tx *tx, struct arena *a, const struct monitor_window_query *q,
                        struct monitor_window **out, size_t *out_n, struct err *err) WARN_UNUSED;
/* The packed counts of one window, whose verdict is computed from them again when somebody asks;
 * ERR_NOT_FOUND. */
int monitor_window_counts(struct tx *tx, struct arena *a, const struct monitor_window *key,
                          str_t *out, struct err *err) WARN_UNUSED;
/* Forgets windows that ended before that time. */
int monitor_window_trim(struct tx *tx, const char *endpoint, int64_t before_ms,
                        struct err *err) WARN_UNUSED;

/* Counts as bytes (varints, zeros in runs) and back into the cells of a reference; the shape stands
 * in the bytes. ERR_CORRUPT when they are damaged or are of another reference. */
/* A reference of NULL counts only what belongs to no feature. */
void monitor_counts_pack(const struct monitor_counts *c, struct buf *out);
int monitor_counts_unpack(struct arena *a, const struct monitor_reference *ref, str_t bytes,
                          struct monitor_counts *out, struct err *err) WARN_UNUSED;
/* Counts of zero for a reference; NULL past the arena's cap. */
struct monitor_counts *monitor_counts_new(struct arena *a, const struct monitor_reference *ref);
/* A reference that knows numbers of cells and nothing else, as the packed bytes have them; enough
 * to unpack and to add. ERR_CORRUPT. */
int monitor_counts_shape(struct arena *a, str_t bytes, struct monitor_reference **out) WARN_UNUSED;
/* Whether counts of one fit the cells of the other. */
int monitor_counts_fit(const struct monitor_reference *a, const struct monitor_reference *b);
/* Adds `from` to `to`, both of the same reference. */
void monitor_counts_add(struct monitor_counts *to, const struct monitor_counts *from);
