/* SPDX-License-Identifier: Apache-2.0
 * Which code a run used: the git commit of the project's folder and a digest of what differs from
 * it. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

struct code_state {
    const char *commit; /* 40 hex digits; NULL outside a repository or without git */
    const char *dirty;  /* SHA-256 of the differences and untracked names; NULL when clean */
};

/* Asks git, at most a few seconds; never fails: what cannot be known stays NULL. Strings in a. */
void code_state_read(struct arena *a, const char *dir, struct code_state *out);
