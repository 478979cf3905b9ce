/* SPDX-License-Identifier: Apache-2.0
 * One version of a model: everything it is tied to, its facts, tags and files. */
#include "api/native/versions.h"

#include <fcntl.h>
#include <unistd.h>

#include "api/app.h"
#include "api/native/handler.h"
#include "api/route.h"
#include "api/tables.h"
#include "base/limits.h"
#include "govern/lineage.h"
#include "monitor/reference.h"
#include "store/blobs.h"

/* ---- who serves it ---- */

int served_load(struct tx *tx, struct request *rq, struct served *out, struct err *err)
{
    return endpoint_list(tx, &rq->arena, handler_project(rq), &out->list, &out->n, err);
}

static int serves(const struct endpoint_row *e, const char *model, int64_t version)
{
    return strcmp(e->model, model) == 0 && (version == 0 || e->version == version);
}

void served_write(struct json_out *o, const struct served *s, const char *model, int64_t version)
{
    jo_key(o, "endpoints");
    jo_array(o);
    for (size_t i = 0; i < s->n; i++)
        if (serves(&s->list[i], model, version))
            jo_cstr(o, s->list[i].name);
    jo_array_end(o);
}

/* ---- what lists show ---- */

static int parse_section(struct tx *tx, struct arena *a, const struct version *v, const char *name,
                         struct json *out, struct err *err)
{
    static const struct json_options options = { .allow_nan = 1 };
    const char *text;
    *out = (struct json){ .type = JSON_NULL };
    int rc = version_section(tx, a, v, name, &text, err);
    return rc || !text ? rc : json_parse(a, str_of(text), &options, out, err);
}

static int write_tags(struct tx *tx, struct arena *a, struct json_out *o, const struct version *v,
                      struct err *err)
{
    struct track_pair *list;
    size_t n;
    int rc = version_tags(tx, a, v, &list, &n, err);
    handler_write_pairs(o, "tags", list, rc ? 0 : n);
    return rc;
}

static int write_aliases(struct tx *tx, struct arena *a, struct json_out *o,
                         const struct version *v, struct err *err)
{
    const char **list;
    size_t n;
    int rc = version_aliases(tx, a, v, &list, &n, err);
    jo_key(o, "aliases");
    jo_array(o);
    for (size_t i = 0; !rc && i < n; i++)
        jo_cstr(o, list[i]);
    jo_array_end(o);
    return rc;
}

int version_write_common(struct tx *tx, struct request *rq, struct json_out *o,
                         const struct version *v, const struct served *served, struct err *err)
{
    struct arena *a = &rq->arena;
    struct json metrics;
    int rc = parse_section(tx, a, v, "metrics", &metrics, err);
    jo_object(o);
    jo_kv_cstr(o, "name", v->model);
    jo_kv_cstr(o, "version", arena_printf(a, "%lld", (long long)v->number));
    jo_kv_cstr(o, "status", v->status);
    jo_kv_int(o, "creation_time_ms", v->creation_time_ms);
    jo_kv_int(o, "last_update_time_ms", v->last_update_time_ms);
    jo_kv_cstr(o, "run_id", v->run_id);
    jo_kv_cstr(o, "digest", v->digest);
    jo_kv_cstr(o, "source", v->source);
    jo_kv_cstr(o, "description", v->description);
    jo_kv_cstr(o, "user", v->user);
    if (!rc)
        rc = write_aliases(tx, a, o, v, err);
    if (!rc)
        rc = write_tags(tx, a, o, v, err);
    jo_kv_cstr(o, "stage", v->stage);
    jo_kv_cstr(o, "family", v->family);
    const struct json *test = json_get(&metrics, "test");
    jo_key(o, "metrics");
    if (test)
        jo_value(o, test);
    else
        jo_raw(o, STR("{}"));
    if (v->gates_passed < 0)
        jo_kv_raw(o, "gates_passed", STR("null"));
    else
        jo_kv_bool(o, "gates_passed", v->gates_passed);
    served_write(o, served, v->model, v->number);
    return rc;
}

/* ---- the whole version ---- */

static int find(struct tx *tx, struct request *rq, struct version *out, struct err *err)
{
    return version_resolve(tx, &rq->arena, handler_project(rq), handler_param(rq, "name"),
                           handler_param(rq, "version"), out, err);
}

