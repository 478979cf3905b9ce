/* SPDX-License-Identifier: Apache-2.0
 * GET /api/v1/view/{page}: all that one route of the web page needs for its first paint, in one
 * answer whose members are the answers of the plain GETs. To add a page: add a row to `views`. */
#include "api/native/compose.h"
#include "api/route.h"
#include "api/tables.h"
#include "base/mem.h"

enum { PARTS_MAX = 3 };

/* One member of the answer. */
struct view_part {
    const char *key;   /* NULL ends the list */
    const char *path;  /* "{name}" is a query parameter of the view, "{endpoint.model}" a member of
                          an earlier part */
    const char *query; /* fixed query, or NULL */
    const char *pass;  /* query parameters of the view that go on, "filter,limit=300", or NULL;
                          after '=' stands what goes on when it is not given */
    int optional;      /* left out when it cannot be had */
};

struct view {
    const char *page;
    struct view_part parts[PARTS_MAX + 1];
};

static const struct view views[] = {
    { "home",
      { { "status", "/api/v1/status", NULL, NULL, 0 },
        { "audit", "/api/v1/audit", "limit=100", NULL, 1 } } },
    { "runs",
      { { "runs", "/api/v1/runs", NULL, "filter,order_by,experiment,limit,page_token", 0 },
        { "experiments", "/api/v1/experiments", "limit=200", NULL, 1 } } },
    { "runs-table",
      { { "table", "/api/v1/runs/table", "keys=1",
          "filter,order_by,experiment,columns,limit,offset", 0 },
        { "experiments", "/api/v1/experiments", "limit=200", NULL, 1 } } },
    { "run", { { "run", "/api/v1/runs/{id}", NULL, NULL, 0 } } },
    { "compare", { { "compare", "/api/v1/runs/compare", NULL, "ids", 0 } } },
    { "models", { { "models", "/api/v1/models", NULL, "filter,order_by,limit,page_token", 0 } } },
    { "model", { { "model", "/api/v1/models/{name}", NULL, NULL, 0 } } },
    { "version",
      { { "version", "/api/v1/models/{name}/versions/{version}", NULL, NULL, 0 },
        { "model", "/api/v1/models/{name}", NULL, NULL, 1 } } },
    { "endpoints",
      { { "endpoints", "/api/v1/endpoints", NULL, "filter,order_by,limit,page_token", 0 } } },
    { "endpoint",
      { { "endpoint", "/api/v1/endpoints/{name}", NULL, NULL, 0 },
        { "model", "/api/v1/models/{endpoint.model}", NULL, NULL, 1 },
        { "rollout", "/api/v1/endpoints/{name}/rollout", NULL, NULL, 1 } } },
    { "monitor",
      { { "monitor", "/api/v1/endpoints/{name}/monitor", NULL, NULL, 0 },
        { "windows", "/api/v1/endpoints/{name}/monitor/windows", "levels=true", "limit=300", 0 },
        { "alerts", "/api/v1/endpoints/{name}/alerts", NULL, NULL, 1 } } },
    { "feature",
      { { "feature", "/api/v1/endpoints/{name}/monitor/features/{feature}", NULL, "at,version", 0 },
        { "windows", "/api/v1/endpoints/{name}/monitor/windows", NULL, "feature,limit=300", 1 } } },
    { "performance",
      { { "performance", "/api/v1/endpoints/{name}/monitor/performance", NULL, "limit=300", 0 },
        { "story", "/api/v1/endpoints/{name}/story", NULL, NULL, 1 } } },
    { "story",
      { { "story", "/api/v1/endpoints/{name}/story", NULL, NULL, 0 },
        { "loop", "/api/v1/endpoints/{name}/loop", NULL, NULL, 1 },
        { "alerts", "/api/v1/endpoints/{name}/alerts", NULL, NULL, 1 } } },
    { "alerts",
      { { "open", "/api/v1/alerts", "open=true", NULL, 0 },
        { "all", "/api/v1/alerts", NULL, NULL, 1 } } },
    { "datasets",
      { { "datasets", "/api/v1/datasets", NULL, "filter,order_by,limit,page_token", 0 } } },
    { "dataset", { { "dataset", "/api/v1/datasets/{name}", NULL, NULL, 0 } } },
    { "trash", { { "trash", "/api/v1/trash", NULL, NULL, 0 } } },
    { "experiments",
      { { "experiments", "/api/v1/experiments", NULL, "filter,order_by,limit,page_token", 0 } } },
    { "audit",
      { { "audit", "/api/v1/audit", NULL, "subject,kind,actor,after,before,limit,page_token",
          0 } } },
};

/* Pages whose target depends on which parameters are given. */
static const struct view variants[] = {
    { "compare", { { "compare", "/api/v1/models/{model}/compare", NULL, "versions", 0 } } },
    { "dataset", { { "dataset", "/api/v1/datasets/{name}/versions/{digest}", NULL, NULL, 0 } } },
};

