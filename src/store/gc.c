/* SPDX-License-Identifier: Apache-2.0
 * Mark from every reference that modules registered, then remove what is left; and the other way
 * round, what is referred to and not there. */
#include "store/gc.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/map.h"
#include "store/rows.h"

enum { GC_TREE_MEMORY = MIB(64) };

extern const struct blob_reference __start_slipway_blob_refs[] __attribute__((weak));
extern const struct blob_reference __stop_slipway_blob_refs[] __attribute__((weak));

struct mark {
    const struct gc_how *how;
    struct blobs *blobs;
    struct arena *a;
    struct map marked; /* digest → itself */
    struct map trees;
};

static void add(struct mark *m, struct map *to, const char *digest)
{
    str_t key = str_of(digest);
    if (map_find(to, key) == SIZE_MAX)
        (void)map_put(to, arena_str(m->a, key), m);
}

static int read_column(struct tx *tx, struct mark *m, const struct blob_reference *r,
                       struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    struct arena row;
    int rc = stmt_open(tx, r->sql, &st, err);
    if (rc)
        return rc;
    arena_init(&row, MIB(1));
    while ((rc = stmt_step(st, err)) == 1) {
        const char *digest = stmt_get_text(st, 0, &row);
        int goes = m->how->goes && m->how->goes(m->how->arg, stmt_get_text(st, 1, &row));
        if (digest && !goes)
            add(m, r->is_tree ? &m->trees : &m->marked, digest);
        arena_reset(&row);
    }
    arena_fini(&row);
    return rc;
}

static int read_references(struct tx *tx, void *arg, struct err *err)
{
    int rc = 0;
    for (const struct blob_reference *r = __start_slipway_blob_refs;
         !rc && r < __stop_slipway_blob_refs; r++)
        rc = read_column(tx, arg, r, err);
    return rc;
}

/* Files of the trees; outside the snapshot, since trees never change. */
static int expand_trees(struct mark *m, struct err *err)
{
    struct arena scratch;
    int rc = 0;
    arena_init(&scratch, GC_TREE_MEMORY);
    for (size_t i = 0; !rc && i < m->trees.n; i++) {
        struct tree_entry *list;
        size_t n;
        const char *digest = m->trees.entries[i].key.p;
        arena_reset(&scratch);
        rc = blobs_tree(m->blobs, &scratch, digest, &list, &n, err);
        for (size_t k = 0; !rc && k < n; k++)
            add(m, &m->marked, list[k].digest);
        if (!rc)
            add(m, &m->marked, digest);
        else
            (void)err_prefix(err, rc, "nothing was removed, a list of files cannot be read");
    }
    arena_fini(&scratch);
    return rc;
}

static void sort_out(const struct mark *m, const struct blob_file *all, size_t n,
                     struct gc_report *out)
{
    int64_t oldest = clock_now_ms() / 1000 - BLOBS_GRACE_S;
    for (size_t i = 0; i < n; i++) {
        if (map_find(&m->marked, str_of(all[i].digest)) != SIZE_MAX) {
            out->kept++;
            out->kept_bytes += all[i].bytes;
        } else if (all[i].mtime_s > oldest) {
            out->young++;
        } else {
            out->garbage[out->n++] = all[i];
            out->bytes += all[i].bytes;
        }
    }
}

static int remove_all(struct blobs *b, struct gc_report *out, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < out->n; i++) {
        int removed = 0;
        rc = blobs_remove_old(b, out->garbage[i].digest, &removed, err);
        out->removed += removed;
    }
    return rc;
}