static int write_sections(struct tx *tx, struct arena *a, struct json_out *o,
                          const struct version *v, struct err *err)
{
    static const char *const wanted[] = {
        "signature",      "dataset",    "split",      "code",         "params",
        "environment",    "gates",      "comparison", "coefficients", "fit",
        "residuals",      "slices",     "stages",     "predictor",    "input_example",
        "training_means", "conversion", "metrics"
    };
    struct version_section *list;
    size_t n;
    int rc = version_sections(tx, a, v, &list, &n, err);
    for (size_t w = 0; !rc && w < ARRAY_LEN(wanted); w++) {
        const char *json = "null";
        for (size_t i = 0; i < n; i++)
            if (strcmp(list[i].name, wanted[w]) == 0)
                json = list[i].json;
        /* The list's "metrics" are those of the test part; all parts are the result's. */
        jo_kv_raw(o, strcmp(wanted[w], "metrics") == 0 ? "result_metrics" : wanted[w],
                  str_of(json));
    }
    return rc;
}

static void write_fact(struct json_out *o, const struct fact *f)
{
    jo_object(o);
    jo_kv_cstr(o, "id", f->id);
    jo_kv_cstr(o, "digest", f->digest);
    jo_kv_cstr(o, "name", f->name);
    jo_kv_raw(o, "value", str_of(f->value));
    jo_kv_cstr(o, "producer", f->producer);
    jo_kv_int(o, "time_ms", f->time_ms);
    jo_object_end(o);
}

static int write_facts(struct tx *tx, struct arena *a, struct json_out *o, const struct version *v,
                       struct err *err)
{
    struct fact *list = NULL;
    size_t n = 0;
    int rc = v->digest ? fact_list(tx, a, v->digest, NULL, &list, &n, err) : 0;
    jo_array(o);
    for (size_t i = 0; !rc && i < n; i++)
        write_fact(o, &list[i]);
    jo_array_end(o);
    return rc;
}

static int write_lineage(struct tx *tx, struct arena *a, struct json_out *o,
                         const struct version *v, const struct served *served, struct err *err)
{
    struct lineage l;
    int rc = lineage_of_version(tx, a, v, &l, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < served->n; i++)
        if (serves(&served->list[i], v->model, v->number))
            lineage_add_endpoint(a, &l, v, served->list[i].name);
    jo_key(o, "lineage");
    lineage_print(o, &l);
    return 0;
}

static void write_files(struct request *rq, struct json_out *o, const struct version *v)
{
    struct tree_entry *list = NULL;
    size_t n = 0;
    int reference = 0;
    if (v->files_digest)
        IGNORE(blobs_tree(app_of(rq)->blobs, &rq->arena, v->files_digest, &list, &n, NULL));
    for (size_t i = 0; i < n; i++)
        reference |= strcmp(list[i].path, MONITOR_REFERENCE_FILE) == 0;
    jo_kv_bool(o, "reference", reference);
    jo_key(o, "files");
    jo_array(o);
    for (size_t i = 0; i < n; i++) {
        jo_object(o);
        jo_kv_cstr(o, "path", list[i].path);
        jo_kv_int(o, "bytes", list[i].bytes);
        jo_kv_cstr(o, "sha256", list[i].digest);
        jo_object_end(o);
    }
    jo_array_end(o);
}

/* Rows inside the snapshot, files after it. */
struct one {
    struct version v;
    struct json_out o;
};

static int write_stored(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    struct one *one = arg;
    struct served served;
    int rc = find(tx, rq, &one->v, err);
    if (!rc)
        rc = served_load(tx, rq, &served, err);
    if (rc)
        return rc;
    route_json(rq, &one->o);
    rc = version_write_common(tx, rq, &one->o, &one->v, &served, err);
    if (!rc)
        rc = write_sections(tx, &rq->arena, &one->o, &one->v, err);
    jo_key(&one->o, "facts");
    if (!rc)
        rc = write_facts(tx, &rq->arena, &one->o, &one->v, err);
    return rc ? rc : write_lineage(tx, &rq->arena, &one->o, &one->v, &served, err);
}

