/* SPDX-License-Identifier: Apache-2.0
 * The decision of guard.h. A pure function. */
#include "access/guard.h"

#include <stdio.h>
#include <strings.h>

static int same_text(str_t a, str_t b)
{
    return a.n == b.n && strncasecmp(a.p, b.p, a.n) == 0;
}

int guard_permit_role(enum access_role role, const char *permission, struct err *err)
{
    const struct permission *p = permission_find(permission);
    if (!p || role < p->role)
        return ERR(err, ERR_DENIED, "role %s may not do this: '%s' needs role %s",
                   access_role_name(role), permission, p ? access_role_name(p->role) : "admin");
    return 0;
}

int guard_permit(const struct guard *g, const char *permission, str_t authorization,
                 struct identity *out, struct err *err)
{
    *out = (struct identity){ .role = ACCESS_NONE };
    (void)snprintf(out->actor, sizeof out->actor, "anonymous");
    if (!g->tokens) {
        out->role = ACCESS_ADMIN;
        return 0;
    }
    str_t word = { NULL, 0 }, secret = { NULL, 0 };
    if (str_cut(str_trim(authorization), ' ', &word, &secret) && same_text(word, STR("bearer")))
        out->role = tokens_check(g->tokens, str_trim(secret), out->actor);
    if (strcmp(permission, "public") == 0)
        return 0;
    if (out->role == ACCESS_NONE) {
        out->must_log_in = 1;
        return ERR(err, ERR_DENIED,
                   authorization.n ? "this token is not known here"
                                   : "a token is needed: send 'Authorization: Bearer …'");
    }
    return guard_permit_role(out->role, permission, err);
}
