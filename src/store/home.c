/* SPDX-License-Identifier: Apache-2.0
 * The data folder. See home.h for the layout and the rule of the lock. */
#include "store/home.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "codec/json.h"

enum { LOCK_TEXT_MAX = 1024, DIR_DEPTH_MAX = 64 };

static const char *const folders[] = { "blobs", "runs", "cache" };

/* ---- finding ---- */

static int absolute(struct arena *a, const char *path, const char *cwd, char **out, struct err *err)
{
    char *joined = path[0] == '/' ? arena_strdup(a, path) : fs_join(a, cwd, path);
    if (fs_exists(joined))
        return fs_real(a, joined, out, err);
    *out = joined;
    return 0;
}

/* The nearest folder at or above dir that is a project, or NULL. */
static char *find_project(struct arena *a, const char *dir)
{
    char *at = arena_strdup(a, dir);
    for (int i = 0; i < DIR_DEPTH_MAX; i++) {
        if (fs_exists(fs_join(a, at, "slipway.yaml")) || fs_exists(fs_join(a, at, ".slipway")))
            return arena_strdup(a, at);
        char *slash = strrchr(at, '/');
        if (!slash || (slash == at && !at[1]))
            return NULL;
        slash[slash == at] = '\0';
    }
    return NULL;
}

int home_find(struct arena *a, const char *explicit_dir, const char *cwd, char **out_dir,
              char **out_project, struct err *err)
{
    char here[PATH_MAX];
    if (!cwd && !getcwd(here, sizeof here))
        return ERR_SYS(err, "cannot tell the current folder");
    cwd = cwd ? cwd : here;
    char *project = find_project(a, cwd);
    if (out_project)
        *out_project = project;
    if (explicit_dir && !explicit_dir[0])
        return ERR(err, ERR_INVALID, "the name of the data folder is empty");
    if (explicit_dir)
        return absolute(a, explicit_dir, cwd, out_dir, err);
    if (project)
        return absolute(a, ".slipway", project, out_dir, err);
    const char *xdg = getenv("XDG_DATA_HOME"), *user = getenv("HOME");
    if (xdg && xdg[0] == '/')
        *out_dir = fs_join(a, xdg, "slipway");
    else if (user && user[0] == '/')
        *out_dir = fs_join(a, user, ".local/share/slipway");
    else
        return ERR(
            err, ERR_NOT_FOUND,
            "no data folder: this is not a project and neither XDG_DATA_HOME nor HOME is set; "
            "name one with --data");
    return 0;
}

/* ---- opening ---- */

static int make_layout(const char *dir, struct err *err)
{
    char path[PATH_MAX];
    int fresh = !fs_exists(dir);
    int rc = fs_mkdirs(dir, err);
    for (size_t i = 0; !rc && i < ARRAY_LEN(folders); i++) {
        if (snprintf(path, sizeof path, "%s/%s", dir, folders[i]) >= PATH_MAX - 200)
            return ERR(err, ERR_INVALID, "path too long: '%s'", dir);
        rc = fs_mkdirs(path, err);
    }
    (void)snprintf(path, sizeof path, "%.3800s/.gitignore", dir);
    if (!rc && fresh) /* a project's data never belongs to its repository */
        rc = fs_write_atomic(path, STR("*\n"), err); /* syncs the folder as well */
    char *slash = strrchr(path, '/');
    if (!rc && fresh && slash) { /* and the folder above, which has a new entry */
        *slash = '\0';
        slash = strrchr(path, '/');
        if (slash && slash != path) {
            *slash = '\0';
            rc = fs_sync_dir(path, err);
        }
    }
    return rc;
}

static int holds_something(const char *dir, const char *name)
{
    char path[PATH_MAX];
    struct arena a;
    const char **names;
    size_t n = 0;
    (void)snprintf(path, sizeof path, "%.3800s/%s", dir, name);
    arena_init(&a, MIB(16));
    int full = fs_exists(path) && (fs_list(&a, path, &names, &n, NULL) != 0 || n > 0);
    arena_fini(&a);
    return full;
}

int home_lost_database(const char *dir)
{
    char path[PATH_MAX];
    struct fs_info info;
    (void)snprintf(path, sizeof path, "%.3800s/slipway.db", dir);
    if (fs_stat(path, &info, NULL) == 0 && info.size > 0)
        return 0;
    return holds_something(dir, "blobs/sha256") || holds_something(dir, "runs");
}

