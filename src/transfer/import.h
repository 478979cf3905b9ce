/* SPDX-License-Identifier: Apache-2.0
 * Importing an MLflow installation: experiments, runs with history, data sets, logged models, the
 * registry. Resumable and repeatable through the journal; verified by counts and digests. */
#pragma once
#include "event/event.h"

enum import_artifacts {
    IMPORT_LEAVE, /* URIs stay as they are */
    IMPORT_COPY,  /* local artifact folders are copied into our destination */
    IMPORT_LINK,  /* the same with hard links where the file system allows */
};

struct import_options {
    struct store *store;
    struct cause by;
    const char *place; /* a folder, sqlite:///path, postgresql://…, or the URL of a server */
    enum import_artifacts artifacts;
    const char *artifact_root; /* only below it anything is copied; NULL = the source's folder */
    const char *destination;   /* our folder behind mlflow-artifacts:/ */
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
    int64_t runs_added, runs_unchanged, files, bytes, duration_ms;
};

enum { IMPORT_DIFFERENCES_MAX = 1000 };

/* Blocks until the end. 0 with a report when the source was read to its end, whatever differs;
 * an error when it could not be: what was written until then stays and the next import goes on. */
int import_mlflow(const struct import_options *o, struct arena *a, struct import_report *out,
                  struct err *err) WARN_UNUSED;
