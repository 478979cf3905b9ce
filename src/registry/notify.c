/* SPDX-License-Identifier: Apache-2.0
 * The sender of webhooks: signature, tries with growing pauses, a guard against addresses that are
 * not public. The listener only raises a flag and wakes the thread, which starts a sender for each
 * receiver that something is due for. */
#include "registry/notify.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/thread.h"
#include "codec/base64.h"
#include "codec/hash.h"
#include "fetch/fetch.h"

enum {
    NOTIFY_MAGIC = 0x4e4f5446,
    WAKE_RANK = 731,
    IDLE_MS = 60000,
    ANSWER_MAX = 64 << 10,
    BACKOFF_MAX_MS = 60000,
    OWN_BACKOFF_MAX_MS = 300000,
    TRIES = 4,
    OWN_TRIES = 20, /* with the pauses about an hour */
    SENDERS = 16
};

/* The thread that calls one receiver while something is due for it. */
struct sender {
    struct notify *n;
    char webhook_id[UUID_TEXT];
    pthread_t thread;
    enum { SENDER_FREE, SENDER_RUNS, SENDER_DONE } state; /* under wake_lock */
};

struct notify {
    uint32_t magic;
    struct notify_options o;
    struct lock wake_lock;
    struct cond wake;
    int pending, stop; /* under wake_lock */
    pthread_t thread;  /* collects, and starts senders */
    int thread_on;
    struct sender senders[SENDERS]; /* started and joined by the thread */
};

/* ---- one try ---- */

static const char *signature(struct arena *a, const char *secret, const char *id, const char *time,
                             const char *payload)
{
    unsigned char mac[SHA256_BYTES];
    struct buf b;
    buf_init(&b, MIB(16));
    buf_puts(&b, id);
    buf_putc(&b, '.');
    buf_puts(&b, time);
    buf_putc(&b, '.');
    buf_puts(&b, payload);
    hmac_sha256(str_of(secret), buf_view(&b), mac);
    buf_fini(&b);
    const char *text = base64_encode(a, (str_t){ (const char *)mac, sizeof mac });
    return arena_printf(a, "X-MLflow-Signature: v1,%s", text ? text : "");
}

/* An answer in whatever bytes, as text that JSON takes. */
static const char *answer_text(struct arena *a, const struct fetch_response *r)
{
    size_t n = MIN(r->body.n, (size_t)ANSWER_MAX);
    const char *nul = n ? memchr(r->body.p, 0, n) : NULL;
    return arena_strndup(a, r->body.p, nul ? (size_t)(nul - r->body.p) : n);
}

static int try_once(struct arena *a, const struct webhook *w, const char *payload,
                    const char *delivery_id, const struct notify_options *o,
                    struct fetch_response *out, struct err *err)
{
    char id[UUID_TEXT], time[24];
    const char *headers[6];
    const char *secret;
    size_t n = 0;
    int rc = webhook_secret(a, o->data_dir, w, &secret, err);
    if (rc) /* never unsigned */
        return rc;
    uuid7(id);
    if (!delivery_id)
        delivery_id = id;
    (void)snprintf(time, sizeof time, "%lld", (long long)(clock_now_ms() / 1000));
    headers[n++] = "Content-Type: application/json";
    headers[n++] = arena_printf(a, "X-MLflow-Delivery-Id: %s", delivery_id);
    headers[n++] = arena_printf(a, "X-MLflow-Timestamp: %s", time);
    if (secret && secret[0])
        headers[n++] = signature(a, secret, delivery_id, time, payload);
    headers[n] = NULL;
    struct fetch_request rq = { .method = "POST",
                                .url = w->url,
                                .headers = headers,
                                .body = str_of(payload),
                                .timeout_ms = o->timeout_ms ? o->timeout_ms : 30000,
                                .max_bytes = MIB(1),
                                .public_only = !o->private_allowed,
                                .waiting = o->waiting,
                                .arg = o->waiting_arg };
    return fetch(a, &rq, out, err);
}

void notify_send(struct arena *a, const struct webhook *w, const char *payload,
                 const char *delivery_id, const struct notify_options *o, struct notify_result *out)
{
    struct fetch_response r = { 0 };
    struct err err = ERR_INIT;
    *out = (struct notify_result){ 0 };
    if (try_once(a, w, payload, delivery_id, o, &r, &err) != 0) {
        out->why = arena_strdup(a, err.msg);
        return;
    }
    out->sent = 1;
    out->status = r.status;
    out->body = answer_text(a, &r);
}

/* ---- the queue ---- */

