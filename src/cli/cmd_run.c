/* SPDX-License-Identifier: Apache-2.0
 * run: starts the project's pipeline, follows it with one calm line a stage, and reports. Stage
 * lines are progress (stderr); the report is data (stdout). */
#include "base/fs.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/refs.h"
#include "cli/run_report.h"
#include "cli/term.h"

enum { TICK_MS = 40, LOG_TAIL_BYTES = 65536, LOG_TAIL_LINES = 20 };

struct follow {
    const char *id;
    const char *status; /* as last heard */
    const char *stage;  /* running now */
    const char *failed; /* stage that failed */
    int64_t next;       /* progress lines seen */
    int cancel_sent;
};

static int param_check(struct cli *c, const char *text, str_t *name, str_t *value, struct err *err)
{
    (void)c;
    if (!str_cut(str_of(text), '=', name, value) || name->n == 0)
        return ERR(err, ERR_INVALID, "-p takes NAME=VALUE, not '%s'", text);
    return 0;
}

static int config_read(struct cli *c, const char **out_dir, const char **out_text,
                       const char **out_path, struct err *err)
{
    const char *file = cli_get(c, "file");
    char *real;
    if (!file && !c->project_dir) {
        cli_hint(c, "change to a project, or start one: slipway init diabetes");
        return ERR(err, ERR_NOT_FOUND, "there is no slipway.yaml here or in a folder above");
    }
    *out_path = file ? file : "slipway.yaml";
    const char *path = file ? file : fs_join(&c->arena, c->project_dir, "slipway.yaml");
    str_t text;
    int rc = fs_read(&c->arena, path, LIMIT_YAML_BYTES, &text, err);
    if (rc)
        return rc;
    *out_text = text.p;
    if (!str_is_utf8(text) || strlen(text.p) != text.n)
        return ERR(err, ERR_INVALID, "'%s' is not UTF-8 text", path);
    rc = fs_real(&c->arena, path, &real, err);
    if (rc)
        return rc;
    char *slash = strrchr(real, '/');
    *out_dir = arena_strndup(&c->arena, real, slash == real ? 1 : (size_t)(slash - real));
    return 0;
}

/* What was typed, for the record of the run. */
static const char *typed(struct cli *c)
{
    static const char *const kept[] = { "param", "force", "file", "seed" };
    struct buf b;
    buf_init(&b, KIB(64));
    buf_puts(&b, "slipway run");
    for (size_t i = 0; i < c->value_n; i++) {
        const struct cli_value *v = &c->values[i];
        int keep = 0;
        for (size_t k = 0; k < ARRAY_LEN(kept); k++)
            keep |= strcmp(kept[k], v->flag->name) == 0;
        if (!keep)
            continue;
        if (v->flag->letter)
            buf_printf(&b, " -%c", v->flag->letter);
        else
            buf_printf(&b, " --%s", v->flag->name);
        if (!v->text)
            continue;
        int plain = *v->text && !v->text[strcspn(v->text, " \t\n'\"\\$`;&|<>*?()[]{}#~!")];
        buf_puts(&b, plain ? " " : " '");
        for (const char *p = v->text; *p; p++)
            buf_puts(&b, *p == '\'' ? "'\\''" : (char[]){ *p, 0 });
        buf_puts(&b, plain ? "" : "'");
    }
    const char *text = b.failed ? "slipway run" : arena_strndup(&c->arena, b.p, b.n);
    buf_fini(&b);
    return text;
}

