/* SPDX-License-Identifier: Apache-2.0
 * Dataset versions: a manifest of the files, how they were read, what is in them. The SHA-256 of
 * its canonical JSON is the version. What a project does with the columns (roles, names) is not
 * part of it: two projects over the same file share the version. */
#pragma once
#include "data/csv.h"
#include "data/profile.h"

struct dataset {
    const char *name;
    char digest[SHA256_HEX];
    struct csv_file file;
    struct csv_dialect dialect;
    struct profile profile;
    const char *target, *key, *time; /* NULL = none */
};

/* Fills digest from the rest. */
int dataset_seal(struct dataset *d, struct err *err) WARN_UNUSED;
/* The manifest, canonical JSON. */
int dataset_manifest(const struct dataset *d, struct buf *out, struct err *err) WARN_UNUSED;
/* The "dataset" object of result.json, and back (the cache). */
void dataset_write(struct json_out *o, const struct dataset *d);
int dataset_read(struct arena *a, const struct json *v, struct dataset *out,
                 struct err *err) WARN_UNUSED;
