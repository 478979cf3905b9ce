/* SPDX-License-Identifier: Apache-2.0
 * /api/v1/experiments: reading, making, changing, deleting and bringing back. */
#include "track/experiment.h"

#include "api/app.h"
#include "api/native/handler.h"
#include "api/route.h"
#include "api/tables.h"
#include "base/limits.h"
#include "track/trash.h"

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
    handler_write_pairs(o, "tags", tags, n);
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
    const char *text = handler_query(rq, "view");
    enum track_view view = text && strcmp(text, "deleted") == 0 ? TRACK_DELETED
                           : text && strcmp(text, "all") == 0   ? TRACK_ALL
                                                                : TRACK_ACTIVE;
    int rc = experiment_list(tx, &rq->arena, handler_project(rq), view, &r.list, &r.n, err);
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

/* ---- changes ---- */

#define NOTE_TAG "mlflow.note.content"

/* What a change works on; NULL = as it is. */
struct change {
    struct experiment e;
    const char *name, *description, *location;
    const char *value;   /* of a tag */
    const char *confirm; /* of a purge */
    int done;
};

typedef int (*change_fn)(struct tx *tx, struct request *rq, const struct cause *by,
                         struct change *c, struct err *err);

struct change_call {
    struct change *c;
    change_fn fn;
};

/* ?reason= or the member of the body. */
static const char *reason_of(struct request *rq)
{
    struct json body;
    const char *reason = handler_query(rq, "reason");
    if (!reason && rq->body.n && route_body(rq, &body, NULL) == 0)
        reason = json_get_string(&body, "reason", NULL);
    return reason;
}

static int do_change(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    struct change_call *x = arg;
    struct cause by = handler_cause(rq, reason_of(rq));
    int rc = experiment_resolve(tx, &rq->arena, handler_project(rq), handler_param(rq, "id"),
                                &x->c->e, err);
    return rc ? rc : x->fn(tx, rq, &by, x->c, err);
}

static int write_by_id(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    const struct change *c = arg;
    struct experiment e;
    struct json_out o;
    int rc = experiment_get(tx, &rq->arena, c->e.id, &e, err);
    if (rc)
        return rc;
    route_json(rq, &o);
    return write_one(tx, rq, &o, &e, err);
}

static int change_one(struct request *rq, struct change *c, change_fn fn, struct err *err)
{
    struct change_call x = { c, fn };
    int rc = handler_write(rq, do_change, &x, err);
    return rc ? rc : handler_read(rq, write_by_id, c, err);
}

static int set_note(struct tx *tx, const struct cause *by, int64_t id, const char *text,
                    struct err *err)
{
    struct track_pair note = { NOTE_TAG, text };
    return text ? experiment_tag_set(tx, by, id, &note, err) : 0;
}

static int do_create(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    struct change *c = arg;
    struct cause by = handler_cause(rq, NULL);
    struct experiment_new fresh = { .name = c->name,
                                    .artifact_location = c->location,
                                    .artifact_root = app_of(rq)->options.default_artifact_root };
    int rc = experiment_name_release(tx, &by, c->name, err);
    if (!rc)
        rc = experiment_create(tx, &by, &fresh, &c->e.id, err);
    return rc ? rc : set_note(tx, &by, c->e.id, c->description, err);
}

static int post_new(struct request *rq, struct err *err)
{
    struct json body;
    struct change c = { 0 };
    int rc = handler_body_text(rq, "name", &c.name, err);
    if (!rc)
        rc = route_body(rq, &body, err);
    if (rc)
        return rc;
    c.description = json_get_string(&body, "description", NULL);
    c.location = json_get_string(&body, "artifact_location", NULL);
    rc = handler_write(rq, do_create, &c, err);
    if (!rc)
        rc = handler_read(rq, write_by_id, &c, err);
    if (!rc)
        rq->status = 201;
    return rc;
}

static int do_patch(struct tx *tx, struct request *rq, const struct cause *by, struct change *c,
                    struct err *err)
{
    int rc = 0;
    (void)rq;
    if (c->name && strcmp(c->name, c->e.name) != 0) {
        rc = experiment_name_release(tx, by, c->name, err);
        if (!rc)
            rc = experiment_rename(tx, by, c->e.id, c->name, err);
    }
    return rc ? rc : set_note(tx, by, c->e.id, c->description, err);
}

static int patch_one(struct request *rq, struct err *err)
{
    struct json body;
    struct change c = { 0 };
    int rc = route_body(rq, &body, err);
    if (rc)
        return rc;
    c.name = json_get_string(&body, "name", NULL);
    c.description = json_get_string(&body, "description", NULL);
    if (!c.name && !c.description)
        return ERR(err, ERR_INVALID, "the body needs 'name' or 'description'");
    return change_one(rq, &c, do_patch, err);
}

static int do_delete(struct tx *tx, struct request *rq, const struct cause *by, struct change *c,
                     struct err *err)
{
    (void)rq;
    if (c->e.id == 0)
        return ERR(err, ERR_CONFLICT, "experiment 'Default' is always there");
    return experiment_delete(tx, by, c->e.id, err);
}

static int delete_one(struct request *rq, struct err *err)
{
    struct change c = { 0 };
    return change_one(rq, &c, do_delete, err);
}

