/* SPDX-License-Identifier: Apache-2.0
 * Which way a request goes, and the way through this process. */
#include "cli/client.h"

#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/app.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "cli/client_int.h"
#include "cli/term.h"
#include "fetch/fetch.h"
#include "store/home.h"

enum { LOCK_STEP_MS = 250, LOCK_GIVE_UP_MS = 600000 };

struct client {
    int decided;
    const char *url; /* remote; NULL = in process */
    struct app *app;
    const char *temp_dir; /* empty folder that stands for a data folder which does not exist yet */
    int locked;
    const char *actor; /* of requests in process */
};

static struct client *client_of(struct cli *c)
{
    if (!c->client)
        c->client = mem_alloc(sizeof *c->client);
    return c->client;
}

static void decide(struct cli *c)
{
    struct client *cl = client_of(c);
    if (cl->decided)
        return;
    cl->decided = 1;
    if (c->server) {
        cl->url = c->server;
    } else {
        struct home_owner owner;
        if (home_owner(c->data_dir, &owner) && owner.url[0])
            cl->url = arena_strdup(&c->arena, owner.url);
    }
    if (c->verbose)
        term_note(c, cl->url ? "talking to the server at %s" : "working in this process on %s",
                  cl->url ? cl->url : c->data_dir);
}

int client_is_remote(struct cli *c, const char **out_url, struct err *err)
{
    (void)err;
    decide(c);
    if (out_url)
        *out_url = client_of(c)->url;
    return client_of(c)->url != NULL;
}

/* ---- in process ---- */

/* A reader of a folder that does not exist yet sees an empty one. */
static int open_empty(struct cli *c, struct app_options *o, struct err *err)
{
    const char *tmp =
        fs_exists("/dev/shm") ? "/dev/shm" : getenv("TMPDIR"); /* nothing to sync there */
    char *dir =
        arena_printf(&c->arena, "%s/slipway-empty-XXXXXX", tmp && *tmp == '/' ? tmp : "/tmp");
    if (!mkdtemp(dir))
        return ERR_SYS(err, "cannot make a temporary folder '%s'", dir);
    client_of(c)->temp_dir = dir;
    o->mode = APP_WRITE;
    o->data_dir = dir;
    return app_open(&client_of(c)->app, o, err);
}

static int dispatch(struct cli *c, const char *method, const char *target, str_t body,
                    struct reply *out, struct err *err);

/* Runs that ended after whoever started them was gone are finished by whoever comes next, a reader
 * too: when the lock is free and the folder can be written; otherwise the next one does it. */
static void settle(struct cli *c, const struct app_options *o)
{
    static const char target[] =
        "/api/v1/runs?limit=1&filter=attributes.status%20%3D%20%27RUNNING%27";
    struct client *cl = client_of(c);
    struct app_options write = *o;
    struct app *app = NULL;
    struct reply r = { 0 };
    struct json v;
    if (dispatch(c, "GET", target, (str_t){ 0 }, &r, NULL) != 0 || r.status != 200 ||
        json_parse(&c->arena, r.body, NULL, &v, NULL) != 0)
        return;
    const struct json *items = json_get(&v, "items");
    if (!items || items->n == 0)
        return;
    write.mode = APP_WRITE;
    if (app_open(&app, &write, NULL) != 0)
        return;
    if (home_lock(app->home, "cli", NULL, 0, NULL) == 0) {
        IGNORE(flow_sweep(app->flow, NULL));
        home_unlock(app->home);
    }
    app_close(cl->app); /* its snapshot is from before */
    cl->app = app;
}

static int open_app(struct cli *c, struct err *err)
{
    struct client *cl = client_of(c);
    struct app_options o = { .mode = c->command->access == CLI_WRITE ? APP_WRITE : APP_READ,
                             .data_dir = c->data_dir,
                             .shown_dir = c->data_dir };
    if (cl->app)
        return 0;
    if (cli_count(c, "dry-run"))
        o.mode = APP_READ;
    int rc = app_open(&cl->app, &o, err);
    if (rc == ERR_NOT_FOUND && o.mode == APP_READ)
        return open_empty(c, &o, err);
    if (!rc && o.mode == APP_READ)
        settle(c, &o);
    return rc;
}

/* Another process holds the folder: 1 when it is a server to talk to from now on. */
static int holder_is_server(struct cli *c, int *told)
{
    struct client *cl = client_of(c);
    struct home_owner owner;
    if (!home_owner(c->data_dir, &owner))
        return 0;
    if (owner.url[0]) {
        cl->url = arena_strdup(&c->arena, owner.url);
        app_close(cl->app);
        cl->app = NULL;
        return 1;
    }
    if (!*told)
        term_say(c, "waiting: '%s' is being written by %s process %d (Ctrl-C to stop waiting)",
                 c->data_dir, owner.role[0] ? owner.role : "another", (int)owner.pid);
    *told = 1;
    return 0;
}

