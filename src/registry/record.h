/* SPDX-License-Identifier: Apache-2.0
 * From a run's result to a model version and its facts. */
#pragma once
#include "codec/json.h"
#include "registry/version.h"

struct record {
    const char *run_id;
    const char *model;         /* register under this name; NULL = result.model.name */
    const struct json *result; /* the parsed result file of the run */
    const char *files_digest;  /* tree of the model's folder in the blobs; NULL = not kept */
    int64_t files_bytes;       /* of that tree; 0 = unknown */
    const char *code_json;     /* {"commit","dirty","command"}; NULL = unknown */
};

/* Inside the transaction that finishes the run. Result "finished" with a model: makes the next
 * version with all its sections and adds facts on the model's digest ("gate.<expr>", "evaluation",
 * "comparison"). "refused" with a model: only the facts. Otherwise nothing. A run that has been
 * recorded already changes nothing. *out_number: the version, 0 = none. */
int registry_record(struct tx *tx, struct arena *a, const struct cause *by, const struct record *r,
                    int64_t *out_number, struct err *err) WARN_UNUSED;