static int get_one(struct request *rq, struct err *err)
{
    struct one one;
    int rc = handler_read(rq, write_stored, &one, err);
    if (rc)
        return rc;
    if (one.v.has_seed)
        jo_kv_int(&one.o, "seed", one.v.seed);
    else
        jo_kv_raw(&one.o, "seed", STR("null"));
    jo_kv_cstr(&one.o, "files_digest", one.v.files_digest);
    jo_kv_int(&one.o, "bytes", one.v.bytes);
    write_files(rq, &one.o, &one.v);
    jo_object_end(&one.o);
    return 0;
}

/* ---- changes ---- */

static int do_describe(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    struct cause by = handler_cause(rq, NULL);
    struct version v;
    int rc = find(tx, rq, &v, err);
    return rc ? rc : version_describe(tx, &by, &v, arg, err);
}

static int patch_one(struct request *rq, struct err *err)
{
    const char *text;
    int rc = handler_body_text(rq, "description", &text, err);
    if (!rc)
        rc = handler_write(rq, do_describe, (void *)(uintptr_t)text, err);
    return rc ? rc : get_one(rq, err);
}

static int do_delete(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    struct cause by = handler_cause(rq, handler_query(rq, "reason"));
    struct version *v = arg;
    int rc = find(tx, rq, v, err);
    return rc ? rc : version_delete(tx, &by, v, err);
}

static int delete_one(struct request *rq, struct err *err)
{
    struct json_out o;
    struct version v;
    int rc = handler_write(rq, do_delete, &v, err);
    if (rc)
        return rc;
    route_json(rq, &o);
    jo_object(&o);
    jo_kv_cstr(&o, "name", v.model);
    jo_kv_cstr(&o, "version", arena_printf(&rq->arena, "%lld", (long long)v.number));
    jo_object_end(&o);
    return 0;
}

static int do_set_tag(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    struct cause by = handler_cause(rq, NULL);
    struct track_pair tag = { handler_param(rq, "key"), arg };
    struct version v;
    int rc = find(tx, rq, &v, err);
    return rc ? rc : version_tag_set(tx, &by, &v, &tag, err);
}

static int put_tag(struct request *rq, struct err *err)
{
    const char *value;
    int rc = handler_body_text(rq, "value", &value, err);
    if (!rc)
        rc = handler_write(rq, do_set_tag, (void *)(uintptr_t)value, err);
    return rc ? rc : get_one(rq, err);
}

static int do_delete_tag(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    struct cause by = handler_cause(rq, NULL);
    struct version v;
    (void)arg;
    int rc = find(tx, rq, &v, err);
    return rc ? rc : version_tag_delete(tx, &by, &v, handler_param(rq, "key"), err);
}

static int delete_tag(struct request *rq, struct err *err)
{
    int rc = handler_write(rq, do_delete_tag, NULL, err);
    return rc ? rc : get_one(rq, err);
}

/* ---- facts ---- */

static int list_facts(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    struct version v;
    struct json_out o;
    (void)arg;
    int rc = find(tx, rq, &v, err);
    if (rc)
        return rc;
    route_json(rq, &o);
    jo_object(&o);
    jo_key(&o, "items");
    rc = write_facts(tx, &rq->arena, &o, &v, err);
    jo_kv_raw(&o, "next_page_token", STR("null"));
    jo_object_end(&o);
    return rc;
}

static int get_facts(struct request *rq, struct err *err)
{
    return handler_read(rq, list_facts, NULL, err);
}

struct fact_args {
    const char *name, *value;
};

static int do_add_fact(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    const struct fact_args *x = arg;
    struct cause by = handler_cause(rq, NULL);
    struct version v;
    int rc = find(tx, rq, &v, err);
    if (rc)
        return rc;
    if (!v.digest)
        return ERR(err, ERR_CONFLICT,
                   "version %lld of model '%s' has no digest that a fact could speak of",
                   (long long)v.number, v.model);
    struct fact f = {
        .digest = v.digest, .name = x->name, .value = x->value, .producer = cause_actor(&by)
    };
    rc = fact_add(tx, &f, err);
    if (rc)
        return rc;
    struct event e = event_of(
        &by, "fact.added", arena_printf(&rq->arena, "model/%s:%lld", v.model, (long long)v.number));
    e.after = event_json(&rq->arena, "name", x->name, "digest", v.digest, (char *)NULL);
    return event_add(tx, &e, err);
}

