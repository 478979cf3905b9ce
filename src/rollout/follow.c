/* SPDX-License-Identifier: Apache-2.0
 * Desired state into the serving table. One thread at a time applies (a lock sees to it); the event
 * listener only raises a flag and wakes the thread. */
#include "rollout/follow.h"

#include <stdio.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/thread.h"
#include "monitor/monitor.h"
#include "registry/version.h"
#include "rollout/canary.h"

enum { FOLLOW_MAGIC = 0x464f4c4c, APPLY_RANK = 400, WAKE_RANK = 730, RETRY_MS = 30000 };

struct follow {
    uint32_t magic;
    struct follow_options o;
    struct lock apply_lock; /* one pass at a time; taken before the store's and the table's locks */
    struct lock wake_lock;
    struct cond wake;
    int pending, stop; /* under wake_lock */
    pthread_t thread;
    int thread_on;
    int64_t seen_seq;  /* the newest event that was looked at; the thread's */
    int64_t failed_ms; /* when a load failed last, 0 = all is well; the applier's */
};

/* What a version is made of, as the database tells it. */
struct wanted {
    struct arena *a;
    const struct version_ref *ref;
    struct version version;
    const char *signature, *example;
};

static void on_event(void *arg, int64_t newest)
{
    struct follow *f = arg;
    (void)newest;
    lock_take(&f->wake_lock);
    f->pending = 1;
    cond_signal(&f->wake);
    lock_drop(&f->wake_lock);
}

int follow_open(struct follow **out, const struct follow_options *options, struct err *err)
{
    struct follow *f = mem_try_alloc(1, sizeof *f);
    if (!f)
        return ERR(err, ERR_NOMEM, "not enough memory to follow the endpoints");
    f->magic = FOLLOW_MAGIC;
    f->o = *options;
    lock_init(&f->apply_lock, "follow", APPLY_RANK);
    lock_init(&f->wake_lock, "follow wake", WAKE_RANK);
    cond_init(&f->wake);
    event_listen_but_runs(on_event, f);
    *out = f;
    return 0;
}

void follow_close(struct follow *f)
{
    if (!f)
        return;
    ASSERT(f->magic == FOLLOW_MAGIC);
    event_unlisten(on_event, f);
    lock_take(&f->wake_lock);
    f->stop = 1;
    cond_signal(&f->wake);
    lock_drop(&f->wake_lock);
    if (f->thread_on)
        thread_join(f->thread);
    lock_fini(&f->apply_lock);
    lock_fini(&f->wake_lock);
    cond_fini(&f->wake);
    f->magic = 0;
    mem_free(f);
}

/* ---- reading ---- */

struct rows {
    struct arena *a;
    struct endpoint_row *list;
    const char **digests; /* of the model files they are meant to serve; NULL = that is gone */
    struct candidate {
        struct canary_row row; /* id NULL: no rollout is under way */
        const char *digest;
    } * candidates;
    size_t n;
};

static int read_digest(struct tx *tx, struct arena *a, const struct endpoint_row *row,
                       int64_t number, const char **out, struct err *err)
{
    struct version v = { 0 };
    int rc = version_get(tx, a, row->project, row->model, number, &v, err);
    *out = v.digest;
    return rc == ERR_NOT_FOUND ? 0 : rc;
}

static int read_rows(struct tx *tx, void *arg, struct err *err)
{
    struct rows *r = arg;
    int rc = endpoint_list(tx, r->a, NULL, &r->list, &r->n, err);
    if (rc)
        return rc;
    r->digests = ARENA_TRY_ARRAY(r->a, r->n + 1, const char *);
    r->candidates = ARENA_TRY_ARRAY(r->a, r->n + 1, struct candidate);
    if (!r->digests || !r->candidates)
        return ERR(err, ERR_NOMEM, "not enough memory for %zu endpoints", r->n);
    for (size_t i = 0; !rc && i < r->n; i++) {
        const struct endpoint_row *row = &r->list[i];
        struct candidate *k = &r->candidates[i];
        rc = read_digest(tx, r->a, row, row->version, &r->digests[i], err);
        if (!rc)
            rc = canary_active(tx, r->a, row->id, &k->row, err);
        if (!rc && k->row.id)
            rc = read_digest(tx, r->a, row, k->row.candidate, &k->digest, err);
    }
    return rc;
}

static int read_wanted(struct tx *tx, void *arg, struct err *err)
{
    struct wanted *w = arg;
    int rc = version_resolve(tx, w->a, w->ref->project, w->ref->model, w->ref->version, &w->version,
                             err);
    if (!rc)
        rc = version_section(tx, w->a, &w->version, "signature", &w->signature, err);
    return rc ? rc : version_section(tx, w->a, &w->version, "input_example", &w->example, err);
}

