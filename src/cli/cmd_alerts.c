/* SPDX-License-Identifier: Apache-2.0
 * monitor alerts, ack, silence, explain, freeze, thaw: what asks for a person, and the story of an
 * endpoint. */
#include <stdio.h>

#include "base/clock.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/refs.h"
#include "cli/term.h"

#define STORY_INDENT "            " /* below what happened, behind its time */

/* {"key":"value"…} of pairs; a NULL value is left out. */
static str_t body_of(struct cli *c, const char *const *pairs, size_t n)
{
    struct buf b;
    struct json_out o;
    buf_init(&b, KIB(64));
    json_out_init(&o, &b);
    jo_object(&o);
    for (size_t i = 0; i + 1 < n; i += 2)
        if (pairs[i + 1])
            jo_kv_cstr(&o, pairs[i], pairs[i + 1]);
    jo_object_end(&o);
    str_t text = arena_str(&c->arena, buf_view(&b));
    buf_fini(&b);
    return text;
}

static int endpoint_path(struct cli *c, const char *tail, char **out, struct err *err)
{
    struct ref endpoint;
    int rc = ref_parse(c, c->args[0], REF_ENDPOINT, &endpoint, err);
    if (!rc)
        *out = arena_printf(&c->arena, "/api/v1/endpoints/%s/%s", client_escape(c, endpoint.name),
                            tail);
    return rc;
}

/* ---- alerts ---- */

int cmd_monitor_alerts(struct cli *c, struct err *err)
{
    const struct json *v;
    const char *only = "";
    struct ref endpoint;
    if (c->arg_n) {
        int rc = ref_parse(c, c->args[0], REF_ENDPOINT, &endpoint, err);
        if (rc)
            return rc;
        only = arena_printf(&c->arena, "&endpoint=%s", client_escape(c, endpoint.name));
    }
    int rc = client_get(c,
                        arena_printf(&c->arena, "/api/v1/alerts?open=%s%s",
                                     cli_count(c, "all") ? "false" : "true", only),
                        &v, err);
    if (rc)
        return rc;
    const struct json *items = json_get(v, "items");
    int open = 0;
    for (size_t i = 0; items && i < items->n; i++)
        open |= strcmp(json_get_string(&items->items[i], "state", ""), "resolved") != 0;
    if (items && !items->n && (c->format == FORMAT_TABLE || c->format == FORMAT_WIDE))
        term_note(c, "no alert %s", cli_count(c, "all") ? "yet" : "is open");
    else
        rc = out_list(c, items, NULL, 0, 0, err);
    return rc ? rc : open && cli_count(c, "exit-code") ? 10 : 0;
}

static void show_alert(struct cli *c, const struct json *r)
{
    term_out(c, "%s%s%s of endpoint/%s is %s\n  %s\n", term_on(c, 0, PAINT_BOLD),
             json_get_string(r, "alert", ""), term_off(c, 0), json_get_string(r, "endpoint", ""),
             json_get_string(r, "state", ""), json_get_string(r, "message", ""));
}

int cmd_monitor_ack(struct cli *c, struct err *err)
{
    struct reply r;
    const char *pairs[] = { "note", cli_get(c, "note") };
    int rc = client_call(
        c, "POST",
        arena_printf(&c->arena, "/api/v1/alerts/%s:acknowledge", client_escape(c, c->args[0])),
        body_of(c, pairs, ARRAY_LEN(pairs)), &r, err);
    return rc ? rc : out_object(c, &r.json, show_alert, err);
}

static void show_silences(struct cli *c, const struct json *v)
{
    const struct json *list = json_get(v, "silences");
    for (size_t i = 0; list && i < list->n; i++) {
        const struct json *s = &list->items[i];
        char until[CLOCK_TEXT_MAX];
        (void)clock_format(json_get_int(s, "until_ms", 0), until);
        term_out(c, "silent until %s: %s of endpoint/%s%s%s\n", until,
                 json_get_string(s, "alert", "every alert"), json_get_string(s, "endpoint", ""),
                 json_get_string(s, "reason", NULL) ? "  " : "", json_get_string(s, "reason", ""));
    }
}

int cmd_monitor_silence(struct cli *c, struct err *err)
{
    struct reply r;
    char *path;
    const char *pairs[] = { "alert",  cli_get(c, "alert"),
                            "for",    cli_get(c, "for") ? cli_get(c, "for") : "1h",
                            "reason", cli_get(c, "reason") };
    int rc = endpoint_path(c, "silences", &path, err);
    if (!rc)
        rc = client_call(c, "POST", path, body_of(c, pairs, ARRAY_LEN(pairs)), &r, err);
    return rc ? rc : out_object(c, &r.json, show_silences, err);
}

