/* SPDX-License-Identifier: Apache-2.0
 * What names and values may be, with the messages of MLflow's server: keys of metrics, parameters
 * and tags, names of models and aliases, paths of artifacts, lengths. */
#include <strings.h>
#include <math.h>

#include "api/mlflow/mlflow.h"
#include "base/fs.h"
#include "base/num.h"

enum { KEY_MAX = 250, ALIAS_MAX = 255, DECODE_ROUNDS = 10 };

#define API_DOCS " See the API docs for more information about request parameters."

/* ---- keys ---- */

/* Roughly Python's \w above ASCII: letters and digits yes, punctuation and symbols no. */
static int is_word(uint32_t c)
{
    static const uint32_t no[][2] = {
        { 0x80, 0xa9 },       { 0xab, 0xb1 },     { 0xb4, 0xb4 },     { 0xb6, 0xb8 },
        { 0xbb, 0xbb },       { 0xbf, 0xbf },     { 0xd7, 0xd7 },     { 0xf7, 0xf7 },
        { 0x2000, 0x206f },   { 0x20a0, 0x20cf }, { 0x2190, 0x245f }, { 0x2500, 0x2bff },
        { 0x3000, 0x3004 },   { 0x3008, 0x3020 }, { 0xe000, 0xf8ff }, { 0xfe00, 0xfe4f },
        { 0x1f000, 0x1faff },
    };
    if (c < 0x80)
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_';
    for (size_t i = 0; i < ARRAY_LEN(no); i++)
        if (c >= no[i][0] && c <= no[i][1])
            return 0;
    return 1;
}

static int has_only(const char *name, const char *also)
{
    str_t s = str_of(name);
    while (s.n) {
        unsigned char lead = (unsigned char)s.p[0];
        size_t n = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
        n = MIN(n, s.n);
        uint32_t c = n == 1 ? lead : lead & (0xffU >> (n + 1));
        for (size_t i = 1; i < n; i++)
            c = c << 6 | ((unsigned char)s.p[i] & 0x3f);
        if (!is_word(c) && !(c < 0x80 && strchr(also, (int)c)))
            return 0;
        s = (str_t){ s.p + n, s.n - n };
    }
    return 1;
}

static int is_other_path(struct mlf *m, const char *name, const char **out_norm)
{
    const char *norm = mlf_normpath(m->a, name);
    *out_norm = norm;
    return strcmp(norm, name) != 0 || strcmp(norm, ".") == 0 || strncmp(norm, "..", 2) == 0 ||
           norm[0] == '/';
}

static int bad_path(struct mlf *m, const char *name, const char *path, const char *norm)
{
    return mlf_fail(m, MLF_INVALID,
                    "Invalid value %s for parameter '%s' supplied: Names may be treated as files "
                    "in certain cases, and must not resolve to other names when treated as such. "
                    "This name would resolve to %s",
                    mlf_py_json_text(m->a, name), path, mlf_py_repr(m->a, str_of(norm)));
}

int mlf_key_is_plain(const char *name)
{
    char before = '/';
    size_t n = 0;
    for (const char *p = name; *p; before = *p++, n++) {
        unsigned char c = (unsigned char)*p;
        int sound =
            c == '.' || c == '/' ? before != '/' : c < 0x80 && (is_word(c) || strchr("- :", c));
        if (!sound)
            return 0;
    }
    return before != '/' && n <= KEY_MAX;
}

int mlf_check_key(struct mlf *m, const char *name, const char *path)
{
    const char *norm;
    if (!has_only(name, "/.- :"))
        return mlf_fail(m, MLF_INVALID,
                        "Invalid value %s for parameter '%s' supplied: Names may only contain "
                        "alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), "
                        "colon(:) and slashes (/).",
                        mlf_py_json_text(m->a, name), path);
    if (is_other_path(m, name, &norm))
        return bad_path(m, name, path, norm);
    return 0;
}

int mlf_check_length(struct mlf *m, const char *what, size_t max, const char *value)
{
    if (mlf_length(str_of(value)) <= max)
        return 0;
    return mlf_fail(m, MLF_INVALID, "'%s' exceeds the maximum length of %zu characters", what, max);
}

const char *mlf_cut(struct mlf *m, const char *value, size_t max)
{
    str_t s = str_of(value), cut = mlf_prefix(s, max);
    return cut.n == s.n ? value : arena_strndup(m->a, cut.p, cut.n);
}

int mlf_fit(struct mlf *m, const char *what, size_t max, const char **value)
{
    if (app_of(m->rq)->options.refuse_long)
        return mlf_check_length(m, what, max, *value);
    *value = mlf_cut(m, *value, max);
    return 0;
}

/* ---- metrics ---- */

static const char *sub_path(struct mlf *m, const char *path, const char *name)
{
    return *path ? arena_printf(m->a, "%s.%s", path, name) : name;
}

