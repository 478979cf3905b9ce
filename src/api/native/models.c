/* SPDX-License-Identifier: Apache-2.0
 * Models, their aliases and tags, and what differs between their versions. */
#include "api/native/versions.h"

#include "api/native/handler.h"
#include "api/route.h"
#include "api/tables.h"
#include "base/limits.h"
#include "base/num.h"
#include "registry/compare.h"

static const struct list_field fields[] = {
    { "name", EXPR_STRING },
    { "description", EXPR_STRING },
    { "creation_time", EXPR_NUMBER },
    { "creation_time_ms", EXPR_NUMBER },
    { "last_update_time", EXPR_NUMBER },
    { "last_update_time_ms", EXPR_NUMBER },
    { "latest_version", EXPR_NUMBER },
    { "version_count", EXPR_NUMBER },
};
static const struct list_field entities[] = { { "tags", EXPR_STRING }, { "tag", EXPR_STRING } };

struct rows {
    struct tx *tx;
    struct request *rq;
    struct model *list;
    size_t n;
};

static void get_field(void *arg, size_t row, size_t field, struct expr_value *out)
{
    const struct rows *r = arg;
    const struct model *m = &r->list[row];
    const double numbers[] = { 0,
                               0,
                               (double)m->creation_time_ms,
                               (double)m->creation_time_ms,
                               (double)m->last_update_time_ms,
                               (double)m->last_update_time_ms,
                               (double)m->latest_version,
                               (double)m->version_count };
    *out = (struct expr_value){ .type = fields[field].type, .number = numbers[field] };
    if (field < 2)
        out->string = str_of(field == 0 ? m->name : m->description);
}

static int get_tag(void *arg, size_t row, str_t entity, str_t key, struct expr_value *out,
                   struct err *err)
{
    const struct rows *r = arg;
    struct track_pair *tags;
    size_t n;
    (void)entity;
    int rc = model_tags(r->tx, &r->rq->arena, r->list[row].id, &tags, &n, err);
    for (size_t i = 0; !rc && i < n; i++)
        if (str_is(key, tags[i].key))
            *out = (struct expr_value){ .type = EXPR_STRING, .string = str_of(tags[i].value) };
    return rc;
}

/* ---- one model as JSON ---- */

static int write_aliases(struct tx *tx, struct arena *a, struct json_out *o, const struct model *m,
                         struct err *err)
{
    struct model_alias *list;
    size_t n;
    int rc = model_aliases(tx, a, m->id, &list, &n, err);
    jo_key(o, "aliases");
    jo_object(o);
    for (size_t i = 0; !rc && i < n; i++)
        jo_kv_cstr(o, list[i].alias, arena_printf(a, "%lld", (long long)list[i].version));
    jo_object_end(o);
    return rc;
}

static int write_tags(struct tx *tx, struct arena *a, struct json_out *o, const struct model *m,
                      struct err *err)
{
    struct track_pair *list;
    size_t n;
    int rc = model_tags(tx, a, m->id, &list, &n, err);
    handler_write_pairs(o, "tags", list, rc ? 0 : n);
    return rc;
}

/* The object stays open. */
static int write_common(struct tx *tx, struct request *rq, struct json_out *o,
                        const struct model *m, const struct served *served, struct err *err)
{
    jo_object(o);
    jo_kv_cstr(o, "name", m->name);
    jo_kv_cstr(o, "description", m->description);
    jo_kv_int(o, "creation_time_ms", m->creation_time_ms);
    jo_kv_int(o, "last_update_time_ms", m->last_update_time_ms);
    jo_kv_cstr(o, "latest_version",
               m->latest_version ? arena_printf(&rq->arena, "%lld", (long long)m->latest_version)
                                 : NULL);
    jo_kv_int(o, "version_count", m->version_count);
    int rc = write_aliases(tx, &rq->arena, o, m, err);
    served_write(o, served, m->name, 0);
    return rc ? rc : write_tags(tx, &rq->arena, o, m, err);
}

/* ---- GET /models ---- */

static int write_list(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    const struct page *p = arg;
    struct rows r = { .tx = tx, .rq = rq };
    struct served served;
    struct json_out o;
    size_t *shown, n;
    int more;
    int rc = model_list(tx, &rq->arena, handler_project(rq), &r.list, &r.n, err);
    struct list l = { "models", fields,   ARRAY_LEN(fields),   r.n, get_field,
                      get_tag,  entities, ARRAY_LEN(entities), &r };
    if (!rc)
        rc = list_select(rq, &l, p, &shown, &n, &more, err);
    if (!rc)
        rc = served_load(tx, rq, &served, err);
    if (rc)
        return rc;
    route_json(rq, &o);
    jo_object(&o);
    jo_key(&o, "items");
    jo_array(&o);
    for (size_t i = 0; !rc && i < n; i++) {
        rc = write_common(tx, rq, &o, &r.list[shown[i]], &served, err);
        jo_object_end(&o);
    }
    jo_array_end(&o);
    page_write_token(&o, p, more);
    jo_object_end(&o);
    return rc;
}

