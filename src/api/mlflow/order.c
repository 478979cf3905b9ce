/* SPDX-License-Identifier: Apache-2.0
 * order_by clauses and page tokens. */
#include <math.h>
#include <strings.h>

#include "api/mlflow/filter.h"
#include "base/num.h"

/* ---- order ---- */

static const char *const run_keys[] = { "run_id",   "run_name",   "created",
                                        "Created",  "start_time", "artifact_uri",
                                        "end_time", "status",     "user_id",
                                        NULL };
static const char *const experiment_keys[] = { "name", "experiment_id", "creation_time",
                                               "last_update_time", NULL };
static const char *const version_keys[] = { "name", "version_number", "creation_timestamp",
                                            "last_updated_timestamp", NULL };
static const char *const model_keys[] = { "name", "timestamp", "last_updated_timestamp", NULL };

/* ASC or DESC, which no name can be without quotes. */
static int is_direction(const struct word *w)
{
    return w->kind == WORD_NAME && ((w->text.n == 4 && strncasecmp(w->text.p, "desc", 4) == 0) ||
                                    (w->text.n == 3 && strncasecmp(w->text.p, "asc", 3) == 0));
}

static int not_parsed(struct mlf *m, const char *text)
{
    return mlf_fail(m, MLF_INVALID, "Invalid order_by clause '%s'. Could not be parsed.", text);
}

/* The name and the direction; blanks inside quotes belong to the name. keep: a name without a
 * direction keeps its quotes. */
static int split(struct mlf *m, const char *text, int keep, const char **out_name,
                 int *out_descending)
{
    struct word *w;
    size_t n;
    size_t length = strlen(text);
    int rc = mlf__scan(m, text, &w, &n);
    if (rc)
        return rc;
    *out_descending = 0;
    int blank = length && (strchr(" \t\n", text[0]) || strchr(" \t\n", text[length - 1]));
    int number = n == 2 && w[0].kind == WORD_NUMBER && is_direction(&w[1]);
    if (n == 0 || n > 2 || blank || (w[0].kind != WORD_NAME && !number) || is_direction(&w[0]) ||
        (n == 2 && w[1].kind != WORD_NAME))
        return not_parsed(m, text);
    if (n == 2) {
        int desc = is_direction(&w[1]) && w[1].text.n == 4;
        if (!is_direction(&w[1]))
            return mlf_fail(m, MLF_INVALID, "Invalid ordering key in order_by clause '%s'.", text);
        *out_descending = desc;
    }
    char *name = arena_strndup(m->a, w[0].text.p, w[0].text.n);
    size_t k = 0;
    for (size_t i = 0; name && name[i]; i++) /* the server takes all quotes away */
        if ((keep && n == 1) || !strchr("`\"'", name[i]))
            name[k++] = name[i];
    if (name)
        name[k] = '\0';
    *out_name = name;
    return 0;
}

static const char *set_text(struct mlf *m, const char *const *list)
{
    const char *text = "";
    for (; *list; list++)
        text = arena_printf(m->a, "%s%s'%s'", text, *text ? ", " : "", *list);
    return arena_printf(m->a, "{%s}", text);
}

static int is_in(const char *word, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(word, *list) == 0)
            return 1;
    return 0;
}

static int entity(struct mlf *m, enum mlf_grammar g, str_t name, const char **out)
{
    static const char *const names[][2] = {
        { "metric", "metric" },
        { "metrics", "metric" },
        { "parameter", "parameter" },
        { "parameters", "parameter" },
        { "param", "parameter" },
        { "params", "parameter" },
        { "tag", "tag" },
        { "tags", "tag" },
        { "attribute", "attribute" },
        { "attr", "attribute" },
        { "attributes", "attribute" },
        { "run", "attribute" },
        { "dataset", "dataset" },
        { "datasets", "dataset" },
    };
    int other = g != MLF_G_RUNS;
    *out = NULL;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_is(name, names[i][0]) &&
            (!other || str_is(name, "attribute") || str_is(name, "tag") || str_is(name, "tags")))
            *out = names[i][1];
    if (*out)
        return 0;
    if (other)
        return mlf_fail(m, MLF_INVALID,
                        "Invalid entity type '%.*s'. Valid entity types are ('attribute', 'tag', "
                        "'tags')",
                        STR_ARG(name));
    return mlf_fail(m, MLF_INVALID,
                    "Invalid entity type '%.*s'. Valid values are ['metric', 'parameter', 'tag', "
                    "'attribute', 'dataset']",
                    STR_ARG(name));
}

