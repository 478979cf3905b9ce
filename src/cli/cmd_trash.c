/* SPDX-License-Identifier: Apache-2.0
 * trash, and rm, restore, purge, mv, cp, tag, note of experiments, runs, models and versions. A
 * bare word of `slipway exp …` is an experiment here; a run is written run/ID. */
#include <stdio.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/lists.h"
#include "cli/output.h"
#include "cli/refs.h"
#include "cli/term.h"

/* One thing that a command works on. */
struct thing {
    char *path;       /* of the API */
    const char *name; /* for people: run/4f2a…, experiment name, model:3 */
    int is_run;
};

static const char *done_text; /* of show_done; one command a process */

static void show_done(struct cli *c, const struct json *v)
{
    (void)v;
    term_out(c, "%s\n", done_text);
}

/* {"key":"value"…} of pairs; a NULL value is left out. */
static str_t body_of(struct cli *c, const char *const *pairs, size_t n)
{
    struct buf b;
    struct json_out o;
    buf_init(&b, MIB(2));
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

static int ask_for(struct cli *c, const char *method, const char *target, str_t body,
                   const char *text, struct err *err)
{
    struct reply r;
    int rc = client_call(c, method, target, body, &r, err);
    done_text = text;
    return rc ? rc : out_object(c, &r.json, show_done, err);
}

static const char *with_reason(struct cli *c, const char *path)
{
    const char *reason = cli_get(c, "reason");
    return reason ? arena_printf(&c->arena, "%s?reason=%s", path, client_escape(c, reason)) : path;
}

/* ---- what is meant ---- */

static int exp_thing(struct cli *c, const char *text, struct thing *out, struct err *err)
{
    struct ref r;
    str_t s = str_of(text);
    *out = (struct thing){ .name = text };
    if (!str_starts(s, "run/") && !str_starts(s, "runs:/")) {
        if (str_starts(s, "experiment/"))
            text += strlen("experiment/");
        out->path = arena_printf(&c->arena, "/api/v1/experiments/%s", client_escape(c, text));
        return 0;
    }
    int rc = ref_parse(c, text, REF_RUN, &r, err);
    out->is_run = 1;
    return rc ? rc : ref_run_target(c, &r, &out->path, err);
}

static int model_thing(struct cli *c, const char *text, struct thing *out, struct err *err)
{
    struct ref r;
    int rc = ref_parse(c, text, REF_MODEL, &r, err);
    if (rc)
        return rc;
    *out = (struct thing){ .name = r.name };
    out->path = arena_printf(&c->arena, "/api/v1/models/%s", client_escape(c, r.name));
    if (r.version) {
        out->name = ref_model_text(c, r.name, r.version);
        out->path =
            arena_printf(&c->arena, "%s/versions/%s", out->path, client_escape(c, r.version));
    }
    return 0;
}

typedef int (*thing_fn)(struct cli *c, const char *text, struct thing *out, struct err *err);

/* ---- rm, restore ---- */

static int remove_things(struct cli *c, thing_fn find, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < c->arg_n; i++) {
        struct thing t;
        rc = find(c, c->args[i], &t, err);
        if (!rc)
            rc = ask_for(c, "DELETE", with_reason(c, t.path), (str_t){ 0 },
                         arena_printf(&c->arena, "%s is in the trash", t.name), err);
    }
    if (!rc)
        term_note(c, "→ slipway %.*s restore %s", (int)strcspn(c->command->name, " "),
                  c->command->name, c->args[0]);
    return rc;
}

static int restore_things(struct cli *c, thing_fn find, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < c->arg_n; i++) {
        struct thing t;
        rc = find(c, c->args[i], &t, err);
        if (!rc)
            rc = ask_for(c, "POST", with_reason(c, arena_printf(&c->arena, "%s:restore", t.path)),
                         STR("{}"), arena_printf(&c->arena, "%s is back", t.name), err);
    }
    return rc;
}

int cmd_exp_rm(struct cli *c, struct err *err)
{
    return remove_things(c, exp_thing, err);
}

int cmd_exp_restore(struct cli *c, struct err *err)
{
    return restore_things(c, exp_thing, err);
}

int cmd_model_rm(struct cli *c, struct err *err)
{
    return remove_things(c, model_thing, err);
}

int cmd_model_restore(struct cli *c, struct err *err)
{
    return restore_things(c, model_thing, err);
}

/* ---- purge ---- */

