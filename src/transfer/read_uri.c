/* SPDX-License-Identifier: Apache-2.0
 * Reads a running MLflow server through its REST API, page by page. What the API does not show is
 * not imported: versions that were deleted, when a run was deleted. The server is not trusted:
 * sizes have limits and every member is checked for its type. Runs in the child process. */
#include <math.h>
#include <stdio.h>

#include "base/limits.h"
#include "base/num.h"
#include "codec/json.h"
#include "fetch/fetch.h"
#include "track/metric.h"
#include "transfer/reader.h"

enum { TRIES = 3, TIMEOUT_MS = 120000, HISTORY_PAGE = 25000, RUNS_PAGE = 100, PAGES_MAX = 1000000 };

struct server {
    struct reader *r;
    const char *base;
    struct arena a; /* of what is kept: experiments, names of models */
    struct arena page;
    struct err *err;
    int64_t experiments, experiment_tags, runs, params, tags, metrics, points, inputs, logged,
        models, versions, aliases;
};

/* ---- requests ---- */

/* GET when body is NULL, else POST; the answer's object lives in a. */
static int ask(struct server *s, struct arena *a, const char *path, const char *body,
               struct json *out)
{
    static const char *const headers[] = { "Content-Type: application/json", NULL };
    struct fetch_response r = { 0 };
    struct fetch_request rq = { .method = body ? "POST" : "GET",
                                .url = arena_printf(a, "%s/api/2.0/mlflow%s", s->base, path),
                                .headers = headers,
                                .body = body ? str_of(body) : (str_t){ NULL, 0 },
                                .timeout_ms = TIMEOUT_MS };
    struct json_options o = { .allow_nan = 1 };
    int rc = 0;
    for (int i = 0; i < TRIES; i++) {
        rc = fetch(a, &rq, &r, s->err);
        if (rc || (r.status != 429 && r.status < 500))
            break;
    }
    if (rc)
        return rc;
    if (r.status != 200)
        return ERR(s->err, r.status == 401 || r.status == 403 ? ERR_DENIED : ERR_FAILED,
                   "the server answered %d to %.100s: %.*s", r.status, path,
                   (int)MIN(r.body.n, (size_t)200), r.body.p);
    rc = json_parse(a, r.body, &o, out, s->err);
    if (!rc && out->type != JSON_OBJECT)
        rc = ERR(s->err, ERR_INVALID, "the answer is no object");
    return rc ? err_prefix(s->err, rc, "answer to %.100s", path) : 0;
}

static const char *token_of(struct arena *a, const struct json *page)
{
    const char *token = json_get_string(page, "next_page_token", NULL);
    return token && *token ? arena_strdup(a, token) : NULL;
}

static size_t items_of(const struct json *v, const char *key, const struct json **out)
{
    const struct json *list = json_get(v, key);
    *out = list && list->type == JSON_ARRAY ? list->items : NULL;
    return *out ? list->n : 0;
}

/* Body of a search: {"experiment_ids":[id],…,"page_token":…}. */
static const char *search_body(struct arena *a, const char *id, const char *view, int max,
                               const char *token)
{
    struct buf b;
    struct json_out o;
    buf_init(&b, KIB(64));
    json_out_init(&o, &b);
    jo_object(&o);
    if (id) {
        jo_key(&o, "experiment_ids");
        jo_array(&o);
        jo_cstr(&o, id);
        jo_array_end(&o);
    }
    if (view)
        jo_kv_cstr(&o, view, "ALL");
    jo_kv_int(&o, "max_results", max);
    if (token)
        jo_kv_cstr(&o, "page_token", token);
    jo_object_end(&o);
    const char *text = b.failed ? "{}" : arena_strndup(a, b.p, b.n);
    buf_fini(&b);
    return text;
}

/* ---- fields ---- */

static void put_text(struct server *s, const struct json *v, const char *key)
{
    const struct json *m = json_get(v, key);
    if (m && m->type == JSON_STRING && !memchr(m->string.p, 0, m->string.n))
        wire_text(&s->r->out, m->string);
    else
        wire_none(&s->r->out);
}

/* One that must be there; the empty text when it is not. */
static void put_name(struct server *s, const struct json *v, const char *key)
{
    const char *text = json_get_string(v, key, "");
    wire_text(&s->r->out, str_of(text));
}

