/* SPDX-License-Identifier: Apache-2.0
 * Writing everything out as a folder of MLflow's file store. */
#pragma once
#include "base/err.h"
#include "store/blobs.h"
#include "store/store.h"

struct export_options {
    struct store *store;
    struct blobs *blobs; /* of artifacts; NULL = none are written */
    const char *project;
    const char *dir;                   /* must not exist; its parent must */
    const char *artifacts_destination; /* plain files behind mlflow-artifacts:/ */
};

struct export_report {
    int64_t experiments, runs, points, models, versions, files;
};

/* The folder appears when it is whole. Artifacts below mlflow-artifacts:/ are copied into it, and
 * their URIs become paths in it. */
int export_mlflow(const struct export_options *o, struct export_report *out,
                  struct err *err) WARN_UNUSED;
