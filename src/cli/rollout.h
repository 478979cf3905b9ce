/* SPDX-License-Identifier: Apache-2.0
 * Beginning a rollout from `deploy`. Main thread only. */
#pragma once
#include "cli/cli.h"

/* Whether a flag asks for a rollout instead of a plain move. */
int rollout_asked(struct cli *c);
/* Begins one and shows it; version NULL = the newest. strategy: JSON of the project file or NULL;
 * flags go over its members. */
int rollout_begin(struct cli *c, const char *endpoint, const char *version, const char *strategy,
                  struct err *err) WARN_UNUSED;
