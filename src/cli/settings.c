/* SPDX-License-Identifier: Apache-2.0
 * Where a setting comes from: the flag, else SLIPWAY_*, else $XDG_CONFIG_HOME/slipway/config, else
 * /etc/slipway/config, else MLflow's variables (server and token), else the default. The project
 * folder is the nearest one upwards that holds slipway.yaml. A configuration file has lines of
 * "name: value" and "#" comments. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/num.h"
#include "cli/term.h"
#include "store/home.h"

static const char *const setting_names[] = { "server", "data",  "token-file",
                                             "output", "color", "log-format" };

struct settings_file {
    const char *path;
    str_t text;
};

static const char *env_of(struct cli *c, const char *name)
{
    char *var = arena_printf(&c->arena, "SLIPWAY_%s", name);
    for (char *p = var + 8; *p; p++)
        *p = *p == '-' ? '_' : (char)(*p >= 'a' && *p <= 'z' ? *p - 32 : *p);
    const char *v = getenv(var);
    return v && *v ? v : NULL;
}

static const char *config_home(struct cli *c)
{
    const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (xdg && *xdg == '/')
        return arena_printf(&c->arena, "%s/slipway/config", xdg);
    return home && *home ? arena_printf(&c->arena, "%s/.config/slipway/config", home) : NULL;
}

/* Finds "name: value"; refuses unknown names so that a typo is not silently ignored. */
static int file_get(struct cli *c, const char *path, const char *name, const char **out,
                    struct err *err)
{
    str_t text, line;
    if (!path || !fs_exists(path))
        return 0;
    int rc = fs_read(&c->arena, path, KIB(64), &text, err);
    if (rc)
        return rc;
    int number = 0;
    while (text.n) {
        str_t left = text, key, value;
        number++;
        if (!str_cut(left, '\n', &line, &text)) {
            line = left;
            text = (str_t){ 0 };
        }
        line = str_trim(line);
        if (line.n == 0 || line.p[0] == '#')
            continue;
        if (!str_cut(line, ':', &key, &value))
            return ERR(err, ERR_INVALID, "%s:%d: expected 'name: value'", path, number);
        key = str_trim(key);
        value = str_trim(value);
        int known = 0;
        for (size_t i = 0; i < ARRAY_LEN(setting_names); i++)
            known |= str_is(key, setting_names[i]);
        if (!known) {
            const char *near = str_nearest(key, setting_names, ARRAY_LEN(setting_names));
            return ERR(err, ERR_INVALID, "%s:%d: unknown setting '%.*s'%s%s%s", path, number,
                       STR_ARG(key), near ? "; did you mean '" : "", near ? near : "",
                       near ? "'?" : "");
        }
        if (str_is(key, name))
            *out = arena_strndup(&c->arena, value.p, value.n);
    }
    return 0;
}

/* The value and where it was said; NULL when nobody said anything. */
static int setting_get(struct cli *c, const char *name, const char **out, const char **out_from,
                       struct err *err)
{
    *out = cli_get(c, name);
    *out_from = arena_printf(&c->arena, "--%s", name);
    if (*out)
        return 0;
    *out = env_of(c, name);
    *out_from = "the environment";
    if (*out)
        return 0;
    const char *files[] = { config_home(c), "/etc/slipway/config" };
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        int rc = file_get(c, files[i], name, out, err);
        *out_from = files[i];
        if (rc || *out)
            return rc;
    }
    return 0;
}

static int choose(const char *flag, const char *text, const char *from, struct err *err)
{
    size_t n;
    const struct cli_flag *global = cli_global_flags(&n);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(global[i].name, flag) != 0)
            continue;
        str_t rest = str_of(global[i].value), one;
        for (int k = 0; rest.n; k++) {
            str_t left = rest;
            if (!str_cut(left, '|', &one, &rest)) {
                one = left;
                rest = (str_t){ 0 };
            }
            if (str_is(one, text))
                return k;
        }
        return ERR(err, ERR_INVALID, "%s in %s must be one of %s, not '%s'", flag, from,
                   global[i].value, text);
    }
    return 0;
}

