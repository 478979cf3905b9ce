/* SPDX-License-Identifier: Apache-2.0
 * The turns of the monitor: logs, counts, windows, the database, retention; and what other threads
 * ask of it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/rng.h"
#include "monitor/monitor_int.h"

enum {
    WAKE_RANK = 740,
    DRAIN_MS = 250,
    TURN_MS = 1000,
    TRIM_TURNS = 600,
    JUMP_MS = 60000,
    TURN_MAX_MS = 5000
};
enum { JOURNAL_MAX = 16 << 20 };

/* ---- the log ---- */

struct draining {
    struct monitor *m;
    int looked; /* for new subjects in this drain */
};

static struct monitor_subject *subject_of(struct draining *d, uint64_t serial)
{
    for (int again = 0; again < 2; again++) {
        for (struct monitor_subject *s = d->m->subjects; s; s = s->next)
            if (s->serial == serial)
                return s;
        if (again || d->looked)
            break;
        d->looked = 1;
        IGNORE(monitor__subjects(d->m, NULL));
    }
    return NULL;
}

static void take_record(void *arg, const struct watch_record *r)
{
    struct draining *d = arg;
    struct monitor_subject *s = subject_of(d, r->serial);
    if (!s || !s->schema) /* unloaded since, or its columns could not be written down */
        return;
    struct monitor_endpoint *e = s->endpoint;
    struct watch_record kept = *r;
    if (!e->settings.log_on) /* asked before the table knew */
        return;
    if (e->settings.log_inputs <= 0)
        kept.columns = 0;
    if (e->block.n && (e->block_schema != s->schema || e->block.n > MIB(1)))
        monitor__block_flush(e, d->m);
    monitor__block_add(e, s->schema, &kept);
}

/* Under drain_lock. */
static void drain_locked(struct monitor *m)
{
    struct draining d = { m, 0 };
    uint64_t dropped = 0;
    if (!m->serve)
        return;
    serve_watch_take(m->serve, take_record, &d, &dropped);
    for (struct monitor_endpoint *e = monitor__first(m); e; e = e->next)
        monitor__block_flush(e, m);
    counter_add(&m->dropped, dropped);
}

void monitor__drain(struct monitor *m)
{
    lock_take(&m->drain_lock);
    drain_locked(m);
    lock_drop(&m->drain_lock);
}

/* ---- settings ---- */

struct reading {
    struct arena *a;
    const char *endpoint;
    struct monitor_settings out;
};

static int read_settings(struct tx *tx, void *arg, struct err *err)
{
    struct reading *r = arg;
    return monitor_settings_get(tx, r->a, r->endpoint, &r->out, NULL, err);
}

int monitor__settings_load(struct monitor *m, struct monitor_endpoint *e, struct err *err)
{
    struct arena a;
    arena_init(&a, MIB(16));
    struct reading r = { .a = &a, .endpoint = e->name };
    int rc = store_read(m->store, read_settings, &r, err);
    arena_fini(&a);
    if (rc)
        return rc;
    lock_take(&m->list_lock);
    e->longest_ms = MAX(e->longest_ms, MAX(r.out.window_ms, e->settings.window_ms));
    e->settings = r.out;
    lock_drop(&m->list_lock);
    if (m->serve)
        serve_watch_log(m->serve, e->name, r.out.log_on ? r.out.log_inputs : -1);
    return 0;
}

/* Windows that are open keep their length when it is changed: they end now instead. */
static void apply_settings(struct monitor *m, int64_t now_ms)
{
    lock_take(&m->wake_lock);
    int changed = m->settings_changed;
    m->settings_changed = 0;
    lock_drop(&m->wake_lock);
    for (struct monitor_endpoint *e = monitor__first(m); e && changed; e = e->next) {
        struct err err = ERR_INIT;
        int64_t had = e->settings.window_ms;
        if (monitor__settings_load(m, e, &err))
            monitor__problem(m, err.msg);
        for (const struct monitor_subject *s = m->subjects; s; s = s->next)
            if (s->endpoint == e && s->is_open && e->settings.window_ms != had)
                e->cut_ms = now_ms;
    }
}

static void on_event(void *arg, int64_t newest)
{
    struct monitor *m = arg;
    (void)newest;
    lock_take(&m->wake_lock);
    m->settings_changed = 1;
    lock_drop(&m->wake_lock);
}

/* ---- retention ---- */

struct trimming {
    const char *endpoint;
    int64_t before_ms;
};

static int trim_rows(struct tx *tx, void *arg, struct err *err)
{
    const struct trimming *t = arg;
    return monitor_window_trim(tx, t->endpoint, t->before_ms, err);
}

/* What is too much goes at once. Old data goes only after the clock has gone on evenly for a while:
 * one that jumps a year ahead for a moment must not cost everything. */