int follow_version_load(const struct version_source *from, struct arena *a,
                        const struct version_ref *ref, struct serve_version **out,
                        const char **out_number, struct err *err)
{
    struct wanted w = { .a = a, .ref = ref };
    str_t onnx;
    int rc = store_read(from->store, read_wanted, &w, err);
    if (rc)
        return rc;
    const char *number = arena_printf(a, "%lld", (long long)w.version.number);
    if (!w.version.digest)
        return ERR(err, ERR_CONFLICT, "version '%s' of model '%s' has no model file", number,
                   ref->model);
    rc = blobs_get(from->blobs, a, w.version.digest, LIMIT_MODEL_FILE, &onnx, err);
    if (rc)
        return err_prefix(err, rc, "the file of model '%s', version '%s'", ref->model, number);
    struct monitor_version of = { ref->project, ref->model, number };
    struct monitor_reference *reference = NULL;
    struct watch_feature *watch = NULL;
    /* without a reference, or with a damaged one, the version serves and only traffic is counted */
    if (monitor_reference_load(from->store, from->blobs, a, &of, &reference, NULL) ||
        monitor_watch_features(a, reference, &watch, NULL))
        reference = NULL;
    struct serve_spec spec = { .project = ref->project,
                               .model = ref->model,
                               .version = number,
                               .watch = watch,
                               .watch_n = reference ? reference->n : 0,
                               .digest = w.version.digest,
                               .onnx = onnx,
                               .signature = w.signature,
                               .input_example = w.example };
    if (out_number)
        *out_number = number;
    return serve_version_load(&spec, out, err);
}

/* ---- applying ---- */

const char *follow_served_name(struct arena *a, const char *project, const char *endpoint)
{
    return strcmp(project, "default") == 0 ? endpoint : arena_printf(a, "%s.%s", project, endpoint);
}

static const char *served_name(struct arena *a, const struct endpoint_row *row)
{
    return follow_served_name(a, row->project, row->name);
}

/* What serves that version already, else loaded anew (*out_fresh = 1). */
static int need_version(struct follow *f, struct arena *a, const struct version_ref *ref,
                        const char *digest, struct serve_version **out, int *out_fresh,
                        struct err *err)
{
    struct version_source from = { f->o.store, f->o.blobs };
    *out = digest ? serve_loaded(f->o.serve, ref->model, ref->version, digest) : NULL;
    *out_fresh = *out == NULL;
    return *out ? 0 : follow_version_load(&from, a, ref, out, NULL, err);
}

static void apply_row(struct follow *f, const struct endpoint_row *row, const char *digest,
                      int retry)
{
    struct arena a;
    struct err err = ERR_INIT;
    struct serve_status st = { 0 };
    struct serve_version *v = NULL;
    char number[24];
    arena_init(&a, LIMIT_MODEL_FILE + MIB(64));
    (void)snprintf(number, sizeof number, "%lld", (long long)row->version);
    const char *name = served_name(&a, row);
    int known = serve_status_get(f->o.serve, str_of(name), &st, NULL) == 0 &&
                strcmp(st.endpoint, name) == 0;
    int right = known && strcmp(st.model, row->model) == 0 && strcmp(st.version, number) == 0 &&
                (!digest || strcmp(st.digest, digest) == 0);
    int failed_before = known && st.problem[0] && strcmp(st.wanted, number) == 0;
    if (right)
        serve_set_problem(f->o.serve, name, NULL, NULL);
    else if (!failed_before || retry) {
        struct version_ref ref = { row->project, row->model, number };
        int fresh = 0;
        int rc = need_version(f, &a, &ref, digest, &v, &fresh, &err);
        if (!rc)
            rc = serve_publish(f->o.serve, name, v, &err);
        if (rc && fresh && v)
            serve_version_free(v);
        if (rc) {
            serve_set_problem(f->o.serve, name, number, err.msg);
            f->failed_ms = clock_mono_ns() / 1000000;
        }
    }
    arena_fini(&a);
}

static int share_of(struct arena *a, const struct canary_row *row, struct serve_share *out,
                    struct err *err)
{
    struct strategy s;
    int rc = strategy_read(a, row->strategy, &s, err);
    if (!rc && (row->step < 0 || row->step > (int64_t)s.step_n))
        rc = ERR(err, ERR_CORRUPT, "the record of its rollout names step %lld of %zu",
                 (long long)row->step, s.step_n);
    if (!rc)
        *out = (struct serve_share){ .permille = row->step ? s.share[row->step - 1] : 0,
                                     .shadow = row->step == 0 };
    return rc;
}

