/* SPDX-License-Identifier: Apache-2.0
 * What of a foreign source has become what here, so that an import can be repeated or go on.
 * Inside a transaction. */
#pragma once
#include "base/map.h"
#include "store/store.h"

struct journal_entry {
    const char *our_id;
    uint64_t digest; /* of the content as it was read; 0 = none */
};

/* Everything of a source as a map from "kind foreign-id" to struct journal_entry *; all in a. */
int journal_load(struct tx *tx, struct arena *a, const char *source, struct map *out,
                 struct err *err) WARN_UNUSED;
const struct journal_entry *journal_find(const struct map *m, const char *kind,
                                         const char *foreign_id);
/* ERR_EXISTS when it is there. */
int journal_add(struct tx *tx, const char *source, const char *kind, const char *foreign_id,
                const struct journal_entry *e, struct err *err) WARN_UNUSED;
/* How many rows we have of what a source brought: "runs", "params", "points", … ; -1 = not counted.
 */
int journal_count(struct tx *tx, const char *source, const char *what, int64_t *out,
                  struct err *err) WARN_UNUSED;
