/* SPDX-License-Identifier: Apache-2.0
 * Loading: from text to a checked project. */
#include "project/project.h"

#include <stdio.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/num.h"
#include "project/project_int.h"

static void add_yaml_problems(struct diags *d, const struct yaml_document *doc)
{
    static const char *const codes[] = { "E100", "E101", "E103", "E102", "E110", "E113", "W401" };
    for (size_t i = 0; i < doc->problem_n; i++) {
        const struct yaml_problem *p = &doc->problems[i];
        struct diag *g = diag_add(d, codes[p->kind], p->place, "%s", p->text);
        if (p->help)
            diag_note(d, g, "help", "%s", p->help);
    }
}

void project__write_node(struct json_out *o, const struct yaml_node *n, str_t (*key_of)(str_t key))
{
    switch (n->kind) {
    case YAML_IS_NULL: jo_null(o); break;
    case YAML_IS_BOOL: jo_bool(o, n->boolean); break;
    case YAML_IS_INT: jo_int(o, n->integer); break;
    case YAML_IS_FLOAT: jo_double(o, n->number); break;
    case YAML_IS_STRING: jo_str(o, n->text); break;
    case YAML_IS_LIST:
        jo_array(o);
        for (size_t i = 0; i < n->n; i++)
            project__write_node(o, n->items[i], key_of);
        jo_array_end(o);
        break;
    case YAML_IS_MAP:
        jo_object(o);
        for (size_t i = 0; i < n->n; i++) {
            const struct yaml_pair *p = &n->pairs[i];
            if (key_of && (p->key->bad || p->value->bad))
                continue;
            jo_key_str(o, key_of ? key_of(p->key->text) : p->key->text);
            project__write_node(o, p->value, key_of);
        }
        jo_object_end(o);
        break;
    }
}

/* The definition of each stage as text, before references are filled in: comments and layout do not
 * count, parameters count by their own entries in slipway.lock. */
static void keep_definitions(struct reader *r)
{
    const struct yaml_node *stages = yaml_get(r->root, "stages");
    for (size_t i = 0; stages && stages->kind == YAML_IS_MAP && i < stages->n; i++) {
        struct buf b;
        struct json_out o;
        if (stages->pairs[i].value->kind != YAML_IS_MAP)
            continue;
        buf_init(&b, LIMIT_YAML_BYTES * 2);
        json_out_init(&o, &b);
        project__write_node(&o, stages->pairs[i].value, NULL);
        stages->pairs[i].value->extra = arena_strndup(r->arena, b.p ? b.p : "", b.n);
        buf_fini(&b);
    }
}

/* What names refer to is searched in its map for every reference, so those maps have a cap. */
static int maps_are_small(struct reader *r)
{
    static const char *const keys[] = { "data", "params", "stages" };
    int ok = 1;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const struct yaml_pair *p = yaml_find(r->root, keys[i]);
        if (!p || p->value->kind != YAML_IS_MAP || p->value->n <= LIMIT_PROJECT_ENTRIES)
            continue;
        ok = 0;
        diag_note(r->diags,
                  diag_add(r->diags, "E110", p->key->place,
                           "`%s` has %zu entries; a project file may have %d", keys[i], p->value->n,
                           LIMIT_PROJECT_ENTRIES),
                  "help", "split the project into several folders");
    }
    return ok;
}

static void read_file(struct reader *r)
{
    if (!maps_are_small(r))
        return;
    keep_definitions(r);
    reader_check_file(r);
    if (r->root->kind != YAML_IS_MAP)
        return;
    reader_plan(r);
    reader_care(r);
    reader_link(r);
    reader_check_gates(r);
    struct project *p = r->project;
    p->seed = p->split ? p->split->split.seed : r->options->seed;
}

int project_load(struct arena *a, str_t text, const struct project_options *options,
                 struct project **out, struct diags *diags, struct err *err)
{
    static const struct project_options none = { 0 };
    const struct project_options *o = options ? options : &none;
    struct yaml_document *doc = ARENA_NEW(a, struct yaml_document);
    struct project *p = ARENA_NEW(a, struct project);
    struct reader r = { .arena = a, .diags = diags, .options = o, .project = p };
    struct err why = ERR_INIT;
    p->arena = a;
    p->path = o->path ? arena_strdup(a, o->path) : "slipway.yaml";
    diags_init(diags, a, p->path, arena_str(a, text));
    int rc = yaml_parse(a, text, doc, &why);
    add_yaml_problems(diags, doc);
    r.root = doc->root;
    if (!r.root && !rc)
        diag_add(diags, "E105", (struct yaml_place){ 1, 1, 1 }, "the file is empty");
    if (r.root)
        read_file(&r);
    diags_sort(diags);
    if (a->failed)
        return ERR(err, ERR_LIMIT, "%s is too large", p->path);
    rc = diags_result(diags, err);
    if (!rc)
        *out = p;
    return rc;
}

int project_load_dir(struct arena *a, const char *dir, const char *file,
                     const struct project_options *options, struct project **out,
                     struct diags *diags, str_t *out_text, struct err *err)
{
    const char *name = file ? file : "slipway.yaml";
    const char *path = fs_join(a, dir, name);
    struct project_options o = options ? *options : (struct project_options){ 0 };
    str_t text;
    diags_init(diags, a, name, (str_t){ "", 0 });
    int rc = fs_read(a, path, LIMIT_YAML_BYTES, &text, err);
    if (rc == ERR_NOT_FOUND)
        return ERR(err, ERR_NOT_FOUND, "there is no '%s'; make a project with: slipway init NAME",
                   path);
    if (rc)
        return rc;
    if (out_text)
        *out_text = text;
    o.path = o.path ? o.path : name;
    return project_load(a, text, &o, out, diags, err);
}
