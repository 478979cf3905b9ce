/* SPDX-License-Identifier: Apache-2.0
 * The writers' side: the list of endpoints, and the snapshot that readers see. A change rebuilds
 * the snapshot (it has tens of entries and changes seldom), swaps it in, and frees what nobody can
 * see. */
#include "serve/serve_int.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"

enum { WRITE_RANK = 500, STATS_RANK = 510, TICK_RANK = 520, TICK_MS = 1000 };

static struct table *table_new(size_t n)
{
    struct table *t = mem_alloc(sizeof *t);
    t->entries = mem_alloc((n + 1) * sizeof *t->entries);
    map_init(&t->endpoints);
    map_init(&t->models);
    map_init(&t->problems);
    return t;
}

static void table_free(struct table *t)
{
    map_fini(&t->endpoints);
    map_fini(&t->models);
    for (size_t i = 0; i < t->problems.n; i++)
        mem_free(t->problems.entries[i].value);
    map_fini(&t->problems);
    mem_free(t->entries);
    mem_free(t);
}

static int by_name(const void *a, const void *b)
{
    const struct table_entry *x = a, *y = b;
    return strcmp(x->name, y->name);
}

void serve__publish(struct serve *s)
{
    struct table *t = table_new(s->endpoint_n);
    for (struct endpoint *e = s->endpoints; e; e = e->next) {
        if (!e->active) {
            if (e->problem[0])
                (void)map_put(&t->problems, str_of(e->name), mem_strdup(e->problem));
            continue;
        }
        t->entries[t->n++] = (struct table_entry){
            .name = e->name,
            .changed = e->changed,
            .active = e->active,
            .previous = e->previous,
            .active_traffic = traffic__find(e, e->active->version),
            .previous_traffic = e->previous ? traffic__find(e, e->previous->version) : NULL,
            .candidate = e->candidate,
            .candidate_traffic = e->candidate ? traffic__find(e, e->candidate->version) : NULL,
            .share = e->share,
            .trial = e->trial,
        };
    }
    qsort(t->entries, t->n, sizeof *t->entries, by_name);
    for (size_t i = 0; i < t->n; i++) {
        struct table_entry *e = &t->entries[i];
        const struct table_entry *had = map_get(&t->models, str_of(e->active->model));
        (void)map_put(&t->endpoints, str_of(e->name), e);
        if (!had || had->changed < e->changed)
            (void)map_put(&t->models, str_of(e->active->model), e);
    }
    struct table *old = cell_swap(&s->table, t);
    epoch_wait(&s->epoch);
    table_free(old);
}

int serve_open(struct serve **out, struct err *err)
{
    struct serve *s = mem_try_alloc(1, sizeof *s);
    if (!s)
        return ERR(err, ERR_NOMEM, "not enough memory for the serving table");
    s->log = watch__log_new();
    if (!s->log) {
        mem_free(s);
        return ERR(err, ERR_NOMEM, "not enough memory for the log of predictions");
    }
    s->magic = SERVE_MAGIC;
    lock_init(&s->lock, "serve", WRITE_RANK);
    lock_init(&s->stats_lock, "serve stats", STATS_RANK);
    lock_init(&s->tick_lock, "serve tick", TICK_RANK);
    cond_init(&s->tick);
    (void)cell_swap(&s->table, table_new(0));
    *out = s;
    return 0;
}

void serve__unref(struct serve_version *v)
{
    if (v && --v->refs == 0)
        serve_version_free(v);
}

static void endpoint_free(struct endpoint *e)
{
    for (struct traffic *t = e->traffic, *next; t; t = next) {
        next = t->next;
        traffic__free(t);
    }
    serve__unref(e->active);
    serve__unref(e->previous);
    serve__unref(e->candidate);
    mem_free(e->trial);
    mem_free(e->name);
    mem_free(e);
}

void serve_close(struct serve *s)
{
    if (!s)
        return;
    ASSERT(s->magic == SERVE_MAGIC);
    flag_raise(&s->stop);
    if (s->thread_on) {
        lock_take(&s->tick_lock);
        cond_signal(&s->tick);
        lock_drop(&s->tick_lock);
        thread_join(s->thread);
    }
    trial__stop(s);
    watch__log_free(s->log);
    table_free(cell_get(&s->table));
    for (struct endpoint *e = s->endpoints, *next; e; e = next) {
        next = e->next;
        endpoint_free(e);
    }
    lock_fini(&s->lock);
    lock_fini(&s->stats_lock);
    lock_fini(&s->tick_lock);
    cond_fini(&s->tick);
    s->magic = 0;
    mem_free(s);
}

struct endpoint *serve__endpoint(struct serve *s, const char *name)
{
    for (struct endpoint *e = s->endpoints; e; e = e->next)
        if (strcmp(e->name, name) == 0)
            return e;
    return NULL;
}

