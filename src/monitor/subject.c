/* SPDX-License-Identifier: Apache-2.0
 * Versions that are counted: differences of the serving table's totals go into the window that is
 * open, windows end when the clock leaves them and new ones begin.
 *
 * What was counted since the turn before belongs to that turn's time: a window gets the last second
 * before its end, not the first after it. A clock that jumps, either way, ends the window; a window
 * that was written already is taken up again where it stood, so nothing is counted twice or lost.
 */
#include <math.h>

#include "base/limits.h"
#include "base/mem.h"
#include "monitor/monitor_int.h"

enum { REFERENCE_BYTES = 512 << 20 };

static int64_t floor_to(int64_t t, int64_t step)
{
    int64_t r = t % step;
    return t - (r < 0 ? r + step : r);
}

struct monitor_ended monitor__key(const struct monitor_subject *s)
{
    return (struct monitor_ended){ .endpoint = s->endpoint->name,
                                   .project = s->endpoint->project,
                                   .model = s->model,
                                   .version = s->version,
                                   .digest = s->digest,
                                   .counts = s->window };
}

/* ---- the list ---- */

void monitor__subject_free(struct monitor_subject *s)
{
    if (!s)
        return;
    if (s->is_open)
        arena_fini(&s->window_arena);
    arena_fini(&s->arena);
    mem_free(s->model);
    mem_free(s->version);
    mem_free(s->digest);
    mem_free(s);
}

static uint64_t nothing_new(void *arg, uint64_t serial)
{
    (void)arg;
    (void)serial;
    return UINT64_MAX;
}

static struct monitor_subject *by_serial(struct monitor *m, uint64_t serial)
{
    for (struct monitor_subject *s = m->subjects; s; s = s->next)
        if (s->serial == serial)
            return s;
    return NULL;
}

static int subject_add(struct monitor *m, const struct watch_total *t, struct err *err)
{
    struct monitor_endpoint *e = monitor__endpoint(m, t->endpoint, 1, err);
    if (!e)
        return monitor__code(err);
    if (strcmp(e->project, t->project) != 0) {
        mem_free(e->project);
        e->project = mem_strdup(t->project);
    }
    struct monitor_subject *s = mem_alloc(sizeof *s);
    s->endpoint = e;
    s->model = mem_strdup(t->model);
    s->version = mem_strdup(t->version);
    s->digest = mem_strdup(t->digest);
    s->serial = t->serial;
    s->serves = t->serves;
    arena_init(&s->arena, REFERENCE_BYTES);
    s->next = m->subjects;
    m->subjects = s;
    /* an endpoint that was removed and came back has to be told again */
    serve_watch_log(m->serve, e->name, e->settings.log_on ? e->settings.log_inputs : -1);
    return monitor__schema_put(m, s, err);
}

int monitor__subjects(struct monitor *m, struct err *err)
{
    struct arena a;
    struct watch_total *list = NULL;
    size_t n = 0;
    arena_init(&a, MIB(64));
    int rc = serve_watch_totals(m->serve, &a, nothing_new, NULL, &list, &n, err);
    for (struct monitor_subject *s = m->subjects; s; s = s->next)
        s->gone = 1;
    for (size_t i = 0; i < n && !rc; i++) {
        struct monitor_subject *s = by_serial(m, list[i].serial);
        if (s) {
            s->gone = 0;
            s->serves = list[i].serves;
        } else {
            rc = subject_add(m, &list[i], err);
        }
    }
    arena_fini(&a);
    return rc;
}

/* ---- windows ---- */

/* The reference, once; a version without one is counted by its traffic alone. */
static void look_up(struct monitor *m, struct monitor_subject *s, size_t watched)
{
    struct monitor_version v = { s->endpoint->project, s->model, s->version };
    struct err err = ERR_INIT;
    if (s->looked_up)
        return;
    s->looked_up = 1;
    int rc = monitor_reference_load(m->store, m->blobs, &s->arena, &v, &s->ref, &err);
    if (rc && rc != ERR_NOT_FOUND)
        monitor__problem(m, err.msg);
    if (rc || MIN(s->ref->n, (size_t)WATCH_FEATURES_MAX) != watched)
        s->ref = NULL; /* what is served was loaded without it */
    s->last = monitor_counts_new(&s->arena, s->ref);
}

struct row_read {
    struct arena *a;
    struct monitor_window key;
    str_t packed;
    int found;
};

static int read_row(struct tx *tx, void *arg, struct err *err)
{
    struct row_read *r = arg;
    int rc = monitor_window_counts(tx, r->a, &r->key, &r->packed, err);
    r->found = rc == 0;
    return rc == ERR_NOT_FOUND ? 0 : rc;
}

