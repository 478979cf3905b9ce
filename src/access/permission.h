/* SPDX-License-Identifier: Apache-2.0
 * The permission table (permissions.def) and the roles that own its rows. Immutable; any thread. */
#pragma once
#include "base/macros.h"

/* Each role has all permissions of the ones before it. */
enum access_role { ACCESS_NONE, ACCESS_READER, ACCESS_EDITOR, ACCESS_ADMIN };

/* One row of the table. */
struct permission {
    const char *name;      /* "model.read" */
    enum access_role role; /* the least role that has it */
    const char *prose;     /* one sentence */
};

/* All rows, in the order of the reference page. */
const struct permission *permission_table(size_t *out_n);
/* NULL when there is none of that name. */
const struct permission *permission_find(const char *name);
/* 1 for "public" and for every row: what a route may name. */
int permission_is_known(const char *name);
/* "none", "reader", "editor", "admin". */
const char *access_role_name(enum access_role role);
