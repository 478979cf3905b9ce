/* SPDX-License-Identifier: Apache-2.0
 * Sends webhooks. A thread of the server reads the outbox behind its own cursor: first deliveries
 * are stored with the cursor in one transaction, then sent, so that nothing is skipped when the
 * process dies; a receiver may get a delivery twice, with the same id. Each receiver that something
 * waits for has a thread of its own for that time: one that hangs holds up only itself. What MLflow
 * knows is tried four times as MLflow does, an own event for about an hour. */
#pragma once
#include "registry/webhook.h"

struct notify;

struct notify_options {
    struct store *store;
    const char *data_dir;           /* where the key of secrets lies; lives as long */
    int private_allowed;            /* loopback and private addresses may be called */
    int64_t timeout_ms;             /* of one try; 0 = 30 s */
    int64_t backoff_ms;             /* before the second try, then doubled; 0 = 1 s */
    int64_t tries;                  /* 0 = 4, of own events 20 */
    webhook_describe_fn describe;   /* what is told of own events; NULL = nothing */
    void (*told)(const char *text); /* hears of tries that failed, from any thread; NULL = nobody */
    int (*waiting)(void *arg);      /* of one try, as fetch.h has it; notify_open sets its own */
    void *waiting_arg;
};

int notify_open(struct notify **out, const struct notify_options *o, struct err *err) WARN_UNUSED;
void notify_close(struct notify *n); /* NULL allowed; breaks off the tries in progress */

struct notify_result {
    int sent;         /* an HTTP answer came */
    int status;       /* of that answer */
    const char *body; /* of that answer, at most 64 KiB */
    const char *why;  /* when none came */
};
/* One try, now, in the calling thread. delivery_id NULL = a fresh one. Never fails. */
void notify_send(struct arena *a, const struct webhook *w, const char *payload,
                 const char *delivery_id, const struct notify_options *o,
                 struct notify_result *out);
