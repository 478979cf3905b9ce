/* SPDX-License-Identifier: Apache-2.0
 * monitor notify add, ls, rm, test: who is told of alerts, rollouts and loops. */
#include "base/fs.h"
#include "base/limits.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/term.h"

enum { SECRET_FILE_MAX = 64 << 10 };

static char *path_of(struct cli *c, const char *action)
{
    return arena_printf(&c->arena, "/api/v1/webhooks/%s%s", client_escape(c, c->args[0]), action);
}

/* The first line of --secret-file; NULL when there is none. */
static int read_secret(struct cli *c, const char **out, struct err *err)
{
    const char *path = cli_get(c, "secret-file");
    str_t text, line, rest;
    *out = NULL;
    if (!path)
        return 0;
    int rc = fs_read(&c->arena, path, SECRET_FILE_MAX, &text, err);
    if (rc)
        return err_prefix(err, rc, "--secret-file");
    if (!str_cut(text, '\n', &line, &rest))
        line = text;
    line = str_trim(line);
    if (!line.n)
        return ERR(err, ERR_INVALID, "the first line of the secret file is empty");
    *out = arena_strndup(&c->arena, line.p, line.n);
    return 0;
}

static void show_hook(struct cli *c, const struct json *w)
{
    const struct json *events = json_get(w, "events");
    term_out(c, "%s%s%s is told of %zu kinds of events at %s\n", term_on(c, 0, PAINT_BOLD),
             json_get_string(w, "name", ""), term_off(c, 0), events ? events->n : 0,
             json_get_string(w, "url", ""));
    for (size_t i = 0; events && i < events->n; i++)
        term_out(c, "  %.*s\n", STR_ARG(events->items[i].string));
    if (!json_get_bool(w, "signed", 0))
        term_out(c, "  without a signature: --secret-file gives it one\n");
}

int cmd_notify_add(struct cli *c, struct err *err)
{
    struct json_out o;
    struct reply r;
    struct buf b;
    const char *secret, *event;
    size_t cursor = 0;
    int rc = read_secret(c, &secret, err);
    if (rc)
        return rc;
    buf_init(&b, MIB(1));
    json_out_init(&o, &b);
    jo_object(&o);
    jo_kv_cstr(&o, "url", c->args[0]);
    if (cli_get(c, "name"))
        jo_kv_cstr(&o, "name", cli_get(c, "name"));
    if (secret)
        jo_kv_cstr(&o, "secret", secret);
    if (cli_count(c, "event")) {
        jo_key(&o, "events");
        jo_array(&o);
        while ((event = cli_next(c, "event", &cursor)))
            jo_cstr(&o, event);
        jo_array_end(&o);
    }
    jo_object_end(&o);
    rc = client_call(c, "POST", "/api/v1/webhooks", buf_view(&b), &r, err);
    buf_fini(&b);
    return rc ? rc : out_object(c, &r.json, show_hook, err);
}

int cmd_notify_ls(struct cli *c, struct err *err)
{
    const struct json *v;
    int rc = client_get(c, "/api/v1/webhooks", &v, err);
    return rc ? rc : out_list(c, json_get(v, "items"), NULL, 0, 0, err);
}

static void show_removed(struct cli *c, const struct json *w)
{
    term_out(c, "%s is told nothing more", json_get_string(w, "name", ""));
    if (json_get_int(w, "waiting", 0))
        term_out(c, "; %lld deliveries that waited are dropped",
                 (long long)json_get_int(w, "waiting", 0));
    term_out(c, "\n");
}

int cmd_notify_rm(struct cli *c, struct err *err)
{
    struct reply r;
    int rc = client_call(c, "DELETE", path_of(c, ""), (str_t){ 0 }, &r, err);
    return rc ? rc : out_object(c, &r.json, show_removed, err);
}

static void show_test(struct cli *c, const struct json *v)
{
    term_out(c, "%s took an example of %s: status %lld\n", json_get_string(v, "name", ""),
             json_get_string(v, "event", ""), (long long)json_get_int(v, "status", 0));
}

int cmd_notify_test(struct cli *c, struct err *err)
{
    struct json_out o;
    struct reply r;
    struct buf b;
    buf_init(&b, KIB(4));
    json_out_init(&o, &b);
    jo_object(&o);
    if (cli_get(c, "event"))
        jo_kv_cstr(&o, "event", cli_get(c, "event"));
    jo_object_end(&o);
    int rc = client_call(c, "POST", path_of(c, ":test"), buf_view(&b), &r, err);
    buf_fini(&b);
    if (rc)
        return rc;
    if (json_get_bool(&r.json, "success", 0))
        return out_object(c, &r.json, show_test, err);
    const char *why = json_get_string(&r.json, "error", NULL);
    return why ? ERR(err, ERR_UNAVAILABLE, "%s was not reached: %s",
                     json_get_string(&r.json, "name", ""), why)
               : ERR(err, ERR_UNAVAILABLE, "%s refused the example with status %lld",
                     json_get_string(&r.json, "name", ""),
                     (long long)json_get_int(&r.json, "status", 0));
}