static int do_restore(struct tx *tx, struct request *rq, const struct cause *by, struct change *c,
                      struct err *err)
{
    (void)rq;
    return experiment_restore(tx, by, c->e.id, err);
}

static int post_restore(struct request *rq, struct err *err)
{
    struct change c = { 0 };
    return change_one(rq, &c, do_restore, err);
}

static int do_set_tag(struct tx *tx, struct request *rq, const struct cause *by, struct change *c,
                      struct err *err)
{
    struct track_pair tag = { handler_param(rq, "key"), c->value };
    return experiment_tag_set(tx, by, c->e.id, &tag, err);
}

static int put_tag(struct request *rq, struct err *err)
{
    struct change c = { 0 };
    int rc = handler_body_text(rq, "value", &c.value, err);
    return rc ? rc : change_one(rq, &c, do_set_tag, err);
}

static int do_delete_tag(struct tx *tx, struct request *rq, const struct cause *by,
                         struct change *c, struct err *err)
{
    return experiment_tag_delete(tx, by, c->e.id, handler_param(rq, "key"), err);
}

static int delete_tag(struct request *rq, struct err *err)
{
    struct change c = { 0 };
    return change_one(rq, &c, do_delete_tag, err);
}

static int do_purge(struct tx *tx, struct request *rq, const struct cause *by, struct change *c,
                    struct err *err)
{
    (void)rq;
    if (strcmp(c->confirm, c->e.name) != 0)
        return ERR(err, ERR_INVALID,
                   "'confirm' must be the name of what is to be gone for good: '%s'", c->e.name);
    return experiment_purge(tx, by, c->e.id, &c->done, err);
}

/* Step by step, so that others write between; after a crash the rest is still in the trash. */
static int post_purge(struct request *rq, struct err *err)
{
    struct change c = { 0 };
    struct json_out o;
    int rc = handler_body_text(rq, "confirm", &c.confirm, err);
    struct change_call x = { &c, do_purge };
    while (!rc && !c.done)
        rc = handler_write(rq, do_change, &x, err);
    if (rc)
        return rc;
    route_json(rq, &o);
    jo_object(&o);
    jo_kv_cstr(&o, "ref", arena_printf(&rq->arena, "experiment/%lld", (long long)c.e.id));
    jo_kv_bool(&o, "purged", 1);
    jo_object_end(&o);
    return 0;
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
      "Experiments, newest first.",
      "view string: active (default), deleted or all.\n"
      "filter string: Over name, creation_time, last_update_time, run_count, tags.KEY.\n"
      "order_by string: Comma-separated names, each with ASC or DESC.\n"
      "limit integer: At most so many, 100 unless given, at most 1000.\npage_token string: Of the "
      "page before.",
      "items! [object]: Experiments.\n" EXPERIMENT(
          "  ") "\nnext_page_token! string|null: Of the next page.",
      "experimentList" },
    { "GET", "/api/v1/experiments/{id}", "experiment.read", get_one, ROUTE_WORKER, 0,
      "One experiment, by number or name.", NULL, EXPERIMENT(""), "experimentGet" },
    { "POST", "/api/v1/experiments", "experiment.write", post_new, ROUTE_WORKER, LIMIT_BODY_CONTROL,
      "Makes an experiment; a name that only a deleted one holds is free.",
      "name! string: Its name.\ndescription string: For people.\nartifact_location string: Where "
      "artifacts of its runs go.",
      EXPERIMENT(""), "experimentCreate" },
    { "PATCH", "/api/v1/experiments/{id}", "experiment.write", patch_one, ROUTE_WORKER,
      LIMIT_BODY_CONTROL, "Renames or describes an experiment.",
      "name string: The new name.\ndescription string: The new text.", EXPERIMENT(""),
      "experimentUpdate" },
    { "DELETE", "/api/v1/experiments/{id}", "experiment.write", delete_one, ROUTE_WORKER, 0,
      "Puts an experiment and its runs into the trash.", "?reason string: Why, for the record.",
      EXPERIMENT(""), "experimentDelete" },
    { "POST", "/api/v1/experiments/{id}:restore", "experiment.write", post_restore, ROUTE_WORKER,
      KIB(4), "Takes an experiment and its runs out of the trash.",
      "reason string: Why, for the record.", EXPERIMENT(""), "experimentRestore" },
    { "POST", "/api/v1/experiments/{id}:purge", "trash.purge", post_purge, ROUTE_WORKER, KIB(64),
      "Removes a deleted experiment and its runs for good.",
      "confirm! string: Its name, to be sure.", "ref! string: What it was.\npurged! boolean: True.",
      "experimentPurge" },
    { "PUT", "/api/v1/experiments/{id}/tags/{key*}", "experiment.write", put_tag, ROUTE_WORKER,
      LIMIT_BODY_CONTROL, "Sets a tag of an experiment.", "value! string: The value.",
      EXPERIMENT(""), "experimentTagSet" },
    { "DELETE", "/api/v1/experiments/{id}/tags/{key*}", "experiment.write", delete_tag,
      ROUTE_WORKER, 0, "Removes a tag of an experiment.", NULL, EXPERIMENT(""),
      "experimentTagDelete" },
};

const struct route_table experiment_routes = { "experiments", routes, ARRAY_LEN(routes),
                                               route_error_native };
