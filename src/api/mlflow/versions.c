/* SPDX-License-Identifier: Apache-2.0
 * /mlflow/model-versions: create with checks of the source, read, change, stages, tags. */
#include <regex.h>
#include <stdio.h>
#include <strings.h>

#include "api/mlflow/artifact_files.h"
#include "api/mlflow/registry.h"
#include "base/fs.h"
#include "base/num.h"
#include "base/rng.h"
#include "track/logged_model.h"

enum { TAG_KEY_MAX = 250, TAG_VALUE_MAX = 100000 };

/* ---- shared ---- */

int mlf__version(struct mlf *m, struct tx *tx, const char *name, const char *version,
                 struct version *out)
{
    int64_t number = -1;
    int rc = mlf_check_model_name(m, name);
    if (!rc && parse_i64(str_trim(str_of(version)), &number))
        rc = mlf_fail(m, MLF_INVALID, "Parameter 'version' must be an integer, got '%s'.", version);
    if (!rc)
        rc = version_get(tx, m->a, cause_project(&m->by), name, number, out, m->err);
    if (rc == ERR_NOT_FOUND)
        rc = mlf_fail(m, MLF_MISSING, "Model Version (name=%s, version=%s) not found", name,
                      version);
    return rc;
}

static const char *or_empty(const char *z)
{
    return z ? z : "";
}

int mlf__write_version(struct mlf *m, struct tx *tx, const struct version *v, int with_aliases)
{
    struct json_out *o = &m->out;
    struct track_pair *tags;
    const char **aliases = NULL;
    size_t tag_n, alias_n = 0;
    int rc = version_tags(tx, m->a, v, &tags, &tag_n, m->err);
    if (!rc && with_aliases)
        rc = version_aliases(tx, m->a, v, &aliases, &alias_n, m->err);
    if (rc)
        return rc;
    jo_object(o);
    jo_kv_cstr(o, "name", v->model);
    jo_kv_cstr(o, "version", arena_printf(m->a, "%lld", (long long)v->number));
    jo_kv_int(o, "creation_timestamp", v->creation_time_ms);
    jo_kv_int(o, "last_updated_timestamp", v->last_update_time_ms);
    jo_kv_cstr(o, "current_stage", v->stage);
    jo_kv_cstr(o, "description", v->description);
    jo_kv_cstr(o, "source", v->source);
    jo_kv_cstr(o, "run_id", or_empty(v->run_id));
    jo_kv_cstr(o, "status", v->status);
    mlf_write_tags(o, "tags", tags, tag_n);
    jo_kv_cstr(o, "run_link", or_empty(v->run_link));
    if (alias_n) {
        jo_key(o, "aliases");
        jo_array(o);
        for (size_t i = 0; i < alias_n; i++)
            jo_cstr(o, aliases[i]);
        jo_array_end(o);
    }
    jo_object_end(o);
    return 0;
}

static int answer(struct mlf *m, struct tx *tx, const char *name, int64_t number)
{
    struct version v;
    int rc = version_get(tx, m->a, cause_project(&m->by), name, number, &v, m->err);
    if (rc)
        return rc;
    jo_key(mlf_begin(m), "model_version");
    return mlf__write_version(m, tx, &v, 1);
}

int mlf__storage(struct mlf *m, struct tx *tx, const struct version *v, const char **out)
{
    const char *text;
    struct json value;
    int rc = version_section(tx, m->a, v, VERSION_STORAGE, &text, m->err);
    *out = v->source;
    if (!rc && text && json_parse(m->a, str_of(text), NULL, &value, NULL) == 0 &&
        value.type == JSON_STRING)
        *out = value.string.p;
    return rc;
}

/* ---- the source of a new version ---- */