/* Numbers, and numbers in texts. */
static int get_int(const struct json *v, const char *key, int64_t *out)
{
    const struct json *m = json_get(v, key);
    if (m && m->type == JSON_STRING)
        return parse_i64(m->string, out) == 0;
    if (!m || m->type != JSON_NUMBER || !m->is_integer)
        return 0;
    *out = m->integer;
    return 1;
}

static int64_t int_or(const struct json *v, const char *key, int64_t fallback)
{
    int64_t n = fallback;
    (void)get_int(v, key, &n);
    return n;
}

static void put_int(struct server *s, const struct json *v, const char *key)
{
    int64_t n;
    if (get_int(v, key, &n))
        wire_int(&s->r->out, n);
    else
        wire_none(&s->r->out);
}

static int64_t put_pairs(struct server *s, const struct json *v, const char *key,
                         enum wire_kind kind, int64_t experiment)
{
    const struct json *list;
    size_t n = items_of(v, key, &list);
    for (size_t i = 0; i < n; i++) {
        wire_begin(&s->r->out, kind);
        if (kind == WIRE_EXPERIMENT_TAG)
            wire_int(&s->r->out, experiment);
        put_name(s, &list[i], "key");
        put_text(s, &list[i], "value");
        wire_end(&s->r->out);
    }
    return (int64_t)n;
}

/* ---- experiments ---- */

struct ids {
    const char **items;
    size_t n, cap;
};

static int keep(struct server *s, struct ids *l, const char *text)
{
    if (l->n == l->cap) {
        size_t more = l->cap ? 2 * l->cap : 64;
        const char **grown = ARENA_TRY_ARRAY(&s->a, more, const char *);
        if (!grown)
            return ERR(s->err, ERR_NOMEM, "the server has too many experiments or models");
        if (l->n)
            memcpy(grown, l->items, l->n * sizeof *grown);
        l->items = grown;
        l->cap = more;
    }
    l->items[l->n++] = arena_strdup(&s->a, text);
    return 0;
}

static int send_experiments(struct server *s, struct ids *out)
{
    const char *token = NULL;
    int rc = 0;
    for (int page = 0; !rc && (page == 0 || token) && page < PAGES_MAX; page++) {
        struct json v;
        const struct json *list;
        arena_reset(&s->page);
        rc = ask(s, &s->page, "/experiments/search",
                 search_body(&s->page, NULL, "view_type", 1000, token), &v);
        size_t n = rc ? 0 : items_of(&v, "experiments", &list);
        for (size_t i = 0; i < n && !rc; i++) {
            int64_t id;
            if (!get_int(&list[i], "experiment_id", &id)) {
                reader_problem(s->r, "an experiment without a number is left out");
                continue;
            }
            wire_begin(&s->r->out, WIRE_EXPERIMENT);
            wire_int(&s->r->out, id);
            put_name(s, &list[i], "name");
            put_text(s, &list[i], "artifact_location");
            wire_text(&s->r->out, str_of(json_get_string(&list[i], "lifecycle_stage", "active")));
            put_int(s, &list[i], "creation_time");
            put_int(s, &list[i], "last_update_time");
            wire_end(&s->r->out);
            s->experiments++;
            s->experiment_tags += put_pairs(s, &list[i], "tags", WIRE_EXPERIMENT_TAG, id);
            rc = keep(s, out, json_get_string(&list[i], "experiment_id", ""));
        }
        token = rc ? NULL : token_of(&s->a, &v);
    }
    return rc;
}

/* ---- runs ---- */

static void send_points(struct server *s, struct arena *a, const char *key, const struct json *v)
{
    const struct json *list;
    size_t n = items_of(v, "metrics", &list);
    struct metric_point *p = ARENA_TRY_ARRAY(a, n + 1, struct metric_point);
    if (!p || !n)
        return;
    for (size_t i = 0; i < n; i++) {
        const struct json *value = json_get(&list[i], "value");
        p[i] =
            (struct metric_point){ value ? json_as_double(value, (double)NAN) : (double)NAN,
                                   int_or(&list[i], "timestamp", 0), int_or(&list[i], "step", 0) };
    }
    wire_begin(&s->r->out, WIRE_POINTS);
    wire_text(&s->r->out, str_of(key));
    wire_bytes(&s->r->out, (str_t){ (const char *)p, n * sizeof *p });
    wire_end(&s->r->out);
    s->points += (int64_t)n;
}