static int build_body(struct cli *c, struct buf *b, struct err *err)
{
    struct json_out o;
    const char *dir = NULL, *text = NULL, *path = NULL, *p;
    int64_t seed = -1;
    size_t cursor = 0;
    int rc = config_read(c, &dir, &text, &path, err);
    if (!rc)
        rc = cli_get_int(c, "seed", -1, 0, INT64_MAX, &seed, err);
    if (rc)
        return rc;
    json_out_init(&o, b);
    jo_object(&o);
    jo_kv_cstr(&o, "project_dir", dir);
    jo_kv_cstr(&o, "config", text);
    jo_kv_cstr(&o, "config_path", path);
    jo_key(&o, "params");
    jo_object(&o);
    while ((p = cli_next(c, "param", &cursor))) {
        str_t name, value;
        rc = param_check(c, p, &name, &value, err);
        if (rc)
            return rc;
        jo_key_str(&o, name);
        jo_str(&o, value);
    }
    jo_object_end(&o);
    jo_kv_cstr(&o, "command", typed(c));
    jo_kv_bool(&o, "force", cli_count(c, "force") > 0);
    jo_kv_bool(&o, "dry_run", cli_count(c, "dry-run") > 0);
    if (seed >= 0)
        jo_kv_int(&o, "seed", seed);
    jo_object_end(&o);
    return b->failed ? ERR(err, ERR_LIMIT, "the request is larger than %zu bytes", b->max_bytes)
                     : 0;
}

/* ---- --dry-run ---- */

static int print_plan(struct cli *c, const struct json *answer, struct err *err)
{
    static const struct cli_column columns[] = {
        { "STAGE", "name", CELL_TEXT, 0 },
        { "WILL", "will", CELL_STATE, 0 },
        { "WHY", "why", CELL_TEXT, 0 },
    };
    const struct json *stages = json_get(answer, "stages");
    int would_run = 0;
    if (!stages)
        return ERR(err, ERR_INTERNAL, "the answer has no 'stages'");
    for (size_t i = 0; i < stages->n; i++)
        would_run |= strcmp(json_get_string(&stages->items[i], "will", ""), "run") == 0;
    int rc = c->format == FORMAT_JSON ? out_object(c, answer, NULL, err)
                                      : out_list(c, stages, columns, ARRAY_LEN(columns), 0, err);
    if (!rc && !would_run)
        term_note(c, "nothing to do; --force runs all stages");
    return rc ? rc : would_run && cli_count(c, "exit-code") ? 10 : 0;
}

/* ---- following ---- */

static void stage_line(struct cli *c, struct follow *f, const struct json *line)
{
    const char *stage = json_get_string(line, "stage", "?"),
               *state = json_get_string(line, "state", "");
    const char *why = json_get_string(line, "why", NULL),
               *message = json_get_string(line, "message", NULL);
    const struct json *rows = json_get(line, "rows");
    if (strcmp(state, "running") == 0) {
        f->stage = stage;
        return;
    }
    f->stage = NULL;
    int failed = strcmp(state, "failed") == 0, skipped = strcmp(state, "skipped") == 0;
    if (failed)
        f->failed = stage;
    enum paint p = failed ? PAINT_RED : skipped ? PAINT_DIM : PAINT_GREEN;
    const char *took = skipped ? "" : out_duration(c, json_get_number(line, "ms", 0));
    const char *n = rows && rows->is_integer
                        ? arena_printf(&c->arena, "%lld rows", (long long)rows->integer)
                        : "";
    struct buf safe;
    buf_init(&safe, MIB(1));
    buf_printf(&safe, "%-12s %9s  %-11s  ", stage, skipped ? "skipped" : took, n);
    term_safe(&safe, str_of(message ? message : why ? why : ""));
    term_note(c, "%s%s%s %s", term_on(c, 1, p),
              failed    ? "✗"
              : skipped ? "·"
                        : "✓",
              term_off(c, 1), safe.p ? safe.p : "");
    buf_fini(&safe);
}

static int is_over(const char *status)
{
    return strcmp(status, "FINISHED") == 0 || strcmp(status, "FAILED") == 0 ||
           strcmp(status, "KILLED") == 0;
}

static int poll_progress(struct cli *c, struct follow *f, struct err *err)
{
    const struct json *answer;
    int rc = client_get(
        c,
        arena_printf(&c->arena, "/api/v1/runs/%s/progress?after=%lld", f->id, (long long)f->next),
        &answer, err);
    if (rc == ERR_UNAVAILABLE || rc == ERR_TIMEOUT) /* the run does not need its watcher */
        cli_hint(c, "run/%.8s was started and is not lost: slipway exp show %.8s", f->id, f->id);
    if (rc)
        return rc;
    const struct json *items = json_get(answer, "items");
    for (size_t i = 0; items && i < items->n; i++)
        stage_line(c, f, &items->items[i]);
    f->next = json_get_int(answer, "next", f->next);
    f->status = json_get_string(answer, "status", "RUNNING");
    return 0;
}

