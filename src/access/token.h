/* SPDX-License-Identifier: Apache-2.0
 * The token file of `--token-file`: one secret a line, optionally followed by a role and a name
 * ("s3cr3t… reader dashboards"); blank lines and lines that start with '#' are ignored. Only
 * digests of the secrets stay in memory. Immutable after loading; any thread may check. */
#pragma once
#include "access/permission.h"
#include "base/err.h"
#include "base/str.h"

enum { TOKEN_BYTES_MIN = 16, TOKEN_BYTES_MAX = 512, TOKENS_MAX = 1000, TOKEN_ACTOR_MAX = 96 };

struct tokens;

/* ERR_INVALID names the line that cannot be used; a file without any token is refused. */
int tokens_load(struct tokens **out, const char *path, struct err *err) WARN_UNUSED;
void tokens_free(struct tokens *t); /* NULL allowed */
size_t tokens_count(const struct tokens *t);

/* The role of a presented secret, ACCESS_NONE when it is not in the file. out_actor gets
 * "token:<name>" or "token:<first 8 hex digits of its SHA-256>". Compares with every entry in
 * constant time, so that the answer's timing tells nothing. */
enum access_role tokens_check(const struct tokens *t, str_t secret,
                              char out_actor[TOKEN_ACTOR_MAX]);
