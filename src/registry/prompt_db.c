/* SPDX-License-Identifier: Apache-2.0
 * Lists over all models: versions of every model, and which models are prompts (MLflow marks them
 * by a tag). */
#include "registry/registry_int.h"

SQL(prompt_of_models,
    "SELECT m.name FROM models m JOIN model_tags t ON t.model_id = m.model_id WHERE m.project = $1"
    " AND t.key = 'mlflow.prompt.is_prompt' AND t.value = 'true' ORDER BY m.name");
SQL(prompt_of_versions,
    "SELECT DISTINCT m.name FROM models m JOIN version_tags t ON t.model_id = m.model_id WHERE "
    "m.project = $1 AND t.key = 'mlflow.prompt.is_prompt' AND t.value = 'true' ORDER BY m.name");

int model_prompts(struct tx *tx, struct arena *a, const char *project, int of_versions,
                  const char ***out, size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, of_versions ? &prompt_of_versions : &prompt_of_models, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, project);
    return rows_texts(st, a, out, out_n, err);
}