/* What was counted in this window before: by an earlier process, or before the clock jumped. */
static int take_up(struct monitor *m, struct monitor_subject *s, int64_t now_ms, struct err *err)
{
    struct monitor_counts *w = s->window, before;
    struct monitor_ended key = monitor__key(s), **at = &m->restored;
    for (; *at; at = &(*at)->next) {
        const struct monitor_ended *r = *at;
        if (r->counts->start_ms != w->start_ms || strcmp(r->endpoint, key.endpoint) != 0 ||
            strcmp(r->model, key.model) != 0 || strcmp(r->version, key.version) != 0)
            continue;
        if (strcmp(r->digest, key.digest) != 0 || !monitor_counts_fit(r->counts->ref, s->ref))
            continue;
        struct monitor_ended *had = *at;
        *at = had->next;
        monitor_counts_add(w, had->counts);
        w->gap_ms += (uint64_t)MAX(now_ms - MAX(m->restored_ms, w->start_ms), 0);
        monitor__ended_free(had);
        return 0;
    }
    struct row_read r = { .a = &s->window_arena,
                          .key = { .endpoint = key.endpoint,
                                   .model = key.model,
                                   .version = key.version,
                                   .start_ms = w->start_ms } };
    int rc = store_read(m->store, read_row, &r, err);
    if (!rc && r.found && monitor_counts_unpack(r.a, s->ref, r.packed, &before, NULL) == 0)
        monitor_counts_add(w, &before);
    return rc;
}

static int open_window(struct monitor *m, struct monitor_subject *s, int64_t at_ms, int64_t now_ms,
                       struct err *err)
{
    int64_t length = s->endpoint->settings.window_ms, start = floor_to(MAX(at_ms, 0), length);
    arena_init(&s->window_arena, MIB(256));
    s->window = monitor_counts_new(&s->window_arena, s->ref);
    if (!s->window) {
        arena_fini(&s->window_arena);
        return ERR(err, ERR_NOMEM, "not enough memory for a window of '%s'", s->endpoint->name);
    }
    s->window->start_ms = MAX(start, s->endpoint->cut_ms);
    s->window->end_ms = start + length;
    s->is_open = 1;
    int rc = take_up(m, s, now_ms, err);
    struct monitor_ended key = monitor__key(s);
    if (!rc)
        rc = monitor__journal_put(m, JOURNAL_SET, &key, s->window, now_ms, err);
    return rc;
}

static void end_window(struct monitor *m, struct monitor_subject *s)
{
    struct monitor_ended key = monitor__key(s), *w = NULL;
    int64_t cut = s->endpoint->cut_ms;
    if (cut > s->window->start_ms)
        s->window->end_ms = MIN(s->window->end_ms, cut);
    if (m->ended_n >= MONITOR_ENDED_MAX)
        monitor__problem(m, "the database takes no windows: the counts of this one are lost");
    else if (s->window->rows || s->window->requests || s->serves)
        w = monitor__ended_new(&key, s->window);
    if (w) {
        w->next = m->ended;
        m->ended = w;
        m->ended_n++;
    }
    arena_fini(&s->window_arena);
    s->is_open = 0;
    s->window = NULL;
    if (s->serves) {
        gauge_set(&s->endpoint->open_start_ms, 0);
        gauge_set(&s->endpoint->open_rows, 0);
    }
}

/* ---- counting ---- */

struct settled {
    struct monitor *m;
};

/* Cells are read again once after rows stopped rising: a prediction counts its rows first. */
static uint64_t settled_rows(void *arg, uint64_t serial)
{
    const struct monitor_subject *s = by_serial(((struct settled *)arg)->m, serial);
    return s && s->settled ? s->last_rows : UINT64_MAX;
}

static int differs(const struct watch_total *t, const struct monitor_counts *last)
{
    return t->requests != last->requests || t->errors != last->errors || t->rows != last->rows;
}

/* Puts the difference of totals and `last` into `delta`, and the totals into `last`. */
static uint64_t take_cells(const struct watch_total *t, struct monitor_counts *last,
                           struct monitor_counts *delta)
{
    uint64_t changed = 0;
    for (size_t i = 0; last->ref && t->features && i < MIN(t->n, last->ref->n); i++) {
        const struct watch_cells *f = &t->features[i];
        struct monitor_cells *l = &last->features[i], *d = &delta->features[i];
        if (f->n != last->ref->features[i].n_cells)
            continue; /* the version has no such column */
        for (size_t k = 0; k < f->n; k++) {
            d->cells[k] = f->cells[k] - l->cells[k];
            l->cells[k] = f->cells[k];
            changed += d->cells[k];
        }
        d->missing = f->missing - l->missing;
        d->bad = f->bad - l->bad;
        changed += d->missing + d->bad;
        d->sum = f->sum - l->sum;
        d->sum2 = f->sum2 - l->sum2;
        l->missing = f->missing;
        l->bad = f->bad;
        l->sum = f->sum;
        l->sum2 = f->sum2;
    }
    return changed;
}

