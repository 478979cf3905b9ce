/* SPDX-License-Identifier: Apache-2.0
 * The record of the loop (loop_db.c); inside a transaction. */
#pragma once
#include "rollout/loop.h"

int loop__policy_get(struct tx *tx, struct arena *a, const char *endpoint_id, const char **out_json,
                     struct loop_state *out, struct err *err) WARN_UNUSED;
int loop__policy_put(struct tx *tx, const char *endpoint_id, const char *json,
                     struct err *err) WARN_UNUSED;
/* reason NULL: thaws. */
int loop__freeze_put(struct tx *tx, const char *endpoint_id, const char *reason, const char *by,
                     struct err *err) WARN_UNUSED;
int loop__held_list(struct tx *tx, struct arena *a, const char *endpoint_id, struct loop_held **out,
                    size_t *out_n, struct err *err) WARN_UNUSED;
/* reason NULL: forgets it. */
int loop__held_put(struct tx *tx, const char *endpoint_id, const char *trigger, const char *reason,
                   struct err *err) WARN_UNUSED;
int loop__attempts(struct tx *tx, struct arena *a, const char *endpoint_id, int64_t limit,
                   struct loop_attempt **out, size_t *out_n, struct err *err) WARN_UNUSED;
int loop__attempt_insert(struct tx *tx, const struct loop_attempt *t, struct err *err) WARN_UNUSED;
/* Compare-and-set on id and the state that was read. ERR_CONFLICT when it changed. */
int loop__attempt_update(struct tx *tx, const struct loop_attempt *t, const char *from_state,
                         struct err *err) WARN_UNUSED;
/* The endpoint is deleted: its policy goes, an attempt under way ends. */
int loop__endpoint_gone(struct tx *tx, const char *endpoint_id, struct err *err) WARN_UNUSED;
