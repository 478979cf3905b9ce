/* SPDX-License-Identifier: Apache-2.0
 * server: opens the data folder for its life, listens, follows runs, serves endpoints, and ends on
 * a signal: TERM or INT drains (a second one ends at once), HUP reads the tokens again.
 *
 * The main thread waits for signals; net/, store/, flow/ and serve/ have their own threads. */
#include <errno.h>
#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "access/guard.h"
#include "api/app.h"
#include "api/metrics.h"
#include "api/route.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/term.h"
#include "net/http_server.h"
#include "store/home.h"

enum { LOCK_WAIT_MS = 10000, GRACE_MS = 30000, DRAIN_DELAY_MS = 5000, HOSTS_MAX = 32 };

struct listener {
    const struct route_table *const *tables;
    size_t n;
};

struct server {
    struct cli *c;
    struct app *app;
    struct listener main_part, data_part;
    const char *listen, *serve; /* serve NULL = off */
    const char *hosts[HOSTS_MAX + 1], *origins[HOSTS_MAX + 1];
    const char *file_roots[HOSTS_MAX + 1], *writable_roots[HOSTS_MAX + 1];
    int64_t drain_ms;
};

static void plan(void *arg, struct request *rq, struct http_plan *out)
{
    const struct listener *l = arg;
    route_plan(l->tables, l->n, rq, out);
}

static void handle(void *arg, struct request *rq)
{
    (void)arg;
    route_run(rq);
}

/* ---- settings ---- */

/* Settings that MLflow's server has as environment variables keep their names. */
static const char *env_of(const char *name, const char *mlflow_name)
{
    const char *text = getenv(name);
    if (!text || !*text)
        text = getenv(mlflow_name);
    return text && *text ? text : NULL;
}

static void split_env(struct cli *c, const char *name, const char *mlflow_name, const char **to)
{
    size_t n = 0;
    str_t rest = str_of(env_of(name, mlflow_name)), one;
    while (rest.n && n < HOSTS_MAX) {
        str_t left = rest;
        if (!str_cut(left, ',', &one, &rest)) {
            one = left;
            rest = (str_t){ 0 };
        }
        one = str_trim(one);
        if (one.n)
            to[n++] = arena_strndup(&c->arena, one.p, one.n);
    }
    to[n] = NULL;
}

static int is_on(const char *text)
{
    return text && (strcasecmp(text, "true") == 0 || strcmp(text, "1") == 0);
}

static int is_off(const char *text)
{
    return text && (strcasecmp(text, "false") == 0 || strcmp(text, "0") == 0);
}

static int check_source_regex(const char *text, struct err *err)
{
    regex_t regex;
    char why[200];
    int code = text ? regcomp(&regex, text, REG_EXTENDED | REG_NOSUB) : 0;
    if (code) {
        (void)regerror(code, &regex, why, sizeof why);
        return ERR(err, ERR_INVALID, "the pattern for sources '%.200s' cannot be used: %s", text,
                   why);
    }
    if (text)
        regfree(&regex);
    return 0;
}

static int check_listener(struct server *s, const char *listen, struct err *err)
{
    return http_listen_check(listen, cli_get(s->c, "token-file") != NULL,
                             cli_count(s->c, "insecure") > 0, err);
}

/* "/a/b": parts of unreserved characters (RFC 3986 §2.3), none of them "." or "..". */
static int is_base_path(const char *path)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    while (*path == '/') {
        size_t n = strspn(path + 1, plain);
        if (n == 0 || (path[1] == '.' && (n == 1 || (n == 2 && path[2] == '.'))))
            return 0;
        path += n + 1;
    }
    return *path == '\0';
}

static int read_settings(struct server *s, struct err *err)
{
    struct cli *c = s->c;
    const char *grpc = cli_get(c, "grpc"), *base = cli_get(c, "base-path"),
               *delay = getenv("SLIPWAY_DRAIN_MS");
    uint64_t ms;
    s->listen = cli_get(c, "listen") ? cli_get(c, "listen") : "127.0.0.1:5000";
    s->serve = cli_get(c, "serve") ? cli_get(c, "serve") : "127.0.0.1:8501";
    if (strcmp(s->serve, "off") == 0)
        s->serve = NULL;
    if (grpc && strcmp(grpc, "off") != 0)
        return ERR(
            err, ERR_INVALID,
            "--grpc %s: gRPC is not built yet; only 'off' is accepted, which is also the default",
            grpc);
    if (base && (!*base || !is_base_path(base)))
        return ERR(
            err, ERR_INVALID,
            "--base-path must look like /slipway: a '/' first and none at the end, then letters, "
            "digits, '-', '_', '.' and '~', not '%s'",
            base);
    int rc = check_listener(s, s->listen, err);
    if (!rc && s->serve)
        rc = check_listener(s, s->serve, err);
    if (rc)
        return rc;
    /* A load balancer in front needs time to see that readiness is gone; on loopback there is none.
     */
    s->drain_ms = http_listen_is_loopback(s->listen) ? 0 : DRAIN_DELAY_MS;
    if (delay && parse_u64(str_of(delay), &ms) == 0 && ms <= 600000)
        s->drain_ms = (int64_t)ms;
    split_env(c, "SLIPWAY_ALLOWED_HOSTS", "MLFLOW_SERVER_ALLOWED_HOSTS", s->hosts);
    split_env(c, "SLIPWAY_ALLOWED_ORIGINS", "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS", s->origins);
    return 0;
}

