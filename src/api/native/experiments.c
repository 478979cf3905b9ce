/* SPDX-License-Identifier: Apache-2.0
 * GET /api/v1/experiments and one of them. */
#include "track/experiment.h"

#include "api/native/handler.h"
#include "api/route.h"
#include "api/tables.h"

static const struct list_field fields[] = {
    { "experiment_id", EXPR_STRING },    { "name", EXPR_STRING },
    { "creation_time", EXPR_NUMBER },    { "creation_time_ms", EXPR_NUMBER },
    { "last_update_time", EXPR_NUMBER }, { "last_update_time_ms", EXPR_NUMBER },
    { "run_count", EXPR_NUMBER },        { "artifact_location", EXPR_STRING },
};
static const struct list_field entities[] = { { "tags", EXPR_STRING }, { "tag", EXPR_STRING } };

struct rows {
    struct tx *tx;
    struct request *rq;
    struct experiment *list;
    size_t n;
};

static void get_field(void *arg, size_t row, size_t field, struct expr_value *out)
{
    const struct rows *r = arg;
    const struct experiment *e = &r->list[row];
    const double numbers[] = { 0,
                               0,
                               (double)e->creation_time_ms,
                               (double)e->creation_time_ms,
                               (double)e->last_update_time_ms,
                               (double)e->last_update_time_ms,
                               (double)e->run_count,
                               0 };
    *out = (struct expr_value){ .type = fields[field].type, .number = numbers[field] };
    if (field == 0)
        out->string = str_of(arena_printf(&r->rq->arena, "%lld", (long long)e->id));
    else if (field == 1)
        out->string = str_of(e->name);
    else if (field == 7)
        out->string = str_of(e->artifact_location);
}

static int get_tag(void *arg, size_t row, str_t entity, str_t key, struct expr_value *out,
                   struct err *err)
{
    const struct rows *r = arg;
    struct track_pair *tags;
    size_t n;
    (void)entity;
    int rc = experiment_tags(r->tx, &r->rq->arena, r->list[row].id, &tags, &n, err);
    for (size_t i = 0; !rc && i < n; i++)
        if (str_is(key, tags[i].key))
            *out = (struct expr_value){ .type = EXPR_STRING, .string = str_of(tags[i].value) };
    return rc;
}

static int write_one(struct tx *tx, struct request *rq, struct json_out *o,
                     const struct experiment *e, struct err *err)
{
    struct track_pair *tags;
    size_t n;
    int rc = experiment_tags(tx, &rq->arena, e->id, &tags, &n, err);
    if (rc)
        return rc;
    jo_object(o);
    jo_kv_cstr(o, "experiment_id", arena_printf(&rq->arena, "%lld", (long long)e->id));
    jo_kv_cstr(o, "name", e->name);
    jo_kv_cstr(o, "artifact_location", e->artifact_location);
    jo_kv_cstr(o, "lifecycle_stage", e->lifecycle_stage);
    jo_kv_int(o, "creation_time_ms", e->creation_time_ms);
    jo_kv_int(o, "last_update_time_ms", e->last_update_time_ms);
    jo_key(o, "tags");
    jo_object(o);
    for (size_t i = 0; i < n; i++)
        jo_kv_cstr(o, tags[i].key, tags[i].value);
    jo_object_end(o);
    jo_kv_int(o, "run_count", e->run_count);
    jo_object_end(o);
    return 0;
}

static int write_list(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    const struct page *p = arg;
    struct rows r = { .tx = tx, .rq = rq };
    struct json_out o;
    size_t *shown, n;
    int more;
    int rc = experiment_list(tx, &rq->arena, handler_project(rq), TRACK_ACTIVE, &r.list, &r.n, err);
    struct list l = { "experiments", fields,   ARRAY_LEN(fields),   r.n, get_field,
                      get_tag,       entities, ARRAY_LEN(entities), &r };
    if (!rc)
        rc = list_select(rq, &l, p, &shown, &n, &more, err);
    if (rc)
        return rc;
    route_json(rq, &o);
    jo_object(&o);
    jo_key(&o, "items");
    jo_array(&o);
    for (size_t i = 0; !rc && i < n; i++)
        rc = write_one(tx, rq, &o, &r.list[shown[i]], err);
    jo_array_end(&o);
    page_write_token(&o, p, more);
    jo_object_end(&o);
    return rc;
}

static int get_list(struct request *rq, struct err *err)
{
    struct page p;
    int rc = page_read(rq, &p, err);
    return rc ? rc : handler_read(rq, write_list, &p, err);
}

static int write_named(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    struct experiment e;
    struct json_out o;
    (void)arg;
    int rc =
        experiment_resolve(tx, &rq->arena, handler_project(rq), handler_param(rq, "id"), &e, err);
    if (rc)
        return rc;
    route_json(rq, &o);
    return write_one(tx, rq, &o, &e, err);
}

static int get_one(struct request *rq, struct err *err)
{
    return handler_read(rq, write_named, NULL, err);
}

#define EXPERIMENT(indent)                                                                         \
    indent "experiment_id! string: Its number.\n" indent "name! string: Its name.\n" indent        \
           "artifact_location! string: Where artifacts of its runs go.\n" indent                   \
           "lifecycle_stage! string: active or deleted.\n" indent                                  \
           "creation_time_ms! time_ms: When it was made.\n" indent                                 \
           "last_update_time_ms! time_ms: When it was changed.\n" indent                           \
           "tags! map(string): Tags.\n" indent "run_count! integer: Active runs in it."

static const struct route routes[] = {
    { "GET", "/api/v1/experiments", "experiment.read", get_list, ROUTE_WORKER, 0,
      "Active experiments, newest first.",
      "filter string: Over name, creation_time, last_update_time, run_count, tags.KEY.\n"
      "order_by string: Comma-separated names, each with ASC or DESC.\n"
      "limit integer: At most so many, 100 unless given, at most 1000.\npage_token string: Of the "
      "page before.",
      "items! [object]: Experiments.\n" EXPERIMENT(
          "  ") "\nnext_page_token! string|null: Of the next page.",
      "experimentList" },
    { "GET", "/api/v1/experiments/{id}", "experiment.read", get_one, ROUTE_WORKER, 0,
      "One experiment, by number or name.", NULL, EXPERIMENT(""), "experimentGet" },
};

const struct route_table experiment_routes = { "experiments", routes, ARRAY_LEN(routes),
                                               route_error_native };
