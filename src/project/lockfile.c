/* SPDX-License-Identifier: Apache-2.0
 * slipway.lock: written in one fixed order, read tolerantly, compared stage by stage. */
#include "project/lockfile.h"

#include <stdio.h>

#include "base/limits.h"
#include "base/num.h"
#include "codec/hash.h"
#include "codec/yaml.h"

/* ---- writing ---- */

static void put_pair(struct buf *out, int indent, const char *key, const char *value)
{
    buf_printf(out, "%*s", indent, "");
    yaml_put_string(out, str_of(key));
    buf_puts(out, ": ");
    yaml_put_string(out, str_of(value));
    buf_putc(out, '\n');
}

static void put_items(struct buf *out, const char *title, const struct lock_item *items, size_t n)
{
    if (!n)
        return;
    buf_printf(out, "    %s:\n", title);
    for (size_t i = 0; i < n; i++)
        put_pair(out, 6, items[i].name, items[i].value);
}

static void put_data(struct buf *out, const struct lock_data *d)
{
    buf_puts(out, "  ");
    yaml_put_string(out, str_of(d->name));
    buf_puts(out, ":\n");
    put_pair(out, 4, "path", d->path);
    buf_printf(out, "    bytes: %lld\n", (long long)d->bytes);
    put_pair(out, 4, "sha256", d->sha256);
    if (d->dialect) {
        struct json_out o;
        json_out_init(&o, out);
        buf_puts(out, "    dialect: "); /* JSON is YAML */
        jo_value(&o, d->dialect);
        buf_putc(out, '\n');
    }
}

static void put_stage(struct buf *out, const struct lock_stage *s)
{
    buf_puts(out, "  ");
    yaml_put_string(out, str_of(s->name));
    buf_puts(out, ":\n");
    put_pair(out, 4, "kind", s->kind);
    put_items(out, "inputs", s->inputs, s->input_n);
    put_items(out, "params", s->params, s->param_n);
    if (s->code)
        put_pair(out, 4, "code", s->code);
    if (s->engine)
        put_pair(out, 4, "engine", s->engine);
    put_items(out, "outputs", s->outputs, s->output_n);
}

void lockfile_write(const struct lockfile *l, struct buf *out)
{
    buf_puts(out, "# Made by `slipway run`: what each stage consumed and made. Commit it; do not "
                  "edit it.\nlock: 1\n");
    if (l->data_n)
        buf_puts(out, "data:\n");
    for (size_t i = 0; i < l->data_n; i++)
        put_data(out, &l->data[i]);
    if (l->stage_n)
        buf_puts(out, "stages:\n");
    for (size_t i = 0; i < l->stage_n; i++)
        put_stage(out, &l->stages[i]);
}

/* ---- reading ---- */

static const char *get_text(const struct yaml_node *map, const char *key)
{
    const struct yaml_node *n = yaml_get(map, key);
    return n && yaml_is_scalar(n) ? n->text.p : NULL;
}

static struct lock_item *get_items(struct arena *a, const struct yaml_node *map, const char *key,
                                   size_t *out_n)
{
    const struct yaml_node *m = yaml_get(map, key);
    size_t n = m && m->kind == YAML_IS_MAP ? m->n : 0;
    struct lock_item *items = ARENA_TRY_ARRAY(a, n + 1, struct lock_item);
    *out_n = 0;
    for (size_t i = 0; items && i < n; i++)
        if (yaml_is_scalar(m->pairs[i].value))
            items[(*out_n)++] =
                (struct lock_item){ m->pairs[i].key->text.p, m->pairs[i].value->text.p };
    return items;
}