/* The candidate of a rollout beside the version that serves, or none. One that does not load is a
 * problem of the endpoint, for which the rollout is sent back. */
static void apply_candidate(struct follow *f, const struct endpoint_row *row,
                            const struct candidate *k)
{
    struct arena a;
    struct err err = ERR_INIT;
    struct serve_status st = { 0 };
    struct serve_share share;
    struct serve_version *v = NULL;
    char number[24];
    int fresh = 0;
    arena_init(&a, LIMIT_MODEL_FILE + MIB(64));
    const char *name = served_name(&a, row);
    (void)snprintf(number, sizeof number, "%lld", (long long)k->row.candidate);
    int known = serve_status_get(f->o.serve, str_of(name), &st, NULL) == 0 &&
                strcmp(st.endpoint, name) == 0 && st.version[0];
    if (!known || !k->row.id) {
        if (st.candidate[0])
            serve_candidate_clear(f->o.serve, name);
        arena_fini(&a);
        return;
    }
    int rc = share_of(&a, &k->row, &share, &err);
    int right = !rc && strcmp(st.candidate, number) == 0 && st.share.permille == share.permille &&
                st.share.shadow == share.shadow &&
                (!k->digest || strcmp(st.candidate_digest, k->digest) == 0);
    struct version_ref ref = { row->project, row->model, number };
    if (!rc && !right)
        rc = need_version(f, &a, &ref, k->digest, &v, &fresh, &err);
    if (!rc && !right)
        rc = serve_candidate_set(f->o.serve, name, v, share, &err);
    if (rc && fresh && v)
        serve_version_free(v);
    if (rc)
        serve_set_problem(f->o.serve, name, number, err.msg);
    arena_fini(&a);
}

static void remove_absent(struct follow *f, struct arena *a, const struct rows *r)
{
    struct serve_status *list = NULL;
    size_t n = serve_status_list(f->o.serve, a, &list);
    for (size_t i = 0; i < n; i++) {
        int wanted = 0;
        for (size_t k = 0; k < r->n && !wanted; k++)
            wanted = strcmp(list[i].endpoint, served_name(a, &r->list[k])) == 0;
        if (!wanted)
            serve_remove(f->o.serve, list[i].endpoint);
    }
}

static int apply(struct follow *f, int retry, struct err *err)
{
    struct arena a;
    struct rows r = { .a = &a };
    arena_init(&a, MIB(64));
    lock_take(&f->apply_lock);
    int rc = store_read(f->o.store, read_rows, &r, err);
    if (!rc)
        remove_absent(f, &a, &r);
    for (size_t i = 0; i < r.n && !rc; i++)
        apply_row(f, &r.list[i], r.digests[i], retry);
    for (size_t i = 0; i < r.n && !rc; i++)
        apply_candidate(f, &r.list[i], &r.candidates[i]);
    lock_drop(&f->apply_lock);
    arena_fini(&a);
    return rc;
}

int follow_apply(struct follow *f, struct err *err)
{
    return apply(f, 0, err);
}

struct look {
    int64_t *seq;
    int concerned;
};

static int look(struct tx *tx, void *arg, struct err *err)
{
    struct look *l = arg;
    return endpoint_concerned(tx, l->seq, &l->concerned, err);
}

/* Most events are about runs: they do not make it walk over all endpoints. */
static int is_concerned(struct follow *f)
{
    struct look l = { &f->seen_seq, 0 };
    return store_read(f->o.store, look, &l, NULL) != 0 || l.concerned;
}

static void *follow_main(void *arg)
{
    struct follow *f = arg;
    for (;;) {
        lock_take(&f->wake_lock);
        while (!f->pending && !f->stop && cond_wait_ms(&f->wake, &f->wake_lock, RETRY_MS) == 0)
            continue;
        int stop = f->stop, pending = f->pending;
        f->pending = 0;
        lock_drop(&f->wake_lock);
        if (stop)
            return NULL;
        int retry = f->failed_ms && clock_mono_ns() / 1000000 - f->failed_ms >= RETRY_MS;
        if (retry)
            f->failed_ms = 0;
        if (retry || (pending && is_concerned(f)))
            IGNORE(apply(f, retry, NULL));
    }
}

int follow_thread_start(struct follow *f, struct err *err)
{
    int rc = thread_start(&f->thread, "follow", follow_main, f, err);
    f->thread_on = rc == 0;
    return rc;
}