static int get_list(struct request *rq, struct err *err)
{
    struct page p;
    int rc = page_read(rq, &p, err);
    if (!rc && !p.order_n) { /* newest first */
        p.order_by = arena_alloc(&rq->arena, sizeof *p.order_by);
        p.order_by[p.order_n++] = "last_update_time_ms DESC";
    }
    return rc ? rc : handler_read(rq, write_list, &p, err);
}

/* ---- GET /models/{name} ---- */

static int write_one(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    struct model m;
    struct version *list;
    struct served served;
    struct json_out o;
    size_t n;
    (void)arg;
    int rc = model_get(tx, &rq->arena, handler_project(rq), handler_param(rq, "name"), &m, err);
    if (!rc)
        rc = version_list(tx, &rq->arena, m.project, m.name, &list, &n, err);
    if (!rc)
        rc = served_load(tx, rq, &served, err);
    if (rc)
        return rc;
    route_json(rq, &o);
    rc = write_common(tx, rq, &o, &m, &served, err);
    jo_key(&o, "versions");
    jo_array(&o);
    for (size_t i = 0; !rc && i < n; i++) {
        rc = version_write_common(tx, rq, &o, &list[i], &served, err);
        jo_object_end(&o);
    }
    jo_array_end(&o);
    jo_object_end(&o);
    return rc;
}

static int get_one(struct request *rq, struct err *err)
{
    return handler_read(rq, write_one, NULL, err);
}

/* ---- changes ---- */

static int do_describe(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    struct cause by = handler_cause(rq, NULL);
    return model_describe(tx, &by, handler_param(rq, "name"), arg, err);
}

static int patch_one(struct request *rq, struct err *err)
{
    const char *text;
    int rc = handler_body_text(rq, "description", &text, err);
    if (!rc)
        rc = handler_write(rq, do_describe, (void *)(uintptr_t)text, err);
    return rc ? rc : get_one(rq, err);
}

struct alias_args {
    const char *version; /* text */
    const char *reason;
};

static int do_set_alias(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    const struct alias_args *x = arg;
    struct cause by = handler_cause(rq, x->reason);
    struct version v;
    const char *name = handler_param(rq, "name");
    int rc = version_resolve(tx, &rq->arena, handler_project(rq), name, x->version, &v, err);
    return rc ? rc : model_alias_set(tx, &by, name, handler_param(rq, "alias"), v.number, err);
}

static int put_alias(struct request *rq, struct err *err)
{
    struct json body;
    struct alias_args x;
    int rc = route_body(rq, &body, err);
    if (rc)
        return rc;
    const struct json *v = json_get(&body, "version");
    if (v && v->type == JSON_NUMBER && v->is_integer)
        x.version = arena_printf(&rq->arena, "%lld", (long long)v->integer);
    else
        x.version = json_get_string(&body, "version", NULL);
    x.reason = json_get_string(&body, "reason", NULL);
    if (!x.version)
        return ERR(err, ERR_INVALID, "the body needs 'version', such as {\"version\":\"2\"}");
    rc = handler_write(rq, do_set_alias, &x, err);
    return rc ? rc : get_one(rq, err);
}

static int do_delete_alias(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    struct cause by = handler_cause(rq, NULL);
    (void)arg;
    return model_alias_delete(tx, &by, handler_param(rq, "name"), handler_param(rq, "alias"), err);
}

static int delete_alias(struct request *rq, struct err *err)
{
    int rc = handler_write(rq, do_delete_alias, NULL, err);
    return rc ? rc : get_one(rq, err);
}

static int do_set_tag(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    struct cause by = handler_cause(rq, NULL);
    struct track_pair tag = { handler_param(rq, "key"), arg };
    return model_tag_set(tx, &by, handler_param(rq, "name"), &tag, err);
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
    (void)arg;
    return model_tag_delete(tx, &by, handler_param(rq, "name"), handler_param(rq, "key"), err);
}

static int delete_tag(struct request *rq, struct err *err)
{
    int rc = handler_write(rq, do_delete_tag, NULL, err);
    return rc ? rc : get_one(rq, err);
}

/* ---- GET /models/{name}/compare ---- */

