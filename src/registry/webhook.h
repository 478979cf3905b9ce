/* SPDX-License-Identifier: Apache-2.0
 * Webhooks: who is told of which changes, and what is still to be sent. Beside the events of the
 * registry, which have MLflow's names, there are own ones: of alerts, rollouts and loops. A client
 * of MLflow knows neither those nor webhooks that have no other. Functions run inside a
 * transaction; results live in the caller's arena. notify.h sends. */
#pragma once
#include "base/rng.h"
#include "event/event.h"

enum { WEBHOOK_EVENTS_MAX = 32, WEBHOOK_SECRET_MAX = 1000, WEBHOOK_URL_MAX = 500 };

struct webhook {
    const char *id; /* UUID */
    const char *name;
    const char *description; /* NULL = none */
    const char *url;
    const char *events[WEBHOOK_EVENTS_MAX]; /* "model_version_tag.set" */
    size_t event_n;
    const char *status; /* "ACTIVE" or "DISABLED" */
    const char *secret; /* NULL = none; never part of an answer. Plain in what is asked for, sealed
                           in what is read: webhook_secret opens it */
    int64_t creation_time_ms, last_update_time_ms;
    int64_t waiting;        /* deliveries that are still to be sent */
    int64_t last_ms;        /* of the newest try, 0 = none yet */
    int64_t last_status;    /* of its answer, 0 = none came */
    const char *last_error; /* why none came, or NULL */
};

/* 1 for "model_version.created" and the like, as MLflow has them. */
int webhook_event_is_valid(const char *event);
const char *const *webhook_events(size_t *out_n);
/* 1 for "alert.firing" and the like: the kind of the event that is told. */
int webhook_event_is_own(const char *event);
const char *const *webhook_own_events(size_t *out_n);

struct webhook_rules {
    int private_allowed;  /* http and addresses that are not public are fine */
    const char *data_dir; /* where the key of secrets lies */
    int own_allowed;      /* own events may be asked for */
};

/* Name, URL, events, status and secret as asked; ERR_INVALID says what is wrong. */
int webhook_create(struct tx *tx, const struct cause *by, const struct webhook *w,
                   const struct webhook_rules *rules, char out_id[UUID_TEXT],
                   struct err *err) WARN_UNUSED;
/* ERR_NOT_FOUND "Webhook with ID … not found." */
int webhook_get(struct tx *tx, struct arena *a, const char *id, struct webhook *out,
                struct err *err) WARN_UNUSED;
enum webhook_whose { WEBHOOKS_OF_MLFLOW /* with an event that MLflow has */, WEBHOOKS_ALL };
/* Newest first, from offset. */
int webhook_list(struct tx *tx, struct arena *a, enum webhook_whose whose, int64_t offset,
                 int64_t limit, struct webhook **out, size_t *out_n, struct err *err) WARN_UNUSED;
/* By id, its beginning (8 letters or more) or name. ERR_NOT_FOUND, ERR_CONFLICT when it names
 * several. */
int webhook_find(struct tx *tx, struct arena *a, const char *word, struct webhook *out,
                 struct err *err) WARN_UNUSED;
/* NULL members and event_n 0 leave things as they are; without own_allowed the own events stay. */
int webhook_update(struct tx *tx, const struct cause *by, const char *id, const struct webhook *w,
                   const struct webhook_rules *rules, struct err *err) WARN_UNUSED;
/* What waits to be sent to it is dropped. */
int webhook_delete(struct tx *tx, const struct cause *by, const char *id,
                   struct err *err) WARN_UNUSED;

/* ---- secrets ---- */

/* The plain secret of a webhook that was read; NULL when it has none. ERR_DENIED when the key is
 * not the one that it was sealed with. */
int webhook_secret(struct arena *a, const char *data_dir, const struct webhook *w, const char **out,
                   struct err *err) WARN_UNUSED;
/* How many secrets lie there as an earlier release kept them, in plain text. */
int webhook_count_plain(struct tx *tx, int64_t *out, struct err *err) WARN_UNUSED;
/* Seals those. */
int webhook_seal_plain(struct tx *tx, const char *data_dir, struct err *err) WARN_UNUSED;

/* ---- the queue, for notify.c ---- */

struct delivery {
    const char *id; /* X-MLflow-Delivery-Id, the same in every try */
    const char *webhook_id;
    const char *payload;
    const char *event; /* its name; NULL = queued by an earlier release */
    int64_t tries;
};
/* What came of a try; NULL in its place = there was none. */
struct webhook_try {
    int status;      /* 0 = no answer */
    const char *why; /* no answer came */
};
/* What is told of an own event: *out_data gets a JSON object, or stays NULL = nobody is told. In
 * the transaction that reads it. */
typedef int (*webhook_describe_fn)(struct tx *tx, struct arena *a, const struct event *e,
                                   const char **out_data, struct err *err);

/* Is there anything to collect: a webhook, and an event behind the cursor that may concern one (or
 * so many that the cursor should move)? Spares a synced write for every event. */
int webhook_collect_due(struct tx *tx, int *out, struct err *err) WARN_UNUSED;
/* Turns events after the cursor into deliveries and moves the cursor: *out_more = 1 when there are
 * further events. */
int webhook_collect(struct tx *tx, webhook_describe_fn describe, int *out_more,
                    struct err *err) WARN_UNUSED;
struct webhook_queue {
    const char *webhook_id;
    int64_t next_ms; /* its first delivery is due */
};
/* The webhooks for which something waits, the one that waits longest first. */
int webhook_queues(struct tx *tx, struct arena *a, struct webhook_queue **out, size_t *out_n,
                   struct err *err) WARN_UNUSED;
/* The first one that is due of a webhook; out->id NULL = none. */
int webhook_due(struct tx *tx, struct arena *a, const char *webhook_id, int64_t now_ms,
                struct delivery *out, struct err *err) WARN_UNUSED;
/* Sent, or given up. */
int webhook_done(struct tx *tx, const struct delivery *d, const struct webhook_try *t,
                 struct err *err) WARN_UNUSED;
/* Again at next_ms; what else waits for the same webhook waits as long, in its order. */
int webhook_retry(struct tx *tx, const struct delivery *d, const struct webhook_try *t,
                  int64_t next_ms, struct err *err) WARN_UNUSED;
/* {"entity":…,"action":…,"timestamp":…,"data":data} */
char *webhook_payload(struct arena *a, const char *event, int64_t time_ms, const char *data);
/* The payload of a test of that event. */
const char *webhook_example(const char *event);
