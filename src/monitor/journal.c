/* SPDX-License-Identifier: Apache-2.0
 * The journal of open windows: what each turn added to them, so that a crash costs at most the last
 * second. Replaying it gives the windows back; one that was written to the database says so, and
 * writing it again would change nothing. From time to time the journal begins anew with the state
 * of all windows, and what was before is dropped. */
#include <stdio.h>

#include "base/limits.h"
#include "base/mem.h"
#include "monitor/monitor_int.h"

enum { JOURNAL_BODY = 8 << 20 };

/* ---- bytes of a record: five texts, two times, packed counts ---- */

static void put_text(struct buf *b, const char *z)
{
    uint32_t n = (uint32_t)strlen(z);
    buf_put(b, &n, sizeof n);
    buf_put(b, z, n);
}

int monitor__journal_put(struct monitor *m, int kind, const struct monitor_ended *key,
                         const struct monitor_counts *counts, int64_t now_ms, struct err *err)
{
    struct buf b;
    now_ms = MAX(now_ms, 0);
    buf_init(&b, JOURNAL_BODY);
    if (key) {
        put_text(&b, key->endpoint);
        put_text(&b, key->project);
        put_text(&b, key->model);
        put_text(&b, key->version);
        put_text(&b, key->digest);
        buf_put(&b, &key->counts->start_ms, sizeof(int64_t));
        buf_put(&b, &key->counts->end_ms, sizeof(int64_t));
    }
    if (counts)
        monitor_counts_pack(counts, &b);
    struct segment_record r = { now_ms, now_ms, (uint32_t)kind, buf_view(&b) };
    int rc = b.failed ? ERR(err, ERR_NOMEM, "not enough memory for the counts of a window")
                      : segment_append(m->journal, &r, err);
    buf_fini(&b);
    if (rc)
        m->journal_incomplete = 1;
    else
        m->journal_ms = now_ms;
    return rc;
}

static int get_text(str_t *left, struct arena *a, const char **out)
{
    uint32_t n;
    if (left->n < sizeof n)
        return -1;
    memcpy(&n, left->p, sizeof n);
    if (n > left->n - sizeof n || n > MONITOR_NAME)
        return -1;
    *out = arena_strndup(a, left->p + sizeof n, n);
    left->p += sizeof n + n;
    left->n -= sizeof n + n;
    return *out ? 0 : -1;
}

static int get_time(str_t *left, int64_t *out)
{
    if (left->n < sizeof *out)
        return -1;
    memcpy(out, left->p, sizeof *out);
    left->p += sizeof *out;
    left->n -= sizeof *out;
    return 0;
}

/* A window with the key of a record; its arena is the window's. NULL when the bytes are none. */
static struct monitor_ended *read_key(str_t *left)
{
    struct monitor_ended *w = mem_alloc(sizeof *w);
    struct arena *a = &w->arena;
    int64_t start = 0, end = 0;
    arena_init(a, MIB(64));
    if (get_text(left, a, &w->endpoint) || get_text(left, a, &w->project) ||
        get_text(left, a, &w->model) || get_text(left, a, &w->version) ||
        get_text(left, a, &w->digest) || get_time(left, &start) || get_time(left, &end) ||
        start >= end) {
        monitor__ended_free(w);
        return NULL;
    }
    w->counts = arena_try_alloc(a, 1, sizeof *w->counts);
    if (w->counts)
        *w->counts = (struct monitor_counts){ .start_ms = start, .end_ms = end };
    return w;
}

static int same_window(const struct monitor_ended *a, const struct monitor_ended *b)
{
    return a->counts->start_ms == b->counts->start_ms && strcmp(a->endpoint, b->endpoint) == 0 &&
           strcmp(a->model, b->model) == 0 && strcmp(a->version, b->version) == 0 &&
           strcmp(a->digest, b->digest) == 0;
}

/* ---- replaying ---- */

struct replay {
    struct monitor *m;
    int64_t newest_ms;
};

