/* SPDX-License-Identifier: Apache-2.0
 * Views of the page that people keep: a name and a state (filter, order, columns …) that only the
 * page understands. One is the project's, seen by all, or private to who saved it. Inside a
 * transaction; results live in the caller's arena. */
#pragma once
#include "event/event.h"

struct saved_view {
    const char *page;  /* "runs", … */
    const char *name;  /* 1 to 250 bytes of UTF-8 */
    const char *owner; /* actor, or "" = the project's */
    const char *state; /* a JSON object, at most 64 KiB */
    int64_t creation_time_ms, last_update_time_ms;
};

/* Makes or replaces; the cause's actor owns it when it is private. */
int saved_view_put(struct tx *tx, const struct cause *by, const struct saved_view *v,
                   struct err *err) WARN_UNUSED;
/* Those of the project and of `actor`, by name; page NULL = all; at most 1000. */
int saved_view_list(struct tx *tx, struct arena *a, const struct cause *by, const char *page,
                    struct saved_view **out, size_t *out_n, struct err *err) WARN_UNUSED;
/* ERR_NOT_FOUND when there is none of that owner. */
int saved_view_delete(struct tx *tx, const struct cause *by, const struct saved_view *v,
                      struct err *err) WARN_UNUSED;