/* One receiver's turn. */
struct turn {
    struct notify *n;
    struct arena a;
    const char *webhook_id;
    struct delivery d; /* being sent; id NULL = none is due */
    struct webhook webhook;
    const struct webhook_try *tried; /* NULL = nobody was called */
    int again;                       /* its outcome: try later */
    int64_t retry_ms;                /* when */
};

static int stopping(struct notify *n)
{
    lock_take(&n->wake_lock);
    int stop = n->stop;
    lock_drop(&n->wake_lock);
    return stop;
}

static int read_due(struct tx *tx, void *arg, struct err *err)
{
    struct turn *t = arg;
    int rc = webhook_due(tx, &t->a, t->webhook_id, clock_now_ms(), &t->d, err);
    t->webhook = (struct webhook){ 0 };
    if (!rc && t->d.id)
        rc = webhook_get(tx, &t->a, t->webhook_id, &t->webhook, err);
    return rc == ERR_NOT_FOUND ? 0 : rc;
}

static int settle(struct tx *tx, void *arg, struct err *err)
{
    struct turn *t = arg;
    return t->again ? webhook_retry(tx, &t->d, t->tried, t->retry_ms, err)
                    : webhook_done(tx, &t->d, t->tried, err);
}

/* As MLflow does: 429 and these of 5xx again, and when nobody answered. */
static int is_temporary(const struct notify_result *r)
{
    return !r->sent || r->status == 429 || r->status == 500 || r->status == 502 ||
           r->status == 503 || r->status == 504;
}

/* When to try again what failed; 0 = never. */
static int64_t next_try(const struct turn *t)
{
    const struct notify_options *o = &t->n->o;
    int own = t->d.event && webhook_event_is_own(t->d.event);
    int64_t tries = o->tries ? o->tries : own ? OWN_TRIES : TRIES;
    int64_t max = own ? OWN_BACKOFF_MAX_MS : BACKOFF_MAX_MS;
    int64_t pause = o->backoff_ms ? o->backoff_ms : 1000;
    if (t->d.tries + 1 >= tries)
        return 0;
    for (int64_t i = 0; i < t->d.tries && pause < max; i++)
        pause *= 2;
    return clock_now_ms() + MIN(pause, max);
}

static void report(struct turn *t, const struct notify_result *r)
{
    const struct notify_options *o = &t->n->o;
    if (o->told && (!r->sent || r->status >= 400))
        o->told(arena_printf(&t->a, "webhook '%s': try %lld of delivery %s failed: %s %d",
                             t->webhook.name, (long long)t->d.tries + 1, t->d.id,
                             r->sent ? "status" : r->why, r->status));
}

static int send_due(struct turn *t)
{
    struct notify_result r = { 0 };
    struct webhook_try tried;
    t->again = 0;
    t->tried = NULL;
    if (t->webhook.id && strcmp(t->webhook.status, "ACTIVE") == 0) {
        notify_send(&t->a, &t->webhook, t->d.payload, t->d.id, &t->n->o, &r);
        if (!r.sent && stopping(t->n)) /* it is sent after the next start */
            return ERR_CANCELLED;
        tried = (struct webhook_try){ r.status, r.why };
        t->tried = &tried;
        t->retry_ms = is_temporary(&r) ? next_try(t) : 0;
        t->again = t->retry_ms != 0;
        report(t, &r);
    }
    return store_write(t->n->o.store, settle, t, NULL);
}

static void *sender_main(void *arg)
{
    struct sender *s = arg;
    struct notify *n = s->n;
    struct turn t = { .n = n, .webhook_id = s->webhook_id };
    int rc = 0;
    do {
        arena_init(&t.a, MIB(64));
        rc = store_read(n->o.store, read_due, &t, NULL);
        int due = !rc && t.d.id;
        if (due)
            rc = send_due(&t);
        arena_fini(&t.a);
        if (!due)
            break;
    } while (!rc && !t.again && !stopping(n));
    lock_take(&n->wake_lock);
    s->state = SENDER_DONE;
    n->pending = 1;
    cond_signal(&n->wake);
    lock_drop(&n->wake_lock);
    return NULL;
}

/* ---- who is called ---- */

struct pass {
    struct notify *n;
    struct arena a;
    struct webhook_queue *list;
    size_t count;
    int more;
};

static int collect(struct tx *tx, void *arg, struct err *err)
{
    struct pass *p = arg;
    return webhook_collect(tx, p->n->o.describe, &p->more, err);
}

static int read_needed(struct tx *tx, void *arg, struct err *err)
{
    struct pass *p = arg;
    return webhook_collect_due(tx, &p->more, err);
}

static int read_queues(struct tx *tx, void *arg, struct err *err)
{
    struct pass *p = arg;
    return webhook_queues(tx, &p->a, &p->list, &p->count, err);
}