/* The word typed on the terminal, or NULL when nobody can be asked. */
static const char *ask_word(struct cli *c, const char *name)
{
    char line[1100];
    if (cli_count(c, "no-input") || !c->err_is_tty || !isatty(STDIN_FILENO))
        return NULL;
    term_say(c, "This cannot be undone. Type %s to remove it for good:", name);
    if (!fgets(line, sizeof line, stdin))
        return NULL;
    str_t word = str_trim(str_of(line));
    return arena_strndup(&c->arena, word.p, word.n);
}

static int purge_thing(struct cli *c, const struct thing *t, const char *name, struct err *err)
{
    const char *word = cli_get(c, "confirm");
    if (!word)
        word = ask_word(c, name);
    if (!word || strcmp(word, name) != 0) {
        cli_hint(c, "add --confirm=%s", name);
        return ERR(err, ERR_INVALID, "removing %s for good must be confirmed with its name", name);
    }
    const char *pairs[] = { "confirm", name };
    int rc = ask_for(c, "POST", arena_printf(&c->arena, "%s:purge", t->path),
                     body_of(c, pairs, ARRAY_LEN(pairs)),
                     arena_printf(&c->arena, "%s is gone for good", t->name), err);
    if (!rc)
        term_note(c, "→ slipway admin gc frees the bytes that nothing refers to any more");
    return rc;
}

int cmd_exp_purge(struct cli *c, struct err *err)
{
    struct thing t;
    const struct json *v;
    int rc = exp_thing(c, c->args[0], &t, err);
    if (!rc)
        rc = client_get(c, t.path, &v, err);
    return rc ? rc : purge_thing(c, &t, json_get_string(v, t.is_run ? "run_id" : "name", ""), err);
}

int cmd_model_purge(struct cli *c, struct err *err)
{
    struct thing t;
    int rc = model_thing(c, c->args[0], &t, err);
    return rc ? rc : purge_thing(c, &t, t.name, err);
}

int cmd_trash(struct cli *c, struct err *err)
{
    return list_print(c, "/api/v1/trash", NULL, NULL, 0, err);
}

/* ---- mv, cp ---- */

static int move_runs(struct cli *c, const char *verb, const char *told, struct err *err)
{
    const char *to = c->args[c->arg_n - 1];
    int rc = 0;
    if (str_starts(str_of(to), "experiment/"))
        to += strlen("experiment/");
    const char *pairs[] = { "experiment", to };
    for (size_t i = 0; !rc && i + 1 < c->arg_n; i++) {
        struct ref r;
        char *path;
        rc = ref_parse(c, c->args[i], REF_RUN, &r, err);
        if (!rc)
            rc = ref_run_target(c, &r, &path, err);
        if (!rc)
            rc = ask_for(c, "POST", with_reason(c, arena_printf(&c->arena, "%s:%s", path, verb)),
                         body_of(c, pairs, ARRAY_LEN(pairs)),
                         arena_printf(&c->arena, "run/%s %s %s", strrchr(path, '/') + 1, told, to),
                         err);
    }
    return rc;
}

int cmd_exp_mv(struct cli *c, struct err *err)
{
    return move_runs(c, "move", "is now in", err);
}

int cmd_exp_cp(struct cli *c, struct err *err)
{
    return move_runs(c, "copy", "was copied to", err);
}

int cmd_exp_create(struct cli *c, struct err *err)
{
    const char *pairs[] = { "name", c->args[0], "description", cli_get(c, "description") };
    return ask_for(c, "POST", "/api/v1/experiments", body_of(c, pairs, ARRAY_LEN(pairs)),
                   arena_printf(&c->arena, "experiment %s is there", c->args[0]), err);
}

int cmd_exp_rename(struct cli *c, struct err *err)
{
    struct thing t;
    const char *pairs[] = { "name", c->args[1] };
    int rc = exp_thing(c, c->args[0], &t, err);
    if (!rc && t.is_run)
        return ERR(err, ERR_INVALID,
                   "a run is renamed by its tag: slipway exp tag %s "
                   "mlflow.runName=%s",
                   c->args[0], c->args[1]);
    return rc ? rc
              : ask_for(c, "PATCH", t.path, body_of(c, pairs, ARRAY_LEN(pairs)),
                        arena_printf(&c->arena, "%s is now %s", t.name, c->args[1]), err);
}

/* ---- tag, note ---- */