static int identify(struct mlf *m, enum mlf_grammar g, const char *name, struct mlf_order *o)
{
    const char *const *keys = g == MLF_G_RUNS          ? run_keys
                              : g == MLF_G_EXPERIMENTS ? experiment_keys
                                                       : version_keys;
    str_t text = str_of(name), before, key;
    o->type = "attribute";
    if (g == MLF_G_MODELS) {
        o->key = name;
        return is_in(name, model_keys)
                   ? 0
                   : mlf_fail(m, MLF_INVALID,
                              "Invalid order by key '%s' specified. Valid keys are '{'name', "
                              "'timestamp'}'",
                              name);
    }
    o->key = name;
    if (str_cut(text, '.', &before, &key)) {
        int rc = entity(m, g, before, &o->type);
        if (rc)
            return rc;
        o->key = arena_strndup(m->a, key.p, key.n);
    }
    if (strcmp(o->type, "attribute") == 0 && !is_in(o->key, keys))
        return mlf_fail(m, MLF_INVALID, "Invalid attribute key '%s' specified. Valid keys are '%s'",
                        o->key, set_text(m, keys));
    if (g == MLF_G_RUNS && strcmp(o->type, "dataset") == 0)
        return mlf_fail(m, MLF_INVALID, "Invalid identifier type 'dataset'");
    if (g == MLF_G_VERSIONS && !is_in(o->key, keys))
        return mlf_fail(m, MLF_INVALID, "Invalid order by key '%s' specified. Valid keys are %s",
                        o->key, set_text(m, keys));
    if (g == MLF_G_VERSIONS) /* the server looks at the key only */
        o->type = "attribute";
    if (g != MLF_G_RUNS && strcmp(o->type, "attribute") != 0)
        return mlf_fail(m, MLF_INVALID, "Invalid order_by entity: %s", o->type);
    if (strcmp(o->key, "created") == 0 || strcmp(o->key, "Created") == 0)
        o->key = strcmp(o->type, "attribute") == 0 ? "start_time" : o->key;
    return 0;
}

static const char *list_text(struct mlf *m, const struct json *items, size_t n)
{
    const char *text = "";
    for (size_t i = 0; i < n; i++)
        text =
            arena_printf(m->a, "%s%s%s", text, i ? ", " : "", mlf_py_repr(m->a, items[i].string));
    return arena_printf(m->a, "[%s]", text);
}

int mlf_order_by(struct mlf *m, enum mlf_grammar g, const char *field, struct mlf_order **out,
                 size_t *out_n)
{
    size_t n;
    const struct json *items = mlf_items(m, field, &n);
    struct mlf_order *list = ARENA_TRY_ARRAY(m->a, n + 1, struct mlf_order);
    if (!list)
        return ERR(m->err, ERR_NOMEM, "the request does not fit in memory");
    for (size_t i = 0; i < n; i++) {
        const char *name = NULL;
        int rc = split(m, items[i].string.p, g == MLF_G_MODELS, &name, &list[i].descending);
        if (!rc)
            rc = identify(m, g, name, &list[i]);
        if (rc)
            return rc;
        for (size_t k = 0; k < i; k++)
            if (strcmp(list[k].type, list[i].type) == 0 && strcmp(list[k].key, list[i].key) == 0 &&
                g != MLF_G_EXPERIMENTS)
                return mlf_fail(m, MLF_INVALID, "`order_by` contains duplicate fields: %s",
                                list_text(m, items, n));
    }
    *out = list;
    *out_n = n;
    return 0;
}

