/* SPDX-License-Identifier: Apache-2.0
 * Between message.c and serve.c. */
#pragma once
#include "api/mlflow/mlflow.h"

/* Fills m->raw and m->message from the request and checks them. */
int mlf__read(struct mlf *m, const struct mlf_field *fields) WARN_UNUSED;