struct turn {
    int64_t at_ms, now_ms;
};

static int count_one(struct monitor *m, struct monitor_subject *s, const struct watch_total *t,
                     const struct turn *turn, struct err *err)
{
    struct arena a;
    int rc = 0;
    look_up(m, s, t->n);
    if (!s->last)
        return ERR(err, ERR_NOMEM, "not enough memory for the counts of '%s'", s->endpoint->name);
    int moved = differs(t, s->last);
    s->settled = !moved;
    if (!moved && !t->features && (s->is_open || !s->serves))
        return 0;
    if (s->is_open && moved &&
        (turn->at_ms < s->window->start_ms || turn->at_ms >= s->window->end_ms))
        end_window(m, s);
    if (!s->is_open && (moved || s->serves))
        rc = open_window(m, s, turn->at_ms, turn->now_ms, err);
    if (rc || !s->is_open)
        return rc;
    arena_init(&a, MIB(256));
    struct monitor_counts *delta = monitor_counts_new(&a, s->ref);
    if (delta) {
        delta->requests = t->requests - s->last->requests;
        delta->errors = t->errors - s->last->errors;
        delta->rows = t->rows - s->last->rows;
        delta->last_row_ms = delta->rows ? turn->now_ms : 0;
        s->last->requests = t->requests;
        s->last->errors = t->errors;
        s->last_rows = s->last->rows = t->rows;
        uint64_t cells = take_cells(t, s->last, delta);
        struct monitor_ended key = monitor__key(s);
        monitor_counts_add(s->window, delta);
        if (delta->requests || delta->errors || delta->rows || cells)
            rc = monitor__journal_put(m, JOURNAL_ADD, &key, delta, turn->now_ms, err);
    } else {
        rc = ERR(err, ERR_NOMEM, "not enough memory for the counts of '%s'", s->endpoint->name);
    }
    if (s->serves) {
        gauge_set(&s->endpoint->open_start_ms, s->window->start_ms);
        gauge_set(&s->endpoint->open_rows, (int64_t)s->window->rows);
        gauge_set(&s->endpoint->skipped, (int64_t)t->skipped);
    }
    arena_fini(&a);
    return rc;
}

int monitor__count(struct monitor *m, int64_t at_ms, int64_t now_ms, struct err *err)
{
    struct arena a;
    struct watch_total *list = NULL;
    size_t n = 0;
    struct settled x = { m };
    struct turn turn = { at_ms, now_ms };
    arena_init(&a, GIB(1));
    int rc = serve_watch_totals(m->serve, &a, settled_rows, &x, &list, &n, err);
    for (size_t i = 0; i < n && !rc; i++) {
        struct monitor_subject *s = by_serial(m, list[i].serial);
        if (s)
            rc = count_one(m, s, &list[i], &turn, err);
    }
    arena_fini(&a);
    return rc;
}

/* ---- the end of a turn ---- */

/* Windows read back from the journal that nobody takes up: their time is over. */
static void end_restored(struct monitor *m, int64_t now_ms)
{
    struct monitor_ended **at = &m->restored;
    while (*at) {
        struct monitor_ended *w = *at;
        struct monitor_counts *c = w->counts;
        if (now_ms >= c->start_ms && now_ms < c->end_ms) {
            at = &w->next;
            continue;
        }
        int64_t seen = MIN(MAX(m->restored_ms, c->start_ms), c->end_ms);
        c->gap_ms += now_ms >= c->end_ms ? (uint64_t)(c->end_ms - seen) : 0;
        *at = w->next;
        w->next = m->ended;
        m->ended = w;
        m->ended_n++;
    }
}

int monitor__turn(struct monitor *m, int64_t now_ms, struct err *err)
{
    int rc = 0;
    struct monitor_subject **at = &m->subjects;
    while (*at) {
        struct monitor_subject *s = *at;
        if (now_ms < s->endpoint->cut_ms)
            s->endpoint->cut_ms = 0; /* the clock went back before that */
        int holds = s->is_open && now_ms >= s->window->start_ms && now_ms < s->window->end_ms &&
                    s->endpoint->cut_ms <= s->window->start_ms;
        if (s->is_open && (!holds || s->gone))
            end_window(m, s);
        if (s->gone) {
            *at = s->next;
            monitor__subject_free(s);
            continue;
        }
        if (!s->is_open && s->serves && s->looked_up && !rc)
            rc = open_window(m, s, now_ms, now_ms, err);
        at = &s->next;
    }
    end_restored(m, now_ms);
    return rc;
}
