/* SPDX-License-Identifier: Apache-2.0
 * The runs of one experiment in memory, by column: which they are in their order, and the values
 * that filters and orders named so far. Made by the first search that needs it, kept exact by the
 * store's notes of changes (store.h), bounded by LISTINGS_BYTES for all experiments; the least
 * recently used goes first. What does not fit is searched in the database. Shared by the files of
 * track/ only.
 *
 * Threads: any; a listing is locked between open and close, others are not. */
#pragma once
#include "codec/expr.h"
#include "track/run_int.h"

enum {
    LISTINGS_BYTES = 24 << 20,
    LISTING_BYTES = 16 << 20, /* of one experiment */
    LISTING_COLUMNS_MAX = 64,
    LISTINGS_MAX = 256
};

struct listing;
struct column;

/* With `renew` the transaction sees the last commit from here on. 1: *out is open and as of the
 * snapshot; 0: this experiment is not held in memory; LISTING_AHEAD, without `renew` only: it is as
 * of a later commit than the snapshot. */
enum { LISTING_AHEAD = 2 };
int listing__open(struct tx *tx, int64_t experiment_id, int renew, struct listing **out,
                  struct err *err) WARN_UNUSED;
void listing__close(struct listing *l); /* NULL allowed */
/* The column of a name, valid until close; its values after listing__refresh. 1, or 0 when there is
 * no room for it. */
int listing__column(struct listing *l, const struct expr *name, int metric_parts,
                    const struct column **out);
/* Brings the columns that were asked for up to the snapshot: 1, or 0 when they do not fit. */
int listing__refresh(struct listing *l, struct err *err) WARN_UNUSED;

size_t listing__count(const struct listing *l);
/* In the order of searches: newest start first, then id. */
void listing__run(const struct listing *l, size_t row, char out_id[HEX32_TEXT],
                  int64_t *out_start_ms);
int listing__is_deleted(const struct listing *l, size_t row);
/* Strings are the column's. */
struct expr_value column__value(const struct column *c, size_t row);
