/* SPDX-License-Identifier: Apache-2.0
 * References as people write them: diabetes:3, diabetes@champion, models:/diabetes/3, run/4f2a,
 * runs:/<id>, run/latest, run/best:rmse, endpoint/x, data/x@<digest>. */
#pragma once
#include "cli/cli.h"

enum ref_kind { REF_MODEL, REF_RUN, REF_ENDPOINT, REF_DATA, REF_PLAIN };

struct ref {
    enum ref_kind kind;
    const char *name; /* model, endpoint, data set, or run id prefix / "latest" / "best:metric" */
    const char *version; /* "3", "@champion", "latest", a digest; NULL when not said */
};

/* `want` decides what a word without a prefix means; another prefix is ERR_INVALID unless want is
 * REF_PLAIN, which takes all. Strings live in the command's arena. */
int ref_parse(struct cli *c, const char *text, enum ref_kind want, struct ref *out,
              struct err *err) WARN_UNUSED;
/* "diabetes:3" */
const char *ref_model_text(struct cli *c, const char *name, const char *version);
/* /api/v1/runs/<id> of a run reference; "best:metric" asks the server. */
int ref_run_target(struct cli *c, const struct ref *r, char **out, struct err *err) WARN_UNUSED;
