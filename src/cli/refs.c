/* SPDX-License-Identifier: Apache-2.0
 * Parsing of references; see refs.h for the forms. */
#include "cli/refs.h"

#include "cli/client.h"
#include "cli/output.h"

static const struct {
    const char *prefix;
    enum ref_kind kind;
} prefixes[] = {
    { "models:/", REF_MODEL }, { "runs:/", REF_RUN },         { "model/", REF_MODEL },
    { "run/", REF_RUN },       { "endpoint/", REF_ENDPOINT }, { "data/", REF_DATA },
};

static const char *const kind_names[] = { "a model", "a run", "an endpoint", "a data set",
                                          "a reference" };

/* The part behind the last of ':' '@' (or '/' of models:/x/3). */
static void split_version(struct cli *c, str_t s, int mlflow, struct ref *out)
{
    for (size_t i = s.n; i-- > 0;) {
        if (s.p[i] != '@' && s.p[i] != ':' && !(mlflow && s.p[i] == '/'))
            continue;
        size_t skip = s.p[i] == '@' ? 0 : 1;
        out->version = arena_strndup(&c->arena, s.p + i + skip, s.n - i - skip);
        s.n = i;
        break;
    }
    out->name = arena_strndup(&c->arena, s.p, s.n);
}

static int check(const char *text, const struct ref *r, struct err *err)
{
    static const char *const examples[] = { "diabetes:3, diabetes@champion or models:/diabetes/3",
                                            "run/4f2a or latest", "endpoint/diabetes",
                                            "data/diabetes@9f1c", "" };
    int empty_version = r->version && (!*r->version || strcmp(r->version, "@") == 0);
    if (!r->name || !*r->name || empty_version)
        return ERR(err, ERR_INVALID, "'%s' does not name %s; write %s", text, kind_names[r->kind],
                   examples[r->kind]);
    if (strlen(r->name) > LIMIT_NAME)
        return ERR(err, ERR_INVALID, "name of %zu bytes is longer than %d", strlen(r->name),
                   LIMIT_NAME);
    return 0;
}

int ref_parse(struct cli *c, const char *text, enum ref_kind want, struct ref *out, struct err *err)
{
    struct ref r = { .kind = want };
    str_t rest = str_of(text);
    int mlflow = 0, prefixed = 0;
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
        if (str_starts(rest, prefixes[i].prefix)) {
            size_t n = strlen(prefixes[i].prefix);
            r.kind = prefixes[i].kind;
            mlflow = i == 0;
            prefixed = 1;
            rest.p += n;
            rest.n -= n;
            break;
        }
    if (prefixed && want != REF_PLAIN && r.kind != want)
        return ERR(err, ERR_INVALID, "'%s' is %s; %s is wanted here", text, kind_names[r.kind],
                   kind_names[want]);
    if (r.kind == REF_MODEL || r.kind == REF_PLAIN) {
        split_version(c, rest, mlflow, &r);
    } else if (r.kind == REF_DATA) {
        str_t name = rest, digest;
        if (str_cut(rest, '@', &name, &digest))
            r.version = arena_strndup(&c->arena, digest.p, digest.n);
        r.name = arena_strndup(&c->arena, name.p, name.n);
    } else if (mlflow || r.kind == REF_RUN) {
        r.name = arena_strndup(&c->arena, rest.p, strcspn(rest.p, "/"));
    } else {
        r.name = arena_strndup(&c->arena, rest.p, rest.n);
    }
    int rc = check(text, &r, err);
    if (!rc)
        *out = r;
    return rc;
}

const char *ref_model_text(struct cli *c, const char *name, const char *version)
{
    if (!version)
        return name;
    return arena_printf(&c->arena, *version == '@' ? "%s%s" : "%s:%s", name, version);
}

static int best_run(struct cli *c, const char *metric, const char **out, struct err *err)
{
    const struct json *list;
    const char *order = strcmp(metric, "r2") == 0 ? "DESC" : "ASC";
    const char *by = arena_printf(&c->arena, "metrics.`%s` %s", metric, order);
    int rc = client_get(
        c, arena_printf(&c->arena, "/api/v1/runs?limit=1&order_by=%s", client_escape(c, by)), &list,
        err);
    if (rc)
        return rc;
    const struct json *id = out_path(list, "items.0.run_id");
    if (!id || id->type != JSON_STRING)
        return ERR(err, ERR_NOT_FOUND, "no run has a metric '%s'", metric);
    *out = id->string.p;
    return 0;
}

int ref_run_target(struct cli *c, const struct ref *r, char **out, struct err *err)
{
    const char *id = r->name;
    if (strncmp(id, "best:", 5) == 0) {
        int rc = best_run(c, id + 5, &id, err);
        if (rc)
            return rc;
    } else if (strcmp(id, "latest") != 0) {
        size_t n = strlen(id);
        if (n < 4 || n > 32 || strspn(id, "0123456789abcdefABCDEF") != n)
            return ERR(err, ERR_INVALID,
                       "run '%s': at least four hex digits of the id, or 'latest' or 'best:METRIC'",
                       id);
    }
    *out = arena_printf(&c->arena, "/api/v1/runs/%s", client_escape(c, id));
    return 0;
}