static int trim(struct monitor *m, int64_t now_ms, struct err *err)
{
    int by_age = m->steady >= TRIM_TURNS && m->steady % TRIM_TURNS == 0, rc = 0;
    for (struct monitor_endpoint *e = monitor__first(m); e && !rc; e = e->next) {
        const struct monitor_settings *s = &e->settings;
        struct trimming t = { e->name, now_ms - s->keep_windows_ms };
        int64_t before = by_age ? now_ms - s->keep_ms : INT64_MIN;
        rc = segment_trim(e->predictions, before, s->keep_bytes, err);
        if (!rc)
            rc = segment_trim(e->labels, before, s->keep_bytes, err);
        if (!rc && by_age)
            rc = store_write(m->store, trim_rows, &t, err);
    }
    return rc;
}

/* ---- a turn ---- */

static int sync_logs(struct monitor *m, struct err *err)
{
    int rc = segment_sync(m->journal, err);
    for (struct monitor_endpoint *e = monitor__first(m); e && !rc; e = e->next)
        rc = segment_sync(e->predictions, err);
    return rc;
}

static int count_and_turn(struct monitor *m, int64_t at_ms, int64_t now_ms, struct err *err)
{
    if (!m->serve)
        return monitor__turn(m, now_ms, err);
    int rc = monitor__subjects(m, err);
    drain_locked(m);
    if (!rc)
        rc = monitor__count(m, at_ms, now_ms, err);
    if (!rc)
        rc = monitor__turn(m, now_ms, err);
    return rc;
}

static int keep_journal(struct monitor *m, int64_t now_ms, struct err *err)
{
    struct segment_info info;
    segment_info_get(m->journal, &info);
    if (m->journal_incomplete || info.bytes > JOURNAL_MAX)
        return monitor__journal_renew(m, now_ms, err);
    return m->journal_ms == MAX(now_ms, 0)
               ? 0
               : monitor__journal_put(m, JOURNAL_ALIVE, NULL, NULL, now_ms, err);
}

/* When what was counted since the turn before happened: at that turn, when turns follow each other
 * or the clock went back; else (a first turn, one after a long pause) now. */
static int64_t counted_at(int64_t before, int64_t now_ms)
{
    return before && now_ms - before <= TURN_MAX_MS ? before : now_ms;
}

int monitor_tick(struct monitor *m, int64_t now_ms, struct err *err)
{
    struct err own = ERR_INIT;
    lock_take(&m->tick_lock);
    int64_t before = gauge_get(&m->last_tick_ms);
    m->steady = before && llabs(now_ms - before) < JUMP_MS ? m->steady + 1 : 0;
    monitor__problem(m, "");
    lock_take(&m->drain_lock);
    apply_settings(m, now_ms);
    int rc = count_and_turn(m, counted_at(before, now_ms), now_ms, &own);
    if (!rc)
        rc = keep_journal(m, now_ms, &own);
    lock_drop(&m->drain_lock);
    if (!rc)
        rc = sync_logs(m, &own);
    if (!m->shown_restored)
        monitor__show_restore(m);
    if (!rc)
        rc = monitor__write(m, now_ms, &own);
    if (!rc)
        rc = trim(m, now_ms, &own);
    gauge_set(&m->last_tick_ms, now_ms);
    if (rc)
        monitor__problem(m, own.msg);
    lock_drop(&m->tick_lock);
    if (rc && err)
        *err = own;
    return rc;
}

/* Sleeps to the next multiple of `step_ms`; 1 when the monitor stops. */
static int sleep_to(struct monitor *m, int64_t step_ms)
{
    int64_t until = clock_mono_ns() + (step_ms - clock_now_ms() % step_ms) * 1000000, left;
    lock_take(&m->wake_lock);
    while (!m->stop && (left = (until - clock_mono_ns()) / 1000000) > 0)
        (void)cond_wait_ms(&m->wake, &m->wake_lock, left);
    int stop = m->stop;
    lock_drop(&m->wake_lock);
    return stop;
}

static void *turn_main(void *arg)
{
    struct monitor *m = arg;
    while (!sleep_to(m, TURN_MS))
        IGNORE(monitor_tick(m, clock_now_ms(), NULL));
    return NULL;
}

/* A turn may wait for the disk; the rings are emptied meanwhile. */
static void *drain_main(void *arg)
{
    struct monitor *m = arg;
    while (!sleep_to(m, DRAIN_MS))
        monitor__drain(m);
    return NULL;
}

int monitor_thread_start(struct monitor *m, struct err *err)
{
    int rc = thread_start(&m->thread, "monitor", turn_main, m, err);
    m->thread_on = rc == 0;
    if (!rc)
        rc = thread_start(&m->drain_thread, "monitor-log", drain_main, m, err);
    m->drain_on = rc == 0;
    return rc;
}

/* ---- opening ---- */