int mlf_check_metric(struct mlf *m, const struct json *metric, const char *path)
{
    const char *key = mlf_member(metric, "key");
    int64_t time = json_get_int(metric, "timestamp", 0);
    int rc = mlf_check_key(m, key, sub_path(m, path, "name"));
    if (rc)
        return rc;
    if (time < 0)
        return mlf_fail(m, MLF_INVALID,
                        "Invalid value %lld for parameter '%s' supplied: metric '%s' (value=%s). "
                        "Timestamp must be a nonnegative long (64-bit integer) ",
                        (long long)time, sub_path(m, path, "timestamp"), key,
                        mlf_py_double(m->a, json_get_number(metric, "value", 0)));
    return mlf_check_length(m, "Metric name", KEY_MAX, key);
}

/* ---- ids ---- */

int mlf_check_run_id(struct mlf *m, const char *id)
{
    int first =
        (*id >= 'a' && *id <= 'z') || (*id >= 'A' && *id <= 'Z') || (*id >= '0' && *id <= '9');
    if (first && mlf_length(str_of(id)) <= 256 && has_only(id, "-"))
        return 0;
    return mlf_fail(m, MLF_INVALID, "Invalid value %s for parameter 'run_id' supplied.",
                    mlf_py_json_text(m->a, id));
}

int mlf_experiment_id(struct mlf *m, const char *text, int64_t *out)
{
    *out = 0;
    if (!*text || parse_i64(str_trim(str_of(text)), out) == 0)
        return 0;
    return mlf_fail(m, MLF_INVALID,
                    "Invalid experiment ID '%s'. Experiment ID must be a valid integer.", text);
}

/* ---- the registry ---- */

int mlf_check_model_name(struct mlf *m, const char *name)
{
    const char *norm;
    if (!str_trim(str_of(name)).n)
        return mlf_fail(m, MLF_INVALID, "Missing value for required parameter 'name'.");
    if (strpbrk(name, "/:"))
        return mlf_fail(m, MLF_INVALID, "Invalid model name '%s'. Names cannot contain '/' or ':'.",
                        name);
    if (is_other_path(m, name, &norm))
        return bad_path(m, name, "name", norm);
    return 0;
}

int mlf_check_alias(struct mlf *m, const char *alias)
{
    if (!*alias)
        return mlf_fail(m, MLF_INVALID, "Registered model alias name cannot be empty.");
    if (!has_only(alias, "-"))
        return mlf_fail(m, MLF_INVALID,
                        "Invalid alias name: '%s'. Names may only contain alphanumerics, "
                        "underscores (_), and dashes (-).",
                        alias);
    return mlf_check_length(m, "Registered model alias name", ALIAS_MAX, alias);
}

/* ---- paths and URIs ---- */

static int hex_value(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* One round of percent-decoding; malformed escapes stay. */
static const char *unquote(struct arena *a, const char *text)
{
    size_t n = strlen(text), k = 0;
    char *out = arena_strndup(a, text, n);
    for (size_t i = 0; out && i < n; i++) {
        int high = text[i] == '%' && i + 2 < n ? hex_value(text[i + 1]) : -1;
        int low = high >= 0 ? hex_value(text[i + 2]) : -1;
        if (low >= 0 && (high || low)) {
            out[k++] = (char)(high << 4 | low);
            i += 2;
        } else {
            out[k++] = text[i];
        }
    }
    if (out)
        out[k] = '\0';
    return out;
}

int mlf_safe_path(struct mlf *m, const char *path, const char **out)
{
    const char *now = path;
    int settled = 0;
    for (int i = 0; i < DECODE_ROUNDS && !settled && now; i++) {
        const char *next = unquote(m->a, now);
        settled = next && strcmp(next, now) == 0;
        now = next;
    }
    if (now && strncasecmp(now, "file:", 5) == 0)
        settled = 0;
    if (now && *now && *now != '/' && !strstr(now, "..")) /* "a//b" and "./a" mean "a/b", "a" */
        now = mlf_normpath(m->a, now);
    str_t s = now && strcmp(now, ".") != 0 ? str_of(now) : STR("");
    int drive = s.n >= 2 && s.p[1] == ':' && ((s.p[0] | 0x20) >= 'a' && (s.p[0] | 0x20) <= 'z');
    if (!settled || !now || strchr(now, '#') || strstr(now, "%00") || drive || now[0] == '/' ||
        (s.n && (!str_is_utf8(s) || !fs_is_safe_relative(s))))
        return mlf_fail(m, MLF_INVALID, "Invalid path");
    *out = arena_strndup(m->a, s.p, s.n);
    return 0;
}

int mlf_is_local_uri(const char *uri)
{
    if (strncasecmp(uri, "file:", 5) == 0)
        return 1;
    size_t n = strspn(uri, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");
    return !(n > 0 && uri[n] == ':');
}

const char *mlf_local_path(struct arena *a, const char *uri)
{
    if (strncasecmp(uri, "file:", 5) != 0)
        return arena_strdup(a, uri);
    uri += 5;
    if (strncmp(uri, "//localhost/", 12) == 0)
        uri += 11;
    else if (strncmp(uri, "//", 2) == 0)
        uri += 2;
    return unquote(a, uri);
}