static int to_json(struct arena *a, const struct yaml_node *n, struct json *out)
{
    *out = (struct json){ .type = JSON_NULL };
    switch (n->kind) {
    case YAML_IS_NULL: return 0;
    case YAML_IS_BOOL: *out = (struct json){ .type = JSON_BOOL, .boolean = n->boolean }; return 0;
    case YAML_IS_INT:
        *out = (struct json){
            .type = JSON_NUMBER, .is_integer = 1, .integer = n->integer, .number = n->number
        };
        return 0;
    case YAML_IS_FLOAT: *out = (struct json){ .type = JSON_NUMBER, .number = n->number }; return 0;
    case YAML_IS_STRING: *out = (struct json){ .type = JSON_STRING, .string = n->text }; return 0;
    case YAML_IS_LIST:
        *out = (struct json){ .type = JSON_ARRAY,
                              .n = n->n,
                              .items = ARENA_TRY_ARRAY(a, n->n + 1, struct json) };
        for (size_t i = 0; out->items && i < n->n; i++)
            if (to_json(a, n->items[i], &out->items[i]))
                return ERR_NOMEM;
        return out->items ? 0 : ERR_NOMEM;
    case YAML_IS_MAP:
        *out = (struct json){ .type = JSON_OBJECT,
                              .n = n->n,
                              .members = ARENA_TRY_ARRAY(a, n->n + 1, struct json_member) };
        for (size_t i = 0; out->members && i < n->n; i++) {
            out->members[i].key = n->pairs[i].key->text;
            if (to_json(a, n->pairs[i].value, &out->members[i].value))
                return ERR_NOMEM;
        }
        return out->members ? 0 : ERR_NOMEM;
    }
    return 0;
}

static int read_data(struct arena *a, const struct yaml_pair *pair, struct lock_data *d)
{
    const struct yaml_node *v = pair->value, *bytes = yaml_get(v, "bytes"),
                           *dialect = yaml_get(v, "dialect");
    struct json *j = NULL;
    *d = (struct lock_data){ .name = pair->key->text.p,
                             .path = get_text(v, "path"),
                             .sha256 = get_text(v, "sha256") };
    d->bytes = bytes && bytes->kind == YAML_IS_INT ? bytes->integer : 0;
    if (dialect && dialect->kind == YAML_IS_MAP) {
        j = ARENA_NEW(a, struct json);
        if (to_json(a, dialect, j))
            return ERR_NOMEM;
    }
    d->dialect = j;
    d->path = d->path ? d->path : "";
    d->sha256 = d->sha256 ? d->sha256 : "";
    return 0;
}

static void read_stage(struct arena *a, const struct yaml_pair *pair, struct lock_stage *s)
{
    const struct yaml_node *v = pair->value;
    *s = (struct lock_stage){ .name = pair->key->text.p,
                              .kind = get_text(v, "kind"),
                              .code = get_text(v, "code"),
                              .engine = get_text(v, "engine") };
    s->kind = s->kind ? s->kind : "";
    s->inputs = get_items(a, v, "inputs", &s->input_n);
    s->params = get_items(a, v, "params", &s->param_n);
    s->outputs = get_items(a, v, "outputs", &s->output_n);
}

int lockfile_parse(struct arena *a, str_t text, struct lockfile *out, struct err *err)
{
    struct yaml_document *doc = ARENA_NEW(a, struct yaml_document);
    int rc = yaml_parse(a, text, doc, err);
    if (rc)
        return err_prefix(err, rc, "slipway.lock");
    const struct yaml_node *version = yaml_get(doc->root, "lock"),
                           *data = yaml_get(doc->root, "data"),
                           *stages = yaml_get(doc->root, "stages");
    if (!version || version->kind != YAML_IS_INT || version->integer != 1)
        return ERR(
            err, ERR_INVALID,
            "slipway.lock has another format than this version writes; remove it to start anew");
    size_t data_n = data && data->kind == YAML_IS_MAP ? data->n : 0,
           stage_n = stages && stages->kind == YAML_IS_MAP ? stages->n : 0;
    *out = (struct lockfile){ .data = ARENA_TRY_ARRAY(a, data_n + 1, struct lock_data),
                              .stages = ARENA_TRY_ARRAY(a, stage_n + 1, struct lock_stage) };
    if (!out->data || !out->stages)
        return ERR(err, ERR_LIMIT, "slipway.lock is too large");
    for (size_t i = 0; i < data_n && !rc; i++)
        rc = read_data(a, &data->pairs[i], &out->data[out->data_n++]);
    for (size_t i = 0; i < stage_n; i++)
        read_stage(a, &stages->pairs[i], &out->stages[out->stage_n++]);
    return rc || a->failed ? ERR(err, ERR_LIMIT, "slipway.lock is too large") : 0;
}