/* KEY=VALUE sets, KEY with --delete removes. */
static int tag_thing(struct cli *c, const struct thing *t, struct err *err)
{
    int rc = 0;
    for (size_t i = 1; !rc && i < c->arg_n; i++) {
        str_t key, value = { 0 }, word = str_of(c->args[i]);
        int has_value = str_cut(word, '=', &key, &value);
        const char *k = has_value ? arena_strndup(&c->arena, key.p, key.n) : c->args[i];
        const char *path = arena_printf(&c->arena, "%s/tags/%s", t->path, client_escape(c, k));
        if (cli_count(c, "delete")) {
            rc = ask_for(c, "DELETE", path, (str_t){ 0 },
                         arena_printf(&c->arena, "%s has no tag %s", t->name, k), err);
        } else if (!has_value) {
            rc = ERR(err, ERR_INVALID, "'%.200s' is not KEY=VALUE; --delete removes a tag", k);
        } else {
            const char *pairs[] = { "value", arena_strndup(&c->arena, value.p, value.n) };
            rc = ask_for(c, "PUT", path, body_of(c, pairs, ARRAY_LEN(pairs)),
                         arena_printf(&c->arena, "%s: %s", t->name, c->args[i]), err);
        }
    }
    return rc;
}

int cmd_exp_tag(struct cli *c, struct err *err)
{
    struct thing t;
    int rc = exp_thing(c, c->args[0], &t, err);
    return rc ? rc : tag_thing(c, &t, err);
}

int cmd_model_tag(struct cli *c, struct err *err)
{
    struct thing t;
    int rc = model_thing(c, c->args[0], &t, err);
    return rc ? rc : tag_thing(c, &t, err);
}

int cmd_exp_note(struct cli *c, struct err *err)
{
    struct thing t;
    int rc = exp_thing(c, c->args[0], &t, err);
    if (rc)
        return rc;
    const char *pairs[] = { t.is_run ? "value" : "description", c->args[1] };
    const char *path =
        t.is_run ? arena_printf(&c->arena, "%s/tags/mlflow.note.content", t.path) : t.path;
    return ask_for(c, t.is_run ? "PUT" : "PATCH", path, body_of(c, pairs, ARRAY_LEN(pairs)),
                   arena_printf(&c->arena, "%s has a note", t.name), err);
}

/* ---- models ---- */

int cmd_model_rename(struct cli *c, struct err *err)
{
    struct thing t;
    const char *pairs[] = { "name", c->args[1] };
    int rc = model_thing(c, c->args[0], &t, err);
    return rc ? rc
              : ask_for(c, "POST", with_reason(c, arena_printf(&c->arena, "%s:rename", t.path)),
                        body_of(c, pairs, ARRAY_LEN(pairs)),
                        arena_printf(&c->arena, "model %s is now %s", t.name, c->args[1]), err);
}

int cmd_model_register(struct cli *c, struct err *err)
{
    const char *name = c->args[0], *source = c->arg_n > 1 ? c->args[1] : NULL;
    const char *run = cli_get(c, "run"), *text = cli_get(c, "description");
    if (!source && !run) {
        const char *pairs[] = { "name", name, "description", text };
        return ask_for(c, "POST", "/api/v1/models", body_of(c, pairs, ARRAY_LEN(pairs)),
                       arena_printf(&c->arena, "model %s is there, without a version", name), err);
    }
    if (run && str_starts(str_of(run), "run/"))
        run += strlen("run/");
    const char *pairs[] = { "source", source, "run_id", run, "description", text };
    struct reply r;
    int rc = client_call(
        c, "POST", arena_printf(&c->arena, "/api/v1/models/%s/versions", client_escape(c, name)),
        body_of(c, pairs, ARRAY_LEN(pairs)), &r, err);
    if (rc)
        return rc;
    done_text = ref_model_text(c, name, json_get_string(&r.json, "version", "?"));
    return out_object(c, &r.json, show_done, err);
}

/* "2026-11-25", "2026-11-25T08:30", "…:15" and a 'Z' (UTC), or milliseconds. */
static int parse_when(const char *text, int64_t *out, struct err *err)
{
    int64_t part[6] = { 0, 1, 1, 0, 0, 0 };
    const char *p = text;
    size_t n = 0;
    int digits_only = *text && strspn(text, "0123456789") == strlen(text);
    while (n < 6 && *p >= '0' && *p <= '9') {
        size_t k = strspn(p, "0123456789");
        int64_t v = 0;
        for (size_t i = 0; i < k && i < 18; i++)
            v = v * 10 + (p[i] - '0');
        part[n++] = v;
        p += k;
        if (*p && strchr("-T: ", *p))
            p++;
    }
    if (digits_only) {
        *out = part[0];
        return strlen(text) <= 18 ? 0 : ERR(err, ERR_INVALID, "'%.40s' is no time", text);
    }
    if (*p == 'Z')
        p++;
    if (*p || n < 3 || part[0] < 1970 || part[0] > 9999 || part[1] < 1 || part[1] > 12 ||
        part[2] < 1 || part[2] > 31 || part[3] > 23 || part[4] > 59 || part[5] > 60)
        return ERR(err, ERR_INVALID,
                   "'%.40s' is no time; write 2026-11-25T08:30Z (UTC) or milliseconds", text);
    /* Days since 1970 of the civil calendar, years that begin in March. */
    int64_t y = part[0] - (part[1] <= 2), m = (part[1] + 9) % 12;
    int64_t days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + part[2] - 1 - 719468;
    *out = (((days * 24 + part[3]) * 60 + part[4]) * 60 + part[5]) * 1000;
    return 0;
}

