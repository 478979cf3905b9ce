/* SPDX-License-Identifier: Apache-2.0
 * The newest verdicts in memory, so that a scrape of /metrics asks no database. After a start they
 * are computed once from the newest windows that are kept. */
#include <math.h>

#include "base/limits.h"
#include "base/mem.h"
#include "monitor/monitor_int.h"

static int is_version(const struct monitor_shown *s, const struct monitor_window *w)
{
    return strcmp(s->endpoint, w->endpoint) == 0 && strcmp(s->model, w->model) == 0 &&
           strcmp(s->version, w->version) == 0;
}

/* Takes the node of a version off the list, or makes one; too many of an endpoint: the oldest goes.
 * Under list_lock. */
static struct monitor_shown_node *take_node(struct monitor *m, const struct monitor_window *w)
{
    struct monitor_shown_node *found = NULL, **oldest = NULL;
    size_t n = 0;
    for (struct monitor_shown_node **at = &m->shown; *at; at = &(*at)->next) {
        if (is_version(&(*at)->shown, w)) {
            found = *at;
            *at = found->next;
            return found;
        }
        if (strcmp((*at)->shown.endpoint, w->endpoint) == 0) {
            oldest = at;
            n++;
        }
    }
    if (n >= MONITOR_SHOWN_VERSIONS) {
        found = *oldest;
        *oldest = found->next;
        arena_fini(&found->arena);
        mem_free(found);
    }
    return mem_alloc(sizeof *found);
}

static void fill(struct monitor_shown_node *node, const struct monitor_window *w,
                 const struct monitor_reference *ref, const struct monitor_verdict *v)
{
    struct monitor_shown *s = &node->shown;
    struct monitor_realised realised = s->realised;
    struct arena *a = &node->arena;
    int had = s->endpoint != NULL;
    size_t n = MIN(v->features_n, (size_t)MONITOR_SHOWN_FEATURES);
    arena_fini(a);
    arena_init(a, MIB(4));
    node->last_n = MIN(node->last_n + 1, (size_t)3);
    *s = (struct monitor_shown){ .endpoint = arena_strdup(a, w->endpoint),
                                 .model = arena_strdup(a, w->model),
                                 .version = arena_strdup(a, w->version),
                                 .end_ms = w->end_ms,
                                 .rows = w->rows,
                                 .performance = ref->performance,
                                 .features = arena_try_alloc(a, n + 1, sizeof *s->features) };
    s->realised = had ? realised : (struct monitor_realised){ 0, 0, NAN, NAN, NAN, NAN, NAN };
    for (size_t i = 0; s->features && i < n; i++) {
        const struct monitor_feature_verdict *f = &v->features[i];
        const struct monitor_test *t = &f->tests[f->method];
        enum monitor_state *last = node->last[i];
        last[2] = last[1];
        last[1] = last[0];
        last[0] = f->state;
        s->features[i] = (struct monitor_shown_feature){
            .name = arena_strndup(a, ref->features[i].name.p, ref->features[i].name.n),
            .method = f->method,
            .score = t->statistic,
            .threshold = t->threshold,
            .missing_ratio = f->missing_ratio,
            .alert = monitor_streak(last, node->last_n) == MONITOR_DRIFTED,
        };
        s->n += s->features[i].name != NULL;
    }
}

void monitor__show(struct monitor *m, const struct monitor_window *w,
                   const struct monitor_reference *ref, const struct monitor_verdict *v)
{
    lock_take(&m->list_lock);
    struct monitor_shown_node *node = take_node(m, w);
    if (node->shown.endpoint == NULL || node->shown.end_ms <= w->end_ms)
        fill(node, w, ref, v);
    node->next = m->shown;
    m->shown = node;
    lock_drop(&m->list_lock);
}

void monitor__show_realised(struct monitor *m, const struct monitor_window *w)
{
    lock_take(&m->list_lock);
    for (struct monitor_shown_node *n = m->shown; n && w->realised.labelled; n = n->next)
        if (is_version(&n->shown, w) && w->end_ms >= n->realised_end_ms) {
            n->shown.realised = w->realised;
            n->realised_end_ms = w->end_ms;
        }
    lock_drop(&m->list_lock);
}

void monitor__shown_free(struct monitor *m)
{
    while (m->shown) {
        struct monitor_shown_node *n = m->shown;
        m->shown = n->next;
        arena_fini(&n->arena);
        mem_free(n);
    }
}

