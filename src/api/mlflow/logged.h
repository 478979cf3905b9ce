/* SPDX-License-Identifier: Apache-2.0
 * Shared by logged_models.c and logged_search.c. */
#pragma once
#include "api/mlflow/mlflow.h"
#include "track/logged_model.h"

int mlf__logged_model(struct mlf *m, struct tx *tx, const char *id, int deleted_too,
                      struct logged_model *out) WARN_UNUSED;
int mlf__write_logged_model(struct mlf *m, struct tx *tx, const struct logged_model *x) WARN_UNUSED;
/* "LOGGED_MODEL_READY", … */
const char *mlf__logged_status(enum logged_model_status status);