static int cancel(struct cli *c, struct follow *f, struct err *err)
{
    struct reply r;
    f->cancel_sent = 1;
    int rc = client_call(c, "POST", arena_printf(&c->arena, "/api/v1/runs/%s:cancel", f->id),
                         STR("{\"reason\":\"interrupted\"}"), &r, err);
    return rc == ERR_CONFLICT ? 0 : rc; /* it ended meanwhile */
}

static int follow(struct cli *c, struct follow *f, struct err *err)
{
    for (;;) {
        if (term_interrupted() && !f->cancel_sent) {
            int rc = cancel(c, f, err);
            if (rc)
                return rc;
        }
        int rc = client_tick(c, TICK_MS, err);
        if (!rc)
            rc = poll_progress(c, f, err);
        if (rc)
            return rc;
        if (is_over(f->status))
            break;
        term_progress(c, "  %s …", f->stage ? f->stage : "starting");
    }
    term_progress_end(c);
    return 0;
}

/* ---- endings ---- */

/* Not when the log says no more than the message already does. What is wrong with the project file
 * is shown whole, anything else by its last lines. */
static void print_log_tail(struct cli *c, const char *id, const char *why, int config)
{
    struct reply r;
    struct err ignored = ERR_INIT;
    int64_t offset = 0;
    str_t text = { 0 };
    const char *message = c->message, *hint = c->hint;
    for (int i = 0; i < 4096; i++) { /* a log is at most LIMIT_STEP_LOG and comes in parts */
        const char *t =
            arena_printf(&c->arena, "/api/v1/runs/%s/log?offset=%lld", id, (long long)offset);
        if (client_call(c, "GET", t, (str_t){ 0 }, &r, &ignored) != 0 || r.body.n == 0)
            break;
        text = r.body;
        if (r.next_offset <= offset)
            break;
        offset = r.next_offset;
    }
    c->message = message;
    c->hint = hint;
    size_t from = text.n > LOG_TAIL_BYTES ? text.n - LOG_TAIL_BYTES : 0, lines = 0;
    for (size_t i = text.n; i-- > from;)
        if (text.p[i] == '\n' && i + 1 < text.n && ++lines == LOG_TAIL_LINES && !config) {
            from = i + 1;
            break;
        }
    str_t tail = str_trim((str_t){ text.p + from, text.n - from });
    if (tail.n == 0 || (!memchr(tail.p, '\n', tail.n) && str_ends(tail, why)))
        return;
    term_say(c, "  %s:", config ? "its log" : "last lines of its log");
    str_t rest = { text.p + from, text.n - from }, line;
    if (str_ends(tail, why)) { /* the message comes below */
        const char *last = memrchr(tail.p, '\n', tail.n);
        rest = str_trim((str_t){ tail.p, last ? (size_t)(last - tail.p) : tail.n });
    }
    while (rest.n) {
        str_t left = rest;
        if (!str_cut(left, '\n', &line, &rest)) {
            line = left;
            rest = (str_t){ 0 };
        }
        struct buf safe;
        buf_init(&safe, MIB(1));
        term_safe(&safe, line);
        term_say(c, "  | %s", safe.p ? safe.p : "");
        buf_fini(&safe);
    }
}

