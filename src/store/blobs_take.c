/* SPDX-License-Identifier: Apache-2.0
 * Bytes that came in pieces into a file without a name, hashed on the way: they are synced, then
 * get the name of their digest by one link. A crash before the link leaves nothing, since the
 * kernel drops files without a name; nothing is copied unless the file lies on another disk. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "store/blobs_int.h"

static struct blobs *target(struct blobs *b)
{
    return b->into ? b->into : b;
}

const char *blobs_spool_dir(const struct blobs *b)
{
    return b->into ? b->into->tmp : b->tmp;
}

int blobs_spool(struct blobs *b, int *out_fd, struct err *err)
{
    char path[PATH_MAX];
    struct blobs *root = target(b);
    int fd = open(root->tmp, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) { /* a file system without O_TMPFILE */
        int rc = blobs__tmp_open(root, path, &fd, err);
        if (rc)
            return rc;
        (void)unlink(path);
    }
    if (fd < 0)
        return ERR_SYS(err, "cannot create a file in '%s'", root->tmp);
    *out_fd = fd;
    return 0;
}

/* 1 when the file got that name; else errno says why not. */
static int link_fd(int fd, const char *path)
{
    char self[64];
    (void)snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    return linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0;
}

/* What lies there under the name is damaged: the new file takes its place in one step. */
static int replace(struct blobs *root, int fd, const char *path, struct err *err)
{
    char tmp[PATH_MAX];
    int other = -1;
    int rc = blobs__tmp_open(root, tmp, &other, err);
    if (rc)
        return rc;
    (void)close(other);
    (void)unlink(tmp);
    if (!link_fd(fd, tmp))
        return ERR_SYS(err, "cannot name '%s'", path);
    rc = fs_rename(tmp, path, err);
    if (rc)
        (void)unlink(tmp);
    return rc;
}

/* The file cannot be linked there: another file system, or it had a name once. */
static int copy_in(struct blobs *root, int fd, const char *path, struct err *err)
{
    char tmp[PATH_MAX];
    AUTO(fd_auto) int to = -1;
    int rc = blobs__tmp_open(root, tmp, &to, err);
    if (rc)
        return rc;
    rc = lseek(fd, 0, SEEK_SET) < 0 ? ERR_SYS(err, "cannot read an upload")
                                    : blobs__copy(fd, to, "an upload", err);
    if (!rc)
        rc = blobs__publish(root, to, tmp, path, err);
    if (rc)
        (void)unlink(tmp);
    return rc;
}

static int name_it(struct blobs *root, int fd, const char *path, struct err *err)
{
    char folder[PATH_MAX];
    if (fchmod(fd, 0444) != 0 || fsync(fd) != 0)
        return ERR_SYS(err, "cannot sync '%s'", path);
    int rc = blobs__make_folder(root, path, folder, err);
    AUTO(fd_auto) int lock = -1;
    if (!rc)
        rc = blobs__gate(root, LOCK_SH, &lock, err);
    if (rc)
        return rc;
    if (!link_fd(fd, path)) {
        if (errno == ENOSPC || errno == EDQUOT)
            return ERR_SYS(err, "cannot name '%s'", path);
        if (errno != EEXIST) {
            fd_auto(&lock);
            return copy_in(root, fd, path, err);
        }
        rc = replace(root, fd, path, err);
    }
    return rc ? rc : fs_sync_dir(folder, err);
}

int blobs_take(struct blobs *b, int fd, const char *digest, int64_t bytes, struct err *err)
{
    char path[PATH_MAX];
    struct stat st;
    int there = 0;
    struct blobs *root = target(b);
    int rc = blobs__path(root, digest, path, err);
    if (!rc && fstat(fd, &st) != 0)
        rc = ERR_SYS(err, "cannot look at an upload");
    if (!rc && st.st_size != bytes)
        rc = ERR(err, ERR_CONFLICT, "the upload changed while it was kept: %lld bytes, not %lld",
                 (long long)st.st_size, (long long)bytes);
    if (!rc)
        rc = blobs__is_kept(root, path, bytes, &there, err);
    return rc || there ? rc : name_it(root, fd, path, err);
}

int blobs_open_read(struct blobs *b, const char *digest, int *out_fd, int64_t *out_bytes,
                    struct err *err)
{
    char path[PATH_MAX];
    struct stat st;
    int rc = blobs__path(b, digest, path, err);
    if (rc)
        return rc;
    if (!blobs__find(b, digest, path))
        return ERR(err, ERR_CORRUPT, "blob '%s' is not in '%s'; restore it from a backup", digest,
                   b->dir);
    AUTO(fd_auto) int fd = -1;
    rc = fs_open_read(path, &fd, err);
    if (!rc && fstat(fd, &st) != 0)
        rc = ERR_SYS(err, "cannot read '%s'", path);
    if (rc)
        return rc;
    *out_bytes = st.st_size;
    *out_fd = fd;
    fd = -1;
    return 0;
}