static void show_alias(struct cli *c, const struct json *v)
{
    const char *version = json_get_string(v, "version", NULL);
    const struct json *moves = json_get(v, "history");
    if (!cli_count(c, "history")) {
        term_out(c, "%s\n",
                 version ? ref_model_text(c, json_get_string(v, "name", ""), version) : "nowhere");
        return;
    }
    for (size_t i = 0; moves && i < moves->n; i++) {
        const struct json *m = &moves->items[i];
        const char *reason = json_get_string(m, "reason", NULL);
        term_out(c, "%-8s %s  %s%s%s\n", json_get_string(m, "version", "removed"),
                 out_time(c, json_get_int(m, "time_ms", 0)), json_get_string(m, "actor", ""),
                 reason ? ": " : "", reason ? reason : "");
    }
}

int cmd_model_alias(struct cli *c, struct err *err)
{
    const char *at = cli_get(c, "at"), *name = c->args[0], *alias = c->args[1];
    const struct json *v;
    int64_t ms = 0;
    const char *path = arena_printf(&c->arena, "/api/v1/models/%s/aliases/%s",
                                    client_escape(c, name), client_escape(c, alias));
    int changes = c->arg_n > 2 || cli_count(c, "delete");
    if (changes && (at || cli_count(c, "history") || (c->arg_n > 2 && cli_count(c, "delete"))))
        return ERR(err, ERR_INVALID, "either set, delete or ask: not several at once");
    if (cli_count(c, "delete"))
        return ask_for(c, "DELETE", path, (str_t){ 0 },
                       arena_printf(&c->arena, "%s has no alias %s", name, alias), err);
    if (c->arg_n > 2) {
        const char *pairs[] = { "version", c->args[2], "reason", cli_get(c, "reason") };
        return ask_for(c, "PUT", path, body_of(c, pairs, ARRAY_LEN(pairs)),
                       arena_printf(&c->arena, "%s@%s is version %s", name, alias, c->args[2]),
                       err);
    }
    int rc = at ? parse_when(at, &ms, err) : 0;
    if (!rc)
        rc = client_get(c, at ? arena_printf(&c->arena, "%s?at=%lld", path, (long long)ms) : path,
                        &v, err);
    return rc ? rc : out_object(c, v, show_alias, err);
}

/* ---- admin gc ---- */

static void show_gc(struct cli *c, const struct json *v)
{
    const struct json *items = json_get(v, "items");
    int removed = json_get_bool(v, "removed", 0);
    for (size_t i = 0; items && i < items->n; i++) {
        const struct json *x = &items->items[i];
        const struct json *bytes = json_get(x, "bytes");
        term_out(c, "%-6s %10s  %s\n", json_get_string(x, "kind", ""),
                 bytes && bytes->type == JSON_NUMBER ? out_bytes(c, json_get_int(x, "bytes", 0))
                                                     : "",
                 json_get_string(x, "name", ""));
    }
    term_out(c, "%s %lld blobs (%s) and %lld folders; %lld blobs (%s) are in use, %lld too young\n",
             removed ? "removed" : "would remove", (long long)json_get_int(v, "blobs", 0),
             out_bytes(c, json_get_int(v, "bytes", 0)), (long long)json_get_int(v, "folders", 0),
             (long long)json_get_int(v, "kept", 0), out_bytes(c, json_get_int(v, "kept_bytes", 0)),
             (long long)json_get_int(v, "young", 0));
}

int cmd_admin_gc(struct cli *c, struct err *err)
{
    struct reply r;
    int yes = cli_count(c, "yes") > 0;
    int rc =
        client_call(c, "POST", "/api/v1/gc", yes ? STR("{\"remove\":true}") : STR("{}"), &r, err);
    if (!rc)
        rc = out_object(c, &r.json, show_gc, err);
    if (!rc && !yes && json_get_int(&r.json, "blobs", 0) + json_get_int(&r.json, "folders", 0))
        term_note(c, "→ slipway admin gc --yes removes them");
    return rc;
}