static int write_comparison(struct tx *tx, struct request *rq, void *arg, struct err *err)
{
    const char *names[COMPARE_MAX];
    struct compare_source sources[COMPARE_MAX];
    struct comparison c;
    struct json_out o;
    size_t n;
    (void)arg;
    int rc = handler_words(rq, "versions", names, COMPARE_MAX, &n, err);
    if (!rc && !n)
        rc = ERR(err, ERR_INVALID, "name the versions to compare: ?versions=1,2");
    for (size_t i = 0; !rc && i < n; i++) {
        struct version v;
        rc = version_resolve(tx, &rq->arena, handler_project(rq), handler_param(rq, "name"),
                             names[i], &v, err);
        if (!rc)
            rc = compare_load_version(tx, &rq->arena, &v, &sources[i], err);
    }
    if (!rc)
        rc = compare(&rq->arena, sources, n, &c, err);
    if (rc)
        return rc;
    route_json(rq, &o);
    comparison_write(&o, &c);
    return 0;
}

static int get_compare(struct request *rq, struct err *err)
{
    return handler_read(rq, write_comparison, NULL, err);
}

#define MODEL(indent)                                                                              \
    indent "name! string: Its name.\n" indent "description! string: For people.\n" indent          \
           "creation_time_ms! time_ms: When it was made.\n" indent                                 \
           "last_update_time_ms! time_ms: When it was changed.\n" indent                           \
           "latest_version! string|null: The greatest number.\n" indent                            \
           "version_count! integer: Versions that are not deleted.\n" indent                       \
           "aliases! map(string): Alias to version.\n" indent                                      \
           "endpoints! [string]: That are meant to serve it.\n" indent "tags! map(string): Tags."

#define MODEL_DETAIL                                                                               \
    MODEL("") "\nversions! [object]: Newest first, as GET of one without its details."

static const struct route routes[] = {
    { "GET", "/api/v1/models", "model.read", get_list, ROUTE_WORKER, 0,
      "Models, last changed first.",
      "filter string: Over name, description, creation_time, last_update_time, latest_version, "
      "version_count, tags.KEY.\n"
      "order_by string: Comma-separated names, each with ASC or DESC.\n"
      "limit integer: At most so many, 100 unless given, at most 1000.\npage_token string: Of the "
      "page before.",
      "items! [object]: Models.\n" MODEL("  ") "\nnext_page_token! string|null: Of the next page.",
      "modelList" },
    { "GET", "/api/v1/models/{name}", "model.read", get_one, ROUTE_WORKER, 0,
      "One model with its versions.", NULL, MODEL_DETAIL, "modelGet" },
    { "PATCH", "/api/v1/models/{name}", "model.write", patch_one, ROUTE_WORKER, LIMIT_BODY_CONTROL,
      "Changes the description of a model.", "description! string: The new text.", MODEL_DETAIL,
      "modelUpdate" },
    { "GET", "/api/v1/models/{name}/compare", "model.read", get_compare, ROUTE_WORKER, 0,
      "What differs between versions.",
      "versions! string: Comma-separated numbers or @aliases, 2 to 10.",
      "columns! [object]: What is compared.\n  ref! string: Reference.\n  label! string: For "
      "people.\n"
      "sections! [object]: params, metrics, data, code, environment, coefficients, gates; empty "
      "ones are left out.\n"
      "  name! string: Of the section.\n  rows! [object]: key, values (one a column), differs, "
      "better (low, high or null).",
      "modelCompare" },
    { "PUT", "/api/v1/models/{name}/aliases/{alias}", "model.write", put_alias, ROUTE_WORKER,
      KIB(64), "Points an alias at a version.",
      "version! string: Number, @alias or latest.\nreason string: Why.", MODEL_DETAIL,
      "modelAliasSet" },
    { "DELETE", "/api/v1/models/{name}/aliases/{alias}", "model.write", delete_alias, ROUTE_WORKER,
      0, "Removes an alias; absent is fine.", NULL, MODEL_DETAIL, "modelAliasDelete" },
    { "PUT", "/api/v1/models/{name}/tags/{key*}", "model.write", put_tag, ROUTE_WORKER,
      LIMIT_BODY_CONTROL, "Sets a tag of a model.", "value! string: The value.", MODEL_DETAIL,
      "modelTagSet" },
    { "DELETE", "/api/v1/models/{name}/tags/{key*}", "model.write", delete_tag, ROUTE_WORKER, 0,
      "Removes a tag; absent is fine.", NULL, MODEL_DETAIL, "modelTagDelete" },
};

const struct route_table model_routes = { "models", routes, ARRAY_LEN(routes), route_error_native };
