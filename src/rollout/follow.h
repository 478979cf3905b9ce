/* SPDX-License-Identifier: Apache-2.0
 * Makes the serving table what the database says: reads the desired version of every endpoint,
 * and of a rollout its candidate and share,
 * loads what is not loaded (model file from the blobs, compiled, its example answered), publishes
 * it. A version that fails to load changes nothing for those who ask: the one before keeps
 * answering and the reason is kept for people; it is tried again when something changes and every
 * half minute. */
#pragma once
#include "serve/serve.h"
#include "store/blobs.h"
#include "store/store.h"

struct follow;

/* Where versions come from. */
struct version_source {
    struct store *store;
    struct blobs *blobs;
};

struct version_ref {
    const char *project, *model, *version;
};

/* Loads a version ("3", "@champion", "latest") of a model without serving it; the caller frees it.
 * *out_number (optional, in the arena) gets its number. Slow. */
int follow_version_load(const struct version_source *from, struct arena *a,
                        const struct version_ref *ref, struct serve_version **out,
                        const char **out_number, struct err *err) WARN_UNUSED;

/* Endpoints of other projects than the default one are served under "project.name". */
const char *follow_served_name(struct arena *a, const char *project, const char *endpoint);

struct follow_options {
    struct store *store;
    struct blobs *blobs;
    struct serve *serve;
};

/* Listens to events at once; the options' parts must outlive it. */
int follow_open(struct follow **out, const struct follow_options *options,
                struct err *err) WARN_UNUSED;
void follow_close(struct follow *f); /* stops the thread; NULL allowed */
/* One pass, in the calling thread. Not 0 only when the database cannot be read; models that cannot
 * be loaded are problems of their endpoints. */
int follow_apply(struct follow *f, struct err *err) WARN_UNUSED;
/* The server's thread: a pass after every commit that may matter. */
int follow_thread_start(struct follow *f, struct err *err) WARN_UNUSED;
