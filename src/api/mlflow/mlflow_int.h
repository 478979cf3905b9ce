/* SPDX-License-Identifier: Apache-2.0
 * Between message.c and serve.c. */
#pragma once
#include "api/mlflow/mlflow.h"

/* Fills m->raw and m->message from the request and checks them. */
/* only_reads: a list that parsed up to a member of a wrong type is taken as far as it goes. */
int mlf__read(struct mlf *m, const struct mlf_field *fields, int only_reads) WARN_UNUSED;
