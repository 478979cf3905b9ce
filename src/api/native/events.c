/* SPDX-License-Identifier: Apache-2.0
 * GET /api/v1/events: the record as server-sent events, and hints that a run logged something. One
 * listener of the process wakes all streams; a stream that sleeps costs neither a thread nor a
 * query. */
#include <stdio.h>

#include "api/app.h"
#include "api/tables.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/num.h"
#include "base/thread.h"
#include "event/event.h"

/* A batch ends at BATCH events or past BATCH_BYTES; it is read in slices, so that the largest
 * values an event can have (1 MiB before, 1 MiB after) fit in the memory of a stream. */
enum {
    HUB_RANK = 740,
    HEARTBEAT_MS = 15000,
    BATCH = 100,
    SLICE = 4,
    HINTS = 64,          /* subjects a stream is told at once */
    HINT_PAUSE_MS = 250, /* between two tellings of one stream */
    WAKE_PAUSE_MS = 100, /* between two rounds of waking */
    BATCH_BYTES = 1 << 20,
    STREAMS_MAX = 1000
};

/* One open stream; lives in its request's arena. */
struct stream {
    struct stream *prev, *next; /* under hub.lock */
    struct request *rq;
    int64_t after;    /* events up to here were sent */
    int64_t quiet_ms; /* monotonic, since the last byte */
    int64_t hinted;   /* hints up to here were sent */
    int64_t hint_ms;  /* when the last ones were */
    struct buf text;  /* what is not sent yet */
    size_t sent;
    struct arena scratch;
};

static struct {
    struct lock lock;
    struct stream *first;
    size_t n;
    int64_t woken_ms; /* by hints; under lock */
    gauge_t newest;   /* sequence number of the last commit heard of; 0 = none yet */
} hub;
static pthread_once_t hub_once = PTHREAD_ONCE_INIT;

static void on_event(void *arg, int64_t newest)
{
    (void)arg;
    gauge_set(&hub.newest, newest);
    lock_take(&hub.lock);
    for (struct stream *s = hub.first; s; s = s->next)
        request_wake(s->rq);
    lock_drop(&hub.lock);
}

/* Points come far faster than anybody looks: streams that are not woken now ask within a second. */
static void on_hint(void)
{
    int64_t now = clock_mono_ns() / 1000000;
    lock_take(&hub.lock);
    if (now - hub.woken_ms >= WAKE_PAUSE_MS) {
        hub.woken_ms = now;
        for (struct stream *s = hub.first; s; s = s->next)
            request_wake(s->rq);
    }
    lock_drop(&hub.lock);
}

static void hub_init(void)
{
    lock_init(&hub.lock, "event streams", HUB_RANK);
    event_listen(on_event, NULL);
}

static void write_event(struct buf *b, const struct event *e)
{
    struct json_out o;
    buf_printf(b, "id: %lld\nevent: %s\ndata: ", (long long)e->seq, e->kind);
    json_out_init(&o, b);
    jo_object(&o);
    jo_kv_int(&o, "seq", e->seq);
    jo_kv_cstr(&o, "id", e->id);
    jo_kv_int(&o, "time_ms", e->time_ms);
    jo_kv_cstr(&o, "actor", e->actor);
    jo_kv_cstr(&o, "kind", e->kind);
    jo_kv_cstr(&o, "subject", e->subject);
    jo_key(&o, "before");
    jo_raw(&o, str_of(e->before ? e->before : "null"));
    jo_key(&o, "after");
    jo_raw(&o, str_of(e->after ? e->after : "null"));
    jo_kv_cstr(&o, "reason", e->reason);
    jo_kv_cstr(&o, "request_id", e->request_id);
    jo_object_end(&o);
    buf_puts(b, "\n\n");
}

/* Runs that logged something: no id, so that Last-Event-ID stays that of the record. */
static void write_hints(struct stream *s)
{
    char subjects[HINTS][EVENT_HINT_BYTES];
    struct json_out o;
    int64_t now = clock_mono_ns() / 1000000;
    if (now - s->hint_ms < HINT_PAUSE_MS)
        return;
    size_t n = event_hints(&s->hinted, subjects, HINTS);
    if (n)
        s->hint_ms = now;
    for (size_t i = 0; i < n; i++) {
        buf_puts(&s->text, "event: run.logged\ndata: ");
        json_out_init(&o, &s->text);
        jo_object(&o);
        jo_kv_cstr(&o, "kind", "run.logged");
        jo_kv_cstr(&o, "subject", subjects[i]);
        jo_object_end(&o);
        buf_puts(&s->text, "\n\n");
    }
}