int gc_blobs(struct store *s, struct blobs *b, struct arena *a, const struct gc_how *how,
             struct gc_report *out, struct err *err)
{
    static const struct gc_how look = { 0 };
    struct mark m = { .how = how ? how : &look, .blobs = b, .a = a };
    struct blob_file *all = NULL;
    size_t n = 0;
    *out = (struct gc_report){ 0 };
    map_init(&m.marked);
    map_init(&m.trees);
    int rc = blobs_list(b, a, &all, &n, err);
    if (!rc)
        rc = store_read(s, read_references, &m, err);
    if (!rc)
        rc = expand_trees(&m, err);
    out->garbage = ARENA_TRY_ARRAY(a, n + 1, struct blob_file);
    if (!rc && (!out->garbage || a->failed))
        rc = ERR(err, ERR_NOMEM, "too many blobs to look at in one go");
    if (!rc)
        sort_out(&m, all, n, out);
    if (!rc && m.how->remove)
        rc = remove_all(b, out, err);
    map_fini(&m.marked);
    map_fini(&m.trees);
    return rc;
}

/* ---- what is referred to and not there ---- */

struct referred {
    const char *digest, *who;
    int64_t is_tree;
};

struct search {
    struct arena *a;
    struct blobs *blobs;
    int64_t newest; /* rows of each reference */
    struct referred *list;
    size_t n, cap;
    struct map seen; /* digest → itself */
    struct gc_missing *out;
};

static int collect_column(struct tx *tx, struct search *s, const struct blob_reference *r,
                          struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, r->sql, &st, err);
    if (rc)
        return rc;
    for (int64_t i = 0; i < s->newest && (rc = stmt_step(st, err)) == 1; i++) {
        s->list = rows_room(s->a, s->list, s->n, &s->cap, sizeof *s->list);
        if (!s->list)
            return ERR(err, ERR_NOMEM, "too many references to blobs");
        s->list[s->n++] =
            (struct referred){ stmt_get_text(st, 0, s->a), stmt_get_text(st, 1, s->a), r->is_tree };
    }
    return MIN(rc, 0);
}

static int collect_references(struct tx *tx, void *arg, struct err *err)
{
    int rc = 0;
    for (const struct blob_reference *r = __start_slipway_blob_refs;
         !rc && r < __stop_slipway_blob_refs; r++)
        rc = collect_column(tx, arg, r, err);
    return rc;
}

/* 1 when it is looked at for the first time. */
static int is_new(struct search *s, const char *digest)
{
    if (map_find(&s->seen, str_of(digest)) != SIZE_MAX)
        return 0;
    (void)map_put(&s->seen, arena_str(s->a, str_of(digest)), s);
    s->out->referred++;
    return 1;
}

static void note_missing(struct search *s, const char *digest, const char *who)
{
    struct gc_missing *out = s->out;
    out->missing++;
    if (out->shown_n == GC_MISSING_SHOWN)
        return;
    out->shown[out->shown_n].digest = arena_strdup(s->a, digest);
    out->shown[out->shown_n++].who = who;
}

static void look_for(struct search *s, struct arena *scratch, const struct referred *r)
{
    struct tree_entry *files = NULL;
    char *path;
    size_t n = 0;
    if (!is_new(s, r->digest))
        return;
    arena_reset(scratch);
    int rc = r->is_tree ? blobs_tree(s->blobs, scratch, r->digest, &files, &n, NULL)
                        : blobs_path(s->blobs, scratch, r->digest, &path, NULL);
    if (rc)
        note_missing(s, r->digest, r->who);
    for (size_t i = 0; !rc && i < n; i++)
        if (is_new(s, files[i].digest) &&
            blobs_path(s->blobs, scratch, files[i].digest, &path, NULL) != 0)
            note_missing(s, files[i].digest, r->who);
}

int gc_find_missing(struct store *s, struct blobs *b, struct arena *a, int64_t newest,
                    struct gc_missing *out, struct err *err)
{
    struct search x = { .a = a, .blobs = b, .newest = newest, .out = out };
    struct arena scratch;
    *out = (struct gc_missing){ 0 };
    map_init(&x.seen);
    arena_init(&scratch, GC_TREE_MEMORY);
    int rc = store_read(s, collect_references, &x, err);
    for (size_t i = 0; !rc && !a->failed && i < x.n; i++)
        look_for(&x, &scratch, &x.list[i]);
    if (!rc && a->failed)
        rc = ERR(err, ERR_NOMEM, "too many blobs to look at in one go");
    arena_fini(&scratch);
    map_fini(&x.seen);
    return rc;
}
