/* SPDX-License-Identifier: Apache-2.0
 * What the files of flow/ share. */
#pragma once
#include <pthread.h>

#include "base/proc.h"
#include "base/thread.h"
#include "flow/attempt.h"
#include "flow/flow.h"
#include "track/step.h"

enum { FLOW_MAGIC = 0x464c4f57, FLOW_CHILDREN_MAX = FLOW_RUNS_MAX + 8, FLOW_RANK = 300 };

struct flow {
    uint32_t magic;
    struct store *store;
    struct blobs *blobs;
    char *data_dir;
    int threads;
    int64_t memory_limit_bytes;
    int64_t timeout_s;
    struct lock lock;                        /* guards children */
    struct proc children[FLOW_CHILDREN_MAX]; /* shims that we started and must reap */
    size_t child_n;
    char trouble[480]; /* why the last tick could not finish its work; "" = it could */
    int wake_fd;       /* eventfd: somebody started or cancelled something */
    int stopping;      /* under lock */
    int has_thread;
    pthread_t thread;
};

/* Absolute path of a file in an attempt's folder: <data>/runs/<run>/<number>/<name>. */
char *flow__path(const struct flow *f, struct arena *a, const struct attempt *at, const char *name);

/* Turns an attempt that ended (step.json is there) or vanished into its final state: run, model
 * version, datasets, events, all in one transaction. A no-op when another process was first. */
int flow__apply(struct flow *f, const struct attempt *at, struct err *err) WARN_UNUSED;
/* Marks an attempt whose shim is gone without a trace. */
int flow__lose(struct flow *f, const struct attempt *at, const char *reason,
               struct err *err) WARN_UNUSED;
/* The worker's orders as JSON. */
int flow__write_spec(const struct flow *f, const struct flow_run_request *rq, const char *run_id,
                     const char *dir, struct err *err) WARN_UNUSED;