const struct lock_stage *lockfile_stage(const struct lockfile *l, const char *name)
{
    for (size_t i = 0; l && i < l->stage_n; i++)
        if (strcmp(l->stages[i].name, name) == 0)
            return &l->stages[i];
    return NULL;
}

const struct lock_data *lockfile_data(const struct lockfile *l, const char *name)
{
    for (size_t i = 0; l && i < l->data_n; i++)
        if (strcmp(l->data[i].name, name) == 0)
            return &l->data[i];
    return NULL;
}

/* ---- comparing ---- */

static const char *value_of(const struct lock_item *items, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(items[i].name, name) == 0)
            return items[i].value;
    return NULL;
}

static int same(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static const char *params_reason(struct arena *a, const struct lock_stage *old,
                                 const struct lock_stage *now)
{
    for (size_t i = 0; i < now->param_n; i++) {
        const char *before = value_of(old->params, old->param_n, now->params[i].name);
        if (!before)
            return arena_printf(a, "%s %s is new", now->params[i].name, now->params[i].value);
        if (!same(before, now->params[i].value))
            return arena_printf(a, "%s %s → %s", now->params[i].name, before, now->params[i].value);
    }
    for (size_t i = 0; i < old->param_n; i++)
        if (!value_of(now->params, now->param_n, old->params[i].name))
            return arena_printf(a, "%s is no longer used", old->params[i].name);
    return NULL;
}

static const char *inputs_reason(struct arena *a, const struct lock_stage *old,
                                 const struct lock_stage *now)
{
    for (size_t i = 0; i < now->input_n; i++) {
        const char *before = value_of(old->inputs, old->input_n, now->inputs[i].name);
        if (!before)
            return arena_printf(a, "input %s is new", now->inputs[i].name);
        if (!same(before, now->inputs[i].value))
            return arena_printf(a, "%s changed", now->inputs[i].name);
    }
    for (size_t i = 0; i < old->input_n; i++)
        if (!value_of(now->inputs, now->input_n, old->inputs[i].name))
            return arena_printf(a, "input %s is no longer read", old->inputs[i].name);
    return NULL;
}

const char *lock_reason(struct arena *a, const struct lock_stage *old, const struct lock_stage *now)
{
    if (!old)
        return "first run";
    const char *why = params_reason(a, old, now);
    if (!why && (!same(old->code, now->code) || !same(old->kind, now->kind)))
        why = "its definition changed";
    if (!why)
        why = inputs_reason(a, old, now);
    if (!why && !same(old->engine, now->engine))
        why = arena_printf(a, "%s → %s", old->engine ? old->engine : "another engine",
                           now->engine ? now->engine : "none");
    return why;
}

static void hash_text(struct sha256 *h, const char *z)
{
    size_t n = strlen(z ? z : "");
    uint64_t length = n;
    sha256_add(h, &length, sizeof length);
    sha256_add(h, z ? z : "", n);
}

static void hash_items(struct sha256 *h, const struct lock_item *items, size_t n)
{
    uint64_t count = n;
    sha256_add(h, &count, sizeof count);
    for (size_t i = 0; i < n; i++) {
        hash_text(h, items[i].name);
        hash_text(h, items[i].value);
    }
}

const char *lock_key(struct arena *a, const struct lock_stage *s)
{
    struct sha256 h;
    char hex[SHA256_HEX];
    sha256_init(&h);
    hash_text(&h, "slipway stage 1");
    hash_text(&h, s->kind);
    hash_text(&h, s->code);
    hash_text(&h, s->engine);
    hash_items(&h, s->inputs, s->input_n);
    hash_items(&h, s->params, s->param_n);
    sha256_hex(&h, hex);
    return arena_printf(a, "%s", hex);
}
