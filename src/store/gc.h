/* SPDX-License-Identifier: Apache-2.0
 * Garbage collection of the blobs: what no row refers to goes.
 *
 * Modules say which of their columns hold digests; nothing is known here about what they mean. The
 * files are listed first, the references read after, in one snapshot; each file is looked at once
 * more when its turn comes (blobs_remove_old). So a blob survives whose reference is committed
 * within BLOBS_GRACE_S after it was put, whatever runs beside, and a crash leaves only fewer blobs
 * to remove. A tree that cannot be read stops everything before anything is removed. */
#pragma once
#include "store/blobs.h"
#include "store/store.h"

struct blob_reference {
    const struct sql *sql; /* rows (digest, who refers to it), newest first */
    int64_t is_tree;       /* the blob names others (blobs_put_tree) */
    void *pad[2];
};
/* BLOB_REFERENCE(version_trees, "SELECT files_digest, 'model ' || … FROM versions …", 1); */
#define BLOB_REFERENCE(ident, statement, tree)                                                     \
    SQL(ident, statement);                                                                         \
    static const struct blob_reference ident##_reference __attribute__((                           \
        used, section("slipway_blob_refs"), aligned(8))) = { &(ident), tree, { NULL, NULL } }

struct gc_report {
    struct blob_file *garbage; /* arena array: what nothing refers to and is old enough */
    size_t n;
    int64_t bytes;            /* of them */
    int64_t kept, kept_bytes; /* what is referred to */
    int64_t young;            /* not referred to, but put within BLOBS_GRACE_S */
    int64_t removed;          /* of garbage, by this call */
};

/* NULL where the functions below take one: look only, count every reference. */
struct gc_how {
    int remove;
    /* References whose row the caller is about to delete do not count: 1 for those, by the text of
     * who refers. NULL = none. */
    int (*goes)(void *arg, const char *who);
    void *arg;
};
/* Finds and, when asked to, removes. The arena holds all digests: give it room. */
int gc_blobs(struct store *s, struct blobs *b, struct arena *a, const struct gc_how *how,
             struct gc_report *out, struct err *err) WARN_UNUSED;

enum { GC_MISSING_SHOWN = 3 };
struct gc_missing {
    int64_t referred; /* blobs that were looked for, each once */
    int64_t missing;  /* of them not there; a list of files that cannot be read counts as well */
    struct {
        const char *digest, *who;
    } shown[GC_MISSING_SHOWN]; /* the first of them, in the arena */
    size_t shown_n;
};
/* Looks for the blobs that the `newest` last rows of every reference name, trees with their files.
 * Existence only: no bytes but those of trees are read. ERR_NOMEM when the arena is too small. */
int gc_find_missing(struct store *s, struct blobs *b, struct arena *a, int64_t newest,
                    struct gc_missing *out, struct err *err) WARN_UNUSED;
