/* SPDX-License-Identifier: Apache-2.0
 * Endpoints in the database: which version of which model each is meant to serve, how it came to
 * that, and what it served before (a stack, so that two rollbacks go two back). Functions run
 * inside a transaction of the store; results live in the caller's arena. */
#pragma once
#include "event/event.h"

struct endpoint_row {
    const char *id; /* UUIDv7 */
    const char *project, *name;
    const char *model;
    int64_t version;
    int64_t creation_time_ms, last_update_time_ms;
};

/* A version that was served before; depth counts from 1 at the bottom. */
struct endpoint_before {
    int64_t depth;
    const char *model;
    int64_t version;
};

/* One line of an endpoint's history. */
struct endpoint_move {
    int64_t position;
    const char *model;
    int64_t version;
    const char *action; /* "deploy", "promote", "rollback" */
    const char *actor, *reason;
    int64_t time_ms;
};

/* ERR_NOT_FOUND says which name is near. */
int endpoint_get(struct tx *tx, struct arena *a, const char *project, const char *name,
                 struct endpoint_row *out, struct err *err) WARN_UNUSED;
/* Did anything happen after event *seq that may change what an endpoint serves? Runs, experiments,
 * webhooks and views do not. Moves *seq to the newest event. */
int endpoint_concerned(struct tx *tx, int64_t *seq, int *out, struct err *err) WARN_UNUSED;
/* By name; at most LIMIT_ENDPOINTS. project NULL = all. */
int endpoint_list(struct tx *tx, struct arena *a, const char *project, struct endpoint_row **out,
                  size_t *out_n, struct err *err) WARN_UNUSED;
/* Newest first, at most `limit`. */
int endpoint_moves(struct tx *tx, struct arena *a, const char *id, int64_t limit,
                   struct endpoint_move **out, size_t *out_n, struct err *err) WARN_UNUSED;
/* Top of the stack first. */
int endpoint_stack(struct tx *tx, struct arena *a, const char *id, struct endpoint_before **out,
                   size_t *out_n, struct err *err) WARN_UNUSED;

/* ---- when models change ---- */
/* 0 when no endpoint is meant to serve that version (0 = any version) of a model; else ERR_CONFLICT
 * names one. rules.c asks when a version or a model is deleted. */
int endpoint_check_unused(struct tx *tx, const char *project, const char *model, int64_t version,
                          struct err *err) WARN_UNUSED;
/* The model has another name from now on: endpoints and what they can roll back to follow. */
int endpoint_model_renamed(struct tx *tx, const char *project, const char *from, const char *to,
                           struct err *err) WARN_UNUSED;

/* ---- the writes that rollout.c is made of ---- */
int endpoint_insert(struct tx *tx, const struct endpoint_row *row, struct err *err) WARN_UNUSED;
/* Compare-and-set from row's model and version; ERR_CONFLICT when somebody was faster. */
int endpoint_move_to(struct tx *tx, const struct endpoint_row *row, const char *model,
                     int64_t version, struct err *err) WARN_UNUSED;
int endpoint_push(struct tx *tx, const char *id, const char *model, int64_t version,
                  struct err *err) WARN_UNUSED;
/* Takes everything from that depth on off the stack. */
int endpoint_pop(struct tx *tx, const char *id, int64_t depth, struct err *err) WARN_UNUSED;
int endpoint_move_add(struct tx *tx, const char *id, const struct endpoint_move *m,
                      struct err *err) WARN_UNUSED;
int endpoint_remove(struct tx *tx, const char *id, struct err *err) WARN_UNUSED;
