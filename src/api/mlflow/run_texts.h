/* SPDX-License-Identifier: Apache-2.0
 * Runs as written for pages of searches, kept in memory: a page that was asked for before costs a
 * copy. Exact by the store's notes of changes; at most RUN_TEXTS_BYTES, the least recently used go
 * first. Any thread, inside a read transaction whose snapshot is taken. */
#pragma once
#include "store/store.h"

enum { RUN_TEXTS_BYTES = 8 << 20, RUN_TEXT_MAX = 64 << 10 };

/* Calls use(arg, text) under a lock when the text of the run is known; 1 or 0. */
int mlf__run_text_get(struct tx *tx, const char *run_id, void (*use)(void *arg, str_t text),
                      void *arg);
/* text was made of what this transaction read. */
void mlf__run_text_put(struct tx *tx, const char *run_id, str_t text);