static int post_fact(struct request *rq, struct err *err)
{
    struct json body;
    struct json_out o;
    struct buf text;
    int rc = route_body(rq, &body, err);
    if (rc)
        return rc;
    const struct json *value = json_get(&body, "value");
    struct fact_args x = { .name = json_get_string(&body, "name", NULL) };
    if (!x.name || !value)
        return ERR(
            err, ERR_INVALID,
            "the body needs 'name' and 'value', such as {\"name\":\"approval\",\"value\":true}");
    if (str_starts(str_of(x.name), "gate."))
        return ERR(err, ERR_INVALID, "facts 'gate.…' are written by runs; choose another name");
    buf_init(&text, MIB(2));
    json_out_init(&o, &text);
    jo_value(&o, value);
    x.value = text.failed ? NULL : arena_strndup(&rq->arena, text.p, text.n);
    buf_fini(&text);
    if (!x.value)
        return ERR(err, ERR_LIMIT, "the value of fact '%.250s' is larger than 1 MiB", x.name);
    rc = handler_write(rq, do_add_fact, &x, err);
    if (!rc)
        rc = get_facts(rq, err);
    rq->status = rc ? 0 : 201;
    return rc;
}

/* ---- files ---- */

static const char *type_of(const char *path)
{
    static const struct {
        const char *end, *type;
    } types[] = {
        { ".json", "application/json" },
        { "MLmodel", "text/plain; charset=utf-8" },
        { ".yaml", "text/plain; charset=utf-8" },
        { ".txt", "text/plain; charset=utf-8" },
        { ".md", "text/plain; charset=utf-8" },
        { ".mp3", "audio/mpeg" },
        { ".wav", "audio/x-wav" },
        { ".mp4", "video/mp4" },
        { ".webm", "video/webm" },
    };
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (str_ends(str_of(path), types[i].end))
            return types[i].type;
    return "application/octet-stream";
}

static int find_version(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    return find(tx, rq, arg, err);
}

static int send_blob(struct request *rq, const struct tree_entry *e, struct err *err)
{
    char *path;
    int rc = blobs_path(app_of(rq)->blobs, &rq->arena, e->digest, &path, err);
    if (!rc)
        rc = fs_open_read(path, &rq->out_fd, err);
    if (rc)
        return rc;
    rq->out_offset = 0;
    rq->out_length = e->bytes;
    rq->content_type = type_of(e->path);
    request_add_header(rq, "ETag", arena_printf(&rq->arena, "\"%s\"", e->digest));
    request_add_header(rq, "X-Content-Type-Options", "nosniff");
    if (!route_sandbox(rq, e->path))
        request_add_header(rq, "Content-Disposition", "attachment");
    return 0;
}

static int get_file(struct request *rq, struct err *err)
{
    struct version v;
    struct tree_entry *list;
    size_t n;
    const char *wanted = handler_param(rq, "path");
    int rc = handler_read(rq, find_version, &v, err);
    if (rc)
        return rc;
    if (!v.files_digest)
        return ERR(err, ERR_NOT_FOUND,
                   "the files of version %lld of model '%s' are not kept here but at '%s'",
                   (long long)v.number, v.model, v.source);
    rc = blobs_tree(app_of(rq)->blobs, &rq->arena, v.files_digest, &list, &n, err);
    for (size_t i = 0; !rc && i < n; i++)
        if (strcmp(list[i].path, wanted) == 0)
            return send_blob(rq, &list[i], err);
    return rc ? rc
              : ERR(err, ERR_NOT_FOUND, "version %lld of model '%s' has no file '%.200s'",
                    (long long)v.number, v.model, wanted);
}

