/* SPDX-License-Identifier: Apache-2.0
 * Writes a template's files into a folder. The table is made by scripts/mktemplates. */
#include "project/init.h"

#include <strings.h>

#include "base/fs.h"
#include "base/limits.h"
#include "project/project_int.h"

struct template_file {
    const char *template_name, *path, *data, *end;
};

extern const struct template_file project_template_files[];

static const struct project_template templates[] = {
    { "regression", "The diabetes data: predict a number with ridge regression, with data tests, "
                    "gates and an endpoint." },
};

const struct project_template *project_template_at(size_t i)
{
    return i < ARRAY_LEN(templates) ? &templates[i] : NULL;
}

enum { FILES_MAX = 64 };

static size_t files_of(const char *name, const struct template_file *out[FILES_MAX])
{
    size_t n = 0;
    const struct template_file *last = NULL;
    for (const struct template_file *f = project_template_files;
         f->template_name && n < FILES_MAX - 1; f++) {
        if (strcmp(f->template_name, name) != 0)
            continue;
        if (strcmp(f->path, "slipway.yaml") == 0)
            last = f;
        else
            out[n++] = f;
    }
    if (last)
        out[n++] = last;
    return n;
}

static int unknown_template(const char *name, struct err *err)
{
    const char *names[ARRAY_LEN(templates)];
    for (size_t i = 0; i < ARRAY_LEN(templates); i++)
        names[i] = templates[i].name;
    const char *near = str_nearest(str_of(name), names, ARRAY_LEN(names));
    if (near)
        return ERR(err, ERR_NOT_FOUND, "there is no template '%s'; did you mean '%s'?", name, near);
    return ERR(err, ERR_NOT_FOUND, "there is no template '%s'; there is: %s", name, names[0]);
}

static int check_absent(struct arena *a, const char *dir, const struct template_file *const *files,
                        size_t n, struct err *err)
{
    for (size_t i = 0; i < n; i++) {
        const char *path = fs_join(a, dir, files[i]->path);
        if (fs_exists(path))
            return ERR(err, ERR_EXISTS, "'%s' exists; choose another folder, or move it away",
                       path);
    }
    return 0;
}

/* @NAME@ filled in, in texts; data files are written as they are. */
static void fill(const struct template_file *f, const char *name, struct buf *out)
{
    str_t rest = { f->data, (size_t)(f->end - f->data) };
    int is_text = !str_ends(str_of(f->path), ".csv");
    size_t at;
    while (is_text && (at = str_find(rest, "@NAME@")) != SIZE_MAX) {
        buf_put(out, rest.p, at);
        buf_puts(out, name);
        rest = (str_t){ rest.p + at + 6, rest.n - at - 6 };
    }
    buf_str(out, rest);
}

static int write_file(struct arena *a, const char *dir, const struct template_file *f,
                      const char *name, struct err *err)
{
    char *path = fs_join(a, dir, f->path), *slash = strrchr(path, '/');
    struct buf b;
    int rc = 0;
    if (slash && slash != path) {
        *slash = '\0';
        rc = fs_mkdirs(path, err);
        *slash = '/';
    }
    if (rc)
        return rc;
    buf_init(&b, MIB(16));
    fill(f, name, &b);
    rc = b.failed ? ERR(err, ERR_NOMEM, "not enough memory to write '%s'", path)
                  : fs_write_atomic(path, buf_view(&b), err);
    buf_fini(&b);
    return rc;
}

static int is_yaml_word(const char *name)
{
    static const char *const words[] = { "null", "true", "false" };
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcasecmp(name, words[i]) == 0)
            return 1;
    return 0;
}

int project_init(struct arena *a, const char *dir, const char *template_name, const char *name,
                 struct project_init_result *out, struct err *err)
{
    const struct template_file *files[FILES_MAX];
    size_t n = files_of(template_name, files);
    if (!n)
        return unknown_template(template_name, err);
    if (!name)
        name = "diabetes";
    if (is_yaml_word(name))
        return ERR(err, ERR_INVALID,
                   "'%s' is not a name for a project: to YAML it is a value, not a text", name);
    if (!reader_is_name(str_of(name), 1))
        return ERR(
            err, ERR_INVALID,
            "'%s' is not a name for a project: a letter first, then letters, digits, '-' and '_'",
            name);
    int rc = check_absent(a, dir, files, n, err);
    if (!rc)
        rc = fs_mkdirs(dir, err);
    for (size_t i = 0; i < n && !rc; i++)
        rc = write_file(a, dir, files[i], name, err);
    if (rc)
        return rc;
    *out = (struct project_init_result){ ARENA_TRY_ARRAY(a, n, const char *), n };
    if (!out->files)
        return ERR(err, ERR_LIMIT, "not enough memory");
    for (size_t i = 0; i < n; i++)
        out->files[i] = files[i]->path;
    return 0;
}
