/* SPDX-License-Identifier: Apache-2.0
 * Shared by the files of track/ only. */
#pragma once
#include "store/rows.h"
#include "track/experiment.h"

enum {
    TRACK_KEY_MAX = 250,
    TRACK_PARAM_MAX = 6000,
    TRACK_TAG_MAX = 8000,
    TRACK_EXPERIMENT_NAME_MAX = 500,
    TRACK_LIST_MAX = 10000,
};
/* Numbers of experiments that come from elsewhere: room stays for those after it. */
#define TRACK_EXPERIMENT_ID_MAX (INT64_MAX / 2)

/* Names of keys: up to 250 bytes of letters, digits, "_-./: " and UTF-8, no "..", no "/" at the
 * ends. */
int track__check_key(const char *what, const char *key, struct err *err) WARN_UNUSED;
/* "at most max bytes of UTF-8". */
int track__check_value(const char *what, const char *key, const char *value, size_t max,
                       struct err *err) WARN_UNUSED;
int track__no_memory(struct err *err);
/* Tells pages that are open that a run got points, parameters or tags. */
void track__hint(struct tx *tx, const char *run_id);
/* "active", "deleted" or "any", as statements ask. */
const char *track__stage_of(enum track_view view);
/* The next number of an experiment; those of purged ones are not given again. */
int experiment__next_id(struct tx *tx, int64_t *out, struct err *err) WARN_UNUSED;
