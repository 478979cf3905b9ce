/* SPDX-License-Identifier: Apache-2.0
 * Who is asking, and may they: a pure function over the Authorization header and a permission. The
 * caller (api/) fetches the header and turns a refusal into its protocol's answer. Host and Origin
 * are net/'s business, before any route is known. Immutable; any thread. */
#pragma once
#include "access/token.h"

struct guard {
    const struct tokens *tokens; /* NULL = no log-in; borrowed */
};

/* Whose request it is. */
struct identity {
    enum access_role role;
    char actor[TOKEN_ACTOR_MAX]; /* "token:…" or "anonymous" */
    int must_log_in;             /* refused because no valid token came: answer 401, not 403 */
};

/* Without a token file everybody is "anonymous" and may all. "public" is open to all. `*out` is
 * filled also on refusal; ERR_DENIED says which role is needed. */
int guard_permit(const struct guard *g, const char *permission, str_t authorization,
                 struct identity *out, struct err *err) WARN_UNUSED;
/* The second half of it: may a role do that. */
int guard_permit_role(enum access_role role, const char *permission, struct err *err) WARN_UNUSED;
