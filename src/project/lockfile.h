/* SPDX-License-Identifier: Apache-2.0
 * slipway.lock: what each stage consumed and made in the last good run, as YAML in a stable order,
 * made to be committed: it tells why a stage runs again and shows in a diff what a change did. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "codec/json.h"

struct lock_item {
    const char *name;  /* file, stage or parameter */
    const char *value; /* digest, or the parameter's text */
};

struct lock_stage {
    const char *name;
    const char *kind; /* "do", "split", "model", "gates" */
    struct lock_item *inputs;
    size_t input_n; /* digests of what it read */
    struct lock_item *params;
    size_t param_n;     /* "params.alpha": "0.5" */
    const char *code;   /* digest of the definition */
    const char *engine; /* what computed it: "slipway 0.1.0, duckdb 1.4.4" */
    struct lock_item *outputs;
    size_t output_n;
};

struct lock_data {
    const char *name, *path;
    int64_t bytes;
    const char *sha256;
    const struct json
        *dialect; /* how it was read; later files are read the same way; may be NULL */
};

struct lockfile {
    struct lock_data *data;
    size_t data_n;
    struct lock_stage *stages;
    size_t stage_n; /* in the order in which they ran */
};

int lockfile_parse(struct arena *a, str_t text, struct lockfile *out, struct err *err) WARN_UNUSED;
void lockfile_write(const struct lockfile *l, struct buf *out);
const struct lock_stage *lockfile_stage(const struct lockfile *l,
                                        const char *name); /* NULL when absent; l may be NULL */
const struct lock_data *lockfile_data(const struct lockfile *l, const char *name);
/* Why a stage whose old entry is `old` (NULL = none) must run as `now` (outputs are not looked at),
 * or NULL when nothing changed: "first run", "params.alpha 0.1 → 0.2", "data/houses.csv changed".
 */
const char *lock_reason(struct arena *a, const struct lock_stage *old,
                        const struct lock_stage *now);
/* Digest of a stage's kind, inputs, params, code and engine: the key of its cache entry. 64 hex
 * digits. */
const char *lock_key(struct arena *a, const struct lock_stage *s);
