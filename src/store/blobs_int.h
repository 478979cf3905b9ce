/* SPDX-License-Identifier: Apache-2.0
 * Between blobs.c and blobs_take.c. Functions that take one root look nowhere else. */
#pragma once
#include <limits.h>

#include "base/thread.h"
#include "store/blobs.h"

enum { BLOBS_MORE = 8, BLOBS_SOUND = 64, BLOBS_SOUND_MS = 60000 };

/* A blob whose bytes were compared with its digest a short while ago, so that putting the same
 * bytes again and again does not read them each time. */
struct blobs_sound {
    char digest[SHA256_HEX];
    uint64_t inode;
    int64_t ctime_ns, until_ms;
};

struct blobs {
    char *dir; /* …/blobs */
    char *tmp; /* …/blobs/tmp */
    int may_write;
    struct blobs
        *more[BLOBS_MORE]; /* other folders that belong to it; they have none of their own */
    size_t more_n;
    struct lock sound_lock;
    struct blobs_sound sound[BLOBS_SOUND];
    struct blobs *into; /* one of `more`: where artifacts go; NULL = here */
};

int blobs__is_digest(const char *z);
/* Where a digest lies in one root, there or not. */
int blobs__path(const struct blobs *b, const char *digest, char out[PATH_MAX],
                struct err *err) WARN_UNUSED;
/* The root that has it, with its path; NULL when none has. */
struct blobs *blobs__find(struct blobs *b, const char *digest, char out[PATH_MAX]);
/* The lock between putting (LOCK_SH) and removing (LOCK_EX). */
int blobs__gate(const struct blobs *b, int how, int *out_fd, struct err *err) WARN_UNUSED;
int blobs__is_kept(struct blobs *b, const char *path, int64_t bytes, int *out,
                   struct err *err) WARN_UNUSED;
int blobs__tmp_open(const struct blobs *b, char out_path[PATH_MAX], int *out_fd,
                    struct err *err) WARN_UNUSED;
/* Makes a complete temporary file visible under its digest, durably. */
int blobs__publish(const struct blobs *b, int fd, const char *tmp, const char *path,
                   struct err *err) WARN_UNUSED;
/* Makes the folder of a blob, durably. */
int blobs__make_folder(const struct blobs *b, const char *path, char out_folder[PATH_MAX],
                       struct err *err) WARN_UNUSED;
int blobs__copy(int from, int to, const char *name, struct err *err) WARN_UNUSED;
