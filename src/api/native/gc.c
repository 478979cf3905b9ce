/* SPDX-License-Identifier: Apache-2.0
 * POST /api/v1/gc: frees the bytes that nothing refers to: blobs, and the folders and named
 * artifacts of runs that were purged. Those go only when the record says that the run was purged
 * and no other run, version or logged model names them. */
#include "store/gc.h"

#include "api/app.h"
#include "api/native/handler.h"
#include "api/route.h"
#include "api/tables.h"
#include "base/limits.h"
#include "registry/model.h"
#include "store/home.h"
#include "store/rows.h"
#include "track/artifact.h"
#include "track/upload.h"

enum { GC_MEMORY = MIB(512), GC_ITEMS_SHOWN = 1000 };

/* Places of runs: folders of the disk, or of the tree of artifacts. */
struct places {
    struct arena *a;
    const char **paths, **ids; /* candidates, then what is garbage */
    size_t n, cap, id_cap;
};

static int is_run_id(const char *name)
{
    return strlen(name) == 32 && strspn(name, "0123456789abcdef") == 32;
}

static int add_place(struct places *f, const char *path, const char *id, struct err *err)
{
    f->paths = rows_room(f->a, f->paths, f->n, &f->cap, sizeof *f->paths);
    f->ids = rows_room(f->a, f->ids, f->n, &f->id_cap, sizeof *f->ids);
    if (!f->paths || !f->ids)
        return ERR(err, ERR_NOMEM, "too many folders of runs");
    f->paths[f->n] = path;
    f->ids[f->n++] = id;
    return 0;
}

/* Folders <dir>/<run id>; a missing dir has none. */
static int find_folders(struct places *f, const char *dir, struct err *err)
{
    const char **names;
    size_t n;
    if (!fs_exists(dir))
        return 0;
    int rc = fs_list(f->a, dir, &names, &n, err);
    for (size_t i = 0; !rc && i < n; i++) {
        if (!is_run_id(names[i]))
            continue;
        rc = add_place(f, fs_join(f->a, dir, names[i]), names[i], err);
    }
    return rc;
}

/* Runs that have names in the tree of artifacts. */
static int find_names(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    struct places *f = arg;
    struct artifact *top, *runs;
    size_t top_n, run_n;
    (void)rq;
    int rc = artifact_list(tx, f->a, "", &top, &top_n, err);
    for (size_t i = 0; !rc && i < top_n; i++) {
        if (strspn(top[i].name, "0123456789") != strlen(top[i].name))
            continue;
        rc = artifact_list(tx, f->a, top[i].name, &runs, &run_n, err);
        for (size_t k = 0; !rc && k < run_n; k++)
            if (is_run_id(runs[k].name))
                rc = add_place(f, fs_join(f->a, top[i].name, runs[k].name), runs[k].name, err);
    }
    return rc;
}

static int remove_names(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    (void)rq;
    return artifact_remove(tx, arg, err);
}

/* "artifact 0/<run>/…": what such a name holds goes together with it. */
static int goes(void *arg, const char *who)
{
    const struct places *names = arg;
    static const char prefix[] = "artifact ";
    if (!who || strncmp(who, prefix, sizeof prefix - 1) != 0)
        return 0;
    who += sizeof prefix - 1;
    for (size_t i = 0; i < names->n; i++) {
        size_t n = strlen(names->paths[i]);
        if (strncmp(who, names->paths[i], n) == 0 && who[n] == '/')
            return 1;
    }
    return 0;
}

static int find_all(struct places *f, const struct app *app, struct err *err)
{
    const char **names, *root = app->options.artifacts_destination;
    size_t n = 0;
    int rc = find_folders(f, fs_join(f->a, app->home->dir, "runs"), err);
    if (!rc && root && fs_exists(root))
        rc = fs_list(f->a, root, &names, &n, err);
    for (size_t i = 0; !rc && i < n; i++)
        if (strspn(names[i], "0123456789") == strlen(names[i]))
            rc = find_folders(f, fs_join(f->a, root, names[i]), err);
    return rc;
}

static int keep_garbage(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    struct places *f = arg;
    size_t kept = 0;
    int rc = 0;
    (void)rq;
    for (size_t i = 0; !rc && i < f->n; i++) {
        int garbage = 0;
        rc = trash_run_is_gone(tx, f->a, f->ids[i], &garbage, err);
        if (garbage) {
            f->paths[kept] = f->paths[i];
            f->ids[kept++] = f->ids[i];
        }
    }
    f->n = kept;
    return rc;
}

