/* SPDX-License-Identifier: Apache-2.0
 * Attempts of runs and the stages inside. Every change of an attempt's state is a compare-and-set:
 * it names the state it expects, so of two processes only one acts. Inside a transaction. */
#pragma once
#include "track/run.h"
#include "track/state.h"

struct attempt {
    const char *run_id;
    int64_t number; /* from 1 */
    enum step_state state;
    int64_t pid; /* of the shim; 0 = not started */
    int64_t
        pid_start; /* start time of that pid, so that a reused pid is not mistaken; 0 = unknown */
    const char *reason;                       /* why it ended as it did; NULL */
    int64_t created_ms, started_ms, ended_ms; /* -1 = not yet */
    int64_t exit_code, signal, max_rss_bytes; /* -1 = unknown */
};

/* In state queued, with its event; the run's attempt number follows. */
int attempt_create(struct tx *tx, const struct cause *by, const char *run_id, int64_t number,
                   struct err *err) WARN_UNUSED;

struct attempt_change {
    enum step_state from, to;
    int64_t pid, pid_start;                   /* 0 = unchanged */
    int64_t exit_code, signal, max_rss_bytes; /* -1 = unchanged */
};
#define ATTEMPT_CHANGE_INIT                                                                        \
    {                                                                                              \
        .exit_code = -1, .signal = -1, .max_rss_bytes = -1                                         \
    }
/* ERR_CONFLICT when the state is not `from` (the message tells the present one) or the step from
 * one to the other is not allowed. by->reason is kept. */
int attempt_move(struct tx *tx, const struct cause *by, const char *run_id, int64_t number,
                 const struct attempt_change *c, struct err *err) WARN_UNUSED;
int attempt_get(struct tx *tx, struct arena *a, const char *run_id, int64_t number,
                struct attempt *out, struct err *err) WARN_UNUSED;
int attempt_list(struct tx *tx, struct arena *a, const char *run_id, struct attempt **out,
                 size_t *out_n, struct err *err) WARN_UNUSED;
/* All that are queued or running, oldest first. */
int attempt_list_live(struct tx *tx, struct arena *a, struct attempt **out, size_t *out_n,
                      struct err *err) WARN_UNUSED;

struct stage {
    const char *name;
    const char *kind; /* "data", "do", "split", "model", "gates" */
    enum step_state state;
    const char *why;           /* why it ran or was skipped; NULL */
    const char *message;       /* NULL */
    double ms;                 /* NaN = unknown */
    int64_t rows_in, rows_out; /* -1 = unknown */
    const char *digest;        /* of its output; NULL */
};
/* Sets all stages of an attempt at once, in order; replaces what was there. */
int stage_put_all(struct tx *tx, const char *run_id, int64_t number, const struct stage *stages,
                  size_t n, struct err *err) WARN_UNUSED;
int stage_list(struct tx *tx, struct arena *a, const char *run_id, int64_t number,
               struct stage **out, size_t *out_n, struct err *err) WARN_UNUSED;
