/* SPDX-License-Identifier: Apache-2.0
 * Rollouts: deploy with --shadow or --canary begins one; endpoint rollout, pause, resume. */
#include <math.h>
#include <stdio.h>

#include "base/num.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/refs.h"
#include "cli/rollout.h"
#include "cli/term.h"

enum { CHECKS_SHOWN = 8 };

/* ---- showing ---- */

static enum paint paint_of(const char *state)
{
    if (strcmp(state, "promoted") == 0)
        return PAINT_GREEN;
    return strcmp(state, "rolled_back") == 0 ? PAINT_RED : PAINT_YELLOW;
}

static const char *stage_text(struct cli *c, const struct json *r)
{
    const char *state = json_get_string(r, "state", "");
    int64_t step = json_get_int(r, "step", 0);
    const char *share =
        step ? arena_printf(&c->arena, "%.4g %% of the requests", json_get_number(r, "percent", 0))
             : "shadow";
    if (json_get(r, "ended_ms") && json_get(r, "ended_ms")->type == JSON_NUMBER)
        return arena_printf(&c->arena, "%s at %s, %s", state, share,
                            out_time(c, json_get_int(r, "ended_ms", 0)));
    return arena_printf(&c->arena, "%s at %s, step %lld of %lld, %lld of %lld requests", state,
                        share, (long long)step, (long long)json_get_int(r, "steps", 0),
                        (long long)json_get_int(r, "step_requests", 0),
                        (long long)json_get_int(r, "step_requests_wanted", 0));
}

static void show_rollout(struct cli *c, const struct json *r)
{
    const char *state = json_get_string(r, "state", ""), *reason;
    term_out(c, "%sendpoint/%s%s  %s:%s beside :%s  %s%s%s\n", term_on(c, 0, PAINT_BOLD),
             json_get_string(r, "endpoint", ""), term_off(c, 0), json_get_string(r, "model", ""),
             json_get_string(r, "candidate", "?"), json_get_string(r, "champion", "?"),
             term_on(c, 0, paint_of(state)), stage_text(c, r), term_off(c, 0));
    reason = json_get_string(r, "reason", NULL);
    if (reason && *reason)
        term_out(c, "  %s\n", reason);
}

/* The rules that held in a window. */
static const char *rules_text(struct cli *c, const struct json *check)
{
    const struct json *rules = json_path(check, "detail.rules");
    const char *text = "";
    for (size_t i = 0; rules && i < rules->n; i++)
        if (json_get_bool(&rules->items[i], "breached", 0))
            text = arena_printf(&c->arena, "%s%s%s", text, *text ? "; " : "",
                                json_get_string(&rules->items[i], "message", ""));
    return text;
}

/* A value of the candidate and, behind it, the champion's; "-" for what is not known. */
static const char *pair_text(struct cli *c, const struct json *check, const char *name,
                             const char *unit)
{
    const struct json *values = json_path(check, "detail.values");
    double a = json_get_number(values, name, NAN),
           b = json_get_number(values, arena_printf(&c->arena, "champion.%s", name), NAN);
    const char *mine = isnan(a) ? "-" : arena_printf(&c->arena, "%.3g%s", a, unit);
    return isnan(b) ? mine : arena_printf(&c->arena, "%s (%.3g%s)", mine, b, unit);
}

static void show_checks(struct cli *c, const struct json *v)
{
    enum { COLUMNS_N = 8 };
    static const enum cell_kind kinds[] = { CELL_TEXT, CELL_TEXT, CELL_STATE, CELL_INT,
                                            CELL_TEXT, CELL_TEXT, CELL_TEXT,  CELL_TEXT };
    const char *cells[COLUMNS_N * (CHECKS_SHOWN + 1)] = { "WHEN",   "STEP", "VERDICT", "REQUESTS",
                                                          "ERRORS", "P90",  "MEAN",    "BROKEN" };
    const struct json *checks = json_get(v, "checks");
    size_t n = checks ? MIN(checks->n, (size_t)CHECKS_SHOWN) : 0;
    show_rollout(c, json_get(v, "rollout"));
    for (size_t i = 0; i < n; i++) {
        const struct json *k = &checks->items[i];
        const char **row = cells + COLUMNS_N * (i + 1);
        int64_t step = json_get_int(k, "step", 0);
        row[0] = out_time(c, json_get_int(k, "time_ms", 0));
        row[1] = step ? arena_printf(&c->arena, "%lld", (long long)step) : "shadow";
        row[2] = json_get_string(k, "verdict", "");
        row[3] = arena_printf(&c->arena, "%lld", (long long)json_get_int(k, "requests", 0));
        row[4] = pair_text(c, k, "error_rate", "");
        row[5] = pair_text(c, k, "p90_ms", " ms");
        row[6] = pair_text(c, k, "mean", "");
        row[7] = rules_text(c, k);
    }
    if (!n)
        return;
    term_out(c, "\nWindows, newest first: the candidate, in brackets the one that serves\n");
    out_grid(c, &(struct out_grid){ cells, n + 1, COLUMNS_N, kinds, "  " });
}

/* ---- beginning ---- */

