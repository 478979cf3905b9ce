/* SPDX-License-Identifier: Apache-2.0
 * Writing everything out as a folder of MLflow's file store. */
#pragma once
#include "base/err.h"
#include "store/store.h"

struct export_options {
    struct store *store;
    const char *project;
    const char *dir;                   /* must not exist; its parent must */
    const char *artifacts_destination; /* our folder behind mlflow-artifacts:/ */
};

struct export_report {
    int64_t experiments, runs, points, models, versions;
};

/* The folder appears when it is whole. Artifact URIs below mlflow-artifacts:/ become paths. */
int export_mlflow(const struct export_options *o, struct export_report *out,
                  struct err *err) WARN_UNUSED;