static int send_history(struct server *s, const char *run, const char *key)
{
    struct arena a;
    const char *token = NULL;
    int rc = 0;
    s->metrics++;
    arena_init(&a, GIB(1));
    for (int page = 0; !rc && (page == 0 || token) && page < PAGES_MAX; page++) {
        struct json v;
        const char *path = arena_printf(
            &a, "/metrics/get-history?run_id=%s&metric_key=%s&max_results=%d%s%s",
            fetch_escape(&a, str_of(run), 0), fetch_escape(&a, str_of(key), 0), HISTORY_PAGE,
            token ? "&page_token=" : "", token ? fetch_escape(&a, str_of(token), 0) : "");
        rc = ask(s, &a, path, NULL, &v);
        if (!rc)
            send_points(s, &a, key, &v);
        token = rc ? NULL : token_of(&s->page, &v);
        arena_reset(&a);
    }
    arena_fini(&a);
    return rc;
}

static void send_inputs(struct server *s, const struct json *run)
{
    static const char *const keys[] = { "name",   "digest", "source_type",
                                        "source", "schema", "profile" };
    const struct json *list, *models;
    size_t n = items_of(json_get(run, "inputs"), "dataset_inputs", &list);
    for (size_t i = 0; i < n; i++) {
        const struct json *d = json_get(&list[i], "dataset");
        if (!d)
            continue;
        wire_begin(&s->r->out, WIRE_INPUT);
        for (size_t k = 0; k < ARRAY_LEN(keys); k++)
            if (k < 2)
                put_name(s, d, keys[k]);
            else
                put_text(s, d, keys[k]);
        wire_end(&s->r->out);
        (void)put_pairs(s, &list[i], "tags", WIRE_INPUT_TAG, 0);
        s->inputs++;
    }
    for (int output = 0; output < 2; output++) {
        n = items_of(json_get(run, output ? "outputs" : "inputs"),
                     output ? "model_outputs" : "model_inputs", &models);
        for (size_t i = 0; i < n; i++) {
            wire_begin(&s->r->out, WIRE_RUN_MODEL);
            wire_int(&s->r->out, output);
            put_name(s, &models[i], "model_id");
            wire_int(&s->r->out, int_or(&models[i], "step", 0));
            wire_end(&s->r->out);
        }
    }
}

static int send_run(struct server *s, const struct json *run, int64_t experiment)
{
    const struct json *info = json_get(run, "info"), *data = json_get(run, "data"), *list;
    const char *id = json_get_string(info, "run_id", NULL);
    if (!id) {
        reader_problem(s->r, "a run without an id is left out");
        return 0;
    }
    wire_begin(&s->r->out, WIRE_RUN);
    wire_text(&s->r->out, str_of(id));
    wire_int(&s->r->out, experiment);
    put_text(s, info, "run_name");
    wire_text(&s->r->out, str_of(json_get_string(info, "status", "RUNNING")));
    put_text(s, info, "user_id");
    put_int(s, info, "start_time");
    put_int(s, info, "end_time");
    wire_text(&s->r->out, str_of(json_get_string(info, "lifecycle_stage", "active")));
    wire_none(&s->r->out);
    put_text(s, info, "artifact_uri");
    wire_end(&s->r->out);
    s->runs++;
    s->params += put_pairs(s, data, "params", WIRE_PARAM, 0);
    s->tags += put_pairs(s, data, "tags", WIRE_TAG, 0);
    size_t n = items_of(data, "metrics", &list);
    int rc = 0;
    for (size_t i = 0; i < n && !rc; i++)
        rc = send_history(s, id, json_get_string(&list[i], "key", ""));
    if (rc)
        return rc;
    send_inputs(s, run);
    wire_begin(&s->r->out, WIRE_RUN_END);
    wire_end(&s->r->out);
    return s->r->out.failed ? ERR(s->err, ERR_CANCELLED, "nobody reads what is sent") : 0;
}

static int send_runs(struct server *s, const char *experiment)
{
    const char *token = NULL;
    int64_t id = 0;
    int rc = 0;
    if (parse_i64(str_of(experiment), &id) != 0)
        return 0;
    for (int page = 0; !rc && (page == 0 || token) && page < PAGES_MAX; page++) {
        struct json v;
        const struct json *list;
        arena_reset(&s->page);
        rc = ask(s, &s->page, "/runs/search",
                 search_body(&s->page, experiment, "run_view_type", RUNS_PAGE, token), &v);
        size_t n = rc ? 0 : items_of(&v, "runs", &list);
        for (size_t i = 0; i < n && !rc; i++)
            rc = send_run(s, &list[i], id);
        token = rc ? NULL : token_of(&s->a, &v);
    }
    return rc;
}