/* ---- the loop ---- */

static void show_attempts(struct cli *c, const struct json *attempts)
{
    enum { COLUMNS_N = 4, SHOWN = 5 };
    static const enum cell_kind kinds[] = { CELL_TEXT, CELL_TEXT, CELL_STATE, CELL_TEXT };
    const char *cells[COLUMNS_N * (SHOWN + 1)] = { "WHEN", "TRIGGER", "CAME TO", "WHY" };
    size_t n = attempts ? MIN(attempts->n, (size_t)SHOWN) : 0;
    for (size_t i = 0; i < n; i++) {
        const struct json *t = &attempts->items[i];
        const char **row = cells + COLUMNS_N * (i + 1);
        row[0] = out_time(c, json_get_int(t, "started_ms", 0));
        row[1] = json_get_string(t, "trigger", "");
        row[2] = json_get_string(t, "state", "");
        row[3] = json_get_string(t, "reason", "");
    }
    if (!n)
        return;
    term_out(c, "\nRetrainings, newest first\n");
    out_grid(c, &(struct out_grid){ cells, n + 1, COLUMNS_N, kinds, "  " });
}

static void show_loop(struct cli *c, const struct json *v)
{
    const struct json *held = json_get(v, "held"), *attempts = json_get(v, "attempts");
    if (json_get_bool(v, "frozen", 0))
        term_out(c, "%sfrozen%s by %s: %s\n", term_on(c, 0, PAINT_YELLOW), term_off(c, 0),
                 json_get_string(v, "frozen_by", "?"), json_get_string(v, "frozen_reason", ""));
    else
        term_out(c, "not frozen: triggers act by themselves\n");
    const struct json *triggers = json_path(v, "policy.triggers");
    if (!triggers || !triggers->n)
        term_out(c, "  no trigger is set: nothing is retrained by itself\n");
    for (size_t i = 0; held && i < held->n; i++)
        term_out(c, "  trigger \"%s\" waits: %s\n", json_get_string(&held->items[i], "trigger", ""),
                 json_get_string(&held->items[i], "reason", ""));
    show_attempts(c, attempts);
}

static int change_loop(struct cli *c, const char *action, struct err *err)
{
    struct reply r;
    char *path;
    const char *pairs[] = { "reason", cli_get(c, "reason") };
    int rc = endpoint_path(c, action, &path, err);
    if (!rc)
        rc = client_call(c, "POST", path, body_of(c, pairs, ARRAY_LEN(pairs)), &r, err);
    return rc ? rc : out_object(c, &r.json, show_loop, err);
}

int cmd_monitor_freeze(struct cli *c, struct err *err)
{
    return change_loop(c, "loop:freeze", err);
}

int cmd_monitor_thaw(struct cli *c, struct err *err)
{
    return change_loop(c, "loop:thaw", err);
}

/* ---- explain ---- */

/* What an event means, as a sentence; its reason follows. */
static const char *sentence(struct cli *c, const struct json *e)
{
    const struct json *after = json_get(e, "after");
    const char *kind = json_get_string(e, "kind", ""), *alert = json_get_string(after, "alert", "");
    const char *version = json_get_string(after, "version", "?");
    const char *state = json_get_string(after, "state", "");
    const struct {
        const char *kind, *text;
    } plain[] = {
        { "alert.firing", arena_printf(&c->arena, "alert %s fires", alert) },
        { "alert.resolved", arena_printf(&c->arena, "alert %s is over", alert) },
        { "alert.acknowledged", arena_printf(&c->arena, "alert %s acknowledged", alert) },
        { "alert.silenced", strcmp(alert, "(all)") == 0
                                ? "every alert silenced"
                                : arena_printf(&c->arena, "alert %s silenced", alert) },
        { "trigger.fired", "a retraining begins" },
        { "trigger.training", arena_printf(&c->arena, "run %.8s trains on the newest labelled rows",
                                           json_get_string(after, "run", "")) },
        { "trigger.rollout", arena_printf(&c->arena, "version %s passed its gates", version) },
        { "trigger.ended", arena_printf(&c->arena, "the attempt ended: %s", state) },
        { "rollout.started", arena_printf(&c->arena, "version %s begins as a shadow", version) },
        { "rollout.step", arena_printf(&c->arena, "version %s gets more requests", version) },
        { "rollout.paused", arena_printf(&c->arena, "the rollout of version %s pauses", version) },
        { "rollout.resumed",
          arena_printf(&c->arena, "the rollout of version %s goes on", version) },
        { "rollout.waiting", arena_printf(&c->arena, "version %s waits for a person", version) },
        { "rollout.promoted", arena_printf(&c->arena, "version %s is promoted", version) },
        { "rollout.rolled_back", arena_printf(&c->arena, "version %s is sent back", version) },
        { "endpoint.created", arena_printf(&c->arena, "version %s serves first", version) },
        { "endpoint.deployed", arena_printf(&c->arena, "version %s is deployed", version) },
        { "endpoint.promoted", arena_printf(&c->arena, "version %s serves now", version) },
        { "endpoint.rolled_back", arena_printf(&c->arena, "back to version %s", version) },
        { "loop.frozen", "the loop is frozen" },
        { "loop.thawed", "the loop is thawed" },
        { "loop.policy", "the policy is set" },
        { "alert.rules", "alert rules are set" },
    };
    for (size_t i = 0; i < ARRAY_LEN(plain); i++)
        if (strcmp(plain[i].kind, kind) == 0)
            return plain[i].text;
    return kind;
}

