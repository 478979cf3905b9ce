/* SPDX-License-Identifier: Apache-2.0
 * Events and facts over the store, and the listeners that hear of a commit. Listeners are global to
 * the process, guarded by one lock, and called on the writer thread. */
#include "event/event_db.h"

#include <stdarg.h>

#include "base/atomic.h"
#include "base/rng.h"
#include "base/thread.h"
#include "codec/json.h"

enum {
    LISTENERS_MAX = 32,
    LISTENER_RANK = 720,
    HINT_RANK = 721,
    EVENT_TEXT_MAX = 1 << 20,
    LIST_MAX = 10000
};

static struct {
    struct lock lock;
    event_listener fn[LISTENERS_MAX];
    void *arg[LISTENERS_MAX];
    int but_runs[LISTENERS_MAX]; /* not told of kinds that begin with "run." */
    int n;
} listeners;
static pthread_once_t listeners_once = PTHREAD_ONCE_INIT;

static void listeners_init(void)
{
    lock_init(&listeners.lock, "event listeners", LISTENER_RANK);
}

static void listen_to(event_listener fn, void *arg, int but_runs)
{
    (void)pthread_once(&listeners_once, listeners_init);
    lock_take(&listeners.lock);
    ASSERT(listeners.n < LISTENERS_MAX);
    listeners.fn[listeners.n] = fn;
    listeners.but_runs[listeners.n] = but_runs;
    listeners.arg[listeners.n++] = arg;
    lock_drop(&listeners.lock);
}

void event_listen(event_listener fn, void *arg)
{
    listen_to(fn, arg, 0);
}

void event_listen_but_runs(event_listener fn, void *arg)
{
    listen_to(fn, arg, 1);
}

void event_unlisten(event_listener fn, void *arg)
{
    (void)pthread_once(&listeners_once, listeners_init);
    lock_take(&listeners.lock);
    for (int i = 0; i < listeners.n; i++) {
        if (listeners.fn[i] != fn || listeners.arg[i] != arg)
            continue;
        listeners.n--;
        listeners.fn[i] = listeners.fn[listeners.n];
        listeners.but_runs[i] = listeners.but_runs[listeners.n];
        listeners.arg[i] = listeners.arg[listeners.n];
        break;
    }
    lock_drop(&listeners.lock);
}

static void tell_those(int64_t seq, int of_run)
{
    (void)pthread_once(&listeners_once, listeners_init);
    lock_take(&listeners.lock);
    for (int i = 0; i < listeners.n; i++)
        if (!of_run || !listeners.but_runs[i])
            listeners.fn[i](listeners.arg[i], seq);
    lock_drop(&listeners.lock);
}

/* After the commit: arg carries the sequence number itself. */
static void tell(void *arg)
{
    tell_those((int64_t)(intptr_t)arg, 0);
}

static void tell_of_run(void *arg)
{
    tell_those((int64_t)(intptr_t)arg, 1);
}

/* ---- hints ---- */

/* The ring: numbers up to `told` are committed, up to `noted` are known. One writer thread. */
static struct {
    struct lock lock;
    char subject[EVENT_HINTS][EVENT_HINT_BYTES];
    int64_t noted, told;
    void (*fn)(void);
    gauge_t watchers;
} hints;
static pthread_once_t hints_once = PTHREAD_ONCE_INIT;

static void hints_init(void)
{
    lock_init(&hints.lock, "event hints", HINT_RANK);
}

static void tell_hints(void *arg)
{
    (void)arg;
    lock_take(&hints.lock);
    hints.told = hints.noted;
    void (*fn)(void) = hints.fn;
    lock_drop(&hints.lock);
    if (fn)
        fn();
}

void event_hint(struct tx *tx, const char *subject)
{
    if (gauge_get(&hints.watchers) == 0 || strlen(subject) >= EVENT_HINT_BYTES)
        return;
    lock_take(&hints.lock);
    int known = 0;
    for (int64_t i = MAX(hints.told, hints.noted - EVENT_HINTS); i < hints.noted && !known; i++)
        known = strcmp(hints.subject[i % EVENT_HINTS], subject) == 0;
    if (!known)
        memcpy(hints.subject[hints.noted++ % EVENT_HINTS], subject, strlen(subject) + 1);
    lock_drop(&hints.lock);
    tx_after_commit(tx, tell_hints, NULL);
}

void event_hint_watch(int change, void (*fn)(void))
{
    (void)pthread_once(&hints_once, hints_init);
    if (fn) {
        lock_take(&hints.lock);
        hints.fn = fn;
        lock_drop(&hints.lock);
    }
    (void)gauge_add(&hints.watchers, change);
}

