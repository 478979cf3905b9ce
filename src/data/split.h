/* SPDX-License-Identifier: Apache-2.0
 * Which row goes to which part. The rule is ours and stable for ever: equal inputs give equal parts
 * on every machine, with any number of threads.
 *
 * hash: u = siphash(seed, text of the key, or the row's content hash) / 2^64; train if u < train,
 * valid if u < train + valid, else test. Rows appended later never move the others; equal rows stay
 * together. time: rows in order of time; the first `train` share trains, the last `test` share
 * tests; rows of equal time are never torn apart. stratified: within each stratum rows in order of
 * u; the shares hold up to rounding and to the rows of one key, which stay together: they all join
 * the stratum of their first row, and a cut moves to the nearest change of u. A number column with
 * more than 20 distinct values is cut at its deciles. */
#pragma once
#include "codec/hash.h"
#include "data/frame.h"
#include "data/spec.h"

enum split_part { PART_TRAIN = 0, PART_VALID = 1, PART_TEST = 2 };

struct split {
    uint8_t *part;              /* of each row */
    size_t rows[3];             /* by part */
    uint32_t *index[3];         /* rows of each part, rising */
    char digest[3][SHA256_HEX]; /* SHA-256 over the content hashes of the part's rows, in their
                                   order */
    uint64_t *row_hash;         /* content hash of each row, seed 0 */
    size_t
        rows_shared;  /* rows of valid and test whose content (key and time left out) is in train */
    size_t keys_torn; /* keys of the source with rows in more than one part; by time, or by hash of
                         another column */
};

/* Memory from the frame's arena. INVALID when a column is missing, a share is wrong, a part would
 * be empty (names the part and the rows there are). */
int split_make(const struct frame *f, const struct csv_source *source,
               const struct split_spec *spec, int threads, struct split *out,
               struct err *err) WARN_UNUSED;
const char *split_part_name(enum split_part p); /* "train", "valid", "test" */
