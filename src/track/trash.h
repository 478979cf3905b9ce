/* SPDX-License-Identifier: Apache-2.0
 * What was deleted and can come back, how it goes for good, and runs that change experiments.
 *
 * Purging removes rows; the bytes they referred to are found by the garbage collection of the blobs
 * (store/gc.h). Modules above that keep rows of their own about a run take them away in a rule of
 * "run.purged", copy them in one of "run.copied" (event.h). Inside a transaction of the store. */
#pragma once
#include "track/run.h"

struct trash_run {
    const char *id, *name, *experiment;
    int64_t experiment_id, deleted_time_ms;
};

/* Deleted runs whose experiment is not, last deleted first, at most `limit`. */
int trash_runs(struct tx *tx, struct arena *a, const char *project, int64_t limit,
               struct trash_run **out, size_t *out_n, struct err *err) WARN_UNUSED;

/* For good, with everything measured; only from the trash: ERR_CONFLICT for an active run. */
int run_purge(struct tx *tx, const struct cause *by, const char *id, struct err *err) WARN_UNUSED;

enum { PURGE_STEP = 200 }; /* runs that one transaction purges */

/* A deleted experiment with its runs, PURGE_STEP of them a call so that others may write between;
 * *out_done = 1 once the experiment itself is gone. ERR_CONFLICT when it is active or Default. */
int experiment_purge(struct tx *tx, const struct cause *by, int64_t id, int *out_done,
                     struct err *err) WARN_UNUSED;

/* Makes a name usable again that only a deleted experiment holds: that one is renamed to "name~id".
 * Nothing happens when nobody or an active experiment holds it. */
int experiment_name_release(struct tx *tx, const struct cause *by, const char *name,
                            struct err *err) WARN_UNUSED;

/* Both need an active run and an active experiment. The copy has parameters, tags, metrics with
 * their history, and inputs; it refers to the same artifacts; its tag slipway.copied_from names the
 * original. ERR_CONFLICT when the run is still going on. Moving it where it is changes nothing. */
int run_move(struct tx *tx, const struct cause *by, const char *id, int64_t experiment_id,
             struct err *err) WARN_UNUSED;
int run_copy(struct tx *tx, const struct cause *by, const char *id, int64_t experiment_id,
             char out_id[HEX32_TEXT], struct err *err) WARN_UNUSED;