static struct monitor_ended **find(struct monitor *m, const struct monitor_ended *key)
{
    struct monitor_ended **at = &m->restored;
    while (*at && !same_window(*at, key))
        at = &(*at)->next;
    return at;
}

/* Takes the counts of a record into w; a shape that differs from what is there replaces it. */
static int take_counts(struct monitor_ended *w, int kind, str_t bytes)
{
    struct monitor_counts in = { 0 };
    struct monitor_reference *shape = NULL;
    if (monitor_counts_shape(&w->arena, bytes, &shape) ||
        monitor_counts_unpack(&w->arena, shape, bytes, &in, NULL))
        return -1;
    in.start_ms = w->counts->start_ms;
    in.end_ms = w->counts->end_ms;
    int fits = w->counts->ref && monitor_counts_fit(w->counts->ref, shape);
    if (kind == JOURNAL_SET || !fits)
        *w->counts = in;
    else
        monitor_counts_add(w->counts, &in);
    return 0;
}

static int replay_one(void *arg, const struct segment_record *r, struct err *err)
{
    struct replay *x = arg;
    struct monitor *m = x->m;
    str_t left = r->body;
    (void)err;
    x->newest_ms = MAX(x->newest_ms, r->to_ms);
    if (r->kind < JOURNAL_ADD || r->kind > JOURNAL_CLOSED)
        return 0;
    struct monitor_ended *w = read_key(&left);
    if (!w)
        return 0;
    struct monitor_ended **at = find(m, w), *had = *at;
    if (r->kind == JOURNAL_CLOSED) {
        if (had) {
            *at = had->next;
            monitor__ended_free(had);
        }
        monitor__ended_free(w);
        return 0;
    }
    if (had) {
        monitor__ended_free(w);
        struct arena_mark mark = arena_snapshot(&had->arena);
        struct monitor_counts before = *had->counts;
        if (take_counts(had, (int)r->kind, left))
            *had->counts = before;
        else if (had->counts->ref == before.ref && before.ref)
            arena_restore(&had->arena, mark); /* it was added in place */
        return 0;
    }
    if (take_counts(w, (int)r->kind, left)) {
        monitor__ended_free(w);
        return 0;
    }
    w->next = m->restored;
    m->restored = w;
    return 0;
}

int monitor__journal_open(struct monitor *m, struct err *err)
{
    char path[4096];
    struct segment_options o = { .dir = path, .rotate_ms = INT64_MAX };
    struct replay x = { .m = m };
    struct segment_query q = { .to_ms = INT64_MAX, .fn = replay_one, .arg = &x };
    (void)snprintf(path, sizeof path, "%s/open", m->dir);
    int rc = segment_open(&m->journal, &o, err);
    if (!rc)
        rc = segment_scan(m->journal, &q, err);
    m->journal_ms = x.newest_ms;
    return rc;
}

/* ---- beginning anew ---- */

int monitor__journal_renew(struct monitor *m, int64_t now_ms, struct err *err)
{
    int rc = segment_rotate(m->journal, err);
    m->journal_incomplete = 0;
    for (const struct monitor_subject *s = m->subjects; s && !rc; s = s->next) {
        struct monitor_ended key = monitor__key(s);
        if (s->is_open)
            rc = monitor__journal_put(m, JOURNAL_SET, &key, s->window, now_ms, err);
    }
    for (const struct monitor_ended *w = m->restored; w && !rc; w = w->next)
        rc = monitor__journal_put(m, JOURNAL_SET, w, w->counts, now_ms, err);
    for (const struct monitor_ended *w = m->ended; w && !rc; w = w->next)
        rc = monitor__journal_put(m, JOURNAL_SET, w, w->counts, now_ms, err);
    if (!rc)
        rc = monitor__journal_put(m, JOURNAL_ALIVE, NULL, NULL, now_ms, err);
    if (!rc)
        rc = segment_sync(m->journal, err);
    return rc ? rc : segment_drop_sealed(m->journal, err);
}
