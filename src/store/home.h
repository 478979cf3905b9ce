/* SPDX-License-Identifier: Apache-2.0
 * A data folder: finding it, its layout, its lock, and the store and blobs inside.
 *
 *     lock          flock; JSON text {"pid":…,"role":"server|cli","url":…|null} of who holds it
 *     slipway.db    metadata          blobs/   content-addressed bytes
 *     runs/         attempts          cache/   stage outputs, may be deleted at any time
 *
 * Whoever writes holds the lock: a server as long as it lives, a CLI process only while it writes;
 * reading never needs it. The text is a hint, the flock is the truth: what a dead holder left
 * behind is ignored. One handle belongs to one process; its functions are called by one thread at a
 * time, the store and the blobs in it by any. */
#pragma once
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"
#include "store/blobs.h"
#include "store/store.h"

struct home {
    char *dir; /* absolute */
    struct store *store;
    struct blobs *blobs;
    int lock_fd;    /* -1 = not held by this handle */
    int lock_depth; /* nested home_lock calls */
};

struct home_options {
    const char *dir; /* as home_find gave it */
    int create;      /* make the folder and the database when absent */
    int read_only;   /* open for reading; ERR_NOT_FOUND when there is no database yet */
};

struct home_owner {
    pid_t pid;     /* 0 = unknown: the holder has not written its text yet */
    char role[16]; /* "server", "cli" or "" */
    char url[256]; /* of a server, or "" */
};

/* Which folder is meant: `explicit_dir` (of --data) when not NULL; else .slipway of the nearest
 * folder at or above `cwd` that has slipway.yaml or .slipway; else $XDG_DATA_HOME/slipway, else
 * ~/.local/share/slipway. The result is absolute and need not exist. *out_project (optional) gets
 * the project folder, or NULL. */
int home_find(struct arena *a, const char *explicit_dir, const char *cwd, char **out_dir,
              char **out_project, struct err *err) WARN_UNUSED;

/* 1 when slipway.db is absent or empty although blobs/ or runs/ hold something: a database was
 * lost, or somebody restored only half of a backup. */
int home_lost_database(const char *dir);

/* Opens the folder with its store and blobs; takes no lock. Logs a warning when
 * home_lost_database. */
int home_open(struct home **out, const struct home_options *options, struct err *err) WARN_UNUSED;
void home_close(struct home *h); /* NULL allowed; gives the lock back */

/* Takes the lock (nested calls count), waiting up to wait_ms; ERR_UNAVAILABLE names the holder.
 * url may be NULL and may be set later by calling home_announce. */
int home_lock(struct home *h, const char *role, const char *url, int64_t wait_ms,
              struct err *err) WARN_UNUSED;
int home_announce(struct home *h, const char *role, const char *url, struct err *err) WARN_UNUSED;
void home_unlock(struct home *h);

/* 1 when some process holds the lock of that folder now (*out filled as far as known), else 0. */
int home_owner(const char *dir, struct home_owner *out);