/* Takes the lock; *out_remote = 1 when the request must go to a server instead. */
static int take_lock(struct cli *c, int *out_remote, struct err *err)
{
    struct client *cl = client_of(c);
    int told = 0;
    *out_remote = 0;
    for (int64_t waited = 0; !cl->locked; waited += LOCK_STEP_MS) {
        int rc = home_lock(cl->app->home, "cli", NULL, LOCK_STEP_MS, err);
        if (rc == 0) {
            cl->locked = 1;
        } else if (rc != ERR_UNAVAILABLE || waited > LOCK_GIVE_UP_MS) {
            return rc;
        } else if (term_interrupted()) {
            return ERR(err, ERR_CANCELLED, "stopped waiting for '%s'", c->data_dir);
        } else if (holder_is_server(c, &told)) {
            *out_remote = 1;
            return 0;
        }
    }
    return 0;
}

void client_unlock(struct cli *c)
{
    struct client *cl = c->client;
    if (cl && cl->app && cl->locked)
        home_unlock(cl->app->home);
    if (cl)
        cl->locked = 0;
}

static int read_file_body(struct cli *c, struct request *rq, str_t *out, struct err *err)
{
    struct buf b;
    buf_init(&b, LIMIT_RESPONSE);
    int rc = 0;
    int64_t left = rq->out_length;
    if (lseek(rq->out_fd, (off_t)rq->out_offset, SEEK_SET) < 0)
        rc = ERR_SYS(err, "cannot read the answer");
    while (!rc && left > 0) {
        char *to = buf_reserve(&b, KIB(64));
        if (!to) {
            rc = ERR(err, ERR_LIMIT, "the answer is larger than %zu bytes", b.max_bytes);
            break;
        }
        ssize_t n = read(rq->out_fd, to, (size_t)MIN(left, (int64_t)KIB(64)));
        if (n <= 0) {
            rc = n < 0 ? ERR_SYS(err, "cannot read the answer") : 0;
            break;
        }
        b.n += (size_t)n;
        left -= n;
    }
    *out = arena_str(&c->arena, buf_view(&b));
    buf_fini(&b);
    return rc;
}

static int64_t offset_header(const struct request *rq)
{
    int64_t v;
    for (size_t i = 0; i < rq->out_headers_n; i++)
        if (strcasecmp(rq->out_headers[i].key.p, "X-Next-Offset") == 0 &&
            parse_i64(rq->out_headers[i].value, &v) == 0)
            return v;
    return -1;
}

/* Who works in this process: the login name, as the record shall say. */
static const char *actor(struct cli *c)
{
    struct client *cl = client_of(c);
    if (cl->actor)
        return cl->actor;
    const struct passwd *p = getpwuid(geteuid());
    const char *name = p && p->pw_name[0] ? p->pw_name : getenv("USER");
    return cl->actor = arena_printf(&c->arena, "user:%.64s", name && *name ? name : "unknown");
}

static int tick_here(void *arg)
{
    struct cli *c = arg;
    return c->tick ? c->tick(c) : 0;
}

static int dispatch(struct cli *c, const char *method, const char *target, str_t body,
                    struct reply *out, struct err *err)
{
    static struct pair headers[2];
    struct request rq;
    request_init(&rq);
    rq.method = str_of(method);
    rq.body = body;
    rq.app = client_of(c)->app;
    rq.actor = actor(c);
    headers[0] = (struct pair){ STR("content-type"), STR("application/json") };
    rq.headers = headers;
    rq.headers_n = body.p ? 1 : 0;
    int rc = request_set_target(&rq, str_of(target), err);
    if (!rc) {
        if (client__is_long(target) && c->tick) {
            client_of(c)->app->import.tick = tick_here;
            client_of(c)->app->import.arg = c;
        }
        app_dispatch(client_of(c)->app, &rq);
        out->status = rq.status;
        out->content_type =
            arena_strdup(&c->arena, rq.content_type ? rq.content_type : "application/json");
        out->next_offset = offset_header(&rq);
        if (rq.out.failed)
            rc = ERR(err, ERR_LIMIT, "the answer is larger than %zu bytes", rq.out.max_bytes);
        else if (rq.out_fd >= 0)
            rc = read_file_body(c, &rq, &out->body, err);
        else
            out->body = arena_str(&c->arena, buf_view(&rq.out));
    }
    request_fini(&rq);
    return rc;
}

int client_peek(struct cli *c, const char *method, const char *target, struct json *out,
                struct err *err)
{
    struct client *cl = client_of(c);
    struct reply r = { .next_offset = -1 };
    int (*tick)(struct cli *) = c->tick;
    c->tick = NULL;
    int rc = cl->url ? client__http(c, cl->url, method, target, (str_t){ 0 }, &r, err)
                     : dispatch(c, method, target, (str_t){ 0 }, &r, err);
    c->tick = tick;
    return rc ? rc : json_parse(&c->arena, r.body, NULL, out, err);
}

