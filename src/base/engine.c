/* SPDX-License-Identifier: Apache-2.0
 * The table of engines and the look-up. */
#include "base/engine.h"

#include <stdlib.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/proc.h"

#ifndef SLIPWAY_PREFIX
#define SLIPWAY_PREFIX "/usr/local"
#endif

static const struct engine_kind kinds[] = {
    { "duckdb", "libduckdb.so", "reading CSV and checking data (slipway run)",
      "scripts/setup-engines" },
};

const struct engine_kind *engine_kinds(size_t *out_n)
{
    *out_n = ARRAY_LEN(kinds);
    return kinds;
}

struct search {
    struct arena *a;
    const struct engine_kind *kind;
    struct buf looked; /* every folder, for the message */
};

/* 1 when root/<name>/<library> exists; fills *out. */
static int look(struct search *s, const char *root, const char *found_in, struct engine *out)
{
    char *dir = fs_join(s->a, root, s->kind->name);
    char *path = fs_join(s->a, dir, s->kind->library);
    buf_printf(&s->looked, "%s%s", s->looked.n ? ", " : "", dir);
    if (!fs_exists(path))
        return 0;
    str_t version;
    const char *text = "unknown";
    if (fs_read(s->a, fs_join(s->a, dir, "version"), 64, &version, NULL) == 0) {
        str_t trimmed = str_trim(version);
        text = arena_strndup(s->a, trimmed.p, trimmed.n);
    }
    *out = (struct engine){ s->kind, path, arena_strdup(s->a, text), found_in };
    return 1;
}

static char *folder_of(struct arena *a, const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? arena_strndup(a, path, (size_t)(slash - path)) : arena_strdup(a, ".");
}

/* $VIRTUAL_ENV/lib/python3.*\/site-packages/slipway_engines. */
static int look_in_python(struct search *s, struct engine *out)
{
    const char *venv = getenv("VIRTUAL_ENV");
    const char **names;
    size_t n;
    if (!venv || !venv[0])
        return 0;
    char *lib = fs_join(s->a, venv, "lib");
    if (fs_list(s->a, lib, &names, &n, NULL) != 0)
        return 0;
    for (size_t i = 0; i < n; i++) {
        if (!str_starts(str_of(names[i]), "python3"))
            continue;
        char *root = arena_printf(s->a, "%s/%s/site-packages/slipway_engines", lib, names[i]);
        if (look(s, root, "the active Python", out))
            return 1;
    }
    return 0;
}

static int look_everywhere(struct search *s, struct engine *out)
{
    const char *set = getenv("SLIPWAY_ENGINES");
    if (set && set[0] && look(s, set, "SLIPWAY_ENGINES", out))
        return 1;
    char *beside = arena_printf(s->a, "%s/../engines", folder_of(s->a, proc_self()));
    /* Test binaries stand deeper in the build folder. */
    char *deeper = arena_printf(s->a, "%s/../../../engines", folder_of(s->a, proc_self()));
    return look(s, beside, "beside the binary", out) || look(s, deeper, "beside the binary", out) ||
           look(s, SLIPWAY_PREFIX "/lib/slipway/engines", SLIPWAY_PREFIX "/lib/slipway", out) ||
           look_in_python(s, out);
}

int engine_find(struct arena *a, const char *name, struct engine *out, struct err *err)
{
    struct search s = { .a = a };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (strcmp(kinds[i].name, name) == 0)
            s.kind = &kinds[i];
    if (!s.kind)
        return ERR(err, ERR_INVALID, "there is no engine '%s'", name);
    buf_init(&s.looked, KIB(16));
    int found = look_everywhere(&s, out);
    int rc =
        found ? 0
              : ERR(err, ERR_UNAVAILABLE,
                    "the engine '%s' is not installed, it is needed for %s; run %s (looked in %s)",
                    name, s.kind->enables, s.kind->remedy, buf_view(&s.looked).p);
    buf_fini(&s.looked);
    return rc;
}