int home_open(struct home **out, const struct home_options *o, struct err *err)
{
    char path[PATH_MAX], full[PATH_MAX];
    int rc = 0;
    if (o->create && !o->read_only)
        rc = make_layout(o->dir, err);
    else if (!fs_exists(o->dir))
        rc = ERR(err, ERR_NOT_FOUND,
                 "no data folder at '%s'; 'slipway init' or 'slipway server' makes one", o->dir);
    if (rc)
        return rc;
    if (!realpath(o->dir, full))
        return ERR_SYS(err, "cannot resolve '%s'", o->dir);
    if (!o->read_only && access(full, W_OK) != 0)
        return ERR_SYS(err, "data folder '%s' cannot be written", full);
    struct home *h = mem_alloc(sizeof *h);
    h->lock_fd = -1;
    h->dir = mem_strdup(full);
    if (home_lost_database(full))
        log_warn("the database in '%s' is new or empty although blobs/ or runs/ hold files of an "
                 "earlier one: its runs and models are not known; stop, and restore slipway.db "
                 "from a backup if there is one",
                 full);
    (void)snprintf(path, sizeof path, "%.3800s/slipway.db", full);
    rc = store_open(
        &h->store,
        &(struct store_options){ .path = path, .read_only = o->read_only, .create = o->create },
        err);
    (void)snprintf(path, sizeof path, "%.3800s/blobs", full);
    if (!rc)
        rc = blobs_open(&h->blobs, path, err);
    if (rc) {
        home_close(h);
        return rc;
    }
    *out = h;
    return 0;
}

void home_close(struct home *h)
{
    if (!h)
        return;
    store_close(h->store);
    blobs_close(h->blobs);
    h->lock_depth = MIN(h->lock_depth, 1);
    home_unlock(h);
    mem_free(h->dir);
    mem_free(h);
}

/* ---- the lock ---- */

static void lock_path(const char *dir, char out[PATH_MAX])
{
    (void)snprintf(out, PATH_MAX, "%.4000s/lock", dir);
}

int home_announce(struct home *h, const char *role, const char *url, struct err *err)
{
    struct buf text;
    struct json_out o;
    ASSERT(h->lock_fd >= 0);
    buf_init(&text, LOCK_TEXT_MAX);
    json_out_init(&o, &text);
    jo_object(&o);
    jo_kv_int(&o, "pid", getpid());
    jo_kv_cstr(&o, "role", role);
    jo_kv_cstr(&o, "url", url);
    jo_object_end(&o);
    buf_putc(&text, '\n');
    int rc = text.failed ? ERR(err, ERR_INVALID, "the server's URL is too long") : 0;
    if (!rc && (pwrite(h->lock_fd, text.p, text.n, 0) != (ssize_t)text.n ||
                ftruncate(h->lock_fd, (off_t)text.n) != 0))
        rc = ERR_SYS(err, "cannot write '%s/lock'", h->dir);
    buf_fini(&text);
    return rc;
}

static int describe_holder(const char *dir, struct err *err)
{
    struct home_owner who;
    (void)home_owner(dir, &who);
    if (who.pid && who.url[0])
        return ERR(err, ERR_UNAVAILABLE, "data folder '%s' is held by the server at %s (pid %d)",
                   dir, who.url, (int)who.pid);
    if (who.pid)
        return ERR(err, ERR_UNAVAILABLE,
                   "data folder '%s' is being written by process %d; try again", dir, (int)who.pid);
    return ERR(err, ERR_UNAVAILABLE,
               "data folder '%s' is being written by another process; try again", dir);
}

int home_lock(struct home *h, const char *role, const char *url, int64_t wait_ms, struct err *err)
{
    char path[PATH_MAX];
    if (h->lock_depth > 0) {
        h->lock_depth++;
        return 0;
    }
    lock_path(h->dir, path);
    /* At least a moment: somebody may just be looking whether it is held. */
    int rc = fs_lock(path, MAX(wait_ms, (int64_t)50), &h->lock_fd, err);
    if (rc == ERR_UNAVAILABLE)
        return describe_holder(h->dir, err);
    if (rc)
        return rc;
    h->lock_depth = 1;
    rc = home_announce(h, role, url, err);
    if (rc)
        home_unlock(h);
    return rc;
}

void home_unlock(struct home *h)
{
    if (h->lock_depth == 0 || --h->lock_depth > 0)
        return;
    IGNORE(ftruncate(h->lock_fd, 0));
    fd_auto(&h->lock_fd);
}

int home_owner(const char *dir, struct home_owner *out)
{
    char path[PATH_MAX];
    struct arena a;
    struct json v;
    str_t text = { NULL, 0 };
    *out = (struct home_owner){ 0 };
    lock_path(dir, path);
    if (!fs_is_locked(path))
        return 0;
    arena_init(&a, KIB(64));
    /* Between taking the lock and writing the text lies a moment. */
    for (int i = 0; i < 20; i++) {
        if (fs_read(&a, path, LOCK_TEXT_MAX, &text, NULL) == 0 && text.n > 0 &&
            json_parse(&a, text, NULL, &v, NULL) == 0) {
            out->pid = (pid_t)json_get_int(&v, "pid", 0);
            (void)snprintf(out->role, sizeof out->role, "%s", json_get_string(&v, "role", ""));
            (void)snprintf(out->url, sizeof out->url, "%s", json_get_string(&v, "url", ""));
            break;
        }
        (void)nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
    }
    arena_fini(&a);
    return 1;
}
