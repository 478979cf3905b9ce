/* SPDX-License-Identifier: Apache-2.0
 * POSIX files with one error style and a fault seam. Any thread. */
#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"

static _Atomic uint64_t fail_countdown;
static _Atomic int fail_errno;

void fs_fail_after(uint64_t n, int errno_value)
{
    atomic_store(&fail_errno, errno_value);
    atomic_store(&fail_countdown, n);
}

/* 1 when a fault test wants this call to fail; sets errno. */
static int fault(void)
{
    if (LIKELY(atomic_load_explicit(&fail_countdown, memory_order_relaxed) == 0))
        return 0;
    if (atomic_fetch_sub(&fail_countdown, 1) != 1)
        return 0;
    errno = atomic_load(&fail_errno);
    return 1;
}

void fd_auto(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

int fs_stat(const char *path, struct fs_info *out, struct err *err)
{
    struct stat st;
    if (fault() || stat(path, &st) != 0)
        return ERR_SYS(err, "cannot look at '%s'", path);
    *out = (struct fs_info){
        .size = st.st_size,
        .mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
        .inode = st.st_ino,
        .is_dir = S_ISDIR(st.st_mode),
        .is_file = S_ISREG(st.st_mode),
    };
    return 0;
}

int fs_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

int fs_open_beneath(const char *folder, const char *relative, int flags, int *out_fd,
                    struct err *err)
{
    AUTO(fd_auto) int root = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct open_how how = { .flags =
                                (uint64_t)(flags | O_CLOEXEC | (flags & O_PATH ? 0 : O_NONBLOCK)),
                            .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS |
                                       (flags & O_NOFOLLOW ? RESOLVE_NO_SYMLINKS : 0u) };
    if (fault() || root < 0)
        return ERR_SYS(err, "cannot open '%s'", folder);
    long fd;
    do
        fd = syscall(SYS_openat2, root, *relative ? relative : ".", &how, sizeof how);
    while (fd < 0 && (errno == EAGAIN || errno == EINTR)); /* a rename beside: asked again */
    if (fd < 0 && (errno == EXDEV || errno == ELOOP))
        return ERR(err, ERR_DENIED, "'%s' leads out of '%s'", relative, folder);
    if (fd < 0 && errno == ENOTDIR)
        return ERR(err, ERR_NOT_FOUND, "'%s' is not in '%s'", relative, folder);
    if (fd < 0)
        return ERR_SYS(err, "cannot open '%s' in '%s'", relative, folder);
    *out_fd = (int)fd;
    return 0;
}

int fs_open_read(const char *path, int *out_fd, struct err *err)
{
    /* Without O_NONBLOCK a named pipe that nobody writes would hold us for ever. */
    int fd = fault() ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return ERR_SYS(err, "cannot open '%s'", path);
    *out_fd = fd;
    return 0;
}

int fs_read(struct arena *a, const char *path, size_t max_bytes, str_t *out, struct err *err)
{
    AUTO(fd_auto) int fd = -1;
    struct stat st;
    int rc = fs_open_read(path, &fd, err);
    if (rc)
        return rc;
    if (fstat(fd, &st) != 0)
        return ERR_SYS(err, "cannot look at '%s'", path);
    if (S_ISDIR(st.st_mode))
        return ERR(err, ERR_INVALID, "'%s' is a folder, not a file", path);
    if (S_ISFIFO(st.st_mode))
        return ERR(err, ERR_INVALID, "'%s' is a pipe, not a file; write it to a file first", path);
    if ((uint64_t)st.st_size > max_bytes)
        return ERR(err, ERR_LIMIT, "'%s' has %lld bytes, at most %zu are read", path,
                   (long long)st.st_size, max_bytes);
    size_t size = (size_t)st.st_size, got = 0;
    char *p = arena_try_alloc(a, size + 1, 1);
    if (!p)
        return ERR(err, ERR_NOMEM, "not enough memory to read '%s'", path);
    while (got < size) {
        ssize_t n = fault() ? -1 : read(fd, p + got, size - got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return ERR_SYS(err, "cannot read '%s'", path);
        if (n == 0)
            break;
        got += (size_t)n;
    }
    p[got] = '\0';
    *out = (str_t){ p, got };
    return 0;
}

int fs_write_all(int fd, str_t bytes, const char *name, struct err *err)
{
    for (size_t done = 0; done < bytes.n;) {
        ssize_t n = fault() ? -1 : write(fd, bytes.p + done, bytes.n - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return ERR_SYS(err, "cannot write '%s'", name);
        done += (size_t)n;
    }
    return 0;
}

static void parent_of(const char *path, char out[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;
    if (!slash)
        (void)snprintf(out, PATH_MAX, ".");
    else
        (void)snprintf(out, PATH_MAX, "%.*s", (int)MAX(n, (size_t)1), path);
}

int fs_open_append(const char *path, int *out_fd, struct err *err)
{
    int fd = fault() ? -1 : open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return ERR_SYS(err, "cannot open '%s'", path);
    *out_fd = fd;
    return 0;
}

int fs_truncate(int fd, int64_t bytes, const char *name, struct err *err)
{
    return ftruncate(fd, bytes) == 0 ? 0 : ERR_SYS(err, "cannot cut '%s'", name);
}

int fs_sync_data(int fd, const char *name, struct err *err)
{
    return !fault() && fdatasync(fd) == 0 ? 0 : ERR_SYS(err, "cannot sync '%s'", name);
}

int fs_read_at(int fd, int64_t offset, void *to, size_t n, const char *name, size_t *out_n,
               struct err *err)
{
    size_t got = 0;
    while (got < n) {
        ssize_t k = fault() ? -1 : pread(fd, (char *)to + got, n - got, offset + (int64_t)got);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return ERR_SYS(err, "cannot read '%s'", name);
        if (k == 0)
            break;
        got += (size_t)k;
    }
    *out_n = got;
    return 0;
}

int fs_sync_dir(const char *dir, struct err *err)
{
    AUTO(fd_auto) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fault() || fd < 0 || fsync(fd) != 0)
        return ERR_SYS(err, "cannot sync folder '%s'", dir);
    return 0;
}

static int write_whole(const char *path, const str_t *pieces, size_t piece_n, int durable,
                       struct err *err)
{
    char tmp[PATH_MAX], dir[PATH_MAX];
    uint64_t tag;
    random_bytes(&tag, sizeof tag);
    if (snprintf(tmp, sizeof tmp, "%s.tmp-%016llx", path, (unsigned long long)tag) >= PATH_MAX)
        return ERR(err, ERR_INVALID, "path too long: '%s'", path);
    AUTO(fd_auto) int fd = fault() ? -1 : open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return ERR_SYS(err, "cannot create '%s'", path);
    int rc = 0;
    for (size_t i = 0; !rc && i < piece_n; i++)
        rc = fs_write_all(fd, pieces[i], path, err);
    if (!rc && durable && (fault() || fsync(fd) != 0))
        rc = ERR_SYS(err, "cannot sync '%s'", path);
    if (!rc)
        rc = fs_rename(tmp, path, err);
    if (rc) {
        (void)unlink(tmp);
        return rc;
    }
    if (!durable)
        return 0;
    parent_of(path, dir);
    return fs_sync_dir(dir, err);
}

int fs_write_atomic(const char *path, str_t bytes, struct err *err)
{
    return write_whole(path, &bytes, 1, 1, err);
}

int fs_write_cache(const char *path, str_t bytes, struct err *err)
{
    return write_whole(path, &bytes, 1, 0, err);
}

int fs_write_cache_pieces(const char *path, const str_t *pieces, size_t n, struct err *err)
{
    return write_whole(path, pieces, n, 0, err);
}

int fs_map(const char *path, size_t max_bytes, str_t *out, struct err *err)
{
    struct stat st;
    AUTO(fd_auto) int fd = -1;
    int rc = fs_open_read(path, &fd, err);
    if (rc)
        return rc;
    if (fault() || fstat(fd, &st) != 0)
        return ERR_SYS(err, "cannot look at '%s'", path);
    if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > max_bytes)
        return ERR(err, ERR_LIMIT, "'%s' has %lld bytes, more than the %zu allowed", path,
                   (long long)st.st_size, max_bytes);
    if (st.st_size == 0) {
        *out = (str_t){ "", 0 };
        return 0;
    }
    void *p = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED)
        return ERR_SYS(err, "cannot map '%s'", path);
    *out = (str_t){ p, (size_t)st.st_size };
    return 0;
}

void fs_unmap(str_t bytes)
{
    if (bytes.n)
        (void)munmap((void *)(uintptr_t)bytes.p, bytes.n);
}

int fs_rename(const char *from, const char *to, struct err *err)
{
    if (fault() || rename(from, to) != 0)
        return ERR_SYS(err, "cannot rename '%s' to '%s'", from, to);
    return 0;
}

int fs_remove(const char *path, struct err *err)
{
    if (unlink(path) != 0 && errno != ENOENT)
        return ERR_SYS(err, "cannot remove '%s'", path);
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

int fs_remove_tree(const char *dir, struct err *err)
{
    if (nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT)
        return ERR_SYS(err, "cannot remove folder '%s'", dir);
    return 0;
}

int fs_mkdirs(const char *dir, struct err *err)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s", dir) >= PATH_MAX)
        return ERR(err, ERR_INVALID, "path too long: '%s'", dir);
    for (char *p = path + 1;; p++) {
        if (*p != '/' && *p != '\0')
            continue;
        char end = *p;
        *p = '\0';
        if ((fault() || mkdir(path, 0755) != 0) && errno != EEXIST)
            return ERR_SYS(err, "cannot create folder '%s'", path);
        *p = end;
        if (!end)
            return 0;
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int fs_list(struct arena *a, const char *dir, const char ***out, size_t *out_n, struct err *err)
{
    DIR *d = fault() ? NULL : opendir(dir);
    size_t n = 0, cap = 0;
    const char **names = NULL;
    struct dirent *e;
    if (!d)
        return ERR_SYS(err, "cannot list folder '%s'", dir);
    while ((e = readdir(d))) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (n == cap) {
            cap = cap ? cap * 2 : 16;
            const char **more = ARENA_TRY_ARRAY(a, cap, const char *);
            if (!more) {
                (void)closedir(d);
                return ERR(err, ERR_NOMEM, "folder '%s' has too many entries", dir);
            }
            if (n)
                memcpy(more, names, n * sizeof *names);
            names = more;
        }
        names[n++] = arena_strdup(a, e->d_name);
    }
    (void)closedir(d);
    if (n)
        qsort(names, n, sizeof *names, by_name);
    *out = names;
    *out_n = n;
    return 0;
}

char *fs_join(struct arena *a, const char *dir, const char *name)
{
    if (name[0] == '/' || !dir[0])
        return arena_strdup(a, name);
    return arena_printf(a, "%s%s%s", dir, dir[strlen(dir) - 1] == '/' ? "" : "/", name);
}

int fs_real(struct arena *a, const char *path, char **out, struct err *err)
{
    char full[PATH_MAX];
    if (!realpath(path, full))
        return ERR_SYS(err, "cannot resolve '%s'", path);
    *out = arena_strdup(a, full);
    return 0;
}

int fs_is_safe_relative(str_t path)
{
    if (!path.n || path.n >= PATH_MAX || path.p[0] == '/')
        return 0;
    for (size_t i = 0; i < path.n; i++)
        if ((unsigned char)path.p[i] < 0x20 || path.p[i] == '\\' || path.p[i] == 0x7f)
            return 0;
    str_t rest = path, segment;
    for (int more = 1; more;) {
        more = str_cut(rest, '/', &segment, &rest);
        if (!more)
            segment = rest;
        if (!segment.n || str_is(segment, ".") || str_is(segment, ".."))
            return 0;
    }
    return 1;
}

int fs_lock(const char *path, int64_t wait_ms, int *out_fd, struct err *err)
{
    int64_t deadline = clock_mono_ns() + wait_ms * 1000000;
    AUTO(fd_auto) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return ERR_SYS(err, "cannot open lock '%s'", path);
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return ERR_SYS(err, "cannot lock '%s'", path);
        if (clock_mono_ns() >= deadline)
            return ERR(err, ERR_UNAVAILABLE, "'%s' is held by another process", path);
        (void)nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
    }
    *out_fd = fd;
    fd = -1;
    return 0;
}

int fs_is_locked(const char *path)
{
    AUTO(fd_auto) int fd = open(path, O_RDWR | O_CLOEXEC);
    return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}
