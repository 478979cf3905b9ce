/* SPDX-License-Identifier: Apache-2.0
 * The sender of webhooks: signature, tries with growing pauses, a guard against addresses that are
 * not public. The listener only raises a flag and wakes the thread. */
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
    BACKOFF_MAX_MS = 60000
};

struct notify {
    uint32_t magic;
    struct notify_options o;
    struct lock wake_lock;
    struct cond wake;
    int pending, stop; /* under wake_lock */
    pthread_t thread;
    int thread_on;
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
                                .public_only = !o->private_allowed };
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

struct pass {
    struct notify *n;
    struct arena a;
    struct delivery *list;
    size_t count;
    int64_t next_ms;
    int more;
    const struct delivery *d; /* being sent */
    struct webhook webhook;
    int again;        /* its outcome: try later */
    int64_t retry_ms; /* when */
};

static int collect(struct tx *tx, void *arg, struct err *err)
{
    struct pass *p = arg;
    return webhook_collect(tx, &p->more, err);
}

static int read_needed(struct tx *tx, void *arg, struct err *err)
{
    struct pass *p = arg;
    return webhook_collect_due(tx, &p->more, err);
}

static int read_due(struct tx *tx, void *arg, struct err *err)
{
    struct pass *p = arg;
    return webhook_due(tx, &p->a, clock_now_ms(), &p->list, &p->count, &p->next_ms, err);
}

static int read_webhook(struct tx *tx, void *arg, struct err *err)
{
    struct pass *p = arg;
    return webhook_get(tx, &p->a, p->d->webhook_id, &p->webhook, err);
}

static int settle(struct tx *tx, void *arg, struct err *err)
{
    struct pass *p = arg;
    return p->again ? webhook_retry(tx, p->d, p->retry_ms, err) : webhook_done(tx, p->d->id, err);
}

/* As MLflow does: 429 and these of 5xx again, and when nobody answered. */
static int is_temporary(const struct notify_result *r)
{
    return !r->sent || r->status == 429 || r->status == 500 || r->status == 502 ||
           r->status == 503 || r->status == 504;
}

static int send_one(struct pass *p)
{
    const struct notify_options *o = &p->n->o;
    struct notify_result r = { 0 };
    int64_t tries = o->tries ? o->tries : 4, pause = o->backoff_ms ? o->backoff_ms : 1000;
    p->again = 0;
    int rc = store_read(o->store, read_webhook, p, NULL);
    if (rc && rc != ERR_NOT_FOUND)
        return rc;
    if (!rc && strcmp(p->webhook.status, "ACTIVE") == 0) {
        notify_send(&p->a, &p->webhook, p->d->payload, p->d->id, o, &r);
        p->again = is_temporary(&r) && p->d->tries + 1 < tries;
        for (int64_t i = 0; i < p->d->tries && pause < BACKOFF_MAX_MS; i++)
            pause *= 2;
        p->retry_ms = clock_now_ms() + MIN(pause, (int64_t)BACKOFF_MAX_MS);
        if (o->told && (!r.sent || r.status >= 400))
            o->told(arena_printf(&p->a, "webhook '%s': try %lld of delivery %s failed: %s %d",
                                 p->webhook.name, (long long)p->d->tries + 1, p->d->id,
                                 r.sent ? "status" : r.why, r.status));
    }
    return store_write(o->store, settle, p, NULL);
}

/* An earlier one of the same webhook failed in this pass: one that hangs costs one time-out. */
static int is_held(struct pass *p, size_t at)
{
    p->again = 0;
    for (size_t i = 0; i < at; i++)
        if (p->list[i].held && strcmp(p->list[i].webhook_id, p->list[at].webhook_id) == 0)
            return 1;
    return 0;
}

static int stopping(struct notify *n)
{
    lock_take(&n->wake_lock);
    int stop = n->stop;
    lock_drop(&n->wake_lock);
    return stop;
}

/* Collects and sends what is due; returns how long to sleep. */
static int64_t work(struct notify *n)
{
    struct pass p = { .n = n };
    int64_t wait = IDLE_MS;
    arena_init(&p.a, MIB(256));
    int rc = store_read(n->o.store, read_needed, &p, NULL);
    while (!rc && p.more && !stopping(n))
        rc = store_write(n->o.store, collect, &p, NULL);
    if (!rc)
        rc = store_read(n->o.store, read_due, &p, NULL);
    for (size_t i = 0; i < p.count && !rc && !stopping(n); i++) {
        p.d = &p.list[i];
        if (!is_held(&p, i))
            rc = send_one(&p);
        p.list[i].held = p.again;
    }
    if (rc)
        wait = 1000;
    else if (p.count)
        wait = 0;
    else if (p.next_ms)
        wait = MAX(p.next_ms - clock_now_ms(), (int64_t)0);
    arena_fini(&p.a);
    return MIN(wait, (int64_t)IDLE_MS);
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
    lock_fini(&n->wake_lock);
    cond_fini(&n->wake);
    n->magic = 0;
    mem_free(n);
}
