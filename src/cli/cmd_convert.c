/* SPDX-License-Identifier: Apache-2.0
 * model convert: a scikit-learn pickle to ONNX, in the user's own Python. The version's files are
 * fetched into a temporary folder, convert.py runs there as a fenced child, and the ONNX file that
 * it leaves is attached through the API. Nothing here reads the pickle. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/limits.h"
#include "cli/child.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/refs.h"
#include "cli/term.h"

extern const char convert_script[], convert_script_end[];

enum { DEPTH_MAX = 8, FILES_MAX = 1000, TIME_MAX_S = 86400, LAST_LINES_BYTES = 1500 };

#define PROXY "/api/2.0/mlflow-artifacts/artifacts"

struct work {
    struct cli *c;
    const char *name, *version, *shown;
    const char *dir;   /* ours, temporary */
    const char *model; /* folder of the model's files */
    const char *python;
    int64_t limit_s;
    size_t files;
};

/* ---- fetching ---- */

static const char *escape_path(struct cli *c, const char *path)
{
    struct buf b;
    buf_init(&b, KIB(64));
    for (const char *p = path; *p;) {
        size_t n = strcspn(p, "/");
        buf_puts(&b, client_escape(c, arena_strndup(&c->arena, p, n)));
        p += n;
        if (*p)
            buf_putc(&b, *p++);
    }
    const char *out = arena_strndup(&c->arena, b.p ? b.p : "", b.n);
    buf_fini(&b);
    return out;
}

static int fetch_file(struct work *w, const char *from, const char *to, struct err *err)
{
    struct reply r;
    if (++w->files > FILES_MAX)
        return ERR(err, ERR_LIMIT, "the model has more than %d files", FILES_MAX);
    int rc =
        client_call(w->c, "GET", arena_printf(&w->c->arena, PROXY "/%s", escape_path(w->c, from)),
                    (str_t){ 0 }, &r, err);
    return rc ? rc : fs_write_cache(to, r.body, err);
}

static int fetch_folder(struct work *w, const char *from, const char *to, int depth,
                        struct err *err)
{
    const struct json *answer;
    struct arena *a = &w->c->arena;
    if (depth > DEPTH_MAX)
        return ERR(err, ERR_LIMIT, "the model's folder is nested more than %d deep", DEPTH_MAX);
    int rc = fs_mkdirs(to, err);
    if (!rc)
        rc = client_get(w->c, arena_printf(a, PROXY "?path=%s", client_escape(w->c, from)), &answer,
                        err);
    const struct json *files = rc ? NULL : json_get(answer, "files");
    for (size_t i = 0; !rc && files && files->type == JSON_ARRAY && i < files->n; i++) {
        const char *path = json_get_string(&files->items[i], "path", ""),
                   *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
        if (!fs_is_safe_relative(str_of(base)))
            return ERR(err, ERR_CORRUPT, "the model has a file of the unsafe name '%.100s'", path);
        const char *source = arena_printf(a, "%s/%s", from, base), *target = fs_join(a, to, base);
        rc = json_get_bool(&files->items[i], "is_dir", 0)
                 ? fetch_folder(w, source, target, depth + 1, err)
                 : fetch_file(w, source, target, err);
    }
    return rc;
}

/* Where the version's files lie: behind the server's proxy, or in a folder of this machine. */
static int fetch_model(struct work *w, struct err *err)
{
    static const char proxied[] = "mlflow-artifacts:/", file[] = "file:";
    const struct json *answer;
    struct cli *c = w->c;
    int rc = client_get(c,
                        arena_printf(&c->arena,
                                     "/api/2.0/mlflow/model-versions/get-download-uri?name=%s"
                                     "&version=%s",
                                     client_escape(c, w->name), client_escape(c, w->version)),
                        &answer, err);
    if (rc)
        return rc;
    const char *uri = json_get_string(answer, "artifact_uri", "");
    w->model = fs_join(&c->arena, w->dir, "model");
    if (str_starts(str_of(uri), proxied)) {
        const char *path = uri + sizeof proxied - 1;
        rc = fetch_folder(w, path + strspn(path, "/"), w->model, 0, err);
    } else if (str_starts(str_of(uri), file) || uri[0] == '/') {
        const char *path = uri[0] == '/' ? uri : uri + sizeof file - 1;
        while (path[0] == '/' && path[1] == '/')
            path++;
        w->model = path;
    } else {
        return ERR(
            err, ERR_INVALID,
            "the files of %s lie at '%.200s'; only the server's own artifacts and folders of "
            "this machine can be converted",
            w->shown, uri);
    }
    if (!rc && !fs_exists(fs_join(&c->arena, w->model, "MLmodel")))
        rc = ERR(err, ERR_NOT_FOUND,
                 "%s was not logged by an MLflow client: there is no MLmodel file at '%.200s'",
                 w->shown, uri);
    return rc;
}

