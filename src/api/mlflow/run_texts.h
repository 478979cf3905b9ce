/* SPDX-License-Identifier: Apache-2.0
 * Runs as written for answers, kept in memory: a run that was asked for before costs a copy. Exact
 * by the store's notes of changes; at most RUN_TEXTS_BYTES, the least recently used go first. Any
 * thread, inside a read transaction. */
#pragma once
#include "api/mlflow/mlflow.h"

enum { RUN_TEXTS_BYTES = 12 << 20, RUN_TEXT_MAX = 64 << 10 };

/* Writes the run as the next value when its text is known: 1 or 0. */
int mlf__write_known_run(struct mlf *m, struct tx *tx, const char *run_id);
/* Reads the run, writes it and keeps what was written. links as for mlf_write_run. */
int mlf__write_new_run(struct mlf *m, struct tx *tx, const char *run_id, int links) WARN_UNUSED;