static struct endpoint *need_endpoint(struct serve *s, const char *name, struct err *err)
{
    struct endpoint *e = serve__endpoint(s, name);
    if (e)
        return e;
    if (s->endpoint_n >= LIMIT_ENDPOINTS) {
        IGNORE(ERR(err, ERR_LIMIT, "more than %d endpoints on one server", LIMIT_ENDPOINTS));
        return NULL;
    }
    e = mem_alloc(sizeof *e);
    e->name = mem_strdup(name);
    e->log_share = s->log_share;
    lock_take(&s->stats_lock);
    e->next = s->endpoints;
    s->endpoints = e;
    s->endpoint_n++;
    lock_drop(&s->stats_lock);
    return e;
}

static void unlink_traffic(struct endpoint *e, const struct traffic *t)
{
    struct traffic **at = &e->traffic;
    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
}

/* Counters of a version on this endpoint, made when absent; the oldest beyond TRAFFIC_KEPT that no
 * snapshot names goes to *out_old, to be freed after the grace period. */
void serve__need_traffic(struct serve *s, struct endpoint *e, const struct serve_version *v,
                         struct traffic **out_old)
{
    size_t n = 0;
    *out_old = NULL;
    struct traffic *had = traffic__find(e, v->version);
    if (had && watch__fits(had->watch, v))
        return;
    struct traffic *t = mem_alloc(sizeof *t);
    (void)snprintf(t->version, sizeof t->version, "%s", v->version);
    t->watch = watch__new(s, e, v);
    lock_take(&s->stats_lock);
    if (had) { /* another model, or one made again under the same number: begins at zero */
        *out_old = had;
        unlink_traffic(e, had);
    }
    t->next = e->traffic;
    e->traffic = t;
    for (struct traffic **at = &e->traffic; *at; at = &(*at)->next) {
        int held = *at == t;
        const struct serve_version *loaded[] = { e->active, e->previous, e->candidate };
        for (size_t i = 0; i < ARRAY_LEN(loaded); i++)
            held |= loaded[i] && strcmp((*at)->version, loaded[i]->version) == 0;
        if (++n > TRAFFIC_KEPT && !held && !had) {
            *out_old = *at;
            *at = (*at)->next;
            break;
        }
    }
    lock_drop(&s->stats_lock);
}

struct serve_version *serve_loaded(struct serve *s, const char *model, const char *version,
                                   const char *digest)
{
    struct serve_version *found = NULL;
    lock_take(&s->lock);
    for (struct endpoint *e = s->endpoints; e && !found; e = e->next) {
        struct serve_version *all[] = { e->active, e->previous, e->candidate };
        for (size_t i = 0; i < ARRAY_LEN(all) && !found; i++)
            if (all[i] && strcmp(all[i]->model, model) == 0 &&
                strcmp(all[i]->version, version) == 0 && strcmp(all[i]->digest, digest) == 0)
                found = all[i];
    }
    lock_drop(&s->lock);
    return found;
}

int serve_publish(struct serve *s, const char *endpoint, struct serve_version *v, struct err *err)
{
    struct traffic *old_traffic = NULL;
    struct serve_version *dropped = NULL, *candidate = NULL;
    struct trial *trial = NULL;
    ASSERT(v->magic == VERSION_MAGIC);
    lock_take(&s->lock);
    struct endpoint *e = need_endpoint(s, endpoint, err);
    int rc = e ? 0 : ERR_LIMIT;
    if (!rc && e->active != v) {
        serve__need_traffic(s, e, v, &old_traffic);
        dropped = e->previous;
        v->refs++;
        e->previous = e->active;
        e->active = v;
        e->changed = ++s->changes;
        e->since_ms = clock_now_ms();
        if (e->candidate) { /* it became the version, or was measured against another one */
            candidate = e->candidate;
            trial = e->trial;
            e->candidate = NULL;
            e->trial = NULL;
            e->share = (struct serve_share){ 0 };
        }
        serve__publish(s);
        serve__unref(dropped);
        serve__unref(candidate);
        mem_free(trial);
        traffic__free(old_traffic);
    }
    if (!rc)
        e->problem[0] = e->wanted[0] = '\0';
    lock_drop(&s->lock);
    return rc;
}

void serve_remove(struct serve *s, const char *endpoint)
{
    lock_take(&s->lock);
    struct endpoint *e = serve__endpoint(s, endpoint);
    if (e) {
        lock_take(&s->stats_lock);
        struct endpoint **at = &s->endpoints;
        while (*at != e)
            at = &(*at)->next;
        *at = e->next;
        s->endpoint_n--;
        lock_drop(&s->stats_lock);
        serve__publish(s);
        endpoint_free(e);
    }
    lock_drop(&s->lock);
}

void serve_set_problem(struct serve *s, const char *endpoint, const char *wanted_version,
                       const char *reason)
{
    lock_take(&s->lock);
    struct endpoint *e = need_endpoint(s, endpoint, NULL);
    if (e) {
        (void)snprintf(e->wanted, sizeof e->wanted, "%s",
                       reason && wanted_version ? wanted_version : "");
        (void)snprintf(e->problem, sizeof e->problem, "%s", reason ? reason : "");
        if (!e->active) /* those who ask it are told */
            serve__publish(s);
    }
    lock_drop(&s->lock);
}

