/* SPDX-License-Identifier: Apache-2.0
 * Runs of pipelines: starts the one worker of a run under the `_step` shim, follows it, applies its
 * result once, adopts what an earlier process left behind.
 *
 * A run's attempt goes queued → running → success | failed | cancelled | lost; each transition is a
 * guarded compare-and-set in one transaction with its event, so two processes never both act.
 * The shim outlives us: it holds <dir>/lock while it lives and leaves <dir>/step.json and the
 * worker's <dir>/result.json. Whoever comes next (server start, any writing CLI) calls flow_sweep:
 * ended attempts are applied, live ones are followed by a server, vanished ones become `lost` and
 * their run FAILED with the reason. Applying a result twice changes nothing. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/rng.h"
#include "store/blobs.h"
#include "store/store.h"

struct flow;

struct flow_options {
    struct store *store;
    struct blobs *blobs;
    const char *data_dir;       /* absolute; runs/ and cache/ are under it */
    int threads;                /* of a worker; 0 = all cores */
    int64_t memory_limit_bytes; /* of a worker's data engine; 0 = half of the machine */
    int64_t timeout_s;          /* of an attempt; 0 = none */
};

int flow_open(struct flow **out, const struct flow_options *options, struct err *err) WARN_UNUSED;
/* Leaves children running: they are adopted by whoever comes next. NULL allowed. */
void flow_close(struct flow *f);

struct flow_param {
    const char *name, *value;
};

struct flow_run_request {
    const char *run_id;      /* that the run shall have: 32 hex digits; NULL = a fresh one */
    const char *project;     /* "default" */
    const char *experiment;  /* name; created when absent */
    const char *model_name;  /* registered under this when the run ends well; NULL = no model */
    const char *project_dir; /* absolute */
    const char *config;      /* text of slipway.yaml */
    const char *config_path; /* for messages */
    const struct flow_param *params; /* overrides by -p */
    size_t param_n;
    const char *champion_version;                   /* NULL = none */
    const char *champion_onnx;                      /* absolute path of its model file */
    const char *code_commit, *code_dirty, *command; /* NULL = unknown */
    const char *actor, *request_id;
    uint64_t seed;
    int force;
};

/* At most so many runs at once under one engine; one more is ERR_LIMIT. */
enum { FLOW_RUNS_MAX = 64 };

/* Creates the run (RUNNING), writes <data>/runs/<id>/1/spec.json, starts the shim. */
int flow_run_start(struct flow *f, const struct flow_run_request *rq, char out_run_id[HEX32_TEXT],
                   struct err *err) WARN_UNUSED;
/* TERM to the attempt's process group, KILL after 5 s; the run becomes KILLED. */
int flow_run_cancel(struct flow *f, const char *run_id, const char *actor, const char *reason,
                    struct err *err) WARN_UNUSED;

/* Looks once at every live attempt and applies those that ended; returns how many still run.
 * The server's flow thread calls it when a pidfd fires and every half second; a CLI that waits for
 * its own run calls it in its loop. */
int flow_tick(struct flow *f, int *out_running, struct err *err) WARN_UNUSED;
/* Waits until something may have changed, at most ms. */
void flow_wait(struct flow *f, int64_t ms);
/* Why the last tick of the thread could not record what it found (a full disk, say), or "". */
void flow_trouble(struct flow *f, char out[480]);
/* The server's: starts the thread that ticks. flow_close stops it. */
int flow_thread_start(struct flow *f, struct err *err) WARN_UNUSED;
/* Adopts what earlier processes left (see above). */
int flow_sweep(struct flow *f, struct err *err) WARN_UNUSED;

/* What a run said so far: from the record and the attempt's files alone, no engine needs to run. */
int flow_progress(struct flow *f, struct arena *a, const char *run_id, size_t after,
                  char ***out_lines, size_t *out_n, struct err *err) WARN_UNUSED; /* JSON objects */
int flow_log(struct flow *f, struct arena *a, const char *run_id, int64_t offset, size_t max_bytes,
             str_t *out, struct err *err) WARN_UNUSED;

/* The `_step` role of the binary: flow_step_main(argc, argv) with argv[0] = "_step". Returns the
 * exit status: that of the command, 124 on time-out, 125 when it could not start. */
int flow_step_main(int argc, char **argv);