#define VERSION                                                                                    \
    "name! string: Of the model.\nversion! string: Its number.\nstatus! string: READY.\n"          \
    "creation_time_ms! time_ms: When it was made.\nlast_update_time_ms! time_ms: When it was "     \
    "changed.\n"                                                                                   \
    "run_id string|null: The run that made it.\ndigest string|null: SHA-256 of the model file.\n"  \
    "source string: Where it came from.\ndescription! string: For people.\nuser! string: Who "     \
    "made it.\n"                                                                                   \
    "aliases! [string]: That point at it.\ntags! map(string): Tags.\nstage! string: MLflow's "     \
    "stage.\n"                                                                                     \
    "family string|null: Kind of model.\nmetrics! map(object): Of the test part, each with "       \
    "value, low and high.\n"                                                                       \
    "gates_passed boolean|null: Null when there were none.\nendpoints! [string]: That are meant "  \
    "to serve it.\n"                                                                               \
    "signature any: Inputs and outputs.\ndataset any: Data version with columns.\nsplit any: "     \
    "Parts of the data.\n"                                                                         \
    "code any: Commit, dirty digest, command.\nparams any: Parameters.\nenvironment any: "         \
    "Versions and machine.\n"                                                                      \
    "gates any: Conditions with evidence.\ncomparison any: Against the champion.\ncoefficients "   \
    "any: Table of coefficients.\n"                                                                \
    "fit any: Quality of the fit.\nresiduals any: For plots.\nslices any: Metrics by part of the " \
    "data.\n"                                                                                      \
    "stages any: Of the run.\npredictor any: What was compiled.\ninput_example any: One row.\n"    \
    "training_means any: For attributions.\n"                                                      \
    "conversion any: Of a pickle to ONNX.\nresult_metrics any: Metrics of all parts.\nfacts! "     \
    "[object]: On its digest.\n"                                                                   \
    "lineage! object: nodes and edges.\nseed integer|null: Seed.\nfiles_digest string|null: Of "   \
    "the tree of files.\n"                                                                         \
    "bytes! integer: Of the files.\nreference! boolean: Whether it says what its training data "   \
    "looked like (monitor.json), which drift is measured against.\n"                               \
    "files! [object]: path, bytes, sha256."

#define FACTS                                                                                      \
    "items! [object]: Newest first.\n  id! string: UUID.\n  digest! string: Of what it speaks.\n"  \
    "  name! string: What is known.\n  value! any: JSON.\n  producer! string: Who says so.\n"      \
    "  time_ms! time_ms: When.\nnext_page_token! null: Always null."

#define PATH "/api/v1/models/{name}/versions/{version}"

static const struct route routes[] = {
    { "GET", PATH, "model.read", get_one, ROUTE_WORKER, 0,
      "One version, by number, @alias or latest.", NULL, VERSION, "modelVersionGet" },
    { "PATCH", PATH, "model.write", patch_one, ROUTE_WORKER, LIMIT_BODY_CONTROL,
      "Changes the description of a version.", "description! string: The new text.", VERSION,
      "modelVersionUpdate" },
    { "DELETE", PATH, "model.write", delete_one, ROUTE_WORKER, 0,
      "Deletes a version; its number is not given again. Refused while an endpoint is meant to "
      "serve it.",
      "reason string: Why.", "name! string: Of the model.\nversion! string: That was deleted.",
      "modelVersionDelete" },
    { "PUT", PATH "/tags/{key*}", "model.write", put_tag, ROUTE_WORKER, LIMIT_BODY_CONTROL,
      "Sets a tag of a version.", "value! string: The value.", VERSION, "modelVersionTagSet" },
    { "DELETE", PATH "/tags/{key*}", "model.write", delete_tag, ROUTE_WORKER, 0,
      "Removes a tag; absent is fine.", NULL, VERSION, "modelVersionTagDelete" },
    { "GET", PATH "/facts", "model.read", get_facts, ROUTE_WORKER, 0,
      "What is known about a version's digest.", NULL, FACTS, "modelVersionFactList" },
    { "POST", PATH "/facts", "fact.write", post_fact, ROUTE_WORKER, LIMIT_BODY_CONTROL,
      "Adds a fact: an evaluation, a finding, an approval. Gates only read them.",
      "name! string: What is known; not gate.*.\nvalue! any: JSON.", FACTS, "modelVersionFactAdd" },
    { "GET", PATH "/files/{path*}", "model.read", get_file, ROUTE_WORKER, 0,
      "One file of a version.", NULL, "application/octet-stream: the bytes",
      "modelVersionFileGet" },
};

const struct route_table version_routes = { "versions", routes, ARRAY_LEN(routes),
                                            route_error_native };
