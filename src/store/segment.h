/* SPDX-License-Identifier: Apache-2.0
 * Append-only files for data that does not belong into the database: predictions, labels, counts of
 * open windows.
 *
 * A log is a folder of segments; records are appended to the newest, which is sealed when it is
 * large or old enough and another one begun; sealed ones are removed whole by age and by total
 * size. A record spans a time, carries a kind and bytes, and is guarded by sums of its head and its
 * body. What a crash tore off the end is cut away at opening; a damaged record in the middle is
 * stepped over and counted. The name of a sealed segment says which times it holds, so a log of
 * thousands opens by listing its folder.
 *
 * segment_append writes without syncing (a kill loses nothing, a power cut what was not synced);
 * segment_sync makes durable what was appended before, and callers at the same time share one
 * sync. A record that cannot be written whole is taken back: nothing half ever stays. Any thread
 * may call anything. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

enum { SEGMENT_BODY_MAX = 16 << 20 };

struct segment_record {
    int64_t from_ms, to_ms; /* times of what is inside, both included; 0 <= from <= to */
    uint32_t kind;
    str_t body;
};

struct segment_options {
    const char *dir;
    uint64_t rotate_bytes; /* of one segment; 0 = 16 MiB */
    int64_t rotate_ms;     /* between first and last time in one segment; 0 = a day */
};

struct segment_info {
    size_t segments;
    uint64_t bytes;
    int64_t first_ms, last_ms; /* of all records; 0 without any */
    uint64_t lost_bytes;       /* cut off the end at opening, or stepped over while reading */
};

struct segment_log;
/* Makes the folder when it is absent. */
int segment_open(struct segment_log **out, const struct segment_options *options,
                 struct err *err) WARN_UNUSED;
void segment_close(struct segment_log *log); /* does not sync; NULL allowed */

/* ERR_NO_SPACE when the disk is full, ERR_LIMIT for a body over SEGMENT_BODY_MAX. */
int segment_append(struct segment_log *log, const struct segment_record *r,
                   struct err *err) WARN_UNUSED;
int segment_sync(struct segment_log *log, struct err *err) WARN_UNUSED;
/* Seals the newest segment now, if it holds anything. */
int segment_rotate(struct segment_log *log, struct err *err) WARN_UNUSED;
/* Removes sealed segments that hold nothing from before_ms on, then the oldest ones until no more
 * than max_bytes are there (0 = any). */
int segment_trim(struct segment_log *log, int64_t before_ms, uint64_t max_bytes,
                 struct err *err) WARN_UNUSED;
/* Removes all sealed segments. */
int segment_drop_sealed(struct segment_log *log, struct err *err) WARN_UNUSED;
void segment_info_get(struct segment_log *log, struct segment_info *out);

/* Calls fn for each record that touches [from_ms, to_ms), in the order of appending, as far as it
 * was appended before the call. The body is valid during fn; other than 0 from fn ends the scan and
 * is returned. Other threads may append meanwhile. */
struct segment_query {
    int64_t from_ms, to_ms;
    /* 0: the body of this record is not wanted, and not read; NULL: all are. r has no body yet. */
    int (*wanted)(void *arg, const struct segment_record *r);
    int (*fn)(void *arg, const struct segment_record *r, struct err *err);
    void *arg;
};
int segment_scan(struct segment_log *log, const struct segment_query *q,
                 struct err *err) WARN_UNUSED;

/* ---- the bytes of one segment, for reading them from memory ---- */

/* The record at *at, which moves behind it: 1, 0 at the end, ERR_CORRUPT when no whole record is
 * there (*at stays). segment_seek then finds the next place that looks like one; SIZE_MAX: none. */
int segment_next(str_t bytes, size_t *at, struct segment_record *out);
size_t segment_seek(str_t bytes, size_t from);