int mlf_compare(const struct mlf_value *a, const struct mlf_value *b, int descending)
{
    int x = a->is_null ? 2 : a->is_number && isnan(a->number);
    int y = b->is_null ? 2 : b->is_number && isnan(b->number);
    if (x || y)
        return x - y;
    int c =
        a->is_number ? (a->number > b->number) - (a->number < b->number) : strcmp(a->text, b->text);
    return descending ? -c : c;
}

/* ---- tokens ---- */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

const char *mlf_base64(struct arena *a, str_t bytes)
{
    char *out = arena_try_alloc(a, bytes.n * 4 / 3 + 8, 1);
    size_t k = 0;
    for (size_t i = 0; out && i < bytes.n; i += 3) {
        uint32_t v = (uint32_t)(unsigned char)bytes.p[i] << 16;
        v |= i + 1 < bytes.n ? (uint32_t)(unsigned char)bytes.p[i + 1] << 8 : 0;
        v |= i + 2 < bytes.n ? (uint32_t)(unsigned char)bytes.p[i + 2] : 0;
        out[k++] = digits[v >> 18];
        out[k++] = digits[v >> 12 & 63];
        out[k++] = i + 1 < bytes.n ? digits[v >> 6 & 63] : '=';
        out[k++] = i + 2 < bytes.n ? digits[v & 63] : '=';
    }
    return out;
}

/* Skips what is no base64, as Python does; the rest must come in fours, padding included. */
int mlf_unbase64(struct arena *a, str_t text, str_t *out)
{
    char *to = arena_try_alloc(a, text.n + 4, 1);
    size_t k = 0, bits = 0, sextets = 0, padding = 0;
    uint32_t v = 0;
    for (size_t i = 0; to && i < text.n; i++) {
        const char *at = text.p[i] ? strchr(digits, text.p[i]) : NULL;
        if (text.p[i] == '=' && sextets % 4 >= 2 && ++padding + sextets % 4 == 4)
            break;
        if (!at)
            continue;
        v = v << 6 | (uint32_t)(at - digits);
        sextets++;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            to[k++] = (char)(v >> bits & 0xff);
        }
    }
    *out = (str_t){ to, k };
    return to && (sextets % 4 == 0 || sextets % 4 + padding == 4) ? 0 : -1;
}

int mlf_offset(struct mlf *m, const char *token, int64_t *out)
{
    str_t bytes;
    struct json v;
    *out = 0;
    if (!token || !*token)
        return 0;
    if (mlf_unbase64(m->a, str_of(token), &bytes))
        return mlf_fail(m, MLF_INVALID, "Invalid page token, could not base64-decode");
    if (json_parse(m->a, bytes, NULL, &v, NULL) || v.type != JSON_OBJECT)
        return mlf_fail(m, MLF_INVALID, "Invalid page token, decoded value=b%s",
                        mlf_py_bytes(m->a, bytes));
    const struct json *n = json_get(&v, "offset");
    int64_t offset = 0;
    if (n && n->type == JSON_STRING && n->string.n && parse_i64(str_trim(n->string), &offset))
        return mlf_fail(m, MLF_INVALID, "Invalid page token, not stringable %.*s",
                        STR_ARG(n->string));
    if (!n || n->type != JSON_STRING)
        offset = n && n->type == JSON_BOOL ? n->boolean : json_get_int(&v, "offset", 0);
    if (!offset)
        return mlf_fail(m, MLF_INVALID, "Invalid page token, parsed value=%s",
                        mlf_py_value(m->a, &v));
    *out = MAX(offset, (int64_t)0); /* a negative one reads from the start */
    return 0;
}

const char *mlf_token(struct mlf *m, int64_t offset)
{
    return mlf_base64(m->a, str_of(arena_printf(m->a, "{\"offset\": %lld}", (long long)offset)));
}
