/* SPDX-License-Identifier: Apache-2.0
 * Bringing a candidate in step by step: as a shadow first, then with a growing share of the
 * requests, judged window by window against the version that serves; promoted at the end, or sent
 * back by the second breaching window of three.
 *
 * What is recorded decides: a server that is killed goes on where the record stands. There is at
 * most one rollout under way on an endpoint. A move of the endpoint by hand ends it: onto the
 * candidate it is a promotion, onto anything else the candidate is out. Functions with a struct tx
 * run inside a transaction, results lie in the caller's arena; the others take any thread. */
#pragma once
#include "rollout/rollout.h"
#include "rollout/strategy.h"

/* state: running, paused, waiting (all steps passed, a person decides), promoted, rolled_back. */
struct canary_row {
    const char *id; /* UUIDv7 */
    const char *endpoint_id, *project, *endpoint, *model;
    int64_t champion, candidate; /* versions */
    const char *state;
    int64_t step;          /* 0 shadow, k = the k-th share of the strategy */
    const char *strategy;  /* JSON, complete */
    int64_t breaches;      /* bits of the last windows, newest lowest: 1 = a rule held */
    int64_t step_requests; /* answered by the candidate in this step */
    int64_t started_ms, step_started_ms, updated_ms;
    int64_t ended_ms; /* 0 = under way */
    const char *actor, *reason;
};

/* One judged window. */
struct canary_check {
    int64_t position, time_ms, step, requests;
    const char *verdict; /* ok, breach */
    const char *detail;  /* JSON {"values":{…},"rules":[{"rule","breached","message"}]} */
};

/* ---- the record ---- */
/* The rollout under way of an endpoint; out->id NULL when there is none. */
int canary_active(struct tx *tx, struct arena *a, const char *endpoint_id, struct canary_row *out,
                  struct err *err) WARN_UNUSED;
/* All that are under way. */
int canary_running(struct tx *tx, struct arena *a, struct canary_row **out, size_t *out_n,
                   struct err *err) WARN_UNUSED;
/* Of one endpoint, newest first. */
int canary_list(struct tx *tx, struct arena *a, const char *endpoint_id, int64_t limit,
                struct canary_row **out, size_t *out_n, struct err *err) WARN_UNUSED;
/* Newest first. */
int canary_checks(struct tx *tx, struct arena *a, const char *rollout_id, int64_t limit,
                  struct canary_check **out, size_t *out_n, struct err *err) WARN_UNUSED;
/* The endpoint moved to that version (0: it is deleted): ends what is under way. */
int canary_on_move(struct tx *tx, const struct cause *by, const struct endpoint_row *row,
                   int64_t version, struct err *err) WARN_UNUSED;
/* Ends a rollout as rolled back without a move; *out_ended = 0 when none is under way. */
int canary_send_back(struct tx *tx, const struct cause *by, const struct endpoint_row *row,
                     int *out_ended, struct err *err) WARN_UNUSED;

/* ---- by hand ---- */
/* Begins: c->version NULL = the newest. strategy: JSON or NULL. ERR_CONFLICT: it serves already,
 * its gates did not pass, or another rollout is under way. */
int canary_start(struct store *s, const struct rollout_change *c, const char *strategy,
                 struct err *err) WARN_UNUSED;
/* Stops at the step where it is, with its share; rules are still watched. */
int canary_pause(struct store *s, const struct rollout_change *c, struct err *err) WARN_UNUSED;
int canary_resume(struct store *s, const struct rollout_change *c, struct err *err) WARN_UNUSED;

/* ---- the judge (canary_judge.c): pure ---- */
struct serve_arm;

/* What a window knows beside the two arms' counters; NaN = not known. */
struct canary_known {
    double reference_mean, reference_sd; /* of the candidate's predictions when it was evaluated */
    struct canary_realised {
        double labelled, rmse, low, high;
    } champion, candidate;
};
/* Two arms, the champion and the candidate: what each did in the window. *out_detail: JSON of
 * struct canary_check; *out_reason: the rules that held, for people, NULL when none did. */
int canary_judge(struct arena *a, const struct strategy *s, const struct serve_arm *arms,
                 const struct canary_known *known, const char **out_detail, const char **out_reason,
                 struct err *err) WARN_UNUSED;

/* ---- the turn ---- */
struct canary;
struct serve;

struct canary_options {
    struct store *store;
    struct serve *serve;
    /* Fills what it knows about the rollout's two versions since from_ms; NULL = nothing is known.
     * Called by the turning thread. */
    void (*known)(void *arg, const struct canary_row *row, int64_t from_ms, int64_t now_ms,
                  struct canary_known *out);
    void *arg;
};
int canary_open(struct canary **out, const struct canary_options *options,
                struct err *err) WARN_UNUSED;
void canary_close(struct canary *c); /* stops the thread; NULL allowed */
/* Looks at every rollout once; the first error is told, the others go on. */
int canary_tick(struct canary *c, int64_t now_ms, struct err *err) WARN_UNUSED;
/* The server's: a turn twice a second. */
int canary_thread_start(struct canary *c, struct err *err) WARN_UNUSED;

/* ---- the writes that these are made of (canary_db.c) ---- */
int canary_insert(struct tx *tx, const struct canary_row *r, struct err *err) WARN_UNUSED;
/* Compare-and-set on id, state and step as r was read: the new values are in `to` (state, step,
 * breaches, step_requests, step_started_ms, ended_ms, reason). ERR_CONFLICT when it changed. */
int canary_update(struct tx *tx, const struct canary_row *r, const struct canary_row *to,
                  struct err *err) WARN_UNUSED;
int canary_check_add(struct tx *tx, const char *rollout_id, const struct canary_check *c,
                     struct err *err) WARN_UNUSED;
/* Name of an endpoint on which that version (0 = any) of a model is being brought in, or NULL. */
int canary_user(struct tx *tx, struct arena *a, const char *project, const char *model,
                int64_t version, const char **out, struct err *err) WARN_UNUSED;
int canary_model_renamed(struct tx *tx, const char *project, const char *from, const char *to,
                         struct err *err) WARN_UNUSED;
