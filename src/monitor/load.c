/* SPDX-License-Identifier: Apache-2.0
 * The reference of a model version out of its folder in the blobs, and the cells that the serving
 * path counts in. */
#include "base/limits.h"
#include "monitor/monitor.h"
#include "registry/version.h"

struct ask {
    struct arena *a;
    const struct monitor_version *v;
    struct version found;
};

static int find(struct tx *tx, void *arg, struct err *err)
{
    struct ask *q = arg;
    return version_resolve(tx, q->a, q->v->project, q->v->model, q->v->version, &q->found, err);
}

int monitor_reference_load(struct store *s, struct blobs *b, struct arena *a,
                           const struct monitor_version *v, struct monitor_reference **out,
                           struct err *err)
{
    struct ask q = { .a = a, .v = v };
    struct tree_entry *files = NULL;
    size_t n = 0;
    int rc = store_read(s, find, &q, err);
    if (!rc && q.found.files_digest)
        rc = blobs_tree(b, a, q.found.files_digest, &files, &n, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < n; i++) {
        str_t text;
        if (strcmp(files[i].path, MONITOR_REFERENCE_FILE) != 0)
            continue;
        rc = blobs_get(b, a, files[i].digest, LIMIT_MONITOR_REFERENCE, &text, err);
        return rc ? rc : monitor_reference_read(a, text, out, err);
    }
    return ERR(err, ERR_NOT_FOUND, "version '%s' of model '%s' came without a reference (%s)",
               v->version, v->model, MONITOR_REFERENCE_FILE);
}

int monitor_watch_features(struct arena *a, const struct monitor_reference *ref,
                           struct watch_feature **out, struct err *err)
{
    struct watch_feature *list = ARENA_TRY_ARRAY(a, ref->n + 1, struct watch_feature);
    size_t outputs = 0;
    if (!list)
        return ERR(err, ERR_NOMEM, "not enough memory for the cells of %zu features", ref->n);
    for (size_t i = 0; i < ref->n; i++) {
        const struct monitor_feature *f = &ref->features[i];
        int categories = f->kind == MONITOR_CATEGORY;
        list[i] = (struct watch_feature){ .name = f->name,
                                          .output = f->output,
                                          .index = f->output ? outputs++ : 0,
                                          .categories = categories,
                                          .n = categories ? f->n_names : f->n_edges,
                                          .edges = f->edges,
                                          .names = f->names };
    }
    *out = list;
    return 0;
}
