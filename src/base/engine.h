/* SPDX-License-Identifier: Apache-2.0
 * Where the large engines are (DESIGN decision 9). They are optional at run time;
 * `scripts/setup-engines` brings them. Look-up order: $SLIPWAY_ENGINES, <folder of the
 * binary>/../engines, <prefix>/lib/slipway/engines, slipway_engines/ in the active Python's
 * site-packages ($VIRTUAL_ENV). Nothing is loaded here: `doctor` may call this, only workers load.
 * Any thread. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

struct engine_kind {
    const char *name;    /* "duckdb" */
    const char *library; /* "libduckdb.so" */
    const char *enables; /* one sentence for doctor */
    const char *remedy;  /* what to type when it is absent */
};

struct engine {
    const struct engine_kind *kind;
    char *path;           /* of the library */
    char *version;        /* from the file `version` beside it; "unknown" without one */
    const char *found_in; /* "SLIPWAY_ENGINES", "beside the binary", … */
};

const struct engine_kind *engine_kinds(size_t *out_n);
/* UNAVAILABLE when it is nowhere, with the remedy and every folder that was looked at. */
int engine_find(struct arena *a, const char *name, struct engine *out, struct err *err) WARN_UNUSED;