/* Endpoints that left folders before: their labels may not be in the windows yet. */
static int open_known(struct monitor *m, struct err *err)
{
    struct arena a;
    const char **names = NULL;
    size_t n = 0;
    arena_init(&a, MIB(16));
    char *dir = fs_join(&a, m->dir, "endpoints");
    int rc = fs_mkdirs(dir, err);
    if (!rc)
        rc = fs_list(&a, dir, &names, &n, err);
    for (size_t i = 0; i < n && !rc; i++) {
        char name[MONITOR_NAME];
        if (monitor__folder_endpoint(names[i], name) == 0 && !monitor__endpoint(m, name, 1, err))
            rc = monitor__code(err);
    }
    arena_fini(&a);
    return rc;
}

int monitor_open(struct monitor **out, const struct monitor_options *options, struct err *err)
{
    struct arena a;
    struct monitor *m = mem_alloc(sizeof *m);
    arena_init(&a, MIB(1));
    m->magic = MONITOR_MAGIC;
    m->store = options->store;
    m->blobs = options->blobs;
    m->serve = options->serve;
    m->dir = mem_strdup(fs_join(&a, options->data_dir, "monitor"));
    arena_fini(&a);
    lock_init(&m->tick_lock, "monitor tick", MONITOR_TICK_RANK);
    lock_init(&m->drain_lock, "monitor drain", MONITOR_DRAIN_RANK);
    lock_init(&m->list_lock, "monitor list", MONITOR_LIST_RANK);
    lock_init(&m->wake_lock, "monitor wake", WAKE_RANK);
    cond_init(&m->wake);
    m->settings_changed = 1;
    if (m->serve)
        serve_watch_log(m->serve, NULL, 1); /* until an endpoint's settings say otherwise */
    event_listen_but_runs(on_event, m);
    int rc = monitor__journal_open(m, err);
    m->restored_ms = m->journal_ms;
    gauge_set(&m->last_tick_ms, clock_now_ms()); /* what comes before the first turn is of now */
    if (!rc)
        rc = open_known(m, err);
    if (rc) {
        monitor_close(m);
        return rc;
    }
    *out = m;
    return 0;
}

static void stop_thread(struct monitor *m)
{
    lock_take(&m->wake_lock);
    m->stop = 1;
    cond_broadcast(&m->wake);
    lock_drop(&m->wake_lock);
    if (m->drain_on)
        thread_join(m->drain_thread);
    if (m->thread_on) {
        thread_join(m->thread);
        IGNORE(monitor_tick(m, clock_now_ms(), NULL));
    }
}

static void free_ended(struct monitor_ended *w)
{
    while (w) {
        struct monitor_ended *next = w->next;
        monitor__ended_free(w);
        w = next;
    }
}

void monitor_close(struct monitor *m)
{
    if (!m)
        return;
    ASSERT(m->magic == MONITOR_MAGIC);
    stop_thread(m);
    event_unlisten(on_event, m);
    while (m->subjects) {
        struct monitor_subject *s = m->subjects;
        m->subjects = s->next;
        monitor__subject_free(s);
    }
    while (m->endpoints) {
        struct monitor_endpoint *e = m->endpoints;
        m->endpoints = e->next;
        monitor__endpoint_free(e);
    }
    free_ended(m->restored);
    free_ended(m->ended);
    monitor__shown_free(m);
    segment_close(m->journal);
    lock_fini(&m->tick_lock);
    lock_fini(&m->drain_lock);
    lock_fini(&m->list_lock);
    lock_fini(&m->wake_lock);
    cond_fini(&m->wake);
    mem_free(m->dir);
    m->magic = 0;
    mem_free(m);
}

/* ---- asking ---- */

void monitor_status_get(struct monitor *m, const char *endpoint, struct monitor_status *out)
{
    struct segment_info p = { 0 }, l = { 0 };
    struct monitor_endpoint *e = monitor__endpoint(m, endpoint, 0, NULL);
    *out = (struct monitor_status){ .last_tick_ms = gauge_get(&m->last_tick_ms),
                                    .dropped = counter_get(&m->dropped) };
    lock_take(&m->list_lock);
    (void)snprintf(out->problem, sizeof out->problem, "%.199s", m->problem);
    out->window_ms = e ? e->settings.window_ms : monitor_settings_default().window_ms;
    lock_drop(&m->list_lock);
    if (!e)
        return;
    segment_info_get(e->predictions, &p);
    segment_info_get(e->labels, &l);
    out->open_start_ms = gauge_get(&e->open_start_ms);
    out->open_rows = (uint64_t)gauge_get(&e->open_rows);
    out->predictions = counter_get(&e->logged);
    out->dropped += counter_get(&e->dropped);
    out->skipped = (uint64_t)gauge_get(&e->skipped);
    out->labels = counter_get(&e->labelled);
    out->labels_unknown = counter_get(&e->unknown);
    out->lost_bytes = p.lost_bytes + l.lost_bytes;
    out->predictions_from_ms = p.first_ms;
}