/* ---- logged models ---- */

static int64_t status_of(const char *text)
{
    static const char *const names[] = { "LOGGED_MODEL_PENDING", "LOGGED_MODEL_READY",
                                         "LOGGED_MODEL_UPLOAD_FAILED" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(text, names[i]) == 0)
            return (int64_t)i + 1;
    return 0;
}

static void send_logged_one(struct server *s, const struct json *m, int64_t experiment)
{
    const struct json *info = json_get(m, "info"), *data = json_get(m, "data"), *list;
    wire_begin(&s->r->out, WIRE_LOGGED);
    put_name(s, info, "model_id");
    wire_int(&s->r->out, experiment);
    put_name(s, info, "name");
    put_text(s, info, "artifact_uri");
    wire_int(&s->r->out, status_of(json_get_string(info, "status", "")));
    put_text(s, info, "model_type");
    put_text(s, info, "source_run_id");
    wire_text(&s->r->out, STR("active"));
    put_int(s, info, "creation_timestamp_ms");
    put_int(s, info, "last_updated_timestamp_ms");
    wire_end(&s->r->out);
    (void)put_pairs(s, data, "params", WIRE_LOGGED_PARAM, 0);
    (void)put_pairs(s, info, "tags", WIRE_LOGGED_TAG, 0);
    size_t n = items_of(data, "metrics", &list);
    for (size_t i = 0; i < n; i++) {
        const struct json *value = json_get(&list[i], "value");
        wire_begin(&s->r->out, WIRE_LOGGED_METRIC);
        put_name(s, &list[i], "key");
        wire_double(&s->r->out, value ? json_as_double(value, (double)NAN) : (double)NAN);
        wire_int(&s->r->out, int_or(&list[i], "timestamp", 0));
        wire_int(&s->r->out, int_or(&list[i], "step", 0));
        put_name(s, &list[i], "run_id");
        put_text(s, &list[i], "dataset_name");
        put_text(s, &list[i], "dataset_digest");
        wire_end(&s->r->out);
    }
    wire_begin(&s->r->out, WIRE_LOGGED_END);
    wire_end(&s->r->out);
    s->logged++;
}

/* A server before MLflow 3 has no such route: then there are none. */
static int send_logged(struct server *s, const char *experiment)
{
    const char *token = NULL;
    int64_t id = 0;
    if (parse_i64(str_of(experiment), &id) != 0)
        return 0;
    for (int page = 0; (page == 0 || token) && page < PAGES_MAX; page++) {
        struct json v;
        const struct json *list;
        arena_reset(&s->page);
        int rc = ask(s, &s->page, "/logged-models/search",
                     search_body(&s->page, experiment, NULL, 50, token), &v);
        if (rc)
            return page == 0 && strstr(s->err->msg, "answered 404") ? 0 : rc;
        size_t n = items_of(&v, "models", &list);
        for (size_t i = 0; i < n; i++)
            send_logged_one(s, &list[i], id);
        token = token_of(&s->a, &v);
    }
    return 0;
}

/* ---- the registry ---- */

static int send_versions(struct server *s, const char *name)
{
    static const char *const keys[] = { "status", "current_stage", "description", "source",
                                        "run_id", "run_link",      "user_id" };
    const char *token = NULL, *quote = strchr(name, '\'') ? "\"" : "'";
    struct arena a;
    int rc = 0;
    arena_init(&a, GIB(1));
    for (int page = 0; !rc && (page == 0 || token) && page < PAGES_MAX; page++) {
        struct json v;
        const struct json *list;
        const char *filter = arena_printf(&a, "name=%s%s%s", quote, name, quote);
        rc = ask(s, &a,
                 arena_printf(&a, "/model-versions/search?max_results=1000&filter=%s%s%s",
                              fetch_escape(&a, str_of(filter), 0), token ? "&page_token=" : "",
                              token ? fetch_escape(&a, str_of(token), 0) : ""),
                 NULL, &v);
        size_t n = rc ? 0 : items_of(&v, "model_versions", &list);
        for (size_t i = 0; i < n; i++) {
            wire_begin(&s->r->out, WIRE_VERSION);
            wire_int(&s->r->out, int_or(&list[i], "version", 0));
            for (size_t k = 0; k < ARRAY_LEN(keys); k++)
                put_text(s, &list[i], keys[k]);
            put_int(s, &list[i], "creation_timestamp");
            put_int(s, &list[i], "last_updated_timestamp");
            wire_none(&s->r->out);
            wire_end(&s->r->out);
            (void)put_pairs(s, &list[i], "tags", WIRE_VERSION_TAG, 0);
            s->versions++;
        }
        token = rc ? NULL : token_of(&s->page, &v);
        arena_reset(&a);
    }
    arena_fini(&a);
    return rc;
}

