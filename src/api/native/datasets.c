/* SPDX-License-Identifier: Apache-2.0
 * Data sets: the newest version of each, one with its columns and who uses it. */
#include "track/dataset.h"

#include "api/native/handler.h"
#include "api/route.h"
#include "api/tables.h"
#include "registry/version.h"

static const struct list_field fields[] = {
    { "name", EXPR_STRING },          { "digest", EXPR_STRING },
    { "creation_time", EXPR_NUMBER }, { "creation_time_ms", EXPR_NUMBER },
    { "rows", EXPR_NUMBER },          { "columns_n", EXPR_NUMBER },
    { "source", EXPR_STRING },        { "version_count", EXPR_NUMBER },
};

static void get_field(void *arg, size_t row, size_t field, struct expr_value *out)
{
    const struct dataset *d = &((const struct dataset *)arg)[row];
    const double numbers[] = { 0,
                               0,
                               (double)d->creation_time_ms,
                               (double)d->creation_time_ms,
                               (double)d->rows,
                               (double)d->columns_n,
                               0,
                               (double)d->version_n };
    const char *texts[] = { d->name, d->digest, NULL, NULL, NULL, NULL, d->source, NULL };
    *out = (struct expr_value){ .type = fields[field].type,
                                .number = numbers[field],
                                .string = str_of(texts[field]) };
    if ((field == 4 && d->rows < 0) || (field == 5 && d->columns_n < 0))
        out->type = EXPR_NULL;
}

static void kv_count(struct json_out *o, const char *key, int64_t v)
{
    if (v < 0)
        jo_kv_raw(o, key, STR("null"));
    else
        jo_kv_int(o, key, v);
}

/* The object stays open. */
static void write_common(struct json_out *o, const struct dataset *d)
{
    jo_object(o);
    jo_kv_cstr(o, "name", d->name);
    jo_kv_cstr(o, "digest", d->digest);
    jo_kv_int(o, "creation_time_ms", d->creation_time_ms);
    kv_count(o, "rows", d->rows);
    kv_count(o, "columns_n", d->columns_n);
    kv_count(o, "files_n", d->files_n);
    kv_count(o, "bytes", d->bytes);
    jo_kv_cstr(o, "source_type", d->source_type);
    jo_kv_cstr(o, "source", d->source);
}

static int write_list(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    const struct page *p = arg;
    struct dataset *list;
    struct json_out o;
    size_t *shown, n, total;
    int more;
    int rc = dataset_list(tx, &rq->arena, handler_project(rq), &list, &total, err);
    struct list l = {
        "data sets", fields, ARRAY_LEN(fields), total, get_field, NULL, NULL, 0, list
    };
    if (!rc)
        rc = list_select(rq, &l, p, &shown, &n, &more, err);
    if (rc)
        return rc;
    route_json(rq, &o);
    jo_object(&o);
    jo_key(&o, "items");
    jo_array(&o);
    for (size_t i = 0; i < n; i++) {
        write_common(&o, &list[shown[i]]);
        kv_count(&o, "files", list[shown[i]].files_n);
        jo_kv_int(&o, "version_count", list[shown[i]].version_n);
        jo_object_end(&o);
    }
    jo_array_end(&o);
    page_write_token(&o, p, more);
    jo_object_end(&o);
    return 0;
}

static int get_list(struct request *rq, struct err *err)
{
    struct page p;
    int rc = page_read(rq, &p, err);
    if (!rc && !p.order_n) {
        p.order_by = arena_alloc(&rq->arena, sizeof *p.order_by);
        p.order_by[p.order_n++] = "creation_time_ms DESC";
    }
    return rc ? rc : handler_read(rq, write_list, &p, err);
}

/* ---- one ---- */

/* The recorded detail: files, dialect, target, columns with statistics, warnings. */
static int write_detail(struct arena *a, struct json_out *o, const struct dataset *d,
                        struct err *err)
{
    static const struct json_options options = { .allow_nan = 1 };
    static const char *const ours[] = { "name", "digest", "rows" };
    struct json v = { .type = JSON_NULL };
    int rc = d->detail ? json_parse(a, str_of(d->detail), &options, &v, err) : 0;
    for (size_t i = 0; !rc && v.type == JSON_OBJECT && i < v.n; i++) {
        int known = 0;
        for (size_t k = 0; k < ARRAY_LEN(ours); k++)
            known |= str_is(v.members[i].key, ours[k]);
        if (known)
            continue;
        jo_key_str(o, v.members[i].key);
        jo_value(o, &v.members[i].value);
    }
    if (!rc && !json_get(&v, "columns"))
        jo_kv_raw(o, "columns", STR("[]"));
    if (!rc && !json_get(&v, "files"))
        jo_kv_raw(o, "files", STR("[]"));
    return rc;
}

