/* SPDX-License-Identifier: Apache-2.0
 * What changed (the outbox) and what is known (facts).
 *
 * event_add is called inside the transaction of the change it tells of: both or neither. After the
 * commit, listeners hear of it (SSE, the serving table, triggers). Events are never changed. */
#pragma once
#include "store/store.h"

struct event {
    int64_t seq; /* gap-free order, assigned by event_add */
    int64_t time_ms;
    const char *id; /* UUIDv7 */
    const char *project;
    const char *actor;   /* "user:root", "token:ab12", "run:4f2a…", "system" */
    const char *kind;    /* "model_version.created", "endpoint.promoted", "run.failed", … */
    const char *subject; /* reference: "model/diabetes:3", "endpoint/diabetes", "run/4f2a…" */
    const char *before;  /* JSON or NULL */
    const char *after;   /* JSON or NULL */
    const char *reason;  /* text or NULL */
    const char *request_id;
};

/* On whose behalf a change happens; travels from the request into every event it causes. Any field
 * may be NULL: project "default", actor "system". */
struct cause {
    const char *project;
    const char *actor;
    const char *reason;
    const char *request_id;
};
#define CAUSE_SYSTEM (&(const struct cause){ 0 })

/* An event of that cause; before and after are still to be set. */
struct event event_of(const struct cause *by, const char *kind, const char *subject);
const char *cause_project(const struct cause *by); /* never NULL */
const char *cause_actor(const struct cause *by);

/* {"k":"v",…} from pairs of texts, ended by a NULL key; pairs with a NULL value become null. */
char *event_json(struct arena *a, const char *key, const char *value, ...)
    __attribute__((sentinel));

int event_add(struct tx *tx, const struct event *e,
              struct err *err) WARN_UNUSED; /* seq, id, time are ignored and assigned */

/* A kind that comes with the clock and only wakes others: lists with the newest first leave it out
 * unless they ask for a kind. */
#define EVENT_PULSE "monitor.window_closed"

struct event_query {
    int64_t after_seq;       /* > */
    int64_t before_seq;      /* <, 0 = none */
    const char *subject;     /* exact (model/x also finds model/x:3), or NULL */
    const char *kind_prefix; /* or NULL */
    const char *actor;
    int newest_first;
    int64_t limit;
};
int event_list(struct tx *tx, struct arena *a, const struct event_query *q, struct event **out,
               size_t *out_n, struct err *err) WARN_UNUSED;

int event_newest(struct tx *tx, int64_t *out_seq,
                 struct err *err) WARN_UNUSED; /* 0 when there is none */

/* Listeners are called by the thread that wrote, after the commit; they must only wake others. */
typedef void (*event_listener)(void *arg, int64_t newest_seq);
void event_listen(event_listener fn, void *arg);
/* Not of the kinds "run.…", of which training makes many: for those whom runs do not concern. */
void event_listen_but_runs(event_listener fn, void *arg);
void event_unlisten(event_listener fn, void *arg);

/* ---- hints: something grew that is data and no event, such as points of a metric ----
 * For those who watch: never stored, nothing when nobody watches, and after many at once only the
 * newest EVENT_HINTS subjects are known. A hint is seen after the commit of its transaction. */
enum { EVENT_HINTS = 256, EVENT_HINT_BYTES = 64 };
/* Inside a transaction; a longer subject is ignored. Costs a comparison when nobody watches. */
void event_hint(struct tx *tx, const char *subject);
/* Counts the watchers: +1 and -1. `fn` (may be NULL, set once) is called on the writer thread after
 * a commit with hints and must only wake others. */
void event_hint_watch(int change, void (*fn)(void));
/* Subjects hinted at since *after, each once, oldest first, at most `max`; moves *after (-1 = from
 * now on, gives none). Any thread. */
size_t event_hints(int64_t *after, char (*out)[EVENT_HINT_BYTES], size_t max);

/* ---- rules: what another module must do in the same transaction, or may refuse ----
 * A module below does not know the ones above it; what they hold about its things they keep in step
 * by a rule. event_add calls the rules of the event's kind after the event stands and before the
 * change's own last statements; a rule may write, may add events, and what it returns other than 0
 * fails the whole request. Use: EVENT_RULE(follow_rename, "model.renamed", on_renamed); */
typedef int (*event_rule_fn)(struct tx *tx, const struct event *e, struct err *err);
struct event_rule {
    const char *kind; /* whole kind */
    event_rule_fn fn;
    void *pad[2];
};
#define EVENT_RULE(ident, event_kind, function)                                                    \
    static const struct event_rule ident __attribute__((                                           \
        used, section("slipway_rules"), aligned(8))) = { event_kind, function, { NULL, NULL } }

/* ---- facts: (subject digest, name, value, producer, time); appended, never changed ---- */
struct fact {
    const char *id;
    const char *digest;   /* SHA-256 of what it speaks of */
    const char *name;     /* "gate.rmse", "approval", "scan.license" */
    const char *value;    /* JSON */
    const char *producer; /* actor */
    int64_t time_ms;
};
int fact_add(struct tx *tx, const struct fact *f, struct err *err) WARN_UNUSED;
/* Newest first; name NULL = all. */
int fact_list(struct tx *tx, struct arena *a, const char *digest, const char *name,
              struct fact **out, size_t *out_n, struct err *err) WARN_UNUSED;