size_t event_hints(int64_t *after, char (*out)[EVENT_HINT_BYTES], size_t max)
{
    size_t n = 0;
    (void)pthread_once(&hints_once, hints_init);
    lock_take(&hints.lock);
    if (*after < 0 || *after > hints.told)
        *after = hints.told;
    for (*after = MAX(*after, hints.noted - EVENT_HINTS); *after < hints.told && n < max;
         (*after)++) {
        const char *subject = hints.subject[*after % EVENT_HINTS];
        size_t k = 0;
        while (k < n && strcmp(out[k], subject) != 0)
            k++;
        if (k == n)
            memcpy(out[n++], subject, EVENT_HINT_BYTES);
    }
    lock_drop(&hints.lock);
    return n;
}

static const char *or_else(const char *z, const char *fallback)
{
    return z && z[0] ? z : fallback;
}

const char *cause_project(const struct cause *by)
{
    return or_else(by->project, "default");
}

const char *cause_actor(const struct cause *by)
{
    return or_else(by->actor, "system");
}

struct event event_of(const struct cause *by, const char *kind, const char *subject)
{
    return (struct event){
        .project = cause_project(by),
        .actor = cause_actor(by),
        .kind = kind,
        .subject = subject,
        .reason = by->reason,
        .request_id = by->request_id,
    };
}

char *event_json(struct arena *a, const char *key, const char *value, ...)
{
    struct buf b;
    struct json_out o;
    va_list ap;
    buf_init(&b, EVENT_TEXT_MAX);
    json_out_init(&o, &b);
    jo_object(&o);
    va_start(ap, value);
    while (key) {
        jo_kv_cstr(&o, key, value);
        key = va_arg(ap, const char *);
        value = key ? va_arg(ap, const char *) : NULL;
    }
    va_end(ap);
    jo_object_end(&o);
    char *text = b.failed ? NULL : arena_strndup(a, b.p, b.n);
    buf_fini(&b);
    return text;
}

/* Weak: a program may hold no rule at all. */
extern const struct event_rule __start_slipway_rules[] __attribute__((weak));
extern const struct event_rule __stop_slipway_rules[] __attribute__((weak));

static int apply_rules(struct tx *tx, const struct event *e, struct err *err)
{
    int rc = 0;
    for (const struct event_rule *r = __start_slipway_rules; !rc && r < __stop_slipway_rules; r++)
        if (strcmp(r->kind, e->kind) == 0)
            rc = r->fn(tx, e, err);
    return rc;
}

static int insert_event(struct tx *tx, const struct event *e, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    char id[UUID_TEXT];
    ASSERT(e->kind && e->kind[0] && e->subject && e->subject[0]);
    int rc = stmt_open(tx, event_sql_insert, &st, err);
    if (rc)
        return rc;
    uuid7(id);
    stmt_text(st, 1, id);
    stmt_int(st, 2, tx_now_ms(tx));
    stmt_text(st, 3, or_else(e->project, "default"));
    stmt_text(st, 4, or_else(e->actor, "system"));
    stmt_text(st, 5, e->kind);
    stmt_text(st, 6, e->subject);
    stmt_text(st, 7, e->before);
    stmt_text(st, 8, e->after);
    stmt_text(st, 9, e->reason);
    stmt_text(st, 10, e->request_id);
    rc = stmt_step(st, err);
    if (rc < 0)
        return rc;
    ASSERT(rc == 1);
    int64_t seq = stmt_get_int(st, 0);
    rc = stmt_step(st, err);
    if (rc < 0)
        return rc;
    tx_after_commit(tx, strncmp(e->kind, "run.", 4) == 0 ? tell_of_run : tell,
                    (void *)(intptr_t)seq);
    return 0;
}

int event_add(struct tx *tx, const struct event *e, struct err *err)
{
    int rc = insert_event(tx, e, err);
    return rc ? rc : apply_rules(tx, e, err);
}

static void read_event(const struct stmt *st, struct arena *a, struct event *e)
{
    e->seq = stmt_get_int(st, 0);
    e->id = stmt_get_text(st, 1, a);
    e->time_ms = stmt_get_int(st, 2);
    e->project = stmt_get_text(st, 3, a);
    e->actor = stmt_get_text(st, 4, a);
    e->kind = stmt_get_text(st, 5, a);
    e->subject = stmt_get_text(st, 6, a);
    e->before = stmt_get_text(st, 7, a);
    e->after = stmt_get_text(st, 8, a);
    e->reason = stmt_get_text(st, 9, a);
    e->request_id = stmt_get_text(st, 10, a);
}

