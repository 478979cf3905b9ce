/* SPDX-License-Identifier: Apache-2.0
 * Importing an MLflow installation: experiments, runs with history, data sets, logged models, the
 * registry. Resumable and repeatable through the journal; verified by counts and digests. */
#pragma once
#include "base/atomic.h"
#include "event/event.h"

enum import_artifacts {
    IMPORT_LEAVE, /* URIs stay as they are */
    IMPORT_COPY,  /* local artifact folders are copied into our destination */
    IMPORT_LINK,  /* the same with hard links where the file system allows */
};

/* What other threads see of an import, and how they stop it. All zero at first. */
struct import_watch {
    claim_t busy; /* one import at a time */
    gauge_t is_running;
    gauge_t runs, runs_added, runs_unchanged, points, models, files, started_ms;
    gauge_t stop;           /* 1: it shall end; what was written stays */
    int (*tick)(void *arg); /* by the importing thread, several times a second; non-zero stops */
    void *arg;
};

struct import_options {
    struct store *store;
    struct cause by;
    const char *place; /* a folder, sqlite:///path, postgresql://…, or the URL of a server */
    enum import_artifacts artifacts;
    const char *artifact_root;  /* only below it anything is copied; NULL = the source's folder */
    struct import_watch *watch; /* NULL = nobody looks */
    const char *destination;    /* our folder behind mlflow-artifacts:/ */
};

struct import_count {
    const char *kind;
    int64_t source; /* rows there */
    int64_t here;   /* rows here that came from it; -1 = not counted */
    int64_t added;  /* now; -1 = not counted */
};

struct import_report {
    const char *kind;   /* "sqlite", "files", "postgresql", "server" */
    const char *source; /* its identity in the journal */
    struct import_count *counts;
    size_t count_n;
    const char **differences; /* at most IMPORT_DIFFERENCES_MAX texts */
    size_t difference_n;
    int64_t differences_all;
    int64_t runs_added, runs_unchanged;
    int64_t runs_verified; /* of both: what is here has the digest of what is there */
    int64_t files, bytes, duration_ms;
};

enum { IMPORT_DIFFERENCES_MAX = 1000 };

/* Blocks until the end. 0 with a report when the source was read to its end, whatever differs;
 * an error when it could not be: what was written until then stays and the next import goes on.
 * ERR_CONFLICT while another one runs under the same watch; ERR_CANCELLED when it was stopped. */
int import_mlflow(const struct import_options *o, struct arena *a, struct import_report *out,
                  struct err *err) WARN_UNUSED;