int rollout_asked(struct cli *c)
{
    return cli_get(c, "canary") || cli_get(c, "shadow") || cli_get(c, "every") ||
           cli_get(c, "abort");
}

/* "5,25,100" as a JSON list; the server checks the values. */
static int put_steps(struct cli *c, struct json_out *o, struct err *err)
{
    str_t rest = str_of(cli_get(c, "canary")), part, after;
    jo_key(o, "canary");
    jo_array(o);
    for (int more = 1; more; rest = after) {
        double percent;
        after = (str_t){ NULL, 0 };
        more = str_cut(rest, ',', &part, &after);
        if (!more)
            part = rest;
        part = str_trim(part);
        if (str_ends(part, "%"))
            part.n--;
        if (parse_double(part, &percent) != 0)
            return ERR(err, ERR_INVALID, "--canary: '%.*s' is no percentage", STR_ARG(part));
        jo_double(o, percent);
    }
    jo_array_end(o);
    return 0;
}

/* What the project file says and no flag says otherwise. */
static int put_of_project(struct cli *c, const char *strategy, struct json_out *o, struct err *err)
{
    static const char *const flags[] = { "shadow", "canary", "every", "abort" };
    struct json v;
    int rc = strategy ? json_parse(&c->arena, str_of(strategy), NULL, &v, err) : 0;
    for (size_t i = 0; !rc && strategy && i < v.n; i++) {
        int said = 0;
        for (size_t k = 0; k < ARRAY_LEN(flags); k++)
            said |= str_is(v.members[i].key, flags[k]) && cli_get(c, flags[k]);
        if (said)
            continue;
        jo_key_str(o, v.members[i].key);
        jo_value(o, &v.members[i].value);
    }
    return rc;
}

static int put_strategy(struct cli *c, const char *strategy, struct json_out *o, struct err *err)
{
    int64_t requests = 0;
    jo_key(o, "strategy");
    jo_object(o);
    int rc = put_of_project(c, strategy, o, err);
    if (!rc && cli_get(c, "shadow")) {
        if (parse_i64(str_of(cli_get(c, "shadow")), &requests) != 0)
            return ERR(err, ERR_INVALID, "--shadow: a number of requests is needed");
        jo_kv_int(o, "shadow", requests);
    }
    if (!rc && cli_get(c, "canary"))
        rc = put_steps(c, o, err);
    if (cli_get(c, "every"))
        jo_kv_cstr(o, "every", cli_get(c, "every"));
    if (cli_get(c, "abort"))
        jo_kv_cstr(o, "abort", cli_get(c, "abort"));
    jo_object_end(o);
    return rc;
}

int rollout_begin(struct cli *c, const char *endpoint, const char *version, const char *strategy,
                  struct err *err)
{
    struct buf b;
    struct json_out o;
    struct reply r;
    buf_init(&b, KIB(64));
    json_out_init(&o, &b);
    jo_object(&o);
    if (version)
        jo_kv_cstr(&o, "version", version);
    if (cli_get(c, "reason"))
        jo_kv_cstr(&o, "reason", cli_get(c, "reason"));
    int rc = put_strategy(c, strategy, &o, err);
    jo_object_end(&o);
    if (!rc)
        rc = client_call(
            c, "POST",
            arena_printf(&c->arena, "/api/v1/endpoints/%s/rollout", client_escape(c, endpoint)),
            buf_view(&b), &r, err);
    buf_fini(&b);
    if (!rc)
        rc = out_object(c, json_get(&r.json, "rollout"), show_rollout, err);
    if (!rc)
        rc = term_flush(c, err);
    if (!rc)
        term_note(c, "→ slipway endpoint rollout %s    → slipway rollback %s", endpoint, endpoint);
    return rc;
}

/* ---- commands ---- */

static int on_endpoint(struct cli *c, const char *method, const char *tail,
                       void (*show)(struct cli *, const struct json *), struct err *err)
{
    struct ref endpoint;
    struct reply r;
    struct buf b;
    struct json_out o;
    int rc = ref_parse(c, c->args[0], REF_ENDPOINT, &endpoint, err);
    if (rc)
        return rc;
    buf_init(&b, KIB(64));
    json_out_init(&o, &b);
    jo_object(&o);
    if (strcmp(method, "POST") == 0 && cli_get(c, "reason"))
        jo_kv_cstr(&o, "reason", cli_get(c, "reason"));
    jo_object_end(&o);
    rc = client_call(
        c, method,
        arena_printf(&c->arena, "/api/v1/endpoints/%s/%s", client_escape(c, endpoint.name), tail),
        strcmp(method, "GET") == 0 ? (str_t){ 0 } : buf_view(&b), &r, err);
    buf_fini(&b);
    return rc ? rc : out_object(c, &r.json, show, err);
}

int cmd_endpoint_rollout(struct cli *c, struct err *err)
{
    return on_endpoint(c, "GET", "rollout", show_checks, err);
}

int cmd_endpoint_pause(struct cli *c, struct err *err)
{
    return on_endpoint(c, "POST", "rollout:pause", show_checks, err);
}

int cmd_endpoint_resume(struct cli *c, struct err *err)
{
    return on_endpoint(c, "POST", "rollout:resume", show_checks, err);
}