static void write_answer(struct request *rq, const struct gc_report *r, const struct places *f,
                         int removed)
{
    struct json_out o;
    route_json(rq, &o);
    jo_object(&o);
    jo_kv_int(&o, "blobs", (int64_t)r->n);
    jo_kv_int(&o, "bytes", r->bytes);
    jo_kv_int(&o, "folders", (int64_t)f->n);
    jo_kv_bool(&o, "removed", removed);
    jo_kv_int(&o, "kept", r->kept);
    jo_kv_int(&o, "kept_bytes", r->kept_bytes);
    jo_kv_int(&o, "young", r->young);
    jo_key(&o, "items");
    jo_array(&o);
    for (size_t i = 0; i < f->n && i < GC_ITEMS_SHOWN; i++) {
        jo_object(&o);
        jo_kv_cstr(&o, "kind", "folder");
        jo_kv_cstr(&o, "name", f->paths[i]);
        jo_kv_raw(&o, "bytes", STR("null"));
        jo_object_end(&o);
    }
    for (size_t i = 0; i < r->n && i < GC_ITEMS_SHOWN; i++) {
        jo_object(&o);
        jo_kv_cstr(&o, "kind", "blob");
        jo_kv_cstr(&o, "name", r->garbage[i].digest);
        jo_kv_int(&o, "bytes", r->garbage[i].bytes);
        jo_object_end(&o);
    }
    jo_array_end(&o);
    jo_object_end(&o);
}

static int tell(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    const struct gc_report *r = arg;
    struct cause by = handler_cause(rq, NULL);
    struct event e = event_of(&by, "data.collected", "data/blobs");
    e.after =
        event_json(&rq->arena, "blobs", arena_printf(&rq->arena, "%lld", (long long)r->n), "bytes",
                   arena_printf(&rq->arena, "%lld", (long long)r->bytes), (char *)NULL);
    return event_add(tx, &e, err);
}

/* A database that was lost and made anew refers to nothing: what lies beside it belongs to the lost
 * one. Whoever made blobs through this database has at least one run in its record. */
static int refuse_new(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    const struct gc_report *r = arg;
    struct event_query q = { .kind_prefix = "run.", .limit = 1 };
    struct event *events;
    size_t n;
    int rc = event_list(tx, &rq->arena, &q, &events, &n, err);
    if (!rc && !n && r->n && !r->kept)
        rc = ERR(err, ERR_CONFLICT,
                 "this database knows no run, yet %zu blobs lie beside it: it may have been made "
                 "anew; put the old slipway.db back, or remove the folder 'blobs' by hand",
                 r->n);
    return rc;
}

static int forget_uploads(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    (void)rq, (void)arg;
    return upload_sweep(tx, err);
}

static int collect(struct request *rq, struct arena *a, int remove, struct err *err)
{
    struct app *app = app_of(rq);
    struct places f = { .a = a }, names = { .a = a };
    struct gc_how how = { .goes = goes, .arg = &names };
    struct gc_report r;
    int rc = find_all(&f, app, err);
    if (!rc && remove)
        rc = handler_write(rq, forget_uploads, NULL, err);
    if (!rc)
        rc = handler_read(rq, find_names, &names, err);
    if (!rc)
        rc = handler_read(rq, keep_garbage, &f, err);
    if (!rc)
        rc = handler_read(rq, keep_garbage, &names, err);
    if (!rc)
        rc = gc_blobs(app->store, app->blobs, a, &how, &r, err);
    if (!rc && remove)
        rc = handler_read(rq, refuse_new, &r, err);
    if (!rc && remove && (r.n || f.n)) /* the record first: what it tells of may be cut short */
        rc = handler_write(rq, tell, &r, err);
    for (size_t i = 0; !rc && remove && i < f.n; i++)
        rc = fs_remove_tree(f.paths[i], err);
    for (size_t i = 0; !rc && remove && i < names.n; i++)
        rc = handler_write(rq, remove_names, (void *)(uintptr_t)names.paths[i], err);
    how.remove = 1;
    if (!rc && remove)
        rc = gc_blobs(app->store, app->blobs, a, &how, &r, err);
    if (!rc)
        write_answer(rq, &r, &f, remove);
    return rc;
}

static int post_gc(struct request *rq, struct err *err)
{
    struct json body;
    struct arena a;
    int rc = route_body(rq, &body, err);
    if (rc)
        return rc;
    arena_init(&a, GC_MEMORY);
    rc = collect(rq, &a, json_get_bool(&body, "remove", 0), err);
    arena_fini(&a);
    return rc;
}

static const struct route routes[] = {
    { "POST", "/api/v1/gc", "trash.purge", post_gc, ROUTE_WORKER, KIB(4),
      "Lists, or removes, bytes that nothing refers to or only artifacts of purged runs do, and "
      "folders of purged runs.",
      "remove boolean: Remove them; without it they are only listed.",
      "blobs! integer: How many nothing refers to.\nbytes! integer: Of them.\n"
      "folders! integer: Of purged runs, on the disk.\nremoved! boolean: As asked.\n"
      "kept! integer: Blobs that are referred to.\nkept_bytes! integer: Of them.\n"
      "young! integer: Not referred to, but put within the last hour: kept.\n"
      "items! [object]: At most 1000 of each kind.\n  kind! blob|folder: What it is.\n"
      "  name! string: Digest or path.\n  bytes! integer|null: Of a blob.",
      "garbageCollect" },
};

const struct route_table gc_routes = { "gc", routes, ARRAY_LEN(routes), route_error_native };