static int read_batch(struct tx *tx, void *arg, struct err *err)
{
    struct stream *s = arg;
    struct event *list = NULL;
    size_t n = SLICE;
    int rc = 0;
    for (size_t done = 0; !rc && n == SLICE && done < BATCH && s->text.n < BATCH_BYTES; done += n) {
        struct event_query q = { .after_seq = s->after, .limit = SLICE };
        rc = event_list(tx, &s->scratch, &q, &list, &n, err);
        if (!rc && s->scratch.failed)
            rc = ERR(err, ERR_NOMEM, "no memory for the events after %lld", (long long)s->after);
        for (size_t i = 0; i < n && !rc; i++) {
            write_event(&s->text, &list[i]);
            s->after = list[i].seq;
        }
        arena_reset(&s->scratch);
    }
    return rc;
}

static int read_newest(struct tx *tx, void *arg, struct err *err)
{
    struct stream *s = arg;
    return event_newest(tx, &s->after, err);
}

static int64_t take_text(struct stream *s, char *to, size_t n)
{
    size_t k = MIN(n, s->text.n - s->sent);
    memcpy(to, s->text.p + s->sent, k);
    s->sent += k;
    if (s->sent == s->text.n) {
        buf_clear(&s->text);
        s->sent = 0;
    }
    s->quiet_ms = clock_mono_ns() / 1000000;
    return (int64_t)k;
}

static int64_t next_bytes(struct request *rq, char *to, size_t n)
{
    struct stream *s = rq->stream_state;
    int64_t newest = gauge_get(&hub.newest);
    if (s->text.n == 0 && (newest == 0 || newest > s->after)) {
        int rc = store_read(app_of(rq)->store, read_batch, s, NULL);
        arena_reset(&s->scratch);
        if (rc || s->text.failed)
            return -1;
    }
    if (s->text.n == 0)
        write_hints(s);
    if (s->text.n == 0) {
        if (flag_is_up(&app_of(rq)->draining))
            return 0;
        if (clock_mono_ns() / 1000000 - s->quiet_ms < HEARTBEAT_MS)
            return REQUEST_WAIT;
        buf_puts(&s->text, ": still here\n\n");
    }
    return take_text(s, to, n);
}

static void end_stream(struct request *rq)
{
    struct stream *s = rq->stream_state;
    lock_take(&hub.lock);
    if (s->prev)
        s->prev->next = s->next;
    else
        hub.first = s->next;
    if (s->next)
        s->next->prev = s->prev;
    hub.n--;
    lock_drop(&hub.lock);
    event_hint_watch(-1, NULL);
    buf_fini(&s->text);
    arena_fini(&s->scratch);
}

/* Where to begin: Last-Event-ID of a browser that comes back, ?after=, else now. */
static int set_start(struct request *rq, struct stream *s, struct err *err)
{
    str_t last = request_header(rq, "last-event-id");
    struct err bad = ERR_INIT;
    int64_t after = request_query_int(rq, "after", -1, 0, INT64_MAX, &bad);
    if (bad.code) {
        *err = bad;
        return bad.code;
    }
    if (last.p)
        IGNORE(parse_i64(str_trim(last), &after));
    int rc = store_read(app_of(rq)->store, read_newest, s, err);
    if (!rc && after >= 0) /* a number from another database lies in the future: begin now */
        s->after = MIN(after, s->after);
    return rc;
}

static int get_events(struct request *rq, struct err *err)
{
    struct stream *s = ARENA_NEW(&rq->arena, struct stream);
    (void)pthread_once(&hub_once, hub_init);
    s->rq = rq;
    s->quiet_ms = clock_mono_ns() / 1000000;
    arena_init(&s->scratch, MIB(16));
    buf_init(&s->text, MIB(16));
    int rc = set_start(rq, s, err);
    if (rc) {
        arena_fini(&s->scratch);
        return rc;
    }
    buf_puts(&s->text, "retry: 2000\n\n");
    lock_take(&hub.lock);
    int full = hub.n >= STREAMS_MAX;
    if (!full) {
        s->next = hub.first;
        if (s->next)
            s->next->prev = s;
        hub.first = s;
        hub.n++;
    }
    lock_drop(&hub.lock);
    if (full) {
        buf_fini(&s->text);
        arena_fini(&s->scratch);
        return ERR(err, ERR_UNAVAILABLE, "%d event streams are open already", STREAMS_MAX);
    }
    s->hinted = -1;
    event_hint_watch(1, on_hint);
    char none[1][EVENT_HINT_BYTES];
    (void)event_hints(&s->hinted, none, 0);
    rq->content_type = "text/event-stream";
    request_add_header(rq, "Cache-Control", "no-cache");
    rq->stream = next_bytes;
    rq->stream_end = end_stream;
    rq->stream_state = s;
    return 0;
}

static const struct route routes[] = {
    { "GET", "/api/v1/events", "audit.read", get_events, ROUTE_STREAM, 0,
      "The record as it grows, as server-sent events; starts after ?after=, after the header "
      "Last-Event-ID, or now.",
      "after integer: Sequence number of the last event already seen.",
      "text/event-stream: id is the sequence number, event the kind, data the event as JSON; "
      "run.logged has no id and says in subject which run got points, parameters or tags; a "
      "comment every 15 s",
      "events" },
};

const struct route_table event_routes = { "events", routes, ARRAY_LEN(routes), route_error_native };