static enum paint paint_of(const char *kind)
{
    if (strstr(kind, "firing") || strstr(kind, "rolled_back") || strstr(kind, "frozen"))
        return PAINT_RED;
    return strstr(kind, "promoted") || strstr(kind, "resolved") ? PAINT_GREEN : PAINT_NONE;
}

/* The names of a JSON array in text, "bmi, bp". */
static void show_features(struct cli *c, const struct json *e)
{
    const char *text = json_get_string(json_get(e, "after"), "features", NULL), *names = "";
    struct json list;
    if (!text || strcmp(json_get_string(e, "kind", ""), "alert.firing") != 0 ||
        json_parse(&c->arena, str_of(text), NULL, &list, NULL) != 0 || list.type != JSON_ARRAY)
        return;
    for (size_t i = 0; i < list.n; i++)
        names = arena_printf(&c->arena, "%s%s%.*s", names, i ? ", " : "",
                             STR_ARG(list.items[i].string));
    term_out(c, STORY_INDENT "drifted: %s\n", names);
}

/* The reason behind an event, unless it says what stands above it. */
static void show_reason(struct cli *c, const char *said, const char *reason, const char **last)
{
    if (!reason || !*reason || strncmp(reason, said, strlen(said)) == 0 ||
        (*last && strcmp(*last, reason) == 0))
        return;
    *last = reason;
    term_out(c, STORY_INDENT "%s\n", reason);
}

static void show_story(struct cli *c, const struct json *v)
{
    const struct json *items = json_get(v, "items");
    const char *last = NULL;
    char day[11] = "";
    for (size_t i = items ? items->n : 0; i-- > 0;) { /* oldest first, as a story is told */
        const struct json *e = &items->items[i];
        char when[CLOCK_TEXT_MAX];
        const char *kind = json_get_string(e, "kind", ""), *said = sentence(c, e);
        (void)clock_format(json_get_int(e, "time_ms", 0), when);
        if (strncmp(when, day, 10) != 0)
            term_out(c, "%s%.10s%s  times are UTC\n", term_on(c, 0, PAINT_BOLD), when,
                     term_off(c, 0));
        (void)snprintf(day, sizeof day, "%.10s", when);
        term_out(c, "  %.8s  %s%s%s\n", when + 11, term_on(c, 0, paint_of(kind)), said,
                 term_off(c, 0));
        show_reason(c, said, json_get_string(e, "reason", NULL), &last);
        show_features(c, e);
    }
    const struct json *loop = json_get(v, "loop");
    term_out(c, "\n%sNow%s  ", term_on(c, 0, PAINT_BOLD), term_off(c, 0));
    if (loop)
        show_loop(c, loop);
}

int cmd_monitor_explain(struct cli *c, struct err *err)
{
    const struct json *story, *loop;
    char *path;
    int rc = endpoint_path(c, "story", &path, err);
    if (!rc)
        rc = client_get(c, path, &story, err);
    if (!rc)
        rc = endpoint_path(c, "loop", &path, err);
    if (!rc)
        rc = client_get(c, path, &loop, err);
    if (rc)
        return rc;
    struct json_member members[] = { { STR("items"), *json_get(story, "items") },
                                     { STR("loop"), *loop } };
    struct json both = { .type = JSON_OBJECT, .n = ARRAY_LEN(members), .members = members };
    return out_object(c, &both, show_story, err);
}
