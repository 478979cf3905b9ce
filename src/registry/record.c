/* SPDX-License-Identifier: Apache-2.0
 * Takes a result file apart: the version's row, its sections, the facts on the model's digest. */
#include "registry/record.h"

#include <stdio.h>

#include "base/limits.h"

/* Sections and where in the result they stand. "split" and "dataset" make the data part of a
 * comparison; the rest is shown as it is. */
static const struct {
    const char *section;
    const char *path;
} parts[] = {
    { "signature", "model.signature" },
    { "coefficients", "model.coefficients" },
    { "fit", "model.fit" },
    { "residuals", "model.residuals" },
    { "training_means", "model.training_means" },
    { "input_example", "model.input_example" },
    { "predictor", "model.predictor" },
    { "dataset", "dataset" },
    { "split", "split" },
    { "stages", "stages" },
    { "metrics", "metrics" },
    { "comparison", "comparison" },
    { "slices", "slices" },
    { "gates", "gates" },
    { "params", "params" },
    { "environment", "environment" },
};

static char *json_text(struct arena *a, const struct json *v, struct err *err)
{
    struct buf b;
    struct json_out o;
    buf_init(&b, LIMIT_STEP_RESULT);
    json_out_init(&o, &b);
    jo_value(&o, v);
    char *text = b.failed ? NULL : arena_strndup(a, b.p, b.n);
    buf_fini(&b);
    if (!text)
        (void)ERR(err, ERR_LIMIT, "a part of the result is too large");
    return text;
}

/* 1 all passed, 0 some did not, -1 there are none. */
static int gates_passed(const struct json *gates)
{
    if (!gates || gates->type != JSON_ARRAY || gates->n == 0)
        return -1;
    for (size_t i = 0; i < gates->n; i++)
        if (!json_get_bool(&gates->items[i], "passed", 0))
            return 0;
    return 1;
}

static int add_fact(struct tx *tx, struct arena *a, const char *digest, const char *name,
                    const struct json *value, const char *run_id, struct err *err)
{
    char producer[64];
    const char *text = json_text(a, value, err);
    if (!text)
        return ERR_LIMIT;
    (void)snprintf(producer, sizeof producer, "run:%s", run_id);
    struct fact f = { .digest = digest, .name = name, .value = text, .producer = producer };
    return fact_add(tx, &f, err);
}

static int add_facts(struct tx *tx, struct arena *a, const struct record *r, const char *digest,
                     struct err *err)
{
    const struct json *gates = json_get(r->result, "gates"),
                      *metrics = json_get(r->result, "metrics"),
                      *comparison = json_get(r->result, "comparison");
    int rc = 0;
    if (metrics && metrics->type == JSON_OBJECT)
        rc = add_fact(tx, a, digest, "evaluation", metrics, r->run_id, err);
    if (!rc && comparison && comparison->type == JSON_OBJECT)
        rc = add_fact(tx, a, digest, "comparison", comparison, r->run_id, err);
    for (size_t i = 0; !rc && gates && gates->type == JSON_ARRAY && i < gates->n; i++) {
        const char *expr = json_get_string(&gates->items[i], "expr", "");
        const char *name =
            arena_printf(a, "gate.%.*s", (int)MIN(strlen(expr), (size_t)(LIMIT_NAME - 5)), expr);
        rc = add_fact(tx, a, digest, name, &gates->items[i], r->run_id, err);
    }
    return rc;
}

static int take_sections(struct arena *a, const struct record *r, struct version_section *out,
                         size_t *out_n, struct err *err)
{
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        const struct json *v = json_path(r->result, parts[i].path);
        if (!v || v->type == JSON_NULL)
            continue;
        out[n].name = parts[i].section;
        out[n].json = json_text(a, v, err);
        if (!out[n++].json)
            return ERR_LIMIT;
    }
    if (r->code_json)
        out[n++] = (struct version_section){ "code", r->code_json };
    *out_n = n;
    return 0;
}

static int create(struct tx *tx, struct arena *a, const struct cause *by, const struct record *r,
                  int64_t *out_number, struct err *err)
{
    const struct json *model = json_get(r->result, "model"), *data = json_get(r->result, "dataset"),
                      *seed = json_get(r->result, "seed");
    struct version_section sections[ARRAY_LEN(parts) + 1];
    struct version_new v = {
        .model = r->model ? r->model : json_get_string(model, "name", NULL),
        .adopted_run = r->run_id,
        .sections = sections,
        .row = {
            .run_id = r->run_id,
            .source = arena_printf(a, "runs:/%s/model", r->run_id),
            .digest = json_get_string(model, "digest", NULL),
            .files_digest = r->files_digest,
            .bytes = r->files_bytes ? r->files_bytes : json_get_int(model, "bytes", 0),
            .family = json_get_string(model, "family", NULL),
            .dataset_name = json_get_string(data, "name", NULL),
            .dataset_digest = json_get_string(data, "digest", NULL),
            .seed = json_get_int(r->result, "seed", 0),
            .has_seed = seed && seed->type == JSON_NUMBER,
            .gates_passed = gates_passed(json_get(r->result, "gates")),
        },
    };
    int rc = take_sections(a, r, sections, &v.section_n, err);
    return rc ? rc : version_create(tx, by, &v, out_number, err);
}

int registry_record(struct tx *tx, struct arena *a, const struct cause *by, const struct record *r,
                    int64_t *out_number, struct err *err)
{
    const struct json *model = json_get(r->result, "model");
    const char *state = json_get_string(r->result, "state", "");
    int finished = strcmp(state, "finished") == 0, refused = strcmp(state, "refused") == 0;
    *out_number = 0;
    if (!model || model->type != JSON_OBJECT || (!finished && !refused))
        return 0;
    int rc = version_of_run(tx, r->run_id, out_number, err);
    if (rc || *out_number)
        return rc;
    const char *digest = json_get_string(model, "digest", NULL);
    if (!digest || strlen(digest) != 64)
        return ERR(err, ERR_INVALID, "the result of run '%s' has a model without a digest",
                   r->run_id);
    if (finished)
        rc = create(tx, a, by, r, out_number, err);
    return rc ? rc : add_facts(tx, a, r, digest, err);
}