/* ---- after a start ---- */

struct newest {
    struct arena *a;
    const struct monitor_endpoint *e;
    struct monitor_window *rows;
    size_t n;
    const struct monitor_window *one;
    str_t packed;
};

static int read_newest(struct tx *tx, void *arg, struct err *err)
{
    struct newest *x = arg;
    struct monitor_window_query q = { .endpoint = x->e->name, .newest_first = 1, .limit = 12 };
    return monitor_window_list(tx, x->a, &q, &x->rows, &x->n, err);
}

static int read_packed(struct tx *tx, void *arg, struct err *err)
{
    struct newest *x = arg;
    return monitor_window_counts(tx, x->a, x->one, &x->packed, err);
}

int monitor__rejudge(struct monitor *m, struct arena *a, const struct monitor_window *w,
                     struct monitor_reference **out_ref, struct monitor_verdict *out,
                     struct err *err)
{
    struct newest x = { .a = a, .one = w };
    struct monitor_endpoint *e = monitor__endpoint(m, w->endpoint, 0, NULL);
    struct monitor_version v = { e ? e->project : "default", w->model, w->version };
    struct monitor_counts counts;
    struct monitor_policy policy = e ? e->settings.policy : monitor_policy_default();
    int rc = store_read(m->store, read_packed, &x, err);
    if (!rc)
        rc = monitor_reference_load(m->store, m->blobs, a, &v, out_ref, err);
    if (!rc)
        rc = monitor_counts_unpack(a, *out_ref, x.packed, &counts, err);
    if (rc)
        return rc;
    counts.start_ms = w->start_ms;
    counts.end_ms = w->end_ms;
    policy.quality.now_ms = w->end_ms;
    return monitor_judge(a, *out_ref, &counts, &policy, out, err);
}

void monitor__show_restore(struct monitor *m)
{
    m->shown_restored = 1;
    for (struct monitor_endpoint *e = monitor__first(m); e; e = e->next) {
        struct arena a;
        arena_init(&a, GIB(1));
        struct newest x = { .a = &a, .e = e };
        if (store_read(m->store, read_newest, &x, NULL))
            x.n = 0;
        for (size_t i = x.n; i > 0; i--) {
            struct monitor_reference *ref = NULL;
            struct monitor_verdict v;
            const struct monitor_window *w = &x.rows[i - 1];
            if (w->has_reference && monitor__rejudge(m, &a, w, &ref, &v, NULL) == 0)
                monitor__show(m, w, ref, &v);
            monitor__show_realised(m, w);
        }
        arena_fini(&a);
    }
}

/* ---- reading ---- */

size_t monitor_shown_list(struct monitor *m, struct arena *a, struct monitor_shown **out)
{
    size_t n = 0, cap = 0;
    lock_take(&m->list_lock);
    for (const struct monitor_shown_node *x = m->shown; x; x = x->next)
        cap++;
    struct monitor_shown *list = ARENA_TRY_ARRAY(a, cap + 1, struct monitor_shown);
    for (const struct monitor_shown_node *x = m->shown; x && list; x = x->next) {
        struct monitor_shown *s = &list[n++];
        *s = x->shown;
        s->endpoint = arena_strdup(a, s->endpoint);
        s->model = arena_strdup(a, s->model);
        s->version = arena_strdup(a, s->version);
        s->features = ARENA_TRY_ARRAY(a, s->n + 1, struct monitor_shown_feature);
        for (size_t i = 0; s->features && i < s->n; i++) {
            s->features[i] = x->shown.features[i];
            s->features[i].name = arena_strdup(a, s->features[i].name);
        }
    }
    lock_drop(&m->list_lock);
    *out = list;
    return a->failed ? 0 : n;
}

size_t monitor_endpoint_names(struct monitor *m, struct arena *a, const char ***out)
{
    size_t n = 0, cap = 0;
    struct monitor_endpoint *first = monitor__first(m);
    for (const struct monitor_endpoint *e = first; e; e = e->next)
        cap++;
    const char **list = ARENA_TRY_ARRAY(a, cap + 1, const char *);
    for (const struct monitor_endpoint *e = first; e && list; e = e->next)
        list[n++] = arena_strdup(a, e->name);
    *out = list;
    return a->failed ? 0 : n;
}
