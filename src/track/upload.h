/* SPDX-License-Identifier: Apache-2.0
 * Uploads in parts: each part is a blob of its own until the whole is put together and named
 * (artifact.h). Rows, so they survive a restart; what nobody finishes within UPLOAD_LIFE_S is
 * forgotten, and its parts are collected. Inside a transaction; results in the caller's arena. */
#pragma once
#include "store/store.h"

enum {
    UPLOAD_PARTS_MAX = 10000,
    UPLOADS_OPEN_MAX = 1000,
    UPLOAD_LIFE_S = 24 * 3600,
};

struct upload {
    const char *id, *path; /* where in the tree of artifacts it will be */
    int64_t part_count;
    int64_t expires_ms;
    const char *joiner; /* process that puts it together now; "" = nobody; "done" = it is named */
};

struct upload_part {
    int64_t number; /* from 1 */
    const char *digest;
    int64_t bytes;
};

/* ERR_UNAVAILABLE when too many are open. */
int upload_create(struct tx *tx, const struct upload *u, struct err *err) WARN_UNUSED;
int upload_get(struct tx *tx, struct arena *a, const char *id, struct upload *out,
               struct err *err) WARN_UNUSED;
/* A part that came again replaces the one before. ERR_NOT_FOUND: unknown or expired; ERR_INVALID:
 * no such part; ERR_CONFLICT: it is put together already. */
int upload_part_put(struct tx *tx, const char *id, const struct upload_part *part,
                    struct err *err) WARN_UNUSED;
/* Those that are there, by number. */
int upload_parts(struct tx *tx, struct arena *a, const char *id, struct upload_part **out,
                 size_t *out_n, struct err *err) WARN_UNUSED;
/* Marks it as being put together. A mark of another process is of one that died: there is one
 * server. ERR_UNAVAILABLE when this process does it already. */
int upload_join_begin(struct tx *tx, const char *id, const char *joiner,
                      struct err *err) WARN_UNUSED;
int upload_join_end(struct tx *tx, const char *id, struct err *err) WARN_UNUSED;
/* It is named: parts are forgotten, the row stays until it expires, for those who ask again.
 * ERR_CONFLICT: the joiner puts it together no more, since it was aborted or expired meanwhile. */
int upload_done(struct tx *tx, const char *id, const char *joiner, struct err *err) WARN_UNUSED;
/* Forgets it. ERR_NOT_FOUND when unknown. */
int upload_abort(struct tx *tx, const char *id, struct err *err) WARN_UNUSED;
/* Forgets what expired. */
int upload_sweep(struct tx *tx, struct err *err) WARN_UNUSED;
