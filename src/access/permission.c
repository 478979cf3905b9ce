/* SPDX-License-Identifier: Apache-2.0
 * Look-ups in the permission table. */
#include "access/permission.h"

#include <string.h>

#define PERMISSION(name, role, prose) { name, ACCESS_##role, prose },
static const struct permission table[] = {
#include "access/permissions.def"
};
#undef PERMISSION

const struct permission *permission_table(size_t *out_n)
{
    *out_n = ARRAY_LEN(table);
    return table;
}

const struct permission *permission_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    return NULL;
}

int permission_is_known(const char *name)
{
    return strcmp(name, "public") == 0 || strcmp(name, "signed") == 0 ||
           permission_find(name) != NULL;
}

const char *access_role_name(enum access_role role)
{
    static const char *const names[] = { "none", "reader", "editor", "admin" };
    return names[role];
}
