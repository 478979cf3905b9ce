/* SPDX-License-Identifier: Apache-2.0
 * Taking over models and versions of another registry as they are: with numbers, stages and times.
 * One event each tells of it. Inside a transaction. */
#pragma once
#include "registry/version.h"

/* name, description and times are taken. ERR_EXISTS when the name is taken. */
int model_adopt(struct tx *tx, const struct cause *by, const struct model *m,
                char out_id[UUID_TEXT], struct err *err) WARN_UNUSED;
int model_adopt_tag(struct tx *tx, const char *model_id, const struct track_pair *t,
                    struct err *err) WARN_UNUSED;
/* ERR_INVALID when there is no such version. */
int model_adopt_alias(struct tx *tx, const char *model_id, const char *alias, int64_t version,
                      struct err *err) WARN_UNUSED;
/* number, status, stage, description, source, run_id, run_link, user, times and deleted are taken.
 * ERR_EXISTS when the number is taken. */
int version_adopt(struct tx *tx, const struct cause *by, const char *model_id,
                  const struct version *v, struct err *err) WARN_UNUSED;
/* A section of it, such as "mlflow_storage"; json is one JSON value. */
int version_adopt_section(struct tx *tx, const char *model_id, int64_t number,
                          const struct version_section *section, struct err *err) WARN_UNUSED;
int version_adopt_tag(struct tx *tx, const char *model_id, int64_t number,
                      const struct track_pair *t, struct err *err) WARN_UNUSED;
