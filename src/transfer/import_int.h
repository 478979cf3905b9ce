/* SPDX-License-Identifier: Apache-2.0
 * Shared by the files of an import only: what is collected of a run or model before it is written.
 */
#pragma once
#include "base/map.h"
#include "registry/adopt.h"
#include "track/adopt.h"
#include "track/dataset.h"
#include "transfer/import.h"
#include "transfer/journal.h"
#include "transfer/wire.h"

struct pair_list {
    struct track_pair *items;
    size_t n, cap;
};

struct points {
    const char *key;
    struct metric_point *points;
    size_t n;
};

struct foreign_input {
    struct dataset dataset;
    const char *context;
    struct pair_list tags;
};

struct foreign_link {
    struct run_model model;
    int output;
};

struct foreign_run {
    struct run row;
    int64_t foreign_experiment, deleted_ms; /* -1 = active */
    struct pair_list params, tags;
    struct foreign_link *models; /* logged models it read or made */
    size_t models_n, models_cap;
    struct points *points;
    size_t points_n, points_cap;
    struct foreign_input *inputs;
    size_t inputs_n, inputs_cap;
    uint64_t digest;
    int left_out; /* parts of it could not be written */
    int written;
};

struct foreign_logged {
    struct logged_model row;
    int64_t foreign_experiment;
    struct pair_list params, tags;
    struct logged_metric *metrics;
    size_t metrics_n, metrics_cap;
};

struct foreign_version {
    struct version row;
    const char *storage; /* where its files lie, when not where source says; else NULL */
    struct pair_list tags;
};

struct foreign_model {
    struct model row;
    struct pair_list tags;
    struct model_alias *aliases;
    size_t aliases_n, aliases_cap;
    struct foreign_version *versions;
    size_t versions_n, versions_cap;
    uint64_t digest;
};

struct foreign_experiment {
    struct experiment row;
    struct pair_list tags;
};

struct import {
    const struct import_options *o;
    struct arena *a;    /* of the report and of what lives as long */
    struct arena batch; /* of what waits to be written */
    struct import_report *r;
    const char *source;
    struct map journal;     /* see journal_load */
    struct map experiments; /* foreign id text → int64_t *, our id */
    struct err *err;
    int in_batch; /* runs and points waiting */

    struct foreign_experiment *exps;
    size_t exps_n, exps_cap;
    struct foreign_run *runs; /* the last one may be incomplete */
    size_t runs_n, runs_cap;
    size_t batch_points;
    struct foreign_model *model; /* being collected */
    size_t counts_cap, differences_cap;
    struct foreign_logged *logged; /* the last one may be incomplete */
    size_t logged_n, logged_cap;
    int64_t runs_read, points_read, models_read;
    int done;
};

/* "source and here differ in this": kept for the report. */
void import_differs(struct import *im, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Is a refusal of one thing, after which the rest goes on? */
int import_is_refusal(int rc);

/* Puts the counts where the watch shows them. */
void import_show(struct import *im);
/* Shall it stop? Asked between frames, files and reads. */
int import_stopped(struct import *im);

/* ---- digest.c: order does not count ---- */
uint64_t digest_run(const struct foreign_run *r);
uint64_t digest_model(const struct foreign_model *m);
/* Reads a run back and compares. 1 equal, 0 not, negative an error. */
int digest_check(struct tx *tx, const struct foreign_run *r, struct err *err);

/* ---- write.c ---- */
int import_write_experiments(struct import *im);
int import_write_runs(struct import *im);
int import_write_logged(struct import *im);
int import_write_model(struct import *im, struct foreign_model *m);

/* ---- artifacts.c ---- */
/* Copies the folder *uri to `place` below our destination when it is to be and can be, and sets
 * *uri (in im->batch). `what` names its owner in messages. */
int import_copy_artifacts(struct import *im, const char *what, const char *place, const char **uri);