static int end_failed(struct cli *c, const struct follow *f, const struct json *run,
                      struct err *err)
{
    const struct json *error = out_path(run, "result.error");
    const struct json *state = out_path(run, "result.state");
    int refused = state && state->type == JSON_STRING && str_is(state->string, "refused");
    const char *why = json_get_string(error, "message", NULL),
               *code = json_get_string(error, "code", "FAILED");
    const char *stage = json_get_string(error, "stage", f->failed);
    if (!why)
        why = json_get_string(run, "status_reason", "no reason was recorded");
    if (strcmp(f->status, "KILLED") == 0)
        return ERR(err, ERR_CANCELLED, "run/%.8s was stopped: %.380s", f->id, why);
    int config = strcmp(code, "INVALID") == 0 && json_get_int(error, "line", 0) > 0;
    if (!refused && c->format != FORMAT_JSON && c->format != FORMAT_JSONL)
        print_log_tail(c, f->id, why, config);
    cli_hint(c,
             refused ? "the evidence stays with the run: slipway exp show %.8s"
                     : "slipway exp show %.8s",
             f->id);
    c->message = why;
    if (!refused && stage && !strstr(why, stage) && strncmp(why, "error[", 6) != 0)
        c->message = arena_printf(&c->arena, "stage '%s': %s", stage, why);
    return ERR(err, config ? ERR_INVALID : ERR_FAILED, "%.400s", why);
}

/* "deploy" for a model that no endpoint serves, else "promote". */
static void next_command(struct cli *c, const struct json *run)
{
    const struct json *model;
    const struct json *name = out_path(run, "model_versions.0.name"),
                      *version = out_path(run, "model_versions.0.version");
    struct err ignored = ERR_INIT;
    if (c->quiet || !name || name->type != JSON_STRING)
        return;
    if (client_get(c,
                   arena_printf(&c->arena, "/api/v1/models/%s", client_escape(c, name->string.p)),
                   &model, &ignored) != 0)
        return;
    const struct json *endpoint = out_path(model, "endpoints.0");
    if (endpoint && endpoint->type == JSON_STRING)
        term_note(c, "→ slipway model compare %s    → slipway promote %s", name->string.p,
                  endpoint->string.p);
    else
        term_note(c, "→ slipway deploy %s", ref_model(c, name, version));
}

static int report(struct cli *c, struct follow *f, struct err *err)
{
    const struct json *run;
    int rc = client_get(c, arena_printf(&c->arena, "/api/v1/runs/%s", f->id), &run, err);
    if (!rc)
        rc = out_object(c, run, run_report, err);
    if (!rc)
        rc = term_flush(c, err);
    if (rc)
        return rc;
    if (strcmp(f->status, "FINISHED") != 0)
        return end_failed(c, f, run, err);
    next_command(c, run);
    return 0;
}

static int cancel_named(struct cli *c, struct err *err)
{
    struct ref r;
    struct reply reply;
    char *target;
    int rc = ref_parse(c, cli_get(c, "cancel"), REF_RUN, &r, err);
    if (!rc)
        rc = ref_run_target(c, &r, &target, err);
    if (!rc)
        rc = client_call(c, "POST", arena_printf(&c->arena, "%s:cancel", target), STR("{}"), &reply,
                         err);
    return rc ? rc : out_object(c, &reply.json, run_show, err);
}

int cmd_run(struct cli *c, struct err *err)
{
    struct buf body;
    struct reply r;
    if (cli_get(c, "cancel"))
        return cancel_named(c, err);
    buf_init(&body, LIMIT_BODY_CONTROL);
    int rc = build_body(c, &body, err);
    if (!rc) {
        term_catch_interrupt();
        rc = client_call(c, "POST", "/api/v1/runs", buf_view(&body), &r, err);
    }
    buf_fini(&body);
    if (rc)
        return rc;
    if (cli_count(c, "dry-run"))
        return print_plan(c, &r.json, err);
    struct follow f = { .id = json_get_string(&r.json, "run_id", ""), .status = "RUNNING" };
    if (!*f.id)
        return ERR(err, ERR_INTERNAL, "the answer has no run_id");
    if (cli_count(c, "detach")) {
        rc = out_object(c, &r.json, run_started, err);
        term_note(c, "→ follow: slipway exp show %.8s    → stop: slipway run --cancel %.8s", f.id,
                  f.id);
        return rc;
    }
    rc = follow(c, &f, err);
    return rc ? rc : report(c, &f, err);
}
