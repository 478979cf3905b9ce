/* SPDX-License-Identifier: Apache-2.0
 * Webhooks: who is told of which changes of the registry, and what is still to be sent. Functions
 * run inside a transaction; results live in the caller's arena. notify.h sends. */
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
};

/* 1 for "model_version.created" and the like, as MLflow has them. */
int webhook_event_is_valid(const char *event);
const char *const *webhook_events(size_t *out_n);

struct webhook_rules {
    int private_allowed;  /* http and addresses that are not public are fine */
    const char *data_dir; /* where the key of secrets lies */
};

/* Name, URL, events, status and secret as asked; ERR_INVALID says what is wrong. */
int webhook_create(struct tx *tx, const struct cause *by, const struct webhook *w,
                   const struct webhook_rules *rules, char out_id[UUID_TEXT],
                   struct err *err) WARN_UNUSED;
/* ERR_NOT_FOUND "Webhook with ID … not found." */
int webhook_get(struct tx *tx, struct arena *a, const char *id, struct webhook *out,
                struct err *err) WARN_UNUSED;
/* Newest first, from offset. */
int webhook_list(struct tx *tx, struct arena *a, int64_t offset, int64_t limit,
                 struct webhook **out, size_t *out_n, struct err *err) WARN_UNUSED;
/* NULL members and event_n 0 leave things as they are. */
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
    int64_t tries;
    int held; /* for the sender: its webhook is not called again in this pass */
};

/* Is there anything to collect: a webhook, and an event behind the cursor that may concern one (or
 * so many that the cursor should move)? Spares a synced write for every event. */
int webhook_collect_due(struct tx *tx, int *out, struct err *err) WARN_UNUSED;
/* Turns events after the cursor into deliveries and moves the cursor: *out_more = 1 when there are
 * further events. */
int webhook_collect(struct tx *tx, int *out_more, struct err *err) WARN_UNUSED;
/* Due ones, oldest first; *out_next_ms: when the next one is due, 0 = none waits. */
int webhook_due(struct tx *tx, struct arena *a, int64_t now_ms, struct delivery **out,
                size_t *out_n, int64_t *out_next_ms, struct err *err) WARN_UNUSED;
/* Sent, or given up. */
int webhook_done(struct tx *tx, const char *delivery_id, struct err *err) WARN_UNUSED;
/* Again at next_ms; what else waits for the same webhook waits as long, in its order. */
int webhook_retry(struct tx *tx, const struct delivery *d, int64_t next_ms,
                  struct err *err) WARN_UNUSED;
/* {"entity":…,"action":…,"timestamp":…,"data":data} */
char *webhook_payload(struct arena *a, const char *event, int64_t time_ms, const char *data);
/* The payload of a test of that event. */
const char *webhook_example(const char *event);
