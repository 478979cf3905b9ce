/* SPDX-License-Identifier: Apache-2.0
 * Shared by models.c, versions.c and versions_search.c. */
#pragma once
#include "api/mlflow/mlflow.h"
#include "registry/version.h"

int mlf__model(struct mlf *m, struct tx *tx, const char *name, struct model *out) WARN_UNUSED;
/* name and version of the message; failures as MLflow words them. */
int mlf__version(struct mlf *m, struct tx *tx, const char *name, const char *version,
                 struct version *out) WARN_UNUSED;
/* The object of a version; with_aliases as the route does. */
int mlf__write_version(struct mlf *m, struct tx *tx, const struct version *v,
                       int with_aliases) WARN_UNUSED;
/* Where the files of a version lie. */
int mlf__storage(struct mlf *m, struct tx *tx, const struct version *v,
                 const char **out) WARN_UNUSED;
/* 1 when the filter asks for prompts; clauses on that tag leave the list otherwise. */
int mlf__asks_prompts(struct mlf_clause *list, size_t *n);
int mlf__is_prompt(const char *const *names, size_t n, const char *name);
