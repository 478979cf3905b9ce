/* SPDX-License-Identifier: Apache-2.0
 * A body that goes to disk while it comes in: gathered into blocks, each hashed and written once. A
 * large one bypasses the page cache (O_DIRECT, where the file system has it): it costs a fraction
 * of the processor time and evicts nothing. The file has no name; whoever closes it last frees it.
 */
#pragma once
#include "base/err.h"
#include "codec/hash.h"

enum {
    SPOOL_BLOCK = 256 * 1024, /* memory of one upload, at most */
    SPOOL_DIRECT = 1 << 20,   /* bodies known to be as large bypass the page cache */
};

struct spool {
    int fd; /* -1 = none */
    int direct;
    char *block;
    size_t n, room;
    int64_t bytes; /* written and hashed */
    struct sha256 hash;
};

/* A file in `dir`, made when absent. expected: bytes, or -1 when nobody said. */
int spool_open(struct spool *s, const char *dir, int64_t expected, struct err *err) WARN_UNUSED;
/* ERR_NO_SPACE when the disk is full; then only spool_drop is left to do. */
int spool_add(struct spool *s, const char *data, size_t n, struct err *err) WARN_UNUSED;
/* The rest is written; the file is rewound, readable as any other and handed over. */
int spool_finish(struct spool *s, int *out_fd, int64_t *out_bytes, char out_digest[SHA256_HEX],
                 struct err *err) WARN_UNUSED;
/* Frees what is left, the file too. After spool_finish or for zeroed memory it does nothing. */
void spool_drop(struct spool *s);
