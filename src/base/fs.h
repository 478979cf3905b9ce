/* SPDX-License-Identifier: Apache-2.0
 * Files: whole reads under a cap, atomic and synced writes, folders, locks. Every descriptor is
 * close-on-exec. Fault tests make the n-th call fail through fs_fail_after. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

struct fs_info {
    int64_t size;
    int64_t mtime_ns;
    uint64_t inode;
    int is_dir;
    int is_file;
};

void fd_auto(int *fd); /* cleanup helper: closes when >= 0 */

int fs_stat(const char *path, struct fs_info *out, struct err *err) WARN_UNUSED;
int fs_exists(const char *path);
int fs_open_read(const char *path, int *out_fd, struct err *err) WARN_UNUSED;

/* Whole file into an arena (NUL-terminated) or ERR_LIMIT when larger than max_bytes. */
int fs_read(struct arena *a, const char *path, size_t max_bytes, str_t *out,
            struct err *err) WARN_UNUSED;

/* Writes path.tmp-<random>, fsyncs it, renames, fsyncs the folder: after 0 the bytes survive a
 * power cut, and no reader ever sees half a file. */
int fs_write_atomic(const char *path, str_t bytes, struct err *err) WARN_UNUSED;
/* As above without the syncs: for caches that are checked by digest. */
int fs_write_cache(const char *path, str_t bytes, struct err *err) WARN_UNUSED;
/* The same from several pieces, one after another: for what is too large to be copied together. */
int fs_write_cache_pieces(const char *path, const str_t *pieces, size_t n,
                          struct err *err) WARN_UNUSED;
/* Maps a whole file, page-aligned; writing to it changes our copy only. Only for files that are
 * replaced by rename and never cut, such as our caches. fs_unmap ends it. */
int fs_map(const char *path, size_t max_bytes, str_t *out, struct err *err) WARN_UNUSED;
void fs_unmap(str_t bytes);
int fs_write_all(int fd, str_t bytes, const char *name, struct err *err) WARN_UNUSED;
/* For files that grow: opened for reading and appending, made when absent. */
int fs_open_append(const char *path, int *out_fd, struct err *err) WARN_UNUSED;
int fs_truncate(int fd, int64_t bytes, const char *name, struct err *err) WARN_UNUSED;
/* What was written to fd is on disk when it returns. */
int fs_sync_data(int fd, const char *name, struct err *err) WARN_UNUSED;
/* Up to n bytes from an offset; less at the end of the file. */
int fs_read_at(int fd, int64_t offset, void *to, size_t n, const char *name, size_t *out_n,
               struct err *err) WARN_UNUSED;
int fs_sync_dir(const char *dir, struct err *err) WARN_UNUSED;
int fs_rename(const char *from, const char *to, struct err *err) WARN_UNUSED;
int fs_remove(const char *path, struct err *err) WARN_UNUSED;     /* absent is fine */
int fs_remove_tree(const char *dir, struct err *err) WARN_UNUSED; /* never follows links */
int fs_mkdirs(const char *dir, struct err *err) WARN_UNUSED;      /* like mkdir -p, mode 0755 */

/* Names in a folder except . and .., sorted bytewise; *out is an arena array. */
int fs_list(struct arena *a, const char *dir, const char ***out, size_t *out_n,
            struct err *err) WARN_UNUSED;

/* Opens a path below a folder; neither "..", nor a link anywhere on the way, nor a rename meanwhile
 * leads out of it (openat2 with RESOLVE_BENEATH). "" is the folder itself. flags as of open,
 * O_CLOEXEC and O_NONBLOCK are added. ERR_NOT_FOUND when absent, ERR_DENIED when it leads outside.
 */
int fs_open_beneath(const char *folder, const char *relative, int flags, int *out_fd,
                    struct err *err) WARN_UNUSED;

/* a/b, or b alone when b is absolute. */
char *fs_join(struct arena *a, const char *dir, const char *name);
/* Absolute form with links resolved; the path must exist. */
int fs_real(struct arena *a, const char *path, char **out, struct err *err) WARN_UNUSED;
/* 1 when a path given from outside is relative, normal and stays inside ("a/b.txt"): no "..", empty
 * or "." segment, backslash, NUL or control byte. */
int fs_is_safe_relative(str_t path);

/* Advisory lock on a file (created when absent); *out_fd holds it until closed or the process dies.
 * ERR_UNAVAILABLE when held elsewhere and wait_ms passed. */
int fs_lock(const char *path, int64_t wait_ms, int *out_fd, struct err *err) WARN_UNUSED;
int fs_is_locked(const char *path); /* 1 when another process holds it */

void fs_fail_after(uint64_t n, int errno_value); /* 0 = off */
