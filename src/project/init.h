/* SPDX-License-Identifier: Apache-2.0
 * New projects from the templates that are built into the binary. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

struct project_template {
    const char *name;  /* "regression" */
    const char *prose; /* one sentence */
};
const struct project_template *project_template_at(size_t i); /* NULL past the last */

struct project_init_result {
    const char **files; /* relative paths, in the order written */
    size_t file_n;
};

/* Writes the template into dir (made when absent). Refuses with EXISTS, before writing anything,
 * when a file it would write is there. NOT_FOUND: no such template. `name`: of the project; NULL =
 * as the template says. Each file is written atomically; slipway.yaml last, so that a half-made
 * project is none. */
int project_init(struct arena *a, const char *dir, const char *template_name, const char *name,
                 struct project_init_result *out, struct err *err) WARN_UNUSED;
