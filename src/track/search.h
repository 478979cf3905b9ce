/* SPDX-License-Identifier: Apache-2.0
 * Search of runs by the expression language. Names: metrics.X, metrics_min.X,
 * metrics_max.X, params.X, tags.X, dataset.name,
 * dataset.digest, dataset.context and attributes (bare or attributes.X): run_id, name, status,
 * status_reason, user, start_time, end_time, duration, experiment, experiment_id, artifact_uri,
 * model, lifecycle_stage. Metrics compare against the latest value; with metric_parts also
 * metrics.X.last, .min, .max, .best (by its known direction) and .count, unless the run has a
 * metric of that whole name. What a run lacks is null, and null matches nothing.
 *
 * With `fresh`, experiments are searched in memory by column, where they fit. Else rows are
 * evaluated over the attributes of at most RUN_SEARCH_SCAN runs (ERR_LIMIT beyond: narrow by
 * experiment); metrics, params and tags are fetched only when the expression names them. */
#pragma once
#include "track/dataset.h"
#include "track/metric.h"

enum { RUN_SEARCH_SCAN = 1000000, RUN_SEARCH_LIMIT = 50000 };

struct expr; /* codec/expr.h */

/* *out = 1 when the run shall be in the answer. */
typedef int (*run_accept_fn)(void *arg, struct tx *tx, const struct run *r, int *out,
                             struct err *err);

struct run_query {
    const char *project;           /* NULL = default */
    const int64_t *experiment_ids; /* NULL = every experiment */
    size_t experiment_n;
    enum track_view view;
    const char *filter;          /* NULL or "" = all */
    struct expr *where;          /* instead of filter: a tree, checked and typed by the search */
    const char *const *order_by; /* "metrics.rmse DESC", "start_time"; nulls last both ways */
    size_t order_n;
    int64_t offset, limit; /* limit 0 = 100 */
    int64_t *total;        /* NULL, or gets how many match; then nothing ends the scan early */
    run_accept_fn accept;  /* asked of each run that the filter lets through; NULL = all */
    void *accept_arg;
    int metric_parts; /* metrics.X.min and its kin are read as parts of X */
    int fresh;        /* the snapshot may be renewed: then columns in memory answer (listing.h) */
    int ids_only;     /* of the runs only id and start_time_ms are filled in */
};

/* *out_more = 1 when further rows match after offset + limit. Ties: newest start first, then id. */
int run_search(struct tx *tx, struct arena *a, const struct run_query *q, struct run **out,
               size_t *out_n, int *out_more, struct err *err) WARN_UNUSED;
