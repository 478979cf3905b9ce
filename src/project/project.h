/* SPDX-License-Identifier: Apache-2.0
 * A project: what slipway.yaml says, checked and turned into plain structs.
 *
 * project_load reads the text, applies parameters, checks everything that can be checked without
 * the data, and orders the stages by their inputs. The structs of data/spec.h in it carry the place
 * of each name, so that the worker can complain about columns (project_columns_check). Strings and
 * arrays live in the arena. Row operations and feature operations are not told apart here: see
 * data/prep.h. */
#pragma once
#include "codec/expr.h"
#include "data/frame.h"
#include "data/spec.h"
#include "project/diag.h"

enum project_param_type { PARAM_NUMBER, PARAM_INTEGER, PARAM_BOOLEAN, PARAM_TEXT };

struct project_param {
    const char *name;
    enum project_param_type type;
    const char *text; /* value in force, as written */
    double number;    /* value of numbers and booleans */
    double low, high; /* allowed range; ±INFINITY = open */
    int overridden;   /* by -p */
    int used;         /* somewhere in the file */
    struct place at;
};

struct project_override {
    const char *name, *value; /* -p name=value */
};

enum model_family { MODEL_LINEAR_REGRESSION, MODEL_RIDGE };

struct model_spec {
    enum model_family family;
    double alpha; /* RIDGE: penalty, ≥ 0 */
    int intercept;
    const char *
        *features; /* columns after preparation; NULL = all but target, key, time, ignored */
    size_t feature_n;
    const char **exclude; /* left out of the features */
    size_t exclude_n;
    struct place at;
    struct place *feature_at, *exclude_at;
};

struct project_gate {
    const char *text;  /* parameters filled in: "r2 >= 0.4" */
    struct expr *expr; /* checked; gate.h evaluates it */
    struct place at;
};

enum stage_kind { STAGE_DO, STAGE_SPLIT, STAGE_MODEL, STAGE_GATES };

/* A parameter or environment variable that a stage's definition uses, for slipway.lock. */
struct stage_use {
    const char *name; /* "params.alpha", "env.ZONES" */
    const char *value;
};

struct project_stage {
    const char *name;
    enum stage_kind kind;
    struct place at;
    const char **inputs; /* data sources, stages, or parts ("split.test"), as written or implied */
    size_t input_n;
    struct prep_step *steps; /* DO */
    size_t step_n;
    struct expect_rule *rules; /* `expect`, of DO and SPLIT: checked on the stage's output rows */
    size_t rule_n;
    struct split_spec split;    /* SPLIT */
    struct model_spec model;    /* MODEL */
    struct project_gate *gates; /* GATES */
    size_t gate_n;
    const char *code; /* the definition as canonical text, parameters not filled in */
    struct stage_use *uses;
    size_t use_n;
};

struct project {
    struct arena *arena;
    const char *path; /* "slipway.yaml" */
    const char *name; /* experiment and model name */
    struct project_param *params;
    size_t param_n;
    struct csv_source *sources;
    size_t source_n;
    struct project_stage
        *stages; /* in the order in which they run; what nothing needs comes last */
    size_t stage_n;
    /* The one chain of this version. Never NULL after a successful load, gates excepted. A file
     * without a split stage has one implied, named "split", by hash, 80 % train and 20 % test
     * (at.line 0). */
    const struct csv_source *source;
    const struct project_stage *split, *model;
    const struct project_stage *gates; /* NULL when there are none */
    const char *endpoint;              /* deploy.endpoint; NULL = none */
    struct place endpoint_at;
    /* JSON for the modules below, checked; NULL = not said. monitor/monitor.h, monitor/alert.h,
     * rollout/loop.h (without project_dir), rollout/strategy.h. */
    const char *monitor, *alerts, *policy, *strategy;
    uint64_t seed;
};

struct project_options {
    const char *path;         /* for messages; NULL = "slipway.yaml" */
    const char *default_name; /* when the file has no name, e.g. the folder's; NULL = "project" */
    const struct project_override *overrides;
    size_t override_n;
    uint64_t seed; /* of the split when the file names none */
    /* Value of an environment variable or NULL; NULL here = getenv. */
    const char *(*env)(void *arg, const char *name);
    void *env_arg;
};

/* Fills *out and *diags (initialised here; the caller shows the warnings). ERR_INVALID when there
 * are errors: err has the first, diags all. ERR_LIMIT when the arena is too small. */
int project_load(struct arena *a, str_t text, const struct project_options *options,
                 struct project **out, struct diags *diags, struct err *err) WARN_UNUSED;
/* Reads dir/slipway.yaml (or `file` in it when not NULL) and loads it; *out_text (optional) gets
 * the text. ERR_NOT_FOUND says how to make a project. */
int project_load_dir(struct arena *a, const char *dir, const char *file,
                     const struct project_options *options, struct project **out,
                     struct diags *diags, str_t *out_text, struct err *err) WARN_UNUSED;

/* Everything about columns that only the data can tell (E212, E213): names exist where they are
 * used, step by step, types fit. Adds to diags; ERR_INVALID when errors were added. `f` holds the
 * columns as read; `data_path` and `sha256` are shown. */
int project_columns_check(const struct project *p, const struct frame *f, const char *sha256,
                          struct diags *d, struct err *err) WARN_UNUSED;

const char *stage_kind_name(enum stage_kind k);     /* "do", "split", "model", "gates" */
const char *model_family_name(enum model_family f); /* "linear_regression", "ridge" */

/* JSON Schema 2020-12 of the project file, indented. */
void project_schema(struct buf *out);
/* docs/reference/slipway-yaml.md and docs/reference/error-codes.md. */
void project_keys_page(struct buf *out);
void project_errors_page(struct buf *out);