/* ---- opening ---- */

/* The folders of a flag; NULL ends them. */
static int read_roots(struct cli *c, const char *flag, const char *to[HOSTS_MAX + 1],
                      struct err *err)
{
    size_t cursor = 0, n = 0;
    const char *one;
    while ((one = cli_next(c, flag, &cursor))) {
        if (n == HOSTS_MAX)
            return ERR(err, ERR_LIMIT, "--%s can be given %d times", flag, HOSTS_MAX);
        if (!fs_exists(one))
            return ERR(err, ERR_INVALID, "--%s '%s': there is no such folder", flag, one);
        to[n++] = one;
    }
    return 0;
}

static int open_data(struct server *s, struct err *err)
{
    struct cli *c = s->c;
    int rc = read_roots(c, "file-root", s->file_roots, err);
    if (!rc)
        rc = read_roots(c, "file-root-writable", s->writable_roots, err);
    if (rc)
        return rc;
    struct app_options o = {
        .mode = APP_SERVER,
        .data_dir = c->data_dir,
        .token_file = cli_get(c, "token-file"),
        .insecure = cli_count(c, "insecure") > 0,
        .webhook_private =
            cli_count(c, "webhook-private") > 0 ||
            is_on(env_of("SLIPWAY_WEBHOOK_PRIVATE", "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS")),
        .refuse_long =
            is_off(env_of("SLIPWAY_TRUNCATE_LONG_VALUES", "MLFLOW_TRUNCATE_LONG_VALUES")),
        .source_regex =
            env_of("SLIPWAY_SOURCE_REGEX", "MLFLOW_CREATE_MODEL_VERSION_SOURCE_VALIDATION_REGEX"),
        .default_artifact_root = cli_get(c, "default-artifact-root"),
        .artifacts_destination = cli_get(c, "artifacts-destination"),
        .file_roots = s->file_roots,
        .writable_roots = s->writable_roots,
    };
    struct home_owner owner;
    if (home_owner(c->data_dir, &owner) && owner.url[0]) {
        cli_hint(c, "stop it first (kill %d), or use another folder with --data", (int)owner.pid);
        return ERR(err, ERR_CONFLICT, "the server at %s (pid %d) already serves '%s'", owner.url,
                   (int)owner.pid, c->data_dir);
    }
    rc = check_source_regex(o.source_regex, err);
    if (!rc)
        rc = app_open(&s->app, &o, err);
    if (!rc)
        rc = door_reload(s->app, err);
    if (!rc)
        rc = home_lock(s->app->home, "server", NULL, LOCK_WAIT_MS, err);
    if (!rc)
        store_claim(s->app->store);
    if (!rc) {
        struct err swept = ERR_INIT;
        if (flow_sweep(s->app->flow, &swept)) /* one run's trouble is no reason not to serve */
            log_error("a run of before cannot be finished yet: %s", swept.msg);
        rc = flow_thread_start(s->app->flow, err);
    }
    if (!rc)
        rc = app_serve_open(s->app, err);
    return rc;
}

static int start_listener(struct server *s, const char *listen, struct listener *l, int plain,
                          struct http_server **out, struct err *err)
{
    struct http_server_options o = {
        .listen = listen,
        .base_path = cli_get(s->c, "base-path"),
        .app = s->app,
        .arg = l,
        .plan = plan,
        .handle = handle,
        .refuse = route_refuse,
        .done = metrics_request,
        .allowed_hosts = s->hosts,
        .allowed_origins = s->origins,
        .spool_dir = blobs_spool_dir(s->app->blobs),
        .plain = plain,
    };
    int rc = http_server_start(out, &o, err);
    if (rc == ERR_CONFLICT)
        cli_hint(s->c, "another address: --%s HOST:PORT%s", plain ? "serve" : "listen",
                 plain ? ", or --serve off" : "; port 0 takes a free one");
    return rc;
}

