/* SPDX-License-Identifier: Apache-2.0
 * A shim over SQLite's default VFS that fails one chosen I/O call (write, sync, truncate). */
#pragma once

void fault_vfs_register(
    void); /* becomes the default; once a process, before any database is open */
/* The nth call from now fails with that SQLite code (SQLITE_FULL, SQLITE_IOERR_FSYNC, …); 0 = off.
 */
void fault_vfs_arm(int nth, int code);
int fault_vfs_fired(void); /* 1 once the armed call has failed */