/* ---- converting ---- */

/* The end of what it said, where Python tells what went wrong. */
static const char *last_words(const struct child_end *end)
{
    size_t n = strlen(end->text);
    return n > LAST_LINES_BYTES ? end->text + n - LAST_LINES_BYTES : end->text;
}

static int judge(struct work *w, const struct child_end *end, struct err *err)
{
    struct cli *c = w->c;
    str_t text;
    struct json report = { .type = JSON_NULL };
    const char *path = fs_join(&c->arena, w->dir, "report.json");
    if (end->timed_out)
        return ERR(err, ERR_TIMEOUT,
                   "converting %s took longer than %lld s and was stopped; nothing is attached "
                   "(--time-limit gives it more)",
                   w->shown, (long long)w->limit_s);
    if (end->signal)
        return ERR(
            err, ERR_FAILED,
            "Python crashed (signal %d) while it loaded or converted %s; nothing is attached",
            end->signal, w->shown);
    int rc = fs_exists(path) ? fs_read(&c->arena, path, MIB(1), &text, err) : ERR_NOT_FOUND;
    if (!rc)
        rc = json_parse(&c->arena, text, NULL, &report, err);
    if (rc && rc != ERR_NOT_FOUND)
        return err_prefix(err, rc, "the report of the conversion");
    const char *said = json_get_string(&report, "error", NULL);
    if (said) {
        c->message = arena_printf(&c->arena, "%s: %s; nothing is attached", w->shown, said);
        return ERR(err, ERR_FAILED, "%s", c->message);
    }
    if (end->status != 0 || report.type != JSON_OBJECT) {
        if (end->text[0])
            term_note(c, "%s", last_words(end));
        return ERR(err, ERR_FAILED,
                   "'%s' ended with status %d and without a report; nothing is attached", w->python,
                   end->status);
    }
    return 0;
}

static int run_python(struct work *w, struct err *err)
{
    struct cli *c = w->c;
    struct child_end end;
    const char *script = fs_join(&c->arena, w->dir, "convert.py");
    str_t bytes = { convert_script, (size_t)(convert_script_end - convert_script) };
    int rc = fs_write_cache(script, bytes, err);
    if (rc)
        return rc;
    const char *argv[] = {
        w->python, script, w->model, w->dir, arena_printf(&c->arena, "%lld", (long long)w->limit_s),
        NULL
    };
    struct child_spec spec = { .argv = argv,
                               .dir = w->dir,
                               .timeout_ms = w->limit_s * 1000,
                               .fence_s = w->limit_s,
                               .waiting = arena_printf(&c->arena, "converting %s", w->shown) };
    rc = child_run(c, &spec, &end, err);
    if (rc && rc != ERR_CANCELLED)
        cli_hint(c, "--python names the Python that has the model's packages");
    return rc ? rc : judge(w, &end, err);
}

/* ---- attaching ---- */

