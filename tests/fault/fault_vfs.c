/* SPDX-License-Identifier: Apache-2.0
 * The shim of fault_vfs.h: every file is opened by the real VFS behind a struct of ours, whose
 * methods count and pass on. */
#include "fault_vfs.h"

#include <sqlite3.h>
#include <stdatomic.h>
#include <string.h>

struct shim_file {
    sqlite3_file base;
    sqlite3_file *real; /* follows in the same allocation */
};

static sqlite3_vfs *real_vfs;
static sqlite3_vfs shim_vfs;
static _Atomic int countdown, fail_code, fired;

void fault_vfs_arm(int nth, int code)
{
    atomic_store(&fired, 0);
    atomic_store(&fail_code, code);
    atomic_store(&countdown, nth);
}

int fault_vfs_fired(void)
{
    return atomic_load(&fired);
}

static int fault(int *out)
{
    if (atomic_load(&countdown) <= 0 || atomic_fetch_sub(&countdown, 1) != 1)
        return 0;
    atomic_store(&fired, 1);
    *out = atomic_load(&fail_code);
    return 1;
}

static sqlite3_file *real_of(sqlite3_file *f)
{
    return ((struct shim_file *)f)->real;
}

#define PASS(f, method, ...) (real_of(f)->pMethods->method(real_of(f), ##__VA_ARGS__))

static int f_close(sqlite3_file *f)
{
    return PASS(f, xClose);
}
static int f_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
    return PASS(f, xRead, to, n, at);
}
static int f_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    int rc;
    if (!fault(&rc))
        return PASS(f, xWrite, p, n, at);
    if (n > 1) /* a torn write: half of it gets there */
        (void)PASS(f, xWrite, p, n / 2, at);
    return rc;
}
static int f_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    int rc;
    return fault(&rc) ? rc : PASS(f, xTruncate, size);
}
static int f_sync(sqlite3_file *f, int flags)
{
    int rc;
    return fault(&rc) ? rc : PASS(f, xSync, flags);
}
static int f_size(sqlite3_file *f, sqlite3_int64 *out)
{
    return PASS(f, xFileSize, out);
}
static int f_lock(sqlite3_file *f, int level)
{
    return PASS(f, xLock, level);
}
static int f_unlock(sqlite3_file *f, int level)
{
    return PASS(f, xUnlock, level);
}
static int f_reserved(sqlite3_file *f, int *out)
{
    return PASS(f, xCheckReservedLock, out);
}
static int f_control(sqlite3_file *f, int op, void *arg)
{
    return PASS(f, xFileControl, op, arg);
}
static int f_sector(sqlite3_file *f)
{
    return PASS(f, xSectorSize);
}
static int f_traits(sqlite3_file *f)
{
    return PASS(f, xDeviceCharacteristics);
}
static int f_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
    return PASS(f, xShmMap, page, size, extend, out);
}
static int f_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    return PASS(f, xShmLock, offset, n, flags);
}
static void f_shm_barrier(sqlite3_file *f)
{
    PASS(f, xShmBarrier);
}
static int f_shm_unmap(sqlite3_file *f, int remove)
{
    return PASS(f, xShmUnmap, remove);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = f_close,
    .xRead = f_read,
    .xWrite = f_write,
    .xTruncate = f_truncate,
    .xSync = f_sync,
    .xFileSize = f_size,
    .xLock = f_lock,
    .xUnlock = f_unlock,
    .xCheckReservedLock = f_reserved,
    .xFileControl = f_control,
    .xSectorSize = f_sector,
    .xDeviceCharacteristics = f_traits,
    .xShmMap = f_shm_map,
    .xShmLock = f_shm_lock,
    .xShmBarrier = f_shm_barrier,
    .xShmUnmap = f_shm_unmap,
};

static int shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out_flags)
{
    struct shim_file *shim = (struct shim_file *)f;
    (void)vfs;
    shim->real = (sqlite3_file *)(shim + 1);
    int rc = real_vfs->xOpen(real_vfs, name, shim->real, flags, out_flags);
    shim->base.pMethods = rc == SQLITE_OK ? &methods : NULL;
    return rc;
}

void fault_vfs_register(void)
{
    real_vfs = sqlite3_vfs_find(NULL);
    shim_vfs = *real_vfs;
    shim_vfs.pNext = NULL;
    shim_vfs.zName = "slipway-fault";
    shim_vfs.szOsFile = (int)sizeof(struct shim_file) + real_vfs->szOsFile;
    shim_vfs.xOpen = shim_open;
    (void)sqlite3_vfs_register(&shim_vfs, 1);
}