/* Joins the senders that are through; all = also waits for the others. */
static void reap(struct notify *n, int all)
{
    for (size_t i = 0; i < SENDERS; i++) {
        struct sender *s = &n->senders[i];
        lock_take(&n->wake_lock);
        int join = s->state == SENDER_DONE || (all && s->state == SENDER_RUNS);
        lock_drop(&n->wake_lock);
        if (!join)
            continue;
        thread_join(s->thread);
        lock_take(&n->wake_lock);
        s->state = SENDER_FREE;
        lock_drop(&n->wake_lock);
    }
}

/* The sender of a webhook, else a free one, else NULL. *out_runs: it is under way. */
static struct sender *sender_of(struct notify *n, const char *webhook_id, int *out_runs)
{
    struct sender *free_one = NULL;
    *out_runs = 0;
    lock_take(&n->wake_lock);
    for (size_t i = 0; i < SENDERS && !*out_runs; i++) {
        struct sender *s = &n->senders[i];
        if (s->state == SENDER_FREE)
            free_one = s;
        else
            *out_runs = strcmp(s->webhook_id, webhook_id) == 0;
    }
    lock_drop(&n->wake_lock);
    return free_one;
}

/* Returns when to look again at this queue, in ms from now. */
static int64_t begin_sending(struct notify *n, const struct webhook_queue *q)
{
    int runs;
    struct sender *s = sender_of(n, q->webhook_id, &runs);
    int64_t wait = q->next_ms - clock_now_ms();
    if (runs || (wait <= 0 && !s)) /* its end, or that of another one, is told */
        return IDLE_MS;
    if (wait > 0)
        return wait;
    s->n = n;
    (void)snprintf(s->webhook_id, sizeof s->webhook_id, "%s", q->webhook_id);
    s->state = SENDER_RUNS;
    if (thread_start(&s->thread, "webhook", sender_main, s, NULL) == 0)
        return IDLE_MS;
    s->state = SENDER_FREE;
    return 1000;
}

/* Collects, and sends what is due; returns how long to sleep. */
static int64_t work(struct notify *n)
{
    struct pass p = { .n = n };
    int64_t wait = IDLE_MS;
    reap(n, 0);
    arena_init(&p.a, MIB(64));
    int rc = store_read(n->o.store, read_needed, &p, NULL);
    while (!rc && p.more && !stopping(n))
        rc = store_write(n->o.store, collect, &p, NULL);
    if (!rc)
        rc = store_read(n->o.store, read_queues, &p, NULL);
    for (size_t i = 0; i < p.count && !rc; i++)
        wait = MIN(wait, begin_sending(n, &p.list[i]));
    arena_fini(&p.a);
    return rc ? 1000 : wait;
}

static void *notify_main(void *arg)
{
    struct notify *n = arg;
    int64_t wait = 0;
    for (;;) {
        lock_take(&n->wake_lock);
        if (!n->stop && !n->pending && wait > 0)
            (void)cond_wait_ms(&n->wake, &n->wake_lock, wait);
        int stop = n->stop;
        n->pending = 0;
        lock_drop(&n->wake_lock);
        if (stop)
            return NULL;
        wait = work(n);
    }
}

/* Ends an exchange that goes on when the server stops. */
static int is_over(void *arg)
{
    return stopping(arg);
}

static void on_event(void *arg, int64_t newest)
{
    struct notify *n = arg;
    (void)newest;
    lock_take(&n->wake_lock);
    n->pending = 1;
    cond_signal(&n->wake);
    lock_drop(&n->wake_lock);
}

int notify_open(struct notify **out, const struct notify_options *o, struct err *err)
{
    struct notify *n = mem_alloc(sizeof *n);
    n->magic = NOTIFY_MAGIC;
    n->o = *o;
    n->o.waiting = is_over;
    n->o.waiting_arg = n;
    lock_init(&n->wake_lock, "notify wake", WAKE_RANK);
    cond_init(&n->wake);
    event_listen_but_runs(on_event, n);
    int rc = thread_start(&n->thread, "webhooks", notify_main, n, err);
    n->thread_on = !rc;
    if (rc)
        notify_close(n);
    else
        *out = n;
    return rc;
}

void notify_close(struct notify *n)
{
    if (!n)
        return;
    ASSERT(n->magic == NOTIFY_MAGIC);
    event_unlisten(on_event, n);
    lock_take(&n->wake_lock);
    n->stop = 1;
    cond_signal(&n->wake);
    lock_drop(&n->wake_lock);
    if (n->thread_on)
        thread_join(n->thread);
    reap(n, 1);
    lock_fini(&n->wake_lock);
    cond_fini(&n->wake);
    n->magic = 0;
    mem_free(n);
}
