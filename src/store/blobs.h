/* SPDX-License-Identifier: Apache-2.0
 * Content-addressed bytes under <data>/blobs/sha256/ab/abcdef…, and trees (named lists of blobs).
 * A blob is visible when whole and synced; equal bytes are stored once. Any thread or process. */
#pragma once
#include "base/fs.h"
#include "codec/hash.h"

struct blobs;

/* Folders that <dir>/elsewhere names, one absolute path a line, are part of it: bytes are looked
 * for and collected there too. */
int blobs_open(struct blobs **out, const char *dir, struct err *err) WARN_UNUSED;
void blobs_close(struct blobs *b);
/* From now on blobs_spool and blobs_take keep bytes below another folder (another disk), which is
 * made when absent and written down in <dir>/elsewhere. Called once, before other threads. */
int blobs_send_elsewhere(struct blobs *b, const char *dir, struct err *err) WARN_UNUSED;

/* What is there already under the digest is read once and written anew when it is damaged. */
int blobs_put(struct blobs *b, str_t bytes, char out_digest[SHA256_HEX],
              struct err *err) WARN_UNUSED;
/* Copies (reflink or hard work) a file in; the source stays. */
int blobs_put_file(struct blobs *b, const char *path, char out_digest[SHA256_HEX],
                   int64_t *out_bytes, struct err *err) WARN_UNUSED;
/* ---- bytes that come in pieces ---- */

/* Folder in which a file without a name (O_TMPFILE) can be taken without a copy. */
const char *blobs_spool_dir(const struct blobs *b);
/* Such a file; the caller closes it. Killed or closed, it is gone. */
int blobs_spool(struct blobs *b, int *out_fd, struct err *err) WARN_UNUSED;
/* The bytes in fd, whose digest the caller computed while writing them, become a blob: synced, then
 * visible. fd may come from any folder; from blobs_spool nothing is copied. Nobody may write to it
 * afterwards. ERR_NO_SPACE leaves nothing. */
int blobs_take(struct blobs *b, int fd, const char *digest, int64_t bytes,
               struct err *err) WARN_UNUSED;
/* Opens a blob for reading; *out_bytes is its size. It stays readable when it is removed. */
int blobs_open_read(struct blobs *b, const char *digest, int *out_fd, int64_t *out_bytes,
                    struct err *err) WARN_UNUSED;

/* ---- whole ---- */

int blobs_path(struct blobs *b, struct arena *a, const char *digest, char **out,
               struct err *err) WARN_UNUSED;
int blobs_get(struct blobs *b, struct arena *a, const char *digest, size_t max_bytes, str_t *out,
              struct err *err) WARN_UNUSED; /* ERR_CORRUPT when the bytes do not match the digest */

struct tree_entry {
    const char *path; /* relative, safe */
    const char *digest;
    int64_t bytes;
};

/* Puts every file under dir; the tree itself is a canonical JSON blob, whose digest names it. */
int blobs_put_tree(struct blobs *b, struct arena *a, const char *dir, char out_digest[SHA256_HEX],
                   int64_t *out_bytes, struct err *err) WARN_UNUSED;
int blobs_tree(struct blobs *b, struct arena *a, const char *digest, struct tree_entry **out,
               size_t *out_n, struct err *err) WARN_UNUSED;

/* ---- for the garbage collection (gc.h) ---- */

enum {
    BLOBS_GRACE_S = 3600
}; /* younger blobs are never removed: their reference may be on its way */

struct blob_file {
    const char *digest;
    int64_t bytes, mtime_s;
};
/* Every blob there is, in no order. */
int blobs_list(struct blobs *b, struct arena *a, struct blob_file **out, size_t *out_n,
               struct err *err) WARN_UNUSED;
/* Removes a blob that was not put for BLOBS_GRACE_S. Putting bytes that are there already counts as
 * putting them now, and no put can fall between the look and the removal, in any process.
 * *out_removed = 0 when it is young or gone. */
int blobs_remove_old(struct blobs *b, const char *digest, int *out_removed,
                     struct err *err) WARN_UNUSED;
