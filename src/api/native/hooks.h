/* SPDX-License-Identifier: Apache-2.0
 * What webhooks are told of alerts, rollouts and loops; the shape of webhook_describe_fn.
 * docs/howto/be-told.md says what it writes. */
#pragma once
#include "registry/webhook.h"

/* Nobody is told of the episode of an alert that was silenced when it began. */
int hooks_describe(struct tx *tx, struct arena *a, const struct event *e, const char **out_data,
                   struct err *err) WARN_UNUSED;
