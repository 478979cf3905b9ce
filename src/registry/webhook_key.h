/* SPDX-License-Identifier: Apache-2.0
 * The key that secrets of webhooks are sealed with: $MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY, as
 * MLflow's server takes it, else <data>/webhook.key, which is made on first use with mode 0600.
 * Any thread. */
#pragma once
#include "codec/fernet.h"

#define WEBHOOK_KEY_VARIABLE "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY"

/* ERR_NOT_FOUND when there is none and `make` is 0; ERR_INVALID for one that is none, or a file
 * that others may read: the message names variable or file, never the key. */
int webhook_key_load(const char *data_dir, int make, struct fernet_key *out,
                     struct err *err) WARN_UNUSED;