static int write_runs(struct tx *tx, struct arena *a, struct json_out *o, const struct dataset *d,
                      struct err *err)
{
    const char **ids;
    size_t n;
    int rc = dataset_runs(tx, a, d->id, &ids, &n, err);
    jo_key(o, "runs");
    jo_array(o);
    for (size_t i = 0; !rc && i < n; i++) {
        struct run r;
        rc = run_get(tx, a, ids[i], &r, err);
        if (rc)
            break;
        jo_object(o);
        jo_kv_cstr(o, "run_id", r.id);
        jo_kv_cstr(o, "name", r.name);
        jo_kv_cstr(o, "status", r.status);
        jo_object_end(o);
    }
    jo_array_end(o);
    return rc;
}

static int write_models(struct tx *tx, struct arena *a, struct json_out *o, const struct dataset *d,
                        struct err *err)
{
    struct version *list;
    size_t n;
    int rc = version_list_of_dataset(tx, a, d->project, d->digest, &list, &n, err);
    jo_key(o, "models");
    jo_array(o);
    for (size_t i = 0; !rc && i < n; i++) {
        jo_object(o);
        jo_kv_cstr(o, "name", list[i].model);
        jo_kv_cstr(o, "version", arena_printf(a, "%lld", (long long)list[i].number));
        jo_object_end(o);
    }
    jo_array_end(o);
    return rc;
}

static int write_versions(struct tx *tx, struct arena *a, struct json_out *o,
                          const struct dataset *d, struct err *err)
{
    struct dataset *list;
    size_t n;
    int rc = dataset_versions(tx, a, d->project, d->name, &list, &n, err);
    jo_key(o, "versions");
    jo_array(o);
    for (size_t i = 0; !rc && i < n; i++) {
        write_common(o, &list[i]);
        jo_object_end(o);
    }
    jo_array_end(o);
    return rc;
}

static int write_one(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    struct dataset d;
    struct json_out o;
    int rc =
        dataset_get(tx, &rq->arena, handler_project(rq), handler_param(rq, "name"), arg, &d, err);
    if (rc)
        return rc;
    route_json(rq, &o);
    write_common(&o, &d);
    rc = write_detail(&rq->arena, &o, &d, err);
    if (!rc)
        rc = write_versions(tx, &rq->arena, &o, &d, err);
    jo_key(&o, "used_by");
    jo_object(&o);
    if (!rc)
        rc = write_runs(tx, &rq->arena, &o, &d, err);
    if (!rc)
        rc = write_models(tx, &rq->arena, &o, &d, err);
    jo_object_end(&o);
    jo_object_end(&o);
    return rc;
}

static int get_newest(struct request *rq, struct err *err)
{
    return handler_read(rq, write_one, (void *)(uintptr_t) "latest", err);
}

static int get_version(struct request *rq, struct err *err)
{
    return handler_read(rq, write_one, (void *)(uintptr_t)handler_param(rq, "digest"), err);
}

#define DATASET(indent)                                                                            \
    indent "name! string: Its name.\n" indent "digest! string: SHA-256 of its manifest.\n" indent  \
           "creation_time_ms! time_ms: When it was first used.\n" indent                           \
           "rows integer|null: Rows.\n" indent "columns_n integer|null: Columns.\n" indent         \
           "files_n integer|null: Files.\n" indent "bytes integer|null: Of the files.\n" indent    \
           "source_type! string: local, http, …\n" indent "source! string: Where it came from.\n"

#define DATASET_DETAIL                                                                             \
    DATASET("")                                                                                    \
    "files! [object]: path, bytes, sha256.\ncolumns! [object]: Name, type, role and statistics.\n" \
    "warnings [string]: What its reader noticed.\ntarget string: Column to predict.\n"             \
    "versions! [object]: Of the same name, newest first.\nused_by! object: runs and models."

static const struct route routes[] = {
    { "GET", "/api/v1/datasets", "dataset.read", get_list, ROUTE_WORKER, 0,
      "Data sets, newest first, each in its newest version.",
      "filter string: Over name, digest, creation_time, rows, columns_n, source, version_count.\n"
      "order_by string: Comma-separated names, each with ASC or DESC.\n"
      "limit integer: At most so many, 100 unless given, at most 1000.\npage_token string: Of the "
      "page before.",
      "items! [object]: Data sets.\n" DATASET(
          "  ") "  version_count! integer: Versions of that name.\n"
                "next_page_token! string|null: Of the next page.",
      "datasetList" },
    { "GET", "/api/v1/datasets/{name}", "dataset.read", get_newest, ROUTE_WORKER, 0,
      "The newest version of a data set.", NULL, DATASET_DETAIL, "datasetGet" },
    { "GET", "/api/v1/datasets/{name}/versions/{digest}", "dataset.read", get_version, ROUTE_WORKER,
      0, "One version of a data set, by at least 4 digits of its digest.", NULL, DATASET_DETAIL,
      "datasetVersionGet" },
};

const struct route_table dataset_routes = { "datasets", routes, ARRAY_LEN(routes),
                                            route_error_native };