static void show(struct cli *c, const struct json *v)
{
    const struct json *conversion = json_get(v, "conversion"),
                      *report = conversion ? json_get(conversion, "report") : NULL;
    const char *ref =
        ref_model_text(c, json_get_string(v, "name", ""), json_get_string(v, "version", ""));
    const char *reason = json_get_string(conversion, "reason", NULL);
    term_out(c, "%s has an ONNX model now, %s, sha256 %.12s\n", ref,
             out_bytes(c, json_get_int(v, "bytes", 0)), json_get_string(v, "digest", ""));
    if (report && report->type == JSON_OBJECT)
        term_out(c,
                 "It agrees with scikit-learn on %lld rows (%lld of the input example), %s "
                 "precision; largest difference %s\n",
                 (long long)json_get_int(report, "rows", 0),
                 (long long)json_get_int(report, "example_rows", 0),
                 json_get_string(report, "precision", "?"),
                 out_number(c, json_get_number(report, "max_difference", 0)));
    if (reason)
        term_out(c, "It cannot be deployed yet: %s\n", reason);
    else
        term_note(c, "→ slipway deploy %s", ref);
}

static int attach(struct work *w, struct err *err)
{
    struct cli *c = w->c;
    struct reply r;
    str_t onnx;
    int rc = fs_read(&c->arena, fs_join(&c->arena, w->dir, "model.onnx"), LIMIT_BODY_PREDICT, &onnx,
                     err);
    if (!rc)
        rc = client_call(c, "PUT",
                         arena_printf(&c->arena, "/api/v1/models/%s/versions/%s/onnx",
                                      client_escape(c, w->name), client_escape(c, w->version)),
                         onnx, &r, err);
    return rc ? rc : out_object(c, &r.json, show, err);
}

/* The number behind an alias or "latest", and whether there is something to convert. */
static int find_version(struct work *w, const struct ref *r, struct err *err)
{
    struct cli *c = w->c;
    const struct json *v;
    int rc = client_get(c,
                        arena_printf(&c->arena, "/api/v1/models/%s/versions/%s",
                                     client_escape(c, r->name), client_escape(c, r->version)),
                        &v, err);
    if (rc)
        return rc;
    const struct json *conversion = json_get(v, "conversion");
    w->name = r->name;
    w->version = json_get_string(v, "version", r->version);
    w->shown = ref_model_text(c, w->name, w->version);
    if (json_get_string(v, "digest", NULL) && (!conversion || conversion->type != JSON_OBJECT))
        return ERR(err, ERR_CONFLICT, "%s has a model file already; there is nothing to convert",
                   w->shown);
    return 0;
}

static const char *python_path(struct cli *c, struct err *err)
{
    const char *path = cli_get(c, "python");
    char here[4096];
    if (!path)
        return "python3";
    if (!strchr(path, '/') || path[0] == '/')
        return path;
    if (getcwd(here, sizeof here))
        return arena_printf(&c->arena, "%s/%s", here, path); /* the child works elsewhere */
    IGNORE(ERR_SYS(err, "cannot tell the working folder"));
    return NULL;
}

int cmd_model_convert(struct cli *c, struct err *err)
{
    struct work w = { .c = c };
    struct ref r;
    const char *tmp = getenv("TMPDIR");
    int rc = ref_parse(c, c->args[0], REF_MODEL, &r, err);
    if (!rc && !r.version)
        rc = ERR(err, ERR_INVALID, "which version of '%s'? write %s:1 or models:/%s/1", r.name,
                 r.name, r.name);
    if (!rc)
        rc = cli_get_int(c, "time-limit", 300, 1, TIME_MAX_S, &w.limit_s, err);
    if (!rc)
        rc = (w.python = python_path(c, err)) ? 0 : err->code;
    if (!rc)
        rc = find_version(&w, &r, err);
    if (rc)
        return rc;
    char *dir =
        arena_printf(&c->arena, "%s/slipway-convert-XXXXXX", tmp && *tmp == '/' ? tmp : "/tmp");
    if (!mkdtemp(dir))
        return ERR_SYS(err, "cannot make a temporary folder '%s'", dir);
    w.dir = dir;
    term_catch_interrupt();
    rc = fetch_model(&w, err);
    if (!rc)
        rc = run_python(&w, err);
    if (!rc)
        rc = attach(&w, err);
    IGNORE(fs_remove_tree(dir, NULL));
    return rc;
}