static int call_here(struct cli *c, const char *method, const char *target, str_t body,
                     struct reply *out, int *out_remote, struct err *err)
{
    *out_remote = 0;
    int rc = open_app(c, err);
    int writes =
        strcmp(method, "GET") != 0 && c->command->access == CLI_WRITE && !cli_count(c, "dry-run");
    if (!rc && writes)
        rc = take_lock(c, out_remote, err);
    if (!rc && !*out_remote)
        rc = dispatch(c, method, target, body, out, err);
    client_unlock(c);
    return rc;
}

int client_tick(struct cli *c, int64_t ms, struct err *err)
{
    struct client *cl = client_of(c);
    int running, remote = 0;
    if (cl->url || !cl->app || !cl->app->flow) {
        (void)usleep((useconds_t)ms * 1000);
        return 0;
    }
    int rc = take_lock(c, &remote, err);
    if (rc || remote)
        return rc;
    rc = flow_tick(cl->app->flow, &running, err);
    client_unlock(c);
    if (!rc && running)
        flow_wait(cl->app->flow, ms);
    return rc;
}

int client_open_serving(struct cli *c, struct err *err)
{
    if (client_is_remote(c, NULL, err))
        return 0;
    int rc = open_app(c, err);
    return rc || client_of(c)->app->serve ? rc : app_serve_open(client_of(c)->app, err);
}

void client_close(struct client *cl)
{
    if (!cl)
        return;
    app_close(cl->app);
    if (cl->temp_dir)
        IGNORE(fs_remove_tree(cl->temp_dir, NULL));
    mem_free(cl);
}

/* ---- both ways ---- */

static int code_of_name(const char *name, int status)
{
    size_t n;
    const struct err_info *all = err_table(&n);
    for (size_t i = 0; name && i < n; i++)
        if (all[i].code && strcmp(all[i].name, name) == 0)
            return all[i].code;
    if (status == 401 || status == 403)
        return ERR_DENIED;
    if (status == 404)
        return ERR_NOT_FOUND;
    if (status == 409)
        return ERR_CONFLICT;
    if (status == 413 || status == 429)
        return ERR_LIMIT;
    if (status == 502 || status == 503)
        return ERR_UNAVAILABLE;
    if (status == 504 || status == 408)
        return ERR_TIMEOUT;
    return status >= 500 ? ERR_INTERNAL : ERR_INVALID;
}

static int reply_error(struct cli *c, const struct reply *r, struct err *err)
{
    const char *message = json_get_string(&r->json, "message", NULL);
    const char *name = json_get_string(&r->json, "code", NULL);
    int code = code_of_name(name, r->status);
    c->message = message;
    c->code_name = name ? arena_strdup(&c->arena, err_info(code)->name) : NULL;
    const char *hint = json_get_string(&r->json, "hint", NULL);
    if (hint)
        c->hint = hint;
    c->request_id = json_get_string(&r->json, "request_id", NULL);
    if (message)
        return ERR(err, code, "%.400s", message);
    return ERR(err, code, "the server answered %d: %.*s", r->status, (int)MIN(r->body.n, 200),
               r->body.p ? r->body.p : "");
}

int client_call(struct cli *c, const char *method, const char *target, str_t body,
                struct reply *out, struct err *err)
{
    struct client *cl = client_of(c);
    struct reply r = { .next_offset = -1 };
    int remote = 0, rc = 0;
    decide(c);
    if (c->verbose >= 3)
        term_say(c, "> %s %s%s", method, cl->url ? cl->url : "", target);
    if (!cl->url)
        rc = call_here(c, method, target, body, &r, &remote, err);
    if (!rc && (cl->url || remote))
        rc = client__http(c, cl->url, method, target, body, &r, err);
    if (rc)
        return rc;
    if (c->verbose >= 3)
        term_say(c, "< %d, %zu bytes", r.status, r.body.n);
    if (r.body.n && r.content_type && strstr(r.content_type, "json")) {
        struct json_options o = { .allow_nan = 1 };
        rc = json_parse(&c->arena, r.body, &o, &r.json, err);
        if (rc)
            return err_prefix(err, rc, "answer of %s %s", method, target);
    }
    if (r.status >= 400)
        return reply_error(c, &r, err);
    *out = r;
    return 0;
}

int client_get(struct cli *c, const char *target, const struct json **out, struct err *err)
{
    struct reply *r = ARENA_NEW(&c->arena, struct reply);
    int rc = client_call(c, "GET", target, (str_t){ 0 }, r, err);
    if (!rc && r->json.type != JSON_OBJECT)
        return ERR(err, ERR_INTERNAL, "answer of %s is no JSON object; is that a Slipway server?",
                   target);
    if (!rc)
        *out = &r->json;
    return rc;
}

const char *client_escape(struct cli *c, const char *text)
{
    return fetch_escape(&c->arena, str_of(text), 0);
}
