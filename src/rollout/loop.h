/* SPDX-License-Identifier: Apache-2.0
 * The loop that keeps an endpoint fit: an alert or enough new labels start a retraining on the
 * newest labelled rows; a version that its gates let through is brought in step by step; what came
 * of it is recorded, and so is every reason not to act.
 *
 * A policy is JSON, every member optional:
 *   {"project_dir":"/…","triggers":[{"alert":"Decay","cooldown":"6h"},{"labels":1000}],
 *    "data":{"window":"30d","rows":100000,"min_rows":200,"timeout":"6h"},
 *    "strategy":{…strategy.h…},"budget":{"promotions":1,"per":"1d"}}
 * Nothing starts while the endpoint is frozen, a retraining or a rollout is under way, an alert
 * over the quality of the data fires, within the cool-down, without enough labelled rows, or when
 * the budget of automatic promotions is used. A retraining that takes longer than its timeout is
 * stopped and has failed. Three attempts in a row that did not help, or could not even begin,
 * freeze the loop until a person looks.
 *
 * The record decides what happens after a restart: the id of a run is recorded before the run
 * begins, so that one that began is followed and never started twice. Functions with a struct tx
 * run inside a transaction, results lie in the caller's arena. */
#pragma once
#include "base/rng.h"
#include "monitor/alert.h"
#include "rollout/canary.h"

enum { LOOP_TRIGGERS_MAX = 16 };

struct loop_trigger {
    const char *name;  /* "alert Decay", "labels 1000" */
    const char *alert; /* name of a rule, or NULL */
    int64_t labels;    /* new labelled rows since the last training; 0 = none */
    int64_t cooldown_ms;
};

struct loop_policy {
    const char *json;        /* complete */
    const char *project_dir; /* NULL: nothing can be retrained here */
    struct loop_trigger triggers[LOOP_TRIGGERS_MAX];
    size_t trigger_n;
    int64_t window_ms, rows, min_rows; /* of the labelled rows to train on */
    int64_t timeout_ms;                /* of a retraining */
    const char *strategy;              /* JSON or NULL */
    int64_t promotions, per_ms;        /* at most so many automatic ones in that time */
};

/* ERR_INVALID names the member. json NULL or empty: no triggers. */
int loop_policy_read(struct arena *a, const char *json, struct loop_policy *out,
                     struct err *err) WARN_UNUSED;

/* ---- the record ---- */

/* state: starting, training, rollout, and at the end promoted, rolled_back, refused (by its gates),
 * failed, unchanged (the same model again). */
struct loop_attempt {
    const char *id; /* UUIDv7 */
    const char *endpoint_id, *project, *endpoint;
    const char *trigger;
    const char *alert_id;                     /* or NULL */
    int64_t started_ms, updated_ms, ended_ms; /* 0 = under way */
    const char *state, *reason;
    const char *run_id; /* or NULL: it could not begin */
    int64_t version;    /* that came of it; 0 = none */
    int64_t rows;       /* it was trained and judged on; 0 = the server stopped before it began */
};

/* Why a trigger does not act now. */
struct loop_held {
    const char *trigger;
    const char *reason;
    int64_t since_ms;
};

struct loop_state {
    struct loop_policy policy;
    int frozen;
    const char *frozen_reason, *frozen_by;
    int64_t frozen_ms;
    struct loop_held *held;
    size_t held_n;
    struct loop_attempt *attempts; /* newest first */
    size_t attempt_n;
};

/* Keeps a policy (checked); NULL removes it. Emits loop.policy. */
int loop_policy_set(struct tx *tx, const struct cause *by, const struct endpoint_row *row,
                    const char *json, struct err *err) WARN_UNUSED;
int loop_state_get(struct tx *tx, struct arena *a, const struct endpoint_row *row, int64_t limit,
                   struct loop_state *out, struct err *err) WARN_UNUSED;
/* By hand; freezing a frozen one changes the reason. Emits loop.frozen, loop.thawed. */
int loop_freeze(struct tx *tx, const struct cause *by, const struct endpoint_row *row,
                const char *reason, struct err *err) WARN_UNUSED;
int loop_thaw(struct tx *tx, const struct cause *by, const struct endpoint_row *row,
              struct err *err) WARN_UNUSED;

/* ---- the turn ---- */

/* A retraining to start: rows predicted from from_ms on whose true value is known. */
struct loop_request {
    const char *attempt_id;
    const char *run_id;                      /* that the run shall have */
    const char *project, *endpoint, *served; /* name, and the name it is served under */
    const char *model, *project_dir;
    int64_t from_ms, to_ms, rows, min_rows;
    const char *reason;
};

struct loop_options {
    struct store *store;
    struct blobs *blobs;
    void *arg;
    /* Number of labelled rows predicted in [from, to). */
    int (*labelled)(void *arg, const char *served, int64_t from_ms, int64_t to_ms, int64_t *out,
                    struct err *err);
    /* Starts the run of a retraining; ERR_CONFLICT or ERR_INVALID: it cannot be done, with why. */
    int (*retrain)(void *arg, const struct loop_request *rq, int64_t *out_rows, struct err *err);
    /* Stops one that takes too long; NULL = it is only given up. */
    int (*stop)(void *arg, const char *run_id, const char *reason, struct err *err);
    /* The reference of a version; *out NULL = none. Memory from the arena. */
    int (*reference)(void *arg, struct arena *a, const char *project, const char *model,
                     const char *version, const struct monitor_performance **out, struct err *err);
};

struct loop;
int loop_open(struct loop **out, const struct loop_options *options, struct err *err) WARN_UNUSED;
void loop_close(struct loop *l); /* stops the thread; NULL allowed */
/* Judges alerts, follows attempts, asks triggers, for every endpoint. */
int loop_tick(struct loop *l, int64_t now_ms, struct err *err) WARN_UNUSED;
/* The server's: a turn a second, when something happened or something is under way. */
int loop_thread_start(struct loop *l, struct err *err) WARN_UNUSED;