static int bad_source(struct mlf *m, const char *source)
{
    return mlf_fail(m, MLF_INVALID,
                    "Invalid model version source: '%s'. If supplying a source as an http, https, "
                    "local file path, ftp, objectstore, or mlflow-artifacts uri, an absolute path "
                    "must be provided without relative path references present. Please provide an "
                    "absolute path.",
                    source);
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Percent-decoding ('+' is a blank) until nothing changes; NULL when a NUL byte appears. */
static const char *decoded(struct arena *a, const char *text)
{
    char *s = arena_strdup(a, text);
    for (int changed = 1; changed;) {
        size_t k = 0, n = strlen(s);
        changed = 0;
        for (size_t i = 0; i < n; i++) {
            int high = s[i] == '%' && i + 2 < n ? hex_value(s[i + 1]) : -1;
            int low = high >= 0 ? hex_value(s[i + 2]) : -1;
            if (low >= 0 && !high && !low)
                return NULL;
            changed |= low >= 0 || s[i] == '+';
            char c = low >= 0 ? (char)(high << 4 | low) : s[i] == '+' ? ' ' : s[i];
            i += low >= 0 ? 2 : 0;
            s[k++] = c;
        }
        s[k] = '\0';
    }
    return s;
}

/* The path of a URI, without authority, query and fragment. */
static const char *path_of(struct arena *a, const char *uri)
{
    const char *colon = mlf_is_local_uri(uri) ? NULL : strchr(uri, ':');
    const char *at = colon ? colon + 1 : uri;
    if (strncmp(at, "//", 2) == 0) {
        at += 2;
        at += strcspn(at, "/?#");
    }
    return arena_strndup(a, at, strcspn(at, "?#"));
}

static int has_parent(const char *text)
{
    str_t rest = str_of(text), one;
    for (int more = 1; more;) {
        more = str_cut(rest, '/', &one, &rest);
        if (str_is(more ? one : rest, ".."))
            return 1;
    }
    return 0;
}

static int check_remote(struct mlf *m, const char *source)
{
    const char *plain = decoded(m->a, source);
    if (!plain || has_parent(plain))
        return bad_source(m, source);
    const char *path = path_of(m->a, plain);
    char *flat = arena_strdup(m->a, path);
    size_t k = 0;
    for (size_t i = 0; path[i]; i++) /* many slashes are one */
        if (path[i] != '/' || !k || flat[k - 1] != '/')
            flat[k++] = path[i];
    while (k && flat[k - 1] == '/')
        k--;
    flat[k] = '\0';
    if (flat[0] != '/' || strcmp(mlf_normpath(m->a, flat), flat) != 0)
        return bad_source(m, source);
    return 0;
}

static int is_inside(struct mlf *m, const char *folder_uri, const char *path)
{
    if (!mlf_is_local_uri(folder_uri))
        return 0;
    const char *folder = mlf_normpath(m->a, mlf_local_path(m->a, folder_uri));
    size_t n = strlen(folder);
    return folder[0] == '/' && strncmp(path, folder, n) == 0 && (path[n] == '/' || !path[n]);
}

/* "file://host/path": the host of another machine, of which Python says so with status 500. */
static int check_host(struct mlf *m, const char *source)
{
    static const char *const local[] = { ".", "localhost", "127.0.0.1" };
    if (strncmp(source, "file://", 7) != 0 || source[7] == '/' || !source[7])
        return 0;
    str_t host = { source + 7, strcspn(source + 7, "/?#") };
    for (size_t i = 0; i < ARRAY_LEN(local); i++)
        if (i ? str_starts(host, local[i]) : str_is(host, local[i]))
            return 0;
    return mlf_fail(m, "INTERNAL_ERROR",
                    "%s is not a valid remote uri. For remote access on windows, please consider "
                    "using a different scheme such as SMB (e.g. smb://<hostname>/<path>).",
                    source);
}

static int check_local(struct mlf *m, struct tx *tx, const char *source, const char *run_id,
                       const char *model_id)
{
    const char *path = source;
    struct run r;
    struct logged_model lm;
    const char *field = *model_id ? "model_id" : "run_id";
    if (*model_id || *run_id) {
        int rc = *model_id ? logged_model_get(tx, m->a, model_id, &lm, m->err)
                           : mlf_run(m, tx, run_id, 0, &r);
        if (rc)
            return rc;
        path = mlf_normpath(m->a, mlf_local_path(m->a, source));
        if (is_inside(m, *model_id ? lm.artifact_location : r.artifact_uri, path))
            return 0;
    }
    return mlf_fail(m, MLF_INVALID,
                    "Invalid model version source: '%s'. To use a local path as a model version "
                    "source, the %s request parameter has to be specified and the local path has "
                    "to be contained within the artifact directory of the run specified by the %s.",
                    path, field, field);
}

/* What the server's owner allows, if he says so; the pattern was checked at the start. */
static int check_pattern(struct mlf *m, const char *source)
{
    regex_t regex;
    const char *text = app_of(m->rq)->options.source_regex;
    if (!text || regcomp(&regex, text, REG_EXTENDED | REG_NOSUB))
        return 0;
    int matches = regexec(&regex, source, 0, NULL, 0) == 0;
    regfree(&regex);
    return matches ? 0 : mlf_fail(m, MLF_INVALID, "Invalid model version source: '%s'.", source);
}

static int check_source(struct mlf *m, struct tx *tx, const char *source, int prompt)
{
    int rc = check_pattern(m, source);
    if (rc)
        return rc;
    if (prompt) {
        if (strncasecmp(source, "file:", 5) == 0 || source[0] == '/')
            return mlf_fail(m, MLF_INVALID,
                            "Invalid prompt source: '%s'. Local source paths are not allowed for "
                            "prompts.",
                            source);
        return mlf_is_local_uri(source) ? 0 : check_remote(m, source);
    }
    if (!mlf_is_local_uri(source))
        return check_remote(m, source);
    rc = check_host(m, source);
    if (rc)
        return rc;
    return check_local(m, tx, source, mlf_str(m, "run_id"), mlf_str(m, "model_id"));
}

/* "models:/m-…" and "models:/name/3" name what is there already. */
static int resolve(struct mlf *m, struct tx *tx, const char *source, const char **out_storage,
                   const char **run_id)
{
    struct logged_model lm;
    struct version v;
    str_t name, number;
    int rc;
    *out_storage = source;
    if (strncmp(source, "models:/", 8) != 0)
        return 0;
    const char *rest = source + 8 + strspn(source + 8, "/");
    if (!strchr(rest, '/')) {
        rc = logged_model_get(tx, m->a, rest, &lm, m->err);
        if (!rc) {
            *out_storage = lm.artifact_location;
            *run_id = **run_id ? *run_id : lm.source_run_id;
        }
    } else {
        (void)str_cut(str_of(rest), '/', &name, &number);
        rc = mlf__version(m, tx, arena_strndup(m->a, name.p, name.n), number.p, &v);
        if (!rc)
            rc = mlf__storage(m, tx, &v, out_storage);
    }
    if (rc == ERR_NOT_FOUND || m->code)
        return mlf_fail(m, MLF_MISSING,
                        "Unable to fetch model from model URI source artifact location "
                        "'%s'.Error: %s",
                        source, m->failure ? m->failure : m->err->msg);
    return rc;
}

/* ---- create ---- */

static int check_tag(struct mlf *m, const struct track_pair *t)
{
    int rc = mlf_check_key(m, t->key, "key");
    if (!rc)
        rc = mlf_check_length(m, "key", TAG_KEY_MAX, t->key);
    if (!rc && strcmp(t->key, "mlflow.prompt.text") == 0 &&
        mlf_length(str_of(t->value)) > TAG_VALUE_MAX)
        rc = mlf_fail(m, MLF_INVALID, "Prompt text exceeds max length of %d characters.",
                      TAG_VALUE_MAX);
    return rc ? rc : mlf_check_length(m, "value", TAG_VALUE_MAX, t->value);
}

/* The logged model remembers under which names it was registered. */
static int note_on_model(struct mlf *m, struct tx *tx, const char *model_id, const char *name,
                         int64_t number)
{
    struct track_pair *tags;
    struct logged_model lm;
    size_t n;
    const char *old = NULL;
    const char *one = arena_printf(m->a, "{\"name\": %s, \"version\": %lld}",
                                   mlf_py_json_text(m->a, name), (long long)number);
    int rc = logged_model_get(tx, m->a, model_id, &lm, m->err);
    if (!rc)
        rc = logged_model_tags(tx, m->a, model_id, &tags, &n, m->err);
    for (size_t i = 0; !rc && i < n; i++)
        if (strcmp(tags[i].key, "mlflow.modelVersions") == 0)
            old = tags[i].value;
    size_t length = old ? strlen(old) : 0;
    if (length > 2 && old[length - 1] == ']')
        one = arena_printf(m->a, "%.*s, %s]", (int)length - 1, old, one);
    else
        one = arena_printf(m->a, "[%s]", one);
    struct track_pair t = { "mlflow.modelVersions", one };
    return rc ? rc : logged_model_tag_set(tx, model_id, &t, m->err);
}

static int insert(struct mlf *m, struct tx *tx, const char *storage, const char *run_id,
                  const struct track_pair *tags, size_t n, int64_t *out_number)
{
    struct version v;
    const char *source = mlf_str(m, "source");
    struct version_section section = { VERSION_STORAGE, mlf_py_json_text(m->a, storage) };
    struct version_new new = { .model = mlf_str(m, "name"),
                               .row = { .description = mlf_str(m, "description"),
                                        .source = source,
                                        .run_id = *run_id ? run_id : NULL,
                                        .run_link = mlf_str(m, "run_link"),
                                        .gates_passed = -1 },
                               .sections = &section,
                               .section_n = strcmp(storage, source) != 0 };
    int rc = version_create(tx, &m->by, &new, out_number, m->err);
    if (!rc)
        rc = version_get(tx, m->a, cause_project(&m->by), new.model, *out_number, &v, m->err);
    for (size_t i = 0; !rc && i < n; i++)
        rc = version_tag_set(tx, &m->by, &v, &tags[i], m->err);
    return rc;
}

/* What is known before the transaction that makes the version. */
struct creation {
    struct mlf *m;
    const char *source; /* local folder to copy, or NULL */
    struct mlf_copy copy;
    const char *place; /* of the copy in the tree of artifacts; NULL = there is none */
};

static int is_prompt(struct mlf *m)
{
    size_t n;
    const struct json *tags = mlf_items(m, "tags", &n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(mlf_member(&tags[i], "key"), "mlflow.prompt.is_prompt") == 0)
            return 1;
    return 0;
}

static int find_source(struct tx *tx, void *arg, struct err *err)
{
    struct creation *c = arg;
    const char *run_id = "", *storage;
    c->m->err = err;
    if (check_source(c->m, tx, mlf_str(c->m, "source"), 0) == 0 &&
        resolve(c->m, tx, mlf_str(c->m, "source"), &storage, &run_id) == 0 &&
        mlf_is_local_uri(storage))
        c->source = storage;
    return 0; /* what is wrong is told by the transaction, in its order */
}

/* Copies a folder that the client wrote itself and that this server may read. */
static int copy_source(struct creation *c)
{
    struct mlf *m = c->m;
    struct err *err = m->err, quiet = ERR_INIT;
    struct mlf_place p;
    char name[HEX32_TEXT];
    int rc = is_prompt(m) ? 0 : store_read(app_of(m->rq)->store, find_source, c, &quiet);
    m->err = &quiet;
    int known = !rc && c->source && mlf__place(m, NULL, c->source, "", &p) == 0 && !p.managed;
    m->err = err;
    m->code = m->failure = NULL;
    if (!known)
        return 0;
    rc = mlf__copy_folder(m, &p, &c->copy);
    if (rc || !c->copy.n)
        return rc;
    hex32(name);
    c->place = arena_printf(m->a, "versions/%s", name);
    return 0;
}

static int name_copy(struct creation *c, struct tx *tx, const char **storage)
{
    struct mlf *m = c->m;
    int rc = 0;
    if (!c->place)
        return 0;
    *storage = arena_printf(m->a, "mlflow-artifacts:/%s", c->place);
    for (size_t i = 0; !rc && i < c->copy.n; i++)
        rc = artifact_put(tx, fs_join(m->a, c->place, c->copy.files[i].path),
                          c->copy.files[i].digest, c->copy.files[i].bytes, m->err);
    return rc;
}

static int create_in_tx(struct tx *tx, void *arg, struct err *err)
{
    struct creation *c = arg;
    struct mlf *m = c->m;
    m->err = err;
    struct model r;
    struct track_pair *tags;
    size_t n;
    int64_t number;
    int prompt = is_prompt(m);
    const char *name = mlf_str(m, "name"), *source = mlf_str(m, "source");
    const char *run_id = mlf_str(m, "run_id"), *model_id = mlf_str(m, "model_id"), *storage;
    int rc = mlf_pairs(m, "tags", &tags, &n);
    if (!rc)
        rc = check_source(m, tx, source, prompt);
    if (!rc)
        rc = mlf_check_model_name(m, name);
    for (size_t i = 0; !rc && i < n; i++)
        rc = check_tag(m, &tags[i]);
    if (!rc)
        rc = resolve(m, tx, source, &storage, &run_id);
    if (!rc && !*run_id && *model_id) {
        struct logged_model lm;
        rc = logged_model_get(tx, m->a, model_id, &lm, m->err);
        run_id = rc ? run_id : lm.source_run_id;
    }
    if (!rc)
        rc = mlf__model(m, tx, name, &r);
    if (!rc)
        rc = name_copy(c, tx, &storage);
    if (!rc)
        rc = insert(m, tx, storage, run_id, tags, n, &number);
    if (!rc && !prompt && *model_id)
        rc = note_on_model(m, tx, model_id, name, number);
    return rc ? rc : answer(m, tx, name, number);
}

MLF_HANDLER(version_create, MLF_PLAIN, F_STR("name", "sr"), F_STR("source", "sr"),
            F_STR("run_id", "s"), F_MSGS("tags", "a", mlf_tag_fields), F_STR("run_link", "s"),
            F_STR("description", "s"), F_STR("model_id", "s"))
{
    struct creation c = { .m = m };
    struct err *err = m->err;
    (void)tx;
    int rc = copy_source(&c);
    if (!rc)
        rc = store_write(app_of(m->rq)->store, create_in_tx, &c, err);
    m->err = err;
    return rc;
}

/* ---- read and change ---- */

static int named(struct mlf *m, struct tx *tx, struct version *out)
{
    return mlf__version(m, tx, mlf_str(m, "name"), mlf_str(m, "version"), out);
}

MLF_HANDLER(version_get, MLF_READ, F_STR("name", "sr"), F_STR("version", "sr"))
{
    struct version v;
    int rc = named(m, tx, &v);
    return rc ? rc : answer(m, tx, v.model, v.number);
}

MLF_HANDLER(version_update, MLF_WRITE, F_STR("name", "sr"), F_STR("version", "sr"),
            F_STR("description", "s"))
{
    struct version v;
    int rc = named(m, tx, &v);
    if (!rc)
        rc = version_describe(tx, &m->by, &v, mlf_str(m, "description"), m->err);
    return rc ? rc : answer(m, tx, v.model, v.number);
}

MLF_HANDLER(version_delete, MLF_WRITE, F_STR("name", "sr"), F_STR("version", "sr"))
{
    struct version v;
    int rc = named(m, tx, &v);
    return rc ? rc : version_delete(tx, &m->by, &v, m->err);
}

static const char *canonical(const char *stage)
{
    static const char *const stages[] = { "None", "Staging", "Production", "Archived" };
    for (size_t i = 0; i < ARRAY_LEN(stages); i++)
        if (strcasecmp(stage, stages[i]) == 0)
            return stages[i];
    return NULL;
}

MLF_HANDLER(version_transition, MLF_WRITE, F_STR("name", "sr"), F_STR("version", "sr"),
            F_STR("stage", "sr"), F_BOOL("archive_existing_versions", "b"))
{
    struct version v;
    const char *stage = mlf_str(m, "stage"), *to = canonical(stage);
    int archive = json_get_bool(&m->message, "archive_existing_versions", 0);
    if (!to)
        return mlf_fail(m, MLF_INVALID,
                        "Invalid Model Version stage: %s. Value must be one of None, Staging, "
                        "Production, Archived.",
                        stage);
    if (archive && strcmp(to, "Staging") != 0 && strcmp(to, "Production") != 0)
        return mlf_fail(m, MLF_INVALID,
                        "Model version transition cannot archive existing model versions because "
                        "'%s' is not an Active stage. Valid stages are ['Staging', 'Production']",
                        stage);
    int rc = named(m, tx, &v);
    if (!rc)
        rc = version_stage_set(tx, &m->by, &v, to, archive, m->err);
    return rc ? rc : answer(m, tx, v.model, v.number);
}

MLF_HANDLER(version_download_uri, MLF_READ, F_STR("name", ""), F_STR("version", ""))
{
    struct version v;
    const char *uri;
    int rc = named(m, tx, &v);
    if (!rc)
        rc = mlf__storage(m, tx, &v, &uri);
    if (!rc)
        jo_kv_cstr(mlf_begin(m), "artifact_uri", uri);
    return rc;
}

MLF_HANDLER(version_set_tag, MLF_WRITE, F_STR("name", "sr"), F_STR("version", "sr"),
            F_STR("key", "sr"), F_STR("value", "s"))
{
    struct version v;
    struct track_pair t = { mlf_str(m, "key"), mlf_str(m, "value") };
    int64_t number;
    const char *version = mlf_str(m, "version");
    int rc = mlf_check_model_name(m, mlf_str(m, "name"));
    if (!rc && parse_i64(str_trim(str_of(version)), &number))
        rc = mlf_fail(m, MLF_INVALID, "Parameter 'version' must be an integer, got '%s'.", version);
    if (!rc)
        rc = check_tag(m, &t);
    if (!rc)
        rc = named(m, tx, &v);
    return rc ? rc : version_tag_set(tx, &m->by, &v, &t, m->err);
}

MLF_HANDLER(version_delete_tag, MLF_WRITE, F_STR("name", "sr"), F_STR("version", "sr"),
            F_STR("key", "sr"))
{
    struct version v;
    int64_t number;
    const char *version = mlf_str(m, "version");
    int rc = mlf_check_model_name(m, mlf_str(m, "name"));
    if (!rc && parse_i64(str_trim(str_of(version)), &number))
        rc = mlf_fail(m, MLF_INVALID, "Parameter 'version' must be an integer, got '%s'.", version);
    if (!rc)
        rc = mlf_check_key(m, mlf_str(m, "key"), "key");
    if (!rc)
        rc = named(m, tx, &v);
    return rc ? rc : version_tag_delete(tx, &m->by, &v, mlf_str(m, "key"), m->err);
}