static void bind_query(struct stmt *st, const struct event_query *q, int by_subject)
{
    int64_t before = q->before_seq > 0 ? q->before_seq : INT64_MAX;
    int i = 1;
    if (by_subject)
        stmt_text(st, i++, q->subject);
    stmt_int(st, i++, q->after_seq);
    stmt_int(st, i++, before);
    if (!by_subject)
        stmt_text(st, i++, or_else(q->subject, ""));
    stmt_text(st, i++, or_else(q->kind_prefix, ""));
    stmt_text(st, i++, or_else(q->actor, ""));
    stmt_int(st, i, q->limit > 0 ? MIN(q->limit, (int64_t)LIST_MAX) : 100);
}

int event_list(struct tx *tx, struct arena *a, const struct event_query *q, struct event **out,
               size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    /* The index finds one subject; "model/x" also means "model/x:3" and takes the long way. */
    int is_model =
        q->subject && str_starts(str_of(q->subject), "model/") && !strchr(q->subject, ':');
    int by_subject = q->newest_first && q->subject && q->subject[0] && !is_model;
    const struct sql *sql = by_subject        ? event_sql_of_subject
                            : q->newest_first ? event_sql_down
                                              : event_sql_up;
    struct event *list = NULL;
    size_t n = 0, cap = 0;
    int rc = stmt_open(tx, sql, &st, err);
    if (rc)
        return rc;
    bind_query(st, q, by_subject);
    while ((rc = stmt_step(st, err)) == 1) {
        if (n == cap) {
            size_t more = cap ? 2 * cap : 64;
            struct event *grown = ARENA_TRY_ARRAY(a, more, struct event);
            if (!grown)
                return ERR(err, ERR_NOMEM, "not enough memory for %zu events", more);
            if (n)
                memcpy(grown, list, n * sizeof *list);
            list = grown;
            cap = more;
        }
        read_event(st, a, &list[n++]);
    }
    *out = list;
    *out_n = n;
    return rc;
}

int event_newest(struct tx *tx, int64_t *out_seq, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, event_sql_newest, &st, err);
    if (!rc && (rc = stmt_step(st, err)) == 1) {
        *out_seq = stmt_get_int(st, 0);
        rc = 0;
    }
    return rc;
}

/* ---- facts ---- */

static int check_fact(const struct fact *f, struct err *err)
{
    struct arena a;
    struct json v;
    if (!f->name || !f->name[0] || strlen(f->name) > LIMIT_NAME)
        return ERR(err, ERR_INVALID, "a fact needs a name of 1 to %d bytes", LIMIT_NAME);
    if (!f->digest || strlen(f->digest) != 64 || strspn(f->digest, "0123456789abcdef") != 64)
        return ERR(err, ERR_INVALID, "fact '%s' needs the SHA-256 digest of what it speaks of",
                   f->name);
    if (!f->value || strlen(f->value) > EVENT_TEXT_MAX)
        return ERR(err, ERR_INVALID, "fact '%s' needs a JSON value of at most 1 MiB", f->name);
    arena_init(&a, MIB(64));
    int rc = json_parse(&a, str_of(f->value), NULL, &v, err);
    arena_fini(&a);
    return rc ? err_prefix(err, rc, "value of fact '%s'", f->name) : 0;
}

int fact_add(struct tx *tx, const struct fact *f, struct err *err)
{
    char id[UUID_TEXT];
    struct err local = ERR_INIT;
    int rc = check_fact(f, err ? err : &local);
    if (rc)
        return rc;
    uuid7(id);
    return tx_exec(tx, fact_sql_insert, NULL, err, "ttttti", id, f->digest, f->name, f->value,
                   or_else(f->producer, "system"), tx_now_ms(tx));
}

int fact_list(struct tx *tx, struct arena *a, const char *digest, const char *name,
              struct fact **out, size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    struct fact *list = NULL;
    size_t n = 0, cap = 0;
    int rc = stmt_open(tx, fact_sql_list, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, digest);
    stmt_text(st, 2, or_else(name, ""));
    while ((rc = stmt_step(st, err)) == 1 && n < LIST_MAX) {
        if (n == cap) {
            size_t more = cap ? 2 * cap : 16;
            struct fact *grown = ARENA_TRY_ARRAY(a, more, struct fact);
            if (!grown)
                return ERR(err, ERR_NOMEM, "not enough memory for %zu facts", more);
            if (n)
                memcpy(grown, list, n * sizeof *list);
            list = grown;
            cap = more;
        }
        list[n++] = (struct fact){
            .id = stmt_get_text(st, 0, a),
            .digest = stmt_get_text(st, 1, a),
            .name = stmt_get_text(st, 2, a),
            .value = stmt_get_text(st, 3, a),
            .producer = stmt_get_text(st, 4, a),
            .time_ms = stmt_get_int(st, 5),
        };
    }
    *out = list;
    *out_n = n;
    return MIN(rc, 0);
}