int settings_output(struct cli *c, struct err *err)
{
    const char *text, *from, *color;
    c->quiet = cli_count(c, "quiet") > 0;
    c->verbose = cli_count(c, "verbose");
    int rc = setting_get(c, "color", &color, &from, err);
    if (!rc && color)
        rc = choose("color", color, from, err);
    if (rc < 0)
        return rc;
    term_init(c, color ? color : "auto");
    rc = setting_get(c, "output", &text, &from, err);
    if (!rc && text)
        rc = choose("output", text, from, err);
    if (rc < 0)
        return rc;
    c->format = (enum cli_format)rc;
    c->field = cli_get(c, "field");
    c->plain = cli_count(c, "plain") > 0;
    if (cli_count(c, "json")) {
        if (c->format != FORMAT_JSONL)
            c->format = FORMAT_JSON;
        c->fields = cli_get(c, "json");
    }
    if (c->plain && c->format == FORMAT_TABLE)
        c->format = FORMAT_TSV;
    rc = setting_get(c, "log-format", &text, &from, err);
    if (!rc && text)
        rc = choose("log-format", text, from, err);
    if (rc < 0)
        return rc;
    log_configure(c->verbose >= 2   ? LOG_DEBUG
                  : c->verbose == 1 ? LOG_INFO
                                    : LOG_WARN,
                  text ? rc : -1);
    return 0;
}

static int find_folders(struct cli *c, const char *said, struct err *err)
{
    char *here, *data, *project;
    int rc = fs_real(&c->arena, ".", &here, err);
    if (rc)
        return err_prefix(err, rc, "the current folder");
    rc = home_find(&c->arena, said, here, &data, &project, err);
    if (rc)
        return rc;
    c->data_dir = data;
    c->project_dir = project;
    return 0;
}

/* The first word of the first line that is no comment: the same file works for a server. */
static int token_read(struct cli *c, const char *path, struct err *err)
{
    str_t text, line;
    int rc = fs_read(&c->arena, path, KIB(256), &text, err);
    if (rc)
        return err_prefix(err, rc, "token file");
    while (text.n) {
        str_t left = text;
        if (!str_cut(left, '\n', &line, &text)) {
            line = left;
            text = (str_t){ 0 };
        }
        line = str_trim(line);
        if (line.n == 0 || line.p[0] == '#')
            continue;
        size_t n = 0;
        while (n < line.n && (unsigned char)line.p[n] > ' ' && (unsigned char)line.p[n] <= '~')
            n++;
        if (n < line.n && line.p[n] != ' ' && line.p[n] != '\t')
            return ERR(err, ERR_INVALID, "token file '%s' must hold printable characters", path);
        c->token = arena_strndup(&c->arena, line.p, n);
        return 0;
    }
    return ERR(err, ERR_INVALID, "token file '%s' holds no token", path);
}

static int find_token(struct cli *c, struct err *err)
{
    const char *path, *from;
    int rc = setting_get(c, "token-file", &path, &from, err);
    if (rc)
        return rc;
    if (path)
        return token_read(c, path, err);
    const char *token = getenv("SLIPWAY_TOKEN");
    if (!token || !*token)
        token = getenv("MLFLOW_TRACKING_TOKEN");
    c->token = token && *token ? token : NULL;
    return 0;
}

static int is_http(const char *url)
{
    return strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0;
}

static int find_server(struct cli *c, struct err *err)
{
    const char *url, *from;
    int rc = setting_get(c, "server", &url, &from, err);
    if (rc)
        return rc;
    if (!cli_get(c, "server") && cli_get(c, "data"))
        url = NULL; /* the flag that names a folder is nearer than any variable */
    else if (!url) {
        url = getenv("MLFLOW_TRACKING_URI");
        from = "MLFLOW_TRACKING_URI";
        if (url && !is_http(url))
            url = NULL;
    }
    if (!url || !*url)
        return 0;
    if (!is_http(url))
        return ERR(err, ERR_INVALID, "server '%s' from %s must start with http:// or https://", url,
                   from);
    size_t n = strlen(url);
    while (url[n - 1] == '/')
        n--;
    c->server = arena_strndup(&c->arena, url, n);
    c->server_from = from;
    return 0;
}

int settings_place(struct cli *c, struct err *err)
{
    const char *data, *from;
    int rc = setting_get(c, "data", &data, &from, err);
    if (!rc)
        rc = find_folders(c, data, err);
    if (!rc)
        rc = find_token(c, err);
    return rc ? rc : find_server(c, err);
}