static int start_listeners(struct server *s, struct err *err)
{
    s->main_part.tables = app_routes(&s->main_part.n);
    s->data_part.tables = app_data_routes(&s->data_part.n);
    int rc = route_check_tables(s->main_part.tables, s->main_part.n, err);
    if (rc)
        return rc;
    metrics_init(s->main_part.tables, s->main_part.n);
    route_set_access(door_access);
    rc = start_listener(s, s->listen, &s->main_part, 0, &s->app->main_http, err);
    if (!rc && s->serve)
        rc = start_listener(s, s->serve, &s->data_part, 1, &s->app->data_http, err);
    if (rc)
        return rc;
    (void)snprintf(s->app->url, sizeof s->app->url, "%s", http_server_url(s->app->main_http));
    flag_raise(&s->app->ready);
    return home_announce(s->app->home, "server", s->app->url, err);
}

/* ---- telling ---- */

/* The notify protocol of systemd: one datagram; a name that starts with '@' is abstract. */
static void notify(const char *text)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    size_t n = path ? strlen(path) : 0;
    if (n < 2 || n >= sizeof to.sun_path || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(to.sun_path, path, n);
    if (path[0] == '@')
        to.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    ssize_t ignored =
        sendto(fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&to, len);
    (void)ignored;
    (void)close(fd);
}

static int announce(struct server *s, struct err *err)
{
    struct cli *c = s->c;
    const char *data_url = s->app->data_http ? http_server_url(s->app->data_http) : NULL;
    if (c->format == FORMAT_JSON || c->format == FORMAT_JSONL) {
        struct json_out o;
        json_out_init(&o, &c->out);
        jo_object(&o);
        jo_kv_cstr(&o, "url", s->app->url);
        jo_kv_cstr(&o, "predict_url", data_url);
        jo_kv_int(&o, "pid", getpid());
        jo_kv_cstr(&o, "data_dir", c->data_dir);
        jo_object_end(&o);
        buf_putc(&c->out, '\n');
    } else {
        term_out(c, "%s\n", s->app->url);
    }
    int rc = term_flush(c, err);
    if (data_url)
        term_note(c, "slipway %s serves %s, predictions also at %s, Ctrl-C stops", SLIPWAY_VERSION,
                  c->data_dir, data_url);
    else
        term_note(c, "slipway %s serves %s, Ctrl-C stops", SLIPWAY_VERSION, c->data_dir);
    if (cli_count(c, "insecure") && !http_listen_is_loopback(s->listen))
        log_warn("listening on %s without a token: everybody who reaches it may do everything",
                 s->listen);
    notify("READY=1\nSTATUS=serving");
    return rc;
}

/* ---- signals ---- */

static void wait_signals(struct server *s, const sigset_t *set)
{
    for (;;) {
        int sig = sigwaitinfo(set, NULL);
        if (sig == SIGTERM || sig == SIGINT) {
            log_info("signal %d: draining", sig);
            if (sig == SIGINT)
                term_note(s->c, "stopping, Ctrl-C again to force");
            return;
        }
        if (sig != SIGHUP)
            continue;
        struct err err = ERR_INIT;
        notify("RELOADING=1");
        if (door_reload(s->app, &err) != 0)
            log_error("SIGHUP: %s; the tokens in force stay", err.msg);
        else
            log_info("SIGHUP: tokens were read again");
        notify("READY=1");
    }
}

/* From here on a second TERM or INT has its default effect: the process ends at once. What was
 * acknowledged is on disk; children go on and are adopted by the next server. */
static void drain(struct server *s, const sigset_t *set)
{
    (void)signal(SIGTERM, SIG_DFL);
    (void)signal(SIGINT, SIG_DFL);
    flag_raise(&s->app->draining);
    gauge_set(&s->app->import.stop, 1);
    if (s->app->main_http)
        http_server_drain(s->app->main_http);
    if (s->app->data_http)
        http_server_drain(s->app->data_http);
    (void)pthread_sigmask(SIG_UNBLOCK, set, NULL);
    notify("STOPPING=1");
    struct timespec delay = { s->drain_ms / 1000, (long)(s->drain_ms % 1000) * 1000000 };
    while (nanosleep(&delay, &delay) != 0 && errno == EINTR) {
    }
}

static void stop(struct server *s)
{
    if (!s->app)
        return;
    /* Handlers of each listener look at the other's counters: both end before either is freed. */
    http_server_halt(s->app->data_http, GRACE_MS);
    http_server_halt(s->app->main_http, GRACE_MS);
    http_server_stop(s->app->data_http, 0);
    http_server_stop(s->app->main_http, 0);
    s->app->data_http = s->app->main_http = NULL;
    app_close(s->app);
}

int cmd_server(struct cli *c, struct err *err)
{
    struct server s = { .c = c };
    sigset_t set;
    mem_for_server();
    int rc = read_settings(&s, err);
    if (rc)
        return rc;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL); /* before any thread starts */
    rc = open_data(&s, err);
    if (!rc)
        rc = start_listeners(&s, err);
    if (!rc)
        rc = announce(&s, err);
    if (!rc) {
        wait_signals(&s, &set);
        drain(&s, &set);
    }
    stop(&s);
    return rc;
}