static int send_model(struct server *s, const struct json *m)
{
    const struct json *list;
    const char *name = json_get_string(m, "name", "");
    wire_begin(&s->r->out, WIRE_MODEL);
    wire_text(&s->r->out, str_of(name));
    put_text(s, m, "description");
    put_int(s, m, "creation_timestamp");
    put_int(s, m, "last_updated_timestamp");
    wire_end(&s->r->out);
    s->models++;
    (void)put_pairs(s, m, "tags", WIRE_MODEL_TAG, 0);
    int rc = send_versions(s, name);
    size_t n = items_of(m, "aliases", &list);
    for (size_t i = 0; i < n; i++) {
        wire_begin(&s->r->out, WIRE_ALIAS);
        put_name(s, &list[i], "alias");
        wire_int(&s->r->out, int_or(&list[i], "version", 0));
        wire_end(&s->r->out);
        s->aliases++;
    }
    wire_begin(&s->r->out, WIRE_MODEL_END);
    wire_end(&s->r->out);
    return rc;
}

/* Models, or prompts, which only a filter shows. */
static int send_models(struct server *s, int prompts)
{
    const char *token = NULL;
    int rc = 0;
    for (int page = 0; !rc && (page == 0 || token) && page < PAGES_MAX; page++) {
        struct json v;
        const struct json *list;
        arena_reset(&s->page);
        rc = ask(
            s, &s->page,
            arena_printf(&s->page, "/registered-models/search?max_results=1000%s%s%s",
                         prompts ? "&filter=tags.%60mlflow.prompt.is_prompt%60%3D%27true%27" : "",
                         token ? "&page_token=" : "",
                         token ? fetch_escape(&s->page, str_of(token), 0) : ""),
            NULL, &v);
        size_t n = rc ? 0 : items_of(&v, "registered_models", &list);
        for (size_t i = 0; i < n && !rc; i++)
            rc = send_model(s, &list[i]);
        token = rc ? NULL : token_of(&s->a, &v);
    }
    return rc;
}

/* ---- all of it ---- */

static void send_counts(struct server *s)
{
    reader_count(s->r, "experiments", s->experiments);
    reader_count(s->r, "experiment tags", s->experiment_tags);
    reader_count(s->r, "runs", s->runs);
    reader_count(s->r, "params", s->params);
    reader_count(s->r, "tags", s->tags);
    reader_count(s->r, "metrics", s->metrics);
    reader_count(s->r, "points", s->points);
    reader_count(s->r, "inputs", s->inputs);
    reader_count(s->r, "logged models", s->logged);
    reader_count(s->r, "models", s->models);
    reader_count(s->r, "versions", s->versions);
    reader_count(s->r, "aliases", s->aliases);
}

int reader_uri(struct reader *r, const char *base, struct err *err)
{
    struct server s = { .r = r, .base = base, .err = err };
    struct ids ids = { 0 };
    arena_init(&s.a, MIB(256));
    arena_init(&s.page, GIB(1));
    wire_begin(&r->out, WIRE_HELLO);
    wire_text(&r->out, STR("server"));
    wire_text(&r->out, STR("MLflow's REST API"));
    wire_end(&r->out);
    int rc = send_experiments(&s, &ids);
    for (size_t i = 0; i < ids.n && !rc; i++)
        rc = send_runs(&s, ids.items[i]);
    for (size_t i = 0; i < ids.n && !rc; i++)
        rc = send_logged(&s, ids.items[i]);
    if (!rc)
        rc = send_models(&s, 0);
    if (!rc)
        rc = send_models(&s, 1);
    if (!rc)
        send_counts(&s);
    arena_fini(&s.page);
    arena_fini(&s.a);
    return rc;
}