static const struct view *view_find(struct request *rq, struct err *err)
{
    str_t page = request_param(rq, "page");
    const char *names[ARRAY_LEN(views)];
    if (str_is(page, "compare") && request_query(rq, "model").n)
        return &variants[0];
    if (str_is(page, "dataset") && request_query(rq, "digest").n)
        return &variants[1];
    for (size_t i = 0; i < ARRAY_LEN(views); i++) {
        if (str_is(page, views[i].page))
            return &views[i];
        names[i] = views[i].page;
    }
    const char *near = str_nearest(page, names, ARRAY_LEN(names));
    (void)ERR(err, ERR_NOT_FOUND, "no view '%.*s'%s%s%s", (int)MIN(page.n, 60), page.p,
              near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    return NULL;
}

/* Value of a placeholder: a query parameter, or "part.member" of what was fetched before. */
static int placeholder(struct request *rq, str_t name, const char *part_key,
                       const struct json *part, str_t *out, struct err *err)
{
    str_t key, member;
    if (str_cut(name, '.', &key, &member)) {
        const char *text = NULL;
        if (part_key && str_is(key, part_key))
            text = json_get_string(part, arena_strndup(&rq->arena, member.p, member.n), NULL);
        *out = str_of(text);
    } else {
        *out = request_query(rq, arena_strndup(&rq->arena, name.p, name.n));
    }
    if (out->n == 0)
        return ERR(err, ERR_INVALID, "query parameter '%.*s' is missing", STR_ARG(name));
    return 0;
}

static int build_target(struct request *rq, const struct view_part *p, const char *part_key,
                        const struct json *part, struct buf *b, struct err *err)
{
    for (const char *at = p->path; *at;) {
        const char *end = *at == '{' ? strchr(at, '}') : NULL;
        str_t value;
        if (!end) {
            buf_putc(b, *at++);
            continue;
        }
        int rc =
            placeholder(rq, (str_t){ at + 1, (size_t)(end - at - 1) }, part_key, part, &value, err);
        if (rc)
            return rc;
        buf_puts(b, compose_escape(rq, value));
        at = end + 1;
    }
    char sep = '?';
    if (p->query) {
        buf_printf(b, "?%s", p->query);
        sep = '&';
    }
    str_t rest = str_of(p->pass), one;
    while (rest.n) {
        str_t left = rest;
        if (!str_cut(left, ',', &one, &rest)) {
            one = left;
            rest = (str_t){ 0 };
        }
        str_t name = one, otherwise = { 0 };
        if (!str_cut(one, '=', &name, &otherwise))
            name = one;
        str_t value = request_query(rq, arena_strndup(&rq->arena, name.p, name.n));
        if (!value.p)
            value = otherwise;
        if (!value.p)
            continue;
        buf_printf(b, "%c%.*s=%s", sep, STR_ARG(name), compose_escape(rq, value));
        sep = '&';
    }
    return b->failed ? ERR(err, ERR_LIMIT, "the query is too long") : 0;
}

static int get_view(struct request *rq, struct err *err)
{
    const struct view *v = view_find(rq, err);
    struct json_out o;
    struct json first = { 0 };
    if (!v)
        return err->code;
    route_json(rq, &o);
    jo_object(&o);
    for (const struct view_part *p = v->parts; p->key; p++) {
        struct buf target;
        struct err part_err = ERR_INIT;
        str_t text;
        buf_init(&target, LIMIT_URL_BYTES);
        int rc =
            build_target(rq, p, p == v->parts ? NULL : v->parts[0].key, &first, &target, &part_err);
        if (!rc)
            rc = compose_get(rq, target.p, &text, &part_err);
        buf_fini(&target);
        if (rc && p->optional)
            continue;
        if (!rc && p == v->parts && p[1].key) {
            static const struct json_options options = { .allow_nan = 1 };
            rc = json_parse(&rq->arena, text, &options, &first, &part_err);
        }
        if (rc) {
            if (err)
                *err = part_err;
            return rc;
        }
        jo_kv_raw(&o, p->key, text);
    }
    jo_object_end(&o);
    return 0;
}

static const struct route routes[] = {
    { "GET", "/api/v1/view/{page}", "status.read", get_view, ROUTE_WORKER, 0,
      "Everything that one page of the web interface needs: the answers of the matching GETs in "
      "one object.",
      "id string: Of a run.\nids string: Runs to compare.\nname string: Of a model, endpoint or "
      "data set.\n"
      "version string: Of a model.\nmodel string: Whose versions to compare.\nversions string: "
      "Versions to compare.\n"
      "digest string: Of a data set.\nfilter string: For lists.\norder_by string: For "
      "lists.\nexperiment string: For runs.\n"
      "columns string: For runs-table.\noffset integer: For runs-table.\n"
      "limit integer: For lists.\npage_token string: For lists.\nsubject string: For audit.\nkind "
      "string: For audit.\n"
      "actor string: For audit.\nafter integer: For audit.\nbefore integer: For audit.\n"
      "feature string: Of a monitored endpoint.\nat integer: Start of its window.",
      "any object: One member a part.", "view" },
};

const struct route_table view_routes = { "views", routes, ARRAY_LEN(routes), route_error_native };