/* ---- what is there ---- */

static void fill_status(const struct endpoint *e, struct serve_status *out)
{
    *out = (struct serve_status){ .loaded_ms = e->since_ms, .share = e->share };
    if (e->candidate) {
        (void)snprintf(out->candidate, sizeof out->candidate, "%s", e->candidate->version);
        (void)snprintf(out->candidate_digest, sizeof out->candidate_digest, "%s",
                       e->candidate->digest);
    }
    (void)snprintf(out->endpoint, sizeof out->endpoint, "%s", e->name);
    (void)snprintf(out->model, sizeof out->model, "%s", e->active ? e->active->model : "");
    (void)snprintf(out->version, sizeof out->version, "%s", e->active ? e->active->version : "");
    (void)snprintf(out->digest, sizeof out->digest, "%s", e->active ? e->active->digest : "");
    (void)snprintf(out->previous, sizeof out->previous, "%s",
                   e->previous ? e->previous->version : "");
    (void)snprintf(out->wanted, sizeof out->wanted, "%s", e->wanted);
    (void)snprintf(out->problem, sizeof out->problem, "%s", e->problem);
}

static struct endpoint *resolve(struct serve *s, str_t name)
{
    struct endpoint *best = NULL;
    for (struct endpoint *e = s->endpoints; e; e = e->next) {
        if (str_is(name, e->name))
            return e;
        if (e->active && str_is(name, e->active->model) && (!best || best->changed < e->changed))
            best = e;
    }
    return best;
}

int serve_status_get(struct serve *s, str_t name, struct serve_status *out, struct err *err)
{
    lock_take(&s->lock);
    const struct endpoint *e = resolve(s, name);
    if (e)
        fill_status(e, out);
    lock_drop(&s->lock);
    return e ? 0
             : ERR(err, ERR_NOT_FOUND, "no endpoint '%.*s' is served here",
                   (int)MIN(name.n, (size_t)SERVE_NAME), name.p);
}

static int status_by_name(const void *a, const void *b)
{
    const struct serve_status *x = a, *y = b;
    return strcmp(x->endpoint, y->endpoint);
}

size_t serve_status_list(struct serve *s, struct arena *a, struct serve_status **out)
{
    size_t n = 0;
    lock_take(&s->lock);
    struct serve_status *list = ARENA_TRY_ARRAY(a, s->endpoint_n + 1, struct serve_status);
    for (struct endpoint *e = s->endpoints; e && list; e = e->next)
        fill_status(e, &list[n++]);
    lock_drop(&s->lock);
    if (n)
        qsort(list, n, sizeof *list, status_by_name);
    *out = list;
    return n;
}

int serve_signature_get(struct serve *s, struct arena *a, str_t name, str_t version,
                        struct serve_column **out, size_t *out_n, struct serve_output **out_outputs,
                        size_t *out_output_n, struct err *err)
{
    lock_take(&s->lock);
    const struct endpoint *e = resolve(s, name);
    const struct serve_version *v = e && !version.n ? e->active : NULL;
    const struct serve_version *loaded[] = { e ? e->active : NULL, e ? e->candidate : NULL,
                                             e ? e->previous : NULL };
    for (size_t i = 0; i < ARRAY_LEN(loaded) && !v; i++)
        if (loaded[i] && str_is(version, loaded[i]->version))
            v = loaded[i];
    if (v) {
        struct serve_column *columns = ARENA_TRY_ARRAY(a, v->column_n + 1, struct serve_column);
        struct serve_output *outputs = ARENA_TRY_ARRAY(a, v->output_n + 1, struct serve_output);
        for (size_t i = 0; columns && i < v->column_n; i++) {
            columns[i] = v->columns[i];
            columns[i].name = arena_str(a, columns[i].name);
        }
        for (size_t i = 0; outputs && i < v->output_n; i++)
            outputs[i] =
                (struct serve_output){ arena_strdup(a, v->outputs[i].name), v->outputs[i].width };
        *out = columns;
        *out_n = columns ? v->column_n : 0;
        *out_outputs = outputs;
        *out_output_n = outputs ? v->output_n : 0;
    }
    lock_drop(&s->lock);
    return v ? 0
             : ERR(err, ERR_NOT_FOUND, "no endpoint '%.*s' is served here in that version",
                   (int)MIN(name.n, (size_t)SERVE_NAME), name.p);
}

/* ---- the merging thread ---- */

static void *tick_main(void *arg)
{
    struct serve *s = arg;
    while (!flag_is_up(&s->stop)) {
        lock_take(&s->tick_lock);
        if (!flag_is_up(&s->stop))
            (void)cond_wait_ms(&s->tick, &s->tick_lock, TICK_MS - clock_now_ms() % TICK_MS);
        lock_drop(&s->tick_lock);
        serve_tick(s, clock_now_ms());
    }
    return NULL;
}

int serve_thread_start(struct serve *s, struct err *err)
{
    int rc = thread_start(&s->thread, "serve-merge", tick_main, s, err);
    s->thread_on = rc == 0;
    return rc;
}
